-- sql/59_bans.sql: endpoints by which platform administrators ban users.
-- Depends on 50_users.sql, 65_guards.sql.

CREATE OR REPLACE FUNCTION auth._ban_refusal(event text, user_id uuid) RETURNS jsonb
	LANGUAGE plpgsql VOLATILE
	SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	AS $$
DECLARE
	details CONSTANT jsonb := jsonb_build_object('target', user_id);
BEGIN
	IF auth.uid() IS NULL THEN
		RETURN auth._refuse(event, 401, 'no_authorization', 'Authentication required');
	ELSIF NOT auth.is_super_admin() THEN
		RETURN auth._refuse(event, 403, 'insufficient_permissions', 'Insufficient permissions', details);
	ELSIF user_id IS NULL THEN
		RETURN auth._refuse(event, 400, 'validation_failed', 'user_id is required');
	ELSIF user_id = auth.uid() THEN
		RETURN auth._refuse(event, 409, 'conflict', 'Nobody bans himself', details);
	END IF;
	PERFORM FROM auth.users AS u WHERE u.id = _ban_refusal.user_id FOR UPDATE;
	IF NOT FOUND THEN
		RETURN auth._refuse(event, 404, 'user_not_found', 'User not found', details);
	END IF;
	RETURN NULL;
END
$$;
COMMENT ON FUNCTION auth._ban_refusal(text, uuid) IS 'why the caller may not ban or unban this user; NULL when he may, the user locked';
REVOKE ALL ON FUNCTION auth._ban_refusal(text, uuid) FROM PUBLIC;

CREATE OR REPLACE FUNCTION auth_api.admin_user_ban(user_id uuid, until timestamptz DEFAULT 'infinity', reason text DEFAULT NULL) RETURNS jsonb
	LANGUAGE plpgsql VOLATILE
	SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET default_transaction_isolation = 'read committed'
	AS $$
DECLARE
	refusal jsonb := auth._ban_refusal('admin_user_ban', user_id);
	ends CONSTANT timestamptz := coalesce(until, 'infinity');
BEGIN
	IF refusal IS NOT NULL THEN
		RETURN refusal;
	END IF;
	IF ends <= clock_timestamp() THEN
		RETURN auth._refuse('admin_user_ban', 400, 'validation_failed', 'until is not in the future', jsonb_build_object('target', user_id));
	END IF;
	PERFORM auth.user_ban(user_id, ends, reason);
	RETURN jsonb_build_object('banned', user_id, 'until', nullif(ends, 'infinity'));
END
$$;
COMMENT ON FUNCTION auth_api.admin_user_ban(uuid, timestamptz, text) IS 'refuses a user from now on until a time, or for good, for platform administrators: {banned, until}';
REVOKE ALL ON FUNCTION auth_api.admin_user_ban(uuid, timestamptz, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION auth_api.admin_user_ban(uuid, timestamptz, text) TO authenticated;

CREATE OR REPLACE FUNCTION auth_api.admin_user_unban(user_id uuid) RETURNS jsonb
	LANGUAGE plpgsql VOLATILE
	SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET default_transaction_isolation = 'read committed'
	AS $$
DECLARE
	refusal jsonb := auth._ban_refusal('admin_user_unban', user_id);
BEGIN
	IF refusal IS NOT NULL THEN
		RETURN refusal;
	END IF;
	PERFORM auth.user_unban(user_id);
	RETURN jsonb_build_object('unbanned', user_id);
END
$$;
COMMENT ON FUNCTION auth_api.admin_user_unban(uuid) IS 'ends the ban of a user, for platform administrators: {unbanned}';
REVOKE ALL ON FUNCTION auth_api.admin_user_unban(uuid) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION auth_api.admin_user_unban(uuid) TO authenticated;
