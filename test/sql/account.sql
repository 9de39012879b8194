-- auth_api.me, change_password, switch_tenant, sessions, session_revoke and bootstrap_admin.
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
SELECT plan(121);

SELECT pg_temp.user_(n) FROM unnest(ARRAY['ann', 'bob', 'nil']) AS n \g /dev/null
SELECT pg_temp.tenant('north', 'ann', 'bob'), pg_temp.tenant('south', 'ann'), pg_temp.tenant('west') \g /dev/null
SELECT pg_temp.login('ann@accounts.example', pg_temp.t('north')) AS ann, pg_temp.login('ann@accounts.example', pg_temp.t('south')) AS ann2,
	pg_temp.login('bob@accounts.example') AS bob \gset
CREATE FUNCTION pg_temp.mine(query text) RETURNS text LANGUAGE sql AS $$ SELECT pg_temp.say(query, 'authenticated') $$;
CREATE FUNCTION pg_temp.session_of(grant_ jsonb) RETURNS uuid LANGUAGE sql AS $$ SELECT (auth.jwt_verify(grant_ ->> 'access_token') ->> 'session_id')::uuid $$;
-- Nobody from here on.
CREATE FUNCTION pg_temp.nobody() RETURNS void LANGUAGE sql AS $$ SELECT set_config('intrex_auth.token', '', true) $$;

-- nobody
SELECT is(pg_temp.explain(call, 'authenticated'), '401 no_authorization: Authentication required', call || ' needs somebody') FROM unnest(ARRAY[
	'me()', 'change_password(''x'', ''y'')', 'change_password(NULL, NULL)', 'switch_tenant(gen_random_uuid())', 'switch_tenant(NULL)', 'sessions()', 'session_revoke(gen_random_uuid())', 'session_revoke(NULL)']) AS call;
SELECT is(pg_temp.trail(8), 'me refused no_authorization; password_change refused no_authorization; password_change refused no_authorization; tenant_switch refused no_authorization; tenant_switch refused no_authorization; sessions refused no_authorization; session_revoke refused no_authorization; session_revoke refused no_authorization', 'all in the trail');
SELECT is(split_part(pg_temp.say(call, 'anon'), ' | ', 1), '42501', 'anon may not call ' || call) FROM unnest(ARRAY[
	'me()', 'change_password(''x'', ''y'')', 'switch_tenant(NULL)', 'sessions()', 'session_revoke(NULL)']) AS call;

-- me
SELECT is(pg_temp.as_user(:'ann'::jsonb ->> 'access_token'), 'ann@accounts.example', 'Ann');
SELECT pg_temp.call('me()', 'authenticated') AS me \gset
SELECT is(:'me'::jsonb #- '{user,created_at}' #- '{session,created_at}' #- '{session,amr}', jsonb_build_object(
	'user', jsonb_build_object('id', pg_temp.u('ann'), 'email', 'ann@accounts.example', 'email_verified', false, 'phone', NULL, 'phone_verified', false,
		'name', 'Ann', 'is_super_admin', false, 'profile', '{}'::jsonb),
	'session', jsonb_build_object('id', pg_temp.session_of(:'ann'), 'aal', 'aal1', 'address', host(auth.client_address()), 'user_agent', NULL),
	'tenant', jsonb_build_object('id', pg_temp.t('north'), 'name', 'accounts north', 'role', 'viewer', 'unit_ids', '[]'::jsonb)), 'user, session and tenant');
