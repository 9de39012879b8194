# Tokens that arrive before anybody can refuse them: connection options, startup
# packets, placeholders of a library that is not loaded yet, settings of roles,
# databases, functions and files; with the library preloaded in no way, by
# session_, local_ and shared_preload_libraries.  An invalid one never leaves an
# anonymous session, a valid one is not this transaction's, none is echoed.

use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use Identities;
use File::Basename;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $canary = 'canary-startup-canary';
my $poisoned = '28000 token_poisoned';
my $stale = '28000 token_of_earlier_transaction';

# A copy of the installation with the library in $libdir/plugins, the only place
# from which local_preload_libraries loads.
sub with_plugins
{
	my %dir;
	for my $what ('bindir', 'sharedir', 'pkglibdir')
	{
		my ($out) = run_command([ 'pg_config', "--$what" ]);
		$dir{$what} = $out;
	}
	my $common = $dir{bindir};
	$common = dirname($common) while index("$dir{sharedir}/", "$common/") != 0 || index("$dir{pkglibdir}/", "$common/") != 0;
	my $copy = PostgreSQL::Test::Utils::tempdir_short();
	chmod(0755, $copy);
	s/^\Q$common\E/$copy/ for my ($bin, $share, $lib) = @dir{ 'bindir', 'sharedir', 'pkglibdir' };
	system_or_bail('mkdir', '-p', $bin, $share, $lib);

	# programs find their files from where they are themselves, so they are no links
	system_or_bail('cp', '-L', (map { "$dir{bindir}/$_" } qw(postgres initdb pg_ctl psql pg_config)), $bin);
	system_or_bail('cp', '-rs', "$dir{sharedir}/.", $share);
	system_or_bail('cp', '-rs', "$dir{pkglibdir}/.", $lib);
	mkdir("$lib/plugins");
	symlink('../intrex_auth.so', "$lib/plugins/intrex_auth.so") or die "symlink: $!";
	return dirname($bin);
}

my @said;

# What a new session answers; keeps what it says to look for echoes.
sub answer
{
	my ($node, $sql, %options) = @_;
	my ($out, $err) = ask($node, $sql, %options);
	push @said, $out, $err;
	return $err =~ /(?:ERROR|FATAL): .*/ ? join("\n", grep { $_ ne '' } $out, $err =~ /(?:ERROR|FATAL): +(.*)/g) : $out;
}

