/*
 * src/claimshook.c: what the claims hook is asked, and what its answers mean.
 *
 * Depends on hookcall.c, which runs it.  Whatever is not a clear yes is an error or
 * a refusal.
 */
#include "postgres.h"

#include "lib/stringinfo.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/json.h"
#include "utils/numeric.h"

#include "claimshook.h"
#include "hookcall.h"
#include "jsonbuild.h"
#include "report.h"

/* A message of the hook that is longer is no message. */
#define MESSAGE_MAX 1000

#define REFUSED "claims_hook_refused"

/* Claims that say who somebody is: the hook may repeat them, but not change them. */
static const char *const fixed_claims[] = {
	"aal", "amr", "aud", "email", "exp", "iat", "iss", "jti", "nbf", "role",
	"session_id", "sub", "tenant_id", "tenant_role", "unit_ids",
};

/* The answer is not what the contract says. */
static _Noreturn void
RefuseAnswer(const char *detail)
{
	ereport(ERROR,
			(errcode(ERRCODE_EXTERNAL_ROUTINE_INVOCATION_EXCEPTION),
			 errmsg("claims hook \"%s\" returned an answer that cannot be used", setting_claims_hook),
			 errdetail("%s", detail),
			 errhint("doc/jwt.md says what it may return.")));
}

/* A member of an object, or NULL. */
static JsonbValue *
Member(JsonbContainer * object, const char *name, JsonbValue *value)
{
	return getKeyJsonValueFromContainer(object, name, strlen(name), value);
}

/* Is a value an object? */
static bool
IsObject(const JsonbValue *value)
{
	return value->type == jbvBinary && JsonContainerIsObject(value->val.binary.data);
}

/* Is a string value this text? */
static bool
IsText(const JsonbValue *value, const char *text)
{
	return value->type == jbvString && (size_t) value->val.string.len == strlen(text) &&
		memcmp(value->val.string.val, text, value->val.string.len) == 0;
}

/* The message of an answer; a sentence of ours when it gives none. */
static char *
Message(JsonbContainer * object)
{
	JsonbValue	value;

	if (Member (object, "message", &value) == NULL || value.type == jbvNull)
		return pstrdup("The claims hook refused the token.");
	if (value.type != jbvString || value.val.string.len < 1 || value.val.string.len > MESSAGE_MAX)
		RefuseAnswer("The message must be a string of 1 to 1000 bytes.");
	return pnstrdup(value.val.string.val, value.val.string.len);
}

/* Read {"error": {"http_code", "message"}}; false when the answer is no error. */
static bool
ReadError(Jsonb *answer, HookRefusal *refusal)
{
	JsonbValue	error;
	JsonbValue	code;
	Datum		number;

	if (Member (&answer->root, "error", &error) == NULL)
		return false;
	if (!IsObject(&error))
		RefuseAnswer("The member error must be an object with http_code and message.");
	refusal->status = 403;
	if (Member (error.val.binary.data, "http_code", &code) != NULL)
	{
		if (code.type != jbvNumeric)
			RefuseAnswer("http_code must be an integer from 400 to 499.");
		number = NumericGetDatum(code.val.numeric);
		for (refusal->status = 400; refusal->status < 500; refusal->status++)
			if (DatumGetBool(DirectFunctionCall2(numeric_eq, number,
												 NumericGetDatum(int64_to_numeric(refusal->status)))))
				break;
		if (refusal->status == 500)
			RefuseAnswer("http_code must be an integer from 400 to 499.");
	}
	refusal->message = Message(error.val.binary.data);
	return true;
}

/* What is asked, as jsonb. */
static Jsonb *
MakeEvent(const char *event, const char *user_id, Jsonb *claims, const char *method)
{
	StringInfoData text;

	initStringInfo(&text);
	appendStringInfo(&text, "{\"event\":\"%s\",\"user_id\":", event);
	if (user_id != NULL)
		escape_json(&text, user_id);
	else
		appendStringInfoString(&text, "null");
	if (method != NULL)
	{
		appendStringInfoString(&text, ",\"authentication_method\":");
		escape_json(&text, method);
	}
	appendStringInfoString(&text, ",\"claims\":");
	(void) JsonbToCString(&text, &claims->root, VARSIZE(claims));
	appendStringInfoChar(&text, '}');
	return DatumGetJsonbP(DirectFunctionCall1(jsonb_in, CStringGetDatum(text.data)));
}

/* Ask, and see that the answer is an object. */
static Jsonb *
Ask(Jsonb *event)
{
	Jsonb	   *answer = HookCall(event);

	if (answer == NULL)
		RefuseAnswer("It is NULL.");
	if (!JB_ROOT_IS_OBJECT(answer))
		RefuseAnswer("It is not a JSON object.");
	return answer;
}

/* A fixed claim must be as it was; one that is left out stays as it was. */
static void
CheckFixed(Jsonb *claims, JsonbContainer * answered)
{
	for (size_t i = 0; i < lengthof(fixed_claims); i++)
	{
		JsonbValue	before;
		JsonbValue	after;
		bool		was_there;

		if (Member (answered, fixed_claims[i], &after) == NULL)
			continue;
		was_there = Member (&claims->root, fixed_claims[i], &before) != NULL;

		if (!was_there ||
			compareJsonbContainers(&JsonbValueToJsonb(&before)->root,
								   &JsonbValueToJsonb(&after)->root) != 0)
			ereport(ERROR,
					(errcode(ERRCODE_EXTERNAL_ROUTINE_INVOCATION_EXCEPTION),
					 errmsg("claims hook \"%s\" must not change the claim \"%s\"",
							setting_claims_hook, fixed_claims[i]),
					 errhint("It may add claims of other names.")));
	}
}

/* Ask about a token that is to be issued. */
Jsonb *
ClaimsHookIssue(const char *user_id, Jsonb *claims, const char *method, HookRefusal *refusal)
{
	Jsonb	   *answer = Ask(MakeEvent("issue", user_id, claims, method));
	JsonbValue	answered;

	if (ReadError(answer, refusal))
		return NULL;
	if (Member (&answer->root, "claims", &answered) == NULL || !IsObject(&answered))
		RefuseAnswer("It has neither claims, an object, nor error.");
	CheckFixed(claims, answered.val.binary.data);
	/* ours win: what compares as equal, such as 1 and 1.0, need not read as equal */
	return DatumGetJsonbP(DirectFunctionCall2(jsonb_concat, JsonbPGetDatum(JsonbValueToJsonb(&answered)),
											  JsonbPGetDatum(claims)));
}

/* Ask about a token that verified. */
void
ClaimsHookVerify(const char *user_id, Jsonb *claims)
{
	Jsonb	   *answer = Ask(MakeEvent("verify", user_id, claims, NULL));
	HookRefusal refusal;
	JsonbValue	decision;

	if (ReadError(answer, &refusal))
		ReportUnauthenticated(REFUSED, refusal.message, NULL);
	if (Member (&answer->root, "decision", &decision) == NULL)
		RefuseAnswer("It has neither decision nor error.");
	if (IsText(&decision, "continue"))
		return;
	if (IsText(&decision, "reject"))
		ReportUnauthenticated(REFUSED, Message(&answer->root), NULL);
	RefuseAnswer("The decision must be \"continue\" or \"reject\".");
}
