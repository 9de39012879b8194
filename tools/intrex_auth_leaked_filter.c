/*
 * tools/intrex_auth_leaked_filter.c: builds and examines the filter of leaked
 * passwords that intrex_auth.password_leaked_file names.
 *
 * Depends on src/core alone.  It reads a list of any length from standard input
 * in bounded memory, and puts the filter in place by one atomic step.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "core/leakedbuild.h"

/* The longest password that any hash takes; a longer line is no password. */
#define MAX_LINE 4096

typedef struct Options
{
	bool		plain;
	uint64_t	min_count;
	size_t		memory;
	const char *temporary;		/* directory */
} Options;

/* A file that is to go when the program fails. */
static const char *unfinished = NULL;

static void
Usage(FILE *to)
{
	fputs("usage: intrex_auth_leaked_filter build [OPTION...] FILTER < LIST\n"
		  "       intrex_auth_leaked_filter verify FILTER\n"
		  "       intrex_auth_leaked_filter lookup FILTER < PASSWORDS\n"
		  "\n"
		  "build reads lines of the form HASH or HASH:COUNT, HASH being the SHA-1 of a\n"
		  "password in hexadecimal, in any order, and replaces FILTER when all went well.\n"
		  "\n"
		  "  --plain         the lines are passwords\n"
		  "  --min-count N   leave out what was seen less than N times\n"
		  "  --memory MB     sort in so much memory (default 256)\n"
		  "  --temp DIR      where 8 bytes a line are kept meanwhile (default: with FILTER)\n"
		  "\n"
		  "verify reads all of a filter and compares its checksums. lookup says for each\n"
		  "line whether it is in the filter; it exits with 1 when one was.\n", to);
}

/* Say what went wrong, and end. */
static _Noreturn void
__attribute__((format(printf, 1, 2)))
Fail(const char *format,...)
{
	va_list		args;

	va_start(args, format);
	fputs("intrex_auth_leaked_filter: ", stderr);
	vfprintf(stderr, format, args);
	fputc('\n', stderr);
	va_end(args);
	if (unfinished != NULL)
		unlink(unfinished);
	exit(2);
}

/* End unless a core call went well; what names the file. */
static void
Demand(Status status, const char *what)
{
	if (status == STATUS_FILE)
		Fail("%s: %s", what, strerror(errno));
	if (status != STATUS_OK)
		Fail("%s: %s", what, StatusText(status));
}

/* A number of an option, or the end. */
static uint64_t
Number(const char *text, uint64_t minimum, uint64_t maximum)
{
	char	   *end;
	unsigned long long value;

	errno = 0;
	value = strtoull(text, &end, 10);
	if (errno != 0 || end == text || *end != '\0' || text[0] == '-' || value < minimum || value > maximum)
		Fail("\"%s\" is not a number from %llu to %llu", text,
			 (unsigned long long) minimum, (unsigned long long) maximum);
	return value;
}

/*
 * The next line without its end, at most MAX_LINE bytes; -1 at the end.  Of a
 * longer one the length is MAX_LINE + 1.
 */
static int
NextLine(char line[MAX_LINE])
{
	int			length = 0;
	int			c;

	while ((c = getc_unlocked(stdin)) != EOF && c != '\n')
	{
		if (length < MAX_LINE)
			line[length] = (char) c;
		if (length <= MAX_LINE)
			length++;
	}
	if (ferror(stdin))
		Fail("standard input: %s", strerror(errno));
	if (c == EOF && length == 0)
		return -1;
	if (length > 0 && length <= MAX_LINE && line[length - 1] == '\r')
		length--;
	return length;
}

/* Value of a hexadecimal digit, or -1. */
static int
HexDigit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return -1;
}

/* Read HASH or HASH:COUNT; without a count it is 1. */
static bool
ParseLine(const char *line, int length, uint8_t hash[LEAKED_HASH_BYTES], uint64_t *count)
{
	*count = 1;
	if (length < 2 * LEAKED_HASH_BYTES || length > 2 * LEAKED_HASH_BYTES + 20)
		return false;
	for (int i = 0; i < LEAKED_HASH_BYTES; i++)
	{
		int			high = HexDigit(line[2 * i]);
		int			low = HexDigit(line[2 * i + 1]);

		if (high < 0 || low < 0)
			return false;
		hash[i] = (uint8_t) (high << 4 | low);
	}
	if (length == 2 * LEAKED_HASH_BYTES)
		return true;
	if (line[2 * LEAKED_HASH_BYTES] != ':' || length == 2 * LEAKED_HASH_BYTES + 1)
		return false;
	*count = 0;
	for (int i = 2 * LEAKED_HASH_BYTES + 1; i < length; i++)
	{
		if (line[i] < '0' || line[i] > '9')
			return false;
		*count = *count * 10 + (uint64_t) (line[i] - '0');
	}
	return true;
}

/* Add all of standard input; returns the number of lines that were taken. */
static uint64_t
AddLines(LeakedBuilder *builder, const Options *options)
{
	char		line[MAX_LINE];
	uint8_t		hash[LEAKED_HASH_BYTES];
	uint64_t	number = 0;
	uint64_t	taken = 0;
	uint64_t	count;
	int			length;

	while ((length = NextLine(line)) >= 0)
	{
		number++;
		if (options->plain)
		{
			if (length == 0 || length > MAX_LINE)
				continue;
			Demand(LeakedHash(line, (size_t) length, hash), "SHA-1");
		}
		else if (length == 0)
			continue;
		else if (!ParseLine(line, length, hash, &count))
			Fail("line %llu is not HASH or HASH:COUNT (with --plain lines are passwords)",
				 (unsigned long long) number);
		else if (count < options->min_count)
			continue;
		Demand(LeakedBuilderAdd(builder, hash), "temporary file");
		taken++;
	}
	return taken;
}

