/*
 * src/core/jsonread.c: finding and reading the tokens of a parsed text.
 *
 * Depends on json.h and jsontext.h.
 */
#include "json.h"

#include <string.h>

#include "jsontext.h"

/* The token of an index, or NULL. */
static inline const JsonToken *
TokenAt(const JsonDoc *doc, int token)
{
	return token >= 0 && (uint32_t) token < doc->count ? &doc->tokens[token] : NULL;
}

/* Find a member. */
int
JsonFind(const JsonDoc *doc, int object, const char *name)
{
	const JsonToken *token = TokenAt(doc, object);
	size_t		length = strlen(name);
	uint32_t	hash;
	uint32_t	i;

	if (token == NULL || token->type != JSON_OBJECT)
		return -1;
	hash = JsonHashPlain((const uint8_t *) name, length);
	for (i = (uint32_t) object + 1; i < token->next; i = doc->tokens[i + 1].next)
		if (doc->tokens[i].hash == hash &&
			JsonTokenIs(doc->text, &doc->tokens[i], name, length))
			return (int) i + 1;
	return -1;
}

/* Compare a string. */
bool
JsonStringIs(const JsonDoc *doc, int token, const char *s)
{
	const JsonToken *string = TokenAt(doc, token);

	return string != NULL && string->type == JSON_STRING &&
		JsonTokenIs(doc->text, string, s, strlen(s));
}

/* Unescape a string.  On failure out is the empty string. */
Status
JsonString(const JsonDoc *doc, int token, char *out, size_t size, size_t *length)
{
	const JsonToken *string = TokenAt(doc, token);
	size_t		written = 0;

	if (length != NULL)
		*length = 0;
	if (size > 0)
		out[0] = '\0';
	if (string == NULL || string->type != JSON_STRING)
		return STATUS_JSON_TYPE;
	if (string->escaped)
	{
		JsonBytes	bytes = JsonBytesOf(doc->text, string);
		int			byte;

		while ((byte = JsonNextByte(&bytes)) >= 0)
		{
			if (written + 1 >= size)
			{
				if (size > 0)
					out[0] = '\0';
				return STATUS_JSON_SIZE;
			}
			out[written++] = (char) byte;
		}
		if (size == 0)
			return STATUS_JSON_SIZE;
	}
	else
	{
		if (string->length >= size)
			return STATUS_JSON_SIZE;
		memcpy(out, doc->text + string->start, string->length);
		written = string->length;
	}
	out[written] = '\0';
	if (length != NULL)
		*length = written;
	return STATUS_OK;
}

/* Read an integer. */
Status
JsonInteger(const JsonDoc *doc, int token, int64_t *out)
{
	const JsonToken *number = TokenAt(doc, token);
	const char *p;
	const char *end;
	int64_t		value = 0;
	bool		negative;

	*out = 0;

	/*
	 * A sign and the 16 digits of 2^53 - 1: longer is out of range, and cannot overflow
	 * below.
	 */
	if (number == NULL || number->type != JSON_NUMBER || number->length > 17)
		return STATUS_JSON_TYPE;
	p = doc->text + number->start;
	end = p + number->length;
	negative = *p == '-';
	if (negative)
		p++;
	for (; p < end; p++)
	{
		if (*p < '0' || *p > '9')
			return STATUS_JSON_TYPE;
		value = value * 10 + (*p - '0');
	}
	if (value > INT64_C(9007199254740991))
		return STATUS_JSON_TYPE;
	*out = negative ? -value : value;
	return STATUS_OK;
}
