-- Which passwords are accepted: length, common, similar, leaked and former ones; one form of Unicode.
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
SELECT plan(160);

-- "ok" or the reasons
CREATE FUNCTION pg_temp.judge(password text, email text DEFAULT NULL, name text DEFAULT NULL, phone text DEFAULT NULL, tenant text DEFAULT NULL)
	RETURNS text LANGUAGE sql AS $$
	SELECT CASE WHEN (p ->> 'ok')::boolean THEN 'ok' ELSE (SELECT string_agg(r, ' ') FROM jsonb_array_elements_text(p -> 'reasons') AS r) END
	FROM auth.password_check_policy(password, email, name, phone, tenant) AS p
$$;

-- the rules of NIST SP 800-63B: twenty calls
SELECT is(pg_temp.judge(password), expected, what) FROM (VALUES
	(1, '1234567', 'length', 'seven characters'),
	(2, 'k8fq-2zp', 'ok', 'eight'),
	(3, 'öäüßéèêñ', 'ok', 'eight of two bytes: characters are counted'),
	(4, 'öäüßéèê', 'length', 'seven of two bytes'),
	(5, '🐎🔋📎🐎🔋📎🐎🔋', 'ok', 'eight of four bytes'),
	(6, repeat('abcdefgh ', 7) || 'i', 'ok', '64 characters'),
	(7, repeat('x-', 36), 'ok', '72 bytes'),
	(8, repeat('x-', 36) || 'x', 'length', '73 bytes'),
	(9, repeat('x', 1000000), 'length', 'a megabyte'),
	(10, '', 'length', 'nothing'),
	(11, 'alllowercase', 'ok', 'no capital is demanded'),
	(12, 'only letters here', 'ok', 'no digit, no sign'),
	(13, '90731164208', 'ok', 'digits alone'),
	(14, '        ', 'ok', 'blanks'),
	(15, E'tab\tand\nline', 'ok', 'control characters'),
	(16, 'password', 'common', 'the most common word'),
	(17, 'PassWord1', 'common', 'in other letters'),
	(18, 'aaaaaaaaaaaa', 'common', 'one character twelve times'),
	(19, '1234567890', 'common', 'a row of the keyboard'),
	(20, 'correct horse battery', 'ok', 'three words')) AS c (n, password, expected, what) ORDER BY n;
SELECT is((auth._password_problem(NULL)).message, 'password is required', 'NULL');
SELECT is(pg_temp.judge(p), 'common', format('common: %s', p)) FROM unnest(ARRAY['CHANGEME', 'Welcome2025!', 'p@ssw0rd', 'qwertyuiop', 'Contraseña1', 'CONTRASEÑA1', E'contrasen\u0303a1', 'iloveyou', 'trustno1', 'hello world']) AS p;
SELECT is(pg_temp.judge(p), 'ok', format('not common as a whole: %s', p)) FROM unnest(ARRAY['password of the sea', ' password', 'password ', '#!/bin/sh', 'passwordpasswordp']) AS p;
SET LOCAL intrex_auth.password_min_length = 15;
SELECT is(pg_temp.judge('fourteen chars'), 'length', 'the length is a setting');
SELECT is(pg_temp.judge('fifteen chars x'), 'ok', 'and enough when it is reached');
RESET intrex_auth.password_min_length;
SET LOCAL intrex_auth.password_blocklist_file = '';
SELECT is(pg_temp.judge('password'), 'ok', 'an empty setting: no list');
RESET intrex_auth.password_blocklist_file;
SELECT is(pg_temp.judge('password'), 'common', 'and with it again');
SELECT throws_ok('SET intrex_auth.password_history = ' || n, '22023', NULL, 'a history of ' || n) FROM unnest(ARRAY[-1, 25]) AS n;

-- similar: words of the user count for nothing
SELECT is(pg_temp.judge(password, 'Anna.Smith@Rocketry.example', 'Anna Śmith-Jones', '+4930123456', 'Acme & Söhne'), expected, format('%s: %s', expected, password)) FROM (VALUES
	(1, 'anna.smith', 'similar'), (2, 'AnnaSmith', 'similar'), (3, 'Smith-Anna-1990', 'similar'), (4, 'smith!!!!!!!', 'similar'), (5, 'smith!?.!?.!?', 'ok'),
	(6, 'anna.smith@rocketry.example', 'similar'), (7, 'rocketry2024', 'similar'), (8, 'htims.anna2024', 'similar'), (9, 'yrtekcor-99', 'similar'),
	(10, 'śmith-jones1', 'similar'), (11, 'ŚMITHjones12', 'similar'), (12, 'senoj1234567', 'similar'), (13, '30123456abcd', 'similar'), (14, '+4930123456', 'similar'),
	(15, '654321039', 'similar'), (16, 'SÖHNE-2024', 'similar'), (17, 'enhös12345', 'similar'), (18, 'acmeacmeacme', 'similar'),
	(19, 'annapassword', 'similar'), (20, 'password-of-anna', 'ok'), (21, 'anna keeps nine bees', 'ok'), (22, 'acm son jone smit', 'ok'), (23, '30-12-34-56-ab', 'ok')
	) AS c (n, password, expected) ORDER BY n;
