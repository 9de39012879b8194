/*
 * src/tokenvalue.h: what guc.c keeps as the value of intrex_auth.token; for
 * tokensetting.c and identity.c alone.
 *
 * "<transaction>:<transaction>:<token>", or "poisoned".  guc.c hands the string to
 * parallel workers, which so know in which of the leader's transactions (8
 * hexadecimal digits) the token was set, and in which the claims hook let it pass
 * (0: in none).  Nobody sees it: the show hook masks it.
 */
#ifndef TOKENVALUE_H
#define TOKENVALUE_H

#include "postgres.h"

#include "storage/lock.h"

/* Put a token, or that it is none, in the place of a new value, wiping that. */
extern bool TokenValueSet(char **newval, LocalTransactionId set_in, const char *token);
extern bool TokenValuePoison(char **newval);

/* Read a stored value; false when it is no token. */
extern bool TokenValueRead(const char *value, LocalTransactionId *set_in,
						   LocalTransactionId *judged_in, const char **token);

/* The token of a stored value that is one. */
extern const char *TokenValueToken(const char *value);

/*
 * The claims hook let it pass in this transaction; its word is no longer good.  The
 * value is changed in place: it is ours, and guc.c only hands it on.
 */
extern void TokenValueJudged(char *value, LocalTransactionId judged_in);
extern void TokenValueUnjudged(const char *value);

#endif							/* TOKENVALUE_H */
