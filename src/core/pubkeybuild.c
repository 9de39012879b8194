/*
 * src/core/pubkeybuild.c: making key pairs of members, fresh ones, and members of them.
 *
 * Depends on libcrypto, mem and pubkeybuild.
 */
#include "pubkeybuild.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/err.h>

#include "mem.h"

/* RFC 7518 §6.2, §6.3, and RFC 8037 §2. */
const PubKeyShape pubkey_shapes[PUBKEY_KINDS] = {
	[PUBKEY_RSA] = {NULL, 2, 8, {"n", "e", "d", "p", "q", "dp", "dq", "qi"}, 0, 0},
	[PUBKEY_P256] = {"P-256", 2, 3, {"x", "y", "d"}, 32, 64},
	[PUBKEY_P384] = {"P-384", 2, 3, {"x", "y", "d"}, 48, 96},
	[PUBKEY_P521] = {"P-521", 2, 3, {"x", "y", "d"}, 66, 132},
	[PUBKEY_ED25519] = {"Ed25519", 1, 2, {"x", "d"}, 32, 64},
	[PUBKEY_ED448] = {"Ed448", 1, 2, {"x", "d"}, 57, 114},
};

/* OpenSSL's names of the members; those of an Edwards key are not asked for by name. */
static const char *const rsa_parameters[PUBKEY_MEMBERS] = {
	OSSL_PKEY_PARAM_RSA_N,
	OSSL_PKEY_PARAM_RSA_E,
	OSSL_PKEY_PARAM_RSA_D,
	OSSL_PKEY_PARAM_RSA_FACTOR1,
	OSSL_PKEY_PARAM_RSA_FACTOR2,
	OSSL_PKEY_PARAM_RSA_EXPONENT1,
	OSSL_PKEY_PARAM_RSA_EXPONENT2,
	OSSL_PKEY_PARAM_RSA_COEFFICIENT1,
};

static const char *const ec_parameters[] = {
	OSSL_PKEY_PARAM_EC_PUB_X,
	OSSL_PKEY_PARAM_EC_PUB_Y,
	OSSL_PKEY_PARAM_PRIV_KEY,
};

/* An uncompressed point (SEC 1 §2.3.3): 4, x, y. */
#define EC_POINT_MAX (1 + 2 * 66)

/* Names of the hashes. */
static const char *const hash_names[] = {
	[HASH_SHA256] = "SHA256",
	[HASH_SHA384] = "SHA384",
	[HASH_SHA512] = "SHA512",
};

/* Empty OpenSSL's queue of errors, and return the status. */
Status
PubKeyFailed(Status status)
{
	ERR_clear_error();
	return status;
}

/* Make an integer of big-endian bytes a parameter, which wants the machine's own order. */
static OSSL_PARAM
IntegerParameter(const char *name, PubKeyMaterial *material, int member)
{
	uint8_t    *bytes = material->bytes[member];
	size_t		length = material->lengths[member];

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
	size_t		i;

	for (i = 0; i < length / 2; i++)
	{
		uint8_t		byte = bytes[i];

		bytes[i] = bytes[length - 1 - i];
		bytes[length - 1 - i] = byte;
	}
#endif
	return OSSL_PARAM_construct_BN(name, bytes, length);
}

/* Have OpenSSL make a key. */
static Status
Import(PubKey *key, const char *type, OSSL_PARAM *parameters)
{
	EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, type, NULL);
	int			selection = key->is_private ? EVP_PKEY_KEYPAIR : EVP_PKEY_PUBLIC_KEY;
	Status		status = STATUS_KEY_FORMAT;

	if (context == NULL)
		return STATUS_CRYPTO;
	if (EVP_PKEY_fromdata_init(context) != 1)
		status = STATUS_CRYPTO;
	else if (EVP_PKEY_fromdata(context, &key->pkey, selection, parameters) == 1)
		status = STATUS_OK;
	EVP_PKEY_CTX_free(context);
	return status;
}

/* Make an RSA key; whether it is one was checked before. */
static Status
ImportRsa(PubKey *key, PubKeyMaterial *material)
{
	OSSL_PARAM	parameters[PUBKEY_MEMBERS + 1];
	int			count = 0;

	for (; count < PUBKEY_MEMBERS && material->lengths[count] > 0; count++)
		parameters[count] = IntegerParameter(rsa_parameters[count], material, count);
	parameters[count] = OSSL_PARAM_construct_end();
	return Import(key, "RSA", parameters);
}

