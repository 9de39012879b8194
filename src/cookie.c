/*
 * src/cookie.c: the cookie that carries a refresh token.
 *
 * Depends on the settings of the cookie, on request.c for what came, and on
 * sql/40_response.sql, which appends to the headers of the response.
 *
 * A browser sends a cookie by itself, also when another site makes it ask.  What
 * holds that off, in this order: SameSite; the browser's own word of who asks,
 * Sec-Fetch-Site, which no page can forge; POST alone.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "lib/stringinfo.h"
#include "parser/parse_func.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/json.h"

#include "compat.h"
#include "cookie.h"
#include "logguard.h"
#include "report.h"
#include "request.h"
#include "settings.h"

SQL_FUNCTION(intrex_auth_cookie_token);
SQL_FUNCTION(intrex_auth_cookie_clear);
SQL_FUNCTION(intrex_auth_is_cross_site);

/* RFC 6265bis §5.7: browsers compare these prefixes without regard to case. */
#define HOST_PREFIX "__Host-"
#define SECURE_PREFIX "__Secure-"

/* Does a cookie carry the refresh tokens of this request's answer? */
bool
CookieDelivers(void)
{
	return unlikely(setting_token_delivery == DELIVERY_COOKIE) && ReportUnderPostgrest();
}

/* Did the request come by POST? */
static bool
IsPost(void)
{
	const char *method = GetConfigOption("request.method", true, false);

	return method != NULL && strcmp(method, "POST") == 0;
}

/* The refresh token that came by cookie. */
char *
CookieToken(void)
{
	char	   *value;
	size_t		length;

	if (!CookieDelivers() || !IsPost() ||
		RequestGet("request.cookies", setting_refresh_cookie_name, &value) != REQUEST_FOUND)
		return NULL;
	/* RFC 6265 §4.1.1 allows quotes around a value; PostgREST 12 keeps them */
	length = strlen(value);
	if (length >= 2 && value[0] == '"' && value[length - 1] == '"')
	{
		value[length - 1] = '\0';
		value++;
	}
	return value[0] != '\0' ? value : NULL;
}

/*
 * Is this a request of another site?
 *
 * same-site stays: application and API are often siblings, app.example.com and
 * api.example.com.  Browsers that do not send Sec-Fetch-Site (all do since 2023, to
 * HTTPS and localhost) are left to SameSite; but a page without an origin is nobody's.
 */
bool
CookieCrossSite(void)
{
	char	   *value;

	if (!CookieDelivers())
		return false;
	switch (RequestGet("request.headers", "sec-fetch-site", &value))
	{
		case REQUEST_FOUND:
			return strcmp(value, "same-origin") != 0 && strcmp(value, "same-site") != 0 &&
				strcmp(value, "none") != 0;
		case REQUEST_ABSENT:
			switch (RequestGet("request.headers", "origin", &value))
			{
				case REQUEST_FOUND:
					return strcmp(value, "null") == 0;
				case REQUEST_ABSENT:
					return false;
				case REQUEST_UNREADABLE:
					return true;
			}
			break;
		case REQUEST_UNREADABLE:
			break;
	}
	return true;
}

/* Call a function of sql/40_response.sql. */
static void
CallResponse(const char *function_name, const char *first, const char *second)
{
	Oid			types[] = {TEXTOID, TEXTOID};
	FmgrInfo	function;

	LOCAL_FCINFO(call, 2);

	fmgr_info(LookupFuncName(list_make2(makeString("auth"), makeString(pstrdup(function_name))),
							 lengthof(types), types, false),
			  &function);
	InitFunctionCallInfoData(*call, &function, lengthof(types), InvalidOid, NULL, NULL);
	call->args[0].value = CStringGetTextDatum(first);
	call->args[0].isnull = false;
	call->args[1].value = CStringGetTextDatum(second);
	call->args[1].isnull = false;
	(void) FunctionCallInvoke(call);
}

