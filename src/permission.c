/*
 * src/permission.c: what the caller may do, and on which rows.
 *
 * Depends on callerrole.c and rolecache.c.  Policies ask once per query, in an
 * InitPlan; what is not known to be allowed is not.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_type_d.h"
#include "commands/trigger.h"
#include "miscadmin.h"
#include "nodes/value.h"
#include "parser/parse_func.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/rel.h"
#include "utils/uuid.h"

#include "announce.h"
#include "callerrole.h"
#include "compat.h"
#include "identity.h"
#include "queryidentity.h"
#include "rolecache.h"
#include "settings.h"

SQL_FUNCTION(intrex_auth_scope);
SQL_FUNCTION(intrex_auth_scope_id);
SQL_FUNCTION(intrex_auth_scope_ids);
SQL_FUNCTION(intrex_auth_can);
SQL_FUNCTION(intrex_auth_columns_guard);
SQL_FUNCTION(intrex_auth_permissions_changed);
SQL_FUNCTION(intrex_auth_clear_all_caches);

/* Raise that there is no such resource or action. */
static void
DemandKnown(const char *resource, const char *action)
{
	bool		resource_known;

	if (ActionKnown(resource, action, &resource_known))
		return;
	if (!resource_known)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("there is no resource \"%s\"", NameForMessage(resource)),
				 errhint("auth.resources lists them; auth.resource_create() adds one.")));
	ereport(ERROR,
			(errcode(ERRCODE_UNDEFINED_OBJECT),
			 errmsg("there is no action \"%s\" on resource \"%s\"", NameForMessage(action), resource),
			 errhint("auth.resources lists the actions of each resource.")));
}

/* Does a permission on one action speak about another? */
static bool
Implies(const char *granted, const char *wanted)
{
	if (strcmp(granted, wanted) == 0 || strcmp(granted, "admin") == 0)
		return true;
	return strcmp(granted, "write") == 0 &&
		(strcmp(wanted, "create") == 0 || strcmp(wanted, "update") == 0);
}

/* A list of strings as text[]. */
static Datum
TextArray(const List *list)
{
	Datum	   *elements = palloc(sizeof(Datum) * Max(list_length(list), 1));
	ListCell   *cell;
	int			count = 0;

	foreach(cell, list)
		elements[count++] = CStringGetTextDatum(lfirst(cell));
	return PointerGetDatum(construct_array(elements, count, TEXTOID, -1, false, TYPALIGN_INT));
}

/* Do the conditions of a permission, text[], hold for the caller? */
static bool
ConditionsHold(Datum conditions)
{
	static const Oid argument_types[1] = {TEXTARRAYOID};
	List	   *name = list_make2(makeString("auth"), makeString("_conditions_hold"));

	return DatumGetBool(OidFunctionCall1(LookupFuncName(name, 1, argument_types, false), conditions));
}

/* What was decided about an action. */
typedef struct Decision
{
	Scope		scope;			/* SCOPE_NONE: not allowed */
	Datum		columns;		/* text[] of those that may be updated; 0: all */
} Decision;

/* A permission whose conditions are still to be asked. */
typedef struct Pending
{
	Decision	decision;
	Datum		conditions;
} Pending;

/*
 * Decide about an action of a role: an explicit denial before all, then the
 * widest scope whose conditions hold.
 */
static Decision
DecideByRole(const Role *role, const char *resource, const char *action)
{
	Decision	best = {SCOPE_NONE, (Datum) 0};
	Pending    *pending = NULL;
	int			count = 0;

	for (int i = 0; i < role->count; i++)
	{
		const Permission *permission = &role->permissions[i];
		Decision	decision = {permission->scope, (Datum) 0};

		if (strcmp(permission->resource, resource) != 0 || !Implies(permission->action, action))
			continue;
		if (permission->scope == SCOPE_NONE)
		{
			/* who may not administer may still read */
			if (strcmp(permission->action, "admin") == 0 && strcmp(action, "admin") != 0)
				continue;
			best.scope = SCOPE_NONE;
			return best;
		}
		if (!permission->all_columns)
			decision.columns = TextArray(permission->columns);
		if (permission->conditions == NIL)
		{
			if (decision.scope > best.scope)
				best = decision;
			continue;
		}
		/* copied, since asking runs SQL, and what we remember may go meanwhile */
		if (pending == NULL)
			pending = palloc(sizeof(Pending) * role->count);
		pending[count].decision = decision;
		pending[count++].conditions = TextArray(permission->conditions);
	}
	for (int i = 0; i < count; i++)
	{
		if (pending[i].decision.scope > best.scope && ConditionsHold(pending[i].conditions))
			best = pending[i].decision;
	}
	return best;
}

