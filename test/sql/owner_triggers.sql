-- Triggers of tables that refer to ours run as the owner of their table, whatever statement or function of ours sets
-- them off, as any user who calls it; see src/writes.c and src/others.c.
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
SELECT plan(35);
\i :owner_triggers

-- every key of every table of ours: its row is deleted, by the owner of our tables and by a superuser -----------------
CREATE FUNCTION pg_temp.value(type regtype) RETURNS text LANGUAGE sql AS $$
	SELECT CASE
		WHEN type = 'uuid'::regtype THEN 'gen_random_uuid()'
		WHEN t.typcategory = 'N' THEN '1'
		WHEN t.typcategory = 'B' THEN 'true'
		WHEN t.typcategory = 'D' THEN quote_literal('2026-01-01')
		WHEN t.typcategory = 'A' THEN quote_literal('{}')
		ELSE quote_literal('key')
	END
	FROM pg_type AS t WHERE t.oid = type
$$;
CREATE FUNCTION pg_temp.row_of(target regclass) RETURNS text LANGUAGE sql AS $$
	SELECT format('INSERT INTO %s (%s) OVERRIDING SYSTEM VALUE VALUES (%s)', target,
		string_agg(quote_ident(a.attname), ', '),
		string_agg(pg_temp.value(a.atttypid), ', '))
	FROM pg_attribute AS a
	WHERE a.attrelid = target AND a.attnum > 0 AND NOT a.attisdropped
		AND ((a.attnotnull AND NOT a.atthasdef) OR EXISTS (
			SELECT FROM pg_constraint AS k WHERE k.conrelid = target AND k.contype IN ('p', 'u')
				AND a.attnum = ANY (k.conkey)))
$$;
CREATE FUNCTION pg_temp.keys() RETURNS TABLE (number bigint, target regclass, key name[]) LANGUAGE sql AS $$
	SELECT row_number() OVER (ORDER BY k.conrelid::regclass::text, k.conkey), k.conrelid::regclass,
		ARRAY(SELECT a.attname FROM unnest(k.conkey) WITH ORDINALITY AS c (attnum, place)
			JOIN pg_attribute AS a ON a.attrelid = k.conrelid AND a.attnum = c.attnum ORDER BY c.place)
	FROM pg_constraint AS k
	-- nothing can refer to a key that is deferrable
	WHERE k.connamespace = 'auth'::regnamespace AND k.contype IN ('p', 'u') AND NOT k.condeferrable
$$;
CREATE FUNCTION pg_temp.delete_key(name text, target regclass, key name[], role name) RETURNS text LANGUAGE plpgsql
	AS $$
DECLARE
	answer text;
	names CONSTANT text := (SELECT string_agg(quote_ident(k), ', ') FROM unnest(key) AS k);
	checked name;
BEGIN
	BEGIN
		-- any row will do
		FOR checked IN SELECT c.conname FROM pg_constraint AS c WHERE c.conrelid = target AND c.contype = 'c' LOOP
			EXECUTE format('ALTER TABLE %s DROP CONSTRAINT %I', target, checked);
		END LOOP;
		SET LOCAL session_replication_role = replica;
		EXECUTE format('DELETE FROM %s', target);
		EXECUTE pg_temp.row_of(target);
		EXECUTE format('INSERT INTO owner_triggers.%I SELECT %s FROM %s', name, names, target);
		SET LOCAL session_replication_role = origin;
		DELETE FROM owner_triggers.ran;
		EXECUTE format('SET LOCAL ROLE %I', role);
		EXECUTE format('DELETE FROM %s', target);
		RESET ROLE;
		answer := pg_temp.ran_as(name);
		RAISE EXCEPTION USING ERRCODE = 'PTAP0';
	EXCEPTION WHEN SQLSTATE 'PTAP0' THEN
		RETURN answer;
	END;
EXCEPTION WHEN OTHERS THEN
	RETURN SQLSTATE || ' ' || SQLERRM;
END
$$;
SELECT pg_temp.refer('key_' || number, target, key) FROM pg_temp.keys() \g /dev/null
SELECT cmp_ok(count(*), '>=', 34::bigint, 'our tables have keys that others can refer to') FROM pg_temp.keys();
SELECT is_empty(format($$
	SELECT k.target, k.key, d.ran FROM pg_temp.keys() AS k,
		pg_temp.delete_key('key_' || k.number, k.target, k.key, %L) AS d (ran)
	WHERE d.ran <> 'intrex_auth_test_owner 5'
$$, role), 'what refers to any of them, when the row is deleted by ' || CASE role WHEN 'auth_owner' THEN role
ELSE 'a superuser' END)
	FROM (VALUES ('auth_owner'::name), (session_user)) AS r (role);
SELECT format('DROP TABLE owner_triggers.%I', 'key_' || number) FROM pg_temp.keys() \gexec

