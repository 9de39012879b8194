-- Every token that differs from a valid one in a single bit is refused: by
-- authenticate, by set_config and by jwt_verify, with the valid one just verified
-- in this backend.
\set ECHO none
\set QUIET 1
\pset format unaligned
\pset tuples_only true
\getenv abs_srcdir PG_ABS_SRCDIR
\set include :abs_srcdir '/include/identities.psql'
\set include_end :abs_srcdir '/include/identities_end.psql'
\i :include
-- the server log would get a line for each
SET log_min_messages = panic;

SELECT plan(6);

-- A text of any bytes, as no client can send it: some flips give bytes that are no UTF-8.
CREATE CAST (bytea AS text) WITHOUT FUNCTION;

CREATE FUNCTION flipped(token text, statement text, OUT flips int, OUT accepted int, OUT states text, OUT identities int) LANGUAGE plpgsql AS $$
DECLARE
	bytes bytea := convert_to(token, 'UTF8');
	damaged bytea;
	state text;
	seen text[] := '{}';
BEGIN
	flips := 0;
	accepted := 0;
	identities := 0;
	FOR n IN 0 .. 8 * length(bytes) - 1 LOOP
		damaged := set_bit(bytes, n, 1 - get_bit(bytes, n));
		flips := flips + 1;
		BEGIN
			EXECUTE statement USING damaged;
			accepted := accepted + 1;
		EXCEPTION WHEN OTHERS THEN
			GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE;
			IF state <> ALL (seen) THEN
				seen := seen || state;
			END IF;
		END;
		IF auth.uid() IS NOT NULL THEN
			identities := identities + 1;
		END IF;
	END LOOP;
	states := array_to_string(seen, ' ');
END
$$;

BEGIN;
SELECT is(attempt(:'anna'), 'accepted', 'the token itself is accepted');
COMMIT;
SELECT is(flips > 3000, true, 'there are thousands of flips')
	FROM (SELECT 8 * octet_length(:'anna') AS flips) f;
SELECT is(ROW(flips = 8 * octet_length(:'anna'), accepted, states, identities)::text, '(t,0,28000,0)', label || ' refuses each with 28000, and nobody is asking after it')
	FROM (VALUES
			('authenticate', 'SELECT auth.authenticate($1::text)'),
			('set_config', 'SELECT set_config(''intrex_auth.token'', $1::text, true)'),
			('jwt_verify', 'SELECT auth.jwt_verify($1::text)')) s (label, statement),
		flipped(:'anna', statement);
BEGIN;
SELECT is(attempt(:'anna'), 'accepted', 'the token itself is still accepted');
COMMIT;

SELECT * FROM finish();
DROP CAST (bytea AS text);
\i :include_end
