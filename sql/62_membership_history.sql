-- sql/62_membership_history.sql: who was a member when: writing, asking and pruning it.
-- Depends on 17_history_tables.sql, 40_response.sql, 45_audit.sql.
--
-- Memberships alone: bans, and what roles may do, are in the audit trail.

-- Call it after every change of a membership, the tenant or all memberships locked;
-- what is to be noted is the row as it is by then.  by_user comes from before the
-- change: who has left is nobody any more.
--
-- The lock of the last period is for an old snapshot, which may take one that has
-- ended for open: there it fails with 40001.
CREATE OR REPLACE FUNCTION auth._membership_note(tenant_id uuid, user_id uuid, event text, by_user uuid) RETURNS void
	LANGUAGE plpgsql VOLATILE
	SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	AS $$
#variable_conflict use_column
DECLARE
	last_period record;
	member auth.memberships;
	began timestamptz;
BEGIN
	SELECT h.ctid AS place, h.* INTO last_period FROM auth.membership_history AS h
		WHERE h.user_id = _membership_note.user_id AND h.tenant_id = _membership_note.tenant_id
		ORDER BY h.until_at DESC LIMIT 1 FOR NO KEY UPDATE;
	SELECT m.* INTO member FROM auth.memberships AS m
		WHERE m.tenant_id = _membership_note.tenant_id AND m.user_id = _membership_note.user_id;
	IF last_period.until_at = 'infinity' THEN
		IF member.role = last_period.role AND member.unit_ids = last_period.unit_ids THEN
			RETURN;
		END IF;
		-- no period is empty, also where two changes take the same microsecond or the clock was set back
		began := greatest(clock_timestamp(), last_period.from_at + interval '1 microsecond');
		-- locked, it stays in its place; by tenant and end the planner might look through all of the tenant's
		UPDATE auth.membership_history AS h
			SET until_at = began, until_event = event, until_by = by_user
			WHERE h.ctid = last_period.place;
	ELSE
		began := greatest(least(member.created_at, clock_timestamp()), last_period.until_at);
	END IF;
	IF member.user_id IS NOT NULL THEN
		INSERT INTO auth.membership_history (tenant_id, user_id, role, unit_ids, from_at, from_event, from_by)
			VALUES (member.tenant_id, member.user_id, member.role, member.unit_ids, began, event, by_user);
	END IF;
END
$$;
COMMENT ON FUNCTION auth._membership_note(uuid, uuid, text, uuid) IS 'writes what a membership has become into the history: ends the open period and begins the next, neither when nothing has changed';
REVOKE ALL ON FUNCTION auth._membership_note(uuid, uuid, text, uuid) FROM PUBLIC;

-- Asking -----------------------------------------------------------------------

CREATE OR REPLACE FUNCTION auth.members_at(tenant_id uuid, at timestamptz DEFAULT clock_timestamp())
	RETURNS TABLE (user_id uuid, email text, role text, unit_ids uuid[], since timestamptz, until timestamptz)
	LANGUAGE sql STABLE ROWS 100
	SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	AS $$
	SELECT h.user_id, u.email, h.role, h.unit_ids, h.from_at, nullif(h.until_at, 'infinity')
	FROM auth.membership_history AS h
	LEFT JOIN auth.users AS u ON u.id = h.user_id
	WHERE h.tenant_id = members_at.tenant_id AND h.until_at > members_at.at AND h.from_at <= members_at.at
	ORDER BY h.from_at, h.user_id
$$;
COMMENT ON FUNCTION auth.members_at(uuid, timestamptz) IS 'who was a member of a tenant at a time, as what, and from when until when he was that: until is NULL when it lasts, email is that of now, NULL when the user is gone; also of tenants that are gone';
REVOKE ALL ON FUNCTION auth.members_at(uuid, timestamptz) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION auth.members_at(uuid, timestamptz) TO auth_admin;

CREATE OR REPLACE FUNCTION auth.memberships_of(user_id uuid)
	RETURNS TABLE (tenant_id uuid, role text, unit_ids uuid[], since timestamptz, until timestamptz,
		since_event text, until_event text, since_by uuid, until_by uuid)
	LANGUAGE sql STABLE ROWS 10
	SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	AS $$
	SELECT h.tenant_id, h.role, h.unit_ids, h.from_at, nullif(h.until_at, 'infinity'), h.from_event, h.until_event, h.from_by, h.until_by
	FROM auth.membership_history AS h
	WHERE h.user_id = memberships_of.user_id
	ORDER BY h.from_at, h.tenant_id
