-- src/foreignkey.c, sql/95_foreign_keys.sql, sql/96_integrity.sql: foreign keys between our tables
-- are checked as the server does, but for what the owner of the tables restores by COPY.
\set ECHO none
\set QUIET 1
\pset format unaligned
\pset tuples_only true
\set VERBOSITY terse
SET client_min_messages = warning;

BEGIN;
SELECT no_plan();
-- what other tests left
SELECT auth.membership_history_sync() \g /dev/null

-- every key has this form, told from the catalog alone, so that no later table can be forgotten
CREATE TEMPORARY VIEW keys AS
	SELECT k.oid, k.conname, k.conrelid, k.confrelid FROM pg_constraint AS k
	WHERE k.contype = 'f' AND k.conrelid IN (SELECT oid FROM pg_class WHERE relnamespace = 'auth'::regnamespace)
		AND k.confrelid IN (SELECT oid FROM pg_class WHERE relnamespace = 'auth'::regnamespace);
SELECT cmp_ok((SELECT count(*) FROM keys), '>=', 25::bigint, 'there are foreign keys');
SELECT is_empty($$
	SELECT k.conname FROM keys AS k JOIN pg_constraint AS c ON c.oid = k.oid WHERE c.condeferrable OR NOT c.convalidated
$$, 'each is valid and not deferrable: a check of ours is made at once');
SELECT set_eq($$
	SELECT k.conname, t.tgrelid::regclass, p.proname, t.tgenabled
	FROM keys AS k JOIN pg_trigger AS t ON t.tgconstraint = k.oid JOIN pg_proc AS p ON p.oid = t.tgfoid
	WHERE t.tgrelid = k.conrelid AND p.proname LIKE '%check%'
$$, $$ SELECT k.conname, k.conrelid::regclass, f, 'D'::"char" FROM keys AS k,
	unnest(ARRAY['RI_FKey_check_ins', 'RI_FKey_check_upd']::name[]) AS f $$,
	'the server''s check of each is disabled');
SELECT set_eq($$
	SELECT k.conname, substring(p.proname FROM '(del|upd)$'), t.tgenabled
	FROM keys AS k JOIN pg_trigger AS t ON t.tgconstraint = k.oid JOIN pg_proc AS p ON p.oid = t.tgfoid
	WHERE t.tgrelid = k.confrelid AND p.proname NOT LIKE '%check%'
$$, $$ SELECT k.conname, f, 'O'::"char" FROM keys AS k, unnest(ARRAY['del', 'upd']) AS f $$,
	'what follows changes of the parent is enabled');
SELECT set_eq($$
	SELECT t.tgrelid::regclass FROM pg_trigger AS t
	WHERE t.tgfoid = 'auth._foreign_keys_checked'::regproc AND t.tgenabled = 'O' AND t.tgtype = 1 + 4 + 16
		AND t.tgattr = '' AND t.tgqual IS NULL AND t.tgdeferrable = false
$$, $$ SELECT DISTINCT conrelid::regclass FROM keys $$,
	'in place of them a trigger of ours fires after each row that is inserted or updated, whatever changed');
SELECT is_empty($$ SELECT * FROM auth.triggers_reset() $$, 'and nothing is left to reset');
SELECT is_empty($$ SELECT * FROM auth.check_integrity() $$, 'and nothing is wrong');

-- a row in each table that has a key
INSERT INTO auth.users (id, email) VALUES ('a0000000-0000-4000-8000-000000000001', 'keys@example.com'),
	('a0000000-0000-4000-8000-000000000002', 'more@example.com');
INSERT INTO auth.tenants (id, name) VALUES ('b0000000-0000-4000-8000-000000000001', 'Keys'),
	('b0000000-0000-4000-8000-000000000002', 'More');
