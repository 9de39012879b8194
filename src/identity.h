/*
 * src/identity.h: who is asking: the setting intrex_auth.token and what it proves.
 */
#ifndef IDENTITY_H
#define IDENTITY_H

#include "postgres.h"

#include "utils/uuid.h"

#include "core/json.h"

/* The identity of a verified token: one flat allocation, owned by guc.c. */
typedef struct Identity Identity;

extern void IdentityInit(void);

/*
 * The identity of this transaction, checked: not expired, set in this
 * transaction, session alive.  NULL when there is no token.  Raises 28000.
 */
extern const Identity *IdentityGet(void);

/* The same for callers that may not raise: NULL as well when it does not hold. */
extern const Identity *IdentityTryGet(void);

/* Parts; uuids are NULL when the claim is absent (or sub is no uuid), strings too. */
extern const pg_uuid_t *IdentityUserId(const Identity *identity);
extern const pg_uuid_t *IdentityTenantId(const Identity *identity);
extern const pg_uuid_t *IdentitySessionId(const Identity *identity);
extern const char *IdentitySubject(const Identity *identity);
extern const char *IdentityRole(const Identity *identity);
extern const char *IdentityEmail(const Identity *identity);
extern const char *IdentityAal(const Identity *identity);

/* The role and units of the membership as they are now (as signed with session_check = off). */
extern const char *IdentityTenantRole(const Identity *identity);
extern int	IdentityUnits(const Identity *identity, const pg_uuid_t **units);

/* The claims of what IdentityGet() returned; good until the next token is verified. */
extern void IdentityClaims(JsonDoc *claims);

/*
 * Verify a token and make it the context of this transaction; raises 28000.
 * claims becomes its claims, good until the next token is verified, or is empty
 * (count 0) when there was no need to parse them.
 */
extern void IdentityAuthenticate(const char *token, JsonDoc *claims);

#endif							/* IDENTITY_H */
