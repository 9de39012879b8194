-- sql/70_protect.sql: tenant isolation of a table in one call, auth.protect, and back.
-- Depends on auth.tenants, auth.tenant_id(), 12_protected_tables.sql, 69_protect_policies.sql.
--
-- Everything runs with the rights of the caller, who owns the table. Each step is
-- planned by comparing the catalog with what ought to be there, then executed and
-- reported: so a second call does nothing and says nothing. What the plan executes
-- is built from identifiers only, never from text kept in a table.

-- Ordinary users reach a table through its policies; its owner decides about it.
-- REFERENCES on auth.tenants is granted to nobody: a foreign key is checked as the
-- owner of the table that it refers to, and evaluates casts of the one that it is
-- on, so who may make one may become auth_owner.
GRANT SELECT, INSERT, UPDATE, DELETE ON auth.protected_tables TO auth_admin;

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
		EXECUTE format('SELECT count(*) FROM %s WHERE %I IS NULL', target, tenant_column) INTO nulls;
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

-- The columns besides the tenant that the policies of a table compare, if all of them
-- are registered: an index that has them answers what the table itself need not be
-- read for. The key of each row would make it as long as the table.
CREATE OR REPLACE FUNCTION auth._protect_compared(target regclass)
RETURNS text
LANGUAGE sql
STABLE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT string_agg(quote_ident(c.name), ', ' ORDER BY c.position)
	FROM auth._protect_entry(target) p
	JOIN auth.resources k ON k.name = p.resource
	CROSS JOIN LATERAL (
		SELECT v.name, min(v.position)
		FROM (VALUES (1, 'unit', p.unit_column), (2, 'own', p.owner_column), (3, 'assigned', p.assignee_column)) v (position, scope, name)
		WHERE v.name IS NOT NULL AND (k.scopes IS NULL OR v.scope = ANY (k.scopes))
		GROUP BY v.name
	) c (name, position)
	WHERE p.assignee_column IS NOT NULL OR auth._protect_key(target) IS NULL OR 'assigned' <> ALL (k.scopes)
$$;
COMMENT ON FUNCTION auth._protect_compared(regclass) IS 'Internal: the columns that go into the index on the tenant';
REVOKE ALL ON FUNCTION auth._protect_compared(regclass) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION auth._protect_compared(regclass) TO auth_admin;

-- What is missing on one table, as statements.
CREATE OR REPLACE FUNCTION auth._protect_plan(target regclass)
RETURNS TABLE (object text, statement text)
LANGUAGE plpgsql
STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	entry auth.protected_tables := auth._protect_entry(target);
	class pg_class;
	attribute pg_attribute;
	index_prefix text;
	index_name name;
	-- A partition that was protected before it was attached has a trigger of its
	-- own; with another name on partitioned tables the two do not collide.
	trigger_name name;
