/*
 * src/core/jwk.c: reading JSON Web Keys and sets, and finding keys in them.
 *
 * Depends on base64url, json, mem, jwkbuild and jwkpair.
 */
#include "jwk.h"

#include <stdlib.h>
#include <string.h>

#include "base64url.h"
#include "json.h"
#include "jwkbuild.h"
#include "jwkpair.h"
#include "mem.h"

/*
 * Every algorithm, with the minimum of its key (RFC 7518 §3.2: of HMAC as long
 * as the hash; §3.3 and §3.5: of RSA 2048 bits).  A row here is all that makes
 * a name known.
 */
#define RSA(name, hash, scheme)                                                            \
	{name, KEY_SIGN, KEY_RSA, hash, PUBKEY_RSA_MIN_BYTES, PUBKEY_RSA_MAX_BYTES, 0,         \
	PUBKEY_RSA_NEW_BITS / 8, scheme, PUBKEY_RSA}
#define EC(name, hash, kind, bytes)                                                        \
	{name, KEY_SIGN, KEY_EC, hash, bytes, bytes, 2 * (bytes), bytes, PUBKEY_ECDSA, kind}

static const KeyAlgorithm algorithms[] = {
	/* name, use, type, hash, min, max, signature, generate, scheme, kind */
	{"HS256", KEY_SIGN, KEY_OCT, HASH_SHA256, 32, JWK_SECRET_MAX, 32, 32, 0, 0},
	{"HS384", KEY_SIGN, KEY_OCT, HASH_SHA384, 48, JWK_SECRET_MAX, 48, 48, 0, 0},
	{"HS512", KEY_SIGN, KEY_OCT, HASH_SHA512, 64, JWK_SECRET_MAX, 64, 64, 0, 0},
	RSA("RS256", HASH_SHA256, PUBKEY_PKCS1),
	RSA("RS384", HASH_SHA384, PUBKEY_PKCS1),
	RSA("RS512", HASH_SHA512, PUBKEY_PKCS1),
	RSA("PS256", HASH_SHA256, PUBKEY_PSS),
	RSA("PS384", HASH_SHA384, PUBKEY_PSS),
	RSA("PS512", HASH_SHA512, PUBKEY_PSS),
	EC("ES256", HASH_SHA256, PUBKEY_P256, 32),
	EC("ES384", HASH_SHA384, PUBKEY_P384, 48),
	EC("ES512", HASH_SHA512, PUBKEY_P521, 66),
	{"EdDSA", KEY_SIGN, KEY_OKP, HASH_SHA512, 32, 57, 0, 32, PUBKEY_EDDSA, PUBKEY_ED25519},
	{"A256GCM", KEY_SEAL, KEY_OCT, HASH_SHA256, 32, 32, 0, 32, 0, 0},
	{"HKDF-SHA256", KEY_DERIVE, KEY_OCT, HASH_SHA256, 32, JWK_SECRET_MAX, 0, 32, 0, 0},
};

/* The names of RFC 7518 §6.1 and RFC 8037 §2. */
const char *const key_type_names[KEY_TYPES] = {
	[KEY_OCT] = "oct",
	[KEY_RSA] = "RSA",
	[KEY_EC] = "EC",
	[KEY_OKP] = "OKP",
};

const KeyUseNames key_use_names[KEY_USES] = {
	[KEY_SIGN] = {"sig", "sign", "verify"},
	[KEY_SEAL] = {"enc", "encrypt", "decrypt"},
	[KEY_DERIVE] = {NULL, "deriveBits", "deriveBits"},
};

static const char *const state_names[] = {
	[KEY_STANDBY] = "standby",
	[KEY_CURRENT] = "current",
	[KEY_PREVIOUS] = "previous",
	[KEY_RETIRED] = "retired",
};

#define KEY_STATES 4

/* Longest k that any algorithm takes, encoded. */
#define K_MAX_CHARS BASE64URL_LENGTH(JWK_SECRET_MAX)

/* Look up an algorithm; names are case-sensitive (RFC 7515 §4.1.1). */
const KeyAlgorithm *
KeyAlgorithmFind(const char *name, size_t length)
{
	size_t		i;

	for (i = 0; i < sizeof(algorithms) / sizeof(algorithms[0]); i++)
	{
		if (strlen(algorithms[i].name) == length &&
			memcmp(algorithms[i].name, name, length) == 0)
			return &algorithms[i];
	}
	return NULL;
}

