-- auth.jwt_verify(token, jwks, options): what each option demands, what it means to leave it out, and what is no option.
\set ECHO none
\set QUIET 1
\pset format unaligned
\pset tuples_only true
\set VERBOSITY terse
\getenv abs_srcdir PG_ABS_SRCDIR
\set include :abs_srcdir '/include/jwt.psql'

BEGIN;
\i :include
SELECT plan(138);

CREATE FUNCTION asked(claims jsonb, options jsonb DEFAULT '{}', without text[] DEFAULT '{}', typ text DEFAULT NULL) RETURNS text LANGUAGE sql STABLE
	RETURN jwt(forge(claims(claims, without), '{"alg":"HS256"' || coalesce(format(',"typ":"%s"}', typ), '}')), public('HS256'), options);

-- which function is meant, and what NULL is
SELECT is(verdict(forge(claims()), statement, public('HS256')), expected, statement) FROM (VALUES
	('SELECT auth.jwt_verify($1, $2)', 'accepted'), ('SELECT auth.jwt_verify($1, $2, $3)', 'accepted'), ('SELECT auth.jwt_verify($1, jwks => $2)', 'accepted'), ('SELECT auth.jwt_verify(token => $1, jwks => $2, options => ''{}'')', 'accepted'),
	('SELECT auth.jwt_verify($1)', '28000 unknown_key'), ('SELECT auth.jwt_verify(token => $1)', '28000 unknown_key'),
	('SELECT auth.jwt_verify(NULL, $2)', 'NULL'), ('SELECT auth.jwt_verify($1, NULL)', 'NULL'), ('SELECT auth.jwt_verify($1, $2, NULL)', 'NULL'), ('SELECT auth.jws_verify($1, NULL)', 'NULL'), ('SELECT auth.jws_verify(NULL, $2)', 'NULL')) AS c (statement, expected);

-- issuer
SELECT is(asked(claims, options), expected, 'issuer: ' || claims::text || ' asked for ' || options::text) FROM (VALUES
	('{}'::jsonb, '{}'::jsonb, 'accepted'), ('{"iss": "anybody"}', '{}', 'accepted'),
	('{"iss": "a"}', '{"issuer": "a"}', 'accepted'), ('{"iss": "a"}', '{"issuer": ["b", "a"]}', 'accepted'), ('{"iss": "\u0061"}', '{"issuer": "a"}', 'accepted'),
	('{}', '{"issuer": "a"}', '28000 missing_claim'), ('{"iss": "b"}', '{"issuer": "a"}', '28000 wrong_issuer'), ('{"iss": "A"}', '{"issuer": "a"}', '28000 wrong_issuer'), ('{"iss": "a/"}', '{"issuer": "a"}', '28000 wrong_issuer'), ('{"iss": ""}', '{"issuer": "a"}', '28000 wrong_issuer'), ('{"iss": "a"}', '{"issuer": ["b", "c"]}', '28000 wrong_issuer')) AS c (claims, options, expected);

-- audience: who is not named must refuse, and without the option this database is intrex_auth.audience
SELECT is(asked(claims, options), expected, 'audience: ' || claims::text || ' asked for ' || options::text) FROM (VALUES
	('{}'::jsonb, '{}'::jsonb, 'accepted'), ('{"aud": []}', '{}', 'accepted'), ('{"aud": "authenticated"}', '{}', 'accepted'), ('{"aud": ["x", "authenticated"]}', '{}', 'accepted'), ('{"aud": "x"}', '{}', '28000 wrong_audience'), ('{"aud": ["x", "y"]}', '{}', '28000 wrong_audience'),
	('{"aud": "a"}', '{"audience": "a"}', 'accepted'), ('{"aud": ["b", "a"]}', '{"audience": "a"}', 'accepted'), ('{"aud": "a"}', '{"audience": ["c", "a"]}', 'accepted'), ('{"aud": ["b", "a"]}', '{"audience": ["c", "a"]}', 'accepted'),
	('{}', '{"audience": "a"}', '28000 missing_claim'), ('{"aud": []}', '{"audience": "a"}', '28000 missing_claim'), ('{"aud": "authenticated"}', '{"audience": "a"}', '28000 wrong_audience'), ('{"aud": "A"}', '{"audience": "a"}', '28000 wrong_audience'), ('{"aud": "a,b"}', '{"audience": "a"}', '28000 wrong_audience'), ('{"aud": ["b"]}', '{"audience": ["a", "c"]}', '28000 wrong_audience')) AS c (claims, options, expected);
