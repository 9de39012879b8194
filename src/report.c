/*
 * src/report.c: from a status to an SQL error: SQLSTATE, message, detail, hint.
 *
 * Depends on elog.c and the core's status texts; the wording lives here alone.
 */
#include "postgres.h"

#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/guc.h"
#include "utils/json.h"

#include "compat.h"
#include "keyring.h"
#include "report.h"

SQL_FUNCTION(intrex_auth_report_event);
SQL_FUNCTION(intrex_auth_raise_unauthenticated);

/* SQLSTATE and hint of a status. */
typedef struct StatusReport
{
	Status		status;
	int			sqlstate;
	const char *hint;
} StatusReport;

static const StatusReport status_reports[] = {
	{STATUS_MEMORY, ERRCODE_OUT_OF_MEMORY, NULL},
	{STATUS_CRYPTO, ERRCODE_EXTERNAL_ROUTINE_EXCEPTION,
	"The cryptographic library refused to work; look at its configuration."},
	{STATUS_CANCELLED, ERRCODE_QUERY_CANCELED, NULL},
	{STATUS_KEY_WEAK, ERRCODE_INVALID_PARAMETER_VALUE,
	"HS256 needs a secret of 32 bytes or more, A256GCM one of exactly 32, RSA a modulus of 2048 bits or more."},
	{STATUS_KEY_NONE, ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
	"Run SELECT auth.key_rotate(...) for the missing use, or restore the key file."},
	{STATUS_HASH_COST, ERRCODE_INVALID_PARAMETER_VALUE,
	"Choose a cost from 4 to 14."},
	{STATUS_HASH_WEAK, ERRCODE_INVALID_PARAMETER_VALUE,
	"Setting intrex_auth.allow_md5_crypt admits MD5-crypt."},
	{STATUS_PASSWORD_LENGTH, ERRCODE_INVALID_PARAMETER_VALUE,
	"bcrypt takes 1 to 72 bytes, argon2id up to 4096; longer passwords are refused, never truncated."},
	{STATUS_SEALED_FORMAT, ERRCODE_INVALID_BINARY_REPRESENTATION,
	"Give the bytes as the sealing function returned them."},
	{STATUS_SEALED_KEY, ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
	"Restore the key file that the value was sealed with."},
	{STATUS_SEALED_REFUSED, ERRCODE_DATA_EXCEPTION,
	"The key, the context or the bytes are not those that it was sealed with."},
};

/* SQLSTATE and hint of a status; 22023 without a hint where nothing is listed. */
static StatusReport
FindReport(Status status)
{
	StatusReport fallback = {status, ERRCODE_INVALID_PARAMETER_VALUE, NULL};

	for (size_t i = 0; i < lengthof(status_reports); i++)
	{
		if (status_reports[i].status == status)
			return status_reports[i];
	}
	return fallback;
}

/* Is a PostgREST request being served? */
bool
ReportUnderPostgrest(void)
{
	const char *method = GetConfigOption("request.method", true, false);

	return method != NULL && method[0] != '\0';
}

/* The address of the connection, or NULL on a Unix socket; reads no catalog. */
static const char *
PeerAddress(void)
{
	LOCAL_FCINFO(call, 0);
	Datum		address;

	InitFunctionCallInfoData(*call, NULL, 0, InvalidOid, NULL, NULL);
	address = inet_client_addr(call);
	if (call->isnull)
		return NULL;
	return DatumGetCString(DirectFunctionCall1(inet_out, address));
}

/* One line of JSON for the server log; values are escaped, so that no name can forge a line. */
void
ReportSecurityEvent(const char *event, const char *reason)
{
	StringInfoData line;
	const char *address = PeerAddress();

	initStringInfo(&line);
	appendStringInfoString(&line, "{\"event\":");
	escape_json(&line, event);
	appendStringInfoString(&line, ",\"reason\":");
	escape_json(&line, reason);
	if (address != NULL)
	{
		appendStringInfoString(&line, ",\"address\":");
		escape_json(&line, address);
	}
	appendStringInfoChar(&line, '}');

	ereport(LOG_SERVER_ONLY,
			(errmsg("intrex_auth: %s", line.data),
			 errhidestmt(true), errhidecontext(true)));
	pfree(line.data);
}

