/*
 * src/invitation.c: how many invitations to a tenant wait for an answer.
 *
 * Depends on the columns of auth.invitations and auth.invitation_answers by number
 * and their indexes by name (sql/15_invitation_tables.sql).  Rows are read with a
 * snapshot of their own: whoever has locked the tenant counts what those before him
 * have committed, at REPEATABLE READ too.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/namespace.h"
#include "catalog/pg_collation.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/timestamp.h"

#include "compat.h"
#include "settings.h"

SQL_FUNCTION(intrex_auth_invitation_fits);

/* columns of auth.invitations, and the first of auth.invitation_answers */
enum
{
	INVITATION_ID = 1,
	INVITATION_TENANT = 2,
	INVITATION_EMAIL = 3,
	INVITATION_EXPIRES = 9,
	ANSWER_INVITATION = 1
};

/* Was an invitation accepted or revoked? */
static bool
IsAnswered(Relation answers, Oid index, Datum id)
{
	ScanKeyData key;
	SysScanDesc scan;
	bool		found;

	ScanKeyInit(&key, ANSWER_INVITATION, BTEqualStrategyNumber, F_UUID_EQ, id);
	scan = systable_beginscan(answers, index, true, NULL, 1, &key);
	found = HeapTupleIsValid(systable_getnext(scan));
	systable_endscan(scan);
	return found;
}

/*
 * SQL function: auth._invitation_fits(tenant_id uuid, email text) returns boolean
 *
 * Whether another invitation may be pending, to this address: a new one takes the
 * place of the last.
 */
Datum
intrex_auth_invitation_fits(PG_FUNCTION_ARGS)
{
	Oid			namespace = get_namespace_oid("auth", false);
	Oid			by_answer = get_relname_relid("invitation_answers_pkey", namespace);
	TimestampTz now = GetCurrentTimestamp();
	int			pending = 0;
	Relation	table;
	Relation	answers;
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple	row;

	if (PG_ARGISNULL(0) || PG_ARGISNULL(1))
		PG_RETURN_BOOL(false);
	table = table_open(get_relname_relid("invitations", namespace), AccessShareLock);
	answers = table_open(get_relname_relid("invitation_answers", namespace), AccessShareLock);
	ScanKeyInit(&key, INVITATION_TENANT, BTEqualStrategyNumber, F_UUID_EQ, PG_GETARG_DATUM(0));
	scan = systable_beginscan(table, get_relname_relid("invitations_tenant_id_email_idx", namespace),
							  true, NULL, 1, &key);
	while (pending < setting_max_pending_invitations &&
		   HeapTupleIsValid(row = systable_getnext(scan)))
	{
		TupleDesc	columns = RelationGetDescr(table);
		bool		isnull;

		if (DatumGetTimestampTz(heap_getattr(row, INVITATION_EXPIRES, columns, &isnull)) > now &&
			!DatumGetBool(DirectFunctionCall2Coll(texteq, C_COLLATION_OID, PG_GETARG_DATUM(1),
												  heap_getattr(row, INVITATION_EMAIL, columns, &isnull))) &&
			!IsAnswered(answers, by_answer, heap_getattr(row, INVITATION_ID, columns, &isnull)))
			pending++;
		CHECK_FOR_INTERRUPTS();
	}
	systable_endscan(scan);
	table_close(answers, AccessShareLock);
	table_close(table, AccessShareLock);
	PG_RETURN_BOOL(pending < setting_max_pending_invitations);
}