/* Name of a state. */
const char *
KeyStateName(KeyState state)
{
	return state_names[state];
}

/* Read kty. */
static Status
ReadType(const JsonDoc *doc, int object, KeyType *type)
{
	int			kty = JsonFind(doc, object, "kty");
	int			i;

	if (kty < 0 || doc->tokens[kty].type != JSON_STRING)
		return STATUS_KEY_FORMAT;
	for (i = 0; i < KEY_TYPES; i++)
	{
		if (JsonStringIs(doc, kty, key_type_names[i]))
		{
			*type = (KeyType) i;
			return STATUS_OK;
		}
	}
	return STATUS_KEY_TYPE;
}

/*
 * Read alg, which binds the key to one algorithm (RFC 8725 §3.1).  Our ring
 * always says it; somebody else's key pair may be silent where there is one
 * safe meaning, and a secret never, since too many things are done with one.
 */
static Status
ReadAlgorithm(const JsonDoc *doc, int object, int flags, KeyType type, const KeyAlgorithm **alg)
{
	int			token = JsonFind(doc, object, "alg");
	char		name[32];
	size_t		length;

	if (token < 0 && !(flags & JWKSET_RING) && type != KEY_OCT)
		return JwkSilentAlgorithm(doc, object, type, alg);
	if (token < 0)
		return STATUS_KEY_ALG;
	if (doc->tokens[token].type != JSON_STRING)
		return STATUS_KEY_FORMAT;
	if (JsonString(doc, token, name, sizeof(name), &length) != STATUS_OK)
		return STATUS_KEY_ALG;
	*alg = KeyAlgorithmFind(name, length);
	if (*alg == NULL || (*alg)->type != type)
		return STATUS_KEY_ALG;
	return STATUS_OK;
}

/* Read kid. */
static Status
ReadKid(const JsonDoc *doc, int object, int flags, Jwk *jwk)
{
	int			kid = JsonFind(doc, object, "kid");
	size_t		length;

	if (kid < 0)
		return (flags & JWKSET_RING) ? STATUS_KEY_FORMAT : STATUS_OK;
	if (JsonString(doc, kid, jwk->kid, sizeof(jwk->kid), &length) != STATUS_OK ||
		!JwkIsPrintable(jwk->kid, length))
		return STATUS_KEY_FORMAT;
	return STATUS_OK;
}

/* Read key_ops: does it allow to make (sign, encrypt) and to check (verify, decrypt)? */
static Status
ReadOperations(const JsonDoc *doc, int array, Jwk *jwk)
{
	const JsonToken *tokens = doc->tokens;
	KeyUse		use = jwk->alg->use;
	uint32_t	element;

	if (tokens[array].type != JSON_ARRAY)
		return STATUS_KEY_FORMAT;
	jwk->is_private = false;
	jwk->can_verify = false;
	for (element = (uint32_t) array + 1; element < tokens[array].next;
		 element = tokens[element].next)
	{
		if (tokens[element].type != JSON_STRING)
			return STATUS_KEY_FORMAT;
		if (JsonStringIs(doc, (int) element, key_use_names[use].make))
			jwk->is_private = true;
		if (JsonStringIs(doc, (int) element, key_use_names[use].check))
			jwk->can_verify = true;
	}
	return jwk->is_private || jwk->can_verify ? STATUS_OK : STATUS_KEY_USE;
}

/* Read use and key_ops, which must not contradict what alg is for. */
static Status
ReadUse(const JsonDoc *doc, int object, int flags, Jwk *jwk)
{
	const char *name = key_use_names[jwk->alg->use].use;
	int			use = JsonFind(doc, object, "use");
	int			operations = JsonFind(doc, object, "key_ops");

	if (use >= 0)
	{
		if (doc->tokens[use].type != JSON_STRING)
			return STATUS_KEY_FORMAT;
		if (name == NULL || !JsonStringIs(doc, use, name))
			return STATUS_KEY_USE;
	}

	jwk->is_private = true;
	jwk->can_verify = true;
	if (operations >= 0)
	{
		Status		status = ReadOperations(doc, operations, jwk);

		if (status != STATUS_OK)
			return status;
	}

	/* A ring says what each key is for, and has no half of a secret key. */
	if (flags & JWKSET_RING)
	{
		if ((name != NULL ? use : operations) < 0)
			return STATUS_KEY_FORMAT;
		if (jwk->alg->type == KEY_OCT && !(jwk->is_private && jwk->can_verify))
			return STATUS_KEY_USE;
	}
	return STATUS_OK;
}

