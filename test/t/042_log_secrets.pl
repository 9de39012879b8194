# No secret reaches the server log, however much of it is turned on.  Secrets are
# canaries: passed as bind parameters and as literals, in statements that
# succeed, that fail, that are prepared, nested, explained and traced.

use strict;
use warnings;

use File::Find;
use FindBin;
use lib $FindBin::RealBin;
use Guess;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = guess_server('secrets',
	"session_preload_libraries = 'auto_explain, intrex_auth'",
	"log_statement = 'all'",
	'log_min_duration_statement = 0',
	'log_duration = on',
	'log_parameter_max_length = -1',
	'log_parameter_max_length_on_error = -1',
	"log_error_verbosity = 'verbose'",
	'log_min_messages = debug2',
	'debug_print_parse = on',
	'debug_print_rewritten = on',
	'debug_print_plan = on',
	'auto_explain.log_min_duration = 0',
	'auto_explain.log_nested_statements = on',
	'auto_explain.log_verbose = on');
$node->safe_psql('postgres', q{
	SELECT auth.user_create('anna@example.com', 'right password');
	CREATE TABLE notes (body text);
	CREATE FUNCTION public.sign_in(email text, password text) RETURNS boolean LANGUAGE plpgsql AS $$
	BEGIN
		INSERT INTO public.notes VALUES (md5(password));
		RETURN auth._password_check(password, NULL);
	END
	$$;
	-- wrappers that fail by another argument than the secret
	CREATE FUNCTION public.of_no_kind(token text) RETURNS jsonb LANGUAGE plpgsql AS $$ BEGIN RETURN auth.one_time_consume(token, 'No Kind'); END $$;
	CREATE FUNCTION public.issued_of_no_kind(secret text) RETURNS text LANGUAGE plpgsql AS $$ BEGIN RETURN auth._one_time_sign('No Kind', jsonb_build_object('secret', secret)); END $$;
	CREATE FUNCTION public.in_no_window(secret text) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN RETURN auth.webhook_verify_standard('{}', '', ARRAY[secret], '-1 s'); END $$;
});

# What the server wrote while a sub ran.
sub log_of
{
	my ($run) = @_;
	my $start = -s $node->logfile;

	$run->();
	# the backend has ended, and with it its last line is there
	$node->poll_query_until('postgres', q{SELECT count(*) = 1 FROM pg_stat_activity WHERE backend_type = 'client backend'});
	return substr(PostgreSQL::Test::Utils::slurp_file($node->logfile), $start);
}

my $count = 0;

# Run statements with a fresh canary in place of :secret; it must not be in the log.
sub hides
{
	my ($what, $statements, $mode, $expected) = @_;
	my $canary = sprintf('canary%04d', ++$count);
	my $log = log_of(sub { pgbench($node, $statements, '-t', 1, '-M', $mode, '-D', "secret=$canary", '-D', 'harmless=harmless') });

	unlike($log, qr/$canary/, "$what, $mode: no secret in the log");
	unlike($log, qr/63616e617279|99 97 110 97 114 121/i, "$what, $mode: nor as its bytes");
	like($log, $expected, "$what, $mode: the line is there") if $expected;
	return $log;
}

# the search is able to find something
like(log_of(sub { pgbench($node, "SELECT length(:secret);\n", '-t', 1, '-M', $_, '-D', 'secret=12345678') }), qr/12345678/, "$_: an ordinary parameter is logged")
  for ('extended', 'prepared');

