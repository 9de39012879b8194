/*
 * test/unit/keys.h: texts of keys that several tests share.
 *
 * Depends on nothing.
 */
#ifndef KEYS_H
#define KEYS_H

/* Bytes 0, 1, 2, … in base64url. */
#define K30 "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwd"
#define K32 K30 "Hh8"
#define K33 K30 "Hh8g"
#define K48 K33 "ISIjJCUmJygpKissLS4v"
#define K64 K48 "MDEyMzQ1Njc4OTo7PD0-Pw"

/* A key of 32 bytes with these members before kid and state. */
#define OCT_KEY(members, kid, state) \
	"{\"kty\":\"oct\"," members ",\"kid\":\"" kid "\",\"state\":\"" state "\",\"k\":\"" K32 "\"}"

#define SIGN_MEMBERS "\"use\":\"sig\",\"alg\":\"HS256\",\"since\":1700000000"
#define SEAL_MEMBERS "\"use\":\"enc\",\"alg\":\"A256GCM\""
#define DERIVE_MEMBERS "\"key_ops\":[\"deriveBits\"],\"alg\":\"HKDF-SHA256\""

#define SIGN(kid, state) OCT_KEY(SIGN_MEMBERS, kid, state)
#define SEAL(kid, state) OCT_KEY(SEAL_MEMBERS, kid, state)
#define DERIVE(kid, state) OCT_KEY(DERIVE_MEMBERS, kid, state)
#define SET(keys) "{\"keys\":[" keys "]}"
#define OTHERS "," SEAL("e", "current") "," DERIVE("d", "current")
#define RING SET(SIGN("s", "current") OTHERS)

/* One signing key of a ring, given whole, among good others. */
#define RING_OF(key) SET(key OTHERS)

/* RFC 7517 §A.1, RFC 8037 §A.2, and a key that agrees on keys and signs nothing. */
#define EC_KEY                                                                                 \
	"{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4\"," \
	"\"y\":\"4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM\",\"use\":\"sig\",\"alg\":\"ES256\"," \
	"\"kid\":\"ec\",\"state\":\"current\"}"
#define OKP_KEY                                                                                   \
	"{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"," \
	"\"use\":\"sig\",\"alg\":\"EdDSA\",\"kid\":\"okp\",\"state\":\"current\"}"
#define X25519_KEY                                                                        \
	"{\"kty\":\"OKP\",\"crv\":\"X25519\",\"x\":\"3p7bfXt9wbTTW2HC7OQ1Nz-DQ8hbeGdNrfx-FG-IK08\"," \
	"\"kid\":\"x\"}"

#endif							/* KEYS_H */
