/*
 * test/fuzz/fuzz_passhash.c: stored password hashes: no text crashes, none costs
 * much, and none matches but the hash of the password.
 *
 * The input is a password and a hash, or, when its first byte is odd, damage to
 * one of the hashes of a known password, which the other bits choose.
 * Depends on fuzz.h, hashes.h, core/passhash and core/passscheme.h.
 */
#include "fuzz.h"

#include <strings.h>

#include "core/passhash.h"
#include "hashes.h"

/* A hash that was read once more, without the table of passhash.c. */
typedef struct Reading
{
	size_t		form;
	const char *text;			/* behind its wrapper */
	size_t		length;
	PassHash	hash;
} Reading;

static const PassHashPolicy lax = {PASSHASH_BCRYPT, PASSHASH_BCRYPT_MIN_COST, 1024, 1, true};
static const PassHashPolicy strict = {PASSHASH_ARGON2ID, PASSHASH_BCRYPT_MIN_COST, 1024, 1, false};

/* Does the text begin so?  LDAP's names in any case. */
static bool
Begins(const char *text, size_t length, const char *prefix)
{
	if (length < strlen(prefix))
		return false;
	return prefix[0] == '{' ? strncasecmp(text, prefix, strlen(prefix)) == 0 :
		memcmp(text, prefix, strlen(prefix)) == 0;
}

/* Read a hash as the form of this name. */
static Status
Read(const char *text, size_t length, const char *name, Reading *out)
{
	static const char *const wrappers[] = {"", "bcrypt$", "argon2", "{CRYPT}", "{ARGON2}"};

	for (size_t w = 0; w < sizeof(wrappers) / sizeof(wrappers[0]); w++)
	{
		size_t		outer = strlen(wrappers[w]);

		if (!Begins(text, length, wrappers[w]))
			continue;
		for (size_t i = 0; i < FORM_COUNT; i++)
		{
			const PassScheme *scheme = &forms[i].scheme;

			if (strcmp(scheme->name, name) != 0 ||
				!Begins(text + outer, length - outer, scheme->prefix))
				continue;
			memset(out, 0, sizeof(*out));
			out->form = i;
			out->text = text + outer;
			out->length = length - outer;
			out->hash.scheme = scheme;
			out->hash.digest = scheme->digest;
			return scheme->parse(out->text, out->length, &out->hash);
		}
	}
	return STATUS_HASH_FORMAT;
}

/* Would it take long? */
static bool
IsCostly(const Reading *reading)
{
	const PassHash *hash = &reading->hash;
	uint64_t	work = 0;

	switch (forms[reading->form].work)
	{
		case WORK_NONE:
			break;
		case WORK_LOGARITHM:
		case WORK_ROUNDS:
			work = hash->cost;
			break;
		case WORK_MEMORY:
			work = (uint64_t) hash->memory * hash->cost;
			break;
		case WORK_BLOCKS:
			work = hash->n * hash->r * hash->p;
			break;
	}
	return work > most_work[forms[reading->form].work];
}

/* Is it the same computation, of the same password, with the same outcome? */
static bool
IsSame(const Reading *a, const Reading *b)
{
	const PassHash *x = &a->hash;
	const PassHash *y = &b->hash;

	if (strcmp(x->scheme->name, y->scheme->name) != 0)
		return false;
	if (a->length == b->length && memcmp(a->text, b->text, a->length) == 0)
		return true;
	if (!forms[a->form].shifts)
		return false;
	/* the letter of bcrypt, the version of argon2, where Firebase's separator begins */
	return x->cost == y->cost && x->memory == y->memory && x->version == y->version &&
		x->n == y->n && x->r == y->r && x->p == y->p &&
		x->salt_length == y->salt_length && memcmp(x->salt, y->salt, x->salt_length) == 0 &&
		x->signer_length == y->signer_length && memcmp(x->signer, y->signer, x->signer_length) == 0 &&
		x->key_length == y->key_length &&
		(forms[a->form].work == WORK_LOGARITHM ? memcmp(x->key + 3, y->key + 3, x->key_length - 3) :
		 memcmp(x->key, y->key, x->key_length)) == 0;
}

/* Password and salt, which LDAP's digest does not keep apart. */
static size_t
Join(const char *password, size_t length, const PassHash *hash, char *out)
{
	memcpy(out, password, length);
	memcpy(out + length, hash->salt, hash->salt_length);
	return length + hash->salt_length;
}

