/*
 * src/grant.c: what a client gets: a signed access token, and who the user is.
 *
 * Depends on liveness.c, which reads the rows, on the key ring, the claims hook and
 * core/jws.
 * Written out as text, once per login and refresh: as jsonb functions in SQL it
 * cost more than the rest of a refresh together.
 */
#include "postgres.h"

#include <time.h>

#include "catalog/pg_type.h"
#include "lib/stringinfo.h"
#include "parser/parse_func.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/json.h"
#include "utils/jsonb.h"
#include "utils/timestamp.h"
#include "utils/uuid.h"

#include "claimshook.h"
#include "compat.h"
#include "cookie.h"
#include "grant.h"
#include "issuer.h"
#include "jsonbuild.h"
#include "keyring.h"
#include "keys.h"
#include "liveness.h"
#include "logguard.h"
#include "report.h"
#include "settings.h"
#include "token.h"

#include "core/jws.h"
#include "core/mem.h"

SQL_FUNCTION(intrex_auth_grant);

#define PLATFORM_ROLE "auth_platform"
#define USER_ROLE "authenticated"

/* Bytes of claims with what the claims hook added: a request carries them each time. */
#define HOOK_MAX_CLAIMS 8192

/* What a grant tells. */
typedef struct Facts
{
	const pg_uuid_t *session;
	const SessionFacts *who;
	int64		issued_at;
	int64		ends_at;
	const char *method;			/* NULL: as the session began */
} Facts;

/* Append a member's name. */
static void
PutName(StringInfo json, const char *name)
{
	appendStringInfoChar(json, '"');
	appendStringInfoString(json, name);
	appendStringInfoString(json, "\":");
}

/* Append a name and a JSON string, or null. */
static void
PutText(StringInfo json, const char *name, const char *value)
{
	PutName(json, name);
	if (value != NULL)
		escape_json(json, value);
	else
		appendStringInfoString(json, "null");
	appendStringInfoChar(json, ',');
}

/* Write bytes as lower-case hexadecimal digits; returns where they end. */
static char *
PutHex(char *out, const uint8 *bytes, size_t count)
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < count; i++)
	{
		*out++ = digits[bytes[i] >> 4];
		*out++ = digits[bytes[i] & 15];
	}
	return out;
}

/* Append a uuid in quotes. */
static void
PutUuidValue(StringInfo json, const pg_uuid_t *uuid)
{
	char		text[2 * UUID_LEN + 6];
	char	   *end = text;
	const uint8 *bytes = uuid->data;

	*end++ = '"';
	end = PutHex(end, bytes, 4);
	*end++ = '-';
	end = PutHex(end, bytes + 4, 2);
	*end++ = '-';
	end = PutHex(end, bytes + 6, 2);
	*end++ = '-';
	end = PutHex(end, bytes + 8, 2);
	*end++ = '-';
	end = PutHex(end, bytes + 10, 6);
	*end++ = '"';
	appendBinaryStringInfo(json, text, end - text);
}

/* Append a name and a uuid, or null. */
static void
PutUuid(StringInfo json, const char *name, const pg_uuid_t *uuid)
{
	PutName(json, name);
	if (uuid != NULL)
		PutUuidValue(json, uuid);
	else
		appendStringInfoString(json, "null");
	appendStringInfoChar(json, ',');
}

/* Append the units of the membership. */
static void
PutUnits(StringInfo json, const Membership *membership)
{
	PutName(json, "unit_ids");
	appendStringInfoChar(json, '[');
	for (int i = 0; i < membership->unit_count; i++)
	{
		if (i > 0)
			appendStringInfoChar(json, ',');
		PutUuidValue(json, &membership->units[i]);
	}
	appendStringInfoString(json, "],");
}

/* The tenant role, NULL when there is none. */
static const char *
TenantRole(const Facts *facts)
{
	return facts->who->membership.role[0] != '\0' ? facts->who->membership.role : NULL;
}

/* A claim that no two tokens share. */
static void
PutTokenId(StringInfo json)
{
	uint8		random[16];
	char		id[2 * sizeof(random) + 1];

	if (RandomBytes(random, sizeof(random)) != STATUS_OK)
		ReportCoreError(STATUS_CRYPTO, "random bytes");
	*PutHex(id, random, sizeof(random)) = '\0';
	PutText(json, "jti", id);
}

