-- sql/77_schema_guard.sql: whole schemas: protecting them, and watching over new tables.
-- Depends on 70_protect.sql.

CREATE OR REPLACE FUNCTION auth.protect_schema(
	schema name,
	resources jsonb DEFAULT NULL,
	tenant_column name DEFAULT 'tenant_id',
	unit_column name DEFAULT NULL,
	owner_column name DEFAULT NULL,
	assignee_column name DEFAULT NULL,
	tenant_fk boolean DEFAULT NULL)
RETURNS TABLE (target text, object text, statement text)
LANGUAGE plpgsql
VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	class record;
	unknown text;
BEGIN
	IF schema IS NULL OR NOT EXISTS (SELECT FROM pg_namespace WHERE nspname = schema) THEN
		RAISE EXCEPTION USING ERRCODE = 'invalid_schema_name', MESSAGE = format('schema "%s" does not exist', left(schema::text, 63));
	END IF;
	IF resources IS NOT NULL AND jsonb_typeof(resources) <> 'object' THEN
		RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value', MESSAGE = 'resources must be a JSON object',
			HINT = 'Like {"orders": "sales", "*": "content"}: the resource of each table, and of all others.';
	END IF;
	IF schema IN ('auth', 'auth_api', 'information_schema') OR starts_with(schema::text, 'pg_') THEN
		RAISE EXCEPTION USING ERRCODE = 'insufficient_privilege', MESSAGE = format('schema %I belongs to the system or to intrex_auth itself', schema);
	END IF;
	-- a table that is misspelled would be left to "*" or to no resource
	SELECT string_agg(k, ', ' ORDER BY k) INTO unknown FROM jsonb_object_keys(coalesce(resources, '{}')) k
	WHERE k <> '*' AND NOT EXISTS (SELECT FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
		WHERE n.nspname = schema AND c.relname = k AND c.relkind IN ('r', 'p'));
	IF unknown IS NOT NULL THEN
		RAISE EXCEPTION USING ERRCODE = 'undefined_table', MESSAGE = format('schema %I has no such tables: %s', schema, left(unknown, 200));
	END IF;
	-- so would one that is in no table leave out a scope of all of them
	SELECT string_agg(format('%I', v.name), ', ') INTO unknown FROM unnest(ARRAY[tenant_column, unit_column, owner_column, assignee_column]) AS v (name)
	WHERE v.name IS NOT NULL AND NOT EXISTS (SELECT FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace
		WHERE n.nspname = schema AND c.relkind IN ('r', 'p') AND a.attname = v.name AND a.attnum > 0 AND NOT a.attisdropped AND a.atttypid = 'uuid'::regtype);
	IF unknown IS NOT NULL THEN
		RAISE EXCEPTION USING ERRCODE = 'undefined_column', MESSAGE = format('no table of schema %I has a column of type uuid named %s', schema, unknown);
	END IF;
	-- and a tenant column that is in none of those that are meant would protect nothing
	SELECT string_agg(c.oid::regclass::text, ', ' ORDER BY c.relname) INTO unknown FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
	WHERE n.nspname = schema AND c.relkind IN ('r', 'p') AND resources ? c.relname
		AND NOT EXISTS (SELECT FROM pg_attribute a
			WHERE a.attrelid = c.oid AND a.attname = tenant_column AND NOT a.attisdropped AND a.atttypid = 'uuid'::regtype);
	IF tenant_column IS NOT NULL AND unknown IS NOT NULL THEN
		RAISE EXCEPTION USING ERRCODE = 'undefined_column',
			MESSAGE = format('tables that have a resource have no column of type uuid named %I: %s', tenant_column, left(unknown, 200)),
			HINT = 'Name the column with tenant_column, or leave them out and protect them with auth.protect(…, tenant_column => NULL, owner_column => …).';
	END IF;

	FOR class IN
		SELECT c.oid::regclass AS relation, c.relname, coalesce(resources ->> c.relname, resources ->> '*') AS resource,
			ARRAY(SELECT a.attname FROM pg_attribute a
				WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.atttypid = 'uuid'::regtype) AS columns
		FROM pg_class c
		JOIN pg_namespace n ON n.oid = c.relnamespace
		WHERE n.nspname = schema AND c.relkind IN ('r', 'p') AND NOT c.relispartition AND c.relpersistence <> 't'
			AND NOT EXISTS (SELECT FROM pg_depend WHERE classid = 'pg_class'::regclass AND objid = c.oid AND deptype = 'e')
			-- what inherits from another is protected with it
			AND NOT EXISTS (SELECT FROM pg_inherits i WHERE i.inhrelid = c.oid)
		ORDER BY c.relname
	LOOP
		target := class.relation;
		IF tenant_column <> ALL (class.columns) THEN
			object := 'skipped';
			statement := auth._protect_warning(format('%s has no column %I of type uuid: it is not protected; if its rows belong to users, call auth.protect(%L, resource => …, tenant_column => NULL, owner_column => …)',
				target, tenant_column, target), NULL);
			RETURN NEXT;
			CONTINUE;
		END IF;
		-- a table without one of the other columns has no rows of that scope
		RETURN QUERY SELECT target, p.object, p.statement FROM auth.protect(class.relation, class.resource, tenant_column,
			CASE WHEN unit_column = ANY (class.columns) THEN unit_column END,
			CASE WHEN owner_column = ANY (class.columns) THEN owner_column END,
			CASE WHEN assignee_column = ANY (class.columns) THEN assignee_column END,
			tenant_fk) p;
	END LOOP;
