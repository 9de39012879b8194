/*
 * src/core/passhash.c: the table of password hashes, and the one place where a
 * password comes to match.
 *
 * Depends on the families of passscheme.h and on mem.
 */
#include "passhash.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "mem.h"
#include "passscheme.h"

/* Bytes of a password. */
#define BCRYPT_MAX PASSHASH_BCRYPT_MAX_BYTES
#define CRYPT_MAX 511			/* libxcrypt's */
#define ANY_MAX PASSHASH_MAX_BYTES

#define MAX_HASH_CHARS 1024		/* of any stored hash */

/*
 * What verifies.  $2a$ and $2y$ are other implementations' names for what OpenBSD
 * calls $2b$; $2x$, whose password was mangled, is none of them.
 */
static const PassScheme schemes[] = {
	{"bcrypt", "$2b$", PassParseBcrypt, PassComputeCrypt, BCRYPT_MAX, NULL, false},
	{"argon2id", "$argon2id$", PassParseArgon2, PassComputeArgon2, ANY_MAX, NULL, false},
	{"bcrypt", "$2a$", PassParseBcrypt, PassComputeCrypt, BCRYPT_MAX, NULL, false},
	{"bcrypt", "$2y$", PassParseBcrypt, PassComputeCrypt, BCRYPT_MAX, NULL, false},
	{"argon2i", "$argon2i$", PassParseArgon2, PassComputeArgon2, ANY_MAX, NULL, false},
	{"scrypt", "$scrypt$", PassParseScrypt, PassComputeScrypt, ANY_MAX, NULL, false},
	{"Firebase scrypt", "$fbscrypt$", PassParseFirebase, PassComputeFirebase, ANY_MAX, NULL, false},
	{"PBKDF2-SHA1", "$pbkdf2$", PassParsePasslibPbkdf2, PassComputePbkdf2, ANY_MAX, "SHA1", false},
	{"PBKDF2-SHA256", "$pbkdf2-sha256$", PassParsePasslibPbkdf2, PassComputePbkdf2, ANY_MAX, "SHA256", false},
	{"PBKDF2-SHA512", "$pbkdf2-sha512$", PassParsePasslibPbkdf2, PassComputePbkdf2, ANY_MAX, "SHA512", false},
	{"yescrypt", "$y$", PassParseYescrypt, PassComputeCrypt, CRYPT_MAX, NULL, false},
	{"scrypt of crypt(3)", "$7$", PassParseCryptScrypt, PassComputeCrypt, CRYPT_MAX, NULL, false},
	{"SHA256-crypt", "$5$", PassParseShaCrypt, PassComputeShaCrypt, CRYPT_MAX, NULL, false},
	{"SHA512-crypt", "$6$", PassParseShaCrypt, PassComputeShaCrypt, CRYPT_MAX, NULL, false},
	{"MD5-crypt", "$1$", PassParseMd5Crypt, PassComputeCrypt, CRYPT_MAX, NULL, true},
	{"Django PBKDF2-SHA1", "pbkdf2_sha1$", PassParseDjangoPbkdf2, PassComputePbkdf2, ANY_MAX, "SHA1", false},
	{"Django PBKDF2-SHA256", "pbkdf2_sha256$", PassParseDjangoPbkdf2, PassComputePbkdf2, ANY_MAX, "SHA256", false},
	{"Django scrypt", "scrypt$", PassParseDjangoScrypt, PassComputeScrypt, ANY_MAX, NULL, false},
	{"Django bcrypt_sha256", "bcrypt_sha256$", PassParseBcryptSha256, PassComputeBcryptSha256, ANY_MAX, NULL, false},
	{"LDAP SSHA", "{SSHA}", PassParseLdap, PassComputeLdap, ANY_MAX, "SHA1", false},
	{"LDAP SSHA256", "{SSHA256}", PassParseLdap, PassComputeLdap, ANY_MAX, "SHA256", false},
	{"LDAP SSHA512", "{SSHA512}", PassParseLdap, PassComputeLdap, ANY_MAX, "SHA512", false},
	{"better-auth scrypt", NULL, PassParseBetterAuth, PassComputeScrypt, ANY_MAX, NULL, false},
	{"ASP.NET Identity", NULL, PassParseAspNet, PassComputePbkdf2, ANY_MAX, NULL, false},
};

