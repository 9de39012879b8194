-- sql/93_publications.sql: what logical replication would publish of our secrets.
-- Depends on 05_schemas_roles.sql and on the grants of all tables.
--
-- FOR ALL TABLES cannot leave a table out, and a publication is made by people who
-- think of their own tables.  So a warning names what goes out, and prints the
-- publication to use instead.  Nothing but catalogs is read.

-- What auth_admin may not read is not meant to leave the server: the grants beside
-- each table are the one place that says so.
CREATE OR REPLACE FUNCTION auth._published_secrets(publication oid)
	RETURNS TABLE (target regclass, columns text[])
	LANGUAGE sql STABLE
	SET search_path = pg_catalog, pg_temp
	AS $$
	SELECT c.oid::regclass, array_agg(a.attname::text ORDER BY a.attnum)
	FROM pg_publication AS p
		JOIN pg_class AS c ON c.relnamespace = 'auth'::regnamespace AND c.relkind IN ('r', 'p')
			AND c.relpersistence = 'p'
		JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
		LEFT JOIN pg_publication_rel AS r ON r.prpubid = p.oid AND r.prrelid = c.oid
	WHERE p.oid = publication
		AND NOT has_column_privilege('auth_admin', c.oid, a.attnum, 'SELECT')
		AND (p.puballtables
			OR r.oid IS NOT NULL AND (r.prattrs IS NULL OR a.attnum = ANY (r.prattrs))
			OR EXISTS (SELECT FROM pg_publication_namespace AS n WHERE n.pnpubid = p.oid
				AND n.pnnspid = c.relnamespace))
	GROUP BY c.oid
	ORDER BY c.oid::regclass::text
$$;
COMMENT ON FUNCTION auth._published_secrets(oid) IS 'the columns of ours in a publication that auth_admin may not read';
REVOKE ALL ON FUNCTION auth._published_secrets(oid) FROM PUBLIC;

-- What else is in it stays: schemas, tables, their columns and rows.  Tables that have
-- columns besides the secret ones go with those, where PostgreSQL lets a list of columns
-- stand (not beside a schema).
CREATE OR REPLACE FUNCTION auth._publication_instead(publication oid) RETURNS text
	LANGUAGE plpgsql STABLE
	SET search_path = pg_catalog, pg_temp
	AS $$
DECLARE
	old pg_publication;
	generated text;
	schemas text;
	tables text;
	publish text;
BEGIN
	SELECT p.* INTO STRICT old FROM pg_publication AS p WHERE p.oid = publication;
	-- from 18 on: "n" leaves generated columns out that are not listed, "s" has those that are stored
	generated := to_jsonb(old) ->> 'pubgencols';
	IF old.puballtables THEN
		SELECT string_agg(quote_ident(n.nspname), ', ' ORDER BY n.nspname) INTO schemas
			FROM pg_namespace AS n
			WHERE n.nspname NOT IN ('auth', 'auth_api', 'information_schema') AND n.nspname !~ '^pg_'
				AND EXISTS (SELECT FROM pg_class AS c
					WHERE c.relnamespace = n.oid AND c.relkind IN ('r', 'p') AND c.relpersistence = 'p');
	ELSE
		SELECT string_agg(quote_ident(n.nspname), ', ' ORDER BY n.nspname) INTO schemas
			FROM pg_publication_namespace AS pn JOIN pg_namespace AS n ON n.oid = pn.pnnspid
			WHERE pn.pnpubid = old.oid AND n.nspname NOT IN ('auth', 'auth_api');
		SELECT string_agg(format('%s%s%s%s', CASE c.relkind WHEN 'p' THEN '' ELSE 'ONLY ' END, c.oid::regclass,
				' (' || columns.list || ')', ' WHERE (' || pg_get_expr(r.prqual, r.prrelid) || ')'),
				', ' ORDER BY c.oid::regclass::text)
			INTO tables
			FROM pg_publication_rel AS r
				JOIN pg_class AS c ON c.oid = r.prrelid
				LEFT JOIN auth._published_secrets(old.oid) AS s ON s.target = c.oid
				CROSS JOIN LATERAL (
					SELECT string_agg(quote_ident(a.attname), ', ' ORDER BY a.attnum) AS list
					FROM pg_attribute AS a
					WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
						AND (s.target IS NOT NULL OR r.prattrs IS NOT NULL)
						AND CASE WHEN r.prattrs IS NOT NULL THEN a.attnum = ANY (r.prattrs)
							ELSE a.attgenerated IN ('', nullif(generated, 'n')) END
						AND (s.target IS NULL OR a.attname <> ALL (s.columns))) AS columns
			WHERE r.prpubid = old.oid AND (s.target IS NULL OR columns.list IS NOT NULL AND schemas IS NULL);
	END IF;
	publish := concat_ws(', ', CASE WHEN old.pubinsert THEN 'insert' END, CASE WHEN old.pubupdate THEN 'update' END,
		CASE WHEN old.pubdelete THEN 'delete' END, CASE WHEN old.pubtruncate THEN 'truncate' END);
	RETURN format('DROP PUBLICATION %I;'
		' CREATE PUBLICATION %I%s WITH (publish = %L, publish_via_partition_root = %s%s);',
		old.pubname, old.pubname,
		' FOR ' || nullif(concat_ws(', ', 'TABLE ' || tables, 'TABLES IN SCHEMA ' || schemas), ''),
		publish, old.pubviaroot::text, CASE generated WHEN 's' THEN ', publish_generated_columns = stored' END);