\set user '\'a0000000-0000-4000-8000-000000000001\''
\set tenant '\'b0000000-0000-4000-8000-000000000001\''
\set id '\'c0000000-0000-4000-8000-000000000001\''
\set nobody '\'d0000000-0000-4000-8000-00000000000d\''
INSERT INTO auth.units (tenant_id, name) VALUES (:tenant, 'Oslo');
INSERT INTO auth.memberships (tenant_id, user_id, role) VALUES (:tenant, :user, 'member');
SELECT is(auth.membership_history_sync(), 1::bigint, 'the history knows the member');
INSERT INTO auth.sessions (id, user_id, tenant_id) VALUES (:id, :user, :tenant);
INSERT INTO auth.refresh_tokens (token_hash, session_id, salt, created_at, expires_at)
	VALUES (sha256('a'), :id, '', now(), now());
INSERT INTO auth.secrets (tenant_id, name, sealed) VALUES (:tenant, 'smtp', '');
INSERT INTO auth.personal_keys (user_id, sealed) VALUES (:user, '');
INSERT INTO auth.resources (name, actions) VALUES ('letters', '{read}');
INSERT INTO auth.roles (id, tenant_id, name, rank) VALUES (:id, :tenant, 'clerk', 1);
INSERT INTO auth.role_permissions (role_id, resource, action) VALUES (:id, 'letters', 'read');
INSERT INTO auth.assignments (tenant_id, user_id, subject_id) VALUES (:tenant, :user, :id);
INSERT INTO auth.invitations (id, tenant_id, email, role, token_hash, invited_by, created_at, expires_at)
	VALUES (:id, :tenant, 'guest@example.com', 'member', sha256('b'), :user, now(), now());
INSERT INTO auth.invitation_answers (invitation_id, answer) VALUES (:id, 'revoked');
INSERT INTO auth.plans (name) VALUES ('pro');
INSERT INTO auth.features (name, metered) VALUES ('posts', true);
INSERT INTO auth.plan_features (plan, feature) VALUES ('pro', 'posts');
INSERT INTO auth.subscriptions (tenant_id, plan, status) VALUES (:tenant, 'pro', 'active');
INSERT INTO auth.usage (tenant_id, quota, period_start, used) VALUES (:tenant, 'posts', '2026-01-01', 1);
INSERT INTO auth.consents (user_id, purpose, granted, by_user, by_role) VALUES (:user, 'terms', true, :user, 'test');
INSERT INTO auth.password_history (user_id, password_hash) VALUES (:user, '');
INSERT INTO auth.last_sign_ins (user_id, at) VALUES (:user, now());

-- Inserts a row of the table again, or updates it, with another value in one column (NULL: as it
-- was), and takes that back; 'accepted', or why not.
CREATE FUNCTION pg_temp.try(target regclass, how text, changed name DEFAULT NULL, value text DEFAULT NULL) RETURNS text
	LANGUAGE plpgsql AS $$
DECLARE
	kept record;
	columns text;
	violated text;
