-- sql/67_quotas.sql: what is counted, refused and given back; the trigger; who may not touch the counters.
\set ECHO none
\set QUIET 1
\pset format unaligned
\pset tuples_only true
\set VERBOSITY terse

BEGIN;
\getenv abs_srcdir PG_ABS_SRCDIR
\set include :abs_srcdir '/include/plans.psql'
\i :include
SELECT plan(135);

SELECT auth.plan_create('free'), auth.plan_create('pro'), auth.feature_create('publishing'),
	auth.feature_create('posts', true), auth.feature_create('ai_generations', true), auth.feature_create('exports', true) \g /dev/null
SELECT auth.plan_feature_set('free', 'posts', 3), auth.plan_feature_set('pro', 'posts', 10), auth.plan_feature_set('pro', 'publishing'),
	auth.plan_feature_set('pro', 'ai_generations', unlimited => true) \g /dev/null
SELECT auth.subscription_set(pg_temp.t('free'), 'free'), auth.subscription_set(pg_temp.t('paid'), 'pro') \g /dev/null
SELECT is(pg_temp.sign_in('bob', 'free'), true, 'a member of a tenant with 3 posts a month');

-- counting
SELECT is(pg_temp.say('auth.consume_quota(''posts'')'), '2', 'one is used, two are left');
SELECT is(pg_temp.say('auth.quota_left(''posts'')'), '2', 'as is shown');
SELECT is(concat_ws(' ', pg_temp.say('auth.has_quota(''posts'')'), pg_temp.say('auth.has_quota(''posts'', 2)'), pg_temp.say('auth.has_quota(''posts'', 3)')),
	'true true false', 'what there is room for');
SELECT is(pg_temp.used(), 'free posts 1', 'asking takes nothing');
SELECT is(pg_temp.say('auth.consume_quota(''posts'', 3)'), 'PT402 | Quota exceeded | "posts": 1 of 3 used this month, 3 more asked for.', 'all or nothing');
SELECT is(pg_temp.say('auth.consume_quota(''posts'', 2)'), '0', 'the rest');
SELECT is(pg_temp.say('auth.consume_quota(''posts'')'), 'PT402 | Quota exceeded | "posts": 3 of 3 used this month, 1 more asked for.', 'no more');
SELECT is(concat_ws(' ', pg_temp.say('auth.quota_left(''posts'')'), pg_temp.say('auth.has_quota(''posts'')')), '0 false', 'none is left');
SELECT is(pg_temp.used(), 'free posts 3', 'refusals count nothing');
SELECT is(pg_temp.say('auth.consume_quota(''ai_generations'')'), 'PT402 | Quota exceeded | The plan "free" does not include "ai_generations".', 'what the plan does not include');
SELECT is(pg_temp.say('auth.has_quota(''ai_generations'')') || pg_temp.say('auth.quota_left(''ai_generations'')'), 'false0', 'nor shows');
SELECT throws_matching($$ SELECT auth.consume_quota('posts') $$, 'Quota exceeded', 'the owner of the database is not above it');
-- several in one query see each other
SELECT is(pg_temp.sign_in('ann', 'paid'), true, 'a member of a tenant with 10');
SELECT is(pg_temp.say('string_agg(auth.consume_quota(''posts'')::text, '' '') FROM generate_series(1, 4)'), '9 8 7 6', 'four calls in one query');
SELECT is(pg_temp.say('count(auth.consume_quota(''posts'')) FROM generate_series(1, 7)'), 'PT402 | Quota exceeded | "posts": 10 of 10 used this month, 1 more asked for.', 'seven are too many');
SELECT is(pg_temp.used(), 'free posts 3, paid posts 4', 'and then none of them counts');
SELECT is(pg_temp.say('auth.consume_quota(''ai_generations'', 1000000)'), NULL, 'no limit: NULL');
SELECT is(pg_temp.say('auth.quota_left(''ai_generations'')'), NULL, 'is left');
SELECT is(pg_temp.say('auth.has_quota(''ai_generations'', 9223372036854775807)'), 'true', 'whatever is asked');
SELECT is(pg_temp.used(), 'free posts 3, paid ai_generations 1000000, paid posts 4', 'it is counted all the same');
SELECT is(pg_temp.say('json_agg(q) FROM (SELECT q.name, q.quota, q.used, q.remaining FROM auth.quotas() AS q) AS q'),
	'[{"name":"ai_generations","quota":null,"used":1000000,"remaining":null}, ' || E'\n' ||
	' {"name":"exports","quota":0,"used":0,"remaining":0}, ' || E'\n' ||
	' {"name":"posts","quota":10,"used":4,"remaining":6}]', 'what a member sees: his tenant''s');
