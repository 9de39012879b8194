-- Resources, roles and permissions: who may do what, on which rows, and how that is
-- changed; policies of auth.protect with a resource.
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
SELECT plan(168);

SELECT auth.resource_create('notes', ARRAY['read', 'create', 'update', 'delete', 'publish']) \g /dev/null
SELECT auth.resource_create('papers', ARRAY['read', 'write', 'delete', 'admin']) \g /dev/null
SELECT auth.role_create(r, n) FROM (VALUES ('boss', 50), ('manager', 40), ('worker', 30), ('owner_of_notes', 20), ('nothing', 10), ('odd', 5)) AS v (r, n) \g /dev/null
SELECT auth.permission_set('boss', 'notes', a, 'tenant') FROM unnest(ARRAY['read', 'create', 'update', 'delete', 'publish']) AS a \g /dev/null
SELECT auth.permission_set('manager', 'notes', a, 'unit') FROM unnest(ARRAY['read', 'create', 'update']) AS a \g /dev/null
SELECT auth.permission_set('worker', 'notes', 'read', 'assigned') \g /dev/null
SELECT auth.permission_set('worker', 'notes', 'update', 'assigned', columns => ARRAY['status']) \g /dev/null
SELECT auth.permission_set('owner_of_notes', 'notes', a, 'own') FROM unnest(ARRAY['read', 'create', 'update', 'delete']) AS a \g /dev/null

SELECT people.add('bea', 'boss') \g /dev/null
SELECT people.add('max', 'manager', units => ARRAY['east', 'west']) \g /dev/null
SELECT people.add('max2', 'manager') \g /dev/null
SELECT people.add('wil', 'worker') \g /dev/null
SELECT people.add('own', 'owner_of_notes') \g /dev/null
SELECT people.add('nil', 'nothing') \g /dev/null
SELECT people.add('lost', 'a_role_that_is_not_there') \g /dev/null
SELECT people.add('far', 'boss', 'south') \g /dev/null
SELECT people.add('sue', NULL, '', '{}', true) \g /dev/null
SELECT people.add('out', NULL, '') \g /dev/null

-- scope, can
SELECT is(people.answer(who, $$SELECT coalesce(auth.scope('notes', 'read'), 'none')$$), scope, who || ' reads: ' || scope)
	FROM (VALUES ('bea', 'tenant'), ('max', 'unit'), ('wil', 'assigned'), ('own', 'own'), ('nil', 'none'), ('lost', 'none'),
		('far', 'tenant'), ('sue', 'platform'), ('out', 'none'), ('', 'none')) AS v (who, scope);
SELECT is(people.answer(who, $$SELECT auth.can('notes', 'delete')$$), can, who || ' can delete: ' || can)
	FROM (VALUES ('bea', 'true'), ('max', 'false'), ('own', 'true'), ('sue', 'true'), ('', 'false')) AS v (who, can);
SELECT is(people.answer(who, format('SELECT auth.scope_ids(''notes'', ''read'', %L)', scope)), ids, format('scope_ids: %s, %s', coalesce(nullif(who, ''), 'nobody'), scope))
	FROM (VALUES ('max', 'unit', (SELECT unit_ids::text FROM auth.memberships WHERE user_id = people.id('max'))), ('max', 'assigned', NULL), ('bea', 'unit', NULL), ('own', 'assigned', NULL),
		('nil', 'unit', NULL), ('sue', 'unit', NULL), ('', 'unit', NULL), ('bea', 'tenant', '22023 rows of this scope do not bear one of several ids')) AS v (who, scope, ids);
