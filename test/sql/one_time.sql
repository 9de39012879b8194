-- sql/31_one_time.sql: tokens that are good once, and that no kind of token passes for another.
\set ECHO none
\set QUIET 1
\pset format unaligned
\pset tuples_only true
\set VERBOSITY terse
\getenv abs_srcdir PG_ABS_SRCDIR
\set include :abs_srcdir '/include/jwt.psql'

BEGIN;
\i :include
SELECT plan(105);

CREATE FUNCTION consume(token text, kind text DEFAULT 'reset') RETURNS text LANGUAGE sql RETURN verdict(token, format('SELECT auth.one_time_consume($1, %L)', kind));
CREATE FUNCTION part(token text, n int) RETURNS jsonb LANGUAGE sql IMMUTABLE RETURN convert_from(unb64u(split_part(token, '.', n)), 'UTF8')::jsonb;

-- once
SELECT auth.one_time_issue('reset', '11111111-1111-4111-8111-111111111111', '{"email": "anna@example.com", "n": [1, null]}') AS token \gset
SELECT is(part(:'token', 1) - 'kid', '{"alg": "HS256", "typ": "one-time-reset+jwt"}', 'the header has a typ of its own');
SELECT is(part(:'token', 1) ->> 'kid', (SELECT kid FROM auth.keys() WHERE alg = 'HKDF-SHA256' AND state = 'current'), 'and names the derivation key');
SELECT is((SELECT array_agg(k ORDER BY k) FROM jsonb_object_keys(part(:'token', 2)) AS k), '{email,exp,iat,iss,jti,n,sub}', 'claims are added');
SELECT is((part(:'token', 2) ->> 'exp')::int - (part(:'token', 2) ->> 'iat')::int, 900, 'a quarter of an hour');
SELECT is(auth.one_time_consume(:'token', 'reset'), part(:'token', 2), 'consumed, it gives its claims');
SELECT is(consume(:'token'), '28000 token_already_used', 'and a second time nothing');
SELECT is(consume(:'token'), '28000 token_already_used', 'nor a third time');
SELECT is((SELECT ROW(kind, expires_at > now(), consumed_at <= clock_timestamp())::text FROM auth.revoked_tokens WHERE jti = (part(:'token', 2) ->> 'jti')::uuid), '(reset,t,t)', 'its jti is kept until it has expired');
SELECT is((SELECT count(*) FROM auth.revoked_tokens AS r WHERE r::text LIKE '%' || split_part(:'token', '.', 3) || '%'), 0::bigint, 'the token is not');
SAVEPOINT s;
SELECT auth.one_time_issue('reset') AS undone \gset
SAVEPOINT t;
SELECT is(consume(:'undone'), 'accepted', 'consumed in what is rolled back');
ROLLBACK TO t;
SELECT is(consume(:'undone'), 'accepted', 'it was not');
SELECT is(part(:'undone', 2) ? 'sub', false, 'a token need not be about anybody');
SELECT is(count(DISTINCT part(auth.one_time_issue('reset'), 2) ->> 'jti'), 200::bigint, 'each has its own jti') FROM generate_series(1, 200);

-- time
SELECT is(consume(auth.one_time_issue('reset', lifetime => '30 days')), 'accepted', 'thirty days');
SELECT auth.one_time_issue('reset', lifetime => '1 second') AS short \gset
SELECT pg_sleep(1.1) \g /dev/null
SELECT is(consume(:'short'), '28000 token_expired', 'expired');
SELECT is(verdict('', format('SELECT auth.one_time_issue(''reset'', lifetime => %s)', l)), '22023', 'a lifetime of ' || l) FROM unnest(ARRAY['''0''', '''-1 hour''', '''0.5 seconds''', '''30 days 1 second''', '''1000 years''', 'NULL']) AS l;

