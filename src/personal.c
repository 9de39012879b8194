/*
 * src/personal.c: finding, reading, deleting and clearing the rows of application
 * tables that belong to a user.
 *
 * Depends on SPI.  Whatever code hangs on an application table (triggers,
 * policies, generated columns, casts and output functions of its types) runs with
 * the rights that this file chooses, never as auth_owner: as the owner of the
 * table, as foreign keys do, or as the database role that the caller's token
 * names; and as a security-restricted operation, so that it can neither take
 * another role nor leave something behind for the end of the transaction.
 *
 * Statements are built here, of names in the catalog alone.  Values of types that
 * are not the server's own become text by their output functions, which only
 * superusers can define: a cast to json, which the owner of a type can plant on a
 * table of a superuser, is never called.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/table.h"
#include "access/transam.h"
#include "catalog/pg_authid.h"
#include "catalog/pg_class.h"
#include "catalog/pg_namespace.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/json.h"
#include "utils/jsonb.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"

#include "compat.h"
#include "writes.h"

SQL_FUNCTION(intrex_auth_owned_rows);
SQL_FUNCTION(intrex_auth_owned_change);

#define FETCH_ROWS 20

/* Where a statement runs, and as whom. */
typedef struct Target
{
	Relation	relation;
	char	   *name;			/* qualified and quoted */
	Oid			user;
	bool		as_owner;
} Target;

/* Whom to come back to. */
typedef struct FormerUser
{
	Oid			user;
	int			context;
	int			settings;
} FormerUser;

/* Refuse an argument that is NULL. */
static void
DemandArgument(FunctionCallInfo fcinfo, int number, const char *name)
{
	if (PG_ARGISNULL(number))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("%s must not be null", name)));
}

/* Open an application table; ours, the system's and temporary ones are refused. */
static void
TargetOpen(Target *target, Oid relid, LOCKMODE lock)
{
	HeapTuple	tuple;
	char	   *schema = NULL;
	char		kind = '\0';
	char		persistence = '\0';

	tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(relid));
	if (HeapTupleIsValid(tuple))
	{
		Form_pg_class class = (Form_pg_class) GETSTRUCT(tuple);

		schema = get_namespace_name(class->relnamespace);
		kind = class->relkind;
		persistence = class->relpersistence;
		ReleaseSysCache(tuple);
	}
	if (schema == NULL || (kind != RELKIND_RELATION && kind != RELKIND_PARTITIONED_TABLE)
		|| persistence == RELPERSISTENCE_TEMP || relid < FirstNormalObjectId
		|| strcmp(schema, "auth") == 0 || strcmp(schema, "auth_api") == 0)
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("this is no table of an application")));

	target->relation = table_open(relid, lock);
	target->name = quote_qualified_identifier(schema, RelationGetRelationName(target->relation));
	target->user = target->relation->rd_rel->relowner;
	target->as_owner = true;
}

/* From here on the rights are the target's; FORCE ROW LEVEL SECURITY does not bind its owner here. */
static FormerUser
Become(const Target *target)
{
	FormerUser	former;
	int			context = SECURITY_LOCAL_USERID_CHANGE | SECURITY_RESTRICTED_OPERATION;

	if (target->as_owner)
		context |= SECURITY_NOFORCE_RLS;
	GetUserIdAndSecContext(&former.user, &former.context);
	former.settings = NewGUCNestLevel();
	SetUserIdAndSecContext(target->user, former.context | context);
	return former;
}

/* What the target's code has set is undone.  After an error the abort of the (sub)transaction does all this. */
static void
ComeBack(FormerUser former)
{
	AtEOXact_GUC(false, former.settings);
	SetUserIdAndSecContext(former.user, former.context);
}

/* A column by name, or NULL. */
static Form_pg_attribute
FindColumn(const Target *target, const char *name)
{
	TupleDesc	columns = RelationGetDescr(target->relation);

	for (int i = 0; i < columns->natts; i++)
	{
		Form_pg_attribute column = TupleDescAttr(columns, i);

		if (!column->attisdropped && strcmp(NameStr(column->attname), name) == 0)
			return column;
	}
	return NULL;
}

