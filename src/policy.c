/*
 * src/policy.c: SQL functions for which passwords are accepted.
 *
 * Depends on blocklist, similar, passtext and core/leaked.  The rules are those
 * of NIST SP 800-63B: a length, lists of what is common, leaked or expected of
 * the user, and no rule of composition.  The files are made ready before the
 * password is looked at, so that no error leaves a copy of it behind.
 */
#include "postgres.h"

#include <fcntl.h>

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "funcapi.h"
#include "mb/pg_wchar.h"
#include "storage/fd.h"
#include "utils/array.h"
#include "utils/builtins.h"

#include "blocklist.h"
#include "compat.h"
#include "logguard.h"
#include "passtext.h"
#include "policy.h"
#include "report.h"
#include "settings.h"

#include "core/leaked.h"
#include "core/passhash.h"

SQL_FUNCTION(intrex_auth_password_problem);
SQL_FUNCTION(intrex_auth_password_nfc);

/*
 * What is left beside the user's own words must have so many characters, or as
 * many as a whole password if that is less.
 */
#define SIMILAR_REST 8

static const char *const rule_names[POLICY_RULES] = {
	[POLICY_LENGTH] = "length",
	[POLICY_COMMON] = "common",
	[POLICY_SIMILAR] = "similar",
	[POLICY_LEAKED] = "pwned",
};

/* What is said of the rules that need no number. */
static const char *const rule_messages[POLICY_RULES] = {
	[POLICY_COMMON] = "password is one of the most common ones",
	[POLICY_SIMILAR] = "password must not be built from the e-mail address, name, phone number, tenant or site",
	[POLICY_LEAKED] = "password is known from a data leak",
};

/* What was found; the message is that of the first rule. */
typedef struct Verdict
{
	bool		broken[POLICY_RULES];
	const char *message;
} Verdict;

/* How many bytes the hash that is made takes whole. */
static size_t
MaximumBytes(void)
{
	PassHashPolicy policy = SettingsHashPolicy();

	return PassHashMaxBytes(&policy);
}

/* A rule is broken. */
static void
Break(Verdict *verdict, PolicyRule rule, const char *message)
{
	verdict->broken[rule] = true;
	if (verdict->message == NULL)
		verdict->message = message;
}

/* The filter cannot be used; the client is not told where it is. */
static _Noreturn void
RefuseFilter(const char *path, Status status, int saved_errno)
{
	errno = saved_errno;
	if (status == STATUS_FILE)
		ereport(ERROR,
				(errcode(BlocklistFileError(saved_errno)),
				 errmsg("the filter of leaked passwords cannot be read: %m"),
				 errdetail_log("The file is \"%s\".", path),
				 errhint("Look at intrex_auth.password_leaked_file; until the filter can be read no password is accepted.")));
	ereport(ERROR,
			(errcode(ERRCODE_CONFIG_FILE_ERROR),
			 errmsg("the filter of leaked passwords cannot be used"),
			 errdetail("%s (%s)", StatusText(status), StatusCode(status)),
			 errdetail_log("\"%s\": %s (%s)", path, StatusText(status), StatusCode(status)),
			 errhint("Build it anew with intrex_auth_leaked_filter, and verify it.")));
}

/*
 * Open the filter, if there is one; returns its path, or NULL.  It is opened
 * each time, which costs little beside a hash: a file that was replaced is the
 * one that is asked, and no backend holds on to a file of gigabytes.
 */
static char *
OpenFilter(LeakedFilter *filter)
{
	char	   *path;
	Status		status;
	int			fd;

	if (setting_password_leaked_file[0] == '\0')
		return NULL;
	path = BlocklistPath(setting_password_leaked_file);
	/* O_NONBLOCK: a FIFO in its place does not hang us */
	fd = OpenTransientFile(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | PG_BINARY);
	if (fd < 0)
		RefuseFilter(path, STATUS_FILE, errno);
	status = LeakedOpen(fd, filter);
	if (status != STATUS_OK)
		RefuseFilter(path, status, errno);
	return path;
}

/* Judge the length; false when no other rule is worth asking. */
static bool
JudgeLength(const char *password, size_t length, Verdict *verdict)
{
	if (length <= PASSTEXT_MAX_BYTES &&
		pg_mbstrlen_with_len(password, (int) length) < setting_password_min_length)
		Break(verdict, POLICY_LENGTH, psprintf("password must have at least %d characters",
											   setting_password_min_length));
	else if (length > MaximumBytes())
		Break(verdict, POLICY_LENGTH, psprintf("password must have at most %zu bytes", MaximumBytes()));
	return !verdict->broken[POLICY_LENGTH];
}

