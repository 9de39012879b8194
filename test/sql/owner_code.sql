-- The owner of a protected table hangs code on it in every way there is, and every
-- function of ours is called, by a superuser, by administrators and by each API role:
-- the code never runs as a superuser, as an owner of ours or as an administrator.
-- What came true stays in sequences, which no rollback takes back.
\set ECHO none
\set QUIET 1
\pset format unaligned
\pset tuples_only true
\set VERBOSITY terse
SET client_min_messages = error;
\getenv abs_srcdir PG_ABS_SRCDIR
\set include :abs_srcdir '/include/people.psql'

BEGIN;
\i :include
SELECT plan(16);
SET LOCAL intrex_auth.password_cost = 4;

CREATE ROLE "code owner" NOLOGIN;
CREATE SCHEMA owned AUTHORIZATION "code owner";
GRANT USAGE ON SCHEMA owned TO PUBLIC;
-- as whom it ran
CREATE SEQUENCE people.superuser;
CREATE SEQUENCE people.ours;
CREATE SEQUENCE people.api;
CREATE SEQUENCE people.itself;
GRANT ALL ON ALL SEQUENCES IN SCHEMA people TO PUBLIC;

CREATE FUNCTION owned.note() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	PERFORM nextval(CASE
		WHEN (SELECT r.rolsuper FROM pg_roles AS r WHERE r.rolname = current_user) THEN 'people.superuser'
		WHEN current_user LIKE 'auth\_%' AND current_user <> 'auth_platform' THEN 'people.ours'
		WHEN current_user = 'code owner' THEN 'people.itself'
		ELSE 'people.api' END::regclass);
END
$$;
CREATE FUNCTION owned.strike() RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
	way text;
BEGIN
	FOREACH way IN ARRAY ARRAY['SELECT', 'RESET ROLE', 'RESET SESSION AUTHORIZATION', format('SET ROLE %I',
		session_user)] LOOP
		BEGIN
			EXECUTE way;
			PERFORM owned.note();
		EXCEPTION WHEN OTHERS THEN
			NULL;
		END;
	END LOOP;
	RETURN true;
END
$$;
CREATE FUNCTION owned.strike(integer) RETURNS boolean IMMUTABLE LANGUAGE plpgsql AS 'BEGIN RETURN owned.strike(); END';
CREATE FUNCTION owned.strikes() RETURNS trigger LANGUAGE plpgsql
	AS 'BEGIN PERFORM owned.strike(); RETURN coalesce(NEW, OLD); END';
ALTER FUNCTION owned.note() OWNER TO "code owner";
ALTER FUNCTION owned.strike() OWNER TO "code owner";
ALTER FUNCTION owned.strike(integer) OWNER TO "code owner";
ALTER FUNCTION owned.strikes() OWNER TO "code owner";

SELECT auth.resource_create('docs', ARRAY['read', 'create', 'update', 'delete', 'admin']) \g /dev/null
SELECT auth.role_create('boss', 50), auth.permission_set('boss', 'docs', 'admin', 'tenant') \g /dev/null
SELECT people.add('bea', 'boss', units => ARRAY['east']), people.add('sue', NULL, '', '{}', true) \g /dev/null
SET LOCAL ROLE "code owner";
CREATE TABLE owned.docs (id uuid PRIMARY KEY, tenant_id uuid NOT NULL, unit_id uuid, owner_id uuid,
	assignee_id uuid, text text);
RESET ROLE;
SELECT count(*) AS ignored FROM auth.protect('owned.docs', 'docs', unit_column => 'unit_id', owner_column => 'owner_id',
	assignee_column => 'assignee_id') \gset
INSERT INTO owned.docs VALUES (people.id('1'), people.id('north'), people.id('east'), people.id('bea'),
	people.id('bea'), 'x');
GRANT SELECT, INSERT, UPDATE, DELETE ON owned.docs TO authenticated, auth_platform, auth_admin;

-- what is planted
SET LOCAL ROLE "code owner";
CREATE INDEX ON owned.docs (text) WHERE owned.strike(1);
CREATE INDEX ON owned.docs ((owned.strike(2)));
CREATE STATISTICS owned.counted ON (owned.strike(3)), text FROM owned.docs;
ALTER TABLE owned.docs ADD CHECK (owned.strike(4));
ALTER TABLE owned.docs ADD COLUMN made boolean GENERATED ALWAYS AS (owned.strike(length(text))) STORED;
ALTER TABLE owned.docs ALTER COLUMN text SET DEFAULT owned.strike()::text;
CREATE POLICY strikes ON owned.docs USING (owned.strike()) WITH CHECK (owned.strike());
CREATE TRIGGER strikes BEFORE INSERT OR UPDATE OR DELETE ON owned.docs FOR EACH ROW EXECUTE FUNCTION owned.strikes();
CREATE TRIGGER strikes_after AFTER INSERT OR UPDATE OR DELETE ON owned.docs FOR EACH STATEMENT
	EXECUTE FUNCTION owned.strikes();