BEGIN
	SELECT * INTO class FROM pg_class WHERE oid = target;
	SELECT * INTO attribute FROM pg_attribute WHERE attrelid = target AND attname = coalesce(entry.tenant_column, entry.owner_column);
	trigger_name := CASE class.relkind WHEN 'p' THEN 'intrex_auth_tenant_of_partitions' ELSE 'intrex_auth_tenant' END;

	-- A row without a tenant would be nobody's for ever; one without an owner is for
	-- those who administer the table.
	IF entry.tenant_column IS NOT NULL AND (NOT attribute.attnotnull
		OR EXISTS (SELECT FROM pg_constraint WHERE conrelid = target AND contype = 'n'
			AND conkey = ARRAY[attribute.attnum] AND NOT convalidated))
	THEN
		RETURN QUERY SELECT 'not null', format('ALTER TABLE %s ALTER COLUMN %I SET NOT NULL', target, entry.tenant_column);
	END IF;
	IF NOT attribute.atthasdef THEN
		RETURN QUERY SELECT 'default', format('ALTER TABLE ONLY %s ALTER COLUMN %I SET DEFAULT auth.%s()', target, attribute.attname,
			CASE WHEN entry.tenant_column IS NULL THEN 'uid' ELSE 'tenant_id' END);
	END IF;

	RETURN QUERY
	SELECT 'foreign key', CASE
		WHEN NOT entry.tenant_fk THEN format('ALTER TABLE %s DROP CONSTRAINT intrex_auth_tenant', target)
		WHEN found.conname IS NULL THEN format(
			'ALTER TABLE %s ADD CONSTRAINT intrex_auth_tenant FOREIGN KEY (%I) REFERENCES auth.tenants (id) ON DELETE CASCADE',
			target, entry.tenant_column)
		ELSE format('ALTER TABLE %s VALIDATE CONSTRAINT %I', target, found.conname)
		END
	FROM (SELECT) one
	LEFT JOIN (
		SELECT conname, convalidated, conparentid FROM pg_constraint
		WHERE conrelid = target AND contype = 'f' AND confrelid = 'auth.tenants'::regclass
			AND conkey = ARRAY[attribute.attnum] AND confdeltype = 'c'
		ORDER BY convalidated DESC, conname LIMIT 1
	) found ON true
	WHERE entry.tenant_column IS NOT NULL AND CASE
		WHEN entry.tenant_fk THEN found.convalidated IS NOT TRUE
		ELSE found.conname = 'intrex_auth_tenant' AND found.conparentid = 0
		END;

	-- Begins with the column that every policy compares; without tenants, one for each.
	FOR attribute IN
		SELECT a.* FROM pg_attribute a
		WHERE a.attrelid = target AND a.attname = ANY (CASE WHEN entry.tenant_column IS NOT NULL THEN ARRAY[entry.tenant_column]
				ELSE ARRAY[entry.owner_column, entry.assignee_column] END)
			AND NOT EXISTS (SELECT FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_am m ON m.oid = c.relam
				WHERE i.indrelid = target AND i.indkey[0] = a.attnum AND i.indisvalid AND i.indpred IS NULL
					AND m.amname IN ('btree', 'hash'))
		ORDER BY a.attname <> entry.owner_column
	LOOP
		index_prefix := format('intrex_auth_%s_', CASE attribute.attname WHEN entry.tenant_column THEN 'tenant'
			WHEN entry.owner_column THEN 'owner' ELSE 'assignee' END);
		index_name := index_prefix || class.relname;
		IF octet_length(index_prefix || class.relname) > 63
			OR EXISTS (SELECT FROM pg_class c WHERE c.relnamespace = class.relnamespace AND c.relname = index_name)
		THEN
			index_name := index_prefix || md5(format('%s.%s', class.relnamespace::regnamespace, class.relname));
		END IF;
		RETURN QUERY SELECT 'index', format('CREATE INDEX %I ON %s (%s)', index_name, target,
			concat_ws(', ', quote_ident(attribute.attname), CASE attribute.attname WHEN entry.tenant_column THEN auth._protect_compared(target) END));
	END LOOP;

	-- A partition has the trigger of its parent, as a clone.
	IF entry.tenant_column IS NOT NULL AND NOT EXISTS (SELECT FROM pg_trigger WHERE tgrelid = target AND tgparentid <> 0
		AND tgfoid = 'auth.tenant_immutable()'::regprocedure AND tgenabled IN ('O', 'A'))
	THEN
		RETURN QUERY
		SELECT 'trigger', s.statement
		FROM (SELECT) one
		LEFT JOIN pg_trigger t ON t.tgrelid = target AND t.tgname = trigger_name
		CROSS JOIN LATERAL (VALUES
			(1, format('DROP TRIGGER %I ON %s', trigger_name, target)),
			(2, format('CREATE TRIGGER %I BEFORE UPDATE ON %s FOR EACH ROW'
				' WHEN (OLD.%I IS DISTINCT FROM NEW.%3$I)'
				' EXECUTE FUNCTION auth.tenant_immutable(%L)', trigger_name, target, entry.tenant_column, entry.id))
		) s (step, statement)
		WHERE (s.step = 2 OR t.oid IS NOT NULL)
			AND (t.oid IS NULL
				OR t.tgfoid <> 'auth.tenant_immutable()'::regprocedure
				OR t.tgtype <> 19 -- BEFORE UPDATE FOR EACH ROW
				OR t.tgenabled NOT IN ('O', 'A')
				OR left(encode(t.tgargs, 'escape'), 36) <> entry.id::text
				OR position(format(' WHEN ((old.%I IS DISTINCT FROM new.%1$I)) ', entry.tenant_column) IN pg_get_triggerdef(t.oid)) = 0)
		ORDER BY s.step;
	END IF;

	-- In each table of the tree: a permission may name columns.
	RETURN QUERY
	SELECT 'trigger', s.statement
	FROM (SELECT) one
	LEFT JOIN pg_trigger t ON t.tgrelid = target AND t.tgname = replace(trigger_name, 'tenant', 'columns') AND t.tgparentid = 0
	CROSS JOIN LATERAL (VALUES
		(1, format('DROP TRIGGER %I ON %s', coalesce(t.tgname, ''), target)),
		(2, format('CREATE TRIGGER %I BEFORE UPDATE ON %s FOR EACH ROW EXECUTE FUNCTION auth.columns_guard(%L, %L)',
			replace(trigger_name, 'tenant', 'columns'), target, entry.resource, entry.id))
	) s (step, statement)
	WHERE CASE s.step WHEN 1 THEN t.oid IS NOT NULL ELSE entry.resource IS NOT NULL END
		AND (t.oid IS NULL OR entry.resource IS NULL
			OR t.tgfoid <> 'auth.columns_guard()'::regprocedure OR t.tgtype <> 19 OR t.tgenabled NOT IN ('O', 'A')
			OR encode(t.tgargs, 'hex') <> encode(convert_to(entry.resource, 'UTF8'), 'hex') || '00' || encode(convert_to(entry.id::text, 'UTF8'), 'hex') || '00')
		-- a partition has that of its parent, as a clone
		AND NOT EXISTS (SELECT FROM pg_trigger i WHERE i.tgrelid = target AND i.tgparentid <> 0
			AND i.tgfoid = 'auth.columns_guard()'::regprocedure AND i.tgenabled IN ('O', 'A'))
	ORDER BY s.step;

	IF NOT class.relrowsecurity THEN
		RETURN QUERY SELECT 'row level security', format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', target);
	END IF;
	IF NOT class.relforcerowsecurity THEN
		RETURN QUERY SELECT 'row level security', format('ALTER TABLE %s FORCE ROW LEVEL SECURITY', target);
	END IF;

	RETURN QUERY
	SELECT 'policy', s.statement
	FROM auth._protect_policies(target) w
	LEFT JOIN pg_policy p ON p.polrelid = target AND p.polname = w.policy
	CROSS JOIN LATERAL (VALUES
		(1, format('DROP POLICY %I ON %s', w.policy, target)),
		(2, format('CREATE POLICY %I ON %s FOR %s TO %I', w.policy, target, upper(w.command), w.role)
			|| CASE WHEN w.command = 'insert' THEN '' ELSE format(' USING (%s)', w.expression) END
			|| CASE WHEN w.command IN ('select', 'delete') THEN '' ELSE format(' WITH CHECK (%s)', w.expression) END)
	) s (step, statement)
	WHERE (s.step = 2 OR p.oid IS NOT NULL)
		AND (p.oid IS NULL OR NOT p.polpermissive
			OR p.polroles <> ARRAY[to_regrole(w.role::text)::oid]
			OR p.polcmd::text <> CASE w.command WHEN 'select' THEN 'r' WHEN 'insert' THEN 'a' WHEN 'update' THEN 'w'
				WHEN 'delete' THEN 'd' ELSE '*' END
			OR pg_get_expr(p.polqual, target) IS DISTINCT FROM CASE WHEN w.command <> 'insert' THEN w.stored END
			OR pg_get_expr(p.polwithcheck, target) IS DISTINCT FROM
				CASE WHEN w.command NOT IN ('select', 'delete') THEN w.stored END)
	ORDER BY w.role DESC, w.policy, s.step;

	-- Row level security does not reach TRUNCATE, foreign keys and triggers.
	IF EXISTS (SELECT FROM auth._protect_grants(target) g WHERE g.by_owner AND g.to_us) THEN
		RETURN QUERY SELECT 'privileges', format(
			'REVOKE TRUNCATE, REFERENCES, TRIGGER ON TABLE %s FROM PUBLIC, anon, authenticated, auth_platform CASCADE', target);
	END IF;
