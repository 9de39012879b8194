# Every block of README.md and doc/*.md is run as it is written, as the role that the page
# names, one page after the other, each in a new database "mydb".  A comment of HTML stands
# before each block of sql or sh, and one without it fails:
#
#	<!-- run as ROLE -->                 sql by psql, sh by bash, connected as ROLE or as a
#	                                     member of it; "superuser" is one
#	<!-- run as ROLE for EMAIL -->       in a transaction as ROLE with a token of this user
#	<!-- run as ROLE in DATABASE -->     in another database than mydb
#	<!-- run as ROLE: NAME -->           with the sections NAME of test/doc/PAGE.sql
#	<!-- run by test/t/FILE.pl -->       the block is run there
#	<!-- not run: REASON -->             only for what no test can do: apt-get, systemd, root
#
# Sections of test/doc/PAGE.sql begin with a line "-- NAME before" (run by a superuser before
# the block), "-- NAME with" (in the session of the block, as its role, for \set) or
# "-- NAME after" (by a superuser; each line of its output must be "t").  "-- setup before" is
# run when the database is made, instead of CREATE EXTENSION.  A statement that is to fail has
# the comment "-- ERROR: message", where … stands for anything.  Files in /etc, /var and /srv
# are in a folder of the test.

use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Server;
use Test::More;

my $tree = $ENV{INTREX_AUTH_TREE} || "$FindBin::RealBin/../..";
my $node = new_cluster('docs');
$node->append_conf('postgresql.conf', "intrex_auth.password_cost = 4\n");
$node->start;

my $superuser = $node->safe_psql('postgres', 'SELECT current_user');
my $folder = PostgreSQL::Test::Utils::tempdir();
chdir($folder) or die "$folder: $!";
my $roles = $node->safe_psql('postgres', q(SELECT string_agg(quote_literal(rolname), ', ') FROM pg_roles));
my $count = 0;

# Run text as psql does; its exit code, output and errors.
sub run_psql
{
	my ($database, $user, $text) = @_;
	my ($out, $err) = ('', '');

	IPC::Run::run([ 'psql', '-XAtq', '-v', 'ON_ERROR_STOP=1', '-d', $node->connstr($database), '-U', $user, '-f', '-' ],
		'<', \$text, '>', \$out, '2>', \$err);
	return ($? >> 8, $out, $err);
}

sub prepared
{
	my ($what, $database, $text) = @_;
	my ($code, $out, $err) = run_psql($database, $superuser, $text);

	$code == 0 or BAIL_OUT("$what: $err");
	return $out;
}

# A role to connect as: itself, or a member of one that cannot log in.
sub login_of
{
	my ($role) = @_;

	return $superuser if $role eq 'superuser';
	return prepared("role $role", 'postgres', qq(
		SELECT CASE WHEN to_regrole('$role') IS NULL THEN 'CREATE ROLE "$role" LOGIN' END \\gexec
		SELECT format('CREATE ROLE %I LOGIN IN ROLE %I', 'as_$role', '$role')
			WHERE NOT (SELECT rolcanlogin FROM pg_roles WHERE rolname = '$role') AND to_regrole('as_$role') IS NULL \\gexec
		SELECT CASE WHEN rolcanlogin THEN '$role' ELSE 'as_$role' END FROM pg_roles WHERE rolname = '$role')) =~ s/\s+\z//r;
}

