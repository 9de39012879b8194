-- jwt_sign and jwt_verify: the round trip, and tokens signed by hand with the key
-- of the ring that must not be accepted all the same (RFC 7515, 7519, 8725).
\set ECHO none
\set QUIET 1
\pset format unaligned
\pset tuples_only true
\getenv abs_srcdir PG_ABS_SRCDIR
\set include :abs_srcdir '/include/identities.psql'
\set include_end :abs_srcdir '/include/identities_end.psql'
\i :include
CREATE EXTENSION pgcrypto SCHEMA context_test;
SET log_min_messages = panic;

SELECT plan(315);

-- the keys of the ring, by their use, as only a superuser gets at them
CREATE FUNCTION b64u(bytes bytea) RETURNS text LANGUAGE sql IMMUTABLE RETURN translate(encode(bytes, 'base64'), E'+/=\n', '-_');
CREATE FUNCTION b64u(value text) RETURNS text LANGUAGE sql IMMUTABLE RETURN b64u(convert_to(value, 'UTF8'));
CREATE FUNCTION unb64u(value text) RETURNS bytea LANGUAGE sql IMMUTABLE
	RETURN decode(rpad(translate(value, '-_', '+/'), (length(value) + 3) / 4 * 4, '='), 'base64');
CREATE FUNCTION ring(what text, member text) RETURNS text LANGUAGE sql STABLE AS $$
	SELECT k ->> member FROM json_array_elements(pg_read_file(current_setting('intrex_auth.key_file'))::json -> 'keys') k
	WHERE k ->> 'alg' = what AND k ->> 'state' = 'current'
$$;
SELECT ring('HS256', 'kid') AS kid, ring('HS256', 'k') AS k, ring('A256GCM', 'kid') AS seal_kid, ring('A256GCM', 'k') AS seal_k,
	ring('HKDF-SHA256', 'kid') AS derive_kid, ring('HKDF-SHA256', 'k') AS derive_k \gset

-- Sign two encoded parts; sign a payload under a header.
CREATE FUNCTION mac(header text, payload text, key bytea, hash text DEFAULT 'sha256') RETURNS text LANGUAGE sql IMMUTABLE
	RETURN concat_ws('.', header, payload, b64u(hmac(convert_to(header || '.' || payload, 'UTF8'), key, hash)));
CREATE FUNCTION forge(payload bytea, header text, key bytea) RETURNS text LANGUAGE sql IMMUTABLE RETURN mac(b64u(header), b64u(payload), key);

-- The claims of anna, with changes; raw is text put before them as it is.
CREATE FUNCTION claims(more jsonb DEFAULT '{}', without text[] DEFAULT '{}', raw text DEFAULT '') RETURNS text LANGUAGE sql STABLE AS $$
	SELECT '{' || raw || substr(((jsonb_build_object(
			'iss', auth._issuer(),
			'aud', 'authenticated', 'role', 'authenticated',
			'sub', id('anna'), 'session_id', id('anna session'), 'tenant_id', id('north'),
			'iat', floor(extract(epoch from now()))::bigint - 10, 'exp', floor(extract(epoch from now()))::bigint + 600) || more) - without)::text, 2)
$$;

