-- bench/rls.sql: what the policies of auth.protect cost.
-- Depends on setup.sql.
--
-- 200 tenants with 10 000 orders each, in one table: ours asks as `authenticated`
-- with a token; plain as a role with BYPASSRLS, for which there are no policies,
-- with the tenant as a constant. So both read the very same pages, and both have
-- their privileges looked up.

\set ON_ERROR_STOP 1
SET jit = off;
SET max_parallel_workers_per_gather = 0;
SET work_mem = '64MB';

CREATE SCHEMA rls;
CREATE ROLE bench_plain LOGIN BYPASSRLS;
CREATE ROLE bench_ours LOGIN;
GRANT authenticated TO bench_ours;
ALTER ROLE bench_ours SET role = 'authenticated';
GRANT USAGE ON SCHEMA rls, bench TO authenticated, bench_plain;
CREATE TABLE rls.customers (id uuid NOT NULL, tenant_id uuid NOT NULL, name text NOT NULL, PRIMARY KEY (id), UNIQUE (tenant_id, id));
CREATE TABLE rls.orders (id uuid NOT NULL, tenant_id uuid NOT NULL, customer_id uuid NOT NULL, amount integer NOT NULL, note text NOT NULL);
INSERT INTO rls.customers
	SELECT bench.uuid('customer', n), bench.uuid('tenant', n % 200 + 1), 'Customer ' || n FROM generate_series(1, 100000) AS n;
-- Rows of all tenants lie on every page, as they do when tenants work side by side.
INSERT INTO rls.orders
	SELECT bench.uuid('order', n), bench.uuid('tenant', n % 200 + 1), bench.uuid('customer', (n - 1) % 100000 + 1), n % 1000, 'order ' || n
	FROM generate_series(1, 2000000) AS n;
ALTER TABLE rls.orders ADD PRIMARY KEY (id);
SELECT auth.protect('rls.customers');
SELECT auth.protect('rls.orders');
GRANT SELECT ON rls.customers, rls.orders TO authenticated, bench_plain;
VACUUM (ANALYZE) rls.customers, rls.orders;

-- The questions; %s is the tenant for plain, and nothing for ours.
CREATE FUNCTION rls.question(name text, tenant text) RETURNS text
	LANGUAGE sql IMMUTABLE AS $$
	SELECT format(CASE name
		WHEN 'count' THEN 'SELECT count(*) FROM rls.orders AS o WHERE true %1$s'
		WHEN 'scan' THEN 'SELECT sum(o.amount) FROM rls.orders AS o WHERE o.amount >= 0 %1$s'
		WHEN 'join' THEN 'SELECT count(*) FROM rls.orders AS o JOIN rls.customers AS c ON c.tenant_id = o.tenant_id AND c.id = o.customer_id WHERE c.name <> o.note %1$s %2$s'
		END, 'AND o.tenant_id = ' || quote_literal(tenant), 'AND c.tenant_id = ' || quote_literal(tenant))
$$;

-- A thousand orders of the tenant one by one, each a statement of its own.
CREATE FUNCTION rls.lookups_ours(ids uuid[]) RETURNS bigint
	LANGUAGE plpgsql AS $$
DECLARE
	wanted uuid;
	found rls.orders;
	total bigint := 0;
BEGIN
	FOREACH wanted IN ARRAY ids LOOP
		SELECT * INTO found FROM rls.orders AS o WHERE o.id = wanted;
		total := total + found.amount;
	END LOOP;
	RETURN total;
END
$$;
DO $do$
BEGIN
	EXECUTE format($$CREATE FUNCTION rls.lookups_plain(ids uuid[]) RETURNS bigint LANGUAGE plpgsql AS %L$$,
		replace((SELECT prosrc FROM pg_proc WHERE proname = 'lookups_ours'), 'WHERE o.id = wanted',
			format('WHERE o.id = wanted AND o.tenant_id = %L', bench.uuid('tenant', 1))));
END
$do$;

-- Time of a statement run so many times by a role: processor, or wall clock when
-- other processes take part.
CREATE FUNCTION rls.spent(role name, statement text, times integer, wall boolean) RETURNS float8
	LANGUAGE plpgsql VOLATILE AS $$
DECLARE
	start float8;
	stop float8;
