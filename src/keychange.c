/*
 * src/keychange.c: changing the key file, one change at a time.
 *
 * Depends on keyring.c, keyfile.c and the core.
 */
#include "postgres.h"

#include <time.h>

#include "access/xlog.h"
#include "catalog/pg_extension.h"
#include "commands/async.h"
#include "miscadmin.h"
#include "storage/lmgr.h"

#include "compat.h"
#include "keychange.h"
#include "keyfile.h"
#include "keyring.h"
#include "report.h"
#include "settings.h"

#include "core/mem.h"

/*
 * How long ago a signing key must have stopped before it is retired unasked.
 * No token lives longer than the limit in any database of the cluster, which
 * all use this file, whatever their settings; the rest is for backends that
 * sign with the former key for a second, and for clocks of other machines.
 */
#define RETIRE_AFTER (TOKEN_LIFETIME_LIMIT + 60)

/* Keys are the superuser's, whatever was granted. */
void
KeyDemandSuperuser(void)
{
	if (!superuser())
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("permission denied to administer keys"),
				 errhint("Only superusers may.")));
}

/* The file of a standby is copied from its primary. */
void
KeyDemandPrimary(void)
{
	if (RecoveryInProgress())
		ereport(ERROR,
				(errcode(ERRCODE_READ_ONLY_SQL_TRANSACTION),
				 errmsg("cannot change keys during recovery"),
				 errhint("Change them on the primary and copy the key file to the standbys.")));
}

/* Seconds since the epoch. */
int64
KeyClock(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return now.tv_sec;
}

/* Reset callback: a set goes with the memory context of the call, also after an error. */
static void
FreeSet(void *set)
{
	JwkSetFree(set);
}

/* Free (and so wipe) a set when the current memory context ends. */
JwkSet *
KeyTieSet(JwkSet *set)
{
	MemoryContextCallback *callback = palloc0(sizeof(MemoryContextCallback));

	callback->func = FreeSet;
	callback->arg = set;
	MemoryContextRegisterResetCallback(CurrentMemoryContext, callback);
	return set;
}

/* Write one view of a set to a file; false if there is one and only_if_missing. */
bool
KeyWriteSet(const JwkSet *set, JwkSetView view, const char *path, bool only_if_missing)
{
	char	   *text;
	char	   *copy;
	size_t		length;
	bool		written;
	Status		status;

	status = JwkSetWrite(set, view, &text, &length);
	if (status != STATUS_OK)
		ReportCoreError(status, "key set");

	/* palloc'd, so that an error while writing leaks nothing */
	copy = palloc(length);
	memcpy(copy, text, length);
	SecureFree(text, length + 1);
	written = KeyFileWrite(path, copy, length, only_if_missing);
	SecureWipe(copy, length);
	return written;
}

/* The ring of the file, to be changed. */
JwkSet *
KeyBeginChange(void)
{
	FileStamp	stamp;
	char	   *text;
	size_t		length;
	JwkSet	   *set;
	Status		status;

	KeyDemandSuperuser();
	KeyDemandPrimary();
	LockSharedObject(ExtensionRelationId, InvalidOid, 0, ExclusiveLock);

	/* the keys that are loaded may be those of an earlier version */
	if (KeyringGet(true) == NULL || !KeyringIsFine())
		ReportKeyringError();
	memset(&stamp, 0, sizeof(stamp));
	if (KeyFileRead(KeyringPath(), &stamp, &text, &length) != KEYFILE_READ)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_IN_USE),
				 errmsg("the key file is being changed by somebody else"),
				 errhint("Try again when that is done.")));
	status = JwkSetParse(text, length, JWKSET_RING, &set);
	SecureFree(text, length + 1);
	if (status != STATUS_OK)
		ReportCoreError(status, "key file");
	return KeyTieSet(set);
}

/* Retire the signing keys that no valid token can name any more. */
static void
RetireOldKeys(JwkSet *set)
{
	int64		now = KeyClock();

	for (size_t i = 0; i < set->count; i++)
	{
		Jwk		   *key = &set->keys[i];

		if (key->alg->use == KEY_SIGN && key->state == KEY_PREVIOUS &&
			key->since > 0 && now - key->since > RETIRE_AFTER)
		{
			key->state = KEY_RETIRED;
			key->since = now;
		}
	}
}

/* Have PostgREST read its configuration again. */
void
KeyTellPostgrest(void)
{
	if (!RecoveryInProgress())
		Async_Notify("pgrst", "reload config");
}

/* Put a changed ring in place. */
void
KeyFinishChange(JwkSet *set)
{
	RetireOldKeys(set);
	(void) KeyWriteSet(set, JWKSET_ALL, KeyringPath(), false);
	(void) KeyringGet(true);
	KeyTellPostgrest();
}

/* The key of an argument. */
const Jwk *
KeyOfArgument(const JwkSet *set, const text *kid, int states, const char *hint)
{
	const Jwk  *key = JwkSetFind(set, VARDATA_ANY(kid), VARSIZE_ANY_EXHDR(kid));

	if (key == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_NO_DATA_FOUND),
				 errmsg("key not found"),
				 errhint("SELECT * FROM auth.keys() lists the keys of the ring.")));
	if ((states & (1 << key->state)) == 0)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("the key is %s", KeyStateName(key->state)),
				 errhint("%s", hint)));
	return key;
}

/* Demand room for another key. */
void
KeyDemandRoom(const JwkSet *set)
{
	if (set->count >= JWKSET_MAX_KEYS)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("the key file holds %d keys, as many as it may", JWKSET_MAX_KEYS),
				 errhint("Delete retired ones: SELECT auth.key_delete(kid) FROM auth.keys() WHERE \"use\" = 'sign' AND state = 'retired'.")));
}
