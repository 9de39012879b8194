/*
 * src/quota.c: guards of quotas, and the trigger that counts rows.
 *
 * Depends on plan.c for what a tenant may use, on usage.c for what it uses, and
 * on identity.c for whose tenant the caller is.
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_collation.h"
#include "catalog/pg_type.h"
#include "commands/trigger.h"
#include "executor/spi.h"
#include "executor/tuptable.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "parser/parse_func.h"
#include "utils/builtins.h"
#include "utils/datetime.h"
#include "utils/rel.h"
#include "utils/timestamp.h"
#include "utils/tuplestore.h"

#include "compat.h"
#include "identity.h"
#include "plan.h"
#include "queryidentity.h"
#include "report.h"
#include "usage.h"

SQL_FUNCTION(intrex_auth_usage_lock);
SQL_FUNCTION(intrex_auth_quota_period);
SQL_FUNCTION(intrex_auth_quota_charge);
SQL_FUNCTION(intrex_auth_consume_quota);
SQL_FUNCTION(intrex_auth_has_quota);
SQL_FUNCTION(intrex_auth_quota_left);
SQL_FUNCTION(intrex_auth_quota_trigger);

/* Rows of one tenant among those that a statement inserted. */
typedef struct Share
{
	pg_uuid_t	tenant;
	int64		rows;
} Share;

/* A growing list of them. */
typedef struct Shares
{
	Share	   *list;
	size_t		count;
	size_t		room;
} Shares;

/* The month that counts: that in which the transaction began, as now() in a row does. */
static DateADT
CurrentPeriod(void)
{
	return UsagePeriod(GetCurrentTransactionStartTimestamp());
}

/* The tenant of the caller; false without one. */
static bool
CallersTenant(pg_uuid_t *tenant)
{
	const Identity *identity = IdentityGet();
	const pg_uuid_t *claimed = identity == NULL ? NULL : IdentityTenantId(identity);

	if (claimed != NULL)
		*tenant = *claimed;
	return claimed != NULL;
}

/* An amount is from 1. */
static int64
DemandAmount(const NullableDatum *argument)
{
	if (argument->isnull || DatumGetInt64(argument->value) < 1)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("amount must be positive")));
	return DatumGetInt64(argument->value);
}

/* What a tenant may use of a feature, which must be metered. */
static void
LookMetered(const pg_uuid_t *tenant, const NullableDatum *name, PlanFeature *found)
{
	PlanLookArgument(tenant, name, found);
	if (!found->metered)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("the feature is not metered"),
				 errhint("auth.has_feature() and auth.require_feature() ask for it.")));
}

/* Raise PT402, of which PostgREST makes 402. */
static void
RefuseQuota(DateADT period, const char *reason)
{
	const Identity *identity = IdentityGet();
	const char *user = identity == NULL ? NULL : IdentitySubject(identity);
	int			year;
	int			month;
	int			day;

	ReportSecurityEvent("guard_refused", user == NULL ? "consume_quota quota_exceeded" :
						psprintf("consume_quota quota_exceeded user=%s", user));
	/* no month has more than 31 days, and the next none less than 28 */
	j2date(period + POSTGRES_EPOCH_JDATE + 31, &year, &month, &day);
	ereport(ERROR,
			(errcode(MAKE_SQLSTATE('P', 'T', '4', '0', '2')),
			 errmsg("Quota exceeded"),
			 errdetail_internal("%s", reason),
			 errhint("A larger plan has more; the next month begins on %04d-%02d-01 (UTC).", year, month)));
}

/* Refuse, or else return what may be used in all. */
static int64
DemandIncluded(const PlanFeature *found, const char *name, DateADT period)
{
	if (found->plan[0] == '\0')
		RefuseQuota(period, "The tenant has no plan.");
	if (!found->included)
		RefuseQuota(period, psprintf("The plan \"%s\" does not include \"%s\".", found->plan, name));
	return found->unlimited ? PG_INT64_MAX : found->quota;
}

/*
 * Count an amount for a tenant and return what is left, or raise.  The lock comes
 * first, so that plan and subscription are as they are when its turn has come.
 */
