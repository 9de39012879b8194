-- sql/66_manage_members.sql: endpoints of members, for those who manage them and for themselves.
-- Depends on 60_tenants.sql, 62_members.sql, 63_permissions.sql, 14_permission_tables.sql.
--
-- Two questions each: may the caller do this to members at all (the permission on the
-- resource with is_members, and its scope), and does he rank high enough (src/membership.c)?

CREATE OR REPLACE FUNCTION auth._manages_by_name(role text) RETURNS boolean
	LANGUAGE c STABLE PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'intrex_auth_manages_by_name';
COMMENT ON FUNCTION auth._manages_by_name(text) IS 'whether a tenant role manages members where no resource tells: owners; without roles of members also the names admin and head_office_admin';
REVOKE ALL ON FUNCTION auth._manages_by_name(text) FROM PUBLIC;

CREATE OR REPLACE FUNCTION auth._may_grant(tenant_id uuid, by_role text, role text) RETURNS boolean
	LANGUAGE c STABLE PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'intrex_auth_may_grant';
COMMENT ON FUNCTION auth._may_grant(uuid, text, text) IS 'whether a member with one role may give another one and take it away: none above his own, of those that his grants; owners are made by owners';
REVOKE ALL ON FUNCTION auth._may_grant(uuid, text, text) FROM PUBLIC;

-- The action that select, insert, update or delete is on the resource of members.
CREATE OR REPLACE FUNCTION auth._members_action(command text, OUT resource text, OUT action text)
	LANGUAGE plpgsql STABLE
	SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	AS $$
BEGIN
	SELECT r.name INTO resource FROM auth.resources AS r WHERE r.is_members;
	action := auth._protect_action(resource, command);
END
$$;
COMMENT ON FUNCTION auth._members_action(text) IS 'resource and action that decide about listing, inviting, changing or removing members';
REVOKE ALL ON FUNCTION auth._members_action(text) FROM PUBLIC;

CREATE OR REPLACE FUNCTION auth._members_scope(command text) RETURNS text
	LANGUAGE plpgsql STABLE
	SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	AS $$
DECLARE
	asked record := auth._members_action(command);
	scope text;
BEGIN
	IF asked.resource IS NULL THEN
		RETURN CASE WHEN auth.is_super_admin() THEN 'platform' WHEN auth._manages_by_name(auth.tenant_role()) THEN 'tenant' END;
	ELSIF asked.action IS NOT NULL THEN
		scope := auth.scope(asked.resource, asked.action);
	END IF;
	RETURN CASE WHEN scope IN ('platform', 'tenant', 'unit') THEN scope END;
END
$$;
COMMENT ON FUNCTION auth._members_scope(text) IS 'of which members of his tenant the caller may do this: platform and tenant, all; unit, those of his units; NULL, none';
REVOKE ALL ON FUNCTION auth._members_scope(text) FROM PUBLIC;

-- A member who is bound to no unit belongs to none of the caller's.
CREATE OR REPLACE FUNCTION auth._within_units(scope text, own_units uuid[], unit_ids uuid[]) RETURNS boolean
	LANGUAGE sql IMMUTABLE PARALLEL SAFE
	RETURN coalesce(CASE scope
		WHEN 'platform' THEN true
		WHEN 'tenant' THEN true
		WHEN 'unit' THEN cardinality(unit_ids) > 0 AND unit_ids OPERATOR(pg_catalog.<@) own_units
	END, false);
COMMENT ON FUNCTION auth._within_units(text, uuid[], uuid[]) IS 'whether who manages members of his units may bind one to these';
REVOKE ALL ON FUNCTION auth._within_units(text, uuid[], uuid[]) FROM PUBLIC;

-- What the caller may do to members, his tenant locked so that it stays so.  The role
-- of his identity may be older than the lock: then he is refused.
CREATE OR REPLACE FUNCTION auth._members_authority(event text, command text, details jsonb DEFAULT NULL,
		OUT refusal jsonb, OUT tenant uuid, OUT role text, OUT unit_ids uuid[], OUT scope text)
	LANGUAGE plpgsql VOLATILE
	SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	AS $$
