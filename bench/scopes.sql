-- bench/scopes.sql: what policies with a resource cost in each scope, and what the
-- first permission check of a transaction costs among few and among many roles.
-- Permissions on sales have the scope of the tenant only, those on jobs all four: the
-- policies of jobs compare more columns, of which their index has all. At last jobs are
-- in turn a resource of each of the narrower scopes alone.
-- Depends on setup.sql; takes its tools from rls.sql.

\set ON_ERROR_STOP 1
SELECT to_regnamespace('rls') IS NULL AS missing \gset
\if :missing
\ir rls.sql
\endif
RESET ALL;
SET jit = off;
SET max_parallel_workers_per_gather = 0;
SET work_mem = '64MB';

-- 200 tenants with 10 000 jobs each; a tenant's are in three units, a tenth belongs to
-- each of ten users.
CREATE TABLE rls.jobs (id uuid NOT NULL, tenant_id uuid NOT NULL, unit_id uuid, owner_id uuid, assignee_id uuid, amount integer NOT NULL, note text NOT NULL);
INSERT INTO rls.jobs
	SELECT bench.uuid('job', n), bench.uuid('tenant', n % 200 + 1), bench.uuid('unit', n % 200 * 3 + 1 + n / 200 % 3),
		bench.uuid('person', n % 200 * 10 + n / 200 % 10), bench.uuid('person', n % 200 * 10 + n / 200 % 10), n % 1000, 'job ' || n
	FROM generate_series(1, 2000000) AS n;
ALTER TABLE rls.jobs ADD PRIMARY KEY (id);
SELECT auth.resource_create('jobs');
SELECT auth.protect('rls.jobs', 'jobs', unit_column => 'unit_id', owner_column => 'owner_id', assignee_column => 'assignee_id');
GRANT SELECT ON rls.jobs TO authenticated, bench_plain;
VACUUM (ANALYZE) rls.jobs;
SELECT auth.resource_create('sales', scopes => '{tenant}');
SELECT auth.protect('rls.orders', 'sales');

-- One member of tenant 1 for each scope, and what his rows are for plain.
CREATE TABLE rls.scopes (scope text, condition text, token text);
SELECT auth.role_create('bench_' || s, 10) FROM unnest(ARRAY['tenant', 'unit', 'assigned', 'own']) AS s;
SELECT auth.permission_set('bench_' || s, 'jobs', 'read', s) FROM unnest(ARRAY['tenant', 'unit', 'assigned', 'own']) AS s;
SELECT auth.permission_set('bench_tenant', 'sales', 'read', 'tenant');
INSERT INTO auth.users (id, email) SELECT bench.uuid('person', n), 'person' || n || '@example.com' FROM generate_series(0, 3) AS n;
INSERT INTO auth.memberships (tenant_id, user_id, role, unit_ids)
	SELECT bench.uuid('tenant', 1), bench.uuid('person', n), 'bench_' || (ARRAY['tenant', 'unit', 'assigned', 'own'])[n + 1], ARRAY[bench.uuid('unit', 1)]
	FROM generate_series(0, 3) AS n;
INSERT INTO auth.sessions (id, user_id, tenant_id)
	SELECT bench.uuid('session of person', n), bench.uuid('person', n), bench.uuid('tenant', 1) FROM generate_series(0, 3) AS n;
INSERT INTO rls.scopes
	SELECT s, format('AND tenant_id = %L', bench.uuid('tenant', 1)) || CASE s WHEN 'tenant' THEN ''
			WHEN 'unit' THEN format(' AND unit_id = %L', bench.uuid('unit', 1))
			WHEN 'assigned' THEN format(' AND assignee_id = %L', bench.uuid('person', n - 1))
			ELSE format(' AND owner_id = %L', bench.uuid('person', n - 1)) END,
		auth._grant(bench.uuid('person', n - 1), bench.uuid('session of person', n - 1), bench.uuid('tenant', 1), NULL) ->> 'access_token'
	FROM unnest(ARRAY['tenant', 'unit', 'assigned', 'own']) WITH ORDINALITY AS u (s, n);

CREATE FUNCTION rls.ask(name text, asked text, condition text) RETURNS text
	LANGUAGE sql IMMUTABLE AS $$
	SELECT format(CASE name
		WHEN 'count' THEN 'SELECT count(*) FROM rls.%I WHERE true %s'
		WHEN 'scan' THEN 'SELECT sum(amount) FROM rls.%I WHERE amount >= 0 %s' END, asked, condition)