SELECT is((:'me'::jsonb #>> '{user,created_at}')::timestamptz, (SELECT created_at FROM auth.users WHERE id = pg_temp.u('ann')), 'with the time of the user');
SELECT is(strpos(:'me', (SELECT password_hash FROM auth.users WHERE id = pg_temp.u('ann'))), 0, 'without the hash');
SELECT is(pg_temp.read_only('me()', 'authenticated') LIKE '{%', true, 'a GET is enough');
SELECT pg_temp.nobody() \g /dev/null
SELECT is(pg_temp.as_user(pg_temp.login(pg_temp.call('register(''eve@accounts.example'', ''password of eve'')') #>> '{user,email}') ->> 'access_token'), 'eve@accounts.example', 'Eve, of no tenant');
SELECT is(pg_temp.call('me()', 'authenticated') -> 'tenant', 'null', 'has none');
SELECT pg_temp.nobody() \g /dev/null

-- change_password: refusals
SELECT is(pg_temp.as_user(:'ann'::jsonb ->> 'access_token'), 'ann@accounts.example', 'Ann');
SELECT is(pg_temp.explain(call, 'authenticated') , '400 validation_failed: ' || message, what) FROM (VALUES
	(1, 'no password', 'change_password(NULL, ''another password'')', 'current_password is required'),
	(2, 'an empty one', 'change_password('''', ''another password'')', 'current_password is required'),
	(3, 'more than a megabyte', 'change_password(repeat(''x'', 1048577), ''another password'')', 'current_password is too long'),
	(4, 'no new password', 'change_password(''password of ann'', NULL)', 'new_password is required'),
	(5, 'an empty one', 'change_password(''password of ann'', '''')', 'new_password is required')) AS c (n, what, call, message) ORDER BY n;
SELECT is(pg_temp.explain(format('change_password(%L, %L)', 'password of ann', password), 'authenticated'), '422 weak_password: ' || message, what) FROM (VALUES
	(1, 'a short one', 'short', 'new_password must have at least 8 characters'),
	(2, 'a megabyte', repeat('x', 1000000), 'new_password must have at most 72 bytes'),
	(3, 'the address', 'Ann@Accounts.Example', 'new_password must not be built from the e-mail address, name, phone number, tenant or site')) AS c (n, what, password, message) ORDER BY n;
SELECT is(pg_temp.hashes('change_password(''wrong'', ''another password'')', 'authenticated'),
	'403 invalid_current_password, hashes: 1', 'a wrong password');
SELECT is(pg_temp.trail(), 'password_change refused invalid_current_password ann@accounts.example', 'in the trail');
SELECT is(pg_temp.hashes('change_password(repeat(''x'', 1048576), ''another password'')', 'authenticated'),
	'403 invalid_current_password, hashes: 1', 'a megabyte of wrong password');
SELECT is(pg_temp.hashes('change_password(''wrong password'', ''wrong password'')', 'authenticated'),
	'403 invalid_current_password, hashes: 1', 'wrong and the same');
SELECT is(pg_temp.explain('change_password(''password of ann'', ''password of ann'')', 'authenticated'), '422 same_password: new_password must differ from the current one', 'the same');
SELECT is(pg_temp.hashes('change_password(''short'', ''short'')', 'authenticated'), '422 weak_password, hashes: 0', 'what is refused anyway costs nothing');
SELECT is(strpos(pg_temp.call('change_password(''canary one'', ''canary two'')', 'authenticated')::text || (SELECT string_agg(to_jsonb(a)::text, '') FROM auth.audit_log AS a), 'canary'), 0, 'no password in an answer or the trail');
SELECT is(pg_temp.read_only('change_password(''password of ann'', ''another password'')', 'authenticated'), '25006 | cannot execute auth._throttle() in a read-only transaction', 'read only');
SELECT is(pg_temp.say('login(''ann@accounts.example'', ''password of ann'')'), 'ok', 'the password is as before');
SELECT pg_temp.login('ann@accounts.example', pg_temp.t('south')) AS ann3 \gset

-- change_password
SELECT is(pg_temp.hashes('change_password(''password of ann'', ''another password'')', 'authenticated'), '{"revoked": 3}, hashes: 2', 'changed; the other sessions are ended');
SELECT is(pg_temp.trail(), 'password_change success ann@accounts.example', 'in the trail');
SELECT is(auth.email(), 'ann@accounts.example', 'this one goes on');
SELECT pg_temp.nobody() \g /dev/null
SELECT is(pg_temp.states(:'ann', :'ann2', :'ann3', :'bob'), 'in out out in', 'with its tokens, the others without');
SELECT is((SELECT revoked_reason FROM auth.sessions WHERE id = pg_temp.session_of(:'ann2')), 'password_change', 'and why');
SELECT is(pg_temp.say('login(''ann@accounts.example'', ''password of ann'')'), '401 invalid_credentials', 'the former password is no more');
SELECT is(pg_temp.say('login(''ann@accounts.example'', ''another password'')'), 'ok', 'the new one is');
SELECT is((SELECT (password_changed_at, updated_at) > (now(), now()) FROM auth.users WHERE id = pg_temp.u('ann')), true, 'with its time');
SELECT auth.user_set_password(pg_temp.u('ann'), 'password of ann') \g /dev/null

-- change_password: guesses count as at the login, and for it
SELECT pg_temp.user_('many') \g /dev/null
UPDATE auth.users SET email = gen_random_uuid() || '@accounts.example' WHERE id = pg_temp.u('many') RETURNING email AS many \gset
SELECT is(pg_temp.as_user(pg_temp.call(format('login(%L, %L)', :'many', 'password of many')) ->> 'access_token'), :'many', 'another user');
SET LOCAL intrex_auth.login_limit_pair = 4;
SELECT is(string_agg(pg_temp.hashes('change_password(''wrong'', ''another password'')', 'authenticated'), '; '),
	repeat('403 invalid_current_password, hashes: 1; ', 3) || '429 over_request_rate_limit, hashes: 0', 'the limit')
	FROM generate_series(1, 4);
SELECT matches(current_setting('response.headers'), '"Retry-After": "([1-9]|[1-5][0-9]|60)"', 'Retry-After');
SELECT is(pg_temp.say(format('login(%L, %L)', :'many', 'password of many')), '429 over_request_rate_limit', 'at the login too');
SET LOCAL intrex_auth.login_limit_pair = 1000000;
SET LOCAL intrex_auth.login_max_failures = 4;
SELECT is(string_agg(pg_temp.hashes('change_password(''wrong'', ''another password'')', 'authenticated'), '; '),
	'403 invalid_current_password, hashes: 1; 403 account_locked, hashes: 0', 'failures in a row')
	FROM generate_series(1, 2);
SELECT is(pg_temp.hashes('change_password(''password of many'', ''another password'')', 'authenticated'), '403 account_locked, hashes: 0', 'then the right one is refused too');
SET LOCAL intrex_auth.login_max_failures = 100;
SELECT is(pg_temp.mine('change_password(''password of many'', ''another password'')'), '{"revoked": 0}', 'there is room again');
UPDATE auth.users SET password_hash = NULL WHERE email = :'many';
SELECT is(pg_temp.hashes('change_password(''another password'', ''password of many'')', 'authenticated'),
	'403 invalid_current_password, hashes: 1', 'who has no password cannot change it');
SELECT pg_temp.nobody() \g /dev/null

-- switch_tenant
SELECT pg_temp.login('ann@accounts.example', pg_temp.t('north')) AS ann \gset
-- a token of the same session that ends sooner
SELECT extract(epoch FROM clock_timestamp())::bigint + 100 AS ends \gset
SELECT is(pg_temp.as_user(auth.jwt_sign(auth.jwt_verify(:'ann'::jsonb ->> 'access_token') || jsonb_build_object('exp', :ends))), 'ann@accounts.example', 'Ann');
SELECT is(auth.tenant_id(), pg_temp.t('north'), 'in one tenant');
SELECT pg_temp.call(format('switch_tenant(%L)', pg_temp.t('south')), 'authenticated') AS switched \gset
SELECT is(pg_temp.verdict(:'switched'), 'ok', 'to another');
SELECT is(pg_temp.trail(), 'tenant_switch success ann@accounts.example', 'in the trail');
SELECT is((SELECT (tenant_id, details ->> 'from') FROM auth.audit_log ORDER BY id DESC LIMIT 1), ROW(pg_temp.t('south'), pg_temp.t('north')::text), 'from and to');
SELECT is((SELECT string_agg(k, ' ' ORDER BY k COLLATE "C") FROM jsonb_object_keys(:'switched') AS k), 'access_token expires_at expires_in token_type user', 'a grant without refresh token');
SELECT is((:'switched'::jsonb ->> 'expires_at')::bigint, :ends::bigint, 'that ends when the token presented ends');
SELECT is(pg_temp.session_of(:'switched'), pg_temp.session_of(:'ann'), 'in the same session');
SELECT pg_temp.nobody() \g /dev/null
SELECT is(pg_temp.as_user(:'switched'::jsonb ->> 'access_token'), 'ann@accounts.example', 'the new token');
SELECT is(auth.tenant_id(), pg_temp.t('south'), 'is for the other tenant');
SELECT is(pg_temp.refresh(:'ann') #>> '{user,tenant_id}', pg_temp.t('south')::text, 'so is the next refresh');
SELECT is(pg_temp.call('login(''ann@accounts.example'', ''password of ann'')') #>> '{user,tenant_id}', pg_temp.t('south')::text, 'and the next login');
SELECT is(pg_temp.explain('switch_tenant(' || coalesce(quote_literal(tenant), 'NULL') || ')', 'authenticated'), expected, what) FROM (VALUES
	(1, 'no tenant', NULL, '400 validation_failed: tenant_id is required'),
	(2, 'a tenant that she is no member of', pg_temp.t('west'), '403 not_a_member: Not a member of this tenant'),
	(3, 'one that does not exist', gen_random_uuid(), '403 not_a_member: Not a member of this tenant')) AS c (n, what, tenant, expected) ORDER BY n;
SELECT is(pg_temp.mine('switch_tenant(''x'')'), '22P02 | invalid input syntax for type uuid: "x"', 'no uuid');
SELECT is(pg_temp.trail(), 'tenant_switch refused not_a_member ann@accounts.example', 'in the trail');
SELECT is(pg_temp.read_only(format('switch_tenant(%L)', pg_temp.t('north')), 'authenticated'), '25006 | cannot execute SELECT FOR KEY SHARE in a read-only transaction', 'read only');
SELECT is(auth.tenant_id(), pg_temp.t('south'), 'refusals change nothing');
SELECT auth.member_remove(pg_temp.t('north'), pg_temp.u('ann')) \g /dev/null
SELECT is(pg_temp.mine(format('switch_tenant(%L)', pg_temp.t('north'))), '403 not_a_member', 'a member no more');
-- without the session check an access token outlives its session, but it does not beget another
SET LOCAL intrex_auth.session_check = off;
UPDATE auth.sessions SET revoked_at = now() WHERE id = auth.session_id();
SELECT is(pg_temp.mine(format('switch_tenant(%L)', pg_temp.t('south'))), '404 session_not_found', 'a session that has ended');
SET LOCAL intrex_auth.session_check = on;
SELECT pg_temp.nobody() \g /dev/null

-- sessions
UPDATE auth.sessions SET revoked_at = now() WHERE user_id = pg_temp.u('bob');
SELECT set_config('request.headers', '{"user-agent": "Phone"}', true) \g /dev/null
SELECT pg_temp.login('bob@accounts.example') AS b1 \gset
SELECT set_config('request.headers', '{"user-agent": "Desk"}', true) \g /dev/null
SELECT pg_temp.login('bob@accounts.example') AS b2 \gset
SELECT set_config('request.headers', '{"user-agent": "Old"}', true) \g /dev/null
SELECT pg_temp.login('bob@accounts.example') AS b3, pg_temp.login('bob@accounts.example') AS b4 \gset
SELECT set_config('request.headers', '', true) \g /dev/null
UPDATE auth.refresh_tokens SET expires_at = now() WHERE session_id = pg_temp.session_of(:'b3');
UPDATE auth.sessions SET expires_at = now() WHERE id = pg_temp.session_of(:'b4');
SELECT is(pg_temp.verdict(pg_temp.refresh(:'b1')), 'ok', 'used on the phone');
SELECT is(pg_temp.as_user(:'b2'::jsonb ->> 'access_token'), 'bob@accounts.example', 'Bob at his desk');
SELECT pg_temp.call('sessions()', 'authenticated') AS list \gset
SELECT is(string_agg(concat_ws(' ', s ->> 'user_agent', s ->> 'current'), ', ' ORDER BY n), 'Desk true, Phone false', 'live sessions of the caller, this one first')
	FROM jsonb_array_elements(:'list'::jsonb -> 'sessions') WITH ORDINALITY AS u (s, n);
SELECT is(:'list'::jsonb #> '{sessions,1}', (SELECT jsonb_build_object('id', s.id, 'created_at', s.created_at, 'tenant_id', s.tenant_id, 'aal', s.aal, 'address', host(s.address), 'user_agent', 'Phone', 'current', false,
	'expires_at', NULL, 'idle_expires_at',
	(SELECT max(r.expires_at) FROM auth.refresh_tokens AS r WHERE r.session_id = s.id),
	'last_used_at', (SELECT max(r.created_at) FROM auth.refresh_tokens AS r WHERE r.session_id = s.id)) FROM auth.sessions AS s WHERE s.id = pg_temp.session_of(:'b1')), 'what each tells');
SELECT is((:'list'::jsonb #>> '{sessions,1,last_used_at}')::timestamptz > (:'list'::jsonb #>> '{sessions,1,created_at}')::timestamptz, true, 'a refresh is a use');
SELECT is(pg_temp.read_only('sessions()', 'authenticated') LIKE '{%Desk%', true, 'a GET is enough');
INSERT INTO auth.sessions (user_id) SELECT pg_temp.u('bob') FROM generate_series(1, 300);
SELECT is(jsonb_array_length(pg_temp.call('sessions()', 'authenticated') -> 'sessions'), 200, 'not more than 200');
DELETE FROM auth.sessions AS s WHERE s.user_id = pg_temp.u('bob') AND NOT EXISTS (SELECT FROM auth.refresh_tokens AS r WHERE r.session_id = s.id);

-- session_revoke
SELECT is(pg_temp.mine(format('session_revoke(%L)', pg_temp.session_of(:'b1'))), jsonb_build_object('revoked', pg_temp.session_of(:'b1'))::text, 'one of his');
SELECT is(pg_temp.trail(), 'session_revoke success bob@accounts.example', 'in the trail');
SELECT is((SELECT details ->> 'target' FROM auth.audit_log ORDER BY id DESC LIMIT 1), pg_temp.session_of(:'b1')::text, 'with what it was');
SELECT is(pg_temp.verdict(pg_temp.refresh(:'b1')), '401 session_revoked', 'is ended');
SELECT is(pg_temp.explain(format('session_revoke(%L)', session), 'authenticated'), expected, what) FROM (VALUES
	(1, 'again', pg_temp.session_of(:'b1'), '404 session_not_found: Session not found'),
	(2, 'of somebody else', pg_temp.session_of(:'ann'), '404 session_not_found: Session not found'),
	(3, 'of nobody', gen_random_uuid(), '404 session_not_found: Session not found'),
	(4, 'NULL', NULL, '400 validation_failed: session_id is required')) AS c (n, what, session, expected) ORDER BY n;
SELECT is(pg_temp.trail(2), 'session_revoke refused session_not_found bob@accounts.example; session_revoke refused validation_failed bob@accounts.example', 'in the trail');
SELECT is(pg_temp.mine('session_revoke(''x'')'), '22P02 | invalid input syntax for type uuid: "x"', 'no uuid');
SELECT is(pg_temp.read_only(format('session_revoke(%L)', auth.session_id()), 'authenticated'), '25006 | cannot execute UPDATE in a read-only transaction', 'read only');
SELECT is(pg_temp.mine(format('session_revoke(%L)', auth.session_id())) LIKE '{%', true, 'this one');
SELECT throws_ok('SELECT auth.uid()', '28000', 'invalid token', 'which is a logout');
SELECT pg_temp.nobody() \g /dev/null

-- a ban, and an expired token
SELECT pg_temp.login('bob@accounts.example') AS bob \gset
SELECT is(pg_temp.as_user(:'bob'::jsonb ->> 'access_token'), 'bob@accounts.example', 'Bob');
SELECT auth._make_durable() \g /dev/null
UPDATE auth.users SET banned_until = 'infinity' WHERE id = pg_temp.u('bob');
SELECT matches(pg_temp.mine(call), '^28000 \| invalid token \| DETAIL The user is banned. \(user_banned\)', call || ': banned')
	FROM unnest(ARRAY['me()', 'change_password(''password of bob'', ''another password'')', 'switch_tenant(NULL)', 'sessions()', 'session_revoke(NULL)', 'logout()']) AS call;
SELECT pg_temp.nobody() \g /dev/null

-- bootstrap_admin
UPDATE auth.users SET is_super_admin = false WHERE is_super_admin;
SELECT is(pg_temp.hashes('bootstrap_admin(''root@accounts.example'', ''password of root'')'), '403 bootstrap_disabled, hashes: 0', 'off by default');
SELECT is(pg_temp.trail(), 'bootstrap_admin refused bootstrap_disabled root@accounts.example', 'in the trail');
SET LOCAL intrex_auth.allow_bootstrap = on;
SELECT is(pg_temp.explain(call), expected, what) FROM (VALUES
	(1, 'no address', 'bootstrap_admin(NULL, ''password'')', '400 validation_failed: email is required'),
	(2, 'no e-mail address', 'bootstrap_admin(''root'', ''password'')', '400 validation_failed: email is not a valid e-mail address'),
	(3, 'a megabyte', 'bootstrap_admin(repeat(''x'', 1000000), ''password'')', '400 validation_failed: email is not a valid e-mail address'),
	(4, 'no password', 'bootstrap_admin(''root@accounts.example'', NULL)', '400 validation_failed: password is required'),
	(5, 'a short one', 'bootstrap_admin(''root@accounts.example'', ''short'')', '422 weak_password: password must have at least 8 characters'),
	(6, 'a megabyte', 'bootstrap_admin(''root@accounts.example'', repeat(''x'', 1000000))', '422 weak_password: password must have at most 72 bytes'),
	(7, 'an address that is taken', 'bootstrap_admin(''ann@accounts.example'', ''password of root'')', '409 user_already_exists: User already registered')) AS c (n, what, call, expected) ORDER BY n;
SELECT is(pg_temp.read_only('bootstrap_admin(''root@accounts.example'', ''password of root'')'), '25006 | cannot execute auth._throttle_reset() in a read-only transaction', 'read only');
SELECT pg_temp.call('bootstrap_admin(''Root@accounts.example'', ''password of root'')') AS root \gset
SELECT is(pg_temp.verdict(:'root'), 'ok', 'the first administrator');
SELECT is(concat_ws(' ', :'root'::jsonb #>> '{user,is_super_admin}', :'root'::jsonb #>> '{user,email_verified}', auth.jwt_verify(:'root'::jsonb ->> 'access_token') ->> 'role'), 'true true auth_platform', 'verified, with the role of the platform');
SELECT is(pg_temp.trail(), 'bootstrap_admin success root@accounts.example', 'in the trail');
SELECT is(pg_temp.as_user(:'root'::jsonb ->> 'access_token'), 'root@accounts.example', 'logged in');
SELECT is(auth.is_super_admin(), true, 'as administrator of the platform');
SELECT pg_temp.nobody() \g /dev/null
SELECT is(pg_temp.hashes('bootstrap_admin(''second@accounts.example'', ''password of second'')'), '403 bootstrap_disabled, hashes: 0', 'there is no second one');
SELECT is(pg_temp.hashes('bootstrap_admin(''root@accounts.example'', ''password of root'')'), '403 bootstrap_disabled, hashes: 0', 'nor the first one again');
UPDATE auth.users SET is_super_admin = false WHERE id = pg_temp.u('root');
SELECT is(pg_temp.say('bootstrap_admin(''second@accounts.example'', ''password of second'')'), 'ok', 'but when there is none again');
SELECT * FROM finish();
ROLLBACK;

BEGIN ISOLATION LEVEL REPEATABLE READ;
\i :include
SET LOCAL intrex_auth.allow_bootstrap = on;
UPDATE auth.users SET is_super_admin = false WHERE is_super_admin;
SELECT plan(1);
SELECT is(pg_temp.say('bootstrap_admin(''root@accounts.example'', ''password of root'')'), '55000 | this needs a transaction at READ COMMITTED | HINT Call it in a transaction of its own, or after SET TRANSACTION ISOLATION LEVEL READ COMMITTED.', 'an old snapshot cannot tell that there is none');
SELECT * FROM finish();
ROLLBACK;
