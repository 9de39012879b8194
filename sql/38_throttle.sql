-- throttle: guesses are counted before they are checked
--
-- Both tables are written by src/attempts.c, which reads their columns by
-- number.  Keys are 64 bits of an HMAC under a key derived from the key file:
-- they name nobody.  When the derivation key is rotated all counters begin anew.
-- The history for people is the audit log.

-- Rows are frozen (as by COPY FREEZE) as soon as they are in all indexes: they are
-- valid at once and stay when their transaction is rolled back.  Nothing must
-- insert here but auth._throttle().  Not dumped: what is older than a minute is
-- only needed for failures in a row, and auth._throttle_cleanup() carries those
-- over.
CREATE TABLE auth.login_attempts (
	at timestamptz NOT NULL,
	identifier_key bigint NOT NULL,
	address_key bigint NOT NULL
) USING heap;
COMMENT ON TABLE auth.login_attempts IS 'guesses of the last hour, for the limits; rows survive the rollback of their transaction';
COMMENT ON COLUMN auth.login_attempts.at IS 'wall clock';
COMMENT ON COLUMN auth.login_attempts.identifier_key IS 'keyed hash of the identifier';
COMMENT ON COLUMN auth.login_attempts.address_key IS 'keyed hash of the client''s IPv4 address or IPv6 /64 network';
-- without a key, which would cost each guess an index entry: cleanup deletes also under a publication
ALTER TABLE auth.login_attempts REPLICA IDENTITY FULL;
CREATE INDEX login_attempts_identifier_key_at_idx ON auth.login_attempts (identifier_key, at);
CREATE INDEX login_attempts_address_key_at_idx ON auth.login_attempts (address_key, at);

-- The row with the latest "since" counts: failures so far, to which the attempts
-- after it are added.  Rows are added and deleted, never updated.
CREATE TABLE auth.login_failures (
	identifier_key bigint NOT NULL,
	failures integer NOT NULL CHECK (failures OPERATOR(pg_catalog.>=) 0),
	since timestamptz NOT NULL
) USING heap;
COMMENT ON TABLE auth.login_failures IS 'failures in a row, carried over from attempts that were removed, and resets (0 failures)';
COMMENT ON COLUMN auth.login_failures.identifier_key IS 'keyed hash of the identifier';
COMMENT ON COLUMN auth.login_failures.failures IS 'failures in a row up to "since"';
COMMENT ON COLUMN auth.login_failures.since IS 'attempts after this are added';
ALTER TABLE auth.login_failures REPLICA IDENTITY FULL;
CREATE INDEX login_failures_identifier_key_since_idx ON auth.login_failures (identifier_key, since);
SELECT pg_catalog.pg_extension_config_dump('auth.login_failures', '');

CREATE OR REPLACE FUNCTION auth.client_address() RETURNS inet
	LANGUAGE c STABLE PARALLEL RESTRICTED
	AS 'MODULE_PATHNAME', 'intrex_auth_client_address';
COMMENT ON FUNCTION auth.client_address() IS 'address of the client: the connection''s, or with intrex_auth.trusted_proxies = n the n-th from the right of X-Forwarded-For; NULL on a Unix socket';
REVOKE ALL ON FUNCTION auth.client_address() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION auth.client_address() TO anon, authenticated, auth_admin;

CREATE OR REPLACE FUNCTION auth._throttle(identifier text) RETURNS integer
	LANGUAGE c VOLATILE PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'intrex_auth_throttle';
COMMENT ON FUNCTION auth._throttle(text) IS 'counts a guess at a (normalized) identifier, whatever becomes of the transaction; 0: go on, above 0: refused for so many seconds, -1: too many failures in a row, closed until a reset';
REVOKE ALL ON FUNCTION auth._throttle(text) FROM PUBLIC;

CREATE OR REPLACE FUNCTION auth._throttle_reset(identifier text) RETURNS void
	LANGUAGE c VOLATILE PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'intrex_auth_throttle_reset';
COMMENT ON FUNCTION auth._throttle_reset(text) IS 'begins a new count of failures in a row, after a success or by an administrator';
REVOKE ALL ON FUNCTION auth._throttle_reset(text) FROM PUBLIC;

-- Needs to see no fresh snapshot: it touches only what is older than an hour
-- before its transaction began.  (A reset in a transaction that stays open for
-- an hour may be overtaken; then the account stays closed.)
CREATE OR REPLACE FUNCTION auth._throttle_cleanup(max_rows integer DEFAULT 10000) RETURNS bigint
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
	AS $$
DECLARE
	max_failures CONSTANT integer := coalesce(current_setting('intrex_auth.login_max_failures', true)::integer, 100);
	cutoff timestamptz;
	attempts bigint;
	failures bigint;
BEGIN
	-- one cleanup at a time; logins are not kept waiting by this lock, nor by any below
	BEGIN
		LOCK TABLE auth.login_failures IN SHARE UPDATE EXCLUSIVE MODE NOWAIT;
	EXCEPTION WHEN lock_not_available THEN
		RETURN 0;
	END;

	SELECT a.at INTO cutoff FROM auth.login_attempts AS a
		ORDER BY a.at OFFSET greatest(max_rows, 1) - 1 LIMIT 1;
	cutoff := least(cutoff, now() - interval '1 hour');

	WITH gone AS (
		DELETE FROM auth.login_attempts AS a WHERE a.at <= cutoff
		RETURNING a.identifier_key, a.at
	), base AS (
		SELECT DISTINCT ON (f.identifier_key) f.identifier_key, f.failures, f.since
		FROM auth.login_failures AS f
		WHERE f.identifier_key IN (SELECT g.identifier_key FROM gone AS g)
		ORDER BY f.identifier_key, f.since DESC
	), carried AS (
		INSERT INTO auth.login_failures (identifier_key, failures, since)
		SELECT g.identifier_key, coalesce(max(b.failures), 0) + count(*), cutoff
		FROM gone AS g LEFT JOIN base AS b ON b.identifier_key = g.identifier_key
		WHERE g.at > coalesce(b.since, '-infinity')
		GROUP BY g.identifier_key
	)
	SELECT count(*) INTO attempts FROM gone;

	-- Superseded rows; resets with nothing left to reset; and, so that identifiers
	-- that nobody has do not pile up, counts that did not close the account and
	-- have not grown for 90 days.  A row that supersedes another stays until the
	-- other is gone.
	DELETE FROM auth.login_failures AS f
	WHERE f.ctid = ANY (ARRAY(
		SELECT x.ctid FROM auth.login_failures AS x
		WHERE x.since <= cutoff
			AND (EXISTS (SELECT FROM auth.login_failures AS n
					WHERE n.identifier_key = x.identifier_key AND n.since > x.since)
				OR ((x.failures = 0
						OR (x.failures < max_failures AND x.since < now() - interval '90 days'))
					AND NOT EXISTS (SELECT FROM auth.login_failures AS o
						WHERE o.identifier_key = x.identifier_key AND o.since <> x.since)))
		LIMIT greatest(max_rows, 1)));
	GET DIAGNOSTICS failures = ROW_COUNT;

	RETURN attempts + failures;
END
$$;
COMMENT ON FUNCTION auth._throttle_cleanup(integer) IS 'removes up to so many attempts older than an hour, carrying failures in a row over, and as many superseded counts; returns the rows removed';
REVOKE ALL ON FUNCTION auth._throttle_cleanup(integer) FROM PUBLIC;
