/*
 * src/core/passtext.c: reading the text of a password hash: fields, numbers, base64.
 *
 * Everything has one spelling only, so that no damage to a hash goes unnoticed.
 * Depends on base64url and mem.
 */
#include "passscheme.h"

#include <string.h>

#include "base64url.h"
#include "mem.h"

/* Characters of the longest field in base64. */
#define BASE64_SIZE 512

/* The text behind its prefix. */
PassText
PassTextBehind(const char *text, size_t length, size_t prefix)
{
	PassText	rest = {text + prefix, text + length};

	return rest;
}

/* Step over exactly this. */
bool
PassTextSkip(PassText *text, const char *expected)
{
	size_t		length = strlen(expected);

	if ((size_t) (text->end - text->at) < length || memcmp(text->at, expected, length) != 0)
		return false;
	text->at += length;
	return true;
}

/* Read a decimal number of at most nine digits. */
bool
PassTextNumber(PassText *text, uint32_t *out)
{
	const char *start = text->at;
	uint32_t	value = 0;

	while (text->at < text->end && *text->at >= '0' && *text->at <= '9')
	{
		if (text->at - start == 9)
			return false;
		value = value * 10 + (uint32_t) (*text->at++ - '0');
	}
	if (text->at == start || (*start == '0' && text->at - start > 1))
		return false;
	*out = value;
	return true;
}

/* Up to the separator or the end. */
bool
PassTextField(PassText *text, char separator, const char **field, size_t *length)
{
	const char *stop = text->end;

	if (separator != '\0')
	{
		stop = memchr(text->at, separator, (size_t) (text->end - text->at));
		if (stop == NULL)
			return false;
	}
	*field = text->at;
	*length = (size_t) (stop - text->at);
	text->at = separator != '\0' ? stop + 1 : stop;
	return true;
}

/* Decode by way of base64url, which is strict about the bits that are left over. */
Status
PassBase64Decode(const char *in, size_t length, PassBase64 dialect,
				 uint8_t *out, size_t size, size_t *out_length)
{
	char		url[BASE64_SIZE];
	char		plus = dialect == PASS_BASE64_DOT ? '.' : '+';
	size_t		padding = 0;
	Status		status;

	*out_length = 0;
	if (dialect == PASS_BASE64_PADDED)
	{
		if (length % 4 != 0)
			return STATUS_HASH_FORMAT;
		while (padding < 2 && padding < length && in[length - 1 - padding] == '=')
			padding++;
		length -= padding;
		if ((4 - length % 4) % 4 != padding)
			return STATUS_HASH_FORMAT;
	}
	if (length > sizeof(url))
		return STATUS_HASH_FORMAT;
	for (size_t i = 0; i < length; i++)
	{
		if (in[i] == '-' || in[i] == '_')
			return STATUS_HASH_FORMAT;
		url[i] = in[i] == plus ? '-' : in[i] == '/' ? '_' : in[i];
	}
	status = Base64UrlDecode(url, length, out, size, out_length);
	SecureWipe(url, length);
	return status == STATUS_OK ? STATUS_OK : STATUS_HASH_FORMAT;
}

/* Value of a character of crypt(3)'s base64. */
int
PassCrypt64(char c)
{
	if (c == '.' || c == '/')
		return c - '.';
	if (c >= '0' && c <= '9')
		return c - '0' + 2;
	if (c >= 'A' && c <= 'Z')
		return c - 'A' + 12;
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 38;
	return -1;
}
