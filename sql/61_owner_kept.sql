-- sql/61_owner_kept.sql: a tenant that has an owner keeps one, whatever statement changes its members.
-- Depends on 60_tenants.sql, 40_response.sql.
--
-- Functions refuse at once; these triggers look at the end of the transaction, so that
-- administrators may exchange owners in any order.  They write nothing.  The lock of
-- the tenant puts those who change its owners at once in a row, and the look sees
-- what the ones before have committed, at every isolation level.

CREATE OR REPLACE FUNCTION auth._owner_kept() RETURNS trigger
	LANGUAGE plpgsql VOLATILE
	SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	AS $$
BEGIN
	IF TG_OP = 'TRUNCATE' THEN
		IF EXISTS (SELECT FROM auth.tenants) THEN
			PERFORM auth._fail('23001', 'tenants would lose their last owners', 'Delete the tenants, or truncate auth.tenants with CASCADE.');
		END IF;
	-- the lock fails where the tenant has gone, too
	ELSIF auth._lock_tenant(OLD.tenant_id) AND NOT auth._has_owner(OLD.tenant_id, NULL) THEN
		PERFORM auth._fail('23001', 'the tenant would lose its last owner', 'Make somebody else an owner first, or delete the tenant.');
	END IF;
	RETURN NULL;
END
$$;
COMMENT ON FUNCTION auth._owner_kept() IS 'trigger: raises 23001 when a tenant has lost its last owner';
REVOKE ALL ON FUNCTION auth._owner_kept() FROM PUBLIC;

CREATE CONSTRAINT TRIGGER owner_kept_removed
	AFTER DELETE ON auth.memberships
	DEFERRABLE INITIALLY DEFERRED
	FOR EACH ROW WHEN (auth._is_owner(OLD.role)) EXECUTE FUNCTION auth._owner_kept();
CREATE CONSTRAINT TRIGGER owner_kept_changed
	AFTER UPDATE OF tenant_id, role ON auth.memberships
	DEFERRABLE INITIALLY DEFERRED
	FOR EACH ROW WHEN (auth._is_owner(OLD.role) AND (OLD.tenant_id <> NEW.tenant_id OR NOT auth._is_owner(NEW.role)))
	EXECUTE FUNCTION auth._owner_kept();
CREATE TRIGGER owner_kept_truncated
	AFTER TRUNCATE ON auth.memberships
	FOR EACH STATEMENT EXECUTE FUNCTION auth._owner_kept();
ALTER TABLE auth.memberships ENABLE ALWAYS TRIGGER owner_kept_removed, ENABLE ALWAYS TRIGGER owner_kept_changed,
	ENABLE ALWAYS TRIGGER owner_kept_truncated;

-- A role that stops owning would take the owners from all its tenants at once.
CREATE OR REPLACE FUNCTION auth._owner_role_kept() RETURNS trigger
	LANGUAGE plpgsql VOLATILE
	SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	AS $$
DECLARE
	members boolean;
BEGIN
	PERFORM auth._demand_read_committed();
	LOCK TABLE auth.memberships IN SHARE MODE;
	IF TG_OP = 'TRUNCATE' THEN
		members := EXISTS (SELECT FROM auth.memberships AS m WHERE NOT auth._is_owner(m.role));
	ELSE
		members := NOT auth._is_owner(OLD.name) AND EXISTS (SELECT FROM auth.memberships AS m WHERE m.role = OLD.name);
	END IF;
	IF members THEN
		PERFORM auth._fail('23001', 'members have the role that owns their tenants', 'Give them another one first.');
	END IF;
	RETURN NULL;
END
$$;
COMMENT ON FUNCTION auth._owner_role_kept() IS 'trigger: raises 23001 when the role that owns tenants is changed or gone while members have it';
REVOKE ALL ON FUNCTION auth._owner_role_kept() FROM PUBLIC;

CREATE CONSTRAINT TRIGGER owner_role_kept_removed
	AFTER DELETE ON auth.roles
	DEFERRABLE INITIALLY DEFERRED
	FOR EACH ROW WHEN (OLD.is_owner) EXECUTE FUNCTION auth._owner_role_kept();
CREATE CONSTRAINT TRIGGER owner_role_kept_changed
	AFTER UPDATE OF name, is_owner ON auth.roles
	DEFERRABLE INITIALLY DEFERRED
	FOR EACH ROW WHEN (OLD.is_owner AND (NOT NEW.is_owner OR OLD.name <> NEW.name)) EXECUTE FUNCTION auth._owner_role_kept();
-- after permissions_truncated, by name: what was remembered is forgotten by then
CREATE TRIGGER roles_owner_kept_truncated
	AFTER TRUNCATE ON auth.roles
	FOR EACH STATEMENT EXECUTE FUNCTION auth._owner_role_kept();
ALTER TABLE auth.roles ENABLE ALWAYS TRIGGER owner_role_kept_removed, ENABLE ALWAYS TRIGGER owner_role_kept_changed,
	ENABLE ALWAYS TRIGGER roles_owner_kept_truncated;
