-- sql/57_accounts.sql: registering, and what users do with their own account and sessions.
-- Depends on 55_sessions.sql, 48_identifiers.sql.

-- Registration ---------------------------------------------------------------

CREATE OR REPLACE FUNCTION auth._account_create(email text, phone text, name text, password_hash text, is_super_admin boolean) RETURNS uuid
	LANGUAGE plpgsql VOLATILE
	SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	AS $$
#variable_conflict use_variable
DECLARE
	created uuid;
BEGIN
	INSERT INTO auth.users AS u (email, phone, name, password_hash, password_changed_at, email_verified_at, is_super_admin)
		VALUES (email, phone, name, password_hash, clock_timestamp(), CASE WHEN is_super_admin THEN clock_timestamp() END, is_super_admin)
		RETURNING u.id INTO created;
	RETURN created;
EXCEPTION WHEN unique_violation THEN
	RETURN NULL;
END
$$;
COMMENT ON FUNCTION auth._account_create(text, text, text, text, boolean) IS 'inserts a user; NULL when address or number are taken, also by a transaction that came first meanwhile';
REVOKE ALL ON FUNCTION auth._account_create(text, text, text, text, boolean) FROM PUBLIC;

-- Failures in a row do not count here, where nothing is guessed: they would close
-- an address to its owner.  The limits a minute do.
CREATE OR REPLACE FUNCTION auth._turn_away_registering(event text, address text) RETURNS jsonb
	LANGUAGE plpgsql VOLATILE
	SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	AS $$
BEGIN
	PERFORM auth._throttle_reset('register:' || address);
	RETURN auth._turn_away_throttled(event, 'register:' || address, address);
END
$$;
COMMENT ON FUNCTION auth._turn_away_registering(text, text) IS 'counts an attempt to register an address; the refusal when there were too many, NULL to go on';
REVOKE ALL ON FUNCTION auth._turn_away_registering(text, text) FROM PUBLIC;

-- The hash is computed before anybody looks whether the address is taken, so that
-- time does not tell.  Where addresses must be verified the answer does not tell
-- either: whoever has the address learns it there.
CREATE OR REPLACE FUNCTION auth_api.register(email text, password text, name text DEFAULT NULL, phone text DEFAULT NULL, tenant_name text DEFAULT NULL) RETURNS jsonb
	LANGUAGE plpgsql VOLATILE
	SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET default_transaction_isolation = 'read committed'
	AS $$
DECLARE
	must_verify CONSTANT boolean := auth._enabled('require_email_verification');
	address CONSTANT text := auth.normalize_email(email);
	number CONSTANT text := auth.normalize_phone(phone);
	person CONSTANT text := auth._clean_name(name);
	company CONSTANT text := auth._clean_name(tenant_name);
	tried CONSTANT text := coalesce(address, email);
	problem text;
	weakness record;
	refusal jsonb;
	hash text;
	account uuid;
	tenant uuid;
	session record;
