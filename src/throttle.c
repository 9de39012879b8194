/*
 * src/throttle.c: limits on guesses, counted in a way that nothing takes back.
 *
 * Depends on the books of attempts.c, and on the key ring for the keys of the
 * counters.  A guess is counted before it is checked.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "address.h"
#include "attempts.h"
#include "compat.h"
#include "keyring.h"
#include "keys.h"
#include "locks.h"
#include "logguard.h"
#include "report.h"
#include "settings.h"

#include "core/hmac.h"
#include "core/mem.h"

SQL_FUNCTION(intrex_auth_throttle);
SQL_FUNCTION(intrex_auth_throttle_reset);

#define WINDOW_SECONDS 60
#define CLOSED (-1)

/* The key that makes counters out of identifiers and addresses. */
static HmacKey *counter_key = NULL;
static uint64 counter_key_generation;

/*
 * Derive the key again when the ring has changed: from the oldest derivation
 * key, so that a rotation does not open what was closed.  When that one is
 * retired, all counters begin anew.
 */
static void
RefreshCounterKey(void)
{
	uint8		derived[32];
	HmacKey    *fresh;
	Status		status;

	(void) KeyringGet(false);
	if (counter_key != NULL && counter_key_generation == KeyringGeneration())
		return;
	KeysNote();
	KeyringDeriveOldest("intrex_auth throttle v1", derived);
	status = HmacKeyNew(HASH_SHA256, derived, sizeof(derived), &fresh);
	SecureWipe(derived, sizeof(derived));
	if (status != STATUS_OK)
		ReportCoreError(status, "throttle key");
	HmacKeyFree(counter_key);
	counter_key = fresh;
	counter_key_generation = KeyringGeneration();
}

/*
 * The counter of an identifier ('i') or address ('a'): 64 bits of an HMAC, so
 * that the tables show nobody's address, and nobody without the key ring can
 * choose two identifiers that share a counter.
 */
static int64
CounterKey(char kind, const void *data, size_t length)
{
	char	   *named = palloc(length + 1);
	uint8		mac[HASH_MAX_BYTES];
	int64		key;
	Status		status;

	named[0] = kind;
	memcpy(named + 1, data, length);
	RefreshCounterKey();
	status = HmacCompute(counter_key, named, length + 1, mac);
	if (status != STATUS_OK)
		ReportCoreError(status, "identifier");
	memcpy(&key, mac, sizeof(key));
	pfree(named);
	return key;
}

/*
 * The counter of an address.  The holder of an IPv6 address has at least the 64
 * bits below its network's, so all of a /64 is one.
 */
static int64
AddressKey(const ClientAddress *address)
{
	return CounterKey('a', address->bytes, Min(address->length, 8));
}

/* Hold, for the rest of this call, what counts against a key. */
static void
LockKey(LOCKTAG *tag, int64 key)
{
	SET_LOCKTAG_ADVISORY(*tag, MyDatabaseId, (uint32) ((uint64) key >> 32), (uint32) key,
						 LOCK_CLASS_THROTTLE);
	(void) LockAcquire(tag, ExclusiveLock, false, false);
}

/* Seconds until there is room again under a limit; 0 when there is. */
static int
SecondsToWait(const Recent *recent, int limit, TimestampTz now)
{
	int64		left;

	if (recent->count < limit)
		return 0;
	left = recent->oldest + WINDOW_SECONDS * USECS_PER_SEC - now;
	left = (left + USECS_PER_SEC - 1) / USECS_PER_SEC;
	return (int) Max(1, Min(left, WINDOW_SECONDS));
}

/* Judge an attempt, and write it down if it may go on. */
static int
Attempt(const Books *books, int64 identifier, int64 address, bool limit_address)
{
	TimestampTz now = GetCurrentTimestamp();
	TimestampTz window = now - WINDOW_SECONDS * USECS_PER_SEC;
	History		history;
	Recent		recent_address = {0};
	int			wait;

	BooksReadHistory(books, identifier, address, window, &history);
	if (history.failures >= setting_login_max_failures)
		return CLOSED;
	if (limit_address)
		BooksReadAddress(books, address, window, &recent_address);

	wait = SecondsToWait(&history.recent_here, setting_login_limit_pair, now);
	wait = Max(wait, SecondsToWait(&history.recent, setting_login_limit_identifier, now));
	wait = Max(wait, SecondsToWait(&recent_address, setting_login_limit_address, now));
	if (wait > 0)
		return wait;

	/* behind the last reset, or it would not count (a clock set back) */
	if (now <= history.since)
		now = history.since + 1;
	BooksAddAttempt(books, now, identifier, address);
	return 0;
}

/* The identifier, which must be there: without one nothing could be counted. */
static int64
IdentifierArgument(FunctionCallInfo fcinfo)
{
	text	   *identifier;

	if (PG_ARGISNULL(0))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("identifier must not be null")));
	identifier = PG_GETARG_TEXT_PP(0);
	return CounterKey('i', VARDATA_ANY(identifier), VARSIZE_ANY_EXHDR(identifier));
}

/*
 * SQL function: auth._throttle(identifier text) returns integer
 *
 * The locks make reading and writing one step, so that of any number of
 * concurrent calls exactly as many pass as the limits allow.  They are of
 * microseconds; always the identifier's first, so no two calls can deadlock.
 */
Datum
intrex_auth_throttle(PG_FUNCTION_ARGS)
{
	int64		identifier;
	int64		address;
	ClientAddress client;
	bool		limit_address;
	Books		books;
	LOCKTAG		identifier_lock;
	LOCKTAG		address_lock;
	int			result;

	LogGuardMark();
	identifier = IdentifierArgument(fcinfo);
	ClientAddressGet(&client);
	address = AddressKey(&client);

	/*
	 * All Unix-socket connections are one unknown address.  It has a limit
	 * only where proxies should have named the client: then it stands for
	 * requests with a header that cannot be used.
	 */
	limit_address = client.length > 0 || setting_trusted_proxies > 0;

	BooksOpen(&books, "auth._throttle()");
	LockKey(&identifier_lock, identifier);
	LockKey(&address_lock, address);
	BooksLook(&books);
	result = Attempt(&books, identifier, address, limit_address);
	LockRelease(&address_lock, ExclusiveLock, false);
	LockRelease(&identifier_lock, ExclusiveLock, false);
	BooksClose(&books);
	PG_RETURN_INT32(result);
}

/*
 * SQL function: auth._throttle_reset(identifier text) returns void
 *
 * Begins a new count of failures.  An ordinary row: a reset that is rolled back
 * is none.  Rows are only added, so no login waits for another or fails with
 * 40001; auth._throttle_cleanup() removes those that are superseded.
 */
Datum
intrex_auth_throttle_reset(PG_FUNCTION_ARGS)
{
	int64		identifier;
	Books		books;
	History		history;

	LogGuardMark();
	identifier = IdentifierArgument(fcinfo);
	BooksOpen(&books, "auth._throttle_reset()");
	BooksLook(&books);
	BooksReadHistory(&books, identifier, 0, DT_NOEND, &history);
	if (history.failures > 0)
		BooksAddReset(&books, identifier, Max(GetCurrentTimestamp(), history.last));
	BooksClose(&books);
	PG_RETURN_VOID();
}