SELECT is(people.answer('wil', 'SELECT auth.scope_ids(''notes'', ''read'', ''assigned'')'), people.answer('wil', 'SELECT auth.assigned_ids()'), 'scope_ids: of assignments');
SELECT is(people.answer('bea', $$SELECT auth.can('note', 'read')$$), '42704 there is no resource "note"', 'a resource that is not there');
SELECT is(people.answer('bea', $$SELECT auth.can('notes', 'reed')$$), '42704 there is no action "reed" on resource "notes"', 'an action that is not there');
SELECT is(people.answer('', $$SELECT auth.can('note', 'read')$$), '42704 there is no resource "note"', 'a typing error is one for nobody, too');
SELECT is(people.answer('bea', format('SELECT auth.can(%L, ''read'')', repeat('n', 1000))), '42704 there is no resource "' || repeat('n', 63) || '"', 'a long one');
SELECT is(auth.scope(NULL, 'read'), NULL, 'NULL resource');
SELECT is(auth.can('notes', NULL), NULL, 'NULL action');
SELECT is(auth.scope_id('notes', 'read', NULL), NULL, 'NULL scope');
SELECT is(people.answer(who, format('SELECT auth.scope_id(''notes'', ''read'', %L)', scope)), CASE WHEN whose <> '' THEN people.id(whose)::text END, format('scope_id: %s, %s', who, scope))
	FROM (VALUES ('bea', 'tenant', 'north'), ('bea', 'own', ''), ('wil', 'assigned', 'wil'), ('wil', 'tenant', ''), ('own', 'own', 'own'), ('own', 'assigned', ''), ('nil', 'own', ''), ('sue', 'tenant', ''), ('', 'tenant', '')) AS v (who, scope, whose);
SELECT is(people.answer('max', $$SELECT auth.scope_id('notes', 'read', 'unit')$$), '22023 rows of this scope have no id in common', 'scope_id: a scope of many ids');

-- write is create and update, admin is all; a denial is before all
SELECT auth.permission_set('odd', 'papers', 'write', 'own') \g /dev/null
SELECT people.add('odd', 'odd') \g /dev/null
CREATE FUNCTION pg_temp.odd(action text) RETURNS text LANGUAGE sql AS $$ SELECT people.answer('odd', format('SELECT coalesce(auth.scope(''papers'', %L), ''none'')', action)) $$;
SELECT is(pg_temp.odd('write'), 'own', 'write');
SELECT is(pg_temp.odd('read'), 'none', 'does not read');
SELECT auth.permission_set('odd', 'papers', 'admin', 'unit') \g /dev/null
SELECT is(pg_temp.odd('admin'), 'unit', 'admin');
SELECT is(pg_temp.odd('read'), 'unit', 'is read');
SELECT is(pg_temp.odd('delete'), 'unit', 'and delete');
SELECT is(pg_temp.odd('write'), 'unit', 'the widest scope counts');
SELECT auth.permission_deny('odd', 'papers', 'delete') \g /dev/null
SELECT is(pg_temp.odd('delete'), 'none', 'what is denied is denied');
SELECT is(pg_temp.odd('read'), 'unit', 'and nothing else');
SELECT auth.permission_deny('odd', 'papers', 'admin') \g /dev/null
SELECT is(pg_temp.odd('admin'), 'none', 'admin denied');
SELECT is(pg_temp.odd('write'), 'own', 'leaves what is allowed by itself');
SELECT auth.permission_deny('odd', 'papers', 'write') \g /dev/null
SELECT auth.permission_set('odd', 'papers', 'admin', 'tenant') \g /dev/null
SELECT is(pg_temp.odd('write'), 'none', 'write denied');
SELECT auth.permission_remove('odd', 'papers', 'write') \g /dev/null
SELECT is(pg_temp.odd('write'), 'tenant', 'a denial removed');

-- conditions
SELECT auth.permission_set('odd', 'papers', 'admin', 'tenant', ARRAY['aal2']) \g /dev/null
SELECT is(pg_temp.odd('read'), 'none', 'a condition that does not hold');
SELECT is(people.answer('odd', $$SELECT auth.scope('papers', 'read')$$, 'aal2'), 'tenant', 'one that holds');
SELECT auth.permission_set('odd', 'papers', 'read', 'own') \g /dev/null
SELECT is(pg_temp.odd('read'), 'own', 'what needs none is left');
SELECT is(people.answer('odd', $$SELECT auth.scope('papers', 'read')$$, 'aal2'), 'tenant', 'and is widened by one that holds');
SELECT throws_ok($$SELECT auth.permission_set('odd', 'papers', 'read', 'own', ARRAY['full moon'])$$, '22023', 'condition is not valid', 'a condition that is none');
SELECT throws_ok($$SELECT auth.permission_set('odd', 'papers', 'read', 'own', ARRAY['consent:ai_interacton'])$$, '22023', 'unknown purpose of a consent', 'a purpose that is a typing error');
SELECT throws_ok($$SELECT auth.permission_set('odd', 'papers', 'read', 'own', ARRAY['feature:moon'])$$, '42704', 'unknown feature', 'a feature that is one');
SELECT auth.feature_create('moon'), auth.consent_purpose_set('moonlight'), auth.permission_set('odd', 'papers', 'read', 'own', ARRAY['feature:moon', 'consent:moonlight']) \g /dev/null
SELECT throws_ok($$SELECT auth.feature_delete('moon')$$, '23503', 'a permission requires it', 'a feature stays while a permission requires it');
SELECT throws_ok($$SELECT auth.consent_purpose_remove('moonlight')$$, '23503', 'a permission requires it', 'and so does a purpose');
SELECT is(pg_temp.odd('read'), 'none', 'both missing');
SELECT auth.permission_set('odd', 'papers', 'read', 'own') \g /dev/null
SELECT lives_ok($$SELECT auth.feature_delete('moon'), auth.consent_purpose_remove('moonlight')$$, 'when none does any more they go');

