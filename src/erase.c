/*
 * src/erase.c: deleting what application tables refer to, without running their
 * triggers as the owner of ours.
 *
 * Depends on the trigger manager and SPI.  A DELETE from auth.tenants cascades to
 * protected tables, and their AFTER triggers, which belong to whoever owns those
 * tables, would fire as the current user at the end of the statement: as
 * auth_owner, who reads every hash.  So the statement is run without firing them,
 * as foreign keys do, and they are fired as a role that may nothing.  Foreign
 * keys themselves switch to the owners of their tables.
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_authid.h"
#include "catalog/pg_type.h"
#include "commands/trigger.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/snapmgr.h"

#include "compat.h"

SQL_FUNCTION(intrex_auth_erase);

#define POWERLESS_ROLE "anon"

/* The tables that application tables may refer to. */
static const struct
{
	const char *table;
	const char *statement;
}			erasures[] = {
	{"tenants", "DELETE FROM auth.tenants WHERE id OPERATOR(pg_catalog.=) $1"},
	{"units", "DELETE FROM auth.units WHERE id OPERATOR(pg_catalog.=) $1"},
	{"users", "DELETE FROM auth.users WHERE id OPERATOR(pg_catalog.=) $1"},
};

/* Fire the triggers that are due, as a role that may nothing. */
static void
FireAsNobody(void)
{
	Oid			nobody = get_role_oid(POWERLESS_ROLE, false);
	Oid			user;
	int			context;

	GetUserIdAndSecContext(&user, &context);
	SetUserIdAndSecContext(nobody, context | SECURITY_LOCAL_USERID_CHANGE | SECURITY_RESTRICTED_OPERATION);
	PushActiveSnapshot(GetTransactionSnapshot());
	AfterTriggerEndQuery(NULL);
	PopActiveSnapshot();
	/* after an error the abort of the (sub)transaction restores the user */
	SetUserIdAndSecContext(user, context);
}

/* SQL function: auth._erase(table_name text, id uuid) returns boolean; false if there was no such row */
Datum
intrex_auth_erase(PG_FUNCTION_ARGS)
{
	char	   *table = text_to_cstring(PG_GETARG_TEXT_PP(0));
	Datum		id = PG_GETARG_DATUM(1);
	Oid			types[1] = {UUIDOID};
	const char *statement = NULL;
	SPIPlanPtr	plan;
	uint64		erased;

	for (size_t i = 0; i < lengthof(erasures); i++)
	{
		if (strcmp(erasures[i].table, table) == 0)
			statement = erasures[i].statement;
	}
	if (statement == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("nothing is erased from such a table")));

	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect failed");
	plan = SPI_prepare(statement, 1, types);
	if (plan == NULL)
		elog(ERROR, "SPI_prepare failed: %s", SPI_result_code_string(SPI_result));

	AfterTriggerBeginQuery();
	if (SPI_execute_snapshot(plan, &id, NULL, InvalidSnapshot, InvalidSnapshot, false, false, 0)
		!= SPI_OK_DELETE)
		elog(ERROR, "SPI_execute_snapshot failed: %s", SPI_result_code_string(SPI_result));
	erased = SPI_processed;
	CommandCounterIncrement();
	FireAsNobody();

	SPI_finish();
	PG_RETURN_BOOL(erased > 0);
}
