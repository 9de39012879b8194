-- sql/56_login.sql: logging in, refreshing and logging out.
-- Depends on 55_sessions.sql.
--
-- Order of locks: user, tenant, session.  A login holds the row of the user from
-- when it knows that the password is right until its session is committed, and
-- looks whether that password is still the one.  Whoever changes the password,
-- bans or deletes takes FOR UPDATE, so he either comes before that look or sees
-- the session.  (At REPEATABLE READ he may not see it; endpoints ask PostgREST for
-- READ COMMITTED.)

CREATE OR REPLACE FUNCTION auth_api.login(email text, password text, tenant_id uuid DEFAULT NULL) RETURNS jsonb
	LANGUAGE plpgsql VOLATILE
	SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET default_transaction_isolation = 'read committed'
	AS $$
DECLARE
	problem CONSTANT text := auth._credentials_problem(email, password);
	address text;
	counter text;
	refusal jsonb;
	checked auth.users;
	account auth.users;
	is_right boolean;
	stronger_hash text;
	tenant uuid;
	session record;
	answer jsonb;
BEGIN
	refusal := auth._turn_away_cross_site('login', email);
	IF refusal IS NOT NULL THEN
		RETURN refusal;
	END IF;
	IF problem IS NOT NULL THEN
		RETURN auth._turn_away('login', 400, 'validation_failed', problem, email);
	END IF;
	-- before the password, so that this error tells nothing about it
	PERFORM auth._single_session_demand();
	-- what is no address is nobody's: the same answer for the same work
	address := auth.normalize_email(email);
	counter := coalesce(address, 'invalid:' || email);
	refusal := auth._turn_away_throttled('login', counter, coalesce(address, email));
	IF refusal IS NOT NULL THEN
		RETURN refusal;
	END IF;

	SELECT u.* INTO checked FROM auth.users AS u WHERE u.email = address;
	is_right := auth._password_matches(password, checked.password_hash);
	IF is_right IS NULL THEN
		RETURN auth._turn_away_busy('login', coalesce(address, email), checked.id);
	ELSIF NOT is_right THEN
		RETURN auth._turn_away('login', 401, 'invalid_credentials', 'Invalid login credentials', coalesce(address, email), checked.id);
	END IF;

	-- Right.  What takes time comes before the lock; and is the password still the one?
	-- One that bcrypt cannot take whole keeps the hash of a kind that can.
	IF auth.password_needs_rehash(checked.password_hash) AND octet_length(auth._password_nfc(password)) <= auth._password_max_bytes() THEN
		stronger_hash := auth._hash_unless_busy(password);
	END IF;
	SELECT u.* INTO account FROM auth.users AS u WHERE u.id = checked.id FOR KEY SHARE;
	IF account.password_hash IS NULL OR account.password_changed_at IS DISTINCT FROM checked.password_changed_at THEN
		RETURN auth._turn_away('login', 401, 'invalid_credentials', 'Invalid login credentials', address, checked.id);
	END IF;
	PERFORM auth._throttle_reset(counter);
	IF account.banned_until > clock_timestamp() THEN
		-- the password is right: he may know for how long, and why
		RETURN jsonb_build_object('error', auth._turn_away('login', 403, 'user_banned', 'User is banned', address, account.id) -> 'error'
			|| jsonb_build_object('until', nullif(account.banned_until, 'infinity'), 'reason', account.ban_reason));
	ELSIF account.email_verified_at IS NULL AND auth._enabled('require_email_verification') THEN
		RETURN auth._turn_away('login', 403, 'email_not_confirmed', 'Email not confirmed', address, account.id);
	END IF;
	IF stronger_hash IS NOT NULL THEN
		BEGIN
			UPDATE auth.users AS u SET password_hash = stronger_hash WHERE u.id = account.id AND u.password_hash = account.password_hash;
		EXCEPTION WHEN serialization_failure THEN
			NULL;	-- another login has done it
		END;
	END IF;

	PERFORM auth._single_session_lock(account.id);
	-- whether there is such a tenant is not the business of who is no member
	IF tenant_id IS NOT NULL AND NOT auth._may_enter(account.id, tenant_id) THEN
		RETURN auth._turn_away('login', 403, 'not_a_member', 'Not a member of this tenant', address, account.id);
	END IF;
	tenant := coalesce(tenant_id, auth._choose_tenant(account.id));
	session := auth._session_begin(account.id, tenant, 'password');
	answer := auth._grant(account.id, session.session_id, tenant, session.refresh_token);
	IF NOT answer ? 'error' THEN
		PERFORM auth._audit('login', 'success', NULL, account.id, tenant, session.session_id, address);
	END IF;
	RETURN answer;
END
$$;
COMMENT ON FUNCTION auth_api.login(text, text, uuid) IS 'logs in by password: a grant in a new session; the tenant is the one named, else the one used last, else the default, else the only one';
REVOKE ALL ON FUNCTION auth_api.login(text, text, uuid) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION auth_api.login(text, text, uuid) TO anon, authenticated;

