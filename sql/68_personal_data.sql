-- sql/68_personal_data.sql: everything that belongs to a user: finding and exporting it.
-- Depends on 10_tables.sql, 12_protected_tables.sql, 16_consent_tables.sql, 45_audit.sql and src/personal.c.
--
-- What belongs to a user is found in the catalog: foreign keys to auth.users and to
-- our tables about users, the owner and assignee columns of protected tables, and
-- from rows found so those that foreign keys would delete along with them, or that
-- cannot be without them.
--
-- Rows of application tables are read and changed with whose rights?  Never with
-- those of auth_owner, whom this file runs as: triggers, policies and casts of the
-- tables' owners would run so.  See src/personal.c.

CREATE OR REPLACE FUNCTION auth._owned_rows(target regclass, columns name[], keys jsonb, reader name, max_rows integer, max_bytes integer) RETURNS jsonb
	LANGUAGE c VOLATILE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
	AS 'MODULE_PATHNAME', 'intrex_auth_owned_rows';
COMMENT ON FUNCTION auth._owned_rows(regclass, name[], jsonb, name, integer, integer) IS 'rows of an application table by key ([[value, …], …]), read as a role or, with NULL, as the owner of the table: {rows: {place: row}, truncated, bytes}; NULL when the role may not read them';
REVOKE ALL ON FUNCTION auth._owned_rows(regclass, name[], jsonb, name, integer, integer) FROM PUBLIC;

CREATE OR REPLACE FUNCTION auth._owned_change(target regclass, columns name[], keys jsonb, action text) RETURNS bigint
	LANGUAGE c VOLATILE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
	AS 'MODULE_PATHNAME', 'intrex_auth_owned_change';
COMMENT ON FUNCTION auth._owned_change(regclass, name[], jsonb, text) IS 'counts, deletes or clears (sets the columns to NULL) rows of an application table by key, as the owner of the table; returns how many';
REVOKE ALL ON FUNCTION auth._owned_change(regclass, name[], jsonb, text) FROM PUBLIC;

-- What belongs to a user --------------------------------------------------------

-- The one list of our columns that may be shown.  A column or table that is not
-- here is not exported: a secret cannot slip in by being forgotten.  Of tables in
-- brackets nothing is (test/sql/export.sql wants each table about users listed).
CREATE OR REPLACE FUNCTION auth._personal_tables() RETURNS TABLE (table_name name, user_column name, columns name[])
	LANGUAGE sql STABLE ROWS 10
	SET search_path = pg_catalog, pg_temp
	AS $$
	SELECT t.table_name, t.user_column, t.columns
	FROM (VALUES
		('users'::name, 'id'::name, '{id,email,phone,name,email_verified_at,phone_verified_at,is_super_admin,banned_until,ban_reason,profile,password_changed_at,created_at,updated_at}'::name[]),
		('memberships', 'user_id', '{tenant_id,user_id,role,unit_ids,is_default,created_at}'),
		('membership_history', 'user_id', '{tenant_id,user_id,role,unit_ids,from_at,until_at,from_event,until_event}'),
		('assignments', 'user_id', '{tenant_id,user_id,subject_id,ends_at,created_at}'),
		('sessions', 'user_id', '{id,user_id,tenant_id,expires_at,revoked_at,revoked_reason,aal,amr,address,user_agent,created_at}'),
		('last_sign_ins', 'user_id', '{user_id,at}'),
		('invitations', 'invited_by', '{id,tenant_id,role,unit_ids,invited_by,created_at,expires_at}'),
		('consents', 'user_id', '{id,user_id,purpose,granted,at,document_version,address}'),
		('password_history', 'user_id', '{}'),
		('personal_keys', 'user_id', '{}')
	) AS t (table_name, user_column, columns)
	JOIN pg_class AS c ON c.relnamespace = 'auth'::regnamespace AND c.relname = t.table_name
$$;
COMMENT ON FUNCTION auth._personal_tables() IS 'our tables about users, with the columns that an export shows';
REVOKE ALL ON FUNCTION auth._personal_tables() FROM PUBLIC;

