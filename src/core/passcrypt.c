/*
 * src/core/passcrypt.c: password hashes of crypt(3): bcrypt, yescrypt, scrypt ($7$),
 * SHA-crypt and MD5-crypt, through libxcrypt.
 *
 * libxcrypt is given no setting that was not read here to its last character: it
 * takes more than we bound.  Depends on libcrypt, libcrypto (for bcrypt_sha256)
 * and mem.
 */
#include "passscheme.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <crypt.h>

#include "mem.h"
#include "passhash.h"

/* $2b$ cost $ 22 characters of salt, 31 of hash. */
#define BCRYPT_CHARS 60
#define BCRYPT_SALT_START 7
#define BCRYPT_SALT_LAST 28
#define BCRYPT_SALT_BYTES 16
#define BCRYPT_FORMAT_MAX_COST 31

#define SHA_CRYPT_SALT_CHARS 16
#define SHA_CRYPT_MIN_ROUNDS 1000
#define SHA_CRYPT_DEFAULT_ROUNDS 5000
#define MD5_CRYPT_SALT_CHARS 8
#define MD5_CRYPT_KEY_CHARS 22
#define YESCRYPT_KEY_CHARS 43
#define YESCRYPT_SALT_CHARS 86

/* Keep the whole text: it is what libxcrypt takes as setting, and what it returns. */
static Status
KeepText(const char *text, size_t length, PassHash *out)
{
	if (length >= PASS_KEY_SIZE)
		return STATUS_HASH_FORMAT;
	memcpy(out->key, text, length);
	out->key_length = length;
	return STATUS_OK;
}

/* Are these length characters all of crypt(3)'s base64? */
static bool
IsCrypt64(const char *text, size_t length)
{
	for (size_t i = 0; i < length; i++)
	{
		if (PassCrypt64(text[i]) < 0)
			return false;
	}
	return true;
}

/*
 * Are they whole bytes in it?  The last character has four bits to spare when it
 * ends one byte of the last group, two when it ends two.  With one of them set
 * yescrypt refuses a salt, and no password would ever match a hash.
 */
static bool
IsCrypt64Bytes(const char *text, size_t length)
{
	static const int ends[] = {64, 0, 4, 16};

	return length > 0 && IsCrypt64(text, length) && PassCrypt64(text[length - 1]) < ends[length % 4];
}

/* Value of a character of bcrypt's own base64, or -1. */
static int
Bcrypt64(char c)
{
	if (c == '.' || c == '/')
		return c - '.';
	if (c >= 'A' && c <= 'Z')
		return c - 'A' + 2;
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 28;
	if (c >= '0' && c <= '9')
		return c - '0' + 54;
	return -1;
}

/* $2b$10$…; the letter has been looked at. */
Status
PassParseBcrypt(const char *text, size_t length, PassHash *out)
{
	if (length != BCRYPT_CHARS)
		return STATUS_HASH_FORMAT;
	if (text[4] < '0' || text[4] > '9' || text[5] < '0' || text[5] > '9' || text[6] != '$')
		return STATUS_HASH_FORMAT;
	out->cost = (uint32_t) ((text[4] - '0') * 10 + (text[5] - '0'));
	if (out->cost < PASSHASH_BCRYPT_MIN_COST || out->cost > BCRYPT_FORMAT_MAX_COST)
		return STATUS_HASH_FORMAT;
	for (size_t i = BCRYPT_SALT_START; i < BCRYPT_CHARS; i++)
	{
		if (Bcrypt64(text[i]) < 0)
			return STATUS_HASH_FORMAT;
	}

	/*
	 * 16 bytes of salt leave four bits of their last character unused, 23
	 * bytes of hash two.  With one of them set no password would ever match.
	 */
	if ((Bcrypt64(text[BCRYPT_SALT_LAST]) & 15) != 0 ||
		(Bcrypt64(text[BCRYPT_CHARS - 1]) & 3) != 0)
		return STATUS_HASH_FORMAT;
	if (out->cost > PASSHASH_BCRYPT_MAX_COST)
		return STATUS_HASH_COST;
	return KeepText(text, length, out);
}

