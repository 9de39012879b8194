/*
 * src/webhook.c: SQL functions that sign and verify webhooks.
 *
 * Depends on core/webhook.  Verification answers false to whatever a sender may
 * have written; an error says that the receiver's own secret or window is wrong.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"
#include "utils/timestamp.h"

#include "compat.h"
#include "logguard.h"
#include "report.h"
#include "wipe.h"

#include "core/webhook.h"

SQL_FUNCTION(intrex_auth_webhook_sign);
SQL_FUNCTION(intrex_auth_webhook_verify);
SQL_FUNCTION(intrex_auth_webhook_secret);
SQL_FUNCTION(intrex_auth_webhook_sign_standard);
SQL_FUNCTION(intrex_auth_webhook_verify_standard);

/* Secrets that may be in use at the same time; a rotation has two. */
#define MAX_SECRETS 8

/* The widest window.  A receiver has to remember ids for as long. */
#define WEBHOOK_TOLERANCE_DAYS 30

#define ID_HEADER "webhook-id"
#define TIMESTAMP_HEADER "webhook-timestamp"
#define SIGNATURE_HEADER "webhook-signature"

typedef struct Secret
{
	uint8		bytes[WEBHOOK_SECRET_MAX];
	size_t		length;
} Secret;

/* A secret that cannot be used; other failures are the machine's. */
static _Noreturn void
RefuseSecret(Status status, const char *detail)
{
	if (status != STATUS_KEY_WEAK && status != STATUS_KEY_FORMAT)
		ReportCoreError(status, "webhook");
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("invalid webhook secret"),
			 errdetail("%s (%s)", detail, StatusCode(status)),
			 errhint("auth.webhook_secret() makes one.")));
}

#define PLAIN_DETAIL "The secret must have 16 bytes or more."
#define STANDARD_DETAIL "A secret is \"whsec_\" and 24 to 64 bytes in base64; there are one to eight of them."

/* SQL function: auth.webhook_sign(payload bytea, secret bytea) returns text */
Datum
intrex_auth_webhook_sign(PG_FUNCTION_ARGS)
{
	bytea	   *payload = PG_GETARG_BYTEA_PP(0);
	bytea	   *secret = PG_GETARG_BYTEA_PP(1);
	char		signature[WEBHOOK_PLAIN_CHARS];
	Status		status;

	LogGuardMark();
	status = WebhookSignPlain(VARDATA_ANY(payload), VARSIZE_ANY_EXHDR(payload),
							  VARDATA_ANY(secret), VARSIZE_ANY_EXHDR(secret), signature);
	WipeCopy(secret, PG_GETARG_DATUM(1));
	if (status != STATUS_OK)
		RefuseSecret(status, PLAIN_DETAIL);
	PG_RETURN_TEXT_P(cstring_to_text_with_len(signature, sizeof(signature)));
}

/*
 * SQL function: auth.webhook_verify(payload bytea, signature text, secret bytea) returns boolean
 *
 * Not strict: a header that is not there must not make NULL of a condition.
 */
Datum
intrex_auth_webhook_verify(PG_FUNCTION_ARGS)
{
	bytea	   *payload = PG_ARGISNULL(0) ? NULL : PG_GETARG_BYTEA_PP(0);
	text	   *signature = PG_ARGISNULL(1) ? NULL : PG_GETARG_TEXT_PP(1);
	bytea	   *secret;
	bool		missing = payload == NULL || signature == NULL;
	bool		match;
	Status		status;

	LogGuardMark();
	if (PG_ARGISNULL(2))
		RefuseSecret(STATUS_KEY_FORMAT, PLAIN_DETAIL);
	secret = PG_GETARG_BYTEA_PP(2);
	status = WebhookVerifyPlain(missing ? "" : VARDATA_ANY(payload),
								missing ? 0 : VARSIZE_ANY_EXHDR(payload),
								missing ? "" : VARDATA_ANY(signature),
								missing ? 0 : VARSIZE_ANY_EXHDR(signature),
								VARDATA_ANY(secret), VARSIZE_ANY_EXHDR(secret), &match);
	WipeCopy(secret, PG_GETARG_DATUM(2));
	if (status != STATUS_OK)
		RefuseSecret(status, PLAIN_DETAIL);
	PG_RETURN_BOOL(match);
}

/* SQL function: auth.webhook_secret() returns text */
Datum
intrex_auth_webhook_secret(PG_FUNCTION_ARGS)
{
	char		secret[WEBHOOK_SECRET_TEXT_SIZE];
	text	   *result;

	LogGuardMark();
	if (WebhookNewSecret(secret) != STATUS_OK)
		ReportCoreError(STATUS_CRYPTO, "random bytes");
	result = cstring_to_text(secret);
	SecureWipe(secret, sizeof(secret));
	PG_RETURN_TEXT_P(result);
}