/* Whether the target's user may read a column. */
static bool
IsReadable(const Target *target, Form_pg_attribute column)
{
	Oid			relid = RelationGetRelid(target->relation);

	return pg_class_aclcheck(relid, target->user, ACL_SELECT) == ACLCHECK_OK
		|| pg_attribute_aclcheck(relid, column->attnum, target->user, ACL_SELECT) == ACLCHECK_OK;
}

/* The columns of an argument; each must be there, of a type of the server's own. */
static Form_pg_attribute *
KeyColumns(const Target *target, ArrayType *names, int *count)
{
	Datum	   *elements;
	bool	   *nulls;
	Form_pg_attribute *columns;

	deconstruct_array(names, NAMEOID, NAMEDATALEN, false, TYPALIGN_CHAR, &elements, &nulls, count);
	columns = palloc0(sizeof(*columns) * (*count + 1));
	for (int i = 0; i < *count; i++)
	{
		if (!nulls[i])
			columns[i] = FindColumn(target, NameStr(*DatumGetName(elements[i])));
		if (columns[i] == NULL)
			ereport(ERROR,
					(errcode(ERRCODE_UNDEFINED_COLUMN),
					 errmsg("there is no such column")));
		if (getBaseType(columns[i]->atttypid) >= FirstNormalObjectId)
			ereport(ERROR,
					(errcode(ERRCODE_DATATYPE_MISMATCH),
					 errmsg("rows are found by columns of built-in types only")));
	}
	if (*count == 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("columns are required")));
	return columns;
}

/* A type of the server's own as it can be cast to; "character" would mean character(1). */
static char *
CastName(Oid type)
{
	HeapTuple	tuple = SearchSysCache1(TYPEOID, ObjectIdGetDatum(getBaseType(type)));
	char	   *name;

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for type %u", type);
	name = quote_qualified_identifier("pg_catalog", NameStr(((Form_pg_type) GETSTRUCT(tuple))->typname));
	ReleaseSysCache(tuple);
	return name;
}

/* FROM or UPDATE … is followed by this: the rows whose columns are one of the keys of $1. */
static void
AppendCondition(StringInfo sql, Form_pg_attribute *columns, int count)
{
	appendStringInfoString(sql, " WHERE (");
	for (int i = 0; i < count; i++)
		appendStringInfo(sql, "%st.%s", i > 0 ? ", " : "", quote_identifier(NameStr(columns[i]->attname)));
	appendStringInfoString(sql, ") IN (SELECT ");
	for (int i = 0; i < count; i++)
		appendStringInfo(sql, "%s(k.key ->> %d)::%s", i > 0 ? ", " : "", i,
						 CastName(columns[i]->atttypid));
	appendStringInfoString(sql, " FROM pg_catalog.jsonb_array_elements($1) AS k (key))");
}

/* Append what a column shows; see the head of this file. */
static void
AppendColumn(StringInfo sql, Form_pg_attribute column)
{
	const char *name = quote_identifier(NameStr(column->attname));
	Oid			type = getBaseType(column->atttypid);

	if (type < FirstNormalObjectId && type != JSONOID && type != JSONARRAYOID)
		appendStringInfo(sql, "t.%s", name);
	else
		/* json can hold what jsonb refuses; it is shown as text too */
		appendStringInfo(sql, "CASE WHEN t.%s IS DISTINCT FROM NULL THEN pg_catalog.format('%%s', t.%s) END AS %s",
						 name, name, name);
}

