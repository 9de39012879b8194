/*
 * test/unit/test_jwk.c: reading keys and sets, and refusing them.
 *
 * Depends on unit.h, keys.h, core/jwk and core/base64url.
 */
#include "unit.h"

#include "core/base64url.h"
#include "core/jwk.h"
#include "keys.h"

#define NO_OPS OCT_KEY("\"alg\":\"HKDF-SHA256\"", "d", "current")
#define FOUR_STATES      \
	SIGN("a", "standby") \
	"," SIGN("b", "current") "," SIGN("c", "previous") "," SIGN("f", "retired")

static const struct
{
	const char *name;
	int			flags;
	Status		expected;
	const char *text;
}			parses[] = {
	{"a ring", JWKSET_RING, STATUS_OK, RING},
	{"a ring with keys in every state", JWKSET_RING, STATUS_OK,
	SET(FOUR_STATES "," SEAL("g", "retired") OTHERS)},
	{"unknown members", JWKSET_RING, STATUS_OK,
		"{\"x\":[1,{\"keys\":2}],\"keys\":[{\"note\":{\"a\":[]},\"kty\":\"oct\",\"use\":\"sig\","
	"\"alg\":\"HS256\",\"kid\":\"s\",\"state\":\"current\",\"k\":\"" K32 "\"}" OTHERS "]}"},
	{"escaped members", JWKSET_RING, STATUS_OK,
		RING_OF("{\"\\u006bty\":\"o\\u0063t\",\"use\":\"\\u0073ig\",\"alg\":\"HS\\u003256\","
				"\"kid\":\"\\u0073\",\"state\":\"current\",\"k\":\"" K30 "\\u0048h8\"}")},
	{"a ring without since", JWKSET_RING, STATUS_OK,
		RING_OF("{\"kty\":\"oct\",\"use\":\"sig\",\"alg\":\"HS256\",\"kid\":\"s\","
				"\"state\":\"current\",\"k\":\"" K32 "\"}")},
	{"key_ops that allow all", JWKSET_RING, STATUS_OK,
		RING_OF("{\"kty\":\"oct\",\"use\":\"sig\",\"key_ops\":[\"verify\",\"x\",\"sign\"],"
				"\"alg\":\"HS256\",\"kid\":\"s\",\"state\":\"current\",\"k\":\"" K32 "\"}")},
	{"a bare key", 0, STATUS_OK, "{\"kty\":\"oct\",\"alg\":\"HS256\",\"k\":\"" K32 "\"}"},
	{"a foreign set without kid and state", 0, STATUS_OK,
		SET("{\"kty\":\"oct\",\"alg\":\"HS256\",\"k\":\"" K32 "\"},"
			"{\"kty\":\"oct\",\"alg\":\"HS512\",\"k\":\"" K64 "\"}")},
	{"since is nothing to a foreign set", 0, STATUS_OK,
	"{\"kty\":\"oct\",\"alg\":\"HS256\",\"since\":\"1999\",\"k\":\"" K32 "\"}"},

	/* error, no set: */
	{"empty text", JWKSET_RING, STATUS_JSON_SYNTAX, ""},
	{"half a ring", JWKSET_RING, STATUS_JSON_SYNTAX, "{\"keys\":[{\"kty\":\"oct\""},
	{"an array", JWKSET_RING, STATUS_KEY_FORMAT, "[]"},
	{"a string", 0, STATUS_KEY_FORMAT, "\"keys\""},
	{"an empty object", 0, STATUS_KEY_FORMAT, "{}"},
	{"keys that are no array", JWKSET_RING, STATUS_KEY_FORMAT, "{\"keys\":{\"kty\":\"oct\"}}"},
	{"keys and kty", 0, STATUS_KEY_FORMAT, "{\"keys\":[],\"kty\":\"oct\"}"},
	{"a key that is no object", 0, STATUS_KEY_FORMAT, "{\"keys\":[\"" K32 "\"]}"},
	{"a bare key as a ring", JWKSET_RING, STATUS_KEY_FORMAT, SIGN("s", "current")},
	{"no key in a ring", JWKSET_RING, STATUS_KEY_NONE, SET("")},
	{"no key in a set", 0, STATUS_KEY_NONE, SET("")},

	/* error, two members of one name: */
	{"keys twice", JWKSET_RING, STATUS_JSON_DUPLICATE, "{\"keys\":[],\"keys\":[]}"},
	{"k twice", 0, STATUS_JSON_DUPLICATE,
	"{\"kty\":\"oct\",\"alg\":\"HS256\",\"k\":\"" K32 "\",\"\\u006b\":\"" K32 "\"}"},

	/* error, kty and alg: */
	{"no kty", 0, STATUS_KEY_FORMAT, "{\"alg\":\"HS256\",\"k\":\"" K32 "\"}"},
	{"kty in capitals", 0, STATUS_KEY_TYPE,
	"{\"kty\":\"OCT\",\"alg\":\"HS256\",\"k\":\"" K32 "\"}"},
	{"no alg", 0, STATUS_KEY_ALG, "{\"kty\":\"oct\",\"k\":\"" K32 "\"}"},
	{"alg none", 0, STATUS_KEY_ALG, "{\"kty\":\"oct\",\"alg\":\"none\",\"k\":\"" K32 "\"}"},
	{"alg in small letters", 0, STATUS_KEY_ALG,
	"{\"kty\":\"oct\",\"alg\":\"hs256\",\"k\":\"" K32 "\"}"},
	{"alg that is longer", 0, STATUS_KEY_ALG,
	"{\"kty\":\"oct\",\"alg\":\"HS2566666666666666666666666666666666\",\"k\":\"" K32 "\"}"},
	{"alg that is no string", 0, STATUS_KEY_FORMAT,
	"{\"kty\":\"oct\",\"alg\":[\"HS256\"],\"k\":\"" K32 "\"}"},
	{"alg of another kty", 0, STATUS_KEY_ALG,
	"{\"kty\":\"RSA\",\"alg\":\"HS256\",\"k\":\"" K32 "\"}"},
	{"RS256 on an oct key", 0, STATUS_KEY_ALG,
	"{\"kty\":\"oct\",\"alg\":\"RS256\",\"k\":\"" K32 "\"}"},
	{"ES256 on an OKP key", 0, STATUS_KEY_ALG,
	"{\"kty\":\"OKP\",\"alg\":\"ES256\",\"crv\":\"P-256\",\"x\":\"" K32 "\"}"},
	{"EdDSA on an EC key", 0, STATUS_KEY_ALG,
	"{\"kty\":\"EC\",\"alg\":\"EdDSA\",\"crv\":\"Ed25519\",\"x\":\"" K32 "\"}"},

	/* error, kid: */
	{"no kid in a ring", JWKSET_RING, STATUS_KEY_FORMAT,
		RING_OF("{\"kty\":\"oct\",\"use\":\"sig\",\"alg\":\"HS256\",\"state\":\"current\","
				"\"k\":\"" K32 "\"}")},
	{"an empty kid", JWKSET_RING, STATUS_KEY_FORMAT, RING_OF(SIGN("", "current"))},
	{"a kid of 64 bytes", JWKSET_RING, STATUS_OK, RING_OF(SIGN(K48, "current"))},
	{"a kid of 65 bytes", JWKSET_RING, STATUS_KEY_FORMAT,
	RING_OF(SIGN(K48 "x", "current"))},
	{"a kid that is not ASCII", 0, STATUS_KEY_FORMAT, SIGN("schl\xc3\xbcssel", "current")},
	{"a kid with a newline", 0, STATUS_KEY_FORMAT, SIGN("a\\nb", "current")},
	{"a kid with DEL", 0, STATUS_KEY_FORMAT, SIGN("a\x7f", "current")},
	{"a kid that is a number", 0, STATUS_KEY_FORMAT,
	"{\"kty\":\"oct\",\"alg\":\"HS256\",\"kid\":1,\"k\":\"" K32 "\"}"},
	{"two keys of one kid", JWKSET_RING, STATUS_KEY_DUPLICATE,
	RING_OF(SIGN("e", "current"))},
	{"two keys of one kid, once escaped", 0, STATUS_KEY_DUPLICATE,
	SET(SIGN("a", "current") "," SIGN("\\u0061", "previous"))},

	/* error, use and key_ops: */
	{"no use in a ring", JWKSET_RING, STATUS_KEY_FORMAT,
		RING_OF("{\"kty\":\"oct\",\"alg\":\"HS256\",\"kid\":\"s\",\"state\":\"current\","
				"\"k\":\"" K32 "\"}")},
	{"use enc on HS256", 0, STATUS_KEY_USE,
	"{\"kty\":\"oct\",\"use\":\"enc\",\"alg\":\"HS256\",\"k\":\"" K32 "\"}"},
	{"use sig on A256GCM", 0, STATUS_KEY_USE,
	"{\"kty\":\"oct\",\"use\":\"sig\",\"alg\":\"A256GCM\",\"k\":\"" K32 "\"}"},
	{"use on HKDF", 0, STATUS_KEY_USE,
	"{\"kty\":\"oct\",\"use\":\"sig\",\"alg\":\"HKDF-SHA256\",\"k\":\"" K32 "\"}"},
	{"use that is no string", 0, STATUS_KEY_FORMAT,
	"{\"kty\":\"oct\",\"use\":[\"sig\"],\"alg\":\"HS256\",\"k\":\"" K32 "\"}"},
	{"key_ops that is no array", 0, STATUS_KEY_FORMAT,
	"{\"kty\":\"oct\",\"key_ops\":\"sign\",\"alg\":\"HS256\",\"k\":\"" K32 "\"}"},
	{"key_ops with a number", 0, STATUS_KEY_FORMAT,
	"{\"kty\":\"oct\",\"key_ops\":[\"sign\",1],\"alg\":\"HS256\",\"k\":\"" K32 "\"}"},
	{"key_ops of another use", 0, STATUS_KEY_USE,
	"{\"kty\":\"oct\",\"key_ops\":[\"encrypt\"],\"alg\":\"HS256\",\"k\":\"" K32 "\"}"},
	{"key_ops without any", 0, STATUS_KEY_USE,
	"{\"kty\":\"oct\",\"key_ops\":[],\"alg\":\"HS256\",\"k\":\"" K32 "\"}"},
	{"a derivation key in a ring without key_ops", JWKSET_RING, STATUS_KEY_FORMAT,
	SET(SIGN("s", "current") "," SEAL("e", "current") "," NO_OPS)},
	{"half a key in a ring", JWKSET_RING, STATUS_KEY_USE,
		RING_OF("{\"kty\":\"oct\",\"use\":\"sig\",\"key_ops\":[\"sign\"],\"alg\":\"HS256\","
				"\"kid\":\"s\",\"state\":\"current\",\"k\":\"" K32 "\"}")},

	/* error, state and since: */
	{"no state in a ring", JWKSET_RING, STATUS_KEY_STATE,
	RING_OF("{\"kty\":\"oct\",\"use\":\"sig\",\"alg\":\"HS256\",\"kid\":\"s\",\"k\":\"" K32 "\"}")},
	{"unknown state", JWKSET_RING, STATUS_KEY_STATE, RING_OF(SIGN("s", "active"))},
	{"state in capitals", 0, STATUS_KEY_STATE, SIGN("s", "Current")},
	{"state that is no string", 0, STATUS_KEY_STATE,
	"{\"kty\":\"oct\",\"alg\":\"HS256\",\"state\":1,\"k\":\"" K32 "\"}"},
	{"no current signing key", JWKSET_RING, STATUS_KEY_STATE, RING_OF(SIGN("s", "previous"))},
	{"two current signing keys", JWKSET_RING, STATUS_KEY_STATE,
	RING_OF(SIGN("s", "current") "," SIGN("t", "current"))},
	{"no signing key", JWKSET_RING, STATUS_KEY_NONE,
	SET(SEAL("e", "current") "," DERIVE("d", "current"))},
	{"no sealing key", JWKSET_RING, STATUS_KEY_NONE,
	SET(SIGN("s", "current") "," DERIVE("d", "current"))},
	{"no derivation key", JWKSET_RING, STATUS_KEY_NONE,
	SET(SIGN("s", "current") "," SEAL("e", "current"))},
	{"since is a string", JWKSET_RING, STATUS_KEY_FORMAT,
		RING_OF("{\"kty\":\"oct\",\"use\":\"sig\",\"alg\":\"HS256\",\"kid\":\"s\","
				"\"state\":\"current\",\"since\":\"1700000000\",\"k\":\"" K32 "\"}")},
	{"since is negative", JWKSET_RING, STATUS_KEY_FORMAT,
		RING_OF("{\"kty\":\"oct\",\"use\":\"sig\",\"alg\":\"HS256\",\"kid\":\"s\","
				"\"state\":\"current\",\"since\":-1,\"k\":\"" K32 "\"}")},

	/* error, k: */
	{"no k", 0, STATUS_KEY_FORMAT, "{\"kty\":\"oct\",\"alg\":\"HS256\"}"},
	{"k that is a number", 0, STATUS_KEY_FORMAT, "{\"kty\":\"oct\",\"alg\":\"HS256\",\"k\":1}"},
	{"k with padding", 0, STATUS_KEY_FORMAT,
	"{\"kty\":\"oct\",\"alg\":\"HS256\",\"k\":\"" K32 "=\"}"},
	{"k in base64", 0, STATUS_KEY_FORMAT,
	"{\"kty\":\"oct\",\"alg\":\"HS256\",\"k\":\"" K30 "++/8\"}"},
	{"k with bits of nothing", 0, STATUS_KEY_FORMAT,
	"{\"kty\":\"oct\",\"alg\":\"HS256\",\"k\":\"" K30 "Hh9\"}"},
};

