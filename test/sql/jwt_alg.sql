-- Tokens by given keys: every algorithm, and none that the key does not have (RFC 8725 §2.1, §3.1, §3.2).
\set ECHO none
\set QUIET 1
\pset format unaligned
\pset tuples_only true
\set VERBOSITY terse
\getenv abs_srcdir PG_ABS_SRCDIR
\set include :abs_srcdir '/include/jwt.psql'

BEGIN;
\i :include
SELECT plan(112);

-- every algorithm, there and back, with nothing added
CREATE TABLE tokens AS SELECT k.name, k.alg, k.public, auth.jwt_sign(claims()::jsonb, k.private) AS token FROM keys AS k;
SELECT is(auth.jwt_verify(token, public) - 'iat' - 'exp', '{"sub": "anna"}', name || ': the claims come back') FROM tokens ORDER BY name;
SELECT is(convert_from(unb64u(split_part(token, '.', 1)), 'UTF8')::jsonb, jsonb_build_object('alg', alg, 'kid', public ->> 'kid', 'typ', 'JWT'),
	name || ': the header says alg, kid and typ') FROM tokens ORDER BY name;
SELECT is(convert_from(auth.jws_verify(token, public), 'UTF8')::jsonb, auth.jwt_verify(token, public), name || ': and so does the payload') FROM tokens ORDER BY name;

-- the algorithm is the key's: each token by each other key, under the kid that the token names, and under none
SELECT is_empty($$
	SELECT t.name, k.name, verdicts(t.token, k.public || jsonb_build_object('kid', t.public ->> 'kid')) FROM tokens AS t, keys AS k
	WHERE t.alg <> k.alg AND verdicts(t.token, k.public || jsonb_build_object('kid', t.public ->> 'kid')) <> '28000 wrong_algorithm'
$$, 'no token verifies by a key of another algorithm');
SELECT is(jwt(token, (SELECT jsonb_build_object('keys', jsonb_agg(k.public)) FROM keys AS k WHERE k.name <> t.name)), '28000 unknown_key',
	name || ': is not tried by the keys of others') FROM tokens AS t ORDER BY name;
SELECT is(jwt(token, (SELECT jsonb_build_object('keys', jsonb_agg(k.public)) FROM keys AS k)), 'accepted', name || ': finds its own among all') FROM tokens ORDER BY name;
SELECT is(verdicts(a.token, b.public || jsonb_build_object('kid', a.public ->> 'kid')), '28000 bad_signature', 'Ed25519 and Ed448 share a name, not a signature')
	FROM tokens AS a, tokens AS b WHERE a.alg = 'EdDSA' AND b.alg = 'EdDSA' AND a.name <> b.name;

-- none, in any spelling, with and without a signature, by every key
CREATE TABLE nothing AS SELECT alg FROM unnest(ARRAY['none', 'None', 'NONE', 'nOnE', 'NoNe', 'none ', ' none', '', 'null', 'n\u006fne', 'HS256none', 'non\u0435']) AS alg;
SELECT is_empty($$
	SELECT n.alg, k.name FROM nothing AS n, keys AS k, unnest(ARRAY['', 'AA', split_part(auth.jwt_sign('{"exp": 1}', k.private), '.', 3)]) AS signature
	WHERE verdicts(b64u(format('{"alg":"%s"}', n.alg)) || '.' || b64u(claims()) || '.' || signature, k.public) NOT IN ('28000 malformed_token', '28000 wrong_algorithm', '28000 token_without_signature')
$$, 'none does not exist, however it is written');
SELECT is(verdicts(forge(claims(), format('{"alg":%s}', alg)), public('HS256')), '28000 wrong_algorithm', 'alg ' || alg || ', with the right HMAC') FROM
	unnest(ARRAY['"none"', '"hs256"', '"HS256 "', '"HS-256"', '"sha256"', '"HS1"', '"A256GCM"', '"HKDF-SHA256"', '"dir"', '"A128KW"', '"RSA1_5"', '"ES256K"', '"ES521"', '"Ed25519"', '1', 'null', 'true', '["HS256"]', '{"HS256":1}']) AS alg;
