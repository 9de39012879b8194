/*
 * test/unit/test_hmac.c: HMAC and HKDF against the vectors of RFC 4231 and 5869.
 *
 * Depends on unit.h, core/hmac and core/mem.
 */
#include "unit.h"

#include "core/hmac.h"

typedef struct HmacVector
{
	const char *key;
	const char *data;
	const char *mac[3];			/* in the order of HashKind */
} HmacVector;

#define AA_20 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define AA_131 AA_20 AA_20 AA_20 AA_20 AA_20 AA_20 "aaaaaaaaaaaaaaaaaaaaaa"
#define DD_50                                            \
	"dddddddddddddddddddddddddddddddddddddddddddddddddd" \
	"dddddddddddddddddddddddddddddddddddddddddddddddddd"
#define CD_50                                            \
	"cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd" \
	"cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd"

/* RFC 4231 §4.2 to §4.8; of case 5 it prints the first 16 bytes. */
static const HmacVector vectors[] = {
	{"0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b", "4869205468657265", {"b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7", "afd03944d84895626b0825f4ab46907f15f9dadbe4101ec682aa034c7cebc59cfaea9ea9076ede7f"
			"4af152e8b2fa9cb6",
			"87aa7cdea5ef619d4ff0b4241a1d6cb02379f4e2ce4ec2787ad0b30545e17cdedaa833b7d6b8a702"
	"038b274eaea3f4e4be9d914eeb61f1702e696c203a126854"}},
	{"4a656665", "7768617420646f2079612077616e7420666f72206e6f7468696e673f", {"5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843", "af45d2e376484031617f78d2b58a6b1b9c7ef464f5a01b47e42ec3736322445e8e2240ca5e69e2c7"
			"8b3239ecfab21649",
			"164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea2505549758bf75c05a994a"
	"6d034f65f8f0e6fdcaeab1a34d4a6b4b636e070a38bce737"}},
	{AA_20, DD_50, {"773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe", "88062608d3e6ad8a0aa2ace014c8a86f0aa635d947ac9febe83ef4e55966144b2a5ab39dc13814b9"
			"4e3ab6e101a34f27",
			"fa73b0089d56a284efb0f0756c890be9b1b5dbdd8ee81a3655f83e33b2279d39bf3e848279a722c8"
	"06b485a47e67c807b946a337bee8942674278859e13292fb"}},
	{"0102030405060708090a0b0c0d0e0f10111213141516171819", CD_50, {"82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b", "3e8a69b7783c25851933ab6290af6ca77a9981480850009cc5577c6e1f573b4e6801dd23c4a7d679"
			"ccf8a386c674cffb",
			"b0ba465637458c6990e5a8c5f61d4af7e576d97ff94b872de76f8050361ee3dba91ca5c11aa25eb4"
	"d679275cc5788063a5f19741120c4f2de2adebeb10a298dd"}},
	{"0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c",
		"546573742057697468205472756e636174696f6e",
		{"a3b6167473100ee06e0c796c2955552b", "3abf34c3503b2a23a46efc619baef897",
	"415fad6271580a531d4179bc891d87a6"}},
	{AA_131,
		"54657374205573696e67204c6172676572205468616e20426c6f636b2d53697a65204b6579202d20"
		"48617368204b6579204669727374",
		{"60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54",
			"4ece084485813e9088d2c63a041bc5b44f9ef1012a2b588f3cd11f05033ac4c60c2ef6ab4030fe82"
			"96248df163f44952",
			"80b24263c7c1a3ebb71493c1dd7be8b49b46d1f41b4aeec1121b013783f8f3526b56d037e05f2598"
	"bd0fd2215d6a1e5295e64f73f63f0aec8b915a985d786598"}},
	{AA_131,
		"5468697320697320612074657374207573696e672061206c6172676572207468616e20626c6f636b"
		"2d73697a65206b657920616e642061206c6172676572207468616e20626c6f636b2d73697a652064"
		"6174612e20546865206b6579206e6565647320746f20626520686173686564206265666f72652062"
		"65696e6720757365642062792074686520484d414320616c676f726974686d2e",
		{"9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2",
			"6617178e941f020d351e2f254e8fd32c602420feb0b8fb9adccebb82461e99c5a678cc31e799176d"
			"3860e6110c46523e",
			"e37b6a775dc87dbaa4dfa9f96e5e3ffddebd71f8867289865df5a32d20cdc944b6022cac3c4982b1"
	"0d5eeb55c3e4de15134676fb6de0446065c97440fa8c6a58"}},
};

