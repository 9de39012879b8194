-- The two ends of a session: the absolute one, intrex_auth.session_lifetime after the login, and that
-- which comes when nobody refreshes.
\set ECHO none
\set QUIET 1
\pset format unaligned
\pset tuples_only true
\set VERBOSITY terse
\getenv abs_srcdir PG_ABS_SRCDIR
\set include :abs_srcdir '/include/accounts.psql'
\set delivery :abs_srcdir '/include/delivery.psql'

BEGIN;
\i :include
\i :delivery
SET LOCAL intervalstyle = postgres;
SELECT pg_temp.clean() \g /dev/null
SELECT plan(38);
SELECT pg_temp.user_(n) FROM unnest(ARRAY['ann', 'bob']) AS n \g /dev/null
SELECT pg_temp.tenant('north', 'ann'), pg_temp.tenant('south', 'ann') \g /dev/null

CREATE FUNCTION pg_temp.session_of(grant_ jsonb) RETURNS auth.sessions LANGUAGE sql AS $$
	SELECT s.* FROM auth.sessions AS s WHERE s.id = (auth.jwt_verify(grant_ ->> 'access_token') ->> 'session_id')::uuid
$$;
-- How long a session lasts, and how long after its beginning its refresh token and its access token last.
CREATE FUNCTION pg_temp.ends(grant_ jsonb) RETURNS text LANGUAGE sql AS $$
	SELECT concat_ws(', ', coalesce((s.expires_at - s.created_at)::text, 'none'),
		(SELECT r.expires_at - s.created_at FROM auth.refresh_tokens AS r
			WHERE r.token_hash = auth._opaque_hash(grant_ ->> 'refresh_token')),
		grant_ ->> 'expires_in')
	FROM pg_temp.session_of(grant_) AS s
$$;
-- Let time pass for a session.
CREATE FUNCTION pg_temp.age(session uuid, by interval) RETURNS void LANGUAGE sql AS $$
	UPDATE auth.sessions SET created_at = created_at - by, expires_at = expires_at - by WHERE id = session;
	UPDATE auth.refresh_tokens SET created_at = created_at - by, expires_at = expires_at - by
		WHERE session_id = session;
$$;
CREATE FUNCTION pg_temp.later(grant_ jsonb, by interval) RETURNS void LANGUAGE sql AS
$$ SELECT pg_temp.age((pg_temp.session_of(grant_)).id, by) $$;

-- 0: none
SELECT is(current_setting('intrex_auth.session_lifetime'), '0', 'the default');
SELECT is(pg_temp.ends(pg_temp.login('ann@accounts.example')), 'none, 7 days, 900', 'no absolute end');

-- at login, and no later by refreshes
SET LOCAL intrex_auth.session_lifetime = '10d';
SELECT pg_temp.login('ann@accounts.example') AS ann \gset
SELECT is(pg_temp.ends(:'ann'), '10 days, 7 days, 900', 'an absolute end beside the idle one');
SELECT pg_temp.later(:'ann', '6 days') \g /dev/null
SELECT pg_temp.refresh(:'ann') AS ann \gset
SELECT is(pg_temp.ends(:'ann'), '10 days, 10 days, 900', 'a refresh token ends with its session');
SELECT pg_temp.later(:'ann', '3 days 23:50') \g /dev/null
SELECT pg_temp.refresh(:'ann') AS ann \gset
SELECT is(pg_temp.verdict(:'ann'), 'ok', 'ten minutes before the end');
SELECT ok((:'ann'::jsonb ->> 'expires_in')::integer BETWEEN 1 AND 600,
	'an access token ends no later than its session');
SELECT ok((:'ann'::jsonb ->> 'expires_at')::numeric <= extract(epoch FROM (pg_temp.session_of(:'ann')).expires_at),
	'by not a second');
SELECT is((:'ann'::jsonb ->> 'expires_at')::bigint,
	(auth.jwt_verify(:'ann'::jsonb ->> 'access_token') ->> 'exp')::bigint,
	'as it says');
