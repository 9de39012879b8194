-- The Intrex seed: every line of its table of roles, as rows that real commands reach.
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
SELECT plan(159);

SELECT throws_ok($$SELECT * FROM auth.use_preset('other')$$, '22023', 'there is no such preset', 'a preset that is not there');
SELECT throws_ok($$SELECT * FROM auth.use_preset(NULL)$$, '22023', 'there is no such preset', 'NULL');
SELECT isnt_empty($$SELECT * FROM auth.use_preset('intrex')$$, 'the preset is loaded, and says what it did');
SELECT throws_ok($$SELECT * FROM auth.use_preset('intrex')$$, '55000', 'this database uses the preset "intrex" already', 'twice is an error');
SELECT throws_ok($$SELECT * FROM auth.use_preset('neonpro')$$, '55000', 'this database uses the preset "intrex" already', 'and so is a second one');
SELECT results_eq($$SELECT format('%s %s %s', name, rank, is_owner) COLLATE "default" FROM auth.roles ORDER BY rank DESC$$,
	$$VALUES ('head_office_admin 30 t'), ('branch_manager 20 f'), ('operator 10 f')$$, 'its roles');
SELECT set_has($$SELECT unnest(setconfig) FROM pg_db_role_setting WHERE setrole = 0$$,
	$$VALUES ('intrex_auth.access_token_lifetime=24h'), ('intrex_auth.refresh_token_lifetime=24h'),
		('intrex_auth.token_delivery=cookie'), ('intrex_auth.refresh_cookie_same_site=lax')$$, 'sessions of 24 hours by cookie, SameSite=Lax, Max-Age=86400');

SELECT people.add('hq', 'head_office_admin', units => ARRAY['unit of hq']) \g /dev/null
SELECT people.add('manager', 'branch_manager', units => ARRAY['unit of manager']) \g /dev/null
SELECT people.add('operator', 'operator', units => ARRAY['unit of operator']) \g /dev/null
SELECT people.add('stranger', 'operator', 'south') \g /dev/null
SELECT people.add('platform', NULL, '', '{}', true) \g /dev/null
SELECT people.make_tables() \g /dev/null

-- read, create, update, delete
SELECT people.cells(who, resource, letters) FROM (VALUES
	-- Head Office Admin: full access to all branches; users and roles; connectors; all
	-- activity logs; billing and subscription
	('hq', 'branches', 'TTTT'), ('hq', 'users', 'TTTT'), ('hq', 'roles', 'TTTT'), ('hq', 'connectors', 'TTTT'), ('hq', 'domains', 'TTTT'),
	('hq', 'activity_logs', 'T---'), ('hq', 'billing', 'T-T-'), ('hq', 'obligations', 'TTTT'), ('hq', 'notifications', 'TTTT'), ('hq', 'documents', 'TTTT'),
	-- Branch Manager: manages the assigned branch; creates and edits obligations; views
	-- branch activity; acknowledges notifications; uploads compliance documents
	('manager', 'branches', 'U-U-'), ('manager', 'users', '----'), ('manager', 'roles', '----'), ('manager', 'connectors', '----'), ('manager', 'domains', 'T---'),
	('manager', 'activity_logs', 'U---'), ('manager', 'billing', '----'), ('manager', 'obligations', 'UUU-'), ('manager', 'notifications', 'U-U-'), ('manager', 'documents', 'UU--'),
	-- Operator: views assigned obligations; updates their status; uploads documents; views
	-- own notifications
	('operator', 'branches', '----'), ('operator', 'users', '----'), ('operator', 'roles', '----'), ('operator', 'connectors', '----'), ('operator', 'domains', '----'),
	('operator', 'activity_logs', 'O---'), ('operator', 'billing', '----'), ('operator', 'obligations', 'A-A-'), ('operator', 'notifications', 'O---'), ('operator', 'documents', 'OO--'),
	-- a member of another tenant, an administrator of the platform, and nobody
	('stranger', 'obligations', '----'), ('platform', 'obligations', 'PPPP'), ('platform', 'billing', 'PPPP'), ('', 'obligations', '----'), ('', 'connectors', '----')
) AS v (who, resource, letters);

-- an operator updates the status and nothing else
INSERT INTO people.obligations (id, tenant_id, kind, status) VALUES (people.id('job'), people.id('north'), 'x', 'open');
INSERT INTO auth.assignments (tenant_id, user_id, subject_id) VALUES (people.id('north'), people.id('operator'), people.id('job'));
SELECT is(people.answer('operator', $$UPDATE people.obligations SET status = 'done'$$), '1', 'operator: the status of an assigned obligation');
SELECT is(people.answer('operator', $$UPDATE people.obligations SET kind = 'y'$$), '42501 permission denied to change column "kind" of table "obligations"', 'and nothing else of it');
SELECT is(people.answer('operator', $$UPDATE people.obligations SET owner_id = people.id('operator')$$), '42501 permission denied to change column "owner_id" of table "obligations"', 'he does not make it his own');

-- requireRole and rank
SELECT is(people.answer(who, format('SELECT auth.has_rank(%L)', role)), has, format('%s ranks as %s: %s', who, role, has))
	FROM (VALUES ('hq', 'branch_manager', 'true'), ('manager', 'head_office_admin', 'false'), ('manager', 'operator', 'true'), ('operator', 'branch_manager', 'false')) AS v (who, role, has);
SELECT is(people.answer(who, $$SELECT auth.require_role('head_office_admin', 'branch_manager') IS NOT NULL$$), answer, who || ': require_role')
	FROM (VALUES ('hq', 'true'), ('manager', 'true'), ('operator', '42501 Insufficient permissions'), ('', '28000 Authentication required')) AS v (who, answer);

-- The isolation of the seed's own policy holds as well.
SELECT is((SELECT count(*) FROM auth.test_isolation() WHERE verdict = 'LEAK'), 0::bigint, 'no command of any table crosses tenants');

SELECT * FROM finish();
ROLLBACK;
