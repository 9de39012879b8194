-- sql/18_operations_tables.sql: what auth.cleanup() remembers: places, and last sign-ins. Run once at install.
-- Depends on 10_tables.sql.

-- Housekeeping looks at each row once, when its time has come: what it left is not read
-- by each call.
CREATE TABLE auth.cleanup_passes (
	source text COLLATE "C" NOT NULL,
	began_at timestamptz NOT NULL DEFAULT clock_timestamp(),
	at timestamptz NOT NULL DEFAULT '-infinity',
	key text COLLATE "C" NOT NULL DEFAULT '',
	is_through boolean NOT NULL DEFAULT false,
	skipped jsonb NOT NULL DEFAULT '[]',
	CONSTRAINT cleanup_passes_pkey PRIMARY KEY (source)
);
COMMENT ON TABLE auth.cleanup_passes IS 'how far auth.cleanup() has come in each kind of row, and what it had to leave';
COMMENT ON COLUMN auth.cleanup_passes.source IS 'the kind of row';
COMMENT ON COLUMN auth.cleanup_passes.began_at IS
	'when the pass began; another begins after a day if rows were left, otherwise after 30 days';
COMMENT ON COLUMN auth.cleanup_passes.at IS
	'when the last row was due that was looked at together with one that stayed';
COMMENT ON COLUMN auth.cleanup_passes.key IS
	'the key of that row, which tells rows of one time apart; empty: there is none';
COMMENT ON COLUMN auth.cleanup_passes.is_through IS 'whether the last call reached the end';
COMMENT ON COLUMN auth.cleanup_passes.skipped IS
	'rows that were left since the pass began: [{table, by, constraint, sqlstate, rows}]';
REVOKE ALL ON TABLE auth.cleanup_passes FROM PUBLIC;
GRANT SELECT ON auth.cleanup_passes TO auth_admin;
SELECT pg_extension_config_dump('auth.cleanup_passes', '');

-- A login writes its session and nothing else: no two logins of one user wait for each
-- other here.  What its row tells is taken over when that goes.
CREATE TABLE auth.last_sign_ins (
	user_id uuid NOT NULL,
	at timestamptz NOT NULL,
	CONSTRAINT last_sign_ins_pkey PRIMARY KEY (user_id),
	CONSTRAINT last_sign_ins_user_id_fkey FOREIGN KEY (user_id) REFERENCES auth.users ON DELETE CASCADE
);
COMMENT ON TABLE auth.last_sign_ins IS
	'when each user last signed in, by the sessions that auth.cleanup() has removed; auth.last_sign_in_at() looks at '
	'those that are there as well';
REVOKE ALL ON TABLE auth.last_sign_ins FROM PUBLIC;
GRANT SELECT ON auth.last_sign_ins TO auth_admin;
SELECT pg_extension_config_dump('auth.last_sign_ins', '');
