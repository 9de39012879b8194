-- Whole schemas: protect_schema, guard_ddl, unprotected_tables, test_isolation.
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
SELECT plan(90);

CREATE SCHEMA shop;
GRANT USAGE ON SCHEMA shop TO authenticated;
SELECT auth.resource_create(r) FROM unnest(ARRAY['content', 'sales']) AS r \g /dev/null

-- protect_schema
CREATE TABLE shop."Post" (id uuid PRIMARY KEY, "workspaceId" uuid NOT NULL, "authorId" uuid);
CREATE TABLE shop."Order" (id uuid PRIMARY KEY, "workspaceId" uuid NOT NULL);
CREATE TABLE shop."Country" (code text PRIMARY KEY);
CREATE TABLE shop."Event" (id int, "workspaceId" uuid NOT NULL) PARTITION BY RANGE (id);
CREATE TABLE shop."Event1" PARTITION OF shop."Event" FOR VALUES FROM (0) TO (10);
CREATE VIEW shop.a_view AS SELECT 1 AS one;
SELECT throws_ok($$SELECT * FROM auth.protect_schema('nowhere')$$, '3F000', 'schema "nowhere" does not exist', 'no such schema');
SELECT throws_ok($$SELECT * FROM auth.protect_schema(NULL)$$, '3F000', NULL, 'NULL');
SELECT throws_ok(format('SELECT * FROM auth.protect_schema(%L)', s), '42501', format('schema %s belongs to the system or to intrex_auth itself', s), s || ' is not the caller''s to protect')
	FROM unnest(ARRAY['auth', 'auth_api', 'pg_catalog', 'information_schema']) AS s;
SELECT throws_ok($$SELECT * FROM auth.protect_schema('shop', tenant_column => 'workspaceId', unit_column => 'branch', owner_column => 'autorId')$$,
	'42703', 'no table of schema shop has a column of type uuid named branch, "autorId"', 'columns that are misspelled');
SELECT throws_ok($$SELECT * FROM auth.protect_schema('shop')$$, '42703', 'no table of schema shop has a column of type uuid named tenant_id', 'a tenant column that is not there');
SELECT throws_ok($$SELECT * FROM auth.protect_schema('shop', '{"Country": "content", "Post": "content"}', 'workspaceId')$$,
	'42703', 'tables that have a resource have no column of type uuid named "workspaceId": shop."Country"', 'a table with a resource and without a tenant');
SELECT throws_ok($$SELECT * FROM auth.protect_schema('shop', '["content"]')$$, '22023', 'resources must be a JSON object', 'resources that are no object');
SELECT throws_ok($$SELECT * FROM auth.protect_schema('shop', '{"Posts": "content"}')$$, '42P01', 'schema shop has no such tables: Posts', 'a table that is misspelled');
SELECT throws_ok($$SELECT * FROM auth.protect_schema('shop', '{"*": "contents"}', 'workspaceId')$$, '42704', 'there is no resource "contents"', 'a resource that is misspelled');
SELECT results_eq($$SELECT DISTINCT target, object FROM auth.protect_schema('shop', '{"Order": "sales", "*": "content"}', 'workspaceId', owner_column => 'authorId') WHERE object IN ('registration', 'skipped') ORDER BY 1$$,
	$$VALUES ('shop."Country"', 'skipped'), ('shop."Event"', 'registration'), ('shop."Order"', 'registration'), ('shop."Post"', 'registration')$$, 'each table with the tenant column');
SELECT results_eq($$SELECT format('%s %s %s', table_name, resource, owner_column) COLLATE "default" FROM auth.protected_tables WHERE schema_name = 'shop' ORDER BY table_name$$,
	$$VALUES ('Event content '), ('Event1 content '), ('Order sales '), ('Post content authorId')$$, 'with its resource, and the columns that it has');
SELECT is_empty($$SELECT * FROM auth.protect_schema('shop', '{"Order": "sales", "*": "content"}', 'workspaceId', owner_column => 'authorId') WHERE object NOT IN ('skipped', 'warning')$$, 'a second call does nothing');

