-- sql/90_operations.sql: housekeeping, to be called from time to time (doc/operations.md).
-- Depends on 10_tables.sql, 18_operations_tables.sql, 38_throttle.sql, 45_audit.sql.
--
-- A call costs what it removes.  Rows are found by an index on the time at which they
-- are due, from where the last call ended; so rows that cannot go, be it that a key of
-- an application holds them or that they are the last token of a session, are passed
-- once and not read again by each call.

-- Where a pass goes on.  Rows that were left are tried again after a day.  Every pass
-- begins again after 30 days, in case rows with old dates came in.
CREATE OR REPLACE FUNCTION auth._cleanup_pass(source text) RETURNS auth.cleanup_passes
	LANGUAGE plpgsql VOLATILE
	SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	AS $$
#variable_conflict use_column
DECLARE
	pass auth.cleanup_passes;
BEGIN
	INSERT INTO auth.cleanup_passes (source) VALUES (_cleanup_pass.source) ON CONFLICT DO NOTHING;
	UPDATE auth.cleanup_passes AS p
		SET began_at = clock_timestamp(), at = DEFAULT, key = DEFAULT, is_through = DEFAULT, skipped = DEFAULT
		WHERE p.source = _cleanup_pass.source AND p.is_through
			AND p.began_at < clock_timestamp() - CASE p.skipped WHEN '[]' THEN interval '30 days'
				ELSE interval '1 day' END;
	SELECT p.* INTO pass FROM auth.cleanup_passes AS p WHERE p.source = _cleanup_pass.source;
	RETURN pass;
END
$$;
COMMENT ON FUNCTION auth._cleanup_pass(text) IS
	'how far housekeeping has come in a kind of row; from the beginning when it is time for that';
REVOKE ALL ON FUNCTION auth._cleanup_pass(text) FROM PUBLIC;

CREATE OR REPLACE FUNCTION auth._cleanup_skipped(skipped jsonb, more jsonb) RETURNS jsonb
	LANGUAGE sql IMMUTABLE
	SET search_path = pg_catalog, pg_temp
	AS $$
	SELECT coalesce(jsonb_agg(s.what || jsonb_build_object('rows', s.rows) ORDER BY s.what), '[]')
	FROM (
		SELECT e.value - 'rows' AS what, sum((e.value ->> 'rows')::bigint) AS rows
		FROM jsonb_array_elements(skipped || more) AS e
		GROUP BY 1) AS s
$$;
COMMENT ON FUNCTION auth._cleanup_skipped(jsonb, jsonb) IS
	'two lists of rows that were left as one, with the sums of rows';
REVOKE ALL ON FUNCTION auth._cleanup_skipped(jsonb, jsonb) FROM PUBLIC;

CREATE OR REPLACE FUNCTION auth._cleanup_held(table_name name, state text, held_in text, held_by text,
	held_constraint text) RETURNS jsonb
	LANGUAGE sql IMMUTABLE
	RETURN jsonb_strip_nulls(jsonb_build_object('table', 'auth.' || table_name, 'sqlstate', state, 'rows', 1,
		'by', CASE WHEN held_by <> '' THEN format('%I.%I', held_in, held_by) END, 'constraint',
		nullif(held_constraint, '')));
COMMENT ON FUNCTION auth._cleanup_held(name, text, text, text, text) IS
	'how a row is told that could not be deleted: {table, by, constraint, sqlstate, rows}, by an error''s own fields';
REVOKE ALL ON FUNCTION auth._cleanup_held(name, text, text, text, text) FROM PUBLIC;

CREATE OR REPLACE FUNCTION auth._cleanup_fails(state text) RETURNS boolean
	LANGUAGE sql IMMUTABLE
	RETURN state = '40001' OR left(state, 2) IN ('53', '58', 'XX');
COMMENT ON FUNCTION auth._cleanup_fails(text) IS
	'whether an error is not about the row: an old snapshot, no memory or disk, damage';
REVOKE ALL ON FUNCTION auth._cleanup_fails(text) FROM PUBLIC;

-- What cannot be deleted is found by halves: a few subtransactions for each such row, and
-- none where there is none.  A key of an application holds a row, directly or at the end
-- of a cascade, at once or at the end of the transaction; its trigger raises; its rows are
-- locked.  No lock is
-- waited for longer than a second.
CREATE OR REPLACE FUNCTION auth._cleanup_remove(table_name name, key_column name, keys text[], OUT removed bigint,
	OUT skipped jsonb)
	LANGUAGE plpgsql VOLATILE
	SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET lock_timeout = '1s'
	AS $$
