-- sql/36_webhook.sql: X-Intrex-Signature and Standard Webhooks.
--
-- The expected signatures were made by another implementation, node:crypto,
-- except for the two that are published: GitHub's example for webhooks and the
-- one of the Standard Webhooks libraries.
\set ECHO none
\set QUIET 1
\pset format unaligned
\pset tuples_only true

BEGIN;
SELECT plan(141);
SET LOCAL client_min_messages = warning;

\set secret '''intrex webhook secret''::bytea'
\set body '''{"event":"ticket.created","id":42}''::bytea'
\set good '''sha256=543a2c31ecbf49d8c3019a4d063b5da18ac28043752e41757398ed270d14d6d2'''

-- sign
SELECT is(auth.webhook_sign(:body, :secret), :good, 'a JSON body');
SELECT is(auth.webhook_sign('Hello, World!', 'It''s a Secret to Everybody'),
	'sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17', 'GitHub''s example');
SELECT is(auth.webhook_sign('', 'a secret of 16 b'), 'sha256=143bb7726575461e4727a00d38296142e83097f4e13c39e9d2fd464b2f5ce0e0', 'an empty payload');
SELECT is(auth.webhook_sign('\x00ff0d0a80', '\x00112233445566778899aabbccddeeff'),
	'sha256=03534dea03fd4a01738c1853a8bcc1d95accab6c8fbbcc8bf3d25121c3d2dd17', 'bytes that are no text');
SELECT is(auth.webhook_sign(repeat('x', 1048576)::bytea, 'a secret of 16 b'),
	'sha256=b9be0e21caddb4efed08671559a1218f1e67ab2485708b41421bfffe638ecd3e', 'a megabyte');
SELECT is(auth.webhook_sign('x', repeat('k', 200)::bytea),
	'sha256=a34abd1b081e75091b5f15447fb45ea6a1a7d624c190b880750d5d0f52ca715e', 'a secret longer than a block');
SELECT is(auth.webhook_sign(NULL, :secret), NULL, 'nothing signs as nothing');
SELECT throws_ok($$SELECT auth.webhook_sign('x', '')$$, '22023', 'invalid webhook secret', 'error: an empty secret');
SELECT throws_ok($$SELECT auth.webhook_sign('x', 'fifteen bytes!!')$$, '22023', 'invalid webhook secret', 'error: a short secret');
SELECT is(auth.webhook_sign('x', NULL), NULL, 'a missing secret signs nothing');

-- verify
SELECT is(auth.webhook_verify(:body, :good, :secret), true, 'the signature verifies');
SELECT is(auth.webhook_verify('', auth.webhook_sign('', :secret), :secret), true, 'that of nothing too');
SELECT is(auth.webhook_verify(:body || ' '::bytea, :good, :secret), false, 'another payload');
SELECT is(auth.webhook_verify(set_bit(:body, 0, 1 - get_bit(:body, 0)), :good, :secret), false, 'one bit of the payload');
SELECT is(auth.webhook_verify('', :good, :secret), false, 'no payload');
SELECT is(auth.webhook_verify(:body, :good, 'intrex webhook secres'), false, 'another secret');
SELECT is(auth.webhook_verify(:body, s, :secret), false, what) FROM (VALUES
	('', 'an empty signature'),
	('sha256=', 'a prefix alone'),
	(substr(:good, 8), 'no prefix'),
	('SHA256=' || substr(:good, 8), 'a prefix in capitals'),
	('Sha256=' || substr(:good, 8), 'a capital in the prefix'),
	('sha256:' || substr(:good, 8), 'another separator'),
	('sha1=' || substr(:good, 8), 'another hash'),
	('sha512=' || substr(:good, 8), 'a third hash'),
	('sha256=sha256=' || substr(:good, 8), 'the prefix twice'),
	('sha256=' || upper(substr(:good, 8)), 'digits in capitals: a signature has one spelling'),
	(left(:good, -1), 'one digit less'),
	(left(:good, 8), 'one digit'),
	(:good || '0', 'one digit more'),
	(:good || ' ', 'a blank behind'),
	(' ' || :good, 'a blank before'),
	(:good || E'\n', 'a line end behind'),
	(:good || ',' || :good, 'two of them'),
	('sha256=' || encode(sha256('x'), 'base64'), 'base64'),
	('sha256=' || repeat('0', 64), 'zeros'),
	('sha256=' || repeat('g', 64), 'no digits'),
	('sha256=' || repeat('ä', 32), 'other letters'),
	(repeat('x', 1048576), 'a megabyte')) AS v (s, what);
