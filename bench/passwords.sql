-- bench/passwords.sql: hashing and verifying a password.
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

-- argon2id with the parameters of new hashes
SET intrex_auth.password_algorithm = 'argon2id';
SELECT auth.password_hash('correct horse battery staple') AS hash \gset
SELECT decode(rpad(split_part(:'hash', '$', 5), 24, '='), 'base64') AS salt, decode(rpad(split_part(:'hash', '$', 6), 44, '='), 'base64') AS key \gset
SELECT bench.demand('both accept the password',
	auth.password_verify('correct horse battery staple', :'hash')
	AND bench.plain_argon2id('correct horse battery staple', :'salt', :'key', 19456, 2));
SELECT bench.demand('both refuse another',
	NOT auth.password_verify('incorrect horse', :'hash')
	AND NOT bench.plain_argon2id('incorrect horse', :'salt', :'key', 19456, 2));

SELECT format('SELECT bench.plain_argon2id(''correct horse battery staple'', %L, %L, 19456, 2)', :'salt', :'key') AS plain \gset
SELECT bench.compare('password_verify(), argon2id / one crypto_pwhash()',
	format('SELECT auth.password_verify(''correct horse battery staple'', %L)', :'hash'), :'plain', 1, '<=', 1.02, 41);
SELECT bench.compare('password_hash(), argon2id / one crypto_pwhash()',
	'SELECT auth.password_hash(''correct horse battery staple'')', :'plain', 1, '<=', 1.02, 41);
