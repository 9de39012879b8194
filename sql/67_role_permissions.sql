-- sql/67_role_permissions.sql: administration of the permissions of roles, and of assignments.
-- Depends on 64_resources.sql, 64_roles.sql, 66_plans.sql, 67_consents.sql.

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