CREATE OR REPLACE FUNCTION auth._column_names(relation oid, numbers smallint[]) RETURNS name[]
	LANGUAGE sql STABLE
	SET search_path = pg_catalog, pg_temp
	AS $$
	SELECT array_agg(a.attname ORDER BY n.position)
	FROM unnest(numbers) WITH ORDINALITY AS n (attnum, position)
	JOIN pg_attribute AS a ON a.attrelid = relation AND a.attnum = n.attnum
$$;
COMMENT ON FUNCTION auth._column_names(oid, smallint[]) IS 'names of columns by number';
REVOKE ALL ON FUNCTION auth._column_names(oid, smallint[]) FROM PUBLIC;

-- Keys of partitions come with those of their parents.
CREATE OR REPLACE FUNCTION auth._references_to(parent oid) RETURNS TABLE (relation regclass, columns name[], parent_columns name[], on_delete "char", is_part boolean, is_comparable boolean)
	LANGUAGE sql STABLE ROWS 10
	SET search_path = pg_catalog, pg_temp
	AS $$
	SELECT k.conrelid::regclass, auth._column_names(k.conrelid, k.conkey), auth._column_names(k.confrelid, k.confkey), k.confdeltype,
		-- a row that goes with the other one, or cannot be without it
		k.confdeltype = 'c' OR (k.confdeltype IN ('a', 'r') AND NOT EXISTS (
			SELECT FROM unnest(k.conkey) AS n (attnum)
			JOIN pg_attribute AS a ON a.attrelid = k.conrelid AND a.attnum = n.attnum
			WHERE NOT a.attnotnull)),
		-- src/personal.c finds rows by columns of built-in types
		NOT EXISTS (
			SELECT FROM unnest(k.conkey) AS n (attnum)
			JOIN pg_attribute AS a ON a.attrelid = k.conrelid AND a.attnum = n.attnum
			JOIN pg_type AS t ON t.oid = a.atttypid
			WHERE t.oid >= 16384 AND (t.typtype <> 'd' OR t.typbasetype >= 16384))
	FROM pg_constraint AS k
	JOIN pg_class AS c ON c.oid = k.conrelid
	WHERE k.contype = 'f' AND k.confrelid = parent AND k.conparentid = 0
		AND c.relkind IN ('r', 'p') AND c.relpersistence <> 't'
		AND c.relnamespace NOT IN ('auth'::regnamespace, 'auth_api'::regnamespace, 'pg_catalog'::regnamespace, 'information_schema'::regnamespace)
	ORDER BY k.conrelid::regclass::text, k.conname
$$;
COMMENT ON FUNCTION auth._references_to(oid) IS 'foreign keys of application tables to a table, whether their rows are part of those there, and whether rows can be found by them';
REVOKE ALL ON FUNCTION auth._references_to(oid) FROM PUBLIC;

-- The entry alone is not believed: auth_admin writes that table.  A trigger of
-- auth.protect, which bears the id of the entry, is there by the owner's will.
CREATE OR REPLACE FUNCTION auth._protected_columns() RETURNS TABLE (relation regclass, column_name name, is_owner boolean)
	LANGUAGE sql STABLE ROWS 10
	SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	AS $$
	SELECT c.oid::regclass, a.attname, v.is_owner
	FROM auth.protected_tables AS p
	JOIN pg_namespace AS n ON n.nspname = p.schema_name
	JOIN pg_class AS c ON c.relnamespace = n.oid AND c.relname = p.table_name AND c.relkind IN ('r', 'p') AND NOT c.relispartition
	CROSS JOIN LATERAL (VALUES (p.owner_column, true), (p.assignee_column, false)) AS v (column_name, is_owner)
	JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attname = v.column_name AND a.atttypid = 'uuid'::regtype
		AND a.attnum > 0 AND NOT a.attisdropped
	WHERE EXISTS (
		SELECT FROM pg_trigger AS t
		WHERE t.tgrelid = c.oid AND t.tgfoid IN ('auth.tenant_immutable()'::regprocedure, 'auth.columns_guard()'::regprocedure)
			-- the last argument, and the NUL after it
			AND left(right(encode(t.tgargs, 'escape'), 40), 36) = p.id::text)
	ORDER BY c.oid::regclass::text, v.is_owner DESC
