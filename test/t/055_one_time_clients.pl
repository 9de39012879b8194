# A one-time token is good for exactly one of 32 clients that present it at the same
# moment, whoever commits or rolls back; it survives a crash that it was used, and
# the rotation of the key that it was signed with.

use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use Clients;
use Guess;
use Identities qw(raw_query);
use KeyRing;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Server;
use Test::More;
use Time::HiRes qw(sleep);

my $clients = 32;
my $rounds = 20;
my $node = guess_server('one_time', 'synchronous_commit = off', 'autovacuum = off', "wal_writer_delay = '10s'");

# A sequence counts who got it, a table who got it and committed.
$node->safe_psql('postgres', q{
	CREATE TABLE got (token text);
	CREATE FUNCTION take(token text) RETURNS text LANGUAGE plpgsql AS $$
	DECLARE
		state text;
		detail text;
	BEGIN
		PERFORM auth.one_time_consume(token, 'reset');
		PERFORM nextval('passed');
		INSERT INTO got VALUES (token);
		RETURN 'mine';
	EXCEPTION WHEN OTHERS THEN
		GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, detail = PG_EXCEPTION_DETAIL;
		IF state <> '28000' OR detail !~ 'token_already_used' THEN
			RAISE;
		END IF;
		PERFORM nextval('refused');
		RETURN 'used';
	END
	$$;
});

my $open = clients($node, $clients);

sub issue
{
	return $node->safe_psql('postgres', "SELECT auth.one_time_issue('reset')");
}

for my $level ('READ COMMITTED', 'REPEATABLE READ')
{
	my (@told, @wrong);
	for my $round (1 .. $rounds)
	{
		# every second time all have a snapshot from before its use
		my $gate = $round % 2 ? $Clients::GATE : '';
		my $token = raw_query($open->{gate}, "SELECT auth.one_time_issue('reset')");
		my @answers = race($open, [ map { run_at($level, "SELECT count(*) FROM auth.revoked_tokens; $gate SELECT 'mine' FROM auth.one_time_consume('$token', 'reset');") } 1 .. $clients ]);

		push @told, map { outcome($_) } @answers;
		push @wrong, grep { /ERROR/ && !/token_already_used/ } @answers;
		push @wrong, "round $round: " . outcomes(map { outcome($_) } @answers) if 1 != grep { outcome($_) eq 'mine' } @answers;
	}
	is(join("\n", @wrong), '', "$level, $rounds rounds: exactly one of $clients got it, each time");
	is(outcomes(@told), '28000: ' . $rounds * ($clients - 1) . ", mine: $rounds", "$level, $rounds rounds: nobody failed otherwise");

	# a snapshot older than its use, and a hold up until the other commits
	my $token = issue();
	my $err = together($node, $clients, "BEGIN ISOLATION LEVEL $level;\nSELECT count(*) FROM auth.revoked_tokens;\nSELECT pg_sleep(random() * 0.2);\nSELECT take('$token');\nSELECT pg_sleep(0.05);\nCOMMIT;");
	is(passed($node) . ' ' . refused($node), '1 ' . ($clients - 1), "$level: one, with a snapshot from before");
	unlike($err, qr/ERROR/, "$level: no conflicts");

	# whoever rolls back has not used it; the next one gets it
	$token = issue();
	$err = together($node, $clients, "BEGIN ISOLATION LEVEL $level;\nSELECT take('$token');\nROLLBACK;");
	is(passed($node), $clients, "$level: each got it, and gave it back");
	is(refused($node), '0', "$level: none was refused");
	is($node->safe_psql('postgres', "SELECT take('$token')"), 'mine', "$level: it is still good");
	is($node->safe_psql('postgres', "SELECT count(*) FROM got WHERE token = '$token'"), '1', "$level: once");
	passed($node), refused($node);
}

$_ and close($_) for $open->{gate}, @{ $open->{each} };

# many tokens at once: each is taken once
my @tokens = map { issue() } 1 .. 8;
together($node, $clients, "BEGIN;\n" . join("\n", map { "SELECT take('$_');" } @tokens) . "\nCOMMIT;");
is(passed($node) . ' ' . refused($node), '8 ' . 8 * ($clients - 1), 'eight tokens, taken in one order by all');

# the key: a token under the former derivation key is good until it is retired
my $old = issue();
my $kid = $node->safe_psql('postgres', "SELECT auth.key_rotate('HKDF-SHA256')");
my $new = issue();
isnt($node->safe_psql('postgres', "SELECT split_part('$old', '.', 1) = split_part('$new', '.', 1)"), 't', 'a new derivation key signs');
is($node->safe_psql('postgres', "SELECT take('$old'), take('$new')"), 'mine|mine', 'both are good');
is($node->safe_psql('postgres', "SELECT take('$old'), take('$new')"), 'used|used', 'once');
$old = issue();
$node->safe_psql('postgres', "SELECT auth.key_rotate('HKDF-SHA256')");
my $ring = slurp(key_file($node));
(my $retired = $ring) =~ s/("kid": ?"\Q$kid\E",\s*"state": ?)"previous"/$1"retired"/ or die "cannot retire $kid in $ring";
spew(key_file($node), $retired);
sleep(1.2);
my ($code, $out, $err) = $node->psql('postgres', "SELECT auth.one_time_consume('$old', 'reset')");
like($err, qr/wrong_key_use/, 'under a retired key it is good no more');

# a crash: what was consumed stays consumed, although the caller waits for no disk
my $used = issue();
my $canary = issue();
my $walwriter = $node->safe_psql('postgres', q(SELECT pid FROM pg_stat_activity WHERE backend_type = 'walwriter'));
$node->safe_psql('postgres', 'SET synchronous_commit = on; CHECKPOINT; SELECT txid_current()');
kill 'STOP', $walwriter or die "cannot stop process $walwriter: $!";
$node->safe_psql('postgres', "BEGIN; SELECT auth.one_time_consume('$used', 'reset'); SET LOCAL synchronous_commit = off; COMMIT");
$node->safe_psql('postgres', "INSERT INTO got VALUES ('lost')");
crash($node);
is($node->safe_psql('postgres', "SELECT count(*) FROM got WHERE token = 'lost'"), '0', 'an ordinary commit is lost');
is($node->safe_psql('postgres', "SELECT take('$used'), take('$canary')"), 'used|mine', 'a used token is not');

$node->stop;
done_testing();
