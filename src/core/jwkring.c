/*
 * src/core/jwkring.c: the life of a key in a ring, from import to removal.
 *
 * Depends on mem, pubkey and jwkbuild.
 */
#include "jwkbuild.h"

#include <string.h>

#include "mem.h"

/* Key of a kid, to be changed. */
static Jwk *
Find(JwkSet *set, const char *kid, size_t kid_length)
{
	const Jwk  *found = JwkSetFind(set, kid, kid_length);

	return found != NULL ? &set->keys[found - set->keys] : NULL;
}

/*
 * May a ring do with this key what it does with keys of its use?  A ring keeps
 * no key_ops; the public half of a pair verifies whatever the private half says.
 */
static Status
CheckImported(Jwk *jwk)
{
	if (jwk->pubkey != NULL && !PubKeyIsPrivate(jwk->pubkey))
		return STATUS_KEY_PUBLIC;
	if (!jwk->is_private || (jwk->pubkey == NULL && !jwk->can_verify))
		return STATUS_KEY_USE;
	jwk->can_verify = true;
	return STATUS_OK;
}

/* Import a key. */
Status
JwkSetImport(JwkSet *set, const char *text, size_t length, int64_t now, const Jwk **added)
{
	JwkSet	   *given;
	Jwk		   *jwk;
	Status		status;

	*added = NULL;
	status = JwkSetParse(text, length, 0, &given);
	if (status != STATUS_OK)
		return status;
	if (given->count != 1)
	{
		JwkSetFree(given);
		return STATUS_ARGUMENT;
	}

	jwk = &given->keys[0];
	status = CheckImported(jwk);
	if (status == STATUS_OK && JwkSetFind(set, jwk->kid, strlen(jwk->kid)) != NULL)
		status = STATUS_KEY_DUPLICATE;
	if (status == STATUS_OK && jwk->kid[0] == '\0')
	{
		status = JwkRandomKid(jwk->kid);
		if (status == STATUS_OK && jwk->alg->use == KEY_SIGN)
			status = JwkPrepareHeader(jwk);
	}
	jwk->state = KEY_CURRENT;
	jwk->since = now;
	if (status == STATUS_OK)
		status = JwkInsert(set, jwk, now, added);

	/* what the key holds is the other set's now */
	if (status == STATUS_OK)
		memset(jwk, 0, sizeof(*jwk));
	JwkSetFree(given);
	return status;
}

/* Make a standby or previous key current. */
Status
JwkSetPromote(JwkSet *set, const char *kid, size_t kid_length, int64_t now)
{
	Jwk		   *jwk = Find(set, kid, kid_length);

	if (jwk == NULL)
		return STATUS_KEY_NONE;
	if (jwk->state != KEY_STANDBY && jwk->state != KEY_PREVIOUS)
		return STATUS_KEY_STATE;
	if (!jwk->is_private)
		return STATUS_KEY_PUBLIC;
	JwkStepDown(set, jwk->alg->use, now);
	jwk->state = KEY_CURRENT;
	jwk->since = now;
	return STATUS_OK;
}

/* Retire a key that is not current. */
Status
JwkSetRetire(JwkSet *set, const char *kid, size_t kid_length, int64_t now)
{
	Jwk		   *jwk = Find(set, kid, kid_length);

	if (jwk == NULL)
		return STATUS_KEY_NONE;
	if (jwk->state != KEY_STANDBY && jwk->state != KEY_PREVIOUS)
		return STATUS_KEY_STATE;
	jwk->state = KEY_RETIRED;
	jwk->since = now;
	return STATUS_OK;
}

/* Wipe a retired key; the others keep their order. */
Status
JwkSetRemove(JwkSet *set, const char *kid, size_t kid_length)
{
	Jwk		   *jwk = Find(set, kid, kid_length);
	size_t		behind;

	if (jwk == NULL)
		return STATUS_KEY_NONE;
	if (jwk->state != KEY_RETIRED)
		return STATUS_KEY_STATE;
	behind = set->count - (size_t) (jwk - set->keys) - 1;
	JwkClear(jwk);
	memmove(jwk, jwk + 1, behind * sizeof(Jwk));
	set->count--;
	return STATUS_OK;
}
