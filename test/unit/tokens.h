/*
 * test/unit/tokens.h: reading and forging tokens in the tests of JWS.
 *
 * Depends on unit.h, keys.h, core/jws, core/hmac and core/base64url.
 */
#ifndef TOKENS_H
#define TOKENS_H

#include "core/base64url.h"
#include "core/hmac.h"
#include "core/jws.h"
#include "keys.h"
#include "unit.h"

/* A key named k1, with more members. */
#define OCT(alg, more, k) \
	"{\"kty\":\"oct\",\"alg\":\"" alg "\",\"kid\":\"k1\"" more ",\"k\":\"" k "\"}"

/* Read one key; the test cannot go on without. */
static inline JwkSet *
Key(const char *text)
{
	JwkSet	   *set;

	if (!CHECK_STATUS(JwkSetParse(text, strlen(text), 0, &set), STATUS_OK, "the key is read"))
		exit(UnitEnd());
	return set;
}

/* Everything that a reader of tokens does with one. */
static inline Status
Accept(const char *token, size_t length, const JwkSet *set)
{
	JwsParts	parts;
	JwsHeader	header;
	const Jwk  *key = &set->keys[0];
	uint8_t		payload[JWS_MAX_BYTES];
	size_t		payload_length;
	Status		status;

	status = JwsSplit(token, length, &parts);
	if (status == STATUS_OK)
		status = JwsReadHeader(&parts, &header);
	if (status == STATUS_OK && header.kid[0] != '\0')
	{
		key = JwkSetFind(set, header.kid, strlen(header.kid));
		if (key == NULL)
			return STATUS_TOKEN_KID;
	}
	if (status == STATUS_OK)
		status = JwsVerify(&parts, header.alg, key);
	if (status == STATUS_OK)
		status = JwsPayload(&parts, payload, sizeof(payload), &payload_length);
	return status;
}

/* Make a token with any header, rightly signed; returns its length. */
static inline size_t
Forge(const Jwk *key, const char *header, size_t header_length, const char *payload, char *out)
{
	uint8_t		mac[HASH_MAX_BYTES];
	char	   *end = out;

	end += Base64UrlEncode((const uint8_t *) header, header_length, end);
	*end++ = '.';
	end += Base64UrlEncode((const uint8_t *) payload, strlen(payload), end);
	CHECK_STATUS(HmacCompute(key->hmac, out, (size_t) (end - out), mac), STATUS_OK, "an HMAC");
	*end++ = '.';
	end += Base64UrlEncode(mac, HashBytes(key->alg->hash), end);
	*end = '\0';
	return (size_t) (end - out);
}

#endif							/* TOKENS_H */
