/*
 * src/personalkey.c: values sealed for one person, by a key that goes with the person.
 *
 * Depends on sealed.c, identity.c and the columns of auth.personal_keys by number
 * (sql/10_tables.sql).  A value is
 *
 *     version (1 byte, 2) || nonce || ciphertext || tag
 *
 * by the data key of a user, with the id of the user and the context as AAD.  The
 * version keeps it apart from what the ring seals (sealed.c).  The data key itself is
 * sealed by the ring.  Its AAD has a NUL, which no text has: so there is no context
 * for which auth.secret_decrypt() opens a data key, be it for auth_owner.
 *
 * The row is read with a snapshot taken now: whatever the isolation level, a key that
 * has been destroyed opens nothing any more, and one that others have made meanwhile is
 * used.  Opened keys are not kept: that would save some six microseconds a call, and what
 * is not kept needs not be found and wiped when the key is destroyed.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/xact.h"
#include "catalog/namespace.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "nodes/value.h"
#include "parser/parse_func.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/syscache.h"
#include "utils/uuid.h"

#include "compat.h"
#include "identity.h"
#include "logguard.h"
#include "report.h"
#include "sealed.h"
#include "wipe.h"

#include "core/aead.h"
#include "core/mem.h"

SQL_FUNCTION(intrex_auth_personal_encrypt);
SQL_FUNCTION(intrex_auth_personal_decrypt);
SQL_FUNCTION(intrex_auth_personal_key_new);
SQL_FUNCTION(intrex_auth_personal_key_try_rewrap);

#define PERSONAL_VERSION 2
#define PERSONAL_OVERHEAD (1 + AEAD_OVERHEAD)
#define USERS_ROLE "authenticated"
#define USER_COLUMN 1
#define SEALED_COLUMN 2

/* The AAD of a data key: where it is kept, NUL, whose it is. */
#define KEY_PLACE "auth.personal_keys.sealed"
#define KEY_AAD_BYTES (sizeof(KEY_PLACE) + UUID_LEN)

/* Fill in the AAD of a data key. */
static void
KeyAad(const pg_uuid_t *user, uint8 out[KEY_AAD_BYTES])
{
	memcpy(out, KEY_PLACE, sizeof(KEY_PLACE));
	memcpy(out + sizeof(KEY_PLACE), user->data, UUID_LEN);
}

/* The AAD of a value: whose it is, and the context. */
static uint8 *
ValueAad(const pg_uuid_t *user, const text *context, size_t *length)
{
	uint8	   *aad;

	*length = UUID_LEN + VARSIZE_ANY_EXHDR(context);
	/* the longest text and an id are more than palloc() gives */
	aad = palloc_extended(*length, MCXT_ALLOC_HUGE);
	memcpy(aad, user->data, UUID_LEN);
	memcpy(aad + UUID_LEN, VARDATA_ANY(context), VARSIZE_ANY_EXHDR(context));
	return aad;
}

/*
 * Does the current role hold EXECUTE by another grant than that to the role of all
 * users?  A superuser has the privileges of the function's owner.
 */
static bool
IsGrantedForAll(Oid function)
{
	Oid			role = GetUserId();
	Oid			users = get_role_oid(USERS_ROLE, true);
	HeapTuple	tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(function));
	bool		granted;
	Datum		acl;
	bool		isnull;

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for function %u", function);
	granted = has_privs_of_role(role, ((Form_pg_proc) GETSTRUCT(tuple))->proowner);
	acl = SysCacheGetAttr(PROCOID, tuple, Anum_pg_proc_proacl, &isnull);
	if (!granted && !isnull)
	{
		Acl		   *grants = DatumGetAclP(acl);

		for (int i = 0; i < ACL_NUM(grants) && !granted; i++)
		{
			AclItem    *grant = &ACL_DAT(grants)[i];

			granted = grant->ai_grantee != ACL_ID_PUBLIC && grant->ai_grantee != users &&
				(ACLITEM_GET_PRIVS(*grant) & ACL_EXECUTE) != 0 &&
				has_privs_of_role(role, grant->ai_grantee);
		}
	}
	ReleaseSysCache(tuple);
	return granted;
}

