-- sql/10_tables.sql: users, tenants, sessions, audit: the tables of identity.
-- Run once at install; depends on 05_schemas_roles.sql.
--
-- Every table is registered with pg_extension_config_dump, so that a dump holds
-- its rows.  For that, foreign keys form no cycle, nothing is seeded here and no
-- trigger writes rows.  Columns that are compared as identifiers have the
-- collation "C": the same verdict in every locale, and no index that a new
-- version of the C library could break.
--
-- src/liveness.c and src/refresh.c read users, sessions, memberships and
-- refresh_tokens by column number and by the names of the indexes: columns may
-- be added at the end only.

CREATE TABLE auth.users (
	id uuid NOT NULL DEFAULT gen_random_uuid(),
	email text COLLATE "C",
	phone text COLLATE "C",
	name text,
	password_hash text COLLATE "C",
	email_verified_at timestamptz,
	phone_verified_at timestamptz,
	is_super_admin boolean NOT NULL DEFAULT false,
	banned_until timestamptz,
	ban_reason text,
	profile jsonb NOT NULL DEFAULT '{}',
	password_changed_at timestamptz,
	created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
	updated_at timestamptz NOT NULL DEFAULT clock_timestamp(),
	CONSTRAINT users_pkey PRIMARY KEY (id),
	CONSTRAINT users_email_key UNIQUE (email),
	CONSTRAINT users_phone_key UNIQUE (phone),
	CONSTRAINT users_identifier_check CHECK (email IS NOT NULL OR phone IS NOT NULL)
);
COMMENT ON TABLE auth.users IS 'accounts; a row changes only when the identity does, so that sessions are not looked at anew for nothing';
COMMENT ON COLUMN auth.users.email IS 'as auth.normalize_email() gives it';
COMMENT ON COLUMN auth.users.phone IS 'E.164, as auth.normalize_phone() gives it';
COMMENT ON COLUMN auth.users.password_hash IS 'any form that auth.password_verify() takes; replaced at login when it is not what intrex_auth.password_algorithm makes; NULL: no login by password';
COMMENT ON COLUMN auth.users.email_verified_at IS 'NULL: nobody has shown that the address is theirs';
COMMENT ON COLUMN auth.users.phone_verified_at IS 'NULL: nobody has shown that the number is theirs';
COMMENT ON COLUMN auth.users.is_super_admin IS 'platform administrator: access tokens name the database role auth_platform; apart from every tenant role';
COMMENT ON COLUMN auth.users.banned_until IS 'until then no token of the user is good; infinity: for good';
COMMENT ON COLUMN auth.users.profile IS 'an object of the application; nothing in it grants anything';
REVOKE ALL ON TABLE auth.users FROM PUBLIC;
-- everything but the hash, for whoever administers users
GRANT SELECT (id, email, phone, name, email_verified_at, phone_verified_at, is_super_admin, banned_until,
	ban_reason, profile, password_changed_at, created_at, updated_at) ON auth.users TO auth_admin;
SELECT pg_extension_config_dump('auth.users', '');

CREATE TABLE auth.tenants (
	id uuid NOT NULL DEFAULT gen_random_uuid(),
	name text NOT NULL,
	created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
	CONSTRAINT tenants_pkey PRIMARY KEY (id)
);
COMMENT ON TABLE auth.tenants IS 'whose data are kept apart: a company, a clinic, a workspace; deleting one deletes what is its';
REVOKE ALL ON TABLE auth.tenants FROM PUBLIC;
GRANT SELECT ON auth.tenants TO auth_admin;
SELECT pg_extension_config_dump('auth.tenants', '');

CREATE TABLE auth.units (
	id uuid NOT NULL DEFAULT gen_random_uuid(),
	tenant_id uuid NOT NULL,
	name text COLLATE "C" NOT NULL,
	created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
	CONSTRAINT units_pkey PRIMARY KEY (id),
	CONSTRAINT units_tenant_id_id_key UNIQUE (tenant_id, id),
	CONSTRAINT units_tenant_id_name_key UNIQUE (tenant_id, name),
	CONSTRAINT units_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES auth.tenants ON DELETE CASCADE
);
COMMENT ON TABLE auth.units IS 'parts of a tenant that members can be bound to, such as branches';
COMMENT ON CONSTRAINT units_tenant_id_id_key ON auth.units IS 'for foreign keys (tenant_id, unit_id), which cannot cross tenants';
REVOKE ALL ON TABLE auth.units FROM PUBLIC;
GRANT SELECT ON auth.units TO auth_admin;
SELECT pg_extension_config_dump('auth.units', '');

