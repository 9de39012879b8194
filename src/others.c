/*
 * src/others.c: functions of others that run because of a statement of ours.
 *
 * Depends on writes.c, ours.c and the function manager's hooks.  Each function that is
 * neither the server's nor the extension's and is called within a frame runs in a
 * security-restricted operation, so that it can take no other role and leaves no
 * code behind for the end of the transaction, and no setting.  A SECURITY DEFINER
 * function has the rights of its owner; any other has
 *
 *   - as the trigger of an application's table, those of the owner of the table;
 *   - where the statement of a foreign key runs, those of that statement, which are
 *     the same;
 *   - else, as the trigger of a table of ours or in a deferred check, none.
 *
 * Never those of the extension, and those of a superuser only if a superuser owns
 * the function.
 *
 * An error of a trigger says which it is, whose, and how to go on without it.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/transam.h"
#include "access/xact.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "commands/trigger.h"
#include "miscadmin.h"
#include "nodes/pg_list.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/syscache.h"

#include "ours.h"
#include "writes.h"

#define POWERLESS_ROLE "anon"
#define OUR_ROLE "auth_owner"

/* A trigger by its names. */
typedef struct TriggerName
{
	NameData	schema;
	NameData	table;
	NameData	trigger;
	NameData	owner;
} TriggerName;

/* What belongs to a function as long as the statement that calls it knows it. */
typedef struct Visit
{
	bool		known;
	bool		is_definer;
	bool		is_trigger;		/* and "name" is its name */
	Oid			user;			/* whom it runs as, unless it is SECURITY DEFINER */
	TriggerName name;

	/* from its start to its end */
	bool		active;
	WriteFrame *frame;
	WriteFrame	former_frame;
	Oid			former_user;
	int			former_context;

	Datum		next;			/* of the hook behind this one */
} Visit;

static needs_fmgr_hook_type previous_needs = NULL;
static fmgr_hook_type previous_hook = NULL;

/* Whether a function runs by our rules. */
static bool
IsOfOthers(Oid function)
{
	if (write_frame == NULL || function < FirstNormalObjectId || IsOurFunction(function))
		return false;
	return write_frame->phase != WRITING || get_func_rettype(function) == TRIGGEROID;
}

static bool
NeedsHook(Oid function)
{
	return (previous_needs != NULL && previous_needs(function)) || IsOfOthers(function);
}

/* In one list of a statement's tables, the trigger that is called through this. */
static const Trigger *
FindIn(List *targets, const FmgrInfo *function, Relation *relation)
{
	ListCell   *cell;

	foreach(cell, targets)
	{
		ResultRelInfo *target = lfirst(cell);

		for (int i = 0; target->ri_TrigDesc != NULL && i < target->ri_TrigDesc->numtriggers; i++)
		{
			/*
			 * what the function manager keeps of a function begins with the look-up of
			 * that function
			 */
			if (target->ri_TrigFunctions[i].fn_extra == (const void *) function)
			{
				*relation = target->ri_RelationDesc;
				return &target->ri_TrigDesc->triggers[i];
			}
		}
	}
	return NULL;
}

static const Trigger *
FindTrigger(const FmgrInfo *function, Relation *relation)
{
	EState	   *estate = write_frame->estate;
	const		Trigger *trigger;

	if (estate == NULL)
		return NULL;
	trigger = FindIn(estate->es_opened_result_relations, function, relation);
	if (trigger == NULL)
		trigger = FindIn(estate->es_tuple_routing_result_relations, function, relation);
	if (trigger == NULL)
		trigger = FindIn(estate->es_trig_target_relations, function, relation);
	return trigger;
}

static void
NameOf(NameData *name, char *text)
{
	namestrcpy(name, text != NULL ? text : "");
}

/* Whose rights a function has that is not SECURITY DEFINER. */
static Oid
ChooseUser(Oid relation, Oid relation_owner, Oid function_owner)
{
	Oid			nobody = get_role_oid(POWERLESS_ROLE, false);
	Oid			user = nobody;

	if (write_frame->phase == FOLLOWING)
		user = GetUserId();
	else if (OidIsValid(relation) && !IsOurTable(relation))
		user = relation_owner;
	if (user == get_role_oid(OUR_ROLE, true) || (superuser_arg(user) && !superuser_arg(function_owner)))
		user = nobody;
	return user;
}

/* Find out what is to be known of a function before it is called for the first time. */
static void
Know(Visit *visit, const FmgrInfo *function)
{
	HeapTuple	tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(function->fn_oid));
	Relation	relation = NULL;
	const		Trigger *trigger;
	Oid			owner;

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for function %u", function->fn_oid);
	visit->is_definer = ((Form_pg_proc) GETSTRUCT(tuple))->prosecdef;
	owner = ((Form_pg_proc) GETSTRUCT(tuple))->proowner;
	ReleaseSysCache(tuple);

	trigger = FindTrigger(function, &relation);
	if (trigger != NULL)
	{
		NameOf(&visit->name.schema, get_namespace_name(RelationGetNamespace(relation)));
		NameOf(&visit->name.table, RelationGetRelationName(relation));
		NameOf(&visit->name.trigger, trigger->tgname);
		NameOf(&visit->name.owner, GetUserNameFromId(relation->rd_rel->relowner, true));
		visit->is_trigger = true;
		visit->user = ChooseUser(RelationGetRelid(relation), relation->rd_rel->relowner, owner);
	}
	else
		visit->user = ChooseUser(InvalidOid, InvalidOid, owner);
	visit->known = true;
}

