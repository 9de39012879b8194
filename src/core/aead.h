/*
 * src/core/aead.h: AES-256-GCM (NIST SP 800-38D) with random 96-bit nonces.
 *
 * sealed = nonce (12) || ciphertext || tag (16).
 */
#ifndef CORE_AEAD_H
#define CORE_AEAD_H

#include <stddef.h>
#include <stdint.h>

#include "status.h"

#define AEAD_KEY_BYTES 32
#define AEAD_NONCE_BYTES 12
#define AEAD_TAG_BYTES 16
#define AEAD_OVERHEAD (AEAD_NONCE_BYTES + AEAD_TAG_BYTES)

/* A key with its schedule and contexts kept; AeadKeyFree wipes. */
typedef struct AeadKey AeadKey;

extern Status AeadKeyNew(const uint8_t key[AEAD_KEY_BYTES], AeadKey **out) MUST_CHECK;
extern void AeadKeyFree(AeadKey *key);

/* Seal into out, which holds length + AEAD_OVERHEAD bytes. */
extern Status AeadSeal(AeadKey *key, const void *aad, size_t aad_length,
					   const void *plaintext, size_t length, uint8_t *out) MUST_CHECK;

/*
 * Open into out, which holds length - AEAD_OVERHEAD bytes.  On any failure
 * (STATUS_SEALED_FORMAT, STATUS_SEALED_REFUSED) out is wiped.
 */
extern Status AeadOpen(AeadKey *key, const void *aad, size_t aad_length,
					   const uint8_t *sealed, size_t length, uint8_t *out) MUST_CHECK;

/* The same with a given nonce, for known-answer tests only. */
extern Status AeadSealWithNonce(AeadKey *key, const uint8_t nonce[AEAD_NONCE_BYTES],
								const void *aad, size_t aad_length,
								const void *plaintext, size_t length, uint8_t *out) MUST_CHECK;

#endif							/* CORE_AEAD_H */