/* SELECT key, row: as JSON, of the columns that may be read; NULL when there is nothing to read. */
static char *
ReadStatement(const Target *target, Form_pg_attribute *keys, int count, int max_rows)
{
	TupleDesc	columns = RelationGetDescr(target->relation);
	StringInfoData sql;
	int			shown = 0;

	for (int i = 0; i < count; i++)
	{
		if (!IsReadable(target, keys[i]))
			return NULL;
	}
	initStringInfo(&sql);
	/* who may read some columns only may not read where a row is */
	appendStringInfoString(&sql, "SELECT CASE WHEN r.place <> '' THEN r.place ELSE pg_catalog.md5(r.shown) END, r.shown FROM (SELECT ");
	if (pg_class_aclcheck(RelationGetRelid(target->relation), target->user, ACL_SELECT) == ACLCHECK_OK)
		appendStringInfoString(&sql, "pg_catalog.format('%s %s', t.tableoid, t.ctid)");
	else
		appendStringInfoString(&sql, "''");
	/* s alone would be a column of this name */
	appendStringInfoString(&sql, " AS place, (SELECT pg_catalog.to_jsonb(s.*)::pg_catalog.text FROM (SELECT ");
	for (int i = 0; i < columns->natts; i++)
	{
		Form_pg_attribute column = TupleDescAttr(columns, i);

		if (column->attisdropped || !IsReadable(target, column))
			continue;
		if (shown++ > 0)
			appendStringInfoString(&sql, ", ");
		AppendColumn(&sql, column);
	}
	appendStringInfo(&sql, ") AS s) AS shown FROM %s AS t", target->name);
	AppendCondition(&sql, keys, count);
	appendStringInfo(&sql, " LIMIT %d) AS r", max_rows + 1);
	return sql.data;
}

/* Run a SELECT of key and row, to an object of rows by key; whether that was all. */
static bool
CollectRows(const char *sql, Datum keys, int max_rows, int max_bytes, StringInfo object)
{
	Oid			types[1] = {JSONBOID};
	SPIPlanPtr	plan;
	Portal		portal;
	int			rows = 0;
	bool		complete = true;

	plan = SPI_prepare(sql, 1, types);
	if (plan == NULL)
		elog(ERROR, "SPI_prepare failed: %s", SPI_result_code_string(SPI_result));
	portal = SPI_cursor_open(NULL, plan, &keys, NULL, true);
	while (complete)
	{
		SPI_cursor_fetch(portal, true, FETCH_ROWS);
		if (SPI_processed == 0)
			break;
		for (uint64 i = 0; i < SPI_processed && complete; i++)
		{
			char	   *key = SPI_getvalue(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, 1);
			char	   *row = SPI_getvalue(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, 2);

			complete = rows < max_rows && (int64) object->len + (int64) strlen(row) < max_bytes;
			if (complete)
			{
				if (rows++ > 0)
					appendStringInfoChar(object, ',');
				escape_json(object, key);
				appendStringInfo(object, ":%s", row);
			}
			pfree(key);
			pfree(row);
		}
		SPI_freetuptable(SPI_tuptable);
	}
	SPI_cursor_close(portal);
	return complete;
}

/*
 * SQL function: auth._owned_rows(target regclass, columns name[], keys jsonb, reader name,
 * max_rows integer, max_bytes integer) returns jsonb
 */
