-- Decisions and their explanation: can_access, check_permission, user_roles,
-- user_permissions, explain_access, who_can.
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
SELECT plan(166);

SELECT auth.resource_create('notes', ARRAY['read', 'create', 'update', 'delete', 'admin']) \g /dev/null
SELECT auth.role_create(r, n) FROM (VALUES ('boss', 50), ('manager', 40), ('worker', 30), ('author', 20), ('clerk', 10)) AS v (r, n) \g /dev/null
SELECT auth.permission_set('boss', 'notes', 'admin', 'tenant') \g /dev/null
SELECT auth.permission_set('manager', 'notes', a, 'unit') FROM unnest(ARRAY['read', 'update']) AS a \g /dev/null
SELECT auth.permission_set('worker', 'notes', 'read', 'assigned') \g /dev/null
SELECT auth.permission_set('author', 'notes', 'read', 'own', ARRAY['aal2']) \g /dev/null
SELECT auth.permission_deny('clerk', 'notes', 'read', 'Access denied to notes') \g /dev/null
SELECT people.add('bea', 'boss') \g /dev/null
SELECT people.add('max', 'manager', units => ARRAY['east']) \g /dev/null
SELECT people.add('wil', 'worker') \g /dev/null
SELECT people.add('ann', 'author') \g /dev/null
SELECT people.add('cid', 'clerk') \g /dev/null
SELECT people.add('far', 'boss', 'south') \g /dev/null
SELECT people.add('sue', NULL, '', '{}', true) \g /dev/null
SELECT people.add('out', NULL, '') \g /dev/null
CREATE TABLE people.notes (id uuid PRIMARY KEY, tenant_id uuid NOT NULL, unit_id uuid, owner_id uuid);
INSERT INTO people.notes VALUES
	(people.id('1'), people.id('north'), people.id('east'), people.id('ann')),
	(people.id('2'), people.id('north'), people.id('west'), people.id('bea')),
	(people.id('3'), people.id('south'), people.id('east'), people.id('ann'));
INSERT INTO auth.assignments (tenant_id, user_id, subject_id) VALUES (people.id('north'), people.id('wil'), people.id('2'));
SELECT count(*) AS ignored FROM auth.protect('people.notes', 'notes', unit_column => 'unit_id', owner_column => 'owner_id') \gset
GRANT SELECT ON people.notes TO authenticated;

-- can_access
CREATE FUNCTION pg_temp.access(who text, action text DEFAULT 'read', aal text DEFAULT 'aal1') RETURNS text LANGUAGE sql AS $$
	SELECT string_agg(CASE people.answer(who, format('SELECT auth.can_access(''notes'', people.id(%L), %L)', n, action), aal) WHEN 'true' THEN n ELSE '-' END, '' ORDER BY n)
	FROM unnest(ARRAY['1', '2', '3', '4']) AS n
$$;
SELECT is(pg_temp.access(who), which, who || ' reads ' || which)
	FROM (VALUES ('bea', '12--'), ('max', '1---'), ('wil', '-2--'), ('ann', '----'), ('cid', '----'), ('far', '--3-'), ('sue', '123-'), ('out', '----'), ('', '----')) AS v (who, which);
SELECT is(pg_temp.access('ann', 'read', 'aal2'), '1---', 'ann reads her own with a second factor');
SELECT is(pg_temp.access(who, 'update'), which, who || ' updates ' || which)
	FROM (VALUES ('bea', '12--'), ('max', '1---'), ('wil', '----'), ('sue', '123-')) AS v (who, which);
SELECT is(people.answer('bea', $$SELECT auth.can_access('notes', NULL)$$), 'false', 'no id');
SELECT is(people.answer('bea', $$SELECT auth.can_access('note', people.id('1'))$$), '42704 there is no resource "note"', 'a typing error');
-- a function of a superuser reads every row, and is told about the caller all the same
CREATE FUNCTION people.access(id uuid, action text) RETURNS boolean LANGUAGE sql SECURITY DEFINER AS $$ SELECT auth.can_access('notes', id, action) AND (auth.check_permission(action, 'notes', id) -> 'granted')::boolean $$;
CREATE FUNCTION pg_temp.definer_access(who text, action text) RETURNS text LANGUAGE sql AS $$
	SELECT string_agg(CASE people.answer(who, format('SELECT people.access(people.id(%L), %L)', n, action)) WHEN 'true' THEN n ELSE '-' END, '' ORDER BY n)
	FROM unnest(ARRAY['1', '2', '3', '4']) AS n
$$;
SELECT is(pg_temp.definer_access(who, action), which, format('%s may %s %s, asked by who sees all', who, action, which))
	FROM (VALUES ('bea', 'delete', '12--'), ('max', 'update', '1---'), ('wil', 'read', '-2--'), ('sue', 'update', '123-'), ('out', 'read', '----')) AS v (who, action, which);
