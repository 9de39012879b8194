-- sql/35_secret.sql: sealed values, stored secrets, explicit AES-256-GCM.
\set ECHO none
\set QUIET 1
\pset format unaligned
\pset tuples_only true

BEGIN;
SELECT plan(57);
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

-- rotation: the former key still opens, the new one seals
SELECT auth.secret_encrypt('old', 'c') AS old \gset
SELECT auth.key_rotate('A256GCM') AS kid \gset
SELECT is(auth.secret_decrypt(:'old', 'c'), 'old', 'after a rotation old values open');
SELECT is(convert_from(substr(auth.secret_encrypt('a', 'b'), 3, 22), 'UTF8'), :'kid', 'new ones are sealed with the new key');

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
RESET ROLE;

SELECT * FROM finish();
ROLLBACK;
