-- sql/55_sessions.sql: what every way to log in needs: refusals, sessions, grants.
-- Depends on 10_tables.sql, 20_context.sql, 25_password.sql, 30_jwt.sql, 35_secret.sql, 38_throttle.sql,
-- 40_response.sql, 45_audit.sql, 48_identifiers.sql.

-- Refusals -------------------------------------------------------------------

CREATE OR REPLACE FUNCTION auth._enabled(setting text) RETURNS boolean
	LANGUAGE plpgsql STABLE PARALLEL RESTRICTED
	SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	AS $$
BEGIN
	-- settings exist from when the library is loaded, which any of its functions does
	PERFORM auth._hash_computations();
	RETURN current_setting('intrex_auth.' || setting)::boolean;
END
$$;
COMMENT ON FUNCTION auth._enabled(text) IS 'whether a setting of intrex_auth is on';
REVOKE ALL ON FUNCTION auth._enabled(text) FROM PUBLIC;

-- For endpoints that need no identity: they do not look at the one that is there,
-- which may have expired.
CREATE OR REPLACE FUNCTION auth._turn_away(event text, status integer, code text, message text, identifier text DEFAULT NULL,
		user_id uuid DEFAULT NULL, tenant_id uuid DEFAULT NULL, session_id uuid DEFAULT NULL, retry_after integer DEFAULT NULL) RETURNS jsonb
	LANGUAGE plpgsql VOLATILE
	SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	AS $$
BEGIN
	PERFORM auth._audit(event, CASE WHEN status >= 500 THEN 'failure' ELSE 'refused' END, code, user_id, tenant_id, session_id, identifier);
	RETURN auth._refusal(status, code, message, retry_after);
END
$$;
COMMENT ON FUNCTION auth._turn_away(text, integer, text, text, text, uuid, uuid, uuid, integer) IS 'refuses somebody who needs no identity: audit row and answer';
REVOKE ALL ON FUNCTION auth._turn_away(text, integer, text, text, text, uuid, uuid, uuid, integer) FROM PUBLIC;

CREATE OR REPLACE FUNCTION auth._turn_away_busy(event text, identifier text DEFAULT NULL, user_id uuid DEFAULT NULL) RETURNS jsonb
	LANGUAGE plpgsql VOLATILE
	SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	AS $$
BEGIN
	RETURN auth._turn_away(event, 503, 'server_busy', 'The server is busy, try again', identifier, user_id, retry_after => 1);
END
$$;
COMMENT ON FUNCTION auth._turn_away_busy(text, text, uuid) IS 'refuses because intrex_auth.max_concurrent_hashes are being computed';
REVOKE ALL ON FUNCTION auth._turn_away_busy(text, text, uuid) FROM PUBLIC;

-- Counts by identifier, whether anybody has it or not, and before anybody is
-- looked up: its answers tell nothing about who exists.
CREATE OR REPLACE FUNCTION auth._turn_away_throttled(event text, counter text, identifier text, user_id uuid DEFAULT NULL) RETURNS jsonb
	LANGUAGE plpgsql VOLATILE
	SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	AS $$
DECLARE
	seconds integer := auth._throttle(counter);
BEGIN
	IF seconds > 0 THEN
		RETURN auth._turn_away(event, 429, 'over_request_rate_limit', 'Too many attempts', identifier, user_id, retry_after => seconds);
	ELSIF seconds < 0 THEN
		RETURN auth._turn_away(event, 403, 'account_locked', 'Too many failed attempts: reset the password or ask an administrator',
			identifier, user_id);
	END IF;
	RETURN NULL;
END
$$;
COMMENT ON FUNCTION auth._turn_away_throttled(text, text, text, uuid) IS 'counts an attempt; the refusal when there were too many, NULL to go on';
REVOKE ALL ON FUNCTION auth._turn_away_throttled(text, text, text, uuid) FROM PUBLIC;

-- Where a cookie carries the refresh token, another site could have a browser log in
-- as somebody else, or refresh and log out as its user.
CREATE OR REPLACE FUNCTION auth._is_cross_site() RETURNS boolean
	LANGUAGE c STABLE PARALLEL RESTRICTED
	AS 'MODULE_PATHNAME', 'intrex_auth_is_cross_site';
COMMENT ON FUNCTION auth._is_cross_site() IS 'whether a cookie delivers and the browser says that another site asks';
REVOKE ALL ON FUNCTION auth._is_cross_site() FROM PUBLIC;

CREATE OR REPLACE FUNCTION auth._turn_away_cross_site(event text, identifier text DEFAULT NULL) RETURNS jsonb
	LANGUAGE plpgsql VOLATILE
	SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	AS $$
