/*
 * src/request.h: what PostgREST tells of a request: its headers and cookies.
 */
#ifndef REQUEST_H
#define REQUEST_H

#include "postgres.h"

typedef enum RequestMember
{
	REQUEST_ABSENT,				/* there is no such member, or no such setting */
	REQUEST_UNREADABLE,			/* the setting is no JSON object, or the member no string */
	REQUEST_FOUND
} RequestMember;

/*
 * Read a member of the JSON object in request.headers (names in lower case) or
 * request.cookies.  Where it is found, *value is palloc'd and ends with NUL, which
 * is nowhere else in it.
 */
extern RequestMember RequestGet(const char *setting, const char *name, char **value);

#endif							/* REQUEST_H */
