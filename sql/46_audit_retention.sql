-- sql/46_audit_retention.sql: removing what is old from the audit trail, and verifying what is left.
-- Depends on 10_tables.sql, 18_operations_tables.sql, 45_audit.sql.
--
-- Whole seals are cut: the rows of a seal that is older than intrex_auth.audit_retention
-- are deleted, their seal stays in the chain, and a seal of its own, which the chain
-- covers like any other, says which one was cut, when, and by which retention.  So a
-- row is never cut that is younger, not sealed, or does not match its seal; and deleting
-- rows by hand leaves a seal without rows, or a seal at the end of the chain that tells
-- of it.

CREATE OR REPLACE FUNCTION auth._audit_cut_digest(cut auth.audit_seals) RETURNS bytea
	LANGUAGE sql STABLE
	SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	AS $$
	SELECT sha256(cut.previous || convert_to(jsonb_build_array('cut', cut.cut_seal_id, cut.first_id, cut.last_id,
		cut.row_count,
		cut.retention, cut.redacted, cut.recorded, (extract(epoch FROM cut.sealed_at) * 1000000)::bigint)::text,
		'UTF8'))
$$;
COMMENT ON FUNCTION auth._audit_cut_digest(auth.audit_seals) IS
	'the digest of a seal that says that the rows of another were cut, chained to the one before';
REVOKE ALL ON FUNCTION auth._audit_cut_digest(auth.audit_seals) FROM PUBLIC;

-- What erasures recorded, by their rows in the trail.
CREATE OR REPLACE FUNCTION auth._audit_recorded(a auth.audit_log) RETURNS numeric
	LANGUAGE sql IMMUTABLE PARALLEL SAFE
	RETURN CASE WHEN a.event IN ('user_erase', 'account_delete', 'audit_forget') AND a.outcome = 'success'
		THEN coalesce((a.details ->> 'audit_rows')::numeric, 0) ELSE 0 END;
COMMENT ON FUNCTION auth._audit_recorded(auth.audit_log) IS
	'how many rows were redacted by the erasure that a row of the trail tells of';
REVOKE ALL ON FUNCTION auth._audit_recorded(auth.audit_log) FROM PUBLIC;

-- An erasure at the same time redacts rows in any order, so none is waited for.  A key of
-- an application that refers to the trail keeps the whole seal.
CREATE OR REPLACE FUNCTION auth._audit_cut_one(seal auth.audit_seals, retention bigint, OUT removed bigint,
	OUT skipped jsonb)
	LANGUAGE plpgsql VOLATILE
	SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET lock_timeout = '1s'
	AS $$
#variable_conflict use_variable
DECLARE
	-- a seal covers what has come after the one before
	from_id CONSTANT bigint := coalesce((SELECT max(s.last_id) + 1 FROM auth.audit_seals AS s
		WHERE s.cut_seal_id IS NULL AND s.last_id < seal.last_id), '-9223372036854775808');
	there bigint;
	sealed record;
	cut auth.audit_seals;
	state text;
	held_in text;
	held_by text;
	held_constraint text;
