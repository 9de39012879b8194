/*
 * src/claimshook.h: intrex_auth.claims_hook, a function of the application that may
 * add claims when a token is issued, and refuse one that verifies.
 */
#ifndef CLAIMSHOOK_H
#define CLAIMSHOOK_H

#include "postgres.h"

#include "utils/jsonb.h"

#include "settings.h"

/* Is there a hook? */
static inline bool
ClaimsHookIsSet(void)
{
	return setting_claims_hook[0] != '\0';
}

/* Is it running?  Then there is no identity that it could read. */
extern bool ClaimsHookIsRunning(void);

/* What it answered when it would not have a token issued. */
typedef struct HookRefusal
{
	int			status;			/* of HTTP, 400 to 499 */
	char	   *message;
} HookRefusal;

/*
 * Ask it about the claims of a token that is to be issued: the claims with what it
 * adds, or NULL and a refusal.  Raises what is wrong with the hook, by its name.
 */
extern Jsonb *ClaimsHookIssue(const char *user_id, Jsonb *claims, const char *method,
							  HookRefusal *refusal);

/* Ask it about the claims of a token that verified; raises 28000 when it refuses. */
extern void ClaimsHookVerify(const char *user_id, Jsonb *claims);

#endif							/* CLAIMSHOOK_H */
