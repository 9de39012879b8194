/*
 * src/keyfile.h: reading and replacing the key file on disk.
 */
#ifndef KEYFILE_H
#define KEYFILE_H

#include "postgres.h"

#include <sys/stat.h>

#include "core/status.h"

/* What tells one version of a file from the next. */
typedef struct FileStamp
{
	dev_t		device;
	ino_t		inode;
	off_t		size;
	struct timespec modified;
	struct timespec changed;
} FileStamp;

typedef enum KeyFileOutcome
{
	KEYFILE_READ,
	KEYFILE_UNCHANGED,			/* still the version that *stamp names */
	KEYFILE_MISSING,
	KEYFILE_EXPOSED,			/* not private: mode, owner or kind of file */
	KEYFILE_TOO_LARGE,
	KEYFILE_FAILED				/* errno says why */
} KeyFileOutcome;

/*
 * Read the file unless it is the version in *stamp, which is updated.  The
 * text is malloc'd: release it with SecureFree().  Throws nothing.
 */
extern KeyFileOutcome KeyFileRead(const char *path, FileStamp *stamp,
								  char **text, size_t *length);

/*
 * Write a private file (mode 0600) durably under a temporary name and put it
 * in place; with only_if_missing it never replaces one, and says so by
 * returning false.  Reports errors.
 */
extern bool KeyFileWrite(const char *path, const char *text, size_t length,
						 bool only_if_missing);

#endif							/* KEYFILE_H */
