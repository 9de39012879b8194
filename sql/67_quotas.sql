-- sql/67_quotas.sql: quotas: counting what is used, in the transaction that uses it.
-- Depends on 66_plans.sql.
--
-- Whoever counts holds a lock on the tenant (src/usage.c) until the end of the
-- transaction, or until a savepoint before it is rolled back to.  So counts are
-- exact and refunded at every isolation level, without 40001; and quotas taken in
-- different order cannot deadlock, because a tenant has one lock for them all.
--
-- A use counts for the month, in UTC, in which its transaction began, as now() in
-- a column of the row does: a row and its count cannot end in different months.

CREATE OR REPLACE FUNCTION auth._usage_lock(tenant_id uuid) RETURNS void
	LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'intrex_auth_usage_lock';
COMMENT ON FUNCTION auth._usage_lock(uuid) IS 'locks what a tenant uses until the end of the (sub)transaction';
REVOKE ALL ON FUNCTION auth._usage_lock(uuid) FROM PUBLIC;

CREATE OR REPLACE FUNCTION auth._quota_period(at timestamptz) RETURNS date
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'intrex_auth_quota_period';
COMMENT ON FUNCTION auth._quota_period(timestamptz) IS 'first day of the month in UTC';
REVOKE ALL ON FUNCTION auth._quota_period(timestamptz) FROM PUBLIC;

CREATE OR REPLACE FUNCTION auth._quota_charge(tenant_id uuid, quota text, amount bigint) RETURNS bigint
	LANGUAGE c VOLATILE PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'intrex_auth_quota_charge';
COMMENT ON FUNCTION auth._quota_charge(uuid, text, bigint) IS 'counts an amount for a tenant and returns what is left (NULL: unlimited); raises PT402 when there is less; call it as the owner of auth.usage';
REVOKE ALL ON FUNCTION auth._quota_charge(uuid, text, bigint) FROM PUBLIC;

-- Guards -------------------------------------------------------------------

-- SECURITY DEFINER, because it begins the counter of a new month by an INSERT.
CREATE OR REPLACE FUNCTION auth.consume_quota(quota text, amount bigint DEFAULT 1) RETURNS bigint
	LANGUAGE c VOLATILE PARALLEL UNSAFE
	SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	AS 'MODULE_PATHNAME', 'intrex_auth_consume_quota';
COMMENT ON FUNCTION auth.consume_quota(text, bigint) IS 'counts an amount for the caller''s tenant and returns what is left this month (NULL: unlimited); raises PT402 "Quota exceeded" when there is less. A rollback gives it back';
REVOKE ALL ON FUNCTION auth.consume_quota(text, bigint) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION auth.consume_quota(text, bigint) TO anon, authenticated, auth_admin;

CREATE OR REPLACE FUNCTION auth.has_quota(quota text, amount bigint DEFAULT 1) RETURNS boolean
	LANGUAGE c STABLE PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'intrex_auth_has_quota';
COMMENT ON FUNCTION auth.has_quota(text, bigint) IS 'whether the caller''s tenant has so much left this month; it takes nothing';
REVOKE ALL ON FUNCTION auth.has_quota(text, bigint) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION auth.has_quota(text, bigint) TO anon, authenticated, auth_admin;

CREATE OR REPLACE FUNCTION auth.quota_left(quota text) RETURNS bigint
	LANGUAGE c STABLE PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'intrex_auth_quota_left';
