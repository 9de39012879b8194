/*
 * src/errorguard.c: keeps our statements and functions out of the errors that leave them.
 *
 * Depends on fmgr's hook, which sees every call of a function that is SECURITY
 * DEFINER or has settings of its own, as all of ours that run statements, and, by
 * others.c, of the functions of others that run because of those statements.
 *
 * An error carries the lines of everything that was running: our INSERT, our
 * functions, where in them; in DETAIL it may carry a row of ours, in QUERY a
 * statement.  When it leaves one of our functions, what that function added goes,
 * and what is left is for people who can do something about it: message, code and
 * hint, the lines of the callers, and those of an application's trigger, if the
 * error comes from there.  An error that stays within is nobody's business.
 *
 * The hook runs where fmgr has caught the error already.  So it costs a call that
 * succeeds nothing, needs no subtransaction, and cleans what the client gets, the
 * log, and what an exception block of a caller can ask for alike.
 */
#include "postgres.h"

#include "common/hashfn.h"
#include "fmgr.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"

#include "errorguard.h"

static fmgr_hook_type previous_hook = NULL;

/* The lines with which the latest error left a function that is not ours. */
static size_t foreign_length = 0;
static uint64 foreign_hash;

/* Is a function ours?  It is running, so that its row is in the cache. */
static bool
IsOurs(Oid function)
{
	char	   *schema = get_namespace_name(get_func_namespace(function));

	return schema != NULL && (strcmp(schema, "auth") == 0 || strcmp(schema, "auth_api") == 0);
}

/* How much of a context was added within a call, before the lines of its callers? */
static size_t
LengthWithin(const char *context, const char *callers)
{
	size_t		length = context == NULL ? 0 : strlen(context);
	size_t		outside = callers == NULL ? 0 : strlen(callers);

	if (outside == 0)
		return length;
	if (length <= outside || context[length - outside - 1] != '\n' ||
		strcmp(context + length - outside, callers) != 0)
		return 0;
	return length - outside - 1;
}

/* Hash of the first lines of a context. */
static uint64
LinesHash(const char *context, size_t length)
{
	return hash_bytes_extended((const unsigned char *) context, (int) length, 0);
}

/* Does a context begin with the lines of a function that is not ours? */
static bool
BeginsForeign(const char *context)
{
	return context != NULL && foreign_length > 0 && strlen(context) >= foreign_length &&
		(context[foreign_length] == '\n' || context[foreign_length] == '\0') &&
		LinesHash(context, foreign_length) == foreign_hash;
}

/* Does DETAIL show values of a row, which violates a constraint of its table? */
static bool
ShowsRow(const ErrorData *error)
{
	return ERRCODE_TO_CATEGORY(error->sqlerrcode) == ERRCODE_INTEGRITY_CONSTRAINT_VIOLATION &&
		error->table_name != NULL;
}

/* Take what a function of ours has added out of an error. */
static void
CleanError(ErrorData *error, const char *callers)
{
	if (ShowsRow(error))
	{
		error->detail = NULL;
		error->detail_log = NULL;
	}
	if (BeginsForeign(error->context))
	{
		error->context[foreign_length] = '\0';
		if (callers != NULL)
			error->context = psprintf("%s\n%s", error->context, callers);
		return;
	}
	error->context = callers == NULL ? NULL : pstrdup(callers);
	error->internalquery = NULL;
	error->internalpos = 0;
}

/* An error leaves a function. */
static void
LeaveByError(Oid function)
{
	MemoryContext before = MemoryContextSwitchTo(CurTransactionContext);
	ErrorData  *error = CopyErrorData();
	char	   *callers = GetErrorContextStack();

	if (IsOurs(function))
	{
		CleanError(error, callers);
		FlushErrorState();
		ReThrowError(error);
	}
	foreign_length = LengthWithin(error->context, callers);
	if (foreign_length > 0)
		foreign_hash = LinesHash(error->context, foreign_length);
	FreeErrorData(error);
	MemoryContextSwitchTo(before);
}

/* The hook: called before and after each such function, and when an error leaves it. */
static void
GuardCall(FmgrHookEventType event, FmgrInfo *function, Datum *private)
{
	if (previous_hook != NULL)
		previous_hook(event, function, private);
	if (event == FHET_ABORT)
		LeaveByError(function->fn_oid);
}

/*
 * Nothing is unwound when the backend ends, so that the lines cannot be told
 * apart: none of them is shown if one names ours.
 */
void
ErrorGuardFatal(ErrorData *error)
{
	if (error->context != NULL &&
		(strstr(error->context, "auth.") != NULL || strstr(error->context, "auth_api.") != NULL))
		error->context = NULL;
}

/* Install the hook. */
void
ErrorGuardInit(void)
{
	previous_hook = fmgr_hook;
	fmgr_hook = GuardCall;
}