SELECT is(pg_temp.say('(auth_api.subscription() -> ''quotas'' -> 2) - ''resets_at'''), '{"name": "posts", "used": 4, "quota": 10, "remaining": 6}', 'through the endpoint, too');

-- what is given back
SAVEPOINT before;
SELECT is(pg_temp.say('auth.consume_quota(''posts'', 6)'), '0', 'all that is left');
ROLLBACK TO before;
SELECT is(pg_temp.say('auth.quota_left(''posts'')'), '6', 'a rollback to a savepoint gives it back');
CREATE FUNCTION pg_temp.try_and_fail() RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	BEGIN
		PERFORM auth.consume_quota('posts', 5), auth.consume_quota('ai_generations');
		RAISE division_by_zero;
	EXCEPTION WHEN division_by_zero THEN
	END;
	RETURN auth.consume_quota('posts');
END
$$;
SELECT is(pg_temp.try_and_fail(), '5', 'an exception that is caught, too');
SELECT is((SELECT count(*) FROM pg_locks AS l WHERE l.locktype = 'advisory' AND l.objsubid = 6659 AND l.pid = pg_backend_pid()), 2::bigint,
	'the lock of each tenant that counted is held');
SELECT is(pg_temp.used(), 'free posts 3, paid ai_generations 1000000, paid posts 5', 'one more counts');

-- amounts
SELECT is(pg_temp.say(format('auth.%s(''posts'', %s)', guard, amount)), '22023 | amount must be positive', guard || ': ' || amount)
	FROM unnest(ARRAY['consume_quota', 'has_quota']) AS guard, unnest(ARRAY['0', '-1', '-9223372036854775808', 'NULL']) AS amount;
SELECT is(pg_temp.say('auth.consume_quota(''posts'', 9223372036854775807)'), 'PT402 | Quota exceeded | "posts": 5 of 10 used this month, 9223372036854775807 more asked for.', 'the largest amount');
SELECT is(pg_temp.say('auth.consume_quota(''ai_generations'', 9223372036854775807)'), '22003 | more would be used than can be counted', 'more than fits, without a limit');
SELECT is(pg_temp.say('auth.consume_quota(''ai_generations'', 9223372036854775807 - 1000000)'), NULL, 'as much as fits');
SELECT is(pg_temp.say('auth.consume_quota(''ai_generations'')'), '22003 | more would be used than can be counted', 'and then no more');
SELECT is(pg_temp.say('auth.quota_left(''ai_generations'')'), NULL, 'though there is no limit');
SELECT is(pg_temp.used(), 'free posts 3, paid ai_generations 9223372036854775807, paid posts 5', 'the counters');

-- names
SELECT is(pg_temp.say(format('auth.%s(%L)', guard, name)), '42704 | unknown feature', guard || ': ' || left(coalesce(name, 'NULL'), 8))
	FROM unnest(ARRAY['consume_quota', 'has_quota', 'quota_left']) AS guard, unnest(ARRAY['post', 'Posts', '', NULL, repeat('x', 1000000)]) AS name;
SELECT is(pg_temp.say(format('auth.%s(''publishing'')', guard)), '22023 | the feature is not metered', guard || ' of what is not metered')
	FROM unnest(ARRAY['consume_quota', 'has_quota', 'quota_left']) AS guard;

-- whose
SELECT is(pg_temp.sign_in('ann'), true, 'the same user in no tenant');
SELECT is(concat_ws(' ', pg_temp.say('auth.consume_quota(''posts'')'), pg_temp.say('auth.has_quota(''posts'')'), pg_temp.say('auth.quota_left(''posts'')'), pg_temp.say('count(*) FROM auth.quotas()')),
	'42501 | Insufficient permissions false 0 0', 'uses nothing, has nothing, sees nothing');
