/*
 * test/unit/test_jwsheader.c: headers, in tokens that are rightly signed.
 *
 * Depends on unit.h and tokens.h.
 */
#include "unit.h"

#include "tokens.h"

static const struct
{
	const char *name;
	Status		expected;
	const char *header;
}			headers[] = {
	{"a plain header", STATUS_OK, "{\"alg\":\"HS256\"}"},
	{"an escaped one", STATUS_OK, "{\"\\u0061lg\":\"HS\\u003256\",\"kid\":\"k1\"}"},
	{"ignored members", STATUS_OK,
		"{\"alg\":\"HS256\",\"jku\":\"https://example.com\",\"jwk\":{\"kty\":\"oct\",\"k\":\"AAAA\"},"
	"\"x5c\":[\"a\",\"b\"],\"x5u\":\"u\",\"cty\":\"x\"}"},
	{"typ and kid at their longest", STATUS_TOKEN_KID,
	"{\"alg\":\"HS256\",\"typ\":\"0123456789012345678901234567890\",\"kid\":\"" K48 "\"}"},

	/* error, none in every spelling, and what else is no algorithm: */
	{"alg none", STATUS_TOKEN_ALG, "{\"alg\":\"none\"}"},
	{"alg None", STATUS_TOKEN_ALG, "{\"alg\":\"None\"}"},
	{"alg NONE", STATUS_TOKEN_ALG, "{\"alg\":\"NONE\"}"},
	{"alg nOnE", STATUS_TOKEN_ALG, "{\"alg\":\"nOnE\"}"},
	{"alg escaped none", STATUS_TOKEN_ALG, "{\"alg\":\"\\u006e\\u006fne\"}"},
	{"alg none with a space", STATUS_TOKEN_ALG, "{\"alg\":\" none\"}"},
	{"alg empty", STATUS_TOKEN_ALG, "{\"alg\":\"\"}"},
	{"alg null", STATUS_TOKEN_ALG, "{\"alg\":null}"},
	{"alg false", STATUS_TOKEN_ALG, "{\"alg\":false}"},
	{"alg 0", STATUS_TOKEN_ALG, "{\"alg\":0}"},
	{"alg an array", STATUS_TOKEN_ALG, "{\"alg\":[\"HS256\"]}"},
	{"alg an object", STATUS_TOKEN_ALG, "{\"alg\":{\"HS256\":1}}"},
	{"alg hs256", STATUS_TOKEN_ALG, "{\"alg\":\"hs256\"}"},
	{"alg with a space behind", STATUS_TOKEN_ALG, "{\"alg\":\"HS256 \"}"},
	{"alg too long", STATUS_TOKEN_ALG, "{\"alg\":\"HS256HS256HS256HS256HS256\"}"},
	{"alg of sealing", STATUS_TOKEN_ALG, "{\"alg\":\"A256GCM\"}"},
	{"alg of deriving", STATUS_TOKEN_ALG, "{\"alg\":\"HKDF-SHA256\"}"},
	{"alg of another key", STATUS_TOKEN_ALG, "{\"alg\":\"HS512\"}"},
	{"alg RS256", STATUS_TOKEN_ALG, "{\"alg\":\"RS256\"}"},
	{"no alg", STATUS_TOKEN_HEADER, "{\"typ\":\"JWT\"}"},
	{"alg nested", STATUS_TOKEN_HEADER, "{\"a\":{\"alg\":\"HS256\"}}"},

	/* error, extensions: */
	{"crit", STATUS_TOKEN_CRIT, "{\"alg\":\"HS256\",\"crit\":[\"exp\"],\"exp\":1}"},
	{"crit empty", STATUS_TOKEN_CRIT, "{\"alg\":\"HS256\",\"crit\":[]}"},
	{"crit null", STATUS_TOKEN_CRIT, "{\"alg\":\"HS256\",\"crit\":null}"},
	{"crit escaped", STATUS_TOKEN_CRIT, "{\"alg\":\"HS256\",\"cr\\u0069t\":[\"b64\"]}"},
	{"crit with alg none", STATUS_TOKEN_CRIT, "{\"crit\":[\"alg\"],\"alg\":\"none\"}"},
	{"b64 false", STATUS_TOKEN_CRIT, "{\"alg\":\"HS256\",\"b64\":false}"},
	{"b64 true", STATUS_TOKEN_CRIT, "{\"alg\":\"HS256\",\"b64\":true}"},
	{"zip", STATUS_TOKEN_HEADER, "{\"alg\":\"HS256\",\"zip\":\"DEF\"}"},
	{"enc", STATUS_TOKEN_HEADER, "{\"alg\":\"HS256\",\"enc\":\"A256GCM\"}"},

	/* error, two members of one name: */
	{"alg twice", STATUS_TOKEN_HEADER, "{\"alg\":\"HS256\",\"alg\":\"HS256\"}"},
	{"alg twice, escaped", STATUS_TOKEN_HEADER, "{\"alg\":\"none\",\"\\u0061lg\":\"HS256\"}"},
	{"kid twice", STATUS_TOKEN_HEADER, "{\"alg\":\"HS256\",\"kid\":\"a\",\"kid\":\"k1\"}"},
	{"an ignored member twice", STATUS_TOKEN_HEADER, "{\"alg\":\"HS256\",\"x\":1,\"x\":1}"},

	/* error, typ and kid: */
	{"typ a number", STATUS_TOKEN_HEADER, "{\"alg\":\"HS256\",\"typ\":1}"},
	{"typ of 32 bytes", STATUS_TOKEN_HEADER,
	"{\"alg\":\"HS256\",\"typ\":\"01234567890123456789012345678901\"}"},
	{"kid null", STATUS_TOKEN_HEADER, "{\"alg\":\"HS256\",\"kid\":null}"},
	{"kid of 65 bytes", STATUS_TOKEN_HEADER, "{\"alg\":\"HS256\",\"kid\":\"" K48 "x\"}"},
	{"kid unknown", STATUS_TOKEN_KID, "{\"alg\":\"HS256\",\"kid\":\"K1\"}"},
	{"kid a path", STATUS_TOKEN_KID, "{\"alg\":\"HS256\",\"kid\":\"../../dev/null\"}"},
	{"kid with a quote", STATUS_TOKEN_KID, "{\"alg\":\"HS256\",\"kid\":\"k1' or '1'='1\"}"},
	{"kid with a NUL", STATUS_TOKEN_HEADER, "{\"alg\":\"HS256\",\"kid\":\"k1\\u0000x\"}"},

	/* error, no JSON object: */
	{"no JSON", STATUS_TOKEN_HEADER, "HS256"},
	{"a JSON array", STATUS_TOKEN_HEADER, "[\"alg\",\"HS256\"]"},
	{"a JSON string", STATUS_TOKEN_HEADER, "\"alg\""},
	{"something behind the object", STATUS_TOKEN_HEADER, "{\"alg\":\"HS256\"}{}"},
	{"invalid UTF-8", STATUS_TOKEN_HEADER, "{\"alg\":\"HS256\",\"x\":\"\xc3(\"}"},
	{"half an object", STATUS_TOKEN_HEADER, "{\"alg\":\"HS256\""},
	{"depth", STATUS_TOKEN_HEADER,
	"{\"alg\":\"HS256\",\"x\":[[[[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]]]]}"},
};

