/*
 * src/keyring.c: the key file in this backend's memory; the only owner of key bytes.
 *
 * Depends on keyfile.c and the core.  Loading throws nothing, since a GUC check
 * hook asks for keys.  No signal is needed when the file is replaced: each
 * backend looks at it at most once a second, and at once for an unknown kid.
 * So a backend may sign or seal with a former key for a second; the former key
 * still verifies and opens, and is not deleted so soon (sql/33_key_life.sql).
 * Whoever seals values anew wants the truth: KeyringSealing() looks each time.
 */
#include "postgres.h"

#include <time.h>

#include "miscadmin.h"

#include "keyfile.h"
#include "keyring.h"
#include "report.h"
#include "settings.h"

#include "core/hmac.h"
#include "core/mem.h"

#define LOOK_INTERVAL_NS INT64CONST(1000000000)

/*
 * How long the loaded keys stay in use when their file is gone or cannot be
 * read: it may be on its way back, by an editor or a copy that does not replace
 * it in one step, or files are scarce for a moment.
 */
#define ABSENCE_NS INT64CONST(5000000000)

/* The loaded ring; aead holds the kept AES contexts, key by key. */
static JwkSet *ring = NULL;
static AeadKey **ring_aead = NULL;
static uint64 ring_generation = 0;

/* The version of the file that was looked at last, and what came of it. */
static FileStamp ring_stamp;
static char *ring_path = NULL;
static KeyringProblem ring_problem = KEYRING_MISSING;
static Status ring_status = STATUS_OK;
static int	ring_errno = 0;
static int64 next_look = 0;
static int64 absent_since = 0;	/* 0: it is there */

/*
 * The text that was read last and what came of it.  A file just replaced is read
 * again until its times tell it from a later version; so is one that was
 * touched.  The same text is not another ring.
 */
static uint8 last_digest[32];
static bool last_known = false;
static Status last_status = STATUS_OK;

/* A clock that no one sets back, cheap enough to ask at each verification. */
static int64
CoarseClock(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
	return (int64) now.tv_sec * INT64CONST(1000000000) + now.tv_nsec;
}

/* Absolute path of the key file, in a buffer of ours. */
const char *
KeyringPath(void)
{
	static char path[MAXPGPATH];

	if (is_absolute_path(setting_key_file))
		strlcpy(path, setting_key_file, sizeof(path));
	else
		snprintf(path, sizeof(path), "%s/%s", DataDir ? DataDir : ".", setting_key_file);
	return path;
}

/* Forget the ring and wipe its keys. */
static void
DropRing(void)
{
	if (ring == NULL)
		return;
	for (size_t i = 0; i < ring->count; i++)
		AeadKeyFree(ring_aead[i]);
	free(ring_aead);
	ring_aead = NULL;
	JwkSetFree(ring);
	ring = NULL;
	ring_generation++;
}

/* Put a parsed ring in the place of the loaded one. */
static Status
AdoptRing(JwkSet *set)
{
	AeadKey   **aead = calloc(set->count, sizeof(AeadKey *));

	if (aead == NULL)
	{
		JwkSetFree(set);
		return STATUS_MEMORY;
	}
	DropRing();
	ring = set;
	ring_aead = aead;
	ring_generation++;
	return STATUS_OK;
}

/* Note what came of a look at the file. */
static void
NoteProblem(KeyringProblem problem, Status status)
{
	ring_problem = problem;
	ring_status = status;
	ring_errno = errno;
}

/*
 * The file holds no ring.  One that is loaded stays: half-written and mistyped
 * files must not stop a running system.
 */
static void
RefuseReplacement(Status status)
{
	NoteProblem(KEYRING_MALFORMED, status);
	ereport(LOG_SERVER_ONLY,
			(errmsg("the key file \"%s\" is malformed: %s", KeyringPath(), StatusText(status)),
			 ring ? errdetail("The keys loaded before stay in use.") : 0,
			 errhint("Restore the file from its backup."),
			 errhidestmt(true), errhidecontext(true)));
}

/* Make a text the ring, unless it was judged before. */
static void
JudgeText(const char *text, size_t length)
{
	uint8		digest[32];
	JwkSet	   *set;
	Status		status = Sha256(text, length, digest);

	if (status == STATUS_OK && last_known && memcmp(digest, last_digest, sizeof(digest)) == 0)
	{
		NoteProblem(last_status == STATUS_OK ? KEYRING_FINE : KEYRING_MALFORMED, last_status);
		return;
	}
	if (status == STATUS_OK)
		status = JwkSetParse(text, length, JWKSET_RING, &set);
	if (status == STATUS_OK)
		status = AdoptRing(set);
	last_known = status != STATUS_MEMORY && status != STATUS_CRYPTO;
	if (last_known)
		memcpy(last_digest, digest, sizeof(digest));
	else
		memset(&ring_stamp, 0, sizeof(ring_stamp)); /* our fault: try again */
	last_status = status;
	if (status == STATUS_OK)
		NoteProblem(KEYRING_FINE, STATUS_OK);
	else
		RefuseReplacement(status);
}

/* Close the ring: what comes next is judged anew. */
static void
CloseRing(void)
{
	DropRing();
	last_known = false;
	absent_since = 0;
}

/*
 * There is no file, or it cannot be read.  To take the keys away is how an
 * operator withdraws them, so the ring closes, but not at once.
 */
