/*
 * src/plan.h: what the plan of a tenant includes.
 */
#ifndef PLAN_H
#define PLAN_H

#include "postgres.h"

#include "utils/uuid.h"

#define PLAN_NAME_SIZE 64

/* A feature, and what a plan has of it. */
typedef struct PlanFeature
{
	bool		metered;
	char		plan[PLAN_NAME_SIZE];	/* of the tenant; empty: it has none */
	bool		included;
	bool		unlimited;		/* also where a feature that is not metered is included */
	int64		quota;			/* 0 where it is not included */
} PlanFeature;

/*
 * Look up a feature for a tenant (NULL: for none, which has no plan), as it is
 * now.  Raises 42704 when there is no such feature.
 */
extern void PlanLook(const pg_uuid_t *tenant, text *feature, PlanFeature *found);

/* The same for a name that may be NULL, which is no feature. */
extern void PlanLookArgument(const pg_uuid_t *tenant, const NullableDatum *feature, PlanFeature *found);

#endif							/* PLAN_H */
