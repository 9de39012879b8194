/*
 * src/core/json.c: the strict JSON reader (RFC 8259).
 *
 * One pass, no recursion, no allocation.  Depends on jsontext.h.
 */
#include "json.h"

#include <string.h>

#if defined(__SSE2__) && !defined(CORE_PORTABLE)
#include <emmintrin.h>
#endif

#include "jsontext.h"

/* Token indexes and offsets are 32 bits, and an int of the caller's. */
#define JSON_MAX_BYTES ((size_t) 1 << 31)
#define JSON_MAX_TOKENS ((size_t) INT32_MAX)

/* The names of an open object are found again in this many chains. */
#define CHAINS 64

/* An array or object that is being read. */
typedef struct Open
{
	uint32_t	token;
	uint8_t		closing;		/* the character that closes it */
	uint64_t	used;			/* which heads below are set */
	uint32_t	heads[CHAINS];	/* the last name of a chain; the others follow in count */
} Open;

typedef struct Parser
{
	const uint8_t *text;
	const uint8_t *end;
	JsonToken  *tokens;
	uint32_t	count;
	uint32_t	max;
	Status		status;
	uint32_t	depth;
	Open		open[JSON_MAX_DEPTH];
} Parser;

/*
 * The high bit of each byte that ends a run of plain ones: quote, backslash,
 * control character, non-ASCII.  The lowest bit is exact; a borrow can spoil
 * those above it only.
 */
static inline uint64_t
SpecialBytes(uint64_t word)
{
	const uint64_t ones = UINT64_C(0x0101010101010101);

	return (word | (word - ones * 0x20) | ((word ^ ones * '"') - ones) |
			((word ^ ones * '\\') - ones)) & ones * 0x80;
}

/* Skip plain bytes of a string up to a special one or the end. */
static inline const uint8_t *
SkipPlain(const uint8_t *p, const uint8_t *end)
{
#if defined(__SSE2__) && !defined(CORE_PORTABLE)
	while (end - p >= 16)
	{
		__m128i		block = _mm_loadu_si128((const __m128i *) p);
		__m128i		quote = _mm_cmpeq_epi8(block, _mm_set1_epi8('"'));
		__m128i		backslash = _mm_cmpeq_epi8(block, _mm_set1_epi8('\\'));

		/* The comparison is signed: below a space is also what is not ASCII. */
		__m128i		other = _mm_cmplt_epi8(block, _mm_set1_epi8(' '));
		__m128i		any = _mm_or_si128(other, _mm_or_si128(quote, backslash));
		int			special = _mm_movemask_epi8(any);

		if (special != 0)
			return p + __builtin_ctz((unsigned int) special);
		p += 16;
	}
#endif
	while (end - p >= 8)
	{
		uint64_t	special = SpecialBytes(JsonLoadWord(p));

		if (special != 0)
			return p + __builtin_ctzll(special) / 8;
		p += 8;
	}
	while (p < end && *p >= ' ' && *p < 0x80 && *p != '"' && *p != '\\')
		p++;
	return p;
}

/* Refuse the text: the readers below return NULL, and the status stays here. */
static const uint8_t *
Refuse(Parser *parser, Status status)
{
	parser->status = status;
	return NULL;
}

/* Skip what RFC 8259 §2 calls white space; most texts have none. */
static inline const uint8_t *
SkipSpace(const Parser *parser, const uint8_t *p)
{
	while (p < parser->end && __builtin_expect(*p <= ' ', 0) &&
		   (*p == ' ' || *p == '\t' || *p == '\n' || *p == '\r'))
		p++;
	return p;
}

/* Is this the next byte? */
static inline bool
Next(const Parser *parser, const uint8_t *p, uint8_t byte)
{
	return p < parser->end && *p == byte;
}

/* Add a token that begins here; NULL when there are too many. */
static inline JsonToken *
AddToken(Parser *parser, JsonType type, const uint8_t *p)
{
	JsonToken  *token;

	if (parser->count == parser->max)
	{
		parser->status = STATUS_JSON_SIZE;
		return NULL;
	}
	token = &parser->tokens[parser->count++];
	*token = (JsonToken)
	{
		.type = (uint8_t) type,
			.start = (uint32_t) (p - parser->text),
			.next = parser->count
	};
	return token;
}

/* Set the length of a token that ends here. */
static inline const uint8_t *
EndToken(const Parser *parser, JsonToken *token, const uint8_t *p)
{
	token->length = (uint32_t) (p - parser->text) - token->start;
	return p;
}

