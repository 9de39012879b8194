-- Policies by scope under plans made for somebody else: prepared statements, generic
-- plans, functions, cursors, forced parallel plans, leaky functions; and permissions
-- that change between two executions.
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
SELECT plan(70);

SELECT auth.resource_create('notes') \g /dev/null
SELECT auth.role_create(s, 10) FROM unnest(ARRAY['tenant', 'unit', 'assigned', 'own', 'none']) AS s \g /dev/null
SELECT auth.permission_set(s, 'notes', a, s) FROM unnest(ARRAY['tenant', 'unit', 'assigned', 'own']) AS s, unnest(ARRAY['read', 'update', 'delete', 'create']) AS a \g /dev/null
SELECT people.add(s, s, units => ARRAY['east']) FROM unnest(ARRAY['tenant', 'unit', 'assigned', 'own', 'none']) AS s \g /dev/null
SELECT people.add('far', 'tenant', 'south') \g /dev/null
CREATE SCHEMA attacker AUTHORIZATION authenticated;
CREATE TABLE people.notes (id uuid PRIMARY KEY, tenant_id uuid NOT NULL, unit_id uuid, owner_id uuid, assignee_id uuid, secret text NOT NULL);
INSERT INTO people.notes
	SELECT people.id(k || n), people.id(CASE k WHEN 'south' THEN k ELSE 'north' END),
		CASE WHEN k IN ('unit', 'south') THEN people.id('east') END, CASE WHEN k IN ('own', 'south') THEN people.id('own') END,
		CASE WHEN k IN ('assigned', 'south') THEN people.id('assigned') END, k || ' secret'
	FROM unnest(ARRAY['unit', 'own', 'assigned', 'rest', 'south']) AS k, generate_series(1, 100) AS n;
SELECT count(*) AS ignored FROM auth.protect('people.notes', 'notes', unit_column => 'unit_id', owner_column => 'owner_id', assignee_column => 'assignee_id') \gset
GRANT ALL ON people.notes TO authenticated;
REVOKE TRUNCATE, REFERENCES, TRIGGER ON people.notes FROM authenticated;
CREATE VIEW people.notes_view WITH (security_invoker = true) AS SELECT * FROM people.notes;
GRANT SELECT ON people.notes_view TO authenticated;
CREATE FUNCTION people.counted() RETURNS text LANGUAGE plpgsql STABLE AS $$ DECLARE n text; BEGIN SELECT concat_ws(' ', count(*), min(secret)) INTO n FROM people.notes; RETURN n; END $$;
CREATE FUNCTION people.inlined() RETURNS SETOF people.notes LANGUAGE sql STABLE AS $$ SELECT * FROM people.notes $$;
ANALYZE people.notes;

-- what each sees, whichever way it is asked, after all others have asked
CREATE TABLE people.expected (who text, n int, least text);
INSERT INTO people.expected VALUES ('tenant', 400, 'assigned secret'), ('unit', 100, 'unit secret'), ('assigned', 100, 'assigned secret'), ('own', 100, 'own secret'), ('none', 0, NULL), ('far', 100, 'south secret');
PREPARE notes_count AS SELECT concat_ws(' ', count(*), min(secret)) FROM people.notes;
CREATE FUNCTION people.executed() RETURNS text LANGUAGE plpgsql AS $$ DECLARE n text; BEGIN EXECUTE 'EXECUTE notes_count' INTO n; RETURN n; END $$;
CREATE FUNCTION people.fetched() RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	c CURSOR FOR SELECT concat_ws(' ', count(*), min(secret)) FROM people.notes;
	n text;
BEGIN
	OPEN c; FETCH c INTO n; CLOSE c; RETURN n;
END
$$;
CREATE TABLE people.ways (way text, query text);
INSERT INTO people.ways VALUES
	('plain', 'SELECT concat_ws('' '', count(*), min(secret)) FROM people.notes'),
	('view', 'SELECT concat_ws('' '', count(*), min(secret)) FROM people.notes_view'),
	('PL/pgSQL', 'SELECT people.counted()'),
	('SQL function', 'SELECT concat_ws('' '', count(*), min(secret)) FROM people.inlined()'),
	('prepared', 'SELECT people.executed()'),
	('cursor', 'SELECT people.fetched()');
