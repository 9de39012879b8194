-- bench/setup.sql: what all subjects use: the plain functions, the stop watch,
-- the table of results, and people who can ask.
-- Run by bench/run as a superuser in a fresh database.

CREATE EXTENSION intrex_auth;
CREATE SCHEMA bench;

CREATE FUNCTION bench.cpu() RETURNS float8
	LANGUAGE c VOLATILE AS 'intrex_auth_plain', 'plain_cpu';
CREATE FUNCTION bench.signing_key(key bytea) RETURNS void
	LANGUAGE c VOLATILE STRICT AS 'intrex_auth_plain', 'plain_signing_key';
CREATE FUNCTION bench.plain_verify(token text) RETURNS boolean
	LANGUAGE c VOLATILE STRICT AS 'intrex_auth_plain', 'plain_verify';
CREATE FUNCTION bench.plain_verify_jsonb(token text) RETURNS jsonb
	LANGUAGE c VOLATILE STRICT AS 'intrex_auth_plain', 'plain_verify_jsonb';
CREATE FUNCTION bench.public_key(type text, first bytea, second bytea) RETURNS void
	LANGUAGE c VOLATILE STRICT AS 'intrex_auth_plain', 'plain_public_key';
CREATE FUNCTION bench.plain_verify_signature(token text) RETURNS boolean
	LANGUAGE c VOLATILE STRICT AS 'intrex_auth_plain', 'plain_verify_signature';
CREATE FUNCTION bench.plain_verify_signature_jsonb(token text) RETURNS jsonb
	LANGUAGE c VOLATILE STRICT AS 'intrex_auth_plain', 'plain_verify_signature_jsonb';
CREATE FUNCTION bench.plain_bcrypt(password text, hash text) RETURNS boolean
	LANGUAGE c VOLATILE STRICT AS 'intrex_auth_plain', 'plain_bcrypt';
CREATE FUNCTION bench.plain_argon2id(password text, salt bytea, key bytea, memory integer, passes integer) RETURNS boolean
	LANGUAGE c VOLATILE STRICT AS 'intrex_auth_plain', 'plain_argon2id';
CREATE FUNCTION bench.sealing_key(key bytea) RETURNS void
	LANGUAGE c VOLATILE STRICT AS 'intrex_auth_plain', 'plain_sealing_key';
CREATE FUNCTION bench.plain_seal(plaintext text, aad text) RETURNS bytea
	LANGUAGE c VOLATILE STRICT AS 'intrex_auth_plain', 'plain_seal';
CREATE FUNCTION bench.plain_open(sealed bytea, aad text) RETURNS text
	LANGUAGE c VOLATILE STRICT AS 'intrex_auth_plain', 'plain_open';

-- Give the current signing key of the ring to the plain functions of this
-- session, so that they verify the very same tokens.
CREATE FUNCTION bench.share_key() RETURNS void
	LANGUAGE plpgsql VOLATILE AS $$
DECLARE
	path text := format('%s/bench-%s.jwks', current_setting('data_directory'), pg_backend_pid());
	key text;
BEGIN
	PERFORM auth.key_export(path);
	SELECT k ->> 'k' INTO STRICT key
		FROM jsonb_array_elements(pg_read_file(path)::jsonb -> 'keys') AS k
		WHERE k ->> 'kid' = (SELECT kid FROM auth.keys() WHERE "use" = 'sign' AND state = 'current');
	PERFORM bench.signing_key(decode(rpad(translate(key, '-_', '+/'), (length(key) + 3) / 4 * 4, '='), 'base64'));
END
$$;

-- Results: one row for each line of the table that bench/run prints.
CREATE TABLE bench.results (
	id integer GENERATED ALWAYS AS IDENTITY,
	subject text NOT NULL,
	ours float8,
	plain float8,
	unit text NOT NULL,
	ratio float8,
	comparison text,			-- of ratio (or of ours, when there is no plain) with target
	target float8
);

-- Stop a run that would measure errors.
CREATE FUNCTION bench.demand(what text, fact boolean) RETURNS void
	LANGUAGE plpgsql VOLATILE AS $$
BEGIN
	IF fact IS NOT TRUE THEN
		RAISE EXCEPTION 'not true, so there is nothing to measure: %', what;
	END IF;
END
$$;

-- Processor time of a statement in microseconds.
CREATE FUNCTION bench.spent(statement text) RETURNS float8
	LANGUAGE plpgsql VOLATILE AS $$
DECLARE
	start float8;
BEGIN
	start := bench.cpu();
	EXECUTE statement;
	RETURN bench.cpu() - start;
END
$$;

-- Compare two statements that call something so many times. Both run in each
-- round, one after the other, and the one that is second in this round is first
-- in the next. The figures are medians; the ratio is the median of the ratios of
-- the rounds, so that a slow minute of the machine falls on both.
CREATE FUNCTION bench.compare(subject text, ours text, plain text, calls integer,
	comparison text DEFAULT NULL, target float8 DEFAULT NULL, rounds integer DEFAULT 15) RETURNS void
	LANGUAGE plpgsql VOLATILE AS $$
