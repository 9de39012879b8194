-- sql/66_plans.sql: plans, features and subscriptions: what they grant, to whom they show, who changes them.
\set ECHO none
\set QUIET 1
\pset format unaligned
\pset tuples_only true
\set VERBOSITY terse

BEGIN;
\getenv abs_srcdir PG_ABS_SRCDIR
\set include :abs_srcdir '/include/plans.psql'
\i :include
SELECT plan(111);

-- administration
SELECT is(pg_temp.admin('auth.plan_create(''free'', ''for a start'')'), '', 'a plan');
SELECT is(pg_temp.admin('auth.plan_create(''pro'')'), '', 'another');
SELECT is(pg_temp.admin('auth.plan_create(''pro'')'), '23505 | a plan with this name, or a default plan, exists already', 'a second one of that name');
SELECT is(pg_temp.admin(format('auth.plan_create(%L)', name)), '22023 | name is not valid', 'no name for a plan: ' || left(name, 10))
	FROM unnest(ARRAY['', 'a b', '1a', repeat('a', 64), 'ä', repeat('x', 1000000)]) AS name;
SELECT is(pg_temp.admin('auth.plan_create(NULL)'), '22023 | name is not valid', 'none at all');
SELECT is(pg_temp.admin(format('auth.plan_create(''ok'', %L)', repeat('x', 1000000))), '22023 | name is not valid', 'a description of a megabyte');
SELECT is(pg_temp.admin('auth.feature_create(''publishing'')'), '', 'a feature');
SELECT is(pg_temp.admin('auth.feature_create(''ai_suggestions'')'), '', 'another');
SELECT is(pg_temp.admin('auth.feature_create(''posts'', metered => true)'), '', 'a metered one');
SELECT is(pg_temp.admin('auth.feature_create(''publishing'')'), '23505 | a feature with this name exists already', 'a second one of that name');
SELECT is(pg_temp.admin('auth.feature_create(NULL)'), '22023 | name is not valid', 'a feature without a name');
SELECT is(pg_temp.admin('auth.plan_feature_set(''pro'', ''publishing'')'), '', 'a plan includes a feature');
SELECT is(pg_temp.admin('auth.plan_feature_set(''pro'', ''posts'', 100)'), '', 'and so much of a metered one');
SELECT is(pg_temp.admin('auth.plan_feature_set(' || arguments || ')'), refusal, 'plan_feature_set: ' || arguments) FROM (VALUES
	('''gone'', ''posts'', 1', 'P0002 | plan not found'), ('NULL, ''posts'', 1', 'P0002 | plan not found'),
	('''pro'', ''post'', 1', '42704 | unknown feature'), ('''pro'', NULL, 1', '42704 | unknown feature'),
	('''pro'', ''posts''', '22023 | a metered feature needs a quota, or unlimited => true'),
	('''pro'', ''posts'', 1, true', '22023 | a metered feature needs a quota, or unlimited => true'),
	('''pro'', ''posts'', NULL, NULL', '22023 | a metered feature needs a quota, or unlimited => true'),
	('''pro'', ''posts'', -1', '22023 | quota must not be negative'),
	('''pro'', ''posts'', -9223372036854775808', '22023 | quota must not be negative'),
	('''pro'', ''publishing'', 1', '22023 | the feature is not metered'),
	('''pro'', ''publishing'', unlimited => true', '22023 | the feature is not metered')) AS v (arguments, refusal);
SELECT is(pg_temp.admin('auth.subscription_set(' || arguments || ')'), refusal, 'subscription_set: ' || arguments) FROM (VALUES
	('gen_random_uuid(), ''pro''', 'P0002 | tenant not found'), ('NULL, ''pro''', 'P0002 | tenant not found'),
	(format('%L, ''gone''', pg_temp.t('paid')), 'P0002 | plan not found'), (format('%L, NULL', pg_temp.t('paid')), 'P0002 | plan not found'),
	(format('%L, ''pro'', ''paused''', pg_temp.t('paid')), '22023 | status is not valid'),
	(format('%L, ''pro'', NULL', pg_temp.t('paid')), '22023 | status is not valid'),
	(format('%L, ''pro'', ''trialing''', pg_temp.t('paid')), '22023 | ends_at is required'),
	(format('%L, ''pro'', ''past_due''', pg_temp.t('paid')), '22023 | ends_at is required'),
	(format('%L, ''pro'', ''trialing'', ''infinity''', pg_temp.t('paid')), '22023 | ends_at must be a moment'),
	(format('%L, ''pro'', external_customer_id => E''a\nb''', pg_temp.t('paid')), '22023 | the external id is not valid'),
	(format('%L, ''pro'', external_subscription_id => repeat(''x'', 256)', pg_temp.t('paid')), '22023 | the external id is not valid')) AS v (arguments, refusal);
SELECT is(pg_temp.admin(format('auth.subscription_remove(%L)', pg_temp.t('paid'))), 'P0002 | the tenant has no subscription', 'nothing to remove');

-- the same rules are in the tables
SELECT throws_ok(query, '23514', NULL, query) FROM unnest(ARRAY[
	'INSERT INTO auth.plans (name) VALUES (''a b'')', 'INSERT INTO auth.features (name) VALUES ('''')',
	'INSERT INTO auth.plan_features (plan, feature, quota) VALUES (''free'', ''posts'', -1)',
	'INSERT INTO auth.plan_features (plan, feature, period) VALUES (''free'', ''posts'', ''day'')',
	'INSERT INTO auth.subscriptions (tenant_id, plan, status) VALUES (pg_temp.t(''paid''), ''pro'', ''trialing'')',
	'INSERT INTO auth.subscriptions (tenant_id, plan, status, ends_at) VALUES (pg_temp.t(''paid''), ''pro'', ''past_due'', ''infinity'')',
	'INSERT INTO auth.usage (tenant_id, quota, period_start, used) VALUES (pg_temp.t(''paid''), ''posts'', ''2026-01-01'', -1)']) AS query;

-- a tenant has what its plan includes
CREATE FUNCTION pg_temp.has() RETURNS text LANGUAGE sql AS $$
	SELECT concat_ws(' ', pg_temp.say('auth.has_feature(''publishing'')'), pg_temp.say('auth.has_feature(''ai_suggestions'')'), pg_temp.say('auth.has_feature(''posts'')'))
$$;
SELECT is(pg_temp.has(), 'false false false', 'nobody has nothing');
SELECT is(pg_temp.sign_in('ann', 'paid'), true, 'a member');
SELECT is(pg_temp.has(), 'false false false', 'without a subscription, nothing');
SELECT is(pg_temp.admin(format('auth.subscription_set(%L, ''pro'', external_customer_id => ''cus_1'', external_subscription_id => ''sub_1'')', pg_temp.t('paid'))), '', 'a subscription');
SELECT is(pg_temp.has(), 'true false true', 'what the plan includes');
SELECT is(pg_temp.admin('auth.plan_feature_set(''pro'', ''ai_suggestions'')') || pg_temp.has(), 'true true true', 'a changed plan counts at once');
SELECT is(pg_temp.admin('auth.plan_feature_unset(''pro'', ''ai_suggestions'')') || pg_temp.has(), 'true false true', 'both ways');
SELECT is(pg_temp.admin('auth.plan_feature_set(''pro'', ''posts'', 0)') || pg_temp.has(), 'true false false', 'a quota of 0 is nothing to have');
SELECT is(pg_temp.admin('auth.plan_feature_set(''pro'', ''posts'', unlimited => true)') || pg_temp.has(), 'true false true', 'no limit is');
SELECT is(pg_temp.say(format('auth.has_feature(%L)', name)), '42704 | unknown feature', 'a typo is an error: ' || left(coalesce(name, 'NULL'), 10))
	FROM unnest(ARRAY['publshing', 'Publishing', '', NULL, repeat('x', 1000000)]) AS name;
SELECT is(pg_temp.sign_in('ann'), true, 'the same user in no tenant');
SELECT is(pg_temp.has(), 'false false false', 'has nothing');
SELECT is(pg_temp.sign_in('root') AND pg_temp.has() = 'false false false', true, 'nor has a platform administrator');

-- what a subscription grants, and until when
CREATE FUNCTION pg_temp.standing(status text, ends interval) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	PERFORM auth.subscription_set(pg_temp.t('paid'), 'pro', status, statement_timestamp() + ends);
	RETURN pg_temp.say('auth.has_feature(''publishing'')') || pg_temp.say('auth.subscription() ->> ''plan''');
END
$$;
SELECT is(pg_temp.sign_in('ann', 'paid'), true, 'a member again');
SELECT is((SELECT string_agg(concat_ws(' ', s.status, s.ends, pg_temp.standing(s.status, s.ends)), '; ' ORDER BY s.n) FROM (VALUES
		(1, 'trialing', interval '1 hour'), (2, 'trialing', '0'), (3, 'active', NULL), (4, 'active', '1 hour'), (5, 'active', '-1 second'),
		(6, 'past_due', '1 hour'), (7, 'past_due', '-1 hour'), (8, 'canceled', NULL), (9, 'canceled', '1 hour'), (10, 'canceled', '-1 hour')) AS s (n, status, ends)),
	'trialing 01:00:00 truepro; trialing 00:00:00; active truepro; active 01:00:00 truepro; active -00:00:01; '
	'past_due 01:00:00 truepro; past_due -01:00:00; canceled; canceled 01:00:00 truepro; canceled -01:00:00', 'states')
	FROM (SELECT set_config('intervalstyle', 'postgres', true)) AS s;
SELECT is((SELECT concat_ws(' ', s.external_customer_id, s.external_subscription_id) FROM auth.subscriptions AS s WHERE s.tenant_id = pg_temp.t('paid')), 'cus_1 sub_1', 'external ids stay');
SELECT is(pg_temp.admin(format('auth.subscription_set(%L, ''pro'', external_subscription_id => ''sub_1'')', pg_temp.t('none'))),
	'23505 | another tenant has this external_subscription_id', 'a subscription has one tenant');
-- a default plan
SELECT is(pg_temp.admin('auth.plan_feature_set(''free'', ''ai_suggestions'')') || pg_temp.admin('auth.plan_update(''free'', is_default => true)'), '', 'a default plan');
SELECT is(pg_temp.has() || pg_temp.say('auth.subscription() ->> ''plan'''), 'false true falsefree', 'takes the place of one that ended');
SELECT is(pg_temp.sign_in('cyd', 'none') AND pg_temp.has() = 'false true false', true, 'and is that of who never had one');
SELECT is(pg_temp.admin('auth.plan_create(''basic'', is_default => true)') || pg_temp.has(), 'false false false', 'a new one gives way to a newer one');
SELECT is(pg_temp.admin('auth.plan_update(''basic'', is_default => false)') || pg_temp.say('(auth.subscription() -> ''plan'')::text'), 'null', 'or to none');
SELECT is(pg_temp.admin('auth.plan_update(''gone'')'), 'P0002 | plan not found', 'no such plan');
-- in the stateless mode a token may name a tenant that is gone
SELECT is(pg_temp.admin('auth.plan_update(''free'', is_default => true)'), '', 'the default again');
SET LOCAL intrex_auth.session_check = off;
DELETE FROM auth.tenants WHERE id = pg_temp.t('none');
SELECT is(pg_temp.has(), 'false false false', 'a deleted tenant has not even the default plan');
SET LOCAL intrex_auth.session_check = on;

-- guards
SELECT is(pg_temp.sign_in('ann', 'paid'), true, 'a member again');
SELECT is(pg_temp.admin(format('auth.subscription_set(%L, ''pro'')', pg_temp.t('paid'))) || pg_temp.say('auth.require_feature(''publishing'')'), '', 'require_feature passes');
SELECT is(pg_temp.say('auth.require_feature(''ai_suggestions'')'), '42501 | Insufficient permissions | The plan "pro" does not include "ai_suggestions".', 'and refuses');
SELECT is(pg_temp.say('auth.require_feature(''ai_suggestion'')'), '42704 | unknown feature', 'a typo');
SET LOCAL request.method = 'POST';
SELECT is(pg_temp.say('auth.require_feature(''ai_suggestions'')'), 'PGRST | {"code": "feature_not_in_plan", "details": "The plan \"pro\" does not include \"ai_suggestions\".", "message": "Insufficient permissions"}'
	' | {"status": 403, "headers": {}}', 'under PostgREST 403');
SELECT is(pg_temp.sign_in('ann'), true, 'in no tenant');
SELECT is((pg_temp.say('auth.require_feature(''publishing'')')) ~ '"details": "No tenant is selected."', true, 'says so');
RESET intrex_auth.token;
SELECT is(pg_temp.say('auth.require_feature(''publishing'')'), 'PGRST | {"code": "no_authorization", "message": "Authentication required"} | {"status": 401, "headers": {"WWW-Authenticate": "Bearer"}}', 'nobody: 401');
SET LOCAL request.method = '';
SELECT is(pg_temp.say('auth.require_feature(''publishing'')'), '28000 | Authentication required', 'nobody');

-- a policy: one look-up for a query, not one for a row
SELECT is(pg_temp.sign_in('ann', 'paid'), true, 'a member again');
CREATE TABLE public.regress_suggestions (n integer);
INSERT INTO public.regress_suggestions SELECT generate_series(1, 1000);
ALTER TABLE public.regress_suggestions ENABLE ROW LEVEL SECURITY;
CREATE POLICY feature ON public.regress_suggestions USING ((SELECT auth.has_feature('ai_suggestions')));
GRANT SELECT ON public.regress_suggestions TO authenticated;
CREATE FUNCTION pg_temp.explain() RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	line text;
	plan text := '';
BEGIN
	FOR line IN EXECUTE 'EXPLAIN (ANALYZE, COSTS off, TIMING off, SUMMARY off) SELECT * FROM public.regress_suggestions' LOOP
		plan := plan || line;
	END LOOP;
	RETURN plan;
END
$$;
SET LOCAL ROLE authenticated;
SELECT matches(pg_temp.explain(), 'InitPlan.*Result \(actual rows=1(\.00)? loops=1\)', 'an InitPlan that runs once');
RESET ROLE;
SELECT is(pg_temp.say('count(*) FROM public.regress_suggestions'), '0', 'no row without the feature');
SELECT is(pg_temp.admin('auth.plan_feature_set(''pro'', ''ai_suggestions'')') || pg_temp.say('count(*) FROM public.regress_suggestions'), '1000', 'every row with it');

-- in a parallel worker, too
SELECT set_config(CASE WHEN current_setting('server_version_num')::integer >= 160000 THEN 'debug_parallel_query' ELSE 'force_parallel_mode' END, 'on', true) \g /dev/null
SELECT is(pg_temp.say('auth.has_feature(''publishing'')') || pg_temp.say('auth.has_quota(''posts'')') || pg_temp.say('count(*) FROM auth.quotas()'), 'truetrue1', 'in a parallel worker, too');
SELECT is(pg_temp.say('auth.consume_quota(''posts'')'), NULL, 'where nothing is counted, because the leader does that');
SELECT is((SELECT sum(u.used)::integer FROM auth.usage AS u), 1, 'and once');
SELECT set_config(CASE WHEN current_setting('server_version_num')::integer >= 160000 THEN 'debug_parallel_query' ELSE 'force_parallel_mode' END, 'off', true) \g /dev/null

-- what a member sees, and that it is all
SELECT is(pg_temp.say('auth.subscription() - ''quotas'''), '{"plan": "pro", "status": "active", "ends_at": null, "features": ["ai_suggestions", "posts", "publishing"], "subscribed_plan": "pro"}',
	'his tenant''s subscription, without the ids of the payment provider');
SELECT is(pg_temp.say('auth_api.subscription() = auth.subscription()'), 'true', 'the endpoint says the same');
SELECT is((SELECT count(*) FROM unnest(ARRAY['plans', 'features', 'plan_features', 'subscriptions', 'usage']) AS name
	WHERE pg_temp.say('count(*) FROM auth.' || name) NOT LIKE '42501 | permission denied for table %'), 0::bigint, 'he reads no table');
SELECT is_empty($$
	SELECT p.oid::regprocedure, role FROM pg_proc AS p, unnest(ARRAY['anon', 'authenticated', 'auth_platform']) AS role
	WHERE p.pronamespace = 'auth'::regnamespace AND p.proname ~ '^(plan_|feature_|subscription_|usage_|_)' AND has_function_privilege(role, p.oid, 'EXECUTE')
$$, 'he calls nothing that changes a plan, a subscription or a counter');
RESET intrex_auth.token;
SELECT is(pg_temp.say('auth_api.subscription() #>> ''{error,code}''') || coalesce(pg_temp.say('auth.subscription()'), ''), 'no_authorization', 'nobody sees nothing');
SELECT is(pg_temp.sign_in('ann'), true, 'in no tenant');
SELECT is(pg_temp.say('auth_api.subscription() #>> ''{error,code}''') || coalesce(pg_temp.say('auth.subscription()'), ''), 'tenant_not_found', 'neither');

-- what goes, and what it takes along
SELECT is(pg_temp.admin('auth.plan_delete(''pro'')'), '23503 | tenants are subscribed to this plan', 'a plan with subscribers stays');
-- what a RESTRICT of the application raises from 18 on, at any version
SAVEPOINT restrict_;
CREATE FUNCTION pg_temp.restrict_() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
	AS $$ BEGIN RAISE EXCEPTION USING ERRCODE = 'restrict_violation', MESSAGE = 'no', DETAIL = 'row image'; END $$;
CREATE TRIGGER restrict_ BEFORE DELETE ON auth.plans FOR EACH ROW EXECUTE FUNCTION pg_temp.restrict_();
CREATE TRIGGER restrict_ BEFORE DELETE ON auth.features FOR EACH ROW EXECUTE FUNCTION pg_temp.restrict_();
SELECT auth.plan_create('referred'), auth.feature_create('referred') \g /dev/null
SELECT is(pg_temp.admin('auth.plan_delete(''referred'')'), '23503 | tenants are subscribed to this plan', 'one that another table refers to');
SELECT is(pg_temp.admin('auth.feature_delete(''referred'')'), '23503 | this feature has been used', 'and such a feature');
ROLLBACK TO restrict_;
SELECT is(pg_temp.admin('auth.plan_delete(''basic'')') || pg_temp.admin('auth.plan_delete(''basic'')'), 'P0002 | plan not found', 'one without goes');
SELECT is(pg_temp.admin('auth.feature_delete(''ai_suggestions'')'), '', 'a feature goes');
SELECT is_empty($$ SELECT FROM auth.plan_features WHERE feature = 'ai_suggestions' $$, 'out of every plan');
SELECT is(pg_temp.admin('auth.feature_delete(''ai_suggestions'')'), '42704 | unknown feature', 'once');
SELECT is(pg_temp.admin(format('auth.subscription_remove(%L)', pg_temp.t('paid'))), '', 'a subscription is removed');
SELECT is_empty($$ SELECT FROM auth.subscriptions WHERE tenant_id = pg_temp.t('paid') $$, 'it is gone');
SELECT is((SELECT string_agg(DISTINCT a.event, ' ' ORDER BY a.event) FROM auth.audit_log AS a WHERE a.at >= now() AND a.event ~ '^(plan|feature|subscription)_' AND a.outcome = 'success'),
	'feature_create feature_delete plan_create plan_delete plan_feature_set plan_feature_unset plan_update subscription_remove subscription_set', 'all of it is in the trail');
SELECT is((SELECT a.details - 'by_user' - 'by_role' - 'as_role' FROM auth.audit_log AS a WHERE a.event = 'subscription_set' AND a.details ? 'external_customer_id' ORDER BY a.id LIMIT 1),
	'{"plan": "pro", "status": "active", "external_customer_id": "cus_1", "external_subscription_id": "sub_1"}', 'with what was set');

SELECT * FROM finish();
ROLLBACK;