/* One vector with one hash, by a kept key (twice) and in one call. */
static void
CheckVector(int number, HashKind hash)
{
	const HmacVector *vector = &vectors[number];
	uint8_t		key[256];
	uint8_t		data[256];
	uint8_t		expected[HASH_MAX_BYTES];
	uint8_t		out[HASH_MAX_BYTES];
	size_t		key_length = UnitHex(vector->key, key, sizeof(key));
	size_t		length = UnitHex(vector->data, data, sizeof(data));
	size_t		expected_length = UnitHex(vector->mac[hash], expected, sizeof(expected));
	HmacKey    *kept;

	CHECK(number == 4 || expected_length == HashBytes(hash), "the vector is whole");
	if (!CHECK_STATUS(HmacKeyNew(hash, key, key_length, &kept), STATUS_OK, "a key is made"))
		return;
	for (int i = 0; i < 2; i++)
	{
		memset(out, 0, sizeof(out));
		CHECK_STATUS(HmacCompute(kept, data, length, out), STATUS_OK, "an HMAC is computed");
		CHECK(memcmp(out, expected, expected_length) == 0,
			  UnitName("RFC 4231 case %d, hash %d, kept key, turn %d", number + 1, hash, i));
	}
	HmacKeyFree(kept);

	memset(out, 0, sizeof(out));
	CHECK_STATUS(HmacOnce(hash, key, key_length, data, length, out), STATUS_OK,
				 "an HMAC is computed at once");
	CHECK(memcmp(out, expected, expected_length) == 0,
		  UnitName("RFC 4231 case %d, hash %d, at once", number + 1, hash));
}

/* A kept key gives for every length what a new one does; nothing is written behind. */
static void
CheckLengths(HashKind hash)
{
	uint8_t		data[300];
	uint8_t		kept_out[HASH_MAX_BYTES + 1];
	uint8_t		once_out[HASH_MAX_BYTES + 1];
	HmacKey    *kept;
	int			differences = 0;

	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (uint8_t) (i * 7);
	if (!CHECK_STATUS(HmacKeyNew(hash, data, 40, &kept), STATUS_OK, "a key is made"))
		return;
	for (size_t length = 0; length <= sizeof(data); length++)
	{
		memset(kept_out, 0xee, sizeof(kept_out));
		memset(once_out, 0xee, sizeof(once_out));
		if (HmacCompute(kept, data, length, kept_out) != STATUS_OK ||
			HmacOnce(hash, data, 40, data, length, once_out) != STATUS_OK ||
			memcmp(kept_out, once_out, sizeof(kept_out)) != 0 ||
			kept_out[HashBytes(hash)] != 0xee)
			differences++;
	}
	CHECK(differences == 0, UnitName("all lengths agree, hash %d", hash));
	HmacKeyFree(kept);
}

/* RFC 5869 appendix A, cases 1 to 3. */
static void
CheckHkdf(int number, const char *key_hex, const char *salt_hex, const char *info_hex,
		  const char *expected_hex)
{
	uint8_t		key[128];
	uint8_t		salt[128];
	uint8_t		info[128];
	uint8_t		expected[128];
	uint8_t		out[128];
	size_t		key_length = UnitHex(key_hex, key, sizeof(key));
	size_t		salt_length = UnitHex(salt_hex, salt, sizeof(salt));
	size_t		info_length = UnitHex(info_hex, info, sizeof(info));
	size_t		length = UnitHex(expected_hex, expected, sizeof(expected));

	memset(out, 0xee, sizeof(out));
	CHECK_STATUS(HkdfSha256(key, key_length, salt, salt_length, info, info_length, out, length),
				 STATUS_OK, "a key is derived");
	CHECK(memcmp(out, expected, length) == 0, UnitName("RFC 5869 case %d", number));
	CHECK(out[length] == 0xee, "not a byte more is written");
}

