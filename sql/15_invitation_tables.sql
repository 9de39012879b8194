-- sql/15_invitation_tables.sql: invitations to a tenant. Run once at install.
-- Depends on 10_tables.sql.
--
-- Rows are inserted, never updated: the answer to an invitation is a row of its own
-- whose key is unique, so that one of those who answer at once wins, and nobody fails
-- with 40001.

CREATE TABLE auth.invitations (
	id uuid NOT NULL DEFAULT gen_random_uuid(),
	tenant_id uuid NOT NULL,
	email text COLLATE "C" NOT NULL,
	role text COLLATE "C" NOT NULL,
	unit_ids uuid[] NOT NULL DEFAULT '{}',
	token_hash bytea NOT NULL,
	invited_by uuid NOT NULL,
	created_at timestamptz NOT NULL,
	expires_at timestamptz NOT NULL,
	CONSTRAINT invitations_pkey PRIMARY KEY (id),
	CONSTRAINT invitations_token_hash_key UNIQUE (token_hash),
	CONSTRAINT invitations_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES auth.tenants ON DELETE CASCADE,
	CONSTRAINT invitations_invited_by_fkey FOREIGN KEY (invited_by) REFERENCES auth.users ON DELETE CASCADE,
	CONSTRAINT invitations_token_hash_check CHECK (octet_length(token_hash) = 32)
);
CREATE INDEX invitations_tenant_id_email_idx ON auth.invitations (tenant_id, email);
CREATE INDEX invitations_invited_by_idx ON auth.invitations (invited_by);
CREATE INDEX invitations_expires_at_idx ON auth.invitations (expires_at, id);
COMMENT ON TABLE auth.invitations IS 'who was invited to which tenant, as what; rows are inserted, never updated';
COMMENT ON COLUMN auth.invitations.email IS 'as auth.normalize_email() gives it: who accepts has this address';
COMMENT ON COLUMN auth.invitations.token_hash IS 'SHA-256; the token itself is stored nowhere';
COMMENT ON COLUMN auth.invitations.invited_by IS 'whose invitation goes with him';
COMMENT ON INDEX auth.invitations_expires_at_idx IS 'for auth.cleanup()';
REVOKE ALL ON TABLE auth.invitations FROM PUBLIC;
GRANT SELECT (id, tenant_id, email, role, unit_ids, invited_by, created_at, expires_at) ON auth.invitations TO auth_admin;
SELECT pg_extension_config_dump('auth.invitations', '');

CREATE TABLE auth.invitation_answers (
	invitation_id uuid NOT NULL,
	answer text COLLATE "C" NOT NULL,
	by_user uuid,
	answered_at timestamptz NOT NULL DEFAULT clock_timestamp(),
	CONSTRAINT invitation_answers_pkey PRIMARY KEY (invitation_id),
	CONSTRAINT invitation_answers_invitation_id_fkey FOREIGN KEY (invitation_id) REFERENCES auth.invitations ON DELETE CASCADE,
	CONSTRAINT invitation_answers_answer_check CHECK (answer IN ('accepted', 'revoked'))
);
COMMENT ON TABLE auth.invitation_answers IS 'what became of an invitation; at most one row each, so that it is used once';
COMMENT ON COLUMN auth.invitation_answers.by_user IS 'who accepted or revoked; no foreign key: he may have gone';
REVOKE ALL ON TABLE auth.invitation_answers FROM PUBLIC;
GRANT SELECT ON auth.invitation_answers TO auth_admin;
SELECT pg_extension_config_dump('auth.invitation_answers', '');
