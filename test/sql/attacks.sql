-- Attacks that go through what the extension itself runs for somebody else.
\set ECHO none
\set QUIET 1
\pset format unaligned
\pset tuples_only true
\set VERBOSITY terse
SET client_min_messages = warning;

BEGIN;
SELECT plan(15);

CREATE SCHEMA app;
CREATE ROLE intrex_auth_test_owner;
GRANT auth_admin TO intrex_auth_test_owner;
GRANT USAGE, CREATE ON SCHEMA app TO intrex_auth_test_owner;
CREATE TABLE app.ran (who name);
GRANT INSERT ON app.ran TO PUBLIC;
INSERT INTO auth.tenants (id, name) VALUES ('00000000-0000-4000-8000-00000000000a', 'A');

-- A table that inherits is entered with a column whose cast is its owner's code;
-- a superuser protects the parent.
SET LOCAL ROLE intrex_auth_test_owner;
CREATE TYPE app.hostile AS (id uuid);
CREATE FUNCTION app.hostile_cast(app.hostile) RETURNS uuid LANGUAGE plpgsql AS $$
BEGIN
	INSERT INTO app.ran VALUES (current_user);
	RETURN ($1).id;
END
$$;
CREATE CAST (app.hostile AS uuid) WITH FUNCTION app.hostile_cast(app.hostile) AS IMPLICIT;
CREATE TABLE app.parent (tenant_id uuid NOT NULL);
CREATE TABLE app.child (other app.hostile NOT NULL DEFAULT ROW (NULL)::app.hostile) INHERITS (app.parent);
INSERT INTO app.child VALUES ('00000000-0000-4000-8000-00000000000a', ROW ('00000000-0000-4000-8000-00000000000a')::app.hostile);
INSERT INTO auth.protected_tables (schema_name, table_name, tenant_column, tenant_fk, had_default, had_not_null, had_rls, had_force_rls)
	VALUES ('app', 'child', 'other', true, true, true, false, false);
RESET ROLE;
SELECT throws_ok($$ SELECT * FROM auth.protect('app.parent') $$, '55000', 'app.child is protected by its column other already',
	'an entry of a child names another column');
SELECT is((SELECT count(*) FROM app.ran), 0::bigint, 'and no cast of its owner has run');
DELETE FROM auth.protected_tables WHERE schema_name = 'app';
SELECT lives_ok($$ SELECT * FROM auth.protect('app.parent') $$, 'without that entry both are protected');
SELECT is((SELECT string_agg(table_name || ' ' || tenant_column, ', ' ORDER BY table_name) FROM auth.protected_tables WHERE schema_name = 'app'),
	'child tenant_id, parent tenant_id', 'by the column of the parent');
-- nobody changes the type of a column from the check on
SELECT is((SELECT string_agg(l.relation::regclass::text, ', ' ORDER BY l.relation::regclass::text) FROM pg_locks AS l
		WHERE l.pid = pg_backend_pid() AND l.mode = 'ShareUpdateExclusiveLock' AND l.relation IN ('app.parent'::regclass, 'app.child'::regclass)),
	'app.child, app.parent', 'both were locked before they were looked at');

