/*
 * src/core/pubkeycheck.c: what OpenSSL does not check of a key that it is given.
 *
 * Depends on libcrypto's integers and pubkeybuild.
 */
#include "pubkeybuild.h"

#include <string.h>

#include <openssl/bn.h>

/* Members of an RSA key by number, as pubkey_shapes has them. */
enum
{
	N, E, D, P, Q, DP, DQ, QI
};

/* The Edwards curves a x^2 + y^2 = 1 + d x^2 y^2: prime of the field and d, hexadecimal. */
static const struct
{
	const char *prime;
	const char *d;
	int			a;
}			edwards[] = {

	/* RFC 8032 §5.1 */
	{"7fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffed",
	"52036cee2b6ffe738cc740797779e89800700a4d4141d8ab75eb4dca135978a3", -1},
	/* §5.2: d is -39081 */
	{"fffffffffffffffffffffffffffffffffffffffffffffffffffffffe"
		"ffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
		"fffffffffffffffffffffffffffffffffffffffffffffffffffffffe"
		"ffffffffffffffffffffffffffffffffffffffffffffffffffff6756",
	1},
};

/*
 * y of the points of Ed25519 whose order is 8.  The smaller orders have y 1
 * (order 1), -1 (2) and 0 (4) on both curves.
 */
static const char *const order_8[] = {
	"05fc536d880238b13933c6d305acdfd5f098eff289f4c345b027b2c28f95e826",
	"7a03ac9277fdc74ec6cc392cfa53202a0f67100d760b3cba4fd84d3d706a17c7",
};

/* Bits of a big-endian integer without leading zeros. */
static size_t
Bits(const PubKeyMaterial *material, int member)
{
	size_t		bits = material->lengths[member] * 8;
	uint8_t		mask = 0x80;

	while (bits > 0 && (material->bytes[member][0] & mask) == 0)
	{
		mask >>= 1;
		bits--;
	}
	return bits;
}

/* Is the last bit of an integer set? */
static bool
IsOdd(const PubKeyMaterial *material, int member)
{
	return (material->bytes[member][material->lengths[member] - 1] & 1) != 0;
}

/* An integer of the context, or NULL. */
static BIGNUM *
Integer(BN_CTX * context, const PubKeyMaterial *material, int member)
{
	BIGNUM	   *integer = BN_CTX_get(context);

	if (integer == NULL)
		return NULL;
	return BN_bin2bn(material->bytes[member], (int) material->lengths[member], integer);
}

/*
 * Is half of a key pair right: f a factor, df the exponent for it, that is
 * df = d and e df = 1 modulo f - 1?
 */
static bool
IsHalf(BN_CTX * context, const BIGNUM *e, const BIGNUM *d, const BIGNUM *f, const BIGNUM *df)
{
	BIGNUM	   *modulus = BN_CTX_get(context);
	BIGNUM	   *result = BN_CTX_get(context);

	return result != NULL && !BN_is_zero(df) &&
		BN_copy(modulus, f) != NULL && BN_sub_word(modulus, 1) == 1 &&
		BN_cmp(df, modulus) < 0 &&
		BN_nnmod(result, d, modulus, context) == 1 && BN_cmp(result, df) == 0 &&
		BN_mod_mul(result, e, df, modulus, context) == 1 && BN_is_one(result);
}

/*
 * Do the private parts belong to the public ones?  OpenSSL's own check proves
 * besides that p and q are primes, which takes 75 ms at 2048 bits and 230 at
 * 3072: too much for each backend that reads the key file.  With p or q not
 * prime the key makes signatures that do not verify, and no others.
 */
