/*
 * src/plainread.h: reading application tables without running any code of their owners.
 */
#ifndef PLAINREAD_H
#define PLAINREAD_H

#include "postgres.h"

#include "access/attnum.h"
#include "nodes/pg_list.h"
#include "utils/rel.h"

/* A table and what inherits from it, locked until the transaction ends. */
extern List *PlainTables(Oid table);

/*
 * The number of a column that is a uuid, or 0; partitioned tables have no rows
 * themselves, foreign ones are elsewhere, and temporary ones of others are in their memory.
 */
extern AttrNumber PlainUuidColumn(Relation relation, const char *name);

#endif							/* PLAINREAD_H */