SELECT is(pg_temp.judge('bob12345!', 'bob@x.yz', 'Bob'), 'ok', 'words of three letters are none');
SELECT is(pg_temp.judge('wxyzwxyzw', NULL, 'wxyz'), 'similar', 'words of four are');
SET LOCAL intrex_auth.issuer = 'https://login.rocketry.example/auth';
SELECT is(pg_temp.judge('Rocketry-1', NULL), 'similar', 'the issuer names the site');
RESET intrex_auth.issuer;
SELECT is(pg_temp.judge('Rocketry-1', NULL), 'ok', 'another does not');
SELECT is(auth.password_check_policy('password', 'password@example.com'), '{"ok": false, "message": "password is one of the most common ones", "reasons": ["common", "similar"]}', 'all reasons are given, the message is of the first');
SELECT is(auth.password_check_policy('staple gun at dawn'), '{"ok": true, "message": null, "reasons": []}', 'a good one');
-- hostile words
SELECT is(pg_temp.judge('staple gun at dawn', w, w, w, w), 'ok', format('words: %s', left(w, 10))) FROM unnest(ARRAY['', ' ', '@', '@@@@@@', '+', repeat('a', 1000000), repeat('ö', 1000000), repeat('@', 1000000), repeat('1', 100000)]) AS w;
SELECT is(pg_temp.judge(repeat('a', 72), repeat('a', 1000000)), 'ok', 'of a long text the beginning is a word; it is not in the password');

