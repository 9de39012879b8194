-- sql/98_writes.sql: whose code statements on our tables run; see src/writes.c.
-- Depends on every module that makes a table.
--
-- A trigger on each of our tables tells the library that a statement begins.  What others
-- attach to our tables runs within our statements too, so an event trigger refuses
-- what would run there with the rights of the extension or of its caller.

CREATE OR REPLACE FUNCTION auth._statement_begins() RETURNS trigger
	LANGUAGE c VOLATILE PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'intrex_auth_statement_begins';
COMMENT ON FUNCTION auth._statement_begins() IS
	'trigger: loads the library before a statement changes a table of the extension';
REVOKE ALL ON FUNCTION auth._statement_begins() FROM PUBLIC;

-- BEFORE STATEMENT triggers fire in the order of their names, and this is the first.
DO $$
DECLARE
	target pg_catalog.regclass;
BEGIN
	FOR target IN
		SELECT c.oid FROM pg_catalog.pg_class AS c
		WHERE c.relnamespace OPERATOR(pg_catalog.=) 'auth'::pg_catalog.regnamespace::pg_catalog.oid
			AND c.relkind OPERATOR(pg_catalog.=) ANY (ARRAY['r', 'p']::pg_catalog."char"[])
	LOOP
		EXECUTE pg_catalog.format('CREATE TRIGGER "!statement_begins"
			BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE ON %s
			FOR EACH STATEMENT EXECUTE FUNCTION auth._statement_begins()', target);
		EXECUTE pg_catalog.format('ALTER TABLE %s ENABLE ALWAYS TRIGGER "!statement_begins"', target);
	END LOOP;
END
$$;

-- For auth.cleanup(): a key of an application that is deferred would hold the row at the
-- end of the transaction, and undo all that was done in it.
CREATE OR REPLACE FUNCTION auth._delete_checked(table_name name, condition text, keys text[]) RETURNS bigint
	LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'intrex_auth_delete_checked';
COMMENT ON FUNCTION auth._delete_checked(name, text, text[]) IS
'deletes rows t of a table of the extension by a condition on $1, the keys, and checks deferred foreign keys at once';
REVOKE ALL ON FUNCTION auth._delete_checked(name, text, text[]) FROM PUBLIC;

-- What is attached to a table of ours and must not be, with the reason.  Triggers have
-- the rights of their owners as SECURITY DEFINER functions only; and what calls the
-- functions of an expression is the statement itself.  That a table of ours refers to
-- another, or a policy is on it, runs nothing: keys are checked as the owner of the
-- other table, and policies do not bind the owner of ours.
CREATE OR REPLACE FUNCTION auth._attached_code(target oid) RETURNS TABLE (object text, problem text, remedy text)
	LANGUAGE sql STABLE
	SET search_path = pg_catalog, pg_temp
	AS $$
	-- triggers
	SELECT pg_describe_object('pg_trigger'::regclass, t.oid, 0), c.problem, c.remedy
	FROM pg_trigger AS t
	JOIN pg_proc AS f ON f.oid = t.tgfoid,
		LATERAL (VALUES
			(NOT f.prosecdef, 'calls a function that is not SECURITY DEFINER',
				format('ALTER FUNCTION %s SECURITY DEFINER; then create the trigger.', f.oid::regprocedure)),
			(t.tgdeferrable, 'is deferrable', 'Make it NOT DEFERRABLE.'),
			(t.tgname <= '!statement_begins' AND (t.tgtype & 3) = 2, 'has a name that comes before ours',
				'Give it another name.')
		) AS c (is_so, problem, remedy)
	WHERE t.tgrelid = target AND NOT t.tgisinternal AND f.pronamespace <> 'auth'::regnamespace AND c.is_so
	UNION ALL
	-- their conditions: of what the server has, too, some runs statements (query_to_xml) or reads files
	SELECT pg_describe_object('pg_trigger'::regclass, t.oid, 0), 'has a condition that calls ' || f.oid::regprocedure,
		'Call it in the function of the trigger.'
	FROM pg_trigger AS t, regexp_matches(t.tgqual::text, ':(?:funcid|opfuncid) (\d+)', 'g') AS m (called)
		JOIN pg_proc AS f ON f.oid = m.called[1]::oid
	WHERE t.tgrelid = target AND NOT t.tgisinternal AND f.oid < 16384 AND f.provolatile <> 'i'
	UNION ALL
	-- rules
	SELECT pg_describe_object('pg_rewrite'::regclass, r.oid, 0), 'would change what our statements do', 'Use a trigger.'
	FROM pg_rewrite AS r WHERE r.ev_class = target
	UNION ALL
	-- tables that inherit: our statements would change their rows
	SELECT pg_describe_object('pg_class'::regclass, i.inhrelid, 0), 'inherits from a table of the extension',
		'Refer to it by a foreign key.'
	FROM pg_inherits AS i JOIN pg_class AS c ON c.oid = i.inhrelid
	WHERE i.inhparent = target AND c.relnamespace <> 'auth'::regnamespace
	UNION ALL
	-- columns, defaults, constraints, indexes, statistics, policies and conditions of triggers
	SELECT DISTINCT pg_describe_object(part.classid, part.objid, part.objsubid),
		'uses ' || pg_describe_object(used.refclassid, used.refobjid, 0), 'Use what the server has, or a trigger.'
	FROM (
		SELECT 'pg_class'::regclass AS classid, target AS objid, a.attnum::integer AS objsubid
		FROM pg_attribute AS a WHERE a.attrelid = target AND a.attnum > 0 AND NOT a.attisdropped
		UNION ALL
		SELECT d.classid, d.objid, 0 FROM pg_depend AS d
		WHERE d.refclassid = 'pg_class'::regclass AND d.refobjid = target AND d.deptype IN ('a', 'n', 'i')
			AND (d.classid IN ('pg_attrdef'::regclass, 'pg_statistic_ext'::regclass)
				OR EXISTS (SELECT FROM pg_policy AS p WHERE d.classid = 'pg_policy'::regclass AND p.oid = d.objid
					AND p.polrelid = target)
				OR EXISTS (SELECT FROM pg_trigger AS t WHERE d.classid = 'pg_trigger'::regclass AND t.oid = d.objid
					AND t.tgrelid = target)
				OR EXISTS (SELECT FROM pg_constraint AS k WHERE d.classid = 'pg_constraint'::regclass
					AND k.oid = d.objid AND k.conrelid = target)
				OR EXISTS (SELECT FROM pg_index AS x WHERE d.classid = 'pg_class'::regclass AND x.indexrelid = d.objid
					AND x.indrelid = target))
		) AS part
	JOIN pg_depend AS used ON used.classid = part.classid AND used.objid = part.objid
		AND (part.objsubid = 0 OR used.objsubid = part.objsubid)
		AND used.refclassid IN ('pg_proc'::regclass, 'pg_operator'::regclass, 'pg_type'::regclass)
	-- the function that a trigger calls is looked at above
	WHERE NOT EXISTS (SELECT FROM pg_trigger AS t
			WHERE part.classid = 'pg_trigger'::regclass AND t.oid = part.objid AND used.refclassid = 'pg_proc'::regclass
				AND t.tgfoid = used.refobjid)
		AND NOT EXISTS (SELECT FROM pg_depend AS d JOIN pg_extension AS e ON e.oid = d.refobjid
			AND e.extname = 'intrex_auth'
			WHERE d.classid = used.refclassid AND d.objid = used.refobjid AND d.refclassid = 'pg_extension'::regclass
				AND d.deptype = 'e')
$$;
COMMENT ON FUNCTION auth._attached_code(oid) IS
	'what others have attached to a table of the extension that its statements must not run, and why';
REVOKE ALL ON FUNCTION auth._attached_code(oid) FROM PUBLIC;

-- The tables of ours that a command may have attached something to.  Every command asks:
-- in PL/pgSQL the queries, of which each needs one, are planned once in a session.
CREATE OR REPLACE FUNCTION auth._tables_touched(catalog oid, object oid) RETURNS SETOF oid
	LANGUAGE plpgsql STABLE
	SET search_path = pg_catalog, pg_temp
	AS $$
DECLARE
	tables oid[];
BEGIN
	CASE catalog
		WHEN 'pg_class'::regclass THEN
			tables := ARRAY(SELECT object
				UNION ALL SELECT x.indrelid FROM pg_index AS x WHERE x.indexrelid = object
				UNION ALL SELECT i.inhparent FROM pg_inherits AS i WHERE i.inhrelid = object);
		WHEN 'pg_trigger'::regclass THEN
			tables := ARRAY(SELECT t.tgrelid FROM pg_trigger AS t WHERE t.oid = object);
		WHEN 'pg_rewrite'::regclass THEN
			tables := ARRAY(SELECT r.ev_class FROM pg_rewrite AS r WHERE r.oid = object);
		WHEN 'pg_policy'::regclass THEN
			tables := ARRAY(SELECT p.polrelid FROM pg_policy AS p WHERE p.oid = object);
		WHEN 'pg_statistic_ext'::regclass THEN
			tables := ARRAY(SELECT s.stxrelid FROM pg_statistic_ext AS s WHERE s.oid = object);
		WHEN 'pg_proc'::regclass THEN
			tables := ARRAY(SELECT t.tgrelid FROM pg_depend AS d JOIN pg_trigger AS t ON t.oid = d.objid
				WHERE d.classid = 'pg_trigger'::regclass AND d.refclassid = 'pg_proc'::regclass
					AND d.refobjid = object);
		ELSE
			RETURN;
	END CASE;
	RETURN QUERY SELECT c.oid FROM pg_class AS c
		WHERE c.oid = ANY (tables) AND c.relnamespace = 'auth'::regnamespace AND c.relkind IN ('r', 'p');
END
$$;
COMMENT ON FUNCTION auth._tables_touched(oid, oid) IS
	'the tables of the extension that an object which a command made or changed hangs on';
REVOKE ALL ON FUNCTION auth._tables_touched(oid, oid) FROM PUBLIC;

-- SECURITY DEFINER, because who makes such an object may execute none of the above.  It
-- runs as a superuser (sql/99_grants.sql), and reads catalogs alone.
CREATE OR REPLACE FUNCTION auth._attach_guard() RETURNS event_trigger
	LANGUAGE plpgsql VOLATILE
	SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	AS $$
DECLARE
	attached record;
BEGIN
	SELECT a.* INTO attached
		FROM pg_event_trigger_ddl_commands() AS c, auth._tables_touched(c.classid, c.objid) AS t (target),
			auth._attached_code(t.target) AS a
		LIMIT 1;
	IF FOUND THEN
		RAISE EXCEPTION USING ERRCODE = 'insufficient_privilege',
			MESSAGE = format('%s must not be attached to a table of intrex_auth', attached.object),
			DETAIL = format('It %s, and would run with the rights of the extension or of its callers.',
				attached.problem),
			HINT = attached.remedy;
	END IF;
END
$$;
COMMENT ON FUNCTION auth._attach_guard() IS
	'event trigger: refuses code on our tables that would not run with the rights of its own owner';
REVOKE ALL ON FUNCTION auth._attach_guard() FROM PUBLIC;
