/*
 * src/callerrole.c: which role the caller has.
 *
 * Depends on identity.c and rolecache.c.
 */
#include "postgres.h"

#include "catalog/pg_type_d.h"
#include "mb/pg_wchar.h"
#include "nodes/value.h"
#include "parser/parse_func.h"
#include "utils/array.h"
#include "utils/builtins.h"

#include "callerrole.h"
#include "compat.h"
#include "queryidentity.h"
#include "settings.h"

SQL_FUNCTION(intrex_auth_has_rank);
SQL_FUNCTION(intrex_auth_has_role);
SQL_FUNCTION(intrex_auth_role_of_kind);

#define PLATFORM_ROLE "auth_platform"

/* Is the caller a platform administrator, and still one? */
bool
CallerIsPlatform(const Identity *identity)
{
	static const Oid no_arguments[1] = {InvalidOid};
	const char *role = IdentityRole(identity);

	if (role == NULL || strcmp(role, PLATFORM_ROLE) != 0)
		return false;

	/*
	 * the session check has looked at the flag; without it the claim alone would outlive
	 * it
	 */
	if (setting_session_check)
		return true;
	return DatumGetBool(OidFunctionCall0(LookupFuncName(list_make2(makeString("auth"), makeString("is_super_admin")),
														0, no_arguments, false)));
}

/*
 * The caller's role in his tenant, or what every user is called; NULL: none.  A
 * tenant role that bears the name of the platform administrators' is not theirs.
 */
const Role *
CallerRole(const Identity *identity)
{
	const Role *role;

	if (IdentityTenantId(identity) != NULL && IdentityTenantRole(identity) != NULL)
	{
		role = RoleFind(IdentityTenantId(identity), IdentityTenantRole(identity));
		return role->exists && role->of_members ? role : NULL;
	}
	role = RoleOfKind("user");
	return role->exists ? role : NULL;
}

/* A name for an error message, at most as long as names are. */
const char *
NameForMessage(const char *name)
{
	return pnstrdup(name, pg_mbcliplen(name, strlen(name), ROLE_NAME_SIZE - 1));
}

/*
 * SQL function: auth.has_rank(role text) returns boolean
 *
 * At least this role of the caller's tenant; a role that does not exist is an error.
 */
Datum
intrex_auth_has_rank(PG_FUNCTION_ARGS)
{
	char	   *name = text_to_cstring(PG_GETARG_TEXT_PP(0));
	const Identity *identity = IdentityGet();
	const Role *role;
	int			demanded;

	role = RoleFind(identity != NULL ? IdentityTenantId(identity) : NULL, name);
	if (!role->exists)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("there is no role \"%s\"", NameForMessage(name)),
				 errhint("auth.roles lists them; auth.use_preset() or auth.role_create() adds some.")));
	demanded = role->rank;
	QueryDecides(fcinfo, identity);
	if (identity == NULL)
		PG_RETURN_BOOL(false);
	if (CallerIsPlatform(identity))
		PG_RETURN_BOOL(true);
	role = CallerRole(identity);
	PG_RETURN_BOOL(role != NULL && role->rank >= demanded);
}

/* SQL function: auth._role_of_kind(kind text) returns text */
Datum
intrex_auth_role_of_kind(PG_FUNCTION_ARGS)
{
	const Role *role = RoleOfKind(text_to_cstring(PG_GETARG_TEXT_PP(0)));

	if (!role->exists)
		PG_RETURN_NULL();
	PG_RETURN_TEXT_P(cstring_to_text(role->name));
}

/* Is a name, which may be missing, one of those in text[]? */
static bool
IsOneOf(const char *name, const Datum *names, const bool *nulls, int count)
{
	if (name == NULL)
		return false;
	for (int i = 0; i < count; i++)
	{
		const		text *one = nulls[i] ? NULL : DatumGetTextPP(names[i]);

		if (one != NULL && VARSIZE_ANY_EXHDR(one) == strlen(name) &&
			memcmp(VARDATA_ANY(one), name, strlen(name)) == 0)
			return true;
	}
	return false;
}

/* What a preset calls those of a kind; NULL: nothing. */
static const char *
NameOfKind(const char *kind)
{
	const Role *role = RoleOfKind(kind);

	return role->exists ? role->name : NULL;
}

/*
 * SQL function: auth.has_role(VARIADIC roles text[]) returns boolean
 *
 * A member's role counts by its name alone, since there may be no rows of roles.  The
 * names of platform administrators and of users are no member's: such a role, given
 * before there was the preset, is neither.
 */
Datum
intrex_auth_has_role(PG_FUNCTION_ARGS)
{
	const Identity *identity = IdentityGet();
	const char *tenant_role;
	Datum	   *names;
	bool	   *nulls;
	int			count;

	QueryDecides(fcinfo, identity);
	if (identity == NULL || PG_ARGISNULL(0))
		PG_RETURN_BOOL(false);
	deconstruct_array(PG_GETARG_ARRAYTYPE_P(0), TEXTOID, -1, false, TYPALIGN_INT,
					  &names, &nulls, &count);
	tenant_role = IdentityTenantRole(identity);
	if (IsOneOf(tenant_role, names, nulls, count) && strcmp(tenant_role, PLATFORM_ROLE) != 0)
	{
		const Role *role = RoleFind(IdentityTenantId(identity), tenant_role);

		if (!role->exists || role->of_members)
			PG_RETURN_BOOL(true);
	}
	if (CallerIsPlatform(identity))
		PG_RETURN_BOOL(IsOneOf(PLATFORM_ROLE, names, nulls, count) ||
					   IsOneOf(NameOfKind("platform"), names, nulls, count));
	PG_RETURN_BOOL(tenant_role == NULL && IsOneOf(NameOfKind("user"), names, nulls, count));
}