BEGIN
	IF auth._is_cross_site() THEN
		RETURN auth._turn_away(event, 403, 'cross_site_request', 'Requests of other sites are refused', identifier);
	END IF;
	RETURN NULL;
END
$$;
COMMENT ON FUNCTION auth._turn_away_cross_site(text, text) IS 'the refusal of a request of another site where a cookie delivers, NULL to go on';
REVOKE ALL ON FUNCTION auth._turn_away_cross_site(text, text) FROM PUBLIC;

-- A password of a megabyte is a wrong one; more is not worth a hash.
CREATE OR REPLACE FUNCTION auth._credentials_problem(email text, password text) RETURNS text
	LANGUAGE sql IMMUTABLE PARALLEL SAFE
	RETURN CASE
		WHEN coalesce(email, '') = '' THEN 'email is required'
		WHEN octet_length(email) > 1024 THEN 'email is too long'
		WHEN coalesce(password, '') = '' THEN 'password is required'
		WHEN octet_length(password) > 1048576 THEN 'password is too long'
	END;
COMMENT ON FUNCTION auth._credentials_problem(text, text) IS 'what is wrong with the arguments of a login, whoever they belong to; NULL when nothing is';
REVOKE ALL ON FUNCTION auth._credentials_problem(text, text) FROM PUBLIC;

CREATE OR REPLACE FUNCTION auth._hash_unless_busy(password text) RETURNS text
	LANGUAGE plpgsql VOLATILE
	SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	AS $$
BEGIN
	RETURN auth.password_hash(auth._password_nfc(password));
EXCEPTION WHEN insufficient_resources THEN
	RETURN NULL;
END
$$;
COMMENT ON FUNCTION auth._hash_unless_busy(text) IS 'the hash of a password; NULL when intrex_auth.max_concurrent_hashes are being computed';
REVOKE ALL ON FUNCTION auth._hash_unless_busy(text) FROM PUBLIC;

-- Sessions -------------------------------------------------------------------

-- PostgREST puts the headers there; so can anybody who writes SQL.
CREATE OR REPLACE FUNCTION auth._user_agent() RETURNS text
	LANGUAGE plpgsql STABLE
	SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	AS $$
DECLARE
	headers text := current_setting('request.headers', true);
BEGIN
	IF coalesce(headers, '') = '' OR octet_length(headers) > 65536 THEN
		RETURN NULL;
	END IF;
	RETURN auth._printable(headers::jsonb ->> 'user-agent', 512);
EXCEPTION WHEN data_exception OR program_limit_exceeded THEN
	RETURN NULL;
END
$$;
COMMENT ON FUNCTION auth._user_agent() IS 'the User-Agent header of the request, printable, at most 512 characters';
REVOKE ALL ON FUNCTION auth._user_agent() FROM PUBLIC;

-- A tenant that goes away now waits, or is gone.
CREATE OR REPLACE FUNCTION auth._may_enter(user_id uuid, tenant_id uuid) RETURNS boolean
	LANGUAGE plpgsql VOLATILE
	SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	AS $$
BEGIN
	PERFORM FROM auth.tenants AS t WHERE t.id = tenant_id FOR KEY SHARE;
	RETURN FOUND AND auth._session_state(NULL, user_id, tenant_id) IS NULL;
END
$$;
COMMENT ON FUNCTION auth._may_enter(uuid, uuid) IS 'whether a user is a member of a tenant now; the tenant stays until the end of the transaction';
REVOKE ALL ON FUNCTION auth._may_enter(uuid, uuid) FROM PUBLIC;

CREATE OR REPLACE FUNCTION auth._choose_tenant(user_id uuid) RETURNS uuid
	LANGUAGE plpgsql VOLATILE
	SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	AS $$
DECLARE
	chosen uuid;
BEGIN
	SELECT coalesce(
			(SELECT s.tenant_id
				FROM auth.sessions AS s
				JOIN auth.memberships AS m ON m.tenant_id = s.tenant_id AND m.user_id = s.user_id
				WHERE s.user_id = _choose_tenant.user_id
				ORDER BY s.created_at DESC
				LIMIT 1),
			(SELECT m.tenant_id FROM auth.memberships AS m WHERE m.user_id = _choose_tenant.user_id AND m.is_default),
			(SELECT CASE WHEN count(*) = 1 THEN (array_agg(m.tenant_id))[1] END
				FROM auth.memberships AS m WHERE m.user_id = _choose_tenant.user_id))
		INTO chosen;
	RETURN CASE WHEN auth._may_enter(user_id, chosen) THEN chosen END;
