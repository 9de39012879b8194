-- sql/78_test_isolation.sql: tries every command across tenants, and takes it back.
-- Depends on 70_protect.sql. For superusers: it becomes a member of a tenant.

-- Views that go around the policies of a table, and what can be done through them.
CREATE OR REPLACE FUNCTION auth._isolation_views(target regclass, isolating_column name)
	RETURNS TABLE (relation regclass, tells boolean, insertable boolean, updatable boolean, deletable boolean)
	LANGUAGE sql STABLE
	SET search_path = pg_catalog, pg_temp
	AS $$
	-- of the events of pg_relation_is_updatable: 4 is UPDATE, 8 is INSERT, 16 is DELETE
	SELECT v.relation, c.tells, c.tells AND c.events & 8 <> 0,
		c.tells AND c.events & 4 <> 0 AND has_column_privilege(o.relowner, target, isolating_column, 'UPDATE'),
		c.events & 16 <> 0 AND has_table_privilege(o.relowner, target, 'DELETE')
	FROM auth._protect_reading_views(target) AS v
	JOIN pg_class AS o ON o.oid = v.relation
	CROSS JOIN LATERAL (SELECT pg_relation_is_updatable(v.relation, true) AS events,
		EXISTS (SELECT FROM pg_attribute WHERE attrelid = v.relation AND attname = isolating_column AND NOT attisdropped) AS tells) AS c
$$;
COMMENT ON FUNCTION auth._isolation_views(regclass, name) IS 'views that read a table with the rights of their owner: whether they tell whose row it is, and what can be done through them';
REVOKE ALL ON FUNCTION auth._isolation_views(regclass, name) FROM PUBLIC;

-- SET ROLE alone would let code of the table's owner reset it, and be the superuser.
CREATE OR REPLACE FUNCTION auth._isolation_try(role text, statement text, counts boolean) RETURNS bigint
	LANGUAGE c VOLATILE STRICT
	AS 'MODULE_PATHNAME', 'intrex_auth_isolation_try';
COMMENT ON FUNCTION auth._isolation_try(text, text, boolean) IS 'runs a statement as anon, authenticated or auth_platform, in a way that nothing in it can become the superuser who asks; returns the number of rows that it met, or that it counts';
REVOKE ALL ON FUNCTION auth._isolation_try(text, text, boolean) FROM PUBLIC;

-- Is a relation with the name of an entry the table that it was made for? auth_admin
-- writes entries, and what is tested is granted to the API roles meanwhile: so its
-- owner must have let it have a trigger of ours. One that is disabled counts, too.
CREATE OR REPLACE FUNCTION auth._isolation_testable(target oid, entry auth.protected_tables) RETURNS boolean
	LANGUAGE sql STABLE
	SET search_path = pg_catalog, pg_temp
	AS $$
	SELECT EXISTS (
		SELECT FROM pg_class AS c
		JOIN pg_namespace AS n ON n.oid = c.relnamespace
		JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attname = coalesce((entry).tenant_column, (entry).owner_column) AND NOT a.attisdropped
		JOIN pg_trigger AS t ON t.tgrelid = c.oid AND t.tgfoid IN ('auth.tenant_immutable()'::regprocedure, 'auth.columns_guard()'::regprocedure)
		WHERE c.oid = target AND c.relkind IN ('r', 'p') AND a.atttypid = 'uuid'::regtype
			AND n.nspname NOT IN ('auth', 'auth_api', 'pg_catalog', 'information_schema'))
$$;
COMMENT ON FUNCTION auth._isolation_testable(oid, auth.protected_tables) IS 'whether a relation is a table that auth.protect has protected, with a column of the type that isolates it';
REVOKE ALL ON FUNCTION auth._isolation_testable(oid, auth.protected_tables) FROM PUBLIC;

