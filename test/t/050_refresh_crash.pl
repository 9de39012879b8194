# Backends and the server are killed while eight clients refresh: every rotation
# that a client has heard of survives, one that it has not heard of is got by
# presenting the former token again, nobody is signed out, and nothing is half
# there.  A client is a psql; its ledger is a file.

use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use IPC::Open2;
use KeyRing;
use POSIX ();
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Server;
use Test::More;
use Time::HiRes qw(sleep);

use constant { CLIENTS => 8, BACKEND_KILLS => 8, SERVER_KILLS => 5 };

# a grace time that a slow machine does not exceed
my $node = new_server('crash', 'fsync = on', 'restart_after_crash = on', 'intrex_auth.refresh_reuse_grace = 600');
my $ledgers = PostgreSQL::Test::Utils::tempdir();
my $parent = $$;
my $connection = 'host=' . $node->host . ' port=' . $node->port . ' dbname=postgres application_name=client';

# A psql that answers line by line.
sub connect_client
{
	my $pid = open2(my $answers, my $questions, 'psql', '-XAtq', '-v', 'ON_ERROR_STOP=1', $connection);
	$questions->autoflush(1);
	return { pid => $pid, answers => $answers, questions => $questions };
}

# One refresh: the answer, or undef when the connection broke.
sub ask
{
	my ($client, $token) = @_;
	local $SIG{PIPE} = 'IGNORE';

	print { $client->{questions} } "SELECT coalesce(g ->> 'refresh_token', 'refused ' || (g #>> '{error,code}')) FROM auth_api.refresh('$token') AS g;\n"
	  or return undef;
	my $line = readline($client->{answers});
	chomp $line if defined $line;
	return $line;
}

# Refresh until told to stop, one token after the other; write down what was heard.
sub client
{
	my ($number, $token) = @_;
	my $psql;

	open(my $ledger, '>', "$ledgers/$number") or die $!;
	$ledger->autoflush(1);
	open(STDERR, '>', '/dev/null');
	open(STDOUT, '>', '/dev/null');
	while (!-e "$ledgers/stop" && getppid() == $parent)
	{
		$psql ||= connect_client();
		my $answer = ask($psql, $token);
		if (!defined $answer)
		{
			close($psql->{$_}) for ('questions', 'answers');
			waitpid($psql->{pid}, 0);
			$psql = undef;
			print $ledger "lost $token\n";
			sleep(0.05);
			next;
		}
		print $ledger "$token $answer\n";
		last if $answer =~ /^refused/;
		$token = $answer;
	}
	if ($psql)
	{
		close($psql->{questions});
		waitpid($psql->{pid}, 0);
	}
}

# The first line of an answer, '' when there is none; nothing goes through a pipe
# that a client which cannot connect has closed.
sub try_sql
{
	my ($statement) = @_;
	my $answer = `psql -XAtq -c "$statement" '$connection' 2>/dev/null`;
	chomp $answer;
	return $answer;
}

# An answer that was lost: committed, not heard of, and the server killed.
$node->safe_psql('postgres', q(SELECT auth.user_create(n || '@crash.example', 'password of ' || n) FROM generate_series(0, 8) AS n));
my @first = map { $node->safe_psql('postgres', "SELECT auth_api.login('$_\@crash.example', 'password of $_') ->> 'refresh_token'") } (0 .. 8);
$node->safe_psql('postgres', "SELECT length(auth_api.refresh('$first[8]') ->> 'refresh_token')");
crash($node);
my $successor = $node->safe_psql('postgres', "SELECT auth_api.refresh('$first[8]') ->> 'refresh_token'");
is($node->safe_psql('postgres', "SELECT count(*) FROM auth.refresh_tokens WHERE parent = auth._opaque_hash('$first[8]') AND token_hash = auth._opaque_hash('$successor')"), '1',
	'a lost answer comes again after a crash');
# one that was not committed is as if it had not been
my $open = $node->background_psql('postgres');
$open->query_safe("BEGIN; SELECT auth_api.refresh('$successor') IS NOT NULL;");
crash($node);
$open->{run}->kill_kill;
like($node->safe_psql('postgres', "SELECT auth_api.refresh('$successor') ->> 'refresh_token'"), qr/^[\w-]{43}$/, 'and one that never committed can be asked for anew');

