-- auth_api.login: grants, refusals that tell nothing, throttling, tenants, bad input.
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
SELECT plan(102);

SELECT pg_temp.user_(n) FROM unnest(ARRAY['ann', 'bob', 'ban', 'une', 'nil', 'odd']) AS n \g /dev/null
UPDATE auth.users SET email_verified_at = now() WHERE email IN ('ann@accounts.example', 'ban@accounts.example');
UPDATE auth.users SET password_hash = NULL WHERE id = pg_temp.u('nil');
UPDATE auth.users SET password_hash = 'no hash' WHERE id = pg_temp.u('odd');
SELECT auth.user_ban(pg_temp.u('ban'), reason => 'spam') \g /dev/null

-- the grant
SELECT pg_temp.call($$login('ann@accounts.example', 'password of ann')$$) AS ann \gset
SELECT is((SELECT string_agg(k, ' ' ORDER BY k COLLATE "C") FROM jsonb_object_keys(:'ann') AS k),
	'access_token expires_at expires_in refresh_token token_type user', 'a grant');
SELECT is(:'ann'::jsonb - '{access_token,refresh_token,expires_at}'::text[], jsonb_build_object(
	'token_type', 'bearer', 'expires_in', 900, 'user', jsonb_build_object('id', pg_temp.u('ann'), 'email', 'ann@accounts.example',
		'email_verified', true, 'name', 'Ann', 'role', NULL, 'tenant_id', NULL, 'unit_ids', '[]'::jsonb, 'is_super_admin', false)), 'its members');
SELECT is((:'ann'::jsonb ->> 'expires_at')::bigint - extract(epoch FROM clock_timestamp())::bigint BETWEEN 300 AND 901,
	true, 'expires_at in epoch seconds');
SELECT matches(:'ann'::jsonb ->> 'refresh_token', '^[A-Za-z0-9_-]{43}$', '256 bits of refresh token');
SELECT auth.jwt_verify(:'ann'::jsonb ->> 'access_token') AS claims \gset
SELECT is(:'claims'::jsonb - '{iss,jti,iat,exp,amr}'::text[], jsonb_build_object('aud', 'authenticated', 'sub', pg_temp.u('ann'), 'role', 'authenticated',
	'session_id', (SELECT id FROM auth.sessions WHERE user_id = pg_temp.u('ann')), 'email', 'ann@accounts.example', 'aal', 'aal1'), 'the claims');
