/*
 * src/grant.h: what a client gets after a login or refresh.
 */
#ifndef GRANT_H
#define GRANT_H

#include "postgres.h"

#include "utils/jsonb.h"
#include "utils/uuid.h"

#include "liveness.h"

/*
 * Build a grant for a session that was found alive: a signed access token, the
 * refresh token unless NULL, and the user.  The access token ends no later than
 * not_after (epoch seconds).  method is how the user comes to it; NULL: as the
 * session began.
 *
 * When the claims hook refuses, the result is the refusal instead, with its audit
 * row, and *refused is true.
 */
extern Jsonb *GrantBuild(const pg_uuid_t *session, const SessionFacts *who,
						 const char *refresh_token, int64 not_after,
						 const char *method, bool *refused);

#endif							/* GRANT_H */
