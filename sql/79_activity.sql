-- sql/79_activity.sql: the audit trail for the people whom it is about.
-- Depends on 45_audit.sql, 63_permissions.sql.
--
-- On which rows is the scope of the permission to read activity_logs, if the database
-- has that resource; else all of the tenant for its owners. Everybody sees his own.

CREATE OR REPLACE FUNCTION auth._activity_scope() RETURNS text
	LANGUAGE plpgsql STABLE
	SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	AS $$
BEGIN
	IF auth.role() IS NOT DISTINCT FROM 'auth_platform' AND auth.is_super_admin() THEN
		RETURN 'platform';
	ELSIF EXISTS (SELECT FROM auth.resources AS r WHERE r.name = 'activity_logs' AND 'read' = ANY (r.actions)) THEN
		RETURN coalesce(auth.scope('activity_logs', 'read'), 'own');
	END IF;
	RETURN CASE WHEN auth._is_owner(auth.tenant_role()) THEN 'tenant' ELSE 'own' END;
END
$$;
COMMENT ON FUNCTION auth._activity_scope() IS 'which part of the audit trail the caller sees: platform, tenant, unit (of the members of his units) or own';
REVOKE ALL ON FUNCTION auth._activity_scope() FROM PUBLIC;

CREATE OR REPLACE FUNCTION auth_api.activity(event text DEFAULT NULL, before bigint DEFAULT NULL, "limit" integer DEFAULT 100) RETURNS jsonb
	LANGUAGE plpgsql VOLATILE
	SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET default_transaction_isolation = 'read committed'
	AS $$
DECLARE
	page_size integer := coalesce("limit", 100);
	scope text;
	seen uuid[];
	entries jsonb;
	ids bigint[];
BEGIN
	IF auth.uid() IS NULL THEN
		RETURN auth._refuse('activity', 401, 'no_authorization', 'Authentication required');
	END IF;
	IF page_size NOT BETWEEN 1 AND 1000 THEN
		RETURN auth._refuse('activity', 400, 'validation_failed', 'limit must be from 1 to 1000');
	END IF;
	scope := auth._activity_scope();
	-- whose rows: his own, and those of the members that share a unit with him
	seen := ARRAY[auth.uid()];
	IF scope = 'unit' THEN
		seen := seen || ARRAY(
			SELECT m.user_id FROM auth.memberships AS m
			WHERE m.tenant_id = auth.tenant_id() AND m.unit_ids && auth.unit_ids());
	END IF;
	SELECT jsonb_agg(e.entry ORDER BY e.id DESC) FILTER (WHERE e.position <= page_size), array_agg(e.id ORDER BY e.id DESC)
		INTO entries, ids
		FROM (
			SELECT a.id, row_number() OVER (ORDER BY a.id DESC) AS position, jsonb_build_object(
				'id', a.id, 'at', a.at, 'event', a.event, 'outcome', a.outcome, 'code', a.code, 'user_id', a.user_id,
				'identifier', a.identifier, 'address', a.address,
				-- how administrators connect is theirs, and so is what the payment provider calls things
				'details', CASE WHEN scope = 'platform' THEN a.details
					ELSE a.details - ARRAY['by_role', 'as_role', 'external_customer_id', 'external_subscription_id'] END) AS entry
			FROM auth.audit_log AS a
			WHERE CASE scope
					WHEN 'platform' THEN true
					WHEN 'tenant' THEN a.tenant_id = auth.tenant_id() OR a.user_id = auth.uid()
					-- what a colleague did in another tenant is not this one's business
					ELSE a.user_id = auth.uid() OR (a.user_id = ANY (seen) AND a.tenant_id = auth.tenant_id()) END
				AND (activity.event IS NULL OR a.event = activity.event)
				AND (before IS NULL OR a.id < before)
			ORDER BY a.id DESC
			LIMIT page_size + 1) AS e;
	RETURN jsonb_build_object('scope', scope, 'activity', coalesce(entries, '[]'), 'next',
		CASE WHEN cardinality(ids) > page_size THEN ids[page_size] END);
END
$$;
COMMENT ON FUNCTION auth_api.activity(text, bigint, integer) IS 'the audit trail in pages, newest first, as far as the caller may see it: {scope, activity, next}';
REVOKE ALL ON FUNCTION auth_api.activity(text, bigint, integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION auth_api.activity(text, bigint, integer) TO authenticated;
