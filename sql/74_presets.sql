-- sql/74_presets.sql: the roles and permissions of known systems in one call.
-- Depends on 64_roles.sql, 67_role_permissions.sql. Run by superusers: a preset changes settings of the database.
--
-- A preset is rows that administrators may change afterwards; it is not consulted again.

-- The roles of a preset: name, kind, rank, owner of a tenant, description.
CREATE OR REPLACE FUNCTION auth._preset_roles(preset text) RETURNS TABLE (name text, kind text, rank integer, is_owner boolean, description text)
	LANGUAGE sql IMMUTABLE PARALLEL SAFE
	SET search_path = pg_catalog, pg_temp
	AS $$
	SELECT r.name, r.kind, r.rank, r.is_owner, r.description
	FROM (VALUES
		('intrex', 'head_office_admin', 'member', 30, true, 'Head Office Admin: all branches, users and roles, connectors, all activity logs, billing'),
		('intrex', 'branch_manager', 'member', 20, false, 'Branch Manager: the assigned branches, their obligations, activity, notifications and documents'),
		('intrex', 'operator', 'member', 10, false, 'Operator: assigned obligations and their status, documents, own notifications'),
		('neonpro', 'admin', 'platform', 100, false, 'Admin: all resources of the entire system'),
		('neonpro', 'clinic_admin', 'member', 60, true, 'Clinic Admin: all patients and staff of the clinic'),
		('neonpro', 'clinic_manager', 'member', 50, false, 'Clinic Manager: reads and writes all data of the clinic'),
		('neonpro', 'professional', 'member', 40, false, 'Professional: assigned patients only'),
		('neonpro', 'staff', 'member', 20, false, 'Staff: reads most data, no financial data'),
		('neonpro', 'patient', 'member', 10, false, 'Patient: own data only'),
		('unipulse', 'OWNER', 'member', 50, true, 'Owner: members, settings, content, analytics'),
		('unipulse', 'ADMIN', 'member', 40, false, 'Admin: members, settings, content, analytics'),
		('unipulse', 'EDITOR', 'member', 30, false, 'Editor: creates content, views analytics'),
		('unipulse', 'VIEWER', 'member', 20, false, 'Viewer: views content and analytics'),
		('unipulse', 'CLIENT', 'member', 10, false, 'Client: views what was shared with him'),
		('chalvien', 'ADMIN', 'platform', 100, false, 'Admin: everything'),
		('chalvien', 'USER', 'user', 10, false, 'User: his own')
	) AS r (preset, name, kind, rank, is_owner, description)
	WHERE r.preset = _preset_roles.preset
$$;
COMMENT ON FUNCTION auth._preset_roles(text) IS 'the roles of a preset';
REVOKE ALL ON FUNCTION auth._preset_roles(text) FROM PUBLIC;

-- Its resources, with their actions. is_members: permissions on it decide who manages
-- members; a preset without such a resource leaves that to owners.
CREATE OR REPLACE FUNCTION auth._preset_resources(preset text) RETURNS TABLE (name text, actions text[], message text, is_members boolean)
	LANGUAGE sql IMMUTABLE PARALLEL SAFE
	SET search_path = pg_catalog, pg_temp
	AS $$
	SELECT r.name, string_to_array(r.actions, ' '), r.message, (r.preset, r.name) IN (('intrex', 'users'), ('unipulse', 'members'))
	FROM (VALUES
		('intrex', 'branches', 'read create update delete', NULL),
		('intrex', 'users', 'read create update delete', NULL),
		('intrex', 'roles', 'read create update delete', NULL),
		('intrex', 'connectors', 'read create update delete', NULL),
		('intrex', 'domains', 'read create update delete', NULL),
		('intrex', 'activity_logs', 'read', NULL),
		('intrex', 'billing', 'read update', NULL),
		('intrex', 'obligations', 'read create update delete', NULL),
		('intrex', 'notifications', 'read create update delete', NULL),
		('intrex', 'documents', 'read create update delete', NULL),
		('neonpro', 'agent_sessions', 'read write delete admin', NULL),
		('neonpro', 'agent_messages', 'read write delete admin', NULL),
		('neonpro', 'agent_context', 'read write delete admin', NULL),
		('neonpro', 'agent_audit', 'read write delete admin', NULL),
		('neonpro', 'patient_data', 'read write delete admin', 'Access denied to patient data'),
		('neonpro', 'financial_data', 'read write delete admin', 'Access denied to financial data'),
		('unipulse', 'members', 'read write delete', NULL),
		('unipulse', 'settings', 'read write delete', NULL),
		('unipulse', 'content', 'read create update delete', NULL),
		('unipulse', 'analytics', 'read write delete', NULL),
		('chalvien', 'orders', 'read create update delete', NULL),
		('chalvien', 'users', 'read create update delete', NULL)
	) AS r (preset, name, actions, message)
	WHERE r.preset = _preset_resources.preset
