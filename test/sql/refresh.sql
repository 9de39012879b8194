-- auth_api.refresh: rotation, the grace window, reuse, and what ends a session.
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
SELECT plan(100);

SELECT pg_temp.user_(n) FROM unnest(ARRAY['ann', 'bob', 'eve']) AS n \g /dev/null
SELECT pg_temp.tenant('north', 'ann', 'bob'), pg_temp.tenant('south', 'ann') \g /dev/null

-- The row of a refresh token; let time pass for a family.
CREATE FUNCTION pg_temp.row_of(grant_ jsonb) RETURNS auth.refresh_tokens LANGUAGE sql AS
$$ SELECT r.* FROM auth.refresh_tokens AS r WHERE r.token_hash = auth._opaque_hash(grant_ ->> 'refresh_token') $$;
CREATE FUNCTION pg_temp.age(grant_ jsonb, by interval) RETURNS void LANGUAGE sql AS $$
	UPDATE auth.refresh_tokens AS r SET created_at = created_at - by, expires_at = expires_at - by
		WHERE r.session_id = (pg_temp.row_of(grant_)).session_id
$$;
CREATE FUNCTION pg_temp.revoked(grant_ jsonb) RETURNS text LANGUAGE sql AS $$
	SELECT coalesce(s.revoked_reason, 'alive') FROM auth.sessions AS s WHERE s.id = (pg_temp.row_of(grant_)).session_id
$$;
CREATE FUNCTION pg_temp.family(grant_ jsonb) RETURNS bigint LANGUAGE sql AS $$
	SELECT count(*) FROM auth.refresh_tokens AS r WHERE r.session_id = (pg_temp.row_of(grant_)).session_id
$$;
CREATE FUNCTION pg_temp.said(grant_ jsonb) RETURNS text LANGUAGE sql AS $$ SELECT pg_temp.verdict(pg_temp.refresh(grant_)) $$;
-- The same without a throttled login: a session with its first refresh token.
CREATE FUNCTION pg_temp.begin(who text, tenant text DEFAULT NULL) RETURNS jsonb LANGUAGE sql AS $$
	SELECT to_jsonb(s) FROM auth._session_begin(pg_temp.u(who), pg_temp.t(tenant), 'test') AS s
$$;

-- rotation
SELECT pg_temp.login('ann@accounts.example', pg_temp.t('north')) AS one \gset
SELECT pg_temp.refresh(:'one') AS two \gset
SELECT is(pg_temp.verdict(:'two'), 'ok', 'a grant');
SELECT is((SELECT string_agg(k, ' ' ORDER BY k COLLATE "C") FROM jsonb_object_keys(:'two') AS k),
	'access_token expires_at expires_in refresh_token token_type user', 'with the members of a login');
SELECT is(:'two'::jsonb -> 'user', :'one'::jsonb -> 'user', 'for the same user and tenant');
SELECT matches(:'two'::jsonb ->> 'refresh_token', '^[A-Za-z0-9_-]{43}$', '256 bits of refresh token');
SELECT isnt(:'two'::jsonb ->> 'refresh_token', :'one'::jsonb ->> 'refresh_token', 'another one');
SELECT isnt(auth.jwt_verify(:'two'::jsonb ->> 'access_token') ->> 'jti', auth.jwt_verify(:'one'::jsonb ->> 'access_token') ->> 'jti', 'the access token is new');
SELECT is(auth.jwt_verify(:'two'::jsonb ->> 'access_token') - '{jti,iat,exp}'::text[], auth.jwt_verify(:'one'::jsonb ->> 'access_token') - '{jti,iat,exp}'::text[], 'with the same claims');
SELECT is((pg_temp.row_of(:'two')).parent, (pg_temp.row_of(:'one')).token_hash, 'stored as a hash, beside its parent');
SELECT is((pg_temp.row_of(:'two')).session_id, (pg_temp.row_of(:'one')).session_id, 'in the same session');
SELECT is((pg_temp.row_of(:'two')).expires_at - (pg_temp.row_of(:'two')).created_at, interval '7 days', 'with the full lifetime');
SELECT isnt((pg_temp.row_of(:'two')).salt, (pg_temp.row_of(:'one')).salt, 'with a salt of its own');
SELECT is(length((pg_temp.row_of(:'two')).salt), 32, 'of 32 bytes');
SELECT is(pg_temp.trail(), 'refresh success ann@accounts.example', 'in the trail');
SELECT is((SELECT (user_id, tenant_id, session_id) FROM auth.audit_log ORDER BY id DESC LIMIT 1), (SELECT (user_id, tenant_id, id) FROM auth.sessions WHERE user_id = pg_temp.u('ann')), 'with user, tenant and session');
SELECT is(count(*), 0::bigint, 'the token is in no table') FROM (
	SELECT to_jsonb(r)::text FROM auth.refresh_tokens AS r UNION ALL SELECT to_jsonb(a)::text FROM auth.audit_log AS a) AS t (row)
	WHERE strpos(row, :'two'::jsonb ->> 'refresh_token') > 0;
