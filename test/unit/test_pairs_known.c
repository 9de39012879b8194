/*
 * test/unit/test_pairs_known.c: published signatures and thumbprints.
 *
 * Depends on unit.h, pairs.h, core/jws and core/base64url.
 */
#include "unit.h"

#include "core/base64url.h"
#include "core/jws.h"
#include "pairs.h"

static const struct
{
	const char *name;
	const char *alg;			/* of the key that names none */
	int			repeatable;		/* the same signature comes out each time */
	const char *key;
	const char *token;
	const char *thumbprint;		/* NULL: none is published */
}			known[] = {

	{"RFC 7515 A.2", "RS256", 1,
	"{\"kty\":\"RSA\"" MEMBER("n", JOE_N) MEMBER("e", "AQAB") "}", JOE_RS256, NULL},
	{"RFC 7515 A.3", "ES256", 0,
	"{\"kty\":\"EC\"" P256_PUBLIC MEMBER("d", P256_D) "}", P256_ES256, NULL},
	{"RFC 7520 4.1", "RS256", 1,
	"{\"kty\":\"RSA\"" RSA_PRIVATE MEMBER("kid", HOBBIT_KID) "}", RSA_RS256, NULL},
	{"RFC 7520 4.2", "PS384", 0,
		"{\"kty\":\"RSA\",\"alg\":\"PS384\"" RSA_PRIVATE MEMBER("kid", HOBBIT_KID) "}",
	RSA_PS384, NULL},
	{"RFC 7520 4.3", "ES512", 0,
		"{\"kty\":\"EC\"" P521_PUBLIC MEMBER("d", P521_D) MEMBER("kid", HOBBIT_KID) "}",
	P521_ES512, NULL},
	{"RFC 8037 A.4", "EdDSA", 1,
		"{\"kty\":\"OKP\"" ED25519_PUBLIC MEMBER("d", ED25519_D) "}", ED25519_EDDSA,
	"kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"},
	{"RFC 7638 3.1", "RS256", 0,
		"{\"kty\":\"RSA\"" MEMBER("n", THUMB_N) MEMBER("e", "AQAB") "}", NULL,
	"NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"},
	/* computed with Python's hashlib and json: */
	{"RFC 7515 A.3, public", "ES256", 0, "{\"kty\":\"EC\"" P256_PUBLIC "}", P256_ES256,
	"oKIywvGUpTVTyxMQ3bwIIeQUudfr_CkLMjCE19ECD-U"},
};

/* Sign what the token signs, and compare. */
static void
CheckSigns(const Jwk *key, const JwsParts *parts, int repeatable, const char *name)
{
	uint8_t		signature[PUBKEY_SIGNATURE_MAX];
	char		text[BASE64URL_LENGTH(PUBKEY_SIGNATURE_MAX)];
	JwsParts	ours = *parts;

	if (!CHECK_STATUS(PubKeySign(key->pubkey, parts->token, parts->signed_length,
								 signature, sizeof(signature)),
					  STATUS_OK, UnitName("%s: signed again", name)))
		return;
	ours.signature = text;
	ours.signature_length = Base64UrlEncode(signature, PubKeySignatureBytes(key->pubkey), text);
	CHECK(ours.signature_length == parts->signature_length &&
		  (memcmp(text, parts->signature, ours.signature_length) == 0) == repeatable,
		  UnitName("%s: the same signature, or another", name));
	CHECK_STATUS(JwsVerify(&ours, key->alg->name, key), STATUS_OK, "which verifies");
	CHECK_STATUS(PubKeySign(key->pubkey, "", 0, signature, PubKeySignatureBytes(key->pubkey) - 1),
				 STATUS_ARGUMENT, "a buffer that is too small");
	CHECK_STATUS(PubKeySign(key->pubkey, "", 0, signature, sizeof(signature)), STATUS_OK,
				 "nothing is signed");
	CHECK_STATUS(PubKeyVerify(key->pubkey, "", 0, signature, PubKeySignatureBytes(key->pubkey)),
				 STATUS_OK, "and verifies");
}

int
main(void)
{
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
	{
		const char *name = known[i].name;
		JwkSet	   *set;
		const Jwk  *key;
		JwsParts	parts;
		JwsHeader	header;

		if (!CHECK_STATUS(JwkSetParse(known[i].key, strlen(known[i].key), 0, &set), STATUS_OK,
						  UnitName("%s: the key is read", name)))
			continue;
		key = &set->keys[0];
		CHECK(strcmp(key->alg->name, known[i].alg) == 0, UnitName("%s: its algorithm", name));
		CHECK(known[i].thumbprint == NULL || strcmp(key->thumbprint, known[i].thumbprint) == 0,
			  UnitName("%s: its thumbprint", name));
		if (known[i].token != NULL)
		{
			CHECK_STATUS(JwsSplit(known[i].token, strlen(known[i].token), &parts), STATUS_OK, name);
			CHECK_STATUS(JwsReadHeader(&parts, &header), STATUS_OK, name);
			CHECK_STATUS(JwsVerify(&parts, header.alg, key), STATUS_OK,
						 UnitName("%s: the token verifies", name));
			if (key->is_private)
				CheckSigns(key, &parts, known[i].repeatable, name);
		}
		JwkSetFree(set);
	}
	return UnitEnd();
}
