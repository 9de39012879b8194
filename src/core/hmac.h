/*
 * src/core/hmac.h: SHA-2, HMAC (RFC 2104) with a kept key schedule, and HKDF (RFC 5869).
 *
 * The key is hashed into the inner and outer states once; a signature then
 * costs the hashing of its text alone.
 */
#ifndef CORE_HMAC_H
#define CORE_HMAC_H

#include <stddef.h>
#include <stdint.h>

#include "status.h"

typedef enum HashKind
{
	HASH_SHA256,
	HASH_SHA384,
	HASH_SHA512
} HashKind;

#define HASH_MAX_BYTES 64

typedef struct HmacKey HmacKey;

extern size_t HashBytes(HashKind hash);

/* Hash of data; writes HashBytes() bytes to out. */
extern Status HashCompute(HashKind hash, const void *data, size_t length, uint8_t *out) MUST_CHECK;

/* Allocate a key schedule; free it with HmacKeyFree, which wipes. */
extern Status HmacKeyNew(HashKind hash, const void *key, size_t key_length, HmacKey **out) MUST_CHECK;
extern void HmacKeyFree(HmacKey *key);

/* HMAC of data; writes HashBytes() bytes to out. */
extern Status HmacCompute(const HmacKey *key, const void *data, size_t length, uint8_t *out) MUST_CHECK;

/* HMAC of parts one after the other, as if they were one text. */
typedef struct HmacPart
{
	const void *data;
	size_t		length;
} HmacPart;

extern Status HmacComputeParts(const HmacKey *key, const HmacPart *parts, size_t count,
							   uint8_t *out) MUST_CHECK;

/* One call for a key that is used once. */
extern Status HmacOnce(HashKind hash, const void *key, size_t key_length,
					   const void *data, size_t length, uint8_t *out) MUST_CHECK;

/* HKDF-SHA-256: out_length bytes (at most 255 * 32) derived from key for info (and salt, may be empty). */
extern Status HkdfSha256(const void *key, size_t key_length,
						 const void *salt, size_t salt_length,
						 const void *info, size_t info_length,
						 uint8_t *out, size_t out_length) MUST_CHECK;

#endif							/* CORE_HMAC_H */
