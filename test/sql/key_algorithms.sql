-- Signing keys of every algorithm in the ring: rotation to one of them, login, refresh
-- and authentication with its tokens, what is published and exported, retirement.
-- The key file is put back at the end; it is no part of the transaction.
\set ECHO none
-- Changes the key ring.
\set QUIET 1
\pset format unaligned
\pset tuples_only true
\set VERBOSITY terse
\getenv abs_srcdir PG_ABS_SRCDIR
\set include :abs_srcdir '/include/accounts.psql'
LOAD 'intrex_auth';
SELECT pg_read_file(current_setting('intrex_auth.key_file')) AS ring_before \gset

BEGIN;
\i :include
SELECT pg_temp.clean() \g /dev/null
SELECT plan(118);
SELECT pg_temp.user_('ann') \g /dev/null
SET log_min_messages = panic;

-- the ring as it is in the file, and another one in its place
CREATE FUNCTION pg_temp.ring() RETURNS jsonb LANGUAGE sql AS $$ SELECT pg_read_file(current_setting('intrex_auth.key_file'))::jsonb $$;
CREATE FUNCTION pg_temp.write_ring(ring jsonb) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE format('COPY (SELECT %L) TO PROGRAM %L', ring,
		format('umask 077; cat > %1$s.new && mv %1$s.new %1$s', current_setting('intrex_auth.key_file')));
	PERFORM count(*) FROM auth.keys();
END
$$;
CREATE FUNCTION pg_temp.unb64u(value text) RETURNS bytea LANGUAGE sql
	RETURN decode(rpad(translate(value, '-_', '+/'), (length(value) + 3) / 4 * 4, '='), 'base64');
CREATE FUNCTION pg_temp.b64u(value bytea) RETURNS text LANGUAGE sql RETURN translate(encode(value, 'base64'), E'+/=\n', '-_');
CREATE FUNCTION pg_temp.header(token text) RETURNS jsonb LANGUAGE sql
	RETURN convert_from(pg_temp.unb64u(split_part(token, '.', 1)), 'UTF8')::jsonb;
