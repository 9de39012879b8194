/*
 * test/unit/test_pairs.c: key pairs of every algorithm, from generation to verification.
 *
 * Depends on unit.h, core/jws and core/mem.
 */
#include "unit.h"

#include <openssl/err.h>

#include "core/base64url.h"
#include "core/jws.h"
#include "core/mem.h"

static const struct
{
	const char *alg;
	KeyType		type;
	size_t		signature_bytes;
	int			members;		/* of the public key */
}			algorithms[] = {
	{"RS256", KEY_RSA, 384, 2},
	{"RS384", KEY_RSA, 384, 2},
	{"RS512", KEY_RSA, 384, 2},
	{"PS256", KEY_RSA, 384, 2},
	{"PS384", KEY_RSA, 384, 2},
	{"PS512", KEY_RSA, 384, 2},
	{"ES256", KEY_EC, 64, 2},
	{"ES384", KEY_EC, 96, 2},
	{"ES512", KEY_EC, 132, 2},
	{"EdDSA", KEY_OKP, 64, 1},
};

#define ALGORITHMS (sizeof(algorithms) / sizeof(algorithms[0]))

static const char payload[] = "{\"sub\":\"alice\"}";

/* Verify a token with a key. */
static Status
Verify(const char *token, size_t length, const Jwk *key)
{
	JwsParts	parts;
	JwsHeader	header;
	Status		status = JwsSplit(token, length, &parts);

	if (status == STATUS_OK)
		status = JwsReadHeader(&parts, &header);
	if (status == STATUS_OK)
		status = JwsVerify(&parts, header.alg, key);
	CHECK(ERR_peek_error() == 0, "OpenSSL's queue of errors is empty");
	return status;
}

/* Write a set in a view and read it again. */
static JwkSet *
Again(const JwkSet *set, JwkSetView view, int flags)
{
	JwkSet	   *again = NULL;
	char	   *text;
	size_t		length;

	if (!CHECK_STATUS(JwkSetWrite(set, view, &text, &length), STATUS_OK, "the set is written"))
		return NULL;
	CHECK(strlen(text) == length, "as one text");
	CHECK_STATUS(JwkSetParse(text, length, flags, &again), STATUS_OK, "and read");
	SecureFree(text, length);
	return again;
}

/* Damage a token in every byte, and cut and lengthen its signature. */
static void
CheckDamaged(const char *token, size_t length, const Jwk *key)
{
	char		copy[2048];
	size_t		step = key->alg->type == KEY_OKP ? 1 : 7;

	memcpy(copy, token, length);
	for (size_t i = 0; i < length; i += step)
	{
		copy[i] = copy[i] == 'A' ? 'B' : 'A';
		CHECK(Verify(copy, length, key) != STATUS_OK,
			  UnitName("%s with byte %zu changed is refused", key->alg->name, i));
		copy[i] = token[i];
	}
	memcpy(copy + length, "AAAA", 4);
	CHECK(Verify(copy, length + 4, key) == STATUS_TOKEN_SIGNATURE, "a longer signature");
	CHECK(Verify(copy, length - 4, key) == STATUS_TOKEN_SIGNATURE, "a shorter one");
}