SET LOCAL intrex_auth.audience = 'app';
SELECT is(asked('{"aud": "app"}') || ', ' || asked('{"aud": "authenticated"}') || ', ' || asked('{}'), 'accepted, 28000 wrong_audience, accepted', 'intrex_auth.audience counts');
SET LOCAL intrex_auth.audience = '';
SELECT is(asked('{"aud": "app"}') || ', ' || asked('{}') || ', ' || asked('{"aud": "app"}', '{"audience": "app"}'), '28000 wrong_audience, accepted, accepted', 'and when it is empty, no aud is ours');
RESET intrex_auth.audience;

-- typ
SELECT is(asked('{}', options, typ => typ), expected, 'typ: ' || coalesce(typ, 'none') || ' asked for ' || options::text) FROM (VALUES
	('at+jwt', '{"typ": "at+jwt"}'::jsonb, 'accepted'), ('AT+JWT', '{"typ": "at+jwt"}', 'accepted'), ('application/at+jwt', '{"typ": "at+jwt"}', 'accepted'), ('at+jwt', '{"typ": "application/at+jwt"}', 'accepted'), ('JWT', '{"typ": "JWT"}', 'accepted'),
	(NULL, '{"typ": "at+jwt"}', '28000 wrong_token_type'), (NULL, '{"typ": "JWT"}', '28000 wrong_token_type'), ('JWT', '{"typ": "at+jwt"}', '28000 wrong_token_type'), ('at+jwtx', '{"typ": "at+jwt"}', '28000 wrong_token_type'), ('at+jwt', '{}', '28000 wrong_token_type'), ('logout+jwt', '{"typ": "at+jwt"}', '28000 wrong_token_type')) AS c (typ, options, expected);

-- required: a null is not there
SELECT is(asked(claims, options), expected, 'required: ' || claims::text || ' asked for ' || options::text) FROM (VALUES
	('{}'::jsonb, '{"required": []}'::jsonb, 'accepted'), ('{}', '{"required": ["sub", "iat", "exp"]}', 'accepted'), ('{"a": false}', '{"required": ["a"]}', 'accepted'), ('{"a": ""}', '{"required": ["a"]}', 'accepted'),
	('{}', '{"required": ["a"]}', '28000 missing_claim'), ('{"a": null}', '{"required": ["a"]}', '28000 missing_claim'), ('{"A": 1}', '{"required": ["a"]}', '28000 missing_claim'), ('{"b": {"a": 1}}', '{"required": ["a"]}', '28000 missing_claim'), ('{"a": 1}', '{"required": ["a", "b"]}', '28000 missing_claim')) AS c (claims, options, expected);
SELECT is(asked('{}', '{"required": []}', '{exp}'), '28000 missing_claim', 'exp is required all the same');
SELECT is(asked('{}', '{"required": ["iat"]}', '{iat}'), '28000 missing_claim', 'iat when it is asked for');

-- leeway
SELECT is(asked(claims, options), expected, 'leeway: ' || label || ' asked for ' || options::text) FROM (SELECT epoch() AS now) AS n, LATERAL (VALUES
	('expired 30 s ago', jsonb_build_object('exp', now - 30, 'iat', now - 100), '{}'::jsonb, '28000 token_expired'), ('expired 30 s ago', jsonb_build_object('exp', now - 30, 'iat', now - 100), '{"leeway": 20}', '28000 token_expired'), ('expired 30 s ago', jsonb_build_object('exp', now - 30, 'iat', now - 100), '{"leeway": 60}', 'accepted'),
	('expired 90 s ago', jsonb_build_object('exp', now - 90, 'iat', now - 100), '{"leeway": 60}', '28000 token_expired'), ('not before 30 s', jsonb_build_object('nbf', now + 30), '{"leeway": 60}', 'accepted'), ('not before 30 s', jsonb_build_object('nbf', now + 30), '{"leeway": 0}', '28000 token_not_yet_valid'), ('not before 90 s', jsonb_build_object('nbf', now + 90), '{"leeway": 60}', '28000 token_not_yet_valid'), ('issued in 30 s', jsonb_build_object('iat', now + 30), '{"leeway": 60}', 'accepted')) AS c (label, claims, options, expected);

