/*
 * src/tokensetting.h: the setting intrex_auth.token; for identity.c alone.
 */
#ifndef TOKENSETTING_H
#define TOKENSETTING_H

#include "postgres.h"

#include "identity.h"

#define TOKEN_SETTING "intrex_auth.token"

/* The value as guc.c keeps it (tokenvalue.h). */
extern char *token_value;

/* What the value proves, not judged yet; NULL: there is no token. */
extern Identity *current_identity;

extern void TokenSettingInit(void);

#endif							/* TOKENSETTING_H */