SELECT is(pg_temp.state(:'ann'), 'in', 'and both are good');
-- another access token of the same session
SELECT pg_temp.become(:'ann') \g /dev/null
SELECT pg_temp.call(format('switch_tenant(%L)', pg_temp.t('north')), 'authenticated') AS switched \gset
SELECT is(pg_temp.verdict(:'switched'), 'ok', 'another tenant');
SELECT is(:'switched'::jsonb ->> 'expires_at', :'ann'::jsonb ->> 'expires_at', 'ends with the session, too');
SELECT pg_temp.become(NULL) \g /dev/null

-- past it
SELECT (pg_temp.session_of(:'ann')).id AS ann_session \gset
SELECT pg_temp.age(:'ann_session', '10 minutes') \g /dev/null
SELECT is(pg_temp.explain(format('refresh(%L)', :'ann'::jsonb ->> 'refresh_token')),
	'401 session_expired: Session has expired',
	'past the end no refresh');
SELECT is((SELECT revoked_at FROM auth.sessions WHERE id = :'ann_session'), NULL, 'which is not a theft');
SELECT is(pg_temp.whose(:'ann'::jsonb ->> 'access_token'), 'refused',
	'and no access token that would be good for longer');
SELECT throws_ok(format('SELECT auth.authenticate(%L)', :'ann'::jsonb ->> 'access_token'), '28000', 'invalid token',
	'namely so');
-- nor by an ancestor, in the grace time
SELECT pg_temp.login('ann@accounts.example') AS one \gset
SELECT pg_temp.refresh(:'one') AS two \gset
UPDATE auth.sessions SET expires_at = clock_timestamp() WHERE id = (pg_temp.session_of(:'one')).id;
SELECT is(pg_temp.verdict(pg_temp.refresh(:'one')), '401 session_expired', 'nor by a token that was used just now');

-- what a setting of today does to sessions of yesterday: nothing
SELECT pg_temp.login('ann@accounts.example') AS former \gset
SET LOCAL intrex_auth.session_lifetime = '1h';
SELECT is(split_part(pg_temp.ends(pg_temp.refresh(:'former')), ',', 1), '10 days',
	'a session keeps the end that it began with');
SELECT is(pg_temp.ends(pg_temp.login('ann@accounts.example')), '01:00:00, 01:00:00, 900',
	'shorter than the idle end: that counts');
SET LOCAL intrex_auth.session_lifetime = '1min';
SELECT pg_temp.login('ann@accounts.example') AS short \gset
SELECT ok((:'short'::jsonb ->> 'expires_in')::integer BETWEEN 1 AND 60, 'shorter than an access token, too');
SET LOCAL intrex_auth.session_lifetime = '10d';

-- every endpoint that begins a session
SELECT is(pg_temp.ends(pg_temp.call('register(''new@accounts.example'', ''a password of mine'')')),
	'10 days, 7 days, 900', 'register');
UPDATE auth.users SET is_super_admin = false;
SET LOCAL intrex_auth.allow_bootstrap = on;
SELECT is(pg_temp.ends(pg_temp.call('bootstrap_admin(''first@accounts.example'', ''a password of mine'')')),
	'10 days, 7 days, 900', 'bootstrap_admin');

-- the cookie goes with it
SET LOCAL intrex_auth.token_delivery = 'cookie';
SET LOCAL intrex_auth.session_lifetime = '1d';
SELECT pg_temp.enter('bob@accounts.example') AS bob \gset
SELECT ok(substring(pg_temp.cookies() FROM 'Max-Age=([0-9]+)')::integer BETWEEN 86000 AND 86400,
	'a cookie lasts no longer');