END
$$;
COMMENT ON FUNCTION auth._protect_plan(regclass) IS 'Internal: the statements that a registered table still needs to be protected';
REVOKE ALL ON FUNCTION auth._protect_plan(regclass) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION auth._protect_plan(regclass) TO auth_admin;

-- Who but the owner holds privileges on a table that row level security does not reach.
CREATE OR REPLACE FUNCTION auth._protect_grants(target regclass)
RETURNS TABLE (role name, privilege text, by_owner boolean, to_us boolean)
LANGUAGE sql
STABLE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT DISTINCT coalesce(r.rolname, 'public'), x.privilege_type, x.grantor = c.relowner,
		x.grantee = 0 OR r.rolname IN ('anon', 'authenticated', 'auth_platform')
	FROM pg_class c
	CROSS JOIN LATERAL (
		SELECT c.relacl AS acl
		UNION ALL
		SELECT attacl FROM pg_attribute WHERE attrelid = target AND attacl IS NOT NULL
	) a
	CROSS JOIN LATERAL aclexplode(a.acl) x
	LEFT JOIN pg_roles r ON r.oid = x.grantee
	WHERE c.oid = target AND x.grantee <> c.relowner
		AND x.privilege_type IN ('TRUNCATE', 'REFERENCES', 'TRIGGER')