/* The error that PostgREST turns into 401 with WWW-Authenticate (postgrest.md). */
static _Noreturn void
RaisePostgrest401(const char *code, const char *message, const char *detail, const char *hint)
{
	StringInfoData body;
	StringInfoData headers;

	initStringInfo(&body);
	appendStringInfoString(&body, "{\"code\":");
	escape_json(&body, code);
	appendStringInfoString(&body, ",\"message\":");
	escape_json(&body, message);
	appendStringInfoString(&body, ",\"details\":");
	escape_json(&body, detail);
	if (hint)
	{
		appendStringInfoString(&body, ",\"hint\":");
		escape_json(&body, hint);
	}
	appendStringInfoChar(&body, '}');

	initStringInfo(&headers);
	appendStringInfoString(&headers,
						   "{\"status\":401,\"headers\":{\"WWW-Authenticate\":"
						   "\"Bearer error=\\\"invalid_token\\\"\"}}");
	ereport(ERROR,
			(errcode(MAKE_SQLSTATE('P', 'G', 'R', 'S', 'T')),
			 errmsg_internal("%s", body.data),
			 errdetail_internal("%s", headers.data)));
}

/* A token that does not verify. */
void
ReportTokenError(Status status)
{
	ReportSecurityEvent("token_refused", StatusCode(status));
	if (ReportUnderPostgrest())
		RaisePostgrest401(StatusCode(status), "invalid token", StatusText(status), NULL);
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_AUTHORIZATION_SPECIFICATION),
			 errmsg("invalid token"),
			 errdetail("%s (%s)", StatusText(status), StatusCode(status))));
}

/* An identity that does not hold, although its signature did. */
void
ReportUnauthenticated(const char *code, const char *detail, const char *hint)
{
	ReportSecurityEvent("identity_refused", code);
	if (ReportUnderPostgrest())
		RaisePostgrest401(code, "invalid token", detail, hint);
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_AUTHORIZATION_SPECIFICATION),
			 errmsg("invalid token"),
			 errdetail("%s (%s)", detail, code),
			 hint ? errhint("%s", hint) : 0));
}

/* Any other failed core call. */
void
ReportCoreError(Status status, const char *what)
{
	StatusReport report = FindReport(status);

	ereport(ERROR,
			(errcode(report.sqlstate),
			 errmsg("invalid %s", what),
			 errdetail("%s (%s)", StatusText(status), StatusCode(status)),
			 report.hint ? errhint("%s", report.hint) : 0));
}

/* Why there is no key ring, with what to do. */
void
ReportKeyringError(void)
{
	Status		status;
	int			saved_errno;
	const char *path = KeyringPath();

	switch (KeyringGetProblem(&status, &saved_errno))
	{
		case KEYRING_MISSING:
			ereport(ERROR,
					(errcode(ERRCODE_UNDEFINED_FILE),
					 errmsg("the key file does not exist"),
					 errdetail_log("It should be at \"%s\".", path),
					 errhint("Restore it from its backup, or, if no token or secret needs the old keys, run SELECT auth.key_create() as superuser.")));
			break;
		case KEYRING_EXPOSED:
			ereport(ERROR,
					(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
					 errmsg("the key file is not private"),
					 errdetail("It must be a regular file that belongs to the server's user, with mode 0600."),
					 errdetail_log("\"%s\" must be a regular file that belongs to the server's user, with mode 0600.", path),
					 errhint("Run chmod 0600 on the file that intrex_auth.key_file names, and consider rotating its keys: others could read them.")));
			break;
		case KEYRING_MALFORMED:
			ereport(ERROR,
					(errcode(ERRCODE_CONFIG_FILE_ERROR),
					 errmsg("the key file is malformed"),
					 errdetail("%s (%s)", StatusText(status), StatusCode(status)),
					 errdetail_log("\"%s\": %s (%s)", path, StatusText(status), StatusCode(status)),
					 errhint("Restore it from its backup.")));
			break;
		default:
			errno = saved_errno;
			ereport(ERROR,
					(errcode_for_file_access(),
					 errmsg("could not read the key file: %m"),
					 errdetail_log("The file is \"%s\".", path)));
	}
	pg_unreachable();
}

/* SQL function: auth._report_event(event text, reason text) returns void */
Datum
intrex_auth_report_event(PG_FUNCTION_ARGS)
{
	char	   *event = text_to_cstring(PG_GETARG_TEXT_PP(0));
	char	   *reason = text_to_cstring(PG_GETARG_TEXT_PP(1));

	ReportSecurityEvent(event, reason);
	PG_RETURN_VOID();
}

/* SQL function: auth._raise_unauthenticated(code text, detail text) returns void */
Datum
intrex_auth_raise_unauthenticated(PG_FUNCTION_ARGS)
{
	char	   *code = text_to_cstring(PG_GETARG_TEXT_PP(0));
	char	   *detail = text_to_cstring(PG_GETARG_TEXT_PP(1));

	ReportUnauthenticated(code, detail, NULL);
}
