/*
 * test/unit/test_json.c: what src/core/json.c accepts and refuses.
 */
#include "unit.h"

#include "core/json.h"

#define TOKENS 256
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

typedef struct Fact
{
	const char *text;
	size_t		length;
	Status		status;
} Fact;

#define FACT(text, status) {text, sizeof(text) - 1, STATUS_ ## status}

static JsonToken tokens[TOKENS];

/* What a conforming reader accepts: the y_ cases of the usual suites, and more. */
static const Fact accepted[] = {
	/* structure */
	FACT("{}", OK), FACT("[]", OK), FACT("[[]]", OK), FACT("[{}]", OK),
	FACT("[[],[]]", OK),
	FACT("{\"a\":1}", OK), FACT("{\"a\":{\"a\":{\"a\":1}}}", OK), FACT("{\"\":0}", OK),
	FACT("{\"a\":[],\"b\":{}}", OK), FACT("[1,2,3]", OK), FACT("[null,1,\"1\",{}]", OK),
	FACT("[{\"a\":1},{\"a\":1}]", OK), FACT("{\"a\":\"b\",\"A\":\"b\",\"b\":\"a\"}", OK),
	FACT("{\"a\":{\"b\":1},\"b\":1}", OK),
	/* a value alone */
	FACT("null", OK), FACT("true", OK), FACT("false", OK), FACT("0", OK),
	FACT("-1.5e3", OK),
	FACT("\"\"", OK), FACT("\"a\"", OK),
	/* white space */
	FACT(" [] ", OK), FACT("\t\n\r {\t\"a\"\n:\r1 , \"b\":\t2\n}\r\n", OK),
	FACT("[ 1 ,\n2 ]", OK),
	FACT("[ ]", OK), FACT("{ }", OK), FACT("\n7\n", OK),
	/* numbers */
	FACT("[-0]", OK), FACT("[-0.0]", OK), FACT("[0.1]", OK), FACT("[123.456789]", OK),
	FACT("[1e5]", OK), FACT("[1E5]", OK), FACT("[1e+5]", OK), FACT("[1e-5]", OK),
	FACT("[0e1]", OK),
	FACT("[0e+1]", OK), FACT("[1.0E+2]", OK), FACT("[1e01]", OK), FACT("[-123]", OK),
	FACT("[10]", OK),
	FACT("[1e400]", OK), FACT("[123456789012345678901234567890]", OK),
	FACT("[0.000000000000000000000000000000000000000000000000000000000000001]", OK),
	/* strings */
	FACT("[\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"]", OK), FACT("[\"\\u0060\\u012a\\u12AB\"]", OK),
	FACT("[\"\\uD801\\udc37\"]", OK), FACT("[\"\\ud83d\\ude39\\ud83d\\udc8d\"]", OK),
	FACT("[\"\\\\u0000\"]", OK), FACT("[\"\\\\n\"]", OK), FACT("[\"\x7F\"]", OK),
	FACT("[\" \"]", OK),
	FACT("[\"\\u0001\\u001f\"]", OK), FACT("[\"\\uFFFF\\uFDD0\\uDBFF\\uDFFF\"]", OK),
	FACT("[\"a/*b*/c//d\"]", OK),
	FACT("[\"\\u2028\\u2029\xE2\x80\xA8\xE2\x80\xA9\"]", OK), FACT("[\"\xC2\x80\"]", OK),
	FACT("[\"\xDF\xBF\"]", OK), FACT("[\"\xE0\xA0\x80\"]", OK),
	FACT("[\"\xED\x9F\xBF\"]", OK),
	FACT("[\"\xEE\x80\x80\xEF\xBF\xBF\"]", OK), FACT("[\"\xF0\x90\x80\x80\"]", OK),
	FACT("[\"\xF4\x8F\xBF\xBF\"]", OK), FACT("[\"\xEF\xBB\xBF\"]", OK),
	FACT("{\"\xCF\x80\":1,\"\\u03c1\":2}", OK),
	FACT("[\"0123456789abcdef0123456789abcdef\xC3\xA4 0123456789abcdef\\n0123456789abcdef\"]", OK),
};

