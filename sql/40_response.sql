-- sql/40_response.sql: refusals and errors: the one place that words their shape.
-- Depends on nothing but the setting conventions of PostgREST (response.*).

CREATE OR REPLACE FUNCTION auth._response_headers() RETURNS jsonb
	LANGUAGE plpgsql STABLE
	SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	AS $$
DECLARE
	before CONSTANT text := current_setting('response.headers', true);
	headers jsonb := '[]';
BEGIN
	-- what somebody has left there in another form PostgREST would refuse
	IF before <> '' THEN
		BEGIN
			headers := before::jsonb;
		EXCEPTION WHEN data_exception OR program_limit_exceeded THEN
			headers := '[]';
		END;
	END IF;
	RETURN CASE WHEN jsonb_typeof(headers) = 'array' THEN headers ELSE '[]' END;
END
$$;
COMMENT ON FUNCTION auth._response_headers() IS 'the headers of the response so far, an array';
REVOKE ALL ON FUNCTION auth._response_headers() FROM PUBLIC;

CREATE OR REPLACE FUNCTION auth._response_header(name text, value text) RETURNS void
	LANGUAGE plpgsql VOLATILE
	SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	AS $$
DECLARE
	headers jsonb := '[]';
BEGIN
	-- PostgREST passes CR and LF on: they would begin a header of their own
	IF name IS NULL OR name !~ '^[A-Za-z0-9!#$%&''*+.^_`|~-]{1,128}$' THEN
		RAISE EXCEPTION USING
			ERRCODE = 'invalid_parameter_value',
			MESSAGE = 'invalid name of a response header';
	END IF;
	IF value IS NULL OR octet_length(value) > 8192 OR value ~ E'[\\u0001-\\u0008\\u000A-\\u001F\\u007F]' THEN
		RAISE EXCEPTION USING
			ERRCODE = 'invalid_parameter_value',
			MESSAGE = format('invalid value of the response header "%s"', name),
			HINT = 'It has at most 8192 bytes and no control characters.';
	END IF;
	headers := auth._response_headers();
	-- once is enough: many calls in one transaction must not make the list long
	IF headers @> jsonb_build_array(jsonb_build_object(name, value)) THEN
		RETURN;
	END IF;
	PERFORM set_config('response.headers', (headers || jsonb_build_array(jsonb_build_object(name, value)))::text, true);
END
$$;
COMMENT ON FUNCTION auth._response_header(text, text) IS 'appends a header to the response of PostgREST';
REVOKE ALL ON FUNCTION auth._response_header(text, text) FROM PUBLIC;

-- RFC 6265 §4.1.1: no two cookies of one name in a response.  A second login or a
-- logout in the same transaction takes the place of what the first had set.
CREATE OR REPLACE FUNCTION auth._response_cookie(name text, cookie text) RETURNS void
	LANGUAGE plpgsql VOLATILE
	SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	AS $$
DECLARE
	headers CONSTANT jsonb := auth._response_headers();
BEGIN
	IF headers @? '$[*]."Set-Cookie"' THEN
		PERFORM set_config('response.headers', (
			SELECT coalesce(jsonb_agg(h.header ORDER BY h.n), '[]')::text
			FROM jsonb_array_elements(headers) WITH ORDINALITY AS h (header, n)
			WHERE starts_with(h.header ->> 'Set-Cookie', name || '=') IS NOT TRUE), true);
	END IF;
	PERFORM auth._response_header('Set-Cookie', name || '=' || cookie);
END
$$;
COMMENT ON FUNCTION auth._response_cookie(text, text) IS 'appends a cookie (its value and attributes) to the response of PostgREST; one of the same name before it goes';
REVOKE ALL ON FUNCTION auth._response_cookie(text, text) FROM PUBLIC;

-- Returned, not raised: an exception would roll back the attempt and its audit row.
CREATE OR REPLACE FUNCTION auth._refusal(status integer, code text, message text, retry_after integer DEFAULT NULL) RETURNS jsonb
	LANGUAGE plpgsql VOLATILE
	SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	AS $$
BEGIN
	PERFORM set_config('response.status', status::text, true);
	IF retry_after IS NOT NULL THEN
		PERFORM auth._response_header('Retry-After', greatest(retry_after, 1)::text);
	END IF;
	-- RFC 9110 §15.5.2: a 401 names a scheme
	IF status = 401 THEN
		PERFORM auth._response_header('WWW-Authenticate', 'Bearer');
	END IF;
	RETURN jsonb_build_object('error', jsonb_build_object('message', message, 'status', status, 'code', code));
END
$$;
COMMENT ON FUNCTION auth._refusal(integer, text, text, integer) IS 'the body of a refusal; sets status and headers for PostgREST';
REVOKE ALL ON FUNCTION auth._refusal(integer, text, text, integer) FROM PUBLIC;

-- Administration is called from SQL and raises:
--   22023 invalid_parameter_value   an argument is missing or not valid
--   P0002 no_data_found             there is no such user, tenant, unit or member
--   23505 unique_violation          it exists already
--   23503 foreign_key_violation     other tables still refer to it
--   23001 restrict_violation        the tenant would lose its last owner
-- Errors of constraints are raised anew through this: their own DETAIL would
-- carry the row.
CREATE OR REPLACE FUNCTION auth._fail(condition text, message text, hint text DEFAULT NULL) RETURNS void
	LANGUAGE plpgsql VOLATILE
	SET search_path = pg_catalog, pg_temp
	AS $$
BEGIN
	IF hint IS NULL THEN
		RAISE EXCEPTION USING ERRCODE = condition, MESSAGE = message;
	END IF;
	RAISE EXCEPTION USING ERRCODE = condition, MESSAGE = message, HINT = hint;
END
$$;
COMMENT ON FUNCTION auth._fail(text, text, text) IS 'raises an error of administration, with nothing in it but this';
REVOKE ALL ON FUNCTION auth._fail(text, text, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION auth._fail(text, text, text) TO auth_owner;

-- Above READ COMMITTED a change does not see what committed after its snapshot, such
-- as a session that a login by the former password began.
CREATE OR REPLACE FUNCTION auth._demand_read_committed() RETURNS void
	LANGUAGE plpgsql STABLE
	SET search_path = pg_catalog, pg_temp
	AS $$
BEGIN
	IF current_setting('transaction_isolation') NOT IN ('read committed', 'read uncommitted') THEN
		PERFORM auth._fail('55000', 'this needs a transaction at READ COMMITTED',
			'Call it in a transaction of its own, or after SET TRANSACTION ISOLATION LEVEL READ COMMITTED.');
	END IF;
END
$$;
COMMENT ON FUNCTION auth._demand_read_committed() IS 'raises 55000 above READ COMMITTED';
REVOKE ALL ON FUNCTION auth._demand_read_committed() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION auth._demand_read_committed() TO auth_owner;
