/*
 * src/durable.c: commits that survive a crash whatever the caller has set.
 *
 * Depends on xact.c alone.
 */
#include "postgres.h"

#include "access/xact.h"

#include "compat.h"

SQL_FUNCTION(intrex_auth_make_durable);

/*
 * SQL function: auth._make_durable() returns void
 *
 * Any role may SET synchronous_commit = off, and a SET clause of ours would be
 * undone before COMMIT.  This lasts to the end of the transaction, through
 * savepoints, and no SQL takes it back.  It waits for this server's disk, not
 * for standbys.
 */
Datum
intrex_auth_make_durable(PG_FUNCTION_ARGS)
{
	ForceSyncCommit();
	PG_RETURN_VOID();
}
