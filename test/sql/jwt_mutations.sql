-- Twenty thousand mutations of good tokens, of every algorithm: none verifies, and none is an internal error.
\set ECHO none
\set QUIET 1
\pset format unaligned
\pset tuples_only true
\set VERBOSITY terse
\getenv abs_srcdir PG_ABS_SRCDIR
\set include :abs_srcdir '/include/jwt.psql'

BEGIN;
\i :include
SELECT plan(34);

-- the same ones each time: the mutations come from setseed(), the tokens from fixed claims
CREATE TABLE tokens AS SELECT row_number() OVER (ORDER BY k.name) - 1 AS n, k.name, k.public, auth.jwt_sign('{"sub": "anna", "iat": 4000000000, "exp": 4000000600}', k.private) AS token FROM keys AS k;
SELECT is(jws(token, public), 'accepted', name || ': the token itself') FROM tokens ORDER BY name;

-- One mutation of a token: a character changed, taken out, put in or doubled, two parts
-- or halves swapped, a part replaced by that of another, cut, or made long.
CREATE FUNCTION mutated(token text, other text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	alphabet CONSTANT text := 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_..=+/ {"}%\é' || E'\n\u0001\u200b';
	place CONSTANT int := 1 + floor(random() * length(token));
	letter CONSTANT text := substr(alphabet, 1 + floor(random() * length(alphabet))::int, 1);
	parts text[] := string_to_array(token, '.');
	which CONSTANT int := 1 + floor(random() * 3);
	size CONSTANT int := 1 + floor(random() * 8);
BEGIN
	CASE floor(random() * 12)::int
		WHEN 0 THEN RETURN overlay(token PLACING letter FROM place FOR 1);
		WHEN 1 THEN RETURN overlay(token PLACING '' FROM place FOR size);
		WHEN 2 THEN RETURN overlay(token PLACING letter FROM place FOR 0);
		WHEN 3 THEN RETURN overlay(token PLACING repeat(substr(token, place, size), 2) FROM place FOR size);
		WHEN 4 THEN RETURN left(token, place - 1);
		WHEN 5 THEN RETURN substr(token, place) || left(token, place - 1);
		WHEN 6 THEN parts[which] := (string_to_array(other, '.'))[which];
		WHEN 7 THEN parts[which] := parts[1 + which % 3];
		-- inside the base64url: a byte of header, payload or signature, a bit of it, or one more
		WHEN 8, 9 THEN
			parts[which] := b64u(set_bit(unb64u(parts[which]), floor(random() * 8 * length(unb64u(parts[which])))::int, floor(random() * 2)::int));
		WHEN 10 THEN parts[which] := b64u(overlay(unb64u(parts[which]) PLACING convert_to(letter, 'UTF8') FROM 1 + floor(random() * length(unb64u(parts[which])))::int FOR floor(random() * 3)::int));
		ELSE parts[which] := repeat(parts[which], 1 + size);
	END CASE;
	RETURN array_to_string(parts, '.');
END
$$;
SELECT setseed(0.42) \g /dev/null
CREATE TABLE mutations AS
	SELECT i, t.name, t.public, m.token, m.token = t.token AS same
	FROM generate_series(1, 23500) AS i JOIN tokens AS t ON t.n = i % 14, LATERAL (SELECT o.token FROM tokens AS o WHERE o.n = (i * 5 + 3) % 14) AS o,
		LATERAL (SELECT mutated(t.token, o.token)) AS m (token);
-- an empty text takes the token away
DELETE FROM mutations WHERE same OR token = '';
SELECT cmp_ok(count(*), '>=', 20000::bigint, 'so many mutations') FROM mutations;
SELECT cmp_ok(count(DISTINCT token), '>=', 14000::bigint, 'and most of them different') FROM mutations;
CREATE FUNCTION outcome(token text, statement text, jwks jsonb DEFAULT NULL) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	state text;
	detail text;
BEGIN
	EXECUTE statement USING token, jwks;
	RETURN 'accepted';
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, detail = PG_EXCEPTION_DETAIL;
	RETURN concat_ws(' ', state, substring(detail FROM '\((\w+)\)$'));
END
$$;
CREATE TABLE outcomes AS SELECT m.name, outcome(m.token, 'SELECT auth.jws_verify($1, $2)', m.public) AS outcome FROM mutations AS m;
SELECT is_empty($$ SELECT name, outcome, count(*) FROM outcomes WHERE outcome !~ '^28000 [a-z_]+$' GROUP BY 1, 2 $$, 'jws_verify: each is refused with a reason');
CREATE TABLE others AS SELECT statement, m.name, outcome(m.token, statement, m.public) AS outcome
	FROM unnest(ARRAY['SELECT auth.jwt_verify($1, $2)', 'SELECT auth.jwt_verify($1)', 'SELECT auth.authenticate($1)', 'SELECT set_config(''intrex_auth.token'', $1, true)', 'SELECT auth.one_time_consume($1, ''reset'')']) AS statement, mutations AS m
	WHERE m.i % 4 = 0 OR statement = 'SELECT auth.jwt_verify($1, $2)';
SELECT is_empty($$ SELECT statement, name, outcome, count(*) FROM others WHERE outcome !~ '^28000 [a-z_]+$' GROUP BY 1, 2, 3 $$, 'and so by every other function');
SELECT is_empty($$ SELECT name, token FROM mutations WHERE i % 20 = 0 AND jws(token, public) ~ 'echoed' $$, 'none is told in an error');
SELECT cmp_ok(count(DISTINCT outcome), '>=', 5::bigint, 'for many reasons') FROM outcomes;
SELECT is(jws(token, public), 'accepted', name || ': the token itself, still') FROM tokens ORDER BY name;

SELECT * FROM finish();
ROLLBACK;
