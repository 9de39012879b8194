/*
 * src/keyfile.c: reading and replacing the key file on disk.
 *
 * Depends on the file system alone; keyring.c decides what the bytes mean.
 */
#include "postgres.h"

#include <fcntl.h>
#include <time.h>
#include <unistd.h>

#include "miscadmin.h"
#include "storage/fd.h"

#include "keyfile.h"

#include "core/jwk.h"
#include "core/mem.h"

#define FRESH_SECONDS 3

/* The stamp of a file. */
static FileStamp
StampOf(const struct stat *st)
{
	FileStamp	stamp;

	memset(&stamp, 0, sizeof(stamp));
	stamp.device = st->st_dev;
	stamp.inode = st->st_ino;
	stamp.size = st->st_size;
	stamp.modified = st->st_mtim;
	stamp.changed = st->st_ctim;
	return stamp;
}

/* Are two stamps of one version? */
static bool
SameStamp(const FileStamp *a, const FileStamp *b)
{
	return a->device == b->device && a->inode == b->inode && a->size == b->size &&
		a->modified.tv_sec == b->modified.tv_sec &&
		a->modified.tv_nsec == b->modified.tv_nsec &&
		a->changed.tv_sec == b->changed.tv_sec &&
		a->changed.tv_nsec == b->changed.tv_nsec;
}

/* Only the server's user may read or write it. */
static bool
IsPrivate(const struct stat *st)
{
	return S_ISREG(st->st_mode) && st->st_uid == geteuid() &&
		(st->st_mode & (S_IRWXG | S_IRWXO)) == 0;
}

/*
 * Read up to length bytes, whatever the kernel hands out at once.  Fewer when
 * somebody is writing the file anew in place: what there is does not parse.
 */
static bool
ReadAll(int fd, char *buffer, size_t length, size_t *got)
{
	size_t		done = 0;

	while (done < length)
	{
		ssize_t		n = read(fd, buffer + done, length - done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return false;
		if (n == 0)
			break;
		done += (size_t) n;
	}
	*got = done;
	return true;
}

/*
 * Could a later version have the same stamp?  The times of a file grow in steps
 * of the kernel's tick, of a second or two on some file systems, and its inode
 * may be used again at once.  So a file changed just now is not told from its
 * successors by them.  Clocks that were set back make every file new.
 */
static bool
IsFresh(const FileStamp *stamp)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return now.tv_sec - stamp->changed.tv_sec < FRESH_SECONDS;
}

/*
 * Read the file unless it is the version in *stamp.
 *
 * O_NONBLOCK, so that a FIFO in its place cannot hang a backend; privacy is
 * judged on the open file, so that it cannot be exchanged in between.
 */
KeyFileOutcome
KeyFileRead(const char *path, FileStamp *stamp, char **text, size_t *length)
{
	KeyFileOutcome outcome = KEYFILE_FAILED;
	struct stat st;
	FileStamp	seen;
	FileStamp	after;
	size_t		got = 0;
	int			fd;
	int			saved_errno = 0;

	*text = NULL;
	*length = 0;

	if (stat(path, &st) != 0)
		return errno == ENOENT || errno == ENOTDIR ? KEYFILE_MISSING : KEYFILE_FAILED;
	seen = StampOf(&st);
	if (SameStamp(&seen, stamp))
		return KEYFILE_UNCHANGED;

	/* not BasicOpenFile(): it would throw nothing either, but frees other files */
	fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT ? KEYFILE_MISSING : KEYFILE_FAILED;

	if (fstat(fd, &st) != 0)
		saved_errno = errno;
	else if (!IsPrivate(&st))
		outcome = KEYFILE_EXPOSED;
	else if (st.st_size > JWKSET_MAX_BYTES)
		outcome = KEYFILE_TOO_LARGE;
	else
	{
		size_t		size = (size_t) st.st_size;
		char	   *buffer = malloc(size + 1);

		if (buffer == NULL)
			saved_errno = ENOMEM;
		else if (!ReadAll(fd, buffer, size, &got))
		{
			saved_errno = errno;
			SecureFree(buffer, size + 1);
		}
		else
		{
			buffer[got] = '\0';
			*text = buffer;
			*length = got;
			outcome = KEYFILE_READ;
		}
	}

	/*
	 * Remember the version as it was before reading, unless it changed while
	 * we read or just before: then the next look must read it again.
	 */
	if (outcome != KEYFILE_FAILED)
	{
		seen = StampOf(&st);
		memset(stamp, 0, sizeof(*stamp));
		if (fstat(fd, &st) == 0)
		{
			after = StampOf(&st);
			if (SameStamp(&seen, &after) && !IsFresh(&seen))
				*stamp = seen;
		}
	}
	close(fd);
	errno = saved_errno;
	return outcome;
}

/* Report a failed step of writing, after removing the temporary file. */
static _Noreturn void
WriteFailed(const char *temporary, const char *path)
{
	int			saved_errno = errno;

	unlink(temporary);
	errno = saved_errno;
	ereport(ERROR,
			(errcode_for_file_access(),
			 errmsg("could not write the key file: %m"),
			 errdetail_log("The file is \"%s\".", path),
			 errhint("The server's user needs to write in the directory of the file.")));
}

/* Write a private file durably, and put it in place by one atomic step. */
bool
KeyFileWrite(const char *path, const char *text, size_t length, bool only_if_missing)
{
	char		temporary[MAXPGPATH];
	char		directory[MAXPGPATH];
	size_t		done = 0;
	int			fd;
	bool		placed = true;

	if (snprintf(temporary, sizeof(temporary), "%s.%d.tmp", path, MyProcPid)
		>= (int) sizeof(temporary))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("the path of the key file is too long")));

	unlink(temporary);			/* of a crashed process with our pid */
	fd = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		WriteFailed(temporary, path);
	while (done < length)
	{
		ssize_t		n = write(fd, text + done, length - done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
		{
			int			saved_errno = n < 0 ? errno : ENOSPC;

			close(fd);
			errno = saved_errno;
			WriteFailed(temporary, path);
		}
		done += (size_t) n;
	}
	if (pg_fsync(fd) != 0)
	{
		int			saved_errno = errno;

		close(fd);
		errno = saved_errno;
		WriteFailed(temporary, path);
	}
	close(fd);

	if (only_if_missing)
	{
		/* link() is the atomic "create unless it exists" of a whole file */
		if (link(temporary, path) != 0)
		{
			if (errno != EEXIST)
				WriteFailed(temporary, path);
			placed = false;
		}
		unlink(temporary);
		strlcpy(directory, path, sizeof(directory));
		get_parent_directory(directory);
		fsync_fname(directory[0] ? directory : ".", true);
	}
	else if (durable_rename(temporary, path, LOG) != 0)
		WriteFailed(temporary, path);
	return placed;
}
