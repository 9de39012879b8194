-- sql/72_protect_warnings.sql: what auth.protect cannot decide for the owner of a
-- table: each warning is a comment, and the statement that helps if there is one.
-- Depends on 12_protected_tables.sql; reads the catalog, changes nothing.

-- One warning. Names may hold line ends, and then would leave the comment.
CREATE OR REPLACE FUNCTION auth._protect_warning(comment text, remedy text DEFAULT NULL)
RETURNS text
LANGUAGE sql
IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT '-- ' || translate(comment, E'\n\r', '  ') || coalesce(E'\n' || remedy || ';', '')
$$;
COMMENT ON FUNCTION auth._protect_warning(text, text) IS 'Internal: a warning as a comment with the statement that helps';
REVOKE ALL ON FUNCTION auth._protect_warning(text, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION auth._protect_warning(text, text) TO auth_admin;

-- Tables whose rows belong to tenants, with the number of the tenant's column.
CREATE OR REPLACE FUNCTION auth._protect_tenanted()
RETURNS TABLE (relation regclass, tenant_attnum smallint)
LANGUAGE sql
STABLE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT c.oid::regclass, a.attnum
	FROM (
		SELECT schema_name, table_name, tenant_column FROM auth.protected_tables
		UNION ALL VALUES ('auth'::name, 'units'::name, 'tenant_id'::name), ('auth', 'memberships', 'tenant_id')
	) p
	JOIN pg_namespace n ON n.nspname = p.schema_name
	JOIN pg_class c ON c.relnamespace = n.oid AND c.relname = p.table_name
	JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = p.tenant_column AND NOT a.attisdropped
$$;
COMMENT ON FUNCTION auth._protect_tenanted() IS 'Internal: protected tables, and those of intrex_auth that have a tenant';
REVOKE ALL ON FUNCTION auth._protect_tenanted() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION auth._protect_tenanted() TO auth_admin;

-- Columns of a table by number, quoted, in the order given.
CREATE OR REPLACE FUNCTION auth._protect_columns(relation regclass, attnums smallint[])
RETURNS text
LANGUAGE sql
STABLE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT string_agg(quote_ident(a.attname), ', ' ORDER BY k.position)
	FROM unnest(attnums) WITH ORDINALITY k (attnum, position)
	JOIN pg_attribute a ON a.attrelid = relation AND a.attnum = k.attnum
$$;
COMMENT ON FUNCTION auth._protect_columns(regclass, smallint[]) IS 'Internal: a list of quoted column names';
REVOKE ALL ON FUNCTION auth._protect_columns(regclass, smallint[]) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION auth._protect_columns(regclass, smallint[]) TO auth_admin;

-- Foreign keys between tenants' tables that leave out the tenant: they tell
-- whether a row of another tenant exists, let one be referenced, and cascade into it.
CREATE OR REPLACE FUNCTION auth._protect_foreign_keys(target regclass)
RETURNS SETOF text
LANGUAGE sql
STABLE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT auth._protect_warning(
		format('foreign key %I of %s leaves out the tenant: it reaches rows of other tenants in %s',
			f.conname, f.conrelid::regclass, f.confrelid::regclass),
		concat(
			CASE WHEN NOT EXISTS (SELECT FROM pg_index
				WHERE indrelid = f.confrelid AND indisunique AND indimmediate AND indisvalid AND indpred IS NULL AND indexprs IS NULL
					AND indnkeyatts = 1 + cardinality(f.confkey)
					AND indkey::smallint[] @> (there.tenant_attnum || f.confkey))
				THEN format(E'ALTER TABLE %s ADD UNIQUE (%s);\n', f.confrelid::regclass,
					auth._protect_columns(f.confrelid, there.tenant_attnum || f.confkey)) END,
			format('ALTER TABLE %s DROP CONSTRAINT %I, ADD CONSTRAINT %2$I FOREIGN KEY (%s) REFERENCES %s (%s)',
				f.conrelid::regclass, f.conname,
				auth._protect_columns(f.conrelid, here.tenant_attnum || f.conkey), f.confrelid::regclass,
				auth._protect_columns(f.confrelid, there.tenant_attnum || f.confkey)),
			CASE f.confupdtype WHEN 'c' THEN ' ON UPDATE CASCADE' WHEN 'r' THEN ' ON UPDATE RESTRICT' END,
			-- the tenant stays: only what the key names is emptied
			CASE f.confdeltype WHEN 'c' THEN ' ON DELETE CASCADE' WHEN 'r' THEN ' ON DELETE RESTRICT'
				WHEN 'n' THEN format(' ON DELETE SET NULL (%s)', auth._protect_columns(f.conrelid, f.conkey))
				WHEN 'd' THEN format(' ON DELETE SET DEFAULT (%s)', auth._protect_columns(f.conrelid, f.conkey)) END,
			CASE WHEN f.condeferrable THEN ' DEFERRABLE' END,
			CASE WHEN f.condeferred THEN ' INITIALLY DEFERRED' END))
	FROM pg_constraint f
	JOIN auth._protect_tenanted() here ON here.relation = f.conrelid
	JOIN auth._protect_tenanted() there ON there.relation = f.confrelid
	WHERE f.contype = 'f' AND f.conparentid = 0 AND (f.conrelid = target OR f.confrelid = target)
		AND NOT EXISTS (SELECT FROM unnest(f.conkey, f.confkey) k (a, b) WHERE k.a = here.tenant_attnum AND k.b = there.tenant_attnum)
	ORDER BY f.conrelid::regclass::text, f.conname
$$;
COMMENT ON FUNCTION auth._protect_foreign_keys(regclass) IS 'Internal: warnings about foreign keys that leave out the tenant';
REVOKE ALL ON FUNCTION auth._protect_foreign_keys(regclass) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION auth._protect_foreign_keys(regclass) TO auth_admin;

-- Views that read a table with the rights of their own owner, at any depth, and
-- materialized views, which keep rows outside of any policy.
CREATE OR REPLACE FUNCTION auth._protect_reading_views(target regclass)
RETURNS TABLE (relation regclass, materialized boolean)
LANGUAGE sql
STABLE
SET search_path = pg_catalog, pg_temp
AS $$
	WITH RECURSIVE dependent (relid) AS (
		SELECT target::oid
		UNION
		SELECT r.ev_class
		FROM dependent d
		JOIN pg_depend p ON p.refclassid = 'pg_class'::regclass AND p.refobjid = d.relid AND p.classid = 'pg_rewrite'::regclass
		JOIN pg_rewrite r ON r.oid = p.objid
	)
	SELECT c.oid::regclass, c.relkind = 'm'
	FROM dependent d
	JOIN pg_class c ON c.oid = d.relid
	WHERE c.relkind = 'm'
		OR c.relkind = 'v' AND NOT EXISTS (SELECT FROM pg_options_to_table(c.reloptions)
			WHERE option_name = 'security_invoker' AND option_value::boolean)
	ORDER BY c.oid::regclass::text
$$;
COMMENT ON FUNCTION auth._protect_reading_views(regclass) IS 'Internal: views that go around the policies of a table';
REVOKE ALL ON FUNCTION auth._protect_reading_views(regclass) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION auth._protect_reading_views(regclass) TO auth_admin;

CREATE OR REPLACE FUNCTION auth._protect_views(target regclass)
RETURNS SETOF text
LANGUAGE sql
STABLE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT CASE WHEN v.materialized THEN auth._protect_warning(
			format('materialized view %s keeps rows of %s as its owner saw them, outside of row level security', v.relation, target),
			format('REVOKE ALL ON TABLE %s FROM PUBLIC, anon, authenticated', v.relation))
		ELSE auth._protect_warning(
			format('view %s reads %s with the rights of its owner, not of the caller', v.relation, target),
			format('ALTER VIEW %s SET (security_invoker = true)', v.relation))
		END
	FROM auth._protect_reading_views(target) v
$$;
COMMENT ON FUNCTION auth._protect_views(regclass) IS 'Internal: warnings about views that go around the policies of a table';
REVOKE ALL ON FUNCTION auth._protect_views(regclass) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION auth._protect_views(regclass) TO auth_admin;

-- A role with the rights of its owner can switch the row level security of a table off.
-- An owner that can log in, or whose rights a login role of clients has, is named with
-- the first table of it that is protected: once, not with each table. Owners whose
-- rights the API roles themselves have are refused by auth._protect_check().
CREATE OR REPLACE FUNCTION auth._protect_owner(target regclass)
RETURNS SETOF text
LANGUAGE sql
STABLE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT auth._protect_warning(
		format('%s can log in%s, and could switch row level security off: '
			'a role that cannot log in is a better owner of tables',
			CASE WHEN l.oid = o.oid THEN format('%I, the owner of %s,', o.rolname, target)
				ELSE quote_ident(l.rolname) END,
			CASE WHEN l.oid <> o.oid THEN format(' for clients and has the rights of %I, the owner of %s', o.rolname,
				target) END),
		CASE WHEN l.oid = o.oid THEN format('ALTER TABLE %s OWNER TO …', target)
			ELSE format('REVOKE %I FROM %I', o.rolname, l.rolname) END)
	FROM pg_class c
	JOIN pg_roles o ON o.oid = c.relowner AND NOT o.rolsuper
	JOIN pg_roles l ON l.rolcanlogin AND NOT l.rolsuper AND (l.oid = o.oid
		OR pg_has_role(l.oid, o.oid, 'MEMBER')
			AND (pg_has_role(l.oid, 'anon', 'MEMBER') OR pg_has_role(l.oid, 'authenticated', 'MEMBER')))
	WHERE c.oid = target
		AND NOT EXISTS (
			SELECT FROM auth.protected_tables p
			JOIN pg_namespace n ON n.nspname = p.schema_name
			JOIN pg_class other ON other.relnamespace = n.oid AND other.relname = p.table_name
			WHERE other.relowner = c.relowner AND other.oid NOT IN (SELECT auth._protect_tree(target)))
	ORDER BY l.oid <> o.oid, l.rolname
$$;
COMMENT ON FUNCTION auth._protect_owner(regclass) IS
	'Internal: warnings about who could switch row level security off, with the first table of an owner';
REVOKE ALL ON FUNCTION auth._protect_owner(regclass) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION auth._protect_owner(regclass) TO auth_admin;

-- Everything about one table.
CREATE OR REPLACE FUNCTION auth._protect_warnings(target regclass)
RETURNS TABLE (warning text)
LANGUAGE plpgsql
STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	entry auth.protected_tables := auth._protect_entry(target);
	class pg_class;
	attribute pg_attribute;
	ours CONSTANT text := CASE WHEN entry.tenant_column IS NULL THEN 'auth.uid()' ELSE 'auth.tenant_id()' END;
	version CONSTANT int := current_setting('server_version_num');
	leaky CONSTANT boolean := version < CASE version / 10000
		WHEN 15 THEN 150020 WHEN 16 THEN 160016 WHEN 17 THEN 170012 WHEN 18 THEN 180007 ELSE 0 END;
BEGIN
	SELECT * INTO class FROM pg_class WHERE oid = target;
	SELECT * INTO attribute FROM pg_attribute WHERE attrelid = target AND attname = coalesce(entry.tenant_column, entry.owner_column);

	RETURN QUERY
	SELECT auth._protect_warning(
		format('permissive policy %I of %s may widen access: a row is visible if any permissive policy says so', polname, target),
		format('DROP POLICY %I ON %s', polname, target))
	FROM pg_policy
	WHERE polrelid = target AND polpermissive AND polname NOT IN (SELECT policy FROM auth._protect_policies(target))
	ORDER BY polname;

	RETURN QUERY
	SELECT auth._protect_warning(
		format('%I may %s %s, which row level security does not reach', g.role, string_agg(g.privilege, ', ' ORDER BY g.privilege), target),
		format('REVOKE %s ON TABLE %s FROM %s CASCADE', string_agg(g.privilege, ', ' ORDER BY g.privilege), target,
			CASE g.role WHEN 'public' THEN 'PUBLIC' ELSE quote_ident(g.role) END))
	FROM auth._protect_grants(target) g
	GROUP BY g.role
	ORDER BY g.role;

	RETURN QUERY
	SELECT auth._protect_warning(
		format('column %I of %s has a default of its own', attribute.attname, target),
		format('ALTER TABLE ONLY %s ALTER COLUMN %I SET DEFAULT %s', target, attribute.attname, ours))
	FROM pg_attrdef
	WHERE adrelid = target AND adnum = attribute.attnum AND pg_get_expr(adbin, adrelid) <> ours;

	-- A key that holds a uuid is not guessed. Without tenants, a key is one of all users.
	RETURN QUERY
	SELECT auth._protect_warning(
		format('unique index %I of %s leaves out the tenant: a refused insert tells that another tenant has the value', c.relname, target),
		CASE
			WHEN i.indexprs IS NOT NULL OR NOT i.indimmediate OR m.amname <> 'btree' THEN NULL
			WHEN k.conname IS NOT NULL THEN format('ALTER TABLE %s DROP CONSTRAINT %I, ADD CONSTRAINT %2$I %s (%s)', target, k.conname,
				CASE k.contype WHEN 'p' THEN 'PRIMARY KEY' ELSE 'UNIQUE' END,
				auth._protect_columns(target, attribute.attnum || k.conkey))
			ELSE format(E'DROP INDEX %s;\nCREATE UNIQUE INDEX %I ON %s (%s)%s', c.oid::regclass, c.relname, target,
				auth._protect_columns(target, attribute.attnum || (i.indkey::smallint[])[0:i.indnkeyatts - 1]),
				' WHERE ' || pg_get_expr(i.indpred, target))
			END)
	FROM pg_index i
	JOIN pg_class c ON c.oid = i.indexrelid
	JOIN pg_am m ON m.oid = c.relam
	LEFT JOIN pg_constraint k ON k.conindid = c.oid AND k.conrelid = target AND k.contype IN ('p', 'u')
	WHERE entry.tenant_column IS NOT NULL AND i.indrelid = target AND i.indisunique AND NOT c.relispartition
		AND NOT EXISTS (SELECT FROM generate_series(0, i.indnkeyatts - 1) n
			JOIN pg_attribute a ON a.attrelid = target AND a.attnum = i.indkey[n]
			WHERE a.attnum = attribute.attnum OR a.atttypid = 'uuid'::regtype)
	ORDER BY c.relname;

	-- It evaluated the WHERE clause on a row before the policies were asked.
	RETURN QUERY
	SELECT auth._protect_warning(format(
		'this PostgreSQL must be updated (CVE-2026-120154): ON CONFLICT DO UPDATE shows rows of others in %s by its unique index %s',
		target, string_agg(i.indexrelid::regclass::text, ', ' ORDER BY i.indexrelid::regclass::text)))
	FROM pg_index i
	WHERE leaky AND i.indrelid = target AND i.indisunique
		AND attribute.attnum <> ALL ((i.indkey::smallint[])[0:i.indnkeyatts - 1])
	HAVING count(*) > 0;

	RETURN QUERY SELECT auth._protect_owner(target);
	RETURN QUERY SELECT auth._protect_foreign_keys(target);
	RETURN QUERY SELECT auth._protect_views(target);

	RETURN QUERY
	SELECT auth._protect_warning(
		format('%s inherits from %s, which is not protected and shows its rows', target, i.inhparent::regclass),
		format('SELECT * FROM auth.protect(%L, tenant_column => %L)', i.inhparent::regclass, entry.tenant_column))
	FROM pg_inherits i
	WHERE i.inhrelid = target AND (auth._protect_entry(i.inhparent)).id IS NULL
	ORDER BY i.inhparent::regclass::text;

	RETURN QUERY
	SELECT auth._protect_warning(
		format('foreign table %s, a part of %s, knows no row level security', c.oid::regclass, target),
		format('REVOKE ALL ON TABLE %s FROM PUBLIC, anon, authenticated', c.oid::regclass))
	FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
	WHERE i.inhparent = target AND c.relkind = 'f'
	ORDER BY c.oid::regclass::text;

	IF class.relkind = 'p' AND NOT class.relispartition THEN
		warning := auth._protect_warning(
			format('a partition added later to %s has no policies of its own until this is called again', target),
			format('SELECT * FROM auth.protect(%L, tenant_column => %L)', target, entry.tenant_column));
		RETURN NEXT;
	END IF;
	IF NOT class.relispartition AND entry.resource IS NULL
		AND num_nonnulls(entry.unit_column, entry.owner_column, entry.assignee_column) > 0 THEN
		warning := auth._protect_warning(
			format('unit, owner and assignee columns of %s narrow nothing without a resource: every member of a tenant reaches all of its rows', target),
			format('SELECT * FROM auth.protect(%L, resource => …, tenant_column => %L)', target, entry.tenant_column));
		RETURN NEXT;
	END IF;
END
$$;
COMMENT ON FUNCTION auth._protect_warnings(regclass) IS 'Internal: warnings about a protected table';
REVOKE ALL ON FUNCTION auth._protect_warnings(regclass) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION auth._protect_warnings(regclass) TO auth_admin;

-- Entries whose table or columns are gone.
CREATE OR REPLACE FUNCTION auth._protect_stale()
RETURNS TABLE (warning text)
LANGUAGE sql
STABLE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT auth._protect_warning(
		format('auth.protected_tables names %s %I.%I, which does not exist',
			CASE WHEN w.name = p.table_name AND c.oid IS NULL THEN 'the table'
				ELSE format('the column %I of', w.name) END, p.schema_name, p.table_name),
		CASE WHEN c.oid IS NULL THEN format('DELETE FROM auth.protected_tables WHERE id = %L', p.id) END)
	FROM auth.protected_tables p
	LEFT JOIN pg_namespace n ON n.nspname = p.schema_name
	LEFT JOIN pg_class c ON c.relnamespace = n.oid AND c.relname = p.table_name
	CROSS JOIN LATERAL (
		SELECT p.table_name WHERE c.oid IS NULL
		UNION ALL
		SELECT v.name
		FROM (VALUES (p.tenant_column), (p.unit_column), (p.owner_column), (p.assignee_column)) v (name)
		WHERE c.oid IS NOT NULL AND v.name IS NOT NULL
			AND NOT EXISTS (SELECT FROM pg_attribute WHERE attrelid = c.oid AND attname = v.name AND NOT attisdropped)
	) w (name)
	ORDER BY p.schema_name, p.table_name, w.name
$$;
COMMENT ON FUNCTION auth._protect_stale() IS 'Internal: warnings about entries of auth.protected_tables whose table or columns are gone';
REVOKE ALL ON FUNCTION auth._protect_stale() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION auth._protect_stale() TO auth_admin;