/* A key of each algorithm signs, and what is written of it verifies. */
static void
CheckLife(void)
{
	JwkSet	   *set;
	JwkSet	   *ring;
	JwkSet	   *public;
	const Jwk  *added;
	char		tokens[ALGORITHMS][2048];
	size_t		lengths[ALGORITHMS];

	if (!CHECK_STATUS(JwkSetNew(&set), STATUS_OK, "a set is made"))
		return;
	CHECK_STATUS(JwkSetAddGenerated(set, KeyAlgorithmFind("A256GCM", 7), KEY_CURRENT, 1, &added),
				 STATUS_OK, "seal");
	CHECK_STATUS(JwkSetAddGenerated(set, KeyAlgorithmFind("HKDF-SHA256", 11), KEY_CURRENT, 1,
									&added),
				 STATUS_OK, "derive");
	for (size_t i = 0; i < ALGORITHMS; i++)
	{
		const char *name = algorithms[i].alg;
		const KeyAlgorithm *alg = KeyAlgorithmFind(name, strlen(name));
		size_t		size;

		if (!CHECK(alg != NULL && alg->type == algorithms[i].type && alg->use == KEY_SIGN,
				   UnitName("%s is known", name)) ||
			!CHECK_STATUS(JwkSetAddGenerated(set, alg, KEY_CURRENT, 1, &added), STATUS_OK,
						  UnitName("%s is generated", name)))
			continue;
		CHECK(added->is_private && added->can_verify && added->pubkey != NULL &&
			  strlen(added->thumbprint) == JWK_THUMBPRINT_CHARS && added->secret == NULL,
			  "whole");
		CHECK(JwkSetCurrent(set, KEY_SIGN) == added, "it is the current one");
		size = JwsSize(added, "JWT", strlen(payload));
		CHECK_STATUS(JwsSign(added, "JWT", payload, strlen(payload), tokens[i], size - 1,
							 &lengths[i]),
					 STATUS_ARGUMENT, "a byte less is too small");
		memset(tokens[i], '#', sizeof(tokens[i]));
		CHECK_STATUS(JwsSign(added, "JWT", payload, strlen(payload), tokens[i], size, &lengths[i]),
					 STATUS_OK, UnitName("%s signs", name));
		CHECK(lengths[i] == size && tokens[i][size] == '#' &&
			  PubKeySignatureBytes(added->pubkey) == algorithms[i].signature_bytes,
			  "as long as it said");
		CHECK_STATUS(Verify(tokens[i], lengths[i], added), STATUS_OK,
					 UnitName("%s verifies", name));
		CHECK_STATUS(Verify(tokens[i], lengths[i], added), STATUS_OK, "and once more");
		CheckDamaged(tokens[i], lengths[i], added);
		CHECK_STATUS(Verify(tokens[i], lengths[i], added), STATUS_OK,
					 "and after all the refusals");
	}

	ring = Again(set, JWKSET_ALL, JWKSET_RING);
	public = Again(set, JWKSET_PUBLIC, JWKSET_VERIFIERS);
	if (ring == NULL || public == NULL)
		return;
	CHECK(ring->count == ALGORITHMS + 2 && public->count == ALGORITHMS,
		  "the ring has all keys, the public set those of signatures");
	for (size_t i = 0; i < ALGORITHMS; i++)
	{
		const Jwk  *key = &ring->keys[i + 2];
		const Jwk  *verifier = &public->keys[i];
		char		token[2048];
		size_t		length;

		CHECK(key->is_private && !verifier->is_private &&
			  strcmp(key->thumbprint, set->keys[i + 2].thumbprint) == 0 &&
			  strcmp(verifier->thumbprint, key->thumbprint) == 0,
			  "a key and its public part have one thumbprint");
		CHECK_STATUS(Verify(tokens[i], lengths[i], key), STATUS_OK, "the ring verifies");
		CHECK_STATUS(Verify(tokens[i], lengths[i], verifier), STATUS_OK, "so does the public key");
		CHECK_STATUS(JwsSign(verifier, "JWT", payload, strlen(payload), token, sizeof(token),
							 &length),
					 STATUS_KEY_USE, "which does not sign");
		((Jwk *) key)->state = KEY_CURRENT;
		CHECK_STATUS(JwsSign(key, "JWT", payload, strlen(payload), token, sizeof(token), &length),
					 STATUS_OK, "the private one does");
		CHECK_STATUS(Verify(token, length, verifier), STATUS_OK, "rightly");

		/* No key verifies the tokens of another, whatever its algorithm. */
		for (size_t j = 0; j < ALGORITHMS; j++)
		{
			if (j != i)
				CHECK_STATUS(Verify(tokens[j], lengths[j], verifier), STATUS_TOKEN_ALG,
							 UnitName("%s is not %s", algorithms[j].alg, algorithms[i].alg));
		}
	}
	JwkSetFree(set);
	JwkSetFree(ring);
	JwkSetFree(public);
}

int
main(void)
{
	CheckLife();
	return UnitEnd();
}
