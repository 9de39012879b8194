-- sql/64_roles.sql: administration of resources, roles, permissions and assignments.
-- Depends on 14_permission_tables.sql, 40_response.sql, 45_audit.sql, 60_tenants.sql.

CREATE OR REPLACE FUNCTION auth._demand_actions(actions text[]) RETURNS void
	LANGUAGE plpgsql IMMUTABLE
	SET search_path = pg_catalog, pg_temp
	AS $$
BEGIN
	IF coalesce(cardinality(actions), 0) NOT BETWEEN 1 AND 100 OR EXISTS (
		SELECT FROM unnest(actions) AS a WHERE a IS NULL OR a COLLATE "C" !~ '^[A-Za-z][A-Za-z0-9_]{0,62}$') THEN
		PERFORM auth._fail('22023', 'actions are not valid', 'There are 1 to 100, each of 1 to 63 letters, digits and underscores, beginning with a letter.');
	END IF;
END
$$;
COMMENT ON FUNCTION auth._demand_actions(text[]) IS 'raises 22023 unless a resource can have these actions';
REVOKE ALL ON FUNCTION auth._demand_actions(text[]) FROM PUBLIC;

CREATE OR REPLACE FUNCTION auth._demand_scopes(scopes text[]) RETURNS void
	LANGUAGE plpgsql IMMUTABLE
	SET search_path = pg_catalog, pg_temp
	AS $$
BEGIN
	-- an array of NULLs is contained in nothing
	IF NOT scopes <@ ARRAY['tenant', 'unit', 'assigned', 'own'] OR array_ndims(scopes) IS DISTINCT FROM 1 AND scopes IS NOT NULL THEN
		PERFORM auth._fail('22023', 'scopes are not valid', 'They are some of tenant, unit, assigned and own; NULL: all of them.');
	END IF;
END
$$;
COMMENT ON FUNCTION auth._demand_scopes(text[]) IS 'raises 22023 unless a resource can have these scopes';
REVOKE ALL ON FUNCTION auth._demand_scopes(text[]) FROM PUBLIC;

CREATE OR REPLACE FUNCTION auth.resource_create(name text, actions text[] DEFAULT ARRAY['read', 'create', 'update', 'delete'],
		description text DEFAULT NULL, scopes text[] DEFAULT NULL) RETURNS void
	LANGUAGE plpgsql VOLATILE
	SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	AS $$
BEGIN
	IF name IS NULL OR name COLLATE "C" !~ '^[A-Za-z][A-Za-z0-9_]{0,62}$' THEN
		PERFORM auth._fail('22023', 'name of the resource is not valid', 'It has 1 to 63 letters, digits and underscores, and begins with a letter.');
	END IF;
	PERFORM auth._demand_actions(actions);
	PERFORM auth._demand_scopes(scopes);
	IF EXISTS (SELECT FROM auth.resources AS r WHERE r.name = resource_create.name) THEN
		PERFORM auth._fail('23505', 'the resource exists already', 'auth.resource_update() changes its actions.');
	END IF;
	PERFORM auth._audit_admin('resource_create', NULL, NULL, jsonb_build_object('resource', name, 'actions', actions, 'scopes', scopes));
	INSERT INTO auth.resources (name, actions, description, scopes)
		VALUES (resource_create.name, resource_create.actions, resource_create.description, resource_create.scopes);
END
$$;
COMMENT ON FUNCTION auth.resource_create(text, text[], text, text[]) IS 'makes a resource known, with the actions that permissions may name. With scopes, permissions may have those only, and the policies of its tables ask for no other: with {tenant} alone, nothing is compared for each row';
REVOKE ALL ON FUNCTION auth.resource_create(text, text[], text, text[]) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION auth.resource_create(text, text[], text, text[]) TO auth_admin;

-- The row of a resource, which must know an action if one is given.
CREATE OR REPLACE FUNCTION auth._demand_resource(name text, action text DEFAULT NULL) RETURNS void
	LANGUAGE plpgsql STABLE
	SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	AS $$
DECLARE
	known text[] := (SELECT r.actions FROM auth.resources AS r WHERE r.name = _demand_resource.name);
