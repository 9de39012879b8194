-- sql/12_protected_tables.sql: which tables auth.protect has protected, and how
-- they were before. Run once at install; depends on 05_schemas_roles.sql.
--
-- Tables are kept by name, so that the rows survive dump and restore. The id
-- stands also in the arguments of the table's triggers: by that auth.protect
-- finds the entry of a table that was renamed.

CREATE TABLE auth.protected_tables (
	id uuid NOT NULL DEFAULT gen_random_uuid() PRIMARY KEY,
	schema_name name NOT NULL,
	table_name name NOT NULL,
	resource text CHECK (resource <> ''),
	tenant_column name,
	unit_column name,
	owner_column name,
	assignee_column name,
	tenant_fk boolean NOT NULL,
	had_default boolean NOT NULL,
	had_not_null boolean NOT NULL,
	had_rls boolean NOT NULL,
	had_force_rls boolean NOT NULL,
	UNIQUE (schema_name, table_name) DEFERRABLE,
	-- without tenants, who owns a row is all that isolates it
	CONSTRAINT protected_tables_isolated_check CHECK (tenant_column IS NOT NULL
		OR resource IS NOT NULL AND owner_column IS NOT NULL AND unit_column IS NULL AND NOT tenant_fk)
);
COMMENT ON TABLE auth.protected_tables IS
'Tables under auth.protect: its arguments, and how each table was before (had_…), so that auth.unprotect takes back no more than was made';
COMMENT ON COLUMN auth.protected_tables.id IS 'stands also in the arguments of the triggers of the table, so that a renamed table is recognized';
COMMENT ON COLUMN auth.protected_tables.resource IS 'the resource whose permissions apply; NULL: every member of the tenant may do everything';
COMMENT ON COLUMN auth.protected_tables.tenant_column IS 'tenant that a row belongs to; NULL: the table has none, and its rows belong to users only';
COMMENT ON COLUMN auth.protected_tables.unit_column IS 'unit (branch) that a row belongs to: the rows of that scope';
COMMENT ON COLUMN auth.protected_tables.owner_column IS 'user who owns a row: the rows of that scope';
COMMENT ON COLUMN auth.protected_tables.assignee_column IS 'user a row is assigned to: the rows of that scope';
REVOKE ALL ON TABLE auth.protected_tables FROM PUBLIC;
SELECT pg_extension_config_dump('auth.protected_tables', '');
