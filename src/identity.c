/*
 * src/identity.c: who is asking: the setting intrex_auth.token and what it proves.
 *
 * Depends on token.c (signature and claims), liveness.c (session, user,
 * membership) and guc.c, whose machinery gives transactions, savepoints, RESET,
 * DISCARD ALL and parallel workers the right identity without any code of ours.
 *
 * The stored value is "<local transaction id>:<token>", or POISONED_VALUE: guc.c
 * hands that string to parallel workers, which so know in which of the leader's
 * transactions the token was set.  Nobody sees it: the show hook masks it.
 */
#include "postgres.h"

#include "access/parallel.h"
#include "access/xact.h"
#include "commands/trigger.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/timestamp.h"

#include "compat.h"
#include "identity.h"
#include "keyring.h"
#include "liveness.h"
#include "report.h"
#include "settings.h"
#include "token.h"

#include "core/jws.h"
#include "core/mem.h"

SQL_FUNCTION(intrex_auth_identity_changed);

#define TOKEN_SETTING "intrex_auth.token"
#define POISONED_VALUE "poisoned"
#define MASKED_VALUE "(hidden)"
#define NIL_UUID "00000000-0000-0000-0000-000000000000"
#define ADMIN_ROLE "auth_platform"

/* A string of the identity: offset from its start, 0 when absent. */
typedef uint32 PartOffset;

struct Identity
{
	size_t		size;			/* of this allocation */

	/* as signed; never changed */
	bool		poisoned;		/* every read raises */
	LocalTransactionId set_in;	/* the leader's transaction that set it */
	TimestampTz expires_at;
	bool		has_user;
	bool		has_tenant;
	bool		has_session;
	bool		is_admin;		/* the token says auth_platform */
	pg_uuid_t	user;
	pg_uuid_t	tenant;
	pg_uuid_t	session;
	PartOffset	subject;
	PartOffset	role;
	PartOffset	email;
	PartOffset	tenant_role;
	PartOffset	aal;
	PartOffset	units;
	int			unit_count;

	/* what was found to hold, and for how long that is good */
	LocalTransactionId clock_in;	/* wall clock asked in this transaction */
	LocalTransactionId live_in; /* live in this transaction … */
	uint64		live_epoch;		/* … and epoch */
	Membership	membership;
};

/* Why an identity does not hold. */
typedef enum Refusal
{
	HOLDS,
	REFUSED_POISONED,
	REFUSED_STALE,
	REFUSED_EXPIRED,
	REFUSED_NO_SESSION_CLAIM,
	REFUSED_LIVENESS
} Refusal;

static char *token_value = NULL;
static char *tenant_value = NULL;
static Identity *current_identity = NULL;
static bool defining_setting = false;

/* Grows when rows that an identity rests on may have changed in this transaction. */
static uint64 epoch = 1;

/* Memory that is kept from one token to the next. */
typedef struct Kept
{
	char	   *start;
	size_t		size;
	size_t		used;			/* bytes that are to be wiped before it is freed */
} Kept;

/*
 * The last token that verified in this backend, and under which keys and
 * settings: an equal one needs no second signature check.  A cache of a pure
 * function, so it may outlive the setting itself.
 */
static struct
{
	Kept		token;
	size_t		length;			/* of the token; 0: none is remembered */
	size_t		signature;		/* where its signature begins */
	uint64		generation;		/* of key ring and settings, both of which only grow */
	Kept		identity;
}			last_verified;

/* A part of the identity by its offset. */
static inline const char *
At(const Identity *identity, PartOffset offset)
{
	return offset ? (const char *) identity + offset : NULL;
}

