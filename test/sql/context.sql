-- The setting intrex_auth.token and what reads it: every way to set it, what is
-- refused, what is shown, and where a token must not be kept.
\set ECHO none
\set QUIET 1
\pset format unaligned
\pset tuples_only true
\getenv abs_srcdir PG_ABS_SRCDIR
\set include :abs_srcdir '/include/identities.psql'
\set include_end :abs_srcdir '/include/identities_end.psql'
\i :include

SELECT plan(161);

-- nobody
SELECT is(who(), 'nobody', 'without a token there is nobody');
SELECT is(sees(), 'none', 'who sees nothing');
SELECT is(ROW(auth.uid(), auth.tenant_id(), auth.session_id(), auth.role(), auth.email(), auth.tenant_role(), auth.unit_ids(), auth.aal(), auth.jwt(), auth.user_id(), auth.session())::text,
	'(,,,,,,,,,,)', 'all accessors are NULL');
SELECT is(current_setting('app.current_tenant'), '00000000-0000-0000-0000-000000000000', 'app.current_tenant is the nil uuid');
SELECT is(current_setting('intrex_auth.token'), '', 'the setting is empty');

-- somebody
BEGIN;
SELECT is(auth.authenticate(:'ben') ->> 'sub', id('ben')::text, 'authenticate returns the claims');
SELECT is(auth.uid(), id('ben'), 'uid');
SELECT is(auth.user_id(), id('ben')::text, 'user_id is the same as text');
SELECT is(auth.tenant_id(), id('south'), 'tenant_id');
SELECT is(auth.session_id(), id('ben session'), 'session_id');
SELECT is(auth.role(), 'authenticated', 'role is the database role');
SELECT is(auth.email(), 'ben@context.example', 'email');
SELECT is(auth.tenant_role(), 'viewer', 'tenant_role is that of the membership, not the signed one');
SELECT is(auth.unit_ids(), ARRAY[id('desk')], 'unit_ids too');
SELECT is(auth.aal(), 'aal1', 'aal');
SELECT is(auth.jwt() ->> 'tenant_role', 'signed', 'jwt has the claims as signed');
SELECT is(auth.session(), auth.jwt(), 'session is the same');
SELECT is(auth.jwt(), auth.jwt_verify(:'ben'), 'and as jwt_verify reads them');
SELECT is(sees(), 'south 2', 'policies see the tenant');
SELECT is(current_setting('app.current_tenant'), id('south')::text, 'app.current_tenant shows it');
SELECT is(sees(), 'south 2', 'asking again changes nothing');
ROLLBACK;
BEGIN;
SELECT is(auth.authenticate(:'anna') ->> 'sub', id('anna')::text, 'a user without units');
SELECT is(auth.unit_ids(), '{}'::uuid[], 'unit_ids is empty, not NULL');
COMMIT;
BEGIN;
SELECT is(auth.authenticate(:'carl') ->> 'role', 'auth_platform', 'an administrator without tenant');
SELECT is(who(), 'carl', 'has no tenant and no tenant role');
SELECT is(auth.unit_ids(), '{}'::uuid[], 'and no units');
SELECT is(current_setting('app.current_tenant'), '00000000-0000-0000-0000-000000000000', 'app.current_tenant stays nil');
SELECT is(sees(), 'none', 'and sees no rows');
COMMIT;

-- every way to set it
BEGIN;
SET LOCAL intrex_auth.token = :'anna';
SELECT is(sees(), 'north 3', 'SET LOCAL');
COMMIT;
SELECT is(who(), 'nobody', 'is over at COMMIT');
BEGIN;
SET intrex_auth.token = :'anna';
SELECT is(sees(), 'north 3', 'SET');
SET intrex_auth.token = '';
SELECT is(who(), 'nobody', 'SET to nothing');
COMMIT;
BEGIN;
SELECT is(set_config('intrex_auth.token', :'anna', true), '(hidden)', 'set_config does not return the token');
SELECT is(sees(), 'north 3', 'set_config');
SELECT is(set_config('INTREX_AUTH.Token', :'ben', true), '(hidden)', 'in any case of the name');
SELECT is(sees(), 'south 2', 'the last one holds');
SELECT is(set_config('intrex_auth.token', NULL, true), '', 'set_config to NULL');
SELECT is(who(), 'nobody', 'is a reset');
COMMIT;
BEGIN;
WITH a AS MATERIALIZED (SELECT set_config('intrex_auth.token', :'anna', true)) SELECT is(sees(), 'north 3', 'set_config in a CTE') FROM a;
COMMIT;
BEGIN;
SELECT is(sees(), 'north 3', 'set_config in WHERE') FROM (VALUES (1)) v (n) WHERE set_config('intrex_auth.token', :'anna', true) IS NOT NULL;
COMMIT;
BEGIN;
SELECT n AS ignored FROM (VALUES (1), (2)) v (n) ORDER BY set_config('intrex_auth.token', CASE n WHEN 1 THEN :'ben' ELSE :'anna' END, true), n LIMIT 1 \gset
SELECT is(sees(), 'north 3', 'set_config in ORDER BY');
COMMIT;
-- nobody switches to a tenant whose token they do not have
BEGIN;
SELECT is(auth.authenticate(:'anna') ->> 'email', 'anna@context.example', 'as anna');
SELECT is(attempt(token, 'SELECT count(*) FROM notes WHERE set_config(''intrex_auth.token'', $1, true) IS NOT NULL'), '28000 bad_signature', 'a forged one in WHERE is refused')
	FROM overlay(:'ben' placing 'AAAA' from length(:'ben') - 20 for 4) AS token;
