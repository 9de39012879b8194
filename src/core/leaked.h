/*
 * src/core/leaked.h: the filter of leaked passwords, a file that says whether a
 * password is in a collection, without holding the collection.
 *
 * Depends on libcrypto and POSIX files.  A password in the collection is always
 * found; another is found by mistake less than once in a million.
 *
 * The file, all integers big-endian:
 *
 *	   0  8  "ixleak\r\n"; a copy in text mode would damage it
 *	   8  4  version of the format, 1
 *	  12  4  what the collection was hashed by, 1: SHA-1
 *	  16  4  b, bits of a hash that choose its bucket, 0 to 36
 *	  20  4  zero
 *	  24  8  n, number of entries
 *	  32  8  length of the file
 *	  40 32  SHA-256 of the index
 *	  72 32  SHA-256 of the entries
 *	 104 24  zero
 *	 128 32  SHA-256 of the 128 bytes before
 *	 160     the index: for each of the 2^b buckets, in order, 8 bytes: how many
 *			 entries the buckets up to and with this one have
 *	         the entries: of each hash the 24 bits behind those of its bucket, 3
 *			 bytes, ascending within the bucket
 *
 * With 8 to 16 entries a bucket an entry takes 3.5 to 4 bytes, and a password
 * that is not in the collection equals one of at most 16 of 2^24 on average.
 */
#ifndef CORE_LEAKED_H
#define CORE_LEAKED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "status.h"

#define LEAKED_HASH_BYTES 20	/* SHA-1 */
#define LEAKED_HEADER_BYTES 160
#define LEAKED_INDEX_BYTES 8	/* a bucket, in the index */
#define LEAKED_ENTRY_BYTES 3
#define LEAKED_MAX_BUCKET_BITS 36
#define LEAKED_MEAN_BUCKET 16	/* at most, when the builder chooses */

/* Of hashes no bucket comes near to this; more means damage, or no hashes. */
#define LEAKED_MAX_BUCKET 1024

/* An open filter; the file stays the caller's. */
typedef struct LeakedFilter
{
	int			fd;
	int			bucket_bits;
	uint64_t	count;
	uint64_t	entries;		/* where the entries begin */
	uint8_t		index_digest[32];
	uint8_t		entries_digest[32];
} LeakedFilter;

/*
 * Read and check the header of an open file.  STATUS_FILTER_FORMAT when it is
 * no filter, or was cut or damaged; STATUS_FILTER_VERSION for one of another
 * version; STATUS_FILE when the system could not read it (errno).
 */
extern Status LeakedOpen(int fd, LeakedFilter *filter) MUST_CHECK;

/* Is a password (length bytes) in the filter?  *found is false unless it is. */
extern Status LeakedContains(const LeakedFilter *filter, const void *password,
							 size_t length, bool *found) MUST_CHECK;

/* The same for its hash. */
extern Status LeakedContainsHash(const LeakedFilter *filter,
								 const uint8_t hash[LEAKED_HASH_BYTES], bool *found) MUST_CHECK;

/* Read all of the file: the index and both checksums. */
extern Status LeakedVerify(const LeakedFilter *filter) MUST_CHECK;

/* SHA-1 of a password. */
extern Status LeakedHash(const void *password, size_t length,
						 uint8_t out[LEAKED_HASH_BYTES]) MUST_CHECK;

/* Bytes at an offset, all of them: STATUS_FILTER_FORMAT at the end of the file. */
extern Status LeakedRead(int fd, void *out, size_t length, uint64_t offset) MUST_CHECK;

/* A 64-bit number of the file. */
static inline uint64_t
LeakedGet64(const uint8_t *bytes)
{
	uint64_t	value = 0;

	for (int i = 0; i < 8; i++)
		value = value << 8 | bytes[i];
	return value;
}

#endif							/* CORE_LEAKED_H */
