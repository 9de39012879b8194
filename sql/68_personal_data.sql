-- sql/68_personal_data.sql: everything that belongs to a user: exporting and erasing it.
-- Depends on 10_tables.sql, 16_consent_tables.sql, 45_audit.sql, 50_users.sql, 55_sessions.sql, 57_accounts.sql,
-- 60_tenants.sql and src/personal.c.
--
-- What belongs to a user is found in the catalog: foreign keys to auth.users and to
-- our tables about users, the owner and assignee columns of protected tables, and
-- from rows found so those that foreign keys would delete along with them.
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

CREATE OR REPLACE FUNCTION auth._constraints_now() RETURNS void
	LANGUAGE c VOLATILE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
	AS 'MODULE_PATHNAME', 'intrex_auth_constraints_now';
COMMENT ON FUNCTION auth._constraints_now() IS 'SET CONSTRAINTS ALL IMMEDIATE; triggers that were waiting fire as a role that may nothing';
REVOKE ALL ON FUNCTION auth._constraints_now() FROM PUBLIC;

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
		('assignments', 'user_id', '{tenant_id,user_id,subject_id,ends_at,created_at}'),
		('sessions', 'user_id', '{id,user_id,tenant_id,expires_at,revoked_at,revoked_reason,aal,amr,address,user_agent,created_at}'),
		('consents', 'user_id', '{id,user_id,purpose,granted,at,document_version,address}')
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
CREATE OR REPLACE FUNCTION auth._references_to(parent oid) RETURNS TABLE (relation regclass, columns name[], parent_columns name[], on_delete "char")
	LANGUAGE sql STABLE ROWS 10
	SET search_path = pg_catalog, pg_temp
	AS $$
	SELECT k.conrelid::regclass, auth._column_names(k.conrelid, k.conkey), auth._column_names(k.confrelid, k.confkey), k.confdeltype
	FROM pg_constraint AS k
	JOIN pg_class AS c ON c.oid = k.conrelid
	WHERE k.contype = 'f' AND k.confrelid = parent AND k.conparentid = 0
		AND c.relkind IN ('r', 'p') AND c.relpersistence <> 't'
		AND c.relnamespace NOT IN ('auth'::regnamespace, 'auth_api'::regnamespace, 'pg_catalog'::regnamespace, 'information_schema'::regnamespace)
		-- src/personal.c finds rows by columns of built-in types
		AND NOT EXISTS (
			SELECT FROM unnest(k.conkey) AS n (attnum)
			JOIN pg_attribute AS a ON a.attrelid = k.conrelid AND a.attnum = n.attnum
			JOIN pg_type AS t ON t.oid = a.atttypid
			WHERE t.oid >= 16384 AND (t.typtype <> 'd' OR t.typbasetype >= 16384))
	ORDER BY k.conrelid::regclass::text, k.conname
$$;
COMMENT ON FUNCTION auth._references_to(oid) IS 'foreign keys of application tables to a table';
REVOKE ALL ON FUNCTION auth._references_to(oid) FROM PUBLIC;

