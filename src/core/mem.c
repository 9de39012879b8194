/*
 * src/core/mem.c: wiping, constant-time comparison, random bytes, SHA-256.
 *
 * Depends on libcrypto only.
 */
#include "mem.h"

#include <limits.h>
#include <stdlib.h>

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rand.h>

/* Overwrite memory. */
void
SecureWipe(void *memory, size_t length)
{
	if (memory != NULL && length > 0)
		OPENSSL_cleanse(memory, length);
}

/* Wipe and free. */
void
SecureFree(void *memory, size_t length)
{
	SecureWipe(memory, length);
	free(memory);
}

/* Compare in constant time.  Nothing equals nothing. */
bool
ConstantTimeEqual(const void *a, const void *b, size_t length)
{
	if (length == 0)
		return true;
	return CRYPTO_memcmp(a, b, length) == 0;
}

/*
 * Fill out with random bytes.  On failure out is wiped, so that a forgotten
 * check meets zeros and not half of a key.
 */
Status
RandomBytes(void *out, size_t length)
{
	if (length == 0)
		return STATUS_OK;
	if (length > INT_MAX)
		return STATUS_ARGUMENT;
	if (RAND_bytes(out, (int) length) != 1)
	{
		SecureWipe(out, length);
		ERR_clear_error();
		return STATUS_CRYPTO;
	}
	return STATUS_OK;
}

/* SHA-256 of data. */
Status
Sha256(const void *data, size_t length, uint8_t out[32])
{
	if (EVP_Digest(length > 0 ? data : "", length, out, NULL, EVP_sha256(), NULL) != 1)
	{
		ERR_clear_error();
		return STATUS_CRYPTO;
	}
	return STATUS_OK;
}