/* Read the special byte at p and what belongs to it; it is not the closing quote. */
static const uint8_t *
ReadSpecial(Parser *parser, JsonToken *token, const uint8_t *p)
{
	uint8_t		utf8[4];
	uint8_t		utf8_length;
	size_t		taken;

	if (p == parser->end)
		return Refuse(parser, STATUS_JSON_SYNTAX);
	if (*p == '\\')
	{
		taken = JsonReadEscape(p, parser->end, utf8, &utf8_length);
		token->escaped = true;
		return taken > 0 ? p + taken : Refuse(parser, STATUS_JSON_SYNTAX);
	}
	if (*p < 0x80)
		return Refuse(parser, STATUS_JSON_SYNTAX);	/* raw control character */
	taken = JsonReadUtf8(p, parser->end);
	return taken > 0 ? p + taken : Refuse(parser, STATUS_UTF8);
}

/* Read on in a string, to behind its closing quote. */
static inline const uint8_t *
ReadString(Parser *parser, JsonToken *token, const uint8_t *p)
{
	for (;;)
	{
		p = SkipPlain(p, parser->end);
		if (Next(parser, p, '"'))
			return EndToken(parser, token, p) + 1;
		p = ReadSpecial(parser, token, p);
		if (p == NULL)
			return NULL;
	}
}

/* Skip digits; NULL if there is none. */
static inline const uint8_t *
SkipDigits(Parser *parser, const uint8_t *p)
{
	const uint8_t *start = p;

	while (p < parser->end && *p >= '0' && *p <= '9')
		p++;
	return p > start ? p : Refuse(parser, STATUS_JSON_SYNTAX);
}

/* Read a number (RFC 8259 §6). */
static const uint8_t *
ReadNumber(Parser *parser, const uint8_t *p)
{
	JsonToken  *token = AddToken(parser, JSON_NUMBER, p);

	if (token == NULL)
		return NULL;
	if (Next(parser, p, '-'))
		p++;
	if (Next(parser, p, '0'))
		p++;
	else if ((p = SkipDigits(parser, p)) == NULL)
		return NULL;
	if (Next(parser, p, '.') && (p = SkipDigits(parser, p + 1)) == NULL)
		return NULL;
	if (Next(parser, p, 'e') || Next(parser, p, 'E'))
	{
		p++;
		if (Next(parser, p, '+') || Next(parser, p, '-'))
			p++;
		if ((p = SkipDigits(parser, p)) == NULL)
			return NULL;
	}
	return EndToken(parser, token, p);
}

/* Read true, false or null. */
static const uint8_t *
ReadLiteral(Parser *parser, const uint8_t *p, JsonType type, const char *literal)
{
	size_t		length = strlen(literal);
	JsonToken  *token;

	if ((size_t) (parser->end - p) < length || memcmp(p, literal, length) != 0)
		return Refuse(parser, STATUS_JSON_SYNTAX);
	token = AddToken(parser, type, p);
	return token != NULL ? EndToken(parser, token, p + length) : NULL;
}

/* End the innermost array or object; p is its closing character. */
static const uint8_t *
Close(Parser *parser, const uint8_t *p)
{
	JsonToken  *token = &parser->tokens[parser->open[--parser->depth].token];

	token->next = parser->count;
	return EndToken(parser, token, p + 1);
}

/* Begin an array or object.  An empty one ends at once; else *complete becomes false. */
static const uint8_t *
OpenContainer(Parser *parser, const uint8_t *p, JsonType type, bool *complete)
{
	JsonToken  *token;
	Open	   *open;

	if (parser->depth == JSON_MAX_DEPTH)
		return Refuse(parser, STATUS_JSON_DEPTH);
	token = AddToken(parser, type, p);
	if (token == NULL)
		return NULL;
	open = &parser->open[parser->depth++];
	open->token = parser->count - 1;
	open->closing = type == JSON_OBJECT ? '}' : ']';
	open->used = 0;
	p = SkipSpace(parser, p + 1);
	if (Next(parser, p, open->closing))
		return Close(parser, p);
	token->count = 1;
	*complete = false;
	return p;
}

/* Read a value that is no array or object, or the beginning of one. */
static inline const uint8_t *
ReadValue(Parser *parser, const uint8_t *p, bool *complete)
{
	JsonToken  *token;

	*complete = true;
	if (p == parser->end)
		return Refuse(parser, STATUS_JSON_SYNTAX);
	switch (*p)
	{
		case '"':
			token = AddToken(parser, JSON_STRING, p + 1);
			return token != NULL ? ReadString(parser, token, p + 1) : NULL;
		case '{':
			return OpenContainer(parser, p, JSON_OBJECT, complete);
		case '[':
			return OpenContainer(parser, p, JSON_ARRAY, complete);
		case 't':
			return ReadLiteral(parser, p, JSON_TRUE, "true");
		case 'f':
			return ReadLiteral(parser, p, JSON_FALSE, "false");
		case 'n':
			return ReadLiteral(parser, p, JSON_NULL, "null");
		default:
			/* Refuses what is no number either. */
			return ReadNumber(parser, p);
	}
}

