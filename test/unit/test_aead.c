/*
 * test/unit/test_aead.c: AES-256-GCM against published vectors, and altered values.
 *
 * Depends on unit.h, core/aead and libcrypto's error queue.
 */
#include "unit.h"

#include <openssl/err.h>

#include "core/aead.h"

typedef struct GcmVector
{
	const char *name;
	const char *key;
	const char *nonce;
	const char *aad;
	const char *plaintext;
	const char *sealed;			/* ciphertext and tag */
} GcmVector;

#define KEY_0 "0000000000000000000000000000000000000000000000000000000000000000"
#define KEY_15 "feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308"

/*
 * Test cases 13 to 16 of McGrew and Viega's submission of GCM to NIST, and the
 * first vectors of four lengths in NIST's gcmEncryptExtIV256.rsp.
 */
static const GcmVector vectors[] = {
	{"GCM test case 13", KEY_0, "000000000000000000000000", "", "",
	"530f8afbc74536b9a963b4f1c4cb738b"},
	{"GCM test case 14", KEY_0, "000000000000000000000000", "",
		"00000000000000000000000000000000",
	"cea7403d4d606b6e074ec5d3baf39d18d0d1c8a799996bf0265b98b5d48ab919"},
	{"GCM test case 15", KEY_15, "cafebabefacedbaddecaf888", "",
		"d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72"
		"1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b391aafd255",
		"522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa"
		"8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662898015ad"
	"b094dac5d93471bdec1a502270e3cc6c"},
	{"GCM test case 16", KEY_15, "cafebabefacedbaddecaf888",
		"feedfacedeadbeeffeedfacedeadbeefabaddad2",
		"d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72"
		"1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39",
		"522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa"
		"8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662"
	"76fc6ece0f4e1768cddf8853bb2d551b"},
	{"NIST, no AAD, no plaintext",
		"b52c505a37d78eda5dd34f20c22540ea1b58963cf8e5bf8ffa85f9f2492505b4",
	"516c33929df5a3284ff463d7", "", "", "bdc1ac884d332457a1d2664f168c76f0"},
	{"NIST, AAD alone", "78dc4e0aaf52d935c3c01eea57428f00ca1fd475f5da86a49c8dd73d68c8e223",
		"d79cf22d504cc793c3fb6c8a", "b96baa8c1c75a671bfb2d08d06be5f36", "",
	"3e5d486aa2e30b22e040b85723a06e76"},
	{"NIST, plaintext alone", "31bdadd96698c204aa9ce1448ea94ae1fb4a9a0b3c9d773b51bb1822666b8f22",
		"0d18e06c7c725ac9e362e1ce", "", "2db5168e932556f8089a0622981d017d",
	"fa4362189661d163fcd6a56d8bf0405ad636ac1bbedd5cc3ee727dc2ab4a9489"},
	{"NIST, both", "92e11dcdaa866f5ce790fd24501f92509aacf4cb8b1339d50c9c1240935dd08b",
		"ac93a1a6145299bde902f21a", "1e0889016f67601c8ebea4943bc23ad6",
		"2d71bcfa914e4ac045b2aa60955fad24",
	"8995ae2e6df3dbf96fac7b7137bae67feca5aa77d51d4a0a14d9c51e1da474ab"},
};

/* Is every byte zero? */
static int
IsWiped(const uint8_t *bytes, size_t length)
{
	for (size_t i = 0; i < length; i++)
	{
		if (bytes[i] != 0)
			return 0;
	}
	return 1;
}

/* One vector in both directions. */
static void
CheckVector(const GcmVector *vector)
{
	uint8_t		key_bytes[AEAD_KEY_BYTES];
	uint8_t		aad[64];
	uint8_t		plaintext[128];
	uint8_t		expected[256];
	uint8_t		sealed[256];
	uint8_t		opened[128];
	size_t		aad_length = UnitHex(vector->aad, aad, sizeof(aad));
	size_t		length = UnitHex(vector->plaintext, plaintext, sizeof(plaintext));
	AeadKey    *key;

	UnitHex(vector->key, key_bytes, sizeof(key_bytes));
	UnitHex(vector->nonce, expected, AEAD_NONCE_BYTES);
	CHECK(UnitHex(vector->sealed, expected + AEAD_NONCE_BYTES, sizeof(expected) - AEAD_NONCE_BYTES) == length + AEAD_TAG_BYTES, "the vector is whole");
	if (!CHECK_STATUS(AeadKeyNew(key_bytes, &key), STATUS_OK, "a key is made"))
		return;

	CHECK_STATUS(AeadSealWithNonce(key, expected, aad, aad_length, plaintext, length, sealed),
				 STATUS_OK, "it seals");
	CHECK(memcmp(sealed, expected, length + AEAD_OVERHEAD) == 0, vector->name);
	memset(opened, 0xee, sizeof(opened));
	CHECK_STATUS(AeadOpen(key, aad, aad_length, expected, length + AEAD_OVERHEAD, opened),
				 STATUS_OK, "it opens");
	CHECK(memcmp(opened, plaintext, length) == 0 && opened[length] == 0xee, vector->name);
	AeadKeyFree(key);
}