/* What it refuses: the n_ cases, and the i_ cases that we decide to refuse. */
static const Fact refused[] = {
	/* error: nothing, or not one value */
	FACT("", JSON_SYNTAX), FACT(" ", JSON_SYNTAX), FACT("\n\t", JSON_SYNTAX),
	FACT("[][]", JSON_SYNTAX),
	FACT("{}{}", JSON_SYNTAX), FACT("1 2", JSON_SYNTAX), FACT("[1]x", JSON_SYNTAX),
	FACT("{}#", JSON_SYNTAX),
	FACT("{}}", JSON_SYNTAX), FACT("[]]", JSON_SYNTAX), FACT("\"a\"\"b\"", JSON_SYNTAX),
	FACT("[]\0", JSON_SYNTAX),
	FACT("null\0", JSON_SYNTAX), FACT("[],", JSON_SYNTAX), FACT("nulltrue", JSON_SYNTAX),
	/* error: brackets, commas, colons */
	FACT("[", JSON_SYNTAX), FACT("{", JSON_SYNTAX), FACT("]", JSON_SYNTAX),
	FACT("}", JSON_SYNTAX),
	FACT(",", JSON_SYNTAX), FACT(":", JSON_SYNTAX), FACT("[1", JSON_SYNTAX),
	FACT("[1,", JSON_SYNTAX),
	FACT("[1,]", JSON_SYNTAX), FACT("[,1]", JSON_SYNTAX), FACT("[,]", JSON_SYNTAX),
	FACT("[1,,2]", JSON_SYNTAX),
	FACT("[1 2]", JSON_SYNTAX), FACT("[1:2]", JSON_SYNTAX),
	FACT("[\"a\":1]", JSON_SYNTAX), FACT("[1}", JSON_SYNTAX),
	FACT("[[]", JSON_SYNTAX), FACT("[{]", JSON_SYNTAX), FACT("{]", JSON_SYNTAX),
	FACT("{[", JSON_SYNTAX),
	FACT("{\"a\"", JSON_SYNTAX), FACT("{\"a\"}", JSON_SYNTAX),
	FACT("{\"a\":", JSON_SYNTAX),
	FACT("{\"a\":}", JSON_SYNTAX), FACT("{\"a\":1", JSON_SYNTAX),
	FACT("{\"a\":1,", JSON_SYNTAX),
	FACT("{\"a\":1,}", JSON_SYNTAX), FACT("{,\"a\":1}", JSON_SYNTAX),
	FACT("{\"a\":1,,\"b\":2}", JSON_SYNTAX),
	FACT("{\"a\":1 \"b\":2}", JSON_SYNTAX), FACT("{\"a\",1}", JSON_SYNTAX),
	FACT("{\"a\"::1}", JSON_SYNTAX),
	FACT("{\"a\":1:2}", JSON_SYNTAX), FACT("{\"a\":1]", JSON_SYNTAX),
	FACT("{\"a\" 1}", JSON_SYNTAX),
	FACT("{\"a\":1;\"b\":2}", JSON_SYNTAX), FACT("{\"a\":(1)}", JSON_SYNTAX),
	/* error: names that are no strings */
	FACT("{a:1}", JSON_SYNTAX), FACT("{'a':1}", JSON_SYNTAX), FACT("{1:1}", JSON_SYNTAX),
	FACT("{null:1}", JSON_SYNTAX), FACT("{[]:1}", JSON_SYNTAX),
	FACT("{{}:1}", JSON_SYNTAX), FACT("{:1}", JSON_SYNTAX),
	/* error: literals */
	FACT("nul", JSON_SYNTAX), FACT("nulL", JSON_SYNTAX), FACT("Null", JSON_SYNTAX),
	FACT("TRUE", JSON_SYNTAX),
	FACT("tru", JSON_SYNTAX), FACT("fals", JSON_SYNTAX), FACT("[nan]", JSON_SYNTAX),
	FACT("[NaN]", JSON_SYNTAX),
	FACT("[Infinity]", JSON_SYNTAX), FACT("[-Infinity]", JSON_SYNTAX),
	FACT("[undefined]", JSON_SYNTAX),
	FACT("[truee]", JSON_SYNTAX), FACT("[a]", JSON_SYNTAX), FACT("*", JSON_SYNTAX),
	/* error: numbers */
	FACT("[01]", JSON_SYNTAX), FACT("[-01]", JSON_SYNTAX), FACT("[00]", JSON_SYNTAX),
	FACT("[-]", JSON_SYNTAX),
	FACT("-", JSON_SYNTAX), FACT("[+1]", JSON_SYNTAX), FACT("[--1]", JSON_SYNTAX),
	FACT("[1.]", JSON_SYNTAX),
	FACT("1.", JSON_SYNTAX), FACT("[.1]", JSON_SYNTAX), FACT("[-.1]", JSON_SYNTAX),
	FACT("[1.e1]", JSON_SYNTAX),
	FACT("[1e]", JSON_SYNTAX), FACT("1e", JSON_SYNTAX), FACT("[1e+]", JSON_SYNTAX),
	FACT("1e-", JSON_SYNTAX),
	FACT("[1e1.5]", JSON_SYNTAX), FACT("[1ee1]", JSON_SYNTAX),
	FACT("[1e+-1]", JSON_SYNTAX), FACT("[1.2.3]", JSON_SYNTAX),
	FACT("[0x1]", JSON_SYNTAX), FACT("[1_0]", JSON_SYNTAX), FACT("[1 000]", JSON_SYNTAX),
	FACT("[1a]", JSON_SYNTAX),
	FACT("[- 1]", JSON_SYNTAX), FACT("[1+2]", JSON_SYNTAX), FACT("[1-2]", JSON_SYNTAX),
	FACT("[0.]", JSON_SYNTAX),
	FACT("[-0.e1]", JSON_SYNTAX), FACT("[\xEF\xBC\x91]", JSON_SYNTAX),
	FACT("[1\0]", JSON_SYNTAX),
	/* error: strings */
	FACT("\"", JSON_SYNTAX), FACT("\"a", JSON_SYNTAX), FACT("[\"a]", JSON_SYNTAX),
	FACT("'a'", JSON_SYNTAX),
	FACT("\"a\nb\"", JSON_SYNTAX), FACT("\"a\tb\"", JSON_SYNTAX),
	FACT("\"\0\"", JSON_SYNTAX),
	FACT("\"\x1F\"", JSON_SYNTAX), FACT("\"0123456789abcdef\x01\"", JSON_SYNTAX),
	FACT("\"01234567\r\"", JSON_SYNTAX),
	FACT("{\"a\0b\":1}", JSON_SYNTAX), FACT("[a\"]", JSON_SYNTAX),
	FACT("[\"a\"b]", JSON_SYNTAX), FACT("\"\"\"", JSON_SYNTAX),
	/* error: escapes */
	FACT("\"\\", JSON_SYNTAX), FACT("\"\\\"", JSON_SYNTAX), FACT("\"\\a\"", JSON_SYNTAX),
	FACT("\"\\0\"", JSON_SYNTAX),
	FACT("\"\\x41\"", JSON_SYNTAX), FACT("\"\\'\"", JSON_SYNTAX),
	FACT("\"\\U0041\"", JSON_SYNTAX),
	FACT("\"\\\n\"", JSON_SYNTAX), FACT("\"\\ \"", JSON_SYNTAX),
	FACT("\"\\\0\"", JSON_SYNTAX), FACT("\"\\u\"", JSON_SYNTAX),
	FACT("\"\\u1\"", JSON_SYNTAX), FACT("\"\\u12\"", JSON_SYNTAX),
	FACT("\"\\u123\"", JSON_SYNTAX),
	FACT("\"\\u123", JSON_SYNTAX), FACT("\"\\u12g4\"", JSON_SYNTAX),
	FACT("\"\\u-123\"", JSON_SYNTAX),
	FACT("\"\\u 123\"", JSON_SYNTAX), FACT("\"\\u{41}\"", JSON_SYNTAX),
	FACT("\"\\\xC3\xA4\"", JSON_SYNTAX),
	/* error: NUL by escape, and lone surrogates */
	FACT("\"\\u0000\"", JSON_SYNTAX), FACT("{\"a\\u0000\":1}", JSON_SYNTAX),
	FACT("\"\\uD800\"", JSON_SYNTAX),
	FACT("\"\\uDC00\"", JSON_SYNTAX), FACT("\"\\uDFFF\"", JSON_SYNTAX),
	FACT("\"\\uD800\\uD800\"", JSON_SYNTAX), FACT("\"\\uD800\\u0041\"", JSON_SYNTAX),
	FACT("\"\\uD800\\n\"", JSON_SYNTAX), FACT("\"\\uD800a\"", JSON_SYNTAX),
	FACT("\"\\uD83D\\u\"", JSON_SYNTAX),
	FACT("\"\\uD83D\\uDE\"", JSON_SYNTAX), FACT("\"\\uDE39\\uD83D\"", JSON_SYNTAX),
	FACT("\"\\uDBFF\\uE000\"", JSON_SYNTAX),
	FACT("\"\\uD800\\\\DC00\"", JSON_SYNTAX), FACT("\"\\uD800", JSON_SYNTAX),
	FACT("\"\\uD800\\uDC0", JSON_SYNTAX),
	/* error: white space and comments that JSON does not know */
	FACT("[\f]", JSON_SYNTAX), FACT("[\v1]", JSON_SYNTAX),
	FACT("[\xC2\xA0]", JSON_SYNTAX), FACT("[\xE2\x81\xA0]", JSON_SYNTAX),
	FACT("\xEF\xBB\xBF{}", JSON_SYNTAX), FACT("{}\xEF\xBB\xBF", JSON_SYNTAX),
	FACT("\0{}", JSON_SYNTAX), FACT("[1,\0]", JSON_SYNTAX),
	FACT("{\"a\":1/**/}", JSON_SYNTAX), FACT("{}//", JSON_SYNTAX),
	FACT("/**/{}", JSON_SYNTAX), FACT("{}/", JSON_SYNTAX),
	/* error: UTF-16 */
	FACT("[\0]\0", JSON_SYNTAX), FACT("\xFF\xFE[\0]\0", JSON_SYNTAX),
	/* error: UTF-8: stray, cut, overlong, surrogate, out of range, not a lead byte */
	FACT("\"\x80\"", UTF8), FACT("\"\xBF\"", UTF8), FACT("\"\xC3\"", UTF8),
	FACT("\"\xC3", UTF8), FACT("\"\xC3\x28\"", UTF8),
	FACT("\"\xE4\xB8\"", UTF8), FACT("\"\xE4\xB8", UTF8), FACT("\"\xE4(\x80\"", UTF8),
	FACT("\"\xE4\xB8(\"", UTF8),
	FACT("\"\xF0\x9F\x98\"", UTF8), FACT("\"\xF0\x9F\x98(\"", UTF8),
	FACT("\"\xF0\x9F(\x80\"", UTF8),
	FACT("\"\xE4\xB8\xC3\"", UTF8), FACT("\"\xF0\x9F\x98\xC3\"", UTF8),
	FACT("\"\xC0\x80\"", UTF8), FACT("\"\xC0\xAF\"", UTF8), FACT("\"\xC1\xBF\"", UTF8),
	FACT("\"\xE0\x80\xAF\"", UTF8),
	FACT("\"\xE0\x9F\xBF\"", UTF8), FACT("\"\xF0\x80\x80\xAF\"", UTF8),
	FACT("\"\xF0\x8F\xBF\xBF\"", UTF8),
	FACT("\"\xED\xA0\x80\"", UTF8), FACT("\"\xED\xBF\xBF\"", UTF8),
	FACT("\"\xED\xA0\xBD\xED\xB8\xB9\"", UTF8),
	FACT("\"\xF4\x90\x80\x80\"", UTF8), FACT("\"\xF5\x80\x80\x80\"", UTF8),
	FACT("\"\xF8\x88\x80\x80\x80\"", UTF8),
	FACT("\"\xFC\x84\x80\x80\x80\x80\"", UTF8), FACT("\"\xFE\"", UTF8),
	FACT("\"\xFF\"", UTF8), FACT("\"\xE9\"", UTF8),
	FACT("\"0123456789abcdef0123456789\x80 abcdefghi\"", UTF8),
	FACT("{\"\xC3\":1}", UTF8),
	FACT("{\"01234567\xFF 01234567\":1}", UTF8),
	/* error: two members of one name */
	FACT("{\"a\":1,\"a\":1}", JSON_DUPLICATE), FACT("{\"\":1,\"\":2}", JSON_DUPLICATE),
	FACT("{\"a\":1,\"b\":2,\"a\":3}", JSON_DUPLICATE),
	FACT("{\"a\":1,\"\\u0061\":2}", JSON_DUPLICATE),
	FACT("{\"\\u0061\":1,\"a\":2}", JSON_DUPLICATE),
	FACT("{\"\\u0061\":1,\"\\u0061\":2}", JSON_DUPLICATE),
	FACT("{\"a\\/b\":1,\"a/b\":2}", JSON_DUPLICATE),
	FACT("{\"\\u00e4\":1,\"\xC3\xA4\":2}", JSON_DUPLICATE),
	FACT("{\"\\u00E4\":1,\"\\u00e4\":2}", JSON_DUPLICATE),
	FACT("{\"\\ud83d\\ude39\":1,\"\xF0\x9F\x98\xB9\":2}", JSON_DUPLICATE),
	FACT("{\"\\n\":1,\"\\u000a\":2}", JSON_DUPLICATE),
	FACT("{\"alg\":\"HS256\",\"kid\":\"k\",\"al\\u0067\":\"none\"}", JSON_DUPLICATE),
	FACT("[{\"x\":[{\"a\":1,\"a\":2}]}]", JSON_DUPLICATE),
	FACT("{\"b\":{\"a\":1},\"a\":{\"c\":{}},\"a\":1}", JSON_DUPLICATE),
	FACT("{\"0123456789abcdef\":1,\"0123456789abcdef\":2}", JSON_DUPLICATE),
};

