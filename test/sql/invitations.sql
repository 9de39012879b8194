-- Invitations: who invites whom as what, who accepts, once and in time; sql/67_invitations.sql.
-- And bans by platform administrators, sql/59_bans.sql.
-- Calls auth_api.invite, auth_api.invites, auth_api.invite_revoke, auth_api.invite_accept.
\set ECHO none
\set QUIET 1
\pset format unaligned
\pset tuples_only true
\set VERBOSITY terse
SET client_min_messages = warning;
\getenv abs_srcdir PG_ABS_SRCDIR
\set include :abs_srcdir '/include/people.psql'

BEGIN;
\i :include
SELECT plan(142);

-- The answer of an endpoint to somebody; status and code of a refusal.
CREATE FUNCTION pg_temp.ask(who text, query text) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
	answer text;
BEGIN
	PERFORM set_config('response.status', '', true);
	answer := people.answer(who, 'SELECT auth_api.' || query);
	PERFORM people.become('');
	RETURN CASE WHEN answer LIKE '{%' THEN answer::jsonb ELSE to_jsonb(answer) END;
END
$$;
CREATE FUNCTION pg_temp.call(who text, query text) RETURNS text LANGUAGE sql AS $$
	SELECT CASE WHEN a ? 'error' THEN concat_ws(' ', nullif(current_setting('response.status'), ''), a #>> '{error,code}',
			CASE WHEN a #>> '{error,code}' = 'validation_failed' THEN ': ' || (a #>> '{error,message}') END)
		WHEN jsonb_typeof(a) = 'string' THEN a #>> '{}' ELSE 'ok' END
	FROM pg_temp.ask(who, query) AS a
$$;
CREATE FUNCTION pg_temp.would(who text, query text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	RAISE EXCEPTION USING ERRCODE = 'PTAP0', MESSAGE = pg_temp.call(who, query);
EXCEPTION WHEN SQLSTATE 'PTAP0' THEN
	RETURN SQLERRM;
END
$$;
CREATE FUNCTION pg_temp.invite(who text, guest text, role text, units text DEFAULT '''{}''') RETURNS jsonb LANGUAGE sql AS $$
	SELECT pg_temp.ask(who, format('invite(%L, %L, %s)', guest || '@people.example', role, units))
$$;
CREATE FUNCTION pg_temp.accept(who text, invitation jsonb) RETURNS text LANGUAGE sql AS $$ SELECT pg_temp.call(who, format('invite_accept(%L)', invitation ->> 'token')) $$;
-- What accepting would come to after a statement; both are undone.
CREATE FUNCTION pg_temp.after(statement text, who text, invitation jsonb) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE statement;
	RAISE EXCEPTION USING ERRCODE = 'PTAP0', MESSAGE = pg_temp.accept(who, invitation);
EXCEPTION WHEN SQLSTATE 'PTAP0' THEN
	RETURN SQLERRM;
END
$$;

SELECT auth.use_preset('unipulse') \g /dev/null
SELECT auth.role_create('lead', 25) \g /dev/null
SELECT auth.permission_set('lead', 'members', a, 'unit') FROM unnest(ARRAY['read', 'write', 'delete']) AS a \g /dev/null
SELECT people.add(w, r, 'team') FROM (VALUES ('own', 'OWNER'), ('adm', 'ADMIN'), ('edi', 'EDITOR'), ('cli', 'CLIENT')) AS v (w, r) \g /dev/null
SELECT people.add('lea', 'lead', 'team', ARRAY['east', 'west']) \g /dev/null
SELECT people.add('so', 'VIEWER', 'team', ARRAY['south']) \g /dev/null
SELECT people.add('far', 'OWNER', 'elsewhere') \g /dev/null
SELECT people.add('sue', 'CLIENT', 'team', '{}', true) \g /dev/null
SELECT people.add(w, NULL, '') FROM unnest(ARRAY['gus', 'eve', 'hal', 'ivy']) AS w \g /dev/null

-- who may, and what is said
SELECT is(pg_temp.call('', call), '42501 permission denied for function ' || split_part(call, '(', 1), 'nobody: ' || call) FROM unnest(ARRAY[
	'invite(NULL, NULL)', 'invites()', 'invite_revoke(NULL)', 'invite_accept(NULL)']) AS call;
SELECT is(pg_temp.call('eve', call), '404 tenant_not_found', 'in no tenant: ' || call) FROM unnest(ARRAY['invite(NULL, NULL)', 'invites()', 'invite_revoke(NULL)']) AS call;
SELECT is(pg_temp.call('edi', call), '403 insufficient_permissions', 'an editor: ' || call) FROM unnest(ARRAY['invite(NULL, NULL)', 'invites()', 'invite_revoke(NULL)']) AS call;
SELECT is(pg_temp.call('adm', call), '400 validation_failed : ' || message, left(call, 60)) FROM (VALUES
	('invite(NULL, ''VIEWER'')', 'email is required'), ('invite('''', ''VIEWER'')', 'email is required'),
	('invite(''nobody'', ''VIEWER'')', 'email is not a valid e-mail address'), ('invite(repeat(''x'', 1000000), ''VIEWER'')', 'email is not a valid e-mail address'),
	('invite(''a@x.example'', NULL)', 'role is required'), ('invite(''a@x.example'', ''VIEWR'')', 'role is not known'), ('invite(''a@x.example'', repeat(''x'', 1000000))', 'role is not known'),
	(format('invite(''a@x.example'', ''VIEWER'', ARRAY[%L::uuid])', people.id('no unit')), 'unit_ids has units that the tenant does not have'),
	('invite(''a@x.example'', ''VIEWER'', ARRAY[NULL::uuid])', 'unit_ids has units that the tenant does not have'),
	('invites("limit" => 0)', 'limit must be from 1 to 1000'), ('invite_revoke(NULL)', 'id is required'),
	('invite_accept(NULL)', 'token is required'), ('invite_accept('''')', 'token is required')) AS v (call, message);
SELECT is(pg_temp.call('gus', format('invite_accept(%s)', token)), '404 invitation_not_found', 'accept: ' || left(token, 40))
	FROM unnest(ARRAY['''x''', 'repeat(''x'', 1000000)', 'repeat(''A'', 43)', 'repeat(''A'', 42)', E'E''\\n''']) AS token;
SELECT is(pg_temp.would(who, format('invite(''new@x.example'', %L)', role)), CASE WHEN ok THEN 'ok' ELSE '403 insufficient_permissions' END, format('%s invites a %s: %s', who, role, ok)) FROM (VALUES
	('own', 'OWNER', true), ('own', 'CLIENT', true), ('adm', 'OWNER', false), ('adm', 'ADMIN', true), ('adm', 'VIEWER', true), ('sue', 'OWNER', true)) AS v (who, role, ok);
SELECT is(pg_temp.would('lea', format('invite(''new@x.example'', ''VIEWER'', %s)', units)), answer, 'a lead of units invites to ' || what) FROM (VALUES
	('his', format('ARRAY[%L::uuid]', people.id('east')), 'ok'), ('none', '''{}''', '403 insufficient_permissions'), ('no matter', 'NULL', '403 insufficient_permissions'),
	('a foreign one', format('ARRAY[%L::uuid]', people.id('south')), '403 insufficient_permissions')) AS v (what, units, answer);
SELECT is(pg_temp.would('adm', 'invite(''Edi@People.example'', ''VIEWER'')'), '409 already_a_member', 'who is a member is not invited');

-- an invitation
SELECT pg_temp.invite('adm', 'GUS', 'EDITOR', format('ARRAY[%L, %L]::uuid[]', people.id('east'), people.id('south'))) AS gus \gset
SELECT is(:'gus'::jsonb - 'id' - 'token' - 'created_at' - 'expires_at' - 'unit_ids', jsonb_build_object('email', 'gus@people.example', 'role', 'EDITOR', 'invited_by', people.id('adm')), 'what is answered');
SELECT is(:'gus'::jsonb -> 'unit_ids', to_jsonb(ARRAY(SELECT u FROM unnest(ARRAY[people.id('east'), people.id('south')]) AS u ORDER BY u)), 'with the units');
SELECT matches(:'gus'::jsonb ->> 'token', '^[A-Za-z0-9_-]{43}$', 'and a token');
SELECT is((:'gus'::jsonb ->> 'expires_at')::timestamptz - (:'gus'::jsonb ->> 'created_at')::timestamptz, interval '24 hours', 'for 24 hours');
SELECT is((SELECT string_agg(i::text, '') FROM auth.invitations AS i) || (SELECT string_agg(a::text, '') FROM auth.audit_log AS a) LIKE '%' || (:'gus'::jsonb ->> 'token') || '%', false, 'the token is stored nowhere');
SELECT is((SELECT token_hash FROM auth.invitations WHERE id = (:'gus'::jsonb ->> 'id')::uuid), auth._opaque_hash(:'gus'::jsonb ->> 'token'), 'only its hash');
SELECT is((SELECT concat_ws(' ', event, outcome, identifier, details ->> 'role') FROM auth.audit_log ORDER BY id DESC LIMIT 1), 'invite success gus@people.example EDITOR', 'in the trail');
SELECT is(pg_temp.ask('own', 'invites()') #- '{invites,0,created_at}' #- '{invites,0,expires_at}',
	jsonb_build_object('invites', jsonb_build_array(:'gus'::jsonb - 'token' - 'created_at' - 'expires_at'), 'next', NULL), 'in the list, without the token');
SELECT is(pg_temp.ask('far', 'invites()') ->> 'invites', '[]', 'not in that of another tenant');
SELECT is(jsonb_array_length(pg_temp.ask('lea', 'invites()') -> 'invites'), 1, 'a lead sees those to his units');
SELECT is(has_column_privilege('auth_admin', 'auth.invitations', 'token_hash', 'SELECT'), false, 'auth_admin reads no hash');

-- the tokens of this and of sessions are no good for each other
SELECT is(auth_api.refresh(:'gus'::jsonb ->> 'token') #>> '{error,code}', 'refresh_token_not_found', 'it does not refresh');
UPDATE auth.users SET password_hash = auth.password_hash('password of hal', 4), password_changed_at = now() WHERE id = people.id('hal');
SELECT auth_api.login('hal@people.example', 'password of hal') ->> 'refresh_token' AS refresh \gset
SELECT is(pg_temp.call('hal', format('invite_accept(%L)', :'refresh')), '404 invitation_not_found', 'a refresh token invites nobody');

-- the right account
SELECT is(pg_temp.accept(who, :'gus'), '403 not_the_invited', 'another account: ' || who) FROM unnest(ARRAY['eve', 'adm', 'far']) AS who;
SELECT is((SELECT concat_ws(' ', event, outcome, code, user_id = people.id('far'), details ->> 'invitation' = :'gus'::jsonb ->> 'id', details ->> 'token', identifier) FROM auth.audit_log ORDER BY id DESC LIMIT 1), 'invite_accept refused not_the_invited t t', 'in the trail');
SELECT is(pg_temp.after(format('UPDATE auth.users SET email = %L WHERE id = %L', 'gus2@people.example', people.id('gus')), 'gus', :'gus'), '403 not_the_invited', 'whose address has changed');
SELECT is(pg_temp.after($$SET LOCAL intrex_auth.require_email_verification = on$$, 'gus', :'gus'), '403 email_not_confirmed', 'an address that is not verified, where it must be');
SELECT is(pg_temp.after(format($$SET LOCAL intrex_auth.require_email_verification = on; SELECT auth.user_verify_email(%L)$$, people.id('gus')), 'gus', :'gus'), 'ok', 'and one that is');
SELECT is(pg_temp.after(format('SELECT auth.user_ban(%L)', people.id('gus')), 'gus', :'gus'), '28000 invalid token', 'a banned one is nobody');
SELECT is(pg_temp.after(format('SET LOCAL intrex_auth.session_check = off; SELECT auth.user_ban(%L)', people.id('gus')), 'gus', :'gus'), '403 user_banned', 'without the session check, too');
SELECT is(pg_temp.after(format('DELETE FROM auth.users WHERE id = %L', people.id('adm')), 'gus', :'gus'), '404 invitation_not_found', 'who invited is gone');

-- expired, revoked, void
SELECT is(pg_temp.after('UPDATE auth.invitations SET expires_at = clock_timestamp()', 'gus', :'gus'), '403 invitation_expired', 'expired');
SELECT is(pg_temp.after(format('SELECT pg_temp.call(''own'', %L)', format('invite_revoke(%L)', :'gus'::jsonb ->> 'id')), 'gus', :'gus'), '403 invitation_revoked', 'revoked');
SELECT is(pg_temp.after(format('SELECT auth.tenant_delete(%L)', people.id('team')), 'gus', :'gus'), '404 invitation_not_found', 'the tenant is deleted');
SELECT is(pg_temp.after(format('SELECT auth.member_remove(%L, %L)', people.id('team'), people.id('adm')), 'gus', :'gus'), '403 invitation_void', 'who invited has left');
SELECT is(pg_temp.after(format('SELECT auth.member_update(%L, %L, %L)', people.id('team'), people.id('adm'), role), 'gus', :'gus'), answer, 'who invited is ' || role) FROM (VALUES
	('EDITOR', '403 invitation_void'), ('CLIENT', '403 invitation_void'), ('lead', '403 invitation_void'), ('OWNER', 'ok')) AS v (role, answer);
SELECT is(pg_temp.after(format('SELECT auth.user_ban(%L)', people.id('adm')), 'gus', :'gus'), '403 invitation_void', 'who invited is banned');
SELECT is(pg_temp.after('UPDATE auth.roles SET rank = 45 WHERE name = ''EDITOR''', 'gus', :'gus'), '403 invitation_void', 'the role ranks higher than who invited');
SELECT is(pg_temp.after('SELECT auth.permission_remove(''ADMIN'', ''members'', ''write'')', 'gus', :'gus'), '403 invitation_void', 'who invited may invite no more');
SELECT is(pg_temp.after('SELECT auth.permission_deny(''ADMIN'', ''members'', ''write'')', 'gus', :'gus'), '403 invitation_void', 'nor when it is denied');
SELECT is(pg_temp.after('DELETE FROM auth.memberships WHERE role = ''EDITOR''; SELECT auth.role_delete(''EDITOR'')', 'gus', :'gus'), '403 invitation_void', 'the role is none any more');
CREATE FUNCTION pg_temp.told(statement text, who text, invitation jsonb) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE statement;
	RAISE EXCEPTION USING ERRCODE = 'PTAP0', MESSAGE = people.answer(who, format('SELECT auth_api.invite_accept(%L) #>> ''{error,message}''', invitation ->> 'token'));
EXCEPTION WHEN SQLSTATE 'PTAP0' THEN
	RETURN SQLERRM;
END
$$;
SELECT is(pg_temp.told('UPDATE auth.roles SET rank = 45 WHERE name = ''EDITOR''', 'gus', :'gus'), 'Who sent the invitation may not invite any more', 'and told');
SELECT is(pg_temp.told('DELETE FROM auth.memberships WHERE role = ''EDITOR''; SELECT auth.role_delete(''EDITOR'')', 'gus', :'gus'), 'The role of the invitation is not there any more', 'that it is the role');
SELECT is(pg_temp.after(format('SELECT auth.member_add(%L, %L, ''CLIENT'')', people.id('team'), people.id('gus')), 'gus', :'gus'), '409 already_a_member', 'who was made a member meanwhile');
SELECT is((SELECT count(*)::int FROM auth.invitation_answers), 0, 'nothing of this used it up');

-- accepted, once
SELECT auth.unit_delete(people.id('south')) \g /dev/null
SELECT is(pg_temp.ask('gus', format('invite_accept(%L)', :'gus'::jsonb ->> 'token')), jsonb_build_object(
	'tenant', jsonb_build_object('id', people.id('team'), 'name', 'team'), 'role', 'EDITOR', 'unit_ids', jsonb_build_array(people.id('east'))), 'accepted, without a unit that has gone');
SELECT is((SELECT concat_ws(' ', role, unit_ids) FROM auth.memberships WHERE user_id = people.id('gus')), format('EDITOR {%s}', people.id('east')), 'he is a member');
SELECT is((SELECT concat_ws(' ', event, outcome, identifier, tenant_id = people.id('team'), details ->> 'role') FROM auth.audit_log ORDER BY id DESC LIMIT 1), 'invite_accept success gus@people.example t EDITOR', 'in the trail');
SELECT is(pg_temp.accept('gus', :'gus'), '409 invitation_used', 'not twice');
SELECT is(pg_temp.after(format('DELETE FROM auth.memberships WHERE user_id = %L', people.id('gus')), 'gus', :'gus'), '409 invitation_used', 'nor after he was removed');
SELECT is(pg_temp.ask('own', 'invites()') ->> 'invites', '[]', 'it is pending no more');
SELECT is(pg_temp.call('own', format('invite_revoke(%L)', :'gus'::jsonb ->> 'id')), '404 invitation_not_found', 'nor to be revoked');
SELECT is(pg_temp.ask('gus', format('switch_tenant(%L)', people.id('team'))) #>> '{user,role}', 'EDITOR', 'he goes there');

-- who is removed, or leaves, does not come back by an invitation that was open
SELECT people.add('pat', NULL, '') \g /dev/null
SELECT pg_temp.invite('adm', 'pat', 'EDITOR') AS pat \gset
SELECT auth.member_add(people.id('team'), people.id('pat'), 'CLIENT') \g /dev/null
UPDATE auth.sessions SET tenant_id = people.id('team') WHERE id = people.id('pat session');
CREATE FUNCTION pg_temp.elsewhere() RETURNS void LANGUAGE sql AS $$ UPDATE auth.sessions SET tenant_id = NULL WHERE id = people.id('pat session') $$;
SELECT is(pg_temp.after(statement || '; SELECT pg_temp.elsewhere()', 'pat', :'pat'), '403 invitation_revoked', what) FROM (VALUES
	('SELECT auth.member_remove(people.id(''team''), people.id(''pat''))', 'removed by an administrator'),
	('SELECT pg_temp.call(''adm'', format(''member_remove(%L)'', people.id(''pat'')))', 'by a member'),
	('SELECT pg_temp.call(''pat'', ''leave_tenant()'')', 'by himself')) AS v (statement, what);
SELECT is(pg_temp.after('SELECT auth.member_remove(people.id(''team''), people.id(''edi''))', 'pat', :'pat'), '409 already_a_member', 'invitations of others stay');
UPDATE auth.invitations SET tenant_id = people.id('elsewhere'), invited_by = people.id('far'), role = 'CLIENT' WHERE id = (:'pat'::jsonb ->> 'id')::uuid;
SELECT is(pg_temp.after('SELECT auth.member_remove(people.id(''team''), people.id(''pat'')); SELECT pg_temp.elsewhere()', 'pat', :'pat'), 'ok', 'and so do those to other tenants');
DELETE FROM auth.invitations WHERE id = (:'pat'::jsonb ->> 'id')::uuid;

-- revoking and inviting again
SELECT pg_temp.invite('own', 'hal', 'ADMIN') AS hal \gset
SELECT pg_temp.invite('lea', 'ivy', 'VIEWER', format('ARRAY[%L::uuid]', people.id('east'))) AS ivy \gset
SELECT is(pg_temp.would(who, format('invite_revoke(%L)', id)), answer, format('%s revokes %s', who, what)) FROM (VALUES
	('adm', 'one of an equal', :'hal'::jsonb ->> 'id', 'ok'), ('lea', 'one above', :'hal'::jsonb ->> 'id', '403 insufficient_permissions'), ('lea', 'his own', :'ivy'::jsonb ->> 'id', 'ok'),
	('far', 'of another tenant', :'hal'::jsonb ->> 'id', '404 invitation_not_found'), ('own', 'what is not there', people.id('x')::text, '404 invitation_not_found'),
	('edi', 'any', :'hal'::jsonb ->> 'id', '403 insufficient_permissions')) AS v (who, what, id, answer);
SELECT is(pg_temp.would('lea', format('invite(''hal@people.example'', ''VIEWER'', ARRAY[%L::uuid])', people.id('east'))), '403 insufficient_permissions', 'a new one does not take the place of one above');
SELECT pg_temp.invite('own', 'hal', 'VIEWER') AS hal2 \gset
SELECT is(pg_temp.accept('hal', :'hal'), '403 invitation_revoked', 'a new one takes the place of the last');
SELECT is(pg_temp.accept('hal', :'hal2'), 'ok', 'and holds');
SELECT is((SELECT role FROM auth.memberships WHERE user_id = people.id('hal')), 'VIEWER', 'as it says');
SELECT is(pg_temp.after(format('UPDATE auth.memberships SET unit_ids = ARRAY[%L::uuid] WHERE user_id = %L', people.id('west'), people.id('lea')), 'ivy', :'ivy'), '403 invitation_void', 'a lead who has lost the unit');
SELECT is(pg_temp.call('lea', format('invite_revoke(%L)', :'ivy'::jsonb ->> 'id')), 'ok', 'revoked');
SELECT is((SELECT concat_ws(' ', event, outcome, identifier) FROM auth.audit_log ORDER BY id DESC LIMIT 1), 'invite_revoke success ivy@people.example', 'in the trail');
SELECT is(pg_temp.accept('ivy', :'ivy'), '403 invitation_revoked', 'is revoked');
SELECT pg_temp.invite('sue', 'ivy', 'OWNER') AS ivy2 \gset
SELECT is(pg_temp.after(format('UPDATE auth.users SET is_super_admin = false WHERE id = %L', people.id('sue')), 'ivy', :'ivy2'), '403 invitation_void', 'a platform administrator who is none any more');
SELECT is(pg_temp.accept('ivy', :'ivy2'), 'ok', 'and one who is');
SET LOCAL intrex_auth.invitation_lifetime = '7d';
SELECT is((i ->> 'expires_at')::timestamptz - (i ->> 'created_at')::timestamptz, interval '7 days', 'a lifetime of a week') FROM pg_temp.invite('own', 'later', 'CLIENT') AS i;
SELECT throws_ok('SET LOCAL intrex_auth.invitation_lifetime = ''59s''', '22023', NULL, 'not less than a minute');

-- as many as may wait for an answer: 'later' is one of them, what was answered is none
SELECT is((SELECT count(*)::int FROM auth.invitations AS i WHERE i.tenant_id = people.id('team') AND auth._is_pending(i)), 1, 'one is pending');
SELECT cmp_ok((SELECT count(*)::int FROM auth.invitations AS i WHERE i.tenant_id = people.id('team')), '>', 3, 'of several');
SELECT is((SELECT setting || ' ' || context FROM pg_settings WHERE name = 'intrex_auth.max_pending_invitations'), '200 superuser', 'two hundred, unless a superuser says otherwise');
SET LOCAL intrex_auth.max_pending_invitations = 3;
SELECT is(pg_temp.call('own', format('invite(''new%s@x.example'', ''CLIENT'')', n)), answer, 'of three: ' || n + 1) FROM (VALUES (1, 'ok'), (2, 'ok'), (3, '409 too_many_invitations')) AS v (n, answer);
SELECT is(pg_temp.ask('own', 'invite(''new3@x.example'', ''CLIENT'')') -> 'error', '{"message": "The tenant has as many pending invitations as it may", "status": 409,
	"code": "too_many_invitations", "hint": "Revoke some, or wait until they are accepted or expire."}', 'what is answered');
SELECT is((SELECT concat_ws(' ', event, outcome, code) FROM auth.audit_log ORDER BY id DESC LIMIT 1), 'invite refused too_many_invitations', 'in the trail');
SELECT is(pg_temp.would('own', 'invite(''New1@x.example'', ''EDITOR'')'), 'ok', 'one that takes the place of the last');
SELECT is(pg_temp.would('sue', 'invite(''new3@x.example'', ''CLIENT'')'), '409 too_many_invitations', 'a platform administrator has no more');
SELECT is(pg_temp.would('far', 'invite(''new3@x.example'', ''CLIENT'')'), 'ok', 'another tenant has its own');
SAVEPOINT full_;
UPDATE auth.invitations SET expires_at = clock_timestamp() WHERE email = 'new1@x.example';
SELECT is(pg_temp.would('own', 'invite(''new3@x.example'', ''CLIENT'')'), 'ok', 'one that expired makes room');
ROLLBACK TO full_;
SELECT is(pg_temp.call('own', format('invite_revoke(%L)', (SELECT id FROM auth.invitations WHERE email = 'new1@x.example')))
	|| ' ' || pg_temp.would('own', 'invite(''new3@x.example'', ''CLIENT'')'), 'ok ok', 'and one that was revoked');
SET LOCAL intrex_auth.max_pending_invitations = 0;
SELECT is(pg_temp.would('own', 'invite(''new1@x.example'', ''CLIENT'')'), '409 too_many_invitations', 'none at all');
RESET intrex_auth.max_pending_invitations;

UPDATE auth.invitations SET expires_at = now() - interval '31 days' WHERE id = (:'gus'::jsonb ->> 'id')::uuid;
SELECT is(auth.cleanup() ->> 'invitations', '1', 'one that is long over is cleaned up');
SELECT is(pg_temp.accept('gus', :'gus'), '404 invitation_not_found', 'and unknown then');

-- Bans by platform administrators
SELECT is(pg_temp.call(who, call), answer, format('%s: %s', who, left(call, 30))) FROM (VALUES
	('own', format('admin_user_ban(%L)', people.id('edi')), '403 insufficient_permissions'), ('own', 'admin_user_unban(NULL)', '403 insufficient_permissions'),
	('sue', 'admin_user_ban(NULL)', '400 validation_failed : user_id is required'), ('sue', format('admin_user_ban(%L)', people.id('sue')), '409 conflict'),
	('sue', format('admin_user_ban(%L)', people.id('x')), '404 user_not_found'), ('sue', format('admin_user_unban(%L)', people.id('x')), '404 user_not_found'),
	('sue', format('admin_user_ban(%L, now() - interval ''1 s'')', people.id('hal')), '400 validation_failed : until is not in the future')) AS v (who, call, answer);
SELECT is(pg_temp.ask('sue', format('admin_user_ban(%L, ''2100-01-01 UTC'', ''spam'')', people.id('hal'))), jsonb_build_object('banned', people.id('hal'), 'until', '2100-01-01 00:00:00+00'::timestamptz), 'banned for a time');
SELECT is((SELECT concat_ws(' ', event, user_id = people.id('hal'), details ->> 'by_user' = people.id('sue')::text, details ->> 'reason') FROM auth.audit_log ORDER BY id DESC LIMIT 1), 'user_ban t t spam', 'in the trail, with who did it');
SELECT is(auth_api.login('hal@people.example', 'wrong') -> 'error', '{"code": "invalid_credentials", "status": 401, "message": "Invalid login credentials"}', 'a wrong password is told nothing of it');
SELECT is(auth_api.login('hal@people.example', 'password of hal') -> 'error', jsonb_build_object('code', 'user_banned', 'status', 403, 'message', 'User is banned', 'reason', 'spam', 'until', '2100-01-01 00:00:00+00'::timestamptz), 'the right one until when, and why');
SELECT is(pg_temp.call('hal', 'me()'), '28000 invalid token', 'his tokens are refused');
SELECT is(pg_temp.ask('sue', format('admin_user_unban(%L)', people.id('hal'))), jsonb_build_object('unbanned', people.id('hal')), 'unbanned');
SELECT is(pg_temp.call('hal', 'me()'), 'ok', 'and good again');
SELECT is(pg_temp.ask('sue', format('admin_user_ban(%L, NULL)', people.id('hal'))), jsonb_build_object('banned', people.id('hal'), 'until', NULL), 'banned for good');
SELECT is(auth_api.login('hal@people.example', 'password of hal') -> 'error' -> 'until', 'null', 'without an end');

SELECT * FROM finish();
ROLLBACK;
