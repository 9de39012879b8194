/*
 * src/deferred.c: triggers that could be put off to the end of the transaction.
 *
 * Depends on ours.c and the executor.  Triggers that are deferred would fire as the
 * user who ends the transaction.  Those that our statements queue fire with them: the
 * executor has a copy of the triggers of each table for each statement, and in that
 * copy they are not deferrable.  What the caller has queued, or deferred, stays as it
 * is.
 */
#include "postgres.h"

#include "access/transam.h"
#include "commands/trigger.h"
#include "utils/rel.h"

#include "deferred.h"
#include "ours.h"

bool		deferred_checks_at_once = false;

/* Whether a trigger can be put off that is not to be. */
static bool
IsPutOff(const Trigger * trigger, bool is_ours, bool all)
{
	if (!trigger->tgdeferrable)
		return false;
	/* the server refuses to put anything off within a security-restricted operation */
	if (all)
		return true;
	/* checks of foreign keys run as the owners of tables, whenever they do */
	if (RI_FKey_trigger_type(trigger->tgfoid) != RI_TRIGGER_NONE)
		return deferred_checks_at_once;
	return !is_ours || !(trigger->tgfoid < FirstNormalObjectId || IsOurFunction(trigger->tgfoid));
}

/* What a statement will queue is not deferred. */
void
DeferredFireAtOnce(const QueryDesc *query, bool all)
{
	ListCell   *cell;

	foreach(cell, query->estate->es_opened_result_relations)
	{
		ResultRelInfo *target = lfirst(cell);
		bool		is_ours;

		if (target->ri_TrigDesc == NULL)
			continue;
		is_ours = IsOurTable(RelationGetRelid(target->ri_RelationDesc));
		for (int i = 0; i < target->ri_TrigDesc->numtriggers; i++)
		{
			Trigger    *trigger = &target->ri_TrigDesc->triggers[i];

			if (IsPutOff(trigger, is_ours, all))
				trigger->tgdeferrable = trigger->tginitdeferred = false;
		}
	}
}

/* Partitions that rows were moved to are opened too late for that. */
void
DeferredRefuse(const QueryDesc *query)
{
	ListCell   *cell;

	foreach(cell, query->estate->es_tuple_routing_result_relations)
	{
		ResultRelInfo *target = lfirst(cell);
		const char *name = RelationGetRelationName(target->ri_RelationDesc);

		if (target->ri_TrigDesc == NULL)
			continue;
		for (int i = 0; i < target->ri_TrigDesc->numtriggers; i++)
		{
			const		Trigger *trigger = &target->ri_TrigDesc->triggers[i];

			if (trigger->tgenabled != TRIGGER_DISABLED && IsPutOff(trigger, false, false))
				ereport(ERROR,
						(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
						 errmsg("a foreign key cannot move rows to partition \"%s\", which has the deferrable trigger \"%s\"",
								name, trigger->tgname),
						 errhint("Make the trigger or constraint NOT DEFERRABLE.")));
		}
	}
}
