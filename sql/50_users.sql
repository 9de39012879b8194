-- sql/50_users.sql: the administration of users.
-- Depends on 10_tables.sql, 25_password.sql, 38_throttle.sql, 40_response.sql, 45_audit.sql, 48_identifiers.sql,
-- and at run time on auth.is_super_admin() and the locks of 60_tenants.sql.
--
-- Administration raises; the SQLSTATEs are listed at auth._fail().

-- Each column is named, so that a column added later does not show by itself.
CREATE OR REPLACE FUNCTION auth._user_json(u auth.users) RETURNS jsonb
	LANGUAGE sql STABLE PARALLEL SAFE
	RETURN jsonb_build_object(
		'id', u.id, 'email', u.email, 'phone', u.phone, 'name', u.name,
		'email_verified', u.email_verified_at IS NOT NULL, 'phone_verified', u.phone_verified_at IS NOT NULL,
		'has_password', u.password_hash IS NOT NULL, 'is_super_admin', u.is_super_admin,
		'banned', coalesce(u.banned_until > statement_timestamp(), false), 'banned_until', u.banned_until, 'ban_reason', u.ban_reason,
		'profile', u.profile, 'password_changed_at', u.password_changed_at, 'created_at', u.created_at, 'updated_at', u.updated_at);
COMMENT ON FUNCTION auth._user_json(auth.users) IS 'what administrators see of a user: never the hash';
REVOKE ALL ON FUNCTION auth._user_json(auth.users) FROM PUBLIC;

-- Arguments of user_create and user_update -----------------------------------

CREATE OR REPLACE FUNCTION auth._demand_email(email text) RETURNS text
	LANGUAGE plpgsql STABLE PARALLEL SAFE
	SET search_path = pg_catalog, pg_temp
	AS $$
DECLARE
	address text := auth.normalize_email(email);
BEGIN
	IF email IS NOT NULL AND address IS NULL THEN
		PERFORM auth._fail('22023', 'email is not a valid e-mail address', 'Write local@domain, without spaces, at most 254 bytes.');
	END IF;
	RETURN address;
END
$$;
COMMENT ON FUNCTION auth._demand_email(text) IS 'the normalized address; raises 22023 when it is none; NULL stays NULL';
REVOKE ALL ON FUNCTION auth._demand_email(text) FROM PUBLIC;

CREATE OR REPLACE FUNCTION auth._demand_phone(phone text) RETURNS text
	LANGUAGE plpgsql STABLE PARALLEL SAFE
	SET search_path = pg_catalog, pg_temp
	AS $$
DECLARE
	number text := auth.normalize_phone(phone);
BEGIN
	IF phone IS NOT NULL AND number IS NULL THEN
		PERFORM auth._fail('22023', 'phone is not a valid phone number', 'Write it with its country code, such as +49 30 123456.');
	END IF;
	RETURN number;
END
$$;
COMMENT ON FUNCTION auth._demand_phone(text) IS 'the number as E.164; raises 22023 when it is none; NULL stays NULL';
REVOKE ALL ON FUNCTION auth._demand_phone(text) FROM PUBLIC;

CREATE OR REPLACE FUNCTION auth._demand_name(name text) RETURNS text
	LANGUAGE plpgsql STABLE PARALLEL SAFE
	SET search_path = pg_catalog, pg_temp
	AS $$
DECLARE
	cleaned text := auth._clean_name(name);
BEGIN
	IF name IS NOT NULL AND cleaned IS NULL THEN
		PERFORM auth._fail('22023', 'name is not valid', 'It has 1 to 200 characters, without control and direction characters.');
	END IF;
	RETURN cleaned;
END
$$;
COMMENT ON FUNCTION auth._demand_name(text) IS 'the cleaned name; raises 22023 when it cannot be one; NULL stays NULL';
REVOKE ALL ON FUNCTION auth._demand_name(text) FROM PUBLIC;

