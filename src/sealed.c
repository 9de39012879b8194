/*
 * src/sealed.c: values that the ring seals, and that name the key they were sealed with.
 *
 * Depends on keyring.c and the core.  A value sealed by the ring is
 *
 *     version (1 byte, 1) || length of the kid (1 byte) || kid || nonce || ciphertext || tag
 */
#include "postgres.h"

#include "fmgr.h"
#include "utils/memutils.h"

#include "compat.h"
#include "keyring.h"
#include "keys.h"
#include "report.h"
#include "sealed.h"

#include "core/aead.h"
#include "core/mem.h"

#define SEALED_VERSION 1

/* A new bytea for length bytes. */
bytea *
SealedBytes(size_t length)
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

/* The kid in a value. */
bool
SealedKid(const bytea *start, const char **kid, size_t *length)
{
	Sealed		sealed;

	if (!ReadHeader(start, &sealed))
		return false;
	*kid = sealed.kid;
	*length = sealed.kid_length;
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
Status
SealedMake(const void *plaintext, size_t length,
		   const void *aad, size_t aad_length, bytea **out)
{
	const Jwk  *key;
	size_t		kid_length;
	uint8	   *bytes;

	KeysNote();
	key = KeyringCurrent(KEY_SEAL);
	kid_length = strlen(key->kid);
	*out = SealedBytes(SEALED_HEADER + kid_length + length + AEAD_OVERHEAD);
	bytes = (uint8 *) VARDATA(*out);
	bytes[0] = SEALED_VERSION;
	bytes[1] = (uint8) kid_length;
	memcpy(bytes + SEALED_HEADER, key->kid, kid_length);
	return AeadSeal(KeyringAead(key), aad, aad_length,
					plaintext, length, bytes + SEALED_HEADER + kid_length);
}

/* Open into a new value. */
Status
SealedOpen(const bytea *value, const void *aad, size_t aad_length, bytea **out)
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
	*out = SealedBytes(sealed.length - AEAD_OVERHEAD);
	return AeadOpen(KeyringAead(key), aad, aad_length,
					sealed.bytes, sealed.length, (uint8 *) VARDATA(*out));
}

/* Seal a value anew. */
Status
SealedRewrap(Datum value, const void *aad, size_t aad_length, bytea **out)
{
	bytea	   *start = DatumGetByteaPSlice(value, 0, SEALED_START);
	Sealed		sealed;
	bytea	   *plaintext;
	Status		status;

	*out = NULL;
	if (!ReadHeader(start, &sealed))
		return STATUS_SEALED_FORMAT;
	if (NamesKey(&sealed, KeyringSealing()))
		return STATUS_OK;
	status = SealedOpen(DatumGetByteaPP(value), aad, aad_length, &plaintext);
	if (status != STATUS_OK)
		return status;
	status = SealedMake(VARDATA(plaintext), VARSIZE_ANY_EXHDR(plaintext), aad, aad_length, out);
	SecureWipe(VARDATA(plaintext), VARSIZE_ANY_EXHDR(plaintext));
	pfree(plaintext);
	return status;
}
