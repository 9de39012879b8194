/*
 * src/livecache.h: live sessions that this backend has looked up before.
 */
#ifndef LIVECACHE_H
#define LIVECACHE_H

#include "liveness.h"

/*
 * As LivenessLook(), but without a look at the tables when this backend found
 * the same session alive, for the same user and tenant, since their rows were
 * last changed.
 */
extern Liveness LivenessRecall(const pg_uuid_t *session, const pg_uuid_t *user,
							   const pg_uuid_t *tenant, bool as_admin,
							   Membership *membership);

#endif							/* LIVECACHE_H */
