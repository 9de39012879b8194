-- sql/18_issuers.sql: the table of who issues the tokens of this database.
-- Run once at install; depends on 05_schemas_roles.sql.  The functions are in 31_one_time.sql.
--
-- src/issuer.c reads and writes it by column number, and says what the rows mean.
CREATE TABLE auth.issuers (
	number integer NOT NULL,
	id uuid NOT NULL,
	system_identifier bigint NOT NULL,
	database oid NOT NULL,
	noted_at timestamptz NOT NULL DEFAULT clock_timestamp(),
	CONSTRAINT issuers_pkey PRIMARY KEY (number),
	CONSTRAINT issuers_place_key UNIQUE (system_identifier, database)
);
COMMENT ON TABLE auth.issuers IS
	'the id that iss of tokens names while intrex_auth.issuer is empty, with each cluster and database in which it was '
	'used: a row is added by the first sign-in there';
COMMENT ON COLUMN auth.issuers.number IS 'the last place has the highest';
COMMENT ON COLUMN auth.issuers.system_identifier IS 'of the cluster, as pg_control_system() shows it';
COMMENT ON COLUMN auth.issuers.database IS 'the oid of the database in that cluster';
COMMENT ON CONSTRAINT issuers_place_key ON auth.issuers IS 'a place has one issuer, whatever statements say';
REVOKE ALL ON TABLE auth.issuers FROM PUBLIC;
GRANT SELECT ON auth.issuers TO auth_admin;
SELECT pg_extension_config_dump('auth.issuers', '');
