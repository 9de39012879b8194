/*
 * bench/plain.c: the least that the work could cost, as C functions to measure
 * ours against.
 *
 * Depends on libcrypto, libcrypt and libsodium, and on nothing of src/.  Built and
 * installed by bench/run only, never shipped: it takes keys as arguments and
 * checks nothing that it need not check to be fast.
 */
#include "postgres.h"

#include <time.h>

#include <crypt.h>

#define OPENSSL_SUPPRESS_DEPRECATED

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/rand.h>
#include <openssl/sha.h>

#include <sodium.h>

#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/jsonb.h"

PG_MODULE_MAGIC;

/* PostgreSQL 15 does not export the function itself. */
#define SQL_FUNCTION(name) \
	extern PGDLLEXPORT Datum name(PG_FUNCTION_ARGS); \
	PG_FUNCTION_INFO_V1(name)

SQL_FUNCTION(plain_cpu);
SQL_FUNCTION(plain_signing_key);
SQL_FUNCTION(plain_verify);
SQL_FUNCTION(plain_verify_jsonb);
SQL_FUNCTION(plain_public_key);
SQL_FUNCTION(plain_verify_signature);
SQL_FUNCTION(plain_verify_signature_jsonb);
SQL_FUNCTION(plain_bcrypt);
SQL_FUNCTION(plain_argon2id);
SQL_FUNCTION(plain_sealing_key);
SQL_FUNCTION(plain_seal);
SQL_FUNCTION(plain_open);

#define MAC_BYTES SHA256_DIGEST_LENGTH
#define KEY_BYTES 32
#define NONCE_BYTES 12
#define TAG_BYTES 16
#define BCRYPT_CHARS 60
#define SIGNATURE_MAX 1024

/* The kept key: hash states that have absorbed key xor ipad and key xor opad. */
static SHA256_CTX inner;
static SHA256_CTX outer;

/* The kept contexts of AES-256-GCM, with their key. */
static EVP_CIPHER_CTX *seal_context;
static EVP_CIPHER_CTX *open_context;

/* The public key, and its kept contexts; digest is NULL for EdDSA. */
static EVP_PKEY *public_key;
static EVP_PKEY_CTX *verify_context;
static EVP_MD_CTX *digest_context;
static EVP_MD *digest;
static bool is_ecdsa;

/* Values of the base64url characters; 64 for all others. */
static uint8 values[256];

/* A part of a token, or bytes, of which only length are good. */
typedef struct Span
{
	const char *start;
	size_t		length;
} Span;

/* SQL function: bench.cpu() returns float8: microseconds that this backend has computed */
Datum
plain_cpu(PG_FUNCTION_ARGS)
{
	struct timespec now;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
	PG_RETURN_FLOAT8((double) now.tv_sec * 1e6 + (double) now.tv_nsec / 1e3);
}

/* Absorb one block of key xor pad. */
static void
PrepareState(SHA256_CTX *state, const uint8 *key, size_t length, uint8 pad)
{
	uint8		block[SHA256_CBLOCK];

	memset(block, pad, sizeof(block));
	for (size_t i = 0; i < length; i++)
		block[i] ^= key[i];
	SHA256_Init(state);
	SHA256_Update(state, block, sizeof(block));
}

