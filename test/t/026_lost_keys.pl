# A lost key file is named: whatever was done with the keys, by which kind of key,
# and what is lost with it.

use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use KeyRing;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_server('lost', '');
my $missing = q(SELECT string_agg(alg, ' ' ORDER BY alg) FROM auth.keys_missing());
my $path = key_file($node);

# Run SQL in database postgres.
sub sql
{
	return $node->safe_psql('postgres', join("\n", map { "$_;" } @_));
}

# each use of a key alone has the ring noted, in a session of its own
my $tenant = sql(q(SELECT auth.tenant_create('Northwind')));
sql(q(SELECT auth.user_create('bo@example.com', 'staple gun at dawn')));
my $refresh = '';
my @uses = (
	['a login', q(SELECT auth_api.login('bo@example.com', 'staple gun at dawn'))],
	['a login that fails', q(SELECT auth_api.login('bo@example.com', 'wrong'))],
	['a token', q(SELECT auth.jwt_sign('{"sub": "x"}'))],
	['a one-time token', q(SELECT auth.one_time_issue('reset'))],
	['a stored secret', "SELECT auth.secret_store('$tenant', 'smtp', 'canary-secret')"],
	['a sealed value', q(SELECT auth.secret_encrypt('canary', 'x'))],
	['the key of a person', q(SELECT auth.personal_encrypt(id, 'canary', 'x') FROM auth.users WHERE email = 'bo@example.com')]);
for my $use (@uses)
{
	my ($what, $statement) = @$use;

	sql('TRUNCATE auth.known_keys');
	my $answer = sql($statement);
	$refresh = $1 if $answer =~ /"refresh_token": "([^"]+)"/;
	is(sql(q(SELECT string_agg(alg, ' ' ORDER BY alg) FROM auth.known_keys)), 'A256GCM HKDF-SHA256 HS256', "$what: the keys are noted");
}
sql('TRUNCATE auth.known_keys');
sql("SELECT auth_api.refresh('$refresh')");
is(sql('SELECT count(*) FROM auth.known_keys'), '3', 'a refresh: the keys are noted');
is(sql($missing), '', 'nothing is missing');

# a transaction or savepoint that is rolled back has noted nothing, and the next one does
my $session = $node->background_psql('postgres');
$session->query(q(BEGIN; TRUNCATE auth.known_keys; COMMIT; BEGIN; SELECT auth.jwt_sign('{"sub": "x"}'); ROLLBACK));
is(sql('SELECT count(*) FROM auth.known_keys'), '0', 'rolled back: not noted');
$session->query(q(BEGIN; SAVEPOINT s; SELECT auth.jwt_sign('{"sub": "x"}'); ROLLBACK TO s; COMMIT; SELECT auth.jwt_sign('{"sub": "x"}')));
is(sql('SELECT count(*) FROM auth.known_keys'), '3', 'the same session notes them later');
$session->quit;

# where nothing can be written, nothing is tried
is(sql(q(BEGIN READ ONLY; SELECT auth.jwt_sign('{"sub": "x"}') IS NOT NULL; COMMIT)), 't', 'READ ONLY: a token is signed all the same');
my $holder = $node->background_psql('postgres');
$holder->query('BEGIN; TRUNCATE auth.known_keys; COMMIT; BEGIN; LOCK TABLE auth.known_keys IN SHARE MODE');
is(sql(q(SELECT auth.jwt_sign('{"sub": "x"}') IS NOT NULL)), 't', 'noting keys waits for nobody');
$holder->query('COMMIT');
$holder->quit;
sql(q(SELECT auth.jwt_sign('{"sub": "x"}')));

# the file is lost
my $keys = slurp($path);
rename($path, "$path.away") or die "$path: $!";
is(sql($missing), 'A256GCM HKDF-SHA256 HS256', 'no file: every kind is missing');
sql('SELECT auth.key_create()');
is(sql($missing), 'A256GCM HKDF-SHA256 HS256', 'other keys in its place: every kind is missing');
is(sql(q(SELECT string_agg(lost, '; ' ORDER BY alg) FROM auth.keys_missing())),
	'stored secrets: 1; personal keys: 1; and what else it sealed; one-time tokens, and the counters of login attempts; ' .
	'access tokens that it signed; clients get others with their refresh token', 'with what is lost');
is(sql('SET ROLE auth_admin', $missing), 'A256GCM HKDF-SHA256 HS256', 'which administrators see');
spew($path, '{');
is(sql($missing), 'A256GCM HKDF-SHA256 HS256', 'a malformed file: every kind is missing');
spew($path, $keys);
is(sql($missing), '', 'the right file: none is');

# one kind alone: every algorithm that signs
for my $alg ('EdDSA', 'ES256', 'RS256', 'PS256', 'HS512')
{
	my $before = slurp($path);
	my $kid = sql("SELECT auth.key_rotate('$alg')");

	sql(q(SELECT auth.jwt_sign('{"sub": "x"}')));
	spew($path, $before);
	is(sql(q(SELECT alg || ' ' || kid FROM auth.keys_missing())), "$alg $kid", "$alg: the one that is missing");
	sql("SELECT auth.key_delete('$kid')");
	is(sql($missing), '', "$alg: auth.key_delete takes one that is lost for good from the list");
}
like(($node->psql('postgres', q(SELECT auth.key_delete('no such key'))))[2], qr/unknown key|no such key|key not found/i, 'but none that nobody knows');

# each use of the ring notes it
for my $file (glob("$FindBin::RealBin/../../src/*.c"))
{
	my $text = slurp($file);

	next if $file =~ /keyring\.c$/ || $text !~ /Keyring(Current|Derive\w*)\(/;
	like($text, qr/KeysNote\(\);/, "$file notes the keys that it uses");
}

$node->stop;
done_testing();
