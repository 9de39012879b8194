/*
 * test/fuzz/fuzz_jwk.c: key sets: what is read is written and read again as the
 * same, and what is for others has nothing private.
 *
 * The first byte chooses the kind of set, the rest is its text.
 * Depends on fuzz.h, core/jwk and core/mem.
 */
#include "fuzz.h"

#include "core/jwk.h"
#include "core/mem.h"

/* A key must be complete. */
static void
CheckKey(const Jwk *key, int flags)
{
	REQUIRE(key->alg != NULL && strlen(key->kid) <= JWK_KID_MAX);
	REQUIRE(KeyAlgorithmFind(key->alg->name, strlen(key->alg->name)) == key->alg);
	REQUIRE(strlen(key->thumbprint) == JWK_THUMBPRINT_CHARS);
	REQUIRE((key->alg->type == KEY_OCT) == (key->secret != NULL));
	REQUIRE((key->alg->type == KEY_OCT) == (key->pubkey == NULL));
	if (key->secret != NULL)
		REQUIRE(key->secret_length >= key->alg->min_bytes && key->secret_length <= key->alg->max_bytes);
	if (flags & JWKSET_RING)
		REQUIRE(key->kid[0] != '\0' && key->since >= 0);
	if (flags & JWKSET_VERIFIERS && key->pubkey != NULL)
		REQUIRE(!PubKeyIsPrivate(key->pubkey) && !key->is_private);
}

/* Write a view of a set and read it again; NULL when it shows no key. */
static JwkSet *
Again(const JwkSet *set, JwkSetView view, int flags)
{
	JwkSet	   *again;
	char	   *text;
	size_t		length;
	Status		status;

	status = JwkSetWrite(set, view, &text, &length);
	if (status == STATUS_JSON_SIZE)
		return NULL;
	REQUIRE(status == STATUS_OK);
	REQUIRE(strlen(text) == length);
	status = JwkSetParse(text, length, flags, &again);
	SecureFree(text, length);
	if (status == STATUS_KEY_NONE)
		return NULL;
	REQUIRE(status == STATUS_OK);
	return again;
}

/* Is a key of a written set one of the set that it came from? */
static void
CheckCameFrom(const JwkSet *set, const Jwk *key)
{
	bool		found = false;

	for (size_t i = 0; i < set->count; i++)
	{
		if (strcmp(set->keys[i].thumbprint, key->thumbprint) == 0 &&
			strcmp(set->keys[i].kid, key->kid) == 0 && set->keys[i].alg == key->alg)
			found = true;
	}
	REQUIRE(found);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const int kinds[] = {0, JWKSET_RING, JWKSET_VERIFIERS};
	int			flags = kinds[FuzzByte(&data, &size) % 3];
	JwkSet	   *set;
	JwkSet	   *again;

	if (JwkSetParse((const char *) data, size, flags, &set) != STATUS_OK)
	{
		REQUIRE(set == NULL);
		REQUIRE_NO_ERRORS();
		return 0;
	}
	REQUIRE(set->count >= 1 && set->count <= JWKSET_MAX_KEYS);
	for (size_t i = 0; i < set->count; i++)
	{
		CheckKey(&set->keys[i], flags);
		if (set->keys[i].kid[0] != '\0')
			REQUIRE(JwkSetFind(set, set->keys[i].kid, strlen(set->keys[i].kid)) == &set->keys[i]);
	}

	/* all of it, in the same order and states */
	again = Again(set, JWKSET_ALL, flags & JWKSET_RING);
	if (again != NULL)
	{
		REQUIRE(again->count == set->count);
		for (size_t i = 0; i < set->count; i++)
		{
			REQUIRE(strcmp(again->keys[i].thumbprint, set->keys[i].thumbprint) == 0);
			REQUIRE(strcmp(again->keys[i].kid, set->keys[i].kid) == 0);
			REQUIRE(again->keys[i].alg == set->keys[i].alg);
			REQUIRE(again->keys[i].state == set->keys[i].state);
			if (flags & JWKSET_RING)
				REQUIRE(again->keys[i].since == set->keys[i].since);
		}
		JwkSetFree(again);
	}

	/* what others get: the reader of verifiers refuses private parts */
	again = Again(set, JWKSET_PUBLIC, JWKSET_VERIFIERS);
	for (size_t i = 0; again != NULL && i < again->count; i++)
	{
		REQUIRE(again->keys[i].alg->type != KEY_OCT);
		CheckCameFrom(set, &again->keys[i]);
	}
	JwkSetFree(again);
	again = Again(set, JWKSET_VERIFY, JWKSET_VERIFIERS);
	for (size_t i = 0; again != NULL && i < again->count; i++)
	{
		REQUIRE(again->keys[i].alg->use == KEY_SIGN);
		CheckCameFrom(set, &again->keys[i]);
	}
	JwkSetFree(again);
	JwkSetFree(set);
	REQUIRE_NO_ERRORS();
	return 0;
}
