-- sql/90_operations.sql: what lives on is not read by each call, and no family of refresh tokens grows without end.
\set ECHO none
\set QUIET 1
\pset format unaligned
\pset tuples_only true
\set VERBOSITY terse
SET client_min_messages = warning;

BEGIN;
SELECT plan(15);

SELECT auth._seconds('refresh_reuse_grace') \g /dev/null
SET LOCAL intrex_auth.refresh_reuse_grace = '30s';
SET LOCAL intrex_auth.refresh_recovery = '20s';

DELETE FROM auth.cleanup_passes;
DELETE FROM auth.sessions;
INSERT INTO auth.users (id, email) VALUES ('00000000-0000-4000-8000-00000000000a', 'ann@example.com');
CREATE FUNCTION pg_temp.id(what text, n integer) RETURNS uuid LANGUAGE sql AS $$ SELECT md5(what || n)::uuid $$;
CREATE FUNCTION pg_temp.hash(what text, n integer) RETURNS bytea LANGUAGE sql AS $$
	SELECT sha256(convert_to(what || n, 'UTF8'))
$$;
-- rows of ours that this transaction has read so far, by scans and through indexes
CREATE FUNCTION pg_temp.read() RETURNS bigint LANGUAGE sql VOLATILE AS $$
	SELECT sum(coalesce(s.seq_tup_read, 0) + coalesce(s.idx_tup_fetch, 0))::bigint FROM pg_stat_xact_user_tables AS s
	WHERE s.schemaname = 'auth' AND s.relname IN ('sessions', 'refresh_tokens', 'revoked_tokens', 'invitations')
$$;

-- Old sessions: some go on, some ended a while ago and are kept; ended ones keep their last token.
INSERT INTO auth.sessions (id, user_id, created_at, expires_at, revoked_at)
	SELECT pg_temp.id('s', n), '00000000-0000-4000-8000-00000000000a', now() - interval '100 days',
		CASE WHEN n % 4 = 2 THEN now() - interval '5 days' WHEN n % 4 = 3 THEN now() + interval '5 days' END,
		CASE WHEN n % 4 = 1 THEN now() - interval '5 days' END
	FROM generate_series(1, 2000) AS n;
INSERT INTO auth.refresh_tokens (token_hash, session_id, parent, salt, created_at, expires_at, generation)
	SELECT pg_temp.hash('t', 2 * n + g), pg_temp.id('s', n), CASE g WHEN 1 THEN pg_temp.hash('t', 2 * n) END, '\x00',
		now() - (7 - 2 * g) * interval '1 day',
		now() + n * interval '1 millisecond' + CASE WHEN n <= 1000 THEN g ELSE g - 4 END * interval '1 day', g
	FROM generate_series(1, 2000) AS n, generate_series(0, 1) AS g;
ANALYZE auth.sessions, auth.refresh_tokens;
SELECT auth.cleanup() AS answer \gset
SELECT is((:'answer'::jsonb ->> 'sessions')::integer, 0, 'no session is over for long');
SELECT is((:'answer'::jsonb ->> 'refresh_tokens')::integer, 1000, 'used tokens that expired go');
SELECT cmp_ok(pg_temp.read(), '>', 5000::bigint, 'the first call looks at what is due to be looked at');
SELECT pg_temp.read() AS before \gset
SELECT auth.cleanup() AS answer \gset
SELECT cmp_ok(pg_temp.read() - :before, '<', 20::bigint, 'the next reads next to nothing of 2000 sessions');
-- neighbour: what comes later is found
UPDATE auth.sessions SET revoked_at = now() - interval '31 days' WHERE id = pg_temp.id('s', 4);
SELECT pg_temp.read() AS before \gset
SELECT auth.cleanup() AS answer \gset
SELECT is((:'answer'::jsonb ->> 'sessions')::integer, 1, 'one that ends goes');
SELECT cmp_ok(pg_temp.read() - :before, '<', 20::bigint, 'and nothing else is read');
SELECT is((SELECT count(*)::integer FROM auth.sessions), 1999, 'all others stay');

-- A client that refreshes each second, for an hour and a half.
DELETE FROM auth.sessions;
INSERT INTO auth.sessions (id, user_id) VALUES (pg_temp.id('s', 0), '00000000-0000-4000-8000-00000000000a'),
	(pg_temp.id('s', 1), '00000000-0000-4000-8000-00000000000a');
INSERT INTO auth.refresh_tokens (token_hash, session_id, parent, salt, created_at, expires_at, generation)
	SELECT pg_temp.hash('f', n), pg_temp.id('s', 0), CASE WHEN n > 0 THEN pg_temp.hash('f', n - 1) END, '\x00',
		now() - (6000 - n) * interval '1 second', now() + interval '7 days', n
	FROM generate_series(0, 6000) AS n;
-- and one that refreshes each quarter of an hour, for a week
INSERT INTO auth.refresh_tokens (token_hash, session_id, parent, salt, created_at, expires_at, generation)
	SELECT pg_temp.hash('g', n), pg_temp.id('s', 1), CASE WHEN n > 0 THEN pg_temp.hash('g', n - 1) END, '\x00',
		now() - (672 - n) * interval '15 minutes', now() + interval '7 days', n
	FROM generate_series(0, 672) AS n;
ANALYZE auth.refresh_tokens;
SELECT auth.cleanup(1000) AS answer \gset
SELECT is((:'answer'::jsonb ->> 'refresh_tokens')::integer, 1000, 'so many at a call');
SELECT auth.cleanup() AS answer \gset
-- the milestone an hour and the grace ago is 2300, and lets go all up to 1300
SELECT is((:'answer'::jsonb ->> 'refresh_tokens')::integer, 301, 'the oldest go');
SELECT is((SELECT min(generation) || ' ' || count(*) FROM auth.refresh_tokens WHERE session_id = pg_temp.id('s', 0)),
	'1301 4700',
	'a thousand stay, and what is younger than an hour');
SELECT is((SELECT count(*)::integer FROM auth.refresh_tokens WHERE session_id = pg_temp.id('s', 1)), 673,
	'the other family is whole');
UPDATE auth.refresh_tokens SET created_at = created_at - interval '2 hours' WHERE session_id = pg_temp.id('s', 0);
SELECT auth.cleanup() \g /dev/null
SELECT is((SELECT min(generation) || ' ' || max(generation) FROM auth.refresh_tokens WHERE session_id = pg_temp.id('s',
	0)), '5001 6000',
	'an hour later a thousand are left');

-- A token that has gone is refused, and opens nothing.
SELECT auth_api.refresh((auth._session_begin('00000000-0000-4000-8000-00000000000a', NULL,
	'password')).refresh_token) AS one \gset
SELECT auth_api.refresh(:'one'::jsonb ->> 'refresh_token') AS two \gset
SELECT results_eq($$ SELECT r.generation FROM auth.refresh_tokens AS r
		JOIN auth.sessions AS s ON s.id = r.session_id AND s.amr <> '[]' ORDER BY 1 $$,
	'VALUES (0), (1), (2)', 'generations are counted');
DELETE FROM auth.refresh_tokens WHERE token_hash = auth._opaque_hash(:'one'::jsonb ->> 'refresh_token');
SELECT is(auth_api.refresh(:'one'::jsonb ->> 'refresh_token') #>> '{error,code}', 'refresh_token_not_found',
	'a token whose row is gone is refused');
SELECT is(auth_api.refresh(:'two'::jsonb ->> 'refresh_token') ? 'access_token', true, 'the newest goes on');

SELECT * FROM finish();
ROLLBACK;