BEGIN
	EXECUTE format('SET LOCAL ROLE %I', role);
	start := CASE WHEN wall THEN extract(epoch FROM clock_timestamp()) * 1e6 ELSE bench.cpu() END;
	FOR i IN 1 .. times LOOP
		EXECUTE statement;
	END LOOP;
	stop := CASE WHEN wall THEN extract(epoch FROM clock_timestamp()) * 1e6 ELSE bench.cpu() END;
	RESET ROLE;
	RETURN stop - start;
END
$$;

-- Both in each round, and in turn first.
CREATE FUNCTION rls.compare(subject text, ours text, plain text, times integer, calls integer, target float8, rounds integer, wall boolean DEFAULT false) RETURNS void
	LANGUAGE plpgsql VOLATILE AS $$
DECLARE
	ours_spent float8[] := '{}';
	plain_spent float8[] := '{}';
BEGIN
	PERFORM rls.spent('authenticated', ours, 1, wall), rls.spent('bench_plain', plain, 1, wall);
	FOR round IN 1 .. rounds LOOP
		IF round % 2 = 0 THEN
			plain_spent := plain_spent || rls.spent('bench_plain', plain, times, wall);
		END IF;
		ours_spent := ours_spent || rls.spent('authenticated', ours, times, wall);
		IF round % 2 = 1 THEN
			plain_spent := plain_spent || rls.spent('bench_plain', plain, times, wall);
		END IF;
	END LOOP;
	PERFORM bench.note(subject, ours_spent, plain_spent, times * calls, CASE WHEN target IS NOT NULL THEN '<=' END, target);
END
$$;

CREATE FUNCTION rls.answer(role name, statement text) RETURNS text
	LANGUAGE plpgsql VOLATILE AS $$
DECLARE
	value text;
BEGIN
	EXECUTE format('SET LOCAL ROLE %I', role);
	EXECUTE statement INTO value;
	RESET ROLE;
	RETURN value;
END
$$;

BEGIN;
SELECT auth.authenticate(token) FROM bench.tokens WHERE auth.jwt_verify(token) ->> 'tenant_id' = bench.uuid('tenant', 1)::text LIMIT 1;
SELECT bench.demand('both give the same answer to ' || name,
		rls.answer('authenticated', rls.question(name, NULL)) = rls.answer('bench_plain', rls.question(name, bench.uuid('tenant', 1)::text)))
	FROM unnest(ARRAY['count', 'scan', 'join']) AS name;
SELECT bench.demand('one tenant is seen: ' || name, rls.answer('authenticated', rls.question(name, NULL)) = '10000')
	FROM unnest(ARRAY['count', 'join']) AS name;

SELECT array_agg(bench.uuid('order', n * 200))::text AS ids FROM generate_series(1, 1000) AS n \gset
SELECT bench.demand('the orders are found', rls.answer('authenticated', format('SELECT rls.lookups_ours(%L)', :'ids')) = rls.answer('bench_plain', format('SELECT rls.lookups_plain(%L)', :'ids')));
SELECT rls.compare('point lookup inside of a function', format('SELECT rls.lookups_ours(%L)', :'ids'), format('SELECT rls.lookups_plain(%L)', :'ids'), 5, 1000, NULL, 31);
SELECT rls.compare('count of one tenant', rls.question('count', NULL), rls.question('count', bench.uuid('tenant', 1)::text), 20, 1, 1.02, 31);
SELECT rls.compare('join', rls.question('join', NULL), rls.question('join', bench.uuid('tenant', 1)::text), 5, 1, 1.03, 31);
SET LOCAL enable_indexscan = off;
SET LOCAL enable_indexonlyscan = off;
SET LOCAL enable_bitmapscan = off;
SELECT rls.compare('sequential scan', rls.question('scan', NULL), rls.question('scan', bench.uuid('tenant', 1)::text), 1, 1, 1.05, 31);
RESET enable_indexscan;
RESET enable_indexonlyscan;
RESET enable_bitmapscan;

-- The same with workers, by the wall clock, where plans are parallel throughout.
CREATE FUNCTION rls.plan(role name, statement text) RETURNS text
	LANGUAGE plpgsql VOLATILE AS $$
DECLARE
	line text;
	plan text := '';