$$;
COMMENT ON FUNCTION auth._protected_columns() IS 'columns of protected tables that name the owner or the assignee of a row';
REVOKE ALL ON FUNCTION auth._protected_columns() FROM PUBLIC;

-- What a foreign key to one of our tables compares with: [[value, …], …] of the user's rows there.
CREATE OR REPLACE FUNCTION auth._keys_of(user_id uuid, table_name name, user_column name, key_columns name[]) RETURNS jsonb
	LANGUAGE plpgsql STABLE
	SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	AS $$
DECLARE
	keys jsonb;
BEGIN
	EXECUTE format('SELECT jsonb_agg(jsonb_build_array(%s)) FROM auth.%I AS t WHERE t.%I = $1',
			(SELECT string_agg(format('t.%I', k.name), ', ' ORDER BY k.position) FROM unnest(key_columns) WITH ORDINALITY AS k (name, position)),
			table_name, user_column)
		INTO keys USING user_id;
	RETURN keys;
END
$$;
COMMENT ON FUNCTION auth._keys_of(uuid, name, name, name[]) IS 'the values of some columns in the rows of one of our tables about a user; NULL when there are none';
REVOKE ALL ON FUNCTION auth._keys_of(uuid, name, name, name[]) FROM PUBLIC;

-- on_delete as in pg_constraint; NULL: a registered column without a foreign key.
CREATE OR REPLACE FUNCTION auth._user_references(user_id uuid)
	RETURNS TABLE (relation regclass, columns name[], keys jsonb, on_delete "char", is_assignee boolean, is_clearable boolean, is_comparable boolean)
	LANGUAGE sql STABLE ROWS 10
	SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	AS $$
	WITH marked AS MATERIALIZED (
		SELECT p.relation, p.column_name, bool_or(p.is_owner) AS is_owner FROM auth._protected_columns() AS p GROUP BY 1, 2
	), keyed AS MATERIALIZED (
		SELECT r.relation, r.columns, auth._keys_of(_user_references.user_id, t.table_name, t.user_column, r.parent_columns) AS keys,
			r.on_delete, r.is_comparable, t.table_name
		FROM auth._personal_tables() AS t
		CROSS JOIN LATERAL auth._references_to(to_regclass(format('auth.%I', t.table_name))) AS r
	), direct AS (
		SELECT k.relation, k.columns, k.keys, k.on_delete,
			coalesce((SELECT NOT m.is_owner FROM marked AS m WHERE m.relation = k.relation AND ARRAY[m.column_name] = k.columns), false) AS is_assignee,
			k.table_name = 'users' AND cardinality(k.columns) = 1 AS is_single, k.is_comparable
		FROM keyed AS k
		UNION ALL
		SELECT m.relation, ARRAY[m.column_name], jsonb_build_array(jsonb_build_array(_user_references.user_id)), NULL, NOT m.is_owner, true, true
		FROM marked AS m
		WHERE NOT EXISTS (SELECT FROM keyed AS k WHERE k.relation = m.relation AND k.columns = ARRAY[m.column_name] AND k.table_name = 'users')
	)
	SELECT d.relation, d.columns, d.keys, d.on_delete, d.is_assignee,
		d.is_single AND NOT EXISTS (SELECT FROM pg_attribute AS a
			WHERE a.attrelid = d.relation AND a.attname = ANY (d.columns) AND (a.attnotnull OR a.attgenerated <> '')),
		d.is_comparable
	FROM direct AS d
	WHERE d.keys IS NOT NULL
	ORDER BY d.relation::text, d.columns
$$;
COMMENT ON FUNCTION auth._user_references(uuid) IS 'where application tables name a user: by foreign keys to our tables about him, and by the columns that auth.protect was told';
REVOKE ALL ON FUNCTION auth._user_references(uuid) FROM PUBLIC;

-- Export -----------------------------------------------------------------------

-- Whom a row names is told by its keys to any of our tables about users, and by the
-- columns of auth.protect.
CREATE OR REPLACE FUNCTION auth._naming(user_id uuid, relation regclass) RETURNS jsonb
	LANGUAGE plpgsql STABLE
	SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	AS $$
DECLARE
	own_key CONSTANT jsonb := jsonb_build_array(jsonb_build_array(user_id));