CREATE OR REPLACE FUNCTION auth._demand_password(password text, email text, name text, phone text DEFAULT NULL) RETURNS text
	LANGUAGE plpgsql VOLATILE
	SET search_path = pg_catalog, pg_temp
	AS $$
DECLARE
	problem text := (auth._password_problem(password, email, name, phone)).message;
BEGIN
	IF problem IS NOT NULL THEN
		PERFORM auth._fail('22023', problem);
	END IF;
	RETURN auth.password_hash(auth._password_nfc(password));
END
$$;
COMMENT ON FUNCTION auth._demand_password(text, text, text, text) IS 'the hash of a password; raises 22023 when the policy refuses it';
REVOKE ALL ON FUNCTION auth._demand_password(text, text, text, text) FROM PUBLIC;

-- The lock orders this change with a login, which holds the row while it makes a
-- session.  Users come before tenants in the order of locks.
CREATE OR REPLACE FUNCTION auth._demand_user(user_id uuid) RETURNS auth.users
	LANGUAGE plpgsql VOLATILE
	SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	AS $$
DECLARE
	found_user auth.users;
BEGIN
	SELECT u.* INTO found_user FROM auth.users AS u WHERE u.id = user_id FOR UPDATE;
	IF NOT FOUND THEN
		PERFORM auth._fail('P0002', 'user not found');
	END IF;
	RETURN found_user;
END
$$;
COMMENT ON FUNCTION auth._demand_user(uuid) IS 'a user, locked; raises P0002 when there is none';
REVOKE ALL ON FUNCTION auth._demand_user(uuid) FROM PUBLIC;

CREATE OR REPLACE FUNCTION auth._fail_duplicate_user(constraint_name text) RETURNS void
	LANGUAGE plpgsql VOLATILE
	SET search_path = pg_catalog, pg_temp
	AS $$
BEGIN
	PERFORM auth._fail('23505', CASE constraint_name
		WHEN 'users_email_key' THEN 'a user with this e-mail address exists already'
		WHEN 'users_phone_key' THEN 'a user with this phone number exists already'
		ELSE 'such a user exists already' END);
END
$$;
COMMENT ON FUNCTION auth._fail_duplicate_user(text) IS 'raises 23505 without the row';
REVOKE ALL ON FUNCTION auth._fail_duplicate_user(text) FROM PUBLIC;

-- Administration ---------------------------------------------------------------

CREATE OR REPLACE FUNCTION auth.user_create(email text, password text DEFAULT NULL, name text DEFAULT NULL, phone text DEFAULT NULL,
		email_verified boolean DEFAULT false, is_super_admin boolean DEFAULT false) RETURNS uuid
	LANGUAGE plpgsql VOLATILE
	SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	AS $$
#variable_conflict use_column
DECLARE
	created auth.users;
	constraint_name text;
BEGIN
	IF password IS NOT NULL THEN
		created.password_hash := auth._demand_password(password, email, name, phone);
		created.password_changed_at := clock_timestamp();
	END IF;
	created.email := auth._demand_email(email);
	created.phone := auth._demand_phone(phone);
	created.name := auth._demand_name(name);
	IF created.email IS NULL AND created.phone IS NULL THEN
		PERFORM auth._fail('22023', 'email or phone is required');
	END IF;
	IF email_verified AND created.email IS NOT NULL THEN
		created.email_verified_at := clock_timestamp();
	END IF;
	BEGIN
		INSERT INTO auth.users AS u (email, phone, name, password_hash, password_changed_at, email_verified_at, is_super_admin)
			VALUES (created.email, created.phone, created.name, created.password_hash, created.password_changed_at,
				created.email_verified_at, coalesce(user_create.is_super_admin, false))
			RETURNING u.id INTO created.id;
	EXCEPTION WHEN unique_violation THEN
		GET STACKED DIAGNOSTICS constraint_name = CONSTRAINT_NAME;
		PERFORM auth._fail_duplicate_user(constraint_name);
	END;
	PERFORM auth._audit_admin('user_create', created.id, details => jsonb_build_object(
		'email', auth._printable(created.email, 320), 'phone', created.phone, 'is_super_admin', nullif(user_create.is_super_admin, false)));
	RETURN created.id;
