/*
 * src/dropguard.c: DROP EXTENSION is refused while there are users.
 *
 * Depends on the server's object access hook.  Whatever drops the extension (its
 * own DROP with or without CASCADE, that of plpgsql, DROP OWNED) drops auth.users
 * with it, and the hook sees that before it is done.  Members fall before the
 * extension, so the table is where to look: later it would be gone.  An event
 * trigger (sql/92_drop_guard.sql) loads this library where nothing else has.
 */
#include "postgres.h"

#include "access/table.h"
#include "access/tableam.h"
#include "catalog/dependency.h"
#include "catalog/namespace.h"
#include "catalog/objectaccess.h"
#include "catalog/pg_class.h"
#include "commands/event_trigger.h"
#include "commands/extension.h"
#include "executor/tuptable.h"
#include "miscadmin.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

#include "compat.h"
#include "dropguard.h"
#include "settings.h"

SQL_FUNCTION(intrex_auth_watch_drops);

static object_access_hook_type next_object_access_hook = NULL;

/* Is it the table of users of the extension in this database? */
static bool
IsTableOfUsers(Oid relation)
{
	const char *name = get_rel_name(relation);
	Oid			extension;

	if (name == NULL || strcmp(name, "users") != 0 ||
		get_rel_namespace(relation) != get_namespace_oid("auth", true))
		return false;
	extension = getExtensionOfObject(RelationRelationId, relation);
	return OidIsValid(extension) && extension == get_extension_oid("intrex_auth", true);
}

/* Does it have a row?  The lock of DROP is held, so nobody is adding one. */
static bool
HasRow(Oid relation)
{
	Relation	table = table_open(relation, AccessShareLock);
	TupleTableSlot *slot = table_slot_create(table, NULL);
	Snapshot	snapshot = RegisterSnapshot(GetLatestSnapshot());
	TableScanDesc scan = table_beginscan(table, snapshot, 0, NULL);
	bool		found = table_scan_getnextslot(scan, ForwardScanDirection, slot);

	table_endscan(scan);
	UnregisterSnapshot(snapshot);
	ExecDropSingleTupleTableSlot(slot);
	table_close(table, NoLock);
	return found;
}

/* Object access hook: an object is about to be dropped, or something else is done to it. */
static void
OnObjectAccess(ObjectAccessType access, Oid class, Oid object, int column, void *arg)
{
	if (next_object_access_hook != NULL)
		next_object_access_hook(access, class, object, column, arg);

	if (access == OAT_DROP && class == RelationRelationId && column == 0 &&
		!setting_allow_drop && IsTableOfUsers(object) && HasRow(object))
		ereport(ERROR,
				(errcode(ERRCODE_DEPENDENT_OBJECTS_STILL_EXIST),
				 errmsg("extension \"intrex_auth\" has users and is not dropped"),
				 errdetail("All users, tenants, sessions, secrets and the audit trail would be deleted with it."),
				 errhint("If that is meant, run SET intrex_auth.allow_drop = on as superuser before. For pg_restore --clean, set PGOPTIONS='-c intrex_auth.allow_drop=on' in its environment.")));
}

/*
 * SQL function: auth._watch_drops() returns event_trigger
 *
 * To call it is to load the library, whose hook does the rest.
 */
Datum
intrex_auth_watch_drops(PG_FUNCTION_ARGS)
{
	if (!CALLED_AS_EVENT_TRIGGER(fcinfo))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_EVENT_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("auth._watch_drops() is an event trigger function")));
	PG_RETURN_NULL();
}

/* Install the hook. */
void
DropGuardInit(void)
{
	/* saving the existing pointer to preserve the chain */
	next_object_access_hook = object_access_hook;
	object_access_hook = OnObjectAccess;
}
