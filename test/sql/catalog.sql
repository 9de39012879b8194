-- Every member of the extension with its rights and properties: a difference
-- from the expected list is a surprise, and fails.
\set ECHO none
\set QUIET 1
\pset format unaligned
\pset tuples_only true
\pset pager off

\echo # functions: signature | owner | definer | search_path pinned | volatility | strict | parallel | may execute
SELECT concat_ws(' | ',
	p.oid::regprocedure,
	CASE WHEN o.rolsuper THEN 'superuser' ELSE o.rolname END,
	CASE WHEN p.prosecdef THEN 'definer' ELSE 'invoker' END,
	CASE WHEN p.proconfig @> ARRAY['search_path=pg_catalog, pg_temp'] THEN 'pinned'
		WHEN p.proconfig IS NOT NULL AND array_to_string(p.proconfig, ',') LIKE '%search_path%' THEN 'OTHER PATH'
		ELSE 'unpinned' END,
	CASE p.provolatile WHEN 'i' THEN 'immutable' WHEN 's' THEN 'stable' ELSE 'volatile' END,
	CASE WHEN p.proisstrict THEN 'strict' ELSE 'null' END,
	CASE p.proparallel WHEN 's' THEN 'safe' WHEN 'r' THEN 'restricted' ELSE 'unsafe' END,
	coalesce((SELECT string_agg(CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE a.grantee::regrole::text END, ', ' ORDER BY a.grantee::regrole::text)
		FROM aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) AS a WHERE a.grantee <> p.proowner), 'nobody'))
FROM pg_proc AS p
JOIN pg_depend AS d ON d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e'
JOIN pg_extension AS e ON d.refclassid = 'pg_extension'::regclass AND e.oid = d.refobjid
JOIN pg_roles AS o ON o.oid = p.proowner
WHERE e.extname = 'intrex_auth'
ORDER BY p.oid::regprocedure::text COLLATE "C";

\echo # tables and sequences: name | owner | in dumps | may do what
SELECT concat_ws(' | ', c.oid::regclass, c.relkind, c.relowner::regrole,
	CASE WHEN c.oid = ANY (e.extconfig) THEN 'dumped' ELSE 'not dumped' END,
	coalesce((SELECT string_agg(CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE a.grantee::regrole::text END || ' ' || a.privilege_type, ', ' ORDER BY a.grantee::regrole::text, a.privilege_type)
		FROM aclexplode(coalesce(c.relacl, acldefault(CASE c.relkind WHEN 'S' THEN 's' ELSE 'r' END::"char", c.relowner))) AS a WHERE a.grantee <> c.relowner), 'nobody'))
FROM pg_class AS c
JOIN pg_depend AS d ON d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e'
JOIN pg_extension AS e ON d.refclassid = 'pg_extension'::regclass AND e.oid = d.refobjid
WHERE e.extname = 'intrex_auth' AND c.relkind IN ('r', 'p', 'v', 'm', 'S')
ORDER BY c.oid::regclass::text COLLATE "C";

\echo # columns with rights of their own: column | may do what
SELECT concat_ws(' | ', a.attrelid::regclass || '.' || a.attname,
	(SELECT string_agg(CASE x.grantee WHEN 0 THEN 'PUBLIC' ELSE x.grantee::regrole::text END || ' ' || x.privilege_type, ', ' ORDER BY x.grantee::regrole::text, x.privilege_type)
		FROM aclexplode(a.attacl) AS x))
FROM pg_attribute AS a JOIN pg_class AS c ON c.oid = a.attrelid
WHERE c.relnamespace IN ('auth'::regnamespace, 'auth_api'::regnamespace) AND a.attacl IS NOT NULL
ORDER BY (a.attrelid::regclass || '.' || a.attname) COLLATE "C";

\echo # schemas: name | owner | rights
SELECT concat_ws(' | ', n.nspname,
	(SELECT CASE WHEN r.rolsuper THEN 'superuser' ELSE r.rolname END FROM pg_roles AS r WHERE r.oid = n.nspowner),
	(SELECT string_agg(CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE a.grantee::regrole::text END || ' ' || a.privilege_type, ', ' ORDER BY a.grantee::regrole::text, a.privilege_type)
		FROM aclexplode(n.nspacl) AS a WHERE a.grantee <> n.nspowner))
FROM pg_namespace AS n WHERE n.nspname IN ('auth', 'auth_api') ORDER BY n.nspname;

\echo # other members
SELECT pg_describe_object(d.classid, d.objid, d.objsubid)
FROM pg_depend AS d JOIN pg_extension AS e ON d.refclassid = 'pg_extension'::regclass AND e.oid = d.refobjid
WHERE e.extname = 'intrex_auth' AND d.deptype = 'e' AND d.classid NOT IN ('pg_proc'::regclass, 'pg_class'::regclass, 'pg_type'::regclass)
ORDER BY pg_describe_object(d.classid, d.objid, d.objsubid) COLLATE "C";

\echo # settings: name | context
LOAD 'intrex_auth';
SELECT concat_ws(' | ', name, context) FROM pg_settings WHERE name LIKE 'intrex_auth.%' OR name = 'app.current_tenant' ORDER BY name COLLATE "C";

BEGIN;
SELECT plan(12);

CREATE TEMP VIEW member AS
	SELECT d.classid, d.objid FROM pg_depend AS d JOIN pg_extension AS e ON d.refclassid = 'pg_extension'::regclass AND e.oid = d.refobjid
	WHERE e.extname = 'intrex_auth' AND d.deptype = 'e';