CREATE OR REPLACE FUNCTION auth._refresh_rotate(refresh_token text, tenant_id uuid) RETURNS jsonb
	LANGUAGE c VOLATILE PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'intrex_auth_refresh_rotate';
COMMENT ON FUNCTION auth._refresh_rotate(text, uuid) IS 'exchanges a refresh token that is good and unused: the grant, in this tenant or in none, with its audit row; NULL when it is not';
REVOKE ALL ON FUNCTION auth._refresh_rotate(text, uuid) FROM PUBLIC;

-- Each successor is HMAC(salt, token): anyone who holds a token can be led forward along its line,
-- and nobody else can.  64 steps are more than the tabs of a browser take at once.
CREATE OR REPLACE FUNCTION auth._refresh_newest(refresh_token text,
		OUT token text, OUT token_hash bytea, OUT expires_at timestamptz)
	LANGUAGE plpgsql VOLATILE
	SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	AS $$
DECLARE
	reached auth.refresh_tokens := auth._refresh_row(auth._opaque_hash(refresh_token));
	child auth.refresh_tokens;
BEGIN
	token := refresh_token;
	FOR step IN 0 .. 64 LOOP
		child := auth._refresh_child(reached.token_hash);
		IF child.token_hash IS NULL THEN
			token_hash := reached.token_hash;
			expires_at := reached.expires_at;
			RETURN;
		END IF;
		token := auth._refresh_successor(reached.salt, token);
		reached := child;
	END LOOP;
	token := NULL;
END
$$;
COMMENT ON FUNCTION auth._refresh_newest(text) IS
	'the unused token that a refresh token leads to, at most 64 rotations on, itself if it is unused; NULL beyond that';
REVOKE ALL ON FUNCTION auth._refresh_newest(text) FROM PUBLIC;

-- Rotation only inserts, so nothing fails with 40001 at READ COMMITTED or
-- REPEATABLE READ: what another transaction did meanwhile shows as 23505, and
-- through the look-ups, which take a snapshot of their own.
--
-- A used token is presented again by tabs that refresh at once, since an answer may come late and
-- overwrite a newer cookie, and after an answer that was lost.  The first happens within the grace
-- time of its rotation, whatever has become of its successor; the second also later, but then
-- nobody has used the successor, which nobody has got.  Anything else is theft.
CREATE OR REPLACE FUNCTION auth._refresh_unusual(refresh_token text, presented_at timestamptz, by_cookie boolean) RETURNS jsonb
	LANGUAGE plpgsql VOLATILE
	SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	AS $$
DECLARE
	grace CONSTANT integer := auth._seconds('refresh_reuse_grace');
	recovery CONSTANT integer := auth._seconds('refresh_recovery');
	presented auth.refresh_tokens;
	child auth.refresh_tokens;
	newest record;
	session record;
	refused text;
	tenant uuid;
	refusal CONSTANT jsonb := auth._turn_away_cross_site('refresh');
	answer jsonb;
BEGIN
	IF refusal IS NOT NULL THEN
		RETURN refusal;
	END IF;
	-- without its cookie a browser is signed out, which is no mistake of the application
	IF coalesce(refresh_token, '') = '' AND NOT by_cookie THEN
		RETURN auth._turn_away('refresh', 400, 'validation_failed', 'refresh_token is required');
	END IF;
	presented := auth._refresh_row(auth._opaque_hash(refresh_token));
	SELECT s.user_id, s.tenant_id, s.revoked_reason INTO session FROM auth.sessions AS s
		WHERE s.id = presented.session_id;
	IF NOT FOUND THEN
		IF by_cookie AND refresh_token IS NOT NULL THEN
			PERFORM auth._cookie_clear();
		END IF;
		RETURN auth._turn_away('refresh', 401, 'refresh_token_not_found', 'Invalid refresh token');
	END IF;
	refused := auth._session_state(presented.session_id, session.user_id, NULL);
	child := auth._refresh_child(presented.token_hash);
	IF refused IS NULL THEN
		newest := auth._refresh_newest(refresh_token);
		IF child.token_hash IS NOT NULL AND (newest.token IS NULL OR grace = 0
				OR child.created_at <= presented_at - make_interval(secs =>
					CASE WHEN newest.token_hash = child.token_hash THEN greatest(grace, recovery) ELSE grace END)) THEN
			PERFORM auth._revoke_sessions(session.user_id, 'refresh_token_reuse', presented.session_id);
			refused := 'refresh_token_already_used';
		ELSIF newest.expires_at <= presented_at THEN
			refused := 'session_expired';
		END IF;
	END IF;
	IF refused IS NOT NULL THEN
		-- good for nothing any more; but a ban may end, and a login of this browser that took
		-- the place of the session has set another cookie, which a late answer must not clear
		IF by_cookie AND refused <> 'user_banned' AND session.revoked_reason IS DISTINCT FROM 'replaced' THEN
			PERFORM auth._cookie_clear();
		END IF;
		RETURN auth._turn_away('refresh', CASE refused WHEN 'user_banned' THEN 403 ELSE 401 END, refused,
			CASE refused
				WHEN 'user_banned' THEN 'User is banned'
				WHEN 'session_revoked' THEN 'Session has been revoked'
				WHEN 'session_expired' THEN 'Session has expired'
				WHEN 'refresh_token_already_used' THEN 'Invalid refresh token: already used'
				ELSE 'Session not found'
			END, NULL, session.user_id, session.tenant_id, presented.session_id);
	END IF;

	-- Whoever is in no tenant, or not any more, goes on where a login would put him.
	tenant := session.tenant_id;
	IF tenant IS NULL OR auth._session_state(NULL, session.user_id, tenant) IS NOT NULL THEN
		tenant := auth._choose_tenant(session.user_id);
		-- the choice reads by the caller's snapshot, which may be older than the end of a membership
		IF auth._session_state(NULL, session.user_id, tenant) IS NOT NULL THEN
			tenant := NULL;
		END IF;
		BEGIN
			UPDATE auth.sessions AS s SET tenant_id = tenant WHERE s.id = presented.session_id AND s.tenant_id IS DISTINCT FROM tenant;
		EXCEPTION WHEN serialization_failure THEN
			NULL;	-- the next refresh will
		END;
	END IF;
	IF child.token_hash IS NOT NULL THEN
		answer := auth._grant(session.user_id, presented.session_id, tenant, newest.token,
			method => 'token_refresh', refresh_expires_at => newest.expires_at);
		IF NOT answer ? 'error' THEN
			PERFORM auth._audit('refresh', 'success', NULL, session.user_id, tenant, presented.session_id);
		END IF;
		RETURN answer;
	END IF;
	-- NULL: something has changed since this began
	RETURN coalesce(auth._refresh_rotate(refresh_token, tenant), auth._refresh_unusual(refresh_token, presented_at, by_cookie));
