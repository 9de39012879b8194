-- examples/intrex/story.sql: from CREATE EXTENSION to a tenant-isolated query.
-- Run by ./run; prints each statement and its result, and stops with an error
-- if one of them shows anything but what the story says.

\set QUIET 1
\set VERBOSITY default
\pset footer off
\pset format wrapped
\pset columns 130
\pset null '(null)'
\set SHOW_CONTEXT never

\echo
\echo '=== 1. The extension, and a role that the application logs in as'
\echo
\set ECHO queries
CREATE EXTENSION intrex_auth;
\set ECHO none
DO $$
BEGIN
	IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'intrex_app') THEN
		CREATE ROLE intrex_app LOGIN NOINHERIT;
	END IF;
END
$$;
\set ECHO queries
GRANT anon, authenticated TO intrex_app;
SELECT kid, alg, use, state FROM auth.keys();

\set ECHO none
\echo
\echo '=== 2. The roles of Intrex: Head Office Admin, Branch Manager, Operator'
\echo
\set ECHO queries
SELECT object, statement FROM auth.use_preset('intrex') WHERE object <> 'resource';

\set ECHO none
\echo
\echo '=== 3. The tables of Intrex, one call each: the tenant, and in it the scope of the role'
\echo '       (a manager sees the branch, an operator what is assigned to him)'
\echo
\i schema.sql
\set ECHO queries
SELECT object, statement FROM auth.protect('obligation_instances', 'obligations', unit_column => 'unit_id', assignee_column => 'assigned_to');
\set ECHO none
SELECT count(*) AS steps FROM auth.protect('branches', 'branches', unit_column => 'unit_id') \gset
SELECT count(*) AS steps FROM auth.protect('domains', 'domains') \gset
SELECT count(*) AS steps FROM auth.protect('connectors', 'connectors') \gset
SELECT count(*) AS steps FROM auth.protect('notification_events', 'notifications', owner_column => 'user_id') \gset
\echo '(and the same for branches, domains, connectors and notification_events)'
\echo
GRANT SELECT, INSERT, UPDATE, DELETE ON branches, domains, connectors, obligation_instances, notification_events TO authenticated;

\echo '=== 4. Two tenants, three branches, users of all three roles, 3999 obligations'
\echo
\set ECHO queries
SELECT auth.tenant_create('Northwind') AS northwind \gset
SELECT auth.tenant_create('Southgate') AS southgate \gset
SELECT auth.unit_create(:'northwind', 'Oslo') AS oslo \gset
SELECT auth.unit_create(:'northwind', 'Bergen') AS bergen \gset
SELECT auth.unit_create(:'southgate', 'Porto') AS porto \gset
SELECT auth.user_create('ada@northwind.example', 'correct horse battery', 'Ada', email_verified => true) AS ada \gset
SELECT auth.user_create('bo@northwind.example', 'staple gun at dawn', 'Bo', email_verified => true) AS bo \gset
SELECT auth.user_create('cy@northwind.example', 'seven quiet lanterns', 'Cy', email_verified => true) AS cy \gset
SELECT auth.user_create('dora@southgate.example', 'orange river stones', 'Dora', email_verified => true) AS dora \gset
SELECT auth.member_add(:'northwind', :'ada', 'head_office_admin') \g /dev/null
SELECT auth.member_add(:'northwind', :'bo', 'branch_manager', ARRAY[:'oslo']::uuid[]) \g /dev/null
SELECT auth.member_add(:'northwind', :'cy', 'operator', ARRAY[:'oslo']::uuid[]) \g /dev/null
SELECT auth.member_add(:'southgate', :'dora', 'head_office_admin') \g /dev/null
\set ECHO none
INSERT INTO branches (tenant_id, unit_id, name) VALUES
	(:'northwind', :'oslo', 'Oslo'), (:'northwind', :'bergen', 'Bergen'), (:'southgate', :'porto', 'Porto');
INSERT INTO domains (tenant_id, name) VALUES (:'northwind', 'Tax'), (:'southgate', 'Tax');
INSERT INTO obligation_instances (tenant_id, unit_id, branch_id, domain_id, assigned_to, title, due)
	SELECT b.tenant_id, b.unit_id, b.id, d.id,
		CASE WHEN b.name = 'Oslo' AND n % 10 = 0 THEN :'cy'::uuid END,
		b.name || ' obligation ' || n, date '2026-01-01' + n % 365
	FROM branches AS b JOIN domains AS d USING (tenant_id), generate_series(1, 1333) AS n;
INSERT INTO notification_events (tenant_id, user_id, text) VALUES
	(:'northwind', :'cy', 'An obligation is due'), (:'northwind', :'bo', 'A document was uploaded');
ANALYZE;
\set ECHO queries
SELECT t.name AS tenant, b.name AS branch, count(*) AS obligations
	FROM obligation_instances AS o JOIN branches AS b ON b.id = o.branch_id JOIN auth.tenants AS t ON t.id = b.tenant_id
	GROUP BY 1, 2 ORDER BY 1, 2;

