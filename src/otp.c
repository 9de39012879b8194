/*
 * src/otp.c: SQL functions for one-time passwords.
 *
 * Depends on core/hotp.
 */
#include "postgres.h"

#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "compat.h"
#include "logguard.h"
#include "report.h"
#include "wipe.h"

#include "core/hotp.h"

SQL_FUNCTION(intrex_auth_totp_code);

#define PERIOD_MAX 3600			/* seconds */
#define EPOCH_SECONDS ((int64) (POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE) * SECS_PER_DAY)

/* Seconds since 1970, rounded down; -1: before, or no moment at all. */
static int64
UnixSeconds(TimestampTz at)
{
	int64		seconds;

	if (TIMESTAMP_NOT_FINITE(at))
		return -1;
	seconds = at / USECS_PER_SEC;
	if (at % USECS_PER_SEC < 0)
		seconds--;
	return seconds < -EPOCH_SECONDS ? -1 : seconds + EPOCH_SECONDS;
}

/* Raise why there is no code. */
static _Noreturn void
Refuse(Status status)
{
	if (status == STATUS_KEY_ALG)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("unknown algorithm of one-time passwords"),
				 errhint("It is SHA1, SHA256 or SHA512.")));
	if (status == STATUS_ARGUMENT)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("one-time passwords have 6 to 8 digits")));
	if (status == STATUS_KEY_WEAK || status == STATUS_KEY_FORMAT)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("invalid secret of one-time passwords"),
				 errdetail("It must have 16 to 128 bytes.")));
	ReportCoreError(status, "one-time password");
}

/* SQL function: auth.totp_code(secret bytea, at timestamptz, digits int, period int, algorithm text) returns text */
Datum
intrex_auth_totp_code(PG_FUNCTION_ARGS)
{
	bytea	   *secret = PG_GETARG_BYTEA_PP(0);
	int64		seconds = UnixSeconds(PG_GETARG_TIMESTAMPTZ(1));
	int			period = PG_GETARG_INT32(3);
	char		code[HOTP_DIGITS_MAX + 1];
	Status		status;

	LogGuardMark();
	if (seconds < 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("the time of a one-time password must be after 1970")));
	if (period < 1 || period > PERIOD_MAX)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("the period of one-time passwords must be from 1 to 3600 seconds")));
	status = HotpCode((const uint8 *) VARDATA_ANY(secret), VARSIZE_ANY_EXHDR(secret), (uint64) (seconds / period),
					  PG_GETARG_INT32(2), text_to_cstring(PG_GETARG_TEXT_PP(4)), code);
	WipeCopy((text *) secret, PG_GETARG_DATUM(0));
	if (status != STATUS_OK)
		Refuse(status);
	PG_RETURN_TEXT_P(cstring_to_text(code));
}
