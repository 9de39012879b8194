/*
 * src/jwt.c: signing and verifying JWTs from SQL.
 *
 * Depends on token.c, keyring.c and the core.
 */
#include "postgres.h"

#include <time.h>

#include "utils/builtins.h"
#include "utils/jsonb.h"
#include "utils/numeric.h"
#include "utils/uuid.h"

#include "claimshook.h"
#include "compat.h"
#include "issuer.h"
#include "jsonbuild.h"
#include "keyring.h"
#include "keys.h"
#include "logguard.h"
#include "report.h"
#include "settings.h"
#include "token.h"

#include "core/jws.h"
#include "core/mem.h"

SQL_FUNCTION(intrex_auth_jwt_sign);
SQL_FUNCTION(intrex_auth_jwt_verify);
SQL_FUNCTION(intrex_auth_jwks);

/* A time further from 1970 is refused when it is read: 2^53 - 1 seconds. */
#define MAX_CLAIM_TIME INT64CONST(9007199254740991)

/* Claims that are added to a payload on the way. */
typedef struct ClaimBuilder
{
	JsonbParseState *state;
	JsonbValue *result;
} ClaimBuilder;

/* Push one token. */
static void
Push(ClaimBuilder *builder, JsonbIteratorToken token, JsonbValue *value)
{
	builder->result = pushJsonbValue(&builder->state, token, value);
}

/* Add a member, if the claims have none of that name. */
static void
AddAbsent(ClaimBuilder *builder, Jsonb *claims, const char *name, JsonbValue *value)
{
	JsonbValue	key;

	if (getKeyJsonValueFromContainer(&claims->root, name, strlen(name), NULL) != NULL)
		return;
	key.type = jbvString;
	key.val.string.val = unconstify(char *, name);
	key.val.string.len = strlen(name);
	Push(builder, WJB_KEY, &key);
	Push(builder, WJB_VALUE, value);
}

/* Add a string member. */
static void
AddString(ClaimBuilder *builder, Jsonb *claims, const char *name, const char *text)
{
	JsonbValue	value;

	value.type = jbvString;
	value.val.string.val = unconstify(char *, text);
	value.val.string.len = strlen(text);
	AddAbsent(builder, claims, name, &value);
}

/* Add an integer member. */
static void
AddInteger(ClaimBuilder *builder, Jsonb *claims, const char *name, int64 integer)
{
	JsonbValue	value;

	value.type = jbvNumeric;
	value.val.numeric = int64_to_numeric(integer);
	AddAbsent(builder, claims, name, &value);
}

/* iat of the claims, if it is there and sensible; else now. */
static int64
IssuedAt(Jsonb *claims, int64 now)
{
	JsonbValue	found;
	int64		seconds;

	if (getKeyJsonValueFromContainer(&claims->root, "iat", 3, &found) == NULL)
		return now;
	if (found.type != jbvNumeric)
		ReportCoreError(STATUS_CLAIM_TYPE, "claims");
	seconds = DatumGetInt64(DirectFunctionCall1(numeric_int8, NumericGetDatum(found.val.numeric)));
	if (seconds < -MAX_CLAIM_TIME || seconds > MAX_CLAIM_TIME)
		ReportCoreError(STATUS_CLAIM_TYPE, "claims");
	return seconds;
}

