-- intrex_auth.claims_hook: its contract at issue and at verification, and attempts to
-- get around it, to become somebody through it, or to stop the server with it.
\set ECHO none
\set QUIET 1
\pset format unaligned
\pset tuples_only true
\set VERBOSITY terse
\getenv abs_srcdir PG_ABS_SRCDIR
\set include :abs_srcdir '/include/identities.psql'
\set include_end :abs_srcdir '/include/identities_end.psql'
\i :include
SET log_min_messages = panic;
SET intrex_auth.password_cost = 4;
SET intrex_auth.login_limit_pair = 1000000;
SET intrex_auth.login_limit_identifier = 1000000;

SELECT plan(219);

-- The hook: what it answers is in a row, what it was asked in another; it counts by a
-- sequence, which no rollback takes back.
CREATE SCHEMA hook_test;
GRANT USAGE ON SCHEMA hook_test TO auth_hook;
CREATE SEQUENCE hook_test.calls;
CREATE TABLE hook_test.answer (issue jsonb, verify jsonb);
CREATE TABLE hook_test.asked (event jsonb, who name, path text);
INSERT INTO hook_test.answer VALUES ('{"claims": {}}', '{"decision": "continue"}');
GRANT ALL ON ALL TABLES IN SCHEMA hook_test TO auth_hook;
GRANT ALL ON SEQUENCE hook_test.calls TO auth_hook;
CREATE FUNCTION hook_test.hook(event jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
BEGIN
	PERFORM nextval('hook_test.calls');
	RETURN CASE event ->> 'event' WHEN 'issue' THEN a.issue ELSE a.verify END FROM hook_test.answer AS a;
END
$$;
REVOKE ALL ON FUNCTION hook_test.hook(jsonb) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION hook_test.hook(jsonb) TO auth_hook;
-- Another body for it.
CREATE FUNCTION body(text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE format('CREATE OR REPLACE FUNCTION hook_test.hook(event jsonb) RETURNS jsonb LANGUAGE plpgsql AS %L', $1);
END
$$;
CREATE FUNCTION answers(issue jsonb, verify jsonb) RETURNS void LANGUAGE sql AS $$ UPDATE hook_test.answer AS a SET issue = $1, verify = $2 $$;
-- What becomes of a statement: its answer, or SQLSTATE and message.
CREATE FUNCTION try(statement text, value text DEFAULT NULL) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	answer text;
	state text;
	message text;
	detail text;
BEGIN
	EXECUTE statement INTO answer USING value;
	RETURN answer;
EXCEPTION WHEN OTHERS OR query_canceled THEN
	GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL;
	RETURN state || ' ' || message || coalesce(': ' || nullif(detail, ''), '');
END
$$;
CREATE FUNCTION login() RETURNS jsonb LANGUAGE sql AS $$ SELECT auth_api.login('hook@context.example', 'correct horse battery') $$;
SELECT auth.user_create('hook@context.example', 'correct horse battery') AS hook_user \gset
SELECT auth.member_add(id('north'), :'hook_user', 'viewer') \g /dev/null

-- none: nothing is asked
SELECT is(current_setting('intrex_auth.claims_hook') || current_setting('intrex_auth.claims_hook_timeout'), '2s', 'there is none, and it would have two seconds');
BEGIN;
SELECT is(try('SELECT auth.authenticate($1) IS NOT NULL', :'anna'), 'true', 'authenticate');
COMMIT;
SELECT is((SELECT is_called FROM hook_test.calls), false, 'nobody was asked');
SET intrex_auth.claims_hook = 'hook_test.hook';

-- at issue
SELECT body($$BEGIN INSERT INTO hook_test.asked VALUES (event, current_user, current_setting('search_path')); RETURN CASE event ->> 'event' WHEN 'issue' THEN jsonb_build_object('claims', event -> 'claims' || '{"plan": "gold", "n": {"a": [1, "x"]}}') ELSE '{"decision": "continue"}' END; END$$) \g /dev/null
SELECT login() AS grant \gset
SELECT is(c ->> 'plan' || ' ' || (c -> 'n')::text, 'gold {"a": [1, "x"]}', 'what it adds is in the token') FROM auth.jwt_verify(:'grant'::jsonb ->> 'access_token') AS c;
SELECT is(auth.jwt_verify(:'grant'::jsonb ->> 'access_token') - 'plan' - 'n', event -> 'claims', 'with all that was there') FROM hook_test.asked WHERE event ->> 'event' = 'issue';
SELECT is((SELECT array_agg(k ORDER BY k) FROM jsonb_object_keys(event) AS k), '{authentication_method,claims,event,user_id}', 'what it is asked') FROM hook_test.asked WHERE event ->> 'event' = 'issue';
SELECT is(ROW(event ->> 'user_id' = :'hook_user', event ->> 'authentication_method', who, path)::text,
	'(t,password,auth_hook,"pg_catalog, pg_temp")', 'for whom, and as whom') FROM hook_test.asked
	WHERE event ->> 'event' = 'issue';
SELECT is((SELECT array_agg(k ORDER BY k) FROM jsonb_object_keys(event) AS k)::text || (event -> 'claims' ->> 'plan'), '{claims,event,user_id}gold', 'and at verification') FROM hook_test.asked WHERE event ->> 'event' = 'verify' LIMIT 1;
BEGIN;
SELECT is(try('SELECT auth.authenticate($1) ->> ''plan'' || (auth.jwt() ->> ''plan'')', :'grant'::jsonb ->> 'access_token'), 'goldgold', 'authenticate and jwt have it too');
COMMIT;
DELETE FROM hook_test.asked;
SELECT auth_api.refresh(:'grant'::jsonb ->> 'refresh_token') AS grant \gset
SELECT is(event ->> 'authentication_method', 'token_refresh', 'a refresh') FROM hook_test.asked WHERE event ->> 'event' = 'issue';
SELECT is(auth.jwt_verify(:'grant'::jsonb ->> 'access_token') ->> 'plan', 'gold', 'is asked about as well');
SELECT body($$BEGIN PERFORM nextval('hook_test.calls'); RETURN CASE event ->> 'event' WHEN 'issue' THEN a.issue ELSE a.verify END FROM hook_test.answer AS a; END$$) \g /dev/null
SELECT answers('{"claims": {"only": "this"}}', '{"decision": "continue"}') \g /dev/null
SELECT is(c ->> 'only' || (c ->> 'sub'), 'this' || :'hook_user', 'claims that it leaves out stay') FROM auth.jwt_verify(login() ->> 'access_token') AS c;

-- what it must not change
CREATE FUNCTION changed(claim text, value jsonb) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	PERFORM answers(jsonb_build_object('claims', jsonb_build_object(claim, value)), '{"decision": "continue"}');
	RETURN try('SELECT login()');
END
$$;
SELECT is(changed(claim, value), '39000 claims hook "hook_test.hook" must not change the claim "' || claim || '"', claim || ' to ' || value::text) FROM
	unnest(ARRAY['iss', 'sub', 'aud', 'role', 'exp', 'iat', 'nbf', 'jti', 'session_id', 'tenant_id', 'tenant_role', 'unit_ids', 'aal', 'amr', 'email']) AS claim, unnest(ARRAY['"x"', 'null']::jsonb[]) AS value;
SELECT is(changed('role', '"authenticated"') ~ 'access_token', true, 'the same value is no change');
SELECT is(changed('Role', '"postgres"') ~ 'access_token', true, 'and another name is another claim');
SELECT matches(changed('deep', (repeat('[', 20) || repeat(']', 20))::jsonb), '^39000 claims hook "hook_test.hook" added claims that no token can hold', 'so deep that no token could be read');
SELECT matches(changed('long', to_jsonb(repeat('x', 10000))), '^39000 claims hook "hook_test.hook" added claims that no token can hold', 'so long that no request could carry it');

-- refusing a login: returned, not raised; nothing of it stays but the audit row
DELETE FROM auth.audit_log WHERE user_id = :'hook_user';
DELETE FROM auth.sessions WHERE user_id = :'hook_user';
SELECT answers('{"error": {"http_code": 402, "message": "Subscription has ended"}}', '{"decision": "continue"}') \g /dev/null
SELECT is(login(), '{"error": {"code": "claims_hook_refused", "status": 402, "message": "Subscription has ended"}}', 'a login');
SELECT is((SELECT count(*) FROM auth.sessions WHERE user_id = :'hook_user'), 0::bigint, 'no session is left of it');
SELECT is((SELECT array_agg(event || ' ' || outcome || ' ' || code) FROM auth.audit_log WHERE user_id = :'hook_user'), '{"claims_hook refused claims_hook_refused"}', 'and one audit row');
BEGIN;
SELECT is(login() #>> '{error,code}' || current_setting('response.status'), 'claims_hook_refused402', 'with the status for PostgREST');
COMMIT;
-- a refresh that is refused has not used the token
SELECT answers('{"claims": {}}', '{"decision": "continue"}') \g /dev/null
SELECT login() AS grant \gset
SELECT answers('{"error": {}}', '{"decision": "continue"}') \g /dev/null
SELECT is(auth_api.refresh(:'grant'::jsonb ->> 'refresh_token'), '{"error": {"code": "claims_hook_refused", "status": 403, "message": "The claims hook refused the token."}}', 'a refresh');
SELECT answers('{"claims": {}}', '{"decision": "continue"}') \g /dev/null
SELECT is(auth_api.refresh(:'grant'::jsonb ->> 'refresh_token') ? 'access_token', true, 'the refresh token is still good');
-- a tenant that is not entered
INSERT INTO auth.memberships (tenant_id, user_id, role) VALUES (id('south'), :'hook_user', 'viewer');
SELECT answers('{"error": {"message": "no"}}', '{"decision": "continue"}') \g /dev/null
BEGIN;
SELECT is(try('SELECT auth.authenticate($1) IS NOT NULL', :'grant'::jsonb ->> 'access_token'), 'true', 'who is asking');
SELECT is(auth_api.switch_tenant(id('south')) #>> '{error,message}', 'no', 'switching the tenant');
COMMIT;
SELECT is((SELECT name(tenant_id) FROM auth.sessions WHERE user_id = :'hook_user'), 'north', 'the session is where it was');
SELECT is(auth_api.register('hook2@context.example', 'correct horse battery') #>> '{error,message}', 'no', 'a registration logs nobody in');
SELECT is((SELECT count(*) FROM auth.users WHERE email = 'hook2@context.example'), 1::bigint, 'but there is the account');
DELETE FROM auth.users WHERE email = 'hook2@context.example';

-- answers that are none
CREATE FUNCTION at_issue(answer jsonb) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	PERFORM answers(answer, '{"decision": "continue"}');
	RETURN try('SELECT login()');
END
$$;
CREATE FUNCTION at_verification(answer jsonb, token text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	PERFORM answers('{"claims": {}}', answer);
	RETURN try('SELECT auth.jwt_verify($1)', token);
END
$$;
SELECT matches(at_issue(answer), '^39000 claims hook "hook_test.hook" returned an answer that cannot be used', 'at issue: ' || coalesce(left(answer::text, 60), 'NULL')) FROM unnest(ARRAY[NULL, 'null', '1', '"x"', '[]', '[{"claims": {}}]', '{}', '{"decision": "continue"}', '{"claims": null}', '{"claims": []}', '{"claims": "x"}', '{"Claims": {}}',
	'{"error": null}', '{"error": "no"}', '{"error": []}', '{"error": {"http_code": 200}}', '{"error": {"http_code": 500}}', '{"error": {"http_code": "403"}}', '{"error": {"http_code": 403.5}}', '{"error": {"http_code": 1e400}}', '{"error": {"message": 1}}', '{"error": {"message": ""}}', jsonb_build_object('error', jsonb_build_object('message', repeat('x', 1001)))]::jsonb[]) AS answer;
SELECT matches(at_verification(answer, :'anna'), '^39000 claims hook "hook_test.hook" returned an answer that cannot be used', 'at verification: ' || coalesce(answer::text, 'NULL')) FROM unnest(ARRAY[NULL, 'null', 'true', '"continue"', '[]', '["continue"]', '{}', '{"claims": {}}', '{"decision": null}', '{"decision": true}', '{"decision": ""}', '{"decision": "Continue"}', '{"decision": "continue "}', '{"decision": ["continue"]}', '{"Decision": "continue"}', '{"error": "x"}', '{"decision": "reject", "message": []}']::jsonb[]) AS answer;
SELECT is(at_verification(answer, :'anna'), '28000 invalid token: ' || expected, answer::text) FROM (VALUES ('{"decision": "reject"}'::jsonb, 'The claims hook refused the token. (claims_hook_refused)'), ('{"decision": "reject", "message": "HIPAA"}', 'HIPAA (claims_hook_refused)'), ('{"decision": "continue", "error": {"message": "both"}}', 'both (claims_hook_refused)')) AS c (answer, expected);
SELECT is(at_verification('{"decision": "continue", "message": "x"}', :'anna') ~ '"sub"', true, 'a clear yes');

-- the veto, whatever way the token comes in
SELECT answers('{"claims": {}}', '{"decision": "reject", "message": "no"}') \g /dev/null
BEGIN;
SELECT is(attempt(:'anna'), '28000 claims_hook_refused', 'authenticate');
SELECT is(attempt(:'anna', 'SELECT auth.jwt_verify($1)'), '28000 claims_hook_refused', 'jwt_verify');
SELECT set_config('intrex_auth.token', :'anna', true) \g /dev/null
SELECT is(try(f), '28000 invalid token: no (claims_hook_refused)', f) FROM unnest(ARRAY['SELECT auth.uid()', 'SELECT auth.tenant_id()', 'SELECT auth.session_id()', 'SELECT auth.user_id()', 'SELECT auth.role()', 'SELECT auth.email()', 'SELECT auth.tenant_role()', 'SELECT auth.unit_ids()', 'SELECT auth.aal()', 'SELECT auth.jwt()', 'SELECT auth.session()', 'SELECT auth_api.me()', 'SELECT auth_api.logout()']) AS f;
SELECT is(current_setting('app.current_tenant'), '00000000-0000-0000-0000-000000000000', 'no tenant is shown');
SELECT is(sees(), '28000 claims_hook_refused | 28000 claims_hook_refused | none', 'no row is seen');
COMMIT;
BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;
SELECT set_config('intrex_auth.token', :'anna', true) \g /dev/null
SELECT is(who(), '38000', 'read only: a hook that writes, as this one counts, lets nobody in');
COMMIT;
BEGIN ISOLATION LEVEL SERIALIZABLE;
SELECT is(attempt(:'anna'), '28000 claims_hook_refused', 'serializable');
COMMIT;
SELECT is(attempt(:'anna', 'SELECT auth.jwt_verify($1, ''{"kty": "oct", "alg": "HS256", "k": "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"}'')'), '28000 unknown_key', 'tokens by given keys are not its business');

-- once per transaction, again after a savepoint was rolled back or the rows or settings changed
SELECT answers('{"claims": {}}', '{"decision": "continue"}') \g /dev/null
CREATE FUNCTION calls() RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
	n bigint := nextval('hook_test.calls') - 1;
BEGIN
	PERFORM setval('hook_test.calls', 1, false);
	RETURN n;
END
$$;
SELECT calls() \g /dev/null
BEGIN;
SELECT set_config('intrex_auth.token', :'anna', true) \g /dev/null
SELECT is(current_setting('app.current_tenant'), '00000000-0000-0000-0000-000000000000', 'before it was asked there is no tenant');
SELECT is(who() || ' ' || calls(), 'anna, owner of north 1', 'the first read asks');
SELECT is(name(current_setting('app.current_tenant')::uuid), 'north', 'now there is one');
SELECT is(who() || ' ' || sees() || ' ' || calls(), 'anna, owner of north north 3 0', 'the others do not');
SAVEPOINT s;
SELECT is(who() || ' ' || calls(), 'anna, owner of north 0', 'nor in a savepoint');
ROLLBACK TO s;
SELECT is(current_setting('app.current_tenant'), '00000000-0000-0000-0000-000000000000', 'what was said in a savepoint that is gone is not said');
SELECT is(who() || ' ' || calls(), 'anna, owner of north 1', 'it is asked again');
UPDATE auth.sessions SET user_agent = 'x' WHERE id = id('anna session');
SELECT is(who() || ' ' || calls(), 'anna, owner of north 1', 'and after a change of the rows');
SET LOCAL intrex_auth.claims_hook_timeout = 1000;
SELECT is(who() || ' ' || calls(), 'anna, owner of north 1', 'and of the settings');
COMMIT;
BEGIN;
SELECT is(attempt(:'anna') || ' ' || who() || ' ' || calls(), 'accepted anna, owner of north 1', 'the next transaction asks again');
COMMIT;
-- a veto that comes between
BEGIN;
SELECT is(attempt(:'anna'), 'accepted', 'let in');
SAVEPOINT s;
SELECT answers('{"claims": {}}', '{"decision": "reject"}') \g /dev/null
SELECT is(attempt(:'ben'), '28000 claims_hook_refused', 'another is not');
ROLLBACK TO s;
SELECT is(who(), 'anna, owner of north', 'the first is as he was');
COMMIT;
-- a yes that holds only in a savepoint is no yes outside of it
SELECT answers('{"claims": {}}', '{"decision": "reject"}') \g /dev/null
BEGIN;
SELECT set_config('intrex_auth.token', :'anna', true) \g /dev/null
SAVEPOINT s;
SELECT answers('{"claims": {}}', '{"decision": "continue"}') \g /dev/null
SELECT is(who(), 'anna, owner of north', 'let in by what is rolled back');
ROLLBACK TO s;
SELECT is(who(), '28000 claims_hook_refused', 'and out again');
COMMIT;

-- parallel plans: the leader has asked, or nobody is let in
SELECT answers('{"claims": {}}', '{"decision": "continue"}') \g /dev/null
SELECT force_parallel('on') \g /dev/null
BEGIN;
SELECT is(attempt(:'anna'), 'accepted', 'asked in the leader');
SELECT is(try(format('SELECT backend() <> %s AND auth.uid() = %L', :leader, id('anna'))), 'true', 'a worker knows');
SELECT is(sees(), 'north 3', 'and sees');
COMMIT;
SELECT set_config('context_test.leader', :'leader', false) \g /dev/null
CREATE FUNCTION in_worker() RETURNS uuid LANGUAGE plpgsql STABLE PARALLEL SAFE AS
$$ BEGIN RETURN CASE WHEN pg_backend_pid() <> current_setting('context_test.leader')::int THEN auth.uid() END; END $$;
BEGIN;
SELECT set_config('intrex_auth.token', :'anna', true) \g /dev/null
SELECT is(try('SELECT in_worker()'), '28000 invalid token: The claims hook was not asked about the token before the query began. (claims_hook_not_asked)', 'a worker lets in nobody who was not asked about');
SELECT is(who(), 'anna, owner of north', 'the leader asks');
SELECT is(try('SELECT in_worker()'), id('anna')::text, 'and the next worker knows');
SAVEPOINT s;
ROLLBACK TO s;
SELECT matches(try('SELECT in_worker()'), 'claims_hook_not_asked', 'after a savepoint was rolled back it has to be asked anew');
COMMIT;
SELECT force_parallel('off') \g /dev/null

-- what the hook does to itself: errors, by its name and without their text
SELECT login() ->> 'access_token' AS token \gset
CREATE FUNCTION with_body(b text, token text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	PERFORM body(b);
	RETURN try('SELECT auth.jwt_verify($1)', token);
END
$$;
SELECT is(with_body(b, :'token'), expected, left(b, 70)) FROM (VALUES
	('BEGIN RAISE EXCEPTION ''canary %'', event; END', '38000 claims hook "hook_test.hook" failed: It raised SQLSTATE P0001.'),
	('BEGIN RAISE EXCEPTION USING ERRCODE = ''28000'', MESSAGE = ''canary'', DETAIL = ''(ok)'', HINT = ''canary''; END', '38000 claims hook "hook_test.hook" failed: It raised SQLSTATE 28000.'),
	('BEGIN RAISE EXCEPTION USING ERRCODE = ''XX000'', MESSAGE = ''canary''; END', '38000 claims hook "hook_test.hook" failed: It raised SQLSTATE XX000.'),
	('BEGIN RAISE EXCEPTION USING ERRCODE = ''40001'', MESSAGE = ''canary''; END', '40001 claims hook "hook_test.hook" failed: It raised SQLSTATE 40001.'),
	('BEGIN RAISE EXCEPTION USING ERRCODE = ''57014'', MESSAGE = ''canary'', DETAIL = ''canary''; END', '38000 claims hook "hook_test.hook" failed: It raised SQLSTATE 57014.'),
	('BEGIN RETURN (1 / 0)::text; END', '38000 claims hook "hook_test.hook" failed: It raised SQLSTATE 22012.'),
	('BEGIN RETURN ''canary''; END', '38000 claims hook "hook_test.hook" failed: It raised SQLSTATE 22P02.'),
	('BEGIN PERFORM canary(); END', '38000 claims hook "hook_test.hook" failed: It raised SQLSTATE 42883.'),
	('BEGIN SET ROLE anon; RETURN NULL; END', '38000 claims hook "hook_test.hook" failed: It raised SQLSTATE 42501.'),
	('BEGIN RESET ROLE; RETURN NULL; END', '38000 claims hook "hook_test.hook" failed: It raised SQLSTATE 42501.'),
	('BEGIN SET intrex_auth.claims_hook = ''''; RETURN NULL; END', '38000 claims hook "hook_test.hook" failed: It raised SQLSTATE 42501.'),
	('BEGIN CREATE TABLE hook_test.x (); RETURN NULL; END', '38000 claims hook "hook_test.hook" failed: It raised SQLSTATE 42501.'),
	('BEGIN COMMIT; RETURN NULL; END', '38000 claims hook "hook_test.hook" failed: It raised SQLSTATE 2D000.'),
-- it may not ask about what it decides, nor bring itself up again
	('BEGIN PERFORM auth.jwt_verify((SELECT t FROM hook_test.token AS t)); RETURN NULL; END', '38000 claims hook "hook_test.hook" failed: It raised SQLSTATE 42P01.')) AS c (b, expected);
-- which it could not call, if a superuser had not let it
SELECT is(with_body('BEGIN PERFORM auth.uid(); RETURN ''{"decision": "continue"}''; END', :'token'),
	'38000 claims hook "hook_test.hook" failed: It raised SQLSTATE 42501.', 'auth_hook may not use the schema auth');
GRANT USAGE ON SCHEMA auth, auth_api TO auth_hook;
GRANT EXECUTE ON FUNCTION auth.jwt_verify(text), auth.authenticate(text), auth.uid(),
	auth_api.login(text, text, uuid) TO auth_hook;
CREATE TABLE hook_test.token AS SELECT :'token'::text AS token;
GRANT SELECT ON hook_test.token TO auth_hook;
SELECT is(with_body(format('BEGIN %s; RETURN ''{"decision": "continue"}''; END', statement), :'token'), '38000 claims hook "hook_test.hook" failed: It raised SQLSTATE 55000.', statement) FROM unnest(ARRAY[
	'PERFORM auth.jwt_verify(t.token) FROM hook_test.token AS t', 'PERFORM auth.authenticate(t.token) FROM hook_test.token AS t', 'PERFORM set_config(''intrex_auth.token'', t.token, true), auth.uid() FROM hook_test.token AS t', 'PERFORM auth_api.login(''hook@context.example'', ''correct horse battery'')']) AS statement;
BEGIN;
SELECT set_config('intrex_auth.token', :'token', true) \g /dev/null
SELECT body('BEGIN PERFORM auth.uid(); RETURN ''{"decision": "continue"}''; END') \g /dev/null
SELECT is(try('SELECT auth.uid()'), '38000 claims hook "hook_test.hook" failed: It raised SQLSTATE 55000.', 'the identity that it judges');
SELECT body('BEGIN PERFORM current_setting(''app.current_tenant''); RETURN jsonb_build_object(''decision'', ''reject'', ''message'', current_setting(''app.current_tenant'')); END') \g /dev/null
SELECT is(try('SELECT auth.uid()'), '28000 invalid token: 00000000-0000-0000-0000-000000000000 (claims_hook_refused)', 'it sees no tenant');
-- what it sets ends with it
SELECT body('BEGIN PERFORM set_config(''intrex_auth.token'', '''', false), set_config(''search_path'', ''nowhere'', false), set_config(''statement_timeout'', ''1'', false), set_config(''app.x'', ''hook'', false); RETURN ''{"decision": "continue"}''; END') \g /dev/null
SELECT is(try('SELECT auth.uid()'), :'hook_user', 'a hook that takes the token away');
SELECT is(current_setting('search_path') || current_setting('statement_timeout') || coalesce(current_setting('app.x', true), ''), 'context_test, public0', 'has changed nothing');
SELECT is(current_user::text || who(), session_user::text || 'viewer of north', 'nor who the caller is');
COMMIT;

-- time: a loop, a sleep, a lock that never comes, a cancellation that is swallowed
SET intrex_auth.claims_hook_timeout = 100;
SELECT clock_timestamp() AS began \gset
SELECT is(with_body(b, :'token'), '57014 claims hook "hook_test.hook" took too long: It was cancelled after 100 ms.', left(b, 60)) FROM unnest(ARRAY[
	'BEGIN LOOP NULL; END LOOP; END', 'BEGIN PERFORM pg_sleep(60); RETURN ''{"decision": "continue"}''; END', 'BEGIN PERFORM count(*) FROM generate_series(1, 1000000000000); RETURN NULL; END',
	'BEGIN BEGIN PERFORM pg_sleep(60); EXCEPTION WHEN query_canceled THEN NULL; END; RETURN ''{"decision": "continue"}''; END', 'BEGIN FOR i IN 1 .. 5 LOOP BEGIN PERFORM pg_sleep(60); EXCEPTION WHEN query_canceled THEN NULL; END; END LOOP; RETURN ''{"decision": "continue"}''; END']) AS b;
SELECT cmp_ok(clock_timestamp() - :'began', '<', interval '55 seconds', 'and soon');
SET statement_timeout = '20s';
SELECT is(with_body('BEGIN LOOP NULL; END LOOP; END', :'token'), '57014 claims hook "hook_test.hook" took too long: It was cancelled after 100 ms.', 'a longer statement_timeout changes nothing');
SET statement_timeout = '300ms';
SET intrex_auth.claims_hook_timeout = 30000;
SELECT is(with_body('BEGIN LOOP NULL; END LOOP; END', :'token'), '57014 canceling statement due to statement timeout', 'a shorter one is still the client''s own');
SET intrex_auth.claims_hook_timeout = 2000;
SELECT body('BEGIN RETURN ''{"decision": "continue"}''; END') \g /dev/null
SELECT is(try('SELECT auth.jwt_verify($1) IS NOT NULL AND pg_sleep(60) IS NULL', :'token'), '57014 canceling statement due to statement timeout', 'and counts on when the hook is over');
RESET statement_timeout;
SELECT is(try('SELECT auth.jwt_verify($1) IS NOT NULL AND pg_sleep(2.5) IS NOT NULL', :'token'), 'true',
	'the time of the hook is not that of what follows');
RESET intrex_auth.claims_hook_timeout;

-- which function it is
CREATE ROLE intrex_auth_test_intruder;
CREATE SCHEMA hook_intruder AUTHORIZATION intrex_auth_test_intruder;
GRANT USAGE ON SCHEMA hook_intruder TO auth_hook;
CREATE FUNCTION named(hook text, token text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	PERFORM set_config('intrex_auth.claims_hook', hook, true);
	RETURN try('SELECT auth.jwt_verify($1) IS NOT NULL', token);
END
$$;
CREATE FUNCTION hook_test.returns_text(jsonb) RETURNS text LANGUAGE sql AS $$ SELECT '{"decision": "continue"}' $$;
CREATE FUNCTION hook_test.returns_set(jsonb) RETURNS SETOF jsonb LANGUAGE sql AS $$ SELECT '{"decision": "continue"}'::jsonb $$;
CREATE FUNCTION hook_test.takes_json(json) RETURNS jsonb LANGUAGE sql AS $$ SELECT '{"decision": "continue"}'::jsonb $$;
CREATE FUNCTION hook_test.takes_any(VARIADIC jsonb[]) RETURNS jsonb LANGUAGE sql AS $$ SELECT '{"decision": "continue"}'::jsonb $$;
CREATE PROCEDURE hook_test.procedure(jsonb) LANGUAGE sql AS $$ SELECT 1 $$;
CREATE FUNCTION hook_test.closed(jsonb) RETURNS jsonb LANGUAGE sql AS $$ SELECT '{"decision": "continue"}'::jsonb $$;
REVOKE ALL ON FUNCTION hook_test.closed(jsonb) FROM PUBLIC;
CREATE FUNCTION hook_test."Quoted Hook"(jsonb) RETURNS jsonb LANGUAGE sql AS $$ SELECT '{"decision": "continue"}'::jsonb $$;
CREATE FUNCTION hook_test.owned(jsonb) RETURNS jsonb LANGUAGE sql AS $$ SELECT '{"decision": "continue"}'::jsonb $$;
ALTER FUNCTION hook_test.owned(jsonb) OWNER TO auth_owner;
SET ROLE intrex_auth_test_intruder;
CREATE FUNCTION hook_intruder.hook(jsonb) RETURNS jsonb LANGUAGE sql AS $$ SELECT '{"decision": "continue"}'::jsonb $$;
CREATE FUNCTION hook_intruder.definer(jsonb) RETURNS jsonb LANGUAGE sql SECURITY DEFINER AS $$ SELECT '{"decision": "continue"}'::jsonb $$;
RESET ROLE;
SELECT is(named(hook, :'token'), expected, hook) FROM (VALUES
	('hook_test.owned', 'true'), ('hook_test."Quoted Hook"', 'true'), ('HOOK_TEST.OWNED', 'true'),
	('hook_test.nothing', '42883 claims hook "hook_test.nothing" cannot be called: There is no such function with one argument of type jsonb.'), ('nowhere.hook', '42883 claims hook "nowhere.hook" cannot be called: There is no such function with one argument of type jsonb.'), ('hook_test.takes_json', '42883 claims hook "hook_test.takes_json" cannot be called: There is no such function with one argument of type jsonb.'), ('hook_test.takes_any', '42883 claims hook "hook_test.takes_any" cannot be called: There is no such function with one argument of type jsonb.'),
	('hook', '42602 claims hook "hook" cannot be called: It is not the name of a function with its schema.'), ('a.b.c', '42602 claims hook "a.b.c" cannot be called: It is not the name of a function with its schema.'), ('hook_test.hook(jsonb)', '42883 claims hook "hook_test.hook(jsonb)" cannot be called: There is no such function with one argument of type jsonb.'), ('hook_test.', '42602 claims hook "hook_test." cannot be called: It is not the name of a function with its schema.'), (' ', '42602 claims hook " " cannot be called: It is not the name of a function with its schema.'),
	('hook_test.returns_text', '42809 claims hook "hook_test.returns_text" cannot be called: It does not return one jsonb.'), ('hook_test.returns_set', '42809 claims hook "hook_test.returns_set" cannot be called: It does not return one jsonb.'), ('hook_test.procedure', '42809 claims hook "hook_test.procedure" cannot be called: It does not return one jsonb.'),
	('hook_test.closed', '42501 claims hook "hook_test.closed" cannot be called: auth_hook may not execute it.'),
	('hook_intruder.hook', '42501 claims hook "hook_intruder.hook" cannot be called: '
		'It belongs neither to auth_owner nor to a superuser.'),
	('hook_intruder.definer', '42501 claims hook "hook_intruder.definer" cannot be called: '
		'It belongs neither to auth_owner nor to a superuser.')) AS c (hook, expected);
-- put in the place of one that was good, by the owner of its schema
CREATE FUNCTION hook_intruder.trusted(jsonb) RETURNS jsonb LANGUAGE sql AS $$ SELECT '{"decision": "reject"}'::jsonb $$;
SET intrex_auth.claims_hook = 'hook_intruder.trusted';
SELECT is(attempt(:'token', 'SELECT auth.jwt_verify($1)'), '28000 claims_hook_refused', 'a hook in the schema of another');
SET ROLE intrex_auth_test_intruder;
DROP FUNCTION hook_intruder.trusted(jsonb);
CREATE FUNCTION hook_intruder.trusted(jsonb) RETURNS jsonb LANGUAGE sql AS $$ SELECT '{"decision": "continue"}'::jsonb $$;
RESET ROLE;
SELECT is(attempt(:'token', 'SELECT auth.jwt_verify($1)'), '42501', 'who drops it and makes another lets nobody in');
SET intrex_auth.claims_hook = 'hook_test.hook';

REVOKE EXECUTE ON FUNCTION auth.jwt_verify(text), auth.authenticate(text), auth.uid(), auth_api.login(text, text, uuid)
	FROM auth_hook;
REVOKE USAGE ON SCHEMA auth, auth_api FROM auth_hook;

-- code of the owner of a table that the hook reads: predicates, policies, constraints
CREATE ROLE intrex_auth_test_planner;
CREATE SCHEMA hook_planner AUTHORIZATION intrex_auth_test_planner;
GRANT USAGE ON SCHEMA hook_planner TO auth_hook;
CREATE SEQUENCE hook_test.ran_as_hook;
CREATE SEQUENCE hook_test.ran_as_another;
GRANT USAGE ON SCHEMA hook_test TO PUBLIC;
GRANT USAGE ON SEQUENCE hook_test.ran_as_hook, hook_test.ran_as_another TO PUBLIC;
SET ROLE intrex_auth_test_planner;
CREATE FUNCTION hook_planner.strike() RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
	way text;
BEGIN
	-- while the tables are made, the session is a superuser's, who could be become again
	IF current_setting('planner.armed', true) IS DISTINCT FROM 'on' THEN
		RETURN true;
	END IF;
	FOREACH way IN ARRAY ARRAY['SELECT', 'RESET ROLE', 'SET ROLE auth_owner', 'RESET SESSION AUTHORIZATION',
		'UPDATE auth.users SET is_super_admin = true', 'SELECT password_hash FROM auth.users',
		'SELECT auth.user_create(''planner@context.example'', ''correct horse battery'')',
		'CREATE TEMP TABLE plans (user_id uuid)', 'PREPARE planted AS SELECT 1']
	LOOP
		BEGIN
			EXECUTE way;
			IF current_user = 'auth_hook' AND way = 'SELECT' THEN
				PERFORM nextval('hook_test.ran_as_hook');
			ELSE
				PERFORM nextval('hook_test.ran_as_another');
			END IF;
		EXCEPTION WHEN OTHERS THEN
			NULL;
		END;
	END LOOP;
	RETURN true;
END
$$;
CREATE FUNCTION hook_planner.strike(integer) RETURNS boolean IMMUTABLE LANGUAGE plpgsql
	AS 'BEGIN RETURN hook_planner.strike(); END';
CREATE TABLE hook_planner.plans (user_id uuid, plan text);
GRANT SELECT ON hook_planner.plans TO auth_hook;
CREATE INDEX ON hook_planner.plans (plan) WHERE hook_planner.strike(1);
ALTER TABLE hook_planner.plans ADD CHECK (hook_planner.strike(2)), ENABLE ROW LEVEL SECURITY;
CREATE POLICY all_of_them ON hook_planner.plans USING (hook_planner.strike());
INSERT INTO hook_planner.plans VALUES (gen_random_uuid(), 'gold');
RESET ROLE;
SET planner.armed = 'on';
SELECT body($$BEGIN PERFORM FROM hook_planner.plans AS p WHERE p.plan = 'gold';
	IF NOT FOUND THEN RETURN '{"decision": "reject", "message": "no plan"}'; END IF;
	RETURN CASE event ->> 'event' WHEN 'issue' THEN '{"claims": {}}' ELSE '{"decision": "continue"}' END; END$$)
	\g /dev/null
SELECT is(attempt(:'token', 'SELECT auth.jwt_verify($1)'), 'accepted', 'the hook reads a table of another');
SELECT is(login() ? 'access_token', true, 'at issue, too');
SELECT is((SELECT is_called FROM hook_test.ran_as_hook), true, 'code of the owner of the table runs as auth_hook');
SELECT is((SELECT is_called FROM hook_test.ran_as_another), false, 'as nobody else, and gets no further');
SELECT is((SELECT count(*) FROM auth.users WHERE is_super_admin AND email = 'hook@context.example'), 0::bigint,
	'and nobody became a platform administrator');

RESET planner.armed;

-- SECURITY DEFINER, and who may own it
CREATE FUNCTION hook_test.definer(event jsonb) RETURNS jsonb LANGUAGE sql SECURITY DEFINER
	AS $$ SELECT CASE current_user WHEN session_user THEN '{"decision": "continue"}'
		ELSE '{"decision": "reject"}' END::jsonb $$;
CREATE FUNCTION hook_test.definer_of_ours(event jsonb) RETURNS jsonb LANGUAGE sql SECURITY DEFINER
	AS $$ SELECT '{"decision": "continue"}'::jsonb $$;
ALTER FUNCTION hook_test.definer_of_ours(jsonb) OWNER TO auth_owner;
CREATE FUNCTION hook_test.its_own(event jsonb) RETURNS jsonb LANGUAGE sql
	AS $$ SELECT '{"decision": "continue"}'::jsonb $$;
ALTER FUNCTION hook_test.its_own(jsonb) OWNER TO auth_hook;
SELECT matches(named(hook, :'token'), expected, hook) FROM (VALUES
	('hook_test.definer', '^42501 .*cannot be called: It is SECURITY DEFINER'),
	('hook_test.definer_of_ours', '^42501 .*cannot be called: It is SECURITY DEFINER'),
	('hook_test.its_own', '^42501 .*cannot be called: It belongs neither to auth_owner nor to a superuser'))
	AS v (hook, expected);
SET ROLE authenticated;
SELECT matches(try('SELECT set_config(''intrex_auth.claims_hook_definer'', ''on'', false)'), '^42501',
	'whether it may be is a superuser''s to say');
RESET ROLE;
SET intrex_auth.claims_hook_definer = on;
SELECT is(named('hook_test.definer', :'token'), 'true', 'a superuser may let it be SECURITY DEFINER');
SELECT matches(named('hook_intruder.definer', :'token'), '^42501', 'but not one of somebody else');
RESET intrex_auth.claims_hook_definer;
-- rights that auth_hook must not have
GRANT auth_owner TO auth_hook;
SELECT matches(attempt(:'token', 'SELECT auth.jwt_verify($1)'), '^42501',
	'an auth_hook with the rights of auth_owner is not run');
REVOKE auth_owner FROM auth_hook;
-- no token names the roles that code of ours runs as
SET intrex_auth.api_roles = 'anon,authenticated,auth_platform,auth_hook,auth_owner';
SELECT is(attempt(auth.jwt_sign(auth.jwt_verify(:'token') - 'iat' - 'exp' - 'jti' || jsonb_build_object('role', r))),
	'28000 wrong_role', 'a token for ' || r)
	FROM unnest(ARRAY['auth_hook', 'auth_owner']) AS r;
RESET intrex_auth.api_roles;
SELECT is(auth._role_valid('auth_hook'), false, 'and no role of a tenant is called so');

-- the caller's search_path, temporary objects and settings
CREATE FUNCTION hook_intruder.jsonb_build_object(VARIADIC "any") RETURNS jsonb LANGUAGE internal AS 'jsonb_build_object';
CREATE FUNCTION hook_intruder.lower(text) RETURNS text LANGUAGE sql AS $$ SELECT 'continue' $$;
CREATE FUNCTION pg_temp.lower(text) RETURNS text LANGUAGE sql AS $$ SELECT 'continue' $$;
SELECT body('BEGIN RETURN jsonb_build_object(''decision'', lower(''REJECT'')); END') \g /dev/null
SET search_path = hook_intruder, pg_temp, pg_catalog, context_test, public;
SELECT public.is(context_test.attempt(:'token', 'SELECT auth.jwt_verify($1)'), '28000 claims_hook_refused', 'the search_path of the caller is not the hook''s');
SET search_path = context_test, public;
BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;
SELECT set_config('intrex_auth.token', :'token', true) \g /dev/null
SELECT is(who(), '28000 claims_hook_refused', 'repeatable read, read only');
COMMIT;
SET ROLE authenticated;
SELECT is(try(s) ~ '^42501', true, s) FROM unnest(ARRAY['SELECT set_config(''intrex_auth.claims_hook'', '''', true)', 'SELECT set_config(''intrex_auth.claims_hook_timeout'', ''60000'', true)', 'SELECT hook_test.hook(''{}'')']) AS s;
SELECT is(attempt(:'token'), '28000 claims_hook_refused', 'an API role is judged, though it may not call the hook');
RESET ROLE;

RESET intrex_auth.claims_hook;
BEGIN;
SELECT is(attempt(:'token'), 'accepted', 'without a hook all is as before');
COMMIT;
SELECT * FROM finish();
DELETE FROM auth.users WHERE email = 'hook@context.example';
DROP SCHEMA hook_test, hook_intruder, hook_planner CASCADE;
DROP ROLE intrex_auth_test_intruder, intrex_auth_test_planner;
\i :include_end
