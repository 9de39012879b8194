-- Password hashes of other systems: a login with each, after which the hash is one of
-- ours; argon2id; lengths; what is refused.  The hashes are those of test/unit/passwords.h.
\set ECHO none
\set QUIET 1
\pset format unaligned
\pset tuples_only true
\set VERBOSITY terse
\getenv abs_srcdir PG_ABS_SRCDIR
\set include :abs_srcdir '/include/accounts.psql'

BEGIN;
\i :include
SELECT plan(267);
SET LOCAL intrex_auth.password_argon2_memory = '1MB';
SET LOCAL intrex_auth.password_argon2_iterations = 1;
SET LOCAL intrex_auth.allow_md5_crypt = on;

CREATE TEMPORARY TABLE foreign_hashes (n serial, kind text, password text, hash text);
INSERT INTO foreign_hashes (kind, password, hash) VALUES
	('bcrypt $2y$', 'correct horse', '$2y$05$2Nuwqk2CYQzfLcpMSONZP.asdY6l8MAFUfNMSqhuEhI7l5SYVvTju'),
	('argon2id', 'correct horse', '$argon2id$v=19$m=1024,t=2,p=1$yNXi7/wJFiMwPUpXZHF+iw$u8vjyqRtf1F1GbHUm50Ky/bb81WnGBqIbERKZhQFqs0'),
	('argon2id, four lanes', 'correct horse', '$argon2id$v=19$m=1024,t=1,p=4$yNXi7/wJFiMwPUpXZHF+iw$L6/XoK+7bdiJISHGldaM7nkPnHYGGckX41x+1GCEgbE'),
	('argon2i', 'correct horse', '$argon2i$v=19$m=1024,t=3,p=1$yNXi7/wJFiMwPUpXZHF+iw$10dS45gRW/kZxOwS8SDjNj0FcTjBuYf92B4iyu8IVvc'),
	('argon2i 1.0', 'correct horse', '$argon2i$m=256,t=2,p=1$yNXi7/wJFiMwPUpXZHF+iw$z0lxmUz50yNPTJdMMr51umCmNW8Z69IiB0EvdS4NGYo'),
	('scrypt', 'correct horse', '$scrypt$ln=10,r=8,p=1$yNXi7/wJFiMwPUpXZHF+iw$2w3KuLIFJl0PzOBYTx1Rz1hefFRhR7AVfmH23j8ReYU'),
	('scrypt of Django', 'correct horse', 'scrypt$1024$seasalt$8$5$U5L/E4s8HSw/x7c2z5Ose/wRS4Ex+nZFwhoeVl7Y/Ivmfxi7M91P9jpq7MYsDfV9WCzv+HMsQaovdkOikEuBXg=='),
	('scrypt of crypt(3)', 'pleaseletmein', '$7$C6..../....SodiumChloride$kBGj9fHznVYFQMEn/qDCfrDevf9YDtcDdKvEqHJLV8D'),
	('PBKDF2-SHA1', 'correct horse', '$pbkdf2$12000$yNXi7/wJFiMwPUpXZHF.iw$DnMnXxYJJXisfdr5CjMCZS.qjhU'),
	('PBKDF2-SHA256', 'correct horse', '$pbkdf2-sha256$12000$yNXi7/wJFiMwPUpXZHF.iw$U5WmfAE9ZX7DDGfhVGEvAbWRBSCz.cxImi8Obt9Bkn4'),
	('PBKDF2-SHA512', 'correct horse', '$pbkdf2-sha512$12000$yNXi7/wJFiMwPUpXZHF.iw$5JLydUdDfOhSOJsUWZk48Lj1d5D0FPD5RwYg65tAriTEmiV8mJiwGX5JBXciVcM97giZ5MfbdDTjzgSUYMIwrQ'),
	('PBKDF2 of Django', 'lètmein', 'pbkdf2_sha256$260000$seasalt2$UCGMhrOoaq1ghQPArIBK5RkI6IZLRxlIwHWA1dMy7y8='),
	('PBKDF2-SHA1 of Django', 'correct horse', 'pbkdf2_sha1$26000$rqLTfZcOYlXbqGUqLKtQeX$ddjDlW5jcKvsv4KgQ+2OF6sZ/go='),
	('bcrypt of Django', 'correct horse', 'bcrypt$$2b$05$UoFz1WaiA15Ku8xfptNHHuTojA171jjNBdjKOMp01w37gh12dEula'),
	('bcrypt_sha256 of Django', 'correct horse', 'bcrypt_sha256$$2b$05$EgSFMqruZ.N1/p91Ng21iusepRQFF2aeSjwXurVThuwNI/NO74bea'),
	('ASP.NET Identity 2', 'P@ssw0rd', 'AAMUJTZHWGl6i5ytvs/g8QLkVVcKrlHR9nVhDKT6Z8OPrDhzg2S6H//oG3o0TzU6Eg=='),
	('ASP.NET Identity 3', 'P@ssw0rd', 'AQAAAAIAACcQAAAAEAMUJTZHWGl6i5ytvs/g8QKLj5xRjAuYiY0EuE+cfPJ+yeY5aIw/5ZwpXYQ0KU2ysQ=='),
	('Keycloak SHA-1', 'Grüße aus Köln', auth.password_hash_keycloak('{"hashIterations": 20000, "algorithm": "pbkdf2", "additionalParameters": {}}',
		'{"value": "vQqXRqpUejV7H1ducZMKU2Sb2nJyd5ao6Cgn30JiFQXlKg7oibyKosEfO43Dgv8tGs4D2d4KoY5QGlV42Ue93Q==", "salt": "AxQlNkdYaXqLnK2+z+DxAg==", "additionalParameters": {}}')),
	('Keycloak SHA-256', 'Grüße aus Köln', auth.password_hash_keycloak('{"hashIterations": 27500, "algorithm": "pbkdf2-sha256", "additionalParameters": {}}',
		'{"value": "X4EXGONr8gCeCgXsQR+nFy99G0+TmHg1eofaD9GzHlvhb6mv/vBaHq/iVBEFPGtgArHhD60WJ9aK6FD3yXSKLg==", "salt": "AxQlNkdYaXqLnK2+z+DxAg=="}')),
	('Keycloak SHA-512', 'Grüße aus Köln', auth.password_hash_keycloak('{"hashIterations": 30000, "algorithm": "pbkdf2-sha512"}',
		'{"value": "/S+tjHtc/+2qkgQS/XOWg9pIixQgJFVA9O7yU/HEM+ip4EPtP16AbCpoFoxOEFpXMc9nVLUvSQabFq3MlvkEkg==", "salt": "AxQlNkdYaXqLnK2+z+DxAg=="}')),
	('Keycloak argon2', 'correct horse', auth.password_hash_keycloak(
		'{"hashIterations": 5, "algorithm": "argon2", "additionalParameters": {"hashLength": ["32"], "memory": ["7168"], "type": ["id"], "version": ["1.3"], "parallelism": ["1"]}}',
		'{"value": "8wI/M9lPuAqkz2ptxMLUX61Ey/3j0X5O8naxpgTQnEg=", "salt": "yNXi7/wJFiMwPUpXZHF+iw=="}')),
	('Firebase', 'user1password', auth.password_hash_firebase('lSrfV15cpx95/sZS2W9c9Kp6i/LVgQNDNC/qzrCnh1SAyZvqmZqAjTdn3aoItz+VHjoZilo78198JAdRuid5lQ==', '42xEC+ixf3L2lw==',
		'jxspr8Ki0RYycVU8zykbdLGjFQ3McFUH0uiiTvC8pVMXAn210wjLNmdZJzxUECKbm0QsEmYUSDzZvpjeJ9WmXA==', 'Bw==')),
	('Firebase, in the other alphabet', 'user1password', auth.password_hash_firebase('lSrfV15cpx95_sZS2W9c9Kp6i_LVgQNDNC_qzrCnh1SAyZvqmZqAjTdn3aoItz-VHjoZilo78198JAdRuid5lQ', '42xEC-ixf3L2lw',
		'jxspr8Ki0RYycVU8zykbdLGjFQ3McFUH0uiiTvC8pVMXAn210wjLNmdZJzxUECKbm0QsEmYUSDzZvpjeJ9WmXA', 'Bw', 8, 14)),
	('Firebase by way of GoTrue', 'mytestpassword', '$fbscrypt$v=1,n=14,r=8,p=1,ss=Bw==,sk=ou9tdYTGyYm8kuR6Dt0Bp0kDuAYoXrK16mbZO4yGwAn3oLspjnN0/c41v8xZnO1n14J3MjKj1b2g6AUCAlFwMw==$C0sHCg9ek77hsg==$zKVTMvnWVw5BBOZNUdnsalx4c4c7y/w7IS5p6Ut2+CfEFFlz37J9huyQfov4iizN8dbjvEJlM5tQaJP84+hfTw=='),
	('better-auth', 'correct horse', 'ff05d6143eb32d206c327a369e678d0a:8a32d77ed64908a3eb958bcd7b964d9818a449e8d235c3ca054a1678b464c4b01604378d8f6428e6f0278112ceb46480e698edd318534ec5100a829914b699b2'),
	('better-auth, normalized', 'Ｐａß', 'ca3a72ef18ee1a7b6491c90e7d4898ab:0b277ff70e42e262a95a8b8dd665790db7e7f57a6a704cbc9c52c1aeb33b273701c663cb9a5ee5309fa19e5625f38fc40fd6def3153c1307c8f27946b44d8d0c'),
	('yescrypt', 'correct horse', '$y$j75$J8VnBFJVCwWzic3gi9XZI/$Utva3jvlS2yVFvtLUgkBP70gOncr1yD8X8KeuU4wKk5'),
	('SHA256-crypt', 'correct horse', '$5$rounds=1234$sixteencharsalt.$ap8xmQrlaHj93SuhxSYdIwmtDEWAFCazHyC4HIWVQsD'),
	('SHA512-crypt', 'Hello world!', '$6$saltstring$svn8UoSVapNtMuq1ukKS4tPQd8iKwSMHWjl/O817G3uBnIFNjnQJuesI68u4OTLiBFdcbYEdFCoEOfaS35inz1'),
	('LDAP crypt', 'correct horse', '{CRYPT}$6$rounds=1000$q$TUvXPHHMMrcUmW.ZsYkWpMIi9/BGnlYy4RPgxjmJly3pCKC3G7NrBrb748BTcpKOUa7jtFpSF56THHYZw5wNd.'),
	('MD5-crypt', 'correct horse', '$1$8charsal$QinvcPq6.2trb9RDER7vm0'),
	('LDAP SSHA', 'correct horse', '{SSHA}6QZP6YNgwaawosVF0iqGz5vuiurt/b/3'),
	('LDAP SSHA256', 'correct horse', '{SSHA256}gapYzS3JkEbR2hVkFcFejRIGNgyvdlEnIrV+jU5T7U2y1hojhLB2zg=='),
	('LDAP SSHA512', 'correct horse', '{SSHA512}j7MSyPLrreIdy833yUl94a9/cZGD4MnmH72OV/fGg9jygWi0qDaGFdNcpbqSit1uL/B5PhQibuwWbXeg03wJLoewNsb4H6N0');

