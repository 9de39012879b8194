/*
 * src/writes.c: statements that change tables of the extension run nobody else's
 * code with the rights of the extension, or of the user who called it.
 *
 * Depends on ours.c, deferred.c, and the hooks of the executor and the planner.  A row
 * of ours that is changed or deleted takes rows of application tables with it, whose
 * triggers fire within our statement: up to PostgreSQL 17 as the current user, which is
 * auth_owner or a superuser.  So each statement on a table of ours is a frame here,
 * while its plan runs and while it fires what it has queued, and others.c looks at every
 * function that is called within one.  The statements of foreign keys run as the owners
 * of the tables that they change; here they become security-restricted operations as
 * well, and so does their planning.  Triggers that are deferred would fire later than
 * that, and deferred.c has them fire at once.
 *
 * What is set meanwhile (search_path, say) by code of others or in the statement of a
 * foreign key is undone when that ends: the rest of the session is not theirs.
 *
 * Frames live on the stack of the hooks, so that an error leaves them as it leaves
 * the hooks.
 */
#include "postgres.h"

#include "commands/trigger.h"
#include "executor/executor.h"
#include "miscadmin.h"
#include "optimizer/planner.h"
#include "parser/parsetree.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/rel.h"

#include "compat.h"
#include "deferred.h"
#include "ours.h"
#include "writes.h"

SQL_FUNCTION(intrex_auth_statement_begins);

/* What a statement is to us. */
typedef enum StatementKind
{
	NOT_OURS,					/* nor within one of ours */
	OURS,						/* it changes a table of ours */
	FOLLOWS,					/* it changes or reads an application's table on behalf
								 * of one of ours */
	OF_OTHERS,					/* any other within one of ours */
} StatementKind;

WriteFrame *write_frame = NULL;
int			others_running = 0;

/* COPY and TRUNCATE have no executor, and the statement that loads the library began before there were hooks. */
static WriteFrame first_frame;

static ExecutorStart_hook_type previous_start = NULL;
static ExecutorRun_hook_type previous_run = NULL;
static ExecutorFinish_hook_type previous_finish = NULL;
static planner_hook_type previous_planner = NULL;

/* Whether a foreign key has taken the rights of the owner of a table, since the frame began. */
static bool
IsForeignKeys(void)
{
	Oid			user;
	int			context;

	GetUserIdAndSecContext(&user, &context);
	if (!(context & SECURITY_NOFORCE_RLS))
		return false;
	return write_frame->phase == FOLLOWING || !(write_frame->context & SECURITY_NOFORCE_RLS)
		|| user != write_frame->user;
}

static StatementKind
KindOf(const QueryDesc *query, int flags)
{
	ListCell   *cell;

	foreach(cell, query->plannedstmt->resultRelations)
	{
		if (IsOurTable(rt_fetch(lfirst_int(cell), query->plannedstmt->rtable)->relid))
			return OURS;
	}
	if (write_frame != NULL && write_frame->adopts)
		return FOLLOWS;
	/* a foreign key queues triggers for the statement that it is part of */
	if (write_frame != NULL && (flags & EXEC_FLAG_SKIP_TRIGGERS) && IsForeignKeys())
		return FOLLOWS;
	return write_frame != NULL || others_running > 0 ? OF_OTHERS : NOT_OURS;
}

WriteFrame
WritesMakeFrame(WritePhase phase)
{
	WriteFrame	frame = {.phase = phase};

	GetUserIdAndSecContext(&frame.user, &frame.context);
	return frame;
}

/* Make a level of settings, in whose place another comes as often as code of others ends. */
static void
BeginSettings(WriteFrame *frame)
{
	frame->settings = NewGUCNestLevel();
}

void
WritesRestrict(WriteFrame *frame)
{
	BeginSettings(frame);
	SetUserIdAndSecContext(frame->user,
						   frame->context | SECURITY_LOCAL_USERID_CHANGE | SECURITY_RESTRICTED_OPERATION);
}

void
WritesUnrestrict(const WriteFrame *frame)
{
	AtEOXact_GUC(false, frame->settings);
	SetUserIdAndSecContext(frame->user, frame->context);
}

