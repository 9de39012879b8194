-- The chalvien seed: ADMIN and USER, who are in no tenant.
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
SELECT plan(45);

-- members of a tenant from before the preset, one with the name that platform administrators get
SELECT people.add('own', 'owner'), people.add('pal', 'helper'), people.add('old', 'ADMIN') \g /dev/null

CREATE TEMPORARY TABLE said AS SELECT * FROM auth.use_preset('chalvien');
SELECT isnt_empty($$SELECT * FROM said$$, 'the preset is loaded');
SELECT results_eq($$SELECT statement FROM said WHERE object = 'members'$$,
	$$VALUES ('-- 1 have the role ADMIN, which is none of members: they may do nothing until auth.member_update() gives them another')$$, 'who has a name that is taken from him is told of');
SELECT set_has($$SELECT unnest(setconfig) FROM pg_db_role_setting WHERE setrole = 0$$,
	$$VALUES ('intrex_auth.access_token_lifetime=15min'), ('intrex_auth.refresh_token_lifetime=7d'),
		('intrex_auth.session_lifetime=7d'), ('intrex_auth.token_delivery=cookie')$$,
	'JWT_ACCESS_TTL=15m, JWT_REFRESH_TTL=7d, refresh_token in an HttpOnly cookie');
SELECT people.add('admin', NULL, '', '{}', true) \g /dev/null
SELECT people.add('user', NULL, '') \g /dev/null

-- requireRole
SELECT is(people.answer(who, format('SELECT auth.require_role(%L) IS NOT NULL', role)), answer, format('requireRole(%s): %s', role, who))
	FROM (VALUES ('admin', 'ADMIN', 'true'), ('user', 'ADMIN', '42501 Insufficient permissions'), ('', 'ADMIN', '28000 Authentication required'),
		('user', 'USER', 'true'), ('', 'USER', '28000 Authentication required')) AS v (who, role, answer);
SELECT is(people.answer(who, format('SELECT auth.has_rank(%L)', role)), answer, format('%s ranks as %s: %s', who, role, answer))
	FROM (VALUES ('admin', 'ADMIN', 'true'), ('admin', 'USER', 'true'), ('user', 'ADMIN', 'false'), ('user', 'USER', 'true')) AS v (who, role, answer);
SELECT is(people.answer(who, format('SELECT auth.scope(%L, %L)', resource, action)), scope, format('%s, %s, %s: %s', who, resource, action, scope))
	FROM (VALUES ('admin', 'orders', 'delete', 'platform'), ('admin', 'users', 'update', 'platform'), ('user', 'orders', 'read', 'own'), ('user', 'orders', 'create', 'own'),
		('user', 'orders', 'delete', NULL), ('user', 'users', 'update', NULL)) AS v (who, resource, action, scope);

-- GET /api/orders and its kin, on a table as the seed has it: a user's own orders, and
-- no tenant
CREATE TABLE public.orders (id uuid PRIMARY KEY, user_id uuid, total numeric);
SELECT object FROM auth.protect('orders', 'orders', tenant_column => NULL, owner_column => 'user_id') \g /dev/null
GRANT SELECT, INSERT, UPDATE, DELETE ON public.orders TO anon, authenticated, auth_platform;
INSERT INTO public.orders VALUES (people.id('his'), people.id('user'), 10), (people.id('other'), people.id('other'), 20);
SELECT is(people.answer(who, query), answer, format('%s: %s', coalesce(nullif(who, ''), 'nobody'), query))
	FROM (VALUES
		('admin', 'SELECT sum(total) FROM public.orders', '30'), ('user', 'SELECT sum(total) FROM public.orders', '10'), ('', 'SELECT sum(total) FROM public.orders', NULL),
		('user', format('INSERT INTO public.orders (id, total) VALUES (%L, 1)', people.id('new')), '1'),
		('user', format('INSERT INTO public.orders VALUES (%L, %L, 1)', people.id('forged'), people.id('other')), '42501 new row violates row-level security policy for table "orders"'),
		('', format('INSERT INTO public.orders (id, total) VALUES (%L, 1)', people.id('nobody')), '42501 new row violates row-level security policy for table "orders"'),
		('admin', format('INSERT INTO public.orders VALUES (%L, %L, 1)', people.id('for another'), people.id('other')), '1'),
		('user', 'UPDATE public.orders SET total = 2', '2'), ('admin', 'UPDATE public.orders SET total = 3', '4'), ('', 'UPDATE public.orders SET total = 4', '0'),
		('user', 'DELETE FROM public.orders', '0'), ('', 'DELETE FROM public.orders', '0'), ('admin', 'DELETE FROM public.orders', '4')
	) AS v (who, query, answer);
SELECT is_empty($$SELECT * FROM auth.test_isolation('orders') WHERE verdict = 'LEAK'$$, 'and no command leaks');

-- no tenant makes a platform administrator: its roles are not called so, and who had the name has nothing by it
CREATE FUNCTION pg_temp.refusal(query text) RETURNS text LANGUAGE sql AS $$ SELECT people.answer('own', query)::jsonb #>> '{error,message}' $$;
SELECT is(pg_temp.refusal($$SELECT auth_api.member_role(people.id('pal'), 'ADMIN')$$), 'role is not known', 'an owner cannot make an ADMIN');
SELECT is(pg_temp.refusal($$SELECT auth_api.member_role(people.id('pal'), 'USER')$$), 'role is not known', 'nor a USER');
SELECT is(pg_temp.refusal($$SELECT auth_api.invite('new@people.example', 'ADMIN')$$), 'role is not known', 'nor invite one');
SELECT is(pg_temp.refusal($$SELECT auth_api.tenant_transfer(people.id('pal'), 'ADMIN')$$), 'role is not known', 'nor become one by leaving');
SELECT is(people.answer('own', $$SELECT auth_api.member_role(people.id('pal'), 'assistant') ->> 'role'$$), 'assistant', 'other names are names as before');
SELECT throws_ok($$SELECT auth.member_update(people.id('north'), people.id('pal'), 'ADMIN')$$, '22023', 'role is not known', 'nor does an administrator');
SELECT is(people.answer('old', $$SELECT auth.require_role('ADMIN')$$), '42501 Insufficient permissions', 'requireRole(ADMIN): who had the name before');
SELECT is(people.answer('old', format('SELECT auth.has_rank(%L)', role)), 'false', format('nor does he rank as %s', role)) FROM unnest(ARRAY['ADMIN', 'USER']) AS role;
SELECT is(people.answer('old', $$SELECT auth.scope('orders', 'read')$$), NULL, 'nor may he do anything');
SELECT auth.permission_set('ADMIN', 'orders', 'read', 'tenant', message => 'For the platform') \g /dev/null
SELECT is(people.answer('old', $$SELECT auth.scope('orders', 'read')$$), NULL, 'not even what permissions on the name would allow');
SELECT is_empty($$SELECT * FROM auth.deciding_permissions('ADMIN', people.id('north'), 'orders', 'read')$$, 'and so it is explained');
SELECT is(people.answer('admin', $$SELECT auth.require_role('ADMIN') IS NOT NULL$$), 'true', 'the platform administrator is one still');

SELECT * FROM finish();
ROLLBACK;