/* Values of the hexadecimal digits, with a bit that no other character has. */
#define IS_HEX 0x10
static const uint8 hex_digits[256] = {
	['0'] = IS_HEX | 0,['1'] = IS_HEX | 1,['2'] = IS_HEX | 2,['3'] = IS_HEX | 3,
	['4'] = IS_HEX | 4,['5'] = IS_HEX | 5,['6'] = IS_HEX | 6,['7'] = IS_HEX | 7,
	['8'] = IS_HEX | 8,['9'] = IS_HEX | 9,
	['a'] = IS_HEX | 10,['b'] = IS_HEX | 11,['c'] = IS_HEX | 12,
	['d'] = IS_HEX | 13,['e'] = IS_HEX | 14,['f'] = IS_HEX | 15,
	['A'] = IS_HEX | 10,['B'] = IS_HEX | 11,['C'] = IS_HEX | 12,
	['D'] = IS_HEX | 13,['E'] = IS_HEX | 14,['F'] = IS_HEX | 15
};

/*
 * Parse a uuid without throwing; only the canonical 36 characters.  By a table
 * and without a branch on a digit: digits are random, and four uuids of
 * mispredicted branches would cost a fifth of a verification.
 */
static bool
ParseUuid(const char *text, size_t length, pg_uuid_t *out)
{
	static const uint8 places[UUID_LEN] = {0, 2, 4, 6, 9, 11, 14, 16, 19, 21, 24, 26, 28, 30, 32, 34};
	const uint8 *p = (const uint8 *) text;
	uint8		all = IS_HEX;

	if (length != 36 || p[8] != '-' || p[13] != '-' || p[18] != '-' || p[23] != '-')
		return false;
	for (int i = 0; i < UUID_LEN; i++)
	{
		uint8		high = hex_digits[p[places[i]]];
		uint8		low = hex_digits[p[places[i] + 1]];

		all &= high & low;
		out->data[i] = (unsigned char) (high << 4 | (low & 15));
	}
	return all == IS_HEX;
}

/* Append a claim as a NUL-terminated string; returns its offset, 0 when absent. */
static Status
PutString(Identity *identity, size_t *used, const JsonDoc *doc, int token, PartOffset *offset)
{
	size_t		length;
	Status		status;

	*offset = 0;
	if (token < 0)
		return STATUS_OK;
	status = JsonString(doc, token, (char *) identity + *used, identity->size - *used, &length);
	if (status == STATUS_OK)
	{
		*offset = (PartOffset) *used;
		*used += length + 1;
	}
	return status;
}

/* Read a uuid claim; an absent one is fine, another text is not. */
static Status
PutUuid(const JsonDoc *doc, int token, pg_uuid_t *out, bool *present)
{
	const JsonToken *string;
	const char *text;
	size_t		length;
	char		unescaped[64];

	*present = false;
	if (token < 0)
		return STATUS_OK;
	string = &doc->tokens[token];
	text = doc->text + string->start;
	length = string->length;
	if (string->escaped)
	{
		if (JsonString(doc, token, unescaped, sizeof(unescaped), &length) != STATUS_OK)
			return STATUS_CLAIM_TYPE;
		text = unescaped;
	}
	if (string->type != JSON_STRING || !ParseUuid(text, length, out))
		return STATUS_CLAIM_TYPE;
	*present = true;
	return STATUS_OK;
}

/* Append the unit_ids claim. */
static Status
PutUnits(Identity *identity, size_t *used, const JsonDoc *doc, int token)
{
	pg_uuid_t  *units;
	bool		present;
	int			element;

	identity->units = 0;
	identity->unit_count = 0;
	if (token < 0)
		return STATUS_OK;
	*used = MAXALIGN(*used);
	units = (pg_uuid_t *) ((char *) identity + *used);
	element = token + 1;
	for (uint32 i = 0; i < doc->tokens[token].count; i++)
	{
		if (PutUuid(doc, element, &units[i], &present) != STATUS_OK)
			return STATUS_CLAIM_TYPE;
		element = doc->tokens[element].next;
	}
	identity->unit_count = doc->tokens[token].count;
	identity->units = (PartOffset) *used;
	*used += sizeof(pg_uuid_t) * identity->unit_count;
	return STATUS_OK;
}

