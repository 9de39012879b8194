/*
 * test/unit/test_pairs_refused.c: keys of the types RSA, EC and OKP that are refused.
 *
 * Depends on unit.h, pairs.h, core/jws and core/base64url.
 */
#include "unit.h"

#include <openssl/err.h>

#include "core/base64url.h"
#include "core/jws.h"
#include "pairs.h"

#define RSA_KEY(members) "{\"kty\":\"RSA\"" members "}"
#define EC_KEY_OF(members) "{\"kty\":\"EC\"" members "}"
#define OKP_KEY_OF(members) "{\"kty\":\"OKP\"" members "}"
#define CRV(name) ",\"crv\":\"" name "\""
#define STATE ",\"use\":\"sig\",\"kid\":\"s\",\"state\":\"current\""
#define PREVIOUS ",\"use\":\"sig\",\"kid\":\"p\",\"state\":\"previous\""
#define RS256 ",\"alg\":\"RS256\""
#define ES256 ",\"alg\":\"ES256\""
#define OPS(list) ",\"key_ops\":[" list "]"
#define ES256_RING(members) EC_KEY_OF(ES256 P256_PUBLIC members)
#define SILENT_ENC RSA_KEY(RSA_PUBLIC ",\"use\":\"enc\"")
#define OAEP RSA_KEY(",\"alg\":\"RSA-OAEP\",\"use\":\"enc\"" RSA_PUBLIC)
#define HS256_A "{\"kty\":\"oct\",\"alg\":\"HS256\",\"kid\":\"a\",\"k\":\"" K32 "\"}"

/* RFC 7520 §3.4 with p and q, dp and dq exchanged, but qi as it was. */
#define RSA_EXCHANGED                                                                  \
	MEMBER("p", RSA_Q) MEMBER("q", RSA_P) MEMBER("dp", RSA_DQ) MEMBER("dq", RSA_DP) \
	MEMBER("qi", RSA_QI)

