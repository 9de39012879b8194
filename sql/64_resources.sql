-- sql/64_resources.sql: administration of resources and their actions and scopes.
-- Depends on 14_permission_tables.sql, 40_response.sql, 45_audit.sql.

CREATE OR REPLACE FUNCTION auth._demand_actions(actions text[]) RETURNS void
	LANGUAGE plpgsql IMMUTABLE
	SET search_path = pg_catalog, pg_temp
	AS $$
BEGIN
	IF coalesce(cardinality(actions), 0) NOT BETWEEN 1 AND 100 OR array_ndims(actions) > 1 OR EXISTS (
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
