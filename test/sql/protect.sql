-- auth.protect and auth.unprotect: what they check, make, repair, report and take back.
\set ECHO none
\set QUIET 1
\pset format unaligned
\pset tuples_only true
\set VERBOSITY terse
SET client_min_messages = warning;

BEGIN;
SELECT plan(80);

CREATE SCHEMA app;
SET LOCAL search_path = app, public;

-- What protect reports, the random id of the entry left out.
CREATE FUNCTION reported(object text, statement text) RETURNS text LANGUAGE sql AS
$$ SELECT object || ': ' || regexp_replace(statement, '[0-9a-f]{8}-[0-9a-f-]{27}', 'ID') $$;

-- The steps of protect, without warnings; '' when there was nothing to do.
CREATE FUNCTION steps(call text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE answer text;
BEGIN
	EXECUTE format('SELECT coalesce(string_agg(reported(object, statement), E''\n'' ORDER BY n), '''') FROM auth.%s WITH ORDINALITY p (object, statement, n) WHERE object <> ''warning''', call)
	INTO answer;
	RETURN answer;
END
$$;

-- Its warnings that match, with what they advise; not those about the server itself.
CREATE FUNCTION warnings(call text, pattern text DEFAULT '') RETURNS text LANGUAGE plpgsql AS $$
DECLARE answer text;
BEGIN
	EXECUTE format('SELECT coalesce(string_agg(statement, E''\n'' ORDER BY n), '''') FROM auth.%s WITH ORDINALITY p (object, statement, n) WHERE object = ''warning'' AND statement ~ %L AND statement !~ ''CVE-''', call, pattern)
	INTO answer;
	RETURN answer;
END
$$;

-- Everything about a table that protect may touch.
CREATE FUNCTION snapshot(target regclass) RETURNS text LANGUAGE sql AS $$
	SELECT string_agg(line, E'\n' ORDER BY line COLLATE "C") FROM (
		SELECT format('column %s %s %s', attname, attnotnull, (SELECT pg_get_expr(adbin, adrelid) FROM pg_attrdef WHERE adrelid = attrelid AND adnum = attnum))
			FROM pg_attribute WHERE attrelid = target AND attnum > 0
		UNION ALL SELECT format('constraint %s %s', conname, pg_get_constraintdef(oid)) FROM pg_constraint WHERE conrelid = target
		UNION ALL SELECT pg_get_indexdef(indexrelid) FROM pg_index WHERE indrelid = target
		UNION ALL SELECT format('%s %s', pg_get_triggerdef(oid), tgenabled) FROM pg_trigger WHERE tgrelid = target AND NOT tgisinternal
		UNION ALL SELECT format('policy %s', polname) FROM pg_policy WHERE polrelid = target
		UNION ALL SELECT format('rls %s %s', relrowsecurity, relforcerowsecurity) FROM pg_class WHERE oid = target
	) s (line)
$$;

-- Do as `remedy` says, whatever the number of statements.
CREATE FUNCTION follow(advice text) RETURNS void LANGUAGE plpgsql AS $$ BEGIN EXECUTE advice; END $$;

-- refusals
CREATE TABLE t (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), tenant_id uuid, title text);
CREATE VIEW v AS SELECT * FROM t;
CREATE MATERIALIZED VIEW m AS SELECT * FROM t;
CREATE SEQUENCE s;
CREATE TEMPORARY TABLE temporary (tenant_id uuid);
SELECT throws_ok($$SELECT * FROM auth.protect(NULL)$$, '22004', 'target must not be null', 'no target');
SELECT throws_ok($$SELECT * FROM auth.protect('t', tenant_column => NULL)$$, '22023', 'a table without a tenant column needs a resource and an owner_column', 'no tenant column');
SELECT throws_ok($$SELECT * FROM auth.protect(0)$$, '42P01', 'there is no table with OID 0', 'no such table');
SELECT throws_ok($$SELECT * FROM auth.protect('v')$$, '42809', 'app.v is no table', 'a view');
SELECT throws_ok($$SELECT * FROM auth.protect('m')$$, '42809', 'app.m is no table', 'a materialized view');
SELECT throws_ok($$SELECT * FROM auth.protect('s')$$, '42809', 'app.s is no table', 'a sequence');
SELECT throws_like($$SELECT * FROM auth.protect('temporary')$$, '%temporary is a temporary table', 'a temporary table');
SELECT throws_ok($$SELECT * FROM auth.protect('auth.units')$$, '42501', 'auth.units belongs to the system or to intrex_auth itself', 'a table of ours');
SELECT throws_ok($$SELECT * FROM auth.protect('pg_catalog.pg_class')$$, '42501', 'pg_class belongs to the system or to intrex_auth itself', 'a system table');
CREATE TABLE of_extension (tenant_id uuid);
ALTER EXTENSION pgtap ADD TABLE of_extension;
SELECT throws_ok($$SELECT * FROM auth.protect('of_extension')$$, '42501', 'app.of_extension belongs to an extension', 'a table of an extension');
ALTER EXTENSION pgtap DROP TABLE of_extension;
SELECT throws_ok($$SELECT * FROM auth.protect('t', tenant_column => 'company_id')$$, '42703', 'column company_id of table app.t does not exist', 'no such column');
SELECT throws_ok($$SELECT * FROM auth.protect('t', tenant_column => 'title')$$, '42804', 'column title of table app.t is of type text, not uuid', 'a column of another type');
SELECT throws_ok($$SELECT * FROM auth.protect('t', tenant_column => 'ctid')$$, '42703', 'column ctid of table app.t does not exist', 'a system column');
SELECT throws_ok($$SELECT * FROM auth.protect('t', unit_column => 'branch_id')$$, '42703', 'column branch_id of table app.t does not exist', 'no such unit column');
SELECT throws_ok($$SELECT * FROM auth.protect('t', owner_column => 'title')$$, '42804', 'column title of table app.t is of type text, not uuid', 'an owner column of another type');
CREATE TABLE made_up (a uuid, tenant_id uuid GENERATED ALWAYS AS (a) STORED);
SELECT throws_ok($$SELECT * FROM auth.protect('made_up')$$, '42809', 'column tenant_id of table app.made_up is generated', 'a generated column');
INSERT INTO t (tenant_id) VALUES (NULL), (NULL), (gen_random_uuid());
SELECT throws_ok($$SELECT * FROM auth.protect('t')$$, '23502', '2 rows of table app.t belong to no tenant', 'rows without a tenant are counted');
DELETE FROM t WHERE tenant_id IS NULL;
SELECT throws_ok($$SELECT * FROM auth.protect('t')$$, '23503', NULL, 'rows of a tenant that does not exist');
DELETE FROM t;
CREATE TABLE of_api (tenant_id uuid);
ALTER TABLE of_api OWNER TO authenticated;
SELECT throws_ok($$SELECT * FROM auth.protect('of_api')$$, '55000', 'an API role has the rights of authenticated, the owner of table app.of_api', 'a table that an API role owns');
SELECT is((SELECT count(*) FROM auth.protected_tables), 0::bigint, 'what was refused is not registered');

