/*
 * test/fuzz/fuzz_base64url.c: base64url, against a decoder of the plainest kind.
 *
 * Depends on fuzz.h and core/base64url.
 */
#include "fuzz.h"

#include "core/base64url.h"

/* Bits of a character, or -1. */
static int
Value(uint8_t c)
{
	static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
	const char *found = c != '\0' ? strchr(alphabet, c) : NULL;

	return found != NULL ? (int) (found - alphabet) : -1;
}

/* Decode bit by bit; false if the text is not canonical. */
static bool
DecodePlainly(const uint8_t *in, size_t size, uint8_t *out, size_t *length)
{
	unsigned int bits = 0;
	int			have = 0;

	*length = 0;
	for (size_t i = 0; i < size; i++)
	{
		int			value = Value(in[i]);

		if (value < 0)
			return false;
		bits = (bits << 6 | (unsigned int) value) & 0xFFFF;
		have += 6;
		if (have >= 8)
		{
			have -= 8;
			out[(*length)++] = (uint8_t) (bits >> have);
		}
	}
	/* a single character is half a byte; what is left over must be zero */
	return size % 4 != 1 && (bits & ((1u << have) - 1)) == 0;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t		room = BASE64URL_DECODED(size);
	uint8_t    *plain = malloc(room);
	uint8_t    *out = malloc(room);
	char	   *text = malloc(BASE64URL_LENGTH(size) + 1);
	size_t		plain_length;
	size_t		length;
	bool		good = DecodePlainly(data, size, plain, &plain_length);

	/* as a text */
	REQUIRE((Base64UrlDecode((const char *) data, size, out, room, &length) == STATUS_OK) == good);
	if (good)
	{
		REQUIRE(length == plain_length && memcmp(out, plain, length) == 0);
		REQUIRE(BASE64URL_LENGTH(length) == size);
		REQUIRE(Base64UrlEncode(out, length, text) == size && memcmp(text, data, size) == 0);
		/* into exactly its room, and into one byte less */
		REQUIRE(Base64UrlDecode((const char *) data, size, out, plain_length, &length) == STATUS_OK);
		if (plain_length > 0)
			REQUIRE(Base64UrlDecode((const char *) data, size, out, plain_length - 1, &length) != STATUS_OK &&
					length == 0);
	}
	else
		REQUIRE(length == 0);
	free(out);
	free(plain);

	/* as bytes */
	length = Base64UrlEncode(data, size, text);
	REQUIRE(length == BASE64URL_LENGTH(size));
	out = malloc(size > 0 ? size : 1);
	REQUIRE(Base64UrlDecode(text, length, out, size, &length) == STATUS_OK);
	REQUIRE(length == size && memcmp(out, data, size) == 0);
	free(out);
	free(text);
	return 0;
}
