-- Tokens by given keys: what a header may say, and what nobody listens to (RFC 7515 §4, RFC 8725 §3.10).
\set ECHO none
\set QUIET 1
\pset format unaligned
\pset tuples_only true
\set VERBOSITY terse
\getenv abs_srcdir PG_ABS_SRCDIR
\set include :abs_srcdir '/include/jwt.psql'

BEGIN;
\i :include
SELECT plan(137);

-- The attacker's key, and tokens signed with it that bring it along: it is not looked at.
SELECT decode(repeat('a7', 32), 'hex') AS evil \gset
CREATE TABLE brought AS SELECT * FROM (VALUES
	('jwk', '"jwk":{"kty":"oct","alg":"HS256","k":"p6enp6enp6enp6enp6enp6enp6enp6enp6enp6enp6c"}'),
	('jwk with the kid', '"kid":"key-hs256","jwk":{"kty":"oct","alg":"HS256","kid":"key-hs256","k":"p6enp6enp6enp6enp6enp6enp6enp6enp6enp6enp6c"}'),
	('a set as jwk', '"jwk":{"keys":[{"kty":"oct","alg":"HS256","k":"p6enp6enp6enp6enp6enp6enp6enp6enp6enp6enp6c"}]}'),
	('jku', '"jku":"http://127.0.0.1:9/keys"'),
	('jku of a file', '"jku":"file:///etc/passwd"'),
	('x5u', '"x5u":"http://127.0.0.1:9/certificate"'),
	('x5c', '"x5c":["p6enp6enp6enp6enp6enp6enp6enp6enp6enp6enp6c="]'),
	('x5t', '"x5t":"p6enp6enp6enp6enp6enp6enp6c","x5t#S256":"p6enp6enp6enp6enp6enp6enp6enp6enp6enp6enp6c"'),
	('all of them', '"jwk":{"kty":"oct","k":"p6en"},"jku":"x","x5u":"x","x5c":["x"],"x5t":"x"')) AS b (label, members);
SELECT is(verdicts(forge(claims(), format('{"alg":"HS256",%s}', members), :'evil'), public('HS256')), '28000 bad_signature', label || ': the key that came along is not used') FROM brought;
SELECT is(verdicts(forge(claims(), format('{"alg":"HS256",%s}', members)), public('HS256')), 'accepted', label || ': nor in the way') FROM brought;
SELECT is(verdicts(split_part(forge(claims(), '{"alg":"RS256","jwk":' || (public('RS256')::text) || '}'), '.', 1) || '.' || split_part(t, '.', 2) || '.' || split_part(t, '.', 3), public('PS256')), '28000 wrong_algorithm',
	'a public key that came along') FROM auth.jwt_sign(claims()::jsonb, private('RS256')) AS t;

-- what would have to be understood
SELECT is(verdicts(forge(claims(), format('{"alg":"HS256",%s}', members)), public('HS256')), '28000 unsupported_extension', members) FROM
	unnest(ARRAY['"crit":["exp"]', '"crit":["b64"],"b64":false', '"crit":[]', '"crit":null', '"crit":"b64"', '"crit":{}', '"crit":["alg"]', '"cr\u0069t":["x"],"x":1', '"b64":false', '"b64":true', '"b64":null', '"b\u00364":false']) AS members;
-- RFC 7797: the payload as it is
SELECT is(verdicts(mac(b64u('{"alg":"HS256","b64":false,"crit":["b64"]}'), claims()), public('HS256')), '28000 unsupported_extension', 'an unencoded payload');
SELECT is(verdicts(mac(b64u('{"alg":"HS256"}'), '{"sub":1}'), public('HS256')), '28000 malformed_token', 'an unencoded payload that is silent about it');
SELECT is(verdicts(forge(claims(), format('{"alg":"HS256",%s}', members)), public('HS256')), '28000 malformed_header', members) FROM
	unnest(ARRAY['"enc":"A256GCM"', '"zip":"DEF"', '"enc":null']) AS members;

-- twice, or not what it should be
SELECT is(verdicts(forge(claims(), format('{"alg":"HS256",%s}', members)), public('HS256')), '28000 malformed_header', left(members, 60)) FROM
	unnest(ARRAY['"alg":"HS256"', '"alg":"none"', '"\u0061lg":"none"', '"typ":"JWT","typ":"JWT"', '"kid":"a","k\u0069d":"b"', '"x":1,"x":2', '"x":{"y":1,"y":1}',
		'"typ":1', '"typ":null', '"typ":["JWT"]', '"kid":1', '"kid":null', '"kid":[]', '"kid":{}', '"kid":true', '"kid":"' || repeat('k', 65) || '"', '"typ":"' || repeat('t', 40) || '"',
		'"x":"\u0000"', '"x":"\ud800"', '"x":"\udc00\ud800"', '"x":"\x"', '"x":01', '"x":+1', '"x":.5', '"x":1.', '"x":NaN', '"x":Infinity', '"x":TRUE', '"x":''y''', '"x":1,', 'x:1', '"x"', '"x":1}{', E'"x":"\t"', E'"x":\u00a01']) AS members;
SELECT is(verdicts(forge(claims(), raw), public('HS256')), '28000 malformed_header', 'the header ' || raw) FROM
	unnest(ARRAY['[]', '["HS256"]', '"HS256"', '1', 'null', 'true', '{}', '{', '{"alg":"HS256"}}', '{"alg":"HS256"} x', '[{"alg":"HS256"}]', '{''alg'':''HS256''}', E'\ufeff{"alg":"HS256"}', '//{"alg":"HS256"}', '{"alg":"HS256"/**/}', '{"ALG":"HS256"}', '{"alg ":"HS256"}']) AS raw;
