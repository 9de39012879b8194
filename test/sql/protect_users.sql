-- auth.protect on tables without tenants, whose rows belong to users; and resources
-- whose permissions have some scopes only.
\set ECHO none
\set QUIET 1
\pset format unaligned
\pset tuples_only true
\set VERBOSITY terse
SET client_min_messages = error;
\getenv abs_srcdir PG_ABS_SRCDIR
\set include :abs_srcdir '/include/people.psql'

BEGIN;
\i :include
SELECT plan(98);

SELECT * FROM auth.use_preset('chalvien') \g /dev/null
SELECT people.add('boss', NULL, '', '{}', true) \g /dev/null
SELECT people.add('ann', NULL, '') \g /dev/null
SELECT people.add('ben', NULL, '') \g /dev/null
SELECT auth.role_create('clerk', 5) \g /dev/null
SELECT auth.permission_set('clerk', 'orders', 'read', 'tenant') \g /dev/null
SELECT people.add('max', 'clerk', 'north') \g /dev/null

CREATE SCHEMA shop;
GRANT USAGE ON SCHEMA shop TO authenticated, anon, auth_platform;
CREATE TABLE shop.orders (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), number text UNIQUE, user_id uuid, packer_id uuid, note text);
GRANT SELECT, INSERT, UPDATE, DELETE ON shop.orders TO authenticated, anon, auth_platform;
INSERT INTO shop.orders (id, number, user_id, packer_id) VALUES (people.id('a1'), 'a1', people.id('ann'), NULL), (people.id('a2'), 'a2', people.id('ann'), people.id('ben')),
	(people.id('b1'), 'b1', people.id('ben'), NULL), (people.id('n1'), 'n1', NULL, NULL);

