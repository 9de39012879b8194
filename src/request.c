/*
 * src/request.c: what PostgREST tells of a request: its headers and cookies.
 *
 * Depends on the core's JSON reader, which never throws.  Whoever may run SQL of
 * his own can set these settings to whatever he likes.
 */
#include "postgres.h"

#include "utils/guc.h"

#include "request.h"

#include "core/json.h"

/* More headers or cookies than any HTTP server takes. */
#define REQUEST_MAX_BYTES (256 * 1024)

/* Read a member of what has been parsed. */
static RequestMember
ReadMember(const JsonDoc *doc, const char *name, char *out, size_t size)
{
	int			token;

	if (doc->tokens[0].type != JSON_OBJECT)
		return REQUEST_UNREADABLE;
	token = JsonFind(doc, 0, name);
	if (token < 0)
		return REQUEST_ABSENT;
	return JsonString(doc, token, out, size, NULL) == STATUS_OK ? REQUEST_FOUND : REQUEST_UNREADABLE;
}

/* Read a member of a setting. */
RequestMember
RequestGet(const char *setting, const char *name, char **value)
{
	const char *json = GetConfigOption(setting, true, false);
	size_t		length = json ? strlen(json) : 0;
	size_t		max_tokens = length / 2 + 1;
	JsonToken  *tokens;
	JsonDoc		doc;
	RequestMember result = REQUEST_UNREADABLE;

	if (length == 0)
		return REQUEST_ABSENT;
	if (length > REQUEST_MAX_BYTES)
		return REQUEST_UNREADABLE;
	tokens = palloc(sizeof(JsonToken) * max_tokens);
	*value = palloc(length + 1);
	if (JsonParse(json, length, tokens, max_tokens, &doc) == STATUS_OK)
		result = ReadMember(&doc, name, *value, length + 1);
	if (result != REQUEST_FOUND)
		pfree(*value);
	pfree(tokens);
	return result;
}
