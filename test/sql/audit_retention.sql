-- sql/46_audit_retention.sql: what auth.cleanup() cuts from the audit trail, what it says of it, and who is found out.
\set ECHO none
\set QUIET 1
\pset format unaligned
\pset tuples_only true
\set VERBOSITY terse
SET client_min_messages = error;

BEGIN;
SELECT plan(57);

DELETE FROM auth.cleanup_passes;
DELETE FROM auth.audit_seals;
DELETE FROM auth.audit_log;
CREATE FUNCTION pg_temp.write(event text, days integer, rows integer) RETURNS bigint LANGUAGE plpgsql AS $$
BEGIN
	INSERT INTO auth.audit_log (event, outcome, identifier, at)
		SELECT write.event, 'success', n || '@example.com', clock_timestamp() - days * interval '1 day'
			FROM generate_series(1, rows) AS n;
	RETURN auth.audit_seal();
END
$$;
-- A chain whose seals are so many days old: their digests cover their times.
CREATE FUNCTION pg_temp.age(days integer[]) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
	seal auth.audit_seals;
	previous bytea := '';
	from_id bigint := '-9223372036854775808';
	n integer := 0;
BEGIN
	FOR seal IN SELECT s.* FROM auth.audit_seals AS s ORDER BY s.id LOOP
		n := n + 1;
		seal.sealed_at := clock_timestamp() - days[n] * interval '1 day';
		seal.previous := previous;
		seal.digest := (auth._audit_digest(previous, from_id, seal.last_id, seal.sealed_at)).digest;
		UPDATE auth.audit_seals AS s SET (sealed_at, previous, digest) = (seal.sealed_at, seal.previous, seal.digest)
			WHERE s.id = seal.id;
		previous := seal.digest;
		from_id := seal.last_id + 1;
	END LOOP;
END
$$;
CREATE FUNCTION pg_temp.verdicts() RETURNS text LANGUAGE sql AS $$
	SELECT string_agg(CASE WHEN v.ok THEN 'ok' ELSE 'NOT' END || coalesce(' ' || regexp_replace(v.reason,
		'seal \d+|ids -?\d+ to -?\d+|\d{4}-\d\d-\d\dT[0-9:]+Z', '_', 'g'), ''), '; ' ORDER BY v.seal_id)
	FROM auth.audit_verify() AS v
$$;
CREATE FUNCTION pg_temp.left_() RETURNS text LANGUAGE sql AS $$
	SELECT string_agg(l.event || ' ' || l.n, ', ' ORDER BY l.event) FROM (
		SELECT a.event, count(*) AS n FROM auth.audit_log AS a GROUP BY 1) AS l
$$;

-- the setting
SELECT is(auth._seconds('audit_retention'), 400 * 86400, 'a year and a month');
SELECT throws_ok(format('SET LOCAL intrex_auth.audit_retention = %L', value), '22023', NULL,
	'a retention of ' || value || ' is refused')
	FROM unnest(ARRAY['30', '86399', '-1', '23h', 'x']) AS value;
SELECT lives_ok(format('SET LOCAL intrex_auth.audit_retention = %L', value), 'a retention of ' || value || ' is not')
	FROM unnest(ARRAY['1d', '86400', '10000d', '0']) AS value;

-- 0 keeps all
SELECT pg_temp.write('a', 500, 3), pg_temp.write('b', 200, 2), pg_temp.write('c', 40, 4),
	pg_temp.write('d', 20, 1) \g /dev/null
SELECT pg_temp.age('{500,200,40,20}') \g /dev/null
SELECT is(pg_temp.verdicts(), 'ok; ok; ok; ok', 'four seals');
SELECT is((auth.cleanup() ->> 'audit_cut')::integer, 0, 'nothing is cut with a retention of 0');
SELECT is(pg_temp.left_(), 'a 3, b 2, c 4, d 1', 'all is there');

-- bounded, the oldest first, and told
SET LOCAL intrex_auth.audit_retention = '30d';
INSERT INTO auth.audit_log (event, outcome, at) VALUES ('late', 'success', now() - interval '100 days');
SELECT is((auth.cleanup(4) ->> 'audit_cut')::integer, 3, 'as many rows as may be, in whole seals');
SELECT is(pg_temp.left_(), 'b 2, c 4, d 1, late 1', 'the oldest are gone');
SELECT is(pg_temp.verdicts(), 'ok; ok; ok; ok; ok; ok 3 rows of _, _, were cut at _, after 2592000 seconds',
	'the chain holds, and tells what was cut');