/* The claims with iss, aud, iat, exp and jti where they lack them. */
static char *
CompletePayload(Jsonb *claims, size_t *length)
{
	ClaimBuilder builder = {0};
	struct timespec now;
	int64		issued_at;
	uint8		random[16];
	char		jti[33];
	JsonbIterator *iterator;
	JsonbIteratorToken token;
	JsonbValue	value;
	bool		first = true;

	if (!JB_ROOT_IS_OBJECT(claims))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("claims must be a JSON object")));

	clock_gettime(CLOCK_REALTIME, &now);
	issued_at = IssuedAt(claims, now.tv_sec);
	if (RandomBytes(random, sizeof(random)) != STATUS_OK)
		ReportCoreError(STATUS_CRYPTO, "random bytes");
	for (size_t i = 0; i < sizeof(random); i++)
		snprintf(jti + 2 * i, 3, "%02x", random[i]);

	iterator = JsonbIteratorInit(&claims->root);
	while ((token = JsonbIteratorNext(&iterator, &value, !first)) != WJB_DONE)
	{
		first = false;
		if (token == WJB_END_OBJECT)
			break;
		Push(&builder, token, token == WJB_BEGIN_OBJECT ? NULL : &value);
	}
	if (getKeyJsonValueFromContainer(&claims->root, "iss", 3, NULL) == NULL)
		AddString(&builder, claims, "iss", IssuerForSigning());
	if (setting_audience[0] != '\0')
		AddString(&builder, claims, "aud", setting_audience);
	AddInteger(&builder, claims, "iat", issued_at);
	AddInteger(&builder, claims, "exp", issued_at + setting_access_token_lifetime);
	AddString(&builder, claims, "jti", jti);
	Push(&builder, WJB_END_OBJECT, NULL);

	return JsonbToCompactText(JsonbValueToJsonb(builder.result), length);
}

/*
 * SQL function: auth.jwt_sign(claims jsonb) returns text
 *
 * Signs with the current key of the ring.
 */
Datum
intrex_auth_jwt_sign(PG_FUNCTION_ARGS)
{
	Jsonb	   *claims = PG_GETARG_JSONB_P(0);
	size_t		payload_length;
	char	   *payload = CompletePayload(claims, &payload_length);
	const Jwk  *key;
	size_t		size;
	text	   *token;
	size_t		length;
	Status		status;

	KeysNote();
	key = KeyringCurrent(KEY_SIGN);
	size = JwsSize(key, "JWT", payload_length);
	if (size > JWS_MAX_BYTES)
		ReportCoreError(STATUS_TOKEN_SIZE, "claims");
	status = TokenCheckReadable(payload, payload_length, true);
	if (status != STATUS_OK)
		ReportCoreError(status, "claims");
	token = palloc(VARHDRSZ + size);
	status = JwsSign(key, "JWT", payload, payload_length, VARDATA(token), size, &length);
	if (status != STATUS_OK)
		ReportCoreError(status, "claims");
	SET_VARSIZE(token, VARHDRSZ + length);
	PG_RETURN_TEXT_P(token);
}

/*
 * SQL function: auth.jwt_verify(token text) returns jsonb
 *
 * By the key ring, the configured claims policy and the claims hook; the session is
 * not looked at (auth.authenticate() does).
 */
Datum
intrex_auth_jwt_verify(PG_FUNCTION_ARGS)
{
	text	   *token = PG_GETARG_TEXT_PP(0);
	VerifiedToken verified;
	Jsonb	   *claims;
	JsonbValue	user;
	Status		status;

	LogGuardMark();
	status = TokenVerify(VARDATA_ANY(token), VARSIZE_ANY_EXHDR(token), &verified);
	if (status == STATUS_OK)
		status = TokenCheckIssuer(&verified);
	if (status == STATUS_KEY_NONE)
		ReportKeyringError();
	if (status != STATUS_OK)
		ReportTokenError(status);
	claims = JsonDocToJsonb(&verified.doc);
	if (unlikely(ClaimsHookIsSet()))
	{
		bool		named = getKeyJsonValueFromContainer(&claims->root, "sub", 3, &user) != NULL;

		ClaimsHookVerify(named ? pnstrdup(user.val.string.val, user.val.string.len) : NULL, claims);
	}
	PG_RETURN_JSONB_P(claims);
}

/* SQL function: auth.jwks() returns jsonb: public keys only, fit for everybody */
Datum
intrex_auth_jwks(PG_FUNCTION_ARGS)
{
	const JwkSet *set = KeyringGet(false);
	char	   *text;
	size_t		length;
	Jsonb	   *result;
	Status		status;

	if (set == NULL)
		ReportKeyringError();
	status = JwkSetWrite(set, JWKSET_PUBLIC, &text, &length);
	if (status != STATUS_OK)
		ReportCoreError(status, "key set");
	result = DatumGetJsonbP(DirectFunctionCall1(jsonb_in, CStringGetDatum(text)));
	SecureFree(text, length + 1);
	PG_RETURN_JSONB_P(result);
}