-- What a table has that trying finds by chance only: policies of others, which may
-- let in somebody else than those who try, and parts that auth.protect has not seen.
CREATE OR REPLACE FUNCTION auth._isolation_loopholes(target regclass)
	RETURNS TABLE (target_part text, command text, verdict text, detail text)
	LANGUAGE sql STABLE
	SET search_path = pg_catalog, pg_temp
	AS $$
	SELECT target::text, 'policies of others', 'unclear', string_agg(format('%I', p.polname), ', ' ORDER BY p.polname)
	FROM pg_policy AS p
	WHERE p.polrelid = target AND p.polpermissive AND p.polname NOT IN (SELECT policy FROM auth._protect_policies(target))
	HAVING count(*) > 0
	UNION ALL
	SELECT c.oid::regclass::text, 'auth.protect() again',
		CASE WHEN r.roles IS NULL OR c.relrowsecurity THEN 'changed' ELSE 'LEAK' END,
		format('a part of %s that auth.protect has not seen', target) || coalesce(', open to ' || r.roles, '')
	FROM pg_inherits AS i
	JOIN pg_class AS c ON c.oid = i.inhrelid AND c.relkind IN ('r', 'p')
	CROSS JOIN LATERAL (
		SELECT string_agg(a.role, ', ') AS roles FROM unnest(ARRAY['anon', 'authenticated', 'auth_platform']) AS a (role)
		WHERE has_table_privilege(a.role, c.oid, 'SELECT, INSERT, UPDATE, DELETE') OR has_any_column_privilege(a.role, c.oid, 'SELECT, INSERT, UPDATE')) AS r
	WHERE i.inhparent = target AND (auth._protect_entry(c.oid)).id IS NULL
$$;
COMMENT ON FUNCTION auth._isolation_loopholes(regclass) IS 'what auth.test_isolation reads from the catalog: policies of others on a table, and parts of it that are not protected';
REVOKE ALL ON FUNCTION auth._isolation_loopholes(regclass) FROM PUBLIC;

-- The commands to try on a table: rows of other tenants (in a table without tenants:
-- of other users) must not be met, and rows for them must be refused.
CREATE OR REPLACE FUNCTION auth._isolation_commands(target regclass, isolating_column name, own uuid, other uuid)
	RETURNS TABLE (command text, statement text, counts boolean, refused boolean)
	LANGUAGE sql STABLE
	SET search_path = pg_catalog, pg_temp
	AS $$
	SELECT c.command, format(c.template, target, isolating_column, quote_literal(own), quote_literal(other)), c.counts, c.refused
	FROM (VALUES
		('SELECT', 'SELECT count(*) FROM %1$s WHERE %2$I IS DISTINCT FROM %3$s', true, false),
		('SELECT by key', 'SELECT count(*) FROM %1$s WHERE %2$I = %4$s', true, false),
		('COPY (its query)', 'SELECT count(*) FROM (SELECT t.*::text FROM %1$s AS t WHERE %2$I IS DISTINCT FROM %3$s) AS s', true, false),
		('SELECT FOR UPDATE', 'SELECT count(*) FROM (SELECT FROM %1$s WHERE %2$I IS DISTINCT FROM %3$s FOR UPDATE) AS s', true, false),
		('UPDATE of other rows', 'UPDATE %1$s SET %2$I = %2$I WHERE %2$I IS DISTINCT FROM %3$s', false, false),
		('UPDATE to another', 'UPDATE %1$s SET %2$I = %4$s', false, true),
		('DELETE', 'DELETE FROM %1$s WHERE %2$I IS DISTINCT FROM %3$s', false, false),
		('INSERT', 'INSERT INTO %1$s (%2$I) VALUES (%4$s)', false, true),
		('MERGE', 'MERGE INTO %1$s AS t USING (SELECT %4$s::uuid AS other) AS s ON t.%2$I = s.other WHEN MATCHED THEN DELETE', false, false),
		('MERGE of a new row', 'MERGE INTO %1$s AS t USING (SELECT %4$s::uuid AS other) AS s ON false WHEN NOT MATCHED THEN INSERT (%2$I) VALUES (s.other)', false, true),
		('TRUNCATE', 'TRUNCATE %1$s', false, true)
	) AS c (command, template, counts, refused)
	UNION ALL
	SELECT format('INSERT into %s', v.relation), format('INSERT INTO %s (%I) VALUES (%L)', v.relation, isolating_column, other), false, true
	FROM auth._isolation_views(target, isolating_column) AS v
	WHERE v.insertable AND has_column_privilege('authenticated', v.relation, isolating_column, 'INSERT')
