/*
 * src/core/webhook.h: signatures of webhooks: "sha256=<hex>", and Standard Webhooks.
 *
 * The first is HMAC-SHA-256 of the payload alone.  The second
 * (https://www.standardwebhooks.com) signs id "." timestamp "." payload, so
 * that what was signed once is good for a short time only; its header may hold
 * several signatures, of which one has to match.
 */
#ifndef CORE_WEBHOOK_H
#define CORE_WEBHOOK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "status.h"

#define WEBHOOK_PLAIN_CHARS 71	/* "sha256=" and 64 digits */
#define WEBHOOK_STANDARD_CHARS 47	/* "v1," and 44 characters of base64 */
#define WEBHOOK_ID_MAX 256
#define WEBHOOK_SIGNATURES_MAX 4096 /* characters of a list of signatures */

/* Bytes of a secret: what resists guessing, and the range of the standard. */
#define WEBHOOK_PLAIN_SECRET_MIN 16
#define WEBHOOK_SECRET_MIN 24
#define WEBHOOK_SECRET_MAX 64
#define WEBHOOK_SECRET_GENERATE 32

/* Room for a secret of the standard as text, NUL included. */
#define WEBHOOK_SECRET_TEXT_SIZE 96

/*
 * Sign a payload.  Writes WEBHOOK_PLAIN_CHARS characters and no NUL.
 * STATUS_KEY_WEAK when the secret has less than WEBHOOK_PLAIN_SECRET_MIN bytes.
 */
extern Status WebhookSignPlain(const void *payload, size_t length,
							   const void *secret, size_t secret_length,
							   char out[WEBHOOK_PLAIN_CHARS]) MUST_CHECK;

/*
 * Verify it.  *match is false first and becomes true in one place.  The digits
 * are lower case and nothing surrounds them: a signature has one spelling.
 */
extern Status WebhookVerifyPlain(const void *payload, size_t length,
								 const char *signature, size_t signature_length,
								 const void *secret, size_t secret_length,
								 bool *match) MUST_CHECK;

/* A message of Standard Webhooks. */
typedef struct WebhookMessage
{
	const char *id;
	size_t		id_length;
	int64_t		timestamp;		/* epoch seconds, not negative */
	const void *payload;
	size_t		payload_length;
} WebhookMessage;

/*
 * Is this an id that can be signed?  Printable ASCII without blanks, and no
 * full stop: id "a" at 1 with payload "2.x" would be id "a.1" at 2 with "x".
 */
extern bool WebhookIdIsGood(const char *id, size_t length) MUST_CHECK;

/* Read webhook-timestamp: digits without sign or leading zeros; false if it is none. */
extern bool WebhookReadTimestamp(const char *text, size_t length, int64_t *out) MUST_CHECK;

/*
 * Decode "whsec_" and base64 into out.  STATUS_KEY_FORMAT if it is not that,
 * STATUS_KEY_WEAK if it is shorter than WEBHOOK_SECRET_MIN bytes.
 */
extern Status WebhookReadSecret(const char *text, size_t length,
								uint8_t out[WEBHOOK_SECRET_MAX], size_t *out_length) MUST_CHECK;

/* A new random secret as text, NUL-terminated. */
extern Status WebhookNewSecret(char out[WEBHOOK_SECRET_TEXT_SIZE]) MUST_CHECK;

/* Sign a message.  Writes WEBHOOK_STANDARD_CHARS characters and no NUL. */
extern Status WebhookSignStandard(const WebhookMessage *message,
								  const uint8_t *secret, size_t secret_length,
								  char out[WEBHOOK_STANDARD_CHARS]) MUST_CHECK;

/*
 * Does one of a list of signatures, separated by blanks, match?  Other versions
 * than v1 are passed over.  *match as above.
 */
extern Status WebhookVerifyStandard(const WebhookMessage *message,
									const char *signatures, size_t signatures_length,
									const uint8_t *secret, size_t secret_length,
									bool *match) MUST_CHECK;

#endif							/* CORE_WEBHOOK_H */
