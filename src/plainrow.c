/*
 * src/plainrow.c: one row of a protected table, for a caller who may SELECT it, read
 * without running any code of the owner of the table.
 *
 * Depends on plainread.c and SPI.  A query of the table would run its owner's code
 * with the rights of the caller: the planner computes the predicates of indexes and
 * the constraints, and policies and casts are code too.  So the row is read as it is
 * stored, and the conditions of auth.protect are computed from its columns alone, in
 * a query that names no table.  What the caller may see is decided here as PostgreSQL
 * decides it, by privileges and by which policies hold for the caller; a restrictive
 * policy of somebody else is never computed, and so the answer is an error.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/relation.h"
#include "access/skey.h"
#include "catalog/pg_class.h"
#include "catalog/pg_collation_d.h"
#include "catalog/pg_index.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "nodes/value.h"
#include "parser/parse_func.h"
#include "rewrite/rowsecurity.h"
#include "utils/acl.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/fmgrprotos.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/rls.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"
#include "utils/uuid.h"

#include "compat.h"
#include "plainread.h"

SQL_FUNCTION(intrex_auth_readable_row);

/* What the registry says of a table: see auth._row_question(). */
#define COLUMNS 5				/* key, tenant, unit, owner, assignee */

#define PLANS_KEPT 16

typedef struct Question
{
	char	   *query;			/* of the values of the row; NULL: every row will do */
	char	   *columns[COLUMNS];	/* NULL: there is none */
} Question;

/* How the policies of a table hold for the caller. */
typedef struct Policies
{
	bool		hold;
	bool		of_members;		/* intrex_auth_select is for the caller */
	bool		of_platform;	/* intrex_auth_platform is */
	const char *strange;		/* a restrictive one that auth.protect did not make */
} Policies;

/*
 * May the caller read all columns of a table, apart from its policies?  Asked before the
 * table is locked: a lock that is kept to the end of the transaction stops its owner.
 */
static bool
MaySelect(Oid table)
{
	Oid			schema = get_rel_namespace(table);

	/* that there is none is told when it is opened */
	if (!OidIsValid(schema))
		return true;
	return pg_class_aclcheck(table, GetUserId(), ACL_SELECT) == ACLCHECK_OK &&
		DatumGetBool(DirectFunctionCall2(has_schema_privilege_id, ObjectIdGetDatum(schema),
										 CStringGetTextDatum("USAGE")));
}

/* Is a policy for the caller? */
static bool
IsForCaller(const RowSecurityPolicy * policy)
{
	Oid		   *roles = (Oid *) ARR_DATA_PTR(policy->roles);

	for (int i = 0; i < ARR_DIMS(policy->roles)[0]; i++)
	{
		if (roles[i] == ACL_ID_PUBLIC || has_privs_of_role(GetUserId(), roles[i]))
			return true;
	}
	return false;
}

/* Which policies hold for the caller when a row is read. */
static Policies
FindPolicies(Relation relation)
{
	Policies	found = {.hold = check_enable_rls(RelationGetRelid(relation), InvalidOid, true) == RLS_ENABLED};
	ListCell   *cell;

	if (!found.hold || relation->rd_rsdesc == NULL)
		return found;
	foreach(cell, relation->rd_rsdesc->policies)
	{
		RowSecurityPolicy *policy = lfirst(cell);

		if ((policy->polcmd != '*' && policy->polcmd != ACL_SELECT_CHR) || !IsForCaller(policy))
			continue;
		if (!policy->permissive)
			found.strange = pstrdup(policy->policy_name);
		else if (strcmp(policy->policy_name, "intrex_auth_select") == 0)
			found.of_members = true;
		else if (strcmp(policy->policy_name, "intrex_auth_platform") == 0)
			found.of_platform = true;
	}
	return found;
}

