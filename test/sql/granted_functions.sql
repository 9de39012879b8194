-- Whoever may execute a function may execute and read what it uses with his rights.
\set ECHO none
\set QUIET 1
\pset format unaligned
\pset tuples_only true
\set VERBOSITY terse
SET client_min_messages = warning;
\getenv abs_srcdir PG_ABS_SRCDIR
\set include :abs_srcdir '/include/people.psql'

BEGIN;
\i :include
SELECT plan(21);

-- Functions that run with the rights of who calls them, in their own words.
CREATE VIEW pg_temp.granted AS
SELECT r.role, f.oid::regprocedure AS name, concat(f.prosrc, pg_get_function_sqlbody(f.oid)) AS body
FROM pg_proc AS f
CROSS JOIN unnest(ARRAY['anon', 'authenticated', 'auth_platform', 'auth_admin']) AS r (role)
WHERE f.pronamespace IN ('auth'::regnamespace, 'auth_api'::regnamespace) AND NOT f.prosecdef
	AND f.prolang IN (SELECT oid FROM pg_language WHERE lanname IN ('sql', 'plpgsql'))
	AND has_function_privilege(r.role, f.oid, 'EXECUTE');
SELECT cmp_ok((SELECT count(*) FROM pg_temp.granted), '>', 40::bigint, 'there are such functions');
SELECT is_empty($$
	SELECT DISTINCT g.role, g.name, p.oid::regprocedure
	FROM pg_temp.granted AS g
	CROSS JOIN regexp_matches(g.body, '\mauth\.([a-z_0-9]+)\s*\(', 'g') AS m
	JOIN pg_proc AS p ON p.proname = m[1] AND p.pronamespace = 'auth'::regnamespace
	WHERE NOT has_function_privilege(g.role, p.oid, 'EXECUTE')
$$, 'none calls what its caller may not call');
SELECT is_empty($$
	SELECT DISTINCT g.role, g.name, c.oid::regclass
	FROM pg_temp.granted AS g
	CROSS JOIN regexp_matches(g.body, '\m(?:FROM|JOIN)\s+auth\.([a-z_0-9]+)\M(?!\s*\()', 'g') AS m
	JOIN pg_class AS c ON c.relname = m[1] AND c.relnamespace = 'auth'::regnamespace
	WHERE NOT has_table_privilege(g.role, c.oid, 'SELECT')
$$, 'none reads what its caller may not read');

-- Some of them, called.
SELECT is(people.answer('', $$SELECT auth.normalize_email('Zoë@example.com')$$), 'zoë@example.com', 'anon: an address that is not ASCII');

SELECT auth.resource_create('notes') \g /dev/null
SELECT auth.role_create('boss', 50) \g /dev/null
SELECT auth.permission_set('boss', 'notes', 'read', 'tenant') \g /dev/null
SELECT people.add('bea', 'boss') \g /dev/null
SELECT people.add('sue', NULL, '', '{}', true) \g /dev/null
CREATE TABLE people.notes (id uuid PRIMARY KEY, tenant_id uuid NOT NULL);
INSERT INTO people.notes VALUES (people.id('1'), people.id('north'));
CREATE TABLE people.others (id uuid PRIMARY KEY);
SELECT count(*) FROM auth.protect('people.notes', 'notes') \g /dev/null
GRANT SELECT ON people.notes TO auth_admin, auth_platform;

SET LOCAL ROLE auth_admin;
SELECT matches(auth.password_hash_keycloak('{"hashIterations": 27500, "algorithm": "pbkdf2-sha256"}',
	'{"value": "vQqXRqpUejV7H1ducZMKU2Sb2nI=", "salt": "AAAA"}'), '^keycloak:', 'auth_admin: a hash of Keycloak');
SELECT lives_ok($$SELECT auth.password_hash_firebase('aGFzaA==', 'c2FsdA==', 'a2V5', 'c2Vw', 8, 14)$$, 'a hash of Firebase');
SELECT is((SELECT string_agg(explanation, '; ') FROM auth.explain_access(people.id('bea'), 'read', 'people.notes', tenant_id => people.id('north'))),
	format('the user is boss of tenant %s; the role boss may read notes, on all rows of the tenant; allowed on those rows', people.id('north')), 'an explanation of a table');
SELECT is((SELECT string_agg(explanation, '; ') FROM auth.explain_access(people.id('sue'), 'read', 'people.notes')),
	'the user is a platform administrator: allowed on all rows of all tenants, with a token of the role auth_platform', 'of an administrator');
SELECT throws_ok($$SELECT * FROM auth.explain_access(people.id('bea'), 'reed', 'people.notes')$$, '42704', 'there is no action "reed" on resource "notes"', 'an action that is misspelled');
SELECT is((SELECT explanation FROM auth.explain_access(people.id('bea'), 'read', 'people.notes', people.id('1'))),
	'there is no such row, or you do not see it yourself', 'a row that he does not see');
SELECT throws_ok($$SELECT * FROM auth.who_can('read', 'people.notes', people.id('1'))$$, 'P0002', 'there is no such row, or you do not see it yourself', 'of whom it is not told who can');
SELECT throws_ok($$SELECT auth.row_facts('people.others', people.id('1'))$$, '55000', 'people.others is not protected', 'a table that is not protected');
SELECT results_eq($$SELECT u, auth.user_is_super_admin(people.id(u)) FROM unnest(ARRAY['bea', 'sue', 'nobody']) AS u$$,
	$$VALUES ('bea', false), ('sue', true), ('nobody', false)$$, 'who is an administrator');
SELECT results_eq($$SELECT email, role FROM auth.who_may('read', 'notes', true, people.id('north'), NULL, NULL, NULL, '{}')$$,
	$$VALUES ('sue@people.example', 'auth_platform'), ('bea@people.example', 'boss')$$, 'who may read a row of a tenant');
SELECT lives_ok($$SELECT auth.demand_action('notes', 'read')$$, 'an action that there is');
SELECT throws_ok($$SELECT auth.demand_action('notes', NULL)$$, '42704', 'there is no action "" on resource "notes"', 'none');
SELECT throws_ok($$SELECT * FROM auth.users$$, '42501', NULL, 'all of it without auth.users');
RESET ROLE;

-- A back office: the functions of one role, and the rows that the other sees.
CREATE ROLE back_office INHERIT;
GRANT auth_admin, auth_platform TO back_office;
SELECT people.become('sue') \g /dev/null
SET LOCAL ROLE back_office;
SELECT is((SELECT string_agg(explanation, '; ' ORDER BY allowed) FROM auth.explain_access(people.id('bea'), 'read', 'people.notes', people.id('1'))),
	format('the row belongs to tenant %s; the user is boss of tenant %1$s; the role boss may read notes, on all rows of the tenant; the row is one of them: allowed', people.id('north')),
	'a row, explained to a back office');
SELECT results_eq($$SELECT email, role, scope FROM auth.who_can('read', 'people.notes', people.id('1'))$$,
	$$VALUES ('sue@people.example', 'auth_platform', 'platform'), ('bea@people.example', 'boss', 'tenant')$$, 'and who can read it');
SELECT people.become('') \g /dev/null
SELECT throws_ok($$SELECT * FROM auth.who_can('read', 'people.notes', people.id('1'))$$, 'P0002', NULL, 'which takes the token of an administrator');
RESET ROLE;
SELECT throws_ok($$SELECT * FROM auth.who_can('read', 'people.others', people.id('1'))$$, '55000', 'people.others is not protected', 'a superuser is told the same');

SELECT * FROM finish();
ROLLBACK;