/*
 * Read a string and hash it.  Both take eight bytes at a time, so one loop does
 * both, as long as the bytes are plain.
 */
static inline const uint8_t *
ReadHashedString(Parser *parser, JsonToken *token, const uint8_t *p)
{
	const uint8_t *start = p;
	uint64_t	hash = 0;

	while (parser->end - p >= 8)
	{
		uint64_t	word = JsonLoadWord(p);
		uint64_t	special = SpecialBytes(word);
		unsigned int plain;

		if (special == 0)
		{
			hash = JsonHashStep(hash, word);
			p += 8;
			continue;
		}
		plain = (unsigned int) __builtin_ctzll(special) / 8;
		if (p[plain] != '"')
			break;
		word &= (UINT64_C(1) << 8 * plain) - 1;
		p = EndToken(parser, token, p + plain);
		token->hash = JsonHashEnd(hash, word, token->length);
		return p + 1;
	}
	p = ReadString(parser, token, start);
	if (p != NULL)
		token->hash = JsonHash((const char *) parser->text, token);
	return p;
}

/*
 * Is this name, the token that was read last, new in its object?  Names are
 * kept in chains by their hash, so that many members cost little, and forged
 * collisions no more than comparing each with each.
 */
static inline bool
IsNewName(Parser *parser, JsonToken *name)
{
	Open	   *open = &parser->open[parser->depth - 1];
	const char *text = (const char *) parser->text;
	const JsonToken *tokens = parser->tokens;
	uint32_t	chain = name->hash % CHAINS;

	if ((open->used >> chain & 1) != 0)
	{
		/* No name is token 0, which therefore ends a chain. */
		name->count = open->heads[chain];
		for (uint32_t i = name->count; i != 0; i = tokens[i].count)
			if (tokens[i].hash == name->hash && JsonTokensEqual(text, &tokens[i], name))
				return false;
	}
	open->used |= UINT64_C(1) << chain;
	open->heads[chain] = parser->count - 1;
	return true;
}

/* Read the name of a member and its colon. */
static inline const uint8_t *
ReadName(Parser *parser, const uint8_t *p)
{
	JsonToken  *name;

	if (!Next(parser, p, '"'))
		return Refuse(parser, STATUS_JSON_SYNTAX);
	name = AddToken(parser, JSON_STRING, p + 1);
	if (name == NULL)
		return NULL;
	p = ReadHashedString(parser, name, p + 1);
	if (p == NULL)
		return NULL;
	if (!IsNewName(parser, name))
		return Refuse(parser, STATUS_JSON_DUPLICATE);
	p = SkipSpace(parser, p);
	if (!Next(parser, p, ':'))
		return Refuse(parser, STATUS_JSON_SYNTAX);
	return SkipSpace(parser, p + 1);
}

/* Read all values of the text.  Returns its end. */
static const uint8_t *
ReadAll(Parser *parser, const uint8_t *p)
{
	Open	   *open;
	bool		complete;

	p = SkipSpace(parser, p);
	for (;;)
	{
		p = ReadValue(parser, p, &complete);
		if (p == NULL)
			return NULL;

		/* A complete value may be the last one of what it is in, and that too. */
		while (complete)
		{
			p = SkipSpace(parser, p);
			if (parser->depth == 0)
				return p == parser->end ? p : Refuse(parser, STATUS_JSON_SYNTAX);
			open = &parser->open[parser->depth - 1];
			if (Next(parser, p, ','))
			{
				parser->tokens[open->token].count++;
				p = SkipSpace(parser, p + 1);
				break;
			}
			if (!Next(parser, p, open->closing))
				return Refuse(parser, STATUS_JSON_SYNTAX);
			p = Close(parser, p);
		}

		if (parser->open[parser->depth - 1].closing == '}' &&
			(p = ReadName(parser, p)) == NULL)
			return NULL;
	}
}

/* Parse. */
Status
JsonParse(const char *text, size_t length,
		  JsonToken *tokens, size_t max_tokens, JsonDoc *doc)
{
	Parser		parser;

	*doc = (JsonDoc) {0};
	if (length > JSON_MAX_BYTES)
		return STATUS_JSON_SIZE;
	if (length == 0)
		return STATUS_JSON_SYNTAX;

	/* Not the open containers: zeroing 4 kB would cost more than parsing. */
	parser.text = (const uint8_t *) text;
	parser.end = parser.text + length;
	parser.tokens = tokens;
	parser.count = 0;
	parser.max = (uint32_t) (max_tokens < JSON_MAX_TOKENS ? max_tokens : JSON_MAX_TOKENS);
	parser.status = STATUS_OK;
	parser.depth = 0;

	if (ReadAll(&parser, parser.text) == NULL)
		return parser.status;
	doc->text = text;
	doc->tokens = tokens;
	doc->count = parser.count;
	return STATUS_OK;
}
