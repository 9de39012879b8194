/*
 * src/isolation.c: trying statements on application tables as an API role, for a
 * superuser who tests their isolation.
 *
 * Depends on SPI.  Triggers, policies, views and functions of those tables belong to
 * whoever owns them.  SET ROLE would hold none of them: a trigger of his could say
 * RESET ROLE and be the superuser again.  So statements run as the role in a
 * security-restricted operation, which can neither take another role nor leave
 * anything behind.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"

#include "compat.h"
#include "writes.h"

SQL_FUNCTION(intrex_auth_isolation_try);

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
	/* there "role" cannot be set, which would look like a refusal to the role */
	if (context & (SECURITY_LOCAL_USERID_CHANGE | SECURITY_RESTRICTED_OPERATION))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("the isolation cannot be tested within a security-definer function")));
	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect failed");

	/*
	 * policies may read the setting; it and the user are put back by the end of the
	 * (sub)transaction, too
	 */
	nest = NewGUCNestLevel();
	(void) set_config_option("role", role, PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
	SetUserIdAndSecContext(other, context | SECURITY_LOCAL_USERID_CHANGE | SECURITY_RESTRICTED_OPERATION);
	result = WritesRunOthers(statement);
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
