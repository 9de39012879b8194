/*
 * src/core/passdigest.c: salted digests as LDAP servers store them: {SSHA} and its
 * kin of SHA-2.
 *
 * One computation of a digest keeps nobody from guessing: they are for import, and
 * are replaced at the first login.  Depends on libcrypto and mem.
 */
#include "passscheme.h"

#include <string.h>

#include <openssl/err.h>
#include <openssl/evp.h>

#include "mem.h"

/* OpenLDAP's salts have 4 bytes in old versions, 8 in new ones; {SHA} has none. */
#define MIN_SALT_BYTES 4

/* {SSHA}base64(digest, salt) */
Status
PassParseLdap(const char *text, size_t length, PassHash *out)
{
	PassText	rest = PassTextBehind(text, length, strlen(out->scheme->prefix));
	const EVP_MD *digest = EVP_get_digestbyname(out->digest);
	size_t		digest_bytes = digest != NULL ? (size_t) EVP_MD_get_size(digest) : 0;
	uint8_t		both[EVP_MAX_MD_SIZE + PASS_SALT_SIZE];
	size_t		both_length;

	if (digest == NULL)
		return STATUS_CRYPTO;
	if (PassBase64Decode(rest.at, (size_t) (rest.end - rest.at), PASS_BASE64_PADDED,
						 both, sizeof(both), &both_length) != STATUS_OK ||
		both_length < digest_bytes + MIN_SALT_BYTES || both_length > digest_bytes + PASS_SALT_SIZE)
		return STATUS_HASH_FORMAT;
	memcpy(out->key, both, digest_bytes);
	out->key_length = digest_bytes;
	memcpy(out->salt, both + digest_bytes, both_length - digest_bytes);
	out->salt_length = both_length - digest_bytes;
	SecureWipe(both, sizeof(both));
	return STATUS_OK;
}

/* The digest of password and salt. */
Status
PassComputeLdap(const char *password, size_t length, const PassHash *hash, uint8_t *out)
{
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	Status		status = STATUS_OK;

	if (context == NULL ||
		EVP_DigestInit_ex(context, EVP_get_digestbyname(hash->digest), NULL) != 1 ||
		EVP_DigestUpdate(context, password, length) != 1 ||
		EVP_DigestUpdate(context, hash->salt, hash->salt_length) != 1 ||
		EVP_DigestFinal_ex(context, out, NULL) != 1)
	{
		ERR_clear_error();
		status = STATUS_CRYPTO;
	}
	EVP_MD_CTX_free(context);
	return status;
}
