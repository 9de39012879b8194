-- sql/36_personal_keys.sql: sealing what is personal with a key that goes with the person.
-- Depends on 35_secret.sql, 32_keys.sql, 10_tables.sql.
--
-- Erasing or deleting a user deletes the row of his key in the same transaction, by
-- the foreign key; and no key is made for whoever is not in auth.users.

CREATE OR REPLACE FUNCTION auth._personal_key_new(user_id uuid) RETURNS bytea
	LANGUAGE c VOLATILE STRICT PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'intrex_auth_personal_key_new';
COMMENT ON FUNCTION auth._personal_key_new(uuid) IS 'a random data key for a user, sealed; it is nowhere in clear';
REVOKE ALL ON FUNCTION auth._personal_key_new(uuid) FROM PUBLIC;

-- Of two that make a key for one user at once the second waits, and finds that of the
-- first.  So does whoever erases the user, or he is waited for.
CREATE OR REPLACE FUNCTION auth._personal_key_make(user_id uuid) RETURNS void
	LANGUAGE plpgsql VOLATILE
	SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	AS $$
#variable_conflict use_column
BEGIN
	-- before the key is chosen: auth.key_delete() waits for who holds this lock
	LOCK TABLE auth.personal_keys IN ROW EXCLUSIVE MODE;
	INSERT INTO auth.personal_keys AS k (user_id, sealed)
		SELECT u.id, auth._personal_key_new(u.id) FROM auth.users AS u
		WHERE u.id = _personal_key_make.user_id
		FOR KEY SHARE OF u
		ON CONFLICT ON CONSTRAINT personal_keys_pkey DO NOTHING;
END
$$;
COMMENT ON FUNCTION auth._personal_key_make(uuid) IS 'makes the data key of a user, unless he has one or is none';
REVOKE ALL ON FUNCTION auth._personal_key_make(uuid) FROM PUBLIC;

-- Not STRICT: a NULL for the user would lose the text.
CREATE OR REPLACE FUNCTION auth.personal_encrypt(user_id uuid, plaintext text, context text) RETURNS bytea
	LANGUAGE c VOLATILE PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'intrex_auth_personal_encrypt';
COMMENT ON FUNCTION auth.personal_encrypt(uuid, text, text) IS
	'seals a text with the data key of a user, made when it is first needed, for a context, without which it does not '
	'open; users call it for themselves, for others those to whom it was granted';
REVOKE ALL ON FUNCTION auth.personal_encrypt(uuid, text, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION auth.personal_encrypt(uuid, text, text) TO auth_admin, authenticated;

CREATE OR REPLACE FUNCTION auth.personal_decrypt(user_id uuid, sealed bytea, context text) RETURNS text
	LANGUAGE c STABLE STRICT PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'intrex_auth_personal_decrypt';
COMMENT ON FUNCTION auth.personal_decrypt(uuid, bytea, text) IS
	'opens what auth.personal_encrypt sealed for the same user and context; raises P0002 when the key of the user was '
	'destroyed or never made; users call it for themselves, for others those to whom it was granted';
REVOKE ALL ON FUNCTION auth.personal_decrypt(uuid, bytea, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION auth.personal_decrypt(uuid, bytea, text) TO auth_admin, authenticated;

CREATE OR REPLACE FUNCTION auth._personal_key_try_rewrap(user_id uuid, sealed bytea) RETURNS bytea
	LANGUAGE c VOLATILE STRICT PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'intrex_auth_personal_key_try_rewrap';
COMMENT ON FUNCTION auth._personal_key_try_rewrap(uuid, bytea) IS 'the data key of a user sealed anew with the current key; NULL if it does not open';
REVOKE ALL ON FUNCTION auth._personal_key_try_rewrap(uuid, bytea) FROM PUBLIC;
