-- The chalvien seed: ADMIN and USER, who are in no tenant.
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
SELECT plan(17);

SELECT isnt_empty($$SELECT * FROM auth.use_preset('chalvien')$$, 'the preset is loaded');
SELECT set_has($$SELECT unnest(setconfig) FROM pg_db_role_setting WHERE setrole = 0$$,
	$$VALUES ('intrex_auth.access_token_lifetime=15min'), ('intrex_auth.refresh_token_lifetime=7d')$$, 'JWT_ACCESS_TTL=15m, JWT_REFRESH_TTL=7d');
SELECT people.add('admin', NULL, '', '{}', true) \g /dev/null
SELECT people.add('user', NULL, '') \g /dev/null

-- requireRole
SELECT is(people.answer(who, format('SELECT auth.require_role(%L) IS NOT NULL', role)), answer, format('requireRole(%s): %s', role, who))
	FROM (VALUES ('admin', 'ADMIN', 'true'), ('user', 'ADMIN', '42501 Insufficient permissions'), ('', 'ADMIN', '28000 Authentication required'),
		('user', 'USER', 'true'), ('', 'USER', '28000 Authentication required')) AS v (who, role, answer);
SELECT is(people.answer(who, format('SELECT auth.has_rank(%L)', role)), answer, format('%s ranks as %s: %s', who, role, answer))
	FROM (VALUES ('admin', 'ADMIN', 'true'), ('admin', 'USER', 'true'), ('user', 'ADMIN', 'false'), ('user', 'USER', 'true')) AS v (who, role, answer);
SELECT is(people.answer(who, format('SELECT auth.scope(%L, %L)', resource, action)), scope, format('%s, %s, %s: %s', who, resource, action, scope))
	FROM (VALUES ('admin', 'orders', 'delete', 'platform'), ('admin', 'users', 'update', 'platform'), ('user', 'orders', 'read', 'own'), ('user', 'orders', 'create', 'own'),
		('user', 'orders', 'delete', NULL), ('user', 'users', 'update', NULL)) AS v (who, resource, action, scope);

SELECT * FROM finish();
ROLLBACK;
