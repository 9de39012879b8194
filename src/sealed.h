/*
 * src/sealed.h: values that the ring seals, and that name the key they were sealed with.
 */
#ifndef SEALED_H
#define SEALED_H

#include "postgres.h"

#include "core/jwk.h"
#include "core/status.h"

#define SEALED_HEADER 2			/* version and length of the kid */
#define SEALED_START (SEALED_HEADER + JWK_KID_MAX)	/* as many bytes name the key */

/* A new bytea for length bytes. */
extern bytea *SealedBytes(size_t length);

/* The kid in a value, of which the start is enough; false if it is no sealed value. */
extern bool SealedKid(const bytea *start, const char **kid, size_t *length);

/* Seal with the key that is current now; without a ring it reports an error. */
extern Status SealedMake(const void *plaintext, size_t length,
						 const void *aad, size_t aad_length, bytea **out) MUST_CHECK;

/* Open into a new value; without a ring it reports an error. */
extern Status SealedOpen(const bytea *value, const void *aad, size_t aad_length,
						 bytea **out) MUST_CHECK;

/* Seal a value anew; *out stays NULL when it is under the current key already. */
extern Status SealedRewrap(Datum value, const void *aad, size_t aad_length,
						   bytea **out) MUST_CHECK;

#endif							/* SEALED_H */