$$;
COMMENT ON FUNCTION auth._protect_grants(regclass) IS
'Internal: grants of TRUNCATE, REFERENCES and TRIGGER on a table, which row level security does not reach';
REVOKE ALL ON FUNCTION auth._protect_grants(regclass) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION auth._protect_grants(regclass) TO auth_admin;

CREATE OR REPLACE FUNCTION auth.protect(
	target regclass,
	resource text DEFAULT NULL,
	tenant_column name DEFAULT 'tenant_id',
	unit_column name DEFAULT NULL,
	owner_column name DEFAULT NULL,
	assignee_column name DEFAULT NULL,
	tenant_fk boolean DEFAULT NULL)
RETURNS TABLE (object text, statement text)
LANGUAGE plpgsql
VOLATILE
SET search_path = pg_catalog, pg_temp
SET quote_all_identifiers = off
AS $$
DECLARE
	relation regclass;
BEGIN
	-- One at a time: it reads the catalog first and acts on it afterwards.
	LOCK TABLE auth.protected_tables IN SHARE ROW EXCLUSIVE MODE;
	FOR object, statement IN SELECT * FROM auth._protect_renamed() LOOP
		EXECUTE statement;
		RETURN NEXT;
	END LOOP;

	-- Nobody changes the table between the check and the steps: the casts of another
	-- type of column would be its owner's code, run with the rights of the caller.
	-- A snapshot from before the lock would not show such a change.
	IF current_setting('transaction_isolation') NOT IN ('read committed', 'read uncommitted') THEN
		RAISE EXCEPTION USING ERRCODE = 'object_not_in_prerequisite_state',
			MESSAGE = 'tables are protected at READ COMMITTED only',
			HINT = 'Call it in a transaction of its own.';
	END IF;
	IF EXISTS (SELECT FROM pg_class WHERE oid = target AND relkind IN ('r', 'p') AND pg_has_role(relowner, 'USAGE')) THEN
		statement := target;
		EXECUTE format('LOCK TABLE %s IN SHARE UPDATE EXCLUSIVE MODE', statement);
		IF target::text <> statement THEN
			RAISE EXCEPTION USING ERRCODE = 'object_in_use', MESSAGE = format('table %s was renamed meanwhile', statement);
		END IF;
	END IF;
	PERFORM auth._protect_check(target, resource, tenant_column, unit_column, owner_column, assignee_column, tenant_fk);

	-- All entries first: a step on the parent changes its children, too.
	FOR relation IN SELECT auth._protect_tree(target) LOOP
		FOR object, statement IN
			SELECT * FROM auth._protect_registration(relation, resource, tenant_column, unit_column, owner_column, assignee_column, tenant_fk)
		LOOP
			EXECUTE statement;
			RETURN NEXT;
		END LOOP;
	END LOOP;
	FOR relation IN SELECT auth._protect_tree(target) LOOP
		FOR object, statement IN SELECT * FROM auth._protect_plan(relation) LOOP
			IF object = 'foreign key' AND statement LIKE '%REFERENCES auth.tenants%'
				AND NOT has_table_privilege('auth.tenants', 'REFERENCES') THEN
				RAISE insufficient_privilege USING
					MESSAGE = 'the foreign key to auth.tenants needs a superuser',
					HINT = 'Let a superuser call auth.protect, or pass tenant_fk => false; then rows stay when their tenant is deleted.';
			END IF;
			EXECUTE statement;
			RETURN NEXT;
		END LOOP;
	END LOOP;
	FOR relation IN SELECT auth._protect_tree(target) LOOP
		RETURN QUERY SELECT 'warning', w.warning FROM auth._protect_warnings(relation) w;
	END LOOP;
	RETURN QUERY SELECT 'warning', w.warning FROM auth._protect_stale() w;
END
$$;
COMMENT ON FUNCTION auth.protect(regclass, text, name, name, name, name, boolean) IS
'Isolates the tenants in a table, its partitions and inheritance children: foreign key to auth.tenants (unless tenant_fk => false), default, index, immutable tenant, forced row level security with one policy per command. tenant_column => NULL is for a table without tenants, whose rows belong to users: it needs a resource and an owner_column, and the scopes assigned and own count. Reports each step that it took, and warnings with the statements that help. Can be called again, for new partitions above all; an argument left out keeps what is registered. With a resource, each command is for those whom the permissions on it let, on the rows of their scope: unit_column holds the unit, owner_column the user that a row belongs to, assignee_column the user it is assigned to (without one, auth.assignments says so).';
REVOKE ALL ON FUNCTION auth.protect(regclass, text, name, name, name, name, boolean) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION auth.protect(regclass, text, name, name, name, name, boolean) TO auth_admin;
