-- bench/signatures.sql: access tokens signed with key pairs.
-- Depends on setup.sql; the ring signs with HS256 again afterwards.

\set ON_ERROR_STOP 1
SET max_parallel_workers_per_gather = 0;
SET jit = off;

CREATE FUNCTION bench.unb64u(value text) RETURNS bytea
	LANGUAGE sql IMMUTABLE RETURN decode(rpad(translate(value, '-_', '+/'), (length(value) + 3) / 4 * 4, '='), 'base64');

CREATE TABLE bench.signed (token text);

-- Sign the tokens of so many sessions with a new key, and give its public part to
-- the plain function of this session.
CREATE FUNCTION bench.sign_with(alg text, type text, members text[], tokens integer) RETURNS void
	LANGUAGE plpgsql VOLATILE AS $$
DECLARE
	kid CONSTANT text := auth.key_rotate(alg);
	jwk CONSTANT jsonb := (SELECT k FROM jsonb_array_elements(auth.jwks() -> 'keys') AS k WHERE k ->> 'kid' = kid);
BEGIN
	TRUNCATE bench.signed;
	INSERT INTO bench.signed SELECT auth._grant(s.user_id, s.id, s.tenant_id, NULL) ->> 'access_token' AS token
		FROM (SELECT * FROM auth.sessions ORDER BY id LIMIT tokens) AS s;
	ANALYZE bench.signed;
	PERFORM bench.public_key(type, bench.unb64u(jwk ->> members[1]), bench.unb64u(coalesce(jwk ->> members[2], '')));
	PERFORM bench.demand(alg || ': the plain function accepts our tokens',
		(SELECT bool_and(bench.plain_verify_signature(token)) FROM bench.signed));
	PERFORM bench.demand(alg || ': it refuses others',
		(SELECT bool_and(NOT bench.plain_verify_signature(overlay(token PLACING 'A' FROM 300))
			OR substr(token, 300, 1) = 'A') FROM bench.signed));
	PERFORM bench.demand(alg || ': so do we accept them',
		(SELECT bool_and(auth.jwt_verify(token) ->> 'role' = 'authenticated') FROM bench.signed));
	PERFORM bench.demand(alg || ': and with the same claims',
		(SELECT bool_and(bench.plain_verify_signature_jsonb(token) = auth.jwt_verify(token)) FROM bench.signed));
	PERFORM set_config('intrex_auth.session_check', 'off', true);
	PERFORM bench.compare(format('jws_verify(), %s / OpenSSL alone', alg),
		format('SELECT count(auth.jws_verify(token, %L::jsonb)) FROM bench.signed', jwk),
		'SELECT count(bench.plain_verify_signature(token)) FROM bench.signed', tokens, '<=', 1.05);
	PERFORM bench.compare(format('set the context, %s / OpenSSL alone', alg),
		$s$SELECT count(set_config('intrex_auth.token', token, true)) FROM bench.signed$s$,
		'SELECT count(bench.plain_verify_signature(token)) FROM bench.signed', tokens);
	PERFORM bench.compare(format('jwt_verify(), %s / OpenSSL and jsonb_in', alg),
		'SELECT count(auth.jwt_verify(token)) FROM bench.signed',
		'SELECT count(bench.plain_verify_signature_jsonb(token)) FROM bench.signed', tokens, '<=', 1.0);
END
$$;
SELECT bench.sign_with('RS256', 'RSA', '{n,e}', 2000);
SELECT bench.sign_with('ES256', 'P-256', '{x,y}', 2000);
SELECT bench.sign_with('EdDSA', 'ED25519', '{x}', 1000);

-- The tokens of the other subjects are of the key that signs.
SELECT auth.key_rotate('HS256');
TRUNCATE bench.tokens;
INSERT INTO bench.tokens SELECT auth._grant(s.user_id, s.id, s.tenant_id, NULL) ->> 'access_token' FROM auth.sessions AS s;
VACUUM (ANALYZE) bench.tokens;
