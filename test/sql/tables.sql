-- sql/10_tables.sql: shape, privileges, dump, and what foreign keys do.
\set ECHO none
\set QUIET 1
\pset format unaligned
\pset tuples_only true
\set VERBOSITY terse
SET client_min_messages = warning;

BEGIN;
SELECT plan(48);

CREATE FUNCTION pg_temp.columns(target regclass) RETURNS text LANGUAGE sql AS $$
	SELECT string_agg(attname, ' ' ORDER BY attnum) FROM pg_attribute WHERE attrelid = target AND attnum > 0 AND NOT attisdropped
$$;

-- what C reads by number and by name of the index
SELECT matches(pg_temp.columns('auth.users'),
	'^id email phone name password_hash email_verified_at phone_verified_at is_super_admin banned_until ', 'users: order of columns');
SELECT matches(pg_temp.columns('auth.sessions'), '^id user_id tenant_id expires_at revoked_at revoked_reason aal amr ', 'sessions: order of columns');
SELECT matches(pg_temp.columns('auth.memberships'), '^tenant_id user_id role unit_ids ', 'memberships: order of columns');
SELECT is(pg_temp.columns('auth.refresh_tokens'), 'token_hash session_id parent salt created_at expires_at generation',
	'refresh_tokens: order of columns');
SELECT is(pg_temp.columns('auth.' || name), columns, name || ': order of columns') FROM (VALUES
	('plans', 'name description is_default created_at'), ('features', 'name description metered created_at'), ('plan_features', 'plan feature quota period'),
	('subscriptions', 'tenant_id plan status ends_at external_customer_id external_subscription_id created_at updated_at'),
	('usage', 'tenant_id quota period_start used')) AS t (name, columns);
SELECT is(to_regclass('auth.' || name) IS NOT NULL, true, name)
	FROM unnest(ARRAY['users_pkey', 'sessions_pkey', 'memberships_pkey', 'refresh_tokens_pkey', 'refresh_tokens_parent_key',
		'tenants_pkey', 'plans_default_key', 'features_pkey', 'plan_features_pkey', 'subscriptions_pkey', 'usage_pkey']) AS name;

-- dump
CREATE TEMPORARY VIEW data_relations AS
	SELECT c.oid, c.relkind, c.oid::regclass::text AS name FROM pg_class AS c
	WHERE c.relnamespace = 'auth'::regnamespace AND c.relkind IN ('r', 'p', 'S')
		-- rows that stand for the last hour only, or wait to be imported
		AND c.relname NOT LIKE 'login_attempts%' AND c.relname NOT LIKE 'user_imports%';
SELECT is_empty($$
	SELECT name FROM data_relations
	WHERE oid <> ALL (SELECT unnest(extconfig) FROM pg_extension WHERE extname = 'intrex_auth')
$$, 'every table and sequence is dumped');
SELECT is_empty($$
	SELECT c.oid::regclass FROM pg_extension AS e, unnest(e.extconfig, e.extcondition) AS c (oid, condition)
	WHERE e.extname = 'intrex_auth' AND c.condition <> '' AND c.oid IN (SELECT oid FROM data_relations)
$$, 'with all rows');
WITH RECURSIVE reaches (origin, target) AS (
	SELECT conrelid, confrelid FROM pg_constraint WHERE contype = 'f' AND connamespace = 'auth'::regnamespace AND conrelid <> confrelid
	UNION
	SELECT r.origin, c.confrelid FROM reaches AS r JOIN pg_constraint AS c ON c.conrelid = r.target AND c.contype = 'f' AND c.conrelid <> c.confrelid)
