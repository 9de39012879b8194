-- the key file, for superusers: SECURITY INVOKER, granted to nobody
--
-- Changes of the file are not part of the transaction.

CREATE OR REPLACE FUNCTION auth._key_file_ensure() RETURNS void
	LANGUAGE c VOLATILE PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'intrex_auth_key_file_ensure';
COMMENT ON FUNCTION auth._key_file_ensure() IS 'creates the key file with fresh keys if it is missing';
REVOKE ALL ON FUNCTION auth._key_file_ensure() FROM PUBLIC;

CREATE OR REPLACE FUNCTION auth.key_create() RETURNS void
	LANGUAGE c VOLATILE PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'intrex_auth_key_create';
COMMENT ON FUNCTION auth.key_create() IS 'creates a missing key file with fresh keys';
REVOKE ALL ON FUNCTION auth.key_create() FROM PUBLIC;

CREATE OR REPLACE FUNCTION auth.key_rotate(alg text DEFAULT 'HS256') RETURNS text
	LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'intrex_auth_key_rotate';
COMMENT ON FUNCTION auth.key_rotate(text) IS 'adds a fresh key of an algorithm (EdDSA, ES256, RS256, HS256, …; A256GCM; HKDF-SHA256) as the current one of its use and returns its kid; the former one becomes previous';
REVOKE ALL ON FUNCTION auth.key_rotate(text) FROM PUBLIC;

CREATE OR REPLACE FUNCTION auth.key_import(setting text, value text) RETURNS text
	LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'intrex_auth_key_import';
COMMENT ON FUNCTION auth.key_import(text, text) IS 'imports AUTH_SECRET or JWT_SECRET (32 characters or more) to sign, ENCRYPTION_KEY (64 hexadecimal digits) to seal, or a private JWK for its own use, as the current key; returns the kid';
REVOKE ALL ON FUNCTION auth.key_import(text, text) FROM PUBLIC;

CREATE OR REPLACE FUNCTION auth.key_export(path text) RETURNS integer
	LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'intrex_auth_key_export';
COMMENT ON FUNCTION auth.key_export(text) IS 'writes the verification keys to a file with mode 0600, for PostgREST''s jwt-secret file; returns their number';
REVOKE ALL ON FUNCTION auth.key_export(text) FROM PUBLIC;

CREATE OR REPLACE FUNCTION auth.keys() RETURNS TABLE (kid text, alg text, "use" text, state text, since timestamptz, thumbprint text)
	LANGUAGE c VOLATILE PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'intrex_auth_keys';
COMMENT ON FUNCTION auth.keys() IS 'the keys of the ring without their secrets';
REVOKE ALL ON FUNCTION auth.keys() FROM PUBLIC;

CREATE OR REPLACE FUNCTION auth._keys_changed() RETURNS boolean
	LANGUAGE c VOLATILE PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'intrex_auth_keys_changed';
COMMENT ON FUNCTION auth._keys_changed() IS 'whether this backend has a version of the key file that it has not noted';
REVOKE ALL ON FUNCTION auth._keys_changed() FROM PUBLIC;

CREATE OR REPLACE FUNCTION auth._keys_noted() RETURNS void
	LANGUAGE c VOLATILE PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'intrex_auth_keys_noted';
COMMENT ON FUNCTION auth._keys_noted() IS 'this version of the key file has been noted';
REVOKE ALL ON FUNCTION auth._keys_noted() FROM PUBLIC;

-- which keys this database has been used with
--
-- A plain INSERT whose violation is caught: ON CONFLICT would fail with 40001
-- at REPEATABLE READ when two sessions meet a new key at once.  The lock, which
-- is not waited for, because either would wait for the transaction of another
-- session that notes the same key: who finds it taken does it another time.
CREATE OR REPLACE FUNCTION auth._remember_keys() RETURNS void
	LANGUAGE plpgsql VOLATILE
	SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	AS $$
BEGIN
	IF NOT auth._keys_changed() THEN
		RETURN;
	END IF;
	BEGIN
		LOCK TABLE auth.known_keys IN SHARE ROW EXCLUSIVE MODE NOWAIT;
		INSERT INTO auth.known_keys (kid, thumbprint, alg)
			SELECT k.kid, k.thumbprint, k.alg FROM auth.keys() AS k
			WHERE NOT EXISTS (SELECT FROM auth.known_keys AS known WHERE known.kid = k.kid);
	EXCEPTION
		WHEN lock_not_available THEN
			RETURN;
		WHEN unique_violation THEN
			NULL;
	END;
	PERFORM auth._keys_noted();
END
$$;
COMMENT ON FUNCTION auth._remember_keys() IS 'notes the thumbprints of the ring, so that a key that is missing later can be named';
REVOKE ALL ON FUNCTION auth._remember_keys() FROM PUBLIC;

CREATE OR REPLACE FUNCTION auth.keys_missing() RETURNS TABLE (kid text, alg text, thumbprint text, first_seen timestamptz)
	LANGUAGE sql VOLATILE
	SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	AS $$
	SELECT known.kid, known.alg, known.thumbprint, known.first_seen
	FROM auth.known_keys AS known
	WHERE NOT EXISTS (SELECT FROM auth.keys() AS k WHERE k.thumbprint = known.thumbprint)
	ORDER BY known.first_seen, known.kid;
$$;
COMMENT ON FUNCTION auth.keys_missing() IS 'keys that this database was used with and that the key file lacks: tokens and secrets made with them are lost';
REVOKE ALL ON FUNCTION auth.keys_missing() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION auth.keys_missing() TO auth_admin;

SELECT auth._key_file_ensure();