-- one table: every step, in words and in the catalog
DROP VIEW v; DROP MATERIALIZED VIEW m;
GRANT ALL ON t TO PUBLIC, anon, authenticated, auth_platform;
SELECT snapshot('t') AS before \gset
SELECT is(steps('protect(''t'')'),
$$registration: INSERT INTO auth.protected_tables (schema_name, table_name, resource, tenant_column, unit_column, owner_column, assignee_column, tenant_fk, had_default, had_not_null, had_rls, had_force_rls) VALUES ('app', 't', NULL, 'tenant_id', NULL, NULL, NULL, 't', 'f', 'f', 'f', 'f')
not null: ALTER TABLE app.t ALTER COLUMN tenant_id SET NOT NULL
default: ALTER TABLE ONLY app.t ALTER COLUMN tenant_id SET DEFAULT auth.tenant_id()
foreign key: ALTER TABLE app.t ADD CONSTRAINT intrex_auth_tenant FOREIGN KEY (tenant_id) REFERENCES auth.tenants (id) ON DELETE CASCADE
index: CREATE INDEX intrex_auth_tenant_t ON app.t (tenant_id)
trigger: CREATE TRIGGER intrex_auth_tenant BEFORE UPDATE ON app.t FOR EACH ROW WHEN (OLD.tenant_id IS DISTINCT FROM NEW.tenant_id) EXECUTE FUNCTION auth.tenant_immutable('ID')
row level security: ALTER TABLE app.t ENABLE ROW LEVEL SECURITY
row level security: ALTER TABLE app.t FORCE ROW LEVEL SECURITY
policy: CREATE POLICY intrex_auth_delete ON app.t FOR DELETE TO authenticated USING (tenant_id OPERATOR(pg_catalog.=) (SELECT auth.tenant_id()))
policy: CREATE POLICY intrex_auth_insert ON app.t FOR INSERT TO authenticated WITH CHECK (tenant_id OPERATOR(pg_catalog.=) (SELECT auth.tenant_id()))
policy: CREATE POLICY intrex_auth_select ON app.t FOR SELECT TO authenticated USING (tenant_id OPERATOR(pg_catalog.=) (SELECT auth.tenant_id()))
policy: CREATE POLICY intrex_auth_update ON app.t FOR UPDATE TO authenticated USING (tenant_id OPERATOR(pg_catalog.=) (SELECT auth.tenant_id())) WITH CHECK (tenant_id OPERATOR(pg_catalog.=) (SELECT auth.tenant_id()))
policy: CREATE POLICY intrex_auth_platform ON app.t FOR ALL TO auth_platform USING ((SELECT auth.is_super_admin())) WITH CHECK ((SELECT auth.is_super_admin()))
privileges: REVOKE TRUNCATE, REFERENCES, TRIGGER ON TABLE app.t FROM PUBLIC, anon, authenticated, auth_platform CASCADE$$,
	'every step is reported');