END
$$;
COMMENT ON FUNCTION auth._refresh_unusual(text, timestamptz, boolean) IS
	'what auth_api.refresh() does where something is not as usual: refusals, theft, the newest successor of a used '
	'token, another tenant';
REVOKE ALL ON FUNCTION auth._refresh_unusual(text, timestamptz, boolean) FROM PUBLIC;

CREATE OR REPLACE FUNCTION auth_api.refresh(refresh_token text DEFAULT NULL) RETURNS jsonb
	LANGUAGE c VOLATILE PARALLEL UNSAFE
	SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET default_transaction_isolation = 'read committed'
	AS 'MODULE_PATHNAME', 'intrex_auth_refresh';
COMMENT ON FUNCTION auth_api.refresh(text) IS 'exchanges a refresh token, the argument or that of the cookie, for the next one and an access token; one that was used before ends its session';
REVOKE ALL ON FUNCTION auth_api.refresh(text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION auth_api.refresh(text) TO anon, authenticated;

CREATE OR REPLACE FUNCTION auth_api.logout(scope text DEFAULT 'local') RETURNS jsonb
	LANGUAGE plpgsql VOLATILE
	SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET default_transaction_isolation = 'read committed'
	AS $$
DECLARE
	by_cookie CONSTANT boolean := auth._cookie_token() IS NOT NULL;
	caller uuid;
	tenant uuid;
	this uuid;
	refusal jsonb;
	revoked integer;
BEGIN
	BEGIN
		caller := auth.uid();
		tenant := auth.tenant_id();
		this := auth.session_id();
	EXCEPTION WHEN invalid_authorization_specification OR SQLSTATE 'PGRST' THEN
		IF NOT by_cookie THEN
			RAISE;
		END IF;
	END;
	-- without an access token that holds; who logs out of what has ended has what he wants
	IF caller IS NULL AND by_cookie AND scope = 'local' THEN
		refusal := auth._turn_away_cross_site('logout');
		IF refusal IS NOT NULL THEN
			RETURN refusal;
		END IF;
		RETURN jsonb_build_object('revoked', auth._cookie_session_end(scope));
	END IF;
	IF caller IS NULL THEN
		RETURN auth._refuse('logout', 401, 'no_authorization', 'Authentication required');
	END IF;
	IF scope IS NULL OR scope NOT IN ('local', 'others', 'global') THEN
		RETURN auth._refuse('logout', 400, 'validation_failed', 'scope must be local, others or global');
	END IF;
	-- tokens of other issuers may name no session
	IF this IS NULL AND scope <> 'global' THEN
		RETURN auth._refuse('logout', 404, 'session_not_found', 'Session not found');
	END IF;
	revoked := auth._revoke_sessions(caller, 'logout',
		CASE scope WHEN 'local' THEN this END, CASE scope WHEN 'others' THEN this END);
	PERFORM auth._audit('logout', 'success', NULL, caller, tenant, this, NULL, jsonb_build_object('scope', scope, 'revoked', revoked));
	IF scope <> 'others' THEN
		revoked := revoked + auth._cookie_session_end(scope);
	END IF;
	RETURN jsonb_build_object('revoked', revoked);
END
$$;
COMMENT ON FUNCTION auth_api.logout(text) IS 'ends this session (local), the others, or all (global), access tokens included: {revoked}. The cookie goes, and is enough to end its own session';
REVOKE ALL ON FUNCTION auth_api.logout(text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION auth_api.logout(text) TO anon, authenticated;
