/*
 * test/unit/test_jwkset.c: finding keys in a set, adding to it, writing it.
 *
 * Depends on unit.h, keys.h, core/jwk, core/base64url and core/mem.
 */
#include "unit.h"

#include "core/base64url.h"
#include "core/jwk.h"
#include "core/mem.h"
#include "keys.h"

/* Look-ups, and what other people's sets may hold. */
static void
CheckFind(void)
{
	static const char ring[] = RING_OF(SIGN("s", "current") "," SIGN("old", "retired"));
	static const char mixed[] = SET(X25519_KEY "," SIGN("a", "previous") ",{\"kty\":\"AKP\"},"
									"{\"kty\":\"oct\",\"alg\":\"HS256\",\"k\":\"" K32 "\"}");
	static const char half[] =
	SET("{\"kty\":\"oct\",\"key_ops\":[\"verify\"],\"alg\":\"HS256\",\"k\":\"" K32 "\"},"
		"{\"kty\":\"oct\",\"key_ops\":[\"sign\"],\"alg\":\"HS256\",\"k\":\"" K32 "\"}");
	JwkSet	   *set;
	const Jwk  *jwk;

	if (CHECK_STATUS(JwkSetParse(ring, strlen(ring), JWKSET_RING, &set), STATUS_OK, "a ring"))
	{
		jwk = JwkSetFind(set, "s", 1);
		CHECK(jwk != NULL && jwk->alg->use == KEY_SIGN && jwk->since == 1700000000,
			  "a key is found by its kid");
		CHECK(JwkSetFind(set, "old key", 3) != NULL, "of the given length");
		CHECK(JwkSetFind(set, "olD", 3) == NULL && JwkSetFind(set, "ol", 2) == NULL &&
			  JwkSetFind(set, "old\0", 4) == NULL && JwkSetFind(set, "", 0) == NULL,
			  "and by nothing else");
		CHECK(JwkSetCurrent(set, KEY_SIGN) == jwk, "the current signing key");
		CHECK(JwkSetCurrent(set, KEY_SEAL) == JwkSetFind(set, "e", 1), "the current sealing key");
		CHECK(JwkSetCurrent(set, KEY_DERIVE) == JwkSetFind(set, "d", 1), "the derivation key");
		JwkSetFree(set);
	}
	if (CHECK_STATUS(JwkSetParse(mixed, strlen(mixed), 0, &set), STATUS_OK, "a mixed set"))
	{
		CHECK(set->count == 2, "keys of unknown kinds are passed over");
		CHECK(JwkSetFind(set, "x", 1) == NULL && JwkSetFind(set, "", 0) == NULL,
			  "and are not found, nor is one without kid");
		CHECK(JwkSetCurrent(set, KEY_SIGN) == &set->keys[1], "a key without state signs");
		CHECK(JwkSetCurrent(set, KEY_SEAL) == NULL, "there is no sealing key");
		JwkSetFree(set);
	}
	if (CHECK_STATUS(JwkSetParse(half, strlen(half), 0, &set), STATUS_OK, "halves of keys"))
	{
		CHECK(!set->keys[0].is_private && set->keys[0].can_verify &&
			  set->keys[1].is_private && !set->keys[1].can_verify,
			  "key_ops are obeyed");
		CHECK(JwkSetCurrent(set, KEY_SIGN) == &set->keys[1], "the one that may sign");
		JwkSetFree(set);
	}
	JwkSetFree(NULL);
}

/* Are two keys the same in all that a file keeps? */
static int
SameKey(const Jwk *a, const Jwk *b)
{
	return strcmp(a->kid, b->kid) == 0 && a->alg == b->alg && a->state == b->state &&
		a->since == b->since && a->secret_length == b->secret_length &&
		memcmp(a->secret, b->secret, a->secret_length) == 0 &&
		strcmp(a->thumbprint, b->thumbprint) == 0;
}

