-- intrex_auth.single_session: which other sessions a login ends.
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
SELECT pg_temp.clean() \g /dev/null
SELECT plan(49);
SELECT pg_temp.user_(n) FROM unnest(ARRAY['ann', 'bob', 'cat']) AS n \g /dev/null
SELECT pg_temp.tenant('north', 'ann', 'bob'), pg_temp.tenant('south', 'ann') \g /dev/null
SET LOCAL intrex_auth.token_delivery = 'cookie';
\set login_ann 'login(''ann@accounts.example'', ''password of ann'')'
\set login_wrong 'login(''ann@accounts.example'', ''wrong'')'
\set login_bob 'login(''bob@accounts.example'', ''password of bob'')'

-- A session of a user, with its refresh token and its access token.
CREATE FUNCTION pg_temp.begin(who text) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
	mode CONSTANT text := current_setting('intrex_auth.single_session');
	grant_ jsonb;
BEGIN
	PERFORM set_config('intrex_auth.token', '', true), set_config('intrex_auth.single_session', 'off', true);
	PERFORM pg_temp.request('POST');
	grant_ := pg_temp.login(who || '@accounts.example');
	PERFORM set_config('intrex_auth.single_session', mode, true);
	RETURN grant_ || jsonb_build_object('refresh_token', pg_temp.jar(),
		'session_id', auth.jwt_verify(grant_ ->> 'access_token') ->> 'session_id');
END
$$;
-- A request with the cookie of one session and the access token of another.
CREATE FUNCTION pg_temp.ask(query text, cookie jsonb, bearer jsonb DEFAULT NULL, headers text DEFAULT '') RETURNS text
	LANGUAGE plpgsql AS $$
DECLARE
	said text;
BEGIN
	PERFORM pg_temp.become(bearer);
	IF cookie IS NULL THEN
		PERFORM pg_temp.request('POST', '', headers);
	ELSE
		PERFORM pg_temp.post(cookie ->> 'refresh_token', headers);
	END IF;
	said := pg_temp.both(query);
	PERFORM set_config('intrex_auth.token', '', true);
	PERFORM pg_temp.request('POST');
	RETURN said;
END
$$;
-- What has become of sessions.
CREATE FUNCTION pg_temp.fate(VARIADIC grants jsonb[]) RETURNS text LANGUAGE sql AS $$
	SELECT string_agg(coalesce(s.revoked_reason, 'alive'), ', ' ORDER BY n)
	FROM unnest(grants) WITH ORDINALITY AS u (g, n) JOIN auth.sessions AS s ON s.id = (g ->> 'session_id')::uuid
$$;
CREATE FUNCTION pg_temp.alive(who text) RETURNS bigint LANGUAGE sql AS
$$ SELECT count(*) FROM auth.sessions AS s WHERE s.user_id = pg_temp.u(who) AND s.revoked_at IS NULL $$;

-- off
SELECT is(current_setting('intrex_auth.single_session'), 'off', 'the default');
SELECT pg_temp.begin('ann') AS a1, pg_temp.begin('ann') AS a2 \gset
SELECT is(pg_temp.ask(:'login_ann', :'a1', :'a2'), 'ok, set', 'a login');
SELECT is(pg_temp.fate(:'a1', :'a2'), 'alive, alive', 'ends nothing');

-- replace: the session of the cookie
SET LOCAL intrex_auth.single_session = 'replace';
SELECT pg_temp.begin('ann') AS a1, pg_temp.begin('ann') AS a2 \gset
SELECT is(pg_temp.ask(:'login_ann', :'a1'), 'ok, set', 'a login with a cookie');
SELECT is(pg_temp.trail(2), 'session_replaced success ann@accounts.example; login success ann@accounts.example',
	'in the trail');
SELECT is((SELECT a.details #- '{replaced_by}' || jsonb_build_object('session', a.session_id, 'known',
	s.revoked_at IS NULL)
	FROM auth.audit_log AS a LEFT JOIN auth.sessions AS s ON s.id = (a.details ->> 'replaced_by')::uuid
	WHERE a.event = 'session_replaced' ORDER BY a.id DESC LIMIT 1),
	jsonb_build_object('by', 'cookie', 'session', :'a1'::jsonb ->> 'session_id', 'known', true),
	'by what, which, and by which');
SELECT is(pg_temp.fate(:'a1', :'a2'), 'replaced, alive', 'its session ends, no other');
SELECT pg_temp.request('') \g /dev/null
SELECT is(pg_temp.whose(:'a1'::jsonb ->> 'access_token'), 'refused', 'with its access token');
-- that of the access token
SELECT is(pg_temp.ask(:'login_ann', NULL, :'a2'), 'ok, set', 'a login with an access token');
SELECT is(pg_temp.fate(:'a2'), 'replaced', 'its session ends');
SELECT is((SELECT details ->> 'by' FROM auth.audit_log WHERE event = 'session_replaced' ORDER BY id DESC LIMIT 1),
	'bearer', 'which the trail tells');
