# 50 clients guess at one identifier at the same moment.  Exactly as many get
# through as the limit allows, at each isolation level, whether they commit,
# roll back, are cancelled or are killed; and nobody fails for another reason.

use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use Guess;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $clients = 50;
my $node = guess_server('clients', "listen_addresses = '127.0.0.1'");

my @levels = ('READ COMMITTED', 'REPEATABLE READ', 'SERIALIZABLE');
my %ends = (
	'commit'     => "SELECT guess('%s');\nCOMMIT;",
	'roll back'  => "SELECT guess('%s');\nROLLBACK;",
	# as a statement_timeout would, but not before the guess, however long that takes
	'are cancelled' => "SELECT guess('%s'), pg_cancel_backend(pg_backend_pid()), pg_sleep(600);\nCOMMIT;",
	'are killed' => "SELECT guess('%s'), pg_terminate_backend(pg_backend_pid()), pg_sleep(600);\nCOMMIT;",
);
for my $level (@levels)
{
	for my $end (sort keys %ends)
	{
		my $err = together($node, $clients, "BEGIN ISOLATION LEVEL $level;\n" . sprintf($ends{$end}, "$level $end"));

		is(passed($node), 5, "$level, all $end: exactly five got through");
		is(refused($node), $clients - 5, "$level, all $end: all others were refused");
		unlike($err, qr/could not serialize|deadlock/, "$level, all $end: no conflicts");
	}
}

# a limit over many identifiers is as exact: the address's
$node->append_conf('postgresql.conf', $_)
  for ("intrex_auth.trusted_proxies = 1", "intrex_auth.login_limit_address = 7");
$node->reload;
together($node, $clients, q{SELECT set_config('request.headers', '{"x-forwarded-for":"192.0.2.1"}', false);
SELECT guess('spray' || :client_id);});
is(passed($node), 7, '50 identifiers from one address: exactly seven got through');
is(refused($node), $clients - 7, 'all others were refused');

# the address of a TCP connection, here as a limit of its own
my $tcp = 'host=127.0.0.1 port=' . $node->port . ' dbname=postgres';
is($node->safe_psql('postgres', 'SELECT auth.client_address()', connstr => $tcp), '127.0.0.1', 'the address of a TCP client');
is($node->safe_psql('postgres', q{SELECT string_agg(guess('tcp' || i)::text, ' ') FILTER (WHERE i < 8) FROM generate_series(1, 9) i}, connstr => $tcp), '0 0 0 0 0 0 0', 'seven guesses from there');
is(passed($node), 7, 'but no more');
passed($node), refused($node);

# resets by successes do not wait for each other, nor fail
$node->append_conf('postgresql.conf', 'intrex_auth.login_limit_address = 1000');
$node->append_conf('postgresql.conf', 'intrex_auth.login_limit_pair = 1000');
$node->append_conf('postgresql.conf', 'intrex_auth.login_limit_identifier = 1000');
$node->reload;
for my $level (@levels)
{
	my $err = together($node, 20, "BEGIN ISOLATION LEVEL $level;\nSELECT guess('owner');\nSELECT auth._throttle_reset('owner');\nSELECT pg_sleep(0.1);\nCOMMIT;");

	is($err, '', "$level: 20 logins of one user at once succeed");
	is(passed($node), 20, "$level: all were counted");
	is($node->safe_psql('postgres', q{SET intrex_auth.login_max_failures = 20; SELECT auth._throttle('owner')}), 0, "$level: and reset");
}

# cleanup among logins: nobody waits, no count is lost
$node->safe_psql('postgres', q{UPDATE auth.login_attempts SET at = at - interval '2 hours'; UPDATE auth.login_failures SET since = since - interval '2 hours'});
my $cleanup = $node->background_psql('postgres');
$cleanup->query('BEGIN; SELECT auth._throttle_cleanup();');
is($node->safe_psql('postgres', q{SET statement_timeout = '600s'; SET intrex_auth.login_max_failures = 5; SELECT auth._throttle('READ COMMITTED commit')}), -1,
	'an open cleanup keeps no login waiting, and what it removed still counts');
is($node->safe_psql('postgres', q{SET statement_timeout = '600s'; SELECT auth._throttle_cleanup()}), 0, 'a second cleanup gives up');
$cleanup->query('COMMIT');
is($node->safe_psql('postgres', q{SET intrex_auth.login_max_failures = 5; SELECT auth._throttle('READ COMMITTED commit')}), -1, 'after it the carried count counts');
$cleanup->quit;

$node->stop;
done_testing();
