# Who issued a token, when databases move: by dump and restore, by pg_upgrade, to a
# standby nobody is signed out; a copy beside its original accepts no token of it.

use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use KeyRing;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Server;
use Test::More;

my @limits = map { "intrex_auth.login_limit_$_ = 1000" } qw(pair address identifier);
my $node = new_server('origin', 'wal_level = replica', 'max_wal_senders = 4', 'hot_standby = on', @limits);
$node->safe_psql('postgres', 'CREATE DATABASE app');
$node->safe_psql('app', q(
	CREATE EXTENSION intrex_auth;
	SELECT auth.user_create('anna@example.com', 'staple gun at dawn', 'Anna', email_verified => true) \g /dev/null
	CREATE ROLE app LOGIN;
	GRANT anon, authenticated TO app;
	-- 'ok', or the code of the refusal
	CREATE FUNCTION verdict(before text, ask text) RETURNS text LANGUAGE plpgsql AS $$
	DECLARE
		answer text;
	BEGIN
		EXECUTE before;
		EXECUTE ask INTO answer;
		RETURN CASE answer WHEN 'anna@example.com' THEN 'ok' ELSE coalesce(answer, 'nobody') END;
	EXCEPTION WHEN invalid_authorization_specification THEN
		GET STACKED DIAGNOSTICS answer = PG_EXCEPTION_DETAIL;
		RETURN substring(answer FROM '[(](\w+)[)]$');
	END
	$$));

# Run statements; returns what they print.
sub sql
{
	my ($server, $database, @statements) = @_;
	return $server->safe_psql($database, join("\n", map { "$_;" } @statements));
}

# Sign in, and take a one-time token, too.
sub sign_in
{
	my ($server, $database) = @_;
	my $grant = sql($server, $database, q(SELECT auth_api.login('anna@example.com', 'staple gun at dawn')));
	my %token;

	($token{access}) = $grant =~ /"access_token": "([^"]+)"/;
	($token{refresh}) = $grant =~ /"refresh_token": "([^"]+)"/;
	$token{once} = sql($server, $database, q(SELECT auth.one_time_issue('reset')));
	return \%token;
}

# 'ok', or the code of the refusal: in each way in which a token can be shown.
sub verdicts
{
	my ($server, $database, $token) = @_;
	my $access = $token->{access};
	my $worker = sql($server, $database, q(SHOW server_version_num)) >= 160000 ? 'debug_parallel_query' : 'force_parallel_mode';
	my $set = "SET LOCAL intrex_auth.token = '$access'";
	my $email = 'SELECT auth.email()';
	my $authenticate = "SELECT auth.authenticate('$access') ->> 'email'";
	# name, statements before, statement whose answer counts
	my @ways = (
		['authenticate', '', $authenticate],
		['setting', $set, $email],
		['verify', '', "SELECT auth.jwt_verify('$access') ->> 'email'"],
		['worker', "SET LOCAL $worker = on; $set", $email],
		['stateless', "SET LOCAL intrex_auth.session_check = off; $set", $email],
		['stateless worker', "SET LOCAL intrex_auth.session_check = off; SET LOCAL $worker = on; $set", $email],
		['show', $set, q(SELECT nullif(auth.email(), '') WHERE current_setting('app.current_tenant') <> '')],
		['one-time', '', "SELECT 'anna\@example.com' FROM auth._one_time_verify('$token->{once}', 'reset')"]);
	my @asked = map { my ($name, $before, $ask) = @$_;
		map { "BEGIN $_; SELECT '$name: ' || verdict(\$s\$$before\$s\$, \$s\$$ask\$s\$); ROLLBACK" }
			('', $name eq 'authenticate' ? ('ISOLATION LEVEL REPEATABLE READ', 'READ ONLY') : ()) } @ways;
	my @answers = split(/\n/, sql($server, $database, "LOAD 'intrex_auth'", @asked));
	my %seen;

	push(@{ $seen{ (split(/: /))[1] } }, (split(/: /))[0]) for @answers;
	return @answers != @asked ? "@answers" : join('; ', map { keys %seen == 1 ? $_ : "$_: @{$seen{$_}}" } sort keys %seen);
}

# iss of a token.
sub issuer
{
	my ($token) = @_;
	my $payload = (split /\./, $token->{access})[1];

	$payload =~ tr{-_}{+/};
	return unpack('u', join('', map { chr(32 + length($_) * 3 / 4) . ($_ =~ tr{A-Za-z0-9+/}{ -_}r) . "\n" } ($payload . '=' x (-length($payload) % 4)) =~ /(.{1,60})/g)) =~ /"iss": *"([^"]+)"/ ? $1 : 'none';
}

