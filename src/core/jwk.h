/*
 * src/core/jwk.h: JSON Web Keys and sets (RFC 7517, 7518, 7638, 8037).
 *
 * A key knows its one algorithm: it is bound to the key and never taken from
 * a token (RFC 8725 §3.1).
 */
#ifndef CORE_JWK_H
#define CORE_JWK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hmac.h"
#include "pubkey.h"
#include "status.h"

typedef enum KeyType
{
	KEY_OCT,
	KEY_RSA,
	KEY_EC,
	KEY_OKP
} KeyType;

typedef enum KeyUse
{
	KEY_SIGN,					/* "use": "sig" */
	KEY_SEAL,					/* "use": "enc", AES-256-GCM */
	KEY_DERIVE					/* "key_ops": ["deriveBits"], the HKDF source */
} KeyUse;

typedef enum KeyState
{
	KEY_STANDBY,				/* published, verifies, does not sign yet */
	KEY_CURRENT,				/* the one that signs or seals */
	KEY_PREVIOUS,				/* verifies and opens, no longer signs or seals */
	KEY_RETIRED					/* sign: nothing any more; seal: still opens old values */
} KeyState;

/* What a key of an algorithm must be.  One table in jwk.c holds them all. */
typedef struct KeyAlgorithm
{
	const char *name;			/* "HS256", "EdDSA", "A256GCM", "HKDF-SHA256", … */
	KeyUse		use;
	KeyType		type;
	HashKind	hash;
	size_t		min_bytes;		/* of the secret or modulus */
	size_t		max_bytes;
	size_t		signature_bytes;	/* 0: depends on the key */
	size_t		generate_bytes; /* of a new secret or modulus */
	PubKeyScheme scheme;		/* of the types but KEY_OCT */
	PubKeyKind	kind;			/* the only one; of EdDSA, that of new keys */
} KeyAlgorithm;

#define JWK_KID_MAX 64
#define JWK_THUMBPRINT_CHARS 43

typedef struct Jwk
{
	char		kid[JWK_KID_MAX + 1];
	const KeyAlgorithm *alg;
	KeyState	state;
	int64_t		since;			/* epoch seconds at which the state began; 0: unknown */
	uint8_t    *secret;			/* oct: the bytes of k */
	size_t		secret_length;
	HmacKey    *hmac;			/* oct keys for signing and deriving */
	PubKey	   *pubkey;			/* of the other types */
	bool		is_private;		/* can sign: holds what it takes, and key_ops allows it */
	bool		can_verify;		/* key_ops, where given, allows to verify */
	char		thumbprint[JWK_THUMBPRINT_CHARS + 1];	/* RFC 7638, SHA-256 */
	char	   *header;			/* our own JWS header for this key and typ JWT, base64url */
	size_t		header_length;
} Jwk;

typedef struct JwkSet
{
	Jwk		   *keys;
	size_t		count;
} JwkSet;

/*
 * What is asked of a set.  A RING is our own key file: every key has a kid and
 * a state, use is given, each use has exactly one current key.  Without it a
 * JWK Set (or one bare JWK) as anybody writes it: kid and state are optional,
 * and so is alg where the key has one safe meaning: an EC key that of its curve,
 * an OKP key EdDSA, an RSA key RS256 and nothing else.  VERIFIERS are keys of
 * somebody else that only verify: who gave away a private part with them
 * (STATUS_KEY_PRIVATE) has to be told.
 */
#define JWKSET_RING 1
#define JWKSET_VERIFIERS 2

#define JWKSET_MAX_KEYS 100
#define JWKSET_MAX_BYTES (256 * 1024)

extern const KeyAlgorithm *KeyAlgorithmFind(const char *name, size_t length) MUST_CHECK;

/* "standby", "current", "previous" or "retired". */
extern const char *KeyStateName(KeyState state);

extern Status JwkSetParse(const char *text, size_t length, int flags, JwkSet **out) MUST_CHECK;
extern void JwkSetFree(JwkSet *set);	/* wipes */

/* Key of a kid, or NULL. */
extern const Jwk *JwkSetFind(const JwkSet *set, const char *kid, size_t kid_length) MUST_CHECK;

/* The current key of a use, or NULL. */
extern const Jwk *JwkSetCurrent(const JwkSet *set, KeyUse use) MUST_CHECK;

/*
 * Add a key to a set (created by JwkSetNew): a fresh one, or a given secret.
 * The kid is random.  A current key of the same use becomes previous.
 * The pointer to the added key is good until the next addition.
 */
extern Status JwkSetNew(JwkSet **out) MUST_CHECK;
extern Status JwkSetAddGenerated(JwkSet *set, const KeyAlgorithm *alg, KeyState state,
								 int64_t now, const Jwk **added) MUST_CHECK;
extern Status JwkSetAddSecret(JwkSet *set, const KeyAlgorithm *alg, KeyState state,
							  const uint8_t *secret, size_t length,
							  int64_t now, const Jwk **added) MUST_CHECK;

/*
 * Add the key of a JWK, or of a JWK Set of one key, as the current one of its
 * use.  It keeps its kid, or gets a random one.  STATUS_KEY_PUBLIC without a
 * private part, STATUS_KEY_USE when its key_ops do not allow what a ring does
 * with it, STATUS_ARGUMENT when there is not exactly one key.
 */
extern Status JwkSetImport(JwkSet *set, const char *text, size_t length,
						   int64_t now, const Jwk **added) MUST_CHECK;

/*
 * The life of a key in a ring: standby, current, previous, retired, gone.  A
 * standby or previous key becomes current (and the current one previous); any
 * but the current one can be retired; a retired one removed.  STATUS_KEY_NONE
 * without such a kid, STATUS_KEY_STATE from another state, STATUS_KEY_PUBLIC if
 * a public key should sign.
 */
extern Status JwkSetPromote(JwkSet *set, const char *kid, size_t kid_length,
							int64_t now) MUST_CHECK;
extern Status JwkSetRetire(JwkSet *set, const char *kid, size_t kid_length,
						   int64_t now) MUST_CHECK;
extern Status JwkSetRemove(JwkSet *set, const char *kid, size_t kid_length) MUST_CHECK;

/* Which keys a serialized set holds. */
typedef enum JwkSetView
{
	JWKSET_ALL,					/* the ring itself, private parts and states */
	JWKSET_VERIFY,				/* keys that verify signatures, symmetric ones included,
								 * no private parts */
	JWKSET_PUBLIC				/* asymmetric public keys only: fit for everybody */
} JwkSetView;

/*
 * Serialize as JSON (indented for JWKSET_ALL, so that people can read it).
 * The result is malloc'd and NUL-terminated: release it with SecureFree().
 */
extern Status JwkSetWrite(const JwkSet *set, JwkSetView view, char **out, size_t *length) MUST_CHECK;

#endif							/* CORE_JWK_H */