END
$$;
COMMENT ON FUNCTION auth.protect_schema(name, jsonb, name, name, name, name, boolean) IS
'Calls auth.protect for each table of a schema that has the tenant column; resources maps tables to resources, "*" for all others. Unit, owner and assignee columns count where a table has them.';
REVOKE ALL ON FUNCTION auth.protect_schema(name, jsonb, name, name, name, name, boolean) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION auth.protect_schema(name, jsonb, name, name, name, name, boolean) TO auth_admin;

-- Tables that API roles reach and no row level security keeps them from; foreign
-- tables and materialized views can have none.
CREATE OR REPLACE FUNCTION auth.unprotected_tables(schemas text[] DEFAULT ARRAY['public'])
RETURNS TABLE (target regclass, reached_by text)
LANGUAGE sql
STABLE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT c.oid::regclass, string_agg(r.role, ', ' ORDER BY r.role)
	FROM pg_class c
	JOIN pg_namespace n ON n.oid = c.relnamespace
	CROSS JOIN unnest(ARRAY['anon', 'authenticated', 'auth_platform']) r (role)
	WHERE n.nspname = ANY (schemas) AND c.relkind IN ('r', 'p', 'f', 'm') AND c.relpersistence <> 't' AND NOT c.relrowsecurity
		AND NOT EXISTS (SELECT FROM pg_depend WHERE classid = 'pg_class'::regclass AND objid = c.oid AND deptype = 'e')
		AND (has_table_privilege(r.role, c.oid, 'SELECT, INSERT, UPDATE, DELETE, TRUNCATE, REFERENCES, TRIGGER')
			OR has_any_column_privilege(r.role, c.oid, 'SELECT, INSERT, UPDATE, REFERENCES'))
	GROUP BY c.oid
	ORDER BY c.oid::regclass::text
$$;
COMMENT ON FUNCTION auth.unprotected_tables(text[]) IS 'tables, foreign tables and materialized views of exposed schemas that API roles have privileges on and that have no row level security';
REVOKE ALL ON FUNCTION auth.unprotected_tables(text[]) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION auth.unprotected_tables(text[]) TO auth_admin;

-- Reads catalogs alone, since it runs as a superuser (sql/99_grants.sql). Event triggers
-- take no arguments, hence one function for each mode; the schemas are a setting.
CREATE OR REPLACE FUNCTION auth._ddl_guard(refuse boolean) RETURNS void
LANGUAGE plpgsql
VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	-- a GRANT does not tell of what: then all are looked at
	changed CONSTANT oid[] := (SELECT array_agg(c.objid) FROM pg_event_trigger_ddl_commands() c WHERE c.classid = 'pg_class'::regclass);
	one record;
	can_be_protected boolean;
