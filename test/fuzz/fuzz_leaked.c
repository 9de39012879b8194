/*
 * test/fuzz/fuzz_leaked.c: filters of leaked passwords: no file crashes or holds up
 * who reads it, and what was damaged is refused or answers.
 *
 * The first byte chooses: a file as it is, damage to a good one, or hashes to build
 * one of; and whether the checksums are made right again, so that what lies behind
 * them is reached too.  Depends on fuzz.h, core/leakedbuild, core/mem and memfd_create.
 */
#include "fuzz.h"

#include <sys/mman.h>
#include <unistd.h>

#include "core/leakedbuild.h"
#include "core/mem.h"

#define KNOWN 40				/* passwords in the good filter */
#define GOOD_SIZE 1024
#define HASHES_MAX 1024			/* in one that is built, of 8 bytes each */

/* What the first byte says. */
#define DAMAGE 1
#define SIGN 2					/* the header is right */
#define DIGEST 4				/* so are its checksums of index and entries */
#define BUILD 8

static const size_t header_bytes = LEAKED_HEADER_BYTES;

/* A file in memory. */
static int
File(const void *bytes, size_t length)
{
	int			fd = memfd_create("leaked", MFD_CLOEXEC);

	REQUIRE(fd >= 0);
	REQUIRE(length == 0 || pwrite(fd, bytes, length, 0) == (ssize_t) length);
	return fd;
}

/* A password of the good filter. */
static size_t
Password(char out[32], int number)
{
	return (size_t) snprintf(out, 32, "password %d", number);
}

/* A filter of hashes. */
static int
Build(const uint8_t (*hashes)[LEAKED_HASH_BYTES], size_t hash_count, uint64_t *count)
{
	int			temporary = File("", 0);
	int			output = File("", 0);
	LeakedBuilder *builder;

	REQUIRE(LeakedBuilderNew(temporary, 0, &builder) == STATUS_OK);
	for (size_t i = 0; i < hash_count; i++)
		REQUIRE(LeakedBuilderAdd(builder, hashes[i]) == STATUS_OK);
	REQUIRE(LeakedBuilderFinish(builder, output, count) == STATUS_OK);
	LeakedBuilderFree(builder);
	close(temporary);
	return output;
}

/* The good filter, made once. */
static size_t
Good(uint8_t out[GOOD_SIZE])
{
	static uint8_t good[GOOD_SIZE];
	static size_t length = 0;
	uint8_t		hashes[KNOWN][LEAKED_HASH_BYTES];
	uint64_t	count;
	int			fd;

	if (length == 0)
	{
		for (int i = 0; i < KNOWN; i++)
		{
			char		password[32];
			size_t		chars = Password(password, i);

			REQUIRE(LeakedHash(password, chars, hashes[i]) == STATUS_OK);
		}
		fd = Build(hashes, KNOWN, &count);
		REQUIRE(count == KNOWN);
		length = (size_t) pread(fd, good, sizeof(good), 0);
		REQUIRE(length > header_bytes && length < sizeof(good));
		close(fd);
	}
	memcpy(out, good, length);
	return length;
}

/* Make the checksums right again, those of the parts where the header has them begin. */
static void
Repair(uint8_t *bytes, size_t length, bool parts)
{
	if (length < header_bytes)
		return;
	if (parts)
	{
		size_t		index = (size_t) LEAKED_INDEX_BYTES << (bytes[19] % 8);

		if (index > length - header_bytes)
			index = length - header_bytes;
		REQUIRE(Sha256(bytes + header_bytes, index, bytes + 40) == STATUS_OK);
		REQUIRE(Sha256(bytes + header_bytes + index, length - header_bytes - index,
					   bytes + 72) == STATUS_OK);
	}
	REQUIRE(Sha256(bytes, 128, bytes + 128) == STATUS_OK);
}

/* A question is answered, or the file found to be damaged. */
static Status
Ask(const LeakedFilter *filter, const uint8_t hash[LEAKED_HASH_BYTES], bool *found)
{
	Status		status;

	*found = true;
	status = LeakedContainsHash(filter, hash, found);
	REQUIRE(status == STATUS_OK || status == STATUS_FILTER_FORMAT);
	REQUIRE(status == STATUS_OK || !*found);
	return status;
}