-- Names of database roles are no tenant roles, so that guards cannot mistake one
-- for the other.
CREATE TABLE auth.memberships (
	tenant_id uuid NOT NULL,
	user_id uuid NOT NULL,
	role text COLLATE "C" NOT NULL,
	unit_ids uuid[] NOT NULL DEFAULT '{}',
	is_default boolean NOT NULL DEFAULT false,
	created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
	CONSTRAINT memberships_pkey PRIMARY KEY (tenant_id, user_id),
	CONSTRAINT memberships_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES auth.tenants ON DELETE CASCADE,
	CONSTRAINT memberships_user_id_fkey FOREIGN KEY (user_id) REFERENCES auth.users ON DELETE CASCADE,
	CONSTRAINT memberships_role_check CHECK (role ~ '^[A-Za-z][A-Za-z0-9_]{0,62}$'),
	CONSTRAINT memberships_role_reserved_check
		CHECK (role <> ALL (ARRAY['anon', 'authenticated', 'auth_admin', 'auth_platform', 'auth_owner', 'auth_hook']))
);
CREATE INDEX memberships_user_id_idx ON auth.memberships (user_id);
CREATE INDEX memberships_tenant_id_role_idx ON auth.memberships (tenant_id, role);
CREATE UNIQUE INDEX memberships_default_key ON auth.memberships (user_id) WHERE is_default;
COMMENT ON TABLE auth.memberships IS 'who is what in which tenant';
COMMENT ON COLUMN auth.memberships.unit_ids IS 'units of the tenant that the member is bound to; auth.unit_delete() takes an id out';
COMMENT ON COLUMN auth.memberships.is_default IS 'the tenant that a login without argument chooses: the last one used';
COMMENT ON INDEX auth.memberships_tenant_id_role_idx IS 'finds the owners of a tenant among any number of members';
COMMENT ON INDEX auth.memberships_default_key IS 'at most one default tenant per user';
REVOKE ALL ON TABLE auth.memberships FROM PUBLIC;
GRANT SELECT ON auth.memberships TO auth_admin;
SELECT pg_extension_config_dump('auth.memberships', '');

CREATE TABLE auth.sessions (
	id uuid NOT NULL DEFAULT gen_random_uuid(),
	user_id uuid NOT NULL,
	tenant_id uuid,
	expires_at timestamptz,
	revoked_at timestamptz,
	revoked_reason text,
	aal text COLLATE "C" NOT NULL DEFAULT 'aal1',
	amr jsonb NOT NULL DEFAULT '[]',
	address inet,
	user_agent text,
	created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
	CONSTRAINT sessions_pkey PRIMARY KEY (id),
	CONSTRAINT sessions_user_id_fkey FOREIGN KEY (user_id) REFERENCES auth.users ON DELETE CASCADE,
	CONSTRAINT sessions_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES auth.tenants ON DELETE SET NULL,
	CONSTRAINT sessions_aal_check CHECK (aal IN ('aal1', 'aal2'))
);
CREATE INDEX sessions_user_id_created_at_idx ON auth.sessions (user_id, created_at);
CREATE INDEX sessions_tenant_id_idx ON auth.sessions (tenant_id) WHERE tenant_id IS NOT NULL;
CREATE INDEX sessions_revoked_at_idx ON auth.sessions (revoked_at, id) WHERE revoked_at IS NOT NULL;
CREATE INDEX sessions_expires_at_idx ON auth.sessions (expires_at, id) WHERE expires_at IS NOT NULL;
CREATE INDEX sessions_created_at_idx ON auth.sessions (created_at, id);
COMMENT ON TABLE auth.sessions IS 'one row per login; a row changes only when the session does: no last-used time here';
COMMENT ON COLUMN auth.sessions.tenant_id IS 'the tenant that the session is in';
COMMENT ON COLUMN auth.sessions.expires_at IS
	'absolute end, intrex_auth.session_lifetime after the login; NULL: as long as it is refreshed';
