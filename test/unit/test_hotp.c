/*
 * test/unit/test_hotp.c: one-time passwords: the vectors of RFC 4226 and RFC 6238.
 *
 * Depends on unit.h and core/hotp.
 */
#include "unit.h"

#include <openssl/err.h>

#include "core/hotp.h"

static const char secret[] = "1234567890123456789012345678901234567890123456789012345678901234";

/* Does a counter have this code? */
static void
Expect(size_t length, uint64_t counter, int digits, const char *algorithm, const char *expected)
{
	char		out[HOTP_DIGITS_MAX + 1];

	CHECK_STATUS(HotpCode((const uint8_t *) secret, length, counter, digits, algorithm, out),
				 STATUS_OK, "has a code");
	CHECK(strcmp(out, expected) == 0, UnitName("%s of %llu", algorithm, (unsigned long long) counter));
}

/* RFC 4226, appendix D. */
static void
TestHotp(void)
{
	static const char *const codes[] = {"755224", "287082", "359152", "969429", "338314",
	"254676", "287922", "162583", "399871", "520489"};

	for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++)
		Expect(20, i, 6, "SHA1", codes[i]);
}

/* RFC 6238, appendix B: eight digits, a period of 30 seconds, and a secret as long as the hash. */
static void
TestTotp(void)
{
	static const struct
	{
		uint64_t	seconds;
		const char *sha1;
		const char *sha256;
		const char *sha512;
	}			codes[] = {
		{59, "94287082", "46119246", "90693936"},
		{1111111109, "07081804", "68084774", "25091201"},
		{1111111111, "14050471", "67062674", "99943326"},
		{1234567890, "89005924", "91819424", "93441116"},
		{2000000000, "69279037", "90698825", "38618901"},
		{20000000000, "65353130", "77737706", "47863826"},
	};

	for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++)
	{
		Expect(20, codes[i].seconds / 30, 8, "SHA1", codes[i].sha1);
		Expect(32, codes[i].seconds / 30, 8, "SHA256", codes[i].sha256);
		Expect(64, codes[i].seconds / 30, 8, "SHA512", codes[i].sha512);
		Expect(20, codes[i].seconds / 30, 7, "SHA1", codes[i].sha1 + 1);
		Expect(20, codes[i].seconds / 30, 6, "SHA1", codes[i].sha1 + 2);
	}
	Expect(20, UINT64_MAX, 6, "SHA1", "094451");
}

/* What has no code, and leaves nothing behind. */
static void
TestRefusals(void)
{
	static const char *const unknown[] = {"", "sha1", "SHA-1", "SHA384", "MD5", "SHA1 "};
	uint8_t		bytes[HOTP_SECRET_MAX + 1] = {0};
	char		out[HOTP_DIGITS_MAX + 1] = "!";

	for (size_t i = 0; i < sizeof(unknown) / sizeof(unknown[0]); i++)
	{
		CHECK_STATUS(HotpCode(bytes, 20, 1, 6, unknown[i], out), STATUS_KEY_ALG, "an unknown algorithm");
		CHECK(out[0] == '\0', "no code");
	}
	for (int digits = -1; digits < 12; digits++)
		CHECK_STATUS(HotpCode(bytes, 20, 1, digits, "SHA1", out),
					 digits >= 6 && digits <= 8 ? STATUS_OK : STATUS_ARGUMENT, UnitName("%d digits", digits));
	for (size_t length = 0; length <= sizeof(bytes); length++)
		CHECK_STATUS(HotpCode(bytes, length, 1, 6, "SHA512", out),
					 length < 16 ? STATUS_KEY_WEAK : length > 128 ? STATUS_KEY_FORMAT : STATUS_OK,
					 UnitName("a secret of %zu bytes", length));
	CHECK(ERR_peek_error() == 0, "no error is left in the queue");
}

int
main(void)
{
	TestHotp();
	TestTotp();
	TestRefusals();
	return UnitEnd();
}
