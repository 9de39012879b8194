-- The sample routes of the seeds, each as a function that does what the seed's handler
-- does, called by every role of its preset, by another tenant's, and by nobody.
\set ECHO none
\set QUIET 1
\pset format unaligned
\pset tuples_only true
\set VERBOSITY terse
SET client_min_messages = warning;
\getenv abs_srcdir PG_ABS_SRCDIR
\set include :abs_srcdir '/include/people.psql'
\set include_routes :abs_srcdir '/include/routes.psql'

-- neonpro ----------------------------------------------------------------------
BEGIN;
SELECT plan(63);
\i :include
\i :include_routes
SELECT count(*) AS ignored FROM auth.use_preset('neonpro') \gset
SELECT people.add(r, r) FROM unnest(ARRAY['clinic_admin', 'clinic_manager', 'professional', 'staff', 'patient']) AS r \g /dev/null
SELECT people.add('colleague', 'professional'), people.add('neighbor', 'patient'), people.add('foreign', 'clinic_admin', 'south'), people.add('admin', NULL, '', '{}', true) \g /dev/null
CREATE TABLE people.patients (id uuid PRIMARY KEY, "clinicId" uuid, "patientId" uuid, name text);
CREATE TABLE people.agent_sessions (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), "clinicId" uuid, "patientId" uuid, metadata jsonb);
SELECT count(*) AS ignored FROM auth.protect('people.patients', 'patient_data', 'clinicId', owner_column => 'patientId') \gset
SELECT count(*) AS ignored FROM auth.protect('people.agent_sessions', 'agent_sessions', 'clinicId', owner_column => 'patientId') \gset
GRANT SELECT, INSERT ON people.patients, people.agent_sessions TO anon, authenticated, auth_platform;
INSERT INTO people.patients VALUES (people.id('record'), people.id('north'), people.id('patient'), 'Pat');
SELECT auth.assignment_add(people.id('north'), people.id('professional'), people.id('patient')) \g /dev/null

CREATE FUNCTION people.protected() RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	PERFORM auth.require_auth();
	RETURN 'Hello ' || auth.email();
END $$;
CREATE FUNCTION people.admin_data() RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	PERFORM auth.require_role('admin', 'clinic_admin');
	RETURN 'data';
END $$;
CREATE FUNCTION people.get_patient(id uuid) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	PERFORM auth.require_role('professional', 'admin');
	IF NOT auth.can_access('patient_data', id) THEN
		RAISE EXCEPTION 'Access denied to patient data' USING ERRCODE = '42501';
	END IF;
	RETURN (SELECT name FROM people.patients AS p WHERE p.id = get_patient.id);
END $$;
CREATE FUNCTION people.post_agent_session(clinic uuid, patient uuid) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	answer jsonb;
BEGIN
	PERFORM auth.require_auth();
	answer := auth.check_permission('write', 'agent_sessions', metadata => '{"sessionId": "s"}');
	IF NOT (answer -> 'granted')::boolean THEN
		RAISE EXCEPTION '%', coalesce(answer ->> 'reason', 'Insufficient permissions') USING ERRCODE = '42501';
	END IF;
	INSERT INTO people.agent_sessions ("clinicId", "patientId") VALUES (clinic, patient);
	RETURN 'created';
END $$;

SELECT people.route(route, call, 'admin clinic_admin clinic_manager professional colleague staff patient neighbor foreign nobody', statuses) FROM (VALUES
	('GET /api/protected', 'people.protected()', '200 200 200 200 200 200 200 200 200 401'),
	('GET /api/admin-data', 'people.admin_data()', '200 200 403 403 403 403 403 403 200 401'),
	('GET /api/patients/:id', 'people.get_patient(people.id(''record''))', '200 403 403 200 403+ 403 403 403 403 401'),
	('GET /api/patients/:none', 'people.get_patient(people.id(''none''))', '403+ 403 403 403+ 403+ 403 403 403 403 401'),
	('POST /api/agent-sessions', 'people.post_agent_session(people.id(''north''), people.id(''patient''))', '200 200 200 200 403* 403 403 403 403* 401'),
	('POST /api/agent-sessions of another clinic', 'people.post_agent_session(people.id(''south''), people.id(''patient''))', '200 403* 403* 403* 403* 403 403 403 200 401')
) AS v (route, call, statuses);
-- what an agent does with a patient's data needs his consent, and stays his own
INSERT INTO auth.consents (user_id, purpose, granted, by_role) SELECT people.id(who), 'ai_interaction', true, 'test' FROM unnest(ARRAY['patient', 'neighbor']) AS who;
SELECT people.route('POST /api/agent-sessions with consent', 'people.post_agent_session(people.id(''north''), people.id(''patient''))', 'patient neighbor staff', '200 403* 403');
SELECT * FROM finish();
ROLLBACK;