SELECT is((SELECT format('%s %s', relrowsecurity, relforcerowsecurity) FROM pg_class WHERE oid = 't'::regclass), 't t', 'row level security is enabled and forced');
SELECT is((SELECT string_agg(format('%s %s %s %s using %s check %s', policyname, permissive, roles, cmd, coalesce(qual, '-'), coalesce(with_check, '-')), E'\n' ORDER BY policyname) FROM pg_policies WHERE schemaname = 'app' AND tablename = 't'),
$$intrex_auth_delete PERMISSIVE {authenticated} DELETE using (tenant_id = ( SELECT auth.tenant_id() AS tenant_id)) check -
intrex_auth_insert PERMISSIVE {authenticated} INSERT using - check (tenant_id = ( SELECT auth.tenant_id() AS tenant_id))
intrex_auth_platform PERMISSIVE {auth_platform} ALL using ( SELECT auth.is_super_admin() AS is_super_admin) check ( SELECT auth.is_super_admin() AS is_super_admin)
intrex_auth_select PERMISSIVE {authenticated} SELECT using (tenant_id = ( SELECT auth.tenant_id() AS tenant_id)) check -
intrex_auth_update PERMISSIVE {authenticated} UPDATE using (tenant_id = ( SELECT auth.tenant_id() AS tenant_id)) check (tenant_id = ( SELECT auth.tenant_id() AS tenant_id))$$,
	'one policy per command, and one for the platform');
SELECT is((SELECT string_agg(format('%s %s', grantee, privilege_type), ', ' ORDER BY grantee, privilege_type)
	FROM information_schema.role_table_grants WHERE table_name = 't' AND grantee IN ('PUBLIC', 'authenticated') AND privilege_type <> 'MAINTAIN'),
	'PUBLIC DELETE, PUBLIC INSERT, PUBLIC SELECT, PUBLIC UPDATE, authenticated DELETE, authenticated INSERT, authenticated SELECT, authenticated UPDATE',
	'privileges that policies do not reach are gone, the others are not');
SELECT is(warnings('protect(''t'')'), '', 'nothing to warn of');
SELECT is(steps('protect(''t'')'), '', 'a second call does nothing');
SET LOCAL quote_all_identifiers = on;
SELECT is(steps('protect(''t'')'), '', 'also when names are quoted');
SET LOCAL quote_all_identifiers = off;

