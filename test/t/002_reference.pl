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

my @rows = $written =~ /^\| `(auth(?:_api)?\.[^(]+)\(.*$/mg;
cmp_ok(scalar(@rows), '>', 50, 'it lists the functions');
my @untested = $written =~ /^\| `(auth(?:_api)?\.[a-z]\w*)\([^\n]*\| – \|$/mg;
is("@untested", '', 'every public function is called by a test');
my @lost = $written =~ /^\| `(auth(?:_api)?\.\w+)\([^\n]*\| – \|[^\n]*\|[^\n]*\|$/mg;
is("@lost", '', 'every function is found in a module');

$node->stop;
done_testing();
