/*
 * src/core/pubkeybuild.h: the inside of a key pair; for pubkey*.c only.
 */
#ifndef CORE_PUBKEYBUILD_H
#define CORE_PUBKEYBUILD_H

#include <openssl/evp.h>

#include "pubkey.h"

struct PubKey
{
	PubKeyKind	kind;
	PubKeyScheme scheme;
	HashKind	hash;
	bool		is_private;
	size_t		signature_bytes;
	EVP_PKEY   *pkey;

	/* What is kept between signatures, all but the first since the first use. */
	EVP_MD	   *md;				/* hash; NULL for EdDSA */
	EVP_PKEY_CTX *verify;
	EVP_PKEY_CTX *sign;
	EVP_MD_CTX *ed_verify;
	EVP_MD_CTX *ed_sign;
};

/*
 * What OpenSSL does not check of a key that it is given, before it is given:
 * lengths and limits, consistency of an RSA key pair, Edwards points.
 */
extern Status PubKeyCheckMaterial(PubKeyKind kind, const PubKeyMaterial *material) MUST_CHECK;

/* Empty OpenSSL's queue of errors, and return the status. */
extern Status PubKeyFailed(Status status) MUST_CHECK;

#endif							/* CORE_PUBKEYBUILD_H */
