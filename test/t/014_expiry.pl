# Expiry by the wall clock: a token is refused from the second that exp names, in
# the next statement of an open transaction, whatever the plan; leeway 0.

use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use Identities;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_server('expiry', '');
my $parallel = worker_setting($node);
my $expired = '28000 token_expired';
# seconds that a token is good for: longer than it takes to use it, however slow the machine
my $good = 8;

# A token that is good for so many seconds.
sub short_token
{
	my ($seconds) = @_;
	my $now = $node->safe_psql('postgres', 'SELECT floor(extract(epoch from clock_timestamp()))::bigint');
	return token($node, 'anna', sprintf('{"iat": %d, "exp": %d}', $now - 1, $now + $seconds));
}

# Queries in one transaction, sent one by one, twice: before and after exp.
sub before_and_after
{
	my ($mode, $seconds, @queries) = @_;
	my $session = $node->background_psql('postgres', on_error_stop => 0);
	my $leader = $session->query('SELECT pg_backend_pid();');
	my $token = short_token($seconds);
	my @answers;

	push @queries, "SELECT CASE backend() WHEN $leader THEN 'serial' ELSE 'worker' END";
	for my $query ('BEGIN', "SET LOCAL $parallel = $mode", "SELECT attempt('$token')", @queries, "SELECT pg_sleep($seconds + 0.2)", @queries, 'COMMIT')
	{
		my $answer = $session->query("$query;");
		push @answers, $answer if $answer ne '';
	}
	$session->quit;
	return @answers;
}

# inside one transaction, serial and parallel
for my $mode ('off', 'on')
{
	my @answers = before_and_after($mode, $good, 'SELECT who()', 'SELECT sees()', "SELECT current_setting('app.current_tenant') = id('north')::text");
	my $kind = $mode eq 'on' ? 'worker' : 'serial';
	is_deeply(\@answers, [ 'accepted', 'anna, owner of north', 'north 3', 't', $kind, $expired, "$expired | $expired | none", 'f', $kind ],
		"$kind plan: good until exp, then refused within the transaction") or diag("@answers");
}

# first read of a transaction after exp, in the statement that was sent before it
my $token = short_token($good);
is(ask($node, "BEGIN; SET LOCAL intrex_auth.token = ''; SELECT who(); SELECT set_config('intrex_auth.token', '$token', true); SELECT pg_sleep($good.2); SELECT who(); COMMIT"),
	"nobody\n(hidden)\n\n$expired", 'set before exp, first read after it');
$token = short_token($good);
is(ask($node, "SELECT who(); DO \$\$ BEGIN PERFORM set_config('intrex_auth.token', '$token', true); PERFORM pg_sleep($good.2); PERFORM set_config('test.answer', who(), false); END \$\$; SHOW test.answer"),
	"nobody\n$expired", 'the same in one statement');

# when it is set: also a token that this backend has just verified
$token = short_token($good);
is(ask($node, "BEGIN; SELECT attempt('$token'); COMMIT; SELECT pg_sleep($good.2); BEGIN; SELECT attempt('$token'), attempt('$token', 'SELECT set_config(''intrex_auth.token'', \$1, true)'), attempt('$token', 'SELECT auth.jwt_verify(\$1)'); COMMIT",
		user => $node->safe_psql('postgres', 'SELECT current_user')),
	"accepted\n\n$expired|$expired|$expired", 'refused at once when it is set after exp, kept verification or not');

# a session token expires like any other
$token = short_token($good);
is(ask($node, "SET intrex_auth.session_token = on; SELECT who(); SET intrex_auth.token = '$token'; SELECT who(); SELECT pg_sleep($good.2); SELECT who(), sees(); RESET intrex_auth.token; SELECT who()",
		user => $node->safe_psql('postgres', 'SELECT current_user')),
	"nobody\nanna, owner of north\n\n$expired|$expired | $expired | none\nnobody", 'session_token = on: expired is expired');

# leeway 0: the second that exp names is too late, the one before is not
my $boundary = $node->safe_psql('postgres', q(
	CREATE FUNCTION boundary(OUT before text, OUT behind text, OUT elapsed bool) LANGUAGE plpgsql AS $$
	DECLARE
		exp bigint := floor(extract(epoch from clock_timestamp()))::bigint + 2;
		token text := token('anna', jsonb_build_object('iat', exp - 10, 'exp', exp));
	BEGIN
		PERFORM pg_sleep(extract(epoch from to_timestamp(exp) - clock_timestamp()) - 0.3);
		before := attempt(token);
		elapsed := clock_timestamp() >= to_timestamp(exp);
		PERFORM pg_sleep(greatest(extract(epoch from to_timestamp(exp) - clock_timestamp()), 0) + 0.001);
		behind := attempt(token);
	END $$;
	SELECT CASE WHEN elapsed THEN 'too slow' ELSE before END, behind FROM boundary()));
like($boundary, qr/^(?:accepted|too slow)\|$expired$/, 'accepted just before exp, refused just behind it');

$node->stop;
done_testing();
