/*
 * src/jwtoptions.c: the options of auth.jwt_verify(token, jwks, options).
 *
 * Depends on settings.c and core/claims.  What is misspelt or of a wrong type is
 * an error, never a check that does not take place.
 */
#include "postgres.h"

#include <time.h>

#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/numeric.h"

#include "jwtoptions.h"
#include "settings.h"

/* Issuers, audiences or required claims that one call may name. */
#define TEXTS_MAX 64

/* A longest lifetime that is more than this is none. */
#define LIFETIME_MAX (10 * 366 * 86400)

#define MEDIA_TYPE_PREFIX "application/"

typedef void (*OptionReader) (const JsonbValue *value, JwtOptions *out);

typedef struct Option
{
	const char *name;
	const char *expected;		/* completes "… must be" */
	OptionReader read;
} Option;

static void ReadIssuer(const JsonbValue *value, JwtOptions *out);
static void ReadAudience(const JsonbValue *value, JwtOptions *out);
static void ReadTyp(const JsonbValue *value, JwtOptions *out);
static void ReadRequired(const JsonbValue *value, JwtOptions *out);
static void ReadLeeway(const JsonbValue *value, JwtOptions *out);
static void ReadMaxLifetime(const JsonbValue *value, JwtOptions *out);

static const Option options_known[] = {
	{"issuer", "a string, or an array of 1 to 64 strings", ReadIssuer},
	{"audience", "a string, or an array of 1 to 64 strings", ReadAudience},
	{"typ", "a string of 1 to 31 characters", ReadTyp},
	{"required", "an array of up to 64 strings", ReadRequired},
	{"leeway", "an integer from 0 to 60 (seconds)", ReadLeeway},
	{"max_lifetime", "an integer from 1 to 316224000 (seconds)", ReadMaxLifetime},
};

#define KNOWN_HINT "Options are issuer, audience, typ, required, leeway and max_lifetime."

/* Refuse the value of an option. */
static _Noreturn void
RefuseValue(OptionReader reader)
{
	for (size_t i = 0; i < lengthof(options_known); i++)
	{
		if (options_known[i].read == reader)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("invalid value of the option \"%s\"", options_known[i].name),
					 errdetail("It must be %s.", options_known[i].expected),
					 errhint(KNOWN_HINT)));
	}
	pg_unreachable();
}

/* A string as a C string; jsonb holds no NUL. */
static const char *
CopyString(const JsonbValue *value)
{
	return pnstrdup(value->val.string.val, value->val.string.len);
}

/* Read an array of strings; none of them is empty. */
static ClaimsTexts
ReadArray(const JsonbValue *value, OptionReader reader)
{
	ClaimsTexts result = {0};
	const char **texts;
	JsonbIterator *iterator;
	JsonbIteratorToken token;
	JsonbValue	element;

	if (value->type != jbvBinary || !JsonContainerIsArray(value->val.binary.data) ||
		JsonContainerSize(value->val.binary.data) > TEXTS_MAX)
		RefuseValue(reader);
	texts = palloc(TEXTS_MAX * sizeof(char *));
	iterator = JsonbIteratorInit(value->val.binary.data);
	while ((token = JsonbIteratorNext(&iterator, &element, true)) != WJB_DONE)
	{
		if (token != WJB_ELEM)
			continue;
		if (element.type != jbvString || element.val.string.len == 0)
			RefuseValue(reader);
		texts[result.count++] = CopyString(&element);
	}
	result.texts = texts;
	return result;
}

/* Read a string or an array of strings; none at all is refused, since it would allow all. */
static ClaimsTexts
ReadTexts(const JsonbValue *value, OptionReader reader)
{
	ClaimsTexts result = {0};

	if (value->type == jbvString && value->val.string.len > 0)
	{
		const char **texts = palloc(sizeof(char *));

		texts[0] = CopyString(value);
		result.texts = texts;
		result.count = 1;
	}
	else
		result = ReadArray(value, reader);
	if (result.count == 0)
		RefuseValue(reader);
	return result;
}

