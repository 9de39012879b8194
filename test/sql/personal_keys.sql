-- sql/36_personal_keys.sql: what is sealed for a person opens for this person and context only, and not any
-- more when the key is gone with the person.
\set ECHO none
-- Changes the key ring.
\set QUIET 1
\pset format unaligned
\pset tuples_only true
\set VERBOSITY terse
\getenv abs_srcdir PG_ABS_SRCDIR
\set include :abs_srcdir '/include/accounts.psql'

BEGIN;
\i :include
SELECT pg_temp.clean() \g /dev/null
SELECT plan(145);

CREATE FUNCTION pg_temp.nobody() RETURNS void LANGUAGE sql AS $$ SELECT set_config('intrex_auth.token', '', true) $$;
-- What an expression gives in a role, or SQLSTATE and message.
CREATE FUNCTION pg_temp.as(role name, expression text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	answer text;
BEGIN
	EXECUTE format('SET LOCAL ROLE %I', role);
	EXECUTE 'SELECT ' || expression INTO answer;
	RESET ROLE;
	RETURN answer;
EXCEPTION WHEN OTHERS THEN
	RETURN SQLSTATE || ' ' || SQLERRM;
END
$$;
CREATE FUNCTION pg_temp.try(expression text) RETURNS text LANGUAGE sql AS $$ SELECT pg_temp.as(session_user::name, expression) $$;
CREATE FUNCTION pg_temp.seal(who text, plaintext text, context text DEFAULT 'here') RETURNS text LANGUAGE sql AS
$$ SELECT pg_temp.try(format('auth.personal_encrypt(%L, %L, %L)', pg_temp.u(who), plaintext, context)) $$;
CREATE FUNCTION pg_temp.open(who uuid, sealed text, context text DEFAULT 'here') RETURNS text LANGUAGE sql AS
$$ SELECT pg_temp.try(format('auth.personal_decrypt(%L, %L, %L)', who, sealed, context)) $$;
CREATE FUNCTION pg_temp.open(who text, sealed text, context text DEFAULT 'here') RETURNS text LANGUAGE sql AS
$$ SELECT pg_temp.open(pg_temp.u(who), sealed, context) $$;
-- A data key in clear, as the file of keys gives it to who can read both: the format is no secret.
CREATE FUNCTION pg_temp.data_key(who text) RETURNS bytea LANGUAGE sql AS $$
	SELECT auth.aes_gcm_decrypt(
		decode(rpad(translate(j ->> 'k', '-_', '+/'), 44, '='), 'base64'),
		substr(k.sealed, 3 + get_byte(k.sealed, 1)),
		convert_to('auth.personal_keys.sealed', 'UTF8') || '\x00' || uuid_send(k.user_id))
	FROM auth.personal_keys AS k, jsonb_array_elements(pg_read_file(current_setting('intrex_auth.key_file'))::jsonb -> 'keys') AS j
	WHERE k.user_id = pg_temp.u(who) AND j ->> 'kid' = auth.sealed_kid(k.sealed)
$$;

SELECT pg_temp.user_(n) FROM unnest(ARRAY['ann', 'bob', 'eve', 'kim', 'lee']) AS n \g /dev/null
SELECT pg_temp.u('ann') AS ann_id, pg_temp.u('bob') AS bob_id \gset

-- the first use makes the key
SELECT is(pg_temp.open('ann', '\x02' || repeat('00', 40)), 'P0002 the personal key of this user was destroyed or never made', 'before the first use there is no key');
SELECT is_empty('SELECT FROM auth.personal_keys', 'and to open makes none');
SELECT pg_temp.seal('ann', 'canary of Ann') AS ann \gset
SELECT results_eq('SELECT user_id FROM auth.personal_keys', ARRAY[:'ann_id'::uuid], 'to seal makes it');
SELECT is(auth.sealed_kid(sealed), (SELECT kid FROM auth.keys() WHERE "use" = 'seal' AND state = 'current'), 'sealed by the ring') FROM auth.personal_keys;
SELECT is(convert_from(sealed_kid, 'UTF8'), auth.sealed_kid(sealed), 'and counted for its key') FROM auth.personal_keys;
SELECT pg_temp.seal('ann', 'once more') AS again, pg_temp.seal('bob', 'canary of Bob') AS bob \gset
SELECT is((SELECT count(*) FROM auth.personal_keys), 2::bigint, 'one for each');
SELECT isnt_empty('SELECT FROM auth.known_keys', 'the keys that seal are noted');

-- seal and open
SELECT is(pg_temp.open('ann', :'ann'), 'canary of Ann', 'what is sealed opens');
SELECT is(pg_temp.open('ann', :'again'), 'once more', 'by the same key');
SELECT is(pg_temp.open('ann', pg_temp.seal('ann', '')), '', 'nothing');
SELECT is(pg_temp.open('ann', pg_temp.seal('ann', 'x', ''), ''), 'x', 'for no context');
SELECT is(pg_temp.open('ann', pg_temp.seal('ann', 'Ünïcödé ☃ 𝄞', 'Kontext ß'), 'Kontext ß'), 'Ünïcödé ☃ 𝄞', 'any text');
SELECT is(md5(auth.personal_decrypt(:'ann_id', auth.personal_encrypt(:'ann_id', repeat('x', 1048576), repeat('c', 1048576)), repeat('c', 1048576))),
	md5(repeat('x', 1048576)), 'a megabyte, and a context of a megabyte');
CREATE TEMP TABLE big AS SELECT auth.personal_encrypt(:'ann_id', string_agg(md5(i::text), ''), 'toast') AS s, string_agg(md5(i::text), '') AS p FROM generate_series(1, 5000) AS i;
SELECT is((SELECT auth.personal_decrypt(:'ann_id', s, 'toast') = p FROM big), true, 'from storage: out of line');
SELECT is((SELECT auth.personal_decrypt(:'ann_id', auth.personal_encrypt(:'ann_id', p, 'toast'), 'toast') = p FROM big), true, 'and a plaintext from there');
SELECT is((SELECT count(DISTINCT substr(auth.personal_encrypt(:'ann_id', 'a', 'b'), 2, 12)) FROM generate_series(1, 5000)), 5000::bigint, 'five thousand nonces differ');
SELECT is(position('canary'::bytea IN :'ann'::bytea), 0, 'the plaintext is not in it');
SELECT is(get_byte(:'ann', 0) || ' ' || length(:'ann'::bytea), '2 ' || 1 + 12 + length('canary of Ann') + 16, 'version, nonce, ciphertext, tag');
SELECT is(auth.sealed_kid(:'ann'), NULL, 'no value of the ring''s');

-- NULL
SELECT is(auth.personal_encrypt(:'ann_id', NULL, 'b'), NULL, 'no text is none');
SELECT is(auth.personal_encrypt(NULL, NULL, NULL), NULL, 'whoever it is not of');
SELECT is(pg_temp.try('auth.personal_encrypt(' || a || ')'), '22004 user_id and context must not be null', 'no text is lost: ' || replace(a, :'ann_id', 'Ann'))
	FROM unnest(ARRAY['NULL, ''canary'', ''b''', format('%L, ''canary'', NULL', :'ann_id'), 'NULL, ''canary'', NULL']) AS a;
SELECT is(auth.personal_decrypt(a, b, c), NULL, 'NULL opens nothing')
	FROM (VALUES (NULL::uuid, :'ann'::bytea, 'here'), (:'ann_id', NULL, 'here'), (:'ann_id', :'ann', NULL)) AS v (a, b, c);

-- refusals
SELECT is(pg_temp.open('bob', :'ann'), '22000 invalid sealed value', 'of Ann as of Bob');
SELECT is(pg_temp.open('ann', :'bob'), '22000 invalid sealed value', 'of Bob as of Ann');
SELECT is(pg_temp.open('ann', :'ann', context), '22000 invalid sealed value', 'for the context "' || context || '"') FROM unnest(ARRAY['', 'Here', 'here ', 'her']) AS context;
SELECT is(pg_temp.open('ann', sealed), '22P03 invalid sealed value', 'no value: ' || left(sealed, 12))
	FROM unnest(ARRAY['', '\x02', '\x', '\x0200', '\x02' || repeat('00', 27), '\x01' || repeat('00', 40), '\x00' || repeat('00', 40), '\xff' || repeat('00', 40), 'canary' || repeat('x', 1048576)]) AS sealed;
SELECT is(pg_temp.open('ann', '\x02' || repeat('00', n)), '22000 invalid sealed value', n || ' bytes of nothing') FROM unnest(ARRAY[28, 1000, 1048576]) AS n;
SELECT is(pg_temp.open('ann', auth.secret_encrypt('x', 'here')::text), '22P03 invalid sealed value', 'a value that the ring sealed');
SELECT is(pg_temp.try(format('auth.secret_decrypt(%L, ''here'')', :'ann')), '22P03 invalid sealed value', 'nor does the ring open one of these');
SELECT is(pg_temp.open(gen_random_uuid(), :'ann'), 'P0002 the personal key of this user was destroyed or never made', 'of nobody');
SELECT is(pg_temp.try('auth.personal_encrypt(gen_random_uuid(), ''canary'', ''here'')'), 'P0002 user not found', 'nothing is sealed for nobody');
SELECT is(pg_temp.open('ann', convert_to(:'ann', 'UTF8')::text), '22P03 invalid sealed value', 'its text');

-- whatever is cut off or altered
CREATE FUNCTION pg_temp.damaged(who uuid, s bytea) RETURNS TABLE (tried bigint, opened bigint, leaked bigint) LANGUAGE plpgsql AS $$
DECLARE
	value bytea;
	text_ text;
BEGIN
	tried := 0; opened := 0; leaked := 0;
	FOR value IN
		SELECT set_bit(s, i, 1 - get_bit(s, i)) FROM generate_series(0, length(s) * 8 - 1) AS i
		UNION ALL SELECT substr(s, 1, i) FROM generate_series(0, length(s) - 1) AS i
		UNION ALL SELECT substr(s, i) FROM generate_series(2, length(s)) AS i
		UNION ALL SELECT s || '\x00' UNION ALL SELECT '\x00' || s UNION ALL SELECT s || s
	LOOP
		tried := tried + 1;
		text_ := pg_temp.open(who, value::text);
		opened := opened + (text_ !~ '^(22000|22P03) invalid sealed value$')::int;
		leaked := leaked + (text_ LIKE '%canary%')::int;
	END LOOP;
	RETURN NEXT;
END
$$;
SELECT results_eq(format('SELECT opened, leaked, tried = %s FROM pg_temp.damaged(%L, %L)', length(:'ann'::bytea) * 10 + 2, :'ann_id', :'ann'),
	'VALUES (0::bigint, 0::bigint, true)', 'every flipped bit, cut and extension is refused, without the plaintext');

-- the data key: in no row but its own, and by no function
SELECT pg_temp.data_key('ann') AS ann_key, pg_temp.data_key('bob') AS bob_key \gset
SELECT is(length(:'ann_key'::bytea), 32, '256 bits');
SELECT isnt(:'ann_key'::bytea, :'bob_key', 'others for each');
SELECT is(convert_from(auth.aes_gcm_decrypt(:'ann_key', substr(:'ann'::bytea, 2), uuid_send(:'ann_id') || convert_to('here', 'UTF8')), 'UTF8'), 'canary of Ann',
	'AES-256-GCM by the data key, with user and context as AAD');
SELECT is_empty(format('SELECT FROM auth.personal_keys AS k WHERE strpos(k::text, %L) > 0', substr(:'ann_key', 3)), 'the key is not in the table in clear');
SAVEPOINT swapped;
UPDATE auth.personal_keys AS k SET sealed = b.sealed FROM auth.personal_keys AS b WHERE k.user_id = :'ann_id' AND b.user_id = :'bob_id';
SELECT is(pg_temp.open('ann', :'bob'), '22000 invalid personal key', 'the key of Bob in the row of Ann');
SELECT is(pg_temp.open('ann', :'ann'), '22000 invalid personal key', 'opens nothing');
SELECT is(pg_temp.seal('ann', 'canary'), '22000 invalid personal key', 'and seals nothing');
UPDATE auth.personal_keys SET sealed = '\x01' WHERE user_id = :'ann_id';
SELECT is(pg_temp.seal('ann', 'canary'), '22P03 invalid personal key', 'a stump of a key');
UPDATE auth.personal_keys SET sealed = '' WHERE user_id = :'ann_id';
SELECT is(pg_temp.seal('ann', 'canary'), '22P03 invalid personal key', 'an empty one is no reason to make another');
UPDATE auth.personal_keys SET sealed = auth.secret_encrypt(repeat('k', 32), 'auth.personal_keys.sealed' || user_id) WHERE user_id = :'ann_id';
SELECT is(pg_temp.seal('ann', 'canary'), '22000 invalid personal key', 'one that auth.secret_encrypt has sealed');
UPDATE auth.personal_keys AS k SET sealed = overlay(k.sealed PLACING convert_to('another', 'UTF8') FROM 3) WHERE k.user_id = :'bob_id';
SELECT is(pg_temp.open('bob', :'bob'), '55000 invalid personal key', 'one of a key that is not in the ring');
ROLLBACK TO swapped;
SELECT is(pg_temp.open('ann', :'ann'), 'canary of Ann', '(as before)');
SELECT is_empty(format($$
	SELECT c FROM unnest(ARRAY['', 'here', 'auth.personal_keys.sealed', 'auth.personal_keys.sealed/%1$s', 'auth.personal_keys.sealed%1$s']) AS c
	WHERE pg_temp.try(format('auth.secret_decrypt((SELECT sealed FROM auth.personal_keys WHERE user_id = %%L), %%L)', '%1$s', c)) IS DISTINCT FROM '22000 invalid sealed value'
$$, :'ann_id'), 'no context opens a data key as a text');
SELECT is(pg_temp.try(format('auth._personal_key_try_rewrap(%L, (SELECT set_byte(sealed, 40, get_byte(sealed, 40) # 1) FROM auth.personal_keys WHERE user_id = %1$L))', :'ann_id')),
	(SELECT set_byte(sealed, 40, get_byte(sealed, 40) # 1)::text FROM auth.personal_keys WHERE user_id = :'ann_id'), 'one of the current key is not looked at');

-- who may: users for themselves, and by their token alone
SELECT pg_temp.login('ann@accounts.example') ->> 'access_token' AS token \gset
SELECT auth.authenticate(:'token') \g /dev/null
SELECT is(pg_temp.as('authenticated', format('auth.personal_decrypt(%L, %L, ''here'')', :'ann_id', :'ann')), 'canary of Ann', 'Ann opens what is hers');
SELECT is(pg_temp.open('ann', pg_temp.as('authenticated', format('auth.personal_encrypt(%L, ''by herself'', ''here'')', :'ann_id'))), 'by herself', 'and seals it');
SELECT is(pg_temp.as('authenticated', format('auth.personal_decrypt(%L, %L, ''here'')', who, :'bob')), '42501 permission denied for the personal key of this user', 'another''s: not by her')
	FROM unnest(ARRAY[:'bob_id'::uuid, pg_temp.u('eve'), '00000000-0000-0000-0000-000000000000']) AS who;
SELECT is(pg_temp.as('authenticated', format('auth.personal_encrypt(%L, ''canary'', ''here'')', who)), '42501 permission denied for the personal key of this user', 'nor sealed')
	FROM unnest(ARRAY[:'bob_id'::uuid, pg_temp.u('eve'), gen_random_uuid()]) AS who;
SELECT is_empty(format('SELECT FROM auth.personal_keys WHERE user_id = %L', pg_temp.u('eve')), 'no key was made');
SELECT is(pg_temp.as('anon', format('auth.personal_decrypt(%L, %L, ''here'')', :'ann_id', :'ann')), '42501 permission denied for function personal_decrypt', 'anon may not, whatever the token says');
SELECT is(pg_temp.as('auth_platform', format('auth.personal_decrypt(%L, %L, ''here'')', :'bob_id', :'bob')), '42501 permission denied for the personal key of this user', 'platform administrators have their own');
SELECT pg_temp.nobody() \g /dev/null
SELECT is(pg_temp.as('authenticated', format('auth.personal_decrypt(%L, %L, ''here'')', :'ann_id', :'ann')), '42501 permission denied for the personal key of this user', 'nobody without a token');
SELECT is(pg_temp.as('auth_admin', format('auth.personal_decrypt(%L, %L, ''here'')', :'bob_id', :'bob')), 'canary of Bob', 'auth_admin opens all');
SELECT is(pg_temp.open('bob', pg_temp.as('auth_admin', format('auth.personal_encrypt(%L, ''by auth_admin'', ''here'')', :'bob_id'))), 'by auth_admin', 'and seals for all');
SELECT is(left(pg_temp.as(role, call), 5), '42501', role || ' may not: ' || call)
	FROM unnest(ARRAY['anon', 'authenticated', 'auth_platform', 'auth_admin']) AS role,
		unnest(ARRAY['auth._personal_key_new(gen_random_uuid())', 'auth._personal_key_make(gen_random_uuid())', 'auth._personal_key_try_rewrap(gen_random_uuid(), '''')',
			'count(*) FROM auth.personal_keys', 'auth._reseal_personal_keys('''', 1)']) AS call;

-- a member of authenticated has its right and no more; a grant of one's own is for all
CREATE ROLE intrex_auth_test_app;
GRANT authenticated TO intrex_auth_test_app;
GRANT USAGE ON SCHEMA auth TO intrex_auth_test_app;
SELECT is(pg_temp.as('intrex_auth_test_app', format('auth.personal_decrypt(%L, %L, ''here'')', :'bob_id', :'bob')), '42501 permission denied for the personal key of this user', 'a role that inherits from authenticated');
GRANT EXECUTE ON FUNCTION auth.personal_decrypt TO PUBLIC;
SELECT is(pg_temp.as('intrex_auth_test_app', format('auth.personal_decrypt(%L, %L, ''here'')', :'bob_id', :'bob')), '42501 permission denied for the personal key of this user', 'a grant to PUBLIC is none for others'' keys');
REVOKE EXECUTE ON FUNCTION auth.personal_decrypt FROM PUBLIC;
CREATE ROLE intrex_auth_test_owner;
GRANT USAGE ON SCHEMA auth TO intrex_auth_test_owner;
CREATE SCHEMA personal_app AUTHORIZATION intrex_auth_test_owner;
GRANT USAGE ON SCHEMA personal_app TO authenticated;
SET LOCAL ROLE intrex_auth_test_owner;
CREATE TABLE personal_app.patients (user_id uuid, diagnosis bytea);
CREATE FUNCTION personal_app.diagnoses() RETURNS TABLE (user_id uuid, diagnosis text) LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	row record;
BEGIN
	FOR row IN SELECT p.* FROM personal_app.patients AS p LOOP
		user_id := row.user_id;
		BEGIN
			diagnosis := auth.personal_decrypt(row.user_id, row.diagnosis, 'patients.diagnosis');
		EXCEPTION WHEN no_data_found THEN
			diagnosis := NULL;
		END;
		RETURN NEXT;
	END LOOP;
END
$$;
CREATE VIEW personal_app.mine WITH (security_invoker) AS
	SELECT p.user_id, auth.personal_decrypt(p.user_id, p.diagnosis, 'patients.diagnosis') AS diagnosis FROM personal_app.patients AS p WHERE p.user_id = (SELECT auth.uid());
RESET ROLE;
GRANT SELECT ON personal_app.patients, personal_app.mine TO authenticated;
INSERT INTO personal_app.patients SELECT pg_temp.u(who), auth.personal_encrypt(pg_temp.u(who), 'diagnosis of ' || who, 'patients.diagnosis') FROM unnest(ARRAY['ann', 'bob', 'kim', 'lee']) AS who;
SELECT is((SELECT count(*) FROM auth.personal_keys), 4::bigint, 'one statement makes the keys of many');
SELECT is(pg_temp.as('authenticated', 'count(*) FROM personal_app.diagnoses()'), '42501 permission denied for function personal_decrypt', 'the owner of a function needs the right');
GRANT EXECUTE ON FUNCTION auth.personal_decrypt TO intrex_auth_test_owner;
SELECT is(pg_temp.as('authenticated', 'string_agg(diagnosis, '', '' ORDER BY diagnosis) FROM personal_app.diagnoses()'), 'diagnosis of ann, diagnosis of bob, diagnosis of kim, diagnosis of lee', 'and has it then, for all');
SELECT is(pg_temp.as('intrex_auth_test_owner', format('auth.personal_encrypt(%L, ''canary'', ''here'')', :'bob_id')), '42501 permission denied for function personal_encrypt', 'for what was granted');
SELECT auth.authenticate(:'token') \g /dev/null
SELECT is(pg_temp.as('authenticated', 'string_agg(diagnosis, '', '') FROM personal_app.mine'), 'diagnosis of ann', 'a view of one''s own');

-- the export shows what is sealed as it is, and no key
ALTER TABLE personal_app.patients ADD FOREIGN KEY (user_id) REFERENCES auth.users ON DELETE SET NULL;
SELECT pg_temp.nobody() \g /dev/null
SELECT is(auth.export_user(:'ann_id') #>> '{tables,personal_app.patients,0,diagnosis}', (SELECT diagnosis::text FROM personal_app.patients WHERE user_id = :'ann_id'), 'an export has the bytes');
SELECT is(strpos(auth.export_user(:'ann_id')::text, substr(sealed::text, 3)), 0, 'and not the key') FROM auth.personal_keys WHERE user_id = :'ann_id';

-- read only
CREATE FUNCTION pg_temp.reading(expression text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	answer text;
	hint text;
BEGIN
	PERFORM set_config('transaction_read_only', 'on', true);
	BEGIN
		EXECUTE 'SELECT ' || expression INTO answer;
	EXCEPTION WHEN OTHERS THEN
		GET STACKED DIAGNOSTICS hint = PG_EXCEPTION_HINT;
		answer := SQLSTATE || ' ' || SQLERRM || ' | ' || hint;
	END;
	RAISE EXCEPTION USING ERRCODE = 'PTAP0', MESSAGE = answer;
EXCEPTION WHEN SQLSTATE 'PTAP0' THEN
	RETURN SQLERRM;
END
$$;
SELECT is(pg_temp.reading(format('auth.personal_encrypt(%L, ''x'', ''y'')', pg_temp.u('eve'))),
	'25006 cannot make a personal key in a read-only transaction | The first value that is sealed for a user makes the key; seal it where rows can be written.', 'the first use needs to write');
SELECT is(pg_temp.open('ann', pg_temp.reading(format('auth.personal_encrypt(%L, ''x'', ''y'')', :'ann_id')), 'y'), 'x', 'another does not');
SELECT is(pg_temp.reading(format('auth.personal_decrypt(%L, %L, ''here'')', :'ann_id', :'ann')), 'canary of Ann', 'nor to open');

-- a key that is rolled back was none
SAVEPOINT first_use;
SELECT pg_temp.seal('eve', 'canary of Eve') AS eve \gset
SELECT is(pg_temp.open('eve', :'eve'), 'canary of Eve', 'opens while there is the key');
ROLLBACK TO first_use;
SELECT is(pg_temp.open('eve', :'eve'), 'P0002 the personal key of this user was destroyed or never made', 'not when it was rolled back');
SELECT pg_temp.seal('eve', 'next canary') AS next \gset
SELECT is(pg_temp.open('eve', :'eve'), '22000 invalid sealed value', 'nor by the next');
SELECT is(pg_temp.open('eve', :'next'), 'next canary', 'which opens its own');

-- erasure destroys the key, and its rollback does not
SAVEPOINT erased;
SELECT auth.user_erase(:'ann_id') \g /dev/null
SELECT is(pg_temp.open(:'ann_id'::uuid, :'ann'), 'P0002 the personal key of this user was destroyed or never made', 'erased');
ROLLBACK TO erased;
SELECT is(pg_temp.open('ann', :'ann'), 'canary of Ann', 'taken back');
SELECT auth.user_erase(:'ann_id') \g /dev/null
SELECT is_empty(format('SELECT FROM auth.personal_keys WHERE user_id = %L', :'ann_id'), 'erased: the key is gone');
SELECT is(pg_temp.open(:'ann_id'::uuid, sealed), 'P0002 the personal key of this user was destroyed or never made', 'nothing of hers opens') FROM unnest(ARRAY[:'ann', :'again']) AS sealed;
SELECT is(pg_temp.try(format('auth.personal_encrypt(%L, ''canary'', ''here'')', :'ann_id')), 'P0002 user not found', 'no other key is made');
SELECT is(pg_temp.try(format('auth._personal_key_make(%L)', :'ann_id')), '', 'by no way');
SELECT is_empty(format('SELECT FROM auth.personal_keys WHERE user_id = %L', :'ann_id'), '(none)');
SELECT throws_ok(format('INSERT INTO auth.personal_keys (user_id, sealed) VALUES (%L, ''\x01'')', :'ann_id'), '23503', NULL, 'nor by hand');
SELECT is((SELECT string_agg(coalesce(diagnosis, '-'), ', ' ORDER BY diagnosis) FROM personal_app.diagnoses()), 'diagnosis of bob, diagnosis of kim, diagnosis of lee, -', 'what stays of her cannot be read; of others it can');
SELECT is(pg_temp.open('bob', :'bob'), 'canary of Bob', 'Bob has his key');
-- the same id again is another person
SELECT auth.user_create('again@accounts.example') AS again_id \gset
UPDATE auth.users SET id = :'ann_id' WHERE id = :'again_id';
SELECT is(pg_temp.open(:'ann_id'::uuid, :'ann'), 'P0002 the personal key of this user was destroyed or never made', 'an id that comes again has no key');
SELECT is(pg_temp.seal('again', 'x') LIKE '\\x02%', true, 'but gets one');
SELECT is(pg_temp.open(:'ann_id'::uuid, :'ann'), '22000 invalid sealed value', 'which does not open what was the other''s');

-- deletion, and the person's own
SELECT (SELECT diagnosis::text FROM personal_app.patients WHERE user_id = pg_temp.u('kim')) AS kim, (SELECT diagnosis::text FROM personal_app.patients WHERE user_id = pg_temp.u('lee')) AS lee,
	pg_temp.u('kim') AS kim_id, pg_temp.u('lee') AS lee_id \gset
SELECT auth.user_delete(:'kim_id') \g /dev/null
SELECT is(pg_temp.open(:'kim_id'::uuid, :'kim', 'patients.diagnosis'), 'P0002 the personal key of this user was destroyed or never made', 'auth.user_delete');
SELECT auth.authenticate(pg_temp.login('lee@accounts.example') ->> 'access_token') \g /dev/null
SELECT is(pg_temp.call('delete_my_account(''password of lee'')', 'authenticated') ->> 'deleted', :'lee_id', 'Lee deletes the account');
SELECT pg_temp.nobody() \g /dev/null
SELECT is(pg_temp.open(:'lee_id'::uuid, :'lee', 'patients.diagnosis'), 'P0002 the personal key of this user was destroyed or never made', 'auth_api.delete_my_account');

-- a new sealing key: the data keys are sealed anew, what they sealed stays as it is
DELETE FROM auth.secrets;
SELECT auth.tenant_create('accounts north') AS north \gset
SELECT auth.secret_store(:'north', 'smtp', 's') \g /dev/null
SELECT pg_temp.data_key('bob') AS bob_key \gset
SELECT auth.key_rotate('A256GCM') AS newest \gset
SELECT is((SELECT sum(sealed)::text FROM auth.sealing_progress() WHERE state <> 'current'), '4', 'three data keys and a secret are under the former key');
SELECT results_eq('SELECT * FROM auth.secret_reseal(2)', 'VALUES (2::bigint, 2::bigint, 0::bigint)', 'a batch is bounded over both tables');
SELECT is((SELECT auth.sealed_kid(sealed) FROM auth.secrets), :'newest', 'secrets come first');
SELECT results_eq('SELECT * FROM auth.secret_reseal(2)', 'VALUES (2::bigint, 0::bigint, 0::bigint)', 'the next is the last');
SELECT results_eq('SELECT * FROM auth.secret_reseal(2)', 'VALUES (0::bigint, 0::bigint, 0::bigint)', 'nothing is left');
SELECT is((SELECT bool_and(auth.sealed_kid(sealed) = :'newest' AND sealed_kid = convert_to(:'newest', 'UTF8')) FROM auth.personal_keys), true, 'all are under the new key');
SELECT is(pg_temp.data_key('bob'), :'bob_key'::bytea, 'the data key is the same');
SELECT is(pg_temp.open('bob', :'bob'), 'canary of Bob', 'and opens');
-- one that does not open stops nothing, and is named
UPDATE auth.personal_keys AS k SET sealed = b.sealed FROM auth.personal_keys AS b WHERE k.user_id = pg_temp.u('eve') AND b.user_id = :'bob_id';
SELECT auth.key_rotate('A256GCM') AS last \gset
SET LOCAL client_min_messages = error;
SELECT results_eq('SELECT * FROM auth.secret_reseal()', 'VALUES (3::bigint, 1::bigint, 1::bigint)', 'one that was moved stays behind');
SELECT is(auth.sealed_kid(sealed), :'newest', 'as it was') FROM auth.personal_keys WHERE user_id = pg_temp.u('eve');
SELECT is((SELECT u.sealed::text FROM auth.key_uses(:'newest') AS u), '1', 'the key is still used: by this');
SELECT is((SELECT string_agg(source, ' ' ORDER BY source) FROM auth.key_uses(:'last')), 'auth.personal_keys.sealed auth.secrets.sealed', 'and the newest by all others');

SELECT is_empty($$ SELECT FROM auth.audit_log AS a WHERE a::text LIKE '%canary%' $$, 'the trail has no plaintext');
SELECT * FROM finish();
ROLLBACK;
