/*
 * src/blocklist.h: the list of common passwords.
 */
#ifndef BLOCKLIST_H
#define BLOCKLIST_H

#include "postgres.h"

/*
 * Make ready the list that intrex_auth.password_blocklist_file names.  Raises an
 * error when it cannot be read: without the list no password is accepted.
 */
extern void BlocklistLoad(void);

/* Is a folded text (PassTextFold) in the list?  Needs BlocklistLoad(). */
extern bool BlocklistContains(const char *folded, size_t length);

/* SQLSTATE for a file that the system does not give us; never that of an internal error. */
extern int	BlocklistFileError(int error_number);

/* The path that a setting of a file stands for; a leading $sharedir is the server's. */
extern char *BlocklistPath(const char *setting);

#endif							/* BLOCKLIST_H */