$$;
CREATE FUNCTION rls.scope_compare(wanted text, name text, asked text, label text, target float8, times integer) RETURNS void
	LANGUAGE plpgsql VOLATILE AS $$
DECLARE
	s rls.scopes := (SELECT x FROM rls.scopes AS x WHERE x.scope = wanted);
BEGIN
	PERFORM auth.authenticate(s.token);
	PERFORM bench.demand(format('both give the same answer to %s, %s', name, label),
		rls.answer('authenticated', rls.ask(name, asked, '')) = rls.answer('bench_plain', rls.ask(name, asked, s.condition)));
	PERFORM rls.compare(format('%s, %s', name, label), rls.ask(name, asked, ''), rls.ask(name, asked, s.condition), times, 1, target, 31);
END
$$;
BEGIN;
SELECT rls.scope_compare('tenant', 'count', 'orders', 'tenant scope', 1.05, 20);
SELECT rls.scope_compare(s, 'count', 'jobs', s || ' scope of four', NULL, 20) FROM unnest(ARRAY['tenant', 'unit', 'assigned', 'own']) AS s;
SET LOCAL enable_indexscan = off;
SET LOCAL enable_indexonlyscan = off;
SET LOCAL enable_bitmapscan = off;
SELECT rls.scope_compare('tenant', 'scan', 'orders', 'tenant scope', 1.1, 1);
SELECT rls.scope_compare(s, 'scan', 'jobs', s || ' scope of four', CASE s WHEN 'tenant' THEN 1.1 END, 1) FROM unnest(ARRAY['tenant', 'unit', 'assigned', 'own']) AS s;
COMMIT;

-- Lookups as a client sends them, as in rls.sql.
RESET ALL;
CREATE FUNCTION rls.scope_transaction(opening text, condition text, asked text) RETURNS text
	LANGUAGE sql AS $$
	SELECT CASE asked WHEN 'jobs' THEN replace(replace(t, 'rls.orders', 'rls.jobs'), '''order''', '''job''') ELSE t END
	FROM rls.transaction(opening, condition) AS t
$$;
CREATE FUNCTION rls.scope_rounds(label text) RETURNS void
	LANGUAGE plpgsql VOLATILE AS $$
BEGIN
	PERFORM bench.demand('all lookups were made', count(*) = 31 * 2 * 30) FROM rls.times;
	PERFORM bench.note(label, array_agg(ours), array_agg(plain), 1, '<=', 1.3)
		FROM (SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY spent) FILTER (WHERE who = 'bench_ours'),
				percentile_cont(0.5) WITHIN GROUP (ORDER BY spent) FILTER (WHERE who = 'bench_plain')
			FROM rls.times WHERE round > 1 GROUP BY round) AS rounds(ours, plain);
	TRUNCATE rls.times;
END
$$;
TRUNCATE rls.times;
SELECT current_setting('data_directory') || '/..' AS folder, setting AS bindir FROM pg_config WHERE name = 'BINDIR' \gset
\set ours :folder '/bench_ours.pgbench'
\set plain :folder '/bench_plain.pgbench'
\set rounds 'cd ' :folder ' && for round in $(seq 31); do for who in bench_ours bench_plain; do ' :bindir '/pgbench -n -t 30 -D prepared=false -D round=$round -U $who -f $who.pgbench bench 2>&1 </dev/null | grep -i error; done; done'
SELECT rls.scope_transaction(format('SELECT auth.authenticate(%L);', token), '', 'orders') FROM rls.scopes WHERE scope = 'tenant' \g :ours
SELECT rls.scope_transaction('SELECT 1;', condition, 'orders') FROM rls.scopes WHERE scope = 'tenant' \g :plain
\set log `:rounds`
SELECT rls.scope_rounds('point lookup, tenant scope');
SELECT rls.scope_transaction(format('SELECT auth.authenticate(%L);', token), '', 'jobs') FROM rls.scopes WHERE scope = 'tenant' \g :ours
SELECT rls.scope_transaction('SELECT 1;', condition, 'jobs') FROM rls.scopes WHERE scope = 'tenant' \g :plain
\set log `:rounds`
SELECT rls.scope_rounds('point lookup, tenant scope of four');
\set scope unit
\ir one_scope.psql
\set scope assigned
\ir one_scope.psql
\set scope own
\ir one_scope.psql