-- both, of two users
SELECT pg_temp.begin('ann') AS a1, pg_temp.begin('bob') AS b1, pg_temp.begin('bob') AS b2, pg_temp.begin('cat') AS c1
	\gset
SELECT is(pg_temp.ask(:'login_ann', :'b1', :'c1'), 'ok, set', 'where two others were');
SELECT is(pg_temp.fate(:'b1', :'c1', :'b2', :'a1'), 'replaced, replaced, alive, alive',
	'a holder of a token can end its session, and no other');
SELECT is((SELECT string_agg(u.email || ' ' || (a.details ->> 'by'), ', ' ORDER BY u.email) FROM auth.audit_log AS a
	JOIN auth.users AS u ON u.id = a.user_id
	WHERE a.session_id IN ((:'b1'::jsonb ->> 'session_id')::uuid, (:'c1'::jsonb ->> 'session_id')::uuid)
		AND a.event = 'session_replaced'),
	'bob@accounts.example cookie, cat@accounts.example bearer', 'each in the trail of its user');
-- the same by both
SELECT pg_temp.begin('ann') AS a1 \gset
SELECT is(pg_temp.ask(:'login_ann', :'a1', :'a1'), 'ok, set', 'one and the same');
SELECT is((SELECT count(*) FROM auth.audit_log WHERE session_id = (:'a1'::jsonb ->> 'session_id')::uuid
	AND event = 'session_replaced'), 1::bigint, 'ends once');
-- a token of the family that was used proves it as well
SELECT pg_temp.begin('ann') AS a1 \gset
SELECT auth_api.refresh(:'a1'::jsonb ->> 'refresh_token') \g /dev/null
SELECT is(pg_temp.ask(:'login_ann', :'a1'), 'ok, set', 'a token that was used');
SELECT is(pg_temp.fate(:'a1'), 'replaced', 'is of its session');

-- what proves nothing
SELECT pg_temp.begin('ann') AS a1 \gset
SELECT is(pg_temp.ask(:'login_ann', jsonb_build_object('refresh_token', token)), 'ok, set', 'a cookie that is ' || what)
	FROM (VALUES
	('a hash', encode((auth._refresh_row(auth._opaque_hash(:'a1'::jsonb ->> 'refresh_token'))).token_hash, 'hex')),
	('an id', :'a1'::jsonb ->> 'session_id'), ('an access token', :'a1'::jsonb ->> 'access_token'),
	('nothing', '')) AS c (what, token);
SELECT pg_temp.become(:'a1') \g /dev/null
UPDATE auth.users SET banned_until = 'infinity' WHERE id = pg_temp.u('ann');
SELECT is(pg_temp.say(:'login_bob'), 'ok', 'an access token that does not hold');
SELECT pg_temp.become(NULL) \g /dev/null
UPDATE auth.users SET banned_until = NULL WHERE id = pg_temp.u('ann');
SELECT is(pg_temp.fate(:'a1'), 'alive', 'ends nothing');

-- a failed login ends nothing
SELECT pg_temp.begin('ann') AS a1, pg_temp.begin('ann') AS a2 \gset
SELECT is(pg_temp.ask(:'login_wrong', :'a1', :'a2'), '401 invalid_credentials, no cookie', 'a wrong password');
SELECT is(pg_temp.ask('login(''nobody@accounts.example'', ''wrong'')', :'a1', :'a2'),
	'401 invalid_credentials, no cookie', 'an unknown user');
SELECT is(pg_temp.ask(format('login(%L, %L, %L)', 'bob@accounts.example', 'password of bob', pg_temp.t('south')), :'a1',
	:'a2'),
	'403 not_a_member, no cookie', 'a tenant of others');
UPDATE auth.users SET banned_until = 'infinity' WHERE id = pg_temp.u('bob');
SELECT is(pg_temp.ask(:'login_bob', :'a1', :'a2'), '403 user_banned, no cookie', 'a user who is banned');
UPDATE auth.users SET banned_until = NULL WHERE id = pg_temp.u('bob');
CREATE FUNCTION public.refuse(event jsonb) RETURNS jsonb LANGUAGE sql
	AS $$ SELECT '{"error": {"http_code": 418, "message": "not now"}}'::jsonb $$;
GRANT EXECUTE ON FUNCTION public.refuse(jsonb) TO auth_owner;
SET LOCAL intrex_auth.claims_hook = 'public.refuse';
SELECT is(pg_temp.ask(:'login_ann', :'a1'), '418 claims_hook_refused, no cookie', 'the claims hook');
RESET intrex_auth.claims_hook;
SELECT is(pg_temp.ask(:'login_ann', :'a1', NULL, '{"sec-fetch-site": "cross-site"}'),
	'403 cross_site_request, no cookie', 'another site');
