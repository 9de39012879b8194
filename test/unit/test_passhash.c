/*
 * test/unit/test_passhash.c: bcrypt against published hashes, and malformed ones;
 * new hashes, bcrypt and argon2id.
 *
 * Depends on unit.h, core/passhash and libxcrypt.
 */
#include "unit.h"

#include <crypt.h>
#include <time.h>

#include "core/passhash.h"

#define BF_SALT "/OK.fbVrR/bpIqNJ5ianF."

#define CHARS_72 "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"

/* From crypt_blowfish's wrapper.c and jBCrypt's test vectors. */
static const struct
{
	const char *password;
	const char *hash;
}			vectors[] = {
	{"U*U", "$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW"},
	{"U*U*", "$2a$05$CCCCCCCCCCCCCCCCCCCCC.VGOzA784oUp/Z0DY336zx7pLYAy0lwK"},
	{"U*U*U", "$2a$05$XXXXXXXXXXXXXXXXXXXXXOAcXxm9kjPGEMsLznoKqmqw7tc8WCx4a"},
	{CHARS_72, "$2a$05$abcdefghijklmnopqrstuu5s2v8.iXieOjg/.AySBTTZIIVFJeBui"},
	{"\xa3", "$2y$05$" BF_SALT "Sa7shbm4.OzKpvFnX1pQLmQW96oUlCq"},
	{"\xff\xff\xa3", "$2y$05$" BF_SALT "CE5elHaaO4EbggVDjb8P19RukzXSM3e"},
	{"\xff\xff\xa3", "$2b$05$" BF_SALT "CE5elHaaO4EbggVDjb8P19RukzXSM3e"},
	{"\xff\xa3"
		"345",
	"$2a$05$" BF_SALT "nRht2l/HRhr6zmCp9vYUvvsqynflf9e"},
	{"a", "$2a$06$m0CrhHm10qJ3lXRY.5zDGO3rS2KdeeWLuGmsfGlMfOxih58VYVfxe"},
	{"abc", "$2a$06$If6bvum7DFjUnE9p2uDeDu0YHzrHM6tf.iqN8.yx.jNN1ILEf7h0i"},
	{"abcdefghijklmnopqrstuvwxyz",
	"$2a$06$.rCVZVOThsIa97pEDOxvGuRRgzG64bvtJ0938xuqzv18d3ZpQhstC"},
};

#define GOOD_PASSWORD "U*U"
#define GOOD_TAIL "CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW"
#define GOOD_HASH "$2a$05$" GOOD_TAIL

static const PassHashPolicy policy = {PASSHASH_BCRYPT, 10, 19456, 2, false};

/* Hash with bcrypt of a cost. */
static Status
Create(const char *password, size_t length, int cost, char *out)
{
	PassHashPolicy of_cost = {PASSHASH_BCRYPT, cost, 19456, 2, false};

	return PassHashCreate(password, length, &of_cost, out);
}

/* Is a hash due for one of this cost? */
static bool
NeedsRehash(const char *hash, size_t length, int cost)
{
	PassHashPolicy of_cost = {PASSHASH_BCRYPT, cost, 19456, 2, false};

	return PassHashNeedsRehash(hash, length, &of_cost);
}

/* Verify strings; the status must be as expected, the answer "no" unless it is "yes". */
static void
CheckVerify(const char *password, const char *hash, Status expected, bool yes, const char *name)
{
	bool		match = true;

	CHECK_STATUS(PassHashVerify(password, strlen(password), hash, strlen(hash), &policy, &match),
				 expected, name);
	CHECK(match == yes, name);
}

/* The published hashes, also against libxcrypt itself. */
static void
CheckVectors(void)
{
	for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++)
	{
		const char *direct = crypt(vectors[i].password, vectors[i].hash);

		CHECK(direct != NULL && strcmp(direct, vectors[i].hash) == 0,
			  UnitName("libxcrypt agrees with vector %zu", i));
		CheckVerify(vectors[i].password, vectors[i].hash, STATUS_OK, true,
					UnitName("vector %zu verifies", i));
		CheckVerify("wrong", vectors[i].hash, STATUS_OK, false,
					UnitName("vector %zu refuses another password", i));
	}
}

