/*
 * src/hookcall.c: running the claims hook: as whom, for how long, and what its errors become.
 *
 * Depends on settings.c and timeout.c.
 *
 * The hook runs as auth_hook with search_path = pg_catalog, pg_temp, whatever the
 * user who asks has set, and what it sets itself ends with it.  auth_hook owns
 * nothing and may do what was granted to it: the hook reads tables of the application,
 * and so code of their owners (predicates of indexes, policies) runs as whom the hook
 * runs.  It is a security-restricted operation, which can neither take another role
 * nor leave anything behind.  For the same reason a hook that is SECURITY DEFINER
 * needs a setting.
 *
 * The function must belong to auth_owner or a superuser: anybody else who came to put
 * a function of that name into its schema would decide who is let in.  auth_hook must
 * not own it either, or code that the hook runs could replace it.
 */
#include "postgres.h"

#include <signal.h>

#include "access/htup_details.h"
#include "access/xact.h"
#include "catalog/namespace.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "storage/latch.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/guc.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"
#include "utils/timeout.h"
#include "utils/timestamp.h"
#include "utils/varlena.h"

#include "claimshook.h"
#include "compat.h"
#include "hookcall.h"

#define HOOK_ROLE "auth_hook"
#define OWNER_ROLE "auth_owner"

/* A cancellation that the hook swallows is sent again; at last the backend ends. */
#define REPEAT_MS 100
#define REPEATS_MAX 100

static bool running = false;

static TimeoutId timeout_id;
static bool timeout_registered = false;
static volatile sig_atomic_t timeouts = 0;

/* Is it running? */
bool
ClaimsHookIsRunning(void)
{
	return running;
}

/* Its time is over: what a client's cancellation does, told apart by the count. */
static void
OnTimeout(void)
{
	timeouts++;
	InterruptPending = true;
	if (timeouts < REPEATS_MAX)
		QueryCancelPending = true;
	else
		ProcDiePending = true;
	SetLatch(MyLatch);
}

/* Begin to count the time; it has nothing to do with statement_timeout. */
static void
StartClock(void)
{
	if (!timeout_registered)
	{
		timeout_id = RegisterTimeout(USER_TIMEOUT, OnTimeout);
		timeout_registered = true;
	}
	timeouts = 0;
	enable_timeout_every(timeout_id,
						 TimestampTzPlusMilliseconds(GetCurrentTimestamp(), setting_claims_hook_timeout),
						 REPEAT_MS);
}

/* Stop counting; true when the time was over.  A cancellation of ours must not outlive it. */
static bool
StopClock(void)
{
	disable_timeout(timeout_id, false);
	if (timeouts == 0)
		return false;
	QueryCancelPending = false;
	return true;
}

/* The hook cannot be called. */
static _Noreturn void
RefuseHook(int sqlstate, const char *detail, const char *hint)
{
	ereport(ERROR,
			(errcode(sqlstate),
			 errmsg("claims hook \"%s\" cannot be called", setting_claims_hook),
			 errdetail("%s", detail),
			 errhint("%s", hint)));
}

/* Find the function that the setting names, in that schema alone. */
static HeapTuple
FindFunction(void)
{
	List	   *names;
	Oid			types[] = {JSONBOID};
	Oid			namespace;
	HeapTuple	function = NULL;

	if (!SplitIdentifierString(pstrdup(setting_claims_hook), '.', &names) || list_length(names) != 2)
		RefuseHook(ERRCODE_INVALID_NAME, "It is not the name of a function with its schema.",
				   "Set intrex_auth.claims_hook to schema.function.");
	namespace = get_namespace_oid(linitial(names), true);
	if (OidIsValid(namespace))
		function = SearchSysCache3(PROCNAMEARGSNSP, PointerGetDatum(lsecond(names)),
								   PointerGetDatum(buildoidvector(types, lengthof(types))),
								   ObjectIdGetDatum(namespace));
	if (!HeapTupleIsValid(function))
		RefuseHook(ERRCODE_UNDEFINED_FUNCTION, "There is no such function with one argument of type jsonb.",
				   "Create it, or RESET intrex_auth.claims_hook.");
	return function;
}

/* The role that the hook runs as. */
static Oid
FindRole(void)
{
	Oid			role = get_role_oid(HOOK_ROLE, true);

	if (!OidIsValid(role))
		RefuseHook(ERRCODE_UNDEFINED_OBJECT, "There is no role auth_hook.",
				   "CREATE EXTENSION intrex_auth makes it; so does CREATE ROLE auth_hook NOLOGIN NOINHERIT.");
	/* with its rights, code of the owners of tables could do anything */
	if (superuser_arg(role) || is_member_of_role(role, get_role_oid(OWNER_ROLE, false)))
		RefuseHook(ERRCODE_INSUFFICIENT_PRIVILEGE, "auth_hook is a superuser, or a member of auth_owner.",
				   "ALTER ROLE auth_hook NOSUPERUSER, and revoke what was granted to it.");
	return role;
}

