-- sql/62_members.sql: members of a tenant: administration, and the endpoints for them.
-- Depends on 60_tenants.sql.
--
-- A tenant that has an owner keeps one.

CREATE OR REPLACE FUNCTION auth.member_add(tenant_id uuid, user_id uuid, role text, unit_ids uuid[] DEFAULT '{}') RETURNS void
	LANGUAGE plpgsql VOLATILE
	SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	AS $$
#variable_conflict use_column
DECLARE
	checked_role text := auth._demand_role(role);
	checked_units uuid[];
BEGIN
	PERFORM FROM auth.users AS u WHERE u.id = member_add.user_id FOR KEY SHARE;
	IF NOT FOUND THEN
		PERFORM auth._fail('P0002', 'user not found');
	END IF;
	PERFORM auth._demand_tenant(tenant_id);
	checked_units := auth._demand_units(tenant_id, unit_ids);
	BEGIN
		INSERT INTO auth.memberships (tenant_id, user_id, role, unit_ids)
			VALUES (member_add.tenant_id, member_add.user_id, checked_role, checked_units);
	EXCEPTION WHEN unique_violation THEN
		PERFORM auth._fail('23505', 'the user is a member of this tenant already', 'auth.member_update() changes role and units.');
	END;
	PERFORM auth._audit_admin('member_add', member_add.user_id, member_add.tenant_id,
		jsonb_build_object('role', checked_role, 'unit_ids', checked_units));
END
$$;
COMMENT ON FUNCTION auth.member_add(uuid, uuid, text, uuid[]) IS 'makes a user a member of a tenant';
REVOKE ALL ON FUNCTION auth.member_add(uuid, uuid, text, uuid[]) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION auth.member_add(uuid, uuid, text, uuid[]) TO auth_admin;

CREATE OR REPLACE FUNCTION auth._demand_member(tenant_id uuid, user_id uuid) RETURNS auth.memberships
	LANGUAGE plpgsql VOLATILE
	SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	AS $$
#variable_conflict use_column
DECLARE
	member auth.memberships;
BEGIN
	PERFORM auth._demand_tenant(tenant_id);
	SELECT m.* INTO member FROM auth.memberships AS m
		WHERE m.tenant_id = _demand_member.tenant_id AND m.user_id = _demand_member.user_id FOR NO KEY UPDATE;
	IF NOT FOUND THEN
		PERFORM auth._fail('P0002', 'member not found');
	END IF;
	RETURN member;
END
$$;
COMMENT ON FUNCTION auth._demand_member(uuid, uuid) IS 'a membership, its tenant locked; raises P0002 when there is none';
REVOKE ALL ON FUNCTION auth._demand_member(uuid, uuid) FROM PUBLIC;

CREATE OR REPLACE FUNCTION auth._fail_last_owner() RETURNS void
	LANGUAGE plpgsql VOLATILE
	SET search_path = pg_catalog, pg_temp
	AS $$
BEGIN
	PERFORM auth._fail('23001', 'the tenant would lose its last owner', 'Make somebody else an owner first, or delete the tenant.');
END
$$;
COMMENT ON FUNCTION auth._fail_last_owner() IS 'raises 23001';
REVOKE ALL ON FUNCTION auth._fail_last_owner() FROM PUBLIC;

CREATE OR REPLACE FUNCTION auth.member_update(tenant_id uuid, user_id uuid, role text DEFAULT NULL, unit_ids uuid[] DEFAULT NULL) RETURNS void
	LANGUAGE plpgsql VOLATILE
	SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	AS $$
#variable_conflict use_column
DECLARE
	member auth.memberships := auth._demand_member(tenant_id, user_id);
	new_role text := member.role;
	new_units uuid[] := member.unit_ids;
BEGIN
	IF role IS NOT NULL THEN
		new_role := auth._demand_role(role);
	END IF;
	IF unit_ids IS NOT NULL THEN
		new_units := auth._demand_units(member.tenant_id, unit_ids);
	END IF;
	IF auth._is_owner(member.role) AND NOT auth._is_owner(new_role)
		AND NOT auth._keeps_owner(member.tenant_id, member.user_id) THEN
		PERFORM auth._fail_last_owner();
	END IF;
	IF new_role = member.role AND new_units = member.unit_ids THEN
		RETURN;
	END IF;
	PERFORM auth._audit_admin('member_update', member.user_id, member.tenant_id,
		jsonb_build_object('role', new_role, 'unit_ids', new_units, 'role_before', member.role));
	UPDATE auth.memberships AS m SET role = new_role, unit_ids = new_units
		WHERE m.tenant_id = member.tenant_id AND m.user_id = member.user_id;
	PERFORM auth._make_durable();
