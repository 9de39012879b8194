/*
 * src/jwkcache.h: keys that callers give as jsonb, parsed once and kept.
 */
#ifndef JWKCACHE_H
#define JWKCACHE_H

#include "postgres.h"

#include "core/jwk.h"

/*
 * The parsed set (or bare key) of a jsonb argument: for signing (flags 0), or
 * for verifying, where a private part of an asymmetric key is refused.  It is
 * good until the next call.  Reports an error that calls it by what.
 */
extern const JwkSet *JwkCacheGet(Datum jwks, int flags, const char *what);

#endif							/* JWKCACHE_H */
