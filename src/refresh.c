/*
 * src/refresh.c: refresh tokens: their hash, their successor, and their rows as they are now.
 *
 * Depends on the columns of auth.refresh_tokens by number (sql/10_tables.sql).
 * Rows are read with a snapshot taken now, so that two uses of one token see
 * each other at REPEATABLE READ as well.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/namespace.h"
#include "funcapi.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

#include "compat.h"
#include "logguard.h"
#include "report.h"

#include "core/base64url.h"
#include "core/hmac.h"
#include "core/mem.h"

SQL_FUNCTION(intrex_auth_opaque_hash);
SQL_FUNCTION(intrex_auth_refresh_successor);
SQL_FUNCTION(intrex_auth_refresh_row);
SQL_FUNCTION(intrex_auth_refresh_child);

#define OPAQUE_BYTES 32
#define OPAQUE_CHARS 43
#define HASH_COLUMN 1
#define PARENT_COLUMN 3
#define COLUMNS 7

/* Decode an opaque token; false unless it is 43 characters of canonical base64url. */
static bool
DecodeOpaque(text *token, uint8 out[OPAQUE_BYTES])
{
	size_t		length;

	return VARSIZE_ANY_EXHDR(token) == OPAQUE_CHARS &&
		Base64UrlDecode(VARDATA_ANY(token), OPAQUE_CHARS, out, OPAQUE_BYTES, &length) == STATUS_OK &&
		length == OPAQUE_BYTES;
}

/* 32 bytes as a bytea. */
static bytea *
Bytes32(const uint8 *bytes)
{
	bytea	   *result = palloc(VARHDRSZ + 32);

	SET_VARSIZE(result, VARHDRSZ + 32);
	memcpy(VARDATA(result), bytes, 32);
	return result;
}

/* SQL function: auth._opaque_hash(token text) returns bytea; NULL when it is none of ours */
Datum
intrex_auth_opaque_hash(PG_FUNCTION_ARGS)
{
	uint8		bytes[OPAQUE_BYTES];
	uint8		hash[32];
	Status		status;

	LogGuardMark();
	if (!DecodeOpaque(PG_GETARG_TEXT_PP(0), bytes))
		PG_RETURN_NULL();
	status = Sha256(bytes, OPAQUE_BYTES, hash);
	SecureWipe(bytes, sizeof(bytes));
	if (status != STATUS_OK)
		ReportCoreError(status, "token");
	PG_RETURN_BYTEA_P(Bytes32(hash));
}

/*
 * SQL function: auth._refresh_successor(salt bytea, token text) returns text
 *
 * HMAC-SHA-256 of the token under the salt of its row: whoever has the token but
 * not the table, or the table but not the token, cannot compute it.
 */
Datum
intrex_auth_refresh_successor(PG_FUNCTION_ARGS)
{
	bytea	   *salt = PG_GETARG_BYTEA_PP(0);
	uint8		bytes[OPAQUE_BYTES];
	uint8		mac[HASH_MAX_BYTES];
	char		encoded[OPAQUE_CHARS];
	text	   *result;
	Status		status;

	LogGuardMark();
	if (!DecodeOpaque(PG_GETARG_TEXT_PP(1), bytes))
		PG_RETURN_NULL();
	status = HmacOnce(HASH_SHA256, VARDATA_ANY(salt), VARSIZE_ANY_EXHDR(salt),
					  bytes, OPAQUE_BYTES, mac);
	SecureWipe(bytes, sizeof(bytes));
	if (status != STATUS_OK)
		ReportCoreError(status, "token");
	(void) Base64UrlEncode(mac, OPAQUE_BYTES, encoded);
	result = cstring_to_text_with_len(encoded, OPAQUE_CHARS);
	SecureWipe(mac, sizeof(mac));
	SecureWipe(encoded, sizeof(encoded));
	PG_RETURN_TEXT_P(result);
}

/* The row whose column equals the argument, through the unique index on it; or NULL. */
static Datum
ReturnRow(FunctionCallInfo fcinfo, int column, const char *index_name)
{
	Oid			namespace = get_namespace_oid("auth", false);
	Relation	table = table_open(get_relname_relid("refresh_tokens", namespace), AccessShareLock);
	TupleDesc	descriptor = RelationGetDescr(table);
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple	row;
	HeapTuple	result = NULL;
	TupleDesc	result_type;
	Datum		values[COLUMNS];
	bool		nulls[COLUMNS];

	if (get_call_result_type(fcinfo, NULL, &result_type) != TYPEFUNC_COMPOSITE ||
		result_type->natts != COLUMNS)
		elog(ERROR, "return type is not the row of auth.refresh_tokens");

	ScanKeyInit(&key, (AttrNumber) column, BTEqualStrategyNumber, F_BYTEAEQ,
				PG_GETARG_DATUM(0));
	scan = systable_beginscan(table, get_relname_relid(index_name, namespace), true,
							  NULL, 1, &key);
	row = systable_getnext(scan);
	if (HeapTupleIsValid(row))
	{
		for (int i = 0; i < COLUMNS; i++)
			values[i] = heap_getattr(row, i + 1, descriptor, &nulls[i]);
		result = heap_form_tuple(BlessTupleDesc(result_type), values, nulls);
	}
	systable_endscan(scan);
	table_close(table, AccessShareLock);

	if (result == NULL)
		PG_RETURN_NULL();
	PG_RETURN_DATUM(HeapTupleGetDatum(result));
}

/* SQL function: auth._refresh_row(token_hash bytea) returns auth.refresh_tokens */
Datum
intrex_auth_refresh_row(PG_FUNCTION_ARGS)
{
	return ReturnRow(fcinfo, HASH_COLUMN, "refresh_tokens_pkey");
}

/* SQL function: auth._refresh_child(parent bytea) returns auth.refresh_tokens */
Datum
intrex_auth_refresh_child(PG_FUNCTION_ARGS)
{
	return ReturnRow(fcinfo, PARENT_COLUMN, "refresh_tokens_parent_key");
}
