-- sql/45_audit.sql: the audit trail: writing, sealing and verifying it.
-- Depends on 10_tables.sql, 40_response.sql, auth.client_address(), auth.uid().
--
-- A row is written in the transaction of the decision: what is rolled back has
-- not happened and leaves none.  What is raised leaves a line in the server log.

-- Controls, line breaks, bidi, zero-width and other invisible characters, private
-- use and what is no character: code points, so that no locale has a say.  In an
-- E string, here and elsewhere: standard_conforming_strings is the caller's.
CREATE OR REPLACE FUNCTION auth._invisible() RETURNS text
	LANGUAGE sql IMMUTABLE PARALLEL SAFE
	RETURN E'\\u0001-\\u001F\\u007F-\\u009F\\u00AD\\u034F\\u061C\\u115F\\u1160\\u17B4\\u17B5\\u180B-\\u180F'
		'\\u200B-\\u200F\\u2028-\\u202E\\u2060-\\u206F\\u3164\\uE000-\\uF8FF\\uFDD0-\\uFDEF\\uFE00-\\uFE0F\\uFEFF\\uFFA0\\uFFF0-\\uFFFF'
		'\\U0001D173-\\U0001D17A\\U000E0000-\\U0010FFFF';
COMMENT ON FUNCTION auth._invisible() IS 'characters that a terminal obeys or hides, as the inside of a bracket expression';
REVOKE ALL ON FUNCTION auth._invisible() FROM PUBLIC;

-- Escapes are PostgreSQL's own, \uXXXX and \UXXXXXXXX; the backslash is escaped
-- too, so that no text can pretend to be an escape.
CREATE OR REPLACE FUNCTION auth._printable(value text, max_length integer) RETURNS text
	LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
	SET search_path = pg_catalog, pg_temp
	AS $$
DECLARE
	start text := left(value, max_length);
	special text := E'[\\\\' || auth._invisible() || ']';
BEGIN
	IF start IS NULL OR start COLLATE "C" !~ special THEN
		RETURN start;
	END IF;
	RETURN (
		SELECT string_agg(p.piece, '' ORDER BY p.position)
		FROM (
			SELECT c.position, e.piece, sum(length(e.piece)) OVER (ORDER BY c.position) AS total
			FROM string_to_table(start, NULL) WITH ORDINALITY AS c (character, position),
				LATERAL (SELECT CASE
					WHEN c.character COLLATE "C" !~ special THEN c.character
					WHEN ascii(c.character) <= 65535 THEN E'\\u' || upper(lpad(to_hex(ascii(c.character)), 4, '0'))
					ELSE E'\\U' || upper(lpad(to_hex(ascii(c.character)), 8, '0'))
				END) AS e (piece)
		) AS p
		WHERE p.total <= max_length);
END
$$;
COMMENT ON FUNCTION auth._printable(text, integer) IS 'a text from outside for the trail: invisible characters and backslashes escaped, cut to a length';
REVOKE ALL ON FUNCTION auth._printable(text, integer) FROM PUBLIC;

CREATE OR REPLACE FUNCTION auth._audit(event text, outcome text, code text DEFAULT NULL, user_id uuid DEFAULT NULL,
		tenant_id uuid DEFAULT NULL, session_id uuid DEFAULT NULL, identifier text DEFAULT NULL, details jsonb DEFAULT NULL) RETURNS void
	LANGUAGE plpgsql VOLATILE
	SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	AS $$
#variable_conflict use_variable
BEGIN
	-- GET through PostgREST, or a standby: nothing can be written but the log
	IF current_setting('transaction_read_only')::boolean THEN
		PERFORM auth._report_event(event, concat_ws(' ', outcome, code, 'user=' || user_id));
		RETURN;
	END IF;
	IF octet_length(details::text) > 8192 THEN
		details := jsonb_build_object('truncated', true);
	END IF;
	INSERT INTO auth.audit_log (event, outcome, code, user_id, tenant_id, session_id, identifier, address, details)
		VALUES (event, outcome, code, user_id, tenant_id, session_id, auth._printable(identifier, 320), auth.client_address(), details);
