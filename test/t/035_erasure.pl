# An erased user is in no dump and in no statistics, before the dump he is; and
# consents, purposes, redacted rows and their seals survive dump and restore.

use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use KeyRing;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_server('source', q(intrex_auth.password_cost = 4));

sub dump_of
{
	my ($name) = @_;
	my $file = $node->data_dir . "/../$name.sql";
	$node->command_ok([ 'pg_dump', '--file', $file, $node->connstr('postgres') ], "pg_dump $name");
	return $file;
}

$node->safe_psql('postgres', q(
	SELECT auth_api.register('canary-gone@example.com', 'a password to forget', 'Canary Gone') ->> 'access_token' AS gone \gset
	SELECT auth_api.register('stays@example.com', 'a password to keep', 'Stays') ->> 'access_token' AS stays \gset
	SELECT auth_api.login('canary-gone@example.com', 'wrong'), auth_api.login('CANARY-GONE@example.com ', 'wrong');
	SELECT auth.consent_purpose_set('letters', 'Letters', 'v1');
	BEGIN; SELECT auth.authenticate(:'gone'); SELECT auth_api.consent_grant('letters'); COMMIT;
	BEGIN; SELECT auth.authenticate(:'stays'); SELECT auth_api.consent_grant('letters'); SELECT auth_api.consent_revoke('ai_interaction'); COMMIT;
	CREATE TABLE letters (whose uuid REFERENCES auth.users ON DELETE CASCADE, text text);
	INSERT INTO letters SELECT id, 'to ' || email FROM auth.users;
	SELECT auth.audit_seal();
	ANALYZE;));
like(slurp(dump_of('before')), qr/canary-gone.*canary-gone/is, 'he is in a dump');
like($node->safe_psql('postgres', q(SELECT s::text FROM pg_stats AS s WHERE s::text ~ 'canary-gone')), qr/canary-gone/, 'and in statistics');

is($node->safe_psql('postgres', q(
	SELECT auth_api.login('canary-gone@example.com', 'a password to forget') ->> 'access_token' AS gone \gset
	BEGIN; SELECT auth.authenticate(:'gone') IS NOT NULL; SELECT auth_api.delete_my_account('a password to forget') ? 'deleted'; COMMIT;)), "t\nt", 'he deletes his account');
$node->safe_psql('postgres', 'VACUUM ANALYZE');
my $after = dump_of('after');
unlike(slurp($after), qr/canary.gone/i, 'now he is in no dump');
like(slurp($after), qr/stays\@example\.com/, 'others are');
is($node->safe_psql('postgres', q(SELECT count(*) FROM pg_stats AS s WHERE s::text ~* 'canary.gone')), '0', 'nor in statistics');
is($node->safe_psql('postgres', q(SELECT count(*) FROM auth.audit_verify() WHERE NOT ok)), '0', 'the seals hold');

$node->safe_psql('postgres', 'CREATE DATABASE copy');
$node->command_ok([ 'psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-f', $after, $node->connstr('copy') ], 'restored');
is($node->safe_psql('copy', q(SELECT count(*) FROM auth.audit_verify() WHERE NOT ok)), '0', 'the seals hold there');
is($node->safe_psql('copy', q(SELECT count(*) > 3 FROM auth.audit_log WHERE redacted IS NOT NULL)), 't', 'rows are redacted there');
is($node->safe_psql('copy', q(
	SELECT auth.has_lgpd_consent(id, 'letters'), auth.has_lgpd_consent(id, 'ai_interaction') FROM auth.users WHERE email = 'stays@example.com')), 't|f', 'consents are there');
$node->safe_psql('copy', q(SELECT auth.consent_record(id, 'letters', false) FROM auth.users WHERE email = 'stays@example.com'));
is($node->safe_psql('copy', q(SELECT auth.has_lgpd_consent(id, 'letters') FROM auth.users WHERE email = 'stays@example.com')),
	'f', 'and numbers go on');

$node->stop;
done_testing();
