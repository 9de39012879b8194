-- sql/90_operations.sql: what keys and triggers of an application hold is left and told, and the rest goes.
\set ECHO none
\set QUIET 1
\pset format unaligned
\pset tuples_only true
\set VERBOSITY terse
SET client_min_messages = error;

BEGIN;
SELECT plan(19);

DELETE FROM auth.cleanup_passes;
DELETE FROM auth.sessions;
INSERT INTO auth.users (id, email) VALUES ('00000000-0000-4000-8000-00000000000a', 'ann@example.com');
INSERT INTO auth.tenants (id, name) VALUES ('00000000-0000-4000-8000-000000000001', 'North');
CREATE FUNCTION pg_temp.id(what text, n integer) RETURNS uuid LANGUAGE sql AS $$ SELECT md5(what || n)::uuid $$;
CREATE FUNCTION pg_temp.hash(what text, n integer) RETURNS bytea LANGUAGE sql AS $$
	SELECT sha256(convert_to(what || n, 'UTF8'))
$$;

-- ten of each are due; the used tokens are of a session that goes on
INSERT INTO auth.sessions (id, user_id, created_at, revoked_at)
	SELECT pg_temp.id('s', n), '00000000-0000-4000-8000-00000000000a', now() - interval '100 days',
		now() - n * interval '40 days'
	FROM generate_series(1, 10) AS n;
INSERT INTO auth.sessions (id, user_id, created_at)
	VALUES (pg_temp.id('s', 0), '00000000-0000-4000-8000-00000000000a', now());
INSERT INTO auth.refresh_tokens (token_hash, session_id, parent, salt, created_at, expires_at, generation)
	SELECT pg_temp.hash('t', n), pg_temp.id('s', 0), CASE WHEN n > 0 THEN pg_temp.hash('t', n - 1) END, '\x00', now(),
		now() - (10 - n) * interval '2 days', n
	FROM generate_series(0, 10) AS n;
INSERT INTO auth.revoked_tokens (jti, kind, expires_at)
	SELECT pg_temp.id('j', n), 'reset', now() - n * interval '2 days' FROM generate_series(1, 10) AS n;
INSERT INTO auth.invitations (id, tenant_id, email, role, token_hash, invited_by, created_at, expires_at)
	SELECT pg_temp.id('i', n), '00000000-0000-4000-8000-000000000001', n || '@example.com', 'member',
		pg_temp.hash('i', n),
		'00000000-0000-4000-8000-00000000000a', now(), now() - n * interval '40 days'
	FROM generate_series(1, 10) AS n;

-- An application's tables: keys that hold, one that lets go, one at the end of a cascade, a trigger; some hold only
-- at the end of the transaction
CREATE SCHEMA held_app;
CREATE TABLE held_app.orders (session_id uuid CONSTRAINT orders_key REFERENCES auth.sessions);
CREATE TABLE held_app.strict (session_id uuid CONSTRAINT strict_key REFERENCES auth.sessions ON DELETE RESTRICT);
CREATE TABLE held_app.carts (session_id uuid PRIMARY KEY REFERENCES auth.sessions ON DELETE CASCADE);
CREATE TABLE held_app.items (cart uuid CONSTRAINT items_key REFERENCES held_app.carts);
CREATE TABLE held_app.kept (session_id uuid REFERENCES auth.sessions ON DELETE CASCADE);
CREATE FUNCTION held_app.keep() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	RAISE EXCEPTION 'this row stays' USING ERRCODE = 'P0001';
END
$$;
CREATE TRIGGER keep BEFORE DELETE ON held_app.kept FOR EACH ROW EXECUTE FUNCTION held_app.keep();
CREATE TABLE held_app.tokens (token bytea CONSTRAINT tokens_key REFERENCES auth.refresh_tokens);
CREATE TABLE held_app.used (jti uuid CONSTRAINT used_key REFERENCES auth.revoked_tokens);
CREATE TABLE held_app.letters (invitation uuid CONSTRAINT letters_key REFERENCES auth.invitations);
CREATE TABLE held_app.late_orders (session_id uuid CONSTRAINT late_orders_key REFERENCES auth.sessions
	DEFERRABLE INITIALLY DEFERRED);