/* Units that the claims name. */
static uint32
UnitCount(const VerifiedToken *token)
{
	int			unit_ids = token->claims.unit_ids;

	return unit_ids < 0 ? 0 : token->doc.tokens[unit_ids].count;
}

/* Bytes that MakeIdentity() may need: every claim is a part of the payload. */
static size_t
IdentitySize(const VerifiedToken *token)
{
	return sizeof(Identity) + token->payload_length + 64 +
		UnitCount(token) * sizeof(pg_uuid_t);
}

/*
 * Make the identity of a payload, in one flat piece of IdentitySize() bytes.
 * sub may be no uuid (then uid() is NULL); the other ids are ours and must be.
 */
static Status
MakeIdentity(const VerifiedToken *token, Identity *identity)
{
	const Claims *claims = &token->claims;
	const JsonDoc *doc = &token->doc;
	Status		status;
	size_t		used = sizeof(Identity);
	bool		present;

	memset(identity, 0, sizeof(Identity));
	identity->size = IdentitySize(token);
	identity->expires_at = (claims->exp -
							((POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE) * (int64) SECS_PER_DAY)) * USECS_PER_SEC;

	status = PutString(identity, &used, doc, claims->sub, &identity->subject);
	if (status == STATUS_OK)
		status = PutString(identity, &used, doc, claims->role, &identity->role);
	if (status == STATUS_OK)
		status = PutString(identity, &used, doc, claims->email, &identity->email);
	if (status == STATUS_OK)
		status = PutString(identity, &used, doc, claims->tenant_role, &identity->tenant_role);
	if (status == STATUS_OK)
		status = PutString(identity, &used, doc, claims->aal, &identity->aal);
	if (status == STATUS_OK)
		status = PutUuid(doc, claims->tenant_id, &identity->tenant, &identity->has_tenant);
	if (status == STATUS_OK)
		status = PutUuid(doc, claims->session_id, &identity->session, &identity->has_session);
	if (status == STATUS_OK)
		status = PutUnits(identity, &used, doc, claims->unit_ids);
	if (status != STATUS_OK)
		return status;
	if (PutUuid(doc, claims->sub, &identity->user, &present) == STATUS_OK)
		identity->has_user = present;
	identity->is_admin = identity->role && strcmp(At(identity, identity->role), ADMIN_ROLE) == 0;
	identity->size = used;
	return STATUS_OK;
}

/* A copy that guc.c can free. */
static Identity *
CopyIdentity(const Identity *identity)
{
	Identity   *copy = GucMalloc(identity->size);

	if (copy != NULL)
		memcpy(copy, identity, identity->size);
	return copy;
}

/* Make room in kept memory. */
static bool
Keep(Kept *kept, size_t size)
{
	if (kept->size >= size)
		return true;
	SecureFree(kept->start, kept->used);
	kept->used = 0;
	kept->size = TYPEALIGN(1024, size);
	kept->start = malloc(kept->size);
	if (kept->start == NULL)
		kept->size = 0;
	return kept->start != NULL;
}

/*
 * Is it, byte for byte, the token that verified last, under the same keys and
 * settings?  The signature, which is what an attacker lacks, is compared first
 * and in constant time; the rest of a token is no secret from who has that.
 */
static bool
IsLastVerified(const char *token, size_t length)
{
	size_t		signature = last_verified.signature;

	return length > 0 && last_verified.length == length &&
		KeyringGet(false) != NULL &&
		last_verified.generation == KeyringGeneration() + SettingsGeneration() &&
		ConstantTimeEqual(last_verified.token.start + signature, token + signature,
						  length - signature) &&
		memcmp(last_verified.token.start, token, signature) == 0;
}

/* Remember the token of the kept identity; failing to is no harm. */
static void
RememberVerified(const char *token, size_t length)
{
	Kept	   *kept = &last_verified.token;

	if (!Keep(kept, length))
		return;
	memcpy(kept->start, token, length);
	/* that overwrites the former token, but for what it was longer */
	if (kept->used > length)
		SecureWipe(kept->start + length, kept->used - length);
	kept->used = length;
	last_verified.length = length;
	last_verified.signature = (size_t) (strrchr(token, '.') - token);
	last_verified.generation = KeyringGeneration() + SettingsGeneration();
}

