/*
 * src/core/jws.h: JWS compact serialization (RFC 7515), after RFC 8725.
 */
#ifndef CORE_JWS_H
#define CORE_JWS_H

#include <stddef.h>
#include <stdint.h>

#include "jwk.h"
#include "status.h"

#define JWS_MAX_BYTES (64 * 1024)
#define JWS_MAX_HEADER_BYTES 1024
#define JWS_MAX_SIGNATURE_BYTES PUBKEY_SIGNATURE_MAX

/* The three segments of a token, still encoded; they point into the token. */
typedef struct JwsParts
{
	const char *token;
	size_t		header_length;
	const char *payload;
	size_t		payload_length;
	const char *signature;
	size_t		signature_length;
	size_t		signed_length;	/* header "." payload */
} JwsParts;

typedef struct JwsHeader
{
	char		alg[16];
	char		typ[32];		/* "" when absent */
	char		kid[JWK_KID_MAX + 1];	/* "" when absent */
} JwsHeader;

/* Cut a token; only lengths and dots are looked at.  The payload may be empty. */
extern Status JwsSplit(const char *token, size_t length, JwsParts *parts) MUST_CHECK;

/*
 * Decode and check the header: one flat JSON object, no duplicate members,
 * no crit, no b64; jwk, jku, x5u, x5c are never used.
 */
extern Status JwsReadHeader(const JwsParts *parts, JwsHeader *header) MUST_CHECK;

/*
 * Verify the signature with a key whose algorithm must be the header's.  A
 * retired key, or one that is not for signing, verifies nothing.
 */
extern Status JwsVerify(const JwsParts *parts, const char *alg, const Jwk *key) MUST_CHECK;

/* Decode the payload into out (BASE64URL_DECODED(payload_length) bytes). */
extern Status JwsPayload(const JwsParts *parts, uint8_t *out, size_t size, size_t *length) MUST_CHECK;

/*
 * Bytes that JwsSign writes for a payload of this length with this key.
 * typ is the header's; "JWT" uses the key's prepared header.
 */
extern size_t JwsSize(const Jwk *key, const char *typ, size_t payload_length);
extern Status JwsSign(const Jwk *key, const char *typ,
					  const void *payload, size_t payload_length,
					  char *out, size_t size, size_t *length) MUST_CHECK;

#endif							/* CORE_JWS_H */
