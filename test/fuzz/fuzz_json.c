/*
 * test/fuzz/fuzz_json.c: the JSON reader: whatever it accepts is a sound tree.
 *
 * Depends on fuzz.h and core/json.
 */
#include "fuzz.h"

#include "core/json.h"

/* Values behind one another in the text; returns the token behind this one. */
static uint32_t
CheckValue(const JsonDoc *doc, uint32_t token, size_t size, uint32_t from, int depth)
{
	const JsonToken *t = &doc->tokens[token];
	uint32_t	next = token + 1;
	uint32_t	count = 0;
	int64_t		number;
	size_t		length = 0;
	char	   *text = malloc((size_t) t->length + 1);

	REQUIRE(token < doc->count);
	REQUIRE(depth <= JSON_MAX_DEPTH);
	REQUIRE(t->start >= from && (size_t) t->start + t->length <= size);

	/* a reader of another type refuses it */
	REQUIRE((JsonString(doc, (int) token, text, (size_t) t->length + 1, &length) == STATUS_OK) ==
			(t->type == JSON_STRING));
	REQUIRE(t->type == JSON_NUMBER || JsonInteger(doc, (int) token, &number) == STATUS_JSON_TYPE);

	switch (t->type)
	{
		case JSON_STRING:
			REQUIRE(length <= t->length && strlen(text) == length);
			REQUIRE(t->escaped || length == t->length);
			REQUIRE(JsonStringIs(doc, (int) token, text));
			/* one byte too little is refused */
			REQUIRE(JsonString(doc, (int) token, text, length, NULL) == STATUS_JSON_SIZE);
			break;
		case JSON_NUMBER:
			if (JsonInteger(doc, (int) token, &number) == STATUS_OK)
				REQUIRE(number >= -9007199254740991 && number <= 9007199254740991);
			break;
		case JSON_NULL:
		case JSON_FALSE:
		case JSON_TRUE:
			break;
		case JSON_ARRAY:
			for (; next < t->next; count++)
				next = CheckValue(doc, next, size, t->start, depth + 1);
			REQUIRE(count == t->count);
			break;
		case JSON_OBJECT:
			for (; next < t->next; count++)
			{
				const JsonToken *name = &doc->tokens[next];
				char	   *key = malloc((size_t) name->length + 1);

				REQUIRE(name->type == JSON_STRING && name->start > t->start);
				REQUIRE(JsonString(doc, (int) next, key, (size_t) name->length + 1, NULL) == STATUS_OK);
				/* no second member of this name hides it */
				REQUIRE(JsonFind(doc, (int) token, key) == (int) next + 1);
				free(key);
				next = CheckValue(doc, next + 1, size, name->start + name->length, depth + 1);
			}
			REQUIRE(count == t->count);
			break;
		default:
			REQUIRE(false);
	}
	free(text);
	REQUIRE(t->next == next);
	return next;
}

/* The deepest nesting that a text can have, by its brackets. */
static size_t
Brackets(const uint8_t *data, size_t size)
{
	size_t		count = 0;

	for (size_t i = 0; i < size; i++)
		count += data[i] == '[' || data[i] == '{';
	return count;
}

/* The same token?  Not by memcmp(), which would compare the padding. */
static bool
TokensEqual(const JsonToken *a, const JsonToken *b)
{
	return a->type == b->type && a->escaped == b->escaped && a->start == b->start &&
		a->length == b->length && a->count == b->count && a->next == b->next && a->hash == b->hash;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t		max_tokens = size / 2 + JSON_MAX_DEPTH;
	JsonToken  *tokens = malloc(max_tokens * sizeof(JsonToken));
	JsonDoc		doc;
	Status		status = JsonParse((const char *) data, size, tokens, max_tokens, &doc);

	/* a value takes two bytes, so that this is room for any text */
	REQUIRE(status != STATUS_JSON_SIZE);
	REQUIRE(status != STATUS_JSON_DEPTH || Brackets(data, size) > JSON_MAX_DEPTH);
	if (status == STATUS_OK)
	{
		JsonToken  *exact;
		uint32_t	count = doc.count;

		REQUIRE(count > 0 && count <= max_tokens);
		REQUIRE(doc.tokens[0].next == count);
		REQUIRE(CheckValue(&doc, 0, size, 0, 0) == count);

		/* as many tokens as it needs, and one less */
		exact = malloc(count * sizeof(JsonToken));
		REQUIRE(JsonParse((const char *) data, size, exact, count, &doc) == STATUS_OK);
		for (uint32_t i = 0; i < count; i++)
			REQUIRE(TokensEqual(&exact[i], &tokens[i]));
		REQUIRE(JsonParse((const char *) data, size, exact, count - 1, &doc) == STATUS_JSON_SIZE);
		free(exact);
	}
	free(tokens);
	return 0;
}