/* Parse a copy that ends where the text ends, so that ASan sees an overrun. */
static Status
Parse(const char *text, size_t length, JsonDoc *doc, char **copy)
{
	*copy = malloc(length > 0 ? length : 1);
	memcpy(*copy, text, length);
	return JsonParse(*copy, length, tokens, TOKENS, doc);
}

/* The status of parsing alone.  A refused text must leave no document. */
static Status
ParseStatus(const char *text, size_t length)
{
	JsonDoc		doc;
	char	   *copy;
	Status		status = Parse(text, length, &doc, &copy);

	free(copy);
	if (status != STATUS_OK && (doc.count != 0 || doc.tokens != NULL))
		return STATUS_COUNT;
	return status;
}

/* The tables. */
static void
TestGrammar(void)
{
	for (size_t i = 0; i < COUNT(accepted); i++)
		CHECK_STATUS(ParseStatus(accepted[i].text, accepted[i].length),
					 accepted[i].status,
					 UnitName("accepted: %s", accepted[i].text));
	for (size_t i = 0; i < COUNT(refused); i++)
		CHECK_STATUS(ParseStatus(refused[i].text, refused[i].length), refused[i].status,
					 UnitName("refused: %s", refused[i].text));
}

/* Every byte as a raw character of a string, in places that words and vectors reach. */
static void
TestBytesInStrings(void)
{
	for (size_t length = 1; length <= 40; length += 13)
	{
		int			wrong = 0;

		for (size_t place = 0; place < length; place++)
			for (int c = 0; c < 256; c++)
			{
				char		text[64];
				Status		expected = STATUS_OK;

				memset(text, 'x', sizeof(text));
				text[0] = '"';
				text[length + 1] = '"';
				text[place + 1] = (char) c;
				if (c < 0x20 || c == '"')
					expected = STATUS_JSON_SYNTAX;
				else if (c == '\\') /* "\x", but \" at the end */
					expected = STATUS_JSON_SYNTAX;
				else if (c >= 0x80)
					expected = STATUS_UTF8;
				if (ParseStatus(text, length + 2) != expected)
					wrong++;
			}
		CHECK(wrong == 0, UnitName("every byte in every place of a string of %zu",
								   length));
	}
}

