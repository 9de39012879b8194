-- The history of memberships: every function that changes one notes it, once; who was what at a time; SQL past
-- the functions, pruning, export and erasure.
-- Calls auth.members_at, auth.memberships_of, auth.membership_history_gaps, auth.membership_history_sync,
-- auth.membership_history_prune.
\set ECHO none
\set QUIET 1
\pset format unaligned
\pset tuples_only true
\set VERBOSITY terse
\getenv abs_srcdir PG_ABS_SRCDIR
\set people :abs_srcdir '/include/people.psql'
\set accounts :abs_srcdir '/include/accounts.psql'
SET client_min_messages = warning;
SET timezone = 'UTC';

-- No function is forgotten: what changes memberships, or deletes what they hang on, notes it.
BEGIN;
SELECT plan(9);
-- Whether a source changes memberships and notes nothing after the last change.
CREATE FUNCTION pg_temp.forgets(source text) RETURNS boolean LANGUAGE sql AS $$
	SELECT CASE
		WHEN source ~* c.change THEN regexp_replace(source, '^.*' || c.change, '', 'i') !~ c.note
		ELSE source ~ '(DELETE FROM|TRUNCATE)\s+(ONLY\s+)?auth\.(users|tenants)\M' AND source !~ c.note END
	FROM (VALUES ('(INSERT INTO|UPDATE|DELETE FROM|MERGE INTO|TRUNCATE|COPY)\s+(ONLY\s+)?auth\.memberships\M',
		'_membership_note\(|INSERT INTO auth\.membership_history\M')) AS c (change, note)
$$;
SELECT set_eq($$
	SELECT f.oid::regprocedure::text FROM pg_proc AS f JOIN pg_language AS l ON l.oid = f.prolang AND l.lanname IN ('sql', 'plpgsql')
	WHERE f.pronamespace IN ('auth'::regnamespace, 'auth_api'::regnamespace) AND pg_temp.forgets(coalesce(pg_get_function_sqlbody(f.oid), f.prosrc))
$$, ARRAY['auth.test_isolation(regclass)'], 'each function notes what it changes, but for one that takes all of it back');
SELECT is(pg_temp.forgets(source), expected, source) FROM (VALUES
	('BEGIN UPDATE auth.memberships AS m SET role = ''x''; END', true),
	('BEGIN PERFORM auth._membership_note(a, b); DELETE FROM ONLY auth.memberships; END', true),
	('BEGIN INSERT INTO auth.memberships VALUES (a); PERFORM auth._membership_note(a, b); insert into auth.memberships VALUES (a); END', true),
	('BEGIN DELETE FROM auth.tenants; END', true),
	('BEGIN DELETE FROM ONLY auth.users; END', true),
	('BEGIN UPDATE auth.memberships AS m SET role = ''x''; PERFORM auth._membership_note(a, b, c, d); END', false),
	('BEGIN PERFORM auth._membership_note(t); DELETE FROM auth.tenants AS t; END', false),
	('BEGIN DELETE FROM auth.membership_history; DELETE FROM auth.users_of; END', false)) AS v (source, expected);
SELECT * FROM finish();
ROLLBACK;

-- Everything that changes a membership, and what is noted of it
BEGIN;
\i :accounts
\i :people
SELECT plan(132);
SELECT auth.membership_history_sync() \g /dev/null

-- What somebody ('': an administrator) gets, unless it is a success, and what the history has more then:
-- - of an end, + of a beginning, each with user, role, event and who did it; and where it is wrong.
CREATE TEMP TABLE names (id uuid PRIMARY KEY, name text);
CREATE TEMP TABLE before (LIKE auth.membership_history);
CREATE FUNCTION pg_temp.names() RETURNS void LANGUAGE sql AS $$
	INSERT INTO names SELECT u.id, split_part(u.email, '@', 1) FROM auth.users AS u ON CONFLICT DO NOTHING