/*
 * From a token to its identity: signature, claims, and what we demand of a
 * context.  The identity is good until the next call.  doc becomes the claims,
 * good as long, or is empty when the token did not have to be read.
 */
static Status
VerifyIdentity(const char *token, const Identity **out, JsonDoc *doc)
{
	size_t		length = strlen(token);
	VerifiedToken verified;
	Identity   *identity;
	Status		status;

	*out = NULL;
	*doc = (JsonDoc) {0};
	if (IsLastVerified(token, length))
	{
		identity = (Identity *) last_verified.identity.start;
		if (identity->expires_at <= GetCurrentTimestamp())
			return STATUS_CLAIM_EXPIRED;
		*out = identity;
		return STATUS_OK;
	}

	status = TokenVerify(token, length, &verified);
	if (status != STATUS_OK)
		return status;

	/* from here on the kept identity is another one */
	last_verified.length = 0;
	if (!Keep(&last_verified.identity, IdentitySize(&verified)))
		return STATUS_MEMORY;
	identity = (Identity *) last_verified.identity.start;
	status = MakeIdentity(&verified, identity);
	if (status != STATUS_OK)
		return status;

	/* with the session check on, nobody without a session has an identity */
	if (setting_session_check && !(identity->has_session && identity->has_user))
		return STATUS_CLAIM_MISSING;
	RememberVerified(token, length);
	*out = identity;
	*doc = verified.doc;
	return STATUS_OK;
}

/* Replace the value by another, wiping the token that it held. */
static bool
ReplaceValue(char **newval, const char *prefix, const char *token)
{
	size_t		prefix_length = strlen(prefix);
	size_t		token_length = strlen(token);
	char	   *value = GucMalloc(prefix_length + token_length + 1);

	if (value == NULL)
		return false;
	memcpy(value, prefix, prefix_length);
	memcpy(value + prefix_length, token, token_length + 1);
	SecureWipe(*newval, strlen(*newval));
	GucFree(*newval);
	*newval = value;
	return true;
}

/* The transaction that the leader is in (our own, outside of parallel workers). */
static LocalTransactionId
LeaderTransaction(void)
{
	PGPROC	   *leader = MyProc->lockGroupLeader;

	return ProcLxid(leader != NULL ? leader : MyProc);
}

/* Word a refused value for guc.c, which would otherwise print it. */
static void
WordRefusal(Status status)
{
	ReportSecurityEvent("token_refused", StatusCode(status));
	if (status == STATUS_KEY_NONE)
	{
		GUC_check_errcode(ERRCODE_CONFIG_FILE_ERROR);
		GUC_check_errmsg("no token can be verified: the key file cannot be used");
		GUC_check_errhint("An administrator finds the reason in the server log, or with SELECT * FROM auth.keys().");
		return;
	}
	GUC_check_errcode(ERRCODE_INVALID_AUTHORIZATION_SPECIFICATION);
	GUC_check_errmsg("invalid token");
	GUC_check_errdetail("%s (%s)", StatusText(status), StatusCode(status));
}

/* Keep a value that may not be refused, as an identity whose every read raises. */
static bool
Poison(char **newval, void **extra)
{
	Identity   *identity = GucMalloc(sizeof(Identity));

	if (identity == NULL || !ReplaceValue(newval, POISONED_VALUE, ""))
	{
		GucFree(identity);
		WordRefusal(STATUS_MEMORY);
		return false;
	}
	memset(identity, 0, sizeof(Identity));
	identity->size = sizeof(Identity);
	identity->poisoned = true;
	*extra = identity;
	return true;
}

/*
 * The leader's value in a parallel worker: parsed, not verified, since the
 * leader has.  Judging it again would make the answer depend on the plan.
 */
