/*
 * test/unit/test_jsonname.c: names of members: escapes, great numbers, equal hashes.
 */
#include "unit.h"

#include "core/json.h"
#include "core/jsontext.h"

#define TOKENS 64

static JsonToken tokens[TOKENS];

/* The status of parsing a string. */
static Status
ParseStatus(const char *text)
{
	JsonDoc		doc;

	return JsonParse(text, strlen(text), tokens, TOKENS, &doc);
}

/* Names of each length, each of their characters escaped in turn, are the same name. */
static void
TestEscapedNames(void)
{
	for (size_t length = 1; length <= 40; length += length < 20 ? 1 : 5)
	{
		int			wrong = 0;

		for (size_t place = 0; place < length; place++)
		{
			char		name[64] = "";
			char		escaped[64];
			char		text[256];
			JsonDoc		doc;

			for (size_t i = 0; i < length; i++)
				name[i] = (char) ('a' + i % 26);
			snprintf(escaped, sizeof(escaped), "%.*s\\u%04x%s", (int) place, name,
					 name[place], name + place + 1);
			snprintf(text, sizeof(text), "{\"%s\":1,\"%s\":2}", name, escaped);
			wrong += ParseStatus(text) != STATUS_JSON_DUPLICATE;
			snprintf(text, sizeof(text), "{\"%s\":1,\"%s\":2}", escaped, name);
			wrong += ParseStatus(text) != STATUS_JSON_DUPLICATE;
			snprintf(text, sizeof(text), "{\"x%s\":1,\"%s\":2}", name, escaped);
			if (JsonParse(text, strlen(text), tokens, TOKENS, &doc) != STATUS_OK ||
				JsonFind(&doc, 0, name) != 4)
				wrong++;
		}
		CHECK(wrong == 0, UnitName("escaped names of %zu", length));
	}
}

/* Many members: all are found, and a repeated one is refused wherever it is. */
static void
TestManyMembers(void)
{
	const int	members = 3000;
	size_t		max = (size_t) members * 2 + 3;
	JsonToken  *many = malloc(max * sizeof(JsonToken));
	char	   *text = malloc((size_t) members * 16 + 32);
	size_t		length = 0;
	int			wrong = 0;
	JsonDoc		doc;

	text[length++] = '{';
	for (int i = 0; i < members; i++)
		length += (size_t) sprintf(text + length, "%s\"m%d\":%d", i > 0 ? "," : "", i, i);
	text[length] = '}';
	CHECK_STATUS(JsonParse(text, length + 1, many, max, &doc), STATUS_OK, "3000 members");
	for (int i = 0; i < members; i++)
	{
		char		name[16];
		int64_t		value;

		sprintf(name, "m%d", i);
		if (JsonInteger(&doc, JsonFind(&doc, 0, name), &value) != STATUS_OK || value != i)
			wrong++;
	}
	CHECK(wrong == 0 && doc.tokens[0].count == 3000, "each of them is found");
	for (int i = 0; i < members; i += 37)
	{
		sprintf(text + length, ",\"m%d\":0}", i);
		if (JsonParse(text, length + strlen(text + length), many, max,
					  &doc) != STATUS_JSON_DUPLICATE)
			wrong++;
	}
	CHECK(wrong == 0, "each of them is refused once more");
	free(text);
	free(many);
}

/* Order words. */
static int
CompareWords(const void *a, const void *b)
{
	uint64_t	x = *(const uint64_t *) a;
	uint64_t	y = *(const uint64_t *) b;

	return x < y ? -1 : x > y;
}

/* Two names of one hash are still two names. */
static void
TestCollision(void)
{
	const uint32_t names = 300000;
	uint64_t   *hashes = malloc(names * sizeof(uint64_t));
	uint32_t	found = 0;
	char		a[16];
	char		b[16];
	char		text[128];
	JsonDoc		doc;

	for (uint32_t i = 0; i < names; i++)
	{
		int			length = snprintf(a, sizeof(a), "n%u", i);

		hashes[i] = (uint64_t) JsonHashPlain((const uint8_t *) a,
											 (size_t) length) << 32 | i;
	}
	qsort(hashes, names, sizeof(uint64_t), CompareWords);
	for (uint32_t i = 1; i < names && found == 0; i++)
		if (hashes[i] >> 32 == hashes[i - 1] >> 32)
			found = i;

	/*
	 * With 300000 of 2^32 some ten pairs are to be expected; none would be a bad hash
	 * too.
	 */
	if (CHECK(found > 0, "two names of one hash exist"))
	{
		snprintf(a, sizeof(a), "n%u", (uint32_t) hashes[found - 1]);
		snprintf(b, sizeof(b), "n%u", (uint32_t) hashes[found]);
		snprintf(text, sizeof(text), "{\"%s\":1,\"%s\":2}", a, b);
		CHECK_STATUS(JsonParse(text, strlen(text), tokens, TOKENS, &doc), STATUS_OK,
					 "they may stand together");
		CHECK(JsonFind(&doc, 0, a) == 2 && JsonFind(&doc, 0, b) == 4,
			  "and are told apart");
		snprintf(text, sizeof(text), "{\"%s\":1,\"%s\":2,\"%s\":3}", a, b, a);
		CHECK_STATUS(ParseStatus(text), STATUS_JSON_DUPLICATE,
					 "the first again is a duplicate");
	}
	free(hashes);
}

int
main(void)
{
	TestEscapedNames();
	TestManyMembers();
	TestCollision();
	return UnitEnd();
}
