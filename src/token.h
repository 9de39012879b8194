/*
 * src/token.h: access tokens against the key ring and the configured claims policy.
 */
#ifndef TOKEN_H
#define TOKEN_H

#include "postgres.h"

#include "core/claims.h"
#include "core/json.h"
#include "core/jws.h"
#include "core/status.h"

/* A token that verified; it points into static buffers, good until the next call. */
typedef struct VerifiedToken
{
	JsonDoc		doc;			/* the payload */
	size_t		payload_length;
	Claims		claims;
} VerifiedToken;

/*
 * Verify a token: header, key, signature, claims.  STATUS_KEY_NONE when there
 * is no key ring (ReportKeyringError() says why).  Throws nothing.
 */
extern Status TokenVerify(const char *token, size_t length, VerifiedToken *out) MUST_CHECK;

/* Decode the payload of a token that somebody else verified: parallel workers. */
extern Status TokenRead(const char *token, size_t length, VerifiedToken *out) MUST_CHECK;

/*
 * Parse a JSON text, or the payload of a token, into static buffers; claims stay
 * unread.  Throw nothing.
 */
extern Status TokenParse(const char *json, size_t length, VerifiedToken *out) MUST_CHECK;
extern Status TokenPayload(const JwsParts *parts, VerifiedToken *out) MUST_CHECK;

/*
 * Could a token with this payload be read again: its depth, its number of values, the
 * types of its claims, with ours as those of RFC 7519?  Who signs asks, since the token
 * would be refused wherever it is shown.  Throws nothing.
 */
extern Status TokenCheckReadable(const char *payload, size_t length, bool ours) MUST_CHECK;

/*
 * Is the token of this database?  TokenVerify() has held iss against
 * intrex_auth.issuer; where that is empty, this reads a table, and may throw.
 */
extern Status TokenCheckIssuer(const VerifiedToken *token) MUST_CHECK;

/* Is this one of the configured API roles? */
extern bool TokenRoleAllowed(const char *role, size_t length) MUST_CHECK;

#endif							/* TOKEN_H */
