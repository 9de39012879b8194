-- No plan keeps an identity: prepared under one tenant and executed under another,
-- cursors, functions, views; serial, and in parallel workers.
\set ECHO none
\set QUIET 1
\pset format unaligned
\pset tuples_only true
\getenv abs_srcdir PG_ABS_SRCDIR
\set include :abs_srcdir '/include/identities.psql'
\set include_end :abs_srcdir '/include/identities_end.psql'
\i :include

SELECT plan(126);

-- every way to ask, over the three forms of a policy
CREATE VIEW notes_view WITH (security_invoker = true) AS SELECT * FROM notes;
CREATE VIEW notes_barrier WITH (security_invoker = true, security_barrier = true) AS SELECT * FROM notes_once;
CREATE FUNCTION by_sql() RETURNS SETOF notes LANGUAGE sql STABLE AS $$ SELECT * FROM notes $$;
CREATE FUNCTION by_atomic() RETURNS SETOF notes LANGUAGE sql STABLE BEGIN ATOMIC SELECT tenant_id, body FROM notes_once; END;
CREATE FUNCTION by_sql_volatile() RETURNS SETOF notes_seed LANGUAGE sql VOLATILE AS $$ SELECT * FROM notes_seed $$;
CREATE FUNCTION by_plpgsql() RETURNS SETOF notes LANGUAGE plpgsql STABLE AS $$ BEGIN RETURN QUERY SELECT * FROM notes; END $$;
CREATE FUNCTION by_loop() RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
	row record;
BEGIN
	FOR row IN SELECT body FROM notes_once LOOP
		RETURN NEXT row.body;
	END LOOP;
END
$$;
GRANT SELECT ON notes_view, notes_barrier TO authenticated;

CREATE TABLE questions (n int, label text, query text);
INSERT INTO questions VALUES
	(1, 'a table, function in the policy', 'SELECT body FROM notes'),
	(2, 'a table, function in an InitPlan', 'SELECT body FROM notes_once'),
	(3, 'a table, the setting in the policy', 'SELECT body FROM notes_seed'),
	(4, 'a view', 'SELECT body FROM notes_view'),
	(5, 'a security barrier view', 'SELECT body FROM notes_barrier'),
	(6, 'a CTE', 'WITH c AS MATERIALIZED (SELECT body FROM notes) SELECT body FROM c'),
	(7, 'a recursive CTE', 'WITH RECURSIVE c AS (SELECT body, 1 AS n FROM notes UNION ALL SELECT body, n + 1 FROM c WHERE n < 3) SELECT body FROM c'),
	(8, 'LATERAL', 'SELECT l.body FROM notes n, LATERAL (SELECT body FROM notes_once o WHERE o.tenant_id = n.tenant_id) l'),
	(9, 'a subquery', 'SELECT body FROM notes WHERE tenant_id IN (SELECT tenant_id FROM notes_seed)'),
	(10, 'an outer join', 'SELECT coalesce(a.body, b.body) AS body FROM notes a FULL JOIN notes_once b USING (tenant_id)'),
	(11, 'an SQL function', 'SELECT body FROM by_sql()'),
	(12, 'an SQL function with BEGIN ATOMIC', 'SELECT body FROM by_atomic()'),
	(13, 'a volatile SQL function', 'SELECT body FROM by_sql_volatile()'),
	(14, 'a PL/pgSQL function', 'SELECT body FROM by_plpgsql()'),
	(15, 'a loop in PL/pgSQL', 'SELECT by_loop AS body FROM by_loop()'),
	(16, 'an aggregate', 'SELECT max(body) AS body FROM notes_once GROUP BY tenant_id'),
	(17, 'a constant in the query', 'SELECT name(auth.tenant_id()) AS body');
GRANT SELECT ON questions TO authenticated;


-- Prepare each as an API role under the first identity, then execute it twice
-- under each of them in turn.
CREATE FUNCTION execute_one(n int) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	answer text;
	answers text[] := '{}';
BEGIN
	FOR i IN 1 .. 2 LOOP
		EXECUTE format('EXECUTE q%s', n) INTO answer;
		answers := answers || answer;
	END LOOP;
	RETURN (SELECT string_agg(DISTINCT a, ' or ') FROM unnest(answers) a);
END
$$;
CREATE FUNCTION ask(mode text, identities text[]) RETURNS TABLE (label text, answer text) LANGUAGE plpgsql SET role = authenticated AS $$
DECLARE
	q questions;