BEGIN
	EXECUTE format('SELECT r.* FROM %s AS r', target) INTO STRICT kept;
	SELECT string_agg(quote_ident(attname), ', ') INTO columns FROM pg_attribute
		WHERE attrelid = target AND attnum > 0 AND NOT attisdropped AND attgenerated = '';
	IF how = 'INSERT' THEN
		EXECUTE format('DELETE FROM %s', target);
		EXECUTE format('INSERT INTO %1$s (%2$s) OVERRIDING SYSTEM VALUE SELECT %2$s
			FROM jsonb_populate_record(NULL::%1$s, $1)', target, columns)
			USING to_jsonb(kept) || CASE WHEN changed IS NULL THEN '{}' ELSE jsonb_build_object(changed, value) END;
	ELSE
		EXECUTE format('UPDATE %s SET %I = %L', target, changed, value);
	END IF;
	RAISE EXCEPTION 'accepted';
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS violated = CONSTRAINT_NAME;
	RETURN CASE WHEN sqlerrm = 'accepted' THEN sqlerrm ELSE sqlstate || ' ' || violated END;
END
$$;
CREATE FUNCTION pg_temp.other(target regclass, "column" name) RETURNS text LANGUAGE sql AS $$
	SELECT CASE atttypid WHEN 'uuid'::regtype THEN 'd0000000-0000-4000-8000-00000000000d' ELSE 'nothing' END
	FROM pg_attribute WHERE attrelid = target AND attname = "column"
$$;
CREATE TEMPORARY VIEW columns AS
	SELECT k.conname, k.conrelid::regclass AS child, a.attname FROM keys AS k JOIN pg_constraint AS c ON c.oid = k.oid
	JOIN pg_attribute AS a ON a.attrelid = k.conrelid AND a.attnum = ANY (c.conkey);
SELECT is(pg_temp.try(child, 'INSERT'), 'accepted', child || ': a row is accepted, by the same way')
	FROM (SELECT DISTINCT child::text, child FROM columns) AS c (name, child) ORDER BY name;
SELECT is(pg_temp.try(child, 'INSERT', attname, pg_temp.other(child, attname)), '23503 ' || conname,
		conname || ': INSERT of a row without parent')
	FROM columns ORDER BY conname;
SELECT is(pg_temp.try(child, 'UPDATE', attname, pg_temp.other(child, attname)), '23503 ' || conname,
		conname || ': UPDATE to a parent that is not there')
	FROM columns ORDER BY conname;
SELECT is(pg_temp.try('auth.sessions', 'UPDATE', 'user_id', 'a0000000-0000-4000-8000-000000000002'),
	'accepted', 'another parent that is there is accepted');
SELECT is(pg_temp.try('auth.sessions', 'UPDATE', 'tenant_id'), 'accepted', 'and NULL, where it may be');

PREPARE orphan AS INSERT INTO auth.sessions (user_id) VALUES ('d0000000-0000-4000-8000-00000000000d');

-- what changes a key past the SET list, and what reports it
CREATE FUNCTION public.keys_redirect() RETURNS trigger
	LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
	NEW.user_id := 'd0000000-0000-4000-8000-00000000000d';
	RETURN NEW;
END
$$;
CREATE TRIGGER redirect BEFORE UPDATE ON auth.sessions FOR EACH ROW EXECUTE FUNCTION public.keys_redirect();
SELECT throws_ok($$ UPDATE auth.sessions SET user_agent = 'x' $$, '23503',
	'insert or update on table "sessions" violates foreign key constraint "sessions_user_id_fkey"',
	'a key that a BEFORE trigger changed is checked');
DROP TRIGGER redirect ON auth.sessions;
SELECT throws_ok($$
	INSERT INTO auth.sessions (id, user_id) VALUES (gen_random_uuid(), 'd0000000-0000-4000-8000-00000000000d')
	ON CONFLICT (id) DO UPDATE SET user_agent = 'x' $$, '23503', NULL, 'INSERT ... ON CONFLICT is checked');
SELECT throws_ok($$ MERGE INTO auth.sessions AS s USING (VALUES (1)) AS v ON false
	WHEN NOT MATCHED THEN INSERT (user_id) VALUES ('d0000000-0000-4000-8000-00000000000d') $$,
	'23503', NULL, 'MERGE is checked');

-- COPY: a superuser and the rights of auth_owner load rows without parents, and that is reported
CREATE ROLE keys_copier;
CREATE ROLE keys_restorer;
GRANT USAGE ON SCHEMA auth TO keys_copier;
GRANT INSERT, SELECT ON auth.sessions, auth.users TO keys_copier;
GRANT auth_owner TO keys_restorer;

COPY auth.sessions (id, user_id) FROM stdin;
e0000000-0000-4000-8000-000000000001	d0000000-0000-4000-8000-00000000000d
\.
SELECT is((SELECT count(*)::integer FROM auth.sessions), 2, 'a superuser copies a row before its parent');
SET ROLE keys_restorer;
COPY auth.refresh_tokens (token_hash, session_id, salt, created_at, expires_at) FROM stdin;
\\xe000000000000000000000000000000000000000000000000000000000000000	d0000000-0000-4000-8000-00000000000d	\\x	now	now
\.
RESET ROLE;
SELECT is((SELECT count(*)::integer FROM auth.refresh_tokens), 2, 'so does a member of auth_owner');
SELECT set_eq($$ SELECT relation, rule, row_count, examples FROM auth.check_integrity() $$,
	$$ SELECT ('auth.' || r)::regclass, r || '_' || c || '_fkey', 1::bigint,
	ARRAY['d0000000-0000-4000-8000-00000000000d']
		FROM (VALUES ('sessions', 'user_id'), ('refresh_tokens', 'session_id')) AS v (r, c) $$,
	'check_integrity() names both');
SELECT throws_ok($$ UPDATE auth.sessions SET user_id = 'd0000000-0000-4000-8000-00000000000e'
	WHERE id = 'e0000000-0000-4000-8000-000000000001' $$,
	'23503', NULL, 'but not to another parent that is not there');
DO $$
DECLARE
	told record;
BEGIN
	FOR told IN SELECT c.* FROM auth.check_integrity() AS c LOOP
		EXECUTE substring(told.advice FROM 'Or: (.*)$');
	END LOOP;
END
$$;
SELECT is_empty($$ SELECT * FROM auth.check_integrity() $$, 'what it advises takes them away');
SELECT is((SELECT count(*)::integer FROM auth.sessions), 1, 'and nothing else');

-- error, a role that was granted INSERT: COPY gives it no more
SAVEPOINT s;
SET LOCAL ROLE keys_copier;
COPY auth.sessions (user_id) FROM stdin;
d0000000-0000-4000-8000-00000000000d
\.
ROLLBACK TO s;
-- but one with a parent
SET LOCAL ROLE keys_copier;
COPY auth.sessions (user_id) FROM stdin;
a0000000-0000-4000-8000-000000000001
\.
SELECT is((SELECT count(*)::integer FROM auth.sessions), 2,
	'a role that was granted INSERT copies a row that has its parent');
ROLLBACK TO s;

-- statements that run inside of a superuser's COPY are not part of it
CREATE TABLE public.keys_inbox (id uuid);
CREATE FUNCTION public.keys_insert() RETURNS trigger
	LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
	IF TG_TABLE_NAME <> 'sessions' OR to_jsonb(NEW) ->> 'user_agent' = 'again' THEN
		INSERT INTO auth.sessions (user_id) VALUES ('d0000000-0000-4000-8000-00000000000d');
	END IF;
	RETURN NULL;
END
$$;
CREATE TRIGGER keys_insert AFTER INSERT ON public.keys_inbox FOR EACH ROW EXECUTE FUNCTION public.keys_insert();
CREATE TRIGGER keys_insert AFTER INSERT ON auth.users FOR EACH ROW EXECUTE FUNCTION public.keys_insert();
CREATE TRIGGER keys_insert AFTER INSERT ON auth.sessions FOR EACH ROW EXECUTE FUNCTION public.keys_insert();
SAVEPOINT nested;
-- error, in a trigger of a table of the application
COPY public.keys_inbox FROM stdin;
d0000000-0000-4000-8000-000000000001
\.
ROLLBACK TO nested;
-- error, in a trigger of another table of ours
COPY auth.users (email) FROM stdin;
copied@example.com
\.
ROLLBACK TO nested;
-- error, in a trigger of the very table
COPY auth.sessions (user_id, user_agent) FROM stdin;
a0000000-0000-4000-8000-000000000001	again
\.
ROLLBACK TO nested;
SELECT throws_ok($$ COPY auth.sessions (user_id) FROM PROGRAM 'echo d0000000-0000-4000-8000-00000000000d' $$,
	'23503', NULL, 'COPY inside of a function is checked');
-- error, an INSERT whose result is copied
COPY (INSERT INTO auth.sessions (user_id) VALUES ('d0000000-0000-4000-8000-00000000000d') RETURNING user_id) TO STDOUT;
ROLLBACK TO s;

-- as the server's own keys, ours are not checked where rows are replicated
SET LOCAL session_replication_role = replica;
SELECT lives_ok('orphan', 'replicated rows come in any order');
ROLLBACK TO s;

-- the error is the server's, and names the key to a role that may read it
SET LOCAL ROLE keys_copier;
\set VERBOSITY default
EXECUTE orphan;
\set VERBOSITY terse
ROLLBACK TO s;

-- keys that come later: of several columns, MATCH FULL, of a table to itself
CREATE TABLE auth.later (a integer, b integer, PRIMARY KEY (a, b));
CREATE TABLE auth.later_simple (a integer, b integer,
	CONSTRAINT simple FOREIGN KEY (a, b) REFERENCES auth.later ON DELETE SET NULL);
CREATE TABLE auth.later_full (a integer, b integer,
	CONSTRAINT "full" FOREIGN KEY (a, b) REFERENCES auth.later MATCH FULL);
CREATE TABLE auth.later_self (id integer PRIMARY KEY, parent integer,
	CONSTRAINT self FOREIGN KEY (parent) REFERENCES auth.later_self);
ALTER TABLE auth.later OWNER TO auth_owner;
ALTER TABLE auth.later_simple OWNER TO auth_owner;
ALTER TABLE auth.later_full OWNER TO auth_owner;
ALTER TABLE auth.later_self OWNER TO auth_owner;
SELECT is((SELECT string_agg(rule, ', ' ORDER BY relation::text) FROM auth.check_integrity()),
	'triggers, triggers, triggers', 'tables that came later are noticed');
SELECT is((SELECT string_agg(state::text, '' ORDER BY relation::text, name) FROM auth.triggers_reset()),
	'DDODDODDO', 'and brought into the form');
INSERT INTO auth.later VALUES (1, 1);
SELECT lives_ok($$ INSERT INTO auth.later_simple VALUES (1, 1), (2, NULL), (NULL, NULL) $$,
	'MATCH SIMPLE: no part, or all that is there');
SELECT throws_ok($$ INSERT INTO auth.later_simple VALUES (1, 2) $$, '23503', NULL,
	'MATCH SIMPLE: a parent that is not there');
SELECT throws_ok($$ UPDATE auth.later_simple SET a = 2 WHERE b = 1 $$, '23503', NULL, 'MATCH SIMPLE: one part changed');
SELECT lives_ok($$ INSERT INTO auth.later_full VALUES (1, 1), (NULL, NULL) $$, 'MATCH FULL: all or nothing');
SELECT throws_ok($$ INSERT INTO auth.later_full VALUES (1, NULL) $$, '23503', NULL, 'MATCH FULL: not half');
SELECT lives_ok($$ INSERT INTO auth.later_self VALUES (1, 2), (2, NULL) $$, 'a row and its parent in one statement');
SELECT throws_ok($$ WITH moved AS (UPDATE auth.later_self SET id = 3 WHERE id = 1)
	INSERT INTO auth.later_self VALUES (4, 1) $$, '23503', NULL, 'not before a parent that goes in the same one');
COPY auth.later_simple FROM stdin;
7	7
7	\N
\.
COPY auth.later_full FROM stdin;
7	7
\N	7
\.
SELECT set_eq($$ SELECT rule, row_count, examples FROM auth.check_integrity() $$,
	$$ VALUES ('simple', 1::bigint, ARRAY['7, 7']), ('full', 2, ARRAY['7', '7, 7']) $$,
	'check_integrity() counts by the kind of match');
SELECT lives_ok($$ DELETE FROM auth.later_full $$, 'children are deleted');
SELECT lives_ok($$ DELETE FROM auth.later $$, 'and their parents');
SELECT is((SELECT count(*)::integer FROM auth.later_simple WHERE a IS NULL AND b IS NULL), 2,
	'and ON DELETE SET NULL sets NULL');
ROLLBACK TO s;

-- keys of applications to our tables stay the server's
CREATE TABLE public.keys_notes (user_id uuid REFERENCES auth.users);
SELECT is_empty($$ SELECT * FROM auth.triggers_reset() $$, 'a key of an application is left alone');
-- error, it is checked for COPY, too
COPY public.keys_notes FROM stdin;
d0000000-0000-4000-8000-00000000000d
\.
ROLLBACK TO s;

-- what pg_upgrade and pg_restore --disable-triggers leave: the server's checks are enabled again
ALTER TABLE auth.sessions ENABLE TRIGGER ALL;
SELECT throws_ok('orphan', '23503', NULL, 'enabled, the server checks');
ALTER TABLE auth.users DISABLE TRIGGER ALL;
SELECT set_eq($$ SELECT relation::text, rule, row_count FROM auth.check_integrity() $$,
	$$ VALUES ('auth.sessions', 'triggers', (SELECT count(*) FROM pg_trigger WHERE tgrelid = 'auth.sessions'::regclass
			AND tgname <> 'foreign_keys_checked' AND tgname !~ '^RI_ConstraintTrigger_a_')),
		('auth.users', 'triggers', (SELECT count(*) FROM pg_trigger WHERE tgrelid = 'auth.users'::regclass)) $$,
	'which is reported, and triggers that are disabled');
SELECT cmp_ok((SELECT count(*) FROM auth.triggers_reset()), '>', 6::bigint, 'triggers_reset() tells what it does');
SELECT is_empty($$ SELECT * FROM auth.check_integrity() $$, 'and then all is well');
DROP TRIGGER foreign_keys_checked ON auth.sessions;
SELECT is((SELECT count(*)::integer FROM auth.triggers_reset()), 1, 'a trigger that is missing is made');
SELECT throws_ok('orphan', '23503', NULL, 'and checks');
SELECT function_privs_are('auth', 'triggers_reset', '{}', 'auth_owner', '{}', 'triggers_reset() is for superusers');
SET LOCAL ROLE auth_admin;
SELECT is_empty($$ SELECT * FROM auth.check_integrity() $$, 'check_integrity() is for auth_admin');
ROLLBACK TO s;

-- the rest of what check_integrity() knows
SELECT auth.member_add(:tenant, 'a0000000-0000-4000-8000-000000000002', 'owner') \g /dev/null
SET LOCAL session_replication_role = replica;
ALTER TABLE auth.memberships DISABLE TRIGGER USER;
DELETE FROM auth.memberships WHERE role = 'owner';
ALTER TABLE auth.memberships ENABLE TRIGGER USER;
UPDATE auth.memberships SET unit_ids = ARRAY[:nobody]::uuid[];
SELECT setval('auth.consents_id_seq', 1, false) \g /dev/null
SELECT set_eq($$
	SELECT relation::text, rule, row_count, examples FROM auth.check_integrity() WHERE rule <> 'triggers' $$,
	$$ VALUES ('auth.memberships', 'owner', 1::bigint, ARRAY['b0000000-0000-4000-8000-000000000001']),
		('auth.memberships', 'unit_ids', 1, ARRAY['d0000000-0000-4000-8000-00000000000d']),
		('auth.memberships', 'history', 2, ARRAY['b0000000-0000-4000-8000-000000000001']),
		('auth.consents', 'identity', 1, ARRAY[(SELECT max(id) FROM auth.consents)::text]) $$,
	'owners, units, history and sequences that are not whole');
ROLLBACK TO s;
SELECT throws_ok($$ SELECT auth._foreign_keys_checked() $$, '39P01', NULL,
	'the trigger function cannot be called');
SELECT throws_ok($$
	CREATE TRIGGER wrong BEFORE INSERT ON auth.users FOR EACH ROW EXECUTE FUNCTION auth._foreign_keys_checked();
	INSERT INTO auth.users (email) VALUES ('wrong@example.com') $$, '39P01', NULL,
		'nor serve as another kind of trigger');

SELECT * FROM finish();
ROLLBACK;
