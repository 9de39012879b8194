# pg_dump | psql into a new database and into a new cluster: nothing is lost,
# no key is in the dump, and the wrong key file is named, not guessed at.

use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use KeyRing;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Server;
use Test::More;

my $node = new_server('source', q(intrex_auth.issuer = 'https://auth.example'));
my $tenant = '22222222-2222-4222-8222-222222222222';

# use every table
$node->safe_psql('postgres', q(
	SELECT auth.tenant_create('Northwind') AS tenant \gset
	SELECT auth.unit_create(:'tenant', 'Oslo') AS unit \gset
	SELECT auth.user_create('bo@example.com', 'staple gun at dawn', 'Bo', email_verified => true) AS bo \gset
	SELECT auth.member_add(:'tenant', :'bo', 'owner', ARRAY[:'unit']::uuid[]), auth.member_update(:'tenant', :'bo', NULL, '{}');
	SELECT auth.secret_store(:'tenant', 'smtp', 'canary-connector-secret');
	CREATE TABLE diaries AS SELECT :'bo'::uuid AS user_id, auth.personal_encrypt(:'bo', 'canary-diary', 'diaries.text') AS text;
	CREATE TABLE notes (id int PRIMARY KEY, tenant_id uuid, text text);
	SELECT count(*) FROM auth.protect('notes');
	INSERT INTO notes VALUES (1, :'tenant', 'a note');
	GRANT SELECT ON notes TO authenticated;
	SELECT auth.plan_create('pro'), auth.feature_create('posts', metered => true), auth.plan_feature_set('pro', 'posts', 10);
	SELECT auth.subscription_set(:'tenant', 'pro'), auth.usage_set(:'tenant', 'posts', 9);
	SELECT auth_api.login('bo@example.com', 'wrong');
	SELECT auth_api.login('bo@example.com', 'staple gun at dawn') ->> 'access_token' AS token \gset
	BEGIN;
	SELECT auth.authenticate(:'token');
	SELECT auth_api.invite_revoke((auth_api.invite('guest@example.com', 'viewer') ->> 'id')::uuid);
	COMMIT;
	SELECT auth.audit_seal();
));
my $grant = $node->safe_psql('postgres', q(SELECT auth_api.login('bo@example.com', 'staple gun at dawn')));
my ($access) = $grant =~ /"access_token": "([^"]+)"/;
my ($refresh) = $grant =~ /"refresh_token": "([^"]+)"/;
ok($access && $refresh, 'logged in before the dump');

my $fingerprint = q(
	SELECT c.relname || ' ' || (xpath('/row/n/text()', x))[1] || ' ' || (xpath('/row/h/text()', x))[1]
	FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace,
		LATERAL query_to_xml(format('SELECT count(*) AS n, md5(coalesce(string_agg(t::text, chr(10) ORDER BY t::text), %L)) AS h FROM auth.%I AS t', '', c.relname), false, true, '') AS x
	WHERE n.nspname = 'auth' AND c.relkind = 'r' AND c.relname NOT LIKE '%attempts%'
	ORDER BY 1);
my $before = $node->safe_psql('postgres', $fingerprint);
like($before, qr/users [1-9]/, 'there is data');
like($before, qr/membership_history 2/, 'also of what was');

# every table with data survives: none is left out of the dump configuration
is($node->safe_psql('postgres', q(
	SELECT coalesce(string_agg(c.relname, ', ' ORDER BY c.relname), '')
	FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
	WHERE n.nspname = 'auth' AND c.relkind IN ('r', 'S')
		AND c.oid <> ALL (SELECT unnest(extconfig) FROM pg_extension WHERE extname = 'intrex_auth'))),
	$node->safe_psql('postgres', q(
	SELECT coalesce(string_agg(c.relname, ', ' ORDER BY c.relname), '')
	FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
	WHERE n.nspname = 'auth' AND c.relkind IN ('r', 'S') AND (c.relname LIKE '%attempts%' OR c.relname LIKE 'user_imports%'))),
	'only the short-lived counters and the table of imports stay out of dumps');

my $dump = $node->data_dir . '/../dump.sql';
$node->command_ok([ 'pg_dump', '--file', $dump, $node->connstr('postgres') ], 'pg_dump');
my $text = slurp($dump);
my $keys = slurp(key_file($node));
my @secrets = $keys =~ /"k": *"([^"]+)"/g;
is(scalar(@secrets), 3, 'three keys to look for');
unlike($text, qr/\Q$_\E/, 'no key in the dump') for @secrets;
unlike($text, qr/canary-connector-secret/, 'no secret in the dump');
unlike($text, qr/canary-diary/, 'nor what was sealed for a person');
unlike($text, qr/staple gun/, 'no password in the dump');
unlike($text, qr/\Q$refresh\E/, 'no refresh token in the dump');

