-- Password hashes: vectors, what is refused, and that every check costs one hash.
\set ECHO none
\set QUIET 1
\pset format unaligned
\pset tuples_only true
SET client_min_messages = warning;

BEGIN;
SELECT plan(72);
SET LOCAL intrex_auth.password_cost = 4;

-- hashes of jBCrypt and crypt_blowfish
SELECT ok(auth.password_verify(password, hash), 'vector ' || hash)
FROM (VALUES
	('a', '$2a$06$m0CrhHm10qJ3lXRY.5zDGO3rS2KdeeWLuGmsfGlMfOxih58VYVfxe'),
	('abc', '$2a$06$If6bvum7DFjUnE9p2uDeDu0YHzrHM6tf.iqN8.yx.jNN1ILEf7h0i'),
	('abcdefghijklmnopqrstuvwxyz', '$2a$06$.rCVZVOThsIa97pEDOxvGuRRgzG64bvtJ0938xuqzv18d3ZpQhstC'),
	('~!@#$%^&*()      ~!@#$%^&*()PNBFRD', '$2a$06$fPIsBO8qRqkjj273rfaOI.HtSV9jLDpTbZn782DC6/t7qT67P6FfO'),
	('U*U', '$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW'),
	('U*U*', '$2a$05$CCCCCCCCCCCCCCCCCCCCC.VGOzA784oUp/Z0DY336zx7pLYAy0lwK'),
	('U*U*U', '$2a$05$XXXXXXXXXXXXXXXXXXXXXOAcXxm9kjPGEMsLznoKqmqw7tc8WCx4a'),
	('U*U*U', '$2y$05$XXXXXXXXXXXXXXXXXXXXXOAcXxm9kjPGEMsLznoKqmqw7tc8WCx4a'),
	('U*U*U', '$2b$05$XXXXXXXXXXXXXXXXXXXXXOAcXxm9kjPGEMsLznoKqmqw7tc8WCx4a')) AS vector (password, hash);

-- made here
CREATE TEMPORARY TABLE made AS SELECT auth.password_hash('correct horse') AS hash;
SELECT matches(hash, '^\$2b\$04\$[./A-Za-z0-9]{53}$', 'a hash is bcrypt $2b$ of the configured cost') FROM made;
SELECT ok(auth.password_verify('correct horse', hash), 'its password verifies') FROM made;
SELECT ok(NOT auth.password_verify(wrong, hash), format('%L does not', wrong))
FROM made, unnest(ARRAY['correct horsf', 'correct hors', 'correct horse ', 'Correct horse']) AS wrong;
SELECT isnt(auth.password_hash('correct horse'), hash, 'each hash has its own salt') FROM made;
SELECT matches(auth.password_hash('x', 5), '^\$2b\$05\$', 'a cost can be given');
SELECT ok(auth.password_verify(repeat('é', 36), auth.password_hash(repeat('é', 36))), '72 bytes in 36 characters are hashed');
SELECT ok(NOT auth.password_verify(repeat('é', 35) || 'è', auth.password_hash(repeat('é', 36))), 'to the last byte');

-- error: passwords that bcrypt would cut, and costs out of range
SELECT throws_ok(format('SELECT auth.password_hash(%L)', password), '22023', 'invalid password', what || ' is refused')
FROM (VALUES ('', 'an empty password'), (repeat('p', 73), 'one of 73 bytes'), (repeat('é', 37), 'one of 37 characters and 74 bytes'),
	(repeat('p', 1048576), 'one of 1 MB')) AS bad (password, what);
SELECT throws_ok(format('SELECT auth.password_hash(%L, %s)', 'secret', cost), '22023', 'invalid password cost', 'cost ' || cost || ' is refused')
FROM unnest(ARRAY[-1, 0, 3, 15, 31, 2147483647]) AS cost;

-- false, never an error: what is no hash that we accept
SELECT ok(NOT auth.password_verify('U*U', hash), 'no hash: ' || what)
FROM (VALUES ('', 'empty'), ('secret', 'text'), ('$2b$', 'a prefix'),
	('$2x$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW', 'the sign-extension bug $2x$'),
	('$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOe', 'one character short'),
	('$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW ', 'trailing space'),
	('$2a$5$CCCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW', 'cost of one digit'),
	('$2a$03$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW', 'cost 3'),
	('$1$abcdefgh$G//4keteveJp0qb8z2DxG/', 'MD5'),
	(repeat('$2a$05$', 100000), '700 kB')) AS bad (hash, what);
