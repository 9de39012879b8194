-- sql/15_plan_tables.sql: plans, their features and quotas, subscriptions, usage.
-- Run once at install; depends on 10_tables.sql.
--
-- Plans and features are known by their names, which stand in policies and
-- triggers of the application.  src/quota.c reads and writes auth.usage by column
-- number and by the name of its primary key: columns may be added at the end only.

CREATE TABLE auth.plans (
	name text COLLATE "C" NOT NULL,
	description text,
	is_default boolean NOT NULL DEFAULT false,
	created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
	CONSTRAINT plans_pkey PRIMARY KEY (name),
	CONSTRAINT plans_name_check CHECK (name ~ '^[A-Za-z][A-Za-z0-9_]{0,62}$')
);
CREATE UNIQUE INDEX plans_default_key ON auth.plans (is_default) WHERE is_default;
COMMENT ON TABLE auth.plans IS 'what a tenant can subscribe to';
COMMENT ON COLUMN auth.plans.is_default IS 'the plan of tenants whose subscription grants none, or who have no subscription; without such a plan they have nothing';
COMMENT ON INDEX auth.plans_default_key IS 'at most one default plan';
REVOKE ALL ON TABLE auth.plans FROM PUBLIC;
GRANT SELECT ON auth.plans TO auth_admin;
SELECT pg_extension_config_dump('auth.plans', '');

CREATE TABLE auth.features (
	name text COLLATE "C" NOT NULL,
	description text,
	metered boolean NOT NULL DEFAULT false,
	created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
	CONSTRAINT features_pkey PRIMARY KEY (name),
	CONSTRAINT features_name_check CHECK (name ~ '^[A-Za-z][A-Za-z0-9_]{0,62}$')
);
COMMENT ON TABLE auth.features IS 'what plans can include: every name that a guard may ask for, so that a typo is an error';
COMMENT ON COLUMN auth.features.metered IS 'counted, with a quota in each plan; otherwise a plan has it or not';
REVOKE ALL ON TABLE auth.features FROM PUBLIC;
GRANT SELECT ON auth.features TO auth_admin;
SELECT pg_extension_config_dump('auth.features', '');

CREATE TABLE auth.plan_features (
	plan text COLLATE "C" NOT NULL,
	feature text COLLATE "C" NOT NULL,
	quota bigint,
	period text COLLATE "C" NOT NULL DEFAULT 'month',
	CONSTRAINT plan_features_pkey PRIMARY KEY (plan, feature),
	CONSTRAINT plan_features_plan_fkey FOREIGN KEY (plan) REFERENCES auth.plans ON DELETE CASCADE,
	CONSTRAINT plan_features_feature_fkey FOREIGN KEY (feature) REFERENCES auth.features ON DELETE CASCADE,
	CONSTRAINT plan_features_quota_check CHECK (quota >= 0),
	CONSTRAINT plan_features_period_check CHECK (period = 'month')
);
CREATE INDEX plan_features_feature_idx ON auth.plan_features (feature);
COMMENT ON TABLE auth.plan_features IS 'which plan includes which feature, and how much of it';
COMMENT ON COLUMN auth.plan_features.quota IS 'how much of a metered feature in each period; NULL: unlimited, or the feature is not metered';
COMMENT ON COLUMN auth.plan_features.period IS 'a calendar month in UTC';
REVOKE ALL ON TABLE auth.plan_features FROM PUBLIC;
GRANT SELECT ON auth.plan_features TO auth_admin;
SELECT pg_extension_config_dump('auth.plan_features', '');

-- What grants a plan for a while must say until when: a trial or a debt that
-- nobody ended would last for ever.
CREATE TABLE auth.subscriptions (
	tenant_id uuid NOT NULL,
	plan text COLLATE "C" NOT NULL,
	status text COLLATE "C" NOT NULL,
	ends_at timestamptz,
	external_customer_id text COLLATE "C",
	external_subscription_id text COLLATE "C",
	created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
	updated_at timestamptz NOT NULL DEFAULT clock_timestamp(),
	CONSTRAINT subscriptions_pkey PRIMARY KEY (tenant_id),
	CONSTRAINT subscriptions_external_subscription_id_key UNIQUE (external_subscription_id),
	CONSTRAINT subscriptions_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES auth.tenants ON DELETE CASCADE,
	CONSTRAINT subscriptions_plan_fkey FOREIGN KEY (plan) REFERENCES auth.plans,
	CONSTRAINT subscriptions_status_check CHECK (status IN ('trialing', 'active', 'past_due', 'canceled')),
	CONSTRAINT subscriptions_ends_at_check
		CHECK (isfinite(ends_at) IS NOT FALSE AND (ends_at IS NOT NULL OR status IN ('active', 'canceled')))
);
CREATE INDEX subscriptions_plan_idx ON auth.subscriptions (plan);
COMMENT ON TABLE auth.subscriptions IS 'the current subscription of a tenant, its billing record; former ones are in the audit trail';
COMMENT ON COLUMN auth.subscriptions.status IS 'trialing and past_due grant the plan until ends_at; active until ends_at or, without one, until changed; canceled until ends_at or, without one, no more';
COMMENT ON COLUMN auth.subscriptions.ends_at IS 'end of the trial, of the grace for a debt, or of what is paid for';
COMMENT ON COLUMN auth.subscriptions.external_customer_id IS 'what the payment provider calls the tenant';
COMMENT ON COLUMN auth.subscriptions.external_subscription_id IS 'what the payment provider calls the subscription';
REVOKE ALL ON TABLE auth.subscriptions FROM PUBLIC;
GRANT SELECT ON auth.subscriptions TO auth_admin;
SELECT pg_extension_config_dump('auth.subscriptions', '');

-- One row is updated by each consumer, so pages keep room for its new versions.
CREATE TABLE auth.usage (
	tenant_id uuid NOT NULL,
	quota text COLLATE "C" NOT NULL,
	period_start date NOT NULL,
	used bigint NOT NULL,
	CONSTRAINT usage_pkey PRIMARY KEY (tenant_id, quota, period_start),
	CONSTRAINT usage_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES auth.tenants ON DELETE CASCADE,
	CONSTRAINT usage_quota_fkey FOREIGN KEY (quota) REFERENCES auth.features,
	CONSTRAINT usage_used_check CHECK (used >= 0)
) USING heap WITH (fillfactor = 50);
COMMENT ON TABLE auth.usage IS 'how much of a metered feature a tenant has used; a row changes in the transaction of what it counts';
COMMENT ON COLUMN auth.usage.quota IS 'the metered feature';
COMMENT ON COLUMN auth.usage.period_start IS 'first day of the month in UTC; the month is that in which the transaction began';
REVOKE ALL ON TABLE auth.usage FROM PUBLIC;
GRANT SELECT ON auth.usage TO auth_admin;
SELECT pg_extension_config_dump('auth.usage', '');
