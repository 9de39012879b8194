-- auth.user_erase, auth_api.delete_my_account and auth.audit_forget: what goes, what stays under a pseudonym,
-- what is in the way, and whose code runs as whom.
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
DELETE FROM auth.audit_seals;
DELETE FROM auth.audit_log;
SELECT plan(116);

CREATE FUNCTION pg_temp.nobody() RETURNS void LANGUAGE sql AS $$ SELECT set_config('intrex_auth.token', '', true) $$;
CREATE FUNCTION pg_temp.as(role name, expression text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	answer text;
	detail text;
BEGIN
	EXECUTE format('SET LOCAL ROLE %I', role);
	EXECUTE 'SELECT ' || expression INTO answer;
	RESET ROLE;
	RETURN answer;
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL;
	RETURN concat_ws(' | ', SQLSTATE || ' ' || SQLERRM, nullif(detail, ''));
END
$$;
CREATE FUNCTION pg_temp.erase(who text, options text DEFAULT '') RETURNS text LANGUAGE sql AS $$
	SELECT pg_temp.as('auth_admin', format('auth.user_erase(%L%s)', pg_temp.u(who), options))
$$;
CREATE FUNCTION pg_temp.tables(answer text) RETURNS text LANGUAGE sql AS $$
	SELECT CASE WHEN answer LIKE '{%' THEN answer::jsonb ->> 'tables' ELSE answer END
$$;
-- Where a text is: every table of ours and of the application, every column, statistics included.
CREATE FUNCTION pg_temp.found(needle text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	relation regclass;
	hits bigint;
	places text[];
BEGIN
	FOR relation IN
		SELECT c.oid FROM pg_class AS c WHERE c.relkind = 'r' AND c.relnamespace IN ('auth'::regnamespace, 'erasure_app'::regnamespace) ORDER BY c.oid::regclass::text
	LOOP
		EXECUTE format('SELECT count(*) FROM %s AS t WHERE strpos(lower(t::text), lower($1)) > 0', relation) INTO hits USING needle;
		IF hits > 0 THEN
			places := places || (relation::text || ' ' || hits);
		END IF;
	END LOOP;
	RETURN coalesce(array_to_string(places, ', '), '');
END
$$;
CREATE FUNCTION pg_temp.seals() RETURNS text LANGUAGE sql AS $$
	SELECT string_agg(coalesce(v.reason, 'ok'), '; ' ORDER BY v.seal_id) FROM auth.audit_verify() AS v
$$;

CREATE SCHEMA erasure_app;
CREATE ROLE intrex_auth_test_owner;
GRANT USAGE, CREATE ON SCHEMA erasure_app TO intrex_auth_test_owner;
SET LOCAL ROLE intrex_auth_test_owner;
CREATE TABLE erasure_app.notes (id int PRIMARY KEY, tenant_id uuid, owner_id uuid, doctor_id uuid, text text);
CREATE TABLE erasure_app.profiles (user_id uuid, text text);
CREATE TABLE erasure_app.likes (user_id uuid, text text);
CREATE TABLE erasure_app.invoices (id int PRIMARY KEY, customer uuid, text text);
CREATE TABLE erasure_app.receipts (invoice int REFERENCES erasure_app.invoices, text text);
CREATE TABLE erasure_app.contracts (signer uuid NOT NULL, text text);
CREATE TABLE erasure_app.drafts (author uuid, text text CHECK (text <> 'checked' OR author IS NOT NULL));
RESET ROLE;
SELECT count(*) FROM auth.protect('erasure_app.notes', owner_column => 'owner_id', assignee_column => 'doctor_id') \g /dev/null
ALTER TABLE erasure_app.profiles ADD FOREIGN KEY (user_id) REFERENCES auth.users ON DELETE CASCADE;
ALTER TABLE erasure_app.likes ADD FOREIGN KEY (user_id) REFERENCES auth.users ON DELETE SET NULL;
ALTER TABLE erasure_app.invoices ADD FOREIGN KEY (customer) REFERENCES auth.users;
ALTER TABLE erasure_app.contracts ADD FOREIGN KEY (signer) REFERENCES auth.users ON DELETE RESTRICT;
-- as some frameworks make all of theirs
ALTER TABLE erasure_app.drafts ADD FOREIGN KEY (author) REFERENCES auth.users DEFERRABLE INITIALLY DEFERRED;

CREATE FUNCTION pg_temp.people() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	PERFORM pg_temp.user_(n) FROM unnest(ARRAY['ann', 'joann', 'bob', 'eve']) AS n WHERE pg_temp.u(n) IS NULL;
	PERFORM pg_temp.tenant('north', 'ann', 'bob', 'joann') WHERE pg_temp.t('north') IS NULL;
	PERFORM pg_temp.tenant('south', 'ann', 'eve') WHERE pg_temp.t('south') IS NULL;
END
$$;
SELECT pg_temp.people() \g /dev/null
-- what happens to Ann, whose former address and number are canaries too
SELECT pg_temp.u('ann') AS ann_id \gset
SELECT auth.user_update(pg_temp.u('ann'), email => 'former-canary@accounts.example', phone => '+49 30 123456') \g /dev/null
SELECT auth.user_update(:'ann_id', email => 'ann@accounts.example') \g /dev/null
SELECT auth.user_ban(pg_temp.u('ann'), 'infinity', 'wrote to ann@accounts.example'), auth.user_unban(pg_temp.u('ann')) \g /dev/null
SELECT pg_temp.login('ann@accounts.example', pg_temp.t('north')) AS ann, pg_temp.login('bob@accounts.example') AS bob, pg_temp.login('joann@accounts.example') AS joann \gset
SELECT pg_temp.call('login(''ann@accounts.example'', ''wrong'')'), pg_temp.call('login(''  ANN@accounts.example'', ''wrong'')'), pg_temp.call('login(''former-canary@accounts.example'', ''wrong'')') \g /dev/null
SELECT auth._audit('invite', 'success', user_id => pg_temp.u('bob'), details => '{"to": "ann@accounts.example", "text": "ask ANN@accounts.example, joann@accounts.example"}') \g /dev/null
SELECT auth._audit('member_role', 'success', user_id => pg_temp.u('bob'), details => jsonb_build_object('target', pg_temp.u('ann'), 'role', 'viewer')) \g /dev/null
SELECT auth.consent_record(pg_temp.u('ann'), 'ai_interaction', true) \g /dev/null
SELECT auth.authenticate(:'ann'::jsonb ->> 'access_token') \g /dev/null
SELECT auth.consent_record(pg_temp.u('bob'), 'ai_interaction', true), auth.user_verify_email(pg_temp.u('bob')) \g /dev/null
SELECT pg_temp.nobody() \g /dev/null
INSERT INTO erasure_app.notes VALUES (1, pg_temp.t('north'), pg_temp.u('ann'), pg_temp.u('bob'), 'a'), (2, pg_temp.t('south'), pg_temp.u('ann'), NULL, 'b'),
	(3, pg_temp.t('north'), pg_temp.u('bob'), pg_temp.u('ann'), 'c'), (4, pg_temp.t('south'), pg_temp.u('eve'), NULL, 'd');
INSERT INTO erasure_app.profiles VALUES (pg_temp.u('ann'), 'ann@accounts.example'), (pg_temp.u('bob'), 'bob');
INSERT INTO erasure_app.likes VALUES (pg_temp.u('ann'), 'x'), (pg_temp.u('bob'), 'y');
INSERT INTO erasure_app.drafts VALUES (pg_temp.u('bob'), 'z');
SELECT id AS ann_session, encode((SELECT token_hash FROM auth.refresh_tokens AS r WHERE r.session_id = s.id), 'hex') AS ann_token FROM auth.sessions AS s WHERE user_id = :'ann_id' \gset
SELECT auth.audit_seal() > 10 AS sealed \gset
SELECT is(:'sealed', true, 'all of this is in the trail, sealed');
SELECT pg_temp.call('login(''ann@accounts.example'', ''wrong'')') \g /dev/null
SELECT is(pg_temp.seals(), 'ok', 'the seal holds');
SELECT alike(pg_temp.found('ann@accounts.example'), '%auth.audit_log%auth.users%erasure_app.profiles%', 'her address is in many places');

-- who may, and whom
SELECT is(left(pg_temp.as(role, format('auth.user_erase(%L)', pg_temp.u('ann'))), 5), '42501', role || ' may not erase') FROM unnest(ARRAY['anon', 'authenticated', 'auth_platform']) AS role;
SELECT is(left(pg_temp.as(role, 'auth.audit_forget(''x@example.com'')'), 5), '42501', role || ' may not forget') FROM unnest(ARRAY['anon', 'authenticated', 'auth_platform']) AS role;
SELECT is(pg_temp.as('auth_admin', 'auth.user_erase(' || who || ')'), 'P0002 user not found', 'nobody: ' || who) FROM unnest(ARRAY['NULL', 'gen_random_uuid()']) AS who;

-- what is in the way is named, all of it, and nothing has happened
INSERT INTO erasure_app.invoices VALUES (1, pg_temp.u('ann'), 'i'), (2, pg_temp.u('ann'), 'j'), (3, pg_temp.u('bob'), 'k');
INSERT INTO erasure_app.contracts VALUES (pg_temp.u('ann'), 'k');
SELECT is(pg_temp.erase('ann'), '23503 the user is still referred to | In the way are: erasure_app.contracts (1 rows), erasure_app.invoices (2 rows).', 'what is in the way');
SELECT is(pg_temp.erase('ann', ', anonymize => true'), '23503 the user is still referred to | In the way are: erasure_app.contracts (1 rows).', 'what may not be null stays in the way');
SELECT is((SELECT count(*) FROM erasure_app.invoices WHERE customer = :'ann_id'), 2::bigint, 'and nothing is cleared');
INSERT INTO erasure_app.receipts VALUES (1, 'r');
SELECT is(pg_temp.erase('ann', ', cascade => true'), '23503 the user is still referred to | In the way are: erasure_app.invoices (2 rows), erasure_app.receipts (SQLSTATE 23503).', 'what forbids to delete is named');
SELECT is((SELECT count(*) FROM erasure_app.contracts), 1::bigint, 'and nothing is deleted');
INSERT INTO erasure_app.drafts VALUES (pg_temp.u('ann'), 'checked');
SELECT is(pg_temp.erase('ann', ', true, true'), '23503 the user is still referred to | In the way are: erasure_app.drafts (SQLSTATE 23514).', 'an error of a table is named without the row');
UPDATE erasure_app.drafts SET text = 'unchecked';
SELECT is((SELECT count(*) FROM auth.users WHERE id = :'ann_id') + (SELECT count(*) FROM auth.audit_log WHERE redacted IS NOT NULL), 1::bigint, 'nothing has happened');
-- a tenant keeps its owner
SELECT auth.member_update(pg_temp.t('south'), :'ann_id', 'owner') \g /dev/null
SELECT is(pg_temp.erase('ann', ', true, true'), '23001 the user is the last owner of a tenant', 'not the last owner');
SELECT auth.member_update(pg_temp.t('south'), pg_temp.u('eve'), 'owner') \g /dev/null

-- erased
SELECT auth.authenticate(:'bob'::jsonb ->> 'access_token') \g /dev/null
SELECT pg_temp.erase('ann', ', true, true') AS erased \gset
SELECT pg_temp.nobody() \g /dev/null
SELECT is(pg_temp.tables(:'erased'), '{"erasure_app.likes": {"cleared": 1}, "erasure_app.notes": {"cleared": 3}, "erasure_app.drafts": {"cleared": 1}, "erasure_app.invoices": {"cleared": 2}, "erasure_app.profiles": {"deleted": 1}, "erasure_app.contracts": {"deleted": 1}}',
	'anonymized where it can be, deleted where not');
SELECT is(pg_temp.found('ann@accounts.example'), 'auth.audit_log 3, auth.users 1', 'her address is nowhere but in Joann''s');
SELECT is((SELECT count(*) FROM auth.audit_log AS a WHERE replace(lower(a::text), 'joann@accounts.example', '') LIKE '%ann@accounts.example%'), 0::bigint, 'really only there');
SELECT is(pg_temp.found('former-canary'), '', 'nor is the former one');
SELECT is(pg_temp.found('+4930123456'), '', 'nor the number');
SELECT is(pg_temp.found(:'ann_id'), '', 'nor her id');
SELECT is(pg_temp.found(:'ann_session') || pg_temp.found(:'ann_token'), '', 'nor session and token');
SELECT is((SELECT string_agg(text, '' ORDER BY text) FROM erasure_app.notes WHERE tenant_id = pg_temp.t('south') OR owner_id IS NOT NULL), 'bcd', 'rows of others stay, in both tenants');
SELECT is((SELECT count(*) FROM auth.memberships WHERE tenant_id IN (pg_temp.t('north'), pg_temp.t('south'))), 3::bigint, 'so do other members');
SELECT is((SELECT count(*) FROM auth.consents), 1::bigint, 'what she recorded for Bob stays');
SELECT is((SELECT by_user FROM auth.consents), NULL::uuid, 'without her');
SELECT is(pg_temp.as_user(:'ann'::jsonb ->> 'access_token'), 'refused', 'her access token is refused');
SELECT is(pg_temp.say(format('refresh(%L)', :'ann'::jsonb ->> 'refresh_token')), '401 refresh_token_not_found', 'and so is her refresh token');
SELECT is(pg_temp.as_user(:'bob'::jsonb ->> 'access_token'), 'bob@accounts.example', 'Bob''s is not');
SELECT pg_temp.nobody() \g /dev/null
-- the trail
SELECT is(pg_temp.seals(), 'ok', 'the seal still holds');
SELECT is((SELECT count(DISTINCT user_id) || ' ' || bool_and(user_id = (:'erased'::jsonb ->> 'pseudonym')::uuid) FROM auth.audit_log WHERE event IN ('user_ban', 'user_update')), '1 true', 'her events have one pseudonym');
SELECT is((SELECT count(*) FROM auth.audit_log WHERE redacted IS NOT NULL AND nonce IS NOT NULL), 0::bigint, 'nonces are gone');
SELECT is((SELECT count(*) FROM auth.audit_log WHERE redacted IS NOT NULL), (:'erased'::jsonb ->> 'audit_rows')::bigint, 'as many as the answer says');
SELECT is((SELECT concat_ws(' ', user_id = (:'erased'::jsonb ->> 'pseudonym')::uuid, address IS NULL, session_id IS NULL, details ->> 'by_user' = pg_temp.u('bob')::text, details ->> 'as_role')
	FROM auth.audit_log WHERE event = 'user_erase'), 't t t t auth_admin', 'that she was erased is in the trail, and by whom');
SELECT is((SELECT details FROM auth.audit_log WHERE event = 'invite'), jsonb_build_object('to', :'erased'::jsonb ->> 'pseudonym', 'text', format('ask %s, joann@accounts.example', :'erased'::jsonb ->> 'pseudonym')),
	'where others mention her it is by pseudonym');
SELECT is((SELECT details ->> 'by_user' FROM auth.audit_log WHERE event = 'user_verify_email'), :'erased'::jsonb ->> 'pseudonym', 'also for what she did');
SELECT is((SELECT count(*) FROM auth.audit_log WHERE redacted IS NULL AND user_id = pg_temp.u('joann')) > 1, true, 'what is Joann''s is untouched');
SELECT is(auth.audit_seal() > 0, true, 'what came after');
SELECT is(pg_temp.seals(), 'ok; ok', 'is sealed too');
-- tampering shows as before: also in a row that was redacted, and also by redacting
CREATE FUNCTION pg_temp.damage(statement text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE statement;
	RAISE EXCEPTION USING ERRCODE = 'PTAP0', MESSAGE = pg_temp.seals();
EXCEPTION WHEN SQLSTATE 'PTAP0' THEN
	RETURN SQLERRM;
END
$$;
SELECT is(pg_temp.damage(statement), expected, what) FROM (VALUES
	(1, $$ UPDATE auth.audit_log SET outcome = 'refused' WHERE event = 'user_ban' $$, 'a row or the seal was changed; ok', 'the event of a redacted row'),
	(2, $$ UPDATE auth.audit_log SET redacted = sha256('x') WHERE event = 'user_ban' $$, 'a row or the seal was changed; ok', 'its digest'),
	(3, $$ UPDATE auth.audit_log AS a SET redacted = auth._audit_personal(a), nonce = NULL, details = '{}' WHERE event = 'member_role' AND redacted IS NULL $$, 'ok; ok', 'nothing, where no row is hit')) AS d (n, statement, expected, what) ORDER BY n;
SELECT alike(pg_temp.damage($$ DELETE FROM auth.audit_log WHERE event = 'user_ban' $$), '%rows were sealed, % are there; ok; %', 'a redacted row that is removed');
SELECT alike(pg_temp.damage($$ UPDATE auth.audit_log AS a SET redacted = auth._audit_personal(a), nonce = NULL, user_id = NULL WHERE id = (SELECT min(id) FROM auth.audit_log WHERE redacted IS NULL) $$),
	'ok; ok; % rows are redacted, erasures recorded %', 'a row that is redacted by hand');

-- audit_forget: an attempt after the erasure
SELECT pg_temp.call('login(''ann@accounts.example'', ''wrong'')'), pg_temp.call('login(''joann@accounts.example'', ''wrong'')') \g /dev/null
SELECT is((SELECT count(*) FROM auth.audit_log WHERE identifier = 'ann@accounts.example'), 1::bigint, 'somebody tried the address again');
SELECT is(pg_temp.as('auth_admin', 'auth.audit_forget(''ANN@accounts.example'')'), '1', 'it is forgotten');
SELECT is((SELECT count(*) FROM auth.audit_log WHERE identifier = 'ann@accounts.example'), 0::bigint, 'it is nowhere');
SELECT is(pg_temp.seals(), 'ok; ok', 'the seals hold');
SELECT is(pg_temp.as('auth_admin', 'auth.audit_forget(''ANN@accounts.example'')'), '0', 'once');
SELECT is(pg_temp.as('auth_admin', 'auth.audit_forget(' || identifier || ')'), expected, 'refused: ' || left(identifier, 30)) FROM (VALUES
	('NULL', '22023 identifier is required'), ('''''', '22023 identifier is required'), ('repeat(''x'', 1000000)', '22023 identifier is required'),
	('''bob@accounts.example''', '55000 a user has this identifier')) AS f (identifier, expected);
SELECT is(pg_temp.as('auth_admin', 'auth.audit_forget(''.*(a+)+$[\x'')'), '0', 'what would be a pattern is none');

-- delete_my_account
CREATE FUNCTION pg_temp.mine(query text) RETURNS text LANGUAGE sql AS $$ SELECT pg_temp.explain(query, 'authenticated') $$;
SELECT is(pg_temp.mine('delete_my_account(''x'')'), '401 no_authorization: Authentication required', 'nobody has no account');
SELECT is(left(pg_temp.say('delete_my_account(''x'')', 'anon'), 5), '42501', 'anon may not call it');
SELECT is(pg_temp.as_user(:'bob'::jsonb ->> 'access_token'), 'bob@accounts.example', 'Bob');
SELECT is(pg_temp.mine(call), '400 validation_failed: ' || message, 'refused: ' || message) FROM (VALUES
	('delete_my_account(NULL)', 'password is required'), ('delete_my_account('''')', 'password is required'), ('delete_my_account(repeat(''x'', 1048577))', 'password is too long')) AS c (call, message);
SELECT is(pg_temp.hashes('delete_my_account(''wrong canary'')', 'authenticated'),
	'403 invalid_current_password, hashes: 1', 'a wrong password');
SELECT is(pg_temp.hashes('login(''bob@accounts.example'', ''wrong canary'')'), '401 invalid_credentials, hashes: 1',
	'at a login it is a 401');
SELECT is(pg_temp.mine('delete_my_account(''wrong canary'')'),
	'403 invalid_current_password: The current password is wrong', 'on which no client signs out');
SELECT is(pg_temp.found('wrong canary'), '', 'the password is in no row');
SELECT auth.member_update(pg_temp.t('north'), pg_temp.u('bob'), 'owner') \g /dev/null
SELECT is(pg_temp.mine('delete_my_account(''password of bob'')'),
	'409 last_owner: You are the last owner of "accounts north": make somebody else an owner, or have the tenant deleted, first', 'not the last owner, and what to do');
SELECT auth.member_update(pg_temp.t('north'), pg_temp.u('joann'), 'owner') \g /dev/null
INSERT INTO erasure_app.contracts VALUES (pg_temp.u('bob'), 'k');
SELECT is(pg_temp.mine('delete_my_account(''password of bob'')'), '409 account_in_use: The account is still referred to: ask an administrator to delete it', 'not what must not be cleared');
SELECT is(pg_temp.trail(), 'account_delete refused account_in_use bob@accounts.example', 'the trail says so');
SELECT is((SELECT details FROM auth.audit_log ORDER BY id DESC LIMIT 1), '{"held": {"erasure_app.contracts": 1}}', 'and to the administrator what it is');
SELECT is((SELECT count(*) FROM erasure_app.likes WHERE user_id = pg_temp.u('bob')) + (SELECT count(*) FROM erasure_app.invoices WHERE customer = pg_temp.u('bob')), 2::bigint, 'nothing is cleared');
DELETE FROM erasure_app.contracts;
SAVEPOINT before;
SET LOCAL intrex_auth.login_limit_identifier = 1;
SELECT is(pg_temp.mine('delete_my_account(''password of bob'')'), '429 over_request_rate_limit: Too many attempts', 'throttled like a login');
ROLLBACK TO before;
SELECT pg_temp.as_user(:'bob'::jsonb ->> 'access_token') \g /dev/null
SELECT pg_temp.u('bob') AS bob_id \gset
SELECT is(pg_temp.call('delete_my_account(''password of bob'')', 'authenticated'), jsonb_build_object('deleted', :'bob_id'), 'Bob deletes his account');
SELECT is(pg_temp.as('authenticated', 'auth.uid()') LIKE '28000%', true, 'and is nobody at once');
SELECT pg_temp.nobody() \g /dev/null
SELECT is(pg_temp.found('bob@accounts.example'), '', 'his address is nowhere');
SELECT is(pg_temp.found(:'bob_id'), '', 'nor is his id');
SELECT is((SELECT (user_id IS NOT NULL AND address IS NULL AND session_id IS NULL)::text || (details -> 'tables') FROM auth.audit_log ORDER BY id DESC LIMIT 1),
	'true{"erasure_app.likes": {"cleared": 1}, "erasure_app.notes": {"cleared": 2}, "erasure_app.drafts": {"cleared": 1}, "erasure_app.invoices": {"cleared": 1}, "erasure_app.profiles": {"deleted": 1}}', 'the trail says that somebody did');
SELECT is(pg_temp.seals(), 'ok; ok', 'the seals hold');
SELECT is(pg_temp.say('login(''bob@accounts.example'', ''password of bob'')'), '401 invalid_credentials', 'he cannot log in');
SELECT is(pg_temp.verdict(pg_temp.call('register(''bob@accounts.example'', ''password of bob'')')), 'ok', 'but register again');

-- cascade alone: what he owns goes, what was assigned to him is somebody else's
SELECT pg_temp.user_('max') AS max_id \gset
INSERT INTO erasure_app.notes VALUES (5, pg_temp.t('north'), :'max_id', NULL, 'e'), (6, pg_temp.t('north'), NULL, :'max_id', 'f');
SELECT is(pg_temp.as('auth_admin', format('auth.user_erase(%L, cascade => true) ->> ''tables''', :'max_id')), '{"erasure_app.notes": {"cleared": 1, "deleted": 1}}', 'cascade');
SELECT is((SELECT string_agg(id::text, ' ' ORDER BY id) FROM erasure_app.notes WHERE id > 4), '6', 'deletes the rows of an owner, not of an assignee');
-- neither: a column without a foreign key keeps the id of nobody
SELECT pg_temp.user_('max') AS max_id \gset
INSERT INTO erasure_app.notes VALUES (7, pg_temp.t('north'), :'max_id', NULL, 'g');
SELECT is(pg_temp.as('auth_admin', format('auth.user_erase(%L) ->> ''tables''', :'max_id')), '{"erasure_app.notes": {"kept": 1}}', 'without an option');
SELECT is((SELECT owner_id FROM erasure_app.notes WHERE id = 7), :'max_id', 'it says what it left');
-- what is in the way of rows that go by themselves
CREATE TABLE erasure_app.boxes (id int PRIMARY KEY, owner uuid REFERENCES auth.users ON DELETE CASCADE);
CREATE TABLE erasure_app.things (box int REFERENCES erasure_app.boxes);
SELECT pg_temp.user_('max') AS max_id \gset
INSERT INTO erasure_app.boxes VALUES (1, :'max_id');
INSERT INTO erasure_app.things VALUES (1);
SELECT is(pg_temp.erase('max', ', true, true'), '23503 the user is still referred to | In the way are: erasure_app.things (SQLSTATE 23503).', 'is named too');
SELECT is(pg_temp.u('max'), :'max_id', 'and he is there');
-- our tables without a foreign key: rows addressed to him
CREATE TABLE auth.zz_letters (recipient text, created_by uuid);
ALTER TABLE auth.zz_letters OWNER TO auth_owner;
INSERT INTO auth.zz_letters VALUES ('max@accounts.example', NULL), ('joann@accounts.example', :'max_id');
DELETE FROM erasure_app.things;
SELECT alike(pg_temp.erase('max'), '{%', 'when it is gone he is erased');
SELECT is((SELECT string_agg(recipient, ' ') FROM auth.zz_letters WHERE created_by <> :'max_id'), 'joann@accounts.example', 'with what was addressed to him, and his id');
DROP TABLE auth.zz_letters, erasure_app.things, erasure_app.boxes;

-- triggers that keep what is to go, or take back what was cleared: no answer says that it is gone
CREATE FUNCTION erasure_app.keep() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$;
CREATE FUNCTION erasure_app.take_back() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.owner_id := OLD.owner_id; RETURN NEW; END $$;
GRANT EXECUTE ON FUNCTION erasure_app.keep(), erasure_app.take_back() TO PUBLIC;
CREATE TABLE erasure_app.kept (who uuid REFERENCES auth.users ON DELETE CASCADE, text text);
CREATE TRIGGER keep BEFORE DELETE ON erasure_app.kept FOR EACH ROW EXECUTE FUNCTION erasure_app.keep();
SELECT pg_temp.user_('max') AS max_id \gset
INSERT INTO erasure_app.kept VALUES (:'max_id', 'x');
SELECT is(pg_temp.erase('max'), '23503 the user is still referred to | In the way are: erasure_app.kept (1 rows).', 'a trigger that keeps a row');
DROP TRIGGER keep ON erasure_app.kept;
CREATE TRIGGER keep BEFORE UPDATE ON erasure_app.notes FOR EACH ROW EXECUTE FUNCTION erasure_app.take_back();
INSERT INTO erasure_app.notes VALUES (8, pg_temp.t('north'), :'max_id', NULL, 'h');
SELECT is(pg_temp.erase('max', ', anonymize => true'), '23503 the user is still referred to | In the way are: erasure_app.notes (1 rows).', 'one that takes back what was cleared');
DROP TRIGGER keep ON erasure_app.notes;
CREATE TRIGGER keep BEFORE DELETE ON erasure_app.notes FOR EACH ROW EXECUTE FUNCTION erasure_app.keep();
SELECT is(pg_temp.erase('max', ', cascade => true'), '23503 the user is still referred to | In the way are: erasure_app.notes (1 rows).', 'one that keeps a row of an owner');
DROP TRIGGER keep ON erasure_app.notes;
CREATE FUNCTION erasure_app.refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'no'; END $$;
GRANT EXECUTE ON FUNCTION erasure_app.refuse() TO PUBLIC;
CREATE TRIGGER keep BEFORE UPDATE ON erasure_app.notes FOR EACH ROW EXECUTE FUNCTION erasure_app.refuse();
SELECT is(pg_temp.erase('max', ', anonymize => true'), '23503 the user is still referred to | In the way are: erasure_app.notes (SQLSTATE P0001).', 'one that raises an error');
DROP TRIGGER keep ON erasure_app.notes;
SELECT is(pg_temp.u('max') || (SELECT text FROM erasure_app.kept), :'max_id' || 'x', 'and nothing has been erased');
SELECT is(pg_temp.tables(pg_temp.erase('max', ', cascade => true')), '{"erasure_app.kept": {"deleted": 1}, "erasure_app.notes": {"deleted": 1}}', 'without them he is erased');
DROP TABLE erasure_app.kept;

-- a table that its own owner may not read, or whose schema he may not enter
CREATE TABLE erasure_app.locked (who uuid REFERENCES auth.users, text text);
ALTER TABLE erasure_app.locked OWNER TO intrex_auth_test_owner;
REVOKE ALL ON erasure_app.locked FROM intrex_auth_test_owner;
SELECT pg_temp.user_('max') AS max_id \gset
SELECT is(pg_temp.erase('max', ', true, true'), '23503 the user is still referred to | In the way are: erasure_app.locked (SQLSTATE 42501).', 'is in the way');
SELECT pg_temp.as_user(pg_temp.login('max@accounts.example') ->> 'access_token') \g /dev/null
SELECT is(pg_temp.mine('delete_my_account(''password of max'')'), '409 account_in_use: The account is still referred to: ask an administrator to delete it', 'which he is not told by its name');
SELECT pg_temp.nobody() \g /dev/null
DROP TABLE erasure_app.locked;
SELECT alike(pg_temp.erase('max'), '{%', 'without it he is erased');

-- whose role may change some columns only is no less erased, by himself and by foreign keys
SAVEPOINT before;
SELECT auth.role_create('owner', 30, is_owner => true), auth.role_create('helper', 10), auth.resource_create('tasks') \g /dev/null
SELECT auth.permission_set('helper', 'tasks', 'read', 'tenant'), auth.permission_set('helper', 'tasks', 'update', 'tenant', columns => ARRAY['text']) \g /dev/null
CREATE TABLE erasure_app.tasks (id int PRIMARY KEY, tenant_id uuid, assignee uuid, writer uuid REFERENCES auth.users ON DELETE SET NULL, text text);
SELECT count(*) FROM auth.protect('erasure_app.tasks', 'tasks', assignee_column => 'assignee') \g /dev/null
GRANT USAGE ON SCHEMA erasure_app TO authenticated;
GRANT SELECT, UPDATE ON erasure_app.tasks TO authenticated;
SELECT pg_temp.user_('max') AS max_id \gset
SELECT auth.member_add(pg_temp.t('north'), :'max_id', 'helper') \g /dev/null
INSERT INTO erasure_app.tasks VALUES (1, pg_temp.t('north'), :'max_id', NULL, 'a'), (2, pg_temp.t('north'), NULL, :'max_id', 'b');
SELECT pg_temp.as_user(pg_temp.login('max@accounts.example') ->> 'access_token') \g /dev/null
SET LOCAL ROLE authenticated;
SELECT throws_ok('UPDATE erasure_app.tasks SET assignee = NULL', '42501', 'permission denied to change column "assignee" of table "tasks"', 'he may not change whose a row is');
RESET ROLE;
SELECT is(pg_temp.call('delete_my_account(''password of max'')', 'authenticated'), jsonb_build_object('deleted', :'max_id'), 'he deletes his account');
SELECT pg_temp.nobody() \g /dev/null
SELECT is((SELECT count(*) FROM erasure_app.tasks WHERE assignee IS NULL AND writer IS NULL), 2::bigint, 'and no row names him');
SELECT is((SELECT details -> 'tables' FROM auth.audit_log ORDER BY id DESC LIMIT 1), '{"erasure_app.tasks": {"cleared": 2}}', 'as the trail says');
ROLLBACK TO before;

-- what an import rejected is as somebody wrote it, with a hash
SELECT auth.user_import('Imported@accounts.example', auth.password_hash('password of max', 4), phone => '+49 30 654321') AS max_id \gset
INSERT INTO auth.user_imports (id, email, phone, password_hash) VALUES (:'max_id', NULL, NULL, 'canary-hash-1'), (gen_random_uuid(), 'MAX@Accounts.Example', NULL, 'canary-hash-2'),
	(gen_random_uuid(), NULL, '+49 (30) 65-43-21', 'canary-hash-3'), (gen_random_uuid(), 'joann@accounts.example', '+49 30 7654321', 'canary-hash-4'),
	(gen_random_uuid(), 'IMPORTED@accounts.example', NULL, 'canary-hash-5');
SELECT auth._audit('invite', 'success', user_id => pg_temp.u('joann'), identifier => 'imported@accounts.example') \g /dev/null
SELECT auth.user_update(:'max_id', email => 'max@accounts.example') \g /dev/null
SELECT alike(pg_temp.erase('max'), '{%', 'an imported user');
SELECT is((SELECT string_agg(password_hash, ' ') FROM auth.user_imports), 'canary-hash-4', 'no row of an import is left, however it was written');
SELECT is(pg_temp.found('imported@accounts.example'), '', 'nor the address that he was imported with');
DELETE FROM auth.user_imports;

-- a table without tenants, protected for its owners
CREATE TABLE erasure_app.carts (id int, owner_id uuid, text text);
SELECT auth.resource_create('carts') \g /dev/null
SELECT count(*) FROM auth.protect('erasure_app.carts', 'carts', NULL, owner_column => 'owner_id') \g /dev/null
SELECT pg_temp.user_('max') AS max_id \gset
INSERT INTO erasure_app.carts VALUES (1, :'max_id', 'x'), (2, pg_temp.u('joann'), 'y');
SELECT is(pg_temp.tables(pg_temp.erase('max', ', cascade => true')), '{"erasure_app.carts": {"deleted": 1}}', 'a protected table without tenants');
SELECT is((SELECT string_agg(text, '') FROM erasure_app.carts), 'y', 'rows of others stay');
DROP TABLE erasure_app.carts;

-- whose code runs as whom: what the owner of tables plants, and what a caller leaves waiting
CREATE TABLE erasure_app.ran (who text, what text);
GRANT INSERT ON erasure_app.ran TO PUBLIC;
GRANT USAGE ON SCHEMA erasure_app TO PUBLIC;
SET LOCAL ROLE intrex_auth_test_owner;
CREATE FUNCTION erasure_app.spy() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	INSERT INTO erasure_app.ran VALUES (current_user, TG_TABLE_NAME || ' ' || TG_NAME);
	BEGIN
		PERFORM password_hash FROM auth.users;
		INSERT INTO erasure_app.ran VALUES (current_user, 'READ THE HASHES');
	EXCEPTION WHEN insufficient_privilege THEN
		NULL;
	END;
	BEGIN
		EXECUTE 'RESET ROLE';
		INSERT INTO erasure_app.ran VALUES (current_user, 'TOOK A ROLE');
	EXCEPTION WHEN OTHERS THEN
		NULL;
	END;
	RETURN CASE TG_OP WHEN 'DELETE' THEN OLD ELSE NEW END;
END
$$;
GRANT EXECUTE ON FUNCTION erasure_app.spy() TO PUBLIC;
CREATE TABLE erasure_app.held (who uuid, text text);
CREATE TABLE erasure_app.late (who uuid, text text);
CREATE TRIGGER before BEFORE UPDATE OR DELETE ON erasure_app.held FOR EACH ROW EXECUTE FUNCTION erasure_app.spy();
CREATE TRIGGER after AFTER UPDATE OR DELETE ON erasure_app.held FOR EACH ROW EXECUTE FUNCTION erasure_app.spy();
CREATE TRIGGER statement AFTER UPDATE OR DELETE ON erasure_app.held FOR EACH STATEMENT EXECUTE FUNCTION erasure_app.spy();
RESET ROLE;
ALTER TABLE erasure_app.held ADD FOREIGN KEY (who) REFERENCES auth.users;
SELECT pg_temp.user_('max') AS max_id \gset
INSERT INTO erasure_app.held VALUES (:'max_id', 'x');
DELETE FROM erasure_app.ran;
SELECT alike(pg_temp.erase('max', ', anonymize => true'), '{%', 'a table with triggers is cleared');
SELECT is((SELECT string_agg(DISTINCT who, ', ') || ' ' || count(*) FROM erasure_app.ran), 'intrex_auth_test_owner 3', 'they run as the owner of the table');
SELECT pg_temp.user_('max') AS max_id \gset
INSERT INTO erasure_app.held VALUES (:'max_id', 'x');
DELETE FROM erasure_app.ran;
SELECT alike(pg_temp.erase('max', ', cascade => true'), '{%', 'or rows deleted');
SELECT is((SELECT string_agg(DISTINCT who, ', ') || ' ' || count(*) FROM erasure_app.ran), 'intrex_auth_test_owner 3', 'the same');
-- a trigger that is to fire at commit would do so as whoever commits
SET LOCAL ROLE intrex_auth_test_owner;
CREATE CONSTRAINT TRIGGER late AFTER UPDATE OR DELETE ON erasure_app.late DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION erasure_app.spy();
RESET ROLE;
ALTER TABLE erasure_app.late ADD FOREIGN KEY (who) REFERENCES auth.users;
SELECT pg_temp.user_('max') AS max_id \gset
INSERT INTO erasure_app.late VALUES (:'max_id', 'x');
DELETE FROM erasure_app.ran;
SELECT alike(pg_temp.erase('max', ', anonymize => true'), '{%', 'a table with a deferred trigger is cleared');
SELECT is((SELECT string_agg(who || ' ' || what, ', ') FROM erasure_app.ran), 'intrex_auth_test_owner late late', 'it fires at once, as the owner of the table');
-- one that was waiting before
SET CONSTRAINTS ALL DEFERRED;
GRANT SELECT, UPDATE ON erasure_app.late TO authenticated;
SELECT pg_temp.user_('max') AS max_id \gset
DELETE FROM erasure_app.ran;
SET LOCAL ROLE authenticated;
UPDATE erasure_app.late SET text = 'y';
RESET ROLE;
SELECT alike(pg_temp.erase('max'), '{%', 'a trigger was waiting when it began');
SELECT is((SELECT count(*) FROM erasure_app.ran), 0::bigint, 'it goes on waiting');

SELECT * FROM finish();
ROLLBACK;
