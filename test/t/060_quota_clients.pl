# 32 clients use up a quota at the same moment.  Exactly as many rows get in as it
# allows, at each isolation level, from the first row of a month on; what is
# rolled back, times out or is killed is given back; and nobody fails for another
# reason: no 40001, no deadlock.

use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use Clients;
use Guess;
use Identities qw(raw_query);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $clients = 32;
my $tenants = 4;
my $node = guess_server('quotas');
my @levels = ('READ COMMITTED', 'REPEATABLE READ', 'SERIALIZABLE');

$node->safe_psql('postgres', q{
	SELECT auth.plan_create('pro'), auth.feature_create('posts', true), auth.feature_create('words', true);
	SELECT auth.plan_feature_set('pro', 'posts', 100), auth.plan_feature_set('pro', 'words', 1000000);
	CREATE TABLE tokens (n int, token text);
	INSERT INTO tokens SELECT n, auth_api.register('user' || n || '@example.com', 'correct horse battery', tenant_name => 'tenant ' || n) ->> 'access_token'
		FROM generate_series(0, 3) AS n;
	SELECT auth.subscription_set(id, 'pro') FROM auth.tenants;
	CREATE TABLE posts (tenant_id uuid NOT NULL DEFAULT auth.tenant_id(), client int);
	CREATE TRIGGER quota AFTER INSERT ON posts REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION auth.quota_trigger('posts');
	GRANT SELECT, INSERT ON posts TO authenticated;
	SELECT count(*) FROM auth.protect('posts');
	GRANT USAGE ON SEQUENCE refused, passed TO authenticated;
	CREATE FUNCTION post(client int) RETURNS void LANGUAGE plpgsql AS $$
	BEGIN
		INSERT INTO posts (client) VALUES (post.client);
		PERFORM nextval('passed');
	EXCEPTION WHEN SQLSTATE 'PT402' THEN
		PERFORM nextval('refused');
	END
	$$;
});

# A transaction of a client, who is a member of one of so many tenants.
sub transaction
{
	my ($level, $among, $body) = @_;
	return "BEGIN ISOLATION LEVEL $level;
SELECT count(auth.authenticate(token)) FROM tokens WHERE n = mod(:client_id, $among);
SET LOCAL ROLE authenticated;
$body";
}

# Used and rows of each tenant, "100=100 …"; then all is as in a new month.
sub counts
{
	return $node->safe_psql('postgres', q{
		SELECT string_agg(concat(u.used, '=', (SELECT count(*) FROM posts AS p WHERE p.tenant_id = u.tenant_id)), ' ') FROM auth.usage AS u WHERE u.quota = 'posts';
		DELETE FROM auth.usage; TRUNCATE posts});
}

for my $level (@levels)
{
	my $err = together($node, $clients, transaction($level, 1, join('', map { "SELECT post(:client_id);\n" } 1 .. 5) . 'COMMIT;'));

	unlike($err, qr/ERROR|FATAL/, "$level, a new month: no errors");
	is(counts(), '100=100', "$level: 160 posts were tried, and 100 are there and counted");
	is(passed($node) . ' ' . refused($node), '100 60', "$level: the others were refused");

	# many short transactions after each other; four tenants side by side
	$err = pgbench($node, transaction($level, $tenants, "SELECT post(:client_id);\nCOMMIT;"), '-c', $clients, '-j', 2, '-t', 25);
	unlike($err, qr/ERROR|FATAL/, "$level, four tenants: no errors");
	is(counts(), '100=100 100=100 100=100 100=100', "$level: each has as many posts as its quota");
	is(passed($node) . ' ' . refused($node), '400 400', "$level: no transaction failed for another reason");

	# half of them think better of it
	$err = pgbench($node, "\\set back random(0, 1)\n" . transaction($level, $tenants, "SAVEPOINT s;\nSELECT post(:client_id);\n"
		  . "\\if :back\nROLLBACK TO s;\n\\endif\nSELECT post(:client_id);\n\\if :back\nROLLBACK;\n\\else\nCOMMIT;\n\\endif"), '-c', $clients, '-j', 2, '-t', 10);
	unlike($err, qr/ERROR|FATAL/, "$level, rolling back: no errors");
	my $counts = counts();
	is((grep { /^(\d+)=(\d+)$/ && $1 == $2 && $1 <= 100 && $1 > 0 } split(/ /, $counts)), $tenants, "$level: used is what is there ($counts)");
	passed($node), refused($node);

	# two quotas, in different order
	$err = pgbench($node, transaction($level, 1, "\\set odd mod(:client_id, 2)\n\\if :odd\n"
		  . "SELECT auth.consume_quota('posts');\nSELECT auth.consume_quota('words', 3);\n\\else\n"
		  . "SELECT auth.consume_quota('words', 3);\nSELECT auth.consume_quota('posts');\n\\endif\nCOMMIT;"), '-c', $clients, '-j', 2, '-t', 3);
	unlike($err, qr/ERROR|FATAL/, "$level, two quotas in different order: no errors");
	is($node->safe_psql('postgres', q{SELECT string_agg(quota || ' ' || used, ', ' ORDER BY quota) FROM auth.usage}), 'posts 96, words 288', "$level: all were counted");
	counts();

	# (cancelled as by a statement_timeout, but not before it has used the quota)
	for my $end ("SELECT post(:client_id), pg_cancel_backend(pg_backend_pid()), pg_sleep(600);\nCOMMIT;", "SELECT post(:client_id), pg_terminate_backend(pg_backend_pid());\nCOMMIT;")
	{
		# (the role may not end its own backend)
		my $script = transaction($level, $tenants, $end);
		$script =~ s/SET LOCAL ROLE authenticated;\n//;
		$err = together($node, $clients, $script);
		unlike($err, qr/serialize|deadlock/, "$level, ended from outside: no conflicts");
		is(counts(), '', "$level: nothing is there, and nothing is counted");
		is(passed($node) > 0, 1, "$level: though there were posts");
		refused($node);
	}
}