static Datum
Charge(FunctionCallInfo fcinfo, const pg_uuid_t *tenant, const NullableDatum *name, const NullableDatum *argument)
{
	int64		amount = DemandAmount(argument);
	DateADT		period = CurrentPeriod();
	PlanFeature found;
	char	   *quota;
	int64		max;
	int64		used;

	UsageLock(tenant);
	LookMetered(tenant, name, &found);
	quota = TextDatumGetCString(name->value);
	max = DemandIncluded(&found, quota, period);
	if (!UsageCount(tenant, DatumGetTextPP(name->value), period, amount, max, &used))
	{
		if (found.unlimited)
			ereport(ERROR,
					(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
					 errmsg("more would be used than can be counted")));
		RefuseQuota(period, psprintf("\"%s\": " INT64_FORMAT " of " INT64_FORMAT " used this month, " INT64_FORMAT " more asked for.",
									 quota, used, max, amount));
	}
	if (found.unlimited)
		PG_RETURN_NULL();
	PG_RETURN_INT64(max - used);
}

/* What a tenant has left of a quota; true if that is no limit. */
static bool
LookLeft(const NullableDatum *name, int64 *left)
{
	pg_uuid_t	tenant;
	bool		has_tenant = CallersTenant(&tenant);
	PlanFeature found;

	LookMetered(has_tenant ? &tenant : NULL, name, &found);
	*left = 0;
	if (!found.unlimited && found.quota > 0)
		*left = Max(found.quota - UsageLook(&tenant, DatumGetTextPP(name->value), CurrentPeriod()), 0);
	return found.unlimited;
}

/* Call a function of ours that raises, or checks for us. */
static Oid
FindFunction(const char *name, int count, const Oid *types)
{
	return LookupFuncName(list_make2(makeString("auth"), makeString(pstrdup(name))), count, types, false);
}

/* SQL function: auth._usage_lock(tenant_id uuid) returns void */
Datum
intrex_auth_usage_lock(PG_FUNCTION_ARGS)
{
	UsageLock(PG_GETARG_UUID_P(0));
	PG_RETURN_VOID();
}

/* SQL function: auth._quota_period(at timestamptz) returns date */
Datum
intrex_auth_quota_period(PG_FUNCTION_ARGS)
{
	PG_RETURN_DATEADT(UsagePeriod(PG_GETARG_TIMESTAMPTZ(0)));
}

/* SQL function: auth._quota_charge(tenant_id uuid, quota text, amount bigint) returns bigint */
Datum
intrex_auth_quota_charge(PG_FUNCTION_ARGS)
{
	if (PG_ARGISNULL(0))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("what is used must be some tenant's")));
	return Charge(fcinfo, PG_GETARG_UUID_P(0), &fcinfo->args[1], &fcinfo->args[2]);
}

/* SQL function: auth.consume_quota(quota text, amount bigint) returns bigint */
Datum
intrex_auth_consume_quota(PG_FUNCTION_ARGS)
{
	pg_uuid_t	tenant;

	if (!CallersTenant(&tenant))
	{
		Oid			types[] = {TEXTOID, BOOLOID, TEXTOID};

		(void) OidFunctionCall3Coll(FindFunction("_guard_refuse", lengthof(types), types), DEFAULT_COLLATION_OID,
									CStringGetTextDatum("consume_quota"), BoolGetDatum(IdentityGet() != NULL),
									CStringGetTextDatum("Insufficient permissions"));
		elog(ERROR, "auth._guard_refuse() did not raise");
	}
	return Charge(fcinfo, &tenant, &fcinfo->args[0], &fcinfo->args[1]);
}

/* SQL function: auth.has_quota(quota text, amount bigint) returns boolean */
Datum
intrex_auth_has_quota(PG_FUNCTION_ARGS)
{
	int64		amount = DemandAmount(&fcinfo->args[1]);
	int64		left;
	bool		unlimited;

	QueryDecides(fcinfo, IdentityGet());
	unlimited = LookLeft(&fcinfo->args[0], &left);
	PG_RETURN_BOOL(unlimited || amount <= left);
}

/* SQL function: auth.quota_left(quota text) returns bigint */
Datum
intrex_auth_quota_left(PG_FUNCTION_ARGS)
{
	int64		left;

	QueryDecides(fcinfo, IdentityGet());
	if (LookLeft(&fcinfo->args[0], &left))
		PG_RETURN_NULL();
	PG_RETURN_INT64(left);
}

/* Add one row of a tenant. */
static void
AddRow(Shares *shares, const pg_uuid_t *tenant)
{
	/* what one statement inserts is most often one tenant's */
	if (shares->count > 0 && memcmp(&shares->list[shares->count - 1].tenant, tenant, UUID_LEN) == 0)
	{
		shares->list[shares->count - 1].rows++;
		return;
	}
	if (shares->count == shares->room)
	{
		shares->room = shares->room == 0 ? 8 : shares->room * 2;
		shares->list = shares->list == NULL ? palloc(shares->room * sizeof(Share)) :
			repalloc_huge(shares->list, shares->room * sizeof(Share));
	}
	shares->list[shares->count].tenant = *tenant;
	shares->list[shares->count++].rows = 1;
}