/* Read our own members, state and since. */
static Status
ReadState(const JsonDoc *doc, int object, int flags, Jwk *jwk)
{
	int			state = JsonFind(doc, object, "state");
	int			since = JsonFind(doc, object, "since");
	int			i;

	/* Somebody else's key without a state is in use. */
	jwk->state = KEY_CURRENT;
	if (state >= 0)
	{
		for (i = 0; i < KEY_STATES; i++)
		{
			if (JsonStringIs(doc, state, state_names[i]))
				break;
		}
		if (i == KEY_STATES)
			return STATUS_KEY_STATE;
		jwk->state = (KeyState) i;
	}
	else if (flags & JWKSET_RING)
		return STATUS_KEY_STATE;

	if (since >= 0 && (flags & JWKSET_RING) &&
		(JsonInteger(doc, since, &jwk->since) != STATUS_OK || jwk->since < 0))
		return STATUS_KEY_FORMAT;
	return STATUS_OK;
}

/* Read k, the secret of an oct key (RFC 7518 §6.4.1). */
static Status
ReadSecret(const JsonDoc *doc, int object, Jwk *jwk)
{
	int			k = JsonFind(doc, object, "k");
	char		encoded[K_MAX_CHARS + 1];
	uint8_t		secret[BASE64URL_DECODED(K_MAX_CHARS)];
	size_t		length;
	Status		status = STATUS_KEY_FORMAT;

	if (k >= 0 &&
		JsonString(doc, k, encoded, sizeof(encoded), &length) == STATUS_OK &&
		Base64UrlDecode(encoded, length, secret, sizeof(secret), &length) == STATUS_OK)
		status = JwkAssignSecret(jwk, secret, length);
	SecureWipe(encoded, sizeof(encoded));
	SecureWipe(secret, sizeof(secret));
	return status;
}

/* Read the key itself. */
static Status
ReadMaterial(const JsonDoc *doc, int object, int flags, Jwk *jwk)
{
	switch (jwk->alg->type)
	{
		case KEY_OCT:
			return ReadSecret(doc, object, jwk);

		case KEY_RSA:
		case KEY_EC:
		case KEY_OKP:
			return JwkReadPair(doc, object, flags, jwk);
	}
	return STATUS_KEY_ALG;
}

/* Read one key.  On failure the caller clears it. */
static Status
ReadKey(const JsonDoc *doc, int object, int flags, Jwk *jwk)
{
	KeyType		type;
	Status		status;

	if (doc->tokens[object].type != JSON_OBJECT)
		return STATUS_KEY_FORMAT;
	status = ReadType(doc, object, &type);
	if (status == STATUS_OK && (flags & JWKSET_VERIFIERS) && JwkHasPrivate(doc, object, type))
		status = STATUS_KEY_PRIVATE;
	if (status == STATUS_OK)
		status = ReadAlgorithm(doc, object, flags, type, &jwk->alg);
	if (status == STATUS_OK)
		status = ReadKid(doc, object, flags, jwk);
	if (status == STATUS_OK)
		status = ReadUse(doc, object, flags, jwk);
	if (status == STATUS_OK)
		status = ReadState(doc, object, flags, jwk);
	if (status == STATUS_OK)
		status = ReadMaterial(doc, object, flags, jwk);
	return status;
}

/*
 * Is this a key of a kind that we do not know?  One without alg that is not
 * for signatures is: we would not know what to do with it.
 */
static bool
IsUnknown(const JsonDoc *doc, int object, Status status)
{
	return status == STATUS_KEY_TYPE || status == STATUS_KEY_ALG ||
		(status == STATUS_KEY_USE && JsonFind(doc, object, "alg") < 0);
}

