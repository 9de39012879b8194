-- schemas and roles
--
-- Roles belong to the whole cluster: they are created where missing and never
-- dropped.  An existing one is adopted unless its powers would make a hole.

DO $$
DECLARE
	name pg_catalog.text;
	role pg_catalog.pg_roles;
BEGIN
	FOREACH name IN ARRAY ARRAY['anon', 'authenticated', 'auth_admin', 'auth_platform', 'auth_owner'] LOOP
		SELECT r.* INTO role FROM pg_catalog.pg_roles AS r
			WHERE r.rolname OPERATOR(pg_catalog.=) name::pg_catalog.name;
		IF NOT FOUND THEN
			EXECUTE pg_catalog.format('CREATE ROLE %I NOLOGIN NOINHERIT', name);
		ELSIF role.rolsuper OR role.rolbypassrls OR role.rolcreaterole THEN
			RAISE EXCEPTION USING
				ERRCODE = 'object_not_in_prerequisite_state',
				MESSAGE = pg_catalog.format('role "%s" exists and has powers that intrex_auth cannot adopt', name),
				DETAIL = 'It is a superuser, or has BYPASSRLS or CREATEROLE.',
				HINT = pg_catalog.format('ALTER ROLE %I NOSUPERUSER NOBYPASSRLS NOCREATEROLE', name);
		ELSIF name OPERATOR(pg_catalog.=) 'auth_owner' AND role.rolcanlogin THEN
			RAISE EXCEPTION USING
				ERRCODE = 'object_not_in_prerequisite_state',
				MESSAGE = 'role "auth_owner" exists and can log in',
				DETAIL = 'Who logs in as the owner of the tables reads and writes everything in them.',
				HINT = 'ALTER ROLE auth_owner NOLOGIN';
		END IF;
	END LOOP;
END
$$;

-- the database role of platform administrators can do what users can
ALTER ROLE auth_platform INHERIT;
GRANT authenticated TO auth_platform;

CREATE SCHEMA auth;
COMMENT ON SCHEMA auth IS 'intrex_auth: who is asking, primitives, guards, administration and tables';
REVOKE ALL ON SCHEMA auth FROM PUBLIC;
GRANT USAGE ON SCHEMA auth TO anon, authenticated, auth_admin;

CREATE SCHEMA auth_api;
COMMENT ON SCHEMA auth_api IS 'intrex_auth: the endpoints, for PostgREST''s db-schemas';
REVOKE ALL ON SCHEMA auth_api FROM PUBLIC;
GRANT USAGE ON SCHEMA auth_api TO anon, authenticated;
