/*
 * src/dropguard.h: DROP EXTENSION is refused while there are users.
 */
#ifndef DROPGUARD_H
#define DROPGUARD_H

extern void DropGuardInit(void);

#endif							/* DROPGUARD_H */