/* Decode one secret. */
static Status
ReadSecret(Datum argument, Secret *secret)
{
	text	   *value = DatumGetTextPP(argument);
	Status		status;

	status = WebhookReadSecret(VARDATA_ANY(value), VARSIZE_ANY_EXHDR(value),
							   secret->bytes, &secret->length);
	WipeCopy(value, argument);
	return status;
}

/* Decode the secrets of an array argument; returns their number, or reports an error. */
static int
ReadSecrets(FunctionCallInfo fcinfo, int argument, Secret secrets[MAX_SECRETS])
{
	ArrayType  *array;
	Datum	   *values;
	bool	   *nulls;
	int			count;
	Status		status = STATUS_OK;

	if (PG_ARGISNULL(argument))
		RefuseSecret(STATUS_KEY_FORMAT, STANDARD_DETAIL);
	array = PG_GETARG_ARRAYTYPE_P(argument);
	deconstruct_array(array, TEXTOID, -1, false, TYPALIGN_INT, &values, &nulls, &count);
	if (count < 1 || count > MAX_SECRETS)
		status = STATUS_KEY_FORMAT;
	for (int i = 0; i < count && status == STATUS_OK; i++)
		status = nulls[i] ? STATUS_KEY_FORMAT : ReadSecret(values[i], &secrets[i]);

	if ((Pointer) array != DatumGetPointer(PG_GETARG_DATUM(argument)))
		SecureWipe(ARR_DATA_PTR(array), ARR_SIZE(array) - (ARR_DATA_PTR(array) - (char *) array));
	if (status != STATUS_OK)
	{
		SecureWipe(secrets, MAX_SECRETS * sizeof(Secret));
		RefuseSecret(status, STANDARD_DETAIL);
	}
	return count;
}

/* Seconds since 1970 of a finite time. */
static int64
EpochSeconds(TimestampTz at)
{
	/* at the foot of a second, also before 2000 */
	int64		seconds = at / USECS_PER_SEC - (at % USECS_PER_SEC < 0 ? 1 : 0);

	return seconds + (int64) (POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE) * SECS_PER_DAY;
}

/* Add a member to the headers. */
static JsonbValue *
PushHeader(JsonbParseState **state, const char *name, char *value, size_t length)
{
	JsonbValue	member;

	member.type = jbvString;
	member.val.string.val = unconstify(char *, name);
	member.val.string.len = strlen(name);
	pushJsonbValue(state, WJB_KEY, &member);
	member.val.string.val = value;
	member.val.string.len = (int) length;
	return pushJsonbValue(state, WJB_VALUE, &member);
}

/*
 * SQL function: auth.webhook_sign_standard(id text, at timestamptz, payload bytea, secrets text[])
 * returns jsonb
 */
Datum
intrex_auth_webhook_sign_standard(PG_FUNCTION_ARGS)
{
	text	   *id = PG_GETARG_TEXT_PP(0);
	TimestampTz at = PG_GETARG_TIMESTAMPTZ(1);
	bytea	   *payload = PG_GETARG_BYTEA_PP(2);
	Secret		secrets[MAX_SECRETS];
	WebhookMessage message;
	char		signatures[MAX_SECRETS * (WEBHOOK_STANDARD_CHARS + 1)];
	char		timestamp[MAXINT8LEN + 1];
	size_t		length = 0;
	int			count;
	Status		status = STATUS_OK;
	JsonbParseState *state = NULL;

	LogGuardMark();
	message.id = VARDATA_ANY(id);
	message.id_length = VARSIZE_ANY_EXHDR(id);
	message.timestamp = TIMESTAMP_NOT_FINITE(at) ? -1 : EpochSeconds(at);
	message.payload = VARDATA_ANY(payload);
	message.payload_length = VARSIZE_ANY_EXHDR(payload);
	if (!WebhookIdIsGood(message.id, message.id_length))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("invalid webhook id"),
				 errdetail("An id has 1 to 256 printable ASCII characters without blanks and full stops.")));
	if (message.timestamp < 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("invalid webhook time"),
				 errdetail("The time must be finite and not before 1970.")));

	count = ReadSecrets(fcinfo, 3, secrets);
	for (int i = 0; i < count && status == STATUS_OK; i++)
	{
		if (i > 0)
			signatures[length++] = ' ';
		status = WebhookSignStandard(&message, secrets[i].bytes, secrets[i].length,
									 signatures + length);
		length += WEBHOOK_STANDARD_CHARS;
	}
	SecureWipe(secrets, sizeof(secrets));
	if (status != STATUS_OK)
		ReportCoreError(status, "webhook");

	pg_lltoa(message.timestamp, timestamp);
	pushJsonbValue(&state, WJB_BEGIN_OBJECT, NULL);
	PushHeader(&state, ID_HEADER, VARDATA_ANY(id), VARSIZE_ANY_EXHDR(id));
	PushHeader(&state, TIMESTAMP_HEADER, timestamp, strlen(timestamp));
	PushHeader(&state, SIGNATURE_HEADER, signatures, length);
	PG_RETURN_JSONB_P(JsonbValueToJsonb(pushJsonbValue(&state, WJB_END_OBJECT, NULL)));
}