-- what is no kind, no claims, no token
SELECT is(verdict('', format('SELECT auth.one_time_issue(%s)', k)), '22023', 'kind ' || left(k, 30)) FROM unnest(ARRAY['NULL', '''''', '''Reset''', '''1reset''', '''re set''', '''re-set''', '''reset+jwt''', '''reset"''', '''rés''', 'repeat(''r'', 19)', 'repeat(''r'', 1000000)', '''reset\n''', 'E''re\nset''']) AS k;
SELECT is(consume(auth.one_time_issue('abcdefghij01234_67', claims => '{}'), 'abcdefghij01234_67'), 'accepted', 'a kind of eighteen characters');
SELECT is(consume('x', k), '22023', 'consuming as kind ' || coalesce(k, 'NULL')) FROM unnest(ARRAY[NULL, '', 'Reset', 'reset+jwt']) AS k;
SELECT is(verdict('', format('SELECT auth.one_time_issue(''reset'', claims => %L)', c)), '22023', 'claims ' || coalesce(c, 'NULL')) FROM unnest(ARRAY[NULL, '[]', '"x"', '1', 'null', '{"iss": "x"}', '{"sub": "x"}', '{"aud": "x"}', '{"exp": 1}', '{"nbf": 1}', '{"iat": 1}', '{"jti": "x"}']) AS c;
SELECT is(verdict('', 'SELECT auth.one_time_issue(''reset'', claims => jsonb_build_object(''a'', repeat(''a'', 100000)))'), '22023 token_too_long', 'claims of 100 kB');
SELECT is(verdict('', format('SELECT auth.one_time_issue(''reset'', claims => %L)', c)), '22023 ' || e, 'claims that could not be read again: ' || left(c, 20)) FROM (VALUES
	('{"a": ' || repeat('[', 16) || repeat(']', 16) || '}', 'json_too_deep'), ((SELECT jsonb_object_agg(n, n) FROM generate_series(1, 3000) AS n)::text, 'json_too_large')) AS v (c, e);
SELECT is(consume(t), expected, left(coalesce(t, 'NULL'), 30)) FROM (VALUES (NULL, '28000 malformed_token'), ('', '28000 malformed_token'), ('x', '28000 malformed_token'), ('..', '28000 malformed_token'), (repeat('a', 8388608), '28000 token_too_long'), (repeat('.', 100), '28000 malformed_token')) AS c (t, expected);

-- damage, and the work of others
SELECT auth.one_time_issue('reset') AS good \gset
SELECT split_part(:'good', '.', 1) AS h, split_part(:'good', '.', 2) AS p, split_part(:'good', '.', 3) AS s, part(:'good', 1) ->> 'kid' AS kid \gset
SELECT is(consume(t), '28000 ' || expected, label) FROM (VALUES
	('another payload', :'h' || '.' || b64u(:'p') || '.' || :'s', 'bad_signature'), ('another kind in the header', b64u(replace(convert_from(unb64u(:'h'), 'UTF8'), 'reset', 'email')) || '.' || :'p' || '.' || :'s', 'wrong_token_type'),
	('typ JWT', b64u(format('{"alg":"HS256","kid":"%s","typ":"JWT"}', :'kid')) || '.' || :'p' || '.' || :'s', 'wrong_token_type'), ('no kid', b64u('{"alg":"HS256","typ":"one-time-reset+jwt"}') || '.' || :'p' || '.' || :'s', 'unknown_key'), ('another kid', b64u('{"alg":"HS256","kid":"x","typ":"one-time-reset+jwt"}') || '.' || :'p' || '.' || :'s', 'unknown_key'),
	('the kid of the signing key', b64u(format('{"alg":"HS256","kid":"%s","typ":"one-time-reset+jwt"}', part(auth.jwt_sign('{}'), 1) ->> 'kid')) || '.' || :'p' || '.' || :'s', 'wrong_key_use'),
	('alg none', b64u(format('{"alg":"none","kid":"%s","typ":"one-time-reset+jwt"}', :'kid')) || '.' || :'p' || '.' || :'s', 'wrong_algorithm'), ('HS512', b64u(format('{"alg":"HS512","kid":"%s","typ":"one-time-reset+jwt"}', :'kid')) || '.' || :'p' || '.' || :'s', 'wrong_algorithm'),
	('an empty key', mac(:'h', :'p', '\x'), 'bad_signature'), ('the key that everything derives from', mac(:'h', :'p', (SELECT unb64u(k ->> 'k') FROM jsonb_array_elements(pg_read_file(current_setting('intrex_auth.key_file'))::jsonb -> 'keys') AS k WHERE k ->> 'kid' = :'kid')), 'bad_signature')) AS c (label, t, expected);
