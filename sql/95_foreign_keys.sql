-- sql/95_foreign_keys.sql: foreign keys that a parallel restore can load rows past.
-- Depends on every module that creates a table or a trigger; src/foreignkey.c has the reasons.
--
-- Of each foreign key between our tables the server's own check of new rows is disabled, and
-- auth._foreign_keys_checked() calls it instead, unless the row comes by COPY. What follows
-- the deletion of a parent stays enabled. A trigger on our tables, check or not, has one
-- state that it should be in; auth._triggers() knows it and auth.triggers_reset() restores it.

CREATE OR REPLACE FUNCTION auth._foreign_keys_checked() RETURNS trigger
	LANGUAGE c VOLATILE PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'intrex_auth_foreign_keys_checked';
COMMENT ON FUNCTION auth._foreign_keys_checked() IS
'trigger: checks the foreign keys of a row that is new or whose key changed, unless COPY restores it';
REVOKE ALL ON FUNCTION auth._foreign_keys_checked() FROM PUBLIC;

CREATE OR REPLACE FUNCTION auth._foreign_keys()
	RETURNS TABLE (relation regclass, name name, parent regclass, on_delete "char", columns text, orphans text)
	LANGUAGE sql STABLE
	SET search_path = pg_catalog, pg_temp
	AS $$
	SELECT k.conrelid::regclass, k.conname, k.confrelid::regclass, k.confdeltype,
		string_agg(format('c.%I', a.attname), ', ' ORDER BY i.n),
		format('(%s) AND NOT EXISTS (SELECT FROM ONLY %s AS p WHERE %s)',
			-- MATCH SIMPLE asks nothing of a key with a NULL in it
			string_agg(format('c.%I IS NOT NULL', a.attname), CASE k.confmatchtype WHEN 'f' THEN ' OR '
				ELSE ' AND ' END),
			k.confrelid::regclass,
			string_agg(format('p.%I = c.%I', b.attname, a.attname), ' AND '))
	FROM pg_constraint AS k
	JOIN pg_class AS child ON child.oid = k.conrelid AND child.relnamespace = 'auth'::regnamespace
	JOIN pg_class AS parent ON parent.oid = k.confrelid AND parent.relnamespace = 'auth'::regnamespace
	CROSS JOIN LATERAL unnest(k.conkey, k.confkey) WITH ORDINALITY AS i (child, parent, n)
	JOIN pg_attribute AS a ON a.attrelid = k.conrelid AND a.attnum = i.child
	JOIN pg_attribute AS b ON b.attrelid = k.confrelid AND b.attnum = i.parent
	WHERE k.contype = 'f'
	GROUP BY k.oid
$$;
COMMENT ON FUNCTION auth._foreign_keys() IS
'the foreign keys between tables of intrex_auth: columns, and the condition by which a row "c" lacks its parent';
REVOKE ALL ON FUNCTION auth._foreign_keys() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION auth._foreign_keys() TO auth_owner;

-- Ours fire in replicas, too, but for the check: the server does not check what
-- logical replication brings, or a session with session_replication_role = replica.
-- Triggers of applications are theirs.
CREATE OR REPLACE FUNCTION auth._triggers() RETURNS TABLE (relation regclass, name name, state "char", wanted "char")
	LANGUAGE sql STABLE
	SET search_path = pg_catalog, pg_temp
	AS $$
	SELECT t.tgrelid::regclass, t.tgname, t.tgenabled, w.state
	FROM pg_trigger AS t
	JOIN pg_class AS c ON c.oid = t.tgrelid AND c.relnamespace = 'auth'::regnamespace
	JOIN pg_proc AS p ON p.oid = t.tgfoid
	LEFT JOIN pg_class AS parent ON parent.oid = t.tgconstrrelid
	CROSS JOIN LATERAL (SELECT (CASE
		WHEN t.tgisinternal AND p.proname IN ('RI_FKey_check_ins', 'RI_FKey_check_upd')
			AND parent.relnamespace = c.relnamespace THEN 'D'
		WHEN t.tgisinternal OR t.tgfoid = 'auth._foreign_keys_checked'::regproc THEN 'O'
		WHEN p.pronamespace = c.relnamespace THEN 'A'
		END)::"char") AS w (state)
	WHERE w.state IS NOT NULL
	UNION ALL
	SELECT DISTINCT k.relation, 'foreign_keys_checked'::name, NULL::"char", 'O'::"char"
	FROM auth._foreign_keys() AS k
	WHERE NOT EXISTS (SELECT FROM pg_trigger AS t
		WHERE t.tgrelid = k.relation AND t.tgfoid = 'auth._foreign_keys_checked'::regproc)
$$;
COMMENT ON FUNCTION auth._triggers() IS
'triggers of tables of intrex_auth, with the state that they are in (tgenabled; NULL: missing) and should be in';
REVOKE ALL ON FUNCTION auth._triggers() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION auth._triggers() TO auth_owner;

-- Granted to nobody, since only a superuser can disable the trigger of a foreign key. None of
-- what it calls belongs to auth_owner, which is lent out for a restore (doc/backup.md).
CREATE OR REPLACE FUNCTION auth.triggers_reset() RETURNS TABLE (relation regclass, name name, was "char", state "char")
	LANGUAGE plpgsql VOLATILE
	SET search_path = pg_catalog, pg_temp
	AS $$
BEGIN
	FOR relation, name, was, state IN
		SELECT t.relation, t.name, t.state, t.wanted FROM auth._triggers() AS t
		WHERE t.state IS DISTINCT FROM t.wanted
		ORDER BY t.relation::text, t.name
	LOOP
		IF was IS NULL THEN
			EXECUTE format('CREATE TRIGGER %I AFTER INSERT OR UPDATE ON %s
				FOR EACH ROW EXECUTE FUNCTION auth._foreign_keys_checked()', name, relation);
		ELSE
			EXECUTE format('ALTER TABLE %s %s TRIGGER %I', relation,
				CASE state WHEN 'D' THEN 'DISABLE' WHEN 'A' THEN 'ENABLE ALWAYS' ELSE 'ENABLE' END, name);
		END IF;
		RETURN NEXT;
	END LOOP;
END
$$;
COMMENT ON FUNCTION auth.triggers_reset() IS
'puts triggers of tables of intrex_auth into the state that CREATE EXTENSION gives them, after pg_upgrade or '
'ENABLE TRIGGER ALL; returns what it changed, as pg_trigger.tgenabled';
REVOKE ALL ON FUNCTION auth.triggers_reset() FROM PUBLIC;

SELECT count(*) FROM auth.triggers_reset();