/* A hash that is damaged anywhere never verifies. */
static void
CheckDamaged(void)
{
	static const char replacements[] = "./AZaz09$!-_=\n\x7f\xc3";
	char		hash[] = GOOD_HASH;
	size_t		length = strlen(hash);
	bool		match;
	int			wrong = 0;
	int			ran = 0;

	for (size_t i = 0; i < length; i++)
	{
		char		good = hash[i];

		/* The loop includes the NUL behind the replacements. */
		for (size_t j = 0; j < sizeof(replacements); j++)
		{
			Status		status;

			/* A cost of 9 would be right, but slow. */
			if (replacements[j] == good || (i == 5 && replacements[j] == '9'))
				continue;
			/* $2b$ and $2y$ are the same as $2a$ here; no replacement makes them. */
			hash[i] = replacements[j];
			match = true;
			status = PassHashVerify(GOOD_PASSWORD, strlen(GOOD_PASSWORD), hash, length, &policy, &match);
			ran++;
			if (match || (status != STATUS_OK && status != STATUS_HASH_FORMAT &&
						  status != STATUS_HASH_COST))
				wrong++;
		}
		hash[i] = good;
	}
	CHECK(ran > 900 && wrong == 0, "a hash damaged at any character does not verify");

	/* error, truncated or longer: */
	for (size_t i = 0; i < length; i++)
	{
		match = true;
		CHECK_STATUS(PassHashVerify(GOOD_PASSWORD, 3, hash, i, &policy, &match), STATUS_HASH_FORMAT,
					 UnitName("truncation to %zu is malformed", i));
		CHECK(!match, "and no match");
	}
	CheckVerify(GOOD_PASSWORD, GOOD_HASH ".", STATUS_HASH_FORMAT, false, "61 characters");
	CheckVerify(GOOD_PASSWORD, GOOD_HASH "\n", STATUS_HASH_FORMAT, false, "a newline behind");
}

/* Kinds and costs that are not read. */
static void
CheckKinds(void)
{
	clock_t		start = clock();

	/* error, $2x$ is what the bug made of "\xa3", and stays unread: */
	CheckVerify("\xa3", "$2x$05$" BF_SALT "CE5elHaaO4EbggVDjb8P19RukzXSM3e",
				STATUS_HASH_FORMAT, false, "$2x$ is not read");
	CheckVerify("\xa3", "$2b$05$" BF_SALT "CE5elHaaO4EbggVDjb8P19RukzXSM3e",
				STATUS_OK, false, "and is not what $2b$ makes");

	/* error, other kinds: */
	CheckVerify("a", "", STATUS_HASH_FORMAT, false, "empty");
	CheckVerify("a", "*", STATUS_HASH_FORMAT, false, "locked account");
	CheckVerify("a", "$2$05$" GOOD_TAIL "C", STATUS_HASH_FORMAT, false, "$2$");
	CheckVerify("a", "$2B$05$" GOOD_TAIL, STATUS_HASH_FORMAT, false, "$2B$");

	/* error, costs: */
	CheckVerify(GOOD_PASSWORD, "$2b$15$" GOOD_TAIL, STATUS_HASH_COST, false, "cost 15");
	CheckVerify(GOOD_PASSWORD, "$2b$31$" GOOD_TAIL, STATUS_HASH_COST, false, "cost 31");
	CheckVerify(GOOD_PASSWORD, "$2b$03$" GOOD_TAIL, STATUS_HASH_FORMAT, false, "cost 3");
	CheckVerify(GOOD_PASSWORD, "$2b$32$" GOOD_TAIL, STATUS_HASH_FORMAT, false, "cost 32");
	CheckVerify(GOOD_PASSWORD, "$2b$5$." GOOD_TAIL, STATUS_HASH_FORMAT, false, "one digit");
	CheckVerify(GOOD_PASSWORD, "$2b$ 5$" GOOD_TAIL, STATUS_HASH_FORMAT, false, "a space");
	CheckVerify(GOOD_PASSWORD, "$2b$+5$" GOOD_TAIL, STATUS_HASH_FORMAT, false, "a sign");

	/* error, bits that bcrypt leaves unused: */
	CheckVerify(GOOD_PASSWORD, "$2a$05$CCCCCCCCCCCCCCCCCCCCCCE5YPO9kmyuRGyh0XouQYb4YMJKvyOeW",
				STATUS_HASH_FORMAT, false, "unused bits of the salt are set");
	CheckVerify(GOOD_PASSWORD, "$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeX",
				STATUS_HASH_FORMAT, false, "unused bits of the hash are set");
	CHECK(clock() - start < CLOCKS_PER_SEC / 2, "what is refused costs no work");
}