BEGIN
	refusal := auth._turn_away_cross_site('register', tried);
	IF refusal IS NOT NULL THEN
		RETURN refusal;
	END IF;
	IF NOT auth._enabled('allow_signup') THEN
		RETURN auth._turn_away('register', 403, 'signup_disabled', 'Signups are not allowed', tried);
	END IF;
	problem := CASE
		WHEN coalesce(email, '') = '' THEN 'email is required'
		WHEN address IS NULL THEN 'email is not a valid e-mail address'
		WHEN coalesce(password, '') = '' THEN 'password is required'
		WHEN name IS NOT NULL AND person IS NULL THEN 'name is not valid'
		WHEN phone IS NOT NULL AND number IS NULL THEN 'phone is not a valid phone number'
		WHEN tenant_name IS NOT NULL AND company IS NULL THEN 'tenant_name is not valid'
	END;
	IF problem IS NOT NULL THEN
		RETURN auth._turn_away('register', 400, 'validation_failed', problem, tried);
	END IF;
	-- before anybody looks whether the address is taken
	weakness := auth._password_problem(password, address, person, number, company);
	IF weakness.message IS NOT NULL THEN
		RETURN auth._with_reasons(auth._turn_away('register', 422, 'weak_password', weakness.message, tried), weakness.reasons);
	END IF;
	refusal := auth._turn_away_registering('register', address);
	IF refusal IS NOT NULL THEN
		RETURN refusal;
	END IF;
	hash := auth._hash_unless_busy(password);
	IF hash IS NULL THEN
		RETURN auth._turn_away_busy('register', tried);
	END IF;

	account := auth._account_create(address, number, person, hash, false);
	IF account IS NULL AND NOT must_verify THEN
		RETURN auth._turn_away('register', 409, 'user_already_exists', 'User already registered', tried);
	ELSIF account IS NULL THEN
		PERFORM auth._audit('register', 'refused', 'user_already_exists', identifier => tried);
		account := gen_random_uuid();
		tenant := CASE WHEN company IS NOT NULL THEN gen_random_uuid() END;
	ELSE
		IF company IS NOT NULL THEN
			INSERT INTO auth.tenants AS t (name) VALUES (company) RETURNING t.id INTO tenant;
			INSERT INTO auth.memberships (tenant_id, user_id, role, is_default) VALUES (tenant, account, auth._owner_role(), true);
			PERFORM auth._membership_note(tenant, account, 'register', account);
		END IF;
		IF NOT must_verify THEN
			session := auth._session_begin(account, tenant, 'password');
			-- the claims hook may refuse the login, not the account
			PERFORM auth._audit('register', 'success', NULL, account, tenant, session.session_id, tried);
			RETURN auth._grant(account, session.session_id, tenant, session.refresh_token);
		END IF;
		PERFORM auth._audit('register', 'success', NULL, account, tenant, NULL, tried);
	END IF;
	RETURN jsonb_build_object('verification_required', true, 'user',
		auth._grant_user(account, address, false, person, CASE WHEN tenant IS NOT NULL THEN auth._owner_role() END, tenant, NULL, false));
