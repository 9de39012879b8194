-- sql/31_one_time.sql: tokens that are good once, such as those in a mail.
-- Depends on 20_context.sql, 30_issuer.sql; auth.one_time_consume() on auth._make_durable() of 45_audit.sql.
--
-- For the flows of this extension and for administrators: who issues a token of a
-- kind decides what consuming one allows.

CREATE TABLE auth.revoked_tokens (
	jti uuid NOT NULL,
	kind text COLLATE "C" NOT NULL,
	expires_at timestamptz NOT NULL,
	consumed_at timestamptz NOT NULL DEFAULT clock_timestamp(),
	CONSTRAINT revoked_tokens_pkey PRIMARY KEY (jti)
);
CREATE INDEX revoked_tokens_expires_at_idx ON auth.revoked_tokens (expires_at, jti);
COMMENT ON TABLE auth.revoked_tokens IS 'one-time tokens that were used; a row is inserted once, which is what makes them good once, and goes when its token has expired';
COMMENT ON COLUMN auth.revoked_tokens.jti IS 'the claim of the token; it opens nothing';
COMMENT ON INDEX auth.revoked_tokens_expires_at_idx IS 'for auth.cleanup()';
REVOKE ALL ON TABLE auth.revoked_tokens FROM PUBLIC;
SELECT pg_extension_config_dump('auth.revoked_tokens', '');

CREATE OR REPLACE FUNCTION auth._one_time_sign(kind text, claims jsonb) RETURNS text
	LANGUAGE c VOLATILE STRICT PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'intrex_auth_one_time_sign';
COMMENT ON FUNCTION auth._one_time_sign(text, jsonb) IS 'signs complete claims as a one-time token of a kind';
REVOKE ALL ON FUNCTION auth._one_time_sign(text, jsonb) FROM PUBLIC;

CREATE OR REPLACE FUNCTION auth._one_time_verify(token text, kind text) RETURNS jsonb
	LANGUAGE c STABLE STRICT PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'intrex_auth_one_time_verify';
COMMENT ON FUNCTION auth._one_time_verify(text, text) IS 'the claims of a one-time token of a kind; whether it was used is not looked at; raises 28000';
REVOKE ALL ON FUNCTION auth._one_time_verify(text, text) FROM PUBLIC;

CREATE OR REPLACE FUNCTION auth.one_time_issue(kind text, subject uuid DEFAULT NULL, claims jsonb DEFAULT '{}', lifetime interval DEFAULT '15 minutes') RETURNS text
	LANGUAGE plpgsql VOLATILE
	SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	AS $$
DECLARE
	now_ CONSTANT bigint := floor(extract(epoch FROM clock_timestamp()));
	seconds CONSTANT numeric := floor(extract(epoch FROM lifetime));
BEGIN
	IF kind IS NULL OR claims IS NULL OR jsonb_typeof(claims) <> 'object' THEN
		PERFORM auth._fail('22023', 'kind must not be null, and claims must be a JSON object');
	ELSIF claims ?| ARRAY['iss', 'sub', 'aud', 'exp', 'nbf', 'iat', 'jti'] THEN
		PERFORM auth._fail('22023', 'claims must not name what the token itself sets', 'iss, sub, aud, exp, nbf, iat and jti are not for the caller.');
	ELSIF seconds IS NULL OR seconds NOT BETWEEN 1 AND 30 * 86400 THEN
		PERFORM auth._fail('22023', 'lifetime must be from 1 second to 30 days');
	END IF;
	RETURN auth._one_time_sign(kind, claims || jsonb_strip_nulls(jsonb_build_object(
		'iss', auth._issuer(), 'sub', subject, 'iat', now_, 'exp', now_ + seconds::bigint, 'jti', gen_random_uuid())));
END
$$;
COMMENT ON FUNCTION auth.one_time_issue(text, uuid, jsonb, interval) IS 'a token of a kind (reset, email_verify, …) that auth.one_time_consume() takes once, of at most 30 days';
REVOKE ALL ON FUNCTION auth.one_time_issue(text, uuid, jsonb, interval) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION auth.one_time_issue(text, uuid, jsonb, interval) TO auth_admin;

-- The unique key decides, so two callers at once are told apart at READ COMMITTED
-- and REPEATABLE READ alike, without 40001.  If the transaction of the first rolls
-- back, the token was not used.
CREATE OR REPLACE FUNCTION auth.one_time_consume(token text, kind text) RETURNS jsonb
	LANGUAGE plpgsql VOLATILE
	SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	AS $$
DECLARE
	-- no token is no token, not one that nobody looked at
	claims CONSTANT jsonb := auth._one_time_verify(coalesce(token, ''), coalesce(kind, ''));
BEGIN
	-- whoever tries a used one again and again leaves no dead rows
	IF EXISTS (SELECT FROM auth.revoked_tokens AS r WHERE r.jti = (claims ->> 'jti')::uuid) THEN
		PERFORM auth._raise_unauthenticated('token_already_used', 'The token has been used.');
	END IF;
	PERFORM auth._make_durable();
	INSERT INTO auth.revoked_tokens (jti, kind, expires_at)
		VALUES ((claims ->> 'jti')::uuid, one_time_consume.kind, to_timestamp((claims ->> 'exp')::bigint));
	RETURN claims;
EXCEPTION WHEN unique_violation THEN
	PERFORM auth._raise_unauthenticated('token_already_used', 'The token has been used.');
	RETURN NULL;
END
$$;
COMMENT ON FUNCTION auth.one_time_consume(text, text) IS 'the claims of a one-time token of a kind, which is then used up, crash or not; raises 28000 for any other, and for one that was used';
REVOKE ALL ON FUNCTION auth.one_time_consume(text, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION auth.one_time_consume(text, text) TO auth_admin;

CREATE OR REPLACE FUNCTION auth._raise_unauthenticated(code text, detail text) RETURNS void
	LANGUAGE c VOLATILE STRICT PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'intrex_auth_raise_unauthenticated';
COMMENT ON FUNCTION auth._raise_unauthenticated(text, text) IS 'raises what a token that does not hold raises: 28000, under PostgREST PGRST with 401';
REVOKE ALL ON FUNCTION auth._raise_unauthenticated(text, text) FROM PUBLIC;