static Status
CheckPair(const PubKeyMaterial *material)
{
	BN_CTX	   *context = BN_CTX_new();
	BIGNUM	   *n;
	BIGNUM	   *e;
	BIGNUM	   *d;
	BIGNUM	   *p;
	BIGNUM	   *q;
	BIGNUM	   *dp;
	BIGNUM	   *dq;
	BIGNUM	   *qi;
	BIGNUM	   *result;
	Status		status = STATUS_KEY_FORMAT;

	if (context == NULL)
		return STATUS_MEMORY;
	BN_CTX_start(context);
	n = Integer(context, material, N);
	e = Integer(context, material, E);
	d = Integer(context, material, D);
	p = Integer(context, material, P);
	q = Integer(context, material, Q);
	dp = Integer(context, material, DP);
	dq = Integer(context, material, DQ);
	qi = Integer(context, material, QI);
	result = BN_CTX_get(context);
	if (result == NULL || n == NULL || e == NULL || d == NULL || p == NULL || q == NULL ||
		dp == NULL || dq == NULL || qi == NULL)
		status = STATUS_MEMORY;
	else if (!BN_is_one(p) && !BN_is_one(q) && BN_cmp(d, n) < 0 && BN_cmp(qi, p) < 0 &&
			 BN_mul(result, p, q, context) == 1 && BN_cmp(result, n) == 0 &&
			 IsHalf(context, e, d, p, dp) && IsHalf(context, e, d, q, dq) &&
			 BN_mod_mul(result, qi, q, p, context) == 1 && BN_is_one(result))
		status = STATUS_OK;

	/* What came out of the context is wiped with it. */
	BN_CTX_end(context);
	BN_CTX_free(context);
	return status;
}

/*
 * Was the key made by the chips of CVE-2017-15361 (ROCA)?  Their primes are
 * powers of 65537 modulo each of the small primes, and so is the modulus; of
 * others one in 240 million is (for these primes, since modulo the rest every
 * number is such a power).  The factors of such a key can be computed.
 */
static bool
IsRoca(const PubKeyMaterial *material)
{
	static const unsigned int primes[] = {
		11, 13, 17, 19, 37, 53, 61, 71, 73, 79, 97, 103, 107, 109, 127, 151, 157
	};
	BIGNUM	   *n = BN_bin2bn(material->bytes[N], (int) material->lengths[N], NULL);
	bool		is_roca = n != NULL;
	size_t		i;

	for (i = 0; is_roca && i < sizeof(primes) / sizeof(primes[0]); i++)
	{
		unsigned int remainder = (unsigned int) BN_mod_word(n, primes[i]);
		unsigned int power = 1;

		while (power != remainder && (power = power * 65537 % primes[i]) != 1)
			;
		is_roca = power == remainder;
	}
	BN_free(n);
	return is_roca;
}

/* Check the limits of an RSA key, and its private parts. */
static Status
CheckRsa(const PubKeyMaterial *material)
{
	int			i;

	/* An integer has one encoding: the shortest (RFC 7518 §2). */
	for (i = 0; i < PUBKEY_MEMBERS; i++)
	{
		if (material->lengths[i] > 0 && material->bytes[i][0] == 0)
			return STATUS_KEY_FORMAT;
	}
	if (Bits(material, N) < PUBKEY_RSA_MIN_BITS)
		return STATUS_KEY_WEAK;
	if (Bits(material, N) > PUBKEY_RSA_MAX_BITS || material->lengths[E] > PUBKEY_RSA_E_MAX_BYTES)
		return STATUS_KEY_LARGE;

	/*
	 * Neither a product of odd primes nor an exponent that can be undone is even; and e
	 * is not 1.
	 */
	if (!IsOdd(material, N) || !IsOdd(material, E) || Bits(material, E) < 2)
		return STATUS_KEY_FORMAT;
	if (IsRoca(material))
		return STATUS_KEY_WEAK;
	return material->lengths[D] > 0 ? CheckPair(material) : STATUS_OK;
}

/*
 * Read y and the sign of x of an Edwards point (RFC 8032 §5.1.2, §5.2.2), little-endian
 * and with the sign in the last bit.  Bits between them must be 0, which y < p says.
 */
static BIGNUM *
ReadPoint(BN_CTX * context, PubKeyKind kind, const uint8_t *bytes)
{
	size_t		length = pubkey_shapes[kind].member_bytes;
	uint8_t		copy[PUBKEY_MEMBER_MAX];
	BIGNUM	   *y = BN_CTX_get(context);

	memcpy(copy, bytes, length);
	copy[length - 1] &= 0x7f;
	return y != NULL ? BN_lebin2bn(copy, (int) length, y) : NULL;
}

/* Set an integer of the context to a hexadecimal number. */
static BIGNUM *
Constant(BN_CTX * context, const char *text)
{
	BIGNUM	   *integer = BN_CTX_get(context);

	return integer != NULL && BN_hex2bn(&integer, text) > 0 ? integer : NULL;
}