/* Django's bcrypt_sha256$$2b$…, which hashes the password before bcrypt can cut it. */
Status
PassParseBcryptSha256(const char *text, size_t length, PassHash *out)
{
	PassText	rest = PassTextBehind(text, length, strlen(out->scheme->prefix));
	size_t		left = (size_t) (rest.end - rest.at);

	if (left < 4 || (memcmp(rest.at, "$2b$", 4) != 0 && memcmp(rest.at, "$2a$", 4) != 0 &&
					 memcmp(rest.at, "$2y$", 4) != 0))
		return STATUS_HASH_FORMAT;
	return PassParseBcrypt(rest.at, left, out);
}

/*
 * $y$j9T$salt$hash: flavor, then N and r.  Only the parameters of one character
 * each that crypt_gensalt() makes (costs 1 to 11): no parallelism, no growth.
 */
Status
PassParseYescrypt(const char *text, size_t length, PassHash *out)
{
	PassText	rest = PassTextBehind(text, length, strlen(out->scheme->prefix));
	const char *field;
	size_t		chars;
	Status		status;

	if (!PassTextField(&rest, '$', &field, &chars) || chars != 3 || field[0] != 'j')
		return STATUS_HASH_FORMAT;
	/* from 48 on a character begins a longer number */
	if (PassCrypt64(field[1]) < 0 || PassCrypt64(field[1]) > 30 ||
		PassCrypt64(field[2]) < 0 || PassCrypt64(field[2]) > 47)
		return STATUS_HASH_FORMAT;
	out->n = UINT64_C(1) << (PassCrypt64(field[1]) + 1);
	out->r = (uint32_t) PassCrypt64(field[2]) + 1;
	out->p = 1;
	if (!PassTextField(&rest, '$', &field, &chars) ||
		chars > YESCRYPT_SALT_CHARS || !IsCrypt64Bytes(field, chars))
		return STATUS_HASH_FORMAT;
	if (rest.end - rest.at != YESCRYPT_KEY_CHARS || !IsCrypt64Bytes(rest.at, YESCRYPT_KEY_CHARS))
		return STATUS_HASH_FORMAT;
	status = PassCheckScryptCost(out);
	return status == STATUS_OK ? KeepText(text, length, out) : status;
}

/* $7$ N rrrrr ppppp salt $ hash: one character of log2 N, five of r and of p. */
Status
PassParseCryptScrypt(const char *text, size_t length, PassHash *out)
{
	PassText	rest = PassTextBehind(text, length, strlen(out->scheme->prefix));
	const char *field;
	size_t		chars;
	Status		status;

	if (!PassTextField(&rest, '$', &field, &chars) ||
		chars < 11 || chars > 11 + YESCRYPT_SALT_CHARS || !IsCrypt64(field, chars))
		return STATUS_HASH_FORMAT;
	out->n = UINT64_C(1) << PassCrypt64(field[0]);
	for (int i = 0; i < 5; i++)
	{
		out->r |= (uint32_t) PassCrypt64(field[1 + i]) << (6 * i);
		out->p |= (uint32_t) PassCrypt64(field[6 + i]) << (6 * i);
	}
	if (rest.end - rest.at != YESCRYPT_KEY_CHARS || !IsCrypt64Bytes(rest.at, YESCRYPT_KEY_CHARS))
		return STATUS_HASH_FORMAT;
	status = PassCheckScryptCost(out);
	return status == STATUS_OK ? KeepText(text, length, out) : status;
}

/* $5$[rounds=N$]salt$hash and $6$. */
Status
PassParseShaCrypt(const char *text, size_t length, PassHash *out)
{
	PassText	rest = PassTextBehind(text, length, strlen(out->scheme->prefix));
	ptrdiff_t	key_chars = text[1] == '5' ? 43 : 86;
	const char *salt;
	size_t		chars;

	out->cost = SHA_CRYPT_DEFAULT_ROUNDS;
	if (PassTextSkip(&rest, "rounds="))
	{
		if (!PassTextNumber(&rest, &out->cost) || !PassTextSkip(&rest, "$") ||
			out->cost < SHA_CRYPT_MIN_ROUNDS)
			return STATUS_HASH_FORMAT;
	}
	if (!PassTextField(&rest, '$', &salt, &chars) || chars == 0 ||
		chars > SHA_CRYPT_SALT_CHARS || !IsCrypt64(salt, chars))
		return STATUS_HASH_FORMAT;
	if (rest.end - rest.at != key_chars || !IsCrypt64Bytes(rest.at, (size_t) key_chars))
		return STATUS_HASH_FORMAT;
	if (out->cost > PASS_MAX_SHA_CRYPT_ROUNDS)
		return STATUS_HASH_COST;
	return KeepText(text, length, out);
}

