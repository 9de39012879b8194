-- Tokens by given keys: one spelling only (RFC 7515 §2, RFC 4648 §3.5), whatever the size, and however they are stored.
\set ECHO none
\set QUIET 1
\pset format unaligned
\pset tuples_only true
\set VERBOSITY terse
\getenv abs_srcdir PG_ABS_SRCDIR
\set include :abs_srcdir '/include/jwt.psql'

BEGIN;
\i :include
SELECT plan(69);

-- a payload whose base64url ends in spare bits
CREATE TABLE one AS SELECT split_part(t, '.', 1) AS h, split_part(t, '.', 2) AS p, split_part(t, '.', 3) AS s, t
	FROM forge(claims(raw => repeat(' ', (2 - length(claims()) % 3 + 3) % 3))) AS t;
SELECT is(length(p) % 4, 3, 'the payload has spare bits') FROM one;
SELECT is(verdicts(token, public('HS256')), CASE expected WHEN 'accepted' THEN '' ELSE '28000 ' END || expected, label) FROM one, LATERAL (VALUES
	('as it is', t, 'accepted'),
	('padding behind the signature', t || '=', 'bad_signature'), ('padding behind the payload, signed', mac(h, p || '='), 'malformed_token'), ('padding behind the header, signed', mac(h || '=', p), 'malformed_token'), ('escaped padding', mac(h, p || '%3D'), 'malformed_token'),
	('spare bits in the payload, signed', mac(h, left(p, -1) || chr(ascii(right(p, 1)) + 1)), 'malformed_token'),
	('spare bits in the signature', h || '.' || p || '.' || left(s, -1) || chr(ascii(right(s, 1)) + 1), 'malformed_token'),
	('a new line in the payload, signed', mac(h, overlay(p placing E'\n' from 5 for 0)), 'malformed_token'), ('a blank in the header, signed', mac(h || ' ', p), 'malformed_token'), ('a tab before it', E'\t' || t, 'malformed_token'), ('a new line behind it', t || E'\n', 'bad_signature'), ('a new line in the signature', h || '.' || p || '.' || overlay(s placing E'\n' from 5 for 1), 'malformed_token'),
	('the alphabet of base64, signed', mac(h, overlay(p placing '+' from 5 for 1)), 'malformed_token'), ('a slash, signed', mac(h, overlay(p placing '/' from 5 for 1)), 'malformed_token'),
	('a letter that only looks like one, signed', mac(h, overlay(p placing 'а' from 5 for 1)), 'malformed_token'), ('a full-width letter, signed', mac(h, overlay(p placing 'Ａ' from 5 for 1)), 'malformed_token'),
	('an incomplete group, signed', mac(h, p || 'AA'), 'malformed_token'), ('one character more, signed', mac(h, left(p, -2)), 'malformed_token'),
	('a dot behind', t || '.', 'malformed_token'), ('a dot before', '.' || t, 'malformed_token'), ('four parts', t || '.' || s, 'malformed_token'), ('five parts, as a JWE has', concat_ws('.', h, 'AA', p, s, s), 'malformed_token'), ('two parts', h || '.' || p, 'malformed_token'), ('one part', h, 'malformed_token'), ('dots alone', '..', 'malformed_token'), ('nothing', '', 'malformed_token'),
	('an empty header, signed', mac('', p), 'malformed_token'),
	('half a signature', h || '.' || p || '.' || left(s, 22), 'bad_signature'), ('a longer signature', t || 'AAAA', 'bad_signature'), ('the signature twice', t || s, 'bad_signature'), ('the signature in hexadecimal', h || '.' || p || '.' || encode(unb64u(s), 'hex'), 'bad_signature'),
	('the signature of another', h || '.' || p || '.' || split_part(forge(claims('{"a": 1}')), '.', 3), 'bad_signature'), ('the payload of another', h || '.' || b64u(claims('{"a": 1}')) || '.' || s, 'bad_signature'), ('the header of another', b64u('{"alg":"HS256","x":1}') || '.' || p || '.' || s, 'bad_signature'),
	('JSON serialization', json_build_object('protected', h, 'payload', p, 'signature', s)::text, 'malformed_token'), ('general JSON serialization', json_build_object('payload', p, 'signatures', json_build_array(json_build_object('protected', h, 'signature', s)))::text, 'malformed_token'),
	('Bearer before it', 'Bearer ' || t, 'malformed_token'), ('in quotes', '"' || t || '"', 'malformed_token'), ('a zero-width space before it', E'\u200b' || t, 'malformed_token'), ('a byte order mark before it', E'\ufeff' || t, 'malformed_token')
	) AS c (label, token, expected);