/*
 * Read a key and append it to the set, which has room.  A key of a kind that
 * we do not know is an error in our ring; in other people's sets it is passed
 * over (RFC 7517 §5), and *unknown keeps the reason.
 */
static Status
ReadMember(const JsonDoc *doc, int object, int flags, JwkSet *set, Status *unknown)
{
	Jwk		   *jwk = &set->keys[set->count];
	Status		status;

	status = ReadKey(doc, object, flags, jwk);
	if (status == STATUS_OK && JwkSetFind(set, jwk->kid, strlen(jwk->kid)) != NULL)
		status = STATUS_KEY_DUPLICATE;
	if (status == STATUS_OK)
	{
		set->count++;
		return STATUS_OK;
	}

	JwkClear(jwk);
	if (!(flags & JWKSET_RING) && IsUnknown(doc, object, status))
	{
		if (*unknown == STATUS_OK)
			*unknown = status;
		return STATUS_OK;
	}
	return status;
}

/* Read the outermost value: a JWK Set or one bare JWK. */
static Status
ReadSet(const JsonDoc *doc, int flags, JwkSet *set)
{
	const JsonToken *tokens = doc->tokens;
	int			keys = JsonFind(doc, 0, "keys");
	bool		bare = keys < 0;
	uint32_t	room = bare ? 1 : tokens[keys].count;
	Status		unknown = STATUS_OK;
	Status		status = STATUS_OK;

	if (tokens[0].type != JSON_OBJECT || (bare && (flags & JWKSET_RING)) ||
		(!bare && (tokens[keys].type != JSON_ARRAY || JsonFind(doc, 0, "kty") >= 0)))
		return STATUS_KEY_FORMAT;
	if (room > JWKSET_MAX_KEYS)
		return STATUS_JSON_SIZE;
	if (room == 0)
		return STATUS_KEY_NONE;

	set->keys = calloc(room, sizeof(Jwk));
	if (set->keys == NULL)
		return STATUS_MEMORY;
	if (bare)
		status = ReadMember(doc, 0, flags, set, &unknown);
	else
	{
		uint32_t	element;

		for (element = (uint32_t) keys + 1;
			 element < tokens[keys].next && status == STATUS_OK;
			 element = tokens[element].next)
			status = ReadMember(doc, (int) element, flags, set, &unknown);
	}
	if (status == STATUS_OK && set->count == 0)
		status = unknown;
	return status;
}

/* A ring must be able to do everything: each use has exactly one current key. */
static Status
CheckRing(const JwkSet *set)
{
	size_t		keys[KEY_USES] = {0};
	size_t		current[KEY_USES] = {0};
	size_t		i;

	for (i = 0; i < set->count; i++)
	{
		KeyUse		use = set->keys[i].alg->use;

		keys[use]++;
		if (set->keys[i].state == KEY_CURRENT)
			current[use]++;
	}
	for (i = 0; i < KEY_USES; i++)
	{
		if (keys[i] == 0)
			return STATUS_KEY_NONE;
		if (current[i] != 1)
			return STATUS_KEY_STATE;
	}
	return STATUS_OK;
}

/* Parse a set. */
Status
JwkSetParse(const char *text, size_t length, int flags, JwkSet **out)
{
	JsonToken  *tokens = NULL;
	JwkSet	   *set = NULL;
	JsonDoc		doc;
	size_t		max_tokens;
	Status		status;

	*out = NULL;
	if (length > JWKSET_MAX_BYTES)
		return STATUS_JSON_SIZE;

	/* A value or name takes two bytes, brackets or separator included. */
	max_tokens = length / 2 + JSON_MAX_DEPTH;
	tokens = malloc(max_tokens * sizeof(JsonToken));
	if (tokens == NULL)
		return STATUS_MEMORY;
	status = JsonParse(text, length, tokens, max_tokens, &doc);
	if (status == STATUS_OK)
		status = JwkSetNew(&set);
	if (status == STATUS_OK)
		status = ReadSet(&doc, flags, set);
	if (status == STATUS_OK && (flags & JWKSET_RING))
		status = CheckRing(set);
	free(tokens);

	if (status != STATUS_OK)
	{
		JwkSetFree(set);
		return status;
	}
	*out = set;
	return STATUS_OK;
}
