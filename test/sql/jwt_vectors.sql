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
SELECT plan(8);

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
SELECT is(count(*), expected, file || ': all are there') FROM vectors JOIN (VALUES ('json_web_signature', 399::bigint), ('json_web_key', 26), ('json_web_crypto', 5)) AS e (name, expected) ON e.name = file GROUP BY file, expected ORDER BY file;
-- %XX stands for a byte
DO $$
BEGIN
	FOR code IN 1 .. 127 LOOP
		UPDATE vectors SET token = replace(token, '%' || upper(lpad(to_hex(code), 2, '0')), chr(code)) WHERE token LIKE '%\%%';
	END LOOP;
END
$$;
-- what is decided otherwise than the files say, for the reasons in test/unit/test_wycheproof_jws.c
UPDATE vectors SET result = 'accepted' WHERE (file, id) IN (('json_web_signature', 367), ('json_web_key', 1), ('json_web_crypto', 47));
UPDATE vectors SET result = 'refused' WHERE file = 'json_web_signature' AND id IN (346, 347, 350, 351, 372, 373);
CREATE TABLE outcomes AS SELECT v.*, jws(v.token, v.jwks) AS outcome, jwt(v.token, v.jwks) AS as_jwt FROM vectors AS v;
SELECT is_empty($$ SELECT file, id, flags, outcome FROM outcomes WHERE result IN ('valid', 'accepted') AND outcome <> 'accepted' $$, 'what is valid is accepted');
SELECT is_empty($$ SELECT file, id, flags, outcome FROM outcomes WHERE result IN ('invalid', 'refused') AND outcome !~ '^(28000|22023) ' $$, 'what is invalid is not');
SELECT cmp_ok(count(*), '>=', 40::bigint, 'some are valid') FROM outcomes WHERE outcome = 'accepted';
SELECT is_empty($$ SELECT file, id, flags, as_jwt FROM outcomes WHERE as_jwt !~ '^(28000|22023) ' $$, 'and nothing of it is a JWT that is good now');
SELECT is_empty($$ SELECT file, id, outcome FROM outcomes WHERE outcome ~ '^XX|echoed' OR as_jwt ~ '^XX|echoed' $$, 'no internal error, and no token in an error');

SELECT * FROM finish();
ROLLBACK;
