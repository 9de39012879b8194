/*
 * src/liveness.c: session, user and membership as they are now.
 *
 * Depends on the columns of auth.sessions, users and memberships by number (see
 * sql/10_tables.sql).  Three index look-ups through systable_beginscan() with a
 * fresh snapshot as catalogs are read with, so that revocations count at
 * REPEATABLE READ; it is legal in parallel workers and on standbys; no ACL and
 * no user switch is involved.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/namespace.h"
#include "commands/extension.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/inval.h"
#include "utils/jsonb.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "compat.h"
#include "liveness.h"

/* column numbers */
enum
{
	SESSION_ID = 1,
	SESSION_USER_ID = 2,
	SESSION_TENANT_ID = 3,
	SESSION_EXPIRES_AT = 4,
	SESSION_REVOKED_AT = 5,
	SESSION_AAL = 7,
	SESSION_AMR = 8,
	USER_ID = 1,
	USER_EMAIL = 2,
	USER_NAME = 4,
	USER_EMAIL_VERIFIED_AT = 6,
	USER_IS_SUPER_ADMIN = 8,
	USER_BANNED_UNTIL = 9,
	MEMBERSHIP_TENANT_ID = 1,
	MEMBERSHIP_USER_ID = 2,
	MEMBERSHIP_ROLE = 3,
	MEMBERSHIP_UNIT_IDS = 4
};

/* The tables and their primary keys, found by name once and after each change. */
typedef struct TableOids
{
	const char *table_name;
	const char *index_name;
	Oid			table;
	Oid			index;
} TableOids;

static TableOids sessions = {"sessions", "sessions_pkey", InvalidOid, InvalidOid};
static TableOids users = {"users", "users_pkey", InvalidOid, InvalidOid};
static TableOids memberships = {"memberships", "memberships_pkey", InvalidOid, InvalidOid};
static bool oids_known = false;

static const struct
{
	const char *code;
	const char *text;
}			outcomes[] = {
	[LIVE] = {"ok", "The session is alive."},
	[LIVE_NOT_INSTALLED] = {"not_installed", "This database has no tables of intrex_auth to check the session in."},
	[LIVE_NO_SESSION] = {"session_not_found", "The session does not exist."},
	[LIVE_SESSION_REVOKED] = {"session_revoked", "The session has been revoked."},
	[LIVE_SESSION_EXPIRED] = {"session_expired", "The session has expired."},
	[LIVE_NO_USER] = {"user_not_found", "The user does not exist."},
	[LIVE_USER_BANNED] = {"user_banned", "The user is banned."},
	[LIVE_NOT_ADMIN] = {"not_an_administrator", "The user is no platform administrator any more."},
	[LIVE_NOT_MEMBER] = {"not_a_member", "The user is not a member of the tenant."},
};

/* Stable code of an outcome. */
const char *
LivenessCode(Liveness liveness)
{
	return outcomes[liveness].code;
}

/* Sentence of an outcome. */
const char *
LivenessText(Liveness liveness)
{
	return outcomes[liveness].text;
}

/* A change of one of our relations, or of any: find them anew. */
static void
ForgetOids(Datum arg, Oid relid)
{
	if (!OidIsValid(relid) ||
		relid == sessions.table || relid == sessions.index ||
		relid == users.table || relid == users.index ||
		relid == memberships.table || relid == memberships.index)
		oids_known = false;
}

/* Find a table and its primary key by name. */
static bool
FindOids(TableOids *oids, Oid namespace)
{
	oids->table = get_relname_relid(oids->table_name, namespace);
	oids->index = get_relname_relid(oids->index_name, namespace);
	return OidIsValid(oids->table) && OidIsValid(oids->index);
}

/*
 * Know all tables, or return false: the extension is not in this database.
 * There anybody may own a schema of that name, with tables whose columns are not
 * what their numbers say.
 */
static bool
KnowOids(void)
{
	Oid			namespace;

	if (oids_known)
		return true;
	if (!OidIsValid(get_extension_oid("intrex_auth", true)))
		return false;
	namespace = get_namespace_oid("auth", true);
	if (!OidIsValid(namespace) ||
		!FindOids(&sessions, namespace) ||
		!FindOids(&users, namespace) ||
		!FindOids(&memberships, namespace))
		return false;
	oids_known = true;
	return true;
}

/* An open look-up of one row. */
typedef struct Lookup
{
	Relation	table;
	SysScanDesc scan;
	HeapTuple	row;
} Lookup;

