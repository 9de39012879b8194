/*
 * src/compat.h: what differs between PostgreSQL 15 and 18, in one place.
 */
#ifndef COMPAT_H
#define COMPAT_H

#include "postgres.h"

#include "fmgr.h"
#include "storage/proc.h"
#include "utils/guc.h"

/* The macros of varlena values have had a header of their own since 16. */
#if PG_VERSION_NUM >= 160000
#include "varatt.h"
#endif

/* From 16 on guc.c frees a check hook's extra with guc_free(). */
#if PG_VERSION_NUM >= 160000
#define GucMalloc(size) guc_malloc(LOG, (size))
#define GucFree(pointer) guc_free(pointer)
#else
#define GucMalloc(size) malloc(size)
#define GucFree(pointer) free(pointer)
#endif

/* The local transaction id of a process moved in 17. */
#if PG_VERSION_NUM >= 170000
#define ProcLxid(proc) ((proc)->vxid.lxid)
#else
#define ProcLxid(proc) ((proc)->lxid)
#endif

/* What table_tuple_update() tells of indexes changed in 16. */
#if PG_VERSION_NUM >= 160000
#define UpdatedIndexes TU_UpdateIndexes
#define NEEDS_INDEX_ENTRIES(updated) ((updated) != TU_None)
#else
#define UpdatedIndexes bool
#define NEEDS_INDEX_ENTRIES(updated) (updated)
#endif

/* Columns that are computed when they are read, and not stored, came in 18. */
#if PG_VERSION_NUM >= 180000
#define IS_COMPUTED_WHEN_READ(column) ((column)->attgenerated == ATTRIBUTE_GENERATED_VIRTUAL)
#else
#define IS_COMPUTED_WHEN_READ(column) false
#endif

/*
 * PG_FUNCTION_INFO_V1 exports the function itself only from 16 on; on 15 it
 * must be said, since we build with hidden visibility.
 */
#define SQL_FUNCTION(name) \
	extern PGDLLEXPORT Datum name(PG_FUNCTION_ARGS); \
	PG_FUNCTION_INFO_V1(name)

#endif							/* COMPAT_H */
