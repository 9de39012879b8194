-- the last word on ownership and privileges
--
-- Tables and functions belong to auth_owner, so that no endpoint runs
-- as the installing superuser.  A role with the rights of auth_owner can replace its
-- functions: so what event triggers run for every superuser who changes a schema, the
-- functions of the key file and others for superusers alone stay the superuser's, with
-- all that they call; test/sql/catalog.sql looks at that.
-- EXECUTE is nobody's unless it was granted above.

DO $$
DECLARE
	member pg_catalog.record;
	superusers_own CONSTANT pg_catalog.text[] := ARRAY[
		'auth.key_create', 'auth.key_rotate', 'auth.key_import', 'auth.key_export', 'auth._key_file_ensure',
		'auth.key_standby', 'auth.key_promote', 'auth.key_retire', 'auth.key_delete', 'auth.key_uses',
		'auth._key_retire', 'auth._key_delete', 'auth._key_lock', 'auth._key_demand_unneeded',
		'auth.keys', 'auth._plain_count', 'auth._seconds', 'auth._demand_read_committed', 'auth._fail',
		'auth._watch_drops', 'auth.issuer_adopt', 'auth.triggers_reset', 'auth._triggers',
		'auth._foreign_keys',
		'auth._watch_publications', 'auth._warn_of_publication', 'auth._publication_instead', 'auth._published_secrets',
		'auth._attach_guard', 'auth._attached_code', 'auth._tables_touched',
		'auth.guard_ddl', 'auth._ddl_guard', 'auth._ddl_guard_warn', 'auth._ddl_guard_refuse',
		'auth.unprotected_tables'];
BEGIN
	FOR member IN
		SELECT c.oid::pg_catalog.regclass AS name, c.relkind
		FROM pg_catalog.pg_class AS c
		WHERE c.relnamespace OPERATOR(pg_catalog.=) ANY (ARRAY['auth', 'auth_api']::pg_catalog.regnamespace[]::pg_catalog.oid[])
			AND c.relkind OPERATOR(pg_catalog.=) ANY (ARRAY['r', 'p', 'v', 'S']::pg_catalog."char"[])
			-- a sequence of an identity column follows its table
			AND NOT (c.relkind OPERATOR(pg_catalog.=) 'S' AND EXISTS (
				SELECT FROM pg_catalog.pg_depend AS d
				WHERE d.classid OPERATOR(pg_catalog.=) 'pg_catalog.pg_class'::pg_catalog.regclass
					AND d.objid OPERATOR(pg_catalog.=) c.oid
					AND d.deptype OPERATOR(pg_catalog.=) ANY (ARRAY['a', 'i']::pg_catalog."char"[])))
	LOOP
		EXECUTE pg_catalog.format('ALTER %s %s OWNER TO auth_owner',
			CASE member.relkind WHEN 'v' THEN 'VIEW' WHEN 'S' THEN 'SEQUENCE' ELSE 'TABLE' END, member.name);
		EXECUTE pg_catalog.format('REVOKE ALL ON %s %s FROM PUBLIC',
			CASE member.relkind WHEN 'S' THEN 'SEQUENCE' ELSE 'TABLE' END, member.name);
	END LOOP;

	FOR member IN
		SELECT p.oid::pg_catalog.regprocedure AS signature,
			(n.nspname::pg_catalog.text OPERATOR(pg_catalog.||) '.' OPERATOR(pg_catalog.||) p.proname::pg_catalog.text) AS name
		FROM pg_catalog.pg_proc AS p
		JOIN pg_catalog.pg_namespace AS n ON n.oid OPERATOR(pg_catalog.=) p.pronamespace
		WHERE n.nspname OPERATOR(pg_catalog.=) ANY (ARRAY['auth', 'auth_api']::pg_catalog.name[])
	LOOP
		EXECUTE pg_catalog.format('REVOKE ALL ON FUNCTION %s FROM PUBLIC', member.signature);
		IF NOT (member.name OPERATOR(pg_catalog.=) ANY (superusers_own)) THEN
			EXECUTE pg_catalog.format('ALTER FUNCTION %s OWNER TO auth_owner', member.signature);
		END IF;
	END LOOP;
END
$$;

-- Who owns a schema can rename it, and put another in its place for what names it.
GRANT USAGE ON SCHEMA auth, auth_api TO auth_owner;