COMMENT ON COLUMN auth.sessions.amr IS 'how the user signed in: [{"method": …, "timestamp": …}]';
COMMENT ON INDEX auth.sessions_tenant_id_idx IS 'for the deletion of a tenant';
COMMENT ON INDEX auth.sessions_user_id_created_at_idx IS 'finds the latest session of a user';
COMMENT ON INDEX auth.sessions_revoked_at_idx IS 'for auth.cleanup()';
COMMENT ON INDEX auth.sessions_expires_at_idx IS 'for auth.cleanup()';
COMMENT ON INDEX auth.sessions_created_at_idx IS
	'for auth.cleanup(), which looks once at each session that is 30 days old';
REVOKE ALL ON TABLE auth.sessions FROM PUBLIC;
GRANT SELECT ON auth.sessions TO auth_admin;
SELECT pg_extension_config_dump('auth.sessions', '');

CREATE TABLE auth.refresh_tokens (
	token_hash bytea NOT NULL,
	session_id uuid NOT NULL,
	parent bytea,
	salt bytea NOT NULL,
	created_at timestamptz NOT NULL,
	expires_at timestamptz NOT NULL,
	generation integer NOT NULL DEFAULT 0,
	CONSTRAINT refresh_tokens_pkey PRIMARY KEY (token_hash),
	CONSTRAINT refresh_tokens_parent_key UNIQUE (parent),
	CONSTRAINT refresh_tokens_session_id_fkey FOREIGN KEY (session_id) REFERENCES auth.sessions ON DELETE CASCADE,
	CONSTRAINT refresh_tokens_token_hash_check CHECK (octet_length(token_hash) = 32)
);
CREATE INDEX refresh_tokens_session_id_generation_idx ON auth.refresh_tokens (session_id, generation);
CREATE INDEX refresh_tokens_expires_at_idx ON auth.refresh_tokens (expires_at);
CREATE INDEX refresh_tokens_milestone_idx ON auth.refresh_tokens (created_at) WHERE generation % 100 = 0
	AND generation > 0;
COMMENT ON TABLE auth.refresh_tokens IS 'refresh tokens, one family per session; rows are inserted, never updated';
COMMENT ON COLUMN auth.refresh_tokens.token_hash IS 'SHA-256; the token itself is stored nowhere';
COMMENT ON COLUMN auth.refresh_tokens.parent IS 'the token that this one was exchanged for; unique, so that it has one successor';
COMMENT ON COLUMN auth.refresh_tokens.salt IS 'the successor of this token is HMAC(salt, token)';
COMMENT ON COLUMN auth.refresh_tokens.generation IS 'how many tokens of the family came before';
COMMENT ON INDEX auth.refresh_tokens_expires_at_idx IS 'for auth.cleanup()';
COMMENT ON INDEX auth.refresh_tokens_milestone_idx IS
	'for auth.cleanup(): shows the families that have grown, by every hundredth of their tokens';
REVOKE ALL ON TABLE auth.refresh_tokens FROM PUBLIC;
SELECT pg_extension_config_dump('auth.refresh_tokens', '');

