/*
 * src/core/claims.h: reading and judging the claims of a JWT (RFC 7519 §4, RFC 8725).
 */
#ifndef CORE_CLAIMS_H
#define CORE_CLAIMS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "json.h"
#include "status.h"

/*
 * The registered claims and ours, as token indexes into the payload (-1 when
 * absent) and as values.  Types are checked here: times are integers (RFC 7519
 * NumericDate without fraction, within ±2^53), the rest strings, aud a string
 * or an array of strings, unit_ids an array of strings.
 */
typedef struct Claims
{
	int			iss;
	int			aud;
	int			sub;
	int			jti;
	int			role;
	int			email;
	int			session_id;
	int			tenant_id;
	int			tenant_role;
	int			unit_ids;
	int			aal;
	int64_t		exp;
	int64_t		nbf;
	int64_t		iat;
	bool		has_exp;
	bool		has_nbf;
	bool		has_iat;
} Claims;

/* Longest leeway; a longer one is cut to it. */
#define CLAIMS_MAX_LEEWAY 60

/* Texts that a policy names. */
typedef struct ClaimsTexts
{
	const char *const *texts;
	size_t		count;
} ClaimsTexts;

/* What a token must satisfy.  A zeroed policy demands exp and nothing of iss and aud. */
typedef struct ClaimsPolicy
{
	const char *issuer;			/* NULL: any, also none */
	const char *audience;		/* NULL: any, also none */
	ClaimsTexts issuers;		/* iss is one of them; none: any, also no iss */
	ClaimsTexts audiences;		/* aud has one of them; none: any, also no aud */
	bool		audience_if_named;	/* a token without aud is good all the same */
	ClaimsTexts required;		/* claims that must be there and not null */
	int64_t		now;			/* epoch seconds */
	int			leeway;			/* seconds, for exp, nbf and iat; 0 to 60 */
	int64_t		max_lifetime;	/* exp - iat at the most; needs iat; 0: unlimited */
	bool		lifetime_from_now;	/* without iat, exp - now at the most */
	bool		allow_no_exp;	/* accept a token without exp */
} ClaimsPolicy;

/* Find and type-check the claims of a payload whose token 0 must be an object. */
extern Status ClaimsRead(const JsonDoc *doc, Claims *claims) MUST_CHECK;

/*
 * The same for a token that is not ours: only the claims of RFC 7519 are read,
 * since role or email of another issuer may be anything.
 */
extern Status ClaimsReadForeign(const JsonDoc *doc, Claims *claims) MUST_CHECK;

/* Judge them.  A time equal to exp is expired (RFC 7519 §4.1.4). */
extern Status ClaimsCheck(const JsonDoc *doc, const Claims *claims, const ClaimsPolicy *policy) MUST_CHECK;

#endif							/* CORE_CLAIMS_H */
