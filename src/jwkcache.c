/*
 * src/jwkcache.c: keys that callers give as jsonb, parsed once and kept.
 *
 * Depends on the core.  Reading an RSA key takes longer than verifying with it, so
 * each backend keeps the few sets that it used last, by the very bytes of the
 * jsonb.  They are kept outside of memory contexts, because core owns what it
 * allocates, and are wiped when they make room.
 */
#include "postgres.h"

#include "access/detoast.h"
#include "common/hashfn.h"
#include "utils/jsonb.h"

#include "jwkcache.h"
#include "report.h"

#include "core/mem.h"

/* Sets that are kept, and bytes of jsonb that they may have in all. */
#define KEPT_MAX 16
#define KEPT_MAX_BYTES (512 * 1024)

/* jsonb spends more on a member than its text does, but not twice as much. */
#define JSONB_MAX_BYTES (2 * JWKSET_MAX_BYTES)

/* A set that was parsed. */
typedef struct Kept
{
	uint64		hash;
	int			flags;
	char	   *bytes;			/* of the jsonb; NULL: nothing is kept here */
	size_t		length;
	JwkSet	   *set;
	uint64		used;			/* when, by the count of calls */
} Kept;

static Kept kept[KEPT_MAX];
static size_t kept_bytes = 0;
static uint64 calls = 0;

/* Forget a set and wipe its keys, the text that they were read from included. */
static void
Forget(Kept *entry)
{
	if (entry->bytes == NULL)
		return;
	kept_bytes -= entry->length;
	SecureFree(entry->bytes, entry->length);
	JwkSetFree(entry->set);
	memset(entry, 0, sizeof(*entry));
}

/* A place for a set of so many bytes: a free one, or that of what was not used for longest. */
static Kept *
MakeRoom(size_t length)
{
	for (;;)
	{
		Kept	   *oldest = &kept[0];
		Kept	   *empty = NULL;

		for (int i = 0; i < KEPT_MAX; i++)
		{
			if (kept[i].bytes == NULL)
				empty = &kept[i];
			else if (oldest->bytes == NULL || kept[i].used < oldest->used)
				oldest = &kept[i];
		}
		if (empty != NULL && (oldest->bytes == NULL || kept_bytes + length <= KEPT_MAX_BYTES))
			return empty;
		Forget(oldest);
	}
}

/* The kept set of these bytes; the hash only spares comparing most others. */
static Kept *
Find(uint64 hash, int flags, const char *bytes, size_t length)
{
	for (int i = 0; i < KEPT_MAX; i++)
	{
		Kept	   *entry = &kept[i];

		if (entry->bytes != NULL && entry->hash == hash && entry->flags == flags &&
			entry->length == length && memcmp(entry->bytes, bytes, length) == 0)
			return entry;
	}
	return NULL;
}

/* Refuse what is too large before it is written out as text. */
static Status
CheckSize(Jsonb *jsonb)
{
	JsonbValue	keys;

	if (VARSIZE(jsonb) > JSONB_MAX_BYTES)
		return STATUS_JSON_SIZE;
	if (!JB_ROOT_IS_OBJECT(jsonb))
		return STATUS_KEY_FORMAT;
	if (getKeyJsonValueFromContainer(&jsonb->root, "keys", 4, &keys) != NULL &&
		keys.type == jbvBinary && JsonContainerIsArray(keys.val.binary.data) &&
		JsonContainerSize(keys.val.binary.data) > JWKSET_MAX_KEYS)
		return STATUS_JSON_SIZE;
	return STATUS_OK;
}

/* Parse a jsonb, and keep it with its set. */
static Status
Keep(Jsonb *jsonb, uint64 hash, int flags, const JwkSet **out)
{
	size_t		length = VARSIZE(jsonb);
	StringInfoData text;
	JwkSet	   *set;
	char	   *bytes;
	Kept	   *entry;
	Status		status;

	status = CheckSize(jsonb);
	if (status != STATUS_OK)
		return status;
	initStringInfo(&text);
	(void) JsonbToCString(&text, &jsonb->root, (int) length);
	status = JwkSetParse(text.data, (size_t) text.len, flags, &set);
	SecureWipe(text.data, (size_t) text.len);
	pfree(text.data);
	if (status != STATUS_OK)
		return status;

	bytes = malloc(length);
	if (bytes == NULL)
	{
		JwkSetFree(set);
		return STATUS_MEMORY;
	}
	memcpy(bytes, jsonb, length);
	entry = MakeRoom(length);
	entry->hash = hash;
	entry->flags = flags;
	entry->bytes = bytes;
	entry->length = length;
	entry->set = set;
	entry->used = ++calls;
	kept_bytes += length;
	*out = set;
	return STATUS_OK;
}

/* The parsed set of a jsonb argument. */
const JwkSet *
JwkCacheGet(Datum jwks, int flags, const char *what)
{
	Jsonb	   *jsonb;
	uint64		hash;
	Kept	   *entry;
	const JwkSet *set = NULL;
	Status		status = STATUS_OK;

	/* not even decompressed */
	if (toast_raw_datum_size(jwks) > JSONB_MAX_BYTES)
		ReportCoreError(STATUS_JSON_SIZE, what);
	jsonb = DatumGetJsonbP(jwks);
	hash = hash_bytes_extended((const unsigned char *) jsonb, (int) VARSIZE(jsonb), 0);
	entry = Find(hash, flags, (const char *) jsonb, VARSIZE(jsonb));
	if (entry != NULL)
	{
		entry->used = ++calls;
		set = entry->set;
	}
	else
		status = Keep(jsonb, hash, flags, &set);
	if ((Pointer) jsonb != DatumGetPointer(jwks))
	{
		SecureWipe(VARDATA(jsonb), VARSIZE(jsonb) - VARHDRSZ);
		pfree(jsonb);
	}
	/* the hint for this one is about the ring */
	if (status == STATUS_KEY_NONE)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("invalid %s", what),
				 errdetail("It has no key. (%s)", StatusCode(status))));
	if (status != STATUS_OK)
		ReportCoreError(status, what);
	return set;
}
