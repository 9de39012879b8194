-- sql/40_response.sql and sql/45_audit.sql: refusals, the audit trail and its seals.
\set ECHO none
\set QUIET 1
\pset format unaligned
\pset tuples_only true
\set VERBOSITY terse
SET client_min_messages = warning;

BEGIN;
SELECT plan(82);

-- refusals
SELECT is(auth._refusal(409, 'conflict', 'No'), '{"error": {"message": "No", "status": 409, "code": "conflict"}}', 'the body of a refusal');
SELECT is(current_setting('response.status'), '409', 'its status, for PostgREST');
SELECT is(coalesce(current_setting('response.headers', true), ''), '', 'no header');
SELECT is(auth._refusal(429, 'over_request_rate_limit', 'Too many attempts', 7) #>> '{error,status}', '429', 'a refusal that says when to come back');
SELECT is(current_setting('response.headers'), '[{"Retry-After": "7"}]', 'Retry-After');
SELECT lives_ok($$ SELECT auth._refusal(401, 'no_authorization', 'Authentication required') $$, 'a 401');
SELECT is(current_setting('response.headers'), '[{"Retry-After": "7"}, {"WWW-Authenticate": "Bearer"}]', 'headers are appended');
SELECT throws_ok(format('SELECT auth._response_header(%L, %L)', name, value), '22023', NULL, format('header %s refused', n))
	FROM (VALUES (1, 'A', E'x\r\nSet-Cookie: a=b'), (2, 'A', E'x\nb'), (3, E'A\r\nB', 'x'), (4, 'A b', 'x'), (5, '', 'x'), (6, NULL, 'x'), (7, 'A', NULL), (8, 'A', repeat('x', 1000000))) AS h (n, name, value);
SET LOCAL response.headers = 'no json';
SELECT lives_ok($$ SELECT auth._response_header('A', 'b') $$, 'what was left there in another form');
SELECT is(current_setting('response.headers'), '[{"A": "b"}]', 'is replaced');
SET LOCAL response.headers = '{"A": "b"}';
SELECT lives_ok($$ SELECT auth._response_header('A', 'c') $$, 'the same of JSON that is no array');
SELECT is(current_setting('response.headers'), '[{"A": "c"}]', 'is replaced too');
SELECT throws_ok($$ SELECT auth._fail('P0002', 'not there') $$, 'P0002', 'not there', 'an error without a hint');
SELECT throws_ok($$ SELECT auth._fail('22023', 'no', 'do this') $$, '22023', 'no', 'an error with one');

-- what a terminal would obey or hide
SELECT is(auth._printable(value, 320), expected, format('printable %s', n)) FROM (VALUES
	(1, 'user@example.com', 'user@example.com'),
	(2, E'a\nb\rc\td', 'a\u000Ab\u000Dc\u0009d'),
	(3, E'\u001B[31mred', '\u001B[31mred'),
	(4, E'a\u202Egnp.exe', 'a\u202Egnp.exe'),
	(5, E'a\u200Bb\uFEFFc\u00ADd', 'a\u200Bb\uFEFFc\u00ADd'),
	(6, E'a\\u000Ab', 'a\u005Cu000Ab'),
	(7, E'\U000E0041', '\U000E0041'),
	(8, 'größe 日本', 'größe 日本'),
	(9, '', ''),
	(10, NULL, NULL)) AS p (n, value, expected);
SELECT is(length(auth._printable(repeat('x', 1000000), 320)), 320, 'cut at its length');
SELECT is(auth._printable(repeat(E'\n', 1000), 20), repeat('\u000A', 3), 'escapes are not cut in two');

-- rows
DELETE FROM auth.audit_seals;
DELETE FROM auth.audit_log;
SELECT lives_ok($$ SELECT auth._audit('login', 'refused', 'invalid_credentials',
	identifier => E'root@example.com\n2026-01-01 LOG: login ok', details => '{"n": 1}') $$, 'a row');
SELECT is((SELECT concat_ws(' ', event, outcome, code, identifier, details) FROM auth.audit_log),
	'login refused invalid_credentials root@example.com\u000A2026-01-01 LOG: login ok {"n": 1}', 'as given, on one line');
SELECT is((SELECT at BETWEEN now() AND clock_timestamp() FROM auth.audit_log), true, 'with the time of the wall clock');
SELECT is((SELECT address FROM auth.audit_log) IS NOT DISTINCT FROM auth.client_address(), true, 'and the address of the client');
SELECT lives_ok($$ SELECT auth._audit('test', 'success', details => jsonb_build_object('x', repeat('x', 100000))) $$, 'details of 100 kB');
SELECT is((SELECT details FROM auth.audit_log WHERE event = 'test'), '{"truncated": true}', 'are not stored');
SELECT throws_ok($$ SELECT auth._audit('test', 'maybe') $$, '23514', NULL, 'an outcome that does not exist');

-- append-only
CREATE FUNCTION pg_temp.attempt(role name, query text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE format('SET LOCAL ROLE %I', role);
	EXECUTE query;
	RESET ROLE;
	RETURN 'done';
EXCEPTION WHEN OTHERS THEN
	RETURN SQLSTATE;
END
$$;
SELECT is(pg_temp.attempt(role, query), '42501', format('%s: %s', role, query))
	FROM unnest(ARRAY['anon', 'authenticated', 'auth_platform', 'auth_admin']) AS role,
		unnest(ARRAY['UPDATE auth.audit_log SET outcome = ''success''', 'DELETE FROM auth.audit_log', 'DELETE FROM auth.audit_seals']) AS query;
SELECT is(pg_temp.attempt(role, 'SELECT * FROM auth.audit_log'), expected, role || ' reading')
	FROM (VALUES ('anon', '42501'), ('authenticated', '42501'), ('auth_platform', '42501'), ('auth_admin', 'done')) AS r (role, expected);
SELECT is(pg_temp.attempt('auth_admin', query), expected, 'auth_admin: ' || query) FROM (VALUES
	('TRUNCATE auth.audit_log', '42501'),
	('INSERT INTO auth.audit_log (event, outcome) VALUES (''forged'', ''success'')', '42501'),
	('SELECT auth._audit(''forged'', ''success'')', '42501'),
	('SELECT nextval(''auth.audit_log_id_seq'')', '42501'),
	('SELECT auth.audit_verify()', 'done')) AS q (query, expected);

-- seals: eight rows in batches of three
SELECT auth._audit('event', 'success', identifier => 'user' || n || '@example.com', details => '{"b": 1.50, "a": [null, "ü"]}', user_id => gen_random_uuid())
	FROM generate_series(1, 6) AS n \g /dev/null
SELECT is(auth.audit_seal(3), 3::bigint, 'three rows sealed');
SELECT is(auth.audit_seal(3), 3::bigint, 'three more');
SELECT is(auth.audit_seal(), 2::bigint, 'the rest');
SELECT is(auth.audit_seal(), 0::bigint, 'nothing left');
SELECT results_eq('SELECT ok, reason FROM auth.audit_verify()', $$ SELECT true, NULL::text FROM generate_series(1, 3) $$, 'all seals hold');
SELECT throws_ok(format('SELECT auth.audit_seal(%s)', n), '22023', NULL, 'audit_seal of ' || n) FROM unnest(ARRAY['0', '-1', 'NULL', '2000000000']) AS n;

-- no setting changes a digest
SET LOCAL TimeZone = 'Asia/Kathmandu';
SET LOCAL DateStyle = 'German';
SET LOCAL IntervalStyle = 'sql_standard';
SET LOCAL bytea_output = 'escape';
SET LOCAL extra_float_digits = -15;
SET LOCAL standard_conforming_strings = off;
SELECT is((SELECT bool_and(ok) FROM auth.audit_verify()), true, 'they hold under other settings');
RESET standard_conforming_strings;

-- each kind of damage, undone each time
CREATE FUNCTION pg_temp.after(damage text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	verdicts text;
BEGIN
	BEGIN
		EXECUTE damage;
		SELECT string_agg(coalesce(reason, 'ok'), '; ' ORDER BY seal_id) INTO verdicts FROM auth.audit_verify();
		RAISE EXCEPTION USING ERRCODE = 'UNDO1';
	EXCEPTION WHEN SQLSTATE 'UNDO1' THEN
		RETURN verdicts;
	END;
END
$$;
CREATE TEMPORARY TABLE ranks AS SELECT id, row_number() OVER (ORDER BY id) AS n FROM auth.audit_log;
SELECT is(pg_temp.after(damage), expected, damage) FROM (VALUES
	($$ UPDATE auth.audit_log SET outcome = 'success' WHERE id = (SELECT id FROM ranks WHERE n = 1) $$, 'a row or the seal was changed; ok; ok'),
	($$ UPDATE auth.audit_log SET at = at + interval '1 microsecond' WHERE id = (SELECT id FROM ranks WHERE n = 4) $$, 'ok; a row or the seal was changed; ok'),
	($$ UPDATE auth.audit_log SET details = NULL WHERE id = (SELECT id FROM ranks WHERE n = 8) $$, 'ok; ok; a row or the seal was changed'),
	($$ DELETE FROM auth.audit_log WHERE id = (SELECT id FROM ranks WHERE n = 5) $$, 'ok; 3 rows were sealed, 2 are there; ok'),
	($$ INSERT INTO auth.audit_log (id, event, outcome) OVERRIDING SYSTEM VALUE VALUES (-9223372036854775808, 'forged', 'success') $$, '3 rows were sealed, 4 are there; ok; ok'),
	($$ UPDATE auth.audit_seals SET row_count = 4 WHERE id = (SELECT min(id) FROM auth.audit_seals) $$, '4 rows were sealed, 3 are there; ok; ok'),
	($$ UPDATE auth.audit_seals SET sealed_at = sealed_at - interval '1 day' WHERE id = (SELECT min(id) FROM auth.audit_seals) $$, 'a row or the seal was changed; ok; ok'),
	($$ UPDATE auth.audit_seals SET digest = sha256('x') WHERE id = (SELECT min(id) FROM auth.audit_seals) $$, 'a row or the seal was changed; the seal before it was removed or changed; ok'),
	($$ DELETE FROM auth.audit_seals WHERE id = (SELECT min(id) FROM auth.audit_seals) $$, 'the seal before it was removed or changed; ok'),
	($$ DELETE FROM auth.audit_log $$, '3 rows were sealed, 0 are there; 3 rows were sealed, 0 are there; 2 rows were sealed, 0 are there')) AS d (damage, expected);
SELECT is((SELECT bool_and(ok) FROM auth.audit_verify()), true, 'undone, they hold again');

SELECT * FROM finish();
ROLLBACK;

-- other kinds of transaction
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT plan(1);
SELECT throws_ok('SELECT auth.audit_seal()', '55000', 'the audit trail is sealed at READ COMMITTED only', 'no seal from an old snapshot');
SELECT * FROM finish();
ROLLBACK;
SELECT count(*) AS rows_before FROM auth.audit_log \gset
BEGIN READ ONLY;
SELECT auth._audit('login', 'refused', 'invalid_credentials') \g /dev/null
COMMIT;
BEGIN;
SELECT plan(1);
SELECT is((SELECT count(*) FROM auth.audit_log), :rows_before::bigint, 'nothing is written in a read-only transaction, nor is it an error');
SELECT * FROM finish();
ROLLBACK;
