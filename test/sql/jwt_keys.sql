-- Tokens by given keys: what is taken for a key, and what is not (RFC 7517, RFC 7518, RFC 8725 §3.5), and keeping them parsed.
\set ECHO none
\set QUIET 1
\pset format unaligned
\pset tuples_only true
\set VERBOSITY terse
\getenv abs_srcdir PG_ABS_SRCDIR
\set include :abs_srcdir '/include/jwt.psql'

BEGIN;
\i :include
SELECT plan(206);

-- keys to verify by
CREATE FUNCTION key(jwks jsonb, name text DEFAULT 'HS256') RETURNS text LANGUAGE sql STABLE
	RETURN verdict(CASE name WHEN 'HS256' THEN forge(claims()) ELSE auth.jwt_sign(claims()::jsonb, private(name) - 'kid') END, 'SELECT auth.jws_verify($1, $2)', jwks);
SELECT is(key(public('HS256') || more), expected, 'HS256 with ' || more::text) FROM (VALUES
	('{}'::jsonb, 'accepted'), ('{"kid": "other"}', 'accepted'), ('{"x": [1, {"y": null}]}', 'accepted'), ('{"key_ops": ["verify"]}', 'accepted'), ('{"key_ops": ["sign", "verify"]}', 'accepted'),
	('{"kty": "OCT"}', '22023 unknown_key_type'), ('{"kty": "x"}', '22023 unknown_key_type'), ('{"kty": 1}', '22023 malformed_key'), ('{"kty": null}', '22023 malformed_key'),
	('{"alg": "none"}', '22023 wrong_key_algorithm'), ('{"alg": "hs256"}', '22023 wrong_key_algorithm'), ('{"alg": "RS256"}', '22023 wrong_key_algorithm'), ('{"alg": 1}', '22023 malformed_key'), ('{"alg": "A256GCM"}', '22023 wrong_key_use'), ('{"alg": "HS384"}', '22023 weak_key'), ('{"alg": "HS512"}', '22023 weak_key'),
	('{"use": "enc"}', '22023 wrong_key_use'), ('{"use": "SIG"}', '22023 wrong_key_use'), ('{"use": 1}', '22023 malformed_key'), ('{"key_ops": []}', '22023 wrong_key_use'), ('{"key_ops": ["encrypt"]}', '22023 wrong_key_use'), ('{"key_ops": "verify"}', '22023 malformed_key'), ('{"key_ops": [1]}', '22023 malformed_key'), ('{"key_ops": ["sign"]}', '28000 wrong_key_use'),
	('{"kid": 1}', '22023 malformed_key'), ('{"kid": ""}', '22023 malformed_key'), ('{"kid": "\u00e9"}', '22023 malformed_key'),
	('{"k": null}', '22023 malformed_key'), ('{"k": 1}', '22023 malformed_key'), ('{"k": ""}', '22023 weak_key'), ('{"k": "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHg"}', '22023 weak_key'), ('{"k": "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="}', '22023 malformed_key'), ('{"k": "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh9"}', '22023 malformed_key'), ('{"k": "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"}', '28000 bad_signature'),
	('{"state": "retired"}', '28000 wrong_key_use'), ('{"state": "x"}', '22023 wrong_key_state')) AS c (more, expected);
SELECT is(key(jwks), expected, 'as a set: ' || left(jwks::text, 60)) FROM (VALUES
	('[]'::jsonb, '22023 malformed_key'), ('"x"', '22023 malformed_key'), ('1', '22023 malformed_key'), ('null', '22023 malformed_key'), ('{}', '22023 malformed_key'), ('{"keys": null}', '22023 malformed_key'), ('{"keys": {}}', '22023 malformed_key'), ('{"keys": "x"}', '22023 malformed_key'), ('{"keys": []}', '22023 no_key'), ('{"keys": [1]}', '22023 malformed_key'), ('{"keys": [null]}', '22023 malformed_key'), ('{"keys": [[]]}', '22023 malformed_key'), ('{"keys": [{}]}', '22023 malformed_key'),
	(jsonb_build_array(public('HS256')), '22023 malformed_key'), (jsonb_build_object('keys', jsonb_build_array(public('HS256'))) || public('HS256'), '22023 malformed_key'), (jsonb_build_object('KEYS', jsonb_build_array(public('HS256'))), '22023 malformed_key'),
	(jsonb_build_object('keys', jsonb_build_array(public('HS256'))), 'accepted')) AS c (jwks, expected);
