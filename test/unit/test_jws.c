/*
 * test/unit/test_jws.c: signing and verifying, sizes, keys, and damaged tokens.
 *
 * Depends on unit.h and tokens.h.
 */
#include "unit.h"

#include "tokens.h"

/* RFC 7515 §A.1. */
#define RFC_KEY "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow"
#define RFC_TOKEN "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9"                                                        \
				  ".eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ" \
				  ".dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"

/* The example of RFC 7515, and tokens that Python signed. */
static void
CheckKnown(void)
{
	static const struct
	{
		const char *key;
		const char *token;
	}			known[] = {
		{OCT("HS256", "", K32), "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCIsImtpZCI6ImsxIn0"
		".eyJzdWIiOiIxIn0.8YG6dxOVJpNtlBxWql4uTLPbozzOr-pAe8E5FDiftSI"},
		{OCT("HS384", "", K48), "eyJhbGciOiJIUzM4NCIsInR5cCI6IkpXVCIsImtpZCI6ImsxIn0"
		".eyJzdWIiOiIxIn0.Nm5G8GduLr6z65CgEIsNK9kRuRtH7iQNDxZpx0nsyQTtdZR0okCVYc_js06bM-IF"},
		{OCT("HS512", "", K64), "eyJhbGciOiJIUzUxMiIsInR5cCI6IkpXVCIsImtpZCI6ImsxIn0"
			".eyJzdWIiOiIxIn0.VFiMogO2qvyZTMH1E3iDmzedk5n1uZPyTXyg77tBxCP3uD9rEDZ9QEV7fJmiQaDcqPRF"
		"dZCRSCZc1eoG1PBlgg"},
	};
	JwkSet	   *rfc = Key("{\"kty\":\"oct\",\"alg\":\"HS256\",\"k\":\"" RFC_KEY "\"}");
	JwsParts	parts;
	JwsHeader	header;
	uint8_t		payload[256];
	char		token[512];
	size_t		length;

	CHECK_STATUS(Accept(RFC_TOKEN, strlen(RFC_TOKEN), rfc), STATUS_OK, "RFC 7515 A.1 verifies");
	CHECK_STATUS(JwsSplit(RFC_TOKEN, strlen(RFC_TOKEN), &parts), STATUS_OK, "it splits");
	CHECK_STATUS(JwsReadHeader(&parts, &header), STATUS_OK, "its header is read");
	CHECK(strcmp(header.alg, "HS256") == 0 && strcmp(header.typ, "JWT") == 0 &&
		  header.kid[0] == '\0',
		  "and says what it says");
	CHECK_STATUS(JwsPayload(&parts, payload, sizeof(payload), &length), STATUS_OK, "its payload");
	CHECK(length == 70 && memcmp(payload, "{\"iss\":\"joe\",\r\n \"exp\":1300819380,\r\n"
								 " \"http://example.com/is_root\":true}",
								 70) == 0,
		  "is right");
	CHECK_STATUS(JwsPayload(&parts, payload, 70, &length), STATUS_ARGUMENT,
				 "a buffer below the bound is refused");
	JwkSetFree(rfc);

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
	{
		JwkSet	   *set = Key(known[i].key);
		const Jwk  *key = &set->keys[0];

		CHECK_STATUS(Accept(known[i].token, strlen(known[i].token), set), STATUS_OK,
					 UnitName("%s verifies", key->alg->name));
		memset(token, '#', sizeof(token));
		CHECK_STATUS(JwsSign(key, "JWT", "{\"sub\":\"1\"}", 11, token, sizeof(token), &length),
					 STATUS_OK, UnitName("%s signs", key->alg->name));
		CHECK(length == strlen(known[i].token) && memcmp(token, known[i].token, length) == 0 &&
			  length == JwsSize(key, "JWT", 11) && token[length] == '#',
			  UnitName("%s signs the same token", key->alg->name));
		CHECK_STATUS(JwsSplit(token, length, &parts), STATUS_OK, "it splits");
		CHECK(parts.header_length == key->header_length &&
			  memcmp(parts.token, key->header, key->header_length) == 0,
			  "our header is the prepared one");
		JwkSetFree(set);
	}
}