/* A browser drops a cookie whose name promises what its attributes do not keep. */
static void
DemandKeptPromise(void)
{
	const char *name = setting_refresh_cookie_name;

	if (pg_strncasecmp(name, HOST_PREFIX, strlen(HOST_PREFIX)) == 0 &&
		!(setting_cookie_secure && strcmp(setting_refresh_cookie_path, "/") == 0))
		ereport(ERROR,
				(errcode(ERRCODE_CONFIG_FILE_ERROR),
				 errmsg("browsers refuse a cookie of the name \"%s\" with these settings", name),
				 errhint("Set intrex_auth.cookie_secure to on and intrex_auth.refresh_cookie_path to \"/\", or intrex_auth.refresh_cookie_name to a name without the prefix " HOST_PREFIX ".")));
	if (pg_strncasecmp(name, SECURE_PREFIX, strlen(SECURE_PREFIX)) == 0 && !setting_cookie_secure)
		ereport(ERROR,
				(errcode(ERRCODE_CONFIG_FILE_ERROR),
				 errmsg("browsers refuse a cookie of the name \"%s\" with these settings", name),
				 errhint("Set intrex_auth.cookie_secure to on, or intrex_auth.refresh_cookie_name to a name without the prefix " SECURE_PREFIX ".")));
}

/*
 * Make these two the headers of the response if there is none yet, as there mostly is
 * not: the functions in SQL take longer than the rest of a refresh.  What the cookie is
 * made of needs no escape in JSON, but it gets it.
 */
static bool
PutFirst(const char *name, const char *cookie)
{
	const char *before = GetConfigOption("response.headers", true, false);
	StringInfoData header;
	StringInfoData headers;

	if (before != NULL && before[0] != '\0')
		return false;
	initStringInfo(&header);
	appendStringInfo(&header, "%s=%s", name, cookie);
	initStringInfo(&headers);
	appendStringInfoString(&headers, "[{\"Set-Cookie\": ");
	escape_json(&headers, header.data);
	appendStringInfoString(&headers, "}, {\"Cache-Control\": \"no-store\"}]");
	(void) set_config_option("response.headers", headers.data, PGC_USERSET, PGC_S_SESSION,
							 GUC_ACTION_LOCAL, true, 0, false);
	return true;
}

/* Put the cookie into the response; expires is an attribute or nothing. */
static void
PutCookie(const char *value, int64 seconds, const char *expires)
{
	const char *name = setting_refresh_cookie_name;
	StringInfoData cookie;

	DemandKeptPromise();
	initStringInfo(&cookie);
	appendStringInfo(&cookie, "%s; Path=%s; Max-Age=" INT64_FORMAT "%s; HttpOnly%s; SameSite=%s",
					 value, setting_refresh_cookie_path, seconds, expires,
					 setting_cookie_secure ? "; Secure" : "",
					 setting_refresh_cookie_same_site == SAME_SITE_LAX ? "Lax" : "Strict");
	if (PutFirst(name, cookie.data))
		return;
	CallResponse("_response_cookie", name, cookie.data);
	CookieNoStore();
}

/* Give the client a refresh token. */
void
CookieSet(const char *token, int64 seconds)
{
	PutCookie(token, Max(seconds, 0), "");
}

/* Say that the answer is not to be stored. */
void
CookieNoStore(void)
{
	CallResponse("_response_header", "Cache-Control", "no-store");
}

/* SQL function: auth._cookie_token() returns text */
Datum
intrex_auth_cookie_token(PG_FUNCTION_ARGS)
{
	char	   *token;

	LogGuardMark();
	token = CookieToken();
	if (token == NULL)
		PG_RETURN_NULL();
	PG_RETURN_TEXT_P(cstring_to_text(token));
}

/*
 * SQL function: auth._cookie_clear() returns void
 *
 * With the attributes that it was set with, or it would be another cookie.  By POST
 * alone: a link to here must sign nobody out.
 */
Datum
intrex_auth_cookie_clear(PG_FUNCTION_ARGS)
{
	if (CookieDelivers() && IsPost())
		PutCookie("deleted", 0, "; Expires=Thu, 01 Jan 1970 00:00:00 GMT");
	PG_RETURN_VOID();
}

/* SQL function: auth._is_cross_site() returns boolean */
Datum
intrex_auth_is_cross_site(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(CookieCrossSite());
}
