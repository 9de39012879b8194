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
SELECT plan(268);

-- names of before: the owner's goes over, others are none any more
SAVEPOINT before;
SELECT people.add('first', 'owner', 'west'), people.add('second', 'editor', 'west'), people.add('third', 'editor', 'west'), people.add('fourth', 'VIEWER', 'west') \g /dev/null
CREATE TEMPORARY TABLE said AS SELECT * FROM auth.use_preset('unipulse');
SELECT results_eq($$SELECT statement FROM said WHERE object = 'members'$$, $$VALUES ('the owners of tenants have the role OWNER'),
	('-- 2 have the role editor, which is none of members: they may do nothing until auth.member_update() gives them another')$$, 'members of before, and those who have nothing now');
ROLLBACK TO before;
SELECT auth.role_create('VIEWER', 5), auth.resource_create('content') \g /dev/null
SELECT throws_ok($$SELECT * FROM auth.use_preset('unipulse')$$, '42710', 'these exist already: resource content, role VIEWER', 'names that are taken are an error');
SELECT auth.role_delete('VIEWER'), auth.resource_delete('content') \g /dev/null
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

-- POST /posts, GET /ai/suggestions, POST /ai/caption/generate: the rank, then the plan of
-- the workspace, then what is left of the month
SELECT auth.feature_create('ai_suggestions'), auth.feature_create('publishing'), auth.feature_create('posts', true), auth.feature_create('ai_generations', true) \g /dev/null
SELECT auth.plan_create('starter'), auth.plan_create('pro') \g /dev/null
SELECT auth.plan_feature_set('starter', 'publishing'), auth.plan_feature_set('starter', 'posts', 2),
	auth.plan_feature_set('pro', 'ai_suggestions'), auth.plan_feature_set('pro', 'publishing'), auth.plan_feature_set('pro', 'posts', unlimited => true), auth.plan_feature_set('pro', 'ai_generations', 3) \g /dev/null
CREATE FUNCTION people.route(who text, rank text, demand text) RETURNS text LANGUAGE sql AS $$
	SELECT CASE WHEN answer ~ '^(true|[0-9]+)$' THEN '200' ELSE answer END
	FROM people.answer(who, format('SELECT auth.require_rank(%L) IS NOT NULL AND (%s) IS NOT NULL', rank, demand)) AS a (answer)
$$;
CREATE FUNCTION people.routes(plan text) RETURNS SETOF text LANGUAGE sql AS $$
	SELECT auth.subscription_set(people.id('north'), plan);
	SELECT is(people.route(who, rank, demand), CASE plan WHEN 'pro' THEN pro ELSE starter END, format('%s, plan %s: %s', route, plan, coalesce(nullif(who, ''), 'nobody')))
	FROM (VALUES
		('GET /ai/suggestions', 'VIEWER', 'auth.require_feature(''ai_suggestions'')', 'owner viewer', '200', '42501 Insufficient permissions'),
		('GET /ai/suggestions', 'VIEWER', 'auth.require_feature(''ai_suggestions'')', 'client', '42501 Insufficient permissions', '42501 Insufficient permissions'),
		('POST /posts', 'EDITOR', 'auth.require_feature(''publishing'')', 'admin editor', '200', '200'),
		('POST /posts', 'EDITOR', 'auth.require_feature(''publishing'')', 'viewer client', '42501 Insufficient permissions', '42501 Insufficient permissions'),
		('POST /ai/caption/generate', 'EDITOR', 'auth.consume_quota(''ai_generations'')', 'owner admin editor', '200', 'PT402 Quota exceeded'),
		('POST /ai/caption/generate', 'EDITOR', 'auth.consume_quota(''ai_generations'')', 'viewer client', '42501 Insufficient permissions', '42501 Insufficient permissions'),
		('POST /ai/caption/generate', 'EDITOR', 'auth.consume_quota(''ai_generations'')', '', '28000 Authentication required', '28000 Authentication required')
	) AS v (route, rank, demand, people, pro, starter), string_to_table(people, ' ') AS who