/* Refuse a user the key of another. */
static void
DemandRight(FunctionCallInfo fcinfo, const pg_uuid_t *user)
{
	const Identity *identity = IdentityGet();
	const pg_uuid_t *caller = identity != NULL ? IdentityUserId(identity) : NULL;

	if (caller != NULL && memcmp(caller->data, user->data, UUID_LEN) == 0)
		return;
	if (!IsGrantedForAll(fcinfo->flinfo->fn_oid))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("permission denied for the personal key of this user"),
				 errhint("Users have their own. Who serves others, such as the owner of a SECURITY DEFINER function, needs EXECUTE by a grant of his own.")));
}

/* Open the data key of a user as it is now; false if there is none.  The caller wipes it. */
static bool
OpenKey(const pg_uuid_t *user, uint8 key[AEAD_KEY_BYTES])
{
	Oid			namespace = get_namespace_oid("auth", false);
	Relation	table = table_open(get_relname_relid("personal_keys", namespace), AccessShareLock);
	ScanKeyData scan_key;
	SysScanDesc scan;
	HeapTuple	row;
	bool		found;
	Status		status = STATUS_OK;

	ScanKeyInit(&scan_key, USER_COLUMN, BTEqualStrategyNumber, F_UUID_EQ, UUIDPGetDatum(user));
	scan = systable_beginscan(table, get_relname_relid("personal_keys_pkey", namespace), true,
							  NULL, 1, &scan_key);
	row = systable_getnext(scan);
	found = HeapTupleIsValid(row);
	if (found)
	{
		bool		isnull;
		Datum		sealed = heap_getattr(row, SEALED_COLUMN, RelationGetDescr(table), &isnull);
		uint8		aad[KEY_AAD_BYTES];
		bytea	   *opened;

		KeyAad(user, aad);
		status = SealedOpen(DatumGetByteaPP(sealed), aad, sizeof(aad), &opened);
		if (status == STATUS_OK)
		{
			if (VARSIZE_ANY_EXHDR(opened) == AEAD_KEY_BYTES)
				memcpy(key, VARDATA_ANY(opened), AEAD_KEY_BYTES);
			else
				status = STATUS_SEALED_FORMAT;
			SecureWipe(VARDATA_ANY(opened), VARSIZE_ANY_EXHDR(opened));
			pfree(opened);
		}
	}
	systable_endscan(scan);
	table_close(table, AccessShareLock);

	if (status != STATUS_OK)
		ReportCoreError(status, "personal key");
	return found;
}

/*
 * Have a key made, unless others are faster.  The function is called past the
 * privileges of the current role, which has none on the table; SECURITY DEFINER
 * makes it auth_owner.
 */
static void
MakeKey(const pg_uuid_t *user)
{
	Oid			types[] = {UUIDOID};

	if (XactReadOnly)
		ereport(ERROR,
				(errcode(ERRCODE_READ_ONLY_SQL_TRANSACTION),
				 errmsg("cannot make a personal key in a read-only transaction"),
				 errhint("The first value that is sealed for a user makes the key; seal it where rows can be written.")));
	(void) OidFunctionCall1(LookupFuncName(list_make2(makeString("auth"), makeString("_personal_key_make")),
										   lengthof(types), types, false),
							UUIDPGetDatum(user));
}

/* SQL function: auth.personal_encrypt(user_id uuid, plaintext text, context text) returns bytea */
Datum
intrex_auth_personal_encrypt(PG_FUNCTION_ARGS)
{
	pg_uuid_t  *user;
	text	   *plaintext;
	size_t		length;
	uint8	   *aad;
	size_t		aad_length;
	bytea	   *sealed;
	uint8		key[AEAD_KEY_BYTES];
	AeadKey    *aead;
	Status		status;

	LogGuardMark();
	if (PG_ARGISNULL(1))
		PG_RETURN_NULL();
	/* a NULL would lose the text */
	if (PG_ARGISNULL(0) || PG_ARGISNULL(2))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("user_id and context must not be null")));
	user = PG_GETARG_UUID_P(0);
	DemandRight(fcinfo, user);

	plaintext = PG_GETARG_TEXT_PP(1);
	length = VARSIZE_ANY_EXHDR(plaintext);
	aad = ValueAad(user, PG_GETARG_TEXT_PP(2), &aad_length);
	sealed = SealedBytes(length + PERSONAL_OVERHEAD);
	if (!OpenKey(user, key))
	{
		MakeKey(user);
		if (!OpenKey(user, key))
			ereport(ERROR,
					(errcode(ERRCODE_NO_DATA_FOUND),
					 errmsg("user not found")));
	}

	/* from here to the wipe nothing raises an error */
	*(uint8 *) VARDATA(sealed) = PERSONAL_VERSION;
	status = AeadKeyNew(key, &aead);
	SecureWipe(key, sizeof(key));
	if (status == STATUS_OK)
	{
		status = AeadSeal(aead, aad, aad_length, VARDATA_ANY(plaintext), length,
						  (uint8 *) VARDATA(sealed) + 1);
		AeadKeyFree(aead);
	}
	WipeCopy(plaintext, PG_GETARG_DATUM(1));
	if (status != STATUS_OK)
		ReportCoreError(status, "value to seal");
	PG_RETURN_BYTEA_P(sealed);
}