BEGIN
	IF known IS NULL THEN
		PERFORM auth._fail('42704', format('there is no resource "%s"', left(name, 63)), 'auth.resources lists them; auth.resource_create() adds one.');
	ELSIF action <> ALL (known) THEN
		PERFORM auth._fail('42704', format('there is no action "%s" on resource "%s"', left(action, 63), left(name, 63)),
			format('It knows %s.', array_to_string(known, ', ')));
	END IF;
END
$$;
COMMENT ON FUNCTION auth._demand_resource(text, text) IS 'raises 42704 unless the resource, and the action on it, are known';
REVOKE ALL ON FUNCTION auth._demand_resource(text, text) FROM PUBLIC;

-- Before its actions or scopes are changed: permissions being written are waited for
-- (they share the row), and those that were written are seen, as a snapshot that is
-- older than the wait would not.
CREATE OR REPLACE FUNCTION auth._lock_resource(name text) RETURNS void
	LANGUAGE plpgsql VOLATILE
	SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	AS $$
BEGIN
	PERFORM auth._demand_read_committed();
	PERFORM FROM auth.resources AS r WHERE r.name = _lock_resource.name FOR NO KEY UPDATE;
	PERFORM auth._demand_resource(name);
END
$$;
COMMENT ON FUNCTION auth._lock_resource(text) IS 'locks a resource against permissions being written on it; raises 42704 when it is not known, 55000 above READ COMMITTED';
REVOKE ALL ON FUNCTION auth._lock_resource(text) FROM PUBLIC;

-- What brings the policies of the tables of a resource up to date. They are made by
-- auth.protect(), and until it is called again they let nothing through for a scope
-- that was added.
CREATE OR REPLACE FUNCTION auth._protect_again(resource text) RETURNS SETOF text
	LANGUAGE sql STABLE
	SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	AS $$
	SELECT format('SELECT * FROM auth.protect(%L, tenant_column => %L);', format('%I.%I', t.schema_name, t.table_name), t.tenant_column)
	FROM auth.protected_tables AS t WHERE t.resource = _protect_again.resource ORDER BY t.schema_name, t.table_name
$$;
COMMENT ON FUNCTION auth._protect_again(text) IS 'the calls that bring the policies of the tables of a resource up to date';
REVOKE ALL ON FUNCTION auth._protect_again(text) FROM PUBLIC;

CREATE OR REPLACE FUNCTION auth.resource_update(name text, actions text[]) RETURNS SETOF text
	LANGUAGE plpgsql VOLATILE
	SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	AS $$
#variable_conflict use_variable
DECLARE
	used text;
BEGIN
	PERFORM auth._lock_resource(name);
	PERFORM auth._demand_actions(actions);
	SELECT p.action INTO used FROM auth.role_permissions AS p
		WHERE p.resource = name AND p.action <> ALL (actions) LIMIT 1;
	IF FOUND THEN
		PERFORM auth._fail('23503', format('permissions name the action "%s"', used), 'Remove them with auth.permission_remove() first.');
	END IF;
	PERFORM auth._audit_admin('resource_update', NULL, NULL, jsonb_build_object('resource', name, 'actions', actions));
	UPDATE auth.resources AS r SET actions = resource_update.actions WHERE r.name = resource_update.name;
	RETURN QUERY SELECT auth._protect_again(name);
END
$$;
COMMENT ON FUNCTION auth.resource_update(text, text[]) IS 'changes which actions are known on a resource; returns the calls of auth.protect() that bring the policies of its tables up to date';
REVOKE ALL ON FUNCTION auth.resource_update(text, text[]) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION auth.resource_update(text, text[]) TO auth_admin;

CREATE OR REPLACE FUNCTION auth.resource_scopes_set(name text, scopes text[]) RETURNS SETOF text
	LANGUAGE plpgsql VOLATILE
	SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	AS $$
#variable_conflict use_variable
DECLARE
	used text;
BEGIN
	PERFORM auth._lock_resource(name);
	PERFORM auth._demand_scopes(scopes);
	SELECT p.scope INTO used FROM auth.role_permissions AS p
		WHERE p.resource = name AND p.scope <> ALL (scopes) LIMIT 1;
	IF FOUND THEN
		PERFORM auth._fail('23503', format('permissions have the scope "%s"', used), 'Change them with auth.permission_set() first.');
	END IF;
	PERFORM auth._audit_admin('resource_scopes_set', NULL, NULL, jsonb_build_object('resource', name, 'scopes', scopes));
	UPDATE auth.resources AS r SET scopes = resource_scopes_set.scopes WHERE r.name = resource_scopes_set.name;
	RETURN QUERY SELECT auth._protect_again(name);
