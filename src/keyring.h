/*
 * src/keyring.h: the key file in this backend's memory; the only owner of key bytes.
 *
 * KeyringGet() never throws, so that a GUC check hook may call it: it returns
 * NULL when there is no usable ring, and ReportKeyringError() then says why.
 */
#ifndef KEYRING_H
#define KEYRING_H

#include "postgres.h"

#include "core/aead.h"
#include "core/jwk.h"

/*
 * The ring: looks at the file at most once a second (at once with look_now),
 * reloads it when it was replaced.  NULL when there is none.  The pointer is
 * good until the next call.
 */
extern const JwkSet *KeyringGet(bool look_now);

/* Grows each time another ring is loaded; 0 before the first. */
extern uint64 KeyringGeneration(void);

/* The key of a kid, looking at the file once more when it is unknown; NULL if none. */
extern const Jwk *KeyringFind(const char *kid, size_t length);

/* The current key of a use; reports an error (never NULL). */
extern const Jwk *KeyringCurrent(KeyUse use);

/*
 * The current sealing key after a look at the file, for sealing values anew;
 * reports an error (never NULL).
 */
extern const Jwk *KeyringSealing(void);

/*
 * 32 bytes derived by HKDF from the ring's derivation key for a purpose, such
 * as "intrex_auth throttle v1"; reports an error when there is no ring.
 * The caller wipes them.
 */
extern void KeyringDerive(const char *purpose, uint8 out[32]);

/*
 * The same from the oldest derivation key that is not retired, which a rotation
 * leaves as it is.  For names of things that must be found again, such as
 * counters.
 */
extern void KeyringDeriveOldest(const char *purpose, uint8 out[32]);

/* The kept AES contexts of a sealing key; reports an error. */
extern AeadKey *KeyringAead(const Jwk *key);

/* What the last look at the file found; unless it closed the ring, a loaded one stays. */
typedef enum KeyringProblem
{
	KEYRING_FINE,
	KEYRING_MISSING,
	KEYRING_UNREADABLE,
	KEYRING_EXPOSED,			/* readable or writable by others, or owned by another
								 * user */
	KEYRING_MALFORMED
} KeyringProblem;

extern KeyringProblem KeyringGetProblem(Status *status, int *saved_errno);

/* Is the loaded ring that of the file, as far as the last look went? */
extern bool KeyringIsFine(void);

/* Absolute path of the key file. */
extern const char *KeyringPath(void);

#endif							/* KEYRING_H */
