-- auth.user_import() and auth.users_import(): what comes in, what is rejected and why.
\set ECHO none
\set QUIET 1
\pset format unaligned
\pset tuples_only true
\set VERBOSITY terse
\getenv abs_srcdir PG_ABS_SRCDIR
\set include :abs_srcdir '/include/accounts.psql'

BEGIN;
\i :include
SELECT plan(86);

-- What a role gets: the answer, or SQLSTATE, message and detail.
CREATE FUNCTION pg_temp.attempt(role name, query text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	answer text;
	state text; message text; detail text;
BEGIN
	EXECUTE format('SET LOCAL ROLE %I', role);
	EXECUTE query INTO answer;
	RESET ROLE;
	RETURN answer;
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL;
	RETURN concat_ws(' | ', state, message, nullif('DETAIL ' || nullif(detail, ''), ''));
END
$$;
CREATE FUNCTION pg_temp.admin(query text) RETURNS text LANGUAGE sql AS $$ SELECT pg_temp.attempt('auth_admin', query) $$;
CREATE FUNCTION pg_temp.row_of(address text) RETURNS text LANGUAGE sql AS $$
	SELECT concat_ws(' ', name, phone, left(password_hash, 7), email_verified_at IS NOT NULL, phone_verified_at IS NOT NULL, is_super_admin,
		to_char(banned_until, 'YYYY-MM-DD'), ban_reason, profile, password_changed_at IS NULL, to_char(created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS')) FROM auth.users WHERE email = address
$$;
INSERT INTO auth.tenants (id, name) VALUES ('00000000-0000-4000-8000-00000000000a', 'A');
\set ours '''$2y$05$2Nuwqk2CYQzfLcpMSONZP.asdY6l8MAFUfNMSqhuEhI7l5SYVvTju'''

-- one
SELECT matches(pg_temp.admin(format($$ SELECT auth.user_import('Ann@Import.example', %L, ' Ann ', '+49 30 123456', true, true, '{"a": 1}', '2020-01-02 03:04:05Z',
	'2999-01-01', E'spam\n', '00000000-0000-4000-8000-000000000001', '00000000-0000-4000-8000-00000000000a', 'owner') $$, :ours)), '^00000000-0000-4000-8000-000000000001$', 'a user with everything');
SELECT is(pg_temp.row_of('ann@import.example'), 'Ann +4930123456 $2y$05$ t t f 2999-01-01 spam\u000A {"a": 1} t 2020-01-02 03:04:05', 'as given, normalized');
SELECT is((SELECT concat_ws(' ', role, unit_ids, is_default) FROM auth.memberships WHERE user_id = '00000000-0000-4000-8000-000000000001'), 'owner {} f', 'a member');
SELECT is((SELECT concat_ws(' ', outcome, details - 'by_role' - 'as_role') FROM auth.audit_log WHERE event = 'user_import' AND user_id = '00000000-0000-4000-8000-000000000001'),
	'success {"email": "ann@import.example", "phone": "+4930123456"}', 'in the trail, without the hash');
SELECT matches(pg_temp.admin($$ SELECT auth.user_import('bob@import.example') $$), '^[0-9a-f-]{36}$', 'a user with an address alone');
SELECT matches(pg_temp.row_of('bob@import.example'), '^f f f \{\} t ', 'verified by nothing');
SELECT is(pg_temp.say($$login('bob@import.example', 'correct horse')$$), '401 invalid_credentials', 'who has no password, and cannot log in');
SELECT matches(pg_temp.admin($$ SELECT auth.user_import(phone => '+1 202 555 0100') $$), '^[0-9a-f-]{36}$', 'a user with a number alone');

-- refused
SELECT is(pg_temp.admin(format('SELECT auth.user_import(%s)', arguments)), expected, format('refused: %s', left(arguments, 70))) FROM (VALUES
	(1, '', '22023 | email or phone is required'),
	(2, 'NULL', '22023 | email or phone is required'),
	(3, $$ '' $$, '22023 | email is not a valid e-mail address'),
	(4, $$ 'no address' $$, '22023 | email is not a valid e-mail address'),
	(5, $$ repeat('x', 1000000) $$, '22023 | email is not a valid e-mail address'),
	(6, $$ 'c@import.example', phone => '0301234' $$, '22023 | phone is not a valid phone number'),
	(7, $$ 'c@import.example', name => E'a\nb' $$, '22023 | name is not valid'),
	(8, $$ 'c@import.example', 'canary' $$, '22023 | password_hash is not accepted: unknown: The password hash is malformed or of an unsupported kind.'),
	(9, $$ 'c@import.example', '' $$, '22023 | password_hash is not accepted: unknown: The password hash is malformed or of an unsupported kind.'),
	(10, $$ 'c@import.example', '$2x$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW' $$, '22023 | password_hash is not accepted: bcrypt $2x$: The password hash is malformed or of an unsupported kind.'),
	(11, $$ 'c@import.example', '$2b$31$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW' $$, '22023 | password_hash is not accepted: bcrypt: The cost of the password hash is out of the accepted range.'),
	(12, $$ 'c@import.example', '$1$8charsal$QinvcPq6.2trb9RDER7vm0' $$, '22023 | password_hash is not accepted: MD5-crypt: The password hash is of a kind too weak to be accepted.'),
	(13, $$ 'c@import.example', repeat('canary', 200000) $$, '22023 | password_hash is not accepted: unknown: The password hash is malformed or of an unsupported kind.'),
	(14, $$ 'c@import.example', profile => '[]' $$, '22023 | profile is not a JSON object of at most 64 KiB'),
	(15, $$ 'c@import.example', profile => jsonb_build_object('x', repeat('x', 65536)) $$, '22023 | profile is not a JSON object of at most 64 KiB'),
	(16, $$ 'c@import.example', created_at => 'infinity' $$, '22023 | created_at is not in the past'),
	(17, $$ 'c@import.example', created_at => '-infinity' $$, '22023 | created_at is not in the past'),
	(18, $$ 'c@import.example', created_at => now() + interval '1 day' $$, '22023 | created_at is not in the past'),
	(19, $$ 'c@import.example', role => 'owner' $$, '22023 | tenant_id and role go together'),
	(20, $$ 'c@import.example', tenant_id => '00000000-0000-4000-8000-00000000000a' $$, '22023 | tenant_id and role go together'),
	(21, $$ 'c@import.example', tenant_id => '00000000-0000-4000-8000-00000000000a', role => 'auth_platform' $$, '22023 | role is not valid'),
	(22, $$ 'c@import.example', tenant_id => '00000000-0000-4000-8000-00000000000a', role => 'no role' $$, '22023 | role is not valid'),
	(23, $$ 'c@import.example', tenant_id => '00000000-0000-4000-8000-00000000000b', role => 'owner' $$, 'P0002 | tenant not found'),
	(24, $$ 'ANN@import.example' $$, '23505 | a user with this e-mail address exists already'),
	(25, $$ 'c@import.example', phone => '+4930123456' $$, '23505 | a user with this phone number exists already'),
	(26, $$ 'c@import.example', id => '00000000-0000-4000-8000-000000000001' $$, '23505 | such a user exists already')) AS c (n, arguments, expected) ORDER BY n;
SELECT is((SELECT count(*)::integer FROM auth.users WHERE email = 'c@import.example'), 0, 'nothing of those is there');

-- again, with update
SELECT is(pg_temp.admin(format($$ SELECT auth.user_import('ann@import.example', %L, 'Anna', update => true) $$, :ours)), '00000000-0000-4000-8000-000000000001', 'the same user');
SELECT is(pg_temp.row_of('ann@import.example'), 'Anna +4930123456 $2y$05$ t t f 2999-01-01 spam\u000A {"a": 1} t 2020-01-02 03:04:05', 'what was not given stays');
SELECT is(pg_temp.admin($$ SELECT auth.user_import('anne@import.example', id => '00000000-0000-4000-8000-000000000001', phone => '+4930123457', update => true,
	tenant_id => '00000000-0000-4000-8000-00000000000a', role => 'owner') $$), '00000000-0000-4000-8000-000000000001', 'by id: another address');
SELECT matches(pg_temp.row_of('anne@import.example'), '^Anna \+4930123457 \$2y\$05\$ f f f', 'which nobody has verified');
SELECT is(pg_temp.admin($$ SELECT auth.user_import('bob@import.example', phone => '+4930123457', update => true) $$), '23505 | a user with this e-mail address exists already', 'one address, another''s number');
SELECT matches(pg_temp.admin($$ SELECT auth.user_import('new@import.example', update => true) $$), '^[0-9a-f-]{36}$', 'one who is not there is created');
UPDATE auth.users SET banned_until = NULL WHERE email = 'anne@import.example';
SELECT is(pg_temp.say($$login('anne@import.example', 'correct horse')$$), 'ok', 'the former password logs in');
SELECT is(pg_temp.admin(format('SELECT auth.user_set_password(%L, %L)', '00000000-0000-4000-8000-000000000001', 'battery staple')), '', 'a password is set here');
SELECT is(pg_temp.admin(format($$ SELECT auth.user_import('anne@import.example', %L, update => true) $$, :ours)), '00000000-0000-4000-8000-000000000001', 'imported once more');
SELECT is(pg_temp.say($$login('anne@import.example', 'battery staple')$$), 'ok', 'it stays');
SELECT is(pg_temp.say($$login('anne@import.example', 'correct horse')$$), '401 invalid_credentials', 'and the former one does not come back');

-- many
CREATE TEMPORARY TABLE answers (n int, answer text);
SET LOCAL ROLE auth_admin;
COPY auth.user_imports (email, phone, name, password_hash, email_verified, profile, created_at, tenant_id, role) FROM STDIN;
Cid@import.example	\N	Cid	$2y$05$2Nuwqk2CYQzfLcpMSONZP.asdY6l8MAFUfNMSqhuEhI7l5SYVvTju	t	{"x": 1}	2021-01-01 00:00:00Z	00000000-0000-4000-8000-00000000000a	manager
dan@import.example	+49 30 777777	\N	pbkdf2_sha1$26000$rqLTfZcOYlXbqGUqLKtQeX$ddjDlW5jcKvsv4KgQ+2OF6sZ/go=	\N	\N	\N	\N	\N
DAN@import.example	\N	\N	\N	\N	\N	\N	\N	\N
bob@import.example	\N	Bob	\N	t	\N	\N	\N	\N
eve@import.example	+4930777777	\N	\N	\N	\N	\N	\N	\N
no address	\N	\N	\N	\N	\N	\N	\N	\N
fay@import.example	\N	\N	$1$8charsal$QinvcPq6.2trb9RDER7vm0	\N	\N	\N	\N	\N
gus@import.example	\N	\N	\N	\N	\N	\N	00000000-0000-4000-8000-00000000000b	owner
\N	\N	nobody	\N	\N	\N	\N	\N	\N
hal@import.example	\N	\N	\N	\N	\N	\N	00000000-0000-4000-8000-00000000000a	auth_owner
\.
RESET ROLE;
SELECT is(pg_temp.admin('SELECT u::text FROM auth.users_import() AS u'), '(2,0,8)', 'two are taken over, eight are not');
SELECT is(pg_temp.row_of('cid@import.example'), 'Cid $2y$05$ t f f {"x": 1} t 2021-01-01 00:00:00', 'the first');
SELECT is((SELECT string_agg(m.role, ' ') FROM auth.memberships AS m JOIN auth.users AS u ON u.id = m.user_id WHERE u.email = 'cid@import.example'), 'manager', 'a member');
SELECT matches(pg_temp.row_of('dan@import.example'), '^\+4930777777 pbkdf2_ f f f ', 'the second');
SELECT is(pg_temp.say($$login('dan@import.example', 'correct horse')$$), 'ok', 'who can log in');
SELECT is(string_agg(coalesce(email, '-') || ': ' || problem, E'\n' ORDER BY line), $$DAN@import.example: a user with this e-mail address exists already
bob@import.example: a user with this e-mail address exists already
eve@import.example: a user with this phone number exists already
no address: email is not a valid e-mail address
fay@import.example: password_hash is not accepted: MD5-crypt: The password hash is of a kind too weak to be accepted.
gus@import.example: tenant not found
-: email or phone is required
hal@import.example: role is not valid$$, 'why not') FROM auth.user_imports;
SELECT is((SELECT details - 'by_role' - 'as_role' FROM auth.audit_log WHERE event = 'users_import'), '{"imported": 2, "updated": 0, "rejected": 8}', 'in the trail');
SELECT is(pg_temp.admin('SELECT u::text FROM auth.users_import() AS u'), '(0,0,8)', 'again: the same');
SELECT is(pg_temp.admin($$ UPDATE auth.user_imports SET email = 'ivy@import.example' WHERE email = 'no address' RETURNING 'mended' $$), 'mended', 'one is mended');
SELECT is(pg_temp.admin('SELECT u::text FROM auth.users_import() AS u'), '(1,0,7)', 'and taken over');
SELECT is(pg_temp.admin('SELECT u::text FROM auth.users_import(update => true) AS u'), '(0,2,5)', 'with update those who are here are changed');
SELECT matches(pg_temp.row_of('bob@import.example'), '^Bob t f f', 'so is this one');
SELECT matches(pg_temp.row_of('dan@import.example'), '^\+4930777777 ', 'a number alone makes nobody somebody else');
SELECT is(pg_temp.admin($$ WITH d AS (DELETE FROM auth.user_imports RETURNING line) SELECT count(*) FROM d $$), '5', 'the rest is thrown away');

-- an address and a number of two users
INSERT INTO auth.user_imports (email, phone) VALUES ('bob@import.example', '+4930777777');
SELECT is(pg_temp.admin('SELECT u::text FROM auth.users_import(update => true) AS u'), '(0,0,1)', 'a row about two users');
SELECT is(problem, 'id, e-mail address and phone number are of different users', 'changes neither') FROM auth.user_imports;

-- a number alone, twice; and what an import may change
INSERT INTO auth.user_imports (phone, name, phone_verified, banned_until, ban_reason) VALUES ('+1 202 555 0100', 'Jon', true, 'infinity', 'fraud');
SELECT is(pg_temp.admin('SELECT u::text FROM auth.users_import(update => true) AS u'), '(0,1,1)', 'a row with a number alone');
SELECT is((SELECT concat_ws(' ', name, phone_verified_at IS NOT NULL, banned_until, ban_reason) FROM auth.users WHERE phone = '+12025550100'), 'Jon t infinity fraud', 'is about whoever has it');

-- exports as other systems write them, by the recipes of doc/import.md: GoTrue's table
DELETE FROM auth.user_imports;
COPY auth.user_imports (id, email, phone, password_hash, email_verified, phone_verified, profile, created_at, banned_until) FROM STDIN (FORMAT csv);
10000000-0000-4000-8000-000000000001,gotrue@import.example,+491711234567,$2a$04$abcdefghijklmnopqrstuujydOTSfIH/d5oUHpsygqV5X9xJLQc6e,t,f,"{""name"": ""G, o""}",2021-03-04 05:06:07.891011+00,
10000000-0000-4000-8000-000000000002,google@import.example,,,t,f,{},2021-03-04 05:06:07+00,
\.
-- Auth0's lines, of before and after there were identifiers
CREATE TEMPORARY TABLE auth0 (line jsonb);
COPY auth0 FROM STDIN (FORMAT csv, QUOTE E'\x01', DELIMITER E'\x02');
{"_id":{"$oid":"5dea9f9c82dd7c0e76e4ec93"},"email_verified":false,"email":"auth0@import.example","passwordHash":"$2b$04$abcdefghijklmnopqrstuujydOTSfIH/d5oUHpsygqV5X9xJLQc6e","password_set_date":{"$date":"2019-12-06T18:36:12.412Z"},"tenant":"t","connection":"Username-Password-Authentication","_tmp_is_unique":true}
{"_id":{"$oid":"5dea9f9c82dd7c0e76e4ec94"},"passwordHash":"$2b$04$abcdefghijklmnopqrstuujydOTSfIH/d5oUHpsygqV5X9xJLQc6e","identifiers":[{"type":"username","value":"x"},{"type":"email","value":"auth0-2@import.example","verified":true}]}
\.
INSERT INTO auth.user_imports (email, email_verified, password_hash)
	SELECT coalesce(a.line ->> 'email', i.identifier ->> 'value'), coalesce(a.line ->> 'email_verified', i.identifier ->> 'verified')::boolean, a.line ->> 'passwordHash'
	FROM auth0 AS a LEFT JOIN LATERAL jsonb_path_query_first(a.line, '$.identifiers[*] ? (@.type == "email")') AS i (identifier) ON true;
-- Firebase's file: a user of its own, one taken over from elsewhere and disabled, one of Google
INSERT INTO auth.user_imports (email, name, phone, email_verified, created_at, banned_until, password_hash)
	SELECT u ->> 'email', nullif(u ->> 'displayName', ''), u ->> 'phoneNumber', (u ->> 'emailVerified')::boolean,
		to_timestamp((u ->> 'createdAt')::bigint / 1000.0), CASE WHEN (u ->> 'disabled')::boolean THEN timestamptz 'infinity' END,
		CASE WHEN u ->> 'passwordHash' <> '' THEN auth.password_hash_firebase(u ->> 'passwordHash', u ->> 'salt',
			'jxspr8Ki0RYycVU8zykbdLGjFQ3McFUH0uiiTvC8pVMXAn210wjLNmdZJzxUECKbm0QsEmYUSDzZvpjeJ9WmXA==', 'Bw==', 8, 14) END
	FROM jsonb_array_elements('{"users": [
		{"localId": "1", "email": "firebase@import.example", "emailVerified": true, "passwordHash": "lSrfV15cpx95/sZS2W9c9Kp6i/LVgQNDNC/qzrCnh1SAyZvqmZqAjTdn3aoItz+VHjoZilo78198JAdRuid5lQ==", "salt": "42xEC+ixf3L2lw==", "displayName": "F", "lastSignedInAt": "1484628946000", "createdAt": "1484124142000", "providerUserInfo": []},
		{"localId": "2", "email": "firebase2@import.example", "emailVerified": true, "passwordHash": "", "salt": "", "createdAt": "1484124142000", "disabled": true, "providerUserInfo": []},
		{"localId": "3", "email": "firebase3@import.example", "emailVerified": false, "createdAt": "1484124142000", "providerUserInfo": [{"providerId": "google.com"}]}]}'::jsonb -> 'users') AS u;
SELECT is(pg_temp.admin('SELECT u::text FROM auth.users_import() AS u'), '(7,0,0)', 'exports of GoTrue, Auth0 and Firebase');
SELECT is(pg_temp.say(format('login(%L, %L)', address, password)), 'ok', address || ' logs in') FROM (VALUES
	('gotrue@import.example', 'correct horse'), ('auth0@import.example', 'correct horse'), ('auth0-2@import.example', 'correct horse'), ('firebase@import.example', 'user1password')) AS v (address, password);

-- who may
SELECT is(pg_temp.attempt(role, query), '42501 | permission denied for ' || what, role || ': ' || query) FROM unnest(ARRAY['anon', 'authenticated', 'auth_platform']) AS role,
	(VALUES ('SELECT auth.user_import(''x@y.z'')', 'function user_import'), ('SELECT auth.users_import()', 'function users_import'), ('SELECT email FROM auth.user_imports', 'table user_imports'),
		('INSERT INTO auth.user_imports (email) VALUES (''x@y.z'')', 'table user_imports'), ('SELECT auth.password_hash_problem(''x'')', 'function password_hash_problem')) AS q (query, what);
SELECT is(pg_temp.admin('SELECT password_hash FROM auth.user_imports'), '42501 | permission denied for table user_imports', 'not even an administrator reads a hash');
SELECT is(pg_temp.admin('CREATE TRIGGER t BEFORE INSERT ON auth.user_imports EXECUTE FUNCTION suppress_redundant_updates_trigger()'), '42501 | permission denied for table user_imports', 'nor makes a trigger');
SELECT * FROM finish();
ROLLBACK;

-- above READ COMMITTED it would not see what came meanwhile
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT throws_ok('SELECT auth.users_import()', '55000', NULL, 'at REPEATABLE READ') FROM (SELECT plan(1)) AS p;
ROLLBACK;
