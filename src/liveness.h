/*
 * src/liveness.h: session, user and membership as they are now.
 */
#ifndef LIVENESS_H
#define LIVENESS_H

#include "postgres.h"

#include "datatype/timestamp.h"
#include "utils/uuid.h"

typedef enum Liveness
{
	LIVE,
	LIVE_NOT_INSTALLED,			/* no auth tables in this database */
	LIVE_NO_SESSION,
	LIVE_SESSION_REVOKED,
	LIVE_SESSION_EXPIRED,
	LIVE_NO_USER,
	LIVE_USER_BANNED,
	LIVE_NOT_ADMIN,				/* the token is a platform administrator's, the user no
								 * longer is */
	LIVE_NOT_MEMBER
} Liveness;

#define MEMBER_ROLE_SIZE 64		/* of a tenant role, NUL included */

/* A membership as it is now. */
typedef struct Membership
{
	char		role[MEMBER_ROLE_SIZE];
	int			unit_count;
	const pg_uuid_t *units;		/* in TopTransactionContext */
} Membership;

/*
 * Look up what is given (each may be NULL but user) with a snapshot taken now,
 * so that what others committed counts at every isolation level.  membership
 * is filled when a tenant is given; ends is when a live session will be over.
 */
extern Liveness LivenessLook(const pg_uuid_t *session, const pg_uuid_t *user,
							 const pg_uuid_t *tenant, bool as_admin,
							 Membership *membership, TimestampTz *ends);

/* Units in an allocation that lasts as long as the transaction. */
extern const pg_uuid_t *LivenessKeepUnits(const pg_uuid_t *units, int count);

/*
 * Who is in a session, for what is made out to him.  Texts are copies, and NULL
 * where the column is.
 */
typedef struct SessionFacts
{
	pg_uuid_t	user;
	pg_uuid_t	tenant;
	bool		has_tenant;
	Membership	membership;		/* its role is empty when there is none */
	char	   *email;
	char	   *name;
	bool		email_verified;
	bool		is_super_admin;
	char	   *aal;
	char	   *amr;			/* JSON */
	TimestampTz ends;			/* when the session will be over, however it is used */
} SessionFacts;

/*
 * Look up a session, its user, and his membership of the session's tenant, or, if
 * that is chosen, of another (NULL: none).  Facts are filled in as far as rows
 * were looked at: all of them for LIVE and LIVE_NOT_MEMBER.
 */
extern Liveness LivenessLookFacts(const pg_uuid_t *session, bool chosen,
								  const pg_uuid_t *tenant, SessionFacts *facts);

/* Stable code and sentence of an outcome. */
extern const char *LivenessCode(Liveness liveness);
extern const char *LivenessText(Liveness liveness);

extern void LivenessInit(void);

#endif							/* LIVENESS_H */
