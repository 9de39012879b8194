# The cap on hash computations over all sessions: never more at once than set,
# released whatever happens, and out of reach of SQL.

use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use Guess;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Server;
use Test::More;

my $clients = 24;
my $node = guess_server('slots', 'intrex_auth.max_concurrent_hashes = 2');
my $slots = q{SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objsubid = 6657 AND granted};

$node->safe_psql('postgres', q{
	CREATE SEQUENCE computed MINVALUE 0;
	CREATE SEQUENCE busy MINVALUE 0;
	SELECT nextval('computed'), nextval('busy');
	CREATE FUNCTION check_password() RETURNS boolean LANGUAGE plpgsql AS $$
	DECLARE
		answer CONSTANT boolean := auth._password_check('wrong', NULL);
	BEGIN
		PERFORM nextval(CASE WHEN answer IS NULL THEN 'busy' ELSE 'computed' END);
		RETURN answer;
	END
	$$;
});

# a computation of a tenth of a second or more: 24 take longer than the wait for a slot
my $most = 0;
my $err = together($node, $clients, "SET intrex_auth.password_cost = 13;\nSELECT check_password();", sub {
	# looked at while there is one to see, and twenty times more
	wait_for('a slot is taken', sub { $most = $node->safe_psql('postgres', $slots) });
	for (1 .. 20)
	{
		my $now = $node->safe_psql('postgres', $slots);
		$most = $now if $now > $most;
	}
});
is($err, '', 'no client failed');
my ($computed, $busy) = split(/\|/, $node->safe_psql('postgres', 'SELECT c.last_value, b.last_value FROM computed c, busy b'));
is($computed + $busy, $clients, 'every client had an answer');
cmp_ok($computed, '>=', 2, 'some computed');
cmp_ok($busy, '>', 0, 'others were told that there is no room');
cmp_ok($most, '>=', 1, 'slots were seen taken');
cmp_ok($most, '<=', 2, 'never more than two');
is($node->safe_psql('postgres', $slots), 0, 'all are free again');

# free again after a timeout and after the backend was killed within the computation
for my $way (q{SET statement_timeout = '50ms'; SELECT auth.password_hash('x', 12), pg_sleep(600)},
	q{SELECT auth.password_hash('x', 12) FROM pg_terminate_backend(pg_backend_pid())})
{
	$node->psql('postgres', $way) for (1 .. 3);
	# (the client may hear of it before the backend has ended)
	ok($node->poll_query_until('postgres', $slots, 0), "free after: $way");
}
is($node->safe_psql('postgres', q{SELECT auth._password_check('x', NULL)}), 'f', 'and usable');

# SQL can neither take the slots nor give them back
my $hog = $node->background_psql('postgres');
$hog->query('SELECT pg_advisory_lock(i), pg_advisory_lock(0, i), pg_advisory_lock(6657, i) FROM generate_series(0, 5) i');
is($node->safe_psql('postgres', q{SELECT auth._password_check('x', NULL)}), 'f', 'advisory locks of SQL hold nobody up');
is($hog->query(q{SELECT auth._password_check('x', NULL), pg_advisory_unlock_all()}), 'f|', 'nor their own session');
$hog->quit;

# error: password_hash has no other way to say so
$node->append_conf('postgresql.conf', 'intrex_auth.max_concurrent_hashes = 1');
$node->reload;
my $long = IPC::Run::start([ 'psql', '-XAtq', '-d', $node->connstr('postgres'), '-c',
	q{SELECT count(auth.password_hash('x', 14)) FROM generate_series(1, 5)} ], '>', \my $out, '2>', \my $errors);
my $pid = stopped_within($node, $slots =~ s/count\(\*\)/max(pid)/r);
my ($code, undef, $stderr) = $node->psql('postgres', q{SELECT auth.password_hash('x', 4)});
kill('CONT', $pid);
$long->finish;
like($stderr, qr/too many password hashes are being computed/, 'password_hash raises');
is($node->safe_psql('postgres', $slots), 0, 'all are free again');

# a commit survives a crash although the session asked for less
$node->safe_psql('postgres', 'CREATE TABLE said (word text)');
$node->append_conf('postgresql.conf', "wal_writer_delay = 10s\nfsync = on");
$node->restart;
$node->safe_psql('postgres', q{SET synchronous_commit = off; BEGIN; SAVEPOINT s; SELECT auth._make_durable(); ROLLBACK TO s; INSERT INTO said VALUES ('revoked'); COMMIT});
$node->stop('immediate');
$node->start;
is($node->safe_psql('postgres', 'SELECT word FROM said'), 'revoked', 'auth._make_durable() with synchronous_commit = off');

$node->stop;
done_testing();
