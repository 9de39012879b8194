-- The neonpro seed: its roles over its six resources, and its sample routes.
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
SELECT plan(185);

SELECT isnt_empty($$SELECT * FROM auth.use_preset('neonpro')$$, 'the preset is loaded');
SELECT set_has($$SELECT unnest(setconfig) FROM pg_db_role_setting WHERE setrole = 0$$,
	$$VALUES ('intrex_auth.max_token_lifetime=24h'), ('intrex_auth.token_delivery=cookie'),
		('intrex_auth.single_session=replace')$$,
		'a login ends the session before; no token lives longer than 24 hours; secure cookies');
SELECT people.add(r, r, units => ARRAY['unit of ' || r]) FROM unnest(ARRAY['clinic_admin', 'clinic_manager', 'professional', 'staff', 'patient']) AS r \g /dev/null
SELECT people.add('admin', NULL, '', '{}', true) \g /dev/null
SELECT people.make_tables() \g /dev/null

-- read, create, update, delete; write is create and update
SELECT people.cells(who, resource, letters) FROM (VALUES
	-- Admin: full access to all resources across the entire system
	('admin', 'patient_data', 'PPPP'), ('admin', 'financial_data', 'PPPP'), ('admin', 'agent_sessions', 'PPPP'), ('admin', 'agent_audit', 'PPPP'),
	-- Clinic Admin: clinic-wide access to all patients and staff
	('clinic_admin', 'agent_sessions', 'TTTT'), ('clinic_admin', 'agent_messages', 'TTTT'), ('clinic_admin', 'agent_context', 'TTTT'),
	('clinic_admin', 'agent_audit', 'TTTT'), ('clinic_admin', 'patient_data', 'TTTT'), ('clinic_admin', 'financial_data', 'TTTT'),
	('clinic_manager', 'agent_sessions', 'TTT-'), ('clinic_manager', 'agent_messages', 'TTT-'), ('clinic_manager', 'agent_context', 'TTT-'),
	('clinic_manager', 'agent_audit', 'T---'), ('clinic_manager', 'patient_data', 'TTT-'), ('clinic_manager', 'financial_data', 'TTT-'),
	-- Professional: assigned patients only
	('professional', 'agent_sessions', 'AAA-'), ('professional', 'agent_messages', 'AAA-'), ('professional', 'agent_context', 'AAA-'),
	('professional', 'agent_audit', '----'), ('professional', 'patient_data', 'AAA-'), ('professional', 'financial_data', '----'),
	-- Staff: read-only for most data types, no financial data
	('staff', 'agent_sessions', 'T---'), ('staff', 'agent_messages', 'T---'), ('staff', 'agent_context', 'T---'),
	('staff', 'agent_audit', '----'), ('staff', 'patient_data', 'T---'), ('staff', 'financial_data', '----'),
	-- Patient: own data only; what an agent does with them needs consent
	('patient', 'agent_sessions', '----'), ('patient', 'agent_messages', '----'), ('patient', 'agent_context', '----'),
	('patient', 'agent_audit', '----'), ('patient', 'patient_data', 'O---'), ('patient', 'financial_data', 'O---'),
	('', 'patient_data', '----'), ('', 'financial_data', '----')
) AS v (who, resource, letters);

-- professionals reach the rows of a patient that they are assigned to, and no longer than that
SELECT is(people.answer('professional', 'SELECT count(*) FROM people.patient_data'), '0', 'a patient that is not assigned');
INSERT INTO people.patient_data (id, tenant_id, owner_id, kind) SELECT people.id('record ' || n), people.id('north'), people.id('patient'), 'record' FROM generate_series(1, 3) AS n;
SELECT auth.assignment_add(people.id('north'), people.id('professional'), people.id('patient')) \g /dev/null
SELECT is(people.answer('professional', 'SELECT count(*) FROM people.patient_data'), '3', 'assigned: all of his records');
SELECT auth.assignment_add(people.id('north'), people.id('professional'), people.id('patient'), statement_timestamp()) \g /dev/null
SELECT is(people.answer('professional', 'SELECT count(*) FROM people.patient_data'), '0', 'the assignment has ended');
SELECT is(people.answer('patient', 'SELECT count(*) FROM people.patient_data'), '3', 'the patient sees his own');

