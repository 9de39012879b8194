/*
 * src/rotate.c: auth_api.refresh, and the rotation where all is as it usually is.
 *
 * Depends on the columns of auth.refresh_tokens by number (sql/10_tables.sql), on
 * liveness.c and grant.c.  It is what clients do most, so it is one C call with
 * one statement in it; whatever is not usual (a token that is unknown, used or
 * expired, a session that has ended) is left to the flow in sql/56_login.sql,
 * which is slower and says why.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/xact.h"
#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "parser/parse_func.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/resowner.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "address.h"
#include "compat.h"
#include "cookie.h"
#include "grant.h"
#include "logguard.h"
#include "report.h"
#include "settings.h"

#include "core/base64url.h"
#include "core/hmac.h"
#include "core/mem.h"

SQL_FUNCTION(intrex_auth_refresh);
SQL_FUNCTION(intrex_auth_refresh_rotate);

#define TOKEN_BYTES 32
#define TOKEN_CHARS 43
#define HASH_BYTES 32

/* column numbers */
enum
{
	TOKEN_HASH = 1,
	TOKEN_SESSION_ID = 2,
	TOKEN_SALT = 4,
	TOKEN_EXPIRES_AT = 6,
	TOKEN_GENERATION = 7,
	MEMBERSHIP_USER_ID = 2
};

/* One statement for the two rows; both are there or none. */
static const char *const rotate_statement =
	"WITH rotation AS ("
"	INSERT INTO auth.refresh_tokens (token_hash, session_id, parent, salt, created_at, expires_at, generation)"
"	VALUES ($1, $2, $3, $4, $5, $6, $10)) "
"INSERT INTO auth.audit_log (at, event, outcome, user_id, tenant_id, session_id, address) "
"VALUES ($5, 'refresh', 'success', $7, $8, $2, $9)";

#define ROTATE_ARGUMENTS 10

static SPIPlanPtr rotate_plan = NULL;

/* A rotation on its way. */
typedef struct Rotation
{
	bytea	   *parent;			/* hash of the token that was presented */
	pg_uuid_t	session;
	SessionFacts who;
	char		successor[TOKEN_CHARS + 1];
	bytea	   *hash;			/* of the successor */
	int32		generation;		/* the successor's */
	TimestampTz expires_at;		/* the successor's */
} Rotation;

/* A table of ours, open for look-ups with one snapshot taken now. */
typedef struct Table
{
	Relation	relation;
	Oid			namespace;
	Snapshot	snapshot;
} Table;

/* An open look-up of rows by one column. */
typedef struct Lookup
{
	Relation	relation;
	SysScanDesc scan;
	HeapTuple	row;
} Lookup;

/* Open a table. */
static void
TableOpen(Table *table, const char *name)
{
	Oid			relation;

	table->namespace = get_namespace_oid("auth", false);
	relation = get_relname_relid(name, table->namespace);
	table->relation = table_open(relation, AccessShareLock);
	/* what systable_beginscan() would take for each look-up */
	table->snapshot = RegisterSnapshot(GetCatalogSnapshot(relation));
}

/* Close it. */
static void
TableClose(Table *table)
{
	UnregisterSnapshot(table->snapshot);
	table_close(table->relation, AccessShareLock);
}

/* Look up the first row whose column equals a value. */
static bool
LookupBegin(Lookup *lookup, const Table *table, const char *index_name,
			int column, Oid equal, Datum value)
{
	ScanKeyData key;

	ScanKeyInit(&key, (AttrNumber) column, BTEqualStrategyNumber, equal, value);
	lookup->relation = table->relation;
	lookup->scan = systable_beginscan(table->relation, get_relname_relid(index_name, table->namespace),
									  true, table->snapshot, 1, &key);
	lookup->row = systable_getnext(lookup->scan);
	return HeapTupleIsValid(lookup->row);
}

/* End a look-up. */
static void
LookupEnd(Lookup *lookup)
{
	systable_endscan(lookup->scan);
}

/* A column of the row. */
static Datum
Column(const Lookup *lookup, int number, bool *isnull)
{
	return heap_getattr(lookup->row, number, RelationGetDescr(lookup->relation), isnull);
}

/* SHA-256 as a bytea. */
static bytea *
HashToken(const uint8 *token)
{
	bytea	   *hash = palloc(VARHDRSZ + HASH_BYTES);
	Status		status = Sha256(token, TOKEN_BYTES, (uint8 *) VARDATA(hash));

	if (status != STATUS_OK)
		ReportCoreError(status, "token");
	SET_VARSIZE(hash, VARHDRSZ + HASH_BYTES);
	return hash;
}

/* The token that follows, and its hash: HMAC of the token under the salt of its row. */
static void
MakeSuccessor(Rotation *rotation, const uint8 *token, const bytea *salt)
{
	uint8		mac[HASH_MAX_BYTES];
	Status		status = HmacOnce(HASH_SHA256, VARDATA_ANY(salt), VARSIZE_ANY_EXHDR(salt),
								  token, TOKEN_BYTES, mac);

	if (status != STATUS_OK)
		ReportCoreError(status, "token");
	(void) Base64UrlEncode(mac, TOKEN_BYTES, rotation->successor);
	rotation->successor[TOKEN_CHARS] = '\0';
	rotation->hash = HashToken(mac);
	SecureWipe(mac, sizeof(mac));
}

