-- sql/65_guards.sql: guards: what raises when the caller may not, and its boolean form.
-- Depends on 20_context.sql, 10_tables.sql, 63_permissions.sql, and at run time on 75_access.sql.
--
-- What raises is VOLATILE, since the planner leaves out a STABLE function whose
-- result nobody reads, and a guard that is left out guards nothing.  The boolean
-- forms are STABLE, for policies: USING ((SELECT auth.has_role('admin'))).

-- PostgREST would make 403 of 28000, and 401 of the 42501 of somebody who came
-- with a cookie; SQLSTATE PGRST says what we mean.
CREATE OR REPLACE FUNCTION auth._guard_refuse(guard text, authenticated boolean, reason text DEFAULT 'Insufficient permissions') RETURNS void
	LANGUAGE plpgsql VOLATILE PARALLEL SAFE
	SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	AS $$
DECLARE
	status CONSTANT integer := CASE WHEN authenticated THEN 403 ELSE 401 END;
	code CONSTANT text := CASE WHEN authenticated THEN 'insufficient_permissions' ELSE 'no_authorization' END;
	message CONSTANT text := CASE WHEN authenticated THEN reason ELSE 'Authentication required' END;
BEGIN
	-- the error rolls back whatever a row could tell
	PERFORM auth._report_event('guard_refused', concat_ws(' ', guard, code, 'user=' || auth.user_id()));
	IF current_setting('request.method', true) <> '' THEN
		RAISE EXCEPTION USING
			ERRCODE = 'PGRST',
			MESSAGE = jsonb_build_object('code', code, 'message', message)::text,
			DETAIL = jsonb_build_object('status', status, 'headers',
				CASE WHEN status = 401 THEN jsonb_build_object('WWW-Authenticate', 'Bearer') ELSE '{}' END)::text;
	END IF;
	RAISE EXCEPTION USING
		ERRCODE = CASE WHEN authenticated THEN '42501' ELSE '28000' END,
		MESSAGE = message;
END
$$;
COMMENT ON FUNCTION auth._guard_refuse(text, boolean, text) IS 'raises what a guard refuses: 28000 or 42501, under PostgREST PGRST with 401 or 403; one line in the server log';
REVOKE ALL ON FUNCTION auth._guard_refuse(text, boolean, text) FROM PUBLIC;

-- The same, with what the client can do about it: a larger plan, a second factor.
CREATE OR REPLACE FUNCTION auth._guard_refuse_because(guard text, code text, reason text) RETURNS void
	LANGUAGE plpgsql VOLATILE PARALLEL SAFE
	SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	AS $$
BEGIN
	IF auth.user_id() IS NULL THEN
		PERFORM auth._guard_refuse(guard, false);
	END IF;
	PERFORM auth._report_event('guard_refused', concat_ws(' ', guard, code, 'user=' || auth.user_id()));
	IF current_setting('request.method', true) <> '' THEN
		RAISE EXCEPTION USING
			ERRCODE = 'PGRST',
			MESSAGE = jsonb_build_object('code', code, 'message', 'Insufficient permissions', 'details', reason)::text,
			DETAIL = jsonb_build_object('status', 403, 'headers', '{}'::jsonb)::text;
	END IF;
	RAISE EXCEPTION USING ERRCODE = '42501', MESSAGE = 'Insufficient permissions', DETAIL = reason;
END
$$;
COMMENT ON FUNCTION auth._guard_refuse_because(text, text, text) IS 'as auth._guard_refuse(), with a code and a reason that tell the client what to do';
REVOKE ALL ON FUNCTION auth._guard_refuse_because(text, text, text) FROM PUBLIC;

CREATE OR REPLACE FUNCTION auth.require_auth() RETURNS void
	LANGUAGE plpgsql VOLATILE PARALLEL SAFE
	SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	AS $$
BEGIN
	IF auth.user_id() IS NULL THEN
		PERFORM auth._guard_refuse('require_auth', false);
	END IF;
END
$$;
COMMENT ON FUNCTION auth.require_auth() IS 'raises 28000 "Authentication required" unless there is a good token';
REVOKE ALL ON FUNCTION auth.require_auth() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION auth.require_auth() TO anon, authenticated, auth_admin;