-- What jwt_verify and authenticate make of it; they must agree.
CREATE FUNCTION verdict(token text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	one text := attempt(token, 'SELECT auth.jwt_verify($1)');
	two text := attempt(token);
BEGIN
	RETURN CASE WHEN one = two THEN one ELSE one || ' but authenticate: ' || two END;
END
$$;
CREATE TABLE cases (n int GENERATED ALWAYS AS IDENTITY, label text, token text, expected text);
CREATE FUNCTION header(raw text) RETURNS text LANGUAGE sql STABLE RETURN replace(raw, 'KID', ring('HS256', 'kid'));
-- A token with that payload, or with that header.
CREATE FUNCTION with_payload(payload text) RETURNS text LANGUAGE sql STABLE
	RETURN forge(convert_to(payload, 'UTF8'), header('{"alg":"HS256","kid":"KID","typ":"JWT"}'), unb64u(ring('HS256', 'k')));
CREATE FUNCTION with_bytes(payload bytea) RETURNS text LANGUAGE sql STABLE
	RETURN forge(payload, header('{"alg":"HS256","kid":"KID","typ":"JWT"}'), unb64u(ring('HS256', 'k')));
CREATE FUNCTION with_header(raw text) RETURNS text LANGUAGE sql STABLE
	RETURN forge(convert_to(claims(), 'UTF8'), header(raw), unb64u(ring('HS256', 'k')));

-- what is accepted, so that each refusal below is for its own reason
INSERT INTO cases (label, token, expected) SELECT label, token, 'accepted' FROM (VALUES
	('signed by hand', with_payload(claims())),
	('no typ', with_header('{"alg":"HS256","kid":"KID"}')),
	('typ in lower case', with_header('{"alg":"HS256","kid":"KID","typ":"jwt"}')),
	('white space in the header', with_header(E' {\n"typ" : "JWT",\t"kid" : "KID" , "alg" : "HS256"\r\n} ')),
	('unknown members of the header', with_header('{"alg":"HS256","kid":"KID","cty":"x","x":[1,{"y":null}]}')),
	('a key and its address in the header, both ignored', with_header('{"alg":"HS256","kid":"KID","jwk":{"kty":"oct","k":"AAAA"},"jku":"http://127.0.0.1:9/","x5u":"http://127.0.0.1:9/","x5c":["AAAA"]}')),
	('members of the header by escapes', with_header('{"\u0061lg":"HS\u0032\u00356","k\u0069d":"KID"}')),
	('aud as an array', with_payload(claims('{"aud": ["authenticated"]}'))),
	('aud among others', with_payload(claims('{"aud": ["a", "authenticated", "b"]}'))),
	('claims that nobody knows', with_payload(claims('{"a": null, "b": [1, 2.5, 1e20], "c": {"exp": "x"}, "ä": "\u00e4\ud83d\ude00"}'))),
	('a claim by escapes', with_payload(claims(without => '{sub}', raw => '"s\u0075b":"' || id('anna') || '",'))),
	('nested sixteen deep', with_payload(claims(raw => '"a":' || repeat('[', 15) || repeat(']', 15) || ','))),
	('nbf in the past', with_payload(claims('{"nbf": 0}'))),
	('nbf before 1970', with_payload(claims('{"nbf": -1}'))),
	('a tenant that is null', with_payload(claims('{"tenant_id": null}'))),
	('the longest lifetime', with_payload(claims(jsonb_build_object('exp', floor(extract(epoch from now()))::bigint - 10 + 86400))))
) c (label, token);

-- the algorithm is the key's
INSERT INTO cases (label, token, expected) SELECT 'alg ' || alg || ', without signature', b64u(header(format('{"alg":"%s","kid":"KID"}', alg))) || '.' || b64u(claims()) || '.', '28000 malformed_token'
	FROM unnest(ARRAY['none', 'None', 'NONE', 'nOnE', 'HS256', '']) alg;
INSERT INTO cases (label, token, expected) SELECT 'alg ' || alg, with_header(format('{"alg":%s,"kid":"KID"}', alg)), '28000 wrong_algorithm'
	FROM unnest(ARRAY['"none"', '"None"', '"NONE"', '"nOnE"', '"none "', '""', '"hs256"', '"HS256 "', '"HS1"', '"RS256"', '"PS256"', '"ES256"', '"EdDSA"', '"A256GCM"', '"dir"', '"HKDF-SHA256"', '1', 'null', '["HS256"]', '"' || repeat('H', 500) || '"']) alg;
INSERT INTO cases (label, token, expected) VALUES
	('no alg', with_header('{"kid":"KID"}'), '28000 malformed_header'),
	('HS384 with the same key', mac(b64u(header('{"alg":"HS384","kid":"KID"}')), b64u(claims()), unb64u(:'k'), 'sha384'), '28000 wrong_algorithm'),
	('HS512 with the same key', mac(b64u(header('{"alg":"HS512","kid":"KID"}')), b64u(claims()), unb64u(:'k'), 'sha512'), '28000 wrong_algorithm'),
	('HS384 under the header of HS256', mac(b64u(header('{"alg":"HS256","kid":"KID"}')), b64u(claims()), unb64u(:'k'), 'sha384'), '28000 bad_signature'),
	('an empty key', forge(convert_to(claims(), 'UTF8'), header('{"alg":"HS256","kid":"KID"}'), ''), '28000 bad_signature'),
	('the key in base64url', forge(convert_to(claims(), 'UTF8'), header('{"alg":"HS256","kid":"KID"}'), convert_to(:'k', 'UTF8')), '28000 bad_signature'),
	('the key that seals', forge(convert_to(claims(), 'UTF8'), header('{"alg":"HS256","kid":"KID"}'), unb64u(:'seal_k')), '28000 bad_signature'),
	('the key that derives', forge(convert_to(claims(), 'UTF8'), header('{"alg":"HS256","kid":"KID"}'), unb64u(:'derive_k')), '28000 bad_signature');

-- which key
INSERT INTO cases (label, token, expected) VALUES
	('no kid', with_header('{"alg":"HS256"}'), '28000 unknown_key'),
	('an empty kid', with_header('{"alg":"HS256","kid":""}'), '28000 unknown_key'),
	('an unknown kid', with_header('{"alg":"HS256","kid":"x"}'), '28000 unknown_key'),
	('a kid that is a path', with_header('{"alg":"HS256","kid":"../../../../dev/null"}'), '28000 unknown_key'),
	('a kid that is SQL', with_header('{"alg":"HS256","kid":"x'' OR ''1''=''1"}'), '28000 unknown_key'),
	('a kid of another case', with_header('{"alg":"HS256","kid":"' || upper(:'kid') || '"}'), '28000 unknown_key'),
	('a kid that is a number', with_header('{"alg":"HS256","kid":1}'), '28000 malformed_header'),
	('a kid that is null', with_header('{"alg":"HS256","kid":null}'), '28000 malformed_header'),
	('a kid that is too long', with_header('{"alg":"HS256","kid":"' || repeat('k', 500) || '"}'), '28000 malformed_header'),
	('the kid of the key that seals', forge(convert_to(claims(), 'UTF8'), format('{"alg":"HS256","kid":"%s"}', :'seal_kid'), unb64u(:'seal_k')), '28000 wrong_key_use'),
	('the kid of the key that derives', forge(convert_to(claims(), 'UTF8'), format('{"alg":"HS256","kid":"%s"}', :'derive_kid'), unb64u(:'derive_k')), '28000 wrong_key_use');

-- other kinds of token, and what would have to be understood
INSERT INTO cases (label, token, expected) SELECT 'typ ' || typ, with_header(format('{"alg":"HS256","kid":"KID","typ":"%s"}', typ)), '28000 wrong_token_type'
	FROM unnest(ARRAY['at+jwt', 'reset', 'JWT ', 'JWTX', 'JOSE', 'mfa+jwt']) typ;
INSERT INTO cases (label, token, expected) SELECT 'header with ' || member, with_header(format('{"alg":"HS256","kid":"KID",%s}', member)), expected FROM (VALUES
	('"crit":["exp"]', '28000 unsupported_extension'), ('"crit":[]', '28000 unsupported_extension'), ('"crit":null', '28000 unsupported_extension'),
	('"cr\u0069t":["b64"],"b64":false', '28000 unsupported_extension'), ('"b64":true', '28000 unsupported_extension'), ('"b64":false', '28000 unsupported_extension'),
	('"enc":"A256GCM"', '28000 malformed_header'), ('"zip":"DEF"', '28000 malformed_header'),
	('"typ":1', '28000 malformed_header'), ('"typ":null', '28000 malformed_header'),
	('"alg":"HS256"', '28000 malformed_header'), ('"alg":"none"', '28000 malformed_header'), ('"\u0061lg":"none"', '28000 malformed_header'),
	('"kid":"KID"', '28000 malformed_header'), ('"a":1,"a":1', '28000 malformed_header'), ('"a":{"b":1,"b":1}', '28000 malformed_header'),
	('"a":"\u0000"', '28000 malformed_header'), ('"a":"\ud800"', '28000 malformed_header'), ('"a":01', '28000 malformed_header'),
	('"a":NaN', '28000 malformed_header'), ('"a":1,', '28000 malformed_header'),
	('"a":' || repeat('[', 400) || repeat(']', 400), '28000 malformed_header'),
	('"a":"' || repeat('a', 1000) || '"', '28000 token_too_long')
) h (member, expected);
INSERT INTO cases (label, token, expected) SELECT 'header ' || raw, with_header(raw), '28000 malformed_header'
	FROM unnest(ARRAY['[]', '"HS256"', '1', 'null', '{}', '{', '{"alg":"HS256","kid":"KID"}}', '{"alg":"HS256","kid":"KID"} x', '{''alg'':''HS256''}', E'\ufeff{"alg":"HS256","kid":"KID"}', '//{}']) raw;

-- the payload is one JSON object, strictly
INSERT INTO cases (label, token, expected) SELECT 'payload ' || payload, with_payload(payload), expected FROM (VALUES
	('[]', '28000 malformed_payload'), ('"x"', '28000 malformed_payload'), ('1', '28000 malformed_payload'), ('null', '28000 malformed_payload'), ('{}', '28000 missing_claim'),
	('{', '28000 bad_json'), ('{}{}', '28000 bad_json'), ('{"a":1,}', '28000 bad_json'), ('{a:1}', '28000 bad_json'), ('/**/{}', '28000 bad_json'), (' ', '28000 bad_json')
) p (payload, expected);
INSERT INTO cases (label, token, expected) SELECT 'claims with ' || left(raw, 40), with_payload(claims(raw => raw || ',')), expected FROM (VALUES
	('"exp":1', '28000 json_duplicate_member'), ('"\u0065xp":9999999999', '28000 json_duplicate_member'), ('"a":1,"a":1', '28000 json_duplicate_member'),
	('"a":{"b":1,"\u0062":1}', '28000 json_duplicate_member'), ('"role":"postgres"', '28000 json_duplicate_member'),
	('"a":"\u0000"', '28000 bad_json'), ('"\u0000":1', '28000 bad_json'), ('"a":"\ud800"', '28000 bad_json'), ('"a":"\udc00\ud800"', '28000 bad_json'),
	('"a":"\x41"', '28000 bad_json'), (E'"a":"\n"', '28000 bad_json'), (E'"a":"\u007f"', 'accepted'), ('"a":NaN', '28000 bad_json'), ('"a":Infinity', '28000 bad_json'), ('"a":0x10', '28000 bad_json'),
	('"a":.5', '28000 bad_json'), ('"a":1.', '28000 bad_json'), ('"a":+1', '28000 bad_json'), ('"a":TRUE', '28000 bad_json'), ('"a":''b''', '28000 bad_json'),
	('"a":' || repeat('[', 16) || repeat(']', 16), '28000 json_too_deep'), ('"a":' || repeat('[', 20000), '28000 json_too_deep'), ('"a":' || repeat('{"a":', 20) || '1' || repeat('}', 20), '28000 json_too_deep'),
	('"a":[' || repeat('1,', 5000) || '1]', '28000 json_too_large'), ('"a":"' || repeat('a', 60000) || '"', '28000 token_too_long')
) r (raw, expected);
INSERT INTO cases (label, token, expected) SELECT 'claims with the bytes ' || encode(bytes, 'hex'), with_bytes('{"a":"' || bytes || '",' || substr(convert_to(claims(), 'UTF8'), 2)), '28000 bad_utf8'
	FROM unnest(ARRAY['\xff', '\x80', '\xc080', '\xc1bf', '\xe08080', '\xeda080', '\xf08080af', '\xf4908080', '\xf5808080', '\xe282', '\xc3']::bytea[]) bytes;
INSERT INTO cases (label, token, expected) SELECT 'payload of the bytes ' || encode(bytes, 'hex'), with_bytes(bytes), '28000 bad_json'
	FROM unnest(ARRAY['\x00', '\x7b7d00', '\xefbbbf7b7d', '\xfffe7b007d00']::bytea[]) bytes;

-- times are integers, and make sense
INSERT INTO cases (label, token, expected) SELECT 'exp ' || coalesce(left(value, 30), 'missing'), with_payload(claims(without => '{exp}', raw => coalesce('"exp":' || value || ',', ''))), expected FROM (VALUES
	(NULL, '28000 missing_claim'), ('null', '28000 malformed_claim'), ('"9999999999"', '28000 malformed_claim'), ('true', '28000 malformed_claim'), ('[9999999999]', '28000 malformed_claim'), ('{}', '28000 malformed_claim'),
	('9999999999.5', '28000 malformed_claim'), ('9999999999.0', '28000 malformed_claim'), ('9.9e9', '28000 malformed_claim'), ('1E10', '28000 malformed_claim'),
	('0', '28000 malformed_claim'), ('-1', '28000 malformed_claim'), ('-0', '28000 malformed_claim'), ('-9007199254740991', '28000 malformed_claim'),
	('9007199254740991', '28000 lifetime_too_long'), ('9007199254740992', '28000 malformed_claim'), ('1152921504606846976', '28000 malformed_claim'),
	('9223372036854775807', '28000 malformed_claim'), ('18446744073709551616', '28000 malformed_claim'), ('4294967296', '28000 lifetime_too_long'), ('1' || repeat('0', 400), '28000 malformed_claim')
) e (value, expected);
INSERT INTO cases (label, token, expected) SELECT label, with_payload(claims(changes, without)), expected FROM
	(SELECT floor(extract(epoch from now()))::bigint AS now) n,
	LATERAL (VALUES
		('exp a second ago', jsonb_build_object('exp', now - 1), ARRAY[]::text[], '28000 token_expired'),
		('exp now', jsonb_build_object('exp', now), '{}', '28000 token_expired'),
		('exp equal to iat', jsonb_build_object('exp', now + 600, 'iat', now + 600), '{}', '28000 malformed_claim'),
		('exp before iat', jsonb_build_object('exp', now + 600, 'iat', now + 601), '{}', '28000 malformed_claim'),
		('a second over the longest lifetime', jsonb_build_object('exp', now - 10 + 86401), '{}', '28000 lifetime_too_long'),
		('iat long ago', jsonb_build_object('iat', -9007199254740991), '{}', '28000 lifetime_too_long'),
		('no iat', '{}', ARRAY['iat'], '28000 missing_claim'),
		('iat in the future', jsonb_build_object('iat', now + 500), '{}', '28000 token_not_yet_valid'),
		('iat as a string', jsonb_build_object('iat', (now - 10)::text), '{}', '28000 malformed_claim'),
		('iat as a fraction', jsonb_build_object('iat', now - 10.5), '{}', '28000 malformed_claim'),
		('nbf in the future', jsonb_build_object('nbf', now + 500), '{}', '28000 token_not_yet_valid'),
		('nbf as a string', '{"nbf": "0"}', '{}', '28000 malformed_claim'),
		('nbf null', '{"nbf": null}', '{}', '28000 malformed_claim'),
-- for whom, by whom
		('no iss', '{}', ARRAY['iss'], '28000 missing_claim'),
		('iss null', '{"iss": null}', '{}', '28000 malformed_claim'),
		('iss as an array', '{"iss": ["intrex_auth"]}', '{}', '28000 malformed_claim'),
		('an empty iss', '{"iss": ""}', '{}', '28000 wrong_issuer'),
		('a longer iss', jsonb_build_object('iss', claims()::jsonb ->> 'iss' || '0'), '{}', '28000 wrong_issuer'),
		('the iss of another database', jsonb_build_object('iss', 'intrex-auth:' || gen_random_uuid()), '{}',
			'28000 wrong_issuer'),
		('the iss of none', '{"iss": "intrex-auth:"}', '{}', '28000 wrong_issuer'),
		('iss in capitals', jsonb_build_object('iss', upper(claims()::jsonb ->> 'iss')), '{}', '28000 wrong_issuer'),
		('no aud', '{}', ARRAY['aud'], '28000 missing_claim'),
		('aud null', '{"aud": null}', '{}', '28000 malformed_claim'),
		('another aud', '{"aud": "anon"}', '{}', '28000 wrong_audience'),
		('aud in capitals', '{"aud": "AUTHENTICATED"}', '{}', '28000 wrong_audience'),
		('a part of aud', '{"aud": "auth"}', '{}', '28000 wrong_audience'),
		('an empty array of aud', '{"aud": []}', '{}', '28000 missing_claim'),
		('other aud in an array', '{"aud": ["a", "b"]}', '{}', '28000 wrong_audience'),
		('a number among aud', '{"aud": ["authenticated", 1]}', '{}', '28000 malformed_claim'),
		('aud as an object', '{"aud": {"authenticated": true}}', '{}', '28000 malformed_claim'),
		('role as an array', '{"role": ["authenticated"]}', '{}', '28000 malformed_claim'),
		('role null', '{"role": null}', '{}', '28000 malformed_claim'),
		('sub as a number', '{"sub": 1}', '{}', '28000 malformed_claim'),
		('unit_ids as a string', '{"unit_ids": "x"}', '{}', '28000 malformed_claim'),
		('unit_ids of numbers', '{"unit_ids": [1]}', '{}', '28000 malformed_claim'),
		('email as an object', '{"email": {}}', '{}', '28000 malformed_claim')
	) c (label, changes, without, expected);

-- one spelling only
INSERT INTO cases (label, token, expected) SELECT label, token, '28000 ' || expected FROM
	(SELECT split_part(t, '.', 1) AS h, split_part(t, '.', 2) AS p, split_part(t, '.', 3) AS s, t, unb64u(:'k') AS key
		FROM with_payload(claims('{"a": 1}', raw => repeat(' ', (2 - length(claims('{"a": 1}')) % 3 + 3) % 3))) t) o,
	LATERAL (SELECT chr(ascii(right(p, 1)) + 1) AS next_p) n,
	LATERAL (VALUES
		('padding behind the signature', t || '=', 'bad_signature'),
		('padding behind the payload, signed', mac(h, p || '=', key), 'malformed_token'),
		('padding behind the header, signed', mac(h || '=', p, key), 'malformed_token'),
		('spare bits in the payload, signed', mac(h, left(p, -1) || next_p, key), 'malformed_token'),
		('spare bits in the signature', h || '.' || p || '.' || left(s, -1) || chr(ascii(right(s, 1)) + 1), 'malformed_token'),
		('a new line in the payload, signed', mac(h, overlay(p placing E'\n' from 5 for 0), key), 'malformed_token'),
		('a blank in the header, signed', mac(h || ' ', p, key), 'malformed_token'),
		('the alphabet of base64, signed', mac(h, overlay(p placing '+' from 5 for 1), key), 'malformed_token'),
		('an incomplete group, signed', mac(h, p || 'AA', key), 'malformed_token'),
		('a dot behind', t || '.', 'malformed_token'),
		('a dot before', '.' || t, 'malformed_token'),
		('four parts', t || '.' || s, 'malformed_token'),
		('five parts', concat_ws('.', h, '', p, s, s), 'malformed_token'),
		('two parts', h || '.' || p, 'malformed_token'),
		('an empty payload, signed', mac(h, '', key), 'bad_json'),
		('an empty header, signed', mac('', p, key), 'malformed_token'),
		('an empty signature', h || '.' || p || '.', 'malformed_token'),
		('half a signature', h || '.' || p || '.' || left(s, 22), 'bad_signature'),
		('a longer signature', t || 'AAAA', 'bad_signature'),
		('the signature in hexadecimal', h || '.' || p || '.' || encode(unb64u(s), 'hex'), 'bad_signature'),
		('the signature of another', h || '.' || p || '.' || split_part(with_payload(claims('{"a": 2}')), '.', 3), 'bad_signature'),
		('JSON serialization', json_build_object('protected', h, 'payload', p, 'signature', s)::text, 'malformed_token'),
		('Bearer before it', 'Bearer ' || t, 'malformed_token')
	) c (label, token, expected);


SELECT is(verdict(token), expected, left(regexp_replace(label, '[^ -~]', '?', 'g'), 90)) FROM cases ORDER BY n;

-- the claims come back as the very bytes of jsonb that the server makes of the payload
CREATE CAST (jsonb AS bytea) WITHOUT FUNCTION;
CREATE FUNCTION random_string() RETURNS text LANGUAGE sql VOLATILE AS $$
	SELECT '"' || coalesce(string_agg((ARRAY['a', 'é', '日', '😀', '\n', '\"', '\\', '\/', '\u0041', '\ud83d\ude00', '\u00e4', E'\u007f', '0123456789'])[1 + floor(random() * 13)], ''), '') || '"'
	FROM generate_series(1, floor(random() * random() * 20)::int)
$$;
CREATE FUNCTION random_json(depth int) RETURNS text LANGUAGE plpgsql VOLATILE AS $$
DECLARE
	kind int := floor(random() * CASE WHEN depth > 0 THEN 10 ELSE 7 END);
	size int := CASE WHEN random() < 0.2 THEN 28 + random() * 12 ELSE random() * 5 END;
BEGIN
	RETURN CASE
		WHEN kind = 0 THEN (ARRAY['null', 'true', 'false'])[1 + floor(random() * 3)]
		WHEN kind = 1 THEN (random() * 1e6)::bigint::text
		WHEN kind = 2 THEN ((random() - 0.5) * 10 ^ floor(random() * 30))::numeric::text
		WHEN kind = 3 THEN (ARRAY['0', '-0', '-0.00', '1e300', '1E-20', '-1.5e+3', '999999999999999', '1000000000000000', '9007199254740993', '0.1000', '123456789012345678901234567890.123456789', '1e-16000'])[1 + floor(random() * 12)]
		WHEN kind < 7 THEN random_string()
		WHEN kind = 7 THEN (SELECT '[' || coalesce(string_agg(random_json(depth - 1), ' , '), '') || ']' FROM generate_series(1, size))
		ELSE (SELECT '{' || coalesce(string_agg('"' || CASE WHEN n % 3 = 0 THEN repeat('x', n) WHEN n % 7 = 0 THEN '\u006b' ELSE 'k' END || n || '" : ' || random_json(depth - 1), ',' ORDER BY random()), '') || '}' FROM generate_series(1, size) n)
	END;
END
$$;
SELECT setseed(0.5) AS ignored \gset
CREATE TABLE payloads AS
	SELECT claims(raw => '"x":' || random_json(3) || ',') AS payload FROM generate_series(1, 400)
	UNION ALL SELECT claims(raw => '"x":[' || string_agg('1', ',') || '],') FROM generate_series(1, 1500)
	UNION ALL SELECT claims(raw => string_agg('"m' || n || '":' || n, ',' ORDER BY md5(n::text)) || ',') FROM generate_series(1, 1500) n
	UNION ALL SELECT claims(raw => '"x":' || v || ',') FROM unnest(ARRAY['{}', '[]', '""', '[[]]', '[{}]', '{"":{"":""}}', '"' || repeat('é', 15000) || '"']) v;
DELETE FROM payloads WHERE octet_length(payload) > 45000;
SELECT cmp_ok(count(*), '>', 300::bigint, 'there are hundreds of payloads') FROM payloads;
SELECT is_empty($$SELECT payload FROM payloads WHERE auth.jwt_verify(with_payload(payload))::bytea <> payload::jsonb::bytea$$, 'jwt_verify');
SELECT is_empty($$SELECT payload FROM payloads WHERE auth.authenticate(with_payload(payload))::bytea <> payload::jsonb::bytea$$, 'authenticate');
SELECT is_empty($$SELECT payload FROM payloads, LATERAL (SELECT set_config('intrex_auth.token', with_payload(payload), true)) s WHERE set_config IS NOT NULL AND auth.jwt()::bytea <> payload::jsonb::bytea$$, 'jwt');
SELECT is(attempt(with_payload(claims(raw => '"x":1e999999,')), 'SELECT auth.jwt_verify($1)'), '22003', 'a number that numeric cannot hold');
DROP CAST (jsonb AS bytea);

-- jwt_sign: what it adds, what it leaves
CREATE FUNCTION round_trip(claims jsonb) RETURNS jsonb LANGUAGE sql RETURN auth.jwt_verify(auth.jwt_sign(claims));
SELECT is(convert_from(unb64u(split_part(auth.jwt_sign('{}'), '.', 1)), 'UTF8')::jsonb, jsonb_build_object('alg', 'HS256', 'kid', :'kid', 'typ', 'JWT'), 'the header has alg, kid and typ');
SELECT is(auth.jwt_sign('{}') ~ '^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]{43}$', true, 'the form is compact, without padding');
SELECT is((SELECT array_agg(k ORDER BY k) FROM jsonb_object_keys(round_trip('{"role": "anon"}')) k), '{aud,exp,iat,iss,jti,role}', 'iss, aud, iat, exp and jti are added');
SELECT is(c ->> 'aud' || ' ' || (c ->> 'iss'), 'authenticated ' || (claims()::json ->> 'iss'), 'aud and iss as configured') FROM round_trip('{"role": "anon"}') c;
SELECT is((c ->> 'exp')::int - (c ->> 'iat')::int, 900, 'exp is 15 minutes later') FROM round_trip('{"role": "anon"}') c;
SELECT ok(abs((c ->> 'iat')::int - extract(epoch from clock_timestamp())) < 30, 'than now') FROM round_trip('{"role": "anon"}') c;
SELECT is(count(DISTINCT auth.jwt_sign('{}')), 1000::bigint, 'jti makes each one different') FROM generate_series(1, 1000);
SELECT is(round_trip(c), c, 'what is there is kept as it is')
	FROM (SELECT claims()::jsonb || '{"jti": "mine", "aud": ["x", "authenticated"], "a": null, "b": [{"c": [1, -2.50, 1e30, "\u00e4\n\"\\"]}], "tenant_role": "r"}') s (c);
SELECT is(attempt(auth.jwt_sign('{"role": "anon", "iat": 1000000000}'), 'SELECT auth.jwt_verify($1)'), '28000 token_expired', 'exp follows an iat that is given');
SELECT is(auth.jwt_sign(NULL), NULL, 'no claims, no token');
SELECT is(auth.jwt_verify(NULL), NULL, 'no token, no claims');
SELECT is(attempt(c, 'SELECT auth.jwt_sign($1::jsonb)'), '22023', 'claims ' || c || ' are refused') FROM unnest(ARRAY['[]', '[{"role": "anon"}]', '"x"', '1', 'true', 'null']) c;
SELECT is(attempt(format('{"iat": %s}', v), 'SELECT auth.jwt_sign($1::jsonb)'), e, 'iat ' || v || ' is refused')
	FROM (VALUES ('"0"', '22023 malformed_claim'), ('null', '22023 malformed_claim'), ('[1]', '22023 malformed_claim'), ('9223372036854775807', '22023 malformed_claim'), ('-9223372036854775808', '22023 malformed_claim'), ('1e30', '22003')) i (v, e);
SELECT is(attempt(jsonb_build_object('a', repeat('a', 1000000))::text, 'SELECT auth.jwt_sign($1::jsonb)'), '22023 token_too_long', '1 MB of claims is refused');
SELECT is(round_trip(jsonb_build_object('role', 'anon', 'a', repeat('a', 40000))) ->> 'a', repeat('a', 40000), '40 kB are not');
-- what could not be read again is not signed: a null is not filled either
SELECT is(attempt(c, 'SELECT auth.jwt_sign($1::jsonb)'), '22023 ' || e, 'claims that could not be read: ' || left(c, 40)) FROM (VALUES
	('{"role": "anon", "exp": null}', 'malformed_claim'), ('{"exp": "soon"}', 'malformed_claim'), ('{"iat": 1.5}', 'malformed_claim'), ('{"nbf": 9007199254740992}', 'malformed_claim'), ('{"aud": [1]}', 'malformed_claim'), ('{"sub": 1}', 'malformed_claim'), ('{"role": ["anon"]}', 'malformed_claim'),
	('{"a": ' || repeat('[', 16) || repeat(']', 16) || '}', 'json_too_deep'), ((SELECT jsonb_object_agg(n, n) FROM generate_series(1, 3000) n)::text, 'json_too_large')) AS v (c, e);

-- settings: what is signed is accepted under the same ones, and not under others
BEGIN;
SELECT auth.jwt_sign('{"role": "anon"}') AS usual \gset
SELECT auth.jwt_verify(:'usual') AS ignored \gset
SET LOCAL intrex_auth.issuer = 'https://auth.example';
SELECT is(round_trip('{"role": "anon"}') ->> 'iss', 'https://auth.example', 'issuer');
SELECT is(attempt(:'usual', 'SELECT auth.jwt_verify($1)'), '28000 wrong_issuer', 'another issuer, another token');
SET LOCAL intrex_auth.issuer = '';
SET LOCAL intrex_auth.audience = 'app';
SELECT is(round_trip('{"role": "anon"}') ->> 'aud', 'app', 'audience');
SELECT is(attempt(:'usual', 'SELECT auth.jwt_verify($1)'), '28000 wrong_audience', 'another audience, another token');
SET LOCAL intrex_auth.audience = '';
SELECT is(round_trip('{"role": "anon"}') ? 'aud', false, 'no audience is named when none is configured');
SELECT is(attempt(:'usual', 'SELECT auth.jwt_verify($1)'), 'accepted', 'nor demanded');
SET LOCAL intrex_auth.audience = 'authenticated';
SET LOCAL intrex_auth.access_token_lifetime = 1;
SELECT is((c ->> 'exp')::int - (c ->> 'iat')::int, 1, 'access_token_lifetime') FROM (SELECT convert_from(unb64u(split_part(auth.jwt_sign('{}'), '.', 2)), 'UTF8')::jsonb) s (c);
SET LOCAL intrex_auth.max_token_lifetime = 899;
SELECT is(attempt(:'usual', 'SELECT auth.jwt_verify($1)'), '28000 lifetime_too_long', 'max_token_lifetime');
SET LOCAL intrex_auth.max_token_lifetime = 900;
SELECT is(attempt(:'usual', 'SELECT auth.jwt_verify($1)'), 'accepted', 'exactly as long is accepted');
SET LOCAL intrex_auth.api_roles = 'authenticated';
SELECT is(attempt(:'usual', 'SELECT auth.jwt_verify($1)'), '28000 wrong_role', 'api_roles');
COMMIT;

-- nothing that the caller sets changes a verdict
CREATE FUNCTION totals() RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	token text;
	state text;
	detail text;
	verdicts text[] := '{}';
BEGIN
	FOR token IN SELECT c.token FROM cases c LOOP
		BEGIN
			PERFORM auth.authenticate(token);
			verdicts := verdicts || 'accepted'::text;
		EXCEPTION WHEN OTHERS THEN
			GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, detail = PG_EXCEPTION_DETAIL;
			verdicts := verdicts || refusal(state, detail);
		END;
	END LOOP;
	RETURN (SELECT string_agg(v || ' ' || c, ', ' ORDER BY v COLLATE "C") FROM (SELECT v, count(*) AS c FROM unnest(verdicts) v GROUP BY v) t);
END
$$;
CREATE TABLE hostile (n int GENERATED ALWAYS AS IDENTITY, name text, value text);
INSERT INTO hostile (name, value) VALUES ('DateStyle', 'German, DMY'), ('IntervalStyle', 'sql_standard'), ('TimeZone', 'Pacific/Kiritimati'), ('TimeZone', 'UTC+12'), ('bytea_output', 'escape'),
	('extra_float_digits', '-15'), ('quote_all_identifiers', 'on'), ('lc_messages', 'C'), ('lc_numeric', 'C'), ('row_security', 'off'), ('check_function_bodies', 'off'),
	('standard_conforming_strings', 'off'), ('backslash_quote', 'on'), ('escape_string_warning', 'off'), ('xmloption', 'content'), ('default_transaction_read_only', 'on'), ('jit', 'on'), ('jit_above_cost', '0'),
	('statement_timeout', '60s'), ('synchronous_commit', 'off'), ('enable_indexscan', 'off'), ('enable_seqscan', 'off'), ('array_nulls', 'off'), ('plan_cache_mode', 'force_generic_plan');
SELECT totals() AS usual_totals \gset
CREATE FUNCTION totals_under(name text, value text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	PERFORM set_config(name, value, true);
	RETURN totals();
END
$$;
SELECT is(totals_under(name, value), :'usual_totals'::text, name || ' = ' || value) FROM hostile ORDER BY n;
BEGIN ISOLATION LEVEL SERIALIZABLE READ ONLY;
SELECT totals() AS serializable_totals \gset
COMMIT;
SELECT is(:'serializable_totals'::text, :'usual_totals'::text, 'serializable, read only');
SELECT is(has_function_privilege(role, f::regprocedure, 'EXECUTE'), role = 'auth_admin', role || CASE role WHEN 'auth_admin' THEN ' may call ' ELSE ' may not call ' END || f)
	FROM unnest(ARRAY['anon', 'authenticated', 'auth_platform', 'auth_admin']) role, unnest(ARRAY['auth.jwt_sign(jsonb)', 'auth.jwt_verify(text)']) f;
SELECT is(auth.jwks(), '{"keys": []}', 'the public key set has no symmetric key');

SELECT * FROM finish();
\i :include_end
