/*
 * bench/core_hmac.c: HMAC-SHA-256 with a kept key, ours beside OpenSSL's own ways.
 *
 * Depends on src/core/{hmac,mem} and libcrypto.  From the top of the tree:
 *   cc -O2 -Isrc -o core_hmac bench/core_hmac.c src/core/hmac.c src/core/mem.c -lcrypto
 *   ./core_hmac [bytes]
 * All ways run in turn, round by round; a line is the median of the rounds.
 */
#define OPENSSL_SUPPRESS_DEPRECATED

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/sha.h>

#include "core/hmac.h"

#define ROUNDS 21
#define CALLS 10000
#define KEY_BYTES 32
#define MAX_BYTES 65536

static const unsigned char key[KEY_BYTES] = {1, 2, 3};
static unsigned char data[MAX_BYTES];
static size_t length = 420;
static unsigned char out[32];

static HmacKey * kept;
static EVP_MD_CTX *inner;
static EVP_MD_CTX *outer;
static EVP_MD_CTX *work;
static EVP_MAC_CTX *mac;

/* The compression of the text, below which no HMAC can be. */
static int
RunHash(void)
{
	SHA256_CTX	ctx;

	return SHA256_Init(&ctx) && SHA256_Update(&ctx, data, length) &&
		SHA256_Final(out, &ctx);
}

/* Ours. */
static int
RunKept(void)
{
	return HmacCompute(kept, data, length, out) == STATUS_OK;
}

/* The same by copies of EVP digest contexts. */
static int
RunDigestCopy(void)
{
	return EVP_MD_CTX_copy_ex(work, inner) && EVP_DigestUpdate(work, data, length) &&
		EVP_DigestFinal_ex(work, out, NULL) && EVP_MD_CTX_copy_ex(work, outer) &&
		EVP_DigestUpdate(work, out, sizeof(out)) && EVP_DigestFinal_ex(work, out, NULL);
}

/* EVP_MAC, set back to the key that it has. */
static int
RunMac(void)
{
	size_t		written;

	return EVP_MAC_init(mac, NULL, 0, NULL) && EVP_MAC_update(mac, data, length) &&
		EVP_MAC_final(mac, out, &written, sizeof(out));
}

/* The one call. */
static int
RunOneCall(void)
{
	return HMAC(EVP_sha256(), key, sizeof(key), data, length, out, NULL) != NULL;
}

static struct
{
	const char *name;
	int			(*run) (void);
	double		times[ROUNDS];
}			ways[] = {
	{"SHA-256 of the text alone", RunHash, {0}},
	{"HmacCompute", RunKept, {0}},
	{"EVP_MD_CTX_copy_ex", RunDigestCopy, {0}},
	{"EVP_MAC_init without key", RunMac, {0}},
	{"HMAC()", RunOneCall, {0}},
};

#define WAYS (sizeof(ways) / sizeof(ways[0]))

/* Begin an EVP digest with the key xor a pad. */
static EVP_MD_CTX *
PaddedContext(unsigned char pad)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	unsigned char block[64];

	memset(block, pad, sizeof(block));
	for (size_t i = 0; i < sizeof(key); i++)
		block[i] ^= key[i];
	if (ctx == NULL || !EVP_DigestInit_ex(ctx, EVP_sha256(), NULL) ||
		!EVP_DigestUpdate(ctx, block, sizeof(block)))
		abort();
	return ctx;
}

/* Nanoseconds of this process. */
static double
Now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
	return (double) now.tv_sec * 1e9 + (double) now.tv_nsec;
}

/* Order of times. */
static int
CompareTimes(const void *a, const void *b)
{
	double		left = *(const double *) a;
	double		right = *(const double *) b;

	return (left > right) - (left < right);
}

int
main(int argc, char **argv)
{
	OSSL_PARAM	params[] = {OSSL_PARAM_utf8_string(OSSL_MAC_PARAM_DIGEST, "SHA256", 0),
	OSSL_PARAM_END};
	EVP_MAC    *method = EVP_MAC_fetch(NULL, "HMAC", NULL);
	unsigned char expected[32];

	if (argc > 1)
		length = strtoul(argv[1], NULL, 10);
	if (length > MAX_BYTES || HmacKeyNew(HASH_SHA256, key, sizeof(key), &kept) != STATUS_OK)
		return 1;
	memset(data, 'a', sizeof(data));
	inner = PaddedContext(0x36);
	outer = PaddedContext(0x5c);
	work = EVP_MD_CTX_new();
	mac = EVP_MAC_CTX_new(method);
	if (!EVP_MAC_init(mac, key, sizeof(key), params))
		return 1;

	/* All ways must give the same HMAC before any is timed. */
	if (!RunOneCall())
		return 1;
	memcpy(expected, out, sizeof(out));
	for (size_t i = 1; i < WAYS; i++)
	{
		if (!ways[i].run() || memcmp(out, expected, sizeof(out)) != 0)
		{
			printf("%s gives another HMAC\n", ways[i].name);
			return 1;
		}
	}

	for (int round = 0; round < ROUNDS; round++)
	{
		for (size_t i = 0; i < WAYS; i++)
		{
			double		start = Now();

			for (int call = 0; call < CALLS; call++)
				ways[i].run();
			ways[i].times[round] = (Now() - start) / CALLS;
		}
	}

	printf("%s, %zu bytes\n", OpenSSL_version(OPENSSL_VERSION), length);
	for (size_t i = 0; i < WAYS; i++)
		qsort(ways[i].times, ROUNDS, sizeof(double), CompareTimes);
	for (size_t i = 0; i < WAYS; i++)
		printf("%-26s %8.0f ns  %5.2f\n", ways[i].name, ways[i].times[ROUNDS / 2],
			   ways[i].times[ROUNDS / 2] / ways[0].times[ROUNDS / 2]);

	HmacKeyFree(kept);
	EVP_MD_CTX_free(inner);
	EVP_MD_CTX_free(outer);
	EVP_MD_CTX_free(work);
	EVP_MAC_CTX_free(mac);
	EVP_MAC_free(method);
	return 0;
}
