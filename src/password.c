/*
 * src/password.c: SQL functions for password hashes, and the cap on how many
 * are computed at once.
 *
 * Depends on core/passhash.  A password is never NUL-terminated, truncated or
 * put into an error; what is copied here is wiped.
 */
#include "postgres.h"

#include "common/unicode_norm.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "storage/latch.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "compat.h"
#include "locks.h"
#include "logguard.h"
#include "report.h"
#include "settings.h"

#include "core/mem.h"
#include "core/passhash.h"

SQL_FUNCTION(intrex_auth_password_hash);
SQL_FUNCTION(intrex_auth_password_hash_cost);
SQL_FUNCTION(intrex_auth_password_verify);
SQL_FUNCTION(intrex_auth_password_needs_rehash);
SQL_FUNCTION(intrex_auth_password_hash_problem);
SQL_FUNCTION(intrex_auth_password_max_bytes);
SQL_FUNCTION(intrex_auth_password_check);
SQL_FUNCTION(intrex_auth_hash_computations);

/*
 * How long to wait for a slot, and between two tries.  A burst of honest logins
 * passes in that time; a flood is answered 503 soon enough not to fill the
 * connections.
 */
#define SLOT_WAIT_MS 500
#define SLOT_RETRY_MS 10

/* How many hashes this backend has computed; for tests. */
static int64 hash_computations = 0;

/* Take one of the server's slots if one is free now. */
static bool
TrySlots(LOCKTAG *slot)
{
	/* backends begin at different slots, so that few meet on one */
	int			first = MyProcPid % setting_max_concurrent_hashes;

	for (int i = 0; i < setting_max_concurrent_hashes; i++)
	{
		SET_LOCKTAG_ADVISORY(*slot, InvalidOid, 0,
							 (first + i) % setting_max_concurrent_hashes,
							 LOCK_CLASS_HASH_SLOT);
		if (LockAcquire(slot, ExclusiveLock, false, true) != LOCKACQUIRE_NOT_AVAIL)
			return true;
	}
	return false;
}

/* Take a slot, waiting a little; false when none became free. */
static bool
AcquireSlot(LOCKTAG *slot)
{
	TimestampTz start = GetCurrentTimestamp();

	while (!TrySlots(slot))
	{
		if (TimestampDifferenceExceeds(start, GetCurrentTimestamp(), SLOT_WAIT_MS))
			return false;
		(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH,
						 SLOT_RETRY_MS, PG_WAIT_EXTENSION);
		ResetLatch(MyLatch);
		CHECK_FOR_INTERRUPTS();
	}
	return true;
}

/* Give the slot back. */
static void
ReleaseSlot(const LOCKTAG *slot)
{
	LockRelease(slot, ExclusiveLock, false);
}

/* Wipe and free a detoasted argument if it is a copy; else it is the caller's. */
static void
WipeCopy(text *value, Datum argument)
{
	if ((Pointer) value == DatumGetPointer(argument))
		return;
	SecureWipe(VARDATA_ANY(value), VARSIZE_ANY_EXHDR(value));
	pfree(value);
}

/* Is there no byte above 127? */
static bool
IsAscii(const char *password, size_t length)
{
	for (size_t i = 0; i < length; i++)
	{
		if (IS_HIGHBIT_SET(password[i]))
			return false;
	}
	return true;
}

/* Wipe a chunk of the server's and free it. */
static void
WipeChunk(void *chunk, Size size)
{
	SecureWipe(chunk, size);
	pfree(chunk);
}

/*
 * The NFKC form of a password, palloc'd, as UTF-8.  The server's function frees
 * what it works in as it is: the next chunk of that size class is the same memory,
 * so one of each class is taken and wiped.
 */
