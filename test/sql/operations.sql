-- sql/90_operations.sql: what auth.cleanup() removes, what it leaves, and how much at once.
\set ECHO none
\set QUIET 1
\pset format unaligned
\pset tuples_only true
\set VERBOSITY terse
SET client_min_messages = warning;

BEGIN;
SELECT plan(23);

DELETE FROM auth.cleanup_passes;
DELETE FROM auth.sessions;
DELETE FROM auth.audit_seals;
DELETE FROM auth.audit_log;
INSERT INTO auth.users (id, email) VALUES ('00000000-0000-4000-8000-00000000000a', 'ann@example.com');

-- name, age, end and revocation in days from now, and the days in which its refresh tokens expire
CREATE TEMPORARY TABLE cases (name text, created integer, expires integer, revoked integer, tokens integer[], stays boolean, tokens_stay integer);
INSERT INTO cases VALUES
	('fresh', 0, NULL, NULL, '{7}', true, 1),
	('old and refreshed', -100, NULL, NULL, '{-93,-50,-2,7}', true, 1),
	('old, its tokens just expired', -100, NULL, NULL, '{-93,-29}', true, 1),
	('old, its tokens long expired', -100, NULL, NULL, '{-93,-31}', false, 0),
	('old, without tokens', -100, NULL, NULL, '{}', false, 0),
	('young, without tokens', -1, NULL, NULL, '{}', true, 0),
	('revoked just now', -100, NULL, -1, '{-99,-98}', true, 1),
	('revoked long ago', -100, NULL, -31, '{7}', false, 0),
	('over long ago', -100, -31, NULL, '{7}', false, 0),
	('over just now', -100, -29, NULL, '{-2,7}', true, 1),
	('over just now, its tokens long expired', -100, -29, NULL, '{-99}', false, 0),
	('not over, its tokens expired', -100, 100, NULL, '{-29}', true, 1),
	('not over, its tokens long expired', -100, 100, NULL, '{-99}', false, 0),
	('not over, without tokens', -100, 100, NULL, '{}', true, 0),
	('revoked just now, over long ago', -100, -50, -1, '{}', true, 0);
CREATE FUNCTION pg_temp.hash(name text, n bigint) RETURNS bytea LANGUAGE sql AS $$ SELECT sha256(convert_to(name || n, 'UTF8')) $$;
INSERT INTO auth.sessions (user_id, created_at, expires_at, revoked_at, user_agent)
	SELECT '00000000-0000-4000-8000-00000000000a', now() + created * interval '1 day', now() + expires * interval '1 day', now() + revoked * interval '1 day', name FROM cases;
INSERT INTO auth.refresh_tokens (token_hash, session_id, parent, salt, created_at, expires_at, generation)
	SELECT pg_temp.hash(c.name, t.n), s.id, CASE WHEN t.n > 1 THEN pg_temp.hash(c.name, t.n - 1) END, '\x00', now(),
		now() + t.expires * interval '1 day', t.n - 1
	FROM cases AS c JOIN auth.sessions AS s ON s.user_agent = c.name, unnest(c.tokens) WITH ORDINALITY AS t (expires, n);
SELECT auth._audit('test', 'success') \g /dev/null

-- bounded: of each kind one is looked at, until all have been
CREATE FUNCTION pg_temp.calls(OUT calls integer, OUT most bigint, OUT sealed bigint, OUT sessions bigint,
	OUT tokens bigint) LANGUAGE plpgsql AS $$
DECLARE
	answer jsonb;
BEGIN
	calls := 0; most := 0; sealed := 0; sessions := 0; tokens := 0;
	LOOP
		answer := auth.cleanup(1);
		calls := calls + 1;
		most := greatest(most, (answer ->> 'sessions')::bigint, (answer ->> 'refresh_tokens')::bigint);
		sealed := sealed + (answer ->> 'audit_sealed')::bigint;
		sessions := sessions + (answer ->> 'sessions')::bigint;
		tokens := tokens + (answer ->> 'refresh_tokens')::bigint;
		EXIT WHEN NOT EXISTS (SELECT FROM auth.cleanup_passes AS p WHERE NOT p.is_through);
	END LOOP;
END
$$;
SELECT calls > 8 AS many, most, sealed, sessions, tokens FROM pg_temp.calls() \gset
SELECT is(:'many', 't'::text, 'many calls');
SELECT is(:most, 1, 'none of which removes more than it may');
SELECT is(:sealed, 1, 'seal what there is');
SELECT is(:sessions, (SELECT count(*) FROM cases WHERE NOT stays)::integer, 'and remove what is over');
SELECT is(auth.cleanup() - 'login_attempts', '{"skipped": [], "audit_cut": 0, "invitations": 0, "audit_sealed": 0, '
	'"refresh_tokens": 0, "revoked_tokens": 0, "sessions": 0}', 'then nothing');
SELECT is((SELECT count(*)::integer FROM auth.sessions AS s WHERE s.user_agent = c.name) = 1, c.stays, c.name) FROM cases AS c ORDER BY c.name;
SELECT results_eq($$ SELECT c.name, (SELECT count(*)::integer FROM auth.refresh_tokens AS r JOIN auth.sessions AS s ON s.id = r.session_id WHERE s.user_agent = c.name) FROM cases AS c ORDER BY 1 $$,
	$$ SELECT name, tokens_stay FROM cases ORDER BY 1 $$, 'of refresh tokens the last one of a session stays');
SELECT throws_ok(format('SELECT auth.cleanup(%s)', n), '22023', 'max must be from 1 to 1000000', 'cleanup of ' || n) FROM unnest(ARRAY['0', 'NULL']) AS n;

SELECT * FROM finish();
ROLLBACK;

BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT plan(4);
SELECT is(auth.cleanup() ->> 'audit_sealed', NULL, 'an old snapshot seals nothing');
SELECT is(has_function_privilege(role, 'auth.cleanup(integer)', 'EXECUTE'), role = 'auth_admin', role || ' calling cleanup')
	FROM unnest(ARRAY['anon', 'authenticated', 'auth_admin']) AS role;
SELECT * FROM finish();
ROLLBACK;