BEGIN
	removed := 0;
	skipped := '[]';
	SELECT count(*) INTO there
		FROM (SELECT FROM auth.audit_log AS a WHERE a.id BETWEEN from_id AND seal.last_id FOR UPDATE SKIP LOCKED) AS a;
	IF there < (SELECT count(*) FROM auth.audit_log AS a WHERE a.id BETWEEN from_id AND seal.last_id) THEN
		skipped := jsonb_build_array(auth._cleanup_held('audit_log', '55P03', '', '', '') || jsonb_build_object('rows',
			seal.row_count));
		RETURN;
	END IF;
	SELECT d.* INTO sealed FROM auth._audit_digest(seal.previous, from_id, seal.last_id, seal.sealed_at) AS d;
	IF sealed.digest <> seal.digest OR sealed.row_count <> seal.row_count THEN
		-- what was changed stays as it is found
		skipped := jsonb_build_array(auth._cleanup_held('audit_log', '55000', '', '', '')
			|| jsonb_build_object('rows', seal.row_count, 'seal', seal.id));
		RETURN;
	END IF;
	cut := seal;
	cut.cut_seal_id := seal.id;
	cut.retention := retention;
	cut.sealed_at := clock_timestamp();
	cut.previous := (SELECT s.digest FROM auth.audit_seals AS s ORDER BY s.id DESC LIMIT 1);
	BEGIN
		-- what the rows are when they go: an erasure may just have redacted some, and none can now
		SELECT count(a.redacted), coalesce(sum(auth._audit_recorded(a)), 0) INTO cut.redacted, cut.recorded
			FROM auth.audit_log AS a WHERE a.id BETWEEN from_id AND seal.last_id;
		removed := auth._delete_checked('audit_log', format('t.id BETWEEN %L AND %L', from_id, seal.last_id), '{}');
		-- a trigger of an application can keep rows without an error
		IF removed <> seal.row_count THEN
			RAISE EXCEPTION USING ERRCODE = 'triggered_data_change_violation', MESSAGE = 'rows were kept';
		END IF;
	EXCEPTION WHEN OTHERS THEN
		GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, held_in = SCHEMA_NAME, held_by = TABLE_NAME,
			held_constraint = CONSTRAINT_NAME;
		IF auth._cleanup_fails(state) THEN
			RAISE;
		END IF;
		removed := 0;
		skipped := jsonb_build_array(auth._cleanup_held('audit_log', state, held_in, held_by, held_constraint)
			|| jsonb_build_object('rows', seal.row_count));
		RETURN;
	END;
	cut.digest := auth._audit_cut_digest(cut);
	INSERT INTO auth.audit_seals (first_id, last_id, row_count, digest, previous, sealed_at, cut_seal_id, retention,
		redacted, recorded)
		VALUES (cut.first_id, cut.last_id, cut.row_count, cut.digest, cut.previous, cut.sealed_at,
			cut.cut_seal_id, cut.retention, cut.redacted, cut.recorded);
END
$$;
COMMENT ON FUNCTION auth._audit_cut_one(auth.audit_seals, bigint) IS
	'removes the rows of a seal that match it, and seals that they were cut; lock auth.audit_seals first';
REVOKE ALL ON FUNCTION auth._audit_cut_one(auth.audit_seals, bigint) FROM PUBLIC;

-- At least one seal, then as many as have no more rows than that.
CREATE OR REPLACE FUNCTION auth._audit_cut(max integer, OUT removed bigint, OUT skipped jsonb)
	LANGUAGE plpgsql VOLATILE
	SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	AS $$
#variable_conflict use_variable
DECLARE
	retention CONSTANT bigint := auth._seconds('audit_retention');
	pass auth.cleanup_passes;
	seal auth.audit_seals;
	outcome record;
	rows bigint := 0;
	is_through boolean := true;
BEGIN
	removed := 0;
	skipped := '[]';
	IF retention = 0 THEN
		RETURN;
	END IF;
	BEGIN
		LOCK TABLE auth.audit_seals IN SHARE ROW EXCLUSIVE MODE NOWAIT;
	EXCEPTION WHEN lock_not_available THEN
		RETURN;
	END;
	pass := auth._cleanup_pass('audit trail');
	FOR seal IN
		SELECT s.* FROM auth.audit_seals AS s
		WHERE s.cut_seal_id IS NULL AND (s.sealed_at, s.id) > (pass.at, coalesce(nullif(pass.key, '')::bigint,
			'-9223372036854775808'))
			AND s.sealed_at < clock_timestamp() - make_interval(secs => retention)
			AND NOT EXISTS (SELECT FROM auth.audit_seals AS c WHERE c.cut_seal_id = s.id)
		ORDER BY s.sealed_at, s.id
	LOOP
		rows := rows + seal.row_count;
		IF rows > max AND rows > seal.row_count THEN
			is_through := false;
			EXIT;
		END IF;
		outcome := auth._audit_cut_one(seal, retention);
		removed := removed + outcome.removed;
		skipped := skipped || outcome.skipped;
		-- a seal that was looked at once, cut or not, is not looked at again by each call
		pass.at := seal.sealed_at;
		pass.key := seal.id;
	END LOOP;
	UPDATE auth.cleanup_passes AS p
		SET at = pass.at, key = pass.key, is_through = is_through, skipped = auth._cleanup_skipped(p.skipped, skipped)
		WHERE p.source = pass.source;
END
$$;
COMMENT ON FUNCTION auth._audit_cut(integer) IS
	'removes from the audit trail what is older than intrex_auth.audit_retention, some so many rows in whole seals';
REVOKE ALL ON FUNCTION auth._audit_cut(integer) FROM PUBLIC;

-- Why a cut does not hold; NULL when it does.  A day is the shortest retention that can be
-- set.
CREATE OR REPLACE FUNCTION auth._audit_cut_problem(cut auth.audit_seals) RETURNS text
	LANGUAGE plpgsql STABLE
	SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	AS $$
