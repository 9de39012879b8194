-- sql/62_members.sql: members of a tenant: administration, and the tenants of the caller.
-- Depends on 60_tenants.sql, and at run time on 62_membership_history.sql.
--
-- A tenant that has an owner keeps one.  Administration gives any role that is known;
-- no rank limits it.

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
	PERFORM auth._demand_member_role(checked_role, tenant_id);
	checked_units := auth._demand_units(tenant_id, unit_ids);
	BEGIN
		INSERT INTO auth.memberships (tenant_id, user_id, role, unit_ids)
			VALUES (member_add.tenant_id, member_add.user_id, checked_role, checked_units);
	EXCEPTION WHEN unique_violation THEN
		PERFORM auth._fail('23505', 'the user is a member of this tenant already', 'auth.member_update() changes role and units.');
	END;
	PERFORM auth._membership_note(member_add.tenant_id, member_add.user_id, 'member_add', auth.uid());
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
	by_user CONSTANT uuid := auth.uid();
BEGIN
	IF role IS NOT NULL THEN
		new_role := auth._demand_member_role(role, tenant_id);
	END IF;
	IF unit_ids IS NOT NULL THEN
		new_units := auth._demand_units(member.tenant_id, unit_ids);
	END IF;
	IF auth._is_owner(member.role) AND NOT auth._is_owner(new_role)
		AND NOT auth._has_owner(member.tenant_id, member.user_id) THEN
		PERFORM auth._fail_last_owner();
	END IF;
	IF new_role = member.role AND new_units = member.unit_ids THEN
		RETURN;
	END IF;
	PERFORM auth._audit_admin('member_update', member.user_id, member.tenant_id,
		jsonb_build_object('role', new_role, 'unit_ids', new_units, 'role_before', member.role));
	UPDATE auth.memberships AS m SET role = new_role, unit_ids = new_units
		WHERE m.tenant_id = member.tenant_id AND m.user_id = member.user_id;
	PERFORM auth._membership_note(member.tenant_id, member.user_id, 'member_update', by_user);
	PERFORM auth._make_durable();
END
$$;
COMMENT ON FUNCTION auth.member_update(uuid, uuid, text, uuid[]) IS 'changes role and units of a member, each unless NULL';
REVOKE ALL ON FUNCTION auth.member_update(uuid, uuid, text, uuid[]) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION auth.member_update(uuid, uuid, text, uuid[]) TO auth_admin;

-- What he was assigned to goes as well, and so does an invitation to his address
-- that is still open: who comes back begins anew, by the will of who invites him then.
CREATE OR REPLACE FUNCTION auth._membership_end(tenant_id uuid, user_id uuid, event text) RETURNS void
	LANGUAGE plpgsql VOLATILE
	SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	AS $$
DECLARE
	by_user CONSTANT uuid := auth.uid();
BEGIN
	PERFORM auth._invitation_answer(i.id, 'revoked')
		FROM auth.invitations AS i
		JOIN auth.users AS u ON u.email = i.email
		WHERE i.tenant_id = _membership_end.tenant_id AND u.id = _membership_end.user_id AND auth._is_pending(i);
	DELETE FROM auth.assignments AS a WHERE a.tenant_id = _membership_end.tenant_id AND a.user_id = _membership_end.user_id;
	DELETE FROM auth.memberships AS m WHERE m.tenant_id = _membership_end.tenant_id AND m.user_id = _membership_end.user_id;
	PERFORM auth._membership_note(tenant_id, user_id, event, by_user);
	PERFORM auth._make_durable();
END
$$;
COMMENT ON FUNCTION auth._membership_end(uuid, uuid, text) IS 'ends a membership with its assignments, and revokes what invites the same person; survives a crash; lock the tenant first';
REVOKE ALL ON FUNCTION auth._membership_end(uuid, uuid, text) FROM PUBLIC;

CREATE OR REPLACE FUNCTION auth.member_remove(tenant_id uuid, user_id uuid) RETURNS void
	LANGUAGE plpgsql VOLATILE
	SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	AS $$
DECLARE
	member auth.memberships := auth._demand_member(tenant_id, user_id);
BEGIN
	IF auth._is_owner(member.role) AND NOT auth._has_owner(member.tenant_id, member.user_id) THEN
		PERFORM auth._fail_last_owner();
	END IF;
	PERFORM auth._audit_admin('member_remove', member.user_id, member.tenant_id);
	PERFORM auth._membership_end(member.tenant_id, member.user_id, 'member_remove');
END
$$;
COMMENT ON FUNCTION auth.member_remove(uuid, uuid) IS 'ends a membership; tokens for the tenant are refused at once';
REVOKE ALL ON FUNCTION auth.member_remove(uuid, uuid) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION auth.member_remove(uuid, uuid) TO auth_admin;

-- Endpoint; those that manage members are in 66_manage_members.sql ------------

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
