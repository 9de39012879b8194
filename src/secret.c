/*
 * src/secret.c: sealing values with AES-256-GCM, by the ring's key or a given one.
 *
 * Depends on keyring.c and the core.  A value sealed by the ring is
 *
 *     version (1 byte, 1) || length of the kid (1 byte) || kid || nonce || ciphertext || tag
 *
 * with the context as AAD, so that a ciphertext moved to where another context
 * is expected does not open.
 */
#include "postgres.h"

#include "utils/builtins.h"
#include "utils/memutils.h"

#include "compat.h"
#include "keyring.h"
#include "logguard.h"
#include "report.h"

#include "core/aead.h"
#include "core/base64url.h"
#include "core/hmac.h"
#include "core/mem.h"

SQL_FUNCTION(intrex_auth_secret_encrypt);
SQL_FUNCTION(intrex_auth_secret_decrypt);
SQL_FUNCTION(intrex_auth_aes_gcm_encrypt);
SQL_FUNCTION(intrex_auth_aes_gcm_decrypt);
SQL_FUNCTION(intrex_auth_random_token);

#define SEALED_VERSION 1
#define SEALED_HEADER 2			/* version and length of the kid */
#define RANDOM_TOKEN_MIN 16		/* bytes: 128 bits, the least that resists guessing */
#define RANDOM_TOKEN_MAX 1024

/* Wipe the copy of an argument that detoasting made. */
static void
WipeCopy(void *detoasted, Datum original)
{
	if ((Pointer) detoasted != DatumGetPointer(original))
		SecureWipe(VARDATA_ANY(detoasted), VARSIZE_ANY_EXHDR(detoasted));
}

/* A new bytea for length bytes. */
static bytea *
NewBytea(size_t length)
{
	bytea	   *result;

	if (length > MaxAllocSize - VARHDRSZ)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("value is too large to be sealed")));
	result = palloc(VARHDRSZ + length);
	SET_VARSIZE(result, VARHDRSZ + length);
	return result;
}

/* SQL function: auth.secret_encrypt(plaintext text, context text) returns bytea */
Datum
intrex_auth_secret_encrypt(PG_FUNCTION_ARGS)
{
	text	   *plaintext = PG_GETARG_TEXT_PP(0);
	text	   *context = PG_GETARG_TEXT_PP(1);
	const Jwk  *key = KeyringCurrent(KEY_SEAL);
	size_t		kid_length = strlen(key->kid);
	size_t		length = VARSIZE_ANY_EXHDR(plaintext);
	bytea	   *sealed = NewBytea(SEALED_HEADER + kid_length + length + AEAD_OVERHEAD);
	uint8	   *out = (uint8 *) VARDATA(sealed);
	Status		status;

	LogGuardMark();
	out[0] = SEALED_VERSION;
	out[1] = (uint8) kid_length;
	memcpy(out + SEALED_HEADER, key->kid, kid_length);
	status = AeadSeal(KeyringAead(key), VARDATA_ANY(context), VARSIZE_ANY_EXHDR(context),
					  VARDATA_ANY(plaintext), length, out + SEALED_HEADER + kid_length);
	WipeCopy(plaintext, PG_GETARG_DATUM(0));
	if (status != STATUS_OK)
		ReportCoreError(status, "value to seal");
	PG_RETURN_BYTEA_P(sealed);
}

/* SQL function: auth.secret_decrypt(sealed bytea, context text) returns text */
Datum
intrex_auth_secret_decrypt(PG_FUNCTION_ARGS)
{
	bytea	   *sealed = PG_GETARG_BYTEA_PP(0);
	text	   *context = PG_GETARG_TEXT_PP(1);
	const uint8 *in = (const uint8 *) VARDATA_ANY(sealed);
	size_t		length = VARSIZE_ANY_EXHDR(sealed);
	size_t		header;
	const Jwk  *key;
	text	   *plaintext;
	Status		status;

	LogGuardMark();
	if (length < SEALED_HEADER || in[0] != SEALED_VERSION || in[1] > JWK_KID_MAX ||
		length < SEALED_HEADER + (size_t) in[1] + AEAD_OVERHEAD)
		ReportCoreError(STATUS_SEALED_FORMAT, "sealed value");
	header = SEALED_HEADER + (size_t) in[1];
	key = KeyringFind((const char *) in + SEALED_HEADER, in[1]);
	if (key == NULL && KeyringGet(false) == NULL)
		ReportKeyringError();
	if (key == NULL || key->alg->use != KEY_SEAL)
		ReportCoreError(STATUS_SEALED_KEY, "sealed value");

	plaintext = (text *) NewBytea(length - header - AEAD_OVERHEAD);
	status = AeadOpen(KeyringAead(key), VARDATA_ANY(context), VARSIZE_ANY_EXHDR(context),
					  in + header, length - header, (uint8 *) VARDATA(plaintext));
	if (status != STATUS_OK)
		ReportCoreError(status, "sealed value");
	PG_RETURN_TEXT_P(plaintext);
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
	bytea	   *sealed = NewBytea(length + AEAD_OVERHEAD);
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
	plaintext = NewBytea(length - AEAD_OVERHEAD);
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