-- ranks
SELECT is(people.answer(who, format('SELECT auth.has_rank(%L)', role)), has, format('%s has the rank of %s: %s', who, role, has))
	FROM (VALUES ('bea', 'boss', 'true'), ('bea', 'worker', 'true'), ('max', 'boss', 'false'), ('max', 'manager', 'true'), ('lost', 'odd', 'false'),
		('sue', 'boss', 'true'), ('out', 'odd', 'false'), ('', 'odd', 'false')) AS v (who, role, has);
SELECT is(people.answer('bea', $$SELECT auth.has_rank('bos')$$), '42704 there is no role "bos"', 'a role that is not there');
SELECT auth.role_create(repeat('x', 63), 1) \g /dev/null
SELECT is(people.answer('bea', $$SELECT auth.has_rank(repeat('x', 63))$$), 'true', 'a name as long as can be');
SELECT is(people.answer('bea', $$SELECT auth.has_rank(repeat('x', 64))$$), format('42704 there is no role "%s"', repeat('x', 63)), 'one that is longer is not that, cut off');

-- roles of one tenant
SELECT auth.role_create('helper', 35, people.id('north')) \g /dev/null
SELECT auth.permission_set('helper', 'notes', 'read', 'tenant', tenant_id => people.id('north')) \g /dev/null
SELECT people.add('hal', 'helper') \g /dev/null
SELECT people.add('fay', 'helper', 'south') \g /dev/null
SELECT is(people.answer('hal', $$SELECT auth.scope('notes', 'read')$$), 'tenant', 'a role of the tenant');
SELECT is(people.answer('hal', $$SELECT auth.has_rank('worker')$$), 'true', 'has a rank');
SELECT is(people.answer('fay', $$SELECT auth.scope('notes', 'read')$$), NULL, 'is none in another tenant');
SELECT is(people.answer('fay', $$SELECT auth.has_rank('helper')$$), '42704 there is no role "helper"', 'nor known there');
SELECT throws_ok($$SELECT auth.role_create('boss', 1, people.id('north'))$$, '23505', 'a role of this name exists already', 'a tenant cannot change the meaning of a role of all');
SELECT throws_ok($$SELECT auth.role_create('helper', 1)$$, '23505', 'a role of this name exists already', 'nor the other way round');
SELECT throws_ok($$SELECT auth.role_create('boss', 1)$$, '23505', 'a role of this name exists already', 'nor twice');
SELECT throws_ok($$SELECT auth.role_create('x', 1, people.id('nowhere'))$$, 'P0002', 'tenant not found', 'a tenant that is not there');
SELECT throws_ok($$SELECT auth.role_create(NULL, 1)$$, '22023', 'role is not valid', 'no name');
SELECT throws_ok($$SELECT auth.role_create('auth_platform', 1)$$, '22023', 'role is not valid', 'a reserved one');
SELECT throws_ok($$SELECT auth.role_create('x', -1)$$, '22023', 'rank must be from 0 to 1000', 'a negative rank');
SELECT throws_ok($$SELECT auth.role_create('x', NULL)$$, '22023', 'rank must be from 0 to 1000', 'no rank');
-- what a role is, changed
SELECT lives_ok($$SELECT auth.role_update('helper', 36, ARRAY['worker', 'helper'], 'Helps', people.id('north'))$$, 'role_update');
SELECT is((SELECT concat_ws(' ', rank, grants, description) FROM auth.roles WHERE name = 'helper'), '36 {worker,helper} Helps', 'changes what is said');
SELECT is((SELECT concat_ws(' ', event, tenant_id = people.id('north'), details - ARRAY['as_role', 'by_role', 'by_user']) FROM auth.audit_log ORDER BY id DESC LIMIT 1),
	'role_update t {"rank": 36, "role": "helper", "grants": ["worker", "helper"]}', 'is in the trail');
