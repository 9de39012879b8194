-- bench/import.sql: a million users by COPY, members of tenants, with bcrypt hashes.
-- Depends on setup.sql.  Processor time of this backend, once.  The users stay: this
-- subject is the last.

\set ON_ERROR_STOP 1
\set users 1000000

-- as another system would export them; nothing is hashed
SELECT current_setting('data_directory') || '/bench-import.csv' AS file \gset
COPY (
	SELECT 'import' || n || '@example.org', 'Person ' || n,
		'$2b$10$' || translate(left(encode(sha256(n::text::bytea), 'base64'), 21), '+', '.') || '.'
			|| translate(left(encode(sha256(('x' || n)::bytea), 'base64'), 30), '+', '.') || '.',
		true, timestamptz '2024-01-01 00:00:00Z' + n * interval '1 second', bench.uuid('tenant', n % 200 + 1), 'owner'
	FROM generate_series(1, :users) AS n) TO :'file' (FORMAT csv);

SELECT bench.spent(format('COPY auth.user_imports (email, name, password_hash, email_verified, created_at, tenant_id, role) FROM %L (FORMAT csv)', :'file')) AS copied \gset
CREATE TEMPORARY TABLE answer (imported bigint, updated bigint, rejected bigint);
SELECT bench.spent('INSERT INTO answer SELECT * FROM auth.users_import()') AS imported \gset
SELECT bench.demand('all were imported', (SELECT imported = :users AND rejected = 0 FROM answer));
INSERT INTO bench.results (subject, ours, unit) VALUES
	('COPY of a user into user_imports, of a million', :copied / :users, 'µs'),
	('users_import(), a user of a million', :imported / :users, 'µs');
