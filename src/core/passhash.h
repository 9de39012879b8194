/*
 * src/core/passhash.h: password hashes, ours and those of other systems.
 *
 * New hashes are bcrypt or argon2id.  The forms that verify are the rows of one
 * table in passhash.c; each is bounded in time and memory before any work.
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

/* For new hashes, KiB; any two of them are within what is verified. */
#define PASSHASH_ARGON2_MIN_MEMORY 1024
#define PASSHASH_ARGON2_MAX_MEMORY 131072
#define PASSHASH_ARGON2_MAX_ITERATIONS 8

#define PASSHASH_MAX_BYTES 4096 /* of a password, whatever the scheme */
#define PASSHASH_SIZE 128		/* of a new hash, NUL included */

typedef enum PassHashAlgorithm
{
	PASSHASH_BCRYPT,
	PASSHASH_ARGON2ID
} PassHashAlgorithm;

/* How new hashes are made, and what is accepted. */
typedef struct PassHashPolicy
{
	PassHashAlgorithm algorithm;
	int			bcrypt_cost;
	int			argon2_memory;	/* KiB */
	int			argon2_iterations;
	bool		allow_md5_crypt;
} PassHashPolicy;

/* The longest password that new hashes take, in bytes. */
extern size_t PassHashMaxBytes(const PassHashPolicy *policy) MUST_CHECK;

/*
 * Hash a password (length bytes, not NUL-terminated) with a fresh salt.
 * STATUS_PASSWORD_LENGTH for an empty one or one that is too long (never
 * truncated), STATUS_PASSWORD_NUL, STATUS_HASH_COST.
 */
extern Status PassHashCreate(const char *password, size_t length,
							 const PassHashPolicy *policy, char out[PASSHASH_SIZE]) MUST_CHECK;

/*
 * Verify.  *match is false first and becomes true in one place.  A malformed
 * hash is STATUS_HASH_FORMAT, a cost out of range STATUS_HASH_COST, one of a kind
 * that the policy does not admit STATUS_HASH_WEAK, all before any work; a
 * password that the scheme cannot take is STATUS_PASSWORD_*.
 */
extern Status PassHashVerify(const char *password, size_t length,
							 const char *hash, size_t hash_length,
							 const PassHashPolicy *policy, bool *match) MUST_CHECK;

/* Was this hash made of the NFKC form of the password?  All others take its bytes. */
extern bool PassHashOfNfkc(const char *hash, size_t hash_length) MUST_CHECK;

/* Do the work of one new hash, and nothing with it. */
extern Status PassHashSpend(const PassHashPolicy *policy) MUST_CHECK;

/* True unless hash is what the policy makes now, or dearer. */
extern bool PassHashNeedsRehash(const char *hash, size_t hash_length,
								const PassHashPolicy *policy) MUST_CHECK;

/*
 * Would PassHashVerify() take this hash?  *scheme is the name of its kind, as far
 * as that can be told, also where it is refused; else "unknown".
 */
extern Status PassHashCheck(const char *hash, size_t hash_length,
							const PassHashPolicy *policy, const char **scheme) MUST_CHECK;

#endif							/* CORE_PASSHASH_H */
