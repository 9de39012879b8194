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
LANGUAGE plpgsql
STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	RETURN (
		SELECT p
		FROM auth.protected_tables p, pg_class c, pg_namespace n
		WHERE c.oid = target AND n.oid = c.relnamespace
			AND p.schema_name = n.nspname AND p.table_name = c.relname);
END
$$;
COMMENT ON FUNCTION auth._protect_entry(regclass) IS 'Internal: the entry of a table in auth.protected_tables';
REVOKE ALL ON FUNCTION auth._protect_entry(regclass) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION auth._protect_entry(regclass) TO auth_admin;

-- The action on a resource that a command is, of those the resource knows; NULL: none.
CREATE OR REPLACE FUNCTION auth._protect_action(resource text, command text)
RETURNS text
LANGUAGE plpgsql
STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	RETURN (
		SELECT a.action
		FROM auth.resources r, unnest(CASE command
			WHEN 'select' THEN ARRAY['read', 'admin']
			WHEN 'insert' THEN ARRAY['create', 'write', 'admin']
			WHEN 'update' THEN ARRAY['update', 'write', 'admin']
			ELSE ARRAY['delete', 'admin'] END) WITH ORDINALITY a (action, position)
		WHERE r.name = resource AND a.action = ANY (r.actions)
		ORDER BY a.position
		LIMIT 1);
