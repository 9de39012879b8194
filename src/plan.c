/*
 * src/plan.c: which plan a tenant has now, and what that includes.
 *
 * Depends on the columns of the tables of sql/15_plan_tables.sql by number, and on
 * identity.c for the tenant of the caller.  Read as liveness.c reads: index
 * look-ups with a snapshot taken now, so that a changed plan counts at every
 * isolation level, and a policy that asks does not cost a query of its own.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/xact.h"
#include "catalog/namespace.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "compat.h"
#include "identity.h"
#include "plan.h"
#include "queryidentity.h"

SQL_FUNCTION(intrex_auth_plan);
SQL_FUNCTION(intrex_auth_has_feature);

/* column numbers */
enum
{
	TENANT_ID = 1,
	PLAN_NAME = 1,
	PLAN_IS_DEFAULT = 3,
	FEATURE_NAME = 1,
	FEATURE_METERED = 3,
	PLAN_FEATURE_PLAN = 1,
	PLAN_FEATURE_FEATURE = 2,
	PLAN_FEATURE_QUOTA = 3,
	SUBSCRIPTION_TENANT_ID = 1,
	SUBSCRIPTION_PLAN = 2,
	SUBSCRIPTION_STATUS = 3,
	SUBSCRIPTION_ENDS_AT = 4
};

/* A key of an index. */
typedef struct LookupKey
{
	int			column;
	Oid			equal;
	Datum		value;
} LookupKey;

/* An open look-up of one row. */
typedef struct Lookup
{
	Relation	table;
	Snapshot	snapshot;
	SysScanDesc scan;
	HeapTuple	row;
} Lookup;

/* Look up a row by the columns of an index; is there one? */
static bool
LookupBegin(Lookup *lookup, const char *table, const char *index, const LookupKey *keys, int count)
{
	Oid			namespace = get_namespace_oid("auth", false);
	ScanKeyData scan_keys[2];

	for (int i = 0; i < count; i++)
		ScanKeyInit(&scan_keys[i], (AttrNumber) keys[i].column, BTEqualStrategyNumber, keys[i].equal, keys[i].value);
	lookup->table = table_open(get_relname_relid(table, namespace), AccessShareLock);
	/* what systable_beginscan() would take for itself */
	lookup->snapshot = RegisterSnapshot(GetCatalogSnapshot(RelationGetRelid(lookup->table)));
	lookup->scan = systable_beginscan(lookup->table, get_relname_relid(index, namespace), true,
									  lookup->snapshot, count, scan_keys);
	lookup->row = systable_getnext(lookup->scan);
	return HeapTupleIsValid(lookup->row);
}

/* End a look-up. */
static void
LookupEnd(Lookup *lookup)
{
	systable_endscan(lookup->scan);
	UnregisterSnapshot(lookup->snapshot);
	table_close(lookup->table, AccessShareLock);
}

/* A column of the row. */
static Datum
Column(const Lookup *lookup, int number, bool *isnull)
{
	return heap_getattr(lookup->row, number, RelationGetDescr(lookup->table), isnull);
}

/* The name of a plan in a column that is never null. */
static void
CopyPlanName(const Lookup *lookup, int number, char plan[PLAN_NAME_SIZE])
{
	bool		isnull;

	text_to_cstring_buffer(DatumGetTextPP(Column(lookup, number, &isnull)), plan, PLAN_NAME_SIZE);
}

/* Does the subscription grant its plan now?  What has an end does until then, the rest while it is active. */
static bool
GrantsPlan(const Lookup *subscription)
{
	bool		isnull;
	Datum		ends_at = Column(subscription, SUBSCRIPTION_ENDS_AT, &isnull);
	text	   *status;

	/* of the statement, as bans */
	if (!isnull)
		return DatumGetTimestampTz(ends_at) > GetCurrentStatementStartTimestamp();
	status = DatumGetTextPP(Column(subscription, SUBSCRIPTION_STATUS, &isnull));
	return VARSIZE_ANY_EXHDR(status) == strlen("active") &&
		memcmp(VARDATA_ANY(status), "active", strlen("active")) == 0;
}

/* Copy the plan that the subscription of a tenant grants; false if it grants none. */
static bool
FindSubscribed(const pg_uuid_t *tenant, char plan[PLAN_NAME_SIZE])
{
	LookupKey	key = {SUBSCRIPTION_TENANT_ID, F_UUID_EQ, UUIDPGetDatum(tenant)};
	Lookup		lookup;
	bool		granted = LookupBegin(&lookup, "subscriptions", "subscriptions_pkey", &key, 1) && GrantsPlan(&lookup);

	if (granted)
		CopyPlanName(&lookup, SUBSCRIPTION_PLAN, plan);
	LookupEnd(&lookup);
	return granted;
}

