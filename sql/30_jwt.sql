-- sql/30_jwt.sql: JSON Web Tokens, by the key ring and by given keys

CREATE OR REPLACE FUNCTION auth.jwt_sign(claims jsonb) RETURNS text
	LANGUAGE c VOLATILE STRICT PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'intrex_auth_jwt_sign';
COMMENT ON FUNCTION auth.jwt_sign(jsonb) IS 'signs claims with the current key, adding iss, aud, iat, exp and jti where absent';
REVOKE ALL ON FUNCTION auth.jwt_sign(jsonb) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION auth.jwt_sign(jsonb) TO auth_admin;

-- PARALLEL RESTRICTED: the claims hook, which it asks, may be anything.
CREATE OR REPLACE FUNCTION auth.jwt_verify(token text) RETURNS jsonb
	LANGUAGE c STABLE STRICT PARALLEL RESTRICTED
	AS 'MODULE_PATHNAME', 'intrex_auth_jwt_verify';
COMMENT ON FUNCTION auth.jwt_verify(text) IS 'the claims of a token that verifies by the key ring, the configured policy and the claims hook; raises 28000; does not look at the session';
REVOKE ALL ON FUNCTION auth.jwt_verify(text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION auth.jwt_verify(text) TO auth_admin;

-- By keys that the caller gives; doc/jwt.md says what each option that is left out means.

CREATE OR REPLACE FUNCTION auth.jwt_sign(claims jsonb, jwk jsonb) RETURNS text
	LANGUAGE c VOLATILE STRICT PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'intrex_auth_jwt_sign_with';
COMMENT ON FUNCTION auth.jwt_sign(jsonb, jsonb) IS 'signs claims as they are, nothing added, with a private JWK or a secret one; without exp the token never expires, and auth.jwt_verify() refuses it';
REVOKE ALL ON FUNCTION auth.jwt_sign(jsonb, jsonb) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION auth.jwt_sign(jsonb, jsonb) TO auth_admin;

-- STRICT, and the options have a default that is not NULL: options that became
-- NULL by mistake must not mean that nothing is checked.
CREATE OR REPLACE FUNCTION auth.jwt_verify(token text, jwks jsonb, options jsonb DEFAULT '{}') RETURNS jsonb
	LANGUAGE c STABLE STRICT PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'intrex_auth_jwt_verify_with';
COMMENT ON FUNCTION auth.jwt_verify(text, jsonb, jsonb) IS 'the claims of a token that verifies by these keys; options: issuer, audience, typ, required, leeway, max_lifetime. Left out: any issuer; no aud, or that of intrex_auth.audience; typ JWT or none; exp alone is required; leeway 0; intrex_auth.max_token_lifetime. Raises 28000';
REVOKE ALL ON FUNCTION auth.jwt_verify(text, jsonb, jsonb) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION auth.jwt_verify(text, jsonb, jsonb) TO auth_admin;

CREATE OR REPLACE FUNCTION auth.jws_verify(token text, jwks jsonb) RETURNS bytea
	LANGUAGE c STABLE STRICT PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'intrex_auth_jws_verify';
COMMENT ON FUNCTION auth.jws_verify(text, jsonb) IS 'the payload of a JWS of any typ whose signature verifies by these keys; nothing in it is judged, so it is not for JWTs. Raises 28000';
REVOKE ALL ON FUNCTION auth.jws_verify(text, jsonb) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION auth.jws_verify(text, jsonb) TO auth_admin;

CREATE OR REPLACE FUNCTION auth.jwks() RETURNS jsonb
	LANGUAGE c STABLE PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'intrex_auth_jwks';
COMMENT ON FUNCTION auth.jwks() IS 'the public keys of the ring as a JWK Set; symmetric keys are never in it';
REVOKE ALL ON FUNCTION auth.jwks() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION auth.jwks() TO anon, authenticated, auth_admin;