SELECT is(verdicts(mac(b64u('{"alg":"HS256","x":"' || bytes || '"}'), b64u(claims())), public('HS256')), '28000 malformed_header', 'the bytes ' || encode(bytes, 'hex') || ' in a header') FROM
	unnest(ARRAY['\xff', '\x80', '\xc080', '\xeda080', '\xf4908080', '\xe282', '\x00']::bytea[]) AS bytes,
	LATERAL (SELECT '{"alg":"HS256","x":"'::bytea || bytes || '"}'::bytea) AS h (h) WHERE false;
CREATE FUNCTION with_header_bytes(bytes bytea) RETURNS text LANGUAGE sql STABLE RETURN mac(b64u('{"alg":"HS256","x":"'::bytea || bytes || '"}'::bytea), b64u(claims()));
SELECT is(verdicts(with_header_bytes(bytes), public('HS256')), '28000 malformed_header', 'the bytes ' || encode(bytes, 'hex') || ' in a header') FROM
	unnest(ARRAY['\xff', '\x80', '\xc080', '\xc1bf', '\xe08080', '\xeda080', '\xf08080af', '\xf4908080', '\xf5808080', '\xe282', '\x00', '\x1f']::bytea[]) AS bytes;

-- depth and size
SELECT is(verdicts(forge(claims(), format('{"alg":"HS256","x":%s}', x)), public('HS256')), expected, label) FROM (VALUES
	('nested fifteen deep', repeat('[', 15) || repeat(']', 15), 'accepted'),
	('nested sixteen deep in an object', repeat('[', 16) || repeat(']', 16), '28000 malformed_header'),
	('nested without end', repeat('[', 700), '28000 malformed_header'),
	('objects nested without end', repeat('{"a":', 150), '28000 malformed_header'),
	('a hundred members', '{' || (SELECT string_agg(format('"%s":1', n), ',') FROM generate_series(1, 99) AS n) || '}', '28000 malformed_header'),
	('a long header', '"' || repeat('x', 1010) || '"', '28000 token_too_long'),
	('a header of a megabyte', '"' || repeat('x', 1000000) || '"', '28000 token_too_long')) AS c (label, x, expected);
SELECT is(verdicts(forge(claims(), repeat('[', 1000000)), public('HS256')), '28000 token_too_long', 'a million brackets');

-- which key: by kid alone when there is one, else by any of the algorithm
SELECT jsonb_build_object('keys', jsonb_build_array(public('HS256') || '{"kid": "a", "k": "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"}', public('HS256') || '{"kid": "b"}', public('ES256'))) AS set \gset
SELECT is(verdicts(forge(claims(), format('{"alg":"HS256"%s}', kid)), :'set'), expected, coalesce(nullif(kid, ''), 'no kid')) FROM (VALUES
	('', 'accepted'), (',"kid":"b"', 'accepted'), (',"kid":"\u0062"', 'accepted'), (',"kid":""', 'accepted'), (',"kid":"a"', '28000 bad_signature'), (',"kid":"B"', '28000 unknown_key'), (',"kid":"b "', '28000 unknown_key'),
	(',"kid":"key-es256"', '28000 wrong_algorithm'), (',"kid":"../../dev/null"', '28000 unknown_key'), (',"kid":"'' OR 1=1 --"', '28000 unknown_key'), (',"kid":"%62"', '28000 unknown_key')) AS c (kid, expected);
-- a key without kid is tried on tokens without kid only
SELECT is(verdicts(forge(claims(), '{"alg":"HS256"}'), public('HS256') - 'kid'), 'accepted', 'neither names a kid');
SELECT is(verdicts(forge(claims(), '{"alg":"HS256","kid":"x"}'), public('HS256') - 'kid'), '28000 unknown_key', 'the token alone names one');
-- so many keys are tried, and not more
CREATE FUNCTION many(count int) RETURNS jsonb LANGUAGE sql STABLE AS $$
	SELECT jsonb_build_object('keys', (SELECT jsonb_agg(public('HS256') || jsonb_build_object('kid', 'k' || n, 'k', b64u(sha256(n::text::bytea)))) FROM generate_series(2, count) AS n) || jsonb_build_array(public('HS256')))
$$;
SELECT is(verdicts(forge(claims()), many(16)), 'accepted', 'the sixteenth key');
SELECT is(verdicts(forge(claims()), many(17)), '28000 unknown_key', 'the seventeenth');
SELECT is(verdicts(forge(claims(), '{"alg":"HS256","kid":"key-hs256"}'), many(100)), 'accepted', 'the hundredth, by name');

-- typ
SELECT is(jwt(forge(claims(), format('{"alg":"HS256"%s}', typ)), public('HS256')), expected, 'typ ' || coalesce(nullif(typ, ''), 'absent')) FROM (VALUES
	('', 'accepted'), (',"typ":"JWT"', 'accepted'), (',"typ":"jwt"', 'accepted'), (',"typ":"application/jwt"', 'accepted'), (',"typ":""', 'accepted'),
	(',"typ":"at+jwt"', '28000 wrong_token_type'), (',"typ":"one-time-reset+jwt"', '28000 wrong_token_type'), (',"typ":"JOSE"', '28000 wrong_token_type'), (',"typ":"JWT "', '28000 wrong_token_type'),
	(',"typ":"application/"', '28000 wrong_token_type'), (',"typ":"text/jwt"', '28000 wrong_token_type'), (',"typ":"secevent+jwt"', '28000 wrong_token_type')) AS c (typ, expected);
SELECT is(jws(forge('any bytes', '{"alg":"HS256","typ":"anything"}'), public('HS256')), 'accepted', 'jws_verify does not care for typ');

SELECT * FROM finish();
ROLLBACK;
