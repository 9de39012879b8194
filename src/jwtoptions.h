/*
 * src/jwtoptions.h: the options of auth.jwt_verify(token, jwks, options).
 */
#ifndef JWTOPTIONS_H
#define JWTOPTIONS_H

#include "postgres.h"

#include "utils/jsonb.h"

#include "core/claims.h"
#include "core/jws.h"

/* What a token must satisfy. */
typedef struct JwtOptions
{
	ClaimsPolicy policy;
	const char *typ;			/* NULL: JWT, or none */
} JwtOptions;

/* Read options; what they do not name is as doc/jwt.md says.  Raises 22023. */
extern void JwtOptionsRead(Jsonb *options, JwtOptions *out);

/* Is this the typ of a header ("" when there is none) that the options ask for? */
extern bool JwtOptionsTypFits(const JwtOptions *options, const char *typ) MUST_CHECK;

#endif							/* JWTOPTIONS_H */
