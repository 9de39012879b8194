/*
 * src/queryidentity.c: one query, one identity.
 *
 * A policy asks several questions, each once per query and not before its answer is
 * needed: which tenant, which scope.  Anybody may set a token in the middle of a
 * query, or while a cursor is open; then the tenant of one membership would meet the
 * scope of another.  So the first answer a query gets binds it, and what a policy
 * decides under another user or tenant is refused.
 *
 * A query is known by its memory, in which all its functions are looked up.
 */
#include "postgres.h"

#include "utils/memutils.h"

#include "queryidentity.h"
#include "report.h"

/* Who asked in one query; lives in its memory. */
typedef struct Asker
{
	MemoryContext query;
	bool		has_user;
	bool		has_tenant;
	pg_uuid_t	user;
	pg_uuid_t	tenant;
	bool		mixed;			/* somebody else has asked, too */
	bool		decided;		/* so that nobody else may ask any more */
	MemoryContextCallback forget;
	struct Asker *next;
} Asker;

static Asker *askers = NULL;

/* The query is over. */
static void
Forget(void *arg)
{
	for (Asker **link = &askers; *link != NULL; link = &(*link)->next)
	{
		if (*link == arg)
		{
			*link = (*link)->next;
			return;
		}
	}
}

/* Are two uuids, either of which may be missing, the same? */
static bool
SameUuid(bool has, const pg_uuid_t *uuid, const pg_uuid_t *other)
{
	if (!has || other == NULL)
		return !has && other == NULL;
	return memcmp(uuid, other, UUID_LEN) == 0;
}

/*
 * The memory of the query, or NULL.  Expressions of PL/pgSQL are no queries: they
 * share what lives as long as the transaction or the block of DO, and a function may
 * set one token after another.
 */
static MemoryContext
QueryOf(FunctionCallInfo fcinfo)
{
	MemoryContext query = fcinfo->flinfo != NULL ? fcinfo->flinfo->fn_mcxt : NULL;
	MemoryContext parent = query != NULL ? MemoryContextGetParent(query) : NULL;

	if (parent == NULL || parent == TopTransactionContext || strcmp(parent->name, "SPI Proc") == 0)
		return NULL;
	return query;
}

/* Who has asked in a query, entered if nobody has; is it the same who asks now? */
static Asker *
Enter(MemoryContext query, const Identity *identity, bool *same)
{
	const pg_uuid_t *user = identity != NULL ? IdentityUserId(identity) : NULL;
	const pg_uuid_t *tenant = identity != NULL ? IdentityTenantId(identity) : NULL;
	Asker	   *asker = askers;

	while (asker != NULL && asker->query != query)
		asker = asker->next;
	if (asker != NULL)
	{
		*same = SameUuid(asker->has_user, &asker->user, user) &&
			SameUuid(asker->has_tenant, &asker->tenant, tenant);
		return asker;
	}
	asker = MemoryContextAllocZero(query, sizeof(Asker));
	asker->query = query;
	if (user != NULL)
	{
		asker->has_user = true;
		asker->user = *user;
	}
	if (tenant != NULL)
	{
		asker->has_tenant = true;
		asker->tenant = *tenant;
	}
	asker->forget.func = Forget;
	asker->forget.arg = asker;
	MemoryContextRegisterResetCallback(query, &asker->forget);
	asker->next = askers;
	askers = asker;
	*same = true;
	return asker;
}

/* Raise that the token was changed. */
static _Noreturn void
RaiseChanged(void)
{
	ReportUnauthenticated("token_changed_in_query",
						  "The token was changed while a query ran that depends on it.",
						  "Change it between queries, with no cursor open.");
}

/* The query learns who is asking. */
void
QueryAsks(FunctionCallInfo fcinfo, const Identity *identity)
{
	MemoryContext query = QueryOf(fcinfo);
	Asker	   *asker;
	bool		same;

	if (query == NULL)
		return;
	asker = Enter(query, identity, &same);
	if (!same && asker->decided)
		RaiseChanged();
	asker->mixed |= !same;
}

/* The query learns what he may do. */
void
QueryDecides(FunctionCallInfo fcinfo, const Identity *identity)
{
	MemoryContext query = QueryOf(fcinfo);
	Asker	   *asker;
	bool		same;

	if (query == NULL)
		return;
	asker = Enter(query, identity, &same);
	if (!same || asker->mixed)
		RaiseChanged();
	asker->decided = true;
}