-- what somebody took away comes back, and that alone
ALTER TABLE t NO FORCE ROW LEVEL SECURITY;
ALTER POLICY intrex_auth_select ON t USING (true);
ALTER POLICY intrex_auth_delete ON t TO PUBLIC;
DROP POLICY intrex_auth_insert ON t;
ALTER TABLE t DISABLE TRIGGER intrex_auth_tenant;
ALTER TABLE t ALTER COLUMN tenant_id DROP DEFAULT;
DROP INDEX intrex_auth_tenant_t;
ALTER TABLE t DROP CONSTRAINT intrex_auth_tenant;
GRANT TRUNCATE ON t TO anon;
GRANT REFERENCES (id) ON t TO authenticated WITH GRANT OPTION;
SELECT is(regexp_replace(steps('protect(''t'')'), E' (ON app|ADD|ALTER COLUMN|WITH)[^\n]*', '', 'g'),
$$default: ALTER TABLE ONLY app.t
foreign key: ALTER TABLE app.t
index: CREATE INDEX intrex_auth_tenant_t
trigger: DROP TRIGGER intrex_auth_tenant
trigger: CREATE TRIGGER intrex_auth_tenant BEFORE UPDATE
row level security: ALTER TABLE app.t FORCE ROW LEVEL SECURITY
policy: DROP POLICY intrex_auth_delete
policy: CREATE POLICY intrex_auth_delete
policy: CREATE POLICY intrex_auth_insert
policy: DROP POLICY intrex_auth_select
policy: CREATE POLICY intrex_auth_select
privileges: REVOKE TRUNCATE, REFERENCES, TRIGGER ON TABLE app.t FROM PUBLIC, anon, authenticated, auth_platform CASCADE$$, 'repairs');
SELECT is(has_column_privilege('authenticated', 't', 'id', 'REFERENCES'), false, 'column privileges are revoked, too');
SELECT is(steps('protect(''t'')'), '', 'and then there is nothing to do');

-- arguments
SELECT is(steps('protect(''t'', tenant_fk => false)'),
$$registration: UPDATE auth.protected_tables SET resource = NULL, unit_column = NULL, owner_column = NULL, assignee_column = NULL, tenant_fk = 'f' WHERE id = 'ID'
foreign key: ALTER TABLE app.t DROP CONSTRAINT intrex_auth_tenant$$, 'the foreign key is optional');
SELECT is(steps('protect(''t'')'), '', 'an argument left out keeps what is registered: tenant_fk');
ALTER TABLE t ADD unit_id uuid, ADD owner_id uuid, ADD assignee_id uuid;
SELECT auth.resource_create(r) FROM unnest(ARRAY['thing', 'other_thing']) AS r \g /dev/null
SELECT matches(warnings('protect(''t'', NULL, ''tenant_id'', ''unit_id'', ''owner_id'', ''assignee_id'')'), '^-- unit, owner and assignee columns of app.t narrow nothing without a resource', 'columns without a resource narrow nothing, and it says so');
SELECT matches(steps('protect(''t'', ''thing'', tenant_fk => true)'),
	$q$^registration: UPDATE auth.protected_tables SET resource = 'thing', unit_column = 'unit_id', owner_column = 'owner_id', assignee_column = 'assignee_id', tenant_fk = 't' WHERE id = 'ID'\nforeign key: [^\n]*\ntrigger: CREATE TRIGGER intrex_auth_columns [^\n]*columns_guard\('thing', 'ID'\)(\npolicy: DROP [^\n]*\npolicy: CREATE [^\n]*auth.scope_ids\('thing', '(read|create|update|delete)', 'unit'\)[^\n]*){4}$$q$,
	'a resource makes the policies anew');
SELECT is(steps('protect(''t'')'), '', 'an argument left out keeps what is registered: resource and columns');
SELECT is(warnings('protect(''t'')'), '', 'and there is nothing to warn of');
SELECT throws_ok($$SELECT * FROM auth.protect('t', tenant_column => 'unit_id')$$, '55000', 'app.t is protected by its column tenant_id already', 'not by two columns');
SELECT throws_ok($$SELECT * FROM auth.protect('t', '')$$, '42704', 'there is no resource ""', 'an empty resource');

-- renamed, moved, dropped
ALTER TABLE t RENAME TO renamed;
ALTER TABLE renamed RENAME COLUMN tenant_id TO company_id;
CREATE SCHEMA elsewhere;
ALTER TABLE renamed SET SCHEMA elsewhere;
SELECT is(steps('protect(''elsewhere.renamed'', tenant_column => ''company_id'')'),
	$$registration: UPDATE auth.protected_tables p SET schema_name = v.schema_name, table_name = v.table_name, tenant_column = v.tenant_column FROM (VALUES ('ID', 'elsewhere', 'renamed', 'company_id')) v (id, schema_name, table_name, tenant_column) WHERE p.id = v.id::uuid$$,
	'an entry follows its table and its column');
