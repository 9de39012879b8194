/*
 * test/unit/test_claims.c: facts about src/core/claims.c.
 */
#include "unit.h"

#include "core/claims.h"

#define TOKENS 128
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define NOW 1760000000

static JsonToken tokens[TOKENS];

/* Parse and read; the text must be JSON. */
static Status
Read(const char *text, JsonDoc *doc, Claims *claims)
{
	memset(claims, 0x5A, sizeof(*claims));
	if (JsonParse(text, strlen(text), tokens, TOKENS, doc) != STATUS_OK)
		return STATUS_COUNT;
	return ClaimsRead(doc, claims);
}

/* Is nothing known? */
static bool
IsEmpty(const Claims *claims)
{
	return claims->iss == -1 && claims->aud == -1 && claims->sub == -1 &&
		claims->jti == -1 &&
		claims->role == -1 && claims->email == -1 && claims->session_id == -1 &&
		claims->tenant_id == -1 && claims->tenant_role == -1 && claims->unit_ids == -1 &&
		claims->aal == -1 && !claims->has_exp && !claims->has_nbf && !claims->has_iat;
}

/* Every claim, in another order than ours and in ours. */
static void
TestRead(void)
{
	static const char *const texts[] = {
		"{\"aal\":\"aal1\",\"foreign\":{\"exp\":1},\"email\":\"e\",\"unit_ids\":[\"u\","
		"\"v\"],\"tenant_role\":\"T\",\"tenant_id\":\"t\","
		"\"session_id\":\"s\",\"jti\":\"j\",\"exp\":30,\"nbf\":-20,\"iat\":10,"
		"\"role\":\"r\",\"sub\":\"b\",\"aud\":[\"x\",\"y\"],\"iss\":\"i\"}",
		"{\"iss\":\"i\",\"aud\":[\"x\",\"y\"],\"sub\":\"b\",\"role\":\"r\",\"iat\":10,"
		"\"nbf\":-20,\"exp\":30,\"jti\":\"j\",\"session_id\":\"s\","
		"\"tenant_id\":\"t\",\"tenant_role\":\"T\",\"unit_ids\":[\"u\",\"v\"],"
		"\"email\":\"e\",\"aal\":\"aal1\"}",
		"{\"i\\u0073s\":\"i\",\"\\u0061ud\":[\"x\",\"y\"],\"su\\u0062\":\"b\","
		"\"r\\u006Fle\":\"r\",\"ia\\u0074\":10,\"nb\\u0066\":-20,"
		"\"\\u0065xp\":30,\"jt\\u0069\":\"j\",\"session\\u005fid\":\"s\","
		"\"tenant\\u005Fid\":\"t\",\"tenant_\\u0072ole\":\"T\","
		"\"\\u0075nit_ids\":[\"u\",\"v\"],\"\\u0065mail\":\"e\",\"aa\\u006c\":\"aal1\"}",
	};
	Claims		claims;
	JsonDoc		doc;

	for (size_t i = 0; i < COUNT(texts); i++)
	{
		CHECK_STATUS(Read(texts[i], &doc, &claims), STATUS_OK,
					 UnitName("token %zu is read", i));
		CHECK(JsonStringIs(&doc, claims.iss, "i"), UnitName("iss of token %zu", i));
		CHECK(JsonStringIs(&doc, claims.sub, "b"), UnitName("sub of token %zu", i));
		CHECK(JsonStringIs(&doc, claims.jti, "j"), UnitName("jti of token %zu", i));
		CHECK(JsonStringIs(&doc, claims.role, "r"), UnitName("role of token %zu", i));
		CHECK(JsonStringIs(&doc, claims.email, "e"), UnitName("email of token %zu", i));
		CHECK(JsonStringIs(&doc, claims.session_id, "s"),
			  UnitName("session_id of token %zu", i));
		CHECK(JsonStringIs(&doc, claims.tenant_id, "t"),
			  UnitName("tenant_id of token %zu", i));
		CHECK(JsonStringIs(&doc, claims.tenant_role, "T"),
			  UnitName("tenant_role of token %zu", i));
		CHECK(JsonStringIs(&doc, claims.aal, "aal1"), UnitName("aal of token %zu", i));
		CHECK(claims.aud > 0 && doc.tokens[claims.aud].type == JSON_ARRAY &&
			  JsonStringIs(&doc, claims.aud + 1, "x"),
			  UnitName("aud of token %zu", i));
		CHECK(claims.unit_ids > 0 && doc.tokens[claims.unit_ids].count == 2 &&
			  JsonStringIs(&doc, claims.unit_ids + 2, "v"),
			  UnitName("unit_ids of token %zu", i));
		CHECK(claims.has_exp && claims.exp == 30 && claims.has_nbf && claims.nbf == -20 &&
			  claims.has_iat && claims.iat == 10,
			  UnitName("times of token %zu", i));
	}

	CHECK_STATUS(Read("{}", &doc, &claims), STATUS_OK, "an empty object is read");
	CHECK(IsEmpty(&claims), "and has no claims");
	CHECK_STATUS(Read("{\"Exp\":1,\"ISS\":2,\"exp \":3,\"ex\":4,\"expp\":5,"
					  "\"su\\u0042\":6,\"issu\":7,\"tenant_\":8,\"tenant_name\":9,\"\":10}",
					  &doc, &claims), STATUS_OK, "names that are only alike");
	CHECK(IsEmpty(&claims), "are no claims");
	CHECK_STATUS(Read("{\"tenant_id\":null,\"tenant_role\":null,\"email\":null,"
					  "\"sub\":\"\"}", &doc, &claims), STATUS_OK,
				 "null where a user may have none");
	CHECK(claims.tenant_id == -1 && claims.tenant_role == -1 && claims.email == -1 &&
		  claims.sub > 0,
		  "counts as absent");
	CHECK_STATUS(Read("{\"aud\":\"x\"}", &doc, &claims), STATUS_OK, "aud as a string");
	CHECK(JsonStringIs(&doc, claims.aud, "x"), "is that string");
	CHECK_STATUS(Read("{\"aud\":[],\"unit_ids\":[]}", &doc, &claims), STATUS_OK,
				 "empty arrays");
	CHECK(claims.aud > 0 && claims.unit_ids > 0, "are read");
	CHECK_STATUS(Read("{\"exp\":9007199254740991,\"nbf\":-9007199254740991}", &doc,
					  &claims), STATUS_OK, "the farthest times");
	CHECK(claims.exp == INT64_C(9007199254740991) &&
		  claims.nbf == INT64_C(-9007199254740991), "are read");
}

