/*
 * src/lastingrow.h: rows that survive the rollback of their transaction.
 */
#ifndef LASTINGROW_H
#define LASTINGROW_H

#include "postgres.h"

#include "storage/itemptr.h"
#include "utils/rel.h"

/*
 * Write an ordinary row with its index entries, by the values of its first columns,
 * none of them NULL.  Triggers do not fire; of constraints only unique ones are
 * checked.  Returns where it is.
 */
extern ItemPointerData RowWrite(Relation table, const Datum *values, int count);

/*
 * The same for a row that is valid at once, for every snapshot, and stays whatever
 * becomes of the transaction.
 */
extern void LastingRowWrite(Relation table, const Datum *values, int count);

#endif							/* LASTINGROW_H */