/* The order of tenants; the same for all statements, so that they cannot deadlock. */
static int
CompareShares(const void *left, const void *right)
{
	return memcmp(&((const Share *) left)->tenant, &((const Share *) right)->tenant, UUID_LEN);
}

/* Read whose rows were inserted. */
static void
ReadShares(Tuplestorestate *rows, TupleDesc descriptor, int column, Shares *shares)
{
	TupleTableSlot *slot = MakeSingleTupleTableSlot(descriptor, &TTSOpsMinimalTuple);
	int			pointer = tuplestore_alloc_read_pointer(rows, EXEC_FLAG_REWIND);

	/* other triggers read the same rows with pointers of their own */
	tuplestore_select_read_pointer(rows, pointer);
	tuplestore_rescan(rows);
	while (tuplestore_gettupleslot(rows, true, false, slot))
	{
		bool		isnull;
		Datum		tenant = slot_getattr(slot, column, &isnull);

		if (isnull)
			ereport(ERROR,
					(errcode(ERRCODE_NOT_NULL_VIOLATION),
					 errmsg("a row without a tenant cannot be counted")));
		AddRow(shares, DatumGetUUIDP(tenant));
		CHECK_FOR_INTERRUPTS();
	}
	ExecDropSingleTupleTableSlot(slot);
}

/* Charge each tenant for its rows. */
static void
ChargeShares(Shares *shares, const char *quota)
{
	Oid			types[] = {UUIDOID, TEXTOID, INT8OID};
	Oid			charge = FindFunction("_quota_charge_row", lengthof(types), types);
	Datum		name = CStringGetTextDatum(quota);

	if (shares->count > 1)
		qsort(shares->list, shares->count, sizeof(Share), CompareShares);
	for (size_t i = 0; i < shares->count; i++)
	{
		const pg_uuid_t *tenant = &shares->list[i].tenant;
		int64		rows = shares->list[i].rows;

		while (i + 1 < shares->count && CompareShares(&shares->list[i], &shares->list[i + 1]) == 0)
			rows += shares->list[++i].rows;
		(void) OidFunctionCall3Coll(charge, DEFAULT_COLLATION_OID, UUIDPGetDatum(tenant), name, Int64GetDatum(rows));
	}
}

/*
 * SQL function: auth.quota_trigger() returns trigger
 *
 * Once for a statement: one new version of the counter for any number of rows.
 * The rows are read here and not by a query, for that would run as the owner of
 * this function, and name a relation and a column that others choose.
 */
Datum
intrex_auth_quota_trigger(PG_FUNCTION_ARGS)
{
	TriggerData *data = (TriggerData *) fcinfo->context;
	Shares		shares = {NULL, 0, 0};
	const char *column_name;
	TupleDesc	descriptor;
	int			column;

	if (!CALLED_AS_TRIGGER(fcinfo) ||
		!TRIGGER_FIRED_AFTER(data->tg_event) ||
		!TRIGGER_FIRED_FOR_STATEMENT(data->tg_event) ||
		!TRIGGER_FIRED_BY_INSERT(data->tg_event) ||
		data->tg_newtable == NULL ||
		data->tg_trigger->tgnargs < 1 || data->tg_trigger->tgnargs > 2)
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("this is no trigger that counts rows"),
				 errhint("CREATE TRIGGER ... AFTER INSERT ON ... REFERENCING NEW TABLE AS new_rows "
						 "FOR EACH STATEMENT EXECUTE FUNCTION auth.quota_trigger(quota [, tenant_column])")));

	column_name = data->tg_trigger->tgnargs == 2 ? data->tg_trigger->tgargs[1] : "tenant_id";
	descriptor = RelationGetDescr(data->tg_relation);
	column = SPI_fnumber(descriptor, column_name);
	if (column <= 0 || TupleDescAttr(descriptor, column - 1)->atttypid != UUIDOID)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_COLUMN),
				 errmsg("the table has no column \"%s\" of type uuid", column_name),
				 errhint("The second argument of auth.quota_trigger() names the column of the tenant.")));

	ReadShares(data->tg_newtable, descriptor, column, &shares);
	ChargeShares(&shares, data->tg_trigger->tgargs[0]);
	return PointerGetDatum(NULL);
}