$$;
SELECT people.routes('starter');
SELECT people.routes('pro');
SELECT is(people.route('editor', 'EDITOR', 'auth.consume_quota(''ai_generations'')'), 'PT402 Quota exceeded', 'POST /ai/caption/generate: three were the month''s');

-- DELETE /members/:memberId
SELECT is(people.answer('viewer', format('SELECT auth_api.member_remove(%L) #>> ''{error,status}''', people.id('client'))), '403', 'DELETE /members: a viewer');
SELECT is(people.answer('editor', format('SELECT auth_api.member_remove(%L) #>> ''{error,status}''', people.id('client'))), '403', 'DELETE /members: an editor');
SELECT is(people.answer('admin', format('SELECT auth_api.member_remove(%L) #>> ''{error,status}''', people.id('owner'))), '403', 'DELETE /members: an admin does not remove an owner');
SELECT is(people.answer('admin', format('SELECT auth_api.member_remove(%L) #>> ''{removed}''', people.id('client'))), people.id('client')::text, 'DELETE /members: an admin');
SELECT is(people.answer('owner', format('SELECT auth_api.member_remove(%L) #>> ''{error,code}''', people.id('owner'))), 'last_owner', 'DELETE /members: the last owner stays');

-- the eighteen models, scoped by their workspaceId in one call
CREATE SCHEMA unipulse;
GRANT USAGE ON SCHEMA unipulse TO anon, authenticated, auth_platform;
CREATE TABLE unipulse.models (name text, resource text);
INSERT INTO unipulse.models SELECT m, r FROM (VALUES
	('content', 'Post PostPublication ConversationThread ConversationMessage ABTest Workflow WorkflowRun EcommerceStore CommerceOrder'),
	('analytics', 'PostMetric AudienceNode AudienceSegment Competitor CompetitorSnapshot EngagementPrediction'),
	('settings', 'SocialAccount WorkspaceUsage Subscription')) AS v (r, models), string_to_table(models, ' ') AS m;
SELECT is(count(*), 18::bigint, 'eighteen models') FROM unipulse.models;
SELECT people.add('elsewhere', 'OWNER', 'south') \g /dev/null
SELECT format('CREATE TABLE unipulse.%I (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), "workspaceId" uuid, note text)', name) FROM unipulse.models \gexec
SELECT format('GRANT SELECT, INSERT, UPDATE, DELETE ON unipulse.%I TO authenticated, anon, auth_platform', name) FROM unipulse.models \gexec
SELECT is((SELECT count(DISTINCT target) FROM auth.protect_schema('unipulse', (SELECT jsonb_object_agg(name, resource) FROM unipulse.models), 'workspaceId') WHERE object = 'registration'),
	18::bigint, 'are protected in one call');
SELECT format('INSERT INTO unipulse.%I ("workspaceId", note) SELECT people.id(t), t FROM unnest(ARRAY[''north'', ''north'', ''south'']) AS t', name) FROM unipulse.models \gexec
SELECT is(people.answer(who, format('SELECT count(*) || '' '' || coalesce(min(note), ''-'') FROM unipulse.%I', name)), answer, format('%s: what %s sees', name, coalesce(nullif(who, ''), 'nobody')))
	FROM unipulse.models, LATERAL (VALUES ('owner', '2 north'), ('editor', CASE resource WHEN 'settings' THEN '0 -' ELSE '2 north' END), ('elsewhere', '1 south'), ('super', '3 north'), ('', '0 -')) AS v (who, answer);
SELECT is(people.answer('editor', format('INSERT INTO unipulse.%I (note) VALUES (''mine'')', name)), CASE resource WHEN 'content' THEN '1' ELSE format('42501 new row violates row-level security policy for table "%s"', name) END,
	format('%s: an editor creates', name)) FROM unipulse.models;
SELECT is_empty($$SELECT * FROM auth.test_isolation() WHERE target LIKE 'unipulse.%' AND verdict <> 'ok'$$, 'and no command crosses workspaces in any of them');

SELECT * FROM finish();
ROLLBACK;