END
$$;
COMMENT ON FUNCTION auth.user_create(text, text, text, text, boolean, boolean) IS 'creates a user; without a password he cannot log in by one';
REVOKE ALL ON FUNCTION auth.user_create(text, text, text, text, boolean, boolean) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION auth.user_create(text, text, text, text, boolean, boolean) TO auth_admin;

CREATE OR REPLACE FUNCTION auth.user_update(user_id uuid, email text DEFAULT NULL, name text DEFAULT NULL, phone text DEFAULT NULL,
		profile jsonb DEFAULT NULL, is_super_admin boolean DEFAULT NULL) RETURNS void
	LANGUAGE plpgsql VOLATILE
	SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	AS $$
#variable_conflict use_column
DECLARE
	before auth.users := auth._demand_user(user_id);
	changed auth.users := before;
	constraint_name text;
BEGIN
	changed.email := coalesce(auth._demand_email(email), before.email);
	changed.phone := coalesce(auth._demand_phone(nullif(phone, '')), CASE WHEN phone = '' THEN NULL ELSE before.phone END);
	changed.name := coalesce(auth._demand_name(nullif(name, '')), CASE WHEN name = '' THEN NULL ELSE before.name END);
	changed.profile := coalesce(user_update.profile, before.profile);
	changed.is_super_admin := coalesce(user_update.is_super_admin, before.is_super_admin);
	IF changed.email IS NULL AND changed.phone IS NULL THEN
		PERFORM auth._fail('22023', 'email or phone is required');
	END IF;
	IF jsonb_typeof(changed.profile) <> 'object' OR octet_length(changed.profile::text) > 65536 THEN
		PERFORM auth._fail('22023', 'profile is not valid', 'It is a JSON object of at most 64 KiB.');
	END IF;
	-- what nobody has shown to be theirs is not verified
	IF changed.email IS DISTINCT FROM before.email THEN
		changed.email_verified_at := NULL;
	END IF;
	IF changed.phone IS DISTINCT FROM before.phone THEN
		changed.phone_verified_at := NULL;
	END IF;
	IF changed IS NOT DISTINCT FROM before THEN
		RETURN;
	END IF;
	PERFORM auth._audit_admin('user_update', before.id, details => jsonb_build_object(
		'email', CASE WHEN changed.email IS DISTINCT FROM before.email THEN auth._printable(changed.email, 320) END,
		'phone', CASE WHEN changed.phone IS DISTINCT FROM before.phone THEN coalesce(changed.phone, '') END,
		'name', nullif(changed.name IS DISTINCT FROM before.name, false),
		'profile', nullif(changed.profile <> before.profile, false),
		'is_super_admin', CASE WHEN changed.is_super_admin <> before.is_super_admin THEN changed.is_super_admin END));
	BEGIN
		UPDATE auth.users AS u
			SET email = changed.email, phone = changed.phone, name = changed.name, profile = changed.profile,
				is_super_admin = changed.is_super_admin, email_verified_at = changed.email_verified_at,
				phone_verified_at = changed.phone_verified_at, updated_at = clock_timestamp()
			WHERE u.id = before.id;
	EXCEPTION WHEN unique_violation THEN
		GET STACKED DIAGNOSTICS constraint_name = CONSTRAINT_NAME;
		PERFORM auth._fail_duplicate_user(constraint_name);
	END;
	IF before.is_super_admin AND NOT changed.is_super_admin THEN
		PERFORM auth._make_durable();
	END IF;
END
$$;
COMMENT ON FUNCTION auth.user_update(uuid, text, text, text, jsonb, boolean) IS 'changes what is not NULL; an empty name or phone clears it; a new address or number is not verified';
REVOKE ALL ON FUNCTION auth.user_update(uuid, text, text, text, jsonb, boolean) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION auth.user_update(uuid, text, text, text, jsonb, boolean) TO auth_admin;

