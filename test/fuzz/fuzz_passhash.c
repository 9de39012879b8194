/*
 * test/fuzz/fuzz_passhash.c: stored password hashes: no text crashes, none costs
 * much, and none matches but the hash of the password.
 *
 * The input is a password and a hash, or, when its first byte is odd, damage to
 * the hash of a known password.  Depends on fuzz.h and core/passhash.
 */
#include "fuzz.h"

#include "core/passhash.h"

/* bcrypt of "correct horse" at the least cost, by another implementation (Python's crypt) */
#define PASSWORD "correct horse"
#define HASH "$2b$04$abcdefghijklmnopqrstuujydOTSfIH/d5oUHpsygqV5X9xJLQc6e"

/* What would take long: bcrypt above the least costs. */
static bool
IsCostly(const char *hash, size_t length)
{
	return length > 6 && memcmp(hash, "$2", 2) == 0 &&
		(hash[4] > '0' || hash[5] > '5');
}

/* Verify; a damaged hash may match only if the damage did not change what it says. */
static void
Check(const char *password, size_t password_length, const char *hash, size_t length)
{
	bool		fresh = !PassHashNeedsRehash(hash, length, PASSHASH_BCRYPT_MIN_COST);
	bool		match = true;
	Status		status;

	if (IsCostly(hash, length))
		return;
	status = PassHashVerify(password, password_length, hash, length, &match);
	REQUIRE(status == STATUS_OK || !match);
	REQUIRE(status != STATUS_CRYPTO && status != STATUS_MEMORY);
	/* what needs no rehash is a hash */
	REQUIRE(!fresh || (status != STATUS_HASH_FORMAT && status != STATUS_HASH_COST));
	if (match)
	{
		/* the three names of bcrypt are one algorithm */
		REQUIRE(length == strlen(HASH) && memcmp(hash + 4, &HASH[4], length - 4) == 0);
		REQUIRE(password_length == strlen(PASSWORD) && memcmp(password, PASSWORD, password_length) == 0);
	}
	REQUIRE_NO_ERRORS();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t		choice = FuzzByte(&data, &size);
	size_t		password_length;
	size_t		length;
	char	   *password;
	char	   *hash;

	if (choice & 1)
	{
		uint8_t		damaged[sizeof(HASH) + FUZZ_GROWTH];

		memcpy(damaged, HASH, strlen(HASH));
		length = FuzzDamage(damaged, strlen(HASH), data, size);
		hash = FuzzCopy(damaged, length);
		Check(PASSWORD, strlen(PASSWORD), hash, length);
	}
	else
	{
		password = FuzzPart(&data, &size, &password_length);
		hash = FuzzPart(&data, &size, &length);
		Check(password, password_length, hash, length);
		free(password);
	}
	free(hash);
	return 0;
}
