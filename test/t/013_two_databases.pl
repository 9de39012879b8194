# A token of one database is refused by the next; with one issuer for both, the
# session check refuses it; and a database without the extension, where anybody
# may own a schema called auth, learns nothing and breaks nothing.

use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use Identities;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_server('databases', '');
$node->safe_psql('postgres', 'CREATE DATABASE second');
identities($node, 'second');

my $first = token($node, 'anna');
my $second = token($node, 'anna', '{}', 'second');

# What a token is worth in a database.
sub verdict
{
	my ($database, $token, $before) = @_;
	$before //= '';
	return ask($node, "BEGIN; $before SELECT attempt('$token'); SELECT who(), sees(), current_setting('app.current_tenant') <> '00000000-0000-0000-0000-000000000000'; COMMIT",
		database => $database);
}

is(verdict('postgres', $first), "accepted\nanna, owner of north|north 3|t", 'a token is good where it was issued');
is(verdict('second', $second), "accepted\nanna, owner of north|north 3|t", 'so is that of the other database');
is(verdict('second', $first), "28000 wrong_issuer\nnobody|none|f", 'not in the other database, with the same key file and the same user');
is(verdict('postgres', $second), "28000 wrong_issuer\nnobody|none|f", 'nor the other way');
is(ask($node, "SELECT who(); BEGIN; SET LOCAL intrex_auth.token = '$first'; SELECT who(); COMMIT", database => 'second'),
	"nobody\n28000 wrong_issuer", 'nor by SET: the first read is an error');

# one issuer for both: what the token says is checked where it is shown
$node->append_conf('postgresql.conf', "intrex_auth.issuer = 'https://auth.example'");
$node->reload;
$node->poll_query_until('postgres', q(SELECT auth.uid() IS NULL AND current_setting('intrex_auth.issuer') <> ''));
$first = token($node, 'anna', '{"session_id": "11111111-1111-4111-8111-111111111111"}');
$node->safe_psql('postgres', q(INSERT INTO auth.sessions (id, user_id) VALUES ('11111111-1111-4111-8111-111111111111', id('anna'))));
is(verdict('postgres', $first), "accepted\nanna, owner of north|north 3|t", 'one issuer: good where the session is');
is(verdict('second', $first), "28000 session_not_found\nnobody|none|f", 'one issuer: refused where it is not');
$second = token($node, 'ben', '{}', 'second');
$node->safe_psql('postgres', q(UPDATE auth.sessions SET revoked_at = now() WHERE id = id('ben session')));
is(verdict('second', $second), "accepted\nben, viewer of south|south 2|t", 'one issuer: each database looks at its own sessions');
is(verdict('postgres', $second), "28000 session_revoked\nnobody|none|f", 'one issuer: and at the other\'s revocations not');

# a database without the extension, that belongs to an application role
$node->safe_psql('postgres', 'CREATE ROLE mallory LOGIN; CREATE DATABASE other OWNER mallory; ALTER DATABASE other SET session_preload_libraries = \'intrex_auth\'');
my $show = "BEGIN; SET LOCAL intrex_auth.token = '$first'; SHOW app.current_tenant; COMMIT";
is(ask($node, $show, database => 'other', user => 'mallory'), '00000000-0000-0000-0000-000000000000', 'no extension: no tenant');

# tables that are called like ours, whose columns are not what ours are
my @lures = (
	['columns of other types', 'user_id int, tenant_id int, expires_at int, revoked_at int', q((id, user_id) VALUES ('11111111-1111-4111-8111-111111111111', 7))],
	['columns that are missing', 'x int', q((id) VALUES ('11111111-1111-4111-8111-111111111111'))],
	['columns like ours', 'user_id uuid, tenant_id uuid, expires_at timestamptz, revoked_at timestamptz', q((id, user_id) VALUES ('11111111-1111-4111-8111-111111111111', md5('context_test anna')::uuid))]);
ask($node, 'CREATE SCHEMA auth', database => 'other', user => 'mallory');
for my $lure (@lures)
{
	my ($what, $columns, $row) = @$lure;
	ask($node, "DROP TABLE IF EXISTS auth.sessions, auth.users, auth.memberships;
		CREATE TABLE auth.sessions (id uuid PRIMARY KEY, $columns);
		CREATE TABLE auth.users (id uuid PRIMARY KEY, c2 text, c3 text, c4 text, c5 text, c6 text, c7 text, c8 boolean, c9 timestamptz);
		CREATE TABLE auth.memberships (tenant_id uuid, user_id uuid, role text, unit_ids uuid[], PRIMARY KEY (tenant_id, user_id));
		INSERT INTO auth.sessions $row;
		INSERT INTO auth.users (id) VALUES (md5('context_test anna')::uuid);
		INSERT INTO auth.memberships VALUES (md5('context_test north')::uuid, md5('context_test anna')::uuid, 'owner', '{}')", database => 'other', user => 'mallory');
	is(ask($node, $show, database => 'other', user => 'mallory'), '00000000-0000-0000-0000-000000000000', "no extension, $what: no tenant");
	is($node->safe_psql('postgres', 'SELECT 1'), '1', "no extension, $what: the server goes on");
}

# DROP and CREATE EXTENSION under an open session: the new tables are looked at
my $open = $node->background_psql('second', on_error_stop => 0);
my $ben = "BEGIN; SELECT attempt('$second'); COMMIT;";
like($open->query($ben), qr/accepted/, 'an open session');
$node->safe_psql('second', 'SET intrex_auth.allow_drop = on; DROP EXTENSION intrex_auth CASCADE; CREATE EXTENSION intrex_auth');
like($open->query($ben), qr/28000 session_not_found/, 'after DROP and CREATE EXTENSION: the sessions are gone');
$node->safe_psql('second', 'SET intrex_auth.allow_drop = on; DROP EXTENSION intrex_auth CASCADE');
identities($node, 'second');
like($open->query($ben), qr/accepted/, 'and with new rows it is accepted again');
$node->safe_psql('second', 'SET intrex_auth.allow_drop = on; DROP EXTENSION intrex_auth CASCADE');
like($open->query("BEGIN; SET LOCAL intrex_auth.token = '$second'; SHOW app.current_tenant; COMMIT;"), qr/00000000-0000-0000-0000-000000000000/, 'after DROP EXTENSION: no tenant');
$open->quit;

$node->stop;
done_testing();