/* Read an integer. */
static int
ReadInteger(const JsonbValue *value, int minimum, int maximum, OptionReader reader)
{
	Datum		numeric;
	Datum		low = NumericGetDatum(int64_to_numeric(minimum));
	Datum		high = NumericGetDatum(int64_to_numeric(maximum));

	if (value->type != jbvNumeric)
		RefuseValue(reader);
	numeric = NumericGetDatum(value->val.numeric);
	/* as numerics, since one that is out of range cannot become an integer */
	if (DatumGetBool(DirectFunctionCall2(numeric_lt, numeric, low)) ||
		DatumGetBool(DirectFunctionCall2(numeric_gt, numeric, high)) ||
		!DatumGetBool(DirectFunctionCall2(numeric_eq, numeric, DirectFunctionCall1(numeric_floor, numeric))))
		RefuseValue(reader);
	return DatumGetInt32(DirectFunctionCall1(numeric_int4, numeric));
}

/* The options, one reader each. */
static void
ReadIssuer(const JsonbValue *value, JwtOptions *out)
{
	out->policy.issuers = ReadTexts(value, ReadIssuer);
}

static void
ReadAudience(const JsonbValue *value, JwtOptions *out)
{
	out->policy.audiences = ReadTexts(value, ReadAudience);
	out->policy.audience_if_named = false;
}

static void
ReadTyp(const JsonbValue *value, JwtOptions *out)
{
	if (value->type != jbvString || value->val.string.len < 1 || value->val.string.len > 31)
		RefuseValue(ReadTyp);
	out->typ = CopyString(value);
}

static void
ReadRequired(const JsonbValue *value, JwtOptions *out)
{
	out->policy.required = ReadArray(value, ReadRequired);
}

static void
ReadLeeway(const JsonbValue *value, JwtOptions *out)
{
	out->policy.leeway = ReadInteger(value, 0, CLAIMS_MAX_LEEWAY, ReadLeeway);
}

static void
ReadMaxLifetime(const JsonbValue *value, JwtOptions *out)
{
	out->policy.max_lifetime = ReadInteger(value, 1, LIFETIME_MAX, ReadMaxLifetime);
}

/* The option of a name; an unknown one is not echoed, it may be anything. */
static const Option *
FindOption(const JsonbValue *name)
{
	for (size_t i = 0; i < lengthof(options_known); i++)
	{
		if (strlen(options_known[i].name) == (size_t) name->val.string.len &&
			memcmp(options_known[i].name, name->val.string.val, name->val.string.len) == 0)
			return &options_known[i];
	}
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("unknown option for the verification of a token"),
			 errhint(KNOWN_HINT)));
}

/*
 * Read options.  Without audience a token may name none, or that of this database:
 * whoever does not find himself in aud must refuse (RFC 7519 §4.1.3).
 */
void
JwtOptionsRead(Jsonb *options, JwtOptions *out)
{
	JsonbIterator *iterator;
	JsonbIteratorToken token;
	JsonbValue	value;
	const Option *option = NULL;
	const char **own_audience = palloc(sizeof(char *));
	struct timespec now;

	memset(out, 0, sizeof(*out));
	clock_gettime(CLOCK_REALTIME, &now);
	own_audience[0] = setting_audience;
	out->policy.audiences.texts = own_audience;
	out->policy.audiences.count = 1;
	out->policy.audience_if_named = true;
	out->policy.now = now.tv_sec;
	out->policy.max_lifetime = setting_max_token_lifetime;
	out->policy.lifetime_from_now = true;

	if (!JB_ROOT_IS_OBJECT(options))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("options must be a JSON object"),
				 errhint(KNOWN_HINT)));
	iterator = JsonbIteratorInit(&options->root);
	while ((token = JsonbIteratorNext(&iterator, &value, true)) != WJB_DONE)
	{
		if (token == WJB_KEY)
			option = FindOption(&value);
		else if (token == WJB_VALUE)
			option->read(&value, out);
	}
}

/* A media type without its prefix, which may be left out (RFC 7515 §4.1.9). */
static const char *
WithoutPrefix(const char *typ)
{
	size_t		length = strlen(MEDIA_TYPE_PREFIX);

	return pg_strncasecmp(typ, MEDIA_TYPE_PREFIX, length) == 0 ? typ + length : typ;
}

/* Is this the typ that is asked for?  Without an option, that of our own one-time tokens is not. */
bool
JwtOptionsTypFits(const JwtOptions *options, const char *typ)
{
	if (options->typ == NULL)
		return typ[0] == '\0' || pg_strcasecmp(WithoutPrefix(typ), "JWT") == 0;
	return typ[0] != '\0' &&
		pg_strcasecmp(WithoutPrefix(typ), WithoutPrefix(options->typ)) == 0;
}
