/*
 * test/unit/test_mem.c: facts about src/core/mem.c and src/core/status.c.
 */
#include "unit.h"

#include <ctype.h>

#include "core/mem.h"

/* Every status has a code of its own and a full sentence. */
static void
TestStatus(void)
{
	for (int i = 0; i < STATUS_COUNT; i++)
	{
		const char *code = StatusCode((Status) i);
		const char *text = StatusText((Status) i);
		size_t		length;
		bool		unique = true;

		if (!CHECK(code != NULL && text != NULL,
				   UnitName("status %d is in the table", i)))
			continue;
		length = strlen(text);
		CHECK(code[0] != '\0' && strspn(code,
										"abcdefghijklmnopqrstuvwxyz0123456789_") == strlen(code),
			  UnitName("code of status %d is snake_case", i));
		CHECK(length > 1 && text[length - 1] == '.' && isupper((unsigned char) text[0]),
			  UnitName("text of status %d is a sentence with a full stop", i));
		CHECK(strchr(text, '%') == NULL, UnitName("text of status %d is no format", i));
		for (int j = 0; j < i; j++)
			unique = unique && strcmp(code, StatusCode((Status) j)) != 0;
		CHECK(unique, UnitName("code of status %d is its own", i));
	}
	CHECK(strcmp(StatusCode(STATUS_CLAIM_EXPIRED), "token_expired") == 0,
		  "the code of an expired token is stable");
	CHECK(strcmp(StatusCode(STATUS_TOKEN_SIGNATURE), "bad_signature") == 0,
		  "the code of a bad signature is stable");
	CHECK(strcmp(StatusText(STATUS_CLAIM_EXPIRED), "The token has expired.") == 0,
		  "the sentence of an expired token");

	/* error: a number outside the enum */
	CHECK(StatusCode(STATUS_COUNT) != NULL && StatusText(STATUS_COUNT) != NULL,
		  "STATUS_COUNT has an answer");
	CHECK(strcmp(StatusCode((Status) 100000), "unknown_status") == 0,
		  "an unknown number has an answer");
}

/* Wiping reaches exactly the bytes named. */
static void
TestWipe(void)
{
	uint8_t		bytes[8];
	uint8_t    *heap = malloc(8);

	memset(bytes, 0xAA, sizeof(bytes));
	SecureWipe(bytes + 2, 3);
	CHECK(memcmp(bytes, "\xAA\xAA\0\0\0\xAA\xAA\xAA", 8) == 0,
		  "only the bytes named are wiped");
	SecureWipe(bytes, 0);
	SecureWipe(NULL, 0);
	SecureWipe(NULL, 8);
	CHECK(bytes[0] == 0xAA, "length 0 wipes nothing");
	memset(heap, 0xAA, 8);
	SecureFree(heap, 8);		/* a leak or a second free is ASan's to find */
	SecureFree(NULL, 0);
	SecureFree(NULL, 8);
}

/* Equality, with a difference in each bit. */
static void
TestEqual(void)
{
	uint8_t		a[40];
	uint8_t		b[40];
	int			unseen = 0;

	memset(a, 0x5A, sizeof(a));
	memcpy(b, a, sizeof(a));
	CHECK(ConstantTimeEqual(a, b, sizeof(a)), "equal bytes are equal");
	for (size_t bit = 0; bit < sizeof(a) * 8; bit++)
	{
		b[bit / 8] ^= (uint8_t) (1 << bit % 8);
		unseen += ConstantTimeEqual(a, b, sizeof(a)) ? 1 : 0;
		b[bit / 8] ^= (uint8_t) (1 << bit % 8);
	}
	CHECK(unseen == 0, "a difference in any one bit is seen");
	b[39] ^= 1;
	CHECK(ConstantTimeEqual(a, b, 39), "bytes behind the length do not count");
	CHECK(ConstantTimeEqual(a, b, 0), "nothing equals nothing");
	CHECK(ConstantTimeEqual(NULL, NULL, 0), "nothing equals nothing, without memory");
}

/* Random bytes differ, and fill all of the memory. */
static void
TestRandom(void)
{
	uint8_t		a[32];
	uint8_t		b[32];
	uint8_t		seen[32] = {0};
	bool		filled = true;

	CHECK_STATUS(RandomBytes(a, sizeof(a)), STATUS_OK, "random bytes come");
	CHECK_STATUS(RandomBytes(b, sizeof(b)), STATUS_OK, "random bytes come again");
	CHECK(memcmp(a, b, sizeof(a)) != 0, "two draws of 256 bits differ");

	/* Each byte of 32 is non-zero in one of 64 draws, but for 1 in 256^64. */
	for (int i = 0; i < 64; i++)
	{
		if (RandomBytes(a, sizeof(a)) != STATUS_OK)
			break;
		for (size_t j = 0; j < sizeof(a); j++)
			seen[j] |= a[j];
	}
	for (size_t j = 0; j < sizeof(seen); j++)
		filled = filled && seen[j] != 0;
	CHECK(filled, "every byte is filled");

	memset(a, 0x5A, sizeof(a));
	CHECK_STATUS(RandomBytes(a, 0), STATUS_OK, "no bytes are no failure");
	CHECK(a[0] == 0x5A, "no bytes change nothing");

	/* error: more than OpenSSL counts */
	CHECK_STATUS(RandomBytes(a, (size_t) 1 << 31), STATUS_ARGUMENT,
				 "2^31 bytes are refused");
}

/* FIPS 180-4 examples (NIST). */
static void
TestSha256(void)
{
	static const struct
	{
		const char *text;
		const char *digest;
	}			vectors[] = {
		{"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
		{"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
		{"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
		"248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"},
	};
	uint8_t		expected[32];
	uint8_t		digest[32];

	for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++)
	{
		UnitHex(vectors[i].digest, expected, sizeof(expected));
		CHECK_STATUS(Sha256(vectors[i].text, strlen(vectors[i].text), digest), STATUS_OK,
					 UnitName("SHA-256 of vector %zu", i));
		CHECK(memcmp(digest, expected, 32) == 0, UnitName("digest of vector %zu", i));
	}
	UnitHex(vectors[0].digest, expected, sizeof(expected));
	CHECK_STATUS(Sha256(NULL, 0, digest), STATUS_OK, "SHA-256 of nothing");
	CHECK(memcmp(digest, expected, 32) == 0, "digest of nothing");
}

int
main(void)
{
	TestStatus();
	TestWipe();
	TestEqual();
	TestRandom();
	TestSha256();
	return UnitEnd();
}
