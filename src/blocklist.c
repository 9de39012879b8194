/*
 * src/blocklist.c: the list of common passwords.
 *
 * Depends on the file system.  A backend reads the file when it first needs it,
 * keeps 64 bits of a hash for each line, sorted, and looks at the file once a
 * second.  Two texts of one hash are not to be expected among any number of
 * lines that fits, and would only make somebody choose another password.
 */
#include "postgres.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "common/hashfn.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "storage/fd.h"
#include "utils/memutils.h"

#include "blocklist.h"
#include "passtext.h"
#include "settings.h"

/* The largest file that is read; its lines take at most four times as much memory. */
#define MAX_FILE_BYTES (8 * 1024 * 1024)

/* Lines that begin so are comments; "#" alone may begin a password. */
#define COMMENT "#!"

#define LOOK_INTERVAL_NS INT64CONST(1000000000)

/* The list that is loaded; the context holds all of it. */
static MemoryContext list_context = NULL;
static uint64 *list_hashes;
static size_t list_count;
static char *list_setting;
static struct stat list_stat;
static int64 next_look = 0;

/* The path that a setting stands for. */
char *
BlocklistPath(const char *setting)
{
	static const char share[] = "$sharedir/";
	char		directory[MAXPGPATH];

	if (strncmp(setting, share, strlen(share)) != 0)
		return pstrdup(setting);
	get_share_path(my_exec_path, directory);
	return psprintf("%s/%s", directory, setting + strlen(share));
}

/* Monotonic time to the nearest tick, which costs no system call. */
static int64
CoarseClock(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
	return (int64) now.tv_sec * INT64CONST(1000000000) + now.tv_nsec;
}

/* Is it the version of the file that was read? */
static bool
IsLoaded(const struct stat *st)
{
	return list_context != NULL &&
		st->st_dev == list_stat.st_dev && st->st_ino == list_stat.st_ino &&
		st->st_size == list_stat.st_size &&
		st->st_mtim.tv_sec == list_stat.st_mtim.tv_sec &&
		st->st_mtim.tv_nsec == list_stat.st_mtim.tv_nsec &&
		st->st_ctim.tv_sec == list_stat.st_ctim.tv_sec &&
		st->st_ctim.tv_nsec == list_stat.st_ctim.tv_nsec;
}

/* Forget the list. */
static void
Forget(void)
{
	if (list_context != NULL)
		MemoryContextDelete(list_context);
	list_context = NULL;
	list_hashes = NULL;
	list_count = 0;
}

/* SQLSTATE for a file that the system does not give us. */
int
BlocklistFileError(int error_number)
{
	switch (error_number)
	{
		case ENOENT:
		case ENOTDIR:
			return ERRCODE_UNDEFINED_FILE;
		case EACCES:
		case EPERM:
			return ERRCODE_INSUFFICIENT_PRIVILEGE;
		case EMFILE:
		case ENFILE:
		case ENOMEM:
			return ERRCODE_INSUFFICIENT_RESOURCES;
		default:
			return ERRCODE_IO_ERROR;
	}
}

/* The file does not do; the client is not told where it is. */
static _Noreturn void
Refuse(const char *path, const char *why, const char *hint)
{
	Forget();
	ereport(ERROR,
			(errcode(ERRCODE_CONFIG_FILE_ERROR),
			 errmsg("the list of common passwords cannot be used"),
			 errdetail_log("The file \"%s\" %s.", path, why),
			 errhint("%s", hint)));
}

/* The system does not give us the file. */
static _Noreturn void
RefuseErrno(const char *path)
{
	int			saved_errno = errno;

	Forget();
	errno = saved_errno;
	ereport(ERROR,
			(errcode(BlocklistFileError(saved_errno)),
			 errmsg("the list of common passwords cannot be read: %m"),
			 errdetail_log("The file is \"%s\".", path),
			 errhint("Look at intrex_auth.password_blocklist_file; until the list can be read no password is accepted.")));
}