/* Judge a password in form C; returns what kept the filter from being read. */
static Status
Judge(const char *password, size_t length, text *const context[POLICY_CONTEXTS],
	  const LeakedFilter *filter, Verdict *verdict)
{
	Status		status = STATUS_OK;
	bool		leaked = false;
	size_t		folded_length;
	char	   *folded;

	if (!JudgeLength(password, length, verdict))
		return status;
	folded = PassTextFold(password, length, &folded_length);
	if (BlocklistContains(folded, folded_length))
		Break(verdict, POLICY_COMMON, rule_messages[POLICY_COMMON]);
	if (PolicyIsSimilar(folded, folded_length, context,
						Min(SIMILAR_REST, setting_password_min_length)))
		Break(verdict, POLICY_SIMILAR, rule_messages[POLICY_SIMILAR]);
	PassTextFree(folded, folded_length);
	if (filter != NULL)
		status = LeakedContains(filter, password, length, &leaked);
	if (leaked)
		Break(verdict, POLICY_LEAKED, rule_messages[POLICY_LEAKED]);
	return status;
}

/* The verdict as (message text, reasons text[]); NULLs when no rule is broken. */
static Datum
VerdictRow(FunctionCallInfo fcinfo, const Verdict *verdict)
{
	TupleDesc	description;
	Datum		reasons[POLICY_RULES];
	int			count = 0;
	Datum		values[2] = {0};
	bool		nulls[2] = {true, true};

	if (get_call_result_type(fcinfo, NULL, &description) != TYPEFUNC_COMPOSITE)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("function returning record called in context that cannot accept type record")));
	for (int i = 0; i < POLICY_RULES; i++)
	{
		if (verdict->broken[i])
			reasons[count++] = CStringGetTextDatum(rule_names[i]);
	}
	if (count > 0)
	{
		values[0] = CStringGetTextDatum(verdict->message);
		values[1] = PointerGetDatum(construct_array(reasons, count, TEXTOID, -1, false, TYPALIGN_INT));
		nulls[0] = nulls[1] = false;
	}
	return HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(description), values, nulls));
}

/*
 * SQL function: auth._password_problem(password text, email text, name text,
 *		phone text, tenant_name text, OUT message text, OUT reasons text[])
 */
Datum
intrex_auth_password_problem(PG_FUNCTION_ARGS)
{
	text	   *context[POLICY_CONTEXTS];
	Verdict		verdict = {{false}, NULL};
	LeakedFilter filter;
	char	   *filter_path;
	text	   *password;
	const char *normal;
	size_t		length;
	Status		status = STATUS_OK;
	int			saved_errno = 0;

	LogGuardMark();
	BlocklistLoad();
	filter_path = OpenFilter(&filter);
	for (int i = 0; i < POLICY_CONTEXTS; i++)
		context[i] = PG_ARGISNULL(i + 1) ? NULL : PG_GETARG_TEXT_PP(i + 1);

	if (PG_ARGISNULL(0))
		Break(&verdict, POLICY_LENGTH, "password is required");
	else
	{
		password = PG_GETARG_TEXT_PP(0);
		normal = PassTextNormalize(VARDATA_ANY(password), VARSIZE_ANY_EXHDR(password), &length);
		status = Judge(normal, length, context, filter_path ? &filter : NULL, &verdict);
		saved_errno = errno;
		if (normal != VARDATA_ANY(password))
			PassTextFree(unconstify(char *, normal), length);
		if ((Pointer) password != DatumGetPointer(PG_GETARG_DATUM(0)))
			PassTextFree((char *) password, VARSIZE_ANY(password));
	}
	if (filter_path != NULL)
		CloseTransientFile(filter.fd);
	if (status != STATUS_OK)
		RefuseFilter(filter_path, status, saved_errno);
	return VerdictRow(fcinfo, &verdict);
}

/*
 * SQL function: auth._password_nfc(password text) returns text
 *
 * What is in form C already is returned as it came: no copy is made of it.
 */
Datum
intrex_auth_password_nfc(PG_FUNCTION_ARGS)
{
	text	   *password = PG_GETARG_TEXT_PP(0);
	const char *normal;
	size_t		length;
	text	   *result;

	LogGuardMark();
	normal = PassTextNormalize(VARDATA_ANY(password), VARSIZE_ANY_EXHDR(password), &length);
	if (normal == VARDATA_ANY(password))
		PG_RETURN_TEXT_P(password);
	result = cstring_to_text_with_len(normal, (int) length);
	PassTextFree(unconstify(char *, normal), length);
	PG_RETURN_TEXT_P(result);
}
