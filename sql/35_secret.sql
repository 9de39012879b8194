-- sealing secrets

CREATE OR REPLACE FUNCTION auth.random_token(bytes integer DEFAULT 32) RETURNS text
	LANGUAGE c VOLATILE STRICT PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'intrex_auth_random_token';
COMMENT ON FUNCTION auth.random_token(integer) IS 'random bytes (16 to 1024) of the system''s generator in base64url';
REVOKE ALL ON FUNCTION auth.random_token(integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION auth.random_token(integer) TO auth_admin;

CREATE OR REPLACE FUNCTION auth.secret_encrypt(plaintext text, context text) RETURNS bytea
	LANGUAGE c VOLATILE STRICT PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'intrex_auth_secret_encrypt';
COMMENT ON FUNCTION auth.secret_encrypt(text, text) IS 'seals a text with the ring''s current sealing key (AES-256-GCM) for a context, without which it does not open';
REVOKE ALL ON FUNCTION auth.secret_encrypt(text, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION auth.secret_encrypt(text, text) TO auth_admin;

CREATE OR REPLACE FUNCTION auth.secret_decrypt(sealed bytea, context text) RETURNS text
	LANGUAGE c STABLE STRICT PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'intrex_auth_secret_decrypt';
COMMENT ON FUNCTION auth.secret_decrypt(bytea, text) IS 'opens what auth.secret_encrypt sealed for the same context';
REVOKE ALL ON FUNCTION auth.secret_decrypt(bytea, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION auth.secret_decrypt(bytea, text) TO auth_admin;

CREATE OR REPLACE FUNCTION auth.secret_rewrap(sealed bytea, context text) RETURNS bytea
	LANGUAGE c VOLATILE STRICT PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'intrex_auth_secret_rewrap';
COMMENT ON FUNCTION auth.secret_rewrap(bytea, text) IS 'a sealed value sealed anew with the current key for the same context, without showing the plaintext; as it is when that key sealed it';
REVOKE ALL ON FUNCTION auth.secret_rewrap(bytea, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION auth.secret_rewrap(bytea, text) TO auth_admin;

CREATE OR REPLACE FUNCTION auth.sealed_kid(sealed bytea) RETURNS text
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'intrex_auth_sealed_kid';
COMMENT ON FUNCTION auth.sealed_kid(bytea) IS 'the kid of the key that sealed a value, read from its first bytes; NULL if it is not a sealed value';
REVOKE ALL ON FUNCTION auth.sealed_kid(bytea) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION auth.sealed_kid(bytea) TO auth_admin;

CREATE OR REPLACE FUNCTION auth.aes_gcm_encrypt(key bytea, plaintext bytea, aad bytea) RETURNS bytea
	LANGUAGE c VOLATILE STRICT PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'intrex_auth_aes_gcm_encrypt';
COMMENT ON FUNCTION auth.aes_gcm_encrypt(bytea, bytea, bytea) IS 'AES-256-GCM with a key of 32 bytes: nonce (12 bytes, random), ciphertext, tag (16 bytes)';
REVOKE ALL ON FUNCTION auth.aes_gcm_encrypt(bytea, bytea, bytea) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION auth.aes_gcm_encrypt(bytea, bytea, bytea) TO auth_admin;

CREATE OR REPLACE FUNCTION auth.aes_gcm_decrypt(key bytea, sealed bytea, aad bytea) RETURNS bytea
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'intrex_auth_aes_gcm_decrypt';
COMMENT ON FUNCTION auth.aes_gcm_decrypt(bytea, bytea, bytea) IS 'opens nonce, ciphertext and tag of AES-256-GCM';
REVOKE ALL ON FUNCTION auth.aes_gcm_decrypt(bytea, bytea, bytea) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION auth.aes_gcm_decrypt(bytea, bytea, bytea) TO auth_admin;

CREATE OR REPLACE FUNCTION auth._opaque_hash(token text) RETURNS bytea
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'intrex_auth_opaque_hash';
COMMENT ON FUNCTION auth._opaque_hash(text) IS 'SHA-256 of an opaque token; NULL when it is not 43 characters of base64url';
REVOKE ALL ON FUNCTION auth._opaque_hash(text) FROM PUBLIC;

CREATE OR REPLACE FUNCTION auth._refresh_successor(salt bytea, token text) RETURNS text
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'intrex_auth_refresh_successor';
COMMENT ON FUNCTION auth._refresh_successor(bytea, text) IS 'the one successor of a refresh token: HMAC-SHA-256 under the salt of its row';
REVOKE ALL ON FUNCTION auth._refresh_successor(bytea, text) FROM PUBLIC;

CREATE OR REPLACE FUNCTION auth._refresh_row(token_hash bytea) RETURNS auth.refresh_tokens
	LANGUAGE c STABLE STRICT PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'intrex_auth_refresh_row';
COMMENT ON FUNCTION auth._refresh_row(bytea) IS 'the row of a refresh token as it is now, whatever the snapshot';
REVOKE ALL ON FUNCTION auth._refresh_row(bytea) FROM PUBLIC;

CREATE OR REPLACE FUNCTION auth._refresh_child(parent bytea) RETURNS auth.refresh_tokens
	LANGUAGE c STABLE STRICT PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'intrex_auth_refresh_child';
COMMENT ON FUNCTION auth._refresh_child(bytea) IS 'the row that followed a refresh token as it is now, whatever the snapshot';
REVOKE ALL ON FUNCTION auth._refresh_child(bytea) FROM PUBLIC;

-- stored secrets of a tenant, such as the credentials of a connector
--
-- The AAD names table, column and row: a ciphertext copied to another row does
-- not open.  Sealed before the first INSERT, so the plaintext reaches no page
-- and no WAL.

CREATE OR REPLACE FUNCTION auth._secret_context(tenant_id uuid, name text) RETURNS text
	LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
	RETURN 'auth.secrets.sealed/' || tenant_id::text || '/' || name;
COMMENT ON FUNCTION auth._secret_context(uuid, text) IS 'the AAD of a stored secret';
REVOKE ALL ON FUNCTION auth._secret_context(uuid, text) FROM PUBLIC;

CREATE OR REPLACE FUNCTION auth.secret_store(tenant_id uuid, name text, secret text) RETURNS void
	LANGUAGE plpgsql VOLATILE
	SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	AS $$
#variable_conflict use_column
DECLARE
	sealed_value bytea;
BEGIN
	IF secret_store.tenant_id IS NULL OR secret_store.secret IS NULL
		OR secret_store.name IS NULL OR secret_store.name !~ '^[[:graph:]]{1,128}$' THEN
		RAISE EXCEPTION USING
			ERRCODE = 'invalid_parameter_value',
			MESSAGE = 'tenant, name and secret are required',
			HINT = 'The name has 1 to 128 printable characters without spaces.';
	END IF;
	IF NOT EXISTS (SELECT FROM auth.tenants AS t WHERE t.id = secret_store.tenant_id) THEN
		RAISE EXCEPTION USING
			ERRCODE = 'no_data_found',
			MESSAGE = 'tenant not found';
	END IF;
	-- before the key is chosen: auth.key_delete() waits for who holds this lock
	LOCK TABLE auth.secrets IN ROW EXCLUSIVE MODE;
	sealed_value := auth.secret_encrypt(secret_store.secret,
		auth._secret_context(secret_store.tenant_id, secret_store.name));
	INSERT INTO auth.secrets AS s (tenant_id, name, sealed)
		VALUES (secret_store.tenant_id, secret_store.name, sealed_value)
		ON CONFLICT ON CONSTRAINT secrets_pkey
		DO UPDATE SET sealed = EXCLUDED.sealed, updated_at = clock_timestamp();
	PERFORM auth._audit('secret_store', 'success', tenant_id => secret_store.tenant_id,
		details => jsonb_build_object('name', secret_store.name));
END
$$;
COMMENT ON FUNCTION auth.secret_store(uuid, text, text) IS 'seals and stores a secret of a tenant under a name, replacing the one before';
REVOKE ALL ON FUNCTION auth.secret_store(uuid, text, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION auth.secret_store(uuid, text, text) TO auth_admin;

CREATE OR REPLACE FUNCTION auth.secret_open(tenant_id uuid, name text) RETURNS text
	LANGUAGE plpgsql VOLATILE STRICT
	SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	AS $$
#variable_conflict use_column
DECLARE
	sealed_value bytea;
BEGIN
	SELECT s.sealed INTO sealed_value FROM auth.secrets AS s
		WHERE s.tenant_id = secret_open.tenant_id AND s.name = secret_open.name;
	IF NOT FOUND THEN
		RAISE EXCEPTION USING
			ERRCODE = 'no_data_found',
			MESSAGE = 'secret not found';
	END IF;
	RETURN auth.secret_decrypt(sealed_value,
		auth._secret_context(secret_open.tenant_id, secret_open.name));
END
$$;
COMMENT ON FUNCTION auth.secret_open(uuid, text) IS 'opens a stored secret of a tenant, at the moment at which it is needed';
REVOKE ALL ON FUNCTION auth.secret_open(uuid, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION auth.secret_open(uuid, text) TO auth_admin;

CREATE OR REPLACE FUNCTION auth.secret_delete(tenant_id uuid, name text) RETURNS boolean
	LANGUAGE plpgsql VOLATILE STRICT
	SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	AS $$
#variable_conflict use_column
BEGIN
	DELETE FROM auth.secrets AS s
		WHERE s.tenant_id = secret_delete.tenant_id AND s.name = secret_delete.name;
	IF NOT FOUND THEN
		RETURN false;
	END IF;
	PERFORM auth._audit('secret_delete', 'success', tenant_id => secret_delete.tenant_id,
		details => jsonb_build_object('name', secret_delete.name));
	RETURN true;
END
$$;
COMMENT ON FUNCTION auth.secret_delete(uuid, text) IS 'forgets a stored secret; false when there was none';
REVOKE ALL ON FUNCTION auth.secret_delete(uuid, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION auth.secret_delete(uuid, text) TO auth_admin;
