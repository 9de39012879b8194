/*
 * src/core/passscrypt.c: scrypt (RFC 7914) as passlib, Django, better-auth and
 * Firebase store it.
 *
 * Each form has one length of key, for the reason that passpbkdf2.c gives.
 * Depends on libcrypto and mem.
 */
#include "passscheme.h"

#include <string.h>

#include <openssl/err.h>
#include <openssl/evp.h>

#include "mem.h"

#define PHC_KEY_BYTES 32
#define DJANGO_KEY_BYTES 64
#define FIREBASE_CIPHER_KEY_BYTES 32
#define FIREBASE_MIN_SIGNER_BYTES 16
#define BETTER_AUTH_SALT_CHARS 32
#define BETTER_AUTH_KEY_BYTES 64

/* Above these a number is nonsense for any machine; the products stay in 64 bits. */
#define MAX_LOG_N 40
#define MAX_R_P 0xFFFF

/* Is the whole within bounds?  128 N r bytes of memory, and time N r p. */
Status
PassCheckScryptCost(const PassHash *hash)
{
	if (hash->n < 2 || hash->r < 1 || hash->p < 1)
		return STATUS_HASH_FORMAT;
	if (hash->n > UINT64_C(1) << MAX_LOG_N || hash->r > MAX_R_P || hash->p > MAX_R_P)
		return STATUS_HASH_COST;
	/* N r at most 2^56 here */
	if (hash->n * hash->r > (uint64_t) PASS_MAX_MEMORY_KIB * 8 ||
		hash->n * hash->r * hash->p > PASS_MAX_SCRYPT_BLOCKS)
		return STATUS_HASH_COST;
	return STATUS_OK;
}

/* A logarithm as N; what does not fit is beyond every bound. */
static uint64_t
PowerOfTwo(uint32_t logarithm)
{
	return UINT64_C(1) << (logarithm > MAX_LOG_N ? MAX_LOG_N + 1 : logarithm);
}

/* $scrypt$ln=16,r=8,p=1$salt$hash */
Status
PassParseScrypt(const char *text, size_t length, PassHash *out)
{
	PassText	rest = PassTextBehind(text, length, strlen(out->scheme->prefix));
	uint32_t	logarithm;
	const char *field;
	size_t		chars;

	if (!PassTextSkip(&rest, "ln=") || !PassTextNumber(&rest, &logarithm) ||
		!PassTextSkip(&rest, ",r=") || !PassTextNumber(&rest, &out->r) ||
		!PassTextSkip(&rest, ",p=") || !PassTextNumber(&rest, &out->p) ||
		!PassTextSkip(&rest, "$"))
		return STATUS_HASH_FORMAT;
	out->n = PowerOfTwo(logarithm);
	if (!PassTextField(&rest, '$', &field, &chars) ||
		PassBase64Decode(field, chars, PASS_BASE64_BARE, out->salt, PASS_SALT_SIZE,
						 &out->salt_length) != STATUS_OK || out->salt_length == 0)
		return STATUS_HASH_FORMAT;
	if (!PassTextField(&rest, '\0', &field, &chars) ||
		PassBase64Decode(field, chars, PASS_BASE64_BARE, out->key, PASS_KEY_SIZE,
						 &out->key_length) != STATUS_OK || out->key_length != PHC_KEY_BYTES)
		return STATUS_HASH_FORMAT;
	return PassCheckScryptCost(out);
}

/* scrypt$N$salt$r$p$hash: the salt is text as it stands. */
Status
PassParseDjangoScrypt(const char *text, size_t length, PassHash *out)
{
	PassText	rest = PassTextBehind(text, length, strlen(out->scheme->prefix));
	uint32_t	n;
	const char *field;
	size_t		chars;

	if (!PassTextNumber(&rest, &n) || !PassTextSkip(&rest, "$") || (n & (n - 1)) != 0)
		return STATUS_HASH_FORMAT;
	out->n = n;
	if (!PassTextField(&rest, '$', &field, &chars) || chars == 0 || chars > PASS_SALT_SIZE)
		return STATUS_HASH_FORMAT;
	memcpy(out->salt, field, chars);
	out->salt_length = chars;
	if (!PassTextNumber(&rest, &out->r) || !PassTextSkip(&rest, "$") ||
		!PassTextNumber(&rest, &out->p) || !PassTextSkip(&rest, "$"))
		return STATUS_HASH_FORMAT;
	if (!PassTextField(&rest, '\0', &field, &chars) ||
		PassBase64Decode(field, chars, PASS_BASE64_PADDED, out->key, PASS_KEY_SIZE,
						 &out->key_length) != STATUS_OK || out->key_length != DJANGO_KEY_BYTES)
		return STATUS_HASH_FORMAT;
	return PassCheckScryptCost(out);
}