/* Fill the table of values. */
static void
PrepareValues(void)
{
	static const char alphabet[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

	memset(values, 64, sizeof(values));
	for (int i = 0; i < 64; i++)
		values[(uint8) alphabet[i]] = (uint8) i;
}

/* SQL function: bench.signing_key(key bytea) returns void */
Datum
plain_signing_key(PG_FUNCTION_ARGS)
{
	bytea	   *key = PG_GETARG_BYTEA_PP(0);

	if (VARSIZE_ANY_EXHDR(key) > SHA256_CBLOCK)
		elog(ERROR, "key is longer than a block");
	PrepareState(&inner, (uint8 *) VARDATA_ANY(key), VARSIZE_ANY_EXHDR(key), 0x36);
	PrepareState(&outer, (uint8 *) VARDATA_ANY(key), VARSIZE_ANY_EXHDR(key), 0x5c);
	PrepareValues();
	PG_RETURN_VOID();
}

/* Decode base64url; returns the number of bytes, or -1. */
static int
Decode(Span in, uint8 *out)
{
	uint8	   *start = out;
	uint32		group = 0;
	uint32		bad = 0;
	size_t		i = 0;

	for (; i + 4 <= in.length; i += 4)
	{
		uint8		a = values[(uint8) in.start[i]];
		uint8		b = values[(uint8) in.start[i + 1]];
		uint8		c = values[(uint8) in.start[i + 2]];
		uint8		d = values[(uint8) in.start[i + 3]];

		bad |= a | b | c | d;
		group = (uint32) a << 18 | (uint32) b << 12 | (uint32) c << 6 | d;
		*out++ = (uint8) (group >> 16);
		*out++ = (uint8) (group >> 8);
		*out++ = (uint8) group;
	}
	group = 0;
	for (size_t j = i; j < in.length; j++)
	{
		bad |= values[(uint8) in.start[j]];
		group |= (uint32) values[(uint8) in.start[j]] << (18 - 6 * (j - i));
	}
	if (in.length - i > 1)
		*out++ = (uint8) (group >> 16);
	if (in.length - i > 2)
		*out++ = (uint8) (group >> 8);
	return (bad & 64) != 0 || in.length - i == 1 ? -1 : (int) (out - start);
}

/* The HMAC of what is before the last dot against what is behind it. */
static bool
VerifySignature(Span token, Span *payload)
{
	const char *end = token.start + token.length;
	const char *first = memchr(token.start, '.', token.length);
	const char *second = first ? memchr(first + 1, '.', (size_t) (end - first - 1)) : NULL;
	Span		signature;
	uint8		given[MAC_BYTES + 3];
	uint8		expected[MAC_BYTES];
	SHA256_CTX	state;

	if (second == NULL || end - second - 1 > 43)
		return false;
	payload->start = first + 1;
	payload->length = (size_t) (second - first - 1);
	signature.start = second + 1;
	signature.length = (size_t) (end - second - 1);
	if (Decode(signature, given) != MAC_BYTES)
		return false;

	state = inner;
	SHA256_Update(&state, token.start, (size_t) (second - token.start));
	SHA256_Final(expected, &state);
	state = outer;
	SHA256_Update(&state, expected, MAC_BYTES);
	SHA256_Final(expected, &state);
	return CRYPTO_memcmp(given, expected, MAC_BYTES) == 0;
}

/* The bytes of an argument. */
static Span
ArgumentSpan(FunctionCallInfo fcinfo, int number)
{
	text	   *argument = PG_GETARG_TEXT_PP(number);
	Span		span = {VARDATA_ANY(argument), VARSIZE_ANY_EXHDR(argument)};

	return span;
}

/* SQL function: bench.plain_verify(token text) returns boolean: the signature alone */
Datum
plain_verify(PG_FUNCTION_ARGS)
{
	Span		payload;

	PG_RETURN_BOOL(VerifySignature(ArgumentSpan(fcinfo, 0), &payload));
}

/* SQL function: bench.plain_verify_jsonb(token text) returns jsonb: and the payload through jsonb_in */
Datum
plain_verify_jsonb(PG_FUNCTION_ARGS)
{
	Span		payload;
	char	   *text;
	int			length;

	if (!VerifySignature(ArgumentSpan(fcinfo, 0), &payload))
		PG_RETURN_NULL();
	text = palloc(payload.length + 4);
	length = Decode(payload, (uint8 *) text);
	if (length < 0)
		PG_RETURN_NULL();
	text[length] = '\0';
	return DirectFunctionCall1(jsonb_in, CStringGetDatum(text));
}

/*
 * SQL function: bench.public_key(type text, first bytea, second bytea) returns void
 *
 * RSA with n and e, P-256 with x and y, or ED25519 with x.
 */
Datum
plain_public_key(PG_FUNCTION_ARGS)
{
	char	   *type = text_to_cstring(PG_GETARG_TEXT_PP(0));
	Span		first = ArgumentSpan(fcinfo, 1);
	Span		second = ArgumentSpan(fcinfo, 2);
	OSSL_PARAM_BLD *builder = OSSL_PARAM_BLD_new();
	EVP_PKEY_CTX *import;
	uint8		point[65] = {POINT_CONVERSION_UNCOMPRESSED};

	PrepareValues();
	is_ecdsa = strcmp(type, "P-256") == 0;
	public_key = NULL;
	if (strcmp(type, "ED25519") == 0)
		public_key = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, (const uint8 *) first.start, first.length);
	else
	{
		if (is_ecdsa)
		{
			memcpy(point + 1, first.start, 32);
			memcpy(point + 33, second.start, 32);
			OSSL_PARAM_BLD_push_utf8_string(builder, OSSL_PKEY_PARAM_GROUP_NAME, type, 0);
			OSSL_PARAM_BLD_push_octet_string(builder, OSSL_PKEY_PARAM_PUB_KEY, point, sizeof(point));
		}
		else
		{
			OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_N,
								   BN_bin2bn((const uint8 *) first.start, (int) first.length, NULL));
			OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_E,
								   BN_bin2bn((const uint8 *) second.start, (int) second.length, NULL));
		}
		import = EVP_PKEY_CTX_new_from_name(NULL, is_ecdsa ? "EC" : "RSA", NULL);
		EVP_PKEY_fromdata_init(import);
		EVP_PKEY_fromdata(import, &public_key, EVP_PKEY_PUBLIC_KEY, OSSL_PARAM_BLD_to_param(builder));
	}
	if (public_key == NULL)
		elog(ERROR, "cannot make the key");

	digest_context = EVP_MD_CTX_new();
	if (strcmp(type, "ED25519") == 0)
	{
		digest = NULL;
		if (EVP_DigestVerifyInit(digest_context, NULL, NULL, NULL, public_key) != 1)
			elog(ERROR, "cannot prepare the key");
		PG_RETURN_VOID();
	}
	digest = EVP_MD_fetch(NULL, "SHA256", NULL);
	verify_context = EVP_PKEY_CTX_new(public_key, NULL);
	if (EVP_PKEY_verify_init(verify_context) != 1 ||
		EVP_PKEY_CTX_set_signature_md(verify_context, digest) != 1)
		elog(ERROR, "cannot prepare the key");
	PG_RETURN_VOID();
}