SELECT is(pg_temp.hashes(format('refresh(%L)', :'two'::jsonb ->> 'refresh_token')), 'ok, hashes: 0', 'no password hash');
SET LOCAL intrex_auth.refresh_token_lifetime = '1h';
SET LOCAL intrex_auth.access_token_lifetime = '1min';
SELECT pg_temp.refresh(pg_temp.begin('bob')) AS short \gset
SELECT is((pg_temp.row_of(:'short')).expires_at - (pg_temp.row_of(:'short')).created_at, interval '1 hour', 'the lifetimes are settings');
SELECT is(:'short'::jsonb ->> 'expires_in', '60', 'both');
SET LOCAL intrex_auth.access_token_lifetime = '1d';
SET LOCAL intrex_auth.max_token_lifetime = '10min';
SELECT is(pg_temp.refresh(:'short') ->> 'expires_in', '600', 'no longer than any token may live');
RESET intrex_auth.max_token_lifetime;
RESET intrex_auth.access_token_lifetime;
RESET intrex_auth.refresh_token_lifetime;

-- again within the grace time: the same successor, as long as it is unused
SELECT pg_temp.begin('ann', 'north') AS one \gset
SELECT pg_temp.refresh(:'one') AS two \gset
SELECT pg_temp.refresh(:'one') AS again \gset
SELECT is(:'again'::jsonb ->> 'refresh_token', :'two'::jsonb ->> 'refresh_token', 'again: the same successor');
SELECT is(pg_temp.trail(2), 'refresh success ann@accounts.example; refresh success ann@accounts.example', 'each in the trail');
SELECT pg_temp.age(:'one', interval '20 seconds') \g /dev/null
SELECT is(pg_temp.refresh(:'one') ->> 'refresh_token', :'two'::jsonb ->> 'refresh_token', 'after 20 seconds too');
SELECT is(pg_temp.family(:'one'), 2::bigint, 'no further row');
SELECT is(pg_temp.revoked(:'one'), 'alive', 'nobody is signed out');
SELECT pg_temp.refresh(:'two') AS three \gset
SELECT is(pg_temp.verdict(:'three'), 'ok', 'the successor is used');

-- within the grace time of its own rotation any ancestor leads to the newest
SELECT pg_temp.refresh(:'three') AS four \gset
SELECT is(pg_temp.refresh(t) ->> 'refresh_token', :'four'::jsonb ->> 'refresh_token', 'an ancestor leads to the newest')
	FROM unnest(ARRAY[:'two', :'three']::jsonb[]) AS t;
SELECT is(pg_temp.family(:'one'), 4::bigint, 'no further row');
SELECT is((SELECT (user_id, session_id, outcome)::text FROM auth.audit_log ORDER BY id DESC LIMIT 1),
	(SELECT (user_id, id, 'success')::text FROM auth.sessions WHERE id = (pg_temp.row_of(:'one')).session_id),
	'in the trail');

-- reuse: the successor was used, and the grace time is over; that of "one" was 20 seconds ago
SELECT pg_temp.age(:'one', interval '10 seconds') \g /dev/null
SELECT is(pg_temp.explain(format('refresh(%L)', :'one'::jsonb ->> 'refresh_token')),
	'401 refresh_token_already_used: Invalid refresh token: already used', 'now the first is a theft');
SELECT is(pg_temp.trail(), 'refresh refused refresh_token_already_used ann@accounts.example', 'in the trail');
SELECT is(pg_temp.revoked(:'one'), 'refresh_token_reuse', 'the session is revoked');
SELECT is(string_agg(pg_temp.said(t), ', '),
	'401 session_revoked, 401 session_revoked, 401 session_revoked, 401 session_revoked',
	'every token of the family is dead') FROM unnest(ARRAY[:'one', :'two', :'three', :'four']::jsonb[]) AS t;