-- The entry alone is not believed: auth_admin writes that table.  The trigger of
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
		WHERE t.tgrelid = c.oid AND t.tgfoid = 'auth.tenant_immutable()'::regprocedure
			AND left(encode(t.tgargs, 'escape'), 36) = p.id::text)
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
	RETURNS TABLE (relation regclass, columns name[], keys jsonb, on_delete "char", is_assignee boolean, is_clearable boolean)
	LANGUAGE sql STABLE ROWS 10
	SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	AS $$
	WITH marked AS MATERIALIZED (
		SELECT p.relation, p.column_name, bool_or(p.is_owner) AS is_owner FROM auth._protected_columns() AS p GROUP BY 1, 2
	), keyed AS MATERIALIZED (
		SELECT r.relation, r.columns, auth._keys_of(_user_references.user_id, t.table_name, t.user_column, r.parent_columns) AS keys,
			r.on_delete, t.table_name
		FROM auth._personal_tables() AS t
		CROSS JOIN LATERAL auth._references_to(to_regclass(format('auth.%I', t.table_name))) AS r
	), direct AS (
		SELECT k.relation, k.columns, k.keys, k.on_delete,
			coalesce((SELECT NOT m.is_owner FROM marked AS m WHERE m.relation = k.relation AND ARRAY[m.column_name] = k.columns), false) AS is_assignee,
			k.table_name = 'users' AND cardinality(k.columns) = 1 AS is_single
		FROM keyed AS k
		UNION ALL
		SELECT m.relation, ARRAY[m.column_name], jsonb_build_array(jsonb_build_array(_user_references.user_id)), NULL, NOT m.is_owner, true
		FROM marked AS m
		WHERE NOT EXISTS (SELECT FROM keyed AS k WHERE k.relation = m.relation AND k.columns = ARRAY[m.column_name] AND k.table_name = 'users')
	)
	SELECT d.relation, d.columns, d.keys, d.on_delete, d.is_assignee,
		d.is_single AND NOT EXISTS (SELECT FROM pg_attribute AS a
			WHERE a.attrelid = d.relation AND a.attname = ANY (d.columns) AND (a.attnotnull OR a.attgenerated <> ''))
	FROM direct AS d
	WHERE d.keys IS NOT NULL
	ORDER BY d.relation::text, d.columns
$$;
COMMENT ON FUNCTION auth._user_references(uuid) IS 'where application tables name a user: by foreign keys to our tables about him, and by the columns that auth.protect was told';
REVOKE ALL ON FUNCTION auth._user_references(uuid) FROM PUBLIC;

-- Export -----------------------------------------------------------------------

-- Of the rows of a table those that are not somebody else's: of rows that are only
-- deleted along, the ones that name other users are theirs.
CREATE OR REPLACE FUNCTION auth._without_others(user_id uuid, relation regclass, rows jsonb) RETURNS jsonb
	LANGUAGE plpgsql STABLE
	SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	AS $$
DECLARE
	naming CONSTANT name[] := ARRAY(
		SELECT r.columns[1] FROM auth._references_to('auth.users'::regclass) AS r
			WHERE r.relation = _without_others.relation AND r.parent_columns = '{id}'
		UNION
		SELECT p.column_name FROM auth._protected_columns() AS p WHERE p.relation = _without_others.relation);
BEGIN
	RETURN (
		SELECT jsonb_object_agg(e.key, e.value)
		FROM jsonb_each(rows) AS e
		WHERE NOT EXISTS (SELECT FROM unnest(naming) AS n (name) WHERE e.value ->> n.name <> user_id::text)
			OR EXISTS (SELECT FROM unnest(naming) AS n (name) WHERE e.value ->> n.name = user_id::text));
END
$$;
COMMENT ON FUNCTION auth._without_others(uuid, regclass, jsonb) IS 'rows of an application table but those that name other users and not this one';
REVOKE ALL ON FUNCTION auth._without_others(uuid, regclass, jsonb) FROM PUBLIC;

-- Breadth first; a row is taken up once, so circles end.  Memory is bounded by the
-- bytes that are left, which each reading reduces.
CREATE OR REPLACE FUNCTION auth._export_tables(user_id uuid, reader name, max_rows integer, max_bytes integer) RETURNS jsonb
	LANGUAGE plpgsql VOLATILE
	SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	AS $$
DECLARE
	bytes_left integer := max_bytes;
	tables jsonb := '{}';
	truncated jsonb := '{}';
	unreadable jsonb := '{}';
	-- what is to be followed: relations, and their rows found last
	relations regclass[] := '{}';
	found jsonb[] := '{}';
	position integer := 0;
	work record;
	answer jsonb;
	fresh jsonb;
	title text;