-- the empty payload: no JWT, but a JWS
SELECT is(jwt(mac(b64u('{"alg":"HS256"}'), ''), public('HS256')), jws, 'a JWT without payload') FROM (VALUES ('28000 bad_json')) AS v (jws);
SELECT is(auth.jws_verify(mac(b64u('{"alg":"HS256"}'), ''), public('HS256')), '', 'a JWS without payload');
SELECT is(auth.jws_verify(mac(b64u('{"alg":"HS256"}'), b64u(bytes)), public('HS256')), bytes, 'a JWS of the bytes ' || encode(bytes, 'hex')) FROM
	unnest(ARRAY['\x00', '\xff', '\x0001ff', '\x7b7d', '\xefbbbf', decode(repeat('00ff80', 20), 'hex')]::bytea[]) AS bytes;
SELECT is(auth.jws_verify(mac(b64u('{"alg":"HS256"}'), b64u(bytes)), public('HS256')), bytes, 'a JWS of 45 kB') FROM (SELECT convert_to(repeat('0123456789', 4500), 'UTF8')) AS b (bytes);

-- size: refused before it is read, decompressed or copied
SELECT is(verdicts(token, public('HS256')), '28000 token_too_long', label) FROM (VALUES
	('a token of 64 kB and more', forge(claims(raw => '"a":"' || repeat('a', 60000) || '",'))), ('8 MB of letters', repeat('a', 8388608)), ('8 MB of dots', repeat('.', 8388608)), ('8 MB in the signature', forge(claims()) || repeat('A', 8388608))) AS c (label, token);
SELECT is(verdicts(repeat('a', 65536), public('HS256')), '28000 malformed_token', 'exactly as long as is read');
SELECT is(verdicts(repeat('a', 65537), public('HS256')), '28000 token_too_long', 'a byte more');

-- out of a table: compressed, in the row and out of line, and the keys as well
CREATE TABLE stored (n int GENERATED ALWAYS AS IDENTITY, label text, token text, jwks jsonb, expected text);
INSERT INTO stored (label, token, jwks, expected) VALUES
	('short', forge(claims()), public('HS256'), 'accepted'), ('compressible', forge(claims(raw => '"a":"' || repeat('a', 40000) || '",')), public('HS256'), 'accepted'),
	('compressible and forged', forge(claims(raw => '"a":"' || repeat('a', 40000) || '",'), key => '\x00'), public('HS256'), '28000 bad_signature'),
	('hard to compress', (SELECT forge(claims(raw => '"a":"' || string_agg(md5(n::text), '') || '",')) FROM generate_series(1, 1000) AS n), public('HS256'), 'accepted'),
	('a set of a hundred keys', forge(claims(), '{"alg":"HS256","kid":"key-hs256"}'), (SELECT jsonb_build_object('keys', jsonb_agg(public('HS256') || jsonb_build_object('kid', 'k' || n)) || jsonb_build_array(public('HS256'))) FROM generate_series(1, 99) AS n), 'accepted'),
	('8 MB', repeat('.', 8388608), public('HS256'), '28000 token_too_long');
SELECT is(verdicts(token, jwks), expected, 'stored: ' || label) FROM stored ORDER BY n;
SELECT cmp_ok(pg_column_size(token), '<', 2000, 'one was compressed indeed') FROM stored WHERE label = 'compressible';
ALTER TABLE stored ALTER token SET STORAGE EXTERNAL, ALTER jwks SET STORAGE EXTERNAL;
UPDATE stored SET token = token || '', jwks = jwks || '{}';
SELECT is(verdicts(token, jwks), expected, 'stored out of line: ' || label) FROM stored ORDER BY n;

SELECT * FROM finish();
ROLLBACK;
