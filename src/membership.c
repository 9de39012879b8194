/*
 * src/membership.c: which tenant roles own, which are known, and who may give which.
 *
 * Depends on rolecache.c, and on the columns of auth.memberships by number and its
 * index by name (sql/10_tables.sql).  Rows are read with a snapshot of their own:
 * whoever has locked the tenant learns how things are now, at REPEATABLE READ too.
 *
 * Until a database has roles of members, tenant roles are names: owner owns, and
 * owner, admin and head_office_admin manage the members.  Until it has a role that
 * owns, the name owner does.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/namespace.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/uuid.h"

#include "compat.h"
#include "rolecache.h"

SQL_FUNCTION(intrex_auth_is_owner);
SQL_FUNCTION(intrex_auth_has_owner);
SQL_FUNCTION(intrex_auth_role_known);
SQL_FUNCTION(intrex_auth_manages_by_name);
SQL_FUNCTION(intrex_auth_may_grant);

/* columns of auth.memberships */
enum
{
	MEMBER_TENANT = 1,
	MEMBER_USER = 2,
	MEMBER_ROLE = 3
};

#define OWNER_BY_NAME "owner"
#define RANK_UNKNOWN (-1)		/* of a name that is no role any more */
#define RANK_MANAGER_BY_NAME 1
#define RANK_OWNER_BY_NAME PG_INT32_MAX

/* Does a tenant role own the tenant? */
static bool
IsOwner(const char *name)
{
	const Role *owner = RoleOfKind("owner");

	return owner->exists ? strcmp(owner->name, name) == 0 : pg_strcasecmp(name, OWNER_BY_NAME) == 0;
}

/* Does a name manage members, where nothing but the name tells? */
static bool
ManagesByName(const char *name)
{
	return IsOwner(name) ||
		(!MemberRolesExist() &&
		 (pg_strcasecmp(name, "admin") == 0 || pg_strcasecmp(name, "head_office_admin") == 0));
}

/* The role of members of a name in a tenant, or NULL. */
static const Role *
MemberRole(const pg_uuid_t *tenant, const char *name)
{
	const Role *role;

	/* as much as is looked for would be found of a longer one */
	if (strlen(name) >= ROLE_NAME_SIZE)
		return NULL;
	role = RoleFind(tenant, name);
	return role->exists && role->of_members ? role : NULL;
}

/* How high a role ranks in a tenant. */
static int
Rank(const pg_uuid_t *tenant, const char *name)
{
	const Role *role = MemberRole(tenant, name);

	if (role != NULL)
		return role->rank;
	if (IsOwner(name))
		return RANK_OWNER_BY_NAME;
	if (MemberRolesExist())
		return RANK_UNKNOWN;
	return ManagesByName(name) ? RANK_MANAGER_BY_NAME : 0;
}

/* SQL function: auth._is_owner(role text) returns boolean */
Datum
intrex_auth_is_owner(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(!PG_ARGISNULL(0) && IsOwner(text_to_cstring(PG_GETARG_TEXT_PP(0))));
}

/* SQL function: auth._manages_by_name(role text) returns boolean */
Datum
intrex_auth_manages_by_name(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(!PG_ARGISNULL(0) && ManagesByName(text_to_cstring(PG_GETARG_TEXT_PP(0))));
}

/* SQL function: auth._role_known(tenant_id uuid, role text) returns boolean */
Datum
intrex_auth_role_known(PG_FUNCTION_ARGS)
{
	char	   *name;

	if (PG_ARGISNULL(0) || PG_ARGISNULL(1))
		PG_RETURN_BOOL(false);
	name = text_to_cstring(PG_GETARG_TEXT_PP(1));
	/* not the name of platform administrators, or of users without a tenant */
	if (strlen(name) < ROLE_NAME_SIZE && RoleFind(PG_GETARG_UUID_P(0), name)->exists)
		PG_RETURN_BOOL(MemberRole(PG_GETARG_UUID_P(0), name) != NULL);
	PG_RETURN_BOOL(!MemberRolesExist() || IsOwner(name));
}

/*
 * SQL function: auth._may_grant(tenant_id uuid, by_role text, role text) returns boolean
 *
 * No role above one's own, of those that one's own names if it does; and owners
 * are made by owners.
 */
Datum
intrex_auth_may_grant(PG_FUNCTION_ARGS)
{
	const pg_uuid_t *tenant;
	const Role *granter;
	ListCell   *cell;
	char	   *by;
	char	   *name;

	if (PG_ARGISNULL(0) || PG_ARGISNULL(1) || PG_ARGISNULL(2))
		PG_RETURN_BOOL(false);
	tenant = PG_GETARG_UUID_P(0);
	by = text_to_cstring(PG_GETARG_TEXT_PP(1));
	name = text_to_cstring(PG_GETARG_TEXT_PP(2));
	if (IsOwner(name))
		PG_RETURN_BOOL(IsOwner(by));
	if (Rank(tenant, by) < Rank(tenant, name))
		PG_RETURN_BOOL(false);
	granter = MemberRole(tenant, by);
	if (granter == NULL)
		/* a name alone gives only where names are all there is, or it owns */
		PG_RETURN_BOOL(IsOwner(by) || !MemberRolesExist());
	if (granter->grants_all)
		PG_RETURN_BOOL(true);
	foreach(cell, granter->grants)
	{
		if (strcmp(lfirst(cell), name) == 0)
			PG_RETURN_BOOL(true);
	}
	PG_RETURN_BOOL(false);
}

/*
 * SQL function: auth._has_owner(tenant_id uuid, but uuid) returns boolean
 *
 * The tenant must be locked: then all who changed its members have committed, or
 * will find out themselves before they do.
 */
Datum
intrex_auth_has_owner(PG_FUNCTION_ARGS)
{
	const pg_uuid_t *but = PG_ARGISNULL(1) ? NULL : PG_GETARG_UUID_P(1);
	const Role *owner;
	Oid			namespace;
	Relation	table;
	ScanKeyData keys[2];
	int			count = 1;
	SysScanDesc scan;
	HeapTuple	row;
	bool		found = false;

	if (PG_ARGISNULL(0))
		PG_RETURN_BOOL(false);
	ScanKeyInit(&keys[0], MEMBER_TENANT, BTEqualStrategyNumber, F_UUID_EQ, PG_GETARG_DATUM(0));
	owner = RoleOfKind("owner");
	if (owner->exists)
	{
		ScanKeyInit(&keys[1], MEMBER_ROLE, BTEqualStrategyNumber, F_TEXTEQ,
					CStringGetTextDatum(owner->name));
		count = 2;
	}

	namespace = get_namespace_oid("auth", false);
	table = table_open(get_relname_relid("memberships", namespace), AccessShareLock);
	scan = systable_beginscan(table, get_relname_relid("memberships_tenant_id_role_idx", namespace),
							  true, NULL, count, keys);
	while (!found && HeapTupleIsValid(row = systable_getnext(scan)))
	{
		bool		isnull;
		pg_uuid_t  *user = DatumGetUUIDP(heap_getattr(row, MEMBER_USER, RelationGetDescr(table), &isnull));

		if (but != NULL && memcmp(user, but, sizeof(pg_uuid_t)) == 0)
			continue;
		found = count == 2 ||
			IsOwner(TextDatumGetCString(heap_getattr(row, MEMBER_ROLE, RelationGetDescr(table), &isnull)));
	}
	systable_endscan(scan);
	table_close(table, AccessShareLock);
	PG_RETURN_BOOL(found);
}