sub check_mode
{
	my ($mode, $node) = @_;
	my $loaded = $mode ne 'none';
	my $anna = token($node, 'anna');
	my $expired = token($node, 'anna', '{"iat": 1000000000, "exp": 1000000600}');
	my $forged = $anna;
	substr($forged, -10, 1) = substr($forged, -10, 1) eq 'A' ? 'B' : 'A';
	my $parallel = worker_setting($node);
	my $superuser = $node->safe_psql('postgres', 'SELECT current_user');
	my @answers;

	my $log_start = -s $node->logfile;

	@said = ();
	if ($loaded)
	{
		is(answer($node, 'SHOW intrex_auth.session_token'), 'off', "$mode: the library is loaded from the start");
	}
	else
	{
		like(answer($node, 'SHOW intrex_auth.session_token'), qr/unrecognized configuration parameter/, "$mode: the library is not loaded from the start");
	}

	# connection options
	my %bad = (nonsense => $canary, forged => $forged, expired => $expired, 'a stored value' => "5:$anna", 'the mark of a bad one' => 'poisoned');
	for my $what (sort keys %bad)
	{
		is(answer($node, 'SELECT who()', pgoptions => "-c intrex_auth.token=$bad{$what}"), $poisoned, "$mode: $what in PGOPTIONS is poisoned");
	}
	my $options = "-c intrex_auth.token=$forged";
	is(answer($node, 'SELECT sees()', pgoptions => $options), "$poisoned | $poisoned | none", "$mode: policies raise, the bare setting shows nobody");
	is(answer($node, 'SELECT who(); SHOW intrex_auth.token; SELECT current_setting(\'app.current_tenant\')', pgoptions => $options),
		"$poisoned\n(hidden)\n00000000-0000-0000-0000-000000000000", "$mode: what is shown");
	is(answer($node, 'SELECT who(); RESET intrex_auth.token; SELECT who(); DISCARD ALL; SET search_path = context_test; SELECT who()', pgoptions => $options),
		join("\n", ($poisoned) x 3), "$mode: RESET and DISCARD ALL go back to what the connection brought");
	is(answer($node, q(SELECT who(); SET intrex_auth.token = ''; SELECT who()), pgoptions => $options), "$poisoned\nnobody", "$mode: SET to nothing ends it");
	is(answer($node, qq(BEGIN; SELECT auth.authenticate('$anna') ->> 'aal'; SELECT who(), sees(); COMMIT; SELECT who()), pgoptions => $options),
		"aal1\nanna, owner of north|north 3\n$poisoned", "$mode: authenticate works over it");
	is(answer($node, "SET $parallel = on; SELECT auth.uid()", pgoptions => $options), 'invalid token', "$mode: it raises in a worker, too");
	like($said[-1], qr/parallel worker/, "$mode: (it was in a worker)");
	is(answer($node, 'SELECT who()', pgoptions => "-c intrex_auth.token=$anna"), $stale, "$mode: a valid one is of an earlier transaction");
	like(answer($node, 'SHOW ALL; SELECT * FROM pg_settings; EXPLAIN (SETTINGS) SELECT 1', pgoptions => "-c intrex_auth.token=$anna"), qr/^app.current_tenant\|0{8}-/m,
		"$mode: SHOW ALL, pg_settings and EXPLAIN (what they say is looked at below)")
	  if $loaded;
	is(answer($node, 'SELECT who()', pgoptions => '-c intrex_auth.token='), 'nobody', "$mode: an empty one is nobody");
	like(answer($node, 'SELECT who()', pgoptions => "-c intrex_auth.token=$anna -c intrex_auth.session_token=on"),
		qr/$stale|permission denied/, "$mode: session_token is not the client's to set");
	$node->safe_psql('postgres', 'ALTER ROLE app SET intrex_auth.session_token = on');
	is(answer($node, 'SELECT who(), sees()', pgoptions => "-c intrex_auth.token=$anna"), 'anna, owner of north|north 3', "$mode: with session_token = on it holds");
	is(answer($node, "SET $parallel = on; SELECT who(), sees()", pgoptions => "-c intrex_auth.token=$anna"), 'anna, owner of north|north 3', "$mode: in workers, too");
	is(answer($node, "SET intrex_auth.token = '$anna'; SELECT who(); SELECT who(); DISCARD ALL; SET search_path = context_test; SELECT who()"),
		"anna, owner of north\nanna, owner of north\nnobody", "$mode: so does one that is set before anything else");
	is(answer($node, 'SELECT who()', pgoptions => $options), $poisoned, "$mode: a bad one is poisoned with session_token = on as well");
	$node->safe_psql('postgres', 'ALTER ROLE app RESET intrex_auth.session_token');

	# the same in the startup packet
	for my $what (sort keys %bad)
	{
		@answers = startup_packet($node, { 'intrex_auth.token' => $bad{$what} }, 'SELECT who()', 'SELECT sees()');
		push @said, @answers;
		is($answers[1] . ' and ' . $answers[2], "$poisoned and $poisoned | $poisoned | none", "$mode: $what in the startup packet is poisoned");
	}
	@answers = startup_packet($node, { 'intrex_auth.token' => $anna }, 'SELECT who()');
	push @said, @answers;
	is($answers[1], $stale, "$mode: a valid one in the startup packet is of an earlier transaction");

	# a placeholder of the same session, before the first function is called
	if ($loaded)
	{
		is(answer($node, "SET intrex_auth.token = '$canary'; SELECT who()"), "nobody\ninvalid token", "$mode: SET of a bad one is refused at once");
		is(answer($node, "BEGIN; SET LOCAL intrex_auth.token = '$anna'; SELECT who(), sees(); COMMIT"), 'anna, owner of north|north 3', "$mode: SET LOCAL before any function");
		like(answer($node, q(SET app.current_tenant = 'b0000000-0000-4000-8000-000000000000'; SELECT sees())), qr/^none\nparameter "app.current_tenant" cannot be changed/, "$mode: app.current_tenant cannot be set");
		like(answer($node, q(SET intrex_auth.tenant_id = 'x')), qr/invalid configuration parameter name/, "$mode: the prefix is reserved");
	}
	else
	{
		is(answer($node, "SET intrex_auth.token = '$canary'; SELECT who(), sees()"), "$poisoned|$poisoned | $poisoned | none", "$mode: a bad placeholder is poisoned");
		is(answer($node, "SELECT set_config('intrex_auth.token', '$forged', false) IS NULL; SELECT who()"), "f\n$poisoned", "$mode: also by set_config");
		is(answer($node, "BEGIN; SET LOCAL intrex_auth.token = '$canary'; SAVEPOINT s; SET LOCAL intrex_auth.token = '$forged'; SELECT who(); ROLLBACK TO s; SELECT who(); COMMIT; SELECT who()"),
			"$poisoned\n$poisoned\nnobody", "$mode: each placeholder of a stack of savepoints");
		is(answer($node, "BEGIN; SET LOCAL intrex_auth.token = '$anna'; SELECT who(); COMMIT; SELECT who()"), "$stale\nnobody", "$mode: SET LOCAL before the library is loaded is not trusted");
		# what a pooler's next client would find
		is(answer($node, "SET intrex_auth.token = '$anna'; SELECT 'next client'; SELECT who(), sees()"), "next client\n$stale|$stale | $stale | none", "$mode: a valid placeholder left over serves nobody");
		is(answer($node, "SET intrex_auth.token = '$anna'; BEGIN; SAVEPOINT s; SET LOCAL intrex_auth.token = '$anna'; SELECT who(); ROLLBACK TO s; SELECT who(); COMMIT"),
			"$stale\n$stale", "$mode: nor under savepoints");
		is(answer($node, "SET app.current_tenant = 'b0000000-0000-4000-8000-000000000000'; SELECT who(), sees(); SHOW app.current_tenant"),
			"nobody|none\n00000000-0000-0000-0000-000000000000", "$mode: a placeholder of app.current_tenant is dropped");
		like($said[-1], qr/WARNING/, "$mode: with a warning");
		unlike($said[-1], qr/b0000000/, "$mode: that does not echo it");
		is(answer($node, "SET intrex_auth.tenant_id = 'x'; SELECT who(); SHOW intrex_auth.tenant_id"), "nobody\nunrecognized configuration parameter \"intrex_auth.tenant_id\"", "$mode: other placeholders with the prefix are removed");
	}
	like(answer($node, 'SELECT who(); SHOW app.current_tenant', pgoptions => '-c app.current_tenant=b0000000-0000-4000-8000-000000000000'),
		qr/^nobody\n0{8}-|cannot be changed/, "$mode: nor does PGOPTIONS set app.current_tenant");

	# settings of roles and databases
	my $load = q(LOAD 'intrex_auth'; );
	for my $target ('ROLE app', 'ROLE ALL', 'ROLE app IN DATABASE postgres', 'DATABASE postgres')
	{
		like(answer($node, "$load ALTER $target SET intrex_auth.token = '$anna'", user => $superuser),
			qr/a token cannot be stored/, "$mode: ALTER $target is refused to a superuser, where the library is loaded");
	}
	like(answer($node, "ALTER ROLE app SET intrex_auth.token = '$canary'"), qr/cannot be stored|permission denied/, "$mode: ALTER ROLE self is refused");
	like(answer($node, "ALTER ROLE app SET app.current_tenant = 'x'"), qr/cannot be changed|permission denied/, "$mode: for app.current_tenant as well");
	like(answer($node, "$load ALTER SYSTEM SET intrex_auth.token = '$canary'", user => $superuser),
		qr/cannot be changed/, "$mode: so is ALTER SYSTEM");
	is($node->safe_psql('postgres', q(SELECT count(*) FROM pg_db_role_setting WHERE setconfig::text LIKE '%token=%')), '0', "$mode: nothing was stored");

	# planted by a superuser behind our back: poisoned, good or bad
	for my $value ($canary, $anna)
	{
		my $what = $value eq $anna ? 'a valid' : 'a bad';
		$node->safe_psql('postgres', "INSERT INTO pg_db_role_setting SELECT 0, 'app'::regrole, ARRAY['intrex_auth.token=$value']");
		is(answer($node, 'SELECT who(), sees()'), "$poisoned|$poisoned | $poisoned | none", "$mode: $what token as a setting of the role is poisoned");
		is(answer($node, "SET $parallel = on; SELECT auth.uid()"), 'invalid token', "$mode: in workers, too");
		is(answer($node, "BEGIN; SELECT auth.authenticate('$anna') ->> 'aal'; SET LOCAL $parallel = on; SELECT who(), sees(); COMMIT; SELECT who()"),
			"aal1\nanna, owner of north|north 3\n$poisoned", "$mode: authenticate works over it, also in workers");
		$node->safe_psql('postgres', "DELETE FROM pg_db_role_setting WHERE setrole = 'app'::regrole");
	}

	# in the clause of a function
	like(answer($node, "CREATE FUNCTION pg_temp.f() RETURNS text LANGUAGE sql SET intrex_auth.token = '$anna' AS 'SELECT who()'"),
		qr/cannot be stored|permission denied/, "$mode: a SET clause is refused");
	$node->safe_psql('postgres', q(CREATE FUNCTION planted() RETURNS text LANGUAGE sql AS 'SELECT who()'));
	$node->safe_psql('postgres', "UPDATE pg_proc SET proconfig = ARRAY['intrex_auth.token=$forged'] WHERE proname = 'planted'");
	is(answer($node, 'SELECT who(); SELECT planted(); SELECT who()'), "nobody\nnobody\ninvalid token", "$mode: a bad one planted there is an error");
	like(answer($node, 'SELECT planted(); SELECT planted()'), $loaded ? qr/^invalid token\ninvalid token$/ : qr/^$poisoned\ninvalid token$/, "$mode: also as the first thing in a session");
	$node->safe_psql('postgres', 'DROP FUNCTION planted()');

	# in the configuration file
	$node->append_conf('postgresql.conf', "intrex_auth.token = '$canary'");
	$node->restart;
	is(answer($node, 'SELECT who()'), $poisoned, "$mode: in postgresql.conf it is poisoned");
	$node->adjust_conf('postgresql.conf', 'intrex_auth.token', undef);
	$node->restart;
	is(answer($node, 'SELECT who()'), 'nobody', "$mode: and all is as before without it");

	# the log has every statement (log_statement = all); before the library is
	# loaded nobody hides what is in them
	my $log = slurp_file($node->logfile, $log_start);
	for my $secret ($canary, $forged, $anna, $expired)
	{
		my $piece = substr($secret, -20);
		is(scalar(grep { index($_, $piece) >= 0 } @said), 0, "$mode: nothing was echoed to a client");
		is(index($log, $piece), -1, "$mode: nor to the log") if $loaded;
	}
	return;
}

my $node = new_server('startup', '');
check_mode('none', $node);
for my $mode ('session', 'shared')
{
	$node->append_conf('postgresql.conf', "${mode}_preload_libraries = 'intrex_auth'");
	$node->restart;
	check_mode($mode, $node);
	$node->adjust_conf('postgresql.conf', "${mode}_preload_libraries", undef);
}
$node->stop;

my $local = new_server('local', q(local_preload_libraries = 'intrex_auth'), install_path => with_plugins());
check_mode('local', $local);
$local->stop;

done_testing();
