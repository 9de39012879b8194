/*
 * test/fuzz/fuzz_aead.c: sealed values: nothing opens but what was sealed.
 *
 * The input is seen as a sealed value, as a text to seal, and as damage to a
 * sealed text.  Depends on fuzz.h and core/aead.
 */
#include "fuzz.h"

#include "core/aead.h"

#define AAD "table/column/row"
#define TEXT "a sealed text"
#define SEALED_BYTES (sizeof(TEXT) - 1 + AEAD_OVERHEAD)

static const uint8_t key_bytes[AEAD_KEY_BYTES] = "0123456789abcdef0123456789abcde";
static const uint8_t nonce[AEAD_NONCE_BYTES] = "once and no";
static AeadKey *key;

/* Open; false when it is refused, and then nothing of a plaintext is left. */
static bool
Opens(const uint8_t *sealed, size_t length, uint8_t *out)
{
	size_t		room = length > AEAD_OVERHEAD ? length - AEAD_OVERHEAD : 0;
	Status		status;

	memset(out, 0x5A, room);
	status = AeadOpen(key, AAD, strlen(AAD), sealed, length, out);
	REQUIRE_NO_ERRORS();
	if (status == STATUS_OK)
		return true;
	REQUIRE(status == STATUS_SEALED_FORMAT || status == STATUS_SEALED_REFUSED);
	REQUIRE((status == STATUS_SEALED_FORMAT) == (length < AEAD_OVERHEAD));
	for (size_t i = 0; i < room; i++)
		REQUIRE(out[i] == 0);
	return false;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t		good[SEALED_BYTES];
	uint8_t		damaged[SEALED_BYTES + FUZZ_GROWTH];
	uint8_t    *sealed = malloc(size + AEAD_OVERHEAD);
	uint8_t    *out = malloc(size + SEALED_BYTES + FUZZ_GROWTH);
	uint8_t    *copy;
	size_t		length;

	if (key == NULL)
		REQUIRE(AeadKeyNew(key_bytes, &key) == STATUS_OK);

	/* as sealed; libFuzzer sees what is compared, and tries the good value too */
	REQUIRE(AeadSealWithNonce(key, nonce, AAD, strlen(AAD), TEXT, strlen(TEXT), good) == STATUS_OK);
	REQUIRE(Opens(data, size, out) == (size == sizeof(good) && memcmp(data, good, size) == 0));

	/* as text */
	REQUIRE(AeadSeal(key, AAD, strlen(AAD), data, size, sealed) == STATUS_OK);
	REQUIRE(Opens(sealed, size + AEAD_OVERHEAD, out));
	REQUIRE(memcmp(out, data, size) == 0);

	/* for another place */
	REQUIRE(AeadOpen(key, AAD, strlen(AAD) - 1, sealed, size + AEAD_OVERHEAD, out) == STATUS_SEALED_REFUSED);

	/* as damage */
	memcpy(damaged, good, sizeof(good));
	length = FuzzDamage(damaged, sizeof(good), data, size);
	copy = FuzzCopy(damaged, length);
	REQUIRE(Opens(copy, length, out) ==
			(length == sizeof(good) && memcmp(damaged, good, length) == 0));
	free(copy);
	free(out);
	free(sealed);
	return 0;
}