/* A path with something added. */
typedef struct Path
{
	char		name[PATH_MAX];
} Path;

static Path
Concat(const char *a, const char *b)
{
	Path		path;

	if (strlen(a) + strlen(b) >= sizeof(path.name))
		Fail("a path is longer than %zu bytes", sizeof(path.name) - 1);
	snprintf(path.name, sizeof(path.name), "%s%s", a, b);
	return path;
}

/* A new file that has no name any more. */
static int
TemporaryFile(const char *path, const char *directory)
{
	Path		file = directory ? Concat(directory, "/leaked.XXXXXX") : Concat(path, ".XXXXXX");
	int			fd = mkstemp(file.name);

	if (fd < 0)
		Fail("%s: %s", file.name, strerror(errno));
	unlink(file.name);
	return fd;
}

/* Make a rename last. */
static void
SyncDirectory(const char *path)
{
	Path		directory = Concat(path, "");
	char	   *slash = strrchr(directory.name, '/');
	int			fd;

	if (slash != NULL)
		slash[slash == directory.name ? 1 : 0] = '\0';
	fd = open(slash ? directory.name : ".", O_RDONLY | O_CLOEXEC);
	if (fd >= 0)
	{
		(void) fsync(fd);
		close(fd);
	}
}

static void
BuildFilter(const char *path, const Options *options)
{
	LeakedBuilder *builder;
	Path		partly = Concat(path, ".partial");
	const char *partial = partly.name;
	int			temporary = TemporaryFile(path, options->temporary);
	int			output;
	uint64_t	lines;
	uint64_t	count;

	Demand(LeakedBuilderNew(temporary, options->memory, &builder), "memory");
	lines = AddLines(builder, options);
	if (lines == 0)
		Fail("standard input has no entry: there would be nothing to find");

	unlink(partial);
	output = open(partial, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
	if (output < 0)
		Fail("%s: %s", partial, strerror(errno));
	unfinished = partial;
	Demand(LeakedBuilderFinish(builder, output, &count), partial);
	LeakedBuilderFree(builder);
	if (fsync(output) != 0 || close(output) != 0 || rename(partial, path) != 0)
		Fail("%s: %s", partial, strerror(errno));
	unfinished = NULL;
	SyncDirectory(path);
	printf("%llu lines, %llu entries\n", (unsigned long long) lines, (unsigned long long) count);
}

/* Open a filter, or end. */
static LeakedFilter
OpenLeaked(const char *path)
{
	LeakedFilter filter;
	int			fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);

	if (fd < 0)
		Fail("%s: %s", path, strerror(errno));
	Demand(LeakedOpen(fd, &filter), path);
	return filter;
}

static void
VerifyAll(const char *path)
{
	LeakedFilter filter = OpenLeaked(path);

	Demand(LeakedVerify(&filter), path);
	printf("%llu entries in %llu buckets\n", (unsigned long long) filter.count,
		   1ULL << filter.bucket_bits);
}

/* Say of each line whether it is in the filter, and how long that took. */
static int
LookupLines(const char *path)
{
	LeakedFilter filter = OpenLeaked(path);
	char		line[MAX_LINE];
	uint64_t	asked = 0;
	uint64_t	hits = 0;
	struct timespec start;
	struct timespec end;
	double		seconds;
	int			length;

	clock_gettime(CLOCK_MONOTONIC, &start);
	while ((length = NextLine(line)) >= 0)
	{
		bool		found = false;

		if (length <= MAX_LINE)
			Demand(LeakedContains(&filter, line, (size_t) length, &found), path);
		puts(found ? "leaked" : "not found");
		asked++;
		hits += found ? 1 : 0;
	}
	clock_gettime(CLOCK_MONOTONIC, &end);
	seconds = (double) (end.tv_sec - start.tv_sec) + (double) (end.tv_nsec - start.tv_nsec) / 1e9;
	fprintf(stderr, "%llu of %llu leaked, %.2f us each\n", (unsigned long long) hits,
			(unsigned long long) asked, asked > 0 ? seconds * 1e6 / (double) asked : 0.0);
	return hits > 0 ? 1 : 0;
}

int
main(int argc, char **argv)
{
	Options		options = {false, 0, (size_t) 256 << 20, NULL};
	const char *command = argc > 1 ? argv[1] : "";
	int			i = 2;

	if (strcmp(command, "--help") == 0 || strcmp(command, "-h") == 0)
	{
		Usage(stdout);
		return 0;
	}
	for (; i < argc && strncmp(argv[i], "--", 2) == 0 && strcmp(command, "build") == 0; i++)
	{
		const char *option = argv[i];

		if (strcmp(option, "--plain") == 0)
			options.plain = true;
		else if (i + 1 == argc)
			break;
		else if (strcmp(option, "--min-count") == 0)
			options.min_count = Number(argv[++i], 1, UINT64_MAX);
		else if (strcmp(option, "--memory") == 0)
			options.memory = (size_t) Number(argv[++i], 1, 1 << 20) << 20;
		else if (strcmp(option, "--temp") == 0)
			options.temporary = argv[++i];
		else
			break;
	}
	if (i != argc - 1 || (options.plain && options.min_count > 0))
	{
		Usage(stderr);
		return 2;
	}
	if (strcmp(command, "build") == 0)
		BuildFilter(argv[i], &options);
	else if (strcmp(command, "verify") == 0)
		VerifyAll(argv[i]);
	else if (strcmp(command, "lookup") == 0)
		return LookupLines(argv[i]);
	else
	{
		Usage(stderr);
		return 2;
	}
	return 0;
}