DECLARE
	relation CONSTANT regclass := format('auth.%I', table_name);
	key_type CONSTANT text := (SELECT format_type(a.atttypid, a.atttypmod) FROM pg_attribute AS a
		WHERE a.attrelid = relation AND a.attname = key_column);
	half CONSTANT integer := cardinality(keys) / 2;
	state text;
	held_by text;
	held_in text;
	held_constraint text;
	one record;
	other record;
BEGIN
	removed := 0;
	skipped := '[]';
	IF coalesce(cardinality(keys), 0) = 0 THEN
		RETURN;
	END IF;
	BEGIN
		IF table_name = 'sessions' THEN
			INSERT INTO auth.last_sign_ins AS l (user_id, at)
				SELECT s.user_id, max(s.created_at) FROM auth.sessions AS s WHERE s.id = ANY (keys::uuid[])
					GROUP BY s.user_id
				ON CONFLICT (user_id) DO UPDATE SET at = EXCLUDED.at WHERE l.at < EXCLUDED.at;
		END IF;
		removed := auth._delete_checked(table_name, format('t.%I = ANY ($1::%s[])', key_column, key_type), keys);
		RETURN;
	EXCEPTION WHEN OTHERS THEN
		GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, held_in = SCHEMA_NAME, held_by = TABLE_NAME,
			held_constraint = CONSTRAINT_NAME;
		IF auth._cleanup_fails(state) THEN
			RAISE;
		END IF;
	END;
	IF half = 0 THEN
		skipped := jsonb_build_array(auth._cleanup_held(table_name, state, held_in, held_by, held_constraint));
		RETURN;
	END IF;
	one := auth._cleanup_remove(table_name, key_column, keys[:half]);
	other := auth._cleanup_remove(table_name, key_column, keys[half + 1:]);
	removed := one.removed + other.removed;
	skipped := auth._cleanup_skipped(one.skipped, other.skipped);
END
$$;
COMMENT ON FUNCTION auth._cleanup_remove(name, name, text[]) IS
	'deletes rows of one of our tables by key, and keeps of sessions when their users last signed in; those that '
	'cannot be deleted stay, and are told with what holds them';
REVOKE ALL ON FUNCTION auth._cleanup_remove(name, name, text[]) FROM PUBLIC;

-- Rows that somebody has locked are left, and the users of sessions are locked before
-- these: nothing here waits for a transaction that holds one and wants the other.
CREATE OR REPLACE FUNCTION auth._cleanup_lock(table_name name, key_column name, wanted text[], OUT keys text[],
	OUT skipped jsonb)
	LANGUAGE plpgsql VOLATILE
	SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	AS $$
DECLARE
	key_type CONSTANT text := (SELECT format_type(a.atttypid, a.atttypmod) FROM pg_attribute AS a
		WHERE a.attrelid = format('auth.%I', table_name)::regclass AND a.attname = key_column);
	busy bigint := 0;
BEGIN
	EXECUTE format('SELECT array_agg(l.key) FROM (SELECT t.%2$I::text AS key FROM auth.%1$I AS t %4$s'
			' WHERE t.%2$I = ANY ($1::%3$s[]) FOR UPDATE OF t SKIP LOCKED %5$s) AS l', table_name, key_column, key_type,
			CASE table_name WHEN 'sessions' THEN 'JOIN auth.users AS u ON u.id = t.user_id' END,
			CASE table_name WHEN 'sessions' THEN 'FOR KEY SHARE OF u SKIP LOCKED' END)
		INTO keys USING wanted;
	keys := coalesce(keys, '{}');
	IF cardinality(keys) < cardinality(wanted) THEN
		EXECUTE format('SELECT count(*) FROM auth.%1$I AS t'
				' WHERE t.%2$I = ANY ($1::%3$s[]) AND t.%2$I <> ALL ($2::%3$s[])',
				table_name, key_column, key_type)
			INTO busy USING wanted, keys;
	END IF;
	skipped := CASE WHEN busy = 0 THEN '[]'
		ELSE jsonb_build_array(jsonb_build_object('table', 'auth.' || table_name, 'sqlstate', '55P03', 'rows',
			busy)) END;
END
$$;
COMMENT ON FUNCTION auth._cleanup_lock(name, name, text[]) IS
	'locks rows of one of our tables that nobody else has locked, and tells how many somebody has';
REVOKE ALL ON FUNCTION auth._cleanup_lock(name, name, text[]) FROM PUBLIC;