SELECT is((:'claims'::jsonb ->> 'exp')::bigint, (:'ann'::jsonb ->> 'expires_at')::bigint, 'exp is expires_at');
SELECT is((:'claims'::jsonb -> 'amr') #>> '{0,method}', 'password', 'amr says how');
SELECT is(pg_temp.as_user(:'ann'::jsonb ->> 'access_token'), 'ann@accounts.example', 'the token is a context');
SELECT is(auth.session_id(), (SELECT id FROM auth.sessions WHERE user_id = pg_temp.u('ann')), 'of the session');
SELECT is(pg_temp.trail(), 'login success ann@accounts.example', 'and in the trail');
SELECT is((SELECT (session_id, user_id) FROM auth.audit_log ORDER BY id DESC LIMIT 1), (SELECT (id, user_id) FROM auth.sessions WHERE user_id = pg_temp.u('ann')), 'with user and session');

-- what is stored: hashes
SELECT is(count(*), 1::bigint, 'the refresh token is found by its hash') FROM auth.refresh_tokens WHERE token_hash = auth._opaque_hash(:'ann'::jsonb ->> 'refresh_token');
SELECT is(count(*), 0::bigint, 'neither token nor password are in any table') FROM (
	SELECT to_jsonb(r)::text FROM auth.refresh_tokens AS r UNION ALL SELECT to_jsonb(s)::text FROM auth.sessions AS s
	UNION ALL SELECT to_jsonb(a)::text FROM auth.audit_log AS a UNION ALL SELECT to_jsonb(u)::text FROM auth.users AS u) AS t (row)
	WHERE strpos(row, :'ann'::jsonb ->> 'refresh_token') > 0 OR strpos(row, 'password of') > 0
		OR strpos(row, encode(convert_to(:'ann'::jsonb ->> 'refresh_token', 'UTF8'), 'hex')) > 0;

-- each login is a session of its own, and ends no other
SELECT isnt(pg_temp.call($$login('ann@accounts.example', 'password of ann')$$) ->> 'refresh_token', :'ann'::jsonb ->> 'refresh_token', 'a second login');
SELECT is((SELECT count(*) FROM auth.sessions WHERE user_id = pg_temp.u('ann') AND revoked_at IS NULL), 2::bigint, 'is a second session');

-- the address is normalized, not trimmed
SELECT is(pg_temp.say($$login('ANN@Accounts.Example', 'password of ann')$$), 'ok', 'capitals');
SELECT is(pg_temp.say($$login(' ann@accounts.example', 'password of ann')$$), '401 invalid_credentials', 'a space is no part of an address');

-- refusals that tell nothing: one answer, one hash
SELECT is(pg_temp.hashes(format('login(%L, %L)', email, password)), '401 invalid_credentials, hashes: 1', what || ': one hash') FROM (VALUES
	(1, 'wrong password', 'ann@accounts.example', 'wrong'),
	(2, 'unknown user', 'nobody@accounts.example', 'password of ann'),
	(3, 'user without password', 'nil@accounts.example', 'password of nil'),
	(4, 'broken hash', 'odd@accounts.example', 'password of odd'),
	(5, 'banned, wrong password', 'ban@accounts.example', 'wrong'),
	(6, 'unverified, wrong password', 'une@accounts.example', 'wrong'),
	(7, 'no e-mail address', 'x', 'wrong'),
	(8, 'an address with control characters', E'ann@accounts.example\r\nX: y', 'password of ann'),
	(9, 'a password of a megabyte', 'ann@accounts.example', repeat('x', 1048576)),
	(10, 'a password of 73 bytes', 'ann@accounts.example', repeat('x', 73)),
	(11, 'the right password and more, past what bcrypt reads', 'ann@accounts.example', rpad('password of ann', 200)),
	(12, 'control characters in the password', 'ann@accounts.example', E'password\x01\n of ann')) AS c (n, what, email, password) ORDER BY n;
SELECT is(count(DISTINCT concat(pg_temp.call(format('login(%L, %L)', email, 'wrong')), current_setting('response.status'), current_setting('response.headers'))), 1::bigint,
	'and byte for byte the same answer and headers')
	FROM unnest(ARRAY['ann@accounts.example', 'nobody@accounts.example', 'nil@accounts.example', 'odd@accounts.example', 'ban@accounts.example', 'une@accounts.example', 'x']) AS email;
SELECT is(pg_temp.call($$login('ann@accounts.example', 'wrong')$$),
	'{"error": {"message": "Invalid login credentials", "status": 401, "code": "invalid_credentials"}}', 'namely this');
SELECT is(current_setting('response.headers'), '[{"WWW-Authenticate": "Bearer"}]', 'with the header of a 401');
SELECT is(pg_temp.trail(), 'login refused invalid_credentials ann@accounts.example', 'the trail knows who was tried');
SELECT is((SELECT user_id FROM auth.audit_log ORDER BY id DESC LIMIT 1), pg_temp.u('ann'), 'and that he exists');
SELECT is(pg_temp.hashes($$login('ann@accounts.example', 'password of ann')$$), 'ok, hashes: 1', 'the right password: one hash too');

-- banned and unverified: only after the right password
SELECT is(pg_temp.hashes($$login('ban@accounts.example', 'password of ban')$$), '403 user_banned, hashes: 1', 'banned');
SELECT is(pg_temp.trail(), 'login refused user_banned ban@accounts.example', 'in the trail');
UPDATE auth.users SET banned_until = now() - interval '1 second' WHERE id = pg_temp.u('ban');
SELECT is(pg_temp.say($$login('ban@accounts.example', 'password of ban')$$), 'ok', 'a ban that is over');
SELECT is(pg_temp.say($$login('une@accounts.example', 'password of une')$$), 'ok', 'unverified, where nobody asks');
SET LOCAL intrex_auth.require_email_verification = on;
SELECT is(pg_temp.hashes($$login('une@accounts.example', 'password of une')$$), '403 email_not_confirmed, hashes: 1', 'unverified, where it is asked for');
SELECT is(pg_temp.say($$login('ann@accounts.example', 'password of ann')$$), 'ok', 'verified');
SET LOCAL intrex_auth.require_email_verification = off;

-- a stronger hash at login
SELECT password_hash AS weak, password_changed_at AS changed FROM auth.users WHERE id = pg_temp.u('bob') \gset
SET LOCAL intrex_auth.password_cost = 5;
SELECT is(pg_temp.hashes($$login('bob@accounts.example', 'wrong')$$), '401 invalid_credentials, hashes: 1', 'cost raised, wrong password');
SELECT is((SELECT password_hash FROM auth.users WHERE id = pg_temp.u('bob')), :'weak', 'changes nothing');
SELECT is(pg_temp.hashes($$login('bob@accounts.example', 'password of bob')$$), 'ok, hashes: 2', 'the right one');
SELECT matches((SELECT password_hash FROM auth.users WHERE id = pg_temp.u('bob')), '^\$2b\$05\$', 'is hashed anew');
SELECT is((SELECT password_changed_at FROM auth.users WHERE id = pg_temp.u('bob')), :'changed', 'and is not a changed password');
SELECT is(pg_temp.hashes($$login('bob@accounts.example', 'password of bob')$$), 'ok, hashes: 1', 'once');
SET LOCAL intrex_auth.password_cost = 4;

-- bad input, named
SELECT is(pg_temp.explain(format('login(%L, %L)', email, password)), '400 validation_failed: ' || message, what) FROM (VALUES
	(1, 'no address', NULL, 'x', 'email is required'), (2, 'an empty address', '', 'x', 'email is required'),
	(3, 'an address of a megabyte', repeat('x', 1000000), 'x', 'email is too long'),
	(4, 'no password', 'ann@accounts.example', NULL, 'password is required'), (5, 'an empty password', 'ann@accounts.example', '', 'password is required'),
	(6, 'a password of more than a megabyte', 'ann@accounts.example', repeat('x', 1048577), 'password is too long')) AS c (n, what, email, password, message) ORDER BY n;
SELECT is(pg_temp.trail(), 'login refused validation_failed ann@accounts.example', 'in the trail too');
SELECT is(pg_temp.hashes($$login(NULL, NULL)$$), '400 validation_failed, hashes: 0', 'nothing at all');
SELECT is(length((SELECT identifier FROM auth.audit_log WHERE code = 'validation_failed' AND identifier LIKE 'xx%' ORDER BY id DESC LIMIT 1)), 320, 'the trail keeps 320 characters of a megabyte');
SELECT is(pg_temp.say(format('login(email => 5::text, password => %L)', '5')), '401 invalid_credentials', 'a number for an address');
SELECT is(pg_temp.say('login(r.email, r.password, r.tenant_id) FROM jsonb_to_record(' || quote_literal(body) || ') AS r (email text, password text, tenant_id uuid)'), expected, 'JSON ' || body) FROM (VALUES
	(1, '{"email": {"a": 1}, "password": ["x"]}', '401 invalid_credentials'),
	(2, '{"email": true, "password": 12345678}', '401 invalid_credentials'),
	(3, '{"email": null, "password": "x"}', '400 validation_failed'),
	(4, '{"email": "ann@accounts.example", "password": "password of ann", "tenant_id": ""}', '22P02 | invalid input syntax for type uuid: ""'),
	(5, '{"email": "ann@accounts.example", "password": "password of ann", "tenant_id": 7}', '22P02 | invalid input syntax for type uuid: "7"')) AS c (n, body, expected) ORDER BY n;
SELECT is(strpos(pg_temp.call($$login('ann@accounts.example', 'canary-password')$$)::text, 'canary'), 0, 'the answer does not repeat the password');

-- tenants: none, the only one, the default, the last, the one asked for
CREATE FUNCTION pg_temp.lands(email text, tenant uuid DEFAULT NULL) RETURNS text LANGUAGE sql AS $$
	SELECT coalesce((SELECT replace(t.name, 'accounts ', '') FROM auth.tenants AS t WHERE t.id = (g #>> '{user,tenant_id}')::uuid), pg_temp.verdict(g))
	FROM pg_temp.call(format('login(%L, %L, %L)', email || '@accounts.example', 'password of ' || email, tenant)) AS g
$$;
SELECT pg_temp.user_(n) FROM unnest(ARRAY['one', 'two']) AS n \g /dev/null
SELECT pg_temp.tenant('north', 'one', 'two'), pg_temp.tenant('south', 'two'), pg_temp.tenant('west') \g /dev/null
SELECT is(pg_temp.lands('ann'), 'ok', 'no tenant: none');
SELECT is(pg_temp.lands('one'), 'north', 'one: that one');
SELECT is(pg_temp.lands('two'), 'ok', 'two and no hint: none');
UPDATE auth.memberships SET is_default = true WHERE user_id = pg_temp.u('two') AND tenant_id = pg_temp.t('south');
SELECT is(pg_temp.lands('two'), 'south', 'the default');
SELECT is(pg_temp.lands('two', pg_temp.t('north')), 'north', 'the one asked for');
SELECT is(pg_temp.lands('two'), 'north', 'the last one');
SELECT is(pg_temp.lands('two', pg_temp.t('west')), '403 not_a_member', 'no member');
SELECT is(pg_temp.lands('two', gen_random_uuid()), '403 not_a_member', 'no such tenant');
SELECT is(pg_temp.call(format($$login('two@accounts.example', 'password of two', %L)$$, pg_temp.t('west'))),
	pg_temp.call(format($$login('two@accounts.example', 'password of two', %L)$$, gen_random_uuid())), 'and one cannot tell which');
SELECT is(pg_temp.trail(), 'login refused not_a_member two@accounts.example', 'in the trail');
SELECT is(pg_temp.lands('two'), 'north', 'a refused one is not the last one');
SELECT auth.member_remove(pg_temp.t('north'), pg_temp.u('two')) \g /dev/null
SELECT is(pg_temp.lands('two'), 'south', 'not a member any more: the last one where he still is');
SELECT is(pg_temp.call($$login('one@accounts.example', 'password of one')$$) #>> '{user,role}', 'viewer', 'role is that in the tenant');
SELECT auth.member_update(pg_temp.t('north'), pg_temp.u('one'), 'branch_manager', ARRAY[auth.unit_create(pg_temp.t('north'), 'Oslo')]) \g /dev/null
SELECT auth.jwt_verify(pg_temp.login('one@accounts.example') ->> 'access_token') AS claims \gset
SELECT is(concat_ws(' ', :'claims'::jsonb ->> 'tenant_role', (:'claims'::jsonb ->> 'tenant_id')::uuid = pg_temp.t('north'), jsonb_array_length(:'claims'::jsonb -> 'unit_ids')), 'branch_manager t 1', 'the claims have tenant, role and units');
UPDATE auth.users SET is_super_admin = true WHERE id = pg_temp.u('ann');
SELECT is(auth.jwt_verify(pg_temp.login('ann@accounts.example') ->> 'access_token') ->> 'role', 'auth_platform', 'the database role of platform administrators');
UPDATE auth.users SET is_super_admin = false WHERE id = pg_temp.u('ann');

-- the headers of the request
CREATE FUNCTION pg_temp.agent(headers text) RETURNS text LANGUAGE sql AS $$
	SELECT set_config('request.headers', headers, true);
	SELECT pg_temp.login('bob@accounts.example');
	SELECT coalesce(s.user_agent, 'none') FROM auth.sessions AS s WHERE s.user_id = pg_temp.u('bob') ORDER BY s.created_at DESC LIMIT 1
$$;
SELECT is(pg_temp.agent(headers), expected, what) FROM (VALUES
	(1, 'a user agent', '{"user-agent": "Mozilla/5.0 (X11)"}', 'Mozilla/5.0 (X11)'),
	(2, 'one that writes to a terminal', '{"user-agent": "a\u001b[2J\nb\u202e"}', 'a\u001B[2J\u000Ab\u202E'),
	(3, 'one of a megabyte', json_build_object('user-agent', repeat('x', 1000000))::text, 'none'),
	(4, 'one of a thousand characters', json_build_object('user-agent', repeat('x', 1000))::text, repeat('x', 512)),
	(5, 'a number', '{"user-agent": 5}', '5'), (6, 'null', '{"user-agent": null}', 'none'), (7, 'an array', '[1]', 'none'),
	(8, 'a scalar', '"user-agent"', 'none'), (9, 'no JSON', 'user-agent: x', 'none'), (10, 'a NUL', '{"user-agent": "\u0000"}', 'none'),
	(11, 'nothing', '', 'none')) AS c (n, what, headers, expected) ORDER BY n;
SELECT set_config('request.headers', '', true) \g /dev/null

-- too many attempts: known and unknown alike, without a hash
SET LOCAL intrex_auth.login_limit_pair = 3;
SELECT gen_random_uuid() AS stranger \gset
SELECT auth.user_create(:'stranger' || '-known@accounts.example', 'password of known') \g /dev/null
SELECT is(string_agg(pg_temp.hashes(format('login(%L, %L)', :'stranger' || who || '@accounts.example', 'wrong')), '; '),
	'401 invalid_credentials, hashes: 1; 401 invalid_credentials, hashes: 1; 401 invalid_credentials, hashes: 1; 429 over_request_rate_limit, hashes: 0', 'the limit, ' || who)
	FROM unnest(ARRAY['-known', '-unknown']) AS who, generate_series(1, 4) GROUP BY who ORDER BY who;
SELECT is(pg_temp.explain(format('login(%L, %L)', :'stranger' || '-known@accounts.example', 'password of known')), '429 over_request_rate_limit: Too many attempts', 'the right password comes too late');
SELECT matches(current_setting('response.headers'), '^\[\{"Retry-After": "([1-9]|[1-5][0-9]|60)"\}\]$', 'Retry-After');
SELECT is(pg_temp.trail(), format('login refused over_request_rate_limit %s-known@accounts.example', :'stranger'), 'in the trail');
SELECT is(pg_temp.say(format('login(%L, %L)', upper(:'stranger') || '-Known@accounts.example', 'wrong')), '429 over_request_rate_limit', 'another spelling of the address is the same one');
SET LOCAL intrex_auth.login_limit_pair = 1000000;
SELECT is(pg_temp.say(format('login(%L, %L)', :'stranger' || '-known@accounts.example', 'password of known')), 'ok', 'there is room again');
SET LOCAL intrex_auth.login_max_failures = 5;
SELECT is(string_agg(pg_temp.say(format('login(%L, %L)', :'stranger' || '-known@accounts.example', 'wrong')), ' ' ORDER BY n),
	'401 invalid_credentials 401 invalid_credentials 401 invalid_credentials 401 invalid_credentials 401 invalid_credentials 403 account_locked',
	'success began a new count; five failures in a row close the account') FROM generate_series(1, 6) AS n;
SELECT is(pg_temp.hashes(format('login(%L, %L)', :'stranger' || '-known@accounts.example', 'password of known')), '403 account_locked, hashes: 0', 'also to the right password');
SELECT is(string_agg(DISTINCT pg_temp.say(format('login(%L, %L)', :'stranger' || '-unknown@accounts.example', 'wrong')), ' '),
	'401 invalid_credentials 403 account_locked', 'the same of an account that does not exist') FROM generate_series(1, 4);
SELECT auth.user_unlock(pg_temp.u(:'stranger' || '-known')) \g /dev/null
SELECT is(pg_temp.say(format('login(%L, %L)', :'stranger' || '-known@accounts.example', 'password of known')), 'ok', 'an administrator opens it');
SET LOCAL intrex_auth.login_max_failures = 100;

-- a guess that cannot be counted is not made
SELECT is(pg_temp.read_only($$login('ann@accounts.example', 'password of ann')$$), '25006 | cannot execute auth._throttle() in a read-only transaction', 'read only');
SELECT is(pg_temp.read_only($$login('', '')$$), '400 validation_failed', 'what is refused before that writes a line of the log instead of a row');

SELECT * FROM finish();
ROLLBACK;

-- Settings of the caller change nothing: in a new session, before anything is parsed.
\connect
\set QUIET 1
SET standard_conforming_strings = off;
SET escape_string_warning = off;
SET "DateStyle" = 'German, DMY';
SET "TimeZone" = 'Asia/Kathmandu';
SET "IntervalStyle" = 'iso_8601';
SET bytea_output = 'escape';
SET extra_float_digits = -15;
SET quote_all_identifiers = on;
SET row_security = off;
SET transform_null_equals = on;
SET default_transaction_isolation = 'serializable';
BEGIN;
\i :include
SELECT pg_temp.clean() \g /dev/null
SELECT plan(8);
SELECT pg_temp.user_('ann') \g /dev/null
CREATE TEMPORARY TABLE users AS SELECT 'ann@accounts.example' AS email, NULL::text AS password_hash;
CREATE FUNCTION pg_temp.clock_timestamp() RETURNS timestamptz LANGUAGE sql AS $$ SELECT 'infinity'::timestamptz $$;
SET LOCAL search_path = pg_temp, public, pg_catalog;
SELECT is(pg_temp.hashes($$login('ann@accounts.example', 'password of ann')$$), 'ok, hashes: 1', 'hostile settings: the right password');
SELECT is(pg_temp.hashes($$login('nobody@accounts.example', 'password of ann')$$), '401 invalid_credentials, hashes: 1', 'an unknown user');
SELECT is(pg_temp.hashes($$login('annaaccounts.example', 'x')$$), '401 invalid_credentials, hashes: 1', 'no address');
SELECT is(pg_temp.hashes($$register('new@accounts.example', 'password of new', 'New', '+49 30 123456', 'accounts new')$$), 'ok, hashes: 1', 'register');
SELECT is(pg_temp.say($$register('new user@accounts.example', 'password of new')$$), '400 validation_failed', 'an address that is none');
SELECT is(pg_temp.verdict(pg_temp.refresh(pg_temp.login('ann@accounts.example'))), 'ok', 'refresh');
SELECT is(pg_temp.as_user(pg_temp.login('ann@accounts.example') ->> 'access_token'), 'ann@accounts.example', 'the token');
SELECT is(pg_temp.call('me()', 'authenticated') #>> '{user,email}', 'ann@accounts.example', 'me');
SELECT * FROM finish();
ROLLBACK;
