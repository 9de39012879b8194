/*
 * src/throttle.c: counts guesses in a way that nothing takes back.
 *
 * Depends on the columns of auth.login_attempts and auth.login_failures by
 * number (sql/38_throttle.sql), on the key ring for the keys of the counters,
 * and on the heap's ability to write a row frozen, as COPY FREEZE does.
 *
 * A guess is counted before it is checked.  Its row is born frozen: valid for
 * every snapshot from the moment it is written, whatever becomes of the
 * transaction that wrote it.  ROLLBACK, an error, a timeout, a killed backend:
 * the row stays, and a vacuum or a pruning of its page leaves it alone, because
 * to them it is an ordinary live row.  Only a crash of the server within the
 * moment before the WAL is flushed can lose it.
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
#include "catalog/index.h"
#include "catalog/namespace.h"
#include "executor/tuptable.h"
#include "miscadmin.h"
#include "nodes/execnodes.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "address.h"
#include "compat.h"
#include "keyring.h"
#include "locks.h"
#include "logguard.h"
#include "report.h"
#include "settings.h"

#include "core/hmac.h"
#include "core/mem.h"

SQL_FUNCTION(intrex_auth_throttle);
SQL_FUNCTION(intrex_auth_throttle_reset);

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

#define WINDOW_SECONDS 60
#define CLOSED (-1)

/* The tables and what their rows are judged by. */
typedef struct Books
{
	Relation	attempts;
	Oid			by_identifier;
	Oid			by_address;
	Relation	failures;
	Relation	by_failure;
	Snapshot	now;
} Books;

/* Attempts within the window. */
typedef struct Recent
{
	int			count;
	TimestampTz oldest;
} Recent;

/* What is known of an identifier. */
typedef struct History
{
	int64		failures;		/* in a row */
	TimestampTz since;			/* they are counted from here on */
	TimestampTz last;			/* latest attempt */
	Recent		recent;
	Recent		recent_here;	/* from the address that is asking */
} History;

/* The key that makes counters out of identifiers and addresses. */
static HmacKey *counter_key = NULL;
static uint64 counter_key_generation;

/*
 * Derive the key again when the ring has changed.  If its derivation key was
 * rotated, all counters begin anew and closed accounts are open.
 */
static void
RefreshCounterKey(void)
{
	uint8		derived[32];
	HmacKey    *fresh;
	Status		status;

	(void) KeyringGet(false);
	if (counter_key != NULL && counter_key_generation == KeyringGeneration())
		return;
	KeyringDerive("intrex_auth throttle v1", derived);
	status = HmacKeyNew(HASH_SHA256, derived, sizeof(derived), &fresh);
	SecureWipe(derived, sizeof(derived));
	if (status != STATUS_OK)
		ReportCoreError(status, "throttle key");
	HmacKeyFree(counter_key);
	counter_key = fresh;
	counter_key_generation = KeyringGeneration();
}

/*
 * The counter of an identifier ('i') or address ('a'): 64 bits of an HMAC, so
 * that the tables show nobody's address, and nobody without the key ring can
 * choose two identifiers that share a counter.
 */
static int64
CounterKey(char kind, const void *data, size_t length)
{
	char	   *named = palloc(length + 1);
	uint8		mac[HASH_MAX_BYTES];
	int64		key;
	Status		status;

	named[0] = kind;
	memcpy(named + 1, data, length);
	RefreshCounterKey();
	status = HmacCompute(counter_key, named, length + 1, mac);
	if (status != STATUS_OK)
		ReportCoreError(status, "identifier");
	memcpy(&key, mac, sizeof(key));
	pfree(named);
	return key;
}

/*
 * The counter of an address.  The holder of an IPv6 address has at least the 64
 * bits below its network's, so all of a /64 is one.
 */
static int64
AddressKey(const ClientAddress *address)
{
	return CounterKey('a', address->bytes, Min(address->length, 8));
}

/* Hold, for the rest of this call, what counts against a key. */
static void
LockKey(LOCKTAG *tag, int64 key)
{
	SET_LOCKTAG_ADVISORY(*tag, MyDatabaseId, (uint32) ((uint64) key >> 32), (uint32) key,
						 LOCK_CLASS_THROTTLE);
	(void) LockAcquire(tag, ExclusiveLock, false, false);
}

/* Open the tables for writing; take the snapshot. */
static void
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

/* Take the snapshot that rows are judged by: after the lock, so that it sees what the last holder did. */
static void
BooksLook(Books *books)
{
	books->now = RegisterSnapshot(GetLatestSnapshot());
}

/* Close the tables; their locks stay to the end of the transaction, as for any write. */
static void
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
static void
ReadHistory(const Books *books, int64 identifier, int64 address, TimestampTz window,
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
static void
ReadAddress(const Books *books, int64 address, TimestampTz window, Recent *recent)
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

/* Write a row and its index entries; with TABLE_INSERT_FROZEN it is there for good. */
static void
WriteRow(Relation table, const Datum values[COLUMNS], int options)
{
	TupleTableSlot *slot = table_slot_create(table, NULL);
	List	   *indexes = RelationGetIndexList(table);
	ListCell   *cell;

	memcpy(slot->tts_values, values, sizeof(Datum) * COLUMNS);
	memset(slot->tts_isnull, 0, sizeof(bool) * COLUMNS);
	ExecStoreVirtualTuple(slot);
	table_tuple_insert(table, slot, GetCurrentCommandId(true), options, NULL);

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
		(void) index_insert(index, keys, nulls, &slot->tts_tid, table, UNIQUE_CHECK_NO, false, info);
		index_close(index, RowExclusiveLock);
	}
	list_free(indexes);
	ExecDropSingleTupleTableSlot(slot);
}

