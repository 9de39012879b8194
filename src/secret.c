/*
 * src/secret.c: sealing values with AES-256-GCM, by the ring's key or a given one.
 *
 * Depends on sealed.c, keyring.c and the core.  The context is the AAD, so that a
 * ciphertext moved to where another context is expected does not open.
 */
#include "postgres.h"

#include "utils/builtins.h"

#include "compat.h"
#include "keyring.h"
#include "logguard.h"
#include "report.h"
#include "sealed.h"
#include "wipe.h"

#include "core/aead.h"
#include "core/base64url.h"
#include "core/hmac.h"
#include "core/mem.h"

SQL_FUNCTION(intrex_auth_secret_encrypt);
SQL_FUNCTION(intrex_auth_secret_decrypt);
SQL_FUNCTION(intrex_auth_secret_rewrap);
SQL_FUNCTION(intrex_auth_secret_try_rewrap);
SQL_FUNCTION(intrex_auth_sealed_kid);
SQL_FUNCTION(intrex_auth_sealing_kid);
SQL_FUNCTION(intrex_auth_aes_gcm_encrypt);
SQL_FUNCTION(intrex_auth_aes_gcm_decrypt);
SQL_FUNCTION(intrex_auth_random_token);

#define RANDOM_TOKEN_MIN 16		/* bytes: 128 bits, the least that resists guessing */
#define RANDOM_TOKEN_MAX 1024

/* SQL function: auth.secret_encrypt(plaintext text, context text) returns bytea */
Datum
intrex_auth_secret_encrypt(PG_FUNCTION_ARGS)
{
	text	   *plaintext = PG_GETARG_TEXT_PP(0);
	text	   *context = PG_GETARG_TEXT_PP(1);
	bytea	   *sealed;
	Status		status;

	LogGuardMark();
	status = SealedMake(VARDATA_ANY(plaintext), VARSIZE_ANY_EXHDR(plaintext),
						VARDATA_ANY(context), VARSIZE_ANY_EXHDR(context), &sealed);
	WipeCopy(plaintext, PG_GETARG_DATUM(0));
	if (status != STATUS_OK)
		ReportCoreError(status, "value to seal");
	PG_RETURN_BYTEA_P(sealed);
}

/* SQL function: auth.secret_decrypt(sealed bytea, context text) returns text */
Datum
intrex_auth_secret_decrypt(PG_FUNCTION_ARGS)
{
	text	   *context = PG_GETARG_TEXT_PP(1);
	bytea	   *plaintext;
	Status		status;

	LogGuardMark();
	status = SealedOpen(PG_GETARG_BYTEA_PP(0), VARDATA_ANY(context),
						VARSIZE_ANY_EXHDR(context), &plaintext);
	if (status != STATUS_OK)
		ReportCoreError(status, "sealed value");
	PG_RETURN_TEXT_P(plaintext);
}

/*
 * SQL function: auth.secret_rewrap(sealed bytea, context text) returns bytea
 *
 * The value as it is, not even read in full, when the current key sealed it.
 */
Datum
intrex_auth_secret_rewrap(PG_FUNCTION_ARGS)
{
	text	   *context = PG_GETARG_TEXT_PP(1);
	bytea	   *fresh;
	Status		status;

	LogGuardMark();
	status = SealedRewrap(PG_GETARG_DATUM(0), VARDATA_ANY(context),
						  VARSIZE_ANY_EXHDR(context), &fresh);
	if (status != STATUS_OK)
		ReportCoreError(status, "sealed value");
	if (fresh == NULL)
		PG_RETURN_DATUM(PG_GETARG_DATUM(0));
	PG_RETURN_BYTEA_P(fresh);
}

/*
 * SQL function: auth._secret_try_rewrap(sealed bytea, context text) returns bytea
 *
 * The same, but NULL for a value that does not open: one of them must not stop
 * a batch.
 */
Datum
intrex_auth_secret_try_rewrap(PG_FUNCTION_ARGS)
{
	text	   *context = PG_GETARG_TEXT_PP(1);
	bytea	   *fresh;
	Status		status;

	LogGuardMark();
	status = SealedRewrap(PG_GETARG_DATUM(0), VARDATA_ANY(context),
						  VARSIZE_ANY_EXHDR(context), &fresh);
	if (status == STATUS_MEMORY || status == STATUS_CRYPTO)
		ReportCoreError(status, "sealed value");
	if (status != STATUS_OK)
		PG_RETURN_NULL();
	if (fresh == NULL)
		PG_RETURN_DATUM(PG_GETARG_DATUM(0));
	PG_RETURN_BYTEA_P(fresh);
}

/*
 * SQL function: auth.sealed_kid(sealed bytea) returns text
 *
 * Which key sealed a value, by its first bytes; NULL if nothing of ours did.
 */
