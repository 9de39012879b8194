-- Wycheproofs vectors for JWS and JWK (test/vectors), through SQL.
\set ECHO none
\set QUIET 1
\pset format unaligned
\pset tuples_only true
\set VERBOSITY terse
\getenv abs_srcdir PG_ABS_SRCDIR
\set include :abs_srcdir '/include/jwt.psql'

BEGIN;
\i :include
SELECT plan(6);

\getenv abs_srcdir PG_ABS_SRCDIR
\set signature_file :abs_srcdir '/vectors/json_web_signature.txt'
\set key_file :abs_srcdir '/vectors/json_web_key.txt'
\set crypto_file :abs_srcdir '/vectors/json_web_crypto.txt'
\set signature_lines `cat :'signature_file'`
\set key_lines `cat :'key_file'`
\set crypto_lines `cat :'crypto_file'`

-- a line "key JSON" is for the lines "id result flags token" that follow
CREATE TABLE lines AS
	SELECT f.file, l.n, l.line, count(*) FILTER (WHERE l.line LIKE 'key %') OVER (PARTITION BY f.file ORDER BY l.n) AS part
	FROM (VALUES ('json_web_signature', :'signature_lines'::text), ('json_web_key', :'key_lines'), ('json_web_crypto', :'crypto_lines')) AS f (file, lines),
		regexp_split_to_table(f.lines, E'\n') WITH ORDINALITY AS l (line, n);
CREATE TABLE vectors AS
	SELECT l.file, split_part(l.line, ' ', 1)::int AS id, split_part(l.line, ' ', 2) AS result, split_part(l.line, ' ', 3) AS flags,
		regexp_replace(l.line, '^\S+ \S+ \S+ ?', '') AS token, substr(k.line, 5)::jsonb AS jwks
	FROM lines AS l JOIN lines AS k ON k.file = l.file AND k.part = l.part AND k.line LIKE 'key %' WHERE l.line ~ '^\d';
SELECT cmp_ok(count(*), '>=', 401::bigint, 'all of json_web_signature are there') FROM vectors WHERE file = 'json_web_signature';
SELECT cmp_ok(count(*), '>=', 26::bigint, 'and of json_web_key') FROM vectors WHERE file = 'json_web_key';
CREATE TABLE outcomes AS SELECT v.*, jws(v.token, v.jwks) AS outcome, jwt(v.token, v.jwks) AS as_jwt FROM vectors AS v;
SELECT is_empty($$ SELECT file, id, flags, outcome FROM outcomes WHERE result = 'valid' AND outcome <> 'accepted' $$, 'what is valid is accepted');
-- Mixed sets are what key_export() writes while a ring changes from one kind to the other: each key has its one algorithm.
SELECT is_empty($$ SELECT file, id, flags, outcome FROM outcomes WHERE result = 'invalid' AND outcome !~ '^(28000|22023) ' AND flags !~ 'Ambiguous' $$, 'what is invalid is not');
SELECT is_empty($$ SELECT file, id, flags, as_jwt FROM outcomes WHERE as_jwt !~ '^(28000|22023) ' $$, 'and nothing of it is a JWT that is good now');
SELECT is_empty($$ SELECT file, id, outcome FROM outcomes WHERE outcome ~ '^XX|echoed' OR as_jwt ~ '^XX|echoed' $$, 'no internal error, and no token in an error');

SELECT * FROM finish();
ROLLBACK;