SELECT is((SELECT format('%s %s %s %s', schema_name, table_name, resource, tenant_column) FROM auth.protected_tables), 'elsewhere renamed thing company_id', 'with all that it holds');
CREATE TABLE other (company_id uuid NOT NULL);
SELECT count(*) FROM auth.protect('other', 'other_thing', 'company_id') \gset ignored_
ALTER TABLE other RENAME TO swapped;
ALTER TABLE elsewhere.renamed SET SCHEMA app;
ALTER TABLE renamed RENAME TO other;
ALTER TABLE swapped RENAME TO renamed;
ALTER TABLE renamed SET SCHEMA elsewhere;
SELECT matches(steps('protect(''other'', tenant_column => ''company_id'')'), '^registration: UPDATE [^\n]*$', 'two tables that changed names');
SELECT is((SELECT string_agg(concat_ws(' ', schema_name, table_name, resource), ', ' ORDER BY table_name) FROM auth.protected_tables), 'app other thing, elsewhere renamed other_thing', 'have changed entries');
DROP TABLE elsewhere.renamed;
DELETE FROM auth.protected_tables WHERE table_name = 'renamed';
ALTER TABLE other RENAME TO renamed;
ALTER TABLE renamed SET SCHEMA elsewhere;
CREATE TABLE copied (LIKE elsewhere.renamed INCLUDING ALL);
SELECT matches(steps('protect(''copied'', tenant_column => ''company_id'')'), 'registration: INSERT [^\n]*''copied''', 'a copy has an entry of its own');
CREATE TABLE t2 (id int, tenant_id uuid NOT NULL);
SELECT count(*) FROM auth.protect('t2') \gset ignored_
DROP TABLE t2;
SELECT matches(warnings('protect(''copied'', tenant_column => ''company_id'')', 't2'),
	E'^-- auth.protected_tables names the table app.t2, which does not exist\nDELETE FROM auth.protected_tables WHERE id = ''[^'']*'';$', 'a stale entry is reported');
SELECT lives_ok(format('SELECT follow(%L)', warnings('protect(''copied'', tenant_column => ''company_id'')', 't2')), 'and the advice');
SELECT is(warnings('protect(''copied'', tenant_column => ''company_id'')', 't2'), '', 'removes it');

-- there and back
ALTER TABLE elsewhere.renamed SET SCHEMA app;
ALTER TABLE renamed RENAME TO t;
ALTER TABLE t RENAME COLUMN company_id TO tenant_id;
SELECT is(regexp_replace(steps('unprotect(''t'')'), E' (WHERE|p SET)[^\n]*', '', 'g'),
$$registration: UPDATE auth.protected_tables
policy: DROP POLICY intrex_auth_delete ON app.t
policy: DROP POLICY intrex_auth_insert ON app.t
policy: DROP POLICY intrex_auth_platform ON app.t
policy: DROP POLICY intrex_auth_select ON app.t
policy: DROP POLICY intrex_auth_update ON app.t
row level security: ALTER TABLE app.t NO FORCE ROW LEVEL SECURITY
row level security: ALTER TABLE app.t DISABLE ROW LEVEL SECURITY
trigger: DROP TRIGGER intrex_auth_columns ON app.t
trigger: DROP TRIGGER intrex_auth_tenant ON app.t
foreign key: ALTER TABLE app.t DROP CONSTRAINT intrex_auth_tenant
index: DROP INDEX app.intrex_auth_tenant_t
default: ALTER TABLE ONLY app.t ALTER COLUMN tenant_id DROP DEFAULT
not null: ALTER TABLE app.t ALTER COLUMN tenant_id DROP NOT NULL
registration: DELETE FROM auth.protected_tables$$, 'unprotect takes back what was made');
ALTER TABLE t DROP unit_id, DROP owner_id, DROP assignee_id;
SELECT is(regexp_replace(snapshot('t'), E'column [.][^\n]*\n', '', 'g'), :'before', 'and leaves the table as it was');
SELECT is((SELECT count(*) FROM auth.unprotect('t')), 0::bigint, 'a second call does nothing');
CREATE TABLE had (id uuid, tenant_id uuid NOT NULL DEFAULT gen_random_uuid() REFERENCES auth.tenants ON DELETE CASCADE);
CREATE INDEX ON had (tenant_id, id);
ALTER TABLE had ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON had AS RESTRICTIVE USING (id IS NOT NULL);
SELECT snapshot('had') AS before \gset
SELECT is((SELECT string_agg(object, ', ') FROM auth.protect('had') WHERE object <> 'policy'), 'registration, trigger, row level security, warning', 'what is there already is not made twice');
SELECT is((SELECT string_agg(object, ', ') FROM auth.unprotect('had') WHERE object <> 'policy'), 'row level security, trigger, registration, warning', 'and not taken back');
SELECT is(snapshot('had'), :'before', 'the table is as it was');
SELECT count(*) FROM auth.protect('had') \gset ignored_
DELETE FROM auth.protected_tables WHERE table_name = 'had';
SELECT is((SELECT string_agg(statement, ', ') FROM auth.unprotect('had') WHERE object = 'warning'),
	'-- row level security of app.had stays on, as it was before: only its own policies let rows through', 'without its entry a table stays closed');

