/*
 * test/unit/test_base64url.c: facts about src/core/base64url.c.
 */
#include "unit.h"

#include "core/base64url.h"

static const char letters[] =
	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/* Decode into a buffer of exactly the decoded size, so that ASan sees overruns. */
static Status
Decode(const char *in, size_t length, uint8_t **out, size_t *out_length)
{
	size_t		size = length / 4 * 3 + (length % 4 > 1 ? length % 4 - 1 : 0);

	*out = malloc(size > 0 ? size : 1);
	return Base64UrlDecode(in, length, *out, size, out_length);
}

/* The status of decoding alone. */
static Status
DecodeStatus(const char *in, size_t length)
{
	uint8_t    *out;
	size_t		out_length = 99;
	Status		status = Decode(in, length, &out, &out_length);

	free(out);
	if (status != STATUS_OK && out_length != 0)
		return STATUS_COUNT;
	return status;
}

/* RFC 4648 §10 without padding, and RFC 7515 appendix C. */
static void
TestVectors(void)
{
	static const uint8_t rfc7515[] = {3, 236, 255, 224, 193};
	static const struct
	{
		const char *plain;
		size_t		plain_length;
		const char *encoded;
	}			vectors[] = {
		{"", 0, ""},
		{"f", 1, "Zg"},
		{"fo", 2, "Zm8"},
		{"foo", 3, "Zm9v"},
		{"foob", 4, "Zm9vYg"},
		{"fooba", 5, "Zm9vYmE"},
		{"foobar", 6, "Zm9vYmFy"},
		{(const char *) rfc7515, 5, "A-z_4ME"},
	};

	for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++)
	{
		const char *encoded = vectors[i].encoded;
		size_t		length = strlen(encoded);
		char		text[16];
		uint8_t    *out;
		size_t		out_length;

		CHECK(Base64UrlEncode((const uint8_t *) vectors[i].plain, vectors[i].plain_length,
							  text) == length &&
			  memcmp(text, encoded, length) == 0,
			  UnitName("vector %zu encodes", i));
		CHECK_STATUS(Decode(encoded, length, &out, &out_length), STATUS_OK,
					 UnitName("vector %zu decodes", i));
		CHECK(out_length == vectors[i].plain_length &&
			  memcmp(out, vectors[i].plain, out_length) == 0,
			  UnitName("vector %zu decodes to its text", i));
		free(out);
	}
}

/* Every byte value in every place of a group; one fact for each place. */
static void
TestAlphabet(void)
{
	static const struct
	{
		size_t		length;
		size_t		place;
	}			places[] = {
		{8, 0}, {8, 1}, {8, 2}, {8, 3}, {8, 4}, {8, 5}, {8, 6}, {8, 7}, {6, 4}, {7, 4},
		{7, 5},
		/* long enough for vectors: the first block, the second, and what is left of it */
		{64, 0}, {64, 1}, {64, 2}, {64, 3}, {64, 4}, {64, 5}, {64, 6}, {64, 7},
		{64, 8}, {64, 9}, {64, 10}, {64, 11}, {64, 12}, {64, 13}, {64, 14}, {64, 15},
		{64, 16}, {64, 31}, {64, 47}, {64, 48}, {64, 63}, {62, 60}, {63, 61},
	};
	char		text[64];
	int			wrong;

	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++)
	{
		wrong = 0;
		for (int c = 0; c < 256; c++)
		{
			Status		expected = c != 0 &&
			strchr(letters, c) != NULL ? STATUS_OK : STATUS_BASE64URL;

			memset(text, 'A', sizeof(text));
			text[places[i].place] = (char) c;
			if (DecodeStatus(text, places[i].length) != expected)
				wrong++;
		}
		CHECK(wrong == 0, UnitName("the alphabet alone passes in place %zu of %zu",
								   places[i].place, places[i].length));
	}

	/* error: one character encodes no byte */
	wrong = 0;
	for (int c = 0; c < 256; c++)
	{
		text[0] = (char) c;
		if (DecodeStatus(text, 1) != STATUS_BASE64URL)
			wrong++;
	}
	CHECK(wrong == 0, "no character passes alone");
}

