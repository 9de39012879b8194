/*
 * src/writes.h: statements that change tables of the extension, and whose code they run.
 */
#ifndef WRITES_H
#define WRITES_H

#include "postgres.h"

#include "executor/spi.h"
#include "nodes/execnodes.h"

/* What a statement is doing. */
typedef enum WritePhase
{
	WRITING,					/* one on a table of ours runs its plan: of others come
								 * only triggers */
	FIRING,						/* it fires what it has queued: triggers, and actions of
								 * foreign keys */
	FOLLOWING,					/* one on an application's table runs as the owner of
								 * that table */
} WritePhase;

/* A statement in execution. */
typedef struct WriteFrame
{
	WritePhase	phase;
	Oid			user;			/* as whom it began */
	int			context;
	EState	   *estate;			/* NULL: not known */
	bool		adopts;			/* the statements within it are of this phase, too */
	int			settings;		/* the level of settings that is undone when code of
								 * others ends; 0: none runs */
} WriteFrame;

/* The innermost statement, NULL: what runs is not ours, or is the code of others. */
extern WriteFrame *write_frame;

/* How many functions of others run, one within another, on behalf of our statements. */
extern int	others_running;

/* A frame of the current user. */
extern WriteFrame WritesMakeFrame(WritePhase phase);

/*
 * Make what follows a security-restricted operation of the user of a frame, and end it:
 * then what was set meanwhile is undone.  After an error the abort of the
 * (sub)transaction does both.
 */
extern void WritesRestrict(WriteFrame *frame);
extern void WritesUnrestrict(const WriteFrame *frame);

extern void WritesInit(void);

/*
 * src/writesrun.c: statements that the extension has run.
 *
 * Run a statement on an application's table as the current user, its owner, in a
 * security-restricted operation.  Triggers and constraints that are deferred fire
 * at once.  Returns SPI's result.
 */
extern int	WritesFollow(const char *sql, int count, Oid *types, Datum *values);

/* The same for a statement that somebody else wrote. */
extern int	WritesRunOthers(const char *sql);

/* src/others.c: functions of others that our statements call. */
extern void OthersInit(void);

#endif							/* WRITES_H */
