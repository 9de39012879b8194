-- setup before
CREATE EXTENSION intrex_auth;
CREATE ROLE app_owner LOGIN;
CREATE ROLE clinic_owner LOGIN;
CREATE ROLE app LOGIN NOINHERIT;
INSERT INTO auth.tenants (id, name) VALUES ('33333333-3333-4333-8333-333333333333', 'Acme');
INSERT INTO auth.users (id, email) VALUES ('11111111-1111-4111-8111-111111111111', 'anna@example.com');
INSERT INTO auth.sessions (user_id) VALUES ('11111111-1111-4111-8111-111111111111');
-- consent after
SELECT count(*) = 1 FROM auth.consents;
-- owner before
CREATE TABLE prompts (id int PRIMARY KEY, user_id uuid);
ALTER TABLE prompts OWNER TO app_owner;
-- anybody with
\set user '11111111-1111-4111-8111-111111111111'
-- anybody after
SELECT auth.has_lgpd_consent('11111111-1111-4111-8111-111111111111', 'ai_interaction');
-- seal before
CREATE TABLE patients (tenant_id uuid, user_id uuid, diagnosis bytea);
ALTER TABLE patients OWNER TO clinic_owner;
GRANT SELECT, INSERT ON patients TO auth_admin;
-- seal with
\set user '11111111-1111-4111-8111-111111111111'
-- clinic before
GRANT CREATE ON SCHEMA public TO clinic_owner;
-- diagnosis after
UPDATE patients SET tenant_id = '33333333-3333-4333-8333-333333333333';
SELECT to_regprocedure('diagnosis(uuid)') IS NOT NULL;
-- export after
SELECT to_regprocedure('my_data()') IS NOT NULL;
-- destroy after
SELECT auth.personal_decrypt(user_id, diagnosis, 'patients.diagnosis') = 'malaria' FROM patients;
SELECT count(*) = 1 FROM auth.keys() WHERE "use" = 'seal';