/* Every row of the table above; what is refused leaves no set. */
static void
CheckParses(void)
{
	for (size_t i = 0; i < sizeof(parses) / sizeof(parses[0]); i++)
	{
		size_t		length = strlen(parses[i].text);
		char	   *text = malloc(length + 1);
		JwkSet	   *set = (JwkSet *) &set;

		/* Without the NUL, so that reading behind the text is noticed. */
		memcpy(text, parses[i].text, length);
		text = realloc(text, length > 0 ? length : 1);
		CHECK_STATUS(JwkSetParse(text, length, parses[i].flags, &set), parses[i].expected,
					 parses[i].name);
		CHECK((set != NULL) == (parses[i].expected == STATUS_OK), parses[i].name);
		JwkSetFree(set);
		free(text);
	}
}

/* The length that each algorithm demands, read and added. */
static void
CheckWeak(void)
{
	static const struct
	{
		const char *alg;
		size_t		min;
		size_t		max;
	}			rules[] = {
		{"HS256", 32, 512},
		{"HS384", 48, 512},
		{"HS512", 64, 512},
		{"A256GCM", 32, 32},
		{"HKDF-SHA256", 32, 512},
	};
	uint8_t		secret[514];
	char		text[1024];

	for (size_t i = 0; i < sizeof(secret); i++)
		secret[i] = (uint8_t) i;
	for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++)
	{
		const KeyAlgorithm *alg = KeyAlgorithmFind(rules[i].alg, strlen(rules[i].alg));

		if (!CHECK(alg != NULL, UnitName("%s is known", rules[i].alg)))
			continue;
		for (size_t length = 0; length <= sizeof(secret); length++)
		{
			Status		expected = length < rules[i].min ? STATUS_KEY_WEAK
			: length > rules[i].max ? STATUS_KEY_FORMAT
			: STATUS_OK;
			int			start = snprintf(text, sizeof(text),
										 "{\"kty\":\"oct\",\"alg\":\"%s\",\"k\":\"", rules[i].alg);
			size_t		end = (size_t) start + Base64UrlEncode(secret, length, text + start);
			JwkSet	   *set;
			const Jwk  *added;

			memcpy(text + end, "\"}", 2);
			CHECK_STATUS(JwkSetParse(text, end + 2, 0, &set), expected,
						 UnitName("%s with %zu bytes", rules[i].alg, length));
			if (set != NULL)
				CHECK(set->keys[0].secret_length == length &&
					  memcmp(set->keys[0].secret, secret, length) == 0,
					  "the secret is read");
			JwkSetFree(set);

			if (!CHECK_STATUS(JwkSetNew(&set), STATUS_OK, "a set is made"))
				continue;
			CHECK_STATUS(JwkSetAddSecret(set, alg, KEY_CURRENT, secret, length, 1, &added),
						 expected, UnitName("%s with %zu bytes added", rules[i].alg, length));
			CHECK(set->count == (expected == STATUS_OK) && (added != NULL) == (set->count == 1),
				  "only a good key is added");
			JwkSetFree(set);
		}
	}
	CHECK(KeyAlgorithmFind("HS2567", 5) != NULL && KeyAlgorithmFind("HS256", 4) == NULL &&
		  KeyAlgorithmFind("none", 4) == NULL && KeyAlgorithmFind("", 0) == NULL,
		  "an algorithm is named exactly");
}

