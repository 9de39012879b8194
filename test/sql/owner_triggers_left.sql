-- What code of other owners leaves behind, what it meets besides triggers, and how its errors read; see src/writes.c
-- and src/others.c.
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
SELECT plan(31);
\i :owner_triggers
SELECT pg_temp.user_(n) FROM unnest(ARRAY['ann', 'bob', 'eve', 'max']) AS n \g /dev/null
SELECT pg_temp.tenant('north', 'ann', 'bob', 'eve', 'max') AS north \gset

-- what the caller has put off stays put off, and stays the caller's ---------------------------------------------------
SELECT pg_temp.refer('shifts', 'auth.memberships', '{tenant_id,user_id}') \g /dev/null
CREATE ROLE intrex_auth_test_caller;
GRANT auth_admin TO intrex_auth_test_caller;
GRANT USAGE, CREATE ON SCHEMA owner_triggers TO intrex_auth_test_caller;
SET LOCAL ROLE intrex_auth_test_caller;
CREATE TABLE owner_triggers.log (who name);
CREATE TABLE owner_triggers.work (id int);
CREATE FUNCTION owner_triggers.log() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN INSERT INTO owner_triggers.log VALUES (current_user); RETURN NULL; END $$;
CREATE CONSTRAINT TRIGGER log AFTER INSERT ON owner_triggers.work
	DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION owner_triggers.log();
INSERT INTO owner_triggers.work VALUES (1);
RESET ROLE;
GRANT SELECT, UPDATE ON owner_triggers.shifts TO intrex_auth_test_caller;
INSERT INTO owner_triggers.shifts SELECT m.tenant_id, m.user_id FROM auth.memberships AS m WHERE m.tenant_id = :'north';
SELECT pg_temp.u('ann') AS ann, pg_temp.u('bob') AS bob, pg_temp.u('eve') AS eve, pg_temp.u('max') AS max \gset
-- an event of the caller's waits on the very table that our statement cascades to
SET LOCAL ROLE intrex_auth_test_caller;
UPDATE owner_triggers.shifts SET user_id = user_id WHERE user_id = :'ann';
RESET ROLE;
SELECT pg_temp.ran() \g /dev/null
SET LOCAL ROLE intrex_auth_test_caller;
SELECT auth.member_remove(:'north', :'bob') \g /dev/null
RESET ROLE;
SELECT is(pg_temp.ran('late%'), 'intrex_auth_test_owner: late shifts',
	'what our statement queues for a deferred trigger fires at once');
SELECT is((SELECT count(*) FROM owner_triggers.log), 0::bigint, 'what the caller has deferred on another table waits');
SET LOCAL ROLE intrex_auth_test_caller;
SELECT auth.user_erase(:'eve') ? 'pseudonym' AS erased \gset
RESET ROLE;
SELECT is(:'erased'::text, 't', 'it does not hinder an erasure');
SELECT is((SELECT count(*) FROM owner_triggers.log), 0::bigint, 'which does not fire it either');
SELECT pg_temp.ran() \g /dev/null
SET LOCAL ROLE intrex_auth_test_caller;
SET CONSTRAINTS ALL IMMEDIATE;
RESET ROLE;
SELECT is((SELECT string_agg(who, ' ') FROM owner_triggers.log), 'intrex_auth_test_caller',
	'it fires when the caller says so, as the caller');
SELECT is(pg_temp.ran('late%'), 'intrex_auth_test_caller: late shifts', 'and so does what waited on the other table');
-- a key that is checked at the end of the transaction still is
SET CONSTRAINTS ALL DEFERRED;
SELECT pg_temp.refer('drafts', 'auth.memberships', '{tenant_id,user_id}', 'DEFERRABLE INITIALLY DEFERRED') \g /dev/null
INSERT INTO owner_triggers.drafts VALUES (:'north', :'max');
SELECT lives_ok(format('SELECT auth.member_remove(%L, %L)', :'north', :'max'),
	'a deferred key lets a member go for the moment');
SELECT throws_ok('SET CONSTRAINTS ALL IMMEDIATE', '23503', NULL, 'and is checked later');
DELETE FROM owner_triggers.drafts;
SELECT lives_ok('SET CONSTRAINTS ALL IMMEDIATE', 'by when the row may have gone');
-- our own constraint triggers are deferred as before
SET CONSTRAINTS ALL DEFERRED;
SELECT auth.member_add(:'north', :'max', 'owner') \g /dev/null
DELETE FROM auth.memberships WHERE user_id = :'max';
SELECT throws_ok('SET CONSTRAINTS ALL IMMEDIATE', '23001', NULL, 'that a tenant keeps an owner is checked later');
INSERT INTO auth.memberships (tenant_id, user_id, role) VALUES (:'north', :'max', 'owner');
SELECT lives_ok('SET CONSTRAINTS ALL IMMEDIATE', 'by when it may have one again');
SET CONSTRAINTS ALL DEFERRED;