static bool
RestoreInWorker(char **newval, void **extra)
{
	unsigned long set_in;
	char	   *token;
	VerifiedToken verified;
	Identity   *identity;

	if (strcmp(*newval, POISONED_VALUE) == 0)
		return Poison(newval, extra);
	set_in = strtoul(*newval, &token, 10);
	if (*token != ':' || TokenRead(token + 1, strlen(token + 1), &verified) != STATUS_OK)
		return Poison(newval, extra);
	identity = GucMalloc(IdentitySize(&verified));
	if (identity == NULL || MakeIdentity(&verified, identity) != STATUS_OK)
	{
		GucFree(identity);
		return Poison(newval, extra);
	}
	identity->set_in = (LocalTransactionId) set_in;
	*extra = identity;
	return true;
}

/*
 * Check hook of intrex_auth.token: refuse what does not verify.
 *
 * Where a refusal would only be a warning (connection options, a value set
 * before the library was loaded, role and database settings) it would leave
 * the session anonymous by failure; such a value is poisoned instead.
 */
static bool
CheckToken(char **newval, void **extra, GucSource source)
{
	const Identity *verified;
	Identity   *identity;
	LocalTransactionId set_in;
	JsonDoc		ignored;
	Status		status;
	char		prefix[16];
	int			prefix_length;

	if (*newval == NULL || **newval == '\0')
		return true;
	/* while the setting is defined, the value is not the leader's but a setting's */
	if (InitializingParallelWorker && !defining_setting)
		return RestoreInWorker(newval, extra);
	if (source == PGC_S_TEST || (source == PGC_S_FILE && !defining_setting))
	{
		GUC_check_errcode(ERRCODE_INVALID_PARAMETER_VALUE);
		GUC_check_errmsg("a token cannot be stored as a setting");
		GUC_check_errdetail("Stored settings are readable by everybody.");
		GUC_check_errhint("Use SELECT auth.authenticate($1) in each transaction.");
		return false;
	}
	/* settings of roles and databases, set before we were loaded, come here */
	if (source < PGC_S_CLIENT)
		return Poison(newval, extra);

	status = VerifyIdentity(*newval, &verified, &ignored);
	if (status != STATUS_OK)
	{
		if (source < PGC_S_INTERACTIVE || defining_setting)
			return Poison(newval, extra);
		WordRefusal(status);
		return false;
	}

	/*
	 * A value set before the library was loaded may be of any transaction, and
	 * so of another client of the pooler: it counts as an earlier one's.  In a
	 * worker, a SET clause of a function sets it for what the worker does.
	 */
	set_in = defining_setting ? InvalidLocalTransactionId : LeaderTransaction();
	prefix_length = pg_ultoa_n(set_in, prefix);
	strcpy(prefix + prefix_length, ":");
	identity = CopyIdentity(verified);
	if (identity == NULL || !ReplaceValue(newval, prefix, *newval))
	{
		GucFree(identity);
		WordRefusal(STATUS_MEMORY);
		return false;
	}
	identity->set_in = set_in;
	*extra = identity;
	return true;
}

/* Assign hook: the identity is the value's extra, whichever way it came to be. */
static void
AssignToken(const char *newval, void *extra)
{
	current_identity = extra;
}

/* Show hook: never give the token back. */
static const char *
ShowToken(void)
{
	return token_value != NULL && *token_value != '\0' ? MASKED_VALUE : "";
}

/*
 * Does the identity hold?
 *
 * Expiry is judged by the time at which the client's statement arrived, which
 * leader and workers share, so that the answer does not depend on the plan;
 * and, in the leader, by the wall clock at the first read of a transaction.
 */
