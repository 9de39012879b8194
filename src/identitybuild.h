/*
 * src/identitybuild.h: the parts of an identity, for identitybuild.c, tokensetting.c
 * and identity.c alone.
 */
#ifndef IDENTITYBUILD_H
#define IDENTITYBUILD_H

#include "postgres.h"

#include "datatype/timestamp.h"
#include "storage/lock.h"

#include "identity.h"
#include "liveness.h"
#include "token.h"

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
	PartOffset	issuer;
	PartOffset	subject;
	PartOffset	role;
	PartOffset	email;
	PartOffset	tenant_role;
	PartOffset	aal;
	PartOffset	units;
	int			unit_count;

	/* what was found to hold, and for how long that is good */
	LocalTransactionId clock_in;	/* wall clock asked in this transaction */
	LocalTransactionId issuer_in;	/* of this database in this transaction … */
	uint64		issuer_epoch;	/* … and epoch */
	LocalTransactionId live_in; /* live in this transaction … */
	uint64		live_epoch;		/* … and epoch */
	Membership	membership;
	LocalTransactionId judged_in;	/* let in by the claims hook in this transaction … */
	uint64		judged_epoch;	/* … and epoch … */
	uint64		judged_generation;	/* … and under these settings */
};

/* Grows when rows that an identity rests on may have changed in this transaction. */
extern uint64 identity_epoch;

/* The transaction that the leader is in (our own, outside of parallel workers). */
extern LocalTransactionId LeaderTransaction(void);

/* iss */
extern const char *IdentityIssuer(const Identity *identity);

/* A copy that guc.c can free, or NULL. */
extern Identity *IdentityCopy(const Identity *identity);

/*
 * The identity of a token that somebody else verified, in an allocation that
 * guc.c can free: parallel workers.
 */
extern Status IdentityRead(const char *token, Identity **out) MUST_CHECK;

/*
 * From a token to its identity: signature, claims, and what we demand of a
 * context.  The identity is good until the next call.  doc becomes the claims,
 * good as long, or is empty when the token did not have to be read.
 */
extern Status IdentityVerify(const char *token, const Identity **out, JsonDoc *doc) MUST_CHECK;

#endif							/* IDENTITYBUILD_H */
