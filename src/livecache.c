/*
 * src/livecache.c: live sessions that this backend has looked up before.
 *
 * Depends on liveness.c, whose three look-ups take as long as verifying a few
 * tokens, and their locks are shared with all backends.  Every change of the
 * rows is announced (announce.c), and an announcement ends all that was
 * kept.  Only "alive" is kept, and only what others have committed.
 */
#include "postgres.h"

#include "access/xact.h"
#include "utils/hsearch.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "announce.h"
#include "livecache.h"

/* Sessions that a backend keeps, about 200 bytes each; then it starts anew. */
#define KEPT_MAX 16384

/* What was asked; hashed as bytes, so without holes. */
typedef struct Question
{
	pg_uuid_t	session;
	pg_uuid_t	user;
	pg_uuid_t	tenant;
	uint8		has_tenant;
	uint8		as_admin;
} Question;

/* That the answer was "alive", and when. */
typedef struct Kept
{
	Question	question;
	uint64		generation;
	TimestampTz ends;
	Membership	membership;		/* its units belong to the entry */
} Kept;

static MemoryContext context = NULL;
static HTAB *kept = NULL;

/* An empty table. */
static void
StartAnew(void)
{
	HASHCTL		control = {0};

	if (context == NULL)
		context = AllocSetContextCreate(TopMemoryContext, "intrex_auth sessions",
										ALLOCSET_DEFAULT_SIZES);
	kept = NULL;
	MemoryContextReset(context);
	control.keysize = sizeof(Question);
	control.entrysize = sizeof(Kept);
	control.hcxt = context;
	kept = hash_create("intrex_auth sessions", 64, &control,
					   HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
}

/* Keep that a session is alive. */
static void
Keep(const Question *question, uint64 generation, TimestampTz ends, const Membership *membership)
{
	pg_uuid_t  *units = NULL;
	Kept	   *entry;
	bool		found;

	if (kept == NULL || hash_get_num_entries(kept) >= KEPT_MAX)
		StartAnew();

	/* allocated first, so that an error leaves no entry half made */
	if (membership->unit_count > 0)
	{
		units = MemoryContextAlloc(context, sizeof(pg_uuid_t) * membership->unit_count);
		memcpy(units, membership->units, sizeof(pg_uuid_t) * membership->unit_count);
	}
	entry = hash_search(kept, question, HASH_ENTER, &found);
	if (found && entry->membership.units != NULL)
		pfree(unconstify(pg_uuid_t *, entry->membership.units));
	entry->generation = generation;
	entry->ends = ends;
	entry->membership = *membership;
	entry->membership.units = units;
}

/* Look up session, user and membership, or recall that they were alive. */
Liveness
LivenessRecall(const pg_uuid_t *session, const pg_uuid_t *user, const pg_uuid_t *tenant,
			   bool as_admin, Membership *membership)
{
	/* before the look, so that what is changed during it is not kept as if it were new */
	uint64		generation = AnnounceGeneration(CHANGE_OF_IDENTITY);
	Question	question;
	Kept	   *entry;
	Liveness	outcome;
	TimestampTz ends;

	memset(&question, 0, sizeof(question));
	question.session = *session;
	question.user = *user;
	if (tenant != NULL)
		question.tenant = *tenant;
	question.has_tenant = tenant != NULL;
	question.as_admin = as_admin;

	entry = kept != NULL ? hash_search(kept, &question, HASH_FIND, NULL) : NULL;
	if (entry != NULL && entry->generation == generation &&
		entry->ends > GetCurrentTimestamp())
	{
		*membership = entry->membership;
		membership->units = LivenessKeepUnits(membership->units, membership->unit_count);
		return LIVE;
	}

	outcome = LivenessLook(session, user, tenant, as_admin, membership, &ends);

	/*
	 * A transaction that writes may see rows of its own that will never be
	 * committed, and whose coming nobody announces.
	 */
	if (outcome == LIVE && !TransactionIdIsValid(GetTopTransactionIdIfAny()))
		Keep(&question, generation, ends, membership);
	return outcome;
}
