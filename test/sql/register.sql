-- auth_api.register: what it creates, what it refuses, and what it does not tell.
\set ECHO none
\set QUIET 1
\pset format unaligned
\pset tuples_only true
\set VERBOSITY terse
\getenv abs_srcdir PG_ABS_SRCDIR
\set include :abs_srcdir '/include/accounts.psql'

BEGIN;
\i :include
SELECT pg_temp.clean() \g /dev/null
SELECT plan(81);

-- a user
SELECT pg_temp.call($$register('Ann@Accounts.Example', 'password of ann', '  Ann Ö. ', '+49 (30) 123-456')$$) AS ann \gset
SELECT is(pg_temp.verdict(:'ann'), 'ok', 'registered and logged in');
SELECT is(:'ann'::jsonb -> 'user', jsonb_build_object('id', pg_temp.u('ann'), 'email', 'ann@accounts.example', 'email_verified', false, 'name', 'Ann Ö.',
	'role', NULL, 'tenant_id', NULL, 'unit_ids', '[]'::jsonb, 'is_super_admin', false), 'the user');
SELECT is((SELECT concat_ws('|', email, phone, name, is_super_admin, banned_until, profile, password_changed_at IS NOT NULL) FROM auth.users WHERE id = pg_temp.u('ann')),
	'ann@accounts.example|+4930123456|Ann Ö.|f|{}|t', 'stored as normalized');
SELECT matches((SELECT password_hash FROM auth.users WHERE id = pg_temp.u('ann')), '^\$2b\$04\$.{53}$', 'the password as a hash');
SELECT is((SELECT (email_verified_at, phone_verified_at) FROM auth.users WHERE id = pg_temp.u('ann')), ROW(NULL::timestamptz, NULL::timestamptz), 'nothing is verified');
SELECT is((SELECT count(*) FROM auth.memberships WHERE user_id = pg_temp.u('ann')), 0::bigint, 'no tenant');
SELECT is((SELECT count(*) FROM auth.sessions WHERE user_id = pg_temp.u('ann')), 1::bigint, 'one session');
SELECT is(pg_temp.trail(), 'register success ann@accounts.example', 'in the trail');
SELECT is((SELECT (user_id, session_id) FROM auth.audit_log ORDER BY id DESC LIMIT 1), (SELECT (user_id, id) FROM auth.sessions WHERE user_id = pg_temp.u('ann')), 'with user and session');
SELECT is(pg_temp.whose(:'ann'::jsonb ->> 'access_token'), 'ann@accounts.example', 'the access token is good');
SELECT is(pg_temp.verdict(pg_temp.refresh(:'ann')), 'ok', 'so is the refresh token');
SELECT is(pg_temp.say($$login('ann@accounts.example', 'password of ann')$$), 'ok', 'and the password');