END
$$;
COMMENT ON FUNCTION auth._choose_tenant(uuid) IS 'the tenant for a user who names none: that of the latest session, else the default, else the only one, else NULL';
REVOKE ALL ON FUNCTION auth._choose_tenant(uuid) FROM PUBLIC;

CREATE OR REPLACE FUNCTION auth._session_begin(user_id uuid, tenant_id uuid, method text, OUT session_id uuid, OUT refresh_token text)
	LANGUAGE plpgsql VOLATILE
	SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	AS $$
DECLARE
	now_ CONSTANT timestamptz := clock_timestamp();
	-- no longer than this, unless it is 0
	ends CONSTANT timestamptz := now_ + make_interval(secs => nullif(auth._seconds('session_lifetime'), 0));
BEGIN
	INSERT INTO auth.sessions AS s (user_id, tenant_id, amr, address, user_agent, created_at, expires_at)
		VALUES (_session_begin.user_id, _session_begin.tenant_id,
			jsonb_build_array(jsonb_build_object('method', method, 'timestamp', floor(extract(epoch FROM now_))::bigint)),
			auth.client_address(), auth._user_agent(), now_, ends)
		RETURNING s.id INTO session_id;
	refresh_token := auth.random_token(32);
	-- the salt: 32 random bytes too
	INSERT INTO auth.refresh_tokens (token_hash, session_id, salt, created_at, expires_at)
		VALUES (auth._opaque_hash(refresh_token), _session_begin.session_id, auth._opaque_hash(auth.random_token(32)),
			now_, least(now_ + make_interval(secs => auth._seconds('refresh_token_lifetime')), ends));
END
$$;
COMMENT ON FUNCTION auth._session_begin(uuid, uuid, text) IS 'begins a session, always a new one, and its family of refresh tokens; method is how the user signed in';
REVOKE ALL ON FUNCTION auth._session_begin(uuid, uuid, text) FROM PUBLIC;

CREATE OR REPLACE FUNCTION auth._grant_user(id uuid, email text, email_verified boolean, name text, role text,
		tenant_id uuid, unit_ids uuid[], is_super_admin boolean) RETURNS jsonb
	LANGUAGE sql STABLE PARALLEL SAFE
	RETURN jsonb_build_object('id', id, 'email', email, 'email_verified', email_verified, 'name', name, 'role', role,
		'tenant_id', tenant_id, 'unit_ids', coalesce(to_jsonb(unit_ids), '[]'), 'is_super_admin', is_super_admin);
COMMENT ON FUNCTION auth._grant_user(uuid, text, boolean, text, text, uuid, uuid[], boolean) IS 'the user in a grant; role is the one in the tenant';
REVOKE ALL ON FUNCTION auth._grant_user(uuid, text, boolean, text, text, uuid, uuid[], boolean) FROM PUBLIC;

CREATE OR REPLACE FUNCTION auth._grant(user_id uuid, session_id uuid, tenant_id uuid, refresh_token text, not_after bigint DEFAULT NULL,
		method text DEFAULT NULL, refresh_expires_at timestamptz DEFAULT NULL) RETURNS jsonb
	LANGUAGE c VOLATILE PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'intrex_auth_grant';
COMMENT ON FUNCTION auth._grant(uuid, uuid, uuid, text, bigint, text, timestamptz) IS 'what a client gets: a signed access token, the refresh token unless NULL (in a cookie where intrex_auth.token_delivery says so), and the user; not_after bounds exp (epoch seconds), method is for the claims hook (NULL: as the session began), refresh_expires_at for the cookie (NULL: the token is new). {error} when that refuses';
REVOKE ALL ON FUNCTION auth._grant(uuid, uuid, uuid, text, bigint, text, timestamptz) FROM PUBLIC;

-- Nobody knows the tokens of a session that began for a grant that was refused.
CREATE OR REPLACE FUNCTION auth._grant_refused(user_id uuid, session_id uuid, tenant_id uuid, began boolean, status integer, message text) RETURNS jsonb
	LANGUAGE plpgsql VOLATILE
	SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	AS $$
DECLARE
	answer CONSTANT jsonb := auth._turn_away('claims_hook', status, 'claims_hook_refused', message, NULL, user_id, tenant_id, session_id);
BEGIN
	IF began THEN
		DELETE FROM auth.sessions AS s WHERE s.id = _grant_refused.session_id AND s.created_at >= transaction_timestamp();
	END IF;
	RETURN answer;