END
$$;
COMMENT ON FUNCTION auth.member_update(uuid, uuid, text, uuid[]) IS 'changes role and units of a member, each unless NULL';
REVOKE ALL ON FUNCTION auth.member_update(uuid, uuid, text, uuid[]) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION auth.member_update(uuid, uuid, text, uuid[]) TO auth_admin;

CREATE OR REPLACE FUNCTION auth.member_remove(tenant_id uuid, user_id uuid) RETURNS void
	LANGUAGE plpgsql VOLATILE
	SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	AS $$
DECLARE
	member auth.memberships := auth._demand_member(tenant_id, user_id);
BEGIN
	IF NOT auth._keeps_owner(member.tenant_id, member.user_id) THEN
		PERFORM auth._fail_last_owner();
	END IF;
	PERFORM auth._audit_admin('member_remove', member.user_id, member.tenant_id);
	DELETE FROM auth.memberships AS m WHERE m.tenant_id = member.tenant_id AND m.user_id = member.user_id;
	PERFORM auth._make_durable();
END
$$;
COMMENT ON FUNCTION auth.member_remove(uuid, uuid) IS 'ends a membership; tokens for the tenant are refused at once';
REVOKE ALL ON FUNCTION auth.member_remove(uuid, uuid) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION auth.member_remove(uuid, uuid) TO auth_admin;

-- Endpoints ------------------------------------------------------------------

-- The one place of this rule.
CREATE OR REPLACE FUNCTION auth._manages_members() RETURNS boolean
	LANGUAGE sql STABLE PARALLEL SAFE
	RETURN coalesce(lower(auth.tenant_role() COLLATE "C") IN ('owner', 'admin', 'head_office_admin'), false);
COMMENT ON FUNCTION auth._manages_members() IS 'whether the caller may see and remove members of his tenant';
REVOKE ALL ON FUNCTION auth._manages_members() FROM PUBLIC;

CREATE OR REPLACE FUNCTION auth_api.my_tenants() RETURNS jsonb
	LANGUAGE plpgsql VOLATILE
	SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET default_transaction_isolation = 'read committed'
	AS $$
DECLARE
	tenants jsonb;
BEGIN
	IF auth.uid() IS NULL THEN
		RETURN auth._refuse('my_tenants', 401, 'no_authorization', 'Authentication required');
	END IF;
	SELECT jsonb_agg(jsonb_build_object(
			'id', t.id, 'name', t.name, 'role', m.role, 'unit_ids', to_jsonb(m.unit_ids),
			'is_default', m.is_default, 'is_current', t.id IS NOT DISTINCT FROM auth.tenant_id()) ORDER BY t.name, t.id)
		INTO tenants
		FROM auth.memberships AS m
		JOIN auth.tenants AS t ON t.id = m.tenant_id
		WHERE m.user_id = auth.uid();
	RETURN jsonb_build_object('tenants', coalesce(tenants, '[]'));
END
$$;
COMMENT ON FUNCTION auth_api.my_tenants() IS 'the tenants that the caller is a member of, with role and units: {tenants}';
REVOKE ALL ON FUNCTION auth_api.my_tenants() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION auth_api.my_tenants() TO authenticated;

CREATE OR REPLACE FUNCTION auth_api.members(after uuid DEFAULT NULL, "limit" integer DEFAULT 200) RETURNS jsonb
	LANGUAGE plpgsql VOLATILE
	SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET default_transaction_isolation = 'read committed'
	AS $$
DECLARE
	page_size integer := coalesce("limit", 200);
	members jsonb;
	ids uuid[];
