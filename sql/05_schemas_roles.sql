-- schemas and roles
--
-- Roles belong to the whole cluster: they are created where missing and never
-- dropped.  An existing one is adopted, with the roles that have its rights, unless it would
-- make a hole; what it brings along is told by name.

DO $$
DECLARE
	ours CONSTANT text[] := ARRAY['anon', 'authenticated', 'auth_admin', 'auth_platform', 'auth_owner', 'auth_hook'];
	-- those that clients come as, and the one that the claims hook runs as
	powerless CONSTANT text[] := ARRAY['anon', 'authenticated', 'auth_platform', 'auth_hook'];
	name text;
	role pg_roles;
	held record;
BEGIN
	FOREACH name IN ARRAY ours LOOP
		SELECT r.* INTO role FROM pg_roles AS r WHERE r.rolname = name::name;
		IF NOT FOUND THEN
			EXECUTE format('CREATE ROLE %I NOLOGIN NOINHERIT', name);
		ELSIF role.rolsuper OR role.rolbypassrls OR role.rolcreaterole OR role.rolreplication THEN
			RAISE EXCEPTION USING
				ERRCODE = 'object_not_in_prerequisite_state',
				MESSAGE = format('role "%s" exists and has powers that intrex_auth cannot adopt', name),
				DETAIL = 'It is a superuser, or has BYPASSRLS, CREATEROLE or REPLICATION.',
				HINT = format('ALTER ROLE %I NOSUPERUSER NOBYPASSRLS NOCREATEROLE NOREPLICATION', name);
		ELSIF name IN ('auth_owner', 'auth_hook') AND role.rolcanlogin THEN
			RAISE EXCEPTION USING
				ERRCODE = 'object_not_in_prerequisite_state',
				MESSAGE = format('role "%s" exists and can log in', name),
				DETAIL = CASE name
					WHEN 'auth_owner' THEN 'Who logs in as the owner of the tables reads and writes everything in them.'
					ELSE 'Who logs in as it reads everything that the claims hook may read.' END,
				HINT = format('ALTER ROLE %I NOLOGIN', name);
		ELSIF name = 'auth_admin' AND role.rolcanlogin THEN
			RAISE WARNING USING MESSAGE = 'role "auth_admin" exists and can log in',
				DETAIL = 'Who logs in as it administers all users and tenants.', HINT = 'ALTER ROLE auth_admin NOLOGIN';
		ELSIF name = 'auth_hook' AND EXISTS (SELECT FROM pg_shdepend AS d
			WHERE d.refclassid = 'pg_authid'::regclass AND d.refobjid = role.oid AND d.deptype = 'o')
		THEN
			RAISE EXCEPTION USING
				ERRCODE = 'object_not_in_prerequisite_state',
				MESSAGE = 'role "auth_hook" exists and owns objects',
				DETAIL = 'Code of others runs as auth_hook, and could change what it owns.',
				HINT = 'REASSIGN OWNED BY auth_hook TO a role of yours, in each database where it owns something.';
		END IF;
	END LOOP;

	-- Whose rights a role of ours has, directly or not. From 16 on a membership may give
	-- nothing: a role that makes another without being a superuser has only ADMIN OPTION,
	-- which is the right to take the rest.
	FOR held IN
		WITH RECURSIVE edge AS (
			SELECT m.member, m.roleid, m.grantor FROM pg_auth_members AS m
			WHERE m.admin_option OR coalesce((to_jsonb(m) ->> 'set_option')::boolean, true)
				OR coalesce((to_jsonb(m) ->> 'inherit_option')::boolean, true)
		), reached AS (
			SELECT e.member AS role, e.roleid AS direct, e.grantor, e.roleid AS has
			FROM edge AS e JOIN pg_roles AS r ON r.oid = e.member WHERE r.rolname = ANY (ours)
			UNION
			SELECT c.role, c.direct, c.grantor, e.roleid FROM reached AS c JOIN edge AS e ON e.member = c.has
		)
		SELECT r.rolname AS role, d.rolname AS direct, h.rolname AS has, c.direct = c.has AS is_direct,
			format('REVOKE %I FROM %I', d.rolname, r.rolname)
				|| CASE WHEN current_setting('server_version_num')::integer >= 160000
					THEN format(' GRANTED BY %s', c.grantor::regrole) ELSE '' END AS remedy,
			CASE
				WHEN h.rolsuper OR h.rolbypassrls OR h.rolcreaterole OR h.rolreplication
					THEN 'That is a superuser, or has BYPASSRLS, CREATEROLE or REPLICATION.'
				WHEN h.rolname ~ '^pg_.*_server_'
					THEN 'That reads or writes files of the server, or runs programs there.'
				WHEN h.rolname = 'auth_owner' THEN 'That reads and writes all that intrex_auth keeps.'
				WHEN h.rolname IN ('auth_admin', 'auth_hook', 'pg_read_all_data', 'pg_write_all_data')
						AND r.rolname = ANY (powerless)
					THEN 'Clients, or the code of others, would have these rights.'
			END AS refused
		FROM reached AS c
		JOIN pg_roles AS r ON r.oid = c.role
		JOIN pg_roles AS d ON d.oid = c.direct
		JOIN pg_roles AS h ON h.oid = c.has
		-- this one is ours
		WHERE (r.rolname, d.rolname) <> ('auth_platform', 'authenticated')
		ORDER BY r.rolname, d.rolname, h.rolname
	LOOP
		IF held.refused IS NOT NULL THEN
			RAISE EXCEPTION USING
				ERRCODE = 'object_not_in_prerequisite_state',
				MESSAGE = format('role "%s" exists and has the rights of "%s"', held.role, held.has),
				DETAIL = held.refused,
				HINT = held.remedy;
		ELSIF held.is_direct THEN
			RAISE WARNING USING
				MESSAGE = format('role "%s" exists and is a member of "%s"', held.role, held.direct),
				HINT = held.remedy;
		END IF;
	END LOOP;

	-- Who has the rights of a role of ours. Members of the roles that clients come as
	-- have no more than those: they are the login roles of applications.
	FOR held IN
		WITH RECURSIVE edge AS (
			SELECT m.member, m.roleid, m.grantor FROM pg_auth_members AS m
			WHERE m.admin_option OR coalesce((to_jsonb(m) ->> 'set_option')::boolean, true)
				OR coalesce((to_jsonb(m) ->> 'inherit_option')::boolean, true)
		), member AS (
			SELECT e.roleid AS role, e.member AS direct, e.grantor, e.member AS has
			FROM edge AS e JOIN pg_roles AS r ON r.oid = e.roleid
			WHERE r.rolname IN ('auth_owner', 'auth_admin', 'auth_hook')
			UNION
			SELECT c.role, c.direct, c.grantor, e.member FROM member AS c JOIN edge AS e ON e.roleid = c.has
		)
		SELECT r.rolname AS role, h.rolname AS has,
			format('REVOKE %I FROM %I', r.rolname, d.rolname)
				|| CASE WHEN current_setting('server_version_num')::integer >= 160000
					THEN format(' GRANTED BY %s', c.grantor::regrole) ELSE '' END AS remedy
		FROM member AS c
		JOIN pg_roles AS r ON r.oid = c.role
		JOIN pg_roles AS d ON d.oid = c.direct
		JOIN pg_roles AS h ON h.oid = c.has
		WHERE NOT h.rolsuper
		ORDER BY r.rolname, h.rolname
	LOOP
		RAISE WARNING USING
			MESSAGE = format('role "%s" exists, and "%s" has its rights', held.role, held.has),
			DETAIL = CASE held.role
				WHEN 'auth_owner' THEN 'It reads and writes all that intrex_auth keeps, password hashes too.'
				WHEN 'auth_admin' THEN 'It administers all users and tenants.'
				ELSE 'It reads everything that the claims hook may read.' END,
			HINT = 'Unless it is meant to: ' || held.remedy;
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