/*
 * The claims of the access token: none is null, what does not apply is left out.
 * In the order of jsonb, shorter names first: that is how core/claims.c looks for
 * them and src/jsonbuild.c needs them, at each request.
 */
static void
PutClaims(StringInfo json, const Facts *facts)
{
	appendStringInfoChar(json, '{');
	if (facts->who->aal != NULL)
		PutText(json, "aal", facts->who->aal);
	if (facts->who->amr != NULL)
	{
		PutName(json, "amr");
		appendStringInfoString(json, facts->who->amr);
		appendStringInfoChar(json, ',');
	}
	if (setting_audience[0] != '\0')
		PutText(json, "aud", setting_audience);
	appendStringInfo(json, "\"exp\":" INT64_FORMAT ",\"iat\":" INT64_FORMAT ",",
					 facts->ends_at, facts->issued_at);
	PutText(json, "iss", IssuerForSigning());
	PutTokenId(json);
	PutUuid(json, "sub", &facts->who->user);
	PutText(json, "role", facts->who->is_super_admin ? PLATFORM_ROLE : USER_ROLE);
	if (facts->who->email != NULL)
		PutText(json, "email", facts->who->email);
	if (TenantRole(facts) != NULL)
		PutUnits(json, &facts->who->membership);
	if (facts->who->has_tenant)
		PutUuid(json, "tenant_id", &facts->who->tenant);
	PutUuid(json, "session_id", facts->session);
	if (TenantRole(facts) != NULL)
		PutText(json, "tenant_role", TenantRole(facts));
	json->data[json->len - 1] = '}';
}

/* How the session began: the method of the last element of amr. */
static const char *
SessionMethod(const SessionFacts *who)
{
	JsonToken	tokens[64];
	JsonDoc		doc;
	char	   *method = palloc(64);
	int			last = -1;

	if (who->amr == NULL ||
		JsonParse(who->amr, strlen(who->amr), tokens, lengthof(tokens), &doc) != STATUS_OK ||
		tokens[0].type != JSON_ARRAY)
		return "unknown";
	for (uint32 i = 1; i < tokens[0].next; i = tokens[i].next)
		last = (int) i;
	if (last < 0 ||
		JsonString(&doc, JsonFind(&doc, last, "method"), method, 64, NULL) != STATUS_OK)
		return "unknown";
	return method;
}

/* Let the claims hook add to the claims; false when it refuses. */
static bool
AskHook(StringInfo claims, const Facts *facts, HookRefusal *refusal)
{
	char	   *user = DatumGetCString(DirectFunctionCall1(uuid_out, UUIDPGetDatum(&facts->who->user)));
	VerifiedToken read;
	Jsonb	   *more;
	size_t		length;
	Status		status;

	more = ClaimsHookIssue(user, JsonTextToJsonb(claims->data, claims->len, "claims"),
						   facts->method != NULL ? facts->method : SessionMethod(facts->who), refusal);
	if (more == NULL)
		return false;
	claims->data = JsonbToCompactText(more, &length);
	claims->len = (int) length;

	/* as it will be read: too deep or too large it would sign the user out */
	status = TokenParse(claims->data, length, &read);
	if (status == STATUS_OK && length > HOOK_MAX_CLAIMS)
		status = STATUS_JSON_SIZE;
	if (status != STATUS_OK)
		ereport(ERROR,
				(errcode(ERRCODE_EXTERNAL_ROUTINE_INVOCATION_EXCEPTION),
				 errmsg("claims hook \"%s\" added claims that no token can hold", setting_claims_hook),
				 errdetail("%s (%s)", StatusText(status), StatusCode(status))));
	return true;
}

/*
 * Append the access token: the claims, signed with the current key of the ring;
 * false when the claims hook refuses.
 */
