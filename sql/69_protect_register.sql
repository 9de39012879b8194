-- sql/69_protect_register.sql: which tables auth.protect takes, and their entries in
-- auth.protected_tables. Depends on 12_protected_tables.sql, 14_permission_tables.sql,
-- 69_protect_policies.sql. Reads the catalog; auth.protect executes what it plans.

CREATE OR REPLACE FUNCTION auth.tenant_immutable()
RETURNS trigger
LANGUAGE plpgsql
VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	-- Its WHEN clause has compared already. 42501, as the policies would answer.
	RAISE EXCEPTION USING
		ERRCODE = 'insufficient_privilege',
		MESSAGE = format('a row of %I.%I cannot be moved to another tenant', TG_TABLE_SCHEMA, TG_TABLE_NAME),
		HINT = 'Insert a new row there and delete this one.',
		SCHEMA = TG_TABLE_SCHEMA,
		TABLE = TG_TABLE_NAME;
END
$$;
COMMENT ON FUNCTION auth.tenant_immutable() IS
'Trigger of auth.protect: refuses every UPDATE that changes the tenant of a row, whoever runs it';
REVOKE ALL ON FUNCTION auth.tenant_immutable() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION auth.tenant_immutable() TO auth_admin;

-- Follow tables and tenant columns that were renamed: the triggers on the table
-- bear the id of the entry, and the one that keeps the tenant depends on its column.
CREATE OR REPLACE FUNCTION auth._protect_renamed()
RETURNS TABLE (object text, statement text)
LANGUAGE sql
STABLE
SET search_path = pg_catalog, pg_temp
AS $$
	WITH marked AS (
		SELECT t.tgrelid, t.oid AS trigger, left(right(encode(t.tgargs, 'escape'), 40), 36) AS argument,
			t.tgfoid = 'auth.tenant_immutable()'::regprocedure AS of_tenant
		FROM pg_trigger t
		WHERE t.tgfoid IN ('auth.tenant_immutable()'::regprocedure, 'auth.columns_guard()'::regprocedure) AND t.tgparentid = 0
	), named AS (
		SELECT p.id, n.nspname, c.relname, a.attname, p.schema_name, p.table_name, p.tenant_column
		FROM auth.protected_tables p
		JOIN marked m ON m.argument = p.id::text AND m.of_tenant = (p.tenant_column IS NOT NULL)
		JOIN pg_class c ON c.oid = m.tgrelid
		JOIN pg_namespace n ON n.oid = c.relnamespace
		LEFT JOIN pg_depend d ON m.of_tenant AND d.classid = 'pg_trigger'::regclass AND d.objid = m.trigger
			AND d.refclassid = 'pg_class'::regclass AND d.refobjid = c.oid AND d.refobjsubid > 0
		LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = d.refobjsubid
		WHERE (a.attname IS NOT NULL OR NOT m.of_tenant)
			-- a copy of a protected table may bear the id of the original: no renaming
			AND (SELECT count(DISTINCT o.tgrelid) FROM marked o WHERE o.argument = m.argument) = 1
	)
	-- one statement, because two tables may have changed names
	SELECT 'registration', format(
		'UPDATE auth.protected_tables p SET schema_name = v.schema_name, table_name = v.table_name, tenant_column = v.tenant_column'
		' FROM (VALUES %s) v (id, schema_name, table_name, tenant_column) WHERE p.id = v.id::uuid',
		string_agg(format('(%L, %L, %L, %L)', id, nspname, relname, attname), ', ' ORDER BY nspname, relname))
	FROM named
	WHERE (schema_name, table_name, tenant_column) IS DISTINCT FROM (nspname, relname, attname)
	HAVING count(*) > 0
$$;
COMMENT ON FUNCTION auth._protect_renamed() IS 'Internal: the statement that brings auth.protected_tables up to date with renamed tables';
REVOKE ALL ON FUNCTION auth._protect_renamed() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION auth._protect_renamed() TO auth_admin;

