-- webhooks: signatures of what is sent, and verification of what was received
--
-- The secret of an endpoint is a stored secret (auth.secret_store) or whatever
-- the application keeps.  Granted to auth_admin; grant further to the role that
-- sends or receives.  A receiver gets the bytes of the body as they came: json
-- that was parsed and written again has other bytes.

CREATE OR REPLACE FUNCTION auth.webhook_sign(payload bytea, secret bytea) RETURNS text
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'intrex_auth_webhook_sign';
COMMENT ON FUNCTION auth.webhook_sign(bytea, bytea) IS 'the header X-Intrex-Signature of a payload: sha256= and the HMAC-SHA-256 in lower-case hexadecimal; the secret has 16 bytes or more';
REVOKE ALL ON FUNCTION auth.webhook_sign(bytea, bytea) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION auth.webhook_sign(bytea, bytea) TO auth_admin;

CREATE OR REPLACE FUNCTION auth.webhook_verify(payload bytea, signature text, secret bytea) RETURNS boolean
	LANGUAGE c IMMUTABLE PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'intrex_auth_webhook_verify';
COMMENT ON FUNCTION auth.webhook_verify(bytea, text, bytea) IS 'whether X-Intrex-Signature is that of the payload; false, never NULL, for a missing or malformed one. It says nothing of when it was signed: a captured request verifies for ever';
REVOKE ALL ON FUNCTION auth.webhook_verify(bytea, text, bytea) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION auth.webhook_verify(bytea, text, bytea) TO auth_admin;

CREATE OR REPLACE FUNCTION auth.webhook_secret() RETURNS text
	LANGUAGE c VOLATILE PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'intrex_auth_webhook_secret';
COMMENT ON FUNCTION auth.webhook_secret() IS 'a new secret for Standard Webhooks: whsec_ and 32 random bytes in base64';
REVOKE ALL ON FUNCTION auth.webhook_secret() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION auth.webhook_secret() TO auth_admin;

CREATE OR REPLACE FUNCTION auth.webhook_sign_standard(id text, at timestamptz, payload bytea, secrets text[]) RETURNS jsonb
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'intrex_auth_webhook_sign_standard';
COMMENT ON FUNCTION auth.webhook_sign_standard(text, timestamptz, bytea, text[]) IS 'the headers of Standard Webhooks: webhook-id, webhook-timestamp and webhook-signature with one v1 signature for each secret (whsec_…), both of them while a secret is being replaced; a repeated delivery keeps its id and takes a new time';
REVOKE ALL ON FUNCTION auth.webhook_sign_standard(text, timestamptz, bytea, text[]) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION auth.webhook_sign_standard(text, timestamptz, bytea, text[]) TO auth_admin;

-- The clock is an argument, so the function itself depends on nothing else.
CREATE OR REPLACE FUNCTION auth.webhook_verify_standard(headers jsonb, payload bytea, secrets text[],
	tolerance interval DEFAULT '5 minutes', received_at timestamptz DEFAULT clock_timestamp()) RETURNS boolean
	LANGUAGE c IMMUTABLE PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'intrex_auth_webhook_verify_standard';
COMMENT ON FUNCTION auth.webhook_verify_standard(jsonb, bytea, text[], interval, timestamptz) IS 'whether the headers (names in lower case, as in PostgREST''s request.headers) sign the payload with one of the secrets at a time within the tolerance, before or after; false, never NULL. To take a message once, insert webhook-id into a table where it is unique and keep it for twice the tolerance';
REVOKE ALL ON FUNCTION auth.webhook_verify_standard(jsonb, bytea, text[], interval, timestamptz) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION auth.webhook_verify_standard(jsonb, bytea, text[], interval, timestamptz) TO auth_admin;
