/*
 * src/core/claims.c: reading and judging the claims of a JWT (RFC 7519 §4, RFC 8725).
 *
 * Depends on json.h.
 */
#include "claims.h"

#include <stddef.h>
#include <string.h>

/* Bytes of the shortest and the longest name below. */
#define NAME_MIN 3
#define NAME_MAX 11

/* What the value of a claim must be. */
typedef enum ClaimKind
{
	CLAIM_STRING,
	CLAIM_STRING_OR_NULL,		/* null counts as absent */
	CLAIM_STRINGS,				/* array of strings */
	CLAIM_AUDIENCE,				/* string or array of strings (RFC 7519 §4.1.3) */
	CLAIM_TIME
} ClaimKind;

typedef struct ClaimRule
{
	const char *name;
	uint32_t	key;			/* of the name, see NAME_KEY */
	uint8_t		kind;			/* ClaimKind */
	uint8_t		field;			/* offset in Claims of the index or the time */
	uint8_t		has_field;		/* of a time: offset of its flag */
	bool		ours;			/* not of RFC 7519 */
} ClaimRule;

/* Length and first three bytes: no two of our names agree in them. */
#define NAME_KEY(s, length) \
	((uint32_t) (length) << 24 | (uint32_t) (uint8_t) (s)[0] << 16 | \
	 (uint32_t) (uint8_t) (s)[1] << 8 | (uint8_t) (s)[2])