CREATE CONSTRAINT TRIGGER strikes_late AFTER INSERT OR UPDATE OR DELETE ON owned.docs
	DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION owned.strikes();
CREATE TYPE owned.odd AS (id uuid);
CREATE FUNCTION owned.odd_cast(owned.odd) RETURNS uuid LANGUAGE plpgsql
	AS 'BEGIN PERFORM owned.strike(); RETURN ($1).id; END';
CREATE CAST (owned.odd AS uuid) WITH FUNCTION owned.odd_cast(owned.odd) AS IMPLICIT;
CREATE FUNCTION owned.odd_equals(owned.odd, uuid) RETURNS boolean LANGUAGE plpgsql
	AS 'BEGIN RETURN owned.strike(); END';
CREATE OPERATOR owned.= (LEFTARG = owned.odd, RIGHTARG = uuid, FUNCTION = owned.odd_equals);
CREATE DOMAIN owned.short AS text CHECK (owned.strike());
ALTER TABLE owned.docs ADD COLUMN odd owned.odd, ADD COLUMN short owned.short;
RESET ROLE;
UPDATE owned.docs SET odd = ROW(people.id('1'))::owned.odd, short = 'x';
SET CONSTRAINTS ALL IMMEDIATE;

-- who ran it since the last time
CREATE FUNCTION people.ran_as() RETURNS text[] LANGUAGE plpgsql AS $$
DECLARE
	classes text[] := '{}';
	class text;
	called boolean;
BEGIN
	FOREACH class IN ARRAY ARRAY['superuser', 'ours', 'api', 'itself'] LOOP
		EXECUTE format('SELECT is_called FROM people.%I', class) INTO called;
		IF called THEN
			classes := classes || class;
			PERFORM setval(format('people.%I', class), 1, false);
		END IF;
	END LOOP;
	RETURN classes;
END
$$;
SELECT people.ran_as() \g /dev/null
-- the measure measures
SELECT count(*) AS ignored FROM owned.docs \gset
SELECT is(people.ran_as(), '{superuser}', 'a superuser who reads the table runs it');
SELECT is(people.answer('bea', 'SELECT count(*) FROM owned.docs'), '1', 'and so does a user');
SELECT ok('api' = ANY (people.ran_as()), 'with the rights of an API role');

-- an argument that leads to the table and its row
CREATE FUNCTION people.argument(name text, type regtype) RETURNS text LANGUAGE sql AS $$
	SELECT coalesce(CASE
		WHEN type IN ('regclass'::regtype, 'oid'::regtype) THEN quote_literal('owned.docs'::regclass::oid)
		WHEN type = 'uuid'::regtype THEN quote_literal(CASE WHEN name ~ 'tenant' THEN people.id('north')
			WHEN name ~ 'user' THEN people.id('bea')
			WHEN name ~ 'unit' THEN people.id('east') WHEN name ~ 'session' THEN people.id('bea session')
				ELSE people.id('1') END)
		WHEN type = 'uuid[]'::regtype THEN quote_literal(ARRAY[people.id('1')])
		WHEN type = 'name'::regtype THEN quote_literal(CASE WHEN name ~ 'schema' THEN 'owned' WHEN name ~ 'table'
			THEN 'docs'
			WHEN name ~ 'unit' THEN 'unit_id' WHEN name ~ 'owner' THEN 'owner_id'
				WHEN name ~ 'assignee' THEN 'assignee_id' WHEN name ~ 'key' THEN 'id'
			WHEN name ~ 'reader' THEN 'authenticated' ELSE 'tenant_id' END)
		WHEN type = 'name[]'::regtype THEN quote_literal(ARRAY[CASE WHEN name ~ 'key' THEN 'id' ELSE 'owner_id' END])
		WHEN type = 'text'::regtype THEN quote_literal(CASE WHEN name ~ 'resource' THEN 'docs'
			WHEN name ~ 'action' THEN 'read' WHEN name ~ 'role' THEN 'boss'
			WHEN name ~ 'scope' THEN 'tenant' WHEN name ~ 'email' THEN 'bea@people.example'
				WHEN name ~ 'statement' THEN 'SELECT count(*) FROM owned.docs'
			WHEN name ~ 'password' THEN 'a good long password' ELSE 'docs' END)
		WHEN type = 'text[]'::regtype THEN quote_literal(ARRAY['read'])
		WHEN type = 'jsonb'::regtype THEN CASE
			WHEN name = 'keys' THEN quote_literal(jsonb_build_array(jsonb_build_array(people.id('bea'))))
				ELSE '''{}''' END
		WHEN type IN ('integer'::regtype, 'bigint'::regtype) THEN '10'
		WHEN type = 'smallint[]'::regtype THEN '''{1,2}'''
		WHEN type = 'boolean'::regtype THEN 'false'
		WHEN type = 'interval'::regtype THEN '''1 hour'''
		WHEN type = 'timestamptz'::regtype THEN 'now()'
		WHEN type = 'bytea'::regtype THEN '''\x01'''
		END, 'NULL') || '::' || type
