-- one with
\set hash '$2y$04$CCCCCCCCCCCCCCCCCCCCC.7uG0VCzI2bS7j6ymqJi9CdcdxiRTWNy'
-- one after
SELECT name = 'Anna' FROM auth.users WHERE email = 'anna@example.com';
-- million before
\! printf 'bo@example.com,Bo,,true,2020-01-01\nnot an address,,,,\n' > users.csv
-- million after
SELECT count(*) = 1 FROM auth.users WHERE email = 'bo@example.com';
SELECT problem IS NOT NULL FROM auth.user_imports;
DELETE FROM auth.user_imports;
-- gotrue before
CREATE SCHEMA auth;
CREATE TABLE auth.users (id uuid, email text, phone text, encrypted_password text, email_confirmed_at timestamptz, phone_confirmed_at timestamptz,
	raw_user_meta_data jsonb, created_at timestamptz, banned_until timestamptz, deleted_at timestamptz, is_anonymous bool DEFAULT false);
INSERT INTO auth.users VALUES ('44444444-4444-4444-8444-444444444401', 'go1@example.com', '', '', now(), NULL, '{}', now(), NULL),
	('44444444-4444-4444-8444-444444444402', 'go2@example.com', '4930123456', '$2a$04$CCCCCCCCCCCCCCCCCCCCC.7uG0VCzI2bS7j6ymqJi9CdcdxiRTWNy', NULL, NULL, NULL, now(), NULL);
-- gotrue_users after
SELECT imported = 2 AND rejected = 0 FROM auth.users_import();
SELECT email, problem FROM auth.user_imports;
DELETE FROM auth.user_imports;
-- django before
CREATE TABLE auth_user (email text, first_name text, last_name text, password text, date_joined timestamptz, is_active bool);
INSERT INTO auth_user VALUES ('dj1@example.com', '', '', '!unusable', now(), true),
	('dj2@example.com', 'Eve', 'Smith', 'bcrypt$$2b$04$CCCCCCCCCCCCCCCCCCCCC.7uG0VCzI2bS7j6ymqJi9CdcdxiRTWNy', now(), true);
-- django_users after
SELECT imported = 2 AND rejected = 0 FROM auth.users_import();
SELECT email, problem FROM auth.user_imports;
DELETE FROM auth.user_imports;
-- keycloak before
CREATE TABLE keycloak_user_entity (id text, email text, first_name text, last_name text, email_verified bool, created_timestamp bigint);
CREATE TABLE keycloak_credential (user_id text, type text, credential_data text, secret_data text);
GRANT SELECT ON keycloak_user_entity, keycloak_credential TO auth_admin;
INSERT INTO keycloak_user_entity VALUES ('1', 'kc1@example.com', NULL, NULL, true, 1600000000000), ('2', 'kc2@example.com', 'Eve', NULL, false, 1600000000000),
	('3', 'kc3@example.com', 'Otp', 'Only', true, 1600000000000);
INSERT INTO keycloak_credential VALUES ('2', 'password', '{"hashIterations":27500,"algorithm":"pbkdf2-sha256","additionalParameters":{}}',
	'{"value":"BQpKKtwaJpsSyHXlYzF8L3vXZTO5dA0LvZqMKgDmzkY=","salt":"AAECAwQFBgcICQoLDA0ODw==","additionalParameters":{}}'), ('3', 'otp', '{}', '{}');
-- keycloak after
SELECT imported = 3 AND rejected = 0 FROM auth.users_import();
SELECT email, problem FROM auth.user_imports;
SELECT string_agg(coalesce(name, '-') || (password_hash IS NOT NULL), ' ' ORDER BY email) = '-false Evetrue Otp Onlyfalse'
	FROM auth.users WHERE email LIKE 'kc%';
DELETE FROM auth.user_imports;
-- aspnet before
\! printf 'as1@example.com,,True,,False\nas2@example.com,,False,+4930123457,True\n' > AspNetUsers.csv
-- aspnet after
SELECT imported = 2 AND rejected = 0 FROM auth.users_import();
SELECT email, problem FROM auth.user_imports;
DELETE FROM auth.user_imports;
-- firebase with
\set users '{"users": [{"email": "fb1@example.com", "emailVerified": true, "createdAt": "1600000000000", "passwordHash": ""}, {"email": "fb2@example.com", "displayName": "", "emailVerified": false, "createdAt": "1600000000000", "disabled": true, "phoneNumber": "+4930123458", "passwordHash": "lSrfV15cpx95_sZS2W9c9Kp6i_LVgQNDNC_qzrCnh1SAyZvqmZqAjTdn3aoItz-VHjoZilo78198JAdRuid5lQ==", "salt": "42xEC-ixf3L2lw=="}]}'
\set signer_key 'jxspr8Ki0RYycVU8zykbdLGjFQ3McFUH0uiiTvC8pVMXAn210wjLNmdZJzxUECKbm0QsEmYUSDzZvpjeJ9WmXA=='
\set salt_separator 'Bw=='
-- firebase after
SELECT imported = 2 AND rejected = 0 FROM auth.users_import();
SELECT email, problem FROM auth.user_imports;
SELECT auth_api.login('fb2@example.com', 'user1password') #>> '{error,code}' = 'user_banned';
DELETE FROM auth.user_imports;
-- auth0 before
\! printf '{"_id": 1, "email": "a01@example.com", "email_verified": true, "passwordHash": "$2b$04$CCCCCCCCCCCCCCCCCCCCC.7uG0VCzI2bS7j6ymqJi9CdcdxiRTWNy"}\n{"_id": 2, "identifiers": [{"type": "email", "value": "a02@example.com", "verified": false}]}\n' > users.ndjson
-- auth0 after
SELECT imported = 2 AND rejected = 0 FROM auth.users_import();
SELECT email, problem FROM auth.user_imports;
DELETE FROM auth.user_imports;
-- better_auth before
CREATE TABLE "user" (id text, email text, name text, "emailVerified" bool, "createdAt" timestamptz);
CREATE TABLE account ("userId" text, "providerId" text, password text);
INSERT INTO "user" VALUES ('1', 'ba1@example.com', '', true, now()), ('2', 'ba2@example.com', 'Ben', false, now());
INSERT INTO account VALUES ('1', 'google', NULL);
-- better_auth_users after
SELECT imported = 2 AND rejected = 0 FROM auth.users_import();
SELECT email, problem FROM auth.user_imports;
DELETE FROM auth.user_imports;