BEGIN
	PERFORM set_config('plan_cache_mode', mode, true);
	FOR q IN SELECT * FROM questions ORDER BY n LOOP
		PERFORM set_config('intrex_auth.token', identities[1], true);
		EXECUTE format('PREPARE q%s AS SELECT coalesce(string_agg(DISTINCT body, '' and ''), ''none'') FROM (%s) s', q.n, q.query);
		label := q.label;
		answer := NULL;
		FOR i IN 1 .. array_length(identities, 1) LOOP
			PERFORM set_config('intrex_auth.token', identities[i], true);
			answer := concat_ws(' > ', answer, execute_one(q.n));
		END LOOP;
		EXECUTE format('DEALLOCATE q%s', q.n);
		RETURN NEXT;
	END LOOP;
END
$$;

-- PREPARE under one tenant, EXECUTE under another
SELECT is(answer, 'north > south > none > north', 'custom plans: ' || label)
	FROM ask('force_custom_plan', ARRAY[:'anna', :'ben', '', :'anna']);
SELECT is(answer, 'north > south > none > north', 'generic plans: ' || label)
	FROM ask('force_generic_plan', ARRAY[:'anna', :'ben', '', :'anna']);
SELECT is(answer, 'none > south > north > none', 'prepared by nobody: ' || label)
	FROM ask('force_generic_plan', ARRAY['', :'ben', :'anna', '']);
SELECT force_parallel('on') AS ignored \gset
SELECT is(answer, 'north > south > none > north', 'generic plans in workers: ' || label)
	FROM ask('force_generic_plan', ARRAY[:'anna', :'ben', '', :'anna']);
SELECT is(answer, 'north > south > none > north', 'custom plans in workers: ' || label)
	FROM ask('force_custom_plan', ARRAY[:'anna', :'ben', '', :'anna']);
SELECT force_parallel('off') AS ignored \gset

-- over transactions: what stays is the plan, not the tenant
PREPARE over_transactions AS SELECT coalesce(string_agg(DISTINCT body, ' and '), 'none') AS answer FROM notes;
SET plan_cache_mode = force_generic_plan;
BEGIN;
SET LOCAL ROLE authenticated;
SELECT auth.authenticate(:'anna') AS ignored \gset
EXECUTE over_transactions \gset first_
COMMIT;
BEGIN;
SET LOCAL ROLE authenticated;
EXECUTE over_transactions \gset second_
COMMIT;
BEGIN;
SET LOCAL ROLE authenticated;
SELECT auth.authenticate(:'ben') AS ignored \gset
EXECUTE over_transactions \gset third_
COMMIT;
SELECT is(:'first_answer'::text, 'north', 'a statement prepared before, as anna');
SELECT is(:'second_answer'::text, 'none', 'in the next transaction it sees nothing');
SELECT is(:'third_answer'::text, 'south', 'as ben it sees the rows of south');

-- a plan made for one role is not another's (CVE-2016-2193, CVE-2023-2455, CVE-2024-10976)
CREATE TABLE notes_members (LIKE notes);
INSERT INTO notes_members TABLE notes;
ALTER TABLE notes_members ENABLE ROW LEVEL SECURITY;
CREATE POLICY tenant ON notes_members TO authenticated USING (tenant_id = auth.tenant_id());
CREATE VIEW members_view WITH (security_invoker = true) AS SELECT * FROM notes_members;
CREATE FUNCTION members_inlined() RETURNS SETOF notes_members LANGUAGE sql STABLE AS $$ SELECT * FROM notes_members $$;
GRANT SELECT ON notes_members, members_view TO anon, authenticated;
DELETE FROM questions;
INSERT INTO questions VALUES
	(21, 'a table', 'SELECT body FROM notes_members'),
	(22, 'a subquery', 'SELECT (SELECT max(body) FROM notes_members) AS body'),
	(23, 'a sublink', 'SELECT ''north'' AS body WHERE EXISTS (SELECT FROM notes_members)'),
	(24, 'a CTE', 'WITH c AS MATERIALIZED (SELECT body FROM notes_members) SELECT body FROM c'),
	(25, 'a view', 'SELECT body FROM members_view'),
	(26, 'an inlined function', 'SELECT body FROM members_inlined()');
CREATE FUNCTION ask_roles(mode text, token text, roles text[]) RETURNS TABLE (label text, answer text) LANGUAGE plpgsql SET role = authenticated AS $$
DECLARE
	q questions;
BEGIN
	PERFORM set_config('plan_cache_mode', mode, true), set_config('intrex_auth.token', token, true);
	FOR q IN SELECT * FROM questions ORDER BY n LOOP
		EXECUTE format('PREPARE q%s AS SELECT coalesce(string_agg(DISTINCT body, '' and ''), ''none'') FROM (%s) s', q.n, q.query);
	END LOOP;
	FOR q IN SELECT * FROM questions ORDER BY n LOOP
		label := q.label;
		answer := NULL;
		FOR i IN 1 .. array_length(roles, 1) LOOP
			PERFORM set_config('role', roles[i], true);
			answer := concat_ws(' > ', answer, execute_one(q.n));
		END LOOP;
		PERFORM set_config('role', 'authenticated', true);
		EXECUTE format('DEALLOCATE q%s', q.n);
		RETURN NEXT;
	END LOOP;
