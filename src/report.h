/*
 * src/report.h: from a status to an SQL error: SQLSTATE, message, detail, hint.
 *
 * The one place that words errors.  Under PostgREST (request.method is set) an
 * authentication error is raised as SQLSTATE PGRST with status 401, because
 * PostgREST would answer 403 to 28000 (postgrest.md).
 */
#ifndef REPORT_H
#define REPORT_H

#include "postgres.h"

#include "core/status.h"

/* A token that does not verify: 28000 "invalid token", the reason in DETAIL; never returns. */
extern _Noreturn void ReportTokenError(Status status);

/* Like it for identity errors that have no core status (revoked session and the like). */
extern _Noreturn void ReportUnauthenticated(const char *code, const char *detail, const char *hint);

/* Any other failed core call; what names the argument or thing ("password", "sealed value"). */
extern _Noreturn void ReportCoreError(Status status, const char *what);

/* The key ring cannot be used: 58P01, 42501 or F0000 with the path and a hint. */
extern _Noreturn void ReportKeyringError(void);

/*
 * One structured line in the server log (never to the client), for what is
 * raised and therefore leaves no audit row: a JSON object with event, reason
 * and address.
 */
extern void ReportSecurityEvent(const char *event, const char *reason);

/* True while a PostgREST request is served (request.method is not empty). */
extern bool ReportUnderPostgrest(void);

#endif							/* REPORT_H */