SELECT is(sees(), 'north 3', 'and leaves the identity as it was');
COMMIT;

-- what is refused, by authenticate and by set_config alike, without an echo
CREATE TABLE bad (label text, value text, code text);
INSERT INTO bad VALUES
	('an empty string', '', 'malformed_token'),
	('a word', 'nonsense-nonsense', 'malformed_token'),
	('two dots', '..', 'malformed_token'),
	('a tenant', id('south')::text, 'malformed_token'),
	('the mark of a bad one', 'poisoned', 'malformed_token'),
	('claims', '{"sub":"' || id('ben') || '"}', 'malformed_token'),
	('1 MB', repeat('eyJhbGciOiJIUzI1', 65536), 'token_too_long'),
	('1 MB of dots', repeat('.', 1048576), 'token_too_long'),
	('8 MB', repeat('A', 8388608), 'token_too_long'),
	('white space before', ' ' || :'ben', 'malformed_header|malformed_token'),
	('white space behind', :'ben' || ' ', 'bad_signature|malformed_token'),
	('a new line behind', :'ben' || E'\n', 'bad_signature|malformed_token'),
	('what the setting holds', '5:' || :'ben', 'malformed_header|malformed_token'),
	('another signature', overlay(:'ben' placing 'AAAA' from length(:'ben') - 20 for 4), 'bad_signature'),
	('no signature', regexp_replace(:'ben', '[^.]*$', ''), 'malformed_token'),
	('half of it', left(:'ben', length(:'ben') / 2), 'malformed_token'),
	('expired', token('ben', jsonb_build_object('iat', floor(extract(epoch from now()))::bigint - 20, 'exp', floor(extract(epoch from now()))::bigint - 10)), 'token_expired'),
	('without a session', token('ben', '{"session_id": null}'), 'missing_claim'),
	('without a subject', token('ben', '{"sub": null}'), 'missing_claim'),
	('a subject that is no uuid', token('ben', '{"sub": "ben"}'), 'missing_claim'),
	('a session that is no uuid', token('ben', '{"session_id": "x"}'), 'malformed_claim'),
	('a tenant that is no uuid', token('ben', '{"tenant_id": "south"}'), 'malformed_claim'),
	('a unit that is no uuid', token('ben', '{"unit_ids": ["desk"]}'), 'malformed_claim'),
	('the role of a superuser', token('ben', jsonb_build_object('role', current_user)), 'wrong_role'),
	('the role of the owner', token('ben', '{"role": "auth_owner"}'), 'wrong_role'),
	('the role of administration', token('ben', '{"role": "auth_admin"}'), 'wrong_role'),
	('an empty role', token('ben', '{"role": ""}'), 'wrong_role'),
	('two roles in one', token('ben', '{"role": "anon,authenticated"}'), 'wrong_role'),
	('no role', token('ben', '{"role": null}'), 'wrong_role'),
	('another issuer', token('ben', '{"iss": "https://elsewhere.example"}'), 'wrong_issuer');
SELECT matches(attempt(value), '^28000 (' || code || ')$', 'authenticate refuses: ' || label) FROM bad;
SELECT matches(attempt(value, 'SELECT set_config(''intrex_auth.token'', $1, true)'), '^28000 (' || code || ')$', 'set_config refuses: ' || label)
	FROM bad WHERE value <> '';
SELECT is(attempt(NULL), '28000 malformed_token', 'authenticate refuses NULL');
SELECT is(who(), 'nobody', 'none of them became an identity');
-- SET with a literal: what psql prints is in the expected output
SET intrex_auth.token = 'canary-canary-canary';
SELECT is(:'LAST_ERROR_SQLSTATE', '28000'::text, 'SET refuses with 28000');