-- what is not known is passed over among others, and an error alone (RFC 7517 §5)
SELECT is(key(jsonb_build_object('keys', jsonb_build_array(odd::jsonb, public('HS256')))), 'accepted', 'beside ' || odd) FROM unnest(ARRAY['{"kty": "future"}', '{"kty": "oct", "alg": "HS1024", "k": ""}', '{"kty": "OKP", "crv": "X25519", "x": "AA", "alg": "ECDH-ES"}', '{"kty": "RSA", "use": "enc", "alg": "RSA-OAEP", "n": "AQ", "e": "AQAB"}']) AS odd;
-- identifiers twice
SELECT is(key(jsonb_build_object('keys', jsonb_build_array(public('HS256'), public(name) || '{"kid": "key-hs256"}'))), '22023 duplicate_key', 'the kid of another, a ' || name || ' key') FROM unnest(ARRAY['HS256', 'HS384', 'RS256', 'ES256', 'Ed25519']) AS name;
SELECT is(key(jsonb_build_object('keys', jsonb_build_array(public('HS256') - 'kid', public('HS256') - 'kid'))), 'accepted', 'two without any');
-- private parts
SELECT is(key(private, name), '22023 private_key', name || ': the private key does not verify') FROM keys WHERE alg NOT LIKE 'HS%' ORDER BY name;
SELECT is(key(public || jsonb_build_object(part, private -> part), name), '22023 private_key', name || ': nor any part of it, ' || part) FROM keys, unnest(ARRAY['d', 'p', 'q', 'dp', 'dq', 'qi']) AS part WHERE name IN ('RS256', 'ES256', 'Ed25519') AND private ? part ORDER BY name, part;
SELECT is(key(jsonb_build_object('keys', jsonb_build_array(public('HS256'), private('ES256')))), '22023 private_key', 'nor beside a good one');
-- weak and broken keys
SELECT is(key(public(name) || more, name), expected, name || ' with ' || left(more::text, 60)) FROM (VALUES
	('RS256', '{"n": "AQAB"}'::jsonb, '22023 weak_key'), ('RS256', jsonb_build_object('n', b64u(decode(repeat('c5', 128), 'hex'))), '22023 weak_key'), ('RS256', '{"n": ""}', '22023 malformed_key'), ('RS256', '{"n": 1}', '22023 malformed_key'),
	('RS256', '{"e": "AQ"}', '22023 malformed_key'), ('RS256', '{"e": "Ag"}', '22023 malformed_key'), ('RS256', '{"e": ""}', '22023 malformed_key'), ('RS256', jsonb_build_object('n', b64u('\x00' || unb64u(public('RS256') ->> 'n'))), '22023 malformed_key'),
	('ES256', '{"x": "AQ"}', '22023 malformed_key'), ('ES256', jsonb_build_object('x', public('ES256') -> 'y'), '22023 malformed_key'), ('ES256', jsonb_build_object('y', b64u(set_byte(unb64u(public('ES256') ->> 'y'), 31, get_byte(unb64u(public('ES256') ->> 'y'), 31) # 1))), '22023 malformed_key'), ('ES256', jsonb_build_object('x', b64u(decode(repeat('00', 32), 'hex')), 'y', b64u(decode(repeat('00', 32), 'hex'))), '22023 malformed_key'),
	('ES256', '{"crv": "P-384"}', '22023 malformed_key'), ('ES256', '{"crv": "P-192"}', '22023 unknown_key_type'), ('ES256', '{"crv": "secp256k1"}', '22023 unknown_key_type'), ('ES256', '{"alg": "ES384"}', '22023 malformed_key'),
	('Ed25519', '{"crv": "Ed448"}', '22023 malformed_key'), ('Ed25519', '{"crv": "X25519"}', '22023 unknown_key_type'), ('Ed25519', '{"x": ""}', '22023 malformed_key'), ('Ed25519', '{"kty": "EC"}', '22023 wrong_key_algorithm')) AS c (name, more, expected);

-- so many, so large, so deep
SELECT is(key(jsonb_build_object('keys', (SELECT jsonb_agg(public('HS256') || jsonb_build_object('kid', 'k' || n)) FROM generate_series(1, count) AS n))), expected, count || ' keys') FROM (VALUES (16, 'accepted'), (100, 'accepted'), (101, '22023 json_too_large'), (2000, '22023 json_too_large')) AS c (count, expected);
SELECT is(count(*), 100::bigint, 'a set of 2000 RSA keys, a hundred times') FROM generate_series(1, 100),
	(SELECT jsonb_build_object('keys', jsonb_agg(public('RS256') || jsonb_build_object('kid', 'k' || n))) FROM generate_series(1, 2000) AS n) AS s (jwks) WHERE key(jwks) = '22023 json_too_large';
SELECT is(key(public('HS256') || jsonb_build_object('x', repeat('x', 1000000))), '22023 json_too_large', 'a key of a megabyte');
SELECT is(key(public('HS256') || ('{"x": ' || repeat('[', n) || repeat(']', n) || '}')::jsonb), expected, 'a key nested ' || n || ' deep') FROM (VALUES (14, 'accepted'), (20, '22023 json_too_deep'), (3000, '22023 json_too_deep')) AS c (n, expected);
SELECT is(verdict('x', 'SELECT auth.jws_verify($1, (repeat(''['', 1000000) || repeat('']'', 1000000))::jsonb)'), '54001', 'a million brackets are refused by jsonb');

-- keys to sign with
CREATE FUNCTION signs(jwk jsonb, claims jsonb DEFAULT '{"exp": 1}') RETURNS text LANGUAGE sql RETURN verdict('', format('SELECT auth.jwt_sign(%L, %L)', claims, jwk));
SELECT is(signs(public), '22023', name || ': a public key does not sign') FROM keys WHERE alg NOT LIKE 'HS%' ORDER BY name;
SELECT throws_ok(format('SELECT auth.jwt_sign(''{}'', %L)', public('ES256')), '22023', 'the key cannot sign', 'and says so');
SELECT is(signs(jwk), expected, label) FROM (VALUES
	('a set of one', jsonb_build_object('keys', jsonb_build_array(private('ES256'))), 'accepted'), ('a set of several', jsonb_build_object('keys', jsonb_build_array(private('ES256'), private('HS256'))), '22023'), ('an empty set', '{"keys": []}', '22023 no_key'),
	('key_ops verify', private('HS256') || '{"key_ops": ["verify"]}', '22023'), ('key_ops sign', private('HS256') || '{"key_ops": ["sign"]}', 'accepted'), ('use enc', private('HS256') || '{"use": "enc"}', '22023 wrong_key_use'), ('a sealing key', '{"kty": "oct", "alg": "A256GCM", "k": "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"}', '22023 wrong_key_use'),
	('a retired key', private('HS256') || '{"state": "retired"}', '22023 wrong_key_use'), ('a short key', private('HS256') || '{"k": "AAAA"}', '22023 weak_key'), ('an oct key without alg', private('HS256') - 'alg', '22023 wrong_key_algorithm'), ('no object', '[]', '22023 malformed_key'), ('a private part of another', private('ES256') || '{"d": "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"}', '22023 malformed_key')) AS c (label, jwk, expected);
SELECT is(auth.jwt_sign(NULL, '{}'), NULL, 'no claims, no token');
SELECT is(auth.jwt_sign('{}', NULL), NULL, 'no key, no token');
-- what is signed is what was given
SELECT is(convert_from(auth.jws_verify(auth.jwt_sign(c, private('ES256')), public('ES256')), 'UTF8')::jsonb, c, left(c::text, 60)) FROM unnest(ARRAY['{}', '{"exp": 1}', '{"a": null}', '{"iat": 5, "a": [1, -2.50, 1e30, {"b": "ä\n\"\\ x"}]}', '{"": ""}', '{"kid": "x", "alg": "none"}']::jsonb[]) AS c;
SELECT is(signs(private('HS256'), c), expected, 'claims ' || left(c::text, 60)) FROM (VALUES
	('[]'::jsonb, '22023'), ('"x"', '22023'), ('1', '22023'), ('null', '22023'), ('[{"exp": 1}]', '22023'), ('{"exp": "1"}', '22023 malformed_claim'), ('{"exp": 1.5}', '22023 malformed_claim'), ('{"exp": 1e300}', '22023 malformed_claim'), ('{"iat": null}', '22023 malformed_claim'), ('{"nbf": []}', '22023 malformed_claim'), ('{"aud": 1}', '22023 malformed_claim'), ('{"iss": []}', '22023 malformed_claim'),
	(('{"x": ' || repeat('[', 20) || repeat(']', 20) || '}')::jsonb, '22023 json_too_deep'), (jsonb_build_object('a', repeat('a', 1000000)), '22023 token_too_long'), (jsonb_build_object('a', repeat('a', 40000)), 'accepted'), ((SELECT jsonb_object_agg(n, n) FROM generate_series(1, 3000) AS n), '22023 json_too_large')) AS c (c, expected);
SELECT throws_ok('SELECT auth.jwt_sign(''{"a": "\u0000"}'', ''{}'')', '22P05', NULL, 'jsonb holds no NUL');
SELECT is(auth.jwt_sign('{"exp": 1}', private - 'kid') ~ '^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+$', true, name || ': compact, without padding') FROM keys ORDER BY name;
SELECT is(auth.jwt_sign('{"exp": 1}', private) = auth.jwt_sign('{"exp": 1}', private), alg !~ '^(PS|ES)', name || ': signatures are ' || CASE WHEN alg ~ '^(PS|ES)' THEN 'random' ELSE 'the same' END) FROM keys ORDER BY name;

-- kept keys: which one it was is decided by every byte, after more of them than are kept
CREATE TABLE rivals AS SELECT n, public('HS256') || jsonb_build_object('k', b64u(sha256(n::text::bytea))) AS jwk, forge(claims(), key => sha256(n::text::bytea)) AS token FROM generate_series(1, 40) AS n;
SELECT is_empty($$ SELECT a.n, b.n FROM rivals AS a, rivals AS b WHERE (jwt(a.token, b.jwk) = 'accepted') <> (a.n = b.n) $$, 'forty keys in turn, each for its own token alone');
SELECT is(jwt(token, jwk), 'accepted', 'a key that was used before') FROM rivals WHERE n = 1;
SELECT is(jwt(token, jwk || '{"key_ops": ["sign"]}'), '28000 wrong_key_use', 'and the same, changed') FROM rivals WHERE n = 1;
SELECT is(jwt(auth.jwt_sign(claims()::jsonb, private('ES256')), private('ES256')), '22023 private_key', 'a key that signs well is still none to verify by');
SELECT is(has_function_privilege(role, f::regprocedure, 'EXECUTE'), role = 'auth_admin', role || CASE role WHEN 'auth_admin' THEN ' may call ' ELSE ' may not call ' END || f)
	FROM unnest(ARRAY['anon', 'authenticated', 'auth_platform', 'auth_admin']) AS role, unnest(ARRAY['auth.jwt_sign(jsonb,jsonb)', 'auth.jwt_verify(text,jsonb,jsonb)', 'auth.jws_verify(text,jsonb)']) AS f;

SELECT * FROM finish();
ROLLBACK;
