/*
 * test/unit/test_jsonread.c: what comes out of a parsed JSON text.
 */
#include "unit.h"

#include "core/json.h"

#define TOKENS 64
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static JsonToken tokens[TOKENS];

/* One document, token by token. */
static void
TestTokens(void)
{
	static const char text[] = " {\"a\":[1,{\"b\":null},[]], \"c\\u0021\":\"d\\n\","
	"\"e\":-2.5e1,\"f\":{},\"g\":true,\"h\":false}";
	static const struct
	{
		JsonType	type;
		const char *value;
		uint32_t	count;
		uint32_t	next;
		bool		escaped;
	}			expected[] = {
		{JSON_OBJECT,
			"{\"a\":[1,{\"b\":null},[]], \"c\\u0021\":\"d\\n\",\"e\":-2.5e1,\"f\":{},"
		"\"g\":true,\"h\":false}", 6, 18, false},
		{JSON_STRING, "a", 0, 2, false},
		{JSON_ARRAY, "[1,{\"b\":null},[]]", 3, 8, false},
		{JSON_NUMBER, "1", 0, 4, false},
		{JSON_OBJECT, "{\"b\":null}", 1, 7, false},
		{JSON_STRING, "b", 0, 6, false},
		{JSON_NULL, "null", 0, 7, false},
		{JSON_ARRAY, "[]", 0, 8, false},
		{JSON_STRING, "c\\u0021", 0, 9, true},
		{JSON_STRING, "d\\n", 0, 10, true},
		{JSON_STRING, "e", 0, 11, false},
		{JSON_NUMBER, "-2.5e1", 0, 12, false},
		{JSON_STRING, "f", 0, 13, false},
		{JSON_OBJECT, "{}", 0, 14, false},
		{JSON_STRING, "g", 0, 15, false},
		{JSON_TRUE, "true", 0, 16, false},
		{JSON_STRING, "h", 0, 17, false},
		{JSON_FALSE, "false", 0, 18, false},
	};
	JsonDoc		doc;

	CHECK_STATUS(JsonParse(text, sizeof(text) - 1, tokens, TOKENS, &doc), STATUS_OK,
				 "the document");
	CHECK(doc.count == COUNT(expected), "the number of tokens");
	for (uint32_t i = 0; i < COUNT(expected) && i < doc.count; i++)
	{
		const JsonToken *token = &doc.tokens[i];
		size_t		length = strlen(expected[i].value);

		CHECK(token->type == expected[i].type && token->next == expected[i].next &&
			  token->escaped == expected[i].escaped &&
			  token->length == length &&
			  memcmp(text + token->start, expected[i].value, length) == 0,
			  UnitName("token %u", i));
		if (token->type == JSON_ARRAY || token->type == JSON_OBJECT)
			CHECK(token->count == expected[i].count, UnitName("count of token %u", i));
	}
	CHECK(doc.tokens[9].hash == 0 && doc.tokens[1].hash != 0,
		  "names have a hash, values none");
}