CREATE OR REPLACE FUNCTION auth._protect_nulls(target regclass, column_name name) RETURNS bigint
	LANGUAGE c STABLE STRICT
	AS 'MODULE_PATHNAME', 'intrex_auth_protect_nulls';
COMMENT ON FUNCTION auth._protect_nulls(regclass, name) IS
	'how many rows of a table and its parts have NULL in a column of type uuid; for those who have the rights of their '
	'owners';
REVOKE ALL ON FUNCTION auth._protect_nulls(regclass, name) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION auth._protect_nulls(regclass, name) TO auth_admin;

-- May this table be protected like this? Raises what is wrong.
CREATE OR REPLACE FUNCTION auth._protect_check(
	target regclass, resource text, tenant_column name, unit_column name,
	owner_column name, assignee_column name, tenant_fk boolean)
RETURNS void
LANGUAGE plpgsql
STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	class pg_class;
	entry auth.protected_tables;
	relation regclass;
	column_name name;
	attribute pg_attribute;
	nulls bigint;
BEGIN
	IF target IS NULL THEN
		RAISE EXCEPTION USING ERRCODE = 'null_value_not_allowed', MESSAGE = 'target must not be null';
	END IF;
	IF resource IS NOT NULL AND NOT EXISTS (SELECT FROM auth.resources r WHERE r.name = resource) THEN
		RAISE EXCEPTION USING ERRCODE = 'undefined_object', MESSAGE = format('there is no resource "%s"', left(resource, 63)),
			HINT = 'auth.resources lists them; auth.resource_create() adds one.';
	END IF;
	SELECT * INTO class FROM pg_class WHERE oid = target;
	IF NOT FOUND THEN
		RAISE EXCEPTION USING ERRCODE = 'undefined_table', MESSAGE = format('there is no table with OID %s', target::oid);
	ELSIF class.relkind NOT IN ('r', 'p') THEN
		RAISE EXCEPTION USING ERRCODE = 'wrong_object_type',
			MESSAGE = format('%s is no table', target),
			DETAIL = 'Only ordinary and partitioned tables can be protected.';
	ELSIF class.relpersistence = 't' THEN
		RAISE EXCEPTION USING ERRCODE = 'wrong_object_type', MESSAGE = format('%s is a temporary table', target);
	ELSIF class.relnamespace IN (SELECT oid FROM pg_namespace WHERE nspname IN ('auth', 'auth_api', 'pg_catalog', 'information_schema', 'pg_toast')) THEN
		RAISE EXCEPTION USING ERRCODE = 'insufficient_privilege',
			MESSAGE = format('%s belongs to the system or to intrex_auth itself', target);
	ELSIF EXISTS (SELECT FROM pg_depend WHERE classid = 'pg_class'::regclass AND objid = target AND deptype = 'e') THEN
		RAISE EXCEPTION USING ERRCODE = 'insufficient_privilege', MESSAGE = format('%s belongs to an extension', target);
	ELSIF class.relispartition AND (auth._protect_entry(pg_partition_root(target))).id IS NULL THEN
		RAISE EXCEPTION USING ERRCODE = 'wrong_object_type',
			MESSAGE = format('%s is a partition of a table that is not protected', target),
			DETAIL = 'Its rows could be read through that table, past its own policies.',
			HINT = format('Protect %s: its partitions are included.', pg_partition_root(target));
	END IF;

	FOR relation, class.relowner IN SELECT t.*, c.relowner FROM auth._protect_tree(target) t JOIN pg_class c ON c.oid = t LOOP
		IF NOT pg_has_role(class.relowner, 'USAGE') THEN
			RAISE EXCEPTION USING ERRCODE = 'insufficient_privilege', MESSAGE = format('must be owner of table %s', relation);
		ELSIF EXISTS (SELECT FROM unnest(ARRAY['anon', 'authenticated', 'auth_platform']) r WHERE pg_has_role(r, class.relowner, 'MEMBER')) THEN
			RAISE EXCEPTION USING ERRCODE = 'object_not_in_prerequisite_state',
				MESSAGE = format('an API role has the rights of %I, the owner of table %s', class.relowner::regrole, relation),
				DETAIL = 'Whoever owns a table can take its protection away.',
				HINT = format('ALTER TABLE %s OWNER TO a role that neither anon nor authenticated nor auth_platform belongs to.', relation);
		END IF;
	END LOOP;

	-- of descendants too: the column that an entry names is the one that is acted on
	FOR relation IN SELECT auth._protect_tree(target) LOOP
		entry := auth._protect_entry(relation);
		IF entry.id IS NOT NULL AND entry.tenant_column IS DISTINCT FROM tenant_column THEN
			RAISE EXCEPTION USING ERRCODE = 'object_not_in_prerequisite_state',
				MESSAGE = format(CASE WHEN entry.tenant_column IS NULL THEN '%s is protected without a tenant column already'
					ELSE '%s is protected by its column %I already' END, relation, entry.tenant_column),
				HINT = format('Pass tenant_column => %L, or call auth.unprotect first.', entry.tenant_column);
		END IF;
	END LOOP;
	entry := auth._protect_entry(target);
	IF entry.id IS NOT NULL AND tenant_column IS NULL AND owner_column <> entry.owner_column THEN
		RAISE EXCEPTION USING ERRCODE = 'object_not_in_prerequisite_state',
			MESSAGE = format('%s is protected by its column %I already', target, entry.owner_column),
			HINT = 'Call auth.unprotect first.';
	ELSIF tenant_column IS NULL AND (coalesce(resource, entry.resource) IS NULL OR coalesce(owner_column, entry.owner_column) IS NULL) THEN
		RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
			MESSAGE = 'a table without a tenant column needs a resource and an owner_column',
			DETAIL = 'Its rows belong to users, and the permissions on the resource say what they may do with theirs.';
	ELSIF tenant_column IS NULL AND (unit_column IS NOT NULL OR tenant_fk) THEN
		RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
			MESSAGE = 'a table without a tenant column has no unit_column and no tenant_fk',
			DETAIL = 'Units are parts of tenants.';
	END IF;
	FOREACH column_name IN ARRAY ARRAY[tenant_column, unit_column, owner_column, assignee_column] LOOP
		CONTINUE WHEN column_name IS NULL;
		SELECT * INTO attribute FROM pg_attribute
		WHERE attrelid = target AND attname = column_name AND attnum > 0 AND NOT attisdropped;
		IF NOT FOUND THEN
			RAISE EXCEPTION USING ERRCODE = 'undefined_column',
				MESSAGE = format('column %I of table %s does not exist', column_name, target);
		ELSIF attribute.atttypid <> 'uuid'::regtype THEN
			RAISE EXCEPTION USING ERRCODE = 'datatype_mismatch',
				MESSAGE = format('column %I of table %s is of type %s, not uuid', column_name, target,
					format_type(attribute.atttypid, attribute.atttypmod));
		ELSIF column_name = tenant_column AND attribute.attgenerated <> '' THEN
			RAISE EXCEPTION USING ERRCODE = 'wrong_object_type',
				MESSAGE = format('column %I of table %s is generated', column_name, target),
				DETAIL = 'The tenant of a row must be stored when it is inserted, and stay.';
		END IF;
	END LOOP;

	IF NOT (SELECT a.attnotnull FROM pg_attribute a WHERE a.attrelid = target AND a.attname = tenant_column) THEN
		-- a query would run what the owner wrote into predicates of indexes with the rights of the caller
		nulls := auth._protect_nulls(target, tenant_column);
		IF nulls > 0 THEN
			RAISE EXCEPTION USING ERRCODE = 'not_null_violation',
				MESSAGE = format('%s rows of table %s belong to no tenant', nulls, target),
				DETAIL = format('Column %I is null there.', tenant_column),
				HINT = format('Give them a tenant: UPDATE %s SET %I = … WHERE %2$I IS NULL.', target, tenant_column);
		END IF;
	END IF;