-- code that is not a trigger: it runs as the owner, and leaves nothing for the end of the transaction -----------------
SET LOCAL ROLE intrex_auth_test_owner;
CREATE TABLE owner_triggers.bait (id int);
CREATE CONSTRAINT TRIGGER late AFTER INSERT ON owner_triggers.bait
	DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION owner_triggers.spy();
CREATE FUNCTION owner_triggers.note(what text) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
	INSERT INTO owner_triggers.ran VALUES (current_user, what);
	IF current_setting('owner_triggers.armed', true) = 'on' AND current_user = 'intrex_auth_test_owner' THEN
		INSERT INTO owner_triggers.bait VALUES (1);
	END IF;
	RETURN true;
END
$$;
CREATE FUNCTION owner_triggers.planned() RETURNS uuid LANGUAGE plpgsql IMMUTABLE AS
$$ BEGIN PERFORM owner_triggers.note('planned'); RETURN '00000000-0000-4000-8000-000000000000'; END $$;
CREATE FUNCTION owner_triggers.stored(uuid) RETURNS uuid LANGUAGE plpgsql IMMUTABLE AS
$$ BEGIN PERFORM owner_triggers.note('stored'); RETURN $1; END $$;
CREATE FUNCTION owner_triggers.excluded(uuid) RETURNS uuid LANGUAGE plpgsql IMMUTABLE AS
$$ BEGIN PERFORM owner_triggers.note('excluded'); RETURN $1; END $$;
CREATE TABLE owner_triggers.lists (tenant_id uuid, user_id uuid, kept uuid,
	twice uuid GENERATED ALWAYS AS (owner_triggers.stored(user_id)) STORED,
	CHECK (owner_triggers.note('check')), CHECK (kept IS DISTINCT FROM owner_triggers.planned()),
	EXCLUDE USING btree (owner_triggers.excluded(kept) WITH =) DEFERRABLE INITIALLY DEFERRED);
RESET ROLE;
ALTER TABLE owner_triggers.lists ADD FOREIGN KEY (tenant_id, user_id) REFERENCES auth.memberships ON DELETE SET NULL;
INSERT INTO owner_triggers.lists SELECT m.tenant_id, m.user_id, gen_random_uuid() FROM auth.memberships AS m
	WHERE m.tenant_id = :'north' AND m.user_id = :'ann';
SET CONSTRAINTS ALL IMMEDIATE;
SET CONSTRAINTS ALL DEFERRED;
SELECT pg_temp.ran() \g /dev/null
-- the planner computes what does not change
SET LOCAL constraint_exclusion = on;
SET LOCAL owner_triggers.armed = on;
SELECT auth.member_remove(:'north', :'ann') \g /dev/null
SELECT is((SELECT string_agg(DISTINCT what || ' as ' || who, ', ') FROM owner_triggers.ran
	WHERE what IN ('check', 'stored', 'planned')),
	'check as intrex_auth_test_owner, planned as intrex_auth_test_owner, stored as intrex_auth_test_owner',
	'checks, generated columns and what the planner computes run as the owner of the table');
SELECT is((SELECT string_agg(DISTINCT who, ' ') FROM owner_triggers.ran WHERE what = 'late bait'),
	'intrex_auth_test_owner',
	'deferred triggers that they set off fire at once, as that owner');
SELECT is_empty($$ SELECT * FROM owner_triggers.ran WHERE who NOT IN ('intrex_auth_test_owner', 'anon')
	OR what = upper(what) $$, 'none has other rights');
SELECT pg_temp.ran() \g /dev/null
SELECT lives_ok('SET CONSTRAINTS ALL IMMEDIATE', 'the end of the transaction comes');
SELECT is(pg_temp.ran(), 'nothing', 'and nothing has been left for it');
SET CONSTRAINTS ALL DEFERRED;

-- rows that a key moves to another partition
SET LOCAL ROLE intrex_auth_test_owner;
CREATE TABLE owner_triggers.moved (email text) PARTITION BY LIST (email);
CREATE TABLE owner_triggers.moved_from PARTITION OF owner_triggers.moved FOR VALUES IN ('max@accounts.example');
CREATE TABLE owner_triggers.moved_to PARTITION OF owner_triggers.moved DEFAULT;
CREATE CONSTRAINT TRIGGER late AFTER INSERT ON owner_triggers.moved_to
	DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION owner_triggers.spy();
