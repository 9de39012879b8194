/*
 * src/passtext.h: passwords as text: Unicode normalization and folding.
 */
#ifndef PASSTEXT_H
#define PASSTEXT_H

#include "postgres.h"

/*
 * What is longer is taken as it is.  The server puts marks into their order in a time
 * that grows with the square of their number: so many take a few milliseconds, 4096
 * bytes of them as long as a hash, before anybody has counted a guess.
 */
#define PASSTEXT_MAX_BYTES 1024

/*
 * A text of length bytes in normalization form C.  Usually it is that already,
 * and comes back as it is; else a palloc'd copy, to be wiped by PassTextFree().
 */
extern const char *PassTextNormalize(const char *text, size_t length, size_t *out_length);

/*
 * The text in lower case and in form C, for comparison; always a palloc'd copy.
 */
extern char *PassTextFold(const char *text, size_t length, size_t *out_length);

/* Wipe and free a copy. */
extern void PassTextFree(char *text, size_t length);

#endif							/* PASSTEXT_H */