COMMENT ON FUNCTION auth.quota_left(text) IS 'what the caller''s tenant may still use this month; NULL: unlimited';
REVOKE ALL ON FUNCTION auth.quota_left(text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION auth.quota_left(text) TO anon, authenticated, auth_admin;

-- The tenant of each row pays, whoever inserts it.
CREATE OR REPLACE FUNCTION auth._quota_charge_row(tenant_id uuid, name text, amount bigint) RETURNS void
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
	SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	AS $$
BEGIN
	-- whoever comes with a token spends what is his tenant's
	IF auth.user_id() IS NOT NULL AND tenant_id IS DISTINCT FROM auth.tenant_id() AND NOT auth.is_super_admin() THEN
		PERFORM auth._guard_refuse('quota_trigger', true);
	END IF;
	PERFORM auth._quota_charge(tenant_id, name, amount);
END
$$;
COMMENT ON FUNCTION auth._quota_charge_row(uuid, text, bigint) IS 'charges a tenant for rows that were inserted; raises 42501 when the caller is of another tenant and no platform administrator';
REVOKE ALL ON FUNCTION auth._quota_charge_row(uuid, text, bigint) FROM PUBLIC;

CREATE OR REPLACE FUNCTION auth.quota_trigger() RETURNS trigger
	LANGUAGE c VOLATILE PARALLEL UNSAFE
	SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	AS 'MODULE_PATHNAME', 'intrex_auth_quota_trigger';
COMMENT ON FUNCTION auth.quota_trigger() IS 'CREATE TRIGGER … AFTER INSERT ON … REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION auth.quota_trigger(quota [, tenant_column]): each row that is inserted counts 1 for its tenant';
REVOKE ALL ON FUNCTION auth.quota_trigger() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION auth.quota_trigger() TO auth_admin;

-- What members see --------------------------------------------------------

CREATE OR REPLACE FUNCTION auth.quotas() RETURNS TABLE (name text, quota bigint, used bigint, remaining bigint, resets_at timestamptz)
	LANGUAGE sql STABLE PARALLEL SAFE
	SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	AS $$
	SELECT f.name, CASE WHEN i.plan IS NULL THEN 0 ELSE i.quota END, coalesce(u.used, 0),
		CASE WHEN i.plan IS NULL THEN 0 WHEN i.quota IS NOT NULL THEN greatest(i.quota - coalesce(u.used, 0), 0) END,
		(auth._quota_period(now()) + interval '1 month') AT TIME ZONE 'UTC'
	FROM auth.features AS f
	CROSS JOIN (SELECT auth.tenant_id(), auth._plan(auth.tenant_id())) AS t (id, plan)
	LEFT JOIN auth.plan_features AS i ON i.plan = t.plan AND i.feature = f.name
	LEFT JOIN auth.usage AS u ON u.tenant_id = t.id AND u.quota = f.name AND u.period_start = auth._quota_period(now())
	WHERE f.metered AND t.id IS NOT NULL
	ORDER BY f.name
$$;
COMMENT ON FUNCTION auth.quotas() IS 'every metered feature with what the caller''s tenant may use of it this month and what is left (NULL: unlimited); no rows without a tenant';
REVOKE ALL ON FUNCTION auth.quotas() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION auth.quotas() TO anon, authenticated, auth_admin;

-- Without the ids of the payment provider, which are for the administration.
CREATE OR REPLACE FUNCTION auth.subscription() RETURNS jsonb
	LANGUAGE sql STABLE PARALLEL SAFE
	SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	AS $$
	SELECT jsonb_build_object(
		'plan', t.plan,
		'subscribed_plan', s.plan,
		'status', s.status,
		'ends_at', s.ends_at,
		'features', coalesce((
			SELECT jsonb_agg(i.feature ORDER BY i.feature) FROM auth.plan_features AS i
			WHERE i.plan = t.plan AND i.quota IS DISTINCT FROM 0), '[]'),
		'quotas', coalesce((SELECT jsonb_agg(to_jsonb(q) ORDER BY q.name) FROM auth.quotas() AS q), '[]'))
	FROM (SELECT auth.tenant_id(), auth._plan(auth.tenant_id())) AS t (id, plan)
	LEFT JOIN auth.subscriptions AS s ON s.tenant_id = t.id
	WHERE t.id IS NOT NULL
$$;
COMMENT ON FUNCTION auth.subscription() IS 'the caller''s tenant: {plan, subscribed_plan, status, ends_at, features, quotas}; plan is what counts now, null: none';
REVOKE ALL ON FUNCTION auth.subscription() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION auth.subscription() TO anon, authenticated, auth_admin;

CREATE OR REPLACE FUNCTION auth_api.subscription() RETURNS jsonb
	LANGUAGE plpgsql VOLATILE
	SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET default_transaction_isolation = 'read committed'
	AS $$
BEGIN
	IF auth.uid() IS NULL THEN
		RETURN auth._refuse('subscription', 401, 'no_authorization', 'Authentication required');
	END IF;
	IF auth.tenant_id() IS NULL THEN
		RETURN auth._refuse('subscription', 404, 'tenant_not_found', 'No tenant is selected');
	END IF;
	RETURN auth.subscription();
END
$$;
COMMENT ON FUNCTION auth_api.subscription() IS 'plan, features and quotas of the caller''s tenant: {plan, subscribed_plan, status, ends_at, features, quotas}';
REVOKE ALL ON FUNCTION auth_api.subscription() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION auth_api.subscription() TO authenticated;

-- Administration -----------------------------------------------------------

CREATE OR REPLACE FUNCTION auth.usage_set(tenant_id uuid, quota text, used bigint DEFAULT 0) RETURNS void
	LANGUAGE plpgsql VOLATILE
	SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	AS $$
#variable_conflict use_variable
DECLARE
	feature CONSTANT auth.features := auth._demand_feature(quota);
BEGIN
	IF NOT feature.metered THEN
		PERFORM auth._fail('22023', 'the feature is not metered');
	ELSIF used IS NULL OR used < 0 THEN
		PERFORM auth._fail('22023', 'used must not be negative');
	END IF;
	PERFORM auth._demand_tenant(tenant_id);
	PERFORM auth._usage_lock(tenant_id);
	PERFORM auth._audit_admin('usage_set', tenant_id => tenant_id, details => jsonb_build_object('quota', feature.name, 'used', used));
	INSERT INTO auth.usage AS u (tenant_id, quota, period_start, used)
		VALUES (tenant_id, feature.name, auth._quota_period(now()), used)
		ON CONFLICT ON CONSTRAINT usage_pkey DO UPDATE SET used = excluded.used;
END
$$;
COMMENT ON FUNCTION auth.usage_set(uuid, text, bigint) IS 'sets what a tenant has used of a metered feature this month, to 0 if nothing else is said';
REVOKE ALL ON FUNCTION auth.usage_set(uuid, text, bigint) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION auth.usage_set(uuid, text, bigint) TO auth_admin;
