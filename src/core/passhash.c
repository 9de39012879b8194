/*
 * src/core/passhash.c: bcrypt through libxcrypt.
 *
 * Depends on libcrypt and mem.
 */
#include "passhash.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <crypt.h>

#include "mem.h"

/*
 * The schemes that verify.  $2a$ and $2y$ are other implementations' names for
 * what OpenBSD calls $2b$; they are read and rehashed, never made.
 */
typedef struct Scheme
{
	const char *prefix;
	bool		create;			/* made here; the others are due for a rehash */
	int			min_cost;
	int			max_cost;		/* accepted; above it only refused */
	int			limit_cost;		/* highest that the format knows */
	size_t		max_password;
} Scheme;

static const Scheme schemes[] = {
	{"$2b$", true, PASSHASH_BCRYPT_MIN_COST, PASSHASH_BCRYPT_MAX_COST, 31, PASSHASH_BCRYPT_MAX_BYTES},
	{"$2y$", false, PASSHASH_BCRYPT_MIN_COST, PASSHASH_BCRYPT_MAX_COST, 31, PASSHASH_BCRYPT_MAX_BYTES},
	{"$2a$", false, PASSHASH_BCRYPT_MIN_COST, PASSHASH_BCRYPT_MAX_COST, 31, PASSHASH_BCRYPT_MAX_BYTES},
};

static const Scheme *const bcrypt = &schemes[0];

/* The longest password of any scheme. */
#define PASSWORD_MAX_BYTES PASSHASH_BCRYPT_MAX_BYTES

/* $2b$ cost $ 22 characters of salt, 31 of hash. */
#define BCRYPT_CHARS 60
#define BCRYPT_PREFIX_CHARS 4
#define BCRYPT_SALT_START 7
#define BCRYPT_SALT_LAST 28
#define BCRYPT_SALT_BYTES 16

/* Value of a character of bcrypt's own base64, or -1. */
static int
Bcrypt64(char c)
{
	if (c == '.')
		return 0;
	if (c == '/')
		return 1;
	if (c >= 'A' && c <= 'Z')
		return c - 'A' + 2;
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 28;
	if (c >= '0' && c <= '9')
		return c - '0' + 54;
	return -1;
}

/* Scheme and cost of a stored hash, if it is well-formed to the last character. */
static Status
ParseHash(const char *hash, size_t length, const Scheme **out, int *out_cost)
{
	const Scheme *scheme = NULL;
	int			cost;
	size_t		i;

	if (length != BCRYPT_CHARS)
		return STATUS_HASH_FORMAT;
	for (i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++)
	{
		if (memcmp(hash, schemes[i].prefix, BCRYPT_PREFIX_CHARS) == 0)
			scheme = &schemes[i];
	}
	if (scheme == NULL)
		return STATUS_HASH_FORMAT;

	if (hash[4] < '0' || hash[4] > '9' || hash[5] < '0' || hash[5] > '9' || hash[6] != '$')
		return STATUS_HASH_FORMAT;
	cost = (hash[4] - '0') * 10 + (hash[5] - '0');
	if (cost < scheme->min_cost || cost > scheme->limit_cost)
		return STATUS_HASH_FORMAT;
	for (i = BCRYPT_SALT_START; i < BCRYPT_CHARS; i++)
	{
		if (Bcrypt64(hash[i]) < 0)
			return STATUS_HASH_FORMAT;
	}

	/*
	 * 16 bytes of salt leave four bits of their last character unused, 23
	 * bytes of hash two.  With one of them set no password would ever match.
	 */
	if ((Bcrypt64(hash[BCRYPT_SALT_LAST]) & 15) != 0 ||
		(Bcrypt64(hash[BCRYPT_CHARS - 1]) & 3) != 0)
		return STATUS_HASH_FORMAT;

	if (cost > scheme->max_cost)
		return STATUS_HASH_COST;
	*out = scheme;
	*out_cost = cost;
	return STATUS_OK;
}

