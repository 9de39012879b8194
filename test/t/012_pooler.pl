# A transaction pooler: two clients of a real PgBouncer share one server
# connection, and the first leaves behind whatever it can.  The second is nobody
# until it authenticates itself.

use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use Identities;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Server;
use Test::More;

my ($pgbouncer) = grep { -x } map { "$_/pgbouncer" } split(/:/, $ENV{PATH}), '/usr/sbin', '/usr/local/sbin';
plan skip_all => 'pgbouncer is not installed' unless $pgbouncer;

my $stale = '28000 token_of_earlier_transaction';
my $node = new_server('pooler', '');
my $anna = token($node, 'anna');
my $ben = token($node, 'ben');

# PgBouncer on a socket of its own, one server connection
my $folder = PostgreSQL::Test::Utils::tempdir_short();
my $port = PostgreSQL::Test::Cluster::get_free_port();
append_to_file("$folder/users.txt", qq("app" ""\n));
append_to_file("$folder/pgbouncer.ini", join("\n",
	'[databases]',
	'postgres = host=' . $node->host . ' port=' . $node->port . ' dbname=postgres',
	'[pgbouncer]',
	"unix_socket_dir = $folder",
	'listen_addr =',
	"listen_port = $port",
	'auth_type = trust',
	"auth_file = $folder/users.txt",
	'pool_mode = transaction',
	'default_pool_size = 1',
	'min_pool_size = 0',
	"logfile = $folder/pgbouncer.log",
	"pidfile = $folder/pgbouncer.pid",
	''));
my ($in, $out, $err) = ('', '', '');
my $pooler = IPC::Run::start([ $pgbouncer, '-q', "$folder/pgbouncer.ini" ], '<', \$in, '>', \$out, '2>', \$err);
eval { wait_for('its socket', sub { -S "$folder/.s.PGSQL.$port" || !$pooler->pumpable }) };
-S "$folder/.s.PGSQL.$port" or BAIL_OUT("pgbouncer does not start: $err");

# A new client of the pooler.
sub client
{
	my ($client) = connect_raw($folder, $port, {});
	return $client;
}

# A server connection in which the library is not loaded yet.
sub fresh_backend
{
	my $gone = $node->safe_psql('postgres', q(SELECT string_agg(pid::text, ',') FROM pg_stat_activity WHERE usename = 'app'));
	if ($gone ne '')
	{
		$node->safe_psql('postgres', "SELECT pg_terminate_backend(pid) FROM unnest(ARRAY[$gone]) pid");
		$node->poll_query_until('postgres', "SELECT NOT EXISTS (SELECT FROM pg_stat_activity WHERE pid IN ($gone))");
	}
	# the pooler may notice late that it is gone
	wait_for('the pooler connects again', sub { raw_query(client(), 'SELECT 1') eq '1' });
	return;
}

my ($one, $two) = (client(), client());
is(raw_query($one, 'SELECT pg_backend_pid()'), raw_query($two, 'SELECT pg_backend_pid()'), 'two clients, one backend');

# what they do right
is(raw_query($one, "BEGIN; SELECT attempt('$anna'); SELECT who(), sees()"), "accepted\nanna, owner of north|north 3", 'client one authenticates in its transaction');
raw_send($two, 'SELECT who(), sees()');
is(raw_query($one, 'COMMIT'), '', 'and commits, while client two waits');
is(raw_answer($two), 'nobody|none', 'client two is nobody');
is(raw_query($two, "BEGIN; SELECT attempt('$ben'); SELECT who(), sees(); COMMIT; SELECT who()"), "accepted\nben, viewer of south|south 2\nnobody", 'and ben in its own transaction');
my @alternating = map { raw_query($_->[0], "BEGIN; SELECT set_config('intrex_auth.token', '$_->[1]', true) IS NULL; SELECT sees(); COMMIT") } ([ $one, $anna ], [ $two, $ben ]) x 50;
is_deeply(\@alternating, [ ("f\nnorth 3", "f\nsouth 2") x 50 ], 'a hundred transactions in turn: each sees its own');
raw_query($one, "BEGIN; SELECT attempt('$anna')");
close($one);
is(raw_query($two, 'SELECT who(), sees()'), 'nobody|none', 'client one leaves in the middle of a transaction');

