-- sql/71_unprotect.sql: takes back what auth.protect made on a table.
-- Depends on 70_protect.sql.
--
-- What is ours is known by its name, and what was there before by the entry of
-- the table. Without an entry (a table that was restored alone) row level security
-- stays on: the table is closed then, never open by mistake.

-- What auth.protect made on one table, as statements that take it back.
CREATE OR REPLACE FUNCTION auth._unprotect_plan(target regclass)
RETURNS TABLE (object text, statement text)
LANGUAGE plpgsql
STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	entry auth.protected_tables := auth._protect_entry(target);
	class pg_class;
	attribute pg_attribute;
BEGIN
	SELECT * INTO class FROM pg_class WHERE oid = target;
	SELECT * INTO attribute FROM pg_attribute
	WHERE attrelid = target AND attname = coalesce(entry.tenant_column, entry.owner_column) AND NOT attisdropped;

	-- Closed before it is opened: whoever reads in between sees too little.
	RETURN QUERY
	SELECT 'policy', format('DROP POLICY %I ON %s', polname, target)
	FROM pg_policy WHERE polrelid = target AND starts_with(polname::text, 'intrex_auth_') ORDER BY polname;
	RETURN QUERY
	SELECT 'row level security', format('ALTER TABLE %s NO FORCE ROW LEVEL SECURITY', target)
	WHERE class.relforcerowsecurity AND NOT entry.had_force_rls;
	RETURN QUERY
	SELECT 'row level security', format('ALTER TABLE %s DISABLE ROW LEVEL SECURITY', target)
	WHERE class.relrowsecurity AND NOT entry.had_rls;

	RETURN QUERY
	SELECT 'trigger', format('DROP TRIGGER %I ON %s', tgname, target)
	FROM pg_trigger
	WHERE tgrelid = target AND tgparentid = 0
		AND tgfoid IN ('auth.tenant_immutable()'::regprocedure, 'auth.columns_guard()'::regprocedure) ORDER BY tgname;
	RETURN QUERY
	SELECT 'foreign key', format('ALTER TABLE %s DROP CONSTRAINT intrex_auth_tenant', target)
	FROM pg_constraint
	WHERE conrelid = target AND conname = 'intrex_auth_tenant' AND contype = 'f'
		AND confrelid = 'auth.tenants'::regclass AND conparentid = 0;
	RETURN QUERY
	SELECT 'index', format('DROP INDEX %I.%I', n.nspname, c.relname)
	FROM pg_index i
	JOIN pg_class c ON c.oid = i.indexrelid
	JOIN pg_namespace n ON n.oid = c.relnamespace
	WHERE i.indrelid = target AND c.relname::text ~ '^intrex_auth_(tenant|owner|assignee)_' AND NOT c.relispartition
		AND NOT EXISTS (SELECT FROM pg_constraint WHERE conindid = c.oid AND conrelid = target)
	ORDER BY c.relname;

	RETURN QUERY
	SELECT 'default', format('ALTER TABLE ONLY %s ALTER COLUMN %I DROP DEFAULT', target, attribute.attname)
	FROM pg_attrdef
	WHERE adrelid = target AND adnum = attribute.attnum AND pg_get_expr(adbin, adrelid) IN ('auth.tenant_id()', 'auth.uid()')
		AND NOT entry.had_default;
	RETURN QUERY
	SELECT 'not null', format('ALTER TABLE %s ALTER COLUMN %I %s NOT NULL', target, attribute.attname,
		CASE WHEN entry.had_not_null THEN 'SET' ELSE 'DROP' END)
	WHERE entry.tenant_column IS NOT NULL AND CASE
		-- the parent's step took it from a partition that had its own
		WHEN entry.had_not_null THEN NOT attribute.attnotnull
		ELSE attribute.attnotnull
			AND NOT EXISTS (SELECT FROM pg_index WHERE indrelid = target AND indisprimary AND attribute.attnum = ANY (indkey))
			AND NOT EXISTS (SELECT FROM pg_inherits i JOIN pg_attribute a ON a.attrelid = i.inhparent
				WHERE i.inhrelid = target AND a.attname = attribute.attname AND a.attnotnull)
		END;

	RETURN QUERY
	SELECT 'registration', format('DELETE FROM auth.protected_tables WHERE id = %L', entry.id) WHERE entry.id IS NOT NULL;
END
$$;
COMMENT ON FUNCTION auth._unprotect_plan(regclass) IS 'Internal: the statements that take back what auth.protect made on one table';
REVOKE ALL ON FUNCTION auth._unprotect_plan(regclass) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION auth._unprotect_plan(regclass) TO auth_admin;

CREATE OR REPLACE FUNCTION auth.unprotect(target regclass)
RETURNS TABLE (object text, statement text)
LANGUAGE plpgsql
VOLATILE
SET search_path = pg_catalog, pg_temp
SET quote_all_identifiers = off
AS $$
DECLARE
	relation regclass;
	relations regclass[];
	parent regclass;
	undone boolean;
BEGIN
	LOCK TABLE auth.protected_tables IN SHARE ROW EXCLUSIVE MODE;
	FOR object, statement IN SELECT * FROM auth._protect_renamed() LOOP
		EXECUTE statement;
		RETURN NEXT;
	END LOOP;

	relations := ARRAY(SELECT auth._protect_tree(target));
	FOREACH relation IN ARRAY relations LOOP
		IF NOT pg_has_role((SELECT relowner FROM pg_class WHERE oid = relation), 'USAGE') THEN
			RAISE EXCEPTION USING ERRCODE = 'insufficient_privilege', MESSAGE = format('must be owner of table %s', relation);
		END IF;
	END LOOP;
	SELECT i.inhparent INTO parent
	FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
	WHERE i.inhrelid = target AND c.relispartition;
	IF (auth._protect_entry(parent)).id IS NOT NULL THEN
		RAISE EXCEPTION USING ERRCODE = 'wrong_object_type',
			MESSAGE = format('%s is a partition of a protected table', target),
			HINT = format('Call auth.unprotect for %s, or detach the partition first.', pg_partition_root(target));
	END IF;

	FOREACH relation IN ARRAY relations LOOP
		undone := false;
		FOR object, statement IN SELECT * FROM auth._unprotect_plan(relation) LOOP
			EXECUTE statement;
			RETURN NEXT;
			undone := true;
		END LOOP;
		IF undone THEN
			object := 'warning';
			statement := translate(format(CASE
				WHEN (SELECT relrowsecurity FROM pg_class WHERE oid = relation)
					THEN '-- row level security of %s stays on, as it was before: only its own policies let rows through'
				ELSE '-- row level security of %s is off, as it was before: whoever holds privileges on it sees every tenant'
				END, relation), E'\n\r', '  ');
			RETURN NEXT;
		END IF;
	END LOOP;
END
$$;
COMMENT ON FUNCTION auth.unprotect(regclass) IS
'Takes back what auth.protect made on a table, its partitions and inheritance children, and only that: the column, indexes and NOT NULL that were there before stay, and so does row level security if it was on. Privileges that auth.protect revoked are not given back. Reports each step.';
REVOKE ALL ON FUNCTION auth.unprotect(regclass) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION auth.unprotect(regclass) TO auth_admin;