/* Members by name. */
static void
TestFind(void)
{
	static const char text[] =
	"{\"exp\":1,\"e\\u0078q\":2,\"deep\":{\"exp\":3,\"iss\":4},\"\":5,"
	"\"a\\u0062cdefgh\\u0069jklmnopq\":6,\"\\\"\":7}";
	JsonDoc		doc;
	int			deep;

	CHECK_STATUS(JsonParse(text, sizeof(text) - 1, tokens, TOKENS, &doc), STATUS_OK,
				 "the document");
	deep = JsonFind(&doc, 0, "deep");
	CHECK(JsonFind(&doc, 0, "exp") == 2, "a member");
	CHECK(JsonFind(&doc, 0, "exq") == 4, "a member written with an escape");
	CHECK(JsonFind(&doc, 0, "e\\u0078q") == -1, "not by its written form");
	CHECK(JsonFind(&doc, 0, "") > 0, "the empty name");
	CHECK(JsonFind(&doc, 0, "\"") > 0, "a quote");
	CHECK(JsonFind(&doc, 0, "abcdefghijklmnopq") > 0, "a long name written with escapes");
	CHECK(JsonFind(&doc, 0, "iss") == -1, "not a member of an inner object");
	CHECK(deep > 0 && JsonFind(&doc, deep, "iss") == deep + 4,
		  "a member of an inner object");
	CHECK(JsonFind(&doc, deep, "deep") == -1, "not a member of the outer object");
	CHECK(JsonFind(&doc, 0, "ex") == -1 && JsonFind(&doc, 0, "expp") == -1,
		  "not a part of a name");

	/* error: no object */
	CHECK(JsonFind(&doc, 2, "exp") == -1, "not in a number");
	CHECK(JsonFind(&doc, -1, "exp") == -1 && JsonFind(&doc, 1000, "exp") == -1,
		  "not without a token");
	CHECK_STATUS(JsonParse("{}", 2, tokens, TOKENS, &doc), STATUS_OK, "an empty object");
	CHECK(JsonFind(&doc, 0, "") == -1, "has no members");
	CHECK_STATUS(JsonParse("[\"a\",\"b\"]", 9, tokens, TOKENS, &doc), STATUS_OK,
				 "an array");
	CHECK(JsonFind(&doc, 0, "a") == -1, "has no members either");
	CHECK_STATUS(JsonParse("[{\"b\":[0],\"a\":2}]", 17, tokens, TOKENS, &doc), STATUS_OK,
				 "an array of objects");
	CHECK(JsonFind(&doc, 0, "a") == -1 && JsonFind(&doc, 1, "a") == 6,
		  "nor has this one, but its element");
	doc = (JsonDoc) {0};
	CHECK(JsonFind(&doc, 0, "a") == -1 && !JsonStringIs(&doc, 0, "a"),
		  "nothing in no document");
}

/* Strings out of a document. */
static void
TestString(void)
{
	static const char text[] =
	"[\"plain\",\"\\\"\\\\\\/\\b\\f\\n\\r\\t\",\"\\u0041\\u00e4\\u20AC\\ud83d\\ude39\","
	"\"\",7,"
	"\"x\xC3\xA4\\u00e4\","
	"\"\\u007f\\u0080\\u07ff\\u0800\\uffff\\ud800\\udc00\\udbff\\udfff\",\"a\\\\u0062\"]";
	static const char *const expected[] = {
		"plain", "\"\\/\b\f\n\r\t", "A\xC3\xA4\xE2\x82\xAC\xF0\x9F\x98\xB9", "", NULL,
		"x\xC3\xA4\xC3\xA4",
		"\x7F\xC2\x80\xDF\xBF\xE0\xA0\x80\xEF\xBF\xBF\xF0\x90\x80\x80\xF4\x8F\xBF\xBF",
		"a\\u0062",
	};
	JsonDoc		doc;

	CHECK_STATUS(JsonParse(text, sizeof(text) - 1, tokens, TOKENS, &doc), STATUS_OK,
				 "the document");
	for (int i = 0; i < (int) COUNT(expected); i++)
	{
		size_t		size = expected[i] != NULL ? strlen(expected[i]) : 0;
		char	   *out;
		size_t		length = 99;

		if (expected[i] == NULL)
			continue;
		out = malloc(size + 1);
		CHECK_STATUS(JsonString(&doc, i + 1, out, size + 1, &length), STATUS_OK,
					 UnitName("string %d", i));
		CHECK(length == size && strcmp(out, expected[i]) == 0,
			  UnitName("string %d unescaped", i));
		CHECK(length <= doc.tokens[i + 1].length,
			  UnitName("string %d is no longer than its token", i));
		CHECK_STATUS(JsonString(&doc, i + 1, out, size + 1, NULL), STATUS_OK,
					 UnitName("string %d without length", i));
		CHECK(JsonStringIs(&doc, i + 1, expected[i]), UnitName("string %d is itself", i));
		CHECK(!JsonStringIs(&doc, i + 1, "plainer") && !JsonStringIs(&doc, i + 1, "p") &&
			  !JsonStringIs(&doc, i + 1, "A"), UnitName("string %d is no other", i));

		/* error: one byte too little */
		length = 99;
		CHECK_STATUS(JsonString(&doc, i + 1, out, size, &length), STATUS_JSON_SIZE,
					 UnitName("string %d does not fit", i));
		CHECK(length == 0 && (size == 0 || out[0] == '\0'),
			  UnitName("string %d is then empty", i));
		free(out);
	}

	/* error: no string */
	{
		char		out[8] = "before";
		size_t		length = 99;

		CHECK_STATUS(JsonString(&doc, 5, out, sizeof(out), &length), STATUS_JSON_TYPE,
					 "a number is no string");
		CHECK(out[0] == '\0' && length == 0, "nothing comes out");
		CHECK_STATUS(JsonString(&doc, 0, out, sizeof(out), NULL), STATUS_JSON_TYPE,
					 "an array is no string");
		CHECK_STATUS(JsonString(&doc, -1, out, sizeof(out), NULL), STATUS_JSON_TYPE,
					 "an absent member is no string");
		CHECK_STATUS(JsonString(&doc, 9, out, sizeof(out), NULL), STATUS_JSON_TYPE,
					 "a token behind the last is no string");
		CHECK(!JsonStringIs(&doc, 5, "7") && !JsonStringIs(&doc, -1, "") &&
			  !JsonStringIs(&doc, 9, ""),
			  "what is no string equals none");
	}
}

