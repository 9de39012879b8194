-- The UniPulse seed: the five columns of its five roles, and its sample routes.
\set ECHO none
\set QUIET 1
\pset format unaligned
\pset tuples_only true
\set VERBOSITY terse
SET client_min_messages = warning;
\getenv abs_srcdir PG_ABS_SRCDIR
\set include :abs_srcdir '/include/people.psql'
\set include_matrix :abs_srcdir '/include/matrix.psql'

BEGIN;
\i :include
\i :include_matrix
SELECT plan(130);

SELECT isnt_empty($$SELECT * FROM auth.use_preset('unipulse')$$, 'the preset is loaded');
SELECT set_has($$SELECT unnest(setconfig) FROM pg_db_role_setting WHERE setrole = 0$$,
	$$VALUES ('intrex_auth.access_token_lifetime=15min'), ('intrex_auth.refresh_token_lifetime=7d'), ('intrex_auth.token_delivery=cookie')$$, 'its lifetimes, and the refresh token in a cookie');
SELECT people.add(lower(r), r, units => ARRAY['unit of ' || lower(r)]) FROM unnest(ARRAY['OWNER', 'ADMIN', 'EDITOR', 'VIEWER', 'CLIENT']) AS r \g /dev/null
SELECT people.add('super', NULL, '', '{}', true) \g /dev/null
SELECT people.make_tables() \g /dev/null

-- Manage Members, Manage Settings, Create Content and View Content, View Analytics;
-- the client's "Limited" is what was shared with him. Read, create, update, delete.
SELECT people.cells(who, resource, letters) FROM (VALUES
	('owner', 'members', 'TTTT'), ('owner', 'settings', 'TTTT'), ('owner', 'content', 'TTTT'), ('owner', 'analytics', 'TTTT'),
	('admin', 'members', 'TTTT'), ('admin', 'settings', 'TTTT'), ('admin', 'content', 'TTTT'), ('admin', 'analytics', 'TTTT'),
	('editor', 'members', '----'), ('editor', 'settings', '----'), ('editor', 'content', 'TTTT'), ('editor', 'analytics', 'T---'),
	('viewer', 'members', '----'), ('viewer', 'settings', '----'), ('viewer', 'content', 'T---'), ('viewer', 'analytics', 'T---'),
	('client', 'members', '----'), ('client', 'settings', '----'), ('client', 'content', 'A---'), ('client', 'analytics', 'A---'),
	('super', 'content', 'PPPP'), ('super', 'members', 'PPPP'), ('', 'content', '----'), ('', 'analytics', '----')
) AS v (who, resource, letters);

-- the five columns as questions
SELECT is(people.answer(who, format('SELECT concat_ws('' '', auth.can(''members'', ''write''), auth.can(''settings'', ''write''), auth.can(''content'', ''create''), auth.scope(''analytics'', ''read''), auth.scope(''content'', ''read''))')), answer, who || ': ' || answer)
	FROM (VALUES ('owner', 't t t tenant tenant'), ('admin', 't t t tenant tenant'), ('editor', 'f f t tenant tenant'), ('viewer', 'f f f tenant tenant'), ('client', 'f f f assigned assigned')) AS v (who, answer);

-- requireWorkspace: at least this role
SELECT is(people.answer(who, format('SELECT auth.require_rank(%L) IS NOT NULL', role)), CASE WHEN ok THEN 'true' ELSE '42501 Insufficient permissions' END, format('requireWorkspace(%s): %s %s', role, who, ok))
	FROM (VALUES ('owner', 5), ('admin', 4), ('editor', 3), ('viewer', 2), ('client', 1)) AS v (who, level)
	CROSS JOIN (VALUES ('ADMIN', 4), ('EDITOR', 3), ('VIEWER', 2)) AS r (role, demanded)
	CROSS JOIN LATERAL (SELECT level >= demanded) AS o (ok)
	ORDER BY role, level DESC;
SELECT is(people.answer('', $$SELECT auth.require_rank('VIEWER')$$), '28000 Authentication required', 'requireWorkspace: nobody');
-- requireSuperAdmin, GET /admin/users
SELECT is(people.answer(who, 'SELECT auth.require_super_admin() IS NOT NULL'), answer, 'requireSuperAdmin: ' || who)
	FROM (VALUES ('super', 'true'), ('owner', '42501 Insufficient permissions'), ('client', '42501 Insufficient permissions'), ('', '28000 Authentication required')) AS v (who, answer);
SELECT is(people.answer('super', $$SELECT jsonb_array_length(auth_api.admin_users() -> 'users') > 0$$), 'true', 'GET /admin/users: the super admin');
SELECT is(people.answer('owner', $$SELECT auth_api.admin_users() #>> '{error,status}'$$), '403', 'GET /admin/users: an owner');

-- DELETE /members/:memberId
SELECT is(people.answer('viewer', format('SELECT auth_api.member_remove(%L) #>> ''{error,status}''', people.id('client'))), '403', 'DELETE /members: a viewer');
SELECT is(people.answer('editor', format('SELECT auth_api.member_remove(%L) #>> ''{error,status}''', people.id('client'))), '403', 'DELETE /members: an editor');
SELECT is(people.answer('admin', format('SELECT auth_api.member_remove(%L) #>> ''{error,status}''', people.id('owner'))), '403', 'DELETE /members: an admin does not remove an owner');
SELECT is(people.answer('admin', format('SELECT auth_api.member_remove(%L) #>> ''{removed}''', people.id('client'))), people.id('client')::text, 'DELETE /members: an admin');
SELECT is(people.answer('owner', format('SELECT auth_api.member_remove(%L) #>> ''{error,code}''', people.id('owner'))), 'last_owner', 'DELETE /members: the last owner stays');

SELECT * FROM finish();
ROLLBACK;