/* $1$salt$hash */
Status
PassParseMd5Crypt(const char *text, size_t length, PassHash *out)
{
	PassText	rest = PassTextBehind(text, length, strlen(out->scheme->prefix));
	const char *salt;
	size_t		chars;

	if (!PassTextField(&rest, '$', &salt, &chars) || chars == 0 ||
		chars > MD5_CRYPT_SALT_CHARS || !IsCrypt64(salt, chars))
		return STATUS_HASH_FORMAT;
	if (rest.end - rest.at != MD5_CRYPT_KEY_CHARS || !IsCrypt64Bytes(rest.at, MD5_CRYPT_KEY_CHARS))
		return STATUS_HASH_FORMAT;
	return KeepText(text, length, out);
}

/* Run libxcrypt; out gets as many bytes as the stored text has. */
Status
PassComputeCrypt(const char *password, size_t length, const PassHash *hash, uint8_t *out)
{
	char		phrase[CRYPT_MAX_PASSPHRASE_SIZE];
	char		setting[PASS_KEY_SIZE];
	struct crypt_data *data;
	const char *result;
	Status		status = STATUS_OK;

	if (length >= sizeof(phrase))
		return STATUS_PASSWORD_LENGTH;
	/* 32 KB, too large for the stack of a deep call. */
	data = calloc(1, sizeof(struct crypt_data));
	if (data == NULL)
		return STATUS_MEMORY;

	memcpy(phrase, password, length);
	phrase[length] = '\0';
	memcpy(setting, hash->key, hash->key_length);
	setting[hash->key_length] = '\0';
	memset(out, 0, hash->key_length);
	errno = 0;
	result = crypt_rn(phrase, setting, data, (int) sizeof(struct crypt_data));
	if (result == NULL || result[0] != '$')
		status = errno == ENOMEM ? STATUS_MEMORY : STATUS_HASH_FORMAT;
	else if (strlen(result) == hash->key_length)
		memcpy(out, result, hash->key_length);

	SecureWipe(phrase, sizeof(phrase));
	SecureWipe(setting, sizeof(setting));
	SecureFree(data, sizeof(struct crypt_data));
	return status;
}

/*
 * SHA-crypt hashes the password in each round.  A long one under many rounds would
 * take ten seconds; up to 64 bytes any number of rounds that is read will do.
 */
Status
PassComputeShaCrypt(const char *password, size_t length, const PassHash *hash, uint8_t *out)
{
	if ((uint64_t) hash->cost * (64 + length) > UINT64_C(128) * PASS_MAX_SHA_CRYPT_ROUNDS)
		return STATUS_PASSWORD_LENGTH;
	return PassComputeCrypt(password, length, hash, out);
}

/* bcrypt of the hexadecimal SHA-256. */
Status
PassComputeBcryptSha256(const char *password, size_t length, const PassHash *hash, uint8_t *out)
{
	static const char digits[] = "0123456789abcdef";
	uint8_t		digest[32];
	char		hex[64];
	Status		status = Sha256(password, length, digest);

	if (status != STATUS_OK)
		return status;
	for (size_t i = 0; i < sizeof(digest); i++)
	{
		hex[2 * i] = digits[digest[i] >> 4];
		hex[2 * i + 1] = digits[digest[i] & 15];
	}
	status = PassComputeCrypt(hex, sizeof(hex), hash, out);
	SecureWipe(digest, sizeof(digest));
	SecureWipe(hex, sizeof(hex));
	return status;
}

/* A setting for a new hash, with a salt of its own. */
Status
PassBcryptSetting(int cost, char *out, size_t size)
{
	uint8_t		salt[BCRYPT_SALT_BYTES];
	Status		status = RandomBytes(salt, sizeof(salt));

	if (status != STATUS_OK)
		return status;
	if (crypt_gensalt_rn("$2b$", (unsigned long) cost, (const char *) salt,
						 (int) sizeof(salt), out, (int) size) == NULL)
		return STATUS_CRYPTO;
	return STATUS_OK;
}