SELECT is(consume(:'good'), 'accepted', 'the token itself');
SET LOCAL intrex_auth.issuer = 'https://other.example';
SELECT auth.one_time_issue('reset') AS foreign \gset
SELECT is(consume(:'foreign'), 'accepted', 'for the issuer that issued it');
SELECT auth.one_time_issue('reset') AS foreign \gset
RESET intrex_auth.issuer;
SELECT is(consume(:'foreign'), '28000 wrong_issuer', 'and for no other');

-- n × n: each thing that looks like a token or is one, presented as every other
CREATE TABLE things (thing text PRIMARY KEY, token text);
INSERT INTO auth.users (id, email) VALUES ('11111111-1111-4111-8111-111111111111', 'matrix@example.com');
INSERT INTO auth.sessions (id, user_id) VALUES ('22222222-2222-4222-8222-222222222222', '11111111-1111-4111-8111-111111111111');
INSERT INTO things SELECT kind, auth.one_time_issue(kind, '11111111-1111-4111-8111-111111111111', '{"role": "authenticated", "session_id": "22222222-2222-4222-8222-222222222222"}')
	FROM unnest(ARRAY['reset', 'email_verify', 'mfa', 'invite', 'csrf', 'cookie']) AS kind;
INSERT INTO things SELECT 'access', auth._grant('11111111-1111-4111-8111-111111111111', '22222222-2222-4222-8222-222222222222', NULL, NULL) ->> 'access_token';
INSERT INTO things SELECT 'access of jwt_sign', auth.jwt_sign('{"sub": "11111111-1111-4111-8111-111111111111", "role": "authenticated", "session_id": "22222222-2222-4222-8222-222222222222"}');
INSERT INTO things SELECT 'given key', auth.jwt_sign(claims()::jsonb, private('HS256'));
INSERT INTO things SELECT 'refresh', r FROM (SELECT auth.random_token(32)) AS t (r);
INSERT INTO auth.refresh_tokens SELECT auth._opaque_hash(token), '22222222-2222-4222-8222-222222222222', NULL, '\x00', now(), now() + interval '1 day' FROM things WHERE thing = 'refresh';
INSERT INTO things SELECT 'sealed', b64u(auth.secret_encrypt('{"sub": "11111111-1111-4111-8111-111111111111"}', 'context'));
INSERT INTO things SELECT 'random', auth.random_token(32);
-- where they are presented, and what may be presented there
CREATE TABLE places (place text PRIMARY KEY, statement text, fits text[]);
INSERT INTO places VALUES
	('authenticate', 'SELECT auth.authenticate($1)', '{access,access of jwt_sign}'), ('setting', 'SELECT set_config(''intrex_auth.token'', $1, true)', '{access,access of jwt_sign}'), ('jwt_verify', 'SELECT auth.jwt_verify($1)', '{access,access of jwt_sign}'),
	('jwt_verify by a given key', 'SELECT auth.jwt_verify($1, public(''HS256''))', '{given key}'), ('jws_verify by a given key', 'SELECT auth.jws_verify($1, public(''HS256''))', '{given key}'),
	('refresh', 'SELECT r FROM auth_api.refresh($1) AS r WHERE NOT r ? ''error''', '{refresh}'),
	('secret_decrypt', 'SELECT auth.secret_decrypt(CASE WHEN $1 ~ ''^[A-Za-z0-9_-]+$'' THEN unb64u($1) ELSE convert_to($1, ''UTF8'') END, ''context'')', '{sealed}'),
	('secret_decrypt, another context', 'SELECT auth.secret_decrypt(CASE WHEN $1 ~ ''^[A-Za-z0-9_-]+$'' THEN unb64u($1) ELSE convert_to($1, ''UTF8'') END, ''reset'')', '{}');
