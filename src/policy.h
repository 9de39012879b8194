/*
 * src/policy.h: which passwords are accepted: the rules, in their order.
 */
#ifndef POLICY_H
#define POLICY_H

#include "postgres.h"

/* What a password can be refused for; the names are GoTrue's where it has one. */
typedef enum PolicyRule
{
	POLICY_LENGTH,
	POLICY_COMMON,
	POLICY_SIMILAR,
	POLICY_LEAKED,
	POLICY_RULES
} PolicyRule;

/* What belongs to the user, whose password it is; NULL where there is none. */
typedef enum PolicyContext
{
	POLICY_EMAIL,
	POLICY_NAME,
	POLICY_PHONE,
	POLICY_TENANT,
	POLICY_CONTEXTS
} PolicyContext;

/*
 * Is a folded password made of what belongs to the user, or of the issuer's
 * name, with too little besides?  shortest: how many characters are enough.
 */
extern bool PolicyIsSimilar(const char *folded, size_t length,
							text * const context[POLICY_CONTEXTS], int shortest);

#endif							/* POLICY_H */
