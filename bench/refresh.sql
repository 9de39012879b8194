-- bench/refresh.sql: what refresh.sh needs.
-- Depends on setup.sql.

\set ON_ERROR_STOP 1
-- Where each client of pgbench begins: a fresh session with its first refresh token.
CREATE TABLE bench.chains (client integer PRIMARY KEY, session_id uuid NOT NULL, user_id uuid NOT NULL, tenant_id uuid NOT NULL, token text NOT NULL);

CREATE FUNCTION bench.begin_chains(clients integer) RETURNS void
	LANGUAGE plpgsql VOLATILE AS $$
DECLARE
	started record;
BEGIN
	DELETE FROM bench.chains;
	FOR client IN 0 .. clients - 1 LOOP
		started := auth._session_begin(bench.uuid('user', client + 1), bench.uuid('tenant', (client + 1) % 200 + 1), 'password');
		INSERT INTO bench.chains VALUES (client, started.session_id, bench.uuid('user', client + 1),
			bench.uuid('tenant', (client + 1) % 200 + 1), started.refresh_token);
	END LOOP;
END
$$;

-- Rows that refreshes wrote, to see that both wrote the same.
CREATE VIEW bench.written AS
	SELECT (SELECT count(*) FROM auth.refresh_tokens WHERE parent IS NOT NULL) AS tokens,
		(SELECT count(*) FROM auth.audit_log WHERE event = 'refresh' AND outcome = 'success') AS audited;
