/*
 * src/rolecache.c: roles and what they may do, remembered until they change.
 *
 * Depends on the columns of auth.resources, roles and role_permissions by number
 * (sql/14_permission_tables.sql) and on announce.c: every change of these rows,
 * an INSERT too, is announced, and an announcement ends all that is remembered.
 * Rows are read as liveness.c reads them, with a snapshot of their own.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/namespace.h"
#include "catalog/pg_type_d.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/hsearch.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"

#include "announce.h"
#include "rolecache.h"

/* column numbers */
enum
{
	RESOURCE_NAME = 1,
	RESOURCE_ACTIONS = 2,
	ROLE_ID = 1,
	ROLE_NAME = 3,
	ROLE_KIND = 4,
	ROLE_RANK = 5,
	ROLE_IS_OWNER = 6,
	ROLE_GRANTS = 7,
	PERMISSION_RESOURCE = 2,
	PERMISSION_ACTION = 3,
	PERMISSION_SCOPE = 4,
	PERMISSION_CONDITIONS = 5,
	PERMISSION_COLUMNS = 6
};

/* Roles and permissions that a backend remembers, about 150 bytes each; then it starts anew. */
#define REMEMBERED_MAX 20000

const char *const scope_names[SCOPES] = {
	[SCOPE_NONE] = "none",
	[SCOPE_OWN] = "own",
	[SCOPE_ASSIGNED] = "assigned",
	[SCOPE_UNIT] = "unit",
	[SCOPE_TENANT] = "tenant",
	[SCOPE_PLATFORM] = "platform",
};

/* What a role was asked for by; hashed as bytes. */
typedef struct RoleKey
{
	pg_uuid_t	tenant;
	char		name[ROLE_NAME_SIZE];	/* or kind */
	uint8		by_kind;
	uint8		has_tenant;
} RoleKey;

typedef struct RoleEntry
{
	RoleKey		key;
	Role		role;
} RoleEntry;

typedef struct ResourceEntry
{
	char		name[ROLE_NAME_SIZE];
	List	   *actions;		/* of char * */
} ResourceEntry;

static MemoryContext context = NULL;
static HTAB *roles = NULL;
static HTAB *resources = NULL;
static bool resources_read = false;
static int	member_roles = -1;	/* whether there are any; -1: not looked yet */
static int	remembered = 0;
static uint64 generation = 0;