$$;
COMMENT ON FUNCTION auth.memberships_of(uuid) IS 'what a user, or the pseudonym of one who was erased, was in which tenants and is, by what event that began and ended, and by whom: NULL is an administrator without a token, or, of until, that it lasts';
REVOKE ALL ON FUNCTION auth.memberships_of(uuid) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION auth.memberships_of(uuid) TO auth_admin;

-- SQL by hand --------------------------------------------------------------------

CREATE OR REPLACE FUNCTION auth.membership_history_gaps() RETURNS TABLE (tenant_id uuid, user_id uuid, problem text)
	LANGUAGE sql STABLE ROWS 10
	SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	AS $$
	SELECT coalesce(m.tenant_id, h.tenant_id), coalesce(m.user_id, h.user_id), CASE
		WHEN h.user_id IS NULL THEN 'a member, unknown to the history'
		WHEN m.user_id IS NULL THEN 'no member any more, unknown to the history'
		ELSE 'role or units are others than in the history' END
	FROM auth.memberships AS m
	FULL JOIN (SELECT o.* FROM auth.membership_history AS o WHERE o.until_at = 'infinity') AS h
		ON h.tenant_id = m.tenant_id AND h.user_id = m.user_id
	WHERE (m.role, m.unit_ids) IS DISTINCT FROM (h.role, h.unit_ids)
	UNION ALL
	SELECT DISTINCT p.tenant_id, p.user_id, 'periods overlap'
	FROM (
		SELECT h.tenant_id, h.user_id, h.from_at,
			lag(h.until_at) OVER (PARTITION BY h.user_id, h.tenant_id ORDER BY h.until_at) AS ended_before
		FROM auth.membership_history AS h) AS p
	WHERE p.from_at < p.ended_before
$$;
COMMENT ON FUNCTION auth.membership_history_gaps() IS 'memberships of which the history tells something else, because they were changed by SQL past the functions, and periods of a member that overlap; reads both tables whole';
REVOKE ALL ON FUNCTION auth.membership_history_gaps() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION auth.membership_history_gaps() TO auth_admin;

-- Changes of members wait for it.
CREATE OR REPLACE FUNCTION auth.membership_history_sync() RETURNS bigint
	LANGUAGE plpgsql VOLATILE
	SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	AS $$
DECLARE
	gap record;
	noted bigint := 0;
BEGIN
	-- an old snapshot would take for gaps what has been noted since
	PERFORM auth._demand_read_committed();
	LOCK TABLE auth.memberships IN SHARE ROW EXCLUSIVE MODE;
	FOR gap IN SELECT g.tenant_id, g.user_id FROM auth.membership_history_gaps() AS g WHERE g.problem <> 'periods overlap' LOOP
		PERFORM auth._membership_note(gap.tenant_id, gap.user_id, 'membership_history_sync', auth.uid());
		noted := noted + 1;
	END LOOP;
	IF noted > 0 THEN
		PERFORM auth._audit_admin('membership_history_sync', details => jsonb_build_object('members', noted));
	END IF;
	RETURN noted;
END
$$;
COMMENT ON FUNCTION auth.membership_history_sync() IS 'notes what SQL past the functions has made of memberships: the end of those that are gone and changes as of now, the beginning of new ones as of their created_at; returns how many';
REVOKE ALL ON FUNCTION auth.membership_history_sync() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION auth.membership_history_sync() TO auth_admin;

-- Retention ----------------------------------------------------------------------

CREATE OR REPLACE FUNCTION auth.membership_history_prune(before timestamptz, max integer DEFAULT 10000) RETURNS bigint
	LANGUAGE plpgsql VOLATILE
	SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	AS $$
DECLARE
	pruned bigint;
BEGIN
	IF before IS NULL OR before > clock_timestamp() THEN
		PERFORM auth._fail('22023', 'before is not in the past');
	END IF;
	IF max IS NULL OR max NOT BETWEEN 1 AND 1000000 THEN
		PERFORM auth._fail('22023', 'max must be from 1 to 1000000');
	END IF;
	DELETE FROM auth.membership_history AS h
		WHERE h.ctid = ANY (ARRAY(
			SELECT c.ctid FROM auth.membership_history AS c WHERE c.until_at < before LIMIT max FOR UPDATE SKIP LOCKED));
	GET DIAGNOSTICS pruned = ROW_COUNT;
	IF pruned > 0 THEN
		PERFORM auth._audit_admin('membership_history_prune', details => jsonb_build_object('before', before, 'periods', pruned));
	END IF;
	RETURN pruned;
END
$$;
COMMENT ON FUNCTION auth.membership_history_prune(timestamptz, integer) IS 'deletes periods of membership that ended before a time, up to so many; returns the number. What lasts stays';
REVOKE ALL ON FUNCTION auth.membership_history_prune(timestamptz, integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION auth.membership_history_prune(timestamptz, integer) TO auth_admin;
