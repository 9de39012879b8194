/*
 * src/rolecache.h: roles and what they may do, remembered until they change.
 */
#ifndef ROLECACHE_H
#define ROLECACHE_H

#include "postgres.h"

#include "nodes/pg_list.h"
#include "utils/uuid.h"

#define ROLE_NAME_SIZE 64		/* of roles, resources and actions, NUL included */

/* On which rows a permission holds; the wider, the greater. */
typedef enum Scope
{
	SCOPE_NONE,					/* denied */
	SCOPE_OWN,
	SCOPE_ASSIGNED,
	SCOPE_UNIT,
	SCOPE_TENANT,
	SCOPE_PLATFORM
} Scope;

#define SCOPES 6
extern const char *const scope_names[SCOPES];

/* A row of auth.role_permissions. */
typedef struct Permission
{
	char		resource[ROLE_NAME_SIZE];
	char		action[ROLE_NAME_SIZE];
	Scope		scope;
	List	   *conditions;		/* of char *; NIL: none */
	bool		all_columns;	/* may be updated */
	List	   *columns;		/* of char *, else only these; NIL: none */
} Permission;

/* A role with its permissions. */
typedef struct Role
{
	bool		exists;
	bool		of_members;		/* of kind 'member' */
	bool		grants_all;		/* every role up to its rank */
	pg_uuid_t	id;
	char		name[ROLE_NAME_SIZE];
	int			rank;
	const List *grants;			/* of char *, unless grants_all */
	int			count;
	const Permission *permissions;
} Role;

/*
 * The role of a name in a tenant: the tenant's own, or that of all tenants.  Good
 * until the next call of any function here; exists is false when there is none.
 */
extern const Role *RoleFind(const pg_uuid_t *tenant, const char *name);

/* The role of a kind, 'platform' or 'user', or the one that owns tenants, 'owner'. */
extern const Role *RoleOfKind(const char *kind);

/* Is there any role of members?  Until there is one, tenant roles are names. */
extern bool MemberRolesExist(void);

/* Is the action known on the resource?  *resource_known tells whether the resource is. */
extern bool ActionKnown(const char *resource, const char *action, bool *resource_known);

#endif							/* ROLECACHE_H */