/* Seconds until there is room again under a limit; 0 when there is. */
static int
SecondsToWait(const Recent *recent, int limit, TimestampTz now)
{
	int64		left;

	if (recent->count < limit)
		return 0;
	left = recent->oldest + WINDOW_SECONDS * USECS_PER_SEC - now;
	left = (left + USECS_PER_SEC - 1) / USECS_PER_SEC;
	return (int) Max(1, Min(left, WINDOW_SECONDS));
}

/* Judge an attempt, and write it down if it may go on. */
static int
Attempt(const Books *books, int64 identifier, int64 address, bool limit_address)
{
	TimestampTz now = GetCurrentTimestamp();
	TimestampTz window = now - WINDOW_SECONDS * USECS_PER_SEC;
	History		history;
	Recent		recent_address = {0};
	Datum		values[COLUMNS];
	int			wait;

	ReadHistory(books, identifier, address, window, &history);
	if (history.failures >= setting_login_max_failures)
		return CLOSED;
	if (limit_address)
		ReadAddress(books, address, window, &recent_address);

	wait = SecondsToWait(&history.recent_here, setting_login_limit_pair, now);
	wait = Max(wait, SecondsToWait(&history.recent, setting_login_limit_identifier, now));
	wait = Max(wait, SecondsToWait(&recent_address, setting_login_limit_address, now));
	if (wait > 0)
		return wait;

	/* behind the last reset, or it would not count (a clock set back) */
	if (now <= history.since)
		now = history.since + 1;
	values[ATTEMPT_AT - 1] = TimestampTzGetDatum(now);
	values[ATTEMPT_IDENTIFIER - 1] = Int64GetDatum(identifier);
	values[ATTEMPT_ADDRESS - 1] = Int64GetDatum(address);
	WriteRow(books->attempts, values, TABLE_INSERT_FROZEN);
	return 0;
}

/* The identifier, which must be there: without one nothing could be counted. */
static int64
IdentifierArgument(FunctionCallInfo fcinfo)
{
	text	   *identifier;

	if (PG_ARGISNULL(0))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("identifier must not be null")));
	identifier = PG_GETARG_TEXT_PP(0);
	return CounterKey('i', VARDATA_ANY(identifier), VARSIZE_ANY_EXHDR(identifier));
}

/*
 * SQL function: auth._throttle(identifier text) returns integer
 *
 * The locks make reading and writing one step, so that of any number of
 * concurrent calls exactly as many pass as the limits allow.  They are of
 * microseconds; always the identifier's first, so no two calls can deadlock.
 */
Datum
intrex_auth_throttle(PG_FUNCTION_ARGS)
{
	int64		identifier;
	int64		address;
	ClientAddress client;
	bool		limit_address;
	Books		books;
	LOCKTAG		identifier_lock;
	LOCKTAG		address_lock;
	int			result;

	LogGuardMark();
	identifier = IdentifierArgument(fcinfo);
	ClientAddressGet(&client);
	address = AddressKey(&client);

	/*
	 * All Unix-socket connections are one unknown address.  It has a limit
	 * only where proxies should have named the client: then it stands for
	 * requests with a header that cannot be used.
	 */
	limit_address = client.length > 0 || setting_trusted_proxies > 0;

	BooksOpen(&books, "auth._throttle()");
	LockKey(&identifier_lock, identifier);
	LockKey(&address_lock, address);
	BooksLook(&books);
	result = Attempt(&books, identifier, address, limit_address);
	LockRelease(&address_lock, ExclusiveLock, false);
	LockRelease(&identifier_lock, ExclusiveLock, false);
	BooksClose(&books);
	PG_RETURN_INT32(result);
}

/*
 * SQL function: auth._throttle_reset(identifier text) returns void
 *
 * Begins a new count of failures.  An ordinary row: a reset that is rolled back
 * is none.  Rows are only added, so no login waits for another or fails with
 * 40001; auth._throttle_cleanup() removes those that are superseded.
 */
Datum
intrex_auth_throttle_reset(PG_FUNCTION_ARGS)
{
	int64		identifier;
	Books		books;
	History		history;
	Datum		values[COLUMNS];

	LogGuardMark();
	identifier = IdentifierArgument(fcinfo);
	BooksOpen(&books, "auth._throttle_reset()");
	BooksLook(&books);
	ReadHistory(&books, identifier, 0, DT_NOEND, &history);
	if (history.failures > 0)
	{
		values[FAILURE_IDENTIFIER - 1] = Int64GetDatum(identifier);
		values[FAILURE_FAILURES - 1] = Int32GetDatum(0);
		values[FAILURE_SINCE - 1] = TimestampTzGetDatum(Max(GetCurrentTimestamp(), history.last));
		WriteRow(books.failures, values, 0);
		CommandCounterIncrement();
	}
	BooksClose(&books);
	PG_RETURN_VOID();
}