#define RULE(name, kind) \
	{#name, NAME_KEY(#name, sizeof(#name) - 1), kind, offsetof(Claims, name), 0, false}
#define RULE_OURS(name, kind) \
	{#name, NAME_KEY(#name, sizeof(#name) - 1), kind, offsetof(Claims, name), 0, true}
#define RULE_TIME(name) \
	{#name, NAME_KEY(#name, sizeof(#name) - 1), CLAIM_TIME, \
	 offsetof(Claims, name), offsetof(Claims, has_ ## name), false}

/*
 * Every claim that we read, in the order in which our tokens have them: that of
 * jsonb, shorter names first.
 */
static const ClaimRule rules[] = {
	RULE_OURS(aal, CLAIM_STRING),
	RULE(aud, CLAIM_AUDIENCE),
	RULE_TIME(exp),
	RULE_TIME(iat),
	RULE(iss, CLAIM_STRING),
	RULE(jti, CLAIM_STRING),
	RULE_TIME(nbf),
	RULE(sub, CLAIM_STRING),
	RULE_OURS(role, CLAIM_STRING),
	RULE_OURS(email, CLAIM_STRING_OR_NULL),
	RULE_OURS(unit_ids, CLAIM_STRINGS),
	RULE_OURS(tenant_id, CLAIM_STRING_OR_NULL),
	RULE_OURS(session_id, CLAIM_STRING),
	RULE_OURS(tenant_role, CLAIM_STRING_OR_NULL),
};

#define RULES (sizeof(rules) / sizeof(rules[0]))

static const Claims no_claims = {
	.iss = -1, .aud = -1, .sub = -1, .jti = -1, .role = -1, .email = -1,
	.session_id = -1, .tenant_id = -1, .tenant_role = -1, .unit_ids = -1, .aal = -1
};

/*
 * The rule of a member's name, or NULL.  The search begins at *from, behind the
 * rule that was found last, where a token of ours has its next claim.
 */
static const ClaimRule *
FindRule(const JsonDoc *doc, uint32_t name, size_t *from)
{
	const JsonToken *token = &doc->tokens[name];
	const char *text = doc->text + token->start;
	uint32_t	key;

	/* Written with escapes it is a claim as well: "\u0065xp" is exp. */
	if (token->escaped)
	{
		for (size_t i = 0; i < RULES; i++)
			if (JsonStringIs(doc, (int) name, rules[i].name))
				return &rules[i];
		return NULL;
	}
	if (token->length < NAME_MIN || token->length > NAME_MAX)
		return NULL;
	key = NAME_KEY(text, token->length);
	for (size_t i = 0; i < RULES; i++)
	{
		const ClaimRule *rule = &rules[*from];

		*from = *from + 1 < RULES ? *from + 1 : 0;
		if (rule->key == key)
		{
			/* The key is all of a short name. */
			if (token->length == NAME_MIN ||
				memcmp(text, rule->name, token->length) == 0)
				return rule;
			return NULL;
		}
	}
	return NULL;
}

/* Is this token an array of nothing but strings? */
static bool
IsStringArray(const JsonDoc *doc, uint32_t token)
{
	if (doc->tokens[token].type != JSON_ARRAY)
		return false;
	for (uint32_t i = token + 1; i < doc->tokens[token].next; i = doc->tokens[i].next)
		if (doc->tokens[i].type != JSON_STRING)
			return false;
	return true;
}

/* Check a value by its rule and store it. */
static Status
ReadClaim(const JsonDoc *doc, const ClaimRule *rule, uint32_t value, Claims *claims)
{
	uint8_t		type = doc->tokens[value].type;
	char	   *base = (char *) claims;
	bool		fits = false;

	switch ((ClaimKind) rule->kind)
	{
		case CLAIM_STRING:
			fits = type == JSON_STRING;
			break;
		case CLAIM_STRING_OR_NULL:
			if (type == JSON_NULL)
				return STATUS_OK;
			fits = type == JSON_STRING;
			break;
		case CLAIM_STRINGS:
			fits = IsStringArray(doc, value);
			break;
		case CLAIM_AUDIENCE:
			fits = type == JSON_STRING || IsStringArray(doc, value);
			break;
		case CLAIM_TIME:
			if (JsonInteger(doc, (int) value,
							(int64_t *) (base + rule->field)) != STATUS_OK)
				return STATUS_CLAIM_TYPE;
			*(bool *) (base + rule->has_field) = true;
			return STATUS_OK;
	}
	if (!fits)
		return STATUS_CLAIM_TYPE;
	*(int *) (base + rule->field) = (int) value;
	return STATUS_OK;
}

/* Read the claims, of RFC 7519 alone or ours as well.  On failure there are none. */
static Status
Read(const JsonDoc *doc, bool ours, Claims *claims)
{
	const JsonToken *tokens = doc->tokens;
	size_t		from = 0;

	*claims = no_claims;
	if (doc->count == 0 || tokens[0].type != JSON_OBJECT)
		return STATUS_TOKEN_PAYLOAD;

	/* One walk over the members; JsonFind would be a walk for each claim. */
	for (uint32_t name = 1; name < tokens[0].next; name = tokens[name + 1].next)
	{
		const ClaimRule *rule = FindRule(doc, name, &from);
		Status		status;

		if (rule == NULL || (rule->ours && !ours))
			continue;
		status = ReadClaim(doc, rule, name + 1, claims);
		if (status != STATUS_OK)
		{
			*claims = no_claims;
			return status;
		}
	}
	return STATUS_OK;
}

/* Read the claims of a token of ours. */
Status
ClaimsRead(const JsonDoc *doc, Claims *claims)
{
	return Read(doc, true, claims);
}

/* Read the claims of any token. */
Status
ClaimsReadForeign(const JsonDoc *doc, Claims *claims)
{
	return Read(doc, false, claims);
}

/* a + b, or the nearest that 64 bits hold: a forged time must not wrap around. */
static int64_t
Add(int64_t a, int64_t b)
{
	int64_t		sum;

	if (__builtin_add_overflow(a, b, &sum))
		return b > 0 ? INT64_MAX : INT64_MIN;
	return sum;
}

/* exp - iat against the maximum, and whether they make sense together. */
static Status
CheckLifetime(const Claims *claims, const ClaimsPolicy *policy)
{
	int64_t		max_lifetime = policy->max_lifetime;
	int64_t		from = claims->iat;

	if (claims->has_exp && claims->has_iat && claims->exp <= claims->iat)
		return STATUS_CLAIM_TYPE;
	if (max_lifetime == 0)
		return STATUS_OK;
	if (!claims->has_exp || (!claims->has_iat && !policy->lifetime_from_now))
		return STATUS_CLAIM_MISSING;
	if (!claims->has_iat)
		from = policy->now;
	/* Not exp - iat: the sum is the one that Add() can bound. */
	if (claims->exp > Add(from, max_lifetime))
		return STATUS_CLAIM_LIFETIME;
	return STATUS_OK;
}

/* Is the audience among those of the token? */
static bool
HasAudience(const JsonDoc *doc, int aud, const char *audience)
{
	const JsonToken *token = &doc->tokens[aud];

	if (token->type == JSON_STRING)
		return JsonStringIs(doc, aud, audience);
	for (uint32_t i = (uint32_t) aud + 1; i < token->next; i = doc->tokens[i].next)
		if (JsonStringIs(doc, (int) i, audience))
			return true;
	return false;
}

/* Is a string token one of these texts? */
static bool
IsOneOf(const JsonDoc *doc, int token, const ClaimsTexts *texts)
{
	for (size_t i = 0; i < texts->count; i++)
		if (JsonStringIs(doc, token, texts->texts[i]))
			return true;
	return false;
}

/* Is one of these audiences among those of the token? */
static bool
HasOneOf(const JsonDoc *doc, int aud, const ClaimsTexts *audiences)
{
	for (size_t i = 0; i < audiences->count; i++)
		if (HasAudience(doc, aud, audiences->texts[i]))
			return true;
	return false;
}

/* Does the token name an audience?  An empty array names nobody, as if there were none. */
static bool
NamesAudience(const JsonDoc *doc, const Claims *claims)
{
	return claims->aud >= 0 &&
		(doc->tokens[claims->aud].type != JSON_ARRAY || doc->tokens[claims->aud].count > 0);
}

/* Issuer and audience, where the policy names them. */
static Status
CheckParties(const JsonDoc *doc, const Claims *claims, const ClaimsPolicy *policy)
{
	if (policy->issuer != NULL || policy->issuers.count > 0)
	{
		if (claims->iss < 0)
			return STATUS_CLAIM_MISSING;
		if (policy->issuer != NULL && !JsonStringIs(doc, claims->iss, policy->issuer))
			return STATUS_CLAIM_ISSUER;
		if (policy->issuers.count > 0 && !IsOneOf(doc, claims->iss, &policy->issuers))
			return STATUS_CLAIM_ISSUER;
	}
	if (policy->audience != NULL || policy->audiences.count > 0)
	{
		if (!NamesAudience(doc, claims))
			return policy->audience_if_named ? STATUS_OK : STATUS_CLAIM_MISSING;
		if (policy->audience != NULL && !HasAudience(doc, claims->aud, policy->audience))
			return STATUS_CLAIM_AUDIENCE;
		if (policy->audiences.count > 0 && !HasOneOf(doc, claims->aud, &policy->audiences))
			return STATUS_CLAIM_AUDIENCE;
	}
	return STATUS_OK;
}

/* Claims that must be there; a null says nothing, and is as good as none. */
static Status
CheckRequired(const JsonDoc *doc, const ClaimsPolicy *policy)
{
	for (size_t i = 0; i < policy->required.count; i++)
	{
		int			value = JsonFind(doc, 0, policy->required.texts[i]);

		if (value < 0 || doc->tokens[value].type == JSON_NULL)
			return STATUS_CLAIM_MISSING;
	}
	return STATUS_OK;
}

/*
 * Judge the claims.  What can never become right comes first, so that "expired"
 * and "not yet" always mean a token that is good at another time.
 */
Status
ClaimsCheck(const JsonDoc *doc, const Claims *claims, const ClaimsPolicy *policy)
{
	int64_t		leeway = policy->leeway;
	Status		status;

	if (leeway < 0)
		leeway = 0;
	else if (leeway > CLAIMS_MAX_LEEWAY)
		leeway = CLAIMS_MAX_LEEWAY;

	if (!claims->has_exp && !policy->allow_no_exp)
		return STATUS_CLAIM_MISSING;
	status = CheckLifetime(claims, policy);
	if (status != STATUS_OK)
		return status;
	status = CheckParties(doc, claims, policy);
	if (status == STATUS_OK)
		status = CheckRequired(doc, policy);
	if (status != STATUS_OK)
		return status;

	if (claims->has_exp && Add(policy->now, -leeway) >= claims->exp)
		return STATUS_CLAIM_EXPIRED;
	if ((claims->has_nbf && claims->nbf > Add(policy->now, leeway)) ||
		(claims->has_iat && claims->iat > Add(policy->now, leeway)))
		return STATUS_CLAIM_NOT_YET;
	return STATUS_OK;
}