SELECT is((auth.cleanup(1) ->> 'audit_cut')::integer, 2, 'one seal at the least');
SELECT is((auth.cleanup() ->> 'audit_cut')::integer, 4, 'and the rest');
SELECT is((auth.cleanup() ->> 'audit_cut')::integer, 0, 'then nothing');
SELECT is(pg_temp.left_(), 'd 1, late 1', 'what was sealed later stays, whatever its own time says');
SELECT is((SELECT bool_and(ok) FROM auth.audit_verify()), true, 'the chain holds');
SELECT results_eq($$ SELECT c.row_count, c.first_id = r.first_id AND c.last_id = r.last_id, c.retention,
	c.sealed_at > now() - interval '1 hour'
		FROM auth.audit_seals AS c JOIN auth.audit_seals AS r ON r.id = c.cut_seal_id ORDER BY c.id $$,
	$$ VALUES (3::bigint, true, 2592000::bigint, true), (2, true, 2592000, true), (4, true, 2592000, true) $$,
		'each cut says what, by which setting and when');
SELECT is(pg_temp.write('e', 0, 2), 2::bigint, 'the trail goes on');
SELECT is((SELECT bool_and(ok) FROM auth.audit_verify()), true, 'and holds');

-- What is not sealed is not cut.
INSERT INTO auth.audit_log (event, outcome, at) VALUES ('unsealed', 'success', now() - interval '1000 days');
SELECT is((SELECT removed FROM auth._audit_cut(10)), 0::bigint, 'a row without a seal stays');
SELECT is(auth.audit_seal(), 1::bigint, 'until it has one, and that is old enough');

