/*
 * src/core/jsontext.c: what is inside a JSON string: escapes, UTF-8, hash.
 *
 * Depends on json.h only.
 */
#include "jsontext.h"

#include <string.h>

/* Value of four hexadecimal digits, or -1. */
static int32_t
ReadHex(const uint8_t *p, const uint8_t *end)
{
	int32_t		value = 0;

	if (end - p < 4)
		return -1;
	for (int i = 0; i < 4; i++)
	{
		uint8_t		c = p[i];

		if (c >= '0' && c <= '9')
			c -= '0';
		else if (c >= 'a' && c <= 'f')
			c -= 'a' - 10;
		else if (c >= 'A' && c <= 'F')
			c -= 'A' - 10;
		else
			return -1;
		value = value << 4 | c;
	}
	return value;
}

/*
 * Read the escape at p (its backslash).  Returns the bytes it takes, 0 if it
 * is none of RFC 8259 §7, a lone surrogate or \u0000; out receives its UTF-8.
 */
size_t
JsonReadEscape(const uint8_t *p, const uint8_t *end, uint8_t out[4], uint8_t *out_length)
{
	static const char from[] = "\"\\/bfnrt";
	static const char to[] = "\"\\/\b\f\n\r\t";
	const char *simple;
	int32_t		code;
	size_t		taken = 6;

	if (end - p < 2 || p[1] == '\0')
		return 0;
	simple = strchr(from, p[1]);
	if (simple != NULL)
	{
		out[0] = (uint8_t) to[simple - from];
		*out_length = 1;
		return 2;
	}
	if (p[1] != 'u')
		return 0;
	code = ReadHex(p + 2, end);
	if (code <= 0 || (code >= 0xDC00 && code <= 0xDFFF))
		return 0;
	if (code >= 0xD800 && code <= 0xDBFF)
	{
		int32_t		low = -1;

		if (end - p >= 12 && p[6] == '\\' && p[7] == 'u')
			low = ReadHex(p + 8, end);
		if (low < 0xDC00 || low > 0xDFFF)
			return 0;
		code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
		taken = 12;
	}
	if (code < 0x80)
	{
		out[0] = (uint8_t) code;
		*out_length = 1;
	}
	else if (code < 0x800)
	{
		out[0] = (uint8_t) (0xC0 | code >> 6);
		out[1] = (uint8_t) (0x80 | (code & 63));
		*out_length = 2;
	}
	else if (code < 0x10000)
	{
		out[0] = (uint8_t) (0xE0 | code >> 12);
		out[1] = (uint8_t) (0x80 | (code >> 6 & 63));
		out[2] = (uint8_t) (0x80 | (code & 63));
		*out_length = 3;
	}
	else
	{
		out[0] = (uint8_t) (0xF0 | code >> 18);
		out[1] = (uint8_t) (0x80 | (code >> 12 & 63));
		out[2] = (uint8_t) (0x80 | (code >> 6 & 63));
		out[3] = (uint8_t) (0x80 | (code & 63));
		*out_length = 4;
	}
	return taken;
}

/* Length of the UTF-8 character at p, 0 if it is malformed (RFC 3629 §4). */
size_t
JsonReadUtf8(const uint8_t *p, const uint8_t *end)
{
	uint8_t		lead = p[0];
	uint8_t		low = 0x80;		/* bounds of the second byte */
	uint8_t		high = 0xBF;
	size_t		length = lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;

	if (lead < 0xC2 || lead > 0xF4 || (size_t) (end - p) < length)
		return 0;
	if (lead == 0xE0)
		low = 0xA0;				/* below: overlong */
	else if (lead == 0xED)
		high = 0x9F;			/* above: surrogates */
	else if (lead == 0xF0)
		low = 0x90;				/* below: overlong */
	else if (lead == 0xF4)
		high = 0x8F;			/* above: behind U+10FFFF */
	if (p[1] < low || p[1] > high)
		return 0;
	for (size_t i = 2; i < length; i++)
		if ((p[i] & 0xC0) != 0x80)
			return 0;
	return length;
}

/* Begin to read the bytes of a string token. */
JsonBytes
JsonBytesOf(const char *text, const JsonToken *token)
{
	const uint8_t *start = (const uint8_t *) text + token->start;

	return (JsonBytes) {.next = start, .end = start + token->length};
}

/* The next byte of a checked string, or -1 at its end. */
int
JsonNextByte(JsonBytes *bytes)
{
	size_t		taken;

	if (bytes->at < bytes->have)
		return bytes->pending[bytes->at++];
	if (bytes->next == bytes->end)
		return -1;
	if (*bytes->next != '\\')
		return *bytes->next++;
	taken = JsonReadEscape(bytes->next, bytes->end, bytes->pending, &bytes->have);
	if (taken == 0)
		return -1;				/* cannot be in a parsed text, must not loop */
	bytes->next += taken;
	bytes->at = 1;
	return bytes->pending[0];
}

/* Hash of plain bytes. */
uint32_t
JsonHashPlain(const uint8_t *p, size_t length)
{
	uint64_t	state = 0;
	uint64_t	rest = 0;
	size_t		at = 0;

	for (; length - at >= 8; at += 8)
		state = JsonHashStep(state, JsonLoadWord(p + at));
	for (size_t i = 0; at + i < length; i++)
		rest |= (uint64_t) p[at + i] << 8 * i;
	return JsonHashEnd(state, rest, length);
}

/* Hash of a string token. */
uint32_t
JsonHash(const char *text, const JsonToken *token)
{
	JsonBytes	bytes = JsonBytesOf(text, token);
	uint64_t	state = 0;
	uint64_t	rest = 0;
	size_t		length = 0;
	int			byte;

	if (!token->escaped)
		return JsonHashPlain(bytes.next, token->length);
	while ((byte = JsonNextByte(&bytes)) >= 0)
	{
		rest |= (uint64_t) byte << 8 * (length % 8);
		if (++length % 8 == 0)
		{
			state = JsonHashStep(state, rest);
			rest = 0;
		}
	}
	return JsonHashEnd(state, rest, length);
}

/* Are the names of two members equal after unescaping? */
bool
JsonTokensEqual(const char *text, const JsonToken *a, const JsonToken *b)
{
	JsonBytes	left;
	JsonBytes	right;
	int			byte;

	if (!a->escaped && !b->escaped)
		return a->length == b->length &&
			memcmp(text + a->start, text + b->start, a->length) == 0;
	left = JsonBytesOf(text, a);
	right = JsonBytesOf(text, b);
	do
	{
		byte = JsonNextByte(&left);
		if (byte != JsonNextByte(&right))
			return false;
	} while (byte >= 0);
	return true;
}

/* Is a string token, unescaped, equal to these bytes? */
bool
JsonTokenIs(const char *text, const JsonToken *token, const char *s, size_t length)
{
	JsonBytes	bytes;

	if (!token->escaped)
		return token->length == length && memcmp(text + token->start, s, length) == 0;
	bytes = JsonBytesOf(text, token);
	for (size_t i = 0; i < length; i++)
		if (JsonNextByte(&bytes) != (uint8_t) s[i])
			return false;
	return JsonNextByte(&bytes) < 0;
}
