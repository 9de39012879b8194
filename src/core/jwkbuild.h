/*
 * src/core/jwkbuild.h: how one key is made; for jwk*.c and jws.c only.
 */
#ifndef CORE_JWKBUILD_H
#define CORE_JWKBUILD_H

#include "jwk.h"

/* The longest secret of an oct key of any algorithm. */
#define JWK_SECRET_MAX 512

/* "kty" of each key type. */
#define KEY_TYPES 4
extern const char *const key_type_names[KEY_TYPES];

/* How a JWK expresses a use (RFC 7517 §4.2, §4.3). */
typedef struct KeyUseNames
{
	const char *use;			/* NULL: there is no word for it, key_ops says it */
	const char *make;			/* of key_ops */
	const char *check;
} KeyUseNames;

#define KEY_USES 3
extern const KeyUseNames key_use_names[KEY_USES];

/* A string of printable ASCII, JSON-escaped, is at most twice as long. */
#define JSON_ESCAPED_MAX(n) ((n) *2)

/* Room for JwkHeader(): {"alg":"","typ":"","kid":""} with all three at their longest. */
#define JWK_TYP_MAX 31
#define JWK_HEADER_TEXT_MAX (28 + 15 + JSON_ESCAPED_MAX(JWK_TYP_MAX + JWK_KID_MAX))
#define JWK_HEADER_MAX (((JWK_HEADER_TEXT_MAX) *4 + 2) / 3)

/* Is this non-empty text all printable ASCII? */
extern bool JwkIsPrintable(const char *text, size_t length) MUST_CHECK;

/* Escape printable ASCII for a JSON string; returns its length, writes no NUL. */
extern size_t JwkEscape(const char *text, char *out);

/*
 * Give an oct key its secret, whose length alg must accept, and all that
 * follows from it: HMAC key, thumbprint, header.  kid and alg are set before.
 */
extern Status JwkAssignSecret(Jwk *jwk, const uint8_t *secret, size_t length) MUST_CHECK;

/*
 * Give a key of another type its key pair or public key, which it then owns,
 * and what follows from it.  kid and alg are set before.
 */
extern Status JwkAssignPair(Jwk *jwk, PubKey *pubkey) MUST_CHECK;

/* Keep the JWS header with which a key signs; anew when its kid has changed. */
extern Status JwkPrepareHeader(Jwk *jwk) MUST_CHECK;

/* A fresh kid: 22 random characters. */
extern Status JwkRandomKid(char kid[JWK_KID_MAX + 1]) MUST_CHECK;

/* The current key of a use becomes previous. */
extern void JwkStepDown(JwkSet *set, KeyUse use, int64_t now);

/*
 * Append a finished key to a set, which then owns what it holds; if it is
 * current, the current one of its use becomes previous.
 */
extern Status JwkInsert(JwkSet *set, const Jwk *jwk, int64_t now,
						const Jwk **added) MUST_CHECK;

/* Wipe and free what a key holds. */
extern void JwkClear(Jwk *jwk);

/* Our JWS header for a key and typ, base64url, into out (JWK_HEADER_MAX bytes). */
extern Status JwkHeader(const Jwk *jwk, const char *typ, char *out, size_t *length) MUST_CHECK;

#endif							/* CORE_JWKBUILD_H */
