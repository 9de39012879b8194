-- The throttle: limits, what survives a rollback, failures in a row, addresses, cleanup.
\set ECHO none
\set QUIET 1
\pset format unaligned
\pset tuples_only true
SET client_min_messages = warning;

BEGIN;
SELECT plan(70);
SET LOCAL intrex_auth.login_limit_pair = 3;
SET LOCAL intrex_auth.login_limit_identifier = 5;
SET LOCAL intrex_auth.login_limit_address = 7;
SET LOCAL intrex_auth.login_max_failures = 100;
SET LOCAL intrex_auth.trusted_proxies = 1;

-- Attempts stay for good, so each run has its own identifiers and addresses.
CREATE TEMPORARY TABLE run AS SELECT gen_random_uuid()::text AS id, '2001:db8:' || to_hex(floor(random() * 65536)::int) || ':' AS network;
CREATE FUNCTION pg_temp.throttle(identifier text, host text) RETURNS text LANGUAGE plpgsql AS
$$
DECLARE
	wait integer;
BEGIN
	PERFORM set_config('request.headers', json_build_object('x-forwarded-for', run.network || host)::text, true) FROM pg_temp.run;
	wait := auth._throttle(run.id || identifier) FROM pg_temp.run;
	RETURN CASE WHEN wait BETWEEN 1 AND 60 THEN 'wait' ELSE wait::text END;
END
$$;
CREATE FUNCTION pg_temp.throttles(identifier text, host text, times integer) RETURNS text LANGUAGE sql AS
$$ SELECT string_agg(pg_temp.throttle(identifier, host), ' ') FROM generate_series(1, times) $$;
CREATE FUNCTION pg_temp.reset(identifier text) RETURNS void LANGUAGE sql AS
$$ SELECT auth._throttle_reset(run.id || identifier) FROM pg_temp.run $$;
CREATE FUNCTION pg_temp.state_of(statement text) RETURNS text LANGUAGE plpgsql AS
$$
BEGIN
	EXECUTE statement;
	RETURN 'no error';
EXCEPTION WHEN OTHERS THEN
	RETURN SQLSTATE;
END
$$;
-- Let time pass for all attempts and counts.
CREATE FUNCTION pg_temp.age(by interval) RETURNS void LANGUAGE sql AS
$$ UPDATE auth.login_attempts SET at = at - by; UPDATE auth.login_failures SET since = since - by; $$;

-- per identifier and address
SELECT is(pg_temp.throttles('pair', '1::1', 5), '0 0 0 wait wait', 'three of one identifier from one address');
SELECT is(pg_temp.throttle('pair', '2::1'), '0', 'another address is not held back');
SELECT is(pg_temp.throttle('other', '1::1'), '0', 'nor another identifier');

-- per identifier
SELECT is(pg_temp.throttles('identifier', '3::1', 2) || ' ' || pg_temp.throttles('identifier', '4::1', 2) || ' ' || pg_temp.throttles('identifier', '5::1', 2),
	'0 0 0 0 0 wait', 'five of one identifier from anywhere');

-- per address: spraying
SELECT is(string_agg(pg_temp.throttle('spray' || i, '6::1'), ' '), '0 0 0 0 0 0 0 wait wait', 'seven from one address') FROM generate_series(1, 9) AS i;
SELECT is(pg_temp.throttle('spray1', '7::1'), '0', 'the identifiers are not held back elsewhere');

-- refused attempts do not count: the window passes
SELECT pg_temp.age('50 seconds') \g /dev/null
SELECT is(pg_temp.throttle('pair', '1::1'), 'wait', 'after 50 seconds the first limit still holds');
SELECT pg_temp.age('10 seconds') \g /dev/null
SELECT is(pg_temp.throttles('pair', '1::1', 4), '0 0 0 wait', 'after a minute three more');

-- an attempt outlives what its transaction does
SAVEPOINT s;
SELECT pg_temp.throttles('savepoint', '8::1', 2) AS answer \gset
ROLLBACK TO s;
SELECT is(:'answer'::text, '0 0', 'two guesses in a subtransaction');
SELECT is(pg_temp.throttles('savepoint', '8::1', 2), '0 wait', 'count after ROLLBACK TO');
DO $$
BEGIN
	PERFORM pg_temp.throttles('exception', '9::1', 2);
	RAISE EXCEPTION 'undo';
EXCEPTION WHEN raise_exception THEN NULL;
END
$$;
SELECT is(pg_temp.throttles('exception', '9::1', 2), '0 wait', 'and after an exception block');
SELECT is((SELECT string_agg(pg_temp.throttle('unnest', 'a::1'), ' ') FROM unnest(ARRAY['p1', 'p2', 'p3', 'p4', 'p5'])), '0 0 0 wait wait', 'and within one statement');

