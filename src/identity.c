/*
 * src/identity.c: who is asking: whether the identity that the token proves holds now.
 *
 * Depends on tokensetting.c (the token, and the identity that it proves), issuer.c
 * (which tokens are of this database), livecache.c (session, user, membership) and
 * claimshook.c (what an application says).
 */
#include "postgres.h"

#include "access/parallel.h"
#include "access/xact.h"
#include "commands/trigger.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/timestamp.h"

#include "announce.h"
#include "claimshook.h"
#include "compat.h"
#include "identity.h"
#include "identitybuild.h"
#include "issuer.h"
#include "jsonbuild.h"
#include "keyring.h"
#include "livecache.h"
#include "liveness.h"
#include "report.h"
#include "settings.h"
#include "token.h"
#include "tokensetting.h"
#include "tokenvalue.h"

SQL_FUNCTION(intrex_auth_identity_changed);

#define NIL_UUID "00000000-0000-0000-0000-000000000000"

/* Why an identity does not hold. */
typedef enum Refusal
{
	HOLDS,
	REFUSED_POISONED,
	REFUSED_STALE,
	REFUSED_EXPIRED,
	REFUSED_ISSUER,
	REFUSED_NO_SESSION_CLAIM,
	REFUSED_LIVENESS
} Refusal;

static char *tenant_value = NULL;

uint64		identity_epoch = 1;

/* The transaction that the leader is in (our own, outside of parallel workers). */
LocalTransactionId
LeaderTransaction(void)
{
	PGPROC	   *leader = MyProc->lockGroupLeader;

	return ProcLxid(leader != NULL ? leader : MyProc);
}

/*
 * Is the token of this database?  The check hook has held iss against
 * intrex_auth.issuer; where that is empty, a table tells.
 */
static bool
IsIssuedHere(Identity *identity)
{
	LocalTransactionId own = ProcLxid(MyProc);
	const char *issuer;

	if (setting_issuer[0] != '\0' || (identity->issuer_in == own && identity->issuer_epoch == identity_epoch))
		return true;
	issuer = IssuerAccepted();
	if (issuer == NULL || IdentityIssuer(identity) == NULL || strcmp(issuer, IdentityIssuer(identity)) != 0)
		return false;
	identity->issuer_in = own;
	identity->issuer_epoch = identity_epoch;
	return true;
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

	if (!IsIssuedHere(identity))
		return REFUSED_ISSUER;
	if (!setting_session_check)
		return HOLDS;
	if (identity->live_in == own && identity->live_epoch == identity_epoch)
		return HOLDS;
	if (!identity->has_session || !identity->has_user)
		return REFUSED_NO_SESSION_CLAIM;
	*liveness = LivenessRecall(&identity->session, &identity->user,
							   identity->has_tenant ? &identity->tenant : NULL,
							   identity->is_admin, &identity->membership);
	if (*liveness != LIVE)
		return REFUSED_LIVENESS;
	identity->live_in = own;
	identity->live_epoch = identity_epoch;
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
		case REFUSED_ISSUER:
			ReportTokenError(STATUS_CLAIM_ISSUER);
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

/* Did the claims hook let it pass, in this transaction and with nothing changed since? */
static bool
IsJudged(const Identity *identity)
{
	if (IsParallelWorker())
		return identity->judged_in == LeaderTransaction();
	return identity->judged_in == ProcLxid(MyProc) && identity->judged_epoch == identity_epoch &&
		identity->judged_generation == SettingsGeneration();
}

/*
 * Ask the claims hook about the identity; raises when it refuses.  In a worker
 * nothing can be asked: the hook may be anything.
 */
static void
AskHook(Identity *identity)
{
	JsonDoc		claims;

	if (ClaimsHookIsRunning())
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("claims hook \"%s\" must not ask who is asking", setting_claims_hook),
				 errhint("It is given user_id and claims.")));
	if (IsJudged(identity))
		return;
	if (IsParallelWorker())
		ReportUnauthenticated("claims_hook_not_asked",
							  "The claims hook was not asked about the token before the query began.",
							  "Call auth.authenticate($1) before it.");
	IdentityClaims(&claims);
	ClaimsHookVerify(IdentitySubject(identity), JsonDocToJsonb(&claims));

	/* after its own writes, which do not make it be asked again */
	identity->judged_in = ProcLxid(MyProc);
	identity->judged_epoch = identity_epoch;
	identity->judged_generation = SettingsGeneration();
	TokenValueJudged(token_value, identity->judged_in);
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
	if (unlikely(ClaimsHookIsSet()))
		AskHook(current_identity);
	return current_identity;
}

/*
 * The identity, or NULL when there is none that holds.  No SQL may run here, so one
 * that the claims hook was not asked about counts as none.
 */
const Identity *
IdentityTryGet(void)
{
	Liveness	liveness;

	if (current_identity == NULL || !IsTransactionState() ||
		Judge(current_identity, &liveness) != HOLDS)
		return NULL;
	if (unlikely(ClaimsHookIsSet()) && (ClaimsHookIsRunning() || !IsJudged(current_identity)))
		return NULL;
	return current_identity;
}

/*
 * The claims of the identity that IdentityGet() returned, good until the next
 * token is verified.  Read from the token again: only auth.jwt() asks for them.
 */
void
IdentityClaims(JsonDoc *claims)
{
	const char *token = TokenValueToken(token_value);
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
	status = IdentityVerify(token, &verified, claims);
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
	{
		identity_epoch++;
		TokenValueUnjudged(token_value);
	}
}

/*
 * SQL function: auth._identity_changed() returns trigger
 *
 * On sessions, users and memberships: the identity is looked at anew, by this
 * transaction at once and by all others when it has committed.
 */
Datum
intrex_auth_identity_changed(PG_FUNCTION_ARGS)
{
	if (!CALLED_AS_TRIGGER(fcinfo))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("auth._identity_changed() is a trigger function")));
	identity_epoch++;
	TokenValueUnjudged(token_value);
	AnnounceChange(CHANGE_OF_IDENTITY);
	PG_RETURN_POINTER(NULL);
}

/* Define the two settings, and hear of savepoints. */
void
IdentityInit(void)
{
	TokenSettingInit();
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
