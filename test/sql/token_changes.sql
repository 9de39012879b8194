-- A token that is changed in the middle of a query: the tenant of one membership does
-- not meet what another one allows.
\set ECHO none
\set QUIET 1
\pset format unaligned
\pset tuples_only true
\set VERBOSITY terse
SET client_min_messages = warning;
\getenv abs_srcdir PG_ABS_SRCDIR
\set include :abs_srcdir '/include/people.psql'

BEGIN;
\i :include
SELECT plan(33);

-- Eve is a clerk in the north, and owns the south
SELECT auth.resource_create('notes') \g /dev/null
SELECT auth.resource_create('papers', scopes => '{tenant}') \g /dev/null
SELECT auth.role_create('boss', 50), auth.role_create('clerk', 10) \g /dev/null
SELECT auth.permission_set('boss', r, a, 'tenant') FROM unnest(ARRAY['notes', 'papers']) AS r, unnest(ARRAY['read', 'update']) AS a \g /dev/null
SELECT auth.permission_set('clerk', 'notes', 'read', 'own'), auth.permission_set('clerk', 'notes', 'update', 'tenant', columns => '{status}') \g /dev/null
SELECT people.add('eve', 'clerk'), people.add('boss', 'boss', 'south'), people.add('chief', 'boss') \g /dev/null
INSERT INTO auth.memberships (tenant_id, user_id, role) VALUES (people.id('south'), people.id('eve'), 'boss');
INSERT INTO auth.sessions (id, user_id, tenant_id) VALUES (people.id('eve in the south session'), people.id('eve'), people.id('south'));
INSERT INTO auth.tenants (id, name) VALUES (people.id('elsewhere'), 'elsewhere');

CREATE TABLE people.notes (id int PRIMARY KEY, tenant_id uuid NOT NULL, owner_id uuid, body text, status text);
CREATE TABLE people.papers (id int PRIMARY KEY, tenant_id uuid NOT NULL, body text);
CREATE TABLE people.parts (id int, tenant_id uuid NOT NULL, owner_id uuid, body text, status text) PARTITION BY LIST (id);
CREATE TABLE people.parts_1 PARTITION OF people.parts FOR VALUES IN (1);
CREATE TABLE people.parts_2 PARTITION OF people.parts FOR VALUES IN (2);
INSERT INTO people.notes SELECT n, people.id(CASE n WHEN 1 THEN 'elsewhere' ELSE 'north' END), NULL, 'secret' FROM generate_series(1, 5) AS n;
INSERT INTO people.papers SELECT id, tenant_id, body FROM people.notes;
INSERT INTO people.parts SELECT n, people.id('north'), NULL, 'secret' FROM generate_series(1, 2) AS n;
SELECT count(*) AS ignored FROM unnest(ARRAY['notes', 'papers', 'parts']) AS t,
	auth.protect(('people.' || t)::regclass, replace(t, 'parts', 'notes'), owner_column => CASE WHEN t <> 'papers' THEN 'owner_id'::name END) \gset
GRANT SELECT, UPDATE ON people.notes, people.papers, people.parts TO authenticated;

CREATE TABLE people.tokens AS
	SELECT n AS name, auth.jwt_sign(jsonb_build_object('sub', s.user_id, 'session_id', s.id, 'tenant_id', s.tenant_id, 'aal', 'aal1', 'role', 'authenticated')) AS token
	FROM unnest(ARRAY['eve', 'eve in the south', 'chief']) AS n JOIN auth.sessions AS s ON s.id = people.id(n || ' session');
CREATE FUNCTION people.switch(name text) RETURNS boolean LANGUAGE plpgsql VOLATILE AS $$
BEGIN
	PERFORM set_config('intrex_auth.token', coalesce((SELECT t.token FROM people.tokens AS t WHERE t.name = switch.name), ''), true);
	RETURN true;
