-- sql/33_key_life.sql: the life of a key after it was made: standby, current, previous, retired, gone.
-- Depends on 32_keys.sql, 35_secret.sql, 10_tables.sql.
--
-- For superusers: SECURITY INVOKER, granted to nobody.  Changes of the file are
-- not part of the transaction.  What a state means is in doc/keys.md.

CREATE OR REPLACE FUNCTION auth.key_standby(alg text) RETURNS text
	LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'intrex_auth_key_standby';
COMMENT ON FUNCTION auth.key_standby(text) IS 'adds a fresh key of an algorithm that verifies and opens but does not sign or seal yet, so that others can learn of it first; returns its kid';
REVOKE ALL ON FUNCTION auth.key_standby(text) FROM PUBLIC;

CREATE OR REPLACE FUNCTION auth.key_promote(kid text) RETURNS void
	LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'intrex_auth_key_promote';
COMMENT ON FUNCTION auth.key_promote(text) IS 'makes a standby or previous key the current one of its use; the former one becomes previous';
REVOKE ALL ON FUNCTION auth.key_promote(text) FROM PUBLIC;

CREATE OR REPLACE FUNCTION auth._key_retire(kid text) RETURNS void
	LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'intrex_auth_key_retire';
COMMENT ON FUNCTION auth._key_retire(text) IS 'marks a key as retired in the file';
REVOKE ALL ON FUNCTION auth._key_retire(text) FROM PUBLIC;

CREATE OR REPLACE FUNCTION auth._key_delete(kid text) RETURNS void
	LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'intrex_auth_key_delete';
COMMENT ON FUNCTION auth._key_delete(text) IS 'takes a retired key out of the file';
REVOKE ALL ON FUNCTION auth._key_delete(text) FROM PUBLIC;

CREATE OR REPLACE FUNCTION auth._key_lock() RETURNS void
	LANGUAGE c VOLATILE PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'intrex_auth_key_lock';
COMMENT ON FUNCTION auth._key_lock() IS 'lets nobody else change the key file until the transaction ends';
REVOKE ALL ON FUNCTION auth._key_lock() FROM PUBLIC;

-- A query would run what the owners of those tables wrote into the predicates of their
-- indexes, as the superuser.
CREATE OR REPLACE FUNCTION auth._plain_count(target regclass, column_name name, start bytea) RETURNS bigint
	LANGUAGE c VOLATILE STRICT
	AS 'MODULE_PATHNAME', 'intrex_auth_plain_count';
COMMENT ON FUNCTION auth._plain_count(regclass, name, bytea) IS 'how many values of a column of type bytea begin like this, in this table alone; for superusers';
REVOKE ALL ON FUNCTION auth._plain_count(regclass, name, bytea) FROM PUBLIC;

-- Every column of type bytea (and of domains over it) is read: what a program
-- sealed with auth.secret_encrypt() may be in any.  Other databases cannot be
-- seen from here, nor values that are stored as text or in arrays.
CREATE OR REPLACE FUNCTION auth.key_uses(kid text) RETURNS TABLE (source text, sealed bigint)
	LANGUAGE plpgsql VOLATILE STRICT
	SET search_path = pg_catalog, pg_temp
	AS $$
DECLARE
	start bytea := E'\\x01'::bytea || set_byte(E'\\x00', 0, octet_length(kid)) || convert_to(kid, 'UTF8');
	found_column record;
BEGIN
	-- the privilege is that of auth.keys(), which nobody was granted
	PERFORM FROM auth.keys() AS k WHERE k."use" = 'seal' AND k.kid = key_uses.kid;
	IF octet_length(kid) NOT BETWEEN 1 AND 64 THEN
		RETURN;
	END IF;
	FOR found_column IN
		SELECT c.oid::regclass AS relation, a.attname
		FROM pg_class AS c
			JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
			JOIN pg_type AS t ON t.oid = a.atttypid
		WHERE c.relkind IN ('r', 'm')
			AND (c.relkind = 'r' OR c.relispopulated)
			AND (c.relpersistence <> 't' OR NOT pg_is_other_temp_schema(c.relnamespace))
			AND c.relnamespace <> ALL (ARRAY['pg_catalog', 'information_schema', 'pg_toast']::regnamespace[]::oid[])
			AND 'bytea'::regtype IN (t.oid, t.typbasetype)
			AND a.attgenerated = ''
		ORDER BY 1, a.attnum
	LOOP
		sealed := auth._plain_count(found_column.relation, found_column.attname, start);
		IF sealed > 0 THEN
			source := found_column.relation || '.' || quote_ident(found_column.attname);
			RETURN NEXT;
		END IF;
	END LOOP;
