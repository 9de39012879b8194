/*
 * test/unit/test_leaked.c: facts about src/core/leaked.c and leakedbuild.c.
 */
#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "core/leakedbuild.h"
#include "core/mem.h"

/* A file that nobody else sees. */
static int
NamelessFile(void)
{
	char		name[] = "/tmp/test_leaked.XXXXXX";
	int			fd = mkstemp(name);

	if (fd < 0)
		abort();
	unlink(name);
	return fd;
}

/* A file with these bytes. */
static int
FileOf(const void *bytes, size_t length)
{
	int			fd = NamelessFile();

	if (pwrite(fd, bytes, length, 0) != (ssize_t) length)
		abort();
	return fd;
}

/* The number as a password. */
static size_t
Password(char out[32], unsigned long number)
{
	return (size_t) snprintf(out, 32, "password %lu", number);
}

/* A filter of the passwords from to before until, built in so much memory. */
static int
Build(unsigned long from, unsigned long until, size_t memory, uint64_t *count)
{
	int			temporary = NamelessFile();
	int			output = NamelessFile();
	LeakedBuilder *builder;

	CHECK_STATUS(LeakedBuilderNew(temporary, memory, &builder), STATUS_OK, "a builder");
	for (unsigned long i = from; i < until; i++)
	{
		char		password[32];
		uint8_t		hash[LEAKED_HASH_BYTES];
		size_t		length = Password(password, i);

		if (LeakedHash(password, length, hash) != STATUS_OK ||
			LeakedBuilderAdd(builder, hash) != STATUS_OK)
			abort();
	}
	CHECK_STATUS(LeakedBuilderFinish(builder, output, count), STATUS_OK, "a filter is written");
	LeakedBuilderFree(builder);
	close(temporary);
	return output;
}

/* How many of the passwords are found; a status that is not OK counts as -1000000. */
static long
Found(int fd, unsigned long from, unsigned long until)
{
	LeakedFilter filter;
	long		found = 0;

	if (LeakedOpen(fd, &filter) != STATUS_OK)
		return -1;
	for (unsigned long i = from; i < until; i++)
	{
		char		password[32];
		bool		is_found;
		size_t		length = Password(password, i);

		if (LeakedContains(&filter, password, length, &is_found) != STATUS_OK)
			return -1;
		found += is_found ? 1 : 0;
	}
	return found;
}

/* All bytes of a file. */
static uint8_t *
Slurp(int fd, size_t *length)
{
	off_t		size = lseek(fd, 0, SEEK_END);
	uint8_t    *bytes = malloc((size_t) size);

	if (bytes == NULL || pread(fd, bytes, (size_t) size, 0) != size)
		abort();
	*length = (size_t) size;
	return bytes;
}

/* Make the header's checksum right again. */
static void
Sign(uint8_t *bytes)
{
	if (Sha256(bytes, 128, bytes + 128) != STATUS_OK)
		abort();
}

/* What opening, and looking at all, says of these bytes. */
static Status
Opened(const void *bytes, size_t length)
{
	int			fd = FileOf(bytes, length);
	LeakedFilter filter;
	Status		status = LeakedOpen(fd, &filter);

	close(fd);
	return status;
}

static Status
Verified(const void *bytes, size_t length)
{
	int			fd = FileOf(bytes, length);
	LeakedFilter filter;
	Status		status = LeakedOpen(fd, &filter);

	if (status == STATUS_OK)
		status = LeakedVerify(&filter);
	close(fd);
	return status;
}

/* Of each password of a filter, and of hardly another. */
static void
TestFound(void)
{
	static const unsigned long sizes[] = {0, 1, 2, 15, 16, 17, 100, 1000, 20000, 100000};

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
	{
		uint64_t	count;
		int			fd = Build(0, sizes[i], LEAKED_MIN_MEMORY, &count);
		LeakedFilter filter;

		CHECK(count == sizes[i], UnitName("%lu different hashes are as many entries", sizes[i]));
		CHECK(Found(fd, 0, sizes[i]) == (long) sizes[i], "each is found");
		CHECK(Found(fd, 1000000, 1100000) <= 3, "others are not");
		CHECK_STATUS(LeakedOpen(fd, &filter), STATUS_OK, "it opens");
		CHECK_STATUS(LeakedVerify(&filter), STATUS_OK, "its checksums hold");
		CHECK(sizes[i] < 16 || sizes[i] >> filter.bucket_bits >= 7, "a bucket has 7 entries at least");
		CHECK(sizes[i] >> filter.bucket_bits < LEAKED_MEAN_BUCKET, "and less than 16, on average");
		close(fd);
	}
}