static char *
NormalizePassword(const char *password, size_t length, size_t *out_length)
{
	pg_wchar   *input = palloc((length + 1) * sizeof(pg_wchar));
	Size		characters = 0;
	pg_wchar   *normalized;
	char	   *out;

	for (size_t at = 0; at < length; at += pg_utf_mblen((const unsigned char *) password + at))
		input[characters++] = utf8_to_unicode((const unsigned char *) password + at);
	input[characters] = 0;
	normalized = unicode_normalize(UNICODE_NFKC, input);
	WipeChunk(input, (length + 1) * sizeof(pg_wchar));

	for (characters = 0; normalized[characters] != 0;)
		characters++;
	out = palloc(characters * MAX_MULTIBYTE_CHAR_LEN + 1);
	*out_length = 0;
	for (Size i = 0; i < characters; i++)
	{
		unicode_to_utf8(normalized[i], (unsigned char *) out + *out_length);
		*out_length += pg_utf_mblen((const unsigned char *) out + *out_length);
	}
	WipeChunk(normalized, (characters + 1) * sizeof(pg_wchar));
	for (Size class = 8; class <= 8192; class *= 2)
		WipeChunk(palloc(class), class);
	return out;
}

/* Verify and count: a hash was computed exactly when the status is OK. */
static Status
Verify(const char *password, size_t length, const char *hash, size_t hash_length, bool *match)
{
	PassHashPolicy policy = SettingsHashPolicy();
	char	   *normalized = NULL;
	Status		status;

	if (length <= PASSHASH_MAX_BYTES && GetDatabaseEncoding() == PG_UTF8 &&
		PassHashOfNfkc(hash, hash_length) && !IsAscii(password, length))
		password = normalized = NormalizePassword(password, length, &length);
	status = PassHashVerify(password, length, hash, hash_length, &policy, match);
	if (normalized != NULL)
		WipeChunk(normalized, length);
	if (status == STATUS_OK)
		hash_computations++;
	return status;
}

/* Did a verification fail for the machine's reasons, not for its arguments'? */
static bool
IsFailure(Status status)
{
	return status == STATUS_MEMORY || status == STATUS_CRYPTO;
}

/* Compute a hash as new ones are computed, for nothing, and count it. */
static Status
VerifyDummy(void)
{
	PassHashPolicy policy = SettingsHashPolicy();
	Status		status = PassHashSpend(&policy);

	if (status == STATUS_OK)
		hash_computations++;
	return status;
}

/* Hash a password. */
static Datum
HashPassword(FunctionCallInfo fcinfo, PassHashPolicy policy)
{
	text	   *password = PG_GETARG_TEXT_PP(0);
	char		hash[PASSHASH_SIZE];
	LOCKTAG		slot;
	Status		status;
	bool		have_slot;

	LogGuardMark();
	have_slot = AcquireSlot(&slot);
	if (have_slot)
	{
		status = PassHashCreate(VARDATA_ANY(password), VARSIZE_ANY_EXHDR(password), &policy, hash);
		ReleaseSlot(&slot);
	}
	WipeCopy(password, PG_GETARG_DATUM(0));

	if (!have_slot)
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_RESOURCES),
				 errmsg("too many password hashes are being computed"),
				 errhint("Try again, or raise intrex_auth.max_concurrent_hashes.")));
	if (status != STATUS_OK)
		ReportCoreError(status, status == STATUS_HASH_COST ? "password cost" : "password");
	hash_computations++;
	CHECK_FOR_INTERRUPTS();
	return PointerGetDatum(cstring_to_text(hash));
}

/* SQL function: auth.password_hash(password text) returns text */
Datum
intrex_auth_password_hash(PG_FUNCTION_ARGS)
{
	return HashPassword(fcinfo, SettingsHashPolicy());
}

/* SQL function: auth.password_hash(password text, cost int) returns text */
Datum
intrex_auth_password_hash_cost(PG_FUNCTION_ARGS)
{
	PassHashPolicy policy = SettingsHashPolicy();

	policy.algorithm = PASSHASH_BCRYPT;
	policy.bcrypt_cost = PG_GETARG_INT32(1);
	return HashPassword(fcinfo, policy);
}

/*
 * SQL function: auth.password_verify(password text, hash text) returns boolean
 *
 * For administrators, and not under the cap: it has no third answer to give.
 */