# Run a block; returns what went wrong, '' for nothing.
sub run_block
{
	my ($language, $text, $database, $role, $email, $with) = @_;
	my $login = login_of($role);

	# an application's files are in our folder
	$text =~ s{(?<![\w/])(/(?:etc|var|srv)(?:/[\w-]+)+)(?=/)}{system_or_bail('mkdir', '-p', "$folder$1"); $folder . $1}ge;
	if ($language eq 'sh')
	{
		my $said = '';
		local %ENV = (%ENV, PGHOST => $node->host, PGPORT => $node->port, PGUSER => $login, PGDATABASE => $database);
		IPC::Run::run([ 'bash', '-euo', 'pipefail', '-c', $text ], '<', \undef, '>', \$said, '2>&1');
		return $? ? "exit code @{[ $? >> 8 ]}: $said" : '';
	}
	my @expected = map { s/\s+\z//r } $text =~ /-- ERROR: (.*)/g;
	my $script = @expected ? "\\set ON_ERROR_STOP off\n$with$text" : "$with$text";
	if ($email)
	{
		my $token = $node->safe_psql($database, qq(SELECT auth.jwt_sign(jsonb_build_object('sub', u.id, 'session_id', s.id, 'tenant_id', s.tenant_id,
				'email', u.email, 'role', 'authenticated'))
			FROM auth.users AS u JOIN auth.sessions AS s ON s.user_id = u.id WHERE u.email = '$email' LIMIT 1)) or return "no session of $email";
		$script = "BEGIN;\nSET LOCAL ROLE $role;\nSELECT auth.authenticate('$token') \\g /dev/null\n${script}COMMIT;\n";
	}
	my ($code, $out, $err) = run_psql($database, $login, $script);
	my @errors = $err =~ /^(?:psql:\S*: )?((?:ERROR|FATAL): .*(?:\n(?!psql:).*)*)/mg;

	return "exit code $code: $err" if !@expected && ($code || @errors);
	return "errors instead of @{[ scalar @expected ]}: $err" if @errors != @expected;
	for my $i (0 .. $#expected)
	{
		my $pattern = join('.*', map { quotemeta } split(/\s*…\s*/, $expected[$i]));
		return "$errors[$i] instead of $expected[$i]" if $errors[$i] !~ /$pattern/s;
	}
	return '';
}

sub sections
{
	my ($page) = @_;
	my %sections;
	my $file = "$tree/test/doc/$page.sql";

	return {} unless -f $file;
	my (undef, @parts) = split(/^-- (\w+ (?:before|with|after))\n/m, slurp_file($file));
	while (my ($name, $text) = splice(@parts, 0, 2))
	{
		die "$file has \"$name\" twice" if exists $sections{$name};
		$sections{$name} = $text;
	}
	return \%sections;
}

for my $file ("$tree/README.md", sort grep { !m{/reference\.md$} } glob("$tree/doc/*.md"))
{
	my ($page) = $file =~ m{([^/]+)\.md$};
	my $text = slurp_file($file);
	my $sections = sections($page);
	my %used = (setup => 1);
	my $last = '';

	is(join("\n", ($text =~ s/^```.*?^```$//msgr) =~ /^(?:    |\t)((?:SELECT|INSERT|UPDATE|DELETE|ALTER|CREATE|GRANT|REVOKE|COPY|\\copy|psql|pg_\w+|\.\/\w+) .*)/mg), '',
		"$page: what can be run is in a block of its own");
	prepared('mydb', 'postgres', qq(
		SET client_min_messages = warning;
		SELECT format('DROP DATABASE %I WITH (FORCE)', datname) FROM pg_database WHERE datname !~ '^(postgres|template[01])\$' \\gexec
		ALTER SYSTEM RESET ALL;
		SELECT pg_reload_conf() \\g /dev/null
		SELECT format('DROP OWNED BY %I CASCADE', rolname) FROM pg_roles WHERE rolname NOT IN ($roles) \\gexec
		SELECT format('DROP ROLE %I', rolname) FROM pg_roles WHERE rolname NOT IN ($roles) \\gexec
		CREATE DATABASE mydb));
	# with keys of its own
	unlink($node->data_dir . '/intrex_auth.jwks');
	prepared("$page, setup", 'mydb', $sections->{'setup before'} // 'CREATE EXTENSION intrex_auth');
	while ($text =~ /^(?:<!-- ((?:run|not run)\b.*?) -->\n)?```(\w*)\n(.*?)^```/msg)
	{
		my ($comment, $language, $block) = ($1 // '', $2, $3);
		my $line = 1 + (substr($text, 0, $-[3]) =~ tr/\n//);
		my $what = "$page.md:$line";

		next if $language !~ /^(?:sql|sh)$/ && $comment eq '';
		$count++;
		if ($comment =~ /^not run: \S/)
		{
			like($block, qr/\b(?:apt-get|systemctl|crontab|sudo|install -o|make)\b|\.\/check|bench\/run/, "$what: $comment");
		}
		elsif ($comment =~ m{^run by (test/t/\w+\.pl)$})
		{
			my $test = -f "$tree/$1" ? slurp_file("$tree/$1") : '';
			my ($first) = $block =~ /^(?:\.\/)?(\w+)/;
			like($test, qr/\b\Q$page\E\.md|\b\Q$first\E\b/, "$what: $comment");
		}
		elsif ($comment =~ /^run as (\w+)(?: for (\S+?))?(?: in (\w+))?(?:: (\w+))?$/)
		{
			my ($role, $email, $database, $name) = ($1, $2, $3 // 'mydb', $4 // '');

			# (other databases use the same keys, which is asked about)
			prepared($what, 'postgres', "SELECT 'CREATE DATABASE $database' WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = '$database') \\gexec");
			ok(exists $sections->{"$name before"} || exists $sections->{"$name with"} || exists $sections->{"$name after"},
				"$what: test/doc/$page.sql has sections $name") if $name ne '';
			$used{$name} = 1;
			prepared("$what, before", $database, $sections->{"$name before"}) if exists $sections->{"$name before"};
			is(run_block($language, $block, $database, $role, $email, $sections->{"$name with"} // ''), '', "$what: runs as $role");
			is(join("\n", grep { $_ ne 't' } split(/\n/, prepared("$what, after", $database, $sections->{"$name after"}))), '', "$what: did what it says")
			  if exists $sections->{"$name after"};
		}
		else
		{
			fail("$what: a comment before the block says who runs it, or why nobody can ($comment)");
		}
	}
	is(join(' ', grep { !$used{ (split / /)[0] } } sort keys %$sections), '', "$page: every section belongs to a block");
}
cmp_ok($count, '>', 40, "$count blocks");

chdir('/');
$node->stop;
done_testing();
