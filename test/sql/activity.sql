-- The activity log: whose rows each role sees.
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
SELECT plan(28);

SELECT people.add('boss', 'OWNER') \g /dev/null
SELECT people.add('clerk', 'clerk') \g /dev/null
CREATE FUNCTION pg_temp.sees(who text, arguments text DEFAULT '') RETURNS text LANGUAGE sql AS $$
	SELECT coalesce(a #>> '{error,code}', (a ->> 'scope') || ': ' || coalesce((SELECT string_agg(e ->> 'event', ' ' ORDER BY e ->> 'event' COLLATE "C") FROM jsonb_array_elements(a -> 'activity') AS e), ''))
	FROM (SELECT people.answer(who, format('SELECT auth_api.activity(%s)', arguments))::jsonb) AS v (a)
$$;
CREATE FUNCTION pg_temp.happens(event text, who text, tenant text DEFAULT 'north') RETURNS void LANGUAGE sql AS $$
	INSERT INTO auth.audit_log (event, outcome, user_id, tenant_id) VALUES (event, 'success', people.id(who), people.id(tenant))
$$;
SELECT pg_temp.happens('boss_login', 'boss'), pg_temp.happens('clerk_login', 'clerk') \g /dev/null

-- without a preset
SELECT is(pg_temp.sees('boss'), 'tenant: boss_login clerk_login', 'an owner sees all of the tenant''s');
SELECT is(pg_temp.sees('clerk'), 'own: clerk_login', 'others their own');

-- Intrex
SELECT isnt_empty($$SELECT * FROM auth.use_preset('intrex')$$, 'the preset of Intrex');
DELETE FROM auth.audit_log;
SELECT people.add('hq', 'head_office_admin') \g /dev/null
SELECT people.add('east', 'branch_manager', units => ARRAY['u_east']) \g /dev/null
SELECT people.add('op_east', 'operator', units => ARRAY['u_east']) \g /dev/null
SELECT people.add('op_west', 'operator', units => ARRAY['u_west']) \g /dev/null
SELECT people.add('far', 'head_office_admin', 'south') \g /dev/null
SELECT people.add('sue', NULL, '', '{}', true) \g /dev/null
SELECT people.add('out', NULL, '') \g /dev/null
SELECT pg_temp.happens(who, who) FROM unnest(ARRAY['hq', 'east', 'op_east', 'op_west']) AS who \g /dev/null
SELECT pg_temp.happens('far', 'far', 'south'), pg_temp.happens('op_east_elsewhere', 'op_east', 'south') \g /dev/null
SELECT is(pg_temp.sees('hq'), 'tenant: east hq op_east op_west', 'Head Office Admin: all activity of the tenant');
SELECT is(pg_temp.sees('east'), 'unit: east op_east', 'Branch Manager: that of the branch');
SELECT is(pg_temp.sees('op_east'), 'own: op_east op_east_elsewhere', 'Operator: his own');
SELECT is(pg_temp.sees('op_west'), 'own: op_west', 'of another branch: his own');
SELECT is(pg_temp.sees('far'), 'tenant: far op_east_elsewhere', 'of another tenant: that tenant''s');
SELECT is(pg_temp.sees('sue'), 'platform: east far hq op_east op_east_elsewhere op_west', 'a platform administrator: everything');
SELECT is(pg_temp.sees('out'), 'own: ', 'in no tenant: nothing');
SELECT matches(people.answer('', 'SELECT auth_api.activity()'), '^42501 ', 'nobody');
SELECT is(people.answer('hq', 'SELECT count(*) FROM auth.audit_log'), '42501 permission denied for table audit_log', 'the table itself is nobody''s');
SELECT auth.member_update(people.id('north'), people.id('east'), 'operator') \g /dev/null
SELECT is(pg_temp.sees('east'), 'own: east member_update', 'a role that was lost');
DELETE FROM auth.audit_log WHERE event = 'member_update';

-- what an administrator did is told, but not how he connected
SELECT auth.user_verify_email(people.id('east')) \g /dev/null
SELECT is(people.answer(who, $$SELECT auth_api.activity('user_verify_email') #> '{activity,0,details}' ? 'by_role'$$), answer, 'how an administrator connected: ' || who)
	FROM (VALUES ('east', 'false'), ('hq', NULL), ('sue', 'true')) AS v (who, answer);
SELECT auth.plan_create('gold'), auth.subscription_set(people.id('north'), 'gold', 'active', NULL, 'canary-customer', 'canary-subscription') \g /dev/null
SELECT is(people.answer(who, $$SELECT (auth_api.activity('subscription_set') #> '{activity,0,details}') - 'by_role' - 'by_user'$$)::jsonb, answer::jsonb, 'a subscription: ' || who) FROM (VALUES
	('hq', '{"plan": "gold", "status": "active"}'), ('sue', '{"plan": "gold", "status": "active", "external_customer_id": "canary-customer", "external_subscription_id": "canary-subscription"}')) AS v (who, answer);
DELETE FROM auth.audit_log WHERE event IN ('user_verify_email', 'plan_create', 'subscription_set');

-- pages and arguments
SELECT is(pg_temp.sees('hq', $$'east'$$), 'tenant: east', 'one event');
SELECT is(pg_temp.sees('hq', $$'nothing'$$), 'tenant: ', 'one that did not happen');
SELECT is(pg_temp.sees('hq', '"limit" => 2'), 'tenant: op_east op_west', 'a page');
SELECT is(pg_temp.sees('hq', format('"limit" => 2, before => %s', (people.answer('hq', $$SELECT auth_api.activity("limit" => 2) ->> 'next'$$)))), 'tenant: east hq', 'the next one');
SELECT is(people.answer('hq', $$SELECT auth_api.activity("limit" => 4) ->> 'next'$$), NULL, 'the last one has no next');
SELECT is(pg_temp.sees('hq', '"limit" => 0'), 'validation_failed', 'limit 0');
SELECT is(pg_temp.sees('hq', '"limit" => 1001'), 'validation_failed', 'limit 1001');
SELECT is(pg_temp.sees('hq', '"limit" => -2147483648'), 'validation_failed', 'the least integer');
SELECT is(pg_temp.sees('hq', 'before => -1'), 'tenant: ', 'before the first');
SELECT is(people.answer('op_east', format('SELECT count(*) FROM jsonb_array_elements(auth_api.activity() -> ''activity'') AS a WHERE a ->> ''user_id'' <> %L', people.id('op_east'))), '0', 'nothing about others');

SELECT * FROM finish();
ROLLBACK;
