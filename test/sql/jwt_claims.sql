-- Tokens by given keys: the payload is one JSON object, strictly, and its times make sense (RFC 7519 §4.1, RFC 8725 §3.8 and §3.9).
\set ECHO none
\set QUIET 1
\pset format unaligned
\pset tuples_only true
\set VERBOSITY terse
\getenv abs_srcdir PG_ABS_SRCDIR
\set include :abs_srcdir '/include/jwt.psql'

BEGIN;
\i :include
SELECT plan(227);

-- claims with raw text put before them, and with changes
CREATE FUNCTION raw(text) RETURNS text LANGUAGE sql STABLE RETURN jwt(forge(claims(raw => $1 || ',')), public('HS256'));
CREATE FUNCTION changed(more jsonb, without text[] DEFAULT '{}') RETURNS text LANGUAGE sql STABLE RETURN jwt(forge(claims(more, without)), public('HS256'));
CREATE FUNCTION of_bytes(bytea) RETURNS text LANGUAGE sql STABLE RETURN jwt(mac(b64u('{"alg":"HS256"}'), b64u($1)), public('HS256'));

SELECT is(jwt(forge(payload), public('HS256')), expected, 'payload ' || payload) FROM (VALUES
	('[]', '28000 malformed_payload'), ('[{"exp":9999999999}]', '28000 malformed_payload'), ('"x"', '28000 malformed_payload'), ('1', '28000 malformed_payload'), ('null', '28000 malformed_payload'), ('true', '28000 malformed_payload'),
	('{}', '28000 missing_claim'), ('{', '28000 bad_json'), ('{}{}', '28000 bad_json'), ('{"a":1,}', '28000 bad_json'), ('{,}', '28000 bad_json'), ('{a:1}', '28000 bad_json'), ('{"a"}', '28000 bad_json'), ('/**/{}', '28000 bad_json'), (' ', '28000 bad_json'), ('Zm9v', '28000 bad_json')) AS p (payload, expected);