BEGIN
	RETURN (
		WITH keyed AS MATERIALIZED (
			SELECT r.columns, r.parent_columns, t.table_name, t.user_column
			FROM auth._personal_tables() AS t
			CROSS JOIN LATERAL auth._references_to(to_regclass(format('auth.%I', t.table_name))) AS r
			WHERE r.relation = _naming.relation AND r.is_comparable
		), named AS (
			-- the column of the user, where there is one: the rest of such a key may be null
			SELECT ARRAY[k.columns[array_position(k.parent_columns, k.user_column)]] AS columns, own_key AS his
			FROM keyed AS k WHERE k.user_column = ANY (k.parent_columns)
			UNION
			SELECT k.columns, coalesce(auth._keys_of(user_id, k.table_name, k.user_column, k.parent_columns), '[]')
			FROM keyed AS k WHERE k.user_column <> ALL (k.parent_columns)
			UNION
			SELECT ARRAY[p.column_name], own_key FROM auth._protected_columns() AS p WHERE p.relation = _naming.relation
		)
		SELECT coalesce(jsonb_agg(jsonb_build_object('columns', n.columns, 'his', n.his)), '[]') FROM named AS n);
END
$$;
COMMENT ON FUNCTION auth._naming(uuid, regclass) IS 'which columns of an application table name users, and the values that name this one: [{columns, his}]';
REVOKE ALL ON FUNCTION auth._naming(uuid, regclass) FROM PUBLIC;

-- Of the rows of a table those that are not somebody else's: of rows that are only
-- part of others, the ones that name other users are theirs.
CREATE OR REPLACE FUNCTION auth._without_others(naming jsonb, rows jsonb) RETURNS jsonb
	LANGUAGE sql IMMUTABLE
	SET search_path = pg_catalog, pg_temp
	AS $$
	SELECT jsonb_object_agg(e.key, e.value)
	FROM jsonb_each(rows) AS e
	WHERE (
		SELECT coalesce(bool_or(EXISTS (SELECT FROM jsonb_array_elements(n.value -> 'his') AS h (key) WHERE h.key = v.key)), true)
		FROM jsonb_array_elements(naming) AS n
		CROSS JOIN LATERAL (
			SELECT jsonb_agg(e.value -> c.name ORDER BY c.position), bool_and(e.value ->> c.name IS NOT NULL)
			FROM jsonb_array_elements_text(n.value -> 'columns') WITH ORDINALITY AS c (name, position)) AS v (key, is_whole)
		WHERE v.is_whole)
$$;
COMMENT ON FUNCTION auth._without_others(jsonb, jsonb) IS 'rows of an application table but those that name other users and not this one; what names them is told by auth._naming()';
REVOKE ALL ON FUNCTION auth._without_others(jsonb, jsonb) FROM PUBLIC;

-- Level by level; a row is taken up once, so circles end, and a chain of rows is
-- followed so far and no further, because each level costs.  Memory is bounded by the
-- bytes that are left, which each reading reduces.
CREATE OR REPLACE FUNCTION auth._export_tables(user_id uuid, reader name, max_rows integer, max_bytes integer) RETURNS jsonb
	LANGUAGE plpgsql VOLATILE
	SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	AS $$
DECLARE
	max_depth CONSTANT integer := 100;
	bytes_left integer := max_bytes;
	tables jsonb := '{}';
	truncated jsonb := '{}';
	unreadable jsonb := '{}';
	-- by oid of the table: who is named, and the rows found last, which are to be followed
	naming jsonb := '{}';
	level jsonb := '{}';
	next_level jsonb;
	depth integer := 0;
	work record;
	answer jsonb;
	known jsonb;
	fresh jsonb;
	title text;
	number text;
