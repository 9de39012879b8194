-- Sign-up, rows of the application, a quota and the audit trail in one transaction: all
-- of it or nothing.
\set ECHO none
\set QUIET 1
\pset format unaligned
\pset tuples_only true
\set VERBOSITY terse
SET client_min_messages = warning;

BEGIN;
SET LOCAL intrex_auth.password_cost = 4;
SELECT plan(10);

SELECT auth.plan_create('trial'), auth.feature_create('projects', true), auth.plan_feature_set('trial', 'projects', 2) \g /dev/null
CREATE SCHEMA app;
CREATE TABLE app.profiles (user_id uuid PRIMARY KEY REFERENCES auth.users ON DELETE CASCADE, nickname text UNIQUE);
CREATE TABLE app.projects (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), tenant_id uuid, name text CHECK (name <> ''));
SELECT * FROM auth.protect('app.projects') \g /dev/null
CREATE TRIGGER count_projects AFTER INSERT ON app.projects REFERENCING NEW TABLE AS new_rows
	FOR EACH STATEMENT EXECUTE FUNCTION auth.quota_trigger('projects');
-- what an application does for a new customer, in its own function
CREATE FUNCTION app.sign_up(email text, nickname text, projects text[]) RETURNS uuid LANGUAGE plpgsql AS $$
DECLARE
	answer jsonb := auth_api.register(email, 'correct horse battery', tenant_name => nickname);
BEGIN
	PERFORM auth.authenticate(answer ->> 'access_token');
	PERFORM auth.subscription_set(auth.tenant_id(), 'trial');
	INSERT INTO app.profiles VALUES (auth.uid(), nickname);
	INSERT INTO app.projects (name) SELECT unnest(projects);
	RETURN auth.uid();
END
$$;
CREATE FUNCTION app.everything() RETURNS text LANGUAGE sql AS $$
	SELECT format('%s users, %s tenants, %s profiles, %s projects, %s counted, %s sessions, %s registrations',
		(SELECT count(*) FROM auth.users), (SELECT count(*) FROM auth.tenants), (SELECT count(*) FROM app.profiles), (SELECT count(*) FROM app.projects),
		(SELECT coalesce(sum(used), 0) FROM auth.usage), (SELECT count(*) FROM auth.sessions), (SELECT count(*) FROM auth.audit_log WHERE event = 'register' AND user_id IN (SELECT id FROM auth.users)))
$$;
SELECT is(app.everything(), '0 users, 0 tenants, 0 profiles, 0 projects, 0 counted, 0 sessions, 0 registrations', 'before');

SELECT lives_ok($$SELECT app.sign_up('anna@example.com', 'anna', '{a,b}')$$, 'a customer with two projects');
SELECT is(app.everything(), '1 users, 1 tenants, 1 profiles, 2 projects, 2 counted, 1 sessions, 1 registrations', 'all of it is there');

SELECT throws_ok($$SELECT app.sign_up('otto@example.com', 'otto', '{a,b,c}')$$, 'PT402', 'Quota exceeded', 'one with three: more than the plan has');
SELECT is(app.everything(), '1 users, 1 tenants, 1 profiles, 2 projects, 2 counted, 1 sessions, 1 registrations', 'nothing of it is');
SELECT throws_ok($$SELECT app.sign_up('otto@example.com', 'anna', '{a}')$$, '23505', NULL, 'one whose nickname is taken');
SELECT is(app.everything(), '1 users, 1 tenants, 1 profiles, 2 projects, 2 counted, 1 sessions, 1 registrations', 'nothing of it is');
SELECT throws_ok($$SELECT app.sign_up('otto@example.com', 'otto', ARRAY['a', ''])$$, '23514', NULL, 'one with a row that a rule of the application refuses');
SELECT is(app.everything(), '1 users, 1 tenants, 1 profiles, 2 projects, 2 counted, 1 sessions, 1 registrations', 'nor is his, and no quota was used');
SELECT lives_ok($$SELECT app.sign_up('otto@example.com', 'otto', '{a}')$$, 'the address is free');

SELECT * FROM finish();
ROLLBACK;
