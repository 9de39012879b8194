/*
 * src/core/base64url.h: base64url without padding (RFC 4648 §5, RFC 7515 §2).
 */
#ifndef CORE_BASE64URL_H
#define CORE_BASE64URL_H

#include <stddef.h>
#include <stdint.h>

#include "status.h"

/* Characters that n bytes encode to. */
#define BASE64URL_LENGTH(n) (((n) * 4 + 2) / 3)

/* Bytes that n characters decode to at the most. */
#define BASE64URL_DECODED(n) ((n) / 4 * 3 + 2)

/* Encode; writes BASE64URL_LENGTH(length) characters and no NUL; returns their number. */
extern size_t Base64UrlEncode(const uint8_t *in, size_t length, char *out);

/*
 * Decode strictly: the alphabet alone, no padding, no white space, unused
 * trailing bits zero, so that one value has exactly one encoding.
 */
extern Status Base64UrlDecode(const char *in, size_t length,
							  uint8_t *out, size_t out_size, size_t *out_length) MUST_CHECK;

#endif							/* CORE_BASE64URL_H */