BEGIN
	LOOP
		FOR work IN
			SELECT r.relation, r.columns, r.keys, true AS is_direct
			FROM auth._user_references(user_id) AS r WHERE position = 0
			UNION ALL
			SELECT r.relation, r.columns, (
				SELECT jsonb_agg(DISTINCT (SELECT jsonb_agg(e.value -> c.name ORDER BY c.n) FROM unnest(r.parent_columns) WITH ORDINALITY AS c (name, n)))
				FROM jsonb_each(found[position]) AS e), false
			FROM auth._references_to(relations[position]) AS r WHERE position > 0 AND r.on_delete = 'c'
		LOOP
			title := work.relation::text;
			IF NOT coalesce(has_schema_privilege(coalesce(reader, (SELECT pg_get_userbyid(c.relowner) FROM pg_class AS c WHERE c.oid = work.relation)),
				(SELECT c.relnamespace FROM pg_class AS c WHERE c.oid = work.relation), 'USAGE'), false) THEN
				answer := NULL;
			ELSE
				answer := auth._owned_rows(work.relation, work.columns, work.keys, reader,
					greatest(max_rows - (SELECT count(*) FROM jsonb_object_keys(coalesce(tables -> title, '{}')))::integer, 0), bytes_left);
			END IF;
			IF answer IS NULL THEN
				unreadable := unreadable || jsonb_build_object(title, true);
				CONTINUE;
			END IF;
			bytes_left := greatest(bytes_left - (answer ->> 'bytes')::integer, 0);
			IF (answer ->> 'truncated')::boolean THEN
				truncated := truncated || jsonb_build_object(title, true);
			END IF;
			fresh := (answer -> 'rows') - ARRAY(SELECT jsonb_object_keys(coalesce(tables -> title, '{}')));
			IF NOT work.is_direct THEN
				fresh := coalesce(auth._without_others(user_id, work.relation, fresh), '{}');
			END IF;
			CONTINUE WHEN fresh = '{}';
			tables := tables || jsonb_build_object(title, coalesce(tables -> title, '{}') || fresh);
			relations := relations || work.relation;
			found := found || fresh;
		END LOOP;
		position := position + 1;
		EXIT WHEN position > cardinality(relations);
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

CREATE OR REPLACE FUNCTION auth._export(user_id uuid, reader name, max_rows integer) RETURNS jsonb
	LANGUAGE plpgsql VOLATILE
	SECURITY DEFINER SET search_path = pg_catalog, pg_temp
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
COMMENT ON FUNCTION auth.export_user(uuid, integer) IS 'everything that belongs to a user, of all tenants: {user, memberships, sessions, consents, audit_log, tables, truncated, unreadable}; without secrets; at most so many rows of a table, and 32 MiB';
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
COMMENT ON FUNCTION auth_api.export_my_data() IS 'what belongs to the caller: {user, memberships, sessions, consents, audit_log, tables, truncated, tenant_id}; of application tables the rows and columns that he may read in the tenant of his token';
REVOKE ALL ON FUNCTION auth_api.export_my_data() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION auth_api.export_my_data() TO authenticated;

-- Forgetting in the audit trail --------------------------------------------------

-- A text as a regular expression that finds it as a whole: not
-- "ann@example.com" within "joann@example.com" or "ann@example.com.au".
CREATE OR REPLACE FUNCTION auth._whole_text_pattern(value text) RETURNS text
	LANGUAGE sql IMMUTABLE PARALLEL SAFE
	RETURN '(?<![[:alnum:]._%+-])' || regexp_replace(value, E'([^[:alnum:]])', E'\\\\\\1', 'g') || '(?![[:alnum:]_-]|[.][[:alnum:]])';
COMMENT ON FUNCTION auth._whole_text_pattern(text) IS 'a regular expression that finds an address or number as a whole';
REVOKE ALL ON FUNCTION auth._whole_text_pattern(text) FROM PUBLIC;

-- The digest of what was personal stays and its nonce goes, so that the seals hold
-- and nobody can try names against the digest.  Reads the whole trail.
CREATE OR REPLACE FUNCTION auth._audit_redact(user_id uuid, session_ids uuid[], identifiers text[], pseudonym uuid) RETURNS bigint
	LANGUAGE plpgsql VOLATILE
	SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	AS $$