END
$$;
COMMENT ON FUNCTION auth._protect_action(text, text) IS 'Internal: the action that a command on a protected table is';
REVOKE ALL ON FUNCTION auth._protect_action(text, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION auth._protect_action(text, text) TO auth_admin;

-- The column of a primary key of one uuid, or NULL.
CREATE OR REPLACE FUNCTION auth._protect_key(target regclass)
RETURNS name
LANGUAGE plpgsql
STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	RETURN (
		SELECT a.attname
		FROM pg_constraint c
		JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = c.conkey[1]
		WHERE c.conrelid = target AND c.contype = 'p' AND cardinality(c.conkey) = 1 AND a.atttypid = 'uuid'::regtype);
END
$$;
COMMENT ON FUNCTION auth._protect_key(regclass) IS 'Internal: the only column of the primary key, if it is a uuid';
REVOKE ALL ON FUNCTION auth._protect_key(regclass) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION auth._protect_key(regclass) TO auth_admin;

-- Which rows each scope narrower than the tenant is, as written and as the catalog
-- shows it again. Who is assigned is in a column of the row, or in auth.assignments:
-- by the key of the row, or by the user that it belongs to.
CREATE OR REPLACE FUNCTION auth._protect_scopes(target regclass)
RETURNS TABLE (scope text, expression text, stored text)
LANGUAGE plpgsql
STABLE
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
	RETURN QUERY
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
	GROUP BY s.scope;
END
$$;
COMMENT ON FUNCTION auth._protect_scopes(regclass) IS 'Internal: the rows of a protected table that each narrower scope is, as an expression';
REVOKE ALL ON FUNCTION auth._protect_scopes(regclass) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION auth._protect_scopes(regclass) TO auth_admin;

-- What an action demands of a row, by the permissions on the resource of its table:
-- scopes that no permission can have are left out. Where the tenant is the only one,
-- or in a table without tenants the user, one comparison says it all, by an index;
-- so nothing else is compared for each row. auth.assignments are of tenants, and do
-- not count in a table without. An action of NULL is one that nobody may.
CREATE OR REPLACE FUNCTION auth._protect_condition(target regclass, action text)
RETURNS TABLE (expression text, stored text)
LANGUAGE plpgsql
STABLE
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
	RETURN QUERY
	WITH asked AS (
		SELECT p.resource, p.tenant_column, s.scope, s.position, r.expression, r.stored, c.name,
			quote_ident(c.name) || format(' OPERATOR(pg_catalog.=) (SELECT auth.scope_id(%L, %L, %L))', p.resource, action, s.scope) AS by_id,
			'(' || quote_ident(c.name) || format(' = ( SELECT auth.scope_id(%L::text, %L::text, %L::text) AS scope_id))', p.resource, action, s.scope) AS by_id_stored
		FROM auth._protect_entry(target) p
		JOIN auth.resources k ON k.name = p.resource
		CROSS JOIN unnest(ARRAY['tenant', 'unit', 'assigned', 'own']) WITH ORDINALITY s (scope, position)
		CROSS JOIN LATERAL (SELECT CASE s.scope WHEN 'tenant' THEN p.tenant_column WHEN 'assigned' THEN p.assignee_column
			WHEN 'own' THEN p.owner_column END) c (name)
		LEFT JOIN auth._protect_scopes(target) r ON r.scope = s.scope
		WHERE action IS NOT NULL AND (k.scopes IS NULL OR s.scope = ANY (k.scopes))
			AND CASE WHEN p.tenant_column IS NULL THEN c.name IS NOT NULL ELSE s.scope = 'tenant' OR r.scope IS NOT NULL END
	)
	SELECT
		CASE WHEN count(*) = 0 THEN 'false'
			WHEN min(tenant_column) IS NULL OR every(scope = 'tenant') THEN string_agg(by_id, ' OR ' ORDER BY position)
			ELSE format('%I OPERATOR(pg_catalog.=) (SELECT auth.tenant_id()) AND CASE (SELECT auth.scope_letter(%L, %L))',
					min(tenant_column), min(resource), action)
				|| string_agg(format(' WHEN ''%s'' THEN %s', left(scope, 1), coalesce(expression, 'true')), '' ORDER BY position)
				|| ' ELSE false END' END,
		CASE WHEN count(*) = 0 THEN 'false'
			WHEN count(*) > 1 AND min(tenant_column) IS NULL THEN '(' || string_agg(by_id_stored, ' OR ' ORDER BY position) || ')'
			WHEN min(tenant_column) IS NULL OR every(scope = 'tenant') THEN min(by_id_stored)
			ELSE format(E'((%I = ( SELECT auth.tenant_id() AS tenant_id)) AND\nCASE ( SELECT auth.scope_letter(%L::text, %L::text) AS scope_letter)',
					min(tenant_column), min(resource), action)
				|| string_agg(format(E'\n    WHEN ''%s''::"char" THEN %s', left(scope, 1), coalesce(stored, 'true')), '' ORDER BY position)
				|| E'\n    ELSE false\nEND)' END
	FROM asked;
END
$$;
COMMENT ON FUNCTION auth._protect_condition(regclass, text) IS 'Internal: what an action demands of a row of a table that is protected as a resource';
REVOKE ALL ON FUNCTION auth._protect_condition(regclass, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION auth._protect_condition(regclass, text) TO auth_admin;

-- The policies a table ought to have. `stored` is how the catalog shows the
-- expression again.
CREATE OR REPLACE FUNCTION auth._protect_policies(target regclass)
RETURNS TABLE (policy name, command text, role name, expression text, stored text)
LANGUAGE plpgsql
STABLE
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
	RETURN QUERY
	SELECT ('intrex_auth_' || c.command)::name, c.command, 'authenticated'::name, n.expression, n.stored
	FROM auth._protect_entry(target) p
	CROSS JOIN unnest(ARRAY['select', 'insert', 'update', 'delete']) c (command)
	CROSS JOIN LATERAL (
		SELECT format('%I OPERATOR(pg_catalog.=) (SELECT auth.tenant_id())', p.tenant_column),
			format('(%I = ( SELECT auth.tenant_id() AS tenant_id))', p.tenant_column)
		WHERE p.resource IS NULL
		UNION ALL
		SELECT t.expression, t.stored FROM auth._protect_condition(target, auth._protect_action(p.resource, c.command)) t
		WHERE p.resource IS NOT NULL
	) n (expression, stored)
	UNION ALL
	SELECT 'intrex_auth_platform'::name, 'all', 'auth_platform'::name,
		'(SELECT auth.is_super_admin())',
		'( SELECT auth.is_super_admin() AS is_super_admin)';
END
$$;
COMMENT ON FUNCTION auth._protect_policies(regclass) IS 'Internal: the policies that a protected table ought to have';
REVOKE ALL ON FUNCTION auth._protect_policies(regclass) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION auth._protect_policies(regclass) TO auth_admin;