BEGIN
	IF auth.uid() IS NULL THEN
		refusal := auth._refuse(event, 401, 'no_authorization', 'Authentication required');
		RETURN;
	END IF;
	tenant := auth.tenant_id();
	-- users come before tenants, and an invitation refers to him
	IF command = 'insert' THEN
		PERFORM FROM auth.users AS u WHERE u.id = auth.uid() FOR KEY SHARE;
	END IF;
	-- who only looks locks nothing: a GET is enough
	IF tenant IS NULL OR (command <> 'select' AND NOT auth._lock_tenant(tenant)) THEN
		refusal := auth._refuse(event, 404, 'tenant_not_found', 'No tenant is selected');
		RETURN;
	END IF;
	IF command = 'select' THEN
		SELECT m.role, m.unit_ids INTO role, unit_ids FROM auth.memberships AS m WHERE m.tenant_id = tenant AND m.user_id = auth.uid();
	ELSE
		SELECT m.role, m.unit_ids INTO role, unit_ids FROM auth.memberships AS m
			WHERE m.tenant_id = tenant AND m.user_id = auth.uid() FOR NO KEY UPDATE;
	END IF;
	scope := auth._members_scope(command);
	IF scope IS NULL OR role IS NULL OR role IS DISTINCT FROM auth.tenant_role() THEN
		refusal := auth._refuse(event, 403, 'insufficient_permissions', 'Insufficient permissions', details);
	END IF;
END
$$;
COMMENT ON FUNCTION auth._members_authority(text, text, jsonb) IS 'role, units and scope of the caller for select, insert, update or delete of members of his tenant, or why he may not';
REVOKE ALL ON FUNCTION auth._members_authority(text, text, jsonb) FROM PUBLIC;

CREATE OR REPLACE FUNCTION auth_api.members(after uuid DEFAULT NULL, "limit" integer DEFAULT 200) RETURNS jsonb
	LANGUAGE plpgsql VOLATILE
	SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET default_transaction_isolation = 'read committed'
	AS $$
DECLARE
	me record := auth._members_authority('members', 'select');
	page_size integer := coalesce("limit", 200);
	members jsonb;
	ids uuid[];
BEGIN
	IF me.refusal IS NOT NULL THEN
		RETURN me.refusal;
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
			WHERE m.tenant_id = me.tenant AND (after IS NULL OR m.user_id > after)
				AND (me.scope <> 'unit' OR m.unit_ids && me.unit_ids OR m.user_id = auth.uid())
			ORDER BY u.id
			LIMIT page_size + 1) AS p;
	RETURN jsonb_build_object('members', coalesce(members, '[]'), 'next',
		CASE WHEN cardinality(ids) > page_size THEN ids[page_size] END);
