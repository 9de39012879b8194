/*
 * src/rotate.c: auth_api.refresh, and the rotation where all is as it usually is.
 *
 * Depends on the columns of auth.refresh_tokens by number (sql/10_tables.sql), on
 * liveness.c and grant.c.  It is what clients do most, so
 * it is one C call; whatever is not usual (a token that
 * is unknown, used or late, a session that has ended) is left to the flow in
 * sql/56_login.sql, which is slower and says why.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "commands/trigger.h"
#include "executor/executor.h"
#include "executor/spi.h"
#include "parser/parse_func.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/resowner.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "compat.h"
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
	TOKEN_PARENT = 3,
	TOKEN_SALT = 4,
	TOKEN_CREATED_AT = 5,
	TOKEN_EXPIRES_AT = 6,
	TOKEN_COLUMNS = 6,
	MEMBERSHIP_USER_ID = 2
};

static const char *const audit_statement =
"INSERT INTO auth.audit_log (event, outcome, user_id, tenant_id, session_id, address) "
"VALUES ('refresh', 'success', $1, $2, $3, auth.client_address())";

#define AUDIT_ARGUMENTS 3

static SPIPlanPtr audit_plan = NULL;

/* A rotation on its way. */
typedef struct Rotation
{
	bytea	   *parent;			/* hash of the token that was presented */
	pg_uuid_t	session;
	SessionFacts who;
	char		successor[TOKEN_CHARS + 1];
	bytea	   *hash;			/* of the successor */
} Rotation;

/* From 16 on there is one more argument: to leave all indexes but summarizing ones out. */
static List *
InsertIndexEntries(ResultRelInfo *target, TupleTableSlot *slot, EState *state)
{
#if PG_VERSION_NUM >= 160000
	return ExecInsertIndexTuples(target, slot, state, false, false, NULL, NIL, false);
#else
	return ExecInsertIndexTuples(target, slot, state, false, false, NULL, NIL);
#endif
}

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

/*
 * Insert a row with its index entries, and let the foreign key be checked.  By the
 * executor's parts, since the executor itself would take as long again; the other
 * constraints of the table hold for what is made here.
 */
static void
InsertToken(const Datum values[TOKEN_COLUMNS])
{
	Relation	table = table_open(get_relname_relid("refresh_tokens", get_namespace_oid("auth", false)),
								   RowExclusiveLock);
	EState	   *state = CreateExecutorState();
	ResultRelInfo *target = makeNode(ResultRelInfo);
	TupleTableSlot *slot = table_slot_create(table, &state->es_tupleTable);

	memcpy(slot->tts_values, values, sizeof(Datum) * TOKEN_COLUMNS);
	memset(slot->tts_isnull, 0, sizeof(bool) * TOKEN_COLUMNS);
	ExecStoreVirtualTuple(slot);
	InitResultRelInfo(target, table, 0, NULL, 0);
	ExecOpenIndices(target, false);
	AfterTriggerBeginQuery();
	table_tuple_insert(table, slot, GetCurrentCommandId(true), 0, NULL);
	ExecARInsertTriggers(state, target, slot, InsertIndexEntries(target, slot, state), NULL);
	AfterTriggerEndQuery(state);
	ExecCloseIndices(target);
	ExecResetTupleTable(state->es_tupleTable, false);
	FreeExecutorState(state);
	table_close(table, NoLock);
}

/* Write the successor; raises 23505 where the token was used before. */
static void
WriteToken(const Rotation *rotation)
{
	Datum		values[TOKEN_COLUMNS];
	TimestampTz now = GetCurrentTimestamp();
	bytea	   *salt = palloc(VARHDRSZ + HASH_BYTES);

	SET_VARSIZE(salt, VARHDRSZ + HASH_BYTES);
	if (RandomBytes(VARDATA(salt), HASH_BYTES) != STATUS_OK)
		ReportCoreError(STATUS_CRYPTO, "random bytes");
	values[TOKEN_HASH - 1] = PointerGetDatum(rotation->hash);
	values[TOKEN_SESSION_ID - 1] = UUIDPGetDatum(&rotation->session);
	values[TOKEN_PARENT - 1] = PointerGetDatum(rotation->parent);
	values[TOKEN_SALT - 1] = PointerGetDatum(salt);
	values[TOKEN_CREATED_AT - 1] = TimestampTzGetDatum(now);
	values[TOKEN_EXPIRES_AT - 1] = TimestampTzGetDatum(now + setting_refresh_token_lifetime * USECS_PER_SEC);
	InsertToken(values);
}