-- endpoints answer with the reasons
SELECT is(pg_temp.call($$register('weak@accounts.example', 'Password1')$$), '{"error": {"code": "weak_password", "status": 422, "message": "password is one of the most common ones", "reasons": ["common"]}}', 'register');
SELECT is(pg_temp.trail(), 'register refused weak_password weak@accounts.example', 'in the trail');
SELECT is(pg_temp.call($$register('weak@accounts.example', 'northwind-42', tenant_name => 'Northwind Ltd')$$) #>> '{error,reasons}', '["similar"]', 'the name of the tenant');
SELECT is(pg_temp.call($$register('weak@accounts.example', '0123456ab', phone => '+49 30 123456')$$) #>> '{error,reasons}', '["similar"]', 'the phone number');
SET LOCAL intrex_auth.allow_bootstrap = on;
UPDATE auth.users SET is_super_admin = false WHERE is_super_admin;
SELECT is(pg_temp.call($$bootstrap_admin('administrator@accounts.example', 'Administrator2024')$$) #>> '{error,reasons}', '["common", "similar"]', 'bootstrap_admin');
SELECT pg_temp.user_('ann') \g /dev/null
SELECT pg_temp.tenant('Rocketry', 'ann') \g /dev/null
SELECT pg_temp.as_user(pg_temp.login('ann@accounts.example', pg_temp.t('Rocketry')) ->> 'access_token') \g /dev/null
SELECT is(pg_temp.call($$change_password('password of ann', 'Password1')$$, 'authenticated'), '{"error": {"code": "weak_password", "status": 422, "message": "new_password is one of the most common ones", "reasons": ["common"]}}', 'change_password');
SELECT is(pg_temp.call($$change_password('password of ann', 'rocketry-42')$$, 'authenticated') #>> '{error,reasons}', '["similar"]', 'the tenant that the caller is in');
SELECT is(pg_temp.hashes($$change_password('password of ann', 'Password1')$$, 'authenticated'), '422 weak_password, hashes: 0', 'before any hash');
SELECT throws_ok(format('SELECT auth.user_set_password(%L, %L)', pg_temp.u('ann'), 'Password1'), '22023', 'password is one of the most common ones', 'user_set_password');
SELECT throws_ok($$SELECT auth.user_create('new@accounts.example', 'Password1')$$, '22023', 'password is one of the most common ones', 'user_create');
SELECT throws_ok($$SELECT auth.user_create('new@accounts.example', '0123456ab', phone => '+4930123456')$$, '22023', 'password must not be built from the e-mail address, name, phone number, tenant or site', 'with its phone number');
-- a taken address and a free one: the same answer, before anybody is looked up
SELECT is(pg_temp.call($$register('ann@accounts.example', 'Password1')$$), pg_temp.call($$register('free@accounts.example', 'Password1')$$), 'a weak password tells nothing about who is there');
SELECT is(pg_temp.hashes($$register('ann@accounts.example', 'Password1')$$), '422 weak_password, hashes: 0', 'nor takes time');
SELECT is(strpos(pg_temp.call($$register('weak@accounts.example', 'canary@accounts.example', 'Canary Accounts Example')$$)::text, 'canary')
	+ strpos((SELECT string_agg(to_jsonb(a)::text, '') FROM auth.audit_log AS a WHERE a.at > now()), 'canary'), 0, 'no answer and no row has the password');
-- who may ask
SELECT is(has_function_privilege(role, 'auth.password_check_policy(text, text, text, text, text)', 'EXECUTE'), role = 'auth_admin', format('%s', role)) FROM unnest(ARRAY['anon', 'authenticated', 'auth_platform', 'auth_admin']) AS role;
SELECT is((SELECT count(*) FROM pg_settings WHERE name ~ '^intrex_auth\.password_(blocklist|leaked)_file$' AND context = 'superuser'), 2::bigint, 'the files are the superuser''s to choose');

-- files that cannot be used: no password is accepted, and the client learns no path
CREATE FUNCTION pg_temp.error_of(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE state text; message text; detail text; hint text;
BEGIN
	EXECUTE statement;
	RETURN 'no error';
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
	RETURN concat_ws(' | ', state, message, nullif(detail, ''));
END
$$;
SET LOCAL intrex_auth.password_blocklist_file = 'no-such-canary';
SELECT is(pg_temp.error_of('SELECT auth.password_check_policy(''staple gun at dawn'')'), '58P01 | the list of common passwords cannot be read: No such file or directory', 'no list');
SELECT is(pg_temp.error_of($$SELECT auth_api.register('x@accounts.example', 'staple gun at dawn')$$), '58P01 | the list of common passwords cannot be read: No such file or directory', 'nobody registers');
SET LOCAL intrex_auth.password_blocklist_file = '.';
SELECT is(pg_temp.error_of('SELECT auth.password_check_policy(''staple gun at dawn'')'), 'F0000 | the list of common passwords cannot be used', 'a directory');
SET LOCAL intrex_auth.password_blocklist_file = '/dev/null';
SELECT is(pg_temp.error_of('SELECT auth.password_check_policy(''staple gun at dawn'')'), 'F0000 | the list of common passwords cannot be used', 'a device');
SELECT is(pg_temp.say('login(''ann@accounts.example'', ''password of ann'')'), 'ok', 'a login needs no list');
RESET intrex_auth.password_blocklist_file;
SET LOCAL intrex_auth.password_leaked_file = 'no-such-canary';
SELECT is(pg_temp.error_of('SELECT auth.password_check_policy(''staple gun at dawn'')'), '58P01 | the filter of leaked passwords cannot be read: No such file or directory', 'no filter');
SET LOCAL intrex_auth.password_leaked_file = 'PG_VERSION';
SELECT is(pg_temp.error_of('SELECT auth.password_check_policy(''staple gun at dawn'')'), 'F0000 | the filter of leaked passwords cannot be used | The file is no filter of leaked passwords, or it was cut or damaged. (malformed_filter)', 'another file');
RESET intrex_auth.password_leaked_file;

-- history
CREATE FUNCTION pg_temp.change(former text, next text) RETURNS text LANGUAGE sql AS $$
	SELECT CASE WHEN a ? 'revoked' THEN 'ok' ELSE pg_temp.verdict(a) || ' ' || coalesce(a #>> '{error,reasons}', '') END
	FROM pg_temp.call(format('change_password(%L, %L)', former, next), 'authenticated') AS a
$$;
SELECT is(pg_temp.change('password of ann', 'second password') || ' ' || pg_temp.change('second password', 'password of ann'), 'ok ok', 'without a history the former one is good');
SELECT is((SELECT count(*) FROM auth.password_history), 0::bigint, 'and nothing is kept');
SET LOCAL intrex_auth.password_history = 2;
SELECT is(pg_temp.change('password of ann', 'second password'), 'ok', 'one');
SELECT is(pg_temp.change('second password', 'password of ann'), '422 weak_password ["history"]', 'the one before');
SELECT is(pg_temp.explain($$change_password('second password', 'password of ann')$$, 'authenticated'), '422 weak_password: new_password was used before', 'said so');
SELECT is(pg_temp.trail(), 'password_change refused weak_password ann@accounts.example', 'in the trail');
SELECT is(pg_temp.change('second password', 'second password'), '422 same_password ', 'the present one');
SELECT is(pg_temp.change('wrong', 'password of ann'), '403 invalid_current_password ',
	'only who knows the present one asks');
SELECT is(pg_temp.hashes($$change_password('second password', 'third password')$$, 'authenticated'), '{"revoked": 0}, hashes: 3', 'each former password is one hash');
SELECT is(pg_temp.change('third password', 'password of ann'), '422 weak_password ["history"]', 'the one before that');
SELECT is(pg_temp.change('third password', 'fourth password') || ' ' || pg_temp.change('fourth password', 'password of ann'), 'ok ok', 'but not the third from the last');
SELECT is((SELECT count(*) FROM auth.password_history WHERE user_id = pg_temp.u('ann')), 2::bigint, 'two are kept');
-- the administrator is nobody's session
SELECT set_config('intrex_auth.token', '', true) \g /dev/null
SELECT is(pg_temp.error_of(format('SELECT auth.user_set_password(%L, %L)', pg_temp.u('ann'), password)), '22023 | password was used before', 'user_set_password: ' || password)
	FROM unnest(ARRAY['password of ann', 'fourth password', 'third password']) AS password;
SELECT is(pg_temp.error_of(format('SELECT auth.user_set_password(%L, %L)', pg_temp.u('ann'), 'second password')), 'no error', 'an older one');
SELECT is_empty($$SELECT FROM auth.password_history AS h JOIN auth.users AS u ON u.id = h.user_id AND u.password_hash = h.password_hash$$, 'the present hash is not among the former');
SET LOCAL intrex_auth.password_history = 1;
SELECT auth.user_set_password(pg_temp.u('ann'), 'fifth password') \g /dev/null
SELECT is((SELECT count(*) FROM auth.password_history WHERE user_id = pg_temp.u('ann')), 1::bigint, 'fewer are kept at the next change');
SET LOCAL intrex_auth.password_history = 0;
SELECT auth.user_set_password(pg_temp.u('ann'), 'sixth password') \g /dev/null
SELECT is((SELECT count(*) FROM auth.password_history WHERE user_id = pg_temp.u('ann')), 0::bigint, 'none when it is turned off');
SET LOCAL intrex_auth.password_history = 24;
SELECT auth.user_set_password(pg_temp.u('ann'), 'number ' || i || ' of many') FROM generate_series(1, 30) AS i \g /dev/null
SELECT is((SELECT count(*) FROM auth.password_history WHERE user_id = pg_temp.u('ann')), 24::bigint, '24 at most');
SELECT is_empty(format('SELECT FROM auth.password_history WHERE user_id = %L AND password_hash !~ %L', pg_temp.u('ann'), '^\$2b\$04\$'), 'as hashes');
INSERT INTO auth.users (email) VALUES ('nil@accounts.example');
SELECT auth.user_set_password(pg_temp.u('nil'), 'password of nil') \g /dev/null
SELECT is((SELECT count(*) FROM auth.password_history WHERE user_id = pg_temp.u('nil')), 0::bigint, 'where there was no password, none is kept');
SELECT auth.user_delete(pg_temp.u('ann')) \g /dev/null
SELECT is((SELECT count(*) FROM auth.password_history), 0::bigint, 'the history goes with its user');
SELECT is(has_any_column_privilege('auth_admin', 'auth.password_history', 'SELECT'), false, 'auth_admin reads no former hash');
RESET intrex_auth.password_history;

-- one form of Unicode
SELECT is(auth._password_nfc(given), form, what) FROM (VALUES
	(1, 'plain', 'plain', 'ASCII stays'), (2, E'e\u0301', E'\u00E9', 'composed'), (3, E'\u00E9', E'\u00E9', 'composed already'), (4, E'\uFB01x', E'\uFB01x', 'no ligature is undone (NFKC would)'),
	(5, E'\u212B', E'\u00C5', 'one of two equal letters'), (6, E'\u1112\u1161\u11AB', E'\uD55C', 'Hangul'), (7, '', '', 'nothing'), (8, repeat(E'e\u0301', 1400), repeat(E'e\u0301', 1400), 'what is too long for any hash stays')) AS v (n, given, form, what) ORDER BY n;
SELECT is(auth._password_nfc(NULL), NULL, 'NULL');
SELECT is(length(auth._password_nfc(repeat(E'e\u0301', n))), characters, n * 3 || ' bytes') FROM (VALUES (341, 341), (342, 684)) AS v (n, characters);
SELECT is(length(auth._password_nfc(repeat(E'\u0301\u0316', 250000))), 500000, 'a megabyte of marks is left as it is');
-- marks in the worst order: nothing that could take the place of a hash in a flood
SELECT clock_timestamp() AS began \gset
SELECT is(count(DISTINCT auth.password_check_policy(repeat(E'\u0301\u0316', 900 + n)) ->> 'message'), 1::bigint, 'a hundred passwords of marks') FROM generate_series(1, 100) AS n;
SELECT clock_timestamp() - :'began' AS took, clock_timestamp() AS began \gset
SELECT count(auth.password_hash('x', 12)) FROM generate_series(1, 5) \g /dev/null
SELECT cmp_ok(:'took'::interval, '<', clock_timestamp() - :'began', 'are judged in less time than five are hashed');
SELECT is(pg_temp.say(format('register(%L, %L)', 'eve@accounts.example', E'caf\u00E9 cr\u00E8me br\u00FBl\u00E9e')), 'ok', 'registered with composed letters');
SELECT is(pg_temp.hashes(format('login(%L, %L)', 'eve@accounts.example', E'cafe\u0301 cre\u0300me bru\u0302le\u0301e')), 'ok, hashes: 1', 'the same typed in parts');
SELECT is(pg_temp.say(format('login(%L, %L)', 'eve@accounts.example', 'cafe creme brulee')), '401 invalid_credentials', 'but not without accents');
SELECT is(pg_temp.say(format('register(%L, %L)', 'fay@accounts.example', E'cafe\u0301 cre\u0300me bru\u0302le\u0301e')), 'ok', 'registered in parts');
SELECT is(pg_temp.say(format('login(%L, %L)', 'fay@accounts.example', E'caf\u00E9 cr\u00E8me br\u00FBl\u00E9e')), 'ok', 'the same composed');
SELECT is(pg_temp.judge(repeat(E'e\u0301', 36)), 'ok', 'bytes are counted in that form');
SELECT is(pg_temp.judge(repeat(E'e\u0301', 7)), 'length', 'and characters');
-- a hash from elsewhere, of the parts
UPDATE auth.users SET password_hash = auth.password_hash(E'cafe\u0301 noir au lait'), password_changed_at = clock_timestamp() WHERE email = 'fay@accounts.example';
SELECT is(pg_temp.hashes(format('login(%L, %L)', 'fay@accounts.example', E'cafe\u0301 noir au lait')), 'ok, hashes: 2', 'is right as it was typed there');
SELECT is(pg_temp.hashes(format('login(%L, %L)', email, E'cafe\u0301 wrong')), '401 invalid_credentials, hashes: 2', 'wrong in parts: two hashes, ' || what) FROM (VALUES ('fay@accounts.example', 'known'), ('nobody@accounts.example', 'or nobody')) AS c (email, what);
SELECT pg_temp.as_user(pg_temp.call(format('login(%L, %L)', 'fay@accounts.example', E'cafe\u0301 noir au lait')) ->> 'access_token') \g /dev/null
SELECT is(pg_temp.change(E'cafe\u0301 noir au lait', E'caf\u00E9 noir au lait'), '422 same_password ', 'the same password in another form is the same');
SELECT is(pg_temp.change(E'cafe\u0301 noir au lait', E'the\u0301 vert au citron'), 'ok', 'changed');
SELECT is(pg_temp.say(format('login(%L, %L)', 'fay@accounts.example', E'th\u00E9 vert au citron')), 'ok', 'and stored in the one form');
-- a confirmation takes it as the login does
SELECT is(pg_temp.say(format('delete_my_account(%L)', E'the\u0301 noir'), 'authenticated'),
	'403 invalid_current_password', 'a wrong one in parts');
SELECT is(pg_temp.call(format('delete_my_account(%L)', E'the\u0301 vert au citron'), 'authenticated') ? 'deleted', true,
	'the right one, typed in parts, confirms');

SELECT * FROM finish();
ROLLBACK;