SELECT is(pg_temp.whose(:'four'::jsonb ->> 'access_token'), 'refused', 'the access token as well');

-- the grace time is that of each token's own rotation, not of the newest
SELECT pg_temp.begin('ann', 'north') AS one \gset
SELECT pg_temp.refresh(:'one') AS two \gset
SELECT pg_temp.age(:'one', interval '31 seconds') \g /dev/null
SELECT pg_temp.refresh(:'two') AS three \gset
SELECT is(pg_temp.refresh(:'two') ->> 'refresh_token', :'three'::jsonb ->> 'refresh_token',
	'one that was used just now');
SELECT is(pg_temp.said(:'one'), '401 refresh_token_already_used', 'not its parent, used 31 seconds ago');

-- 64 rotations on, and no further
CREATE FUNCTION pg_temp.on(grant_ jsonb, times integer) RETURNS jsonb LANGUAGE plpgsql AS $$
BEGIN
	FOR i IN 1 .. times LOOP
		grant_ := pg_temp.refresh(grant_);
	END LOOP;
	RETURN grant_;
END
$$;
SELECT pg_temp.begin('ann', 'north') AS one \gset
SELECT pg_temp.on(:'one', 64) AS last \gset
SELECT is(pg_temp.refresh(:'one') ->> 'refresh_token', :'last'::jsonb ->> 'refresh_token', '64 rotations on');
SELECT pg_temp.refresh(:'last') \g /dev/null
SELECT is(pg_temp.said(:'one'), '401 refresh_token_already_used', 'the 65th is beyond');

-- a lost answer: as long as nobody has used the successor, for longer
SELECT pg_temp.begin('ann', 'north') AS one \gset
SELECT pg_temp.refresh(:'one') AS two \gset
SELECT pg_temp.age(:'one', interval '31 seconds') \g /dev/null
SELECT is(pg_temp.refresh(:'one') ->> 'refresh_token', :'two'::jsonb ->> 'refresh_token',
	'after 31 seconds: the successor');
SELECT pg_temp.age(:'one', interval '3 minutes 29 seconds') \g /dev/null
SELECT is(pg_temp.refresh(:'one') ->> 'refresh_token', :'two'::jsonb ->> 'refresh_token', 'after four minutes too');
SELECT is(pg_temp.family(:'one'), 2::bigint, 'no further row');
SELECT pg_temp.age(:'one', interval '1 minute') \g /dev/null
SELECT is(pg_temp.said(:'one'), '401 refresh_token_already_used', 'after five minutes a second use is late');
SELECT is(pg_temp.said(:'two'), '401 session_revoked', 'and ends the session');
SELECT is(pg_temp.verdict(pg_temp.login('ann@accounts.example')), 'ok', 'the user logs in again');
SELECT pg_temp.begin('ann', 'north') AS one, pg_temp.begin('ann', 'north') AS other \gset
SELECT pg_temp.on(:'one', 2), pg_temp.refresh(:'other') \g /dev/null
SELECT pg_temp.age(:'one', interval '31 seconds'), pg_temp.age(:'other', interval '31 seconds') \g /dev/null
SELECT is(pg_temp.said(:'one'), '401 refresh_token_already_used', 'not when the successor was used');
SET LOCAL intrex_auth.refresh_recovery = 0;
SELECT is(pg_temp.said(:'other'), '401 refresh_token_already_used', 'recovery 0: nor when it was not');
SELECT pg_temp.begin('ann', 'north') AS one \gset
SELECT pg_temp.refresh(:'one') AS two \gset
SELECT pg_temp.age(:'one', interval '10 seconds') \g /dev/null
SELECT is(pg_temp.refresh(:'one') ->> 'refresh_token', :'two'::jsonb ->> 'refresh_token', 'the grace time is left');
RESET intrex_auth.refresh_recovery;