$$;
COMMENT ON FUNCTION auth._preset_resources(text) IS 'the resources of a preset';
REVOKE ALL ON FUNCTION auth._preset_resources(text) FROM PUBLIC;

-- Its permissions: the words of the resources and actions are lists; scope none denies.
CREATE OR REPLACE FUNCTION auth._preset_permissions(preset text)
	RETURNS TABLE (role text, resource text, action text, scope text, conditions text[], columns text[])
	LANGUAGE sql IMMUTABLE PARALLEL SAFE
	SET search_path = pg_catalog, pg_temp
	AS $$
	SELECT p.role, r.resource, a.action, nullif(p.scope, 'none'), coalesce(string_to_array(p.conditions, ' '), '{}'), string_to_array(p.columns, ' ')
	FROM (VALUES
		('intrex', 'head_office_admin', 'branches users roles connectors domains obligations notifications documents', 'read create update delete', 'tenant', NULL, NULL),
		('intrex', 'head_office_admin', 'activity_logs', 'read', 'tenant', NULL, NULL),
		('intrex', 'head_office_admin', 'billing', 'read update', 'tenant', NULL, NULL),
		('intrex', 'branch_manager', 'branches', 'read update', 'unit', NULL, NULL),
		('intrex', 'branch_manager', 'obligations', 'read create update', 'unit', NULL, NULL),
		('intrex', 'branch_manager', 'domains', 'read', 'tenant', NULL, NULL),
		('intrex', 'branch_manager', 'activity_logs', 'read', 'unit', NULL, NULL),
		('intrex', 'branch_manager', 'notifications', 'read update', 'unit', NULL, NULL),
		('intrex', 'branch_manager', 'documents', 'read create', 'unit', NULL, NULL),
		('intrex', 'operator', 'obligations', 'read', 'assigned', NULL, NULL),
		('intrex', 'operator', 'obligations', 'update', 'assigned', NULL, 'status'),
		('intrex', 'operator', 'documents', 'read create', 'own', NULL, NULL),
		('intrex', 'operator', 'notifications', 'read', 'own', NULL, NULL),
		('intrex', 'operator', 'activity_logs', 'read', 'own', NULL, NULL),
		('neonpro', 'clinic_admin', 'agent_sessions agent_messages agent_context agent_audit patient_data financial_data', 'read write delete admin', 'tenant', NULL, NULL),
		('neonpro', 'clinic_manager', 'agent_sessions agent_messages agent_context patient_data financial_data', 'read write', 'tenant', NULL, NULL),
		('neonpro', 'clinic_manager', 'agent_audit', 'read', 'tenant', NULL, NULL),
		('neonpro', 'professional', 'agent_sessions agent_messages agent_context patient_data', 'read write', 'assigned', NULL, NULL),
		('neonpro', 'staff', 'agent_sessions agent_messages agent_context patient_data', 'read', 'tenant', NULL, NULL),
		('neonpro', 'staff', 'financial_data', 'read write delete admin', 'none', NULL, NULL),
		('neonpro', 'patient', 'patient_data financial_data', 'read', 'own', NULL, NULL),
		('neonpro', 'patient', 'agent_sessions agent_messages', 'read write', 'own', 'consent:ai_interaction', NULL),
		('neonpro', 'patient', 'agent_context', 'read', 'own', 'consent:ai_interaction', NULL),
		('unipulse', 'OWNER', 'members settings', 'read write delete', 'tenant', NULL, NULL),
		('unipulse', 'OWNER', 'content', 'read create update delete', 'tenant', NULL, NULL),
		('unipulse', 'OWNER', 'analytics', 'read write delete', 'tenant', NULL, NULL),
		('unipulse', 'ADMIN', 'members settings', 'read write delete', 'tenant', NULL, NULL),
		('unipulse', 'ADMIN', 'content', 'read create update delete', 'tenant', NULL, NULL),
		('unipulse', 'ADMIN', 'analytics', 'read write delete', 'tenant', NULL, NULL),
		('unipulse', 'EDITOR', 'content', 'read create update delete', 'tenant', NULL, NULL),
		('unipulse', 'EDITOR', 'analytics', 'read', 'tenant', NULL, NULL),
		('unipulse', 'VIEWER', 'content analytics', 'read', 'tenant', NULL, NULL),
		('unipulse', 'CLIENT', 'content analytics', 'read', 'assigned', NULL, NULL),
		('chalvien', 'USER', 'orders', 'read create update', 'own', NULL, NULL),
		('chalvien', 'USER', 'users', 'read', 'own', NULL, NULL)
	) AS p (preset, role, resources, actions, scope, conditions, columns)
	CROSS JOIN LATERAL string_to_table(p.resources, ' ') AS r (resource)
	CROSS JOIN LATERAL string_to_table(p.actions, ' ') AS a (action)
	WHERE p.preset = _preset_permissions.preset
