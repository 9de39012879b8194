/*
 * src/core/aead.c: AES-256-GCM with kept contexts.
 *
 * Depends on libcrypto and mem.
 */
#include "aead.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/evp.h>

#include "mem.h"

/*
 * One context for each direction, set up with cipher and key once.  A call
 * sets the nonce alone, which also takes a context out of whatever state a
 * failed call has left it in.
 */
struct AeadKey
{
	EVP_CIPHER_CTX *seal;
	EVP_CIPHER_CTX *open;
};

/* Allocate contexts and compute the key schedule. */
Status
AeadKeyNew(const uint8_t key[AEAD_KEY_BYTES], AeadKey **out)
{
	AeadKey    *aead;
	Status		status = STATUS_OK;

	*out = NULL;
	aead = calloc(1, sizeof(AeadKey));
	if (aead == NULL)
		return STATUS_MEMORY;

	aead->seal = EVP_CIPHER_CTX_new();
	aead->open = EVP_CIPHER_CTX_new();
	if (aead->seal == NULL || aead->open == NULL)
		status = STATUS_MEMORY;
	else if (EVP_EncryptInit_ex(aead->seal, EVP_aes_256_gcm(), NULL, key, NULL) != 1 ||
			 EVP_DecryptInit_ex(aead->open, EVP_aes_256_gcm(), NULL, key, NULL) != 1)
		status = STATUS_CRYPTO;

	if (status != STATUS_OK)
	{
		ERR_clear_error();
		AeadKeyFree(aead);
		return status;
	}
	*out = aead;
	return STATUS_OK;
}

/* Free; OpenSSL wipes the key schedules. */
void
AeadKeyFree(AeadKey *key)
{
	if (key == NULL)
		return;
	EVP_CIPHER_CTX_free(key->seal);
	EVP_CIPHER_CTX_free(key->open);
	free(key);
}

/* Seal with a nonce that must never have been used with this key. */
Status
AeadSealWithNonce(AeadKey *key, const uint8_t nonce[AEAD_NONCE_BYTES],
				  const void *aad, size_t aad_length,
				  const void *plaintext, size_t length, uint8_t *out)
{
	EVP_CIPHER_CTX *ctx = key->seal;
	uint8_t    *ciphertext = out + AEAD_NONCE_BYTES;
	int			written = 0;

	if (aad_length > INT_MAX || length > INT_MAX - AEAD_OVERHEAD)
		return STATUS_ARGUMENT;

	memcpy(out, nonce, AEAD_NONCE_BYTES);
	if (EVP_EncryptInit_ex(ctx, NULL, NULL, NULL, nonce) != 1)
		goto failed;
	if (aad_length > 0 &&
		EVP_EncryptUpdate(ctx, NULL, &written, aad, (int) aad_length) != 1)
		goto failed;
	if (length > 0 &&
		(EVP_EncryptUpdate(ctx, ciphertext, &written, plaintext, (int) length) != 1 ||
		 (size_t) written != length))
		goto failed;
	if (EVP_EncryptFinal_ex(ctx, ciphertext + length, &written) != 1 || written != 0)
		goto failed;
	if (EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, AEAD_TAG_BYTES,
							ciphertext + length) != 1)
		goto failed;
	return STATUS_OK;

failed:
	ERR_clear_error();
	SecureWipe(out, length + AEAD_OVERHEAD);
	return STATUS_CRYPTO;
}

/*
 * Seal with a random nonce.  SP 800-38D §8.3 allows 2^32 of them for one key,
 * far above what a ring's key meets between rotations.
 */
Status
AeadSeal(AeadKey *key, const void *aad, size_t aad_length,
		 const void *plaintext, size_t length, uint8_t *out)
{
	uint8_t		nonce[AEAD_NONCE_BYTES];
	Status		status;

	status = RandomBytes(nonce, sizeof(nonce));
	if (status != STATUS_OK)
		return status;
	return AeadSealWithNonce(key, nonce, aad, aad_length, plaintext, length, out);
}

/* Open.  The plaintext stays in out only if the tag verified. */
Status
AeadOpen(AeadKey *key, const void *aad, size_t aad_length,
		 const uint8_t *sealed, size_t length, uint8_t *out)
{
	EVP_CIPHER_CTX *ctx = key->open;
	const uint8_t *ciphertext = sealed + AEAD_NONCE_BYTES;
	size_t		plain_length;
	uint8_t		tag[AEAD_TAG_BYTES];
	uint8_t		nothing[AEAD_TAG_BYTES];
	int			written = 0;
	Status		status = STATUS_CRYPTO;

	if (length < AEAD_OVERHEAD)
		return STATUS_SEALED_FORMAT;
	plain_length = length - AEAD_OVERHEAD;
	if (aad_length > INT_MAX || plain_length > INT_MAX)
	{
		SecureWipe(out, plain_length);
		return STATUS_ARGUMENT;
	}

	/* The control call takes a pointer to non-const. */
	memcpy(tag, ciphertext + plain_length, AEAD_TAG_BYTES);
	if (EVP_DecryptInit_ex(ctx, NULL, NULL, NULL, sealed) != 1 ||
		EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, AEAD_TAG_BYTES, tag) != 1)
		goto done;
	if (aad_length > 0 &&
		EVP_DecryptUpdate(ctx, NULL, &written, aad, (int) aad_length) != 1)
		goto done;
	if (plain_length > 0 &&
		(EVP_DecryptUpdate(ctx, out, &written, ciphertext, (int) plain_length) != 1 ||
		 (size_t) written != plain_length))
		goto done;

	/* Compares the tag, in constant time; GCM has no bytes left to write. */
	if (EVP_DecryptFinal_ex(ctx, nothing, &written) == 1)
		status = STATUS_OK;
	else
		status = STATUS_SEALED_REFUSED;

done:
	if (status != STATUS_OK)
	{
		ERR_clear_error();
		SecureWipe(out, plain_length);
	}
	return status;
}