DECLARE
	seal auth.audit_seals;
BEGIN
	SELECT s.* INTO seal FROM auth.audit_seals AS s WHERE s.id = cut.cut_seal_id AND s.cut_seal_id IS NULL;
	RETURN CASE
		WHEN auth._audit_cut_digest(cut) <> cut.digest THEN 'the seal was changed'
		WHEN seal.id IS NULL OR seal.id > cut.id OR (seal.first_id, seal.last_id, seal.row_count) IS DISTINCT
			FROM (cut.first_id, cut.last_id, cut.row_count)
			THEN format('it cuts seal %s, which is not there or says something else', cut.cut_seal_id)
		WHEN cut.retention < 86400 OR seal.sealed_at > cut.sealed_at - make_interval(secs => cut.retention)
			THEN format('rows of seal %s were cut before their time', cut.cut_seal_id)
	END;
END
$$;
COMMENT ON FUNCTION auth._audit_cut_problem(auth.audit_seals) IS
	'what is wrong with a seal that says that the rows of another were cut; NULL when nothing is';
REVOKE ALL ON FUNCTION auth._audit_cut_problem(auth.audit_seals) FROM PUBLIC;

CREATE OR REPLACE FUNCTION auth.audit_verify() RETURNS TABLE (seal_id bigint, ok boolean, reason text)
	LANGUAGE plpgsql STABLE
	SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	AS $$
DECLARE
	seal auth.audit_seals;
	cut auth.audit_seals;
	found_rows record;
	expected bytea := '';
	from_id bigint := '-9223372036854775808';
	all_redacted numeric;
	all_recorded numeric;
BEGIN
	FOR seal IN SELECT s.* FROM auth.audit_seals AS s ORDER BY s.id LOOP
		seal_id := seal.id;
		reason := CASE WHEN seal.previous <> expected THEN 'the seal before it was removed or changed' END;
		-- the next seal is judged by what this one says
		expected := seal.digest;
		IF seal.cut_seal_id IS NOT NULL THEN
			reason := coalesce(reason, auth._audit_cut_problem(seal));
			ok := reason IS NULL;
			reason := coalesce(reason, format('%s rows of seal %s, ids %s to %s, were cut at %s, after %s seconds',
				seal.row_count, seal.cut_seal_id,
				seal.first_id, seal.last_id, to_char(seal.sealed_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'),
					seal.retention));
			RETURN NEXT;
			CONTINUE;
		END IF;
		SELECT s.* INTO cut FROM auth.audit_seals AS s WHERE s.cut_seal_id = seal.id;
		SELECT d.* INTO found_rows FROM auth._audit_digest(seal.previous, from_id, seal.last_id, seal.sealed_at) AS d;
		IF cut.id IS NULL OR auth._audit_cut_problem(cut) IS NOT NULL THEN
			reason := coalesce(reason, CASE
				WHEN found_rows.row_count <> seal.row_count
					THEN format('%s rows were sealed, %s are there', seal.row_count,
					found_rows.row_count)
				WHEN found_rows.first_id IS DISTINCT FROM seal.first_id OR found_rows.digest <> seal.digest
					THEN 'a row or the seal was changed'
			END);
		ELSIF found_rows.row_count > 0 THEN
			reason := coalesce(reason, format('its rows were cut, %s are there', found_rows.row_count));
		END IF;
		ok := reason IS NULL;
		RETURN NEXT;
		from_id := seal.last_id + 1;
	END LOOP;

	-- redacting a row by hand hides whom it named, but not that it was redacted
	SELECT count(a.redacted), coalesce(sum(auth._audit_recorded(a)), 0) INTO all_redacted, all_recorded
		FROM auth.audit_log AS a;
	SELECT all_redacted + coalesce(sum(s.redacted), 0), all_recorded + coalesce(sum(s.recorded), 0)
		INTO all_redacted, all_recorded FROM auth.audit_seals AS s;
	IF all_redacted <> all_recorded THEN
		seal_id := NULL;
		ok := false;
		reason := format('%s rows are redacted, erasures recorded %s', all_redacted, all_recorded);
		RETURN NEXT;
	END IF;
END
$$;
COMMENT ON FUNCTION auth.audit_verify() IS
	'computes every seal of the audit trail again and says which do not hold, and why, and which rows were cut by '
	'auth.cleanup(); a row without seal_id when rows were redacted that no erasure recorded';
REVOKE ALL ON FUNCTION auth.audit_verify() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION auth.audit_verify() TO auth_admin;