static const struct
{
	const char *name;
	int			flags;
	Status		expected;
	const char *text;
}			parses[] = {

	/* the good ones that the others are made of */
	{"a public RSA key", JWKSET_VERIFIERS, STATUS_OK, RSA_KEY(RSA_PUBLIC)},
	{"a private RSA key", 0, STATUS_OK, RSA_KEY(RSA_PRIVATE)},
	{"a public EC key", JWKSET_VERIFIERS, STATUS_OK, EC_KEY_OF(P256_PUBLIC)},
	{"a private EC key", 0, STATUS_OK, EC_KEY_OF(P256_PUBLIC MEMBER("d", P256_D))},
	{"a public Ed25519 key", JWKSET_VERIFIERS, STATUS_OK, OKP_KEY_OF(ED25519_PUBLIC)},
	{"a private Ed25519 key", 0, STATUS_OK, OKP_KEY_OF(ED25519_PUBLIC MEMBER("d", ED25519_D))},
	{"a public Ed448 key", JWKSET_VERIFIERS, STATUS_OK, OKP_KEY_OF(ED448_PUBLIC)},
	{"a private Ed448 key", 0, STATUS_OK, OKP_KEY_OF(ED448_PUBLIC MEMBER("d", ED448_D))},
	{"e = 3", 0, STATUS_OK, RSA_KEY(MEMBER("n", RSA_N) MEMBER("e", "Aw"))},

	/* error, members of RSA that are missing or malformed: */
	{"no n", 0, STATUS_KEY_FORMAT, RSA_KEY(MEMBER("e", RSA_E))},
	{"no e", 0, STATUS_KEY_FORMAT, RSA_KEY(MEMBER("n", RSA_N))},
	{"an empty e", 0, STATUS_KEY_FORMAT, RSA_KEY(MEMBER("n", RSA_N) MEMBER("e", ""))},
	{"e with padding", 0, STATUS_KEY_FORMAT, RSA_KEY(MEMBER("n", RSA_N) MEMBER("e", "Aw=="))},
	{"e with bits of nothing", 0, STATUS_KEY_FORMAT,
	RSA_KEY(MEMBER("n", RSA_N) MEMBER("e", "AR"))},
	{"e a number", 0, STATUS_KEY_FORMAT, RSA_KEY(MEMBER("n", RSA_N) ",\"e\":65537")},
	{"e null", 0, STATUS_KEY_FORMAT, RSA_KEY(MEMBER("n", RSA_N) ",\"e\":null")},
	{"n as base64", 0, STATUS_KEY_FORMAT, RSA_KEY(MEMBER("n", "+/+/") MEMBER("e", RSA_E))},
	{"n that is cut", 0, STATUS_KEY_FORMAT, RSA_KEY(MEMBER("n", RSA_N "A") MEMBER("e", RSA_E))},
	{"n with a leading zero", 0, STATUS_KEY_FORMAT,
	RSA_KEY(MEMBER("n", "AAAA" RSA_N) MEMBER("e", RSA_E))},

	/* error, exponents: */
	{"e = 0", 0, STATUS_KEY_FORMAT, RSA_KEY(MEMBER("n", RSA_N) MEMBER("e", "AA"))},
	{"e = 1", 0, STATUS_KEY_FORMAT, RSA_KEY(MEMBER("n", RSA_N) MEMBER("e", "AQ"))},
	{"e = 2", 0, STATUS_KEY_FORMAT, RSA_KEY(MEMBER("n", RSA_N) MEMBER("e", "Ag"))},
	{"e = 65536", 0, STATUS_KEY_FORMAT, RSA_KEY(MEMBER("n", RSA_N) MEMBER("e", "AQAA"))},
	{"e = 65537 with a leading zero", 0, STATUS_KEY_FORMAT,
	RSA_KEY(MEMBER("n", RSA_N) MEMBER("e", "AAEAAQ"))},
	{"e = 2^32 - 1", 0, STATUS_OK, RSA_KEY(MEMBER("n", RSA_N) MEMBER("e", "_____w"))},
	{"e = 2^32 + 1", 0, STATUS_KEY_LARGE, RSA_KEY(MEMBER("n", RSA_N) MEMBER("e", "AQAAAAE"))},
	{"e = n", 0, STATUS_KEY_LARGE, RSA_KEY(MEMBER("n", RSA_N) MEMBER("e", RSA_N))},

	/* error, half a private RSA key: */
	{"d alone", 0, STATUS_KEY_FORMAT, RSA_KEY(RSA_PUBLIC MEMBER("d", RSA_D))},
	{"primes without d", 0, STATUS_KEY_FORMAT, RSA_KEY(RSA_PUBLIC RSA_PRIMES)},
	{"no qi", 0, STATUS_KEY_FORMAT,
		RSA_KEY(RSA_PUBLIC MEMBER("d", RSA_D) MEMBER("p", RSA_P) MEMBER("q", RSA_Q)
				MEMBER("dp", RSA_DP) MEMBER("dq", RSA_DQ))},
	{"an empty d", 0, STATUS_KEY_FORMAT, RSA_KEY(RSA_PUBLIC MEMBER("d", "") RSA_PRIMES)},
	{"more primes", 0, STATUS_KEY_FORMAT, RSA_KEY(RSA_PRIVATE ",\"oth\":[]")},
	{"d of another key", 0, STATUS_KEY_FORMAT,
	RSA_KEY(RSA_PUBLIC MEMBER("d", JOE_N) RSA_PRIMES)},
	{"n of another key", 0, STATUS_KEY_FORMAT,
	RSA_KEY(MEMBER("n", JOE_N) MEMBER("e", RSA_E) MEMBER("d", RSA_D) RSA_PRIMES)},
	{"e of another key", 0, STATUS_KEY_FORMAT,
	RSA_KEY(MEMBER("n", RSA_N) MEMBER("e", "Aw") MEMBER("d", RSA_D) RSA_PRIMES)},
	{"p and q exchanged", 0, STATUS_KEY_FORMAT,
	RSA_KEY(RSA_PUBLIC MEMBER("d", RSA_D) RSA_EXCHANGED)},
	{"q = 1", 0, STATUS_KEY_FORMAT,
		RSA_KEY(RSA_PUBLIC MEMBER("d", RSA_D) MEMBER("p", RSA_N) MEMBER("q", "AQ")
				MEMBER("dp", RSA_D) MEMBER("dq", "AQ") MEMBER("qi", "AQ"))},

	/* error, points of EC: */
	{"no y", 0, STATUS_KEY_FORMAT, EC_KEY_OF(CRV("P-256") MEMBER("x", P256_X))},
	{"no crv", 0, STATUS_KEY_FORMAT, EC_KEY_OF(MEMBER("x", P256_X) MEMBER("y", P256_Y))},
	{"crv a number", 0, STATUS_KEY_FORMAT,
	EC_KEY_OF(",\"crv\":256" MEMBER("x", P256_X) MEMBER("y", P256_Y))},
	{"crv in small letters", 0, STATUS_KEY_TYPE,
	EC_KEY_OF(CRV("p-256") MEMBER("x", P256_X) MEMBER("y", P256_Y))},
	{"an Edwards curve", 0, STATUS_KEY_TYPE,
	EC_KEY_OF(CRV("Ed25519") MEMBER("x", ED25519_X) MEMBER("y", ED25519_X))},
	{"x and y exchanged", 0, STATUS_KEY_FORMAT,
	EC_KEY_OF(CRV("P-256") MEMBER("x", P256_Y) MEMBER("y", P256_X))},
	{"y = x", 0, STATUS_KEY_FORMAT,
	EC_KEY_OF(CRV("P-256") MEMBER("x", P256_X) MEMBER("y", P256_X))},
	{"x = y = 0", 0, STATUS_KEY_FORMAT,
		EC_KEY_OF(CRV("P-256") MEMBER("x", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA")
				  MEMBER("y", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"))},
	{"x = 0, which is on the curve", 0, STATUS_OK,
		EC_KEY_OF(CRV("P-256") MEMBER("x", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA")
				  MEMBER("y", "ZkhceA4vg9ckM71dhKBrtlQcKvMdrocXKL-FahdPk_Q"))},
	{"x = p, the same point written otherwise", 0, STATUS_KEY_FORMAT,
		EC_KEY_OF(CRV("P-256") MEMBER("x", "_____wAAAAEAAAAAAAAAAAAAAAD_______________8")
				  MEMBER("y", "ZkhceA4vg9ckM71dhKBrtlQcKvMdrocXKL-FahdPk_Q"))},
	{"x of 31 bytes", 0, STATUS_KEY_FORMAT,
		EC_KEY_OF(CRV("P-256") MEMBER("x", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA")
				  MEMBER("y", "ZkhceA4vg9ckM71dhKBrtlQcKvMdrocXKL-FahdPk_Q"))},
	{"x of 33 bytes", 0, STATUS_KEY_FORMAT,
		EC_KEY_OF(CRV("P-256") MEMBER("x", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA")
				  MEMBER("y", "ZkhceA4vg9ckM71dhKBrtlQcKvMdrocXKL-FahdPk_Q"))},
	{"a point of another curve", 0, STATUS_KEY_FORMAT,
	EC_KEY_OF(CRV("P-384") MEMBER("x", P256_X) MEMBER("y", P256_Y))},
	{"ES256 on P-521", 0, STATUS_KEY_FORMAT, EC_KEY_OF(ES256 P521_PUBLIC)},
	{"ES512 on P-256", 0, STATUS_KEY_FORMAT, EC_KEY_OF(",\"alg\":\"ES512\"" P256_PUBLIC)},
	{"d of another point", 0, STATUS_KEY_FORMAT, EC_KEY_OF(P256_PUBLIC MEMBER("d", P256_X))},
	{"d = 0", 0, STATUS_KEY_FORMAT,
	EC_KEY_OF(P256_PUBLIC MEMBER("d", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"))},
	{"d = the order", 0, STATUS_KEY_FORMAT,
	EC_KEY_OF(P256_PUBLIC MEMBER("d", "_____wAAAAD__________7zm-q2nF56E87nKwvxjJVE"))},
	{"d of 33 bytes", 0, STATUS_KEY_FORMAT, EC_KEY_OF(P256_PUBLIC MEMBER("d", P256_D "A"))},

	/* error, OKP: */
	{"no x", 0, STATUS_KEY_FORMAT, OKP_KEY_OF(CRV("Ed25519"))},
	{"P-256 as OKP", 0, STATUS_KEY_TYPE, OKP_KEY_OF(CRV("P-256") MEMBER("x", P256_X))},
	{"a key that agrees on keys", 0, STATUS_KEY_TYPE, X25519_KEY},
	{"Ed25519 with y", 0, STATUS_OK, OKP_KEY_OF(ED25519_PUBLIC MEMBER("y", ED25519_X))},
	{"x of 31 bytes", 0, STATUS_KEY_FORMAT,
	OKP_KEY_OF(CRV("Ed25519") MEMBER("x", "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHUQ"))},
	{"x of 33 bytes", 0, STATUS_KEY_FORMAT,
	OKP_KEY_OF(CRV("Ed25519") MEMBER("x", ED25519_X "A"))},
	{"Ed25519 of the length of Ed448", 0, STATUS_KEY_FORMAT,
	OKP_KEY_OF(CRV("Ed25519") MEMBER("x", ED448_X))},
	{"Ed448 of the length of Ed25519", 0, STATUS_KEY_FORMAT,
	OKP_KEY_OF(CRV("Ed448") MEMBER("x", ED25519_X))},
	{"d of another x", 0, STATUS_KEY_FORMAT, OKP_KEY_OF(ED25519_PUBLIC MEMBER("d", K32))},
	{"d of 33 bytes", 0, STATUS_KEY_FORMAT, OKP_KEY_OF(ED25519_PUBLIC MEMBER("d", K33))},
	{"d empty", 0, STATUS_KEY_FORMAT, OKP_KEY_OF(ED25519_PUBLIC MEMBER("d", ""))},

	/* error, private parts among keys that only verify: */
	{"a private RSA key", JWKSET_VERIFIERS, STATUS_KEY_PRIVATE, RSA_KEY(RSA_PRIVATE)},
	{"p alone", JWKSET_VERIFIERS, STATUS_KEY_PRIVATE, RSA_KEY(RSA_PUBLIC MEMBER("p", RSA_P))},
	{"oth alone", JWKSET_VERIFIERS, STATUS_KEY_PRIVATE, RSA_KEY(RSA_PUBLIC ",\"oth\":[]")},
	{"d null", JWKSET_VERIFIERS, STATUS_KEY_PRIVATE, RSA_KEY(RSA_PUBLIC ",\"d\":null")},
	{"a private RSA key that encrypts", JWKSET_VERIFIERS, STATUS_KEY_PRIVATE,
	RSA_KEY(",\"alg\":\"RSA-OAEP\"" RSA_PRIVATE)},
	{"a private EC key", JWKSET_VERIFIERS, STATUS_KEY_PRIVATE,
	EC_KEY_OF(P256_PUBLIC MEMBER("d", P256_D))},
	{"a private OKP key", JWKSET_VERIFIERS, STATUS_KEY_PRIVATE,
	OKP_KEY_OF(ED25519_PUBLIC MEMBER("d", ED25519_D))},
	{"d escaped", JWKSET_VERIFIERS, STATUS_KEY_PRIVATE,
	OKP_KEY_OF(ED25519_PUBLIC MEMBER("\\u0064", ED25519_D))},
	{"one of two", JWKSET_VERIFIERS, STATUS_KEY_PRIVATE,
	SET(RSA_KEY(RSA_PUBLIC) "," EC_KEY_OF(P256_PUBLIC MEMBER("d", P256_D)))},
	{"a secret is no private part", JWKSET_VERIFIERS, STATUS_OK, HS256_A},

	/* error, alg, use and key_ops: */
	{"PS256 on an EC key", 0, STATUS_KEY_ALG, EC_KEY_OF(",\"alg\":\"PS256\"" P256_PUBLIC)},
	{"HS256 on an RSA key", 0, STATUS_KEY_ALG, RSA_KEY(",\"alg\":\"HS256\"" RSA_PUBLIC)},
	{"alg null", 0, STATUS_KEY_FORMAT, RSA_KEY(",\"alg\":null" RSA_PUBLIC)},
	{"use enc", 0, STATUS_KEY_USE, RSA_KEY(RS256 ",\"use\":\"enc\"" RSA_PUBLIC)},
	{"use enc in silence", 0, STATUS_KEY_USE, SILENT_ENC},
	{"use enc in silence, passed over", 0, STATUS_OK,
	SET(SILENT_ENC "," EC_KEY_OF(P256_PUBLIC))},
	{"RSA-OAEP, passed over", 0, STATUS_OK, SET(OAEP "," EC_KEY_OF(P256_PUBLIC))},
	{"key_ops of encryption", 0, STATUS_KEY_USE, RSA_KEY(RS256 OPS("\"encrypt\"") RSA_PUBLIC)},
	{"key_ops of agreement", 0, STATUS_KEY_USE, EC_KEY_OF(OPS("\"deriveKey\"") P256_PUBLIC)},
	{"a public key to sign with", 0, STATUS_KEY_USE, EC_KEY_OF(OPS("\"sign\"") P256_PUBLIC)},
	{"a public key to verify with", 0, STATUS_OK, EC_KEY_OF(OPS("\"verify\"") P256_PUBLIC)},
	{"a private key to sign with", 0, STATUS_OK,
	EC_KEY_OF(OPS("\"sign\"") P256_PUBLIC MEMBER("d", P256_D))},

	/* error, kid: */
	{"a kid of another type", 0, STATUS_KEY_DUPLICATE,
	SET(HS256_A "," EC_KEY_OF(P256_PUBLIC MEMBER("kid", "a")))},
	{"a kid of the same type", 0, STATUS_KEY_DUPLICATE,
		SET(EC_KEY_OF(P256_PUBLIC MEMBER("kid", "a")) ","
			OKP_KEY_OF(ED25519_PUBLIC MEMBER("kid", "\\u0061")))},
	{"x twice", 0, STATUS_JSON_DUPLICATE, OKP_KEY_OF(ED25519_PUBLIC MEMBER("x", ED25519_X))},

	/* error, rings: */
	{"a ring that signs with ES256", JWKSET_RING, STATUS_OK,
	RING_OF(ES256_RING(STATE MEMBER("d", P256_D)))},
	{"a public key that was", JWKSET_RING, STATUS_OK,
	RING_OF(SIGN("s", "current") "," ES256_RING(PREVIOUS))},
	{"a public key that is to sign", JWKSET_RING, STATUS_KEY_STATE, RING_OF(ES256_RING(STATE))},
	{"a ring in silence", JWKSET_RING, STATUS_KEY_ALG,
	RING_OF(EC_KEY_OF(P256_PUBLIC STATE MEMBER("d", P256_D)))},
	{"a ring that may not verify", JWKSET_RING, STATUS_KEY_USE,
	RING_OF(ES256_RING(STATE OPS("\"sign\"") MEMBER("d", P256_D)))},
	{"a ring that may not sign", JWKSET_RING, STATUS_KEY_USE,
	RING_OF(ES256_RING(STATE OPS("\"verify\"") MEMBER("d", P256_D)))},
	{"a kind that is not known", JWKSET_RING, STATUS_KEY_TYPE,
	RING_OF(SIGN("s", "current") ",{\"kty\":\"OKP\",\"alg\":\"EdDSA\",\"crv\":\"X25519\",\"x\":\"" K32 "\"" PREVIOUS "}")},
};

/* Read a text without the NUL, so that reading behind it is noticed. */
static Status
Read(const char *text, size_t length, int flags)
{
	char	   *copy = malloc(length);
	JwkSet	   *set;
	Status		status;

	memcpy(copy, text, length);
	status = JwkSetParse(copy, length, flags, &set);
	CHECK((set != NULL) == (status == STATUS_OK), "what is refused leaves no set");
	CHECK(ERR_peek_error() == 0, "and no error in OpenSSL's queue");
	JwkSetFree(set);
	free(copy);
	return status;
}

/* A public key of bytes. */
static Status
ReadBytes(const char *begin, const uint8_t *bytes, size_t length, const char *end)
{
	char		text[2048];
	size_t		written = (size_t) snprintf(text, sizeof(text), "%s", begin);

	written += Base64UrlEncode(bytes, length, text + written);
	written += (size_t) snprintf(text + written, sizeof(text) - written, "%s", end);
	return Read(text, written, 0);
}

/* Moduli at the limits. */
static void
CheckModuli(void)
{
	static const struct
	{
		size_t		bytes;
		uint8_t		first;
		uint8_t		last;
		Status		expected;
	}			moduli[] = {
		{1, 0xff, 0xff, STATUS_KEY_WEAK},
		{128, 0xff, 0xff, STATUS_KEY_WEAK},
		{255, 0xff, 0xff, STATUS_KEY_WEAK},
		{256, 0x7f, 0xff, STATUS_KEY_WEAK},
		{256, 0x80, 0x01, STATUS_OK},
		{256, 0x80, 0x02, STATUS_KEY_FORMAT},
		{256, 0x00, 0x01, STATUS_KEY_FORMAT},
		{257, 0x00, 0x01, STATUS_KEY_FORMAT},
		{257, 0x01, 0x01, STATUS_OK},
		{1024, 0xff, 0xff, STATUS_OK},
		{1025, 0x01, 0x01, STATUS_KEY_LARGE},
		{1025, 0xff, 0xff, STATUS_KEY_LARGE},
	};
	uint8_t		n[1025];

	for (size_t i = 0; i < sizeof(moduli) / sizeof(moduli[0]); i++)
	{
		memset(n, 0x5a, sizeof(n));
		n[moduli[i].bytes - 1] = moduli[i].last;
		n[0] = moduli[i].first;
		CHECK_STATUS(ReadBytes("{\"kty\":\"RSA\",\"e\":\"AQAB\",\"n\":\"", n, moduli[i].bytes, "\"}"),
					 moduli[i].expected,
					 UnitName("a modulus %02x..%02x of %zu bytes", moduli[i].first, moduli[i].last,
							  moduli[i].bytes));
	}
}

/* Every member of a private RSA key, changed in its last bit. */
static void
CheckRsaPairs(void)
{
	static const char text[] = RSA_KEY(RSA_PRIVATE);
	static const char *const members[] = {"\"n\"", "\"e\"", "\"d\"", "\"p\"", "\"q\"", "\"dp\"", "\"dq\"", "\"qi\""};
	char		copy[sizeof(text)];

	for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++)
	{
		char	   *value;

		memcpy(copy, text, sizeof(text));
		value = strstr(copy, members[i]) + strlen(members[i]) + 2;
		value[1] = value[1] == 'A' ? 'B' : 'A';
		CHECK_STATUS(Read(copy, sizeof(text) - 1, 0), STATUS_KEY_FORMAT,
					 UnitName("%s is changed", members[i]));
	}
}

/* Points of small order, of no curve, and numbers above the prime. */
static void
CheckEdwards(void)
{
	/*
	 * order 8 (RFC 8032's curve; computed with Python by multiplying with the order of
	 * the base)
	 */
	static const char *const order_8[] = {
		"26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
		"c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
	};
	static const struct
	{
		const char *begin;
		size_t		length;
	}			curves[] = {
		{"{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"", 32},
		{"{\"kty\":\"OKP\",\"crv\":\"Ed448\",\"x\":\"", 57},
	};
	static const uint8_t on_25519[] = {3, 4, 5, 6, 9, 10};
	static const uint8_t off_25519[] = {2, 7, 8, 11};
	static const uint8_t on_448[] = {3, 4, 5, 7, 8, 9};
	static const uint8_t off_448[] = {2, 6, 10, 11};

	for (int curve = 0; curve < 2; curve++)
	{
		const char *begin = curves[curve].begin;
		size_t		length = curves[curve].length;

		for (int sign = 0; sign <= 0x80; sign += 0x80)
		{
			uint8_t		y[57];

			/* 0 and 1, and the last numbers below 2^255 and 2^448: p - 1, p, … */
			for (int small = 0; small < 2; small++)
			{
				memset(y, 0, sizeof(y));
				y[0] = (uint8_t) small;
				y[length - 1] |= (uint8_t) sign;
				CHECK_STATUS(ReadBytes(begin, y, length, "\"}"), STATUS_KEY_FORMAT,
							 UnitName("y = %d has small order", small));
			}
			for (int last = 0xec; last <= 0xff; last++)
			{
				memset(y, 0xff, sizeof(y));
				y[0] = (uint8_t) last;
				if (curve == 0)
					y[31] = 0x7f;
				else
				{
					y[56] = 0;
					if (last >= 0xfe)
						y[28] = 0xfe;
				}
				y[length - 1] |= (uint8_t) sign;
				CHECK_STATUS(ReadBytes(begin, y, length, "\"}"), STATUS_KEY_FORMAT,
							 UnitName("y = ..%02x", last));
			}
			for (size_t i = 0; i < sizeof(on_25519); i++)
			{
				memset(y, 0, sizeof(y));
				y[0] = curve == 0 ? on_25519[i] : on_448[i];
				y[length - 1] |= (uint8_t) sign;
				CHECK_STATUS(ReadBytes(begin, y, length, "\"}"), STATUS_OK,
							 UnitName("y = %d", y[0]));
			}
			for (size_t i = 0; i < sizeof(off_25519); i++)
			{
				memset(y, 0, sizeof(y));
				y[0] = curve == 0 ? off_25519[i] : off_448[i];
				y[length - 1] |= (uint8_t) sign;
				CHECK_STATUS(ReadBytes(begin, y, length, "\"}"), STATUS_KEY_FORMAT,
							 UnitName("y = %d is not on the curve", y[0]));
			}
			for (size_t i = 0; curve == 0 && i < 2; i++)
			{
				UnitHex(order_8[i], y, sizeof(y));
				y[31] |= (uint8_t) sign;
				CHECK_STATUS(ReadBytes(begin, y, 32, "\"}"), STATUS_KEY_FORMAT, "order 8");
			}
			for (int bit = 1; curve == 1 && bit < 0x80; bit <<= 1)
			{
				memset(y, 0, sizeof(y));
				y[0] = 3;
				y[56] = (uint8_t) (bit | sign);
				CHECK_STATUS(ReadBytes(begin, y, 57, "\"}"), STATUS_KEY_FORMAT,
							 "bits between number and sign");
			}
		}
	}
}

int
main(void)
{
	for (size_t i = 0; i < sizeof(parses) / sizeof(parses[0]); i++)
		CHECK_STATUS(Read(parses[i].text, strlen(parses[i].text), parses[i].flags),
					 parses[i].expected, parses[i].name);
	CheckModuli();
	CheckRsaPairs();
	CheckEdwards();
	return UnitEnd();
}