Datum
intrex_auth_owned_rows(PG_FUNCTION_ARGS)
{
	Target		target;
	Form_pg_attribute *columns;
	int			count;
	int			max_rows;
	int			max_bytes;
	char	   *sql;
	FormerUser	former;
	StringInfoData answer;
	MemoryContext caller = CurrentMemoryContext;
	bool		complete;
	int			bytes;

	DemandArgument(fcinfo, 0, "target");
	DemandArgument(fcinfo, 1, "columns");
	DemandArgument(fcinfo, 2, "keys");
	DemandArgument(fcinfo, 4, "max_rows");
	DemandArgument(fcinfo, 5, "max_bytes");
	max_rows = PG_GETARG_INT32(4);
	max_bytes = PG_GETARG_INT32(5);
	if (max_rows < 0 || max_rows > 1000000 || max_bytes < 0 || max_bytes > 128 * 1024 * 1024)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("a limit is out of range")));

	TargetOpen(&target, PG_GETARG_OID(0), AccessShareLock);
	columns = KeyColumns(&target, PG_GETARG_ARRAYTYPE_P(1), &count);
	if (!PG_ARGISNULL(3))
	{
		target.user = get_role_oid(NameStr(*PG_GETARG_NAME(3)), false);
		target.as_owner = false;
	}
	sql = ReadStatement(&target, columns, count, max_rows);
	if (sql == NULL)
	{
		table_close(target.relation, NoLock);
		PG_RETURN_NULL();
	}

	initStringInfo(&answer);
	appendStringInfoString(&answer, "{\"rows\":{");
	former = Become(&target);
	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect failed");
	complete = CollectRows(sql, PG_GETARG_DATUM(2), max_rows, max_bytes, &answer);
	SPI_finish();
	ComeBack(former);
	MemoryContextSwitchTo(caller);
	table_close(target.relation, NoLock);

	bytes = answer.len;
	appendStringInfo(&answer, "},\"truncated\":%s,\"bytes\":%d}", complete ? "false" : "true", bytes);
	PG_RETURN_DATUM(DirectFunctionCall1(jsonb_in, CStringGetDatum(answer.data)));
}

/* UPDATE … SET each column to NULL. */
static void
AppendClear(StringInfo sql, const Target *target, Form_pg_attribute *columns, int count)
{
	appendStringInfo(sql, "UPDATE %s AS t SET ", target->name);
	for (int i = 0; i < count; i++)
		appendStringInfo(sql, "%s%s = NULL", i > 0 ? ", " : "", quote_identifier(NameStr(columns[i]->attname)));
}

/*
 * SQL function: auth._owned_change(target regclass, columns name[], keys jsonb, action text) returns bigint
 */
Datum
intrex_auth_owned_change(PG_FUNCTION_ARGS)
{
	Target		target;
	Form_pg_attribute *columns;
	int			count;
	char	   *action;
	bool		counts;
	StringInfoData sql;
	Oid			types[1] = {JSONBOID};
	Datum		keys[1];
	FormerUser	former;
	int64		rows;
	int			result;

	DemandArgument(fcinfo, 0, "target");
	DemandArgument(fcinfo, 1, "columns");
	DemandArgument(fcinfo, 2, "keys");
	DemandArgument(fcinfo, 3, "action");
	action = text_to_cstring(PG_GETARG_TEXT_PP(3));
	counts = strcmp(action, "count") == 0;
	if (!counts && strcmp(action, "delete") != 0 && strcmp(action, "clear") != 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("action must be count, delete or clear")));

	TargetOpen(&target, PG_GETARG_OID(0), counts ? AccessShareLock : RowExclusiveLock);
	columns = KeyColumns(&target, PG_GETARG_ARRAYTYPE_P(1), &count);
	initStringInfo(&sql);
	if (counts)
		appendStringInfo(&sql, "SELECT pg_catalog.count(*) FROM %s AS t", target.name);
	else if (strcmp(action, "delete") == 0)
		appendStringInfo(&sql, "DELETE FROM %s AS t", target.name);
	else
		AppendClear(&sql, &target, columns, count);
	AppendCondition(&sql, columns, count);

	keys[0] = PG_GETARG_DATUM(2);
	former = Become(&target);
	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect failed");
	/* triggers fire before this returns, deferred ones too */
	result = WritesFollow(sql.data, 1, types, keys);
	if (result < 0)
		elog(ERROR, "SPI_execute_with_args failed: %s", SPI_result_code_string(result));
	rows = (int64) SPI_processed;
	if (counts)
	{
		bool		isnull;

		rows = DatumGetInt64(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull));
	}
	SPI_finish();
	ComeBack(former);
	table_close(target.relation, NoLock);
	PG_RETURN_INT64(rows);
}
