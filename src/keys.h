/*
 * src/keys.h: noting which keys a database is used with.
 */
#ifndef KEYS_H
#define KEYS_H

/*
 * The ring is about to sign, seal or derive: note its keys in auth.known_keys, so
 * that one that is lost later can be named.  Runs SQL, and may reload the ring: call
 * it before a key is chosen.  Does nothing where nothing can be written.
 */
extern void KeysNote(void);

#endif							/* KEYS_H */
