-- auth.protect for a table that an ordinary role owns: what that role needs and
-- still sees, rows that stay with their tenant, and a tenant that is deleted.
\set ECHO none
\set QUIET 1
\pset format unaligned
\pset tuples_only true
\set VERBOSITY terse
SET client_min_messages = warning;

BEGIN;
SELECT plan(43);

CREATE SCHEMA app;
CREATE ROLE intrex_auth_test_owner;
CREATE ROLE intrex_auth_test_stranger;
GRANT USAGE, CREATE ON SCHEMA app TO intrex_auth_test_owner, intrex_auth_test_stranger;
GRANT USAGE ON SCHEMA app TO authenticated;

INSERT INTO auth.tenants (id, name) VALUES
	('00000000-0000-4000-8000-00000000000a', 'A'),
	('00000000-0000-4000-8000-00000000000b', 'B');

-- The answer to a statement run by a role: its one value, or its error.
CREATE FUNCTION app.as(who name, statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE answer text;
BEGIN
	EXECUTE format('SET LOCAL ROLE %I', who);
	EXECUTE statement INTO answer;
	RESET ROLE;
	RETURN answer;
EXCEPTION WHEN OTHERS THEN
	RETURN SQLSTATE || ' ' || SQLERRM;
END
$$;

SET LOCAL ROLE intrex_auth_test_owner;
CREATE TABLE app.orders (id int, tenant_id uuid NOT NULL, title text);
CREATE TABLE app.items (id int, tenant_id uuid NOT NULL, title text) PARTITION BY RANGE (id);
CREATE TABLE app.items_1 PARTITION OF app.items FOR VALUES FROM (0) TO (100);
INSERT INTO app.orders SELECT n, ('00000000-0000-4000-8000-00000000000' || t)::uuid, t FROM generate_series(1, 50) n, unnest(ARRAY['a', 'b']) t;
INSERT INTO app.items SELECT n, ('00000000-0000-4000-8000-00000000000' || t)::uuid, t FROM generate_series(1, 50) n, unnest(ARRAY['a', 'b']) t;
RESET ROLE;

-- who may call it
SELECT is(app.as('intrex_auth_test_owner', $$SELECT count(*) FROM auth.protect('app.orders')$$), '42501 permission denied for schema auth', 'owning a table is not enough');
GRANT auth_admin TO intrex_auth_test_owner, intrex_auth_test_stranger;
SELECT is(app.as('intrex_auth_test_stranger', $$SELECT count(*) FROM auth.protect('app.orders')$$), '42501 must be owner of table app.orders', 'being auth_admin is not enough');
SELECT is(app.as('intrex_auth_test_stranger', $$SELECT count(*) FROM auth.unprotect('app.orders')$$), '42501 must be owner of table app.orders', 'nor for the way back');
SELECT is(app.as('intrex_auth_test_owner', $$SELECT count(*) FROM auth.protect('app.orders')$$), '42501 the foreign key to auth.tenants needs a superuser', 'nor being both, for the foreign key');
GRANT REFERENCES ON auth.tenants TO intrex_auth_test_owner;
SELECT is(app.as('intrex_auth_test_owner', $$SELECT count(*) FROM auth.protect('app.orders')$$), '12', 'the owner as auth_admin may, if trusted with that');
SELECT is(app.as('intrex_auth_test_owner', $$SELECT count(*) FROM auth.protect('app.items')$$), '22', 'a partitioned table');
SELECT is(app.as('intrex_auth_test_owner', $$SELECT count(*) FROM auth.protect('app.orders')$$), '0', 'again: nothing');
SELECT is(app.as('authenticated', $$SELECT count(*) FROM auth.protect('app.orders')$$), '42501 permission denied for function protect', 'an API role may not');
SELECT is(app.as('authenticated', $$SELECT count(*) FROM auth.unprotect('app.orders')$$), '42501 permission denied for function unprotect', 'nor take it back');
SELECT is(app.as('authenticated', $$SELECT count(*) FROM auth.protected_tables$$), '42501 permission denied for table protected_tables', 'nor read which tables there are');

-- FORCE: the owner has no policy, and sees nothing
SELECT is(app.as('intrex_auth_test_owner', 'SELECT count(*) FROM app.orders'), '0', 'the owner sees no row');
SELECT is(app.as('intrex_auth_test_owner', 'SELECT count(*) FROM app.items_1'), '0', 'nor in a partition');
SELECT is(app.as('intrex_auth_test_owner', $$WITH x AS (UPDATE app.orders SET title = 'x' RETURNING 1) SELECT count(*) FROM x$$), '0', 'nor changes one');
SELECT is(app.as('intrex_auth_test_owner', $$WITH x AS (DELETE FROM app.orders RETURNING 1) SELECT count(*) FROM x$$), '0', 'nor deletes one');
SELECT is(app.as('intrex_auth_test_owner', $$WITH x AS (INSERT INTO app.orders VALUES (1, '00000000-0000-4000-8000-00000000000a') RETURNING 1) SELECT count(*) FROM x$$),
	'42501 new row violates row-level security policy for table "orders"', 'nor inserts one');
SELECT is(app.as('intrex_auth_test_owner', 'SET LOCAL row_security = off; SELECT count(*) FROM app.orders'),
	'42501 query would be affected by row-level security policy for table "orders"', 'row_security = off is an error');
SELECT is((SELECT count(*) FROM app.orders), 100::bigint, 'the rows are there');

-- a row stays with its tenant, whoever asks
SELECT throws_ok($$UPDATE app.orders SET tenant_id = '00000000-0000-4000-8000-00000000000b' WHERE title = 'a'$$, '42501', 'a row of app.orders cannot be moved to another tenant', 'not even a superuser moves a row');
SELECT throws_ok($$UPDATE app.orders SET tenant_id = NULL$$, '42501', 'a row of app.orders cannot be moved to another tenant', 'nor out of every tenant');
SELECT throws_ok($$UPDATE app.items SET tenant_id = '00000000-0000-4000-8000-00000000000b'$$, '42501', 'a row of app.items_1 cannot be moved to another tenant', 'nor in a partitioned table');
SELECT throws_ok($$UPDATE app.items_1 SET tenant_id = '00000000-0000-4000-8000-00000000000b'$$, '42501', 'a row of app.items_1 cannot be moved to another tenant', 'nor in a partition');
SELECT throws_ok($$INSERT INTO app.orders VALUES (1, NULL)$$, '23502', NULL, 'a row has a tenant');
SELECT throws_ok($$INSERT INTO app.orders VALUES (1, gen_random_uuid())$$, '23503', NULL, 'one that exists');
SELECT lives_ok($$UPDATE app.orders SET tenant_id = tenant_id, title = upper(title)$$, 'the same tenant again is no move');
CREATE TABLE app.by_tenant (tenant_id uuid NOT NULL, title text) PARTITION BY LIST (tenant_id);
CREATE TABLE app.by_tenant_a PARTITION OF app.by_tenant FOR VALUES IN ('00000000-0000-4000-8000-00000000000a');
CREATE TABLE app.by_tenant_b PARTITION OF app.by_tenant FOR VALUES IN ('00000000-0000-4000-8000-00000000000b');
INSERT INTO app.by_tenant VALUES ('00000000-0000-4000-8000-00000000000a', 'a');
SELECT count(*) FROM auth.protect('app.by_tenant') \gset ignored_
SELECT throws_ok($$UPDATE app.by_tenant SET tenant_id = '00000000-0000-4000-8000-00000000000b'$$, '42501', 'a row of app.by_tenant_a cannot be moved to another tenant', 'nor into the partition of another tenant');

-- a tenant is deleted: its rows go, whatever policies say of the table's owner
DELETE FROM auth.tenants WHERE id = '00000000-0000-4000-8000-00000000000a';
SELECT is((SELECT count(*) FILTER (WHERE title = 'A') || ' ' || count(*) FROM app.orders), '0 50', 'all rows of the tenant, and no other');
SELECT is((SELECT count(*) FILTER (WHERE title = 'a') || ' ' || count(*) FROM app.items), '0 50', 'in a partitioned table');
SELECT is((SELECT count(*) FROM app.by_tenant), 0::bigint, 'and in one partitioned by tenant');
INSERT INTO auth.tenants (id, name) VALUES ('00000000-0000-4000-8000-00000000000a', 'A');
INSERT INTO app.orders VALUES (1, '00000000-0000-4000-8000-00000000000a', 'A');
SELECT is(app.as('auth_owner', $$WITH x AS (DELETE FROM auth.tenants WHERE id = '00000000-0000-4000-8000-00000000000a' RETURNING 1) SELECT count(*) FROM x$$), '1', 'the owner of auth.tenants deletes one');
SELECT is((SELECT count(*) FILTER (WHERE title = 'A') || ' ' || count(*) FROM app.orders), '0 50', 'without any right on the tables of the application');

-- and back
SELECT is(app.as('intrex_auth_test_owner', $$SELECT count(*) FROM auth.unprotect('app.orders')$$), '13', 'the owner takes it back');
SELECT is(app.as('intrex_auth_test_owner', 'SELECT count(*) FROM app.orders'), '50', 'and sees the rows again');
SELECT is(app.as('intrex_auth_test_owner', $$SELECT count(*) FROM auth.protect('app.orders', tenant_fk => false) WHERE object = 'foreign key'$$), '0', 'without foreign key no REFERENCES is needed');

-- an owner that can log in is named, with the first of its tables and no other
CREATE ROLE intrex_auth_test_login LOGIN;
CREATE ROLE intrex_auth_test_client LOGIN;
CREATE FUNCTION app.warned(target text) RETURNS bigint LANGUAGE sql AS $$
	SELECT count(*) FROM auth.protect(target::regclass, tenant_fk => false) WHERE object = 'warning'
		AND statement LIKE '%switch row level%'
$$;
CREATE TABLE app.first (id int, tenant_id uuid) PARTITION BY RANGE (id);
CREATE TABLE app.first_1 PARTITION OF app.first FOR VALUES FROM (0) TO (100);
CREATE TABLE app.second (id int, tenant_id uuid);
CREATE TABLE app.third (id int, tenant_id uuid);
ALTER TABLE app.first OWNER TO intrex_auth_test_login;
ALTER TABLE app.first_1 OWNER TO intrex_auth_test_login;
ALTER TABLE app.second OWNER TO intrex_auth_test_login;
SELECT is((SELECT statement FROM auth.protect('app.first', tenant_fk => false) WHERE statement LIKE '%log in%'),
	'-- intrex_auth_test_login, the owner of app.first, can log in, and could switch row level security off: '
	'a role that cannot log in is a better owner of tables' || E'\nALTER TABLE app.first OWNER TO …;',
	'an owner that can log in');
SELECT is(app.warned('app.second'), 0::bigint, 'is named once, not with each table');
SELECT is(app.warned('app.third'), 0::bigint, 'a superuser is not named');
SELECT is(app.warned('app.orders'), 0::bigint, 'nor an owner that cannot log in');
-- a login role of clients that has the rights of an owner
SELECT count(*) AS ignored FROM auth.unprotect('app.orders') \gset
SELECT count(*) AS ignored FROM auth.unprotect('app.items') \gset
GRANT intrex_auth_test_owner TO intrex_auth_test_client;
SELECT is(app.warned('app.orders'), 0::bigint, 'nor for a login role that is not a client''s');
SELECT count(*) AS ignored FROM auth.unprotect('app.orders') \gset
GRANT authenticated TO intrex_auth_test_client;
SELECT is((SELECT statement FROM auth.protect('app.orders', tenant_fk => false) WHERE statement LIKE '%log in%'),
	'-- intrex_auth_test_client can log in for clients and has the rights of intrex_auth_test_owner, the owner of '
	'app.orders, '
	'and could switch row level security off: a role that cannot log in is a better owner of tables'
	|| E'\nREVOKE intrex_auth_test_owner FROM intrex_auth_test_client;', 'but for one of clients');
REVOKE intrex_auth_test_owner FROM intrex_auth_test_client;
SELECT is(app.warned('app.orders'), 0::bigint, 'the statement helps');
-- an owner whose rights an API role has is refused, directly or not
CREATE TABLE app.fourth (id int, tenant_id uuid);
ALTER TABLE app.fourth OWNER TO intrex_auth_test_stranger;
GRANT intrex_auth_test_stranger TO intrex_auth_test_client;
SELECT throws_ok(format('GRANT intrex_auth_test_client TO %I; '
		'SELECT * FROM auth.protect(''app.fourth'', tenant_fk => false)', r), '55000',
	'an API role has the rights of intrex_auth_test_stranger, the owner of table app.fourth', r || ' is a member of it')
	FROM unnest(ARRAY['anon', 'auth_platform']) AS r;
SELECT is(app.warned('app.second'), 0::bigint, 'and again nothing');

SELECT * FROM finish();
ROLLBACK;
