/*
 * src/core/jws.c: JWS compact serialization (RFC 7515), after RFC 8725.
 *
 * Depends on base64url, hmac, json, jwk, mem and pubkey.
 */
#include "jws.h"

#include <stdbool.h>
#include <string.h>

#include "base64url.h"
#include "json.h"
#include "jwkbuild.h"
#include "mem.h"

/* Values in a header, those of ignored members included. */
#define HEADER_MAX_TOKENS 128

#define HEADER_MAX_CHARS BASE64URL_LENGTH(JWS_MAX_HEADER_BYTES)

/* Cut a token at its two dots. */
Status
JwsSplit(const char *token, size_t length, JwsParts *parts)
{
	const char *end = token + length;
	const char *first;
	const char *second;

	memset(parts, 0, sizeof(*parts));
	if (length > JWS_MAX_BYTES)
		return STATUS_TOKEN_SIZE;
	if (length == 0)
		return STATUS_TOKEN_FORMAT;
	first = memchr(token, '.', length);
	if (first == NULL)
		return STATUS_TOKEN_FORMAT;
	second = memchr(first + 1, '.', (size_t) (end - first - 1));
	if (second == NULL || memchr(second + 1, '.', (size_t) (end - second - 1)) != NULL)
		return STATUS_TOKEN_FORMAT;

	/*
	 * The payload may be empty; the signature only of an unsecured token (RFC 7515
	 * §A.5).
	 */
	if (first == token || end == second + 1)
		return STATUS_TOKEN_FORMAT;

	parts->token = token;
	parts->header_length = (size_t) (first - token);
	parts->payload = first + 1;
	parts->payload_length = (size_t) (second - first - 1);
	parts->signature = second + 1;
	parts->signature_length = (size_t) (end - second - 1);
	parts->signed_length = (size_t) (second - token);
	return STATUS_OK;
}

/* Copy a string member, which may be absent. */
static Status
ReadMember(const JsonDoc *doc, const char *name, char *out, size_t size)
{
	int			token = JsonFind(doc, 0, name);

	out[0] = '\0';
	if (token >= 0 && JsonString(doc, token, out, size, NULL) != STATUS_OK)
		return STATUS_TOKEN_HEADER;
	return STATUS_OK;
}

/* Check a parsed header.  Members that are not named here are ignored (RFC 7515 §4). */
static Status
ReadHeader(const JsonDoc *doc, JwsHeader *header)
{
	const KeyAlgorithm *alg;
	int			token;
	size_t		length;

	if (doc->tokens[0].type != JSON_OBJECT)
		return STATUS_TOKEN_HEADER;

	/*
	 * crit names extensions that must be understood, and we understand none
	 * (RFC 7515 §4.1.11); b64 (RFC 7797) would change what is signed.
	 */
	if (JsonFind(doc, 0, "crit") >= 0 || JsonFind(doc, 0, "b64") >= 0)
		return STATUS_TOKEN_CRIT;

	/* Members of a JWE: whoever wrote this did not mean a JWS. */
	if (JsonFind(doc, 0, "enc") >= 0 || JsonFind(doc, 0, "zip") >= 0)
		return STATUS_TOKEN_HEADER;

	token = JsonFind(doc, 0, "alg");
	if (token < 0)
		return STATUS_TOKEN_HEADER;
	if (JsonString(doc, token, header->alg, sizeof(header->alg), &length) != STATUS_OK)
		return STATUS_TOKEN_ALG;
	alg = KeyAlgorithmFind(header->alg, length);
	if (alg == NULL || alg->use != KEY_SIGN)
		return STATUS_TOKEN_ALG;

	if (ReadMember(doc, "typ", header->typ, sizeof(header->typ)) != STATUS_OK ||
		ReadMember(doc, "kid", header->kid, sizeof(header->kid)) != STATUS_OK)
		return STATUS_TOKEN_HEADER;
	return STATUS_OK;
}

/* Decode and check the header. */
Status
JwsReadHeader(const JwsParts *parts, JwsHeader *header)
{
	uint8_t		text[BASE64URL_DECODED(HEADER_MAX_CHARS)];
	JsonToken	tokens[HEADER_MAX_TOKENS];
	JsonDoc		doc;
	size_t		length;
	Status		status;

	memset(header, 0, sizeof(*header));
	if (parts->header_length > HEADER_MAX_CHARS)
		return STATUS_TOKEN_SIZE;
	if (Base64UrlDecode(parts->token, parts->header_length,
						text, sizeof(text), &length) != STATUS_OK)
		return STATUS_TOKEN_FORMAT;
	if (JsonParse((const char *) text, length, tokens, HEADER_MAX_TOKENS, &doc) != STATUS_OK)
		return STATUS_TOKEN_HEADER;

	status = ReadHeader(&doc, header);
	if (status != STATUS_OK)
		memset(header, 0, sizeof(*header));
	return status;
}

/* Bytes of a signature by a key. */
static size_t
SignatureBytes(const Jwk *key)
{
	return key->pubkey != NULL ? PubKeySignatureBytes(key->pubkey) : key->alg->signature_bytes;
}