/* The hook, if the role may call it and it is to be trusted. */
static Oid
FindHook(Oid role)
{
	HeapTuple	tuple = FindFunction();
	Form_pg_proc form = (Form_pg_proc) GETSTRUCT(tuple);
	Oid			function = form->oid;
	Oid			owner = form->proowner;
	bool		is_definer = form->prosecdef;
	bool		fits = form->prorettype == JSONBOID && !form->proretset && form->prokind == PROKIND_FUNCTION;

	ReleaseSysCache(tuple);
	if (!fits)
		RefuseHook(ERRCODE_WRONG_OBJECT_TYPE, "It does not return one jsonb.",
				   "It must be a function (jsonb) RETURNS jsonb.");
	if (owner != get_role_oid(OWNER_ROLE, false) && !superuser_arg(owner))
		RefuseHook(ERRCODE_INSUFFICIENT_PRIVILEGE, "It belongs neither to auth_owner nor to a superuser.",
				   "ALTER FUNCTION ... OWNER TO auth_owner, if its code is to be trusted.");
	if (is_definer && !setting_claims_hook_definer)
		RefuseHook(ERRCODE_INSUFFICIENT_PRIVILEGE,
				   "It is SECURITY DEFINER, so code of the owners of the tables that it reads would run with the rights of its owner.",
				   "ALTER FUNCTION ... SECURITY INVOKER, and grant to auth_hook what it reads; or turn on intrex_auth.claims_hook_definer.");
	if (!DatumGetBool(DirectFunctionCall3(has_function_privilege_id_id, ObjectIdGetDatum(role),
										  ObjectIdGetDatum(function), CStringGetTextDatum("EXECUTE"))))
		RefuseHook(ERRCODE_INSUFFICIENT_PRIVILEGE, "auth_hook may not execute it.",
				   "GRANT EXECUTE ON FUNCTION ... TO auth_hook.");
	return function;
}

/* Run it, with the role and the settings in force. */
static Jsonb *
Invoke(Oid function, Jsonb *event)
{
	FmgrInfo	info;
	Datum		answer;
	bool		pushed = false;

	LOCAL_FCINFO(call, 1);

	if (!ActiveSnapshotSet())
	{
		PushActiveSnapshot(GetTransactionSnapshot());
		pushed = true;
	}
	fmgr_info(function, &info);
	InitFunctionCallInfoData(*call, &info, 1, InvalidOid, NULL, NULL);
	call->args[0].value = JsonbPGetDatum(event);
	call->args[0].isnull = false;
	answer = FunctionCallInvoke(call);
	if (pushed)
		PopActiveSnapshot();
	return call->isnull ? NULL : DatumGetJsonbPCopy(answer);
}

/* Its time was over. */
static _Noreturn void
RaiseTimeout(void)
{
	ereport(ERROR,
			(errcode(ERRCODE_QUERY_CANCELED),
			 errmsg("claims hook \"%s\" took too long", setting_claims_hook),
			 errdetail("It was cancelled after %d ms.", setting_claims_hook_timeout),
			 errhint("intrex_auth.claims_hook_timeout is how long it may take.")));
}

/*
 * Raise an error of the hook anew.  Its text stays out: the hook was given claims,
 * and whoever reads the client's or the server's log is not meant to.
 */
static _Noreturn void
RaiseFailure(ErrorData *error)
{
	int			sqlstate = ERRCODE_EXTERNAL_ROUTINE_EXCEPTION;

	/* to be tried again, and so not to be hidden */
	if (ERRCODE_TO_CATEGORY(error->sqlerrcode) == ERRCODE_TRANSACTION_ROLLBACK)
		sqlstate = error->sqlerrcode;
	ereport(ERROR,
			(errcode(sqlstate),
			 errmsg("claims hook \"%s\" failed", setting_claims_hook),
			 errdetail("It raised SQLSTATE %s.", unpack_sql_state(error->sqlerrcode)),
			 errhint("Call the function by hand to see its error.")));
}

/*
 * The same for whatever was raised while it ran.  A cancellation by the client or
 * by statement_timeout stays what it is; the same SQLSTATE raised by the hook itself
 * is an error like the others, with claims in its text.
 */
static _Noreturn void
RaiseError(ErrorData *error, bool too_late)
{
	if (error->sqlerrcode != ERRCODE_QUERY_CANCELED)
		RaiseFailure(error);
	if (too_late)
		RaiseTimeout();
	if (error->funcname == NULL || strcmp(error->funcname, "ProcessInterrupts") != 0)
		RaiseFailure(error);
	ReThrowError(error);
}

/* Call the hook. */
Jsonb *
HookCall(Jsonb *event)
{
	MemoryContext context = CurrentMemoryContext;
	Jsonb	   *volatile answer = NULL;
	Oid			role;
	Oid			function;
	Oid			caller;
	int			security;
	int			nest;
	bool		too_late;

	if (running)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("claims hook \"%s\" must not issue or verify tokens", setting_claims_hook)));
	role = FindRole();
	function = FindHook(role);
	GetUserIdAndSecContext(&caller, &security);
	nest = NewGUCNestLevel();
	running = true;
	PG_TRY();
	{
		SetUserIdAndSecContext(role, security | SECURITY_LOCAL_USERID_CHANGE | SECURITY_RESTRICTED_OPERATION);
		(void) set_config_option("search_path", "pg_catalog, pg_temp", PGC_USERSET, PGC_S_SESSION,
								 GUC_ACTION_SAVE, true, 0, false);
		StartClock();
		answer = Invoke(function, event);
		too_late = StopClock();
	}
	PG_CATCH();
	{
		ErrorData  *error;

		too_late = StopClock();
		running = false;
		MemoryContextSwitchTo(context);
		error = CopyErrorData();
		FlushErrorState();
		/* role and settings are put back by the end of the (sub)transaction */
		RaiseError(error, too_late);
	}
	PG_END_TRY();
	running = false;
	AtEOXact_GUC(false, nest);
	SetUserIdAndSecContext(caller, security);
	if (too_late)
		RaiseTimeout();
	return answer;
}
