/*
 * src/logguard.h: keeps secrets out of the server log.
 */
#ifndef LOGGUARD_H
#define LOGGUARD_H

/*
 * Every SQL function that takes or returns a secret calls this first: while its
 * statement runs, no log line shows statement, parameters or context.  It costs
 * a comparison or two.
 */
extern void LogGuardMark(void);

/* Install the hook. */
extern void LogGuardInit(void);

#endif							/* LOGGUARD_H */
