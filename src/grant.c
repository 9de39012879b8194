/*
 * src/grant.c: what a client gets: a signed access token, and who the user is.
 *
 * Depends on the columns of auth.users and auth.sessions by name, on liveness.c
 * for the membership, on the key ring and on core/jws.  Written out as text, once
 * per login and refresh: as jsonb functions in SQL it cost more than the rest of
 * a refresh together.
 */
#include "postgres.h"

#include <time.h>

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/namespace.h"
#include "lib/stringinfo.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/fmgrprotos.h"
#include "utils/json.h"
#include "utils/jsonb.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/uuid.h"

#include "compat.h"
#include "grant.h"
#include "jsonbuild.h"
#include "keyring.h"
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

/* What a grant tells; texts that are NULL are JSON's null. */
typedef struct Facts
{
	const pg_uuid_t *user;
	const pg_uuid_t *session;
	const pg_uuid_t *tenant;	/* or NULL */
	const Membership *membership;	/* its role is empty when there is none */
	char	   *email;
	char	   *name;
	bool		email_verified;
	bool		is_super_admin;
	char	   *aal;
	char	   *amr;			/* JSON */
	int64		issued_at;
	int64		ends_at;
} Facts;

/* A look-up of one row by its primary key, as it is now. */
typedef struct Lookup
{
	Relation	table;
	SysScanDesc scan;
	HeapTuple	row;
} Lookup;

/* Look a row up; reports an error if there is none, which callers have ruled out. */
static void
LookupBegin(Lookup *lookup, const char *table_name, const char *index_name, const pg_uuid_t *id)
{
	Oid			namespace = get_namespace_oid("auth", false);
	ScanKeyData key;

	lookup->table = table_open(get_relname_relid(table_name, namespace), AccessShareLock);
	ScanKeyInit(&key, 1, BTEqualStrategyNumber, F_UUID_EQ, UUIDPGetDatum(id));
	lookup->scan = systable_beginscan(lookup->table, get_relname_relid(index_name, namespace),
									  true, NULL, 1, &key);
	lookup->row = systable_getnext(lookup->scan);
	if (!HeapTupleIsValid(lookup->row))
		ereport(ERROR,
				(errcode(ERRCODE_NO_DATA_FOUND),
				 errmsg("there is no such row in \"%s\" any more", table_name)));
}

/* End a look-up. */
static void
LookupEnd(Lookup *lookup)
{
	systable_endscan(lookup->scan);
	table_close(lookup->table, AccessShareLock);
}

/* A column of the row. */
static Datum
Column(const Lookup *lookup, const char *name, bool *isnull)
{
	AttrNumber	number = get_attnum(RelationGetRelid(lookup->table), name);

	if (number == InvalidAttrNumber)
		elog(ERROR, "column \"%s\" of \"%s\" is missing", name, RelationGetRelationName(lookup->table));
	return heap_getattr(lookup->row, number, RelationGetDescr(lookup->table), isnull);
}

/* A text column, copied; NULL if it is. */
static char *
TextColumn(const Lookup *lookup, const char *name)
{
	bool		isnull;
	Datum		value = Column(lookup, name, &isnull);

	return isnull ? NULL : TextDatumGetCString(value);
}

/* Gather what the rows of user and session tell. */
static void
LookUpFacts(Facts *facts)
{
	Lookup		lookup;
	Datum		value;
	bool		isnull;

	LookupBegin(&lookup, "users", "users_pkey", facts->user);
	facts->email = TextColumn(&lookup, "email");
	facts->name = TextColumn(&lookup, "name");
	(void) Column(&lookup, "email_verified_at", &isnull);
	facts->email_verified = !isnull;
	value = Column(&lookup, "is_super_admin", &isnull);
	facts->is_super_admin = !isnull && DatumGetBool(value);
	LookupEnd(&lookup);

	LookupBegin(&lookup, "sessions", "sessions_pkey", facts->session);
	facts->aal = TextColumn(&lookup, "aal");
	value = Column(&lookup, "amr", &isnull);
	if (!isnull)
	{
		Jsonb	   *amr = DatumGetJsonbP(value);

		facts->amr = JsonbToCString(NULL, &amr->root, VARSIZE(amr));
	}
	LookupEnd(&lookup);
}

/* Append a name and the quotes of a JSON string, or null. */
static void
PutText(StringInfo json, const char *name, const char *value)
{
	appendStringInfo(json, "\"%s\":", name);
	if (value != NULL)
		escape_json(json, value);
	else
		appendStringInfoString(json, "null");
	appendStringInfoChar(json, ',');
}

/* Append a uuid in quotes. */
static void
PutUuidValue(StringInfo json, const pg_uuid_t *uuid)
{
	appendStringInfo(json, "\"%s\"",
					 DatumGetCString(DirectFunctionCall1(uuid_out, UUIDPGetDatum(uuid))));
}

/* Append a name and a uuid, or null. */
static void
PutUuid(StringInfo json, const char *name, const pg_uuid_t *uuid)
{
	appendStringInfo(json, "\"%s\":", name);
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
	appendStringInfoString(json, "\"unit_ids\":[");
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
	return facts->membership->role[0] != '\0' ? facts->membership->role : NULL;
}