/* error: a claim of the wrong type */
static void
TestTypes(void)
{
	static const char *const names[] = {
		"iss", "sub", "jti", "role", "session_id", "aal", "email", "tenant_id",
		"tenant_role", "aud", "unit_ids", "exp", "nbf", "iat",
	};
	static const char *const values[] = {
		"null", "true", "false", "1", "\"s\"", "[]", "{}", "[1]", "[null]", "[\"a\",1]",
		"[\"a\",[\"b\"]]", "[\"a\"]", "1.5", "1.0", "1e3",
		"9007199254740992", "-9007199254740992", "99999999999999999999999",
		"\"1760000000\"", "[{\"a\":\"b\"}]",
	};
	Claims		claims;
	JsonDoc		doc;

	for (size_t i = 0; i < COUNT(names); i++)
		for (size_t j = 0; j < COUNT(values); j++)
		{
			bool		is_string = values[j][0] == '"';
			bool		is_strings = strcmp(values[j], "[]") == 0 ||
			strcmp(values[j], "[\"a\"]") == 0;
			bool		fits;
			char		text[128];

			if (i <= 5)
				fits = is_string;
			else if (i <= 8)
				fits = is_string || strcmp(values[j], "null") == 0;
			else if (i == 9)
				fits = is_string || is_strings;
			else if (i == 10)
				fits = is_strings;
			else
				fits = strcmp(values[j], "1") == 0;
			snprintf(text, sizeof(text), "{\"sub\\u005f\":\"u\",\"nbf_\":1,\"%s\":%s}",
					 names[i], values[j]);
			CHECK_STATUS(Read(text, &doc, &claims), fits ? STATUS_OK : STATUS_CLAIM_TYPE,
						 UnitName("%s: %s", names[i], values[j]));
			if (!fits)
				CHECK(IsEmpty(&claims),
					  UnitName("%s: %s leaves no claims", names[i], values[j]));
		}

	/* error: good claims do not survive a bad one */
	CHECK_STATUS(Read("{\"sub\":\"u\",\"exp\":1,\"iss\":2}", &doc, &claims),
				 STATUS_CLAIM_TYPE, "a bad claim behind good ones");
	CHECK(IsEmpty(&claims), "leaves no claims");
	CHECK_STATUS(Read("{\"\\u0065xp\":\"never\"}", &doc, &claims), STATUS_CLAIM_TYPE,
				 "a bad claim written with escapes");
}