static const PassScheme *const bcrypt = &schemes[0];
static const PassScheme *const argon2id = &schemes[1];

/* Names that other systems put before one of the forms above. */
static const struct
{
	const char *outer;
	const char *inner;
}			wrappers[] = {
	{"bcrypt$", "$2"},			/* Django */
	{"argon2", "$argon2"},		/* Django */
	{"{CRYPT}", "$"},			/* LDAP */
	{"{ARGON2}", "$argon2"},	/* LDAP */
};

/* What is known and not read, so that an import can say what it met. */
static const struct
{
	const char *prefix;
	const char *name;
}			refused[] = {
	{"$2x$", "bcrypt $2x$"},
	{"$2$", "bcrypt $2$"},
	{"$argon2d$", "argon2d"},
	{"$gy$", "gost-yescrypt"},
	{"$sha1$", "SHA1-crypt"},
	{"$md5", "SunMD5"},
	{"$3$", "NT hash"},
	{"$P$", "phpass"},
	{"$H$", "phpass"},
	{"{SHA}", "unsalted SHA-1"},
	{"{MD5}", "unsalted MD5"},
	{"{SMD5}", "LDAP SMD5"},
	{"md5$", "Django MD5"},
	{"sha1$", "Django SHA-1"},
	{"keycloak:", "Keycloak credential"},	/* sql/51_import.sql */
	{"firebase:", "Firebase credential"},
	{"!", "locked account"},
	{"*", "locked account"},
};

/* A small letter for a capital one, in no language. */
static char
Lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char) (c - 'A' + 'a') : c;
}

/* Does the text begin so?  LDAP's names have no case (RFC 2307 §5.3): many a server says {crypt}. */
static bool
Begins(const char *text, size_t length, const char *prefix)
{
	size_t		chars = strlen(prefix);

	if (length < chars)
		return false;
	if (prefix[0] != '{')
		return memcmp(text, prefix, chars) == 0;
	for (size_t i = 0; i < chars; i++)
	{
		if (Lower(text[i]) != Lower(prefix[i]))
			return false;
	}
	return true;
}

/* What a text that no row reads seems to be. */
static const char *
NameOf(const char *text, size_t length)
{
	for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++)
	{
		if (schemes[i].prefix != NULL && Begins(text, length, schemes[i].prefix))
			return schemes[i].name;
	}
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
	{
		if (Begins(text, length, refused[i].prefix))
			return refused[i].name;
	}
	return "unknown";
}

/* Read a stored hash, which must be well-formed to the last character. */
static Status
ParseHash(const char *text, size_t length, const PassHashPolicy *policy, PassHash *out)
{
	Status		status = STATUS_HASH_FORMAT;

	memset(out, 0, sizeof(*out));
	if (length == 0 || length > MAX_HASH_CHARS)
		return STATUS_HASH_FORMAT;
	for (size_t i = 0; i < sizeof(wrappers) / sizeof(wrappers[0]); i++)
	{
		size_t		outer = strlen(wrappers[i].outer);

		if (Begins(text, length, wrappers[i].outer) &&
			Begins(text + outer, length - outer, wrappers[i].inner))
		{
			text += outer;
			length -= outer;
			break;
		}
	}
	for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++)
	{
		const PassScheme *scheme = &schemes[i];

		if (scheme->prefix != NULL && !Begins(text, length, scheme->prefix))
			continue;
		memset(out, 0, sizeof(*out));
		out->scheme = scheme;
		out->digest = scheme->digest;
		status = scheme->parse(text, length, out);
		if (status == STATUS_OK && scheme->weak && !policy->allow_md5_crypt)
			status = STATUS_HASH_WEAK;
		/* prefixes exclude one another; what has none is tried in turn */
		if (scheme->prefix != NULL || status != STATUS_HASH_FORMAT)
			break;
	}
	return status;
}

