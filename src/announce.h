/*
 * src/announce.h: changes of rows that backends remember something of.
 */
#ifndef ANNOUNCE_H
#define ANNOUNCE_H

#include "postgres.h"

/* What changed. */
typedef enum Announcement
{
	CHANGE_OF_IDENTITY,			/* sessions, users, memberships */
	CHANGE_OF_PERMISSIONS,		/* roles, their permissions, resources */
	CHANGE_OF_ISSUER,			/* who issues the tokens of this database */
	ANNOUNCEMENTS
} Announcement;

/*
 * Which committed state of the rows this backend knows of: what was found at one
 * generation holds until there is another.  A commit that was answered before
 * the call is known.
 */
extern uint64 AnnounceGeneration(Announcement what);

/*
 * Rows were changed: tell all backends, on standbys too, if and when this
 * transaction commits, and this one after the present command and at rollback.
 */
extern void AnnounceChange(Announcement what);

extern void AnnounceInit(void);

#endif							/* ANNOUNCE_H */