REVOKE SELECT ON people.notes FROM authenticated;
SELECT is(pg_temp.access('bea'), '----', 'without the privilege to read it is no');
GRANT SELECT ON people.notes TO authenticated;

-- in policies: of a table that belongs to a row, and by mistake of the table itself
CREATE TABLE people.remarks (note_id uuid);
INSERT INTO people.remarks SELECT id FROM people.notes;
ALTER TABLE people.remarks ENABLE ROW LEVEL SECURITY;
CREATE POLICY note ON people.remarks USING (auth.can_access('notes', note_id));
GRANT SELECT ON people.remarks TO authenticated;
SELECT is(people.answer('max', 'SELECT count(*) FROM people.remarks'), '1', 'a remark belongs to a note that he reads');
-- of the table itself: rows are read without its policies, so it ends
CREATE POLICY itself ON people.notes USING (auth.can_access('notes', id));
SELECT is(people.answer('max', 'SELECT count(*) FROM people.notes'), '1', 'in a policy of the table itself it ends');
DROP POLICY itself ON people.notes;
-- a restrictive policy of somebody else is not computed: no answer instead of a wrong one
CREATE POLICY itself ON people.notes AS RESTRICTIVE FOR SELECT USING (id <> people.id('1'));
SELECT is(people.answer('max', $$SELECT auth.can_access('notes', people.id('1'))$$),
	'0A000 whether the caller sees a row of table notes cannot be told without its policy itself',
	'a restrictive policy');
SELECT is(people.answer('max', $$SELECT auth.can_access('notes', people.id('2'))$$), 'false',
	'is not needed for a row of others');
SELECT is(people.answer('sue', $$SELECT auth.can_access('notes', people.id('1'))$$),
	'0A000 whether the caller sees a row of table notes cannot be told without its policy itself',
	'it holds platform administrators, too');
SELECT is(pg_temp.definer_access('max', 'update'), '1---', 'but not a function of a superuser');
ALTER POLICY itself ON people.notes TO auth_admin;
SELECT is(people.answer('max', $$SELECT auth.can_access('notes', people.id('1'))$$), 'true',
	'nor does one for others matter');
DROP POLICY itself ON people.notes;
CREATE POLICY itself ON people.notes AS RESTRICTIVE FOR UPDATE USING (false);
SELECT is(people.answer('max', $$SELECT auth.can_access('notes', people.id('1'))$$), 'true',
	'nor one of another command');
DROP POLICY itself ON people.notes;
-- a role that no policy of auth.protect lets in sees nothing, whatever the token says
SELECT people.become('bea') \g /dev/null
GRANT SELECT ON people.notes TO anon, auth_admin;
SET LOCAL ROLE anon;
SELECT is(auth.can_access('notes', people.id('1')), false, 'a role without a policy');
SET LOCAL ROLE auth_admin;
SELECT is(auth.can_access('notes', people.id('1')), false, 'nor does an administrator of the database');
RESET ROLE;
REVOKE SELECT ON people.notes FROM anon, auth_admin;
SET LOCAL row_security = off;
SELECT is(people.answer('bea', $$SELECT auth.can_access('notes', people.id('3'))$$), 'false',
	'nor does row_security = off help');
SET LOCAL row_security = on;
REVOKE USAGE ON SCHEMA people FROM PUBLIC;
SELECT people.become('bea') \g /dev/null
SET LOCAL ROLE authenticated;
SELECT is(auth.can_access('notes', md5('people 1')::uuid), false, 'nor in a schema that may not be used');
RESET ROLE;
GRANT USAGE ON SCHEMA people TO PUBLIC;

-- the row behind it: readable_row
SELECT is(people.answer('max', $$SELECT auth.readable_row('people.notes', people.id('1'))$$),
	(SELECT ARRAY[id, tenant_id, unit_id, owner_id, NULL]::text FROM people.notes WHERE id = people.id('1')),
	'readable_row: a row that is seen');
SELECT is(people.answer(who, format('SELECT auth.readable_row(''people.notes'', people.id(%L), %L)', note,
	action)), NULL,
		format('%s: none for %s %s', who, action, note))
	FROM (VALUES ('max', '2', NULL), ('max', '1', 'delete'), ('bea', '3', NULL), ('out', '1', NULL), ('max', '4',
		NULL)) AS v (who, note, action);
SELECT is(people.answer('bea', $$SELECT auth.readable_row('people.remarks', people.id('1'))$$), NULL,
	'nor of a table that is not protected');
SELECT is(people.answer('bea', $$SELECT auth.readable_row(NULL, people.id('1'))$$), NULL, 'nor of no table');
SELECT is(auth.readable_row('people.notes', people.id('3')),
	(SELECT ARRAY[id, tenant_id, unit_id, owner_id, NULL] FROM people.notes WHERE id = people.id('3')),
		'a superuser sees every row');