\set ECHO none
\echo
\echo '=== 5. As the application: register, log in'
\echo '       (an application sends parameters: SELECT auth_api.login($1, $2))'
\echo
\connect - intrex_app
\set ECHO queries
SET ROLE anon;
SELECT jsonb_pretty(auth_api.register('eve@example.com', 'a password of her own', 'Eve', tenant_name => 'Eve & Co') - 'access_token' - 'refresh_token') AS registered;
SELECT auth_api.login('bo@northwind.example', 'wrong password') AS refused;
SELECT auth_api.login('bo@northwind.example', 'staple gun at dawn') AS grant \gset
\set ECHO none
SELECT :'grant'::jsonb ->> 'access_token' AS bo_token, :'grant'::jsonb ->> 'refresh_token' AS bo_refresh \gset
SELECT auth_api.login('ada@northwind.example', 'correct horse battery') ->> 'access_token' AS ada_token \gset
SELECT auth_api.login('cy@northwind.example', 'seven quiet lanterns') ->> 'access_token' AS cy_token \gset
SELECT auth_api.login('dora@southgate.example', 'orange river stones') ->> 'access_token' AS dora_token \gset
RESET ROLE;
SELECT :'bo_token' ~ '^[\w-]+\.[\w-]+\.[\w-]+$' AND :'bo_refresh' ~ '^[\w-]{43}$' AS ok \gset
\if :ok
\else
	\echo 'the login gave no token'
	\quit 3
\endif

\echo
\echo '=== 6. The token is the context: what each role sees of 3999 obligations'
\echo
\set ECHO queries
BEGIN;
SET LOCAL ROLE authenticated;
\set ECHO none
\echo 'SELECT jsonb_pretty(auth.authenticate($1)) AS claims;          -- $1: the access token of Bo'
SELECT jsonb_pretty(auth.authenticate(:'bo_token')) AS claims;
\set ECHO queries
SELECT auth.tenant_role(), count(*) AS obligations, count(DISTINCT branch_id) AS branches FROM obligation_instances;
COMMIT;
\set ECHO none
BEGIN;
SET LOCAL ROLE authenticated;
SELECT auth.authenticate(:'bo_token') AS claims \gset
SELECT count(*) = 1333 AS ok FROM obligation_instances \gset
COMMIT;
\if :ok
\else
	\echo 'the branch manager does not see exactly one branch'
	\quit 3
\endif
BEGIN;
SET LOCAL ROLE authenticated;
SELECT auth.authenticate(:'ada_token') AS claims \gset
\set ECHO queries
SELECT auth.tenant_role(), count(*) AS obligations, count(DISTINCT branch_id) AS branches FROM obligation_instances;
\set ECHO none
SELECT count(*) = 2666 AS ok FROM obligation_instances \gset
COMMIT;
\if :ok
\else
	\echo 'the head office does not see exactly its tenant'
	\quit 3
\endif
BEGIN;
SET LOCAL ROLE authenticated;
SELECT auth.authenticate(:'cy_token') AS claims \gset
\set ECHO queries
SELECT auth.tenant_role(), count(*) AS obligations, count(DISTINCT branch_id) AS branches FROM obligation_instances;
\set ECHO none
SELECT count(*) = 133 AS ok FROM obligation_instances \gset
COMMIT;
\if :ok
\else
	\echo 'the operator does not see exactly what is assigned'
	\quit 3
\endif
\echo '-- an operator updates the status of an obligation, and nothing else of it'
BEGIN;
SET LOCAL ROLE authenticated;
SELECT auth.authenticate(:'cy_token') AS claims \gset
\set ON_ERROR_STOP 0
\set ECHO queries
UPDATE obligation_instances SET title = 'Done, trust me';
\set ECHO none
\set state :SQLSTATE
ROLLBACK;
\set ON_ERROR_STOP 1
SELECT :'state' = '42501' AS ok \gset
\if :ok
\else
	\echo 'an operator changed a title'
	\quit 3
\endif
\connect - :superuser
\echo '-- why not that row? (an administrator asks)'
SELECT id AS row FROM obligation_instances WHERE title = 'Oslo obligation 1' \gset
\echo 'SELECT explanation FROM auth.explain_access($1, ''read'', ''obligation_instances'', $2);      -- Cy, an obligation of Oslo'
SELECT explanation FROM auth.explain_access(:'cy', 'read', 'obligation_instances', :'row');
\connect - intrex_app

\echo
\echo '=== 7. Another tenant: invisible, not writable, not forgeable'
\echo
BEGIN;
SET LOCAL ROLE authenticated;
SELECT auth.authenticate(:'dora_token') AS claims \gset
\set ECHO queries
SELECT count(*) AS of_northwind FROM obligation_instances WHERE title LIKE 'Oslo%';
\set ON_ERROR_STOP 0
INSERT INTO branches (tenant_id, unit_id, name) VALUES (:'northwind', :'oslo', 'Planted');
\set ECHO none
\set state :SQLSTATE
ROLLBACK;
SELECT :'state' = '42501' AS ok \gset
\if :ok
\else
	\echo 'a row was written into another tenant'
	\quit 3