/* Can the scheme take this password whole? */
static Status
CheckPassword(const Scheme *scheme, const char *password, size_t length)
{
	if (length == 0 || length > scheme->max_password)
		return STATUS_PASSWORD_LENGTH;
	if (memchr(password, '\0', length) != NULL)
		return STATUS_PASSWORD_NUL;
	return STATUS_OK;
}

/* Run libxcrypt for a checked password and setting; out gets the hash. */
static Status
Crypt(const char *password, size_t length, const char *setting, char out[PASSHASH_SIZE])
{
	char		phrase[PASSWORD_MAX_BYTES + 1];
	struct crypt_data *data;
	const char *result;
	Status		status = STATUS_CRYPTO;

	/* 32 KB, too large for the stack of a deep call. */
	data = calloc(1, sizeof(struct crypt_data));
	if (data == NULL)
		return STATUS_MEMORY;

	memcpy(phrase, password, length);
	phrase[length] = '\0';
	result = crypt_rn(phrase, setting, data, (int) sizeof(struct crypt_data));
	if (result != NULL && result[0] == '$' && strlen(result) < PASSHASH_SIZE)
	{
		memcpy(out, result, strlen(result) + 1);
		status = STATUS_OK;
	}

	SecureWipe(phrase, sizeof(phrase));
	SecureFree(data, sizeof(struct crypt_data));
	return status;
}

/* Hash a password with a fresh salt. */
Status
PassHashCreate(const char *password, size_t length, int cost, char out[PASSHASH_SIZE])
{
	uint8_t		salt[BCRYPT_SALT_BYTES];
	char		setting[CRYPT_GENSALT_OUTPUT_SIZE];
	const Scheme *made;
	int			made_cost;
	Status		status;

	out[0] = '\0';
	if (cost < bcrypt->min_cost || cost > bcrypt->max_cost)
		return STATUS_HASH_COST;
	status = CheckPassword(bcrypt, password, length);
	if (status != STATUS_OK)
		return status;

	status = RandomBytes(salt, sizeof(salt));
	if (status != STATUS_OK)
		return status;
	if (crypt_gensalt_rn(bcrypt->prefix, (unsigned long) cost, (const char *) salt,
						 (int) sizeof(salt), setting, (int) sizeof(setting)) == NULL)
		return STATUS_CRYPTO;
	status = Crypt(password, length, setting, out);

	/* What is stored must be what verifies. */
	if (status == STATUS_OK &&
		(ParseHash(out, strlen(out), &made, &made_cost) != STATUS_OK ||
		 made != bcrypt || made_cost != cost))
		status = STATUS_CRYPTO;
	if (status != STATUS_OK)
		out[0] = '\0';
	return status;
}

/* Verify a password. */
Status
PassHashVerify(const char *password, size_t length,
			   const char *hash, size_t hash_length, bool *match)
{
	const Scheme *scheme;
	int			cost;
	char		setting[BCRYPT_CHARS + 1];
	char		computed[PASSHASH_SIZE];
	Status		status;

	*match = false;
	status = ParseHash(hash, hash_length, &scheme, &cost);
	if (status != STATUS_OK)
		return status;
	status = CheckPassword(scheme, password, length);
	if (status != STATUS_OK)
		return status;

	memcpy(setting, hash, BCRYPT_CHARS);
	setting[BCRYPT_CHARS] = '\0';
	status = Crypt(password, length, setting, computed);
	if (status == STATUS_OK && strlen(computed) == BCRYPT_CHARS &&
		ConstantTimeEqual(computed, setting, BCRYPT_CHARS))
		*match = true;
	SecureWipe(computed, sizeof(computed));
	SecureWipe(setting, sizeof(setting));
	return status;
}

/* Is a stored hash due for replacement by one of this cost? */
bool
PassHashNeedsRehash(const char *hash, size_t hash_length, int cost)
{
	const Scheme *scheme;
	int			stored_cost;

	if (ParseHash(hash, hash_length, &scheme, &stored_cost) != STATUS_OK)
		return true;
	return !scheme->create || stored_cost < cost;
}
