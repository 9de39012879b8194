/*
 * src/hookcall.h: running the claims hook: as whom, for how long, and what its errors become.
 */
#ifndef HOOKCALL_H
#define HOOKCALL_H

#include "postgres.h"

#include "utils/jsonb.h"

/*
 * Call the function that intrex_auth.claims_hook names.  NULL when it returns
 * that; its errors are raised anew, by the hook's name and without their text.
 */
extern Jsonb *HookCall(Jsonb *event);

#endif							/* HOOKCALL_H */
