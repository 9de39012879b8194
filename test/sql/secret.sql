-- sql/35_secret.sql: sealed values, stored secrets, explicit AES-256-GCM.
\set ECHO none
-- Changes the key ring.
\set QUIET 1
\pset format unaligned
\pset tuples_only true

BEGIN;
SELECT plan(110);
SET LOCAL client_min_messages = warning;

-- seal and open
SELECT is(auth.secret_decrypt(auth.secret_encrypt('a secret', 'here'), 'here'), 'a secret', 'what is sealed opens');
SELECT is(auth.secret_decrypt(auth.secret_encrypt('', ''), ''), '', 'nothing, for no context');
SELECT is(auth.secret_decrypt(auth.secret_encrypt('Ünïcödé ☃ 𝄞', 'Kontext ß'), 'Kontext ß'), 'Ünïcödé ☃ 𝄞', 'any text');
SELECT is(md5(auth.secret_decrypt(auth.secret_encrypt(repeat('x', 5000000), 'big'), 'big')), md5(repeat('x', 5000000)), 'five megabytes');
SELECT isnt(auth.secret_encrypt('a', 'b'), auth.secret_encrypt('a', 'b'), 'each time another ciphertext');
SELECT is((SELECT count(DISTINCT auth.secret_encrypt('a', 'b')) FROM generate_series(1, 5000)), 5000::bigint, 'five thousand nonces differ');
SELECT is(position('canary'::bytea IN auth.secret_encrypt('canary', 'b')), 0, 'the plaintext is not in it');
SELECT is(get_byte(auth.secret_encrypt('a', 'b'), 0), 1, 'version');
SELECT is(convert_from(substr(auth.secret_encrypt('a', 'b'), 3, get_byte(auth.secret_encrypt('a', 'b'), 1)), 'UTF8'),
	(SELECT kid FROM auth.keys() WHERE "use" = 'seal' AND state = 'current'), 'names its key');
SELECT is(auth.secret_encrypt(NULL, 'b'), NULL, 'NULL in, NULL out');
SELECT is(auth.secret_decrypt(auth.secret_encrypt('a', 'b'), NULL), NULL, 'NULL context opens nothing');

