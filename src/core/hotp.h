/*
 * src/core/hotp.h: one-time passwords (RFC 4226, RFC 6238).
 */
#ifndef CORE_HOTP_H
#define CORE_HOTP_H

#include <stddef.h>
#include <stdint.h>

#include "status.h"

/* 128 bits at the least (RFC 4226 §4, R6); more than a block of SHA-512 adds nothing. */
#define HOTP_SECRET_MIN 16
#define HOTP_SECRET_MAX 128

#define HOTP_DIGITS_MIN 6
#define HOTP_DIGITS_MAX 8

/*
 * The code of a counter: digits characters and a NUL.  algorithm is SHA1, SHA256
 * or SHA512, as otpauth URIs write them.  STATUS_KEY_WEAK, STATUS_KEY_FORMAT for
 * a secret too short or too long, STATUS_KEY_ALG, STATUS_ARGUMENT for digits.
 */
extern Status HotpCode(const uint8_t *secret, size_t length, uint64_t counter, int digits,
					   const char *algorithm, char out[HOTP_DIGITS_MAX + 1]) MUST_CHECK;

#endif							/* CORE_HOTP_H */