END
$$;
COMMENT ON FUNCTION auth._audit(text, text, text, uuid, uuid, uuid, text, jsonb) IS 'writes a row of the audit trail; in a read-only transaction a line of the server log instead';
REVOKE ALL ON FUNCTION auth._audit(text, text, text, uuid, uuid, uuid, text, jsonb) FROM PUBLIC;

-- Call it before the change: an administrator who bans or deletes himself has no
-- identity any more afterwards.
CREATE OR REPLACE FUNCTION auth._audit_admin(event text, user_id uuid DEFAULT NULL, tenant_id uuid DEFAULT NULL, details jsonb DEFAULT '{}') RETURNS void
	LANGUAGE plpgsql VOLATILE
	SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	AS $$
BEGIN
	PERFORM auth._audit(_audit_admin.event, 'success', NULL, _audit_admin.user_id, _audit_admin.tenant_id, auth.session_id(), NULL,
		jsonb_strip_nulls(details) || jsonb_strip_nulls(jsonb_build_object(
			'by_user', auth.uid(),
			'by_role', session_user,
			'as_role', nullif(current_setting('role'), 'none'))));
END
$$;
COMMENT ON FUNCTION auth._audit_admin(text, uuid, uuid, jsonb) IS 'writes what an administrator does, and who that is';
REVOKE ALL ON FUNCTION auth._audit_admin(text, uuid, uuid, jsonb) FROM PUBLIC;

CREATE OR REPLACE FUNCTION auth._refuse(event text, status integer, code text, message text, details jsonb DEFAULT NULL) RETURNS jsonb
	LANGUAGE plpgsql VOLATILE
	SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	AS $$
BEGIN
	PERFORM auth._audit(event, 'refused', code, auth.uid(), auth.tenant_id(), auth.session_id(), NULL, details);
	RETURN auth._refusal(status, code, message);
END
$$;
COMMENT ON FUNCTION auth._refuse(text, integer, text, text, jsonb) IS 'refuses what the caller asked of an endpoint: audit row and answer';
REVOKE ALL ON FUNCTION auth._refuse(text, integer, text, text, jsonb) FROM PUBLIC;

-- Tamper evidence ----------------------------------------------------------
--
-- SHA-256 over the digest before, the seal's own numbers, and the SHA-256 of each
-- row as a JSON array with its time in microseconds: no setting changes it.  What
-- is personal in a row goes in as a digest of its own, under a nonce: an erasure
-- (68_personal_erase.sql) keeps that digest and forgets data and nonce, and the
-- seals hold as before.
CREATE OR REPLACE FUNCTION auth._audit_personal(a auth.audit_log) RETURNS bytea
	LANGUAGE sql STABLE PARALLEL SAFE
	RETURN coalesce(a.redacted, sha256(convert_to(jsonb_build_array(
		a.nonce, a.user_id, a.session_id, a.identifier, a.address, a.details)::text, 'UTF8')));
COMMENT ON FUNCTION auth._audit_personal(auth.audit_log) IS 'the digest of what is personal in a row of the audit trail';
REVOKE ALL ON FUNCTION auth._audit_personal(auth.audit_log) FROM PUBLIC;

CREATE OR REPLACE FUNCTION auth._audit_digest(previous bytea, from_id bigint, last_id bigint, sealed_at timestamptz,
		OUT first_id bigint, OUT row_count bigint, OUT digest bytea)
	LANGUAGE sql STABLE
	SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	AS $$
	SELECT r.first_id, r.row_count,
		sha256(previous
			|| convert_to(jsonb_build_array(r.first_id, last_id, r.row_count,
				(extract(epoch FROM sealed_at) * 1000000)::bigint)::text, 'UTF8')
			|| r.digests)
	FROM (
		SELECT min(a.id) AS first_id, count(*) AS row_count,
			coalesce(string_agg(sha256(convert_to(jsonb_build_array(
				a.id, (extract(epoch FROM a.at) * 1000000)::bigint, a.event, a.outcome, a.code,
				a.tenant_id, encode(auth._audit_personal(a), 'hex'))::text, 'UTF8')), '' ORDER BY a.id), '') AS digests
		FROM auth.audit_log AS a
		WHERE a.id BETWEEN from_id AND _audit_digest.last_id
	) AS r