/* Value of a small hexadecimal digit, or -1. */
static int
HexValue(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* salt:hash in hexadecimal; the salt is those digits, not what they stand for. */
Status
PassParseBetterAuth(const char *text, size_t length, PassHash *out)
{
	const char *key = text + BETTER_AUTH_SALT_CHARS + 1;

	if (length != BETTER_AUTH_SALT_CHARS + 1 + 2 * BETTER_AUTH_KEY_BYTES ||
		text[BETTER_AUTH_SALT_CHARS] != ':')
		return STATUS_HASH_FORMAT;
	for (size_t i = 0; i < BETTER_AUTH_SALT_CHARS; i++)
	{
		if (HexValue(text[i]) < 0)
			return STATUS_HASH_FORMAT;
	}
	memcpy(out->salt, text, BETTER_AUTH_SALT_CHARS);
	out->salt_length = BETTER_AUTH_SALT_CHARS;
	for (size_t i = 0; i < BETTER_AUTH_KEY_BYTES; i++)
	{
		int			high = HexValue(key[2 * i]);
		int			low = HexValue(key[2 * i + 1]);

		if (high < 0 || low < 0)
			return STATUS_HASH_FORMAT;
		out->key[i] = (uint8_t) (high << 4 | low);
	}
	out->key_length = BETTER_AUTH_KEY_BYTES;
	out->n = 16384;
	out->r = 16;
	out->p = 1;
	return PassCheckScryptCost(out);
}

/*
 * $fbscrypt$v=1,n=14,r=8,p=1,ss=separator,sk=signer$salt$hash, as GoTrue writes
 * it: n is a logarithm, and the salt of scrypt is salt and separator.
 */
Status
PassParseFirebase(const char *text, size_t length, PassHash *out)
{
	PassText	rest = PassTextBehind(text, length, strlen(out->scheme->prefix));
	uint8_t		separator[PASS_SALT_SIZE];
	size_t		separator_length;
	uint32_t	logarithm;
	const char *field;
	size_t		chars;

	if (!PassTextSkip(&rest, "v=1,n=") || !PassTextNumber(&rest, &logarithm) ||
		!PassTextSkip(&rest, ",r=") || !PassTextNumber(&rest, &out->r) ||
		!PassTextSkip(&rest, ",p=") || !PassTextNumber(&rest, &out->p) ||
		!PassTextSkip(&rest, ",ss="))
		return STATUS_HASH_FORMAT;
	out->n = PowerOfTwo(logarithm);
	if (!PassTextField(&rest, ',', &field, &chars) ||
		PassBase64Decode(field, chars, PASS_BASE64_PADDED, separator, sizeof(separator),
						 &separator_length) != STATUS_OK)
		return STATUS_HASH_FORMAT;
	if (!PassTextSkip(&rest, "sk=") || !PassTextField(&rest, '$', &field, &chars) ||
		PassBase64Decode(field, chars, PASS_BASE64_PADDED, out->signer, PASS_SIGNER_SIZE,
						 &out->signer_length) != STATUS_OK)
		return STATUS_HASH_FORMAT;
	if (!PassTextField(&rest, '$', &field, &chars) ||
		PassBase64Decode(field, chars, PASS_BASE64_PADDED, out->salt, PASS_SALT_SIZE,
						 &out->salt_length) != STATUS_OK ||
		out->salt_length == 0 || out->salt_length + separator_length > PASS_SALT_SIZE)
		return STATUS_HASH_FORMAT;
	memcpy(out->salt + out->salt_length, separator, separator_length);
	out->salt_length += separator_length;
	if (!PassTextField(&rest, '\0', &field, &chars) ||
		PassBase64Decode(field, chars, PASS_BASE64_PADDED, out->key, PASS_KEY_SIZE,
						 &out->key_length) != STATUS_OK ||
		out->key_length < FIREBASE_MIN_SIGNER_BYTES || out->key_length != out->signer_length)
		return STATUS_HASH_FORMAT;
	return PassCheckScryptCost(out);
}

/* Derive a key of some length. */
static Status
Derive(const char *password, size_t length, const PassHash *hash, uint8_t *out, size_t out_length)
{
	/* what OpenSSL counts beside the 128 N r that were checked: a few blocks of 128 r */
	uint64_t	memory = UINT64_C(128) * hash->r * (hash->n + hash->p + 2) + 4096;

	if (EVP_PBE_scrypt(password, length, hash->salt, hash->salt_length,
					   hash->n, hash->r, hash->p, memory, out, out_length) != 1)
	{
		ERR_clear_error();
		return STATUS_CRYPTO;
	}
	return STATUS_OK;
}

/* Compute. */
Status
PassComputeScrypt(const char *password, size_t length, const PassHash *hash, uint8_t *out)
{
	return Derive(password, length, hash, out, hash->key_length);
}

/* The signer key of the project, encrypted (AES-256-CTR, from zero) by the scrypt key. */
Status
PassComputeFirebase(const char *password, size_t length, const PassHash *hash, uint8_t *out)
{
	static const uint8_t zero[16];
	uint8_t		key[FIREBASE_CIPHER_KEY_BYTES];
	EVP_CIPHER_CTX *context = NULL;
	int			written = 0;
	Status		status = Derive(password, length, hash, key, sizeof(key));

	if (status != STATUS_OK)
		goto done;
	status = STATUS_CRYPTO;
	context = EVP_CIPHER_CTX_new();
	if (context != NULL &&
		EVP_EncryptInit_ex(context, EVP_aes_256_ctr(), NULL, key, zero) == 1 &&
		EVP_EncryptUpdate(context, out, &written, hash->signer, (int) hash->signer_length) == 1 &&
		(size_t) written == hash->key_length)
		status = STATUS_OK;
	else
		ERR_clear_error();

done:
	EVP_CIPHER_CTX_free(context);
	SecureWipe(key, sizeof(key));
	return status;
}