my $hidden = qr/\(hidden by intrex_auth\)/;
for my $mode ('extended', 'prepared')
{
	my $log = hides('a hash', "SELECT auth.password_hash(:secret::text);\n", $mode, qr/duration: [0-9.]+ ms +\(hidden by intrex_auth\)/);
	like($log, qr/LOG: .*execute [^ ]+: \(hidden by intrex_auth\)/, "$mode: log_statement still says that something ran");
	unlike($log, qr/STATEMENT: .*password_hash/, "$mode: no statement");

	hides('a check', "SELECT auth._password_check(:secret::text, NULL);\n", $mode, $hidden);
	hides('within a query', "SELECT count(*) FROM generate_series(1, 2) AS i WHERE auth.password_verify(:secret::text || i, 'x');\n", $mode, $hidden);
	hides('upper case and quotes', qq{SELECT "auth" . "password_hash"(:secret::text), AUTH.PASSWORD_VERIFY(:secret::text, 'x');\n}, $mode, $hidden);
	$log = hides('an error behind it', "SELECT auth.password_hash(:secret::text), 1 / (random() < 0)::int;\n", $mode, qr/ERROR: +22012: division by zero/);
	unlike($log, qr/CONTEXT: .*parameter/, "$mode: no parameters in the context");
	hides('an error before it', "SELECT auth.password_hash(:secret::text, 99);\n", $mode, qr/ERROR: +22023: invalid password cost/);
	hides('a failed bind', "SELECT auth.password_hash(:secret::text, :harmless::int);\n", $mode, qr/ERROR: +22P02/);
	hides('a timeout', "SET statement_timeout = 100;\nSELECT auth.password_hash(:secret::text), pg_sleep(10);\n", $mode, qr/ERROR: +57014/);
	hides('the token', "SELECT set_config('intrex_auth.token', :secret::text, true);\n", $mode, qr/ERROR/);
	hides('authenticate', "SELECT auth.authenticate(:secret::text);\n", $mode, qr/ERROR: +28000/);

	# the endpoints, and what administrators call
	my $access = $node->safe_psql('postgres', q{SELECT auth_api.login('anna@example.com', 'right password') ->> 'access_token'});
	hides($_->[0], "BEGIN;\n$_->[1];\nROLLBACK;\n", $mode, $hidden)
	  for (
		[ 'login',               q{SELECT auth_api.login('anna@example.com', :secret::text)} ],
		[ 'login with a name',   q{SELECT auth_api.login(password => :secret::text, email => 'nobody@example.com')} ],
		[ 'register',            q{SELECT auth_api.register('new@example.com', 'long enough ' || :secret::text)} ],
		[ 'register, refused',   q{SELECT auth_api.register('anna@example.com', 'long enough ' || :secret::text)} ],
		[ 'refresh',             q{SELECT auth_api.refresh(:secret::text)} ],
		[ 'change_password',     qq{SELECT auth.authenticate('$access');\nSELECT auth_api.change_password('right password', 'long enough ' || :secret::text)} ],
		[ 'user_create',         q{SELECT auth.user_create('new@example.com', 'long enough ' || :secret::text)} ],
		[ 'user_set_password',   q{SELECT auth.user_set_password(id, 'long enough ' || :secret::text) FROM auth.users} ],
		[ 'secret_encrypt',      q{SELECT auth.secret_encrypt(:secret::text, 'context')} ],
		[ 'secret_decrypt',      q{SELECT auth.secret_decrypt(auth.secret_encrypt(:secret::text, 'context'), 'context')} ],
		[ 'personal_encrypt',    q{SELECT auth.personal_encrypt(id, :secret::text, 'context') FROM auth.users} ],
		[ 'personal_decrypt',    q{SELECT auth.personal_decrypt(id, auth.personal_encrypt(id, :secret::text, 'context'), 'context') FROM auth.users} ],
		[ 'personal_encrypt of nobody', q{SELECT auth.personal_encrypt('00000000-0000-0000-0000-000000000000', :secret::text, 'context')} ],
		[ 'jwt_verify',          q{SELECT auth.jwt_verify(:secret::text)} ],
		[ 'jwt_verify by a key', q{SELECT auth.jwt_verify(:secret::text, '{"kty":"oct","alg":"HS256","k":"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"}')} ],
		[ 'jwt_sign by a key',   q{SELECT auth.jwt_sign('{}', jsonb_build_object('kty', 'oct', 'alg', 'HS256', 'k', :secret::text))} ],
		[ 'jws_verify',          q{SELECT auth.jws_verify('x', jsonb_build_object('kty', 'oct', 'alg', 'HS256', 'k', :secret::text))} ],
		[ 'one_time_consume',    q{SELECT auth.one_time_consume(:secret::text, 'reset')} ],
		[ 'key_import',          q{SELECT auth.key_import('JWT_SECRET', 'thirty-two characters, at least ' || :secret::text)} ],
	  );

	# a wrapper names nothing of ours; it is known from its first run on
	$log = hides('a wrapper, the second time',
		"SELECT public.sign_in('anna\@example.com', :harmless::text);\nSELECT public.sign_in('anna\@example.com', :secret::text);\n", $mode, $hidden);
	like($log, qr/harmless/, "$mode: the first time its bind message is not hidden") if $mode eq 'extended';

	# an error before the secret is looked at has the parameters in its context
	hides("a wrapper, $_", "SET log_statement = 'none';\nSET log_duration = off;\nSET log_min_duration_statement = -1;\nSET auto_explain.log_min_duration = -1;\n"
		. "SET log_min_messages = 'warning';\nSET debug_print_parse = off;\nSET debug_print_rewritten = off;\nSET debug_print_plan = off;\nSELECT public.$_(:secret::text);\n", $mode, qr/ERROR: +22023/)
	  for ('of_no_kind', 'issued_of_no_kind', 'in_no_window');
}

