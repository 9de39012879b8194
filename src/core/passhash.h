/*
 * src/core/passhash.h: password hashes through libxcrypt.
 *
 * A table of schemes (prefix, cost range); bcrypt now, the importable formats
 * join the table later.  $2x$ (the sign-extension bug) is never read as $2b$.
 */
#ifndef CORE_PASSHASH_H
#define CORE_PASSHASH_H

#include <stdbool.h>
#include <stddef.h>

#include "status.h"

#define PASSHASH_BCRYPT_MIN_COST 4
#define PASSHASH_BCRYPT_MAX_COST 14 /* about a second; a stored cost above is refused
									 * before it starts */
#define PASSHASH_BCRYPT_MAX_BYTES 72
#define PASSHASH_SIZE 128		/* of any hash, NUL included */

/*
 * Hash a password (length bytes, not NUL-terminated) with bcrypt ($2b$) and a
 * fresh salt.  STATUS_PASSWORD_LENGTH for an empty one or one above 72 bytes
 * (never truncated), STATUS_PASSWORD_NUL, STATUS_HASH_COST.
 */
extern Status PassHashCreate(const char *password, size_t length, int cost,
							 char out[PASSHASH_SIZE]) MUST_CHECK;

/*
 * Verify.  *match is false first and becomes true in one place.  A malformed
 * hash is STATUS_HASH_FORMAT, a cost out of range STATUS_HASH_COST, both before
 * any work; a password that the scheme cannot take is STATUS_PASSWORD_*.
 */
extern Status PassHashVerify(const char *password, size_t length,
							 const char *hash, size_t hash_length, bool *match) MUST_CHECK;

/* True unless hash is well-formed bcrypt $2b$ of exactly this cost or more. */
extern bool PassHashNeedsRehash(const char *hash, size_t hash_length, int cost) MUST_CHECK;

#endif							/* CORE_PASSHASH_H */
