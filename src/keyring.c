/*
 * src/keyring.c: the key file in this backend's memory; the only owner of key bytes.
 *
 * Depends on keyfile.c and the core.  Loading throws nothing, since a GUC check
 * hook asks for keys.  No signal is needed when the file is replaced: each
 * backend looks at it at most once a second, and at once for an unknown kid.
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

/* Note why there is no ring. */
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
	NoteProblem(ring ? KEYRING_FINE : KEYRING_MALFORMED, status);
	ereport(LOG_SERVER_ONLY,
			(errmsg("the key file \"%s\" is malformed: %s", KeyringPath(), StatusText(status)),
			 ring ? errdetail("The keys loaded before stay in use.") : 0,
			 errhint("Restore the file from its backup."),
			 errhidestmt(true), errhidecontext(true)));
}

/* Look at the file, and load it if it is another version than before. */
static void
LookAtFile(void)
{
	const char *path = KeyringPath();
	char	   *text;
	size_t		length;
	JwkSet	   *set;
	Status		status;

	/* another path (after a reload of the configuration) is another file */
	if (ring_path == NULL || strcmp(ring_path, path) != 0)
	{
		free(ring_path);
		ring_path = strdup(path);
		memset(&ring_stamp, 0, sizeof(ring_stamp));
	}

	switch (KeyFileRead(path, &ring_stamp, &text, &length))
	{
		case KEYFILE_UNCHANGED:
			return;
		case KEYFILE_READ:
			status = JwkSetParse(text, length, JWKSET_RING, &set);
			SecureFree(text, length + 1);
			if (status == STATUS_OK)
				status = AdoptRing(set);
			if (status == STATUS_OK)
				NoteProblem(KEYRING_FINE, STATUS_OK);
			else
				RefuseReplacement(status);
			return;
		case KEYFILE_TOO_LARGE:
			RefuseReplacement(STATUS_JSON_SIZE);
			return;

			/*
			 * Without its file, or with a file that others can read, the ring
			 * is closed: the first is how an operator withdraws the keys, the
			 * second means that they may be known.
			 */
		case KEYFILE_MISSING:
			NoteProblem(KEYRING_MISSING, STATUS_OK);
			break;
		case KEYFILE_EXPOSED:
			NoteProblem(KEYRING_EXPOSED, STATUS_OK);
			break;
		case KEYFILE_FAILED:
			NoteProblem(KEYRING_UNREADABLE, STATUS_OK);
			break;
	}
	if (ring_problem != KEYRING_EXPOSED)
		memset(&ring_stamp, 0, sizeof(ring_stamp));
	DropRing();
}

/* The ring, or NULL. */
const JwkSet *
KeyringGet(bool look_now)
{
	int64		now = CoarseClock();

	if (look_now || now >= next_look)
	{
		next_look = now + LOOK_INTERVAL_NS;
		LookAtFile();
	}
	return ring;
}

/* Grows each time the keys change. */
uint64
KeyringGeneration(void)
{
	return ring_generation;
}

/* Why there is no ring. */
KeyringProblem
KeyringGetProblem(Status *status, int *saved_errno)
{
	*status = ring_status;
	*saved_errno = ring_errno;
	return ring_problem;
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

/* A key for one purpose, derived from the ring's derivation key. */
void
KeyringDerive(const char *purpose, uint8 out[32])
{
	const Jwk  *key = KeyringCurrent(KEY_DERIVE);
	Status		status;

	status = HkdfSha256(key->secret, key->secret_length, NULL, 0,
						purpose, strlen(purpose), out, 32);
	if (status != STATUS_OK)
		ReportCoreError(status, "key derivation");
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