-- functions, called by those who may ----------------------------------------------------------------------------------
SELECT pg_temp.refer(name, target, key) FROM (VALUES
	('of_members', 'auth.memberships'::regclass, '{tenant_id,user_id}'::name[]), ('of_users', 'auth.users', '{id}'),
	('of_emails', 'auth.users', '{email}'), ('of_tenants', 'auth.tenants', '{id}'), ('of_units', 'auth.units', '{id}'),
	('of_sessions', 'auth.sessions', '{id}'), ('of_tokens', 'auth.refresh_tokens', '{token_hash}'),
	('of_roles', 'auth.roles', '{id}'),
	('of_plans', 'auth.plans', '{name}'), ('of_features', 'auth.features', '{name}'),
	('of_plan_features', 'auth.plan_features', '{plan,feature}'),
	('of_subscriptions', 'auth.subscriptions', '{tenant_id}'),
	('of_usage', 'auth.usage', '{tenant_id,quota,period_start}'),
	('of_resources', 'auth.resources', '{name}'),
	('of_permissions', 'auth.role_permissions', '{role_id,resource,action}'),
	('of_assignments', 'auth.assignments', '{tenant_id,user_id,subject_id}'),
	('of_invitations', 'auth.invitations', '{id}'),
	('of_secrets', 'auth.secrets', '{tenant_id,name}'), ('of_purposes', 'auth.consent_purposes', '{name}'),
	('of_keys', 'auth.personal_keys', '{user_id}')) AS r (name, target, key) \g /dev/null
-- every row of ours has one of the owner's
CREATE FUNCTION pg_temp.follow() RETURNS void LANGUAGE plpgsql AS $$
DECLARE
	one record;
BEGIN
	FOR one IN
		SELECT k.conrelid::regclass AS name, k.confrelid::regclass AS target,
			(SELECT string_agg(quote_ident(a.attname), ', ' ORDER BY a.attnum) FROM pg_attribute AS a
				WHERE a.attrelid = k.conrelid AND a.attnum > 0) AS columns
		FROM pg_constraint AS k WHERE k.contype = 'f' AND k.connamespace = 'owner_triggers'::regnamespace
	LOOP
		EXECUTE format('INSERT INTO %1$s SELECT %2$s FROM %3$s EXCEPT SELECT * FROM %1$s', one.name, one.columns,
			one.target);
	END LOOP;
	DELETE FROM owner_triggers.ran;
END
$$;
-- Call as a role, with the token of a grant or none, and go back to where it was.
CREATE FUNCTION pg_temp.set_off(name text, role name, expression text, grant_ jsonb DEFAULT NULL) RETURNS text
	LANGUAGE plpgsql AS $$
DECLARE
	answer text;
	called text;
BEGIN
	PERFORM pg_temp.follow();
	PERFORM set_config('intrex_auth.token', coalesce(grant_ ->> 'access_token', ''), true);
	EXECUTE format('SET LOCAL ROLE %I', role);
	EXECUTE 'SELECT ' || expression INTO called;
	RESET ROLE;
	answer := pg_temp.ran_as(name);
	IF called LIKE '%"error"%' THEN
		answer := called;
	END IF;
	RAISE EXCEPTION USING ERRCODE = 'PTAP0';
EXCEPTION WHEN SQLSTATE 'PTAP0' THEN
	RETURN answer;
WHEN OTHERS THEN
	RETURN SQLSTATE || ' ' || SQLERRM;
END
$$;
SELECT pg_temp.user_(n) FROM unnest(ARRAY['ann', 'bob', 'eve']) AS n \g /dev/null
SELECT pg_temp.tenant('north', 'ann', 'bob', 'eve'), auth.member_update(pg_temp.t('north'), pg_temp.u('ann'), 'owner')
	\g /dev/null
SELECT auth.unit_create(pg_temp.t('north'), 'unit') AS unit \gset
SELECT auth.role_create('oc_role', 5), auth.resource_create('oc_things', ARRAY['read', 'update']),
	auth.permission_set('oc_role', 'oc_things', 'read', 'tenant'), auth.plan_create('oc_plan'),
	auth.feature_create('oc_feature', true),
	auth.plan_feature_set('oc_plan', 'oc_feature', 5), auth.plan_create('oc_other_plan'),
	auth.subscription_set(pg_temp.t('north'), 'oc_other_plan'),
	auth.assignment_add(pg_temp.t('north'), pg_temp.u('bob'), pg_temp.u('eve')),
	auth.secret_store(pg_temp.t('north'), 'oc_secret', 'x'),
	auth.consent_purpose_set('oc_purpose', 'x') \g /dev/null
SELECT pg_temp.login('ann@accounts.example', pg_temp.t('north')) AS ann,
	pg_temp.login('bob@accounts.example', pg_temp.t('north')) AS bob \gset