RESET ROLE;
ALTER TABLE owner_triggers.moved ADD FOREIGN KEY (email) REFERENCES auth.users (email) ON UPDATE CASCADE;
INSERT INTO owner_triggers.moved VALUES ('max@accounts.example');
SELECT is(pg_temp.error(format('SELECT auth.user_update(%L, email => ''moved@accounts.example'')', :'max')),
	'0A000 | a foreign key cannot move rows to partition "moved_to", which has the deferrable trigger "late" | '
	'Make the trigger or constraint NOT DEFERRABLE.',
	'a partition with a deferrable trigger takes no row that a key moves');
SET LOCAL ROLE intrex_auth_test_owner;
DROP TRIGGER late ON owner_triggers.moved_to;
CREATE TRIGGER prompt AFTER INSERT ON owner_triggers.moved_to FOR EACH ROW EXECUTE FUNCTION owner_triggers.spy();
RESET ROLE;
SELECT pg_temp.ran() \g /dev/null
SELECT lives_ok(format('SELECT auth.user_update(%L, email => ''moved@accounts.example'')', :'max'),
	'one with another trigger does');
SELECT is(pg_temp.ran(), 'intrex_auth_test_owner: prompt moved_to', 'which runs as the owner of the partition');
DROP TABLE owner_triggers.moved;

-- a superuser's table with the function of somebody else
CREATE TABLE owner_triggers.shared (id uuid REFERENCES auth.users ON DELETE CASCADE);
GRANT TRIGGER ON owner_triggers.shared TO intrex_auth_test_owner;
SET LOCAL ROLE intrex_auth_test_owner;
CREATE TRIGGER before BEFORE DELETE ON owner_triggers.shared FOR EACH ROW EXECUTE FUNCTION owner_triggers.spy();
CREATE TRIGGER after AFTER DELETE ON owner_triggers.shared FOR EACH ROW EXECUTE FUNCTION owner_triggers.spy();
RESET ROLE;
SELECT pg_temp.user_('sue') AS sue \gset
INSERT INTO owner_triggers.shared VALUES (:'sue');
SELECT auth.user_delete(:'sue') \g /dev/null
SELECT is(pg_temp.ran(), 'anon: after shared, anon: before shared',
	'a function does not become a superuser by a superuser''s table');
-- and that of a superuser
CREATE FUNCTION owner_triggers.trusted() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	INSERT INTO owner_triggers.ran VALUES (CASE current_user WHEN session_user THEN 'superuser' ELSE current_user END,
		TG_NAME);
	RETURN OLD;
END
$$;
CREATE OR REPLACE TRIGGER before BEFORE DELETE ON owner_triggers.shared FOR EACH ROW
	EXECUTE FUNCTION owner_triggers.trusted();
CREATE OR REPLACE TRIGGER after AFTER DELETE ON owner_triggers.shared FOR EACH ROW
	EXECUTE FUNCTION owner_triggers.trusted();
SELECT pg_temp.user_('sue') AS sue \gset
INSERT INTO owner_triggers.shared VALUES (:'sue');
SELECT auth.user_delete(:'sue') \g /dev/null
SELECT is(pg_temp.ran(), 'superuser: after, superuser: before', 'but it stays one if a superuser owns both');
DROP TABLE owner_triggers.shared;

-- what a trigger sets off in its turn may be deferred: it is checked at once
SET LOCAL ROLE intrex_auth_test_owner;
CREATE TABLE owner_triggers.archive (id int PRIMARY KEY);
CREATE TABLE owner_triggers.archived (id int REFERENCES owner_triggers.archive DEFERRABLE INITIALLY DEFERRED);
CREATE FUNCTION owner_triggers.archive() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS
$$ BEGIN INSERT INTO owner_triggers.archive VALUES (1); INSERT INTO owner_triggers.archived
	VALUES (1); RETURN NULL; END $$;
RESET ROLE;
CREATE TRIGGER archive AFTER DELETE ON auth.users FOR EACH ROW EXECUTE FUNCTION owner_triggers.archive();
SELECT lives_ok(format('SELECT auth.user_delete(%L)', pg_temp.user_('tom')),
	'a trigger on a table of ours writes to tables with deferred keys');