/* What holds of every file.  Returns whether it is a whole filter. */
static bool
Check(int fd, const uint8_t *hashes, size_t size)
{
	LeakedFilter filter;
	Status		opened = LeakedOpen(fd, &filter);
	Status		verified;
	off_t		length = lseek(fd, 0, SEEK_END);
	uint8_t		last;

	REQUIRE(opened == STATUS_OK || opened == STATUS_FILTER_FORMAT || opened == STATUS_FILTER_VERSION);
	REQUIRE_NO_ERRORS();
	if (opened != STATUS_OK)
		return false;
	REQUIRE(filter.fd == fd && filter.bucket_bits >= 0 && filter.bucket_bits <= LEAKED_MAX_BUCKET_BITS);
	REQUIRE(filter.entries + filter.count * LEAKED_ENTRY_BYTES == (uint64_t) length);

	verified = LeakedVerify(&filter);
	REQUIRE(verified == STATUS_OK || verified == STATUS_FILTER_FORMAT);
	for (int i = 0; i < 256; i++)
	{
		/* every bucket of what fits here, and hashes of the input */
		uint8_t		hash[LEAKED_HASH_BYTES] = {(uint8_t) i};
		bool		found;

		for (size_t j = 0; j < sizeof(hash) - 1 && size > 0; j++)
			hash[1 + j] = hashes[((size_t) i + j) % size];
		REQUIRE(Ask(&filter, hash, &found) == STATUS_OK || verified != STATUS_OK);
	}

	/* cut while it is open */
	REQUIRE(pread(fd, &last, 1, length - 1) == 1);
	REQUIRE(ftruncate(fd, length - 1) == 0);
	for (int i = 0; i < 256; i++)
	{
		uint8_t		hash[LEAKED_HASH_BYTES] = {(uint8_t) i};
		bool		found;

		(void) Ask(&filter, hash, &found);
	}
	REQUIRE(LeakedVerify(&filter) == STATUS_FILTER_FORMAT);
	REQUIRE(pwrite(fd, &last, 1, length - 1) == 1);
	REQUIRE_NO_ERRORS();
	return verified == STATUS_OK;
}

/* Are all passwords of the good filter found? */
static bool
FindsAll(int fd)
{
	LeakedFilter filter;

	REQUIRE(LeakedOpen(fd, &filter) == STATUS_OK);
	for (int i = 0; i < KNOWN; i++)
	{
		char		password[32];
		size_t		length = Password(password, i);
		bool		found;

		REQUIRE(LeakedContains(&filter, password, length, &found) == STATUS_OK);
		if (!found)
			return false;
	}
	return true;
}

/* A filter of the hashes of the input is whole, and has each of them. */
static void
CheckBuilt(const uint8_t *data, size_t size)
{
	static uint8_t hashes[HASHES_MAX][LEAKED_HASH_BYTES];
	size_t		hash_count = size / 8 < HASHES_MAX ? size / 8 : HASHES_MAX;
	LeakedFilter filter;
	uint64_t	count;
	int			fd;

	memset(hashes, 0, sizeof(hashes));
	for (size_t i = 0; i < hash_count; i++)
		memcpy(hashes[i], data + 8 * i, 8);
	fd = Build((const uint8_t (*)[LEAKED_HASH_BYTES]) hashes, hash_count, &count);
	REQUIRE(count <= hash_count && (count > 0 || hash_count == 0));
	REQUIRE(LeakedOpen(fd, &filter) == STATUS_OK);
	REQUIRE(filter.count == count);
	for (size_t i = 0; i < hash_count; i++)
	{
		bool		found;

		REQUIRE(Ask(&filter, hashes[i], &found) == STATUS_OK && found);
	}
	REQUIRE(LeakedVerify(&filter) == STATUS_OK);
	close(fd);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t		choice = FuzzByte(&data, &size);
	uint8_t		good[GOOD_SIZE];
	uint8_t		damaged[GOOD_SIZE + FUZZ_GROWTH];
	size_t		good_length = Good(good);
	size_t		length = size;
	uint8_t    *bytes;
	bool		whole;
	int			fd;

	if (choice & BUILD)
	{
		CheckBuilt(data, size);
		return 0;
	}
	if (choice & DAMAGE)
	{
		memcpy(damaged, good, good_length);
		length = FuzzDamage(damaged, good_length, data, size);
		bytes = FuzzCopy(damaged, length);
	}
	else
		bytes = FuzzCopy(data, size);
	if (choice & SIGN)
		Repair(bytes, length, (choice & DIGEST) != 0);

	fd = File(bytes, length);
	whole = Check(fd, data, size);
	if (choice & DAMAGE)
	{
		bool		same = length == good_length && memcmp(bytes, good, length) == 0;

		REQUIRE(!same || (whole && FindsAll(fd)));
		/* no damage goes unnoticed unless somebody mends the checksums */
		REQUIRE(same || !whole || (choice & SIGN));
	}
	close(fd);
	free(bytes);
	return 0;
}