/* Passwords that bcrypt cannot take whole. */
static void
CheckPasswords(void)
{
	char		hash[PASSHASH_SIZE];
	char		same[PASSHASH_SIZE];
	bool		match;

	CHECK_STATUS(Create(CHARS_72, 72, 4, hash), STATUS_OK, "72 bytes are hashed");
	CheckVerify(CHARS_72, hash, STATUS_OK, true, "and verify");
	CheckVerify("x" CHARS_72, hash, STATUS_PASSWORD_LENGTH, false, "73 other bytes do not");
	match = true;
	CHECK_STATUS(PassHashVerify(CHARS_72, 71, hash, strlen(hash), &policy, &match), STATUS_OK,
				 "71 bytes are taken");
	CHECK(!match, "the 72nd byte counts");
	CheckVerify(CHARS_72 "x", hash, STATUS_PASSWORD_LENGTH, false,
				"73 bytes that begin with the password are refused, not cut");

	strcpy(same, "untouched");
	CHECK_STATUS(Create(CHARS_72 "x", 73, 4, same), STATUS_PASSWORD_LENGTH,
				 "73 bytes are not hashed");
	CHECK(same[0] == '\0', "a refusal leaves an empty string");
	CHECK_STATUS(Create("", 0, 4, same), STATUS_PASSWORD_LENGTH,
				 "the empty password is not hashed");
	CHECK_STATUS(Create("ab\0cd", 5, 4, same), STATUS_PASSWORD_NUL,
				 "a NUL is not hashed");

	CHECK_STATUS(Create("ab", 2, 4, hash), STATUS_OK, "the part before it is hashed");
	match = true;
	CHECK_STATUS(PassHashVerify("ab\0cd", 5, hash, strlen(hash), &policy, &match), STATUS_PASSWORD_NUL,
				 "a NUL is refused, not cut");
	CHECK(!match, "and no match");
	CheckVerify("", hash, STATUS_PASSWORD_LENGTH, false, "the empty password is refused");

	/* A malformed hash is named before the password. */
	CheckVerify("", "nonsense", STATUS_HASH_FORMAT, false, "the hash is judged first");
}

/* New hashes. */
static void
CheckCreate(void)
{
	char		hash[PASSHASH_SIZE];
	char		again[PASSHASH_SIZE];
	const char *direct;

	CHECK_STATUS(Create("correct horse", 13, 5, hash), STATUS_OK, "a hash is made");
	CHECK(strlen(hash) == 60 && strncmp(hash, "$2b$05$", 7) == 0, "it is $2b$ of cost 5");
	direct = crypt("correct horse", hash);
	CHECK(direct != NULL && strcmp(direct, hash) == 0, "libxcrypt agrees");
	CheckVerify("correct horse", hash, STATUS_OK, true, "it verifies");
	CheckVerify("correct horsf", hash, STATUS_OK, false, "another password does not");

	CHECK_STATUS(Create("correct horse", 13, 5, again), STATUS_OK, "another is made");
	CHECK(strcmp(hash, again) != 0, "each has its own salt");

	/* error, costs: */
	CHECK_STATUS(Create("a", 1, 3, again), STATUS_HASH_COST, "cost 3");
	CHECK_STATUS(Create("a", 1, 15, again), STATUS_HASH_COST, "cost 15");
	CHECK_STATUS(Create("a", 1, -1, again), STATUS_HASH_COST, "cost -1");

	CHECK(!NeedsRehash(hash, 60, 5), "cost 5 is enough for 5");
	CHECK(!NeedsRehash(hash, 60, 4), "cost 5 is enough for 4");
	CHECK(NeedsRehash(hash, 60, 6), "cost 5 is not enough for 6");
	CHECK(NeedsRehash(GOOD_HASH, 60, 4), "$2a$ is rehashed");
	CHECK(NeedsRehash("$2y$05$" GOOD_TAIL, 60, 4), "$2y$ is rehashed");
	CHECK(NeedsRehash("$2b$15$" GOOD_TAIL, 60, 4), "what is never verified is rehashed");
	CHECK(NeedsRehash("", 0, 4), "no hash is rehashed");
	CHECK(NeedsRehash(hash, 59, 4), "a malformed hash is rehashed");
}

