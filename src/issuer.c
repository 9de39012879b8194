/*
 * src/issuer.c: which iss the tokens of this database have.
 *
 * Depends on the columns of auth.issuers by number (sql/18_issuers.sql), on
 * announce.c, lastingrow.c and settings.c.  intrex_auth.issuer comes first.  Where it
 * is empty, iss names a random id that the first sign-in notes in a row, together with
 * the cluster and the database that it is noted in.  The row moves with a dump, with
 * pg_upgrade and to standbys, so that a move signs nobody out; by what it notes, a
 * copy beside its original is told from a database that has moved, so that the
 * tokens of one are refused by the other.
 *
 * The row is valid at once, whatever becomes of the first sign-in: no other waits for
 * the end of its transaction.
 *
 * No check hook may come here: this reads tables and raises.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/parallel.h"
#include "access/table.h"
#include "access/xact.h"
#include "access/xlog.h"
#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "commands/extension.h"
#include "commands/trigger.h"
#include "miscadmin.h"
#include "storage/lmgr.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"
#include "utils/timestamp.h"
#include "utils/uuid.h"

#include "announce.h"
#include "compat.h"
#include "issuer.h"
#include "lastingrow.h"
#include "settings.h"

SQL_FUNCTION(intrex_auth_issuer);
SQL_FUNCTION(intrex_auth_issuer_changed);

/* column numbers */
enum
{
	ISSUER_NUMBER = 1,
	ISSUER_ID = 2,
	ISSUER_SYSTEM = 3,
	ISSUER_DATABASE = 4,
	ISSUER_NOTED_AT = 5,
	ISSUER_COLUMNS = 5
};

/* What the rows say of the place that we are in. */
typedef enum Place
{
	PLACE_UNKNOWN,				/* no row, or those of a database that is beside this one */
	PLACE_MOVED,				/* the rows came here, and this is not noted yet */
	PLACE_NOTED					/* a row of this cluster and database */
} Place;

/* One row. */
typedef struct Noted
{
	int32		number;
	pg_uuid_t	id;
	uint64		system;
	Oid			database;
	bool		is_committed;
} Noted;

/* The issuer of this place, as others have committed it. */
static struct
{
	uint64		generation;		/* 0: nothing is remembered */
	Place		place;
	char		text[ISSUER_SIZE];
}			remembered;

/* The id as a URI, as RFC 7519 §2 and PostgREST 12 want it: a scheme has no underscore. */
static void
WriteIssuer(const pg_uuid_t *id, char out[ISSUER_SIZE])
{
	char	   *text = DatumGetCString(DirectFunctionCall1(uuid_out, UUIDPGetDatum(id)));

	snprintf(out, ISSUER_SIZE, ISSUER_PREFIX "%s", text);
	pfree(text);
}

/* The rows that there are: few, one for each move.  None where the extension is not. */
static List *
ReadRows(void)
{
	Oid			namespace = get_namespace_oid("auth", true);
	Oid			relation = OidIsValid(namespace) ? get_relname_relid("issuers", namespace) : InvalidOid;
	List	   *rows = NIL;
	Relation	table;
	SysScanDesc scan;
	HeapTuple	tuple;

	/* without the extension the table may be anybody's */
	if (!OidIsValid(relation) || !OidIsValid(get_extension_oid("intrex_auth", true)))
		return NIL;
	table = table_open(relation, AccessShareLock);

	/*
	 * with a snapshot of its own, so that an issuer noted meanwhile counts at REPEATABLE
	 * READ
	 */
	scan = systable_beginscan(table, InvalidOid, false, NULL, 0, NULL);
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Noted	   *row = palloc(sizeof(Noted));
		bool		isnull;		/* no column is */

		row->number = DatumGetInt32(heap_getattr(tuple, ISSUER_NUMBER, RelationGetDescr(table), &isnull));
		row->id = *DatumGetUUIDP(heap_getattr(tuple, ISSUER_ID, RelationGetDescr(table), &isnull));
		row->system = (uint64) DatumGetInt64(heap_getattr(tuple, ISSUER_SYSTEM, RelationGetDescr(table), &isnull));
		row->database = DatumGetObjectId(heap_getattr(tuple, ISSUER_DATABASE, RelationGetDescr(table), &isnull));
		row->is_committed = !TransactionIdIsCurrentTransactionId(HeapTupleHeaderGetXmin(tuple->t_data));
		rows = lappend(rows, row);
	}
	systable_endscan(scan);
	table_close(table, AccessShareLock);
	return rows;
}

/* Is it noted for another database of this cluster that is still there? */
static bool
IsBeside(const Noted *row)
{
	return row->system == GetSystemIdentifier() && row->database != MyDatabaseId &&
		SearchSysCacheExists1(DATABASEOID, ObjectIdGetDatum(row->database));
}

/* Find where we are, and the row whose issuer is ours there. */
static Place
FindPlace(const Noted **found)
{
	List	   *rows = ReadRows();
	const Noted *newest = NULL;
	ListCell   *cell;

	*found = NULL;
	foreach(cell, rows)
	{
		const Noted *row = lfirst(cell);

		if (row->system == GetSystemIdentifier() && row->database == MyDatabaseId)
		{
			*found = row;
			return PLACE_NOTED;
		}
		if (newest == NULL || row->number > newest->number)
			newest = row;
	}
	if (newest == NULL)
		return PLACE_UNKNOWN;

	/* another that has this id: we are its copy */
	foreach(cell, rows)
	{
		const Noted *row = lfirst(cell);

		if (memcmp(&row->id, &newest->id, UUID_LEN) == 0 && IsBeside(row))
			return PLACE_UNKNOWN;
	}
	*found = newest;
	return PLACE_MOVED;
}

