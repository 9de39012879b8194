/*
 * src/tokenvalue.c: what guc.c keeps as the value of intrex_auth.token.
 *
 * Depends on guc.c's memory alone.
 */
#include "postgres.h"

#include "compat.h"
#include "tokenvalue.h"

#include "core/mem.h"

#define POISONED "poisoned"
#define SET_AT 0
#define JUDGED_AT 9
#define TOKEN_AT 18

/* Write a transaction, colon included. */
static void
PutTransaction(char *out, LocalTransactionId transaction)
{
	for (int i = 7; i >= 0; i--, transaction >>= 4)
		out[i] = "0123456789abcdef"[transaction & 15];
	out[8] = ':';
}

/* Replace a new value by another, wiping the token that it held. */
static bool
Replace(char **newval, const char *prefix, const char *token)
{
	size_t		prefix_length = strlen(prefix);
	size_t		token_length = strlen(token);
	char	   *value = GucMalloc(prefix_length + token_length + 1);

	if (value == NULL)
		return false;
	memcpy(value, prefix, prefix_length);
	memcpy(value + prefix_length, token, token_length + 1);
	SecureWipe(*newval, strlen(*newval));
	GucFree(*newval);
	*newval = value;
	return true;
}

/* A token. */
bool
TokenValueSet(char **newval, LocalTransactionId set_in, const char *token)
{
	char		prefix[TOKEN_AT + 1] = "";

	PutTransaction(prefix + SET_AT, set_in);
	PutTransaction(prefix + JUDGED_AT, InvalidLocalTransactionId);
	return Replace(newval, prefix, token);
}

/* No token, but not nobody either. */
bool
TokenValuePoison(char **newval)
{
	return Replace(newval, POISONED, "");
}

/* Is it a token? */
static bool
IsToken(const char *value)
{
	return value != NULL && strcmp(value, POISONED) != 0 && strlen(value) >= TOKEN_AT;
}

/* The parts of a stored value. */
bool
TokenValueRead(const char *value, LocalTransactionId *set_in, LocalTransactionId *judged_in,
			   const char **token)
{
	if (!IsToken(value))
		return false;
	*set_in = (LocalTransactionId) strtoul(value + SET_AT, NULL, 16);
	*judged_in = (LocalTransactionId) strtoul(value + JUDGED_AT, NULL, 16);
	*token = value + TOKEN_AT;
	return true;
}

/* Its token. */
const char *
TokenValueToken(const char *value)
{
	return value + TOKEN_AT;
}

/* The claims hook let it pass. */
void
TokenValueJudged(char *value, LocalTransactionId judged_in)
{
	PutTransaction(value + JUDGED_AT, judged_in);
}

/* Its word is no longer good. */
void
TokenValueUnjudged(const char *value)
{
	if (IsToken(value))
		PutTransaction(unconstify(char *, value) + JUDGED_AT, InvalidLocalTransactionId);
}
