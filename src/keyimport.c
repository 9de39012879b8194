/*
 * src/keyimport.c: keys from the systems that are replaced, and verification
 * keys for others, from SQL, for superusers.
 *
 * Depends on keychange.c, keyring.c and the core.
 */
#include "postgres.h"

#include <sys/stat.h>

#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/builtins.h"

#include "compat.h"
#include "keychange.h"
#include "keyring.h"
#include "logguard.h"
#include "report.h"

#include "core/mem.h"

SQL_FUNCTION(intrex_auth_key_import);
SQL_FUNCTION(intrex_auth_key_export);

/* What becomes of a secret of another system. */
typedef enum ImportForm
{
	IMPORT_CHARACTERS,			/* the bytes of the text are the key */
	IMPORT_HEX,					/* 64 hexadecimal digits are */
	IMPORT_JWK,					/* the key itself says all */
	IMPORT_NOTHING				/* has no successor */
} ImportForm;

typedef struct ImportRule
{
	const char *setting;
	ImportForm	form;
	const char *alg;
	const char *note;
} ImportRule;

static const ImportRule import_rules[] = {
	{"AUTH_SECRET", IMPORT_CHARACTERS, "HS256",
	"It signs tokens from now on. Connector secrets are sealed with a key of their own: seal them anew with auth.secret_store()."},
	{"JWT_SECRET", IMPORT_CHARACTERS, "HS256", "It signs tokens from now on."},
	{"ENCRYPTION_KEY", IMPORT_HEX, "A256GCM", "It seals secrets from now on."},
	{"JWK", IMPORT_JWK, NULL, "It is the current key of its use from now on."},
	{"JWT_REFRESH_SECRET", IMPORT_NOTHING, NULL,
	"It has no successor: refresh tokens are random values, not signed ones. Nothing was imported."},
};

#define IMPORT_MIN_CHARACTERS 32
#define IMPORT_HEX_DIGITS 64

/* Value of a hexadecimal digit, or -1. */
static int
HexDigit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

/* Read exactly 64 hexadecimal digits into 32 bytes. */
static void
ReadHexKey(text *value, uint8 out[32])
{
	const char *hex = VARDATA_ANY(value);
	bool		valid = VARSIZE_ANY_EXHDR(value) == IMPORT_HEX_DIGITS;

	for (int i = 0; valid && i < 32; i++)
	{
		int			high = HexDigit(hex[2 * i]);
		int			low = HexDigit(hex[2 * i + 1]);

		valid = high >= 0 && low >= 0;
		out[i] = (uint8) ((high << 4) | (low & 15));
	}
	if (!valid)
	{
		SecureWipe(out, 32);
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("invalid ENCRYPTION_KEY"),
				 errdetail("It must be exactly 64 hexadecimal digits."),
				 errhint("openssl rand -hex 32 makes one.")));
	}
}

/* The hint that goes with a refused JWK. */
static const char *
HintOfRefusal(Status status)
{
	switch (status)
	{
		case STATUS_KEY_PUBLIC:
			return "Export the private key from the system that is replaced: a JWK with \"d\". Keys of others that only verify go to auth.jwt_verify() as an argument.";
		case STATUS_KEY_WEAK:
			return "Make a new key with auth.key_rotate(): HS256 needs 32 bytes or more, HS384 48, HS512 64, RSA a modulus of 2048 bits or more.";
		case STATUS_KEY_USE:
			return "Its use, key_ops and alg must go together: \"use\": \"sig\" with a signature algorithm, \"enc\" with A256GCM; a secret must be allowed to sign and to verify.";
		case STATUS_KEY_ALG:
			return "Say what the key is for: \"alg\": \"HS256\", \"RS256\", \"ES256\", \"EdDSA\" and so on, as its type allows.";
		case STATUS_KEY_DUPLICATE:
			return "A key of this kid is in the ring already: SELECT * FROM auth.keys().";
		case STATUS_ARGUMENT:
			return "Import one key at a time.";
		default:
			return "Give one private JSON Web Key (RFC 7517) as text: {\"kty\": ..., ...}.";
	}
}

/* Report that a key was not taken over. */
void
KeyReportRefusal(Status status, const char *what)
{
	if (status == STATUS_MEMORY || status == STATUS_CRYPTO)
		ReportCoreError(status, what);
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("invalid %s", what),
			 errdetail("%s (%s)", StatusText(status), StatusCode(status)),
			 errhint("%s", HintOfRefusal(status))));
}