/* Look up a row by one or two uuid columns of a primary key. */
static void
LookupBegin(Lookup *lookup, const TableOids *oids, Snapshot snapshot,
			const pg_uuid_t *first, const pg_uuid_t *second)
{
	ScanKeyData key[2];

	ScanKeyInit(&key[0], 1, BTEqualStrategyNumber, F_UUID_EQ, UUIDPGetDatum(first));
	if (second != NULL)
		ScanKeyInit(&key[1], 2, BTEqualStrategyNumber, F_UUID_EQ, UUIDPGetDatum(second));
	lookup->table = table_open(oids->table, AccessShareLock);
	lookup->scan = systable_beginscan(lookup->table, oids->index, true, snapshot,
									  second != NULL ? 2 : 1, key);
	lookup->row = systable_getnext(lookup->scan);
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
Column(const Lookup *lookup, int number, bool *isnull)
{
	return heap_getattr(lookup->row, number, RelationGetDescr(lookup->table), isnull);
}

/* A text column, copied; NULL if it is. */
static char *
TextColumn(const Lookup *lookup, int number)
{
	bool		isnull;
	Datum		value = Column(lookup, number, &isnull);

	return isnull ? NULL : TextDatumGetCString(value);
}

/* A uuid column; false if it is NULL. */
static bool
UuidColumn(const Lookup *lookup, int number, pg_uuid_t *out)
{
	bool		isnull;
	Datum		value = Column(lookup, number, &isnull);

	if (!isnull)
		*out = *DatumGetUUIDP(value);
	return !isnull;
}

/* What the row of a session tells. */
static void
ReadSession(const Lookup *lookup, SessionFacts *facts)
{
	bool		isnull;
	Datum		value = Column(lookup, SESSION_AMR, &isnull);

	(void) UuidColumn(lookup, SESSION_USER_ID, &facts->user);
	facts->has_tenant = UuidColumn(lookup, SESSION_TENANT_ID, &facts->tenant);
	facts->aal = TextColumn(lookup, SESSION_AAL);
	if (!isnull)
	{
		Jsonb	   *amr = DatumGetJsonbP(value);

		facts->amr = JsonbToCString(NULL, &amr->root, VARSIZE(amr));
	}
}

/* What the row of a user tells. */
static void
ReadUser(const Lookup *lookup, SessionFacts *facts)
{
	bool		isnull;
	Datum		value = Column(lookup, USER_IS_SUPER_ADMIN, &isnull);

	facts->is_super_admin = !isnull && DatumGetBool(value);
	(void) Column(lookup, USER_EMAIL_VERIFIED_AT, &isnull);
	facts->email_verified = !isnull;
	facts->email = TextColumn(lookup, USER_EMAIL);
	facts->name = TextColumn(lookup, USER_NAME);
}

/* Is the session there, this user's (or anybody's), not revoked and not over (when)? */
static Liveness
LookAtSession(Snapshot snapshot, const pg_uuid_t *session, const pg_uuid_t *user,
			  SessionFacts *facts, TimestampTz *ends)
{
	Lookup		lookup;
	Liveness	outcome = LIVE_NO_SESSION;
	Datum		value;
	bool		isnull;

	*ends = DT_NOEND;
	LookupBegin(&lookup, &sessions, snapshot, session, NULL);
	if (HeapTupleIsValid(lookup.row))
	{
		if (facts != NULL)
			ReadSession(&lookup, facts);
		value = Column(&lookup, SESSION_USER_ID, &isnull);
		if (isnull || (user != NULL && memcmp(DatumGetUUIDP(value), user, UUID_LEN) != 0))
			outcome = LIVE_NO_SESSION;
		else
		{
			(void) Column(&lookup, SESSION_REVOKED_AT, &isnull);
			if (!isnull)
				outcome = LIVE_SESSION_REVOKED;
			else
			{
				value = Column(&lookup, SESSION_EXPIRES_AT, &isnull);
				if (!isnull)
					*ends = DatumGetTimestampTz(value);
				outcome = *ends <= GetCurrentTimestamp() ? LIVE_SESSION_EXPIRED : LIVE;
			}
		}
	}
	LookupEnd(&lookup);
	return outcome;
}

/* Is the user there, not banned, and an administrator if that is claimed? */
static Liveness
LookAtUser(Snapshot snapshot, const pg_uuid_t *user, bool as_admin, SessionFacts *facts)
{
	Lookup		lookup;
	Liveness	outcome = LIVE_NO_USER;
	Datum		value;
	bool		isnull;

	LookupBegin(&lookup, &users, snapshot, user, NULL);
	if (HeapTupleIsValid(lookup.row))
	{
		if (facts != NULL)
			ReadUser(&lookup, facts);
		value = Column(&lookup, USER_BANNED_UNTIL, &isnull);
		if (!isnull && DatumGetTimestampTz(value) > GetCurrentTimestamp())
			outcome = LIVE_USER_BANNED;
		else
		{
			value = Column(&lookup, USER_IS_SUPER_ADMIN, &isnull);
			if (as_admin && (isnull || !DatumGetBool(value)))
				outcome = LIVE_NOT_ADMIN;
			else
				outcome = LIVE;
		}
	}
	LookupEnd(&lookup);
	return outcome;
}

/*
 * A copy of units that lasts as long as the transaction; the former copy if it is
 * the same, so that a transaction that looks a million times does not grow.
 */
const pg_uuid_t *
LivenessKeepUnits(const pg_uuid_t *units, int count)
{
	static LocalTransactionId kept_in = InvalidLocalTransactionId;
	static pg_uuid_t *kept;
	static int	kept_count;

	if (count == 0)
		return NULL;
	if (kept_in == ProcLxid(MyProc) && kept_count == count &&
		memcmp(kept, units, sizeof(pg_uuid_t) * count) == 0)
		return kept;
	kept = MemoryContextAlloc(TopTransactionContext, sizeof(pg_uuid_t) * count);
	memcpy(kept, units, sizeof(pg_uuid_t) * count);
	kept_count = count;
	kept_in = ProcLxid(MyProc);
	return kept;
}

/* Copy the units of a membership to where the whole transaction can read them. */
static void
CopyUnits(Datum value, Membership *membership)
{
	ArrayType  *array = DatumGetArrayTypeP(value);
	int			count = ArrayGetNItems(ARR_NDIM(array), ARR_DIMS(array));
	const uint8 *not_null = ARR_NULLBITMAP(array);
	const char *next = ARR_DATA_PTR(array);
	pg_uuid_t  *units;

	membership->unit_count = 0;
	membership->units = NULL;
	if (count == 0)
		return;
	units = palloc(sizeof(pg_uuid_t) * count);
	/* uuids have a fixed length and no alignment; a NULL takes no room */
	for (int i = 0; i < count; i++)
	{
		if (not_null != NULL && (not_null[i / 8] & (1 << i % 8)) == 0)
			continue;
		memcpy(&units[membership->unit_count++], next, UUID_LEN);
		next += UUID_LEN;
	}
	membership->units = LivenessKeepUnits(units, membership->unit_count);
	pfree(units);
}

/* Is the user a member of the tenant, and as what? */
static Liveness
LookAtMembership(Snapshot snapshot, const pg_uuid_t *tenant, const pg_uuid_t *user,
				 Membership *membership)
{
	Lookup		lookup;
	Liveness	outcome = LIVE_NOT_MEMBER;
	Datum		value;
	bool		isnull;

	LookupBegin(&lookup, &memberships, snapshot, tenant, user);
	if (HeapTupleIsValid(lookup.row))
	{
		value = Column(&lookup, MEMBERSHIP_ROLE, &isnull);
		if (!isnull)
			text_to_cstring_buffer(DatumGetTextPP(value), membership->role, MEMBER_ROLE_SIZE);
		value = Column(&lookup, MEMBERSHIP_UNIT_IDS, &isnull);
		if (!isnull)
			CopyUnits(value, membership);
		outcome = LIVE;
	}
	LookupEnd(&lookup);
	return outcome;
}

/* Look up session, user and membership as they are now. */
Liveness
LivenessLook(const pg_uuid_t *session, const pg_uuid_t *user, const pg_uuid_t *tenant,
			 bool as_admin, Membership *membership, TimestampTz *ends)
{
	Liveness	outcome = LIVE;
	Snapshot	snapshot;

	*ends = DT_NOEND;
	memset(membership, 0, sizeof(*membership));
	if (!KnowOids())
		return LIVE_NOT_INSTALLED;

	/* what systable_beginscan() would take for itself, once for the three */
	snapshot = RegisterSnapshot(GetCatalogSnapshot(sessions.table));
	if (session != NULL)
		outcome = LookAtSession(snapshot, session, user, NULL, ends);
	if (outcome == LIVE)
		outcome = LookAtUser(snapshot, user, as_admin, NULL);
	if (outcome == LIVE && tenant != NULL)
		outcome = LookAtMembership(snapshot, tenant, user, membership);
	UnregisterSnapshot(snapshot);
	return outcome;
}

/* Look up a session with all that is made out to its user. */
Liveness
LivenessLookFacts(const pg_uuid_t *session, bool chosen, const pg_uuid_t *tenant,
				  SessionFacts *facts)
{
	Liveness	outcome;
	Snapshot	snapshot;

	memset(facts, 0, sizeof(*facts));
	if (!KnowOids())
		return LIVE_NOT_INSTALLED;

	snapshot = RegisterSnapshot(GetCatalogSnapshot(sessions.table));
	outcome = LookAtSession(snapshot, session, NULL, facts, &facts->ends);
	if (chosen)
	{
		facts->has_tenant = tenant != NULL;
		if (tenant != NULL)
			facts->tenant = *tenant;
	}
	if (outcome == LIVE)
		outcome = LookAtUser(snapshot, &facts->user, false, facts);
	if (outcome == LIVE && facts->has_tenant)
		outcome = LookAtMembership(snapshot, &facts->tenant, &facts->user, &facts->membership);
	UnregisterSnapshot(snapshot);
	return outcome;
}

/* Hear of changes to the tables themselves. */
void
LivenessInit(void)
{
	CacheRegisterRelcacheCallback(ForgetOids, (Datum) 0);
}
