-- JSON Web Tokens by the key ring

CREATE OR REPLACE FUNCTION auth.jwt_sign(claims jsonb) RETURNS text
	LANGUAGE c VOLATILE STRICT PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'intrex_auth_jwt_sign';
COMMENT ON FUNCTION auth.jwt_sign(jsonb) IS 'signs claims with the current key, adding iss, aud, iat, exp and jti where absent';
REVOKE ALL ON FUNCTION auth.jwt_sign(jsonb) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION auth.jwt_sign(jsonb) TO auth_admin;

CREATE OR REPLACE FUNCTION auth.jwt_verify(token text) RETURNS jsonb
	LANGUAGE c STABLE STRICT PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'intrex_auth_jwt_verify';
COMMENT ON FUNCTION auth.jwt_verify(text) IS 'the claims of a token that verifies by the key ring and the configured policy; raises 28000; does not look at the session';
REVOKE ALL ON FUNCTION auth.jwt_verify(text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION auth.jwt_verify(text) TO auth_admin;

CREATE OR REPLACE FUNCTION auth.jwks() RETURNS jsonb
	LANGUAGE c STABLE PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'intrex_auth_jwks';
COMMENT ON FUNCTION auth.jwks() IS 'the public keys of the ring as a JWK Set; symmetric keys are never in it';
REVOKE ALL ON FUNCTION auth.jwks() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION auth.jwks() TO anon, authenticated, auth_admin;