-- names
CREATE TABLE "Ünïcode ""quoted"" table name of more than sixty-three bytes, a" (id uuid, "Tenant ID" uuid);
CREATE TABLE "Ünïcode ""quoted"" table name of more than sixty-three bytes, c" (id uuid, "Tenant ID" uuid, code int CONSTRAINT "a
name" UNIQUE);
SELECT is((SELECT count(*) FROM auth.protect((SELECT oid FROM pg_class WHERE relname LIKE 'Ün% a' AND relkind = 'r'), tenant_column => 'Tenant ID') WHERE object <> 'warning'), 13::bigint, 'long and quoted names');
SELECT is((SELECT count(*) FROM auth.protect((SELECT oid FROM pg_class WHERE relname LIKE 'Ün% c' AND relkind = 'r'), tenant_column => 'Tenant ID') WHERE object <> 'warning'), 13::bigint, 'that begin alike');
SELECT is((SELECT count(*) FROM auth.protect((SELECT oid FROM pg_class WHERE relname LIKE 'Ün% c' AND relkind = 'r'), tenant_column => 'Tenant ID') WHERE object <> 'warning'), 0::bigint, 'and again');
SELECT is((SELECT string_agg(split_part(statement, ' of ', 1), '') FROM auth.protect((SELECT oid FROM pg_class WHERE relname LIKE 'Ün% c' AND relkind = 'r'), tenant_column => 'Tenant ID') WHERE statement !~ 'CVE-'),
	'-- unique index "a name"', 'a line end in a name does not end the comment');
SELECT ok((SELECT bool_and(octet_length(relname) <= 63) AND count(DISTINCT relname) = 2 FROM pg_class WHERE relname LIKE 'intrex_auth_tenant_%' AND relname ~ '[0-9a-f]{32}$'), 'names of indexes are told apart');

-- warnings, and what comes of following them
CREATE TABLE parents (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), tenant_id uuid NOT NULL, code text UNIQUE, lower_code text);
CREATE UNIQUE INDEX by_lower ON parents (lower(lower_code));
CREATE UNIQUE INDEX by_part ON parents (lower_code) WHERE lower_code <> '';
CREATE TABLE children (id bigint PRIMARY KEY, tenant_id uuid NOT NULL, parent_id uuid REFERENCES parents ON DELETE SET NULL DEFERRABLE, unit_id uuid REFERENCES auth.units);
CREATE VIEW over_parents AS SELECT * FROM parents;
CREATE VIEW invoker WITH (security_invoker = yes) AS SELECT * FROM parents;
CREATE VIEW over_invoker WITH (security_invoker = off) AS SELECT * FROM invoker;
CREATE MATERIALIZED VIEW kept AS SELECT * FROM invoker;
CREATE POLICY everybody ON parents FOR SELECT USING (true);
CREATE POLICY narrowing ON parents AS RESTRICTIVE FOR SELECT USING (true);
CREATE ROLE intrex_auth_test_reporting;
GRANT TRIGGER, TRUNCATE, SELECT ON parents TO intrex_auth_test_reporting;
SELECT count(*) FROM auth.protect('children') \gset ignored_
SELECT is(warnings('protect(''parents'')'),
$$-- permissive policy everybody of app.parents may widen access: a row is visible if any permissive policy says so
DROP POLICY everybody ON app.parents;
-- intrex_auth_test_reporting may TRIGGER, TRUNCATE app.parents, which row level security does not reach
REVOKE TRIGGER, TRUNCATE ON TABLE app.parents FROM intrex_auth_test_reporting CASCADE;
-- unique index by_lower of app.parents leaves out the tenant: a refused insert tells that another tenant has the value
-- unique index by_part of app.parents leaves out the tenant: a refused insert tells that another tenant has the value
DROP INDEX app.by_part;
CREATE UNIQUE INDEX by_part ON app.parents (tenant_id, lower_code) WHERE (lower_code <> ''::text);
-- unique index parents_code_key of app.parents leaves out the tenant: a refused insert tells that another tenant has the value
ALTER TABLE app.parents DROP CONSTRAINT parents_code_key, ADD CONSTRAINT parents_code_key UNIQUE (tenant_id, code);
-- foreign key children_parent_id_fkey of app.children leaves out the tenant: it reaches rows of other tenants in app.parents
ALTER TABLE app.parents ADD UNIQUE (tenant_id, id);
ALTER TABLE app.children DROP CONSTRAINT children_parent_id_fkey, ADD CONSTRAINT children_parent_id_fkey FOREIGN KEY (tenant_id, parent_id) REFERENCES app.parents (tenant_id, id) ON DELETE SET NULL (parent_id) DEFERRABLE;
-- materialized view app.kept keeps rows of app.parents as its owner saw them, outside of row level security
REVOKE ALL ON TABLE app.kept FROM PUBLIC, anon, authenticated;
-- view app.over_invoker reads app.parents with the rights of its owner, not of the caller
ALTER VIEW app.over_invoker SET (security_invoker = true);
-- view app.over_parents reads app.parents with the rights of its owner, not of the caller
ALTER VIEW app.over_parents SET (security_invoker = true);$$, 'warnings of the parent');
SELECT is(warnings('protect(''children'')'),
$$-- unique index children_pkey of app.children leaves out the tenant: a refused insert tells that another tenant has the value
ALTER TABLE app.children DROP CONSTRAINT children_pkey, ADD CONSTRAINT children_pkey PRIMARY KEY (tenant_id, id);
-- foreign key children_parent_id_fkey of app.children leaves out the tenant: it reaches rows of other tenants in app.parents
ALTER TABLE app.parents ADD UNIQUE (tenant_id, id);
ALTER TABLE app.children DROP CONSTRAINT children_parent_id_fkey, ADD CONSTRAINT children_parent_id_fkey FOREIGN KEY (tenant_id, parent_id) REFERENCES app.parents (tenant_id, id) ON DELETE SET NULL (parent_id) DEFERRABLE;
-- foreign key children_unit_id_fkey of app.children leaves out the tenant: it reaches rows of other tenants in auth.units
ALTER TABLE app.children DROP CONSTRAINT children_unit_id_fkey, ADD CONSTRAINT children_unit_id_fkey FOREIGN KEY (tenant_id, unit_id) REFERENCES auth.units (tenant_id, id);$$,
	'warnings of the child');
