/*
 * src/core/passargon.c: argon2id and argon2i (RFC 9106) in PHC strings.
 *
 * libsodium has the vector code for whatever processor it meets, and took two
 * thirds of the time of Debian's libargon2; but it knows one lane, salts of 16
 * bytes and version 1.3 only.  Everything else goes to libargon2.
 * Depends on libsodium, libargon2, base64url and mem.
 */
#include "passscheme.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <argon2.h>
#include <sodium.h>

#include "base64url.h"
#include "mem.h"
#include "passhash.h"

#define VERSION_1_0 0x10
#define VERSION_1_3 0x13

#define NEW_SALT_BYTES 16
#define NEW_KEY_BYTES 32

/* What a hash must have to be worth anything; the format allows four bytes. */
#define MIN_SALT_BYTES 8
#define MIN_KEY_BYTES 16
#define MAX_KEY_BYTES 128

/* Is it argon2id?  Else argon2i. */
static bool
IsId(const PassHash *hash)
{
	return strcmp(hash->scheme->prefix, "$argon2id$") == 0;
}

/* $argon2id$[v=19$]m=19456,t=2,p=1$salt$hash; without v it is version 1.0. */
Status
PassParseArgon2(const char *text, size_t length, PassHash *out)
{
	PassText	rest = PassTextBehind(text, length, strlen(out->scheme->prefix));
	const char *field;
	size_t		chars;

	out->version = VERSION_1_0;
	if (PassTextSkip(&rest, "v=19$"))
		out->version = VERSION_1_3;
	else if (PassTextSkip(&rest, "v="))
	{
		/* 1.0 may be said or not; one of the two spellings is enough */
		if (!PassTextSkip(&rest, "16$"))
			return STATUS_HASH_FORMAT;
	}
	if (!PassTextSkip(&rest, "m=") || !PassTextNumber(&rest, &out->memory) ||
		!PassTextSkip(&rest, ",t=") || !PassTextNumber(&rest, &out->cost) ||
		!PassTextSkip(&rest, ",p=") || !PassTextNumber(&rest, &out->p) ||
		!PassTextSkip(&rest, "$"))
		return STATUS_HASH_FORMAT;
	if (out->cost < 1 || out->p < 1 || out->memory / 8 < out->p)
		return STATUS_HASH_FORMAT;

	if (!PassTextField(&rest, '$', &field, &chars) ||
		PassBase64Decode(field, chars, PASS_BASE64_BARE, out->salt, PASS_SALT_SIZE,
						 &out->salt_length) != STATUS_OK ||
		out->salt_length < MIN_SALT_BYTES)
		return STATUS_HASH_FORMAT;
	if (!PassTextField(&rest, '\0', &field, &chars) ||
		PassBase64Decode(field, chars, PASS_BASE64_BARE, out->key, MAX_KEY_BYTES,
						 &out->key_length) != STATUS_OK ||
		out->key_length < MIN_KEY_BYTES)
		return STATUS_HASH_FORMAT;

	if (out->memory > PASS_MAX_MEMORY_KIB ||
		(uint64_t) out->memory * out->cost > PASS_MAX_ARGON2_BLOCKS)
		return STATUS_HASH_COST;
	return STATUS_OK;
}

/* Can libsodium compute this one? */
static bool
SodiumCan(const PassHash *hash)
{
	/* It chooses its vector code here; a second call does nothing. */
	if (sodium_init() < 0)
		return false;
	return hash->p == 1 && hash->version == VERSION_1_3 &&
		hash->salt_length == crypto_pwhash_SALTBYTES &&
		hash->cost >= (IsId(hash) ? crypto_pwhash_argon2id_OPSLIMIT_MIN :
					   crypto_pwhash_argon2i_OPSLIMIT_MIN);
}

/* By libargon2, in this thread whatever the number of lanes: a backend has one. */
static Status
ComputeByArgon2(const char *password, size_t length, const PassHash *hash, uint8_t *out)
{
	argon2_context context = {0};
	int			result;

	context.out = out;
	context.outlen = (uint32_t) hash->key_length;
	context.pwd = (uint8_t *) (uintptr_t) password; /* not written to without a flag */
	context.pwdlen = (uint32_t) length;
	context.salt = (uint8_t *) (uintptr_t) hash->salt;
	context.saltlen = (uint32_t) hash->salt_length;
	context.t_cost = hash->cost;
	context.m_cost = hash->memory;
	context.lanes = hash->p;
	context.threads = 1;
	context.version = hash->version;
	context.flags = ARGON2_DEFAULT_FLAGS;
	result = argon2_ctx(&context, IsId(hash) ? Argon2_id : Argon2_i);
	if (result == ARGON2_OK)
		return STATUS_OK;
	return result == ARGON2_MEMORY_ALLOCATION_ERROR ? STATUS_MEMORY : STATUS_HASH_FORMAT;
}

/* Compute. */
Status
PassComputeArgon2(const char *password, size_t length, const PassHash *hash, uint8_t *out)
{
	if (!SodiumCan(hash))
		return ComputeByArgon2(password, length, hash, out);
	if (crypto_pwhash(out, hash->key_length, password, length, hash->salt, hash->cost,
					  (size_t) hash->memory * 1024,
					  IsId(hash) ? crypto_pwhash_ALG_ARGON2ID13 : crypto_pwhash_ALG_ARGON2I13) != 0)
		return errno == EINVAL ? STATUS_CRYPTO : STATUS_MEMORY;
	return STATUS_OK;
}

/* The parameters of a new hash, with a salt and a key of zeros. */
void
PassNewArgon2(int memory, int iterations, PassHash *out)
{
	out->memory = (uint32_t) memory;
	out->cost = (uint32_t) iterations;
	out->p = 1;
	out->version = VERSION_1_3;
	out->salt_length = NEW_SALT_BYTES;
	out->key_length = NEW_KEY_BYTES;
}

/* Append bytes in base64 without padding. */
static size_t
Append(const uint8_t *bytes, size_t length, char *out)
{
	size_t		chars = Base64UrlEncode(bytes, length, out);

	for (size_t i = 0; i < chars; i++)
	{
		if (out[i] == '-')
			out[i] = '+';
		else if (out[i] == '_')
			out[i] = '/';
	}
	return chars;
}

/* Write a hash as a PHC string. */
Status
PassFormatArgon2(const PassHash *hash, char *out, size_t size)
{
	int			length = snprintf(out, size, "%sv=%u$m=%u,t=%u,p=%u$", hash->scheme->prefix,
								  hash->version, hash->memory, hash->cost, hash->p);

	if (length < 0 || (size_t) length + BASE64URL_LENGTH(hash->salt_length) + 1 +
		BASE64URL_LENGTH(hash->key_length) + 1 > size)
		return STATUS_ARGUMENT;
	out += length;
	out += Append(hash->salt, hash->salt_length, out);
	*out++ = '$';
	out += Append(hash->key, hash->key_length, out);
	*out = '\0';
	return STATUS_OK;
}