BEGIN
	LOOP
		next_level := '{}';
		FOR work IN
			SELECT r.relation, r.columns, r.keys, r.is_comparable, true AS is_direct
			FROM auth._user_references(user_id) AS r WHERE depth = 0
			UNION ALL
			SELECT r.relation, r.columns, (
				SELECT jsonb_agg(DISTINCT (SELECT jsonb_agg(e.value -> c.name ORDER BY c.n) FROM unnest(r.parent_columns) WITH ORDINALITY AS c (name, n)))
				FROM jsonb_each(f.value) AS e), r.is_comparable, false
			FROM jsonb_each(level) AS f
			CROSS JOIN LATERAL auth._references_to(f.key::oid) AS r WHERE r.is_part
		LOOP
			title := work.relation::text;
			known := coalesce(tables -> title, '{}');
			number := work.relation::oid::text;
			IF NOT work.is_comparable OR NOT coalesce(has_schema_privilege(coalesce(reader, (SELECT pg_get_userbyid(c.relowner) FROM pg_class AS c WHERE c.oid = work.relation)),
				(SELECT c.relnamespace FROM pg_class AS c WHERE c.oid = work.relation), 'USAGE'), false) THEN
				answer := NULL;
			ELSIF depth = max_depth THEN
				answer := jsonb_build_object('rows', '{}'::jsonb, 'bytes', 0, 'truncated', true);
			ELSE
				BEGIN
					answer := auth._owned_rows(work.relation, work.columns, work.keys, reader,
						greatest(max_rows - (SELECT count(*) FROM jsonb_object_keys(known))::integer, 0), bytes_left);
				-- a policy with a guard that raises is as good as no SELECT
				EXCEPTION WHEN insufficient_privilege OR SQLSTATE 'PGRST' THEN
					answer := NULL;
				END;
			END IF;
			IF answer IS NULL THEN
				unreadable := unreadable || jsonb_build_object(title, true);
				CONTINUE;
			END IF;
			bytes_left := greatest(bytes_left - (answer ->> 'bytes')::integer, 0);
			IF (answer ->> 'truncated')::boolean THEN
				truncated := truncated || jsonb_build_object(title, true);
			END IF;
			SELECT coalesce(jsonb_object_agg(e.key, e.value), '{}') INTO fresh FROM jsonb_each(answer -> 'rows') AS e WHERE NOT known ? e.key;
			IF NOT work.is_direct AND fresh <> '{}' THEN
				IF NOT naming ? number THEN
					naming := naming || jsonb_build_object(number, auth._naming(user_id, work.relation));
				END IF;
				fresh := coalesce(auth._without_others(naming -> number, fresh), '{}');
			END IF;
			CONTINUE WHEN fresh = '{}';
			tables := tables || jsonb_build_object(title, known || fresh);
			next_level := next_level || jsonb_build_object(number, coalesce(next_level -> number, '{}') || fresh);
		END LOOP;
		EXIT WHEN next_level = '{}';
		level := next_level;
		depth := depth + 1;
	END LOOP;
	RETURN jsonb_build_object(
		'tables', coalesce((
			SELECT jsonb_object_agg(t.key, (SELECT jsonb_agg(r.value ORDER BY r.key) FROM jsonb_each(t.value) AS r))
			FROM jsonb_each(tables) AS t), '{}'),
		'truncated', ARRAY(SELECT jsonb_object_keys(truncated) ORDER BY 1),
		'unreadable', ARRAY(SELECT jsonb_object_keys(unreadable) ORDER BY 1));
END
$$;
COMMENT ON FUNCTION auth._export_tables(uuid, name, integer, integer) IS 'rows of application tables that belong to a user: {tables, truncated, unreadable}';
REVOKE ALL ON FUNCTION auth._export_tables(uuid, name, integer, integer) FROM PUBLIC;

-- Names, and keys that rows are found by, are written alike whatever the caller has
-- set; and policies apply where he has switched them off, instead of failing.
CREATE OR REPLACE FUNCTION auth._export(user_id uuid, reader name, max_rows integer) RETURNS jsonb
	LANGUAGE plpgsql VOLATILE
	SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET quote_all_identifiers = off SET extra_float_digits = 1 SET row_security = on
	AS $$
DECLARE
	-- with PostgreSQL's copies some hundred megabytes at the most
	max_bytes CONSTANT integer := 32 * 1024 * 1024;
	document jsonb := '{}';
	truncated text[] := '{}';
	own record;
	own_rows jsonb;
	application jsonb;