# Rounds near the limit: some think better of it, some of them in a savepoint.  What
# others take back while one waits is his; nobody is refused for a place that is free.
my $open = clients($node, $clients);
my $token = $node->safe_psql('postgres', 'SELECT token FROM tokens WHERE n = 0');
my $tenant = $node->safe_psql('postgres', q{SELECT id FROM auth.tenants WHERE name = 'tenant 0'});
sub as_member
{
	my ($level, $statements) = @_;
	return run_at($level, "SELECT FROM auth.authenticate('$token'); SET LOCAL ROLE authenticated; $statements");
}
sub used_and_there
{
	return raw_query($open->{gate}, "SELECT coalesce((SELECT used FROM auth.usage WHERE quota = 'posts' AND tenant_id = '$tenant'), 0), (SELECT count(*) FROM posts)");
}
for my $levels (map({ [$_] } @levels), \@levels)
{
	my $rounds = @$levels > 1 ? 8 : 20;
	my (@wrong, @told);

	for my $round (1 .. $rounds)
	{
		my $left = $round * 7 % $clients;
		my $insert = 'INSERT INTO posts VALUES (DEFAULT, 1);';
		my @ways = ($insert, "$insert SELECT pg_sleep(0.001); ROLLBACK;", $insert, "SAVEPOINT s; $insert ROLLBACK TO s; $insert");
		my $gate = $round % 2 ? $Clients::GATE : '';

		raw_query($open->{gate}, 'DELETE FROM auth.usage; TRUNCATE posts');
		raw_query($open->{gate}, as_member('READ COMMITTED', "INSERT INTO posts SELECT '$tenant', 0 FROM generate_series(1, 100 - $left);"));
		my @outcomes = map { outcome($_) || 'done' } race($open, [ map { as_member($levels->[ $_ % @$levels ], "$gate $ways[$_ % 4]") } 1 .. $clients ]);

		# eight of them, or less, gave back what they had
		my $taken = grep { $_ % 4 != 1 && $outcomes[ $_ - 1 ] eq 'done' } 1 .. $clients;
		my $expected = $left < $clients * 3 / 4 ? $left : $clients * 3 / 4;
		my $now = 100 - $left + $taken;
		push @told, @outcomes;
		push @wrong, "round $round: $taken of $left" if $taken != $expected;
		push @wrong, "round $round: " . used_and_there() . ", not $now" if used_and_there() ne "$now|$now";
		# and all that is left can be had, one by one
		my @more = map { outcome(raw_query($open->{gate}, as_member('READ COMMITTED', $insert))) || 'done' } 0 .. 100 - $now;
		raw_query($open->{gate}, 'ROLLBACK');
		push @wrong, "round $round: then " . outcomes(@more) if grep({ $_ eq 'done' } @more) != 100 - $now || $more[-1] ne 'PT402';
		push @wrong, "round $round: full at " . used_and_there() if used_and_there() ne '100|100';
	}
	is(join('; ', @wrong), '', join(' and ', @$levels) . ", $rounds rounds: what is used is there, and all of it can be used");
	like(outcomes(@told), qr/^PT402: \d+, done: \d+$/, join(' and ', @$levels) . ", $rounds rounds: done or refused (" . outcomes(@told) . ')');
}
counts();
is($node->safe_psql('postgres', q{SELECT deadlocks FROM pg_stat_database WHERE datname = 'postgres'}), '0', 'there was no deadlock');

# The month is that in which the transaction began, and one that is over takes
# nothing from the next.
$node->safe_psql('postgres', q{INSERT INTO auth.usage SELECT id, 'posts', (date_trunc('month', now() AT TIME ZONE 'UTC') - interval '1 month')::date, 100 FROM auth.tenants});
unlike(pgbench($node, transaction('READ COMMITTED', $tenants, "SELECT post(:client_id);\nCOMMIT;"), '-c', $clients, '-t', 1), qr/ERROR/, 'a quota that was used up last month');
is($node->safe_psql('postgres', 'SELECT count(*) FROM posts'), $clients, 'is there again');

$node->stop;
done_testing();
