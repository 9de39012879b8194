/*
 * src/writesrun.c: statements that the extension has run: on tables of applications as
 * their owners, or with what others wrote in them; and with deferred foreign keys
 * checked.
 *
 * Depends on writes.c, deferred.c and SPI.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "utils/builtins.h"

#include "compat.h"
#include "deferred.h"
#include "writes.h"

SQL_FUNCTION(intrex_auth_delete_checked);

int
WritesFollow(const char *sql, int count, Oid *types, Datum *values)
{
	WriteFrame *outer = write_frame;
	WriteFrame	frame = WritesMakeFrame(FOLLOWING);
	volatile int result = SPI_ERROR_UNCONNECTED;

	frame.adopts = true;
	PG_TRY();
	{
		write_frame = &frame;
		WritesRestrict(&frame);
		result = SPI_execute_with_args(sql, count, types, values, NULL, false, 0);
		WritesUnrestrict(&frame);
	}
	PG_FINALLY();
	{
		write_frame = outer;
	}
	PG_END_TRY();
	return result;
}

int
WritesRunOthers(const char *sql)
{
	WriteFrame *outer = write_frame;
	WriteFrame	frame = WritesMakeFrame(FOLLOWING);
	volatile int result = SPI_ERROR_UNCONNECTED;

	PG_TRY();
	{
		write_frame = NULL;
		others_running++;
		WritesRestrict(&frame);
		result = SPI_execute(sql, false, 0);
		WritesUnrestrict(&frame);
	}
	PG_FINALLY();
	{
		write_frame = outer;
		others_running--;
	}
	PG_END_TRY();
	return result;
}

/*
 * SQL function: auth._delete_checked(table_name name, condition text, keys text[]) returns bigint
 *
 * A key of an application that is DEFERRABLE INITIALLY DEFERRED would let rows go, and
 * fail the transaction at its end.
 */
Datum
intrex_auth_delete_checked(PG_FUNCTION_ARGS)
{
	Oid			types[] = {TEXTARRAYOID};
	Datum		values[] = {PG_GETARG_DATUM(2)};
	char	   *statement = psprintf("DELETE FROM auth.%s AS t WHERE %s", quote_identifier(NameStr(*PG_GETARG_NAME(0))),
									 text_to_cstring(PG_GETARG_TEXT_PP(1)));
	bool		outer = deferred_checks_at_once;
	volatile int result = SPI_ERROR_UNCONNECTED;
	int64		rows;

	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect failed");
	PG_TRY();
	{
		deferred_checks_at_once = true;
		result = SPI_execute_with_args(statement, lengthof(types), types, values, NULL, false, 0);
	}
	PG_FINALLY();
	{
		deferred_checks_at_once = outer;
	}
	PG_END_TRY();
	if (result < 0)
		elog(ERROR, "SPI_execute_with_args failed: %s", SPI_result_code_string(result));
	rows = (int64) SPI_processed;
	SPI_finish();
	PG_RETURN_INT64(rows);
}