/* Every flipped bit, every truncation, every added byte. */
static void
CheckDamaged(const JwkSet *set)
{
	char		token[512];
	size_t		length;
	char		longer[513];

	CHECK_STATUS(JwsSign(&set->keys[0], "JWT", "{\"sub\":\"alice\",\"exp\":1}", 24, token,
						 sizeof(token), &length),
				 STATUS_OK, "a token is signed");
	for (size_t bit = 0; bit < length * 8; bit++)
	{
		token[bit / 8] ^= (char) (1 << bit % 8);
		CHECK(Accept(token, length, set) != STATUS_OK, UnitName("flipped bit %zu is refused", bit));
		token[bit / 8] ^= (char) (1 << bit % 8);
	}
	for (size_t i = 0; i < length; i++)
	{
		/* An exact copy, so that reading behind the end is noticed. */
		char	   *cut = malloc(i > 0 ? i : 1);

		memcpy(cut, token, i);
		CHECK(Accept(cut, i, set) != STATUS_OK, UnitName("truncation to %zu is refused", i));
		free(cut);
	}
	for (size_t i = 0; i <= length; i++)
	{
		for (const char *add = "A._=\n "; *add != '\0'; add++)
		{
			memcpy(longer, token, i);
			longer[i] = *add;
			memcpy(longer + i + 1, token + i, length - i);
			CHECK(Accept(longer, length + 1, set) != STATUS_OK,
				  UnitName("'%c' inserted at %zu is refused", *add, i));
		}
	}
	CHECK_STATUS(Accept(token, length, set), STATUS_OK, "the token itself is accepted");

	/* error, another spelling of the same signature bytes: */
	for (const char *last = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
		 *last != '\0'; last++)
	{
		char		right = token[length - 1];

		token[length - 1] = *last;
		CHECK((Accept(token, length, set) == STATUS_OK) == (*last == right),
			  UnitName("a signature that ends in %c", *last));
		token[length - 1] = right;
	}
}

/* Segments and sizes. */
static void
CheckSplit(const JwkSet *set)
{
	static const char *const malformed[] = {
		"",
		".",
		"..",
		"...",
		"a",
		"a.b",
		"a.b.c.d",
		".b.c",
		"a.b.",
		"a.b.c.",
		".a.b.c",
		"a.b..",
		"a...c",
	};
	JwsParts	parts;
	char	   *text = malloc(2 * JWS_MAX_BYTES);
	char	   *token = malloc(2 * JWS_MAX_BYTES);
	size_t		length;

	for (size_t i = 0; i < sizeof(malformed) / sizeof(malformed[0]); i++)
		CHECK_STATUS(JwsSplit(malformed[i], strlen(malformed[i]), &parts), STATUS_TOKEN_FORMAT,
					 UnitName("\"%s\" is no token", malformed[i]));
	CHECK_STATUS(JwsSplit("aa.bbb.c", 8, &parts), STATUS_OK, "three segments are one");
	CHECK(parts.header_length == 2 && parts.payload_length == 3 && parts.signature_length == 1 &&
		  *parts.payload == 'b' && *parts.signature == 'c' && parts.signed_length == 6,
		  "and are found");

	/* error, an unsecured token, with and without the key's name: */
	CHECK_STATUS(Accept("eyJhbGciOiJub25lIn0.e30.", 24, set), STATUS_TOKEN_FORMAT,
				 "no signature is no token");
	CHECK_STATUS(Accept("eyJhbGciOiJIUzI1NiJ9.e30.", 25, set), STATUS_TOKEN_FORMAT,
				 "no signature is no token, whatever alg says");

	/* The longest token, and one byte more. */
	memset(text, 'a', 2 * JWS_MAX_BYTES);
	memcpy(text, "a.b.", 4);
	CHECK_STATUS(JwsSplit(text, JWS_MAX_BYTES, &parts), STATUS_OK, "64 KiB are read");
	CHECK_STATUS(JwsSplit(text, JWS_MAX_BYTES + 1, &parts), STATUS_TOKEN_SIZE, "more is not");

	for (size_t payload = JWS_MAX_BYTES / 4 * 3 - 120; payload < JWS_MAX_BYTES; payload++)
	{
		size_t		size = JwsSize(&set->keys[0], "JWT", payload);
		Status		status = JwsSign(&set->keys[0], "JWT", text, payload, token,
									 2 * JWS_MAX_BYTES, &length);

		if (size > JWS_MAX_BYTES)
		{
			CHECK_STATUS(status, STATUS_TOKEN_SIZE, "what could not be read is not signed");
			break;
		}
		CHECK(status == STATUS_OK && length == size && Accept(token, length, set) == STATUS_OK,
			  "what is signed is read");
	}
	CHECK_STATUS(JwsSign(&set->keys[0], "JWT", text, 2 * JWS_MAX_BYTES, token, 2 * JWS_MAX_BYTES,
						 &length),
				 STATUS_TOKEN_SIZE, "nor is a huge payload");
	free(text);
	free(token);
}

