-- sql/75_access.sql: who may do what to which row, decided and explained.
-- Depends on 63_permissions.sql, 69_protect_policies.sql, 45_audit.sql.
--
-- Rows are read as far as the caller may SELECT them, but not by a query: that would
-- run code of the owner of the table (predicates of indexes, constraints, policies,
-- casts) with the rights of the caller, who may be a superuser. See src/plainrow.c.

-- The protected tables of a resource that have a uuid as their key.
CREATE OR REPLACE FUNCTION auth.resource_tables(resource text) RETURNS TABLE (target regclass, key_column name)
	LANGUAGE plpgsql STABLE
	SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	AS $$
#variable_conflict use_column
BEGIN
	RETURN QUERY
	SELECT c.oid::regclass, a.attname
	FROM auth.protected_tables AS t
	JOIN pg_namespace AS n ON n.nspname = t.schema_name
	JOIN pg_class AS c ON c.relnamespace = n.oid AND c.relname = t.table_name
	CROSS JOIN LATERAL auth._protect_key(c.oid::regclass) AS a (attname)
	WHERE t.resource = resource_tables.resource AND a.attname IS NOT NULL AND NOT c.relispartition
	ORDER BY c.oid::regclass::text;
END
$$;
COMMENT ON FUNCTION auth.resource_tables(text) IS 'protected tables of a resource, with the column of their key';
REVOKE ALL ON FUNCTION auth.resource_tables(text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION auth.resource_tables(text) TO anon, authenticated, auth_admin;

-- The condition that an action puts on the rows of a table, from our own registry: that
-- the caller sees the row, and what the action demands.
CREATE OR REPLACE FUNCTION auth.action_condition(target regclass, action text) RETURNS text
	LANGUAGE plpgsql STABLE
	SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	AS $$
DECLARE
	seeing CONSTANT text := auth._protect_action((auth._protect_entry(target)).resource, 'select');
BEGIN
	RETURN (
		SELECT string_agg(format('(%s)', c.expression), ' AND ' ORDER BY a.action IS DISTINCT FROM seeing)
		FROM (SELECT seeing UNION SELECT action_condition.action) AS a (action)
		CROSS JOIN LATERAL auth._protect_condition(target, a.action) AS c);
END
$$;
COMMENT ON FUNCTION auth.action_condition(regclass, text) IS 'what an action demands of a row of a protected table, its tenant too and that the caller may see it, as an expression';
REVOKE ALL ON FUNCTION auth.action_condition(regclass, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION auth.action_condition(regclass, text) TO anon, authenticated, auth_admin;

-- What auth.readable_row() must know: the columns to read, and a query of their values.
-- held: policies hold for the caller; as_member, as_platform: those of auth.protect that
-- let the caller see rows. What the action demands is asked besides, since a function of
-- a superuser is held by no policy.
CREATE OR REPLACE FUNCTION auth._row_question(target regclass, action text, held boolean, as_member boolean,
		as_platform boolean)
	RETURNS text[]
	LANGUAGE plpgsql STABLE
	SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	AS $$
DECLARE
	entry auth.protected_tables := auth._protect_entry(target);
	columns name[];
	condition text := 'true';
BEGIN
	IF entry.id IS NULL THEN
		RETURN NULL;
	END IF;
	columns := ARRAY[auth._protect_key(target), entry.tenant_column, entry.unit_column, entry.owner_column,
		entry.assignee_column];
	-- NULL: on no row; auth.action_condition() is false then
	IF auth.scope(entry.resource, action) IS DISTINCT FROM 'platform' AND action IS NOT NULL THEN
		condition := auth.action_condition(target, action);
	END IF;
	-- the condition of an action has that of seeing the row in it
	IF held AND NOT (as_platform AND auth.is_super_admin()) THEN
		IF NOT as_member THEN
			condition := 'false';
		ELSIF condition = 'true' THEN
			SELECT p.expression INTO condition FROM auth._protect_policies(target) AS p
				WHERE p.policy = 'intrex_auth_select';
		END IF;
	END IF;
	RETURN CASE WHEN condition = 'true' THEN NULL ELSE format('SELECT %s FROM (SELECT %s) AS r', condition, (
			SELECT string_agg(DISTINCT format('$1[%s] AS %I', array_position(columns, c), c), ', ')
			FROM unnest(columns) AS c WHERE c IS NOT NULL)) END
		|| columns::text[];
END
$$;
COMMENT ON FUNCTION auth._row_question(regclass, text, boolean, boolean, boolean) IS
	'of a protected table: a query that tells by the values of its columns whether a row is for the caller (NULL: each '
	'is), and the columns of key, tenant, unit, owner and assignee';
REVOKE ALL ON FUNCTION auth._row_question(regclass, text, boolean, boolean, boolean) FROM PUBLIC;

CREATE OR REPLACE FUNCTION auth.readable_row(target regclass, row_id uuid, action text DEFAULT NULL) RETURNS uuid[]
	LANGUAGE c STABLE
	AS 'MODULE_PATHNAME', 'intrex_auth_readable_row';
COMMENT ON FUNCTION auth.readable_row(regclass, uuid, text) IS
	'key, tenant, unit, owner and assignee of a row of a protected table, if the caller may SELECT it and, when an '
	'action is given, do this to it; else NULL. Runs no code of the owner of the table';
REVOKE ALL ON FUNCTION auth.readable_row(regclass, uuid, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION auth.readable_row(regclass, uuid, text) TO anon, authenticated, auth_admin;

CREATE OR REPLACE FUNCTION auth.can_access(resource text, id uuid, action text DEFAULT 'read') RETURNS boolean
	LANGUAGE plpgsql STABLE
	SET search_path = pg_catalog, pg_temp
	AS $$
DECLARE
	target regclass;
BEGIN
	-- an unknown resource or action is an error here, too
	IF auth.can(resource, action) IS NOT TRUE OR id IS NULL THEN
		RETURN false;
	END IF;
	FOR target IN SELECT t.target FROM auth.resource_tables(resource) AS t LOOP
		IF auth.readable_row(target, id, action) IS NOT NULL THEN
			RETURN true;
		END IF;
	END LOOP;
	RETURN false;
END
$$;
COMMENT ON FUNCTION auth.can_access(text, uuid, text) IS
	'whether the caller may do this to the row with this key, in the protected tables of the resource that the caller '
	'may SELECT from';
REVOKE ALL ON FUNCTION auth.can_access(text, uuid, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION auth.can_access(text, uuid, text) TO anon, authenticated, auth_admin;

-- Words and records a decision. It decides itself about the permission; about a row
-- auth.check_permission() decides, as the caller: who calls this one himself makes the
-- trail say of a row what he says, and is granted nothing by it.
CREATE OR REPLACE FUNCTION auth.record_permission_check(action text, resource text, record_id uuid, session_id uuid, metadata jsonb, row_allowed boolean) RETURNS jsonb
	LANGUAGE plpgsql VOLATILE
	SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	AS $$
#variable_conflict use_variable
DECLARE
	granted boolean := coalesce(auth.can(resource, action) AND row_allowed, false);
	reason text;
	scope text;
	requires jsonb;
	conditions jsonb;
	details jsonb;
	state text;
BEGIN
	-- the trail is for good, and anybody may ask
	IF octet_length(metadata::text) > 8192 THEN
		PERFORM auth._fail('22023', 'metadata is larger than 8192 bytes');
	END IF;
	IF auth.user_id() IS NULL THEN
		granted := false;
		reason := 'Authentication required';
	ELSIF session_id IS NOT NULL THEN
		state := auth._session_state(session_id, auth.uid(), NULL);
		IF state IS NOT NULL THEN
			granted := false;
			reason := 'Invalid session: ' || state;
		END IF;
	END IF;
	IF NOT granted AND reason IS NULL THEN
		reason := auth._refusal_message(resource, action);
	END IF;
	scope := auth.scope(resource, action);
	-- what the permission demands that counts, or the widest of those that do not
	SELECT to_jsonb(p.conditions) INTO requires FROM auth._caller_permissions(resource, action) AS p
		WHERE scope IS NULL OR (p.scope = scope AND auth._conditions_hold(p.conditions)) LIMIT 1;
	conditions := jsonb_strip_nulls(jsonb_build_object('scope', scope, 'requires', nullif(requires, '[]')));
	details := jsonb_strip_nulls(jsonb_build_object('granted', granted, 'reason', reason, 'record', record_id,
		'session', session_id, 'metadata', metadata));
	PERFORM auth._audit('permission_check', CASE WHEN granted THEN 'success' ELSE 'refused' END, NULL, auth.uid(), auth.tenant_id(),
		auth.session_id(), NULL, jsonb_build_object('action', action, 'resource', resource) || details);
	RETURN jsonb_build_object('granted', granted, 'reason', reason, 'conditions', conditions,
		'auditLog', jsonb_build_object('action', action, 'resource', resource, 'user', auth.user_id(), 'details', details));
END
$$;
COMMENT ON FUNCTION auth.record_permission_check(text, text, uuid, uuid, jsonb, boolean) IS 'words and records the decision of auth.check_permission()';
REVOKE ALL ON FUNCTION auth.record_permission_check(text, text, uuid, uuid, jsonb, boolean) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION auth.record_permission_check(text, text, uuid, uuid, jsonb, boolean) TO anon, authenticated, auth_admin;

CREATE OR REPLACE FUNCTION auth.check_permission(action text, resource text, record_id uuid DEFAULT NULL, session_id uuid DEFAULT NULL, metadata jsonb DEFAULT NULL) RETURNS jsonb
	LANGUAGE plpgsql VOLATILE
	SET search_path = pg_catalog, pg_temp
	AS $$
BEGIN
	RETURN auth.record_permission_check(action, resource, record_id, session_id, metadata,
		record_id IS NULL OR auth.can_access(resource, record_id, action));
END
$$;
COMMENT ON FUNCTION auth.check_permission(text, text, uuid, uuid, jsonb) IS 'whether the caller may do this, to a record if one is given, and why not: {granted, reason, conditions, auditLog}; leaves an audit row';
REVOKE ALL ON FUNCTION auth.check_permission(text, text, uuid, uuid, jsonb) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION auth.check_permission(text, text, uuid, uuid, jsonb) TO anon, authenticated, auth_admin;

-- For administrators --------------------------------------------------------------

CREATE OR REPLACE FUNCTION auth.user_roles(user_id uuid)
	RETURNS TABLE (role text, kind text, rank integer, tenant_id uuid, unit_ids uuid[], permissions text[], scopes text[])
	LANGUAGE sql STABLE
	SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	AS $$
	WITH held AS (
		SELECT m.role, m.tenant_id, m.unit_ids, r.id, coalesce(r.kind, 'member') AS kind, r.rank
		FROM auth.memberships AS m
		LEFT JOIN auth.roles AS r ON r.name = m.role AND r.kind = 'member' AND (r.tenant_id IS NULL OR r.tenant_id = m.tenant_id)
		WHERE m.user_id = user_roles.user_id
		UNION ALL
		SELECT coalesce(r.name, 'auth_platform'), NULL, '{}', r.id, 'platform', r.rank
		FROM auth.users AS u LEFT JOIN auth.roles AS r ON r.kind = 'platform'
		WHERE u.id = user_roles.user_id AND u.is_super_admin
		UNION ALL
		SELECT r.name, NULL, '{}', r.id, 'user', r.rank
		FROM auth.users AS u JOIN auth.roles AS r ON r.kind = 'user'
		WHERE u.id = user_roles.user_id AND NOT u.is_super_admin
	)
	SELECT h.role, h.kind, h.rank, h.tenant_id, h.unit_ids,
		-- what others imply, too, and not what is denied
		ARRAY(SELECT r.name || ':' || a.action FROM auth.resources AS r, unnest(r.actions) AS a (action)
			WHERE h.kind = 'platform' OR r.name IN (SELECT p.resource FROM auth.role_permissions AS p WHERE p.role_id = h.id)
				AND (SELECT d.scope IS NOT NULL FROM auth.deciding_permissions(h.role, h.tenant_id, r.name, a.action) AS d LIMIT 1)
			ORDER BY 1),
		CASE h.kind WHEN 'platform' THEN ARRAY['platform'] ELSE
			ARRAY(SELECT DISTINCT p.scope FROM auth.role_permissions AS p
				WHERE p.role_id = h.id AND p.scope IS NOT NULL ORDER BY 1) END
	FROM held AS h
	ORDER BY h.kind, h.tenant_id
$$;
COMMENT ON FUNCTION auth.user_roles(uuid) IS 'the roles of a user, with what each allows, whether or not its conditions hold';
REVOKE ALL ON FUNCTION auth.user_roles(uuid) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION auth.user_roles(uuid) TO auth_admin;

-- The role of users without a tenant is none in a tenant.
CREATE OR REPLACE FUNCTION auth.user_permissions(user_id uuid, tenant_id uuid DEFAULT NULL) RETURNS jsonb
	LANGUAGE plpgsql STABLE
	SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	AS $$
BEGIN
	RETURN (
		WITH counted AS (
			SELECT * FROM auth.user_roles(user_permissions.user_id) AS s
			WHERE user_permissions.tenant_id IS NULL OR s.tenant_id = user_permissions.tenant_id OR s.kind = 'platform'
		), effective AS (
			SELECT DISTINCT p.permission COLLATE "C" AS permission
			FROM counted AS c CROSS JOIN LATERAL unnest(c.permissions) AS p (permission)
			WHERE auth.user_obstacle(user_permissions.user_id) IS NULL
				AND (c.kind = 'platform' OR EXISTS (
					SELECT FROM auth.decided_permission(user_permissions.user_id, c.role, c.tenant_id,
						split_part(p.permission, ':', 1), split_part(p.permission, ':', 2), 'aal2')))
		)
		SELECT jsonb_build_object(
			'roles', (SELECT coalesce(jsonb_agg(to_jsonb(c)), '[]') FROM counted AS c),
			'effectivePermissions', (SELECT coalesce(jsonb_agg(e.permission ORDER BY e.permission), '[]') FROM effective AS e)));
END
$$;
COMMENT ON FUNCTION auth.user_permissions(uuid, uuid) IS 'roles of a user, in all tenants or in one, and what he may do now with a second factor, as resource:action, without what a missing consent or feature or a ban keeps from him: {roles, effectivePermissions}';
REVOKE ALL ON FUNCTION auth.user_permissions(uuid, uuid) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION auth.user_permissions(uuid, uuid) TO auth_admin;

-- Backends forget what they remember by themselves, whenever rows change; these are
-- for applications that are used to calling them (neonpro: clearCache, clearAllCaches).
CREATE OR REPLACE FUNCTION auth.clear_all_caches() RETURNS void
	LANGUAGE c VOLATILE
	AS 'MODULE_PATHNAME', 'intrex_auth_clear_all_caches';
COMMENT ON FUNCTION auth.clear_all_caches() IS 'makes all backends look anew at sessions, users, members, roles and permissions, from the commit on; they do so by themselves when rows change';
REVOKE ALL ON FUNCTION auth.clear_all_caches() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION auth.clear_all_caches() TO auth_admin;

CREATE OR REPLACE FUNCTION auth.clear_cache(user_id uuid) RETURNS void
	LANGUAGE plpgsql VOLATILE
	SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	AS $$
BEGIN
	IF NOT EXISTS (SELECT FROM auth.users AS u WHERE u.id = clear_cache.user_id) THEN
		PERFORM auth._fail('P0002', 'user not found');
	END IF;
	PERFORM auth.clear_all_caches();
END
$$;
COMMENT ON FUNCTION auth.clear_cache(uuid) IS 'as auth.clear_all_caches(), for one user: what is remembered is little, and goes for all';
REVOKE ALL ON FUNCTION auth.clear_cache(uuid) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION auth.clear_cache(uuid) TO auth_admin;

-- The roles of a tenant that speak about an action: allowed where scope is not NULL.
CREATE OR REPLACE FUNCTION auth.deciding_permissions(role text, tenant_id uuid, resource text, action text)
	RETURNS TABLE (granted_action text, scope text, conditions text[], message text)
	LANGUAGE sql STABLE
	SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	AS $$
	SELECT p.action, p.scope, p.conditions, p.message
	FROM auth.roles AS r
	JOIN auth.role_permissions AS p ON p.role_id = r.id
	WHERE r.name = role AND r.kind = CASE WHEN deciding_permissions.tenant_id IS NULL THEN 'user' ELSE 'member' END
		AND (r.tenant_id IS NULL OR r.tenant_id = deciding_permissions.tenant_id)
		AND p.resource = deciding_permissions.resource
		AND (p.action = deciding_permissions.action
			OR (p.action = 'admin' AND p.scope IS NOT NULL)
			OR (p.action = 'write' AND deciding_permissions.action IN ('create', 'update')))
	-- a denial first, then the widest
	ORDER BY p.scope IS NOT NULL, array_position(ARRAY['platform', 'tenant', 'unit', 'assigned', 'own'], p.scope),
		p.action <> deciding_permissions.action, p.action
$$;
COMMENT ON FUNCTION auth.deciding_permissions(text, uuid, text, text) IS 'the permissions of a role that decide about an action, the first of which holds';
REVOKE ALL ON FUNCTION auth.deciding_permissions(text, uuid, text, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION auth.deciding_permissions(text, uuid, text, text) TO auth_admin;

-- Rows that are read past policies are read without a query, which would run code of
-- the table's owner as the superuser who asks.
CREATE OR REPLACE FUNCTION auth._plain_values(target regclass, column_name name) RETURNS uuid[]
	LANGUAGE c STABLE STRICT
	AS 'MODULE_PATHNAME', 'intrex_auth_plain_values';
COMMENT ON FUNCTION auth._plain_values(regclass, name) IS 'up to two values of a column of type uuid of a table and its parts that differ; for superusers';
REVOKE ALL ON FUNCTION auth._plain_values(regclass, name) FROM PUBLIC;

-- What the policies look at in a row, as far as the caller may SELECT it.
CREATE OR REPLACE FUNCTION auth.row_facts(target regclass, row_id uuid,
		OUT row_found boolean, OUT tenant_id uuid, OUT unit_id uuid, OUT owner_id uuid, OUT assignee_id uuid, OUT subjects uuid[])
	LANGUAGE plpgsql STABLE
	SET search_path = pg_catalog, pg_temp
	AS $$
DECLARE
	entry auth.protected_tables := auth._protect_entry(target);
	facts uuid[];
BEGIN
	IF entry.id IS NULL THEN
		RAISE EXCEPTION USING ERRCODE = 'object_not_in_prerequisite_state', MESSAGE = format('%s is not protected', target),
			HINT = 'Call auth.protect() first.';
	ELSIF auth._protect_key(target) IS NULL THEN
		RAISE EXCEPTION USING ERRCODE = 'feature_not_supported', MESSAGE = format('%s has no key of one uuid', target),
			HINT = 'Leave the row out to explain the table.';
	END IF;
	facts := auth.readable_row(target, row_id);
	row_found := facts IS NOT NULL;
	tenant_id := facts[2];
	unit_id := facts[3];
	owner_id := facts[4];
	assignee_id := facts[5];
	subjects := CASE WHEN row_found THEN array_remove(ARRAY[row_id, owner_id], NULL) END;
	-- where a column says who is assigned, auth.assignments does not; and they are of tenants
	IF entry.assignee_column IS NOT NULL OR entry.tenant_column IS NULL THEN
		subjects := '{}';
	END IF;
END
$$;
COMMENT ON FUNCTION auth.row_facts(regclass, uuid) IS
	'tenant, unit, owner and assignee of a row, if the caller may SELECT it';
REVOKE ALL ON FUNCTION auth.row_facts(regclass, uuid) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION auth.row_facts(regclass, uuid) TO auth_admin;

-- Is a row within a scope of a member, or of a user (tenant_id is NULL: in a table
-- without tenants)? For the explanations only: policies decide.
CREATE OR REPLACE FUNCTION auth.within_scope(scope text, user_id uuid, tenant_id uuid, unit_ids uuid[], row_unit uuid, row_owner uuid, row_assignee uuid, subjects uuid[]) RETURNS boolean
	LANGUAGE sql STABLE
	SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	RETURN coalesce(CASE scope
		WHEN 'tenant' THEN tenant_id IS NOT NULL
		WHEN 'unit' THEN row_unit = ANY (unit_ids)
		WHEN 'assigned' THEN CASE WHEN row_assignee IS NOT NULL THEN row_assignee = user_id ELSE EXISTS (
			SELECT FROM auth.assignments AS a
			WHERE a.tenant_id = within_scope.tenant_id AND a.user_id = within_scope.user_id AND a.subject_id = ANY (subjects)
				AND (a.ends_at IS NULL OR a.ends_at > statement_timestamp())) END
		WHEN 'own' THEN row_owner = user_id
		END, false);
COMMENT ON FUNCTION auth.within_scope(text, uuid, uuid, uuid[], uuid, uuid, uuid, uuid[]) IS 'whether a row is within a scope of a member';
REVOKE ALL ON FUNCTION auth.within_scope(text, uuid, uuid, uuid[], uuid, uuid, uuid, uuid[]) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION auth.within_scope(text, uuid, uuid, uuid[], uuid, uuid, uuid, uuid[]) TO auth_admin;
