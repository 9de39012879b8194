/*
 * src/core/hotp.c: one-time passwords (RFC 4226, RFC 6238).
 *
 * Depends on libcrypto and mem.  SHA-1 is what authenticators have by default;
 * as HMAC it is not broken.
 */
#include "hotp.h"

#include <string.h>

#include <openssl/err.h>
#include <openssl/evp.h>

#include "mem.h"

#define COUNTER_BYTES 8

/* An algorithm as otpauth URIs name it, and as OpenSSL does. */
static const struct
{
	const char *name;
	const char *digest;
}			algorithms[] = {
	{"SHA1", "SHA1"},
	{"SHA256", "SHA256"},
	{"SHA512", "SHA512"},
};

/* The digest of an algorithm, or NULL. */
static const char *
FindDigest(const char *algorithm)
{
	for (size_t i = 0; i < sizeof(algorithms) / sizeof(algorithms[0]); i++)
	{
		if (strcmp(algorithm, algorithms[i].name) == 0)
			return algorithms[i].digest;
	}
	return NULL;
}

/* Four bytes of the MAC, where its last half-byte says (RFC 4226 §5.3). */
static uint32_t
Truncate(const uint8_t *mac, size_t length)
{
	const uint8_t *at = mac + (mac[length - 1] & 15);

	return (uint32_t) (at[0] & 127) << 24 | (uint32_t) at[1] << 16 | (uint32_t) at[2] << 8 | at[3];
}

/* The code of a counter. */
Status
HotpCode(const uint8_t *secret, size_t length, uint64_t counter, int digits,
		 const char *algorithm, char out[HOTP_DIGITS_MAX + 1])
{
	const char *digest = FindDigest(algorithm);
	uint8_t		text[COUNTER_BYTES];
	uint8_t		mac[EVP_MAX_MD_SIZE];
	size_t		mac_length = 0;
	Status		status = STATUS_CRYPTO;

	out[0] = '\0';
	if (digest == NULL)
		return STATUS_KEY_ALG;
	if (digits < HOTP_DIGITS_MIN || digits > HOTP_DIGITS_MAX)
		return STATUS_ARGUMENT;
	if (length < HOTP_SECRET_MIN)
		return STATUS_KEY_WEAK;
	if (length > HOTP_SECRET_MAX)
		return STATUS_KEY_FORMAT;

	for (int i = COUNTER_BYTES - 1; i >= 0; i--)
	{
		text[i] = (uint8_t) counter;
		counter >>= 8;
	}
	if (EVP_Q_mac(NULL, "HMAC", NULL, digest, NULL, secret, length, text, sizeof(text),
				  mac, sizeof(mac), &mac_length) != NULL)
	{
		uint32_t	code = Truncate(mac, mac_length);

		for (int i = digits - 1; i >= 0; i--)
		{
			out[i] = (char) ('0' + code % 10);
			code /= 10;
		}
		out[digits] = '\0';
		status = STATUS_OK;
	}
	else
		ERR_clear_error();
	SecureWipe(mac, sizeof(mac));
	return status;
}
