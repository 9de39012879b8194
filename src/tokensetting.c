/*
 * src/tokensetting.c: the setting intrex_auth.token, which takes no value but a token
 * that verifies.
 *
 * Depends on identitybuild.c (from a token to an identity), tokenvalue.c (what is kept
 * as the value) and guc.c, whose machinery gives transactions, savepoints, RESET,
 * DISCARD ALL and parallel workers the right identity without any code of ours.
 */
#include "postgres.h"

#include "access/parallel.h"
#include "utils/guc.h"

#include "compat.h"
#include "identitybuild.h"
#include "report.h"
#include "token.h"
#include "tokensetting.h"
#include "tokenvalue.h"

#define MASKED_VALUE "(hidden)"

char	   *token_value = NULL;
Identity   *current_identity = NULL;

static bool defining_setting = false;

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

	if (identity == NULL || !TokenValuePoison(newval))
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
	LocalTransactionId set_in;
	LocalTransactionId judged_in;
	const char *token;
	Identity   *identity;

	if (!TokenValueRead(*newval, &set_in, &judged_in, &token) ||
		IdentityRead(token, &identity) != STATUS_OK)
		return Poison(newval, extra);
	identity->set_in = set_in;
	identity->judged_in = judged_in;
	identity->judged_epoch = identity_epoch;
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

	status = IdentityVerify(*newval, &verified, &ignored);
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
	identity = IdentityCopy(verified);
	if (identity == NULL || !TokenValueSet(newval, set_in, *newval))
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
	/* a value that comes back when a savepoint is rolled back is judged again */
	if (current_identity != NULL && current_identity->judged_epoch != identity_epoch)
		TokenValueUnjudged(newval);
}

/* Show hook: never give the token back. */
static const char *
ShowToken(void)
{
	return token_value != NULL && *token_value != '\0' ? MASKED_VALUE : "";
}

/* Define the setting. */
void
TokenSettingInit(void)
{
	/* a value set before the library was loaded is checked inside this call */
	defining_setting = true;
	DefineCustomStringVariable(TOKEN_SETTING,
							   "The access token of the user who is asking.",
							   "A value that does not verify is refused, so that anybody may set it. Use auth.authenticate($1).",
							   &token_value,
							   NULL,	/* boot value */
							   PGC_USERSET,
							   GUC_NO_SHOW_ALL | GUC_NOT_IN_SAMPLE | GUC_DISALLOW_IN_FILE | GUC_DISALLOW_IN_AUTO_FILE,
							   CheckToken, AssignToken, ShowToken);
	defining_setting = false;
}