-- UniPulse -----------------------------------------------------------------------
BEGIN;
SELECT plan(64);
\i :include
\i :include_routes
SELECT count(*) AS ignored FROM auth.use_preset('unipulse') \gset
SELECT people.add(lower(r), r) FROM unnest(ARRAY['OWNER', 'ADMIN', 'EDITOR', 'VIEWER', 'CLIENT']) AS r \g /dev/null
SELECT people.add('member', 'VIEWER'), people.add('foreign', 'OWNER', 'south'), people.add('super', NULL, '', '{}', true) \g /dev/null
SELECT auth.feature_create('ai_suggestions'), auth.feature_create('publishing'), auth.feature_create('posts', true), auth.feature_create('ai_generations', true) \g /dev/null
SELECT auth.plan_create('pro'), auth.plan_create('free') \g /dev/null
SELECT auth.plan_feature_set('pro', 'ai_suggestions'), auth.plan_feature_set('pro', 'publishing'), auth.plan_feature_set('pro', 'posts', 1), auth.plan_feature_set('pro', 'ai_generations', 1),
	auth.plan_feature_set('free', 'publishing') \g /dev/null
CREATE TABLE people."Post" (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), "workspaceId" uuid, note text);
SELECT count(*) AS ignored FROM auth.protect('people."Post"', 'content', 'workspaceId') \gset
GRANT SELECT, INSERT ON people."Post" TO anon, authenticated, auth_platform;

CREATE FUNCTION people.post_posts() RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	PERFORM auth.require_rank('EDITOR');
	PERFORM auth.require_feature('publishing');
	PERFORM auth.consume_quota('posts');
	INSERT INTO people."Post" (note) VALUES ('new');
	RETURN 'created';
END $$;
CREATE FUNCTION people.ai_suggestions() RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	PERFORM auth.require_rank('VIEWER');
	PERFORM auth.require_feature('ai_suggestions');
	RETURN 'suggestions';
END $$;
CREATE FUNCTION people.ai_caption() RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	PERFORM auth.require_rank('EDITOR');
	PERFORM auth.consume_quota('ai_generations');
	RETURN 'caption';
END $$;
CREATE FUNCTION people.delete_member() RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	PERFORM auth.require_rank('ADMIN');
	RETURN people.endpoint(auth_api.member_remove(people.id('member')));
END $$;
CREATE FUNCTION people.admin_users() RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	PERFORM auth.require_super_admin();
	RETURN people.endpoint(auth_api.admin_users());
END $$;

SELECT auth.subscription_set(people.id('north'), 'pro') \g /dev/null
-- each call is taken back, and with it the quota that it used
SELECT people.route(route, call, 'owner admin editor viewer client foreign super nobody', statuses) FROM (VALUES
	('POST /posts', 'people.post_posts()', '200 200 200 403 403 403 403 401'),
	('GET /ai/suggestions', 'people.ai_suggestions()', '200 200 200 200 403 403 403 401'),
	('POST /ai/caption/generate', 'people.ai_caption()', '200 200 200 403 403 402 403 401'),
	('DELETE /members/:memberId', 'people.delete_member()', '200 200 403 403 403 404 404 401'),
	('GET /admin/users', 'people.admin_users()', '403 403 403 403 403 403 200 401')
) AS v (route, call, statuses);
SELECT auth.usage_set(people.id('north'), q, 1) FROM unnest(ARRAY['posts', 'ai_generations']) AS q \g /dev/null
SELECT people.route(route || ', the month used up', call, 'owner admin editor viewer client nobody', statuses) FROM (VALUES
	('POST /posts', 'people.post_posts()', '402 402 402 403 403 401'), ('POST /ai/caption/generate', 'people.ai_caption()', '402 402 402 403 403 401')) AS v (route, call, statuses);
SELECT auth.subscription_set(people.id('north'), 'free') \g /dev/null
SELECT people.route(route || ', a plan without', call, 'owner admin editor viewer client nobody', statuses) FROM (VALUES
	('GET /ai/suggestions', 'people.ai_suggestions()', '403 403 403 403 403 401'), ('POST /ai/caption/generate', 'people.ai_caption()', '402 402 402 403 403 401')) AS v (route, call, statuses);
SELECT * FROM finish();
ROLLBACK;

-- chalvien -----------------------------------------------------------------------
BEGIN;
SELECT plan(16);
\i :include
\i :include_routes
SELECT count(*) AS ignored FROM auth.use_preset('chalvien') \gset
SELECT people.add('user', NULL, ''), people.add('other', NULL, ''), people.add('admin', NULL, '', '{}', true) \g /dev/null
CREATE TABLE people.orders (id uuid PRIMARY KEY, user_id uuid);
SELECT count(*) AS ignored FROM auth.protect('people.orders', 'orders', tenant_column => NULL, owner_column => 'user_id') \gset
GRANT SELECT ON people.orders TO anon, authenticated, auth_platform;
INSERT INTO people.orders VALUES (people.id('order'), people.id('user'));
CREATE FUNCTION people.get_orders(role text, fewest integer) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	PERFORM auth.require_auth();
	IF role IS NOT NULL THEN
		PERFORM auth.require_role(role);
	END IF;
	RETURN CASE WHEN (SELECT count(*) FROM people.orders) >= fewest THEN 'orders' ELSE '404' END;
END $$;
SELECT people.route(route, call, 'admin user other nobody', statuses) FROM (VALUES
	('GET /api/orders', 'people.get_orders(NULL, 0)', '200 200 200 401'),
	('GET /api/orders, with the order of the user', 'people.get_orders(NULL, 1)', '200 200 404 401'),
	('requireRole("ADMIN")', 'people.get_orders(''ADMIN'', 1)', '200 403 403 401'),
	('requireRole("USER")', 'people.get_orders(''USER'', 0)', '403 200 200 401')
) AS v (route, call, statuses);
SELECT * FROM finish();
ROLLBACK;