CREATE OR REPLACE FUNCTION auth.user_set_password(user_id uuid, password text) RETURNS void
	LANGUAGE plpgsql VOLATILE
	SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	AS $$
#variable_conflict use_column
DECLARE
	target auth.users;
	hash text;
BEGIN
	PERFORM auth._demand_read_committed();
	-- hashed before the row is locked: no login waits for it
	SELECT u.* INTO target FROM auth.users AS u WHERE u.id = user_set_password.user_id;
	hash := auth._demand_password(password, target.email, target.name, target.phone);
	CASE auth._password_was_used(target.id, password, target.password_hash)
		WHEN true THEN PERFORM auth._fail('22023', 'password was used before');
		WHEN false THEN NULL;
		ELSE PERFORM auth._fail('53000', 'too many password hashes are being computed', 'Try again, or raise intrex_auth.max_concurrent_hashes.');
	END CASE;
	target := auth._demand_user(user_set_password.user_id);
	PERFORM auth._password_remember(target.id, target.password_hash);
	PERFORM auth._audit_admin('user_set_password', target.id);
	UPDATE auth.users AS u
		SET password_hash = hash, password_changed_at = clock_timestamp(), updated_at = clock_timestamp()
		WHERE u.id = target.id;
	UPDATE auth.sessions AS s SET revoked_at = clock_timestamp(), revoked_reason = 'password_set'
		WHERE s.user_id = target.id AND s.revoked_at IS NULL;
	PERFORM auth._throttle_reset(i.identifier)
		FROM unnest(ARRAY[target.email, target.phone]) AS i (identifier) WHERE i.identifier IS NOT NULL;
	PERFORM auth._make_durable();