SELECT is(pg_temp.fate(:'a1', :'a2'), 'alive, alive', 'ended nothing');
SAVEPOINT before_login;
SELECT pg_temp.ask(:'login_ann', :'a1', :'a2') \g /dev/null
ROLLBACK TO before_login;
SELECT is(pg_temp.fate(:'a1', :'a2'), 'alive, alive', 'nor did one that was rolled back');

-- what is not a login ends nothing either
SELECT is(pg_temp.ask('refresh()', :'a1', :'a2'), 'ok, set', 'refresh');
SELECT pg_temp.become(:'a2'), pg_temp.post(:'a1'::jsonb ->> 'refresh_token') \g /dev/null
SELECT is(pg_temp.say(format('switch_tenant(%L)', pg_temp.t('south')), 'authenticated'), 'ok', 'switch_tenant');
SELECT is(pg_temp.fate(:'a1', :'a2'), 'alive, alive', 'go on');

-- whatever begins a session ends the former
SELECT is(pg_temp.ask('register(''new@accounts.example'', ''a password of mine'')', :'a1'), 'ok, set', 'register');
UPDATE auth.users SET is_super_admin = false;
SET LOCAL intrex_auth.allow_bootstrap = on;
SELECT is(pg_temp.ask('bootstrap_admin(''first@accounts.example'', ''a password of mine'')', :'a2'), 'ok, set',
	'bootstrap_admin');
SELECT is(pg_temp.fate(:'a1', :'a2'), 'replaced, replaced', 'as a login does');

-- the answer to a refresh that comes after the login clears no cookie: it would be the new one
SELECT pg_temp.begin('ann') AS a1, pg_temp.begin('ann') AS a2 \gset
SELECT pg_temp.ask(:'login_ann', :'a1') \g /dev/null
SELECT is(pg_temp.ask('refresh()', :'a1'), '401 session_revoked, no cookie', 'a tab that refreshes the former session');
SELECT auth._revoke_sessions(pg_temp.u('ann'), 'logout', (:'a2'::jsonb ->> 'session_id')::uuid) \g /dev/null
SELECT is(pg_temp.ask('refresh()', :'a2'), '401 session_revoked, cleared', 'not one that was logged out');

-- one_per_user
SET LOCAL intrex_auth.single_session = 'one_per_user';
SELECT pg_temp.begin('ann') AS a1, pg_temp.begin('ann') AS a2, pg_temp.begin('bob') AS b1, pg_temp.begin('cat') AS c1
	\gset
SELECT is(pg_temp.ask(:'login_wrong', NULL), '401 invalid_credentials, no cookie', 'a wrong password');
SELECT is(pg_temp.fate(:'a1', :'a2'), 'alive, alive', 'ends nothing');
SELECT is(pg_temp.ask(:'login_ann', :'c1'), 'ok, set', 'a login');
SELECT is(pg_temp.fate(:'a1', :'a2', :'b1', :'c1'), 'other_login, other_login, alive, replaced',
	'ends all others of the user, and the one of the cookie');
SELECT is(pg_temp.alive('ann'), 1::bigint, 'its own is left');
SELECT is((SELECT string_agg(DISTINCT a.details ->> 'by', ', ') FROM auth.audit_log AS a
	WHERE a.event = 'session_replaced' AND a.session_id IN ((:'a1'::jsonb ->> 'session_id')::uuid,
		(:'a2'::jsonb ->> 'session_id')::uuid)), 'user', 'which the trail tells');
SELECT is(pg_temp.ask('refresh()', :'a1'), '401 session_revoked, cleared', 'another device forgets its cookie');
SELECT pg_temp.request('') \g /dev/null
SELECT is(pg_temp.verdict(pg_temp.call(:'login_ann')), 'ok', 'without HTTP');
SELECT is(pg_temp.alive('ann'), 1::bigint, 'the same');
SELECT * FROM finish();
ROLLBACK;

-- an old snapshot would miss a session that began meanwhile
BEGIN ISOLATION LEVEL REPEATABLE READ;
\i :include
SELECT plan(3);
SELECT pg_temp.user_('ann') \g /dev/null
SET LOCAL intrex_auth.single_session = 'one_per_user';
SELECT matches(pg_temp.say('login(''ann@accounts.example'', ''' || password || ''')'),
	'^55000 [|] this needs a transaction at READ COMMITTED', password)
	FROM unnest(ARRAY['password of ann', 'wrong']) AS password;
SET LOCAL intrex_auth.single_session = 'replace';
SELECT is(pg_temp.say('login(''ann@accounts.example'', ''password of ann'')'), 'ok', 'replace needs none');
SELECT * FROM finish();
ROLLBACK;