-- what has ended does not come back by an ancestor
SELECT pg_temp.begin('ann', 'north') AS one \gset
SELECT pg_temp.refresh(:'one') AS two \gset
SELECT auth._revoke_sessions(pg_temp.u('ann'), 'logout', (:'one'::jsonb ->> 'session_id')::uuid) \g /dev/null
SELECT is(pg_temp.said(:'one'), '401 session_revoked', 'a session that was logged out');
SELECT is(pg_temp.revoked(:'one'), 'logout', 'which is not a theft');
SET LOCAL intrex_auth.refresh_token_lifetime = '1min';
SELECT pg_temp.begin('ann', 'north') AS one \gset
SELECT pg_temp.refresh(:'one') AS two \gset
SELECT pg_temp.age(:'one', interval '61 seconds') \g /dev/null
SELECT is(pg_temp.said(:'one'), '401 session_expired', 'a successor that has expired');
SELECT is(pg_temp.revoked(:'one'), 'alive', 'which is not a theft either');
RESET intrex_auth.refresh_token_lifetime;

-- a transaction that took back the use of the successor
SELECT pg_temp.begin('ann', 'north') AS one \gset
SELECT pg_temp.refresh(:'one') AS two \gset
SAVEPOINT before_use;
SELECT pg_temp.refresh(:'two') AS three \gset
SELECT is(pg_temp.refresh(:'one') ->> 'refresh_token', :'three'::jsonb ->> 'refresh_token',
	'in a savepoint: the newest');
ROLLBACK TO before_use;
SELECT is(pg_temp.refresh(:'one') ->> 'refresh_token', :'two'::jsonb ->> 'refresh_token',
	'rolled back: the one before');
SELECT is(pg_temp.refresh(:'two') ->> 'refresh_token', :'three'::jsonb ->> 'refresh_token',
	'whose successor is the same again');

-- reuse: without grace
SELECT pg_temp.begin('ann', 'north') AS one \gset
SET LOCAL intrex_auth.refresh_reuse_grace = 0;
SELECT is(pg_temp.said(:'one') || ', ' || pg_temp.said(:'one'), 'ok, 401 refresh_token_already_used', 'grace 0: every second use');
RESET intrex_auth.refresh_reuse_grace;

-- other sessions of the user are untouched
SELECT pg_temp.begin('ann', 'north') AS one, pg_temp.begin('ann', 'north') AS other \gset
SELECT pg_temp.refresh(pg_temp.refresh(:'one')), pg_temp.age(:'one', interval '30 seconds') \g /dev/null
SELECT is(pg_temp.said(:'one') || ', ' || pg_temp.said(:'other'), '401 refresh_token_already_used, ok', 'another session goes on');

-- expiry
SELECT pg_temp.begin('ann', 'north') AS one \gset
SELECT pg_temp.age(:'one', interval '6 days 23:59') \g /dev/null
SELECT pg_temp.refresh(:'one') AS two \gset
SELECT is(pg_temp.verdict(:'two'), 'ok', 'a minute before its end');
SELECT pg_temp.age(:'two', interval '7 days') \g /dev/null
SELECT is(pg_temp.explain(format('refresh(%L)', :'two'::jsonb ->> 'refresh_token')), '401 session_expired: Session has expired', 'after it');
SELECT is(pg_temp.revoked(:'two'), 'alive', 'which is not a theft');
SELECT is(pg_temp.said(:'one'), '401 refresh_token_already_used', 'one that was used before it expired is');
SELECT pg_temp.begin('ann', 'north') AS one \gset
UPDATE auth.sessions SET expires_at = clock_timestamp() WHERE id = (:'one'::jsonb ->> 'session_id')::uuid;
SELECT is(pg_temp.said(:'one'), '401 session_expired', 'the end of the session');

