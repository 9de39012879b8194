# Every way in which pg_dump and pg_restore move a database, also in parallel: COPY fills the
# tables in any order, each in a transaction of its own, and no row is lost.

use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Restore;
use Test::More;

my $node = restore_server('restore');
fill($node, 'source');
my $before = fingerprint($node, 'source');
my $source = $node->connstr('source');
my $folder = $node->basedir;
my $number = 0;

sub dump_to
{
	my ($name, @options) = @_;
	$node->command_ok([ 'pg_dump', @options, '--file', "$folder/$name", $source ], "pg_dump @options");
	return;
}

# Restore into a database by commands, each a list; then look.
sub restore
{
	my ($how, $database, @commands) = @_;
	my $to = $node->connstr($database);

	$node->command_ok([ map { $_ eq 'TO' ? $to : $_ } @$_ ], "$how: @{$_}[0, 1]") for @commands;
	restored($node, $database, $before, $how);
	return;
}

sub fresh
{
	my ($extension) = @_;
	my $database = 'restored' . ++$number;
	create_empty($node, $database, $extension);
	return $database;
}

sub pg_restore
{
	my ($name, @options) = @_;
	return [ 'pg_restore', @options, '--exit-on-error', '--dbname', 'TO', "$folder/$name" ];
}

sub psql
{
	my ($name, @options) = @_;
	return [ 'psql', @options, '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-d', 'TO', '-f', "$folder/$name" ];
}

dump_to('plain', '--format=plain');
dump_to('inserts', '--format=plain', '--inserts');
dump_to('custom', '--format=custom');
dump_to('directory', '--format=directory', '--jobs=4');
dump_to('tar', '--format=tar');

restore('plain', fresh(), psql('plain'));
restore('plain, one transaction', fresh(), psql('plain', '-1'));
restore('INSERTs, in the order of the dump', fresh(), psql('inserts'));
restore('custom', fresh(), pg_restore('custom'));
restore('custom, one transaction', fresh(), pg_restore('custom', '--single-transaction'));
restore("custom, two jobs, round $_", fresh(), pg_restore('custom', '--jobs=2')) for 1 .. 4;
restore('directory, four jobs', fresh(), pg_restore('directory', '--jobs=4'));
restore('tar', fresh(), pg_restore('tar'));
restore('section by section', fresh(), map { pg_restore('custom', "--section=$_", '--jobs=4') } qw(pre-data data post-data));

# rows alone, into an extension that is there
{
	my $database = fresh(1);
	$node->safe_psql($database, 'CREATE TABLE diaries (user_id uuid, text bytea);
		CREATE TABLE notes (id int PRIMARY KEY, tenant_id uuid, text text)');
	restore('rows alone, four jobs', $database, pg_restore('custom', '--data-only', '--jobs=4'));
}

# its triggers disabled meanwhile: the server's checks are enabled then, and that can be set right
{
	my $database = fresh(1);
	$node->safe_psql($database, 'CREATE TABLE diaries (user_id uuid, text bytea);
		CREATE TABLE notes (id int PRIMARY KEY, tenant_id uuid, text text)');
	$node->command_ok([ 'pg_restore', '--data-only', '--disable-triggers', '--jobs=4', '--exit-on-error',
		'--dbname', $node->connstr($database), "$folder/custom" ], 'rows alone, triggers disabled');
	is($node->safe_psql($database, q(SELECT string_agg(DISTINCT rule, ', ') FROM auth.check_integrity())),
		'triggers', 'triggers disabled: which check_integrity() tells');
	cmp_ok($node->safe_psql($database, 'SELECT count(*) FROM auth.triggers_reset()'), '>=', 50,
		'triggers disabled: triggers_reset() puts that right');
	restored($node, $database, $before, 'triggers disabled');
}

# over what is there
{
	my $database = fresh();
	local $ENV{PGOPTIONS} = '-c intrex_auth.allow_drop=on';
	restore('clean, nothing there', $database, pg_restore('custom', '--clean', '--if-exists', '--jobs=2'));
	$node->safe_psql($database, q(DELETE FROM auth.sessions; INSERT INTO auth.users (email) VALUES ('other@example.com')));
	restore('clean, over rows of its own', $database, pg_restore('custom', '--clean'));
	restore('clean, in parallel', $database, pg_restore('directory', '--clean', '--if-exists', '--jobs=4'));
}

# what was restored in part, and how to put that right
{
	my $database = fresh();
	$node->command_ok([ 'pg_restore', '--exit-on-error', '--section=pre-data', '--dbname', $node->connstr($database),
		"$folder/custom" ], 'in part: what comes before the rows');
	$node->safe_psql('source', "COPY auth.$_ TO '$folder/$_.copy'") for qw(memberships refresh_tokens membership_history users);
	$node->safe_psql($database, "COPY auth.$_ FROM '$folder/$_.copy'") for qw(memberships refresh_tokens membership_history);
	is($node->safe_psql($database, q(SELECT rule, row_count FROM auth.check_integrity() WHERE relation::text ~ 'memb|refresh')),
		"memberships_tenant_id_fkey|1\nmemberships_user_id_fkey|1\nrefresh_tokens_session_id_fkey|2\nunit_ids|1",
		'in part: rows that lack their parents are counted by key');
	$node->safe_psql($database, "COPY auth.users FROM '$folder/users.copy'");
	is($node->safe_psql($database, q(SELECT string_agg(rule, ',') FROM auth.check_integrity() WHERE rule ~ 'user_id')), '',
		'in part: what is restored later is missed no longer');
	$node->safe_psql($database, q(UPDATE auth.memberships SET is_default = NOT is_default));
	my (undef, undef, $error) = $node->psql($database, 'UPDATE auth.memberships SET tenant_id = gen_random_uuid()');
	like($error, qr/memberships_tenant_id_fkey/, 'in part: a row without its parent changes, but to no other that is not there');
}

$node->stop;
done_testing();