static bool
PutAccessToken(StringInfo json, const Facts *facts, HookRefusal *refusal)
{
	const Jwk  *key;
	StringInfoData claims;
	size_t		size;
	size_t		length;
	Status		status;

	initStringInfo(&claims);
	PutClaims(&claims, facts);
	if (unlikely(ClaimsHookIsSet()) && !AskHook(&claims, facts, refusal))
		return false;
	KeysNote();
	key = KeyringCurrent(KEY_SIGN);
	size = JwsSize(key, "JWT", claims.len);
	if (size > JWS_MAX_BYTES)
		ReportCoreError(STATUS_TOKEN_SIZE, "claims");
	appendStringInfoString(json, "\"access_token\":\"");
	enlargeStringInfo(json, (int) size);
	status = JwsSign(key, "JWT", claims.data, claims.len, json->data + json->len, size, &length);
	if (status != STATUS_OK)
		ReportCoreError(status, "claims");
	json->len += (int) length;
	json->data[json->len] = '\0';
	appendStringInfoString(json, "\",");
	return true;
}

/* Did the session begin for this grant?  Its refresh token is at hand, and was not exchanged for another. */
static bool
SessionBegan(const char *refresh_token, const char *method)
{
	return refresh_token != NULL && method == NULL;
}

/* Call a function of the schema auth that takes these arguments. */
static Datum
CallAuth(const char *name, int count, Oid *types, NullableDatum *values, bool *isnull)
{
	FmgrInfo	function;
	Datum		answer;

	LOCAL_FCINFO(call, 6);

	fmgr_info(LookupFuncName(list_make2(makeString("auth"), makeString(pstrdup(name))),
							 count, types, false),
			  &function);
	InitFunctionCallInfoData(*call, &function, count, InvalidOid, NULL, NULL);
	for (int i = 0; i < count; i++)
		call->args[i] = values[i];
	answer = FunctionCallInvoke(call);
	*isnull = call->isnull;
	return answer;
}

/* Leave the refusal to auth._grant_refused(). */
static Jsonb *
Refuse(const Facts *facts, bool began, const HookRefusal *refusal)
{
	Oid			types[] = {UUIDOID, UUIDOID, UUIDOID, BOOLOID, INT4OID, TEXTOID};
	NullableDatum values[] = {
		{UUIDPGetDatum(&facts->who->user), false}, {UUIDPGetDatum(facts->session), false},
		{UUIDPGetDatum(&facts->who->tenant), !facts->who->has_tenant},
		{BoolGetDatum(began), false}, {Int32GetDatum(refusal->status), false},
		{CStringGetTextDatum(refusal->message), false}
	};
	bool		isnull;
	Datum		answer = CallAuth("_grant_refused", lengthof(types), types, values, &isnull);

	if (isnull)
		elog(ERROR, "auth._grant_refused() returned NULL");
	return DatumGetJsonbP(answer);
}

/* Append the user, as auth._grant_user() in SQL does. */
static void
PutUser(StringInfo json, const Facts *facts)
{
	appendStringInfoString(json, "\"user\":{");
	PutUuid(json, "id", &facts->who->user);
	PutText(json, "email", facts->who->email);
	PutText(json, "name", facts->who->name);
	PutText(json, "role", TenantRole(facts));
	PutUuid(json, "tenant_id", facts->who->has_tenant ? &facts->who->tenant : NULL);
	PutUnits(json, &facts->who->membership);
	PutName(json, "email_verified");
	appendStringInfoString(json, facts->who->email_verified ? "true," : "false,");
	PutName(json, "is_super_admin");
	appendStringInfoString(json, facts->who->is_super_admin ? "true}" : "false}");
}

