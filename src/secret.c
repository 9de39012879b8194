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

#define SEALED_VERSION 1
#define SEALED_HEADER 2			/* version and length of the kid */
#define RANDOM_TOKEN_MIN 16		/* bytes: 128 bits, the least that resists guessing */
#define RANDOM_TOKEN_MAX 1024

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

/* The parts of a sealed value. */
typedef struct Sealed
{
	const char *kid;
	size_t		kid_length;
	const uint8 *bytes;			/* nonce, ciphertext, tag */
	size_t		length;
} Sealed;

/* Take a sealed value apart; false if it is none.  It may be cut off behind the kid. */
static bool
ReadHeader(const bytea *value, Sealed *out)
{
	const uint8 *in = (const uint8 *) VARDATA_ANY(value);
	size_t		length = VARSIZE_ANY_EXHDR(value);

	if (length < SEALED_HEADER || in[0] != SEALED_VERSION ||
		in[1] == 0 || in[1] > JWK_KID_MAX || length < SEALED_HEADER + (size_t) in[1])
		return false;
	out->kid = (const char *) in + SEALED_HEADER;
	out->kid_length = in[1];
	out->bytes = in + SEALED_HEADER + out->kid_length;
	out->length = length - SEALED_HEADER - out->kid_length;
	return true;
}

/* Is it sealed with this key? */
static bool
NamesKey(const Sealed *sealed, const Jwk *key)
{
	return strlen(key->kid) == sealed->kid_length &&
		memcmp(key->kid, sealed->kid, sealed->kid_length) == 0;
}

/* Seal with the key that is current now. */
static Status
Seal(const void *plaintext, size_t length, const text *context, bytea **out)
{
	const Jwk  *key = KeyringCurrent(KEY_SEAL);
	size_t		kid_length = strlen(key->kid);
	uint8	   *bytes;

	*out = NewBytea(SEALED_HEADER + kid_length + length + AEAD_OVERHEAD);
	bytes = (uint8 *) VARDATA(*out);
	bytes[0] = SEALED_VERSION;
	bytes[1] = (uint8) kid_length;
	memcpy(bytes + SEALED_HEADER, key->kid, kid_length);
	return AeadSeal(KeyringAead(key), VARDATA_ANY(context), VARSIZE_ANY_EXHDR(context),
					plaintext, length, bytes + SEALED_HEADER + kid_length);
}

/* Open into a new value.  Without a ring it reports an error. */
static Status
Open		(const bytea *value, const text *context, text * *out)
{
	Sealed		sealed;
	const Jwk  *key;

	if (!ReadHeader(value, &sealed) || sealed.length < AEAD_OVERHEAD)
		return STATUS_SEALED_FORMAT;
	key = KeyringFind(sealed.kid, sealed.kid_length);
	if (key == NULL && KeyringGet(false) == NULL)
		ReportKeyringError();
	if (key == NULL || key->alg->use != KEY_SEAL)
		return STATUS_SEALED_KEY;
	*out = (text *) NewBytea(sealed.length - AEAD_OVERHEAD);
	return AeadOpen(KeyringAead(key), VARDATA_ANY(context), VARSIZE_ANY_EXHDR(context),
					sealed.bytes, sealed.length, (uint8 *) VARDATA(*out));
}

/* SQL function: auth.secret_encrypt(plaintext text, context text) returns bytea */
Datum
intrex_auth_secret_encrypt(PG_FUNCTION_ARGS)
{
	text	   *plaintext = PG_GETARG_TEXT_PP(0);
	bytea	   *sealed;
	Status		status;

	LogGuardMark();
	status = Seal(VARDATA_ANY(plaintext), VARSIZE_ANY_EXHDR(plaintext),
				  PG_GETARG_TEXT_PP(1), &sealed);
	WipeCopy(plaintext, PG_GETARG_DATUM(0));
	if (status != STATUS_OK)
		ReportCoreError(status, "value to seal");
	PG_RETURN_BYTEA_P(sealed);
}

/* SQL function: auth.secret_decrypt(sealed bytea, context text) returns text */
Datum
intrex_auth_secret_decrypt(PG_FUNCTION_ARGS)
{
	text	   *plaintext;
	Status		status;

	LogGuardMark();
	status = Open (PG_GETARG_BYTEA_PP(0), PG_GETARG_TEXT_PP(1), &plaintext);

	if (status != STATUS_OK)
		ReportCoreError(status, "sealed value");
	PG_RETURN_TEXT_P(plaintext);
}

/* Seal a value anew; *out stays NULL when it is under the current key already. */
static Status
Rewrap(Datum value, const text *context, bytea **out)
{
	bytea	   *start = DatumGetByteaPSlice(value, 0, SEALED_HEADER + JWK_KID_MAX);
	Sealed		sealed;
	text	   *plaintext;
	Status		status;

	*out = NULL;
	if (!ReadHeader(start, &sealed))
		return STATUS_SEALED_FORMAT;
	if (NamesKey(&sealed, KeyringSealing()))
		return STATUS_OK;
	status = Open (DatumGetByteaPP(value), context, &plaintext);

	if (status != STATUS_OK)
		return status;
	status = Seal(VARDATA(plaintext), VARSIZE_ANY_EXHDR(plaintext), context, out);
	SecureWipe(VARDATA(plaintext), VARSIZE_ANY_EXHDR(plaintext));
	pfree(plaintext);
	return status;
}

/*
 * SQL function: auth.secret_rewrap(sealed bytea, context text) returns bytea
 *
 * The value as it is, not even read in full, when the current key sealed it.
 */
Datum
intrex_auth_secret_rewrap(PG_FUNCTION_ARGS)
{
	bytea	   *fresh;
	Status		status;

	LogGuardMark();
	status = Rewrap(PG_GETARG_DATUM(0), PG_GETARG_TEXT_PP(1), &fresh);
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
	bytea	   *fresh;
	Status		status;

	LogGuardMark();
	status = Rewrap(PG_GETARG_DATUM(0), PG_GETARG_TEXT_PP(1), &fresh);
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
	bytea	   *start = PG_GETARG_BYTEA_P_SLICE(0, 0, SEALED_HEADER + JWK_KID_MAX);
	Sealed		sealed;

	if (!ReadHeader(start, &sealed))
		PG_RETURN_NULL();
	for (size_t i = 0; i < sealed.kid_length; i++)
	{
		/* as a kid of a ring is; other bytes may be no text at all */
		if (sealed.kid[i] < 0x20 || sealed.kid[i] > 0x7e)
			PG_RETURN_NULL();
	}
	PG_RETURN_TEXT_P(cstring_to_text_with_len(sealed.kid, (int) sealed.kid_length));
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
