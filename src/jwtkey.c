/*
 * src/jwtkey.c: tokens by keys that the caller gives: signing and verifying.
 *
 * Depends on jwkcache.c (parsed keys), jwtoptions.c, token.c (payloads) and the
 * core.  The key ring has no part in it, and neither has the claims hook: whoever
 * gives the key decides.
 */
#include "postgres.h"

#include "access/detoast.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"

#include "compat.h"
#include "jsonbuild.h"
#include "jwkcache.h"
#include "jwtoptions.h"
#include "logguard.h"
#include "report.h"
#include "token.h"

#include "core/base64url.h"
#include "core/jws.h"

SQL_FUNCTION(intrex_auth_jwt_sign_with);
SQL_FUNCTION(intrex_auth_jwt_verify_with);
SQL_FUNCTION(intrex_auth_jws_verify);

/*
 * Keys that are tried on a token that names none.  Each costs a signature check,
 * and a forger pays for none of them.
 */
#define TRIED_MAX 16

/* A token argument; one that is too long is not even decompressed. */
static text *
GetToken(Datum argument)
{
	if (toast_raw_datum_size(argument) - VARHDRSZ > JWS_MAX_BYTES)
		ReportTokenError(STATUS_TOKEN_SIZE);
	return DatumGetTextPP(argument);
}

/* Verify by every key of the algorithm, since the token names none (RFC 7515 §4.1.4: kid is a hint). */
static Status
VerifyByAny(const JwsParts *parts, const JwsHeader *header, const JwkSet *set)
{
	Status		status = STATUS_TOKEN_ALG;
	int			tried = 0;

	for (size_t i = 0; i < set->count; i++)
	{
		if (strcmp(set->keys[i].alg->name, header->alg) != 0)
			continue;
		if (++tried > TRIED_MAX)
			return STATUS_TOKEN_KID;
		status = JwsVerify(parts, header->alg, &set->keys[i]);
		if (status == STATUS_OK)
			return STATUS_OK;
	}
	return status;
}

/* Verify the signature of a token by a set of keys. */
static Status
Verify(const JwsParts *parts, const JwsHeader *header, const JwkSet *set)
{
	const Jwk  *key;

	if (header->kid[0] == '\0')
		return VerifyByAny(parts, header, set);
	key = JwkSetFind(set, header->kid, strlen(header->kid));
	if (key == NULL)
		return STATUS_TOKEN_KID;
	return JwsVerify(parts, header->alg, key);
}

/* The key to sign with: the only one of its set, with what it takes. */
static const Jwk *
SigningKey(Datum jwk)
{
	const JwkSet *set = JwkCacheGet(jwk, 0, "signing key");
	const Jwk  *key = &set->keys[0];

	if (set->count != 1)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("a set of several keys cannot sign"),
				 errhint("Give the one JWK to sign with.")));
	if (key->alg->use == KEY_SIGN && !key->is_private)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("the key cannot sign"),
				 errdetail("It is a public key, or its key_ops do not name sign."),
				 errhint("Give the JWK with its private part.")));
	if (key->alg->use != KEY_SIGN || key->state != KEY_CURRENT)
		ReportCoreError(STATUS_KEY_USE, "signing key");
	return key;
}

/*
 * SQL function: auth.jwt_sign(claims jsonb, jwk jsonb) returns text
 *
 * The claims as they are: nothing is added, and nothing is left out.
 */
