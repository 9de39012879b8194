/*
 * src/writesrun.c: statements that the extension has run with deferred foreign keys
 * checked.
 *
 * Depends on deferred.c and SPI.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "utils/builtins.h"

#include "compat.h"
#include "deferred.h"

SQL_FUNCTION(intrex_auth_delete_checked);

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
