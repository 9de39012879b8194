-- Logout, bans and changes of membership: what our own transaction writes bites at
-- once, what was committed in the next one; and session_check = off.
\set ECHO none
\set QUIET 1
\pset format unaligned
\pset tuples_only true
\getenv abs_srcdir PG_ABS_SRCDIR
\set include :abs_srcdir '/include/identities.psql'
\set include_end :abs_srcdir '/include/identities_end.psql'
\i :include

SELECT plan(70);

-- What happens, to whom, and who is asking after it.
CREATE TABLE events (n int, label text, who text, statement text, outcome text);
INSERT INTO events VALUES
	(1, 'the session is revoked', 'anna', 'UPDATE auth.sessions SET revoked_at = now() WHERE id = id(''anna session'')', '28000 session_revoked'),
	(2, 'the session is revoked in the future, whatever that means', 'anna', 'UPDATE auth.sessions SET revoked_at = ''infinity'' WHERE id = id(''anna session'')', '28000 session_revoked'),
	(3, 'the session is deleted', 'anna', 'DELETE FROM auth.sessions WHERE id = id(''anna session'')', '28000 session_not_found'),
	(4, 'the session is over', 'anna', 'UPDATE auth.sessions SET expires_at = clock_timestamp() WHERE id = id(''anna session'')', '28000 session_expired'),
	(5, 'the session ends later', 'anna', 'UPDATE auth.sessions SET expires_at = now() + interval ''1 hour'' WHERE id = id(''anna session'')', 'anna, owner of north'),
	(6, 'the session becomes another user''s', 'anna', 'UPDATE auth.sessions SET user_id = id(''ben'') WHERE id = id(''anna session'')', '28000 session_not_found'),
	(7, 'another session of the user is revoked', 'anna', 'INSERT INTO auth.sessions (user_id, revoked_at) VALUES (id(''anna''), now())', 'anna, owner of north'),
	(8, 'the user is deleted', 'anna', 'DELETE FROM auth.users WHERE id = id(''anna'')', '28000 session_not_found'),
	(9, 'the user is banned', 'anna', 'UPDATE auth.users SET banned_until = now() + interval ''1 minute'' WHERE id = id(''anna'')', '28000 user_banned'),
	(10, 'the user is banned for good', 'anna', 'UPDATE auth.users SET banned_until = ''infinity'' WHERE id = id(''anna'')', '28000 user_banned'),
	(11, 'a ban is over', 'anna', 'UPDATE auth.users SET banned_until = clock_timestamp() WHERE id = id(''anna'')', 'anna, owner of north'),
	(12, 'the member is removed', 'anna', 'DELETE FROM auth.memberships WHERE user_id = id(''anna'')', '28000 not_a_member'),
	(13, 'the member moves to another tenant', 'anna', 'UPDATE auth.memberships SET tenant_id = id(''south'') WHERE user_id = id(''anna'')', '28000 not_a_member'),
	(14, 'the tenant is deleted', 'anna', 'DELETE FROM auth.tenants WHERE id = id(''north'')', '28000 not_a_member'),
	(15, 'all tenants are truncated, with all that refers to them', 'anna', 'TRUNCATE auth.tenants CASCADE', '28000 session_not_found'),
	(16, 'the role changes', 'anna', 'UPDATE auth.memberships SET role = ''guest'' WHERE user_id = id(''anna'')', 'anna, guest of north'),
	(17, 'the longest role', 'anna', 'UPDATE auth.memberships SET role = repeat(''r'', 63) WHERE user_id = id(''anna'')', 'anna, ' || repeat('r', 63) || ' of north'),
	(18, 'the administrator is none any more', 'carl', 'UPDATE auth.users SET is_super_admin = false WHERE id = id(''carl'')', '28000 not_an_administrator'),
	(19, 'the administrator is deleted', 'carl', 'DELETE FROM auth.users WHERE id = id(''carl'')', '28000 session_not_found'),
	(20, 'the other tenant is deleted', 'anna', 'DELETE FROM auth.tenants WHERE id = id(''south'')', 'anna, owner of north');

