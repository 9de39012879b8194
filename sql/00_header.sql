-- intrex_auth: authentication and authorization inside the database
\echo Use "CREATE EXTENSION intrex_auth" to load this file. \quit

-- the path that CREATE EXTENSION gives is not trusted: names below resolve here or are qualified
SET LOCAL search_path TO pg_catalog, pg_temp;

-- e-mail addresses, names and tokens are compared as UTF-8
DO $$
BEGIN
	IF pg_catalog.getdatabaseencoding() OPERATOR(pg_catalog.<>) 'UTF8' THEN
		RAISE EXCEPTION USING
			ERRCODE = 'feature_not_supported',
			MESSAGE = 'intrex_auth needs a database with encoding UTF8',
			DETAIL = pg_catalog.format('This database has encoding %s.', pg_catalog.getdatabaseencoding()),
			HINT = 'CREATE DATABASE … ENCODING ''UTF8'' TEMPLATE template0';
	END IF;
END
$$;