/* Each character has its own value in each place, by tables and by vectors. */
static void
TestValues(void)
{
	static const size_t lengths[] = {4, 20, 24, 64};
	char		text[64];
	uint8_t    *out;
	size_t		out_length;

	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++)
	{
		int			wrong = 0;

		for (size_t place = 0; place < lengths[i]; place++)
			for (size_t value = 0; value < 64; value++)
			{
				uint32_t	group;

				memset(text, 'A', sizeof(text));
				text[place] = letters[value];
				if (Decode(text, lengths[i], &out, &out_length) != STATUS_OK)
				{
					wrong++;
					free(out);
					continue;
				}
				group = (uint32_t) out[place / 4 * 3] << 16 |
					(uint32_t) out[place / 4 * 3 + 1] << 8 | out[place / 4 * 3 + 2];
				if (group != value << 6 * (3 - place % 4))
					wrong++;
				free(out);
			}
		CHECK(wrong == 0, UnitName("values in all places of %zu", lengths[i]));
	}
}

/* error: unused trailing bits that are not zero; one fact for each last character */
static void
TestTails(void)
{
	char		text[4] = "AAA";
	int			wrong;

	for (int last = 0; last < 64; last++)
	{
		wrong = 0;
		text[1] = letters[last];
		for (int i = 0; i < 64; i++)
		{
			text[0] = letters[i];
			if (DecodeStatus(text,
							 2) != ((last & 15) == 0 ? STATUS_OK : STATUS_BASE64URL))
				wrong++;
		}
		CHECK(wrong == 0, UnitName("tails of 2 that end in %c", letters[last]));

		wrong = 0;
		text[2] = letters[last];
		for (int i = 0; i < 64 * 64; i++)
		{
			text[0] = letters[i / 64];
			text[1] = letters[i % 64];
			if (DecodeStatus(text, 3) != ((last & 3) == 0 ? STATUS_OK : STATUS_BASE64URL))
				wrong++;
		}
		CHECK(wrong == 0, UnitName("tails of 3 that end in %c", letters[last]));
	}
}

/* Encode and decode lengths 0 to 300, and the size macros. */
static void
TestRoundTrips(void)
{
	uint32_t	seed = 1;

	for (size_t length = 0; length <= 300; length++)
	{
		uint8_t    *plain = malloc(length + 1);
		char	   *encoded = malloc(BASE64URL_LENGTH(length) + 1);
		uint8_t    *out = NULL;
		size_t		encoded_length;
		size_t		out_length;

		for (size_t i = 0; i < length; i++)
		{
			seed = seed * 1664525 + 1013904223;
			plain[i] = (uint8_t) (seed >> 24);
		}
		encoded[BASE64URL_LENGTH(length)] = '!';
		encoded_length = Base64UrlEncode(plain, length, encoded);
		CHECK(encoded_length == BASE64URL_LENGTH(length) &&
			  encoded[encoded_length] == '!' &&
			  Decode(encoded, encoded_length, &out, &out_length) == STATUS_OK &&
			  out_length == length && memcmp(out, plain, length) == 0 &&
			  BASE64URL_DECODED(encoded_length) >= length,
			  UnitName("length %zu comes back, in the sizes announced", length));
		free(out);
		free(encoded);
		free(plain);
	}
}

/* error: what other decoders let pass */
static void
TestRefusals(void)
{
	static const char *const refused[] = {
		"Zg==", "Zm8=", "=", "Zg=", "Zm9v=", "Zm9v====", "Zm 9v", "Zm9v\n", " Zm9v",
		"Zm9v\r\n", "+w", "/w", "Zm9+", "Zm9/", "Zm9v.", "Zm9vY", "Zh", "Zm9",
	};
	uint8_t		out[3];
	size_t		out_length = 99;

	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
		CHECK_STATUS(DecodeStatus(refused[i], strlen(refused[i])), STATUS_BASE64URL,
					 UnitName("\"%s\" is refused", refused[i]));
	CHECK_STATUS(DecodeStatus("Zm9v\0", 5), STATUS_BASE64URL, "a NUL is refused");
	CHECK_STATUS(DecodeStatus("Zm\0v", 4), STATUS_BASE64URL, "a NUL inside is refused");

	/* error: the result does not fit */
	CHECK_STATUS(Base64UrlDecode("Zm9vYg", 6, out, 3, &out_length), STATUS_ARGUMENT,
				 "4 bytes do not fit 3");
	CHECK(out_length == 0, "nothing is said to be written");
	CHECK_STATUS(Base64UrlDecode("Zm9v", 4, out, 3, &out_length), STATUS_OK,
				 "3 bytes fit 3");
	CHECK_STATUS(Base64UrlDecode("Zg", 2, out, 0, &out_length), STATUS_ARGUMENT,
				 "1 byte does not fit 0");
}

int
main(void)
{
	TestVectors();
	TestAlphabet();
	TestValues();
	TestTails();
	TestRoundTrips();
	TestRefusals();
	return UnitEnd();
}