END
$$;
COMMENT ON FUNCTION auth_api.members(uuid, integer) IS 'members of the caller''s tenant in pages, for those who may list them: {members, next}';
REVOKE ALL ON FUNCTION auth_api.members(uuid, integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION auth_api.members(uuid, integer) TO authenticated;

CREATE OR REPLACE FUNCTION auth_api.member_role(user_id uuid, role text, unit_ids uuid[] DEFAULT NULL) RETURNS jsonb
	LANGUAGE plpgsql VOLATILE
	SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET default_transaction_isolation = 'read committed'
	AS $$
#variable_conflict use_column
DECLARE
	details jsonb := jsonb_build_object('target', member_role.user_id);
	me record := auth._members_authority('member_role', 'update', details);
	by_user CONSTANT uuid := auth.uid();
	target auth.memberships;
	units uuid[];
	problem text;
BEGIN
	IF me.refusal IS NOT NULL THEN
		RETURN me.refusal;
	END IF;
	PERFORM auth._lock_roles();
	problem := CASE
		WHEN member_role.user_id IS NULL THEN 'user_id is required'
		WHEN member_role.role IS NULL THEN 'role is required'
		WHEN NOT auth._role_known(me.tenant, member_role.role) OR NOT auth._role_valid(member_role.role) THEN 'role is not known'
		ELSE auth._units_problem(me.tenant, member_role.unit_ids)
	END;
	IF problem IS NOT NULL THEN
		RETURN auth._refuse('member_role', 400, 'validation_failed', problem, details);
	END IF;
	SELECT m.* INTO target FROM auth.memberships AS m
		WHERE m.tenant_id = me.tenant AND m.user_id = member_role.user_id FOR NO KEY UPDATE;
	IF NOT FOUND THEN
		RETURN auth._refuse('member_role', 404, 'member_not_found', 'Member not found', details);
	END IF;
	units := CASE WHEN member_role.unit_ids IS NULL THEN target.unit_ids ELSE auth._units_of(me.tenant, member_role.unit_ids) END;
	details := details || jsonb_build_object('role', member_role.role, 'role_before', target.role, 'unit_ids', units);
	IF me.scope <> 'platform' AND NOT (
		auth._may_grant(me.tenant, me.role, target.role) AND auth._may_grant(me.tenant, me.role, member_role.role)
		AND auth._within_units(me.scope, me.unit_ids, target.unit_ids) AND auth._within_units(me.scope, me.unit_ids, units)) THEN
		RETURN auth._refuse('member_role', 403, 'insufficient_permissions', 'Insufficient permissions', details);
	END IF;
	IF auth._is_owner(target.role) AND NOT auth._is_owner(member_role.role) AND NOT auth._has_owner(me.tenant, target.user_id) THEN
		RETURN auth._refuse('member_role', 409, 'last_owner', 'The last owner of a tenant cannot step down', details);
	END IF;
	IF target.role <> member_role.role OR target.unit_ids <> units THEN
		PERFORM auth._audit('member_role', 'success', NULL, auth.uid(), me.tenant, auth.session_id(), NULL, details);
		UPDATE auth.memberships AS m SET role = member_role.role, unit_ids = units
			WHERE m.tenant_id = me.tenant AND m.user_id = target.user_id;
		PERFORM auth._membership_note(me.tenant, target.user_id, 'member_role', by_user);
		PERFORM auth._make_durable();
	END IF;
	RETURN jsonb_build_object('user_id', target.user_id, 'role', member_role.role, 'unit_ids', to_jsonb(units));
END
$$;
COMMENT ON FUNCTION auth_api.member_role(uuid, text, uuid[]) IS 'changes the role of a member of the caller''s tenant, and his units unless NULL: {user_id, role, unit_ids}';
REVOKE ALL ON FUNCTION auth_api.member_role(uuid, text, uuid[]) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION auth_api.member_role(uuid, text, uuid[]) TO authenticated;

CREATE OR REPLACE FUNCTION auth_api.member_remove(user_id uuid) RETURNS jsonb
	LANGUAGE plpgsql VOLATILE
	SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET default_transaction_isolation = 'read committed'
	AS $$
DECLARE
	details CONSTANT jsonb := jsonb_build_object('target', user_id);
	me record := auth._members_authority('member_remove', 'delete', details);
	target auth.memberships;
BEGIN
	IF me.refusal IS NOT NULL THEN
		RETURN me.refusal;
	END IF;
	IF user_id IS NULL THEN
		RETURN auth._refuse('member_remove', 400, 'validation_failed', 'user_id is required');
	END IF;
	SELECT m.* INTO target FROM auth.memberships AS m
		WHERE m.tenant_id = me.tenant AND m.user_id = member_remove.user_id FOR NO KEY UPDATE;
	IF NOT FOUND THEN
		RETURN auth._refuse('member_remove', 404, 'member_not_found', 'Member not found', details);
	END IF;
	-- all users may remove themselves: auth_api.leave_tenant()
	IF me.scope <> 'platform' AND target.user_id <> auth.uid() AND NOT (
		auth._may_grant(me.tenant, me.role, target.role) AND auth._within_units(me.scope, me.unit_ids, target.unit_ids)) THEN
		RETURN auth._refuse('member_remove', 403, 'insufficient_permissions', 'Insufficient permissions', details);
	END IF;
	IF auth._is_owner(target.role) AND NOT auth._has_owner(me.tenant, target.user_id) THEN
		RETURN auth._refuse('member_remove', 409, 'last_owner', 'The last owner of a tenant cannot be removed', details);
	END IF;
	PERFORM auth._audit('member_remove', 'success', NULL, auth.uid(), me.tenant, auth.session_id(), NULL, details);
	PERFORM auth._membership_end(me.tenant, target.user_id, 'member_remove');
	RETURN jsonb_build_object('removed', target.user_id);
END
$$;
COMMENT ON FUNCTION auth_api.member_remove(uuid) IS 'removes a member of the caller''s tenant: {removed}';
REVOKE ALL ON FUNCTION auth_api.member_remove(uuid) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION auth_api.member_remove(uuid) TO authenticated;

-- The caller's own membership --------------------------------------------------

CREATE OR REPLACE FUNCTION auth._own_membership(event text, OUT refusal jsonb, OUT member auth.memberships)
	LANGUAGE plpgsql VOLATILE
	SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	AS $$
BEGIN
	IF auth.uid() IS NULL THEN
		refusal := auth._refuse(event, 401, 'no_authorization', 'Authentication required');
		RETURN;
	END IF;
	IF auth.tenant_id() IS NOT NULL AND auth._lock_tenant(auth.tenant_id()) THEN
		SELECT m.* INTO member FROM auth.memberships AS m
			WHERE m.tenant_id = auth.tenant_id() AND m.user_id = auth.uid() FOR NO KEY UPDATE;
	END IF;
	IF member.tenant_id IS NULL THEN
		refusal := auth._refuse(event, 404, 'tenant_not_found', 'No tenant is selected');
	END IF;
END
$$;
COMMENT ON FUNCTION auth._own_membership(text) IS 'the membership of the caller in his tenant, the tenant locked, or why there is none';
REVOKE ALL ON FUNCTION auth._own_membership(text) FROM PUBLIC;

CREATE OR REPLACE FUNCTION auth_api.leave_tenant() RETURNS jsonb
	LANGUAGE plpgsql VOLATILE
	SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET default_transaction_isolation = 'read committed'
	AS $$
DECLARE
	mine record := auth._own_membership('tenant_leave');
BEGIN
	IF mine.refusal IS NOT NULL THEN
		RETURN mine.refusal;
	END IF;
	IF auth._is_owner((mine.member).role) AND NOT auth._has_owner((mine.member).tenant_id, (mine.member).user_id) THEN
		RETURN auth._refuse('tenant_leave', 409, 'last_owner', 'The last owner of a tenant cannot leave');
	END IF;
	PERFORM auth._audit('tenant_leave', 'success', NULL, auth.uid(), auth.tenant_id(), auth.session_id());
	PERFORM auth._membership_end((mine.member).tenant_id, (mine.member).user_id, 'tenant_leave');
	RETURN jsonb_build_object('left', (mine.member).tenant_id);
END
$$;
COMMENT ON FUNCTION auth_api.leave_tenant() IS
	'ends the caller''s membership in the tenant of the token: {left}; the session goes on with the next refresh';
REVOKE ALL ON FUNCTION auth_api.leave_tenant() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION auth_api.leave_tenant() TO authenticated;

CREATE OR REPLACE FUNCTION auth_api.tenant_transfer(user_id uuid, role text DEFAULT NULL) RETURNS jsonb
	LANGUAGE plpgsql VOLATILE
	SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET default_transaction_isolation = 'read committed'
	AS $$
#variable_conflict use_column
DECLARE
	details CONSTANT jsonb := jsonb_build_object('target', tenant_transfer.user_id);
	mine record := auth._own_membership('tenant_transfer');
	tenant uuid;
	own_role text;
	next_role text := tenant_transfer.role;
	problem text;
BEGIN
	IF mine.refusal IS NOT NULL THEN
		RETURN mine.refusal;
	END IF;
	tenant := (mine.member).tenant_id;
	own_role := (mine.member).role;
	IF NOT auth._is_owner(own_role) OR own_role IS DISTINCT FROM auth.tenant_role() THEN
		RETURN auth._refuse('tenant_transfer', 403, 'insufficient_permissions', 'Insufficient permissions', details);
	END IF;
	PERFORM auth._lock_roles();
	-- one step down, unless he says where
	IF next_role IS NULL THEN
		next_role := coalesce(
			(SELECT r.name FROM auth.roles AS r
				WHERE r.kind = 'member' AND r.tenant_id IS NULL AND NOT auth._is_owner(r.name) AND auth._may_grant(tenant, own_role, r.name)
				ORDER BY r.rank DESC, r.name LIMIT 1),
			CASE WHEN auth._role_known(tenant, 'admin') THEN 'admin' END);
	END IF;
	problem := CASE
		WHEN tenant_transfer.user_id IS NULL THEN 'user_id is required'
		WHEN tenant_transfer.user_id = auth.uid() THEN 'user_id is the owner already'
		WHEN next_role IS NULL THEN 'role is required'
		WHEN NOT auth._role_known(tenant, next_role) OR NOT auth._role_valid(next_role) THEN 'role is not known'
		WHEN auth._is_owner(next_role) THEN 'role is that of the owner'
	END;
	IF problem IS NOT NULL THEN
		RETURN auth._refuse('tenant_transfer', 400, 'validation_failed', problem, details);
	END IF;
	IF NOT auth._may_grant(tenant, own_role, next_role) THEN
		RETURN auth._refuse('tenant_transfer', 403, 'insufficient_permissions', 'Insufficient permissions', details);
	END IF;
	PERFORM FROM auth.memberships AS m WHERE m.tenant_id = tenant AND m.user_id = tenant_transfer.user_id FOR NO KEY UPDATE;
	IF NOT FOUND THEN
		RETURN auth._refuse('tenant_transfer', 404, 'member_not_found', 'Member not found', details);
	END IF;
	IF EXISTS (SELECT FROM auth.users AS u WHERE u.id = tenant_transfer.user_id AND u.banned_until > clock_timestamp()) THEN
		RETURN auth._refuse('tenant_transfer', 409, 'user_banned', 'User is banned', details);
	END IF;
	PERFORM auth._audit('tenant_transfer', 'success', NULL, auth.uid(), tenant, auth.session_id(), NULL, details || jsonb_build_object('role', next_role));
	UPDATE auth.memberships AS m SET role = auth._owner_role() WHERE m.tenant_id = tenant AND m.user_id = tenant_transfer.user_id;
	UPDATE auth.memberships AS m SET role = next_role WHERE m.tenant_id = tenant AND m.user_id = (mine.member).user_id;
	PERFORM auth._membership_note(tenant, u, 'tenant_transfer', (mine.member).user_id)
		FROM unnest(ARRAY[tenant_transfer.user_id, (mine.member).user_id]) AS u;
	PERFORM auth._make_durable();
	RETURN jsonb_build_object('tenant_id', tenant, 'owner', tenant_transfer.user_id, 'role', next_role);
END
$$;
COMMENT ON FUNCTION auth_api.tenant_transfer(uuid, text) IS 'makes another member owner of the caller''s tenant and the caller one rank less, or what role says: {tenant_id, owner, role}';
REVOKE ALL ON FUNCTION auth_api.tenant_transfer(uuid, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION auth_api.tenant_transfer(uuid, text) TO authenticated;