SELECT lives_ok($$SELECT auth.role_update('helper', tenant_id => people.id('north'))$$, 'and nothing else');
SELECT is((SELECT concat_ws(' ', rank, grants, description) FROM auth.roles WHERE name = 'helper'), '36 {worker,helper} Helps', 'as it was');
SELECT is(auth._may_grant(people.id('north'), 'helper', role), may, 'a helper grants ' || role || ': ' || may)
	FROM (VALUES ('worker', true), ('helper', true), ('odd', false), ('manager', false)) AS v (role, may);
SELECT lives_ok($$SELECT auth.role_update('helper', 50, tenant_id => people.id('north'), grants_all => true)$$, 'grants_all');
SELECT is(auth._may_grant(people.id('north'), 'helper', role), may, 'then ' || role || ': ' || may) FROM (VALUES ('manager', true), ('worker', true)) AS v (role, may);
SELECT is(people.answer('hal', $$SELECT auth.has_rank('manager')$$), 'true', 'a new rank counts at once');
SELECT throws_ok(statement, state, message, name) FROM (VALUES
	('a rank too high', $$SELECT auth.role_update('boss', 1001)$$, '22023', 'rank must be from 0 to 1000'),
	('a role that is not there', $$SELECT auth.role_update('bos', 10)$$, 'P0002', 'role not found'),
	('no name', $$SELECT auth.role_update(NULL, 10)$$, 'P0002', 'role not found'),
	('one of a tenant, of all', $$SELECT auth.role_update('helper', 10)$$, 'P0002', 'role not found'),
	('these and all', $$SELECT auth.role_update('boss', grants => ARRAY['worker'], grants_all => true)$$, '22023', 'a role grants these or all'),
	('grants that are a typing error', $$SELECT auth.role_update('boss', grants => ARRAY['worker', 'wroker'])$$, '42704', 'there is no role "wroker"'),
	('in a new role', $$SELECT auth.role_create('x', 1, grants => ARRAY['wroker'])$$, '42704', 'there is no role "wroker"'),
	('NULL among them', $$SELECT auth.role_create('x', 1, grants => ARRAY['worker', NULL])$$, '22023', 'grants are not valid'),
	('a list in a list', $$SELECT auth.role_create('x', 1, grants => '{{worker},{worker}}')$$, '22023', 'grants are not valid'),
	('what another tenant has', $$SELECT auth.role_create('x', 1, people.id('south'), ARRAY['helper'])$$, '42704', 'there is no role "helper"')
	) AS v (name, statement, state, message);
SELECT auth.role_create('temporary', 1), auth.role_update('boss', grants => ARRAY['temporary', 'helper']) \g /dev/null
SELECT auth.role_delete('temporary') \g /dev/null
SELECT is((SELECT grants FROM auth.roles WHERE name = 'boss'), ARRAY['helper'], 'who gets the name of a deleted role is not meant');
SELECT auth.role_update('boss', grants_all => true), auth.role_update('helper', 35, tenant_id => people.id('north')) \g /dev/null
SELECT set_config('role', 'authenticated', true) \g /dev/null
SELECT throws_ok($$SELECT auth.role_update('boss', 1)$$, '42501', 'permission denied for function role_update', 'members may not');
RESET ROLE;
SELECT throws_ok($$SELECT auth.role_delete('helper', people.id('north'))$$, '23503', '1 members have this role', 'a role that somebody has');
SELECT throws_ok($$SELECT auth.role_delete('helper')$$, 'P0002', 'role not found', 'a role of all that is not there');
SELECT lives_ok($$SELECT auth.role_delete('nothing') FROM auth.member_remove(people.id('north'), people.id('nil'))$$, 'a role that nobody has any more');
SELECT throws_ok($$SELECT auth.permission_set('boss', 'note', 'read', 'own')$$, '42704', 'there is no resource "note"', 'a permission on nothing');
SELECT throws_ok($$SELECT auth.permission_set('boss', 'notes', 'reed', 'own')$$, '42704', 'there is no action "reed" on resource "notes"', 'to do nothing');
SELECT throws_ok($$SELECT auth.permission_set('boss', 'notes', NULL, 'own')$$, '42704', 'there is no action "" on resource "notes"', 'no action');
SELECT throws_ok($$SELECT auth.permission_set('boss', 'notes', 'read', 'all')$$, '22023', 'scope is not valid', 'an unknown scope');
SELECT throws_ok($$SELECT auth.permission_set('boss', 'notes', 'read', 'platform')$$, '22023', 'scope is not valid', 'the platform is not for members');
SELECT throws_ok($$SELECT auth.permission_remove('boss', 'papers', 'read')$$, 'P0002', 'the role has no such permission', 'a permission that is not there');
SELECT throws_ok($$SELECT auth.resource_create('notes')$$, '23505', 'the resource exists already', 'a resource twice');
SELECT throws_ok($$SELECT auth.resource_create('no-tes')$$, '22023', 'name of the resource is not valid', 'a name that is none');
SELECT throws_ok($$SELECT auth.resource_create('x', '{}')$$, '22023', 'actions are not valid', 'no actions');
SELECT throws_ok($$SELECT auth.resource_create('x', '{{read},{create}}')$$, '22023', 'actions are not valid', 'actions in a list of lists');
SELECT throws_ok($$SELECT auth.resource_update('notes', ARRAY['create', 'update', 'delete', 'publish'])$$, '23503', 'permissions name the action "read"', 'an action that permissions name stays');

