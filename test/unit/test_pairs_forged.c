/*
 * test/unit/test_pairs_forged.c: signatures that a sloppy verifier accepts.
 *
 * Depends on unit.h, pairs.h and core/jws.
 */
#include "unit.h"

#include <openssl/err.h>

#include "core/jws.h"
#include "pairs.h"

#define RSA_KEY(members) "{\"kty\":\"RSA\"" members "}"
#define EC_KEY_OF(members) "{\"kty\":\"EC\"" members "}"
#define OKP_KEY_OF(members) "{\"kty\":\"OKP\"" members "}"

/* Tokens of other algorithms and encodings, and a cube. */
static void
CheckForged(void)
{
	static const struct
	{
		const char *name;
		const char *key;
		const char *token;
		Status		expected;
	}			forged[] = {
		{"a cube for e = 3", RSA_KEY(MEMBER("n", RSA_N) MEMBER("e", "Aw")), CUBE_RS256,
		STATUS_TOKEN_SIGNATURE},
		{"RS256 as PS256", RSA_KEY(",\"alg\":\"PS256\"" RSA_PUBLIC), RSA_RS256, STATUS_TOKEN_ALG},
		{"PS384 as RS256", RSA_KEY(RSA_PUBLIC), RSA_PS384, STATUS_TOKEN_ALG},
		{"ES512 as ES256", EC_KEY_OF(P256_PUBLIC), P521_ES512, STATUS_TOKEN_ALG},
		{"EdDSA as RS256", RSA_KEY(RSA_PUBLIC), ED25519_EDDSA, STATUS_TOKEN_ALG},
		{"HS256 as ES256", EC_KEY_OF(P256_PUBLIC), "eyJhbGciOiJIUzI1NiJ9.e30." K32,
		STATUS_TOKEN_ALG},
		{"ES256 in DER", EC_KEY_OF(P256_PUBLIC),
			"eyJhbGciOiJFUzI1NiJ9.e30."
			"MEUCIA7RIVN5Y2xBPC9_FVgH1AKjsigDOvl8fheBmsMWnqZlAiEAxQoH04w8OXY8S2vCEpUgKZlkMXyk1Caj"
		"z9_ioOjVNU", STATUS_TOKEN_SIGNATURE},
	};

	for (size_t i = 0; i < sizeof(forged) / sizeof(forged[0]); i++)
	{
		JwkSet	   *set;
		JwsParts	parts;
		JwsHeader	header;

		if (!CHECK_STATUS(JwkSetParse(forged[i].key, strlen(forged[i].key), JWKSET_VERIFIERS, &set),
						  STATUS_OK, forged[i].name))
			continue;
		CHECK_STATUS(JwsSplit(forged[i].token, strlen(forged[i].token), &parts), STATUS_OK,
					 forged[i].name);
		CHECK_STATUS(JwsReadHeader(&parts, &header), STATUS_OK, forged[i].name);
		CHECK_STATUS(JwsVerify(&parts, header.alg, &set->keys[0]), forged[i].expected,
					 forged[i].name);

		/* Nor does it verify when the caller says what the key wants to hear. */
		CHECK(JwsVerify(&parts, set->keys[0].alg->name, &set->keys[0]) == STATUS_TOKEN_SIGNATURE,
			  forged[i].name);
		JwkSetFree(set);
	}
}

/* Signatures of zeros, and halves of them; the order itself; what is above it. */
static void
CheckPsychic(void)
{
	static const struct
	{
		const char *name;
		const char *key;
		size_t		bytes;
	}			keys[] = {
		{"ES256", EC_KEY_OF(P256_PUBLIC), 64},
		{"ES512", EC_KEY_OF(P521_PUBLIC), 132},
		{"EdDSA, Ed25519", OKP_KEY_OF(ED25519_PUBLIC), 64},
		{"EdDSA, Ed448", OKP_KEY_OF(ED448_PUBLIC), 114},
		{"RS256", RSA_KEY(RSA_PUBLIC), 256},
		{"PS256", RSA_KEY(",\"alg\":\"PS256\"" RSA_PUBLIC), 256},
	};
	uint8_t		signature[256];

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
	{
		size_t		bytes = keys[i].bytes;
		JwkSet	   *set;
		PubKey	   *key;

		if (!CHECK_STATUS(JwkSetParse(keys[i].key, strlen(keys[i].key), JWKSET_VERIFIERS, &set),
						  STATUS_OK, keys[i].name))
			continue;
		key = set->keys[0].pubkey;
		CHECK(PubKeySignatureBytes(key) == bytes, keys[i].name);
		for (int fill = 0; fill <= 0xff; fill += 0xff)
		{
			for (int half = 0; half < 4; half++)
			{
				memset(signature, fill, sizeof(signature));
				if (half & 1)
					signature[bytes / 2 - 1] = 1;
				if (half & 2)
					signature[bytes - 1] = 1;
				CHECK_STATUS(PubKeyVerify(key, "e30.e30", 7, signature, bytes),
							 STATUS_TOKEN_SIGNATURE, UnitName("%s of %02x", keys[i].name, fill));
				CHECK(ERR_peek_error() == 0, "no error is left in OpenSSL's queue");
			}
		}
		CHECK_STATUS(PubKeyVerify(key, "", 0, signature, 0), STATUS_TOKEN_SIGNATURE, "no signature");
		CHECK_STATUS(PubKeySign(key, "", 0, signature, sizeof(signature)), STATUS_KEY_USE,
					 "a public key signs nothing");
		JwkSetFree(set);
	}
}

/* RFC 8032 §5.1.7: a signature of Ed25519 whose S is larger by the order. */
static void
CheckMalleable(void)
{
	static const char text[] = OKP_KEY_OF(ED25519_PUBLIC MEMBER("d", ED25519_D));
	uint8_t		order[32];
	uint8_t		signature[64];
	unsigned int carry = 0;
	JwkSet	   *set;
	PubKey	   *key;

	if (!CHECK_STATUS(JwkSetParse(text, sizeof(text) - 1, 0, &set), STATUS_OK, "a key pair"))
		return;
	key = set->keys[0].pubkey;
	UnitHex("edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010", order, sizeof(order));
	CHECK_STATUS(PubKeySign(key, "text", 4, signature, sizeof(signature)), STATUS_OK, "signed");
	CHECK_STATUS(PubKeyVerify(key, "text", 4, signature, 64), STATUS_OK, "verified");
	for (size_t i = 0; i < sizeof(order); i++)
	{
		carry += (unsigned int) signature[32 + i] + order[i];
		signature[32 + i] = (uint8_t) carry;
		carry >>= 8;
	}
	CHECK(carry == 0, "S + L has 32 bytes");
	CHECK_STATUS(PubKeyVerify(key, "text", 4, signature, 64), STATUS_TOKEN_SIGNATURE, "refused");
	JwkSetFree(set);
}

int
main(void)
{
	CheckForged();
	CheckPsychic();
	CheckMalleable();
	return UnitEnd();
}
