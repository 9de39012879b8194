-- sql/69_protect_policies.sql: the policies that auth.protect makes.
-- Depends on 12_protected_tables.sql, 14_permission_tables.sql, 63_permissions.sql, auth.is_super_admin().
--
-- The tenant test is always an AND operand at the top, beside the query's own
-- conditions, so that it can use an index; an OR around it would lose that. What
-- is narrower than the tenant is one CASE beside it. (SELECT …) is computed once
-- per query and not before it is needed; operators are qualified, so that none can
-- be captured.

-- A table and all that inherits from it, parents first.
CREATE OR REPLACE FUNCTION auth._protect_tree(target regclass)
RETURNS SETOF regclass
LANGUAGE sql
STABLE
SET search_path = pg_catalog, pg_temp
AS $$
	WITH RECURSIVE tree (relid, depth) AS (
		SELECT target::oid, 0
		UNION
		SELECT i.inhrelid, t.depth + 1 FROM pg_inherits i JOIN tree t ON i.inhparent = t.relid
	)
	SELECT c.oid::regclass
	FROM (SELECT relid, max(depth) AS depth FROM tree GROUP BY relid) t
	JOIN pg_class c ON c.oid = t.relid
	WHERE c.relkind IN ('r', 'p')
	ORDER BY t.depth, c.relname, c.oid
$$;
COMMENT ON FUNCTION auth._protect_tree(regclass) IS
'Internal: a table, its partitions and its inheritance children, parents first';
REVOKE ALL ON FUNCTION auth._protect_tree(regclass) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION auth._protect_tree(regclass) TO auth_admin;

-- The entry of a table, or NULLs.
CREATE OR REPLACE FUNCTION auth._protect_entry(target regclass)
RETURNS auth.protected_tables
LANGUAGE sql
STABLE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT p
	FROM auth.protected_tables p, pg_class c, pg_namespace n
	WHERE c.oid = target AND n.oid = c.relnamespace
		AND p.schema_name = n.nspname AND p.table_name = c.relname
$$;
COMMENT ON FUNCTION auth._protect_entry(regclass) IS 'Internal: the entry of a table in auth.protected_tables';
REVOKE ALL ON FUNCTION auth._protect_entry(regclass) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION auth._protect_entry(regclass) TO auth_admin;

-- The action on a resource that a command is, of those the resource knows; NULL: none.
CREATE OR REPLACE FUNCTION auth._protect_action(resource text, command text)
RETURNS text
LANGUAGE sql
STABLE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT a.action
	FROM auth.resources r, unnest(CASE command
		WHEN 'select' THEN ARRAY['read', 'admin']
		WHEN 'insert' THEN ARRAY['create', 'write', 'admin']
		WHEN 'update' THEN ARRAY['update', 'write', 'admin']
		ELSE ARRAY['delete', 'admin'] END) WITH ORDINALITY a (action, position)
	WHERE r.name = resource AND a.action = ANY (r.actions)
	ORDER BY a.position
	LIMIT 1