/* The text of a header; false if it is not there or no string. */
static bool
FindHeader(Jsonb *headers, const char *name, JsonbValue *found)
{
	if (!JB_ROOT_IS_OBJECT(headers))
		return false;
	return getKeyJsonValueFromContainer(&headers->root, name, strlen(name), found) != NULL &&
		found->type == jbvString;
}

/* Read the headers into a message; false if a part is missing or malformed. */
static bool
ReadHeaders(Jsonb *headers, WebhookMessage *message, JsonbValue *signatures)
{
	JsonbValue	id;
	JsonbValue	timestamp;

	if (!FindHeader(headers, ID_HEADER, &id) ||
		!FindHeader(headers, TIMESTAMP_HEADER, &timestamp) ||
		!FindHeader(headers, SIGNATURE_HEADER, signatures))
		return false;
	message->id = id.val.string.val;
	message->id_length = (size_t) id.val.string.len;
	return WebhookIdIsGood(message->id, message->id_length) &&
		WebhookReadTimestamp(timestamp.val.string.val, (size_t) timestamp.val.string.len,
							 &message->timestamp);
}

/* How far a timestamp may be off, in seconds; reports an error for what is no window. */
static int64
ReadTolerance(FunctionCallInfo fcinfo, int argument)
{
	Interval   *tolerance = PG_ARGISNULL(argument) ? NULL : PG_GETARG_INTERVAL_P(argument);

	/* a day of 24 hours: the answer must not hang on a time zone */
	if (tolerance == NULL || tolerance->month != 0 || tolerance->day < 0 ||
		tolerance->day > WEBHOOK_TOLERANCE_DAYS || tolerance->time < 0 ||
		tolerance->time > WEBHOOK_TOLERANCE_DAYS * USECS_PER_DAY)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("invalid webhook tolerance"),
				 errdetail("The tolerance must be from 0 to 30 days, without months.")));
	return tolerance->day * (int64) SECS_PER_DAY + tolerance->time / USECS_PER_SEC;
}

/*
 * SQL function: auth.webhook_verify_standard(headers jsonb, payload bytea, secrets text[],
 * tolerance interval, received_at timestamptz) returns boolean
 */
Datum
intrex_auth_webhook_verify_standard(PG_FUNCTION_ARGS)
{
	int64		tolerance;
	Secret		secrets[MAX_SECRETS];
	WebhookMessage message;
	JsonbValue	signatures;
	bytea	   *payload;
	int64		age;
	int			count;
	bool		match = false;
	Status		status = STATUS_OK;

	LogGuardMark();
	tolerance = ReadTolerance(fcinfo, 3);
	count = ReadSecrets(fcinfo, 2, secrets);
	if (PG_ARGISNULL(0) || PG_ARGISNULL(1) || PG_ARGISNULL(4) ||
		TIMESTAMP_NOT_FINITE(PG_GETARG_TIMESTAMPTZ(4)) ||
		!ReadHeaders(PG_GETARG_JSONB_P(0), &message, &signatures))
		goto done;
	age = EpochSeconds(PG_GETARG_TIMESTAMPTZ(4)) - message.timestamp;
	if (age > tolerance || age < -tolerance)
		goto done;

	payload = PG_GETARG_BYTEA_PP(1);
	message.payload = VARDATA_ANY(payload);
	message.payload_length = VARSIZE_ANY_EXHDR(payload);
	for (int i = 0; i < count && status == STATUS_OK; i++)
	{
		bool		one;

		status = WebhookVerifyStandard(&message, signatures.val.string.val,
									   (size_t) signatures.val.string.len,
									   secrets[i].bytes, secrets[i].length, &one);
		match |= status == STATUS_OK && one;
	}

done:
	SecureWipe(secrets, sizeof(secrets));
	if (status != STATUS_OK)
		ReportCoreError(status, "webhook");
	PG_RETURN_BOOL(match);
}