END
$$;
GRANT SELECT ON people.tokens TO PUBLIC;
CREATE FUNCTION pg_temp.tries(who text, query text) RETURNS text LANGUAGE sql AS $$ SELECT people.answer(who, query) $$;
-- a row of nobody she knows first: her tenant is asked for, her scope is not; then the other token
CREATE FUNCTION pg_temp.joined(target text, other text) RETURNS text LANGUAGE sql AS $$
	SELECT format('SELECT count(*) FROM (SELECT i, CASE i WHEN 2 THEN people.switch(%L) END FROM generate_series(0, 5) AS i OFFSET 0) AS v (i, s) CROSS JOIN LATERAL (SELECT FROM people.%I AS t WHERE t.id = v.i AND v.s IS NOT FALSE OFFSET 0) AS t', other, target)
$$;
SET LOCAL enable_seqscan = off;
SET LOCAL enable_bitmapscan = off;
SET LOCAL enable_hashjoin = off;
SET LOCAL enable_mergejoin = off;
SET LOCAL enable_material = off;

SELECT is(pg_temp.tries('eve', 'SELECT count(*) FROM people.notes'), '0', 'a clerk of the north sees no note');
SELECT is(pg_temp.tries('eve in the south', 'SELECT count(*) FROM people.notes'), '0', 'there is none in the south');
SELECT is(pg_temp.tries('eve', pg_temp.joined('notes', 'eve in the south')), '28000 invalid token', 'the tenant of one and the scope of the other: refused');
SELECT is(pg_temp.tries('eve', pg_temp.joined('notes', 'nobody')), '28000 invalid token', 'nor does she become nobody');
SELECT is(pg_temp.tries('eve', pg_temp.joined('notes', 'eve')), '0', 'the same again is no change');
SELECT is(pg_temp.tries('chief', pg_temp.joined('notes', 'chief')), '4', 'for nobody');

-- a cursor stays open
SAVEPOINT cursors;
SELECT people.become('eve') \g /dev/null
SET LOCAL ROLE authenticated;
DECLARE c CURSOR FOR SELECT v.i, t.body FROM (SELECT i FROM generate_series(1, 5) AS i OFFSET 0) AS v LEFT JOIN LATERAL (SELECT t.body FROM people.notes AS t WHERE t.id = v.i OFFSET 0) AS t ON true;
SELECT is(pg_catalog.set_config('x.y', '', true), '', 'a cursor');
FETCH 1 FROM c \g /dev/null
SELECT people.switch('eve in the south') \g /dev/null
\set VERBOSITY verbose
SELECT throws_ok('FETCH 1 FROM c', '28000', 'invalid token', 'a cursor that was opened as somebody else');
\set VERBOSITY terse
ROLLBACK TO cursors;

-- what may be changed
SELECT is(pg_temp.tries('eve', 'UPDATE people.notes SET status = ''seen'''), '4', 'a clerk changes the status');
SELECT is(pg_temp.tries('eve', 'UPDATE people.notes SET body = ''hers'''), '42501 permission denied to change column "body" of table "notes"', 'and no body');
CREATE SEQUENCE people.nth;
GRANT USAGE ON SEQUENCE people.nth TO authenticated;
CREATE FUNCTION pg_temp.later(target text, other text) RETURNS text LANGUAGE sql AS $$
	SELECT format('UPDATE people.%I SET status = ''changed'', body = CASE WHEN nextval(''people.nth'') %% 2 = 0 AND people.switch(%L) THEN ''hers'' ELSE ''secret'' END', target, other)
$$;
SELECT is(pg_temp.tries('eve', pg_temp.later(target, other)), '28000 invalid token', format('a row of %s later: %s', target, other))
	FROM unnest(ARRAY['notes', 'parts']) AS target, unnest(ARRAY['nobody', 'eve in the south']) AS other;
SELECT is((SELECT count(*) FROM people.notes WHERE body <> 'secret'), 0::bigint, 'nothing is changed');

