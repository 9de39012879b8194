/*
 * src/intrex_auth.c: the module's entry.
 *
 * Only calls the Init functions of the others.
 */
#include "postgres.h"

#include "fmgr.h"
#include "utils/guc.h"

#include "announce.h"
#include "dropguard.h"
#include "errorguard.h"
#include "identity.h"
#include "logguard.h"
#include "ours.h"
#include "settings.h"
#include "writes.h"

#if PG_VERSION_NUM >= 180000
PG_MODULE_MAGIC_EXT(.name = "intrex_auth", .version = INTREX_AUTH_VERSION);
#else
PG_MODULE_MAGIC;
#endif

extern PGDLLEXPORT void _PG_init(void);

/* Define the settings and install the hooks; needs no preload. */
void
_PG_init(void)
{
	SettingsInit();
	AnnounceInit();
	IdentityInit();
	LogGuardInit();
	ErrorGuardInit();
	DropGuardInit();
	OursInit();
	WritesInit();
	OthersInit();

	MarkGUCPrefixReserved("intrex_auth");
}