-- The first check of a transaction: the token, session, user, membership and role of
-- the caller, and his permission. Of a thousand members in turn, with what a backend
-- remembers and without (what changes is committed first: inside of its own
-- transaction nothing is remembered): among a thousand permissions of roles and ten
-- thousand members, then among thirty thousand permissions and a million members.
CREATE FUNCTION bench.check_permissions() RETURNS bigint
	LANGUAGE plpgsql VOLATILE AS $$
DECLARE
	one text;
	checked bigint := 0;
BEGIN
	-- expressions each, since a query has one identity
	FOR one IN SELECT token FROM bench.tokens LIMIT 1000 LOOP
		IF set_config('intrex_auth.token', one, true) <> '' AND auth.can('jobs', 'read') THEN
			checked := checked + 1;
		END IF;
	END LOOP;
	RETURN checked;
END
$$;
CREATE PROCEDURE bench.forget()
	LANGUAGE sql AS $$
	UPDATE auth.sessions SET revoked_reason = NULL WHERE id = (SELECT id FROM auth.sessions LIMIT 1);
	UPDATE auth.roles SET description = NULL WHERE id = (SELECT id FROM auth.roles LIMIT 1);
$$;
CREATE FUNCTION bench.add_roles(first integer, last integer) RETURNS void
	LANGUAGE sql AS $$
	INSERT INTO auth.roles (tenant_id, name, rank) SELECT bench.uuid('tenant', n % 200 + 1), 'role_' || n, 10 FROM generate_series(first, last) AS n;
	INSERT INTO auth.role_permissions (role_id, resource, action, scope)
		SELECT r.id, 'jobs', a, 'tenant'
		FROM generate_series(first, last) AS n JOIN auth.roles AS r ON r.name = 'role_' || n, unnest(ARRAY['create', 'update', 'delete']) AS a;
$$;
CREATE TEMPORARY TABLE checks (size text, kind text, spent float8);
CREATE TEMPORARY TABLE rounds (size text, kind text, statement text);
INSERT INTO rounds
	SELECT size, kind, statement FROM unnest(ARRAY['few', 'many']) AS size,
		LATERAL (VALUES (1, 'looked up', 'CALL bench.forget()'),
			(2, 'looked up', format('INSERT INTO checks SELECT %L, ''looked up'', bench.spent(''SELECT bench.check_permissions()'')', size)),
			(3, 'remembered', format('INSERT INTO checks SELECT %L, ''remembered'', bench.spent(''SELECT bench.check_permissions()'')', size))) AS v (step, kind, statement),
		generate_series(1, 31) AS round
	ORDER BY size, round, step;
SELECT auth.role_create(r, 20) FROM unnest(ARRAY['owner', 'branch_manager', 'external_auditor']) AS r;
SELECT auth.permission_set(r, 'jobs', 'read', 'tenant') FROM unnest(ARRAY['owner', 'branch_manager', 'external_auditor']) AS r;
SELECT bench.add_roles(1, 333);
VACUUM (ANALYZE) auth.roles, auth.role_permissions, auth.users, auth.memberships, auth.sessions;
SELECT bench.demand('all are checked', bench.check_permissions() = 1000);
SELECT statement FROM rounds WHERE size = 'few' \gexec
SET session_replication_role = replica;
SELECT bench.add_roles(334, 10000);
INSERT INTO auth.users (id, email) SELECT bench.uuid('many', n), 'many' || n || '@example.com' FROM generate_series(1, 100000) AS n;
INSERT INTO auth.memberships (tenant_id, user_id, role)
	SELECT bench.uuid('tenant', t * 20 + n % 20 + 1), bench.uuid('many', n), 'role_' || (n % 10000 + 1)
	FROM generate_series(1, 100000) AS n, generate_series(0, 9) AS t;
RESET session_replication_role;
VACUUM (ANALYZE) auth.roles, auth.role_permissions, auth.users, auth.memberships, auth.sessions;
SELECT bench.demand('all are checked still', bench.check_permissions() = 1000);
SELECT statement FROM rounds WHERE size = 'many' \gexec
SELECT bench.demand('each round is there', count(*) = 4 * 31) FROM checks;
SELECT bench.note(format('first check, %s: 30 000 permissions / 1 000', kind), array_agg(spent) FILTER (WHERE size = 'many'), array_agg(spent) FILTER (WHERE size = 'few'), 1000, '<=', 1.3)
	FROM checks GROUP BY kind ORDER BY kind;
