-- bench/secrets.sql: sealing and opening with AES-256-GCM, by the ring and for a person.
-- Depends on setup.sql.

\set ON_ERROR_STOP 1
SET max_parallel_workers_per_gather = 0;
SET jit = off;
SELECT bench.sealing_key(sha256('bench'));

-- Both must do the same before either is timed.
SELECT bench.demand('the plain functions open what they seal',
	bench.plain_open(bench.plain_seal('secret', 'context'), 'context') = 'secret');
SELECT bench.demand('and only in its context',
	bench.plain_open(bench.plain_seal('secret', 'context'), 'other') IS NULL);

-- One value sealed so many times, and opened so many times. The context is as
-- long as that of auth.secrets: table, column, tenant and name.
CREATE FUNCTION bench.seal(ours boolean, size integer, calls integer) RETURNS bigint
	LANGUAGE plpgsql VOLATILE AS $$
DECLARE
	context CONSTANT text := 'auth.secrets.sealed/11111111-1111-4111-8111-111111111111/connector';
	value CONSTANT text := repeat('s', size);
	done bigint;
BEGIN
	IF ours THEN
		SELECT count(auth.secret_encrypt(value, context)) INTO done FROM generate_series(1, calls);
	ELSE
		SELECT count(bench.plain_seal(value, context)) INTO done FROM generate_series(1, calls);
	END IF;
	RETURN done;
END
$$;

CREATE FUNCTION bench.open(ours boolean, size integer, calls integer) RETURNS bigint
	LANGUAGE plpgsql VOLATILE AS $$
DECLARE
	context CONSTANT text := 'auth.secrets.sealed/11111111-1111-4111-8111-111111111111/connector';
	value CONSTANT text := repeat('s', size);
	sealed bytea;
	done bigint;
BEGIN
	IF ours THEN
		sealed := auth.secret_encrypt(value, context);
		SELECT count(auth.secret_decrypt(sealed, context)) INTO done FROM generate_series(1, calls);
	ELSE
		sealed := bench.plain_seal(value, context);
		SELECT count(bench.plain_open(sealed, context)) INTO done FROM generate_series(1, calls);
	END IF;
	RETURN done;
END
$$;
SELECT bench.demand('every value opens',
	bench.open(true, size, 10) = 10 AND bench.open(false, size, 10) = 10)
	FROM unnest(ARRAY[200, 4096, 1048576]) AS size;

SELECT bench.cost('a row without a table, in all that follows', 'SELECT count(g) FROM generate_series(1, 20000) AS g', 20000);
SELECT bench.compare(format('%s %s', verb, label),
		format('SELECT bench.%s(true, %s, %s)', verb, size, calls),
		format('SELECT bench.%s(false, %s, %s)', verb, size, calls),
		calls, '<=', target)
	FROM (VALUES ('200 B', 200, 20000, 1.2), ('4 KiB', 4096, 10000, 1.1), ('1 MiB', 1048576, 60, 1.05))
			AS sizes(label, size, calls, target),
		unnest(ARRAY['seal', 'open']) AS verb;

-- The same with the data key of a person, looked up and opened each time.
SELECT auth.user_create('personal@bench.example') AS person \gset
SELECT auth.personal_encrypt(:'person', repeat('s', 200), 'context') AS personal, auth.secret_encrypt(repeat('s', 200), 'context') AS sealed \gset
SELECT bench.demand('a personal value opens', auth.personal_decrypt(:'person', :'personal', 'context') = repeat('s', 200));
SELECT bench.extra('seal 200 B for a person: more than secret_encrypt',
	format('SELECT count(auth.personal_encrypt(%L, repeat(''s'', 200), ''context'')) FROM generate_series(1, 20000)', :'person'),
	'SELECT count(auth.secret_encrypt(repeat(''s'', 200), ''context'')) FROM generate_series(1, 20000)', 20000);
SELECT bench.extra('open 200 B of a person: more than secret_decrypt',
	format('SELECT count(auth.personal_decrypt(%L, s.v, ''context'')) FROM (SELECT %L::bytea AS v OFFSET 0) AS s, generate_series(1, 20000)', :'person', :'personal'),
	format('SELECT count(auth.secret_decrypt(s.v, ''context'')) FROM (SELECT %L::bytea AS v OFFSET 0) AS s, generate_series(1, 20000)', :'sealed'), 20000);