END
$$;
COMMENT ON FUNCTION auth._grant_refused(uuid, uuid, uuid, boolean, integer, text) IS 'the answer to a login or refresh that the claims hook refuses, with its audit row; a session that began for it is gone';
REVOKE ALL ON FUNCTION auth._grant_refused(uuid, uuid, uuid, boolean, integer, text) FROM PUBLIC;

-- At REPEATABLE READ a row that somebody else has written since raises 40001.  If
-- what he wrote was a revocation, there is nothing left to do; if not, the error
-- stands, since the session would live on.
CREATE OR REPLACE FUNCTION auth._revoke_sessions(user_id uuid, reason text, only_session uuid DEFAULT NULL, but_session uuid DEFAULT NULL) RETURNS integer
	LANGUAGE plpgsql VOLATILE
	SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	AS $$
DECLARE
	revoked integer := 0;
	session uuid;
BEGIN
	PERFORM auth._make_durable();
	FOR session IN
		SELECT s.id FROM auth.sessions AS s
		WHERE s.user_id = _revoke_sessions.user_id AND s.revoked_at IS NULL
			AND (only_session IS NULL OR s.id = only_session) AND (but_session IS NULL OR s.id <> but_session)
		ORDER BY s.id
	LOOP
		BEGIN
			UPDATE auth.sessions AS s SET revoked_at = clock_timestamp(), revoked_reason = reason
				WHERE s.id = session AND s.revoked_at IS NULL;
			IF FOUND THEN
				revoked := revoked + 1;
			END IF;
		EXCEPTION WHEN serialization_failure THEN
			IF auth._session_state(session, user_id, NULL) IS NULL THEN
				RAISE;
			END IF;
		END;
	END LOOP;
	RETURN revoked;
END
$$;
COMMENT ON FUNCTION auth._revoke_sessions(uuid, text, uuid, uuid) IS 'ends sessions of a user for good, all, one, or all but one; survives a crash; returns how many';
REVOKE ALL ON FUNCTION auth._revoke_sessions(uuid, text, uuid, uuid) FROM PUBLIC;

-- The cookie of the refresh token ----------------------------------------------

CREATE OR REPLACE FUNCTION auth._cookie_token() RETURNS text
	LANGUAGE c STABLE PARALLEL RESTRICTED
	AS 'MODULE_PATHNAME', 'intrex_auth_cookie_token';
COMMENT ON FUNCTION auth._cookie_token() IS 'the refresh token that came by cookie, with a POST, where a cookie delivers; else NULL';
REVOKE ALL ON FUNCTION auth._cookie_token() FROM PUBLIC;

CREATE OR REPLACE FUNCTION auth._cookie_clear() RETURNS void
	LANGUAGE c VOLATILE PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'intrex_auth_cookie_clear';
COMMENT ON FUNCTION auth._cookie_clear() IS 'has the client forget the cookie of its refresh token, where a cookie delivers';
REVOKE ALL ON FUNCTION auth._cookie_clear() FROM PUBLIC;

CREATE OR REPLACE FUNCTION auth._cookie_session() RETURNS uuid
	LANGUAGE sql STABLE
	SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	RETURN CASE WHEN NOT auth._is_cross_site()
		THEN (auth._refresh_row(auth._opaque_hash(auth._cookie_token()))).session_id END;
COMMENT ON FUNCTION auth._cookie_session() IS
	'the session whose refresh token, used or not, came by cookie; not from another site';
REVOKE ALL ON FUNCTION auth._cookie_session() FROM PUBLIC;

-- The session of the cookie is not always that of the access token: another tab may
-- have logged in as somebody else.  A browser that logs out keeps neither.
CREATE OR REPLACE FUNCTION auth._cookie_session_end(scope text) RETURNS integer
	LANGUAGE plpgsql VOLATILE
	SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	AS $$
DECLARE
	presented CONSTANT uuid := auth._cookie_session();
	session record;
	revoked integer := 0;
BEGIN
	IF auth._is_cross_site() THEN
		RETURN 0;
	END IF;
	SELECT s.user_id, s.tenant_id INTO session FROM auth.sessions AS s WHERE s.id = presented;
	IF FOUND THEN
		revoked := auth._revoke_sessions(session.user_id, 'logout', presented);
	END IF;
	IF revoked > 0 THEN
		PERFORM auth._audit('logout', 'success', NULL, session.user_id, session.tenant_id, presented, NULL,
			jsonb_build_object('scope', scope, 'revoked', revoked, 'by', 'cookie'));
	END IF;
	PERFORM auth._cookie_clear();
	RETURN revoked;
