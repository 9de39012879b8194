/*
 * src/keys.c: administration of the key file from SQL, for superusers.
 *
 * Depends on keyring.c, keyfile.c and the core.  The file is not part of the
 * transaction: what is done to it stays done at ROLLBACK.
 */
#include "postgres.h"

#include <fcntl.h>
#include <time.h>
#include <unistd.h>

#include "access/xlog.h"
#include "catalog/pg_extension.h"
#include "funcapi.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "storage/lmgr.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "compat.h"
#include "keyfile.h"
#include "keyring.h"
#include "logguard.h"
#include "report.h"
#include "settings.h"

#include "core/mem.h"

SQL_FUNCTION(intrex_auth_key_file_ensure);
SQL_FUNCTION(intrex_auth_key_create);
SQL_FUNCTION(intrex_auth_key_rotate);
SQL_FUNCTION(intrex_auth_key_import);
SQL_FUNCTION(intrex_auth_key_export);
SQL_FUNCTION(intrex_auth_keys);
SQL_FUNCTION(intrex_auth_keys_changed);

/* What becomes of the seeds' settings. */
typedef struct ImportRule
{
	const char *setting;
	const char *alg;			/* NULL: has no successor */
	const char *note;
} ImportRule;

static const ImportRule import_rules[] = {
	{"AUTH_SECRET", "HS256",
	"It signs tokens from now on. Connector secrets are sealed with a key of their own: seal them anew with auth.secret_store()."},
	{"JWT_SECRET", "HS256", "It signs tokens from now on."},
	{"ENCRYPTION_KEY", "A256GCM", "It seals secrets from now on."},
	{"JWT_REFRESH_SECRET", NULL,
	"It has no successor: refresh tokens are random values, not signed ones. Nothing was imported."},
};

#define IMPORT_MIN_CHARACTERS 32
#define IMPORT_HEX_DIGITS 64

/* Keys are the superuser's, whatever was granted. */
static void
DemandSuperuser(void)
{
	if (!superuser())
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("permission denied to administer keys"),
				 errhint("Only superusers may.")));
}

/* The file of a standby is copied from its primary. */
static void
DemandPrimary(void)
{
	if (RecoveryInProgress())
		ereport(ERROR,
				(errcode(ERRCODE_READ_ONLY_SQL_TRANSACTION),
				 errmsg("cannot change keys during recovery"),
				 errhint("Change them on the primary and copy the key file to the standbys.")));
}

/* Seconds since the epoch. */
static int64
EpochNow(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return now.tv_sec;
}

/* Reset callback: a set goes with the memory context of the call, also after an error. */
static void
FreeSet(void *set)
{
	JwkSetFree(set);
}

/* Free (and so wipe) a set when the current memory context ends. */
static JwkSet *
TieSet(JwkSet *set)
{
	MemoryContextCallback *callback = palloc0(sizeof(MemoryContextCallback));

	callback->func = FreeSet;
	callback->arg = set;
	MemoryContextRegisterResetCallback(CurrentMemoryContext, callback);
	return set;
}

/* Write one view of a set to a file; false if there is one and only_if_missing. */
static bool
WriteSet(const JwkSet *set, JwkSetView view, const char *path, bool only_if_missing)
{
	char	   *text;
	char	   *copy;
	size_t		length;
	bool		written;
	Status		status;

	status = JwkSetWrite(set, view, &text, &length);
	if (status != STATUS_OK)
		ReportCoreError(status, "key set");

	/* palloc'd, so that an error while writing leaks nothing */
	copy = palloc(length);
	memcpy(copy, text, length);
	SecureFree(text, length + 1);
	written = KeyFileWrite(path, copy, length, only_if_missing);
	SecureWipe(copy, length);
	return written;
}

/* Make the file with fresh keys: one that signs, one that seals, one to derive from. */
static bool
CreateRing(void)
{
	static const char *const algs[] = {"HS256", "A256GCM", "HKDF-SHA256"};
	JwkSet	   *set;
	const Jwk  *added;
	bool		created;
	Status		status;

	status = JwkSetNew(&set);
	if (status != STATUS_OK)
		ReportCoreError(status, "key set");
	TieSet(set);
	for (size_t i = 0; i < lengthof(algs); i++)
	{
		status = JwkSetAddGenerated(set, KeyAlgorithmFind(algs[i], strlen(algs[i])),
									KEY_CURRENT, EpochNow(), &added);
		if (status != STATUS_OK)
			ReportCoreError(status, "key set");
	}
	created = WriteSet(set, JWKSET_ALL, KeyringPath(), true);
	(void) KeyringGet(true);
	return created;
}

