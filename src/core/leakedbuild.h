/*
 * src/core/leakedbuild.h: building the filter of leaked passwords.
 *
 * Depends on leaked.h.  Hashes come in any order and any number; memory is
 * bounded, the rest is in a temporary file of 8 bytes a hash.
 */
#ifndef CORE_LEAKEDBUILD_H
#define CORE_LEAKEDBUILD_H

#include "leaked.h"

typedef struct LeakedBuilder LeakedBuilder;

#define LEAKED_MIN_MEMORY 65536

/*
 * Begin.  temporary_fd is an empty file open for reading and writing; it and
 * the output stay the caller's.  memory is about what may be used, in bytes.
 */
extern Status LeakedBuilderNew(int temporary_fd, size_t memory, LeakedBuilder **out) MUST_CHECK;

/* Add a hash.  STATUS_FILE with errno when the temporary file cannot be written. */
extern Status LeakedBuilderAdd(LeakedBuilder *builder,
							   const uint8_t hash[LEAKED_HASH_BYTES]) MUST_CHECK;

/*
 * Write the filter to an empty file, and how many different hashes it has.
 * STATUS_FILTER_FORMAT when too many begin alike: they are no hashes.
 */
extern Status LeakedBuilderFinish(LeakedBuilder *builder, int output_fd,
								  uint64_t *count) MUST_CHECK;

/* Free; NULL is fine. */
extern void LeakedBuilderFree(LeakedBuilder *builder);

#endif							/* CORE_LEAKEDBUILD_H */