SELECT lives_ok(format('SELECT follow(%L)', warnings('protect(''parents'')')), 'all of the advice can be executed');
SELECT is(warnings('protect(''parents'')'),
$$-- unique index by_lower of app.parents leaves out the tenant: a refused insert tells that another tenant has the value
-- materialized view app.kept keeps rows of app.parents as its owner saw them, outside of row level security
REVOKE ALL ON TABLE app.kept FROM PUBLIC, anon, authenticated;$$, 'what no statement can help remains');
SELECT lives_ok(format('SELECT follow(%L)', warnings('protect(''children'')')), 'the advice for the child');
SELECT is(warnings('protect(''children'')'), '', 'leaves nothing');
CREATE TABLE defaulted (tenant_id uuid DEFAULT gen_random_uuid());
SELECT is(warnings('protect(''defaulted'')'),
$$-- column tenant_id of app.defaulted has a default of its own
ALTER TABLE ONLY app.defaulted ALTER COLUMN tenant_id SET DEFAULT auth.tenant_id();$$, 'a default of its own is left alone');

-- partitions
CREATE TABLE parted (id int, tenant_id uuid, day date) PARTITION BY RANGE (day);
CREATE TABLE parted_1 PARTITION OF parted FOR VALUES FROM ('2020-01-01') TO ('2021-01-01');
CREATE TABLE parted_2 PARTITION OF parted FOR VALUES FROM ('2021-01-01') TO ('2022-01-01') PARTITION BY LIST (id);
CREATE TABLE parted_2a PARTITION OF parted_2 DEFAULT;
SELECT throws_ok($$SELECT * FROM auth.protect('parted_1')$$, '42809', 'app.parted_1 is a partition of a table that is not protected', 'not a partition alone');
SELECT string_agg(snapshot(r), E'\n') AS before FROM unnest(ARRAY['parted', 'parted_1', 'parted_2', 'parted_2a']::regclass[]) r \gset
SELECT is((SELECT string_agg(split_part(statement, ' ', 3), ' ' ORDER BY statement) FROM auth.protect('parted') WHERE statement ~ 'ENABLE'),
	'app.parted app.parted_1 app.parted_2 app.parted_2a', 'a partitioned table with its partitions');