/* Make an EC key. */
static Status
ImportEc(PubKey *key, PubKeyMaterial *material)
{
	const PubKeyShape *shape = &pubkey_shapes[key->kind];
	size_t		bytes = shape->member_bytes;
	uint8_t		point[EC_POINT_MAX];
	OSSL_PARAM	parameters[4];
	int			count = 0;
	EVP_PKEY_CTX *context;
	Status		status;

	point[0] = POINT_CONVERSION_UNCOMPRESSED;
	memcpy(point + 1, material->bytes[0], bytes);
	memcpy(point + 1 + bytes, material->bytes[1], bytes);
	parameters[count++] = OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME,
														   (char *) shape->crv, 0);
	parameters[count++] = OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY,
															point, 1 + 2 * bytes);
	if (key->is_private)
		parameters[count++] = IntegerParameter(OSSL_PKEY_PARAM_PRIV_KEY, material, 2);
	parameters[count] = OSSL_PARAM_construct_end();
	status = Import(key, "EC", parameters);
	if (status != STATUS_OK || !key->is_private)
		return status;

	/* The private part is in its range, and the public one belongs to it. */
	context = EVP_PKEY_CTX_new_from_pkey(NULL, key->pkey, NULL);
	if (context == NULL)
		return STATUS_MEMORY;
	if (EVP_PKEY_private_check(context) != 1 || EVP_PKEY_pairwise_check(context) != 1)
		status = STATUS_KEY_FORMAT;
	EVP_PKEY_CTX_free(context);
	return status;
}

/*
 * Make an EdDSA key.  Given both parts OpenSSL would believe that they belong
 * together, and whoever signs with the wrong public part gives the private one
 * away: it gets the private part alone, and computes the public one.
 */
static Status
ImportEdwards(PubKey *key, const PubKeyMaterial *material)
{
	const PubKeyShape *shape = &pubkey_shapes[key->kind];
	size_t		bytes = shape->member_bytes;
	uint8_t		public_part[PUBKEY_MEMBER_MAX];
	size_t		length = sizeof(public_part);

	if (!key->is_private)
	{
		key->pkey = EVP_PKEY_new_raw_public_key_ex(NULL, shape->crv, NULL,
												   material->bytes[0], bytes);
		return key->pkey != NULL ? STATUS_OK : STATUS_KEY_FORMAT;
	}
	key->pkey = EVP_PKEY_new_raw_private_key_ex(NULL, shape->crv, NULL, material->bytes[1], bytes);
	if (key->pkey == NULL ||
		EVP_PKEY_get_raw_public_key(key->pkey, public_part, &length) != 1 ||
		length != bytes || memcmp(public_part, material->bytes[0], bytes) != 0)
		return STATUS_KEY_FORMAT;
	return STATUS_OK;
}

/* Allocate a key, and what it keeps from the beginning. */
static Status
Allocate(PubKeyKind kind, PubKeyScheme scheme, HashKind hash, PubKey **out)
{
	PubKey	   *key = calloc(1, sizeof(PubKey));

	*out = key;
	if (key == NULL)
		return STATUS_MEMORY;
	key->kind = kind;
	key->scheme = scheme;
	key->hash = hash;
	if (scheme == PUBKEY_EDDSA)
		return STATUS_OK;
	key->md = EVP_MD_fetch(NULL, hash_names[hash], NULL);
	return key->md != NULL ? STATUS_OK : STATUS_CRYPTO;
}

/* Set what follows from a key that is there; or free one that is not. */
static Status
Finish(PubKey *key, Status status, PubKey **out)
{
	if (status == STATUS_OK)
	{
		key->signature_bytes = pubkey_shapes[key->kind].signature_bytes;
		if (key->signature_bytes == 0)
			key->signature_bytes = (size_t) EVP_PKEY_get_size(key->pkey);
		*out = key;
		return STATUS_OK;
	}
	PubKeyFree(key);
	return PubKeyFailed(status);
}