SELECT is(verdicts(forge(claims(), '{"typ":"JWT"}'), public('HS256')), '28000 malformed_header', 'no alg');
SELECT is(verdicts(forge(claims(), format('{"alg":"%s"}', alg), NULL, hash), public('HS256')), expected, alg || ' with ' || hash || ' by the key of HS256') FROM
	(VALUES ('HS256', 'sha256', 'accepted'), ('HS384', 'sha384', '28000 wrong_algorithm'), ('HS512', 'sha512', '28000 wrong_algorithm'),
		('HS256', 'sha512', '28000 bad_signature'), ('HS256', 'sha1', '28000 bad_signature')) AS c (alg, hash, expected);

-- RS256 to HS256: what is public as a secret, in every form that it is kept in
CREATE TABLE forms (form text, bytes bytea);
INSERT INTO forms SELECT 'PEM' || CASE n WHEN 0 THEN '' WHEN 1 THEN ' without its last new line' WHEN 2 THEN ' with CRLF' WHEN 3 THEN ' on one line' WHEN 4 THEN ', its base64 alone' ELSE ' with spaces' END,
		convert_to(CASE n WHEN 0 THEN pem WHEN 1 THEN rtrim(pem, E'\n') WHEN 2 THEN replace(pem, E'\n', E'\r\n') WHEN 3 THEN replace(pem, E'\n', '')
			WHEN 4 THEN regexp_replace(pem, '-----[^-]+-----|\n', '', 'g') ELSE replace(pem, E'\n', ' ') END, 'UTF8')
	FROM (SELECT :'rsa_pem'::text) AS p (pem), generate_series(0, 5) AS n;
INSERT INTO forms SELECT 'DER', decode(regexp_replace(:'rsa_pem', '-----[^-]+-----|\n', '', 'g'), 'base64');
INSERT INTO forms SELECT 'DER of PKCS#1', substr(bytes, 25) FROM forms WHERE form = 'DER';
INSERT INTO forms SELECT 'JWK as jsonb', convert_to(public('RS256')::text, 'UTF8');
INSERT INTO forms SELECT 'JWK as json', convert_to(replace(public('RS256')::text, ' ', ''), 'UTF8');
INSERT INTO forms SELECT 'JWK Set', convert_to(jsonb_build_object('keys', jsonb_build_array(public('RS256')))::text, 'UTF8');
INSERT INTO forms SELECT name || ' ' || member, unb64u(public(name) ->> member) FROM (VALUES ('RS256', 'n'), ('RS256', 'e'), ('ES256', 'x'), ('ES256', 'y'), ('Ed25519', 'x'), ('Ed448', 'x')) AS m (name, member);
INSERT INTO forms SELECT name || ' ' || member || ' in base64url', convert_to(public(name) ->> member, 'UTF8') FROM (VALUES ('RS256', 'n'), ('ES256', 'x'), ('Ed25519', 'x')) AS m (name, member);
INSERT INTO forms SELECT 'ES256 point', '\x04' || unb64u(public('ES256') ->> 'x') || unb64u(public('ES256') ->> 'y');
INSERT INTO forms VALUES ('nothing', ''), ('a zero', '\x00'), ('32 zeros', decode(repeat('00', 32), 'hex'));
SELECT is_empty($$
	SELECT f.form, k.name, h.alg, kid FROM forms AS f, keys AS k, (VALUES ('HS256', 'sha256'), ('HS384', 'sha384'), ('HS512', 'sha512')) AS h (alg, hash), unnest(ARRAY['', ',"kid":"' || (k.public ->> 'kid') || '"']) AS kid
	WHERE k.alg NOT LIKE 'HS%' AND verdicts(forge(claims(), format('{"alg":"%s"%s}', h.alg, kid), f.bytes, h.hash), k.public) <> '28000 wrong_algorithm'
$$, 'no form of a public key is a secret');
SELECT cmp_ok(count(*), '>=', 24::bigint, 'there are two dozen forms') FROM forms;
-- and the key that says so itself is not the key that was given
SELECT is(verdicts(forge(claims(), '{"alg":"HS256","kid":"key-rs256"}', f.bytes), jsonb_build_object('keys', jsonb_build_array(public('RS256'), public('HS256')))), '28000 wrong_algorithm', 'nor beside a real one: ' || f.form)
	FROM forms AS f ORDER BY f.form COLLATE "C" LIMIT 6;