-- A caller makes the answer fail, so that its error takes back what was decided:
-- the revocation of a family whose token was stolen.
SET LOCAL intrex_auth.password_cost = 4;
SELECT auth_api.register('attacks@example.com', 'correct horse battery') ->> 'refresh_token' AS first \gset
SELECT auth_api.refresh(:'first') ->> 'refresh_token' AS second \gset
SELECT auth_api.refresh(:'second') ->> 'refresh_token' AS third \gset
UPDATE auth.refresh_tokens SET created_at = created_at - interval '31 seconds' \g /dev/null
SELECT set_config('response.headers', repeat('[', 100000), true) \gset ignored_
SELECT is(auth_api.refresh(:'first') #>> '{error,code}', 'refresh_token_already_used', 'headers too deep to be read do not undo a refusal');
SELECT is(auth_api.refresh(:'third') #>> '{error,code}', 'session_revoked', 'and the family is revoked');
SELECT is(count(auth_api.refresh('x')), 500::bigint, 'refusals by the hundred') FROM generate_series(1, 500);
SELECT is(jsonb_array_length(current_setting('response.headers')::jsonb), 1, 'do not make the list of headers long');

-- a tenant is deleted: triggers of the tables that go with it run as nobody
CREATE SCHEMA hostile;
CREATE ROLE intrex_auth_test_hostile;
GRANT USAGE, CREATE ON SCHEMA hostile TO intrex_auth_test_hostile;
CREATE TABLE hostile.ran (who text, what text);
GRANT INSERT ON hostile.ran TO PUBLIC;
GRANT USAGE ON SCHEMA hostile TO PUBLIC;
SET LOCAL ROLE intrex_auth_test_hostile;
CREATE TABLE hostile.t (id int, tenant_id uuid, unit_id uuid, user_id uuid);
CREATE FUNCTION hostile.spy() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	INSERT INTO hostile.ran VALUES (current_user, TG_WHEN || ' ' || TG_LEVEL);
	BEGIN
		PERFORM password_hash FROM auth.users;
		INSERT INTO hostile.ran VALUES (current_user, 'READ THE HASHES');
	EXCEPTION WHEN insufficient_privilege THEN
		NULL;
	END;
	RETURN CASE TG_OP WHEN 'DELETE' THEN OLD ELSE NEW END;
END
$$;
CREATE TRIGGER a BEFORE DELETE ON hostile.t FOR EACH ROW EXECUTE FUNCTION hostile.spy();
CREATE TRIGGER b AFTER DELETE ON hostile.t FOR EACH ROW EXECUTE FUNCTION hostile.spy();
CREATE TRIGGER c AFTER DELETE ON hostile.t FOR EACH STATEMENT EXECUTE FUNCTION hostile.spy();
RESET ROLE;
ALTER TABLE hostile.t ADD FOREIGN KEY (unit_id) REFERENCES auth.units ON DELETE CASCADE, ADD FOREIGN KEY (user_id) REFERENCES auth.users ON DELETE CASCADE;
SELECT count(*) > 0 FROM auth.protect('hostile.t') \g /dev/null
SELECT auth.tenant_create('Doomed') AS doomed \gset
SELECT auth.unit_create(:'doomed', 'Doomed') AS doomed_unit \gset
SELECT auth.user_create('doomed@example.com', 'a password to steal') AS doomed_user \gset
INSERT INTO hostile.t (id, tenant_id) VALUES (1, :'doomed');
INSERT INTO hostile.t (id, tenant_id, unit_id) VALUES (2, :'doomed', :'doomed_unit');
INSERT INTO hostile.t (id, tenant_id, user_id) VALUES (3, :'doomed', :'doomed_user');
SELECT auth.user_delete(:'doomed_user');
SELECT auth.unit_delete(:'doomed_unit');
SELECT auth.tenant_delete(:'doomed');
SELECT is((SELECT count(*) FROM hostile.t), 0::bigint, 'what referred to user, unit and tenant is deleted with them');
SELECT cmp_ok((SELECT count(*) FROM hostile.ran WHERE what LIKE 'AFTER%'), '>=', 6::bigint, 'the triggers of the table ran');
SELECT is_empty($$SELECT DISTINCT who FROM hostile.ran WHERE who NOT IN ('intrex_auth_test_hostile', 'anon')$$, 'as its owner, or as nobody');
SELECT is_empty($$SELECT FROM hostile.ran WHERE what = 'READ THE HASHES'$$, 'and read no hash');
SELECT is(current_user::text, session_user::text, 'afterwards the caller is who he was');

-- a reference to the tenants may be made by nobody who is not trusted with everything
SELECT is_empty($$SELECT FROM pg_class AS c, aclexplode(c.relacl) AS a WHERE c.relnamespace = 'auth'::regnamespace AND a.privilege_type IN ('REFERENCES', 'TRIGGER', 'TRUNCATE') AND a.grantee <> c.relowner$$,
	'nobody is granted REFERENCES, TRIGGER or TRUNCATE on our tables');

SELECT * FROM finish();
ROLLBACK;
