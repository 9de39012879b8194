-- sql/92_drop_guard.sql: the extension is not dropped while it has users.
-- Depends on src/dropguard.c, whose hook refuses; this loads it.
--
-- The function stays the superuser's, since every role that drops something runs it.
-- The tags are those by which the extension can fall: its own, that of the language
-- it is written in, and that of an owner.  Database and cluster have no event triggers.

CREATE OR REPLACE FUNCTION auth._watch_drops() RETURNS event_trigger
	LANGUAGE c VOLATILE
	AS 'MODULE_PATHNAME', 'intrex_auth_watch_drops';
COMMENT ON FUNCTION auth._watch_drops() IS
	'loads the library, which does not let the extension be dropped while it has users';
REVOKE ALL ON FUNCTION auth._watch_drops() FROM PUBLIC;

CREATE EVENT TRIGGER intrex_auth_drop_guard ON ddl_command_start
	WHEN TAG IN ('DROP EXTENSION', 'DROP LANGUAGE', 'DROP OWNED', 'DROP SCHEMA')
	EXECUTE FUNCTION auth._watch_drops();
-- also with session_replication_role = replica
ALTER EVENT TRIGGER intrex_auth_drop_guard ENABLE ALWAYS;
COMMENT ON EVENT TRIGGER intrex_auth_drop_guard IS
	'refuses to drop intrex_auth while it has users, unless intrex_auth.allow_drop is on';