DECLARE
	ours_spent float8[] := '{}';
	plain_spent float8[] := '{}';
BEGIN
	-- once for the caches
	EXECUTE ours;
	EXECUTE plain;
	FOR round IN 1 .. rounds LOOP
		IF round % 2 = 0 THEN
			plain_spent := plain_spent || bench.spent(plain);
		END IF;
		ours_spent := ours_spent || bench.spent(ours);
		IF round % 2 = 1 THEN
			plain_spent := plain_spent || bench.spent(plain);
		END IF;
	END LOOP;
	PERFORM bench.note(subject, ours_spent, plain_spent, calls, comparison, target);
END
$$;

-- Write the medians of measured times down.
CREATE FUNCTION bench.note(subject text, ours_spent float8[], plain_spent float8[], calls integer,
	comparison text, target float8) RETURNS void
	LANGUAGE sql VOLATILE AS $$
	INSERT INTO bench.results (subject, ours, plain, unit, ratio, comparison, target)
	SELECT subject,
		percentile_cont(0.5) WITHIN GROUP (ORDER BY o) / calls,
		percentile_cont(0.5) WITHIN GROUP (ORDER BY p) / calls,
		'µs',
		percentile_cont(0.5) WITHIN GROUP (ORDER BY o / p),
		comparison, target
	FROM unnest(ours_spent, plain_spent) AS s(o, p)
$$;

-- What one statement costs a call by itself.
CREATE FUNCTION bench.cost(subject text, statement text, calls integer, rounds integer DEFAULT 9) RETURNS void
	LANGUAGE plpgsql VOLATILE AS $$
DECLARE
	spent float8[] := '{}';
BEGIN
	EXECUTE statement;
	FOR round IN 1 .. rounds LOOP
		spent := spent || bench.spent(statement);
	END LOOP;
	PERFORM bench.note(subject, spent, NULL, calls, NULL, NULL);
END
$$;

-- What one statement costs a call more than another.
CREATE FUNCTION bench.extra(subject text, ours text, plain text, calls integer,
	comparison text DEFAULT NULL, target float8 DEFAULT NULL, rounds integer DEFAULT 15) RETURNS void
	LANGUAGE plpgsql VOLATILE AS $$
BEGIN
	PERFORM bench.compare(subject, ours, plain, calls, comparison, target, rounds);
	UPDATE bench.results AS r SET ours = r.ours - r.plain, plain = NULL, ratio = NULL
		WHERE r.id = (SELECT max(id) FROM bench.results);
END
$$;

-- People: 200 tenants with three units each, 10 000 members, each with a session.
-- The ids are made from numbers, so that every run measures the same.
CREATE FUNCTION bench.uuid(kind text, number bigint) RETURNS uuid
	LANGUAGE sql IMMUTABLE AS $$ SELECT md5(kind || number)::uuid $$;

INSERT INTO auth.tenants (id, name)
	SELECT bench.uuid('tenant', n), 'Tenant ' || n FROM generate_series(1, 200) AS n;
INSERT INTO auth.units (id, tenant_id, name)
	SELECT bench.uuid('unit', n), bench.uuid('tenant', (n + 2) / 3), 'Unit ' || n FROM generate_series(1, 600) AS n;
INSERT INTO auth.users (id, email, email_verified_at)
	SELECT bench.uuid('user', n), 'user' || n || '@example.com', now() FROM generate_series(1, 10000) AS n;
INSERT INTO auth.memberships (tenant_id, user_id, role, unit_ids, is_default)
	SELECT bench.uuid('tenant', n % 200 + 1), bench.uuid('user', n),
		CASE n % 3 WHEN 0 THEN 'owner' WHEN 1 THEN 'branch_manager' ELSE 'external_auditor' END,
		CASE WHEN n % 3 = 1 THEN ARRAY[bench.uuid('unit', n % 200 * 3 + 1)] ELSE '{}' END,
		true
	FROM generate_series(1, 10000) AS n;
INSERT INTO auth.sessions (id, user_id, tenant_id, amr)
	SELECT bench.uuid('session', n), bench.uuid('user', n), bench.uuid('tenant', n % 200 + 1),
		'[{"method": "password", "timestamp": 1700000000}]'
	FROM generate_series(1, 10000) AS n;

-- A different access token for each of them, as a login issues it.
CREATE TABLE bench.tokens AS
	SELECT auth._grant(s.user_id, s.id, s.tenant_id, NULL) ->> 'access_token' AS token FROM auth.sessions AS s;
VACUUM (ANALYZE) bench.tokens;
VACUUM (ANALYZE) auth.tenants, auth.units, auth.users, auth.memberships, auth.sessions;