SELECT is_empty($$
	SELECT p.oid::regprocedure FROM pg_proc AS p JOIN member AS m ON m.objid = p.oid AND m.classid = 'pg_proc'::regclass
	WHERE p.prosecdef AND NOT coalesce(p.proconfig @> ARRAY['search_path=pg_catalog, pg_temp'], false)
$$, 'every SECURITY DEFINER function pins search_path');

SELECT is_empty($$
	SELECT p.oid::regprocedure FROM pg_proc AS p JOIN member AS m ON m.objid = p.oid AND m.classid = 'pg_proc'::regclass
	WHERE has_function_privilege('public', p.oid, 'EXECUTE')
$$, 'PUBLIC executes nothing');

SELECT is_empty($$
	SELECT p.oid::regprocedure FROM pg_proc AS p JOIN member AS m ON m.objid = p.oid AND m.classid = 'pg_proc'::regclass
	WHERE p.proname LIKE '\_%' AND EXISTS (SELECT FROM aclexplode(p.proacl) AS a
			WHERE a.grantee NOT IN (p.proowner, 'auth_owner'::regrole))
		-- protect runs as the owner of the table, so its parts, which only read the catalog, must be callable
		AND NOT (p.proname ~ '^_(un)?protect_' AND NOT p.prosecdef)
$$, 'functions that begin with an underscore are granted to nobody but auth_owner');

SELECT is_empty($$
	SELECT p.oid::regprocedure FROM pg_proc AS p JOIN member AS m ON m.objid = p.oid AND m.classid = 'pg_proc'::regclass
	WHERE p.proleakproof
$$, 'no function is leakproof');

SELECT is_empty($$
	SELECT p.oid::regprocedure FROM pg_proc AS p JOIN member AS m ON m.objid = p.oid AND m.classid = 'pg_proc'::regclass
	WHERE p.pronamespace = 'auth_api'::regnamespace AND NOT (p.prosecdef AND p.provolatile = 'v' AND p.prorettype = 'jsonb'::regtype
		AND p.proconfig @> ARRAY['default_transaction_isolation=read committed'])
$$, 'endpoints are definer, volatile, return jsonb and run at READ COMMITTED under PostgREST');

SELECT is_empty($$
	SELECT p.proname FROM pg_proc AS p WHERE p.pronamespace = 'auth_api'::regnamespace GROUP BY p.proname HAVING count(*) > 1
$$, 'no endpoint is overloaded');

SELECT is_empty($$
	SELECT pg_describe_object(m.classid, m.objid, 0) FROM member AS m
	WHERE m.classid <> 'pg_type'::regclass AND obj_description(m.objid, (SELECT relname FROM pg_class WHERE oid = m.classid)) IS NULL
$$, 'every member has a comment');

SELECT is_empty($$
	SELECT p.oid::regprocedure FROM pg_proc AS p JOIN member AS m ON m.objid = p.oid AND m.classid = 'pg_proc'::regclass
	JOIN pg_roles AS r ON r.oid = p.proowner WHERE p.prosecdef AND (r.rolsuper OR r.rolbypassrls OR r.rolcanlogin)
		AND p.prorettype <> 'event_trigger'::regtype
$$, 'no SECURITY DEFINER function runs as a superuser, but for event triggers');

-- auth_owner is lent out for restores (doc/backup.md), and could replace what it owns.
SELECT set_eq($$ SELECT e.evtfoid FROM pg_event_trigger AS e WHERE e.evtname LIKE 'intrex\_auth\_%' $$,
	$$ SELECT p.oid FROM pg_proc AS p JOIN member AS m ON m.objid = p.oid AND m.classid = 'pg_proc'::regclass
		WHERE p.prorettype = 'event_trigger'::regtype AND p.proname NOT LIKE '\_ddl\_guard\_%' $$,
	'functions of event triggers are known by what they return');
CREATE TEMP VIEW of_superusers AS
	SELECT p.* FROM pg_proc AS p JOIN member AS m ON m.objid = p.oid AND m.classid = 'pg_proc'::regclass
	JOIN pg_roles AS r ON r.oid = p.proowner WHERE r.rolsuper;
SELECT is_empty($$
	SELECT p.oid::regprocedure FROM pg_proc AS p JOIN member AS m ON m.objid = p.oid AND m.classid = 'pg_proc'::regclass
	WHERE p.prorettype = 'event_trigger'::regtype AND p.oid NOT IN (SELECT s.oid FROM of_superusers AS s)
$$, 'what an event trigger runs belongs to a superuser');
SELECT is_empty($$
	SELECT s.oid::regprocedure, f.oid::regprocedure
	FROM of_superusers AS s,
		-- without comments and what is in quotes
		regexp_matches(regexp_replace(regexp_replace(coalesce(pg_get_function_sqlbody(s.oid), s.prosrc),
				'--[^\n]*', '', 'g'), '''[^'']*''', '', 'g'),
			'\m(auth|auth_api)\.(\w+)\s*\(', 'g') AS c (called)
		JOIN pg_proc AS f ON f.pronamespace = c.called[1]::regnamespace AND f.proname = c.called[2]
	WHERE f.oid NOT IN (SELECT o.oid FROM of_superusers AS o)
$$, 'and so does all that functions of superusers call');

SELECT is((SELECT count(*) FROM pg_proc AS p JOIN member AS m ON m.objid = p.oid AND m.classid = 'pg_proc'::regclass
	WHERE p.pronamespace NOT IN ('auth'::regnamespace, 'auth_api'::regnamespace)), 0::bigint, 'nothing outside the two schemas');

SELECT * FROM finish();
ROLLBACK;