/* Copy the default plan, if there is one. */
static void
FindDefault(char plan[PLAN_NAME_SIZE])
{
	LookupKey	key = {PLAN_IS_DEFAULT, F_BOOLEQ, BoolGetDatum(true)};
	Lookup		lookup;

	if (LookupBegin(&lookup, "plans", "plans_default_key", &key, 1))
		CopyPlanName(&lookup, PLAN_NAME, plan);
	LookupEnd(&lookup);
}

/* Is there such a tenant? */
static bool
IsTenant(const pg_uuid_t *tenant)
{
	LookupKey	key = {TENANT_ID, F_UUID_EQ, UUIDPGetDatum(tenant)};
	Lookup		lookup;
	bool		found = LookupBegin(&lookup, "tenants", "tenants_pkey", &key, 1);

	LookupEnd(&lookup);
	return found;
}

/* Find the plan of a tenant; empty if it has none. */
static void
FindPlan(const pg_uuid_t *tenant, char plan[PLAN_NAME_SIZE])
{
	plan[0] = '\0';
	/* a tenant that is gone has not even the default */
	if (tenant != NULL && !FindSubscribed(tenant, plan) && IsTenant(tenant))
		FindDefault(plan);
}

/* Is there such a feature, and is it metered? */
static bool
FindFeature(text *feature, bool *metered)
{
	LookupKey	key = {FEATURE_NAME, F_TEXTEQ, PointerGetDatum(feature)};
	Lookup		lookup;
	bool		found = LookupBegin(&lookup, "features", "features_pkey", &key, 1);
	bool		isnull;

	if (found)
		*metered = DatumGetBool(Column(&lookup, FEATURE_METERED, &isnull));
	LookupEnd(&lookup);
	return found;
}

/* What has the plan of the feature? */
static void
FindIncluded(text *feature, PlanFeature *found)
{
	LookupKey	keys[2] = {
		{PLAN_FEATURE_PLAN, F_TEXTEQ, CStringGetTextDatum(found->plan)},
		{PLAN_FEATURE_FEATURE, F_TEXTEQ, PointerGetDatum(feature)}
	};
	Lookup		lookup;
	Datum		quota;

	if (LookupBegin(&lookup, "plan_features", "plan_features_pkey", keys, 2))
	{
		found->included = true;
		quota = Column(&lookup, PLAN_FEATURE_QUOTA, &found->unlimited);
		if (!found->unlimited)
			found->quota = DatumGetInt64(quota);
	}
	LookupEnd(&lookup);
}

/* Look up a feature for a tenant. */
void
PlanLook(const pg_uuid_t *tenant, text *feature, PlanFeature *found)
{
	memset(found, 0, sizeof(*found));
	if (feature == NULL || !FindFeature(feature, &found->metered))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("unknown feature"),
				 errhint("Names are those in auth.features, in the same case; auth.feature_create() adds one.")));
	FindPlan(tenant, found->plan);
	if (found->plan[0] != '\0')
		FindIncluded(feature, found);
}

/* The same for an argument of an SQL function. */
void
PlanLookArgument(const pg_uuid_t *tenant, const NullableDatum *feature, PlanFeature *found)
{
	PlanLook(tenant, feature->isnull ? NULL : DatumGetTextPP(feature->value), found);
}

/* SQL function: auth._plan(tenant_id uuid) returns text */
Datum
intrex_auth_plan(PG_FUNCTION_ARGS)
{
	char		plan[PLAN_NAME_SIZE];

	FindPlan(PG_ARGISNULL(0) ? NULL : PG_GETARG_UUID_P(0), plan);
	if (plan[0] == '\0')
		PG_RETURN_NULL();
	PG_RETURN_TEXT_P(cstring_to_text(plan));
}

/* SQL function: auth.has_feature(feature text) returns boolean */
Datum
intrex_auth_has_feature(PG_FUNCTION_ARGS)
{
	const Identity *identity = IdentityGet();
	PlanFeature found;

	QueryDecides(fcinfo, identity);
	PlanLookArgument(identity == NULL ? NULL : IdentityTenantId(identity), &fcinfo->args[0], &found);
	/* a quota of 0 is nothing to have */
	PG_RETURN_BOOL(found.included && (found.unlimited || found.quota > 0));
}