static void
Start(Visit *visit, const FmgrInfo *function)
{
	if (!IsOfOthers(function->fn_oid))
		return;
	if (!visit->known)
		Know(visit, function);
	visit->frame = write_frame;
	visit->former_frame = *write_frame;
	GetUserIdAndSecContext(&visit->former_user, &visit->former_context);
	SetUserIdAndSecContext(visit->is_definer ? visit->former_user : visit->user,
						   visit->former_context | SECURITY_LOCAL_USERID_CHANGE | SECURITY_RESTRICTED_OPERATION);
	write_frame = NULL;
	others_running++;
	visit->active = true;
}

static void
Leave(Visit *visit)
{
	visit->active = false;
	write_frame = visit->frame;
	/* that of a statement without hooks is one for all */
	*write_frame = visit->former_frame;
	others_running--;
}

/* What a function has set is not to outlive it, nor what it has called. */
static void
UndoSettings(void)
{
	if (write_frame->settings == 0)
		return;
	AtEOXact_GUC(false, write_frame->settings);
	write_frame->settings = NewGUCNestLevel();
}

/* Errors that say nothing of a trigger, but that the statement may be tried again or has to end. */
static bool
IsPassing(int code)
{
	int			class = ERRCODE_TO_CATEGORY(code);

	return class == ERRCODE_TRANSACTION_ROLLBACK || class == ERRCODE_OPERATOR_INTERVENTION
		|| class == ERRCODE_INSUFFICIENT_RESOURCES || code == ERRCODE_LOCK_NOT_AVAILABLE;
}

/* A sentence after what was said before. */
static char *
AddSentence(const char *before, const char *sentence)
{
	return before == NULL || *before == '\0' ? pstrdup(sentence) : psprintf("%s\n%s", before, sentence);
}

/* Raise the error again that is on its way, with the name of the trigger. */
static void
TellWhich(const TriggerName *name)
{
	MemoryContext former = MemoryContextSwitchTo(CurTransactionContext);
	ErrorData  *error = CopyErrorData();
	const char *table = quote_qualified_identifier(NameStr(name->schema), NameStr(name->table));
	const char *trigger = quote_identifier(NameStr(name->trigger));

	if (IsPassing(error->sqlerrcode))
	{
		MemoryContextSwitchTo(former);
		return;
	}
	FlushErrorState();
	error->detail = AddSentence(error->detail, psprintf("This is an error of trigger %s of table %s, which belongs to %s.",
														trigger, table, quote_identifier(NameStr(name->owner))));
	error->hint = AddSentence(error->hint, psprintf("To go on without the trigger, a superuser can run: ALTER TABLE %s DISABLE TRIGGER %s;",
													table, trigger));
	error->schema_name = pstrdup(NameStr(name->schema));
	error->table_name = pstrdup(NameStr(name->table));
	error->constraint_name = pstrdup(NameStr(name->trigger));
	ReThrowError(error);
}

static Visit *
VisitOf(Datum *private, MemoryContext context)
{
	Visit	   *visit = (Visit *) DatumGetPointer(*private);

	if (visit == NULL)
	{
		visit = MemoryContextAllocZero(context, sizeof(*visit));
		*private = PointerGetDatum(visit);
	}
	return visit;
}

/* The server calls this for every SECURITY DEFINER function, too. */
static void
OnFunction(FmgrHookEventType event, FmgrInfo *function, Datum *private)
{
	Visit	   *visit;

	if (*private == (Datum) 0 && write_frame == NULL && previous_hook == NULL)
		return;
	visit = VisitOf(private, function->fn_mcxt);
	switch (event)
	{
		case FHET_START:
			if (previous_hook != NULL)
				previous_hook(event, function, &visit->next);
			Start(visit, function);
			break;
		case FHET_END:
			if (visit->active)
			{
				Leave(visit);
				UndoSettings();
				/* after a SECURITY DEFINER function the server has done this */
				if (!visit->is_definer)
					SetUserIdAndSecContext(visit->former_user, visit->former_context);
			}
			if (previous_hook != NULL)
				previous_hook(event, function, &visit->next);
			break;
		case FHET_ABORT:
			if (previous_hook != NULL)
				previous_hook(event, function, &visit->next);
			if (visit->active)
			{
				/* the abort of the (sub)transaction restores the user */
				Leave(visit);
				if (visit->is_trigger)
					TellWhich(&visit->name);
			}
			break;
	}
}

void
OthersInit(void)
{
	previous_needs = needs_fmgr_hook;
	needs_fmgr_hook = NeedsHook;
	previous_hook = fmgr_hook;
	fmgr_hook = OnFunction;
}
