/*
 * src/keylife.c: the life of a key after it was made, from SQL, for superusers.
 *
 * Depends on keychange.c.  What must be asked of tables first is asked in
 * sql/33_key_life.sql.
 */
#include "postgres.h"

#include "compat.h"
#include "keychange.h"
#include "report.h"

SQL_FUNCTION(intrex_auth_key_promote);
SQL_FUNCTION(intrex_auth_key_retire);
SQL_FUNCTION(intrex_auth_key_delete);
SQL_FUNCTION(intrex_auth_key_lock);

/*
 * SQL function: auth.key_promote(kid text) returns void
 *
 * The way of a standby key into use, and back from a key that proved a mistake.
 */
Datum
intrex_auth_key_promote(PG_FUNCTION_ARGS)
{
	text	   *kid = PG_GETARG_TEXT_PP(0);
	JwkSet	   *set = KeyBeginChange();
	Status		status;

	(void) KeyOfArgument(set, kid, 1 << KEY_STANDBY | 1 << KEY_PREVIOUS,
						 "Only a standby or previous key becomes current; auth.key_rotate() and auth.key_standby() make new ones.");
	status = JwkSetPromote(set, VARDATA_ANY(kid), VARSIZE_ANY_EXHDR(kid), KeyClock());
	if (status != STATUS_OK)
		KeyReportRefusal(status, "key");
	KeyFinishChange(set);
	PG_RETURN_VOID();
}

/* SQL function: auth._key_retire(kid text) returns void */
Datum
intrex_auth_key_retire(PG_FUNCTION_ARGS)
{
	text	   *kid = PG_GETARG_TEXT_PP(0);
	JwkSet	   *set = KeyBeginChange();
	const Jwk  *key;
	Status		status;

	key = KeyOfArgument(set, kid, 1 << KEY_STANDBY | 1 << KEY_PREVIOUS | 1 << KEY_CURRENT,
						"It is out of use already. auth.key_delete() removes it from the file.");
	if (key->state == KEY_CURRENT)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("the key is current"),
				 errhint("Make another one current first: auth.key_rotate('%s') or auth.key_promote().",
						 key->alg->name)));
	status = JwkSetRetire(set, VARDATA_ANY(kid), VARSIZE_ANY_EXHDR(kid), KeyClock());
	if (status != STATUS_OK)
		KeyReportRefusal(status, "key");
	KeyFinishChange(set);
	PG_RETURN_VOID();
}

/*
 * SQL function: auth._key_lock() returns void
 *
 * The lock of a change, for a caller who has to look before.
 */
Datum
intrex_auth_key_lock(PG_FUNCTION_ARGS)
{
	(void) KeyBeginChange();
	PG_RETURN_VOID();
}

/* SQL function: auth._key_delete(kid text) returns void */
Datum
intrex_auth_key_delete(PG_FUNCTION_ARGS)
{
	text	   *kid = PG_GETARG_TEXT_PP(0);
	JwkSet	   *set = KeyBeginChange();
	Status		status;

	(void) KeyOfArgument(set, kid, 1 << KEY_RETIRED, "Retire it first: auth.key_retire().");
	status = JwkSetRemove(set, VARDATA_ANY(kid), VARSIZE_ANY_EXHDR(kid));
	if (status != STATUS_OK)
		KeyReportRefusal(status, "key");
	KeyFinishChange(set);
	PG_RETURN_VOID();
}
