-- The owner of a protected table, a plain role, waits for a superuser to test its
-- isolation, or for an administrator to ask who may do what: nothing that he wrote runs
-- as they. What came true stays in sequences, which no rollback takes back.
\set ECHO none
\set QUIET 1
\pset format unaligned
\pset tuples_only true
\set VERBOSITY terse
SET client_min_messages = error;

BEGIN;
SELECT plan(54);

CREATE ROLE "isolation owner" NOLOGIN;
CREATE SCHEMA owned AUTHORIZATION "isolation owner";
GRANT USAGE ON SCHEMA owned TO authenticated, anon;
CREATE SEQUENCE became MINVALUE 0 START 0;
CREATE SEQUENCE ran MINVALUE 0 START 0;
GRANT ALL ON SEQUENCE ran TO PUBLIC;

-- code of his, that tries each way back to the superuser
CREATE FUNCTION owned.strike() RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
	way text;
BEGIN
	PERFORM nextval('public.ran');
	FOREACH way IN ARRAY ARRAY['SELECT', 'RESET ROLE', 'SET ROLE NONE', 'RESET SESSION AUTHORIZATION', format('SET LOCAL SESSION AUTHORIZATION %I', session_user),
			format('SET ROLE %I', session_user), 'SET SESSION AUTHORIZATION DEFAULT', $w$SELECT set_config('role', 'none', false)$w$] LOOP
		BEGIN
			EXECUTE way;
			PERFORM nextval('public.became');
		EXCEPTION WHEN OTHERS THEN
			NULL;
		END;
	END LOOP;
	BEGIN
		EXECUTE 'PREPARE left_behind AS SELECT owned.strike()';
	EXCEPTION WHEN OTHERS THEN
		NULL;
	END;
	RETURN true;
END
$$;
CREATE FUNCTION owned.strike(integer) RETURNS boolean IMMUTABLE LANGUAGE plpgsql AS 'BEGIN RETURN owned.strike(); END';
CREATE FUNCTION owned.trigger() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM owned.strike(); RETURN coalesce(NEW, OLD); END';
ALTER FUNCTION owned.strike() OWNER TO "isolation owner";
ALTER FUNCTION owned.strike(integer) OWNER TO "isolation owner";
ALTER FUNCTION owned.trigger() OWNER TO "isolation owner";

SET LOCAL ROLE "isolation owner";
CREATE TABLE owned.things (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), tenant_id uuid NOT NULL, text text);
RESET ROLE;
SELECT auth.tenant_create('One') AS one \gset
SELECT auth.tenant_create('Two') AS two \gset
SELECT auth.user_create('asked@isolation.test', 'a long password of nobody else') AS asked \gset
SELECT count(*) AS measured FROM auth.protect('owned.things') \gset
INSERT INTO owned.things (tenant_id) VALUES (:'one'), (:'two');
SELECT id AS row FROM owned.things LIMIT 1 \gset

CREATE FUNCTION pg_temp.struck(OUT ran bigint, OUT became bigint) LANGUAGE plpgsql AS $$
BEGIN
	SELECT CASE WHEN s.is_called THEN s.last_value + 1 ELSE 0 END INTO ran FROM public.ran AS s;
	SELECT CASE WHEN s.is_called THEN s.last_value + 1 ELSE 0 END INTO became FROM public.became AS s;
	PERFORM setval('public.ran', 0, false), setval('public.became', 0, false);
END
$$;

SAVEPOINT clean;
SELECT owned.strike() AS measured \gset
SELECT ok(s.ran > 0 AND s.became > 0, 'what a superuser calls himself comes through: the measure works') FROM pg_temp.struck() AS s;
ROLLBACK TO clean;
DEALLOCATE ALL;
SELECT pg_temp.struck() AS measured \gset
SELECT is((SELECT string_agg(DISTINCT verdict, ',') FROM auth.test_isolation('owned.things')), 'ok', 'without code of his, all is well');

SET LOCAL ROLE "isolation owner";
CREATE TRIGGER strikes BEFORE INSERT OR UPDATE OR DELETE ON owned.things FOR EACH ROW EXECUTE FUNCTION owned.trigger();
CREATE TRIGGER strikes_after AFTER INSERT OR UPDATE OR DELETE ON owned.things FOR EACH STATEMENT EXECUTE FUNCTION owned.trigger();
CREATE CONSTRAINT TRIGGER strikes_late AFTER INSERT OR UPDATE OR DELETE ON owned.things DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION owned.trigger();
RESET ROLE;
SELECT ok(count(*) > 10 AND bool_and(verdict = 'ok'), 'triggers, now and deferred: the verdicts are the same') FROM auth.test_isolation('owned.things');
SELECT ok(s.ran > 0 AND s.became = 0, 'and became nobody') FROM pg_temp.struck() AS s;