CREATE TABLE held_app.late_items (cart uuid CONSTRAINT late_items_key REFERENCES held_app.carts
	DEFERRABLE INITIALLY DEFERRED);
CREATE TABLE held_app.late_tokens (token bytea CONSTRAINT late_tokens_key REFERENCES auth.refresh_tokens
	DEFERRABLE INITIALLY DEFERRED);
CREATE TABLE held_app.late_used (jti uuid CONSTRAINT late_used_key REFERENCES auth.revoked_tokens
	DEFERRABLE INITIALLY DEFERRED);
CREATE TABLE held_app.late_letters (invitation uuid CONSTRAINT late_letters_key REFERENCES auth.invitations
	DEFERRABLE INITIALLY DEFERRED);
INSERT INTO held_app.late_orders VALUES (pg_temp.id('s', 4));
INSERT INTO held_app.late_tokens VALUES (pg_temp.hash('t', 4));
INSERT INTO held_app.late_used VALUES (pg_temp.id('j', 4));
INSERT INTO held_app.late_letters VALUES (pg_temp.id('i', 4));
INSERT INTO held_app.orders VALUES (pg_temp.id('s', 10)), (pg_temp.id('s', 5));
INSERT INTO held_app.strict VALUES (pg_temp.id('s', 9));
INSERT INTO held_app.carts VALUES (pg_temp.id('s', 8)), (pg_temp.id('s', 7)), (pg_temp.id('s', 3));
INSERT INTO held_app.items VALUES (pg_temp.id('s', 8));
INSERT INTO held_app.late_items VALUES (pg_temp.id('s', 3));
-- what the caller has put off is not fired
CREATE TABLE held_app.put_off (order_id int);
CREATE FUNCTION held_app.too_early() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	IF current_setting('held_app.now', true) IS NULL THEN
		RAISE EXCEPTION 'too early';
	END IF;
	RETURN NULL;
END
$$;
CREATE CONSTRAINT TRIGGER too_early AFTER INSERT ON held_app.put_off DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
	EXECUTE FUNCTION held_app.too_early();
SET CONSTRAINTS ALL IMMEDIATE;
SET CONSTRAINTS ALL DEFERRED;
INSERT INTO held_app.put_off VALUES (1);
INSERT INTO held_app.kept VALUES (pg_temp.id('s', 6));
INSERT INTO held_app.tokens VALUES (pg_temp.hash('t', 0)), (pg_temp.hash('t', 3)), (pg_temp.hash('t', 10));
INSERT INTO held_app.used VALUES (pg_temp.id('j', 10));
INSERT INTO held_app.letters VALUES (pg_temp.id('i', 10));

CREATE FUNCTION pg_temp.told(answer jsonb) RETURNS text LANGUAGE sql AS $$
	SELECT string_agg(concat_ws(' ', e ->> 'table', replace(e ->> 'sqlstate', '23001', '23503'), e ->> 'by',
		e ->> 'constraint',
		e ->> 'rows'), '; ' ORDER BY e ->> 'table', e ->> 'constraint')
	FROM jsonb_array_elements(answer -> 'skipped') AS e
$$;
SELECT auth.cleanup() AS answer \gset
SELECT is((:'answer'::jsonb ->> 'sessions')::integer, 3, 'three sessions go');
SELECT set_eq($$ SELECT id FROM auth.sessions $$,
	$$ SELECT pg_temp.id('s', n) FROM unnest(ARRAY[0, 10, 9, 8, 6, 5, 4, 3]) AS n $$,
	'those that are held stay');