/* What a read key holds. */
static void
CheckKey(void)
{
	static const struct
	{
		const char *text;
		const char *thumbprint;
		const char *header;
	}			known[] = {
		/* Thumbprints and headers computed with Python's hashlib, base64 and json. */
		{"{\"kty\":\"oct\",\"alg\":\"HS256\",\"kid\":\"k1\",\"k\":\"" K32 "\"}",
			"WqjPPRvAP8oYbAqCwMErhzTg-Quaz-vLx_cef07yhOs",
		"eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCIsImtpZCI6ImsxIn0"},
		{"{\"kty\":\"oct\",\"alg\":\"HS384\",\"kid\":\"k1\",\"k\":\"" K48 "\"}",
			"HeT5V2LCp6E2-0VI3-gT8sbre9L0I-DoroxqST1ZilU",
		"eyJhbGciOiJIUzM4NCIsInR5cCI6IkpXVCIsImtpZCI6ImsxIn0"},
		{"{\"kty\":\"oct\",\"alg\":\"HS512\",\"kid\":\"k1\",\"k\":\"" K64 "\"}",
			"C78xEqPp1b_LswE8KyDQ_0WikUVN-jmDtHmYDwUNRpw",
		"eyJhbGciOiJIUzUxMiIsInR5cCI6IkpXVCIsImtpZCI6ImsxIn0"},
	};
	JwkSet	   *set;

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
	{
		const Jwk  *jwk;

		if (!CHECK_STATUS(JwkSetParse(known[i].text, strlen(known[i].text), 0, &set), STATUS_OK,
						  "a known key is read"))
			continue;
		jwk = &set->keys[0];
		CHECK(strcmp(jwk->thumbprint, known[i].thumbprint) == 0, "its thumbprint is RFC 7638's");
		CHECK(jwk->header_length == strlen(known[i].header) &&
			  memcmp(jwk->header, known[i].header, jwk->header_length) == 0,
			  "its header is ready");
		CHECK(jwk->state == KEY_CURRENT && jwk->since == 0 && jwk->is_private &&
			  jwk->can_verify && jwk->hmac != NULL,
			  "it signs and verifies");
		JwkSetFree(set);
	}
}