SELECT is(people.answer('bea', $$SELECT auth.readable_row('pg_largeobject', people.id('1'))$$), NULL,
	'nor of a table that the caller may not read');
SELECT is_empty($$SELECT * FROM pg_locks WHERE pid = pg_backend_pid() AND relation = 'pg_largeobject'::regclass$$,
	'which is not locked');
SELECT throws_ok($$SELECT auth.readable_row(1, people.id('1'))$$, '42P01', 'there is no such table',
	'a table that is gone');

-- columns that changed, partitions, children
SAVEPOINT changed;
ALTER TABLE people.notes RENAME owner_id TO written_by;
SELECT is(people.answer('bea', $$SELECT auth.can_access('notes', people.id('1'))$$),
	'42703 column owner_id of table notes does not exist any more', 'a renamed column');
ROLLBACK TO changed;
ALTER TABLE people.notes RENAME tenant_id TO firm;
SELECT count(*) AS ignored FROM auth.protect('people.notes', 'notes', tenant_column => 'firm') \gset
SELECT is(pg_temp.access('bea'), '12--', 'one that auth.protect has followed');
ROLLBACK TO changed;
DROP POLICY intrex_auth_select ON people.notes;
SELECT is(pg_temp.access('bea'), '----', 'without its policy nothing is seen');
DROP POLICY intrex_auth_insert ON people.notes;
DROP POLICY intrex_auth_update ON people.notes;
DROP POLICY intrex_auth_delete ON people.notes;
ALTER TABLE people.notes ALTER owner_id TYPE text;
SELECT is(people.answer('sue', $$SELECT auth.can_access('notes', people.id('1'))$$),
	'42804 column owner_id of table notes is not of type uuid any more', 'another type');
ROLLBACK TO changed;
ALTER TABLE people.notes RENAME TO old_notes;
CREATE VIEW people.notes AS SELECT * FROM people.old_notes;
GRANT SELECT ON people.notes TO authenticated;
SELECT is(pg_temp.access('bea'), '----', 'a view that got the name of the table is not read');
ROLLBACK TO changed;
CREATE TABLE people.child (extra text) INHERITS (people.notes);
INSERT INTO people.child VALUES (people.id('4'), people.id('north'), people.id('west'), people.id('ann'));
SELECT is(pg_temp.access('bea'), '12-4', 'a child without an index');
ROLLBACK TO changed;
SELECT auth.resource_create('parts', ARRAY['read', 'update']), auth.permission_set('boss', 'parts', 'read',
	'tenant') \g /dev/null
CREATE TABLE people.parts (id uuid PRIMARY KEY, tenant_id uuid NOT NULL) PARTITION BY HASH (id);
CREATE TABLE people.part_one PARTITION OF people.parts FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TABLE people.part_two (gone text, tenant_id uuid NOT NULL, id uuid NOT NULL);
ALTER TABLE people.part_two DROP COLUMN gone;
ALTER TABLE people.parts ATTACH PARTITION people.part_two FOR VALUES WITH (MODULUS 2, REMAINDER 1);
INSERT INTO people.parts
	SELECT people.id(n::text), people.id(CASE WHEN n > 20 THEN 'south' ELSE 'north' END)
		FROM generate_series(1, 25) AS n;
SELECT count(*) AS ignored FROM auth.protect('people.parts', 'parts') \gset
GRANT SELECT ON people.parts TO authenticated;
SELECT is(people.answer('bea', $$SELECT count(*) FROM generate_series(1, 30) AS n WHERE auth.can_access('parts',
	people.id(n::text))$$),
	'20', 'partitions, which have an order of columns of their own');
ROLLBACK TO changed;

-- check_permission
CREATE FUNCTION pg_temp.check(who text, arguments text, aal text DEFAULT 'aal1') RETURNS jsonb LANGUAGE sql AS $$
	SELECT people.answer(who, format('SELECT auth.check_permission(%s)', arguments), aal)::jsonb
$$;
SELECT is(pg_temp.check('max', $$'read', 'notes'$$), jsonb_build_object('granted', true, 'reason', NULL, 'conditions', '{"scope": "unit"}'::jsonb,
	'auditLog', jsonb_build_object('action', 'read', 'resource', 'notes', 'user', people.id('max'), 'details', '{"granted": true}'::jsonb)), 'granted: the shape');