/* Vectors: SHA-1 of FIPS 180-2 (abc), and of the empty text. */
static void
TestVectors(void)
{
	uint8_t		expected[LEAKED_HASH_BYTES];
	uint8_t		hash[LEAKED_HASH_BYTES];

	UnitHex("a9993e364706816aba3e25717850c26c9cd0d89d", expected, sizeof(expected));
	CHECK_STATUS(LeakedHash("abc", 3, hash), STATUS_OK, "SHA-1 of abc");
	CHECK(memcmp(hash, expected, sizeof(hash)) == 0, "is the one of FIPS 180-2");
	UnitHex("da39a3ee5e6b4b0d3255bfef95601890afd80709", expected, sizeof(expected));
	CHECK_STATUS(LeakedHash("", 0, hash), STATUS_OK, "SHA-1 of nothing");
	CHECK(memcmp(hash, expected, sizeof(hash)) == 0, "is the known one");
}

/* Runs, their order and doubles do not matter. */
static void
TestRuns(void)
{
	uint64_t	count;
	uint64_t	again;
	int			one = Build(0, 100000, (size_t) 16 << 20, &count);
	int			many = Build(0, 100000, LEAKED_MIN_MEMORY, &again);
	int			temporary = NamelessFile();
	int			doubled = NamelessFile();
	LeakedBuilder *builder;
	size_t		length;
	size_t		other_length;
	uint8_t    *bytes = Slurp(one, &length);
	uint8_t    *other = Slurp(many, &other_length);

	CHECK(count == again && length == other_length && memcmp(bytes, other, length) == 0,
		  "one run or many give the same file");
	free(bytes);
	free(other);

	CHECK_STATUS(LeakedBuilderNew(temporary, 0, &builder), STATUS_OK, "a builder");
	for (unsigned long i = 60000; i-- > 0;)
	{
		char		password[32];
		uint8_t		hash[LEAKED_HASH_BYTES];
		size_t		password_length = Password(password, i % 20000);

		if (LeakedHash(password, password_length, hash) != STATUS_OK ||
			LeakedBuilderAdd(builder, hash) != STATUS_OK)
			abort();
	}
	CHECK_STATUS(LeakedBuilderFinish(builder, doubled, &count), STATUS_OK, "a filter of doubles");
	CHECK(count == 20000, "each is one entry");
	CHECK(Found(doubled, 0, 20000) == 20000, "and is found");
	LeakedBuilderFree(builder);
	LeakedBuilderFree(NULL);
	close(one);
	close(many);
	close(doubled);
	close(temporary);
}