/* error: a payload that is no object */
static void
TestPayload(void)
{
	static const char *const texts[] = {"[]", "null", "\"exp\"", "1", "[{\"exp\":1}]",
	"true"};
	Claims		claims;
	JsonDoc		doc;

	for (size_t i = 0; i < COUNT(texts); i++)
	{
		CHECK_STATUS(Read(texts[i], &doc, &claims), STATUS_TOKEN_PAYLOAD,
					 UnitName("payload %s", texts[i]));
		CHECK(IsEmpty(&claims), UnitName("payload %s has no claims", texts[i]));
	}
	doc = (JsonDoc) {0};
	CHECK_STATUS(ClaimsRead(&doc, &claims), STATUS_TOKEN_PAYLOAD, "no document");
}

/* Read and judge. */
static Status
Check(const char *text, const ClaimsPolicy *policy)
{
	Claims		claims;
	JsonDoc		doc;
	Status		status = Read(text, &doc, &claims);

	return status == STATUS_OK ? ClaimsCheck(&doc, &claims, policy) : STATUS_COUNT;
}

/* Times: offsets from now, with and without leeway. */
static void
TestTimes(void)
{
	static const struct
	{
		const char *claim;
		int			offset;
		int			leeway;
		Status		status;
	}			facts[] = {
		{"exp", 1, 0, STATUS_OK},
		{"exp", 0, 0, STATUS_CLAIM_EXPIRED},
		{"exp", -1, 0, STATUS_CLAIM_EXPIRED},
		{"exp", 0, 1, STATUS_OK},
		{"exp", -29, 30, STATUS_OK},
		{"exp", -30, 30, STATUS_CLAIM_EXPIRED},
		{"exp", -59, 60, STATUS_OK},
		{"exp", -60, 60, STATUS_CLAIM_EXPIRED},
		{"nbf", 0, 0, STATUS_OK},
		{"nbf", 1, 0, STATUS_CLAIM_NOT_YET},
		{"nbf", 30, 30, STATUS_OK},
		{"nbf", 31, 30, STATUS_CLAIM_NOT_YET},
		{"nbf", -100000, 0, STATUS_OK},
		{"iat", 0, 0, STATUS_OK},
		{"iat", 1, 0, STATUS_CLAIM_NOT_YET},
		{"iat", 30, 30, STATUS_OK},
		{"iat", 31, 30, STATUS_CLAIM_NOT_YET},
		/* error: leeway out of range is cut to 0 and 60 */
		{"exp", -60, 1000000, STATUS_CLAIM_EXPIRED},
		{"exp", -59, 1000000, STATUS_OK},
		{"nbf", 61, 1000000, STATUS_CLAIM_NOT_YET},
		{"exp", 1, -1000000, STATUS_OK},
		{"nbf", 0, -1000000, STATUS_OK},
	};

	for (size_t i = 0; i < COUNT(facts); i++)
	{
		ClaimsPolicy policy = {.now = NOW, .leeway = facts[i].leeway,
		.allow_no_exp = true};
		char		text[64];

		snprintf(text, sizeof(text), "{\"%s\":%d}", facts[i].claim,
				 NOW + facts[i].offset);
		CHECK_STATUS(Check(text, &policy), facts[i].status,
					 UnitName("%s at %+d with leeway %d", facts[i].claim, facts[i].offset,
							  facts[i].leeway));
	}
}