/* The claims of the access token: none is null, what does not apply is left out. */
static void
PutClaims(StringInfo json, const Facts *facts)
{
	uint8		random[16];

	if (RandomBytes(random, sizeof(random)) != STATUS_OK)
		ReportCoreError(STATUS_CRYPTO, "random bytes");

	appendStringInfoChar(json, '{');
	PutText(json, "iss", TokenIssuer());
	if (setting_audience[0] != '\0')
		PutText(json, "aud", setting_audience);
	PutUuid(json, "sub", facts->user);
	PutText(json, "role", facts->is_super_admin ? PLATFORM_ROLE : USER_ROLE);
	PutUuid(json, "session_id", facts->session);
	if (facts->tenant != NULL)
		PutUuid(json, "tenant_id", facts->tenant);
	if (TenantRole(facts) != NULL)
	{
		PutText(json, "tenant_role", TenantRole(facts));
		PutUnits(json, facts->membership);
	}
	if (facts->email != NULL)
		PutText(json, "email", facts->email);
	if (facts->aal != NULL)
		PutText(json, "aal", facts->aal);
	if (facts->amr != NULL)
		appendStringInfo(json, "\"amr\":%s,", facts->amr);
	appendStringInfo(json, "\"iat\":" INT64_FORMAT ",\"exp\":" INT64_FORMAT ",\"jti\":\"",
					 facts->issued_at, facts->ends_at);
	for (size_t i = 0; i < sizeof(random); i++)
		appendStringInfo(json, "%02x", random[i]);
	appendStringInfoString(json, "\"}");
}

/* Append the access token: the claims, signed with the current key of the ring. */
static void
PutAccessToken(StringInfo json, const Facts *facts)
{
	const Jwk  *key = KeyringCurrent(KEY_SIGN);
	StringInfoData claims;
	size_t		size;
	size_t		length;
	Status		status;

	initStringInfo(&claims);
	PutClaims(&claims, facts);
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
}

/* Append the user, as auth._grant_user() in SQL does. */
static void
PutUser(StringInfo json, const Facts *facts)
{
	appendStringInfoString(json, "\"user\":{");
	PutUuid(json, "id", facts->user);
	PutText(json, "email", facts->email);
	PutText(json, "name", facts->name);
	PutText(json, "role", TenantRole(facts));
	PutUuid(json, "tenant_id", facts->tenant);
	PutUnits(json, facts->membership);
	appendStringInfo(json, "\"email_verified\":%s,\"is_super_admin\":%s}",
					 facts->email_verified ? "true" : "false",
					 facts->is_super_admin ? "true" : "false");
}

/* Build a grant. */
Jsonb *
GrantBuild(const pg_uuid_t *user, const pg_uuid_t *session, const pg_uuid_t *tenant,
		   const Membership *membership, const char *refresh_token, int64 not_after)
{
	Facts		facts = {.user = user,.session = session,.tenant = tenant,.membership = membership};
	struct timespec now;
	StringInfoData json;

	LookUpFacts(&facts);
	clock_gettime(CLOCK_REALTIME, &now);
	facts.issued_at = now.tv_sec;
	/* one that lives longer than any may would be refused */
	facts.ends_at = facts.issued_at + Min(setting_access_token_lifetime, setting_max_token_lifetime);
	facts.ends_at = Min(facts.ends_at, not_after);

	initStringInfo(&json);
	appendStringInfoChar(&json, '{');
	PutAccessToken(&json, &facts);
	appendStringInfo(&json, "\"token_type\":\"bearer\",\"expires_in\":" INT64_FORMAT ",\"expires_at\":" INT64_FORMAT ",",
					 facts.ends_at - facts.issued_at, facts.ends_at);
	if (refresh_token != NULL)
		PutText(&json, "refresh_token", refresh_token);
	PutUser(&json, &facts);
	appendStringInfoChar(&json, '}');
	return JsonTextToJsonb(json.data, json.len, "grant");
}

/*
 * SQL function: auth._grant(user_id uuid, session_id uuid, tenant_id uuid,
 *                           refresh_token text, not_after bigint) returns jsonb
 *
 * Tenant, refresh token and not_after (epoch seconds) may be NULL.
 */
Datum
intrex_auth_grant(PG_FUNCTION_ARGS)
{
	const pg_uuid_t *user;
	const pg_uuid_t *tenant = PG_ARGISNULL(2) ? NULL : PG_GETARG_UUID_P(2);
	Membership	membership;

	LogGuardMark();
	if (PG_ARGISNULL(0) || PG_ARGISNULL(1))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("user and session must not be null")));
	user = PG_GETARG_UUID_P(0);
	/* callers have looked already; of a member of nothing there is no role */
	(void) LivenessLook(NULL, user, tenant, false, &membership);
	PG_RETURN_JSONB_P(GrantBuild(user, PG_GETARG_UUID_P(1), tenant, &membership,
								 PG_ARGISNULL(3) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(3)),
								 PG_ARGISNULL(4) ? PG_INT64_MAX : PG_GETARG_INT64(4)));
}
