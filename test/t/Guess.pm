# test/t/Guess.pm: a server on which passwords can be guessed, and counts of the
# guesses that got through or were refused, for tests of the throttle.

package Guess;

use strict;
use warnings;

use Exporter 'import';
use FindBin;
use lib $FindBin::RealBin;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Server;

our @EXPORT = qw(guess_server passed refused pgbench together);

# A running server, the extension and guess(identifier) in database postgres.
sub guess_server
{
	my ($name, @conf) = @_;
	my $node = new_cluster($name);
	$node->append_conf('postgresql.conf', "$_\n")
	  for ('max_connections = 70', 'intrex_auth.password_cost = 4', 'intrex_auth.login_limit_pair = 5', @conf);
	$node->start;
	$node->safe_psql('postgres', q{
		CREATE EXTENSION intrex_auth;

		-- what a login does with a wrong password; a sequence knows what no rollback takes back
		CREATE SEQUENCE passed MINVALUE 0;
		CREATE SEQUENCE refused MINVALUE 0;
		SELECT nextval('passed'), nextval('refused');
		CREATE FUNCTION guess(identifier text) RETURNS integer LANGUAGE plpgsql AS $$
		DECLARE
			wait CONSTANT integer := auth._throttle(identifier);
		BEGIN
			PERFORM nextval(CASE wait WHEN 0 THEN 'passed' ELSE 'refused' END);
			IF wait = 0 THEN
				PERFORM auth._password_check('wrong', NULL);
			END IF;
			RETURN wait;
		END
		$$;
	});
	return $node;
}

# How many guesses got through since the last call.
sub passed
{
	my ($node) = @_;
	return $node->safe_psql('postgres', q(SELECT last_value FROM passed; SELECT setval('passed', 0) \g /dev/null));
}

# How many were refused since the last call.
sub refused
{
	my ($node) = @_;
	return $node->safe_psql('postgres', q(SELECT last_value FROM refused; SELECT setval('refused', 0) \g /dev/null));
}

# The command line of pgbench for a script.
sub pgbench_command
{
	my ($node, $script, @options) = @_;
	my $file = PostgreSQL::Test::Utils::tempdir() . '/script.sql';

	open(my $handle, '>', $file) or die "$file: $!";
	print $handle $script;
	close($handle);
	return [ 'pgbench', '-n', '-h', $node->host, '-p', $node->port, '-f', $file, @options, 'postgres' ];
}

# Run a script of pgbench, which can bind parameters; returns its standard error.
sub pgbench
{
	my ($node, $script, @options) = @_;
	my ($out, $err);

	IPC::Run::run(pgbench_command($node, $script, @options), '>', \$out, '2>', \$err, IPC::Run::timeout($PostgreSQL::Test::Utils::timeout_default));
	return $err;
}

# Let so many clients run a statement at the same moment: they queue for a lock
# until the last is there.  Calls the sub, if any, while they run.
sub together
{
	my ($node, $clients, $script, $meanwhile) = @_;
	my $gate = $node->background_psql('postgres');
	my ($out, $err);

	$gate->query('SELECT pg_advisory_lock(4711)');
	my $run = IPC::Run::start(
		pgbench_command($node, "SELECT pg_advisory_lock_shared(4711);\n$script\n", '-c', $clients, '-j', 2, '-t', 1),
		'>', \$out, '2>', \$err, IPC::Run::timeout($PostgreSQL::Test::Utils::timeout_default));
	$node->poll_query_until('postgres', q{SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objid = 4711 AND NOT granted}, $clients)
	  or die "the clients did not come: $err";
	$gate->query('SELECT pg_advisory_unlock(4711)');
	$meanwhile->() if $meanwhile;
	$run->finish;
	$gate->quit;
	return $err;
}

1;