END
$$;
COMMENT ON FUNCTION auth._publication_instead(oid) IS
	'the statements that replace a publication by one without secrets of ours';
REVOKE ALL ON FUNCTION auth._publication_instead(oid) FROM PUBLIC;

CREATE OR REPLACE FUNCTION auth._warn_of_publication(publication oid) RETURNS void
	LANGUAGE plpgsql VOLATILE
	SET search_path = pg_catalog, pg_temp
	AS $$
DECLARE
	secrets CONSTANT text := (SELECT string_agg(format('%s (%s)', s.target, array_to_string(s.columns, ', ')), ', ')
		FROM auth._published_secrets(publication) AS s);
BEGIN
	IF secrets IS NULL THEN
		RETURN;
	END IF;
	RAISE WARNING USING
		ERRCODE = '01000',
		MESSAGE = format('publication "%s" publishes secrets of intrex_auth',
			(SELECT p.pubname FROM pg_publication AS p WHERE p.oid = publication)),
		DETAIL = format('Every subscriber gets hashes and sealed values: %s.', secrets),
		HINT = format('Use instead: %s', auth._publication_instead(publication));
END
$$;
COMMENT ON FUNCTION auth._warn_of_publication(oid) IS
	'warns if a publication has secrets of ours, and says what to use instead';
REVOKE ALL ON FUNCTION auth._warn_of_publication(oid) FROM PUBLIC;

-- SECURITY DEFINER, because who makes a publication may execute none of the above.  It
-- runs as a superuser (sql/99_grants.sql), and reads catalogs alone.
CREATE OR REPLACE FUNCTION auth._watch_publications() RETURNS event_trigger
	LANGUAGE plpgsql VOLATILE
	SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	AS $$
BEGIN
	PERFORM auth._warn_of_publication(p.oid)
		FROM pg_publication AS p
		WHERE p.oid IN (
			SELECT CASE c.classid
				WHEN 'pg_publication'::regclass THEN c.objid
				WHEN 'pg_publication_rel'::regclass THEN
					(SELECT r.prpubid FROM pg_publication_rel AS r WHERE r.oid = c.objid)
				WHEN 'pg_publication_namespace'::regclass THEN
					(SELECT n.pnpubid FROM pg_publication_namespace AS n WHERE n.oid = c.objid)
			END
			FROM pg_event_trigger_ddl_commands() AS c);
END
$$;
COMMENT ON FUNCTION auth._watch_publications() IS 'warns of publications that have secrets of ours in them';
REVOKE ALL ON FUNCTION auth._watch_publications() FROM PUBLIC;

CREATE EVENT TRIGGER intrex_auth_publications ON ddl_command_end
	WHEN TAG IN ('CREATE PUBLICATION', 'ALTER PUBLICATION')
	EXECUTE FUNCTION auth._watch_publications();
COMMENT ON EVENT TRIGGER intrex_auth_publications IS 'warns of publications that have secrets of intrex_auth in them';

-- A publication FOR ALL TABLES may be there before us.
SELECT auth._warn_of_publication(p.oid) FROM pg_catalog.pg_publication AS p;
