/*
 * src/usage.c: counting what tenants use, exactly and without conflicts.
 *
 * Depends on the columns of auth.usage by number (sql/15_plan_tables.sql).
 *
 * Whoever counts for a tenant holds a lock until the end of the (sub)transaction,
 * so that its counters have one writer.  They are read with SnapshotSelf, which
 * sees what has committed by now, whatever the snapshot of the transaction: a
 * plain UPDATE would be exact, too, but above READ COMMITTED it would fail with
 * 40001 whenever somebody else has counted meanwhile.  At SERIALIZABLE a snapshot
 * of this kind takes no predicate locks, which on a small table would make the
 * consumers of different tenants abort each other.
 *
 * One lock for all counters of a tenant: with one for each, transactions that use
 * two in different order would deadlock.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "catalog/index.h"
#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "common/hashfn.h"
#include "executor/spi.h"
#include "executor/tuptable.h"
#include "miscadmin.h"
#include "nodes/execnodes.h"
#include "utils/builtins.h"
#include "utils/datetime.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "compat.h"
#include "locks.h"
#include "usage.h"

/* column numbers */
enum
{
	USAGE_TENANT_ID = 1,
	USAGE_QUOTA = 2,
	USAGE_PERIOD_START = 3,
	USAGE_USED = 4
};

/* First day of the month in UTC. */
DateADT
UsagePeriod(TimestampTz at)
{
	struct pg_tm date;
	fsec_t		fraction;

	/* without a time zone: as it is stored, in UTC */
	if (TIMESTAMP_NOT_FINITE(at) || timestamp2tm(at, NULL, &date, &fraction, NULL, NULL) != 0)
		ereport(ERROR,
				(errcode(ERRCODE_DATETIME_VALUE_OUT_OF_RANGE),
				 errmsg("timestamp out of range")));
	return date2j(date.tm_year, date.tm_mon, 1) - POSTGRES_EPOCH_JDATE;
}

/* Wait for the tenant's turn. */
void
UsageLock(const pg_uuid_t *tenant)
{
	uint64		hash = hash_bytes_extended(tenant->data, UUID_LEN, 0);
	LOCKTAG		tag;

	/* for whoever cannot write the wait would be for nothing */
	PreventCommandIfReadOnly("consume_quota()");
	PreventCommandIfParallelMode("consume_quota()");
	PreventCommandDuringRecovery("consume_quota()");
	SET_LOCKTAG_ADVISORY(tag, MyDatabaseId, (uint32) (hash >> 32), (uint32) hash, LOCK_CLASS_USAGE);
	(void) LockAcquire(&tag, ExclusiveLock, false, false);
}

/* Open the table. */
static Relation
OpenUsage(LOCKMODE mode)
{
	return table_open(get_relname_relid("usage", get_namespace_oid("auth", false)), mode);
}

/* Begin to look for a counter. */
static SysScanDesc
BeginCounter(Relation table, Snapshot snapshot, const pg_uuid_t *tenant, text *quota, DateADT period)
{
	ScanKeyData keys[3];

	ScanKeyInit(&keys[0], USAGE_TENANT_ID, BTEqualStrategyNumber, F_UUID_EQ, UUIDPGetDatum(tenant));
	ScanKeyInit(&keys[1], USAGE_QUOTA, BTEqualStrategyNumber, F_TEXTEQ, PointerGetDatum(quota));
	ScanKeyInit(&keys[2], USAGE_PERIOD_START, BTEqualStrategyNumber, F_DATE_EQ, DateADTGetDatum(period));
	return systable_beginscan(table, get_relname_relid("usage_pkey", RelationGetNamespace(table)),
							  true, snapshot, lengthof(keys), keys);
}

/* What a counter says; 0 if there is none. */
static int64
ReadCounter(Relation table, HeapTuple row)
{
	bool		isnull;

	return HeapTupleIsValid(row) ? DatumGetInt64(heap_getattr(row, USAGE_USED, RelationGetDescr(table), &isnull)) : 0;
}

/* What is used. */
int64
UsageLook(const pg_uuid_t *tenant, text *quota, DateADT period)
{
	Relation	table = OpenUsage(AccessShareLock);
	SysScanDesc scan = BeginCounter(table, GetActiveSnapshot(), tenant, quota, period);
	int64		used = ReadCounter(table, systable_getnext(scan));

	systable_endscan(scan);
	table_close(table, AccessShareLock);
	return used;
}