-- The candidates are a query with four columns: the time when a row is due and a key that
-- tells rows of the same time apart, by which an index gives them in order; the key of
-- the row to delete; whether it is to be deleted.  The settings leave no plan but the one
-- along that index: its cost is what it returns, whatever the statistics say.
CREATE OR REPLACE FUNCTION auth._cleanup_due(candidates text, key_type regtype, pass auth.cleanup_passes,
	until_ timestamptz, max integer,
		OUT examined integer, OUT at timestamptz, OUT key text, OUT ids text[])
	LANGUAGE plpgsql STABLE
	SECURITY DEFINER SET search_path = pg_catalog, pg_temp
		SET enable_seqscan = off SET enable_bitmapscan = off SET enable_sort = off
		SET enable_hashjoin = off SET enable_mergejoin = off
		SET jit = off SET max_parallel_workers_per_gather = 0 SET bytea_output = hex
	AS $$
DECLARE
	query CONSTANT text := format('SELECT c.at, c.key::text AS key, c.id::text AS id, c.is_due'
		' FROM (%s) AS c (at, key, id, is_due)'
		' WHERE c.at < $3 AND %s ORDER BY c.at, c.key LIMIT $4', candidates,
		CASE pass.key WHEN '' THEN 'c.at >= $1' ELSE format('(c.at, c.key) > ($1, $2::%s)', key_type) END);
	candidate record;
BEGIN
	examined := 0;
	ids := '{}';
	FOR candidate IN EXECUTE query USING pass.at, pass.key, until_, max LOOP
		examined := examined + 1;
		at := candidate.at;
		key := candidate.key;
		IF candidate.is_due THEN
			ids := ids || candidate.id;
		END IF;
	END LOOP;
END
$$;
COMMENT ON FUNCTION auth._cleanup_due(text, regtype, auth.cleanup_passes, timestamptz, integer) IS
	'the next rows of a kind that are due: how many were looked at, the last one, and the keys of those to delete';
REVOKE ALL ON FUNCTION auth._cleanup_due(text, regtype, auth.cleanup_passes, timestamptz, integer) FROM PUBLIC;

CREATE OR REPLACE FUNCTION auth._cleanup_source(source text, table_name name, key_column name, candidates text,
	key_type regtype,
		until_ timestamptz, max integer, OUT examined integer, OUT removed bigint, OUT skipped jsonb)
	LANGUAGE plpgsql VOLATILE
	SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	AS $$
#variable_conflict use_variable
DECLARE
	-- of one statement: what fails is done again, by halves
	batch CONSTANT integer := 500;
	pass CONSTANT auth.cleanup_passes := auth._cleanup_pass(source);
	due record;
	locked record;
	outcome record;
	goes_on boolean;
BEGIN
	removed := 0;
	skipped := '[]';
	due := auth._cleanup_due(candidates, key_type, pass, until_, max);
	examined := due.examined;
	FOR start IN 1 .. cardinality(due.ids) BY batch LOOP
		locked := auth._cleanup_lock(table_name, key_column, due.ids[start:start + batch - 1]);
		outcome := auth._cleanup_remove(table_name, key_column, locked.keys);
		removed := removed + outcome.removed;
		skipped := auth._cleanup_skipped(skipped, locked.skipped || outcome.skipped);
	END LOOP;
	-- what is gone need not be passed
	goes_on := examined > removed;
	UPDATE auth.cleanup_passes AS p
		SET at = CASE WHEN goes_on THEN due.at ELSE p.at END, key = CASE WHEN goes_on THEN due.key ELSE p.key END,
			is_through = examined < max, skipped = auth._cleanup_skipped(p.skipped, skipped)
		WHERE p.source = pass.source AND (goes_on OR p.is_through <> (examined < max));
END
$$;
COMMENT ON FUNCTION auth._cleanup_source(text, name, name, text, regtype, timestamptz, integer) IS
	'goes on with one kind of row: looks at up to so many that are due by a time, and deletes them but for those that '
	'are held';
REVOKE ALL ON FUNCTION auth._cleanup_source(text, name, name, text, regtype, timestamptz, integer) FROM PUBLIC;

-- A session is over when it was revoked, or else when its end has come or its last
-- refresh token can no longer be used, whichever is first.  It is kept for 30 days
-- after that, for people who ask what happened.  Invitations go 30 days after they
-- expired, one-time tokens a day after: a clock that is set back must not make one good
-- again.
CREATE OR REPLACE FUNCTION auth._cleanup_sessions(kept timestamptz, max integer, OUT removed bigint, OUT skipped jsonb)
	LANGUAGE plpgsql VOLATILE
	SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	AS $$