-- each kind of damage, undone each time
CREATE FUNCTION pg_temp.after(damage text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	verdicts text;
BEGIN
	BEGIN
		EXECUTE damage;
		SELECT string_agg(regexp_replace(v.reason, 'seal \d+', 'seal _'), '; ' ORDER BY seal_id) INTO verdicts
			FROM auth.audit_verify() AS v WHERE NOT v.ok;
		RAISE EXCEPTION USING ERRCODE = 'UNDO1';
	EXCEPTION WHEN SQLSTATE 'UNDO1' THEN
		RETURN coalesce(verdicts, 'holds');
	END;
END
$$;
-- An owner of the tables who computes digests as well.
CREATE FUNCTION pg_temp.forge(event text, retention bigint, at timestamptz) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
	target auth.audit_seals;
BEGIN
	SELECT s.* INTO target FROM auth.audit_seals AS s JOIN auth.audit_log AS a ON a.id BETWEEN s.first_id AND s.last_id
		WHERE a.event = forge.event AND s.cut_seal_id IS NULL LIMIT 1;
	DELETE FROM auth.audit_log AS a WHERE a.id BETWEEN target.first_id AND target.last_id;
	target.cut_seal_id := target.id;
	target.retention := forge.retention;
	target.redacted := 0;
	target.recorded := 0;
	target.sealed_at := forge.at;
	target.previous := (SELECT s.digest FROM auth.audit_seals AS s ORDER BY s.id DESC LIMIT 1);
	target.digest := auth._audit_cut_digest(target);
	INSERT INTO auth.audit_seals (first_id, last_id, row_count, digest, previous, sealed_at, cut_seal_id, retention,
		redacted, recorded)
		SELECT target.first_id, target.last_id, target.row_count, target.digest, target.previous, target.sealed_at,
			target.cut_seal_id, target.retention, target.redacted, target.recorded;
END
$$;
SELECT is(pg_temp.after(damage), expected, what) FROM (VALUES
	(1, $$ DELETE FROM auth.audit_log WHERE event = 'd' $$, '1 rows were sealed, 0 are there', 'rows deleted by hand'),
	(2, $$ UPDATE auth.audit_seals SET retention = 86400
		WHERE id = (SELECT min(id) FROM auth.audit_seals WHERE cut_seal_id IS NOT NULL) $$,
		'3 rows were sealed, 0 are there; the seal was changed', 'a cut that is changed'),
	(3, $$ UPDATE auth.audit_seals SET redacted = 1
		WHERE id = (SELECT min(id) FROM auth.audit_seals WHERE cut_seal_id IS NOT NULL) $$,
		'3 rows were sealed, 0 are there; the seal was changed; 1 rows are redacted, erasures recorded 0',
			'a cut that says it took redacted rows'),
	(4, $$ DELETE FROM auth.audit_seals
		WHERE id = (SELECT min(id) FROM auth.audit_seals WHERE cut_seal_id IS NOT NULL) $$,
		'3 rows were sealed, 0 are there; the seal before it was removed or changed', 'a cut that is removed'),
	(5, $$ INSERT INTO auth.audit_log (id, event, outcome) OVERRIDING SYSTEM VALUE
			SELECT min(first_id), 'forged', 'success' FROM auth.audit_seals $$,
		'its rows were cut, 1 are there', 'a row that is put where rows were cut'),
	(6, $$ SELECT pg_temp.forge('d', 2592000, clock_timestamp()) $$,
		'1 rows were sealed, 0 are there; rows of seal _ were cut before their time',
		'a forged cut of rows that are too young'),
	(7, $$ SELECT pg_temp.forge('d', 0, clock_timestamp()) $$,
		'1 rows were sealed, 0 are there; rows of seal _ were cut before their time',
		'by a retention that cannot be set'),
	(8, $$ DELETE FROM auth.audit_seals WHERE id = (SELECT min(id) FROM auth.audit_seals) $$,
		'the seal before it was removed or changed; it cuts seal _, which is not there or says something else',
			'a seal whose rows were cut')) AS d (n, damage, expected, what) ORDER BY n;
SELECT is((SELECT bool_and(ok) FROM auth.audit_verify()), true, 'undone, it holds again');
-- what the design gives: it holds, but it is in the chain, and told
SELECT is(pg_temp.after($$ SELECT pg_temp.forge('d', 86400, clock_timestamp()) $$), 'holds',
	'a forged cut by a shorter retention holds');

-- Evidence is not cut.
SELECT pg_temp.write('f', 0, 2), pg_temp.write('g', 0, 2) \g /dev/null
DELETE FROM auth.audit_seals;
DELETE FROM auth.audit_log WHERE event NOT IN ('f', 'g');
DELETE FROM auth.cleanup_passes;
SELECT auth.audit_seal(2), auth.audit_seal(2) \g /dev/null
SELECT pg_temp.age('{60,50}') \g /dev/null
UPDATE auth.audit_log SET outcome = 'refused' WHERE id = (SELECT min(id) FROM auth.audit_log WHERE event = 'f');
SELECT auth.cleanup() AS answer \gset
SELECT is((:'answer'::jsonb ->> 'audit_cut')::integer, 2,
	'a seal that was changed does not keep the next from being cut');
SELECT is(pg_temp.left_(), 'f 2', 'it stays');
SELECT is(:'answer'::jsonb -> 'skipped' -> 0 ->> 'sqlstate' || ' ' || (:'answer'::jsonb #>> '{skipped,0,rows}'),
	'55000 2', 'and is told');
SELECT is(pg_temp.verdicts(),
	'NOT a row or the seal was changed; ok; ok 2 rows of _, _, were cut at _, after 2592000 seconds',
	'by verification as well');

-- A key of an application keeps a seal, and no other.
DELETE FROM auth.audit_seals;
DELETE FROM auth.audit_log;
DELETE FROM auth.cleanup_passes;
SELECT pg_temp.write('h', 0, 2), pg_temp.write('i', 0, 2) \g /dev/null
SELECT pg_temp.age('{60,50}') \g /dev/null
CREATE TABLE public.audit_notes (id bigint CONSTRAINT audit_notes_key REFERENCES auth.audit_log);
INSERT INTO public.audit_notes SELECT max(id) FROM auth.audit_log WHERE event = 'h';
SELECT auth.cleanup() AS answer \gset
SELECT is(pg_temp.left_(), 'h 2', 'what a key holds stays, with its seal');
SELECT is(:'answer'::jsonb -> 'skipped', jsonb_build_array(jsonb_build_object('by', 'public.audit_notes', 'rows', 2,
	'table', 'auth.audit_log', 'sqlstate', '23503', 'constraint', 'audit_notes_key')), 'and is told');
SELECT is((SELECT bool_and(ok) FROM auth.audit_verify()), true, 'the chain holds');
DROP TABLE public.audit_notes;
UPDATE auth.cleanup_passes SET began_at = began_at - interval '25 hours';
SELECT is((auth.cleanup() ->> 'audit_cut')::integer, 2, 'a day after nothing holds it, it is cut');

-- So does a trigger behind a key that would let it go.
CREATE FUNCTION pg_temp.start() RETURNS void LANGUAGE sql AS $$
	DELETE FROM auth.audit_seals;
	DELETE FROM auth.audit_log;
	DELETE FROM auth.cleanup_passes;
	SELECT pg_temp.write('k', 0, 2), pg_temp.write('l', 0, 2);
	SELECT pg_temp.age('{60,50}')
$$;
SELECT pg_temp.start() \g /dev/null
CREATE TABLE public.audit_notes (id bigint REFERENCES auth.audit_log ON DELETE CASCADE);
INSERT INTO public.audit_notes SELECT max(id) FROM auth.audit_log WHERE event = 'k';
CREATE FUNCTION public.keep_note() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	RAISE EXCEPTION 'this note stays';
END
$$;
CREATE TRIGGER keep BEFORE DELETE ON public.audit_notes FOR EACH ROW EXECUTE FUNCTION public.keep_note();
SELECT auth.cleanup() AS answer \gset
SELECT is(pg_temp.left_(), 'k 2', 'what a trigger holds stays, with its seal');
SELECT is((SELECT bool_and(ok) FROM auth.audit_verify()), true, 'the chain holds');
DROP TABLE public.audit_notes;

-- And a key that is checked at the end of the transaction, and a trigger that keeps rows without an error.
CREATE FUNCTION public.keep_row() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS 'BEGIN RETURN NULL; END';
SELECT pg_temp.start() \g /dev/null
CREATE TABLE public.audit_notes (
	id bigint CONSTRAINT audit_notes_key REFERENCES auth.audit_log DEFERRABLE INITIALLY DEFERRED);
INSERT INTO public.audit_notes SELECT max(id) FROM auth.audit_log WHERE event = 'k';
SELECT auth.cleanup() AS answer \gset
SELECT is(pg_temp.left_(), 'k 2', 'what a deferred key holds stays, with its seal');
SELECT is(:'answer'::jsonb #>> '{skipped,0,constraint}', 'audit_notes_key', 'and is told');
SELECT lives_ok('SET CONSTRAINTS ALL IMMEDIATE', 'the end of the transaction finds nothing');
SET CONSTRAINTS ALL DEFERRED;
DROP TABLE public.audit_notes;
SELECT pg_temp.start() \g /dev/null
CREATE TRIGGER keep BEFORE DELETE ON auth.audit_log FOR EACH ROW WHEN (OLD.event = 'k')
	EXECUTE FUNCTION public.keep_row();
SELECT auth.cleanup() AS answer \gset
SELECT is(pg_temp.left_(), 'k 2', 'what a trigger keeps stays, with its seal');
SELECT is((SELECT bool_and(ok) FROM auth.audit_verify()), true, 'the chain holds');
DROP TRIGGER keep ON auth.audit_log;

-- Erasures: redacted rows and the rows that tell of them are cut at different times.
DELETE FROM auth.audit_seals;
DELETE FROM auth.audit_log;
DELETE FROM auth.cleanup_passes;
SELECT pg_temp.write('j', 0, 3) \g /dev/null
SELECT is(auth.audit_forget('2@example.com'), 1::bigint, 'an address is forgotten');
SELECT auth.audit_seal() \g /dev/null
SELECT pg_temp.age('{60,20}') \g /dev/null
SELECT is((SELECT bool_and(ok) FROM auth.audit_verify()), true, 'redacted: the chain holds');
SELECT is((auth.cleanup() ->> 'audit_cut')::integer, 3, 'the redacted row is cut with its seal');
SELECT is(pg_temp.left_(), 'audit_forget 1', 'what tells of it stays');
SELECT is((SELECT bool_and(ok) FROM auth.audit_verify()), true, 'the chain holds');
SELECT alike(pg_temp.after($$ UPDATE auth.audit_log AS a SET redacted = auth._audit_personal(a), nonce = NULL $$),
	'2 rows are redacted, erasures recorded 1', 'rows redacted by hand are still found');

SELECT * FROM finish();
ROLLBACK;

-- not from an old snapshot
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT plan(1);
SELECT is(auth.cleanup() ->> 'audit_cut', NULL, 'an old snapshot cuts nothing');
SELECT * FROM finish();
ROLLBACK;