/* Depth 16 and 17, of arrays, objects and both. */
static void
TestDepth(void)
{
	static const char *const kinds[] = {"[", "{\"a\":", "[{\"a\":"};
	static const char *const ends[] = {"]", "}", "}]"};
	static const size_t levels[] = {1, 1, 2};

	for (size_t kind = 0; kind < COUNT(kinds); kind++)
		for (size_t depth = 14; depth <= 20; depth++)
		{
			char		text[512] = "";

			if (depth % levels[kind] != 0)
				continue;
			for (size_t i = 0; i < depth; i += levels[kind])
				strcat(text, kinds[kind]);
			strcat(text, "1");
			for (size_t i = 0; i < depth; i += levels[kind])
				strcat(text, ends[kind]);
			CHECK_STATUS(ParseStatus(text, strlen(text)),
						 depth <= 16 ? STATUS_OK : STATUS_JSON_DEPTH,
						 UnitName("depth %zu of %s", depth, kinds[kind]));
		}
	CHECK_STATUS(ParseStatus("[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]", 32), STATUS_OK,
				 "16 empty arrays");
	CHECK_STATUS(ParseStatus("[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]", 34), STATUS_JSON_DEPTH,
				 "17 empty arrays");

	/* error: a great many opening brackets */
	{
		size_t		length = 100000;
		char	   *text = malloc(length);

		memset(text, '[', length);
		CHECK_STATUS(ParseStatus(text, length), STATUS_JSON_DEPTH,
					 "100000 opening brackets");
		free(text);
	}
}