-- When a second factor was last shown is in the claim amr, with its time: what has none
-- is not recent, nor is a time that is still to come. Methods are named as GoTrue does.
CREATE OR REPLACE FUNCTION auth._has_aal2(max_age interval) RETURNS boolean
	LANGUAGE sql STABLE PARALLEL SAFE
	SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	RETURN coalesce(auth.aal() = 'aal2', false) AND (max_age IS NULL OR EXISTS (
		SELECT FROM jsonb_path_query(auth.jwt(),
			'$.amr[*] ? (@.method like_regex "^(totp|webauthn|phone|recovery_code|mfa/.*)$" && @.timestamp.type() == "number").timestamp') AS m (at)
		WHERE extract(epoch FROM clock_timestamp()) - m.at::numeric BETWEEN 0 AND extract(epoch FROM max_age)));
COMMENT ON FUNCTION auth._has_aal2(interval) IS 'Internal: what auth.has_aal2() returns';
REVOKE ALL ON FUNCTION auth._has_aal2(interval) FROM PUBLIC;

-- As auth.assigned_ids().
CREATE OR REPLACE FUNCTION auth.has_aal2(max_age interval DEFAULT NULL) RETURNS boolean
	LANGUAGE c STABLE PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'intrex_auth_policy_question';
COMMENT ON FUNCTION auth.has_aal2(interval) IS 'whether the caller has shown a second factor in this session, and if max_age is given, no longer ago';
REVOKE ALL ON FUNCTION auth.has_aal2(interval) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION auth.has_aal2(interval) TO anon, authenticated, auth_admin;

CREATE OR REPLACE FUNCTION auth.require_aal2(max_age interval DEFAULT NULL) RETURNS void
	LANGUAGE plpgsql VOLATILE PARALLEL SAFE
	SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	AS $$
BEGIN
	IF auth.has_aal2(max_age) THEN
		RETURN;
	END IF;
	PERFORM auth._guard_refuse_because('require_aal2', 'insufficient_aal', CASE WHEN auth.has_aal2()
		THEN 'The second factor must be shown again.' ELSE 'A second factor is required.' END);
END
$$;
COMMENT ON FUNCTION auth.require_aal2(interval) IS 'raises 42501 "Insufficient permissions" unless auth.has_aal2(): for what is worth a second factor, shown lately if max_age is given';
REVOKE ALL ON FUNCTION auth.require_aal2(interval) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION auth.require_aal2(interval) TO anon, authenticated, auth_admin;

-- The claim, and the flag as it is now: with session_check off the claim alone
-- would outlive the flag.
CREATE OR REPLACE FUNCTION auth.is_super_admin() RETURNS boolean
	LANGUAGE sql STABLE PARALLEL SAFE
	SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	AS $$
	SELECT auth.role() IS NOT DISTINCT FROM 'auth_platform' AND EXISTS (
		SELECT FROM auth.users AS u
		WHERE u.id = auth.uid() AND u.is_super_admin
			AND (u.banned_until IS NULL OR u.banned_until <= statement_timestamp()))
$$;
COMMENT ON FUNCTION auth.is_super_admin() IS 'whether the caller is a platform administrator';
REVOKE ALL ON FUNCTION auth.is_super_admin() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION auth.is_super_admin() TO anon, authenticated, auth_admin;

CREATE OR REPLACE FUNCTION auth.require_super_admin() RETURNS void
	LANGUAGE plpgsql VOLATILE PARALLEL SAFE
	SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	AS $$
BEGIN
	IF auth.is_super_admin() THEN
		RETURN;
	END IF;
	PERFORM auth._guard_refuse('require_super_admin', auth.user_id() IS NOT NULL);
END
$$;
COMMENT ON FUNCTION auth.require_super_admin() IS 'raises 42501 "Insufficient permissions" unless the caller is a platform administrator';
REVOKE ALL ON FUNCTION auth.require_super_admin() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION auth.require_super_admin() TO anon, authenticated, auth_admin;

-- A function of C, so that a query in whose policies it stands has one identity.
CREATE OR REPLACE FUNCTION auth.has_role(VARIADIC roles text[]) RETURNS boolean
	LANGUAGE c STABLE PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'intrex_auth_has_role';