/* Is the token known and not expired?  Then the rotation gets parent, session and successor. */
static bool
FindToken(Rotation *rotation, const uint8 *token)
{
	Table		tokens;
	Lookup		lookup;
	bool		isnull;
	bool		good = false;

	rotation->parent = HashToken(token);
	TableOpen(&tokens, "refresh_tokens");
	if (LookupBegin(&lookup, &tokens, "refresh_tokens_pkey", TOKEN_HASH, F_BYTEAEQ,
					PointerGetDatum(rotation->parent)))
	{
		rotation->session = *DatumGetUUIDP(Column(&lookup, TOKEN_SESSION_ID, &isnull));
		MakeSuccessor(rotation, token, DatumGetByteaPP(Column(&lookup, TOKEN_SALT, &isnull)));
		rotation->generation = DatumGetInt32(Column(&lookup, TOKEN_GENERATION, &isnull)) + 1;
		good = DatumGetTimestampTz(Column(&lookup, TOKEN_EXPIRES_AT, &isnull)) > GetCurrentTimestamp();
	}
	LookupEnd(&lookup);
	TableClose(&tokens);
	return good;
}

/* Is the user a member of any tenant? */
static bool
IsMember(const pg_uuid_t *user)
{
	Table		memberships;
	Lookup		lookup;
	bool		found;

	TableOpen(&memberships, "memberships");
	found = LookupBegin(&lookup, &memberships, "memberships_user_id_idx", MEMBERSHIP_USER_ID,
						F_UUID_EQ, UUIDPGetDatum(user));
	LookupEnd(&lookup);
	TableClose(&memberships);
	return found;
}

/*
 * Prepare the rotation of a token; false where it is not known or expired, the
 * session is over, or it is not clear in which tenant to go on.  If settled, it
 * goes on in this one (NULL: in none).
 */
static bool
Prepare(Rotation *rotation, const text *token, bool settled, const pg_uuid_t *tenant)
{
	uint8		bytes[TOKEN_BYTES];
	size_t		length;
	bool		found;

	if (VARSIZE_ANY_EXHDR(token) != TOKEN_CHARS ||
		Base64UrlDecode(VARDATA_ANY(token), TOKEN_CHARS, bytes, TOKEN_BYTES, &length) != STATUS_OK)
		return false;
	found = FindToken(rotation, bytes);
	SecureWipe(bytes, sizeof(bytes));
	return found &&
		LivenessLookFacts(&rotation->session, settled, tenant, &rotation->who) == LIVE &&
		(settled || rotation->who.has_tenant || !IsMember(&rotation->who.user));
}

/* Write the successor and the audit row; raises 23505 where the token was used before. */
static void
Write(Rotation *rotation)
{
	static Oid	types[ROTATE_ARGUMENTS] = {
		BYTEAOID, UUIDOID, BYTEAOID, BYTEAOID, TIMESTAMPTZOID, TIMESTAMPTZOID, UUIDOID, UUIDOID, INETOID, INT4OID
	};
	Datum		values[ROTATE_ARGUMENTS];
	char		nulls[ROTATE_ARGUMENTS + 1] = "          ";
	TimestampTz now = GetCurrentTimestamp();
	bytea	   *salt = palloc(VARHDRSZ + HASH_BYTES);
	bool		unknown;

	SET_VARSIZE(salt, VARHDRSZ + HASH_BYTES);
	if (RandomBytes(VARDATA(salt), HASH_BYTES) != STATUS_OK)
		ReportCoreError(STATUS_CRYPTO, "random bytes");
	values[0] = PointerGetDatum(rotation->hash);
	values[1] = UUIDPGetDatum(&rotation->session);
	values[2] = PointerGetDatum(rotation->parent);
	values[3] = PointerGetDatum(salt);
	values[4] = TimestampTzGetDatum(now);
	rotation->expires_at = RefreshTokenEnd(&rotation->who, now);
	values[5] = TimestampTzGetDatum(rotation->expires_at);
	values[6] = UUIDPGetDatum(&rotation->who.user);
	values[7] = UUIDPGetDatum(&rotation->who.tenant);
	if (!rotation->who.has_tenant)
		nulls[7] = 'n';
	values[8] = ClientAddressDatum(&unknown);
	if (unknown)
		nulls[8] = 'n';
	values[9] = Int32GetDatum(rotation->generation);

	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect failed");
	if (rotate_plan == NULL)
	{
		SPIPlanPtr	plan = SPI_prepare(rotate_statement, ROTATE_ARGUMENTS, types);

		if (plan == NULL || SPI_keepplan(plan) != 0)
			elog(ERROR, "SPI_prepare failed: %s", SPI_result_code_string(SPI_result));
		rotate_plan = plan;
	}
	if (SPI_execute_plan(rotate_plan, values, nulls, false, 0) != SPI_OK_INSERT)
		elog(ERROR, "SPI_execute_plan failed: %s", SPI_result_code_string(SPI_result));
	SPI_finish();
}