/* Signatures that are no HMAC of the key. */
static void
CheckSignatures(const JwkSet *set)
{
	JwkSet	   *other = Key("{\"kty\":\"oct\",\"alg\":\"HS256\",\"kid\":\"k1\",\"k\":\"" RFC_KEY "\"}");
	JwkSet	   *hs512 = Key(OCT("HS512", "", K64));
	char		token[512];
	size_t		length;
	JwsParts	parts;

	CHECK_STATUS(JwsSign(&other->keys[0], "JWT", "{}", 2, token, sizeof(token), &length),
				 STATUS_OK, "another key signs");
	CHECK_STATUS(Accept(token, length, set), STATUS_TOKEN_SIGNATURE, "its token is refused");

	/* The header says HS256, the key is one for HS512, and the reverse. */
	length = Forge(&hs512->keys[0], "{\"alg\":\"HS512\"}", 15, "{}", token);
	CHECK_STATUS(Accept(token, length, hs512), STATUS_OK, "HS512 verifies");
	CHECK_STATUS(Accept(token, length, set), STATUS_TOKEN_ALG, "but not with a key for HS256");
	CHECK_STATUS(JwsSplit(token, length, &parts), STATUS_OK, "it splits");
	CHECK_STATUS(JwsVerify(&parts, "HS256", &set->keys[0]), STATUS_TOKEN_SIGNATURE,
				 "nor is a signature of another length compared");

	/* error, lengths and characters of the signature: */
	CHECK_STATUS(Accept("eyJhbGciOiJIUzI1NiJ9.e30.A", 26, set), STATUS_TOKEN_SIGNATURE,
				 "one character");
	CHECK_STATUS(Accept("eyJhbGciOiJIUzI1NiJ9.e30.AAAA", 29, set), STATUS_TOKEN_SIGNATURE,
				 "three bytes");
	CHECK_STATUS(Accept("eyJhbGciOiJIUzI1NiJ9.e30." K32, 68, set), STATUS_TOKEN_SIGNATURE,
				 "32 wrong bytes");
	CHECK_STATUS(Accept("eyJhbGciOiJIUzI1NiJ9.e30.+AECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8", 68,
						set),
				 STATUS_TOKEN_FORMAT, "base64 instead of base64url");
	CHECK_STATUS(Accept("eyJhbGciOiJIUzI1NiJ9.e30.AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh9", 68,
						set),
				 STATUS_TOKEN_FORMAT, "bits of nothing");
	JwkSetFree(other);
	JwkSetFree(hs512);
}