SELECT is(pg_temp.sign_in('root') AND pg_temp.say('auth.consume_quota(''posts'')') = '42501 | Insufficient permissions', true, 'nor does a platform administrator');
SELECT is(pg_temp.sign_in('cyd', 'none') AND pg_temp.say('auth.consume_quota(''posts'')') = 'PT402 | Quota exceeded | The tenant has no plan.', true, 'nor a tenant without a plan');
RESET intrex_auth.token;
SELECT is(concat_ws(' ', pg_temp.say('auth.consume_quota(''posts'')'), pg_temp.say('auth.has_quota(''posts'')'), pg_temp.say('auth.quota_left(''posts'')')),
	'28000 | Authentication required false 0', 'nor does nobody');
SET LOCAL request.method = 'POST';
SELECT matches(pg_temp.say('auth.consume_quota(''posts'')'), '^PGRST .*"status": 401', 'under PostgREST 401');
SELECT is(pg_temp.sign_in('ann'), true, 'no tenant');
SELECT matches(pg_temp.say('auth.consume_quota(''posts'')'), '^PGRST .*"status": 403', '403');
SELECT is(pg_temp.sign_in('bob', 'free'), true, 'no quota left');
SELECT matches(pg_temp.say('auth.consume_quota(''posts'')'), '^PT402 \| Quota exceeded', '402');
SET LOCAL request.method = '';

-- a changed plan counts at once, in both directions
SELECT is(pg_temp.admin(format('auth.subscription_set(%L, ''pro'')', pg_temp.t('free'))) || pg_temp.say('auth.consume_quota(''posts'')'), '6', 'a larger plan');
SELECT is(pg_temp.admin(format('auth.subscription_set(%L, ''free'')', pg_temp.t('free'))) || pg_temp.say('auth.consume_quota(''posts'')'),
	'PT402 | Quota exceeded | "posts": 4 of 3 used this month, 1 more asked for.', 'a smaller one, of which more is used than it has');
SELECT is(pg_temp.say('auth.quota_left(''posts'')') || pg_temp.say('auth.has_quota(''posts'')'), '0false', 'nothing is left, not less');

-- months are those of UTC, whatever the session says
SELECT is((SELECT string_agg(to_char(auth._quota_period(at), 'YYYY-MM-DD BC'), ' ' ORDER BY at) FROM unnest(ARRAY['2026-05-31 23:59:59.999999+00', '2026-06-01 00:00:00+00', '2026-06-01 13:59:59+14',
	'2026-12-31 23:59:59+00', '2027-01-01 00:00+00', '2028-02-29 12:00+00', '0001-01-01 00:00+00 BC']::timestamptz[]) AS at),
	'0001-01-01 BC 2026-05-01 AD 2026-05-01 AD 2026-06-01 AD 2026-12-01 AD 2027-01-01 AD 2028-02-01 AD', 'first days of months');
SELECT throws_ok(format($$ SELECT auth._quota_period(%L) $$, at), '22008', 'timestamp out of range', 'no month: ' || at) FROM unnest(ARRAY['infinity', '-infinity']) AS at;
SELECT is((SELECT string_agg(DISTINCT to_char(auth._quota_period('2026-06-01 00:00:00+00'), 'YYYY-MM-DD ') || coalesce(pg_temp.say('auth.quota_left(''posts'')'), ''), ' ')
	FROM unnest(ARRAY['Pacific/Kiritimati', 'Etc/GMT+12', 'UTC']) AS zone, set_config('TimeZone', zone, true)), '2026-06-01 0', 'SET TimeZone moves no month');
RESET TimeZone;
INSERT INTO auth.usage (tenant_id, quota, period_start, used)
	SELECT pg_temp.t('paid'), 'posts', (date_trunc('month', now() AT TIME ZONE 'UTC') + n * interval '1 month')::date, 10 FROM unnest(ARRAY[-12, -1, 1]) AS n;
SELECT is(pg_temp.sign_in('ann', 'paid') AND pg_temp.say('auth.quota_left(''posts'')') = '5', true, 'what was used in other months does not count in this one');
SELECT is(pg_temp.say('bool_and(q.resets_at = (date_trunc(''month'', now() AT TIME ZONE ''UTC'') + interval ''1 month'') AT TIME ZONE ''UTC'') FROM auth.quotas() AS q'), 'true', 'when the next one begins');

-- what cannot write does not count, and does not say it did
CREATE FUNCTION pg_temp.read_only() RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	PERFORM set_config('transaction_read_only', 'on', true);
	RAISE EXCEPTION USING ERRCODE = 'PTAP0', MESSAGE = pg_temp.say('auth.consume_quota(''posts'')') || pg_temp.say('auth.quota_left(''posts'')');
