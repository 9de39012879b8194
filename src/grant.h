/*
 * src/grant.h: what a client gets after a login or refresh.
 */
#ifndef GRANT_H
#define GRANT_H

#include "postgres.h"

#include "utils/jsonb.h"
#include "utils/timestamp.h"
#include "utils/uuid.h"

#include "liveness.h"

/*
 * Build a grant for a session that was found alive: a signed access token, the
 * refresh token unless NULL or a cookie carries it, and the user.  The access token ends no later than
 * the session and not_after (epoch seconds).  method is how the user comes to it; NULL: as the
 * session began.
 *
 * When the claims hook refuses, the result is the refusal instead, with its audit
 * row, and *refused is true.
 */
extern Jsonb *GrantBuild(const pg_uuid_t *session, const SessionFacts *who,
						 const char *refresh_token, int64 not_after,
						 const char *method, bool *refused);

/* Until when a refresh token of a session can be used that is issued now. */
extern TimestampTz RefreshTokenEnd(const SessionFacts *who, TimestampTz now);

/* Once nothing can refuse the grant any more: let the cookie carry its refresh token, if one does. */
extern void GrantDeliver(const char *refresh_token, TimestampTz expires_at);

#endif							/* GRANT_H */
