-- sql/65_guards.sql: guards that raise, their boolean forms, validate_session_access.
\set ECHO none
\set QUIET 1
\pset format unaligned
\pset tuples_only true
\set VERBOSITY terse
SET client_min_messages = warning;

BEGIN;
SELECT plan(55);

CREATE FUNCTION pg_temp.attempt(role name, query text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	answer text;
	state text; message text; detail text;
BEGIN
	IF query IS NULL THEN
		RETURN NULL;
	END IF;
	EXECUTE format('SET LOCAL ROLE %I', role);
	EXECUTE query INTO answer;
	RESET ROLE;
	RETURN answer;
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL;
	RETURN concat_ws(' | ', state, message, nullif(detail, ''));
END
$$;
-- Sign user n in, as a login would.
CREATE FUNCTION pg_temp.sign_in(n text, tenant boolean DEFAULT true) RETURNS uuid LANGUAGE plpgsql AS $$
DECLARE
	who CONSTANT auth.users := (SELECT u FROM auth.users AS u WHERE u.email = n || '@example.com');
	session uuid;
BEGIN
	INSERT INTO auth.sessions (user_id, tenant_id)
		VALUES (who.id, CASE WHEN tenant THEN '00000000-0000-4000-8000-000000000001'::uuid END) RETURNING id INTO session;
	PERFORM auth.authenticate(auth.jwt_sign(jsonb_strip_nulls(jsonb_build_object('sub', who.id, 'session_id', session,
		'role', CASE WHEN who.is_super_admin THEN 'auth_platform' ELSE 'authenticated' END,
		'tenant_id', CASE WHEN tenant THEN '00000000-0000-4000-8000-000000000001' END))));
	RETURN session;
END
$$;
INSERT INTO auth.users (email, is_super_admin) VALUES ('ann@example.com', false), ('root@example.com', true);
INSERT INTO auth.tenants (id, name) VALUES ('00000000-0000-4000-8000-000000000001', 'One');
INSERT INTO auth.memberships (tenant_id, user_id, role)
	SELECT '00000000-0000-4000-8000-000000000001', u.id, 'editor' FROM auth.users AS u WHERE u.email = 'ann@example.com';

CREATE TEMPORARY TABLE guards (n serial, guard text, form text);
INSERT INTO guards (guard, form) VALUES
	('auth.require_auth()', NULL),
	('auth.require_role(''editor'')', 'auth.has_role(''editor'')'),
	('auth.require_role(''owner'', ''editor'')', 'auth.has_role(''owner'', ''editor'')'),
	('auth.require_role(''owner'')', 'auth.has_role(''owner'')'),
	('auth.require_role(''EDITOR'')', 'auth.has_role(''EDITOR'')'),
	('auth.require_role(''auth_platform'')', 'auth.has_role(''auth_platform'')'),
	('auth.require_role(''authenticated'')', 'auth.has_role(''authenticated'')'),
	('auth.require_role(NULL)', 'auth.has_role(NULL)'),
	('auth.require_role(VARIADIC ''{}'')', 'auth.has_role(VARIADIC ''{}'')'),
	('auth.require_role(VARIADIC NULL)', 'auth.has_role(VARIADIC NULL)'),
	('auth.require_role(VARIADIC array_fill(repeat(''x'', 1000), ARRAY[1000]))', 'auth.has_role(VARIADIC array_fill(repeat(''x'', 1000), ARRAY[1000]))'),
	('auth.require_super_admin()', 'auth.is_super_admin()');
CREATE FUNCTION pg_temp.matrix(role name) RETURNS text LANGUAGE sql AS $$
	SELECT string_agg(concat_ws(' ', n, coalesce(nullif(pg_temp.attempt(role, 'SELECT ' || guard), ''), 'passes'), pg_temp.attempt(role, 'SELECT ' || form)), '; ' ORDER BY n) FROM guards
$$;

-- without a token
SELECT is(pg_temp.matrix(role), (SELECT string_agg(concat_ws(' ', n, '28000 | Authentication required', CASE WHEN form IS NOT NULL THEN 'false' END), '; ' ORDER BY n) FROM guards),
	'without a token, as ' || role) FROM unnest(ARRAY['anon', 'authenticated', 'auth_platform', 'auth_admin']) AS role;

-- a member
SELECT isnt(pg_temp.sign_in('ann'), NULL, 'a member');
SELECT is(pg_temp.matrix('authenticated'), '1 passes; 2 passes true; 3 passes true; 4 42501 | Insufficient permissions false; 5 42501 | Insufficient permissions false; '
	'6 42501 | Insufficient permissions false; 7 42501 | Insufficient permissions false; 8 42501 | Insufficient permissions false; 9 42501 | Insufficient permissions false; '
	'10 42501 | Insufficient permissions false; 11 42501 | Insufficient permissions false; 12 42501 | Insufficient permissions false', 'what a member may');
SELECT is(pg_temp.matrix('anon') = pg_temp.matrix('authenticated'), true, 'the token decides, not the database role');
-- live
UPDATE auth.memberships SET role = 'owner' WHERE tenant_id = '00000000-0000-4000-8000-000000000001';
SELECT is(pg_temp.attempt('authenticated', 'SELECT auth.has_role(''owner'')'), 'true', 'a new role counts at once');
SELECT is(pg_temp.attempt('authenticated', 'SELECT auth.has_role(''editor'')'), 'false', 'and the old one no more');
-- the flag alone does not do, nor does the claim
UPDATE auth.users SET is_super_admin = true WHERE email = 'ann@example.com';
SELECT is(pg_temp.attempt('authenticated', 'SELECT auth.is_super_admin()'), 'false', 'a flag without the claim: the next token has it');
UPDATE auth.users SET is_super_admin = false WHERE email = 'ann@example.com';
SELECT isnt(pg_temp.sign_in('root', false), NULL, 'a platform administrator');
SELECT is(pg_temp.matrix('auth_platform'), '1 passes; 2 42501 | Insufficient permissions false; 3 42501 | Insufficient permissions false; 4 42501 | Insufficient permissions false; '
	'5 42501 | Insufficient permissions false; 6 passes true; 7 42501 | Insufficient permissions false; 8 42501 | Insufficient permissions false; 9 42501 | Insufficient permissions false; '
	'10 42501 | Insufficient permissions false; 11 42501 | Insufficient permissions false; 12 passes true', 'what a platform administrator may');
SET LOCAL intrex_auth.session_check = off;
UPDATE auth.users SET is_super_admin = false WHERE email = 'root@example.com';
SELECT is(pg_temp.attempt('auth_platform', 'SELECT auth.is_super_admin()'), 'false', 'the claim without the flag, also when sessions are not checked');
UPDATE auth.users SET is_super_admin = true, banned_until = 'infinity' WHERE email = 'root@example.com';
SELECT is(pg_temp.attempt('auth_platform', 'SELECT auth.is_super_admin()'), 'false', 'nor one who is banned');
SET LOCAL intrex_auth.session_check = on;
SELECT matches(pg_temp.attempt('auth_platform', 'SELECT auth.require_super_admin()'), '^28000 ', 'a token that does not hold');
RESET intrex_auth.token;

-- a second factor, and how long ago
CREATE FUNCTION pg_temp.with_factor(n text, aal text, amr jsonb) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
	session CONSTANT uuid := pg_temp.sign_in(n);
BEGIN
	PERFORM auth.authenticate(auth.jwt_sign(auth.jwt() - ARRAY['iat', 'exp', 'jti'] || jsonb_build_object('aal', aal, 'amr', amr)));
END
$$;
CREATE FUNCTION pg_temp.ago(seconds numeric) RETURNS numeric LANGUAGE sql AS 'SELECT floor(extract(epoch FROM clock_timestamp()) - seconds)';
SELECT is(pg_temp.attempt('authenticated', 'SELECT auth.has_aal2(' || coalesce(quote_literal(max_age), '') || ')') || ' ' ||
		coalesce(nullif(pg_temp.attempt('authenticated', 'SELECT auth.require_aal2(' || coalesce(quote_literal(max_age), '') || ')'), ''), 'passes'), answer, what)
	FROM (VALUES
		('none', 'aal1', '[{"method": "password", "timestamp": 1}]', NULL, 'false 42501 | Insufficient permissions | A second factor is required.'),
		('one', 'aal2', '[{"method": "password", "timestamp": 1}, {"method": "totp", "timestamp": 1}]', NULL, 'true passes'),
		('too long ago', 'aal2', '[{"method": "totp", "timestamp": 1}]', '5 min', 'false 42501 | Insufficient permissions | The second factor must be shown again.'),
		('lately', 'aal2', jsonb_build_array(jsonb_build_object('method', 'password', 'timestamp', pg_temp.ago(900)), jsonb_build_object('method', 'totp', 'timestamp', pg_temp.ago(60)))::text, '5 min', 'true passes'),
		('lately, not lately enough', 'aal2', jsonb_build_array(jsonb_build_object('method', 'mfa/totp', 'timestamp', pg_temp.ago(60)))::text, '30 s', 'false 42501 | Insufficient permissions | The second factor must be shown again.'),
		('only the password lately', 'aal2', jsonb_build_array(jsonb_build_object('method', 'password', 'timestamp', pg_temp.ago(1)), jsonb_build_object('method', 'totp', 'timestamp', pg_temp.ago(900)))::text, '5 min', 'false 42501 | Insufficient permissions | The second factor must be shown again.'),
		('a time to come', 'aal2', jsonb_build_array(jsonb_build_object('method', 'totp', 'timestamp', pg_temp.ago(-900)))::text, '5 min', 'false 42501 | Insufficient permissions | The second factor must be shown again.'),
		('a time that is a text', 'aal2', '[{"method": "totp", "timestamp": "1e9"}]', '100 years', 'false 42501 | Insufficient permissions | The second factor must be shown again.'),
		('no list', 'aal2', '{"method": "totp"}', '100 years', 'false 42501 | Insufficient permissions | The second factor must be shown again.'),
		('lately, without the level', 'aal1', jsonb_build_array(jsonb_build_object('method', 'totp', 'timestamp', pg_temp.ago(1)))::text, '5 min', 'false 42501 | Insufficient permissions | A second factor is required.'),
		('no time at all', 'aal2', jsonb_build_array(jsonb_build_object('method', 'totp', 'timestamp', pg_temp.ago(60)))::text, '0', 'false 42501 | Insufficient permissions | The second factor must be shown again.'),
		('a negative time', 'aal2', jsonb_build_array(jsonb_build_object('method', 'totp', 'timestamp', pg_temp.ago(60)))::text, '-1 day', 'false 42501 | Insufficient permissions | The second factor must be shown again.')
	) AS v (what, aal, amr, max_age, answer), LATERAL (SELECT pg_temp.with_factor('ann', aal, amr::jsonb)) AS f;
SELECT set_config('request.method', 'POST', true) \g /dev/null
SELECT is(pg_temp.attempt('authenticated', 'SELECT auth.require_aal2()') || '', 'PGRST | {"code": "insufficient_aal", "details": "A second factor is required.", "message": "Insufficient permissions"} | {"status": 403, "headers": {}}', 'under PostgREST')
	FROM (SELECT pg_temp.with_factor('ann', 'aal1', '[]')) AS f;
SELECT set_config('request.method', '', true) \g /dev/null
RESET intrex_auth.token;
SELECT is(pg_temp.attempt('anon', 'SELECT auth.require_aal2()'), '28000 | Authentication required', 'nobody');
SELECT is(pg_temp.attempt('anon', 'SELECT auth.has_aal2()'), 'false', 'has none');

-- a guard whose result nobody reads still guards
SELECT throws_ok($$ SELECT count(*) FROM (SELECT n, auth.require_auth() FROM generate_series(1, 2) AS n) AS s $$, '28000', 'Authentication required', 'in a subquery');

-- under PostgREST
SET LOCAL request.method = 'POST';
SELECT is(pg_temp.attempt('anon', 'SELECT auth.require_auth()'),
	'PGRST | {"code": "no_authorization", "message": "Authentication required"} | {"status": 401, "headers": {"WWW-Authenticate": "Bearer"}}', '401');
SELECT isnt(pg_temp.sign_in('ann'), NULL, 'a member');
SELECT is(pg_temp.attempt('anon', 'SELECT auth.require_role(''viewer'')'),
	'PGRST | {"code": "insufficient_permissions", "message": "Insufficient permissions"} | {"status": 403, "headers": {}}', '403');
SELECT is(pg_temp.attempt('anon', 'SELECT auth.require_super_admin()'),
	'PGRST | {"code": "insufficient_permissions", "message": "Insufficient permissions"} | {"status": 403, "headers": {}}', '403 again');
RESET intrex_auth.token;
SET LOCAL request.method = '';
SELECT matches(pg_temp.attempt('anon', 'SELECT auth.require_auth()'), '^28000', 'a setting left over from a request');

-- a policy
CREATE TABLE public.regress_notes (n integer);
INSERT INTO public.regress_notes VALUES (1), (2);
ALTER TABLE public.regress_notes ENABLE ROW LEVEL SECURITY;
CREATE POLICY owners ON public.regress_notes USING ((SELECT auth.has_role('owner')));
GRANT SELECT ON public.regress_notes TO authenticated;
SELECT is(pg_temp.attempt('authenticated', 'SELECT count(*) FROM public.regress_notes'), '0', 'without a token no row');
SELECT isnt(pg_temp.sign_in('ann'), NULL, 'an owner');
SELECT is(pg_temp.attempt('authenticated', 'SELECT count(*) FROM public.regress_notes'), '2', 'with it all');
RESET intrex_auth.token;

-- validate_session_access
CREATE FUNCTION pg_temp.validate(session uuid, who text) RETURNS text LANGUAGE sql AS $$
	SELECT concat_ws(' ', v ->> 'valid', v ->> 'reason', v #>> '{session,id}' = session::text)
	FROM auth.users AS u, auth.validate_session_access(session, u.id) AS v WHERE u.email = who || '@example.com'
$$;
UPDATE auth.users SET banned_until = NULL WHERE email = 'root@example.com';
SELECT pg_temp.sign_in('ann') AS session \gset
SELECT is(pg_temp.validate(:'session', 'ann'), 'true t', 'a good session');
SELECT is((SELECT array_agg(key ORDER BY key) FROM auth.users AS u, jsonb_object_keys(auth.validate_session_access(:'session', u.id)) AS key WHERE u.email = 'ann@example.com'),
	ARRAY['reason', 'session', 'valid'], 'the answer');
SELECT is(pg_temp.validate(:'session', 'root'), 'false session_not_found', 'of somebody else');
SELECT is(pg_temp.validate(gen_random_uuid(), 'ann'), 'false session_not_found', 'that does not exist');
SELECT is(auth.validate_session_access(s, u), '{"valid": false, "reason": "session_not_found", "session": null}', 'NULL')
	FROM (VALUES (NULL::uuid, NULL::uuid), (:'session', NULL), (NULL, gen_random_uuid())) AS a (s, u);
UPDATE auth.users SET banned_until = now() + interval '1 hour' WHERE email = 'ann@example.com';
SELECT is(pg_temp.validate(:'session', 'ann'), 'false user_banned t', 'of a banned user');
UPDATE auth.users SET banned_until = now() - interval '1 hour' WHERE email = 'ann@example.com';
SELECT is(pg_temp.validate(:'session', 'ann'), 'true t', 'the ban is over');
DELETE FROM auth.memberships WHERE tenant_id = '00000000-0000-4000-8000-000000000001';
SELECT is(pg_temp.validate(:'session', 'ann'), 'false not_a_member t', 'of a former member');
UPDATE auth.sessions SET tenant_id = NULL, expires_at = clock_timestamp() WHERE id = :'session';
SELECT is(pg_temp.validate(:'session', 'ann'), 'false session_expired t', 'that has expired');
UPDATE auth.sessions SET revoked_at = clock_timestamp() WHERE id = :'session';
SELECT is(pg_temp.validate(:'session', 'ann'), 'false session_revoked t', 'that was revoked');
SELECT is(pg_temp.attempt(role, 'SELECT auth.validate_session_access(NULL, NULL)') LIKE '42501 | permission denied for %', true, role || ' may not ask')
	FROM unnest(ARRAY['anon', 'authenticated', 'auth_platform']) AS role;
SELECT is(pg_temp.attempt('auth_admin', 'SELECT auth.validate_session_access(NULL, NULL) ->> ''valid'''), 'false', 'auth_admin may');

SELECT * FROM finish();
ROLLBACK;
