# The claims hook and the server: its errors reach no log with their text, one that
# swallows every cancellation ends with its backend, and a standby asks it too.

use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use KeyRing;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Server;
use Test::More;
use Time::HiRes qw(time);

my $node = new_cluster('hook', allows_streaming => 1);
$node->append_conf('postgresql.conf', $_) for ('intrex_auth.password_cost = 4', "log_error_verbosity = verbose", "log_min_messages = debug1", "log_statement = 'all'", "session_preload_libraries = 'intrex_auth'");
$node->start;
$node->safe_psql('postgres', q(CREATE EXTENSION intrex_auth));
$node->safe_psql('postgres', "INSERT INTO auth.users (id, email) VALUES ('$KeyRing::user', 'canary-address\@example.com'); INSERT INTO auth.sessions (id, user_id) VALUES ('$KeyRing::session', '$KeyRing::user')");
my $token = $node->safe_psql('postgres', "SELECT auth.jwt_sign('{\"sub\":\"$KeyRing::user\",\"role\":\"authenticated\",\"session_id\":\"$KeyRing::session\",\"email\":\"canary-address\@example.com\"}')");

# Another body for the hook.
sub body
{
	my ($text) = @_;
	$node->safe_psql('postgres', "CREATE OR REPLACE FUNCTION public.hook(event jsonb) RETURNS jsonb LANGUAGE plpgsql AS \$\$ $text \$\$");
}

# Its error, as the client sees it.
sub refused
{
	my ($server) = @_;
	my ($code, $out, $err) = $server->psql('postgres', "SELECT auth.authenticate('$token')", timeout => $PostgreSQL::Test::Utils::timeout_default);
	return $err;
}

body(q(BEGIN RETURN '{"decision": "continue"}'; END));
$node->safe_psql('postgres', "ALTER SYSTEM SET intrex_auth.claims_hook = 'public.hook'; ALTER SYSTEM SET intrex_auth.claims_hook_timeout = '3s'");
$node->reload;
is(verify($node, $token), 'ok', 'let in');

# the text of its errors
body(q(BEGIN RAISE EXCEPTION 'secret: %', event USING DETAIL = event::text, HINT = event::text; END));
my $before = -s $node->logfile;
my $err = refused($node);
like($err, qr/claims hook "public.hook" failed/, 'the client is told which hook');
unlike($err, qr/canary/, 'and not what it said');
my $log = substr(slurp($node->logfile), $before);
like($log, qr/claims hook "public.hook" failed/, 'so is the log');
unlike($log, qr/canary|\Q$token\E/, 'where no claim and no token is');

# a hook that cannot be cancelled is stopped with its backend, and nobody else's
body(q(BEGIN LOOP BEGIN PERFORM pg_sleep(3600); EXCEPTION WHEN query_canceled THEN NULL; END; END LOOP; END));
my $began = time();
$err = refused($node);
like($err, qr/terminating connection|server closed the connection/, 'the backend ends');
cmp_ok(time() - $began, '<', 3600, 'in time');
body(q(BEGIN RETURN '{"decision": "continue"}'; END));
is(verify($node, $token), 'ok', 'the server goes on');

# on a standby
$node->backup('base');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($node, 'base', has_streaming => 1);
# the copy has the modes of the backup
chmod 0600, key_file($standby);
$standby->start;
is(verify($standby, $token), 'ok', 'a standby lets in');
body(q(BEGIN RETURN '{"decision": "reject", "message": "not here"}'; END));
$node->wait_for_catchup($standby);
like(refused($standby), qr/not here \(claims_hook_refused\)/, 'and refuses');

$standby->stop;

# the recipe of the page, run as it is written, by the superuser whom it names
$node->safe_psql('postgres', 'ALTER SYSTEM RESET intrex_auth.claims_hook; ALTER SYSTEM RESET intrex_auth.claims_hook_timeout');
$node->reload;
my $page = slurp("$FindBin::RealBin/../../doc/jwt.md");
my ($recipe) = $page =~ /^## Claims hook\n.*?^```sql\n(.*?)^```$/ms;
like($recipe, qr/ALTER DATABASE mydb SET/, 'the page has a recipe');
$node->safe_psql('postgres', 'CREATE DATABASE mydb');
$node->safe_psql('mydb', 'CREATE EXTENSION intrex_auth');
$node->safe_psql('mydb', $recipe);
my $user = $node->safe_psql('mydb', q(SELECT auth.user_create('plan@example.com', 'staple gun at dawn')));
$node->safe_psql('mydb', "INSERT INTO claims.plans VALUES ('$user', 'gold')");
my $signin = q(SELECT auth_api.login('plan@example.com', 'staple gun at dawn') ->> 'access_token');
my $plan_token = $node->safe_psql('mydb', $signin);
is($node->safe_psql('mydb', "SELECT auth.authenticate('$plan_token') ->> 'plan'"), 'gold', 'by the recipe a token has the plan');
$node->safe_psql('mydb', "INSERT INTO claims.suspended VALUES ('$user')");
my ($code, $out);
($code, $out, $err) = $node->psql('mydb', "SELECT auth.authenticate('$plan_token')");
like($err, qr/Suspended \(claims_hook_refused\)/, 'and a suspended user is refused');
# a table under auth.protect, by the policy that the page names
my ($policy) = $page =~ /`(CREATE POLICY claims_hook [^`]*)`/;
$node->safe_psql('mydb', qq(CREATE SCHEMA app; CREATE TABLE app.members (user_id uuid, tenant_id uuid);
	SELECT auth.protect('app.members', tenant_fk => false);
	INSERT INTO app.members VALUES ('$user', gen_random_uuid());
	GRANT USAGE ON SCHEMA app TO auth_hook; GRANT SELECT ON app.members TO auth_hook));
is($node->safe_psql('mydb', 'SET ROLE auth_hook; SELECT count(*) FROM app.members'), '0', 'a protected table shows auth_hook nothing');
$node->safe_psql('mydb', $policy);
is($node->safe_psql('mydb', 'SET ROLE auth_hook; SELECT count(*) FROM app.members'), '1', 'until it has the policy of the page');

$node->stop;
done_testing();