-- In the same transaction: before, after, and after its rollback.
CREATE FUNCTION at_once(token text, statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	answer text;
BEGIN
	PERFORM set_config('intrex_auth.token', token, true);
	answer := who();
	BEGIN
		EXECUTE statement;
		answer := concat_ws(' > ', answer, who());
		RAISE EXCEPTION 'undo';
	EXCEPTION WHEN raise_exception THEN
		RETURN concat_ws(' > ', answer, who());
	END;
END
$$;
SELECT is(at_once(token(who), statement), concat_ws(' > ', before, outcome, before), 'at once: ' || label)
	FROM events, LATERAL (SELECT CASE who WHEN 'anna' THEN 'anna, owner of north' ELSE who END) b (before) ORDER BY n;
BEGIN;
SELECT auth.authenticate(:'ben') AS ignored \gset
SELECT is(auth.unit_ids(), ARRAY[id('desk')], 'bound to a unit');
UPDATE auth.memberships SET unit_ids = ARRAY[id('desk'), id('north')] WHERE user_id = id('ben');
SELECT is(auth.unit_ids(), ARRAY[id('desk'), id('north')], 'at once: bound to another one as well');
SAVEPOINT s;
UPDATE auth.memberships SET unit_ids = (SELECT array_agg(id('unit ' || n) ORDER BY n) FROM generate_series(1, 500) n) WHERE user_id = id('ben');
SELECT is(cardinality(auth.unit_ids()), 500, 'at once: to five hundred');
SELECT is((auth.unit_ids())[500], id('unit 500'), 'in their order');
UPDATE auth.memberships SET unit_ids = '{}' WHERE user_id = id('ben');
SELECT is(auth.unit_ids(), '{}'::uuid[], 'at once: to none');
ROLLBACK TO s;
SELECT is(auth.unit_ids(), ARRAY[id('desk'), id('north')], 'and back');
ROLLBACK;
-- also where other triggers do not fire
BEGIN;
SELECT auth.authenticate(:'anna') AS ignored \gset
SET LOCAL session_replication_role = replica;
UPDATE auth.sessions SET revoked_at = now() WHERE id = id('anna session');
SELECT alike(attempt(:'anna') || who(), '%session_revoked', 'at once: revoked as replication does it');
ROLLBACK;

-- What was found alive is remembered: the next transaction reads no table for it.
CREATE FUNCTION looks() RETURNS bigint LANGUAGE sql AS $$
	SELECT sum(pg_stat_get_xact_numscans(i))::bigint
	FROM unnest(ARRAY['auth.sessions_pkey', 'auth.users_pkey', 'auth.memberships_pkey']::regclass[]) AS i
$$;
UPDATE auth.sessions SET revoked_reason = NULL WHERE id = id('anna session');
SELECT looks() AS looks \gset
BEGIN;
SELECT attempt(:'anna') AS ignored \gset
SELECT is(who(), 'anna, owner of north', 'found alive');
SELECT is(looks() - :looks, 3::bigint, 'by three looks');
COMMIT;
BEGIN;
SELECT attempt(:'anna') AS ignored \gset
SELECT is(who(), 'anna, owner of north', 'and again');
SELECT is(looks() - :looks, 3::bigint, 'by none');
COMMIT;
-- but not what may never be committed
SELECT token('anna', jsonb_build_object('session_id', id('new session'))) AS new \gset
BEGIN;
INSERT INTO auth.sessions (id, user_id, tenant_id) VALUES (id('new session'), id('anna'), id('north'));
SELECT looks() AS looks \gset
SELECT attempt(:'new') AS ignored \gset
SELECT is(who(), 'anna, owner of north', 'a new session');
SELECT attempt(:'new') AS ignored \gset
SELECT is(who(), 'anna, owner of north', 'and again');
SELECT is(looks() - :looks, 6::bigint, 'by looks, in a transaction that writes');
ROLLBACK;
BEGIN;
SELECT is(attempt(:'new'), '28000 session_not_found', 'it was rolled back');
ROLLBACK;
-- nor beyond its end
UPDATE auth.sessions SET expires_at = clock_timestamp() + interval '5 seconds' WHERE id = id('anna session');
BEGIN;
SELECT attempt(:'anna') AS ignored \gset
SELECT is(who(), 'anna, owner of north', 'a session that is nearly over');
COMMIT;
SELECT pg_sleep(5) AS ignored \gset
BEGIN;
SELECT is(attempt(:'anna'), '28000 session_expired', 'is over in time');
COMMIT;
SELECT identities() AS ignored \gset

-- In the next transaction: the token is refused when it is set, and so are rows.
CREATE PROCEDURE next_transaction(token text, statement text, INOUT answer text DEFAULT NULL) LANGUAGE plpgsql AS $$
BEGIN
	PERFORM identities();
	COMMIT;
	PERFORM set_config('intrex_auth.token', token, true);
	answer := who();
	EXECUTE statement;
	COMMIT;
	answer := concat_ws(' > ', answer, attempt(token));
	ROLLBACK;
	PERFORM set_config('intrex_auth.token', token, true);
	answer := concat_ws(' > ', answer, sees());
	ROLLBACK;
	PERFORM identities();
END
$$;
CALL next_transaction(:'anna', 'UPDATE auth.sessions SET revoked_at = now() WHERE id = id(''anna session'')') \gset
SELECT is(:'answer'::text, 'anna, owner of north > 28000 session_revoked > 28000 session_revoked | 28000 session_revoked | none', 'next transaction: the session is revoked');
CALL next_transaction(:'anna', 'DELETE FROM auth.users WHERE id = id(''anna'')') \gset
SELECT is(:'answer'::text, 'anna, owner of north > 28000 session_not_found > 28000 session_not_found | 28000 session_not_found | none', 'next transaction: the user is deleted');
CALL next_transaction(:'anna', 'UPDATE auth.users SET banned_until = ''infinity'' WHERE id = id(''anna'')') \gset
SELECT is(:'answer'::text, 'anna, owner of north > 28000 user_banned > 28000 user_banned | 28000 user_banned | none', 'next transaction: the user is banned');
CALL next_transaction(:'anna', 'DELETE FROM auth.memberships WHERE user_id = id(''anna'')') \gset
SELECT is(:'answer'::text, 'anna, owner of north > 28000 not_a_member > 28000 not_a_member | 28000 not_a_member | none', 'next transaction: the member is removed');
CALL next_transaction(:'carl', 'UPDATE auth.users SET is_super_admin = false WHERE id = id(''carl'')') \gset
SELECT is(:'answer'::text, 'carl > 28000 not_an_administrator > 28000 not_an_administrator | 28000 not_an_administrator | none', 'next transaction: the administrator is none any more');
CALL next_transaction(:'anna', 'UPDATE auth.memberships SET role = ''guest'' WHERE user_id = id(''anna'')') \gset
SELECT is(:'answer'::text, 'anna, owner of north > accepted > north 3', 'next transaction: another role is no reason to refuse');
-- an error in the transaction that revokes: nothing is revoked
BEGIN;
SELECT auth.authenticate(:'anna') AS ignored \gset
UPDATE auth.sessions SET revoked_at = now() WHERE id = id('anna session');
SELECT is(who(), '28000 session_revoked', 'revoked in a transaction');
ROLLBACK;
BEGIN;
SELECT is(attempt(:'anna'), 'accepted', 'that rolls back');
ROLLBACK;

-- tokens that name what does not belong together
SELECT is(attempt(token('anna', jsonb_build_object('session_id', id('ben session')))), '28000 session_not_found', 'the session of another user');
SELECT is(attempt(token('anna', jsonb_build_object('session_id', gen_random_uuid()))), '28000 session_not_found', 'a session that never was');
SELECT is(attempt(token('anna', jsonb_build_object('tenant_id', id('south')))), '28000 not_a_member', 'the tenant of another');
SELECT is(attempt(token('anna', jsonb_build_object('tenant_id', gen_random_uuid()))), '28000 not_a_member', 'a tenant that never was');
SELECT is(attempt(token('anna', '{"role": "auth_platform"}')), '28000 not_an_administrator', 'the role of administrators, by who is none');
SELECT is(attempt(token('anna', '{"tenant_id": null}')), 'accepted', 'no tenant');

-- the look itself
SELECT is(auth._session_state(id('anna session'), id('anna'), id('north')), NULL, '_session_state: all is well');
SELECT is(auth._session_state(NULL, id('anna'), NULL), NULL, '_session_state: neither session nor tenant');
SELECT is(auth._session_state(id('anna session'), NULL, NULL), 'user_not_found', '_session_state: no user');
SELECT is(auth._session_state(NULL, id('nobody'), NULL), 'user_not_found', '_session_state: an unknown user');
SELECT is(auth._session_state(id('ben session'), id('anna'), NULL), 'session_not_found', '_session_state: of another user');
SELECT is(auth._session_state(NULL, id('anna'), id('south')), 'not_a_member', '_session_state: of another tenant');
SELECT is(auth._session_state(NULL, id('carl'), NULL), NULL, '_session_state: an administrator');

-- session_check = off: the claims as signed, and nothing else
BEGIN;
SET LOCAL intrex_auth.session_check = off;
UPDATE auth.sessions SET revoked_at = now() WHERE id = id('anna session');
SELECT is(attempt(token('anna', jsonb_build_object('unit_ids', ARRAY[id('desk')]))), 'accepted', 'off: a revoked session is not looked at');
SELECT is(who(), 'anna, signed of north', 'off: the tenant role as signed');
SELECT is(auth.unit_ids(), ARRAY[id('desk')], 'off: the units as signed');
SELECT is(sees(), 'north 3', 'off: policies work');
SELECT is(attempt(token('anna', '{"session_id": null}')), 'accepted', 'off: no session is needed');
SELECT is(attempt(token('anna', '{"sub": "github|12345", "session_id": null}')), 'accepted', 'off: nor a uuid as subject');
SELECT is(auth.user_id(), 'github|12345', 'off: user_id has it as text');
SELECT is(auth.uid(), NULL, 'off: uid is NULL then');
SELECT is(sees(), 'north 3', 'off: the tenant is that of the token');
SET LOCAL intrex_auth.session_check = on;
SELECT is(who(), '28000 missing_claim', 'on again: refused for want of a session');
SELECT is(attempt(:'anna'), '28000 session_revoked', 'on again: the session is looked at');
ROLLBACK;
SELECT is(attempt(:'anna'), 'accepted', 'and rolled back: all is as before');

SELECT * FROM finish();
\i :include_end
