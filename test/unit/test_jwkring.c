/*
 * test/unit/test_jwkring.c: the life of a key in a ring: import, promotion,
 * retirement, removal.
 *
 * Depends on unit.h, keys.h, core/jwk, core/jws and core/mem.
 */
#include "unit.h"

#include "core/jwk.h"
#include "core/jws.h"
#include "core/mem.h"
#include "keys.h"

/* RFC 8037 §A.1: the private key that belongs to OKP_KEY. */
#define OKP_PUBLIC "\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\""
#define OKP_D "\"d\":\"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A\""
#define OKP_PRIVATE OKP_PUBLIC "," OKP_D

static const char ring_text[] =
SET(SIGN("s", "current") "," SIGN("old", "previous") "," SIGN("next", "standby") ","
	SIGN("gone", "retired") "," SEAL("e", "current") "," SEAL("e0", "previous") ","
	DERIVE("d", "current"));

/* The state of a key; -1 without one. */
static int
StateOf(const JwkSet *set, const char *kid)
{
	const Jwk  *jwk = JwkSetFind(set, kid, strlen(kid));

	return jwk != NULL ? (int) jwk->state : -1;
}

/* Can the set be written, and read as a ring? */
static int
IsRing(const JwkSet *set)
{
	JwkSet	   *again = NULL;
	char	   *text;
	size_t		length;
	Status		status;

	if (JwkSetWrite(set, JWKSET_ALL, &text, &length) != STATUS_OK)
		return 0;
	status = JwkSetParse(text, length, JWKSET_RING, &again);
	SecureFree(text, length + 1);
	JwkSetFree(again);
	return status == STATUS_OK;
}

/* A ring to be changed. */
static JwkSet *
NewRing(void)
{
	JwkSet	   *set = NULL;

	CHECK_STATUS(JwkSetParse(ring_text, strlen(ring_text), JWKSET_RING, &set), STATUS_OK, "a ring");
	return set;
}

/* From one state to the next, and what is refused. */
static void
CheckStates(void)
{
	static const struct
	{
		const char *kid;
		Status		promote;
		Status		retire;
		Status		remove;
	}			cases[] = {
		{"s", STATUS_KEY_STATE, STATUS_KEY_STATE, STATUS_KEY_STATE},
		{"old", STATUS_OK, STATUS_OK, STATUS_KEY_STATE},
		{"next", STATUS_OK, STATUS_OK, STATUS_KEY_STATE},
		{"gone", STATUS_KEY_STATE, STATUS_KEY_STATE, STATUS_OK},
		{"e", STATUS_KEY_STATE, STATUS_KEY_STATE, STATUS_KEY_STATE},
		{"e0", STATUS_OK, STATUS_OK, STATUS_KEY_STATE},
		{"d", STATUS_KEY_STATE, STATUS_KEY_STATE, STATUS_KEY_STATE},
		{"nobody", STATUS_KEY_NONE, STATUS_KEY_NONE, STATUS_KEY_NONE},
		{"", STATUS_KEY_NONE, STATUS_KEY_NONE, STATUS_KEY_NONE},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		const char *kid = cases[i].kid;
		size_t		length = strlen(kid);
		JwkSet	   *set = NewRing();
		int			before = StateOf(set, kid);

		CHECK_STATUS(JwkSetPromote(set, kid, length, 500), cases[i].promote,
					 UnitName("promote %s", kid));
		CHECK(StateOf(set, kid) == (cases[i].promote == STATUS_OK ? KEY_CURRENT : before) &&
			  IsRing(set), "the ring stays whole");
		JwkSetFree(set);

		set = NewRing();
		CHECK_STATUS(JwkSetRetire(set, kid, length, 500), cases[i].retire,
					 UnitName("retire %s", kid));
		CHECK(StateOf(set, kid) == (cases[i].retire == STATUS_OK ? KEY_RETIRED : before) &&
			  IsRing(set), "the ring stays whole");
		JwkSetFree(set);

		set = NewRing();
		CHECK_STATUS(JwkSetRemove(set, kid, length), cases[i].remove, UnitName("remove %s", kid));
		CHECK(StateOf(set, kid) == (cases[i].remove == STATUS_OK ? -1 : before) && IsRing(set),
			  "the ring stays whole");
		JwkSetFree(set);
	}
}

