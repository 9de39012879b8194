/*
 * src/announce.c: changes of rows that backends remember something of.
 *
 * Depends on the composite types of sql/11_announcements.sql.  The message is
 * PostgreSQL's own of a changed relation, which travels with the commit to all
 * backends and in WAL to standbys; the relation is a composite type that exists
 * for nothing else, so that no plan hangs on it.  A backend reads its messages at
 * the start of each transaction, so that nothing has to be asked and no shared
 * memory of our own is needed.
 */
#include "postgres.h"

#include "catalog/namespace.h"
#include "commands/extension.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"

#include "announce.h"

/* One kind of announcement. */
typedef struct Channel
{
	const char *type_name;
	Oid			relation;		/* of the composite type; InvalidOid: to be found */
	uint64		generation;
} Channel;

static Channel channels[ANNOUNCEMENTS] = {
	[CHANGE_OF_IDENTITY] = {"identity_change", InvalidOid, 1},
	[CHANGE_OF_PERMISSIONS] = {"permission_change", InvalidOid, 1},
	[CHANGE_OF_ISSUER] = {"issuer_change", InvalidOid, 1},
};

/* A change of a relation, or of any (InvalidOid). */
static void
OnRelationChange(Datum arg, Oid relid)
{
	for (int i = 0; i < ANNOUNCEMENTS; i++)
	{
		Channel    *channel = &channels[i];

		if (OidIsValid(relid) && relid != channel->relation && OidIsValid(channel->relation))
			continue;
		channel->generation++;
		/* it may have been dropped: found by name again, when it is needed */
		channel->relation = InvalidOid;
	}
}

/* Know the relation of a channel, or return false: the extension is not in this database. */
static bool
KnowRelation(Channel *channel)
{
	if (!OidIsValid(channel->relation) && OidIsValid(get_extension_oid("intrex_auth", true)))
	{
		Oid			namespace = get_namespace_oid("auth", true);

		if (OidIsValid(namespace))
			channel->relation = get_relname_relid(channel->type_name, namespace);
	}
	return OidIsValid(channel->relation);
}

/* Which committed state of the rows this backend knows of. */
uint64
AnnounceGeneration(Announcement what)
{
	/* else every change of any relation would count as one of these rows */
	(void) KnowRelation(&channels[what]);
	AcceptInvalidationMessages();
	return channels[what].generation;
}

/* Tell that rows were changed. */
void
AnnounceChange(Announcement what)
{
	if (KnowRelation(&channels[what]))
		CacheInvalidateRelcacheByRelid(channels[what].relation);
}

/* Hear of changes. */
void
AnnounceInit(void)
{
	CacheRegisterRelcacheCallback(OnRelationChange, (Datum) 0);
}