/* New argon2id hashes. */
static void
CheckArgon2(void)
{
	static char password[4097];
	PassHashPolicy argon2 = {PASSHASH_ARGON2ID, 10, 1024, 2, false};
	PassHashPolicy other;
	char		hash[PASSHASH_SIZE];
	char		again[PASSHASH_SIZE];
	bool		match = false;

	memset(password, 'p', sizeof(password));
	CHECK(PassHashMaxBytes(&argon2) == 4096 && PassHashMaxBytes(&policy) == 72, "lengths");
	CHECK_STATUS(PassHashCreate("correct horse", 13, &argon2, hash), STATUS_OK, "a hash is made");
	CHECK(strncmp(hash, "$argon2id$v=19$m=1024,t=2,p=1$", 30) == 0 && strlen(hash) == 30 + 22 + 1 + 43,
		  "it is argon2id of these parameters");
	CheckVerify("correct horse", hash, STATUS_OK, true, "it verifies");
	CheckVerify("correct horsf", hash, STATUS_OK, false, "another password does not");
	CHECK_STATUS(PassHashCreate("correct horse", 13, &argon2, again), STATUS_OK, "another is made");
	CHECK(strcmp(hash, again) != 0, "each has its own salt");

	CHECK_STATUS(PassHashCreate(password, 4096, &argon2, again), STATUS_OK, "4096 bytes are hashed");
	CHECK_STATUS(PassHashVerify(password, 4096, again, strlen(again), &argon2, &match), STATUS_OK, "and verified");
	CHECK(match, "as they are");
	CHECK_STATUS(PassHashVerify(password, 4095, again, strlen(again), &argon2, &match), STATUS_OK, "4095 are others");
	CHECK(!match, "the last one counts");
	CHECK_STATUS(PassHashCreate(password, 4097, &argon2, again), STATUS_PASSWORD_LENGTH, "4097 are not hashed");
	CHECK(again[0] == '\0', "a refusal leaves an empty string");
	CHECK_STATUS(PassHashCreate("", 0, &argon2, again), STATUS_PASSWORD_LENGTH, "none are not hashed");
	CHECK_STATUS(PassHashCreate("a\0b", 3, &argon2, again), STATUS_PASSWORD_NUL, "a NUL is not hashed");

	/* what is due for a rehash */
	CHECK(!PassHashNeedsRehash(hash, strlen(hash), &argon2), "the same parameters");
	CHECK(PassHashNeedsRehash(GOOD_HASH, 60, &argon2), "bcrypt, where argon2id is made");
	CHECK(PassHashNeedsRehash(hash, strlen(hash), &policy), "argon2id, where bcrypt is made");
	other = argon2;
	other.argon2_memory = 1025;
	CHECK(PassHashNeedsRehash(hash, strlen(hash), &other), "less memory");
	other.argon2_memory = 1024;
	other.argon2_iterations = 3;
	CHECK(PassHashNeedsRehash(hash, strlen(hash), &other), "fewer passes");
	other.argon2_iterations = 1;
	CHECK(!PassHashNeedsRehash(hash, strlen(hash), &other), "more passes are not less");
	CHECK(PassHashNeedsRehash("$argon2id$v=19$m=1024,t=2,p=4$yNXi7/wJFiMwPUpXZHF+iw$L6/XoK+7bdiJISHGldaM7nkPnHYGGckX41x+1GCEgbE",
							  96, &argon2), "four lanes");
	CHECK(PassHashNeedsRehash("$argon2id$v=16$m=1024,t=2,p=1$yNXi7/wJFiMwPUpXZHF+iw$L6/XoK+7bdiJISHGldaM7nkPnHYGGckX41x+1GCEgbE",
							  96, &argon2), "version 1.0");

	/* error, costs: */
	other.argon2_iterations = 0;
	CHECK_STATUS(PassHashCreate("a", 1, &other, again), STATUS_HASH_COST, "no pass");
	other.argon2_iterations = 9;
	CHECK_STATUS(PassHashCreate("a", 1, &other, again), STATUS_HASH_COST, "nine passes");
	other.argon2_iterations = 1;
	other.argon2_memory = 1023;
	CHECK_STATUS(PassHashCreate("a", 1, &other, again), STATUS_HASH_COST, "less than a megabyte");
	other.argon2_memory = 131073;
	CHECK_STATUS(PassHashCreate("a", 1, &other, again), STATUS_HASH_COST, "more than 128");

	/* the dearest that can be set is verified */
	other.argon2_memory = 131072;
	other.argon2_iterations = 8;
	CHECK_STATUS(PassHashCreate("a", 1, &other, again), STATUS_OK, "128 megabytes, eight passes");
	CheckVerify("a", again, STATUS_OK, true, "verify");

	CHECK_STATUS(PassHashSpend(&argon2), STATUS_OK, "the work alone, argon2id");
	CHECK_STATUS(PassHashSpend(&policy), STATUS_OK, "the work alone, bcrypt");
}

int
main(void)
{
	CheckArgon2();
	CheckVectors();
	CheckDamaged();
	CheckKinds();
	CheckPasswords();
	CheckCreate();
	return UnitEnd();
}
