# While as many password hashes are being computed as may be, endpoints that need
# one more answer 503: to known and unknown users alike, and nothing is decided.
# One backend is stopped in the middle of a computation, so it is not a matter of
# how fast the machine is.

use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use KeyRing;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Server;
use Test::More;

my $node = new_server('busy', 'intrex_auth.max_concurrent_hashes = 1', 'intrex_auth.allow_bootstrap = on',
	'intrex_auth.login_limit_pair = 1000');
$node->safe_psql('postgres', q(SELECT auth.user_create('bo@example.com', 'password of bo')));
my ($token) = $node->safe_psql('postgres', q(SELECT auth_api.login('bo@example.com', 'password of bo') ->> 'access_token'));

# code, headers and trail of a call
sub answer
{
	my ($call) = @_;
	return $node->safe_psql('postgres', qq(
		BEGIN;
		SELECT auth.authenticate('$token') \\g /dev/null
		SELECT coalesce(auth_api.$call #>> '{error,code}', 'ok');
		SELECT current_setting('response.status', true) || current_setting('response.headers', true);
		COMMIT;
		SELECT outcome FROM auth.audit_log ORDER BY id DESC LIMIT 1));
}

my %calls = (
	'login'                      => q(login('bo@example.com', 'password of bo')),
	'login, wrong password'      => q(login('bo@example.com', 'wrong')),
	'login, unknown user'        => q(login('nobody@example.com', 'wrong')),
	'register'                   => q(register('new@example.com', 'password of new')),
	'register, taken'            => q(register('bo@example.com', 'password of new')),
	'change_password'            => q(change_password('password of bo', 'another password')),
	'bootstrap_admin'            => q(bootstrap_admin('root@example.com', 'password of root')));

my $hog = IPC::Run::start(
	[ 'psql', '-XAtq', '-c', q(SELECT auth.password_hash('x', 14) FROM generate_series(1, 5)), $node->connstr('postgres') ],
	'>', \my $out, '2>', \my $err);
my $slot = q(SELECT max(pid) FROM pg_locks WHERE locktype = 'advisory' AND objsubid = 6657 AND granted);
my $pid = stopped_within($node, $slot);
ok($pid, 'a computation is stopped in the middle');
is(answer($calls{$_}), "server_busy\n503[{\"Retry-After\": \"1\"}]\nfailure", "$_: 503") for sort keys %calls;
kill('CONT', $pid);
$hog->finish;
like($out, qr/^\$2b\$14\$/, 'the computation goes on');

is($node->safe_psql('postgres', q(SELECT count(*) FROM auth.users WHERE email IN ('new@example.com', 'root@example.com'))), '0', 'nobody was registered');
like(answer($calls{'login, wrong password'}), qr/^invalid_credentials\n/, 'there is room again: a wrong password');
like(answer($calls{'login'}), qr/^ok\n/, 'and the right one, which was not changed');

$node->stop;
done_testing();