$$;
COMMENT ON FUNCTION auth._isolation_commands(regclass, name, uuid, uuid) IS 'the commands that auth.test_isolation tries on a table';
REVOKE ALL ON FUNCTION auth._isolation_commands(regclass, name, uuid, uuid) FROM PUBLIC;

-- What a stranger tries, who has no rows: whatever he meets is a leak. Without WHERE,
-- UPDATE and DELETE read no column, and the policies for SELECT do not hold them
-- back: those for UPDATE and DELETE stand alone. A view that shows him something is
-- one only if it has the column that tells whose row it is.
CREATE OR REPLACE FUNCTION auth._isolation_of_strangers(target regclass, isolating_column name, own uuid)
	RETURNS TABLE (command text, statement text, counts boolean, as_role text, found text)
	LANGUAGE sql STABLE
	SET search_path = pg_catalog, pg_temp
	AS $$
	SELECT c.command, format(c.template, target, isolating_column, quote_literal(own)), c.counts, c.as_role, 'LEAK'
	FROM (VALUES
		('SELECT by anon', 'SELECT count(*) FROM %1$s', true, 'anon'),
		('SELECT by auth_platform', 'SELECT count(*) FROM %1$s', true, 'auth_platform'),
		('UPDATE of all', 'UPDATE %1$s SET %2$I = %3$s', false, 'authenticated'),
		('DELETE of all', 'DELETE FROM %1$s', false, 'authenticated')
	) AS c (command, template, counts, as_role)
	UNION ALL
	SELECT format('SELECT from %s by %s', v.relation, r.role), format('SELECT count(*) FROM %s', v.relation), true, r.role,
		CASE WHEN v.tells THEN 'LEAK' ELSE 'unclear' END
	FROM auth._isolation_views(target, isolating_column) AS v CROSS JOIN unnest(ARRAY['anon', 'authenticated']) AS r (role)
	WHERE has_any_column_privilege(r.role, v.relation, 'SELECT')
	UNION ALL
	SELECT format('UPDATE of %s by %s', v.relation, r.role), format('UPDATE %s SET %I = %L', v.relation, isolating_column, own), false, r.role, 'LEAK'
	FROM auth._isolation_views(target, isolating_column) AS v CROSS JOIN unnest(ARRAY['anon', 'authenticated']) AS r (role)
	WHERE v.updatable AND has_schema_privilege(r.role, (SELECT relnamespace FROM pg_class WHERE oid = v.relation), 'USAGE') AND has_column_privilege(r.role, v.relation, isolating_column, 'UPDATE')
	UNION ALL
	SELECT format('DELETE from %s by %s', v.relation, r.role), format('DELETE FROM %s', v.relation), false, r.role, 'LEAK'
	FROM auth._isolation_views(target, isolating_column) AS v CROSS JOIN unnest(ARRAY['anon', 'authenticated']) AS r (role)
	WHERE v.deletable AND has_schema_privilege(r.role, (SELECT relnamespace FROM pg_class WHERE oid = v.relation), 'USAGE') AND has_table_privilege(r.role, v.relation, 'DELETE')
	UNION ALL
	-- functions that give rows of the table with the rights of their owner
	SELECT format('SELECT from %s by %s', f.oid::regprocedure, r.role),
		format('SELECT count(*) FROM %s() WHERE %I IS NOT NULL', f.oid::regproc, isolating_column), true, r.role, 'LEAK'
	FROM pg_proc AS f JOIN pg_class AS c ON c.reltype = f.prorettype CROSS JOIN unnest(ARRAY['anon', 'authenticated']) AS r (role)
	WHERE c.oid = target AND f.prosecdef AND f.prokind = 'f' AND f.pronargs = f.pronargdefaults AND has_function_privilege(r.role, f.oid, 'EXECUTE')