/* Is this really the hash of this password? */
static bool
MayMatch(const char *password, size_t length, const Reading *reading)
{
	for (size_t i = 0; i < HASH_COUNT; i++)
	{
		Reading		known;
		char		joined[2][PASSHASH_MAX_BYTES + PASS_SALT_SIZE];
		size_t		joined_length;

		if (Read(hashes[i], strlen(hashes[i]), reading->hash.scheme->name, &known) != STATUS_OK)
			continue;
		if (length == strlen(PASSWORD) && memcmp(password, PASSWORD, length) == 0 &&
			IsSame(reading, &known))
			return true;
		if (reading->hash.scheme->parse != PassParseLdap)
			continue;
		joined_length = Join(password, length, &reading->hash, joined[0]);
		if (joined_length == Join(PASSWORD, strlen(PASSWORD), &known.hash, joined[1]) &&
			memcmp(joined[0], joined[1], joined_length) == 0)
			return true;
	}
	return false;
}

/* What holds of every text and password; returns whether it matched. */
static bool
Check(const char *password, size_t password_length, const char *hash, size_t length)
{
	Reading		reading;
	const char *scheme = NULL;
	const char *again = NULL;
	Status		checked = PassHashCheck(hash, length, &lax, &scheme);
	Status		strictly = PassHashCheck(hash, length, &strict, &again);
	Status		status;
	bool		match = true;

	REQUIRE(scheme != NULL && again != NULL && strcmp(scheme, again) == 0);
	REQUIRE(checked == STATUS_OK || checked == STATUS_HASH_FORMAT || checked == STATUS_HASH_COST);
	REQUIRE(strictly == checked || (strictly == STATUS_HASH_WEAK && checked == STATUS_OK));
	/* what needs no rehash is a hash of that kind */
	REQUIRE(PassHashNeedsRehash(hash, length, &lax) ||
			(checked == STATUS_OK && strcmp(scheme, "bcrypt") == 0));
	REQUIRE(PassHashNeedsRehash(hash, length, &strict) ||
			(strictly == STATUS_OK && strcmp(scheme, "argon2id") == 0));
	REQUIRE(PassHashOfNfkc(hash, length) ==
			(checked == STATUS_OK && strcmp(scheme, "better-auth scrypt") == 0));
	REQUIRE_NO_ERRORS();

	if (checked != STATUS_OK)
	{
		/* said at once, whatever it would cost */
		REQUIRE(PassHashVerify(password, password_length, hash, length, &lax, &match) == checked);
		REQUIRE(!match);
		REQUIRE_NO_ERRORS();
		return false;
	}
	/* a form that is new in passhash.c must come to hashes.h */
	REQUIRE(Read(hash, length, scheme, &reading) == STATUS_OK);
	if (strictly != STATUS_OK)
	{
		REQUIRE(PassHashVerify(password, password_length, hash, length, &strict, &match) == strictly);
		REQUIRE(!match);
	}
	if (IsCostly(&reading))
		return false;

	status = PassHashVerify(password, password_length, hash, length, &lax, &match);
	REQUIRE(status == STATUS_OK || status == STATUS_PASSWORD_LENGTH || status == STATUS_PASSWORD_NUL);
	REQUIRE(status == STATUS_OK || !match);
	REQUIRE(!match || MayMatch(password, password_length, &reading));
	REQUIRE_NO_ERRORS();
	return match;
}

/* The known hashes are right, but the one that is costly. */
static void
CheckKnown(void)
{
	static bool done = false;
	size_t		matches = 0;

	for (size_t i = 0; !done && i < HASH_COUNT; i++)
	{
		REQUIRE(strlen(hashes[i]) + FUZZ_GROWTH <= HASH_SIZE);
		matches += Check(PASSWORD, strlen(PASSWORD), hashes[i], strlen(hashes[i])) ? 1 : 0;
	}
	REQUIRE(done || matches == HASH_COUNT - 1);
	done = true;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t		choice = FuzzByte(&data, &size);
	size_t		password_length;
	size_t		length;
	char	   *password;
	char	   *hash;

	CheckKnown();
	if (choice & 1)
	{
		const char *known = hashes[(choice >> 1) % HASH_COUNT];
		uint8_t		damaged[HASH_SIZE];

		memcpy(damaged, known, strlen(known));
		length = FuzzDamage(damaged, strlen(known), data, size);
		hash = FuzzCopy(damaged, length);
		(void) Check(PASSWORD, strlen(PASSWORD), hash, length);
	}
	else
	{
		password = FuzzPart(&data, &size, &password_length);
		hash = FuzzPart(&data, &size, &length);
		(void) Check(password, password_length, hash, length);
		free(password);
	}
	free(hash);
	return 0;
}