/* Write r and s as DER: two integers in a sequence. */
static size_t
WriteDer(const uint8 *signature, uint8 *der)
{
	uint8	   *end = der + 2;

	for (int half = 0; half < 2; half++, signature += 32)
	{
		int			skip = 0;

		while (skip < 31 && signature[skip] == 0)
			skip++;
		*end++ = 2;
		*end++ = (uint8) (32 - skip + (signature[skip] >> 7));
		if (signature[skip] >> 7)
			*end++ = 0;
		memcpy(end, signature + skip, (size_t) (32 - skip));
		end += 32 - skip;
	}
	der[0] = 0x30;
	der[1] = (uint8) (end - der - 2);
	return (size_t) (end - der);
}

/* What OpenSSL takes with a loaded key and kept contexts, and the base64url. */
static bool
VerifyPublic(Span token)
{
	const char *last = memrchr(token.start, '.', token.length);
	size_t		signed_length;
	Span		encoded;
	uint8		signature[SIGNATURE_MAX];
	uint8		der[80];
	uint8		hash[SHA256_DIGEST_LENGTH];
	int			length;

	if (last == NULL)
		return false;
	signed_length = (size_t) (last - token.start);
	encoded.start = last + 1;
	encoded.length = token.length - signed_length - 1;
	if (encoded.length > SIGNATURE_MAX)
		return false;
	length = Decode(encoded, signature);
	if (length < 0)
		return false;
	if (digest == NULL)
		return EVP_DigestVerify(digest_context, signature, (size_t) length,
								(const uint8 *) token.start, signed_length) == 1;
	if (EVP_DigestInit_ex2(digest_context, digest, NULL) != 1 ||
		EVP_DigestUpdate(digest_context, token.start, signed_length) != 1 ||
		EVP_DigestFinal_ex(digest_context, hash, NULL) != 1)
		return false;
	if (!is_ecdsa)
		return EVP_PKEY_verify(verify_context, signature, (size_t) length, hash, sizeof(hash)) == 1;
	return length == 64 &&
		EVP_PKEY_verify(verify_context, der, WriteDer(signature, der), hash, sizeof(hash)) == 1;
}

