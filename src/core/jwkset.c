/*
 * src/core/jwkset.c: sets of keys: finding, adding, releasing.
 *
 * Depends on base64url, mem, pubkey and jwkbuild.
 */
#include "jwkbuild.h"

#include <stdlib.h>
#include <string.h>

#include "base64url.h"
#include "mem.h"

/* Bytes of a random kid: 22 characters that never collide by chance. */
#define KID_RANDOM_BYTES 16

/* An empty set. */
Status
JwkSetNew(JwkSet **out)
{
	*out = calloc(1, sizeof(JwkSet));
	return *out != NULL ? STATUS_OK : STATUS_MEMORY;
}

/* Wipe and free a set. */
void
JwkSetFree(JwkSet *set)
{
	size_t		i;

	if (set == NULL)
		return;
	for (i = 0; i < set->count; i++)
		JwkClear(&set->keys[i]);
	free(set->keys);
	free(set);
}

/* Key of a kid.  Keys without one are not found, not even by an empty kid. */
const Jwk *
JwkSetFind(const JwkSet *set, const char *kid, size_t kid_length)
{
	size_t		i;

	if (kid_length == 0 || kid_length > JWK_KID_MAX)
		return NULL;
	for (i = 0; i < set->count; i++)
	{
		if (strlen(set->keys[i].kid) == kid_length &&
			memcmp(set->keys[i].kid, kid, kid_length) == 0)
			return &set->keys[i];
	}
	return NULL;
}

/* The key that makes signatures, seals or derived keys now. */
const Jwk *
JwkSetCurrent(const JwkSet *set, KeyUse use)
{
	size_t		i;

	for (i = 0; i < set->count; i++)
	{
		const Jwk  *jwk = &set->keys[i];

		if (jwk->alg->use == use && jwk->state == KEY_CURRENT && jwk->is_private)
			return jwk;
	}
	return NULL;
}

/* The current key of a use becomes previous. */
void
JwkStepDown(JwkSet *set, KeyUse use, int64_t now)
{
	size_t		i;

	for (i = 0; i < set->count; i++)
	{
		Jwk		   *jwk = &set->keys[i];

		if (jwk->state == KEY_CURRENT && jwk->alg->use == use)
		{
			jwk->state = KEY_PREVIOUS;
			jwk->since = now;
		}
	}
}

/* Append a finished key, which the set then owns; the current one of its use steps down. */
Status
JwkInsert(JwkSet *set, const Jwk *jwk, int64_t now, const Jwk **added)
{
	Jwk		   *keys;

	if (set->count >= JWKSET_MAX_KEYS)
		return STATUS_ARGUMENT;

	/* Secrets hang on pointers: what realloc() leaves behind holds none. */
	keys = realloc(set->keys, (set->count + 1) * sizeof(Jwk));
	if (keys == NULL)
		return STATUS_MEMORY;
	set->keys = keys;

	if (jwk->state == KEY_CURRENT)
		JwkStepDown(set, jwk->alg->use, now);
	keys[set->count] = *jwk;
	*added = &keys[set->count];
	set->count++;
	return STATUS_OK;
}

/* A random kid. */
Status
JwkRandomKid(char kid[JWK_KID_MAX + 1])
{
	uint8_t		bytes[KID_RANDOM_BYTES];
	Status		status;

	status = RandomBytes(bytes, sizeof(bytes));
	if (status == STATUS_OK)
		kid[Base64UrlEncode(bytes, sizeof(bytes), kid)] = '\0';
	return status;
}

/* What every new key begins with. */
static Status
Begin(Jwk *jwk, const KeyAlgorithm *alg, KeyState state, int64_t now)
{
	memset(jwk, 0, sizeof(*jwk));
	jwk->alg = alg;
	jwk->state = state;
	jwk->since = now;
	jwk->is_private = true;
	jwk->can_verify = true;
	return JwkRandomKid(jwk->kid);
}

/* Add a key with a given secret. */
Status
JwkSetAddSecret(JwkSet *set, const KeyAlgorithm *alg, KeyState state,
				const uint8_t *secret, size_t length, int64_t now, const Jwk **added)
{
	Jwk			jwk;
	Status		status;

	*added = NULL;
	if (alg->type != KEY_OCT)
		return STATUS_KEY_TYPE;

	status = Begin(&jwk, alg, state, now);
	if (status == STATUS_OK)
		status = JwkAssignSecret(&jwk, secret, length);
	if (status == STATUS_OK)
		status = JwkInsert(set, &jwk, now, added);
	if (status != STATUS_OK)
		JwkClear(&jwk);
	return status;
}

/* Add a fresh key pair. */
static Status
AddPair(JwkSet *set, const KeyAlgorithm *alg, KeyState state, int64_t now, const Jwk **added)
{
	Jwk			jwk;
	PubKey	   *pubkey;
	Status		status;

	status = Begin(&jwk, alg, state, now);
	if (status == STATUS_OK)
		status = PubKeyGenerate(alg->kind, alg->scheme, alg->hash, &pubkey);
	if (status == STATUS_OK)
		status = JwkAssignPair(&jwk, pubkey);
	if (status == STATUS_OK)
		status = JwkInsert(set, &jwk, now, added);
	if (status != STATUS_OK)
		JwkClear(&jwk);
	return status;
}

/* Add a fresh key. */
Status
JwkSetAddGenerated(JwkSet *set, const KeyAlgorithm *alg, KeyState state,
				   int64_t now, const Jwk **added)
{
	uint8_t		secret[JWK_SECRET_MAX];
	Status		status;

	*added = NULL;
	switch (alg->type)
	{
		case KEY_OCT:
			status = RandomBytes(secret, alg->generate_bytes);
			if (status == STATUS_OK)
				status = JwkSetAddSecret(set, alg, state, secret, alg->generate_bytes,
										 now, added);
			SecureWipe(secret, sizeof(secret));
			return status;

		case KEY_RSA:
		case KEY_EC:
		case KEY_OKP:
			return AddPair(set, alg, state, now, added);
	}
	return STATUS_KEY_ALG;
}