$$;
COMMENT ON FUNCTION auth._preset_permissions(text) IS 'the permissions of a preset, one row each';
REVOKE ALL ON FUNCTION auth._preset_permissions(text) FROM PUBLIC;

-- Its settings, as the seed has them.
CREATE OR REPLACE FUNCTION auth._preset_settings(preset text) RETURNS TABLE (name text, value text)
	LANGUAGE sql IMMUTABLE PARALLEL SAFE
	SET search_path = pg_catalog, pg_temp
	AS $$
	SELECT s.name, s.value
	FROM (VALUES
		('intrex', 'intrex_auth.access_token_lifetime', '24h'),
		('intrex', 'intrex_auth.refresh_token_lifetime', '24h'),
		('intrex', 'intrex_auth.token_delivery', 'cookie'),
		('intrex', 'intrex_auth.refresh_cookie_same_site', 'lax'),
		('neonpro', 'intrex_auth.max_token_lifetime', '24h'),
		('neonpro', 'intrex_auth.token_delivery', 'cookie'),
		('neonpro', 'intrex_auth.single_session', 'replace'),
		('unipulse', 'intrex_auth.access_token_lifetime', '15min'),
		('unipulse', 'intrex_auth.refresh_token_lifetime', '7d'),
		('unipulse', 'intrex_auth.token_delivery', 'cookie'),
		('chalvien', 'intrex_auth.access_token_lifetime', '15min'),
		('chalvien', 'intrex_auth.refresh_token_lifetime', '7d'),
		('chalvien', 'intrex_auth.session_lifetime', '7d'),
		('chalvien', 'intrex_auth.token_delivery', 'cookie')
	) AS s (preset, name, value)
	WHERE s.preset = _preset_settings.preset
$$;
COMMENT ON FUNCTION auth._preset_settings(text) IS 'the settings of a preset';
REVOKE ALL ON FUNCTION auth._preset_settings(text) FROM PUBLIC;

CREATE OR REPLACE FUNCTION auth.use_preset(preset text) RETURNS TABLE (object text, statement text)
	LANGUAGE plpgsql VOLATILE
	SET search_path = pg_catalog, pg_temp
	AS $$
#variable_conflict use_column
DECLARE
	used text;
	role_id uuid;
	taken text;
	one record;
	member record;
	by_user CONSTANT uuid := auth.uid();