/* SQL function: bench.plain_verify_signature(token text) returns boolean: the signature alone */
Datum
plain_verify_signature(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(VerifyPublic(ArgumentSpan(fcinfo, 0)));
}

/* SQL function: bench.plain_verify_signature_jsonb(token text) returns jsonb: and the payload through jsonb_in */
Datum
plain_verify_signature_jsonb(PG_FUNCTION_ARGS)
{
	Span		token = ArgumentSpan(fcinfo, 0);
	Span		payload;
	char	   *text;
	int			length;

	if (!VerifyPublic(token))
		PG_RETURN_NULL();
	payload.start = (const char *) memchr(token.start, '.', token.length) + 1;
	payload.length = (size_t) ((const char *) memchr(payload.start, '.', token.length - (size_t) (payload.start - token.start)) - payload.start);
	text = palloc(payload.length + 4);
	length = Decode(payload, (uint8 *) text);
	if (length < 0)
		PG_RETURN_NULL();
	text[length] = '\0';
	return DirectFunctionCall1(jsonb_in, CStringGetDatum(text));
}

/* SQL function: bench.plain_bcrypt(password text, hash text) returns boolean: one crypt_rn() */
Datum
plain_bcrypt(PG_FUNCTION_ARGS)
{
	static struct crypt_data data;
	char	   *password = text_to_cstring(PG_GETARG_TEXT_PP(0));
	char	   *hash = text_to_cstring(PG_GETARG_TEXT_PP(1));
	const char *computed = crypt_rn(password, hash, &data, (int) sizeof(data));

	PG_RETURN_BOOL(computed != NULL && strlen(computed) == BCRYPT_CHARS &&
				   strlen(hash) == BCRYPT_CHARS &&
				   CRYPTO_memcmp(computed, hash, BCRYPT_CHARS) == 0);
}

/*
 * SQL function: bench.plain_argon2id(password text, salt bytea, key bytea, memory int, passes int)
 * returns boolean: one crypto_pwhash()
 */
Datum
plain_argon2id(PG_FUNCTION_ARGS)
{
	text	   *password = PG_GETARG_TEXT_PP(0);
	bytea	   *salt = PG_GETARG_BYTEA_PP(1);
	bytea	   *key = PG_GETARG_BYTEA_PP(2);
	uint8		computed[KEY_BYTES];

	PG_RETURN_BOOL(sodium_init() >= 0 && VARSIZE_ANY_EXHDR(salt) == crypto_pwhash_SALTBYTES &&
				   VARSIZE_ANY_EXHDR(key) == KEY_BYTES &&
				   crypto_pwhash(computed, KEY_BYTES, VARDATA_ANY(password), VARSIZE_ANY_EXHDR(password),
								 (unsigned char *) VARDATA_ANY(salt), PG_GETARG_INT32(4),
								 (size_t) PG_GETARG_INT32(3) * 1024, crypto_pwhash_ALG_ARGON2ID13) == 0 &&
				   CRYPTO_memcmp(computed, VARDATA_ANY(key), KEY_BYTES) == 0);
}

