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
SELECT plan(45);

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
ALTER DEFAULT PRIVILEGES IN SCHEMA shop REVOKE SELECT ON TABLES FROM authenticated;
SELECT throws_ok($$SET LOCAL ROLE auth_admin; SELECT auth.guard_ddl(false)$$, '42501', NULL, 'superusers only');
RESET ROLE;
SELECT auth.guard_ddl(false) \g /dev/null
SELECT is_empty($$SELECT FROM pg_event_trigger WHERE evtname = 'intrex_auth_guard'$$, 'off');
SELECT lives_ok($$SELECT auth.guard_ddl(false)$$, 'and off again');
SELECT is(pg_temp.attempt('GRANT SELECT ON shop.late TO anon'), 'done', 'then nothing is refused');

-- test_isolation
INSERT INTO auth.tenants (id, name) SELECT people.id(t), t FROM unnest(ARRAY['north', 'south']) AS t;
INSERT INTO shop."Order" SELECT people.id(t || n), people.id(t) FROM unnest(ARRAY['north', 'south']) AS t, generate_series(1, 5) AS n;
SELECT is((SELECT count(*) FROM auth.test_isolation()), 44::bigint, 'eleven commands on four tables');
SELECT is((SELECT string_agg(DISTINCT verdict, ' ' ORDER BY verdict) FROM auth.test_isolation('shop."Order"')), 'ok', 'all is well where there are rows');
SELECT is((SELECT string_agg(DISTINCT verdict, ' ' ORDER BY verdict) FROM auth.test_isolation('shop."Post"')), 'ok untested', 'what has no rows is not called well');
SELECT is((SELECT string_agg(tenant_id::text, '') FROM auth.sessions), NULL, 'nothing is left: no session');
SELECT is((SELECT count(*) FROM auth.roles), 0::bigint, 'no role');
SELECT is(has_table_privilege('authenticated', 'shop."Order"', 'DELETE'), false, 'no privilege');
SELECT is((SELECT count(*) FROM shop."Order"), 10::bigint, 'no row is lost');
SELECT is(auth.uid(), NULL, 'nobody is signed in');

CREATE FUNCTION pg_temp.leaks() RETURNS text LANGUAGE sql AS $$ SELECT string_agg(command, ', ' ORDER BY command COLLATE "C") FROM auth.test_isolation('shop."Order"') WHERE verdict = 'LEAK' $$;
CREATE POLICY hole ON shop."Order" FOR SELECT TO PUBLIC USING (true);
SELECT is(pg_temp.leaks(), 'COPY (its query), SELECT, SELECT by key', 'a policy broken on purpose: for SELECT');
DROP POLICY hole ON shop."Order";
CREATE POLICY hole ON shop."Order" FOR INSERT TO authenticated WITH CHECK (true);
SELECT is(pg_temp.leaks(), 'INSERT, MERGE of a new row', 'for INSERT');
DROP POLICY hole ON shop."Order";
CREATE POLICY hole ON shop."Order" TO authenticated USING (true);
SELECT is(pg_temp.leaks(), 'COPY (its query), DELETE, INSERT, MERGE, MERGE of a new row, SELECT, SELECT FOR UPDATE, SELECT by key, UPDATE of other rows', 'for all; the trigger keeps rows where they are');
ALTER TABLE shop."Order" DISABLE TRIGGER intrex_auth_tenant;
SELECT matches(pg_temp.leaks(), 'UPDATE to another', 'without the trigger, that too');
ALTER TABLE shop."Order" ENABLE TRIGGER intrex_auth_tenant;
DROP POLICY hole ON shop."Order";
ALTER TABLE shop."Order" DISABLE ROW LEVEL SECURITY;
SELECT matches(pg_temp.leaks(), '^COPY .*DELETE, INSERT', 'no row level security');
ALTER TABLE shop."Order" ENABLE ROW LEVEL SECURITY;
GRANT TRUNCATE ON shop."Order" TO authenticated;
SELECT is(pg_temp.leaks(), 'TRUNCATE', 'TRUNCATE granted');
REVOKE TRUNCATE ON shop."Order" FROM authenticated;
SELECT is(pg_temp.leaks(), NULL, 'mended');
SELECT throws_ok($$SET LOCAL ROLE auth_admin; SELECT * FROM auth.test_isolation()$$, '42501', NULL, 'superusers only');
RESET ROLE;

SELECT * FROM finish();
ROLLBACK;