-- policies
CREATE TABLE people.notes (id uuid PRIMARY KEY, tenant_id uuid NOT NULL, unit_id uuid, owner_id uuid, status text, body text);
INSERT INTO people.notes
	SELECT people.id(n::text), people.id(CASE WHEN n > 100 THEN 'south' ELSE 'north' END),
		people.id((ARRAY['east', 'west', 'other'])[n % 3 + 1]), people.id(CASE WHEN n % 10 = 0 THEN 'own' ELSE 'somebody' END), 'open', 'note ' || n
	FROM generate_series(1, 130) AS n;
GRANT ALL ON people.notes TO authenticated, anon;
INSERT INTO auth.assignments (tenant_id, user_id, subject_id, ends_at)
	SELECT people.id('north'), people.id('wil'), people.id(n::text), CASE n WHEN 3 THEN now() - interval '1 second' WHEN 4 THEN now() + interval '1 hour' END
	FROM generate_series(1, 5) AS n;
INSERT INTO auth.assignments (tenant_id, user_id, subject_id) VALUES (people.id('north'), people.id('wil'), people.id('105'));
SELECT throws_ok($$SELECT auth.protect('people.notes', 'note')$$, '42704', 'there is no resource "note"', 'a table cannot be protected as what is not known');
SELECT count(*) AS steps FROM auth.protect('people.notes', 'notes', unit_column => 'unit_id', owner_column => 'owner_id') \gset
SELECT is_empty($$SELECT * FROM auth.protect('people.notes') WHERE object <> 'warning'$$, 'a second call does nothing');

CREATE FUNCTION pg_temp.rows_of(who text) RETURNS text LANGUAGE sql AS $$ SELECT people.answer(who, 'SELECT count(*) FROM people.notes') $$;
SELECT is(pg_temp.rows_of(who), rows, who || ' sees ' || rows)
	FROM (VALUES ('bea', '100'), ('max', '67'), ('max2', '0'), ('wil', '4'), ('own', '10'), ('lost', '0'), ('far', '30'), ('sue', '130'), ('out', '0'), ('', '0')) AS v (who, rows);

