/*
 * src/core/webhook.c: signatures of webhooks.
 *
 * Depends on hmac, mem and libcrypto's base64.  A signature is computed and
 * compared as text, never decoded: then it has one spelling, and the decoder
 * is not reachable for who cannot sign.
 */
#include "webhook.h"

#include <stdio.h>
#include <string.h>

#include <openssl/evp.h>

#include "hmac.h"
#include "mem.h"

#define PLAIN_PREFIX "sha256="
#define STANDARD_PREFIX "v1,"
#define SECRET_PREFIX "whsec_"
#define MAC_BYTES 32

/* What EVP_EncodeBlock() writes for n bytes, NUL included. */
#define BASE64_SIZE(n) (((n) + 2) / 3 * 4 + 1)

/* Digits of a timestamp: enough for the year 30 million, too few to overflow. */
#define TIMESTAMP_DIGITS 15

/* Sign a payload. */
Status
WebhookSignPlain(const void *payload, size_t length,
				 const void *secret, size_t secret_length, char out[WEBHOOK_PLAIN_CHARS])
{
	static const char digits[] = "0123456789abcdef";
	uint8_t		mac[MAC_BYTES];
	char	   *p = out + strlen(PLAIN_PREFIX);
	Status		status;

	if (secret_length < WEBHOOK_PLAIN_SECRET_MIN)
		return STATUS_KEY_WEAK;
	status = HmacOnce(HASH_SHA256, secret, secret_length, payload, length, mac);
	if (status != STATUS_OK)
		return status;
	memcpy(out, PLAIN_PREFIX, strlen(PLAIN_PREFIX));
	for (size_t i = 0; i < MAC_BYTES; i++)
	{
		*p++ = digits[mac[i] >> 4];
		*p++ = digits[mac[i] & 0x0F];
	}
	SecureWipe(mac, sizeof(mac));
	return STATUS_OK;
}

/* Verify the signature of a payload. */
Status
WebhookVerifyPlain(const void *payload, size_t length,
				   const char *signature, size_t signature_length,
				   const void *secret, size_t secret_length, bool *match)
{
	char		expected[WEBHOOK_PLAIN_CHARS];
	Status		status;

	*match = false;
	status = WebhookSignPlain(payload, length, secret, secret_length, expected);
	if (status == STATUS_OK && signature_length == sizeof(expected) &&
		ConstantTimeEqual(signature, expected, sizeof(expected)))
		*match = true;
	SecureWipe(expected, sizeof(expected));
	return status;
}

/* Is this an id that can be signed? */
bool
WebhookIdIsGood(const char *id, size_t length)
{
	if (length == 0 || length > WEBHOOK_ID_MAX)
		return false;
	for (size_t i = 0; i < length; i++)
	{
		if (id[i] <= ' ' || id[i] > '~' || id[i] == '.')
			return false;
	}
	return true;
}

/* Read a timestamp. */
bool
WebhookReadTimestamp(const char *text, size_t length, int64_t *out)
{
	int64_t		value = 0;

	*out = 0;
	if (length == 0 || length > TIMESTAMP_DIGITS || (text[0] == '0' && length > 1))
		return false;
	for (size_t i = 0; i < length; i++)
	{
		if (text[i] < '0' || text[i] > '9')
			return false;
		value = value * 10 + (text[i] - '0');
	}
	*out = value;
	return true;
}

/*
 * Decode a secret.  EVP_DecodeBlock() passes over white space and takes any
 * trailing bits; what does not encode to the same text again is refused.
 */
