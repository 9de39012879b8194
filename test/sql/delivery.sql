-- intrex_auth.token_delivery: the refresh token in the body or in a cookie, what comes
-- back by it, and what other sites can make a browser do.
\set ECHO none
\set QUIET 1
\pset format unaligned
\pset tuples_only true
\set VERBOSITY terse
\getenv abs_srcdir PG_ABS_SRCDIR
\set include :abs_srcdir '/include/accounts.psql'
\i :include

BEGIN;
SELECT plan(234);

-- A request by HTTP; what PostgREST would set.
CREATE FUNCTION pg_temp.request(method text, cookies text DEFAULT '', headers text DEFAULT '') RETURNS void LANGUAGE sql AS $$
	SELECT set_config('request.method', request.method, true), set_config('request.cookies', request.cookies, true),
		set_config('request.headers', request.headers, true)
$$;
-- The same with a refresh token in the cookie.
CREATE FUNCTION pg_temp.post(token text, headers text DEFAULT '') RETURNS void LANGUAGE sql AS $$
	SELECT pg_temp.request('POST', jsonb_build_object('theme', 'dark', 'refresh_token', token)::text, headers)
$$;
-- The cookies of the response, and the token in the last.
CREATE FUNCTION pg_temp.cookies() RETURNS text LANGUAGE sql AS $$
	SELECT string_agg(h ->> 'Set-Cookie', ' | ' ORDER BY n)
	FROM jsonb_array_elements(nullif(current_setting('response.headers', true), '')::jsonb) WITH ORDINALITY AS e (h, n)
$$;
CREATE FUNCTION pg_temp.jar() RETURNS text LANGUAGE sql AS $$ SELECT substring(pg_temp.cookies() FROM '.*refresh_token=([^;]*)') $$;
CREATE FUNCTION pg_temp.cache() RETURNS text LANGUAGE sql AS $$
	SELECT string_agg(h ->> 'Cache-Control', ' | ')
	FROM jsonb_array_elements(nullif(current_setting('response.headers', true), '')::jsonb) AS e (h)
$$;
-- What became of the cookie: set, cleared or nothing.
CREATE FUNCTION pg_temp.cookie() RETURNS text LANGUAGE sql AS $$
	SELECT CASE
		WHEN pg_temp.cookies() IS NULL THEN 'no cookie'
		WHEN pg_temp.cookies() ~ '^refresh_token=[A-Za-z0-9_-]{43}; Path=/; Max-Age=[0-9]+; HttpOnly; Secure; SameSite=Strict$' THEN 'set'
		WHEN pg_temp.cookies() = 'refresh_token=deleted; Path=/; Max-Age=0; Expires=Thu, 01 Jan 1970 00:00:00 GMT; HttpOnly; Secure; SameSite=Strict' THEN 'cleared'
		ELSE pg_temp.cookies()
	END
$$;
-- The endpoint's verdict and what became of the cookie; neither body nor trail has a refresh token.
CREATE FUNCTION pg_temp.both(query text, role name DEFAULT 'anon') RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	answer jsonb;
	token text;
BEGIN
	PERFORM set_config('response.headers', '', true);	-- an error takes back that it is reset
	answer := pg_temp.call(query, role);
	token := pg_temp.jar();
	RETURN concat_ws(', ', pg_temp.verdict(answer), pg_temp.cookie(),
		CASE WHEN answer ? 'refresh_token' THEN 'refresh_token in the body' END,
		CASE WHEN token <> 'deleted' AND strpos(answer::text, token) > 0 THEN 'the token in the body' END,
		CASE WHEN token <> 'deleted' AND EXISTS (SELECT FROM auth.audit_log AS a WHERE strpos(a::text, token) > 0) THEN 'the token in the trail' END);
