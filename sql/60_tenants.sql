-- sql/60_tenants.sql: tenants, units and members: administration, and the endpoints for them.
-- Depends on 10_tables.sql, 40_response.sql, 45_audit.sql, 48_identifiers.sql.
--
-- Order of locks: user, then tenant, then memberships.  Whatever changes members
-- or units of a tenant locks its row first, so that rules over several rows are
-- exact.  The lock is FOR NO KEY UPDATE: rows of the application that refer to the
-- tenant do not wait.
--
-- Roles are rows of auth.roles; until there are any of members, they are names
-- (src/membership.c).

CREATE OR REPLACE FUNCTION auth._lock_tenant(tenant_id uuid) RETURNS boolean
	LANGUAGE plpgsql VOLATILE
	SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	AS $$
BEGIN
	PERFORM FROM auth.tenants AS t WHERE t.id = tenant_id FOR NO KEY UPDATE;
	RETURN FOUND;
END
$$;
COMMENT ON FUNCTION auth._lock_tenant(uuid) IS 'locks a tenant against other changes of its members and units; false when there is none';
REVOKE ALL ON FUNCTION auth._lock_tenant(uuid) FROM PUBLIC;

CREATE OR REPLACE FUNCTION auth._is_owner(role text) RETURNS boolean
	LANGUAGE c STABLE PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'intrex_auth_is_owner';
COMMENT ON FUNCTION auth._is_owner(text) IS 'whether a tenant role owns the tenant: the role with is_owner, else the name owner';
REVOKE ALL ON FUNCTION auth._is_owner(text) FROM PUBLIC;

-- Exact at every isolation level: it sees what was committed until now, and who
-- changes owners without the lock finds out at his commit (61_owner_kept.sql).
CREATE OR REPLACE FUNCTION auth._has_owner(tenant_id uuid, but uuid) RETURNS boolean
	LANGUAGE c VOLATILE PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'intrex_auth_has_owner';
COMMENT ON FUNCTION auth._has_owner(uuid, uuid) IS 'whether a tenant has an owner besides this user (NULL: at all) now; lock the tenant first';
REVOKE ALL ON FUNCTION auth._has_owner(uuid, uuid) FROM PUBLIC;

CREATE OR REPLACE FUNCTION auth._role_known(tenant_id uuid, role text) RETURNS boolean
	LANGUAGE c STABLE PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'intrex_auth_role_known';
COMMENT ON FUNCTION auth._role_known(uuid, text) IS 'whether members of a tenant can have this role; any, until there are roles of members';
REVOKE ALL ON FUNCTION auth._role_known(uuid, text) FROM PUBLIC;

CREATE OR REPLACE FUNCTION auth._demand_tenant(tenant_id uuid) RETURNS void
	LANGUAGE plpgsql VOLATILE
	SET search_path = pg_catalog, pg_temp
	AS $$
BEGIN
	IF NOT auth._lock_tenant(tenant_id) THEN
		PERFORM auth._fail('P0002', 'tenant not found');
	END IF;
END
$$;
COMMENT ON FUNCTION auth._demand_tenant(uuid) IS 'locks a tenant; raises P0002 when there is none';
REVOKE ALL ON FUNCTION auth._demand_tenant(uuid) FROM PUBLIC;

CREATE OR REPLACE FUNCTION auth._role_valid(role text) RETURNS boolean
	LANGUAGE sql IMMUTABLE PARALLEL SAFE
	RETURN coalesce(role COLLATE "C" ~ '^[A-Za-z][A-Za-z0-9_]{0,62}$'
		AND role NOT IN ('anon', 'authenticated', 'auth_admin', 'auth_platform', 'auth_owner', 'auth_hook'), false);
COMMENT ON FUNCTION auth._role_valid(text) IS 'whether a tenant role can be called so';
REVOKE ALL ON FUNCTION auth._role_valid(text) FROM PUBLIC;

CREATE OR REPLACE FUNCTION auth._demand_role(role text) RETURNS text
	LANGUAGE plpgsql STABLE PARALLEL SAFE
	SET search_path = pg_catalog, pg_temp
	AS $$
BEGIN
	IF NOT auth._role_valid(role) THEN
		PERFORM auth._fail('22023', 'role is not valid',
			'It has 1 to 63 letters, digits and underscores, and begins with a letter; names of database roles are reserved.');
	END IF;
	RETURN role;
END
$$;
COMMENT ON FUNCTION auth._demand_role(text) IS 'a tenant role; raises 22023 when it cannot be one';
REVOKE ALL ON FUNCTION auth._demand_role(text) FROM PUBLIC;