static Refusal
Judge(Identity *identity, Liveness *liveness)
{
	LocalTransactionId own = ProcLxid(MyProc);

	*liveness = LIVE;
	if (identity->poisoned)
		return REFUSED_POISONED;
	if (identity->set_in != LeaderTransaction() && !setting_session_token)
		return REFUSED_STALE;
	if (identity->expires_at <= GetCurrentStatementStartTimestamp())
		return REFUSED_EXPIRED;
	if (identity->clock_in != own && !IsParallelWorker())
	{
		if (identity->expires_at <= GetCurrentTimestamp())
			return REFUSED_EXPIRED;
		identity->clock_in = own;
	}

	if (!setting_session_check)
		return HOLDS;
	if (identity->live_in == own && identity->live_epoch == epoch)
		return HOLDS;
	if (!identity->has_session || !identity->has_user)
		return REFUSED_NO_SESSION_CLAIM;
	*liveness = LivenessLook(&identity->session, &identity->user,
							 identity->has_tenant ? &identity->tenant : NULL,
							 identity->is_admin, &identity->membership);
	if (*liveness != LIVE)
		return REFUSED_LIVENESS;
	identity->live_in = own;
	identity->live_epoch = epoch;
	return HOLDS;
}

/* Raise why an identity does not hold. */
static _Noreturn void
RaiseRefusal(Refusal refusal, Liveness liveness)
{
	switch (refusal)
	{
		case REFUSED_EXPIRED:
			ReportTokenError(STATUS_CLAIM_EXPIRED);
			break;
		case REFUSED_NO_SESSION_CLAIM:
			ReportTokenError(STATUS_CLAIM_MISSING);
			break;
		case REFUSED_POISONED:
			ReportUnauthenticated("token_poisoned",
								  "The token that came with the connection or its settings does not verify.",
								  "Run SET intrex_auth.token = '', or SELECT auth.authenticate($1) with a good one.");
			break;
		case REFUSED_STALE:
			ReportUnauthenticated("token_of_earlier_transaction",
								  "The token was set in an earlier transaction, or before the library was loaded.",
								  "Call auth.authenticate($1) in each transaction; for a session without a pooler, a superuser can turn on intrex_auth.session_token.");
			break;
		default:
			ReportUnauthenticated(LivenessCode(liveness), LivenessText(liveness), NULL);
	}
	pg_unreachable();
}

/* The identity of this transaction; raises when there is one that does not hold. */
const Identity *
IdentityGet(void)
{
	Refusal		refusal;
	Liveness	liveness;

	if (current_identity == NULL)
		return NULL;
	refusal = Judge(current_identity, &liveness);
	if (refusal != HOLDS)
		RaiseRefusal(refusal, liveness);
	return current_identity;
}

/* The identity, or NULL when there is none that holds. */
const Identity *
IdentityTryGet(void)
{
	Liveness	liveness;

	if (current_identity == NULL || !IsTransactionState() ||
		Judge(current_identity, &liveness) != HOLDS)
		return NULL;
	return current_identity;
}

/* sub, as a uuid */
const pg_uuid_t *
IdentityUserId(const Identity *identity)
{
	return identity->has_user ? &identity->user : NULL;
}

/* tenant_id */
const pg_uuid_t *
IdentityTenantId(const Identity *identity)
{
	return identity->has_tenant ? &identity->tenant : NULL;
}

/* session_id */
const pg_uuid_t *
IdentitySessionId(const Identity *identity)
{
	return identity->has_session ? &identity->session : NULL;
}

/* sub, as text */
const char *
IdentitySubject(const Identity *identity)
{
	return At(identity, identity->subject);
}

/* role: the database role */
const char *
IdentityRole(const Identity *identity)
{
	return At(identity, identity->role);
}

/* email */
const char *
IdentityEmail(const Identity *identity)
{
	return At(identity, identity->email);
}

/* aal */
const char *
IdentityAal(const Identity *identity)
{
	return At(identity, identity->aal);
}

/* The role in the tenant as it is now; as signed when sessions are not checked. */
const char *
IdentityTenantRole(const Identity *identity)
{
	if (!setting_session_check)
		return At(identity, identity->tenant_role);
	return identity->has_tenant ? identity->membership.role : NULL;
}

