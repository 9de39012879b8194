/*
 * src/attempts.c: the books of the throttle: attempts and failures in a row.
 *
 * Depends on the columns of auth.login_attempts and auth.login_failures by
 * number (sql/38_throttle.sql), and on lastingrow.c.
 *
 * An attempt is a row that is valid at once and survives the rollback of its
 * transaction (src/lastingrow.c).  The caller may check the guess only afterwards:
 * only a crash of the server before the WAL is flushed can lose an attempt.
 *
 * Rows are read with SnapshotAny and judged by one snapshot taken now.  So every
 * isolation level sees the same, and SERIALIZABLE takes no predicate locks that
 * would make logins abort each other.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/relscan.h"
#include "access/stratnum.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "catalog/namespace.h"
#include "executor/tuptable.h"
#include "miscadmin.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

#include "attempts.h"
#include "lastingrow.h"

/* column numbers */
enum
{
	ATTEMPT_AT = 1,
	ATTEMPT_IDENTIFIER = 2,
	ATTEMPT_ADDRESS = 3,
	FAILURE_IDENTIFIER = 1,
	FAILURE_FAILURES = 2,
	FAILURE_SINCE = 3,
	COLUMNS = 3					/* of either table */
};

/* Open the tables for writing; take the snapshot. */
void
BooksOpen(Books *books, const char *function)
{
	Oid			namespace = get_namespace_oid("auth", false);

	/* a guess that cannot be counted must not be checked */
	PreventCommandIfReadOnly(function);
	PreventCommandIfParallelMode(function);
	PreventCommandDuringRecovery(function);

	books->attempts = table_open(get_relname_relid("login_attempts", namespace), RowExclusiveLock);
	books->by_identifier = get_relname_relid("login_attempts_identifier_key_at_idx", namespace);
	books->by_address = get_relname_relid("login_attempts_address_key_at_idx", namespace);
	books->failures = table_open(get_relname_relid("login_failures", namespace), RowExclusiveLock);
	books->by_failure = index_open(get_relname_relid("login_failures_identifier_key_since_idx", namespace),
								   AccessShareLock);
	books->now = NULL;
}

/* Take the snapshot that rows are judged by. */
void
BooksLook(Books *books)
{
	books->now = RegisterSnapshot(GetLatestSnapshot());
}

/* Close the tables. */
void
BooksClose(Books *books)
{
	if (books->now != NULL)
		UnregisterSnapshot(books->now);
	index_close(books->by_failure, AccessShareLock);
	table_close(books->failures, NoLock);
	table_close(books->attempts, NoLock);
}

/* A column, none of which is ever null. */
static Datum
Column(SysScanDesc scan, int number)
{
	bool		isnull;

	return slot_getattr(scan->slot, number, &isnull);
}

/* Does the snapshot see the row that a scan is at? */
static bool
IsVisible(SysScanDesc scan, const Books *books)
{
	return table_tuple_satisfies_snapshot(scan->heap_rel, scan->slot, books->now);
}

/* Begin to read the attempts of a key after a moment. */
static SysScanDesc
BeginAttempts(const Books *books, Oid index, int column, int64 key, TimestampTz after)
{
	ScanKeyData keys[2];

	ScanKeyInit(&keys[0], (AttrNumber) column, BTEqualStrategyNumber, F_INT8EQ,
				Int64GetDatum(key));
	ScanKeyInit(&keys[1], ATTEMPT_AT, BTGreaterStrategyNumber, F_TIMESTAMPTZ_GT,
				TimestampTzGetDatum(after));
	return systable_beginscan(books->attempts, index, true, SnapshotAny, 2, keys);
}

/* Count an attempt of the window. */
static void
CountRecent(Recent *recent, TimestampTz at)
{
	if (recent->count++ == 0 || at < recent->oldest)
		recent->oldest = at;
}

/* From which count, since when, are the failures of an identifier counted? */
static void
ReadBase(const Books *books, int64 identifier, History *history)
{
	ScanKeyData key;
	SysScanDesc scan;

	history->failures = 0;
	history->since = DT_NOBEGIN;
	ScanKeyInit(&key, FAILURE_IDENTIFIER, BTEqualStrategyNumber, F_INT8EQ,
				Int64GetDatum(identifier));
	scan = systable_beginscan_ordered(books->failures, books->by_failure, SnapshotAny, 1, &key);
	while (HeapTupleIsValid(systable_getnext_ordered(scan, BackwardScanDirection)))
	{
		if (!IsVisible(scan, books))
			continue;
		history->failures = DatumGetInt32(Column(scan, FAILURE_FAILURES));
		history->since = DatumGetTimestampTz(Column(scan, FAILURE_SINCE));
		break;
	}
	systable_endscan_ordered(scan);
}

/*
 * Read what is known of an identifier.  Its rows are few: at its limits no more
 * are written, and what is older than its last reset is not read.
 *
 * There is no upper end to the window: a clock that was set back makes the
 * limits stricter for that time, never looser.
 */
void
BooksReadHistory(const Books *books, int64 identifier, int64 address, TimestampTz window,
				 History *history)
{
	SysScanDesc scan;

	memset(history, 0, sizeof(*history));
	ReadBase(books, identifier, history);
	history->last = history->since;
	scan = BeginAttempts(books, books->by_identifier, ATTEMPT_IDENTIFIER, identifier,
						 Min(window, history->since));
	while (HeapTupleIsValid(systable_getnext(scan)))
	{
		TimestampTz at = DatumGetTimestampTz(Column(scan, ATTEMPT_AT));

		if (!IsVisible(scan, books))
			continue;
		if (at > history->since)
			history->failures++;
		if (at > history->last)
			history->last = at;
		if (at <= window)
			continue;
		CountRecent(&history->recent, at);
		if (DatumGetInt64(Column(scan, ATTEMPT_ADDRESS)) == address)
			CountRecent(&history->recent_here, at);
	}
	systable_endscan(scan);
}

/* Read what an address tried of late. */
void
BooksReadAddress(const Books *books, int64 address, TimestampTz window, Recent *recent)
{
	SysScanDesc scan = BeginAttempts(books, books->by_address, ATTEMPT_ADDRESS, address, window);

	memset(recent, 0, sizeof(*recent));
	while (HeapTupleIsValid(systable_getnext(scan)))
	{
		if (IsVisible(scan, books))
			CountRecent(recent, DatumGetTimestampTz(Column(scan, ATTEMPT_AT)));
	}
	systable_endscan(scan);
}

/* Write an attempt down for good. */
void
BooksAddAttempt(const Books *books, TimestampTz at, int64 identifier, int64 address)
{
	Datum		values[COLUMNS];

	values[ATTEMPT_AT - 1] = TimestampTzGetDatum(at);
	values[ATTEMPT_IDENTIFIER - 1] = Int64GetDatum(identifier);
	values[ATTEMPT_ADDRESS - 1] = Int64GetDatum(address);
	LastingRowWrite(books->attempts, values, COLUMNS);
}

/* Begin a new count of failures. */
void
BooksAddReset(const Books *books, int64 identifier, TimestampTz since)
{
	Datum		values[COLUMNS];

	values[FAILURE_IDENTIFIER - 1] = Int64GetDatum(identifier);
	values[FAILURE_FAILURES - 1] = Int32GetDatum(0);
	values[FAILURE_SINCE - 1] = TimestampTzGetDatum(since);
	(void) RowWrite(books->failures, values, COLUMNS);

	/* what follows in this transaction sees it */
	CommandCounterIncrement();
}