EXCEPTION WHEN SQLSTATE 'PTAP0' THEN
	RETURN SQLERRM;
END
$$;
SELECT is(pg_temp.read_only(), '25006 | cannot execute consume_quota() in a read-only transaction5', 'a read-only transaction');

-- the trigger
CREATE TABLE public.regress_posts (id serial, tenant_id uuid, slug text UNIQUE);
GRANT ALL ON public.regress_posts TO authenticated, auth_admin;
GRANT USAGE ON SEQUENCE public.regress_posts_id_seq TO authenticated, auth_admin;
CREATE TRIGGER posts_quota AFTER INSERT ON public.regress_posts REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION auth.quota_trigger('posts');
CREATE FUNCTION pg_temp.insert(what text, role name DEFAULT 'authenticated') RETURNS text LANGUAGE sql AS $$
	SELECT pg_temp.attempt(role, 'WITH i AS (INSERT INTO public.regress_posts (tenant_id, slug) ' || what || ' RETURNING 1) SELECT count(*) FROM i')
$$;
SELECT is(pg_temp.insert('SELECT auth.tenant_id(), n::text FROM generate_series(1, 3) AS n'), '3', 'three rows in one statement');
SELECT is(pg_temp.say('auth.quota_left(''posts'')'), '2', 'count three');
SELECT is(pg_temp.insert('SELECT auth.tenant_id(), n::text FROM generate_series(4, 6) AS n'), 'PT402 | Quota exceeded | "posts": 8 of 10 used this month, 3 more asked for.', 'three more are too many');
SELECT is(pg_temp.insert('VALUES (auth.tenant_id(), ''4'')'), '1', 'one is not');
-- what comes a second time with its key counts once
SELECT is(pg_temp.insert('VALUES (auth.tenant_id(), ''4'')') ~ '^23505', true, 'a request that is sent again fails by its key');
SELECT is(pg_temp.insert('VALUES (auth.tenant_id(), ''4'') ON CONFLICT DO NOTHING'), '0', 'or does nothing');
SELECT is(pg_temp.insert('VALUES (auth.tenant_id(), ''4'') ON CONFLICT (slug) DO UPDATE SET slug = excluded.slug'), '1', 'or updates');
SELECT is(pg_temp.say('auth.quota_left(''posts'')'), '1', 'and is not counted');
SET LOCAL ROLE authenticated;
MERGE INTO public.regress_posts AS p USING (VALUES ('5'), ('4')) AS n (slug) ON p.slug = n.slug
	WHEN NOT MATCHED THEN INSERT (tenant_id, slug) VALUES (auth.tenant_id(), n.slug);
RESET ROLE;
SELECT is(pg_temp.say('auth.quota_left(''posts'')'), '0', 'MERGE counts what it inserts');
SELECT is(pg_temp.insert('VALUES (auth.tenant_id(), ''6'')'), 'PT402 | Quota exceeded | "posts": 10 of 10 used this month, 1 more asked for.', 'there is no more');
SELECT is((SELECT count(*) FROM public.regress_posts), 5::bigint, 'as many rows as were counted');
SELECT is(pg_temp.insert('SELECT auth.tenant_id(), ''7'' WHERE false'), '0', 'no row counts nothing');
-- whose rows
SELECT is(pg_temp.insert(format('VALUES (%L, ''8'')', pg_temp.t('free'))), '42501 | Insufficient permissions', 'nobody spends what is another tenant''s');
SELECT is(pg_temp.insert('VALUES (NULL, ''8'')'), '23502 | a row without a tenant cannot be counted', 'a row without a tenant');
SELECT is(pg_temp.sign_in('ann') AND pg_temp.insert(format('VALUES (%L, ''8'')', pg_temp.t('paid'))) = '42501 | Insufficient permissions', true, 'nor who is in no tenant');
SELECT is(pg_temp.admin(format('auth.usage_set(%L, ''posts'', 8)', pg_temp.t('paid'))) || pg_temp.admin(format('auth.usage_set(%L, ''posts'')', pg_temp.t('free'))), '', 'room for two each, or three');
SELECT is(pg_temp.sign_in('root'), true, 'a platform administrator');
SELECT is(pg_temp.insert(format('SELECT t, n::text FROM unnest(ARRAY[%L, %L]::uuid[]) WITH ORDINALITY AS t (t, o), generate_series(10, 40, 10) AS n0, LATERAL (SELECT n0 + o) AS n (n) WHERE n0 < 30 ORDER BY n0, o',
	pg_temp.t('paid'), pg_temp.t('free')), 'auth_platform'), '4', 'inserts for others');
