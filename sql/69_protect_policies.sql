-- sql/69_protect_policies.sql: the policies that auth.protect makes.
-- Depends on 12_protected_tables.sql, 14_permission_tables.sql, 63_permissions.sql, auth.is_super_admin().
--
-- The tenant test is always an AND operand at the top, beside the query's own
-- conditions, so that it can use an index; an OR around it would lose that. What
-- the scopes leave of the tenant's rows is another operand. (SELECT …) is computed once
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
			-- a view that got the name is code of whoever made it
			AND c.relkind IN ('r', 'p')
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

-- What an action demands of a row, by the permissions on the resource of its table.
-- Each scope is an operand of its own: the (SELECT …) in it is NULL unless it is the
-- scope of the caller, and equals nothing then. Scopes that no permission can have are
-- left out. Where the tenant is the only one, or in a table without tenants the user,
-- one comparison says it all, by an index. Who is assigned is in a column of the row,
-- or in auth.assignments: by the key of the row, or by the user that it belongs to;
-- those are of tenants, and do not count in a table without. An action of NULL is one
-- that nobody may.
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
		SELECT p.tenant_column, s.position, s.scope, s.form,
			CASE s.form
				WHEN 'all' THEN format('(SELECT auth.scope_id(%L, %L, %L) IS NOT NULL)', p.resource, action, s.scope)
				WHEN 'one' THEN quote_ident(s.name) || format(' OPERATOR(pg_catalog.=) (SELECT auth.scope_id(%L, %L, %L))', p.resource, action, s.scope)
				ELSE quote_ident(s.name) || format(' OPERATOR(pg_catalog.=) ANY ((SELECT auth.scope_ids(%L, %L, %L))::pg_catalog.uuid[])', p.resource, action, s.scope)
			END AS expression,
			CASE s.form
				WHEN 'all' THEN format('( SELECT (auth.scope_id(%L::text, %L::text, %L::text) IS NOT NULL))', p.resource, action, s.scope)
				WHEN 'one' THEN '(' || quote_ident(s.name) || format(' = ( SELECT auth.scope_id(%L::text, %L::text, %L::text) AS scope_id))', p.resource, action, s.scope)
				ELSE '(' || quote_ident(s.name) || format(' = ANY (( SELECT auth.scope_ids(%L::text, %L::text, %L::text) AS scope_ids)::uuid[]))', p.resource, action, s.scope)
			END AS stored
		FROM auth._protect_entry(target) p
		JOIN auth.resources k ON k.name = p.resource
		CROSS JOIN auth._protect_key(target) key (name)
		CROSS JOIN LATERAL (
			SELECT 1, 'tenant', CASE WHEN k.scopes = ARRAY['tenant'] THEN 'one' ELSE 'all' END, p.tenant_column WHERE p.tenant_column IS NOT NULL
			UNION ALL
			SELECT 2, 'unit', 'many', p.unit_column WHERE p.unit_column IS NOT NULL
			UNION ALL
			SELECT 3, 'assigned', 'one', p.assignee_column WHERE p.assignee_column IS NOT NULL
			UNION ALL
			SELECT 4, 'assigned', 'many', key.name
			WHERE p.assignee_column IS NULL AND p.tenant_column IS NOT NULL AND key.name IS NOT NULL
			UNION ALL
			SELECT 5, 'assigned', 'many', p.owner_column
			WHERE p.assignee_column IS NULL AND p.tenant_column IS NOT NULL AND p.owner_column IS NOT NULL
			UNION ALL
			SELECT 6, 'own', 'one', p.owner_column WHERE p.owner_column IS NOT NULL
		) s (position, scope, form, name)
		WHERE action IS NOT NULL AND (k.scopes IS NULL OR s.scope = ANY (k.scopes))
	)
	SELECT
		CASE WHEN count(*) = 0 THEN 'false'
			WHEN min(tenant_column::text) IS NULL OR every(scope = 'tenant' AND form = 'one') THEN string_agg(expression, ' OR ' ORDER BY position)
			ELSE format('%s OPERATOR(pg_catalog.=) (SELECT auth.tenant_id()) AND (%s)',
				min(quote_ident(tenant_column)), string_agg(expression, ' OR ' ORDER BY position)) END,
		CASE WHEN count(*) = 0 THEN 'false'
			WHEN min(tenant_column::text) IS NULL OR every(scope = 'tenant' AND form = 'one')
				THEN CASE WHEN count(*) > 1 THEN '(' || string_agg(stored, ' OR ' ORDER BY position) || ')' ELSE min(stored) END
			ELSE format(CASE WHEN count(*) > 1 THEN '((%s = ( SELECT auth.tenant_id() AS tenant_id)) AND (%s))'
					ELSE '((%s = ( SELECT auth.tenant_id() AS tenant_id)) AND %s)' END,
				min(quote_ident(tenant_column)), string_agg(stored, ' OR ' ORDER BY position)) END
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