-- each: a wrong password costs one computation; the right one logs in, leaves a hash of
-- ours, and logs in again
CREATE FUNCTION pg_temp.hashed(n integer) RETURNS text LANGUAGE sql AS $$ SELECT password_hash FROM auth.users WHERE email = 'imported' || n || '@accounts.example' $$;
CREATE FUNCTION pg_temp.try(n integer, password text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	before bigint := auth._hash_computations();
BEGIN
	RETURN concat(pg_temp.say(format('login(%L, %L)', 'imported' || n || '@accounts.example', password)), ' after ', auth._hash_computations() - before);
END
$$;
SELECT is(auth.password_hash_problem(hash), NULL, kind || ': accepted') FROM foreign_hashes ORDER BY n;
SELECT auth.user_import('imported' || n || '@accounts.example', hash) IS NULL FROM foreign_hashes ORDER BY n \g /dev/null
SELECT is(pg_temp.try(n, password || 'x'), '401 invalid_credentials after 1', kind || ': a wrong password') FROM foreign_hashes ORDER BY n;
SELECT is(pg_temp.try(n, password), 'ok after 2', kind || ': the right one, and a new hash') FROM foreign_hashes ORDER BY n;
SELECT matches(pg_temp.hashed(n), '^\$2b\$04\$.{53}$', kind || ': which is ours') FROM foreign_hashes ORDER BY n;
SELECT is(pg_temp.try(n, password), 'ok after 1', kind || ': and good') FROM foreign_hashes ORDER BY n;
SELECT is(pg_temp.try(n, password || 'x'), '401 invalid_credentials after 1', kind || ': for that password alone') FROM foreign_hashes ORDER BY n;

-- the other way: everybody to argon2id, and back
SET LOCAL intrex_auth.password_algorithm = 'argon2id';
SELECT is(pg_temp.try(1, 'correct horse'), 'ok after 2', 'bcrypt becomes argon2id');
SELECT matches(pg_temp.hashed(1), '^\$argon2id\$v=19\$m=1024,t=1,p=1\$.{22}\$.{43}$', 'of the parameters that are set');
SELECT is(pg_temp.try(1, 'correct horse'), 'ok after 1', 'which is good');
SET LOCAL intrex_auth.password_argon2_iterations = 2;
SELECT is(pg_temp.try(1, 'correct horse'), 'ok after 2', 'more passes: hashed anew');
SET LOCAL intrex_auth.password_argon2_memory = '2MB';
SELECT is(pg_temp.try(1, 'correct horse'), 'ok after 2', 'more memory: hashed anew');
SELECT matches(pg_temp.hashed(1), '^\$argon2id\$v=19\$m=2048,t=2,p=1\$', 'with both');
SET LOCAL intrex_auth.password_argon2_memory = '1MB';
SELECT is(pg_temp.try(1, 'correct horse'), 'ok after 1', 'less memory: what is better stays');
SELECT is(pg_temp.try(0, 'whatever'), '401 invalid_credentials after 1', 'nobody: one computation');
SELECT is(auth._password_check('x', hash), false, 'one computation: ' || what)
FROM (VALUES (NULL, 'no hash'), ('nonsense', 'nonsense'), ('$argon2id$v=19$m=999999999,t=9,p=1$yNXi7/wJFiMwPUpXZHF+iw$u8vjyqRtf1F1GbHUm50Ky/bb81WnGBqIbERKZhQFqs0', 'a cost out of bounds')) AS c (hash, what);

-- lengths: 4096 bytes of argon2id, 72 of bcrypt, never cut
SELECT is(pg_temp.say(format('register(%L, %L)', 'long@accounts.example', repeat('ö', 2048))), 'ok', 'argon2id: 4096 bytes register');
SELECT is(pg_temp.say(format('register(%L, %L)', 'longer@accounts.example', repeat('ö', 2048) || 'x')), '422 weak_password', 'argon2id: 4097 do not');
SELECT is(pg_temp.say(format('login(%L, %L)', 'long@accounts.example', repeat('ö', 2048))), 'ok', 'argon2id: 4096 bytes log in');
SELECT is(pg_temp.say(format('login(%L, %L)', 'long@accounts.example', repeat('ö', 2047) || 'x')), '401 invalid_credentials', 'argon2id: the last one counts');
SELECT is(pg_temp.say(format('login(%L, %L)', 'long@accounts.example', repeat('ö', 2048) || 'x')), '401 invalid_credentials', 'argon2id: one more is another');
SET LOCAL intrex_auth.password_algorithm = 'bcrypt';
SELECT is(pg_temp.say(format('login(%L, %L)', 'long@accounts.example', repeat('ö', 2048))), 'ok', 'bcrypt: the long password goes on');
SELECT matches((SELECT password_hash FROM auth.users WHERE email = 'long@accounts.example'), '^\$argon2id\$', 'with the hash that can take it');
SELECT is(pg_temp.say(format('register(%L, %L)', 'longest@accounts.example', repeat('x', 73))), '422 weak_password', 'bcrypt: 73 bytes do not register');
SELECT is(pg_temp.try(1, 'correct horse'), 'ok after 2', 'a short one: back to bcrypt');
SELECT matches(pg_temp.hashed(1), '^\$2b\$04\$', 'as before');

-- the settings
SELECT throws_ok('SET LOCAL intrex_auth.password_algorithm = ' || value, '22023', NULL, 'password_algorithm ' || value) FROM unnest(ARRAY['scrypt', '''''', '1']) AS value;
SELECT throws_ok(format('SET LOCAL intrex_auth.%s', assignment), '22023', NULL, assignment)
FROM unnest(ARRAY['password_argon2_memory = 1023', 'password_argon2_memory = 131073', 'password_argon2_iterations = 0', 'password_argon2_iterations = 9']) AS assignment;
SET LOCAL ROLE authenticated;
SELECT throws_ok('SET intrex_auth.' || assignment, '42501', NULL, 'not for everybody: ' || assignment)
FROM unnest(ARRAY['password_algorithm = argon2id', 'password_argon2_memory = 1024', 'password_argon2_iterations = 1', 'allow_md5_crypt = on']) AS assignment;
RESET ROLE;

-- error: MD5-crypt where it is not asked for, in the table and at the import
SET LOCAL intrex_auth.allow_md5_crypt = off;
SELECT is(auth.password_verify('correct horse', '$1$8charsal$QinvcPq6.2trb9RDER7vm0'), false, 'MD5-crypt is off by default');
SELECT is(auth.password_needs_rehash('$1$8charsal$QinvcPq6.2trb9RDER7vm0'), true, 'and due for a rehash');
SELECT is(auth.password_hash_problem('$1$8charsal$QinvcPq6.2trb9RDER7vm0'), 'MD5-crypt: The password hash is of a kind too weak to be accepted.', 'and named');

-- what is no hash of a kind: its name, and nothing of it
SELECT is(auth.password_hash_problem(hash), problem, 'problem of ' || left(hash, 30)) FROM (VALUES
	('', 'unknown: The password hash is malformed or of an unsupported kind.'),
	('canary', 'unknown: The password hash is malformed or of an unsupported kind.'),
	('$2x$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW', 'bcrypt $2x$: The password hash is malformed or of an unsupported kind.'),
	('$2b$15$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW', 'bcrypt: The cost of the password hash is out of the accepted range.'),
	('{SHA}L55TUjtiq8FBorTWAZ0jy6g129A=', 'unsalted SHA-1: The password hash is malformed or of an unsupported kind.'),
	('$P$HSao9IhfXrO44rI/myY0OkVQb/aEro1', 'phpass: The password hash is malformed or of an unsupported kind.'),
	('$y$jET$J8VnBFJVCwWzic3gi9XZI/$Utva3jvlS2yVFvtLUgkBP70gOncr1yD8X8KeuU4wKk5', 'yescrypt: The cost of the password hash is out of the accepted range.'),
	(repeat('canary', 200000), 'unknown: The password hash is malformed or of an unsupported kind.')) AS c (hash, problem);
SELECT is(auth.password_hash_problem(NULL), NULL, 'problem of NULL');

-- error: pieces of Keycloak and Firebase that make no hash
SELECT is(auth.password_hash_problem(auth.password_hash_keycloak(credential::jsonb, secret::jsonb)),
	'Keycloak credential: The password hash is malformed or of an unsupported kind.', format('Keycloak %s %s', credential, secret)) FROM (VALUES
	(NULL, '{"value": "AAAA", "salt": "AAAA"}'), ('{}', NULL), ('[]', '[]'), ('1', '"x"'), ('null', 'null'), ('{}', '{}'),
	('{"hashIterations": 1, "algorithm": "bcrypt"}', '{"value": "AAAA", "salt": "AAAA"}'),
	('{"hashIterations": 1, "algorithm": "pbkdf2"}', '{"value": "AAAA", "salt": "AAAA"}'),
	('{"hashIterations": 1, "algorithm": "pbkdf2"}', '{"value": "?", "salt": "AAAA"}'),
	('{"hashIterations": 1, "algorithm": "pbkdf2"}', '{"value": {}, "salt": []}'),
	('{"hashIterations": -1, "algorithm": "pbkdf2"}', '{"value": "vQqXRqpUejV7H1ducZMKU2Sb2nI=", "salt": "AAAA"}'),
	('{"hashIterations": "1$2", "algorithm": "pbkdf2"}', '{"value": "vQqXRqpUejV7H1ducZMKU2Sb2nI=", "salt": "AAAA"}'),
	('{"hashIterations": 5, "algorithm": "argon2"}', '{"value": "AAAA", "salt": "AAAA"}')) AS c (credential, secret);
SELECT matches(auth.password_hash_problem(auth.password_hash_keycloak('{"hashIterations": 999999999, "algorithm": "pbkdf2"}', '{"value": "vQqXRqpUejV7H1ducZMKU2Sb2nI=", "salt": "AAAA"}')),
	'^PBKDF2-SHA1: The cost', 'Keycloak: a cost out of bounds');
SELECT matches(auth.password_hash_problem(auth.password_hash_keycloak('{"hashIterations": 1, "algorithm": "pbkdf2"}', jsonb_build_object('value', repeat('A', 1000000), 'salt', 'AAAA'))),
	'^Keycloak', 'Keycloak: a megabyte');
SELECT matches(auth.password_hash_problem(auth.password_hash_firebase('AAAA', 'AAAA', 'AAAA', NULL)), '^Firebase credential', 'Firebase: a piece is missing');
SELECT matches(auth.password_hash_problem(auth.password_hash_firebase(repeat('A', 1000000), 'AAAA', 'AAAA', 'AAAA')), '^Firebase credential', 'Firebase: a megabyte');
SELECT matches(auth.password_hash_problem(auth.password_hash_firebase('?', 'AAAA', 'AAAA', 'AAAA')), '^Firebase scrypt: The password hash is malformed', 'Firebase: no base64');
SELECT matches(auth.password_hash_problem(auth.password_hash_firebase('lSrfV15cpx95/sZS2W9c9A==', 'AAAA', 'jxspr8Ki0RYycVU8zykbdA==', '', 8, 40)), '^Firebase scrypt: The cost', 'Firebase: a cost out of bounds');

SELECT * FROM finish();
ROLLBACK;
