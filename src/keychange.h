/*
 * src/keychange.h: changing the key file, one change at a time.
 *
 * The file is not part of the transaction: what is done to it stays done at
 * ROLLBACK.
 */
#ifndef KEYCHANGE_H
#define KEYCHANGE_H

#include "postgres.h"

#include "core/jwk.h"

/* Keys are the superuser's, whatever was granted: reports an error for others. */
extern void KeyDemandSuperuser(void);

/* The file of a standby is copied from its primary: reports an error there. */
extern void KeyDemandPrimary(void);

/* Seconds since the epoch. */
extern int64 KeyClock(void);

/* Free (and so wipe) a set when the current memory context ends. */
extern JwkSet *KeyTieSet(JwkSet *set);

/*
 * The ring of the file, in a set of our own to change, under a lock that lets
 * one change of the file happen at a time in the whole cluster until the end of
 * the transaction.  Reports an error when the file cannot be used, also when
 * this backend still has the keys of an earlier version.
 */
extern JwkSet *KeyBeginChange(void);

/* Put a changed ring in the place of the file, load it, and tell PostgREST. */
extern void KeyFinishChange(JwkSet *set);

/*
 * Have PostgREST read its configuration again when the transaction commits,
 * with the keys that auth.pre_config() or its file gives then.
 */
extern void KeyTellPostgrest(void);

/* Write one view of a set to a file; false if there is one and only_if_missing. */
extern bool KeyWriteSet(const JwkSet *set, JwkSetView view, const char *path,
						bool only_if_missing);

/*
 * The key of a ring with a kid that was given as an argument, in one of the
 * states of the mask (1 << KEY_…); reports an error with the hint otherwise.
 */
extern const Jwk *KeyOfArgument(const JwkSet *set, const text *kid, int states, const char *hint);

/* Report that a key was not taken over, with what to do about it. */
extern _Noreturn void KeyReportRefusal(Status status, const char *what);

/* Report an error if the ring has no room for another key. */
extern void KeyDemandRoom(const JwkSet *set);

#endif							/* KEYCHANGE_H */