/* Build a grant. */
Jsonb *
GrantBuild(const pg_uuid_t *session, const SessionFacts *who, const char *refresh_token,
		   int64 not_after, const char *method, bool *refused)
{
	Facts		facts = {.session = session, .who = who, .method = method};
	HookRefusal refusal;
	struct timespec now;
	StringInfoData json;

	clock_gettime(CLOCK_REALTIME, &now);
	facts.issued_at = now.tv_sec;
	/* one that lives longer than any may would be refused */
	facts.ends_at = facts.issued_at + Min(setting_access_token_lifetime, setting_max_token_lifetime);
	facts.ends_at = Min(facts.ends_at, not_after);
	if (!TIMESTAMP_NOT_FINITE(who->ends))
		facts.ends_at = Min(facts.ends_at, timestamptz_to_time_t(who->ends));

	initStringInfo(&json);
	appendStringInfoChar(&json, '{');
	*refused = !PutAccessToken(&json, &facts, &refusal);
	if (*refused)
		return Refuse(&facts, SessionBegan(refresh_token, method), &refusal);
	appendStringInfo(&json, "\"token_type\":\"bearer\",\"expires_in\":" INT64_FORMAT ",\"expires_at\":" INT64_FORMAT ",",
					 facts.ends_at - facts.issued_at, facts.ends_at);
	if (refresh_token != NULL && !CookieDelivers())
		PutText(&json, "refresh_token", refresh_token);
	PutUser(&json, &facts);
	appendStringInfoChar(&json, '}');
	return JsonTextToJsonb(json.data, json.len, "grant");
}

/* Until when a refresh token can be used that is issued now. */
TimestampTz
RefreshTokenEnd(const SessionFacts *who, TimestampTz now)
{
	return Min(now + setting_refresh_token_lifetime * USECS_PER_SEC, who->ends);
}

/* Let the cookie carry what GrantBuild() left out of the body. */
void
GrantDeliver(const char *refresh_token, TimestampTz expires_at)
{
	if (likely(!CookieDelivers()))
		return;
	if (refresh_token != NULL)
		CookieSet(refresh_token, (expires_at - GetCurrentTimestamp() + USECS_PER_SEC - 1) / USECS_PER_SEC);
	else
		CookieNoStore();
}

/* Leave it to auth._single_session() which other sessions end now. */
static void
EndFormerSessions(const pg_uuid_t *user, const pg_uuid_t *session)
{
	Oid			types[] = {UUIDOID, UUIDOID};
	NullableDatum values[] = {{UUIDPGetDatum(user), false}, {UUIDPGetDatum(session), false}};
	bool		isnull;

	(void) CallAuth("_single_session", lengthof(types), types, values, &isnull);
}

/*
 * SQL function: auth._grant(user_id uuid, session_id uuid, tenant_id uuid,
 *                           refresh_token text, not_after bigint, method text,
 *                           refresh_expires_at timestamptz) returns jsonb
 *
 * Tenant, refresh token, not_after (epoch seconds), method and refresh_expires_at
 * (a new refresh token's) may be NULL.
 */
Datum
intrex_auth_grant(PG_FUNCTION_ARGS)
{
	SessionFacts who;
	Liveness	liveness;
	const char *refresh_token;
	const char *method;
	Jsonb	   *answer;
	bool		refused;

	LogGuardMark();
	if (PG_ARGISNULL(0) || PG_ARGISNULL(1))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("user and session must not be null")));
	liveness = LivenessLookFacts(PG_GETARG_UUID_P(1), true,
								 PG_ARGISNULL(2) ? NULL : PG_GETARG_UUID_P(2), &who);
	if (liveness == LIVE && memcmp(&who.user, PG_GETARG_UUID_P(0), UUID_LEN) != 0)
		liveness = LIVE_NO_SESSION;
	/* callers have looked already; this is what changed since */
	if (liveness != LIVE)
		ReportUnauthenticated(LivenessCode(liveness), LivenessText(liveness), NULL);
	refresh_token = PG_ARGISNULL(3) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(3));
	method = PG_ARGISNULL(5) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(5));
	answer = GrantBuild(PG_GETARG_UUID_P(1), &who, refresh_token,
						PG_ARGISNULL(4) ? PG_INT64_MAX : PG_GETARG_INT64(4),
						method, &refused);
	if (!refused)
	{
		GrantDeliver(refresh_token, PG_ARGISNULL(6) ? RefreshTokenEnd(&who, GetCurrentTimestamp()) : PG_GETARG_TIMESTAMPTZ(6));
		if (setting_single_session != SINGLE_SESSION_OFF && SessionBegan(refresh_token, method))
			EndFormerSessions(PG_GETARG_UUID_P(0), PG_GETARG_UUID_P(1));
	}
	PG_RETURN_JSONB_P(answer);
}