/* Decide about an action of the caller, for the query that calls a function. */
static Decision
Decide(FunctionCallInfo fcinfo, const char *resource, const char *action)
{
	Decision	none = {SCOPE_NONE, (Datum) 0};
	Decision	all = {SCOPE_PLATFORM, (Datum) 0};
	const Identity *identity = IdentityGet();
	const Role *role;

	DemandKnown(resource, action);
	QueryDecides(fcinfo, identity);
	if (identity == NULL)
		return none;
	if (CallerIsPlatform(identity))
		return all;
	role = CallerRole(identity);
	return role != NULL ? DecideByRole(role, resource, action) : none;
}

/* SQL function: auth.scope(resource text, action text) returns text */
Datum
intrex_auth_scope(PG_FUNCTION_ARGS)
{
	Decision	decision = Decide(fcinfo, text_to_cstring(PG_GETARG_TEXT_PP(0)),
								  text_to_cstring(PG_GETARG_TEXT_PP(1)));

	if (decision.scope == SCOPE_NONE)
		PG_RETURN_NULL();
	PG_RETURN_TEXT_P(cstring_to_text(scope_names[decision.scope]));
}

/*
 * SQL function: auth.scope_id(resource text, action text, scope text) returns uuid
 *
 * What the column of a scope is compared with, so that one comparison is both the
 * permission and the row: the tenant, or for assigned and own the user, if it is
 * the caller's scope; else NULL, which equals nothing.
 */
Datum
intrex_auth_scope_id(PG_FUNCTION_ARGS)
{
	const char *wanted = text_to_cstring(PG_GETARG_TEXT_PP(2));
	Decision	decision = Decide(fcinfo, text_to_cstring(PG_GETARG_TEXT_PP(0)),
								  text_to_cstring(PG_GETARG_TEXT_PP(1)));
	const Identity *identity;
	const pg_uuid_t *id;

	if (strcmp(wanted, scope_names[SCOPE_TENANT]) != 0 &&
		strcmp(wanted, scope_names[SCOPE_ASSIGNED]) != 0 &&
		strcmp(wanted, scope_names[SCOPE_OWN]) != 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("rows of this scope have no id in common"),
				 errhint("Scopes are tenant, assigned and own.")));
	if (decision.scope == SCOPE_NONE || strcmp(scope_names[decision.scope], wanted) != 0)
		PG_RETURN_NULL();
	/* asked anew, since conditions run SQL */
	identity = IdentityGet();
	if (identity == NULL)
		PG_RETURN_NULL();
	id = decision.scope == SCOPE_TENANT ? IdentityTenantId(identity) : IdentityUserId(identity);
	if (id == NULL)
		PG_RETURN_NULL();
	return UUIDPGetDatum(memcpy(palloc(sizeof(*id)), id, sizeof(*id)));
}

/* SQL function: auth.can(resource text, action text) returns boolean */
Datum
intrex_auth_can(PG_FUNCTION_ARGS)
{
	Decision	decision = Decide(fcinfo, text_to_cstring(PG_GETARG_TEXT_PP(0)),
								  text_to_cstring(PG_GETARG_TEXT_PP(1)));

	PG_RETURN_BOOL(decision.scope != SCOPE_NONE);
}

/*
 * SQL function: auth.scope_ids(resource text, action text, scope text) returns uuid[]
 *
 * As auth.scope_id(), for the scopes whose rows bear one of several ids.
 */
Datum
intrex_auth_scope_ids(PG_FUNCTION_ARGS)
{
	const char *wanted = text_to_cstring(PG_GETARG_TEXT_PP(2));
	Decision	decision = Decide(fcinfo, text_to_cstring(PG_GETARG_TEXT_PP(0)),
								  text_to_cstring(PG_GETARG_TEXT_PP(1)));
	const char *answer;

	if (strcmp(wanted, scope_names[SCOPE_UNIT]) == 0)
		answer = "unit_ids";
	else if (strcmp(wanted, scope_names[SCOPE_ASSIGNED]) == 0)
		answer = "_assigned_ids";
	else
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("rows of this scope do not bear one of several ids"),
				 errhint("Scopes are unit and assigned.")));
	if (decision.scope == SCOPE_NONE || strcmp(scope_names[decision.scope], wanted) != 0)
		PG_RETURN_NULL();
	return OidFunctionCall0(LookupFuncName(list_make2(makeString("auth"), makeString(pstrdup(answer))),
										   -1, NULL, false));
}

