-- A login tells nobody whether an account exists: the same answer for the same
-- number of hash computations, whoever the identifier belongs to.
\set ECHO none
\set QUIET 1
\pset format unaligned
\pset tuples_only true
SET client_min_messages = warning;

BEGIN;
SELECT plan(23);
SET LOCAL intrex_auth.password_cost = 4;
SET LOCAL intrex_auth.login_max_failures = 3;

-- attempts outlive the transaction, so each run has its own addresses
CREATE TEMPORARY TABLE run AS SELECT gen_random_uuid()::text AS id;
CREATE TEMPORARY TABLE accounts AS
SELECT kind, kind || '.' || id || '@example.com' AS email, auth.user_create(kind || '.' || id || '@example.com', password) AS account
FROM run, (VALUES ('known', 'right password'), ('banned', 'right password'), ('unverified', 'right password'), ('passwordless', NULL), ('malformed', 'right password'), ('costly', 'right password')) AS t (kind, password);
UPDATE auth.users AS u SET banned_until = 'infinity' FROM accounts AS a WHERE a.email = u.email AND a.kind = 'banned';
UPDATE auth.users AS u SET password_hash = 'nonsense' FROM accounts AS a WHERE a.email = u.email AND a.kind = 'malformed';
UPDATE auth.users AS u SET password_hash = '$2b$31$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW' FROM accounts AS a WHERE a.email = u.email AND a.kind = 'costly';

-- Answer, status and computations of a login.
CREATE FUNCTION pg_temp.login(email text, password text) RETURNS text LANGUAGE plpgsql AS
$$
DECLARE
	before CONSTANT bigint := auth._hash_computations();
	answer CONSTANT jsonb := auth_api.login(email, password);
BEGIN
	RETURN format('%s, HTTP %s, %s computed', answer ->> 'error', current_setting('response.status'), auth._hash_computations() - before);
END
$$;
CREATE FUNCTION pg_temp.expected() RETURNS text LANGUAGE sql AS
$$ SELECT '{"code": "invalid_credentials", "status": 401, "message": "Invalid login credentials"}, HTTP 401, 1 computed' $$;

SELECT is(pg_temp.login(email, 'wrong password'), pg_temp.expected(), 'wrong password, account ' || kind) FROM accounts ORDER BY kind;
SELECT is(pg_temp.login('unknown.' || id || '@example.com', 'wrong password'), pg_temp.expected(), 'nobody') FROM run;
SELECT is(pg_temp.login('no address ' || id, 'wrong password'), pg_temp.expected(), 'no e-mail address') FROM run;
SELECT is(pg_temp.login(email, repeat('x', 73)), pg_temp.expected(), 'a password over 72 bytes, account known') FROM accounts WHERE kind = 'known';
SELECT is(pg_temp.login('long.' || id || '@example.com', repeat('x', 73)), pg_temp.expected(), 'the same, nobody') FROM run;
SELECT is(pg_temp.login(email, repeat('x', 1048576)), pg_temp.expected(), 'a password of 1 MB, account known') FROM accounts WHERE kind = 'known';

-- three failures close each of them alike, and then nothing is computed
SELECT pg_temp.login(email, 'wrong'), pg_temp.login(email, 'wrong') FROM (SELECT email FROM accounts UNION ALL SELECT 'unknown.' || id || '@example.com' FROM run) AS tried \g /dev/null
SELECT matches(pg_temp.login(email, 'right password'), '^\{"code": "account_locked", "status": 403, .*, HTTP 403, 0 computed$', 'closed, account ' || kind) FROM accounts ORDER BY kind;
SELECT matches(pg_temp.login('unknown.' || id || '@example.com', 'right password'), '^\{"code": "account_locked", "status": 403, .*, HTTP 403, 0 computed$', 'closed, nobody') FROM run;

-- only the right password learns more
SELECT auth._throttle_reset(email) FROM accounts \g /dev/null
SELECT matches(pg_temp.login(email, 'right password'), '"user_banned", .*, 1 computed$', 'banned shows behind the right password') FROM accounts WHERE kind = 'banned';
SET LOCAL intrex_auth.require_email_verification = on;
SELECT matches(pg_temp.login(email, 'right password'), '"email_not_confirmed", .*, 1 computed$', 'so does unverified') FROM accounts WHERE kind = 'unverified';
SELECT is(pg_temp.login(email, 'right password'), pg_temp.expected(), 'no password opens an account without one') FROM accounts WHERE kind = 'passwordless';
SELECT is(pg_temp.login(email, 'dummy'), pg_temp.expected(), 'nor the dummy''s') FROM accounts WHERE kind = 'passwordless';
SELECT is(pg_temp.login(email, 'nonsense'), pg_temp.expected(), 'nor the text of a malformed hash') FROM accounts WHERE kind = 'malformed';

SELECT * FROM finish();
ROLLBACK;