/* The units that the member is bound to, likewise. */
int
IdentityUnits(const Identity *identity, const pg_uuid_t **units)
{
	if (setting_session_check)
	{
		*units = identity->membership.units;
		return identity->has_tenant ? identity->membership.unit_count : 0;
	}
	*units = (const pg_uuid_t *) At(identity, identity->units);
	return identity->unit_count;
}

/*
 * The claims of the identity that IdentityGet() returned, good until the next
 * token is verified.  Read from the token again: only auth.jwt() asks for them.
 */
void
IdentityClaims(JsonDoc *claims)
{
	const char *token = strchr(token_value, ':') + 1;
	VerifiedToken verified;

	if (TokenRead(token, strlen(token), &verified) != STATUS_OK)
		elog(ERROR, "verified token cannot be read");
	*claims = verified.doc;
}

/* From a token to the context of this transaction; raises. */
void
IdentityAuthenticate(const char *token, JsonDoc *claims)
{
	const Identity *verified;
	Status		status;

	/* verified here for the error's sake; setting it then costs no second check */
	status = VerifyIdentity(token, &verified, claims);
	if (status == STATUS_KEY_NONE)
		ReportKeyringError();
	if (status != STATUS_OK)
		ReportTokenError(status);
	(void) set_config_option(TOKEN_SETTING, token, PGC_USERSET, PGC_S_SESSION,
							 GUC_ACTION_LOCAL, true, 0, false);
}

/* Show hook of app.current_tenant: answers, never raises. */
static const char *
ShowTenant(void)
{
	static char text[40];
	const Identity *identity = IdentityTryGet();
	const unsigned char *d;

	if (identity == NULL || !identity->has_tenant)
		return NIL_UUID;
	d = identity->tenant.data;
	snprintf(text, sizeof(text),
			 "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x",
			 d[0], d[1], d[2], d[3], d[4], d[5], d[6], d[7],
			 d[8], d[9], d[10], d[11], d[12], d[13], d[14], d[15]);
	return text;
}

/* A savepoint was rolled back: what the identity rests on may look different. */
static void
OnSubTransaction(SubXactEvent event, SubTransactionId mySubid,
				 SubTransactionId parentSubid, void *arg)
{
	if (event == SUBXACT_EVENT_ABORT_SUB)
		epoch++;
}

/*
 * SQL function: auth._identity_changed() returns trigger
 *
 * On sessions, users and memberships: after our own writes the identity is
 * looked at anew in the same transaction.
 */
Datum
intrex_auth_identity_changed(PG_FUNCTION_ARGS)
{
	if (!CALLED_AS_TRIGGER(fcinfo))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("auth._identity_changed() is a trigger function")));
	epoch++;
	PG_RETURN_POINTER(NULL);
}

/* Define the two settings, and hear of savepoints. */
void
IdentityInit(void)
{
	/* a value set before the library was loaded is checked inside this call */
	defining_setting = true;
	DefineCustomStringVariable(TOKEN_SETTING,
							   "The access token of whoever is asking.",
							   "A value that does not verify is refused, so that anybody may set it. Use auth.authenticate($1).",
							   &token_value,
							   NULL,	/* boot value */
							   PGC_USERSET,
							   GUC_NO_SHOW_ALL | GUC_NOT_IN_SAMPLE | GUC_DISALLOW_IN_FILE | GUC_DISALLOW_IN_AUTO_FILE,
							   CheckToken, AssignToken, ShowToken);
	defining_setting = false;

	DefineCustomStringVariable("app.current_tenant",
							   "Shows the tenant of the verified token, or the nil uuid.",
							   "Read-only: it follows intrex_auth.token.",
							   &tenant_value,
							   NIL_UUID,	/* boot value */
							   PGC_INTERNAL, GUC_NOT_IN_SAMPLE | GUC_DISALLOW_IN_FILE | GUC_DISALLOW_IN_AUTO_FILE,
							   NULL, NULL, ShowTenant);
	LivenessInit();
	RegisterSubXactCallback(OnSubTransaction, NULL);
}
