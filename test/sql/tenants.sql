-- sql/60_tenants.sql and sql/62_members.sql: tenants, units and members.
\set ECHO none
\set QUIET 1
\pset format unaligned
\pset tuples_only true
\set VERBOSITY terse
SET client_min_messages = warning;

BEGIN;
SELECT plan(106);

-- What a role gets: the answer, or SQLSTATE and message; DETAIL must not be there.
CREATE FUNCTION pg_temp.attempt(role name, query text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	answer text;
	state text; message text; detail text;
BEGIN
	IF query IS NULL THEN
		RETURN NULL;
	END IF;
	EXECUTE format('SET LOCAL ROLE %I', role);
	EXECUTE query INTO answer;
	RESET ROLE;
	RETURN answer;
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL;
	RETURN concat_ws(' | ', state, message, nullif('DETAIL ' || nullif(detail, ''), ''));
END
$$;
CREATE FUNCTION pg_temp.admin(query text) RETURNS text LANGUAGE sql AS $$ SELECT pg_temp.attempt('auth_admin', query) $$;
-- An endpoint as its caller sees it: code of the refusal, or the answer.
CREATE FUNCTION pg_temp.call(query text) RETURNS text LANGUAGE sql AS $$
	SELECT coalesce(CASE WHEN a ~ '^{' THEN a::jsonb #>> '{error,code}' END, a) FROM pg_temp.attempt('authenticated', 'SELECT ' || query) AS a
$$;
CREATE FUNCTION pg_temp.u(n text) RETURNS uuid LANGUAGE sql SECURITY DEFINER AS $$ SELECT u.id FROM auth.users AS u WHERE u.email = n || '@example.com' $$;
CREATE FUNCTION pg_temp.t(n text) RETURNS uuid LANGUAGE sql SECURITY DEFINER AS $$ SELECT t.id FROM auth.tenants AS t WHERE t.name = n $$;
CREATE FUNCTION pg_temp.unit(n text) RETURNS uuid LANGUAGE sql SECURITY DEFINER AS $$ SELECT u.id FROM auth.units AS u WHERE u.name = n $$;
-- Sign a user in, as a login would; return what the database makes of him.
CREATE FUNCTION pg_temp.sign_in(who text, tenant text DEFAULT NULL) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	session uuid;
BEGIN
	INSERT INTO auth.sessions (user_id, tenant_id) VALUES (pg_temp.u(who), pg_temp.t(tenant)) RETURNING id INTO session;
	PERFORM auth.authenticate(auth.jwt_sign(jsonb_strip_nulls(jsonb_build_object('sub', pg_temp.u(who), 'session_id', session,
		'role', 'authenticated', 'tenant_id', pg_temp.t(tenant),
		'tenant_role', (SELECT m.role FROM auth.memberships AS m WHERE m.tenant_id = pg_temp.t(tenant) AND m.user_id = pg_temp.u(who))))));
	RETURN auth.tenant_role();
END
$$;

INSERT INTO auth.users (email) SELECT n || '@example.com' FROM unnest(ARRAY['ann', 'bob', 'cid', 'dan', 'eve']) AS n;

-- tenants
SELECT matches(pg_temp.admin($$ SELECT auth.tenant_create('  One ', pg_temp.u('ann')) $$), '^[0-9a-f-]{36}$', 'a tenant with an owner');
SELECT is((SELECT role FROM auth.memberships WHERE tenant_id = pg_temp.t('One') AND user_id = pg_temp.u('ann')), 'owner', 'who is its member');
SELECT matches(pg_temp.admin($$ SELECT auth.tenant_create('Two') $$), '^[0-9a-f-]{36}$', 'a tenant without');
SELECT matches(pg_temp.admin($$ SELECT auth.tenant_create('One') $$), '^[0-9a-f-]{36}$', 'names of tenants are not unique');
DELETE FROM auth.tenants AS t WHERE t.name = 'One' AND NOT EXISTS (SELECT FROM auth.memberships AS m WHERE m.tenant_id = t.id);
SELECT is(pg_temp.admin('SELECT ' || call), expected, call) FROM (VALUES
	($$auth.tenant_create(NULL)$$, '22023 | name is required'),
	($$auth.tenant_create('')$$, '22023 | name is not valid'),
	($$auth.tenant_create(repeat('x', 1000000))$$, '22023 | name is not valid'),
	($$auth.tenant_create(E'a\u202Eb')$$, '22023 | name is not valid'),
	($$auth.tenant_create('Three', gen_random_uuid())$$, 'P0002 | user not found'),
	($$auth.tenant_rename(NULL, 'x')$$, 'P0002 | tenant not found'),
	($$auth.tenant_rename(pg_temp.t('Two'), NULL)$$, '22023 | name is required'),
	($$auth.tenant_delete(NULL)$$, 'P0002 | tenant not found'),
	($$auth.tenant_delete(gen_random_uuid())$$, 'P0002 | tenant not found'),
	($$auth.unit_create(NULL, 'x')$$, 'P0002 | tenant not found'),
	($$auth.unit_create(pg_temp.t('Two'), repeat('x', 201))$$, '22023 | name is not valid'),
	($$auth.unit_rename(NULL, 'x')$$, 'P0002 | unit not found'),
	($$auth.unit_delete(gen_random_uuid())$$, 'P0002 | unit not found'),
	($$auth.member_add(NULL, NULL, NULL)$$, '22023 | role is not valid'),
	($$auth.member_add(pg_temp.t('One'), NULL, 'x')$$, 'P0002 | user not found'),
	($$auth.member_add(NULL, pg_temp.u('bob'), 'x')$$, 'P0002 | tenant not found'),
	($$auth.member_add(pg_temp.t('One'), pg_temp.u('bob'), '')$$, '22023 | role is not valid'),
	($$auth.member_add(pg_temp.t('One'), pg_temp.u('bob'), 'a-b')$$, '22023 | role is not valid'),
	($$auth.member_add(pg_temp.t('One'), pg_temp.u('bob'), repeat('x', 1000000))$$, '22023 | role is not valid'),
	($$auth.member_add(pg_temp.t('One'), pg_temp.u('bob'), 'auth_platform')$$, '22023 | role is not valid'),
	($$auth.member_add(pg_temp.t('One'), pg_temp.u('ann'), 'admin')$$, '23505 | the user is a member of this tenant already'),
	($$auth.member_update(pg_temp.t('One'), pg_temp.u('bob'), 'admin')$$, 'P0002 | member not found'),
	($$auth.member_update(NULL, NULL)$$, 'P0002 | tenant not found'),
	($$auth.member_remove(pg_temp.t('One'), pg_temp.u('bob'))$$, 'P0002 | member not found'),
	($$auth.member_remove(NULL, NULL)$$, 'P0002 | tenant not found')) AS c (call, expected);
SELECT is(pg_temp.admin($$ SELECT auth.tenant_rename(pg_temp.t('Two'), 'Deux') $$), '', 'tenant_rename');
SELECT isnt(pg_temp.t('Deux'), NULL, 'renames');

-- units
SELECT matches(pg_temp.admin(format('SELECT auth.unit_create(pg_temp.t(%L), %L)', tenant, name)), '^[0-9a-f-]{36}$', name)
	FROM (VALUES ('One', 'North'), ('One', 'South'), ('Deux', 'Other')) AS u (tenant, name);
SELECT is(pg_temp.admin($$ SELECT auth.unit_create(pg_temp.t('One'), 'North') $$), '23505 | a unit with this name exists already', 'two of one name');
SELECT is(pg_temp.admin($$ SELECT auth.unit_rename(pg_temp.unit('South'), 'North') $$), '23505 | a unit with this name exists already', 'nor by renaming');
SELECT is(pg_temp.admin($$ SELECT auth.unit_rename(pg_temp.unit('South'), 'Süd') $$), '', 'unit_rename');

-- members
SELECT is(pg_temp.admin($$ SELECT auth.member_add(pg_temp.t('One'), pg_temp.u('bob'), 'branch_manager',
	ARRAY[pg_temp.unit('Süd'), pg_temp.unit('North'), pg_temp.unit('North')]) $$), '', 'member_add');
SELECT is((SELECT unit_ids FROM auth.memberships WHERE user_id = pg_temp.u('bob')),
	ARRAY(SELECT id FROM auth.units WHERE tenant_id = pg_temp.t('One') ORDER BY id), 'units once each');
SELECT is(pg_temp.admin(format($$ SELECT auth.member_add(pg_temp.t('One'), pg_temp.u('cid'), 'operator', %s) $$, units)),
	expected, 'units refused: ' || units) FROM (VALUES
	('ARRAY[pg_temp.unit(''Other'')]', '22023 | unit_ids has units that the tenant does not have'),
	('ARRAY[gen_random_uuid()]', '22023 | unit_ids has units that the tenant does not have'),
	('ARRAY[pg_temp.unit(''North''), NULL]', '22023 | unit_ids has units that the tenant does not have'),
	('array_fill(gen_random_uuid(), ARRAY[2000])', '22023 | unit_ids has more than 1000 elements')) AS u (units, expected);
SELECT is(pg_temp.admin($$ SELECT auth.member_add(pg_temp.t('One'), pg_temp.u('cid'), 'ADMIN', NULL) $$), '', 'a member without units');
SELECT is(pg_temp.admin($$ SELECT auth.member_add(pg_temp.t('Deux'), pg_temp.u('dan'), 'viewer') $$), '', 'a member of the other tenant');
SELECT is(pg_temp.admin($$ SELECT auth.unit_delete(pg_temp.unit('Süd')) $$), '', 'unit_delete');
SELECT is((SELECT unit_ids FROM auth.memberships WHERE user_id = pg_temp.u('bob')), ARRAY[pg_temp.unit('North')], 'takes it out of memberships');
SELECT is(pg_temp.admin($$ SELECT auth.member_update(pg_temp.t('One'), pg_temp.u('bob'), 'operator') $$), '', 'member_update of the role');
SELECT is((SELECT concat_ws(' ', role, unit_ids) FROM auth.memberships WHERE user_id = pg_temp.u('bob')), 'operator {' || pg_temp.unit('North') || '}', 'leaves the units');
SELECT is(pg_temp.admin($$ SELECT auth.member_update(pg_temp.t('One'), pg_temp.u('bob'), unit_ids => '{}') $$), '', 'member_update of the units');
SELECT is((SELECT concat_ws(' ', role, unit_ids) FROM auth.memberships WHERE user_id = pg_temp.u('bob')), 'operator {}', 'leaves the role');
SELECT is(pg_temp.admin(format('SELECT auth.member_update(pg_temp.t(''One''), pg_temp.u(''bob''), %s)', arguments)), expected, 'member_update refused: ' || arguments) FROM (VALUES
	('''anon''', '22023 | role is not valid'), ('unit_ids => ARRAY[pg_temp.unit(''Other'')]', '22023 | unit_ids has units that the tenant does not have')) AS u (arguments, expected);

-- the last owner
SELECT is(pg_temp.admin('SELECT ' || call), '23001 | the tenant would lose its last owner', call) FROM unnest(ARRAY[
	$$auth.member_remove(pg_temp.t('One'), pg_temp.u('ann'))$$, $$auth.member_update(pg_temp.t('One'), pg_temp.u('ann'), 'admin')$$]) AS call;
SELECT is(pg_temp.admin($$ SELECT auth.member_update(pg_temp.t('One'), pg_temp.u('ann'), 'OWNER') $$), '', 'from owner to OWNER');
SELECT is(pg_temp.admin($$ SELECT auth.member_add(pg_temp.t('One'), pg_temp.u('eve'), 'owner') $$), '', 'a second owner');
SELECT is(pg_temp.admin($$ SELECT auth.member_update(pg_temp.t('One'), pg_temp.u('ann'), 'viewer') $$), '', 'the first may go');
SELECT is(pg_temp.admin($$ SELECT auth.member_remove(pg_temp.t('One'), pg_temp.u('eve')) $$), '23001 | the tenant would lose its last owner', 'the second not any more');
SELECT is(pg_temp.admin($$ SELECT auth.member_update(pg_temp.t('One'), pg_temp.u('ann'), 'owner') $$), '', 'owner again');
SELECT is(pg_temp.admin($$ SELECT auth.member_remove(pg_temp.t('Deux'), pg_temp.u('dan')) $$), '', 'a tenant that never had an owner');
SELECT is(pg_temp.admin($$ SELECT auth.member_add(pg_temp.t('Deux'), pg_temp.u('dan'), 'viewer') $$), '', 'back again');

-- endpoints: who may call them
SELECT is(pg_temp.attempt('anon', 'SELECT auth_api.' || call) LIKE '42501 | permission denied for %', true, 'anon may not: ' || call)
	FROM unnest(ARRAY['my_tenants()', 'members()', 'member_remove(NULL)']) AS call;
SELECT is(pg_temp.call('auth_api.' || call), 'no_authorization', 'without a token: ' || call)
	FROM unnest(ARRAY['my_tenants()', 'members()', 'member_remove(NULL)']) AS call;

-- my_tenants
SELECT is(pg_temp.sign_in('dan'), NULL, 'dan, in no tenant');
SELECT is(pg_temp.call('auth_api.my_tenants()')::jsonb, jsonb_build_object('tenants', jsonb_build_array(jsonb_build_object(
	'id', pg_temp.t('Deux'), 'name', 'Deux', 'role', 'viewer', 'unit_ids', '[]'::jsonb, 'is_default', false, 'is_current', false))), 'my_tenants');
SELECT is(pg_temp.call('auth_api.' || call), 'tenant_not_found', call) FROM unnest(ARRAY['members()', 'member_remove(pg_temp.u(''dan''))']) AS call;
SELECT is(pg_temp.sign_in('dan', 'Deux'), 'viewer', 'dan, in his tenant');
SELECT is(pg_temp.call('auth_api.my_tenants()')::jsonb #>> '{tenants,0,is_current}', 'true', 'my_tenants names the current one');
SELECT is(pg_temp.call('auth_api.' || call), 'insufficient_permissions', 'a viewer: ' || call) FROM unnest(ARRAY['members()', 'member_remove(pg_temp.u(''dan''))']) AS call;

-- members, member_remove
SELECT is(pg_temp.sign_in('bob', 'One'), 'operator', 'an operator');
SELECT is(pg_temp.call('auth_api.members()'), 'insufficient_permissions', 'does not manage members');
SELECT is(pg_temp.sign_in('cid', 'One'), 'ADMIN', 'an administrator of the tenant');
SELECT is(pg_temp.attempt('authenticated', $$ SELECT string_agg(m ->> 'email', ' ' ORDER BY m ->> 'email') FROM jsonb_array_elements(auth_api.members() -> 'members') AS m $$),
	'ann@example.com bob@example.com cid@example.com eve@example.com', 'sees the members of his tenant');
SELECT is(pg_temp.call('auth_api.members("limit" => 0)'), 'validation_failed', 'a page of nothing');
SELECT is(pg_temp.attempt('authenticated', $$ SELECT jsonb_array_length(p -> 'members') || ' ' || (auth_api.members((p ->> 'next')::uuid) ->> 'next' IS NULL)
	FROM auth_api.members(NULL, 3) AS p $$), '3 true', 'pages');
SELECT is(pg_temp.call('auth_api.member_remove(' || argument || ')'), expected, 'member_remove refused: ' || argument) FROM (VALUES
	('NULL', 'validation_failed'), ('gen_random_uuid()', 'member_not_found'), ('pg_temp.u(''dan'')', 'member_not_found'),
	('pg_temp.u(''ann'')', 'insufficient_permissions')) AS a (argument, expected);
SELECT is(pg_temp.call('auth_api.member_remove(pg_temp.u(''bob''))')::jsonb, jsonb_build_object('removed', pg_temp.u('bob')), 'member_remove');
SELECT is((SELECT count(*)::integer FROM auth.memberships WHERE user_id = pg_temp.u('bob')), 0, 'removes');
SELECT is((SELECT count(*)::integer FROM auth.memberships WHERE user_id = pg_temp.u('dan')), 1, 'not in another tenant');
SELECT is(pg_temp.sign_in('ann', 'One'), 'owner', 'an owner');
SELECT is(pg_temp.call('auth_api.member_remove(pg_temp.u(''eve''))')::jsonb ->> 'removed', pg_temp.u('eve')::text, 'removes another owner');
SELECT is(pg_temp.call('auth_api.member_remove(pg_temp.u(''ann''))'), 'last_owner', 'but not the last, himself');
SELECT is(current_setting('response.status'), '409', 'with 409');
SELECT is(pg_temp.sign_in('cid', 'One'), 'ADMIN', 'the administrator again');
SELECT is(pg_temp.call('auth_api.member_remove(pg_temp.u(''cid''))')::jsonb ->> 'removed', pg_temp.u('cid')::text, 'removes himself');
SELECT throws_ok('SELECT auth.tenant_id()', '28000', NULL, 'and his token is refused in the same transaction');
RESET intrex_auth.token;

-- tenant_delete
SELECT lives_ok($$ INSERT INTO auth.secrets (tenant_id, name, sealed) VALUES (pg_temp.t('One'), 'smtp', '\x00') $$, 'a secret');
CREATE TEMPORARY TABLE doomed AS SELECT pg_temp.t('One') AS id;
GRANT SELECT ON doomed TO auth_admin;
SELECT is(pg_temp.admin('SELECT auth.tenant_delete(id) FROM doomed'), '', 'tenant_delete');
SELECT is((SELECT count(*)::integer FROM doomed, LATERAL (SELECT tenant_id FROM auth.memberships UNION ALL SELECT tenant_id FROM auth.units
	UNION ALL SELECT tenant_id FROM auth.secrets UNION ALL SELECT tenant_id FROM auth.sessions UNION ALL SELECT t.id FROM auth.tenants AS t) AS x WHERE x.tenant_id = doomed.id), 0, 'leaves nothing');
CREATE TABLE public.regress_notes (tenant_id uuid REFERENCES auth.tenants, secret text);
INSERT INTO public.regress_notes VALUES (pg_temp.t('Deux'), 'row image');
SELECT is(pg_temp.admin($$ SELECT auth.tenant_delete(pg_temp.t('Deux')) $$), '23503 | the tenant is still referred to', 'a foreign key of the application');
DELETE FROM public.regress_notes;
CREATE TABLE public.regress_kept (tenant_id uuid REFERENCES auth.tenants ON DELETE RESTRICT, unit_id uuid REFERENCES auth.units ON DELETE RESTRICT, secret text);
INSERT INTO public.regress_kept VALUES (pg_temp.t('Deux'), NULL, 'row image');
SELECT is(pg_temp.admin($$ SELECT auth.tenant_delete(pg_temp.t('Deux')) $$), '23503 | the tenant is still referred to', 'one that restricts, with nothing but its name');
DELETE FROM public.regress_kept;
SELECT auth.unit_create(pg_temp.t('Deux'), 'kept') AS kept \gset
INSERT INTO public.regress_kept VALUES (NULL, :'kept', 'row image');
SELECT is(pg_temp.admin(format('SELECT auth.unit_delete(%L)', :'kept')), '23503 | the unit is still referred to', 'of a unit, too');
DELETE FROM public.regress_kept;
-- what a RESTRICT raises from 18 on, at any version
CREATE TABLE public.regress_watched (tenant_id uuid REFERENCES auth.tenants ON DELETE CASCADE, unit_id uuid REFERENCES auth.units ON DELETE CASCADE, secret text);
CREATE FUNCTION public.regress_restrict() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION USING ERRCODE = 'restrict_violation', MESSAGE = 'no', DETAIL = OLD.secret; END $$;
CREATE TRIGGER restrict BEFORE DELETE ON public.regress_watched FOR EACH ROW EXECUTE FUNCTION public.regress_restrict();
INSERT INTO public.regress_watched VALUES (pg_temp.t('Deux'), :'kept', 'row image');
SELECT is(pg_temp.admin($$ SELECT auth.tenant_delete(pg_temp.t('Deux')) $$), '23503 | the tenant is still referred to', 'nor is anything else of 23001 told');
SELECT is(pg_temp.admin(format('SELECT auth.unit_delete(%L)', :'kept')), '23503 | the unit is still referred to', 'of a unit neither');

-- the trail
SELECT is((SELECT string_agg(DISTINCT event, ' ') FROM auth.audit_log WHERE details ->> 'as_role' = 'auth_admin'),
	'member_add member_remove member_update tenant_create tenant_delete tenant_rename unit_create unit_delete unit_rename', 'every change of an administrator left a row');
SELECT is((SELECT string_agg(DISTINCT concat_ws(':', outcome, code), ' ') FROM auth.audit_log WHERE event = 'member_remove' AND details ? 'target'),
	'refused:insufficient_permissions refused:last_owner refused:member_not_found success', 'and so did the answers of the endpoint');

SELECT * FROM finish();
ROLLBACK;