-- names twice
SELECT is(raw(x), expected, left(x, 60)) FROM (VALUES
	('"exp":1', '28000 json_duplicate_member'), ('"\u0065xp":9999999999', '28000 json_duplicate_member'), ('"sub":"eve"', '28000 json_duplicate_member'), ('"s\u0075b":"eve"', '28000 json_duplicate_member'),
	('"a":1,"a":1', '28000 json_duplicate_member'), ('"a":{"b":1,"\u0062":1}', '28000 json_duplicate_member'), ('"":1,"":1', '28000 json_duplicate_member'), ('"a":[{"b":1,"b":2}]', '28000 json_duplicate_member'),
	('"\ud83d\ude00":1,"😀":1', '28000 json_duplicate_member'), ('"é":1,"e\u0301":1', 'accepted'), ('"é":1,"\u00e9":1', '28000 json_duplicate_member'), ('"SUB":"eve"', 'accepted'), ('"exp ":1', 'accepted'), ('"a":{"exp":1,"sub":[]}', 'accepted'),
-- what is no JSON, NUL and lone surrogates, numbers and words that only look like it
	('"a":"\u0000"', '28000 bad_json'), ('"\u0000":1', '28000 bad_json'), ('"a":"\ud800"', '28000 bad_json'), ('"a":"\ud800x"', '28000 bad_json'), ('"a":"\udc00\ud800"', '28000 bad_json'), ('"a":"\u00"', '28000 bad_json'), ('"a":"\x41"', '28000 bad_json'), ('"a":"\', '28000 bad_json'),
	('"a":NaN', '28000 bad_json'), ('"a":-NaN', '28000 bad_json'), ('"a":Infinity', '28000 bad_json'), ('"a":-Infinity', '28000 bad_json'), ('"a":0x10', '28000 bad_json'), ('"a":1_000', '28000 bad_json'), ('"a":01', '28000 bad_json'), ('"a":-', '28000 bad_json'), ('"a":1e', '28000 bad_json'), ('"a":1e+', '28000 bad_json'),
	('"a":.5', '28000 bad_json'), ('"a":5.', '28000 bad_json'), ('"a":+5', '28000 bad_json'), ('"a":True', '28000 bad_json'), ('"a":nul', '28000 bad_json'), ('"a":undefined', '28000 bad_json'), ('"a":''b''', '28000 bad_json'), ('"a":[1,]', '28000 bad_json'), ('"a":[1 2]', '28000 bad_json'), ('"a":{"b":}', '28000 bad_json'),
	('"a":"\ud83d\ude00"', 'accepted'), ('"a":1e400', 'accepted'), ('"a":-1.5E-400', 'accepted'), ('"a":1e999999999', '22003'), ('"a":123456789012345678901234567890.5', 'accepted'),
-- depth and size
	('"a":' || repeat('[', 15) || repeat(']', 15), 'accepted'), ('"a":' || repeat('[', 16) || repeat(']', 16), '28000 json_too_deep'), ('"a":' || repeat('[', 40000), '28000 json_too_deep'), ('"a":' || repeat('{"a":', 8000), '28000 json_too_deep'),
	('"a":[' || repeat('1,', 5000) || '1]', '28000 json_too_large'), ('"a":"' || repeat('a', 40000) || '"', 'accepted'), ('"a":"' || repeat('a', 60000) || '"', '28000 token_too_long'), ('"a":' || repeat('[', 1000000), '28000 token_too_long')
	) AS c (x, expected);
SELECT is(of_bytes('{"exp":9999999999,"a":"'::bytea || bytes || '"}'::bytea), '28000 bad_utf8', 'the bytes ' || encode(bytes, 'hex')) FROM
	unnest(ARRAY['\xff', '\x80', '\xc080', '\xc1bf', '\xe08080', '\xeda080', '\xedbfbf', '\xf08080af', '\xf4908080', '\xf5808080', '\xe282', '\xc3']::bytea[]) AS bytes;
SELECT is(of_bytes(bytes), '28000 bad_json', 'a payload of the bytes ' || encode(bytes, 'hex')) FROM unnest(ARRAY['\x00', '\x7b7d00', '\xefbbbf7b7d', '\xfffe7b007d00', '\x7b2261223a2200227d']::bytea[]) AS bytes;

-- every time, in every form that is none
CREATE TABLE forms (value text, reason text);
INSERT INTO forms SELECT v, 'malformed_claim' FROM unnest(ARRAY['null', 'true', '""', '"1"', '"9999999999"', '[]', '[9999999999]', '{}', '{"a":1}', '1.5', '1.0', '9999999999.0', '9.9e9', '1E10', '1e1', '1e400', '1e-400', '-1e400', '1e999999999',
	'9007199254740992', '-9007199254740992', '1152921504606846976', '9223372036854775807', '9223372036854775808', '-9223372036854775809', '18446744073709551616', '1' || repeat('0', 400), '0.' || repeat('0', 400) || '1']) AS v;
INSERT INTO forms SELECT v, 'bad_json' FROM unnest(ARRAY['NaN', 'Infinity', '-Infinity', '0x7fffffff', '0777', '1_000', '+1', '٣']) AS v;
SELECT is(jwt(forge(claims(without => ARRAY[name], raw => format('"%s":%s,', name, f.value))), public('HS256')), '28000 ' || f.reason, name || ' ' || left(f.value, 30))
	FROM forms AS f, unnest(ARRAY['exp', 'nbf', 'iat']) AS name ORDER BY name, f.value COLLATE "C";
SELECT is(jwt(forge(claims(without => '{exp}', raw => '"exp":' || v || ',')), public('HS256')), expected, 'exp ' || v) FROM (VALUES
	('0', '28000 malformed_claim'), ('-0', '28000 malformed_claim'), ('-1', '28000 malformed_claim'), ('-9007199254740991', '28000 malformed_claim'), ('9007199254740991', '28000 lifetime_too_long'), ('4294967296', '28000 lifetime_too_long'), ('2147483648', '28000 lifetime_too_long')) AS c (v, expected);
SELECT is(changed(more, without), expected, label) FROM (SELECT epoch() AS now) AS n, LATERAL (VALUES
	('no exp', '{}', ARRAY['exp'], '28000 missing_claim'),
	('exp a second ago', jsonb_build_object('exp', now - 1), '{}', '28000 token_expired'),
	('exp now', jsonb_build_object('exp', now), '{}', '28000 token_expired'),
	('exp equal to iat', jsonb_build_object('exp', now + 60, 'iat', now + 60), '{}', '28000 malformed_claim'),
	('exp before iat', jsonb_build_object('exp', now + 60, 'iat', now + 90), '{}', '28000 malformed_claim'),
	('iat in the future', jsonb_build_object('iat', now + 100), '{}', '28000 token_not_yet_valid'),
	('nbf in the future', jsonb_build_object('nbf', now + 100), '{}', '28000 token_not_yet_valid'),
	('nbf in the past', jsonb_build_object('nbf', now - 100), '{}', 'accepted'),
	('nbf before 1970', '{"nbf": -9007199254740991}', '{}', 'accepted'),
	('iat long ago', '{"iat": -9007199254740991}', '{}', '28000 lifetime_too_long'),
	('no iat', '{}', ARRAY['iat'], 'accepted'),
	('no iat and a day', jsonb_build_object('exp', now + 86400), ARRAY['iat'], 'accepted'),
	('no iat and more than a day', jsonb_build_object('exp', now + 86500), ARRAY['iat'], '28000 lifetime_too_long'),
	('iat and a day', jsonb_build_object('iat', now - 10, 'exp', now - 10 + 86400), '{}', 'accepted'),
	('iat and a second more', jsonb_build_object('iat', now - 10, 'exp', now - 10 + 86401), '{}', '28000 lifetime_too_long'),
-- the other claims of RFC 7519 have their types too, and those of other issuers any
	('iss as an array', '{"iss": ["a"]}', '{}', '28000 malformed_claim'), ('iss null', '{"iss": null}', '{}', '28000 malformed_claim'), ('sub as a number', '{"sub": 1}', '{}', '28000 malformed_claim'), ('jti as an object', '{"jti": {}}', '{}', '28000 malformed_claim'),
	('aud null', '{"aud": null}', '{}', '28000 malformed_claim'), ('aud as an object', '{"aud": {"authenticated": 1}}', '{}', '28000 malformed_claim'), ('a number in aud', '{"aud": ["authenticated", 1]}', '{}', '28000 malformed_claim'), ('an array in aud', '{"aud": [["authenticated"]]}', '{}', '28000 malformed_claim'),
	('role, email and the like of another issuer', '{"role": ["a"], "email": {}, "aal": 2, "tenant_id": 1, "unit_ids": "x", "session_id": null}', '{}', 'accepted')
	) AS c (label, more, without, expected);

SELECT * FROM finish();
ROLLBACK;
