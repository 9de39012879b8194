/*
 * src/issuer.h: which iss the tokens of this database have.
 */
#ifndef ISSUER_H
#define ISSUER_H

#include "postgres.h"

/* The default iss: a random id of the database. */
#define ISSUER_PREFIX "intrex-auth:"
#define ISSUER_SIZE (sizeof(ISSUER_PREFIX) + 36)

/*
 * The iss that a token of ours has: intrex_auth.issuer, or else what this database
 * has noted.  NULL if it has issued none.  Good until the next call; reads a table
 * unless it remembers.
 */
extern const char *IssuerAccepted(void);

/*
 * The iss to sign with.  The first in a database, or since it was moved or copied,
 * is noted in auth.issuers; raises where nothing can be written.  Good until the
 * next call.
 */
extern const char *IssuerForSigning(void);

#endif							/* ISSUER_H */