/* Make a key of its members. */
Status
PubKeyNew(PubKeyKind kind, PubKeyScheme scheme, HashKind hash,
		  PubKeyMaterial *material, PubKey **out)
{
	PubKey	   *key;
	Status		status;

	*out = NULL;
	status = Allocate(kind, scheme, hash, &key);
	if (status == STATUS_OK)
		status = PubKeyCheckMaterial(kind, material);
	if (status == STATUS_OK)
	{
		key->is_private = material->lengths[pubkey_shapes[kind].public_members] > 0;
		switch (kind)
		{
			case PUBKEY_RSA:
				status = ImportRsa(key, material);
				break;
			case PUBKEY_P256:
			case PUBKEY_P384:
			case PUBKEY_P521:
				status = ImportEc(key, material);
				break;
			case PUBKEY_ED25519:
			case PUBKEY_ED448:
				status = ImportEdwards(key, material);
				break;
		}
	}
	SecureWipe(material, sizeof(*material));
	return Finish(key, status, out);
}

/* Make a fresh key pair. */
Status
PubKeyGenerate(PubKeyKind kind, PubKeyScheme scheme, HashKind hash, PubKey **out)
{
	const char *crv = pubkey_shapes[kind].crv;
	PubKey	   *key;
	Status		status;

	*out = NULL;
	status = Allocate(kind, scheme, hash, &key);
	if (status == STATUS_OK)
	{
		key->is_private = true;
		switch (scheme)
		{
			case PUBKEY_PKCS1:
			case PUBKEY_PSS:
				key->pkey = EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t) PUBKEY_RSA_NEW_BITS);
				break;
			case PUBKEY_ECDSA:
				key->pkey = EVP_PKEY_Q_keygen(NULL, NULL, "EC", crv);
				break;
			case PUBKEY_EDDSA:
				key->pkey = EVP_PKEY_Q_keygen(NULL, NULL, crv);
				break;
		}
		if (key->pkey == NULL)
			status = STATUS_CRYPTO;
	}
	return Finish(key, status, out);
}

/* Read an integer of a key. */
static Status
ExportInteger(const PubKey *key, const char *name, PubKeyMaterial *material, int member)
{
	int			bytes = (int) pubkey_shapes[key->kind].member_bytes;
	BIGNUM	   *integer = NULL;
	Status		status = STATUS_CRYPTO;

	if (EVP_PKEY_get_bn_param(key->pkey, name, &integer) != 1)
		return status;
	if (bytes == 0)
		bytes = BN_num_bytes(integer);
	if (bytes <= PUBKEY_MEMBER_MAX && BN_bn2binpad(integer, material->bytes[member], bytes) == bytes)
	{
		material->lengths[member] = (size_t) bytes;
		status = STATUS_OK;
	}
	BN_clear_free(integer);
	return status;
}

/* Read the bytes of an Edwards key. */
static Status
ExportBytes(const PubKey *key, bool private_part, PubKeyMaterial *material, int member)
{
	size_t		length = PUBKEY_MEMBER_MAX;
	int			done = private_part
	? EVP_PKEY_get_raw_private_key(key->pkey, material->bytes[member], &length)
	: EVP_PKEY_get_raw_public_key(key->pkey, material->bytes[member], &length);

	if (done != 1 || length != pubkey_shapes[key->kind].member_bytes)
		return STATUS_CRYPTO;
	material->lengths[member] = length;
	return STATUS_OK;
}

/* The members of a key. */
Status
PubKeyExport(const PubKey *key, bool private_parts, PubKeyMaterial *material)
{
	const PubKeyShape *shape = &pubkey_shapes[key->kind];
	int			count = shape->public_members;
	Status		status = STATUS_OK;
	int			i;

	memset(material->lengths, 0, sizeof(material->lengths));
	if (private_parts)
	{
		if (!key->is_private)
			return STATUS_KEY_USE;
		count = shape->all_members;
	}
	for (i = 0; i < count && status == STATUS_OK; i++)
	{
		if (key->scheme == PUBKEY_EDDSA)
			status = ExportBytes(key, i > 0, material, i);
		else
			status = ExportInteger(key, (key->kind == PUBKEY_RSA ? rsa_parameters : ec_parameters)[i],
								   material, i);
	}
	if (status == STATUS_OK)
		return status;
	SecureWipe(material, sizeof(*material));
	return PubKeyFailed(status);
}