-- failures in a row
SET LOCAL intrex_auth.login_limit_pair = 1000;
SET LOCAL intrex_auth.login_limit_identifier = 1000;
SET LOCAL intrex_auth.login_limit_address = 1000;
SET LOCAL intrex_auth.login_max_failures = 4;
SELECT is(pg_temp.throttles('row', 'b::1', 6), '0 0 0 0 -1 -1', 'four failures close an identifier');
SELECT is(pg_temp.throttle('row', 'c::1'), '-1', 'from every address');
SELECT pg_temp.age('30 days') \g /dev/null
SELECT is(pg_temp.throttle('row', 'b::1'), '-1', 'for as long as it takes');
SELECT pg_temp.reset('row') \g /dev/null
SELECT is(pg_temp.throttles('row', 'b::1', 5), '0 0 0 0 -1', 'a reset opens it for four more');
SELECT pg_temp.reset('row'), pg_temp.reset('row') \g /dev/null
SELECT is(pg_temp.throttles('row', 'b::1', 3), '0 0 0', 'a second reset is none');
SELECT pg_temp.reset('row') \g /dev/null
SELECT is(pg_temp.throttles('row', 'b::1', 5), '0 0 0 0 -1', 'after a success the count begins anew');
SAVEPOINT s;
SELECT pg_temp.reset('row') \g /dev/null
SELECT pg_temp.throttle('row', 'b::1') AS answer \gset
ROLLBACK TO s;
SELECT is(:'answer'::text, '0', 'a reset counts at once in its transaction');
SELECT is(pg_temp.throttle('row', 'b::1'), '-1', 'and not at all when it is rolled back');
SELECT pg_temp.reset('never tried') \g /dev/null
SELECT is(count(*), 0::bigint, 'a reset of nothing writes nothing') FROM auth.login_failures WHERE since > clock_timestamp() - interval '1 s' AND failures = 0
	AND identifier_key NOT IN (SELECT identifier_key FROM auth.login_attempts);

-- cleanup carries failures over and keeps closed what is closed
SELECT is(pg_temp.throttles('carried', 'd::1', 3), '0 0 0', 'three failures');
SELECT pg_temp.age('2 hours') \g /dev/null
SELECT cmp_ok(auth._throttle_cleanup(), '>', 0::bigint, 'cleanup removes attempts');
SELECT is(count(*), 0::bigint, 'all that are older than an hour') FROM auth.login_attempts WHERE at <= now() - interval '1 hour';
SELECT is(pg_temp.throttle('row', 'b::1'), '-1', 'what was closed stays closed');
SELECT is(pg_temp.throttles('carried', 'd::1', 2), '0 -1', 'three carried failures and one more close');
SELECT pg_temp.age('2 hours') \g /dev/null
SELECT cmp_ok(auth._throttle_cleanup(), '>', 0::bigint, 'cleanup again');
SELECT is(pg_temp.throttle('carried', 'd::1'), '-1', 'carried twice, still closed');
SELECT pg_temp.reset('carried') \g /dev/null
SELECT is(pg_temp.throttles('carried', 'd::1', 5), '0 0 0 0 -1', 'a reset opens it');
SELECT pg_temp.reset('carried'), pg_temp.reset('row') \g /dev/null
SELECT pg_temp.age('2 hours') \g /dev/null
SELECT auth._throttle_cleanup() > 0 AND auth._throttle_cleanup() >= 0 \g /dev/null
SELECT is(pg_temp.throttles('carried', 'd::1', 5), '0 0 0 0 -1', 'a reset outlives cleanup');
SELECT pg_temp.age('2 hours') \g /dev/null
SELECT cmp_ok(auth._throttle_cleanup(1), '>=', 1::bigint, 'cleanup in small steps') FROM generate_series(1, 3);
SELECT is(pg_temp.throttle('carried', 'd::1'), '-1', 'carries over as well');
SELECT is(pg_temp.throttles('partial', 'd::2', 2), '0 0', 'two failures');
SELECT pg_temp.age('2 hours') \g /dev/null
SELECT is(auth._throttle_cleanup() >= 2, true, 'carried over');
SELECT pg_temp.age('91 days') \g /dev/null
SELECT is(auth._throttle_cleanup() >= 1, true, 'and after 90 days');
SELECT is(pg_temp.throttles('partial', 'd::2', 5), '0 0 0 0 -1', 'forgotten');
SELECT is(pg_temp.throttle('carried', 'd::1'), '-1', 'but not what was closed');