CREATE FUNCTION pg_temp.round(setting text, value text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
	w people.ways;
	e people.expected;
	wrong text := '';
	answer text;
BEGIN
	PERFORM set_config(setting, value, true);
	FOR w IN SELECT * FROM people.ways LOOP
		-- several times, so that a generic plan is made as well
		FOR i IN 1 .. 3 LOOP
			FOR e IN SELECT * FROM people.expected LOOP
				answer := people.answer(e.who, w.query);
				IF answer IS DISTINCT FROM concat_ws(' ', e.n, e.least) THEN
					wrong := wrong || format('%s: %s; ', e.who, answer);
				END IF;
			END LOOP;
		END LOOP;
		RETURN NEXT is(wrong, '', format('%s = %s: %s', setting, value, w.way));
	END LOOP;
END
$$;
SELECT pg_temp.round('plan_cache_mode', 'auto');
SELECT pg_temp.round('plan_cache_mode', 'force_generic_plan');
SELECT pg_temp.round('plan_cache_mode', 'force_custom_plan');
SELECT set_config(name, value, true) FROM (VALUES ('parallel_setup_cost', '0'), ('parallel_tuple_cost', '0'), ('min_parallel_table_scan_size', '0'), ('max_parallel_workers_per_gather', '2')) AS v (name, value) \g /dev/null
SELECT pg_temp.round('enable_indexscan', 'off');
SELECT set_config(name, 'regress', true) FROM pg_settings WHERE name IN ('force_parallel_mode', 'debug_parallel_query') \g /dev/null
SELECT pg_temp.round('enable_bitmapscan', 'off');
SELECT set_config(name, 'off', true) FROM pg_settings WHERE name IN ('force_parallel_mode', 'debug_parallel_query') \g /dev/null
SET LOCAL max_parallel_workers_per_gather = 0;
RESET enable_indexscan;
RESET enable_bitmapscan;

-- the tenant index is used in every scope, and questions are InitPlans
ALTER TABLE people.notes SET (autovacuum_enabled = off);
CREATE FUNCTION people.plan(query text) RETURNS text LANGUAGE plpgsql AS $$ DECLARE line text; plan text := ''; BEGIN FOR line IN EXECUTE 'EXPLAIN (COSTS OFF) ' || query LOOP plan := plan || line || E'\n'; END LOOP; RETURN plan; END $$;
SET LOCAL enable_seqscan = off;
SELECT matches(people.answer(who, $$SELECT people.plan('SELECT * FROM people.notes')$$), 'Index Cond: \(tenant_id = \$\d+\)|Index Cond: \(tenant_id = \(InitPlan \d+\).col1\)', who || ': the index of the tenant')
	FROM people.expected;
RESET enable_seqscan;

-- a permission that changes between two executions of one plan
SET LOCAL plan_cache_mode = force_generic_plan;
SELECT is(people.answer('unit', 'SELECT people.executed()'), '100 unit secret', 'before');
SELECT auth.permission_set('unit', 'notes', 'read', 'tenant') \g /dev/null
SELECT is(people.answer('unit', 'SELECT people.executed()'), '400 assigned secret', 'widened');
SELECT auth.permission_deny('unit', 'notes', 'read') \g /dev/null
SELECT is(people.answer('unit', 'SELECT people.executed()'), '0', 'denied');
SELECT auth.permission_set('unit', 'notes', 'read', 'unit') \g /dev/null
SELECT auth.member_update(people.id('north'), people.id('unit'), unit_ids => '{}') \g /dev/null
SELECT is(people.answer('unit', 'SELECT people.executed()'), '0', 'bound to no unit');
SELECT auth.member_update(people.id('north'), people.id('unit'), 'own') \g /dev/null
SELECT is(people.answer('unit', 'SELECT people.executed()'), '0', 'another role');
SELECT auth.member_update(people.id('north'), people.id('unit'), 'unit', ARRAY[people.id('east')]) \g /dev/null
SELECT is(people.answer('unit', 'SELECT people.executed()'), '100 unit secret', 'as before');
-- one cursor, two people: it stays whose it was
SELECT people.become('unit') \g /dev/null
SET LOCAL ROLE authenticated;
DECLARE kept CURSOR FOR SELECT DISTINCT secret FROM people.notes;
RESET ROLE;
SELECT people.become('far') \g /dev/null
SET LOCAL ROLE authenticated;
FETCH kept \gset
RESET ROLE;
SELECT ok(:'secret' IN ('unit secret', 'south secret'), 'a cursor shows what one of the two may see');
CLOSE kept;

-- what evaluates early sees no hidden row
SELECT people.become('') \g /dev/null
SET LOCAL ROLE authenticated;
CREATE FUNCTION attacker.leak(value text) RETURNS boolean LANGUAGE plpgsql COST 0.0001 AS
$$ BEGIN IF value NOT LIKE 'own%' THEN RAISE EXCEPTION 'leaked %', value; END IF; RETURN true; END $$;
CREATE FUNCTION attacker.same(text, text) RETURNS boolean LANGUAGE plpgsql COST 0.0001 AS $$ BEGIN RETURN attacker.leak($1); END $$;
CREATE OPERATOR attacker.=== (FUNCTION = attacker.same, LEFTARG = text, RIGHTARG = text);
RESET ROLE;
SELECT unalike(coalesce(people.answer('own', query), ''), '%leaked%', 'early: ' || query)
	FROM unnest(ARRAY[
		'SELECT count(*) FROM people.notes WHERE attacker.leak(secret)',
		'SELECT count(*) FROM people.notes_view WHERE attacker.leak(secret)',
		'SELECT count(*) FROM people.inlined() AS n WHERE attacker.leak(n.secret)',
		'SELECT count(*) FROM people.notes WHERE secret OPERATOR(attacker.===) ''x''',
		'SELECT count(*) FROM people.notes AS a JOIN people.notes AS b ON attacker.leak(a.secret || b.secret)',
		'SELECT count(*) FROM (SELECT DISTINCT ON (secret) * FROM people.notes WHERE attacker.leak(secret)) AS s',
		'WITH n AS NOT MATERIALIZED (SELECT * FROM people.notes) SELECT count(*) FROM n WHERE attacker.leak(secret)',
		'SELECT sum(1 / (CASE WHEN secret LIKE ''own%'' THEN 1 ELSE 0 END)) FROM people.notes',
		'SELECT count(*) FROM people.notes WHERE secret::int > 0 OR attacker.leak(secret)',
		'UPDATE people.notes SET secret = secret WHERE attacker.leak(secret)',
		'DELETE FROM people.notes WHERE attacker.leak(secret)']) AS query;
SELECT people.become('') \g /dev/null
INSERT INTO people.notes SELECT people.id('own' || n), people.id('north'), NULL, people.id('own'), NULL, 'own secret' FROM generate_series(1, 100) AS n;
SELECT is(people.answer('own', query), '0', 'nothing hidden is met: ' || query)
	FROM unnest(ARRAY[
		'UPDATE people.notes SET secret = ''x'' WHERE owner_id IS NULL',
		'DELETE FROM people.notes WHERE tenant_id = people.id(''south'')',
		'MERGE INTO people.notes AS n USING (SELECT people.id(''rest1'') AS id) AS s ON n.id = s.id WHEN MATCHED THEN DELETE',
		'MERGE INTO people.notes AS n USING (SELECT people.id(''rest1'') AS id) AS s ON n.id = s.id WHEN MATCHED THEN UPDATE SET secret = ''x''']) AS query;
SELECT matches(people.answer('own', query), '^42501 ', 'refused: ' || query)
	FROM unnest(ARRAY[
		'INSERT INTO people.notes SELECT people.id(''rest1''), people.id(''north''), NULL, people.id(''own''), NULL, ''x'' ON CONFLICT (id) DO UPDATE SET secret = ''stolen'' RETURNING secret',
		'INSERT INTO people.notes VALUES (people.id(''x''), people.id(''north''), NULL, people.id(''unit''), NULL, ''x'')',
		'INSERT INTO people.notes VALUES (people.id(''x''), people.id(''south''), NULL, people.id(''own''), NULL, ''x'')',
		'UPDATE people.notes SET owner_id = people.id(''unit'')',
		'UPDATE people.notes SET tenant_id = people.id(''south'')',
		'TRUNCATE people.notes',
		'SELECT auth.permission_set(''own'', ''notes'', ''read'', ''tenant'')',
		'INSERT INTO auth.assignments (tenant_id, user_id, subject_id) SELECT auth.tenant_id(), auth.uid(), people.id(''rest1'')',
		'UPDATE auth.role_permissions SET scope = ''tenant''',
		'UPDATE auth.memberships SET role = ''tenant''']) AS query;
SELECT is((SELECT count(*) FROM people.notes WHERE secret IN ('x', 'stolen')), 0::bigint, 'nothing was written');
SELECT is(people.answer('own', 'SELECT count(*) FROM pg_stats WHERE tablename = ''notes'''), '0', 'statistics of the table are not shown');

SELECT * FROM finish();
ROLLBACK;