/* Can the scheme take this password whole? */
static Status
CheckPassword(const PassScheme *scheme, const char *password, size_t length)
{
	if (length == 0 || length > scheme->max_password)
		return STATUS_PASSWORD_LENGTH;
	if (memchr(password, '\0', length) != NULL)
		return STATUS_PASSWORD_NUL;
	return STATUS_OK;
}

/*
 * Wipe the stack below.  The libraries clean up behind themselves, but the dynamic
 * linker, at the first call of a function, saves the vector registers there, with
 * what memcpy() has left in them.
 */
static __attribute__((noinline))
void
WipeStack(void)
{
	uint8_t		below[16384];

	SecureWipe(below, sizeof(below));
}

/* What new hashes are. */
static const PassScheme *
SchemeOf(const PassHashPolicy *policy)
{
	return policy->algorithm == PASSHASH_ARGON2ID ? argon2id : bcrypt;
}

/* The longest password of new hashes. */
size_t
PassHashMaxBytes(const PassHashPolicy *policy)
{
	return SchemeOf(policy)->max_password;
}

/* Make a bcrypt hash. */
static Status
CreateBcrypt(const char *password, size_t length, int cost, char out[PASSHASH_SIZE])
{
	PassHash	made = {0};
	char		setting[PASSHASH_SIZE];
	Status		status;

	if (cost < PASSHASH_BCRYPT_MIN_COST || cost > PASSHASH_BCRYPT_MAX_COST)
		return STATUS_HASH_COST;
	status = CheckPassword(bcrypt, password, length);
	if (status == STATUS_OK)
		status = PassBcryptSetting(cost, setting, sizeof(setting));
	if (status != STATUS_OK)
		return status;

	/* The hash is the setting and 31 characters more. */
	made.scheme = bcrypt;
	memset(made.key, '.', 60);
	memcpy(made.key, setting, strlen(setting));
	made.key_length = 60;
	status = PassComputeCrypt(password, length, &made, (uint8_t *) out);
	out[status == STATUS_OK ? made.key_length : 0] = '\0';
	return status;
}

/* Make an argon2id hash. */
static Status
CreateArgon2(const char *password, size_t length, int memory, int iterations,
			 char out[PASSHASH_SIZE])
{
	PassHash	made = {0};
	Status		status;

	if (memory < PASSHASH_ARGON2_MIN_MEMORY || memory > PASSHASH_ARGON2_MAX_MEMORY ||
		iterations < 1 || iterations > PASSHASH_ARGON2_MAX_ITERATIONS)
		return STATUS_HASH_COST;
	made.scheme = argon2id;
	PassNewArgon2(memory, iterations, &made);
	status = CheckPassword(argon2id, password, length);
	if (status == STATUS_OK)
		status = RandomBytes(made.salt, made.salt_length);
	if (status == STATUS_OK)
		status = PassComputeArgon2(password, length, &made, made.key);
	if (status == STATUS_OK)
		status = PassFormatArgon2(&made, out, PASSHASH_SIZE);
	SecureWipe(&made, sizeof(made));
	return status;
}

/* Hash a password with a fresh salt. */
Status
PassHashCreate(const char *password, size_t length, const PassHashPolicy *policy,
			   char out[PASSHASH_SIZE])
{
	Status		status;

	out[0] = '\0';
	if (policy->algorithm == PASSHASH_ARGON2ID)
		status = CreateArgon2(password, length, policy->argon2_memory, policy->argon2_iterations,
							  out);
	else
		status = CreateBcrypt(password, length, policy->bcrypt_cost, out);

	/* What is stored must be what verifies, and last. */
	if (status == STATUS_OK && PassHashNeedsRehash(out, strlen(out), policy))
		status = STATUS_CRYPTO;
	WipeStack();
	if (status != STATUS_OK)
		out[0] = '\0';
	return status;
}