# into a new database of the same cluster
$node->safe_psql('postgres', 'CREATE DATABASE copy');
$node->command_ok([ 'psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-f', $dump, $node->connstr('copy') ], 'restored into a new database');
is($node->safe_psql('copy', $fingerprint), $before, 'every row is there');
like($node->safe_psql('copy', q(SELECT auth_api.login('bo@example.com', 'staple gun at dawn'))), qr/access_token/, 'login works there');
like($node->safe_psql('copy', "SELECT auth_api.refresh('$refresh')"), qr/access_token/, 'so does the refresh token');
is($node->safe_psql('copy', q(SELECT auth.secret_open((SELECT id FROM auth.tenants), 'smtp'))), 'canary-connector-secret', 'the secret opens');
my $diary = q(SELECT auth.personal_decrypt(user_id, text, 'diaries.text') FROM diaries);
is($node->safe_psql('copy', $diary), 'canary-diary', 'and what was sealed for a person');
is($node->safe_psql('copy', qq(
	BEGIN; SET LOCAL ROLE authenticated;
	SELECT auth.authenticate('$access') IS NOT NULL; SELECT text FROM notes; COMMIT;)), "t\na note", 'the policies are there');
is($node->safe_psql('copy', qq(
	BEGIN; SET LOCAL ROLE authenticated;
	SELECT auth.authenticate('$access') IS NOT NULL; SELECT auth.consume_quota('posts'); COMMIT;)), "t\n0", 'so are plans, and what was used');
is($node->safe_psql('copy', q(SELECT count(*) FROM auth.protect('notes') WHERE object NOT LIKE '%warning%' AND object NOT LIKE '%note%')), '0',
	'protect finds nothing to do');
is($node->safe_psql('copy', q(SELECT count(*) FROM auth.audit_verify() WHERE NOT ok)), '0', 'the sealed audit log verifies');
is($node->safe_psql('copy', q(SELECT count(*) FROM auth.membership_history_gaps())), '0', 'the history of members is theirs');
is($node->safe_psql('copy', q(SELECT string_agg(format('%s units, %s', cardinality(unit_ids), until IS NULL), '; ' ORDER BY since) FROM auth.memberships_of((SELECT user_id FROM auth.memberships)))),
	'1 units, f; 0 units, t', 'open and closed');
$node->safe_psql('copy', q(SELECT auth.user_create('new@example.com')));
pass('sequences and defaults go on');

# rows alone, into an extension that is there: its triggers ask nothing of them
$node->command_ok([ 'pg_dump', '--data-only', '--schema=auth', '--extension=intrex_auth', '--file', "$dump.data", $node->connstr('postgres') ], 'pg_dump --data-only');
$node->safe_psql('postgres', 'CREATE DATABASE rows');
$node->safe_psql('rows', 'CREATE EXTENSION intrex_auth; TRUNCATE auth.known_keys');
$node->command_ok([ 'psql', '-X', '-q', '-1', '-v', 'ON_ERROR_STOP=1', '-f', "$dump.data", $node->connstr('rows') ], 'restored beside its triggers');
is($node->safe_psql('rows', $fingerprint), $before, 'every row is there, too');
my ($refused, undef, $why) = $node->psql('rows', 'DELETE FROM auth.memberships');
like($why, qr/the tenant would lose its last owner/, 'and its tenant keeps its owner');

# into a new cluster: with other keys a clear error that names them, with the right ones everything
my $other = new_cluster('other');
$other->append_conf('postgresql.conf', "intrex_auth.issuer = 'https://auth.example'\nintrex_auth.password_cost = 4");
$other->start;
$other->command_ok([ 'psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-f', $dump, $other->connstr('postgres') ], 'restored into a new cluster');
my ($code, $out, $err) = $other->psql('postgres', q(SELECT auth.secret_open((SELECT id FROM auth.tenants), 'smtp')));
like($err, qr/Restore the key file/, 'other keys: the error says what is missing');
unlike($err, qr/canary/, 'and nothing else');
($code, $out, $err) = $other->psql('postgres', $diary);
like($err, qr/invalid personal key\n.*\n.*Restore the key file/, 'other keys: nor does the key of a person open');
like(verify($other, $access), qr/unknown_key/, 'other keys: the token is refused');
is($other->safe_psql('postgres', 'SELECT count(*) FROM auth.keys_missing()'), '3', 'the missing keys are named');
like($other->safe_psql('postgres', q(SELECT auth_api.login('bo@example.com', 'staple gun at dawn'))), qr/access_token/, 'passwords need no key');
spew(key_file($other), $keys);
sleep(2);
is($other->safe_psql('postgres', q(SELECT auth.secret_open((SELECT id FROM auth.tenants), 'smtp'))), 'canary-connector-secret', 'the right keys: the secret opens');
is($other->safe_psql('postgres', $diary), 'canary-diary', 'the right keys: so does that of a person');
is(verify($other, $access), 'ok', 'the right keys: the token is accepted');

# DROP leaves nothing behind but roles and the user's table, closed
$node->safe_psql('copy', 'SET intrex_auth.allow_drop = on; DROP EXTENSION intrex_auth CASCADE');
is($node->safe_psql('copy', q(SELECT count(*) FROM pg_namespace WHERE nspname LIKE 'auth%')), '0', 'DROP EXTENSION leaves no schema');
$node->safe_psql('copy', 'CREATE ROLE reader LOGIN; GRANT SELECT ON notes TO reader');
is($node->safe_psql('copy', 'SELECT count(*) FROM notes', extra_params => [ '-U', 'reader' ]), '0', 'the table that was protected is dark, not open');
$node->safe_psql('copy', 'CREATE EXTENSION intrex_auth; DROP EXTENSION intrex_auth') for 1 .. 3;
pass('CREATE and DROP, again and again');

$other->stop;
$node->stop;
done_testing();
