/*
 * src/core/pubkey.c: signing and verifying with key pairs.
 *
 * Depends on libcrypto, hmac (for the hash), mem and pubkeybuild.
 */
#include "pubkeybuild.h"

#include <string.h>

#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/rsa.h>

#include "mem.h"

/* The largest DER form of an ECDSA signature: two integers of 66 bytes. */
#define ECDSA_DER_MAX 160

/* Kind. */
PubKeyKind
PubKeyGetKind(const PubKey *key)
{
	return key->kind;
}

/* Does it hold what it takes to sign? */
bool
PubKeyIsPrivate(const PubKey *key)
{
	return key->is_private;
}

/* Length of its signatures. */
size_t
PubKeySignatureBytes(const PubKey *key)
{
	return key->signature_bytes;
}

/* Free a key; OpenSSL wipes the private parts of its own. */
void
PubKeyFree(PubKey *key)
{
	if (key == NULL)
		return;
	EVP_PKEY_CTX_free(key->verify);
	EVP_PKEY_CTX_free(key->sign);
	EVP_MD_CTX_free(key->ed_verify);
	EVP_MD_CTX_free(key->ed_sign);
	EVP_MD_free(key->md);
	EVP_PKEY_free(key->pkey);
	SecureFree(key, sizeof(PubKey));
}

/* Choose the padding of RSA. */
static bool
SetPadding(const PubKey *key, EVP_PKEY_CTX *context)
{
	switch (key->scheme)
	{
		case PUBKEY_PKCS1:
			return EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PADDING) == 1;
		case PUBKEY_PSS:
			return EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PSS_PADDING) == 1 &&
				EVP_PKEY_CTX_set_rsa_mgf1_md(context, key->md) == 1 &&
				EVP_PKEY_CTX_set_rsa_pss_saltlen(context, RSA_PSS_SALTLEN_DIGEST) == 1;
		case PUBKEY_ECDSA:
		case PUBKEY_EDDSA:
			break;
	}
	return true;
}

/* The kept context of RSA or ECDSA, made at the first use. */
static EVP_PKEY_CTX *
Context(PubKey *key, bool sign)
{
	EVP_PKEY_CTX **kept = sign ? &key->sign : &key->verify;
	EVP_PKEY_CTX *context;

	if (*kept != NULL)
		return *kept;
	context = EVP_PKEY_CTX_new_from_pkey(NULL, key->pkey, NULL);
	if (context == NULL ||
		(sign ? EVP_PKEY_sign_init(context) : EVP_PKEY_verify_init(context)) != 1 ||
		EVP_PKEY_CTX_set_signature_md(context, key->md) != 1 ||
		!SetPadding(key, context))
	{
		EVP_PKEY_CTX_free(context);
		return NULL;
	}
	*kept = context;
	return context;
}

/*
 * The kept context of EdDSA.  OpenSSL 3.0 lets one be used again as it is;
 * later versions want it begun anew, which costs nothing without a key.
 */
static EVP_MD_CTX *
EdContext(PubKey *key, bool sign)
{
	int			(*init) (EVP_MD_CTX *, EVP_PKEY_CTX **, const EVP_MD *, ENGINE *, EVP_PKEY *) =
	sign ? EVP_DigestSignInit : EVP_DigestVerifyInit;
	EVP_MD_CTX **kept = sign ? &key->ed_sign : &key->ed_verify;

	if (*kept != NULL)
	{
		if (init(*kept, NULL, NULL, NULL, NULL) == 1)
			return *kept;
		EVP_MD_CTX_free(*kept);
	}
	*kept = EVP_MD_CTX_new();
	if (*kept != NULL && init(*kept, NULL, NULL, NULL, key->pkey) == 1)
		return *kept;
	EVP_MD_CTX_free(*kept);
	*kept = NULL;
	return NULL;
}

/* Write a big-endian number as DER: the fewest bytes, the first one below 128; NULL if it is 0. */
static uint8_t *
WriteInteger(uint8_t *out, const uint8_t *bytes, size_t length)
{
	size_t		sign;

	while (length > 0 && *bytes == 0)
	{
		bytes++;
		length--;
	}
	if (length == 0)
		return NULL;
	sign = *bytes >> 7;
	*out++ = 0x02;
	*out++ = (uint8_t) (sign + length);
	if (sign)
		*out++ = 0;
	memcpy(out, bytes, length);
	return out + length;
}

/*
 * Write r || s as the DER that OpenSSL takes; returns its length, 0 if r or s is
 * 0, which signs nothing (CVE-2022-21449).  OpenSSL refuses that as well, and
 * what is above the order.  Its own i2d_ECDSA_SIG would cost six allocations and
 * a hundredth of a verification.
 */
