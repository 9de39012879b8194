-- auth_api.logout: the old tokens are refused in the same transaction, in the next,
-- and in another session.  So this one commits, and cleans up after itself.
\set ECHO none
\set QUIET 1
\pset format unaligned
\pset tuples_only true
\set VERBOSITY terse
\getenv abs_srcdir PG_ABS_SRCDIR
\set include :abs_srcdir '/include/accounts.psql'
\i :include
SELECT pg_temp.clean() \g /dev/null

SELECT plan(40);
SELECT pg_temp.user_(n) FROM unnest(ARRAY['ann', 'bob']) AS n \g /dev/null

SELECT pg_temp.login('ann@accounts.example') AS a1, pg_temp.login('ann@accounts.example') AS a2, pg_temp.login('ann@accounts.example') AS a3,
	pg_temp.login('bob@accounts.example') AS b1 \gset
SELECT is(pg_temp.states(:'a1', :'a2', :'a3', :'b1'), 'in in in in', 'three sessions of one user, one of another');

-- in the same transaction
BEGIN;
SELECT is(pg_temp.as_user(:'a1'::jsonb ->> 'access_token'), 'ann@accounts.example', 'logged in');
SELECT is(pg_temp.say('logout()', 'authenticated'), '{"revoked": 1}', 'logged out');
SELECT throws_ok('SELECT auth.uid()', '28000', 'invalid token', 'the context is refused at once');
SELECT is(pg_temp.whose(:'a1'::jsonb ->> 'access_token'), 'refused', 'the token too');
SELECT is(pg_temp.verdict(pg_temp.refresh(:'a1')), '401 session_revoked', 'and the refresh token');
ROLLBACK;
SELECT is(pg_temp.state(:'a1'), 'in', 'rolled back: it has not happened');

-- for good
BEGIN;
SELECT is(pg_temp.as_user(:'a1'::jsonb ->> 'access_token'), 'ann@accounts.example', 'logged in');
SELECT is(pg_temp.say('logout()', 'authenticated'), '{"revoked": 1}', 'logged out');
COMMIT;
SELECT is(pg_temp.states(:'a1', :'a2', :'a3', :'b1'), 'out in in in', 'in the next transaction: this session, and no other');
SELECT is(pg_temp.trail(), 'logout success ann@accounts.example', 'in the trail');
SELECT is((SELECT details FROM auth.audit_log ORDER BY id DESC LIMIT 1), '{"scope": "local", "revoked": 1}', 'with its scope');
SELECT is((SELECT revoked_reason FROM auth.sessions WHERE id = (SELECT session_id FROM auth.audit_log ORDER BY id DESC LIMIT 1)), 'logout', 'and its session');
SELECT is(pg_temp.verdict(pg_temp.refresh(:'a1')), '401 session_revoked', 'its refresh token says why');

-- the others
BEGIN;
SELECT is(pg_temp.as_user(:'a2'::jsonb ->> 'access_token'), 'ann@accounts.example', 'logged in elsewhere');
SELECT is(pg_temp.say('logout(''others'')', 'authenticated'), '{"revoked": 1}', 'the others');
SELECT is(auth.email(), 'ann@accounts.example', 'this one stays');
COMMIT;
SELECT is(pg_temp.states(:'a2', :'a3', :'b1'), 'in out in', 'this one stays, and other users');

-- all
SELECT pg_temp.login('ann@accounts.example') AS a4 \gset
BEGIN;
SELECT is(pg_temp.as_user(:'a2'::jsonb ->> 'access_token'), 'ann@accounts.example', 'logged in');
SELECT is(pg_temp.say('logout(scope => ''global'')', 'authenticated'), '{"revoked": 2}', 'all');
COMMIT;
SELECT is(pg_temp.states(:'a2', :'a4', :'b1'), 'out out in', 'all of one user');

-- without an identity, or with one that does not hold
SELECT is(pg_temp.explain('logout()'), '401 no_authorization: Authentication required', 'nobody');
SELECT is(pg_temp.trail(), 'logout refused no_authorization', 'in the trail');
BEGIN;
SELECT set_config('intrex_auth.token', :'b1'::jsonb ->> 'access_token', true) \g /dev/null
UPDATE auth.sessions SET revoked_at = now() WHERE user_id = pg_temp.u('bob');
SELECT matches(pg_temp.say('logout()', 'authenticated'), '^28000 \| invalid token', 'a session that has ended');
ROLLBACK;

-- bad input
BEGIN;
SELECT is(pg_temp.as_user(:'b1'::jsonb ->> 'access_token'), 'bob@accounts.example', 'logged in');
SELECT is(pg_temp.explain('logout(' || value || ')', 'authenticated'), '400 validation_failed: scope must be local, others or global', what) FROM (VALUES
	(1, 'NULL', 'NULL'), (2, 'empty', ''''''), (3, 'capitals', '''LOCAL'''), (4, 'a space', '''local '''), (5, 'a megabyte', 'repeat(''x'', 1000000)'), (6, 'a number', '1::text')) AS c (n, what, value) ORDER BY n;
SELECT is(pg_temp.trail(), 'logout refused validation_failed bob@accounts.example', 'in the trail');
SELECT is(pg_temp.read_only('logout()', 'authenticated'), '25006 | cannot execute UPDATE in a read-only transaction', 'read only');
SELECT is(auth.email(), 'bob@accounts.example', 'still logged in');
COMMIT;

-- at REPEATABLE READ, with a snapshot from before
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT is(pg_temp.as_user(:'b1'::jsonb ->> 'access_token'), 'bob@accounts.example', 'logged in');
SELECT is(pg_temp.say('logout()', 'authenticated'), '{"revoked": 1}', 'logged out');
SELECT throws_ok('SELECT auth.uid()', '28000', 'invalid token', 'refused at once');
COMMIT;
SELECT is(pg_temp.state(:'b1'), 'out', 'and afterwards');

-- in another session
SELECT pg_temp.login('bob@accounts.example') AS b2, pg_temp.login('bob@accounts.example') AS b3 \gset
BEGIN;
SELECT is(pg_temp.as_user(:'b2'::jsonb ->> 'access_token'), 'bob@accounts.example', 'logged in');
SELECT is(pg_temp.say('logout()', 'authenticated'), '{"revoked": 1}', 'logged out');
COMMIT;
SELECT * FROM finish();

\connect
\set QUIET 1
\i :include
SELECT plan(2);
SELECT is(pg_temp.states(:'b2', :'b3'), 'out in', 'another session knows');
SELECT pg_temp.clean() \g /dev/null
SELECT is(pg_temp.state(:'b3'), 'out', 'nobody is left');
SELECT * FROM finish();