# ---- the first sign-in ------------------------------------------------------

is(sql($node, 'app', 'SELECT count(*) FROM auth.issuers'), '0', 'no sign-in, no issuer');
my ($code, $out, $err) = $node->psql('app', q(BEGIN READ ONLY; SELECT auth.jwt_sign('{"sub": "x"}')));
like($err, qr/ERROR:  this database has not issued a token yet\n.*\nHINT:  Issue one in a transaction that can write/, 'READ ONLY: an error that says what to do');

# rolled back, the session is gone and the issuer stays, for those who have signed in meanwhile
my $lost = $node->safe_psql('app', q(
	BEGIN;
	SELECT auth_api.login('anna@example.com', 'staple gun at dawn');
	ROLLBACK));
($lost) = $lost =~ /"access_token": "([^"]+)"/;
is(sql($node, 'app', 'SELECT count(*) FROM auth.issuers'), '1', 'rolled back: noted');
like(($node->psql('app', "SELECT auth.authenticate('$lost')"))[2], qr/session_\w+/, 'its token is that of no session');

# Whose token it is.
sub email_of
{
	return sql($node, 'app', 'BEGIN', "SELECT auth.authenticate('$_[0]') ->> 'email'", 'COMMIT');
}

# nobody waits for the first, whose issuer all have, whatever becomes of it
my $login = q(SELECT auth_api.login('anna@example.com', 'staple gun at dawn') ->> 'access_token');
for my $level ('READ COMMITTED', 'REPEATABLE READ', 'SERIALIZABLE')
{
	for my $end ('COMMIT', 'ROLLBACK')
	{
		my $first = $node->background_psql('app');
		my $second = $node->background_psql('app');

		sql($node, 'app', 'TRUNCATE auth.issuers');
		$second->query_safe("BEGIN ISOLATION LEVEL $level; SELECT count(*) FROM auth.tenants");
		$first->query_safe('BEGIN');
		my $one = $first->query_safe($login);
		my $two = $second->query_safe($login);
		$second->query_safe('COMMIT');
		is(email_of($two), 'anna@example.com', "$level: the second is signed in while the first is open");
		$first->query_safe($end);
		$_->quit for $first, $second;

		is(sql($node, 'app', 'SELECT count(*) FROM auth.issuers'), '1', "$level, $end: one issuer");
		is(issuer({ access => $one }), issuer({ access => $two }), "$level, $end: both have it");
		is(email_of($two), 'anna@example.com', "$level, $end: it stays good");
	}
}

# it is in the indexes, and another cannot be put beside it
sql($node, 'app', 'CREATE EXTENSION amcheck', q(SELECT bt_index_check(c.oid, true) FROM pg_class AS c
	WHERE c.relname IN ('issuers_pkey', 'issuers_place_key')), 'DROP EXTENSION amcheck');
like(($node->psql('app', q(INSERT INTO auth.issuers
	SELECT number + 1, id, system_identifier, database FROM auth.issuers)))[2],
	qr/duplicate key/, 'one row of each place');