/*
 * SQL function: auth._key_file_ensure() returns void
 *
 * For CREATE EXTENSION: creates the file when it is missing, and warns of one
 * that cannot be used.  Not during pg_upgrade, which restores what was there.
 */
Datum
intrex_auth_key_file_ensure(PG_FUNCTION_ARGS)
{
	Status		status;
	int			saved_errno;

	DemandSuperuser();
	DemandPrimary();
	if (IsBinaryUpgrade || KeyringGet(true) != NULL)
		PG_RETURN_VOID();
	if (KeyringGetProblem(&status, &saved_errno) == KEYRING_MISSING)
	{
		(void) CreateRing();
		PG_RETURN_VOID();
	}
	ereport(WARNING,
			(errcode(ERRCODE_CONFIG_FILE_ERROR),
			 errmsg("the key file cannot be used"),
			 errdetail("intrex_auth.key_file is \"%s\".", KeyringPath()),
			 errhint("SELECT * FROM auth.keys() says why; the file was left as it is.")));
	PG_RETURN_VOID();
}

/* SQL function: auth.key_create() returns void */
Datum
intrex_auth_key_create(PG_FUNCTION_ARGS)
{
	DemandSuperuser();
	DemandPrimary();
	if (!CreateRing())
		ereport(ERROR,
				(errcode(ERRCODE_DUPLICATE_FILE),
				 errmsg("the key file exists already"),
				 errhint("Use auth.key_rotate() for a new key. To start over, move the file away first: what was sealed with its keys cannot be opened without them.")));
	PG_RETURN_VOID();
}

/*
 * The ring of the file, in a set of our own to change, under a lock that lets
 * one change of the file happen at a time in the whole cluster.
 */
static JwkSet *
BeginChange(void)
{
	FileStamp	stamp;
	char	   *text;
	size_t		length;
	JwkSet	   *set;
	Status		status;

	DemandSuperuser();
	DemandPrimary();
	LockSharedObject(ExtensionRelationId, InvalidOid, 0, ExclusiveLock);
	if (KeyringGet(true) == NULL)
		ReportKeyringError();
	memset(&stamp, 0, sizeof(stamp));
	if (KeyFileRead(KeyringPath(), &stamp, &text, &length) != KEYFILE_READ)
		ReportKeyringError();
	status = JwkSetParse(text, length, JWKSET_RING, &set);
	SecureFree(text, length + 1);
	if (status != STATUS_OK)
		ReportCoreError(status, "key file");
	return TieSet(set);
}

/*
 * Retire the signing keys that no valid token can name any more: those that
 * stopped signing longer ago than the longest lifetime of a token.
 */
static void
RetireOldKeys(JwkSet *set, int64 now)
{
	for (size_t i = 0; i < set->count; i++)
	{
		Jwk		   *key = &set->keys[i];

		if (key->alg->use == KEY_SIGN && key->state == KEY_PREVIOUS &&
			key->since > 0 && now - key->since > setting_max_token_lifetime)
		{
			key->state = KEY_RETIRED;
			key->since = now;
		}
	}
}

/* Add a key as the current one of its use, write the file, and return its kid. */
static text *
AddCurrent(JwkSet *set, const KeyAlgorithm *alg, const uint8 *secret, size_t length)
{
	int64		now = EpochNow();
	const Jwk  *added;
	Status		status;

	RetireOldKeys(set, now);
	status = secret != NULL
		? JwkSetAddSecret(set, alg, KEY_CURRENT, secret, length, now, &added)
		: JwkSetAddGenerated(set, alg, KEY_CURRENT, now, &added);
	if (status != STATUS_OK)
		ReportCoreError(status, "key");
	(void) WriteSet(set, JWKSET_ALL, KeyringPath(), false);
	(void) KeyringGet(true);
	return cstring_to_text(added->kid);
}

/* SQL function: auth.key_rotate(alg text = 'HS256') returns text */
Datum
intrex_auth_key_rotate(PG_FUNCTION_ARGS)
{
	char	   *name = text_to_cstring(PG_GETARG_TEXT_PP(0));
	const KeyAlgorithm *alg = KeyAlgorithmFind(name, strlen(name));

	if (alg == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("unknown key algorithm"),
				 errhint("To sign, use HS, RS, PS or ES with 256, 384 or 512, or EdDSA; to seal, A256GCM; to derive, HKDF-SHA256.")));
	PG_RETURN_TEXT_P(AddCurrent(BeginChange(), alg, NULL, 0));
}

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

