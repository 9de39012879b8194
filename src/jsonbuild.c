/*
 * src/jsonbuild.c: from a parsed JSON text to jsonb, without reading it again.
 *
 * Depends on the core's reader and on the layout of jsonb, which utils/jsonb.h
 * documents and pg_upgrade keeps.  Written straight from the tokens into one
 * allocation, the claims of a token cost 0.6 µs; PostgreSQL's builder (a tree of
 * JsonbValues) takes 1.6 µs for them, and jsonb_in(), which would read the text
 * a second time, 5.1 µs.
 */
#include "postgres.h"

#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/jsonb.h"
#include "utils/numeric.h"

#include "jsonbuild.h"
#include "report.h"

#define MAX_TOKENS 4096

/* Members of an object that are sorted on the stack, and by insertion. */
#define FEW_MEMBERS 32

/*
 * The most that a value takes beside the bytes of its text: its JEntry, the
 * header of a container, padding, what a numeric has beside its digits.
 */
#define VALUE_OVERHEAD 32

/* The jsonb that is being written. */
typedef struct Writer
{
	const JsonDoc *doc;
	char	   *start;
	size_t		used;
	size_t		size;
} Writer;

/* A member on its way into the order of jsonb. */
typedef struct Member
{
	const char *name;
	uint32		length;
	uint32		value;			/* its token */
} Member;

static JEntry WriteValue(Writer *writer, uint32 token);

/* Where a text is, unescaped; one without escapes is not copied. */
static inline const char *
StringText(const JsonDoc *doc, uint32 token, uint32 *length)
{
	const JsonToken *t = &doc->tokens[token];
	size_t		unescaped;
	char	   *copy;

	*length = t->length;
	if (!t->escaped)
		return doc->text + t->start;
	copy = palloc(t->length + 1);
	if (JsonString(doc, (int) token, copy, t->length + 1, &unescaped) != STATUS_OK)
		elog(ERROR, "parsed JSON string does not unescape");
	*length = (uint32) unescaped;
	return copy;
}

/* Append bytes.  The size was estimated so that they fit; never beyond it. */
static inline void
WriteBytes(Writer *writer, const void *bytes, size_t length)
{
	char	   *to = writer->start + writer->used;
	const char *from = bytes;

	if (length > writer->size - writer->used)
		elog(ERROR, "jsonb is larger than estimated");
	/* names are short: a call would cost more than the copy */
	if (length >= 8 && length <= 16)
	{
		memcpy(to, from, 8);
		memcpy(to + length - 8, from + length - 8, 8);
	}
	else if (length < 8)
	{
		for (size_t i = 0; i < length; i++)
			to[i] = from[i];
	}
	else
		memcpy(to, from, length);
	writer->used += length;
}

/* Append zeros up to where an integer may be. */
static void
WritePadding(Writer *writer)
{
	while (writer->used < writer->size && writer->used % ALIGNOF_INT != 0)
		writer->start[writer->used++] = 0;
}

/* Append a string. */
static JEntry
WriteString(Writer *writer, const char *text, uint32 length)
{
	WriteBytes(writer, text, length);
	return JENTRY_ISSTRING | length;
}

/* Append a number; integers, which claims are, need no numeric_in(). */
static JEntry
WriteNumber(Writer *writer, uint32 token)
{
	const JsonToken *t = &writer->doc->tokens[token];
	size_t		start = writer->used;
	int64_t		integer;
	Numeric		numeric;

	if (t->length < 16 && JsonInteger(writer->doc, (int) token, &integer) == STATUS_OK)
		numeric = int64_to_numeric(integer);
	else
		numeric = DatumGetNumeric(DirectFunctionCall3(numeric_in,
													  CStringGetDatum(pnstrdup(writer->doc->text + t->start, t->length)),
													  ObjectIdGetDatum(InvalidOid),
													  Int32GetDatum(-1)));
	WritePadding(writer);
	WriteBytes(writer, numeric, VARSIZE_ANY(numeric));
	return JENTRY_ISNUMERIC | (JEntry) (writer->used - start);
}

/* Leave room for the header and the entries of a container; returns where they begin. */
static size_t
BeginContainer(Writer *writer, uint32 header, uint32 entries)
{
	size_t		room = sizeof(uint32) + entries * sizeof(JEntry);
	size_t		begin;

	WritePadding(writer);
	begin = writer->used;
	if (room > writer->size - writer->used)
		elog(ERROR, "jsonb is larger than estimated");
	memcpy(writer->start + begin, &header, sizeof(header));
	writer->used += room;
	return begin;
}

/* Fill in an entry: a length, or at every JB_OFFSET_STRIDE'th the offset of its end. */
static inline void
SetEntry(Writer *writer, size_t begin, uint32 index, JEntry entry, uint32 *end)
{
	*end += JBE_OFFLENFLD(entry);
	if (index % JB_OFFSET_STRIDE == 0)
		entry = (entry & JENTRY_TYPEMASK) | *end | JENTRY_HAS_OFF;
	memcpy(writer->start + begin + sizeof(uint32) + index * sizeof(JEntry), &entry, sizeof(entry));
}

/* Append an array. */
static JEntry
WriteArray(Writer *writer, uint32 token)
{
	const JsonToken *tokens = writer->doc->tokens;
	uint32		count = tokens[token].count;
	size_t		start = writer->used;
	size_t		begin = BeginContainer(writer, JB_FARRAY | count, count);
	uint32		end = 0;
	uint32		element = token + 1;

	for (uint32 i = 0; i < count; i++)
	{
		SetEntry(writer, begin, i, WriteValue(writer, element), &end);
		element = tokens[element].next;
	}
	return JENTRY_ISCONTAINER | (JEntry) (writer->used - start);
}