END
$$;
SELECT is(answer, 'north > none > north', mode || ', another role: ' || label)
	FROM unnest(ARRAY['force_custom_plan', 'force_generic_plan']) mode,
		ask_roles(mode, :'anna', ARRAY['authenticated', 'anon', 'authenticated']);

-- cursors: what is asked for the first time after the switch is asked by the second
CREATE FUNCTION fetched(name refcursor, rows int DEFAULT 100) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	row record;
	answer text[] := '{}';
BEGIN
	WHILE rows > 0 LOOP
		FETCH name INTO row;
		EXIT WHEN NOT FOUND;
		answer := answer || row.body;
		rows := rows - 1;
	END LOOP;
	RETURN coalesce((SELECT string_agg(DISTINCT a, ' and ') || ' ' || count(*) FROM unnest(answer) a), 'none');
END
$$;
BEGIN;
SELECT auth.authenticate(:'anna') AS ignored \gset
SET LOCAL ROLE authenticated;
DECLARE a CURSOR FOR SELECT body FROM notes;
DECLARE b CURSOR FOR SELECT body FROM notes_once;
DECLARE c CURSOR FOR SELECT body FROM notes_seed;
DECLARE d CURSOR FOR SELECT body FROM notes;
DECLARE e CURSOR FOR SELECT body FROM notes_once;
DECLARE f CURSOR FOR SELECT body FROM notes_seed;
DECLARE g SCROLL CURSOR FOR SELECT body FROM notes ORDER BY body;
RESET ROLE;
SELECT is(fetched('d', 1), 'north 1', 'a cursor, first row as anna');
SELECT is(fetched('e', 1), 'north 1', 'a cursor over an InitPlan, first row as anna');
SELECT is(fetched('f', 1), 'north 1', 'a cursor over the setting, first row as anna');
SELECT auth.authenticate(:'ben') AS ignored \gset
SELECT is(fetched('a'), 'south 2', 'declared as anna, fetched as ben: his rows');
SELECT is(fetched('b'), 'south 2', 'the same with an InitPlan');
SELECT is(fetched('c'), 'south 2', 'the same with the setting');
SELECT is(fetched('d'), 'south 2', 'the rest of a cursor that anna began: no row of hers comes any more');
-- An InitPlan has been computed: in the same transaction, by the same client,
-- anna's query goes on as hers.  No row of a third can be in it.
SELECT is(fetched('e'), 'north 2', 'the rest over an InitPlan: the query that anna began goes on');
SELECT is(fetched('f'), 'south 2', 'the rest over the setting');
SET LOCAL intrex_auth.token = '';
SELECT is(fetched('g'), 'none', 'declared as anna, fetched by nobody: no rows');
ROLLBACK;

-- workers have the same identity as their leader, in every part
CREATE FUNCTION everything() RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	answer text;
BEGIN
	EXECUTE 'SELECT ROW(auth.uid(), auth.tenant_id(), auth.session_id(), auth.role(), auth.email(), auth.tenant_role(), auth.unit_ids(),
		auth.aal(), auth.jwt(), auth.user_id(), current_setting(''app.current_tenant''), current_setting(''intrex_auth.token''))' INTO answer;
	RETURN answer;
END
$$;
CREATE FUNCTION everything_in_worker(leader int) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	answer text;
	backend int;
BEGIN
	EXECUTE 'SELECT ROW(auth.uid(), auth.tenant_id(), auth.session_id(), auth.role(), auth.email(), auth.tenant_role(), auth.unit_ids(),
		auth.aal(), auth.jwt(), auth.user_id(), current_setting(''app.current_tenant''), current_setting(''intrex_auth.token'')), backend()' INTO answer, backend;
	RETURN CASE WHEN backend = leader THEN 'not in a worker' ELSE answer END;
END
$$;
SELECT everything() AS nobody \gset
BEGIN;
SELECT auth.authenticate(:'ben') AS ignored \gset
SELECT everything() AS ben_in_leader \gset
COMMIT;
SELECT force_parallel('on') AS ignored \gset
SELECT backend() <> :leader AS in_worker \gset
SELECT ok(:'in_worker', 'queries run in a worker now');
SELECT is(everything_in_worker(:leader), :'nobody'::text, 'nobody is nobody in a worker');
BEGIN;
SELECT auth.authenticate(:'ben') AS ignored \gset
SELECT is(everything_in_worker(:leader), :'ben_in_leader'::text, 'an identity is the same in a worker');
SAVEPOINT s;
SELECT auth.authenticate(:'anna') AS ignored \gset
ROLLBACK TO s;
SELECT is(everything_in_worker(:leader), :'ben_in_leader'::text, 'also after ROLLBACK TO');
ROLLBACK;

