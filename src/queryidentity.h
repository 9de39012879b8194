/*
 * src/queryidentity.h: one query, one identity.
 */
#ifndef QUERYIDENTITY_H
#define QUERYIDENTITY_H

#include "postgres.h"

#include "fmgr.h"

#include "identity.h"

/* The query that calls a function learns who is asking; identity is NULL for nobody. */
extern void QueryAsks(FunctionCallInfo fcinfo, const Identity *identity);

/*
 * The query that calls a function learns what he may do: raises 28000 when it has
 * asked who is asking while another token was set.
 */
extern void QueryDecides(FunctionCallInfo fcinfo, const Identity *identity);

#endif							/* QUERYIDENTITY_H */
