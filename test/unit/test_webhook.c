/*
 * test/unit/test_webhook.c: webhook signatures: published vectors, damage, secrets.
 *
 * Depends on unit.h and core/webhook.
 */
#include "unit.h"

#include "core/webhook.h"

static const char key[] = "It's a Secret to Everybody";

/* Verify a signature of "Hello, World!". */
static bool
Verifies(const char *signature, size_t length)
{
	bool		match = true;

	CHECK_STATUS(WebhookVerifyPlain("Hello, World!", 13, signature, length, key, strlen(key), &match),
				 STATUS_OK, "a verification has an answer");
	return match;
}

/* GitHub's published example; every damage of one character, and every length. */
static void
TestPlain(void)
{
	static const char expected[] =
	"sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17";
	char		out[WEBHOOK_PLAIN_CHARS + 1];
	bool		match = true;

	memset(out, '!', sizeof(out));
	CHECK_STATUS(WebhookSignPlain("Hello, World!", 13, key, strlen(key), out), STATUS_OK, "signs");
	CHECK(memcmp(out, expected, WEBHOOK_PLAIN_CHARS) == 0, "the published signature");
	CHECK(out[WEBHOOK_PLAIN_CHARS] == '!', "and nothing behind it");
	CHECK(Verifies(expected, WEBHOOK_PLAIN_CHARS), "it verifies");

	for (size_t length = 0; length < WEBHOOK_PLAIN_CHARS; length++)
	{
		CHECK(!Verifies(expected, length), UnitName("%zu characters do not", length));
		for (int bit = 0; bit < 8; bit++)
		{
			memcpy(out, expected, WEBHOOK_PLAIN_CHARS);
			out[length] ^= (char) (1 << bit);
			CHECK(!Verifies(out, WEBHOOK_PLAIN_CHARS), UnitName("bit %d of character %zu counts", bit, length));
		}
	}

	/* error: a secret that is no secret */
	CHECK_STATUS(WebhookSignPlain("", 0, key, 15, out), STATUS_KEY_WEAK, "15 bytes are too short");
	CHECK_STATUS(WebhookSignPlain("", 0, "", 0, out), STATUS_KEY_WEAK, "and so is nothing");
	CHECK_STATUS(WebhookVerifyPlain("", 0, expected, WEBHOOK_PLAIN_CHARS, key, 15, &match),
				 STATUS_KEY_WEAK, "to verify too");
	CHECK(!match, "and nothing matches");
}

/* The example that the libraries of Standard Webhooks test with. */
static void
TestStandard(void)
{
	static const char secret_text[] = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
	static const char expected[] = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";
	static const char payload[] = "{\"test\": 2432232314}";
	WebhookMessage message = {"msg_p5jXN8AQM9LWM0D4loKWxJek", 28, 1614265330, payload, strlen(payload)};
	WebhookMessage other;
	uint8_t		secret[WEBHOOK_SECRET_MAX];
	size_t		length = 0;
	char		out[WEBHOOK_STANDARD_CHARS + 1];
	char		list[WEBHOOK_SIGNATURES_MAX + 1];
	bool		match = false;

	memset(out, '!', sizeof(out));
	CHECK_STATUS(WebhookReadSecret(secret_text, strlen(secret_text), secret, &length), STATUS_OK,
				 "the published secret is read");
	CHECK(length == 24, "it has 24 bytes");
	CHECK_STATUS(WebhookSignStandard(&message, secret, length, out), STATUS_OK, "signs");
	CHECK(memcmp(out, expected, WEBHOOK_STANDARD_CHARS) == 0, "the published signature");
	CHECK(out[WEBHOOK_STANDARD_CHARS] == '!', "and nothing behind it");

	for (size_t i = 0; i <= WEBHOOK_STANDARD_CHARS; i++)
	{
		memcpy(out, expected, WEBHOOK_STANDARD_CHARS);
		if (i < WEBHOOK_STANDARD_CHARS)
			out[i] ^= 1;
		CHECK_STATUS(WebhookVerifyStandard(&message, out, WEBHOOK_STANDARD_CHARS, secret, length, &match),
					 STATUS_OK, "a verification has an answer");
		CHECK(match == (i == WEBHOOK_STANDARD_CHARS), UnitName("character %zu counts", i));
		CHECK_STATUS(WebhookVerifyStandard(&message, expected, i, secret, length, &match), STATUS_OK,
					 "a part of it has an answer");
		CHECK(match == (i == WEBHOOK_STANDARD_CHARS), UnitName("%zu characters", i));
	}

	/* the longest list that is read, and one character more */
	memset(list, ' ', sizeof(list));
	memcpy(list + WEBHOOK_SIGNATURES_MAX - WEBHOOK_STANDARD_CHARS, expected, WEBHOOK_STANDARD_CHARS);
	CHECK_STATUS(WebhookVerifyStandard(&message, list, WEBHOOK_SIGNATURES_MAX, secret, length, &match),
				 STATUS_OK, "a long list has an answer");
	CHECK(match, "the last of it matches");
	CHECK_STATUS(WebhookVerifyStandard(&message, list, WEBHOOK_SIGNATURES_MAX + 1, secret, length, &match),
				 STATUS_OK, "a longer one too");
	CHECK(!match, "and nothing of it is read");

	/* each part is signed */
	other = message;
	other.id_length--;
	CHECK_STATUS(WebhookVerifyStandard(&other, expected, WEBHOOK_STANDARD_CHARS, secret, length, &match), STATUS_OK, "another id");
	CHECK(!match, "does not match");
	other = message;
	other.timestamp++;
	CHECK_STATUS(WebhookVerifyStandard(&other, expected, WEBHOOK_STANDARD_CHARS, secret, length, &match), STATUS_OK, "another time");
	CHECK(!match, "does not match");
	other = message;
	other.payload_length--;
	CHECK_STATUS(WebhookVerifyStandard(&other, expected, WEBHOOK_STANDARD_CHARS, secret, length, &match), STATUS_OK, "another payload");
	CHECK(!match, "does not match");

	/* error: what cannot be signed */
	other = message;
	other.timestamp = -1;
	CHECK_STATUS(WebhookSignStandard(&other, secret, length, out), STATUS_ARGUMENT, "a time before 1970");
	other = message;
	other.id = "a.b";
	other.id_length = 3;
	CHECK_STATUS(WebhookSignStandard(&other, secret, length, out), STATUS_ARGUMENT, "an id with a full stop");
	CHECK_STATUS(WebhookSignStandard(&message, secret, 23, out), STATUS_KEY_WEAK, "a short secret");
}

