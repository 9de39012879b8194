/*
 * src/deferred.h: triggers that could be put off to the end of the transaction.
 */
#ifndef DEFERRED_H
#define DEFERRED_H

#include "postgres.h"

#include "executor/execdesc.h"

/*
 * What a statement will queue fires at its end.  With "all" that is so for every
 * trigger; without, not for those of the extension on its own tables, and for the
 * checks of foreign keys only while deferred_checks_at_once.  To be called after
 * ExecutorStart().
 */
extern void DeferredFireAtOnce(const QueryDesc *query, bool all);

extern bool deferred_checks_at_once;

/*
 * Refuse a statement that moved rows to a partition with such a trigger, which is
 * opened too late for that.  To be called after ExecutorRun().
 */
extern void DeferredRefuse(const QueryDesc *query);

#endif							/* DEFERRED_H */