/* Ask the registry; false when the table is not in it, or has no key of one uuid. */
static bool
AskRegistry(Oid table, NullableDatum action, const Policies *policies, Question *question)
{
	static const Oid types[] = {REGCLASSOID, TEXTOID, BOOLOID, BOOLOID, BOOLOID};
	const bool	flags[] = {policies->hold, policies->of_members, policies->of_platform};
	FmgrInfo	function;
	Datum		answer;
	Datum	   *elements;
	bool	   *nulls;
	int			count;

	LOCAL_FCINFO(call, 5);

	fmgr_info(LookupFuncName(list_make2(makeString("auth"), makeString("_row_question")), lengthof(types), types, false),
			  &function);
	InitFunctionCallInfoData(*call, &function, lengthof(types), DEFAULT_COLLATION_OID, NULL, NULL);
	call->args[0].value = ObjectIdGetDatum(table);
	call->args[0].isnull = false;
	call->args[1] = action;
	for (size_t i = 0; i < lengthof(flags); i++)
	{
		call->args[2 + i].value = BoolGetDatum(flags[i]);
		call->args[2 + i].isnull = false;
	}
	answer = FunctionCallInvoke(call);
	if (call->isnull)
		return false;
	deconstruct_array(DatumGetArrayTypeP(answer), TEXTOID, -1, false, TYPALIGN_INT, &elements, &nulls, &count);
	if (count != 1 + COLUMNS)
		elog(ERROR, "auth._row_question() answered %d values", count);
	question->query = nulls[0] ? NULL : TextDatumGetCString(elements[0]);
	for (int i = 0; i < COLUMNS; i++)
		question->columns[i] = nulls[i + 1] ? NULL : TextDatumGetCString(elements[i + 1]);
	return question->columns[0] != NULL;
}

/* The columns must be what they were when the table was protected. */
static void
CheckColumns(Relation relation, const Question *question)
{
	for (int i = 0; i < COLUMNS; i++)
	{
		const char *name = question->columns[i];
		AttrNumber	number = name != NULL ? get_attnum(RelationGetRelid(relation), name) : 0;
		Form_pg_attribute column;

		if (name == NULL)
			continue;
		if (number <= 0)
			ereport(ERROR,
					(errcode(ERRCODE_UNDEFINED_COLUMN),
					 errmsg("column %s of table %s does not exist any more", quote_identifier(name),
							RelationGetRelationName(relation)),
					 errhint("Call auth.protect() again, or auth.unprotect().")));
		column = TupleDescAttr(RelationGetDescr(relation), number - 1);
		/* a cast of another type would be code of the table's owner */
		if (column->atttypid != UUIDOID)
			ereport(ERROR,
					(errcode(ERRCODE_DATATYPE_MISMATCH),
					 errmsg("column %s of table %s is not of type uuid any more", quote_identifier(name),
							RelationGetRelationName(relation))));
		/* so would its expression be */
		if (IS_COMPUTED_WHEN_READ(column))
			ereport(ERROR,
					(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
					 errmsg("column %s of table %s is a virtual generated column", quote_identifier(name),
							RelationGetRelationName(relation)),
					 errhint("Make it a stored one.")));
	}
}

/* The index of a primary key of one column, or InvalidOid. */
static Oid
KeyIndex(Relation relation, AttrNumber number)
{
	Oid			found = InvalidOid;
	ListCell   *cell;

	foreach(cell, RelationGetIndexList(relation))
	{
		HeapTuple	tuple = SearchSysCache1(INDEXRELID, ObjectIdGetDatum(lfirst_oid(cell)));
		Form_pg_index index;

		if (!HeapTupleIsValid(tuple))
			continue;
		index = (Form_pg_index) GETSTRUCT(tuple);
		if (index->indisprimary && index->indisvalid && index->indnkeyatts == 1 &&
			index->indkey.values[0] == number)
			found = lfirst_oid(cell);
		ReleaseSysCache(tuple);
	}
	return found;
}

/* The values of the columns, each a uuid or NULL, of the row with a key; false if there is none. */
static bool
ReadRow(Relation relation, Datum id, const Question *question, Datum *values, bool *nulls)
{
	AttrNumber	key = PlainUuidColumn(relation, question->columns[0]);
	Oid			index;
	ScanKeyData scan_key;
	SysScanDesc scan;
	HeapTuple	row;

	if (key == 0)
		return false;
	index = KeyIndex(relation, key);
	ScanKeyInit(&scan_key, key, BTEqualStrategyNumber, F_UUID_EQ, id);
	scan = systable_beginscan(relation, index, OidIsValid(index), GetActiveSnapshot(), 1, &scan_key);
	row = systable_getnext(scan);
	for (int i = 0; HeapTupleIsValid(row) && i < COLUMNS; i++)
	{
		AttrNumber	number = question->columns[i] != NULL ? PlainUuidColumn(relation, question->columns[i]) : 0;

		nulls[i] = true;
		if (number > 0)
			values[i] = heap_getattr(row, number, RelationGetDescr(relation), &nulls[i]);
		if (!nulls[i])
			values[i] = UUIDPGetDatum(memcpy(palloc(sizeof(pg_uuid_t)), DatumGetUUIDP(values[i]), sizeof(pg_uuid_t)));
	}
	systable_endscan(scan);
	return HeapTupleIsValid(row);
}