-- The lock is that of an INSERT, taken early: auth.role_delete(), which shuts it out,
-- comes either before the look or after the membership.
CREATE OR REPLACE FUNCTION auth._lock_roles() RETURNS void
	LANGUAGE plpgsql VOLATILE
	SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	AS $$
BEGIN
	LOCK TABLE auth.memberships IN ROW EXCLUSIVE MODE;
END
$$;
COMMENT ON FUNCTION auth._lock_roles() IS 'locks what roles members have against the deletion of a role';
REVOKE ALL ON FUNCTION auth._lock_roles() FROM PUBLIC;

CREATE OR REPLACE FUNCTION auth._demand_member_role(role text, tenant_id uuid) RETURNS text
	LANGUAGE plpgsql VOLATILE
	SET search_path = pg_catalog, pg_temp
	AS $$
BEGIN
	PERFORM auth._demand_role(role);
	PERFORM auth._lock_roles();
	IF NOT auth._role_known(tenant_id, role) THEN
		PERFORM auth._fail('22023', 'role is not known', 'auth.roles lists them; auth.role_create() adds one.');
	END IF;
	RETURN role;
END
$$;
COMMENT ON FUNCTION auth._demand_member_role(text, uuid) IS 'a role that members of a tenant can have; raises 22023 when it is none';
REVOKE ALL ON FUNCTION auth._demand_member_role(text, uuid) FROM PUBLIC;

CREATE OR REPLACE FUNCTION auth._owner_role() RETURNS text
	LANGUAGE plpgsql VOLATILE
	SET search_path = pg_catalog, pg_temp
	AS $$
BEGIN
	PERFORM auth._lock_roles();
	RETURN coalesce(auth._role_of_kind('owner'), 'owner');
END
$$;
COMMENT ON FUNCTION auth._owner_role() IS 'the role that a tenant is created with';
REVOKE ALL ON FUNCTION auth._owner_role() FROM PUBLIC;

CREATE OR REPLACE FUNCTION auth._units_of(tenant_id uuid, unit_ids uuid[]) RETURNS uuid[]
	LANGUAGE plpgsql VOLATILE
	SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	AS $$
BEGIN
	RETURN ARRAY(
		SELECT u.id FROM auth.units AS u
		WHERE u.tenant_id = _units_of.tenant_id AND u.id = ANY (unit_ids)
		ORDER BY u.id FOR KEY SHARE);
END
$$;
COMMENT ON FUNCTION auth._units_of(uuid, uuid[]) IS 'those of the units that the tenant has, sorted and once each, kept from being deleted; lock the tenant first';
REVOKE ALL ON FUNCTION auth._units_of(uuid, uuid[]) FROM PUBLIC;

CREATE OR REPLACE FUNCTION auth._units_problem(tenant_id uuid, unit_ids uuid[]) RETURNS text
	LANGUAGE plpgsql VOLATILE
	SET search_path = pg_catalog, pg_temp
	AS $$
BEGIN
	RETURN CASE
		WHEN cardinality(unit_ids) > 1000 THEN 'unit_ids has more than 1000 elements'
		-- a NULL among them is not found either
		WHEN auth._units_of(tenant_id, unit_ids) <> ARRAY(SELECT DISTINCT w.id FROM unnest(unit_ids) AS w (id) ORDER BY w.id)
			THEN 'unit_ids has units that the tenant does not have'
	END;
END
$$;
COMMENT ON FUNCTION auth._units_problem(uuid, uuid[]) IS 'why members of a tenant cannot be bound to these units; NULL when they can';
REVOKE ALL ON FUNCTION auth._units_problem(uuid, uuid[]) FROM PUBLIC;

CREATE OR REPLACE FUNCTION auth._demand_units(tenant_id uuid, unit_ids uuid[]) RETURNS uuid[]
	LANGUAGE plpgsql VOLATILE
	SET search_path = pg_catalog, pg_temp
	AS $$
DECLARE
	problem text := auth._units_problem(tenant_id, unit_ids);
BEGIN
	IF problem IS NOT NULL THEN
		PERFORM auth._fail('22023', problem);
	END IF;
	RETURN auth._units_of(tenant_id, unit_ids);
END
$$;
COMMENT ON FUNCTION auth._demand_units(uuid, uuid[]) IS 'units of a tenant, sorted and once each; raises 22023 when one is not; lock the tenant first';
REVOKE ALL ON FUNCTION auth._demand_units(uuid, uuid[]) FROM PUBLIC;