END
$$;
COMMENT ON FUNCTION auth._cookie_session_end(text) IS 'ends the session whose refresh token came by cookie, and has the client forget it; returns how many';
REVOKE ALL ON FUNCTION auth._cookie_session_end(text) FROM PUBLIC;

-- intrex_auth.single_session ---------------------------------------------------

-- The token is the proof: anyone who presents it could log its session out.
CREATE OR REPLACE FUNCTION auth._bearer_session() RETURNS uuid
	LANGUAGE plpgsql STABLE
	SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	AS $$
BEGIN
	RETURN (SELECT s.id FROM auth.sessions AS s WHERE s.id = auth.session_id() AND s.user_id = auth.uid());
EXCEPTION WHEN invalid_authorization_specification OR SQLSTATE 'PGRST' THEN
	RETURN NULL;
END
$$;
COMMENT ON FUNCTION auth._bearer_session() IS 'the session of the access token; NULL when there is none that holds';
REVOKE ALL ON FUNCTION auth._bearer_session() FROM PUBLIC;

-- Two logins of a user at once must see each other's session, hence one after the
-- other, each with a snapshot from after the lock.
CREATE OR REPLACE FUNCTION auth._single_session_demand() RETURNS void
	LANGUAGE plpgsql STABLE
	SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	AS $$
BEGIN
	IF current_setting('intrex_auth.single_session') = 'one_per_user' THEN
		PERFORM auth._demand_read_committed();
	END IF;
END
$$;
COMMENT ON FUNCTION auth._single_session_demand() IS
	'raises 55000 above READ COMMITTED where a login ends all other sessions of its user';
REVOKE ALL ON FUNCTION auth._single_session_demand() FROM PUBLIC;

CREATE OR REPLACE FUNCTION auth._single_session_lock(user_id uuid) RETURNS void
	LANGUAGE plpgsql VOLATILE
	SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	AS $$
BEGIN
	IF current_setting('intrex_auth.single_session') = 'one_per_user' THEN
		PERFORM FROM auth.users AS u WHERE u.id = user_id FOR NO KEY UPDATE;
	END IF;
END
$$;
COMMENT ON FUNCTION auth._single_session_lock(uuid) IS
	'has the logins of a user wait for one another where each ends all other sessions; a login takes it before its '
	'tenant';
REVOKE ALL ON FUNCTION auth._single_session_lock(uuid) FROM PUBLIC;

-- Called for each session that begins, once nothing can refuse it any more
-- (src/grant.c); so a failed login ends nothing.  In the order of ids, because the
-- sessions may be of two users, each of whom logs in where the other was.
CREATE OR REPLACE FUNCTION auth._single_session(user_id uuid, session_id uuid) RETURNS void
	LANGUAGE plpgsql VOLATILE
	SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	AS $$
DECLARE
	by_cookie CONSTANT uuid := auth._cookie_session();
	by_bearer CONSTANT uuid := auth._bearer_session();
	former record;
BEGIN
	PERFORM auth._single_session_demand();
	PERFORM auth._single_session_lock(user_id);
	FOR former IN
		SELECT s.id, s.user_id, s.tenant_id,
			CASE s.id WHEN by_cookie THEN 'cookie' WHEN by_bearer THEN 'bearer' ELSE 'user' END AS proof
		FROM auth.sessions AS s
		WHERE s.revoked_at IS NULL AND s.id = ANY (ARRAY(
			SELECT p.id FROM unnest(ARRAY[by_cookie, by_bearer]) AS p (id)
			UNION
			SELECT o.id FROM auth.sessions AS o
			WHERE o.user_id = _single_session.user_id AND current_setting('intrex_auth.single_session') = 'one_per_user'
			EXCEPT
			SELECT _single_session.session_id))
		ORDER BY s.id
	LOOP
		IF auth._revoke_sessions(former.user_id, CASE former.proof WHEN 'user' THEN 'other_login' ELSE 'replaced' END,
			former.id) > 0 THEN
			PERFORM auth._audit('session_replaced', 'success', NULL, former.user_id, former.tenant_id, former.id, NULL,
				jsonb_build_object('by', former.proof, 'replaced_by', session_id));
		END IF;
	END LOOP;
END
$$;
COMMENT ON FUNCTION auth._single_session(uuid, uuid) IS
	'ends the sessions that a new one takes the place of, as intrex_auth.single_session says: the one that the request '
	'proves, or also all others of the user';
REVOKE ALL ON FUNCTION auth._single_session(uuid, uuid) FROM PUBLIC;