/*
 * The same, in a subtransaction; false where the token was used before, also by a
 * transaction that is faster, or where the session was deleted.  Looking first
 * would cost each refresh what it spares the unusual one.
 */
static bool
TryWrite(Rotation *rotation)
{
	MemoryContext context = CurrentMemoryContext;
	ResourceOwner owner = CurrentResourceOwner;
	volatile bool written = true;

	BeginInternalSubTransaction(NULL);
	MemoryContextSwitchTo(context);
	PG_TRY();
	{
		Write(rotation);
		ReleaseCurrentSubTransaction();
	}
	PG_CATCH();
	{
		ErrorData  *error;

		MemoryContextSwitchTo(context);
		error = CopyErrorData();
		FlushErrorState();
		RollbackAndReleaseCurrentSubTransaction();
		MemoryContextSwitchTo(context);
		CurrentResourceOwner = owner;
		if (error->sqlerrcode != ERRCODE_UNIQUE_VIOLATION &&
			error->sqlerrcode != ERRCODE_FOREIGN_KEY_VIOLATION)
			ReThrowError(error);
		FreeErrorData(error);
		written = false;
	}
	PG_END_TRY();
	MemoryContextSwitchTo(context);
	CurrentResourceOwner = owner;
	return written;
}

/*
 * Write the rotation and give its grant, or give what the claims hook says against
 * it and write nothing: the token then stays unused.  False where it was used before.
 */
static bool
WriteAndGrant(Rotation *rotation, Jsonb **answer)
{
	bool		refused;

	*answer = GrantBuild(&rotation->session, &rotation->who, rotation->successor,
						 PG_INT64_MAX, "token_refresh", &refused);
	if (refused)
		return true;
	if (!TryWrite(rotation))
		return false;
	GrantDeliver(rotation->successor, rotation->expires_at);
	return true;
}

/*
 * Leave it to auth._refresh_unusual().  Whether a second use is late is judged by
 * when it came, not by when a transaction that it had to wait for has ended.
 */
static Datum
CallUnusual(const text *token, TimestampTz presented_at, bool by_cookie)
{
	Oid			types[] = {TEXTOID, TIMESTAMPTZOID, BOOLOID};
	FmgrInfo	function;
	Datum		answer;

	LOCAL_FCINFO(call, 3);

	fmgr_info(LookupFuncName(list_make2(makeString("auth"), makeString("_refresh_unusual")),
							 lengthof(types), types, false),
			  &function);
	InitFunctionCallInfoData(*call, &function, lengthof(types), InvalidOid, NULL, NULL);
	call->args[0].value = PointerGetDatum(token);
	call->args[0].isnull = token == NULL;
	call->args[1].value = TimestampTzGetDatum(presented_at);
	call->args[1].isnull = false;
	call->args[2].value = BoolGetDatum(by_cookie);
	call->args[2].isnull = false;
	answer = FunctionCallInvoke(call);
	if (call->isnull)
		elog(ERROR, "auth._refresh_unusual() returned NULL");
	return answer;
}

/* The token that came by cookie as an argument would; NULL when none did. */
static text *
TokenOfCookie(void)
{
	char	   *token = CookieToken();

	return token != NULL ? cstring_to_text(token) : NULL;
}

/*
 * SQL function: auth_api.refresh(refresh_token text) returns jsonb
 *
 * In C for what is usual, because it is what clients call most.  Without an
 * argument the token is that of the cookie, where one delivers.
 */
Datum
intrex_auth_refresh(PG_FUNCTION_ARGS)
{
	TimestampTz presented_at = GetCurrentTimestamp();
	text	   *token = PG_ARGISNULL(0) ? NULL : PG_GETARG_TEXT_PP(0);
	bool		by_cookie = token == NULL && CookieDelivers();
	Rotation	rotation;
	Jsonb	   *answer;

	LogGuardMark();
	if (by_cookie)
		token = TokenOfCookie();
	if (token != NULL && !CookieCrossSite() &&
		Prepare(&rotation, token, false, NULL) &&
		WriteAndGrant(&rotation, &answer))
		PG_RETURN_JSONB_P(answer);
	return CallUnusual(token, presented_at, by_cookie);
}

/*
 * SQL function: auth._refresh_rotate(refresh_token text, tenant_id uuid) returns jsonb
 *
 * The grant with the successor, in this tenant (NULL: in none); NULL where the
 * token is not known, expired or used, or the session is over.
 */
Datum
intrex_auth_refresh_rotate(PG_FUNCTION_ARGS)
{
	Rotation	rotation;
	Jsonb	   *answer;

	LogGuardMark();
	if (!PG_ARGISNULL(0) &&
		Prepare(&rotation, PG_GETARG_TEXT_PP(0), true, PG_ARGISNULL(1) ? NULL : PG_GETARG_UUID_P(1)) &&
		WriteAndGrant(&rotation, &answer))
		PG_RETURN_JSONB_P(answer);
	PG_RETURN_NULL();
}
