/*
 * src/core/jwkpair.c: reading JWKs of the types RSA, EC and OKP.
 *
 * Depends on base64url, json, mem, jwkbuild and pubkey.
 */
#include "jwkpair.h"

#include <string.h>

#include "base64url.h"
#include "jwkbuild.h"
#include "mem.h"

#define MEMBER_MAX_CHARS BASE64URL_LENGTH(PUBKEY_MEMBER_MAX)

/* Read crv, which must be one of the key type; an RSA key has none. */
static Status
ReadKind(const JsonDoc *doc, int object, KeyType type, PubKeyKind *kind)
{
	int			first = type == KEY_EC ? PUBKEY_P256 : PUBKEY_ED25519;
	int			last = type == KEY_EC ? PUBKEY_P521 : PUBKEY_ED448;
	int			crv;
	int			i;

	*kind = PUBKEY_RSA;
	if (type == KEY_RSA)
		return STATUS_OK;
	crv = JsonFind(doc, object, "crv");
	if (crv < 0 || doc->tokens[crv].type != JSON_STRING)
		return STATUS_KEY_FORMAT;
	for (i = first; i <= last; i++)
	{
		if (JsonStringIs(doc, crv, pubkey_shapes[i].crv))
		{
			*kind = (PubKeyKind) i;
			return STATUS_OK;
		}
	}
	return STATUS_KEY_TYPE;
}

/* Has the object a private member? */
bool
JwkHasPrivate(const JsonDoc *doc, int object, KeyType type)
{
	static const PubKeyKind kinds[KEY_TYPES] = {
		[KEY_RSA] = PUBKEY_RSA, [KEY_EC] = PUBKEY_P256, [KEY_OKP] = PUBKEY_ED25519
	};
	const PubKeyShape *shape = &pubkey_shapes[kinds[type]];
	int			i;

	if (type == KEY_OCT)
		return false;
	for (i = shape->public_members; i < shape->all_members; i++)
	{
		if (JsonFind(doc, object, shape->members[i]) >= 0)
			return true;
	}
	return JsonFind(doc, object, "oth") >= 0;
}

/* The algorithm of a key that names none. */
Status
JwkSilentAlgorithm(const JsonDoc *doc, int object, KeyType type, const KeyAlgorithm **alg)
{
	static const char *const names[PUBKEY_KINDS] = {
		[PUBKEY_RSA] = "RS256",
		[PUBKEY_P256] = "ES256",
		[PUBKEY_P384] = "ES384",
		[PUBKEY_P521] = "ES512",
		[PUBKEY_ED25519] = "EdDSA",
		[PUBKEY_ED448] = "EdDSA",
	};
	PubKeyKind	kind;
	Status		status = ReadKind(doc, object, type, &kind);

	if (status == STATUS_OK)
		*alg = KeyAlgorithmFind(names[kind], strlen(names[kind]));
	return status;
}

/* Read one member, if it is there. */
static Status
ReadMember(const JsonDoc *doc, int object, const char *name,
		   uint8_t bytes[PUBKEY_MEMBER_MAX], size_t *length)
{
	int			token = JsonFind(doc, object, name);
	char		encoded[MEMBER_MAX_CHARS + 1];
	uint8_t		decoded[BASE64URL_DECODED(MEMBER_MAX_CHARS)];
	size_t		chars;
	Status		status;

	*length = 0;
	if (token < 0)
		return STATUS_OK;
	status = JsonString(doc, token, encoded, sizeof(encoded), &chars);
	if (status == STATUS_JSON_SIZE)
		return STATUS_KEY_LARGE;
	if (status == STATUS_OK)
		status = Base64UrlDecode(encoded, chars, decoded, sizeof(decoded), length);

	/* An empty member is not an absent one. */
	if (status == STATUS_OK && *length > 0 && *length <= PUBKEY_MEMBER_MAX)
		memcpy(bytes, decoded, *length);
	else
		status = STATUS_KEY_FORMAT;
	SecureWipe(encoded, sizeof(encoded));
	SecureWipe(decoded, sizeof(decoded));
	return status;
}

/* Read all members that a kind has. */
static Status
ReadMembers(const JsonDoc *doc, int object, PubKeyKind kind, PubKeyMaterial *material)
{
	const PubKeyShape *shape = &pubkey_shapes[kind];
	Status		status = STATUS_OK;
	int			i;

	memset(material->lengths, 0, sizeof(material->lengths));

	/* A third prime (RFC 7518 §6.3.2.7) makes a key weaker and nothing better. */
	if (kind == PUBKEY_RSA && JsonFind(doc, object, "oth") >= 0)
		return STATUS_KEY_FORMAT;
	for (i = 0; i < shape->all_members && status == STATUS_OK; i++)
		status = ReadMember(doc, object, shape->members[i], material->bytes[i],
							&material->lengths[i]);
	return status;
}

/*
 * What may the key be used for, after all?  A ring keeps use and no key_ops, so
 * that they may not take away what the key can; and its current key signs.
 */
static Status
CheckUse(int flags, Jwk *jwk)
{
	bool		makes = jwk->is_private;

	jwk->is_private = makes && PubKeyIsPrivate(jwk->pubkey);
	if (!(flags & JWKSET_RING))
		return jwk->is_private || jwk->can_verify ? STATUS_OK : STATUS_KEY_USE;
	if (!jwk->can_verify || jwk->is_private != PubKeyIsPrivate(jwk->pubkey))
		return STATUS_KEY_USE;
	return jwk->is_private || jwk->state != KEY_CURRENT ? STATUS_OK : STATUS_KEY_STATE;
}

/* Read the public key or key pair. */
Status
JwkReadPair(const JsonDoc *doc, int object, int flags, Jwk *jwk)
{
	const KeyAlgorithm *alg = jwk->alg;
	PubKeyMaterial material;
	PubKeyKind	kind;
	PubKey	   *pubkey;
	Status		status;

	status = ReadKind(doc, object, alg->type, &kind);
	if (status != STATUS_OK)
		return status;

	/* ES256 is P-256's, and so on; EdDSA is of both curves. */
	if (kind != alg->kind && alg->type != KEY_OKP)
		return STATUS_KEY_FORMAT;
	status = ReadMembers(doc, object, kind, &material);
	if (status == STATUS_OK)
		status = PubKeyNew(kind, alg->scheme, alg->hash, &material, &pubkey);
	if (status == STATUS_OK)
		status = JwkAssignPair(jwk, pubkey);
	if (status == STATUS_OK)
		status = CheckUse(flags, jwk);
	SecureWipe(&material, sizeof(material));
	return status;
}