$$;
COMMENT ON FUNCTION auth._isolation_of_strangers(regclass, name, uuid) IS 'what auth.test_isolation tries as somebody who has no rows; found: what it means if he meets one';
REVOKE ALL ON FUNCTION auth._isolation_of_strangers(regclass, name, uuid) FROM PUBLIC;

CREATE OR REPLACE FUNCTION auth.test_isolation(relation regclass DEFAULT NULL)
	RETURNS TABLE (target text, command text, verdict text, detail text)
	LANGUAGE plpgsql VOLATILE
	-- with it off, as after reading a dump, every policy refuses what it would let through
	SET search_path = pg_catalog, pg_temp SET row_security = on SET quote_all_identifiers = off SET lc_messages = 'C'
	AS $$
#variable_conflict use_variable
DECLARE
	entry record;
	try record;
	alone boolean;
	empty boolean;
	met bigint;
	state text;
	message text;
	held uuid[];
	own uuid;
	other uuid;
	visitor CONSTANT uuid := gen_random_uuid();
	session CONSTANT uuid := gen_random_uuid();
	strange_session CONSTANT uuid := gen_random_uuid();
	visitor_role CONSTANT text := 'visitor_' || left(replace(visitor::text, '-', ''), 16);
	visitor_own_role CONSTANT text := visitor_role || '_own';
	person uuid;
	tenant uuid;
	results jsonb := '[]';