/* Verify an HMAC. */
static Status
VerifyHmac(const JwsParts *parts, const uint8_t *signature, const Jwk *key)
{
	uint8_t		expected[HASH_MAX_BYTES];
	Status		status;

	status = HmacCompute(key->hmac, parts->token, parts->signed_length, expected);
	if (status == STATUS_OK &&
		!ConstantTimeEqual(expected, signature, key->alg->signature_bytes))
		status = STATUS_TOKEN_SIGNATURE;

	/* The right signature of a forged text must not stay in memory. */
	SecureWipe(expected, sizeof(expected));
	return status;
}

/* Verify a signature. */
Status
JwsVerify(const JwsParts *parts, const char *alg, const Jwk *key)
{
	uint8_t		signature[BASE64URL_DECODED(BASE64URL_LENGTH(JWS_MAX_SIGNATURE_BYTES))];
	size_t		signature_bytes;
	size_t		length;

	if (key->alg->use != KEY_SIGN || !key->can_verify || key->state == KEY_RETIRED)
		return STATUS_KEY_USE;

	/* The key decides about the algorithm, the token only agrees (RFC 8725 §3.1). */
	if (strcmp(alg, key->alg->name) != 0)
		return STATUS_TOKEN_ALG;

	signature_bytes = SignatureBytes(key);
	if (parts->signature_length != BASE64URL_LENGTH(signature_bytes))
		return STATUS_TOKEN_SIGNATURE;
	if (Base64UrlDecode(parts->signature, parts->signature_length,
						signature, sizeof(signature), &length) != STATUS_OK)
		return STATUS_TOKEN_FORMAT;
	if (length != signature_bytes)
		return STATUS_TOKEN_SIGNATURE;

	switch (key->alg->type)
	{
		case KEY_OCT:
			return VerifyHmac(parts, signature, key);

		case KEY_RSA:
		case KEY_EC:
		case KEY_OKP:
			return PubKeyVerify(key->pubkey, parts->token, parts->signed_length,
								signature, length);
	}
	return STATUS_KEY_ALG;
}

/* Decode the payload. */
Status
JwsPayload(const JwsParts *parts, uint8_t *out, size_t size, size_t *length)
{
	*length = 0;
	if (size < BASE64URL_DECODED(parts->payload_length))
		return STATUS_ARGUMENT;
	if (Base64UrlDecode(parts->payload, parts->payload_length, out, size, length) != STATUS_OK)
		return STATUS_TOKEN_FORMAT;
	return STATUS_OK;
}

/* Write the header for a typ; out holds JWK_HEADER_MAX characters. */
static Status
WriteHeader(const Jwk *key, const char *typ, char *out, size_t *length)
{
	if (strcmp(typ, "JWT") != 0)
		return JwkHeader(key, typ, out, length);
	memcpy(out, key->header, key->header_length);
	*length = key->header_length;
	return STATUS_OK;
}

/* Bytes of a token with this header and payload. */
static size_t
TokenSize(const Jwk *key, size_t header_length, size_t payload_length)
{
	return header_length + 1 + BASE64URL_LENGTH(payload_length) + 1 +
		BASE64URL_LENGTH(SignatureBytes(key));
}

/* Bytes of a signed token; 0 if this key or typ cannot sign. */
size_t
JwsSize(const Jwk *key, const char *typ, size_t payload_length)
{
	char		header[JWK_HEADER_MAX];
	size_t		header_length;

	if (key->alg->use != KEY_SIGN ||
		WriteHeader(key, typ, header, &header_length) != STATUS_OK)
		return 0;
	return TokenSize(key, header_length, payload_length);
}

/* Sign with the current key; what is too long to be read is not written. */
Status
JwsSign(const Jwk *key, const char *typ, const void *payload, size_t payload_length,
		char *out, size_t size, size_t *length)
{
	char		header[JWK_HEADER_MAX];
	uint8_t		signature[JWS_MAX_SIGNATURE_BYTES];
	size_t		header_length;
	size_t		total;
	char	   *end = out;
	Status		status;

	*length = 0;
	if (key->alg->use != KEY_SIGN || !key->is_private || key->state != KEY_CURRENT)
		return STATUS_KEY_USE;
	if (payload_length == 0)
		return STATUS_ARGUMENT;
	if (payload_length > JWS_MAX_BYTES)
		return STATUS_TOKEN_SIZE;
	status = WriteHeader(key, typ, header, &header_length);
	if (status != STATUS_OK)
		return status;
	total = TokenSize(key, header_length, payload_length);
	if (total > JWS_MAX_BYTES)
		return STATUS_TOKEN_SIZE;
	if (total > size)
		return STATUS_ARGUMENT;

	memcpy(end, header, header_length);
	end += header_length;
	*end++ = '.';
	end += Base64UrlEncode(payload, payload_length, end);

	switch (key->alg->type)
	{
		case KEY_OCT:
			status = HmacCompute(key->hmac, out, (size_t) (end - out), signature);
			break;

		case KEY_RSA:
		case KEY_EC:
		case KEY_OKP:
			status = PubKeySign(key->pubkey, out, (size_t) (end - out),
								signature, sizeof(signature));
			break;
	}
	if (status != STATUS_OK)
	{
		SecureWipe(out, total);
		return status;
	}

	*end++ = '.';
	end += Base64UrlEncode(signature, SignatureBytes(key), end);
	*length = (size_t) (end - out);
	return STATUS_OK;
}
