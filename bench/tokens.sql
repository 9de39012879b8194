-- bench/tokens.sql: access tokens: verifying them, and making them the context.
-- Depends on setup.sql.

\set ON_ERROR_STOP 1
SET max_parallel_workers_per_gather = 0;
SET jit = off;
SELECT count(*) AS tokens, round(avg(length(token))) AS characters FROM bench.tokens \gset
\echo :tokens tokens of about :characters characters
SELECT bench.share_key();

-- Both must say the same before either is timed.
SELECT bench.demand('the plain function accepts our tokens',
	(SELECT bool_and(bench.plain_verify(token)) FROM bench.tokens));
SELECT bench.demand('it refuses others',
	(SELECT bool_and(NOT bench.plain_verify(overlay(token PLACING 'A' FROM 200))
		OR substr(token, 200, 1) = 'A') FROM bench.tokens));
SELECT bench.demand('both give the same claims',
	(SELECT bool_and(bench.plain_verify_jsonb(token) = auth.jwt_verify(token)) FROM bench.tokens));

SELECT bench.cost('a row with a token, in all that follows', 'SELECT count(token) FROM bench.tokens', :tokens);

BEGIN;
SET LOCAL intrex_auth.session_check = off;
SELECT bench.compare('set the context / HMAC alone',
	$$SELECT count(set_config('intrex_auth.token', token, true)) FROM bench.tokens$$,
	'SELECT count(bench.plain_verify(token)) FROM bench.tokens', :tokens, '<=', 2.0);
SELECT bench.compare('authenticate() / HMAC alone',
	'SELECT count(auth.authenticate(token)) FROM bench.tokens',
	'SELECT count(bench.plain_verify(token)) FROM bench.tokens', :tokens, '<=', 2.0);
SELECT bench.compare('authenticate() / HMAC and jsonb_in',
	'SELECT count(auth.authenticate(token)) FROM bench.tokens',
	'SELECT count(bench.plain_verify_jsonb(token)) FROM bench.tokens', :tokens);
COMMIT;

SELECT bench.compare('jwt_verify() / HMAC and jsonb_in',
	'SELECT count(auth.jwt_verify(token)) FROM bench.tokens',
	'SELECT count(bench.plain_verify_jsonb(token)) FROM bench.tokens', :tokens, '<=', 1.0);

-- The first read of an identity in a transaction checks session, user and membership:
-- sessions that this backend found alive before, of 10 000 or the same again and again,
-- and sessions that it has to look up. In the CASE the context is set before it is read.
CREATE FUNCTION bench.read_context(session_check text, one boolean DEFAULT false) RETURNS bigint
	LANGUAGE plpgsql VOLATILE AS $$
DECLARE
	one_token CONSTANT text := (SELECT token FROM bench.tokens LIMIT 1);
	read bigint;
BEGIN
	PERFORM set_config('intrex_auth.session_check', session_check, true);
	IF one THEN
		SELECT count(CASE WHEN set_config('intrex_auth.token', one_token, true) <> '' THEN auth.uid() END)
			INTO read FROM bench.tokens;
	ELSE
		SELECT count(CASE WHEN set_config('intrex_auth.token', token, true) <> '' THEN auth.uid() END)
			INTO read FROM bench.tokens;
	END IF;
	RETURN read;
END
$$;
-- a transaction that has written keeps nothing, and one change makes all forgotten
CREATE FUNCTION bench.look_up(session_check text) RETURNS bigint
	LANGUAGE plpgsql VOLATILE AS $$
BEGIN
	UPDATE auth.sessions SET revoked_reason = NULL WHERE id = (SELECT id FROM auth.sessions LIMIT 1);
	RETURN bench.read_context(session_check);
END
$$;
SELECT bench.demand('every session is alive', bench.read_context('on') = :tokens AND bench.read_context('on', true) = :tokens
	AND bench.look_up('on') = :tokens);
SELECT bench.extra('live session check of 10 000 sessions, extra',
	$$SELECT bench.read_context('on')$$, $$SELECT bench.read_context('off')$$, :tokens, '<=', 5.0);
SELECT bench.extra('live session check of one session, extra',
	$$SELECT bench.read_context('on', true)$$, $$SELECT bench.read_context('off', true)$$, :tokens, '<=', 5.0);
SELECT bench.extra('live session check by looking it up, extra',
	$$SELECT bench.look_up('on')$$, $$SELECT bench.look_up('off')$$, :tokens);

-- The token that was verified last needs no second signature check.
BEGIN;
SELECT bench.cost('set the context, equal token again',
	format('SELECT count(set_config(''intrex_auth.token'', %L, true)) FROM generate_series(1, 10000)',
		(SELECT token FROM bench.tokens LIMIT 1)), 10000);
SELECT set_config('intrex_auth.token', (SELECT token FROM bench.tokens LIMIT 1), true) IS NOT NULL;
SELECT bench.cost('auth.uid(), read again in a transaction',
	'SELECT count(auth.uid()) FROM generate_series(1, 10000)', 10000);
COMMIT;
