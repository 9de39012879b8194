/*
 * src/ours.c: which tables and functions belong to the extension.
 *
 * Depends on the system catalogs.  Everything of the extension is in the schemas auth
 * and auth_api, which are remembered until a schema changes.
 */
#include "postgres.h"

#include "access/transam.h"
#include "catalog/dependency.h"
#include "catalog/namespace.h"
#include "catalog/pg_namespace.h"
#include "commands/extension.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

#include "ours.h"

/* The schemas of the extension; InvalidOid: it is not in this database. */
static struct
{
	bool		known;
	Oid			auth;
	Oid			api;
}			schemas;

static void
OnSchemaChange(Datum arg, int cache, uint32 hash)
{
	schemas.known = false;
}

/* A schema may have one of these names without being ours. */
static Oid
OurSchema(const char *name, Oid extension)
{
	Oid			schema = OidIsValid(extension) ? get_namespace_oid(name, true) : InvalidOid;

	if (OidIsValid(schema) && getExtensionOfObject(NamespaceRelationId, schema) != extension)
		schema = InvalidOid;
	return schema;
}

static bool
IsOurSchema(Oid schema)
{
	if (!schemas.known)
	{
		Oid			extension;

		/* first, so that a change that is heard of meanwhile is not lost */
		schemas.known = true;
		extension = get_extension_oid("intrex_auth", true);
		schemas.auth = OurSchema("auth", extension);
		schemas.api = OurSchema("auth_api", extension);
	}
	return OidIsValid(schema) && (schema == schemas.auth || schema == schemas.api);
}

/* Whether it is a table of the extension. */
bool
IsOurTable(Oid relid)
{
	return relid >= FirstNormalObjectId && IsOurSchema(get_rel_namespace(relid));
}

/* Whether it is a function of the extension. */
bool
IsOurFunction(Oid function)
{
	return function >= FirstNormalObjectId && IsOurSchema(get_func_namespace(function));
}

/* Hear of changes of schemas. */
void
OursInit(void)
{
	CacheRegisterSyscacheCallback(NAMESPACEOID, OnSchemaChange, (Datum) 0);
}