END
$$;
COMMENT ON FUNCTION auth_api.register(text, text, text, text, text) IS 'creates a user, with tenant_name also a tenant that the user owns: a grant, or {user, verification_required} where addresses must be verified';
REVOKE ALL ON FUNCTION auth_api.register(text, text, text, text, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION auth_api.register(text, text, text, text, text) TO anon, authenticated;

-- "While there is none" is exact because whoever makes an administrator writes
-- auth.users: the lock waits for those who have begun and stops those who have
-- not.  It needs a snapshot from after that, hence READ COMMITTED.
CREATE OR REPLACE FUNCTION auth_api.bootstrap_admin(email text, password text) RETURNS jsonb
	LANGUAGE plpgsql VOLATILE
	SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET default_transaction_isolation = 'read committed'
	AS $$
DECLARE
	address CONSTANT text := auth.normalize_email(email);
	tried CONSTANT text := coalesce(address, email);
	is_open boolean := auth._enabled('allow_bootstrap');
	problem text;
	weakness record;
	refusal jsonb;
	hash text;
	account uuid;
	session record;
BEGIN
	refusal := auth._turn_away_cross_site('bootstrap_admin', tried);
	IF refusal IS NOT NULL THEN
		RETURN refusal;
	END IF;
	IF NOT is_open OR EXISTS (SELECT FROM auth.users AS u WHERE u.is_super_admin) THEN
		RETURN auth._turn_away('bootstrap_admin', 403, 'bootstrap_disabled', 'Bootstrap is disabled', tried);
	END IF;
	PERFORM auth._demand_read_committed();
	problem := CASE
		WHEN coalesce(email, '') = '' THEN 'email is required'
		WHEN address IS NULL THEN 'email is not a valid e-mail address'
		WHEN coalesce(password, '') = '' THEN 'password is required'
	END;
	IF problem IS NOT NULL THEN
		RETURN auth._turn_away('bootstrap_admin', 400, 'validation_failed', problem, tried);
	END IF;
	weakness := auth._password_problem(password, address);
	IF weakness.message IS NOT NULL THEN
		RETURN auth._with_reasons(auth._turn_away('bootstrap_admin', 422, 'weak_password', weakness.message, tried), weakness.reasons);
	END IF;
	refusal := auth._turn_away_registering('bootstrap_admin', address);
	IF refusal IS NOT NULL THEN
		RETURN refusal;
	END IF;
	hash := auth._hash_unless_busy(password);
	IF hash IS NULL THEN
		RETURN auth._turn_away_busy('bootstrap_admin', tried);
	END IF;

	LOCK TABLE auth.users IN SHARE ROW EXCLUSIVE MODE;
	IF EXISTS (SELECT FROM auth.users AS u WHERE u.is_super_admin) THEN
		RETURN auth._turn_away('bootstrap_admin', 403, 'bootstrap_disabled', 'Bootstrap is disabled', tried);
	END IF;
	account := auth._account_create(address, NULL, NULL, hash, true);
	IF account IS NULL THEN
		RETURN auth._turn_away('bootstrap_admin', 409, 'user_already_exists', 'User already registered', tried);
	END IF;
	session := auth._session_begin(account, NULL, 'password');
	PERFORM auth._audit('bootstrap_admin', 'success', NULL, account, NULL, session.session_id, tried);
	PERFORM auth._make_durable();
	RETURN auth._grant(account, session.session_id, NULL, session.refresh_token);
END
$$;
COMMENT ON FUNCTION auth_api.bootstrap_admin(text, text) IS 'creates and logs in the first platform administrator, while intrex_auth.allow_bootstrap is on and there is none';
REVOKE ALL ON FUNCTION auth_api.bootstrap_admin(text, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION auth_api.bootstrap_admin(text, text) TO anon, authenticated;

-- The caller's account --------------------------------------------------------

CREATE OR REPLACE FUNCTION auth_api.me() RETURNS jsonb
	LANGUAGE plpgsql VOLATILE
	SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET default_transaction_isolation = 'read committed'
	AS $$
DECLARE
	answer jsonb;
BEGIN
	IF auth.uid() IS NULL THEN
		RETURN auth._refuse('me', 401, 'no_authorization', 'Authentication required');
	END IF;
	SELECT jsonb_build_object(
			'user', jsonb_build_object('id', u.id, 'email', u.email, 'email_verified', u.email_verified_at IS NOT NULL,
				'phone', u.phone, 'phone_verified', u.phone_verified_at IS NOT NULL, 'name', u.name,
				'is_super_admin', u.is_super_admin, 'profile', u.profile, 'created_at', u.created_at),
			'session', CASE WHEN s.id IS NOT NULL THEN jsonb_build_object('id', s.id, 'created_at', s.created_at,
				'aal', s.aal, 'amr', s.amr, 'address', host(s.address), 'user_agent', s.user_agent) END,
			'tenant', CASE WHEN t.id IS NOT NULL THEN jsonb_build_object('id', t.id, 'name', t.name,
				'role', m.role, 'unit_ids', to_jsonb(m.unit_ids)) END)
		INTO answer
		FROM auth.users AS u
		LEFT JOIN auth.sessions AS s ON s.id = auth.session_id() AND s.user_id = u.id
		LEFT JOIN auth.memberships AS m ON m.tenant_id = auth.tenant_id() AND m.user_id = u.id
		LEFT JOIN auth.tenants AS t ON t.id = m.tenant_id
		WHERE u.id = auth.uid();
	-- only without the session check: a user of another system
	IF answer IS NULL THEN
		RETURN auth._refuse('me', 404, 'user_not_found', 'User not found');
	END IF;
	RETURN answer;
END
$$;
COMMENT ON FUNCTION auth_api.me() IS 'the caller: {user, session, tenant}; tenant is null when the token is for none';
REVOKE ALL ON FUNCTION auth_api.me() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION auth_api.me() TO authenticated;

-- 403, because on 401 clients sign their user out.
CREATE OR REPLACE FUNCTION auth._refuse_current_password(event text) RETURNS jsonb
	LANGUAGE plpgsql VOLATILE
	SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	AS $$
BEGIN
	RETURN auth._refuse(event, 403, 'invalid_current_password', 'The current password is wrong');
END
$$;
COMMENT ON FUNCTION auth._refuse_current_password(text) IS
	'refuses a caller who does not confirm with the current password';
REVOKE ALL ON FUNCTION auth._refuse_current_password(text) FROM PUBLIC;

-- A stolen access token is not a better place to guess the password than the login.
CREATE OR REPLACE FUNCTION auth._turn_away_unconfirmed(event text, account auth.users, current_password text)
	RETURNS jsonb
	LANGUAGE plpgsql VOLATILE
	SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	AS $$
DECLARE
	counter CONSTANT text := coalesce(account.email, account.phone);
	refusal CONSTANT jsonb := auth._turn_away_throttled(event, counter, counter, account.id);
	is_right boolean;
BEGIN
	IF refusal IS NOT NULL THEN
		RETURN refusal;
	END IF;
	is_right := auth._password_matches(current_password, account.password_hash);
	IF is_right IS NULL THEN
		RETURN auth._turn_away_busy(event, counter, account.id);
	ELSIF NOT is_right THEN
		RETURN auth._refuse_current_password(event);
	END IF;
	PERFORM auth._throttle_reset(counter);
	RETURN NULL;
END
$$;
COMMENT ON FUNCTION auth._turn_away_unconfirmed(text, auth.users, text) IS
	'counts and checks the current password that a caller confirms with; the refusal, NULL to go on';
REVOKE ALL ON FUNCTION auth._turn_away_unconfirmed(text, auth.users, text) FROM PUBLIC;

CREATE OR REPLACE FUNCTION auth_api.change_password(current_password text, new_password text) RETURNS jsonb
	LANGUAGE plpgsql VOLATILE
	SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET default_transaction_isolation = 'read committed'
	AS $$
DECLARE
	caller CONSTANT uuid := auth.uid();
	this CONSTANT uuid := auth.session_id();
	tenant CONSTANT uuid := auth.tenant_id();
	checked auth.users;
	account auth.users;
	problem text;
	weakness record;
	refusal jsonb;
	was_used boolean;
	hash text;
	revoked integer;
BEGIN
	SELECT u.* INTO checked FROM auth.users AS u WHERE u.id = caller;
	IF NOT FOUND THEN
		RETURN auth._refuse('password_change', 401, 'no_authorization', 'Authentication required');
	END IF;
	PERFORM auth._demand_read_committed();
	problem := CASE
		WHEN coalesce(current_password, '') = '' THEN 'current_password is required'
		WHEN octet_length(current_password) > 1048576 THEN 'current_password is too long'
		WHEN coalesce(new_password, '') = '' THEN 'new_password is required'
	END;
	IF problem IS NOT NULL THEN
		RETURN auth._refuse('password_change', 400, 'validation_failed', problem);
	END IF;
	weakness := auth._password_problem(new_password, checked.email, checked.name, checked.phone,
		(SELECT t.name FROM auth.tenants AS t WHERE t.id = tenant));
	IF weakness.message IS NOT NULL THEN
		RETURN auth._with_reasons(auth._refuse('password_change', 422, 'weak_password', 'new_' || weakness.message), weakness.reasons);
	END IF;
	refusal := auth._turn_away_unconfirmed('password_change', checked, current_password);
	IF refusal IS NOT NULL THEN
		RETURN refusal;
	ELSIF auth._password_nfc(current_password) = auth._password_nfc(new_password) THEN
		RETURN auth._refuse('password_change', 422, 'same_password', 'new_password must differ from the current one');
	END IF;
	was_used := auth._password_was_used(caller, new_password);
	IF was_used IS NULL THEN
		RETURN auth._turn_away_busy('password_change', coalesce(checked.email, checked.phone), caller);
	ELSIF was_used THEN
		RETURN auth._with_reasons(auth._refuse('password_change', 422, 'weak_password', 'new_password was used before'), '{history}');
	END IF;
	hash := auth._hash_unless_busy(new_password);
	IF hash IS NULL THEN
		RETURN auth._turn_away_busy('password_change', coalesce(checked.email, checked.phone), caller);
	END IF;

	-- see 56_login.sql: logins by the former password come before this, and are seen below, or fail
	SELECT u.* INTO account FROM auth.users AS u WHERE u.id = caller FOR UPDATE;
	IF account.password_changed_at IS DISTINCT FROM checked.password_changed_at OR account.password_hash IS NULL THEN
		RETURN auth._refuse_current_password('password_change');
	END IF;
	PERFORM auth._password_remember(caller, account.password_hash);
	UPDATE auth.users AS u SET password_hash = hash, password_changed_at = clock_timestamp(), updated_at = clock_timestamp()
		WHERE u.id = caller;
	revoked := auth._revoke_sessions(caller, 'password_change', but_session => this);
	PERFORM auth._audit('password_change', 'success', NULL, caller, tenant, this, NULL, jsonb_build_object('revoked', revoked));
	RETURN jsonb_build_object('revoked', revoked);
END
$$;
COMMENT ON FUNCTION auth_api.change_password(text, text) IS 'changes the caller''s password and ends all other sessions: {revoked}';
REVOKE ALL ON FUNCTION auth_api.change_password(text, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION auth_api.change_password(text, text) TO authenticated;

-- The new access token ends when the one presented would: whoever stole that one
-- cannot live on it.  The refresh token stays; from now on it is for this tenant.
CREATE OR REPLACE FUNCTION auth_api.switch_tenant(tenant_id uuid) RETURNS jsonb
	LANGUAGE plpgsql VOLATILE
	SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET default_transaction_isolation = 'read committed'
	AS $$
DECLARE
	caller CONSTANT uuid := auth.uid();
	this CONSTANT uuid := auth.session_id();
	not_after CONSTANT bigint := (auth.jwt() ->> 'exp')::bigint;
	tenant CONSTANT uuid := tenant_id;
	from_ CONSTANT uuid := auth.tenant_id();
	answer jsonb;
BEGIN
	IF caller IS NULL THEN
		RETURN auth._refuse('tenant_switch', 401, 'no_authorization', 'Authentication required');
	END IF;
	IF tenant IS NULL THEN
		RETURN auth._refuse('tenant_switch', 400, 'validation_failed', 'tenant_id is required');
	END IF;
	IF NOT auth._may_enter(caller, tenant) THEN
		RETURN auth._refuse('tenant_switch', 403, 'not_a_member', 'Not a member of this tenant', jsonb_build_object('target', tenant));
	END IF;
	-- with the session check off the token may outlive its session
	PERFORM FROM auth.sessions AS s
		WHERE s.id = this AND s.user_id = caller AND auth._session_state(this, caller, NULL) IS NULL
		FOR NO KEY UPDATE;
	IF NOT FOUND THEN
		RETURN auth._refuse('tenant_switch', 404, 'session_not_found', 'Session not found');
	END IF;
	-- what the claims hook refuses does not happen
	answer := auth._grant(caller, this, tenant, NULL, not_after);
	IF NOT answer ? 'error' THEN
		UPDATE auth.sessions AS s SET tenant_id = tenant WHERE s.id = this;
		PERFORM auth._audit('tenant_switch', 'success', NULL, caller, tenant, this, NULL, jsonb_build_object('from', from_));
	END IF;
	RETURN answer;
END
$$;
COMMENT ON FUNCTION auth_api.switch_tenant(uuid) IS 'an access token for another tenant of the caller, as a grant without refresh_token: the one he has goes on';
REVOKE ALL ON FUNCTION auth_api.switch_tenant(uuid) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION auth_api.switch_tenant(uuid) TO authenticated;

-- The caller's sessions -------------------------------------------------------

CREATE OR REPLACE FUNCTION auth_api.sessions() RETURNS jsonb
	LANGUAGE plpgsql VOLATILE
	SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET default_transaction_isolation = 'read committed'
	AS $$
DECLARE
	now_ CONSTANT timestamptz := clock_timestamp();
	sessions jsonb;
BEGIN
	IF auth.uid() IS NULL THEN
		RETURN auth._refuse('sessions', 401, 'no_authorization', 'Authentication required');
	END IF;
	SELECT jsonb_agg(jsonb_build_object('id', l.id, 'created_at', l.created_at, 'last_used_at', l.last_used_at,
			'expires_at', l.expires_at, 'idle_expires_at', l.idle_expires_at, 'tenant_id', l.tenant_id,
			'aal', l.aal, 'address', host(l.address), 'user_agent', l.user_agent, 'current', l.is_current) ORDER BY l.is_current DESC, l.last_used_at DESC, l.id)
		INTO sessions
		FROM (
			SELECT s.*, s.id IS NOT DISTINCT FROM auth.session_id() AS is_current,
				coalesce(r.last_used_at, s.created_at) AS last_used_at,
				least(r.expires_at, s.expires_at) AS idle_expires_at
			FROM auth.sessions AS s
			CROSS JOIN LATERAL (
				SELECT max(t.created_at) AS last_used_at, max(t.expires_at) AS expires_at
				FROM auth.refresh_tokens AS t WHERE t.session_id = s.id) AS r
			WHERE s.user_id = auth.uid() AND s.revoked_at IS NULL AND (s.expires_at IS NULL OR s.expires_at > now_)
				-- without a refresh token that can be used nobody goes on, but this one is here
				AND (r.expires_at IS NULL OR r.expires_at > now_ OR s.id = auth.session_id())
			ORDER BY s.id IS NOT DISTINCT FROM auth.session_id() DESC, coalesce(r.last_used_at, s.created_at) DESC, s.id
			LIMIT 200) AS l;
	RETURN jsonb_build_object('sessions', coalesce(sessions, '[]'));
END
$$;
COMMENT ON FUNCTION auth_api.sessions() IS
	'where the caller is logged in: {sessions}, this one first, then the 199 used last; last_used_at is the time of '
	'the last refresh, expires_at the end in any case (null: none), idle_expires_at that without a refresh';
REVOKE ALL ON FUNCTION auth_api.sessions() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION auth_api.sessions() TO authenticated;

CREATE OR REPLACE FUNCTION auth_api.session_revoke(session_id uuid) RETURNS jsonb
	LANGUAGE plpgsql VOLATILE
	SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET default_transaction_isolation = 'read committed'
	AS $$
DECLARE
	caller CONSTANT uuid := auth.uid();
	this CONSTANT uuid := auth.session_id();
	tenant CONSTANT uuid := auth.tenant_id();
	target CONSTANT jsonb := jsonb_build_object('target', session_id);
BEGIN
	IF caller IS NULL THEN
		RETURN auth._refuse('session_revoke', 401, 'no_authorization', 'Authentication required');
	END IF;
	IF session_id IS NULL THEN
		RETURN auth._refuse('session_revoke', 400, 'validation_failed', 'session_id is required');
	END IF;
	IF auth._revoke_sessions(caller, 'session_revoke', session_id) = 0 THEN
		RETURN auth._refuse('session_revoke', 404, 'session_not_found', 'Session not found', target);
	END IF;
	PERFORM auth._audit('session_revoke', 'success', NULL, caller, tenant, this, NULL, target);
	IF session_id = this THEN
		PERFORM auth._cookie_clear();
	END IF;
	RETURN jsonb_build_object('revoked', session_id);
END
$$;
COMMENT ON FUNCTION auth_api.session_revoke(uuid) IS 'ends one of the caller''s sessions: {revoked}';
REVOKE ALL ON FUNCTION auth_api.session_revoke(uuid) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION auth_api.session_revoke(uuid) TO authenticated;