/* Find the row in a table or in what inherits from it. */
static bool
FindRow(List *tables, Datum id, const Question *question, Datum *values, bool *nulls)
{
	ListCell   *cell;

	foreach(cell, tables)
	{
		Relation	relation = relation_open(lfirst_oid(cell), NoLock);
		bool		found = ReadRow(relation, id, question, values, nulls);

		relation_close(relation, NoLock);
		if (found)
			return true;
	}
	return false;
}

/* The plan of a query, which is kept: the same few are asked again and again. */
static SPIPlanPtr
PlanOf(const char *query)
{
	static struct
	{
		char	   *query;
		SPIPlanPtr	plan;
	}			kept[PLANS_KEPT];
	static int	next = 0;
	Oid			types[] = {UUIDARRAYOID};
	SPIPlanPtr	plan;
	char	   *copy;

	for (int i = 0; i < PLANS_KEPT; i++)
	{
		if (kept[i].query != NULL && strcmp(kept[i].query, query) == 0)
			return kept[i].plan;
	}
	plan = SPI_prepare_cursor(query, lengthof(types), types, CURSOR_OPT_GENERIC_PLAN);
	if (plan == NULL)
		elog(ERROR, "SPI_prepare_cursor failed: %s", SPI_result_code_string(SPI_result));
	copy = MemoryContextStrdup(TopMemoryContext, query);
	if (SPI_keepplan(plan) != 0)
		elog(ERROR, "SPI_keepplan failed");
	if (kept[next].query != NULL)
	{
		pfree(kept[next].query);
		SPI_freeplan(kept[next].plan);
	}
	kept[next].query = copy;
	kept[next].plan = plan;
	next = (next + 1) % PLANS_KEPT;
	return plan;
}

/* Compute a condition of the values of a row. */
static bool
Holds(const char *query, Datum row)
{
	bool		isnull;
	bool		holds;

	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect failed");
	if (SPI_execute_plan(PlanOf(query), &row, NULL, true, 0) != SPI_OK_SELECT || SPI_processed != 1)
		elog(ERROR, "SPI_execute_plan failed: %s", SPI_result_code_string(SPI_result));
	holds = DatumGetBool(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull)) && !isnull;
	SPI_finish();
	return holds;
}

/*
 * SQL function: auth.readable_row(target regclass, row_id uuid, action text) returns uuid[]
 *
 * The values of the key and of the columns for tenant, unit, owner and assignee,
 * NULL where there is no such column; NULL alone if there is no such row for the caller.
 */
Datum
intrex_auth_readable_row(PG_FUNCTION_ARGS)
{
	Oid			table;
	List	   *tables;
	Relation	relation;
	Policies	policies;
	Question	question;
	Datum		values[COLUMNS] = {0};
	bool		nulls[COLUMNS];
	int			count = COLUMNS;
	int			lower_bound = 1;
	Datum		row;

	if (PG_ARGISNULL(0) || PG_ARGISNULL(1))
		PG_RETURN_NULL();
	table = PG_GETARG_OID(0);
	if (!MaySelect(table))
		PG_RETURN_NULL();
	tables = PlainTables(table);
	relation = relation_open(table, NoLock);
	policies = FindPolicies(relation);
	if (!AskRegistry(table, fcinfo->args[2], &policies, &question))
	{
		relation_close(relation, NoLock);
		PG_RETURN_NULL();
	}
	CheckColumns(relation, &question);
	relation_close(relation, NoLock);
	if (!FindRow(tables, PG_GETARG_DATUM(1), &question, values, nulls))
		PG_RETURN_NULL();

	row = PointerGetDatum(construct_md_array(values, nulls, 1, &count, &lower_bound,
											 UUIDOID, UUID_LEN, false, TYPALIGN_CHAR));
	if (question.query != NULL && !Holds(question.query, row))
		PG_RETURN_NULL();
	if (policies.strange != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("whether the caller sees a row of table %s cannot be told without its policy %s",
						quote_identifier(get_rel_name(table)), quote_identifier(policies.strange)),
				 errdetail("A restrictive policy is code of the owner of the table, and is not run with the rights of another."),
				 errhint("Select the row from the table instead.")));
	PG_RETURN_DATUM(row);
}
