-- sql/90_operations.sql: housekeeping, to be called from time to time (pg_cron, or any timer).
-- Depends on 10_tables.sql, 38_throttle.sql, 45_audit.sql.

-- Bounded, so that a first call on a large database holds no lock for long; what
-- others have locked is left for the next call.
--
-- A session is over when it was revoked, when its end has come, or, if it has
-- none, when its last refresh token can no longer be used.  It is kept for 30
-- days after that, for people who ask what happened.  Within sessions that go on,
-- refresh tokens go a day after they expired: presented then, they are unknown
-- instead of expired.  Invitations go 30 days after they expired.
CREATE OR REPLACE FUNCTION auth.cleanup(max integer DEFAULT 10000) RETURNS jsonb
	LANGUAGE plpgsql VOLATILE
	SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	AS $$
DECLARE
	now_ CONSTANT timestamptz := clock_timestamp();
	kept CONSTANT timestamptz := now_ - interval '30 days';
	sealed bigint;
	attempts bigint;
	tokens bigint;
	sessions bigint;
	used bigint;
	invitations bigint;
BEGIN
	IF max IS NULL OR max NOT BETWEEN 1 AND 1000000 THEN
		PERFORM auth._fail('22023', 'max must be from 1 to 1000000');
	END IF;
	-- first, because it may wait a second, and the rest takes locks
	IF current_setting('transaction_isolation') = 'read committed' THEN
		sealed := auth.audit_seal(max);
	END IF;
	attempts := auth._throttle_cleanup(max);

	DELETE FROM auth.sessions AS s
		WHERE s.id = ANY (ARRAY(
			SELECT c.id FROM auth.sessions AS c
			WHERE c.created_at < kept
				AND CASE
					WHEN c.revoked_at IS NOT NULL THEN c.revoked_at < kept
					WHEN c.expires_at IS NOT NULL THEN c.expires_at < kept
					ELSE NOT EXISTS (SELECT FROM auth.refresh_tokens AS r WHERE r.session_id = c.id AND r.expires_at >= kept)
				END
			LIMIT max
			FOR UPDATE SKIP LOCKED));
	GET DIAGNOSTICS sessions = ROW_COUNT;

	DELETE FROM auth.refresh_tokens AS r
		WHERE r.token_hash = ANY (ARRAY(
			SELECT c.token_hash FROM auth.refresh_tokens AS c
			WHERE c.expires_at < now_ - interval '1 day'
				-- the last one of a session tells how long it lasted
				AND EXISTS (SELECT FROM auth.refresh_tokens AS n WHERE n.parent = c.token_hash)
			LIMIT max
			FOR UPDATE SKIP LOCKED));
	GET DIAGNOSTICS tokens = ROW_COUNT;

	-- a day late: a clock that is set back must not make a token good again
	DELETE FROM auth.revoked_tokens AS r
		WHERE r.jti = ANY (ARRAY(
			SELECT c.jti FROM auth.revoked_tokens AS c
			WHERE c.expires_at < now_ - interval '1 day'
			LIMIT max
			FOR UPDATE SKIP LOCKED));
	GET DIAGNOSTICS used = ROW_COUNT;

	DELETE FROM auth.invitations AS i
		WHERE i.id = ANY (ARRAY(
			SELECT c.id FROM auth.invitations AS c WHERE c.expires_at < kept LIMIT max FOR UPDATE SKIP LOCKED));
	GET DIAGNOSTICS invitations = ROW_COUNT;

	RETURN jsonb_build_object('audit_sealed', sealed, 'invitations', invitations, 'login_attempts', attempts, 'refresh_tokens', tokens, 'revoked_tokens', used, 'sessions', sessions);
END
$$;
COMMENT ON FUNCTION auth.cleanup(integer) IS 'seals the audit trail and removes attempts, sessions, refresh tokens, invitations and used one-time tokens that are long over, up to so many rows each; returns the numbers';
REVOKE ALL ON FUNCTION auth.cleanup(integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION auth.cleanup(integer) TO auth_admin;