\endif
\echo
\echo '-- the old way to pretend: nobody can set the tenant'
\set ON_ERROR_STOP 0
\set ECHO queries
SET app.current_tenant = '00000000-0000-0000-0000-000000000001';
\set ECHO none
SELECT :'SQLSTATE' = '55P02' AS ok \gset
\if :ok
\else
	\echo 'app.current_tenant could be set'
	\quit 3
\endif
\echo
\echo '-- a token whose tenant was changed by hand'
SELECT split_part(:'dora_token', '.', 1) || '.' ||
	rtrim(translate(replace(encode(convert_to(replace(
		convert_from(decode(rpad(translate(split_part(:'dora_token', '.', 2), '-_', '+/'),
			(ceil(length(split_part(:'dora_token', '.', 2)) / 4.0) * 4)::int, '='), 'base64'), 'UTF8'),
		:'southgate', :'northwind'), 'UTF8'), 'base64'), E'\n', ''), '+/', '-_'), '=') || '.' ||
	split_part(:'dora_token', '.', 3) AS forged \gset
SET ROLE authenticated;
\echo 'SELECT auth.authenticate($1);          -- $1: the token of Dora, with the tenant of Northwind in it'
SELECT auth.authenticate(:'forged');
SELECT :'SQLSTATE' = '28000' AS ok \gset
\if :ok
\else
	\echo 'a forged tenant was accepted'
	\quit 3
\endif
RESET ROLE;
\set ON_ERROR_STOP 1

\echo
\echo '=== 8. Refresh, and a stolen refresh token'
\echo
SET ROLE anon;
\echo 'SELECT auth_api.refresh($1);            -- $1: the refresh token of Bo; the grant has the next one'
SELECT auth_api.refresh(:'bo_refresh') AS grant \gset
SELECT :'grant'::jsonb ->> 'refresh_token' AS second, :'grant'::jsonb ->> 'access_token' AS bo_token \gset
SELECT auth_api.refresh(:'second') ->> 'refresh_token' AS third \gset
\echo '-- the owner has gone on; now the thief presents the first token again'
\echo 'SELECT auth_api.refresh($1) AS replayed;'
SELECT auth_api.refresh(:'bo_refresh') AS replayed, auth_api.refresh(:'bo_refresh') -> 'error' ->> 'status' = '401' AS ok \gset
SELECT :'replayed' AS replayed;
\if :ok
\else
	\echo 'a replayed refresh token was accepted'
	\quit 3
\endif
\echo '-- the whole family is revoked: the newest token is dead as well, on either side'
\echo 'SELECT auth_api.refresh($1) AS newest;'
SELECT auth_api.refresh(:'third') AS newest;
RESET ROLE;
SET ROLE authenticated;
\set ON_ERROR_STOP 0
\echo 'SELECT auth.authenticate($1);          -- $1: the access token of Bo'
SELECT auth.authenticate(:'bo_token');
SELECT :'SQLSTATE' = '28000' AS ok \gset
\if :ok
\else
	\echo 'a token of a revoked session was accepted'
	\quit 3
\endif
\set ON_ERROR_STOP 1
RESET ROLE;

\echo
\echo '=== 9. A connector secret, sealed and opened'
\echo
\connect - :superuser
\set ECHO queries
SELECT auth.secret_store(:'northwind', 'smtp', 'the password of the mail server') \g /dev/null
SELECT name, length(sealed) AS bytes, sealed LIKE '%password%'::bytea AS readable FROM auth.secrets;
SELECT auth.secret_open(:'northwind', 'smtp') AS opened;
\set ECHO none
\echo '-- copied to the other tenant it does not open'
INSERT INTO auth.secrets (tenant_id, name, sealed) SELECT :'southgate', name, sealed FROM auth.secrets;
\set ON_ERROR_STOP 0
\set ECHO queries
SELECT auth.secret_open(:'southgate', 'smtp');
\set ECHO none
SELECT :'SQLSTATE' = '22000' AS ok \gset
\if :ok
\else
	\echo 'a moved ciphertext opened'
	\quit 3
\endif
\set ON_ERROR_STOP 1
DELETE FROM auth.secrets WHERE tenant_id = :'southgate';

\echo
\echo '=== 10. Log out: the token is refused at once, not when it expires'
\echo
\connect - intrex_app
BEGIN;
SET LOCAL ROLE authenticated;
SELECT auth.authenticate(:'ada_token') AS claims \gset
\set ECHO queries
SELECT auth_api.logout() AS logged_out;
\set ECHO none
COMMIT;
SET ROLE authenticated;
\set ON_ERROR_STOP 0
\echo 'SELECT auth.authenticate($1);          -- $1: the access token of Ada'
SELECT auth.authenticate(:'ada_token');
SELECT :'SQLSTATE' = '28000' AS ok \gset
\if :ok
\else
	\echo 'a token was accepted after logout'
	\quit 3
\endif
\set ON_ERROR_STOP 1
\connect - :superuser

\echo
\echo '=== 11. What was recorded'
\echo
\set ECHO queries
SELECT event, outcome, code, count(*) FROM auth.audit_log WHERE event IN ('register', 'login', 'refresh', 'logout') GROUP BY 1, 2, 3 ORDER BY 1, 2, 3;
\set ECHO none