$$;
-- a call of each function; not those of the key file, which no rollback takes back
CREATE TABLE people.calls AS
SELECT p.oid::regprocedure AS name, format('SELECT count(*) FROM %s(%s) AS x', p.oid::regproc,
	(SELECT string_agg(people.argument(p.proargnames[a.n], a.type), ', ' ORDER BY a.n)
		FROM unnest(p.proargtypes) WITH ORDINALITY AS a (type, n))) AS call
FROM pg_proc AS p
WHERE p.pronamespace IN ('auth'::regnamespace, 'auth_api'::regnamespace)
	AND p.prorettype NOT IN ('trigger'::regtype, 'event_trigger'::regtype)
	AND p.proname !~ '^_?key_(?!uses)';
SELECT cmp_ok((SELECT count(*) FROM people.calls), '>', 250::bigint, 'there are such functions');
CREATE TABLE people.ran (name text, caller text, classes text[], state text);

-- Call a function as somebody and take it back.
CREATE FUNCTION people.call(who text, as_role text, called regprocedure, query text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
	state text := 'P9999';
BEGIN
	PERFORM people.ran_as();
	BEGIN
		PERFORM people.become(who);
		IF as_role <> '' THEN
			EXECUTE format('SET LOCAL ROLE %I', as_role);
		END IF;
		EXECUTE query;
		SET CONSTRAINTS ALL IMMEDIATE;
		RAISE EXCEPTION USING ERRCODE = 'P9999';
	EXCEPTION WHEN OTHERS THEN
		GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE;
	END;
	INSERT INTO people.ran VALUES (called, as_role, people.ran_as(), state);
END
$$;
SELECT count(people.call('bea', '', c.name, c.call)) AS ignored FROM people.calls AS c \gset
SELECT count(people.call(r.who, r.role, c.name, c.call)) AS ignored
	FROM people.calls AS c, (VALUES ('bea', 'authenticated'), ('', 'anon'), ('sue', 'auth_platform'),
		('', 'auth_admin')) AS r (who, role)
	WHERE has_function_privilege(r.role, c.name, 'EXECUTE') \gset

SELECT cmp_ok((SELECT count(*) FROM people.ran WHERE state = 'P9999' AND caller = r.caller), '>', r.least,
	format('%s: many come to their end', r.caller))
	FROM (VALUES ('', 100::bigint), ('anon', 20), ('authenticated', 40), ('auth_platform', 20),
		('auth_admin', 60)) AS r (caller, least);
SELECT is_empty($$SELECT name, caller, classes FROM people.ran WHERE classes && '{superuser,ours}'$$,
	'nothing ran as a superuser, as the owner of our functions or as an administrator');
-- what looks at one row runs nothing at all
CREATE FUNCTION pg_temp.reads_a_row(name text) RETURNS boolean LANGUAGE sql AS $$
	SELECT substring(name FROM '\.(\w+)\(') IN ('can_access', 'check_permission', 'readable_row', 'row_facts',
		'explain_access', 'who_can', '_protect_nulls', 'key_uses')
$$;
SELECT set_eq($$SELECT DISTINCT name FROM people.ran WHERE state = 'P9999' AND classes = '{}'
		AND pg_temp.reads_a_row(name)$$,
	$$SELECT c.name::text FROM people.calls AS c
		WHERE pg_temp.reads_a_row(c.name::text)$$,
	'what reads a row runs nothing at all');
SELECT is_empty($$SELECT name, caller, classes FROM people.ran
	WHERE classes <> '{}'
		AND pg_temp.reads_a_row(name)$$,
	'for any user who asks');
SELECT is((SELECT count(*) FROM people.ran WHERE state = 'P9999'
	AND name ~ '\.(can_access|check_permission|readable_row)\('), 15::bigint,
	'and all of them were asked');
-- a function of a superuser, for a user: whose rights the code does not get
CREATE FUNCTION people.trusted() RETURNS boolean SECURITY DEFINER LANGUAGE sql AS $$
	SELECT auth.can_access('docs', people.id('1'), 'update') AND (auth.check_permission('read', 'docs',
		people.id('1')) ->> 'granted')::boolean
$$;
SELECT is(people.answer('bea', 'SELECT people.trusted()'), 'true', 'a function of a superuser asks');
SELECT is(people.ran_as(), '{}', 'and nothing ran');
SELECT cmp_ok((SELECT count(*) FROM people.ran WHERE classes = '{itself}'), '>', 0::bigint,
	'erasure runs it with the rights of its owner');

SELECT * FROM finish();
ROLLBACK;