/* A refused value leaves nothing: no plaintext, no error in OpenSSL's queue. */
static void
CheckRefused(AeadKey *key, const void *aad, size_t aad_length,
			 const uint8_t *sealed, size_t length, Status expected, const char *name)
{
	uint8_t		opened[64];
	size_t		opened_length = length > AEAD_OVERHEAD ? length - AEAD_OVERHEAD : 0;

	memset(opened, 0xee, sizeof(opened));
	CHECK_STATUS(AeadOpen(key, aad, aad_length, sealed, length, opened), expected, name);
	CHECK(expected == STATUS_SEALED_FORMAT || IsWiped(opened, opened_length),
		  "a refused value gives no byte of plaintext");
	CHECK(opened[opened_length] == 0xee, "not a byte more is written");
	CHECK(ERR_peek_error() == 0, "no error stays in the queue");
}

/* Everything that can be altered is noticed, and the key works on. */
static void
CheckAltered(AeadKey *key, AeadKey *other)
{
	static const char plaintext[] = "a secret of some length";
	static const char aad[] = "auth.secrets|value|42";
	uint8_t		sealed[sizeof(plaintext) + AEAD_OVERHEAD];
	uint8_t		opened[sizeof(plaintext)];

	CHECK_STATUS(AeadSeal(key, aad, sizeof(aad), plaintext, sizeof(plaintext), sealed),
				 STATUS_OK, "it seals with a random nonce");
	for (size_t bit = 0; bit < sizeof(sealed) * 8; bit++)
	{
		sealed[bit / 8] ^= (uint8_t) (1 << bit % 8);
		CheckRefused(key, aad, sizeof(aad), sealed, sizeof(sealed), STATUS_SEALED_REFUSED,
					 UnitName("flipped bit %zu is refused", bit));
		sealed[bit / 8] ^= (uint8_t) (1 << bit % 8);
	}

	/* error, truncated: */
	for (size_t length = 0; length < sizeof(sealed); length++)
		CheckRefused(key, aad, sizeof(aad), sealed, length,
					 length < AEAD_OVERHEAD ? STATUS_SEALED_FORMAT : STATUS_SEALED_REFUSED,
					 UnitName("truncation to %zu is refused", length));

	/* error, another context: */
	CheckRefused(key, "auth.secrets|value|43", sizeof(aad), sealed, sizeof(sealed),
				 STATUS_SEALED_REFUSED, "another context is refused");
	CheckRefused(key, aad, sizeof(aad) - 1, sealed, sizeof(sealed), STATUS_SEALED_REFUSED,
				 "a shorter context is refused");
	CheckRefused(key, NULL, 0, sealed, sizeof(sealed), STATUS_SEALED_REFUSED,
				 "no context is refused");

	/* error, another key: */
	CheckRefused(other, aad, sizeof(aad), sealed, sizeof(sealed), STATUS_SEALED_REFUSED,
				 "another key is refused");

	CHECK_STATUS(AeadOpen(key, aad, sizeof(aad), sealed, sizeof(sealed), opened), STATUS_OK,
				 "after all refusals the context still opens");
	CHECK(memcmp(opened, plaintext, sizeof(plaintext)) == 0, "and gives the plaintext");
}

/* Lengths around blocks, and nonces that never repeat. */
static void
CheckRoundTrips(AeadKey *key)
{
	enum
	{
		MOST = 70
	};
	uint8_t		plaintext[MOST];
	uint8_t		sealed[MOST][MOST + AEAD_OVERHEAD];
	uint8_t		opened[MOST];
	int			failures = 0;
	int			repeated = 0;

	for (size_t length = 0; length < MOST; length++)
	{
		plaintext[length] = (uint8_t) length;
		if (AeadSeal(key, plaintext, length / 2, plaintext, length, sealed[length]) != STATUS_OK ||
			AeadOpen(key, plaintext, length / 2, sealed[length], length + AEAD_OVERHEAD,
					 opened) != STATUS_OK ||
			memcmp(opened, plaintext, length) != 0)
			failures++;
		for (size_t i = 0; i < length; i++)
			repeated += memcmp(sealed[i], sealed[length], AEAD_NONCE_BYTES) == 0;
	}
	CHECK(failures == 0, "all lengths seal and open");
	CHECK(repeated == 0, "no nonce repeats");
}

int
main(void)
{
	const uint8_t bytes[AEAD_KEY_BYTES] = {1, 2, 3};
	const uint8_t other_bytes[AEAD_KEY_BYTES] = {1, 2, 4};
	uint8_t		untouched = 0xee;
	AeadKey    *key;
	AeadKey    *other;

	for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++)
		CheckVector(&vectors[i]);

	if (CHECK_STATUS(AeadKeyNew(bytes, &key), STATUS_OK, "a key is made") &&
		CHECK_STATUS(AeadKeyNew(other_bytes, &other), STATUS_OK, "another key is made"))
	{
		CheckAltered(key, other);
		CheckRoundTrips(key);

		/* error, more than OpenSSL's int counts: */
		CHECK_STATUS(AeadSeal(key, NULL, 0, bytes, (size_t) INT32_MAX, &untouched),
					 STATUS_ARGUMENT, "2 GiB are refused");
		CHECK_STATUS(AeadSeal(key, bytes, (size_t) INT32_MAX + 1, bytes, 1, &untouched),
					 STATUS_ARGUMENT, "a context of 2 GiB is refused");
		CHECK(untouched == 0xee, "and nothing is written");
		AeadKeyFree(key);
		AeadKeyFree(other);
	}
	AeadKeyFree(NULL);
	return UnitEnd();
}