#variable_conflict use_column
DECLARE
	person CONSTANT uuid := _audit_redact.user_id;
	-- as the trail and JSON write them
	needles CONSTANT text[] := ARRAY(
		SELECT DISTINCT lower(n.needle) FROM unnest(identifiers) AS i (value),
			LATERAL (VALUES (auth._printable(i.value, 320)), (i.value), (trim('"' FROM to_jsonb(i.value)::text))) AS n (needle)
		-- the trail holds 320 characters; a pattern of a megabyte takes minutes
		WHERE i.value <> '' AND octet_length(i.value) <= 1280);
	pattern CONSTANT text := (SELECT '(?i)' || string_agg(auth._whole_text_pattern(n.needle), '|') FROM unnest(needles || person::text) AS n (needle) WHERE n.needle IS NOT NULL);
	hit record;
	fresh bigint := 0;
BEGIN
	FOR hit IN
		SELECT h.*
		FROM (
			SELECT a.id, a.redacted IS NULL AS is_fresh, coalesce(a.user_id = person, false) AS is_his,
				-- about somebody else, and done by him: session and address are his
				coalesce(a.session_id = ANY (session_ids), false) OR coalesce(a.details ->> 'by_user' = person::text, false) AS is_by_him,
				a.identifier IS NOT NULL AND EXISTS (SELECT FROM unnest(needles) AS n (needle) WHERE strpos(lower(a.identifier), n.needle) > 0)
					AND a.identifier ~ pattern AS is_named,
				a.details IS NOT NULL AND EXISTS (SELECT FROM unnest(needles || person::text) AS n (needle) WHERE strpos(lower(a.details::text), n.needle) > 0)
					AND a.details::text ~ pattern AS is_mentioned
			FROM auth.audit_log AS a) AS h
		WHERE h.is_his OR h.is_by_him OR h.is_named OR h.is_mentioned
	LOOP
		UPDATE auth.audit_log AS a SET
				redacted = auth._audit_personal(a), nonce = NULL,
				user_id = CASE WHEN hit.is_his THEN pseudonym ELSE a.user_id END,
				-- of a row about somebody else only the mention goes
				session_id = CASE WHEN hit.is_his OR hit.is_by_him OR a.user_id IS NULL THEN NULL ELSE a.session_id END,
				address = CASE WHEN hit.is_his OR hit.is_by_him OR (a.user_id IS NULL AND hit.is_named) THEN NULL ELSE a.address END,
				identifier = CASE WHEN hit.is_his OR hit.is_named THEN NULL ELSE a.identifier END,
				details = CASE WHEN hit.is_his THEN NULL
					WHEN hit.is_mentioned THEN regexp_replace(a.details::text, pattern, coalesce(pseudonym::text, ''), 'g')::jsonb
					ELSE a.details END
			WHERE a.id = hit.id;
		fresh := fresh + hit.is_fresh::integer;
	END LOOP;
	RETURN fresh;
END
$$;
COMMENT ON FUNCTION auth._audit_redact(uuid, uuid[], text[], uuid) IS 'takes a user, his sessions and identifiers out of the audit trail; returns how many rows that had not been redacted before';
REVOKE ALL ON FUNCTION auth._audit_redact(uuid, uuid[], text[], uuid) FROM PUBLIC;

-- No address and no session: nothing in this row leads to the person.
CREATE OR REPLACE FUNCTION auth._audit_erasure(event text, pseudonym uuid, by_user uuid, details jsonb) RETURNS void
	LANGUAGE plpgsql VOLATILE
	SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	AS $$
#variable_conflict use_variable
BEGIN
	INSERT INTO auth.audit_log (event, outcome, user_id, details)
		VALUES (event, 'success', pseudonym, details || jsonb_strip_nulls(jsonb_build_object(
			'by_user', by_user, 'by_role', session_user, 'as_role', nullif(current_setting('role'), 'none'))));
END
$$;
COMMENT ON FUNCTION auth._audit_erasure(text, uuid, uuid, jsonb) IS 'writes that somebody was erased, under the pseudonym, and who did it';
REVOKE ALL ON FUNCTION auth._audit_erasure(text, uuid, uuid, jsonb) FROM PUBLIC;

