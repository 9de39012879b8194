-- sql/66_plans.sql: plans, features and subscriptions: guards, what members see, administration.
-- Depends on 15_plan_tables.sql, 60_tenants.sql, 65_guards.sql, and at run time on 67_role_permissions.sql.
--
-- Nothing is cached, and guards look at what is committed now (src/plan.c).
-- Whatever is not known, or not granted, is no: a name that is not in
-- auth.features is an error, and a tenant without a plan has no feature.

CREATE OR REPLACE FUNCTION auth._plan(tenant_id uuid) RETURNS text
	LANGUAGE c STABLE PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'intrex_auth_plan';
COMMENT ON FUNCTION auth._plan(uuid) IS 'the plan that a tenant has now: that of its subscription, or the default plan; NULL: none';
REVOKE ALL ON FUNCTION auth._plan(uuid) FROM PUBLIC;

CREATE OR REPLACE FUNCTION auth._fail_feature() RETURNS void
	LANGUAGE plpgsql STABLE PARALLEL SAFE
	SET search_path = pg_catalog, pg_temp
	AS $$
BEGIN
	RAISE EXCEPTION USING ERRCODE = 'undefined_object', MESSAGE = 'unknown feature',
		HINT = 'Names are those in auth.features, in the same case; auth.feature_create() adds one.';
END
$$;
COMMENT ON FUNCTION auth._fail_feature() IS 'raises 42704';
REVOKE ALL ON FUNCTION auth._fail_feature() FROM PUBLIC;

-- Guards -------------------------------------------------------------------

CREATE OR REPLACE FUNCTION auth.has_feature(feature text) RETURNS boolean
	LANGUAGE c STABLE PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'intrex_auth_has_feature';
