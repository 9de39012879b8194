-- examples/intrex/schema.sql: the tables of the Intrex seed, as an application has
-- them.  Read by story.sql, which protects them.

CREATE TABLE branches (
	id        uuid PRIMARY KEY DEFAULT gen_random_uuid(),
	tenant_id uuid NOT NULL,
	unit_id   uuid NOT NULL,
	name      text NOT NULL,
	UNIQUE (tenant_id, id)
);
CREATE TABLE domains (
	id        uuid PRIMARY KEY DEFAULT gen_random_uuid(),
	tenant_id uuid NOT NULL,
	name      text NOT NULL,
	UNIQUE (tenant_id, id)
);
CREATE TABLE connectors (
	id          uuid PRIMARY KEY DEFAULT gen_random_uuid(),
	tenant_id   uuid NOT NULL,
	kind        text NOT NULL,
	secret_name text NOT NULL
);
CREATE TABLE obligation_instances (
	id          uuid PRIMARY KEY DEFAULT gen_random_uuid(),
	tenant_id   uuid NOT NULL,
	unit_id     uuid NOT NULL,
	branch_id   uuid NOT NULL,
	domain_id   uuid NOT NULL,
	assigned_to uuid,
	title       text NOT NULL,
	status      text NOT NULL DEFAULT 'open' CHECK (status IN ('open', 'done', 'late')),
	due         date NOT NULL,
	-- the tenant is part of the key: a row cannot point into another tenant
	FOREIGN KEY (tenant_id, branch_id) REFERENCES branches (tenant_id, id) ON DELETE CASCADE,
	FOREIGN KEY (tenant_id, domain_id) REFERENCES domains (tenant_id, id) ON DELETE CASCADE
);
CREATE TABLE notification_events (
	id        bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	tenant_id uuid NOT NULL,
	user_id   uuid NOT NULL,
	text      text NOT NULL,
	seen      boolean NOT NULL DEFAULT false
);
CREATE INDEX ON obligation_instances (tenant_id, unit_id);
CREATE INDEX ON obligation_instances (tenant_id, assigned_to);
