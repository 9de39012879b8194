# The commands of doc/backup.md as they stand there, each as the role that the page names: back
# up, restore into another server, restore as an owner who is not a superuser, check, upgrade.

use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use KeyRing;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Restore;
use Server;
use Test::More;

my $page = slurp("$FindBin::RealBin/../../doc/backup.md");
my $backup = PostgreSQL::Test::Utils::tempdir();

# The commands under a heading: pairs of role and text. A block is run as the last role
# that a paragraph before it names with "As ...".
sub commands
{
	my ($heading) = @_;
	my ($section) = $page =~ /^## \Q$heading\E\n(.*?)(?=^## |\z)/ms or die "no section $heading";
	my @found;

	while ($section =~ /\bAs (a superuser|`app_owner`)[^\n]*(?:\n[^\n]+)*\n\n<!-- .* -->\n```sh\n((?:.*\n)*?)```/g)
	{
		push(@found, [ $1 eq 'a superuser' ? 'postgres' : 'app_owner', $2 ]);
	}
	die "section $heading has blocks without role" if @found != (() = $section =~ /^```sh$/mg);
	return @found;
}

# Run a section on a server, stopping at the first command that fails; what was printed.
sub follow
{
	my ($node, $heading) = @_;
	my $printed = '';

	for my $block (commands($heading))
	{
		my ($role, $text) = @$block;
		local $ENV{PGHOST} = $node->host;
		local $ENV{PGPORT} = $node->port;
		local $ENV{PGUSER} = $role;
		local $ENV{PGDATA} = $node->data_dir;
		local $ENV{BACKUP} = $backup;
		my ($out, $err) = run_command([ 'bash', '-e', '-o', 'pipefail', '-c', $text ]);
		my $code = $?;
		# what roles.sql says of roles that are there is what the page tells of
		my @errors = grep { /error|warning/i && !/role "\w+" already exists/ } split(/\n/, $err);
		is($code, 0, "$heading, as $role: succeeds");
		is(join("\n", @errors), '', "$heading, as $role: without an error");
		$printed .= $out;
	}
	return $printed;
}

my $node = restore_server('source');
fill($node, 'app');
$node->safe_psql('app', q(
	CREATE ROLE app_owner LOGIN;
	ALTER DATABASE app OWNER TO app_owner;
	ALTER TABLE notes OWNER TO app_owner;
	ALTER TABLE diaries OWNER TO app_owner;
	ALTER DATABASE app SET intrex_auth.access_token_lifetime = '7min'));
my $before = fingerprint($node, 'app');
follow($node, 'Back up');
is((stat("$backup/intrex_auth.jwks"))[2] & 0777, 0600, 'the key file is a secret there, too');

# into another server
my $other = restore_server('other');
follow($other, 'Restore');
like(follow($other, 'Check afterwards'), qr/\(0 rows\).*\(0 rows\).*\(0 rows\)/s, 'restored: all is well');
is($other->safe_psql('app', 'SHOW intrex_auth.access_token_lifetime'), '7min', 'restored: with the settings of the database');
restored($other, 'app', $before, 'restored');

# by an owner
$other->safe_psql('postgres', 'DROP DATABASE app');
follow($other, 'Restore as an owner who is not a superuser');
like(follow($other, 'Check afterwards'), qr/\(0 rows\).*\(0 rows\).*\(0 rows\)/s, 'by the owner: all is well');
is($other->safe_psql('app', q(SELECT string_agg(DISTINCT tableowner, ', ') FROM pg_tables WHERE schemaname = 'public')),
	'app_owner', 'by the owner: the tables are theirs');
is($other->safe_psql('postgres', q(SELECT pg_has_role('app_owner', 'auth_owner', 'MEMBER'))), 'f',
	'by the owner: who is not auth_owner any more');
my (undef, undef, $error) = $other->psql('app', "COPY auth.sessions (user_id) FROM STDIN", extra_params => [ '-U', 'app_owner' ]);
like($error, qr/permission denied/, 'by the owner: and copies nothing into our tables');
restored($other, 'app', $before, 'by the owner');

# error, without the grant
$other->safe_psql('postgres', 'DROP DATABASE app');
$other->safe_psql('postgres', 'CREATE DATABASE app OWNER app_owner');
$other->safe_psql('app', 'CREATE EXTENSION intrex_auth');
$other->command_fails([ 'pg_restore', '--use-list', "$backup/app.list", '--no-owner', '--username=app_owner', '--dbname=app',
	'--host', $other->host, '--port', $other->port, "$backup/app.dump" ], 'without the grant nothing is restored');
is($other->safe_psql('app', 'SELECT count(*) FROM auth.users'), '0', 'without the grant: no row of ours');
$other->stop;

# pg_upgrade to a new cluster, here of the same major version
my $upgraded = new_cluster('upgraded');
$upgraded->append_conf('postgresql.conf', "intrex_auth.issuer = 'https://auth.example'\nintrex_auth.password_cost = 4");
$node->stop;
my ($upgrade, $reset) = map { $_->[1] } commands('pg_upgrade');
{
	my $bin = $node->config_data('--bindir');
	my $work = PostgreSQL::Test::Utils::tempdir_short();

	local %ENV = (%ENV, OLD_BIN => $bin, NEW_BIN => $bin, OLD_DATA => $node->data_dir, NEW_DATA => $upgraded->data_dir);
	delete @ENV{qw(PGHOST PGPORT PGDATA)};
	my ($out, $err) = run_command([ 'bash', '-e', '-c', "cd '$work'; $upgrade" ]);
	is($?, 0, 'pg_upgrade: succeeds') or diag("$out\n$err");
}
$upgraded->start;
my $states = q(SELECT t.tgrelid::regclass, p.proname, t.tgenabled, count(*) FROM pg_trigger AS t
	JOIN pg_class AS c ON c.oid = t.tgrelid AND c.relnamespace = 'auth'::regnamespace JOIN pg_proc AS p ON p.oid = t.tgfoid
	WHERE t.tgconstrrelid <> 'notes'::regclass
	GROUP BY t.tgrelid, 2, 3 ORDER BY t.tgrelid::regclass::text, 2, 3);
create_empty($upgraded, 'fresh', 1);
$upgraded->safe_psql('fresh', 'CREATE TABLE notes ()');
isnt($upgraded->safe_psql('app', $states), $upgraded->safe_psql('fresh', $states), 'pg_upgrade: triggers have other states,');
is($upgraded->safe_psql('app', q(SELECT string_agg(DISTINCT rule, ', ') FROM auth.check_integrity())), 'triggers',
	'pg_upgrade: which check_integrity() tells');
(undef, undef, $error) = $upgraded->psql('app', 'INSERT INTO auth.sessions (user_id) VALUES (gen_random_uuid())');
like($error, qr/violates foreign key constraint "sessions_user_id_fkey"/, 'pg_upgrade: foreign keys are checked meanwhile');
$upgraded->command_ok([ 'pg_dump', '--format=custom', '--file', "$backup/upgraded.dump", $upgraded->connstr('app') ], 'pg_upgrade: pg_dump');
$upgraded->safe_psql('postgres', 'CREATE DATABASE again');
$upgraded->command_ok([ 'pg_restore', '--jobs=4', '--exit-on-error', '--dbname', $upgraded->connstr('again'), "$backup/upgraded.dump" ],
	'pg_upgrade: its dump is restored in parallel');
restored($upgraded, 'again', $before, 'pg_upgrade, dump and restore');
{
	local %ENV = (%ENV, PGHOST => $upgraded->host, PGPORT => $upgraded->port, PGUSER => 'postgres');
	my ($out, $err) = run_command([ 'bash', '-e', '-c', $reset ]);
	like($out, qr/sessions.*\| O   \| D/, 'pg_upgrade: triggers_reset() disables the server\'s checks') or diag($err);
}
is($upgraded->safe_psql('app', $states), $upgraded->safe_psql('fresh', $states), 'pg_upgrade: triggers are as in a new database');
restored($upgraded, 'app', $before, 'pg_upgrade');
$upgraded->stop;
done_testing();
