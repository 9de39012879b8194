-- bench/login.sql: a whole login, each in a transaction of its own.
-- Depends on setup.sql.
--
-- Against one crypt_rn() and one INSERT. Both commit, and wait for the disk.

\set ON_ERROR_STOP 1
SELECT auth.password_hash('correct horse battery staple', 10) AS hash \gset
INSERT INTO auth.users (id, email, email_verified_at, password_hash)
	VALUES (bench.uuid('login', 1), 'anna@example.com', now(), :'hash');
INSERT INTO auth.memberships (tenant_id, user_id, role, is_default)
	VALUES (bench.uuid('tenant', 1), bench.uuid('login', 1), 'owner', true);
CREATE TABLE bench.logins (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), at timestamptz NOT NULL DEFAULT clock_timestamp());

-- Do one of the two and add what it took: processor time, or by the clock.
CREATE PROCEDURE bench.one_login(ours boolean, hash text, INOUT cpu float8[], INOUT wall float8[])
	LANGUAGE plpgsql AS $$
DECLARE
	cpu_start CONSTANT float8 := bench.cpu();
	wall_start CONSTANT timestamptz := clock_timestamp();
BEGIN
	IF ours THEN
		PERFORM bench.demand('the login succeeds',
			auth_api.login('anna@example.com', 'correct horse battery staple') ? 'access_token');
	ELSE
		PERFORM bench.demand('the password is right', bench.plain_bcrypt('correct horse battery staple', hash));
		INSERT INTO bench.logins DEFAULT VALUES;
	END IF;
	COMMIT;
	cpu := cpu || bench.cpu() - cpu_start;
	wall := wall || extract(epoch FROM clock_timestamp() - wall_start)::float8 * 1e6;
END
$$;

CREATE PROCEDURE bench.compare_logins(hash text, rounds integer)
	LANGUAGE plpgsql AS $$
DECLARE
	ours_cpu float8[] := '{}';
	ours_wall float8[] := '{}';
	plain_cpu float8[] := '{}';
	plain_wall float8[] := '{}';
BEGIN
	-- the first round is for the caches
	FOR round IN 0 .. rounds LOOP
		IF round % 2 = 0 THEN
			CALL bench.one_login(true, hash, ours_cpu, ours_wall);
			CALL bench.one_login(false, hash, plain_cpu, plain_wall);
		ELSE
			CALL bench.one_login(false, hash, plain_cpu, plain_wall);
			CALL bench.one_login(true, hash, ours_cpu, ours_wall);
		END IF;
	END LOOP;
	PERFORM bench.note('login, cost 10 / crypt_rn() and one INSERT', ours_cpu[2:], plain_cpu[2:], 1, '<=', 1.03);
	PERFORM bench.note('the same by the clock', ours_wall[2:], plain_wall[2:], 1, NULL, NULL);
END
$$;
CALL bench.compare_logins(:'hash', 60);