static void
NoteAbsence(KeyringProblem problem, int64 now)
{
	NoteProblem(problem, STATUS_OK);
	memset(&ring_stamp, 0, sizeof(ring_stamp));
	if (ring == NULL)
		return;
	if (absent_since != 0)
	{
		if (now - absent_since >= ABSENCE_NS)
			CloseRing();
		return;
	}
	absent_since = now;
	ereport(LOG_SERVER_ONLY,
			(errmsg("the key file \"%s\" is missing or cannot be read", KeyringPath()),
			 errdetail("The keys loaded before stay in use for 5 seconds."),
			 errhidestmt(true), errhidecontext(true)));
}

/* Look at the file, and load it if it is another version than before. */
static void
LookAtFile(int64 now)
{
	const char *path = KeyringPath();
	char	   *text;
	size_t		length;
	KeyFileOutcome outcome;

	/* another path (after a reload of the configuration) is another file */
	if (ring_path == NULL || strcmp(ring_path, path) != 0)
	{
		free(ring_path);
		ring_path = strdup(path);
		memset(&ring_stamp, 0, sizeof(ring_stamp));
	}

	outcome = KeyFileRead(path, &ring_stamp, &text, &length);
	if (outcome == KEYFILE_MISSING || outcome == KEYFILE_FAILED)
	{
		NoteAbsence(outcome == KEYFILE_MISSING ? KEYRING_MISSING : KEYRING_UNREADABLE, now);
		return;
	}
	absent_since = 0;
	switch (outcome)
	{
		case KEYFILE_READ:
			JudgeText(text, length);
			SecureFree(text, length + 1);
			break;
		case KEYFILE_TOO_LARGE:
			/* said once, although a new file is looked at more often */
			if (ring_problem != KEYRING_MALFORMED || ring_status != STATUS_JSON_SIZE)
				RefuseReplacement(STATUS_JSON_SIZE);
			last_known = false;
			break;
		case KEYFILE_EXPOSED:
			/* others may know the keys */
			NoteProblem(KEYRING_EXPOSED, STATUS_OK);
			CloseRing();
			break;
		default:
			break;
	}
}

/* The ring, or NULL. */
const JwkSet *
KeyringGet(bool look_now)
{
	int64		now = CoarseClock();

	if (look_now || now >= next_look)
	{
		next_look = now + LOOK_INTERVAL_NS;
		LookAtFile(now);
	}
	return ring;
}

/* Grows each time the keys change. */
uint64
KeyringGeneration(void)
{
	return ring_generation;
}

/* What is wrong with the file, also while a ring is loaded. */
KeyringProblem
KeyringGetProblem(Status *status, int *saved_errno)
{
	*status = ring_status;
	*saved_errno = ring_errno;
	return ring_problem;
}

/* Is the loaded ring that of the file? */
bool
KeyringIsFine(void)
{
	return ring_problem == KEYRING_FINE;
}

/* The key of a kid; an unknown one is reason to look at the file once more. */
const Jwk *
KeyringFind(const char *kid, size_t length)
{
	const JwkSet *set = KeyringGet(false);
	const Jwk  *key = set ? JwkSetFind(set, kid, length) : NULL;

	if (key != NULL)
		return key;
	set = KeyringGet(true);
	return set ? JwkSetFind(set, kid, length) : NULL;
}

/* The current key of a use. */
const Jwk *
KeyringCurrent(KeyUse use)
{
	const JwkSet *set = KeyringGet(false);
	const Jwk  *key;

	if (set == NULL)
		ReportKeyringError();
	key = JwkSetCurrent(set, use);
	if (key == NULL)
		ReportCoreError(STATUS_KEY_NONE, "key file");
	return key;
}

/* The key that seals, by the file as it is at this moment. */
const Jwk *
KeyringSealing(void)
{
	(void) KeyringGet(true);
	return KeyringCurrent(KEY_SEAL);
}

/* Derive from one key. */
static void
DeriveFrom(const Jwk *key, const char *purpose, uint8 out[32])
{
	Status		status;

	status = HkdfSha256(key->secret, key->secret_length, NULL, 0,
						purpose, strlen(purpose), out, 32);
	if (status != STATUS_OK)
		ReportCoreError(status, "key derivation");
}

/* A key for one purpose, derived from the ring's derivation key. */
void
KeyringDerive(const char *purpose, uint8 out[32])
{
	DeriveFrom(KeyringCurrent(KEY_DERIVE), purpose, out);
}

/* The same from the oldest derivation key that is not retired. */
void
KeyringDeriveOldest(const char *purpose, uint8 out[32])
{
	const Jwk  *oldest = KeyringCurrent(KEY_DERIVE);

	for (size_t i = ring->count; i-- > 0;)
	{
		const Jwk  *key = &ring->keys[i];

		if (key->alg->use == KEY_DERIVE && key->state != KEY_RETIRED)
			oldest = key;
	}
	DeriveFrom(oldest, purpose, out);
}

/* The kept AES contexts of a sealing key. */
AeadKey *
KeyringAead(const Jwk *key)
{
	size_t		i = (size_t) (key - ring->keys);
	Status		status;

	if (ring_aead[i] == NULL)
	{
		status = AeadKeyNew(key->secret, &ring_aead[i]);
		if (status != STATUS_OK)
			ReportCoreError(status, "sealing key");
	}
	return ring_aead[i];
}