SELECT is(warnings('protect(''parted'')'),
$$-- a partition added later to app.parted has no policies of its own until this is called again
SELECT * FROM auth.protect('app.parted', tenant_column => 'tenant_id');$$, 'it warns of partitions to come');
CREATE TABLE parted_3 PARTITION OF parted FOR VALUES FROM ('2022-01-01') TO ('2023-01-01');
CREATE TABLE apart (id int, tenant_id uuid, day date);
SELECT count(*) FROM auth.protect('apart') \gset ignored_
SELECT lives_ok($$ALTER TABLE parted ATTACH PARTITION apart FOR VALUES FROM ('2023-01-01') TO ('2024-01-01')$$, 'a protected table can be attached');
SELECT is((SELECT string_agg(DISTINCT object || ' ' || substring(statement, 'app.[a-z0-9_]+'), ', ') FROM auth.protect('parted') WHERE object NOT IN ('registration', 'warning')),
	'policy app.parted_3, row level security app.parted_3', 'a new partition needs its policies alone');
SELECT is(steps('protect(''parted'')'), '', 'again: nothing');
SELECT throws_ok($$SELECT * FROM auth.unprotect('parted_1')$$, '42809', 'app.parted_1 is a partition of a protected table', 'a partition is not laid open alone');
ALTER TABLE parted DETACH PARTITION parted_1;
SELECT is(regexp_replace(steps('protect(''parted_1'')'), ' BEFORE .*', ''), 'trigger: CREATE TRIGGER intrex_auth_tenant', 'a detached partition needs a trigger of its own');
SELECT lives_ok($$ALTER TABLE parted ATTACH PARTITION parted_1 FOR VALUES FROM ('2020-01-01') TO ('2021-01-01')$$, 'and can be attached again');
ALTER TABLE parted DETACH PARTITION apart;
SELECT count(*) FROM auth.unprotect('parted') \gset ignored_
SELECT is((SELECT string_agg(snapshot(r), E'\n') FROM unnest(ARRAY['parted', 'parted_1', 'parted_2', 'parted_2a']::regclass[]) r), :'before', 'unprotect leaves all of them as they were');
SELECT is((SELECT count(*) FROM auth.protected_tables WHERE table_name LIKE 'parted%'), 0::bigint, 'and no entry');

-- inheritance
CREATE TABLE base (id int, tenant_id uuid);
CREATE TABLE derived (more text) INHERITS (base);
SELECT is((SELECT string_agg(DISTINCT substring(statement, 'TABLE (app.[a-z0-9_]+) FORCE'), ' ') FROM auth.protect('base')), 'app.base app.derived', 'a table with those that inherit from it');
SELECT is((SELECT string_agg(tgrelid::regclass::text, ' ' ORDER BY tgrelid::regclass::text) FROM pg_trigger WHERE tgname = 'intrex_auth_tenant' AND tgrelid IN ('base'::regclass, 'derived'::regclass)), 'base derived', 'each with a trigger');
SELECT is(steps('protect(''base'')'), '', 'again: nothing');
SELECT count(*) FROM auth.unprotect('base') \gset ignored_
SELECT matches(warnings('protect(''derived'')'), '^-- app.derived inherits from app.base, which is not protected and shows its rows', 'a child alone is warned of');

SELECT * FROM finish();
ROLLBACK;
