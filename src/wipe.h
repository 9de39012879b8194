/*
 * src/wipe.h: wiping the copies of arguments that detoasting makes.
 *
 * An argument itself is the caller's; a copy that we had made is ours.
 */
#ifndef WIPE_H
#define WIPE_H

#include "postgres.h"

#include "compat.h"

#include "core/mem.h"

/* Wipe and free a detoasted argument if it is a copy. */
static inline void
WipeCopy(void *value, Datum argument)
{
	if ((Pointer) value == DatumGetPointer(argument))
		return;
	SecureWipe(VARDATA_ANY(value), VARSIZE_ANY_EXHDR(value));
	pfree(value);
}

#endif							/* WIPE_H */