SELECT is((SELECT concat_ws(' ', event, outcome, user_id = people.id('max'), details ->> 'resource') FROM auth.audit_log ORDER BY id DESC LIMIT 1), 'permission_check success t notes', 'in the trail');
SELECT is(pg_temp.check('cid', $$'read', 'notes'$$) -> 'granted', 'false', 'denied');
SELECT is(pg_temp.check('cid', $$'read', 'notes'$$) ->> 'reason', 'Access denied to notes', 'with its reason');
SELECT is((SELECT concat_ws(' ', event, outcome) FROM auth.audit_log ORDER BY id DESC LIMIT 1), 'permission_check refused', 'in the trail');
SELECT is(pg_temp.check('wil', $$'delete', 'notes'$$) ->> 'reason', 'Insufficient permissions', 'not allowed');
SELECT is(pg_temp.check('ann', $$'read', 'notes'$$) -> 'conditions', '{"requires": ["aal2"]}', 'a condition that does not hold is named');
SELECT is(pg_temp.check('ann', $$'read', 'notes', people.id('1')$$, 'aal2') -> 'granted', 'true', 'a record that is hers');
SELECT is(pg_temp.check('ann', $$'read', 'notes', people.id('2')$$, 'aal2') -> 'granted', 'false', 'one that is not');
SELECT is(pg_temp.check('bea', $$'read', 'notes', people.id('3')$$) -> 'granted', 'false', 'one of another tenant');
SELECT is(pg_temp.check('bea', $$'read', 'notes', people.id('4')$$), jsonb_set(pg_temp.check('bea', $$'read', 'notes', people.id('3')$$), '{auditLog,details,record}', to_jsonb(people.id('4'))), 'is told apart from none by nothing');
SELECT is(pg_temp.check('bea', $$'read', 'notes', NULL, people.id('bea session')$$) -> 'granted', 'true',
	'the session of the user');