SET LOCAL ROLE "isolation owner";
CREATE POLICY strikes ON owned.things USING (owned.strike());
ALTER TABLE owned.things ALTER COLUMN text SET DEFAULT owned.strike()::text;
CREATE VIEW owned.seen AS SELECT * FROM owned.things WHERE owned.strike();
GRANT SELECT ON owned.seen TO authenticated;
RESET ROLE;
SELECT ok(bool_or(verdict = 'LEAK' AND command = 'SELECT'), 'policies, defaults and views: they are found to leak') FROM auth.test_isolation('owned.things');
SELECT ok(s.ran > 0 AND s.became = 0, 'and became nobody') FROM pg_temp.struck() AS s;
SELECT is((SELECT count(*) FROM pg_prepared_statements WHERE name = 'left_behind'), 0::bigint, 'nothing is prepared for the superuser to execute');

ROLLBACK TO clean;
-- the planner computes it as whoever asks; the index is built as the owner
SET LOCAL ROLE "isolation owner";
CREATE INDEX ON owned.things (text) WHERE owned.strike(1);
ALTER TABLE owned.things ADD CHECK (owned.strike(2));
RESET ROLE;
SELECT pg_temp.struck() AS measured \gset
SELECT ok(count(*) > 10, 'predicates of indexes and constraints') FROM auth.test_isolation('owned.things');
SELECT is(s.became, 0::bigint, 'became nobody') FROM pg_temp.struck() AS s;
SELECT matches(string_agg(explanation, '; '), 'the row belongs to tenant .*; the user is not a member of tenant', 'explain_access tells the superuser of the row') FROM auth.explain_access(:'asked', 'read', 'owned.things', :'row');
SELECT ok(count(*) = 0, 'and who_can') FROM auth.who_can('read', 'owned.things', :'row');
SELECT is(s.ran, 0::bigint, 'and neither has run anything') FROM pg_temp.struck() AS s;

ALTER TABLE owned.things ADD COLUMN sealed bytea;
SELECT pg_temp.struck() AS measured \gset
SELECT ok(count(k.kid) > 0 AND count(u.source) >= 0, 'nor has auth.key_uses, which reads all tables')
	FROM auth.keys() AS k LEFT JOIN LATERAL auth.key_uses(k.kid) AS u ON true WHERE k."use" = 'seal';
SELECT is(s.ran, 0::bigint, 'run anything') FROM pg_temp.struck() AS s;

ROLLBACK TO clean;
SET LOCAL ROLE "isolation owner";
CREATE FUNCTION owned.quit() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION USING ERRCODE = 'P9999'; END $$;
CREATE TRIGGER quits BEFORE INSERT ON owned.things FOR EACH ROW EXECUTE FUNCTION owned.quit();
RESET ROLE;
SELECT is(verdict, 'unclear', 'what the table ends itself is not called well: ' || command)
	FROM auth.test_isolation('owned.things') WHERE command IN ('INSERT', 'MERGE of a new row');

ROLLBACK TO clean;
SET LOCAL ROLE "isolation owner";
CREATE FUNCTION owned.notes() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN CREATE TEMP TABLE noted (); RETURN NEW; END $$;
CREATE TRIGGER notes BEFORE INSERT ON owned.things FOR EACH ROW EXECUTE FUNCTION owned.notes();
RESET ROLE;
SELECT is(verdict, 'unclear', 'nor what is refused to the test alone: ' || command)
	FROM auth.test_isolation('owned.things') WHERE command IN ('INSERT', 'MERGE of a new row');

-- a view that has taken the name of the table
ROLLBACK TO clean;
SET LOCAL ROLE "isolation owner";
DROP TABLE owned.things;
CREATE VIEW owned.things AS SELECT gen_random_uuid() AS id, CASE WHEN owned.strike() THEN gen_random_uuid() END AS tenant_id;
RESET ROLE;
SELECT pg_temp.struck() AS measured \gset
SELECT matches(string_agg(detail, ' '), '^-- owned.things is not what auth.protect has protected$', 'is told, and not read') FROM auth.test_isolation() WHERE target IS NULL;
SELECT matches(explanation, 'is not protected', 'explain_access says so') FROM auth.explain_access(:'asked', 'read', 'owned.things', :'row');
SELECT throws_ok(format('SELECT auth.who_can(%L, %L, %L)', 'read', 'owned.things', :'row'), '55000', 'owned.things is not protected', 'and who_can');
SELECT is(s.ran, 0::bigint, 'none of them has run anything') FROM pg_temp.struck() AS s;