/* Times at the ends of their range do not wrap around. */
static void
TestOverflow(void)
{
	static const struct
	{
		int64_t		now;
		const char *text;
		Status		status;
	}			facts[] = {
		{INT64_MAX, "{\"exp\":9007199254740991}", STATUS_CLAIM_EXPIRED},
		{INT64_MAX, "{\"nbf\":9007199254740991}", STATUS_OK},
		{INT64_MAX, "{\"iat\":9007199254740991}", STATUS_OK},
		{INT64_MIN, "{\"exp\":-9007199254740991}", STATUS_OK},
		{INT64_MIN, "{\"nbf\":-9007199254740991}", STATUS_CLAIM_NOT_YET},
		{INT64_MIN, "{\"iat\":-9007199254740991}", STATUS_CLAIM_NOT_YET},
		{NOW, "{\"exp\":9007199254740991}", STATUS_OK},
		{NOW, "{\"exp\":-9007199254740991}", STATUS_CLAIM_EXPIRED},
		{NOW, "{\"nbf\":9007199254740991}", STATUS_CLAIM_NOT_YET},
	};
	Claims		claims;
	JsonDoc		doc;

	for (size_t i = 0; i < COUNT(facts); i++)
	{
		ClaimsPolicy policy = {.now = facts[i].now, .leeway = 60, .allow_no_exp = true};

		CHECK_STATUS(Check(facts[i].text, &policy), facts[i].status,
					 UnitName("far time %zu: %s", i, facts[i].text));
	}

	/* Claims that no token can carry, and a maximum that none can reach. */
	CHECK_STATUS(Read("{}", &doc, &claims), STATUS_OK, "an empty object");
	claims.has_exp = claims.has_iat = true;
	claims.exp = INT64_MAX;
	claims.iat = INT64_MIN;
	CHECK_STATUS(ClaimsCheck(&doc, &claims,
							 &(ClaimsPolicy) {.now = NOW, .max_lifetime = 86400}),
				 STATUS_CLAIM_LIFETIME, "the longest lifetime is too long");
	claims.iat = NOW;
	CHECK_STATUS(ClaimsCheck(&doc, &claims,
							 &(ClaimsPolicy) {.now = NOW, .max_lifetime = INT64_MAX}),
				 STATUS_OK, "the longest maximum allows it");
}

/* A lifetime, its maximum, and what both need. */
static void
TestLifetime(void)
{
	static const struct
	{
		const char *text;
		int64_t		max;
		bool		allow_no_exp;
		Status		status;
	}			facts[] = {
		{"{\"exp\":1760000900}", 0, false, STATUS_OK},
		{"{\"exp\":1760000900,\"iat\":1760000000}", 900, false, STATUS_OK},
		{"{\"exp\":1760000901,\"iat\":1760000000}", 900, false, STATUS_CLAIM_LIFETIME},
		{"{\"exp\":1760000900,\"iat\":1759999999}", 900, false, STATUS_CLAIM_LIFETIME},
		{"{\"exp\":9007199254740991,\"iat\":1760000000}", 0, false, STATUS_OK},
		/* error: an expired token whose lifetime was too long is refused for that */
		{"{\"exp\":1759999999,\"iat\":1700000000}", 900, false, STATUS_CLAIM_LIFETIME},
		/* error: exp or iat missing */
		{"{}", 0, false, STATUS_CLAIM_MISSING},
		{"{\"iat\":1760000000,\"nbf\":1760000000}", 0, false, STATUS_CLAIM_MISSING},
		{"{}", 0, true, STATUS_OK},
		{"{\"exp\":1760000900}", 900, false, STATUS_CLAIM_MISSING},
		{"{\"iat\":1760000000}", 900, true, STATUS_CLAIM_MISSING},
		{"{}", 900, true, STATUS_CLAIM_MISSING},
		/* error: exp not behind iat */
		{"{\"exp\":1760000000,\"iat\":1760000000}", 0, false, STATUS_CLAIM_TYPE},
		{"{\"exp\":1759999999,\"iat\":1760000000}", 900, false, STATUS_CLAIM_TYPE},
		{"{\"exp\":1760000001,\"iat\":1760000002}", 0, true, STATUS_CLAIM_TYPE},
		{"{\"exp\":-9007199254740991,\"iat\":9007199254740991}", 900, false,
		STATUS_CLAIM_TYPE},
		/* error: a maximum below zero allows nothing */
		{"{\"exp\":1760000900,\"iat\":1760000000}", -1, false, STATUS_CLAIM_LIFETIME},
	};

	for (size_t i = 0; i < COUNT(facts); i++)
	{
		ClaimsPolicy policy = {.now = NOW, .max_lifetime = facts[i].max,
		.allow_no_exp = facts[i].allow_no_exp};

		CHECK_STATUS(Check(facts[i].text, &policy), facts[i].status,
					 UnitName("lifetime %zu: %s", i, facts[i].text));
	}
}