CREATE OR REPLACE FUNCTION auth._required_name(name text) RETURNS text
	LANGUAGE plpgsql STABLE PARALLEL SAFE
	SET search_path = pg_catalog, pg_temp
	AS $$
BEGIN
	IF name IS NULL THEN
		PERFORM auth._fail('22023', 'name is required');
	END IF;
	RETURN auth._demand_name(name);
END
$$;
COMMENT ON FUNCTION auth._required_name(text) IS 'the cleaned name; raises 22023 when it is missing or cannot be one';
REVOKE ALL ON FUNCTION auth._required_name(text) FROM PUBLIC;

-- Tenants ------------------------------------------------------------------

CREATE OR REPLACE FUNCTION auth.tenant_create(name text, owner uuid DEFAULT NULL) RETURNS uuid
	LANGUAGE plpgsql VOLATILE
	SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	AS $$
DECLARE
	cleaned text := auth._required_name(name);
	created uuid;
BEGIN
	PERFORM FROM auth.users AS u WHERE u.id = owner FOR KEY SHARE;
	IF owner IS NOT NULL AND NOT FOUND THEN
		PERFORM auth._fail('P0002', 'user not found');
	END IF;
	INSERT INTO auth.tenants AS t (name) VALUES (cleaned) RETURNING t.id INTO created;
	PERFORM auth._audit_admin('tenant_create', owner, created);
	IF owner IS NOT NULL THEN
		INSERT INTO auth.memberships (tenant_id, user_id, role) VALUES (created, owner, auth._owner_role());
		PERFORM auth._membership_note(created, owner, 'tenant_create', auth.uid());
	END IF;
	RETURN created;
END
$$;
COMMENT ON FUNCTION auth.tenant_create(text, uuid) IS 'creates a tenant, with a user as its owner if one is given';
REVOKE ALL ON FUNCTION auth.tenant_create(text, uuid) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION auth.tenant_create(text, uuid) TO auth_admin;

CREATE OR REPLACE FUNCTION auth.tenant_rename(tenant_id uuid, name text) RETURNS void
	LANGUAGE plpgsql VOLATILE
	SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	AS $$
#variable_conflict use_column
DECLARE
	cleaned text := auth._required_name(name);
BEGIN
	PERFORM auth._demand_tenant(tenant_id);
	PERFORM auth._audit_admin('tenant_rename', tenant_id => tenant_rename.tenant_id);
	UPDATE auth.tenants AS t SET name = cleaned WHERE t.id = tenant_rename.tenant_id;