/* Verify a password. */
Status
PassHashVerify(const char *password, size_t length, const char *hash, size_t hash_length,
			   const PassHashPolicy *policy, bool *match)
{
	PassHash	stored;
	uint8_t		computed[PASS_KEY_SIZE];
	Status		status;

	*match = false;
	status = ParseHash(hash, hash_length, policy, &stored);
	if (status == STATUS_OK)
		status = CheckPassword(stored.scheme, password, length);
	if (status == STATUS_OK)
	{
		status = stored.scheme->compute(password, length, &stored, computed);
		if (status == STATUS_OK && stored.key_length > 0 &&
			ConstantTimeEqual(computed, stored.key, stored.key_length))
			*match = true;
		SecureWipe(computed, sizeof(computed));
		WipeStack();
	}
	SecureWipe(&stored, sizeof(stored));
	return status;
}

/* better-auth alone normalizes. */
bool
PassHashOfNfkc(const char *hash, size_t hash_length)
{
	PassHash	ignored = {0};
	bool		yes = PassParseBetterAuth(hash, hash_length, &ignored) == STATUS_OK;

	SecureWipe(&ignored, sizeof(ignored));
	return yes;
}

/*
 * Do the work of a new hash.  For bcrypt its setting is put together as text: a
 * salt and a checksum of zeros are well-formed at any cost.
 */
Status
PassHashSpend(const PassHashPolicy *policy)
{
	static const char dummy[] = "dummy";
	PassHash	hash = {0};
	uint8_t		ignored[PASS_KEY_SIZE];

	if (policy->algorithm == PASSHASH_ARGON2ID)
	{
		hash.scheme = argon2id;
		PassNewArgon2(policy->argon2_memory, policy->argon2_iterations, &hash);
		return PassComputeArgon2(dummy, strlen(dummy), &hash, ignored);
	}
	hash.scheme = bcrypt;
	hash.key_length = (size_t) snprintf((char *) hash.key, sizeof(hash.key), "$2b$%02d$......................"
										"...............................", policy->bcrypt_cost);
	return PassComputeCrypt(dummy, strlen(dummy), &hash, ignored);
}

/* Is a stored hash due for replacement? */
bool
PassHashNeedsRehash(const char *hash, size_t hash_length, const PassHashPolicy *policy)
{
	PassHash	stored;
	PassHash	wanted = {0};
	const PassScheme *wanted_scheme = SchemeOf(policy);

	/* the scheme may have been found behind a wrapper */
	if (ParseHash(hash, hash_length, policy, &stored) != STATUS_OK ||
		stored.scheme != wanted_scheme || !Begins(hash, hash_length, wanted_scheme->prefix))
		return true;
	if (wanted_scheme == bcrypt)
		return (int) stored.cost < policy->bcrypt_cost;

	PassNewArgon2(policy->argon2_memory, policy->argon2_iterations, &wanted);
	return stored.memory < wanted.memory || stored.cost < wanted.cost ||
		stored.p != wanted.p || stored.version != wanted.version ||
		stored.salt_length < wanted.salt_length || stored.key_length < wanted.key_length;
}

/* What is it, and would it be taken? */
Status
PassHashCheck(const char *hash, size_t hash_length, const PassHashPolicy *policy,
			  const char **scheme)
{
	PassHash	stored;
	Status		status = ParseHash(hash, hash_length, policy, &stored);

	*scheme = status != STATUS_HASH_FORMAT ? stored.scheme->name : NameOf(hash, hash_length);
	SecureWipe(&stored, sizeof(stored));
	return status;
}