/* What a step does to the other keys. */
static void
CheckOthers(void)
{
	JwkSet	   *set = NewRing();

	CHECK_STATUS(JwkSetPromote(set, "next", 4, 500), STATUS_OK, "promote");
	CHECK(StateOf(set, "s") == KEY_PREVIOUS && JwkSetFind(set, "s", 1)->since == 500,
		  "the former one steps down at that time");
	CHECK(JwkSetFind(set, "next", 4)->since == 500, "when the other begins");
	CHECK(StateOf(set, "e") == KEY_CURRENT && StateOf(set, "d") == KEY_CURRENT &&
		  StateOf(set, "old") == KEY_PREVIOUS && JwkSetFind(set, "old", 3)->since == 1700000000,
		  "keys of other uses and states stay");
	CHECK_STATUS(JwkSetPromote(set, "s", 1, 600), STATUS_OK, "and back");
	CHECK(StateOf(set, "s") == KEY_CURRENT && StateOf(set, "next") == KEY_PREVIOUS, "both");

	CHECK_STATUS(JwkSetRemove(set, "gone", 4), STATUS_OK, "one of the middle is removed");
	CHECK(set->count == 6 && strcmp(set->keys[2].kid, "next") == 0 &&
		  strcmp(set->keys[3].kid, "e") == 0 && strcmp(set->keys[5].kid, "d") == 0,
		  "the others keep their order");
	CHECK_STATUS(JwkSetRetire(set, "e0", 2, 700), STATUS_OK, "retire a sealing key");
	CHECK_STATUS(JwkSetRemove(set, "e0", 2), STATUS_OK, "and remove it");
	CHECK(IsRing(set), "a ring is left");
	JwkSetFree(set);
}

/* Does a key of the ring sign what it verifies? */
static int
Signs(const Jwk *key)
{
	char		token[2048];
	size_t		length;
	JwsParts	parts;

	return JwsSign(key, "JWT", "{}", 2, token, sizeof(token), &length) == STATUS_OK &&
		JwsSplit(token, length, &parts) == STATUS_OK &&
		JwsVerify(&parts, key->alg->name, key) == STATUS_OK;
}