-- addresses: IPv6 counts by /64, IPv4 in IPv6 is IPv4
SET LOCAL intrex_auth.login_limit_pair = 2;
SET LOCAL intrex_auth.login_max_failures = 100;
SELECT is(pg_temp.throttle('v6', 'e::1') || ' ' || pg_temp.throttle('v6', 'e::2') || ' ' || pg_temp.throttle('v6', 'e:0:0:0:3'), '0 0 wait', 'one IPv6 network is one address');
SELECT is(pg_temp.throttle('v6', 'f::1'), '0', 'the next network is another');

CREATE FUNCTION pg_temp.address(proxies integer, headers text) RETURNS text LANGUAGE plpgsql AS
$$
BEGIN
	PERFORM set_config('intrex_auth.trusted_proxies', proxies::text, true), set_config('request.headers', headers, true);
	RETURN nullif(host(auth.client_address()), host(inet_client_addr()));
END
$$;
-- without one that can be used it is the connection's own, here NULL: over a Unix socket there is none
SELECT is(pg_temp.address(proxies, headers), address, format('%s proxies, %s', proxies, left(headers, 60)))
FROM (VALUES
	(0, '{"x-forwarded-for":"192.0.2.1"}', NULL),
	(1, '{"x-forwarded-for":"192.0.2.1"}', '192.0.2.1'),
	(1, '{"x-forwarded-for":"203.0.113.9, 192.0.2.1"}', '192.0.2.1'),
	(2, '{"x-forwarded-for":"198.51.100.7,203.0.113.9 ,\t192.0.2.1"}', '203.0.113.9'),
	(3, '{"x-forwarded-for":"203.0.113.9, 192.0.2.1"}', NULL),
	(1, '{"x-forwarded-for":"192.0.2.1:4711"}', '192.0.2.1'),
	(1, '{"x-forwarded-for":"2001:db8::5"}', '2001:db8::5'),
	(1, '{"x-forwarded-for":"[2001:db8::5]:443"}', '2001:db8::5'),
	(1, '{"x-forwarded-for":"[2001:db8::5"}', NULL),
	(1, '{"x-forwarded-for":"::ffff:192.0.2.1"}', '192.0.2.1'),
	(1, '{"x-forwarded-for":""}', NULL),
	(1, '{"x-forwarded-for":","}', NULL),
	(1, '{"x-forwarded-for":"192.0.2.1,"}', NULL),
	(1, '{"x-forwarded-for":"192.0.2.1/8"}', NULL),
	(1, '{"x-forwarded-for":"192.0.2"}', NULL),
	(1, '{"x-forwarded-for":"unknown"}', NULL),
	(1, '{"x-forwarded-for":["192.0.2.1"]}', NULL),
	(1, '{"x-forwarded-for":"192.0.2.1","x-forwarded-for":"192.0.2.2"}', NULL),
	(1, '{"X-Forwarded-For":"192.0.2.1"}', NULL),
	(1, '{"host":"example.com"}', NULL),
	(1, '[]', NULL),
	(1, 'nonsense', NULL),
	(1, '', NULL),
	(10, '{"x-forwarded-for":"' || repeat('192.0.2.1,', 20000) || '192.0.2.1"}', '192.0.2.1')) AS t (proxies, headers, address);

-- a header that cannot be used is one address, with its limit
SELECT set_config('intrex_auth.trusted_proxies', '1', true), set_config('request.headers', 'nonsense', true) \g /dev/null
SET LOCAL intrex_auth.login_limit_address = 1;
SELECT auth._throttle(id || 'nowhere 1') FROM run \g /dev/null
SELECT cmp_ok(auth._throttle(id || 'nowhere 2'), '>', 0, 'unusable headers share one limit') FROM run;
SET LOCAL intrex_auth.trusted_proxies = 0;
SELECT is(auth._throttle(id || 'nowhere 3') = 0, inet_client_addr() IS NULL, 'a Unix socket without proxies has none')
	FROM run;

-- error: nobody to count against, and transactions that cannot count
SELECT throws_ok('SELECT auth._throttle(NULL)', '22004', 'identifier must not be null', 'NULL is refused');
SELECT throws_ok('SELECT auth._throttle_reset(NULL)', '22004', 'identifier must not be null', 'by the reset too');
SAVEPOINT s;
SET LOCAL transaction_read_only = on;
SELECT pg_temp.state_of('SELECT auth._throttle(''x'')') AS answer \gset
ROLLBACK TO s;
SELECT is(:'answer'::text, '25006', 'a read-only transaction is refused');

SELECT * FROM finish();
ROLLBACK;