/*
 * Each hook makes the frame that its part of the statement is to have, calls what
 * it stands before, and puts the former frame back.
 */
typedef struct Step
{
	WriteFrame *outer;
	WriteFrame	frame;
	StatementKind kind;
	bool		was_restricted;
} Step;

/* Whether there is nothing to do, which is so for most statements. */
static bool
IsPlain(const QueryDesc *query)
{
	return write_frame == NULL && others_running == 0 && query->plannedstmt->resultRelations == NIL;
}

static Step
BeginStep(const QueryDesc *query, int flags, WritePhase ours)
{
	Step		step = {.kind = KindOf(query, flags)};

	step.outer = write_frame;
	step.was_restricted = InSecurityRestrictedOperation();
	step.frame = WritesMakeFrame(step.kind == OURS ? ours : FOLLOWING);
	step.frame.estate = query->estate;
	return step;
}

/* Whether others have put triggers on the tables of a statement. */
static bool
HasTriggersOfOthers(const QueryDesc *query)
{
	ListCell   *cell;

	foreach(cell, query->estate->es_opened_result_relations)
	{
		const		TriggerDesc *triggers = ((ResultRelInfo *) lfirst(cell))->ri_TrigDesc;

		for (int i = 0; triggers != NULL && i < triggers->numtriggers; i++)
		{
			Oid			function = triggers->triggers[i].tgfoid;

			if (function >= FirstNormalObjectId && !IsOurFunction(function))
				return true;
		}
	}
	return false;
}

/* Whether a statement adds rows, and so is followed by no foreign key's. */
static bool
OnlyInserts(const PlannedStmt *statement)
{
	return statement->commandType == CMD_INSERT && list_length(statement->resultRelations) == 1 &&
		IsA(statement->planTree, ModifyTable) &&
		((const ModifyTable *) statement->planTree)->onConflictAction != ONCONFLICT_UPDATE;
}

/* What a statement of another kind calls is the business of whoever made it. */
static void
EnterStep(Step *step, const QueryDesc *query)
{
	write_frame = step->kind == OURS || step->kind == FOLLOWS ? &step->frame : NULL;
	if (step->kind == FOLLOWS)
		WritesRestrict(&step->frame);
	else if (step->kind == OURS && query->estate != NULL &&
			 ((step->frame.phase == FIRING && !OnlyInserts(query->plannedstmt)) || HasTriggersOfOthers(query)))
		BeginSettings(&step->frame);
}

static void
LeaveStep(const Step *step)
{
	if (step->kind == FOLLOWS)
		WritesUnrestrict(&step->frame);
	else if (step->frame.settings > 0)
		AtEOXact_GUC(true, step->frame.settings);
}

static void
CallStart(QueryDesc *query, int flags)
{
	if (previous_start != NULL)
		previous_start(query, flags);
	else
		standard_ExecutorStart(query, flags);
}

static void
StartStatement(QueryDesc *query, int flags)
{
	Step		step;

	if (IsPlain(query))
	{
		CallStart(query, flags);
		return;
	}
	step = BeginStep(query, flags, WRITING);
	PG_TRY();
	{
		EnterStep(&step, query);
		/* the functions in a statement on our tables are those that its author calls */
		if (step.kind == OURS)
			write_frame = NULL;
		CallStart(query, flags);
		if (step.kind == OURS || step.kind == FOLLOWS || (others_running > 0 && step.was_restricted))
			DeferredFireAtOnce(query, step.was_restricted);
		LeaveStep(&step);
	}
	PG_FINALLY();
	{
		write_frame = step.outer;
	}
	PG_END_TRY();
}

#if PG_VERSION_NUM >= 180000
#define RUN_ARGUMENTS QueryDesc *query, ScanDirection direction, uint64 count
#define RUN_VALUES query, direction, count
#else
#define RUN_ARGUMENTS QueryDesc *query, ScanDirection direction, uint64 count, bool once
#define RUN_VALUES query, direction, count, once
#endif

