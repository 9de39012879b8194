/*
 * test/fuzz/fuzz_claims.c: claims, read and judged: no accepted token is out of its time.
 *
 * The first byte chooses the policy, the rest is the payload.
 * Depends on fuzz.h, core/claims and core/json.
 */
#include "fuzz.h"

#include "core/claims.h"
#include "core/json.h"

#define NOW INT64_C(1700000000)
#define EXACT INT64_C(9007199254740991)

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t		choice = FuzzByte(&data, &size);
	size_t		max_tokens = size / 2 + JSON_MAX_DEPTH;
	JsonToken  *tokens = malloc(max_tokens * sizeof(JsonToken));
	ClaimsPolicy policy = {0};
	Claims		claims;
	JsonDoc		doc;

	policy.now = NOW;
	policy.issuer = choice & 1 ? "issuer" : NULL;
	policy.audience = choice & 2 ? "audience" : NULL;
	policy.allow_no_exp = (choice & 4) != 0;
	policy.max_lifetime = choice & 8 ? 3600 : 0;
	policy.leeway = choice & 16 ? 60 : 0;
	if (JsonParse((const char *) data, size, tokens, max_tokens, &doc) == STATUS_OK &&
		ClaimsRead(&doc, &claims) == STATUS_OK)
	{
		const int	texts[] = {claims.iss, claims.sub, claims.jti, claims.role, claims.email,
		claims.session_id, claims.tenant_id, claims.tenant_role, claims.aal};

		REQUIRE(doc.tokens[0].type == JSON_OBJECT);
		for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
			REQUIRE(texts[i] < 0 || doc.tokens[texts[i]].type == JSON_STRING);
		REQUIRE(claims.exp >= -EXACT && claims.exp <= EXACT);
		REQUIRE(claims.nbf >= -EXACT && claims.nbf <= EXACT);
		REQUIRE(claims.iat >= -EXACT && claims.iat <= EXACT);
		REQUIRE(claims.has_exp == (JsonFind(&doc, 0, "exp") >= 0));
		REQUIRE(claims.has_nbf == (JsonFind(&doc, 0, "nbf") >= 0));
		REQUIRE(claims.has_iat == (JsonFind(&doc, 0, "iat") >= 0));

		if (ClaimsCheck(&doc, &claims, &policy) == STATUS_OK)
		{
			REQUIRE(claims.has_exp || policy.allow_no_exp);
			REQUIRE(!claims.has_exp || claims.exp > NOW - policy.leeway);
			REQUIRE(!claims.has_nbf || claims.nbf <= NOW + policy.leeway);
			REQUIRE(!claims.has_iat || claims.iat <= NOW + policy.leeway);
			if (policy.max_lifetime > 0)
				REQUIRE(claims.has_exp && claims.has_iat && claims.exp - claims.iat <= policy.max_lifetime);
			if (policy.issuer != NULL)
				REQUIRE(JsonStringIs(&doc, JsonFind(&doc, 0, "iss"), "issuer"));
			if (policy.audience != NULL)
				REQUIRE(claims.aud >= 0 && memmem(data, size, "aud", 3) != NULL);
		}
	}
	REQUIRE_NO_ERRORS();
	free(tokens);
	return 0;
}