-- what somebody is assigned to: by its key first, and by whose it is only when a row is not.
-- In the south it may be whoever she likes.
SELECT auth.resource_create('cases'), auth.permission_set('clerk', 'cases', 'read', 'assigned') \g /dev/null
CREATE TABLE people.cases (id uuid PRIMARY KEY, tenant_id uuid NOT NULL, owner_id uuid);
INSERT INTO people.cases SELECT people.id('case ' || n), people.id('north'), people.id('chief') FROM generate_series(1, 3) AS n;
SELECT count(*) AS ignored FROM auth.protect('people.cases', 'cases', owner_column => 'owner_id') \gset
GRANT SELECT ON people.cases TO authenticated;
SELECT auth.assignment_add(people.id('north'), people.id('eve'), people.id('case 1')), auth.assignment_add(people.id('south'), people.id('eve'), people.id('chief')) \g /dev/null
SELECT is(pg_temp.tries('eve', format('SELECT count(people.switch(%L)) FROM people.cases', other)), answer, 'assigned in the north, then ' || other)
	FROM (VALUES ('eve', '1'), ('eve in the south', '28000 invalid token'), ('nobody', '28000 invalid token')) AS v (other, answer);

-- policies written by hand
SELECT auth.plan_create('large'), auth.feature_create('archive'), auth.plan_feature_set('large', 'archive'), auth.feature_create('reports', true), auth.plan_feature_set('large', 'reports', 5), auth.subscription_set(people.id('south'), 'large') \g /dev/null
CREATE TABLE people.handmade (id int PRIMARY KEY, tenant_id uuid NOT NULL, body text);
INSERT INTO people.handmade SELECT id, tenant_id, body FROM people.notes;
ALTER TABLE people.handmade ENABLE ROW LEVEL SECURITY;
GRANT SELECT ON people.handmade TO authenticated;
CREATE FUNCTION pg_temp.by_hand(condition text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	answer text;
BEGIN
	EXECUTE format('CREATE POLICY p ON people.handmade USING (CASE WHEN tenant_id = (SELECT auth.tenant_id()) THEN %s END)', condition);
	answer := concat_ws(', ', pg_temp.tries('eve', 'SELECT count(*) FROM people.handmade'), pg_temp.tries('eve', pg_temp.joined('handmade', 'eve in the south')));
	DROP POLICY p ON people.handmade;
	RETURN answer;
END
$$;
SELECT is(pg_temp.by_hand(condition), '0, 28000 invalid token', condition)
	FROM unnest(ARRAY['(SELECT auth.has_role(''boss''))', '(SELECT auth.has_rank(''boss''))', '(SELECT auth.has_feature(''archive''))', '(SELECT auth.can(''papers'', ''read''))',
		'(SELECT auth.has_aal2())', '(SELECT auth.has_consent(''data_processing''))', 'tenant_id = ANY ((SELECT auth.assigned_ids())::uuid[])',
		'(SELECT auth.tenant_role()) = ''boss''', '(SELECT auth.role()) = ''auth_platform''', '(SELECT auth.aal()) = ''aal2''', '(SELECT auth.jwt()) ->> ''aal'' = ''aal2''',
		'(SELECT auth.has_quota(''reports''))', '(SELECT auth.quota_left(''reports'')) > 0']) AS condition;

-- one after the other is as it was
CREATE FUNCTION people.both() RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	answers text[];
BEGIN
	answers := ARRAY[auth.tenant_id() = people.id('north'), auth.can('papers', 'read')];
	PERFORM people.switch('eve in the south');
	answers := answers || ARRAY[auth.tenant_id() = people.id('south'), auth.can('papers', 'read')]::text[];
	RETURN array_to_string(answers || (SELECT count(*)::text FROM people.papers), ' ');
END
$$;
SELECT is(pg_temp.tries('eve', 'SELECT people.both()'), 'true false true true 0', 'a function sets one after the other');
SELECT is(pg_temp.tries('chief', 'SELECT count(*) FROM people.papers'), '4', 'and the next query is a new one');

SELECT * FROM finish();
ROLLBACK;
