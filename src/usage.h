/*
 * src/usage.h: the counters of what tenants use.
 */
#ifndef USAGE_H
#define USAGE_H

#include "postgres.h"

#include "datatype/timestamp.h"
#include "utils/date.h"
#include "utils/uuid.h"

/* First day of the month in UTC. */
extern DateADT UsagePeriod(TimestampTz at);

/*
 * Wait for the tenant's turn, and keep it until the end of the (sub)transaction.
 * What is read after this is what the transactions before it have left.
 */
extern void UsageLock(const pg_uuid_t *tenant);

/* What is used, as the transaction sees it. */
extern int64 UsageLook(const pg_uuid_t *tenant, text *quota, DateADT period);

/*
 * Count an amount (from 1) unless more than max would be used: then false, and
 * nothing is written.  Either way *used is what the counter says then.  Lock
 * first.
 */
extern bool UsageCount(const pg_uuid_t *tenant, text *quota, DateADT period, int64 amount, int64 max, int64 *used);

#endif							/* USAGE_H */
