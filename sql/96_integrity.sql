-- sql/96_integrity.sql: what a restore may have brought that no INSERT could have.
-- Depends on 95_foreign_keys.sql, 60_tenants.sql, 62_membership_history.sql.
--
-- COPY passes the foreign keys by (src/foreignkey.c), and a restore that was not whole lacks
-- rows. CHECK, NOT NULL and unique constraints hold for COPY, too, and are not looked at.
-- One snapshot for all queries: a STABLE function has that of its caller.

CREATE OR REPLACE FUNCTION auth.check_integrity()
	RETURNS TABLE (relation regclass, rule text, row_count bigint, examples text[], advice text)
	LANGUAGE plpgsql STABLE
	SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	AS $$
DECLARE
	key record;
	identity record;
	found_at bigint;
BEGIN
	FOR key IN SELECT k.* FROM auth._foreign_keys() AS k ORDER BY k.relation::text, k.name LOOP
		EXECUTE format('SELECT sum(m.n), (array_agg(m.key ORDER BY m.key))[1:3]
			FROM (SELECT concat_ws('', '', %s) AS key, count(*) AS n FROM ONLY %s AS c WHERE %s GROUP BY 1) AS m',
			key.columns, key.relation, key.orphans) INTO row_count, examples;
		IF row_count > 0 THEN
			relation := key.relation;
			rule := key.name;
			advice := format('Restore the missing rows of %s.%s', key.parent, CASE key.on_delete
				WHEN 'c' THEN format(' Or: DELETE FROM ONLY %s AS c WHERE %s', key.relation, key.orphans)
				WHEN 'n' THEN format(' Or: UPDATE ONLY %s AS c SET %s WHERE %s', key.relation,
					replace(key.columns, 'c.', '') || ' = NULL', key.orphans)
				ELSE '' END);
			RETURN NEXT;
		END IF;
	END LOOP;

	-- an owner whom the history still has: a tenant that never had one is not reported
	rule := 'owner';
	relation := 'auth.memberships';
	advice := 'Restore the rows of auth.memberships, or make a member the owner by auth.member_update().';
	SELECT count(*), (array_agg(h.tenant_id::text ORDER BY h.tenant_id))[1:3] INTO row_count, examples
	FROM (SELECT DISTINCT o.tenant_id FROM auth.membership_history AS o
		WHERE o.until_at = 'infinity' AND auth._is_owner(o.role)) AS h
	WHERE EXISTS (SELECT FROM auth.tenants AS t WHERE t.id = h.tenant_id)
		AND NOT EXISTS (SELECT FROM auth.memberships AS m WHERE m.tenant_id = h.tenant_id AND auth._is_owner(m.role));
	IF row_count > 0 THEN
		RETURN NEXT;
	END IF;

	rule := 'unit_ids';
	advice := 'Restore the missing rows of auth.units, or change unit_ids by auth.member_update().';
	SELECT count(*), (array_agg(u.unit_id::text ORDER BY u.unit_id))[1:3] INTO row_count, examples
	FROM auth.memberships AS m, unnest(m.unit_ids) AS u (unit_id)
	WHERE NOT EXISTS (SELECT FROM auth.units AS t WHERE t.tenant_id = m.tenant_id AND t.id = u.unit_id);
	IF row_count > 0 THEN
		RETURN NEXT;
	END IF;

	rule := 'history';
	advice := 'Look at auth.membership_history_gaps(). auth.membership_history_sync() trusts auth.memberships.';
	SELECT count(*), (array_agg(DISTINCT g.tenant_id::text))[1:3] INTO row_count, examples
	FROM auth.membership_history_gaps() AS g;
	IF row_count > 0 THEN
		RETURN NEXT;
	END IF;

	-- ids that will be drawn a second time
	rule := 'identity';
	FOR identity IN
		SELECT c.oid::regclass AS relation, a.attname,
			pg_get_serial_sequence(c.oid::regclass::text, a.attname) AS sequence
		FROM pg_class AS c JOIN pg_attribute AS a ON a.attrelid = c.oid
		WHERE c.relnamespace = 'auth'::regnamespace AND a.attidentity <> ''
		ORDER BY c.oid::regclass::text
	LOOP
		EXECUTE format('SELECT max(r.%I) FROM %s AS r, %s AS s'
				' HAVING max(r.%1$I) >= max(s.last_value + s.is_called::int)',
			identity.attname, identity.relation, identity.sequence) INTO found_at;
		IF found_at IS NOT NULL THEN
			relation := identity.relation;
			row_count := 1;
			examples := ARRAY[found_at::text];
			advice := format('SELECT setval(%L, %s)', identity.sequence, found_at);
			RETURN NEXT;
		END IF;
	END LOOP;

	rule := 'triggers';
	advice := 'As a superuser: SELECT * FROM auth.triggers_reset()';
	FOR relation, row_count, examples IN
		SELECT t.relation, count(*), (array_agg(t.name::text ORDER BY t.name))[1:3] FROM auth._triggers() AS t
		WHERE t.state IS DISTINCT FROM t.wanted GROUP BY t.relation ORDER BY t.relation::text
	LOOP
		RETURN NEXT;
	END LOOP;
END
$$;
COMMENT ON FUNCTION auth.check_integrity() IS
'what a restore may have left: rows without parents, tenants without their owners, wrong units, history, sequences, '
'triggers; with up to three examples and what to do; reads whole tables';
REVOKE ALL ON FUNCTION auth.check_integrity() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION auth.check_integrity() TO auth_admin;