-- what is refused in the leader is refused in a worker
CREATE FUNCTION refused(query text, value text DEFAULT NULL) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	state text;
	detail text;
	context text;
BEGIN
	EXECUTE query USING value;
	RETURN 'not refused';
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, detail = PG_EXCEPTION_DETAIL, context = PG_EXCEPTION_CONTEXT;
	RETURN concat_ws(' ', refusal(state, detail), CASE WHEN context LIKE '%parallel worker%' THEN 'in a worker' END,
		CASE WHEN position('eyJ' in context) > 0 THEN 'with an echo' END);
END
$$;
SET intrex_auth.token = :'ben';
SELECT is(refused('SELECT auth.uid()'), '28000 token_of_earlier_transaction in a worker', 'a token of an earlier transaction');
SELECT is(refused('SELECT count(*) FROM notes WHERE tenant_id = auth.tenant_id()'), '28000 token_of_earlier_transaction', 'and where the planner asks first');
SET intrex_auth.session_token = on;
SELECT is(everything_in_worker(:leader), :'ben_in_leader'::text, 'with session_token = on it holds in a worker');
RESET intrex_auth.session_token;
RESET intrex_auth.token;
BEGIN;
SELECT auth.authenticate(:'ben') AS ignored \gset
UPDATE auth.sessions SET revoked_at = now() WHERE id = id('ben session');
SELECT is(refused('SELECT auth.uid()'), '28000 session_revoked in a worker', 'a revoked session, by our own transaction');
ROLLBACK;

-- workers set nothing, whatever a function claims to be
CREATE FUNCTION liar(token text) RETURNS text LANGUAGE plpgsql STABLE PARALLEL SAFE AS
$$ BEGIN PERFORM set_config('intrex_auth.token', token, true); RETURN auth.email(); END $$;
SELECT is(refused('SELECT liar($1)', :'anna'), '25000 in a worker', 'a worker cannot be given a token');
SELECT is(who(), 'nobody', 'and none is left');
CREATE FUNCTION as_nobody() RETURNS text LANGUAGE plpgsql STABLE PARALLEL SAFE SET intrex_auth.token = '' AS
$$ BEGIN RETURN coalesce(auth.email(), 'nobody') || CASE WHEN pg_backend_pid() = current_setting('test.leader')::int THEN '' ELSE ' in a worker' END; END $$;
BEGIN;
SELECT set_config('test.leader', :'leader', true) AS ignored \gset
SELECT auth.authenticate(:'anna') AS ignored \gset
SELECT as_nobody() AS as_nobody \gset
SELECT is(:'as_nobody'::text, 'nobody in a worker', 'a SET clause works in a worker');
SELECT is(who(), 'anna, owner of north', 'and ends there');
ROLLBACK;

-- a large scan by leader and workers together
SELECT force_parallel('off') AS ignored \gset
CREATE TABLE many (tenant_id uuid NOT NULL, body text NOT NULL);
INSERT INTO many SELECT id(t), t FROM generate_series(1, 10000), unnest(ARRAY['north', 'south']) t;
ALTER TABLE many ENABLE ROW LEVEL SECURITY;
CREATE POLICY tenant ON many USING (tenant_id = auth.tenant_id());
GRANT SELECT ON many TO authenticated;
ANALYZE many;
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
SET max_parallel_workers_per_gather = 2;
BEGIN;
SET LOCAL ROLE authenticated;
SELECT auth.authenticate(:'anna') AS ignored \gset
SELECT concat_ws(' ', min(body), max(body), count(*)) AS many_anna FROM many \gset
SELECT auth.authenticate(:'ben') AS ignored \gset
SELECT concat_ws(' ', min(body), max(body), count(*)) AS many_ben FROM many \gset
SET LOCAL parallel_leader_participation = off;
SELECT concat_ws(' ', min(body), max(body), count(*)) AS many_ben_workers, bool_and(backend() <> :leader) AS by_workers FROM many \gset
COMMIT;
SELECT is(:'many_anna'::text, 'north north 10000', 'ten thousand rows by several processes');
SELECT is(:'many_ben'::text, 'south south 10000', 'and the other tenant''s');
SELECT is(:'many_ben_workers'::text, 'south south 10000', 'and by workers');
SELECT ok(:'by_workers', 'alone');

SELECT * FROM finish();
\i :include_end
