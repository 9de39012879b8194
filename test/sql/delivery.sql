-- intrex_auth.token_delivery: the refresh token in the body or in a cookie, its attributes,
-- and the headers of the response.
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
SELECT plan(108);
SELECT pg_temp.user_(n) FROM unnest(ARRAY['ann', 'bob']) AS n \g /dev/null
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