/* More tokens than there is room for, and more bytes than are read. */
static void
TestSize(void)
{
	static const char text[] = "{\"a\":[1,{\"b\":null}],\"c\":\"d\"}";
	JsonDoc		doc;

	for (size_t max = 0; max < 12; max++)
		CHECK_STATUS(JsonParse(text, sizeof(text) - 1, tokens, max, &doc),
					 max < 9 ? STATUS_JSON_SIZE : STATUS_OK,
					 UnitName("9 tokens in %zu", max));
	CHECK(doc.count == 9, "there are 9 tokens");
	CHECK_STATUS(JsonParse(NULL, 0, tokens, TOKENS, &doc), STATUS_JSON_SYNTAX, "no text");
	CHECK_STATUS(JsonParse(text, ((size_t) 1 << 31) + 1, tokens, TOKENS, &doc),
				 STATUS_JSON_SIZE,
				 "more than 2^31 bytes");
	CHECK_STATUS(JsonParse("[1]", 3, tokens, SIZE_MAX, &doc), STATUS_OK,
				 "room without end");
}

/* Use everything of a document; the sum says whether two readings were alike. */
static uint64_t
Touch(const JsonDoc *doc, Status status)
{
	uint64_t	sum = status;
	char		out[512];

	for (uint32_t i = 0; i < doc->count; i++)
	{
		const JsonToken *token = &doc->tokens[i];
		int64_t		integer;
		size_t		length;

		sum = sum * 31 + token->type + token->start * 3 + token->length * 5;
		sum += token->next * 7 + token->hash;
		if (token->next <= i || token->next > doc->count)
			return UINT64_MAX;
		if (JsonString(doc, (int) i, out, sizeof(out), &length) == STATUS_OK &&
			length > token->length)
			return UINT64_MAX;
		if (JsonInteger(doc, (int) i, &integer) == STATUS_OK)
			sum += (uint64_t) integer;
		sum += (uint64_t) JsonFind(doc, (int) i, "iss");
	}
	return sum;
}

