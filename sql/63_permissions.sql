-- sql/63_permissions.sql: what the caller may do, for policies and guards.
-- Depends on 14_permission_tables.sql, 20_context.sql; C in src/permission.c.
--
-- In policies always as (SELECT …): once per query, not per row.

CREATE OR REPLACE FUNCTION auth.scope(resource text, action text) RETURNS text
	LANGUAGE c STABLE STRICT PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'intrex_auth_scope';
COMMENT ON FUNCTION auth.scope(text, text) IS 'on which rows of a resource the caller may do this: platform, tenant, unit, assigned, own; NULL: on none. An unknown resource or action is an error';
REVOKE ALL ON FUNCTION auth.scope(text, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION auth.scope(text, text) TO anon, authenticated, auth_admin;

CREATE OR REPLACE FUNCTION auth.scope_id(resource text, action text, scope text) RETURNS uuid
	LANGUAGE c STABLE STRICT PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'intrex_auth_scope_id';
COMMENT ON FUNCTION auth.scope_id(text, text, text) IS 'for policies, what the column of a scope is compared with: the tenant for tenant, the user for assigned and own, if that is the scope of the caller; else NULL';
REVOKE ALL ON FUNCTION auth.scope_id(text, text, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION auth.scope_id(text, text, text) TO anon, authenticated, auth_admin;

CREATE OR REPLACE FUNCTION auth.scope_ids(resource text, action text, scope text) RETURNS uuid[]
	LANGUAGE c STABLE STRICT PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'intrex_auth_scope_ids';
COMMENT ON FUNCTION auth.scope_ids(text, text, text) IS 'for policies, what the column of a scope is compared with: the units for unit, what auth.assignments assigns for assigned, if that is the scope of the caller; else NULL';
REVOKE ALL ON FUNCTION auth.scope_ids(text, text, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION auth.scope_ids(text, text, text) TO anon, authenticated, auth_admin;

CREATE OR REPLACE FUNCTION auth.can(resource text, action text) RETURNS boolean
	LANGUAGE c STABLE STRICT PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'intrex_auth_can';
COMMENT ON FUNCTION auth.can(text, text) IS 'whether the caller may do this to any row of a resource; an unknown resource or action is an error';
REVOKE ALL ON FUNCTION auth.can(text, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION auth.can(text, text) TO anon, authenticated, auth_admin;

CREATE OR REPLACE FUNCTION auth.has_rank(role text) RETURNS boolean
	LANGUAGE c STABLE STRICT PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'intrex_auth_has_rank';
COMMENT ON FUNCTION auth.has_rank(text) IS 'whether the caller has this role or one that ranks as high; an unknown role is an error';
REVOKE ALL ON FUNCTION auth.has_rank(text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION auth.has_rank(text) TO anon, authenticated, auth_admin;

CREATE OR REPLACE FUNCTION auth._role_of_kind(kind text) RETURNS text
	LANGUAGE c STABLE STRICT PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'intrex_auth_role_of_kind';
COMMENT ON FUNCTION auth._role_of_kind(text) IS 'the name of the role of platform administrators, or of users; NULL: there is none';
REVOKE ALL ON FUNCTION auth._role_of_kind(text) FROM PUBLIC;

-- What is not known does not hold.
CREATE OR REPLACE FUNCTION auth._conditions_hold(conditions text[]) RETURNS boolean
	LANGUAGE plpgsql STABLE PARALLEL SAFE
	SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	AS $$
DECLARE
	condition text;
BEGIN
	FOREACH condition IN ARRAY conditions LOOP
		IF condition = 'aal2' THEN
			CONTINUE WHEN auth.aal() = 'aal2';
		ELSIF condition LIKE 'consent:%' THEN
			CONTINUE WHEN auth.has_consent(substr(condition, 9));
		ELSIF condition LIKE 'feature:%' THEN
			CONTINUE WHEN auth.has_feature(substr(condition, 9));
		END IF;
		RETURN false;
	END LOOP;
	RETURN true;
END
$$;
COMMENT ON FUNCTION auth._conditions_hold(text[]) IS 'whether the conditions of a permission hold for the caller';
REVOKE ALL ON FUNCTION auth._conditions_hold(text[]) FROM PUBLIC;

-- Ended assignments count no more from the next statement on.
CREATE OR REPLACE FUNCTION auth._assigned_ids() RETURNS uuid[]
	LANGUAGE sql STABLE PARALLEL SAFE
	SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	RETURN ARRAY(
		SELECT a.subject_id FROM auth.assignments AS a
		WHERE a.tenant_id = auth.tenant_id() AND a.user_id = auth.uid()
			AND (a.ends_at IS NULL OR a.ends_at > statement_timestamp()));
COMMENT ON FUNCTION auth._assigned_ids() IS 'Internal: what auth.assigned_ids() returns';
REVOKE ALL ON FUNCTION auth._assigned_ids() FROM PUBLIC;

-- A function of C, so that a query in whose policies it stands has one identity.
CREATE OR REPLACE FUNCTION auth.assigned_ids() RETURNS uuid[]
	LANGUAGE c STABLE PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'intrex_auth_policy_question';
COMMENT ON FUNCTION auth.assigned_ids() IS 'what the caller is assigned to in his tenant: for policies, as (SELECT auth.assigned_ids())';
REVOKE ALL ON FUNCTION auth.assigned_ids() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION auth.assigned_ids() TO anon, authenticated, auth_admin;

-- As src/permission.c looks at them: the first holds, if its conditions do.
CREATE OR REPLACE FUNCTION auth._caller_permissions(resource text, action text)
	RETURNS TABLE (granted_action text, scope text, conditions text[], message text)
	LANGUAGE plpgsql STABLE PARALLEL SAFE
	SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	AS $$
BEGIN
	RETURN QUERY SELECT p.* FROM auth.deciding_permissions(
		CASE WHEN auth.tenant_id() IS NULL THEN auth._role_of_kind('user') ELSE auth.tenant_role() END, auth.tenant_id(), resource, action) AS p;
END
$$;
COMMENT ON FUNCTION auth._caller_permissions(text, text) IS 'the permissions of the caller''s role that decide about an action, as auth.deciding_permissions() has them';
REVOKE ALL ON FUNCTION auth._caller_permissions(text, text) FROM PUBLIC;

-- What the caller is told who may not; rows that deny have a message of their own.
CREATE OR REPLACE FUNCTION auth._refusal_message(resource text, action text) RETURNS text
	LANGUAGE sql STABLE PARALLEL SAFE
	SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	RETURN coalesce(
		(SELECT p.message FROM auth._caller_permissions(_refusal_message.resource, _refusal_message.action) AS p LIMIT 1),
		(SELECT s.message FROM auth.resources AS s WHERE s.name = _refusal_message.resource),
		'Insufficient permissions');
COMMENT ON FUNCTION auth._refusal_message(text, text) IS 'what the caller is told who may not do this';
REVOKE ALL ON FUNCTION auth._refusal_message(text, text) FROM PUBLIC;

CREATE OR REPLACE FUNCTION auth.columns_guard() RETURNS trigger
	LANGUAGE c VOLATILE
	AS 'MODULE_PATHNAME', 'intrex_auth_columns_guard';
COMMENT ON FUNCTION auth.columns_guard() IS 'trigger of auth.protect: refuses an update of columns that the permission does not name';
REVOKE ALL ON FUNCTION auth.columns_guard() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION auth.columns_guard() TO auth_admin;

CREATE OR REPLACE FUNCTION auth._permissions_changed() RETURNS trigger
	LANGUAGE c VOLATILE PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'intrex_auth_permissions_changed';
COMMENT ON FUNCTION auth._permissions_changed() IS 'after a change of roles, permissions or resources: all backends forget what they remember of them';
REVOKE ALL ON FUNCTION auth._permissions_changed() FROM PUBLIC;

DO $$
DECLARE
	changed pg_catalog.text;
BEGIN
	FOREACH changed IN ARRAY ARRAY['resources', 'roles', 'role_permissions'] LOOP
		EXECUTE pg_catalog.format('CREATE TRIGGER permissions_changed AFTER INSERT OR UPDATE OR DELETE ON auth.%I
			FOR EACH ROW EXECUTE FUNCTION auth._permissions_changed()', changed);
		EXECUTE pg_catalog.format('CREATE TRIGGER permissions_truncated AFTER TRUNCATE ON auth.%I
			FOR EACH STATEMENT EXECUTE FUNCTION auth._permissions_changed()', changed);
		EXECUTE pg_catalog.format('ALTER TABLE auth.%I ENABLE ALWAYS TRIGGER permissions_changed,
			ENABLE ALWAYS TRIGGER permissions_truncated', changed);
	END LOOP;
END
$$;