COMMENT ON FUNCTION auth.has_feature(text) IS 'whether the plan of the caller''s tenant includes a feature; raises 42704 when there is no such feature';
REVOKE ALL ON FUNCTION auth.has_feature(text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION auth.has_feature(text) TO anon, authenticated, auth_admin;

-- Says what the client needs to offer a larger plan.
CREATE OR REPLACE FUNCTION auth._feature_refuse(feature text) RETURNS void
	LANGUAGE plpgsql VOLATILE PARALLEL SAFE
	SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	AS $$
DECLARE
	plan CONSTANT text := auth._plan(auth.tenant_id());
	reason CONSTANT text := CASE
		WHEN auth.tenant_id() IS NULL THEN 'No tenant is selected.'
		WHEN plan IS NULL THEN 'The tenant has no plan.'
		ELSE format('The plan "%s" does not include "%s".', plan, feature)
	END;
BEGIN
	PERFORM auth._guard_refuse_because('require_feature', 'feature_not_in_plan', reason);
END
$$;
COMMENT ON FUNCTION auth._feature_refuse(text) IS 'raises what require_feature refuses: 28000 or 42501, under PostgREST PGRST with 401 or 403; one line in the server log';
REVOKE ALL ON FUNCTION auth._feature_refuse(text) FROM PUBLIC;

CREATE OR REPLACE FUNCTION auth.require_feature(feature text) RETURNS void
	LANGUAGE plpgsql VOLATILE PARALLEL SAFE
	SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	AS $$
BEGIN
	IF auth.has_feature(feature) THEN
		RETURN;
	END IF;
	PERFORM auth._feature_refuse(feature);
END
$$;
COMMENT ON FUNCTION auth.require_feature(text) IS 'raises 42501 "Insufficient permissions" unless the plan of the caller''s tenant includes a feature; 42704 when there is no such feature';
REVOKE ALL ON FUNCTION auth.require_feature(text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION auth.require_feature(text) TO anon, authenticated, auth_admin;

-- Administration: plans and features ---------------------------------------

CREATE OR REPLACE FUNCTION auth._demand_plan_name(name text) RETURNS text
	LANGUAGE plpgsql STABLE PARALLEL SAFE
	SET search_path = pg_catalog, pg_temp
	AS $$
BEGIN
	IF name IS NULL OR name COLLATE "C" !~ '^[A-Za-z][A-Za-z0-9_]{0,62}$' THEN
		PERFORM auth._fail('22023', 'name is not valid', 'It has 1 to 63 letters, digits and underscores, and begins with a letter.');
	END IF;
	RETURN name;
END
$$;
COMMENT ON FUNCTION auth._demand_plan_name(text) IS 'the name of a plan or feature; raises 22023 when it cannot be one';
REVOKE ALL ON FUNCTION auth._demand_plan_name(text) FROM PUBLIC;

CREATE OR REPLACE FUNCTION auth._demand_plan(plan text) RETURNS auth.plans
	LANGUAGE plpgsql VOLATILE
	SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	AS $$
DECLARE
	locked auth.plans;
BEGIN
	SELECT p.* INTO locked FROM auth.plans AS p WHERE p.name = plan FOR NO KEY UPDATE;
	IF NOT FOUND THEN
		PERFORM auth._fail('P0002', 'plan not found');
	END IF;
	RETURN locked;
END
$$;
COMMENT ON FUNCTION auth._demand_plan(text) IS 'a plan, locked against other changes of it; raises P0002 when there is none';
REVOKE ALL ON FUNCTION auth._demand_plan(text) FROM PUBLIC;

CREATE OR REPLACE FUNCTION auth._demand_feature(feature text) RETURNS auth.features
	LANGUAGE plpgsql VOLATILE
	SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	AS $$
DECLARE
	locked auth.features;
BEGIN
	SELECT f.* INTO locked FROM auth.features AS f WHERE f.name = feature FOR KEY SHARE;
	IF NOT FOUND THEN
		PERFORM auth._fail_feature();
	END IF;
	RETURN locked;
END
$$;
COMMENT ON FUNCTION auth._demand_feature(text) IS 'a feature, locked against deletion; raises 42704 when there is none';
REVOKE ALL ON FUNCTION auth._demand_feature(text) FROM PUBLIC;

-- The former default plan gives way.
CREATE OR REPLACE FUNCTION auth.plan_create(name text, description text DEFAULT NULL, is_default boolean DEFAULT false) RETURNS void
	LANGUAGE plpgsql VOLATILE
	SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	AS $$
#variable_conflict use_variable
DECLARE
	checked CONSTANT text := auth._demand_plan_name(name);
	cleaned CONSTANT text := auth._demand_name(description);
BEGIN
	PERFORM auth._audit_admin('plan_create', details => jsonb_build_object('plan', checked, 'is_default', is_default));
	IF is_default THEN
		UPDATE auth.plans AS p SET is_default = false WHERE p.is_default;
	END IF;
	INSERT INTO auth.plans AS p (name, description, is_default) VALUES (checked, cleaned, coalesce(is_default, false));
EXCEPTION WHEN unique_violation THEN
	PERFORM auth._fail('23505', 'a plan with this name, or a default plan, exists already');
END
$$;
COMMENT ON FUNCTION auth.plan_create(text, text, boolean) IS 'creates a plan, that includes nothing yet; as the default plan it is that of every tenant without a subscription that grants one';
REVOKE ALL ON FUNCTION auth.plan_create(text, text, boolean) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION auth.plan_create(text, text, boolean) TO auth_admin;

CREATE OR REPLACE FUNCTION auth.plan_update(name text, description text DEFAULT NULL, is_default boolean DEFAULT NULL) RETURNS void
	LANGUAGE plpgsql VOLATILE
	SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	AS $$
#variable_conflict use_variable
DECLARE
	cleaned CONSTANT text := auth._demand_name(description);
	plan auth.plans := auth._demand_plan(name);
BEGIN
	PERFORM auth._audit_admin('plan_update', details => jsonb_build_object('plan', plan.name, 'is_default', is_default));
	IF is_default THEN
		UPDATE auth.plans AS p SET is_default = false WHERE p.is_default AND p.name <> plan.name;
	END IF;
	UPDATE auth.plans AS p
		SET description = coalesce(cleaned, plan.description), is_default = coalesce(is_default, plan.is_default)
		WHERE p.name = plan.name;
EXCEPTION WHEN unique_violation THEN
	PERFORM auth._fail('23505', 'a default plan exists already');
END
$$;
COMMENT ON FUNCTION auth.plan_update(text, text, boolean) IS 'changes the description of a plan and whether it is the default, each unless NULL';
REVOKE ALL ON FUNCTION auth.plan_update(text, text, boolean) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION auth.plan_update(text, text, boolean) TO auth_admin;

CREATE OR REPLACE FUNCTION auth.plan_delete(name text) RETURNS void
	LANGUAGE plpgsql VOLATILE
	SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	AS $$
#variable_conflict use_variable
DECLARE
	plan auth.plans := auth._demand_plan(name);
BEGIN
	PERFORM auth._audit_admin('plan_delete', details => jsonb_build_object('plan', plan.name));
	DELETE FROM auth.plans AS p WHERE p.name = plan.name;
-- from 18 on a RESTRICT is the second
EXCEPTION WHEN foreign_key_violation OR restrict_violation THEN
	PERFORM auth._fail('23503', 'tenants are subscribed to this plan', 'auth.subscription_set() moves a tenant to another plan.');
END
$$;
COMMENT ON FUNCTION auth.plan_delete(text) IS 'deletes a plan that no tenant is subscribed to';
REVOKE ALL ON FUNCTION auth.plan_delete(text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION auth.plan_delete(text) TO auth_admin;

CREATE OR REPLACE FUNCTION auth.feature_create(name text, metered boolean DEFAULT false, description text DEFAULT NULL) RETURNS void
	LANGUAGE plpgsql VOLATILE
	SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	AS $$
#variable_conflict use_variable
DECLARE
	checked CONSTANT text := auth._demand_plan_name(name);
	cleaned CONSTANT text := auth._demand_name(description);
BEGIN
	PERFORM auth._audit_admin('feature_create', details => jsonb_build_object('feature', checked, 'metered', metered));
	INSERT INTO auth.features AS f (name, metered, description) VALUES (checked, coalesce(metered, false), cleaned);
EXCEPTION WHEN unique_violation THEN
	PERFORM auth._fail('23505', 'a feature with this name exists already');
END
$$;
COMMENT ON FUNCTION auth.feature_create(text, boolean, text) IS 'registers a feature, that no plan includes yet; a metered one is counted';
REVOKE ALL ON FUNCTION auth.feature_create(text, boolean, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION auth.feature_create(text, boolean, text) TO auth_admin;

CREATE OR REPLACE FUNCTION auth.feature_delete(name text) RETURNS void
	LANGUAGE plpgsql VOLATILE
	SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	AS $$
#variable_conflict use_variable
DECLARE
	feature auth.features := auth._demand_feature(name);
BEGIN
	-- permissions that require it, being written, are waited for and then seen
	PERFORM auth._demand_read_committed();
	PERFORM FROM auth.features AS f WHERE f.name = feature.name FOR UPDATE;
	PERFORM auth._demand_no_condition('feature:' || feature.name);
	PERFORM auth._audit_admin('feature_delete', details => jsonb_build_object('feature', feature.name));
	BEGIN
		DELETE FROM auth.features AS f WHERE f.name = feature.name;
	-- from 18 on a RESTRICT is the second
	EXCEPTION WHEN foreign_key_violation OR restrict_violation THEN
		PERFORM auth._fail('23503', 'this feature has been used', 'auth.plan_feature_unset() takes it out of a plan.');
	END;
END
$$;
COMMENT ON FUNCTION auth.feature_delete(text) IS 'deletes a feature, unless its use was counted or a permission requires it, and takes it out of every plan; guards that ask for it raise from then on';
REVOKE ALL ON FUNCTION auth.feature_delete(text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION auth.feature_delete(text) TO auth_admin;

-- Unlimited must be said: a forgotten argument is none.
CREATE OR REPLACE FUNCTION auth.plan_feature_set(plan text, feature text, quota bigint DEFAULT NULL, unlimited boolean DEFAULT false) RETURNS void
	LANGUAGE plpgsql VOLATILE
	SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	AS $$
#variable_conflict use_variable
DECLARE
	target CONSTANT auth.plans := auth._demand_plan(plan);
	included CONSTANT auth.features := auth._demand_feature(feature);
BEGIN
	IF quota < 0 THEN
		PERFORM auth._fail('22023', 'quota must not be negative');
	ELSIF NOT included.metered AND (quota IS NOT NULL OR unlimited) THEN
		PERFORM auth._fail('22023', 'the feature is not metered', 'It has no quota: a plan includes it or not.');
	ELSIF included.metered AND (quota IS NOT NULL) = (unlimited IS TRUE) THEN
		PERFORM auth._fail('22023', 'a metered feature needs a quota, or unlimited => true');
	END IF;
	PERFORM auth._audit_admin('plan_feature_set', details => jsonb_build_object(
		'plan', target.name, 'feature', included.name, 'quota', quota, 'unlimited', unlimited));
	INSERT INTO auth.plan_features AS i (plan, feature, quota) VALUES (target.name, included.name, quota)
		ON CONFLICT ON CONSTRAINT plan_features_pkey DO UPDATE SET quota = excluded.quota;
END
$$;
COMMENT ON FUNCTION auth.plan_feature_set(text, text, bigint, boolean) IS 'includes a feature in a plan; a metered one with a quota for each month, or unlimited';
REVOKE ALL ON FUNCTION auth.plan_feature_set(text, text, bigint, boolean) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION auth.plan_feature_set(text, text, bigint, boolean) TO auth_admin;

CREATE OR REPLACE FUNCTION auth.plan_feature_unset(plan text, feature text) RETURNS void
	LANGUAGE plpgsql VOLATILE
	SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	AS $$
#variable_conflict use_variable
DECLARE
	target CONSTANT auth.plans := auth._demand_plan(plan);
	excluded CONSTANT auth.features := auth._demand_feature(feature);
BEGIN
	PERFORM auth._audit_admin('plan_feature_unset', details => jsonb_build_object('plan', target.name, 'feature', excluded.name));
	DELETE FROM auth.plan_features AS i WHERE i.plan = target.name AND i.feature = excluded.name;
END
$$;
COMMENT ON FUNCTION auth.plan_feature_unset(text, text) IS 'takes a feature out of a plan';
REVOKE ALL ON FUNCTION auth.plan_feature_unset(text, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION auth.plan_feature_unset(text, text) TO auth_admin;

-- Administration: subscriptions --------------------------------------------

CREATE OR REPLACE FUNCTION auth._demand_external_id(id text) RETURNS text
	LANGUAGE plpgsql STABLE PARALLEL SAFE
	SET search_path = pg_catalog, pg_temp
	AS $$
BEGIN
	IF id COLLATE "C" !~ '^[!-~]{0,255}$' THEN
		PERFORM auth._fail('22023', 'the external id is not valid', 'It has up to 255 visible ASCII characters.');
	END IF;
	RETURN id;
END
$$;
COMMENT ON FUNCTION auth._demand_external_id(text) IS 'an id of the payment provider; raises 22023 when it cannot be one; NULL stays NULL';
REVOKE ALL ON FUNCTION auth._demand_external_id(text) FROM PUBLIC;

-- The whole record at once, so that a notice of the payment provider that comes
-- twice changes nothing the second time.
CREATE OR REPLACE FUNCTION auth.subscription_set(tenant_id uuid, plan text, status text DEFAULT 'active', ends_at timestamptz DEFAULT NULL,
		external_customer_id text DEFAULT NULL, external_subscription_id text DEFAULT NULL) RETURNS void
	LANGUAGE plpgsql VOLATILE
	SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	AS $$
#variable_conflict use_variable
DECLARE
	customer CONSTANT text := auth._demand_external_id(external_customer_id);
	external CONSTANT text := auth._demand_external_id(external_subscription_id);
	chosen text;
BEGIN
	IF status IS NULL OR status NOT IN ('trialing', 'active', 'past_due', 'canceled') THEN
		PERFORM auth._fail('22023', 'status is not valid', 'It is one of trialing, active, past_due, canceled.');
	ELSIF NOT isfinite(ends_at) THEN
		PERFORM auth._fail('22023', 'ends_at must be a moment');
	ELSIF ends_at IS NULL AND status IN ('trialing', 'past_due') THEN
		PERFORM auth._fail('22023', 'ends_at is required', 'A trial, and the grace for a debt, have an end.');
	END IF;
	PERFORM auth._demand_tenant(tenant_id);
	SELECT p.name INTO chosen FROM auth.plans AS p WHERE p.name = plan FOR KEY SHARE;
	IF NOT FOUND THEN
		PERFORM auth._fail('P0002', 'plan not found');
	END IF;
	PERFORM auth._audit_admin('subscription_set', tenant_id => tenant_id, details => jsonb_build_object(
		'plan', chosen, 'status', status, 'ends_at', ends_at,
		'external_customer_id', customer, 'external_subscription_id', external));
	INSERT INTO auth.subscriptions AS s (tenant_id, plan, status, ends_at, external_customer_id, external_subscription_id)
		VALUES (tenant_id, chosen, status, ends_at, nullif(customer, ''), nullif(external, ''))
		ON CONFLICT ON CONSTRAINT subscriptions_pkey DO UPDATE SET
			plan = excluded.plan, status = excluded.status, ends_at = excluded.ends_at,
			external_customer_id = CASE WHEN customer IS NULL THEN s.external_customer_id ELSE excluded.external_customer_id END,
			external_subscription_id = CASE WHEN external IS NULL THEN s.external_subscription_id ELSE excluded.external_subscription_id END,
			updated_at = clock_timestamp();
EXCEPTION WHEN unique_violation THEN
	PERFORM auth._fail('23505', 'another tenant has this external_subscription_id');
END
$$;
COMMENT ON FUNCTION auth.subscription_set(uuid, text, text, timestamptz, text, text) IS 'sets the subscription of a tenant; external ids stay when NULL and go when empty';
REVOKE ALL ON FUNCTION auth.subscription_set(uuid, text, text, timestamptz, text, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION auth.subscription_set(uuid, text, text, timestamptz, text, text) TO auth_admin;

CREATE OR REPLACE FUNCTION auth.subscription_remove(tenant_id uuid) RETURNS void
	LANGUAGE plpgsql VOLATILE
	SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	AS $$
#variable_conflict use_variable
BEGIN
	PERFORM auth._demand_tenant(tenant_id);
	DELETE FROM auth.subscriptions AS s WHERE s.tenant_id = tenant_id;
	IF NOT FOUND THEN
		PERFORM auth._fail('P0002', 'the tenant has no subscription');
	END IF;
	PERFORM auth._audit_admin('subscription_remove', tenant_id => tenant_id);
END
$$;
COMMENT ON FUNCTION auth.subscription_remove(uuid) IS 'removes the subscription of a tenant; it is left with the default plan';
REVOKE ALL ON FUNCTION auth.subscription_remove(uuid) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION auth.subscription_remove(uuid) TO auth_admin;
