/*
 * src/ours.h: which tables and functions belong to the extension.
 */
#ifndef OURS_H
#define OURS_H

#include "postgres.h"

extern bool IsOurTable(Oid relid);
extern bool IsOurFunction(Oid function);

extern void OursInit(void);

#endif							/* OURS_H */
