-- Consent: auth_api.consent_grant, auth_api.consent_revoke and auth_api.consents, auth.has_consent in policies, administration.
\set ECHO none
\set QUIET 1
\pset format unaligned
\pset tuples_only true
\set VERBOSITY terse
\getenv abs_srcdir PG_ABS_SRCDIR
\set include :abs_srcdir '/include/accounts.psql'

BEGIN;
\i :include
SELECT pg_temp.clean() \g /dev/null
SELECT plan(112);

SELECT pg_temp.user_(n) FROM unnest(ARRAY['ann', 'bob', 'eve', 'root']) AS n \g /dev/null
UPDATE auth.users SET is_super_admin = true WHERE id = pg_temp.u('root');
SELECT pg_temp.tenant('north', 'ann', 'bob'), pg_temp.tenant('south', 'ann', 'eve') \g /dev/null
SELECT pg_temp.login('ann@accounts.example', pg_temp.t('north')) AS ann, pg_temp.login('bob@accounts.example') AS bob,
	pg_temp.login('eve@accounts.example') AS eve, pg_temp.login('root@accounts.example') AS root \gset
CREATE FUNCTION pg_temp.mine(query text) RETURNS text LANGUAGE sql AS $$ SELECT pg_temp.explain(query, 'authenticated') $$;
CREATE FUNCTION pg_temp.nobody() RETURNS void LANGUAGE sql AS $$ SELECT set_config('intrex_auth.token', '', true) $$;
-- What an expression gives a database role: the value, or SQLSTATE and message.
CREATE FUNCTION pg_temp.as(role name, expression text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	answer text;
BEGIN
	EXECUTE format('SET LOCAL ROLE %I', role);
	EXECUTE 'SELECT ' || expression INTO answer;
	RESET ROLE;
	RETURN answer;
EXCEPTION WHEN OTHERS THEN
	RETURN SQLSTATE || ' ' || SQLERRM;
END
$$;
CREATE FUNCTION pg_temp.has(purpose text, who text DEFAULT NULL) RETURNS text LANGUAGE sql AS $$
	SELECT pg_temp.as('authenticated', format('auth.has_consent(%L%s)', purpose, coalesce(', ' || quote_literal(pg_temp.u(who)), '')))
$$;

-- nobody
SELECT pg_temp.nobody() \g /dev/null
SELECT is(pg_temp.mine(call), '401 no_authorization: Authentication required', call || ' needs somebody')
	FROM unnest(ARRAY['consent_grant(''ai_interaction'')', 'consent_grant(NULL)', 'consent_revoke(''ai_interaction'')', 'consents()']) AS call;
SELECT is(left(pg_temp.say(call, 'anon'), 5), '42501', 'anon may not call ' || call)
	FROM unnest(ARRAY['consent_grant(''ai_interaction'')', 'consent_revoke(''ai_interaction'')', 'consents()']) AS call;
SELECT is(pg_temp.as('anon', 'auth.has_consent(''ai_interaction'')'), 'false', 'who is nobody has consented to nothing');
SELECT is(pg_temp.as('anon', format('auth.has_consent(''ai_interaction'', %L)', pg_temp.u('ann'))), 'false', 'and learns of nobody');
SELECT is(pg_temp.as('anon', 'auth.has_consent(''marketing'')'), '22023 unknown purpose of a consent', 'a purpose that there is not');

-- saying so
SELECT is(pg_temp.as_user(:'ann'::jsonb ->> 'access_token'), 'ann@accounts.example', 'Ann');
SELECT is(pg_temp.has(p), 'false', 'has not consented to ' || p) FROM unnest(ARRAY['data_processing', 'ai_interaction', 'data_retention']) AS p;
SELECT is(pg_temp.call('consents()', 'authenticated') #- '{consents,0,description}' #- '{consents,1,description}' #- '{consents,2,description}', '{"consents": [
	{"at": null, "granted": false, "purpose": "ai_interaction", "current_version": null, "document_version": null},
	{"at": null, "granted": false, "purpose": "data_processing", "current_version": null, "document_version": null},
	{"at": null, "granted": false, "purpose": "data_retention", "current_version": null, "document_version": null}]}', 'and is shown what there is');
SELECT is(pg_temp.call('consent_grant(''ai_interaction'', ''2026-01'')', 'authenticated') - 'at',
	'{"granted": true, "purpose": "ai_interaction", "document_version": "2026-01"}', 'she consents');