/* Forget everything. */
static void
StartAnew(void)
{
	HASHCTL		control = {0};

	if (context == NULL)
		context = AllocSetContextCreate(TopMemoryContext, "intrex_auth roles",
										ALLOCSET_DEFAULT_SIZES);
	roles = NULL;
	resources = NULL;
	resources_read = false;
	member_roles = -1;
	remembered = 0;
	MemoryContextReset(context);
	control.hcxt = context;
	control.keysize = sizeof(RoleKey);
	control.entrysize = sizeof(RoleEntry);
	roles = hash_create("intrex_auth roles", 32, &control,
						HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	control.keysize = ROLE_NAME_SIZE;
	control.entrysize = sizeof(ResourceEntry);
	resources = hash_create("intrex_auth resources", 32, &control,
							HASH_ELEM | HASH_STRINGS | HASH_CONTEXT);
}

/* Forget what is not true any more; the announcements that came before are heard. */
static void
Refresh(void)
{
	uint64		current = AnnounceGeneration(CHANGE_OF_PERMISSIONS);

	if (resources == NULL || generation != current || remembered >= REMEMBERED_MAX)
	{
		StartAnew();
		generation = current;
	}
}

/* A scan of one of our tables. */
typedef struct Scan
{
	Relation	table;
	SysScanDesc scan;
	HeapTuple	row;
} Scan;

/* Begin to read a table by one or two columns of an index; no keys: all of it. */
static void
ScanBegin(Scan *scan, const char *table, const char *index, int count, ScanKey keys)
{
	Oid			namespace = get_namespace_oid("auth", false);

	scan->table = table_open(get_relname_relid(table, namespace), AccessShareLock);
	scan->scan = systable_beginscan(scan->table,
									index != NULL ? get_relname_relid(index, namespace) : InvalidOid,
									index != NULL, NULL, count, keys);
}

/* The next row; false at the end. */
static bool
ScanNext(Scan *scan)
{
	scan->row = systable_getnext(scan->scan);
	return HeapTupleIsValid(scan->row);
}

/* End it. */
static void
ScanEnd(Scan *scan)
{
	systable_endscan(scan->scan);
	table_close(scan->table, AccessShareLock);
}

/* A column. */
static Datum
Column(const Scan *scan, int number, bool *isnull)
{
	return heap_getattr(scan->row, number, RelationGetDescr(scan->table), isnull);
}

/* A text column that is never null, into a buffer. */
static void
NameColumn(const Scan *scan, int number, char out[ROLE_NAME_SIZE])
{
	bool		isnull;

	text_to_cstring_buffer(DatumGetTextPP(Column(scan, number, &isnull)), out, ROLE_NAME_SIZE);
}

/* A column of type text[] as a list that lives as long as we remember. */
static List *
ListColumn(const Scan *scan, int number)
{
	MemoryContext former;
	List	   *list = NIL;
	Datum	   *elements;
	bool	   *nulls;
	int			count;
	bool		isnull;
	Datum		value = Column(scan, number, &isnull);

	if (isnull)
		return NIL;
	deconstruct_array(DatumGetArrayTypeP(value), TEXTOID, -1, false, TYPALIGN_INT,
					  &elements, &nulls, &count);
	former = MemoryContextSwitchTo(context);
	for (int i = 0; i < count; i++)
	{
		if (!nulls[i])
			list = lappend(list, TextDatumGetCString(elements[i]));
	}
	MemoryContextSwitchTo(former);
	return list;
}

/* Scope of a name; an unknown one allows nothing. */
static Scope
ScopeOfName(const char *name)
{
	for (int i = 0; i < SCOPES; i++)
	{
		if (strcmp(name, scope_names[i]) == 0)
			return (Scope) i;
	}
	return SCOPE_NONE;
}

/* Read the permissions of a role. */
static void
ReadPermissions(Role *role)
{
	Permission *permissions = NULL;
	ScanKeyData key;
	Scan		scan;
	int			room = 0;

	ScanKeyInit(&key, 1, BTEqualStrategyNumber, F_UUID_EQ, UUIDPGetDatum(&role->id));
	ScanBegin(&scan, "role_permissions", "role_permissions_pkey", 1, &key);
	while (ScanNext(&scan))
	{
		Permission *permission;
		char		scope[ROLE_NAME_SIZE];
		bool		isnull;

		if (role->count == room)
		{
			room = room == 0 ? 16 : 2 * room;
			permissions = permissions == NULL
				? MemoryContextAlloc(context, sizeof(Permission) * room)
				: repalloc(permissions, sizeof(Permission) * room);
		}
		permission = &permissions[role->count];
		NameColumn(&scan, PERMISSION_RESOURCE, permission->resource);
		NameColumn(&scan, PERMISSION_ACTION, permission->action);
		permission->scope = SCOPE_NONE;
		(void) Column(&scan, PERMISSION_SCOPE, &isnull);
		if (!isnull)
		{
			NameColumn(&scan, PERMISSION_SCOPE, scope);
			permission->scope = ScopeOfName(scope);
		}
		permission->conditions = ListColumn(&scan, PERMISSION_CONDITIONS);
		(void) Column(&scan, PERMISSION_COLUMNS, &permission->all_columns);
		permission->columns = ListColumn(&scan, PERMISSION_COLUMNS);
		role->count++;
	}
	ScanEnd(&scan);
	role->permissions = permissions;
}

/* Read a role by its key. */
static void
ReadRole(const RoleKey *key, Role *role)
{
	ScanKeyData keys[2];
	Scan		scan;
	text	   *name = cstring_to_text(key->name);
	char		kind[ROLE_NAME_SIZE];
	bool		isnull;

	memset(role, 0, sizeof(*role));
	if (key->has_tenant)
	{
		ScanKeyInit(&keys[0], 2, BTEqualStrategyNumber, F_UUID_EQ, UUIDPGetDatum(&key->tenant));
		ScanKeyInit(&keys[1], ROLE_NAME, BTEqualStrategyNumber, F_TEXTEQ, PointerGetDatum(name));
		ScanBegin(&scan, "roles", "roles_tenant_name_key", 2, keys);
	}
	else if (key->by_kind && strcmp(key->name, "owner") == 0)
	{
		ScanKeyInit(&keys[0], ROLE_IS_OWNER, BTEqualStrategyNumber, F_BOOLEQ, BoolGetDatum(true));
		ScanBegin(&scan, "roles", "roles_owner_key", 1, keys);
	}
	else
	{
		ScanKeyInit(&keys[0], key->by_kind ? ROLE_KIND : ROLE_NAME, BTEqualStrategyNumber,
					F_TEXTEQ, PointerGetDatum(name));
		ScanBegin(&scan, "roles", key->by_kind ? "roles_kind_key" : "roles_name_key", 1, keys);
	}
	/* the index has its collation, and text is equal in all of ours by its bytes */
	if (ScanNext(&scan))
	{
		role->exists = true;
		role->id = *DatumGetUUIDP(Column(&scan, ROLE_ID, &isnull));
		NameColumn(&scan, ROLE_NAME, role->name);
		role->rank = DatumGetInt32(Column(&scan, ROLE_RANK, &isnull));
		NameColumn(&scan, ROLE_KIND, kind);
		role->of_members = strcmp(kind, "member") == 0;
		(void) Column(&scan, ROLE_GRANTS, &role->grants_all);
		role->grants = ListColumn(&scan, ROLE_GRANTS);
	}
	ScanEnd(&scan);
	pfree(name);
	if (role->exists)
		ReadPermissions(role);
}

/* Look up a role, in memory first. */
static const Role *
Look(const RoleKey *key)
{
	RoleEntry  *entry;
	Role		role;

	entry = hash_search(roles, key, HASH_FIND, NULL);
	if (entry == NULL)
	{
		/* read first, so that an error leaves no entry half made */
		ReadRole(key, &role);
		entry = hash_search(roles, key, HASH_ENTER, NULL);
		entry->role = role;
		remembered += 1 + role.count;
	}
	return &entry->role;
}

/* The role of a name in a tenant. */
const Role *
RoleFind(const pg_uuid_t *tenant, const char *name)
{
	static const Role none = {0};
	RoleKey		key;
	const Role *role;

	/* cut off, it could be the name of another */
	if (strlen(name) >= ROLE_NAME_SIZE)
		return &none;
	Refresh();
	memset(&key, 0, sizeof(key));
	strlcpy(key.name, name, sizeof(key.name));
	if (tenant != NULL)
	{
		key.tenant = *tenant;
		key.has_tenant = true;
		role = Look(&key);
		if (role->exists)
			return role;
		memset(&key.tenant, 0, sizeof(key.tenant));
		key.has_tenant = false;
	}
	return Look(&key);
}

/* The role of a kind. */
const Role *
RoleOfKind(const char *kind)
{
	RoleKey		key;

	Refresh();
	memset(&key, 0, sizeof(key));
	strlcpy(key.name, kind, sizeof(key.name));
	key.by_kind = true;
	return Look(&key);
}

/* Is there any role of members? */
bool
MemberRolesExist(void)
{
	Refresh();
	if (member_roles < 0)
	{
		Scan		scan;
		int			found = 0;

		ScanBegin(&scan, "roles", NULL, 0, NULL);
		while (found == 0 && ScanNext(&scan))
		{
			char		kind[ROLE_NAME_SIZE];

			NameColumn(&scan, ROLE_KIND, kind);
			found = strcmp(kind, "member") == 0;
		}
		ScanEnd(&scan);
		member_roles = found;
	}
	return member_roles > 0;
}

/* Read what resources there are. */
static void
ReadResources(void)
{
	Scan		scan;

	ScanBegin(&scan, "resources", NULL, 0, NULL);
	while (ScanNext(&scan))
	{
		char		name[ROLE_NAME_SIZE];
		List	   *actions = ListColumn(&scan, RESOURCE_ACTIONS);
		ResourceEntry *entry;

		NameColumn(&scan, RESOURCE_NAME, name);
		entry = hash_search(resources, name, HASH_ENTER, NULL);
		entry->actions = actions;
	}
	ScanEnd(&scan);
	resources_read = true;
}

/* Is the action known on the resource? */
bool
ActionKnown(const char *resource, const char *action, bool *resource_known)
{
	ResourceEntry *entry;
	ListCell   *cell;

	Refresh();
	if (!resources_read)
		ReadResources();
	*resource_known = false;
	if (strlen(resource) >= ROLE_NAME_SIZE)
		return false;
	entry = hash_search(resources, resource, HASH_FIND, NULL);
	if (entry == NULL)
		return false;
	*resource_known = true;
	foreach(cell, entry->actions)
	{
		if (strcmp(lfirst(cell), action) == 0)
			return true;
	}
	return false;
}