END
$$;
-- Whether a token refreshes, when it comes as an argument; nothing is used up.
CREATE FUNCTION pg_temp.good(token text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	RAISE EXCEPTION USING ERRCODE = 'PTAP0', MESSAGE = pg_temp.say(format('refresh(%L)', token));
EXCEPTION WHEN SQLSTATE 'PTAP0' THEN
	RETURN SQLERRM;
END
$$;
CREATE FUNCTION pg_temp.enter(email text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	PERFORM pg_temp.request('POST');
	PERFORM pg_temp.login(email);
	RETURN pg_temp.jar();
END
$$;

SELECT pg_temp.user_(n) FROM unnest(ARRAY['ann', 'bob', 'cat', 'dan', 'eve']) AS n \g /dev/null
SELECT pg_temp.tenant('north', 'ann') \g /dev/null
SELECT pg_temp.tenant('south', 'ann') \g /dev/null
\set ann 'ann@accounts.example'
\set login_ann 'login(''ann@accounts.example'', ''password of ann'')'

-- body: as ever, by HTTP too
SELECT is(current_setting('intrex_auth.token_delivery'), 'body', 'body is the default');
SELECT pg_temp.request('POST') \g /dev/null
SELECT pg_temp.call(:'login_ann') AS g \gset
SELECT is(pg_temp.verdict(:'g') || ', ' || pg_temp.cookie(), 'ok, no cookie', 'delivery by body: no cookie');
SELECT ok((:'g'::jsonb ->> 'refresh_token') ~ '^[A-Za-z0-9_-]{43}$', 'the token is in the body');
SELECT is(coalesce(current_setting('response.headers'), ''), '', 'no header');
SELECT pg_temp.post(:'g'::jsonb ->> 'refresh_token') \g /dev/null
SELECT is(pg_temp.say('refresh()'), '400 validation_failed', 'a cookie is not read');
SELECT pg_temp.request('POST', '', '{"sec-fetch-site": "cross-site"}') \g /dev/null
SELECT is(pg_temp.say(:'login_ann'), 'ok', 'other sites may ask: no browser adds anything by itself');
SELECT is(pg_temp.say('logout()'), '401 no_authorization', 'no logout without a token');
SELECT is(pg_temp.cookie(), 'no cookie', 'and no cookie');

-- cookie, without a response to carry it
SET LOCAL intrex_auth.token_delivery = 'cookie';
SELECT pg_temp.request('') \g /dev/null
SELECT pg_temp.call(:'login_ann') AS g \gset
SELECT ok(:'g'::jsonb ? 'refresh_token', 'without request.method the token is in the body');
SELECT is(coalesce(current_setting('response.headers'), ''), '', 'and in no header');
SELECT set_config('request.cookies', jsonb_build_object('refresh_token', :'g'::jsonb ->> 'refresh_token')::text, true) \g /dev/null
SELECT is(pg_temp.say('refresh()'), '400 validation_failed', 'nor is a cookie read');
SELECT ok(pg_temp.refresh(:'g') ? 'refresh_token', 'refresh in the body too');

-- every endpoint that gives a grant
SELECT pg_temp.request('POST') \g /dev/null
SELECT is(pg_temp.both(:'login_ann'), 'ok, set', 'login');
SELECT is(pg_temp.cache(), 'no-store', 'the answer is not stored');
SELECT is((SELECT string_agg(k, ' ' ORDER BY k) FROM jsonb_object_keys(pg_temp.call(:'login_ann')) AS k),
	'access_token expires_at expires_in token_type user', 'the grant without refresh_token');
SELECT is(pg_temp.whose(pg_temp.call(:'login_ann') ->> 'access_token'), :'ann', 'and an access token that holds');
SELECT is(pg_temp.good(pg_temp.jar()), 'ok', 'what the cookie carries refreshes');
SELECT is(pg_temp.both('register(''reg@accounts.example'', ''a password of reg'', tenant_name => ''accounts reg'')'), 'ok, set', 'register');
SELECT is(pg_temp.good(pg_temp.jar()), 'ok', 'refreshes');
SET LOCAL intrex_auth.allow_bootstrap = on;
UPDATE auth.users SET is_super_admin = false WHERE is_super_admin;
SELECT is(pg_temp.both('bootstrap_admin(''root@accounts.example'', ''a password of boot'')'), 'ok, set', 'bootstrap_admin');
SELECT is(pg_temp.good(pg_temp.jar()), 'ok', 'refreshes');
SELECT pg_temp.enter(:'ann') AS t \gset
SELECT is(pg_temp.both(format('refresh(%L)', :'t')), 'ok, set', 'refresh with an argument');
SELECT isnt(pg_temp.jar(), :'t', 'the next token');
SELECT is(pg_temp.good(pg_temp.jar()), 'ok', 'refreshes');
SELECT pg_temp.as_user(pg_temp.call(:'login_ann') ->> 'access_token') \g /dev/null
SELECT is(pg_temp.both(format('switch_tenant(%L)', pg_temp.t('north')), 'authenticated'), 'ok, no cookie', 'switch_tenant: the refresh token goes on');
SELECT is(pg_temp.cache(), 'no-store', 'not to be stored either');
SELECT is(pg_temp.both('me()', 'authenticated') || ' ' || coalesce(pg_temp.cache(), ''),
	pg_temp.call('me()', 'authenticated')::text || ', no cookie ', 'what is no grant sets nothing');
SELECT set_config('intrex_auth.token', '', true) \g /dev/null
SELECT is(pg_temp.both('login(''ann@accounts.example'', ''wrong'')'), '401 invalid_credentials, no cookie', 'a refused login sets none');
SET LOCAL intrex_auth.require_email_verification = on;
SELECT is(pg_temp.both('register(''ver@accounts.example'', ''a password of ver'')'), 'unverified, no cookie', 'nor one that has to verify');
RESET intrex_auth.require_email_verification;

-- attributes
SELECT is(substring(pg_temp.cookies() FROM 'Max-Age=[0-9]+'), NULL, 'nothing yet');
SELECT pg_temp.enter(:'ann') \g /dev/null
SELECT is(substring(pg_temp.cookies() FROM 'Max-Age=[0-9]+'), 'Max-Age=604800', 'the cookie lives as long as the token');
SET LOCAL intrex_auth.refresh_token_lifetime = '2h';
SELECT pg_temp.enter(:'ann') \g /dev/null
SELECT is(substring(pg_temp.cookies() FROM 'Max-Age=[0-9]+'), 'Max-Age=7200', 'two hours');
RESET intrex_auth.refresh_token_lifetime;
SET LOCAL intrex_auth.refresh_cookie_same_site = 'lax';
SET LOCAL intrex_auth.refresh_cookie_path = '/api/rpc/refresh';
SET LOCAL intrex_auth.refresh_cookie_name = 'rt';
SET LOCAL intrex_auth.cookie_secure = off;
SELECT pg_temp.call(:'login_ann') \g /dev/null
SELECT matches(pg_temp.cookies(), '^rt=[A-Za-z0-9_-]{43}; Path=/api/rpc/refresh; Max-Age=604800; HttpOnly; SameSite=Lax$', 'each setting, and always HttpOnly');
SELECT pg_temp.request('POST', jsonb_build_object('rt', substring(pg_temp.cookies() FROM 'rt=([^;]*)'), 'refresh_token', 'x')::text) \g /dev/null
SELECT is(pg_temp.say('refresh()'), 'ok', 'it comes back by its name');
SELECT pg_temp.call('logout()') \g /dev/null
SELECT is(pg_temp.cookies(), 'rt=deleted; Path=/api/rpc/refresh; Max-Age=0; Expires=Thu, 01 Jan 1970 00:00:00 GMT; HttpOnly; SameSite=Lax', 'and is cleared with the same attributes');

-- prefixes that promise more than the attributes keep
CREATE FUNCTION pg_temp.named(cookie_name text, secure boolean, path text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	verdict text;
BEGIN
	PERFORM set_config('intrex_auth.refresh_cookie_name', cookie_name, true), set_config('intrex_auth.cookie_secure', secure::text, true),
		set_config('intrex_auth.refresh_cookie_path', path, true), set_config('response.headers', '', true);
	verdict := pg_temp.say('login(''ann@accounts.example'', ''password of ann'')');
	RETURN coalesce(substring(verdict FROM '^[^|]*[^| ]'), verdict) || coalesce(' ' || substring(pg_temp.cookies() FROM '^[^=]*'), '');
END
$$;
SELECT is(pg_temp.named(name, secure, path), outcome, format('%s, secure %s, path %s: %s', name, secure, path, outcome))
	FROM (VALUES
		('__Host-rt', true, '/', 'ok __Host-rt'), ('__Host-rt', false, '/', 'F0000'), ('__Host-rt', true, '/rpc', 'F0000'), ('__Host-rt', false, '/rpc', 'F0000'),
		('__HOST-rt', false, '/', 'F0000'), ('__host-rt', true, '/rpc', 'F0000'),
		('__Secure-rt', true, '/rpc', 'ok __Secure-rt'), ('__Secure-rt', false, '/rpc', 'F0000'), ('__secure-rt', false, '/', 'F0000'),
		('__Hostrt', false, '/rpc', 'ok __Hostrt'), ('rt__Host-', false, '/rpc', 'ok rt__Host-')) AS v (name, secure, path, outcome);
SELECT is(pg_temp.named('__Host-rt', false, '/rpc'), 'F0000', 'a promise that is not kept');
SELECT is(pg_temp.call(:'login_ann') ->> 'raised',
	'F0000 | browsers refuse a cookie of the name "__Host-rt" with these settings | HINT Set intrex_auth.cookie_secure to on and intrex_auth.refresh_cookie_path to "/", or intrex_auth.refresh_cookie_name to a name without the prefix __Host-.',
	'the error says what to set');
RESET intrex_auth.refresh_cookie_same_site;
RESET intrex_auth.refresh_cookie_path;
RESET intrex_auth.refresh_cookie_name;
RESET intrex_auth.cookie_secure;

-- no setting begins another attribute, cookie or header
SELECT throws_ok(format('SET intrex_auth.refresh_cookie_name = %L', bad), '22023', NULL, 'a name: ' || regexp_replace(left(bad, 20), E'[\\r\\n\\t]', '.', 'g'))
	FROM unnest(ARRAY['', 'a b', 'a;b', 'a=b', 'a,b', E'a\r\nSet-Cookie: b', E'a\nb', E'a\tb', 'a"b', 'a\b', 'a/b', 'ä', '(a)', 'a@b', repeat('a', 65)]) AS bad;
SELECT throws_ok(format('SET intrex_auth.refresh_cookie_path = %L', bad), '22023', NULL, 'a path: ' || regexp_replace(left(bad, 20), E'[\\r\\n\\t\u007F]', '.', 'g'))
	FROM unnest(ARRAY['', 'rpc', '/a; Domain=example.com', '/a;b', '/a b', E'/a\r\nX: y', E'/a\nb', E'/a\tb', '/ä', '/a,b', E'/\u007F', '/' || repeat('a', 256)]) AS bad;
SELECT lives_ok(format('SET LOCAL intrex_auth.refresh_cookie_name = %L', good), 'a name: ' || left(good, 20))
	FROM unnest(ARRAY['a', 'refresh_token', '__Host-r.t', '!#$%&''*+-.^_`|~', repeat('a', 64)]) AS good;
SELECT lives_ok(format('SET LOCAL intrex_auth.refresh_cookie_path = %L', good), 'a path: ' || left(good, 20))
	FROM unnest(ARRAY['/', '/rpc/refresh', '/api/v1/auth', '/' || repeat('a', 255)]) AS good;
RESET intrex_auth.refresh_cookie_name;
RESET intrex_auth.refresh_cookie_path;
SELECT throws_ok('SET intrex_auth.token_delivery = ''both''', '22023', NULL, 'body or cookie');
SELECT throws_ok('SET intrex_auth.refresh_cookie_same_site = ''none''', '22023', NULL, 'strict or lax');
SET LOCAL ROLE authenticated;
SELECT throws_ok(format('SET LOCAL intrex_auth.%s TO DEFAULT', s), '42501', NULL, 'superusers set ' || s)
	FROM unnest(ARRAY['token_delivery', 'refresh_cookie_name', 'refresh_cookie_path', 'refresh_cookie_same_site', 'cookie_secure']) AS s;
SELECT throws_ok(format('SELECT auth.%s', f), '42501', NULL, 'nobody calls ' || f)
	FROM unnest(ARRAY['_cookie_token()', '_cookie_clear()', '_cookie_session_end(''local'')', '_response_cookie(''a'', ''b'')']) AS f;
RESET ROLE;
SELECT throws_ok(format('SELECT auth._response_cookie(%L, %L)', n, v), '22023', NULL, 'no line break in a cookie')
	FROM (VALUES (E'a\r\nX', 'b'), ('a', E'b\r\nX: y'), ('a', E'b\ny'), ('a', repeat('b', 9000))) AS v (n, v);

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
GRANT EXECUTE ON FUNCTION public.refuse(jsonb) TO auth_owner;
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
CREATE FUNCTION pg_temp.become(grant_ jsonb) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	PERFORM set_config('intrex_auth.token', '', true);
	IF grant_ IS NOT NULL THEN
		PERFORM auth.authenticate(grant_ ->> 'access_token');
	END IF;
END
$$;
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
SELECT is(pg_temp.both('delete_my_account(''wrong'')', 'authenticated'), '401 invalid_credentials, no cookie', 'an account is not erased');
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

-- the response is the application's too
CREATE FUNCTION pg_temp.headers() RETURNS text LANGUAGE sql AS $$
	SELECT regexp_replace(current_setting('response.headers'), '=[A-Za-z0-9_-]{43};[^"]*', '=…', 'g')
$$;
SELECT set_config('response.headers', '[{"X-App": "1"}, {"Set-Cookie": "theme=dark; Path=/"}, {"Set-Cookie": "refresh_token2=x"}, {"Set-Cookie": "refresh_token=planted"}]', true) \g /dev/null
SAVEPOINT before;
SELECT auth_api.login('ann@accounts.example', 'password of ann') \g /dev/null
SELECT is(pg_temp.headers(), '[{"X-App": "1"}, {"Set-Cookie": "theme=dark; Path=/"}, {"Set-Cookie": "refresh_token2=x"}, {"Set-Cookie": "refresh_token=…"}, {"Cache-Control": "no-store"}]',
	'headers of the application stay, and one cookie has the name');
SELECT pg_temp.jar() AS first \gset
SELECT auth_api.login('bob@accounts.example', 'password of bob') \g /dev/null
SELECT is(pg_temp.headers(), '[{"X-App": "1"}, {"Set-Cookie": "theme=dark; Path=/"}, {"Set-Cookie": "refresh_token2=x"}, {"Cache-Control": "no-store"}, {"Set-Cookie": "refresh_token=…"}]',
	'a second login takes its place');
SELECT isnt(pg_temp.jar(), :'first', 'with its own token');
ROLLBACK TO before;
SELECT is(pg_temp.headers(), '[{"X-App": "1"}, {"Set-Cookie": "theme=dark; Path=/"}, {"Set-Cookie": "refresh_token2=x"}, {"Set-Cookie": "refresh_token=planted"}]',
	'what is rolled back has set no header');
CREATE FUNCTION pg_temp.login_over(headers text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	PERFORM set_config('response.headers', headers, true);
	PERFORM auth_api.login('ann@accounts.example', 'password of ann');
	RETURN pg_temp.headers();
END
$$;
SELECT is(pg_temp.login_over(broken), '[{"Set-Cookie": "refresh_token=…"}, {"Cache-Control": "no-store"}]', 'what PostgREST would refuse is replaced: ' || left(broken, 20))
	FROM unnest(ARRAY['no JSON', '{"Set-Cookie": "a=b"}', '"Set-Cookie"', repeat('[', 100000)]) AS broken;
SELECT is(pg_temp.login_over('[1, null, "Set-Cookie", ["Set-Cookie"], {"Set-Cookie": 1}]'),
	'[1, null, "Set-Cookie", ["Set-Cookie"], {"Set-Cookie": 1}, {"Set-Cookie": "refresh_token=…"}, {"Cache-Control": "no-store"}]',
	'elements that are no headers stay whose they are');

SELECT * FROM finish();
ROLLBACK;
