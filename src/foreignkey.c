/*
 * src/foreignkey.c: foreign keys between our tables, checked for every row but
 * those of a restore.
 *
 * pg_restore --jobs loads each table by a COPY in a transaction of its own, in any
 * order, and the keys of an extension exist before its rows do: what comes before
 * its parents would be refused, and with it its whole table.  So the triggers by
 * which the server checks new rows of our tables are disabled at installation
 * (sql/95_foreign_keys.sql), and a trigger of ours calls them unless the row comes
 * by a COPY of somebody with the rights of the table's owner.  The checks remain
 * the server's own, with its locks, snapshots and errors; cascades are not touched.
 *
 * Depends on the server's ri_triggers.c and on the portal that runs a COPY.
 */
#include "postgres.h"

#include "catalog/namespace.h"
#include "commands/trigger.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "nodes/parsenodes.h"
#include "nodes/plannodes.h"
#include "tcop/pquery.h"
#include "utils/acl.h"
#include "utils/fmgroids.h"
#include "utils/portal.h"
#include "utils/rel.h"

#include "compat.h"

SQL_FUNCTION(intrex_auth_foreign_keys_checked);

/*
 * Whether the row that fired a trigger of a table was brought by a COPY into this
 * very table.  Only a trigger of the COPY itself may say so, not one of a statement
 * that another trigger runs meanwhile: that has depth 2.
 */
static bool
CameByCopy(Relation table)
{
	PlannedStmt *statement;
	CopyStmt   *copy;

	if (ActivePortal == NULL || list_length(ActivePortal->stmts) != 1)
		return false;
	statement = linitial_node(PlannedStmt, ActivePortal->stmts);
	if (statement->commandType != CMD_UTILITY || !IsA(statement->utilityStmt, CopyStmt))
		return false;
	copy = (CopyStmt *) statement->utilityStmt;
	return copy->is_from && copy->relation != NULL &&
		DatumGetInt32(OidFunctionCall0(F_PG_TRIGGER_DEPTH)) == 1 &&
		RangeVarGetRelid(copy->relation, NoLock, true) == RelationGetRelid(table) &&
		has_privs_of_role(GetUserId(), table->rd_rel->relowner);
}

/*
 * Whether a trigger is the server's check of a foreign key and does not fire by
 * itself: pg_upgrade and ENABLE TRIGGER ALL leave it enabled.
 */
static bool
IsLeftToUs(Trigger * trigger, Oid check)
{
	return trigger->tgisinternal && trigger->tgfoid == check && trigger->tgenabled == TRIGGER_DISABLED;
}

/* Have the server check one key, as if its trigger had fired. */
static void
CheckKey(TriggerData *fired, Trigger * trigger)
{
	LOCAL_FCINFO(call, 0);
	FmgrInfo	function;
	TriggerData data = *fired;

	data.tg_trigger = trigger;
	fmgr_info(trigger->tgfoid, &function);
	InitFunctionCallInfoData(*call, &function, 0, InvalidOid, (Node *) &data, NULL);
	FunctionCallInvoke(call);
}

/* SQL function: auth._foreign_keys_checked() returns trigger */
Datum
intrex_auth_foreign_keys_checked(PG_FUNCTION_ARGS)
{
	TriggerData *data = (TriggerData *) fcinfo->context;
	bool		updated;
	TriggerDesc *triggers;
	Trigger    *checks;
	int			count = 0;

	if (!CALLED_AS_TRIGGER(fcinfo) || !TRIGGER_FIRED_AFTER(data->tg_event) ||
		!TRIGGER_FIRED_FOR_ROW(data->tg_event) || TRIGGER_FIRED_BY_DELETE(data->tg_event))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("auth._foreign_keys_checked() was not called as an AFTER INSERT OR UPDATE trigger for each row")));

	updated = TRIGGER_FIRED_BY_UPDATE(data->tg_event);
	if (!updated && CameByCopy(data->tg_relation))
		PG_RETURN_POINTER(NULL);

	/*
	 * Copies, because the checks run queries, during which the server may read the
	 * triggers of the table afresh and free these.
	 */
	triggers = data->tg_relation->trigdesc;
	checks = (Trigger *) palloc(triggers->numtriggers * sizeof(Trigger));
	for (int i = 0; i < triggers->numtriggers; i++)
	{
		Trigger    *trigger = &triggers->triggers[i];

		if (!IsLeftToUs(trigger, updated ? F_RI_FKEY_CHECK_UPD : F_RI_FKEY_CHECK_INS))
			continue;
		/* most updates change no key, and the server would queue nothing for them */
		if (updated && !RI_FKey_fk_upd_check_required(trigger, data->tg_relation, data->tg_trigslot, data->tg_newslot))
			continue;
		checks[count] = *trigger;
		checks[count++].tgname = pstrdup(trigger->tgname);
	}
	for (int i = 0; i < count; i++)
		CheckKey(data, &checks[i]);
	PG_RETURN_POINTER(NULL);
}