SELECT is((SELECT count(*)::integer FROM held_app.carts), 2, 'what a cascade takes along is gone');
SELECT is((:'answer'::jsonb ->> 'refresh_tokens')::integer, 7, 'seven used refresh tokens go');
SELECT set_eq($$ SELECT token_hash FROM auth.refresh_tokens $$,
	$$ SELECT pg_temp.hash('t', n) FROM unnest(ARRAY[0, 3, 4, 10]) AS n $$,
	'the last one and those that are held stay');
SELECT is((:'answer'::jsonb ->> 'revoked_tokens')::integer, 8, 'eight one-time tokens go');
SELECT is((:'answer'::jsonb ->> 'invitations')::integer, 8, 'eight invitations go');
SELECT is(pg_temp.told(:'answer'), 'auth.invitations 23503 held_app.late_letters late_letters_key 1;'
	' auth.invitations 23503 held_app.letters letters_key 1;'
	' auth.refresh_tokens 23503 held_app.late_tokens late_tokens_key 1;'
	' auth.refresh_tokens 23503 held_app.tokens tokens_key 2;'
	' auth.revoked_tokens 23503 held_app.late_used late_used_key 1; auth.revoked_tokens 23503 held_app.used used_key 1;'
	' auth.sessions 23503 held_app.items items_key 1; auth.sessions P0001 held_app.kept keep 1;'
	' auth.sessions 23503 held_app.late_items late_items_key 1;'
	' auth.sessions 23503 held_app.late_orders late_orders_key 1;'
	' auth.sessions 23503 held_app.orders orders_key 2; auth.sessions 23503 held_app.strict strict_key 1',
	'all is told, with what holds it');
SET LOCAL held_app.now = 'now';
SELECT lives_ok('SET CONSTRAINTS ALL IMMEDIATE', 'and nothing is left for the end of the transaction');
SET CONSTRAINTS ALL DEFERRED;

-- What is held is not tried by each call, and does not keep others waiting.
INSERT INTO auth.sessions (id, user_id, created_at, revoked_at)
	VALUES (pg_temp.id('s', 11), '00000000-0000-4000-8000-00000000000a', now(), now() - interval '31 days');
DELETE FROM held_app.orders WHERE session_id = pg_temp.id('s', 10);
SELECT auth.cleanup(1) AS answer \gset
SELECT is((:'answer'::jsonb ->> 'sessions')::integer, 1, 'one that comes later goes');
SELECT is(EXISTS (SELECT FROM auth.sessions WHERE id = pg_temp.id('s', 11)), false, 'it is that one');
SELECT alike(pg_temp.told(:'answer'), '%orders_key 2%', 'what was held is told by each call');

-- a day later
SELECT auth.cleanup() \g /dev/null
UPDATE auth.cleanup_passes SET began_at = began_at - interval '25 hours';
SELECT auth.cleanup() AS answer \gset
SELECT is((:'answer'::jsonb ->> 'sessions')::integer, 1,
	'after a day it is tried again: what nothing holds any more goes');
SELECT is(EXISTS (SELECT FROM auth.sessions WHERE id = pg_temp.id('s', 10)), false, 'it is that one');
SELECT alike(pg_temp.told(:'answer'), '%orders_key 1%', 'the other is still held');
DROP SCHEMA held_app CASCADE;
UPDATE auth.cleanup_passes SET began_at = began_at - interval '25 hours';
SELECT auth.cleanup() AS answer \gset
SELECT is(:'answer'::jsonb -> 'skipped', '[]', 'when nothing is held any more');
SELECT is((:'answer'::jsonb ->> 'sessions')::integer, 6, 'all goes');
SELECT is((SELECT count(*)::integer FROM auth.sessions), 1, 'but the session that goes on');
SELECT is((:'answer'::jsonb ->> 'refresh_tokens')::integer, 3, 'and its tokens');

SELECT * FROM finish();
ROLLBACK;