static void
CallRun(RUN_ARGUMENTS)
{
	if (previous_run != NULL)
		previous_run(RUN_VALUES);
	else
		standard_ExecutorRun(RUN_VALUES);
}

static void
RunStatement(RUN_ARGUMENTS)
{
	Step		step;

	if (IsPlain(query))
	{
		CallRun(RUN_VALUES);
		return;
	}
	step = BeginStep(query, query->estate->es_top_eflags, WRITING);
	PG_TRY();
	{
		EnterStep(&step, query);
		CallRun(RUN_VALUES);
		LeaveStep(&step);
		/* in a restricted operation the server itself refuses */
		if (step.kind == FOLLOWS && !step.was_restricted)
			DeferredRefuse(query);
	}
	PG_FINALLY();
	{
		write_frame = step.outer;
	}
	PG_END_TRY();
}

static void
CallFinish(QueryDesc *query)
{
	if (previous_finish != NULL)
		previous_finish(query);
	else
		standard_ExecutorFinish(query);
}

static void
FinishStatement(QueryDesc *query)
{
	Step		step;

	if (IsPlain(query))
	{
		CallFinish(query);
		return;
	}
	step = BeginStep(query, query->estate->es_top_eflags, FIRING);
	PG_TRY();
	{
		EnterStep(&step, query);
		CallFinish(query);
		LeaveStep(&step);
	}
	PG_FINALLY();
	{
		write_frame = step.outer;
	}
	PG_END_TRY();
}

static PlannedStmt *
CallPlanner(Query * parse, const char *text, int options, ParamListInfo parameters)
{
	return (previous_planner != NULL ? previous_planner : standard_planner) (parse, text, options, parameters);
}

/* Planning computes what is in the predicates of indexes and in constraints. */
static PlannedStmt *
PlanStatement(Query * parse, const char *text, int options, ParamListInfo parameters)
{
	WriteFrame *outer;
	WriteFrame	frame;
	PlannedStmt *volatile plan = NULL;

	outer = write_frame;
	if (outer == NULL || !IsForeignKeys())
		return CallPlanner(parse, text, options, parameters);
	frame = WritesMakeFrame(FOLLOWING);
	PG_TRY();
	{
		write_frame = &frame;
		WritesRestrict(&frame);
		plan = CallPlanner(parse, text, options, parameters);
		WritesUnrestrict(&frame);
	}
	PG_FINALLY();
	{
		write_frame = outer;
	}
	PG_END_TRY();
	return plan;
}

/* The end of a statement without hooks: what belongs to it is freed. */
static void
EndFirst(void *arg)
{
	if (write_frame == &first_frame)
		write_frame = NULL;
}

/*
 * SQL function: auth._statement_begins() returns trigger
 *
 * Fires before each statement on a table of ours, and before the triggers of others,
 * by its name.  To be called loads the library, so that the hooks are there before a
 * row is changed.  A statement that began without them, COPY and TRUNCATE get their
 * frame here.
 */
Datum
intrex_auth_statement_begins(PG_FUNCTION_ARGS)
{
	/* triggers are called in a context for a row, below that of the statement */
	MemoryContext statement = MemoryContextGetParent(CurrentMemoryContext);

	if (!CALLED_AS_TRIGGER(fcinfo))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("function was not called as a trigger")));
	if (write_frame == NULL)
	{
		MemoryContextCallback *end = MemoryContextAllocZero(statement, sizeof(*end));

		end->func = EndFirst;
		MemoryContextRegisterResetCallback(statement, end);
		first_frame = WritesMakeFrame(WRITING);
		/* ends with the function or transaction around */
		BeginSettings(&first_frame);
		write_frame = &first_frame;
	}
	PG_RETURN_POINTER(NULL);
}

void
WritesInit(void)
{
	previous_start = ExecutorStart_hook;
	ExecutorStart_hook = StartStatement;
	previous_run = ExecutorRun_hook;
	ExecutorRun_hook = RunStatement;
	previous_finish = ExecutorFinish_hook;
	ExecutorFinish_hook = FinishStatement;
	previous_planner = planner_hook;
	planner_hook = PlanStatement;
}