/* Write the audit row. */
static void
WriteAudit(const Rotation *rotation)
{
	static Oid	types[AUDIT_ARGUMENTS] = {UUIDOID, UUIDOID, UUIDOID};
	Datum		values[AUDIT_ARGUMENTS];
	char		nulls[AUDIT_ARGUMENTS + 1] = "   ";

	values[0] = UUIDPGetDatum(&rotation->who.user);
	values[1] = UUIDPGetDatum(&rotation->who.tenant);
	values[2] = UUIDPGetDatum(&rotation->session);
	if (!rotation->who.has_tenant)
		nulls[1] = 'n';

	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect failed");
	if (audit_plan == NULL)
	{
		SPIPlanPtr	plan = SPI_prepare(audit_statement, AUDIT_ARGUMENTS, types);

		if (plan == NULL || SPI_keepplan(plan) != 0)
			elog(ERROR, "SPI_prepare failed: %s", SPI_result_code_string(SPI_result));
		audit_plan = plan;
	}
	if (SPI_execute_plan(audit_plan, values, nulls, false, 0) != SPI_OK_INSERT)
		elog(ERROR, "SPI_execute_plan failed: %s", SPI_result_code_string(SPI_result));
	SPI_finish();
}

/*
 * The same, in a subtransaction; false where the token was used before, also by a
 * transaction that is faster, or where the session was deleted.  Looking first
 * would cost each refresh what it spares the unusual one.
 */
static bool
TryWriteToken(const Rotation *rotation)
{
	MemoryContext context = CurrentMemoryContext;
	ResourceOwner owner = CurrentResourceOwner;
	volatile bool written = true;

	BeginInternalSubTransaction(NULL);
	MemoryContextSwitchTo(context);
	PG_TRY();
	{
		WriteToken(rotation);
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

/* The audit row and the grant of a rotation. */
static Datum
Finish(const Rotation *rotation)
{
	WriteAudit(rotation);
	return JsonbPGetDatum(GrantBuild(&rotation->session, &rotation->who, rotation->successor,
									 PG_INT64_MAX));
}

/*
 * Leave it to auth._refresh_unusual().  Whether a second use is late is judged by
 * when it came, not by when a transaction that it had to wait for has ended.
 */
static Datum
CallUnusual(NullableDatum token, TimestampTz presented_at)
{
	Oid			types[] = {TEXTOID, TIMESTAMPTZOID};
	FmgrInfo	function;
	Datum		answer;

	LOCAL_FCINFO(call, 2);

	fmgr_info(LookupFuncName(list_make2(makeString("auth"), makeString("_refresh_unusual")),
							 lengthof(types), types, false),
			  &function);
	InitFunctionCallInfoData(*call, &function, lengthof(types), InvalidOid, NULL, NULL);
	call->args[0] = token;
	call->args[1].value = TimestampTzGetDatum(presented_at);
	call->args[1].isnull = false;
	answer = FunctionCallInvoke(call);
	if (call->isnull)
		elog(ERROR, "auth._refresh_unusual() returned NULL");
	return answer;
}

/*
 * SQL function: auth_api.refresh(refresh_token text) returns jsonb
 *
 * In C for what is usual, because it is what clients call most.
 */
Datum
intrex_auth_refresh(PG_FUNCTION_ARGS)
{
	TimestampTz presented_at = GetCurrentTimestamp();
	Rotation	rotation;

	LogGuardMark();
	if (!PG_ARGISNULL(0) &&
		Prepare(&rotation, PG_GETARG_TEXT_PP(0), false, NULL) &&
		TryWriteToken(&rotation))
		return Finish(&rotation);
	return CallUnusual(fcinfo->args[0], presented_at);
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

	LogGuardMark();
	if (!PG_ARGISNULL(0) &&
		Prepare(&rotation, PG_GETARG_TEXT_PP(0), true, PG_ARGISNULL(1) ? NULL : PG_GETARG_UUID_P(1)) &&
		TryWriteToken(&rotation))
		return Finish(&rotation);
	PG_RETURN_NULL();
}