/* Hashes that begin alike are none; extremes are. */
static void
TestStrange(void)
{
	int			temporary = NamelessFile();
	int			output = NamelessFile();
	LeakedBuilder *builder;
	LeakedFilter filter;
	uint8_t		hash[LEAKED_HASH_BYTES] = {0};
	uint64_t	count;
	bool		found;

	CHECK_STATUS(LeakedBuilderNew(temporary, 0, &builder), STATUS_OK, "a builder");
	CHECK_STATUS(LeakedBuilderAdd(builder, hash), STATUS_OK, "a hash of zeros");
	memset(hash, 0xFF, sizeof(hash));
	CHECK_STATUS(LeakedBuilderAdd(builder, hash), STATUS_OK, "a hash of ones");
	CHECK_STATUS(LeakedBuilderFinish(builder, output, &count), STATUS_OK, "make a filter");
	CHECK_STATUS(LeakedOpen(output, &filter), STATUS_OK, "that opens");
	CHECK(LeakedContainsHash(&filter, hash, &found) == STATUS_OK && found, "ones are found");
	hash[2] = 0xFE;
	CHECK(LeakedContainsHash(&filter, hash, &found) == STATUS_OK && !found, "but no others");
	LeakedBuilderFree(builder);

	/* error: more than a bucket can have */
	if (ftruncate(temporary, 0) != 0 || ftruncate(output, 0) != 0)
		abort();
	CHECK_STATUS(LeakedBuilderNew(temporary, 0, &builder), STATUS_OK, "a builder");
	memset(hash, 0, sizeof(hash));
	for (int i = 0; i < 40000; i++)
	{
		hash[3] = (uint8_t) (i >> 8);
		hash[4] = (uint8_t) i;
		if (LeakedBuilderAdd(builder, hash) != STATUS_OK)
			abort();
	}
	CHECK_STATUS(LeakedBuilderFinish(builder, output, &count), STATUS_FILTER_FORMAT,
				 "what begins alike is refused");
	CHECK(LeakedOpen(output, &filter) != STATUS_OK, "and what was written is no filter");
	LeakedBuilderFree(builder);

	/* error: files that cannot be written */
	CHECK_STATUS(LeakedBuilderNew(-1, 0, &builder), STATUS_OK, "a builder without a file");
	for (size_t i = 0; i < LEAKED_MIN_MEMORY / 16; i++)
	{
		if (LeakedBuilderAdd(builder, hash) != STATUS_OK)
			abort();
	}
	errno = 0;
	CHECK_STATUS(LeakedBuilderAdd(builder, hash), STATUS_FILE, "fails when the first run is full");
	CHECK(errno == EBADF, "with errno");
	LeakedBuilderFree(builder);
	if (ftruncate(temporary, 0) != 0)
		abort();
	CHECK_STATUS(LeakedBuilderNew(temporary, 0, &builder), STATUS_OK, "a builder");
	CHECK_STATUS(LeakedBuilderAdd(builder, hash), STATUS_OK, "a hash");
	CHECK_STATUS(LeakedBuilderFinish(builder, -1, &count), STATUS_FILE, "no output: refused");
	LeakedBuilderFree(builder);
	close(temporary);
	close(output);
}

/* Each length and each byte of the header. */
static void
TestDamage(void)
{
	uint64_t	count;
	int			fd = Build(0, 1000, 0, &count);
	size_t		length;
	uint8_t    *bytes = Slurp(fd, &length);
	int			wrong = 0;

	close(fd);
	CHECK_STATUS(Verified(bytes, length), STATUS_OK, "the filter itself is good");
	for (size_t i = 0; i < length; i++)
	{
		if (Opened(bytes, i) != STATUS_FILTER_FORMAT)
			wrong++;
	}
	CHECK(wrong == 0, "cut at any length it is refused");
	wrong = 0;
	for (size_t i = 0; i < LEAKED_HEADER_BYTES * 8; i++)
	{
		Status		status;

		bytes[i / 8] ^= (uint8_t) (1 << i % 8);
		status = Opened(bytes, length);
		if (status != STATUS_FILTER_FORMAT && !(status == STATUS_FILTER_VERSION && i / 8 >= 8 && i / 8 < 12))
			wrong++;
		bytes[i / 8] ^= (uint8_t) (1 << i % 8);
	}
	CHECK(wrong == 0, "with any bit of the header changed it is refused");
	wrong = 0;
	for (size_t i = LEAKED_HEADER_BYTES; i < length; i++)
	{
		bytes[i] ^= 0x10;
		if (Verified(bytes, length) != STATUS_FILTER_FORMAT)
			wrong++;
		bytes[i] ^= 0x10;
	}
	CHECK(wrong == 0, "any byte changed behind it is seen by the verification");

	/* with a header whose checksum is right */
	wrong = 0;
	for (size_t i = 0; i < 128 * 8; i++)
	{
		Status		status;

		bytes[i / 8] ^= (uint8_t) (1 << i % 8);
		Sign(bytes);
		status = Verified(bytes, length);
		if (status != STATUS_FILTER_FORMAT && status != STATUS_FILTER_VERSION)
			wrong++;
		if (status == STATUS_FILTER_VERSION && (i / 8 < 8 || i / 8 >= 16))
			wrong++;
		bytes[i / 8] ^= (uint8_t) (1 << i % 8);
	}
	Sign(bytes);
	CHECK(wrong == 0, "no field is believed because the checksum is right");
	CHECK_STATUS(Verified(bytes, length), STATUS_OK, "and unchanged it is good");

	bytes = realloc(bytes, length + 3);
	memset(bytes + length, 0, 3);
	CHECK_STATUS(Opened(bytes, length + 1), STATUS_FILTER_FORMAT, "a byte more is refused");
	CHECK_STATUS(Opened(bytes, length + 3), STATUS_FILTER_FORMAT, "an entry more too");
	free(bytes);
}