BEGIN
	EXECUTE format('SET LOCAL ROLE %I', role);
	FOR line IN EXECUTE 'EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF) ' || statement LOOP
		plan := plan || line || E'\n';
	END LOOP;
	RESET ROLE;
	RETURN plan;
END
$$;
SET LOCAL max_parallel_workers_per_gather = 2;
SET LOCAL parallel_setup_cost = 0;
SET LOCAL parallel_tuple_cost = 0;
SET LOCAL min_parallel_table_scan_size = 0;
SET LOCAL enable_indexscan = off;
SET LOCAL enable_indexonlyscan = off;
SET LOCAL enable_bitmapscan = off;
SELECT bench.demand(format('the plan of %s has two workers', name),
		rls.plan('authenticated', rls.question(name, NULL)) ~ 'Workers Launched: 2'
		AND rls.plan('bench_plain', rls.question(name, bench.uuid('tenant', 1)::text)) ~ 'Workers Launched: 2')
	FROM unnest(ARRAY['count', 'join', 'scan']) AS name;
SELECT bench.demand('parallel plans give the same answer to ' || name,
		rls.answer('authenticated', rls.question(name, NULL)) = rls.answer('bench_plain', rls.question(name, bench.uuid('tenant', 1)::text)))
	FROM unnest(ARRAY['count', 'join', 'scan']) AS name;
SELECT rls.compare(format('%s, parallel', label), rls.question(name, NULL), rls.question(name, bench.uuid('tenant', 1)::text), 1, 1, target, 31, true)
	FROM (VALUES ('count of one tenant', 'count', 1.02), ('join', 'join', 1.03), ('sequential scan', 'scan', 1.05)) AS q(label, name, target);
COMMIT;

-- Lookups as a client sends them: one prepared statement, executed a hundred times in
-- a transaction, which for ours begins with its token. pgbench sends thirty of each in turn; the
-- server takes the time, so that only its own work counts.
RESET ALL;
CREATE TABLE rls.times (round integer, who name DEFAULT session_user, spent float8);
GRANT INSERT ON rls.times TO authenticated, bench_plain;
CREATE FUNCTION rls.transaction(opening text, condition text) RETURNS text
	LANGUAGE sql AS $$
	SELECT concat_ws(E'\n', '\if not :prepared',
		format('PREPARE lookup (int) AS SELECT * FROM rls.orders WHERE id = md5(''order'' || ($1 * 200)::bigint)::uuid %s;', condition),
		'\set prepared true', '\endif', 'BEGIN;', opening, 'SELECT bench.cpu() AS start \gset',
		repeat(E'\\set n random(1, 10000)\nEXECUTE lookup(:n);\n', 100),
		'INSERT INTO rls.times (round, spent) VALUES (:round, (bench.cpu() - :start) / 100);', 'COMMIT;')
$$;
SELECT current_setting('data_directory') || '/..' AS folder, setting AS bindir FROM pg_config WHERE name = 'BINDIR' \gset
\set file :folder '/bench_ours.pgbench'
SELECT rls.transaction(format('SELECT auth.authenticate(%L);', token), '')
	FROM bench.tokens WHERE auth.jwt_verify(token) ->> 'tenant_id' = bench.uuid('tenant', 1)::text LIMIT 1 \g :file
\set file :folder '/bench_plain.pgbench'
SELECT rls.transaction('SELECT 1;', format('AND tenant_id = %L', bench.uuid('tenant', 1))) \g :file
\set log `cd :'folder' && for round in $(seq 31); do for who in bench_ours bench_plain; do :bindir/pgbench -n -t 30 -D prepared=false -D round=$round -U $who -f $who.pgbench bench 2>&1 </dev/null | grep -i error; done; done`
SELECT bench.demand('all lookups were made', count(*) = 31 * 2 * 30) FROM rls.times;
SELECT bench.note('point lookup', array_agg(ours), array_agg(plain), 1, '<=', 1.15)
	FROM (SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY spent) FILTER (WHERE who = 'bench_ours'),
			percentile_cont(0.5) WITHIN GROUP (ORDER BY spent) FILTER (WHERE who = 'bench_plain')
		FROM rls.times WHERE round > 1 GROUP BY round) AS rounds(ours, plain);
