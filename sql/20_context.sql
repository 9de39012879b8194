-- context: who is asking
--
-- The setting intrex_auth.token verifies itself (src/tokensetting.c); these read
-- what it proves.  They raise 28000 when a token is there but does not hold
-- (expired, revoked, banned, of an earlier transaction), and return NULL when
-- there is none.

CREATE OR REPLACE FUNCTION auth.authenticate(token text) RETURNS jsonb
	LANGUAGE c VOLATILE PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'intrex_auth_authenticate';
COMMENT ON FUNCTION auth.authenticate(text) IS 'verifies an access token, makes it the context of this transaction and returns its claims; raises 28000';
REVOKE ALL ON FUNCTION auth.authenticate(text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION auth.authenticate(text) TO anon, authenticated, auth_admin;

CREATE OR REPLACE FUNCTION auth.uid() RETURNS uuid
	LANGUAGE c STABLE PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'intrex_auth_uid';
COMMENT ON FUNCTION auth.uid() IS 'the user that is asking (sub), NULL without a token or when sub is no uuid';
REVOKE ALL ON FUNCTION auth.uid() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION auth.uid() TO anon, authenticated, auth_admin;

CREATE OR REPLACE FUNCTION auth.tenant_id() RETURNS uuid
	LANGUAGE c STABLE PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'intrex_auth_tenant_id';
COMMENT ON FUNCTION auth.tenant_id() IS 'the tenant that the token is for, NULL when there is none';
REVOKE ALL ON FUNCTION auth.tenant_id() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION auth.tenant_id() TO anon, authenticated, auth_admin;

CREATE OR REPLACE FUNCTION auth.session_id() RETURNS uuid
	LANGUAGE c STABLE PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'intrex_auth_session_id';
COMMENT ON FUNCTION auth.session_id() IS 'the session of the token';
REVOKE ALL ON FUNCTION auth.session_id() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION auth.session_id() TO anon, authenticated, auth_admin;

CREATE OR REPLACE FUNCTION auth.user_id() RETURNS text
	LANGUAGE c STABLE PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'intrex_auth_user_id';
COMMENT ON FUNCTION auth.user_id() IS 'sub of the token as text, as pg_session_jwt has it';
REVOKE ALL ON FUNCTION auth.user_id() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION auth.user_id() TO anon, authenticated, auth_admin;

CREATE OR REPLACE FUNCTION auth.role() RETURNS text
	LANGUAGE c STABLE PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'intrex_auth_role';
COMMENT ON FUNCTION auth.role() IS 'the database role that the token names';
REVOKE ALL ON FUNCTION auth.role() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION auth.role() TO anon, authenticated, auth_admin;

CREATE OR REPLACE FUNCTION auth.email() RETURNS text
	LANGUAGE c STABLE PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'intrex_auth_email';
COMMENT ON FUNCTION auth.email() IS 'the e-mail address in the token';
REVOKE ALL ON FUNCTION auth.email() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION auth.email() TO anon, authenticated, auth_admin;

CREATE OR REPLACE FUNCTION auth.tenant_role() RETURNS text
	LANGUAGE c STABLE PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'intrex_auth_tenant_role';
COMMENT ON FUNCTION auth.tenant_role() IS 'the role of the member in the tenant, as it is now';
REVOKE ALL ON FUNCTION auth.tenant_role() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION auth.tenant_role() TO anon, authenticated, auth_admin;

CREATE OR REPLACE FUNCTION auth.unit_ids() RETURNS uuid[]
	LANGUAGE c STABLE PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'intrex_auth_unit_ids';
COMMENT ON FUNCTION auth.unit_ids() IS 'the units that the member is bound to, as they are now; empty when none, NULL without a token';
REVOKE ALL ON FUNCTION auth.unit_ids() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION auth.unit_ids() TO anon, authenticated, auth_admin;

CREATE OR REPLACE FUNCTION auth.aal() RETURNS text
	LANGUAGE c STABLE PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'intrex_auth_aal';
COMMENT ON FUNCTION auth.aal() IS 'authenticator assurance level of the session: aal1 or aal2';
REVOKE ALL ON FUNCTION auth.aal() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION auth.aal() TO anon, authenticated, auth_admin;

CREATE OR REPLACE FUNCTION auth.jwt() RETURNS jsonb
	LANGUAGE c STABLE PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'intrex_auth_jwt';
COMMENT ON FUNCTION auth.jwt() IS 'the claims of the token';
REVOKE ALL ON FUNCTION auth.jwt() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION auth.jwt() TO anon, authenticated, auth_admin;

CREATE OR REPLACE FUNCTION auth.session() RETURNS jsonb
	LANGUAGE c STABLE PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'intrex_auth_jwt';
COMMENT ON FUNCTION auth.session() IS 'the claims of the token, as pg_session_jwt has it';
REVOKE ALL ON FUNCTION auth.session() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION auth.session() TO anon, authenticated, auth_admin;

CREATE OR REPLACE FUNCTION auth._session_state(session_id uuid, user_id uuid, tenant_id uuid) RETURNS text
	LANGUAGE c STABLE PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'intrex_auth_session_state';
COMMENT ON FUNCTION auth._session_state(uuid, uuid, uuid) IS 'NULL when session, user and membership hold now, else a code; a NULL session or tenant is not looked at';
REVOKE ALL ON FUNCTION auth._session_state(uuid, uuid, uuid) FROM PUBLIC;

CREATE OR REPLACE FUNCTION auth._report_event(event text, reason text) RETURNS void
	LANGUAGE c VOLATILE STRICT PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'intrex_auth_report_event';
COMMENT ON FUNCTION auth._report_event(text, text) IS 'writes one structured line to the server log';
REVOKE ALL ON FUNCTION auth._report_event(text, text) FROM PUBLIC;

CREATE OR REPLACE FUNCTION auth._seconds(name text) RETURNS integer
	LANGUAGE c STABLE STRICT PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'intrex_auth_setting_seconds';
COMMENT ON FUNCTION auth._seconds(text) IS 'a time setting of intrex_auth as a number of seconds';
REVOKE ALL ON FUNCTION auth._seconds(text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION auth._seconds(text) TO auth_owner;

CREATE OR REPLACE FUNCTION auth._identity_changed() RETURNS trigger
	LANGUAGE c VOLATILE PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'intrex_auth_identity_changed';
COMMENT ON FUNCTION auth._identity_changed() IS 'after a change of the rows that identities rest on: they are looked at anew, by this transaction at once and by all others after its commit';
REVOKE ALL ON FUNCTION auth._identity_changed() FROM PUBLIC;

-- For each row and always: rows that logical replication or a session with
-- session_replication_role = replica changes count too. An INSERT ends nothing.
CREATE TRIGGER identity_changed
	AFTER UPDATE OR DELETE ON auth.users
	FOR EACH ROW EXECUTE FUNCTION auth._identity_changed();
CREATE TRIGGER identity_changed
	AFTER UPDATE OR DELETE ON auth.sessions
	FOR EACH ROW EXECUTE FUNCTION auth._identity_changed();
CREATE TRIGGER identity_changed
	AFTER UPDATE OR DELETE ON auth.memberships
	FOR EACH ROW EXECUTE FUNCTION auth._identity_changed();
CREATE TRIGGER identity_truncated
	AFTER TRUNCATE ON auth.users
	FOR EACH STATEMENT EXECUTE FUNCTION auth._identity_changed();
CREATE TRIGGER identity_truncated
	AFTER TRUNCATE ON auth.sessions
	FOR EACH STATEMENT EXECUTE FUNCTION auth._identity_changed();
CREATE TRIGGER identity_truncated
	AFTER TRUNCATE ON auth.memberships
	FOR EACH STATEMENT EXECUTE FUNCTION auth._identity_changed();
ALTER TABLE auth.users ENABLE ALWAYS TRIGGER identity_changed, ENABLE ALWAYS TRIGGER identity_truncated;
ALTER TABLE auth.sessions ENABLE ALWAYS TRIGGER identity_changed, ENABLE ALWAYS TRIGGER identity_truncated;
ALTER TABLE auth.memberships ENABLE ALWAYS TRIGGER identity_changed, ENABLE ALWAYS TRIGGER identity_truncated;
