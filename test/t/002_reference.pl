# doc/reference.md is what dev/reference writes: every function with its module,
# C file and test, every setting with its paragraph.

use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use KeyRing;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $tree = $ENV{INTREX_AUTH_TREE} || "$FindBin::RealBin/../..";
my $node = new_server('reference');
my ($written, $error);

local $ENV{PGHOST} = $node->host;
local $ENV{PGPORT} = $node->port;
local $ENV{PGDATABASE} = 'postgres';
local $ENV{INTREX_AUTH_TREE} = $tree;
IPC::Run::run([ 'perl', "$tree/dev/reference" ], '>', \$written, '2>', \$error);
is($error, '', 'dev/reference runs');
ok($written eq slurp("$tree/doc/reference.md"), 'doc/reference.md is up to date (dev/pg run dev/reference > doc/reference.md)');

# function, result, volatility, who, module, C, tests
my @rows = map { [ split(/ \| /) ] } $written =~ /^\| (`auth(?:_api)?\..*) \|$/mg;
cmp_ok(scalar(@rows), '>', 100, 'it lists the functions');
is(join(' ', map { $_->[0] } grep { @$_ != 7 && $_->[0] !~ /`auth\._/ } @rows), '', 'every row is whole');
is(join(' ', map { $_->[0] } grep { $_->[4] eq '–' } @rows), '', 'every function is found in a module');
is(join(' ', map { $_->[0] =~ /`([^(]+)/ } grep { $_->[0] !~ /`auth\._/ && $_->[6] eq '–' } @rows), '', 'every public function is called by a test');

# doc/errors.md has no code that nothing gives
my $sources = join '', map { slurp($_) } glob("$tree/sql/*.sql $tree/src/*.c $tree/src/core/*.c");
my ($codes) = slurp("$tree/doc/errors.md") =~ /^## Errors\n(.*)/ms;
my @codes = map { /`([a-z]+(?:_[a-z]+)+)`/g } grep { /^\|/ } split /\n/, $codes;
cmp_ok(scalar(@codes), '>', 60, 'codes of errors');
is(join(' ', grep { $sources !~ /['"]\Q$_\E['"]/ } @codes), '', 'are in the sources');

$node->stop;
done_testing();