DECLARE
	kind record;
	outcome record;
	left_over integer := max;
BEGIN
	removed := 0;
	skipped := '[]';
	FOR kind IN SELECT * FROM (VALUES
		('sessions revoked', 'uuid', 'SELECT s.revoked_at, s.id, s.id, true FROM auth.sessions AS s'),
		('sessions expired', 'uuid', 'SELECT s.expires_at, s.id, s.id, s.revoked_at IS NULL FROM auth.sessions AS s'),
		('sessions idle', 'bytea', 'SELECT r.expires_at, r.token_hash, s.id,'
			' s.revoked_at IS NULL AND NOT EXISTS (SELECT FROM auth.refresh_tokens AS n WHERE n.parent = r.token_hash)'
			' AND NOT EXISTS (SELECT FROM auth.refresh_tokens AS n WHERE n.session_id = r.session_id'
			' AND n.generation > r.generation)'
			' FROM auth.refresh_tokens AS r JOIN auth.sessions AS s ON s.id = r.session_id'),
		('sessions without tokens', 'uuid',
			'SELECT s.created_at, s.id, s.id, s.revoked_at IS NULL AND s.expires_at IS NULL'
			' AND NOT EXISTS (SELECT FROM auth.refresh_tokens AS r WHERE r.session_id = s.id) FROM auth.sessions AS s')
		) AS k (source, key_type, candidates)
	LOOP
		EXIT WHEN left_over <= 0;
		outcome := auth._cleanup_source(kind.source, 'sessions', 'id', kind.candidates, kind.key_type::regtype, kept,
			left_over);
		removed := removed + outcome.removed;
		skipped := skipped || outcome.skipped;
		left_over := left_over - outcome.examined;
	END LOOP;
END
$$;
COMMENT ON FUNCTION auth._cleanup_sessions(timestamptz, integer) IS 'deletes sessions that have been over since a time';
REVOKE ALL ON FUNCTION auth._cleanup_sessions(timestamptz, integer) FROM PUBLIC;

-- Used refresh tokens go a day after they expired: presented then, they are unknown
-- instead of used.  The last one of a session tells how long it lasted and stays.  Of a
-- family that grows fast, every hundredth token lets go what is a thousand generations
-- older, once it is an hour older than the time within which a used token may still be
-- good: a client that refreshes each second leaves 1 100 rows and those of that time.
CREATE OR REPLACE FUNCTION auth._cleanup_refresh_tokens(now_ timestamptz, max integer, OUT removed bigint,
	OUT skipped jsonb)
	LANGUAGE plpgsql VOLATILE
	SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	AS $$
DECLARE
	forgiving CONSTANT interval := make_interval(
		secs => greatest(auth._seconds('refresh_reuse_grace'), auth._seconds('refresh_recovery')));
	outcome record;
	other record;
BEGIN
	outcome := auth._cleanup_source('refresh tokens expired', 'refresh_tokens', 'token_hash',
		'SELECT r.expires_at, r.token_hash, r.token_hash, EXISTS (SELECT FROM auth.refresh_tokens AS n'
		' WHERE n.parent = r.token_hash)'
		-- or later ones, where the next has gone
		' OR EXISTS (SELECT FROM auth.refresh_tokens AS n WHERE n.session_id = r.session_id'
		' AND n.generation > r.generation)'
		' FROM auth.refresh_tokens AS r', 'bytea', now_ - interval '1 day', max);
	removed := outcome.removed;
	skipped := outcome.skipped;
	IF outcome.examined < max THEN
		other := auth._cleanup_source('refresh tokens of large families', 'refresh_tokens', 'token_hash',
			'SELECT m.created_at, r.token_hash, r.token_hash, true'
			' FROM auth.refresh_tokens AS m JOIN auth.refresh_tokens AS r ON r.session_id = m.session_id'
			' AND r.generation > m.generation - 1100 AND r.generation <= m.generation - 1000'
			' WHERE m.generation % 100 = 0 AND m.generation > 0',
			'bytea', now_ - forgiving - interval '1 hour', max - outcome.examined);
		removed := removed + other.removed;
		skipped := skipped || other.skipped;
	END IF;
END
$$;
COMMENT ON FUNCTION auth._cleanup_refresh_tokens(timestamptz, integer) IS
	'deletes used refresh tokens that expired more than a day ago, and the oldest of large families';
REVOKE ALL ON FUNCTION auth._cleanup_refresh_tokens(timestamptz, integer) FROM PUBLIC;