/* Give a row that was written its entries in the indexes. */
static void
WriteIndexEntries(Relation table, TupleTableSlot *slot)
{
	List	   *indexes = RelationGetIndexList(table);
	ListCell   *cell;

	foreach(cell, indexes)
	{
		Relation	index = index_open(lfirst_oid(cell), RowExclusiveLock);
		IndexInfo  *info = BuildIndexInfo(index);
		Datum		keys[INDEX_MAX_KEYS];
		bool		nulls[INDEX_MAX_KEYS];

		/* ours is plain; whoever adds another to this table must keep to that */
		if (info->ii_Expressions != NIL || info->ii_Predicate != NIL || info->ii_ExclusionOps != NULL)
			elog(ERROR, "index \"%s\" is partial, on an expression or excludes", RelationGetRelationName(index));
		FormIndexDatum(info, slot, NULL, keys, nulls);
		(void) index_insert(index, keys, nulls, &slot->tts_tid, table,
							info->ii_Unique ? UNIQUE_CHECK_YES : UNIQUE_CHECK_NO, false, info);
		index_close(index, RowExclusiveLock);
	}
	list_free(indexes);
}

/* Write a new version of a counter; false if the row is not the latest any more. */
static bool
RewriteCounter(Relation table, HeapTuple row, int64 used)
{
	TupleTableSlot *slot = table_slot_create(table, NULL);
	TM_FailureData failure;
	LockTupleMode mode;
	UpdatedIndexes updated;
	TM_Result	result;

	heap_deform_tuple(row, RelationGetDescr(table), slot->tts_values, slot->tts_isnull);
	slot->tts_values[USAGE_USED - 1] = Int64GetDatum(used);
	ExecStoreVirtualTuple(slot);
	result = table_tuple_update(table, &row->t_self, slot, GetCurrentCommandId(true),
								InvalidSnapshot, InvalidSnapshot, true, &failure, &mode, &updated);
	if (result == TM_Ok && NEEDS_INDEX_ENTRIES(updated))
		WriteIndexEntries(table, slot);
	ExecDropSingleTupleTableSlot(slot);
	if (result != TM_Ok && result != TM_Updated && result != TM_Deleted)
		elog(ERROR, "unexpected result of table_tuple_update: %d", (int) result);
	return result == TM_Ok;
}

/* Begin a counter, by a statement, so that its foreign keys are checked. */
static void
InsertCounter(const pg_uuid_t *tenant, text *quota, DateADT period, int64 used)
{
	static SPIPlanPtr kept = NULL;
	Oid			types[] = {UUIDOID, TEXTOID, DATEOID, INT8OID};
	Datum		values[] = {UUIDPGetDatum(tenant), PointerGetDatum(quota), DateADTGetDatum(period), Int64GetDatum(used)};

	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect failed");
	if (kept == NULL)
	{
		SPIPlanPtr	plan = SPI_prepare("INSERT INTO auth.usage (tenant_id, quota, period_start, used) VALUES ($1, $2, $3, $4)",
									   lengthof(types), types);

		if (plan == NULL || SPI_keepplan(plan) != 0)
			elog(ERROR, "SPI_prepare failed: %s", SPI_result_code_string(SPI_result));
		kept = plan;
	}
	if (SPI_execute_plan(kept, values, NULL, false, 0) != SPI_OK_INSERT)
		elog(ERROR, "SPI_execute_plan failed: %s", SPI_result_code_string(SPI_result));
	SPI_finish();
}

/* Count an amount unless more than max would be used. */
bool
UsageCount(const pg_uuid_t *tenant, text *quota, DateADT period, int64 amount, int64 max, int64 *used)
{
	Relation	table = OpenUsage(RowExclusiveLock);
	bool		fits;
	bool		written;

	do
	{
		SysScanDesc scan = BeginCounter(table, SnapshotSelf, tenant, quota, period);
		HeapTuple	row = systable_getnext(scan);

		*used = ReadCounter(table, row);
		fits = *used <= max && amount <= max - *used;
		written = true;

		/*
		 * only the deletion of the tenant, or what a superuser writes himself, can come
		 * in between
		 */
		if (fits && HeapTupleIsValid(row))
			written = RewriteCounter(table, row, *used + amount);
		else if (fits)
			InsertCounter(tenant, quota, period, amount);
		systable_endscan(scan);
		CHECK_FOR_INTERRUPTS();
	} while (!written);
	if (fits)
	{
		*used += amount;
		/* what follows in this transaction sees it */
		CommandCounterIncrement();
	}
	table_close(table, NoLock);
	return fits;
}