BEGIN
	IF NOT (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) THEN
		RAISE EXCEPTION USING ERRCODE = 'insufficient_privilege', MESSAGE = 'permission denied to test the isolation', HINT = 'Only superusers may.';
	ELSIF relation IS NOT NULL AND auth._isolation_testable(relation, auth._protect_entry(relation)) IS NOT TRUE THEN
		RAISE EXCEPTION USING ERRCODE = 'object_not_in_prerequisite_state',
			MESSAGE = format('table %s is not protected, or was renamed since', relation),
			HINT = format('SELECT * FROM auth.protect(%L);', relation);
	END IF;
	-- whether anything can be tried here at all
	PERFORM auth._isolation_try('anon', 'SELECT 0::bigint', true);
	-- what is registered and is not there is not tried
	SELECT results || coalesce(jsonb_agg(jsonb_build_object('target', NULL, 'command', 'auth.protect() again',
			'verdict', 'changed', 'detail', s.statement)), '[]')
		INTO results
		FROM (
			SELECT r.statement FROM auth._protect_renamed() AS r
			UNION ALL
			SELECT w.warning FROM auth._protect_stale() AS w WHERE NOT EXISTS (SELECT FROM auth._protect_renamed())
			UNION ALL
			SELECT auth._protect_warning(format('%I.%I is not what auth.protect has protected', t.schema_name, t.table_name), NULL)
			FROM auth.protected_tables AS t
			JOIN pg_namespace AS n ON n.nspname = t.schema_name
			JOIN pg_class AS c ON c.relnamespace = n.oid AND c.relname = t.table_name
			WHERE NOT auth._isolation_testable(c.oid, t)) AS s
		WHERE relation IS NULL;
	BEGIN
		-- auth.guard_ddl is not to refuse what is granted below
		PERFORM set_config('intrex_auth.exposed_schemas', '', true);
		PERFORM set_config('session_replication_role', 'origin', true);
		-- a role that may do everything in its tenant, so that nothing but the tenant is
		-- in the way, and one that may do everything with its own
		INSERT INTO auth.roles (name, rank) VALUES (visitor_role, 0), (visitor_own_role, 0);
		INSERT INTO auth.role_permissions (role_id, resource, action, scope)
			SELECT r.id, s.name, a, CASE r.name WHEN visitor_role THEN 'tenant' ELSE 'own' END
			FROM auth.roles AS r, auth.resources AS s, unnest(s.actions) AS a WHERE r.name IN (visitor_role, visitor_own_role);
		INSERT INTO auth.users (id, email) VALUES (visitor, visitor || '@isolation.test');
		INSERT INTO auth.tenants (id, name) VALUES (visitor, 'isolation test'), (session, 'isolation test');
		INSERT INTO auth.memberships (tenant_id, user_id, role) VALUES (session, visitor, visitor_role);
		INSERT INTO auth.sessions (id, user_id, tenant_id) VALUES (strange_session, visitor, session);
		FOR entry IN
			SELECT c.oid::regclass AS name, coalesce(t.tenant_column, t.owner_column) AS isolating_column, t.tenant_column IS NULL AS of_users
			FROM auth.protected_tables AS t
			JOIN pg_namespace AS n ON n.nspname = t.schema_name
			JOIN pg_class AS c ON c.relnamespace = n.oid AND c.relname = t.table_name
			JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attname = coalesce(t.tenant_column, t.owner_column) AND NOT a.attisdropped
			WHERE (relation IS NULL OR c.oid = relation) AND auth._isolation_testable(c.oid, t)
			ORDER BY c.oid::regclass::text
		LOOP
			-- the code of one table is not to meet what is granted on another
			BEGIN
				-- a tenant, or a user, with rows if there is one, and another one
				held := auth._plain_values(entry.name, entry.isolating_column);
				own := held[1];
				other := held[2];
				alone := other IS NULL;
				empty := own IS NULL;
				own := coalesce(own, visitor);
				other := coalesce(other, session);
				person := CASE WHEN entry.of_users THEN own ELSE visitor END;
				tenant := CASE WHEN entry.of_users THEN visitor ELSE own END;
				IF entry.of_users THEN
					INSERT INTO auth.users (id, email) VALUES (person, person || '@isolation.test') ON CONFLICT DO NOTHING;
					UPDATE auth.users AS u SET banned_until = NULL WHERE u.id = person AND u.banned_until IS NOT NULL;
				END IF;
				DELETE FROM auth.memberships AS m WHERE (m.tenant_id, m.user_id) = (tenant, person);
				INSERT INTO auth.memberships (tenant_id, user_id, role)
					VALUES (tenant, person, CASE WHEN entry.of_users THEN visitor_own_role ELSE visitor_role END);
				DELETE FROM auth.sessions WHERE id = session;
				INSERT INTO auth.sessions (id, user_id, tenant_id) VALUES (session, person, tenant);
				-- what does not show: a trigger and a policy hold the same row
				results := results || (
					SELECT jsonb_build_object('target', entry.name::text, 'command', 'auth.protect() again',
						'verdict', CASE count(*) WHEN 0 THEN 'ok' ELSE 'changed' END, 'detail', string_agg(p.statement, '; '))
					FROM auth._protect_plan(entry.name) AS p);
				results := results || coalesce((
					SELECT jsonb_agg(jsonb_build_object('target', l.target_part, 'command', l.command, 'verdict', l.verdict, 'detail', l.detail))
					FROM auth._isolation_loopholes(entry.name) AS l), '[]');
				EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON %s TO authenticated', entry.name);
				EXECUTE format('GRANT USAGE ON SCHEMA %s TO authenticated', (SELECT relnamespace::regnamespace FROM pg_class WHERE oid = entry.name));
				UPDATE auth.memberships AS m SET role = CASE WHEN entry.of_users THEN visitor_own_role ELSE visitor_role END
					WHERE (m.tenant_id, m.user_id) = (session, visitor);
				FOR try IN
					SELECT c.*, 'authenticated' AS as_role, NULL AS found FROM auth._isolation_commands(entry.name, entry.isolating_column, own, other) AS c
					UNION ALL
					SELECT c.command, c.statement, c.counts, false, c.as_role, c.found
					FROM auth._isolation_of_strangers(entry.name, entry.isolating_column, CASE WHEN entry.of_users THEN visitor ELSE session END) AS c
				LOOP
					-- unless it comes to its end
					state := 'P9999';
					message := 'ended by code of the table';
					BEGIN
						PERFORM set_config('intrex_auth.token', '', true);
						IF try.as_role <> 'anon' THEN
							PERFORM auth.authenticate(auth.jwt_sign(CASE WHEN try.found IS NULL
								THEN jsonb_build_object('sub', person, 'session_id', session, 'tenant_id', tenant, 'role', 'authenticated')
								ELSE jsonb_build_object('sub', visitor, 'session_id', strange_session, 'tenant_id', session, 'role', 'authenticated') END));
						END IF;
						-- triggers would refuse what policies let through
						PERFORM set_config('session_replication_role', 'replica', true) WHERE try.found IS NOT NULL;
						met := auth._isolation_try(try.as_role, try.statement, try.counts);
						state := NULL;
						RAISE EXCEPTION USING ERRCODE = 'P9999';
					EXCEPTION
						WHEN SQLSTATE 'P9999' THEN
							NULL;
						WHEN OTHERS THEN
							GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, message = MESSAGE_TEXT;
					END;
					results := results || jsonb_build_object('target', entry.name::text, 'command', try.command,
						'verdict', CASE
							-- refused to us, and not to users
							WHEN state = '42501' AND message LIKE '%security-restricted operation%' THEN 'unclear'
							-- to be refused, a row must have been met
							WHEN try.found IS NOT NULL AND NOT try.counts AND (state = '42501' OR state LIKE '23%') THEN 'LEAK'
							WHEN try.found IS NOT NULL AND met > 0 AND state IS NULL THEN try.found
							WHEN try.found IS NOT NULL AND met = 0 AND state IS NULL THEN CASE WHEN empty THEN 'untested' ELSE 'ok' END
							WHEN state = '42501' THEN 'ok'
							-- policies come before constraints: this row had passed them
							WHEN state LIKE '23%' AND try.refused THEN 'LEAK'
							WHEN state IS NOT NULL THEN 'unclear'
							WHEN met = 0 AND alone AND NOT try.refused THEN 'untested'
							WHEN met = 0 AND try.command <> 'TRUNCATE' THEN 'ok'
							ELSE 'LEAK' END,
						'detail', CASE WHEN state IS NULL THEN format('%s rows%s', met, CASE WHEN try.found IS NOT NULL AND empty THEN ', and nobody has any'
							WHEN try.found IS NULL AND alone AND NOT try.refused THEN ', and no other has any' END) ELSE concat_ws(' ', state, message) END);
				END LOOP;
				RAISE EXCEPTION USING ERRCODE = 'P9998';
			EXCEPTION WHEN SQLSTATE 'P9998' THEN
				NULL;
			END;
		END LOOP;
		RAISE EXCEPTION USING ERRCODE = 'P9998';
	EXCEPTION WHEN SQLSTATE 'P9998' THEN
		NULL;
	END;
	RETURN QUERY SELECT r.target, r.command, r.verdict, r.detail
		FROM jsonb_to_recordset(results) AS r (target text, command text, verdict text, detail text);
END
$$;
COMMENT ON FUNCTION auth.test_isolation(regclass) IS
'Tries each command on each protected table across tenants, as a member who may do everything in his own, and takes all of it back: LEAK where a row of another tenant was met or made, untested where no other tenant has rows, changed where auth.protect() would mend something. Somebody who has no rows tries what reads no column, the roles anon and auth_platform, and the views and functions without arguments that read the table with their owner''s rights: unclear where a view shows him something and has no column for the tenant. Permissive policies that auth.protect did not make are unclear, too. In a table without tenants it tries them across users. Superusers only; triggers of the tables fire, and locks are held for its time.';
REVOKE ALL ON FUNCTION auth.test_isolation(regclass) FROM PUBLIC;
