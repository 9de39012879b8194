/*
 * src/core/passscheme.h: what the families of password hashes share: a hash as it
 * was read, its limits, and the reading of its text.
 *
 * A family (passcrypt, passargon, passpbkdf2, passscrypt, passdigest) reads a text
 * into a PassHash, and computes from a password what should equal its key.  It
 * compares nothing: passhash.c does, for all of them.
 */
#ifndef CORE_PASSSCHEME_H
#define CORE_PASSSCHEME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "status.h"

/*
 * Limits of what is stored.  They keep one verification near a second of one core
 * (of 2020) and in 256 MiB.
 */
#define PASS_MAX_MEMORY_KIB (256 * 1024)
#define PASS_MAX_ARGON2_BLOCKS (1024 * 1024)	/* KiB times passes */
#define PASS_MAX_SCRYPT_BLOCKS (2 * 1024 * 1024)	/* N times r times p */
#define PASS_MAX_PBKDF2_ITERATIONS 1500000	/* times blocks of output */
#define PASS_MAX_SHA_CRYPT_ROUNDS 1000000

#define PASS_SALT_SIZE 128
#define PASS_KEY_SIZE 256
#define PASS_SIGNER_SIZE 128

typedef struct PassScheme PassScheme;

/* A stored hash. */
typedef struct PassHash
{
	const PassScheme *scheme;
	const char *digest;			/* OpenSSL's name, where the form has a choice */
	uint32_t	cost;			/* logarithm, rounds, iterations or passes */
	uint32_t	memory;			/* of argon2, KiB */
	uint64_t	n;				/* of scrypt */
	uint32_t	r;
	uint32_t	p;				/* of scrypt and argon2 */
	uint32_t	version;		/* of argon2 */
	size_t		salt_length;
	size_t		key_length;
	size_t		signer_length;
	uint8_t		salt[PASS_SALT_SIZE];
	uint8_t		key[PASS_KEY_SIZE]; /* what must come out; of crypt(3), the whole text */
	uint8_t		signer[PASS_SIGNER_SIZE];	/* of Firebase */
} PassHash;

/* Read a text to its last character; out is all zeros but for scheme and digest. */
typedef Status (*PassParse) (const char *text, size_t length, PassHash *out);

/* Compute hash->key_length bytes of a password that has been checked. */
typedef Status (*PassCompute) (const char *password, size_t length,
							   const PassHash *hash, uint8_t *out);

struct PassScheme
{
	const char *name;
	const char *prefix;			/* NULL: the text tells by itself */
	PassParse	parse;
	PassCompute compute;
	size_t		max_password;
	const char *digest;
	bool		weak;			/* only where the policy admits it */
};

/* passcrypt.c: the forms of crypt(3), by libxcrypt */
extern Status PassParseBcrypt(const char *text, size_t length, PassHash *out) MUST_CHECK;
extern Status PassParseBcryptSha256(const char *text, size_t length, PassHash *out) MUST_CHECK;
extern Status PassParseYescrypt(const char *text, size_t length, PassHash *out) MUST_CHECK;
extern Status PassParseCryptScrypt(const char *text, size_t length, PassHash *out) MUST_CHECK;
extern Status PassParseShaCrypt(const char *text, size_t length, PassHash *out) MUST_CHECK;
extern Status PassParseMd5Crypt(const char *text, size_t length, PassHash *out) MUST_CHECK;
extern Status PassComputeCrypt(const char *password, size_t length,
							   const PassHash *hash, uint8_t *out) MUST_CHECK;
extern Status PassComputeShaCrypt(const char *password, size_t length,
								  const PassHash *hash, uint8_t *out) MUST_CHECK;
extern Status PassComputeBcryptSha256(const char *password, size_t length,
									  const PassHash *hash, uint8_t *out) MUST_CHECK;
extern Status PassBcryptSetting(int cost, char *out, size_t size) MUST_CHECK;

/* passargon.c: argon2, by libsodium and libargon2 */
extern Status PassParseArgon2(const char *text, size_t length, PassHash *out) MUST_CHECK;
extern Status PassComputeArgon2(const char *password, size_t length,
								const PassHash *hash, uint8_t *out) MUST_CHECK;
extern Status PassFormatArgon2(const PassHash *hash, char *out, size_t size) MUST_CHECK;
extern void PassNewArgon2(int memory, int iterations, PassHash *out);

/* passpbkdf2.c */
extern Status PassParsePasslibPbkdf2(const char *text, size_t length, PassHash *out) MUST_CHECK;
extern Status PassParseDjangoPbkdf2(const char *text, size_t length, PassHash *out) MUST_CHECK;
extern Status PassParseAspNet(const char *text, size_t length, PassHash *out) MUST_CHECK;
extern Status PassComputePbkdf2(const char *password, size_t length,
								const PassHash *hash, uint8_t *out) MUST_CHECK;

/* passscrypt.c */
extern Status PassParseScrypt(const char *text, size_t length, PassHash *out) MUST_CHECK;
extern Status PassParseDjangoScrypt(const char *text, size_t length, PassHash *out) MUST_CHECK;
extern Status PassParseBetterAuth(const char *text, size_t length, PassHash *out) MUST_CHECK;
extern Status PassParseFirebase(const char *text, size_t length, PassHash *out) MUST_CHECK;
extern Status PassComputeScrypt(const char *password, size_t length,
								const PassHash *hash, uint8_t *out) MUST_CHECK;
extern Status PassComputeFirebase(const char *password, size_t length,
								  const PassHash *hash, uint8_t *out) MUST_CHECK;
extern Status PassCheckScryptCost(const PassHash *hash) MUST_CHECK;

/* passdigest.c: salted digests of LDAP */
extern Status PassParseLdap(const char *text, size_t length, PassHash *out) MUST_CHECK;
extern Status PassComputeLdap(const char *password, size_t length,
							  const PassHash *hash, uint8_t *out) MUST_CHECK;

/* passtext.c: reading a hash from left to right */
typedef struct PassText
{
	const char *at;
	const char *end;
} PassText;

/* Dialects of base64. */
typedef enum PassBase64
{
	PASS_BASE64_PADDED,			/* RFC 4648 §4 */
	PASS_BASE64_BARE,			/* the same without padding: PHC strings */
	PASS_BASE64_DOT				/* without padding, and . for +: passlib */
} PassBase64;

/* The text behind a prefix that it is known to have. */
extern PassText PassTextBehind(const char *text, size_t length, size_t prefix) MUST_CHECK;

/* Step over exactly this. */
extern bool PassTextSkip(PassText *text, const char *expected) MUST_CHECK;

/* Read a decimal number without sign or leading zero. */
extern bool PassTextNumber(PassText *text, uint32_t *out) MUST_CHECK;

/* The characters up to the separator, which is stepped over, or to the end ('\0'). */
extern bool PassTextField(PassText *text, char separator, const char **field, size_t *length) MUST_CHECK;

/* Decode one spelling of base64 only. */
extern Status PassBase64Decode(const char *in, size_t length, PassBase64 dialect,
							   uint8_t *out, size_t size, size_t *out_length) MUST_CHECK;

/* Value of a character of crypt(3)'s base64 (./0-9A-Za-z), or -1. */
extern int	PassCrypt64(char c) MUST_CHECK;

#endif							/* CORE_PASSSCHEME_H */
