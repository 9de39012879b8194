/*
 * src/core/json.h: a small strict JSON reader (RFC 8259) into flat tokens.
 *
 * Refuses what attackers use: duplicate members (compared after unescaping),
 * depth above JSON_MAX_DEPTH, invalid UTF-8, lone surrogates, NUL (raw or as
 * \u0000), trailing text.  It allocates nothing: the caller brings the tokens.
 */
#ifndef CORE_JSON_H
#define CORE_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "status.h"

#define JSON_MAX_DEPTH 16

typedef enum JsonType
{
	JSON_NULL,
	JSON_FALSE,
	JSON_TRUE,
	JSON_NUMBER,
	JSON_STRING,
	JSON_ARRAY,
	JSON_OBJECT
} JsonType;

typedef struct JsonToken
{
	uint8_t		type;			/* JsonType */
	bool		escaped;		/* string with at least one backslash */
	uint32_t	start;			/* first byte of the value; of a string, after the quote */
	uint32_t	length;			/* bytes of the value; of a string, without the quotes */
	uint32_t	count;			/* members of an object (pairs), elements of an array; of
								 * a name JsonParse's own */
	uint32_t	next;			/* index of the first token behind this value */
	uint32_t	hash;			/* of an object's member name, unescaped; else 0 */
} JsonToken;

/*
 * A parsed text.  Token 0 is the outermost value.  An object's token is
 * followed by name, value, name, value, …; an array's by its elements.
 */
typedef struct JsonDoc
{
	const char *text;
	const JsonToken *tokens;
	uint32_t	count;
} JsonDoc;

/* Parse text into tokens; doc refers to both, which must outlive it. */
extern Status JsonParse(const char *text, size_t length,
						JsonToken *tokens, size_t max_tokens, JsonDoc *doc) MUST_CHECK;

/* Token of the value of an object's member, or -1 (also if object is no object). */
extern int	JsonFind(const JsonDoc *doc, int object, const char *name) MUST_CHECK;

/* Is this token a string equal to s? */
extern bool JsonStringIs(const JsonDoc *doc, int token, const char *s) MUST_CHECK;

/*
 * Unescape a string token into out (size bytes, NUL included).  length may be
 * NULL.  STATUS_JSON_TYPE if it is no string, STATUS_JSON_SIZE if it does not fit.
 * A string never unescapes to more bytes than its token's length.
 */
extern Status JsonString(const JsonDoc *doc, int token,
						 char *out, size_t size, size_t *length) MUST_CHECK;

/*
 * Read an integer.  STATUS_JSON_TYPE unless the token is a number without
 * fraction or exponent within ±(2^53 - 1), the range that RFC 8259 §6 calls
 * interoperable.
 */
extern Status JsonInteger(const JsonDoc *doc, int token, int64_t *out) MUST_CHECK;

#endif							/* CORE_JSON_H */