/* SQL function: auth.personal_decrypt(user_id uuid, sealed bytea, context text) returns text */
Datum
intrex_auth_personal_decrypt(PG_FUNCTION_ARGS)
{
	pg_uuid_t  *user = PG_GETARG_UUID_P(0);
	bytea	   *sealed;
	size_t		length;
	uint8	   *aad;
	size_t		aad_length;
	bytea	   *plaintext;
	uint8		key[AEAD_KEY_BYTES];
	AeadKey    *aead;
	Status		status;

	LogGuardMark();
	DemandRight(fcinfo, user);
	sealed = PG_GETARG_BYTEA_PP(1);
	length = VARSIZE_ANY_EXHDR(sealed);
	if (length < PERSONAL_OVERHEAD || *(uint8 *) VARDATA_ANY(sealed) != PERSONAL_VERSION)
		ReportCoreError(STATUS_SEALED_FORMAT, "sealed value");
	aad = ValueAad(user, PG_GETARG_TEXT_PP(2), &aad_length);
	plaintext = SealedBytes(length - PERSONAL_OVERHEAD);
	if (!OpenKey(user, key))
		ereport(ERROR,
				(errcode(ERRCODE_NO_DATA_FOUND),
				 errmsg("the personal key of this user was destroyed or never made"),
				 errhint("It goes with the user. What was sealed with it cannot be opened any more.")));

	status = AeadKeyNew(key, &aead);
	SecureWipe(key, sizeof(key));
	if (status == STATUS_OK)
	{
		status = AeadOpen(aead, aad, aad_length, (uint8 *) VARDATA_ANY(sealed) + 1, length - 1,
						  (uint8 *) VARDATA(plaintext));
		AeadKeyFree(aead);
	}
	if (status != STATUS_OK)
		ReportCoreError(status, "sealed value");
	PG_RETURN_TEXT_P((text *) plaintext);
}

/* SQL function: auth._personal_key_new(user_id uuid) returns bytea: a random key for a user, sealed */
Datum
intrex_auth_personal_key_new(PG_FUNCTION_ARGS)
{
	uint8		aad[KEY_AAD_BYTES];
	uint8		key[AEAD_KEY_BYTES];
	bytea	   *sealed;
	Status		status;

	LogGuardMark();
	KeyAad(PG_GETARG_UUID_P(0), aad);
	if (RandomBytes(key, sizeof(key)) != STATUS_OK)
		ReportCoreError(STATUS_CRYPTO, "random bytes");
	status = SealedMake(key, sizeof(key), aad, sizeof(aad), &sealed);
	SecureWipe(key, sizeof(key));
	if (status != STATUS_OK)
		ReportCoreError(status, "personal key");
	PG_RETURN_BYTEA_P(sealed);
}

/*
 * SQL function: auth._personal_key_try_rewrap(user_id uuid, sealed bytea) returns bytea
 *
 * As auth._secret_try_rewrap(): NULL for a key that does not open.
 */
Datum
intrex_auth_personal_key_try_rewrap(PG_FUNCTION_ARGS)
{
	uint8		aad[KEY_AAD_BYTES];
	bytea	   *fresh;
	Status		status;

	LogGuardMark();
	KeyAad(PG_GETARG_UUID_P(0), aad);
	status = SealedRewrap(PG_GETARG_DATUM(1), aad, sizeof(aad), &fresh);
	if (status == STATUS_MEMORY || status == STATUS_CRYPTO)
		ReportCoreError(status, "personal key");
	if (status != STATUS_OK)
		PG_RETURN_NULL();
	if (fresh == NULL)
		PG_RETURN_DATUM(PG_GETARG_DATUM(1));
	PG_RETURN_BYTEA_P(fresh);
}
