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
 * Build a grant: a signed access token, the refresh token unless NULL, and the
 * user.  The tenant may be NULL; membership is what LivenessLook() has filled in.
 * The access token ends no later than not_after (epoch seconds).
 */
extern Jsonb *GrantBuild(const pg_uuid_t *user, const pg_uuid_t *session,
						 const pg_uuid_t *tenant, const Membership *membership,
						 const char *refresh_token, int64 not_after);

#endif							/* GRANT_H */