/* The rule of a setting. */
static const ImportRule *
FindRule(const text *setting)
{
	for (size_t i = 0; i < lengthof(import_rules); i++)
	{
		const char *name = import_rules[i].setting;

		if (VARSIZE_ANY_EXHDR(setting) == strlen(name) &&
			memcmp(VARDATA_ANY(setting), name, strlen(name)) == 0)
			return &import_rules[i];
	}
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("unknown setting to import"),
			 errhint("Import AUTH_SECRET, JWT_SECRET, ENCRYPTION_KEY or a JWK.")));
}

/* Add what a setting held to the ring. */
static Status
Import(JwkSet *set, const ImportRule *rule, text *value, const Jwk **added)
{
	const char *bytes = VARDATA_ANY(value);
	size_t		length = VARSIZE_ANY_EXHDR(value);
	const KeyAlgorithm *alg;
	uint8		key[32];
	Status		status;

	if (rule->form == IMPORT_JWK)
		return JwkSetImport(set, bytes, length, KeyClock(), added);
	alg = KeyAlgorithmFind(rule->alg, strlen(rule->alg));
	if (rule->form == IMPORT_HEX)
	{
		ReadHexKey(value, key);
		status = JwkSetAddSecret(set, alg, KEY_CURRENT, key, sizeof(key), KeyClock(), added);
		SecureWipe(key, sizeof(key));
		return status;
	}
	if (pg_mbstrlen_with_len(bytes, (int) length) < IMPORT_MIN_CHARACTERS)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("invalid %s", rule->setting),
				 errdetail("It must have 32 characters or more."),
				 errhint("openssl rand -base64 48 makes one.")));
	return JwkSetAddSecret(set, alg, KEY_CURRENT, (const uint8 *) bytes, length,
						   KeyClock(), added);
}

/*
 * SQL function: auth.key_import(setting text, value text) returns text
 *
 * The key is current at once: tokens that the replaced system signed are
 * verified as long as they last, if they name the kid of the JWK.
 */
Datum
intrex_auth_key_import(PG_FUNCTION_ARGS)
{
	text	   *value = PG_GETARG_TEXT_PP(1);
	const ImportRule *rule;
	JwkSet	   *set;
	const Jwk  *added;
	text	   *kid;
	Status		status;

	LogGuardMark();
	KeyDemandSuperuser();
	KeyDemandPrimary();
	rule = FindRule(PG_GETARG_TEXT_PP(0));
	if (rule->form == IMPORT_NOTHING)
	{
		ereport(NOTICE, (errmsg("%s was not imported", rule->setting), errdetail("%s", rule->note)));
		PG_RETURN_NULL();
	}

	set = KeyBeginChange();
	KeyDemandRoom(set);
	status = Import(set, rule, value, &added);
	if (status != STATUS_OK)
		KeyReportRefusal(status, rule->setting);
	kid = cstring_to_text(added->kid);
	KeyFinishChange(set);
	if ((Pointer) value != PG_GETARG_POINTER(1))
		SecureWipe(VARDATA_ANY(value), VARSIZE_ANY_EXHDR(value));
	ereport(NOTICE, (errmsg("%s was imported", rule->setting), errdetail("%s", rule->note)));
	PG_RETURN_TEXT_P(kid);
}

/* Is this the key file, by whatever path?  The export would take its place, without the keys that sign. */
static bool
IsKeyFile(const char *path)
{
	struct stat ours;
	struct stat theirs;

	return strcmp(path, KeyringPath()) == 0 ||
		(stat(KeyringPath(), &ours) == 0 && stat(path, &theirs) == 0 &&
		 ours.st_dev == theirs.st_dev && ours.st_ino == theirs.st_ino);
}

/*
 * SQL function: auth.key_export(path text) returns integer
 *
 * Writes the verification keys, private parts left out, for another verifier.
 * Symmetric ones are in it, since HS256 cannot be verified without: hence 0600.
 */
Datum
intrex_auth_key_export(PG_FUNCTION_ARGS)
{
	char	   *path = text_to_cstring(PG_GETARG_TEXT_PP(0));
	const JwkSet *set;
	int			count = 0;

	KeyDemandSuperuser();
	if (!is_absolute_path(path))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("path of the export must be absolute")));
	set = KeyringGet(true);
	if (set == NULL)
		ReportKeyringError();
	canonicalize_path(path);
	if (IsKeyFile(path))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("cannot export over the key file itself")));
	for (size_t i = 0; i < set->count; i++)
		count += set->keys[i].alg->use == KEY_SIGN && set->keys[i].state != KEY_RETIRED;
	(void) KeyWriteSet(set, JWKSET_VERIFY, path, false);
	KeyTellPostgrest();
	PG_RETURN_INT32(count);
}
