/*
 * src/callerrole.h: which role the caller has.
 */
#ifndef CALLERROLE_H
#define CALLERROLE_H

#include "identity.h"
#include "rolecache.h"

/* Is the caller a platform administrator, and still one? */
extern bool CallerIsPlatform(const Identity *identity);

/*
 * The role of the caller in his tenant, or what every user is called; NULL: none.  It
 * lives until roles are asked for again.
 */
extern const Role *CallerRole(const Identity *identity);

/* A name for an error message, at most as long as names are. */
extern const char *NameForMessage(const char *name);

#endif							/* CALLERROLE_H */
