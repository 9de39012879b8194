-- What code of other owners sets ends with it, and does not lead the rest of the session to their functions; and
-- whose rights it has in statements without a plan, COPY and TRUNCATE. See src/writes.c and src/others.c.
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
SELECT plan(21);
\i :owner_triggers

-- functions that set what would be theirs: for the session or the transaction, and with a SET clause of their own
SET LOCAL ROLE intrex_auth_test_owner;
CREATE FUNCTION owner_triggers.leave() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
	INSERT INTO owner_triggers.ran VALUES (current_user, TG_NAME);
	PERFORM set_config(s.name, 'owner_triggers', TG_ARGV[0]::boolean)
		FROM (VALUES ('search_path'), ('owner_triggers.kept'), ('request.headers')) AS s (name);
	RETURN CASE TG_OP WHEN 'DELETE' THEN OLD ELSE NEW END;
END
$$;
CREATE FUNCTION owner_triggers.leave_pinned() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp AS $$
BEGIN
	INSERT INTO owner_triggers.ran VALUES (current_user, TG_NAME);
	PERFORM set_config(s.name, 'owner_triggers', TG_ARGV[0]::boolean)
		FROM (VALUES ('search_path'), ('owner_triggers.kept'), ('request.headers')) AS s (name);
	RETURN CASE TG_OP WHEN 'DELETE' THEN OLD ELSE NEW END;
END
$$;
CREATE FUNCTION owner_triggers.note() RETURNS void LANGUAGE sql AS
$$ INSERT INTO owner_triggers.ran VALUES (current_user, 'value') $$;
CREATE FUNCTION owner_triggers.leave_value(uuid) RETURNS uuid LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
	PERFORM owner_triggers.note();
	PERFORM set_config(s.name, 'owner_triggers', false)
		FROM (VALUES ('search_path'), ('owner_triggers.kept')) AS s (name);
	RETURN $1;
END
$$;
RESET ROLE;
CREATE FUNCTION pg_temp.settings() RETURNS text LANGUAGE sql AS $$
	SELECT concat_ws(' ', current_setting('search_path'), nullif(current_setting('owner_triggers.kept', true), ''),
		nullif(current_setting('request.headers', true), ''))