/* Make a ring, rotate it, write it in all views, read it again. */
static void
CheckRingLife(void)
{
	const KeyAlgorithm *hs256 = KeyAlgorithmFind("HS256", 5);
	const KeyAlgorithm *hs512 = KeyAlgorithmFind("HS512", 5);
	const KeyAlgorithm *gcm = KeyAlgorithmFind("A256GCM", 7);
	const KeyAlgorithm *hkdf = KeyAlgorithmFind("HKDF-SHA256", 11);
	uint8_t		imported[100];
	JwkSet	   *set;
	JwkSet	   *again;
	const Jwk  *added;
	char	   *text;
	size_t		length;

	memset(imported, 'x', sizeof(imported));
	if (!CHECK_STATUS(JwkSetNew(&set), STATUS_OK, "a set is made"))
		return;
	CHECK_STATUS(JwkSetAddGenerated(set, hs256, KEY_CURRENT, 100, &added), STATUS_OK, "sign");
	CHECK(added->secret_length == 32 && strlen(added->kid) == 22 && added->since == 100,
		  "a new key has 32 bytes and a random kid");
	CHECK_STATUS(JwkSetAddGenerated(set, gcm, KEY_CURRENT, 100, &added), STATUS_OK, "seal");
	CHECK_STATUS(JwkSetAddGenerated(set, hkdf, KEY_CURRENT, 100, &added), STATUS_OK, "derive");
	CHECK_STATUS(JwkSetAddGenerated(set, hs512, KEY_STANDBY, 200, &added), STATUS_OK, "standby");
	CHECK(added->secret_length == 64, "of HS512 64 bytes");
	CHECK(set->keys[0].state == KEY_CURRENT, "a standby key demotes nothing");
	CHECK_STATUS(JwkSetAddSecret(set, hs256, KEY_CURRENT, imported, sizeof(imported), 300, &added),
				 STATUS_OK, "an imported key");
	CHECK(added == JwkSetCurrent(set, KEY_SIGN), "it is the current one");
	CHECK(set->keys[0].state == KEY_PREVIOUS && set->keys[0].since == 300,
		  "the former one stepped down at that time");
	CHECK(set->keys[1].state == KEY_CURRENT && set->keys[1].since == 100 &&
		  set->keys[2].state == KEY_CURRENT && set->keys[3].state == KEY_STANDBY,
		  "keys of other uses and states stay");
	CHECK(memcmp(set->keys[0].secret, set->keys[1].secret, 32) != 0 &&
		  strcmp(set->keys[0].kid, set->keys[1].kid) != 0,
		  "keys differ");
	CHECK_STATUS(JwkSetAddGenerated(set, hs256, KEY_RETIRED, 400, &added), STATUS_OK, "retired");

	if (CHECK_STATUS(JwkSetWrite(set, JWKSET_ALL, &text, &length), STATUS_OK, "the ring is written"))
	{
		CHECK(strlen(text) == length && strstr(text, "\n      \"state\": \"current\",\n") != NULL,
			  "for people to read");
		if (CHECK_STATUS(JwkSetParse(text, length, JWKSET_RING, &again), STATUS_OK, "and read"))
		{
			int			same = again->count == set->count;

			for (size_t i = 0; same && i < set->count; i++)
				same = SameKey(&set->keys[i], &again->keys[i]);
			CHECK(same, "nothing is lost on the way");
			JwkSetFree(again);
		}
		SecureFree(text, length);
	}
	if (CHECK_STATUS(JwkSetWrite(set, JWKSET_VERIFY, &text, &length), STATUS_OK, "for verifiers"))
	{
		CHECK(strstr(text, "state") == NULL && strstr(text, "since") == NULL, "without states");
		if (CHECK_STATUS(JwkSetParse(text, length, 0, &again), STATUS_OK, "and read"))
		{
			CHECK(again->count == 3 && JwkSetFind(again, set->keys[0].kid, 22) != NULL &&
				  JwkSetFind(again, set->keys[3].kid, 22) != NULL &&
				  JwkSetFind(again, set->keys[4].kid, 22) != NULL,
				  "previous, standby and current signing keys alone");
			JwkSetFree(again);
		}
		SecureFree(text, length);
	}
	if (CHECK_STATUS(JwkSetWrite(set, JWKSET_PUBLIC, &text, &length), STATUS_OK, "for everybody"))
	{
		CHECK(strcmp(text, "{\"keys\":[]}") == 0, "no symmetric key is public");
		SecureFree(text, length);
	}
	JwkSetFree(set);
}