-- No foreign keys: the trail outlives what it tells of.
CREATE TABLE auth.audit_log (
	id bigint GENERATED ALWAYS AS IDENTITY,
	at timestamptz NOT NULL DEFAULT clock_timestamp(),
	event text COLLATE "C" NOT NULL,
	outcome text COLLATE "C" NOT NULL,
	code text COLLATE "C",
	user_id uuid,
	tenant_id uuid,
	session_id uuid,
	identifier text COLLATE "C",
	address inet,
	details jsonb,
	nonce uuid DEFAULT gen_random_uuid(),
	redacted bytea,
	CONSTRAINT audit_log_pkey PRIMARY KEY (id),
	CONSTRAINT audit_log_outcome_check CHECK (outcome IN ('success', 'refused', 'failure')),
	CONSTRAINT audit_log_redacted_check CHECK ((redacted IS NULL) = (nonce IS NOT NULL))
);
CREATE INDEX audit_log_user_id_at_idx ON auth.audit_log (user_id, at) WHERE user_id IS NOT NULL;
CREATE INDEX audit_log_tenant_id_at_idx ON auth.audit_log (tenant_id, at) WHERE tenant_id IS NOT NULL;
COMMENT ON TABLE auth.audit_log IS 'decisions that were returned, and what administrators did; what was raised is in the server log. Append-only: written by auth._audit(), sealed by auth.audit_seal()';
COMMENT ON COLUMN auth.audit_log.id IS 'has gaps where transactions rolled back';
COMMENT ON COLUMN auth.audit_log.code IS 'of the refusal, as the caller got it';
COMMENT ON COLUMN auth.audit_log.user_id IS 'whom it is about; who did it, when that is an administrator, is in details';
COMMENT ON COLUMN auth.audit_log.identifier IS 'the address as it was tried, with what a terminal would obey or hide escaped';
COMMENT ON COLUMN auth.audit_log.details IS 'never a secret';
COMMENT ON COLUMN auth.audit_log.nonce IS 'random: without it nobody can tell by the digest of a row whom the row named';
COMMENT ON COLUMN auth.audit_log.redacted IS 'of a row from which an erasure took personal data, their digest, which the seal covers; the nonce is gone';
REVOKE ALL ON TABLE auth.audit_log FROM PUBLIC;
GRANT SELECT ON auth.audit_log TO auth_admin;
SELECT pg_extension_config_dump('auth.audit_log', '');
COMMENT ON SEQUENCE auth.audit_log_id_seq IS 'numbers the audit log; gaps are transactions that were rolled back';
SELECT pg_extension_config_dump('auth.audit_log_id_seq', '');

CREATE TABLE auth.audit_seals (
	id bigint GENERATED ALWAYS AS IDENTITY,
	first_id bigint NOT NULL,
	last_id bigint NOT NULL,
	row_count bigint NOT NULL,
	digest bytea NOT NULL,
	previous bytea NOT NULL,
	sealed_at timestamptz NOT NULL,
	cut_seal_id bigint,
	retention bigint,
	redacted bigint,
	recorded bigint,
	CONSTRAINT audit_seals_pkey PRIMARY KEY (id),
	CONSTRAINT audit_seals_previous_key UNIQUE (previous),
	CONSTRAINT audit_seals_cut_seal_id_key UNIQUE (cut_seal_id),
	CONSTRAINT audit_seals_cut_check CHECK (num_nulls(cut_seal_id, retention, redacted, recorded) IN (0, 4))
);
CREATE UNIQUE INDEX audit_seals_last_id_key ON auth.audit_seals (last_id) WHERE cut_seal_id IS NULL;
CREATE INDEX audit_seals_sealed_at_idx ON auth.audit_seals (sealed_at, id) WHERE cut_seal_id IS NULL;
COMMENT ON TABLE auth.audit_seals IS
	'chain of digests over auth.audit_log; each seal covers every row after the last_id of the one before, up to its '
	'own, or says that the rows of another were cut. Keep a copy of the newest digest elsewhere: it shows also whether '
	'the end was cut off';
COMMENT ON COLUMN auth.audit_seals.cut_seal_id IS
	'the seal whose rows were removed when this one was made, and whose numbers it repeats; NULL: a seal of rows';
COMMENT ON COLUMN auth.audit_seals.retention IS 'intrex_auth.audit_retention at that time, in seconds';
COMMENT ON COLUMN auth.audit_seals.redacted IS 'how many of those rows were redacted';
COMMENT ON COLUMN auth.audit_seals.recorded IS 'how many redacted rows those of them recorded that told of an erasure';
COMMENT ON INDEX auth.audit_seals_last_id_key IS 'so that no two seals begin at one row';
COMMENT ON INDEX auth.audit_seals_sealed_at_idx IS 'for auth.cleanup()';
COMMENT ON COLUMN auth.audit_seals.digest IS 'SHA-256, see auth._audit_digest()';
COMMENT ON COLUMN auth.audit_seals.previous IS 'digest of the seal before; empty for the first; unique, so that the chain does not fork';
REVOKE ALL ON TABLE auth.audit_seals FROM PUBLIC;
GRANT SELECT ON auth.audit_seals TO auth_admin;
SELECT pg_extension_config_dump('auth.audit_seals', '');
COMMENT ON SEQUENCE auth.audit_seals_id_seq IS 'numbers the seals of the audit log';
SELECT pg_extension_config_dump('auth.audit_seals_id_seq', '');

