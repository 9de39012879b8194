-- What may be attached to tables of the extension, and what becomes of the rest: sql/98_writes.sql, src/others.c.
\set ECHO none
\set QUIET 1
\pset format unaligned
\pset tuples_only true
\set VERBOSITY terse
\getenv abs_srcdir PG_ABS_SRCDIR
\set include :abs_srcdir '/include/accounts.psql'
\set owner_triggers :abs_srcdir '/include/owner_triggers.psql'

BEGIN;
\i :include
SELECT pg_temp.clean() \g /dev/null
SELECT plan(57);
\i :owner_triggers

SELECT is_empty($$
	SELECT c.oid::regclass, a.* FROM pg_class AS c, auth._attached_code(c.oid) AS a
	WHERE c.relnamespace = 'auth'::regnamespace AND c.relkind IN ('r', 'p')
$$, 'nothing is attached to our tables but what is ours');
SELECT is_empty($$
	SELECT c.oid::regclass FROM pg_class AS c
	WHERE c.relnamespace = 'auth'::regnamespace AND c.relkind IN ('r', 'p') AND NOT EXISTS (SELECT FROM pg_trigger AS t
		WHERE t.tgrelid = c.oid AND t.tgname = '!statement_begins'
			AND t.tgfoid = 'auth._statement_begins()'::regprocedure
			-- ALWAYS, BEFORE, for each statement, INSERT or UPDATE or DELETE or TRUNCATE
			AND t.tgenabled = 'A' AND t.tgtype = 2 + 4 + 8 + 16 + 32 AND t.tgqual IS NULL
				AND cardinality(t.tgattr::smallint[]) = 0)
$$, 'every table of ours tells when a statement begins');

