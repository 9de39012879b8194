-- one-time passwords
--
-- The primitive; factors, their secrets and the guard against replay come with MFA.

CREATE OR REPLACE FUNCTION auth.totp_code(secret bytea, at timestamptz, digits integer DEFAULT 6, period integer DEFAULT 30, algorithm text DEFAULT 'SHA1') RETURNS text
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'intrex_auth_totp_code';
COMMENT ON FUNCTION auth.totp_code(bytea, timestamptz, integer, integer, text) IS 'the one-time password (RFC 6238) of a secret of 16 to 128 bytes at a moment: 6 to 8 digits, a period in seconds, SHA1, SHA256 or SHA512';
REVOKE ALL ON FUNCTION auth.totp_code(bytea, timestamptz, integer, integer, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION auth.totp_code(bytea, timestamptz, integer, integer, text) TO auth_admin;