SELECT is(pg_temp.trail(), 'consent_grant success ann@accounts.example', 'it is in the trail');
SELECT is((SELECT details FROM auth.audit_log ORDER BY id DESC LIMIT 1), '{"purpose": "ai_interaction", "document_version": "2026-01"}', 'with what it was');
SELECT is(pg_temp.has('ai_interaction'), 'true', 'now she has, in the same transaction');
SELECT is(pg_temp.has('data_processing'), 'false', 'to this alone');
SELECT is((SELECT concat_ws(' ', user_id = pg_temp.u('ann'), purpose, granted, document_version, by_user = user_id, by_role = session_user,
		address IS NOT DISTINCT FROM auth.client_address(), at <= clock_timestamp()) FROM auth.consents),
	't ai_interaction t 2026-01 t t t t', 'who, what, when, where from, on which text');
SELECT is(pg_temp.call('consent_revoke(''ai_interaction'')', 'authenticated') - 'at', '{"granted": false, "purpose": "ai_interaction", "document_version": null}', 'she withdraws it');
SELECT is(pg_temp.has('ai_interaction'), 'false', 'now she has not');
SELECT is(pg_temp.trail(), 'consent_revoke success ann@accounts.example', 'it is in the trail');
SELECT is((SELECT string_agg(granted::text, ' ' ORDER BY id) FROM auth.consents), 'true false', 'two rows');
SELECT is(pg_temp.call('consent_grant(''ai_interaction'')', 'authenticated') -> 'granted', 'true', 'and consents again');
SELECT is(pg_temp.call('consent_grant(''ai_interaction'')', 'authenticated') -> 'granted', 'true', 'and again');
SELECT is((SELECT count(*) FROM auth.consents), 4::bigint, 'each a row');
SELECT is(pg_temp.call('consents()', 'authenticated') #>> '{consents,0,granted}', 'true', 'the latest counts');
SELECT is(pg_temp.call('consent_revoke(''data_retention'')', 'authenticated') -> 'granted', 'false', 'what was never given can be refused');
SELECT is(pg_temp.read_only('consents()', 'authenticated') LIKE '{"consents"%', true, 'a GET shows them');
SELECT is(pg_temp.read_only('consent_grant(''ai_interaction'')', 'authenticated') LIKE '25006%', true, 'and changes nothing');

-- refusals
SELECT is(pg_temp.mine(call), expected, call) FROM (VALUES
	(1, 'consent_grant(NULL)', '400 validation_failed: purpose is required'),
	(2, 'consent_grant('''')', '400 validation_failed: purpose is required'),
	(3, 'consent_grant(''ai_interactions'')', '400 validation_failed: purpose is not known'),
	(4, 'consent_grant(''AI_INTERACTION'')', '400 validation_failed: purpose is not known'),
	(5, 'consent_grant(repeat(''x'', 1000000))', '400 validation_failed: purpose is not known'),
	(6, 'consent_grant(E''ai_interaction\n'')', '400 validation_failed: purpose is not known'),
	(7, 'consent_grant(''ai_interaction'', '''')', '400 validation_failed: document_version is not valid'),
	(8, 'consent_grant(''ai_interaction'', E''a\u202Eb'')', '400 validation_failed: document_version is not valid'),
	(9, 'consent_grant(''ai_interaction'', repeat(''x'', 201))', '400 validation_failed: document_version is not valid'),
	(10, 'consent_grant(''ai_interaction'', repeat(''x'', 1000000))', '400 validation_failed: document_version is not valid'),
	(11, 'consent_revoke(NULL)', '400 validation_failed: purpose is required'),
	(12, 'consent_revoke(''marketing'')', '400 validation_failed: purpose is not known')) AS c (n, call, expected) ORDER BY n;
SELECT is((SELECT count(*) FROM auth.consents), 5::bigint, 'none of these is a row');

-- who learns of whom: Ann is in North and South, Bob in North, Eve in South
SELECT is(pg_temp.as_user(:'bob'::jsonb ->> 'access_token'), 'bob@accounts.example', 'Bob');
SELECT is(pg_temp.has('ai_interaction'), 'false', 'has said nothing');
SELECT is(pg_temp.has('ai_interaction', 'ann'), 'true', 'and sees that of his colleague');
SELECT is(pg_temp.has('data_processing', 'ann'), 'false', 'also what she has not');
SELECT is(pg_temp.as_user(:'eve'::jsonb ->> 'access_token'), 'eve@accounts.example', 'Eve');
SELECT is(pg_temp.call('consent_grant(''ai_interaction'')', 'authenticated') -> 'granted', 'true', 'consents');
SELECT is(pg_temp.as_user(:'bob'::jsonb ->> 'access_token'), 'bob@accounts.example', 'Bob');
SELECT is(pg_temp.has('ai_interaction', 'eve'), 'false', 'does not see that of somebody outside his tenant');
SELECT is(pg_temp.as('authenticated', 'auth.has_consent(''ai_interaction'', gen_random_uuid())'), 'false', 'it is as of nobody');
SELECT is(pg_temp.as('authenticated', 'auth.has_consent(''ai_interaction'', NULL)'), 'false', 'NULL is nobody');
SELECT is(pg_temp.has('marketing', 'eve'), pg_temp.has('marketing', 'ann'), 'a typing error is the same error for all');
SELECT is(pg_temp.has('marketing'), '22023 unknown purpose of a consent', 'a typing error is an error');
SELECT is(pg_temp.as('authenticated', 'auth.has_consent(NULL)'), '22023 unknown purpose of a consent', 'so is NULL');
SELECT is(pg_temp.as_user(:'ann'::jsonb ->> 'access_token'), 'ann@accounts.example', 'Ann, in North,');
SELECT is(pg_temp.has('ai_interaction', 'eve'), 'false', 'does not see that of Eve, with whom she is in South');
SELECT is(pg_temp.as_user(:'root'::jsonb ->> 'access_token'), 'root@accounts.example', 'a platform administrator');
SELECT is(pg_temp.has('ai_interaction', 'eve') || pg_temp.has('ai_interaction', 'ann'), 'truetrue', 'sees all');
SELECT pg_temp.nobody() \g /dev/null
SELECT is(pg_temp.as('auth_admin', format('auth.has_lgpd_consent(%L, ''ai_interaction'')', pg_temp.u('eve'))), 'true', 'so does auth_admin');
SELECT is(pg_temp.as('auth_admin', format('auth.has_lgpd_consent(%L, ''data_retention'')', pg_temp.u('eve'))), 'false', 'of each purpose');
SELECT is(pg_temp.as('auth_admin', 'auth.has_lgpd_consent(NULL, ''marketing'')'), '22023 unknown purpose of a consent', 'and a typing error is an error');
SELECT is(left(pg_temp.as(role, format('auth.has_lgpd_consent(%L, ''ai_interaction'')', pg_temp.u('eve'))), 5), '42501', role || ' may not ask so')
	FROM unnest(ARRAY['anon', 'authenticated', 'auth_platform']) AS role;

-- append-only, for administrators too
SELECT is(left(pg_temp.as(role, format('1 FROM (%s) AS x', query)), 5), expected, format('%s: %s', role, query)) FROM (VALUES
	('auth_admin', 'SELECT count(*) FROM auth.consents', '1'),
	('authenticated', 'SELECT count(*) FROM auth.consents', '42501'),
	('anon', 'SELECT count(*) FROM auth.consents', '42501')) AS q (role, query, expected);
SELECT is_empty($$
	SELECT role, privilege FROM unnest(ARRAY['anon', 'authenticated', 'auth_platform', 'auth_admin']) AS role,
		unnest(ARRAY['INSERT', 'UPDATE', 'DELETE', 'TRUNCATE', 'TRIGGER', 'REFERENCES']) AS privilege
	WHERE has_table_privilege(role, 'auth.consents', privilege) OR has_table_privilege(role, 'auth.consent_purposes', privilege)
		OR (privilege IN ('INSERT', 'UPDATE', 'REFERENCES') AND has_any_column_privilege(role, 'auth.consents', privilege))
$$, 'nobody writes the tables');

-- in policies: computed once per query, by one probe of the index
CREATE SCHEMA consent_test;
GRANT USAGE ON SCHEMA consent_test TO authenticated;
CREATE TABLE consent_test.prompts (user_id uuid, text text);
GRANT SELECT, INSERT ON consent_test.prompts TO authenticated;
ALTER TABLE consent_test.prompts ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON consent_test.prompts USING (user_id = (SELECT auth.uid()) AND (SELECT auth.has_consent('ai_interaction')));
INSERT INTO consent_test.prompts SELECT pg_temp.u('ann'), 'hello' FROM generate_series(1, 1000);
CREATE FUNCTION pg_temp.plan() RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	line text;
	plan text := '';
BEGIN
	SET LOCAL ROLE authenticated;
	FOR line IN EXPLAIN (COSTS OFF, VERBOSE) SELECT * FROM consent_test.prompts LOOP
		plan := plan || line || E'\n';
	END LOOP;
	RESET ROLE;
	RETURN plan;
END
$$;
SELECT matches(pg_temp.plan(), 'InitPlan .*\n.*\n.*has_consent', 'an InitPlan');
SELECT is(pg_temp.as_user(:'ann'::jsonb ->> 'access_token'), 'ann@accounts.example', 'Ann');
SELECT is(pg_temp.as('authenticated', 'count(*) FROM consent_test.prompts'), '1000', 'with consent the rows are there');
SELECT pg_temp.call('consent_revoke(''ai_interaction'')', 'authenticated') \g /dev/null
SELECT is(pg_temp.as('authenticated', 'count(*) FROM consent_test.prompts'), '0', 'in the statement after its end they are not');
SELECT is(pg_temp.as('authenticated', '1 FROM (INSERT INTO consent_test.prompts VALUES (auth.uid(), ''x'')) AS x') LIKE '42%', true, 'nor can one be added');
INSERT INTO auth.consents (user_id, purpose, granted, by_role) SELECT u.id, p, n % 2 = 0, 'test'
	FROM auth.users AS u, unnest(ARRAY['data_processing', 'ai_interaction']) AS p, generate_series(1, 500) AS n;
ANALYZE auth.consents;
CREATE FUNCTION pg_temp.probe() RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	plan json;
BEGIN
	EXECUTE format('EXPLAIN (FORMAT JSON) SELECT c.granted FROM auth.consents AS c WHERE c.user_id = %L AND c.purpose = ''ai_interaction'' ORDER BY c.id DESC LIMIT 1', pg_temp.u('ann')) INTO plan;
	RETURN concat_ws(' ', plan #>> '{0,Plan,Plans,0,Node Type}', plan #>> '{0,Plan,Plans,0,Scan Direction}', plan #>> '{0,Plan,Plans,0,Index Name}');
END
$$;
SELECT is(pg_temp.probe(), 'Index Only Scan Backward consents_pkey', 'one probe, also of many rows');

-- administration
CREATE FUNCTION pg_temp.admin(expression text) RETURNS text LANGUAGE sql AS $$ SELECT pg_temp.as('auth_admin', expression) $$;
SELECT is(pg_temp.admin('auth.consent_purpose_set(''marketing'', ''Letters'', ''v2'')'), '', 'a purpose is added');
SELECT is(pg_temp.admin('string_agg(name || coalesce('' '' || document_version, ''''), '', '') FROM auth.consent_purpose_list()'),
	'ai_interaction, data_processing, data_retention, marketing v2', 'and there');
SELECT is(pg_temp.admin('auth.consent_purpose_set(' || arguments || ')'), expected, 'refused: ' || arguments) FROM (VALUES
	('NULL', '22023 name is not valid'), ('''''', '22023 name is not valid'), ('''Marketing''', '22023 name is not valid'), ('repeat(''x'', 1000000)', '22023 name is not valid'),
	('''x'', repeat(''x'', 1000000)', '22023 description is too long'), ('''x'', NULL, ''''', '22023 document_version is not valid')) AS a (arguments, expected);
SELECT is(pg_temp.as_user(:'ann'::jsonb ->> 'access_token'), 'ann@accounts.example', 'Ann');
SELECT is(pg_temp.mine('consent_grant(''marketing'', ''v1'')'), '409 document_outdated: Another version of this document is in force', 'consents to no text but that in force');
SELECT is(pg_temp.call('consent_grant(''marketing'')', 'authenticated') ->> 'document_version', 'v2', 'which is recorded when she names none');
SELECT pg_temp.nobody() \g /dev/null
SELECT is(pg_temp.admin('auth.consent_purpose_remove(''marketing'')'), '23503 there are consents to this purpose', 'a purpose with consents stays');
SELECT is(pg_temp.admin('auth.consent_purpose_remove(''data_retention'')'), 'P0002 purpose not found', 'so does one that is always there');
SELECT is(pg_temp.admin('auth.consent_purpose_set(''unused'')') || pg_temp.admin('auth.consent_purpose_remove(''unused'')'), '', 'one without goes');
SELECT is(pg_temp.admin(format('auth.consent_record(%L, ''data_retention'', true, ''paper'')', pg_temp.u('bob'))), '', 'a consent on paper is recorded');
SELECT is((SELECT concat_ws(' ', granted, document_version, by_user IS NULL) FROM auth.consents ORDER BY id DESC LIMIT 1), 't paper t', 'not as said by him');
SELECT is(pg_temp.trail(), 'consent_record success bob@accounts.example', 'it is in the trail');
SELECT is(pg_temp.admin(format('auth.consent_record(%s)', arguments)), expected, 'refused: ' || expected) FROM (VALUES
	('NULL, ''data_retention'', true', 'P0002 user not found'), (format('%L, ''nothing'', true', pg_temp.u('bob')), '22023 unknown purpose of a consent'),
	(format('%L, ''data_retention'', NULL', pg_temp.u('bob')), '22023 granted is required')) AS a (arguments, expected);

-- with permissions: of those whose rows the caller may read.  Ann and Bob are in North
SELECT pg_temp.nobody() \g /dev/null
DELETE FROM auth.consents;
SELECT auth.consent_record(pg_temp.u('ann'), 'ai_interaction', true), auth.consent_record(pg_temp.u('bob'), 'ai_interaction', true), auth.consent_record(pg_temp.u('eve'), 'ai_interaction', true) \g /dev/null
SELECT count(*) AS loaded FROM auth.use_preset('neonpro') \gset
SELECT auth.resource_create('letters'), auth.role_create('courier', 5), auth.permission_set('courier', 'letters', 'read', 'unit') \g /dev/null
SELECT auth.role_create('gate', 4), auth.permission_set('gate', 'letters', 'create', 'tenant') \g /dev/null
CREATE FUNCTION pg_temp.sees(role text, units text DEFAULT '{}', his_units text DEFAULT '{}') RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	PERFORM set_config('intrex_auth.token', '', true);
	UPDATE auth.memberships SET role = 'patient', unit_ids = his_units::uuid[] WHERE tenant_id = pg_temp.t('north') AND user_id = pg_temp.u('ann');
	UPDATE auth.memberships SET role = sees.role, unit_ids = units::uuid[] WHERE tenant_id = pg_temp.t('north') AND user_id = pg_temp.u('bob');
	PERFORM pg_temp.as_user(current_setting('consent_test.bob'));
	RETURN concat_ws(' ', CASE WHEN pg_temp.has('ai_interaction')::boolean THEN 'own' END, CASE WHEN pg_temp.has('ai_interaction', 'ann')::boolean THEN 'Ann' END,
		CASE WHEN pg_temp.has('ai_interaction', 'eve')::boolean THEN 'Eve' END);
END
$$;
SELECT set_config('consent_test.bob', :'bob'::jsonb ->> 'access_token', true) \g /dev/null
SELECT is(pg_temp.sees(role), seen, role || ': ' || seen) FROM (VALUES ('clinic_admin', 'own Ann'), ('clinic_manager', 'own Ann'), ('staff', 'own Ann'),
	('professional', 'own'), ('patient', 'own'), ('gate', 'own'), ('courier', 'own')) AS v (role, seen);
SELECT is(pg_temp.sees('courier', '{00000000-0000-4000-8000-000000000001}', '{00000000-0000-4000-8000-000000000002}'), 'own', 'of another unit');
SELECT is(pg_temp.sees('courier', '{00000000-0000-4000-8000-000000000001}', '{00000000-0000-4000-8000-000000000002,00000000-0000-4000-8000-000000000001}'), 'own Ann', 'of his unit');
SELECT pg_temp.nobody(), auth.assignment_add(pg_temp.t('north'), pg_temp.u('bob'), pg_temp.u('ann')) \g /dev/null
SELECT is(pg_temp.sees('professional'), 'own Ann', 'a professional, of a patient whom he is assigned to');
SELECT is(pg_temp.sees('patient'), 'own', 'which helps no other');
SELECT pg_temp.nobody(), auth.assignment_add(pg_temp.t('north'), pg_temp.u('bob'), pg_temp.u('ann'), now() - interval '1 s') \g /dev/null
SELECT is(pg_temp.sees('professional'), 'own', 'nor when it has ended');
SELECT pg_temp.nobody(), auth.permission_deny('staff', 'patient_data', 'read'), auth.permission_deny('staff', r, 'read') FROM unnest(ARRAY['agent_sessions', 'agent_messages', 'agent_context']) AS r \g /dev/null
SELECT is(pg_temp.sees('staff'), 'own', 'who is denied to read anything');
SELECT is(pg_temp.as_user(:'root'::jsonb ->> 'access_token') || ' ' || pg_temp.has('ai_interaction', 'eve') || pg_temp.has('ai_interaction', 'ann'), 'root@accounts.example truetrue', 'a platform administrator sees all');

SELECT * FROM finish();
ROLLBACK;