/* What a key may do by its use, state and key_ops; and the rest of signing. */
static void
CheckUses(const JwkSet *set)
{
	static const struct
	{
		const char *name;
		const char *key;
		Status		verify;
		Status		sign;
	}			uses[] = {
		{"current", OCT("HS256", ",\"state\":\"current\"", K32), STATUS_OK, STATUS_OK},
		{"standby", OCT("HS256", ",\"state\":\"standby\"", K32), STATUS_OK, STATUS_KEY_USE},
		{"previous", OCT("HS256", ",\"state\":\"previous\"", K32), STATUS_OK, STATUS_KEY_USE},
		{"retired", OCT("HS256", ",\"state\":\"retired\"", K32), STATUS_KEY_USE, STATUS_KEY_USE},
		{"verify only", OCT("HS256", ",\"key_ops\":[\"verify\"]", K32), STATUS_OK, STATUS_KEY_USE},
		{"sign only", OCT("HS256", ",\"key_ops\":[\"sign\"]", K32), STATUS_KEY_USE, STATUS_OK},
		{"sealing key", OCT("A256GCM", "", K32), STATUS_KEY_USE, STATUS_KEY_USE},
		{"derivation key", OCT("HKDF-SHA256", "", K32), STATUS_KEY_USE, STATUS_KEY_USE},
	};
	const Jwk  *key = &set->keys[0];
	char		token[512];
	char		out[512];
	size_t		length;
	size_t		out_length;
	JwsParts	parts;
	JwsHeader	header;

	CHECK_STATUS(JwsSign(key, "JWT", "{}", 2, token, sizeof(token), &length), STATUS_OK, "signed");
	CHECK_STATUS(JwsSplit(token, length, &parts), STATUS_OK, "split");
	for (size_t i = 0; i < sizeof(uses) / sizeof(uses[0]); i++)
	{
		JwkSet	   *used = Key(uses[i].key);

		CHECK_STATUS(JwsVerify(&parts, "HS256", &used->keys[0]), uses[i].verify, uses[i].name);
		CHECK_STATUS(JwsVerify(&parts, used->keys[0].alg->name, &used->keys[0]), uses[i].verify,
					 uses[i].name);
		CHECK_STATUS(JwsSign(&used->keys[0], "JWT", "{}", 2, out, sizeof(out), &out_length),
					 uses[i].sign, uses[i].name);
		CHECK((out_length > 0) == (uses[i].sign == STATUS_OK), uses[i].name);
		JwkSetFree(used);
	}

	/* Another typ, which makes its header on the way. */
	CHECK_STATUS(JwsSign(key, "mfa+\"jwt\\", "{}", 2, out, sizeof(out), &out_length), STATUS_OK,
				 "another typ");
	CHECK(out_length == JwsSize(key, "mfa+\"jwt\\", 2), "has the size that was said");
	CHECK_STATUS(Accept(out, out_length, set), STATUS_OK, "and verifies");
	CHECK_STATUS(JwsSplit(out, out_length, &parts), STATUS_OK, "splits");
	CHECK_STATUS(JwsReadHeader(&parts, &header), STATUS_OK, "and has a header");
	CHECK(strcmp(header.typ, "mfa+\"jwt\\") == 0 && strcmp(header.kid, "k1") == 0,
		  "that says so");

	/* error, arguments: */
	CHECK_STATUS(JwsSign(key, "", "{}", 2, out, sizeof(out), &out_length), STATUS_ARGUMENT,
				 "an empty typ");
	CHECK_STATUS(JwsSign(key, "a\nb", "{}", 2, out, sizeof(out), &out_length), STATUS_ARGUMENT,
				 "a typ with a newline");
	CHECK_STATUS(JwsSign(key, "01234567890123456789012345678901", "{}", 2, out, sizeof(out),
						 &out_length),
				 STATUS_ARGUMENT, "a typ of 32 bytes");
	CHECK_STATUS(JwsSign(key, "JWT", "", 0, out, sizeof(out), &out_length), STATUS_ARGUMENT,
				 "an empty payload");
	CHECK_STATUS(JwsSign(key, "JWT", "{}", 2, out, length - 1, &out_length), STATUS_ARGUMENT,
				 "a buffer that is too small");
	CHECK_STATUS(JwsSign(key, "JWT", "{}", 2, out, length, &out_length), STATUS_OK,
				 "one that is just right");
}

/* The longest header that we write: 64 quotes as kid, 31 as typ. */
static void
CheckLongestHeader(void)
{
#define QUOTES_8 "\\\"\\\"\\\"\\\"\\\"\\\"\\\"\\\""
#define QUOTES_32 QUOTES_8 QUOTES_8 QUOTES_8 QUOTES_8
	JwkSet	   *set = Key(OCT_KEY("\"alg\":\"HS256\"", QUOTES_32 QUOTES_32, "current"));
	char		typ[32] = {0};
	char		token[1024];
	size_t		length;

	memset(typ, '"', sizeof(typ) - 1);
	CHECK_STATUS(JwsSign(&set->keys[0], typ, "{}", 2, token, sizeof(token), &length),
				 STATUS_OK, "the longest header");
	CHECK_STATUS(Accept(token, length, set), STATUS_OK, "is read again");
	JwkSetFree(set);
}

int
main(void)
{
	JwkSet	   *set = Key(OCT("HS256", "", K32));

	CheckKnown();
	CheckDamaged(set);
	CheckSplit(set);
	CheckSignatures(set);
	CheckUses(set);
	CheckLongestHeader();
	JwkSetFree(set);
	return UnitEnd();
}
