-- sql/48_identifiers.sql: which addresses, numbers and names are accepted, in databases of several locales.
\set ECHO none
\set QUIET 1
\pset format unaligned
\pset tuples_only true
\set VERBOSITY terse
SET client_min_messages = warning;

CREATE TEMPORARY TABLE vectors (n serial, kind text, input text, expected text);
INSERT INTO vectors (kind, input, expected) VALUES
	('email', 'user@example.com', 'user@example.com'),
	('email', 'User@Example.COM', 'user@example.com'),
	('email', 'I@example.com', 'i@example.com'),
	('email', E'\u0130@example.com', E'i\u0307@example.com'),
	('email', E'\u0131@example.com', E'\u0131@example.com'),
	('email', E'\u00C9@example.com', E'\u00E9@example.com'),
	('email', E'E\u0301@example.com', E'\u00E9@example.com'),
	('email', E'stra\u00DFe@example.com', E'stra\u00DFe@example.com'),
	('email', E'\u03A3\u0391\u03A3@example.com', E'\u03C3\u03B1\u03C2@example.com'),
	('email', E'\u0410\u0411@example.com', E'\u0430\u0431@example.com'),
	('email', E'\u212A@example.com', 'k@example.com'),
	('email', E'\uFF21@example.com', E'\uFF41@example.com'),
	('email', 'a+tag@example.com', 'a+tag@example.com'),
	('email', 'a.b@example.com', 'a.b@example.com'),
	('email', 'o''neil!#$%&*/=?^_`{|}~-@example.com', 'o''neil!#$%&*/=?^_`{|}~-@example.com'),
	('email', 'a@b', 'a@b'),
	('email', 'a@xn--bcher-kva.example', 'a@xn--bcher-kva.example'),
	('email', E'a@B\u00DCCHER.example', E'a@b\u00FCcher.example'),
	('email', E'\u65E5\u672C@\u4F8B\u3048.jp', E'\u65E5\u672C@\u4F8B\u3048.jp'),
	('email', E'\U0001F600@example.com', E'\U0001F600@example.com'),
	('email', repeat('a', 64) || '@example.com', repeat('a', 64) || '@example.com'),
	('email', repeat('a', 60) || '@' || repeat('b.', 95) || 'com', repeat('a', 60) || '@' || repeat('b.', 95) || 'com'),
	-- refused: length
	('email', repeat('a', 65) || '@example.com', NULL),
	('email', repeat('a', 61) || '@' || repeat('b.', 95) || 'com', NULL),
	('email', 'a@' || repeat('b', 64) || '.com', NULL),
	('email', repeat('a', 320) || '@example.com', NULL),
	('email', repeat('a', 1000000) || '@example.com', NULL),
	('email', 'a@' || repeat('b.', 500000) || 'com', NULL),
	-- refused: form
	('email', '', NULL), ('email', '@', NULL), ('email', 'a', NULL), ('email', 'a@', NULL), ('email', '@b', NULL), ('email', 'a@b@c', NULL),
	('email', '.a@b.c', NULL), ('email', 'a.@b.c', NULL), ('email', 'a..b@c.d', NULL), ('email', 'a@b..c', NULL), ('email', 'a@.b', NULL),
	('email', 'a@b.', NULL), ('email', 'a@-b.c', NULL), ('email', 'a@b-.c', NULL), ('email', 'a@b_c.d', NULL), ('email', '"a b"@c.d', NULL),
	('email', 'a@[127.0.0.1]', NULL), ('email', 'a(b)@c.d', NULL), ('email', 'a,b@c.d', NULL), ('email', 'a;b@c.d', NULL), ('email', '<a@b.c>', NULL),
	('email', 'a\@b.c', NULL), ('email', 'mailto:a@b.c', NULL),
	-- refused: spaces, controls, what cannot be seen
	('email', ' a@b.c', NULL), ('email', 'a@b.c ', NULL), ('email', 'a b@c.d', NULL), ('email', E'a\t@b.c', NULL), ('email', E'a@b.c\n', NULL),
	('email', E'a\r\nBcc: x@b.c', NULL), ('email', E'a\u0001@b.c', NULL), ('email', E'a\u007F@b.c', NULL), ('email', E'a\u0085@b.c', NULL),
	('email', E'a\u00A0@b.c', NULL), ('email', E'a\u00AD@b.c', NULL), ('email', E'a\u034F@b.c', NULL), ('email', E'a\u061C@b.c', NULL),
	('email', E'a\u200B@b.c', NULL), ('email', E'a\u200D@b.c', NULL), ('email', E'a\u200E@b.c', NULL), ('email', E'a\u2028@b.c', NULL),
	('email', E'a\u202E@b.c', NULL), ('email', E'a\u2060@b.c', NULL), ('email', E'a\u2066@b.c', NULL), ('email', E'a\u3000@b.c', NULL),
	('email', E'a\u3164@b.c', NULL), ('email', E'a\uE000@b.c', NULL), ('email', E'a\uFE0F@b.c', NULL), ('email', E'a\uFEFF@b.c', NULL),
	('email', E'a\uFFFD@b.c', NULL), ('email', E'a\uFFFF@b.c', NULL), ('email', E'a\U000E0041@b.c', NULL), ('email', E'a\U0010FFFF@b.c', NULL),
	-- refused: other spellings of one domain
	('email', E'a@b\u3002c', NULL), ('email', E'a@b\uFF0Ec', NULL), ('email', E'a@\uFF42.c', NULL), ('email', E'a\uFF20b.c', NULL), ('email', E'a@\uFB01.c', NULL),

	('phone', '+4930123456', '+4930123456'), ('phone', '+49 30 123456', '+4930123456'), ('phone', '+49 (30) 12-34-56', '+4930123456'),
	('phone', '+1-202-555-0100', '+12025550100'), ('phone', '+1 (202) 555-0100', '+12025550100'), ('phone', '+1 (202)555.0100', '+12025550100'),
	('phone', '+49/30/123456', '+4930123456'), ('phone', '+123456789012345', '+123456789012345'),
	('phone', '+1234567890123456', NULL), ('phone', '+123456', NULL), ('phone', '+0123456789', NULL), ('phone', '004930123456', NULL),
	('phone', '030 123456', NULL), ('phone', '+49 (0)30 123456', NULL), ('phone', '', NULL), ('phone', '+', NULL), ('phone', '+49 30 123456 ', NULL),
	('phone', ' +4930123456', NULL), ('phone', '+49  30123456', NULL), ('phone', E'+49\n30123456', NULL), ('phone', E'+49\uFF13\uFF10123456', NULL),
	('phone', E'+49\u0663\u0660123456', NULL), ('phone', '+49-30-123456;ext=1', NULL), ('phone', '+49 30 123456a', NULL), ('phone', '+49()30123456', NULL),
	('phone', '++4930123456', NULL), ('phone', '+' || repeat('1', 1000000), NULL),

	('name', 'Ann', 'Ann'), ('name', '  Ann  ', 'Ann'), ('name', E'E\u0301va', E'\u00C9va'), ('name', 'O''Neil & Sons <x>', 'O''Neil & Sons <x>'),
	-- joiners and direction marks are part of writing
	('name', E'\u0646\u0627\u0645\u200C\u0647\u0627', E'\u0646\u0627\u0645\u200C\u0647\u0627'), ('name', E'\u05D0\u200E(x)', E'\u05D0\u200E(x)'),
	('name', repeat('x', 200), repeat('x', 200)), ('name', repeat('x', 201), NULL), ('name', repeat('x', 1000000), NULL),
	('name', '', NULL), ('name', '   ', NULL), ('name', E'\u00A0', NULL), ('name', E'\u200B\u200E', NULL), ('name', E'a\nb', NULL), ('name', E'a\tb', NULL),
	('name', E'a\u0007b', NULL), ('name', E'a\u2028b', NULL), ('name', E'a\u202Eb', NULL), ('name', E'a\u2066b', NULL), ('name', E'a\uFEFFb', NULL), ('name', E'a\U000E0041b', NULL);