CREATE FUNCTION pg_temp.tries(who text, statement text) RETURNS text LANGUAGE sql AS $$ SELECT regexp_replace(people.answer(who, statement), '(row-level security).*', '\1') $$;
SELECT is(pg_temp.tries('bea', 'UPDATE people.notes SET status = ''done'''), '100', 'boss updates all of the tenant');
SELECT is(pg_temp.tries('max', 'UPDATE people.notes SET status = ''done'''), '67', 'manager those of his units');
SELECT is(pg_temp.tries('max', $$UPDATE people.notes SET unit_id = people.id('other')$$), '42501 new row violates row-level security', 'and moves none to a unit that is not his');
SELECT is(pg_temp.tries('max', 'DELETE FROM people.notes'), '0', 'and deletes none');
SELECT is(pg_temp.tries('max', $$INSERT INTO people.notes VALUES (people.id('new'), people.id('north'), people.id('east'))$$), '1', 'he makes one in his unit');
SELECT is(pg_temp.tries('max', $$INSERT INTO people.notes VALUES (people.id('new2'), people.id('north'), people.id('other'))$$), '42501 new row violates row-level security', 'not in another');
SELECT is(pg_temp.tries('max', $$INSERT INTO people.notes VALUES (people.id('new3'), people.id('south'), people.id('east'))$$), '42501 new row violates row-level security', 'nor in another tenant');
SELECT is(pg_temp.tries('wil', 'UPDATE people.notes SET status = ''seen'''), '4', 'worker changes the status of what he is assigned to');
SELECT is(pg_temp.tries('wil', 'UPDATE people.notes SET status = ''seen'', body = body'), '4', 'what stays as it is does not count');
SELECT is(pg_temp.tries('wil', 'UPDATE people.notes SET body = ''mine'''), '42501 permission denied to change column "body" of table "notes"', 'and no other column');
SELECT is(pg_temp.tries('wil', 'UPDATE people.notes SET status = NULL, owner_id = NULL'), '42501 permission denied to change column "owner_id" of table "notes"', 'not even to NULL');
SELECT is(pg_temp.tries('wil', $$INSERT INTO people.notes VALUES (people.id('5'), people.id('north')) ON CONFLICT (id) DO UPDATE SET body = 'mine'$$), '42501 new row violates row-level security', 'nor by ON CONFLICT');
-- no columns are none, not all
SELECT throws_ok(format('SELECT auth.permission_set(''worker'', ''notes'', ''update'', ''assigned'', columns => %L)', c), '22023', 'columns are not valid', 'columns ' || c) FROM unnest(ARRAY['{}', '{NULL}', '{status,NULL}']) AS c;
UPDATE auth.role_permissions AS p SET columns = '{}' FROM auth.roles AS r WHERE r.id = p.role_id AND r.name = 'worker' AND p.action = 'update';
SELECT is(pg_temp.tries('wil', 'UPDATE people.notes SET status = ''other'''), '42501 permission denied to change column "status" of table "notes"', 'a permission that was written with none');
UPDATE auth.role_permissions AS p SET columns = ARRAY[NULL] FROM auth.roles AS r WHERE r.id = p.role_id AND r.name = 'worker' AND p.action = 'update';
SELECT is(pg_temp.tries('wil', 'UPDATE people.notes SET status = ''other'''), '42501 permission denied to change column "status" of table "notes"', 'or with NULL');
SELECT is(pg_temp.tries('own', $$INSERT INTO people.notes VALUES (people.id('mine'), people.id('north'), NULL, people.id('own'))$$), '1', 'owner makes his own');
SELECT is(pg_temp.tries('own', $$INSERT INTO people.notes VALUES (people.id('his'), people.id('north'), NULL, people.id('wil'))$$), '42501 new row violates row-level security', 'not somebody else''s');
SELECT is(pg_temp.tries('own', $$UPDATE people.notes SET owner_id = people.id('wil')$$), '42501 new row violates row-level security', 'nor gives one away');
SELECT is(pg_temp.tries('own', 'DELETE FROM people.notes'), '11', 'and deletes his own');
SELECT is(pg_temp.tries('', 'DELETE FROM people.notes'), '0', 'nobody deletes nothing');

-- changes bite at once in this transaction
SELECT is(pg_temp.rows_of('lost'), '0', 'before');
SELECT auth.member_update(people.id('north'), people.id('lost'), 'boss') \g /dev/null
SELECT is(pg_temp.rows_of('lost'), '91', 'a new role');
SELECT auth.permission_set('boss', 'notes', 'read', 'own') \g /dev/null
SELECT is(pg_temp.rows_of('lost'), '0', 'a permission narrowed');
SAVEPOINT s;
SELECT auth.permission_set('boss', 'notes', 'read', 'tenant') \g /dev/null
SELECT is(pg_temp.rows_of('lost'), '91', 'widened');
ROLLBACK TO s;
SELECT is(pg_temp.rows_of('lost'), '0', 'and rolled back');

SELECT throws_ok($$SELECT auth.resource_delete('notes')$$, '23503', 'the table people.notes is protected as this resource', 'a resource that protects a table stays');
SELECT count(*) AS steps FROM auth.unprotect('people.notes') \gset
SELECT is_empty($$SELECT tgname FROM pg_trigger WHERE tgrelid = 'people.notes'::regclass$$, 'unprotect leaves no trigger');
SELECT lives_ok($$SELECT auth.resource_delete('notes')$$, 'then it can go');

SELECT * FROM finish();
ROLLBACK;