/* Issuer and audience. */
static void
TestParties(void)
{
	static const struct
	{
		const char *text;
		const char *issuer;
		const char *audience;
		Status		status;
	}			facts[] = {
		{"{}", NULL, NULL, STATUS_OK},
		{"{\"iss\":\"any\",\"aud\":\"any\"}", NULL, NULL, STATUS_OK},
		{"{\"aud\":[]}", NULL, NULL, STATUS_OK},
		{"{\"iss\":\"me\"}", "me", NULL, STATUS_OK},
		{"{\"iss\":\"m\\u0065\"}", "me", NULL, STATUS_OK},
		{"{\"iss\":\"\"}", "", NULL, STATUS_OK},
		/* error: issuer */
		{"{}", "me", NULL, STATUS_CLAIM_MISSING},
		{"{\"iss\":\"you\"}", "me", NULL, STATUS_CLAIM_ISSUER},
		{"{\"iss\":\"ME\"}", "me", NULL, STATUS_CLAIM_ISSUER},
		{"{\"iss\":\"me \"}", "me", NULL, STATUS_CLAIM_ISSUER},
		{"{\"iss\":\"m\"}", "me", NULL, STATUS_CLAIM_ISSUER},
		{"{\"iss\":\"me/\"}", "me", NULL, STATUS_CLAIM_ISSUER},
		{"{\"iss\":\"\"}", "me", NULL, STATUS_CLAIM_ISSUER},
		{"{\"iss\":\"me\"}", "", NULL, STATUS_CLAIM_ISSUER},
		{"{\"aud\":\"me\"}", "me", NULL, STATUS_CLAIM_MISSING},
		{"{\"foreign\":{\"iss\":\"me\"}}", "me", NULL, STATUS_CLAIM_MISSING},
		/* audience */
		{"{\"aud\":\"us\"}", NULL, "us", STATUS_OK},
		{"{\"aud\":[\"us\"]}", NULL, "us", STATUS_OK},
		{"{\"aud\":[\"them\",\"\\u0075s\"]}", NULL, "us", STATUS_OK},
		/* error: audience */
		{"{}", NULL, "us", STATUS_CLAIM_MISSING},
		{"{\"aud\":[]}", NULL, "us", STATUS_CLAIM_MISSING},
		{"{\"aud\":\"them\"}", NULL, "us", STATUS_CLAIM_AUDIENCE},
		{"{\"aud\":\"us,them\"}", NULL, "us", STATUS_CLAIM_AUDIENCE},
		{"{\"aud\":\"US\"}", NULL, "us", STATUS_CLAIM_AUDIENCE},
		{"{\"aud\":\"\"}", NULL, "us", STATUS_CLAIM_AUDIENCE},
		{"{\"aud\":[\"them\",\"usa\",\"u\",\"\"]}", NULL, "us", STATUS_CLAIM_AUDIENCE},
		{"{\"aud\":[\"them\"],\"azp\":\"us\"}", NULL, "us", STATUS_CLAIM_AUDIENCE},
		/* both */
		{"{\"iss\":\"me\",\"aud\":\"us\"}", "me", "us", STATUS_OK},
		{"{\"iss\":\"you\",\"aud\":\"us\"}", "me", "us", STATUS_CLAIM_ISSUER},
		{"{\"iss\":\"me\",\"aud\":\"them\"}", "me", "us", STATUS_CLAIM_AUDIENCE},
		/* error: what never becomes right is said before what is not right now */
		{"{\"iss\":\"you\",\"exp\":1}", "me", NULL, STATUS_CLAIM_ISSUER},
		{"{\"iss\":\"me\",\"exp\":1}", "me", NULL, STATUS_CLAIM_EXPIRED},
	};

	for (size_t i = 0; i < COUNT(facts); i++)
	{
		ClaimsPolicy policy = {
			.issuer = facts[i].issuer, .audience = facts[i].audience, .now = NOW,
			.allow_no_exp = true
		};

		CHECK_STATUS(Check(facts[i].text, &policy), facts[i].status,
					 UnitName("parties %zu: %s", i, facts[i].text));
	}
}