my $app = sign_in($node, 'app');
like(issuer($app), qr/^intrex-auth:[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/, 'the issuer is a URI');
is(verdicts($node, 'app', $app), 'ok', 'its tokens are good, in each way');
like(($node->psql('app', "SELECT auth.authenticate('$lost')"))[2], qr/wrong_issuer/, 'those of another issuer are not');

# ---- beside each other in one cluster ---------------------------------------

sql($node, 'postgres', 'CREATE DATABASE copy TEMPLATE app');
is(verdicts($node, 'copy', $app), 'wrong_issuer', 'a copy, before anybody signed in: tokens of the original are refused');
is(sql($node, 'copy', q(SET intrex_auth.issuer = 'https://a.example'), q(SET intrex_auth.issuer = ''), 'SELECT count(*) FROM auth.issuers'), '1', '(the copy has noted nothing)');
my $copy = sign_in($node, 'copy');
isnt(issuer($copy), issuer($app), 'its first sign-in draws an issuer');
is(verdicts($node, 'copy', $copy), 'ok', 'whose tokens are good there');
is(verdicts($node, 'copy', $app), 'wrong_issuer', 'those of the original are not');
is(verdicts($node, 'app', $copy), 'wrong_issuer', 'nor the other way');
is(verdicts($node, 'app', $app), 'ok', 'the original goes on');
is(issuer(sign_in($node, 'copy')), issuer($copy), 'the copy keeps its issuer');

# a copy of a copy
sql($node, 'postgres', 'CREATE DATABASE third TEMPLATE copy');
is(verdicts($node, 'third', $_), 'wrong_issuer', 'a copy of a copy: refused') for $app, $copy;
isnt(issuer(sign_in($node, 'third')), issuer($_), 'and an issuer of its own') for $app, $copy;

# restored beside the original
my $dump = $node->basedir . '/app.dump';
$node->command_ok([ 'pg_dump', '-Fc', '-f', $dump, $node->connstr('app') ], 'pg_dump');
sql($node, 'postgres', 'CREATE DATABASE beside');
$node->command_ok([ 'pg_restore', '--exit-on-error', '-d', $node->connstr('beside'), $dump ], 'restored beside the original');
is(verdicts($node, 'beside', $app), 'wrong_issuer', 'restored beside the original: refused');

# in its place: the original is dropped, or renamed
sql($node, 'postgres', 'ALTER DATABASE app RENAME TO former');
is(verdicts($node, 'beside', $app), 'wrong_issuer', 'a new name does not make it go away');
is(verdicts($node, 'former', $app), 'ok', 'nor sign its users out');
sql($node, 'postgres', 'ALTER DATABASE former RENAME TO app');

# the superuser decides otherwise
like(($node->psql('beside', 'SET ROLE app; SELECT auth.issuer_adopt()'))[2], qr/permission denied/, 'others do not adopt an issuer');
($code, $out, $err) = $node->psql('beside', 'SELECT auth.issuer_adopt()');
is($out, issuer($app), 'auth.issuer_adopt() tells what it adopts');
like($err, qr/WARNING:  another database has the same issuer\nDETAIL:  Each accepts the tokens of the other: app\./, 'and warns while the original is there');
is(verdicts($node, 'beside', $app), 'ok', 'adopted: good there');
is(verdicts($node, 'app', $app), 'ok', 'and in the original');
my $session = $node->background_psql('copy');
$session->query_safe("BEGIN; SELECT auth.authenticate('$copy->{access}'); COMMIT");
sql($node, 'copy', 'SELECT auth.issuer_adopt()');
is(verdicts($node, 'copy', $copy), 'wrong_issuer', 'adopted after it had one of its own: that one is gone');
my $refusal = "BEGIN; DO \$\$ BEGIN PERFORM auth.authenticate('$copy->{access}'); RAISE 'good'; EXCEPTION WHEN invalid_authorization_specification THEN NULL; END \$\$; COMMIT; SELECT 'refused'";
is($session->query_safe($refusal), 'refused', 'also in a session that was open');
$session->quit;
like(($node->psql('app', 'SELECT auth.issuer_adopt()'))[2], qr/ERROR:  there is no other issuer to adopt/, 'an original has nothing to adopt');
sql($node, 'app', "BEGIN; SELECT auth.authenticate('$app->{access}') \\g /dev/null\nCOMMIT");

# CREATE DATABASE … TEMPLATE and DROP DATABASE is a move
sql($node, 'postgres', 'DROP DATABASE third', 'CREATE DATABASE third TEMPLATE app', 'CREATE DATABASE spare TEMPLATE app', 'DROP DATABASE beside', 'DROP DATABASE copy', 'DROP DATABASE app');
is(verdicts($node, 'third', $app), 'ok', 'the original was dropped: the copy takes its place');
is(issuer(sign_in($node, 'third')), issuer($app), 'and keeps its issuer');
is(sql($node, 'third', 'SELECT count(DISTINCT id), count(*) FROM auth.issuers'), '1|2', 'noted for the new place');
sql($node, 'postgres', 'DROP DATABASE spare', 'ALTER DATABASE third RENAME TO app');
my $here = sign_in($node, 'app');

# ---- into another cluster ----------------------------------------------------

my $keys = slurp(key_file($node));
my $now = sign_in($node, 'app');
my $other = new_cluster('other');
$other->append_conf('postgresql.conf', join("\n", 'intrex_auth.password_cost = 4', @limits));
$other->start;
sql($other, 'postgres', 'CREATE ROLE app LOGIN');
# as the page says
my ($block) = slurp("$FindBin::RealBin/../../doc/moving.md") =~ /<!-- run by [^\n]*018_issuer_moves\.pl -->\n```sh\n(.*?)```/s;
{
	local %ENV = (%ENV, PGHOST => $node->host, PGPORT => $node->port, OLD_PGDATA => $node->data_dir,
		NEW_PGDATA => $other->data_dir, NEW_PORT => $other->port);
	chdir($node->basedir) or die $!;
	command_ok([ 'bash', '-ec', $block ], 'restored into another cluster, with its keys');
}
is(verdicts($other, 'app', $now), 'ok', 'another cluster: nobody is signed out');
is(sql($other, 'app', "SELECT auth.one_time_consume('$now->{once}', 'reset') IS NOT NULL"), 't', 'one-time tokens are good');
like(sql($other, 'app', "SELECT auth_api.refresh('$now->{refresh}')"), qr/access_token/, 'so are refresh tokens');
is(sql($other, 'app', 'SELECT count(*) FROM auth.issuers WHERE system_identifier = (SELECT system_identifier FROM pg_control_system())'), '1', 'which notes the new place');
my $there = sign_in($other, 'app');
is(issuer($there), issuer($now), 'the issuer stays');
sql($other, 'postgres', 'CREATE DATABASE copy TEMPLATE app');
is(verdicts($other, 'copy', $_), 'wrong_issuer', 'a copy there is told apart') for $now, $there;

# and back, beside the original that is still there
$other->command_ok([ 'pg_dump', '-Fc', '-f', $dump, $other->connstr('app') ], 'pg_dump');
sql($node, 'postgres', 'CREATE DATABASE back');
$node->command_ok([ 'pg_restore', '--exit-on-error', '-d', $node->connstr('back'), $dump ], 'and back');
is(verdicts($node, 'back', $_), 'wrong_issuer', 'back beside the original: refused') for $now, $there;
isnt(issuer(sign_in($node, 'back')), issuer($now), 'and an issuer of its own');
sql($node, 'postgres', 'DROP DATABASE back');

# intrex_auth.issuer comes first
sql($other, 'postgres', q(ALTER DATABASE app SET intrex_auth.issuer = 'https://auth.example'));
is(verdicts($other, 'app', $there), 'wrong_issuer', 'intrex_auth.issuer comes first');
is(issuer(sign_in($other, 'app')), 'https://auth.example', 'in signing, too');
sql($other, 'postgres', 'ALTER DATABASE app RESET intrex_auth.issuer');
is(verdicts($other, 'app', $there), 'ok', 'without it all is as before');
$other->stop;

# ---- a standby ---------------------------------------------------------------

$node->backup('base');
sql($node, 'postgres', 'CREATE DATABASE fresh');
sql($node, 'fresh', 'CREATE EXTENSION intrex_auth');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($node, 'base', has_streaming => 1);
spew(key_file($standby), $keys);
$standby->start;
$node->wait_for_catchup($standby);
is(verdicts($standby, 'app', $now), 'ok', 'a standby accepts the tokens');
is(issuer({ access => sql($standby, 'app', q(SELECT auth.jwt_sign('{"sub": "x"}'))) }), issuer($now), 'and signs with the issuer');
like(($standby->psql('fresh', q(SELECT auth.jwt_sign('{"sub": "x"}'))))[2], qr/this database has not issued a token yet/, 'where there is none it says so');
my $open = $standby->background_psql('app');
$open->query_safe("BEGIN; SELECT auth.authenticate('$now->{access}'); COMMIT");
sql($node, 'app', 'TRUNCATE auth.issuers');
my $after = sign_in($node, 'app');
$node->wait_for_catchup($standby);
is($open->query_safe($refusal =~ s/\Q$copy->{access}\E/$now->{access}/r), 'refused', 'a session of the standby hears of another issuer');
is(verdicts($standby, 'app', $after), 'ok', 'whose tokens are good there');
$open->quit;
$standby->stop;

# ---- pg_upgrade ---------------------------------------------------------------

my $upgraded = new_cluster('upgraded');
$upgraded->append_conf('postgresql.conf', join("\n", 'intrex_auth.password_cost = 4', @limits));
$node->stop;
my $bin = $node->config_data('--bindir');
# which writes into the current directory
chdir($PostgreSQL::Test::Utils::tmp_check) or die $!;
$upgraded->command_ok(
	[ 'pg_upgrade', '--no-sync', '-d', $node->data_dir, '-D', $upgraded->data_dir, '-b', $bin, '-B', $bin,
		'-s', $upgraded->host, '-p', $node->port, '-P', $upgraded->port ], 'pg_upgrade');
spew(key_file($upgraded), $keys);
$upgraded->start;
is(verdicts($upgraded, 'app', $after), 'ok', 'pg_upgrade: nobody is signed out');
like(sql($upgraded, 'app', "SELECT auth_api.refresh('$after->{refresh}')"), qr/access_token/, 'refresh tokens are good');
is(issuer(sign_in($upgraded, 'app')), issuer($after), 'the issuer stays');
is(sql($upgraded, 'app', q(SELECT evtenabled FROM pg_event_trigger WHERE evtname = 'intrex_auth_drop_guard')), 'A', 'the guard of DROP EXTENSION is there');
$upgraded->stop;
done_testing();
