-- bench/passwords.sql: verifying a password.
-- Depends on setup.sql.

\set ON_ERROR_STOP 1
SET max_parallel_workers_per_gather = 0;
SET jit = off;
SELECT auth.password_hash('correct horse battery staple', 10) AS hash \gset
SELECT bench.demand('both accept the password',
	auth.password_verify('correct horse battery staple', :'hash')
	AND bench.plain_bcrypt('correct horse battery staple', :'hash'));
SELECT bench.demand('both refuse another',
	NOT auth.password_verify('incorrect horse', :'hash')
	AND NOT bench.plain_bcrypt('incorrect horse', :'hash'));

SELECT bench.compare('password_verify(), cost 10 / one crypt_rn()',
	format('SELECT auth.password_verify(''correct horse battery staple'', %L)', :'hash'),
	format('SELECT bench.plain_bcrypt(''correct horse battery staple'', %L)', :'hash'),
	1, '<=', 1.01, 41);