/* A zeroed policy demands exp alone, at the beginning of time. */
static void
TestZeroPolicy(void)
{
	ClaimsPolicy policy;

	memset(&policy, 0, sizeof(policy));
	CHECK_STATUS(Check("{\"exp\":1}", &policy), STATUS_OK, "exp in the future is enough");
	CHECK_STATUS(Check("{\"exp\":0}", &policy), STATUS_CLAIM_EXPIRED,
				 "exp now is expired");
	CHECK_STATUS(Check("{\"sub\":\"u\"}", &policy), STATUS_CLAIM_MISSING,
				 "without exp nothing passes");
}

/* Judge a payload of another issuer by a policy. */
static Status
JudgeForeign(const char *text, const ClaimsPolicy *policy)
{
	Claims		claims;
	JsonDoc		doc;
	Status		status;

	if (JsonParse(text, strlen(text), tokens, TOKENS, &doc) != STATUS_OK)
		return STATUS_COUNT;
	status = ClaimsReadForeign(&doc, &claims);
	if (status == STATUS_OK)
		status = ClaimsCheck(&doc, &claims, policy);
	return status;
}

/* Claims that are ours are nobody else's business; those of RFC 7519 are. */
static void
TestForeign(void)
{
	ClaimsPolicy policy = {.now = NOW};

	CHECK_STATUS(JudgeForeign("{\"exp\":1760000001,\"role\":[1],\"aal\":2,\"email\":{},\"unit_ids\":\"x\","
							  "\"tenant_id\":0,\"session_id\":null,\"tenant_role\":false}", &policy),
				 STATUS_OK, "ours may be anything");
	CHECK_STATUS(JudgeForeign("{\"exp\":1760000001,\"iss\":1}", &policy), STATUS_CLAIM_TYPE, "iss may not");
	CHECK_STATUS(JudgeForeign("{\"exp\":\"1760000001\"}", &policy), STATUS_CLAIM_TYPE, "nor exp");
	CHECK_STATUS(JudgeForeign("[]", &policy), STATUS_TOKEN_PAYLOAD, "an array is no payload");
}