SELECT is((SELECT count(*) FROM owner_triggers.archived), 1::bigint, 'as its owner');
DROP TRIGGER archive ON auth.users;

-- errors ------------------------------------------------------------------------------------------------------------
SET LOCAL ROLE intrex_auth_test_owner;
CREATE FUNCTION owner_triggers.refuse() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
	RAISE EXCEPTION USING ERRCODE = coalesce(TG_ARGV[0], 'P0001'), MESSAGE = 'not now', DETAIL = 'for a reason',
		HINT = 'Wait.';
END
$$;
CREATE TABLE owner_triggers."Held" (id uuid);
CREATE TRIGGER "It's held" BEFORE UPDATE OR DELETE ON owner_triggers."Held" FOR EACH ROW
	EXECUTE FUNCTION owner_triggers.refuse();
RESET ROLE;
ALTER TABLE owner_triggers."Held" ADD FOREIGN KEY (id) REFERENCES auth.users ON DELETE CASCADE;
SELECT pg_temp.user_('tim') AS tim \gset
INSERT INTO owner_triggers."Held" VALUES (:'tim');
SELECT is(pg_temp.error(format('SELECT auth.user_delete(%L)', :'tim')), E'P0001 | not now | for a reason\n'
	'This is an error of trigger "It''s held" of table owner_triggers."Held", which belongs to intrex_auth_test_owner. '
	'| Wait.\nTo go on without the trigger, a superuser can run: '
	'ALTER TABLE owner_triggers."Held" DISABLE TRIGGER "It''s held";',
	'an error of a trigger names trigger, table and owner, and how to go on');
SELECT is(pg_temp.error(format('SELECT auth.user_erase(%L)', :'tim')),
	pg_temp.error(format('SELECT auth.user_delete(%L)', :'tim')),
	'in an erasure, too');
ALTER TABLE owner_triggers."Held" DISABLE TRIGGER "It's held";
SELECT lives_ok(format('SELECT auth.user_delete(%L)', :'tim'), 'and that helps');
-- rows that the erasure itself deletes
ALTER TABLE owner_triggers."Held" DROP CONSTRAINT "Held_id_fkey", ADD FOREIGN KEY (id) REFERENCES auth.users,
	ENABLE TRIGGER "It's held";
SELECT pg_temp.user_('tim') AS tim \gset
INSERT INTO owner_triggers."Held" VALUES (:'tim');
SELECT is(pg_temp.error(format('SELECT auth.user_erase(%L, cascade => true)', :'tim')),
	'23503 | the user is still referred to | In the way are: owner_triggers."Held" (SQLSTATE P0001). | '
	'anonymize => true clears references that may be null, cascade => true deletes such rows. '
	'To go on without the trigger, a superuser can run: '
	'ALTER TABLE owner_triggers."Held" DISABLE TRIGGER "It''s held";',
	'and where rows are in the way');
DROP TABLE owner_triggers."Held";
-- on ours; an error that passes is left as it is
CREATE TRIGGER hold BEFORE DELETE ON auth.users FOR EACH ROW EXECUTE FUNCTION owner_triggers.refuse('P0001');
CREATE TRIGGER hold_late AFTER UPDATE ON auth.users FOR EACH ROW EXECUTE FUNCTION owner_triggers.refuse('40001');
SELECT alike(pg_temp.error(format('DELETE FROM auth.users WHERE id = %L', :'tim')),
	'%ALTER TABLE auth.users DISABLE TRIGGER hold;',
	'a trigger on a table of ours');
SELECT is(pg_temp.error(format('UPDATE auth.users SET name = ''x'' WHERE id = %L', :'tim')),
	'40001 | not now | for a reason | Wait.',
	'a serialization failure');
DROP TRIGGER hold ON auth.users;
DROP TRIGGER hold_late ON auth.users;

-- statements on other tables are as before
SET LOCAL ROLE intrex_auth_test_owner;
CREATE TABLE owner_triggers.plain (id int);
CREATE CONSTRAINT TRIGGER late AFTER INSERT ON owner_triggers.plain
	DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION owner_triggers.trusted();
GRANT INSERT ON owner_triggers.plain TO PUBLIC;
RESET ROLE;
INSERT INTO owner_triggers.plain VALUES (1);
SELECT is(pg_temp.ran(), 'nothing', 'a deferred trigger of another table is deferred');
SET CONSTRAINTS ALL IMMEDIATE;
SELECT is(pg_temp.ran(), 'superuser: late', 'and runs as PostgreSQL lets it');

SELECT * FROM finish();
ROLLBACK;