END
$$;
COMMENT ON FUNCTION auth.key_uses(text) IS 'where this database has values sealed with a key, and how many; reads every column of type bytea';
REVOKE ALL ON FUNCTION auth.key_uses(text) FROM PUBLIC;

-- A retired key that signed verifies nothing any more, one that sealed still
-- opens.  So this one warns, and auth.key_delete() refuses.
CREATE OR REPLACE FUNCTION auth.key_retire(kid text) RETURNS void
	LANGUAGE plpgsql VOLATILE STRICT
	SET search_path = pg_catalog, pg_temp
	AS $$
DECLARE
	now_ CONSTANT timestamptz := clock_timestamp();
	former record;
	stepped_down timestamptz;
	until_ timestamptz;
	sessions bigint;
	needed bigint;
BEGIN
	SELECT k."use", k.state, k.since INTO former FROM auth.keys() AS k WHERE k.kid = key_retire.kid;
	PERFORM auth._key_retire(kid);

	IF former."use" = 'sign' AND former.state = 'previous' THEN
		-- a backend may have signed with it for a second after it had stepped down
		stepped_down := coalesce(former.since, '-infinity') + interval '2 seconds';
		until_ := stepped_down + auth._seconds('max_token_lifetime') * interval '1 second';
		IF until_ > now_ THEN
			SELECT count(*) INTO sessions
				FROM auth.sessions AS s, LATERAL (
					SELECT greatest(s.created_at, max(r.created_at)) AS at FROM auth.refresh_tokens AS r WHERE r.session_id = s.id) AS issued
				WHERE s.revoked_at IS NULL AND (s.expires_at IS NULL OR s.expires_at > now_)
					AND issued.at <= stepped_down
					AND issued.at > now_ - auth._seconds('access_token_lifetime') * interval '1 second';
			RAISE WARNING USING
				ERRCODE = '01000',
				MESSAGE = 'tokens signed with this key may be in use',
				DETAIL = format('Sessions of this database with an access token of it that would still be good: %s. Tokens of any kind were possible until %s.',
					sessions, to_char(until_ AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS "UTC"')),
				HINT = 'They are refused from now on; clients get another with their refresh token.';
		END IF;
	ELSIF former."use" = 'seal' THEN
		SELECT count(*) INTO needed
			FROM (SELECT s.sealed_kid FROM auth.secrets AS s
				UNION ALL SELECT p.sealed_kid FROM auth.personal_keys AS p) AS v
			WHERE v.sealed_kid = convert_to(key_retire.kid, 'UTF8');
		IF needed > 0 THEN
			RAISE WARNING USING
				ERRCODE = '01000',
				MESSAGE = 'stored secrets or personal keys are sealed with this key',
				DETAIL = format('It still opens them: %s.', needed),
				HINT = 'SELECT * FROM auth.secret_reseal() seals them anew.';
		END IF;
	ELSIF former."use" = 'derive' AND former.state = 'previous' THEN
		RAISE WARNING USING
			ERRCODE = '01000',
			MESSAGE = 'what was derived from this key does not count any more',
			DETAIL = 'One-time tokens that it signed are refused. If it was the oldest key of its kind, the counters of login attempts begin anew.';
	END IF;
END
$$;
COMMENT ON FUNCTION auth.key_retire(text) IS 'takes a standby or previous key out of use: it verifies nothing any more; one that sealed still opens; warns of what that ends';
REVOKE ALL ON FUNCTION auth.key_retire(text) FROM PUBLIC;

-- What was sealed is lost with its key, so three things are asked.  Does a value
-- of this database still name it?  No writer can be on the way: one who seals now
-- has looked at the file since the key was retired (backends look once a second, and
-- do without for five when they cannot read it; the file has whole seconds); one who
-- sealed before has ended, or holds the lock of INSERT on our tables of sealed values, or began
-- before that.  And do other databases, which have the same file, need
-- it?  Nobody can see that from here: they must be named.
CREATE OR REPLACE FUNCTION auth._key_demand_unneeded(kid text, retired timestamptz, checked_databases name[]) RETURNS void
	LANGUAGE plpgsql VOLATILE
	SET search_path = pg_catalog, pg_temp
	AS $$
DECLARE
	settled CONSTANT timestamptz := retired + interval '7 seconds';
	unchecked text;
	uses text;
	needed bigint;
	busy bigint;
BEGIN
	-- each statement below needs a snapshot of its own
	PERFORM auth._demand_read_committed();
	SELECT string_agg(quote_ident(d.datname), ', ' ORDER BY d.datname) INTO unchecked
		FROM pg_database AS d
		WHERE d.datallowconn AND NOT d.datistemplate AND d.datname <> current_database()
			AND (d.datname = ANY (checked_databases)) IS NOT TRUE;
	IF unchecked IS NOT NULL THEN
		RAISE EXCEPTION USING
			ERRCODE = 'object_not_in_prerequisite_state',
			MESSAGE = 'other databases may have values sealed with this key',
			DETAIL = format('They use the same key file: %s.', unchecked),
			HINT = format('Run SELECT * FROM auth.key_uses(%L) there, where the extension is; then name them: auth.key_delete(%L, checked_databases => ARRAY[…]).', kid, kid);
	END IF;

	IF clock_timestamp() < settled THEN
		RAISE EXCEPTION USING
			ERRCODE = 'object_in_use',
			MESSAGE = 'the key was retired a moment ago',
			DETAIL = 'A backend that has not looked at the key file since may still seal with it.',
			HINT = format('Try again in %s seconds.', ceil(extract(epoch FROM settled - clock_timestamp())));
	END IF;

	-- what the transaction running here has written, it sees
	SELECT (SELECT count(*) FROM pg_stat_activity AS a
			WHERE a.datname = current_database() AND a.pid <> pg_backend_pid()
				AND a.backend_type NOT IN ('autovacuum worker', 'walsender')
				AND a.xact_start < settled)
			+ (SELECT count(*) FROM pg_prepared_xacts AS x WHERE x.database = current_database())
		INTO busy;
	IF busy > 0 THEN
		RAISE EXCEPTION USING
			ERRCODE = 'object_in_use',
			MESSAGE = 'transactions from before the key was retired are still open',
			DETAIL = format('They may hold values sealed with it: %s.', busy),
			HINT = 'Wait until they have ended; pg_stat_activity and pg_prepared_xacts show them.';
	END IF;

	LOCK TABLE auth.secrets, auth.personal_keys IN SHARE MODE;
	SELECT sum(u.sealed), string_agg(format('%s in %s', u.sealed, u.source), ', ') INTO needed, uses
		FROM auth.key_uses(kid) AS u;
	IF needed > 0 THEN
		RAISE EXCEPTION USING
			ERRCODE = 'object_in_use',
			MESSAGE = 'values are sealed with this key',
			DETAIL = format('There are %s.', uses),
			HINT = 'Seal them anew: SELECT * FROM auth.secret_reseal() until none is left, and UPDATE … SET column = auth.secret_rewrap(column, context) for columns of your own.';
	END IF;
END
$$;
COMMENT ON FUNCTION auth._key_demand_unneeded(text, timestamptz, name[]) IS 'raises unless no sealed value needs a key';
REVOKE ALL ON FUNCTION auth._key_demand_unneeded(text, timestamptz, name[]) FROM PUBLIC;

CREATE OR REPLACE FUNCTION auth.key_delete(kid text, checked_databases name[] DEFAULT '{}') RETURNS void
	LANGUAGE plpgsql VOLATILE
	SET search_path = pg_catalog, pg_temp
	AS $$
DECLARE
	key record;
BEGIN
	IF key_delete.kid IS NULL THEN
		RETURN;
	END IF;
	PERFORM auth._key_lock();
	SELECT k."use", k.state, k.since INTO key FROM auth.keys() AS k WHERE k.kid = key_delete.kid;
	-- deleted in another database, or lost for good
	IF NOT FOUND THEN
		DELETE FROM auth.known_keys AS known WHERE known.kid = key_delete.kid;
		IF FOUND THEN
			RETURN;
		END IF;
	END IF;
	IF key."use" = 'seal' AND key.state = 'retired' THEN
		PERFORM auth._key_demand_unneeded(key_delete.kid, coalesce(key.since, '-infinity'), checked_databases);
	END IF;
	PERFORM auth._key_delete(key_delete.kid);
	DELETE FROM auth.known_keys AS known WHERE known.kid = key_delete.kid;
END
$$;
COMMENT ON FUNCTION auth.key_delete(text, name[]) IS
	'takes a retired key out of the file for good, and one that is not in it out of auth.keys_missing(); refuses while '
	'a value of this database is sealed with it, and until the other databases are named as looked at';
REVOKE ALL ON FUNCTION auth.key_delete(text, name[]) FROM PUBLIC;