/* An index that lies: no lookup leaves the file or the buffer. */
static void
TestIndex(void)
{
	static const uint8_t bad[][8] = {
		{0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF}, {0x80}, {0, 0, 0, 0, 0, 0, 0x07, 0xFF}, {0}
	};
	uint64_t	count;
	int			fd = Build(0, 2000, 0, &count);
	size_t		length;
	uint8_t    *bytes = Slurp(fd, &length);

	close(fd);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
	{
		uint8_t    *copy = malloc(length);
		LeakedFilter filter;
		int			refused = 0;
		int			strange = 0;

		memcpy(copy, bytes, length);
		for (size_t at = LEAKED_HEADER_BYTES + 8; at < length - 6000; at += 16)
			memcpy(copy + at, bad[i], 8);
		fd = FileOf(copy, length);
		if (LeakedOpen(fd, &filter) != STATUS_OK)
			abort();
		for (unsigned long number = 0; number < 2000; number++)
		{
			char		password[32];
			bool		found;
			Status		status = LeakedContains(&filter, password, Password(password, number), &found);

			refused += status == STATUS_FILTER_FORMAT ? 1 : 0;
			strange += status != STATUS_FILTER_FORMAT && status != STATUS_OK ? 1 : 0;
		}
		CHECK(refused > 0 && strange == 0, UnitName("index %zu: damage is refused", i));
		CHECK_STATUS(LeakedVerify(&filter), STATUS_FILTER_FORMAT, "and seen by the verification");
		close(fd);
		free(copy);
	}

	/* a file that is cut while it is open */
	{
		LeakedFilter filter;
		uint8_t		hash[LEAKED_HASH_BYTES];
		bool		found = true;

		fd = FileOf(bytes, length);
		memset(hash, 0xFF, sizeof(hash));
		CHECK_STATUS(LeakedOpen(fd, &filter), STATUS_OK, "opened");
		if (ftruncate(fd, LEAKED_HEADER_BYTES) != 0)
			abort();
		CHECK_STATUS(LeakedContainsHash(&filter, hash, &found), STATUS_FILTER_FORMAT, "and then cut: refused");
		CHECK(!found, "not found");
		CHECK_STATUS(LeakedVerify(&filter), STATUS_FILTER_FORMAT, "by the verification too");
		close(fd);
		CHECK_STATUS(LeakedContainsHash(&filter, hash, &found), STATUS_FILE, "closed: an error of the system");
	}
	free(bytes);
}

/* What is no file. */
static void
TestNoFile(void)
{
	LeakedFilter filter;
	int			fds[2];
	int			fd = open("/", O_RDONLY);

	CHECK_STATUS(LeakedOpen(-1, &filter), STATUS_FILE, "no file");
	CHECK_STATUS(LeakedOpen(fd, &filter), STATUS_FILTER_FORMAT, "a directory");
	close(fd);
	if (pipe(fds) != 0)
		abort();
	CHECK_STATUS(LeakedOpen(fds[0], &filter), STATUS_FILTER_FORMAT, "a pipe, without waiting");
	close(fds[0]);
	close(fds[1]);
	CHECK_STATUS(Opened("", 0), STATUS_FILTER_FORMAT, "nothing");
	CHECK_STATUS(Opened("password\n", 9), STATUS_FILTER_FORMAT, "a list");
}

int
main(void)
{
	TestVectors();
	TestFound();
	TestRuns();
	TestStrange();
	TestDamage();
	TestIndex();
	TestNoFile();
	return UnitEnd();
}
