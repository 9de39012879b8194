/*
 * test/unit/test_portable.c: the code for machines without x86 vectors gives
 * the same results as the code with them.
 */
#include "unit.h"

#include "core/base64url.h"
#include "core/json.h"

/* The same sources once more, under other names and without vectors. */
#define CORE_PORTABLE
#define Base64UrlEncode PortableEncode
#define Base64UrlDecode PortableDecode
#define JsonParse PortableParse
extern size_t PortableEncode(const uint8_t *in, size_t length, char *out);
extern Status PortableDecode(const char *in, size_t length, uint8_t *out, size_t out_size,
							 size_t *out_length);
extern Status PortableParse(const char *text, size_t length, JsonToken *tokens,
							size_t max_tokens, JsonDoc *doc);
#include "../../src/core/base64url.c"
#undef BAD
#include "../../src/core/json.c"
#undef Base64UrlEncode
#undef Base64UrlDecode
#undef JsonParse

#define TOKENS 128

static uint32_t seed = 7;

/* A number below a bound, always the same ones. */
static uint32_t
Random(uint32_t bound)
{
	seed = seed * 1664525 + 1013904223;
	return (seed >> 8) % bound;
}

/* Texts of the alphabet, some with one other byte. */
static void
TestDecode(void)
{
	int			wrong = 0;
	int			good = 0;
	int			bad = 0;

	for (int turn = 0; turn < 20000; turn++)
	{
		char		text[128];
		uint8_t		out[2][100];
		size_t		length[2] = {99, 99};
		size_t		size = Random(sizeof(text) + 1);
		Status		status[2];

		for (size_t i = 0; i < size; i++)
			text[i] = alphabet[Random(64)];
		if (size > 0 && Random(2) == 0)
			text[Random((uint32_t) size)] = (char) Random(256);
		memset(out, 0, sizeof(out));
		status[0] = Base64UrlDecode(text, size, out[0], sizeof(out[0]), &length[0]);
		status[1] = PortableDecode(text, size, out[1], sizeof(out[1]), &length[1]);
		good += status[0] == STATUS_OK;
		bad += status[0] != STATUS_OK;
		if (status[0] != status[1] || length[0] != length[1] ||
			memcmp(out[0], out[1], length[0]) != 0)
			wrong++;
	}
	CHECK(wrong == 0, "base64url is decoded alike");
	CHECK(good > 1000 && bad > 1000, "good and bad texts were among them");
}

/* Field by field: a token has padding. */
static bool
SameToken(const JsonToken *a, const JsonToken *b)
{
	return a->type == b->type && a->escaped == b->escaped && a->start == b->start &&
		a->length == b->length && a->count == b->count && a->next == b->next &&
		a->hash == b->hash;
}

/* A document with some bytes replaced. */
static void
TestParse(void)
{
	static const char document[] =
	"{\"iss\":\"intrex_auth:7312345678901234567/16384\","
	"\"sub\":\"3f1c2d4e-5b6a-4789-9abc-def012345678\","
	"\"iat\":1760000000,\"names\":[\"\xC3\xA4\xE2\x82\xAC\xF0\x9F\x98\xB9\","
	"\"tab\\tquote\\\"\\ud83d\\ude39\"],"
	"\"a_long_name_of_a_member_with_an_escape_\\u0061_in_it\":{\"x\":[true,false,null,-1.5e+3]}}";
	static const char hostile[] = "\"\\\x01\x1F \x7F\x80\xC3\xE0\xF4\xFF{}[]:,0u";
	static JsonToken tokens[2][TOKENS];
	size_t		length = sizeof(document) - 1;
	int			wrong = 0;
	int			good = 0;
	int			bad = 0;

	for (int turn = 0; turn < 20000; turn++)
	{
		char		text[sizeof(document)];
		JsonDoc		doc[2];
		Status		status[2];

		memcpy(text, document, length);
		for (uint32_t i = Random(3); i > 0; i--)
			text[Random((uint32_t) length)] = Random(2) == 0
				? (char) ('a' + Random(26)) : hostile[Random(sizeof(hostile) - 1)];
		memset(tokens, 0, sizeof(tokens));
		status[0] = JsonParse(text, length, tokens[0], TOKENS, &doc[0]);
		status[1] = PortableParse(text, length, tokens[1], TOKENS, &doc[1]);
		good += status[0] == STATUS_OK;
		bad += status[0] != STATUS_OK;
		if (status[0] != status[1] || doc[0].count != doc[1].count)
			wrong++;
		else
			for (uint32_t i = 0; i < doc[0].count; i++)
				wrong += !SameToken(&tokens[0][i], &tokens[1][i]);
	}
	CHECK(wrong == 0, "JSON is parsed alike");
	CHECK(good > 1000 && bad > 1000, "good and bad documents were among them");
}

int
main(void)
{
	TestDecode();
	TestParse();
	return UnitEnd();
}
