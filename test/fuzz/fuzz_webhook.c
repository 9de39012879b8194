/*
 * test/fuzz/fuzz_webhook.c: the headers of webhooks and their secrets.
 *
 * The input is parted by 0xFF bytes: id, timestamp, signatures, secret, payload.
 * Depends on fuzz.h and core/webhook.
 */
#include "fuzz.h"

#include <openssl/evp.h>

#include "core/webhook.h"

/* A secret that is read must encode to the same text again. */
static void
CheckSecret(const char *text, size_t length, uint8_t secret[WEBHOOK_SECRET_MAX], size_t *secret_length)
{
	char		again[WEBHOOK_SECRET_TEXT_SIZE];

	if (WebhookReadSecret(text, length, secret, secret_length) != STATUS_OK)
	{
		REQUIRE(*secret_length == 0);
		memset(secret, 'k', WEBHOOK_SECRET_MAX);
		*secret_length = WEBHOOK_SECRET_MIN;
		return;
	}
	REQUIRE(*secret_length >= WEBHOOK_SECRET_MIN && *secret_length <= WEBHOOK_SECRET_MAX);
	REQUIRE(EVP_EncodeBlock((unsigned char *) again, secret, (int) *secret_length) == (int) length - 6);
	REQUIRE(memcmp(again, text + 6, length - 6) == 0);
}

/* A timestamp that is read must print as the same text again. */
static int64_t
CheckTimestamp(const char *text, size_t length)
{
	char		again[32];
	int64_t		timestamp;

	if (!WebhookReadTimestamp(text, length, &timestamp))
	{
		REQUIRE(timestamp == 0);
		return 1700000000;
	}
	REQUIRE(timestamp >= 0);
	REQUIRE((size_t) snprintf(again, sizeof(again), "%lld", (long long) timestamp) == length);
	REQUIRE(memcmp(again, text, length) == 0);
	return timestamp;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	WebhookMessage message;
	size_t		timestamp_length;
	size_t		list_length;
	size_t		text_length;
	size_t		secret_length;
	char	   *id = FuzzPart(&data, &size, &message.id_length);
	char	   *timestamp = FuzzPart(&data, &size, &timestamp_length);
	char	   *list = FuzzPart(&data, &size, &list_length);
	char	   *text = FuzzPart(&data, &size, &text_length);
	uint8_t		secret[WEBHOOK_SECRET_MAX];
	char		standard[WEBHOOK_STANDARD_CHARS];
	char		plain[WEBHOOK_PLAIN_CHARS];
	bool		match = true;

	CheckSecret(text, text_length, secret, &secret_length);
	message.id = id;
	message.timestamp = CheckTimestamp(timestamp, timestamp_length);
	message.payload = data;
	message.payload_length = size;

	if (!WebhookIdIsGood(id, message.id_length))
	{
		REQUIRE(WebhookVerifyStandard(&message, list, list_length, secret, secret_length, &match) ==
				STATUS_ARGUMENT && !match);
		message.id = "id";
		message.id_length = 2;
	}
	REQUIRE(WebhookSignStandard(&message, secret, secret_length, standard) == STATUS_OK);
	REQUIRE(WebhookVerifyStandard(&message, standard, sizeof(standard), secret, secret_length, &match) ==
			STATUS_OK && match);
	/* a list matches if the signature is in it, and else never */
	REQUIRE(WebhookVerifyStandard(&message, list, list_length, secret, secret_length, &match) == STATUS_OK);
	REQUIRE(!match || memmem(list, list_length, standard, sizeof(standard)) != NULL);

	REQUIRE(WebhookSignPlain(data, size, secret, secret_length, plain) == STATUS_OK);
	REQUIRE(WebhookVerifyPlain(data, size, plain, sizeof(plain), secret, secret_length, &match) ==
			STATUS_OK && match);
	REQUIRE(WebhookVerifyPlain(data, size, list, list_length, secret, secret_length, &match) == STATUS_OK);
	REQUIRE(match == (list_length == sizeof(plain) && memcmp(list, plain, sizeof(plain)) == 0));
	REQUIRE_NO_ERRORS();
	free(text);
	free(list);
	free(timestamp);
	free(id);
	return 0;
}
