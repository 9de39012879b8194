/*
 * test/unit/test_wycheproof_secret.c: Wycheproof's AES-GCM, HMAC and HKDF.
 *
 * Depends on vectors.h, core/aead, core/hmac, core/jws and core/mem.
 */
#include "vectors.h"

#include "core/aead.h"
#include "core/hmac.h"
#include "core/jws.h"

/* A secret as a JWK, in a set. */
static Status
Read(const char *alg, const char *secret, JwkSet **set)
{
	char		text[2048];
	int			length = snprintf(text, sizeof(text), "{\"kty\":\"oct\",\"alg\":\"%s\",\"k\":\"%s\"}",
								  alg, strcmp(secret, "-") == 0 ? "" : secret);

	return JwkSetParse(text, (size_t) length, 0, set);
}

/* Seal and open as the test says; only a nonce of 12 bytes can be expressed. */
static void
CheckSealed(const Vectors *vectors, AeadKey *key)
{
	size_t		lengths[6];
	uint8_t    *parts[6];		/* nonce, aad, plaintext, ciphertext, tag */
	uint8_t    *sealed;
	uint8_t    *made;
	uint8_t    *opened;
	size_t		length;
	int			valid;

	for (int i = 0; i < 5; i++)
		parts[i] = VectorBytes(vectors, 4 + i, &lengths[i]);
	length = lengths[0] + lengths[3] + lengths[4];
	sealed = malloc(length);
	memcpy(sealed, parts[0], lengths[0]);
	memcpy(sealed + lengths[0], parts[3], lengths[3]);
	memcpy(sealed + lengths[0] + lengths[3], parts[4], lengths[4]);
	made = malloc(lengths[2] + AEAD_OVERHEAD);
	opened = malloc(length);
	valid = VectorIsValid(vectors) && lengths[0] == AEAD_NONCE_BYTES;

	CHECK((AeadOpen(key, parts[1], lengths[1], sealed, length, opened) == STATUS_OK) == valid,
		  VectorName(vectors));
	if (valid)
		CHECK(lengths[2] == length - AEAD_OVERHEAD && memcmp(opened, parts[2], lengths[2]) == 0,
			  VectorName(vectors));
	if (lengths[0] == AEAD_NONCE_BYTES)
	{
		CHECK_STATUS(AeadSealWithNonce(key, parts[0], parts[1], lengths[1], parts[2], lengths[2],
									   made),
					 STATUS_OK, VectorName(vectors));
		CHECK((memcmp(made, sealed, length) == 0) == valid, VectorName(vectors));
	}
	for (int i = 0; i < 5; i++)
		free(parts[i]);
	free(sealed);
	free(made);
	free(opened);
}

/* AES-GCM: with keys of 256 bits; others are refused. */
static void
CheckAead(void)
{
	static Vectors vectors;
	unsigned long weak = 0;

	VectorsOpen(&vectors, "aes_gcm");
	while (VectorsNext(&vectors, 316))
	{
		JwkSet	   *set;
		AeadKey    *key;
		size_t		length;

		free(VectorBytes(&vectors, 3, &length));
		CHECK_STATUS(Read("A256GCM", vectors.columns[3], &set),
					 length == AEAD_KEY_BYTES ? STATUS_OK : STATUS_KEY_WEAK, VectorName(&vectors));
		weak += set == NULL;
		if (set == NULL ||
			!CHECK_STATUS(AeadKeyNew(set->keys[0].secret, &key), STATUS_OK, "a key schedule"))
			continue;
		CheckSealed(&vectors, key);
		AeadKeyFree(key);
		JwkSetFree(set);
	}
	CHECK(weak > 100 && weak < 300, "keys of 128 and 192 bits are refused, and not all are such");
}

/* HMAC: as a signature, if the key is long enough for one, and by itself. */
static void
CheckMac(const char *name, const char *alg, HashKind hash, unsigned long count)
{
	static Vectors vectors;
	unsigned long accepted = 0;

	VectorsOpen(&vectors, name);
	while (VectorsNext(&vectors, count))
	{
		size_t		key_length;
		size_t		length;
		size_t		tag_length;
		uint8_t    *key = VectorBytes(&vectors, 3, &key_length);
		uint8_t    *message = VectorBytes(&vectors, 4, &length);
		uint8_t    *tag = VectorBytes(&vectors, 5, &tag_length);
		uint8_t		mac[HASH_MAX_BYTES];
		JwkSet	   *set;

		CHECK_STATUS(HmacOnce(hash, key, key_length, message, length, mac), STATUS_OK, "an HMAC");
		CHECK((memcmp(mac, tag, tag_length) == 0) == VectorIsValid(&vectors), VectorName(&vectors));
		CHECK_STATUS(Read(alg, vectors.columns[3], &set),
					 key_length >= HashBytes(hash) ? STATUS_OK : STATUS_KEY_WEAK,
					 VectorName(&vectors));
		if (set != NULL)
		{
			int			valid = VectorIsValid(&vectors) && tag_length == HashBytes(hash);
			JwsParts	parts = {0};

			parts.token = (const char *) message;
			parts.signed_length = length;
			parts.signature = vectors.columns[5];
			parts.signature_length = strlen(vectors.columns[5]);
			CHECK_STATUS(JwsVerify(&parts, alg, &set->keys[0]),
						 valid ? STATUS_OK : STATUS_TOKEN_SIGNATURE, VectorName(&vectors));
			accepted += (unsigned long) valid;
			JwkSetFree(set);
		}
		free(key);
		free(message);
		free(tag);
	}
	CHECK(accepted > 10, UnitName("%s: whole signatures by long keys are accepted", alg));
}

/* HKDF. */
static void
CheckHkdf(void)
{
	static Vectors vectors;

	VectorsOpen(&vectors, "hkdf_sha256");
	while (VectorsNext(&vectors, 86))
	{
		size_t		lengths[4];
		uint8_t    *parts[4];
		size_t		size = (size_t) atol(vectors.columns[6]);
		uint8_t    *out = malloc(size > 0 ? size : 1);
		Status		status;

		for (int i = 0; i < 3; i++)
			parts[i] = VectorBytes(&vectors, 3 + i, &lengths[i]);
		parts[3] = VectorBytes(&vectors, 7, &lengths[3]);
		status = HkdfSha256(parts[0], lengths[0], parts[1], lengths[1], parts[2], lengths[2],
							out, size);
		CHECK_STATUS(status, VectorIsValid(&vectors) ? STATUS_OK : STATUS_ARGUMENT,
					 VectorName(&vectors));
		if (VectorIsValid(&vectors))
			CHECK(lengths[3] == size && memcmp(out, parts[3], size) == 0, VectorName(&vectors));
		for (int i = 0; i < 4; i++)
			free(parts[i]);
		free(out);
	}
}

int
main(void)
{
	CheckAead();
	CheckMac("hmac_sha256", "HS256", HASH_SHA256, 174);
	CheckMac("hmac_sha384", "HS384", HASH_SHA384, 174);
	CheckMac("hmac_sha512", "HS512", HASH_SHA512, 174);
	CheckHkdf();
	return UnitEnd();
}