BEGIN
	FOR own IN
		SELECT t.table_name, format('SELECT jsonb_agg(to_jsonb(s)) FROM (SELECT %s FROM auth.%I AS t WHERE t.%I = $1 LIMIT $2) AS s',
			(SELECT string_agg(format('t.%I', c.name), ', ') FROM unnest(t.columns) AS c (name)), t.table_name, t.user_column) AS query
		FROM auth._personal_tables() AS t
		WHERE t.columns <> '{}'
		UNION ALL
		-- who did it, when that is an administrator, is about him
		SELECT 'audit_log', 'SELECT jsonb_agg(to_jsonb(s)) FROM (SELECT a.at, a.event, a.outcome, a.code, a.tenant_id, a.session_id, a.identifier,'
			' a.address, a.details - ARRAY[''by_user'', ''by_role'', ''as_role''] AS details FROM auth.audit_log AS a'
			' WHERE a.user_id = $1 ORDER BY a.at DESC LIMIT $2) AS s'
	LOOP
		EXECUTE own.query INTO own_rows USING user_id, max_rows + 1;
		IF jsonb_array_length(own_rows) > max_rows THEN
			own_rows := own_rows - -1;
			truncated := truncated || own.table_name::text;
		END IF;
		document := document || CASE own.table_name
			WHEN 'users' THEN jsonb_build_object('user', own_rows -> 0)
			ELSE jsonb_build_object(own.table_name, coalesce(own_rows, '[]')) END;
	END LOOP;
	application := auth._export_tables(user_id, reader, max_rows, greatest(max_bytes - octet_length(document::text), 0));
	RETURN document || jsonb_build_object('exported_at', clock_timestamp(), 'tables', application -> 'tables',
		'truncated', to_jsonb(truncated) || (application -> 'truncated'))
		|| CASE WHEN reader IS NULL THEN jsonb_build_object('unreadable', application -> 'unreadable')
			ELSE jsonb_build_object('tenant_id', auth.tenant_id()) END;
END
$$;
COMMENT ON FUNCTION auth._export(uuid, name, integer) IS 'everything that belongs to a user as one document; application tables as a role sees them or, with NULL, whole';
REVOKE ALL ON FUNCTION auth._export(uuid, name, integer) FROM PUBLIC;

CREATE OR REPLACE FUNCTION auth.export_user(user_id uuid, max_rows integer DEFAULT 10000) RETURNS jsonb
	LANGUAGE plpgsql VOLATILE
	SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	AS $$
BEGIN
	IF max_rows IS NULL OR max_rows NOT BETWEEN 1 AND 100000 THEN
		PERFORM auth._fail('22023', 'max_rows must be from 1 to 100000');
	END IF;
	IF NOT EXISTS (SELECT FROM auth.users AS u WHERE u.id = user_id) THEN
		PERFORM auth._fail('P0002', 'user not found');
	END IF;
	PERFORM auth._audit_admin('user_export', user_id);
	RETURN auth._export(user_id, NULL, max_rows);
END
$$;
COMMENT ON FUNCTION auth.export_user(uuid, integer) IS
	'everything that belongs to a user, of all tenants: {user, memberships, membership_history, sessions, '
	'last_sign_ins, consents, audit_log, tables, truncated, unreadable}; without secrets; at most so many rows of a '
	'table, and 32 MiB';
REVOKE ALL ON FUNCTION auth.export_user(uuid, integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION auth.export_user(uuid, integer) TO auth_admin;

CREATE OR REPLACE FUNCTION auth_api.export_my_data() RETURNS jsonb
	LANGUAGE plpgsql VOLATILE
	SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET default_transaction_isolation = 'read committed'
	AS $$
BEGIN
	IF NOT EXISTS (SELECT FROM auth.users AS u WHERE u.id = auth.uid()) THEN
		RETURN auth._refuse('account_export', 401, 'no_authorization', 'Authentication required');
	END IF;
	PERFORM auth._audit('account_export', 'success', NULL, auth.uid(), auth.tenant_id(), auth.session_id());
	RETURN auth._export(auth.uid(), auth.role(), 10000);
END
$$;
COMMENT ON FUNCTION auth_api.export_my_data() IS
	'what belongs to the caller: {user, memberships, membership_history, sessions, last_sign_ins, consents, audit_log, '
	'tables, truncated, tenant_id}; of application tables the rows and columns that they may read in the tenant of '
	'their token';
REVOKE ALL ON FUNCTION auth_api.export_my_data() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION auth_api.export_my_data() TO authenticated;
