/*
 * src/lastingrow.c: rows that survive the rollback of their transaction.
 *
 * Depends on the format of heap tuples.  Such a row is an ordinary one first, of the
 * running transaction.  When all its index entries exist it is frozen in place: valid
 * for every snapshot from that moment on, whatever becomes of the transaction.
 * ROLLBACK, an error, a timeout, a killed backend: the row stays, and vacuum and
 * pruning leave it alone, because to them it is an ordinary live row.  An error or a
 * crash before that moment leaves a row of an aborted transaction, which counts for
 * nobody and which vacuum removes: what counts can be found by every index, on
 * standbys and after recovery too, since WAL is replayed in the order in which it was
 * written.
 *
 * Only a crash of the server before the WAL is flushed can lose such a row.  The WAL
 * writer is told to flush it soon, even if the transaction never ends.
 *
 * A frozen row is older than any snapshot, so what compares an index with the table
 * by a snapshot (amcheck, REINDEX CONCURRENTLY) must not run meanwhile.  To logical
 * decoding it is a row of its transaction.
 */
#include "postgres.h"

#include "access/generic_xlog.h"
#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "access/xlog.h"
#include "catalog/index.h"
#include "executor/tuptable.h"
#include "nodes/execnodes.h"
#include "storage/bufmgr.h"
#include "utils/rel.h"

#include "lastingrow.h"

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

ItemPointerData
RowWrite(Relation table, const Datum *values, int count)
{
	TupleTableSlot *slot = table_slot_create(table, NULL);
	List	   *indexes = RelationGetIndexList(table);
	ListCell   *cell;
	ItemPointerData tid;

	/* columns that somebody added to ours are left NULL */
	ExecStoreAllNullTuple(slot);
	memcpy(slot->tts_values, values, sizeof(Datum) * count);
	memset(slot->tts_isnull, 0, sizeof(bool) * count);

	table_tuple_insert(table, slot, GetCurrentCommandId(true), 0, NULL);
	tid = slot->tts_tid;
	foreach(cell, indexes)
	{
		Relation	index = index_open(lfirst_oid(cell), RowExclusiveLock);
		IndexInfo  *info = BuildIndexInfo(index);
		Datum		keys[INDEX_MAX_KEYS];
		bool		nulls[INDEX_MAX_KEYS];

		/* ours are plain; whoever adds another to these tables must keep to that */
		if (info->ii_Expressions != NIL || info->ii_Predicate != NIL || info->ii_ExclusionOps != NULL ||
			(info->ii_Unique && !index->rd_index->indimmediate))
			elog(ERROR, "index \"%s\" is partial, deferrable, on an expression, or of an exclusion constraint",
				 RelationGetRelationName(index));
		FormIndexDatum(info, slot, NULL, keys, nulls);
		(void) index_insert(index, keys, nulls, &tid, table,
							info->ii_Unique ? UNIQUE_CHECK_YES : UNIQUE_CHECK_NO, false, info);
		index_close(index, RowExclusiveLock);
	}
	list_free(indexes);
	ExecDropSingleTupleTableSlot(slot);
	return tid;
}

void
LastingRowWrite(Relation table, const Datum *values, int count)
{
	ItemPointerData tid = RowWrite(table, values, count);

	FreezeRow(table, &tid);
}
