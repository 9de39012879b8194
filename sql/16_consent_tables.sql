-- sql/16_consent_tables.sql: what users agreed to. Run once at install; depends on 10_tables.sql.
--
-- The three purposes that are always there (auth.consent_purpose_list()) are no
-- rows: nothing is seeded, so that a dump restores.

CREATE TABLE auth.consent_purposes (
	name text COLLATE "C" NOT NULL,
	description text,
	document_version text COLLATE "C",
	created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
	updated_at timestamptz NOT NULL DEFAULT clock_timestamp(),
	CONSTRAINT consent_purposes_pkey PRIMARY KEY (name),
	CONSTRAINT consent_purposes_name_check CHECK (name ~ '^[a-z][a-z0-9_]{0,62}$')
);
COMMENT ON TABLE auth.consent_purposes IS 'purposes that were added to the three that are always there, and what was said about any';
COMMENT ON COLUMN auth.consent_purposes.document_version IS 'version of the text in force; a consent to another one is refused; NULL: the client says';
REVOKE ALL ON TABLE auth.consent_purposes FROM PUBLIC;
GRANT SELECT ON auth.consent_purposes TO auth_admin;
SELECT pg_extension_config_dump('auth.consent_purposes', '');

-- No foreign key to the purpose, which may be no row; auth._demand_purpose() looks.
CREATE TABLE auth.consents (
	id bigint GENERATED ALWAYS AS IDENTITY,
	user_id uuid NOT NULL,
	purpose text COLLATE "C" NOT NULL,
	granted boolean NOT NULL,
	at timestamptz NOT NULL DEFAULT clock_timestamp(),
	document_version text COLLATE "C",
	address inet,
	by_user uuid,
	by_role text COLLATE "C" NOT NULL,
	CONSTRAINT consents_pkey PRIMARY KEY (user_id, purpose, id) INCLUDE (granted),
	CONSTRAINT consents_user_id_fkey FOREIGN KEY (user_id) REFERENCES auth.users ON DELETE CASCADE,
	CONSTRAINT consents_by_user_fkey FOREIGN KEY (by_user) REFERENCES auth.users ON DELETE SET NULL
);
CREATE INDEX consents_by_user_idx ON auth.consents (by_user) WHERE by_user IS NOT NULL AND by_user <> user_id;
COMMENT ON TABLE auth.consents IS 'consents and their withdrawals, a row each: append-only, for administrators too. The row with the largest id counts';
COMMENT ON COLUMN auth.consents.id IS 'drawn while the row of the user is locked: the order of commits';
COMMENT ON COLUMN auth.consents.document_version IS 'version of the text that was shown';
COMMENT ON COLUMN auth.consents.by_user IS 'who said it: the user, or an administrator for him; NULL when that one is gone';
COMMENT ON COLUMN auth.consents.by_role IS 'the database user of the session';
COMMENT ON CONSTRAINT consents_pkey ON auth.consents IS 'one probe of auth.has_consent(); an index on the id alone would tempt the planner to search that backwards';
COMMENT ON INDEX auth.consents_by_user_idx IS 'what administrators recorded for others';
REVOKE ALL ON TABLE auth.consents FROM PUBLIC;
GRANT SELECT ON auth.consents TO auth_admin;
SELECT pg_extension_config_dump('auth.consents', '');
COMMENT ON SEQUENCE auth.consents_id_seq IS 'numbers the consents';
SELECT pg_extension_config_dump('auth.consents_id_seq', '');