END
$$;
COMMENT ON FUNCTION auth._protect_check(regclass, text, name, name, name, name, boolean) IS
'Internal: raises what keeps a table from being protected with these arguments';
REVOKE ALL ON FUNCTION auth._protect_check(regclass, text, name, name, name, name, boolean) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION auth._protect_check(regclass, text, name, name, name, name, boolean) TO auth_admin;

-- Enter a table, or bring its entry up to date. What is NULL keeps what is
-- registered, of the parent of what is new: else a call that only covers new
-- partitions would widen access.
CREATE OR REPLACE FUNCTION auth._protect_registration(
	target regclass, resource text, tenant_column name, unit_column name,
	owner_column name, assignee_column name, tenant_fk boolean)
RETURNS TABLE (object text, statement text)
LANGUAGE sql
STABLE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT 'registration', CASE
		WHEN p.id IS NULL THEN format(
			'INSERT INTO auth.protected_tables (schema_name, table_name, resource, tenant_column, unit_column, owner_column,'
			' assignee_column, tenant_fk, had_default, had_not_null, had_rls, had_force_rls)'
			' VALUES (%L, %L, %L, %L, %L, %L, %L, %L, %L, %L, %L, %L)',
			n.nspname, c.relname, new.resource, $3, new.unit_column, new.owner_column,
			new.assignee_column, new.tenant_fk,
			a.atthasdef AND NOT inherited.has_default, a.attnotnull AND NOT inherited.not_null,
			c.relrowsecurity, c.relforcerowsecurity)
		ELSE format(
			'UPDATE auth.protected_tables SET resource = %L, unit_column = %L, owner_column = %L, assignee_column = %L,'
			' tenant_fk = %L WHERE id = %L',
			new.resource, new.unit_column, new.owner_column, new.assignee_column, new.tenant_fk, p.id)
		END
	FROM pg_class c
	JOIN pg_namespace n ON n.oid = c.relnamespace
	CROSS JOIN auth._protect_entry(target) p
	LEFT JOIN LATERAL (
		SELECT e.*
		FROM pg_inherits i CROSS JOIN auth._protect_entry(i.inhparent) e
		WHERE i.inhrelid = target AND e.id IS NOT NULL
		ORDER BY i.inhseqno LIMIT 1
	) parent ON true
	JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = coalesce($3, $5, p.owner_column, parent.owner_column)
	-- What a new partition has from a parent that has it from us is ours.
	CROSS JOIN LATERAL (
		SELECT coalesce(bool_or(b.atthasdef AND NOT e.had_default), false) AS has_default,
			coalesce(bool_or(b.attnotnull AND NOT e.had_not_null), false) AS not_null
		FROM pg_inherits i
		JOIN pg_attribute b ON b.attrelid = i.inhparent AND b.attname = a.attname
		CROSS JOIN auth._protect_entry(i.inhparent) e
		WHERE i.inhrelid = target
	) inherited
	CROSS JOIN LATERAL (SELECT
		coalesce($2, p.resource, parent.resource) AS resource, coalesce($4, p.unit_column, parent.unit_column) AS unit_column,
		coalesce($5, p.owner_column, parent.owner_column) AS owner_column,
		coalesce($6, p.assignee_column, parent.assignee_column) AS assignee_column,
		coalesce($7, p.tenant_fk, parent.tenant_fk, $3 IS NOT NULL) AS tenant_fk) new
	WHERE c.oid = target
		AND (p.id IS NULL OR (p.resource, p.unit_column, p.owner_column, p.assignee_column, p.tenant_fk)
			IS DISTINCT FROM (new.resource, new.unit_column, new.owner_column, new.assignee_column, new.tenant_fk))
$$;
COMMENT ON FUNCTION auth._protect_registration(regclass, text, name, name, name, name, boolean) IS
'Internal: the statement that enters a table in auth.protected_tables, if one is needed';
REVOKE ALL ON FUNCTION auth._protect_registration(regclass, text, name, name, name, name, boolean) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION auth._protect_registration(regclass, text, name, name, name, name, boolean) TO auth_admin;