# what client one leaves behind for its session
my %leftovers = (
	'SET' => "SET intrex_auth.token = '$anna'",
	'SET in a transaction' => "BEGIN; SET intrex_auth.token = '$anna'; SELECT who(); COMMIT",
	'set_config for the session' => "SELECT set_config('intrex_auth.token', '$anna', false)",
	'set_config in a function' => "DO \$\$ BEGIN PERFORM set_config('intrex_auth.token', '$anna', false); END \$\$",
	'SET under a savepoint' => "BEGIN; SAVEPOINT s; SET intrex_auth.token = '$anna'; RELEASE s; SAVEPOINT t; SET LOCAL intrex_auth.token = '$anna'; ROLLBACK TO t; COMMIT",
	'SET before another that fails' => "BEGIN; SET intrex_auth.token = '$anna'; COMMIT; SET intrex_auth.token = 'nonsense'");
for my $loaded ('after the library was loaded', 'as the first thing in the backend')
{
	for my $what (sort keys %leftovers)
	{
		fresh_backend();
		($one, $two) = (client(), client());
		is(raw_query($one, 'SELECT who()'), 'nobody', "$what $loaded") if $loaded =~ /after/;
		raw_query($one, $leftovers{$what});
		my $answer = raw_query($two, 'SELECT who(), sees()');
		like($answer, qr/^28000 (?:token_of_earlier_transaction|token_poisoned)\|28000 \w+ \| 28000 \w+ \| none$/, "$what $loaded: refused to client two");
		is(raw_query($two, q(SHOW intrex_auth.token)), '(hidden)', "$what $loaded: nor can it be read");
		is(raw_query($two, "BEGIN; SELECT attempt('$ben'); SELECT who(), sees(); COMMIT"), "accepted\nben, viewer of south|south 2", "$what $loaded: client two authenticates itself");
		unlike(raw_query($two, "SAVEPOINT s; ROLLBACK; SELECT who()"), qr/anna/, "$what $loaded: client two is not anna after it");
		is(raw_query($two, q(RESET intrex_auth.token; SELECT who(), sees())), 'nobody|none', "$what $loaded: RESET ends it");
	}
}

# what else stays in a session: none of it is an identity
fresh_backend();
($one, $two) = (client(), client());
raw_query($one, "BEGIN; SELECT attempt('$anna'); PREPARE mine AS SELECT count(*) FROM notes; PREPARE mine_once AS SELECT count(*) FROM notes_once; PREPARE mine_seed AS SELECT count(*) FROM notes_seed; EXECUTE mine; EXECUTE mine_once; EXECUTE mine_seed; COMMIT");
is(raw_query($two, 'EXECUTE mine'), '0', 'a prepared statement, executed by client two');
is(raw_query($two, 'EXECUTE mine_once'), '0', 'a prepared statement with an InitPlan');
is(raw_query($two, 'EXECUTE mine_seed'), '0', 'a prepared statement with the setting');
is(raw_query($two, "BEGIN; SELECT attempt('$ben'); EXECUTE mine; EXECUTE mine_once; EXECUTE mine_seed; COMMIT"), "accepted\n2\n2\n2", 'and by client two as ben');
raw_query($one, "BEGIN; SELECT attempt('$anna'); CREATE TEMP TABLE notes_temp AS SELECT * FROM notes; CREATE TEMP VIEW notes_view AS SELECT * FROM notes; COMMIT");
is(raw_query($two, 'SELECT who(), sees()'), 'nobody|none', 'temporary tables');
is(raw_query($two, 'SELECT count(*) FROM notes_view'), '0', 'a temporary view shows client two what its tables show');
raw_query($one, "BEGIN; SELECT attempt('$anna'); DECLARE held CURSOR WITH HOLD FOR SELECT body FROM notes; COMMIT");
is(raw_query($two, 'SELECT who(), sees()'), 'nobody|none', 'cursors WITH HOLD');
raw_query($one, 'SET ROLE authenticated; SELECT pg_advisory_lock(1); LISTEN a; SET row_security = off');
is(raw_query($two, 'SELECT who()'), 'nobody', 'SET ROLE, locks, LISTEN');
is(raw_query($two, 'RESET row_security; SELECT sees()'), 'none', 'and settings');
raw_query($one, q(CREATE FUNCTION pg_temp.uid() RETURNS uuid LANGUAGE sql AS 'SELECT md5(''context_test anna'')::uuid'; SET search_path = pg_temp, context_test, auth));
is(raw_query($two, 'SET search_path = context_test; SELECT who(), sees()'), 'nobody|none', 'functions of the same names');

# What client one took out of the protected tables itself stays where it put it:
# temporary tables and held cursors are rows, not questions (PgBouncer: DISCARD ALL).
is(raw_query($two, 'RESET ROLE; SELECT count(*) FROM notes_temp'), '3', 'rows copied into a temporary table are not protected any more');

close($_) for $one, $two;
$pooler->signal('TERM');
$pooler->finish;
$node->stop;
done_testing();
