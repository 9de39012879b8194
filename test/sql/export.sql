-- auth_api.export_my_data and auth.export_user: what is found, what is not shown, and whose code runs as whom.
\set ECHO none
\set QUIET 1
\pset format unaligned
\pset tuples_only true
\set VERBOSITY terse
\getenv abs_srcdir PG_ABS_SRCDIR
\set include :abs_srcdir '/include/accounts.psql'

BEGIN;
\i :include
SELECT pg_temp.clean() \g /dev/null
SELECT plan(66);

SELECT pg_temp.user_(n) FROM unnest(ARRAY['ann', 'bob', 'eve']) AS n \g /dev/null
SELECT pg_temp.tenant('north', 'ann', 'bob'), pg_temp.tenant('south', 'ann', 'eve') \g /dev/null
SELECT pg_temp.login('ann@accounts.example', pg_temp.t('north')) AS ann, pg_temp.login('bob@accounts.example') AS bob \gset
CREATE FUNCTION pg_temp.nobody() RETURNS void LANGUAGE sql AS $$ SELECT set_config('intrex_auth.token', '', true) $$;
CREATE FUNCTION pg_temp.as(role name, expression text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	answer text;
BEGIN
	EXECUTE format('SET LOCAL ROLE %I', role);
	EXECUTE 'SELECT ' || expression INTO answer;
	RESET ROLE;
	RETURN answer;
EXCEPTION WHEN OTHERS THEN
	RETURN SQLSTATE || ' ' || SQLERRM;
END
$$;
-- Documents: of the endpoint, and of the administrator.
CREATE FUNCTION pg_temp.mine(token text) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
	answer jsonb;
BEGIN
	PERFORM auth.authenticate(token);
	answer := pg_temp.call('export_my_data()', 'authenticated');
	PERFORM pg_temp.nobody();
	RETURN answer;
END
$$;
CREATE FUNCTION pg_temp.whole(who text, arguments text DEFAULT '') RETURNS jsonb LANGUAGE sql AS $$
	SELECT pg_temp.as('auth_admin', format('auth.export_user(%L%s)', pg_temp.u(who), arguments))::jsonb
$$;
-- "table: text text; …" of a document
CREATE FUNCTION pg_temp.texts(document jsonb) RETURNS text LANGUAGE sql AS $$
	SELECT string_agg(t.key || ': ' || (SELECT string_agg(r ->> 'text', ' ' ORDER BY r ->> 'text') FROM jsonb_array_elements(t.value) AS r), '; ' ORDER BY t.key)
	FROM jsonb_each(document -> 'tables') AS t
$$;

-- an application, of an owner who may nothing else
CREATE SCHEMA export_app;
CREATE ROLE intrex_auth_test_owner;
GRANT USAGE, CREATE ON SCHEMA export_app TO intrex_auth_test_owner;
GRANT USAGE ON SCHEMA export_app TO authenticated;
CREATE TABLE export_app.ran (who text, what text);
GRANT INSERT ON export_app.ran TO PUBLIC;
SET LOCAL ROLE intrex_auth_test_owner;
CREATE TABLE export_app.notes (tenant_id uuid, owner_id uuid, doctor_id uuid, text text);
CREATE TABLE export_app.orders (id int PRIMARY KEY, user_id uuid, text text, price numeric, code char(3) UNIQUE);
CREATE TABLE export_app.lines (order_id int REFERENCES export_app.orders ON DELETE CASCADE, text text);
CREATE TABLE export_app.remarks (order_code char(3) REFERENCES export_app.orders (code) ON DELETE CASCADE, text text);
CREATE TABLE export_app.taxes (order_id int REFERENCES export_app.orders, text text);
CREATE TABLE export_app.comments (id int PRIMARY KEY, author uuid, parent int REFERENCES export_app.comments ON DELETE CASCADE, text text);
CREATE TABLE export_app.badges (tenant_id uuid, user_id uuid, text text);
CREATE TABLE export_app.letters (address text, text text);
CREATE TABLE export_app.files (owner uuid, text text, hidden text) PARTITION BY LIST (text);
CREATE TABLE export_app.files_1 PARTITION OF export_app.files DEFAULT;
CREATE TABLE export_app.moderation (about uuid, by uuid, text text);
RESET ROLE;
ALTER TABLE export_app.orders ADD FOREIGN KEY (user_id) REFERENCES auth.users ON DELETE CASCADE;
ALTER TABLE export_app.comments ADD FOREIGN KEY (author) REFERENCES auth.users;
ALTER TABLE export_app.badges ADD FOREIGN KEY (tenant_id, user_id) REFERENCES auth.memberships ON DELETE CASCADE;
ALTER TABLE export_app.letters ADD FOREIGN KEY (address) REFERENCES auth.users (email) ON UPDATE CASCADE;
ALTER TABLE export_app.files ADD FOREIGN KEY (owner) REFERENCES auth.users ON DELETE SET NULL;
ALTER TABLE export_app.moderation ADD FOREIGN KEY (about) REFERENCES auth.users ON DELETE CASCADE, ADD FOREIGN KEY (by) REFERENCES auth.users ON DELETE SET NULL;
SELECT count(*) FROM auth.protect('export_app.notes', owner_column => 'owner_id', assignee_column => 'doctor_id') \g /dev/null
GRANT SELECT ON export_app.notes, export_app.orders, export_app.lines, export_app.comments, export_app.badges TO authenticated;
GRANT SELECT (owner, text) ON export_app.files TO authenticated;

INSERT INTO export_app.notes SELECT pg_temp.t(t), pg_temp.u(o), pg_temp.u(d), format('%s/%s/%s', t, o, d) FROM (VALUES
	('north', 'ann', 'bob'), ('south', 'ann', NULL), ('north', 'bob', 'ann'), ('north', 'bob', NULL), ('south', 'eve', NULL)) AS n (t, o, d);
INSERT INTO export_app.orders VALUES (1, pg_temp.u('ann'), 'ann-1', 'NaN', 'a1'), (2, pg_temp.u('bob'), 'bob-1', 1, 'b1'), (3, pg_temp.u('ann'), 'ann-2', 2, 'a23');
INSERT INTO export_app.lines VALUES (1, 'ann-1-1'), (1, 'ann-1-1'), (2, 'bob-1-1');
INSERT INTO export_app.remarks VALUES ('a1', 'remark-a'), ('b1', 'remark-b'), ('a23', 'remark-a23');
INSERT INTO export_app.taxes VALUES (1, 'tax');
INSERT INTO export_app.comments VALUES (1, pg_temp.u('ann'), NULL, 'question'), (2, pg_temp.u('bob'), 1, 'reply'), (3, NULL, 2, 'bot'), (4, pg_temp.u('ann'), 1, 'thanks'), (5, NULL, 4, 'anonymous');
INSERT INTO export_app.badges VALUES (pg_temp.t('north'), pg_temp.u('ann'), 'badge-n'), (pg_temp.t('south'), pg_temp.u('ann'), 'badge-s'), (pg_temp.t('north'), pg_temp.u('bob'), 'badge-b');
INSERT INTO export_app.letters VALUES ('ann@accounts.example', 'letter-a'), ('bob@accounts.example', 'letter-b');
INSERT INTO export_app.files VALUES (pg_temp.u('ann'), 'file-a', 'canary-hidden'), (pg_temp.u('bob'), 'file-b', 'x');
INSERT INTO export_app.moderation VALUES (pg_temp.u('ann'), pg_temp.u('bob'), 'about-ann'), (pg_temp.u('bob'), pg_temp.u('ann'), 'by-ann');

-- nobody
SELECT is(pg_temp.explain('export_my_data()', 'authenticated'), '401 no_authorization: Authentication required', 'nobody has data');
SELECT is(left(pg_temp.say('export_my_data()', 'anon'), 5), '42501', 'anon may not ask');
SELECT is(left(pg_temp.as(role, format('auth.export_user(%L)', pg_temp.u('ann'))), 5), '42501', role || ' may not export others')
	FROM unnest(ARRAY['anon', 'authenticated', 'auth_platform']) AS role;
SELECT is(pg_temp.as('auth_admin', 'auth.export_user(' || arguments || ')'), expected, 'refused: ' || expected) FROM (VALUES
	('NULL', 'P0002 user not found'), ('gen_random_uuid()', 'P0002 user not found'), (format('%L, 0', pg_temp.u('ann')), '22023 max_rows must be from 1 to 100000'),
	(format('%L, NULL', pg_temp.u('ann')), '22023 max_rows must be from 1 to 100000'), (format('%L, 2147483647', pg_temp.u('ann')), '22023 max_rows must be from 1 to 100000')) AS a (arguments, expected);

-- the administrator's is whole
SELECT pg_temp.whole('ann') AS whole \gset
SELECT is(pg_temp.texts(:'whole'), 'export_app.badges: badge-n badge-s; export_app.comments: anonymous question thanks; export_app.files: file-a; '
	'export_app.letters: letter-a; export_app.lines: ann-1-1 ann-1-1; export_app.moderation: about-ann by-ann; '
	'export_app.notes: north/ann/bob north/bob/ann south/ann/; export_app.orders: ann-1 ann-2; export_app.remarks: remark-a remark-a23',
	'all tenants; through orders what would be deleted with them; no reply of somebody else');
SELECT is(:'whole'::jsonb -> 'truncated', '[]', 'all of it');
SELECT is(:'whole'::jsonb -> 'unreadable', '[]', 'of every table');
SELECT is((SELECT string_agg(key, ' ' ORDER BY key) FROM jsonb_object_keys(:'whole'::jsonb) AS key),
	'audit_log consents exported_at last_sign_ins memberships sessions tables truncated unreadable user',
	'and what we keep ourselves')
	WHERE to_regclass('auth.assignments') IS NULL
UNION ALL
SELECT is((SELECT string_agg(key, ' ' ORDER BY key) FROM jsonb_object_keys(:'whole'::jsonb) AS key),
	'assignments audit_log consents exported_at invitations last_sign_ins membership_history memberships sessions '
	'tables truncated unreadable user', 'and what we keep ourselves')
	WHERE to_regclass('auth.assignments') IS NOT NULL;
SELECT is((:'whole'::jsonb #>> '{user,email}') || jsonb_array_length(:'whole'::jsonb -> 'memberships') || jsonb_array_length(:'whole'::jsonb -> 'sessions'), 'ann@accounts.example21', 'user, memberships, sessions');
SELECT is((SELECT string_agg(DISTINCT e ->> 'event', ' ' ORDER BY e ->> 'event') FROM jsonb_array_elements(:'whole'::jsonb -> 'audit_log') AS e), 'login member_add user_create user_export', 'and what happened');
SELECT is(strpos(:'whole'::jsonb #>> '{audit_log}', 'by_role'), 0, 'but not which administrator did it');
SELECT is(pg_temp.trail(), 'user_export success ann@accounts.example', 'that it was exported is in the trail');
SELECT is(:'whole'::jsonb #>> '{tables,export_app.orders,0,price}' || (:'whole'::jsonb #>> '{tables,export_app.orders,1,code}'), 'NaNa23', 'values as JSON has them');

-- the endpoint's is what the caller may read in this tenant
SELECT pg_temp.mine(:'ann'::jsonb ->> 'access_token') AS mine \gset
SELECT is(pg_temp.texts(:'mine'), 'export_app.badges: badge-n badge-s; export_app.comments: anonymous question thanks; export_app.files: file-a; '
	'export_app.lines: ann-1-1 ann-1-1; export_app.notes: north/ann/bob north/bob/ann; export_app.orders: ann-1 ann-2',
	'no table without SELECT, no row of another tenant');
SELECT is(strpos(:'mine', 'canary-hidden'), 0, 'no column without SELECT');
SELECT isnt(strpos(:'whole', 'canary-hidden'), 0, 'which the administrator''s has');
SELECT is(:'mine'::jsonb -> 'tenant_id' #>> '{}', pg_temp.t('north')::text, 'it says for which tenant');
SELECT is(:'mine'::jsonb ? 'unreadable', false, 'and names no table that the caller may not read');
SELECT is(pg_temp.trail(), 'account_export success ann@accounts.example', 'it is in the trail');
SELECT is(strpos(pg_temp.mine(:'bob'::jsonb ->> 'access_token')::text, pg_temp.u('eve')::text), 0, 'nothing of Eve in that of Bob');
SELECT auth.authenticate(:'ann'::jsonb ->> 'access_token') \g /dev/null
SELECT is(pg_temp.read_only('export_my_data()', 'authenticated') LIKE '{%"user"%', true, 'a GET is enough');
SELECT pg_temp.nobody() \g /dev/null

-- no secret: whatever our tables hold in hashes, salts, nonces and sealed values
SELECT auth.secret_store(pg_temp.t('north'), 'smtp', 'canary-secret') \g /dev/null
SELECT is((SELECT string_agg(k.kind, ' ') FROM (
		SELECT 'hash' AS kind, password_hash AS value FROM auth.users
		UNION ALL SELECT 'token', encode(token_hash, 'hex') FROM auth.refresh_tokens
		UNION ALL SELECT 'salt', encode(salt, 'hex') FROM auth.refresh_tokens
		UNION ALL SELECT 'sealed', encode(sealed, 'hex') FROM auth.secrets
		UNION ALL SELECT 'nonce', nonce::text FROM auth.audit_log) AS k
	CROSS JOIN LATERAL (SELECT pg_temp.whole('ann')::text || pg_temp.mine(:'ann'::jsonb ->> 'access_token')::text OFFSET 0) AS d (document)
	WHERE strpos(d.document, k.value) > 0), NULL, 'no secret') FROM (SELECT 1) AS one;
SELECT isnt(strpos(pg_temp.whole('ann')::text, 'ann@accounts.example'), 0, 'where the address is');
SELECT is_empty($$
	SELECT k.conrelid::regclass, a.attname FROM pg_constraint AS k JOIN pg_attribute AS a ON a.attrelid = k.conrelid AND a.attnum = k.conkey[1]
	WHERE k.contype = 'f' AND k.confrelid = 'auth.users'::regclass AND k.connamespace = 'auth'::regnamespace
		AND NOT EXISTS (SELECT FROM auth._personal_tables() AS p WHERE format('auth.%I', p.table_name)::regclass = k.conrelid)
$$, 'every table of ours with a key to users is listed, be it without columns');
SELECT is_empty($$
	SELECT p.table_name, c FROM auth._personal_tables() AS p, unnest(p.columns || p.user_column) AS c
	WHERE NOT EXISTS (SELECT FROM pg_attribute AS a WHERE a.attrelid = format('auth.%I', p.table_name)::regclass AND a.attname = c)
		OR c ~ 'hash|salt|secret|sealed|token|nonce|key'
$$, 'with columns that there are, and no secret among them');

-- bounds
INSERT INTO export_app.moderation SELECT pg_temp.u('bob'), NULL, repeat('x', 1000) FROM generate_series(1, 200);
SELECT pg_temp.whole('bob', ', 150') AS cut \gset
SELECT is(jsonb_array_length(:'cut'::jsonb #> '{tables,export_app.moderation}'), 150, 'at most so many rows of a table');
SELECT is(:'cut'::jsonb -> 'truncated', '["export_app.moderation"]', 'and the table is named');
SELECT is((auth._owned_rows('export_app.moderation', '{about}', jsonb_build_array(jsonb_build_array(pg_temp.u('bob'))), NULL, 1000, 50000)) - 'rows' - 'bytes', '{"truncated": true}', 'at most so many bytes');
SELECT cmp_ok((auth._owned_rows('export_app.moderation', '{about}', jsonb_build_array(jsonb_build_array(pg_temp.u('bob'))), NULL, 1000, 50000) ->> 'bytes')::integer, '<', 50000, 'and not more');
SELECT pg_temp.whole('bob', ', 1') AS cut \gset
SELECT is(:'cut'::jsonb -> 'truncated' @> '["audit_log"]', true, 'our own tables too');

CREATE TABLE export_app.chain (id int PRIMARY KEY, parent int REFERENCES export_app.chain ON DELETE CASCADE, who uuid REFERENCES auth.users);
INSERT INTO export_app.chain SELECT i, nullif(i - 1, 0), CASE i WHEN 1 THEN pg_temp.u('eve') END FROM generate_series(1, 150) AS i;
SELECT is(jsonb_array_length(d #> '{tables,export_app.chain}') || (d ->> 'truncated'), '100["export_app.chain"]', 'a chain of rows is followed so far, and named') FROM pg_temp.whole('eve') AS d;
DELETE FROM export_app.chain WHERE id > 99;
SELECT is(jsonb_array_length(d #> '{tables,export_app.chain}') || (d ->> 'truncated'), '99[]', 'a shorter one is whole') FROM pg_temp.whole('eve') AS d;
DROP TABLE export_app.chain;

-- odd values: what jsonb refuses, types of others
SET LOCAL ROLE intrex_auth_test_owner;
CREATE DOMAIN export_app.identity AS uuid;
CREATE TYPE export_app.mood AS ENUM ('glad');
CREATE TABLE export_app.odd ("of ""whom""" export_app.identity, raw json, mood export_app.mood, moods export_app.mood[], bits bit(3), bytes bytea, at timestamptz, "no text" text);
RESET ROLE;
ALTER TABLE export_app.odd ADD FOREIGN KEY ("of ""whom""") REFERENCES auth.users ON DELETE CASCADE;
INSERT INTO export_app.odd VALUES (pg_temp.u('eve'), '{"a": "\u0000", "b": 1e999999}', 'glad', '{glad}', '101', '\xff', 'infinity', NULL);
SELECT is((pg_temp.whole('eve') #> '{tables,export_app.odd,0}') - 'of "whom"',
	'{"raw": "{\"a\": \"\\u0000\", \"b\": 1e999999}", "mood": "glad", "moods": "{glad}", "bits": "101", "bytes": "\\xff", "at": "infinity", "no text": null}', 'odd values');

-- columns called as the statements of the export call theirs
CREATE TABLE export_app.short (who uuid REFERENCES auth.users ON DELETE CASCADE, s text, t text, r text, k int PRIMARY KEY, key text, place text, shown text);
CREATE TABLE export_app.shorter (k int REFERENCES export_app.short ON DELETE CASCADE, text text);
INSERT INTO export_app.short VALUES (pg_temp.u('eve'), 's', 't', 'r', 1, 'key', 'place', 'shown');
INSERT INTO export_app.shorter VALUES (1, 'under it');
SELECT is((pg_temp.whole('eve') #> '{tables,export_app.short,0}') - 'who', '{"s": "s", "t": "t", "r": "r", "k": 1, "key": "key", "place": "place", "shown": "shown"}', 'the whole row, whatever its columns are called');
SELECT is(pg_temp.whole('eve') #>> '{tables,export_app.shorter,0,text}', 'under it', 'and what hangs on it');

-- others are named also by a key of two columns, or an address
CREATE TABLE export_app.topics (id int PRIMARY KEY, who uuid REFERENCES auth.users ON DELETE CASCADE);
CREATE TABLE export_app.answers (topic int REFERENCES export_app.topics ON DELETE CASCADE, tenant uuid, who uuid, text text,
	FOREIGN KEY (tenant, who) REFERENCES auth.memberships ON DELETE CASCADE);
CREATE TABLE export_app.mails (topic int REFERENCES export_app.topics ON DELETE CASCADE, sender text REFERENCES auth.users (email), text text);
INSERT INTO export_app.topics VALUES (1, pg_temp.u('eve'));
INSERT INTO export_app.answers VALUES (1, pg_temp.t('south'), pg_temp.u('eve'), 'answer-eve'), (1, pg_temp.t('south'), pg_temp.u('ann'), 'answer-ann'),
	(1, NULL, pg_temp.u('ann'), 'half-ann'), (1, pg_temp.t('south'), NULL, 'answer-nobody');
INSERT INTO export_app.mails VALUES (1, 'eve@accounts.example', 'mail-eve'), (1, 'bob@accounts.example', 'mail-bob'), (1, NULL, 'mail-nobody');
SELECT is(pg_temp.texts(jsonb_build_object('tables', jsonb_build_object('answers', d #> '{tables,export_app.answers}', 'mails', d #> '{tables,export_app.mails}'))),
	'answers: answer-eve answer-nobody; mails: mail-eve mail-nobody', 'what others wrote is theirs') FROM pg_temp.whole('eve') AS d;
SELECT is(pg_temp.whole('ann') #>> '{tables,export_app.answers,0,text}', 'answer-ann', 'and in their document');

-- keys that cannot be followed: nothing is left out without a word
CREATE TABLE export_app.by_mood (mood export_app.mood PRIMARY KEY, who uuid REFERENCES auth.users ON DELETE CASCADE);
CREATE TABLE export_app.under_mood (mood export_app.mood REFERENCES export_app.by_mood ON DELETE CASCADE, text text);
SELECT is(pg_temp.whole('eve') -> 'unreadable', '[]', 'nothing to follow');
INSERT INTO export_app.by_mood VALUES ('glad', pg_temp.u('eve'));
INSERT INTO export_app.under_mood VALUES ('glad', 'x');
SELECT is(pg_temp.whole('eve') -> 'unreadable', '["export_app.under_mood"]', 'a key of a type of others: the table is named');

-- rows that cannot be without those of the user are part of them; others are not
CREATE TABLE export_app.trips (id int PRIMARY KEY, who uuid REFERENCES auth.users);
CREATE TABLE export_app.stops (id int PRIMARY KEY, trip int NOT NULL REFERENCES export_app.trips, text text);
CREATE TABLE export_app.meals (stop int NOT NULL REFERENCES export_app.stops ON DELETE RESTRICT, guest uuid REFERENCES auth.users, text text);
CREATE TABLE export_app.photos (stop int REFERENCES export_app.stops, text text);
CREATE TABLE export_app.maps (stop int REFERENCES export_app.stops ON DELETE SET NULL, text text);
INSERT INTO export_app.trips VALUES (1, pg_temp.u('eve')), (2, pg_temp.u('ann'));
INSERT INTO export_app.stops VALUES (1, 1, 'stop-eve'), (2, 2, 'stop-ann');
INSERT INTO export_app.meals VALUES (1, NULL, 'meal-eve'), (1, pg_temp.u('bob'), 'meal-bob'), (2, NULL, 'meal-ann'), (2, pg_temp.u('eve'), 'meal-guest');
INSERT INTO export_app.photos VALUES (1, 'photo');
INSERT INTO export_app.maps VALUES (1, 'map');
SELECT is((SELECT string_agg(t.table_name || ': ' || (SELECT string_agg(r ->> 'text', ' ' ORDER BY r ->> 'text') FROM jsonb_array_elements(d #> ARRAY['tables', 'export_app.' || t.table_name]) AS r), '; ')
	FROM unnest(ARRAY['stops', 'meals', 'photos', 'maps']) AS t (table_name)), 'stops: stop-eve; meals: meal-eve meal-guest', 'two keys deep, without CASCADE') FROM pg_temp.whole('eve') AS d;

-- a policy that raises is no reason to refuse the rest
CREATE TABLE export_app.guarded (who uuid REFERENCES auth.users ON DELETE CASCADE, text text);
CREATE FUNCTION export_app.guard() RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN PERFORM auth.require_role('owner'); RETURN true; END $$;
GRANT EXECUTE ON FUNCTION export_app.guard() TO PUBLIC;
GRANT SELECT ON export_app.guarded TO authenticated;
ALTER TABLE export_app.guarded ENABLE ROW LEVEL SECURITY;
CREATE POLICY guarded ON export_app.guarded USING (export_app.guard());
INSERT INTO export_app.guarded VALUES (pg_temp.u('ann'), 'guarded');
SELECT is(strpos(d::text, 'guarded') = 0 AND d #> '{tables,export_app.orders}' IS NOT NULL, true, 'a guard that raises hides its table alone')
	FROM pg_temp.mine(:'ann'::jsonb ->> 'access_token') AS d;
SELECT set_config('request.method', 'POST', true) \g /dev/null
SELECT is(strpos(d::text, 'guarded') = 0 AND d #> '{tables,export_app.orders}' IS NOT NULL, true, 'under PostgREST, too')
	FROM pg_temp.mine(:'ann'::jsonb ->> 'access_token') AS d;
SELECT set_config('request.method', '', true) \g /dev/null
SELECT isnt(strpos(pg_temp.whole('ann')::text, 'guarded'), 0, 'the administrator''s has it');

-- what a caller has set
CREATE TABLE export_app.floats (f float8 PRIMARY KEY, who uuid REFERENCES auth.users ON DELETE CASCADE);
CREATE TABLE export_app.under_floats (f float8 REFERENCES export_app.floats ON DELETE CASCADE, text text);
INSERT INTO export_app.floats VALUES (0.1::float8 + 0.2, pg_temp.u('eve'));
INSERT INTO export_app.under_floats VALUES (0.1::float8 + 0.2, 'x');
SELECT pg_temp.whole('eve') -> 'tables' AS plain \gset
SET LOCAL quote_all_identifiers = on; SET LOCAL extra_float_digits = -15; SET LOCAL IntervalStyle = iso_8601; SET LOCAL DateStyle = German; SET LOCAL bytea_output = escape;
SELECT is((SELECT string_agg(key, ' ' ORDER BY key) FROM jsonb_object_keys(pg_temp.whole('eve') -> 'tables') AS key),
	(SELECT string_agg(key, ' ' ORDER BY key) FROM jsonb_object_keys(:'plain'::jsonb) AS key), 'does not change what is found, and how it is called');
RESET quote_all_identifiers; RESET extra_float_digits; RESET IntervalStyle; RESET DateStyle; RESET bytea_output;
SET LOCAL row_security = off;
SELECT is(pg_temp.mine(:'ann'::jsonb ->> 'access_token') #> '{tables,export_app.notes}', :'mine'::jsonb #> '{tables,export_app.notes}', 'nor does it switch policies off');
SET LOCAL row_security = on;

-- a table without tenants, protected for its owners
CREATE TABLE export_app.carts (owner_id uuid, text text);
SELECT auth.resource_create('carts') \g /dev/null
SELECT count(*) FROM auth.protect('export_app.carts', 'carts', NULL, owner_column => 'owner_id') \g /dev/null
INSERT INTO export_app.carts VALUES (pg_temp.u('eve'), 'cart-eve'), (pg_temp.u('ann'), 'cart-ann');
SELECT is(pg_temp.whole('eve') #> '{tables,export_app.carts}', jsonb_build_array(jsonb_build_object('owner_id', pg_temp.u('eve'), 'text', 'cart-eve')), 'a protected table without tenants');

-- an entry of protected tables that the owner of the table knows nothing of is not believed
CREATE TABLE export_app.secret_of_superuser (who uuid, text text);
INSERT INTO export_app.secret_of_superuser VALUES (pg_temp.u('ann'), 'canary-forged');
SET LOCAL ROLE auth_admin;
INSERT INTO auth.protected_tables (schema_name, table_name, tenant_column, owner_column, tenant_fk, had_default, had_not_null, had_rls, had_force_rls)
	VALUES ('export_app', 'secret_of_superuser', 'who', 'who', true, true, true, false, false);
RESET ROLE;
SELECT is(strpos(pg_temp.whole('ann')::text, 'canary-forged'), 0, 'a forged entry reads nothing');

-- what the owner of a table or a type plants
CREATE FUNCTION export_app.spy(what text) RETURNS boolean LANGUAGE plpgsql VOLATILE AS $$
BEGIN
	INSERT INTO export_app.ran VALUES (current_user, what);
	BEGIN
		PERFORM password_hash FROM auth.users;
		INSERT INTO export_app.ran VALUES (current_user, 'READ THE HASHES');
	EXCEPTION WHEN insufficient_privilege THEN
		NULL;
	END;
	BEGIN
		EXECUTE 'SET ROLE postgres';
		INSERT INTO export_app.ran VALUES (current_user, 'TOOK A ROLE');
	EXCEPTION WHEN OTHERS THEN
		NULL;
	END;
	RETURN true;
END
$$;
GRANT EXECUTE ON FUNCTION export_app.spy(text) TO PUBLIC;
SET LOCAL ROLE intrex_auth_test_owner;
CREATE TYPE export_app.trap AS (x int);
CREATE FUNCTION export_app.to_json(export_app.trap) RETURNS json LANGUAGE plpgsql AS $$ BEGIN PERFORM export_app.spy('cast'); RETURN '1'; END $$;
CREATE FUNCTION export_app.to_text(export_app.trap) RETURNS text LANGUAGE plpgsql AS $$ BEGIN PERFORM export_app.spy('cast'); RETURN '1'; END $$;
CREATE CAST (export_app.trap AS json) WITH FUNCTION export_app.to_json(export_app.trap) AS IMPLICIT;
CREATE CAST (export_app.trap AS text) WITH FUNCTION export_app.to_text(export_app.trap) AS IMPLICIT;
-- to_jsonb() looks for such a cast of every type that is neither a row nor the server's own
CREATE FUNCTION export_app.to_json(export_app.mood) RETURNS json LANGUAGE plpgsql AS $$ BEGIN PERFORM export_app.spy('cast'); RETURN '1'; END $$;
CREATE CAST (export_app.mood AS json) WITH FUNCTION export_app.to_json(export_app.mood) AS IMPLICIT;
CREATE TABLE export_app.trapped (who uuid, mood export_app.mood DEFAULT 'glad', trap export_app.trap, traps export_app.trap[]);
ALTER TABLE export_app.trapped ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY spy ON export_app.trapped USING (export_app.spy('policy'));
CREATE INDEX ON export_app.trapped (who) WHERE who IS NOT NULL;
GRANT SELECT ON export_app.trapped TO authenticated;
RESET ROLE;
CREATE TABLE export_app.trapped_of_superuser (who uuid, mood export_app.mood DEFAULT 'glad', trap export_app.trap);
GRANT SELECT ON export_app.trapped_of_superuser TO authenticated;
ALTER TABLE export_app.trapped ADD FOREIGN KEY (who) REFERENCES auth.users ON DELETE CASCADE;
ALTER TABLE export_app.trapped_of_superuser ADD FOREIGN KEY (who) REFERENCES auth.users ON DELETE CASCADE;
INSERT INTO export_app.trapped (who, trap, traps) VALUES (pg_temp.u('ann'), ROW (7), ARRAY[ROW (8)::export_app.trap]);
INSERT INTO export_app.trapped_of_superuser (who, trap) VALUES (pg_temp.u('ann'), ROW (9));
DELETE FROM export_app.ran;
SELECT is((pg_temp.whole('ann') #> '{tables,export_app.trapped,0}') - 'who', '{"mood": "glad", "trap": "(7)", "traps": "{(8)}"}', 'values of somebody''s type become text');
SELECT is(pg_temp.whole('ann') #>> '{tables,export_app.trapped_of_superuser,0,trap}', '(9)', 'in tables of superusers too');
SELECT is((SELECT string_agg(DISTINCT who || ' ' || what, ', ') FROM export_app.ran), NULL, 'for an administrator no code of theirs runs, casts and policies included');
SELECT is(pg_temp.mine(:'ann'::jsonb ->> 'access_token') #>> '{tables,export_app.trapped,0,trap}', '(7)', 'the endpoint reads by the policies,');
SELECT is((SELECT string_agg(DISTINCT who || ' ' || what, ', ') FROM export_app.ran), 'authenticated policy', 'which run as the caller, and only as him');

-- the parts are nobody's to call, and refuse what is no table of an application
SELECT is(left(pg_temp.as(role, 'auth._owned_rows(''export_app.notes'', ''{owner_id}'', ''[]'', NULL, 1, 1)'), 5), '42501', role || ' may not read so')
	FROM unnest(ARRAY['authenticated', 'auth_admin']) AS role;
SELECT throws_ok(format('SELECT auth._owned_rows(%s, NULL, 1000, 1000)', arguments), state, NULL, 'refused: ' || arguments) FROM (VALUES
	('''auth.users'', ''{id}'', ''[]''', '42809'), ('''pg_authid'', ''{oid}'', ''[]''', '42809'), ('0, ''{id}'', ''[]''', '42809'),
	('''export_app.notes'', ''{nothing}'', ''[]''', '42703'), ('''export_app.trapped'', ''{trap}'', ''[]''', '42804'), ('''export_app.notes'', ''{}'', ''[]''', '22023')) AS a (arguments, state);

SELECT * FROM finish();
ROLLBACK;
