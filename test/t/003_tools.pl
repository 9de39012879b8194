# ./quickstart and ./check from a clone in a place where make cannot work, since its path
# has a blank and quotes: they work elsewhere, do what they were asked, and say no more
# than they did.  The same way is taken from a folder that the server's user cannot read.

use strict;
use warnings;

use Cwd qw(getcwd);
use File::Temp;
use FindBin;
use lib $FindBin::RealBin;
use PostgreSQL::Test::Utils;
use Test::More;

my $tree = $ENV{INTREX_AUTH_TREE} || "$FindBin::RealBin/../..";
# not in the tree, which is copied
my $clone = File::Temp::tempdir(CLEANUP => 1) . q(/it's a "clone");
my $here = getcwd();
my %before = map { $_ => 1 } glob('/var/tmp/intrex_auth-*');

mkdir($clone) or die "$clone: $!";
system_or_bail('sh', '-c', 'tar -C "$0" -c --exclude=./.git --exclude=./.pg --exclude=./test/log --exclude=node_modules . | tar -C "$1" -x', $tree, $clone);
# as from a fresh shell
delete @ENV{ grep { /^(PG|PERL5LIB|TEST|INTREX_AUTH_)/ } keys %ENV };

# Run a command of the clone there; returns its exit code and all that it said.
sub clone
{
	my ($command, @arguments) = @_;
	my $said = '';

	chdir($clone) or die "$clone: $!";
	IPC::Run::run([ "./$command", @arguments ], '<', \undef, '>', \$said, '2>&1');
	my $code = $? >> 8;
	chdir($here);
	return ($code, $said);
}

my ($code, $said) = clone('quickstart', '--stop');
is($said, "there is no server to stop\n", '--stop with nothing there');
ok(!-e "$clone/.pg", 'makes nothing');
($code, $said) = clone('quickstart', '--psql', '-c', 'SELECT 1');
is("$code $said", "1 quickstart: the server does not run; start it with ./quickstart\n", '--psql neither');

# names that are mistyped
($code, $said) = clone('check', 'sql', 'otp', 'nowhere');
is("$code $said", "1 check: no test of layer sql is called nowhere\n", 'a test that there is not, beside one that there is');
($code, $said) = clone('check', 'lint', 'otp');
is("$code $said", "1 check: layer lint has no files to choose from\n", 'a layer of no files');
($code, $said) = clone('check', 'lint', 'sql', 'otp');
is("$code $said", "1 check: files can be chosen of one layer, not of lint sql\n", 'a file of one of two layers');

# the layer and the files that were asked for, and these only
($code, $said) = clone('check', 'sql', 'otp', 'operations');
is($code, 0, 'check sql') or diag($said);
like($said, qr/^make cannot work in a path such as \Q$clone\E: working on a copy in /, 'check: says where it works');
is(join(' ', $said =~ /^(\w+ +\w+) +ok/mg) =~ s/ +/ /gr, 'sql operations sql otp', 'check: and runs what was asked for');
ok(-f "$clone/test/log/sql.log", 'check: the logs are here');

($code, $said) = clone('quickstart');
is($code, 0, 'quickstart') or diag($said);
like($said, qr/^The server keeps running/m, 'quickstart: to the end of the story');
($code, $said) = clone('quickstart', '--psql', '-XAtc', 'SELECT count(*) > 0 FROM auth.users');
is("$code $said", "0 t\n", 'quickstart --psql');
($code, $said) = clone('quickstart', '--stop');
like($said, qr/^stopped the server of PostgreSQL \d+, and removed it with its data\n\z/, 'quickstart --stop');
($code, $said) = clone('quickstart', '--stop');
is($said, "there is no server to stop\n", 'quickstart --stop, again');
is(join(' ', grep { !$before{$_} && m{-\w{10}$} && -O } glob('/var/tmp/intrex_auth-*')), '', 'and nothing is left elsewhere');

done_testing();
