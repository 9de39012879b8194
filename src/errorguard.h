/*
 * src/errorguard.h: keeps our statements and functions out of the errors that leave them.
 */
#ifndef ERRORGUARD_H
#define ERRORGUARD_H

#include "postgres.h"

/* Drop the context of a message that ends the backend from within a function of ours. */
extern void ErrorGuardFatal(ErrorData *error);

/* Install the hook. */
extern void ErrorGuardInit(void);

#endif							/* ERRORGUARD_H */
