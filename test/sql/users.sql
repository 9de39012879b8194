-- sql/50_users.sql: administration of users, and admin_users.
\set ECHO none
\set QUIET 1
\pset format unaligned
\pset tuples_only true
\set VERBOSITY terse
SET client_min_messages = warning;

BEGIN;
SET LOCAL intrex_auth.password_cost = 4;
SELECT plan(124);

-- What a role gets: the answer, or SQLSTATE, message and hint; DETAIL must not be there.
CREATE FUNCTION pg_temp.attempt(role name, query text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	answer text;
	state text; message text; detail text; hint text;
BEGIN
	IF query IS NULL THEN
		RETURN NULL;
	END IF;
	EXECUTE format('SET LOCAL ROLE %I', role);
	EXECUTE query INTO answer;
	RESET ROLE;
	RETURN answer;
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
	RETURN concat_ws(' | ', state, message, nullif('DETAIL ' || nullif(detail, ''), ''));
END
$$;
CREATE FUNCTION pg_temp.admin(query text) RETURNS text LANGUAGE sql AS $$ SELECT pg_temp.attempt('auth_admin', query) $$;
CREATE FUNCTION pg_temp.id(email text) RETURNS uuid LANGUAGE sql SECURITY DEFINER AS $$ SELECT u.id FROM auth.users AS u WHERE u.email = $1 $$;
-- Sign a user in, as a login would.
CREATE FUNCTION pg_temp.sign_in(email text) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
	session uuid;
BEGIN
	INSERT INTO auth.sessions (user_id) VALUES (pg_temp.id(email)) RETURNING id INTO session;
	RETURN auth.authenticate(auth.jwt_sign((SELECT jsonb_build_object('sub', u.id, 'session_id', session, 'email', u.email,
		'role', CASE WHEN u.is_super_admin THEN 'auth_platform' ELSE 'authenticated' END)
		FROM auth.users AS u WHERE u.email = sign_in.email)));
END
$$;

-- user_create
SELECT matches(pg_temp.admin($$ SELECT auth.user_create('Ann@Example.com', 'correct horse', ' Ann ', '+49 30 123456') $$), '^[0-9a-f-]{36}$', 'a user');
SELECT is((SELECT concat_ws(' ', email, name, phone, is_super_admin, email_verified_at IS NULL, password_changed_at IS NOT NULL) FROM auth.users WHERE email = 'ann@example.com'),
	'ann@example.com Ann +4930123456 f t t', 'as normalized');
SELECT is(auth.password_verify('correct horse', (SELECT password_hash FROM auth.users WHERE email = 'ann@example.com')), true, 'with a hash of the password');
SELECT matches(pg_temp.admin($$ SELECT auth.user_create('bob@example.com', email_verified => true) $$), '^[0-9a-f-]{36}$', 'a user without a password, verified');
SELECT is((SELECT concat_ws(' ', password_hash IS NULL, password_changed_at IS NULL, email_verified_at IS NOT NULL) FROM auth.users WHERE email = 'bob@example.com'), 't t t', 'has none');
SELECT matches(pg_temp.admin($$ SELECT auth.user_create(NULL, phone => '+1 202 555 0100') $$), '^[0-9a-f-]{36}$', 'a user with a number only');
SELECT matches(pg_temp.admin($$ SELECT auth.user_create('root@example.com', 'correct horse', is_super_admin => true) $$), '^[0-9a-f-]{36}$', 'a platform administrator');
-- refused
SELECT is(pg_temp.admin(format('SELECT auth.user_create(%s)', arguments)), expected, format('user_create refused %s', n)) FROM (VALUES
	(1, $$ 'ANN@example.com' $$, '23505 | a user with this e-mail address exists already'),
	(2, $$ 'new@example.com', phone => '+49-30-123456' $$, '23505 | a user with this phone number exists already'),
	(3, $$ NULL $$, '22023 | email or phone is required'),
	(4, $$ '' $$, '22023 | email is not a valid e-mail address'),
	(5, $$ 'not an address' $$, '22023 | email is not a valid e-mail address'),
	(6, $$ repeat('x', 1000000) $$, '22023 | email is not a valid e-mail address'),
	(7, $$ 'new@example.com', phone => '12' $$, '22023 | phone is not a valid phone number'),
	(8, $$ 'new@example.com', phone => repeat('1', 1000000) $$, '22023 | phone is not a valid phone number'),
	(9, $$ 'new@example.com', name => '' $$, '22023 | name is not valid'),
	(10, $$ 'new@example.com', name => repeat('x', 1000000) $$, '22023 | name is not valid'),
	(11, $$ 'new@example.com', name => E'a\nb' $$, '22023 | name is not valid'),
	(12, $$ 'new@example.com', '' $$, '22023 | password must have at least 8 characters'),
	(13, $$ 'new@example.com', 'short12' $$, '22023 | password must have at least 8 characters'),
	(14, $$ 'new@example.com', repeat('x', 73) $$, '22023 | password must have at most 72 bytes'),
	(15, $$ 'new@example.com', repeat('ü', 37) $$, '22023 | password must have at most 72 bytes'),
	(16, $$ 'new@example.com', repeat('x', 1000000) $$, '22023 | password must have at most 72 bytes'),
	(17, $$ 'new@example.com', 'NEW@example.com' $$, '22023 | password must not be built from the e-mail address, name, phone number, tenant or site'),
	(18, $$ 'new@example.com', 'long long name', 'Long Long Name' $$, '22023 | password must not be built from the e-mail address, name, phone number, tenant or site')) AS a (n, arguments, expected);
SELECT is(pg_temp.id('new@example.com'), NULL, 'none of these is there');
SELECT is((auth._password_problem(repeat('ü', 36))).message, NULL, '72 bytes are allowed');
SELECT is((auth._password_problem('        ')).message, NULL, 'no rule of composition');
SELECT is((auth._password_problem(NULL)).message, 'password is required', 'no password');
SET LOCAL intrex_auth.password_min_length = 15;
SELECT is((auth._password_problem('correct horse')).message, 'password must have at least 15 characters', 'the length is a setting');
SET LOCAL intrex_auth.password_min_length = 8;

-- who may
SELECT is(pg_temp.attempt(role, query) LIKE '42501 | permission denied for %', true, format('%s may not: %s', role, query))
	FROM unnest(ARRAY['anon', 'authenticated', 'auth_platform']) AS role, unnest(ARRAY[
		$$ SELECT auth.user_create('x@example.com') $$, $$ SELECT auth.user_find('ann@example.com') $$,
		$$ SELECT auth.user_set_password(NULL, 'x') $$, $$ SELECT auth.user_ban(NULL) $$, $$ SELECT auth.user_delete(NULL) $$]) AS query;
SELECT is(pg_temp.attempt('auth_admin', query) LIKE '42501 | permission denied for %', true, format('auth_admin may not: %s', query))
	FROM unnest(ARRAY[$$ SELECT auth._demand_user(NULL) $$, $$ SELECT password_hash FROM auth.users $$, $$ UPDATE auth.users SET is_super_admin = true $$]) AS query;

-- user_find
SELECT is(pg_temp.admin($$ SELECT auth.user_find('ANN@example.com') ->> 'name' $$), 'Ann', 'user_find');
SELECT is(pg_temp.admin($$ SELECT auth.user_find('ANN@example.com')::text ~ '\$2b\$|password_hash' $$), 'false', 'without the hash');
SELECT is(pg_temp.admin($$ SELECT auth.user_find('ANN@example.com') ->> 'has_password' $$), 'true', 'but that there is one');
SELECT is(pg_temp.admin($$ SELECT auth.user_find('nobody@example.com') $$), NULL, 'nobody');
SELECT is(pg_temp.admin($$ SELECT auth.user_find(NULL) $$), NULL, 'NULL');

-- nobody to act on
SELECT is(pg_temp.admin('SELECT ' || call), '22023 | password is required', call) FROM unnest(ARRAY['auth.user_set_password(NULL, NULL)']) AS call;
SELECT is(pg_temp.admin('SELECT ' || call), 'P0002 | user not found', call) FROM unnest(ARRAY[
	'auth.user_update(NULL)', 'auth.user_update(''00000000-0000-4000-8000-000000000000'')', 'auth.user_set_password(NULL, ''correct horse'')',
	'auth.user_verify_email(NULL)', 'auth.user_ban(NULL)', 'auth.user_unban(NULL)', 'auth.user_unlock(NULL)', 'auth.user_delete(NULL)']) AS call;

-- user_update
SELECT is(pg_temp.admin(format($$ SELECT auth.user_update(%L, name => 'Anne', profile => '{"x": 1}') $$, pg_temp.id('ann@example.com'))), '', 'user_update');
SELECT is((SELECT concat_ws(' ', name, phone, profile) FROM auth.users WHERE email = 'ann@example.com'), 'Anne +4930123456 {"x": 1}', 'what is NULL stays');
SELECT is(pg_temp.admin(format($$ SELECT auth.user_update(%L, name => '', phone => '') $$, pg_temp.id('ann@example.com'))), '', 'what is empty');
SELECT is((SELECT name IS NULL AND phone IS NULL FROM auth.users WHERE email = 'ann@example.com'), true, 'is cleared');
SELECT is(pg_temp.admin(format($$ SELECT auth.user_update(%L, email => 'Bobby@example.com') $$, pg_temp.id('bob@example.com'))), '', 'a new address');
SELECT is((SELECT email_verified_at FROM auth.users WHERE email = 'bobby@example.com'), NULL, 'is not verified');
SELECT is(pg_temp.admin(format('SELECT auth.user_update(%L, %s)', pg_temp.id('ann@example.com'), argument)), expected, 'user_update refused: ' || argument) FROM (VALUES
	($$ email => 'bobby@example.com' $$, '23505 | a user with this e-mail address exists already'),
	($$ phone => '+12025550100' $$, '23505 | a user with this phone number exists already'),
	($$ email => 'x' $$, '22023 | email is not a valid e-mail address'),
	($$ profile => '[]' $$, '22023 | profile is not valid'),
	($$ profile => 'null' $$, '22023 | profile is not valid'),
	($$ profile => jsonb_build_object('x', repeat('x', 100000)) $$, '22023 | profile is not valid')) AS a (argument, expected);

-- user_set_password
SELECT lives_ok($$ INSERT INTO auth.sessions (user_id) SELECT pg_temp.id('ann@example.com') FROM generate_series(1, 2) $$, 'two sessions');
SELECT is(pg_temp.admin(format('SELECT auth.user_set_password(%L, %L)', pg_temp.id('ann@example.com'), 'ann@example.com')),
	'22023 | password must not be built from the e-mail address, name, phone number, tenant or site', 'the policy holds here too');
SELECT is(pg_temp.admin(format('SELECT auth.user_set_password(%L, %L)', pg_temp.id('ann@example.com'), 'battery staple')), '', 'user_set_password');
SELECT is(auth.password_verify('battery staple', (SELECT password_hash FROM auth.users WHERE email = 'ann@example.com')), true, 'sets it');
SELECT is((SELECT count(*)::integer FROM auth.sessions WHERE user_id = pg_temp.id('ann@example.com') AND revoked_at IS NOT NULL AND revoked_reason = 'password_set'), 2, 'and ends the sessions');

-- user_verify_email
SELECT is(pg_temp.admin(format('SELECT auth.user_verify_email(%L)', pg_temp.id('bobby@example.com'))), '', 'user_verify_email');
SELECT is((SELECT email_verified_at IS NOT NULL FROM auth.users WHERE email = 'bobby@example.com'), true, 'verifies');
SELECT is(pg_temp.admin(format('SELECT auth.user_verify_email(%L)', (SELECT id FROM auth.users WHERE phone = '+12025550100'))), '22023 | the user has no e-mail address', 'where there is an address');

-- user_ban: bites on a token in this very transaction
SELECT is(pg_temp.sign_in('bobby@example.com') ->> 'email', 'bobby@example.com', 'a token');
SELECT is(pg_temp.admin(format('SELECT auth.user_ban(%L, %L)', pg_temp.id('bobby@example.com'), '2000-01-01')), '22023 | until is not in the future', 'a ban that is over');
SELECT is(pg_temp.admin(format('SELECT auth.user_ban(%L, NULL)', pg_temp.id('bobby@example.com'))), '22023 | until is not in the future', 'a ban without an end');
SELECT is(pg_temp.admin(format('SELECT auth.user_ban(%L, now() + interval ''1 hour'', E''spam\u202E'')', pg_temp.id('bobby@example.com'))), '', 'user_ban');
SELECT is((SELECT ban_reason FROM auth.users WHERE email = 'bobby@example.com'), 'spam\u202E', 'with a reason, escaped');
SELECT throws_ok('SELECT auth.uid()', '28000', NULL, 'the token is refused');
RESET intrex_auth.token;
SELECT is(pg_temp.admin(format('SELECT auth.user_unban(%L)', pg_temp.id('bobby@example.com'))), '', 'user_unban');
SELECT is((SELECT banned_until IS NULL AND ban_reason IS NULL FROM auth.users WHERE email = 'bobby@example.com'), true, 'ends it');

-- user_unlock
SELECT is(pg_temp.admin(format('SELECT auth.user_unlock(%L)', pg_temp.id('bobby@example.com'))), '', 'user_unlock');

-- admin_users
SELECT is(pg_temp.attempt('anon', 'SELECT auth_api.admin_users()') LIKE '42501 | permission denied for %', true, 'anon may not call it');
SELECT is(pg_temp.attempt('authenticated', $$ SELECT auth_api.admin_users() -> 'error' ->> 'code' $$), 'no_authorization', 'nor somebody without a token');
SELECT is(pg_temp.sign_in('bobby@example.com') ->> 'role', 'authenticated', 'a user');
SELECT is(pg_temp.attempt('authenticated', $$ SELECT auth_api.admin_users() $$)::jsonb,
	'{"error": {"message": "Insufficient permissions", "status": 403, "code": "insufficient_permissions"}}', 'is refused');
SELECT is(current_setting('response.status'), '403', 'with 403');
SELECT is(pg_temp.sign_in('root@example.com') ->> 'role', 'auth_platform', 'a platform administrator');
-- the other users of this database, if there are any, do not count
DELETE FROM auth.users WHERE coalesce(email, '') NOT LIKE '%@example.com' AND coalesce(phone, '') <> '+12025550100';
SELECT is(pg_temp.attempt('auth_platform', $$ SELECT jsonb_array_length(auth_api.admin_users() -> 'users') $$), '4', 'sees all');
SELECT is(pg_temp.attempt('auth_platform', $$ SELECT auth_api.admin_users()::text ~ '\$2b\$|password_hash' $$), 'false', 'but no hash');
SELECT is(pg_temp.attempt('auth_platform',
	$$ SELECT bool_and(u ? 'last_sign_in_at') FROM jsonb_array_elements(auth_api.admin_users() -> 'users') AS u $$),
	'true', 'when each last signed in');
SELECT is(pg_temp.attempt('auth_platform', format('SELECT string_agg(u ->> ''email'', '' '') FROM jsonb_array_elements(auth_api.admin_users(%s) -> ''users'') AS u', argument)),
	expected, format('search %s', n)) FROM (VALUES
	(1, $$ 'ann' $$, 'ann@example.com'), (2, $$ 'BOBBY' $$, 'bobby@example.com'), (3, $$ '%' $$, NULL), (4, $$ 'bobby%' $$, NULL),
	(5, quote_literal(pg_temp.id('root@example.com')), 'root@example.com')) AS s (n, argument, expected);
SELECT is(pg_temp.attempt('auth_platform', format($$ SELECT auth_api.admin_users(%s) -> 'error' ->> 'message' $$, arguments)), expected, 'admin_users refused: ' || arguments) FROM (VALUES
	('"limit" => 0', 'limit must be from 1 to 200'), ('"limit" => 201', 'limit must be from 1 to 200'), ('"limit" => -2147483648', 'limit must be from 1 to 200'),
	('repeat(''x'', 1000000)', 'search must have at most 254 bytes')) AS a (arguments, expected);
CREATE FUNCTION pg_temp.pages(page_size integer) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	page jsonb := '{"next": null}';
	sizes text := '';
	seen uuid[] := '{}';
BEGIN
	LOOP
		page := auth_api.admin_users(NULL, (page ->> 'next')::uuid, page_size);
		sizes := sizes || ' ' || jsonb_array_length(page -> 'users');
		seen := seen || ARRAY(SELECT (u ->> 'id')::uuid FROM jsonb_array_elements(page -> 'users') AS u);
		EXIT WHEN page ->> 'next' IS NULL;
	END LOOP;
	RETURN concat(CASE WHEN seen = ARRAY(SELECT id FROM auth.users ORDER BY id) THEN 'all once:' ELSE 'wrong:' END, sizes);
END
$$;
SELECT is(pg_temp.pages(3), 'all once: 3 1', 'pages of 3');
SELECT is(pg_temp.pages(2), 'all once: 2 2', 'pages of 2');
SELECT is(pg_temp.pages(200), 'all once: 4', 'one page');
UPDATE auth.users SET is_super_admin = false WHERE email = 'root@example.com';
SELECT throws_ok('SELECT auth_api.admin_users()', '28000', NULL, 'an administrator who is none any more');
RESET intrex_auth.token;

-- the last owner (see also tenants)
SELECT lives_ok(format('SELECT auth.tenant_create(%L, %L)', 'One', pg_temp.id('ann@example.com')), 'a tenant');
SELECT is(pg_temp.admin(format('SELECT auth.user_delete(%L)', pg_temp.id('ann@example.com'))), '23001 | the user is the last owner of a tenant', 'its owner stays');
SELECT is(pg_temp.admin(format('SELECT auth.member_add(%L, %L, %L)', (SELECT id FROM auth.tenants WHERE name = 'One'), pg_temp.id('bobby@example.com'), 'OWNER')), '', 'a second owner');
SELECT is(pg_temp.admin(format('SELECT auth.user_delete(%L)', pg_temp.id('ann@example.com'))), '', 'user_delete');
SELECT is((SELECT count(*)::integer FROM auth.users WHERE email = 'ann@example.com'), 0, 'deletes');

-- a foreign key of the application
CREATE TABLE public.regress_notes (author uuid REFERENCES auth.users, secret text);
INSERT INTO public.regress_notes VALUES (pg_temp.id('root@example.com'), 'row image');
SELECT is(pg_temp.admin(format('SELECT auth.user_delete(%L)', pg_temp.id('root@example.com'))), '23503 | the user is still referred to', 'is named, its row is not');
SELECT auth.user_create('kept@example.com') \g /dev/null
CREATE TABLE public.regress_kept (author uuid REFERENCES auth.users ON DELETE RESTRICT, secret text);
INSERT INTO public.regress_kept VALUES (pg_temp.id('kept@example.com'), 'row image');
SELECT is(pg_temp.admin(format('SELECT auth.user_delete(%L)', pg_temp.id('kept@example.com'))), '23503 | the user is still referred to', 'one that restricts, too, with nothing but its name');
-- what a RESTRICT raises from 18 on, at any version
CREATE TABLE public.regress_watched (author uuid REFERENCES auth.users ON DELETE CASCADE, secret text);
CREATE FUNCTION public.regress_restrict() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION USING ERRCODE = 'restrict_violation', MESSAGE = 'no', DETAIL = OLD.secret; END $$;
CREATE TRIGGER restrict BEFORE DELETE ON public.regress_watched FOR EACH ROW EXECUTE FUNCTION public.regress_restrict();
DELETE FROM public.regress_kept;
INSERT INTO public.regress_watched VALUES (pg_temp.id('kept@example.com'), 'row image');
SELECT is(pg_temp.admin(format('SELECT auth.user_delete(%L)', pg_temp.id('kept@example.com'))), '23503 | the user is still referred to', 'nor is anything else of 23001 told');

-- the trail
SELECT is((SELECT string_agg(event, ' ' ORDER BY event) FROM (SELECT DISTINCT event FROM auth.audit_log WHERE details ->> 'as_role' = 'auth_admin') AS a),
	'member_add user_ban user_create user_delete user_set_password user_unban user_unlock user_update user_verify_email', 'every change of an administrator left a row');
SELECT is((SELECT count(*)::integer FROM auth.audit_log WHERE details::text ~ 'correct horse|battery staple|\$2b\$' OR identifier ~ 'correct horse'), 0, 'without secrets');
SELECT is((SELECT count(*)::integer FROM auth.audit_log WHERE event = 'admin_users' AND outcome = 'refused' AND code = 'insufficient_permissions'
	AND user_id = pg_temp.id('bobby@example.com')), 1, 'and so did a refusal');

SELECT * FROM finish();
ROLLBACK;