SELECT is(pg_temp.check('bea', $$'read', 'notes', NULL, people.id('max session')$$) ->> 'reason', 'Invalid session: session_not_found', 'somebody else''s');
SELECT is(pg_temp.check('bea', $$'read', 'notes', metadata => '{"sessionId": 7}'$$) #> '{auditLog,details,metadata}', '{"sessionId": 7}', 'metadata goes into the record');
SELECT throws_ok($$SELECT auth.check_permission('read', 'notes', metadata => jsonb_build_object('x', repeat('x', 9000)))$$, '22023', 'metadata is larger than 8192 bytes', 'but no book');
SELECT is(people.answer('bea', $$SELECT auth.check_permission('read', 'notes', metadata => jsonb_build_object('x', repeat('x', 8000))) ->> 'granted'$$), 'true', 'a page is none');
SELECT is(pg_temp.check('', $$'read', 'notes'$$) ->> 'reason', 'Authentication required', 'nobody');
SELECT is(people.answer('max', $$SELECT auth.record_permission_check('delete', 'notes', people.id('2'), NULL, NULL, true) ->> 'granted'$$), 'false', 'who calls what is behind it is granted no more');

-- roles and permissions of a user
SELECT is((SELECT concat_ws(' ', role, kind, rank, tenant_id = people.id('north'), unit_ids = ARRAY[people.id('east')], permissions, scopes) FROM auth.user_roles(people.id('max'))),
	'manager member 40 t t {notes:read,notes:update} {unit}', 'user_roles: a member');
SELECT is((SELECT concat_ws(' ', role, kind) FROM auth.user_roles(people.id('sue'))), 'auth_platform platform', 'a platform administrator');
SELECT is((SELECT permissions FROM auth.user_roles(people.id('cid'))), '{}', 'what is denied is not a permission');
SELECT is_empty($$SELECT * FROM auth.user_roles(people.id('out'))$$, 'no role');
SELECT is(auth.user_permissions(people.id('max')) -> 'effectivePermissions', '["notes:read", "notes:update"]', 'user_permissions');
SELECT is(auth.user_permissions(people.id('max')) #> '{roles,0,role}', '"manager"', 'with the roles');
SELECT is(auth.user_permissions(people.id('nobody')), '{"roles": [], "effectivePermissions": []}', 'of nobody');
SELECT is(auth.user_permissions(people.id('max'), people.id('south')), '{"roles": [], "effectivePermissions": []}', 'in another tenant');
SELECT is((SELECT format('%s %s', permissions, scopes) FROM auth.user_roles(people.id('sue'))), '{notes:admin,notes:create,notes:delete,notes:read,notes:update} {platform}', 'a platform administrator may do everything');
SELECT is(auth.user_permissions(people.id('sue'), people.id('north')) -> 'effectivePermissions', '["notes:admin", "notes:create", "notes:delete", "notes:read", "notes:update"]', 'in every tenant');
SELECT is(auth.user_permissions(people.id('bea')) -> 'effectivePermissions', '["notes:admin", "notes:create", "notes:delete", "notes:read", "notes:update"]', 'what others imply is effective');
SELECT is(auth.user_permissions(people.id('ann')) -> 'effectivePermissions', '["notes:read"]', 'and what a second factor gives');
-- a denial of a wider action, and conditions, are found by the narrower one
SELECT auth.resource_create('scans', ARRAY['read', 'create', 'update', 'write', 'admin']) \g /dev/null
SELECT auth.permission_set('clerk', 'scans', 'admin', 'tenant'), auth.permission_deny('clerk', 'scans', 'write', 'No scans from you') \g /dev/null
SELECT auth.permission_set('author', 'scans', 'write', 'own', ARRAY['consent:ai_interaction', 'aal2']) \g /dev/null
SELECT is(auth.user_permissions(people.id('cid')) -> 'effectivePermissions', '["scans:admin", "scans:read"]', 'what is denied is not effective');
SELECT is(people.answer('cid', format('SELECT auth.require_permission(''scans'', %L)', action)),
	'42501 No scans from you', 'the user is told so: ' || action)
	FROM unnest(ARRAY['write', 'create', 'update']) AS action;
SELECT is(pg_temp.check('cid', $$'create', 'scans'$$) - 'auditLog', '{"granted": false, "reason": "No scans from you", "conditions": {}}', 'and by check_permission');
SELECT is((SELECT permissions FROM auth.user_roles(people.id('ann'))), '{notes:read,scans:create,scans:update,scans:write}', 'user_roles: whether or not conditions hold');
SELECT is(auth.user_permissions(people.id('ann')) -> 'effectivePermissions', '["notes:read"]', 'user_permissions: those that do');
SELECT is(pg_temp.check('ann', $$'create', 'scans'$$, 'aal2') -> 'conditions', '{"requires": ["consent:ai_interaction", "aal2"]}', 'what is missing is named');
-- who lacks nothing but a second factor is told what to do
SELECT set_config('request.method', 'POST', true) \g /dev/null
SELECT matches(people.answer('ann', $$SELECT auth.require_permission('scans', 'create')$$), '"insufficient_permissions"', 'a consent and a second factor are missing');
INSERT INTO auth.consents (user_id, purpose, granted, by_role) VALUES (people.id('ann'), 'ai_interaction', true, 'test');
SELECT matches(people.answer('ann', $$SELECT auth.require_permission('scans', 'create')$$), '"insufficient_aal".*"A second factor is required."', 'a second factor is');
SELECT matches(people.answer('ann', $$SELECT auth.require_permission('scans', 'admin')$$), '"insufficient_permissions"', 'a permission is');
SELECT matches(people.answer('cid', $$SELECT auth.require_permission('scans', 'create')$$), 'No scans from you', 'what is denied is denied');
SELECT set_config('request.method', '', true) \g /dev/null
SELECT is(people.answer('ann', $$SELECT auth.require_permission('scans', 'create')$$), '42501 Insufficient permissions', 'without PostgREST, too');
SELECT is(pg_temp.check('ann', $$'create', 'scans'$$, 'aal2') - 'auditLog', '{"granted": true, "reason": null, "conditions": {"scope": "own", "requires": ["consent:ai_interaction", "aal2"]}}', 'and what it was granted with');
SELECT auth.permission_set('author', 'scans', 'create', 'tenant') \g /dev/null
SELECT is(pg_temp.check('ann', $$'create', 'scans'$$, 'aal2') -> 'conditions', '{"scope": "tenant"}', 'nothing, where a wider permission counts');
SELECT is(auth.user_permissions(people.id('ann')) -> 'effectivePermissions', '["notes:read", "scans:create", "scans:update", "scans:write"]', 'a consent makes it effective');
UPDATE auth.users SET banned_until = 'infinity' WHERE id = people.id('ann');
SELECT is(auth.user_permissions(people.id('ann')) -> 'effectivePermissions', '[]', 'a ban leaves none');
UPDATE auth.users SET banned_until = NULL WHERE id = people.id('ann');
-- of who is in no tenant
INSERT INTO auth.roles (name, kind, rank) VALUES ('guest', 'user', 1);
SELECT auth.permission_deny('guest', 'scans', 'write', 'Guests scan nothing'), auth.permission_set('guest', 'scans', 'read', 'own') \g /dev/null
SELECT is(people.answer('out', $$SELECT auth.require_permission('scans', 'create')$$), '42501 Guests scan nothing', 'a denial of users without a tenant');
SELECT is(auth.user_permissions(people.id('out')) -> 'effectivePermissions', '["scans:read"]', 'what they may');
SELECT is(auth.user_permissions(people.id('cid'), people.id('north')) #>> '{roles,0,role}', 'clerk', 'is nothing to a member');
SELECT is(jsonb_array_length(auth.user_permissions(people.id('cid'), people.id('north')) -> 'roles'), 1,
	'in their tenant');
DELETE FROM auth.roles WHERE name = 'guest';
SELECT people.become('') \g /dev/null
SELECT auth.resource_delete('scans') \g /dev/null
DELETE FROM auth.consents WHERE user_id = people.id('ann');

-- explain_access
SELECT people.become('') \g /dev/null
CREATE FUNCTION pg_temp.why(who text, action text, note text DEFAULT NULL) RETURNS text LANGUAGE sql AS $$
	SELECT (array_agg(allowed ORDER BY n DESC))[1] || E'\n' || string_agg(replace(replace(replace(replace(explanation, people.id('north')::text, 'north'), people.id('south')::text, 'south'),
		people.id('east')::text, 'east'), people.id('west')::text, 'west'), E'\n' ORDER BY n)
	FROM auth.explain_access(people.id(who), action, 'people.notes', people.id(note)) WITH ORDINALITY AS e (allowed, explanation, n)
$$;
SELECT is(pg_temp.why('bea', 'update', '2'), E'true\nthe row belongs to tenant north\nthe user is boss of tenant north\nthe role boss may admin notes, on all rows of the tenant\nthe row is one of them: allowed', 'why bea may');
SELECT is(pg_temp.why('bea', 'update', '3'), E'false\nthe row belongs to tenant south\nthe user is not a member of tenant south', 'why bea may not');
SELECT is(pg_temp.why('max', 'read', '2'), E'false\nthe row belongs to tenant north\nthe user is manager of tenant north\nthe role manager may read notes, on the rows of his units\nthe row is not: its unit is west, and his are {east}', 'why max may not');
SELECT is(pg_temp.why('max', 'delete', '1'), E'false\nthe row belongs to tenant north\nthe user is manager of tenant north\nthe role manager has no permission to delete notes', 'why max may not delete');
SELECT is(pg_temp.why('wil', 'read', '1'), E'false\nthe row belongs to tenant north\nthe user is worker of tenant north\nthe role worker may read notes, on the rows he is assigned to\nthe row is not: he is not assigned to it', 'why wil may not');
SELECT is(pg_temp.why('wil', 'read', '2'), E'true\nthe row belongs to tenant north\nthe user is worker of tenant north\nthe role worker may read notes, on the rows he is assigned to\nthe row is one of them: allowed', 'why wil may');
SELECT is(pg_temp.why('ann', 'read', '1'), E'true\nthe row belongs to tenant north\nthe user is author of tenant north\nthe role author may read notes, on his own rows\non condition of a second factor in the session\nthe row is one of them: allowed', 'on which condition ann may');
SELECT is(pg_temp.why('cid', 'read', '1'), E'false\nthe row belongs to tenant north\nthe user is clerk of tenant north\nthe role clerk is denied to read notes: Access denied to notes', 'why cid may not');
SELECT is(pg_temp.why('sue', 'read', '1'), E'true\nthe row belongs to tenant north\nthe user is a platform administrator: allowed on all rows of all tenants, with a token of the role auth_platform', 'why sue may');
SELECT is(pg_temp.why('out', 'read'), E'false\nthe user is a member of no tenant', 'why out may not');
SELECT is(pg_temp.why('nobody', 'read'), E'false\nthere is no such user', 'why nobody may');
SELECT is(pg_temp.why('max', 'read'), E'true\nthe user is manager of tenant north\nthe role manager may read notes, on the rows of his units\nallowed on those rows', 'the table as a whole');
SELECT is(pg_temp.why('max', 'read', '4'), E'false\nthere is no such row, or you do not see it yourself', 'a row that is not there');
SELECT auth.user_ban(people.id('max')) \g /dev/null
SELECT is(pg_temp.why('max', 'read', '1'), E'false\nthe user is banned', 'why the banned may not');
SELECT auth.user_unban(people.id('max')) \g /dev/null
SAVEPOINT consented;
SELECT auth.permission_set('author', 'notes', 'read', 'own', ARRAY['consent:ai_interaction']) \g /dev/null
SELECT is(pg_temp.why('ann', 'read', '1'), E'false\nthe row belongs to tenant north\nthe user is author of tenant north\nthe role author may read notes, on his own rows\nthe user has not consented to ai_interaction', 'which consent ann has not given');
SELECT auth.consent_record(people.id('ann'), 'ai_interaction', true) \g /dev/null
SELECT is(pg_temp.why('ann', 'read', '1'), E'true\nthe row belongs to tenant north\nthe user is author of tenant north\nthe role author may read notes, on his own rows\nthe row is one of them: allowed', 'and when she has, to an administrator without a token');
ROLLBACK TO consented;
SELECT throws_ok($$SELECT * FROM auth.explain_access(people.id('max'), 'reed', 'people.notes')$$, '42704', 'there is no action "reed" on resource "notes"', 'a typing error');
SELECT is((SELECT explanation FROM auth.explain_access(people.id('max'), 'read', 'pg_class')), 'pg_class is not protected: privileges and its own policies decide', 'a table that is not protected');

-- explanation and policy agree, row by row and person by person
SELECT is_empty($$
	SELECT who, note, action FROM unnest(ARRAY['bea', 'max', 'wil', 'cid', 'far', 'sue', 'out']) AS who, unnest(ARRAY['1', '2', '3']) AS note, unnest(ARRAY['read', 'update', 'delete']) AS action
	WHERE (SELECT (array_agg(allowed ORDER BY n DESC))[1] FROM auth.explain_access(people.id(who), action, 'people.notes', people.id(note)) WITH ORDINALITY AS e (allowed, x, n))::text
		<> people.answer(who, format('SELECT auth.can_access(''notes'', people.id(%L), %L)', note, action))
$$, 'what is explained is what is done');
SELECT people.become('') \g /dev/null

-- who_can
CREATE FUNCTION pg_temp.who(action text, note text) RETURNS text LANGUAGE sql AS $$
	SELECT string_agg(concat_ws(' ', split_part(email, '@', 1), role, scope, requires), ', ' ORDER BY scope COLLATE "C", email COLLATE "C") FROM auth.who_can(action, 'people.notes', people.id(note))
$$;
SELECT is(pg_temp.who('read', '1'), 'ann author own {aal2}, sue auth_platform platform {}, bea boss tenant {}, max manager unit {}', 'who can read 1');
SELECT is(pg_temp.who('read', '2'), 'wil worker assigned {}, sue auth_platform platform {}, bea boss tenant {}', 'who can read 2');
SELECT is(pg_temp.who('delete', '1'), 'sue auth_platform platform {}, bea boss tenant {}', 'who can delete 1');
SELECT is(pg_temp.who('read', '3'), 'sue auth_platform platform {}, far boss tenant {}', 'who can read 3');
SELECT throws_ok($$SELECT * FROM auth.who_can('read', 'people.notes', people.id('4'))$$, 'P0002', 'there is no such row, or you do not see it yourself', 'a row that is not there');
SELECT throws_ok($$SELECT * FROM auth.who_can('read', 'pg_class', people.id('4'))$$, '55000', 'pg_class is not protected', 'a table that is not protected');
SELECT is(people.answer('bea', $$SELECT count(*) FROM auth.who_can('read', 'people.notes', people.id('1'))$$), '42501 permission denied for function who_can', 'members are not told');

-- conditions as they are, asked without a token
SELECT auth.permission_set('author', 'notes', 'update', 'unit', ARRAY['consent:ai_interaction']), auth.permission_set('author', 'notes', 'admin', 'own') \g /dev/null
SELECT people.become('') \g /dev/null
SELECT is(pg_temp.why('ann', 'update', '1'), E'true\nthe row belongs to tenant north\nthe user is author of tenant north\nthe role author may update notes, on the rows of his units\nthe user has not consented to ai_interaction\nthe role author may admin notes, on his own rows\nthe row is one of them: allowed', 'without the consent a narrower permission counts');
SELECT matches(pg_temp.who('update', '1'), 'ann author own {}', 'and makes her one who can');
INSERT INTO auth.consents (user_id, purpose, granted, by_role) VALUES (people.id('ann'), 'ai_interaction', true, 'test');
SELECT is(pg_temp.why('ann', 'update', '1'), E'false\nthe row belongs to tenant north\nthe user is author of tenant north\nthe role author may update notes, on the rows of his units\nthe row is not: its unit is east, and his are {}', 'a consent is known without a token');
SELECT doesnt_match(pg_temp.who('update', '1'), 'ann', 'and she cannot');
SELECT auth.feature_create('extra'), auth.plan_create('large'), auth.plan_feature_set('large', 'extra'), auth.permission_set('author', 'notes', 'update', 'tenant', ARRAY['feature:extra']) \g /dev/null
SELECT matches(pg_temp.why('ann', 'update', '2'), '^false.*the plan of the tenant does not have extra\n.*it belongs to', 'a plan without the feature');
SELECT auth.subscription_set(people.id('north'), 'large') \g /dev/null
SELECT matches(pg_temp.why('ann', 'update', '2'), '^true.*the plan of the tenant has extra\nthe row is one of them', 'with it');
SELECT is(string_agg(concat(auth.condition_holds(c, people.id('ann'), people.id('north'), 'aal1')), ' ' ORDER BY n), 'f t f t f f', 'condition_holds')
	FROM unnest(ARRAY['aal2', 'consent:ai_interaction', 'consent:data_retention', 'feature:extra', 'feature:none', 'moon']) WITH ORDINALITY AS v (c, n);
SELECT is((SELECT concat(scope, conditions) FROM auth.decided_permission(people.id('ann'), 'author', people.id('north'), 'notes', 'update', 'aal1')), 'tenant{feature:extra}', 'decided_permission');
SELECT is_empty($$SELECT * FROM auth.decided_permission(people.id('cid'), 'clerk', people.id('north'), 'notes', 'read', 'aal1')$$, 'none for who is denied');
SELECT throws_ok($$SELECT * FROM auth.who_can(NULL, 'people.notes', people.id('1'))$$, '42704', 'there is no action "" on resource "notes"', 'no action is a typing error');

-- what these are made of
SELECT people.become('') \g /dev/null
SELECT is((SELECT format('%s %s', target, key_column) FROM auth.resource_tables('notes')), 'people.notes id', 'resource_tables: table and key');
SELECT is_empty($$SELECT * FROM auth.resource_tables('note')$$, 'of no resource: none');
SELECT matches(auth.action_condition('people.notes', 'update'), $$^\(tenant_id OPERATOR\(pg_catalog.=\) \(SELECT auth.tenant_id\(\)\) AND \(\(SELECT auth.scope_id\('notes', 'read', 'tenant'\) IS NOT NULL\) OR .*\)\) AND \(tenant_id OPERATOR\(pg_catalog.=\) \(SELECT auth.tenant_id\(\)\) AND \(\(SELECT auth.scope_id\('notes', 'update', 'tenant'\) IS NOT NULL\) OR .*\)\)$$, 'action_condition: tenant and scopes');
SELECT matches(auth.action_condition('people.notes', NULL), $$ AND \(false\)$$, 'of no action: nothing');
SELECT is(people.answer('wil', $$SELECT auth.assigned_ids()$$), format('{%s}', people.id('2')),
	'assigned_ids: their own');
SELECT is(people.answer('max', $$SELECT auth.assigned_ids()$$), '{}', 'of who is assigned to nothing');
SELECT is(people.answer('', $$SELECT auth.assigned_ids()$$), '{}', 'of nobody');
SELECT is((SELECT string_agg(format('%s %s %s', granted_action, scope, conditions), ', ') FROM auth.deciding_permissions('boss', people.id('north'), 'notes', 'delete')), 'admin tenant {}', 'deciding_permissions: by a wider action');
SELECT is((SELECT string_agg(concat_ws(' ', granted_action, scope, message), ', ') FROM auth.deciding_permissions('clerk', people.id('north'), 'notes', 'read')), 'read Access denied to notes', 'a denial');
SELECT is_empty($$SELECT * FROM auth.deciding_permissions('clerk', people.id('north'), 'notes', 'delete')$$, 'none');
SELECT is((SELECT concat_ws(' ', row_found, tenant_id = people.id('north'), unit_id = people.id('west'), owner_id = people.id('bea'), assignee_id, subjects = ARRAY[people.id('2'), people.id('bea')]) FROM auth.row_facts('people.notes', people.id('2'))),
	't t t t t', 'row_facts');
SELECT is((SELECT row_found FROM auth.row_facts('people.notes', people.id('4'))), false, 'of no row');
SELECT is(string_agg(auth.scope_words(s), ', ' ORDER BY s), 'the rows he is assigned to, his own rows, all rows of the tenant, the rows of his units', 'scope_words') FROM unnest(ARRAY['tenant', 'unit', 'assigned', 'own', 'other']) AS s;
SELECT is(auth.user_obstacle(people.id('max')), NULL, 'user_obstacle: none');
SELECT is(auth.user_obstacle(people.id('nobody')), 'there is no such user', 'none at all');
SELECT is(auth.within_scope(scope, people.id('max'), people.id('north'), ARRAY[people.id('east')], people.id('east'), people.id('ann'), NULL, ARRAY[people.id('1')]), within, 'within_scope: ' || scope)
	FROM (VALUES ('tenant', true), ('unit', true), ('assigned', false), ('own', false), ('none', false)) AS v (scope, within);
SELECT lives_ok(format('SELECT auth.clear_cache(%L), auth.clear_all_caches()', people.id('max')), 'clear_cache, clear_all_caches');
SELECT throws_ok(format('SELECT auth.clear_cache(%L)', people.id('nobody')), 'P0002', 'user not found', 'of nobody');
SELECT throws_ok($$SELECT auth.columns_guard()$$, '39P01', NULL, 'columns_guard is a trigger');
SELECT lives_ok($$SELECT auth.assignment_remove(people.id('north'), people.id('wil'), people.id('2'))$$, 'assignment_remove');
SELECT is(pg_temp.access('wil'), '----', 'bites at once');
SELECT people.become('') \g /dev/null
SELECT throws_ok($$SELECT auth.assignment_remove(people.id('north'), people.id('wil'), people.id('2'))$$, 'P0002', 'assignment not found', 'one that is not there');

SELECT * FROM finish();
ROLLBACK;
