/*
 * src/core/status.h: the outcome of every core function.
 *
 * Each status has a stable code ("token_expired"), which users may match on,
 * and a sentence that explains it.  Neither ever carries input.
 * Depends on nothing.
 */
#ifndef CORE_STATUS_H
#define CORE_STATUS_H

#define MUST_CHECK __attribute__((warn_unused_result))

/* PostgreSQL has a macro of this name and value */
#undef STATUS_OK

typedef enum Status
{
	STATUS_OK = 0,

	/* the machine */
	STATUS_MEMORY,				/* allocation failed */
	STATUS_CRYPTO,				/* OpenSSL or libxcrypt failed unexpectedly */
	STATUS_CANCELLED,			/* keep_going() said no */

	/* text and JSON */
	STATUS_BASE64URL,			/* not canonical base64url */
	STATUS_UTF8,
	STATUS_JSON_SYNTAX,
	STATUS_JSON_DUPLICATE,		/* two members of one name */
	STATUS_JSON_DEPTH,
	STATUS_JSON_SIZE,			/* more tokens than the caller allows */
	STATUS_JSON_TYPE,			/* a member has another type than asked for */

	/* keys */
	STATUS_KEY_FORMAT,			/* a member is missing, malformed or contradictory */
	STATUS_KEY_TYPE,			/* kty or crv that we do not know */
	STATUS_KEY_ALG,				/* alg missing, unknown, or not one of this kty */
	STATUS_KEY_WEAK,			/* below the minimum of RFC 7518 */
	STATUS_KEY_LARGE,			/* above what we compute with */
	STATUS_KEY_USE,				/* use or key_ops forbid what is asked */
	STATUS_KEY_DUPLICATE,		/* two keys of one kid */
	STATUS_KEY_STATE,			/* unknown state, or not exactly one current key of a use */
	STATUS_KEY_PRIVATE,			/* a private part where a public key is expected */
	STATUS_KEY_PUBLIC,			/* no private part where one is needed */
	STATUS_KEY_NONE,			/* no key for what is asked */

	/* tokens */
	STATUS_TOKEN_FORMAT,		/* not three base64url segments */
	STATUS_TOKEN_SIZE,			/* longer than we read */
	STATUS_TOKEN_HEADER,		/* header is not one flat JSON object with alg */
	STATUS_TOKEN_ALG,			/* alg unknown, or not the alg of the key */
	STATUS_TOKEN_CRIT,			/* crit or b64 present */
	STATUS_TOKEN_TYP,			/* another kind of token */
	STATUS_TOKEN_KID,			/* no such key */
	STATUS_TOKEN_SIGNATURE,
	STATUS_TOKEN_PAYLOAD,		/* payload is not one JSON object */

	/* claims */
	STATUS_CLAIM_TYPE,			/* a registered claim has the wrong type or range */
	STATUS_CLAIM_MISSING,		/* a required claim is absent */
	STATUS_CLAIM_EXPIRED,
	STATUS_CLAIM_NOT_YET,		/* nbf or iat in the future */
	STATUS_CLAIM_LIFETIME,		/* exp - iat above the maximum */
	STATUS_CLAIM_ISSUER,
	STATUS_CLAIM_AUDIENCE,
	STATUS_CLAIM_ROLE,			/* role is not one of the configured API roles */

	/* passwords */
	STATUS_HASH_FORMAT,			/* not a hash of a kind that we accept */
	STATUS_HASH_COST,			/* cost out of the accepted range */
	STATUS_HASH_WEAK,			/* a kind that a setting would have to admit */
	STATUS_PASSWORD_LENGTH,		/* empty, or longer than the scheme reads */
	STATUS_PASSWORD_NUL,

	/* files beside the database */
	STATUS_FILE,				/* the system could not read or write; errno says why */
	STATUS_FILTER_FORMAT,		/* no filter of leaked passwords, or a damaged one */
	STATUS_FILTER_VERSION,		/* one of a version that we do not read */

	/* sealed values */
	STATUS_SEALED_FORMAT,		/* too short, or another version */
	STATUS_SEALED_KEY,			/* names a key that is not in the ring */
	STATUS_SEALED_REFUSED,		/* wrong key, wrong context or altered bytes */
	STATUS_ARGUMENT,			/* length or range of an argument */

	STATUS_COUNT
} Status;

/* Stable snake_case code of a status, for users to match on. */
extern const char *StatusCode(Status status);

/* One full sentence that explains a status, with no input in it. */
extern const char *StatusText(Status status);

#endif							/* CORE_STATUS_H */
