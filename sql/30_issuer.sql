-- sql/30_issuer.sql: which iss the tokens of this database have.
-- Depends on 18_issuers.sql and src/issuer.c.

CREATE OR REPLACE FUNCTION auth._issuer() RETURNS text
	LANGUAGE c VOLATILE PARALLEL RESTRICTED
	AS 'MODULE_PATHNAME', 'intrex_auth_issuer';
COMMENT ON FUNCTION auth._issuer() IS 'iss of the tokens that this database signs; notes it if need be';
REVOKE ALL ON FUNCTION auth._issuer() FROM PUBLIC;

CREATE OR REPLACE FUNCTION auth._issuer_changed() RETURNS trigger
	LANGUAGE c VOLATILE PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'intrex_auth_issuer_changed';
COMMENT ON FUNCTION auth._issuer_changed() IS
	'after a change of auth.issuers: backends forget what they remember of it';
REVOKE ALL ON FUNCTION auth._issuer_changed() FROM PUBLIC;

-- For each row and always: rows that logical replication changes count too.
CREATE TRIGGER issuer_changed
	AFTER INSERT OR UPDATE OR DELETE ON auth.issuers
	FOR EACH ROW EXECUTE FUNCTION auth._issuer_changed();
CREATE TRIGGER issuer_truncated
	AFTER TRUNCATE ON auth.issuers
	FOR EACH STATEMENT EXECUTE FUNCTION auth._issuer_changed();
ALTER TABLE auth.issuers ENABLE ALWAYS TRIGGER issuer_changed, ENABLE ALWAYS TRIGGER issuer_truncated;

-- For superusers: SECURITY INVOKER, granted to nobody.
CREATE OR REPLACE FUNCTION auth.issuer_adopt() RETURNS text
	LANGUAGE plpgsql VOLATILE
	SET search_path = pg_catalog, pg_temp
	AS $$
DECLARE
	here CONSTANT oid := (SELECT d.oid FROM pg_database AS d WHERE d.datname = current_database());
	system CONSTANT bigint := (SELECT c.system_identifier FROM pg_control_system() AS c);
	origin auth.issuers;
	others text;
BEGIN
	LOCK TABLE auth.issuers IN SHARE ROW EXCLUSIVE MODE;
	SELECT i.* INTO origin FROM auth.issuers AS i
		WHERE (i.system_identifier, i.database) <> (system, here)
		ORDER BY i.number DESC LIMIT 1;
	IF NOT FOUND THEN
		RAISE EXCEPTION USING
			ERRCODE = 'object_not_in_prerequisite_state',
			MESSAGE = 'there is no other issuer to adopt',
			DETAIL = 'This database is not a copy of one that has issued tokens.';
	END IF;
	SELECT string_agg(quote_ident(d.datname), ', ' ORDER BY d.datname) INTO others
		FROM auth.issuers AS i JOIN pg_database AS d ON d.oid = i.database
		WHERE i.id = origin.id AND i.system_identifier = system AND d.oid <> here;
	IF others IS NOT NULL THEN
		RAISE WARNING USING
			ERRCODE = '01000',
			MESSAGE = 'another database has the same issuer',
			DETAIL = format('Each accepts the tokens of the other: %s.', others),
			HINT = 'Drop that database, or set intrex_auth.issuer in one of them.';
	END IF;
	UPDATE auth.issuers AS i SET id = origin.id WHERE i.system_identifier = system AND i.database = here;
	IF NOT FOUND THEN
		INSERT INTO auth.issuers (number, id, system_identifier, database)
			SELECT max(i.number) + 1, origin.id, system, here FROM auth.issuers AS i;
	END IF;
	RETURN 'intrex-auth:' || origin.id;
END
$$;
COMMENT ON FUNCTION auth.issuer_adopt() IS
	'a copy takes the place of the database that it was copied from: tokens of that one are good here; returns their '
	'iss. For superusers';
REVOKE ALL ON FUNCTION auth.issuer_adopt() FROM PUBLIC;

