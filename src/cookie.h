/*
 * src/cookie.h: the cookie that carries a refresh token.
 */
#ifndef COOKIE_H
#define COOKIE_H

#include "postgres.h"

/* Does a cookie carry the refresh tokens of this request's answer? */
extern bool CookieDelivers(void);

/* The refresh token that came by cookie, with a POST; NULL when none did. */
extern char *CookieToken(void);

/* Is this a request of another site, where that matters: where a cookie delivers? */
extern bool CookieCrossSite(void);

/* Give the client a refresh token that can be used for this many seconds from now. */
extern void CookieSet(const char *token, int64 seconds);

/* Say that the answer is not to be stored; it holds an access token. */
extern void CookieNoStore(void);

#endif							/* COOKIE_H */