/* SQL function: auth.key_import(setting text, value text) returns text */
Datum
intrex_auth_key_import(PG_FUNCTION_ARGS)
{
	char	   *setting = text_to_cstring(PG_GETARG_TEXT_PP(0));
	text	   *value = PG_GETARG_TEXT_PP(1);
	size_t		length = VARSIZE_ANY_EXHDR(value);
	const ImportRule *rule = NULL;
	const KeyAlgorithm *alg;
	uint8		key[32];
	text	   *kid;

	LogGuardMark();
	DemandSuperuser();
	DemandPrimary();
	for (size_t i = 0; i < lengthof(import_rules); i++)
	{
		if (strcmp(setting, import_rules[i].setting) == 0)
			rule = &import_rules[i];
	}
	if (rule == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("unknown setting to import"),
				 errhint("Import AUTH_SECRET, JWT_SECRET or ENCRYPTION_KEY.")));
	if (rule->alg == NULL)
	{
		ereport(NOTICE, (errmsg("%s was not imported", rule->setting), errdetail("%s", rule->note)));
		PG_RETURN_NULL();
	}

	alg = KeyAlgorithmFind(rule->alg, strlen(rule->alg));
	if (alg->use == KEY_SEAL)
	{
		ReadHexKey(value, key);
		kid = AddCurrent(BeginChange(), alg, key, sizeof(key));
		SecureWipe(key, sizeof(key));
	}
	else
	{
		if (pg_mbstrlen_with_len(VARDATA_ANY(value), (int) length) < IMPORT_MIN_CHARACTERS)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("invalid %s", rule->setting),
					 errdetail("It must have 32 characters or more."),
					 errhint("openssl rand -base64 48 makes one.")));
		kid = AddCurrent(BeginChange(), alg, (const uint8 *) VARDATA_ANY(value), length);
	}
	ereport(NOTICE, (errmsg("%s was imported", rule->setting), errdetail("%s", rule->note)));
	PG_RETURN_TEXT_P(kid);
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

	DemandSuperuser();
	if (!is_absolute_path(path))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("path of the export must be absolute")));
	set = KeyringGet(true);
	if (set == NULL)
		ReportKeyringError();
	canonicalize_path(path);
	if (strcmp(path, KeyringPath()) == 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("cannot export over the key file itself")));
	for (size_t i = 0; i < set->count; i++)
		count += set->keys[i].alg->use == KEY_SIGN && set->keys[i].state != KEY_RETIRED;
	(void) WriteSet(set, JWKSET_VERIFY, path, false);
	PG_RETURN_INT32(count);
}

/*
 * SQL function: auth.keys() returns table(kid, alg, use, state, since, thumbprint)
 *
 * The ring without its secrets.
 */
Datum
intrex_auth_keys(PG_FUNCTION_ARGS)
{
	static const char *const uses[] = {"sign", "seal", "derive"};
	static const char *const states[] = {"standby", "current", "previous", "retired"};
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	const JwkSet *set;

	InitMaterializedSRF(fcinfo, 0);
	set = KeyringGet(true);
	if (set == NULL)
		ReportKeyringError();
	for (size_t i = 0; i < set->count; i++)
	{
		const Jwk  *key = &set->keys[i];
		Datum		values[6];
		bool		nulls[6] = {false};

		values[0] = CStringGetTextDatum(key->kid);
		values[1] = CStringGetTextDatum(key->alg->name);
		values[2] = CStringGetTextDatum(uses[key->alg->use]);
		values[3] = CStringGetTextDatum(states[key->state]);
		nulls[4] = key->since == 0;
		values[4] = TimestampTzGetDatum(time_t_to_timestamptz((pg_time_t) key->since));
		values[5] = CStringGetTextDatum(key->thumbprint);
		tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	}
	return (Datum) 0;
}

/*
 * SQL function: auth._keys_changed() returns boolean
 *
 * True once in each backend for each ring that it loads: time to note its keys.
 */
Datum
intrex_auth_keys_changed(PG_FUNCTION_ARGS)
{
	static uint64 noted = 0;

	if (KeyringGet(false) == NULL || noted == KeyringGeneration())
		PG_RETURN_BOOL(false);
	noted = KeyringGeneration();
	PG_RETURN_BOOL(true);
}