-- it is never shown
BEGIN;
SET LOCAL intrex_auth.token = :'anna';
SHOW intrex_auth.token;
SELECT is(current_setting('intrex_auth.token'), '(hidden)', 'current_setting masks it');
SELECT is_empty($$SELECT * FROM pg_settings WHERE name LIKE 'intrex_auth.token'$$, 'it is not in pg_settings');
SELECT is_empty($$SELECT * FROM pg_show_all_settings() s WHERE position('eyJ' in s::text) > 0$$, 'nor is it in any column of pg_show_all_settings');
SELECT is_empty($$SELECT * FROM pg_file_settings f WHERE position('eyJ' in f::text) > 0$$, 'nor in pg_file_settings');
SELECT is((SELECT setting FROM pg_settings WHERE name = 'app.current_tenant'), id('north')::text, 'app.current_tenant is in pg_settings');
SET LOCAL ROLE authenticated;
SELECT is_empty($$SELECT * FROM pg_show_all_settings() s WHERE position('eyJ' in s::text) > 0$$, 'nor for an API role');
RESET ROLE;
COMMIT;
SELECT is(current_setting('intrex_auth.token'), '', 'nothing to mask without a token');

-- names of ours are reserved, and app.current_tenant is read-only
SELECT throws_ok($$SET intrex_auth.tenant_id = 'x'$$, '42602', NULL, 'SET of another name with the prefix is refused');
SELECT throws_ok($$SELECT set_config('intrex_auth.user_id', 'x', true)$$, '42602', NULL, 'set_config too');
SELECT throws_ok(format('SET app.current_tenant = %L', id('south')), '55P02', NULL, 'SET app.current_tenant is refused');
SELECT throws_ok(format('SET LOCAL app.current_tenant = %L', id('south')), '55P02', NULL, 'SET LOCAL too');
SELECT throws_ok(format('SELECT set_config(''app.current_tenant'', %L, true)', id('south')), '55P02', NULL, 'set_config too');
SELECT throws_ok(format('CREATE FUNCTION f() RETURNS text LANGUAGE sql SET app.current_tenant = %L AS ''SELECT 1''', id('south')), '55P02', NULL, 'a SET clause too');
SELECT throws_ok(format('ALTER ROLE anon SET app.current_tenant = %L', id('south')), '55P02', NULL, 'ALTER ROLE too');
SELECT throws_ok('RESET app.current_tenant', '55P02', NULL, 'even RESET');
SELECT lives_ok($$SET LOCAL app.anything_else = 'x'$$, 'other names with app are free');
SELECT is(sees(), 'none', 'none of it gave a tenant');

-- it cannot be stored, good or bad
CREATE TABLE storing (label text, statement text);
INSERT INTO storing VALUES
	('ALTER ROLE', 'ALTER ROLE anon SET intrex_auth.token = %L'),
	('ALTER ROLE ALL', 'ALTER ROLE ALL SET intrex_auth.token = %L'),
	('ALTER ROLE IN DATABASE', format('ALTER ROLE %I IN DATABASE %I SET intrex_auth.token = %%L', current_user, current_database())),
	('ALTER DATABASE', format('ALTER DATABASE %I SET intrex_auth.token = %%L', current_database())),
	('CREATE FUNCTION', 'CREATE FUNCTION f() RETURNS text LANGUAGE sql SET intrex_auth.token = %L AS ''SELECT 1'''),
	('ALTER FUNCTION', 'ALTER FUNCTION who() SET intrex_auth.token = %L');
SELECT throws_ok(format(statement, :'anna'::text), '22023', 'a token cannot be stored as a setting', label || ' with a good one is refused') FROM storing;
SELECT throws_ok(format(statement, 'canary-canary'), '22023', 'a token cannot be stored as a setting', label || ' with a bad one is refused') FROM storing;
BEGIN;
SET LOCAL intrex_auth.token = :'anna';
SELECT throws_ok(statement, '22023', 'a token cannot be stored as a setting', statement || ' is refused')
	FROM unnest(ARRAY['ALTER ROLE anon SET intrex_auth.token FROM CURRENT', 'ALTER FUNCTION who() SET intrex_auth.token FROM CURRENT']) statement;
COMMIT;
-- (in no transaction block)
ALTER SYSTEM SET intrex_auth.token = 'canary-canary-canary';
SELECT is(:'LAST_ERROR_SQLSTATE', '55P02'::text, 'ALTER SYSTEM is refused');
SELECT is_empty($$SELECT * FROM pg_db_role_setting WHERE setconfig::text LIKE '%intrex_auth.token%'$$, 'nothing is stored');
SELECT lives_ok($$ALTER FUNCTION name(uuid) SET intrex_auth.token = ''$$, 'a function may be told to run as nobody');

