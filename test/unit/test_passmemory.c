/*
 * test/unit/test_passmemory.c: after a hash nothing of the password is left in the
 * memory of the process: neither on the stack nor in what was freed.
 *
 * Depends on unit.h, passwords.h, core/passhash, and Linux's /proc.
 */
#define _GNU_SOURCE
#include "unit.h"

#include <fcntl.h>
#include <unistd.h>

#include "core/passhash.h"
#include "passwords.h"

/* The password is in memory only masked, but for the time of a call. */
#define MASK 0x55
#define LENGTH 40
#define CHUNK 65536
/* Maps of this size and more are the sanitizer's own. */
#define MAX_MAP (UINT64_C(1) << 28)

static uint8_t masked[LENGTH];
static uint8_t chunk[CHUNK + LENGTH];

/* Count the places of the masked pattern in some bytes. */
static unsigned int
CountIn(const uint8_t *bytes, size_t length, const uint8_t *pattern, size_t pattern_length)
{
	unsigned int count = 0;
	const uint8_t *end = bytes + length;

	/* its first byte alone is no secret */
	while ((bytes = memchr(bytes, pattern[0] ^ MASK, (size_t) (end - bytes))) != NULL &&
		   (size_t) (end - bytes) >= pattern_length)
	{
		size_t		i = 1;

		while (i < pattern_length && (bytes[i] ^ MASK) == pattern[i])
			i++;
		if (i == pattern_length)
			count++;
		bytes++;
	}
	return count;
}

/* Count the places of the masked pattern in all writable memory but our window. */
static unsigned int
CountCopies(const uint8_t *pattern, size_t pattern_length)
{
	FILE	   *maps = fopen("/proc/self/maps", "r");
	int			memory = open("/proc/self/mem", O_RDONLY);
	unsigned int count = 0;
	char		line[512];

	if (maps == NULL || memory < 0)
		abort();
	while (fgets(line, sizeof(line), maps) != NULL)
	{
		unsigned long start;
		unsigned long end;
		char		access[8];

		if (sscanf(line, "%lx-%lx %7s", &start, &end, access) != 3 ||
			access[0] != 'r' || access[1] != 'w' || end - start >= MAX_MAP)
			continue;
		for (unsigned long at = start; at < end; at += CHUNK)
		{
			ssize_t		got;

			/* the window would hold what has been read before */
			if (at + CHUNK + LENGTH > (unsigned long) chunk && at < (unsigned long) chunk + sizeof(chunk))
				continue;
			got = pread(memory, chunk, CHUNK + pattern_length - 1, (off_t) at);
			if (got > 0)
				count += CountIn(chunk, (size_t) got, pattern, pattern_length);
		}
	}
	memset(chunk, 0, sizeof(chunk));
	fclose(maps);
	close(memory);
	return count;
}

/* Call with the password in the clear, for as long as the call takes. */
static Status
WithPassword(const char *hash, const PassHashPolicy *policy)
{
	volatile uint8_t *clear = malloc(LENGTH);
	char		made[PASSHASH_SIZE];
	bool		match;
	Status		status;

	for (size_t i = 0; i < LENGTH; i++)
		clear[i] = masked[i] ^ MASK;
	if (hash != NULL)
		status = PassHashVerify((const char *) clear, LENGTH, hash, strlen(hash), policy, &match);
	else
		status = PassHashCreate((const char *) clear, LENGTH, policy, made);
	for (size_t i = 0; i < LENGTH; i++)
		clear[i] = 0;
	free((void *) clear);
	return status;
}

int
main(void)
{
	PassHashPolicy bcrypt = {PASSHASH_BCRYPT, 4, 1024, 1, true};
	PassHashPolicy argon2 = {PASSHASH_ARGON2ID, 4, 1024, 1, true};
	char	   *witness;

	/* printable and like nothing else */
	for (size_t i = 0; i < LENGTH; i++)
		masked[i] = (uint8_t) (('!' + (i * 37 + 11) % 90) ^ MASK);

	CHECK(CountCopies(masked, LENGTH) == 0, "nothing is there before");
	witness = malloc(LENGTH);
	for (size_t i = 0; i < LENGTH; i++)
		((volatile char *) witness)[i] = (char) (masked[i] ^ MASK);
	CHECK(CountCopies(masked, LENGTH) == 1, "a copy is found");
	memset(witness, 0, LENGTH);
	free(witness);

	CHECK_STATUS(WithPassword(NULL, &bcrypt), STATUS_OK, "a new bcrypt hash");
	CHECK(CountCopies(masked, 16) == 0, "leaves nothing");
	CHECK_STATUS(WithPassword(NULL, &argon2), STATUS_OK, "a new argon2id hash");
	CHECK(CountCopies(masked, 16) == 0, "leaves nothing");
	for (size_t i = 0; i < sizeof(foreign_hashes) / sizeof(foreign_hashes[0]); i++)
	{
		CHECK_STATUS(WithPassword(foreign_hashes[i].hash, &bcrypt), STATUS_OK,
					 UnitName("computed: %.40s", foreign_hashes[i].hash));
		CHECK(CountCopies(masked, 16) == 0, UnitName("nothing is left: %.40s", foreign_hashes[i].hash));
	}
	return UnitEnd();
}
