/*
 * test/unit/test_wycheproof.c: Wycheproof's signatures, by keys that JwkSetParse() reads.
 *
 * Depends on vectors.h and core/jwk.  The messages are not the signing input of
 * a JWS, so PubKeyVerify() sees them; test_wycheproof_jws.c has whole tokens.
 */
#include "vectors.h"

#include <openssl/err.h>

#include "core/jws.h"

/*
 * What is decided otherwise than the file says, all of it refused.
 *
 * RSA signatures that are "acceptable" lack the NULL in the DigestInfo: RFC 8017
 * §9.2 lets a verifier accept them, and OpenSSL, which compares the whole
 * encoding, does not (MissingNull).  Files of PSS with another salt or mask are
 * correct signatures of other algorithms: RFC 7518 §3.5 knows one.
 */
static const struct
{
	const char *name;
	unsigned long count;
	int			other;			/* every signature is of another algorithm */
}			files[] = {
	{"ecdsa_secp256r1_sha256_p1363", 262, 0},
	{"ecdsa_secp384r1_sha384_p1363", 280, 0},
	{"ecdsa_secp521r1_sha512_p1363", 318, 0},
	{"ed25519", 149, 0},
	{"ed448", 86, 0},
	{"rsa_signature_2048_sha256", 259, 0},
	{"rsa_signature_2048_sha384", 258, 0},
	{"rsa_signature_2048_sha512", 259, 0},
	{"rsa_signature_3072_sha256", 259, 0},
	{"rsa_signature_3072_sha384", 259, 0},
	{"rsa_signature_3072_sha512", 260, 0},
	{"rsa_signature_4096_sha256", 258, 0},
	{"rsa_signature_4096_sha384", 259, 0},
	{"rsa_signature_4096_sha512", 259, 0},
	{"rsa_pss_2048_sha256_mgf1_32", 99, 0},
	{"rsa_pss_3072_sha256_mgf1_32", 108, 0},
	{"rsa_pss_4096_sha256_mgf1_32", 108, 0},
	{"rsa_pss_2048_sha384_mgf1_48", 141, 0},
	{"rsa_pss_4096_sha384_mgf1_48", 141, 0},
	{"rsa_pss_4096_sha512_mgf1_64", 179, 0},
	{"rsa_pss_2048_sha256_mgf1_0", 103, 1},
	{"rsa_pss_2048_sha256_mgf1sha1_20", 102, 1},
};

/* Run a file. */
static void
CheckFile(const char *name, unsigned long count, int other)
{
	static Vectors vectors;
	JwkSet	   *set = NULL;
	char	   *read_key = strdup("");
	unsigned long accepted = 0;

	VectorsOpen(&vectors, name);
	while (VectorsNext(&vectors, count))
	{
		int			valid = VectorIsValid(&vectors);
		uint8_t    *message;
		size_t		message_length;
		JwsParts	parts;
		Status		status;

		/* What is no signature of the other algorithm may be one of ours. */
		if (other && !valid)
			continue;
		if (strcmp(read_key, vectors.key) != 0)
		{
			JwkSetFree(set);
			free(read_key);
			read_key = strdup(vectors.key);
			if (!CHECK_STATUS(JwkSetParse(read_key, strlen(read_key), JWKSET_VERIFIERS, &set),
							  STATUS_OK, UnitName("%s: a key is read", name)))
				break;
		}
		message = VectorBytes(&vectors, 3, &message_length);
		memset(&parts, 0, sizeof(parts));
		parts.token = (const char *) message;
		parts.signed_length = message_length;
		parts.signature = vectors.columns[4];
		parts.signature_length = strcmp(parts.signature, "-") != 0 ? strlen(parts.signature) : 0;
		status = JwsVerify(&parts, set->keys[0].alg->name, &set->keys[0]);
		CHECK_STATUS(status, valid && !other ? STATUS_OK : STATUS_TOKEN_SIGNATURE,
					 VectorName(&vectors));
		CHECK(ERR_peek_error() == 0, "OpenSSL's queue of errors is empty");
		accepted += status == STATUS_OK;
		free(message);
	}
	CHECK((accepted > 0) != other, UnitName("%s: some are accepted, or none", name));
	JwkSetFree(set);
	free(read_key);
}

int
main(void)
{
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
		CheckFile(files[i].name, files[i].count, files[i].other);
	return UnitEnd();
}