CREATE FUNCTION pg_temp.attach(statement text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE statement;
	RAISE EXCEPTION USING ERRCODE = 'PTAP0';
EXCEPTION WHEN SQLSTATE 'PTAP0' THEN
	RETURN 'accepted';
WHEN OTHERS THEN
	RETURN CASE WHEN SQLSTATE = '42501' AND SQLERRM LIKE '% must not be attached to a table of intrex_auth'
		THEN 'refused'
		ELSE SQLSTATE || ' ' || SQLERRM END;
END
$$;
CREATE FUNCTION owner_triggers.definer() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS 'BEGIN RETURN NEW; END';
CREATE FUNCTION owner_triggers.invoker() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
CREATE FUNCTION owner_triggers.yes(text) RETURNS boolean LANGUAGE sql IMMUTABLE AS 'SELECT true';
CREATE FUNCTION owner_triggers.same(text, text) RETURNS boolean LANGUAGE sql IMMUTABLE AS 'SELECT true';
CREATE OPERATOR owner_triggers.=== (LEFTARG = text, RIGHTARG = text, FUNCTION = owner_triggers.same);
CREATE DOMAIN owner_triggers.person AS text CHECK (owner_triggers.yes(VALUE));
CREATE FOREIGN DATA WRAPPER owner_triggers_wrapper;
CREATE SERVER owner_triggers_server FOREIGN DATA WRAPPER owner_triggers_wrapper;
CREATE TRIGGER attached BEFORE INSERT ON auth.plans FOR EACH ROW EXECUTE FUNCTION owner_triggers.definer();
CREATE TRIGGER attached_all BEFORE INSERT ON auth.plans EXECUTE FUNCTION owner_triggers.definer();
\set on_users 'ON auth.users FOR EACH ROW '
\set definer 'EXECUTE FUNCTION owner_triggers.definer()'
\set invoker 'EXECUTE FUNCTION owner_triggers.invoker()'
SELECT is(pg_temp.attach(statement), verdict, format('%s: %s', verdict, statement)) FROM (VALUES
	('accepted', 'CREATE TRIGGER x AFTER INSERT ' || :'on_users' || :'definer'),
	('refused', 'CREATE TRIGGER x AFTER INSERT ' || :'on_users' || :'invoker'),
	('refused', 'CREATE TRIGGER "!" BEFORE INSERT ON auth.users ' || :'definer'),
	('accepted', 'CREATE TRIGGER "!" AFTER INSERT ON auth.users ' || :'definer'),
	('refused', 'CREATE CONSTRAINT TRIGGER x AFTER INSERT ON auth.users DEFERRABLE FOR EACH ROW ' || :'definer'),
	('accepted', 'CREATE CONSTRAINT TRIGGER x AFTER INSERT ' || :'on_users' || :'definer'),
	('refused', 'CREATE TRIGGER x AFTER INSERT ' || :'on_users' || 'WHEN (owner_triggers.yes(NEW.email)) '
		|| :'definer'),
	('refused', 'CREATE TRIGGER x AFTER INSERT ' || :'on_users'
		|| 'WHEN (NEW.email OPERATOR(owner_triggers.===) ''a'') ' || :'definer'),
	('accepted', 'CREATE TRIGGER x AFTER INSERT ' || :'on_users' || 'WHEN (NEW.email <> ''a'') ' || :'definer'),
	('refused', 'CREATE TRIGGER x AFTER INSERT ' || :'on_users'
		|| 'WHEN (query_to_xml(''SELECT 1'', true, true, '''') IS NULL) ' || :'definer'),
	('refused', 'CREATE TRIGGER x AFTER INSERT ' || :'on_users'
		|| 'WHEN (NEW.email <> lower(pg_read_file(''PG_VERSION''))) ' || :'definer'),
	('refused', 'CREATE TRIGGER x AFTER INSERT ' || :'on_users' || 'WHEN (NEW.created_at < now()) ' || :'definer'),
	('accepted', 'CREATE TRIGGER x AFTER UPDATE ' || :'on_users'
		|| 'WHEN (lower(OLD.email) <> NEW.email OR OLD.* IS DISTINCT FROM NEW.*) ' || :'definer'),
	('accepted', 'CREATE TRIGGER x AFTER INSERT ON owner_triggers.ran FOR EACH ROW ' || :'invoker'),
	('refused', 'CREATE OR REPLACE FUNCTION owner_triggers.definer() RETURNS trigger LANGUAGE plpgsql '
		'AS ''BEGIN RETURN NEW; END'''),
	('accepted', 'CREATE OR REPLACE FUNCTION owner_triggers.definer() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
		AS ''BEGIN RETURN NULL; END'''),
	('refused', 'ALTER FUNCTION owner_triggers.definer() SECURITY INVOKER'),
	('refused', 'ALTER ROUTINE owner_triggers.definer() SECURITY INVOKER'),
	('accepted', 'ALTER FUNCTION owner_triggers.invoker() SECURITY DEFINER'),
	('accepted', 'ALTER TRIGGER attached ON auth.plans RENAME TO "!"'),
	('refused', 'ALTER TRIGGER attached_all ON auth.plans RENAME TO "!"'),
	('accepted', 'ALTER TABLE auth.plans DISABLE TRIGGER attached'),
	('refused', 'CREATE RULE x AS ON DELETE TO auth.users DO ALSO INSERT INTO owner_triggers.ran VALUES (1)'),
	('accepted', 'CREATE RULE x AS ON DELETE TO owner_triggers.ran DO ALSO INSERT INTO owner_triggers.ran VALUES (1)'),
	('refused', 'CREATE POLICY x ON auth.users USING (owner_triggers.yes(email))'),
	('accepted', 'CREATE POLICY x ON auth.users USING (email IS NOT NULL)'),
	('refused', 'ALTER TABLE auth.users ADD CHECK (owner_triggers.yes(email))'),
	('refused', 'ALTER TABLE auth.plans ADD COLUMN x boolean DEFAULT owner_triggers.yes(''x'')'),
	('refused', 'ALTER TABLE auth.plans ADD COLUMN x boolean GENERATED ALWAYS AS (owner_triggers.yes(name)) STORED'),
	('refused', 'ALTER TABLE auth.plans ADD COLUMN x owner_triggers.person'),
	('accepted', 'ALTER TABLE auth.plans ADD COLUMN x text DEFAULT lower(''X'')'),
	('accepted', 'ALTER TABLE auth.users SET (fillfactor = 90)'),
	('refused', 'CREATE INDEX ON auth.users (owner_triggers.yes(email))'),
	('refused', 'CREATE INDEX ON auth.users (name) WHERE owner_triggers.yes(email)'),
	('accepted', 'CREATE INDEX ON auth.users (lower(name))'),
	('refused', 'CREATE STATISTICS owner_triggers.x ON (owner_triggers.yes(email)), name FROM auth.users'),
	('accepted', 'CREATE STATISTICS owner_triggers.x ON email, name FROM auth.users'),
	('refused', 'CREATE TABLE owner_triggers.x () INHERITS (auth.users)'),
	('refused', 'CREATE FOREIGN TABLE owner_triggers.x () INHERITS (auth.users) SERVER owner_triggers_server'),
	('accepted', 'CREATE TABLE owner_triggers.x (LIKE auth.users INCLUDING ALL)'),
	('refused', 'CREATE TABLE owner_triggers.x (LIKE auth.users INCLUDING ALL); '
		'ALTER TABLE owner_triggers.x INHERIT auth.users'),
	('accepted', 'CREATE TABLE owner_triggers.x (id uuid REFERENCES auth.users ON DELETE CASCADE)'),
	('accepted', 'CREATE VIEW owner_triggers.x AS SELECT owner_triggers.yes(email) FROM auth.users'),
	('refused', 'CREATE SCHEMA owner_triggers_x CREATE TABLE x () INHERITS (auth.users)')
) AS s (verdict, statement);
SELECT is(pg_temp.error('CREATE TRIGGER x AFTER INSERT ON auth.users EXECUTE FUNCTION owner_triggers.spy()'),
	'42501 | trigger x on table auth.users must not be attached to a table of intrex_auth | '
	'It calls a function that is not SECURITY DEFINER, and would run with the rights of the extension or of its '
	'callers. | '
	'ALTER FUNCTION owner_triggers.spy() SECURITY DEFINER; then create the trigger.',
	'the error tells why, and the way out');

-- what event triggers run cannot be changed by who has the rights of auth_owner, which is lent for restores
CREATE ROLE intrex_auth_test_lent;
GRANT auth_owner TO intrex_auth_test_lent;
GRANT CREATE ON DATABASE :"DBNAME" TO intrex_auth_test_lent;
SET LOCAL ROLE intrex_auth_test_lent;
SELECT is_empty($$
	SELECT f.signature, v.tried, a.answer
	FROM (SELECT p.oid::regprocedure AS signature, pg_get_functiondef(p.oid) AS definition FROM pg_proc AS p
			WHERE p.pronamespace = 'auth'::regnamespace AND (p.prorettype = 'event_trigger'::regtype
				OR p.proname IN ('_attached_code', '_tables_touched', '_ddl_guard', 'unprotected_tables',
					'_warn_of_publication', '_published_secrets', '_publication_instead'))) AS f,
		LATERAL (VALUES (f.definition), (format('ALTER FUNCTION %s RENAME TO spare', f.signature)),
			(format('ALTER FUNCTION %s SECURITY INVOKER SET search_path = owner_triggers', f.signature))) AS v (tried),
		LATERAL (SELECT pg_temp.error(v.tried)) AS a (answer)
	WHERE a.answer NOT LIKE '42501 | %'
$$, 'nobody else replaces what event triggers run');
SELECT is(pg_temp.error('ALTER SCHEMA auth RENAME TO former'), '42501 | must be owner of schema auth',
	'nor the schema that they name');
SELECT is(pg_temp.error('CREATE FUNCTION auth._tables_touched(oid) RETURNS SETOF oid LANGUAGE sql '
		'AS ''SELECT 1::oid'''), '42501 | permission denied for schema auth', 'nor puts another beside it');
RESET ROLE;

-- of what came past it, a trigger on a table of ours has no rights, and cannot be put off
SELECT pg_temp.user_('tim') AS tim \gset
ALTER EVENT TRIGGER intrex_auth_attach_guard DISABLE;
CREATE TRIGGER before BEFORE UPDATE ON auth.users FOR EACH ROW EXECUTE FUNCTION owner_triggers.spy();
CREATE TRIGGER before_all BEFORE UPDATE ON auth.users EXECUTE FUNCTION owner_triggers.spy();
CREATE TRIGGER after AFTER UPDATE ON auth.users FOR EACH ROW EXECUTE FUNCTION owner_triggers.spy();
CREATE CONSTRAINT TRIGGER late AFTER UPDATE ON auth.users
	DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION owner_triggers.spy();
ALTER EVENT TRIGGER intrex_auth_attach_guard ENABLE ALWAYS;
SELECT auth.user_update(:'tim', name => 'Tem') \g /dev/null
SELECT is(pg_temp.ran_as('users'), 'anon 4',
	'triggers on a table of ours that are not SECURITY DEFINER have no rights');
UPDATE auth.users SET name = 'Tom' WHERE id = :'tim';
SELECT is(pg_temp.ran_as('users'), 'anon 4', 'in a superuser''s statement, too');
MERGE INTO auth.users AS u USING (VALUES (1)) AS v ON u.id = :'tim' WHEN MATCHED THEN UPDATE SET name = 'Tam';
SELECT is(pg_temp.ran_as('users'), 'anon 4', 'in MERGE');
WITH changed AS (UPDATE auth.users SET name = 'Tum' WHERE id = :'tim' RETURNING id) SELECT 1 \g /dev/null
SELECT is(pg_temp.ran_as('users'), 'anon 4', 'in a WITH that nobody reads');
INSERT INTO auth.users (id, email) VALUES (:'tim', 'tim@accounts.example') ON CONFLICT (id) DO UPDATE SET name = 'Tem';
SELECT is(pg_temp.ran_as('users'), 'anon 4', 'in INSERT ON CONFLICT');
EXPLAIN (ANALYZE, COSTS off) UPDATE auth.users SET name = 'Tym' WHERE id = :'tim' \g /dev/null
SELECT is(pg_temp.ran_as('users'), 'anon 4', 'in EXPLAIN ANALYZE');
PREPARE rename AS UPDATE auth.users SET name = $2 WHERE id = $1;
EXECUTE rename(:'tim', 'Tem');
SELECT is(pg_temp.ran_as('users'), 'anon 4', 'in a prepared statement');

SELECT * FROM finish();
ROLLBACK;

-- the first statement of a backend that has not loaded the library
BEGIN;
\i :include
\i :owner_triggers
SELECT pg_temp.user_('first') AS first_id \gset
SELECT pg_temp.refer('of_users', 'auth.users', '{id}') \g /dev/null
INSERT INTO owner_triggers.of_users VALUES (:'first_id');
ALTER EVENT TRIGGER intrex_auth_attach_guard DISABLE;
CREATE TRIGGER before BEFORE DELETE ON auth.users FOR EACH ROW EXECUTE FUNCTION owner_triggers.spy();
CREATE TRIGGER before_all BEFORE DELETE ON auth.users EXECUTE FUNCTION owner_triggers.spy();
CREATE TRIGGER after AFTER DELETE ON auth.users FOR EACH ROW EXECUTE FUNCTION owner_triggers.spy();
ALTER EVENT TRIGGER intrex_auth_attach_guard ENABLE ALWAYS;
COMMIT;
\c -
BEGIN;
SELECT plan(3);
DELETE FROM auth.users WHERE email = 'first@accounts.example';
SELECT is((SELECT string_agg(DISTINCT who || ' ' || what, ', ') FROM owner_triggers.ran WHERE what LIKE '%of_users'
	OR what = upper(what)),
	'intrex_auth_test_owner after of_users, intrex_auth_test_owner after_all of_users, intrex_auth_test_owner before '
	'of_users, '
	'intrex_auth_test_owner before_all of_users, intrex_auth_test_owner late of_users',
	'the first statement of a backend: what refers to ours');
SELECT is((SELECT string_agg(DISTINCT who || ' ' || what, ', ') FROM owner_triggers.ran
	WHERE what NOT LIKE '%of_users'),
	'anon after users, anon before users, anon before_all users', 'and what is on ours');
SELECT is(coalesce(current_setting('owner_triggers.kept', true), ''), '', 'and they leave no setting');
SELECT * FROM finish();
ROLLBACK;
-- what the caller has put off is the caller's at the end of such a statement
CREATE TABLE owner_triggers.put_off (id int);
CREATE FUNCTION owner_triggers.late() RETURNS trigger LANGUAGE plpgsql AS
$$
BEGIN
	INSERT INTO owner_triggers.ran
		VALUES (CASE current_user WHEN session_user THEN 'caller' ELSE current_user END, 'late');
	RETURN NULL;
END
$$;
CREATE CONSTRAINT TRIGGER late AFTER INSERT ON owner_triggers.put_off
	DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION owner_triggers.late();
\c -
DO $$
BEGIN
	INSERT INTO owner_triggers.put_off VALUES (1);
	DELETE FROM auth.users WHERE email = 'nobody@accounts.example';
END
$$;
BEGIN;
SELECT plan(1);
SELECT is((SELECT string_agg(who, ' ') FROM owner_triggers.ran WHERE what = 'late'), 'caller',
	'what was put off by the caller of such a statement is the caller''s');
SELECT * FROM finish();
ROLLBACK;
SET client_min_messages = warning;
DROP TRIGGER before ON auth.users;
DROP TRIGGER before_all ON auth.users;
DROP TRIGGER after ON auth.users;
DROP SCHEMA owner_triggers CASCADE;
DELETE FROM auth.users WHERE email = 'first@accounts.example';
DROP ROLE intrex_auth_test_owner;
