-- The cookie of the refresh token as it comes back: refresh, logout, hostile cookies, and
-- what other sites can make a browser do.
\set ECHO none
\set QUIET 1
\pset format unaligned
\pset tuples_only true
\set VERBOSITY terse
\getenv abs_srcdir PG_ABS_SRCDIR
\set include :abs_srcdir '/include/accounts.psql'
\set include_delivery :abs_srcdir '/include/delivery.psql'
\i :include
\i :include_delivery

BEGIN;
SELECT plan(127);
SELECT pg_temp.user_(n) FROM unnest(ARRAY['ann', 'bob', 'cat', 'dan', 'eve']) AS n \g /dev/null
\set ann 'ann@accounts.example'
\set login_ann 'login(''ann@accounts.example'', ''password of ann'')'

SET LOCAL intrex_auth.token_delivery = 'cookie';

-- what comes back
SELECT pg_temp.enter(:'ann') AS t \gset
SELECT pg_temp.post(:'t') \g /dev/null
SELECT is(pg_temp.both('refresh()'), 'ok, set', 'refresh by cookie');
SELECT pg_temp.jar() AS t2 \gset
SELECT isnt(:'t2'::text, :'t', 'the next token');
SELECT pg_temp.post('"' || :'t2' || '"') \g /dev/null
SELECT is(pg_temp.both('refresh()'), 'ok, set', 'in quotes, as PostgREST 12 hands it over');
SELECT pg_temp.jar() AS t3 \gset
SELECT is(pg_temp.both('refresh(NULL)'), 'ok, set', 'NULL is no argument; again within the grace');
SELECT is(pg_temp.jar(), :'t3', 'the same successor');
SET LOCAL intrex_auth.refresh_token_lifetime = '30d';
SELECT is(pg_temp.both('refresh()'), 'ok, set', 'and again');
SELECT ok(substring(pg_temp.cookies() FROM 'Max-Age=([0-9]+)')::int BETWEEN 604700 AND 604800, 'with the time that it has left');
RESET intrex_auth.refresh_token_lifetime;
SELECT pg_temp.enter('bob@accounts.example') AS bob \gset
SELECT pg_temp.post(:'t3') \g /dev/null
SELECT is(pg_temp.call(format('refresh(%L)', :'bob')) #>> '{user,email}', 'bob@accounts.example', 'an argument wins');
SELECT is(pg_temp.both('refresh(''x'')'), '401 refresh_token_not_found, no cookie', 'also a wrong one, for which the cookie does not pay');
SELECT is(pg_temp.both('refresh('''')'), '400 validation_failed, no cookie', 'or an empty one');
SELECT is(pg_temp.good(:'t3'), 'ok', 'the token of the cookie is still there');
-- by POST alone
SELECT is((SELECT string_agg(pg_temp.both('refresh()'), '; ') FROM (SELECT pg_temp.request(m, jsonb_build_object('refresh_token', :'t3')::text)) AS r),
		'401 refresh_token_not_found, no cookie', 'not by ' || m)
	FROM unnest(ARRAY['GET', 'HEAD', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'post', 'POSTED']) AS m;
SELECT is((SELECT string_agg(pg_temp.both('logout()'), '; ') FROM (SELECT pg_temp.request(m, jsonb_build_object('refresh_token', :'t3')::text)) AS r),
		'401 no_authorization, no cookie', 'no logout by ' || m)
	FROM unnest(ARRAY['GET', 'PUT']) AS m;
SELECT is(pg_temp.good(:'t3'), 'ok', 'the token is still there');

-- hostile cookies: none of them is one, and none is an error
CREATE TEMP TABLE hostile (what text, cookies text, outcome text);
INSERT INTO hostile VALUES
	('nothing', '', '401 refresh_token_not_found, no cookie'),
	('no JSON', 'refresh_token=x', '401 refresh_token_not_found, no cookie'),
	('cut off', '{"refresh_token": "x', '401 refresh_token_not_found, no cookie'),
	('null', 'null', '401 refresh_token_not_found, no cookie'),
	('an array', '["refresh_token", "x"]', '401 refresh_token_not_found, no cookie'),
	('a string', '"refresh_token"', '401 refresh_token_not_found, no cookie'),
	('a number', '42', '401 refresh_token_not_found, no cookie'),
	('an empty object', '{}', '401 refresh_token_not_found, no cookie'),
	('another name', '{"Refresh_Token": "x"}', '401 refresh_token_not_found, no cookie'),
	('null within', '{"refresh_token": null}', '401 refresh_token_not_found, no cookie'),
	('a number within', '{"refresh_token": 1}', '401 refresh_token_not_found, no cookie'),
	('true within', '{"refresh_token": true}', '401 refresh_token_not_found, no cookie'),
	('an array within', '{"refresh_token": ["x"]}', '401 refresh_token_not_found, no cookie'),
	('an object within', '{"refresh_token": {"refresh_token": "x"}}', '401 refresh_token_not_found, no cookie'),
	('twice', '{"refresh_token": "x", "refresh_token": "x"}', '401 refresh_token_not_found, no cookie'),
	('a NUL', '{"refresh_token": "\u0000"}', '401 refresh_token_not_found, no cookie'),
	('a lone surrogate', '{"refresh_token": "\ud800"}', '401 refresh_token_not_found, no cookie'),
	('empty', '{"refresh_token": ""}', '401 refresh_token_not_found, no cookie'),
	('quotes alone', '{"refresh_token": "\"\""}', '401 refresh_token_not_found, no cookie'),
	('nested deep', repeat('{"a":', 100000), '401 refresh_token_not_found, no cookie'),
	('nested within', '{"a":' || repeat('[', 1000) || repeat(']', 1000) || ', "refresh_token": "x"}', '401 refresh_token_not_found, no cookie'),
	('a megabyte of nothing', repeat('x', 1048576), '401 refresh_token_not_found, no cookie'),
	('a megabyte within', '{"refresh_token": "' || repeat('x', 1048576) || '"}', '401 refresh_token_not_found, no cookie'),
	-- those are cookies, of no use
	('one quote', '{"refresh_token": "\""}', '401 refresh_token_not_found, cleared'),
	('deleted', '{"refresh_token": "deleted"}', '401 refresh_token_not_found, cleared'),
	('line breaks', '{"refresh_token": "x\r\nSet-Cookie: a=b"}', '401 refresh_token_not_found, cleared'),
	('a statement', '{"refresh_token": "''; DROP TABLE auth.users; --"}', '401 refresh_token_not_found, cleared'),
	('nearly', '{"refresh_token": "' || repeat('A', 43) || '"}', '401 refresh_token_not_found, cleared'),
	('100 KB', '{"refresh_token": "' || repeat('x', 100000) || '"}', '401 refresh_token_not_found, cleared'),
	('an access token', (SELECT jsonb_build_object('refresh_token', auth.jwt_sign('{"role": "anon"}'))::text), '401 refresh_token_not_found, cleared');
SELECT is((SELECT pg_temp.both('refresh()') FROM (SELECT pg_temp.request('POST', h.cookies)) AS r), h.outcome, 'a hostile cookie: ' || h.what) FROM hostile AS h;
SELECT is((SELECT pg_temp.both('logout()') FROM (SELECT pg_temp.request('POST', h.cookies)) AS r),
		CASE WHEN h.outcome LIKE '%cleared' THEN '{"revoked": 0}, cleared' ELSE '401 no_authorization, no cookie' END, 'logout with it: ' || h.what)
	FROM hostile AS h WHERE h.what IN ('no JSON', 'a number within', 'a megabyte within', 'deleted', 'a statement', '100 KB', 'twice');

-- refused for good: the cookie goes; refused for now: it stays
SELECT pg_temp.enter('cat@accounts.example') AS cat \gset
SELECT pg_temp.post(:'cat') \g /dev/null
UPDATE auth.users SET banned_until = 'infinity' WHERE id = pg_temp.u('cat');
SELECT is(pg_temp.both('refresh()'), '403 user_banned, no cookie', 'banned: he may come back');
UPDATE auth.users SET banned_until = NULL WHERE id = pg_temp.u('cat');
CREATE FUNCTION public.refuse(event jsonb) RETURNS jsonb LANGUAGE sql AS $$ SELECT '{"error": {"http_code": 418, "message": "not now"}}'::jsonb $$;
GRANT EXECUTE ON FUNCTION public.refuse(jsonb) TO auth_hook;
SET LOCAL intrex_auth.claims_hook = 'public.refuse';
SELECT is(pg_temp.both('refresh()'), '418 claims_hook_refused, no cookie', 'the claims hook');
SELECT is(pg_temp.both(:'login_ann'), '418 claims_hook_refused, no cookie', 'at login');
RESET intrex_auth.claims_hook;
SELECT is(pg_temp.both('refresh()'), 'ok, set', 'later he goes on');
SET LOCAL intrex_auth.refresh_reuse_grace = 0;
SELECT is(pg_temp.both('refresh()'), '401 refresh_token_already_used, cleared', 'a second use');
SELECT is(pg_temp.both('refresh()'), '401 session_revoked, cleared', 'of a session that has ended by it');
RESET intrex_auth.refresh_reuse_grace;
SELECT pg_temp.enter('cat@accounts.example') AS cat \gset
SELECT pg_temp.post(:'cat') \g /dev/null
UPDATE auth.refresh_tokens SET created_at = created_at - interval '8 d', expires_at = expires_at - interval '8 d' WHERE token_hash = auth._opaque_hash(:'cat');
SELECT is(pg_temp.both('refresh()'), '401 session_expired, cleared', 'expired');
DELETE FROM auth.users WHERE id = pg_temp.u('cat');
SELECT is(pg_temp.both('refresh()'), '401 refresh_token_not_found, cleared', 'gone with its user');

-- logout
SELECT pg_temp.request('POST') \g /dev/null
SELECT pg_temp.login(:'ann') AS a1, pg_temp.jar() AS t1 \gset
SELECT pg_temp.login(:'ann') AS a2, pg_temp.jar() AS t2 \gset
SELECT pg_temp.post(:'t1'), pg_temp.become(:'a1') \g /dev/null
SELECT is(pg_temp.call('logout(''others'')', 'authenticated') - 'revoked', '{}', 'the others');
SELECT is(pg_temp.cookie(), 'no cookie', 'keep the cookie');
SELECT is(pg_temp.good(:'t1') || ' ' || pg_temp.good(:'t2'), 'ok 401 session_revoked', 'of this session, which goes on');
SELECT is(pg_temp.both('logout(''all'')', 'authenticated'), '400 validation_failed, no cookie', 'no scope');
SELECT is(pg_temp.both('logout()', 'authenticated'), '{"revoked": 1}, cleared', 'this session');
SELECT is(pg_temp.good(:'t1'), '401 session_revoked', 'has ended');
SELECT is(pg_temp.both('logout()', 'authenticated'), '{"revoked": 0}, cleared', 'again, with an access token that does not hold any more');
SELECT is(pg_temp.both('logout(''global'')', 'authenticated'), '28000 | invalid token | DETAIL The session has been revoked. (session_revoked), no cookie', 'the cookie is not enough for all')
	FROM (SELECT set_config('request.method', '', true)) AS r;
SELECT pg_temp.request('POST') \g /dev/null
SELECT matches(pg_temp.say('logout()', 'authenticated'), '^PGRST \|', 'without a cookie neither');
SELECT pg_temp.become(NULL) \g /dev/null
SELECT is(pg_temp.both('logout()'), '401 no_authorization, no cookie', 'nobody');
-- by the cookie alone
SELECT pg_temp.enter(:'ann') AS t1 \gset
SELECT pg_temp.post(:'t1') \g /dev/null
SELECT is(pg_temp.both('logout(''global'')'), '401 no_authorization, no cookie', 'the cookie is not enough for all sessions');
SELECT is(pg_temp.both('logout(''others'')'), '401 no_authorization, no cookie', 'nor for others');
SELECT is(pg_temp.both('logout(NULL)'), '401 no_authorization, no cookie', 'nor for nothing');
SELECT is(pg_temp.good(:'t1'), 'ok', 'nothing has ended');
SELECT is(pg_temp.both('logout()'), '{"revoked": 1}, cleared', 'but for its own');
SELECT is(pg_temp.trail(), 'logout success ann@accounts.example', 'in the trail');
SELECT is((SELECT details FROM auth.audit_log ORDER BY id DESC LIMIT 1), '{"by": "cookie", "scope": "local", "revoked": 1}', 'with how');
SELECT is(pg_temp.good(:'t1'), '401 session_revoked', 'it has ended');
SELECT is(pg_temp.both('logout()'), '{"revoked": 0}, cleared', 'again');
-- access token of one session, cookie of another: the browser keeps neither
SELECT pg_temp.request('POST') \g /dev/null
SELECT pg_temp.login(:'ann') AS a1, pg_temp.jar() AS t1 \gset
SELECT pg_temp.enter('bob@accounts.example') AS t2, pg_temp.enter('bob@accounts.example') AS t3 \gset
SELECT pg_temp.post(:'t2'), pg_temp.become(:'a1') \g /dev/null
SELECT is(pg_temp.both('logout()', 'authenticated'), '{"revoked": 2}, cleared', 'two sessions');
SELECT is(pg_temp.good(:'t1') || ' ' || pg_temp.good(:'t2') || ' ' || pg_temp.good(:'t3'), '401 session_revoked 401 session_revoked ok', 'and no third');
-- all
SELECT pg_temp.request('POST') \g /dev/null
SELECT pg_temp.become(NULL) \g /dev/null
SELECT pg_temp.login('dan@accounts.example') AS d1, pg_temp.jar() AS t1 \gset
SELECT pg_temp.login('dan@accounts.example') AS d2, pg_temp.jar() AS t2 \gset
SELECT pg_temp.post(:'t1'), pg_temp.become(:'d1') \g /dev/null
SELECT is(pg_temp.both('logout(''global'')', 'authenticated'), '{"revoked": 2}, cleared', 'all sessions');
SELECT pg_temp.become(NULL), pg_temp.request('POST') \g /dev/null
SELECT pg_temp.login('dan@accounts.example') AS d1, pg_temp.jar() AS t1 \gset
SELECT pg_temp.login('dan@accounts.example') AS d2, pg_temp.jar() AS t2 \gset
SELECT pg_temp.post(:'t1'), pg_temp.become(:'d1') \g /dev/null
SELECT auth.jwt_verify(:'d1'::jsonb ->> 'access_token') ->> 'session_id' AS s1, auth.jwt_verify(:'d2'::jsonb ->> 'access_token') ->> 'session_id' AS s2 \gset
SELECT is(pg_temp.both(format('session_revoke(%L)', :'s2'), 'authenticated'), format('{"revoked": "%s"}, no cookie', :'s2'), 'another session is ended');
SELECT is(pg_temp.both(format('session_revoke(%L)', :'s1'), 'authenticated'), format('{"revoked": "%s"}, cleared', :'s1'), 'this one');
SELECT pg_temp.become(NULL), pg_temp.request('POST') \g /dev/null
SELECT pg_temp.login('dan@accounts.example') AS d1, pg_temp.jar() AS t1 \gset
SELECT pg_temp.post(:'t1'), pg_temp.become(:'d1') \g /dev/null
SELECT is(pg_temp.both('delete_my_account(''wrong'')', 'authenticated'), '403 invalid_current_password, no cookie',
	'an account is not erased');
SELECT is(pg_temp.both('delete_my_account(''password of dan'')', 'authenticated'), format('{"deleted": "%s"}, cleared', :'d1'::jsonb #>> '{user,id}'), 'it is');
SELECT pg_temp.become(NULL) \g /dev/null

-- other sites
SELECT pg_temp.enter('eve@accounts.example') AS t \gset
CREATE TEMP TABLE asked (headers text, passes boolean);
INSERT INTO asked VALUES
	('', true), ('{}', true), ('{"sec-fetch-site": "same-origin"}', true), ('{"sec-fetch-site": "same-site"}', true), ('{"sec-fetch-site": "none"}', true),
	('{"origin": "https://app.example.com"}', true), ('{"sec-fetch-site": "same-origin", "origin": "null"}', true),
	('{"sec-fetch-site": "cross-site"}', false), ('{"sec-fetch-site": "cross-site", "origin": "https://app.example.com"}', false),
	('{"origin": "null"}', false), ('{"sec-fetch-site": ""}', false), ('{"sec-fetch-site": "Same-Origin"}', false), ('{"sec-fetch-site": "same-origin, cross-site"}', false),
	('{"sec-fetch-site": null}', false), ('{"sec-fetch-site": ["same-origin"]}', false), ('{"origin": 1}', false),
	('no JSON', false), ('[]', false), ('{"sec-fetch-site": "same-origin"', false), (repeat('x', 1048576), false),
	('{"sec-fetch-site": "same-origin", "sec-fetch-site": "cross-site"}', false);
SELECT is((SELECT pg_temp.good(NULL) FROM (SELECT pg_temp.post(:'t', a.headers)) AS r), CASE WHEN a.passes THEN 'ok' ELSE '403 cross_site_request' END,
	'asked with ' || coalesce(nullif(left(a.headers, 70), ''), 'no headers')) FROM asked AS a;
SELECT pg_temp.post(:'t', '{"sec-fetch-site": "cross-site"}') \g /dev/null
SELECT is(pg_temp.both(c), '403 cross_site_request, no cookie', 'another site: ' || substring(c FROM '^\w+'))
	FROM unnest(ARRAY['refresh()', format('refresh(%L)', :'t'), 'logout()', :'login_ann', 'login(NULL, NULL)', 'register(''new@accounts.example'', ''a password of new'')',
		'bootstrap_admin(''new@accounts.example'', ''a password of new'')']) AS c;
SELECT is(pg_temp.explain('refresh()'), '403 cross_site_request: Requests of other sites are refused', 'says so');
SELECT is(pg_temp.trail(), 'refresh refused cross_site_request', 'in the trail');
SELECT is(pg_temp.hashes(:'login_ann'), '403 cross_site_request, hashes: 0', 'no password is looked at');
SELECT pg_temp.request('POST') \g /dev/null
SELECT pg_temp.login(:'ann') AS a1 \gset
SELECT pg_temp.become(:'a1'), pg_temp.post(:'t', '{"sec-fetch-site": "cross-site"}') \g /dev/null
SELECT is(pg_temp.both('logout()', 'authenticated'), '{"revoked": 1}, no cookie', 'another site ends its own session');
SELECT pg_temp.become(NULL), pg_temp.request('POST') \g /dev/null
SELECT is(pg_temp.good(:'t'), 'ok', 'and not that of the cookie');


-- whoever begins a session asks first who asks
SELECT is_empty($$SELECT p.proname FROM pg_proc AS p
		WHERE p.pronamespace = 'auth_api'::regnamespace AND p.prosrc ~ '_session_begin' AND p.prosrc !~ '_turn_away_cross_site'$$,
	'no endpoint that logs in lets other sites in');

SELECT * FROM finish();
ROLLBACK;
