/*
 * src/core/passpbkdf2.c: PBKDF2 (RFC 8018) as passlib, Django and ASP.NET Identity
 * store it; Keycloak's is brought into passlib's form at import.
 *
 * Each form has one length of key: a prefix of a PBKDF2 key is a PBKDF2 key too,
 * and a hash that was cut must not verify.  Depends on libcrypto.
 */
#include "passscheme.h"

#include <string.h>

#include <openssl/err.h>
#include <openssl/evp.h>

#include "mem.h"

#define ASPNET_KEY_BYTES 32
#define ASPNET_SALT_BYTES 16
#define ASPNET_V2_ITERATIONS 1000
#define ASPNET_V3_HEADER 13
#define ASPNET_SIZE 192

/* Bytes of one block of output. */
static size_t
DigestBytes(const char *digest)
{
	if (strcmp(digest, "SHA1") == 0)
		return 20;
	return strcmp(digest, "SHA256") == 0 ? 32 : 64;
}

/* Is the whole within bounds? */
static Status
CheckCost(const PassHash *hash)
{
	size_t		block = DigestBytes(hash->digest);
	uint64_t	blocks = (hash->key_length + block - 1) / block;

	if (hash->cost < 1)
		return STATUS_HASH_FORMAT;
	return hash->cost * blocks > PASS_MAX_PBKDF2_ITERATIONS ? STATUS_HASH_COST : STATUS_OK;
}

/* $pbkdf2-sha256$29000$salt$hash */
Status
PassParsePasslibPbkdf2(const char *text, size_t length, PassHash *out)
{
	PassText	rest = PassTextBehind(text, length, strlen(out->scheme->prefix));
	const char *field;
	size_t		chars;

	if (!PassTextNumber(&rest, &out->cost) || !PassTextSkip(&rest, "$"))
		return STATUS_HASH_FORMAT;
	if (!PassTextField(&rest, '$', &field, &chars) ||
		PassBase64Decode(field, chars, PASS_BASE64_DOT, out->salt, PASS_SALT_SIZE,
						 &out->salt_length) != STATUS_OK || out->salt_length == 0)
		return STATUS_HASH_FORMAT;
	if (!PassTextField(&rest, '\0', &field, &chars) ||
		PassBase64Decode(field, chars, PASS_BASE64_DOT, out->key, PASS_KEY_SIZE,
						 &out->key_length) != STATUS_OK ||
		out->key_length != DigestBytes(out->digest))
		return STATUS_HASH_FORMAT;
	return CheckCost(out);
}

/* pbkdf2_sha256$600000$salt$hash: the salt is text as it stands. */
Status
PassParseDjangoPbkdf2(const char *text, size_t length, PassHash *out)
{
	PassText	rest = PassTextBehind(text, length, strlen(out->scheme->prefix));
	const char *field;
	size_t		chars;

	if (!PassTextNumber(&rest, &out->cost) || !PassTextSkip(&rest, "$"))
		return STATUS_HASH_FORMAT;
	if (!PassTextField(&rest, '$', &field, &chars) || chars == 0 || chars > PASS_SALT_SIZE)
		return STATUS_HASH_FORMAT;
	memcpy(out->salt, field, chars);
	out->salt_length = chars;
	if (!PassTextField(&rest, '\0', &field, &chars) ||
		PassBase64Decode(field, chars, PASS_BASE64_PADDED, out->key, PASS_KEY_SIZE,
						 &out->key_length) != STATUS_OK ||
		out->key_length != DigestBytes(out->digest))
		return STATUS_HASH_FORMAT;
	return CheckCost(out);
}

/* Read 32 bits, highest first. */
static uint32_t
ReadUint32(const uint8_t *at)
{
	return (uint32_t) at[0] << 24 | (uint32_t) at[1] << 16 | (uint32_t) at[2] << 8 | at[3];
}

/* Salt and key behind the header of a blob. */
static Status
TakeBlob(const uint8_t *blob, size_t length, size_t header, size_t salt_length, PassHash *out)
{
	if (length != header + salt_length + ASPNET_KEY_BYTES)
		return STATUS_HASH_FORMAT;
	memcpy(out->salt, blob + header, salt_length);
	memcpy(out->key, blob + header + salt_length, ASPNET_KEY_BYTES);
	out->salt_length = salt_length;
	out->key_length = ASPNET_KEY_BYTES;
	return CheckCost(out);
}

/*
 * Base64 of 00, salt, key (Identity 2: 1000 rounds with SHA-1), or of 01, digest,
 * iterations, length of the salt, salt, key (Identity 3).
 */
Status
PassParseAspNet(const char *text, size_t length, PassHash *out)
{
	static const char *const digests[] = {"SHA1", "SHA256", "SHA512"};
	uint8_t		blob[ASPNET_SIZE];
	size_t		blob_length;
	Status		status = STATUS_HASH_FORMAT;

	if (PassBase64Decode(text, length, PASS_BASE64_PADDED, blob, sizeof(blob),
						 &blob_length) != STATUS_OK || blob_length == 0)
		return STATUS_HASH_FORMAT;
	if (blob[0] == 0x00)
	{
		out->digest = "SHA1";
		out->cost = ASPNET_V2_ITERATIONS;
		status = TakeBlob(blob, blob_length, 1, ASPNET_SALT_BYTES, out);
	}
	else if (blob[0] == 0x01 && blob_length >= ASPNET_V3_HEADER &&
			 ReadUint32(blob + 1) < sizeof(digests) / sizeof(digests[0]) &&
			 ReadUint32(blob + 9) >= ASPNET_SALT_BYTES && ReadUint32(blob + 9) <= PASS_SALT_SIZE)
	{
		out->digest = digests[ReadUint32(blob + 1)];
		out->cost = ReadUint32(blob + 5);
		status = TakeBlob(blob, blob_length, ASPNET_V3_HEADER, ReadUint32(blob + 9), out);
	}
	SecureWipe(blob, sizeof(blob));
	return status;
}

/* Compute. */
Status
PassComputePbkdf2(const char *password, size_t length, const PassHash *hash, uint8_t *out)
{
	const EVP_MD *digest = EVP_get_digestbyname(hash->digest);

	if (digest == NULL ||
		PKCS5_PBKDF2_HMAC(password, (int) length, hash->salt, (int) hash->salt_length,
						  (int) hash->cost, digest, (int) hash->key_length, out) != 1)
	{
		ERR_clear_error();
		return STATUS_CRYPTO;
	}
	return STATUS_OK;
}
