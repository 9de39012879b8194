-- sql/26_password_policy.sql: which passwords are accepted, in one form, and not again.
-- Depends on 10_tables.sql, 25_password.sql, and at run time on 40_response.sql and auth._seconds().
--
-- One function decides: auth._password_problem(). Nothing else asks for a length
-- or looks into a list. Passwords are hashed and verified in Unicode normalization
-- form C (RFC 8265 §4.2), so that an é is one é on every keyboard.

-- Rows are added and removed when a password changes, under the lock of its user.
CREATE TABLE auth.password_history (
	user_id uuid NOT NULL,
	password_hash text COLLATE "C" NOT NULL,
	created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
	CONSTRAINT password_history_pkey PRIMARY KEY (user_id, created_at),
	CONSTRAINT password_history_user_id_fkey FOREIGN KEY (user_id) REFERENCES auth.users ON DELETE CASCADE
);
COMMENT ON TABLE auth.password_history IS 'hashes of the former passwords of users, as many as intrex_auth.password_history says';
COMMENT ON COLUMN auth.password_history.created_at IS 'when the password was replaced';
REVOKE ALL ON TABLE auth.password_history FROM PUBLIC;
SELECT pg_catalog.pg_extension_config_dump('auth.password_history', '');

-- The rules ---------------------------------------------------------------------

CREATE OR REPLACE FUNCTION auth._password_problem(password text, email text DEFAULT NULL, name text DEFAULT NULL,
		phone text DEFAULT NULL, tenant_name text DEFAULT NULL, OUT message text, OUT reasons text[])
	LANGUAGE c VOLATILE PARALLEL RESTRICTED
	AS 'MODULE_PATHNAME', 'intrex_auth_password_problem';
COMMENT ON FUNCTION auth._password_problem(text, text, text, text, text) IS 'why a password is not accepted: a sentence, and all reasons of length, common, similar, pwned; NULLs when it is';
REVOKE ALL ON FUNCTION auth._password_problem(text, text, text, text, text) FROM PUBLIC;

CREATE OR REPLACE FUNCTION auth.password_check_policy(password text, email text DEFAULT NULL, name text DEFAULT NULL,
		phone text DEFAULT NULL, tenant_name text DEFAULT NULL) RETURNS jsonb
	LANGUAGE plpgsql VOLATILE
	SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	AS $$
DECLARE
	problem record;
BEGIN
	problem := auth._password_problem(password, email, name, phone, tenant_name);
	RETURN jsonb_build_object('ok', problem.message IS NULL, 'message', problem.message, 'reasons', coalesce(problem.reasons, '{}'));
END
$$;
COMMENT ON FUNCTION auth.password_check_policy(text, text, text, text, text) IS 'what the password policy says of a password: {ok, message, reasons}; the history is not asked';
REVOKE ALL ON FUNCTION auth.password_check_policy(text, text, text, text, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION auth.password_check_policy(text, text, text, text, text) TO auth_admin;

-- As in GoTrue, but within "error" like all the rest.
CREATE OR REPLACE FUNCTION auth._with_reasons(refusal jsonb, reasons text[]) RETURNS jsonb
	LANGUAGE sql IMMUTABLE PARALLEL SAFE
	RETURN jsonb_set(refusal, '{error,reasons}', to_jsonb(reasons));
COMMENT ON FUNCTION auth._with_reasons(jsonb, text[]) IS 'a refusal of a weak password with the rules that it breaks';
REVOKE ALL ON FUNCTION auth._with_reasons(jsonb, text[]) FROM PUBLIC;

-- One form ------------------------------------------------------------------------

CREATE OR REPLACE FUNCTION auth._password_nfc(password text) RETURNS text
	LANGUAGE c STABLE STRICT PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'intrex_auth_password_nfc';
COMMENT ON FUNCTION auth._password_nfc(text) IS 'a password in Unicode normalization form C, as it is hashed; above 1024 bytes as it is';
REVOKE ALL ON FUNCTION auth._password_nfc(text) FROM PUBLIC;

-- Other systems hash what the keyboard sends. A password that came with its hash
-- from one of them is right as it was typed there too, which costs a second hash:
-- it depends on the password alone whether one or two are computed, never on the
-- account.
CREATE OR REPLACE FUNCTION auth._password_matches(password text, hash text) RETURNS boolean
	LANGUAGE plpgsql VOLATILE
	SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	AS $$
DECLARE
	is_right boolean := auth._password_check(auth._password_nfc(password), hash);
BEGIN
	IF NOT is_right AND auth._password_nfc(password) <> password THEN
		is_right := auth._password_check(password, hash);
	END IF;
	RETURN is_right;
END
$$;
COMMENT ON FUNCTION auth._password_matches(text, text) IS 'whether a password is the one of a hash, in form C or as given; NULL when intrex_auth.max_concurrent_hashes are running';
REVOKE ALL ON FUNCTION auth._password_matches(text, text) FROM PUBLIC;

-- Not again -----------------------------------------------------------------------

CREATE OR REPLACE FUNCTION auth._password_was_used(user_id uuid, password text, present_hash text DEFAULT NULL) RETURNS boolean
	LANGUAGE plpgsql VOLATILE
	SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	AS $$
DECLARE
	kept CONSTANT integer := auth._seconds('password_history');
	former text;
	is_same boolean;
BEGIN
	IF kept = 0 OR password IS NULL THEN
		RETURN false;
	END IF;
	FOR former IN
		(SELECT present_hash WHERE present_hash IS NOT NULL)
		UNION ALL
		(SELECT h.password_hash FROM auth.password_history AS h
			WHERE h.user_id = _password_was_used.user_id ORDER BY h.created_at DESC LIMIT kept)
	LOOP
		is_same := auth._password_matches(password, former);
		IF is_same IS NOT FALSE THEN
			RETURN is_same;
		END IF;
	END LOOP;
	RETURN false;
END
$$;
COMMENT ON FUNCTION auth._password_was_used(uuid, text, text) IS 'whether a user had this password among the last intrex_auth.password_history, or has the present hash; NULL when the server is busy';
REVOKE ALL ON FUNCTION auth._password_was_used(uuid, text, text) FROM PUBLIC;

-- The caller holds the row of the user.
CREATE OR REPLACE FUNCTION auth._password_remember(user_id uuid, former_hash text) RETURNS void
	LANGUAGE plpgsql VOLATILE
	SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	AS $$
DECLARE
	kept CONSTANT integer := auth._seconds('password_history');
	latest timestamptz;
BEGIN
	IF kept > 0 AND former_hash IS NOT NULL THEN
		SELECT max(h.created_at) INTO latest FROM auth.password_history AS h WHERE h.user_id = _password_remember.user_id;
		-- also when the clock was set back, the last one is the last
		INSERT INTO auth.password_history (user_id, password_hash, created_at)
			VALUES (_password_remember.user_id, former_hash, greatest(clock_timestamp(), latest + interval '1 microsecond'));
	END IF;
	DELETE FROM auth.password_history AS h
		WHERE h.user_id = _password_remember.user_id AND h.created_at NOT IN (
			SELECT n.created_at FROM auth.password_history AS n
			WHERE n.user_id = _password_remember.user_id ORDER BY n.created_at DESC LIMIT kept);
END
$$;
COMMENT ON FUNCTION auth._password_remember(uuid, text) IS 'keeps the hash of a password that is being replaced, and forgets those beyond intrex_auth.password_history';
REVOKE ALL ON FUNCTION auth._password_remember(uuid, text) FROM PUBLIC;