/* The edges of HKDF. */
static void
CheckHkdfEdges(void)
{
	static uint8_t long_out[255 * 32 + 1];
	uint8_t		short_out[16];
	const uint8_t key[32] = {1};

	CHECK_STATUS(HkdfSha256(key, sizeof(key), NULL, 0, NULL, 0, long_out, 255 * 32), STATUS_OK,
				 "255 blocks are the most, salt and info may be NULL");
	CHECK_STATUS(HkdfSha256(key, sizeof(key), "", 0, "", 0, short_out, sizeof(short_out)),
				 STATUS_OK, "half a block is derived");
	CHECK(memcmp(long_out, short_out, sizeof(short_out)) == 0, "a shorter key is a prefix");
	CHECK_STATUS(HkdfSha256(key, sizeof(key), "", 0, "a", 1, short_out, sizeof(short_out)),
				 STATUS_OK, "another info is taken");
	CHECK(memcmp(long_out, short_out, sizeof(short_out)) != 0, "another info, another key");

	/* error, too long or nothing asked for: */
	CHECK_STATUS(HkdfSha256(key, sizeof(key), "", 0, "", 0, long_out, 255 * 32 + 1),
				 STATUS_ARGUMENT, "more than 255 blocks are refused");
	CHECK_STATUS(HkdfSha256(key, sizeof(key), "", 0, "", 0, long_out, 0), STATUS_ARGUMENT,
				 "no bytes at all are refused");
}

int
main(void)
{
	HmacKey    *key;

	CHECK(HashBytes(HASH_SHA256) == 32 && HashBytes(HASH_SHA384) == 48 &&
		  HashBytes(HASH_SHA512) == 64,
		  "hashes have their sizes");
	for (int hash = HASH_SHA256; hash <= HASH_SHA512; hash++)
	{
		for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++)
			CheckVector((int) i, (HashKind) hash);
		CheckLengths((HashKind) hash);
	}

	CHECK_STATUS(HmacKeyNew(HASH_SHA256, NULL, 0, &key), STATUS_OK, "an empty key may be NULL");
	HmacKeyFree(key);
	HmacKeyFree(NULL);

	CheckHkdf(1, "0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b", "000102030405060708090a0b0c",
			  "f0f1f2f3f4f5f6f7f8f9",
			  "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf"
			  "34007208d5b887185865");
	CheckHkdf(2,
			  "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f2021222324252627"
			  "28292a2b2c2d2e2f303132333435363738393a3b3c3d3e3f404142434445464748494a4b4c4d4e4f",
			  "606162636465666768696a6b6c6d6e6f707172737475767778797a7b7c7d7e7f8081828384858687"
			  "88898a8b8c8d8e8f909192939495969798999a9b9c9d9e9fa0a1a2a3a4a5a6a7a8a9aaabacadaeaf",
			  "b0b1b2b3b4b5b6b7b8b9babbbcbdbebfc0c1c2c3c4c5c6c7c8c9cacbcccdcecfd0d1d2d3d4d5d6d7"
			  "d8d9dadbdcdddedfe0e1e2e3e4e5e6e7e8e9eaebecedeeeff0f1f2f3f4f5f6f7f8f9fafbfcfdfeff",
			  "b11e398dc80327a1c8e7f78c596a49344f012eda2d4efad8a050cc4c19afa97c59045a99cac78272"
			  "71cb41c65e590e09da3275600c2f09b8367793a9aca3db71cc30c58179ec3e87c14c01d5c1f3434f"
			  "1d87");
	CheckHkdf(3, "0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b", "", "",
			  "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a"
			  "96c8");
	CheckHkdfEdges();
	return UnitEnd();
}
