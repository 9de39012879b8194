-- One-time passwords: auth.totp_code, with the vectors of RFC 6238, appendix B.
\set ECHO none
\set QUIET 1
\pset format unaligned
\pset tuples_only true
\set VERBOSITY terse
SET client_min_messages = warning;

BEGIN;
SELECT plan(44);

CREATE FUNCTION pg_temp.secret(length integer) RETURNS bytea LANGUAGE sql AS $$ SELECT convert_to(left(repeat('1234567890', 13), length), 'UTF8') $$;
SELECT is(auth.totp_code(pg_temp.secret(length), to_timestamp(seconds), 8, 30, algorithm), code, format('%s at %s', algorithm, seconds))
	FROM (VALUES (20, 'SHA1', 59, '94287082'), (32, 'SHA256', 59, '46119246'), (64, 'SHA512', 59, '90693936'),
		(20, 'SHA1', 1111111109, '07081804'), (32, 'SHA256', 1111111109, '68084774'), (64, 'SHA512', 1111111109, '25091201'),
		(20, 'SHA1', 1234567890, '89005924'), (32, 'SHA256', 1234567890, '91819424'), (64, 'SHA512', 1234567890, '93441116'),
		(20, 'SHA1', 20000000000, '65353130'), (32, 'SHA256', 20000000000, '77737706'), (64, 'SHA512', 20000000000, '47863826')) AS v (length, algorithm, seconds, code);
SELECT is(auth.totp_code(pg_temp.secret(20), to_timestamp(59)), '287082', 'six digits, 30 seconds and SHA1 are usual');
SELECT is(auth.totp_code(pg_temp.secret(20), to_timestamp(59.999999)), '287082', 'the last moment of a period');
SELECT isnt(auth.totp_code(pg_temp.secret(20), to_timestamp(60)), '287082', 'the first of the next');
SELECT is(auth.totp_code(pg_temp.secret(20), to_timestamp(119), period => 60), '287082', 'a period of 60 seconds');
SELECT is(auth.totp_code(pg_temp.secret(20), to_timestamp(0)), '755224', 'at the beginning of time');
-- in a table, compressed and out of line
CREATE TEMPORARY TABLE kept (secret bytea);
INSERT INTO kept VALUES (pg_temp.secret(20));
SELECT is(auth.totp_code(secret, to_timestamp(59)), '287082', 'a secret from a table') FROM kept;

-- error, each argument:
SELECT throws_ok(format('SELECT auth.totp_code(%L, %L, %L, %L, %L)', secret, at, digits, period, algorithm), '22023', message, label)
	FROM (VALUES
		('\x'::bytea, '2026-01-01', 6, 30, 'SHA1', 'invalid secret of one-time passwords', 'no secret'),
		(pg_temp.secret(15), '2026-01-01', 6, 30, 'SHA1', 'invalid secret of one-time passwords', 'a short secret'),
		(pg_temp.secret(129), '2026-01-01', 6, 30, 'SHA1', 'invalid secret of one-time passwords', 'a long secret'),
		(pg_temp.secret(20), '1969-12-31 23:59:59+00', 6, 30, 'SHA1', 'the time of a one-time password must be after 1970', 'before 1970'),
		(pg_temp.secret(20), 'infinity', 6, 30, 'SHA1', 'the time of a one-time password must be after 1970', 'infinity'),
		(pg_temp.secret(20), '-infinity', 6, 30, 'SHA1', 'the time of a one-time password must be after 1970', '-infinity'),
		(pg_temp.secret(20), '4713-01-01 BC', 6, 30, 'SHA1', 'the time of a one-time password must be after 1970', 'the first moment'),
		(pg_temp.secret(20), '2026-01-01', 5, 30, 'SHA1', 'one-time passwords have 6 to 8 digits', 'five digits'),
		(pg_temp.secret(20), '2026-01-01', 9, 30, 'SHA1', 'one-time passwords have 6 to 8 digits', 'nine digits'),
		(pg_temp.secret(20), '2026-01-01', -2147483648, 30, 'SHA1', 'one-time passwords have 6 to 8 digits', 'the least integer'),
		(pg_temp.secret(20), '2026-01-01', 6, 0, 'SHA1', 'the period of one-time passwords must be from 1 to 3600 seconds', 'no period'),
		(pg_temp.secret(20), '2026-01-01', 6, -30, 'SHA1', 'the period of one-time passwords must be from 1 to 3600 seconds', 'a negative period'),
		(pg_temp.secret(20), '2026-01-01', 6, 3601, 'SHA1', 'the period of one-time passwords must be from 1 to 3600 seconds', 'a long period'),
		(pg_temp.secret(20), '2026-01-01', 6, 30, '', 'unknown algorithm of one-time passwords', 'no algorithm'),
		(pg_temp.secret(20), '2026-01-01', 6, 30, 'sha1', 'unknown algorithm of one-time passwords', 'lower case'),
		(pg_temp.secret(20), '2026-01-01', 6, 30, repeat('SHA1', 100000), 'unknown algorithm of one-time passwords', 'a long name')
	) AS v (secret, at, digits, period, algorithm, message, label);
SELECT throws_ok($$SELECT auth.totp_code(convert_to(repeat('x', 1000000), 'UTF8'), now())$$, '22023', 'invalid secret of one-time passwords', 'a megabyte');
SELECT lives_ok($$SELECT auth.totp_code(decode(repeat('00', 20), 'hex'), '294276-12-31 23:59:59+00')$$, 'the last moment');
SELECT is(auth.totp_code(NULL, now()), NULL, 'NULL secret');
SELECT is(auth.totp_code(pg_temp.secret(20), NULL), NULL, 'NULL time');
SELECT is(auth.totp_code(pg_temp.secret(20), now(), NULL), NULL, 'NULL digits');
SELECT is(auth.totp_code(pg_temp.secret(20), now(), 6, NULL), NULL, 'NULL period');
SELECT is(auth.totp_code(pg_temp.secret(20), now(), 6, 30, NULL), NULL, 'NULL algorithm');
SELECT is(has_function_privilege(role, 'auth.totp_code(bytea, timestamptz, integer, integer, text)', 'EXECUTE'), role = 'auth_admin', role || ' may call it: ' || (role = 'auth_admin'))
	FROM unnest(ARRAY['anon', 'authenticated', 'auth_admin']) AS role;

SELECT * FROM finish();
ROLLBACK;
