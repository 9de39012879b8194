/*
 * test/fuzz/fuzz.h: what the fuzzing targets of src/core share.
 *
 * A target is one file fuzz_NAME.c with LLVMFuzzerTestOneInput(), seeds in
 * seeds/NAME/, and a dictionary NAME.dict if words help.  It states what must
 * hold for any input by REQUIRE(), which ends the program.  libFuzzer runs it
 * (make fuzz), and so does replay.c, with the seeds alone (./check unit).
 * Depends on the C library and OpenSSL's queue of errors.
 */
#ifndef FUZZ_H
#define FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>

#include "core/status.h"

extern int	LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What must hold for every input. */
#define REQUIRE(cond) \
	do { \
		if (!(cond)) \
		{ \
			fprintf(stderr, "%s:%d: does not hold: %s\n", __FILE__, __LINE__, #cond); \
			abort(); \
		} \
	} while (0)

/* Every core function leaves OpenSSL's queue as it found it. */
#define REQUIRE_NO_ERRORS() REQUIRE(ERR_peek_error() == 0)

/* The input, or a part of it, in an allocation of exactly its size. */
static inline void *
FuzzCopy(const void *data, size_t size)
{
	void	   *copy = malloc(size > 0 ? size : 1);

	REQUIRE(copy != NULL);
	if (size > 0)
		memcpy(copy, data, size);
	return copy;
}

/* Take the first byte of the input; 0 when there is none. */
static inline uint8_t
FuzzByte(const uint8_t **data, size_t *size)
{
	if (*size == 0)
		return 0;
	(*size)--;
	return *(*data)++;
}

/*
 * Cut a part off the input, up to the first 0xFF byte, which is in no UTF-8;
 * all of it if there is none.
 */
static inline void *
FuzzPart(const uint8_t **data, size_t *size, size_t *length)
{
	const uint8_t *end = *size > 0 ? memchr(*data, 0xFF, *size) : NULL;
	void	   *part;

	*length = end != NULL ? (size_t) (end - *data) : *size;
	part = FuzzCopy(*data, *length);
	*data += *length + (end != NULL ? 1 : 0);
	*size -= *length + (end != NULL ? 1 : 0);
	return part;
}

/*
 * Damage a good value as the input says, three bytes for each edit: which one,
 * where, and with what.  Returns the new length; out has room for length +
 * FUZZ_GROWTH bytes.
 */
#define FUZZ_GROWTH 8

static inline size_t
FuzzDamage(uint8_t *out, size_t length, const uint8_t *edits, size_t size)
{
	size_t		room = length + FUZZ_GROWTH;

	for (; size >= 4; edits += 4, size -= 4)
	{
		size_t		at = ((size_t) edits[1] << 8 | edits[2]) % (length + 1);

		switch (edits[0] % 4)
		{
			case 0:				/* replace */
				if (at < length)
					out[at] = edits[3];
				break;
			case 1:				/* flip a bit */
				if (at < length)
					out[at] ^= (uint8_t) (1 << edits[3] % 8);
				break;
			case 2:				/* insert */
				if (length == room)
					break;
				memmove(out + at + 1, out + at, length - at);
				out[at] = edits[3];
				length++;
				break;
			case 3:				/* delete, one or all that follow */
				if (at == length)
					break;
				if (edits[3] == 0)
					length = at;
				else
				{
					memmove(out + at, out + at + 1, length - at - 1);
					length--;
				}
				break;
		}
	}
	return length;
}

#endif							/* FUZZ_H */