# literals: what names our functions is hidden, from log_statement on
hides('a literal', "SELECT auth.password_hash(':secret');\n", 'simple', qr/statement: \(hidden by intrex_auth\)/);
hides('a literal to seal for a person', "SELECT auth.personal_encrypt(id, ':secret', 'context') FROM auth.users;\n", 'simple', qr/statement: \(hidden by intrex_auth\)/);
hides('SET of the token', "SET intrex_auth.token = ':secret';\n", 'simple', $hidden);
hides('the same with quotes', qq{SET "intrex_auth" . "token" TO ':secret';\n}, 'simple', $hidden);
hides('PREPARE and EXECUTE', "PREPARE p(text) AS SELECT auth.password_hash(\$1);\nEXECUTE p(':secret');\n", 'simple', $hidden);
hides('a DO block', "DO \$\$ BEGIN PERFORM auth.password_hash(':secret'); END \$\$;\n", 'simple', $hidden);
hides('dynamic SQL that fails', "DO \$\$ BEGIN EXECUTE 'SELECT auth.password_hash('':secret'') FROM nowhere'; END \$\$;\n", 'simple', qr/ERROR: +42P01/);

# the default settings log the statement of an error, here of one before anything runs
hides('the statement of a parse error', "SET log_statement = 'none';\nSET log_duration = off;\nSET log_min_duration_statement = -1;\nSET log_min_messages = 'warning';\n"
	. "SELECT auth.password_hash(':secret', nowhere);\n", 'simple', qr/ERROR: +42703/);

# a row image in an error has the hash in it
$node->safe_psql('postgres', q{CREATE TABLE account (hash text CHECK (false))});
my $log = log_of(sub { $node->psql('postgres', q{INSERT INTO account SELECT auth.password_hash('x')}) });
like($log, qr/ERROR: +23514/, 'a check constraint fails');
unlike($log, qr/\$2b\$04/, 'no password hash in the log');

# nor is any of it in tables, indexes or WAL
$node->safe_psql('postgres', 'CHECKPOINT');
my @stored;
find({ no_chdir => 1, wanted => sub { push @stored, $_ if -f $_ && PostgreSQL::Test::Utils::slurp_file($_) =~ /canary\d{4}/ } },
	map { $node->data_dir . "/$_" } qw(base global pg_wal pg_stat));
is_deeply(\@stored, [], 'no secret in the data directory');
is($node->safe_psql('postgres', q{INSERT INTO notes VALUES ('canary' || '0000') RETURNING 1; CHECKPOINT}), '1', 'a text that is stored');
find({ no_chdir => 1, wanted => sub { push @stored, $_ if -f $_ && PostgreSQL::Test::Utils::slurp_file($_) =~ /canary0000/ } },
	map { $node->data_dir . "/$_" } qw(base pg_wal));
cmp_ok(scalar(@stored), '>=', 2, 'is found in the table and in the WAL');

# what has nothing to do with secrets is logged as ever
$log = log_of(sub { $node->psql('postgres', q{SELECT auth.uid(); SELECT auth.user_id(), 'visible1' FROM nowhere; SELECT 'visible2'}) });
like($log, qr/statement: SELECT auth\.uid\(\)/, 'auth.uid() is not hidden');
like($log, qr/STATEMENT: .*visible1/, 'nor the statement of an error');
unlike($log, $hidden, 'nor anything');

# a session after a secret statement logs again
$log = log_of(sub { $node->psql('postgres', "SELECT auth.password_hash('x');\nSELECT 'visible3'") });
like($log, qr/visible3/, 'the next statement is logged in full');

# without preload: from the second statement of a backend on
$node->append_conf('postgresql.conf', "session_preload_libraries = 'auto_explain'");
$node->reload;
for my $mode ('extended', 'prepared')
{
	hides('without preload, behind another call', "SELECT auth.uid();\nSELECT auth.password_hash(:secret::text);\n", $mode, $hidden);
}

# the other formats of the log
$node->append_conf('postgresql.conf', "session_preload_libraries = 'intrex_auth'\nlogging_collector = on\nlog_destination = 'csvlog, jsonlog'");
$node->restart;
pgbench($node, "SELECT auth.password_hash(:secret::text), 1 / (random() < 0)::int;\n", '-t', 1, '-M', 'extended', '-D', 'secret=canary9999');
$node->stop;
my @files = glob($node->data_dir . '/log/*');
cmp_ok(scalar(@files), '>=', 2, 'CSV and JSON logs are there');
my $text = join('', map { PostgreSQL::Test::Utils::slurp_file($_) } @files);
like($text, $hidden, 'they have the line');
like($text, qr/division by zero/, 'and the error');
unlike($text, qr/canary9999/, 'but not the secret');

done_testing();
