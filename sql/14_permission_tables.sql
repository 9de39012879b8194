-- roles, what they may do, and what there is to be allowed. Run once at install.
--
-- Roles and permissions are rows: a preset (sql/74_presets.sql) brings a seed's, an
-- administrator adds to them, a tenant has roles of its own on top.  C reads
-- resources, roles and role_permissions by column number (src/rolecache.c).

CREATE TABLE auth.resources (
	name text COLLATE "C" NOT NULL PRIMARY KEY CHECK (name ~ '^[A-Za-z][A-Za-z0-9_]{0,62}$'),
	actions text[] COLLATE "C" NOT NULL,
	description text,
	message text,
	is_members boolean NOT NULL DEFAULT false,
	scopes text[] COLLATE "C" CHECK (scopes <@ ARRAY['tenant', 'unit', 'assigned', 'own'] AND cardinality(scopes) > 0)
);
CREATE UNIQUE INDEX resources_members_key ON auth.resources (is_members) WHERE is_members;
COMMENT ON TABLE auth.resources IS 'what permissions are about, with the actions that are known on each: anything else is a typing error';
COMMENT ON COLUMN auth.resources.message IS 'what the person is told who is refused; NULL: "Insufficient permissions"';
COMMENT ON COLUMN auth.resources.scopes IS 'the scopes that permissions on it may have, and that the policies of its tables ask for; NULL: all';
COMMENT ON COLUMN auth.resources.is_members IS 'whether permissions on it decide who lists (read), invites (create), changes (update) and removes (delete) members of a tenant; at most one resource';
REVOKE ALL ON TABLE auth.resources FROM PUBLIC;
GRANT SELECT ON auth.resources TO auth_admin;
SELECT pg_extension_config_dump('auth.resources', '');

CREATE TABLE auth.roles (
	id uuid NOT NULL DEFAULT gen_random_uuid() PRIMARY KEY,
	tenant_id uuid REFERENCES auth.tenants ON DELETE CASCADE,
	name text COLLATE "C" NOT NULL CHECK (name ~ '^[A-Za-z][A-Za-z0-9_]{0,62}$'),
	kind text COLLATE "C" NOT NULL DEFAULT 'member' CHECK (kind IN ('member', 'user', 'platform')),
	rank integer NOT NULL CHECK (rank BETWEEN 0 AND 1000),
	is_owner boolean NOT NULL DEFAULT false,
	grants text[] COLLATE "C",
	description text,
	CONSTRAINT roles_name_reserved_check
		CHECK (name <> ALL (ARRAY['anon', 'authenticated', 'auth_admin', 'auth_platform', 'auth_owner', 'auth_hook'])),
	CONSTRAINT roles_tenant_check CHECK (tenant_id IS NULL OR (kind = 'member' AND NOT is_owner))
);
CREATE UNIQUE INDEX roles_name_key ON auth.roles (name) WHERE tenant_id IS NULL;
CREATE UNIQUE INDEX roles_tenant_name_key ON auth.roles (tenant_id, name) WHERE tenant_id IS NOT NULL;
CREATE UNIQUE INDEX roles_kind_key ON auth.roles (kind) WHERE kind <> 'member';
CREATE UNIQUE INDEX roles_owner_key ON auth.roles (is_owner) WHERE is_owner;
COMMENT ON TABLE auth.roles IS 'roles of members: those of all tenants (tenant_id is NULL) and those that one tenant added';
COMMENT ON COLUMN auth.roles.kind IS 'member: of a member in a tenant; platform: what platform administrators are called; user: what every other signed-in user is called';
COMMENT ON COLUMN auth.roles.rank IS 'who has a rank has all that lower ranks have, for auth.has_rank(); and nobody grants a role above his own';
COMMENT ON COLUMN auth.roles.is_owner IS 'the role that a tenant is created with, and of which it keeps a member';
COMMENT ON COLUMN auth.roles.grants IS 'the roles that this one may grant; NULL: all up to its own rank';
COMMENT ON INDEX auth.roles_kind_key IS 'one role at the most for platform administrators, one for all users';
REVOKE ALL ON TABLE auth.roles FROM PUBLIC;
GRANT SELECT ON auth.roles TO auth_admin;
SELECT pg_extension_config_dump('auth.roles', '');

CREATE TABLE auth.role_permissions (
	role_id uuid NOT NULL REFERENCES auth.roles ON DELETE CASCADE,
	resource text COLLATE "C" NOT NULL REFERENCES auth.resources ON DELETE CASCADE,
	action text COLLATE "C" NOT NULL,
	scope text COLLATE "C" CHECK (scope IN ('platform', 'tenant', 'unit', 'assigned', 'own')),
	conditions text[] COLLATE "C" NOT NULL DEFAULT '{}',
	columns text[] COLLATE "C",
	message text,
	PRIMARY KEY (role_id, resource, action)
);
COMMENT ON TABLE auth.role_permissions IS 'what a role may do';
COMMENT ON COLUMN auth.role_permissions.scope IS 'on which rows; NULL: explicitly on none, whatever else allows it';
COMMENT ON COLUMN auth.role_permissions.conditions IS 'what must hold besides: aal2, consent:PURPOSE, feature:NAME';
COMMENT ON COLUMN auth.role_permissions.columns IS 'the columns that an update may change; NULL: all';
COMMENT ON COLUMN auth.role_permissions.message IS 'what the person is told who is refused; NULL: the message of the resource';
REVOKE ALL ON TABLE auth.role_permissions FROM PUBLIC;
GRANT SELECT ON auth.role_permissions TO auth_admin;
SELECT pg_extension_config_dump('auth.role_permissions', '');

CREATE TABLE auth.assignments (
	tenant_id uuid NOT NULL REFERENCES auth.tenants ON DELETE CASCADE,
	user_id uuid NOT NULL REFERENCES auth.users ON DELETE CASCADE,
	subject_id uuid NOT NULL,
	ends_at timestamptz,
	created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
	created_by uuid,
	PRIMARY KEY (tenant_id, user_id, subject_id)
);
CREATE INDEX assignments_user_id_idx ON auth.assignments (user_id);
CREATE INDEX assignments_subject_id_idx ON auth.assignments (tenant_id, subject_id);
COMMENT ON TABLE auth.assignments IS 'who is assigned to what: a patient, an obligation, a workspace that was shared with a client';
COMMENT ON COLUMN auth.assignments.subject_id IS 'key of a row in a protected table, or the user that rows belong to';
COMMENT ON COLUMN auth.assignments.ends_at IS 'NULL: until it is removed';
COMMENT ON COLUMN auth.assignments.created_by IS 'no foreign key: he may have left';
REVOKE ALL ON TABLE auth.assignments FROM PUBLIC;
GRANT SELECT ON auth.assignments TO auth_admin;
SELECT pg_extension_config_dump('auth.assignments', '');

CREATE TABLE auth.presets (
	one boolean NOT NULL DEFAULT true PRIMARY KEY CHECK (one),
	name text NOT NULL,
	used_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
COMMENT ON TABLE auth.presets IS 'the preset that this database uses, at most one';
REVOKE ALL ON TABLE auth.presets FROM PUBLIC;
GRANT SELECT ON auth.presets TO auth_admin;
SELECT pg_extension_config_dump('auth.presets', '');