BEGIN
	IF preset IS NULL OR NOT EXISTS (SELECT FROM auth._preset_roles(preset)) THEN
		PERFORM auth._fail('22023', 'there is no such preset', 'The presets are intrex, neonpro, unipulse and chalvien.');
	END IF;
	-- an old snapshot would miss some of those who own by name
	PERFORM auth._demand_read_committed();
	LOCK TABLE auth.presets, auth.roles, auth.resources, auth.memberships IN SHARE ROW EXCLUSIVE MODE;
	SELECT p.name INTO used FROM auth.presets AS p;
	IF FOUND THEN
		PERFORM auth._fail('55000', format('this database uses the preset "%s" already', used),
			'A database has one preset. Add to it with auth.role_create() and auth.permission_set(), or use a database of its own.');
	END IF;
	-- names that are there already would be given another meaning without a word
	SELECT string_agg(t.name, ', ' ORDER BY t.name) INTO taken FROM (
		SELECT 'role ' || r.name FROM auth.roles AS r JOIN auth._preset_roles(preset) AS p ON p.name = r.name
		UNION ALL
		SELECT 'role ' || r.name || ', which owns tenants' FROM auth.roles AS r JOIN auth._preset_roles(preset) AS p ON p.is_owner AND p.name <> r.name
			WHERE r.is_owner
		UNION ALL
		SELECT 'role ' || r.name || ', which ranks above ' || p.name FROM auth.roles AS r JOIN auth._preset_roles(preset) AS p ON p.is_owner AND r.rank > p.rank
			WHERE r.kind = 'member' AND NOT r.is_owner
		UNION ALL
		SELECT 'resource ' || r.name FROM auth.resources AS r JOIN auth._preset_resources(preset) AS p ON p.name = r.name) AS t (name);
	IF taken IS NOT NULL THEN
		PERFORM auth._fail('42710', format('these exist already: %s', taken), 'auth.role_delete() and auth.resource_delete() delete them; or use a database of its own.');
	END IF;

	INSERT INTO auth.presets (name) VALUES (preset);
	FOR one IN SELECT * FROM auth._preset_resources(preset) LOOP
		INSERT INTO auth.resources (name, actions, message, is_members)
			VALUES (one.name, one.actions, one.message, one.is_members AND NOT EXISTS (SELECT FROM auth.resources AS r WHERE r.is_members));
		object := 'resource';
		statement := format('%s: %s', one.name, array_to_string(one.actions, ', '));
		RETURN NEXT;
	END LOOP;
	FOR one IN SELECT * FROM auth._preset_roles(preset) AS r ORDER BY r.rank DESC LOOP
		INSERT INTO auth.roles (name, kind, rank, is_owner, description)
			VALUES (one.name, one.kind, one.rank, one.is_owner, one.description) RETURNING id INTO role_id;
		INSERT INTO auth.role_permissions (role_id, resource, action, scope, conditions, columns)
			SELECT role_id, p.resource, p.action, p.scope, p.conditions, p.columns
			FROM auth._preset_permissions(preset) AS p WHERE p.role = one.name;
		object := 'role';
		statement := one.description;
		RETURN NEXT;
	END LOOP;
	-- who owned a tenant until now, by name, owns it from now on
	FOR one IN SELECT r.name FROM auth.roles AS r WHERE r.is_owner AND r.name <> 'owner' LOOP
		FOR member IN
			UPDATE auth.memberships AS m SET role = one.name WHERE lower(m.role) = 'owner' AND m.role <> one.name
				RETURNING m.tenant_id, m.user_id
		LOOP
			PERFORM auth._membership_note(member.tenant_id, member.user_id, 'preset_used', by_user);
		END LOOP;
		IF FOUND THEN
			object := 'members';
			statement := format('the owners of tenants have the role %s', one.name);
			RETURN NEXT;
		END IF;
	END LOOP;
	-- what was a name of its own until now gives nothing where names are roles
	FOR one IN SELECT m.role, count(*) AS members FROM auth.memberships AS m
		WHERE NOT auth._role_known(m.tenant_id, m.role) GROUP BY m.role ORDER BY m.role
	LOOP
		object := 'members';
		statement := format('-- %s have the role %s, which is none of members: they may do nothing until auth.member_update() gives them another', one.members, one.role);
		RETURN NEXT;
	END LOOP;
	FOR one IN SELECT * FROM auth._preset_settings(preset) LOOP
		object := 'setting';
		statement := format('ALTER DATABASE %I SET %s = %L', current_database(), one.name, one.value);
		EXECUTE statement;
		RETURN NEXT;
	END LOOP;
	statement := '-- settings hold in new connections';
	RETURN NEXT;
	PERFORM auth._audit_admin('preset_used', NULL, NULL, jsonb_build_object('preset', preset));
END
$$;
COMMENT ON FUNCTION auth.use_preset(text) IS 'loads the roles, permissions and settings of a known system: intrex, neonpro, unipulse or chalvien; a second one is an error';
REVOKE ALL ON FUNCTION auth.use_preset(text) FROM PUBLIC;
