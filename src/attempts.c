/*
 * src/attempts.c: the books of the throttle: attempts and failures in a row.
 *
 * Depends on the columns of auth.login_attempts and auth.login_failures by
 * number (sql/38_throttle.sql), and on the format of heap tuples.
 *
 * An attempt is an ordinary row first, of the running transaction.  When all its
 * index entries exist it is frozen in place: valid for every snapshot from that
 * moment on, whatever becomes of the transaction.  ROLLBACK, an error, a timeout,
 * a killed backend: the row stays, and vacuum and pruning leave it alone, because
 * to them it is an ordinary live row.  An error or a crash before that moment
 * leaves a row of an aborted transaction, which counts for nobody and which
 * vacuum removes: what is counted can be found by every index, on standbys and
 * after recovery too, since WAL is replayed in the order in which it was written.
 * The caller may check the guess only afterwards.
 *
 * Only a crash of the server before the WAL is flushed can lose an attempt.  The
 * WAL writer is told to flush it soon, even if the transaction never ends.
 *
 * A frozen row is older than any snapshot, so what compares an index with the
 * table by a snapshot (amcheck, REINDEX CONCURRENTLY) must not run among logins.
 *
 * Rows are read with SnapshotAny and judged by one snapshot taken now.  So every
 * isolation level sees the same, and SERIALIZABLE takes no predicate locks that
 * would make logins abort each other.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/generic_xlog.h"
#include "access/htup_details.h"
#include "access/relscan.h"
#include "access/stratnum.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "access/xlog.h"
#include "catalog/index.h"
#include "catalog/namespace.h"
#include "executor/tuptable.h"
#include "miscadmin.h"
#include "nodes/execnodes.h"
#include "storage/bufmgr.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

#include "attempts.h"

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

/* Freeze a row of the running transaction, whose index entries exist. */
static void
FreezeRow(Relation table, ItemPointer tid)
{
	Buffer		buffer = ReadBuffer(table, ItemPointerGetBlockNumber(tid));
	GenericXLogState *state;
	Page		page;
	HeapTupleHeader row;
	XLogRecPtr	written;

	/* pruning may have moved the row within its page: find it under the lock */
	LockBuffer(buffer, BUFFER_LOCK_EXCLUSIVE);
	state = GenericXLogStart(table);
	page = GenericXLogRegisterBuffer(state, buffer, 0);
	row = (HeapTupleHeader) PageGetItem(page, PageGetItemId(page, ItemPointerGetOffsetNumber(tid)));
	HeapTupleHeaderSetXminFrozen(row);
	written = GenericXLogFinish(state);
	UnlockReleaseBuffer(buffer);
	XLogSetAsyncXactLSN(written);
}

/* Write a row and its index entries; returns where it is. */
static ItemPointerData
WriteRow(Relation table, const Datum values[COLUMNS])
{
	TupleTableSlot *slot = table_slot_create(table, NULL);
	List	   *indexes = RelationGetIndexList(table);
	ListCell   *cell;
	ItemPointerData tid;

	memcpy(slot->tts_values, values, sizeof(Datum) * COLUMNS);
	memset(slot->tts_isnull, 0, sizeof(bool) * COLUMNS);
	ExecStoreVirtualTuple(slot);

	table_tuple_insert(table, slot, GetCurrentCommandId(true), 0, NULL);
	tid = slot->tts_tid;
	foreach(cell, indexes)
	{
		Relation	index = index_open(lfirst_oid(cell), RowExclusiveLock);
		IndexInfo  *info = BuildIndexInfo(index);
		Datum		keys[INDEX_MAX_KEYS];
		bool		nulls[INDEX_MAX_KEYS];

		/* ours are plain; whoever adds another to this table must keep to that */
		if (info->ii_Expressions != NIL || info->ii_Predicate != NIL || info->ii_Unique)
			elog(ERROR, "index \"%s\" is unique, partial or on an expression", RelationGetRelationName(index));
		FormIndexDatum(info, slot, NULL, keys, nulls);
		(void) index_insert(index, keys, nulls, &tid, table, UNIQUE_CHECK_NO, false, info);
		index_close(index, RowExclusiveLock);
	}
	list_free(indexes);
	ExecDropSingleTupleTableSlot(slot);
	return tid;
}

/* Write an attempt down for good. */
void
BooksAddAttempt(const Books *books, TimestampTz at, int64 identifier, int64 address)
{
	Datum		values[COLUMNS];
	ItemPointerData tid;

	values[ATTEMPT_AT - 1] = TimestampTzGetDatum(at);
	values[ATTEMPT_IDENTIFIER - 1] = Int64GetDatum(identifier);
	values[ATTEMPT_ADDRESS - 1] = Int64GetDatum(address);
	tid = WriteRow(books->attempts, values);
	FreezeRow(books->attempts, &tid);
}

/* Begin a new count of failures. */
void
BooksAddReset(const Books *books, int64 identifier, TimestampTz since)
{
	Datum		values[COLUMNS];

	values[FAILURE_IDENTIFIER - 1] = Int64GetDatum(identifier);
	values[FAILURE_FAILURES - 1] = Int32GetDatum(0);
	values[FAILURE_SINCE - 1] = TimestampTzGetDatum(since);
	(void) WriteRow(books->failures, values);

	/* what follows in this transaction sees it */
	CommandCounterIncrement();
}