$$;
COMMENT ON FUNCTION auth._audit_digest(bytea, bigint, bigint, timestamptz) IS 'the digest of a range of the audit trail, chained to the one before';
REVOKE ALL ON FUNCTION auth._audit_digest(bytea, bigint, bigint, timestamptz) FROM PUBLIC;

-- Which rows are complete?  An id is drawn before its row is visible, so a row
-- with a smaller id can still appear.  But whoever draws one holds, from before
-- that to the end of the transaction, the lock of INSERT on the table.  So: read
-- the largest visible id; note who holds that lock; when all of them have ended,
-- no row up to that id can appear any more, since whoever came later drew a
-- larger one.  Waiting for them blocks nobody.  A snapshot's xmin would not do:
-- a transaction may have drawn an id before it has a transaction id.
CREATE OR REPLACE FUNCTION auth.audit_seal(max_rows integer DEFAULT 10000) RETURNS bigint
	LANGUAGE plpgsql VOLATILE
	SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	AS $$
DECLARE
	from_id bigint;
	until_id bigint;
	previous bytea;
	waiting text[];
	sealed record;
	now_ timestamptz;
BEGIN
	IF max_rows IS NULL OR max_rows NOT BETWEEN 1 AND 1000000 THEN
		PERFORM auth._fail('22023', 'max_rows must be from 1 to 1000000');
	END IF;
	-- each statement below needs a snapshot of its own
	IF current_setting('transaction_isolation') <> 'read committed' THEN
		PERFORM auth._fail('55000', 'the audit trail is sealed at READ COMMITTED only',
			'Call it in a transaction of its own.');
	END IF;
	-- one sealer at a time; no reader and no login waits for this table
	BEGIN
		LOCK TABLE auth.audit_seals IN SHARE ROW EXCLUSIVE MODE NOWAIT;
	EXCEPTION WHEN lock_not_available THEN
		RETURN 0;
	END;

	from_id := coalesce((SELECT max(s.last_id) + 1 FROM auth.audit_seals AS s WHERE s.cut_seal_id IS NULL),
		'-9223372036854775808');
	previous := coalesce((SELECT s.digest FROM auth.audit_seals AS s ORDER BY s.id DESC LIMIT 1), '');
	SELECT max(a.id) INTO until_id FROM (
		SELECT l.id FROM auth.audit_log AS l WHERE l.id >= from_id ORDER BY l.id LIMIT max_rows) AS a;
	IF until_id IS NULL THEN
		RETURN 0;
	END IF;

	FOR round IN 1 .. 20 LOOP
		SELECT array_agg(l.virtualtransaction) INTO waiting
			FROM pg_locks AS l
			WHERE l.locktype = 'relation' AND l.relation = 'auth.audit_log'::regclass
				AND l.database = (SELECT d.oid FROM pg_database AS d WHERE d.datname = current_database())
				AND l.mode = 'RowExclusiveLock' AND l.granted
				AND l.pid IS DISTINCT FROM pg_backend_pid()
				AND (round = 1 OR l.virtualtransaction = ANY (waiting));
		EXIT WHEN waiting IS NULL;
		PERFORM pg_sleep(0.05);
	END LOOP;
	IF waiting IS NOT NULL THEN
		RETURN 0;
	END IF;

	now_ := clock_timestamp();
	SELECT d.* INTO sealed FROM auth._audit_digest(previous, from_id, until_id, now_) AS d;
	INSERT INTO auth.audit_seals (first_id, last_id, row_count, digest, previous, sealed_at)
		VALUES (sealed.first_id, until_id, sealed.row_count, sealed.digest, previous, now_);
	RETURN sealed.row_count;
END
$$;
COMMENT ON FUNCTION auth.audit_seal(integer) IS 'seals the next rows of the audit trail whose transactions have ended; returns their number, 0 when there are none or writers do not end within a second';
REVOKE ALL ON FUNCTION auth.audit_seal(integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION auth.audit_seal(integer) TO auth_admin;