SELECT is((SELECT count(*) FROM generate_series(8, 71) AS i
	WHERE auth.webhook_verify(:body, overlay(:good PLACING CASE WHEN substr(:good, i, 1) = '0' THEN '1' ELSE '0' END FROM i FOR 1), :secret)),
	0::bigint, 'each digit counts');

-- verify: what is missing is false, so that "IF NOT auth.webhook_verify(…)" refuses
SELECT is(auth.webhook_verify(:body, NULL, :secret), false, 'no signature');
SELECT is(auth.webhook_verify(NULL, :good, :secret), false, 'a NULL payload');
SELECT is(auth.webhook_verify(NULL, auth.webhook_sign('', :secret), :secret), false, 'NULL is not an empty payload');
SELECT is(auth.webhook_verify('', NULL, :secret), false, 'neither');
SELECT throws_ok($$SELECT auth.webhook_verify('x', 'sha256=', NULL)$$, '22023', 'invalid webhook secret', 'error: a NULL secret');
SELECT throws_ok($$SELECT auth.webhook_verify('x', 'sha256=', '')$$, '22023', 'invalid webhook secret', 'error: an empty secret, whatever the signature');
SELECT throws_ok($$SELECT auth.webhook_verify('x', auth.webhook_sign('x', 'a secret of 16 b'), 'fifteen bytes!!')$$, '22023', NULL, 'error: a short one');
SELECT throws_ok($$SELECT auth.webhook_verify(NULL, NULL, 'short')$$, '22023', NULL, 'error: a short one, also without a signature');

-- from storage: compressed and out of line
CREATE TEMP TABLE stored AS SELECT string_agg(md5(i::text), '')::bytea AS incompressible, repeat('x', 1048576)::bytea AS compressible,
	repeat('k', 5000)::bytea AS secret FROM generate_series(1, 5000) AS i;
SELECT is(auth.webhook_verify(incompressible, auth.webhook_sign(incompressible || '', secret || ''), secret), true, 'stored arguments, out of line') FROM stored;
SELECT is(auth.webhook_verify(compressible, auth.webhook_sign(repeat('x', 1048576)::bytea, repeat('k', 5000)::bytea), secret), true, 'and compressed') FROM stored;