SELECT is(pg_temp.used(), 'free posts 2, paid ai_generations 9223372036854775807, paid posts 10', 'they pay, each for his rows');
RESET intrex_auth.token;
SELECT is(pg_temp.insert(format('VALUES (%L, ''50'')', pg_temp.t('free')), 'auth_admin') || pg_temp.used(), '1free posts 3, paid ai_generations 9223372036854775807, paid posts 10', 'so do they for a job without a token');
SELECT is(pg_temp.used() || pg_temp.insert(format('VALUES (%L, ''51'')', pg_temp.t('free')), 'auth_admin'),
	'free posts 3, paid ai_generations 9223372036854775807, paid posts 10PT402 | Quota exceeded | "posts": 3 of 3 used this month, 1 more asked for.', 'until there is no more');

-- COPY, and a partitioned table: whoever may insert into the whole alone does not get around its trigger
SELECT is(pg_temp.admin(format('auth.usage_set(%L, ''posts'')', pg_temp.t('free'))), '', 'room for three');
SELECT is(pg_temp.sign_in('bob', 'free'), true, 'a member');
CREATE TABLE public.regress_parts (tenant_id uuid DEFAULT auth.tenant_id(), n integer) PARTITION BY LIST (n);
CREATE TABLE public.regress_part1 PARTITION OF public.regress_parts FOR VALUES IN (1);
CREATE TABLE public.regress_part2 PARTITION OF public.regress_parts FOR VALUES IN (2);
GRANT INSERT ON public.regress_parts TO authenticated;
CREATE TRIGGER posts_quota AFTER INSERT ON public.regress_parts REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION auth.quota_trigger('posts');
SET LOCAL ROLE authenticated;
COPY public.regress_parts (n) FROM stdin;
1
2
\.
RESET ROLE;
SELECT is(pg_temp.say('auth.quota_left(''posts'')'), '1', 'COPY counts the rows of all partitions');
SELECT is(pg_temp.attempt('authenticated', 'WITH i AS (INSERT INTO public.regress_part1 (n) VALUES (1) RETURNING 1) SELECT count(*) FROM i'), '42501 | permission denied for table regress_part1', 'a partition by its name');
SAVEPOINT before;
SET LOCAL ROLE authenticated;
COPY public.regress_parts (n) FROM stdin;
1
2
\.
ROLLBACK TO before;
SELECT is(pg_temp.say('auth.quota_left(''posts'')') || (SELECT count(*) FROM public.regress_parts), '12', 'two more are too many');
SELECT is(pg_temp.say('auth.consume_quota(''posts'')'), '0', 'one is not');

-- the trigger as it must not be
CREATE TEMPORARY TABLE new_rows (tenant_id uuid, n integer);
CREATE FUNCTION pg_temp.with_trigger(definition text, columns text DEFAULT 'tenant_id uuid') RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE 'CREATE TABLE public.regress_wrong (' || columns || ')';
	EXECUTE format('CREATE TRIGGER wrong ' || definition, 'ON public.regress_wrong');
	RETURN pg_temp.attempt(current_user, 'INSERT INTO public.regress_wrong DEFAULT VALUES');
	-- (the table goes with the savepoint)
END
$$;
CREATE FUNCTION pg_temp.wrong(definition text, columns text DEFAULT 'tenant_id uuid') RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	RAISE EXCEPTION USING ERRCODE = 'PTAP0', MESSAGE = pg_temp.with_trigger(definition, columns);
EXCEPTION WHEN SQLSTATE 'PTAP0' THEN
	RETURN SQLERRM;
