# Guesses count whatever becomes of their transaction: errors, rollbacks,
# timeouts, killed backends, clients that hang up.  psql in one session cannot
# show it.  Each way makes eight guesses at its own identifier; the limit is five.

use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use Guess;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = guess_server('undone', 'max_prepared_transactions = 5');

my %ways = (
	'an error in the statement'   => q{SELECT guess('error'), 1 / (random() < 0)::int},
	'ROLLBACK'                    => q{BEGIN; SELECT guess('rollback'); ROLLBACK},
	'ROLLBACK TO a savepoint'     => q{BEGIN; SAVEPOINT s; SELECT guess('savepoint'); ROLLBACK TO s; COMMIT},
	'an exception block'          => q{DO $$ BEGIN PERFORM guess('block'); RAISE division_by_zero; EXCEPTION WHEN division_by_zero THEN NULL; END $$},
	'statement_timeout'           => q{SET statement_timeout = '2s'; SELECT guess('timeout'), pg_sleep(600)},
	'pg_terminate_backend'        => q{SELECT guess('terminate'), pg_terminate_backend(pg_backend_pid()), pg_sleep(600)},
	'ROLLBACK PREPARED'           => q{BEGIN; SELECT guess('prepared'); PREPARE TRANSACTION 'p'; ROLLBACK PREPARED 'p'},
	'REPEATABLE READ, rolled back' => q{BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT guess('repeatable'); ROLLBACK},
	'SERIALIZABLE, rolled back'   => q{BEGIN ISOLATION LEVEL SERIALIZABLE; SELECT guess('serializable'); ROLLBACK},
);
for my $way (sort keys %ways)
{
	my ($name) = $ways{$way} =~ /guess\('(\w+)'\)/;

	$node->psql('postgres', $ways{$way}) for (1 .. 8);
	is(passed($node), 5, "$way: five guesses got through");
	cmp_ok($node->safe_psql('postgres', "SELECT guess('$name')"), '>', 0, "$way: the next is refused");

	# the same at the endpoint, as the role that PostgREST has for strangers
	my $login = $ways{$way} =~ s/guess\('\w+'\)/auth_api.login('$name\@example.com', 'wrong password')/r;
	my $right = "SET ROLE anon; SELECT coalesce(l ->> 'token_type', l -> 'error' ->> 'code') FROM auth_api.login('$name\@example.com', 'right password') AS l";
	$node->safe_psql('postgres', "SELECT auth.user_create('$name\@example.com', 'right password')");
	is($node->safe_psql('postgres', $right), 'bearer', "$way: the right password is right");
	$node->psql('postgres', "SET ROLE anon; $login") for (1 .. 8);
	is($node->safe_psql('postgres', $right), 'over_request_rate_limit', "$way: after eight wrong ones it comes too late");
}

# a client that hangs up inside its transaction, and one whose backend is killed
for my $way ('hung up', 'killed')
{
	for (1 .. 8)
	{
		my $client = $node->background_psql('postgres', on_error_stop => 0);

		$client->query("BEGIN; SELECT guess('$way');");
		if ($way eq 'killed')
		{
			my $pid = $client->query('SELECT pg_backend_pid()');
			$node->safe_psql('postgres', "SELECT pg_terminate_backend($pid, 10000)");
		}
		$client->{run}->kill_kill;
	}
	is(passed($node), 5, "$way inside the transaction: five guesses got through");
	cmp_ok($node->safe_psql('postgres', "SELECT guess('$way')"), '>', 0, "$way: the next is refused");
}

# many guesses in one statement, and in one transaction with a frozen now()
is($node->safe_psql('postgres', q{SELECT count(*) FILTER (WHERE guess('unnest') = 0) FROM generate_series(1, 1000)}), 5, 'one statement, 1000 guesses');
is(passed($node), 5, 'five of them got through');
$node->psql('postgres', 'BEGIN;' . q{SELECT guess('transaction');} x 200 . 'ROLLBACK');
is(passed($node), 5, 'one transaction, 200 guesses: five got through');

# what is left behind is ordinary to vacuum, to a seq scan and to amcheck, and survives a crash
my $rows = $node->safe_psql('postgres', 'SELECT count(*) FROM auth.login_attempts');
$node->safe_psql('postgres', 'CREATE EXTENSION amcheck; VACUUM (FREEZE) auth.login_attempts; VACUUM FULL auth.login_attempts');
is($node->safe_psql('postgres', 'SELECT count(*) FROM auth.login_attempts'), $rows, 'VACUUM removes none');
is($node->safe_psql('postgres', q{SELECT count(*) FROM verify_heapam('auth.login_attempts')}), 0, 'amcheck finds the table in order');
is($node->safe_psql('postgres', q{SELECT bt_index_check(indexrelid, true) FROM pg_index WHERE indrelid = 'auth.login_attempts'::regclass LIMIT 1}), '', 'and its index complete');
$node->psql('postgres', q{BEGIN; SELECT guess('crash') FROM generate_series(1, 5); ROLLBACK; CHECKPOINT});
$node->stop('immediate');
$node->start;
cmp_ok($node->safe_psql('postgres', q{SELECT guess('crash')}), '>', 0, 'rolled-back guesses are counted after a crash');
is($node->safe_psql('postgres', q{SELECT count(*) FROM verify_heapam('auth.login_attempts')}), 0, 'and the table is in order');

$node->stop;
done_testing();
