/*
 * src/isolation.c: trying statements on application tables as an API role, for a
 * superuser who tests their isolation.
 *
 * Depends on SPI and the table access methods.  Triggers, policies, views and
 * functions of those tables belong to whoever owns them.  SET ROLE would hold none
 * of them: a trigger of his could say RESET ROLE and be the superuser again.  So
 * statements run as the role in a security-restricted operation, which can neither
 * take another role nor leave anything behind.  And which tenants have rows is read
 * without the planner, which computes the predicates of indexes and constraints as
 * whoever asks.
 */
#include "postgres.h"

#include "access/relation.h"
#include "access/tableam.h"
#include "catalog/pg_class.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
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

SQL_FUNCTION(intrex_auth_isolation_try);
SQL_FUNCTION(intrex_auth_isolation_values);

/* As whom it may be tried: nobody gets the rights of another role by this. */
static const char *const roles[] = {"anon", "authenticated", "auth_platform"};

static void
DemandSuperuser(void)
{
	if (!superuser())
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("permission denied to test the isolation"),
				 errhint("Only superusers may.")));
}

static Oid
FindRole(const char *name)
{
	for (size_t i = 0; i < lengthof(roles); i++)
	{
		if (strcmp(roles[i], name) == 0)
			return get_role_oid(name, false);
	}
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("the isolation is tried as anon, authenticated or auth_platform only")));
}

/* The number that a query gave, or of rows that a statement met. */
static int64
CountOf(bool counts)
{
	bool		isnull;
	Datum		value;

	if (!counts)
		return (int64) SPI_processed;
	if (SPI_processed != 1 || SPI_gettypeid(SPI_tuptable->tupdesc, 1) != INT8OID)
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("the statement does not count")));
	value = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull);
	return isnull ? 0 : DatumGetInt64(value);
}

/* SQL function: auth._isolation_try(role text, statement text, counts boolean) returns bigint */
Datum
intrex_auth_isolation_try(PG_FUNCTION_ARGS)
{
	char	   *role = text_to_cstring(PG_GETARG_TEXT_PP(0));
	char	   *statement = text_to_cstring(PG_GETARG_TEXT_PP(1));
	int64		met;
	Oid			user;
	Oid			other;
	int			context;
	int			nest;
	int			result;

	DemandSuperuser();
	other = FindRole(role);
	GetUserIdAndSecContext(&user, &context);
	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect failed");

	/*
	 * policies may read the setting; it and the user are put back by the end of the
	 * (sub)transaction, too
	 */
	nest = NewGUCNestLevel();
	(void) set_config_option("role", role, PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
	SetUserIdAndSecContext(other, context | SECURITY_LOCAL_USERID_CHANGE | SECURITY_RESTRICTED_OPERATION);
	result = SPI_execute(statement, false, 0);
	if (result < 0)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("the statement cannot be tried: %s", SPI_result_code_string(result))));
	met = CountOf(PG_GETARG_BOOL(2));
	AtEOXact_GUC(false, nest);
	SetUserIdAndSecContext(user, context);
	SPI_finish();
	PG_RETURN_INT64(met);
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
 * SQL function: auth._isolation_values(target regclass, isolating_column name) returns uuid[]
 *
 * Up to two values of a column that differ, in a table and what inherits from it.
 */
Datum
intrex_auth_isolation_values(PG_FUNCTION_ARGS)
{
	char	   *column = NameStr(*PG_GETARG_NAME(1));
	ArrayBuildState *state = initArrayResult(UUIDOID, CurrentMemoryContext, false);
	pg_uuid_t	first;
	int			found = 0;
	List	   *tables;
	ListCell   *cell;

	DemandSuperuser();
	tables = find_all_inheritors(PG_GETARG_OID(0), AccessShareLock, NULL);
	foreach(cell, tables)
	{
		Relation	relation = relation_open(lfirst_oid(cell), NoLock);
		AttrNumber	number = get_attnum(RelationGetRelid(relation), column);
		bool		more = true;

		/* partitioned tables have no rows themselves, foreign ones are elsewhere */
		if (relation->rd_rel->relkind == RELKIND_RELATION && number > 0
			&& TupleDescAttr(RelationGetDescr(relation), number - 1)->atttypid == UUIDOID)
			more = Collect(relation, number, state, &first, &found);
		relation_close(relation, NoLock);
		if (!more)
			break;
	}
	PG_RETURN_DATUM(makeArrayResult(state, CurrentMemoryContext));
}