static size_t
EcdsaToDer(const PubKey *key, const uint8_t *signature, uint8_t der[ECDSA_DER_MAX])
{
	size_t		half = key->signature_bytes / 2;
	uint8_t		body[ECDSA_DER_MAX];
	uint8_t    *end = WriteInteger(body, signature, half);
	size_t		length;
	size_t		start = 0;

	if (end != NULL)
		end = WriteInteger(end, signature + half, half);
	if (end == NULL)
		return 0;
	length = (size_t) (end - body);
	der[start++] = 0x30;
	if (length > 0x7f)
		der[start++] = 0x81;
	der[start++] = (uint8_t) length;
	memcpy(der + start, body, length);
	return start + length;
}

/* Write the DER that OpenSSL makes as r || s. */
static bool
EcdsaFromDer(const PubKey *key, const uint8_t *der, size_t length, uint8_t *signature)
{
	int			half = (int) key->signature_bytes / 2;
	ECDSA_SIG  *pair = d2i_ECDSA_SIG(NULL, &der, (long) length);
	bool		written;

	if (pair == NULL)
		return false;
	written = BN_bn2binpad(ECDSA_SIG_get0_r(pair), signature, half) == half &&
		BN_bn2binpad(ECDSA_SIG_get0_s(pair), signature + half, half) == half;
	ECDSA_SIG_free(pair);
	return written;
}

/* Verify with RSA or ECDSA: the signature of a hash. */
static Status
VerifyHash(PubKey *key, const void *data, size_t length, const uint8_t *signature)
{
	EVP_PKEY_CTX *context = Context(key, false);
	size_t		signature_length = key->signature_bytes;
	uint8_t		hash[HASH_MAX_BYTES];
	uint8_t		der[ECDSA_DER_MAX];

	if (context == NULL || HashCompute(key->hash, data, length, hash) != STATUS_OK)
		return STATUS_CRYPTO;
	if (key->scheme == PUBKEY_ECDSA)
	{
		signature_length = EcdsaToDer(key, signature, der);
		signature = der;
		if (signature_length == 0)
			return STATUS_TOKEN_SIGNATURE;
	}
	return EVP_PKEY_verify(context, signature, signature_length, hash, HashBytes(key->hash)) == 1
		? STATUS_OK : STATUS_TOKEN_SIGNATURE;
}

/* Verify with EdDSA: the signature of the data. */
static Status
VerifyData(PubKey *key, const void *data, size_t length, const uint8_t *signature)
{
	EVP_MD_CTX *context = EdContext(key, false);

	if (context == NULL)
		return STATUS_CRYPTO;
	return EVP_DigestVerify(context, signature, key->signature_bytes, data, length) == 1
		? STATUS_OK : STATUS_TOKEN_SIGNATURE;
}

/* Verify a signature. */
Status
PubKeyVerify(PubKey *key, const void *data, size_t length,
			 const uint8_t *signature, size_t signature_length)
{
	Status		status;

	/* Also of RSA: shorter and padded ones are other bytes for the same number. */
	if (signature_length != key->signature_bytes)
		return STATUS_TOKEN_SIGNATURE;
	status = key->scheme == PUBKEY_EDDSA
		? VerifyData(key, data, length, signature)
		: VerifyHash(key, data, length, signature);
	return status == STATUS_OK ? STATUS_OK : PubKeyFailed(status);
}

/* Sign with RSA or ECDSA. */
static Status
SignHash(PubKey *key, const void *data, size_t length, uint8_t *signature)
{
	EVP_PKEY_CTX *context = Context(key, true);
	uint8_t		hash[HASH_MAX_BYTES];
	uint8_t		der[ECDSA_DER_MAX];
	bool		is_ecdsa = key->scheme == PUBKEY_ECDSA;
	size_t		written = is_ecdsa ? sizeof(der) : key->signature_bytes;

	if (context == NULL || HashCompute(key->hash, data, length, hash) != STATUS_OK)
		return STATUS_CRYPTO;
	if (EVP_PKEY_sign(context, is_ecdsa ? der : signature, &written, hash,
					  HashBytes(key->hash)) != 1)
		return STATUS_CRYPTO;
	if (is_ecdsa)
		return EcdsaFromDer(key, der, written, signature) ? STATUS_OK : STATUS_CRYPTO;
	return written == key->signature_bytes ? STATUS_OK : STATUS_CRYPTO;
}

/* Sign with EdDSA. */
static Status
SignData(PubKey *key, const void *data, size_t length, uint8_t *signature)
{
	EVP_MD_CTX *context = EdContext(key, true);
	size_t		written = key->signature_bytes;

	if (context == NULL ||
		EVP_DigestSign(context, signature, &written, data, length) != 1 ||
		written != key->signature_bytes)
		return STATUS_CRYPTO;
	return STATUS_OK;
}

/* Sign data. */
Status
PubKeySign(PubKey *key, const void *data, size_t length, uint8_t *signature, size_t size)
{
	Status		status;

	if (!key->is_private)
		return STATUS_KEY_USE;
	if (size < key->signature_bytes)
		return STATUS_ARGUMENT;
	status = key->scheme == PUBKEY_EDDSA
		? SignData(key, data, length, signature)
		: SignHash(key, data, length, signature);
	if (status == STATUS_OK)
		return STATUS_OK;
	SecureWipe(signature, key->signature_bytes);
	return PubKeyFailed(status);
}