SELECT pg_temp.call('refresh(' || quote_literal(:'bob'::jsonb ->> 'refresh_token') || ')') AS bob \gset
SELECT auth.authenticate(:'ann'::jsonb ->> 'access_token') \g /dev/null
SELECT pg_temp.call('invite(''guest@owner-triggers.example'', ''owner'')', 'authenticated') \g /dev/null
SELECT set_config('intrex_auth.token', '', true) \g /dev/null
INSERT INTO auth.sessions (user_id, revoked_at, revoked_reason, created_at)
	SELECT u.id, '2020-01-01', 'logout', '2020-01-01' FROM auth.users AS u WHERE u.email = 'bob@accounts.example';

SELECT is(pg_temp.set_off(name, role, format(expression, pg_temp.t('north'), pg_temp.u('bob'), :'unit',
	pg_temp.u('eve')), token),
	'intrex_auth_test_owner 5', format('%s: rows %s', split_part(expression, '(', 1) || CASE WHEN role = session_user
		THEN ', by a superuser' ELSE '' END, name))
FROM (VALUES
	(1, 'of_members', 'authenticated'::name, 'auth_api.member_remove(%2$L)', :'ann'::jsonb),
	(2, 'of_members', session_user, 'auth.member_remove(%1$L, %2$L)', NULL),
	(3, 'of_members', 'auth_admin', 'auth.member_remove(%1$L, %2$L)', NULL),
	(4, 'of_members', 'authenticated', 'auth_api.leave_tenant()', :'bob'),
	(5, 'of_users', 'auth_admin', 'auth.user_delete(%2$L)', NULL),
	(6, 'of_users', session_user, 'auth.user_delete(%2$L)', NULL),
	(7, 'of_emails', 'auth_admin', 'auth.user_update(%2$L, email => ''new@accounts.example'')', NULL),
	(8, 'of_emails', session_user, 'auth.user_update(%2$L, email => ''new@accounts.example'')', NULL),
	(9, 'of_sessions', 'auth_admin', 'auth.user_delete(%2$L)', NULL),
	(10, 'of_tokens', 'auth_admin', 'auth.user_delete(%2$L)', NULL),
	(11, 'of_tenants', 'auth_admin', 'auth.tenant_delete(%1$L)', NULL),
	(12, 'of_tenants', session_user, 'auth.tenant_delete(%1$L)', NULL),
	(13, 'of_units', 'auth_admin', 'auth.unit_delete(%3$L)', NULL),
	(14, 'of_units', 'auth_admin', 'auth.tenant_delete(%1$L)', NULL),
	(15, 'of_secrets', 'auth_admin', 'auth.secret_delete(%1$L, ''oc_secret'')', NULL),
	(16, 'of_sessions', 'auth_admin', 'auth.cleanup(1000)', NULL),
	(17, 'of_sessions', session_user, 'auth.cleanup(1000)', NULL),
	(18, 'of_roles', 'auth_admin', 'auth.role_delete(''oc_role'')', NULL),
	(19, 'of_permissions', 'auth_admin', 'auth.role_delete(''oc_role'')', NULL),
	(20, 'of_plans', 'auth_admin', 'auth.plan_delete(''oc_plan'')', NULL),
	(21, 'of_plan_features', 'auth_admin', 'auth.plan_delete(''oc_plan'')', NULL),
	(22, 'of_features', 'auth_admin', 'auth.feature_delete(''oc_feature'')', NULL),
	(23, 'of_subscriptions', 'auth_admin', 'auth.subscription_remove(%1$L)', NULL),
	(24, 'of_resources', 'auth_admin', 'auth.resource_delete(''oc_things'')', NULL),
	(25, 'of_permissions', 'auth_admin', 'auth.permission_remove(''oc_role'', ''oc_things'', ''read'')', NULL),
	(26, 'of_assignments', 'auth_admin', 'auth.assignment_remove(%1$L, %2$L, %4$L)', NULL),
	(27, 'of_assignments', 'auth_admin', 'auth.member_remove(%1$L, %2$L)', NULL),
	(28, 'of_invitations', 'auth_admin', 'auth.tenant_delete(%1$L)', NULL),
	(29, 'of_purposes', 'auth_admin', 'auth.consent_purpose_remove(''oc_purpose'')', NULL),
	(30, 'of_users', 'auth_admin', 'auth.user_erase(%2$L)', NULL),
	(31, 'of_members', session_user, 'auth.user_erase(%2$L)', NULL),
	(32, 'of_users', 'authenticated', 'auth_api.delete_my_account(''password of bob'')', :'bob')) AS f (n, name, role,
	expression, token) ORDER BY n;

SELECT * FROM finish();
ROLLBACK;