/* Keys of other systems. */
static void
CheckImport(void)
{
	static const struct
	{
		const char *name;
		Status		expected;
		const char *text;
	}			cases[] = {
		{"a secret", STATUS_OK, "{\"kty\":\"oct\",\"alg\":\"HS256\",\"kid\":\"i\",\"k\":\"" K32 "\"}"},
		{"without kid", STATUS_OK, "{\"kty\":\"oct\",\"alg\":\"HS512\",\"k\":\"" K64 "\"}"},
		{"with both operations", STATUS_OK,
		"{\"kty\":\"oct\",\"alg\":\"HS256\",\"key_ops\":[\"sign\",\"verify\"],\"kid\":\"i\",\"k\":\"" K32 "\"}"},
		{"a key pair", STATUS_OK, "{" OKP_PRIVATE ",\"alg\":\"EdDSA\",\"kid\":\"i\",\"use\":\"sig\"}"},
		{"its private half says sign", STATUS_OK, "{" OKP_PRIVATE ",\"key_ops\":[\"sign\"],\"kid\":\"i\"}"},
		{"a set of one", STATUS_OK, SET("{" OKP_PRIVATE ",\"kid\":\"i\"}")},
		{"a sealing key", STATUS_OK, "{\"kty\":\"oct\",\"alg\":\"A256GCM\",\"use\":\"enc\",\"kid\":\"i\",\"k\":\"" K32 "\"}"},
		{"a derivation key", STATUS_OK,
		"{\"kty\":\"oct\",\"alg\":\"HKDF-SHA256\",\"key_ops\":[\"deriveBits\"],\"kid\":\"i\",\"k\":\"" K32 "\"}"},
		{"a state of its own counts for nothing", STATUS_OK,
		"{\"kty\":\"oct\",\"alg\":\"HS256\",\"state\":\"retired\",\"since\":1,\"kid\":\"i\",\"k\":\"" K32 "\"}"},
		{"public", STATUS_KEY_PUBLIC, "{" OKP_PUBLIC ",\"kid\":\"i\"}"},
		{"a public EC key", STATUS_KEY_PUBLIC, EC_KEY},
		{"private, to verify only", STATUS_KEY_USE, "{" OKP_PRIVATE ",\"key_ops\":[\"verify\"]}"},
		{"a secret to verify only", STATUS_KEY_USE,
		"{\"kty\":\"oct\",\"alg\":\"HS256\",\"key_ops\":[\"verify\"],\"k\":\"" K32 "\"}"},
		{"a secret to sign only", STATUS_KEY_USE,
		"{\"kty\":\"oct\",\"alg\":\"HS256\",\"key_ops\":[\"sign\"],\"k\":\"" K32 "\"}"},
		{"to encrypt with EdDSA", STATUS_KEY_USE, "{" OKP_PRIVATE ",\"use\":\"enc\"}"},
		{"a short secret", STATUS_KEY_WEAK, "{\"kty\":\"oct\",\"alg\":\"HS512\",\"k\":\"" K32 "\"}"},
		{"a secret for nothing", STATUS_KEY_ALG, "{\"kty\":\"oct\",\"k\":\"" K32 "\"}"},
		{"another pair's half", STATUS_KEY_FORMAT,
		"{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\",\"d\":\"" K32 "\"}"},
		{"X25519", STATUS_KEY_TYPE, X25519_KEY},
		{"kid in use", STATUS_KEY_DUPLICATE,
		"{\"kty\":\"oct\",\"alg\":\"HS256\",\"kid\":\"old\",\"k\":\"" K32 "\"}"},
		{"kid of another type in use", STATUS_KEY_DUPLICATE, "{" OKP_PRIVATE ",\"kid\":\"e\"}"},
		{"two keys", STATUS_ARGUMENT, SET("{" OKP_PRIVATE ",\"kid\":\"a\"}," SIGN("b", "current"))},
		{"no keys", STATUS_KEY_NONE, "{\"keys\":[]}"},
		{"a number", STATUS_KEY_FORMAT, "1"},
		{"nothing", STATUS_JSON_SYNTAX, ""},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		JwkSet	   *set = NewRing();
		size_t		before = set->count;
		const Jwk  *added;

		CHECK_STATUS(JwkSetImport(set, cases[i].text, strlen(cases[i].text), 500, &added),
					 cases[i].expected, cases[i].name);
		if (cases[i].expected == STATUS_OK)
		{
			CHECK(added != NULL && added->state == KEY_CURRENT && added->since == 500 &&
				  JwkSetCurrent(set, added->alg->use) == added,
				  "it is the current one of its use");
			CHECK(strcmp(added->kid, "i") == 0 || strlen(added->kid) == 22, "of its own kid, or a random one");
			CHECK(added->alg->use != KEY_SIGN || Signs(added), "and signs");
		}
		else
			CHECK(added == NULL && set->count == before && StateOf(set, "s") == KEY_CURRENT,
				  "nothing is changed");
		CHECK(IsRing(set), "the ring stays whole");
		JwkSetFree(set);
	}
}

/* A full ring, and a public key that should sign. */
static void
CheckLimits(void)
{
	static const char public_standby[] =
	SET(SIGN("s", "current") ",{" OKP_PUBLIC
		",\"use\":\"sig\",\"alg\":\"EdDSA\",\"kid\":\"p\",\"state\":\"standby\"}" OTHERS);
	static const char secret[] = "{\"kty\":\"oct\",\"alg\":\"HS256\",\"k\":\"" K32 "\"}";
	JwkSet	   *set = NewRing();
	const Jwk  *added;

	while (set->count < JWKSET_MAX_KEYS)
	{
		if (!CHECK_STATUS(JwkSetImport(set, secret, strlen(secret), 1, &added), STATUS_OK, "room"))
			break;
	}
	CHECK_STATUS(JwkSetImport(set, secret, strlen(secret), 1, &added), STATUS_ARGUMENT, "no room");
	CHECK(IsRing(set), "a full ring is one");
	JwkSetFree(set);

	if (CHECK_STATUS(JwkSetParse(public_standby, strlen(public_standby), JWKSET_RING, &set),
					 STATUS_OK, "a ring with a key of somebody else"))
	{
		CHECK_STATUS(JwkSetPromote(set, "p", 1, 1), STATUS_KEY_PUBLIC, "which cannot sign");
		CHECK(StateOf(set, "s") == KEY_CURRENT, "nothing is changed");
		JwkSetFree(set);
	}
}

int
main(void)
{
	CheckStates();
	CheckOthers();
	CheckImport();
	CheckLimits();
	return UnitEnd();
}
