# The key file as backends see it: made by CREATE EXTENSION alone, private,
# noticed when it is replaced, and what a missing, exposed or malformed one does.
# psql cannot show it: the file changes under sessions that stay open.

use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use KeyRing;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_server('keys');
my $path = key_file($node);
my $original = slurp($path);

# made by CREATE EXTENSION, private
is(sprintf('%04o', (stat($path))[2] & 07777), '0600', 'CREATE EXTENSION makes the file with mode 0600');
is($node->safe_psql('postgres', q(SELECT string_agg("use" || ' ' || alg || ' ' || state, ', ' ORDER BY "use") FROM auth.keys())),
	'derive HKDF-SHA256 current, seal A256GCM current, sign HS256 current', 'one key of each use');
is_deeply([ glob("$path.*") ], [], 'no temporary file is left');

# one session stays open through all of it; \gset-free, so that it keeps its ring
my $open = $node->background_psql('postgres', on_error_stop => 0);
my $token = sign($node);
my $ask = "BEGIN; SELECT auth.authenticate('$token') ->> 'sub'; COMMIT;";
like($open->query($ask), qr/$KeyRing::user/, 'an open session accepts the token');

# CREATE EXTENSION again does not touch it
$node->safe_psql('postgres', 'CREATE DATABASE second');
$node->safe_psql('second', 'CREATE EXTENSION intrex_auth');
is(slurp($path), $original, 'a second database uses the same file');
$node->safe_psql('second', 'DROP EXTENSION intrex_auth; CREATE EXTENSION intrex_auth');
is(slurp($path), $original, 'DROP and CREATE EXTENSION leave it as it is');

# a replaced file is noticed without a reload: immediately for an unknown kid …
my $kid = $node->safe_psql('postgres', 'SELECT auth.key_rotate()');
my $rotated = slurp($path);
my $new_token = sign($node);
like($open->query("BEGIN; SELECT auth.authenticate('$new_token') ->> 'sub'; COMMIT;"),
	qr/$KeyRing::user/, 'the open session accepts a token of the new key at once');
like($open->query($ask), qr/$KeyRing::user/, 'and still one of the previous key');
is($node->safe_psql('postgres', "SELECT state FROM auth.keys() WHERE kid = '$kid'"), 'current', 'the new key is current');
is($node->safe_psql('postgres', q(SELECT count(*) FROM auth.keys() WHERE state = 'previous')), '1', 'the former one is previous');

# … and within a second for a withdrawn one
spew($path, $original);
sleep(2);
like($open->query("BEGIN; SELECT auth.authenticate('$new_token') ->> 'sub'; COMMIT;") . $open->{stderr},
	qr/unknown_key/, 'a key that left the file is refused');
$open->{stderr} = '';
$open->query('ROLLBACK');
like($open->query($ask), qr/$KeyRing::user/, 'the one that stayed is accepted');

# readable by others: refused, whatever was loaded
chmod(0640, $path);
sleep(2);
$open->query($ask);
like($open->{stderr}, qr/the key file is not private/, 'group-readable: refused in an open session');
unlike($open->{stderr}, qr/\Q$path\E/, 'the client is not told the path');
$open->{stderr} = '';
$open->query('ROLLBACK');
chmod(0604, $path);
like(verify($node, $token), qr/42501: +the key file is not private/, 'world-readable: refused in a new session');
like(verify($node, $token), qr/HINT: +Run chmod 0600/, 'with a hint');
chmod(0600, $path);
sleep(2);
like($open->query($ask), qr/$KeyRing::user/, 'private again: accepted again');

# malformed replacements keep the ring of open sessions, and are clear errors in new ones
my %malformed = (
	'empty'            => '',
	'not JSON'         => 'secret-canary-1',
	'truncated'        => substr($original, 0, length($original) / 2),
	'no keys'          => '{"keys":[]}',
	'duplicate member' => '{"keys":[],"keys":[]}',
	'trailing text'    => $original . 'x',
);
for my $what (sort keys %malformed)
{
	spew($path, $malformed{$what});
	sleep(1.2);
	select(undef, undef, undef, 1.2);
	like($open->query($ask), qr/$KeyRing::user/, "$what: an open session goes on with its keys");
	my $error = verify($node, $token);
	like($error, qr/F0000: +the key file is malformed/, "$what: a clear error in a new session");
	unlike($error, qr/canary|"k"/, "$what: nothing of the file in it");
}
my $log = slurp($node->logfile);
like($log, qr/the key file ".*" is malformed/, 'the log says so');
like($log, qr/The keys loaded before stay in use/, 'and that the loaded keys stay');
unlike($log, qr/secret-canary-1/, 'and nothing of the file');