-- max_lifetime
SELECT is(asked(claims, options, without), expected, 'max_lifetime: ' || label || ' asked for ' || options::text) FROM (SELECT epoch() AS now) AS n, LATERAL (VALUES
	('an hour', jsonb_build_object('iat', now, 'exp', now + 3600), '{"max_lifetime": 3600}'::jsonb, '{}'::text[], 'accepted'), ('an hour', jsonb_build_object('iat', now, 'exp', now + 3600), '{"max_lifetime": 3599}', '{}', '28000 lifetime_too_long'), ('a week', jsonb_build_object('iat', now, 'exp', now + 604800), '{}', '{}', '28000 lifetime_too_long'), ('a week', jsonb_build_object('iat', now, 'exp', now + 604800), '{"max_lifetime": 604800}', '{}', 'accepted'),
	('a week without iat', jsonb_build_object('exp', now + 604800), '{"max_lifetime": 604800}', '{iat}', 'accepted'), ('more without iat', jsonb_build_object('exp', now + 604900), '{"max_lifetime": 604800}', '{iat}', '28000 lifetime_too_long')) AS c (label, claims, options, without, expected);
SET LOCAL intrex_auth.max_token_lifetime = 300;
SELECT is(asked('{}') || ', ' || asked('{}', '{"max_lifetime": 1000}'), '28000 lifetime_too_long, accepted', 'intrex_auth.max_token_lifetime when it is left out');
RESET intrex_auth.max_token_lifetime;
SELECT is(asked('{"iss": "a", "aud": ["b"]}', '{"issuer": "a", "audience": "b", "typ": "JWT", "required": ["sub"], "leeway": 5, "max_lifetime": 1000}', typ => 'JWT'), 'accepted', 'all together');

-- what is no option, or not as it should be, is an error with any token
SELECT is(verdict('x', 'SELECT auth.jwt_verify($1, $2, $3)', public('HS256'), options), '22023', 'options ' || left(options::text, 60)) FROM unnest(ARRAY[
	'[]', '"x"', '1', 'null', '[{"issuer": "a"}]', '{"x": 1}', '{"Issuer": "a"}', '{"iss": "a"}', '{"aud": "a"}', '{"issuer ": "a"}', '{"algorithms": ["none"]}', '{"": ""}', '{"verify": false}', '{"ignoreExpiration": true}',
	'{"issuer": null}', '{"issuer": ""}', '{"issuer": []}', '{"issuer": [""]}', '{"issuer": [1]}', '{"issuer": [["a"]]}', '{"issuer": {}}', '{"issuer": true}', '{"issuer": ["a", null]}', '{"audience": null}', '{"audience": ""}', '{"audience": []}', '{"audience": 1}', '{"audience": {"a": 1}}',
	'{"typ": null}', '{"typ": ""}', '{"typ": 1}', '{"typ": ["JWT"]}', '{"typ": "this is longer than a typ may be"}', '{"required": null}', '{"required": "sub"}', '{"required": [1]}', '{"required": [null]}', '{"required": [""]}', '{"required": {}}',
	'{"leeway": -1}', '{"leeway": 61}', '{"leeway": 1.5}', '{"leeway": "60"}', '{"leeway": null}', '{"leeway": 1e400}', '{"leeway": true}', '{"leeway": [60]}', '{"max_lifetime": 0}', '{"max_lifetime": -1}', '{"max_lifetime": null}', '{"max_lifetime": "3600"}', '{"max_lifetime": 316224001}', '{"max_lifetime": 1e400}', '{"max_lifetime": 0.5}']::jsonb[]) AS options;
SELECT is(verdict('x', 'SELECT auth.jwt_verify($1, $2, $3)', public('HS256'), options), '22023', label) FROM (VALUES
	('sixty-five issuers', (SELECT jsonb_build_object('issuer', jsonb_agg('i' || n)) FROM generate_series(1, 65) AS n)), ('a million required claims', (SELECT jsonb_build_object('required', jsonb_agg('i'::text)) FROM generate_series(1, 1000000) AS n)), ('a megabyte of typ', jsonb_build_object('typ', repeat('t', 1000000))), ('a name of a megabyte', jsonb_build_object(repeat('t', 1000000), 1))) AS c (label, options);
SELECT is(asked('{"iss": "i64"}', (SELECT jsonb_build_object('issuer', jsonb_agg('i' || n)) FROM generate_series(1, 64) AS n)), 'accepted', 'sixty-four issuers');
DO $$
DECLARE
	hint text;
BEGIN
	PERFORM auth.jwt_verify('x', '{}', '{"isuer": "a"}');
EXCEPTION WHEN invalid_parameter_value THEN
	GET STACKED DIAGNOSTICS hint = PG_EXCEPTION_HINT;
	PERFORM set_config('jwt_test.hint', hint, true);
END
$$;
SELECT is(current_setting('jwt_test.hint'), 'Options are issuer, audience, typ, required, leeway and max_lifetime.', 'the hint lists what there is');

SELECT * FROM finish();
ROLLBACK;