$$;
CREATE FUNCTION pg_temp.noted(who text, query text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	answer text;
	noted text;
BEGIN
	PERFORM pg_temp.names();
	DELETE FROM before;
	INSERT INTO before SELECT * FROM auth.membership_history;
	IF who = '' THEN
		SET LOCAL ROLE auth_admin;
		EXECUTE query INTO answer;
		RESET ROLE;
	ELSE
		answer := people.answer(who, query);
		PERFORM people.become('');
	END IF;
	PERFORM pg_temp.names();
	SELECT string_agg(format('%s%s %s %s%s', d.sign, coalesce(n.name, '?'), d.role, d.event, CASE WHEN d.by_user IS NOT NULL THEN ' by ' || coalesce(b.name, '?') END), ', ' ORDER BY n.name, d.position)
		INTO noted
		FROM (
			SELECT e.user_id, e.role, '-' AS sign, 1 AS position, e.until_event AS event, e.until_by AS by_user
				FROM (SELECT * FROM auth.membership_history WHERE until_at <> 'infinity' EXCEPT SELECT * FROM before) AS e
			UNION ALL
			SELECT a.user_id, a.role, '+', 2, a.from_event, a.from_by
				FROM auth.membership_history AS a
				WHERE NOT EXISTS (SELECT FROM before AS f WHERE (f.tenant_id, f.user_id, f.from_at) = (a.tenant_id, a.user_id, a.from_at))) AS d
		LEFT JOIN names AS n ON n.id = d.user_id
		LEFT JOIN names AS b ON b.id = d.by_user;
	RETURN concat_ws('; ', substring(answer FROM '^[0-9A-Z]{5} .*'), answer::jsonb #>> '{error,code}', coalesce(noted, 'nothing'),
		(SELECT string_agg(g.problem, ', ') FROM auth.membership_history_gaps() AS g));
EXCEPTION WHEN OTHERS THEN
	RETURN SQLSTATE || ' ' || SQLERRM;
END
$$;
-- The answer of an endpoint, or of a function for administrators, as JSON.
CREATE FUNCTION pg_temp.by(who text, call text) RETURNS text LANGUAGE sql AS $$ SELECT pg_temp.noted(who, 'SELECT to_jsonb(auth_api.' || call || ')') $$;
CREATE FUNCTION pg_temp.admin(call text) RETURNS text LANGUAGE sql AS $$ SELECT pg_temp.noted('', 'SELECT to_jsonb(r) FROM auth.' || call || ' AS r') $$;

-- a registration and a login
SELECT auth.user_create(n || '@people.example') FROM unnest(ARRAY['ida', 'otto', 'vera', 'wim', 'ann', 'ben']) AS n \g /dev/null
CREATE FUNCTION pg_temp.p(who text) RETURNS uuid LANGUAGE sql AS $$ SELECT u.id FROM auth.users AS u WHERE u.email = who || '@people.example' $$;
SELECT pg_temp.p('ida') AS ida, pg_temp.p('otto') AS otto, pg_temp.p('vera') AS vera, pg_temp.p('wim') AS wim, pg_temp.p('ann') AS ann, pg_temp.p('ben') AS ben \gset
SELECT is(pg_temp.say($$register('rita@people.example', 'a long enough password', tenant_name => 'Ritas')$$), 'ok', 'a registration with a tenant');
SELECT pg_temp.p('rita') AS rita, (SELECT m.tenant_id FROM auth.memberships AS m WHERE m.user_id = pg_temp.p('rita')) AS ritas \gset
SELECT results_eq(format('SELECT role, since_event, since_by, until FROM auth.memberships_of(%L)', :'rita'), format($$VALUES ('owner', 'register', %L::uuid, NULL::timestamptz)$$, :'rita'), 'begins by herself');
SELECT is((SELECT since FROM auth.members_at(:'ritas')), (SELECT created_at FROM auth.memberships WHERE user_id = :'rita'), 'when the membership does');
SELECT is(pg_temp.say($$register('sole@people.example', 'a long enough password')$$), 'ok', 'a registration without');
SELECT is((SELECT count(*)::int FROM auth.membership_history WHERE user_id = pg_temp.p('sole')), 0, 'begins nothing');
SELECT is(pg_temp.say($$login('rita@people.example', 'a long enough password')$$), 'ok', 'a login');
SELECT is((SELECT count(*)::int FROM auth.membership_history WHERE user_id = :'rita'), 1, 'notes nothing');

-- administration
SELECT is(pg_temp.admin('tenant_create(''empty'')'), 'nothing', 'a tenant without an owner');
SELECT is(pg_temp.admin(format('tenant_create(''Team'', %L)', :'otto')), '+otto owner tenant_create', 'tenant_create');
SELECT id AS team FROM auth.tenants WHERE name = 'Team' \gset
SELECT auth.unit_create(:'team', 'East') AS east, auth.unit_create(:'team', 'West') AS west \gset
SELECT is(pg_temp.admin(format(call, :'team', :'vera', :'east', :'west')), expected, call) FROM (VALUES
	(1, 'member_add(%L, %L, ''viewer'', ARRAY[%L, %L]::uuid[])', '+vera viewer member_add'),
	(2, 'member_add(%L, %L, ''admin'')', '23505 the user is a member of this tenant already'),
	(3, 'member_update(%L, %L)', 'nothing'),
	(4, 'member_update(%L, %L, ''viewer'')', 'nothing'),
	(5, 'member_update(%L, %L, ''admin'')', '-vera viewer member_update, +vera admin member_update'),
	(6, 'member_update(%L, %L, NULL, ARRAY[%4$L, %3$L, %3$L]::uuid[])', 'nothing'),
	(7, 'unit_delete(%3$L)', '-vera admin unit_delete, +vera admin unit_delete'),
	(8, 'member_update(%L, %L, NULL, ''{}'')', '-vera admin member_update, +vera admin member_update'),
	(9, 'unit_delete(%4$L)', 'nothing'),
	(10, 'member_remove(%L, %L)', '-vera admin member_remove'),
	(11, 'member_remove(%L, %L)', 'P0002 member not found'),
	(12, 'member_add(%L, %L, ''editor'')', '+vera editor member_add')) AS v (n, call, expected) ORDER BY n;
SELECT is((SELECT string_agg(format('%s %s', role, cardinality(unit_ids)), ', ' ORDER BY since) FROM auth.memberships_of(:'vera')), 'viewer 2, admin 2, admin 1, admin 0, editor 0', 'all of it is there');
SELECT is((SELECT count(*)::int FROM (SELECT since, lag(until) OVER (ORDER BY since) AS before FROM auth.memberships_of(:'vera')) AS p WHERE since = before), 3, 'without a hole but where she was none');

-- who has a token is named
SELECT auth.member_add(:'team', :'wim', 'admin') \g /dev/null
INSERT INTO auth.sessions (id, user_id, tenant_id)
	SELECT people.id(n || ' session'), pg_temp.p(n), CASE WHEN n = 'rita' THEN :'ritas'::uuid WHEN n <> 'ida' THEN :'team' END FROM unnest(ARRAY['otto', 'vera', 'wim', 'ida', 'rita']) AS n;
SELECT is(pg_temp.by(who, format(call, :'vera', :'wim')), expected, who || ': ' || call) FROM (VALUES
	(1, 'otto', 'member_role(%L, ''admin'')', '-vera editor member_role by otto, +vera admin member_role by otto'),
	(2, 'otto', 'member_role(%L, ''admin'')', 'nothing'),
	(3, 'vera', 'member_role(%L, ''viewer'')', '-vera admin member_role by vera, +vera viewer member_role by vera'),
	(4, 'otto', 'tenant_transfer(%2$L, ''editor'')', '-otto owner tenant_transfer by otto, +otto editor tenant_transfer by otto, -wim admin tenant_transfer by otto, +wim owner tenant_transfer by otto'),
	(5, 'wim', 'member_remove(%L)', '-vera viewer member_remove by wim'),
	(6, 'otto', 'leave_tenant()', '-otto editor tenant_leave by otto'),
	(7, 'wim', 'leave_tenant()', 'last_owner; nothing')) AS v (n, who, call, expected) ORDER BY n;
SELECT people.answer('wim', 'SELECT auth_api.invite(''ida@people.example'', ''editor'') ->> ''token''') AS token \gset
SELECT people.become('') \g /dev/null
SELECT is(pg_temp.by('ida', format('invite_accept(%L)', :'token')), '+ida editor invite_accept by ida', 'an invitation that is accepted');
SELECT is(pg_temp.by('ida', format('invite_accept(%L)', :'token')), 'invitation_used; nothing', 'once');

-- imports
SELECT is(pg_temp.admin(format('user_import(''imp1@people.example'', tenant_id => %L, role => ''viewer'')', :'team')), '+imp1 viewer member_add', 'an import of one');
SELECT is(pg_temp.admin(format('user_import(''imp1@people.example'', tenant_id => %L, role => ''admin'', update => true)', :'team')), 'nothing', 'who is a member already stays what he is');
INSERT INTO auth.user_imports (email, tenant_id, role) VALUES ('imp2@people.example', :'team', 'viewer'), ('imp3@people.example', :'ritas', 'admin'), ('imp4@people.example', NULL, NULL), ('imp1@people.example', :'ritas', 'admin');
SELECT is(pg_temp.admin('users_import()'), '+imp2 viewer users_import, +imp3 admin users_import', 'an import of many');
SELECT is(pg_temp.admin('users_import(update => true)'), 'nothing', 'and of one who is here, who is made no member');
SELECT is((SELECT count(*)::int FROM auth.memberships AS m JOIN auth.membership_history AS h USING (tenant_id, user_id) WHERE h.from_at = m.created_at AND m.role = 'viewer' AND m.tenant_id = :'team'), 2, 'from their created_at on');

-- a role of one's own that owns: names change
SELECT is(pg_temp.admin('role_create(''clerk'', 10)'), 'nothing', 'a role');
SELECT is(pg_temp.admin('role_create(''chief'', 100, is_owner => true)'), '-rita owner role_create, +rita chief role_create, -wim owner role_create, +wim chief role_create', 'role_create with is_owner');

-- who and what is deleted
SELECT is(pg_temp.admin(format('user_delete(%L)', :'ida')), '-ida editor user_delete', 'user_delete');
SELECT is(pg_temp.admin(format('user_delete(%L)', :'wim')), '23001 the user is the last owner of a tenant', 'not of the last owner');
SELECT is((SELECT string_agg(role || ' ' || until_event, ', ') FROM auth.memberships_of(:'ida')), 'editor user_delete', 'stays');
SELECT clock_timestamp() AS then \gset
SELECT is(pg_temp.admin(format('tenant_delete(%L)', :'team')), '-imp1 viewer tenant_delete, -imp2 viewer tenant_delete, -wim chief tenant_delete', 'tenant_delete');
SELECT is((SELECT string_agg(email || ' ' || role, ', ' ORDER BY email) FROM auth.members_at(:'team', :'then')), 'imp1@people.example viewer, imp2@people.example viewer, wim@people.example chief', 'who was a member of a tenant that is gone');
SELECT is((SELECT count(*)::int FROM auth.members_at(:'team')), 0, 'and is no more');
SELECT is(pg_temp.noted('', 'DELETE FROM auth.membership_history'), '42501 permission denied for table membership_history', 'an administrator writes nothing');

-- Erasure: a pseudonym, also where somebody did something
SELECT auth.member_add(:'ritas', :'wim', 'clerk'), auth.member_add(:'ritas', :'vera', 'clerk') \g /dev/null
SELECT is(pg_temp.by('rita', format('member_role(%L, ''chief'')', :'wim')), '-wim clerk member_role by rita, +wim chief member_role by rita', 'Rita makes Wim a chief');
SELECT auth.user_erase(:'rita') AS erased \gset
SELECT is((SELECT count(*)::int FROM auth.membership_history AS h WHERE h::text LIKE '%' || :'rita' || '%'), 0, 'erased, she is nowhere');
SELECT is((SELECT string_agg(concat_ws(' ', role, until_event, until_by), ', ' ORDER BY since) FROM auth.memberships_of((:'erased'::jsonb ->> 'pseudonym')::uuid)), 'owner role_create, chief user_erase', 'her pseudonym was it, and is no more');
SELECT is((SELECT string_agg(DISTINCT user_id::text, ', ') FROM auth.audit_log WHERE event = 'user_erase' AND details ->> 'by_user' IS NULL AND at > now()), :'erased'::jsonb ->> 'pseudonym', 'the one of the trail');
SELECT is((SELECT string_agg(DISTINCT since_by::text, ', ') FROM auth.memberships_of(:'wim') WHERE tenant_id = :'ritas' AND since_event = 'member_role'), :'erased'::jsonb ->> 'pseudonym', 'it has made Wim a chief');
SELECT is_empty('SELECT * FROM auth.membership_history_gaps()', 'no gap');
UPDATE auth.users SET password_hash = auth.password_hash('password of vera'), password_changed_at = now() WHERE id = :'vera';
UPDATE auth.sessions SET tenant_id = :'ritas' WHERE user_id = :'vera';
SELECT matches(people.answer('vera', 'SELECT auth_api.delete_my_account(''password of vera'')'), '"deleted"', 'Vera erases herself');
SELECT set_config('intrex_auth.token', '', true) \g /dev/null
SELECT is((SELECT count(*)::int FROM auth.membership_history AS h WHERE h::text LIKE '%' || :'vera' || '%'), 0, 'she is nowhere either');
SELECT is((SELECT string_agg(concat_ws(' ', role, until_by), ', ') FROM auth.membership_history WHERE until_event = 'account_delete' AND tenant_id = :'ritas'), 'clerk', 'a clerk was deleted');
SELECT is_empty('SELECT * FROM auth.membership_history_gaps()', 'no gap');

-- Export: one's own, without who did it
SELECT is((SELECT string_agg(p ->> 'role', ' ' ORDER BY p ->> 'from_at') FROM jsonb_array_elements(auth.export_user(:'wim') -> 'membership_history') AS p), 'admin owner chief clerk chief', 'an export has the history');
SELECT is((SELECT count(*)::int FROM jsonb_array_elements(auth.export_user(:'wim') -> 'membership_history') AS p WHERE p ?| ARRAY['from_by', 'until_by']), 0, 'and names nobody else');
UPDATE auth.sessions SET tenant_id = :'ritas' WHERE user_id = :'wim';
SELECT is(people.answer('wim', 'SELECT jsonb_array_length(auth_api.export_my_data() -> ''membership_history'')'), '5', 'so has one''s own');
SELECT people.become('') \g /dev/null

-- One transaction: no period is empty, none overlaps, each change is there
SELECT auth.member_add(:'ritas', :'otto', 'chief') \g /dev/null
SELECT count(auth.member_update(:'ritas', :'wim', CASE WHEN i % 2 = 1 THEN 'clerk' ELSE 'chief' END)) FROM generate_series(1, 200) AS i \g /dev/null
SELECT is((SELECT count(*)::int FROM auth.memberships_of(:'wim') WHERE since_event = 'member_update'), 200, 'two hundred changes at once');
SELECT is((SELECT count(*)::int FROM (SELECT since, lag(until) OVER (ORDER BY since) AS before FROM auth.memberships_of(:'wim') WHERE tenant_id = :'ritas') AS p WHERE since <> before), 0, 'one after the other');
-- the clock was set back, to before the last change
UPDATE auth.membership_history SET from_at = '2999-01-01' WHERE user_id = :'wim' AND until_at = 'infinity';
SELECT auth.membership_history_prune(now()) \g /dev/null
SELECT is(pg_temp.admin(format('member_update(%L, %L, ''clerk'')', :'ritas', :'wim')), '-wim chief member_update, +wim clerk member_update', 'the clock was set back');
SELECT is((SELECT extract(microseconds FROM until - since)::int FROM auth.memberships_of(:'wim') WHERE since = '2999-01-01'), 1, 'the period before lasts a microsecond');
SELECT is(pg_temp.admin(format('member_remove(%L, %L)', :'ritas', :'wim')), '-wim clerk member_remove', 'removed, by that clock');
SELECT is(pg_temp.admin(format('member_add(%L, %L, ''clerk'')', :'ritas', :'wim')), '+wim clerk member_add', 'and added');
SELECT is((SELECT max(since) FROM auth.memberships_of(:'wim')), (SELECT max(until) FROM auth.memberships_of(:'wim')), 'not before the end of the last');

-- Who was what at a time
SELECT auth.tenant_create('Times') AS times \gset
INSERT INTO auth.membership_history (tenant_id, user_id, role, unit_ids, from_at, until_at, from_event, until_event) VALUES
	(:'times', :'ann', 'viewer', '{}', '2024-01-01', '2024-02-01', 'x', 'y'), (:'times', :'ann', 'admin', ARRAY[:'east']::uuid[], '2024-02-01', '2024-03-01', 'x', 'y'),
	(:'times', :'ben', 'owner', '{}', '2024-02-15', '2024-05-01', 'x', 'y'), (:'times', :'ann', 'owner', '{}', '2024-04-01', 'infinity', 'x', NULL),
	(:'ritas', :'ann', 'chief', '{}', '2020-01-01', '2024-05-01', 'x', 'y');
SELECT is((SELECT string_agg(format('%s %s%s', split_part(email, '@', 1), role, cardinality(unit_ids)), ', ' ORDER BY email) FROM auth.members_at(:'times', at)), expected, coalesce(at::text, 'NULL'))
	FROM (VALUES (timestamptz '2023-12-31 23:59:59.999999', NULL), ('2024-01-01', 'ann viewer0'), ('2024-01-31 23:59:59.999999', 'ann viewer0'), ('2024-02-01', 'ann admin1'),
		('2024-02-20', 'ann admin1, ben owner0'), ('2024-03-01', 'ben owner0'), ('2024-04-01', 'ann owner0, ben owner0'), ('2024-05-01', 'ann owner0'), (NULL, NULL), ('-infinity', NULL), ('infinity', NULL)) AS v (at, expected);
SELECT results_eq(format('SELECT user_id, email, role, unit_ids, since, until FROM auth.members_at(%L, ''2024-02-10'')', :'times'),
	format($$VALUES (%L::uuid, 'ann@people.example', 'admin', ARRAY[%L]::uuid[], '2024-02-01'::timestamptz, '2024-03-01'::timestamptz)$$, :'ann', :'east'), 'with its period');
SELECT results_eq(format('SELECT role, since, until FROM auth.members_at(%L)', :'times'), $$VALUES ('owner', '2024-04-01'::timestamptz, NULL::timestamptz)$$, 'now, and for long');
SELECT is_empty('SELECT * FROM auth.' || call, call) FROM unnest(ARRAY['members_at(NULL)', 'members_at(gen_random_uuid())', 'memberships_of(NULL)', 'memberships_of(gen_random_uuid())']) AS call;
SELECT is((SELECT string_agg(role, ' ' ORDER BY since) FROM auth.memberships_of(:'ann')), 'chief viewer admin owner', 'what somebody was, in all tenants');
SELECT is(has_function_privilege(r, f, 'EXECUTE'), r = 'auth_admin', format('%s: %s', r, f))
	FROM unnest(ARRAY['authenticated', 'auth_platform', 'auth_admin']) AS r, unnest(ARRAY['auth.members_at(uuid, timestamptz)', 'auth.memberships_of(uuid)', 'auth.membership_history_gaps()', 'auth.membership_history_sync()', 'auth.membership_history_prune(timestamptz, integer)']) AS f;

-- SQL past the functions; an erasure has made the look for owners immediate
SET CONSTRAINTS ALL DEFERRED;
SELECT is((SELECT string_agg(problem, ', ') FROM auth.membership_history_gaps()), 'no member any more, unknown to the history', 'a period of nobody');
SELECT people.add('hans', 'clerk', 'north') \g /dev/null
UPDATE auth.memberships SET role = 'clerk' WHERE user_id = :'otto';
SELECT set_eq('SELECT user_id, problem FROM auth.membership_history_gaps()', format($$VALUES (%L::uuid, 'no member any more, unknown to the history'), (%L, 'a member, unknown to the history'), (%L, 'role or units are others than in the history')$$, :'ann', people.id('hans'), :'otto'), 'each gap');
UPDATE auth.memberships SET created_at = '2024-01-01' WHERE user_id = people.id('hans');
SELECT is(pg_temp.admin('membership_history_sync()'), '-ann owner membership_history_sync, +hans clerk membership_history_sync, -otto chief membership_history_sync, +otto clerk membership_history_sync', 'is closed');
SELECT is((SELECT role FROM auth.members_at(people.id('north'), '2024-01-01')), 'clerk', 'who is new to the history is in it from his created_at on');
SELECT is((SELECT concat_ws(' ', user_id, details - 'by_role' - 'as_role') FROM auth.audit_log WHERE event = 'membership_history_sync' ORDER BY id DESC LIMIT 1), '{"members": 3}', 'in the trail');
SELECT is(pg_temp.admin('membership_history_sync()'), 'nothing', 'once');
DELETE FROM auth.memberships WHERE user_id = people.id('hans');
UPDATE auth.memberships SET unit_ids = ARRAY[gen_random_uuid()] WHERE user_id = :'otto';
INSERT INTO auth.memberships (tenant_id, user_id, role, created_at) VALUES (:'times', :'ben', 'clerk', '2024-04-15'), (:'times', :'ann', 'clerk', 'infinity');
SELECT is(auth.membership_history_sync(), 4::bigint, 'again');
SELECT is_empty('SELECT * FROM auth.membership_history_gaps()', 'no gap, and no period from before the end of the last');
SELECT is((SELECT since FROM auth.memberships_of(:'ben') WHERE role = 'clerk'), '2024-05-01'::timestamptz, 'a created_at before that is not believed');
SELECT is((SELECT since <= clock_timestamp() FROM auth.memberships_of(:'ann') WHERE role = 'clerk'), true, 'nor one to come');
-- an import of somebody whom SQL had deleted
DELETE FROM auth.users WHERE id = people.id('hans');
INSERT INTO auth.membership_history (tenant_id, user_id, role, unit_ids, from_at, from_event) VALUES (:'times', people.id('hans'), 'chief', '{}', '2024-01-01', 'x');
INSERT INTO auth.user_imports (id, email, tenant_id, role) VALUES (people.id('hans'), 'hans@people.example', :'times', 'clerk');
SELECT is((SELECT imported FROM auth.users_import()), 1::bigint, 'an import of whom the history still has as a member');
SELECT is(pg_temp.admin('membership_history_sync()'), '-hans chief membership_history_sync, +hans clerk membership_history_sync', 'is put right, too');

-- what the table refuses
SELECT throws_ok(format('INSERT INTO auth.membership_history (tenant_id, user_id, role, unit_ids, from_at, until_at, from_event, until_event) VALUES (%L, %L, ''x'', ''{}'', %s, ''x'', %s)', :'times', :'ann', period, event), state, NULL, name)
	FROM (VALUES ('a second open period', '''2020-01-01'', ''infinity''', 'NULL', '23505'), ('an empty period', '''2020-01-01'', ''2020-01-01''', '''y''', '23514'), ('one that ends before', '''2020-01-02'', ''2020-01-01''', '''y''', '23514'),
		('an end without its event', '''2020-01-01'', ''2020-01-02''', 'NULL', '23514'), ('an open one with an end', '''2020-01-01'', ''infinity''', '''y''', '23514')) AS v (name, period, event, state);
INSERT INTO auth.membership_history (tenant_id, user_id, role, unit_ids, from_at, until_at, from_event, until_event) VALUES (:'times', :'ann', 'viewer', '{}', '2024-01-15', '2024-01-16', 'x', 'y');
SELECT is((SELECT string_agg(problem, ', ') FROM auth.membership_history_gaps()), 'periods overlap', 'what it cannot refuse is found');
SELECT is(auth.membership_history_sync(), 0::bigint, 'and is left to whoever made it');

-- Retention
SELECT throws_ok('SELECT auth.membership_history_prune(' || arguments || ')', '22023', message, arguments) FROM (VALUES
	('NULL', 'before is not in the past'), ('''infinity''', 'before is not in the past'), ('now() + interval ''1 day''', 'before is not in the past'),
	('now(), NULL', 'max must be from 1 to 1000000'), ('now(), 0', 'max must be from 1 to 1000000'), ('now(), 1000001', 'max must be from 1 to 1000000')) AS v (arguments, message);
SELECT is(auth.membership_history_prune('-infinity'), 0::bigint, 'nothing ended before all time');
SELECT is(auth.membership_history_prune('2024-03-01', 1), 1::bigint, 'so many at a time');
SELECT is(auth.membership_history_prune('2024-03-01'), 1::bigint, 'what ended before');
SELECT is(auth.membership_history_prune('2024-03-01'), 0::bigint, 'no more');
SELECT is((SELECT string_agg(role, ' ' ORDER BY since) FROM auth.memberships_of(:'ann') WHERE until IS NOT NULL), 'chief admin owner', 'what ended then or later stays');
SELECT is((SELECT string_agg(details ->> 'periods', ' ' ORDER BY id) FROM auth.audit_log WHERE event = 'membership_history_prune' AND details ->> 'before' LIKE '2024-%'), '1 1', 'in the trail');
SELECT cmp_ok(auth.membership_history_prune(clock_timestamp()), '>', 200::bigint, 'all that has ended');
SELECT is((SELECT string_agg(problem, ', ') FROM auth.membership_history_gaps()), NULL, 'what lasts is still there');
SELECT * FROM finish();
ROLLBACK;

-- A preset gives owners another name
BEGIN;
SELECT plan(3);
SELECT auth.membership_history_sync() \g /dev/null
SELECT auth.user_create('poe@people.example') AS poe \gset
SELECT auth.tenant_create('Preset', :'poe') AS tenant \gset
SELECT isnt_empty('SELECT * FROM auth.use_preset(''unipulse'')', 'use_preset');
SELECT is((SELECT string_agg(concat_ws(' ', role, since_event, until_event), ', ' ORDER BY since) FROM auth.memberships_of(:'poe')), 'owner tenant_create preset_used, OWNER preset_used', 'notes it');
SELECT is_empty('SELECT * FROM auth.membership_history_gaps()', 'no gap');
SELECT * FROM finish();
ROLLBACK;

-- An old snapshot
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT plan(1);
SELECT throws_ok('SELECT auth.membership_history_sync()', '55000', 'this needs a transaction at READ COMMITTED', 'would take for gaps what has been noted since');
SELECT * FROM finish();
ROLLBACK;

-- Both questions are answered by an index
BEGIN;
SELECT plan(2);
INSERT INTO auth.membership_history (tenant_id, user_id, role, unit_ids, from_at, until_at, from_event, until_event)
	SELECT md5('tenant' || i % 100)::uuid, md5('user' || i)::uuid, 'viewer', '{}', timestamptz '2020-01-01' + i * interval '1 minute', timestamptz '2020-01-01' + (i + 60) * interval '1 minute', 'x', 'y' FROM generate_series(1, 20000) AS i;
ANALYZE auth.membership_history;
-- The indexes in the plan of what a function, which is one statement, reads.
CREATE FUNCTION pg_temp.indexes(function name, argument text, value text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	statement text := (SELECT prosrc FROM pg_proc WHERE proname = function AND pronamespace = 'auth'::regnamespace);
	plan json;
BEGIN
	statement := replace(replace(statement, format('%s.%s', function, argument), quote_literal(md5(value)::uuid)), 'members_at.at', 'timestamptz ''2020-01-14 12:00''');
	EXECUTE 'EXPLAIN (FORMAT json) ' || statement INTO plan;
	RETURN (SELECT string_agg(DISTINCT m[1], ' ') FROM regexp_matches(plan::text, '"Index Name": "(membership_history[a-z_]*)"', 'g') AS m);
END
$$;
SELECT is(pg_temp.indexes('members_at', 'tenant_id', 'tenant7'), 'membership_history_tenant_id_until_at_idx', 'who was a member: what of the tenant had not ended by then');
SELECT is(pg_temp.indexes('memberships_of', 'user_id', 'user7'), 'membership_history_pkey', 'what somebody was');
SELECT * FROM finish();
ROLLBACK;