CREATE TEMPORARY VIEW verdicts AS
	SELECT v.n, v.kind, v.input, v.expected,
		CASE v.kind WHEN 'email' THEN auth.normalize_email(v.input) WHEN 'phone' THEN auth.normalize_phone(v.input) ELSE auth._clean_name(v.input) END AS got
	FROM vectors AS v;

BEGIN;
SELECT plan(5);
SELECT is_empty('SELECT n, kind, input, expected, got FROM verdicts WHERE got IS DISTINCT FROM expected', 'every verdict is as expected');
SELECT is_empty('SELECT n FROM verdicts WHERE kind = ''email'' AND auth.normalize_email(got) IS DISTINCT FROM got', 'what is normalized stays as it is');
SELECT is(auth.normalize_email(NULL), NULL, 'NULL is no address');
SELECT is(auth.normalize_phone(NULL), NULL, 'NULL is no number');
SELECT is(auth._clean_name(NULL), NULL, 'NULL is no name');

-- Turkish would make another letter of I, and C leaves é alone: the verdicts are the same.
SELECT * FROM finish();
SELECT current_database() AS home, json_agg(v ORDER BY v.n) AS expected FROM verdicts AS v WHERE length(v.input) < 1000 \gset
ROLLBACK;
SET client_min_messages = error;
DROP DATABASE IF EXISTS regress_intrex_auth_tr;
DROP DATABASE IF EXISTS regress_intrex_auth_c;
CREATE DATABASE regress_intrex_auth_tr TEMPLATE template0 ENCODING 'UTF8' LOCALE 'C' LOCALE_PROVIDER icu ICU_LOCALE 'tr-TR';
CREATE DATABASE regress_intrex_auth_c TEMPLATE template0 ENCODING 'UTF8' LOCALE 'C';
\connect regress_intrex_auth_tr
SET client_min_messages = warning;
CREATE EXTENSION intrex_auth;
CREATE EXTENSION pgtap;
BEGIN;
SELECT plan(2);
SELECT is(lower('I'), 'ı', 'a Turkish database');
SELECT is_empty(format($$
	SELECT v FROM json_array_elements(%L) AS v
	WHERE v ->> 'got' IS DISTINCT FROM CASE v ->> 'kind'
		WHEN 'email' THEN auth.normalize_email(v ->> 'input') WHEN 'phone' THEN auth.normalize_phone(v ->> 'input') ELSE auth._clean_name(v ->> 'input') END
$$, :'expected'), 'decides alike');
SELECT * FROM finish();
ROLLBACK;
\connect regress_intrex_auth_c
SET client_min_messages = warning;
CREATE EXTENSION intrex_auth;
CREATE EXTENSION pgtap;
-- a setting of the caller that changes what string literals mean
SET escape_string_warning = off;
SET standard_conforming_strings = off;
BEGIN;
SELECT plan(4);
SELECT is(lower('É'), 'É', 'a database with locale C');
SELECT is_empty(format($$
	SELECT v FROM json_array_elements(%L) AS v
	WHERE v ->> 'got' IS DISTINCT FROM CASE v ->> 'kind'
		WHEN 'email' THEN auth.normalize_email(v ->> 'input') WHEN 'phone' THEN auth.normalize_phone(v ->> 'input') ELSE auth._clean_name(v ->> 'input') END
$$, :'expected'), 'decides alike');
SELECT is(auth._printable(E'a\\b\nc\U000E0041', 320), E'a\\u005Cb\\u000Ac\\U000E0041', 'and escapes alike');
SELECT throws_ok($$ SELECT auth._response_header('A', E'x\r\ny') $$, '22023', NULL, 'and refuses a second header');
SELECT * FROM finish();
ROLLBACK;
\connect :home
SET client_min_messages = warning;
DROP DATABASE regress_intrex_auth_tr;
DROP DATABASE regress_intrex_auth_c;