CREATE OR REPLACE FUNCTION auth.cleanup(max integer DEFAULT 10000) RETURNS jsonb
	LANGUAGE plpgsql VOLATILE
	SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	AS $$
DECLARE
	now_ CONSTANT timestamptz := clock_timestamp();
	sealed bigint;
	cut bigint;
	attempts bigint := 0;
	tokens record;
	sessions record;
	used record;
	invitations record;
	skipped jsonb := '[]';
	state text;
	held_in text;
	held_by text;
	held_constraint text;
	entry jsonb;
BEGIN
	IF max IS NULL OR max NOT BETWEEN 1 AND 1000000 THEN
		PERFORM auth._fail('22023', 'max must be from 1 to 1000000');
	END IF;
	-- one at a time: a second call has nothing to do
	BEGIN
		LOCK TABLE auth.cleanup_passes IN SHARE ROW EXCLUSIVE MODE NOWAIT;
	EXCEPTION WHEN lock_not_available THEN
		RETURN jsonb_build_object('busy', true);
	END;
	-- first, because it may wait a second, and the rest takes locks
	IF current_setting('transaction_isolation') = 'read committed' THEN
		sealed := auth.audit_seal(max);
		SELECT c.removed, c.skipped INTO cut, skipped FROM auth._audit_cut(max) AS c;
	END IF;
	BEGIN
		attempts := auth._throttle_cleanup(max);
	EXCEPTION WHEN foreign_key_violation OR restrict_violation THEN
		-- counters, which nothing should refer to: none of them goes
		GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, held_in = SCHEMA_NAME, held_by = TABLE_NAME,
			held_constraint = CONSTRAINT_NAME;
		skipped := skipped || jsonb_build_array(auth._cleanup_held('login_attempts', state, held_in, held_by,
			held_constraint));
	END;
	tokens := auth._cleanup_refresh_tokens(now_, max);
	sessions := auth._cleanup_sessions(now_ - interval '30 days', max);
	used := auth._cleanup_source('revoked tokens', 'revoked_tokens', 'jti',
		'SELECT r.expires_at, r.jti, r.jti, true FROM auth.revoked_tokens AS r', 'uuid', now_ - interval '1 day', max);
	invitations := auth._cleanup_source('invitations', 'invitations', 'id',
		'SELECT i.expires_at, i.id, i.id, true FROM auth.invitations AS i', 'uuid', now_ - interval '30 days', max);

	skipped := auth._cleanup_skipped(skipped, tokens.skipped || sessions.skipped || used.skipped
		|| invitations.skipped);
	FOR entry IN SELECT s.value FROM jsonb_array_elements(skipped) AS s LOOP
		RAISE WARNING USING
			ERRCODE = '01000',
			MESSAGE = format('rows of %s that could not be removed: %s', entry ->> 'table', entry ->> 'rows'),
			DETAIL = format('SQLSTATE %s%s%s.', entry ->> 'sqlstate', ', table ' || (entry ->> 'by'),
				', constraint ' || (entry ->> 'constraint')),
			HINT = CASE entry ->> 'sqlstate' WHEN '55P03' THEN 'Somebody has locked them.'
				ELSE 'A foreign key to this table should say ON DELETE CASCADE or SET NULL, '
					'and no trigger should raise.' END
				|| ' They are tried again after a day.';
	END LOOP;
	RETURN jsonb_build_object('audit_cut', cut, 'audit_sealed', sealed, 'invitations', invitations.removed,
		'login_attempts', attempts,
		'refresh_tokens', tokens.removed, 'revoked_tokens', used.removed, 'sessions', sessions.removed,
		-- all that is known to be held, also what this call did not try
		'skipped', (SELECT auth._cleanup_skipped('[]', coalesce(jsonb_agg(e.value), '[]'))
			FROM (SELECT s.value FROM jsonb_array_elements(skipped) AS s
				WHERE s.value ->> 'table' = 'auth.login_attempts'
				UNION ALL
				SELECT s.value FROM auth.cleanup_passes AS p, jsonb_array_elements(p.skipped) AS s) AS e));
END
$$;
COMMENT ON FUNCTION auth.cleanup(integer) IS
	'seals the audit trail, removes what is older than intrex_auth.audit_retention, and removes attempts, sessions, '
	'refresh tokens, invitations and used one-time tokens that are long over; looks at up to so many rows of each that '
	'are due; returns the numbers, and in skipped the rows that are held: [{table, by, constraint, sqlstate, rows}]';
REVOKE ALL ON FUNCTION auth.cleanup(integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION auth.cleanup(integer) TO auth_admin;