-- signatures that a careless verifier takes for any message
CREATE TABLE psychic AS SELECT k.name, label, bytes FROM keys AS k,
	LATERAL (SELECT CASE k.name WHEN 'ES256' THEN 32 WHEN 'ES384' THEN 48 WHEN 'ES512' THEN 66 END AS n) AS s,
	LATERAL (SELECT decode(CASE k.name
		WHEN 'ES256' THEN 'ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551'
		WHEN 'ES384' THEN 'ffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf581a0db248b0a77aecec196accc52973'
		ELSE '01fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffa51868783bf2f966b7fcc0148f709a5d03bb5c9b8899c47aebb6fb71e91386409' END, 'hex') AS ord) AS o,
	LATERAL (SELECT decode(repeat('00', n), 'hex') AS zero, decode(repeat('00', n - 1) || '01', 'hex') AS one) AS z,
	LATERAL (VALUES ('r = s = 0', zero || zero), ('r = 0', zero || one), ('s = 0', one || zero), ('r = s = 1', one || one), ('r = n, s = 0', ord || zero), ('r = s = n', ord || ord), ('r = 0, s = n', zero || ord),
		('a DER signature of zeros', '\x3006020100020100'::bytea), ('half', zero), ('twice as long', zero || zero || zero || zero)) AS v (label, bytes)
	WHERE k.alg LIKE 'ES%';
SELECT is_empty($$
	SELECT p.name, p.label, verdicts(b64u(format('{"alg":"%s"}', p.name)) || '.' || b64u(claims()) || '.' || b64u(p.bytes), public(p.name)) FROM psychic AS p
	WHERE verdicts(b64u(format('{"alg":"%s"}', p.name)) || '.' || b64u(claims()) || '.' || b64u(p.bytes), public(p.name)) <> '28000 bad_signature'
$$, 'psychic signatures');
SELECT is_empty($$
	SELECT k.name, byte, verdicts(b64u(format('{"alg":"%s"}', k.alg)) || '.' || b64u(claims()) || '.' || b64u(decode(repeat(byte, n), 'hex')), k.public)
	FROM keys AS k, LATERAL (SELECT length(unb64u(split_part(auth.jwt_sign('{"exp": 1}', k.private), '.', 3))) AS n) AS s, unnest(ARRAY['00', '01', 'ff']) AS byte
	WHERE verdicts(b64u(format('{"alg":"%s"}', k.alg)) || '.' || b64u(claims()) || '.' || b64u(decode(repeat(byte, n), 'hex')), k.public) <> '28000 bad_signature'
$$, 'a signature of one byte repeated');
-- RSA with e = 3 and a signature that is a cube root would need a key of e = 3
SELECT is(jwt(token, public || '{"e": "Aw"}'), CASE WHEN jwt(token, public || '{"e": "Aw"}') ~ '^22023' THEN jwt(token, public || '{"e": "Aw"}') ELSE '28000 bad_signature' END, name || ' by a key with another exponent') FROM tokens WHERE name IN ('RS256', 'PS256') ORDER BY name;
-- the other signature of the same message: ES256 (r, n - s) is one that RFC 7515 allows; that of EdDSA, S + L, is not
SELECT is_empty($$
	SELECT t.name FROM tokens AS t, LATERAL (SELECT unb64u(split_part(t.token, '.', 3)) AS s) AS s
	WHERE t.alg = 'EdDSA' AND verdicts(split_part(t.token, '.', 1) || '.' || split_part(t.token, '.', 2) || '.' ||
		b64u(set_byte(s, length(s) - CASE t.name WHEN 'Ed25519' THEN 1 ELSE 2 END, get_byte(s, length(s) - CASE t.name WHEN 'Ed25519' THEN 1 ELSE 2 END) | 192)), t.public) <> '28000 bad_signature'
$$, 'a larger S is no signature');

SELECT * FROM finish();
ROLLBACK;