/* Integers, and what is none. */
static void
TestInteger(void)
{
	static const struct
	{
		const char *text;
		Status		status;
		int64_t		value;
	}			facts[] = {
		{"0", STATUS_OK, 0},
		{"-0", STATUS_OK, 0},
		{"1", STATUS_OK, 1},
		{"-1", STATUS_OK, -1},
		{"1760000000", STATUS_OK, 1760000000},
		{"9007199254740991", STATUS_OK, INT64_C(9007199254740991)},
		{"-9007199254740991", STATUS_OK, INT64_C(-9007199254740991)},
		/* error: behind 2^53 - 1 */
		{"9007199254740992", STATUS_JSON_TYPE, 0},
		{"-9007199254740992", STATUS_JSON_TYPE, 0},
		{"9999999999999999", STATUS_JSON_TYPE, 0},
		{"99999999999999999", STATUS_JSON_TYPE, 0},
		{"9223372036854775808", STATUS_JSON_TYPE, 0},
		{"18446744073709551617", STATUS_JSON_TYPE, 0},
		{"100000000000000000000000000000000000000000", STATUS_JSON_TYPE, 0},
		/* error: fraction or exponent, even of an integer */
		{"1.0", STATUS_JSON_TYPE, 0},
		{"1e3", STATUS_JSON_TYPE, 0},
		{"1E3", STATUS_JSON_TYPE, 0},
		{"0.5", STATUS_JSON_TYPE, 0},
		/* error: no number */
		{"\"1\"", STATUS_JSON_TYPE, 0},
		{"null", STATUS_JSON_TYPE, 0},
		{"true", STATUS_JSON_TYPE, 0},
		{"[1]", STATUS_JSON_TYPE, 0},
	};
	JsonDoc		doc;
	int64_t		value;

	for (size_t i = 0; i < COUNT(facts); i++)
	{
		/* Exactly as long as the number, so that ASan sees an overrun. */
		size_t		length = strlen(facts[i].text);
		char	   *copy = memcpy(malloc(length), facts[i].text, length);

		value = 99;
		CHECK_STATUS(JsonParse(copy, length, tokens, TOKENS, &doc), STATUS_OK,
					 UnitName("%s parses", facts[i].text));
		CHECK_STATUS(JsonInteger(&doc, 0, &value), facts[i].status,
					 UnitName("integer %s", facts[i].text));
		CHECK(value == facts[i].value, UnitName("value of %s", facts[i].text));
		free(copy);
	}
	CHECK_STATUS(JsonInteger(&doc, -1, &value), STATUS_JSON_TYPE,
				 "an absent member is no integer");
}

int
main(void)
{
	TestTokens();
	TestFind();
	TestString();
	TestInteger();
	return UnitEnd();
}