# too large, a directory, a FIFO: an error, never a hang
spew($path, '{"keys":[' . (' ' x 300_000) . ']}');
like(verify($node, $token), qr/F0000/, 'too large: refused');
unlink($path);
mkdir($path);
like(verify($node, $token), qr/42501/, 'a directory: refused');
rmdir($path);
system('mkfifo', '-m', '600', $path);
like(verify($node, $token), qr/42501/, 'a FIFO: refused at once');
unlink($path);

# missing: a clear error, never made anew by itself
sleep(2);
$open->query($ask);
sleep(6);
$open->query($ask);
like($open->{stderr}, qr/the key file does not exist/, 'missing for more than a moment: refused in an open session');
$open->{stderr} = '';
$open->query('ROLLBACK');
like(verify($node, $token), qr/58P01: +the key file does not exist/, 'missing: a clear error in a new session');
my ($code, $out, $err) = $node->psql('postgres', "SELECT auth.uid(); SET intrex_auth.token = '$token'");
like($err, qr/no token can be verified/, 'missing: also through SET');
ok(!-e $path, 'nothing makes it silently');
($code, $out, $err) = $node->psql('postgres', q(SELECT auth.secret_encrypt('x', 'y')));
like($err, qr/the key file does not exist/, 'missing: nothing is sealed');
is($node->safe_psql('postgres', 'SELECT auth.uid() IS NULL'), 't', 'missing: without a token nobody needs a key');

# key_create is the deliberate way
$node->safe_psql('postgres', 'SELECT auth.key_create()');
is(sprintf('%04o', (stat($path))[2] & 07777), '0600', 'key_create makes a private one');
like(verify($node, $token), qr/unknown_key/, 'tokens of the lost keys are refused');
($code, $out, $err) = $node->psql('postgres', 'SELECT auth.key_create()');
like($err, qr/exists already/, 'key_create refuses to replace a file');

# another place
spew($node->data_dir . '/elsewhere.jwks', $original);
$node->append_conf('postgresql.conf', "intrex_auth.key_file = 'elsewhere.jwks'");
$node->reload;
sleep(2);
like($open->query($ask), qr/$KeyRing::user/, 'key_file is followed after a reload');
$open->quit;

# not for others
$node->safe_psql('postgres', 'CREATE ROLE plain LOGIN; GRANT auth_admin TO plain');
for my $call (q(auth.keys()), q(auth.key_rotate()), q(auth.key_create()), q(auth.key_import('JWT_SECRET', 'x')), q(auth.key_export('/tmp/x')))
{
	($code, $out, $err) = $node->psql('postgres', "SELECT $call", extra_params => [ '-U', 'plain' ]);
	like($err, qr/permission denied for function/, "$call is not for auth_admin");
}
# not even when somebody grants it
$node->safe_psql('postgres', 'GRANT EXECUTE ON FUNCTION auth.key_rotate(text) TO plain');
($code, $out, $err) = $node->psql('postgres', 'SELECT auth.key_rotate()', extra_params => [ '-U', 'plain' ]);
like($err, qr/permission denied to administer keys/, 'keys are the superuser\'s, whatever was granted');

# many rotations at once lose none
$node->pgbench('--no-vacuum --client=8 --transactions=3', 0, [qr{processed: 24/24}], [qr{^}], 'concurrent rotations',
	{ '020_rotate' => q(SELECT auth.key_rotate('A256GCM');) });
is($node->safe_psql('postgres', q(SELECT count(*) FROM auth.keys() WHERE "use" = 'seal')), '25', 'no rotation is lost');
is($node->safe_psql('postgres', q(SELECT count(*) FROM auth.keys() WHERE "use" = 'seal' AND state = 'current')), '1', 'exactly one is current');

$node->stop;
done_testing();
