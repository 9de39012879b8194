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
GRANT EXECUTE ON FUNCTION auth.keys() TO auth_owner;

CREATE OR REPLACE FUNCTION auth._key_file_is_fine() RETURNS boolean
	LANGUAGE c VOLATILE PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'intrex_auth_key_file_is_fine';
COMMENT ON FUNCTION auth._key_file_is_fine() IS 'whether the key file is there and can be used';
REVOKE ALL ON FUNCTION auth._key_file_is_fine() FROM PUBLIC;

-- which keys this database has been used with
--
-- src/keys.c calls it when the ring is about to sign, seal or derive.
--
-- A plain INSERT whose violation is caught: ON CONFLICT would fail with 40001
-- at REPEATABLE READ when two sessions meet a new key at once.  The lock, which
-- is not waited for, because either would wait for the transaction of another
-- session that notes the same key: who finds it taken does it another time.
CREATE OR REPLACE FUNCTION auth._remember_keys() RETURNS boolean
	LANGUAGE plpgsql VOLATILE
	SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	AS $$
BEGIN
	IF NOT EXISTS (SELECT FROM auth.keys() AS k
		WHERE NOT EXISTS (SELECT FROM auth.known_keys AS known WHERE known.kid = k.kid))
	THEN
		RETURN true;
	END IF;
	BEGIN
		LOCK TABLE auth.known_keys IN SHARE ROW EXCLUSIVE MODE NOWAIT;
		INSERT INTO auth.known_keys (kid, thumbprint, alg)
			SELECT k.kid, k.thumbprint, k.alg FROM auth.keys() AS k
			WHERE NOT EXISTS (SELECT FROM auth.known_keys AS known WHERE known.kid = k.kid);
	EXCEPTION WHEN lock_not_available OR unique_violation THEN
		NULL;
	END;
	RETURN false;
END
$$;
COMMENT ON FUNCTION auth._remember_keys() IS
	'notes the thumbprints of the ring, so that a key that is missing later can be named; '
	'true if all were noted before';
REVOKE ALL ON FUNCTION auth._remember_keys() FROM PUBLIC;

-- A file that cannot be used has no keys for the next session, even if this one
-- still has those that it loaded.
CREATE OR REPLACE FUNCTION auth.keys_missing()
	RETURNS TABLE (kid text, alg text, thumbprint text, first_seen timestamptz, lost text)
	LANGUAGE sql VOLATILE
	SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	AS $$
	SELECT known.kid, known.alg, known.thumbprint, known.first_seen,
		CASE known.alg
			WHEN 'A256GCM' THEN format('stored secrets: %s; personal keys: %s; and what else it sealed',
				(SELECT count(*) FROM auth.secrets AS s WHERE s.sealed_kid = convert_to(known.kid, 'UTF8')),
				(SELECT count(*) FROM auth.personal_keys AS p WHERE p.sealed_kid = convert_to(known.kid, 'UTF8')))
			WHEN 'HKDF-SHA256' THEN 'one-time tokens, and the counters of login attempts'
			ELSE 'access tokens that it signed; clients get others with their refresh token'
		END
	FROM auth.known_keys AS known
	WHERE CASE WHEN auth._key_file_is_fine()
		THEN NOT EXISTS (SELECT FROM auth.keys() AS k WHERE k.thumbprint = known.thumbprint)
		ELSE true
	END
	ORDER BY known.first_seen, known.kid;
$$;
COMMENT ON FUNCTION auth.keys_missing() IS
	'keys that this database was used with and that the key file lacks, with what is lost without each; all of them '
	'when the file cannot be used';
REVOKE ALL ON FUNCTION auth.keys_missing() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION auth.keys_missing() TO auth_admin;

SELECT auth._key_file_ensure();