Datum
intrex_auth_password_verify(PG_FUNCTION_ARGS)
{
	text	   *password = PG_GETARG_TEXT_PP(0);
	text	   *hash = PG_GETARG_TEXT_PP(1);
	bool		match;
	Status		status;

	LogGuardMark();
	status = Verify(VARDATA_ANY(password), VARSIZE_ANY_EXHDR(password),
					VARDATA_ANY(hash), VARSIZE_ANY_EXHDR(hash), &match);
	WipeCopy(password, PG_GETARG_DATUM(0));
	WipeCopy(hash, PG_GETARG_DATUM(1));
	if (IsFailure(status))
		ReportCoreError(status, "password");
	CHECK_FOR_INTERRUPTS();
	PG_RETURN_BOOL(match);
}

/* SQL function: auth.password_needs_rehash(hash text) returns boolean */
Datum
intrex_auth_password_needs_rehash(PG_FUNCTION_ARGS)
{
	text	   *hash = PG_GETARG_TEXT_PP(0);
	PassHashPolicy policy = SettingsHashPolicy();
	bool		needs_rehash;

	LogGuardMark();
	needs_rehash = PassHashNeedsRehash(VARDATA_ANY(hash), VARSIZE_ANY_EXHDR(hash), &policy);
	WipeCopy(hash, PG_GETARG_DATUM(0));
	PG_RETURN_BOOL(needs_rehash);
}

/* SQL function: auth.password_hash_problem(hash text) returns text */
Datum
intrex_auth_password_hash_problem(PG_FUNCTION_ARGS)
{
	text	   *hash = PG_GETARG_TEXT_PP(0);
	PassHashPolicy policy = SettingsHashPolicy();
	const char *scheme;
	Status		status;

	LogGuardMark();
	status = PassHashCheck(VARDATA_ANY(hash), VARSIZE_ANY_EXHDR(hash), &policy, &scheme);
	WipeCopy(hash, PG_GETARG_DATUM(0));
	if (IsFailure(status))
		ReportCoreError(status, "password hash");
	if (status == STATUS_OK)
		PG_RETURN_NULL();
	PG_RETURN_TEXT_P(cstring_to_text(psprintf("%s: %s", scheme, StatusText(status))));
}

/* SQL function: auth._password_max_bytes() returns integer */
Datum
intrex_auth_password_max_bytes(PG_FUNCTION_ARGS)
{
	PassHashPolicy policy = SettingsHashPolicy();

	PG_RETURN_INT32((int32) PassHashMaxBytes(&policy));
}

/*
 * SQL function: auth._password_check(password text, hash text) returns boolean
 *
 * Whatever it is given, exactly one hash is computed, so that an unknown user
 * costs what a wrong password costs.  NULL when the cap leaves no room.
 */
Datum
intrex_auth_password_check(PG_FUNCTION_ARGS)
{
	text	   *password = PG_ARGISNULL(0) ? NULL : PG_GETARG_TEXT_PP(0);
	text	   *hash = PG_ARGISNULL(1) ? NULL : PG_GETARG_TEXT_PP(1);
	bool		match = false;
	Status		status = STATUS_HASH_FORMAT;
	LOCKTAG		slot;
	bool		have_slot;

	LogGuardMark();
	have_slot = AcquireSlot(&slot);
	if (have_slot)
	{
		if (password != NULL && hash != NULL)
			status = Verify(VARDATA_ANY(password), VARSIZE_ANY_EXHDR(password),
							VARDATA_ANY(hash), VARSIZE_ANY_EXHDR(hash), &match);
		if (status != STATUS_OK && !IsFailure(status))
			status = VerifyDummy();
		ReleaseSlot(&slot);
	}
	if (password != NULL)
		WipeCopy(password, PG_GETARG_DATUM(0));
	if (hash != NULL)
		WipeCopy(hash, PG_GETARG_DATUM(1));

	if (!have_slot)
		PG_RETURN_NULL();
	if (status != STATUS_OK)
		ReportCoreError(status, "password");
	CHECK_FOR_INTERRUPTS();
	PG_RETURN_BOOL(match);
}

/* SQL function: auth._hash_computations() returns bigint */
Datum
intrex_auth_hash_computations(PG_FUNCTION_ARGS)
{
	PG_RETURN_INT64(hash_computations);
}
