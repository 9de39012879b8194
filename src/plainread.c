/*
 * src/plainread.c: reading application tables for a superuser without running any
 * code of their owners.
 *
 * Depends on the table access methods.  A query of a superuser is past the policies
 * of a table, but the planner computes the predicates of its indexes and its
 * constraints as whoever asks, and by the time that a query names a table, a view
 * may have taken the name.  So rows are read here by OID, and columns of type uuid
 * as they are stored.  So are those of type bytea, where what a key sealed is counted.
 */
#include "postgres.h"

#include "access/relation.h"
#include "access/tableam.h"
#include "catalog/pg_class.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_type.h"
#include "executor/tuptable.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/uuid.h"

#include "compat.h"
#include "plainread.h"

SQL_FUNCTION(intrex_auth_plain_values);
SQL_FUNCTION(intrex_auth_plain_count);
SQL_FUNCTION(intrex_auth_protect_nulls);

static void
DemandSuperuser(void)
{
	if (!superuser())
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("permission denied to read past policies"),
				 errhint("Only superusers may.")));
}

/* A table and what inherits from it, locked until the transaction ends. */
List *
PlainTables(Oid table)
{
	Relation	relation = try_relation_open(table, AccessShareLock);

	if (relation == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_TABLE),
				 errmsg("there is no such table")));
	relation_close(relation, NoLock);
	return find_all_inheritors(table, AccessShareLock, NULL);
}

/*
 * The number of a column that is a uuid, or 0; partitioned tables have no rows
 * themselves, foreign ones are elsewhere, and temporary ones of others are in their memory.
 */
AttrNumber
PlainUuidColumn(Relation relation, const char *name)
{
	AttrNumber	number = get_attnum(RelationGetRelid(relation), name);

	if (relation->rd_rel->relkind != RELKIND_RELATION || RELATION_IS_OTHER_TEMP(relation) || number <= 0 ||
		TupleDescAttr(RelationGetDescr(relation), number - 1)->atttypid != UUIDOID)
		return 0;
	return number;
}

/* Add the values of one table that are not there yet; false when there are enough. */
static bool
Collect(Relation relation, AttrNumber number, ArrayBuildState *state, pg_uuid_t *first, int *found)
{
	TableScanDesc scan = table_beginscan(relation, GetActiveSnapshot(), 0, NULL);
	TupleTableSlot *slot = table_slot_create(relation, NULL);

	while (*found < 2 && table_scan_getnextslot(scan, ForwardScanDirection, slot))
	{
		bool		isnull;
		Datum		value = slot_getattr(slot, number, &isnull);

		CHECK_FOR_INTERRUPTS();
		if (isnull || (*found == 1 && memcmp(DatumGetUUIDP(value), first, sizeof(*first)) == 0))
			continue;
		if ((*found)++ == 0)
			*first = *DatumGetUUIDP(value);
		accumArrayResult(state, value, false, UUIDOID, CurrentMemoryContext);
	}
	ExecDropSingleTupleTableSlot(slot);
	table_endscan(scan);
	return *found < 2;
}

/*
 * SQL function: auth._plain_values(target regclass, column_name name) returns uuid[]
 *
 * Up to two values of a column that differ, in a table and what inherits from it.
 */
Datum
intrex_auth_plain_values(PG_FUNCTION_ARGS)
{
	char	   *column = NameStr(*PG_GETARG_NAME(1));
	ArrayBuildState *state = initArrayResult(UUIDOID, CurrentMemoryContext, false);
	pg_uuid_t	first;
	int			found = 0;
	ListCell   *cell;

	DemandSuperuser();
	foreach(cell, PlainTables(PG_GETARG_OID(0)))
	{
		Relation	relation = relation_open(lfirst_oid(cell), NoLock);
		AttrNumber	number = PlainUuidColumn(relation, column);
		bool		more = true;

		if (number > 0)
			more = Collect(relation, number, state, &first, &found);
		relation_close(relation, NoLock);
		if (!more)
			break;
	}
	PG_RETURN_DATUM(makeArrayResult(state, CurrentMemoryContext));
}

/*
 * SQL function: auth._plain_count(target regclass, column_name name, start bytea) returns bigint
 *
 * Of this table alone, how many values of a column of type bytea, or of a domain
 * over it, begin like this.
 */
Datum
intrex_auth_plain_count(PG_FUNCTION_ARGS)
{
	bytea	   *start = PG_GETARG_BYTEA_PP(2);
	size_t		length = VARSIZE_ANY_EXHDR(start);
	int64		count = 0;
	Relation	relation;
	AttrNumber	number;
	TableScanDesc scan;
	TupleTableSlot *slot;

	DemandSuperuser();
	relation = try_relation_open(PG_GETARG_OID(0), AccessShareLock);
	if (relation == NULL)
		PG_RETURN_INT64(0);
	number = get_attnum(RelationGetRelid(relation), NameStr(*PG_GETARG_NAME(1)));
	if ((relation->rd_rel->relkind != RELKIND_RELATION && relation->rd_rel->relkind != RELKIND_MATVIEW) ||
		number <= 0 || getBaseType(TupleDescAttr(RelationGetDescr(relation), number - 1)->atttypid) != BYTEAOID)
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("there is no such column of type bytea")));

	if (RELATION_IS_OTHER_TEMP(relation))
	{
		relation_close(relation, AccessShareLock);
		PG_RETURN_INT64(0);
	}

	scan = table_beginscan(relation, GetActiveSnapshot(), 0, NULL);
	slot = table_slot_create(relation, NULL);
	while (table_scan_getnextslot(scan, ForwardScanDirection, slot))
	{
		bool		isnull;
		Datum		value = slot_getattr(slot, number, &isnull);
		bytea	   *beginning;

		CHECK_FOR_INTERRUPTS();
		if (isnull)
			continue;
		beginning = DatumGetByteaPSlice(value, 0, length);
		if (VARSIZE_ANY_EXHDR(beginning) == length &&
			memcmp(VARDATA_ANY(beginning), VARDATA_ANY(start), length) == 0)
			count++;
		pfree(beginning);
	}
	ExecDropSingleTupleTableSlot(slot);
	table_endscan(scan);
	relation_close(relation, AccessShareLock);
	PG_RETURN_INT64(count);
}

/*
 * SQL function: auth._protect_nulls(target regclass, column_name name) returns bigint
 *
 * How many rows of a table and what inherits from it have NULL in a column of type uuid.
 */
Datum
intrex_auth_protect_nulls(PG_FUNCTION_ARGS)
{
	char	   *column = NameStr(*PG_GETARG_NAME(1));
	int64		count = 0;
	ListCell   *cell;

	foreach(cell, PlainTables(PG_GETARG_OID(0)))
	{
		Relation	relation = relation_open(lfirst_oid(cell), NoLock);
		AttrNumber	number = PlainUuidColumn(relation, column);

		/* has the rights of a superuser, too */
		if (!has_privs_of_role(GetUserId(), relation->rd_rel->relowner))
			DemandSuperuser();
		if (number > 0)
		{
			TableScanDesc scan = table_beginscan(relation, GetActiveSnapshot(), 0, NULL);
			TupleTableSlot *slot = table_slot_create(relation, NULL);

			while (table_scan_getnextslot(scan, ForwardScanDirection, slot))
			{
				CHECK_FOR_INTERRUPTS();
				count += slot_attisnull(slot, number) ? 1 : 0;
			}
			ExecDropSingleTupleTableSlot(slot);
			table_endscan(scan);
		}
		relation_close(relation, NoLock);
	}
	PG_RETURN_INT64(count);
}