INSERT INTO places SELECT 'as ' || kind, format('SELECT auth.one_time_consume($1, %L)', kind), ARRAY[kind] FROM unnest(ARRAY['reset', 'email_verify', 'mfa', 'invite', 'csrf', 'cookie']) AS kind;
INSERT INTO places VALUES ('as the kind access', 'SELECT auth.one_time_consume($1, ''access'')', '{}');
CREATE FUNCTION presented() RETURNS TABLE (thing text, place text, fits boolean, outcome text) LANGUAGE plpgsql AS $$
DECLARE
	pair record;
BEGIN
	FOR pair IN SELECT t.thing, t.token, p.place, p.statement, t.thing = ANY (p.fits) AS fits FROM things AS t, places AS p ORDER BY 1, 3 LOOP
		RETURN QUERY SELECT pair.thing, pair.place, pair.fits, verdict(pair.token, pair.statement);
	END LOOP;
END
$$;
CREATE TABLE matrix AS SELECT * FROM presented();
SELECT is(count(*), 180::bigint, 'so many pairs') FROM matrix;
SELECT is_empty($$ SELECT thing, place, outcome FROM matrix WHERE fits AND outcome <> 'accepted' $$, 'each is good where it belongs');
SELECT is_empty($$ SELECT thing, place, outcome FROM matrix WHERE NOT fits AND outcome IN ('accepted', '') $$, 'and nowhere else');
SELECT is_empty($$ SELECT thing, place, outcome FROM matrix WHERE outcome ~ '^XX|echoed' $$, 'without an internal error or an echo');
SELECT is((SELECT outcome FROM matrix WHERE thing = 'mfa' AND place = 'as reset'), '28000 wrong_token_type', 'by its type');
-- the same by the key: with the typ of the other, the signature is not good
SELECT is_empty($$
	SELECT a.thing, b.thing FROM things AS a, things AS b WHERE a.thing IN ('reset', 'mfa', 'invite') AND b.thing IN ('reset', 'mfa', 'invite') AND a.thing <> b.thing
		AND consume(split_part(b.token, '.', 1) || '.' || split_part(a.token, '.', 2) || '.' || split_part(a.token, '.', 3), b.thing) <> '28000 bad_signature'
$$, 'and by its key');
RESET intrex_auth.token;

-- housekeeping: a day after the end
DELETE FROM auth.revoked_tokens;
INSERT INTO auth.revoked_tokens (jti, kind, expires_at) SELECT gen_random_uuid(), 'k' || n, now() - n * interval '1 hour' FROM unnest(ARRAY[-1, 1, 23, 25, 1000]) AS n;
SELECT is(auth.cleanup(1) ->> 'revoked_tokens', '1', 'cleanup is bounded');
SELECT is(auth.cleanup() ->> 'revoked_tokens', '1', 'and takes what has expired a day ago');
SELECT is((SELECT array_agg(kind ORDER BY kind) FROM auth.revoked_tokens), '{k-1,k1,k23}', 'and leaves the rest');
SELECT is(has_function_privilege(role, f::regprocedure, 'EXECUTE'), role = 'auth_admin' AND f !~ '\._', role || ' and ' || f)
	FROM unnest(ARRAY['anon', 'authenticated', 'auth_platform', 'auth_admin']) AS role, unnest(ARRAY['auth.one_time_issue(text,uuid,jsonb,interval)', 'auth.one_time_consume(text,text)', 'auth._one_time_sign(text,jsonb)', 'auth._one_time_verify(text,text)', 'auth._raise_unauthenticated(text,text)']) AS f;
SELECT is(has_table_privilege(role, 'auth.revoked_tokens', 'SELECT, INSERT, UPDATE, DELETE'), false, role || ' and the table') FROM unnest(ARRAY['anon', 'authenticated', 'auth_admin']) AS role;

SELECT * FROM finish();
ROLLBACK;
