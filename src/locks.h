/*
 * src/locks.h: the lock tags of this extension.
 *
 * They are advisory locks of classes that SQL cannot take: the functions
 * pg_advisory_lock(...) use classes 1 and 2, so no session can hold up logins
 * by taking ours.  Citus uses 4 to about 20.  Each is taken and released
 * within one C call, and released by the end of the (sub)transaction on error;
 * that of usage alone is kept to that end.
 * In pg_locks they show as advisory locks with these numbers in objsubid.
 */
#ifndef LOCKS_H
#define LOCKS_H

#include "postgres.h"

#include "storage/lock.h"

#define LOCK_CLASS_HASH_SLOT 0x1A01 /* (0, 0, slot): the whole server */
#define LOCK_CLASS_THROTTLE 0x1A02	/* (database, high half, low half of a key) */
#define LOCK_CLASS_USAGE 0x1A03 /* (database, high half, low half of a tenant's hash) */

#endif							/* LOCKS_H */