CREATE OR REPLACE FUNCTION auth.audit_forget(identifier text) RETURNS bigint
	LANGUAGE plpgsql VOLATILE
	SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	AS $$
DECLARE
	forgotten bigint;
BEGIN
	PERFORM auth._demand_read_committed();
	IF coalesce(identifier, '') = '' OR octet_length(identifier) > 320 THEN
		PERFORM auth._fail('22023', 'identifier is required', 'It is an e-mail address or phone number of at most 320 bytes.');
	END IF;
	IF EXISTS (SELECT FROM auth.users AS u WHERE u.email = auth.normalize_email(identifier) OR u.phone = auth.normalize_phone(identifier)) THEN
		PERFORM auth._fail('55000', 'a user has this identifier', 'auth.user_erase() erases a user.');
	END IF;
	forgotten := auth._audit_redact(NULL, NULL, ARRAY[identifier, auth.normalize_email(identifier), auth.normalize_phone(identifier)], NULL);
	PERFORM auth._audit_erasure('audit_forget', NULL, auth.uid(), jsonb_build_object('audit_rows', forgotten));
	PERFORM auth._make_durable();
	RETURN forgotten;
END
$$;
COMMENT ON FUNCTION auth.audit_forget(text) IS 'takes an e-mail address or phone number that is no user''s out of the audit trail, such as one that was tried after its user had been erased; returns the number of rows';
REVOKE ALL ON FUNCTION auth.audit_forget(text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION auth.audit_forget(text) TO auth_admin;

-- Erasure ----------------------------------------------------------------------

-- Addresses that the user had, unless somebody else has them now.
CREATE OR REPLACE FUNCTION auth._identifiers_of(person auth.users) RETURNS text[]
	LANGUAGE sql STABLE
	SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	AS $$
	SELECT ARRAY(
		SELECT person.email WHERE person.email IS NOT NULL
		UNION
		SELECT person.phone WHERE person.phone IS NOT NULL
		UNION
		SELECT f.value FROM auth.audit_log AS a,
			LATERAL (VALUES (a.identifier), (a.details ->> 'email'), (a.details ->> 'phone')) AS f (value)
		WHERE a.user_id = person.id AND a.outcome = 'success'
			AND a.event IN ('register', 'login', 'bootstrap_admin', 'user_create', 'user_update')
			AND f.value <> '' AND NOT EXISTS (SELECT FROM auth.users AS u WHERE u.id <> person.id AND (u.email = f.value OR u.phone = f.value)))
$$;
COMMENT ON FUNCTION auth._identifiers_of(auth.users) IS 'e-mail addresses and phone numbers that a user has or had';
REVOKE ALL ON FUNCTION auth._identifiers_of(auth.users) FROM PUBLIC;

-- Our tables that name somebody other than by a foreign key: rows addressed to him
-- go, and where his id stands for what he did comes the pseudonym.
CREATE OR REPLACE FUNCTION auth._forget(user_id uuid, identifiers text[], pseudonym uuid) RETURNS void
	LANGUAGE plpgsql VOLATILE
	SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	AS $$
DECLARE
	statement text;
BEGIN
	FOR statement IN
		SELECT CASE WHEN a.atttypid = 'uuid'::regtype THEN format('UPDATE auth.%I SET %I = $3 WHERE %2$I = $1', c.relname, a.attname)
			ELSE format('DELETE FROM auth.%I WHERE %I = ANY ($2)', c.relname, a.attname) END
		FROM pg_class AS c
		JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
		WHERE c.relnamespace = 'auth'::regnamespace AND c.relkind = 'r' AND c.relname NOT IN ('users', 'audit_log', 'login_attempts')
			AND ((a.atttypid = 'text'::regtype AND a.attname IN ('email', 'phone', 'recipient', 'identifier'))
				OR (a.atttypid = 'uuid'::regtype AND a.attname IN ('created_by', 'granted_by', 'invited_by', 'by_user', 'subject_id')
					AND NOT EXISTS (SELECT FROM pg_constraint AS k
						WHERE k.conrelid = c.oid AND k.contype = 'f' AND k.confrelid = 'auth.users'::regclass AND k.conkey = ARRAY[a.attnum])))
	LOOP
		EXECUTE statement USING user_id, identifiers, pseudonym;
	END LOOP;
END
$$;
COMMENT ON FUNCTION auth._forget(uuid, text[], uuid) IS 'takes a user out of our tables where no foreign key does';
REVOKE ALL ON FUNCTION auth._forget(uuid, text[], uuid) FROM PUBLIC;

-- Of the tenants of a user, locked in order, those that would have no owner without him.
CREATE OR REPLACE FUNCTION auth._owned_alone(user_id uuid) RETURNS uuid[]
	LANGUAGE plpgsql VOLATILE
	SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	AS $$
DECLARE
	tenant uuid;
	alone uuid[] := '{}';
BEGIN
	FOR tenant IN SELECT m.tenant_id FROM auth.memberships AS m WHERE m.user_id = _owned_alone.user_id ORDER BY m.tenant_id LOOP
		IF auth._lock_tenant(tenant) AND NOT auth._keeps_owner(tenant, user_id) THEN
			alone := alone || tenant;
		END IF;
	END LOOP;
	RETURN alone;
END
$$;
COMMENT ON FUNCTION auth._owned_alone(uuid) IS 'tenants that a user is the last owner of; lock the user first';
REVOKE ALL ON FUNCTION auth._owned_alone(uuid) FROM PUBLIC;

-- What is to become of the rows that name a user, and that.
CREATE OR REPLACE FUNCTION auth._erase_rows(user_id uuid, cascade boolean, anonymize boolean, OUT done jsonb, OUT held jsonb)
	LANGUAGE plpgsql VOLATILE
	SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	AS $$
DECLARE
	work record;
	rows bigint;
	action text;
	state text;
	table_name text;
	schema_name text;
BEGIN
	done := '{}';
	held := '{}';
	FOR work IN SELECT r.* FROM auth._user_references(user_id) AS r LOOP
		rows := auth._owned_change(work.relation, work.columns, work.keys, 'count');
		CONTINUE WHEN rows = 0;
		action := CASE
			WHEN work.on_delete = 'c' THEN 'deleted'
			WHEN work.on_delete IN ('n', 'd') THEN 'cleared'
			WHEN work.is_clearable AND (anonymize OR (cascade AND work.is_assignee)) THEN 'clear'
			-- a row that was assigned to him is somebody else's
			WHEN cascade AND NOT work.is_assignee THEN 'delete'
			WHEN work.on_delete IS NULL THEN 'kept'
			ELSE 'held'
		END;
		IF action IN ('clear', 'delete') THEN
			BEGIN
				rows := auth._owned_change(work.relation, work.columns, work.keys, action);
				action := CASE action WHEN 'clear' THEN 'cleared' ELSE 'deleted' END;
			EXCEPTION
				WHEN serialization_failure OR deadlock_detected THEN
					RAISE;
				WHEN OTHERS THEN
					-- the text of the error may have the row in it
					GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, table_name = TABLE_NAME, schema_name = SCHEMA_NAME;
					action := 'held';
					held := held || jsonb_build_object(coalesce(nullif(format('%I.%I', schema_name, table_name), '.'), work.relation::text), state);
			END;
		END IF;
		IF action = 'held' THEN
			held := jsonb_build_object(work.relation::text, rows) || held;
		ELSE
			done := done || jsonb_build_object(work.relation::text,
				coalesce(done -> work.relation::text, '{}') || jsonb_build_object(action,
					coalesce((done #>> ARRAY[work.relation::text, action])::bigint, 0) + rows));
		END IF;
	END LOOP;
END
$$;
COMMENT ON FUNCTION auth._erase_rows(uuid, boolean, boolean) IS 'deletes or clears the rows of application tables that name a user; what became of them by table, and what holds him back: a number of rows, or a SQLSTATE';
REVOKE ALL ON FUNCTION auth._erase_rows(uuid, boolean, boolean) FROM PUBLIC;

-- Lock the user and see to his tenants first.  What is in the way comes back as
-- {held}: then the caller undoes what has been done, by an error.
CREATE OR REPLACE FUNCTION auth._erase_person(person auth.users, event text, cascade boolean, anonymize boolean) RETURNS jsonb
	LANGUAGE plpgsql VOLATILE
	SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	AS $$
DECLARE
	-- random: nothing leads back from it
	pseudonym CONSTANT uuid := gen_random_uuid();
	identifiers CONSTANT text[] := auth._identifiers_of(person);
	sessions CONSTANT uuid[] := ARRAY(SELECT s.id FROM auth.sessions AS s WHERE s.user_id = person.id);
	-- who is erased himself has no identity afterwards
	by_user CONSTANT uuid := nullif(auth.uid(), person.id);
	outcome record;
	table_name text;
	schema_name text;
	redacted bigint;
BEGIN
	-- keys that are checked at commit are checked now: until then a security-restricted operation refuses them
	PERFORM auth._constraints_now();
	outcome := auth._erase_rows(person.id, cascade, anonymize);
	IF outcome.held <> '{}' THEN
		RETURN jsonb_build_object('held', outcome.held);
	END IF;
	BEGIN
		PERFORM auth._erase('users', person.id);
	-- from 18 on a RESTRICT is the second
	EXCEPTION WHEN foreign_key_violation OR restrict_violation THEN
		GET STACKED DIAGNOSTICS table_name = TABLE_NAME, schema_name = SCHEMA_NAME;
		RETURN jsonb_build_object('held', jsonb_build_object(format('%I.%I', schema_name, table_name), '23503'));
	END;
	-- the trail comes last: a refresh that held a session until now has left a row
	PERFORM auth._forget(person.id, identifiers, pseudonym);
	redacted := auth._audit_redact(person.id, sessions, identifiers, pseudonym);
	PERFORM auth._audit_erasure(event, pseudonym, by_user, jsonb_build_object('audit_rows', redacted, 'tables', outcome.done));
	PERFORM auth._make_durable();
	RETURN jsonb_build_object('pseudonym', pseudonym, 'tables', outcome.done, 'audit_rows', redacted);
END
$$;
COMMENT ON FUNCTION auth._erase_person(auth.users, text, boolean, boolean) IS 'erases a user: {pseudonym, tables, audit_rows}, or {held} when rows are in the way';
REVOKE ALL ON FUNCTION auth._erase_person(auth.users, text, boolean, boolean) FROM PUBLIC;

CREATE OR REPLACE FUNCTION auth.user_erase(user_id uuid, cascade boolean DEFAULT false, anonymize boolean DEFAULT false) RETURNS jsonb
	LANGUAGE plpgsql VOLATILE
	SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	AS $$
DECLARE
	person auth.users;
	alone uuid[];
	answer jsonb;
BEGIN
	PERFORM auth._demand_read_committed();
	person := auth._demand_user(user_id);
	alone := auth._owned_alone(person.id);
	IF alone <> '{}' THEN
		PERFORM auth._fail('23001', 'the user is the last owner of a tenant',
			format('Make somebody else an owner of tenant %s, or delete it.', array_to_string(alone[1:10], ', ')));
	END IF;
	answer := auth._erase_person(person, 'user_erase', coalesce(cascade, false), coalesce(anonymize, false));
	IF answer ? 'held' THEN
		RAISE EXCEPTION USING
			ERRCODE = 'foreign_key_violation',
			MESSAGE = 'the user is still referred to',
			DETAIL = format('In the way are: %s.', (SELECT string_agg(h.key || CASE jsonb_typeof(h.value)
				WHEN 'number' THEN format(' (%s rows)', h.value) ELSE format(' (SQLSTATE %s)', h.value #>> '{}') END, ', ' ORDER BY h.key)
				FROM jsonb_each(answer -> 'held') AS h)),
			HINT = 'anonymize => true clears references that may be null, cascade => true deletes such rows.';
	END IF;
	RETURN answer;
END
$$;
COMMENT ON FUNCTION auth.user_erase(uuid, boolean, boolean) IS 'deletes a user with all that is his, and leaves a pseudonym in the audit trail: {pseudonym, tables, audit_rows}. Rows of application tables go by their foreign keys; where these forbid it, 23503 names tables and numbers, anonymize clears the reference where it may be null, and cascade deletes the row';
REVOKE ALL ON FUNCTION auth.user_erase(uuid, boolean, boolean) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION auth.user_erase(uuid, boolean, boolean) TO auth_admin;

CREATE OR REPLACE FUNCTION auth_api.delete_my_account(password text) RETURNS jsonb
	LANGUAGE plpgsql VOLATILE
	SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET default_transaction_isolation = 'read committed'
	AS $$
DECLARE
	caller CONSTANT uuid := auth.uid();
	checked auth.users;
	account auth.users;
	counter text;
	problem text;
	refusal jsonb;
	is_right boolean;
	alone uuid[];
	answer jsonb;
BEGIN
	SELECT u.* INTO checked FROM auth.users AS u WHERE u.id = caller;
	IF NOT FOUND THEN
		RETURN auth._refuse('account_delete', 401, 'no_authorization', 'Authentication required');
	END IF;
	PERFORM auth._demand_read_committed();
	problem := CASE
		WHEN coalesce(password, '') = '' THEN 'password is required'
		WHEN octet_length(password) > 1048576 THEN 'password is too long'
	END;
	IF problem IS NOT NULL THEN
		RETURN auth._refuse('account_delete', 400, 'validation_failed', problem);
	END IF;
	-- a stolen access token is no better place to guess than the login
	counter := coalesce(checked.email, checked.phone);
	refusal := auth._turn_away_throttled('account_delete', counter, counter, caller);
	IF refusal IS NOT NULL THEN
		RETURN refusal;
	END IF;
	is_right := auth._password_check(password, checked.password_hash);
	IF is_right IS NULL THEN
		RETURN auth._turn_away_busy('account_delete', counter, caller);
	ELSIF NOT is_right THEN
		RETURN auth._refuse('account_delete', 401, 'invalid_credentials', 'Invalid login credentials');
	END IF;

	-- see 56_login.sql: logins come before this, and their sessions go, or fail
	SELECT u.* INTO account FROM auth.users AS u WHERE u.id = caller FOR UPDATE;
	IF account.password_changed_at IS DISTINCT FROM checked.password_changed_at OR account.password_hash IS NULL THEN
		RETURN auth._refuse('account_delete', 401, 'invalid_credentials', 'Invalid login credentials');
	END IF;
	PERFORM auth._throttle_reset(counter);
	alone := auth._owned_alone(caller);
	IF alone <> '{}' THEN
		RETURN auth._refuse('account_delete', 409, 'last_owner', format(
			'You are the last owner of %s: make somebody else an owner, or have the tenant deleted, first',
			(SELECT string_agg(format('"%s"', t.name), ', ' ORDER BY t.name) FROM auth.tenants AS t WHERE t.id = ANY (alone[1:10]))),
			jsonb_build_object('tenants', alone));
	END IF;
	BEGIN
		answer := auth._erase_person(account, 'account_delete', false, true);
		IF answer ? 'held' THEN
			RAISE EXCEPTION USING ERRCODE = 'raise_exception', MESSAGE = 'held';
		END IF;
	EXCEPTION WHEN raise_exception THEN
		-- what was done is undone; a trigger's error is not ours
		IF (answer ? 'held') IS NOT TRUE THEN
			RAISE;
		END IF;
	END;
	IF answer ? 'held' THEN
		RETURN auth._refuse('account_delete', 409, 'account_in_use', 'The account is still referred to: ask an administrator to delete it', answer);
	END IF;
	RETURN jsonb_build_object('deleted', caller);
END
$$;
COMMENT ON FUNCTION auth_api.delete_my_account(text) IS 'erases the caller, who gives his password: {deleted}; references that must stay are cleared';
REVOKE ALL ON FUNCTION auth_api.delete_my_account(text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION auth_api.delete_my_account(text) TO authenticated;