-- The functions are in 35_secret.sql.
CREATE TABLE auth.secrets (
	tenant_id uuid NOT NULL,
	name text COLLATE "C" NOT NULL,
	sealed bytea NOT NULL,
	created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
	updated_at timestamptz NOT NULL DEFAULT clock_timestamp(),
	sealed_kid bytea NOT NULL GENERATED ALWAYS AS (
		CASE WHEN octet_length(sealed) > 1 THEN substring(sealed FROM 3 FOR get_byte(sealed, 1)) ELSE '' END) STORED,
	CONSTRAINT secrets_pkey PRIMARY KEY (tenant_id, name),
	CONSTRAINT secrets_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES auth.tenants ON DELETE CASCADE
);
CREATE INDEX secrets_sealed_kid_idx ON auth.secrets (sealed_kid, tenant_id, name);
COMMENT ON TABLE auth.secrets IS 'secrets of tenants, such as the credentials of connectors, sealed before they are inserted';
COMMENT ON COLUMN auth.secrets.sealed_kid IS 'the kid of the key that sealed it, so that those of a former key are found and counted';
COMMENT ON INDEX auth.secrets_sealed_kid_idx IS 'for auth.secret_reseal() and auth.sealing_progress()';
COMMENT ON COLUMN auth.secrets.sealed IS 'names its key; the AAD names table, column, tenant and name, so that it opens in this row only';
REVOKE ALL ON TABLE auth.secrets FROM PUBLIC;
SELECT pg_extension_config_dump('auth.secrets', '');

-- The functions are in 36_personal_keys.sql; src/personalkey.c reads the table by
-- column number.
CREATE TABLE auth.personal_keys (
	user_id uuid NOT NULL,
	sealed bytea NOT NULL,
	created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
	sealed_kid bytea NOT NULL GENERATED ALWAYS AS (
		CASE WHEN octet_length(sealed) > 1 THEN substring(sealed FROM 3 FOR get_byte(sealed, 1)) ELSE '' END) STORED,
	CONSTRAINT personal_keys_pkey PRIMARY KEY (user_id),
	CONSTRAINT personal_keys_user_id_fkey FOREIGN KEY (user_id) REFERENCES auth.users ON DELETE CASCADE
);
CREATE INDEX personal_keys_sealed_kid_idx ON auth.personal_keys (sealed_kid, user_id);
COMMENT ON TABLE auth.personal_keys IS 'a data key for each user of whom something was sealed; it goes with the user, and with it everything that it sealed, wherever that is';
COMMENT ON COLUMN auth.personal_keys.sealed IS '256 random bits sealed by the ring; the AAD names table, column and user, so that it opens in this row only';
COMMENT ON COLUMN auth.personal_keys.sealed_kid IS 'the kid of the key of the ring, so that those of a former one are found and counted';
COMMENT ON INDEX auth.personal_keys_sealed_kid_idx IS 'for auth.secret_reseal() and auth.sealing_progress()';
REVOKE ALL ON TABLE auth.personal_keys FROM PUBLIC;
SELECT pg_extension_config_dump('auth.personal_keys', '');

CREATE TABLE auth.known_keys (
	kid text COLLATE "C" NOT NULL,
	thumbprint text COLLATE "C" NOT NULL,
	alg text COLLATE "C" NOT NULL,
	first_seen timestamptz NOT NULL DEFAULT clock_timestamp(),
	CONSTRAINT known_keys_pkey PRIMARY KEY (kid)
);
COMMENT ON TABLE auth.known_keys IS 'keys that this database was used with, by RFC 7638 thumbprint, so that a missing one can be named; no key is here';
REVOKE ALL ON TABLE auth.known_keys FROM PUBLIC;
SELECT pg_extension_config_dump('auth.known_keys', '');