END
$$;
COMMENT ON FUNCTION auth.tenant_rename(uuid, text) IS 'renames a tenant';
REVOKE ALL ON FUNCTION auth.tenant_rename(uuid, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION auth.tenant_rename(uuid, text) TO auth_admin;

CREATE OR REPLACE FUNCTION auth.tenant_delete(tenant_id uuid) RETURNS void
	LANGUAGE plpgsql VOLATILE
	SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	AS $$
DECLARE
	by_user CONSTANT uuid := auth.uid();
	member record;
	table_name text;
BEGIN
	PERFORM auth._demand_tenant(tenant_id);
	PERFORM auth._audit_admin('tenant_delete', tenant_id => tenant_delete.tenant_id);
	-- noted member by member; nobody joins between here and there
	PERFORM FROM auth.tenants AS t WHERE t.id = tenant_delete.tenant_id FOR UPDATE;
	FOR member IN DELETE FROM auth.memberships AS m WHERE m.tenant_id = tenant_delete.tenant_id RETURNING m.user_id LOOP
		PERFORM auth._membership_note(tenant_delete.tenant_id, member.user_id, 'tenant_delete', by_user);
	END LOOP;
	BEGIN
		DELETE FROM auth.tenants AS t WHERE t.id = tenant_delete.tenant_id;
	-- from 18 on a RESTRICT is the second
	EXCEPTION WHEN foreign_key_violation OR restrict_violation THEN
		GET STACKED DIAGNOSTICS table_name = TABLE_NAME;
		PERFORM auth._fail('23503', 'the tenant is still referred to', CASE WHEN table_name <> '' THEN format('Look at table "%s".', table_name) END);
	END;
	PERFORM auth._make_durable();
END
$$;
COMMENT ON FUNCTION auth.tenant_delete(uuid) IS 'deletes a tenant with its units, memberships, secrets and every row of protected tables';
REVOKE ALL ON FUNCTION auth.tenant_delete(uuid) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION auth.tenant_delete(uuid) TO auth_admin;

-- Units --------------------------------------------------------------------

CREATE OR REPLACE FUNCTION auth.unit_create(tenant_id uuid, name text) RETURNS uuid
	LANGUAGE plpgsql VOLATILE
	SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	AS $$
#variable_conflict use_column
DECLARE
	cleaned text := auth._required_name(name);
	created uuid;
BEGIN
	PERFORM auth._demand_tenant(tenant_id);
	BEGIN
		INSERT INTO auth.units AS u (tenant_id, name) VALUES (unit_create.tenant_id, cleaned) RETURNING u.id INTO created;
	EXCEPTION WHEN unique_violation THEN
		PERFORM auth._fail('23505', 'a unit with this name exists already');
	END;
	PERFORM auth._audit_admin('unit_create', tenant_id => unit_create.tenant_id, details => jsonb_build_object('unit_id', created));
	RETURN created;
END
$$;
COMMENT ON FUNCTION auth.unit_create(uuid, text) IS 'creates a unit of a tenant';
REVOKE ALL ON FUNCTION auth.unit_create(uuid, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION auth.unit_create(uuid, text) TO auth_admin;

CREATE OR REPLACE FUNCTION auth._demand_unit(unit_id uuid) RETURNS uuid
	LANGUAGE plpgsql VOLATILE
	SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	AS $$
DECLARE
	tenant uuid;
BEGIN
	-- a unit never changes its tenant
	SELECT u.tenant_id INTO tenant FROM auth.units AS u WHERE u.id = unit_id;
	IF NOT FOUND OR NOT auth._lock_tenant(tenant) THEN
		PERFORM auth._fail('P0002', 'unit not found');
	END IF;
	RETURN tenant;
END
$$;
COMMENT ON FUNCTION auth._demand_unit(uuid) IS 'locks the tenant of a unit and returns it; raises P0002 when there is no such unit';
REVOKE ALL ON FUNCTION auth._demand_unit(uuid) FROM PUBLIC;

CREATE OR REPLACE FUNCTION auth.unit_rename(unit_id uuid, name text) RETURNS void
	LANGUAGE plpgsql VOLATILE
	SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	AS $$
#variable_conflict use_column
DECLARE
	cleaned text := auth._required_name(name);
	tenant uuid := auth._demand_unit(unit_id);
BEGIN
	PERFORM auth._audit_admin('unit_rename', tenant_id => tenant, details => jsonb_build_object('unit_id', unit_id));
	BEGIN
		UPDATE auth.units AS u SET name = cleaned WHERE u.id = unit_rename.unit_id;
	EXCEPTION WHEN unique_violation THEN
		PERFORM auth._fail('23505', 'a unit with this name exists already');
	END;
END
$$;
COMMENT ON FUNCTION auth.unit_rename(uuid, text) IS 'renames a unit';
REVOKE ALL ON FUNCTION auth.unit_rename(uuid, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION auth.unit_rename(uuid, text) TO auth_admin;

-- A member whose last unit goes is bound to none and sees nothing of any unit.
CREATE OR REPLACE FUNCTION auth.unit_delete(unit_id uuid) RETURNS void
	LANGUAGE plpgsql VOLATILE
	SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	AS $$
DECLARE
	tenant uuid := auth._demand_unit(unit_id);
	by_user CONSTANT uuid := auth.uid();
	member record;
	table_name text;
BEGIN
	PERFORM auth._audit_admin('unit_delete', tenant_id => tenant, details => jsonb_build_object('unit_id', unit_id));
	FOR member IN
		UPDATE auth.memberships AS m SET unit_ids = array_remove(m.unit_ids, unit_id)
			WHERE m.tenant_id = tenant AND unit_id = ANY (m.unit_ids)
			RETURNING m.user_id
	LOOP
		PERFORM auth._membership_note(tenant, member.user_id, 'unit_delete', by_user);
	END LOOP;
	BEGIN
		DELETE FROM auth.units AS u WHERE u.id = unit_delete.unit_id;
	-- from 18 on a RESTRICT is the second
	EXCEPTION WHEN foreign_key_violation OR restrict_violation THEN
		GET STACKED DIAGNOSTICS table_name = TABLE_NAME;
		PERFORM auth._fail('23503', 'the unit is still referred to', CASE WHEN table_name <> '' THEN format('Look at table "%s".', table_name) END);
	END;
	PERFORM auth._make_durable();
END
$$;
COMMENT ON FUNCTION auth.unit_delete(uuid) IS 'deletes a unit and takes it out of the memberships';
REVOKE ALL ON FUNCTION auth.unit_delete(uuid) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION auth.unit_delete(uuid) TO auth_admin;
