/*
 * src/core/jwkpair.h: reading JWKs of the types RSA, EC and OKP; for jwk.c only.
 */
#ifndef CORE_JWKPAIR_H
#define CORE_JWKPAIR_H

#include "json.h"
#include "jwk.h"

/* Has the object a private member of its type? */
extern bool JwkHasPrivate(const JsonDoc *doc, int object, KeyType type) MUST_CHECK;

/* The algorithm of a key that names none. */
extern Status JwkSilentAlgorithm(const JsonDoc *doc, int object, KeyType type,
								 const KeyAlgorithm **alg) MUST_CHECK;

/*
 * Read the public key or key pair.  alg is set before, is_private and
 * can_verify are what key_ops says.  On failure the caller clears the key.
 */
extern Status JwkReadPair(const JsonDoc *doc, int object, int flags, Jwk *jwk) MUST_CHECK;

#endif							/* CORE_JWKPAIR_H */