/* Every character that an id may have, and those that it may not. */
static void
TestIds(void)
{
	for (int c = 0; c < 256; c++)
	{
		char		id[1] = {(char) c};

		CHECK(WebhookIdIsGood(id, 1) == (c > ' ' && c < 127 && c != '.'), UnitName("an id of byte %d", c));
	}
	CHECK(!WebhookIdIsGood("", 0), "no id");
}

/* Timestamps, up to what an int64 holds and beyond. */
static void
TestTimestamps(void)
{
	static const char *const refused[] = {
		"", "-0", "-1", "+1", " 1", "1 ", "00", "01", "1.0", "1e9", "0x1", "NaN", "1_000",
		"1000000000000000", "9223372036854775808", "99999999999999999999999999",
	};
	int64_t		value = 7;

	CHECK(WebhookReadTimestamp("0", 1, &value) && value == 0, "0");
	CHECK(WebhookReadTimestamp("1614265330", 10, &value) && value == 1614265330, "1614265330");
	CHECK(WebhookReadTimestamp("999999999999999", 15, &value) && value == 999999999999999, "15 digits");
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
	{
		value = 7;
		CHECK(!WebhookReadTimestamp(refused[i], strlen(refused[i]), &value) && value == 0,
			  UnitName("\"%s\" is none", refused[i]));
	}
	CHECK(!WebhookReadTimestamp("1\0", 2, &value), "nor is one with a NUL");
}

/* Secrets of each length, and what is no secret. */
static void
TestSecrets(void)
{
	static const char *const refused[] = {
		"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaS", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n",
		"whsec_ MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaS", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2La====",
		"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2Lah===", "whsec_MfKQ9r8GKYqrTwjUPD8=ILPZIo2LaLaS",
		"whsec-MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "Whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
		"whsec", "", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwh1==",
	};
	char		text[WEBHOOK_SECRET_TEXT_SIZE];
	char		before[WEBHOOK_SECRET_TEXT_SIZE];
	uint8_t		out[WEBHOOK_SECRET_MAX];
	size_t		length = 7;

	CHECK_STATUS(WebhookNewSecret(before), STATUS_OK, "a new secret");
	CHECK_STATUS(WebhookNewSecret(text), STATUS_OK, "and another");
	CHECK(strcmp(before, text) != 0, "they differ");
	CHECK_STATUS(WebhookReadSecret(text, strlen(text), out, &length), STATUS_OK, "it is read");
	CHECK(length == WEBHOOK_SECRET_GENERATE, "it has the length of new ones");

	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
	{
		CHECK_STATUS(WebhookReadSecret(refused[i], strlen(refused[i]), out, &length), STATUS_KEY_FORMAT,
					 UnitName("\"%s\" is none", refused[i]));
		CHECK(length == 0, "and nothing is said to be read");
	}

	/* zeros of each length: "AAAA…" with what padding the length asks for */
	for (size_t bytes = 0; bytes <= 70; bytes++)
	{
		size_t		chars = (bytes + 2) / 3 * 4;

		memcpy(text, "whsec_", 6);
		if (6 + chars > sizeof(text))
			break;
		memset(text + 6, 'A', chars);
		if (bytes % 3 != 0)
			text[6 + chars - 1] = '=';
		if (bytes % 3 == 1)
			text[6 + chars - 2] = '=';
		CHECK_STATUS(WebhookReadSecret(text, 6 + chars, out, &length),
					 bytes < WEBHOOK_SECRET_MIN ? STATUS_KEY_WEAK :
					 bytes > WEBHOOK_SECRET_MAX ? STATUS_KEY_FORMAT : STATUS_OK,
					 UnitName("%zu bytes", bytes));
	}
}

int
main(void)
{
	TestPlain();
	TestStandard();
	TestIds();
	TestTimestamps();
	TestSecrets();
	return UnitEnd();
}
