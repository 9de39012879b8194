-- sql/64_roles.sql: administration of roles.
-- Depends on 14_permission_tables.sql, 40_response.sql, 45_audit.sql, 60_tenants.sql.

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
	IF array_ndims(grants) > 1 OR EXISTS (SELECT FROM unnest(grants) AS g WHERE g IS NULL) THEN
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
	-- an old snapshot would miss roles, and some of those who own by name
	PERFORM auth._demand_read_committed();
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
	PERFORM auth._demand_read_committed();
	role := auth._demand_role_row(name, tenant_id);
	-- ranks are compared with those of others, and after the row, as auth.role_delete() locks
	LOCK TABLE auth.roles IN SHARE ROW EXCLUSIVE MODE;
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
	-- no member keeps a role that is not there any more; nobody gets it meanwhile, and
	-- an old snapshot would miss who has got it since
	PERFORM auth._demand_read_committed();
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
