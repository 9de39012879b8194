-- sql/99_writes_guard.sql: the event trigger of 98_writes.sql.
-- Depends on 98_writes.sql, and on 99_grants.sql, whose commands it would look at.

CREATE EVENT TRIGGER intrex_auth_attach_guard ON ddl_command_end
	WHEN TAG IN ('ALTER FUNCTION', 'ALTER POLICY', 'ALTER ROUTINE', 'ALTER TABLE', 'ALTER TRIGGER',
		'CREATE FOREIGN TABLE',
		'CREATE FUNCTION', 'CREATE INDEX', 'CREATE POLICY', 'CREATE RULE', 'CREATE SCHEMA', 'CREATE STATISTICS',
		'CREATE TABLE',
		'CREATE TRIGGER', 'ALTER FOREIGN TABLE')
	EXECUTE FUNCTION auth._attach_guard();
-- also with session_replication_role = replica
ALTER EVENT TRIGGER intrex_auth_attach_guard ENABLE ALWAYS;
COMMENT ON EVENT TRIGGER intrex_auth_attach_guard IS
	'refuses triggers on tables of the extension that call no SECURITY DEFINER function, and other code there';