/* error: a good document cut anywhere, or with any bit turned */
static void
TestDamage(void)
{
	static const char good[] =
	"{\"iss\":\"intrex_auth:1/16384\",\"sub\":\"3f1c2d4e-5b6a-4789-9abc-def012345678\","
	"\"exp\":1760000900,"
	"\"iat\":-1.5e+3, \"t\\u0065nant\":\"\\ud83d\\ude39 \xC3\xA4\xE2\x82\xAC\xF0\x9F\x98\xB9\",\"unit_ids\":[\"a\",null,true,false],"
	"\"amr\":[{\"method\":\"pwd\"}],\"x\":{}}";
	size_t		length = sizeof(good) - 1;
	char		text[sizeof(good)];
	char	   *copy;
	JsonDoc		doc;
	int			wrong = 0;
	int			refusals = 0;

	CHECK_STATUS(ParseStatus(good, length), STATUS_OK, "the good document");
	for (size_t cut = 0; cut < length; cut++)
		if (ParseStatus(good, cut) == STATUS_OK)
			wrong++;
	CHECK(wrong == 0, "no beginning of it passes");

	for (size_t bit = 0; bit < length * 8; bit++)
	{
		uint64_t	sums[2];

		memcpy(text, good, length);
		text[bit / 8] = (char) (text[bit / 8] ^ 1 << bit % 8);
		for (int turn = 0; turn < 2; turn++)
		{
			Status		status;

			memset(tokens, turn * 0xFF, sizeof(tokens));
			status = Parse(text, length, &doc, &copy);
			refusals += status != STATUS_OK;
			sums[turn] = Touch(&doc, status);
			free(copy);
		}
		if (sums[0] != sums[1] || sums[0] == UINT64_MAX)
			wrong++;
	}
	CHECK(wrong == 0, "with one bit turned it is read alike twice, within its bounds");
	CHECK(refusals > 0, "and refused for some bits");
}

int
main(void)
{
	TestGrammar();
	TestBytesInStrings();
	TestDepth();
	TestSize();
	TestDamage();
	return UnitEnd();
}
