/*
 * test/fuzz/fuzz_jws.c: tokens: nothing verifies but what was signed.
 *
 * A key for each algorithm signs one token.  The first byte of the input
 * chooses: 0 the rest is a token; else the token of a key is damaged as the
 * rest says.  Depends on fuzz.h, keys.h, core/jws and core/mem.
 */
#include "fuzz.h"

#include "core/base64url.h"
#include "core/jws.h"
#include "core/mem.h"
#include "keys.h"

#define PAYLOAD "{\"sub\":\"1\",\"exp\":1700000000}"
#define TOKEN_MAX 1024

static const char *const key_texts[] = {ALL_KEYS};

#define KEYS (sizeof(key_texts) / sizeof(key_texts[0]))

static JwkSet *sets[KEYS];
static char tokens[KEYS][TOKEN_MAX];
static size_t lengths[KEYS];

/* Read the keys and sign, once. */
static void
Prepare(void)
{
	if (sets[0] != NULL)
		return;
	for (size_t i = 0; i < KEYS; i++)
	{
		REQUIRE(JwkSetParse(key_texts[i], strlen(key_texts[i]), 0, &sets[i]) == STATUS_OK);
		REQUIRE(JwsSign(&sets[i]->keys[0], "JWT", PAYLOAD, strlen(PAYLOAD),
						tokens[i], TOKEN_MAX, &lengths[i]) == STATUS_OK);
	}
}

/* May a token have verified: is it ours, or signed again the same? */
static bool
IsSigned(const JwsParts *parts, size_t length, const Jwk *key)
{
	uint8_t		signature[JWS_MAX_SIGNATURE_BYTES];
	char		encoded[BASE64URL_LENGTH(JWS_MAX_SIGNATURE_BYTES)];
	size_t		bytes = key->alg->signature_bytes;

	for (size_t i = 0; i < KEYS; i++)
	{
		if (lengths[i] == length && memcmp(tokens[i], parts->token, length) == 0)
			return &sets[i]->keys[0] == key;
	}

	/*
	 * A seed may have been signed by the key.  The schemes that draw no random
	 * number have one signature for a text.
	 */
	if (key->hmac != NULL)
		REQUIRE(HmacCompute(key->hmac, parts->token, parts->signed_length, signature) == STATUS_OK);
	else if (key->alg->scheme == PUBKEY_PKCS1 || key->alg->scheme == PUBKEY_EDDSA)
	{
		REQUIRE(PubKeySign(key->pubkey, parts->token, parts->signed_length,
						   signature, sizeof(signature)) == STATUS_OK);
		bytes = PubKeySignatureBytes(key->pubkey);
	}
	else
		return false;
	return Base64UrlEncode(signature, bytes, encoded) == parts->signature_length &&
		memcmp(encoded, parts->signature, parts->signature_length) == 0;
}

/* Read a token as a verifier does, with each of the keys. */
static void
CheckToken(const char *token, size_t length)
{
	JwsParts	parts;
	JwsHeader	header;
	uint8_t    *payload;
	size_t		payload_length;
	Status		status;

	if (JwsSplit(token, length, &parts) != STATUS_OK)
		return;
	REQUIRE(length <= JWS_MAX_BYTES);
	REQUIRE(parts.header_length + 1 + parts.payload_length == parts.signed_length);
	REQUIRE(parts.signed_length + 1 + parts.signature_length == length);
	if (JwsReadHeader(&parts, &header) != STATUS_OK)
	{
		REQUIRE(header.alg[0] == '\0' && header.kid[0] == '\0');
		return;
	}
	REQUIRE(KeyAlgorithmFind(header.alg, strlen(header.alg)) != NULL);

	for (size_t i = 0; i < KEYS; i++)
	{
		const Jwk  *key = &sets[i]->keys[0];

		status = JwsVerify(&parts, header.alg, key);
		REQUIRE_NO_ERRORS();
		if (status == STATUS_OK)
		{
			REQUIRE(strcmp(header.alg, key->alg->name) == 0);
			REQUIRE(IsSigned(&parts, length, key));
		}
	}

	payload = malloc(BASE64URL_DECODED(parts.payload_length));
	status = JwsPayload(&parts, payload, BASE64URL_DECODED(parts.payload_length), &payload_length);
	REQUIRE(status == STATUS_OK || payload_length == 0);
	if (status == STATUS_OK)
		REQUIRE(BASE64URL_LENGTH(payload_length) == parts.payload_length);
	free(payload);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t		choice = FuzzByte(&data, &size);
	uint8_t		damaged[TOKEN_MAX + FUZZ_GROWTH];
	char	   *token;
	size_t		length;

	Prepare();
	if (choice == 0)
	{
		CheckToken((const char *) data, size);
		return 0;
	}
	choice %= KEYS;
	memcpy(damaged, tokens[choice], lengths[choice]);
	length = FuzzDamage(damaged, lengths[choice], data, size);
	token = FuzzCopy(damaged, length);
	CheckToken(token, length);
	free(token);
	return 0;
}
