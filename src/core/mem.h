/*
 * src/core/mem.h: wiping, constant-time comparison, random bytes.
 *
 * Depends on libcrypto only.
 */
#ifndef CORE_MEM_H
#define CORE_MEM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "status.h"

/* Overwrite memory in a way that the compiler may not remove. */
extern void SecureWipe(void *memory, size_t length);

/* Wipe, then free() (NULL is fine). */
extern void SecureFree(void *memory, size_t length);

/* Compare in a time that depends on the length alone. */
extern bool ConstantTimeEqual(const void *a, const void *b, size_t length) MUST_CHECK;

/* Fill out with bytes of OpenSSL's generator, which is safe across fork(). */
extern Status RandomBytes(void *out, size_t length) MUST_CHECK;

/* SHA-256 of data into 32 bytes. */
extern Status Sha256(const void *data, size_t length, uint8_t out[32]) MUST_CHECK;

#endif							/* CORE_MEM_H */