-- what else ends a session, or does not
SELECT pg_temp.begin('bob', 'north') AS one \gset
SELECT auth.user_ban(pg_temp.u('bob')) \g /dev/null
SELECT is(pg_temp.explain(format('refresh(%L)', :'one'::jsonb ->> 'refresh_token')), '403 user_banned: User is banned', 'banned');
SELECT is(pg_temp.trail(), 'refresh refused user_banned bob@accounts.example', 'in the trail');
SELECT is(pg_temp.family(:'one'), 1::bigint, 'nothing is used up');
SELECT auth.user_unban(pg_temp.u('bob')) \g /dev/null
SELECT is(pg_temp.said(:'one'), 'ok', 'the ban is lifted');
SELECT pg_temp.begin('bob', 'north') AS one \gset
SELECT auth.user_set_password(pg_temp.u('bob'), 'password of bob') \g /dev/null
SELECT is(pg_temp.said(:'one'), '401 session_revoked', 'a password set by an administrator');
SELECT pg_temp.begin('eve') AS one \gset
SELECT auth.user_delete(pg_temp.u('eve')) \g /dev/null
SELECT is(pg_temp.said(:'one'), '401 refresh_token_not_found', 'a deleted user');
SELECT pg_temp.begin('bob', 'north') AS one \gset
SELECT auth.member_update(pg_temp.t('north'), pg_temp.u('bob'), 'editor') \g /dev/null
SELECT pg_temp.refresh(:'one') AS two \gset
SELECT is(concat_ws(' ', :'two'::jsonb #>> '{user,role}', auth.jwt_verify(:'two'::jsonb ->> 'access_token') ->> 'tenant_role'), 'editor editor', 'another role: in the next token');
UPDATE auth.users SET is_super_admin = true, name = 'Robert' WHERE id = pg_temp.u('bob');
SELECT pg_temp.refresh(:'two') AS three \gset
SELECT is(concat_ws(' ', :'three'::jsonb #>> '{user,name}', auth.jwt_verify(:'three'::jsonb ->> 'access_token') ->> 'role'), 'Robert auth_platform', 'another name and database role too');

-- the tenant: whoever is in none goes on where a login would put him
CREATE FUNCTION pg_temp.lands(answer jsonb) RETURNS text LANGUAGE sql AS $$
	SELECT concat_ws(' ', coalesce((SELECT replace(t.name, 'accounts ', '') FROM auth.tenants AS t WHERE t.id = (answer #>> '{user,tenant_id}')::uuid), 'nowhere'),
		CASE WHEN answer #>> '{user,tenant_id}' IS DISTINCT FROM s.tenant_id::text THEN 'but the session elsewhere' END)
	FROM auth.sessions AS s WHERE s.id = (pg_temp.row_of(answer)).session_id
$$;
SELECT pg_temp.user_(n) FROM unnest(ARRAY['cat', 'dan', 'fay']) AS n \g /dev/null
SELECT pg_temp.tenant('one', 'cat', 'dan'), pg_temp.tenant('two', 'cat') \g /dev/null
SELECT pg_temp.begin('cat', 'two') AS cat \gset
SELECT pg_temp.begin('cat', 'one') AS cat \gset
SELECT pg_temp.refresh(:'cat') AS cat \gset
SELECT is(pg_temp.lands(:'cat'), 'one', 'a member');
SELECT auth.member_remove(pg_temp.t('one'), pg_temp.u('cat')) \g /dev/null
SELECT pg_temp.refresh(:'cat') AS cat \gset
SELECT is(pg_temp.lands(:'cat'), 'two', 'not a member any more: another tenant, not a refusal');
SELECT is(auth.jwt_verify(:'cat'::jsonb ->> 'access_token') ->> 'tenant_id', pg_temp.t('two')::text, 'the token is for it');
SELECT is(pg_temp.whose(:'cat'::jsonb ->> 'access_token'), 'cat@accounts.example', 'and good');
SELECT auth.tenant_delete(pg_temp.t('two')) \g /dev/null
SELECT pg_temp.refresh(:'cat') AS cat \gset
SELECT is(pg_temp.lands(:'cat'), 'nowhere', 'the last tenant is gone: none');
SELECT is(auth.jwt_verify(:'cat'::jsonb ->> 'access_token') ? 'tenant_id', false, 'nor in the token');
SELECT pg_temp.tenant('three', 'cat') \g /dev/null
SELECT pg_temp.refresh(:'cat') AS cat \gset
SELECT is(pg_temp.lands(:'cat'), 'three', 'a member again: the only one');
SELECT is(pg_temp.lands(pg_temp.refresh(pg_temp.begin('fay'))), 'nowhere', 'never a member');

-- bad input
SELECT is(pg_temp.explain('refresh(' || value || ')'), expected, what) FROM (VALUES
	(1, 'nothing', '', '400 validation_failed: refresh_token is required'),
	(2, 'NULL', 'NULL', '400 validation_failed: refresh_token is required'),
	(3, 'empty', '''''', '400 validation_failed: refresh_token is required'),
	(4, 'a megabyte', 'repeat(''x'', 1000000)', '401 refresh_token_not_found: Invalid refresh token'),
	(5, 'unknown', quote_literal(repeat('A', 43)), '401 refresh_token_not_found: Invalid refresh token'),
	(6, '42 characters', quote_literal(repeat('A', 42)), '401 refresh_token_not_found: Invalid refresh token'),
	(7, '44 characters', quote_literal(repeat('A', 44)), '401 refresh_token_not_found: Invalid refresh token'),
	(8, 'control characters', 'E''' || repeat('\x01', 43) || '''', '401 refresh_token_not_found: Invalid refresh token'),
	(9, 'other letters', quote_literal(repeat('ö', 43)), '401 refresh_token_not_found: Invalid refresh token'),
	(10, 'a number', '5::text', '401 refresh_token_not_found: Invalid refresh token')) AS c (n, what, value, expected) ORDER BY n;
SELECT is(pg_temp.trail(), 'refresh refused refresh_token_not_found', 'in the trail');
SELECT pg_temp.begin('ann', 'north') AS one \gset
SELECT :'one'::jsonb ->> 'refresh_token' AS token \gset
-- 43 characters have two bits to spare: one spelling of each token is good
SELECT is(string_agg(pg_temp.say(format('refresh(%L)', damaged)), ', '), '401 refresh_token_not_found, 401 refresh_token_not_found, 401 refresh_token_not_found, 401 refresh_token_not_found, 401 refresh_token_not_found', 'damaged')
	FROM unnest(ARRAY[
		left(:'token', 42) || translate(right(:'token', 1), 'AEIMQUYcgkosw048', 'BFJNRVZdhlptx159'),
		CASE left(:'token', 1) WHEN 'x' THEN 'y' ELSE 'x' END || substr(:'token', 2),
		:'token' || '=', ' ' || :'token', :'token' || E'\n']) AS damaged WHERE damaged <> :'token';
SELECT is(pg_temp.said(:'one'), 'ok', 'and the token itself is good');

-- tokens do not stand in for one another
SELECT pg_temp.login('ann@accounts.example') AS one \gset
SELECT is(pg_temp.say(format('refresh(%L)', :'one'::jsonb ->> 'access_token')), '401 refresh_token_not_found', 'an access token does not refresh');
SELECT is(pg_temp.whose(:'one'::jsonb ->> 'refresh_token'), 'refused', 'a refresh token is not a context');
SELECT is(pg_temp.say(format('refresh(encode(%L::bytea, ''base64''))', (pg_temp.row_of(:'one')).token_hash)), '401 refresh_token_not_found', 'nor is what the table has');
SELECT is(strpos(pg_temp.refresh(jsonb_build_object('refresh_token', 'canary'))::text, 'canary'), 0, 'the answer does not repeat it');

-- who is asking has nothing to do with it
SELECT pg_temp.begin('ann', 'north') AS one, pg_temp.begin('ann', 'north') AS gone \gset
SELECT auth.authenticate(auth.jwt_sign(jsonb_build_object('sub', pg_temp.u('ann'), 'role', 'authenticated', 'session_id', :'gone'::jsonb ->> 'session_id'))) \g /dev/null
UPDATE auth.sessions SET revoked_at = now() WHERE id = (:'gone'::jsonb ->> 'session_id')::uuid;
SELECT is(pg_temp.said(:'one'), 'ok', 'beside a context that is refused');
SELECT set_config('intrex_auth.token', '', true) \g /dev/null

-- read only
SELECT pg_temp.begin('ann', 'north') AS one \gset
SELECT is(pg_temp.read_only(format('refresh(%L)', :'one'::jsonb ->> 'refresh_token')), '25006 | cannot execute INSERT in a read-only transaction', 'read only');
SELECT is(pg_temp.said(:'one'), 'ok', 'uses nothing up');
SELECT pg_temp.refresh(pg_temp.refresh(:'one')), pg_temp.age(:'one', interval '30 seconds') \g /dev/null
SELECT is(pg_temp.read_only(format('refresh(%L)', :'one'::jsonb ->> 'refresh_token')), '25006 | cannot execute INSERT in a read-only transaction', 'a theft that cannot be written down is an error');
SELECT is(pg_temp.revoked(:'one'), 'alive', 'until it can');
SELECT is(pg_temp.said(:'one'), '401 refresh_token_already_used', 'namely now');
SELECT * FROM finish();
ROLLBACK;