-- unprotected_tables
SELECT is_empty($$SELECT * FROM auth.unprotected_tables(ARRAY['shop'])$$, 'no table is open');
GRANT SELECT ON shop."Post", shop."Country" TO authenticated;
SELECT results_eq($$SELECT target::text, reached_by FROM auth.unprotected_tables(ARRAY['shop'])$$,
	$$VALUES ('shop."Country"', 'auth_platform, authenticated')$$, 'one that is granted and not protected is');
REVOKE SELECT ON shop."Country" FROM authenticated;
GRANT SELECT (code) ON shop."Country" TO PUBLIC;
SELECT is((SELECT reached_by FROM auth.unprotected_tables(ARRAY['shop'])), 'anon, auth_platform, authenticated', 'so is one of which a column is granted to all');
REVOKE SELECT (code) ON shop."Country" FROM PUBLIC;

-- guard_ddl
CREATE FUNCTION pg_temp.attempt(statement text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE statement;
	RETURN 'done';
EXCEPTION WHEN OTHERS THEN
	RETURN SQLSTATE || ' ' || SQLERRM;
END
$$;
SET LOCAL intrex_auth.exposed_schemas = 'public, shop';
SELECT is(pg_temp.attempt('CREATE TABLE shop.early (id int); GRANT SELECT ON shop.early TO anon'), 'done', 'off by default');
SELECT auth.guard_ddl(true) \g /dev/null
SELECT is((SELECT evtfoid::regproc::text FROM pg_event_trigger WHERE evtname = 'intrex_auth_guard'), 'auth._ddl_guard_warn', 'it warns');
SELECT is(pg_temp.attempt('GRANT INSERT ON shop.early TO anon'), 'done', 'and refuses nothing');
SELECT auth.guard_ddl(true, true) \g /dev/null
SELECT is(pg_temp.attempt('CREATE TABLE shop.late (id int)'), 'done', 'a table that nobody reaches is made, whatever else is open');
SELECT is(pg_temp.attempt('GRANT SELECT ON shop.late TO anon'), '42501 table shop.early would be open to anon', 'a GRANT is refused while any is open');
SELECT is(pg_temp.attempt('DROP TABLE shop.early'), 'done', 'the open one is dropped');
SELECT is(pg_temp.attempt('GRANT SELECT ON shop.late TO anon'), '42501 table shop.late would be open to anon', 'a GRANT that opens one');
SELECT is(pg_temp.attempt('GRANT SELECT ON shop."Order" TO authenticated'), 'done', 'one on a protected table');
SELECT is(pg_temp.attempt('ALTER TABLE shop."Order" DISABLE ROW LEVEL SECURITY'), '42501 table shop."Order" would be open to auth_platform, authenticated', 'taking the protection away');
ALTER DEFAULT PRIVILEGES IN SCHEMA shop GRANT SELECT ON TABLES TO authenticated;
SELECT is(pg_temp.attempt('CREATE TABLE shop.born_open (id int)'), '42501 table shop.born_open would be open to auth_platform, authenticated', 'a table that is born open');
SELECT is(pg_temp.attempt('CREATE TABLE shop.born_open AS SELECT 1 AS one'), '42501 table shop.born_open would be open to auth_platform, authenticated', 'by CREATE TABLE AS');
SELECT is(pg_temp.attempt('SELECT 1 AS one INTO shop.born_open'), '42501 table shop.born_open would be open to auth_platform, authenticated', 'by SELECT INTO');
SELECT is(pg_temp.attempt('CREATE TEMPORARY TABLE mine (id int)'), 'done', 'a temporary one is the session''s own');
SELECT is(pg_temp.attempt('CREATE TABLE people.elsewhere (id int); GRANT SELECT ON people.elsewhere TO anon'), 'done', 'another schema is not watched');
CREATE FOREIGN DATA WRAPPER nothing;
CREATE SERVER nowhere FOREIGN DATA WRAPPER nothing;
SELECT is(pg_temp.attempt('CREATE FOREIGN TABLE shop.far (id int) SERVER nowhere'), '42501 table shop.far would be open to auth_platform, authenticated', 'a foreign table');
SELECT is(pg_temp.attempt('CREATE MATERIALIZED VIEW shop.sums AS SELECT 1 AS one'), '42501 table shop.sums would be open to auth_platform, authenticated', 'a materialized view');
ALTER DEFAULT PRIVILEGES IN SCHEMA shop REVOKE SELECT ON TABLES FROM authenticated;
SELECT is(pg_temp.attempt('CREATE MATERIALIZED VIEW shop.sums AS SELECT 1 AS one'), 'done', 'that nobody reaches');
SELECT is(pg_temp.attempt('GRANT SELECT ON shop.sums TO anon'), '42501 table shop.sums would be open to anon', 'until it is granted');
SET LOCAL intrex_auth.exposed_schemas = 'shop, stall';
SELECT is(pg_temp.attempt('CREATE SCHEMA stall CREATE TABLE wares (id int) GRANT SELECT ON wares TO anon'), '42501 table stall.wares would be open to anon', 'a schema with a table in it');
SELECT is(pg_temp.attempt('ALTER SCHEMA people RENAME TO stall'), '42501 table stall.elsewhere would be open to anon', 'a schema that gets an exposed name');
SELECT is(pg_temp.attempt('ALTER TABLE people.elsewhere SET SCHEMA shop'), '42501 table shop.elsewhere would be open to anon', 'a table that comes into one');
SET LOCAL intrex_auth.exposed_schemas = 'shop';
SELECT throws_ok($$SET LOCAL ROLE auth_admin; SELECT auth.guard_ddl(false)$$, '42501', NULL, 'superusers only');
RESET ROLE;
SELECT auth.guard_ddl(false) \g /dev/null
SELECT is_empty($$SELECT FROM pg_event_trigger WHERE evtname = 'intrex_auth_guard'$$, 'off');
SELECT lives_ok($$SELECT auth.guard_ddl(false)$$, 'and off again');
SELECT is(pg_temp.attempt('GRANT SELECT ON shop.late TO anon'), 'done', 'then nothing is refused');
SET LOCAL client_min_messages = warning;
\set VERBOSITY default
SELECT auth.guard_ddl(true) \g /dev/null
\set VERBOSITY terse
SET LOCAL client_min_messages = error;
SELECT auth.guard_ddl(false) \g /dev/null

-- test_isolation
INSERT INTO auth.tenants (id, name) SELECT people.id(t), t FROM unnest(ARRAY['north', 'south']) AS t;
INSERT INTO shop."Order" SELECT people.id(t || n), people.id(t) FROM unnest(ARRAY['north', 'south']) AS t, generate_series(1, 5) AS n;
SELECT is((SELECT count(*) FROM auth.test_isolation()), 64::bigint, 'sixteen tries on four tables');
SELECT is((SELECT string_agg(DISTINCT verdict, ' ' ORDER BY verdict) FROM auth.test_isolation('shop."Order"')), 'ok', 'all is well where there are rows');
SELECT is((SELECT string_agg(DISTINCT verdict, ' ' ORDER BY verdict) FROM auth.test_isolation('shop."Post"')), 'ok untested', 'what has no rows is not called well');
SELECT is((SELECT string_agg(tenant_id::text, '') FROM auth.sessions), NULL, 'nothing is left: no session');
SELECT is((SELECT count(*) FROM auth.roles), 0::bigint, 'no role');
SELECT is(has_table_privilege('authenticated', 'shop."Order"', 'DELETE'), false, 'no privilege');
SELECT is((SELECT count(*) FROM shop."Order"), 10::bigint, 'no row is lost');
SELECT is(auth.uid(), NULL, 'nobody is signed in');

-- what is found of a table that is broken on purpose
CREATE FUNCTION pg_temp.found(statements text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE statements;
	RAISE EXCEPTION USING ERRCODE = 'UNDO0', MESSAGE = (
		SELECT coalesce(string_agg(concat(command, CASE verdict WHEN 'LEAK' THEN '' ELSE ': ' || verdict END), ', ' ORDER BY command COLLATE "C"), '')
		FROM auth.test_isolation('shop."Order"') WHERE verdict <> 'ok');
EXCEPTION WHEN SQLSTATE 'UNDO0' THEN
	RETURN SQLERRM;
END
$$;
SELECT is(pg_temp.found(statements), found, statements) FROM (VALUES
	('SELECT 1', ''),
	('CREATE POLICY hole ON shop."Order" FOR SELECT TO PUBLIC USING (true)', 'COPY (its query), SELECT, SELECT by auth_platform, SELECT by key, policies of others: unclear'),
	('CREATE POLICY hole ON shop."Order" FOR INSERT TO authenticated WITH CHECK (true)', 'INSERT, MERGE of a new row, policies of others: unclear'),
	('CREATE POLICY hole ON shop."Order" FOR UPDATE TO authenticated USING (true)', 'UPDATE of all, policies of others: unclear'),
	('CREATE POLICY hole ON shop."Order" FOR DELETE TO authenticated USING (true)', 'DELETE of all, policies of others: unclear'),
	('CREATE POLICY hole ON shop."Order" FOR SELECT TO anon USING (true); GRANT SELECT ON shop."Order" TO anon; GRANT USAGE ON SCHEMA shop TO anon', 'SELECT by anon, policies of others: unclear'),
	('CREATE POLICY hole ON shop."Order" TO authenticated USING (true)',
		'COPY (its query), DELETE, DELETE of all, INSERT, MERGE, MERGE of a new row, SELECT, SELECT FOR UPDATE, SELECT by auth_platform, SELECT by key, UPDATE of all, UPDATE of other rows, policies of others: unclear'),
	('ALTER POLICY intrex_auth_select ON shop."Order" USING (true)', 'COPY (its query), SELECT, SELECT by auth_platform, SELECT by key, auth.protect() again: changed'),
	('ALTER POLICY intrex_auth_update ON shop."Order" USING (true)', 'UPDATE of all, auth.protect() again: changed'),
	('ALTER POLICY intrex_auth_update ON shop."Order" WITH CHECK (true)', 'auth.protect() again: changed'),
	('ALTER POLICY intrex_auth_delete ON shop."Order" USING (true)', 'DELETE of all, auth.protect() again: changed'),
	('ALTER POLICY intrex_auth_platform ON shop."Order" USING (true)', 'SELECT by auth_platform, auth.protect() again: changed'),
	('DROP POLICY intrex_auth_select ON shop."Order"', 'auth.protect() again: changed'),
	('ALTER TABLE shop."Order" DISABLE TRIGGER intrex_auth_tenant', 'auth.protect() again: changed'),
	('ALTER TABLE shop."Order" DISABLE TRIGGER intrex_auth_tenant; CREATE POLICY hole ON shop."Order" FOR UPDATE TO authenticated USING (true)', 'UPDATE of all, UPDATE to another, auth.protect() again: changed, policies of others: unclear'),
	('ALTER TABLE shop."Order" NO FORCE ROW LEVEL SECURITY', 'auth.protect() again: changed'),
	('GRANT TRUNCATE ON shop."Order" TO authenticated', 'TRUNCATE, auth.protect() again: changed'),
	('CREATE VIEW shop.seen AS SELECT * FROM shop."Order"; GRANT SELECT ON shop.seen TO authenticated', 'SELECT from shop.seen by authenticated'),
	('CREATE VIEW shop.counted AS SELECT count(*) FROM shop."Order"; GRANT SELECT ON shop.counted TO authenticated', 'SELECT from shop.counted by authenticated: unclear'),
	('CREATE VIEW shop.seen WITH (security_invoker = true) AS SELECT * FROM shop."Order"; GRANT SELECT ON shop.seen TO authenticated', ''),
	('CREATE VIEW shop.seen AS SELECT * FROM shop."Order" WHERE "workspaceId" = (SELECT auth.tenant_id()); GRANT SELECT ON shop.seen TO authenticated', ''),
	('CREATE MATERIALIZED VIEW shop.kept AS SELECT * FROM shop."Order"; GRANT SELECT ON shop.kept TO authenticated', 'SELECT from shop.kept by authenticated'),
	('CREATE VIEW shop.taken AS SELECT * FROM shop."Order"; GRANT INSERT, UPDATE, DELETE ON shop.taken TO authenticated',
		'DELETE from shop.taken by authenticated, INSERT into shop.taken, UPDATE of shop.taken by authenticated'),
	('CREATE VIEW shop.taken WITH (security_invoker = true) AS SELECT * FROM shop."Order"; GRANT INSERT, UPDATE, DELETE ON shop.taken TO authenticated', ''),
	('CREATE FUNCTION shop.given(n int DEFAULT 1) RETURNS SETOF shop."Order" LANGUAGE sql SECURITY DEFINER AS $f$ SELECT * FROM shop."Order" $f$; REVOKE ALL ON FUNCTION shop.given FROM PUBLIC; GRANT EXECUTE ON FUNCTION shop.given TO authenticated',
		'SELECT from shop.given(integer) by authenticated'),
	('CREATE FUNCTION shop.given() RETURNS SETOF shop."Order" LANGUAGE sql AS $f$ SELECT * FROM shop."Order" $f$', ''),
	('CREATE POLICY hole ON shop."Order" FOR SELECT TO authenticated USING ((SELECT auth.tenant_role()) = ''boss'')', 'policies of others: unclear'),
	('CREATE POLICY bar ON shop."Order" AS RESTRICTIVE FOR SELECT TO authenticated USING (true)', ''),
	('CREATE TABLE shop.part () INHERITS (shop."Order")', 'auth.protect() again: changed'),
	('CREATE TABLE shop.part () INHERITS (shop."Order"); GRANT SELECT ON shop.part TO authenticated', 'auth.protect() again'),
	('SET LOCAL row_security = off; ALTER POLICY intrex_auth_select ON shop."Order" USING (true)', 'COPY (its query), SELECT, SELECT by auth_platform, SELECT by key, auth.protect() again: changed'),
	('SET LOCAL quote_all_identifiers = on; SET LOCAL session_replication_role = replica', ''),
	-- shop.late is open, and each GRANT would be refused
	('SELECT auth.guard_ddl(true, true)', '')
) AS v (statements, found);
SELECT matches(pg_temp.found('ALTER TABLE shop."Order" DISABLE ROW LEVEL SECURITY'), '^COPY .*DELETE, DELETE of all, INSERT', 'no row level security');
SELECT throws_ok($$SELECT * FROM auth.test_isolation('shop.late')$$, '55000', 'table shop.late is not protected, or was renamed since', 'a table that is not protected is not called well');
SAVEPOINT renamed;
ALTER TABLE shop."Order" RENAME TO orders;
SELECT throws_ok($$SELECT * FROM auth.test_isolation('shop.orders')$$, '55000', NULL, 'nor one that was renamed');
SELECT matches((SELECT string_agg(detail, '') FROM auth.test_isolation() WHERE verdict = 'changed'), '^UPDATE auth.protected_tables .*orders', 'of which all of them tell');
ALTER TABLE shop.orders DROP COLUMN "workspaceId" CASCADE;
SELECT matches((SELECT string_agg(detail, '') FROM auth.test_isolation() WHERE verdict = 'changed'), 'auth.protected_tables names the table shop."Order", which does not exist', 'as of one that is gone');
ROLLBACK TO renamed;
SELECT throws_ok($$SET LOCAL ROLE auth_admin; SELECT * FROM auth.test_isolation()$$, '42501', NULL, 'superusers only');
RESET ROLE;

SELECT * FROM finish();
ROLLBACK;
