-- Every function of the extension with NULL, nonsense and a megabyte in each
-- argument: NULL, a refusal, or an error with a specific SQLSTATE and nothing of
-- the input in its text; never true, never an internal error.
\set ECHO none
\set QUIET 1
\pset format unaligned
\pset tuples_only true
SET client_min_messages = error;

BEGIN;
SELECT plan(7);
SET LOCAL intrex_auth.password_cost = 4;
SET LOCAL intrex_auth.login_limit_pair = 1000000;
SET LOCAL intrex_auth.login_limit_identifier = 1000000;

CREATE TEMP TABLE outcome (call text, sqlstate text, result text, message text);

-- Calls every function with the given literals by type, one argument after the
-- other replaced by what (NULL or a nonsense value).
CREATE FUNCTION pg_temp.attack(what text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
	f record;
	arguments text[];
	victim int;
	call text;
	result text;
	state text;
	message text;
	detail text;
	hint text;
	context text;
BEGIN
	FOR f IN
		SELECT p.oid, n.nspname, p.proname, p.pronargs, p.proargtypes::oid[] AS types, p.provariadic
		FROM pg_proc AS p
		JOIN pg_namespace AS n ON n.oid = p.pronamespace
		JOIN pg_depend AS d ON d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e'
		JOIN pg_extension AS e ON d.refclassid = 'pg_extension'::regclass AND e.oid = d.refobjid
		WHERE e.extname = 'intrex_auth' AND p.prorettype NOT IN ('trigger'::regtype, 'event_trigger'::regtype)
			-- these act on the key file, which no transaction takes back
			AND p.proname NOT IN ('key_create', 'key_rotate', 'key_import', 'key_export', '_key_file_ensure', 'key_standby')
		ORDER BY p.oid::regprocedure::text
	LOOP
		FOR victim IN 0 .. f.pronargs LOOP
			CONTINUE WHEN victim = 0 AND f.pronargs > 0 AND what <> 'NULL';
			arguments := ARRAY(
				SELECT CASE
					WHEN what = 'NULL' AND (victim = 0 OR victim = i) THEN 'NULL::' || t::regtype
					WHEN victim = i AND t = ANY ('{text,name,bytea}'::regtype[]) AND what = 'megabyte' THEN 'repeat(''canary'', 175000)::' || t::regtype
					WHEN victim = i AND t = ANY ('{text,name,bytea}'::regtype[]) THEN quote_literal(what) || '::' || t::regtype
					WHEN victim = i AND t = 'integer'::regtype THEN '-2147483648'
					WHEN victim = i AND t = 'jsonb'::regtype THEN '''[null, "canary"]'''
					ELSE CASE t::regtype::text
						WHEN 'uuid' THEN '''11111111-1111-4111-8111-111111111111''::uuid'
						WHEN 'text[]' THEN '''{x,NULL}''::text[]'
						WHEN 'uuid[]' THEN '''{NULL}''::uuid[]'
						WHEN 'jsonb' THEN '''{}''::jsonb'
						WHEN 'boolean' THEN 'true'
						WHEN 'integer' THEN '1'
						WHEN 'bigint' THEN '1'
						WHEN 'bytea' THEN '''\x00''::bytea'
						WHEN 'regclass' THEN '''pg_class''::regclass'
						WHEN 'timestamp with time zone' THEN 'now()'
						WHEN 'auth.users' THEN 'NULL::auth.users'
						WHEN 'smallint[]' THEN '''{1}''::smallint[]'
						WHEN 'name[]' THEN '''{x}''::name[]'
						ELSE '''x''::' || t::regtype
					END
				END
				FROM unnest(f.types) WITH ORDINALITY AS u (t, i));
			IF f.provariadic <> 0 THEN
				arguments[f.pronargs] := 'VARIADIC ' || arguments[f.pronargs];
			END IF;
			call := format('%I.%I(%s)', f.nspname, f.proname, array_to_string(arguments, ', '));
			BEGIN
				EXECUTE 'SELECT string_agg(r::text, '','') FROM ' || call || ' AS r' INTO result;
				INSERT INTO outcome VALUES (left(call, 200), '00000', result, '');
			EXCEPTION WHEN OTHERS THEN
				GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
				INSERT INTO outcome VALUES (left(call, 200), state, NULL, message || ' ' || detail || ' ' || hint);
			END;
		END LOOP;
	END LOOP;
END
$$;

SELECT pg_temp.attack('NULL');
SELECT cmp_ok((SELECT count(*) FROM outcome), '>', 200::bigint, 'every function was called');
SELECT is_empty($$SELECT call, sqlstate, message FROM outcome WHERE sqlstate LIKE 'XX%'$$, 'NULL: no internal error');
-- is there a right that NULL gives?  (keys and settings aside, true is one)
SELECT is_empty($$
	SELECT call, result FROM outcome WHERE result IN ('t', 'true')
		AND call !~ '^auth\.(_key_file_is_fine|_remember_keys|password_needs_rehash)\('
$$, 'NULL: never true');

DELETE FROM outcome;
SELECT pg_temp.attack('canary''"\ ');
SELECT pg_temp.attack(E'canary\x01\u202e\n');
SELECT pg_temp.attack('');
SELECT is_empty($$SELECT call, sqlstate, message FROM outcome WHERE sqlstate LIKE 'XX%'$$, 'nonsense: no internal error');
-- names of tables, resources, actions and roles are the developer's: a typing error is shown
SELECT is_empty($$SELECT call, sqlstate, message FROM outcome WHERE message LIKE '%canary%' AND call !~ '^auth\.(_|protect|unprotect|scope|scope_id|scope_ids|can|has_rank|require_rank|require_permission|check_permission|record_permission_check|resource_|demand_action|members_resource_set|permission_)'$$,
	'nonsense: not echoed by what others can call');

DELETE FROM outcome;
SELECT pg_temp.attack('megabyte');
SELECT is_empty($$SELECT call, sqlstate, message FROM outcome WHERE sqlstate LIKE 'XX%'$$, 'a megabyte: no internal error');
SELECT is_empty($$SELECT call, sqlstate, left(message, 100) FROM outcome WHERE length(message) > 1000 AND call !~ '^auth\._'$$, 'a megabyte: no long error');

SELECT * FROM finish();
ROLLBACK;