/* Limits of size. */
static void
CheckLimits(void)
{
	size_t		size = JWKSET_MAX_BYTES + 1;
	char	   *text = malloc(size);
	JwkSet	   *set;

	memset(text, ' ', size);
	memcpy(text, SIGN("s", "current"), strlen(SIGN("s", "current")));
	CHECK_STATUS(JwkSetParse(text, size - 1, 0, &set), STATUS_OK, "256 KiB are read");
	JwkSetFree(set);
	CHECK_STATUS(JwkSetParse(text, size, 0, &set), STATUS_JSON_SIZE, "a byte more is not");

	for (int count = 100; count <= 101; count++)
	{
		size_t		length = (size_t) sprintf(text, "{\"keys\":[");

		for (int i = 0; i < count; i++)
			length += (size_t) sprintf(text + length,
									   "%s{\"kty\":\"oct\",\"alg\":\"HS256\",\"kid\":\"%d\","
									   "\"k\":\"" K32 "\"}",
									   i > 0 ? "," : "", i);
		length += (size_t) sprintf(text + length, "]}");
		CHECK_STATUS(JwkSetParse(text, length, 0, &set), count == 100 ? STATUS_OK : STATUS_JSON_SIZE,
					 UnitName("%d keys", count));
		if (set != NULL)
		{
			const Jwk  *added;

			CHECK_STATUS(JwkSetAddGenerated(set, KeyAlgorithmFind("HS256", 5), KEY_STANDBY, 1, &added),
						 STATUS_ARGUMENT, "a full set takes no more");
			CHECK(set->count == 100 && added == NULL, "and stays as it was");
		}
		JwkSetFree(set);
	}

	/* Nothing but tokens: the bound on their number holds. */
	memset(text, '[', 20);
	CHECK_STATUS(JwkSetParse(text, 20, 0, &set), STATUS_JSON_DEPTH, "deep nesting is refused");
	free(text);
}

int
main(void)
{
	CheckParses();
	CheckWeak();
	CheckKey();
	CheckLimits();
	CHECK(strcmp(KeyStateName(KEY_STANDBY), "standby") == 0 &&
		  strcmp(KeyStateName(KEY_RETIRED), "retired") == 0,
		  "states have names");
	return UnitEnd();
}