SELECT is((SELECT count(*)::integer FROM reaches WHERE origin = target), 0, 'foreign keys form no cycle');
SELECT set_eq($$
	SELECT t.tgrelid::regclass::text AS relation, t.tgname::text AS name, t.tgenabled::text AS enabled FROM pg_trigger AS t
	JOIN pg_class AS c ON c.oid = t.tgrelid WHERE c.relnamespace = 'auth'::regnamespace AND NOT t.tgisinternal
$$, $$ SELECT 'auth.' || t AS relation, n AS name, 'A' AS enabled FROM unnest(ARRAY['users', 'sessions', 'memberships']) AS t, unnest(ARRAY['identity_changed', 'identity_truncated']) AS n
	UNION ALL SELECT 'auth.' || t, n, 'A' FROM unnest(ARRAY['resources', 'roles', 'role_permissions']) AS t, unnest(ARRAY['permissions_changed', 'permissions_truncated']) AS n
	UNION ALL SELECT 'auth.issuers', n, 'A' FROM unnest(ARRAY['issuer_changed', 'issuer_truncated']) AS n
	UNION ALL SELECT 'auth.memberships', 'owner_kept_' || n, 'A' FROM unnest(ARRAY['removed', 'changed', 'truncated']) AS n
	UNION ALL SELECT 'auth.roles', n,
		'A' FROM unnest(ARRAY['owner_role_kept_removed', 'owner_role_kept_changed', 'roles_owner_kept_truncated']) AS n
	UNION ALL SELECT c.oid::regclass::text, '!statement_begins', 'A' FROM pg_class AS c
		WHERE c.relnamespace = 'auth'::regnamespace AND c.relkind IN ('r', 'p')
	-- the server's own checks do not fire there
	UNION ALL SELECT DISTINCT conrelid::regclass::text, 'foreign_keys_checked', 'O' FROM pg_constraint
		WHERE contype = 'f' AND confrelid IN (SELECT oid FROM pg_class WHERE relnamespace = 'auth'::regnamespace)
			AND conrelid IN (SELECT oid FROM pg_class WHERE relnamespace = 'auth'::regnamespace) $$,
	'no trigger writes rows, and each but the checks of foreign keys fires in replicas too');
SELECT is_empty($$ SELECT name FROM data_relations WHERE relkind <> 'S' AND obj_description(oid, 'pg_class') IS NULL $$, 'every table has a comment');

-- privileges
SELECT is_empty($$
	SELECT r.name, role FROM data_relations AS r, unnest(ARRAY['anon', 'authenticated', 'auth_platform']) AS role
	WHERE r.relkind <> 'S' AND (has_table_privilege(role, r.oid, 'SELECT, INSERT, UPDATE, DELETE, TRUNCATE, REFERENCES, TRIGGER')
		OR has_any_column_privilege(role, r.oid, 'SELECT, INSERT, UPDATE, REFERENCES'))
$$, 'API roles have no privilege on any table');
SELECT is_empty($$
	SELECT r.name, role FROM data_relations AS r, unnest(ARRAY['anon', 'authenticated', 'auth_platform', 'auth_admin']) AS role
	WHERE r.relkind = 'S' AND has_sequence_privilege(role, r.oid, 'USAGE, SELECT, UPDATE')
$$, 'nor on any sequence');
SELECT is_empty($$
	SELECT r.name FROM data_relations AS r
	WHERE r.relkind <> 'S' AND r.name <> 'auth.protected_tables'
		AND (has_table_privilege('auth_admin', r.oid, 'INSERT, UPDATE, DELETE, TRUNCATE, TRIGGER')
			OR has_any_column_privilege('auth_admin', r.oid, 'INSERT, UPDATE'))
$$, 'auth_admin writes through functions only');
SELECT is(has_column_privilege('auth_admin', 'auth.users', 'password_hash', 'SELECT'), false, 'auth_admin reads no hash');
SELECT is(has_any_column_privilege('auth_admin', 'auth.' || name, 'SELECT'), false, 'auth_admin does not read ' || name)
	FROM unnest(ARRAY['refresh_tokens', 'secrets', 'personal_keys']) AS name;
SELECT is_empty($$ SELECT name FROM data_relations WHERE oid <> ALL (SELECT oid FROM pg_class WHERE relowner = 'auth_owner'::regrole) $$,
	'all belong to auth_owner');