SELECT (auth._refresh_row(auth._opaque_hash(:'bob'))).session_id AS bob_session \gset
SELECT pg_temp.age(:'bob_session', '12 hours') \g /dev/null
SELECT pg_temp.post(:'bob') \g /dev/null
SELECT is(pg_temp.both('refresh()'), 'ok, set', 'refreshed');
SELECT ok(substring(pg_temp.cookies() FROM 'Max-Age=([0-9]+)')::integer BETWEEN 43000 AND 43200, 'nor the next');
SELECT pg_temp.age(:'bob_session', '12 hours') \g /dev/null
SELECT is(pg_temp.both('refresh()'), '401 session_expired, cleared', 'at the end it goes');
SELECT pg_temp.request('') \g /dev/null
RESET intrex_auth.token_delivery;

-- both ends are shown
SET LOCAL intrex_auth.session_lifetime = '30d';
SELECT pg_temp.login('bob@accounts.example') AS bob \gset
SELECT pg_temp.become(:'bob') \g /dev/null
SELECT pg_temp.call('sessions()', 'authenticated') #> '{sessions,0}' AS shown \gset
SELECT is((:'shown'::jsonb ->> 'expires_at')::timestamptz - (:'shown'::jsonb ->> 'created_at')::timestamptz,
	interval '30 days', 'sessions(): expires_at');
SELECT is((:'shown'::jsonb ->> 'idle_expires_at')::timestamptz - (:'shown'::jsonb ->> 'created_at')::timestamptz,
	interval '7 days', 'idle_expires_at');
SELECT pg_temp.become(NULL) \g /dev/null
CREATE FUNCTION pg_temp.seen(session uuid) RETURNS text LANGUAGE sql AS $$
	SELECT concat_ws(' ', v ->> 'valid', v ->> 'reason',
		(v #>> '{session,expires_at}')::timestamptz - (v #>> '{session,created_at}')::timestamptz,
		(v #>> '{session,idle_expires_at}')::timestamptz - (v #>> '{session,created_at}')::timestamptz)
	FROM auth.validate_session_access(session, pg_temp.u('bob')) AS v
$$;
SELECT (pg_temp.session_of(:'bob')).id AS bob_session \gset
SELECT is(pg_temp.seen(:'bob_session'), 'true 30 days 7 days', 'validate_session_access: both');
SELECT pg_temp.age(:'bob_session', '30 days') \g /dev/null
SELECT is(pg_temp.seen(:'bob_session'), 'false session_expired 30 days 7 days', 'past the absolute end');
SELECT pg_temp.login('bob@accounts.example') AS bob \gset
UPDATE auth.sessions SET expires_at = created_at + interval '1 day' WHERE id = (pg_temp.session_of(:'bob')).id;
SELECT is(pg_temp.seen((pg_temp.session_of(:'bob')).id), 'true 1 day 1 day',
	'an end that was set by hand is the end of both');
SELECT is(pg_temp.ends(pg_temp.refresh(:'bob')), '1 day, 1 day, 900', 'and of the next refresh token');
RESET intrex_auth.session_lifetime;
SELECT pg_temp.login('bob@accounts.example') AS bob \gset
SELECT is(pg_temp.seen((pg_temp.session_of(:'bob')).id), 'true 7 days', 'none is null');

-- the setting
SELECT throws_ok(format('SET LOCAL intrex_auth.session_lifetime = %L', v), '22023', NULL, 'session_lifetime = ' || v)
	FROM unnest(ARRAY['-1', '3651d']) AS v;
SELECT lives_ok($$SET LOCAL intrex_auth.session_lifetime = '3650d'$$, 'ten years');
SELECT is(pg_temp.ends(pg_temp.login('ann@accounts.example')), '3650 days, 7 days, 900',
	'are too far to be of interest');
SET LOCAL ROLE anon;
SELECT throws_ok('SET LOCAL intrex_auth.session_lifetime = 0', '42501', NULL, 'no application role changes it');
RESET ROLE;
SELECT is(pg_temp.whose(pg_temp.login('ann@accounts.example') ->> 'access_token'), 'ann@accounts.example', 'good');
SELECT * FROM finish();
ROLLBACK;