$$;
-- Each way of leaving something, as triggers of one table.
CREATE FUNCTION pg_temp.attach(target regclass, event text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
	one record;
BEGIN
	FOR one IN
		SELECT * FROM unnest(ARRAY['leave', 'leave_pinned']) AS f (name),
			unnest(ARRAY['BEFORE', 'AFTER']) AS t (moment),
			unnest(ARRAY['ROW', 'STATEMENT']) AS l (level), unnest(ARRAY['true', 'false']) AS a (argument)
		WHERE l.level = 'STATEMENT' OR event <> 'TRUNCATE'
	LOOP
		EXECUTE format('CREATE TRIGGER %I %s %s ON %s FOR EACH %s EXECUTE FUNCTION owner_triggers.%I(%L)',
			concat_ws('_', one.name, lower(one.moment), lower(one.level), one.argument), one.moment, event, target,
			one.level, one.name, one.argument);
	END LOOP;
END
$$;
CREATE FUNCTION pg_temp.started() RETURNS bigint LANGUAGE sql AS $$
	WITH gone AS (DELETE FROM owner_triggers.ran RETURNING *)
	SELECT count(DISTINCT what) FROM gone WHERE who = 'intrex_auth_test_owner'
$$;
CREATE FUNCTION pg_temp.set_back() RETURNS void LANGUAGE sql AS $$
	SELECT set_config(s.name, s.value, false)
	FROM (VALUES ('search_path', 'public, pg_catalog'), ('owner_triggers.kept', '')) AS s (name, value)
$$;
SELECT pg_temp.set_back() \g /dev/null
SELECT pg_temp.settings() AS before \gset
SELECT pg_temp.user_(n) FROM unnest(ARRAY['ann', 'bob', 'eve', 'max']) AS n \g /dev/null
SELECT pg_temp.tenant('north', 'ann', 'bob', 'eve', 'max') AS north \gset

-- of tables that refer to ours
SELECT pg_temp.refer('of_members', 'auth.memberships', '{tenant_id,user_id}') \g /dev/null
SELECT pg_temp.attach('owner_triggers.of_members', 'DELETE') \g /dev/null
SET LOCAL ROLE intrex_auth_test_owner;
CREATE CONSTRAINT TRIGGER leave_late AFTER DELETE ON owner_triggers.of_members DEFERRABLE INITIALLY DEFERRED
	FOR EACH ROW EXECUTE FUNCTION owner_triggers.leave_pinned(false);
RESET ROLE;
INSERT INTO owner_triggers.of_members SELECT m.tenant_id, m.user_id FROM auth.memberships AS m;
SELECT auth.member_remove(:'north', pg_temp.u('ann')) \g /dev/null
SELECT is(pg_temp.settings(), :'before', 'a member is removed: no setting is left');
SELECT is(pg_temp.started(), 17::bigint + 5, 'though all triggers ran');
DELETE FROM auth.memberships WHERE user_id = pg_temp.u('bob');
SELECT is(pg_temp.settings(), :'before', 'by a plain statement');
SELECT is(pg_temp.started(), 17::bigint + 5, '(all ran)');
-- what an error ends, too
CREATE FUNCTION pg_temp.fails() RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	DELETE FROM auth.memberships WHERE user_id = pg_temp.u('eve');
	RAISE EXCEPTION 'undone';
EXCEPTION WHEN raise_exception THEN
	RETURN pg_temp.settings();
END
$$;
SELECT is(pg_temp.fails(), :'before', 'when it is rolled back');
SELECT pg_temp.started() \g /dev/null

-- what is computed for a row, and what the planner computes
SET LOCAL ROLE intrex_auth_test_owner;
CREATE TABLE owner_triggers.notes (user_id uuid,
	twice uuid GENERATED ALWAYS AS (owner_triggers.leave_value(user_id)) STORED,
	CHECK (user_id IS DISTINCT FROM owner_triggers.leave_value('00000000-0000-4000-8000-000000000000')));
RESET ROLE;
ALTER TABLE owner_triggers.notes ADD FOREIGN KEY (user_id) REFERENCES auth.users ON DELETE SET NULL;
INSERT INTO owner_triggers.notes VALUES (pg_temp.u('max'));
SELECT pg_temp.set_back() \g /dev/null
SELECT pg_temp.started() \g /dev/null
SET LOCAL constraint_exclusion = on;
SELECT auth.user_delete(pg_temp.u('max')) \g /dev/null
SELECT is(pg_temp.settings(), :'before', 'what is computed for a row of theirs leaves none');
SELECT cmp_ok(pg_temp.started(), '>=', 1::bigint, '(it was)');
-- an erasure that deletes rows itself
ALTER TABLE owner_triggers.notes DROP CONSTRAINT notes_user_id_fkey, ADD FOREIGN KEY (user_id) REFERENCES auth.users;
SELECT pg_temp.attach('owner_triggers.notes', 'DELETE') \g /dev/null
INSERT INTO owner_triggers.notes VALUES (pg_temp.u('bob'));
SELECT pg_temp.set_back() \g /dev/null
SELECT pg_temp.started() \g /dev/null
SELECT auth.user_erase(pg_temp.u('bob'), cascade => true) \g /dev/null
SELECT is(pg_temp.settings(), :'before', 'nor does an erasure');
SELECT cmp_ok(pg_temp.started(), '>=', 16::bigint, '(all ran)');
DROP TABLE owner_triggers.notes, owner_triggers.of_members;

-- on tables of ours
SELECT pg_temp.attach('auth.users', 'INSERT OR UPDATE OR DELETE'), pg_temp.attach('auth.plans', 'TRUNCATE') \g /dev/null
SELECT auth.user_update(pg_temp.u('eve'), name => 'Eva') \g /dev/null
SELECT is(pg_temp.settings(), :'before', 'triggers on a table of ours leave none');
SELECT is(pg_temp.started(), 16::bigint, '(all ran)');
WITH new AS (INSERT INTO auth.users (email) VALUES ('new@accounts.example') RETURNING id)
	SELECT count(*) FROM new \g /dev/null
SELECT is(pg_temp.settings(), :'before', 'by a plain statement');
SELECT pg_temp.started() \g /dev/null
-- COPY, by a superuser and by the owner of our tables
COPY auth.users (email) FROM stdin;
one@accounts.example
two@accounts.example
\.
SELECT is(pg_temp.settings(), :'before', 'nor in COPY');
SELECT is(pg_temp.started(), 16::bigint, '(all ran)');
SET LOCAL ROLE auth_owner;
COPY auth.users (email) FROM stdin;
three@accounts.example
\.
RESET ROLE;
SELECT is(pg_temp.settings(), :'before', 'also by the owner of our tables');
SELECT pg_temp.started() \g /dev/null
-- what a trigger of theirs sets off in its turn: a referring table of somebody else, within COPY
CREATE FUNCTION owner_triggers.delete_eve() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS
$$ BEGIN DELETE FROM auth.users WHERE name = 'Eva'; RETURN NULL; END $$;
CREATE TRIGGER delete_eve AFTER INSERT ON auth.tenants FOR EACH ROW EXECUTE FUNCTION owner_triggers.delete_eve();
SELECT pg_temp.refer('of_users', 'auth.users', '{id}') \g /dev/null
INSERT INTO owner_triggers.of_users SELECT u.id FROM auth.users AS u WHERE u.name = 'Eva';
COPY auth.tenants (name) FROM stdin;
south
\.
SELECT is(pg_temp.ran('% of_users'),
	'intrex_auth_test_owner: after of_users, intrex_auth_test_owner: after_all of_users, '
	'intrex_auth_test_owner: before of_users, intrex_auth_test_owner: before_all of_users, '
	'intrex_auth_test_owner: late of_users',
	'what refers to ours runs as its owner');
-- that came past the guard: without rights
ALTER EVENT TRIGGER intrex_auth_attach_guard DISABLE;
CREATE TRIGGER spy BEFORE INSERT ON auth.users FOR EACH ROW EXECUTE FUNCTION owner_triggers.spy();
CREATE TRIGGER spy_after AFTER INSERT ON auth.users FOR EACH ROW EXECUTE FUNCTION owner_triggers.spy();
CREATE TRIGGER spy_all AFTER INSERT ON auth.users EXECUTE FUNCTION owner_triggers.spy();
CREATE TRIGGER spy AFTER TRUNCATE ON auth.plans EXECUTE FUNCTION owner_triggers.spy();
ALTER EVENT TRIGGER intrex_auth_attach_guard ENABLE ALWAYS;
DELETE FROM owner_triggers.ran;
COPY auth.users (email) FROM stdin;
four@accounts.example
\.
SELECT is(pg_temp.ran_as('users'), 'anon, intrex_auth_test_owner 3',
	'a trigger on ours that is not SECURITY DEFINER has no rights in COPY');
-- TRUNCATE, and the tables that it cascades to
SET LOCAL ROLE intrex_auth_test_owner;
CREATE TABLE owner_triggers.of_plans (name text);
CREATE TRIGGER spy BEFORE TRUNCATE ON owner_triggers.of_plans EXECUTE FUNCTION owner_triggers.spy();
CREATE TRIGGER spy_after AFTER TRUNCATE ON owner_triggers.of_plans EXECUTE FUNCTION owner_triggers.spy();
RESET ROLE;
ALTER TABLE owner_triggers.of_plans ADD FOREIGN KEY (name) REFERENCES auth.plans;
SET LOCAL client_min_messages = error;
TRUNCATE auth.plans CASCADE;
RESET client_min_messages;
SELECT is(pg_temp.settings(), :'before', 'nor in TRUNCATE');
SELECT is_empty($$
	SELECT * FROM owner_triggers.ran AS r
	WHERE r.who NOT IN ('anon', 'intrex_auth_test_owner') OR r.what = upper(r.what)
$$,
	'and nothing has more rights there');
SELECT cmp_ok(pg_temp.ran('spy%'), '=', 'anon: spy of_plans, anon: spy plans, anon: spy_after of_plans', '(all ran)');

-- what the author of a statement sets stays
UPDATE auth.tenants SET name = set_config('owner_triggers.kept', 'mine', true) WHERE name = 'south';
SELECT alike(pg_temp.settings(), '% mine', 'what the author of a statement sets stays');

SELECT * FROM finish();
ROLLBACK;