-- a token that was just accepted is not accepted under other settings
CREATE FUNCTION attempt_under(token text, setting text, value text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	former text := current_setting(setting);
	answer text := attempt(token);
BEGIN
	PERFORM set_config(setting, value, true);
	answer := concat_ws(' > ', answer, attempt(token));
	PERFORM set_config(setting, former, true);
	RETURN answer;
END
$$;
SELECT is(attempt_under(:'anna', setting, value), 'accepted > 28000 ' || code, 'just accepted, then ' || setting || ' changes')
	FROM (VALUES
			('intrex_auth.issuer', 'https://elsewhere.example', 'wrong_issuer'),
			('intrex_auth.audience', 'elsewhere', 'wrong_audience'),
			('intrex_auth.api_roles', 'anon', 'wrong_role'),
			('intrex_auth.max_token_lifetime', '60', 'lifetime_too_long')) s (setting, value, code);
BEGIN;
SET LOCAL intrex_auth.session_check = off;
SELECT is(attempt_under(token('anna', '{"session_id": null}'), 'intrex_auth.session_check', 'on'), 'accepted > 28000 missing_claim', 'just accepted without a session, then session_check is turned on');
COMMIT;

-- the roles that a token may name are a setting of superusers
BEGIN;
SELECT set_config('intrex_auth.api_roles', 'web, mobile', true) AS ignored \gset
SELECT is(attempt(token('anna', '{"role": "mobile"}')), 'accepted', 'a configured role is accepted');
SELECT is(attempt(token('anna', '{"role": "mob"}')), '28000 wrong_role', 'a part of one is not');
SELECT is(attempt(token('anna', '{"role": "web, mobile"}')), '28000 wrong_role', 'nor all of them');
SELECT is(attempt(:'anna'), '28000 wrong_role', 'nor one that is not listed any more, kept verification or not');
SET LOCAL ROLE anon;
SELECT throws_ok($$SET intrex_auth.api_roles = 'postgres'$$, '42501', NULL, 'an API role cannot change them');
SELECT throws_ok($$SET intrex_auth.session_check = off$$, '42501', NULL, 'nor the session check');
SELECT throws_ok($$SET intrex_auth.session_token = on$$, '42501', NULL, 'nor how long a token holds');
SELECT throws_ok($$SET intrex_auth.issuer = 'x'$$, '42501', NULL, 'nor the issuer');
ROLLBACK;
SELECT is(attempt(:'anna'), 'accepted', 'the former setting is in force again');

-- under PostgREST an error becomes 401 with WWW-Authenticate
BEGIN;
SET LOCAL request.method = 'GET';
SELECT throws_ok($$SELECT auth.authenticate('canary-canary')$$, 'PGRST', NULL, 'SQLSTATE PGRST');
SELECT is(attempt('canary-canary'), 'PGRST', 'no echo');
SELECT throws_ok(format('SELECT auth.authenticate(%L)', token('ben', '{"session_id": "00000000-0000-4000-8000-000000000000"}')), 'PGRST',
	'{"code":"session_not_found","message":"invalid token","details":"The session does not exist."}', 'the message is JSON');
DO $$
DECLARE
	message json;
	detail json;
BEGIN
	PERFORM auth.authenticate(NULL);
EXCEPTION WHEN SQLSTATE 'PGRST' THEN
	GET STACKED DIAGNOSTICS message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL;
	PERFORM set_config('test.postgrest', concat_ws(' ', message ->> 'code', detail ->> 'status', detail -> 'headers' ->> 'WWW-Authenticate'), true);
END
$$;
SELECT is(current_setting('test.postgrest'), 'malformed_token 401 Bearer error="invalid_token"', 'status and header are in the detail');
SELECT set_config('request.method', '', true) AS ignored \gset
SELECT is(attempt('canary-canary'), '28000 malformed_token', 'an empty request.method is none');
ROLLBACK;

-- what the planner may assume
SELECT is(string_agg(DISTINCT concat_ws(' ', provolatile, proparallel, proleakproof, prosecdef, pronargs), ','), 's s f f 0',
	'the accessors are STABLE, PARALLEL SAFE, not LEAKPROOF')
	FROM pg_proc WHERE pronamespace = 'auth'::regnamespace
		AND proname IN ('uid', 'tenant_id', 'session_id', 'role', 'email', 'tenant_role', 'unit_ids', 'aal', 'jwt', 'user_id', 'session');
SELECT is(concat_ws(' ', provolatile, proparallel, proleakproof, proisstrict), 'v u f f', 'authenticate is VOLATILE, PARALLEL UNSAFE and not STRICT')
	FROM pg_proc WHERE oid = 'auth.authenticate(text)'::regprocedure;

SELECT * FROM finish();
\i :include_end
