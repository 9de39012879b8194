/*
 * src/core/pubkey.h: signatures with key pairs: RSA, ECDSA, EdDSA (RFC 7518 §3, RFC 8037).
 *
 * A PubKey is one public or private key, bound to one scheme and hash.  It
 * keeps what OpenSSL would otherwise prepare for each signature, so one of them
 * must not be used by two threads at once.  pubkey*.c are the only contact with
 * OpenSSL's EVP_PKEY, and leave nothing in its queue of errors.
 */
#ifndef CORE_PUBKEY_H
#define CORE_PUBKEY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hmac.h"
#include "status.h"

typedef enum PubKeyKind
{
	PUBKEY_RSA,
	PUBKEY_P256,
	PUBKEY_P384,
	PUBKEY_P521,
	PUBKEY_ED25519,
	PUBKEY_ED448
} PubKeyKind;

#define PUBKEY_KINDS 6

typedef enum PubKeyScheme
{
	PUBKEY_PKCS1,				/* RSASSA-PKCS1-v1_5 */
	PUBKEY_PSS,					/* RSASSA-PSS, MGF1 and salt as the hash (RFC 7518 §3.5) */
	PUBKEY_ECDSA,				/* signatures are r || s (RFC 7518 §3.4) */
	PUBKEY_EDDSA				/* has its own hash */
} PubKeyScheme;

/* Modulus, in bits: RFC 7518 §3.3; and 16 times the work of that. */
#define PUBKEY_RSA_MIN_BITS 2048
#define PUBKEY_RSA_MAX_BITS 8192
#define PUBKEY_RSA_MIN_BYTES (PUBKEY_RSA_MIN_BITS / 8)
#define PUBKEY_RSA_MAX_BYTES (PUBKEY_RSA_MAX_BITS / 8)

/*
 * Modulus of new keys.  2048 bits are as strong as a secret of 112 (NIST SP
 * 800-57), which is not to be used after 2030; 3072 are as strong as one of 128,
 * like P-256 and Ed25519.  They sign in three times, and verify in twice, the
 * time; who minds that takes ES256 or EdDSA.
 */
#define PUBKEY_RSA_NEW_BITS 3072

/*
 * Largest e: 32 bits.  Verifying takes time by its length, and a longer one makes
 * nothing safer.  65537 is what everybody uses; other libraries stop here too.
 */
#define PUBKEY_RSA_E_MAX_BYTES 4

#define PUBKEY_SIGNATURE_MAX PUBKEY_RSA_MAX_BYTES

/* What a JWK of a kind consists of.  Public members come first. */
#define PUBKEY_MEMBERS 8
#define PUBKEY_MEMBER_MAX PUBKEY_RSA_MAX_BYTES

typedef struct PubKeyShape
{
	const char *crv;			/* NULL: the kind has none */
	int			public_members;
	int			all_members;
	const char *members[PUBKEY_MEMBERS];
	size_t		member_bytes;	/* of each; 0: as many as the integer needs */
	size_t		signature_bytes;	/* 0: as the modulus */
} PubKeyShape;

extern const PubKeyShape pubkey_shapes[PUBKEY_KINDS];

/* The members as bytes, in the order of the shape; integers are big-endian. */
typedef struct PubKeyMaterial
{
	size_t		lengths[PUBKEY_MEMBERS];	/* 0: absent */
	uint8_t		bytes[PUBKEY_MEMBERS][PUBKEY_MEMBER_MAX];
} PubKeyMaterial;

typedef struct PubKey PubKey;

/*
 * Make a key of its members: the public ones, or all.  Refused are members of
 * a wrong length, moduli and exponents outside the limits above, points that
 * are not on the curve or of small order, and private parts that are not those
 * of the public ones.  The material is wiped.
 */
extern Status PubKeyNew(PubKeyKind kind, PubKeyScheme scheme, HashKind hash,
						PubKeyMaterial *material, PubKey **out) MUST_CHECK;

/* Make a fresh key pair. */
extern Status PubKeyGenerate(PubKeyKind kind, PubKeyScheme scheme, HashKind hash,
							 PubKey **out) MUST_CHECK;

extern void PubKeyFree(PubKey *key);	/* wipes */

extern PubKeyKind PubKeyGetKind(const PubKey *key);
extern bool PubKeyIsPrivate(const PubKey *key) MUST_CHECK;
extern size_t PubKeySignatureBytes(const PubKey *key);

/* The members of a key, private ones only if asked for; the caller wipes them. */
extern Status PubKeyExport(const PubKey *key, bool private_parts,
						   PubKeyMaterial *material) MUST_CHECK;

/* STATUS_TOKEN_SIGNATURE unless this is a signature of data by this key. */
extern Status PubKeyVerify(PubKey *key, const void *data, size_t length,
						   const uint8_t *signature, size_t signature_length) MUST_CHECK;

/* Sign; writes PubKeySignatureBytes() bytes. */
extern Status PubKeySign(PubKey *key, const void *data, size_t length,
						 uint8_t *signature, size_t size) MUST_CHECK;

#endif							/* CORE_PUBKEY_H */