-- Standard Webhooks: sign
\set old '''whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYX'''
\set new '''whsec_paWlpaWlpaWlpaWlpaWlpaWlpaWlpaWlpaWlpaWlpaWlpaWlpaWlpaWlpaWlpaWlpaWlpaWlpaWlpaWlpaWlpQ=='''
\set at '''2023-11-14 22:13:20+00''::timestamptz'
SELECT is(auth.webhook_sign_standard('msg_p5jXN8AQM9LWM0D4loKWxJek', to_timestamp(1614265330), '{"test": 2432232314}', '{whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw}'),
	'{"webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek", "webhook-timestamp": "1614265330", "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="}'::jsonb,
	'the published example');
SELECT is(auth.webhook_sign_standard('msg_1', :at, '', ARRAY[:old]) ->> 'webhook-signature', 'v1,1mgOj6TVhp3BSMcTTSkIcSqwMImLcuoATUkCX45722Q=', 'an empty payload');
SELECT is(auth.webhook_sign_standard('msg_1', :at, :body, ARRAY[:old, :new]) ->> 'webhook-signature',
	'v1,apkPoMO/a2dJl/CvZ6p7QnIqG3rviz9DIC5IHROKGR8= v1,ml/1QXPZu3a+qvViEasCggcAyW7zH2M7TgIGqrPMzeE=', 'two secrets, two signatures');
SELECT is(auth.webhook_sign_standard('a', '1970-01-01 00:00:00+00', '\x00ff0d0a80', ARRAY[:new]),
	'{"webhook-id": "a", "webhook-timestamp": "0", "webhook-signature": "v1,imPdGXOAOjWdD1qxXOuLAeTF0EUVJ+YoFRfuImQbXdU="}'::jsonb, 'second zero, and bytes that are no text');
SELECT is(auth.webhook_sign_standard('msg_1', :at, repeat('x', 1048576)::bytea, ARRAY[:old]) ->> 'webhook-signature', 'v1,0KVHdkR+ZV4wPR0Nm0YzunXdn4UKOhM96DveLvuAOi4=', 'a megabyte');
SELECT is(auth.webhook_sign_standard('msg_1', :at + interval '0.999999 s', '', ARRAY[:old]) ->> 'webhook-timestamp', '1700000000', 'a part of a second is cut off');
SELECT is(auth.webhook_sign_standard('msg_1', '1999-12-31 23:59:59.5+00', '', ARRAY[:old]) ->> 'webhook-timestamp', '946684799', 'before 2000 too');
SELECT is(auth.webhook_sign_standard(repeat('i', 256), :at, '', ARRAY[:old]) ->> 'webhook-id', repeat('i', 256), 'the longest id');
SELECT is(auth.webhook_sign_standard('msg_1', :at, '', NULL), NULL, 'NULL in, NULL out');

-- error: ids that cannot be signed
SELECT throws_ok(format('SELECT auth.webhook_sign_standard(%L, now(), %L, %L)', id, '', ARRAY[:old]), '22023', 'invalid webhook id', 'error: ' || what)
	FROM (VALUES ('', 'no id'), ('a.b', 'a full stop'), ('a b', 'a blank'), (E'a\n', 'a line end'), ('ä', 'not ASCII'), (repeat('i', 257), 'a long id')) AS v (id, what);

-- error: times
SELECT throws_ok(format('SELECT auth.webhook_sign_standard(%L, %L, %L, %L)', 'a', t, '', ARRAY[:old]), '22023', 'invalid webhook time', 'error: ' || t)
	FROM (VALUES ('infinity'), ('-infinity'), ('1969-12-31 23:59:59.9+00'), ('4000-01-01 BC')) AS v (t);

-- error: secrets
SELECT throws_ok(format('SELECT auth.webhook_sign_standard(%L, now(), %L, %L)', 'a', '', s), '22023', 'invalid webhook secret', 'error: ' || what)
	FROM (VALUES
		('{}'::text[], 'no secret'),
		('{NULL}', 'a NULL among them'),
		(ARRAY[''], 'an empty one'),
		(ARRAY['whsec_'], 'the prefix alone'),
		(ARRAY[substr(:old, 7)], 'no prefix'),
		(ARRAY['WHSEC_' || substr(:old, 7)], 'a prefix in capitals'),
		(ARRAY['whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRY='], '23 bytes'),
		(ARRAY['whsec_' || encode(decode(repeat('a5', 65), 'hex'), 'base64')], '65 bytes, and a line end'),
		(ARRAY[:old || E'\n'], 'a line end'),
		(ARRAY[overlay(:old PLACING ' ' FROM 7 FOR 1)], 'a blank'),
		(ARRAY[rtrim(:new, '=')], 'no padding'),
		(ARRAY[overlay(:new PLACING 'R' FROM length(:new) - 2 FOR 1)], 'trailing bits'),
		(ARRAY[:old || '===='], 'padding alone'),
		(ARRAY['whsec_____________________________________'], 'base64url'),
		(ARRAY[:old, 'whsec_x'], 'a bad one behind a good one'),
		(array_fill(:old::text, ARRAY[9]), 'nine of them'),
		(ARRAY[repeat('x', 1048576)], 'a megabyte')) AS v (s, what);

-- Standard Webhooks: verify
SELECT auth.webhook_sign_standard('msg_1', :at, :body, ARRAY[:old]) AS headers \gset
SELECT auth.webhook_sign_standard('msg_1', :at, :body, ARRAY[:old, :new]) AS both \gset
CREATE FUNCTION pg_temp.verified(headers jsonb, secrets text[], at timestamptz, tolerance interval = '5 minutes') RETURNS boolean
	LANGUAGE sql RETURN auth.webhook_verify_standard(headers, '{"event":"ticket.created","id":42}', secrets, tolerance, at);
SELECT is(pg_temp.verified(:'headers', ARRAY[:old], :at), true, 'what was signed verifies');
SELECT is(auth.webhook_verify_standard(auth.webhook_sign_standard('m', now(), 'x', ARRAY[:old]), 'x', ARRAY[:old]), true, 'now');
SELECT is(auth.webhook_verify_standard(auth.webhook_sign_standard('m', now() - interval '6 min', 'x', ARRAY[:old]), 'x', ARRAY[:old]), false, 'not what was signed six minutes ago');
SELECT is(auth.webhook_verify_standard(auth.webhook_sign_standard('m', now() + interval '6 min', 'x', ARRAY[:old]), 'x', ARRAY[:old]), false, 'nor what is signed for in six minutes');
SELECT is(array_agg(pg_temp.verified(:'headers', ARRAY[:old], :at + make_interval(secs => s)) ORDER BY s), '{f,t,t,t,t,f}'::boolean[], 'the window: five minutes, both ways')
	FROM unnest('{-301,-300,-1,1,300,301}'::int[]) AS s;
SELECT is(pg_temp.verified(:'headers', ARRAY[:old], :at + interval '1 day', '1 day'), true, 'another window');
SELECT is(pg_temp.verified(:'headers', ARRAY[:old], :at + interval '1 s', '0'), false, 'no window');
SELECT is(pg_temp.verified(:'headers', ARRAY[:old], :at, '0'), true, 'but the very second');
SELECT is(pg_temp.verified(:'headers', ARRAY[:old], t), false, coalesce(t::text, 'NULL') || ' is in no window')
	FROM (VALUES ('infinity'::timestamptz), ('-infinity'), ('0001-01-01 BC'), ('294276-01-01 00:00:00+00'), (NULL)) AS v (t);

-- two live secrets
SELECT is(pg_temp.verified(:'headers', ARRAY[:new, :old], :at), true, 'a receiver with both takes the old');
SELECT is(pg_temp.verified(:'both', ARRAY[:new], :at), true, 'a receiver with the new takes what has both');
SELECT is(pg_temp.verified(:'both', ARRAY[:old], :at), true, 'one with the old too');
SELECT is(pg_temp.verified(:'headers', ARRAY[:new], :at), false, 'the new alone does not take the old');
SELECT is(pg_temp.verified(:'headers', ARRAY[auth.webhook_secret(), auth.webhook_secret()], :at), false, 'nor do strange ones');

-- what others may have written
SELECT is(pg_temp.verified(h, ARRAY[:old], :at), false, what) FROM (VALUES
	(NULL, 'no headers'),
	('null', 'a JSON null'),
	('{}', 'none of them'),
	('[]', 'an array'),
	('"v1,x"', 'a string'),
	('42', 'a number'),
	(:'headers'::jsonb - 'webhook-id', 'no id'),
	(:'headers'::jsonb - 'webhook-timestamp', 'no timestamp'),
	(:'headers'::jsonb - 'webhook-signature', 'no signature'),
	(:'headers'::jsonb || '{"webhook-id": null}', 'a null id'),
	(:'headers'::jsonb || '{"webhook-id": ""}', 'an empty id'),
	(:'headers'::jsonb || '{"webhook-id": "msg_2"}', 'another id'),
	(:'headers'::jsonb || '{"webhook-timestamp": "1700000001"}', 'another time'),
	(:'headers'::jsonb || '{"webhook-timestamp": 1700000000}', 'a number for a time'),
	(:'headers'::jsonb || '{"webhook-signature": ["v1,apkPoMO/a2dJl/CvZ6p7QnIqG3rviz9DIC5IHROKGR8="]}', 'an array of signatures'),
	(:'headers'::jsonb || jsonb_build_object('webhook-signature', repeat('v1,x ', 200000)), 'a megabyte of signatures')) AS v (h, what);
SELECT is((SELECT count(*) FROM unnest(ARRAY['', '-1', '+1700000000', '01700000000', ' 1700000000', '1700000000 ', '1700000000.0', '1.7e9', '0x6553F100', 'NaN', 'Infinity', 'x',
		'９', '99999999999999999999', '9223372036854775807', '9223372036854775808', '18446744073709551616', '-9223372036854775808', repeat('9', 100000)]) AS t
	WHERE pg_temp.verified(:'headers'::jsonb || jsonb_build_object('webhook-timestamp', t), ARRAY[:old], :at)), 0::bigint, 'times that are none, or far');
SELECT is((SELECT count(*) FROM unnest(ARRAY['', ' ', 'v1,', 'v1', 'apkPoMO/a2dJl/CvZ6p7QnIqG3rviz9DIC5IHROKGR8=', 'v2,apkPoMO/a2dJl/CvZ6p7QnIqG3rviz9DIC5IHROKGR8=',
		'V1,apkPoMO/a2dJl/CvZ6p7QnIqG3rviz9DIC5IHROKGR8=', 'v1,apkPoMO/a2dJl/CvZ6p7QnIqG3rviz9DIC5IHROKGR8', 'v1,apkPoMO_a2dJl_CvZ6p7QnIqG3rviz9DIC5IHROKGR8=',
		'v1,apkPoMO/a2dJl/CvZ6p7QnIqG3rviz9DIC5IHROKGR9=', 'v1a,apkPoMO/a2dJl/CvZ6p7QnIqG3rviz9DIC5IHROKGR8=', 'v1,v1,apkPoMO/a2dJl/CvZ6p7QnIqG3rviz9DIC5IHROKGR8=',
		E'v1,apkPoMO/a2dJl/CvZ6p7QnIqG3rviz9DIC5IHROKGR8=\n', 'v1,apkPoMO/a2dJl/CvZ6p7QnIqG3rviz9DIC5IHROKGR8=,']) AS s
	WHERE pg_temp.verified(:'headers'::jsonb || jsonb_build_object('webhook-signature', s), ARRAY[:old], :at)), 0::bigint, 'signatures that are none');
SELECT is(pg_temp.verified(:'headers'::jsonb || jsonb_build_object('webhook-signature', 'v1a,hnO3f9T8Ytu9HwrXslvumlUpqtNVqkhqw/enGzPCXe5BdqzCInXqYXFymVJaA7AZdpXwVLPo3mNl8EM+m7TBAg==  v1,AAAA '
	|| (:'headers'::jsonb ->> 'webhook-signature') || ' '), ARRAY[:old], :at), true, 'others beside the good one are passed over');

-- the parts are not interchangeable: one id, one time, one payload
SELECT auth.webhook_sign_standard('a', to_timestamp(1), '2.x', ARRAY[:old]) AS shifted \gset
SELECT is(auth.webhook_verify_standard(:'shifted'::jsonb || '{"webhook-id": "a.1", "webhook-timestamp": "2"}', 'x', ARRAY[:old], received_at => to_timestamp(2)), false,
	'no part moves over a full stop');
SELECT is(auth.webhook_verify_standard(:'headers', NULL, ARRAY[:old], received_at => :at), false, 'no payload');
SELECT is(auth.webhook_verify_standard(:'headers', :body || '\x00', ARRAY[:old], received_at => :at), false, 'one byte more');

-- error: the receiver's own arguments
SELECT throws_ok($$SELECT auth.webhook_verify_standard('{}', '', NULL)$$, '22023', 'invalid webhook secret', 'error: a NULL array of secrets');
SELECT throws_ok($$SELECT auth.webhook_verify_standard(NULL, NULL, '{}')$$, '22023', 'invalid webhook secret', 'error: no secret, whatever came');
SELECT throws_ok(format('SELECT auth.webhook_verify_standard(%L, %L, %L, %L)', '{}', '', ARRAY[:old], t), '22023', 'invalid webhook tolerance', 'error: a tolerance of ' || coalesce(t, 'NULL'))
	FROM (VALUES (NULL), ('-1 s'), ('-1 day'), ('1 month'), ('31 days'), ('721 hours'), ('178000000 years')) AS v (t);

-- errors do not show a secret
CREATE FUNCTION pg_temp.said(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	message text; detail text; hint text; context text;
BEGIN
	EXECUTE statement;
	RETURN 'no error';
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
	RETURN concat_ws('|', message, detail, hint);
END
$$;
SELECT is(pg_temp.said($$SELECT auth.webhook_sign('x', 'canary')$$), 'invalid webhook secret|The secret must have 16 bytes or more. (weak_key)|auth.webhook_secret() makes one.', 'an error tells the rule, not the secret');
SELECT unalike(pg_temp.said($$SELECT auth.webhook_sign_standard('x', now(), '', '{canary}')$$), '%canary%', 'nor the other form');

-- replay inside the window: an id is taken once
CREATE TEMP TABLE received (id text PRIMARY KEY, at timestamptz NOT NULL DEFAULT now());
CREATE FUNCTION pg_temp.take(headers jsonb, payload bytea, secrets text[], at timestamptz) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
	IF NOT auth.webhook_verify_standard(headers, payload, secrets, received_at => at) THEN
		RETURN false;
	END IF;
	INSERT INTO received (id) VALUES (headers ->> 'webhook-id') ON CONFLICT DO NOTHING;
	RETURN FOUND;
END
$$;
SELECT is(pg_temp.take(:'headers', :body, ARRAY[:old], :at), true, 'taken');
SELECT is(pg_temp.take(:'headers', :body, ARRAY[:old], :at + interval '1 min'), false, 'replayed inside the window: refused by its id');

-- new secrets
SELECT matches(auth.webhook_secret(), '^whsec_[A-Za-z0-9+/]{43}=$', 'a new secret');
SELECT is((SELECT count(DISTINCT auth.webhook_secret()) FROM generate_series(1, 1000)), 1000::bigint, 'each time another');

-- who may
SELECT is((SELECT array_agg(DISTINCT grantee ORDER BY grantee)::text[] FROM information_schema.routine_privileges
	WHERE routine_schema = 'auth' AND routine_name LIKE 'webhook%' AND grantee <> 'auth_owner'), '{auth_admin}', 'administrators, until it is granted further');

SELECT * FROM finish();
ROLLBACK;
