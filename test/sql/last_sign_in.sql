-- auth.last_sign_in_at: when somebody last signed in, also after the session has gone.
\set ECHO none
\set QUIET 1
\pset format unaligned
\pset tuples_only true
\set VERBOSITY terse
\getenv abs_srcdir PG_ABS_SRCDIR
\set include :abs_srcdir '/include/accounts.psql'

BEGIN;
\i :include
SELECT pg_temp.clean() \g /dev/null
SELECT plan(15);

DELETE FROM auth.cleanup_passes;
SELECT pg_temp.user_(n) FROM unnest(ARRAY['ann', 'bob', 'eve']) AS n \g /dev/null
SELECT is(auth.last_sign_in_at(pg_temp.u('ann')), NULL, 'nobody has signed in');
SELECT pg_temp.login('ann@accounts.example') AS ann, pg_temp.login('bob@accounts.example') AS bob \gset
SELECT is(auth.last_sign_in_at(pg_temp.u('ann')), (SELECT created_at FROM auth.sessions
	WHERE user_id = pg_temp.u('ann')), 'a login');
SELECT is((SELECT count(*)::integer FROM auth.last_sign_ins), 0, 'writes no row but its session');
SELECT is(pg_temp.say($$ login('eve@accounts.example', 'wrong') $$)
	|| coalesce(auth.last_sign_in_at(pg_temp.u('eve'))::text, ''),
	'401 invalid_credentials', 'a login that fails is none');

-- two sessions that are long over, and one that is not
INSERT INTO auth.sessions (user_id, created_at, revoked_at)
	SELECT pg_temp.u(who), now() - days * interval '1 day', now() - interval '40 days'
	FROM (VALUES ('ann', 100), ('bob', 90), ('eve', 80), ('eve', 70), ('eve', 75)) AS s (who, days);
UPDATE auth.sessions SET created_at = now() - interval '60 days', revoked_at = now() - interval '50 days'
	WHERE user_id = pg_temp.u('bob') AND revoked_at IS NULL;
SELECT is((auth.cleanup() ->> 'sessions')::integer, 6, 'they go');
SELECT is(auth.last_sign_in_at(pg_temp.u('eve')), now() - interval '70 days', 'the last one of them is known');
SELECT is(auth.last_sign_in_at(pg_temp.u('bob')), now() - interval '60 days', 'of each user');
SELECT is(auth.last_sign_in_at(pg_temp.u('ann')) > now() - interval '1 day', true, 'a session that is there is later');
-- one that is older, and goes later, changes nothing
INSERT INTO auth.sessions (user_id, created_at, revoked_at)
	VALUES (pg_temp.u('eve'), now() - interval '99 days', now() - interval '31 days');
SELECT is((auth.cleanup() ->> 'sessions')::integer, 1, 'an older one goes');
SELECT is(auth.last_sign_in_at(pg_temp.u('eve')), now() - interval '70 days', 'the latest stays known');

-- who may see it
SELECT is(has_function_privilege(role, 'auth.last_sign_in_at(uuid)', 'EXECUTE'), role = 'auth_admin', role || ' asking')
	FROM unnest(ARRAY['anon', 'authenticated', 'auth_admin']) AS role;
SELECT is((SELECT count(*)::integer FROM jsonb_array_elements(auth.export_user(pg_temp.u('eve')) -> 'last_sign_ins')),
	1, 'it is exported');
SELECT auth.user_erase(pg_temp.u('eve')) \g /dev/null
SELECT is((SELECT count(*)::integer FROM auth.last_sign_ins WHERE user_id = pg_temp.u('eve')), 0,
	'and goes with its user');

SELECT * FROM finish();
ROLLBACK;