-- what rows are refused
SELECT throws_ok($$ INSERT INTO auth.users (name) VALUES ('nobody') $$, '23514', NULL, 'a user without address and number');
INSERT INTO auth.users (id, email) VALUES ('00000000-0000-4000-8000-00000000000a', 'a@example.com'), ('00000000-0000-4000-8000-00000000000b', 'b@example.com');
SELECT throws_ok($$ INSERT INTO auth.users (email) VALUES ('a@example.com') $$, '23505', NULL, 'two users with one address');
INSERT INTO auth.tenants (id, name) VALUES ('00000000-0000-4000-8000-000000000001', 'One'), ('00000000-0000-4000-8000-000000000002', 'Two');
INSERT INTO auth.units (id, tenant_id, name) VALUES ('00000000-0000-4000-8000-000000000011', '00000000-0000-4000-8000-000000000001', 'North');
SELECT throws_ok($$ INSERT INTO auth.units (tenant_id, name) VALUES ('00000000-0000-4000-8000-000000000001', 'North') $$, '23505', NULL, 'two units of a tenant with one name');
SELECT throws_ok(format($$ INSERT INTO auth.memberships (tenant_id, user_id, role)
	VALUES ('00000000-0000-4000-8000-000000000001', '00000000-0000-4000-8000-00000000000a', %L) $$, role), '23514', NULL, 'role ' || translate(left(role, 20), E'\n', '~'))
	FROM unnest(ARRAY['', 'a b', '1a', repeat('a', 64), 'auth_platform', 'authenticated', E'a\n']) AS role;
INSERT INTO auth.memberships (tenant_id, user_id, role, is_default)
	VALUES ('00000000-0000-4000-8000-000000000001', '00000000-0000-4000-8000-00000000000a', 'owner', true);
SELECT throws_ok($$ INSERT INTO auth.memberships (tenant_id, user_id, role, is_default)
	VALUES ('00000000-0000-4000-8000-000000000002', '00000000-0000-4000-8000-00000000000a', 'owner', true) $$, '23505', NULL, 'two default tenants');

-- what goes with what
INSERT INTO auth.sessions (id, user_id, tenant_id) VALUES
	('00000000-0000-4000-8000-0000000000a1', '00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000001'),
	('00000000-0000-4000-8000-0000000000b1', '00000000-0000-4000-8000-00000000000b', '00000000-0000-4000-8000-000000000002');
INSERT INTO auth.refresh_tokens (token_hash, session_id, salt, created_at, expires_at) VALUES
	(sha256('a'), '00000000-0000-4000-8000-0000000000a1', '\x00', now(), now()), (sha256('b'), '00000000-0000-4000-8000-0000000000b1', '\x00', now(), now());
INSERT INTO auth.secrets (tenant_id, name, sealed) VALUES ('00000000-0000-4000-8000-000000000001', 'smtp', '\x00');
INSERT INTO auth.audit_log (event, outcome, user_id, tenant_id)
	VALUES ('test', 'success', '00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000001');
DELETE FROM auth.tenants WHERE id = '00000000-0000-4000-8000-000000000001';
SELECT is((SELECT count(*)::integer FROM auth.units WHERE tenant_id = '00000000-0000-4000-8000-000000000001')
	+ (SELECT count(*)::integer FROM auth.memberships WHERE tenant_id = '00000000-0000-4000-8000-000000000001')
	+ (SELECT count(*)::integer FROM auth.secrets WHERE tenant_id = '00000000-0000-4000-8000-000000000001'), 0, 'units, memberships and secrets go with their tenant');
SELECT is((SELECT tenant_id FROM auth.sessions WHERE id = '00000000-0000-4000-8000-0000000000a1'), NULL::uuid, 'its sessions are in no tenant');
SELECT is((SELECT count(*)::integer FROM auth.audit_log WHERE tenant_id = '00000000-0000-4000-8000-000000000001'), 1, 'the audit trail stays');
DELETE FROM auth.users WHERE id = '00000000-0000-4000-8000-00000000000a';
SELECT results_eq($$ SELECT token_hash FROM auth.refresh_tokens WHERE token_hash IN (sha256('a'), sha256('b')) $$, $$ SELECT sha256('b') $$,
	'sessions and refresh tokens go with their user, others stay');

SELECT * FROM finish();
ROLLBACK;