/* SQL function: bench.sealing_key(key bytea) returns void */
Datum
plain_sealing_key(PG_FUNCTION_ARGS)
{
	Span		key = ArgumentSpan(fcinfo, 0);

	if (key.length != KEY_BYTES)
		elog(ERROR, "key must have 32 bytes");
	if (seal_context == NULL)
	{
		seal_context = EVP_CIPHER_CTX_new();
		open_context = EVP_CIPHER_CTX_new();
	}
	if (seal_context == NULL || open_context == NULL ||
		EVP_EncryptInit_ex(seal_context, EVP_aes_256_gcm(), NULL,
						   (const uint8 *) key.start, NULL) != 1 ||
		EVP_DecryptInit_ex(open_context, EVP_aes_256_gcm(), NULL,
						   (const uint8 *) key.start, NULL) != 1)
		elog(ERROR, "cannot prepare AES-256-GCM");
	PG_RETURN_VOID();
}

/* SQL function: bench.plain_seal(plaintext text, aad text) returns bytea: nonce, ciphertext, tag */
Datum
plain_seal(PG_FUNCTION_ARGS)
{
	Span		plaintext = ArgumentSpan(fcinfo, 0);
	Span		aad = ArgumentSpan(fcinfo, 1);
	size_t		size = VARHDRSZ + NONCE_BYTES + plaintext.length + TAG_BYTES;
	bytea	   *sealed = palloc(size);
	uint8	   *nonce = (uint8 *) VARDATA(sealed);
	uint8	   *ciphertext = nonce + NONCE_BYTES;
	int			written;

	SET_VARSIZE(sealed, size);
	if (RAND_bytes(nonce, NONCE_BYTES) != 1 ||
		EVP_EncryptInit_ex(seal_context, NULL, NULL, NULL, nonce) != 1 ||
		EVP_EncryptUpdate(seal_context, NULL, &written,
						  (const uint8 *) aad.start, (int) aad.length) != 1 ||
		EVP_EncryptUpdate(seal_context, ciphertext, &written,
						  (const uint8 *) plaintext.start, (int) plaintext.length) != 1 ||
		EVP_EncryptFinal_ex(seal_context, ciphertext + plaintext.length, &written) != 1 ||
		EVP_CIPHER_CTX_ctrl(seal_context, EVP_CTRL_AEAD_GET_TAG, TAG_BYTES,
							ciphertext + plaintext.length) != 1)
		elog(ERROR, "cannot seal");
	PG_RETURN_BYTEA_P(sealed);
}

/* SQL function: bench.plain_open(sealed bytea, aad text) returns text; NULL if it does not open */
Datum
plain_open(PG_FUNCTION_ARGS)
{
	Span		sealed = ArgumentSpan(fcinfo, 0);
	Span		aad = ArgumentSpan(fcinfo, 1);
	size_t		length;
	text	   *plaintext;
	int			written;

	if (sealed.length < NONCE_BYTES + TAG_BYTES)
		PG_RETURN_NULL();
	length = sealed.length - NONCE_BYTES - TAG_BYTES;
	plaintext = palloc(VARHDRSZ + length);
	SET_VARSIZE(plaintext, VARHDRSZ + length);
	if (EVP_DecryptInit_ex(open_context, NULL, NULL, NULL, (const uint8 *) sealed.start) != 1 ||
		EVP_DecryptUpdate(open_context, NULL, &written,
						  (const uint8 *) aad.start, (int) aad.length) != 1 ||
		EVP_DecryptUpdate(open_context, (uint8 *) VARDATA(plaintext), &written,
						  (const uint8 *) sealed.start + NONCE_BYTES, (int) length) != 1 ||
		EVP_CIPHER_CTX_ctrl(open_context, EVP_CTRL_AEAD_SET_TAG, TAG_BYTES,
							unconstify(char *, sealed.start) + NONCE_BYTES + length) != 1 ||
		EVP_DecryptFinal_ex(open_context, (uint8 *) VARDATA(plaintext) + length, &written) != 1)
		PG_RETURN_NULL();
	PG_RETURN_TEXT_P(plaintext);
}
