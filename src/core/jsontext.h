/*
 * src/core/jsontext.h: what is inside a JSON string: escapes, UTF-8, hash.
 *
 * Shared by json.c and jsonread.c, for nobody else.  Depends on json.h.
 */
#ifndef CORE_JSONTEXT_H
#define CORE_JSONTEXT_H

#include "json.h"

/* The bytes of a string, unescaped one by one. */
typedef struct JsonBytes
{
	const uint8_t *next;
	const uint8_t *end;
	uint8_t		pending[4];		/* of the escape that was read last */
	uint8_t		at;
	uint8_t		have;
} JsonBytes;

/* Eight bytes, the first one lowest on every machine. */
static inline uint64_t
JsonLoadWord(const uint8_t *p)
{
	return (uint64_t) p[0] | (uint64_t) p[1] << 8 | (uint64_t) p[2] << 16 |
		(uint64_t) p[3] << 24 | (uint64_t) p[4] << 32 | (uint64_t) p[5] << 40 |
		(uint64_t) p[6] << 48 | (uint64_t) p[7] << 56;
}

/*
 * Read the escape at p (its backslash).  Returns the bytes it takes, 0 if it
 * is none of RFC 8259 §7, a lone surrogate or \u0000; out receives its UTF-8.
 */
extern size_t JsonReadEscape(const uint8_t *p, const uint8_t *end,
							 uint8_t out[4], uint8_t *out_length) MUST_CHECK;

/* Length of the UTF-8 character at p, which is not ASCII; 0 if it is malformed. */
extern size_t JsonReadUtf8(const uint8_t *p, const uint8_t *end) MUST_CHECK;

/* Begin to read the bytes of a string token. */
extern JsonBytes JsonBytesOf(const char *text, const JsonToken *token);

/* The next byte of a string that was parsed, or -1 at its end. */
extern int	JsonNextByte(JsonBytes *bytes);

/*
 * Hash of a name: a step for each eight bytes, then the up to seven bytes left
 * and the length.  JsonHash is of a string token after unescaping, and the
 * same as JsonHashPlain of the bytes that come out.
 */
static inline uint64_t
JsonHashStep(uint64_t state, uint64_t word)
{
	state = (state ^ word) * UINT64_C(0x9E3779B97F4A7C15);
	return state ^ state >> 32;
}

static inline uint32_t
JsonHashEnd(uint64_t state, uint64_t rest, size_t length)
{
	return (uint32_t) JsonHashStep(state, rest | (uint64_t) length << 56);
}

extern uint32_t JsonHashPlain(const uint8_t *p, size_t length);
extern uint32_t JsonHash(const char *text, const JsonToken *token);

/* Is a string token, unescaped, equal to another, or to plain bytes? */
extern bool JsonTokensEqual(const char *text, const JsonToken *a,
							const JsonToken *b) MUST_CHECK;
extern bool JsonTokenIs(const char *text, const JsonToken *token,
						const char *s, size_t length) MUST_CHECK;

#endif							/* CORE_JSONTEXT_H */