Datum
intrex_auth_jwt_sign_with(PG_FUNCTION_ARGS)
{
	Jsonb	   *claims;
	const Jwk  *key;
	char	   *payload;
	size_t		payload_length;
	size_t		size;
	text	   *token;
	size_t		length;
	Status		status;

	LogGuardMark();
	if (toast_raw_datum_size(PG_GETARG_DATUM(0)) > 2 * JWS_MAX_BYTES)
		ReportCoreError(STATUS_TOKEN_SIZE, "claims");
	claims = PG_GETARG_JSONB_P(0);
	if (!JB_ROOT_IS_OBJECT(claims))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("claims must be a JSON object")));
	payload = JsonbToCompactText(claims, &payload_length);
	if (payload_length > JWS_MAX_BYTES)
		ReportCoreError(STATUS_TOKEN_SIZE, "claims");
	status = TokenCheckReadable(payload, payload_length, false);
	if (status != STATUS_OK)
		ReportCoreError(status, "claims");

	key = SigningKey(PG_GETARG_DATUM(1));
	size = JwsSize(key, "JWT", payload_length);
	if (size > JWS_MAX_BYTES)
		ReportCoreError(STATUS_TOKEN_SIZE, "claims");
	token = palloc(VARHDRSZ + size);
	status = JwsSign(key, "JWT", payload, payload_length, VARDATA(token), size, &length);
	if (status != STATUS_OK)
		ReportCoreError(status, "signing key");
	SET_VARSIZE(token, VARHDRSZ + length);
	PG_RETURN_TEXT_P(token);
}

/*
 * SQL function: auth.jwt_verify(token text, jwks jsonb, options jsonb = '{}') returns jsonb
 *
 * Options and keys are read before the token, so that a mistake in them shows
 * with any token.
 */
Datum
intrex_auth_jwt_verify_with(PG_FUNCTION_ARGS)
{
	JwtOptions	options;
	const JwkSet *set;
	text	   *token;
	JwsParts	parts;
	JwsHeader	header;
	VerifiedToken verified;
	Status		status;

	LogGuardMark();
	JwtOptionsRead(PG_GETARG_JSONB_P(2), &options);
	set = JwkCacheGet(PG_GETARG_DATUM(1), JWKSET_VERIFIERS, "key set");
	token = GetToken(PG_GETARG_DATUM(0));

	status = JwsSplit(VARDATA_ANY(token), VARSIZE_ANY_EXHDR(token), &parts);
	if (status == STATUS_OK)
		status = JwsReadHeader(&parts, &header);
	if (status == STATUS_OK && !JwtOptionsTypFits(&options, header.typ))
		status = STATUS_TOKEN_TYP;
	if (status == STATUS_OK)
		status = Verify(&parts, &header, set);
	if (status == STATUS_OK)
		status = TokenPayload(&parts, &verified);
	if (status == STATUS_OK)
		status = ClaimsReadForeign(&verified.doc, &verified.claims);
	if (status == STATUS_OK)
		status = ClaimsCheck(&verified.doc, &verified.claims, &options.policy);
	if (status != STATUS_OK)
		ReportTokenError(status);
	PG_RETURN_JSONB_P(JsonDocToJsonb(&verified.doc));
}

/*
 * SQL function: auth.jws_verify(token text, jwks jsonb) returns bytea
 *
 * The payload of any JWS, of whatever typ; what it means is the caller's to judge.
 */
Datum
intrex_auth_jws_verify(PG_FUNCTION_ARGS)
{
	const JwkSet *set;
	text	   *token;
	JwsParts	parts;
	JwsHeader	header;
	bytea	   *payload;
	size_t		size;
	size_t		length;
	Status		status;

	LogGuardMark();
	set = JwkCacheGet(PG_GETARG_DATUM(1), JWKSET_VERIFIERS, "key set");
	token = GetToken(PG_GETARG_DATUM(0));
	status = JwsSplit(VARDATA_ANY(token), VARSIZE_ANY_EXHDR(token), &parts);
	if (status == STATUS_OK)
		status = JwsReadHeader(&parts, &header);
	if (status == STATUS_OK)
		status = Verify(&parts, &header, set);
	if (status != STATUS_OK)
		ReportTokenError(status);

	size = BASE64URL_DECODED(parts.payload_length);
	payload = palloc(VARHDRSZ + size);
	status = JwsPayload(&parts, (uint8 *) VARDATA(payload), size, &length);
	if (status != STATUS_OK)
		ReportTokenError(status);
	SET_VARSIZE(payload, VARHDRSZ + length);
	PG_RETURN_BYTEA_P(payload);
}