END
$$;
SELECT is(pg_temp.wrong(definition), '39P01 | this is no trigger that counts rows', definition) FROM unnest(ARRAY[
	'AFTER INSERT %s FOR EACH STATEMENT EXECUTE FUNCTION auth.quota_trigger(''posts'')',
	'AFTER INSERT %s FOR EACH ROW EXECUTE FUNCTION auth.quota_trigger(''posts'')',
	'BEFORE INSERT %s FOR EACH ROW EXECUTE FUNCTION auth.quota_trigger(''posts'')',
	'BEFORE INSERT %s FOR EACH STATEMENT EXECUTE FUNCTION auth.quota_trigger(''posts'')',
	'AFTER INSERT %s REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION auth.quota_trigger()',
	'AFTER INSERT %s REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION auth.quota_trigger(''posts'', ''tenant_id'', ''more'')']) AS definition;
SELECT is(pg_temp.wrong('AFTER INSERT %s REFERENCING NEW TABLE AS r FOR EACH STATEMENT EXECUTE FUNCTION auth.quota_trigger(''posts'')', columns),
	'42703 | the table has no column "tenant_id" of type uuid', columns) FROM unnest(ARRAY['n integer', 'tenant_id text', 'tenant_id information_schema.sql_identifier']) AS columns;
SELECT is(pg_temp.wrong('AFTER INSERT %s REFERENCING NEW TABLE AS r FOR EACH STATEMENT EXECUTE FUNCTION auth.quota_trigger(''post'', ''workspace_id'')',
	format('workspace_id uuid DEFAULT %L', pg_temp.t('free'))), '42704 | unknown feature', 'a typo in the trigger');
SELECT is(pg_temp.wrong('AFTER INSERT %s REFERENCING NEW TABLE AS r FOR EACH STATEMENT EXECUTE FUNCTION auth.quota_trigger(''posts'', ''workspace_id'')',
	format('workspace_id uuid DEFAULT %L', pg_temp.t('free'))), 'PT402 | Quota exceeded | "posts": 3 of 3 used this month, 1 more asked for.', 'a tenant''s column of another name');
SELECT throws_ok($$ SELECT auth.quota_trigger() $$, '39P01', NULL, 'called by a query');
SELECT matches(pg_temp.attempt(role, 'CREATE TEMPORARY TABLE mine (tenant_id uuid) ON COMMIT DROP; CREATE TRIGGER mine AFTER INSERT ON mine REFERENCING NEW TABLE AS r FOR EACH STATEMENT EXECUTE FUNCTION auth.quota_trigger(''posts'')'),
	'^42501 \| permission denied for function auth.quota_trigger', role || ' makes no trigger that spends for whom it likes') FROM unnest(ARRAY['anon', 'authenticated']) AS role;

-- administration
SELECT is(pg_temp.admin('auth.usage_set(' || arguments || ')'), refusal, 'usage_set: ' || arguments) FROM (VALUES
	(format('%L, ''posts'', -1', pg_temp.t('free')), '22023 | used must not be negative'), (format('%L, ''posts'', NULL', pg_temp.t('free')), '22023 | used must not be negative'),
	(format('%L, ''publishing''', pg_temp.t('free')), '22023 | the feature is not metered'), (format('%L, ''post''', pg_temp.t('free')), '42704 | unknown feature'),
	('gen_random_uuid(), ''posts''', 'P0002 | tenant not found'), ('NULL, ''posts''', 'P0002 | tenant not found')) AS v (arguments, refusal);
SELECT is((SELECT a.details - 'by_role' - 'as_role' - 'by_user' FROM auth.audit_log AS a WHERE a.event = 'usage_set' AND a.tenant_id = pg_temp.t('paid') ORDER BY a.id DESC LIMIT 1), '{"used": 8, "quota": "posts"}', 'it is in the trail');
SELECT is(pg_temp.admin('auth.feature_delete(''posts'')'), '23503 | this feature has been used', 'what was counted stays');
SELECT is(pg_temp.attempt(role, 'UPDATE auth.usage SET used = 0') LIKE '42501 | permission denied for table usage', true, role || ' does not write the counters')
	FROM unnest(ARRAY['anon', 'authenticated', 'auth_platform', 'auth_admin']) AS role;
SELECT is(pg_temp.admin(format('auth.tenant_delete(%L)', pg_temp.t('paid'))), '', 'a tenant is deleted');
SELECT is((SELECT count(*) FROM auth.usage WHERE tenant_id = pg_temp.t('paid')) + (SELECT count(*) FROM auth.subscriptions WHERE tenant_id = pg_temp.t('paid')), 0::bigint, 'with its subscription and its counters');

SELECT * FROM finish();
ROLLBACK;