-- another type, with a cast of his
ROLLBACK TO clean;
SET LOCAL ROLE "isolation owner";
CREATE TYPE owned.tenant AS ENUM ('any');
CREATE FUNCTION owned.cast(owned.tenant) RETURNS uuid LANGUAGE plpgsql AS $$ BEGIN PERFORM owned.strike(); RETURN gen_random_uuid(); END $$;
CREATE CAST (owned.tenant AS uuid) WITH FUNCTION owned.cast AS IMPLICIT;
DROP TABLE owned.things;
CREATE TABLE owned.things (id uuid PRIMARY KEY, tenant_id owned.tenant);
INSERT INTO owned.things VALUES (gen_random_uuid(), 'any');
RESET ROLE;
UPDATE owned.things SET id = :'row';
SELECT pg_temp.struck() AS measured \gset
SELECT matches(string_agg(detail, ' '), '^-- owned.things is not what auth.protect has protected$', 'a column of another type is told') FROM auth.test_isolation() WHERE target IS NULL;
SELECT throws_ok(format('SELECT * FROM auth.explain_access(%L, %L, %L, %L)', :'asked', 'read', 'owned.things', :'row'), '42804', NULL, 'explain_access refuses it');
SELECT throws_ok(format('SELECT auth.who_can(%L, %L, %L)', 'read', 'owned.things', :'row'), '42804', NULL, 'and who_can');
SELECT is(s.ran, 0::bigint, 'none of them has run anything') FROM pg_temp.struck() AS s;

SELECT throws_ok($$SELECT * FROM auth.test_isolation('owned.things')$$, '55000', NULL, 'nor is it called well by its name');

-- an administrator who enters tables that are none of his, to have them granted
ROLLBACK TO clean;
CREATE TABLE public.secrets (id uuid PRIMARY KEY, text text);
INSERT INTO public.secrets VALUES (gen_random_uuid(), 'secret');
CREATE FUNCTION owned.reads() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	PERFORM nextval('public.ran');
	PERFORM nextval('public.seen_secret') FROM public.secrets;
	PERFORM nextval('public.seen_secret') FROM auth.users;
	RETURN NEW;
EXCEPTION WHEN insufficient_privilege THEN
	RETURN NEW;
END
$$;
CREATE SEQUENCE public.seen_secret;
GRANT ALL ON SEQUENCE public.seen_secret TO PUBLIC;
ALTER FUNCTION owned.reads() OWNER TO "isolation owner";
CREATE TRIGGER reads BEFORE INSERT OR UPDATE ON owned.things FOR EACH ROW EXECUTE FUNCTION owned.reads();
SET LOCAL ROLE auth_admin;
INSERT INTO auth.protected_tables (schema_name, table_name, tenant_column, tenant_fk, had_default, had_not_null, had_rls, had_force_rls)
	VALUES ('auth', 'users', 'id', false, false, false, false, false), ('public', 'secrets', 'id', false, false, false, false, false);
RESET ROLE;
SELECT is(string_agg(DISTINCT target, ','), 'owned.things', 'tables that were only entered are not tried') FROM auth.test_isolation();
SELECT is(string_agg(detail, ' ' ORDER BY detail), '-- auth.users is not what auth.protect has protected -- public.secrets is not what auth.protect has protected', 'they are told')
	FROM auth.test_isolation() WHERE target IS NULL;
SELECT ok(s.ran > 0 AND NOT (SELECT is_called FROM public.seen_secret), 'and granted to nobody') FROM pg_temp.struck() AS s;

-- auth.protect looks for rows of no tenant
ROLLBACK TO clean;
SET LOCAL ROLE "isolation owner";
CREATE TABLE owned.more (id uuid PRIMARY KEY, tenant_id uuid, text text);
INSERT INTO owned.more SELECT gen_random_uuid(), NULL FROM generate_series(1, 3);
CREATE INDEX ON owned.more (text) WHERE owned.strike(1);
RESET ROLE;
SELECT pg_temp.struck() AS measured \gset
SELECT throws_ok($$SELECT * FROM auth.protect('owned.more', tenant_fk => false)$$, '23502', '3 rows of table owned.more belong to no tenant', 'rows of no tenant are counted');
SELECT is(s.ran, 0::bigint, 'and nothing runs for that') FROM pg_temp.struck() AS s;
DELETE FROM owned.more;
SELECT pg_temp.struck() AS measured \gset
SELECT is((SELECT count(*) > 5 FROM auth.protect('owned.more', tenant_fk => false)), true, 'without any, and without a foreign key, the table is protected');
SELECT is(s.became, 0::bigint, 'and the index on the tenant is made as the owner') FROM pg_temp.struck() AS s;

