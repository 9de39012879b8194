/*
 * test/unit/test_wycheproof_jws.c: Wycheproof's tokens and key sets.
 *
 * Depends on vectors.h and core/jws.
 */
#include "vectors.h"

#include <openssl/err.h>

#include "core/jws.h"

/* What is decided otherwise than the file says. */
static const struct
{
	const char *name;
	const char *id;
	Status		expected;
}			decisions[] = {

	/*
	 * The signatures of RFC 7520 §4.2 and §4.3 come with keys whose alg is
	 * another (PS256 for a token of PS384) or none at all (ES521): the
	 * algorithm is the key's (RFC 8725 §3.1).  test_pairs_known.c has them with
	 * the right keys.
	 */
	{"json_web_signature", "346", STATUS_TOKEN_ALG},
	{"json_web_signature", "347", STATUS_KEY_ALG},
	{"json_web_signature", "350", STATUS_TOKEN_ALG},
	{"json_web_signature", "351", STATUS_KEY_ALG},

	/* "Invalid padding", but there is none in it: byte for byte the valid 357. */
	{"json_web_signature", "367", STATUS_OK},

	/* A "?" in header or payload, called valid: base64url has no such letter. */
	{"json_web_signature", "372", STATUS_TOKEN_FORMAT},
	{"json_web_signature", "373", STATUS_TOKEN_SIGNATURE},

	/*
	 * A set with a secret and a public key is what a rotation from HS256 to
	 * ES256 leaves; since no key serves two algorithms, nothing is mistaken.
	 */
	{"json_web_key", "1", STATUS_OK},
	{"json_web_crypto", "47", STATUS_OK},
};

/* Put back the bytes that are written as %XX. */
static size_t
Unescape(char *text)
{
	char	   *out = text;

	for (char *in = text; *in != '\0'; in++)
	{
		unsigned int byte;

		if (*in == '%' && sscanf(in + 1, "%2x", &byte) == 1)
		{
			*out++ = (char) byte;
			in += 2;
		}
		else
			*out++ = *in;
	}
	return (size_t) (out - text);
}

/* What a reader of tokens does with one. */
static Status
Accept(const JwkSet *set, const char *token, size_t length)
{
	const Jwk  *key = &set->keys[0];
	uint8_t		payload[JWS_MAX_BYTES];
	size_t		payload_length;
	JwsParts	parts;
	JwsHeader	header;
	Status		status;

	status = JwsSplit(token, length, &parts);
	if (status == STATUS_OK)
		status = JwsReadHeader(&parts, &header);
	if (status == STATUS_OK && header.kid[0] != '\0')
		key = JwkSetFind(set, header.kid, strlen(header.kid));
	if (status == STATUS_OK && key == NULL)
		status = STATUS_TOKEN_KID;
	if (status == STATUS_OK)
		status = JwsVerify(&parts, header.alg, key);
	if (status == STATUS_OK)
		status = JwsPayload(&parts, payload, sizeof(payload), &payload_length);
	return status;
}

/* Run a file. */
static void
CheckFile(const char *name, unsigned long count)
{
	static Vectors vectors;
	unsigned long accepted = 0;

	VectorsOpen(&vectors, name);
	while (VectorsNext(&vectors, count))
	{
		Status		expected = VectorIsValid(&vectors) ? STATUS_OK : STATUS_COUNT;
		size_t		length = Unescape(vectors.columns[3]);
		char	   *token = malloc(length);
		JwkSet	   *set;
		Status		status;

		memcpy(token, vectors.columns[3], length);
		for (size_t i = 0; i < sizeof(decisions) / sizeof(decisions[0]); i++)
		{
			if (strcmp(decisions[i].name, name) == 0 &&
				strcmp(decisions[i].id, vectors.columns[0]) == 0)
				expected = decisions[i].expected;
		}
		status = JwkSetParse(vectors.key, strlen(vectors.key), JWKSET_VERIFIERS, &set);
		if (status == STATUS_OK)
			status = Accept(set, token, length);
		if (expected == STATUS_COUNT)
			CHECK(status != STATUS_OK, VectorName(&vectors));
		else
			CHECK_STATUS(status, expected, VectorName(&vectors));
		CHECK(ERR_peek_error() == 0, "OpenSSL's queue of errors is empty");
		accepted += status == STATUS_OK;
		JwkSetFree(set);
		free(token);
	}
	CHECK(accepted > 0, UnitName("%s: some are accepted", name));
}

int
main(void)
{
	CheckFile("json_web_signature", 399);
	CheckFile("json_web_key", 26);
	CheckFile("json_web_crypto", 5);
	return UnitEnd();
}