END
$$;
COMMENT ON FUNCTION auth.resource_scopes_set(text, text[]) IS 'changes which scopes permissions on a resource may have (NULL: all); returns the calls of auth.protect() that bring the policies of its tables up to date: until then, a scope that was added lets nothing through';
REVOKE ALL ON FUNCTION auth.resource_scopes_set(text, text[]) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION auth.resource_scopes_set(text, text[]) TO auth_admin;

CREATE OR REPLACE FUNCTION auth.resource_delete(name text) RETURNS void
	LANGUAGE plpgsql VOLATILE
	SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	AS $$
DECLARE
	used_by text;
BEGIN
	PERFORM auth._demand_resource(name);
	SELECT format('%I.%I', t.schema_name, t.table_name) INTO used_by
		FROM auth.protected_tables AS t WHERE t.resource = resource_delete.name LIMIT 1;
	IF FOUND THEN
		PERFORM auth._fail('23503', format('the table %s is protected as this resource', used_by),
			'Protect it as another one, or call auth.unprotect() first.');
	END IF;
	PERFORM auth._audit_admin('resource_delete', NULL, NULL, jsonb_build_object('resource', name));
	DELETE FROM auth.resources AS r WHERE r.name = resource_delete.name;
END
$$;
COMMENT ON FUNCTION auth.resource_delete(text) IS 'deletes a resource and all permissions on it';
REVOKE ALL ON FUNCTION auth.resource_delete(text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION auth.resource_delete(text) TO auth_admin;

-- Until there is one, owners manage members.
CREATE OR REPLACE FUNCTION auth.members_resource_set(name text) RETURNS void
	LANGUAGE plpgsql VOLATILE
	SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	AS $$
BEGIN
	IF name IS NOT NULL THEN
		PERFORM auth._demand_resource(name);
	END IF;
	PERFORM auth._audit_admin('members_resource_set', NULL, NULL, jsonb_build_object('resource', name));
	UPDATE auth.resources AS r SET is_members = false WHERE r.is_members AND r.name IS DISTINCT FROM members_resource_set.name;
	UPDATE auth.resources AS r SET is_members = true WHERE NOT r.is_members AND r.name = members_resource_set.name;
END
$$;
COMMENT ON FUNCTION auth.members_resource_set(text) IS 'says on which resource permissions decide who lists, invites, changes and removes members of a tenant; NULL: on none, then owners do';
REVOKE ALL ON FUNCTION auth.members_resource_set(text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION auth.members_resource_set(text) TO auth_admin;

-- Roles ------------------------------------------------------------------------

CREATE OR REPLACE FUNCTION auth._demand_role_row(role text, tenant_id uuid) RETURNS auth.roles
	LANGUAGE plpgsql VOLATILE
	SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	AS $$
DECLARE
	found_role auth.roles;
BEGIN
	SELECT r.* INTO found_role FROM auth.roles AS r
		WHERE r.name = role AND r.tenant_id IS NOT DISTINCT FROM _demand_role_row.tenant_id FOR NO KEY UPDATE;
	IF NOT FOUND THEN
		PERFORM auth._fail('P0002', CASE WHEN tenant_id IS NULL THEN 'role not found' ELSE 'the tenant has no role of its own of this name' END,
			'auth.roles lists them; auth.role_create() adds one.');
	END IF;
	RETURN found_role;
END
$$;
COMMENT ON FUNCTION auth._demand_role_row(text, uuid) IS 'a role of all tenants (tenant_id is NULL) or of one; raises P0002 when there is none';
REVOKE ALL ON FUNCTION auth._demand_role_row(text, uuid) FROM PUBLIC;

-- What a role of all tenants grants may be a role of one.
CREATE OR REPLACE FUNCTION auth._demand_grants(grants text[], own_name text, tenant_id uuid) RETURNS void
	LANGUAGE plpgsql VOLATILE
	SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	AS $$
DECLARE
	unknown text;
BEGIN
	IF array_position(grants, NULL) IS NOT NULL THEN
		PERFORM auth._fail('22023', 'grants are not valid', 'They are names of roles; NULL: all up to its own rank.');
	END IF;
	SELECT g INTO unknown FROM unnest(grants) AS g
		WHERE g <> own_name AND NOT EXISTS (SELECT FROM auth.roles AS r WHERE r.name = g AND r.kind = 'member'
			AND (r.tenant_id IS NULL OR _demand_grants.tenant_id IS NULL OR r.tenant_id = _demand_grants.tenant_id))
		LIMIT 1;
	IF FOUND THEN
		PERFORM auth._fail('42704', format('there is no role "%s"', left(unknown, 63)), 'What a role grants are roles of members that are there; auth.role_update() adds to them.');
	END IF;
END
$$;
COMMENT ON FUNCTION auth._demand_grants(text[], text, uuid) IS 'raises 42704 or 22023 unless a role can grant these';
REVOKE ALL ON FUNCTION auth._demand_grants(text[], text, uuid) FROM PUBLIC;

-- Owners could not change who has a role above theirs.
CREATE OR REPLACE FUNCTION auth._demand_rank_below_owners(rank integer) RETURNS void
	LANGUAGE plpgsql VOLATILE
	SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	AS $$
DECLARE
	owning text;
BEGIN
	SELECT r.name INTO owning FROM auth.roles AS r WHERE r.is_owner AND r.rank < _demand_rank_below_owners.rank;
	IF FOUND THEN
		PERFORM auth._fail('22023', 'no role ranks above the one that owns tenants', format('"%s" ranks lower, and owners could not change who has the other.', owning));
	END IF;
END
$$;
COMMENT ON FUNCTION auth._demand_rank_below_owners(integer) IS 'raises 22023 when a rank is above that of the role that owns tenants';
REVOKE ALL ON FUNCTION auth._demand_rank_below_owners(integer) FROM PUBLIC;

-- The other way round.
CREATE OR REPLACE FUNCTION auth._demand_rank_of_owners(rank integer) RETURNS void
	LANGUAGE plpgsql VOLATILE
	SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	AS $$
DECLARE
	above text;
BEGIN
	SELECT r.name INTO above FROM auth.roles AS r
		WHERE r.kind = 'member' AND NOT r.is_owner AND r.rank > _demand_rank_of_owners.rank ORDER BY r.rank DESC, r.name LIMIT 1;
	IF FOUND THEN
		PERFORM auth._fail('22023', 'the role that owns tenants must rank as high as any', format('"%s" ranks higher, and owners could not change who has it.', above));
	END IF;
END
$$;
COMMENT ON FUNCTION auth._demand_rank_of_owners(integer) IS 'raises 22023 when a role of members ranks above this';
REVOKE ALL ON FUNCTION auth._demand_rank_of_owners(integer) FROM PUBLIC;

-- A tenant's role of the same name as a role of all tenants would change what
-- members have without a word; so there is none.  Nor does a role that owns tenants
-- take them from those who own them by name: they get it.
CREATE OR REPLACE FUNCTION auth.role_create(name text, rank integer, tenant_id uuid DEFAULT NULL, grants text[] DEFAULT NULL, description text DEFAULT NULL,
		is_owner boolean DEFAULT false) RETURNS uuid
	LANGUAGE plpgsql VOLATILE
	SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	AS $$
#variable_conflict use_variable
DECLARE
	role_id uuid;
	owning text;
	member record;
	by_user CONSTANT uuid := auth.uid();
BEGIN
	PERFORM auth._demand_role(name);
	IF rank IS NULL OR rank NOT BETWEEN 0 AND 1000 THEN
		PERFORM auth._fail('22023', 'rank must be from 0 to 1000');
	END IF;
	IF is_owner IS NULL THEN
		PERFORM auth._fail('22023', 'is_owner must be true or false');
	END IF;
	IF is_owner AND tenant_id IS NOT NULL THEN
		PERFORM auth._fail('22023', 'a role of one tenant cannot be that of owners', 'The role that owns tenants is the same in all.');
	END IF;
	IF is_owner THEN
		-- an old snapshot would miss some of those who own by name
		PERFORM auth._demand_read_committed();
	END IF;
	IF tenant_id IS NOT NULL THEN
		PERFORM auth._demand_tenant(tenant_id);
	END IF;
	-- one at a time, so that the two kinds cannot meet
	LOCK TABLE auth.roles IN SHARE ROW EXCLUSIVE MODE;
	IF EXISTS (SELECT FROM auth.roles AS r WHERE r.name = role_create.name
		AND (r.tenant_id IS NULL OR tenant_id IS NULL OR r.tenant_id = role_create.tenant_id)) THEN
		PERFORM auth._fail('23505', 'a role of this name exists already',
			CASE WHEN tenant_id IS NULL THEN 'All tenants, or one of them, have it.' END);
	END IF;
	IF is_owner THEN
		SELECT r.name INTO owning FROM auth.roles AS r WHERE r.is_owner;
		IF FOUND THEN
			PERFORM auth._fail('23505', 'there is a role that owns tenants already', format('It is "%s".', owning));
		END IF;
		PERFORM auth._demand_rank_of_owners(rank);
		LOCK TABLE auth.memberships IN SHARE ROW EXCLUSIVE MODE;
	ELSE
		PERFORM auth._demand_rank_below_owners(rank);
	END IF;
	PERFORM auth._demand_grants(grants, name, tenant_id);
	PERFORM auth._audit_admin('role_create', NULL, tenant_id, jsonb_build_object('role', name, 'rank', rank)
		|| CASE WHEN is_owner THEN '{"is_owner": true}'::jsonb ELSE '{}' END);
	INSERT INTO auth.roles (name, rank, tenant_id, grants, description, is_owner)
		VALUES (name, rank, tenant_id, grants, description, is_owner) RETURNING id INTO role_id;
	IF is_owner THEN
		FOR member IN
			UPDATE auth.memberships AS m SET role = role_create.name WHERE lower(m.role) = 'owner' AND m.role <> role_create.name
				RETURNING m.tenant_id, m.user_id
		LOOP
			PERFORM auth._membership_note(member.tenant_id, member.user_id, 'role_create', by_user);
		END LOOP;
	END IF;
	RETURN role_id;
END
$$;
COMMENT ON FUNCTION auth.role_create(text, integer, uuid, text[], text, boolean) IS 'adds a role for all tenants, or for one; returns its id. With is_owner the role that owns tenants, of which there is one: those who own theirs by the name owner get it';
REVOKE ALL ON FUNCTION auth.role_create(text, integer, uuid, text[], text, boolean) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION auth.role_create(text, integer, uuid, text[], text, boolean) TO auth_admin;

CREATE OR REPLACE FUNCTION auth.role_update(name text, rank integer DEFAULT NULL, grants text[] DEFAULT NULL, description text DEFAULT NULL,
		tenant_id uuid DEFAULT NULL, grants_all boolean DEFAULT false) RETURNS void
	LANGUAGE plpgsql VOLATILE
	SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	AS $$
#variable_conflict use_variable
DECLARE
	role auth.roles;
BEGIN
	IF rank NOT BETWEEN 0 AND 1000 THEN
		PERFORM auth._fail('22023', 'rank must be from 0 to 1000');
	ELSIF grants_all AND grants IS NOT NULL THEN
		PERFORM auth._fail('22023', 'a role grants these or all', 'Leave out grants, or grants_all.');
	END IF;
	-- ranks are compared with those of others
	LOCK TABLE auth.roles IN SHARE ROW EXCLUSIVE MODE;
	role := auth._demand_role_row(name, tenant_id);
	IF role.is_owner THEN
		PERFORM auth._demand_rank_of_owners(rank);
	ELSIF role.kind = 'member' THEN
		PERFORM auth._demand_rank_below_owners(rank);
	END IF;
	PERFORM auth._demand_grants(grants, name, tenant_id);
	PERFORM auth._audit_admin('role_update', NULL, tenant_id, jsonb_strip_nulls(jsonb_build_object('role', name, 'rank', rank,
		'grants', grants, 'grants_all', nullif(grants_all, false))));
	UPDATE auth.roles AS r SET rank = coalesce(role_update.rank, r.rank), description = coalesce(role_update.description, r.description),
			grants = CASE WHEN grants_all THEN NULL ELSE coalesce(role_update.grants, r.grants) END
		WHERE r.id = role.id;
END
$$;
COMMENT ON FUNCTION auth.role_update(text, integer, text[], text, uuid, boolean) IS 'changes rank, grants and description of a role, each unless NULL; grants_all: it grants all roles up to its own rank again';
REVOKE ALL ON FUNCTION auth.role_update(text, integer, text[], text, uuid, boolean) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION auth.role_update(text, integer, text[], text, uuid, boolean) TO auth_admin;

CREATE OR REPLACE FUNCTION auth.role_delete(name text, tenant_id uuid DEFAULT NULL) RETURNS void
	LANGUAGE plpgsql VOLATILE
	SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	AS $$
#variable_conflict use_variable
DECLARE
	role auth.roles := auth._demand_role_row(name, tenant_id);
	members bigint;
BEGIN
	-- no member keeps a role that is not there any more; nobody gets it meanwhile
	LOCK TABLE auth.memberships IN SHARE ROW EXCLUSIVE MODE;
	SELECT count(*) INTO members FROM auth.memberships AS m
		WHERE m.role = role.name AND (role.tenant_id IS NULL OR m.tenant_id = role.tenant_id);
	IF members > 0 THEN
		PERFORM auth._fail('23503', format('%s members have this role', members), 'Give them another one first.');
	END IF;
	PERFORM auth._audit_admin('role_delete', NULL, role.tenant_id, jsonb_build_object('role', role.name));
	DELETE FROM auth.roles AS r WHERE r.id = role.id;
	-- another one that gets the name is not meant
	UPDATE auth.roles AS r SET grants = array_remove(r.grants, role.name)
		WHERE role.name = ANY (r.grants) AND (r.tenant_id = role.tenant_id OR NOT EXISTS (SELECT FROM auth.roles AS o WHERE o.name = role.name));
END
$$;
COMMENT ON FUNCTION auth.role_delete(text, uuid) IS 'deletes a role that no member has';
REVOKE ALL ON FUNCTION auth.role_delete(text, uuid) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION auth.role_delete(text, uuid) TO auth_admin;

-- Permissions ------------------------------------------------------------------

-- Of a purpose or feature that is not there, whoever asks the permission would hear.
CREATE OR REPLACE FUNCTION auth._demand_condition(condition text) RETURNS void
	LANGUAGE plpgsql VOLATILE
	SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	AS $$
BEGIN
	IF condition IS NULL OR condition COLLATE "C" !~ '^(aal2|consent:[A-Za-z][A-Za-z0-9_]{0,62}|feature:[A-Za-z][A-Za-z0-9_]{0,62})$' THEN
		PERFORM auth._fail('22023', 'condition is not valid', 'It is aal2, consent:PURPOSE or feature:NAME.');
	ELSIF condition LIKE 'consent:%' THEN
		PERFORM FROM auth.consent_purposes AS p WHERE p.name = substr(condition, 9) FOR KEY SHARE;
		PERFORM auth._demand_purpose(substr(condition, 9));
	ELSIF condition LIKE 'feature:%' THEN
		PERFORM auth._demand_feature(substr(condition, 9));
	END IF;
END
$$;
COMMENT ON FUNCTION auth._demand_condition(text) IS 'raises 22023 unless a permission can have this condition, or its purpose is not known, 42704 unless its feature is; both locked against deletion';
REVOKE ALL ON FUNCTION auth._demand_condition(text) FROM PUBLIC;

-- The one place that writes a permission.
CREATE OR REPLACE FUNCTION auth._permission_write(role_id uuid, resource text, action text, scope text,
		conditions text[], columns text[], message text) RETURNS void
	LANGUAGE plpgsql VOLATILE
	SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	AS $$
#variable_conflict use_variable
DECLARE
	scopes text[];
BEGIN
	-- until this commits, nobody takes the action or the scope away; auth._lock_resource()
	SELECT r.scopes INTO scopes FROM auth.resources AS r WHERE r.name = resource FOR SHARE;
	PERFORM auth._demand_resource(resource, coalesce(action, ''));
	IF scope <> ALL (scopes) THEN
		PERFORM auth._fail('22023', format('permissions on "%s" cannot have the scope "%s"', resource, scope),
			format('They can have %s; auth.resource_scopes_set() changes that.', array_to_string(scopes, ', ')));
	END IF;
	PERFORM auth._demand_condition(c) FROM unnest(conditions) AS c;
	IF cardinality(columns) = 0 OR EXISTS (SELECT FROM unnest(columns) AS c WHERE c IS NULL) THEN
		PERFORM auth._fail('22023', 'columns are not valid', 'They are names of columns that may be updated; NULL: all of them.');
	END IF;
	BEGIN
		INSERT INTO auth.role_permissions AS p (role_id, resource, action, scope, conditions, columns, message)
			VALUES (role_id, resource, action, scope, coalesce(conditions, '{}'), columns, message);
	EXCEPTION WHEN unique_violation THEN
		UPDATE auth.role_permissions AS p
			SET scope = _permission_write.scope, conditions = coalesce(_permission_write.conditions, '{}'),
				columns = _permission_write.columns, message = _permission_write.message
			WHERE p.role_id = _permission_write.role_id AND p.resource = _permission_write.resource AND p.action = _permission_write.action;
	END;
END
$$;
COMMENT ON FUNCTION auth._permission_write(uuid, text, text, text, text[], text[], text) IS 'writes a permission or a denial';
REVOKE ALL ON FUNCTION auth._permission_write(uuid, text, text, text, text[], text[], text) FROM PUBLIC;

-- Before a purpose or feature goes.
CREATE OR REPLACE FUNCTION auth._demand_no_condition(condition text) RETURNS void
	LANGUAGE plpgsql VOLATILE
	SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	AS $$
DECLARE
	permission record;
BEGIN
	SELECT r.name AS role, p.resource, p.action INTO permission FROM auth.role_permissions AS p JOIN auth.roles AS r ON r.id = p.role_id
		WHERE condition = ANY (p.conditions) ORDER BY r.name, p.resource, p.action LIMIT 1;
	IF FOUND THEN
		PERFORM auth._fail('23503', 'a permission requires it',
			format('The permission of role "%s" to "%s" on "%s" does; auth.permission_set() or auth.permission_remove() changes that.',
				permission.role, permission.action, permission.resource));
	END IF;
END
$$;
COMMENT ON FUNCTION auth._demand_no_condition(text) IS 'raises 23503 when a permission has this condition';
REVOKE ALL ON FUNCTION auth._demand_no_condition(text) FROM PUBLIC;

CREATE OR REPLACE FUNCTION auth.permission_set(role text, resource text, action text, scope text, conditions text[] DEFAULT '{}',
		columns text[] DEFAULT NULL, message text DEFAULT NULL, tenant_id uuid DEFAULT NULL) RETURNS void
	LANGUAGE plpgsql VOLATILE
	SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	AS $$
DECLARE
	role_row auth.roles := auth._demand_role_row(role, tenant_id);
BEGIN
	IF scope IS NULL OR scope <> ALL (ARRAY['tenant', 'unit', 'assigned', 'own']) THEN
		PERFORM auth._fail('22023', 'scope is not valid', 'It is tenant, unit, assigned or own; auth.permission_deny() denies. The platform is the platform administrators''.');
	END IF;
	PERFORM auth._audit_admin('permission_set', NULL, tenant_id, jsonb_build_object('role', role, 'resource', resource, 'action', action, 'scope', scope));
	PERFORM auth._permission_write(role_row.id, resource, action, scope, conditions, columns, message);
END
$$;
COMMENT ON FUNCTION auth.permission_set(text, text, text, text, text[], text[], text, uuid) IS 'allows an action on a resource to a role, on the rows of a scope; bites on the next transaction';
REVOKE ALL ON FUNCTION auth.permission_set(text, text, text, text, text[], text[], text, uuid) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION auth.permission_set(text, text, text, text, text[], text[], text, uuid) TO auth_admin;

CREATE OR REPLACE FUNCTION auth.permission_deny(role text, resource text, action text, message text DEFAULT NULL, tenant_id uuid DEFAULT NULL) RETURNS void
	LANGUAGE plpgsql VOLATILE
	SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	AS $$
DECLARE
	role_row auth.roles := auth._demand_role_row(role, tenant_id);
BEGIN
	PERFORM auth._audit_admin('permission_deny', NULL, tenant_id, jsonb_build_object('role', role, 'resource', resource, 'action', action));
	PERFORM auth._permission_write(role_row.id, resource, action, NULL, '{}', NULL, message);
END
$$;
COMMENT ON FUNCTION auth.permission_deny(text, text, text, text, uuid) IS 'denies an action on a resource to a role, whatever else allows it, with a message of its own';
REVOKE ALL ON FUNCTION auth.permission_deny(text, text, text, text, uuid) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION auth.permission_deny(text, text, text, text, uuid) TO auth_admin;

CREATE OR REPLACE FUNCTION auth.permission_remove(role text, resource text, action text, tenant_id uuid DEFAULT NULL) RETURNS void
	LANGUAGE plpgsql VOLATILE
	SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	AS $$
DECLARE
	role_row auth.roles := auth._demand_role_row(role, tenant_id);
BEGIN
	PERFORM auth._demand_resource(resource, coalesce(action, ''));
	DELETE FROM auth.role_permissions AS p
		WHERE p.role_id = role_row.id AND p.resource = permission_remove.resource AND p.action = permission_remove.action;
	IF NOT FOUND THEN
		PERFORM auth._fail('P0002', 'the role has no such permission');
	END IF;
	PERFORM auth._audit_admin('permission_remove', NULL, tenant_id, jsonb_build_object('role', role, 'resource', resource, 'action', action));
END
$$;
COMMENT ON FUNCTION auth.permission_remove(text, text, text, uuid) IS 'removes a permission or a denial; bites on the next transaction';
REVOKE ALL ON FUNCTION auth.permission_remove(text, text, text, uuid) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION auth.permission_remove(text, text, text, uuid) TO auth_admin;

-- Assignments ------------------------------------------------------------------

CREATE OR REPLACE FUNCTION auth.assignment_add(tenant_id uuid, user_id uuid, subject_id uuid, ends_at timestamptz DEFAULT NULL) RETURNS void
	LANGUAGE plpgsql VOLATILE
	SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	AS $$
#variable_conflict use_variable
DECLARE
	member auth.memberships := auth._demand_member(tenant_id, user_id);
BEGIN
	IF subject_id IS NULL THEN
		PERFORM auth._fail('22023', 'subject_id is required');
	END IF;
	BEGIN
		INSERT INTO auth.assignments (tenant_id, user_id, subject_id, ends_at, created_by)
			VALUES (member.tenant_id, member.user_id, subject_id, ends_at, auth.uid());
	EXCEPTION WHEN unique_violation THEN
		UPDATE auth.assignments AS a SET ends_at = assignment_add.ends_at
			WHERE a.tenant_id = member.tenant_id AND a.user_id = member.user_id AND a.subject_id = assignment_add.subject_id;
	END;
	PERFORM auth._audit_admin('assignment_add', member.user_id, member.tenant_id,
		jsonb_build_object('subject', subject_id, 'ends_at', ends_at));
END
$$;
COMMENT ON FUNCTION auth.assignment_add(uuid, uuid, uuid, timestamptz) IS 'assigns a member to something, or changes when that ends';
REVOKE ALL ON FUNCTION auth.assignment_add(uuid, uuid, uuid, timestamptz) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION auth.assignment_add(uuid, uuid, uuid, timestamptz) TO auth_admin;

CREATE OR REPLACE FUNCTION auth.assignment_remove(tenant_id uuid, user_id uuid, subject_id uuid) RETURNS void
	LANGUAGE plpgsql VOLATILE
	SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	AS $$
BEGIN
	DELETE FROM auth.assignments AS a
		WHERE a.tenant_id = assignment_remove.tenant_id AND a.user_id = assignment_remove.user_id AND a.subject_id = assignment_remove.subject_id;
	IF NOT FOUND THEN
		PERFORM auth._fail('P0002', 'assignment not found');
	END IF;
	PERFORM auth._audit_admin('assignment_remove', user_id, tenant_id, jsonb_build_object('subject', subject_id));
	PERFORM auth._make_durable();
END
$$;
COMMENT ON FUNCTION auth.assignment_remove(uuid, uuid, uuid) IS 'ends an assignment; bites on the next statement';
REVOKE ALL ON FUNCTION auth.assignment_remove(uuid, uuid, uuid) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION auth.assignment_remove(uuid, uuid, uuid) TO auth_admin;