CREATE FUNCTION pg_temp.steps(call text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	steps text;
BEGIN
	EXECUTE format('SELECT string_agg(object || '': '' || statement, E''\n'') FROM auth.%s WHERE object <> ''warning''', call) INTO steps;
	RETURN regexp_replace(steps, '[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}', 'ID', 'g');
END
$$;
CREATE FUNCTION pg_temp.warnings(call text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	warnings text;
BEGIN
	EXECUTE format('SELECT string_agg(statement, E''\n'' ORDER BY statement) FROM auth.%s WHERE object = ''warning'' AND statement NOT LIKE ''%%CVE-%%''', call) INTO warnings;
	RETURN warnings;
END
$$;

CREATE FUNCTION pg_temp.made(name text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE format('CREATE TABLE shop.%I (id uuid PRIMARY KEY, tenant_id uuid, unit_id uuid, user_id uuid, packer_id uuid)', name);
END
$$;

-- refusals
SELECT throws_ok($$SELECT * FROM auth.protect('shop.orders', tenant_column => NULL)$$, '22023', 'a table without a tenant column needs a resource and an owner_column', 'neither resource nor owner');
SELECT throws_ok($$SELECT * FROM auth.protect('shop.orders', 'orders', NULL)$$, '22023', 'a table without a tenant column needs a resource and an owner_column', 'no owner');
SELECT throws_ok($$SELECT * FROM auth.protect('shop.orders', NULL, NULL, owner_column => 'user_id')$$, '22023', 'a table without a tenant column needs a resource and an owner_column', 'no resource');
SELECT throws_ok($$SELECT * FROM auth.protect('shop.orders', 'orders', NULL, owner_column => 'user_id', unit_column => 'packer_id')$$, '22023', 'a table without a tenant column has no unit_column and no tenant_fk', 'a unit');
SELECT throws_ok($$SELECT * FROM auth.protect('shop.orders', 'orders', NULL, owner_column => 'user_id', tenant_fk => true)$$, '22023', 'a table without a tenant column has no unit_column and no tenant_fk', 'a foreign key to tenants');
SELECT throws_ok($$SELECT * FROM auth.protect('shop.orders', 'orders', NULL, owner_column => 'note')$$, '42804', 'column note of table shop.orders is of type text, not uuid', 'an owner of another type');
SELECT throws_ok($$SELECT * FROM auth.protect('shop.orders', 'orders', NULL, owner_column => 'owner')$$, '42703', 'column owner of table shop.orders does not exist', 'no such column');
SELECT is_empty('SELECT FROM auth.protected_tables', 'what was refused is not registered');

-- the steps
SELECT is(pg_temp.steps($$protect('shop.orders', 'orders', NULL, owner_column => 'user_id')$$),
$$registration: INSERT INTO auth.protected_tables (schema_name, table_name, resource, tenant_column, unit_column, owner_column, assignee_column, tenant_fk, had_default, had_not_null, had_rls, had_force_rls) VALUES ('shop', 'orders', 'orders', NULL, NULL, 'user_id', NULL, 'f', 'f', 'f', 'f', 'f')
default: ALTER TABLE ONLY shop.orders ALTER COLUMN user_id SET DEFAULT auth.uid()
index: CREATE INDEX intrex_auth_owner_orders ON shop.orders (user_id)
trigger: CREATE TRIGGER intrex_auth_columns BEFORE UPDATE ON shop.orders FOR EACH ROW EXECUTE FUNCTION auth.columns_guard('orders', 'ID')
row level security: ALTER TABLE shop.orders ENABLE ROW LEVEL SECURITY
row level security: ALTER TABLE shop.orders FORCE ROW LEVEL SECURITY
policy: CREATE POLICY intrex_auth_delete ON shop.orders FOR DELETE TO authenticated USING (user_id OPERATOR(pg_catalog.=) (SELECT auth.scope_id('orders', 'delete', 'own')))
policy: CREATE POLICY intrex_auth_insert ON shop.orders FOR INSERT TO authenticated WITH CHECK (user_id OPERATOR(pg_catalog.=) (SELECT auth.scope_id('orders', 'create', 'own')))
policy: CREATE POLICY intrex_auth_select ON shop.orders FOR SELECT TO authenticated USING (user_id OPERATOR(pg_catalog.=) (SELECT auth.scope_id('orders', 'read', 'own')))
policy: CREATE POLICY intrex_auth_update ON shop.orders FOR UPDATE TO authenticated USING (user_id OPERATOR(pg_catalog.=) (SELECT auth.scope_id('orders', 'update', 'own'))) WITH CHECK (user_id OPERATOR(pg_catalog.=) (SELECT auth.scope_id('orders', 'update', 'own')))
policy: CREATE POLICY intrex_auth_platform ON shop.orders FOR ALL TO auth_platform USING ((SELECT auth.is_super_admin())) WITH CHECK ((SELECT auth.is_super_admin()))$$,
	'each step');
SELECT is(pg_temp.steps($$protect('shop.orders', 'orders', NULL, owner_column => 'user_id')$$), NULL, 'a second call does nothing');
SELECT is(pg_temp.steps($$protect('shop.orders', tenant_column => NULL)$$), NULL, 'nor one that leaves out what is registered');
SELECT is(pg_temp.warnings($$protect('shop.orders', tenant_column => NULL)$$), NULL, 'and nothing is to be warned of');
SELECT throws_ok($$SELECT * FROM auth.protect('shop.orders')$$, '55000', 'shop.orders is protected without a tenant column already', 'a tenant column later');
SELECT throws_ok($$SELECT * FROM auth.protect('shop.orders', tenant_column => NULL, owner_column => 'packer_id')$$, '55000', 'shop.orders is protected by its column user_id already', 'another owner later');

-- who does what: GET, POST /api/orders and the rest
SELECT is(people.answer(who, query), answer, format('%s: %s', coalesce(nullif(who, ''), 'nobody'), query))
	FROM (VALUES
		('ann', 'SELECT string_agg(number, '' '' ORDER BY number) FROM shop.orders', 'a1 a2'),
		('ben', 'SELECT string_agg(number, '' '' ORDER BY number) FROM shop.orders', 'b1'),
		('max', 'SELECT count(*) FROM shop.orders', '0'),
		('', 'SELECT count(*) FROM shop.orders', '0'),
		('boss', 'SELECT count(*) FROM shop.orders', '4'),
		('ann', 'INSERT INTO shop.orders (number) VALUES (''a3'')', '1'),
		('ann', format('INSERT INTO shop.orders (number, user_id) VALUES (''x1'', %L)', people.id('ben')), '42501 new row violates row-level security policy for table "orders"'),
		('ann', 'INSERT INTO shop.orders (number, user_id) VALUES (''x2'', NULL)', '42501 new row violates row-level security policy for table "orders"'),
		('max', 'INSERT INTO shop.orders (number) VALUES (''x3'')', '42501 new row violates row-level security policy for table "orders"'),
		('', 'INSERT INTO shop.orders (number) VALUES (''x4'')', '42501 new row violates row-level security policy for table "orders"'),
		('boss', format('INSERT INTO shop.orders (number, user_id) VALUES (''b2'', %L)', people.id('ben')), '1'),
		('ann', 'UPDATE shop.orders SET note = ''mine''', '3'),
		('ann', 'UPDATE shop.orders SET note = ''his'' WHERE number = ''b1''', '0'),
		('ann', format('UPDATE shop.orders SET user_id = %L', people.id('ben')), '42501 new row violates row-level security policy for table "orders"'),
		('ann', format('UPDATE shop.orders SET user_id = %L', people.id('ann')), '3'),
		('ann', 'DELETE FROM shop.orders', '0'),
		('max', 'UPDATE shop.orders SET note = ''all''', '0'),
		('boss', format('UPDATE shop.orders SET user_id = %L WHERE number = ''a3''', people.id('ben')), '1'),
		('boss', 'DELETE FROM shop.orders WHERE number = ''b2''', '1'),
		('ann', format('MERGE INTO shop.orders AS t USING (SELECT %L::uuid AS u) AS s ON t.user_id = s.u WHEN MATCHED THEN UPDATE SET note = ''x''', people.id('ben')), '0'),
		('ann', 'INSERT INTO shop.orders (number) VALUES (''b1'') ON CONFLICT (number) DO UPDATE SET note = ''x''', '42501 new row violates row-level security policy (USING expression) for table "orders"')
	) AS v (who, query, answer);

-- guards and explanations say the same
SELECT is(people.answer(who, format('SELECT auth.can_access(''orders'', %L, %L)', people.id(number), action)), answer, format('can_access: %s, %s, %s', who, action, number))
	FROM (VALUES ('ann', 'read', 'a1', 'true'), ('ann', 'update', 'a1', 'true'), ('ann', 'delete', 'a1', 'false'), ('ann', 'read', 'b1', 'false'), ('boss', 'delete', 'b1', 'true'),
		('max', 'read', 'a1', 'false'), ('', 'read', 'a1', 'false')) AS v (who, action, number, answer);
SELECT is((SELECT (array_agg(allowed))[count(*)] FROM auth.explain_access(people.id(who), action, 'shop.orders', people.id(number))), answer, format('explain_access: %s, %s, %s', who, action, number))
	FROM (VALUES ('ann', 'read', 'a1', true), ('ann', 'delete', 'a1', false), ('ann', 'read', 'b1', false), ('boss', 'delete', 'b1', true), ('max', 'read', 'a1', false),
		('max', 'read', 'n1', false)) AS v (who, action, number, answer);
SELECT results_eq(format('SELECT explanation FROM auth.explain_access(%L, ''read'', ''shop.orders'', %L)', people.id('max'), people.id('a1')), ARRAY[
	'the user is USER, as everybody is without a tenant', 'the role USER may read orders, on his own rows',
	format('the row is not: it belongs to %s', people.id('ann')),
	format('the user is clerk of tenant %s', people.id('north')), 'the role clerk may read orders, on all rows of the tenant',
	'the table has no tenants: none of its rows are of these'], 'in words');
SELECT is((SELECT (array_agg(allowed))[count(*)] FROM auth.explain_access(people.id('ann'), 'read', 'shop.orders')), true, 'explain_access: the table');
SELECT results_eq(format('SELECT email || '' '' || role || '' '' || scope FROM auth.who_can(''read'', ''shop.orders'', %L)', people.id('a1')),
	ARRAY['ann@people.example USER own', 'boss@people.example auth_platform platform'], 'who_can: the owner and the administrator');
SELECT results_eq(format('SELECT email FROM auth.who_can(''read'', ''shop.orders'', %L)', people.id('n1')), ARRAY['boss@people.example'], 'who_can: of what is nobody''s, the administrator');

-- an assignee besides
SELECT auth.permission_set('clerk', 'orders', 'read', 'assigned') \g /dev/null
SELECT people.add('pat', 'clerk', 'north') \g /dev/null
UPDATE shop.orders SET packer_id = people.id('pat') WHERE number = 'b1';
SELECT is(people.answer('pat', 'SELECT count(*) FROM shop.orders'), '0', 'without an assignee column nobody is assigned');
SELECT auth.assignment_add(people.id('north'), people.id('pat'), people.id('a1')) \g /dev/null
SELECT is(people.answer('pat', 'SELECT count(*) FROM shop.orders'), '0', 'auth.assignments are of tenants and do not count');
SELECT matches(pg_temp.steps($$protect('shop.orders', tenant_column => NULL, assignee_column => 'packer_id')$$),
	'^registration: UPDATE [^\n]*\nindex: CREATE INDEX intrex_auth_assignee_orders ON shop.orders \(packer_id\)\n(policy: (DROP|CREATE) [^\n]*\n?){8}$', 'a column is added');
SELECT is(pg_temp.steps($$protect('shop.orders', tenant_column => NULL)$$), NULL, 'and stays');
SELECT is(people.answer('pat', 'SELECT string_agg(number, '' '' ORDER BY number) FROM shop.orders'), 'b1', 'the one who is assigned');
SELECT is(people.answer('ben', 'SELECT string_agg(number, '' '' ORDER BY number) FROM shop.orders'), 'a3 b1', 'the owner still');
SELECT is((SELECT (array_agg(allowed))[count(*)] FROM auth.explain_access(people.id('pat'), 'read', 'shop.orders', people.id(number))), answer, 'explain_access: assigned to ' || number)
	FROM (VALUES ('b1', true), ('a1', false)) AS v (number, answer);
SELECT results_eq(format('SELECT email FROM auth.who_can(''read'', ''shop.orders'', %L)', people.id('b1')),
	ARRAY['pat@people.example', 'ben@people.example', 'boss@people.example'], 'who_can: the assigned, the owner, the administrator');

-- the index is used, and nothing is called for each row
CREATE TABLE shop.parcels (user_id uuid, packer_id uuid);
GRANT SELECT ON shop.parcels TO authenticated;
SELECT * FROM auth.protect('shop.parcels', 'orders', NULL, owner_column => 'user_id', assignee_column => 'packer_id') \g /dev/null
INSERT INTO shop.parcels SELECT md5((n / 10)::text)::uuid FROM generate_series(1, 20000) AS n;
ANALYZE shop.parcels;
CREATE FUNCTION pg_temp.plan(query text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	line text;
	lines text := '';
BEGIN
	FOR line IN EXECUTE 'EXPLAIN (COSTS OFF) ' || query LOOP
		lines := lines || line || E'\n';
	END LOOP;
	RETURN lines;
END
$$;
GRANT EXECUTE ON FUNCTION pg_temp.plan(text) TO authenticated;
SELECT matches(people.answer('ann', 'SELECT pg_temp.plan(''SELECT * FROM shop.parcels'')'), 'BitmapOr.*intrex_auth_assignee_parcels.*intrex_auth_owner_parcels', 'both indexes');
SELECT * FROM auth.unprotect('shop.parcels') \g /dev/null

-- whole checks
SELECT is_empty($$SELECT * FROM auth.test_isolation('shop.orders') WHERE verdict <> 'ok'$$, 'test_isolation finds nothing');
SELECT is((SELECT count(*) FROM auth.test_isolation('shop.orders')), 16::bigint, 'in all commands');
CREATE POLICY open ON shop.orders FOR SELECT TO authenticated USING (number LIKE 'b%');
SELECT set_has($$SELECT command FROM auth.test_isolation('shop.orders') WHERE verdict = 'LEAK'$$, $$VALUES ('SELECT')$$, 'a policy that is broken on purpose is found');
SELECT matches(pg_temp.warnings($$protect('shop.orders', tenant_column => NULL)$$), 'permissive policy open of shop.orders may widen access', 'and warned of');
DROP POLICY open ON shop.orders;
ALTER POLICY intrex_auth_update ON shop.orders USING (true) WITH CHECK (true);
ALTER POLICY intrex_auth_select ON shop.orders USING (true);
SELECT set_has($$SELECT command FROM auth.test_isolation('shop.orders') WHERE verdict = 'LEAK'$$, $$VALUES ('UPDATE of other rows'), ('UPDATE to another')$$, 'so are broken updates');
SELECT matches(pg_temp.steps($$protect('shop.orders', tenant_column => NULL)$$), '^(policy: [^\n]*_(select|update) [^\n]*\n?){4}$', 'and mended');
SELECT is_empty($$SELECT * FROM auth.test_isolation('shop.orders') WHERE verdict <> 'ok'$$, 'test_isolation finds nothing then');

-- renaming is followed, and taken back is what was made
ALTER TABLE shop.orders RENAME TO purchases;
SELECT matches(pg_temp.steps($$protect('shop.purchases', tenant_column => NULL)$$), '^registration: UPDATE [^\n]*purchases[^\n]*$', 'a renamed table is recognized');
SELECT is((SELECT format('%s %s %s', table_name, tenant_column, owner_column) FROM auth.protected_tables WHERE schema_name = 'shop' AND resource = 'orders'), 'purchases  user_id', 'with its columns');
SELECT is(pg_temp.steps($$unprotect('shop.purchases')$$),
$$policy: DROP POLICY intrex_auth_delete ON shop.purchases
policy: DROP POLICY intrex_auth_insert ON shop.purchases
policy: DROP POLICY intrex_auth_platform ON shop.purchases
policy: DROP POLICY intrex_auth_select ON shop.purchases
policy: DROP POLICY intrex_auth_update ON shop.purchases
row level security: ALTER TABLE shop.purchases NO FORCE ROW LEVEL SECURITY
row level security: ALTER TABLE shop.purchases DISABLE ROW LEVEL SECURITY
trigger: DROP TRIGGER intrex_auth_columns ON shop.purchases
index: DROP INDEX shop.intrex_auth_assignee_orders
index: DROP INDEX shop.intrex_auth_owner_orders
default: ALTER TABLE ONLY shop.purchases ALTER COLUMN user_id DROP DEFAULT
registration: DELETE FROM auth.protected_tables WHERE id = 'ID'$$, 'unprotect takes back each step');

-- partitions
CREATE TABLE shop.parted (id int, user_id uuid) PARTITION BY RANGE (id);
CREATE TABLE shop.parted1 PARTITION OF shop.parted FOR VALUES FROM (0) TO (10);
GRANT SELECT ON shop.parted, shop.parted1 TO authenticated;
SELECT * FROM auth.protect('shop.parted', 'orders', NULL, owner_column => 'user_id') \g /dev/null
CREATE TABLE shop.parted2 PARTITION OF shop.parted FOR VALUES FROM (10) TO (20);
GRANT SELECT ON shop.parted2 TO authenticated;
SELECT * FROM auth.protect('shop.parted', tenant_column => NULL) \g /dev/null
INSERT INTO shop.parted VALUES (1, people.id('ann')), (11, people.id('ann')), (2, people.id('ben')), (12, people.id('ben'));
SELECT is(people.answer('ann', format('SELECT string_agg(id::text, '' '' ORDER BY id) FROM shop.%I', name)), answer, 'through ' || name)
	FROM (VALUES ('parted', '1 11'), ('parted1', '1'), ('parted2', '11')) AS v (name, answer);

-- resources with some scopes only
SELECT throws_ok(format('SELECT auth.resource_create(''bills'', scopes => %L)', scopes), '22023', 'scopes are not valid', 'scopes: ' || scopes)
	FROM unnest(ARRAY['{}', '{tenant,team}', '{NULL}', '{platform}', '{{own},{tenant}}']) AS scopes;
SELECT auth.resource_create('bills', scopes => '{tenant}') \g /dev/null
CREATE TABLE shop.bills (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), tenant_id uuid, unit_id uuid, user_id uuid);
GRANT SELECT ON shop.bills TO authenticated;
SELECT * FROM auth.protect('shop.bills', 'bills', unit_column => 'unit_id', owner_column => 'user_id') \g /dev/null
INSERT INTO shop.bills (tenant_id, user_id) VALUES (people.id('north'), people.id('max')), (people.id('north'), people.id('pat'));
SELECT auth.permission_set('clerk', 'bills', 'read', 'tenant') \g /dev/null
SELECT is((SELECT pg_get_expr(polqual, polrelid) FROM pg_policy WHERE polrelid = 'shop.bills'::regclass AND polname = 'intrex_auth_select'),
	$$(tenant_id = ( SELECT auth.scope_id('bills'::text, 'read'::text, 'tenant'::text) AS scope_id))$$, 'nothing is compared but the tenant');
SELECT is(people.answer('max', 'SELECT count(*) FROM shop.bills'), '2', 'and the member sees all of it');
SELECT throws_ok($$SELECT auth.permission_set('clerk', 'bills', 'read', 'own')$$, '22023', 'permissions on "bills" cannot have the scope "own"', 'another scope is refused');
SELECT throws_ok($$SELECT auth.resource_scopes_set('bills', '{own}')$$, '23503', 'permissions have the scope "tenant"', 'a scope that is used stays');
SELECT throws_ok($$SELECT auth.resource_scopes_set('nothing', '{own}')$$, '42704', 'there is no resource "nothing"', 'no such resource');
SELECT results_eq($$SELECT auth.resource_scopes_set('bills', '{tenant,own}')$$, ARRAY[$$SELECT * FROM auth.protect('shop.bills', tenant_column => 'tenant_id');$$], 'what is to be done for a scope that is added');
SELECT auth.permission_set('clerk', 'bills', 'read', 'own') \g /dev/null
SELECT is(people.answer('max', 'SELECT count(*) FROM shop.bills'), '0', 'until then it lets nothing through');
SELECT matches(pg_temp.steps($$protect('shop.bills')$$), '^(policy: [^\n]*\n?){8}$', 'it is done');
SELECT is(people.answer('max', 'SELECT count(*) FROM shop.bills'), '1', 'and the scope counts');
SELECT auth.resource_scopes_set('bills', '{own,unit}') \g /dev/null
SELECT * FROM auth.protect('shop.bills') \g /dev/null
SELECT is(pg_temp.steps($$protect('shop.bills')$$), NULL, 'a resource without the scope of the tenant');
SELECT is(people.answer('pat', 'SELECT count(*) FROM shop.bills'), '1', 'has its narrower ones');

-- the index on the tenant has what else the policies compare, if that is not the key
SELECT is((SELECT substring(statement, 'shop.*') FROM auth.protect('shop.' || name, resource, owner_column => 'user_id', unit_column => 'unit_id', assignee_column => assignee) WHERE object = 'index'),
		format('shop.%s (%s)', name, columns), 'the index of ' || name)
	FROM (VALUES ('i1', NULL, NULL, 'tenant_id'), ('i2', 'orders', NULL, 'tenant_id'), ('i3', 'orders', 'packer_id', 'tenant_id, unit_id, user_id, packer_id'),
		('i4', 'orders', 'user_id', 'tenant_id, unit_id, user_id'), ('i5', 'bills', NULL, 'tenant_id, unit_id, user_id')) AS v (name, resource, assignee, columns),
	LATERAL (SELECT pg_temp.made(name)) AS made;

-- a partition that comes later has the resource of its table
CREATE TABLE shop.lines (day int, tenant_id uuid, user_id uuid) PARTITION BY RANGE (day);
SELECT * FROM auth.protect('shop.lines', 'bills', owner_column => 'user_id') \g /dev/null
CREATE TABLE shop.lines1 PARTITION OF shop.lines FOR VALUES FROM (0) TO (10);
SELECT * FROM auth.protect('shop.lines') \g /dev/null
SELECT is((SELECT format('%s %s', resource, owner_column) FROM auth.protected_tables WHERE table_name = 'lines1'), 'bills user_id', 'a later partition is registered as its table');
SELECT is((SELECT pg_get_expr(polqual, polrelid) FROM pg_policy WHERE polrelid = 'shop.lines1'::regclass AND polname = 'intrex_auth_select'),
	(SELECT pg_get_expr(polqual, polrelid) FROM pg_policy WHERE polrelid = 'shop.lines'::regclass AND polname = 'intrex_auth_select'), 'and has its policies');

SELECT * FROM finish();
ROLLBACK;