SELECT ok(NOT auth.password_verify(password, '$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW'), what || ' does not verify')
FROM (VALUES ('', 'an empty password'), ('U*U' || repeat('x', 1048576), 'one of 1 MB')) AS bad (password, what);

-- a stored cost that would stop the server is refused before it starts
SET LOCAL statement_timeout = '60s';
SELECT ok(NOT auth.password_verify('U*U', format('$2b$%s$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW', cost)), 'a stored cost of ' || cost || ' is refused at once')
FROM unnest(ARRAY[15, 20, 31]) AS cost;
SELECT is(auth._password_check('U*U', '$2b$31$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW'), false, 'also by _password_check');
RESET statement_timeout;

-- NULL in, NULL out
SELECT is(auth.password_hash(NULL), NULL, 'hash of NULL');
SELECT is(auth.password_hash('x', NULL), NULL, 'hash with cost NULL');
SELECT is(auth.password_verify(NULL, hash), NULL, 'verify NULL') FROM made;
SELECT is(auth.password_verify('x', NULL), NULL, 'verify against NULL');
SELECT is(auth.password_needs_rehash(NULL), NULL, 'rehash of NULL');

-- rehash when the cost was raised, the format is old, or it is no hash
SELECT is(auth.password_needs_rehash(hash), false, 'a hash of today''s cost stays') FROM made;
SELECT is(auth.password_needs_rehash(auth.password_hash('x', 5)), false, 'so does a dearer one');
SELECT is(auth.password_needs_rehash('$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW'), true, '$2a$ is made anew');
SELECT is(auth.password_needs_rehash('nonsense'), true, 'so is nonsense');
SET LOCAL intrex_auth.password_cost = 5;
SELECT is(auth.password_needs_rehash(hash), true, 'and a hash from before the cost was raised') FROM made;

-- _password_check: right or wrong, known or not, one computation
CREATE FUNCTION pg_temp.check_cost(password text, hash text) RETURNS text LANGUAGE plpgsql AS
$$
DECLARE
	before bigint := auth._hash_computations();
	answer text := coalesce(auth._password_check(password, hash)::text, 'null');
BEGIN
	RETURN format('%s after %s', answer, auth._hash_computations() - before);
END
$$;
SELECT is(pg_temp.check_cost('correct horse', hash), 'true after 1', 'right password') FROM made;
SELECT is(pg_temp.check_cost('wrong', hash), 'false after 1', 'wrong password') FROM made;
SELECT is(pg_temp.check_cost('correct horse', NULL), 'false after 1', 'unknown user or no password set');
SELECT is(pg_temp.check_cost('dummy', NULL), 'false after 1', 'the password of the dummy hash opens nothing');
SELECT is(pg_temp.check_cost(NULL, hash), 'false after 1', 'no password given') FROM made;
SELECT is(pg_temp.check_cost(NULL, NULL), 'false after 1', 'nothing given');
SELECT is(pg_temp.check_cost('', hash), 'false after 1', 'empty password') FROM made;
SELECT is(pg_temp.check_cost(repeat('x', 1048576), hash), 'false after 1', 'a password of 1 MB') FROM made;
SELECT is(pg_temp.check_cost('x', 'nonsense'), 'false after 1', 'malformed hash');
SELECT is(pg_temp.check_cost('x', '$2b$31$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW'), 'false after 1', 'a hash of cost 31');

-- errors say what to do, and never the password
CREATE FUNCTION pg_temp.error_of(statement text) RETURNS text LANGUAGE plpgsql AS
$$
DECLARE detail text; hint text; context text;
BEGIN
	EXECUTE statement;
	RETURN 'no error';
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
	RETURN concat_ws('|', SQLERRM, detail, hint);
END
$$;
SELECT matches(pg_temp.error_of(format('SELECT auth.password_hash(%L)', repeat('canary', 20))), 'never truncated', 'the hint says that nothing is truncated');
SELECT doesnt_match(pg_temp.error_of(format('SELECT auth.password_hash(%L)', repeat('canary', 20))), 'canary', 'no password in the error');
SELECT doesnt_match(pg_temp.error_of('SELECT auth.password_hash(''canary'', 99)'), 'canary', 'nor in that of the cost');

-- hashing is a service for administrators only
SELECT ok(NOT has_function_privilege(role, f, 'EXECUTE'), format('%s may not call %s', role, f))
FROM unnest(ARRAY['anon', 'authenticated']) AS role, unnest(ARRAY['auth.password_hash(text)', 'auth._password_check(text,text)']) AS f;

SELECT * FROM finish();
ROLLBACK;