/* The order of jsonb: shorter names first.  Names are never equal. */
static inline int
CompareNames(const Member *a, const Member *b)
{
	if (a->length != b->length)
		return a->length < b->length ? -1 : 1;
	return memcmp(a->name, b->name, a->length);
}

static int
CompareMembers(const void *a, const void *b)
{
	return CompareNames(a, b);
}

/* List the members of an object in the order of jsonb. */
static void
SortMembers(const JsonDoc *doc, uint32 object, Member *members)
{
	uint32		count = doc->tokens[object].count;
	uint32		name = object + 1;

	for (uint32 i = 0; i < count; i++)
	{
		Member		member;
		uint32		place = i;

		member.name = StringText(doc, name, &member.length);
		member.value = name + 1;
		name = doc->tokens[member.value].next;

		/* our own tokens have this order already, so nothing moves */
		while (count <= FEW_MEMBERS && place > 0 &&
			   CompareNames(&members[place - 1], &member) > 0)
		{
			members[place] = members[place - 1];
			place--;
		}
		members[place] = member;
	}
	if (count > FEW_MEMBERS)
		qsort(members, count, sizeof(Member), CompareMembers);
}

/* Append an object: all names, then all values. */
static JEntry
WriteObject(Writer *writer, uint32 token)
{
	uint32		count = writer->doc->tokens[token].count;
	size_t		start = writer->used;
	size_t		begin = BeginContainer(writer, JB_FOBJECT | count, 2 * count);
	uint32		end = 0;
	Member		few[FEW_MEMBERS];
	Member	   *members = few;

	if (count > FEW_MEMBERS)
		members = palloc(count * sizeof(Member));
	SortMembers(writer->doc, token, members);
	for (uint32 i = 0; i < count; i++)
		SetEntry(writer, begin, i,
				 WriteString(writer, members[i].name, members[i].length), &end);
	for (uint32 i = 0; i < count; i++)
		SetEntry(writer, begin, count + i, WriteValue(writer, members[i].value), &end);
	return JENTRY_ISCONTAINER | (JEntry) (writer->used - start);
}

/* Append a value; returns its entry with its length.  The reader has bounded the depth. */
static JEntry
WriteValue(Writer *writer, uint32 token)
{
	const char *text;
	uint32		length;

	switch ((JsonType) writer->doc->tokens[token].type)
	{
		case JSON_NULL:
			return JENTRY_ISNULL;
		case JSON_FALSE:
			return JENTRY_ISBOOL_FALSE;
		case JSON_TRUE:
			return JENTRY_ISBOOL_TRUE;
		case JSON_NUMBER:
			return WriteNumber(writer, token);
		case JSON_STRING:
			text = StringText(writer->doc, token, &length);
			return WriteString(writer, text, length);
		case JSON_ARRAY:
			return WriteArray(writer, token);
		case JSON_OBJECT:
			return WriteObject(writer, token);
	}
	pg_unreachable();
}

/* Build the jsonb of a parsed text whose outermost value is an object or array. */
Jsonb *
JsonDocToJsonb(const JsonDoc *doc)
{
	Writer		writer;

	/* the outermost value ends where the text does, but for white space */
	writer.doc = doc;
	writer.size = VARHDRSZ + doc->tokens[0].start + doc->tokens[0].length +
		(size_t) doc->count * VALUE_OVERHEAD;
	if (writer.size > JENTRY_OFFLENMASK)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("JSON text is too large")));
	writer.start = palloc(writer.size);
	writer.used = VARHDRSZ;
	(void) WriteValue(&writer, 0);
	SET_VARSIZE(writer.start, writer.used);
	return (Jsonb *) writer.start;
}

/* Parse a text and build its jsonb. */
Jsonb *
JsonTextToJsonb(const char *text, size_t length, const char *what)
{
	size_t		max_tokens = Min(length + 1, MAX_TOKENS);
	JsonToken  *tokens = palloc(max_tokens * sizeof(JsonToken));
	JsonDoc		doc;
	Status		status;

	status = JsonParse(text, length, tokens, max_tokens, &doc);
	if (status == STATUS_OK && doc.tokens[0].type != JSON_OBJECT)
		status = STATUS_JSON_TYPE;
	if (status != STATUS_OK)
		ReportCoreError(status, what);
	return JsonDocToJsonb(&doc);
}

/* Take the spaces out that JsonbToCString() puts between tokens: they would be hashed and sent each time. */
static size_t
Compact(char *json, size_t length)
{
	size_t		kept = 0;
	bool		quoted = false;

	for (size_t i = 0; i < length; i++)
	{
		if (json[i] == ' ' && !quoted)
			continue;
		json[kept++] = json[i];
		if (json[i] == '\\' && quoted && i + 1 < length)
			json[kept++] = json[++i];
		else if (json[i] == '"')
			quoted = !quoted;
	}
	json[kept] = '\0';
	return kept;
}

/* The text of a jsonb without those spaces. */
char *
JsonbToCompactText(Jsonb *jsonb, size_t *length)
{
	StringInfoData text;

	initStringInfo(&text);
	(void) JsonbToCString(&text, &jsonb->root, VARSIZE(jsonb));
	*length = Compact(text.data, (size_t) text.len);
	return text.data;
}