/* SQL function: auth._permissions_changed() returns trigger */
Datum
intrex_auth_permissions_changed(PG_FUNCTION_ARGS)
{
	if (!CALLED_AS_TRIGGER(fcinfo))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("auth._permissions_changed() is a trigger function")));
	AnnounceChange(CHANGE_OF_PERMISSIONS);
	PG_RETURN_POINTER(NULL);
}

/* SQL function: auth.clear_all_caches() returns void */
Datum
intrex_auth_clear_all_caches(PG_FUNCTION_ARGS)
{
	AnnounceChange(CHANGE_OF_IDENTITY);
	AnnounceChange(CHANGE_OF_PERMISSIONS);
	PG_RETURN_VOID();
}

/* Is a column named in text[]? */
static bool
IsNamed(Datum columns, const char *name)
{
	Datum	   *elements;
	int			count;
	bool		named = false;

	deconstruct_array(DatumGetArrayTypeP(columns), TEXTOID, -1, false, TYPALIGN_INT,
					  &elements, NULL, &count);
	for (int i = 0; i < count && !named; i++)
		named = strcmp(TextDatumGetCString(elements[i]), name) == 0;
	return named;
}

/* The action that an UPDATE of a resource is, as in auth._protect_action(); NULL: none is. */
static const char *
UpdateAction(const char *resource)
{
	static const char *const actions[] = {"update", "write", "admin"};
	bool		ignored;

	for (size_t i = 0; i < lengthof(actions); i++)
	{
		if (ActionKnown(resource, actions[i], &ignored))
			return actions[i];
	}
	return NULL;
}

/*
 * SQL function: auth.columns_guard() returns trigger, arguments: the resource,
 * and the id in auth.protected_tables, by which a renamed table is found
 *
 * BEFORE UPDATE FOR EACH ROW: who may update some columns only changes no other.
 */
Datum
intrex_auth_columns_guard(PG_FUNCTION_ARGS)
{
	TriggerData *trigger = (TriggerData *) fcinfo->context;
	const char *action;
	TupleDesc	row_type;
	Decision	decision;

	if (!CALLED_AS_TRIGGER(fcinfo) || !TRIGGER_FIRED_BY_UPDATE(trigger->tg_event) ||
		!TRIGGER_FIRED_FOR_ROW(trigger->tg_event) || !TRIGGER_FIRED_BEFORE(trigger->tg_event) ||
		trigger->tg_trigger->tgnargs != 2)
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("auth.columns_guard() is a trigger function of auth.protect()")));

	/*
	 * a foreign key, or the erasure of a user, acts for the owner of the table, and row
	 * security lets it, too
	 */
	if (InNoForceRLSOperation())
		PG_RETURN_POINTER(trigger->tg_newtuple);
	/* maintenance without a token is the business of privileges and policies */
	QueryDecides(fcinfo, IdentityGet());
	if (IdentityGet() == NULL)
		PG_RETURN_POINTER(trigger->tg_newtuple);
	action = UpdateAction(trigger->tg_trigger->tgargs[0]);
	if (action == NULL)
		PG_RETURN_POINTER(trigger->tg_newtuple);
	decision = Decide(fcinfo, trigger->tg_trigger->tgargs[0], action);
	if (decision.columns == (Datum) 0)
		PG_RETURN_POINTER(trigger->tg_newtuple);

	row_type = RelationGetDescr(trigger->tg_relation);
	for (int i = 1; i <= row_type->natts; i++)
	{
		Form_pg_attribute attribute = TupleDescAttr(row_type, i - 1);
		bool		was_null;
		bool		is_null;
		Datum		before;
		Datum		after;

		/* generated columns follow others and are computed later */
		if (attribute->attisdropped || attribute->attgenerated != '\0')
			continue;
		before = heap_getattr(trigger->tg_trigtuple, i, row_type, &was_null);
		after = heap_getattr(trigger->tg_newtuple, i, row_type, &is_null);
		if (was_null == is_null &&
			(is_null || datum_image_eq(before, after, attribute->attbyval, attribute->attlen)))
			continue;
		if (!IsNamed(decision.columns, NameStr(attribute->attname)))
			ereport(ERROR,
					(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
					 errmsg("permission denied to change column \"%s\" of table \"%s\"",
							NameStr(attribute->attname),
							RelationGetRelationName(trigger->tg_relation)),
					 errhint("The role may change other columns only; see auth.explain_access().")));
	}
	PG_RETURN_POINTER(trigger->tg_newtuple);
}