-- with a tenant
SELECT pg_temp.call($$register('bob@accounts.example', 'password of bob', tenant_name => ' accounts  Bob & Co ')$$) AS bob \gset
SELECT is(:'bob'::jsonb #>> '{user,role}', 'owner', 'with a tenant: its owner');
SELECT is((SELECT concat_ws('|', t.name, m.role, m.is_default, m.unit_ids) FROM auth.memberships AS m JOIN auth.tenants AS t ON t.id = m.tenant_id WHERE m.user_id = pg_temp.u('bob')),
	'accounts  Bob & Co|owner|t|{}', 'stored');
SELECT is((:'bob'::jsonb #>> '{user,tenant_id}')::uuid, (SELECT tenant_id FROM auth.sessions WHERE user_id = pg_temp.u('bob')), 'the session is in it');
SELECT is(auth.jwt_verify(:'bob'::jsonb ->> 'access_token') ->> 'tenant_role', 'owner', 'and so is the token');
SELECT is(pg_temp.say($$register('bea@accounts.example', 'password of bea', tenant_name => 'accounts  Bob & Co')$$), 'ok', 'names of tenants are not unique');
SELECT isnt((SELECT tenant_id FROM auth.memberships WHERE user_id = pg_temp.u('bea')), (SELECT tenant_id FROM auth.memberships WHERE user_id = pg_temp.u('bob')), 'another tenant');

-- taken
SELECT is(pg_temp.hashes($$register('new@accounts.example', 'password of new')$$), 'ok, hashes: 1', 'a new address costs one hash');
SELECT is(pg_temp.hashes($$register('new@accounts.example', 'another password')$$), '409 user_already_exists, hashes: 1', 'and a taken one too');
SELECT is(pg_temp.explain($$register('ANN@ACCOUNTS.EXAMPLE', 'another password', 'Mallory', NULL, 'Mallory & Co')$$), '409 user_already_exists: User already registered', 'taken in other letters');
SELECT is(pg_temp.trail(), 'register refused user_already_exists ann@accounts.example', 'in the trail');
SELECT is(pg_temp.say($$register('phone@accounts.example', 'password of phone', phone => '+4930123456', tenant_name => 'Mallory & Co')$$), '409 user_already_exists', 'a number that is taken');
SELECT is((SELECT count(*) FROM auth.users WHERE email = 'phone@accounts.example') + (SELECT count(*) FROM auth.tenants WHERE name = 'Mallory & Co'), 0::bigint, 'nothing is left of it');
SELECT is(pg_temp.say($$login('ann@accounts.example', 'another password')$$), '401 invalid_credentials', 'the password is not changed by it');

-- where addresses must be verified: no tokens, and the same answer for a taken address
SET LOCAL intrex_auth.require_email_verification = on;
SELECT pg_temp.call($$register('una@accounts.example', 'password of una', 'Una', NULL, 'accounts Una')$$) AS una \gset
SELECT is(:'una'::jsonb, jsonb_build_object('verification_required', true, 'user', jsonb_build_object('id', pg_temp.u('una'), 'email', 'una@accounts.example', 'email_verified', false,
	'name', 'Una', 'role', 'owner', 'tenant_id', pg_temp.t('Una'), 'unit_ids', '[]'::jsonb, 'is_super_admin', false)), 'unverified: the user, no tokens');
SELECT is((SELECT count(*) FROM auth.sessions WHERE user_id = pg_temp.u('una')), 0::bigint, 'no session');
SELECT is(pg_temp.trail(), 'register success una@accounts.example', 'in the trail');
SELECT is(pg_temp.say($$login('una@accounts.example', 'password of una')$$), '403 email_not_confirmed', 'no login');
SELECT pg_temp.call($$register('ann@accounts.example', 'password of una', 'Una', NULL, 'accounts Una')$$) AS taken \gset
SELECT is(:'taken'::jsonb #- '{user,id}' #- '{user,tenant_id}' #- '{user,email}', :'una'::jsonb #- '{user,id}' #- '{user,tenant_id}' #- '{user,email}', 'a taken address: the same answer');
SELECT is(:'taken'::jsonb #>> '{user,email}', 'ann@accounts.example', 'with the address as given');
SELECT isnt((:'taken'::jsonb #>> '{user,id}')::uuid, pg_temp.u('ann'), 'and not the id of its user');
SELECT is((SELECT count(*) FROM auth.tenants WHERE id = (:'taken'::jsonb #>> '{user,tenant_id}')::uuid), 0::bigint, 'nor a tenant');
SELECT is((SELECT name FROM auth.users WHERE id = pg_temp.u('ann')), 'Ann Ö.', 'nothing is changed');
SELECT is(pg_temp.trail(), 'register refused user_already_exists ann@accounts.example', 'the trail knows');
SELECT is(current_setting('response.status') || current_setting('response.headers'), '', 'no status tells');
SELECT is(pg_temp.hashes($$register('ann@accounts.example', 'password of ann')$$), 'unverified, hashes: 1', 'nor does work: one hash');
SELECT is(pg_temp.hashes($$register('uri@accounts.example', 'password of uri')$$), 'unverified, hashes: 1', 'as for a new one');
SELECT is(pg_temp.say($$register('uwe@accounts.example', 'password of uwe', phone => '+4930123456')$$), 'unverified', 'a taken number');
SELECT is((SELECT count(*) FROM auth.users WHERE email = 'uwe@accounts.example'), 0::bigint, 'makes no user');
SELECT auth.user_verify_email(pg_temp.u('una')) \g /dev/null
SELECT is(pg_temp.say($$login('una@accounts.example', 'password of una')$$), 'ok', 'verified: login');
SET LOCAL intrex_auth.require_email_verification = off;

-- closed
SET LOCAL intrex_auth.allow_signup = off;
SELECT is(pg_temp.explain($$register('late@accounts.example', 'password of late')$$), '403 signup_disabled: Signups are not allowed', 'closed');
SELECT is(pg_temp.trail(), 'register refused signup_disabled late@accounts.example', 'in the trail');
SELECT is(pg_temp.hashes($$register('ann@accounts.example', 'password of late')$$), '403 signup_disabled, hashes: 0', 'before anything else');
SET LOCAL intrex_auth.allow_signup = on;

-- bad input, named; no hash, no user
SELECT count(*) AS users FROM auth.users \gset
SELECT is(pg_temp.hashes(call) || ': ' || (pg_temp.call(call) #>> '{error,message}'), '400 validation_failed, hashes: 0: ' || message, what)
	FROM (VALUES
		(1, 'no address', 'NULL', '''password''', '', 'email is required'),
		(2, 'an empty address', '''''', '''password''', '', 'email is required'),
		(3, 'no e-mail address', '''x''', '''password''', '', 'email is not a valid e-mail address'),
		(4, 'an address with a line break', 'E''x@y.example\nBcc: z''', '''password''', '', 'email is not a valid e-mail address'),
		(5, 'a megabyte of address', 'repeat(''x'', 1000000) || ''@y.example''', '''password''', '', 'email is not a valid e-mail address'),
		(6, 'no password', '''x@y.example''', 'NULL', '', 'password is required'),
		(7, 'an empty password', '''x@y.example''', '''''', '', 'password is required'),
		(8, 'an empty name', '''x@y.example''', '''password''', ', name => ''''', 'name is not valid'),
		(9, 'a megabyte of name', '''x@y.example''', '''password''', ', name => repeat(''x'', 1000000)', 'name is not valid'),
		(10, 'a name that writes to a terminal', '''x@y.example''', '''password''', ', name => E''a\u001b[2J''', 'name is not valid'),
		(11, 'an empty number', '''x@y.example''', '''password''', ', phone => ''''', 'phone is not a valid phone number'),
		(12, 'no number', '''x@y.example''', '''password''', ', phone => ''call me''', 'phone is not a valid phone number'),
		(13, 'a megabyte of number', '''x@y.example''', '''password''', ', phone => repeat(''1'', 1000000)', 'phone is not a valid phone number'),
		(14, 'an empty tenant', '''x@y.example''', '''password''', ', tenant_name => ''''', 'tenant_name is not valid'),
		(15, 'a tenant of blanks', '''x@y.example''', '''password''', ', tenant_name => ''   ''', 'tenant_name is not valid'),
		(16, 'a megabyte of tenant', '''x@y.example''', '''password''', ', tenant_name => repeat(''x'', 1000000)', 'tenant_name is not valid')
	) AS c (n, what, email, password, more, message), format('register(%s, %s%s)', email, password, more) AS call ORDER BY n;
SELECT is(pg_temp.hashes(call) || ': ' || (pg_temp.call(call) #>> '{error,message}'), '422 weak_password, hashes: 0: ' || message, what)
	FROM (VALUES
		(1, 'a short password', '1234567', 'password must have at least 8 characters'),
		(2, 'a long one, in bytes', repeat('ö', 37), 'password must have at most 72 bytes'),
		(3, 'a megabyte', repeat('x', 1000000), 'password must have at most 72 bytes'),
		(4, 'the address', 'WEAK@accounts.example', 'password must not be built from the e-mail address, name, phone number, tenant or site'),
		(5, 'the name', 'weak name', 'password must not be built from the e-mail address, name, phone number, tenant or site')
	) AS c (n, what, password, message), format('register(%L, %L, %L)', 'weak@accounts.example', password, 'Weak Name') AS call ORDER BY n;
SELECT is(pg_temp.trail(), 'register refused weak_password weak@accounts.example', 'in the trail');
SELECT is(count(*), :users::bigint, 'no user came of it') FROM auth.users;
SELECT is(pg_temp.say(format('register(%L, %L)', n || '@accounts.example', password)), 'ok', what) FROM (VALUES
	(1, 'a password of 72 bytes', repeat('ö', 36)), (2, 'one with control characters', E'tab\there \x01 \n'), (3, 'one of blanks', repeat(' ', 8))) AS c (n, what, password) ORDER BY n;
SELECT is(pg_temp.say(format('login(%L, %L)', '2@accounts.example', E'tab\there \x01 \n')), 'ok', 'and it is the password');
SELECT is(pg_temp.say('register(r.email, r.password, r.name) FROM jsonb_to_record(' || quote_literal(body) || ') AS r (email text, password text, name text)'), expected, 'JSON ' || body) FROM (VALUES
	(1, '{"email": ["json1@accounts.example"], "password": "password"}', '400 validation_failed'),
	(2, '{"email": "json2@accounts.example", "password": 907311642}', 'ok'),
	(3, '{"email": "json3@accounts.example", "password": null}', '400 validation_failed'),
	(4, '{"email": "json4@accounts.example", "password": "a password", "name": {"first": "x"}}', 'ok')) AS c (n, body, expected) ORDER BY n;
SELECT is(strpos(pg_temp.call($$register('ann@accounts.example', 'canary-password')$$)::text, 'canary')
	+ strpos(pg_temp.call($$register('ann@accounts.example', 'canary')$$)::text, 'canary')
	+ strpos((SELECT string_agg(to_jsonb(a)::text, '') FROM auth.audit_log AS a), 'canary'), 0, 'no answer and no row has the password');
SELECT is(pg_temp.read_only($$register('ro@accounts.example', 'password of ro')$$), '25006 | cannot execute auth._throttle_reset() in a read-only transaction', 'read only');

-- too many: counted apart from logins, and never for good
SET LOCAL intrex_auth.login_limit_pair = 3;
SELECT gen_random_uuid() AS many \gset
SELECT is(string_agg(pg_temp.hashes(format('register(%L, %L)', :'many' || '@accounts.example', 'a password')), '; '),
	'ok, hashes: 1; 409 user_already_exists, hashes: 1; 409 user_already_exists, hashes: 1; 429 over_request_rate_limit, hashes: 0', 'the limit') FROM generate_series(1, 4);
SELECT matches(current_setting('response.headers'), '^\[\{"Retry-After": "([1-9]|[1-5][0-9]|60)"\}\]$', 'Retry-After');
SELECT is(pg_temp.say(format('login(%L, %L)', :'many' || '@accounts.example', 'a password')), 'ok', 'the login is open');
SET LOCAL intrex_auth.login_limit_pair = 1000000;
SET LOCAL intrex_auth.login_max_failures = 2;
SELECT is(string_agg(DISTINCT pg_temp.say(format('register(%L, %L)', :'many' || '@accounts.example', 'a password')), '; '), '409 user_already_exists', 'registering is not guessing: nothing is closed') FROM generate_series(1, 5);
SELECT * FROM finish();
ROLLBACK;
