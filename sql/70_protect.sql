-- sql/70_protect.sql: tenant isolation of a table in one call, auth.protect, and back.
-- Depends on auth.tenants, auth.tenant_id(), 12_protected_tables.sql, 69_protect_policies.sql,
-- 69_protect_register.sql.
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