BEGIN
	IF auth.uid() IS NULL THEN
		RETURN auth._refuse('members', 401, 'no_authorization', 'Authentication required');
	END IF;
	IF auth.tenant_id() IS NULL THEN
		RETURN auth._refuse('members', 404, 'tenant_not_found', 'No tenant is selected');
	END IF;
	IF NOT auth._manages_members() THEN
		RETURN auth._refuse('members', 403, 'insufficient_permissions', 'Insufficient permissions');
	END IF;
	IF page_size NOT BETWEEN 1 AND 1000 THEN
		RETURN auth._refuse('members', 400, 'validation_failed', 'limit must be from 1 to 1000');
	END IF;
	-- one more than asked for, to know whether there is a next page
	SELECT jsonb_agg(p.member ORDER BY p.id) FILTER (WHERE p.position <= page_size), array_agg(p.id ORDER BY p.id)
		INTO members, ids
		FROM (
			SELECT u.id, row_number() OVER (ORDER BY u.id) AS position, jsonb_build_object(
				'user_id', u.id, 'email', u.email, 'name', u.name, 'role', m.role, 'unit_ids', to_jsonb(m.unit_ids),
				'banned', coalesce(u.banned_until > statement_timestamp(), false), 'created_at', m.created_at) AS member
			FROM auth.memberships AS m
			JOIN auth.users AS u ON u.id = m.user_id
			WHERE m.tenant_id = auth.tenant_id() AND (after IS NULL OR m.user_id > after)
			ORDER BY u.id
			LIMIT page_size + 1) AS p;
	RETURN jsonb_build_object('members', coalesce(members, '[]'), 'next',
		CASE WHEN cardinality(ids) > page_size THEN ids[page_size] END);
END
$$;
COMMENT ON FUNCTION auth_api.members(uuid, integer) IS 'members of the caller''s tenant in pages, for those who manage them: {members, next}';
REVOKE ALL ON FUNCTION auth_api.members(uuid, integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION auth_api.members(uuid, integer) TO authenticated;

CREATE OR REPLACE FUNCTION auth_api.member_remove(user_id uuid) RETURNS jsonb
	LANGUAGE plpgsql VOLATILE
	SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET default_transaction_isolation = 'read committed'
	AS $$
DECLARE
	tenant uuid := auth.tenant_id();
	caller_role text;
	target_role text;
	target jsonb := jsonb_build_object('target', user_id);
BEGIN
	IF auth.uid() IS NULL THEN
		RETURN auth._refuse('member_remove', 401, 'no_authorization', 'Authentication required');
	END IF;
	IF tenant IS NULL OR NOT auth._lock_tenant(tenant) THEN
		RETURN auth._refuse('member_remove', 404, 'tenant_not_found', 'No tenant is selected');
	END IF;
	-- the role that the rule looks at may be older than the lock
	SELECT m.role INTO caller_role FROM auth.memberships AS m
		WHERE m.tenant_id = tenant AND m.user_id = auth.uid() FOR SHARE;
	IF NOT auth._manages_members() OR caller_role IS DISTINCT FROM auth.tenant_role() THEN
		RETURN auth._refuse('member_remove', 403, 'insufficient_permissions', 'Insufficient permissions', target);
	END IF;
	IF user_id IS NULL THEN
		RETURN auth._refuse('member_remove', 400, 'validation_failed', 'user_id is required');
	END IF;
	SELECT m.role INTO target_role FROM auth.memberships AS m
		WHERE m.tenant_id = tenant AND m.user_id = member_remove.user_id FOR NO KEY UPDATE;
	IF NOT FOUND THEN
		RETURN auth._refuse('member_remove', 404, 'member_not_found', 'Member not found', target);
	END IF;
	IF auth._is_owner(target_role) AND NOT auth._is_owner(caller_role) THEN
		RETURN auth._refuse('member_remove', 403, 'insufficient_permissions', 'Insufficient permissions', target);
	END IF;
	IF NOT auth._keeps_owner(tenant, user_id) THEN
		RETURN auth._refuse('member_remove', 409, 'last_owner', 'The last owner of a tenant cannot be removed', target);
	END IF;
	PERFORM auth._audit('member_remove', 'success', NULL, auth.uid(), tenant, auth.session_id(), NULL, target);
	DELETE FROM auth.memberships AS m WHERE m.tenant_id = tenant AND m.user_id = member_remove.user_id;
	PERFORM auth._make_durable();
	RETURN jsonb_build_object('removed', user_id);
END
$$;
COMMENT ON FUNCTION auth_api.member_remove(uuid) IS 'removes a member of the caller''s tenant: {removed}';
REVOKE ALL ON FUNCTION auth_api.member_remove(uuid) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION auth_api.member_remove(uuid) TO authenticated;
