/*
 * src/keys.c: making keys, and listing them, from SQL, for superusers.
 *
 * Depends on keychange.c, keyring.c and the core.
 */
#include "postgres.h"

#include "access/parallel.h"
#include "access/xact.h"
#include "commands/extension.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "parser/parse_func.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "compat.h"
#include "keychange.h"
#include "keyring.h"
#include "keys.h"
#include "report.h"

SQL_FUNCTION(intrex_auth_key_file_ensure);
SQL_FUNCTION(intrex_auth_key_create);
SQL_FUNCTION(intrex_auth_key_rotate);
SQL_FUNCTION(intrex_auth_key_standby);
SQL_FUNCTION(intrex_auth_keys);
SQL_FUNCTION(intrex_auth_key_file_is_fine);

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
	KeyTieSet(set);
	for (size_t i = 0; i < lengthof(algs); i++)
	{
		status = JwkSetAddGenerated(set, KeyAlgorithmFind(algs[i], strlen(algs[i])),
									KEY_CURRENT, KeyClock(), &added);
		if (status != STATUS_OK)
			ReportCoreError(status, "key set");
	}
	created = KeyWriteSet(set, JWKSET_ALL, KeyringPath(), true);
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

	KeyDemandSuperuser();
	KeyDemandPrimary();
	if (IsBinaryUpgrade || (KeyringGet(true) != NULL && KeyringIsFine()))
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
	KeyDemandSuperuser();
	KeyDemandPrimary();
	if (!CreateRing())
		ereport(ERROR,
				(errcode(ERRCODE_DUPLICATE_FILE),
				 errmsg("the key file exists already"),
				 errhint("Use auth.key_rotate() for a new key. To start over, move the file away first: what was sealed with its keys cannot be opened without them.")));
	KeyTellPostgrest();
	PG_RETURN_VOID();
}

/* Add a fresh key of an algorithm, and return its kid. */
static Datum
AddGenerated(const text *name, KeyState state)
{
	const KeyAlgorithm *alg = KeyAlgorithmFind(VARDATA_ANY(name), VARSIZE_ANY_EXHDR(name));
	JwkSet	   *set;
	const Jwk  *added;
	text	   *kid;
	Status		status;

	KeyDemandSuperuser();
	if (alg == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("unknown key algorithm"),
				 errhint("Use EdDSA, ES256, ES384, ES512, RS256 to RS512, PS256 to PS512, HS256, HS384 or HS512 to sign, A256GCM to seal, HKDF-SHA256 to derive.")));
	set = KeyBeginChange();
	KeyDemandRoom(set);
	status = JwkSetAddGenerated(set, alg, state, KeyClock(), &added);
	if (status != STATUS_OK)
		ReportCoreError(status, "key");
	kid = cstring_to_text(added->kid);
	KeyFinishChange(set);
	return PointerGetDatum(kid);
}

/*
 * SQL function: auth.key_rotate(alg text = 'HS256') returns text
 *
 * The new key signs, seals or derives at once.  A verifier that has not heard
 * of it sees a kid that it does not know, and looks.
 */
Datum
intrex_auth_key_rotate(PG_FUNCTION_ARGS)
{
	return AddGenerated(PG_GETARG_TEXT_PP(0), KEY_CURRENT);
}

/*
 * SQL function: auth.key_standby(alg text) returns text
 *
 * For verifiers that keep a key set for a while, and servers that get a copy of
 * the file: they know the key before it is used.
 */
Datum
intrex_auth_key_standby(PG_FUNCTION_ARGS)
{
	return AddGenerated(PG_GETARG_TEXT_PP(0), KEY_STANDBY);
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
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	const JwkSet *set;

	InitMaterializedSRF(fcinfo, 0);
	set = KeyringGet(true);
	if (set == NULL)
		ReportKeyringError();
	if (!KeyringIsFine())
		ereport(WARNING,
				(errcode(ERRCODE_CONFIG_FILE_ERROR),
				 errmsg("the key file cannot be used"),
				 errdetail("These are the keys that this session loaded before; other sessions may have none."),
				 errhint("Restore the file from its backup.")));
	for (size_t i = 0; i < set->count; i++)
	{
		const Jwk  *key = &set->keys[i];
		Datum		values[6];
		bool		nulls[6] = {false};

		values[0] = CStringGetTextDatum(key->kid);
		values[1] = CStringGetTextDatum(key->alg->name);
		values[2] = CStringGetTextDatum(uses[key->alg->use]);
		values[3] = CStringGetTextDatum(KeyStateName(key->state));
		nulls[4] = key->since == 0;
		values[4] = TimestampTzGetDatum(time_t_to_timestamptz((pg_time_t) key->since));
		values[5] = CStringGetTextDatum(key->thumbprint);
		tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	}
	return (Datum) 0;
}

/*
 * SQL function: auth._key_file_is_fine() returns boolean
 *
 * Whether a backend that has not loaded the file before can use it.
 */
Datum
intrex_auth_key_file_is_fine(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(KeyringGet(true) != NULL && KeyringIsFine());
}

/* Let auth._remember_keys() note the keys; true if all of them were noted before. */
static bool
RememberKeys(void)
{
	FmgrInfo	function;
	Datum		all_known;

	LOCAL_FCINFO(call, 0);

	fmgr_info(LookupFuncName(list_make2(makeString("auth"), makeString("_remember_keys")), 0, NULL, false),
			  &function);
	InitFunctionCallInfoData(*call, &function, 0, InvalidOid, NULL, NULL);
	all_known = FunctionCallInvoke(call);
	return !call->isnull && DatumGetBool(all_known);
}

/*
 * Note which keys this database is used with, once per ring and backend.  What the
 * transaction wrote itself may be rolled back, so the keys count as noted only when
 * a later one has found them.
 */
void
KeysNote(void)
{
	static uint64 noted = 0;
	static uint64 tried = 0;
	static LocalTransactionId tried_in = InvalidLocalTransactionId;
	static LocalTransactionId wrote_in = InvalidLocalTransactionId;
	uint64		generation = KeyringGeneration();
	LocalTransactionId own = ProcLxid(MyProc);

	if (likely(noted == generation && generation != 0) ||
		(tried == generation && tried_in == own))
		return;
	if (XactReadOnly || IsInParallelMode() || KeyringGet(false) == NULL || !KeyringIsFine() ||
		!OidIsValid(get_extension_oid("intrex_auth", true)))
		return;
	generation = KeyringGeneration();
	tried = generation;
	tried_in = own;
	if (!RememberKeys())
		wrote_in = own;
	else if (wrote_in != own)
		noted = generation;
}