# The load.
my @children;
for my $number (0 .. CLIENTS - 1)
{
	my $pid = fork();
	die "fork: $!" unless defined $pid;
	if ($pid == 0)
	{
		eval { client($number, $first[$number]); 1 } or do { open(my $f, '>>', "$ledgers/$number"); print $f "died $@\n" };
		POSIX::_exit(0);
	}
	push @children, $pid;
}
# However long it takes: each kill meets clients at work.
for (1 .. BACKEND_KILLS)
{
	sleep(0.05 + rand(0.45));
	wait_for('a client refreshes', sub {
		my $pid = try_sql(q(SELECT pid FROM pg_stat_activity WHERE query LIKE '%auth_api.refresh%'
			AND pid <> pg_backend_pid() ORDER BY random() LIMIT 1));
		return $pid && kill('KILL', $pid);
	});
}
for (1 .. SERVER_KILLS)
{
	sleep(0.05 + rand(0.45));
	wait_for('a client is there', sub { try_sql(q(SELECT count(*) FROM pg_stat_activity WHERE application_name = 'client'
		AND pid <> pg_backend_pid() AND query <> '')) });
	crash($node);
}
wait_for('a load', sub { my $n = () = map { slurp($_) =~ /^\S{43} \S{43}$/mg } glob("$ledgers/*"); $n > 100 });
open(my $stop, '>', "$ledgers/stop") or die $!;
close($stop);
waitpid($_, 0) for @children;

# What the clients wrote against what is there.
my (@acknowledged, @last);
my $lost = 0;
my $wrong = '';
for my $number (0 .. CLIENTS - 1)
{
	my $token = $first[$number];
	for (split /\n/, slurp("$ledgers/$number"))
	{
		if (/^lost /) { $lost++ }
		elsif (/^(\S{43}) (\S{43})$/) { push @acknowledged, "$1,$2"; $token = $2 }
		else { $wrong .= "$_\n" }
	}
	push @last, $token;
}
is($wrong, '', 'no client was refused');
cmp_ok(scalar(@acknowledged), '>', 100, 'there was a load');
cmp_ok($lost, '>=', BACKEND_KILLS + SERVER_KILLS, 'answers were lost');
note(@acknowledged . " rotations acknowledged, $lost answers lost");
spew("$ledgers/all", join("\n", @acknowledged) . "\n");
chmod(0644, "$ledgers/all");
$node->safe_psql('postgres', "CREATE TABLE ledger (parent text, child text); COPY ledger FROM '$ledgers/all' (FORMAT csv)");
is($node->safe_psql('postgres', q(
	SELECT count(*) FROM ledger AS l WHERE NOT EXISTS (
		SELECT FROM auth.refresh_tokens AS r WHERE r.token_hash = auth._opaque_hash(l.child) AND r.parent = auth._opaque_hash(l.parent)))), '0',
	'every acknowledged rotation is there');
is($node->safe_psql('postgres', q(SELECT count(*) FROM auth.sessions WHERE revoked_at IS NOT NULL)), '0', 'nobody is signed out');
is($node->safe_psql('postgres', q(
	SELECT count(*) FROM auth.refresh_tokens AS r WHERE r.parent IS NOT NULL
		AND NOT EXISTS (SELECT FROM auth.refresh_tokens AS p WHERE p.token_hash = r.parent AND p.session_id = r.session_id))), '0',
	'no token without the one before it');
is($node->safe_psql('postgres', q(
	SELECT count(*) FROM (
		SELECT FROM auth.refresh_tokens AS r WHERE NOT EXISTS (SELECT FROM auth.refresh_tokens AS c WHERE c.parent = r.token_hash)
		GROUP BY r.session_id HAVING count(*) <> 1) AS families)), '0',
	'one newest token in each family');
is($node->safe_psql('postgres', q(
	SELECT count(*) FROM auth.sessions AS s WHERE
		(SELECT count(*) FROM auth.refresh_tokens AS r WHERE r.session_id = s.id AND r.parent IS NOT NULL)
		> (SELECT count(*) FROM auth.audit_log AS a WHERE a.session_id = s.id AND a.event = 'refresh' AND a.outcome = 'success'))), '0',
	'no rotation without its row in the trail');
is($node->safe_psql('postgres', join(' ', map { "SELECT auth_api.refresh('$_') ? 'access_token';" } @last)), join("\n", ('t') x CLIENTS), 'everybody goes on');

$node->stop;
done_testing();
