# `make installcheck` on a server as Debian sets one up, whose configuration is not in the
# data directory, and over TCP: it passes, and leaves the server as it was, with its
# databases, roles, settings and keys.

use strict;
use warnings;

use Digest::SHA qw(sha256_hex);
use File::Temp;
use FindBin;
use lib $FindBin::RealBin;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Server;
use Test::More;

my $tree = $ENV{INTREX_AUTH_TREE} || "$FindBin::RealBin/../..";

# its own copy, since it writes there
my $copy = File::Temp::tempdir(CLEANUP => 1);
system_or_bail('sh', '-c', 'tar -C "$0" -c --exclude=./.git --exclude=./.pg --exclude=./test/log --exclude=node_modules . | tar -C "$1" -x', $tree, $copy);

# the layout of pg_createcluster
my $node = new_cluster('debian');
my $etc = PostgreSQL::Test::Utils::tempdir();
my $data = $node->data_dir;
my $port = PostgreSQL::Test::Cluster::get_free_port();
$node->append_conf('postgresql.conf', join("\n", "data_directory = '$data'", "hba_file = '$etc/pg_hba.conf'", "ident_file = '$etc/pg_ident.conf'",
	"listen_addresses = '127.0.0.1'", "port = $port", "unix_socket_directories = ''", 'fsync = off', 'log_statement = none', ''));
rename("$data/$_", "$etc/$_") or die "$_: $!" for qw(postgresql.conf pg_hba.conf pg_ident.conf);
my @pg_ctl = ('pg_ctl', '-w', '-D', $data, '-l', $node->logfile);
system_or_bail(@pg_ctl, '-o', "-c config_file=$etc/postgresql.conf", 'start');

my %server = (PGHOST => '127.0.0.1', PGPORT => $port, PGDATABASE => 'postgres');
my $superuser = $ENV{PGUSER};

sub sql
{
	my ($query) = @_;
	local %ENV = (%ENV, %server);
	my ($out, $err) = run_command([ 'psql', '-XAtq', '-v', 'ON_ERROR_STOP=1', '-c', $query ]);
	return $err eq '' ? $out : "$out$err";
}

# Everything that may not change; files of the key ring are looked at as such.
sub state_of_server
{
	local %ENV = (%ENV, %server);
	my ($globals) = run_command([ 'pg_dumpall', '--globals-only' ]);

	return join("\n", ($globals =~ s/^(?:--|\\(?:un)?restrict ).*\n//mgr), sql('SELECT datname, datacl FROM pg_database ORDER BY 1'),
		sql('SELECT * FROM pg_db_role_setting ORDER BY 1, 2'), sql('SELECT name, setting, sourcefile, sourceline FROM pg_file_settings ORDER BY seqno'),
		map { "$_ " . sha256_hex(slurp_file($_)) } grep { -f } glob("$data/* $etc/*"));
}

# The tests that are given, or all.
sub installcheck
{
	my (@tests) = @_;
	my $said = '';
	local %ENV = (%ENV, %server);

	delete @ENV{qw(MAKEFLAGS MAKELEVEL)};
	IPC::Run::run([ 'make', '-s', '-C', $copy, 'PG_CONFIG=' . $node->config_data('--bindir') . '/pg_config', (@tests ? "REGRESS=@tests" : ()), 'installcheck' ],
		'<', \undef, '>', \$said, '2>&1');
	return ($? >> 8, $said);
}

# where the extension is not used yet: neither its roles nor its key file stay
my $before = state_of_server();
my ($code, $said) = installcheck('otp');
is($code, 0, 'one test on a server that knows nothing of the extension') or diag($said);
is(state_of_server(), $before, 'and it is as it was');

# one that is in use
sql('CREATE DATABASE app');
{
	local $server{PGDATABASE} = 'app';
	sql('CREATE EXTENSION intrex_auth');
	sql(q(ALTER DATABASE app SET intrex_auth.access_token_lifetime = '10 min'));
	sql(q(CREATE ROLE app LOGIN; GRANT authenticated TO app; ALTER ROLE app SET search_path = public));
}
$before = state_of_server();
like($before, qr/^\S*intrex_auth\.jwks [0-9a-f]{64}$/m, 'there is a key file');
($code, $said) = installcheck();
is($code, 0, 'all tests') or diag($said, -f "$copy/regression.diffs" ? slurp_file("$copy/regression.diffs") : '');
my $tests = () = $said =~ /^(?:test \w+ +\.\.\. ok|ok \d+ +- \w+)/mg;
my @changing = map { m{(\w+)\.sql$} } grep { slurp_file($_) =~ /^-- Changes the key ring\.$/m } glob("$tree/test/sql/*.sql");
is($tests, (() = glob("$tree/test/sql/*.sql")) - @changing, 'but those that change the ring');
cmp_ok(scalar(@changing), '>', 0, "which there are: @changing");
is(state_of_server(), $before, 'the server is as it was');

# what would be lost is not replaced
sql('CREATE DATABASE contrib_regression');
($code, $said) = installcheck('otp');
isnt($code, 0, 'not over a database of that name');
like($said, qr/there is a database contrib_regression, which the tests would replace; drop it first/, 'it says so');
is(sql(q(SELECT count(*) FROM pg_database WHERE datname = 'contrib_regression')), '1', 'and the database is there');

system_or_bail(@pg_ctl, '-m', 'fast', 'stop');

# a test that does so says so: the others run on servers that are in use
is(join(' ', map { m{(\w+)\.sql$} } grep { my $text = slurp_file($_);
	$text =~ /\bauth\.key_(?:rotate|create|import|standby|promote|retire|delete)\s*\((?!\))(?!NULL)|TO PROGRAM/ && $text !~ /^-- Changes the key ring\.$/m }
	glob("$tree/test/sql/*.sql")), '', 'no other test changes the ring');

done_testing();