Status
WebhookReadSecret(const char *text, size_t length,
				  uint8_t out[WEBHOOK_SECRET_MAX], size_t *out_length)
{
	uint8_t		bytes[WEBHOOK_SECRET_TEXT_SIZE];
	char		again[BASE64_SIZE(WEBHOOK_SECRET_TEXT_SIZE)];
	size_t		prefix = strlen(SECRET_PREFIX);
	Status		status = STATUS_KEY_FORMAT;
	int			decoded;

	*out_length = 0;
	if (length < prefix || memcmp(text, SECRET_PREFIX, prefix) != 0)
		return STATUS_KEY_FORMAT;
	text += prefix;
	length -= prefix;
	if (length == 0)
		return STATUS_KEY_WEAK;
	if (length % 4 != 0 || length >= BASE64_SIZE(WEBHOOK_SECRET_MAX))
		return STATUS_KEY_FORMAT;

	decoded = EVP_DecodeBlock(bytes, (const unsigned char *) text, (int) length);
	if (decoded < 0)
		goto done;
	/* it counts the bytes of the padding too */
	if (text[length - 1] == '=')
		decoded -= text[length - 2] == '=' ? 2 : 1;
	if (decoded < 0 || decoded > WEBHOOK_SECRET_MAX)
		goto done;
	if (EVP_EncodeBlock((unsigned char *) again, bytes, decoded) != (int) length ||
		!ConstantTimeEqual(again, text, length))
		goto done;
	if (decoded < WEBHOOK_SECRET_MIN)
	{
		status = STATUS_KEY_WEAK;
		goto done;
	}
	memcpy(out, bytes, (size_t) decoded);
	*out_length = (size_t) decoded;
	status = STATUS_OK;

done:
	SecureWipe(bytes, sizeof(bytes));
	SecureWipe(again, sizeof(again));
	return status;
}

/* A new random secret. */
Status
WebhookNewSecret(char out[WEBHOOK_SECRET_TEXT_SIZE])
{
	uint8_t		bytes[WEBHOOK_SECRET_GENERATE];
	size_t		prefix = strlen(SECRET_PREFIX);
	Status		status = RandomBytes(bytes, sizeof(bytes));

	if (status != STATUS_OK)
		return status;
	memcpy(out, SECRET_PREFIX, prefix);
	EVP_EncodeBlock((unsigned char *) out + prefix, bytes, sizeof(bytes));
	SecureWipe(bytes, sizeof(bytes));
	return STATUS_OK;
}

/* Sign id, timestamp and payload. */
Status
WebhookSignStandard(const WebhookMessage *message, const uint8_t *secret, size_t secret_length,
					char out[WEBHOOK_STANDARD_CHARS])
{
	HmacKey    *key = NULL;
	uint8_t		mac[MAC_BYTES];
	char		encoded[BASE64_SIZE(MAC_BYTES)];
	char		middle[24];		/* ".", a timestamp, "." */
	HmacPart	parts[3];
	Status		status;

	if (!WebhookIdIsGood(message->id, message->id_length) || message->timestamp < 0)
		return STATUS_ARGUMENT;
	if (secret_length < WEBHOOK_SECRET_MIN)
		return STATUS_KEY_WEAK;

	parts[0] = (HmacPart) {message->id, message->id_length};
	parts[1] = (HmacPart) {middle, 0};
	parts[1].length = (size_t) snprintf(middle, sizeof(middle), ".%lld.",
										(long long) message->timestamp);
	parts[2] = (HmacPart) {message->payload, message->payload_length};

	status = HmacKeyNew(HASH_SHA256, secret, secret_length, &key);
	if (status == STATUS_OK)
		status = HmacComputeParts(key, parts, 3, mac);
	HmacKeyFree(key);
	if (status != STATUS_OK)
		return status;
	EVP_EncodeBlock((unsigned char *) encoded, mac, sizeof(mac));
	memcpy(out, STANDARD_PREFIX, strlen(STANDARD_PREFIX));
	memcpy(out + strlen(STANDARD_PREFIX), encoded, sizeof(encoded) - 1);
	SecureWipe(mac, sizeof(mac));
	SecureWipe(encoded, sizeof(encoded));
	return STATUS_OK;
}

/* Does one of a list of signatures match? */
Status
WebhookVerifyStandard(const WebhookMessage *message,
					  const char *signatures, size_t signatures_length,
					  const uint8_t *secret, size_t secret_length, bool *match)
{
	char		expected[WEBHOOK_STANDARD_CHARS];
	const char *end = signatures + signatures_length;
	Status		status;

	*match = false;
	status = WebhookSignStandard(message, secret, secret_length, expected);
	if (status != STATUS_OK)
		return status;
	if (signatures_length > WEBHOOK_SIGNATURES_MAX)
		signatures = end;

	/* all of them are compared, so that the time does not tell which one matched */
	while (signatures < end)
	{
		const char *blank = memchr(signatures, ' ', (size_t) (end - signatures));
		size_t		length = (size_t) ((blank != NULL ? blank : end) - signatures);

		if (length == sizeof(expected) &&
			ConstantTimeEqual(signatures, expected, sizeof(expected)))
			*match = true;
		signatures += length + (blank != NULL ? 1 : 0);
	}
	SecureWipe(expected, sizeof(expected));
	return STATUS_OK;
}
