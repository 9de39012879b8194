# The extension is not dropped while it has users: by no statement, by no role, in
# no session; with intrex_auth.allow_drop it is, and without users it always is.

use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Server;
use Test::More;

my $node = new_cluster('drop');
$node->append_conf('postgresql.conf', 'intrex_auth.password_cost = 4');
$node->start;
$node->safe_psql('postgres', q(
	CREATE EXTENSION intrex_auth;
	INSERT INTO auth.users (email) VALUES ('anna@example.com');
	CREATE ROLE admin SUPERUSER LOGIN;
	CREATE ROLE plain LOGIN;
	CREATE ROLE installer SUPERUSER LOGIN;
	CREATE DATABASE installed OWNER plain;));
my $allow = '-c intrex_auth.allow_drop=on';

# What comes of statements in a new session, which has not loaded the library.
sub outcome
{
	my ($statements, %options) = @_;
	my $database = $options{database} // 'postgres';
	my ($code, $out, $err);

	local $ENV{PGOPTIONS} = $options{pgoptions} // '';
	($code, $out, $err) = $node->psql($database, "\\set VERBOSITY verbose\n$statements",
		on_error_stop => 1, extra_params => [ '-U', $options{user} // $ENV{PGUSER} // scalar(getpwuid($<)) ]);
	return $code == 0 ? 'done' : $err;
}

# Is everything there?
sub users
{
	return $node->safe_psql($_[0] // 'postgres', 'SELECT count(*) FROM auth.users');
}

my $refusal = qr/ERROR:  2BP01: extension "intrex_auth" has users and is not dropped\nDETAIL: .*\nHINT: .*intrex_auth\.allow_drop.*pg_restore --clean/;
my @ways = (
	'DROP EXTENSION intrex_auth',
	'DROP EXTENSION intrex_auth CASCADE',
	'DROP EXTENSION IF EXISTS intrex_auth',
	'DROP EXTENSION plpgsql CASCADE',
	"LOAD 'intrex_auth'; DROP EXTENSION intrex_auth",
	'SET session_replication_role = replica; DROP EXTENSION intrex_auth',
	'BEGIN; SAVEPOINT s; DROP EXTENSION intrex_auth; COMMIT',
	q(DO 'BEGIN DROP EXTENSION intrex_auth; END'),
	q(BEGIN; CREATE EXTENSION IF NOT EXISTS intrex_auth; INSERT INTO auth.users (email) VALUES ('x@example.com'); DROP EXTENSION intrex_auth; COMMIT));
for my $user (scalar(getpwuid($<)), 'admin')
{
	like(outcome($_, user => $user), $refusal, "$user: $_") for @ways;
}
is(users(), '1', 'nothing was lost');

# members go with the extension alone
for my $way ('DROP SCHEMA auth CASCADE', 'DROP TABLE auth.users CASCADE', 'DROP OWNED BY auth_owner CASCADE',
	'DROP EVENT TRIGGER intrex_auth_drop_guard', 'DROP FUNCTION auth._watch_drops() CASCADE', 'DROP LANGUAGE plpgsql CASCADE')
{
	like(outcome($way), qr/ERROR:  2BP01: cannot drop .* because extension (intrex_auth|plpgsql) requires it/, $way);
}

# DROP OWNED by, and of, the superuser that made it
is(outcome(q(CREATE EXTENSION intrex_auth; INSERT INTO auth.users (email) VALUES ('anna@example.com')), database => 'installed', user => 'installer'), 'done',
	'an extension that another superuser owns');
like(outcome("DROP OWNED BY installer$_", database => 'installed'), $refusal, "DROP OWNED BY installer$_") for ('', ' CASCADE');
is(users('installed'), '1', 'nothing was lost there');

# what the extension hangs on, so that no other command can take it along
is($node->safe_psql('postgres', q(
	SELECT string_agg(DISTINCT pg_describe_object(d.refclassid, d.refobjid, 0), ', ')
	FROM pg_depend AS m
		JOIN pg_depend AS d ON d.classid = m.classid AND d.objid = m.objid AND d.deptype IN ('n', 'a')
	WHERE m.deptype = 'e' AND m.refclassid = 'pg_extension'::regclass
		AND m.refobjid = (SELECT oid FROM pg_extension WHERE extname = 'intrex_auth')
		AND NOT EXISTS (SELECT FROM pg_depend AS o
			WHERE o.classid = d.refclassid AND o.objid = d.refobjid AND o.deptype IN ('e', 'i', 'a') AND o.refobjid <> 0
				AND (o.refobjid = m.refobjid OR o.deptype IN ('i', 'a'))))),
	'language plpgsql', 'outside of itself it hangs on its language alone');

# who may allow it, and how
$node->safe_psql('postgres', 'GRANT authenticated TO plain');
like(outcome('SELECT auth.uid(); SET intrex_auth.allow_drop = on', user => 'plain'), qr/ERROR:  42501: permission denied to set parameter/,
	'a plain role cannot allow it');
for my $how (['SET intrex_auth.allow_drop = on;', ''], ['', $allow])
{
	my ($set, $pgoptions) = @$how;
	local $ENV{PGOPTIONS} = $pgoptions;
	is($node->safe_psql('postgres', "$set SHOW intrex_auth.allow_drop; SELECT auth.uid(); SHOW intrex_auth.allow_drop",
		extra_params => [ '-U', 'plain' ]), "on\n\noff", "nor before the library is loaded ($set$pgoptions)");
}
is(outcome('BEGIN; SET LOCAL intrex_auth.allow_drop = on; DROP EXTENSION intrex_auth; ROLLBACK'), 'done', 'set before the library is loaded');
is(outcome("LOAD 'intrex_auth'; BEGIN; SET LOCAL intrex_auth.allow_drop = on; DROP EXTENSION intrex_auth; ROLLBACK"), 'done', 'and after');
like(outcome('BEGIN; SET LOCAL intrex_auth.allow_drop = on; COMMIT; DROP EXTENSION intrex_auth'), $refusal, 'SET LOCAL ends with its transaction');
like(outcome('DROP EXTENSION intrex_auth', pgoptions => '-c intrex_auth.allow_drop=off'), $refusal, 'off is off');
is(users(), '1', 'nothing was lost by all that');

# pg_restore --clean, as the HINT says
my $dump = $node->data_dir . '/../drop.dump';
$node->command_ok([ 'pg_dump', '-Fc', '-f', $dump, $node->connstr('postgres') ], 'pg_dump');
my @restore = ('pg_restore', '--clean', '--if-exists', '--exit-on-error', '-d', $node->connstr('postgres'), $dump);
$node->command_fails_like(\@restore, qr/has users and is not dropped/, 'pg_restore --clean is refused');
is(users(), '1', 'nothing was lost');
{
	local $ENV{PGOPTIONS} = $allow;
	$node->command_ok(\@restore, 'with PGOPTIONS as the HINT says it is not');
}
is(users(), '1', 'the users are those of the dump');

# allowed, it is dropped
is(outcome('DROP EXTENSION intrex_auth', pgoptions => $allow), 'done', 'allowed, it is dropped');
is(outcome('CREATE EXTENSION intrex_auth'), 'done', 'and made again');

# without users it is not refused
for my $way ('DROP EXTENSION intrex_auth', 'DROP EXTENSION intrex_auth CASCADE', 'DROP EXTENSION plpgsql CASCADE; CREATE EXTENSION plpgsql')
{
	is(outcome($way), 'done', "no users: $way");
	is(outcome('CREATE EXTENSION intrex_auth'), 'done', 'and again');
}
$node->safe_psql('postgres', q(INSERT INTO auth.users (email) VALUES ('anna@example.com'); DELETE FROM auth.users));
is(outcome('DROP EXTENSION intrex_auth'), 'done', 'users that are gone do not count');
is(outcome('BEGIN; CREATE EXTENSION intrex_auth; DROP EXTENSION intrex_auth; CREATE EXTENSION intrex_auth; COMMIT'), 'done', 'in one transaction');

# a table of that name that is not ours is nothing to us
is(outcome(q(DROP EXTENSION intrex_auth; CREATE SCHEMA auth; CREATE TABLE auth.users AS SELECT 1 AS x;
	LOAD 'intrex_auth'; DROP SCHEMA auth CASCADE)), 'done', 'a table of that name that is not ours');

# every role may drop what it owns
is(outcome('CREATE EXTENSION intrex_auth; GRANT CREATE ON DATABASE postgres TO plain'), 'done', '(the extension is back)');
is(outcome('CREATE SCHEMA mine; CREATE TABLE mine.t (x int); DROP SCHEMA mine CASCADE; DROP OWNED BY plain', user => 'plain'), 'done',
	'other roles drop what is theirs');

$node->stop;
done_testing();