$$;
COMMENT ON FUNCTION auth._protect_action(text, text) IS 'Internal: the action that a command on a protected table is';
REVOKE ALL ON FUNCTION auth._protect_action(text, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION auth._protect_action(text, text) TO auth_admin;

-- The column of a primary key of one uuid, or NULL.
CREATE OR REPLACE FUNCTION auth._protect_key(target regclass)
RETURNS name
LANGUAGE sql
STABLE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT a.attname
	FROM pg_constraint c
	JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = c.conkey[1]
	WHERE c.conrelid = target AND c.contype = 'p' AND cardinality(c.conkey) = 1 AND a.atttypid = 'uuid'::regtype
$$;
COMMENT ON FUNCTION auth._protect_key(regclass) IS 'Internal: the only column of the primary key, if it is a uuid';
REVOKE ALL ON FUNCTION auth._protect_key(regclass) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION auth._protect_key(regclass) TO auth_admin;

-- Which rows each scope narrower than the tenant is, as written and as the catalog
-- shows it again. Who is assigned is in a column of the row, or in auth.assignments:
-- by the key of the row, or by the user that it belongs to.
CREATE OR REPLACE FUNCTION auth._protect_scopes(target regclass)
RETURNS TABLE (scope text, expression text, stored text)
LANGUAGE sql
STABLE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT s.scope, string_agg(s.expression, ' OR ' ORDER BY s.position),
		CASE count(*) WHEN 1 THEN min(s.stored) ELSE '(' || string_agg(s.stored, ' OR ' ORDER BY s.position) || ')' END
	FROM auth._protect_entry(target) p
	CROSS JOIN LATERAL (
		SELECT 'unit', 1,
			format('%I OPERATOR(pg_catalog.=) ANY ((SELECT auth.unit_ids())::pg_catalog.uuid[])', p.unit_column),
			format('(%I = ANY (( SELECT auth.unit_ids() AS unit_ids)::uuid[]))', p.unit_column)
		WHERE p.unit_column IS NOT NULL
		UNION ALL
		SELECT 'assigned', 1,
			format('%I OPERATOR(pg_catalog.=) (SELECT auth.uid())', p.assignee_column),
			format('(%I = ( SELECT auth.uid() AS uid))', p.assignee_column)
		WHERE p.assignee_column IS NOT NULL
		UNION ALL
		SELECT 'assigned', row_number() OVER (),
			format('%I OPERATOR(pg_catalog.=) ANY ((SELECT auth.assigned_ids())::pg_catalog.uuid[])', c.name),
			format('(%I = ANY (( SELECT auth.assigned_ids() AS assigned_ids)::uuid[]))', c.name)
		FROM unnest(ARRAY[auth._protect_key(target), p.owner_column]) c (name)
		WHERE p.assignee_column IS NULL AND c.name IS NOT NULL
		UNION ALL
		SELECT 'own', 1,
			format('%I OPERATOR(pg_catalog.=) (SELECT auth.uid())', p.owner_column),
			format('(%I = ( SELECT auth.uid() AS uid))', p.owner_column)
		WHERE p.owner_column IS NOT NULL
	) s (scope, position, expression, stored)
	WHERE p.resource IS NOT NULL
	GROUP BY s.scope
$$;
COMMENT ON FUNCTION auth._protect_scopes(regclass) IS 'Internal: the rows of a protected table that each narrower scope is, as an expression';
REVOKE ALL ON FUNCTION auth._protect_scopes(regclass) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION auth._protect_scopes(regclass) TO auth_admin;

-- The condition beside the tenant test for an action; NULL: one that nobody may.
-- Scopes that no permission on the resource can have are left out: what compares
-- nothing of a row is asked once, not for each row.
CREATE OR REPLACE FUNCTION auth._protect_narrowing(target regclass, action text)
RETURNS TABLE (expression text, stored text)
LANGUAGE sql
STABLE
SET search_path = pg_catalog, pg_temp
AS $$
	WITH asked AS (
		SELECT p.resource, s.scope, s.position, r.expression, r.stored
		FROM auth._protect_entry(target) p
		JOIN auth.resources k ON k.name = p.resource
		CROSS JOIN unnest(ARRAY['tenant', 'unit', 'assigned', 'own']) WITH ORDINALITY s (scope, position)
		LEFT JOIN auth._protect_scopes(target) r ON r.scope = s.scope
		WHERE action IS NOT NULL AND (s.scope = 'tenant' OR r.scope IS NOT NULL)
			AND (k.scopes IS NULL OR s.scope = ANY (k.scopes))
	)
	SELECT
		CASE WHEN count(*) = 0 THEN 'false'
			WHEN every(scope = 'tenant') THEN format('(SELECT auth.scope_is(%L, %L, ''tenant''))', min(resource), action)
			ELSE format('CASE (SELECT auth.scope_letter(%L, %L))', min(resource), action)
				|| string_agg(format(' WHEN ''%s'' THEN %s', left(scope, 1), coalesce(expression, 'true')), '' ORDER BY position)
				|| ' ELSE false END' END,
		CASE WHEN count(*) = 0 THEN 'false'
			WHEN every(scope = 'tenant') THEN format('( SELECT auth.scope_is(%L::text, %L::text, ''tenant''::text) AS scope_is)', min(resource), action)
			ELSE format(E'\nCASE ( SELECT auth.scope_letter(%L::text, %L::text) AS scope_letter)', min(resource), action)
				|| string_agg(format(E'\n    WHEN ''%s''::"char" THEN %s', left(scope, 1), coalesce(stored, 'true')), '' ORDER BY position)
				|| E'\n    ELSE false\nEND' END
	FROM asked
$$;
COMMENT ON FUNCTION auth._protect_narrowing(regclass, text) IS 'Internal: what the permissions on its resource let through of a tenant''s rows, for an action';
REVOKE ALL ON FUNCTION auth._protect_narrowing(regclass, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION auth._protect_narrowing(regclass, text) TO auth_admin;

-- The whole condition of a table without tenants, whose rows belong to users: each
-- operand compares one column, so that its index can be used. auth.assignments are
-- of tenants, and do not count here.
CREATE OR REPLACE FUNCTION auth._protect_users_rows(target regclass, action text)
RETURNS TABLE (expression text, stored text)
LANGUAGE sql
STABLE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT
		coalesce(string_agg(format('(%I OPERATOR(pg_catalog.=) (SELECT auth.uid()) AND (SELECT auth.scope_is(%L, %L, %L)))',
			s.name, p.resource, action, s.scope), ' OR ' ORDER BY s.scope), 'false'),
		CASE count(*) WHEN 0 THEN 'false' WHEN 1 THEN min(s.stored)
			ELSE '(' || string_agg(s.stored, ' OR ' ORDER BY s.scope) || ')' END
	FROM auth._protect_entry(target) p
	JOIN auth.resources k ON k.name = p.resource
	CROSS JOIN LATERAL (
		SELECT v.scope, v.name,
			format('((%I = ( SELECT auth.uid() AS uid)) AND ( SELECT auth.scope_is(%L::text, %L::text, %L::text) AS scope_is))',
				v.name, p.resource, action, v.scope)
		FROM (VALUES ('assigned', p.assignee_column), ('own', p.owner_column)) v (scope, name)
		WHERE v.name IS NOT NULL AND (k.scopes IS NULL OR v.scope = ANY (k.scopes))
	) s (scope, name, stored)
	WHERE action IS NOT NULL
$$;
COMMENT ON FUNCTION auth._protect_users_rows(regclass, text) IS 'Internal: which rows of a table without tenants the permissions on its resource let through, for an action';
REVOKE ALL ON FUNCTION auth._protect_users_rows(regclass, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION auth._protect_users_rows(regclass, text) TO auth_admin;

-- Everything but the tenant test that an action demands of a row.
CREATE OR REPLACE FUNCTION auth._protect_condition(target regclass, action text)
RETURNS TABLE (expression text, stored text)
LANGUAGE sql
STABLE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT n.expression, n.stored
	FROM auth._protect_entry(target) p
	CROSS JOIN LATERAL (
		SELECT * FROM auth._protect_narrowing(target, action) WHERE p.tenant_column IS NOT NULL
		UNION ALL
		SELECT * FROM auth._protect_users_rows(target, action) WHERE p.tenant_column IS NULL
	) n
$$;
COMMENT ON FUNCTION auth._protect_condition(regclass, text) IS 'Internal: what an action demands of a row, besides its tenant';
REVOKE ALL ON FUNCTION auth._protect_condition(regclass, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION auth._protect_condition(regclass, text) TO auth_admin;

-- The policies a table ought to have. `stored` is how the catalog shows the
-- expression again.
CREATE OR REPLACE FUNCTION auth._protect_policies(target regclass)
RETURNS TABLE (policy name, command text, role name, expression text, stored text)
LANGUAGE sql
STABLE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT 'intrex_auth_' || c.command, c.command, 'authenticated',
		CASE WHEN p.resource IS NULL THEN t.expression
			ELSE concat(t.expression || ' AND ', n.expression) END,
		CASE WHEN p.resource IS NULL THEN t.stored
			WHEN p.tenant_column IS NULL THEN n.stored
			ELSE format('(%s AND%s)', t.stored, CASE WHEN left(n.stored, 1) = E'\n' THEN n.stored ELSE ' ' || n.stored END) END
	FROM auth._protect_entry(target) p
	CROSS JOIN LATERAL (SELECT
		CASE WHEN p.tenant_column IS NOT NULL THEN format('%I OPERATOR(pg_catalog.=) (SELECT auth.tenant_id())', p.tenant_column) END,
		CASE WHEN p.tenant_column IS NOT NULL THEN format('(%I = ( SELECT auth.tenant_id() AS tenant_id))', p.tenant_column) END
	) t (expression, stored)
	CROSS JOIN unnest(ARRAY['select', 'insert', 'update', 'delete']) c (command)
	LEFT JOIN LATERAL auth._protect_condition(target, auth._protect_action(p.resource, c.command)) n ON true
	UNION ALL
	SELECT 'intrex_auth_platform', 'all', 'auth_platform',
		'(SELECT auth.is_super_admin())',
		'( SELECT auth.is_super_admin() AS is_super_admin)'
$$;
COMMENT ON FUNCTION auth._protect_policies(regclass) IS 'Internal: the policies that a protected table ought to have';
REVOKE ALL ON FUNCTION auth._protect_policies(regclass) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION auth._protect_policies(regclass) TO auth_admin;
