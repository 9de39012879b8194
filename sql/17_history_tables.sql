-- sql/17_history_tables.sql: who was a member when. Run once at install; depends on 10_tables.sql.
--
-- No trigger writes here: a restore would write each row twice.  The functions that
-- change memberships do, by auth._membership_note() (62_membership_history.sql).
--
-- The end of a period that lasts is infinity, not NULL: so "until after T" is one
-- range of an index, and one open period per member a matter of the primary key.
-- That periods of a member do not overlap would take btree_gist to declare; they are
-- written under the lock of the tenant, and auth.membership_history_gaps() looks.

-- No foreign keys: the history outlives members, users and tenants.
CREATE TABLE auth.membership_history (
	tenant_id uuid NOT NULL,
	user_id uuid NOT NULL,
	role text COLLATE "C" NOT NULL,
	unit_ids uuid[] NOT NULL,
	from_at timestamptz NOT NULL,
	until_at timestamptz NOT NULL DEFAULT 'infinity',
	from_event text COLLATE "C" NOT NULL,
	until_event text COLLATE "C",
	from_by uuid,
	until_by uuid,
	CONSTRAINT membership_history_pkey PRIMARY KEY (user_id, tenant_id, until_at),
	CONSTRAINT membership_history_period_check CHECK (from_at < until_at),
	CONSTRAINT membership_history_open_check CHECK ((until_at = 'infinity') = (until_event IS NULL))
);
CREATE INDEX membership_history_tenant_id_until_at_idx ON auth.membership_history (tenant_id, until_at);
COMMENT ON TABLE auth.membership_history IS 'who was what in which tenant, and when: a row for each time in which role and units of a member stayed as they were';
COMMENT ON COLUMN auth.membership_history.user_id IS 'of somebody who was erased, a random pseudonym';
COMMENT ON COLUMN auth.membership_history.unit_ids IS 'units that the member was bound to; they may be gone';
COMMENT ON COLUMN auth.membership_history.from_at IS 'when the change was made; it bit at the end of that transaction';
COMMENT ON COLUMN auth.membership_history.until_at IS 'from then on it was not so any more; infinity: it is so';
COMMENT ON COLUMN auth.membership_history.from_event IS 'what began the period, as in the audit trail';
COMMENT ON COLUMN auth.membership_history.until_event IS 'what ended it';
COMMENT ON COLUMN auth.membership_history.from_by IS 'who did that; NULL: an administrator without a token, whom the audit trail names';
COMMENT ON COLUMN auth.membership_history.until_by IS 'who did that';
COMMENT ON CONSTRAINT membership_history_pkey ON auth.membership_history IS 'one open period per member; finds the last one, and what a user was';
COMMENT ON INDEX auth.membership_history_tenant_id_until_at_idx IS 'for auth.members_at(): of a tenant what had not ended by then';
REVOKE ALL ON TABLE auth.membership_history FROM PUBLIC;
GRANT SELECT ON auth.membership_history TO auth_admin;
SELECT pg_extension_config_dump('auth.membership_history', '');