/* The written form, to the byte, with a kid that needs escapes. */
static void
CheckWritten(void)
{
	static const char ring[] = RING_OF(SIGN("a\\\"\\\\b", "current"));
	static const char verify[] =
	"{\"keys\":[{\"kty\":\"oct\",\"use\":\"sig\",\"alg\":\"HS256\","
	"\"kid\":\"a\\\"\\\\b\",\"k\":\"" K32 "\"}]}";
	static const char all[] =
	"{\n  \"keys\": [\n    {\n      \"kty\": \"oct\",\n      \"use\": \"sig\",\n"
	"      \"alg\": \"HS256\",\n      \"kid\": \"a\\\"\\\\b\",\n"
	"      \"state\": \"current\",\n      \"since\": 1700000000,\n      \"k\": \"" K32 "\"\n"
	"    },\n    {\n      \"kty\": \"oct\",\n      \"use\": \"enc\",\n"
	"      \"alg\": \"A256GCM\",\n      \"kid\": \"e\",\n      \"state\": \"current\",\n"
	"      \"k\": \"" K32 "\"\n    },\n    {\n      \"kty\": \"oct\",\n"
	"      \"key_ops\": [\"deriveBits\"],\n      \"alg\": \"HKDF-SHA256\",\n"
	"      \"kid\": \"d\",\n      \"state\": \"current\",\n      \"k\": \"" K32 "\"\n"
	"    }\n  ]\n}\n";
	uint8_t		header[256];
	JwkSet	   *set;
	char	   *text;
	size_t		length;

	if (!CHECK_STATUS(JwkSetParse(ring, strlen(ring), JWKSET_RING, &set), STATUS_OK, "a ring"))
		return;
	if (CHECK_STATUS(JwkSetWrite(set, JWKSET_ALL, &text, &length), STATUS_OK, "all is written"))
	{
		CHECK(strcmp(text, all) == 0, "as expected");
		SecureFree(text, length);
	}
	if (CHECK_STATUS(JwkSetWrite(set, JWKSET_VERIFY, &text, &length), STATUS_OK, "for verifiers"))
	{
		CHECK(strcmp(text, verify) == 0, "as expected");
		SecureFree(text, length);
	}
	CHECK_STATUS(Base64UrlDecode(set->keys[0].header, set->keys[0].header_length, header,
								 sizeof(header) - 1, &length),
				 STATUS_OK, "the header decodes");
	header[length] = '\0';
	CHECK(strcmp((char *) header,
				 "{\"alg\":\"HS256\",\"typ\":\"JWT\",\"kid\":\"a\\\"\\\\b\"}") == 0,
		  "and is escaped too");
	JwkSetFree(set);
}

/* The largest set that there can be fits the text that is written for it. */
static void
CheckLargest(void)
{
	uint8_t		secret[512];
	JwkSet	   *set;
	const Jwk  *added;
	char	   *text;
	size_t		length;
	int			failures = 0;

	memset(secret, 0xff, sizeof(secret));
	if (!CHECK_STATUS(JwkSetNew(&set), STATUS_OK, "a set is made"))
		return;
	for (int i = 0; i < JWKSET_MAX_KEYS; i++)
	{
		failures += JwkSetAddSecret(set, KeyAlgorithmFind("HKDF-SHA256", 11), KEY_PREVIOUS, secret,
									sizeof(secret), INT64_MAX, &added) != STATUS_OK;
		memset(set->keys[i].kid, '"', JWK_KID_MAX);
	}
	CHECK(failures == 0, "100 keys are added");
	if (CHECK_STATUS(JwkSetWrite(set, JWKSET_ALL, &text, &length), STATUS_OK, "the largest set"))
	{
		CHECK(length < JWKSET_MAX_BYTES, "and is not too long to be read again");
		SecureFree(text, length);
	}
	JwkSetFree(set);
}

int
main(void)
{
	CheckFind();
	CheckRingLife();
	CheckWritten();
	CheckLargest();
	return UnitEnd();
}