/*
 * Is this the y of a point of small order?  As a key it would verify signatures
 * that anybody can make.
 */
static bool
HasSmallOrder(BN_CTX * context, PubKeyKind kind, const BIGNUM *y, const BIGNUM *prime)
{
	BIGNUM	   *other = BN_CTX_get(context);
	size_t		i;

	/* What cannot be computed is refused. */
	if (other == NULL || BN_copy(other, prime) == NULL || BN_sub_word(other, 1) != 1)
		return true;
	if (BN_is_zero(y) || BN_is_one(y) || BN_cmp(y, other) == 0)
		return true;
	for (i = 0; kind == PUBKEY_ED25519 && i < sizeof(order_8) / sizeof(order_8[0]); i++)
	{
		if (BN_hex2bn(&other, order_8[i]) == 0 || BN_cmp(y, other) == 0)
			return true;
	}
	return false;
}

/*
 * Is there an x for this y?  x^2 is u / v with u = y^2 - 1 and v = d y^2 - a,
 * and a square if u v is one: Kronecker's symbol says so.  u is 0 for the y of
 * small orders alone, and v never is, since d and a d are no squares.
 */
static bool
IsOnCurve(BN_CTX * context, PubKeyKind kind, const BIGNUM *y, const BIGNUM *prime)
{
	const int	curve = kind == PUBKEY_ED25519 ? 0 : 1;
	BIGNUM	   *d = Constant(context, edwards[curve].d);
	BIGNUM	   *u = BN_CTX_get(context);
	BIGNUM	   *v = BN_CTX_get(context);

	return d != NULL && v != NULL &&
		BN_mod_sqr(u, y, prime, context) == 1 &&
		BN_mod_mul(v, d, u, prime, context) == 1 &&
		BN_sub_word(u, 1) == 1 &&
		(edwards[curve].a < 0 ? BN_add_word(v, 1) : BN_sub_word(v, 1)) == 1 &&
		BN_mod_mul(u, u, v, prime, context) == 1 &&
		BN_kronecker(u, prime, context) == 1;
}

/* Check the public point of EdDSA. */
static Status
CheckEdwards(PubKeyKind kind, const PubKeyMaterial *material)
{
	BN_CTX	   *context = BN_CTX_new();
	BIGNUM	   *prime;
	BIGNUM	   *y;
	Status		status = STATUS_KEY_FORMAT;

	if (context == NULL)
		return STATUS_MEMORY;
	BN_CTX_start(context);
	prime = Constant(context, edwards[kind == PUBKEY_ED25519 ? 0 : 1].prime);
	y = ReadPoint(context, kind, material->bytes[0]);
	if (prime == NULL || y == NULL)
		status = STATUS_MEMORY;
	else if (BN_cmp(y, prime) < 0 && !HasSmallOrder(context, kind, y, prime) &&
			 IsOnCurve(context, kind, y, prime))
		status = STATUS_OK;
	BN_CTX_end(context);
	BN_CTX_free(context);
	return status;
}

/* Check members that are there: all public ones, and all private ones or none. */
Status
PubKeyCheckMaterial(PubKeyKind kind, const PubKeyMaterial *material)
{
	const PubKeyShape *shape = &pubkey_shapes[kind];
	bool		is_private = material->lengths[shape->public_members] > 0;
	int			i;

	for (i = 0; i < shape->all_members; i++)
	{
		bool		expected = i < shape->public_members || is_private;

		if ((material->lengths[i] > 0) != expected ||
			(expected && shape->member_bytes > 0 && material->lengths[i] != shape->member_bytes))
			return STATUS_KEY_FORMAT;
	}
	switch (kind)
	{
		case PUBKEY_RSA:
			return CheckRsa(material);
		case PUBKEY_P256:
		case PUBKEY_P384:
		case PUBKEY_P521:

			/*
			 * OpenSSL refuses points that are not on the curve; there are no
			 * others of small order, and (x, y) cannot say infinity.
			 */
			return STATUS_OK;
		case PUBKEY_ED25519:
		case PUBKEY_ED448:
			return CheckEdwards(kind, material);
	}
	return STATUS_KEY_TYPE;
}