BEGIN
	FOR one IN
		SELECT * FROM auth.unprotected_tables(string_to_array(replace(current_setting('intrex_auth.exposed_schemas'), ' ', ''), ',')) t
		WHERE changed IS NULL OR t.target = ANY (changed)
	LOOP
		can_be_protected := (SELECT c.relkind IN ('r', 'p') FROM pg_class c WHERE c.oid = one.target);
		IF refuse THEN
			RAISE EXCEPTION USING ERRCODE = 'insufficient_privilege',
				MESSAGE = format('table %s would be open to %s', one.target, one.reached_by),
				DETAIL = 'It is in an exposed schema and has no row level security.',
				HINT = CASE WHEN can_be_protected THEN format('Call auth.protect(%L) before you grant privileges on it; where default privileges do, create it in another schema, protect it and move it.', one.target)
					ELSE 'It can have none: keep it in another schema, behind a view that chooses the rows.' END;
		END IF;
		RAISE WARNING USING ERRCODE = 'insufficient_privilege',
			MESSAGE = format('table %s is open to %s', one.target, one.reached_by),
			HINT = CASE WHEN can_be_protected THEN format('SELECT * FROM auth.protect(%L);', one.target)
				ELSE format('REVOKE ALL ON TABLE %s FROM PUBLIC, anon, authenticated, auth_platform;', one.target) END;
	END LOOP;
END
$$;
COMMENT ON FUNCTION auth._ddl_guard(boolean) IS 'warns about, or refuses, tables of exposed schemas that API roles reach without row level security';
REVOKE ALL ON FUNCTION auth._ddl_guard(boolean) FROM PUBLIC;

CREATE OR REPLACE FUNCTION auth._ddl_guard_warn() RETURNS event_trigger
LANGUAGE plpgsql
VOLATILE
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	PERFORM auth._ddl_guard(false);
END
$$;
COMMENT ON FUNCTION auth._ddl_guard_warn() IS 'event trigger of auth.guard_ddl: warns';
REVOKE ALL ON FUNCTION auth._ddl_guard_warn() FROM PUBLIC;

CREATE OR REPLACE FUNCTION auth._ddl_guard_refuse() RETURNS event_trigger
LANGUAGE plpgsql
VOLATILE
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	PERFORM auth._ddl_guard(true);
END
$$;
COMMENT ON FUNCTION auth._ddl_guard_refuse() IS 'event trigger of auth.guard_ddl: refuses';
REVOKE ALL ON FUNCTION auth._ddl_guard_refuse() FROM PUBLIC;

CREATE OR REPLACE FUNCTION auth.guard_ddl("on" boolean, refuse boolean DEFAULT false) RETURNS void
LANGUAGE plpgsql
VOLATILE
STRICT
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	one record;
BEGIN
	-- not a member of the extension, so that a dump has it
	IF EXISTS (SELECT FROM pg_event_trigger WHERE evtname = 'intrex_auth_guard') THEN
		DROP EVENT TRIGGER intrex_auth_guard;
	END IF;
	IF "on" THEN
		EXECUTE format('CREATE EVENT TRIGGER intrex_auth_guard ON ddl_command_end
			WHEN TAG IN (''CREATE TABLE'', ''CREATE TABLE AS'', ''SELECT INTO'', ''ALTER TABLE'', ''GRANT'', ''IMPORT FOREIGN SCHEMA'',
				''CREATE FOREIGN TABLE'', ''ALTER FOREIGN TABLE'', ''CREATE MATERIALIZED VIEW'', ''ALTER MATERIALIZED VIEW'',
				''CREATE SCHEMA'', ''ALTER SCHEMA'')
			EXECUTE FUNCTION auth.%I()', CASE WHEN refuse THEN '_ddl_guard_refuse' ELSE '_ddl_guard_warn' END);
		-- of what is open already each GRANT would tell, whatever it grants
		FOR one IN
			SELECT * FROM auth.unprotected_tables(string_to_array(replace(current_setting('intrex_auth.exposed_schemas'), ' ', ''), ',')) AS t
		LOOP
			RAISE WARNING USING ERRCODE = 'insufficient_privilege',
				MESSAGE = format('table %s is already open to %s', one.target, one.reached_by),
				HINT = CASE WHEN refuse THEN 'Until it is protected or its privileges are revoked, every GRANT is refused.'
					ELSE format('SELECT * FROM auth.protect(%L); or revoke these privileges.', one.target) END;
		END LOOP;
	END IF;
END
$$;
COMMENT ON FUNCTION auth.guard_ddl(boolean, boolean) IS
'Watches over commands that create or change tables or grant privileges: warns of, or refuses, a table in intrex_auth.exposed_schemas that API roles reach without row level security. Off by default; needs a superuser.';
REVOKE ALL ON FUNCTION auth.guard_ddl(boolean, boolean) FROM PUBLIC;