/* Several issuers and audiences, required claims. */
static void
TestLists(void)
{
	static const char *const ab[] = {"a", "b"};
	ClaimsPolicy issuers = {.now = NOW, .issuers = {ab, 2}};
	ClaimsPolicy audiences = {.now = NOW, .audiences = {ab, 2}};
	ClaimsPolicy named = {.now = NOW, .audiences = {ab, 2}, .audience_if_named = true};
	ClaimsPolicy required = {.now = NOW, .required = {ab, 2}};

	CHECK_STATUS(JudgeForeign("{\"exp\":1760000001,\"iss\":\"b\"}", &issuers), STATUS_OK, "one of the issuers");
	CHECK_STATUS(JudgeForeign("{\"exp\":1760000001,\"iss\":\"c\"}", &issuers), STATUS_CLAIM_ISSUER, "another issuer");
	CHECK_STATUS(JudgeForeign("{\"exp\":1760000001}", &issuers), STATUS_CLAIM_MISSING, "no issuer");

	CHECK_STATUS(JudgeForeign("{\"exp\":1760000001,\"aud\":\"b\"}", &audiences), STATUS_OK, "one of the audiences");
	CHECK_STATUS(JudgeForeign("{\"exp\":1760000001,\"aud\":[\"c\",\"a\"]}", &audiences), STATUS_OK, "one of each");
	CHECK_STATUS(JudgeForeign("{\"exp\":1760000001,\"aud\":[\"c\"]}", &audiences), STATUS_CLAIM_AUDIENCE, "another audience");
	CHECK_STATUS(JudgeForeign("{\"exp\":1760000001,\"aud\":[]}", &audiences), STATUS_CLAIM_MISSING, "nobody");
	CHECK_STATUS(JudgeForeign("{\"exp\":1760000001}", &audiences), STATUS_CLAIM_MISSING, "no audience");
	CHECK_STATUS(JudgeForeign("{\"exp\":1760000001}", &named), STATUS_OK, "no audience where none need be");
	CHECK_STATUS(JudgeForeign("{\"exp\":1760000001,\"aud\":[]}", &named), STATUS_OK, "nobody there");
	CHECK_STATUS(JudgeForeign("{\"exp\":1760000001,\"aud\":\"c\"}", &named), STATUS_CLAIM_AUDIENCE, "another there");

	CHECK_STATUS(JudgeForeign("{\"exp\":1760000001,\"a\":0,\"\\u0062\":\"\"}", &required), STATUS_OK, "both are there");
	CHECK_STATUS(JudgeForeign("{\"exp\":1760000001,\"a\":0}", &required), STATUS_CLAIM_MISSING, "one is not");
	CHECK_STATUS(JudgeForeign("{\"exp\":1760000001,\"a\":0,\"b\":null}", &required), STATUS_CLAIM_MISSING, "one is null");
	CHECK_STATUS(JudgeForeign("{\"exp\":1760000001,\"a\":{\"b\":1}}", &required), STATUS_CLAIM_MISSING, "one is elsewhere");
}

/* Without iat the lifetime counts from now, where that is asked for. */
static void
TestLifetimeFromNow(void)
{
	ClaimsPolicy strict = {.now = NOW, .max_lifetime = 100};
	ClaimsPolicy from_now = {.now = NOW, .max_lifetime = 100, .lifetime_from_now = true};

	CHECK_STATUS(JudgeForeign("{\"exp\":1760000100}", &strict), STATUS_CLAIM_MISSING, "iat is needed");
	CHECK_STATUS(JudgeForeign("{\"exp\":1760000100}", &from_now), STATUS_OK, "it is not");
	CHECK_STATUS(JudgeForeign("{\"exp\":1760000101}", &from_now), STATUS_CLAIM_LIFETIME, "but the end is bounded");
	CHECK_STATUS(JudgeForeign("{\"exp\":1760000050,\"iat\":1759999949}", &from_now), STATUS_CLAIM_LIFETIME, "with iat it counts from there");
	CHECK_STATUS(JudgeForeign("{\"exp\":9007199254740991}", &from_now), STATUS_CLAIM_LIFETIME, "the last time that there is");
	CHECK_STATUS(JudgeForeign("{}", &from_now), STATUS_CLAIM_MISSING, "exp is needed all the same");
}

int
main(void)
{
	TestRead();
	TestTypes();
	TestPayload();
	TestTimes();
	TestOverflow();
	TestLifetime();
	TestParties();
	TestZeroPolicy();
	TestForeign();
	TestLists();
	TestLifetimeFromNow();
	return UnitEnd();
}