/* Headers: each token is rightly signed, so that the header alone decides. */
static void
CheckHeaders(const JwkSet *set)
{
	char		token[8192];
	char		header[1100];
	size_t		length;
	JwsHeader	read;
	JwsParts	parts;

	for (size_t i = 0; i < sizeof(headers) / sizeof(headers[0]); i++)
	{
		length = Forge(&set->keys[0], headers[i].header, strlen(headers[i].header), "{}", token);
		CHECK_STATUS(Accept(token, length, set), headers[i].expected, headers[i].name);
	}

	/* A raw NUL, which a string in C would hide. */
	length = Forge(&set->keys[0], "{\"alg\":\"HS256\0\"}", 16, "{}", token);
	CHECK_STATUS(Accept(token, length, set), STATUS_TOKEN_HEADER, "a raw NUL in alg");

	/* At the limit of 1024 bytes, and above. */
	memset(header, ' ', sizeof(header));
	memcpy(header, "{\"alg\":\"HS256\"}", 15);
	length = Forge(&set->keys[0], header, JWS_MAX_HEADER_BYTES, "{}", token);
	CHECK_STATUS(Accept(token, length, set), STATUS_OK, "a header of 1024 bytes");
	length = Forge(&set->keys[0], header, JWS_MAX_HEADER_BYTES + 1, "{}", token);
	CHECK_STATUS(Accept(token, length, set), STATUS_TOKEN_SIZE, "a header of 1025 bytes");
	memset(header, '0', JWS_MAX_HEADER_BYTES);
	for (size_t i = 1; i < JWS_MAX_HEADER_BYTES; i += 2)
		header[i] = ',';
	header[0] = '[';
	header[JWS_MAX_HEADER_BYTES - 1] = ']';
	length = Forge(&set->keys[0], header, JWS_MAX_HEADER_BYTES, "{}", token);
	CHECK_STATUS(Accept(token, length, set), STATUS_TOKEN_HEADER, "a header of 512 values");

	/* The reader of headers itself knows signatures alone. */
	length = Forge(&set->keys[0], "{\"alg\":\"A256GCM\"}", 17, "{}", token);
	CHECK_STATUS(JwsSplit(token, length, &parts), STATUS_OK, "it splits");
	CHECK_STATUS(JwsReadHeader(&parts, &read), STATUS_TOKEN_ALG, "A256GCM signs nothing");

	/* What is refused leaves nothing to use. */
	length = Forge(&set->keys[0], "{\"kid\":\"k1\",\"alg\":\"HS256\",\"typ\":1}", 34, "{}", token);
	CHECK_STATUS(JwsSplit(token, length, &parts), STATUS_OK, "it splits");
	CHECK_STATUS(JwsReadHeader(&parts, &read), STATUS_TOKEN_HEADER, "it is refused");
	CHECK(read.alg[0] == '\0' && read.kid[0] == '\0', "the header is empty then");
}

int
main(void)
{
	JwkSet	   *set = Key(OCT("HS256", "", K32));

	CheckHeaders(set);
	JwkSetFree(set);
	return UnitEnd();
}
