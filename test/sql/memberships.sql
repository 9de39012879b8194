-- Members: whose role lets whom list, change and remove whom, ownership, and the trail
-- of it; sql/66_manage_members.sql and sql/61_owner_kept.sql.
-- Calls also auth_api.admin_user_ban, auth_api.admin_user_unban.
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
SELECT plan(267);

-- What an endpoint answers to somebody: the code of the refusal, with its status, or the answer.
CREATE FUNCTION pg_temp.call(who text, query text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	answer text;
BEGIN
	PERFORM set_config('response.status', '', true);
	answer := people.answer(who, 'SELECT auth_api.' || query);
	PERFORM people.become('');
	IF answer LIKE '{%' AND answer::jsonb ? 'error' THEN
		RETURN concat_ws(' ', nullif(current_setting('response.status'), ''), answer::jsonb #>> '{error,code}',
			CASE WHEN answer::jsonb #>> '{error,code}' = 'validation_failed' THEN ': ' || (answer::jsonb #>> '{error,message}') END);
	END IF;
	RETURN answer;
END
$$;
CREATE FUNCTION pg_temp.change(who text, target text, role text, units text DEFAULT 'NULL') RETURNS text LANGUAGE sql AS $$
	SELECT CASE WHEN a LIKE '{%' THEN a::jsonb ->> 'role' ELSE a END
	FROM pg_temp.call(who, format('member_role(%L, %L, %s)', people.id(target), role, units)) AS a
$$;
CREATE FUNCTION pg_temp.remove(who text, target text) RETURNS text LANGUAGE sql AS $$
	SELECT CASE WHEN a LIKE '{%' THEN 'removed' ELSE a END FROM pg_temp.call(who, format('member_remove(%L)', people.id(target))) AS a
$$;
CREATE FUNCTION pg_temp.role_of(who text, tenant text DEFAULT 'north') RETURNS text LANGUAGE sql AS $$
	SELECT m.role FROM auth.memberships AS m WHERE m.user_id = people.id(who) AND m.tenant_id = people.id(tenant)
$$;
CREATE FUNCTION pg_temp.attempt(query text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE query;
	SET CONSTRAINTS ALL IMMEDIATE;
	SET CONSTRAINTS ALL DEFERRED;
	RETURN 'ok';
EXCEPTION WHEN OTHERS THEN
	RETURN SQLSTATE || ' ' || SQLERRM;
END
$$;
-- What it would do; then it is undone.
CREATE FUNCTION pg_temp.undone(query text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	answer text;
BEGIN
	answer := pg_temp.attempt(query);
	RAISE EXCEPTION USING ERRCODE = 'PTAP0', MESSAGE = answer;
EXCEPTION WHEN SQLSTATE 'PTAP0' THEN
	RETURN SQLERRM;
END
$$;
CREATE FUNCTION pg_temp.would(who text, query text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	answer text;
BEGIN
	answer := pg_temp.call(who, query);
	RAISE EXCEPTION USING ERRCODE = 'PTAP0', MESSAGE = coalesce(CASE WHEN answer LIKE '{%' THEN 'ok' ELSE answer END, 'nothing');
EXCEPTION WHEN SQLSTATE 'PTAP0' THEN
	RETURN SQLERRM;
END
$$;

-- Names: no role of members is known -------------------------------------------
SELECT people.add('olga', 'owner') \g /dev/null
SELECT people.add('adam', 'admin') \g /dev/null
SELECT people.add('vic', 'viewer') \g /dev/null
SELECT is(auth._owner_role(), 'owner', 'names: the owner is called owner');
SELECT is(pg_temp.change('adam', 'vic', 'editor'), 'editor', 'names: an admin changes a viewer');
SELECT is(pg_temp.change('adam', 'vic', 'owner'), '403 insufficient_permissions', 'names: but makes no owner');
SELECT is(pg_temp.change('adam', 'olga', 'viewer'), '403 insufficient_permissions', 'names: nor unmakes one');
SELECT is(pg_temp.change('vic', 'adam', 'viewer'), '403 insufficient_permissions', 'names: an editor changes nobody');
SELECT is(pg_temp.change('olga', 'vic', 'a b'), '400 validation_failed : role is not known', 'names: what cannot be a name');
SELECT is(pg_temp.change('olga', 'vic', 'auth_platform'), '400 validation_failed : role is not known', 'names: nor a database role');
SELECT is(pg_temp.change('olga', 'vic', 'Owner'), 'Owner', 'names: an owner makes one, however he writes it');
SELECT is(pg_temp.call('olga', format('tenant_transfer(%L)', people.id('adam')))::jsonb ->> 'role', 'admin', 'names: who transfers becomes an admin');
SELECT is(pg_temp.role_of('adam'), 'owner', 'names: and the other one owner');

-- A preset: the owners by name get its role -------------------------------------
SELECT set_has($$SELECT object, statement FROM auth.use_preset('unipulse')$$, $$VALUES ('members', 'the owners of tenants have the role OWNER')$$, 'a preset takes the owners over');
SELECT is(pg_temp.role_of(who), role, who || ': ' || role) FROM (VALUES ('adam', 'OWNER'), ('vic', 'OWNER'), ('olga', 'admin')) AS v (who, role);
SELECT auth.tenant_create('New', people.id('olga')) AS new \gset
SELECT is((SELECT m.role FROM auth.memberships AS m WHERE m.tenant_id = :'new'), 'OWNER', 'a new tenant has an OWNER');
SELECT is((SELECT name FROM auth.resources WHERE is_members), 'members', 'and members decides about members');

SELECT people.add(w, r, 'team') FROM (VALUES ('own', 'OWNER'), ('adm', 'ADMIN'), ('adm2', 'ADMIN'), ('edi', 'EDITOR'), ('view', 'VIEWER'), ('cli', 'CLIENT'), ('old', 'operator')) AS v (w, r) \g /dev/null
SELECT people.add('far', 'OWNER', 'elsewhere') \g /dev/null
SELECT people.add('sue', 'CLIENT', 'team', '{}', true) \g /dev/null
SELECT people.add('out', NULL, '') \g /dev/null

-- who may call at all
SELECT is(pg_temp.call('', call), '42501 permission denied for function ' || split_part(call, '(', 1), 'nobody: ' || call) FROM unnest(ARRAY[
	'members()', 'member_role(NULL, NULL)', 'member_remove(NULL)', 'leave_tenant()', 'tenant_transfer(NULL)']) AS call;
SELECT is(pg_temp.call('out', call), '404 tenant_not_found', 'in no tenant: ' || call) FROM unnest(ARRAY[
	'members()', 'member_role(NULL, NULL)', 'member_remove(NULL)', 'leave_tenant()', 'tenant_transfer(NULL)']) AS call;
SELECT is(pg_temp.call(who, call), '403 insufficient_permissions', who || ': ' || call) FROM unnest(ARRAY['edi', 'view', 'cli', 'old']) AS who, unnest(ARRAY[
	'members()', 'member_role(NULL, NULL)', 'member_remove(NULL)', 'tenant_transfer(NULL)']) AS call;
SELECT is(pg_temp.call('adm', call), '400 validation_failed : ' || message, call) FROM (VALUES
	('member_role(NULL, ''ADMIN'')', 'user_id is required'),
	(format('member_role(%L, NULL)', people.id('edi')), 'role is required'),
	(format('member_role(%L, %L)', people.id('edi'), ''), 'role is not known'),
	(format('member_role(%L, %L)', people.id('edi'), 'EDITER'), 'role is not known'),
	(format('member_role(%L, %L)', people.id('edi'), 'editor'), 'role is not known'),
	(format('member_role(%L, repeat(''x'', 1000000))', people.id('edi')), 'role is not known'),
	(format('member_role(%L, ''EDITOR'', ARRAY[%L::uuid])', people.id('edi'), people.id('no unit')), 'unit_ids has units that the tenant does not have'),
	(format('member_role(%L, ''EDITOR'', ARRAY[NULL::uuid])', people.id('edi')), 'unit_ids has units that the tenant does not have'),
	(format('member_role(%L, ''EDITOR'', array_fill(gen_random_uuid(), ARRAY[1001]))', people.id('edi')), 'unit_ids has more than 1000 elements'),
	('member_remove(NULL)', 'user_id is required'),
	('members("limit" => 1001)', 'limit must be from 1 to 1000')) AS v (call, message);
SELECT is(pg_temp.call('adm', call), '404 member_not_found', call) FROM unnest(ARRAY[
	format('member_role(%L, ''VIEWER'')', people.id('far')), format('member_role(%L, ''VIEWER'')', people.id('nobody')), format('member_remove(%L)', people.id('far'))]) AS call;

-- Nobody grants, changes or removes above his own rank: every pair.
SELECT is(pg_temp.would(who, format('member_role(%L, %L)', people.id(target), role)),
		CASE WHEN level >= target_level AND level >= role_level THEN
			CASE WHEN target = 'own' AND role <> 'OWNER' THEN '409 last_owner' ELSE 'ok' END
		ELSE '403 insufficient_permissions' END, format('%s makes %s %s', who, target, role))
	FROM (VALUES ('own', 5), ('adm', 4), ('edi', 0), ('cli', 0)) AS w (who, level),
		(VALUES ('own', 5), ('adm2', 4), ('edi', 3), ('view', 2), ('cli', 1), ('old', 0)) AS t (target, target_level),
		(VALUES ('OWNER', 5), ('ADMIN', 4), ('EDITOR', 3), ('CLIENT', 1)) AS r (role, role_level);
SELECT is(pg_temp.would(who, format('member_remove(%L)', people.id(target))),
		CASE WHEN level < target_level THEN '403 insufficient_permissions' WHEN target = 'own' THEN '409 last_owner' ELSE 'ok' END, format('%s removes %s', who, target))
	FROM (VALUES ('own', 5), ('adm', 4), ('view', -1)) AS w (who, level),
		(VALUES ('own', 5), ('adm2', 4), ('edi', 3), ('cli', 1), ('old', 0)) AS t (target, target_level);
SELECT is(pg_temp.would('adm', format('member_role(%L, %L)', people.id('adm'), role)), answer, 'adm makes himself ' || role)
	FROM (VALUES ('OWNER', '403 insufficient_permissions'), ('ADMIN', 'ok'), ('CLIENT', 'ok')) AS v (role, answer);
SELECT is(pg_temp.would('sue', format('member_role(%L, %L)', people.id('adm'), 'OWNER')), 'ok', 'a platform administrator has no rank to mind');
SELECT is(pg_temp.would('sue', format('member_remove(%L)', people.id('own'))), '409 last_owner', 'but leaves the last owner');

-- what is refused and done is in the trail
SELECT pg_temp.change('adm', 'own', 'VIEWER') \g /dev/null
SELECT is((SELECT concat_ws(' ', a.event, a.outcome, a.code, a.details ->> 'role_before', a.details ->> 'role', a.details ->> 'target' = people.id('own')::text, a.user_id = people.id('adm'), a.tenant_id = people.id('team'))
	FROM auth.audit_log AS a ORDER BY a.id DESC LIMIT 1), 'member_role refused insufficient_permissions OWNER VIEWER t t t', 'a refusal in the trail');
SELECT is(pg_temp.change('adm', 'view', 'EDITOR'), 'EDITOR', 'an admin makes an editor');
SELECT is((SELECT concat_ws(' ', a.event, a.outcome, a.details ->> 'role_before', a.details ->> 'role') FROM auth.audit_log AS a ORDER BY a.id DESC LIMIT 1),
	'member_role success VIEWER EDITOR', 'in the trail');
SELECT is(pg_temp.role_of('view', 'team'), 'EDITOR', 'he is one');
SELECT is(people.answer('view', $$SELECT auth.can('content', 'create')$$), 'true', 'and may what editors may');
SELECT count(*) AS before FROM auth.audit_log \gset
SELECT is(pg_temp.change('adm', 'view', 'EDITOR'), 'EDITOR', 'again');
SELECT is((SELECT count(*) FROM auth.audit_log), :before::bigint, 'changes nothing');
SELECT is(pg_temp.remove('adm', 'old'), 'removed', 'a role that is none any more can go');
SELECT is(pg_temp.would('adm', format('member_role(%L, ''VIEWER'')', people.id('old'))), '404 member_not_found', 'and has gone');

-- a permission that is taken away bites; aal2 as its condition
SELECT auth.permission_set('ADMIN', 'members', 'delete', 'tenant', ARRAY['aal2']) \g /dev/null
SELECT is(pg_temp.would('adm', format('member_remove(%L)', people.id('cli'))), '403 insufficient_permissions', 'removing demands aal2');
SELECT auth.permission_remove('ADMIN', 'members', 'write') \g /dev/null
SELECT is(pg_temp.would('adm', format('member_role(%L, ''VIEWER'')', people.id('cli'))), '403 insufficient_permissions', 'changing is not his any more');
SELECT is(pg_temp.would('adm', 'members()'), 'ok', 'listing is');
SELECT auth.permission_deny('ADMIN', 'members', 'read') \g /dev/null
SELECT is(pg_temp.would('adm', 'members()'), '403 insufficient_permissions', 'until it is denied');
SELECT auth.permission_set('ADMIN', 'members', a, 'tenant') FROM unnest(ARRAY['read', 'write', 'delete']) AS a \g /dev/null

-- grants
UPDATE auth.roles SET grants = ARRAY['VIEWER', 'CLIENT'] WHERE name = 'ADMIN';
SELECT is(pg_temp.would('adm', format('member_role(%L, %L)', people.id(target), role)), answer, format('with grants: %s becomes %s', target, role)) FROM (VALUES
	('cli', 'VIEWER', 'ok'), ('cli', 'EDITOR', '403 insufficient_permissions'), ('edi', 'VIEWER', '403 insufficient_permissions')) AS v (target, role, answer);
SELECT is(pg_temp.would('adm', format('member_remove(%L)', people.id(target))), answer, format('with grants: removes %s', target)) FROM (VALUES
	('cli', 'ok'), ('edi', '403 insufficient_permissions')) AS v (target, answer);
UPDATE auth.roles SET grants = '{}' WHERE name = 'ADMIN';
SELECT is(pg_temp.would('adm', format('member_role(%L, ''VIEWER'')', people.id('cli'))), '403 insufficient_permissions', 'with no grants at all');
UPDATE auth.roles SET grants = ARRAY['OWNER'] WHERE name = 'ADMIN';
SELECT is(pg_temp.would('adm', format('member_role(%L, ''OWNER'')', people.id('cli'))), '403 insufficient_permissions', 'grants name no owner who is not made by one');
UPDATE auth.roles SET grants = NULL WHERE name = 'ADMIN';

-- roles of one tenant
SELECT auth.role_create('chief', 45, people.id('team')) \g /dev/null
SELECT auth.role_create('helper', 5, people.id('team')) \g /dev/null
SELECT is(pg_temp.would('adm', format('member_role(%L, %L)', people.id('cli'), role)), answer, 'a role of the tenant: ' || role)
	FROM (VALUES ('chief', '403 insufficient_permissions'), ('helper', 'ok')) AS v (role, answer);
SELECT is(pg_temp.would('far', format('member_role(%L, ''helper'')', people.id('far'))), '400 validation_failed : role is not known', 'is none of another');
SELECT is(pg_temp.attempt(format('SELECT auth.member_add(%L, %L, ''helper'')', people.id('elsewhere'), people.id('out'))), '22023 role is not known', 'nor for administrators');
SELECT is(pg_temp.attempt(format('SELECT auth.member_add(%L, %L, %L)', people.id('team'), people.id('out'), role)), answer, 'member_add: ' || role) FROM (VALUES
	('OWNR', '22023 role is not known'), ('owner', '22023 role is not known'), ('helper', 'ok')) AS v (role, answer);
SELECT is(pg_temp.attempt(format('SELECT auth.member_update(%L, %L, %L)', people.id('team'), people.id('out'), role)), answer, 'member_update: ' || role) FROM (VALUES
	('VIEWR', '22023 role is not known'), ('VIEWER', 'ok')) AS v (role, answer);
SELECT throws_ok(format('SELECT auth.role_delete(''VIEWER'')'), '23503', NULL, 'a role that members have stays');

-- leaving
SELECT is(pg_temp.call('own', 'leave_tenant()'), '409 last_owner', 'the last owner cannot leave');
SELECT is(pg_temp.call('edi', 'leave_tenant()')::jsonb ->> 'left', people.id('team')::text, 'an editor can');
SELECT throws_ok($$SELECT people.become('edi')$$, '28000', 'invalid token', 'and is no member any more');
SELECT is((SELECT concat_ws(' ', event, outcome, user_id = people.id('edi'), tenant_id = people.id('team')) FROM auth.audit_log ORDER BY id DESC LIMIT 1), 'tenant_leave success t t', 'in the trail');
SELECT auth.assignment_add(people.id('team'), people.id('cli'), gen_random_uuid()) \g /dev/null
SELECT is(pg_temp.remove('own', 'cli'), 'removed', 'who was assigned to something is removed');
SELECT is((SELECT count(*)::int FROM auth.assignments WHERE user_id = people.id('cli')), 0, 'and the assignment with him');

-- transfer
SELECT is(pg_temp.call('own', format('tenant_transfer(%s)', argument)), '400 validation_failed : ' || message, 'transfer: ' || message) FROM (VALUES
	('NULL', 'user_id is required'), (quote_literal(people.id('own')), 'user_id is the owner already'),
	(quote_literal(people.id('view')) || ', ''OWNER''', 'role is that of the owner'), (quote_literal(people.id('view')) || ', ''nothing''', 'role is not known')) AS v (argument, message);
SELECT is(pg_temp.call('own', format('tenant_transfer(%L)', people.id('far'))), '404 member_not_found', 'transfer: to a stranger');
SELECT is(pg_temp.call('adm', format('tenant_transfer(%L)', people.id('view'))), '403 insufficient_permissions', 'transfer: by an admin');
SELECT is(pg_temp.call('sue', format('tenant_transfer(%L)', people.id('view'))), '403 insufficient_permissions', 'transfer: by a platform administrator who owns nothing');
SELECT auth.user_ban(people.id('view')) \g /dev/null
SELECT is(pg_temp.call('own', format('tenant_transfer(%L)', people.id('view'))), '409 user_banned', 'transfer: to somebody banned');
SELECT auth.user_unban(people.id('view')) \g /dev/null
SELECT is(pg_temp.call('own', format('tenant_transfer(%L)', people.id('view')))::jsonb, jsonb_build_object('tenant_id', people.id('team'), 'owner', people.id('view'), 'role', 'ADMIN'), 'transfer');
SELECT is(pg_temp.role_of('view', 'team') || ' ' || pg_temp.role_of('own', 'team'), 'OWNER ADMIN', 'they have changed places');
SELECT lives_ok('SET CONSTRAINTS ALL IMMEDIATE', 'and there is an owner');
SET CONSTRAINTS ALL DEFERRED;
SELECT is(pg_temp.call('own', format('tenant_transfer(%L)', people.id('adm'))), '403 insufficient_permissions', 'who has stepped down transfers no more');
SELECT is(pg_temp.call('view', format('tenant_transfer(%L, ''CLIENT'')', people.id('own')))::jsonb ->> 'role', 'CLIENT', 'with the role that he wants');

-- Units: a manager of units does not reach beyond them --------------------------
SELECT auth.role_create('lead', 25) \g /dev/null
SELECT auth.permission_set('lead', 'members', a, 'unit') FROM unnest(ARRAY['read', 'write', 'delete']) AS a \g /dev/null
SELECT people.add('uown', 'OWNER', 'house') \g /dev/null
SELECT people.add('lea', 'lead', 'house', ARRAY['east', 'west']) \g /dev/null
SELECT people.add('ea', 'VIEWER', 'house', ARRAY['east']) \g /dev/null
SELECT people.add('so', 'VIEWER', 'house', ARRAY['south']) \g /dev/null
SELECT people.add('both', 'VIEWER', 'house', ARRAY['east', 'south']) \g /dev/null
SELECT people.add('none', 'VIEWER', 'house') \g /dev/null
SELECT is((SELECT string_agg(m ->> 'email', ' ' ORDER BY m ->> 'email') FROM jsonb_array_elements(pg_temp.call('lea', 'members()')::jsonb -> 'members') AS m),
	'both@people.example ea@people.example lea@people.example', 'lists those of his units, and himself');
SELECT is(pg_temp.would('lea', format('member_role(%L, ''CLIENT'')', people.id(who))), answer, 'lead changes ' || who) FROM (VALUES
	('ea', 'ok'), ('so', '403 insufficient_permissions'), ('both', '403 insufficient_permissions'), ('none', '403 insufficient_permissions'), ('uown', '403 insufficient_permissions')) AS v (who, answer);
SELECT is(pg_temp.would('lea', format('member_remove(%L)', people.id(who))), answer, 'lead removes ' || who) FROM (VALUES
	('ea', 'ok'), ('so', '403 insufficient_permissions'), ('both', '403 insufficient_permissions'), ('none', '403 insufficient_permissions'), ('lea', 'ok')) AS v (who, answer);
SELECT is(pg_temp.would('lea', format('member_role(%L, ''VIEWER'', %s)', people.id('ea'), units)), answer, 'lead binds to ' || what) FROM (VALUES
	('his other unit', format('ARRAY[%L::uuid]', people.id('west')), 'ok'),
	('a foreign one', format('ARRAY[%L::uuid]', people.id('south')), '403 insufficient_permissions'),
	('his and a foreign one', format('ARRAY[%L, %L]::uuid[]', people.id('west'), people.id('south')), '403 insufficient_permissions'),
	('none', '''{}''', '403 insufficient_permissions')) AS v (what, units, answer);
SELECT is(pg_temp.would('lea', format('member_role(%L, ''lead'', ARRAY[%L::uuid])', people.id('lea'), people.id('south'))), '403 insufficient_permissions', 'lead binds himself no wider');
SELECT is(pg_temp.would('uown', format('member_role(%L, ''VIEWER'', ARRAY[%L::uuid])', people.id('ea'), people.id('south'))), 'ok', 'who manages the tenant binds to any');
SELECT is(pg_temp.call('uown', format('member_role(%L, ''VIEWER'', ARRAY[%L, %L]::uuid[])', people.id('ea'), people.id('west'), people.id('west')))::jsonb -> 'unit_ids', jsonb_build_array(people.id('west')), 'once each');

-- without a resource of members owners manage them
SELECT auth.members_resource_set(NULL) \g /dev/null
SELECT is(pg_temp.would(who, 'members()'), answer, 'no resource of members: ' || who) FROM (VALUES ('adm', '403 insufficient_permissions'), ('own', 'ok'), ('lea', '403 insufficient_permissions'), ('sue', 'ok')) AS v (who, answer);
SELECT throws_ok($$SELECT auth.members_resource_set('membrs')$$, '42704', 'there is no resource "membrs"', 'a resource that is not there');
SELECT auth.members_resource_set('settings') \g /dev/null
SELECT is((SELECT string_agg(name, ' ') FROM auth.resources WHERE is_members), 'settings', 'another one');
SELECT auth.members_resource_set('analytics') \g /dev/null
SELECT is((SELECT string_agg(name, ' ') FROM auth.resources WHERE is_members), 'analytics', 'instead of it');
SELECT is(pg_temp.would('lea', 'members()'), '403 insufficient_permissions', 'decides');
SELECT auth.members_resource_set('members') \g /dev/null

-- A tenant keeps an owner, whatever SQL says -------------------------------------
SET CONSTRAINTS ALL IMMEDIATE;
SET CONSTRAINTS ALL DEFERRED;
SELECT is(pg_temp.undone(query), answer, query) FROM (VALUES
	(format('DELETE FROM auth.memberships WHERE user_id = %L', people.id('uown')), '23001 the tenant would lose its last owner'),
	(format('UPDATE auth.memberships SET role = ''ADMIN'' WHERE user_id = %L', people.id('uown')), '23001 the tenant would lose its last owner'),
	(format('UPDATE auth.memberships SET tenant_id = %L WHERE user_id = %L', people.id('team'), people.id('uown')), '23001 the tenant would lose its last owner'),
	(format('DELETE FROM auth.users WHERE id = %L', people.id('uown')), '23001 the tenant would lose its last owner'),
	('TRUNCATE auth.memberships', '23001 tenants would lose their last owners'),
	('DELETE FROM auth.roles WHERE name = ''OWNER''', 'ok'),
	('UPDATE auth.roles SET name = ''BOSS'' WHERE name = ''OWNER''', '23001 members have the role that owns their tenants'),
	('UPDATE auth.roles SET is_owner = false WHERE name = ''OWNER''', 'ok'),
	('UPDATE auth.roles SET is_owner = false WHERE name = ''OWNER''; UPDATE auth.roles SET is_owner = true WHERE name = ''ADMIN''', '23001 members have the role that owns their tenants'),
	('UPDATE auth.roles SET name = ''BOSS'' WHERE name = ''OWNER''; UPDATE auth.memberships SET role = ''BOSS'' WHERE role = ''OWNER''', 'ok'),
	(format('UPDATE auth.memberships SET user_id = %L WHERE user_id = %L', people.id('out'), people.id('uown')), 'ok'),
	(format('DELETE FROM auth.memberships WHERE user_id = %L; INSERT INTO auth.memberships (tenant_id, user_id, role) VALUES (%L, %L, ''OWNER'')', people.id('uown'), people.id('house'), people.id('out')), 'ok'),
	(format('DELETE FROM auth.tenants WHERE id = %L', people.id('house')), 'ok'),
	(format('DELETE FROM auth.users WHERE id = %L; DELETE FROM auth.tenants WHERE id = %L', people.id('uown'), people.id('house')), 'ok'),
	(format('UPDATE auth.memberships SET unit_ids = ''{}'', is_default = true WHERE user_id = %L', people.id('uown')), 'ok'),
	(format('SET LOCAL session_replication_role = replica; DELETE FROM auth.memberships WHERE user_id = %L', people.id('uown')), '23001 the tenant would lose its last owner'),
	(format('SELECT auth.user_delete(%L)', people.id('uown')), '23001 the user is the last owner of a tenant'),
	(format('SELECT auth.tenant_delete(%L)', people.id('house')), 'ok')) AS v (query, answer);
SELECT is(pg_temp.undone(format('INSERT INTO auth.memberships (tenant_id, user_id, role) SELECT %L, %L, ''VIEWER''; DELETE FROM auth.memberships WHERE user_id = %L',
	auth.tenant_create('Never owned'), people.id('out'), people.id('out'))), 'ok', 'a tenant that never had an owner needs none');
SELECT is(pg_temp.undone(format('SELECT auth.user_ban(%L)', people.id('uown'))), 'ok', 'a banned owner is an owner');

SELECT * FROM finish();
ROLLBACK;

-- TRUNCATE asks for no events; and a preset without members leaves names as they are
BEGIN;
SELECT plan(11);
SELECT auth.user_create('trunc@people.example') AS trunc \gset
SELECT auth.tenant_create('trunc', :'trunc') AS tenant \gset
SELECT throws_ok('TRUNCATE auth.memberships', '23001', 'tenants would lose their last owners', 'TRUNCATE of memberships while there are tenants');
SELECT throws_ok('TRUNCATE auth.users CASCADE', '23001', 'tenants would lose their last owners', 'also by way of users');
SELECT lives_ok('TRUNCATE auth.tenants CASCADE', 'with the tenants it can be');
SELECT isnt_empty($$SELECT * FROM auth.use_preset('neonpro')$$, 'neonpro');
SELECT is(auth._owner_role(), 'clinic_admin', 'who creates a clinic is its clinic_admin');
SELECT auth.user_create('cleo@people.example') AS cleo, auth.user_create('carl@people.example') AS carl \gset
SELECT auth.tenant_create('clinic', :'cleo') AS clinic \gset
SELECT is((SELECT m.role FROM auth.memberships AS m WHERE m.tenant_id = :'clinic'), 'clinic_admin', 'of this one, too');
SELECT throws_ok(format('SELECT auth.member_add(%L, %L, %L)', :'clinic', :'carl', 'admin'), '22023', 'role is not known', 'the role of the platform is no member''s');
SELECT is((SELECT count(*)::int FROM auth.resources WHERE is_members), 0, 'owners manage members there');
SET CONSTRAINTS ALL IMMEDIATE;
SELECT throws_ok('TRUNCATE auth.roles CASCADE', '23001', 'members have the role that owns their tenants', 'TRUNCATE of roles while members have one that owns');
SELECT is(auth_api.register('reg@people.example', 'a long enough password', tenant_name => 'Registered') #>> '{user,role}', 'clinic_admin', 'who registers a clinic, too');
SELECT is((SELECT count(*)::int FROM auth.memberships WHERE role = 'owner'), 0, 'nobody is just owner');
SELECT * FROM finish();
ROLLBACK;

BEGIN;
SELECT plan(3);
SELECT isnt_empty($$SELECT * FROM auth.use_preset('chalvien')$$, 'chalvien');
SELECT is(auth._owner_role(), 'owner', 'has no roles of members: names');
SELECT is(auth._role_known(gen_random_uuid(), 'anything'), true, 'any');
SELECT * FROM finish();
ROLLBACK;

-- A role of one's own that owns tenants
BEGIN;
SELECT plan(31);
\i :include
SELECT people.add('olga', 'owner') \g /dev/null
SELECT people.add('otto', 'Owner', 'south') \g /dev/null
SELECT people.add('adam', 'admin') \g /dev/null
SELECT auth.role_create('worker', 30) \g /dev/null
SELECT auth.role_create('head', 50, people.id('south')) \g /dev/null
SELECT throws_ok(statement, state, message, name) FROM (VALUES
	('one of a tenant', format('SELECT auth.role_create(''chief'', 100, %L, is_owner => true)', people.id('north')), '22023', 'a role of one tenant cannot be that of owners'),
	('neither true nor false', 'SELECT auth.role_create(''chief'', 100, is_owner => NULL)', '22023', 'is_owner must be true or false'),
	('one below a role of all', 'SELECT auth.role_create(''chief'', 29, is_owner => true)', '22023', 'the role that owns tenants must rank as high as any'),
	('one below a role of a tenant', 'SELECT auth.role_create(''chief'', 49, is_owner => true)', '22023', 'the role that owns tenants must rank as high as any'),
	('one whose name is taken', 'SELECT auth.role_create(''worker'', 100, is_owner => true)', '23505', 'a role of this name exists already')) AS v (name, statement, state, message);
SELECT is(auth._is_owner('owner'), true, 'until then those who are called so own');
SET ROLE auth_admin;
SELECT auth.role_create('chief', 50, is_owner => true, description => 'The one who decides') \g /dev/null
RESET ROLE;
SELECT is(auth._owner_role(), 'chief', 'who creates a tenant is its chief');
SELECT is(auth._is_owner('owner'), false, 'the name is one as any other');
SELECT is((SELECT string_agg(m.role, ' ' ORDER BY m.user_id = people.id('olga'), m.user_id = people.id('otto')) FROM auth.memberships AS m WHERE m.user_id IN (people.id('olga'), people.id('otto'), people.id('adam'))),
	'admin chief chief', 'who owned a tenant by name owns it as chief, whatever the name was written like');
SET CONSTRAINTS ALL IMMEDIATE;
SELECT is((SELECT count(*)::int FROM auth.tenants AS t WHERE NOT auth._has_owner(t.id, NULL)), 0, 'no tenant is without');
SET CONSTRAINTS ALL DEFERRED;
SELECT is((SELECT concat_ws(' ', event, details - 'as_role' - 'by_role') FROM auth.audit_log ORDER BY id DESC LIMIT 1), 'role_create {"rank": 50, "role": "chief", "is_owner": true}', 'in the trail');
SELECT throws_ok('SELECT auth.role_create(''boss'', 51)', '22023', 'no role ranks above the one that owns tenants', 'a role above the owners''');
SELECT throws_ok(format('SELECT auth.role_create(''boss'', 51, %L)', people.id('south')), '22023', 'no role ranks above the one that owns tenants', 'in one tenant');
SELECT lives_ok(format('SELECT auth.role_create(''peer'', 50, %L)', people.id('south')), 'one as high');
SELECT throws_ok(format('SELECT auth.role_update(''peer'', 51, tenant_id => %L)', people.id('south')), '22023', 'no role ranks above the one that owns tenants', 'nor by a change');
SELECT throws_ok('SELECT auth.role_update(''chief'', 49)', '22023', 'the role that owns tenants must rank as high as any', 'of either');
SELECT lives_ok(format('SELECT auth.role_update(''chief'', 60), auth.role_update(''peer'', 60, tenant_id => %L)', people.id('south')), 'both grow');
SELECT lives_ok(format('SELECT auth.role_update(''peer'', 50, tenant_id => %L), auth.role_update(''chief'', 50)', people.id('south')), 'and shrink');
SELECT is((SELECT string_agg(name || rank, ' ' ORDER BY name) FROM auth.roles WHERE rank = 50 AND name IN ('chief', 'peer')), 'chief50 peer50', 'as before');
SELECT throws_ok('SELECT auth.role_create(''boss'', 100, is_owner => true)', '23505', 'there is a role that owns tenants already', 'a second one');
SELECT throws_ok('SELECT * FROM auth.use_preset(''neonpro'')', '42710', 'these exist already: role chief, which owns tenants', 'nor by a preset that has one');
SAVEPOINT chief;
UPDATE auth.memberships SET role = 'worker' WHERE role = 'chief';
UPDATE auth.roles SET is_owner = false WHERE is_owner;
UPDATE auth.roles SET rank = 70 WHERE name = 'peer';
SELECT throws_ok('SELECT * FROM auth.use_preset(''neonpro'')', '42710', 'these exist already: role peer, which ranks above clinic_admin', 'nor by a preset whose owners would rank lower');
ROLLBACK TO chief;
SELECT isnt_empty('SELECT * FROM auth.use_preset(''chalvien'')', 'one that has none');
SELECT is(people.answer('olga', format('SELECT auth_api.member_role(%L, ''chief'') ->> ''role''', people.id('adam'))), 'chief', 'a chief makes a chief');
SELECT is(people.answer('olga', format('SELECT auth_api.member_role(%L, ''worker'') ->> ''role''', people.id('adam'))), 'worker', 'and unmakes one');
SELECT is(people.answer('adam', format('SELECT auth_api.member_role(%L, ''chief'') #>> ''{error,code}''', people.id('adam'))), 'insufficient_permissions', 'others do not');
SELECT is(people.answer('olga', 'SELECT auth_api.leave_tenant() #>> ''{error,code}'''), 'last_owner', 'the last one cannot leave');
SELECT throws_ok('SELECT auth.role_delete(''chief'')', '23503', '2 members have this role', 'nor can the role be deleted');
SELECT is((SELECT concat_ws(' ', kind, tenant_id, description) FROM auth.roles WHERE is_owner), 'member The one who decides', 'it is a role of all tenants');
SELECT is(has_function_privilege(r, 'auth.role_create(text, integer, uuid, text[], text, boolean)', 'EXECUTE'), r = 'auth_admin', r) FROM unnest(ARRAY['authenticated', 'auth_admin']) AS r;
SELECT * FROM finish();
ROLLBACK;
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT plan(3);
SELECT throws_ok('SELECT auth.role_create(''chief'', 100, is_owner => true)', '55000', 'this needs a transaction at READ COMMITTED', 'an old snapshot would miss owners');
SELECT throws_ok('SELECT * FROM auth.use_preset(''neonpro'')', '55000', 'this needs a transaction at READ COMMITTED', 'of a preset, too');
SELECT throws_ok('SELECT auth.role_create(''chief'', 100)', '55000', 'this needs a transaction at READ COMMITTED', 'and whether they rank higher');
SELECT * FROM finish();
ROLLBACK;