-- refusals, each with its SQLSTATE
CREATE TEMP TABLE sealed AS SELECT auth.secret_encrypt('canary-plaintext', 'context') AS s;
SELECT throws_ok($$SELECT auth.secret_decrypt(s, 'Context') FROM sealed$$, '22000', 'invalid sealed value', 'another context');
SELECT throws_ok($$SELECT auth.secret_decrypt(s, '') FROM sealed$$, '22000', NULL, 'no context');
SELECT throws_ok($$SELECT auth.secret_decrypt('', 'context')$$, '22P03', NULL, 'nothing');
SELECT throws_ok($$SELECT auth.secret_decrypt('\x01', 'context')$$, '22P03', NULL, 'too short');
SELECT throws_ok($$SELECT auth.secret_decrypt(set_byte(s, 0, 2), 'context') FROM sealed$$, '22P03', NULL, 'another version');
SELECT throws_ok($$SELECT auth.secret_decrypt(set_byte(s, 1, 255), 'context') FROM sealed$$, '22P03', NULL, 'an impossible kid');
SELECT throws_ok($$SELECT auth.secret_decrypt(set_byte(s, 5, get_byte(s, 5) # 1), 'context') FROM sealed$$, '55000', NULL, 'a key that is not in the ring');
SELECT throws_ok($$SELECT auth.secret_decrypt(substr(s, 1, length(s) - 1), 'context') FROM sealed$$, '22000', NULL, 'one byte short');
SELECT throws_ok($$SELECT auth.secret_decrypt(s || '\x00', 'context') FROM sealed$$, '22000', NULL, 'one byte long');

-- every single-bit flip is refused, and says nothing
CREATE FUNCTION pg_temp.flips() RETURNS TABLE (refused bigint, opened bigint, leaked bigint) LANGUAGE plpgsql AS $$
DECLARE
	s bytea := (SELECT sealed.s FROM sealed);
	message text;
	detail text;
BEGIN
	refused := 0; opened := 0; leaked := 0;
	FOR i IN 0 .. length(s) * 8 - 1 LOOP
		BEGIN
			PERFORM auth.secret_decrypt(set_bit(s, i, 1 - get_bit(s, i)), 'context');
			opened := opened + 1;
		EXCEPTION WHEN data_exception OR invalid_binary_representation OR object_not_in_prerequisite_state THEN
			GET STACKED DIAGNOSTICS message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL;
			refused := refused + 1;
			leaked := leaked + (message || detail LIKE '%canary%')::int;
		END;
	END LOOP;
	RETURN NEXT;
END
$$;
SELECT results_eq('SELECT opened, leaked, refused = (SELECT length(s) * 8 FROM sealed) FROM pg_temp.flips()',
	'VALUES (0::bigint, 0::bigint, true)', 'every single-bit flip is refused, without the plaintext');

-- stored secrets, bound to tenant and name
SELECT auth.tenant_create('Northwind') AS north \gset
SELECT auth.tenant_create('Southgate') AS south \gset
SELECT auth.secret_store(:'north', 'smtp', 'canary-password');
SELECT is(auth.secret_open(:'north', 'smtp'), 'canary-password', 'a stored secret opens');
SELECT auth.secret_store(:'north', 'smtp', 'the next one');
SELECT is(auth.secret_open(:'north', 'smtp'), 'the next one', 'and is replaced');
SELECT is((SELECT count(*) FROM auth.secrets WHERE tenant_id = :'north'), 1::bigint, 'in one row');
INSERT INTO auth.secrets (tenant_id, name, sealed) SELECT :'south', name, sealed FROM auth.secrets;
SELECT throws_ok(format('SELECT auth.secret_open(%L, %L)', :'south', 'smtp'), '22000', NULL, 'moved to another tenant it does not open');
UPDATE auth.secrets SET name = 'imap' WHERE tenant_id = :'north';
SELECT throws_ok(format('SELECT auth.secret_open(%L, %L)', :'north', 'imap'), '22000', NULL, 'nor under another name');
SELECT throws_ok(format('SELECT auth.secret_open(%L, %L)', :'north', 'smtp'), 'P0002', 'secret not found', 'a missing one');
SELECT throws_ok($$SELECT auth.secret_store('00000000-0000-4000-8000-000000000000', 'x', 'y')$$, 'P0002', 'tenant not found', 'a missing tenant');
SELECT throws_ok(format('SELECT auth.secret_store(%L, %L, %L)', :'north', 'with space', 'canary-x'), '22023', NULL, 'a name with a space');
SELECT throws_ok(format('SELECT auth.secret_store(%L, %L, %L)', :'north', '', 'canary-x'), '22023', NULL, 'no name');
SELECT throws_ok(format('SELECT auth.secret_store(%L, %L, %L)', :'north', repeat('n', 129), 'canary-x'), '22023', NULL, 'a long name');
SELECT throws_ok(format('SELECT auth.secret_store(%L, %L, NULL)', :'north', 'x'), '22023', NULL, 'no secret');
SELECT is(auth.secret_open(NULL, 'smtp'), NULL, 'NULL opens nothing');
SELECT is(auth.secret_delete(:'north', 'imap'), true, 'deleted');
SELECT is(auth.secret_delete(:'north', 'imap'), false, 'once');
SELECT is((SELECT count(*) FROM auth.audit_log WHERE event LIKE 'secret%' AND to_jsonb(audit_log)::text LIKE '%canary%'), 0::bigint, 'the audit log has no secret');
SELECT is((SELECT count(*) FROM auth.audit_log WHERE event = 'secret_store'), 2::bigint, 'but that two were stored');
SELECT isnt_empty('SELECT FROM auth.known_keys', 'the keys that seal are noted');

-- every shorter value is refused: no tag is accepted that is cut off
CREATE FUNCTION pg_temp.cuts() RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
	s bytea := (SELECT sealed.s FROM sealed);
	opened bigint := 0;
BEGIN
	FOR i IN 0 .. length(s) - 1 LOOP
		BEGIN
			PERFORM auth.secret_decrypt(substr(s, 1, i), 'context');
			opened := opened + 1;
		EXCEPTION WHEN data_exception OR invalid_binary_representation OR object_not_in_prerequisite_state THEN
			NULL;
		END;
	END LOOP;
	RETURN opened;
END
$$;
SELECT is(pg_temp.cuts(), 0::bigint, 'no value opens that was cut off anywhere');

-- which key sealed
SELECT is(auth.sealed_kid(s), (SELECT kid FROM auth.keys() WHERE "use" = 'seal' AND state = 'current'), 'the kid is read without opening') FROM sealed;
SELECT is(auth.sealed_kid(value), NULL, 'no sealed value: ' || left(value::text, 20))
	FROM unnest(ARRAY['', '\x01', '\x0100', '\x0203616263', '\x01036162', '\x0103610062', '\x014161', convert_to('canary', 'UTF8'), convert_to(repeat('canary', 180000), 'UTF8'), NULL]::bytea[]) AS value;
SELECT is(auth.sealed_kid('\x0103616263'), 'abc', 'three characters');

-- rotation: the former key still opens, the new one seals
SELECT auth.secret_encrypt('old', 'c') AS old \gset
SELECT auth.key_rotate('A256GCM') AS kid \gset
SELECT is(auth.secret_decrypt(:'old', 'c'), 'old', 'after a rotation old values open');
SELECT is(convert_from(substr(auth.secret_encrypt('a', 'b'), 3, 22), 'UTF8'), :'kid', 'new ones are sealed with the new key');


-- a value under the new key is left as it is, one under the former is sealed anew
SELECT is(auth.secret_rewrap(auth.secret_encrypt('x', 'c'), 'c') IS NOT NULL, true, 'nothing to do');
CREATE TEMP TABLE wrapped AS SELECT v AS before, auth.secret_rewrap(v, 'c') AS after FROM (VALUES (:'old'::bytea), (auth.secret_encrypt('new', 'c'))) AS t (v);
SELECT results_eq('SELECT before = after, auth.secret_decrypt(after, $$c$$) FROM wrapped ORDER BY 1', $$VALUES (false, 'old'), (true, 'new')$$, 'rewrap seals former ones anew, and those alone');
SELECT is((SELECT bool_and(auth.sealed_kid(after) = :'kid') FROM wrapped), true, 'all have the new key then');
SELECT throws_ok(format($$SELECT auth.secret_rewrap(%L, 'd')$$, :'old'), '22000', NULL, 'rewrap for another context');
SELECT throws_ok(format($$SELECT auth.secret_rewrap(set_byte(%L, 40, get_byte(%L, 40) # 1), 'c')$$, :'old', :'old'), '22000', NULL, 'rewrap of an altered value');
SELECT throws_ok(format($$SELECT auth.secret_rewrap(substr(%L::bytea, 1, length(%L::bytea) - 1), 'c')$$, :'old', :'old'), '22000', NULL, 'rewrap of a truncated one');
SELECT throws_ok($$SELECT auth.secret_rewrap('\x0103616263', 'c')$$, '22P03', NULL, 'rewrap of a stump');
SELECT throws_ok($$SELECT auth.secret_rewrap('', 'c')$$, '22P03', NULL, 'rewrap of nothing');
SELECT throws_ok($$SELECT auth.secret_rewrap(convert_to(repeat('canary', 180000), 'UTF8'), 'c')$$, '22P03', NULL, 'rewrap of a megabyte of something else');
SELECT throws_ok(format($$SELECT auth.secret_rewrap(set_byte(%L, 5, get_byte(%L, 5) # 1), 'c')$$, :'old', :'old'), '55000', NULL, 'rewrap of a value of an unknown key');
SELECT is(auth.secret_rewrap(NULL, 'c'), NULL, 'rewrap of NULL');
SELECT is(auth.secret_rewrap(:'old', NULL), NULL, 'rewrap for NULL');

-- wrong key ids: of another sealing key, and of keys that do not seal
SELECT throws_ok(format($$SELECT auth.secret_decrypt(overlay(%L::bytea PLACING %L::bytea FROM 3), 'c')$$, :'old', convert_to(:'kid', 'UTF8')), '22000', NULL, 'the kid of another sealing key');
SELECT throws_ok(format($$SELECT auth.secret_decrypt(overlay(%L::bytea PLACING %L::bytea FROM 3), 'c')$$, :'old', convert_to(k.kid, 'UTF8')), '55000', NULL, 'the kid of a key to ' || k."use")
	FROM (SELECT DISTINCT ON ("use") "use", kid FROM auth.keys() WHERE "use" <> 'seal' AND length(kid) = 22 ORDER BY "use") AS k;

-- a batch of stored secrets
SELECT throws_ok(format('SELECT auth.secret_reseal(%s)', n), '22023', 'max must be from 1 to 100000', 'a batch of ' || n)
	FROM unnest(ARRAY['0', '-1', '100001', 'NULL', '-2147483648']) AS n;
DELETE FROM auth.secrets;
SELECT auth.secret_store(:'north', 'smtp', 'before');
SELECT auth.key_rotate('A256GCM') AS newest \gset
SELECT is(state || ' ' || sealed, 'previous 1', 'progress before') FROM auth.sealing_progress() WHERE kid = :'kid';
SELECT results_eq('SELECT * FROM auth.secret_reseal()', 'VALUES (1::bigint, 0::bigint, 0::bigint)', 'one is sealed anew');
SELECT is(state || ' ' || sealed, 'current 1', 'progress after') FROM auth.sealing_progress() WHERE kid = :'newest';
SELECT is(auth.secret_open(:'north', 'smtp'), 'before', 'and opens');
SELECT results_eq('SELECT * FROM auth.secret_reseal()', 'VALUES (0::bigint, 0::bigint, 0::bigint)', 'nothing is left');
SELECT is((SELECT details FROM auth.audit_log WHERE event = 'secret_reseal' ORDER BY id DESC LIMIT 1), '{"done": 1, "remaining": 0, "damaged": 0}', 'the audit log tells of it');

-- the AAD of a stored secret names table, column, tenant and name
SELECT is(auth.secret_decrypt(sealed, 'auth.secrets.sealed/' || tenant_id || '/' || name), 'before', '(the context of a stored secret)')
	FROM auth.secrets;
SELECT throws_ok(format('SELECT auth.secret_decrypt(sealed, %L || tenant_id || ''/'' || name) FROM auth.secrets', context), '22000', NULL, 'moved to ' || context)
	FROM unnest(ARRAY['auth.secrets.name/', 'auth.secrets.other/', 'auth.users.sealed/', 'secrets.sealed/', '']) AS context;

-- explicit keys
\set key '\\x000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f'
SELECT is(auth.aes_gcm_decrypt(:'key', auth.aes_gcm_encrypt(:'key', 'plain', 'aad'), 'aad'), 'plain'::bytea, 'explicit key');
SELECT is(length(auth.aes_gcm_encrypt(:'key', 'plain', '')), 5 + 28, 'nonce, ciphertext, tag');
-- NIST SP 800-38D test case 16 of the GCM proposal (AES-256, AAD)
SELECT is(auth.aes_gcm_decrypt('\xfeffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308',
	'\xcafebabefacedbaddecaf888'
	'522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662'
	'76fc6ece0f4e1768cddf8853bb2d551b', '\xfeedfacedeadbeeffeedfacedeadbeefabaddad2'),
	'\xd9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39'::bytea,
	'a published vector opens');
SELECT throws_ok(format($$SELECT auth.aes_gcm_decrypt(%L, auth.aes_gcm_encrypt(%L, 'p', 'a'), 'b')$$, :'key', :'key'), '22000', NULL, 'another AAD');
SELECT throws_ok(format($$SELECT auth.aes_gcm_decrypt(set_byte(%L, 0, 9), auth.aes_gcm_encrypt(%L, 'p', 'a'), 'a')$$, :'key', :'key'), '22000', NULL, 'another key');
SELECT throws_ok($$SELECT auth.aes_gcm_encrypt('\x00', 'p', '')$$, '22023', 'invalid AES-256 key', 'a short key');
SELECT throws_ok($$SELECT auth.aes_gcm_encrypt('', 'p', '')$$, '22023', NULL, 'no key');
SELECT throws_ok(format($$SELECT auth.aes_gcm_decrypt(%L, '\x00', '')$$, :'key'), '22P03', NULL, 'a short value');
SELECT is(auth.aes_gcm_encrypt(NULL, 'p', ''), NULL, 'NULL key');
SELECT is(auth.aes_gcm_decrypt(:'key', NULL, ''), NULL, 'NULL value');

-- from storage: compressed and out of line
CREATE TEMP TABLE big AS SELECT auth.secret_encrypt(string_agg(md5(i::text), ''), 'toast') AS s, string_agg(md5(i::text), '') AS p FROM generate_series(1, 5000) AS i;
SELECT is((SELECT auth.secret_decrypt(s, 'toast') = p FROM big), true, 'a toasted value opens');

-- random tokens
SELECT is(length(auth.random_token()), 43, '256 bits by default');
SELECT is((SELECT count(DISTINCT auth.random_token(16)) FROM generate_series(1, 100000)), 100000::bigint, 'a hundred thousand differ');
SELECT throws_ok('SELECT auth.random_token(15)', '22023', NULL, 'less than 128 bits is refused');
SELECT throws_ok('SELECT auth.random_token(1025)', '22023', NULL, 'and more than 1024 bytes');

-- who may
SET LOCAL ROLE authenticated;
SELECT throws_ok($$SELECT auth.secret_encrypt('a', 'b')$$, '42501', NULL, 'users seal nothing');
SELECT throws_ok($$SELECT auth.secret_open('00000000-0000-4000-8000-000000000000', 'b')$$, '42501', NULL, 'and open nothing');
SELECT throws_ok('SELECT ' || call, '42501', NULL, 'users: ' || call)
	FROM unnest(ARRAY[$$auth.secret_rewrap('', '')$$, $$auth.sealed_kid('')$$, 'auth.secret_reseal()', 'auth.sealing_progress()', $$auth._secret_try_rewrap('', '')$$]) AS call;
RESET ROLE;
SET LOCAL ROLE auth_admin;
SELECT lives_ok('SELECT ' || call, 'auth_admin: ' || call)
	FROM unnest(ARRAY[$$auth.sealed_kid('')$$, 'auth.secret_reseal()', 'auth.sealing_progress()']) AS call;
RESET ROLE;

SELECT * FROM finish();
ROLLBACK;