-- explicit denials have the seed's messages
SELECT is(people.answer('staff', $$SELECT auth.check_permission('read', 'financial_data') ->> 'reason'$$), 'Access denied to financial data', 'staff: financial data');
SELECT is(people.answer('professional', $$SELECT auth.check_permission('read', 'patient_data', people.id('record 1')) ->> 'reason'$$), 'Access denied to patient data', 'GET /api/patients/:id: not assigned');
SELECT is(people.answer('professional', $$SELECT auth.require_permission('read', 'financial_data')$$), '42704 there is no resource "read"', 'arguments in the wrong order are an error');
SELECT is(people.answer('staff', $$SELECT auth.require_permission('financial_data', 'read')$$), '42501 Access denied to financial data', 'and raised');
SELECT auth.permission_set('staff', 'financial_data', 'read', 'tenant') \g /dev/null
SELECT is(people.answer('staff', $$SELECT auth.can('financial_data', 'write')$$), 'false', 'the other denials stay');
SELECT auth.permission_set('staff', 'financial_data', 'admin', 'tenant') \g /dev/null
SELECT is(people.answer('staff', $$SELECT auth.can('financial_data', 'write')$$), 'false', 'whatever else allows it');

-- requireAuth, requireAuth([roles])
SELECT is(people.answer(who, $$SELECT auth.require_role('admin', 'clinic_admin') IS NOT NULL$$), answer, 'GET /api/admin-data: ' || who)
	FROM (VALUES ('admin', 'true'), ('clinic_admin', 'true'), ('professional', '42501 Insufficient permissions'), ('patient', '42501 Insufficient permissions'), ('', '28000 Authentication required')) AS v (who, answer);
SELECT is(people.answer(who, $$SELECT auth.require_role('professional', 'admin') IS NOT NULL$$), answer, 'GET /api/patients/:id: ' || who)
	FROM (VALUES ('admin', 'true'), ('professional', 'true'), ('clinic_admin', '42501 Insufficient permissions')) AS v (who, answer);
SELECT is(people.answer(who, 'SELECT auth.require_auth() IS NOT NULL'), answer, 'GET /api/protected: ' || who)
	FROM (VALUES ('patient', 'true'), ('', '28000 Authentication required')) AS v (who, answer);

-- POST /api/agent-sessions: a patient with and without consent
SELECT is(people.answer('patient', $$SELECT auth.check_permission('write', 'agent_sessions', metadata => '{"sessionId": "x"}') -> 'granted'$$), 'false', 'POST /api/agent-sessions: without consent');
SELECT is(people.answer('patient', $$SELECT auth_api.consent_grant('ai_interaction') -> 'error' IS NULL$$), 'true', 'consent');
SELECT is(people.answer('patient', $$SELECT auth.check_permission('write', 'agent_sessions', metadata => '{"sessionId": "x"}') -> 'granted'$$), 'true', 'POST /api/agent-sessions: with it');
SELECT people.cells('patient', resource, letters) FROM (VALUES ('agent_sessions', 'OOO-'), ('agent_messages', 'OOO-'), ('agent_context', 'O---')) AS v (resource, letters);
SELECT is(people.answer('patient', $$SELECT auth_api.consent_revoke('ai_interaction') -> 'error' IS NULL$$), 'true', 'consent withdrawn');
SELECT is(people.reach('patient', 'agent_sessions', 'read'), '', 'bites at once');

-- getUserRoles, getUserPermissions
SELECT is((SELECT concat_ws(' ', role, tenant_id = people.id('north'), scopes) FROM auth.user_roles(people.id('professional'))), 'professional t {assigned}', 'getUserRoles');
SELECT is(auth.user_permissions(people.id('patient')) -> 'effectivePermissions' ? 'financial_data:read', true, 'getUserPermissions');

SELECT * FROM finish();
ROLLBACK;