Datum
intrex_auth_sealed_kid(PG_FUNCTION_ARGS)
{
	bytea	   *start = PG_GETARG_BYTEA_P_SLICE(0, 0, SEALED_START);
	const char *kid;
	size_t		length;

	if (!SealedKid(start, &kid, &length))
		PG_RETURN_NULL();
	for (size_t i = 0; i < length; i++)
	{
		/* as a kid of a ring is; other bytes may be no text at all */
		if (kid[i] < 0x20 || kid[i] > 0x7e)
			PG_RETURN_NULL();
	}
	PG_RETURN_TEXT_P(cstring_to_text_with_len(kid, (int) length));
}

/* SQL function: auth._sealing_kid() returns text: of the key that seals at this moment */
Datum
intrex_auth_sealing_kid(PG_FUNCTION_ARGS)
{
	PG_RETURN_TEXT_P(cstring_to_text(KeyringSealing()->kid));
}

/* A context for a key that was given as an argument. */
static AeadKey *
GivenKey(FunctionCallInfo fcinfo)
{
	bytea	   *bytes = PG_GETARG_BYTEA_PP(0);
	AeadKey    *key;
	Status		status;

	LogGuardMark();
	if (VARSIZE_ANY_EXHDR(bytes) != AEAD_KEY_BYTES)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("invalid AES-256 key"),
				 errdetail("The key must have exactly 32 bytes.")));
	status = AeadKeyNew((const uint8 *) VARDATA_ANY(bytes), &key);
	WipeCopy(bytes, PG_GETARG_DATUM(0));
	if (status != STATUS_OK)
		ReportCoreError(status, "AES-256 key");
	return key;
}

/* SQL function: auth.aes_gcm_encrypt(key bytea, plaintext bytea, aad bytea) returns bytea */
Datum
intrex_auth_aes_gcm_encrypt(PG_FUNCTION_ARGS)
{
	bytea	   *plaintext = PG_GETARG_BYTEA_PP(1);
	bytea	   *aad = PG_GETARG_BYTEA_PP(2);
	size_t		length = VARSIZE_ANY_EXHDR(plaintext);
	bytea	   *sealed = SealedBytes(length + AEAD_OVERHEAD);
	AeadKey    *key = GivenKey(fcinfo);
	Status		status;

	status = AeadSeal(key, VARDATA_ANY(aad), VARSIZE_ANY_EXHDR(aad),
					  VARDATA_ANY(plaintext), length, (uint8 *) VARDATA(sealed));
	AeadKeyFree(key);
	WipeCopy(plaintext, PG_GETARG_DATUM(1));
	if (status != STATUS_OK)
		ReportCoreError(status, "value to seal");
	PG_RETURN_BYTEA_P(sealed);
}

/* SQL function: auth.aes_gcm_decrypt(key bytea, sealed bytea, aad bytea) returns bytea */
Datum
intrex_auth_aes_gcm_decrypt(PG_FUNCTION_ARGS)
{
	bytea	   *sealed = PG_GETARG_BYTEA_PP(1);
	bytea	   *aad = PG_GETARG_BYTEA_PP(2);
	size_t		length = VARSIZE_ANY_EXHDR(sealed);
	bytea	   *plaintext;
	AeadKey    *key;
	Status		status;

	if (length < AEAD_OVERHEAD)
		ReportCoreError(STATUS_SEALED_FORMAT, "sealed value");
	plaintext = SealedBytes(length - AEAD_OVERHEAD);
	key = GivenKey(fcinfo);
	status = AeadOpen(key, VARDATA_ANY(aad), VARSIZE_ANY_EXHDR(aad),
					  (const uint8 *) VARDATA_ANY(sealed), length,
					  (uint8 *) VARDATA(plaintext));
	AeadKeyFree(key);
	if (status != STATUS_OK)
		ReportCoreError(status, "sealed value");
	PG_RETURN_BYTEA_P(plaintext);
}

/* SQL function: auth.random_token(bytes int = 32) returns text */
Datum
intrex_auth_random_token(PG_FUNCTION_ARGS)
{
	int32		bytes = PG_GETARG_INT32(0);
	uint8		random[RANDOM_TOKEN_MAX];
	char		encoded[BASE64URL_LENGTH(RANDOM_TOKEN_MAX)];
	text	   *result;
	size_t		length;

	if (bytes < RANDOM_TOKEN_MIN || bytes > RANDOM_TOKEN_MAX)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("invalid number of random bytes: %d", bytes),
				 errhint("Ask for 16 (128 bits) to 1024.")));
	if (RandomBytes(random, (size_t) bytes) != STATUS_OK)
		ReportCoreError(STATUS_CRYPTO, "random bytes");
	length = Base64UrlEncode(random, (size_t) bytes, encoded);
	result = cstring_to_text_with_len(encoded, (int) length);
	SecureWipe(random, sizeof(random));
	SecureWipe(encoded, sizeof(encoded));
	PG_RETURN_TEXT_P(result);
}