/* Read all of the file; *st is what it was before. */
static char *
ReadFile(const char *path, struct stat *st)
{
	char	   *text;
	size_t		done = 0;
	int			fd;

	/* O_NONBLOCK: a FIFO in its place does not hang us */
	fd = OpenTransientFile(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | PG_BINARY);
	if (fd < 0 || fstat(fd, st) != 0)
		RefuseErrno(path);
	if (!S_ISREG(st->st_mode))
		Refuse(path, "is not a regular file", "It is a text file with one password a line.");
	if (st->st_size > MAX_FILE_BYTES)
		Refuse(path, "has more than 8 MB",
			   "Keep the most common passwords, and make a filter of the rest (intrex_auth.password_leaked_file).");
	text = palloc((size_t) st->st_size + 1);
	while (done < (size_t) st->st_size)
	{
		ssize_t		n = read(fd, text + done, (size_t) st->st_size - done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			RefuseErrno(path);
		if (n == 0)
			break;				/* it has just become shorter */
		done += (size_t) n;
	}
	CloseTransientFile(fd);
	st->st_size = (off_t) done;
	text[done] = '\0';
	return text;
}

/* Order of hashes. */
static int
CompareHashes(const void *a, const void *b)
{
	uint64		left = *(const uint64 *) a;
	uint64		right = *(const uint64 *) b;

	return left < right ? -1 : left > right;
}

/* The hash that stands for a folded text. */
static uint64
HashOf(const char *folded, size_t length)
{
	return hash_bytes_extended((const unsigned char *) folded, (int) length, 0);
}

/* Is this line a password?  What is not UTF-8 could equal none. */
static bool
IsPassword(const char *line, size_t length)
{
	return length > 0 && length <= PASSTEXT_MAX_BYTES &&
		strncmp(line, COMMENT, strlen(COMMENT)) != 0 &&
		pg_verify_mbstr(PG_UTF8, line, (int) length, true);
}

/* Put the lines of a text, which ends with NUL, into the array; returns their number. */
static size_t
ReadLines(const char *text, size_t size, uint64 *hashes)
{
	const char *end = text + size;
	size_t		count = 0;

	for (const char *line = text; line < end;)
	{
		const char *stop = memchr(line, '\n', (size_t) (end - line));
		const char *next = stop ? stop + 1 : end;
		size_t		length = (size_t) ((stop ? stop : end) - line);

		/* lines of nothing but accents take some milliseconds each */
		CHECK_FOR_INTERRUPTS();
		if (length > 0 && line[length - 1] == '\r')
			length--;
		if (IsPassword(line, length))
		{
			size_t		folded_length;
			char	   *folded = PassTextFold(line, length, &folded_length);

			hashes[count++] = HashOf(folded, folded_length);
			pfree(folded);
		}
		line = next;
	}
	return count;
}

/* Read the file, and take it for the list. */
static void
Read(const char *path)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "intrex_auth blocklist",
												  ALLOCSET_DEFAULT_SIZES);
	struct stat st;
	char	   *text = ReadFile(path, &st);
	char	   *setting = MemoryContextStrdup(context, setting_password_blocklist_file);
	size_t		lines = 1;
	size_t		count;
	uint64	   *hashes;

	for (off_t i = 0; i < st.st_size; i++)
		lines += text[i] == '\n' ? 1 : 0;
	hashes = MemoryContextAlloc(context, lines * sizeof(uint64));
	count = ReadLines(text, (size_t) st.st_size, hashes);
	pfree(text);
	/* a file that was emptied by mistake must not open the door */
	if (count == 0)
		Refuse(path, "has no password in it",
			   "To do without a list, set intrex_auth.password_blocklist_file to the empty string.");
	qsort(hashes, count, sizeof(uint64), CompareHashes);

	Forget();
	MemoryContextSetParent(context, TopMemoryContext);
	list_context = context;
	list_hashes = hashes;
	list_count = count;
	list_setting = setting;
	list_stat = st;
}

/* Make the list ready. */
void
BlocklistLoad(void)
{
	int64		now = CoarseClock();
	char	   *path;
	struct stat st;

	if (setting_password_blocklist_file[0] == '\0')
	{
		Forget();
		return;
	}
	if (list_context != NULL && strcmp(list_setting, setting_password_blocklist_file) != 0)
		Forget();
	if (list_context != NULL && now < next_look)
		return;

	path = BlocklistPath(setting_password_blocklist_file);
	if (stat(path, &st) != 0)
		RefuseErrno(path);
	if (!IsLoaded(&st))
		Read(path);
	next_look = now + LOOK_INTERVAL_NS;
	pfree(path);
}

/* Is a folded text in the list? */
bool
BlocklistContains(const char *folded, size_t length)
{
	uint64		hash;

	if (list_count == 0)
		return false;
	hash = HashOf(folded, length);
	return bsearch(&hash, list_hashes, list_count, sizeof(uint64), CompareHashes) != NULL;
}