CREATE FUNCTION pg_temp.names(object jsonb) RETURNS text LANGUAGE sql AS $$ SELECT string_agg(k, ' ' ORDER BY k COLLATE "C") FROM jsonb_object_keys(object) AS k $$;
-- SQLSTATE and code of a refusal, or ok.
CREATE FUNCTION pg_temp.refusal(query text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	state text; message text; detail text;
BEGIN
	EXECUTE query;
	RETURN 'ok';
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL;
	RETURN concat_ws(' ', state, coalesce(substring(detail FROM '\((\w+)\)$'), message));
END
$$;
CREATE FUNCTION pg_temp.verify(token text) RETURNS text LANGUAGE sql AS $$ SELECT pg_temp.refusal(format('SELECT auth.jwt_verify(%L)', token)) $$;
-- A token with one letter of its signature changed, and with another header.
CREATE FUNCTION pg_temp.damaged(token text) RETURNS text LANGUAGE sql AS $$
	SELECT overlay(token PLACING CASE substr(token, length(token) - 9, 1) WHEN 'A' THEN 'B' ELSE 'A' END FROM length(token) - 9 FOR 1) $$;
CREATE FUNCTION pg_temp.with_header(token text, header jsonb) RETURNS text LANGUAGE sql AS $$
	SELECT regexp_replace(token, '^[^.]*', pg_temp.b64u(convert_to((pg_temp.header(token) || header)::text, 'UTF8'))) $$;

SELECT auth.key_rotate('HS256') AS hs256 \gset
SELECT pg_temp.login('ann@accounts.example') AS first_grant \gset
CREATE TEMP TABLE made (n int GENERATED ALWAYS AS IDENTITY, alg text, kid text, token text);

-- every algorithm signs what login and refresh give out, and is the only one that verifies it
CREATE FUNCTION pg_temp.try(alg text, members text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
	former CONSTANT text := (SELECT k.kid FROM auth.keys() AS k WHERE k."use" = 'sign' AND k.state = 'current');
	kid CONSTANT text := auth.key_rotate(alg);
	granted jsonb := pg_temp.login('ann@accounts.example');
	token text := granted ->> 'access_token';
	public jsonb := (SELECT k FROM jsonb_array_elements(auth.jwks() -> 'keys') AS k WHERE k ->> 'kid' = kid);
BEGIN
	RETURN NEXT is((SELECT array_agg(k.kid || ' ' || k.alg ORDER BY k.kid) FROM auth.keys() AS k WHERE k."use" = 'sign' AND k.state = 'current'),
		ARRAY[kid || ' ' || alg], alg || ': the new key is the current one');
	RETURN NEXT is((SELECT k.state FROM auth.keys() AS k WHERE k.kid = former), 'previous', alg || ': the former one stepped down');
	RETURN NEXT is(pg_temp.header(token), jsonb_build_object('alg', alg, 'kid', kid, 'typ', 'JWT'), alg || ': login signs with it');
	RETURN NEXT is(pg_temp.whose(token), 'ann@accounts.example', alg || ': the token is a context');
	RETURN NEXT is(pg_temp.header(pg_temp.refresh(granted) ->> 'access_token') ->> 'kid', kid, alg || ': refresh signs with it');
	RETURN NEXT is(auth.jwt_verify(auth.jwt_sign('{"role": "anon", "text": "ü 😹"}')) ->> 'text', 'ü 😹', alg || ': so does jwt_sign');
	RETURN NEXT is(pg_temp.verify(pg_temp.damaged(token)), '28000 bad_signature', alg || ': a damaged signature');
	RETURN NEXT is(pg_temp.verify(token || 'AAAA'), '28000 bad_signature', alg || ': a longer signature');
	RETURN NEXT is(pg_temp.verify(pg_temp.with_header(token, '{"alg": "HS256"}')), '28000 wrong_algorithm', alg || ': said to be HS256');
	RETURN NEXT is(pg_temp.verify(pg_temp.with_header(token, '{"alg": "none"}')), '28000 wrong_algorithm', alg || ': said to be none');
	RETURN NEXT is(pg_temp.names(public), members, alg || ': the public key, and nothing private, is published');
	INSERT INTO made (alg, kid, token) VALUES (alg, kid, token);
END
$$;
SELECT pg_temp.try('EdDSA', 'alg crv kid kty use x');
SELECT pg_temp.try('ES256', 'alg crv kid kty use x y');
SELECT pg_temp.try('ES384', 'alg crv kid kty use x y');
SELECT pg_temp.try('ES512', 'alg crv kid kty use x y');
SELECT pg_temp.try('RS256', 'alg e kid kty n use');
SELECT pg_temp.try('PS384', 'alg e kid kty n use');
SELECT pg_temp.try('HS512', NULL);

-- nobody is signed out by all of this
SELECT is(string_agg(pg_temp.verify(token), ' '), 'ok ok ok ok ok ok ok', 'tokens of all the keys verify') FROM made;
SELECT is(pg_temp.state(:'first_grant'), 'in', 'a grant of before is good for both tokens');

-- algorithm confusion: the public key, in any form, is no secret
SELECT is(pg_temp.verify(
		pg_temp.b64u(convert_to(jsonb_build_object('alg', 'HS256', 'kid', kid, 'typ', 'JWT')::text, 'UTF8')) || '.e30.' || pg_temp.b64u(sha256('x'))),
	'28000 wrong_algorithm', alg || ': HS256 under the kid of a public key') FROM made WHERE alg <> 'HS512' ORDER BY n;
-- one key's token under the name of another
SELECT is(pg_temp.verify(pg_temp.with_header(a.token, jsonb_build_object('kid', b.kid))), '28000 wrong_algorithm', a.alg || ' under the kid of ' || b.alg)
	FROM made AS a JOIN made AS b ON b.n = a.n % 7 + 1 ORDER BY a.n;

-- what is published and exported
SELECT is((SELECT string_agg(k ->> 'alg', ' ' ORDER BY n) FROM jsonb_array_elements(auth.jwks() -> 'keys') WITH ORDINALITY AS u (k, n)
		WHERE k ->> 'kid' IN (SELECT kid FROM made)), 'EdDSA ES256 ES384 ES512 RS256 PS384', 'the public keys, and no symmetric one');
SELECT current_setting('data_directory') || '/key_algorithms.jwks' AS export \gset
SELECT is(auth.key_export(:'export'), (SELECT count(*)::int FROM auth.keys() WHERE "use" = 'sign' AND state <> 'retired'), 'the export');
SELECT is((SELECT string_agg(DISTINCT m, ' ' ORDER BY m) FROM jsonb_array_elements(pg_read_file(:'export')::jsonb -> 'keys') AS k, jsonb_object_keys(k) AS m),
	'alg crv e k kid kty n use x y', 'has secrets of HS256 in it, and no private parts');
COPY (SELECT) TO PROGRAM 'cat >/dev/null; rm key_algorithms.jwks';
SELECT is((SELECT count(*) FROM auth.keys() AS k WHERE k.kid IN (SELECT kid FROM made) AND k.thumbprint ~ '^[A-Za-z0-9_-]{43}$'), 7::bigint, 'each has its thumbprint');
SELECT auth._remember_keys() \g /dev/null
SELECT is((SELECT count(*) FROM auth.known_keys AS k WHERE k.kid IN (SELECT kid FROM made)), 7::bigint, 'which the database notes');

-- retired: a day and more after it stepped down
SELECT pg_temp.write_ring(jsonb_set(pg_temp.ring(), '{keys}', (SELECT jsonb_agg(CASE WHEN k ->> 'state' = 'previous' AND k ->> 'kid' IN (SELECT kid FROM made)
	THEN k || '{"since": 1700000000}' ELSE k END ORDER BY n) FROM jsonb_array_elements(pg_temp.ring() -> 'keys') WITH ORDINALITY AS u (k, n)))) \g /dev/null
SELECT auth.key_rotate('EdDSA') AS last \gset
SELECT is((SELECT string_agg(DISTINCT k.state, ' ') FROM auth.keys() AS k WHERE k.kid IN (SELECT kid FROM made WHERE alg <> 'HS512')), 'retired', 'old keys are retired');
SELECT is(string_agg(pg_temp.verify(token), ', ' ORDER BY n), '28000 wrong_key_use, 28000 wrong_key_use, 28000 wrong_key_use, 28000 wrong_key_use, 28000 wrong_key_use, 28000 wrong_key_use, ok',
	'their tokens are refused') FROM made;
SELECT is((SELECT string_agg(k ->> 'kid', ' ') FROM jsonb_array_elements(auth.jwks() -> 'keys') AS k
	WHERE k ->> 'kid' IN (SELECT kid FROM made UNION ALL SELECT :'last')), :'last', 'and they are no longer published');

-- a ring with a key that cannot be one is not taken; the one that is loaded stays
CREATE FUNCTION pg_temp.replaced(change jsonb) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	good CONSTANT jsonb := pg_temp.ring();
	loaded CONSTANT text := (SELECT string_agg(k.kid || k.state, ' ' ORDER BY k.kid) FROM auth.keys() AS k);
	found text;
BEGIN
	PERFORM pg_temp.write_ring(jsonb_set(good, '{keys}', (SELECT jsonb_agg(CASE WHEN k ->> 'state' = 'current' AND k ->> 'alg' = 'EdDSA'
		THEN jsonb_strip_nulls(k || change) ELSE k END ORDER BY n) FROM jsonb_array_elements(good -> 'keys') WITH ORDINALITY AS u (k, n))));
	found := (SELECT string_agg(k.kid || k.state, ' ' ORDER BY k.kid) FROM auth.keys() AS k);
	PERFORM auth.jwt_verify(auth.jwt_sign('{"role": "anon"}'));
	PERFORM pg_temp.write_ring(good);
	RETURN CASE WHEN found = loaded THEN 'stays' ELSE 'taken' END;
END
$$;
SELECT is(pg_temp.replaced('{"use": "sig"}'), 'stays', 'the same keys again');
SELECT is(pg_temp.replaced('{"kid": "renamed"}'), 'taken', 'the key under another name');
SELECT is(pg_temp.replaced('{"kid": "renamed", "d": "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"}'), 'stays', 'a private part of another key');
SELECT is(pg_temp.replaced('{"kid": "renamed", "d": null}'), 'stays', 'no private part');
SELECT is(pg_temp.replaced('{"kid": "renamed", "alg": null}'), 'stays', 'no algorithm');
SELECT is(pg_temp.replaced('{"kid": "renamed", "x": "AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"}'), 'stays', 'a point of small order');

-- error, names of no algorithm:
SELECT throws_ok(format('SELECT auth.key_rotate(%L)', name), '22023', 'unknown key algorithm', format('"%s" is refused', left(name, 10)))
	FROM unnest(ARRAY['', 'none', 'RS1', 'RS257', 'eddsa', 'Ed25519', 'ES256 ', 'ES256K', 'RSA-OAEP', repeat('ES256', 200000)]) AS name;
SELECT is(auth.key_rotate(NULL), NULL, 'NULL rotates nothing');
-- error, not a superuser:
SET ROLE auth_admin;
SELECT throws_ok($$SELECT auth.key_rotate('EdDSA')$$, '42501', NULL, 'only superusers rotate keys');
RESET ROLE;

SELECT pg_temp.write_ring(:'ring_before');
SELECT * FROM finish();
ROLLBACK;