-- a name that would begin a statement of its own, where reports are kept as scripts
ROLLBACK TO clean;
SET LOCAL ROLE "isolation owner";
CREATE TABLE owned."line
; ALTER ROLE ""isolation owner"" SUPERUSER; --" (id uuid);
RESET ROLE;
SELECT is(string_agg(statement, ' ') ~ '^-- [^\n\r]*isolation owner[^\n\r]*$', true, 'a comment of auth.protect_schema is one line') FROM auth.protect_schema('owned') WHERE object = 'skipped';

-- what it is made of
ROLLBACK TO clean;
SELECT throws_ok($$SELECT auth._isolation_try('postgres', 'SELECT 1::bigint', true)$$, '22023', NULL, 'statements are tried as API roles only');
SELECT throws_ok($$SELECT auth._isolation_try('anon', 'SELECT 1', true)$$, '42804', NULL, 'what counts is a bigint');
SELECT is(auth._isolation_try('anon', 'SELECT NULL::bigint', true), 0::bigint, 'or NULL');
SELECT throws_ok($$SELECT auth._isolation_try('anon', 'COMMIT', false)$$, '0A000', NULL, 'transactions are not ended');
CREATE FUNCTION owned.definer() RETURNS text SECURITY DEFINER LANGUAGE sql AS $$ SELECT string_agg(DISTINCT verdict, ',') FROM auth.test_isolation() $$;
SELECT throws_ok('SELECT owned.definer()', '55000', NULL, 'where no role can be set, nothing is called well');
SELECT is(auth._isolation_try('anon', NULL, false), NULL, 'nothing is not tried');
SELECT is(current_user, session_user, 'and who asked is himself again');
SELECT ok(auth._plain_values('owned.things', 'tenant_id') <@ ARRAY[:'one', :'two']::uuid[] AND cardinality(auth._plain_values('owned.things', 'tenant_id')) = 2, 'two tenants have rows');
SELECT is(auth._plain_values('owned.things', 'text'), '{}', 'a column of another type has none');
SELECT is(auth._plain_values('owned.things', 'tableoid'), '{}', 'nor one of the system');
CREATE DOMAIN owned.bytes AS bytea;
CREATE TABLE owned.sealed (a bytea, b owned.bytes, c text);
INSERT INTO owned.sealed VALUES ('\x0102', '\x0102'), ('\x01', NULL), ('', '\x'), (decode(repeat('0102', 20000), 'hex'), NULL);
SELECT is(ARRAY[auth._plain_count('owned.sealed', 'a', '\x0102'), auth._plain_count('owned.sealed', 'b', '\x01'), auth._plain_count('owned.sealed', 'a', '')], '{2,1,4}', 'beginnings are counted');
SELECT throws_ok($$SELECT auth._plain_count('owned.sealed', 'c', '')$$, '42809', NULL, 'of bytea only');
CREATE TABLE owned.parts (id uuid, tenant_id uuid, PRIMARY KEY (id, tenant_id)) PARTITION BY LIST (tenant_id);
CREATE TABLE owned.part_one PARTITION OF owned.parts FOR VALUES IN (:'one');
CREATE TABLE owned.part_two (tenant_id uuid NOT NULL, gone text, id uuid NOT NULL);
ALTER TABLE owned.part_two DROP COLUMN gone;
ALTER TABLE owned.parts ATTACH PARTITION owned.part_two DEFAULT;
INSERT INTO owned.parts VALUES (:'row', :'two'), (gen_random_uuid(), :'one');
SELECT is(cardinality(auth._plain_values('owned.parts', 'tenant_id')), 2, 'and are all looked through');
SELECT throws_ok(format('SELECT auth.%s', call), '42P01', 'there is no such table', 'a table that is gone: ' || call)
	FROM unnest(ARRAY['_plain_values(1, ''a'')', '_protect_nulls(1, ''a'')']) AS call;
SELECT 'owned.things'::regclass::oid AS things \gset
GRANT EXECUTE ON FUNCTION auth._plain_count(regclass, name, bytea) TO auth_owner;
SET LOCAL ROLE auth_owner;
SELECT throws_ok(format('SELECT auth._plain_count(%s, %L, %L)', :things, 'id', ''), '42501', 'permission denied to read past policies', 'nor counted');
SELECT throws_ok($$SELECT auth._isolation_try('auth_platform', 'SELECT 1::bigint', true)$$, '42501', 'permission denied to test the isolation', 'not even the owner of the functions may');
SELECT throws_ok(format('SELECT auth._protect_nulls(%s, %L)', :things, 'tenant_id'), '42501',
	'permission denied to read past policies', 'nor looked for NULL');
SELECT throws_ok(format('SELECT auth._plain_values(%s, %L)', :things, 'tenant_id'), '42501', 'permission denied to read past policies', 'nor read past policies');
RESET ROLE;

SELECT * FROM finish();
ROLLBACK;