COMMENT ON FUNCTION auth.has_role(text[]) IS 'whether the caller has one of these roles: his tenant role; of platform administrators auth_platform and what the preset calls them; of users without a tenant what it calls users';
REVOKE ALL ON FUNCTION auth.has_role(text[]) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION auth.has_role(text[]) TO anon, authenticated, auth_admin;

CREATE OR REPLACE FUNCTION auth.require_role(VARIADIC roles text[]) RETURNS void
	LANGUAGE plpgsql VOLATILE PARALLEL SAFE
	SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	AS $$
BEGIN
	IF auth.has_role(VARIADIC roles) THEN
		RETURN;
	END IF;
	PERFORM auth._guard_refuse('require_role', auth.user_id() IS NOT NULL);
END
$$;
COMMENT ON FUNCTION auth.require_role(text[]) IS 'raises 42501 "Insufficient permissions" unless auth.has_role()';
REVOKE ALL ON FUNCTION auth.require_role(text[]) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION auth.require_role(text[]) TO anon, authenticated, auth_admin;

CREATE OR REPLACE FUNCTION auth.require_rank(role text) RETURNS void
	LANGUAGE plpgsql VOLATILE PARALLEL SAFE
	SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	AS $$
BEGIN
	IF auth.has_rank(role) THEN
		RETURN;
	END IF;
	PERFORM auth._guard_refuse('require_rank', auth.user_id() IS NOT NULL);
END
$$;
COMMENT ON FUNCTION auth.require_rank(text) IS 'raises 42501 "Insufficient permissions" unless auth.has_rank(): at least this role';
REVOKE ALL ON FUNCTION auth.require_rank(text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION auth.require_rank(text) TO anon, authenticated, auth_admin;

CREATE OR REPLACE FUNCTION auth.require_permission(resource text, action text) RETURNS void
	LANGUAGE plpgsql VOLATILE PARALLEL SAFE
	SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	AS $$
BEGIN
	IF auth.can(resource, action) THEN
		RETURN;
	END IF;
	-- who lacks nothing but a second factor is told what to do
	IF NOT auth.has_aal2() AND NOT EXISTS (SELECT FROM auth._caller_permissions(resource, action) AS p WHERE p.scope IS NULL)
		AND EXISTS (SELECT FROM auth._caller_permissions(resource, action) AS p
			WHERE 'aal2' = ANY (p.conditions) AND auth._conditions_hold(array_remove(p.conditions, 'aal2'))) THEN
		PERFORM auth._guard_refuse_because('require_permission', 'insufficient_aal', 'A second factor is required.');
	END IF;
	PERFORM auth._guard_refuse('require_permission', auth.user_id() IS NOT NULL, auth._refusal_message(resource, action));
END
$$;
COMMENT ON FUNCTION auth.require_permission(text, text) IS 'raises 42501, with the message of the permission or its resource, unless auth.can(); as auth.require_aal2() does where nothing but a second factor is missing';
REVOKE ALL ON FUNCTION auth.require_permission(text, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION auth.require_permission(text, text) TO anon, authenticated, auth_admin;

CREATE OR REPLACE FUNCTION auth.validate_session_access(session_id uuid, user_id uuid) RETURNS jsonb
	LANGUAGE plpgsql STABLE
	SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	AS $$
DECLARE
	session auth.sessions;
	reason text;
BEGIN
	SELECT s.* INTO session FROM auth.sessions AS s
		WHERE s.id = validate_session_access.session_id AND s.user_id = validate_session_access.user_id;
	IF NOT FOUND THEN
		reason := 'session_not_found';
	ELSE
		reason := auth._session_state(session.id, session.user_id, session.tenant_id);
	END IF;
	RETURN jsonb_build_object('valid', reason IS NULL, 'reason', reason, 'session',
		CASE WHEN session.id IS NOT NULL THEN
			to_jsonb(session) || jsonb_build_object('idle_expires_at',
				(SELECT least(max(t.expires_at), session.expires_at) FROM auth.refresh_tokens AS t
					WHERE t.session_id = session.id)) END);
END
$$;
COMMENT ON FUNCTION auth.validate_session_access(uuid, uuid) IS
	'whether a session is good for a user now: {valid, session, reason}; the session with expires_at, its end in any '
	'case, and idle_expires_at, that without a refresh';
REVOKE ALL ON FUNCTION auth.validate_session_access(uuid, uuid) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION auth.validate_session_access(uuid, uuid) TO auth_admin;
