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
	PartOffset		subject;
	PartOffset		role;
	PartOffset		email;
	PartOffset		tenant_role;
	PartOffset		aal;
	PartOffset		units;
	int			unit_count;
	PartOffset		payload;
	size_t		payload_length;

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

/*
 * The last token that verified in this backend, and under which keys and
 * settings: an equal one needs no second signature check.  A cache of a pure
 * function, so it may outlive the setting itself.
 */
static struct
{
	char	   *token;
	size_t		length;
	size_t		signature;		/* where the signature begins */
	uint64		generation;		/* of key ring and settings, both of which only grow */
	Identity   *identity;
}			last_verified;

/* A part of the identity by its offset. */
static inline const char *
At(const Identity *identity, PartOffset offset)
{
	return offset ? (const char *) identity + offset : NULL;
}

/* Parse a uuid without throwing; only the canonical 36 characters. */
static bool
ParseUuid(const char *text, pg_uuid_t *out)
{
	int			n = 0;

	for (int i = 0; i < 36; i++)
	{
		char		c = text[i];
		int			digit;

		if (i == 8 || i == 13 || i == 18 || i == 23)
		{
			if (c != '-')
				return false;
			continue;
		}
		if (c >= '0' && c <= '9')
			digit = c - '0';
		else if (c >= 'a' && c <= 'f')
			digit = c - 'a' + 10;
		else if (c >= 'A' && c <= 'F')
			digit = c - 'A' + 10;
		else
			return false;
		if (n % 2 == 0)
			out->data[n / 2] = (unsigned char) (digit << 4);
		else
			out->data[n / 2] |= (unsigned char) digit;
		n++;
	}
	return text[36] == '\0';
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
	char		text[64];
	Status		status;

	*present = false;
	if (token < 0)
		return STATUS_OK;
	status = JsonString(doc, token, text, sizeof(text), NULL);
	if (status != STATUS_OK || !ParseUuid(text, out))
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

/*
 * Make the identity of a payload, in one allocation that guc.c can free.
 * sub may be no uuid (then uid() is NULL); the other ids are ours and must be.
 */
static Status
MakeIdentity(const VerifiedToken *token, Identity **out)
{
	const Claims *claims = &token->claims;
	const JsonDoc *doc = &token->doc;
	Identity   *identity;
	Status		status;
	size_t		used = sizeof(Identity);
	uint32		unit_count = claims->unit_ids < 0 ? 0 : doc->tokens[claims->unit_ids].count;
	bool		present;

	/* every claim fits twice over: each string is a part of the payload */
	size_t		size = sizeof(Identity) + 2 * token->payload_length + 64 +
		unit_count * sizeof(pg_uuid_t);

	*out = NULL;
	identity = GucMalloc(size);
	if (identity == NULL)
		return STATUS_MEMORY;
	memset(identity, 0, sizeof(Identity));
	identity->size = size;
	identity->expires_at = (claims->exp -
							((POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE) * (int64) SECS_PER_DAY)) * USECS_PER_SEC;

	identity->payload = (PartOffset) used;
	identity->payload_length = token->payload_length;
	memcpy((char *) identity + used, doc->text, token->payload_length);
	used += token->payload_length + 1;
	((char *) identity)[used - 1] = '\0';

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
	{
		GucFree(identity);
		return status;
	}
	if (PutUuid(doc, claims->sub, &identity->user, &present) == STATUS_OK)
		identity->has_user = present;
	identity->is_admin = identity->role && strcmp(At(identity, identity->role), ADMIN_ROLE) == 0;
	*out = identity;
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

/*
 * Is it, byte for byte, the token that verified last, under the same keys and
 * settings?  The signature, which is what an attacker lacks, is compared first
 * and in constant time; the rest of a token is no secret from who has that.
 */
static bool
IsLastVerified(const char *token, size_t length)
{
	size_t		signature = last_verified.signature;

	return last_verified.identity != NULL &&
		last_verified.length == length &&
		KeyringGet(false) != NULL &&
		last_verified.generation == KeyringGeneration() + SettingsGeneration() &&
		ConstantTimeEqual(last_verified.token + signature, token + signature, length - signature) &&
		memcmp(last_verified.token, token, signature) == 0;
}

/* Remember a token that verified; failing to is no harm. */
static void
RememberVerified(const char *token, size_t length, const Identity *identity)
{
	if (last_verified.token != NULL)
		SecureFree(last_verified.token, last_verified.length);
	free(last_verified.identity);
	last_verified.token = malloc(length);
	last_verified.identity = malloc(identity->size);
	if (last_verified.token == NULL || last_verified.identity == NULL)
	{
		free(last_verified.token);
		free(last_verified.identity);
		memset(&last_verified, 0, sizeof(last_verified));
		return;
	}
	memcpy(last_verified.token, token, length);
	memcpy(last_verified.identity, identity, identity->size);
	last_verified.length = length;
	last_verified.signature = (size_t) (strrchr(token, '.') - token);
	last_verified.generation = KeyringGeneration() + SettingsGeneration();
}

/* From a token to its identity: signature, claims, and what we demand of a context. */
static Status
VerifyIdentity(const char *token, Identity **out)
{
	size_t		length = strlen(token);
	VerifiedToken verified;
	Status		status;

	*out = NULL;
	if (IsLastVerified(token, length))
	{
		if (last_verified.identity->expires_at <= GetCurrentTimestamp())
			return STATUS_CLAIM_EXPIRED;
		*out = CopyIdentity(last_verified.identity);
		return *out ? STATUS_OK : STATUS_MEMORY;
	}

	status = TokenVerify(token, length, &verified);
	if (status == STATUS_OK)
		status = MakeIdentity(&verified, out);
	if (status != STATUS_OK)
		return status;

	/* with the session check on, nobody without a session has an identity */
	if (setting_session_check && !((*out)->has_session && (*out)->has_user))
	{
		GucFree(*out);
		*out = NULL;
		return STATUS_CLAIM_MISSING;
	}
	RememberVerified(token, length, *out);
	return STATUS_OK;
}

/* Replace the value by another, wiping the token that it held. */
static bool
ReplaceValue(char **newval, const char *prefix, const char *token)
{
	size_t		length = strlen(*newval);
	size_t		size = strlen(prefix) + strlen(token) + 1;
	char	   *value = GucMalloc(size);

	if (value == NULL)
		return false;
	snprintf(value, size, "%s%s", prefix, token);
	SecureWipe(*newval, length);
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
	if (*token != ':' ||
		TokenRead(token + 1, strlen(token + 1), &verified) != STATUS_OK ||
		MakeIdentity(&verified, &identity) != STATUS_OK)
		return Poison(newval, extra);
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
	Identity   *identity;
	Status		status;
	char		prefix[16];

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

	status = VerifyIdentity(*newval, &identity);
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
	identity->set_in = defining_setting ? InvalidLocalTransactionId : LeaderTransaction();
	snprintf(prefix, sizeof(prefix), "%u:", identity->set_in);
	if (!ReplaceValue(newval, prefix, *newval))
	{
		GucFree(identity);
		WordRefusal(STATUS_MEMORY);
		return false;
	}
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
static void pg_attribute_noreturn()
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

/* The payload, parsed again: only auth.jwt() asks for it. */
void
IdentityPayload(const Identity *identity, const char **text, size_t *length)
{
	*text = At(identity, identity->payload);
	*length = identity->payload_length;
}

/* From a token to the context of this transaction; raises. */
void
IdentityAuthenticate(const char *token)
{
	Identity   *identity;
	Status		status;

	/* verified here for the error's sake; setting it then costs no second check */
	status = VerifyIdentity(token, &identity);
	if (status == STATUS_KEY_NONE)
		ReportKeyringError();
	if (status != STATUS_OK)
		ReportTokenError(status);
	GucFree(identity);
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