/*
 * Find the issuer of this place; PLACE_UNKNOWN when it has none.  What is remembered
 * is what a look found that read nothing of this transaction; that a database has
 * none is looked at each time.
 */
static Place
Look(const char **issuer)
{
	/* before the look, so that what is changed during it is not kept as if it were new */
	uint64		generation = AnnounceGeneration(CHANGE_OF_ISSUER);
	static char uncommitted[ISSUER_SIZE];
	const Noted *row;
	Place		place;

	*issuer = remembered.text;
	if (likely(remembered.generation == generation))
		return remembered.place;
	*issuer = NULL;
	place = FindPlace(&row);
	if (place == PLACE_UNKNOWN)
		return place;
	if (!row->is_committed)
	{
		WriteIssuer(&row->id, uncommitted);
		*issuer = uncommitted;
		return place;
	}
	WriteIssuer(&row->id, remembered.text);
	remembered.place = place;
	remembered.generation = generation;
	*issuer = remembered.text;
	return place;
}

/* Write the row of this place, with an id. */
static void
WriteRow(Relation table, const pg_uuid_t *id, bool for_good)
{
	List	   *rows = ReadRows();
	int32		last = 0;
	ListCell   *cell;
	Datum		values[ISSUER_COLUMNS];

	foreach(cell, rows)
		last = Max(last, ((const Noted *) lfirst(cell))->number);
	values[ISSUER_NUMBER - 1] = Int32GetDatum(last + 1);
	values[ISSUER_ID - 1] = UUIDPGetDatum(id);
	values[ISSUER_SYSTEM - 1] = Int64GetDatum((int64) GetSystemIdentifier());
	values[ISSUER_DATABASE - 1] = ObjectIdGetDatum(MyDatabaseId);
	values[ISSUER_NOTED_AT - 1] = TimestampTzGetDatum(GetCurrentTimestamp());
	if (for_good)
		LastingRowWrite(table, values, ISSUER_COLUMNS);
	else
		(void) RowWrite(table, values, ISSUER_COLUMNS);
}

/*
 * Note the issuer of this place, unless another has: the one that came here, or a new
 * one.  Two at once wait for each other no longer than the row takes to be written.
 * The lock keeps out changes by statements, which could be rolled back.  Where this
 * transaction has made one itself, the row is one of its own and goes with it.
 */
static void
NotePlace(void)
{
	Relation	table = table_open(get_relname_relid("issuers", get_namespace_oid("auth", false)), AccessShareLock);
	bool		for_good = !CheckRelationLockedByMe(table, RowExclusiveLock, true);
	const Noted *row;
	Place		place;

	if (for_good)
		LockRelation(table, ShareRowExclusiveLock);
	place = FindPlace(&row);
	if (place != PLACE_NOTED)
	{
		WriteRow(table, place == PLACE_MOVED ? &row->id : DatumGetUUIDP(DirectFunctionCall1(gen_random_uuid, (Datum) 0)),
				 for_good);
		AnnounceChange(CHANGE_OF_ISSUER);
		CommandCounterIncrement();
	}
	if (for_good)
		UnlockRelation(table, ShareRowExclusiveLock);
	table_close(table, AccessShareLock);
	/* that it was not noted yet */
	remembered.generation = 0;
}

/* The iss that a token of ours has, or NULL: this database has issued none. */
const char *
IssuerAccepted(void)
{
	const char *issuer;

	if (setting_issuer[0] != '\0')
		return setting_issuer;
	(void) Look(&issuer);
	return issuer;
}

/* The iss to sign with; noted if need be. */
const char *
IssuerForSigning(void)
{
	const char *issuer;
	Place		place;
	bool		can_write = !XactReadOnly && !IsInParallelMode();

	if (setting_issuer[0] != '\0')
		return setting_issuer;
	place = Look(&issuer);
	if (likely(place == PLACE_NOTED) || (place == PLACE_MOVED && !can_write))
		return issuer;
	if (!can_write)
		ereport(ERROR,
				(errcode(ERRCODE_READ_ONLY_SQL_TRANSACTION),
				 errmsg("this database has not issued a token yet"),
				 errdetail("The first one notes the issuer of all others in auth.issuers."),
				 errhint("Issue one in a transaction that can write, or set intrex_auth.issuer.")));

	NotePlace();
	if (Look(&issuer) != PLACE_NOTED)
		ereport(ERROR,
				(errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
				 errmsg("the issuer of this database changed meanwhile"),
				 errhint("Try again.")));
	return issuer;
}

/* SQL function: auth._issuer() returns text: iss of the tokens that are signed now */
Datum
intrex_auth_issuer(PG_FUNCTION_ARGS)
{
	PG_RETURN_TEXT_P(cstring_to_text(IssuerForSigning()));
}

/*
 * SQL function: auth._issuer_changed() returns trigger
 *
 * On auth.issuers: what backends remember is looked at again.
 */
Datum
intrex_auth_issuer_changed(PG_FUNCTION_ARGS)
{
	if (!CALLED_AS_TRIGGER(fcinfo))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("auth._issuer_changed() is a trigger function")));
	AnnounceChange(CHANGE_OF_ISSUER);
	PG_RETURN_POINTER(NULL);
}