END
$$;
COMMENT ON FUNCTION auth.user_set_password(uuid, text) IS 'sets a password, ends every session of the user and opens what throttling had closed';
REVOKE ALL ON FUNCTION auth.user_set_password(uuid, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION auth.user_set_password(uuid, text) TO auth_admin;

CREATE OR REPLACE FUNCTION auth.user_verify_email(user_id uuid) RETURNS void
	LANGUAGE plpgsql VOLATILE
	SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	AS $$
DECLARE
	target auth.users := auth._demand_user(user_id);
BEGIN
	IF target.email IS NULL THEN
		PERFORM auth._fail('22023', 'the user has no e-mail address');
	END IF;
	IF target.email_verified_at IS NULL THEN
		PERFORM auth._audit_admin('user_verify_email', target.id);
		UPDATE auth.users AS u SET email_verified_at = clock_timestamp(), updated_at = clock_timestamp() WHERE u.id = target.id;
	END IF;
END
$$;
COMMENT ON FUNCTION auth.user_verify_email(uuid) IS 'takes the e-mail address of a user for verified';
REVOKE ALL ON FUNCTION auth.user_verify_email(uuid) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION auth.user_verify_email(uuid) TO auth_admin;

-- The sessions stay: they are refused as long as the ban lasts.
CREATE OR REPLACE FUNCTION auth.user_ban(user_id uuid, until timestamptz DEFAULT 'infinity', reason text DEFAULT NULL) RETURNS void
	LANGUAGE plpgsql VOLATILE
	SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	AS $$
DECLARE
	target auth.users := auth._demand_user(user_id);
	why text := auth._printable(reason, 500);
BEGIN
	IF until IS NULL OR until <= clock_timestamp() THEN
		PERFORM auth._fail('22023', 'until is not in the future', 'auth.user_unban() ends a ban.');
	END IF;
	PERFORM auth._audit_admin('user_ban', target.id, details => jsonb_build_object('until', until, 'reason', why));
	UPDATE auth.users AS u SET banned_until = until, ban_reason = why, updated_at = clock_timestamp() WHERE u.id = target.id;
	PERFORM auth._make_durable();
END
$$;
COMMENT ON FUNCTION auth.user_ban(uuid, timestamptz, text) IS 'refuses a user from now on until a time, or for good: no login, no refresh, no token';
REVOKE ALL ON FUNCTION auth.user_ban(uuid, timestamptz, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION auth.user_ban(uuid, timestamptz, text) TO auth_admin;

CREATE OR REPLACE FUNCTION auth.user_unban(user_id uuid) RETURNS void
	LANGUAGE plpgsql VOLATILE
	SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	AS $$
DECLARE
	target auth.users := auth._demand_user(user_id);
BEGIN
	PERFORM auth._audit_admin('user_unban', target.id);
	UPDATE auth.users AS u SET banned_until = NULL, ban_reason = NULL, updated_at = clock_timestamp() WHERE u.id = target.id;
END
$$;
COMMENT ON FUNCTION auth.user_unban(uuid) IS 'ends the ban of a user';
REVOKE ALL ON FUNCTION auth.user_unban(uuid) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION auth.user_unban(uuid) TO auth_admin;

CREATE OR REPLACE FUNCTION auth.user_unlock(user_id uuid) RETURNS void
	LANGUAGE plpgsql VOLATILE
	SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	AS $$
DECLARE
	target auth.users := auth._demand_user(user_id);
BEGIN
	PERFORM auth._audit_admin('user_unlock', target.id);
	PERFORM auth._throttle_reset(i.identifier)
		FROM unnest(ARRAY[target.email, target.phone]) AS i (identifier) WHERE i.identifier IS NOT NULL;
END
$$;
COMMENT ON FUNCTION auth.user_unlock(uuid) IS 'opens an account that too many failed attempts have closed';
REVOKE ALL ON FUNCTION auth.user_unlock(uuid) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION auth.user_unlock(uuid) TO auth_admin;

CREATE OR REPLACE FUNCTION auth.user_delete(user_id uuid) RETURNS void
	LANGUAGE plpgsql VOLATILE
	SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	AS $$
DECLARE
	-- from here on nobody can make the user a member of another tenant
	target auth.users := auth._demand_user(user_id);
	by_user CONSTANT uuid := auth.uid();
	member record;
	table_name text;
BEGIN
	PERFORM auth._audit_admin('user_delete', target.id);
	FOR member IN SELECT m.tenant_id, m.role FROM auth.memberships AS m WHERE m.user_id = target.id ORDER BY m.tenant_id LOOP
		IF auth._lock_tenant(member.tenant_id) AND auth._is_owner(member.role) AND NOT auth._has_owner(member.tenant_id, target.id) THEN
			PERFORM auth._fail('23001', 'the user is the last owner of a tenant',
				format('Make somebody else an owner of tenant %s, or delete it.', member.tenant_id));
		END IF;
	END LOOP;
	-- noted tenant by tenant; nobody makes the user a member between here and there
	FOR member IN DELETE FROM auth.memberships AS m WHERE m.user_id = target.id RETURNING m.tenant_id LOOP
		PERFORM auth._membership_note(member.tenant_id, target.id, 'user_delete', by_user);
	END LOOP;
	BEGIN
		DELETE FROM auth.users AS u WHERE u.id = target.id;
	-- from 18 on a RESTRICT is the second
	EXCEPTION WHEN foreign_key_violation OR restrict_violation THEN
		GET STACKED DIAGNOSTICS table_name = TABLE_NAME;
		PERFORM auth._fail('23503', 'the user is still referred to', CASE WHEN table_name <> '' THEN format('Look at table "%s".', table_name) END);
	END;
	PERFORM auth._make_durable();
END
$$;
COMMENT ON FUNCTION auth.user_delete(uuid) IS 'deletes a user with sessions and memberships; the audit trail and the history of memberships stay';
REVOKE ALL ON FUNCTION auth.user_delete(uuid) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION auth.user_delete(uuid) TO auth_admin;

CREATE OR REPLACE FUNCTION auth.user_find(email text) RETURNS jsonb
	LANGUAGE sql STABLE
	SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	AS $$
	SELECT auth._user_json(u) FROM auth.users AS u WHERE u.email = auth.normalize_email(user_find.email)
$$;
COMMENT ON FUNCTION auth.user_find(text) IS 'the user with an e-mail address, without the hash; NULL when there is none';
REVOKE ALL ON FUNCTION auth.user_find(text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION auth.user_find(text) TO auth_admin;

CREATE OR REPLACE FUNCTION auth.last_sign_in_at(user_id uuid) RETURNS timestamptz
	LANGUAGE sql STABLE
	SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	AS $$
	SELECT greatest(
		(SELECT max(s.created_at) FROM auth.sessions AS s WHERE s.user_id = last_sign_in_at.user_id),
		(SELECT l.at FROM auth.last_sign_ins AS l WHERE l.user_id = last_sign_in_at.user_id))
$$;
COMMENT ON FUNCTION auth.last_sign_in_at(uuid) IS 'when a user last signed in, however long ago; NULL: never';
REVOKE ALL ON FUNCTION auth.last_sign_in_at(uuid) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION auth.last_sign_in_at(uuid) TO auth_admin;

-- Endpoint of platform administrators ------------------------------------------

CREATE OR REPLACE FUNCTION auth_api.admin_users(search text DEFAULT NULL, after uuid DEFAULT NULL, "limit" integer DEFAULT 50) RETURNS jsonb
	LANGUAGE plpgsql VOLATILE
	SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET default_transaction_isolation = 'read committed'
	AS $$
DECLARE
	page_size integer := coalesce("limit", 50);
	wanted text;
	users jsonb;
	ids uuid[];
BEGIN
	IF auth.uid() IS NULL THEN
		RETURN auth._refuse('admin_users', 401, 'no_authorization', 'Authentication required');
	END IF;
	IF NOT auth.is_super_admin() THEN
		RETURN auth._refuse('admin_users', 403, 'insufficient_permissions', 'Insufficient permissions');
	END IF;
	IF page_size NOT BETWEEN 1 AND 200 THEN
		RETURN auth._refuse('admin_users', 400, 'validation_failed', 'limit must be from 1 to 200');
	END IF;
	IF octet_length(search) > 254 THEN
		RETURN auth._refuse('admin_users', 400, 'validation_failed', 'search must have at most 254 bytes');
	END IF;
	wanted := lower(normalize(nullif(search, ''), NFC));
	-- one more than asked for, to know whether there is a next page
	SELECT jsonb_agg(auth._user_json(p.u) || jsonb_build_object('last_sign_in_at', auth.last_sign_in_at(p.id))
		ORDER BY p.id)
				FILTER (WHERE p.position <= page_size), array_agg(p.id ORDER BY p.id)
		INTO users, ids
		FROM (
			SELECT u, u.id, row_number() OVER (ORDER BY u.id) AS position
			FROM auth.users AS u
			WHERE (after IS NULL OR u.id > after)
				AND (wanted IS NULL OR strpos(u.email, wanted) > 0 OR strpos(lower(u.name), wanted) > 0
					OR strpos(u.phone, wanted) > 0 OR u.id::text = wanted)
			ORDER BY u.id
			LIMIT page_size + 1) AS p;
	PERFORM auth._audit('admin_users', 'success', NULL, auth.uid(), auth.tenant_id(), auth.session_id());
	RETURN jsonb_build_object('users', coalesce(users, '[]'), 'next',
		CASE WHEN cardinality(ids) > page_size THEN ids[page_size] END);
END
$$;
COMMENT ON FUNCTION auth_api.admin_users(text, uuid, integer) IS
	'users in pages, for platform administrators: {users, next}; each with last_sign_in_at; next is the after of the '
	'next page, null on the last';
REVOKE ALL ON FUNCTION auth_api.admin_users(text, uuid, integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION auth_api.admin_users(text, uuid, integer) TO authenticated;
