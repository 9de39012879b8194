# The life of keys: standby, current, previous, retired, gone; import of JWKs;
# what PostgREST is given and told.  The key file is shared by the whole server
# and no transaction takes a change back, so this needs a server of its own.

use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use KeyRing;
use Digest::SHA qw(hmac_sha256);
use MIME::Base64 qw(encode_base64url decode_base64url);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_server('life');
my $path = key_file($node);

sub sql
{
	return $node->safe_psql('postgres', join(';', @_));
}

# Output on standard error, with SQLSTATE.
sub complaint
{
	my ($statement, @params) = @_;
	my ($code, $out, $err) = $node->psql('postgres', "\\set VERBOSITY verbose\n$statement", @params);
	return $err;
}

sub state_of
{
	my ($kid) = @_;
	return sql("SELECT state FROM auth.keys() WHERE kid = '$kid'");
}

sub current_kid
{
	my ($use) = @_;
	return sql(qq(SELECT kid FROM auth.keys() WHERE "use" = '$use' AND state = 'current'));
}

# The kid in the header of a token.
sub kid_of
{
	my ($token) = @_;
	my ($header) = split(/\./, $token);
	return decode_base64url($header) =~ /"kid":"([^"]*)"/ ? $1 : '';
}

my $hs = current_kid('sign');
my $first = sign($node);
is(kid_of($first), $hs, 'tokens name the current key');

# every asymmetric algorithm is one step away, and a standby is not used yet
for my $alg (qw(EdDSA ES256 ES384 ES512 RS256 PS256 HS384))
{
	my $standby = sql("SELECT auth.key_standby('$alg')");
	my $before = current_kid('sign');

	is(state_of($standby), 'standby', "$alg: standby");
	is(kid_of(sign($node)), $before, "$alg: does not sign yet");
	sql("SELECT auth.key_promote('$standby')");
	my $token = sign($node);
	is(kid_of($token), $standby, "$alg: signs once it is current");
	is(verify($node, $token), 'ok', "$alg: verifies");
	is(state_of($before), 'previous', "$alg: the former one is previous");
	is(verify($node, $first), 'ok', "$alg: the first token is still good");
}
my $ed = sql(q(SELECT auth.key_rotate('EdDSA')));
is(verify($node, sign($node)), 'ok', 'key_rotate does both at once');

# a standby key verifies: another server with the same file may use it already
my $standby = sql(q(SELECT auth.key_standby('EdDSA')));
my $original = slurp($path);
sql("SELECT auth.key_promote('$standby')");
my $early = sign($node);
spew($path, $original);
is(state_of($standby), 'standby', '(the file of before the promotion)');
is(verify($node, $early), 'ok', 'a standby key verifies');
is(sql(qq(SELECT jsonb_path_exists(auth.jwks(), '\$.keys[*] ? (\@.kid == "$standby")'))), 't', 'and is published');

# back from a key that proved a mistake
sql("SELECT auth.key_promote('$standby')", "SELECT auth.key_promote('$ed')");
is(current_kid('sign') . state_of($standby), "${ed}previous", 'a previous key can be current again');
is(verify($node, $early), 'ok', 'and tokens of the other one stay good');

# retired: nothing any more
like(complaint("SELECT auth.key_retire('$ed')"), qr/55000: +the key is current\nHINT: +Make another one current first/, 'the current key is not retired');
my $before = slurp($path);
my $warning = complaint("SELECT auth.key_retire('$standby')");
like($warning, qr/WARNING: +01000: +tokens signed with this key may be in use/, 'a young key is retired with a warning');
like($warning, qr/DETAIL: +Sessions .* still be good: 1\. Tokens/, 'which counts the sessions');
like($warning, qr/HINT: +They are refused from now on/, 'and says what becomes of them');
like(verify($node, $early), qr/28000: +invalid token/, 'a retired key verifies nothing');
is(sql(qq(SELECT jsonb_path_exists(auth.jwks(), '\$.keys[*] ? (\@.kid == "$standby")'))), 'f', 'and is not published');
like(complaint("SELECT auth.key_retire('$standby')"), qr/55000: +the key is retired\nHINT: +It is out of use already/, 'not twice');
like(complaint("SELECT auth.key_promote('$standby')"), qr/55000: +the key is retired\nHINT: +Only a standby or previous key/, 'and never current again');
like(complaint("SELECT auth.key_promote('$ed')"), qr/55000: +the key is current/, 'the current one is not promoted');
for my $call ('key_promote', 'key_retire', 'key_delete')
{
	like(complaint("SELECT auth.$call('nobody')"), qr/P0002: +key not found\nHINT: +SELECT \* FROM auth.keys/, "$call: no such key");
	like(complaint("SELECT auth.$call('')"), qr/P0002/, "$call: no kid");
	like(complaint("SELECT auth.$call(repeat('canary', 180000))"), qr/P0002: +key not found\nHINT(?!.*canary)/, "$call: a megabyte");
	is(sql("SELECT auth.$call(NULL) IS NULL"), $call eq 'key_delete' ? 'f' : 't', "$call: NULL") if $call ne 'key_delete';
}
like(complaint(q(SELECT auth.key_standby('none'))), qr/22023: +unknown key algorithm\nHINT: +Use EdDSA/, 'an unknown algorithm');
like(complaint(q(SELECT auth.key_standby(''))), qr/22023/, 'none');
like(complaint(q(SELECT auth.key_rotate(repeat('canary', 180000)))), qr/22023: +unknown key algorithm\nHINT(?!.*canary)/, 'a megabyte of it');

# sessions that still use an access token of the key are counted
$node->safe_psql('postgres', q(SET ROLE anon; SELECT auth_api.register('otto@example.com', 'staple gun at dawn')));
my $otto = sql(q(SELECT auth.key_rotate('EdDSA')));
like(complaint("SELECT auth.key_retire('$ed')"), qr/still be good: 2\./, 'one more, that used the key');
sleep(3);
$node->safe_psql('postgres', q(SET ROLE anon; SELECT auth_api.login('otto@example.com', 'staple gun at dawn')));
$node->safe_psql('postgres', 'UPDATE auth.sessions SET revoked_at = clock_timestamp() WHERE created_at < clock_timestamp() - interval $$2 seconds$$ AND id <> $$' . $KeyRing::session . '$$');
my $next = sql(q(SELECT auth.key_rotate('EdDSA')));
like(complaint("SELECT auth.key_retire('$otto')"), qr/still be good: 2\./, 'one that was revoked does not count');

# one that stopped signing long ago is retired by the next change, unasked, and without a warning
my $text = slurp($path);
my $day = time() - 86400;
(my $old = $text) =~ s/("kid": "$hs",\s+"state": "previous",\s+"since": )\d+/$1 . ($day - 30)/e;
isnt($old, $text, '(a key that stepped down a day ago)');
spew($path, $old);
$next = sql(q(SET intrex_auth.max_token_lifetime = '1min'), q(SELECT auth.key_rotate('EdDSA')));
is(state_of($hs), 'previous', 'a key that another database may need is not retired by a shorter lifetime here');
$text = slurp($path);
($old = $text) =~ s/("kid": "$hs",\s+"state": "previous",\s+"since": )\d+/$1 . ($day - 61)/e;
spew($path, $old);
$next = sql(q(SELECT auth.key_rotate('EdDSA')));
is(state_of($hs), 'retired', 'one that no token can name is retired by the next rotation');
like(verify($node, $first), qr/28000/, 'with its tokens');

# gone
like(complaint("SELECT auth.key_delete('$next')"), qr/55000: +the key is current\nHINT: +Retire it first/, 'the current key is not deleted');
sql('SELECT auth._remember_keys()');
sql("SELECT auth.key_delete('$hs')");
is(state_of($hs), '', 'a retired key is deleted');
unlike(slurp($path), qr/\Q$hs\E/, 'from the file');
is(sql("SELECT count(*) FROM auth.keys_missing() WHERE kid = '$hs'"), '0', 'and not missed');
like(verify($node, $first), qr/28000/, 'its tokens are refused');
my ($retired) = sql(q(SELECT count(*) FROM auth.keys() WHERE "use" = 'sign' AND state = 'retired'));
cmp_ok($retired, '>', 1, '(there are more)');
sql(q(SELECT auth.key_delete(kid) FROM auth.keys() WHERE "use" = 'sign' AND state = 'retired'));
is(sql(q(SELECT count(*) FROM auth.keys() WHERE state = 'retired')), '0', 'all at once');

# a full file says what to do
my $count = sql('SELECT count(*) FROM auth.keys()');
sql(map { q(SELECT auth.key_standby('HS256')) } 1 .. 100 - $count);
like(complaint(q(SELECT auth.key_rotate('HS256'))), qr/54000: +the key file holds 100 keys, as many as it may\nHINT: +Delete retired ones/, 'a full file');
sql(q(SELECT auth.key_retire(kid) FROM auth.keys() WHERE state = 'standby'));
sql(q(SELECT auth.key_delete(kid) FROM auth.keys() WHERE "use" = 'sign' AND state = 'retired'));

# derivation keys: what was derived before a rotation is found again
my $derive = current_kid('derive');
sql(q(SELECT auth.key_rotate('HKDF-SHA256')));
sql(q(DO $$ BEGIN FOR i IN 1 .. 11 LOOP PERFORM auth_api.login('nobody@example.com', 'wrong password'); END LOOP; END $$));
my $closed = q(SELECT auth_api.login('nobody@example.com', 'wrong password') -> 'error' ->> 'code');
is(sql($closed), 'over_request_rate_limit', '(an identifier over its limit)');
sql(q(SELECT auth.key_rotate('HKDF-SHA256')));
is(sql($closed), 'over_request_rate_limit', 'a rotation does not open what was closed');
like(complaint("SELECT auth.key_retire('$derive')"), qr/01000: +what was derived from this key does not count/, 'retiring the oldest says what it ends');
is(sql($closed), 'invalid_credentials', 'and begins the counters anew');

# not part of the transaction, and said only when it commits
my $listener = $node->background_psql('postgres', on_error_stop => 0);
$listener->query('LISTEN pgrst');
sql('BEGIN', q(SELECT auth.key_rotate('ES256')), 'ROLLBACK');
is(sql(q(SELECT alg FROM auth.keys() WHERE "use" = 'sign' AND state = 'current')), 'ES256', 'the file is not part of the transaction');
unlike($listener->query('SELECT 1'), qr/Asynchronous/, 'PostgREST is not told of what was rolled back');
for my $change (q(SELECT auth.key_rotate('ES256')), q(SELECT auth.key_standby('ES256')),
	q(SELECT auth.key_promote(kid) FROM auth.keys() WHERE state = 'standby'),
	q(SELECT auth.key_retire(kid) FROM auth.keys() WHERE "use" = 'sign' AND state = 'previous' LIMIT 1),
	q(SELECT auth.key_delete(kid) FROM auth.keys() WHERE "use" = 'sign' AND state = 'retired' LIMIT 1),
	qq(SELECT auth.key_export('@{[ $node->data_dir ]}/verify.json')))
{
	sql($change);
	like($listener->query('SELECT 1'), qr/notification "pgrst" with payload "reload config"/, "PostgREST is told: $change");
}
$listener->quit;

# what PostgREST is given
sql('CREATE ROLE authenticator LOGIN NOINHERIT', 'GRANT anon, authenticated TO authenticator');
my @as = (extra_params => [ '-U', 'authenticator' ]);
my $ask = q(BEGIN READ ONLY; SELECT auth.pre_config() \g /dev/null
SELECT current_setting('pgrst.jwt_secret', true), current_setting('pgrst.jwt_aud', true); COMMIT);
like(complaint($ask, @as), qr/42501: +permission denied for/, 'pre_config is nobody\'s until it is granted');
for my $role (qw(anon authenticated auth_admin))
{
	is(sql("SELECT has_function_privilege('$role', 'auth.pre_config()', 'EXECUTE')"), 'f', "not even $role\'s");
}
sql('GRANT USAGE ON SCHEMA auth TO authenticator', 'GRANT EXECUTE ON FUNCTION auth.pre_config() TO authenticator');
my ($code, $out, $err) = $node->psql('postgres', $ask, @as);
my ($secret, $audience) = split(/\|/, $out =~ s/^(BEGIN|COMMIT)\n?//mgr);
is($audience, 'authenticated', 'the audience');
is(sql("SELECT '$secret'::jsonb = auth.jwks()"), 't', 'exactly the public keys, in a read-only transaction');
is(sql("SELECT string_agg(DISTINCT m, ' ' ORDER BY m) FROM jsonb_array_elements('$secret'::jsonb -> 'keys') AS k, jsonb_object_keys(k) AS m"),
	'alg crv e kid kty n use x y', 'with no private member');
is(sql("SELECT bool_and(k ->> 'kty' <> 'oct') FROM jsonb_array_elements('$secret'::jsonb -> 'keys') AS k"), 't', 'and no secret key');
is($node->safe_psql('postgres', q(BEGIN; SELECT auth.pre_config(); COMMIT; SELECT coalesce(current_setting('pgrst.jwt_secret', true), '') = ''), @as) =~ s/\n//r, 't',
	'for its transaction only');
my $session = $node->background_psql('postgres', on_error_stop => 0, extra_params => [ '-U', 'authenticator' ]);
$session->query($ask);
my $fresh = sql(q(SELECT auth.key_standby('EdDSA')));
like($session->query($ask), qr/\Q$fresh\E/, 'of the file as it is at that moment');
$session->quit;
sql("SELECT auth.key_rotate('HS256')");
($code, $out, $err) = $node->psql('postgres', $ask, @as);
like($err, qr/WARNING: +PostgREST is given no key: tokens are signed with a secret one/, 'a ring that signs with a secret: said');
like($err, qr/HINT: +SELECT auth.key_rotate\('EdDSA'\) as superuser, or jwt-secret = "\@file"/, 'with what to do');
is($out =~ s/^(BEGIN|COMMIT)\n?//mgr, '|authenticated', 'and nothing set, so that a file configured there stays');
sql("SELECT auth.key_promote('$fresh')");
($code, $out, $err) = $node->psql('postgres', $ask, @as);
like($err, qr/WARNING: +PostgREST refuses tokens that the former key signed/, 'after it: said too');
like($out, qr/\Q$fresh\E/, 'the public key is given');
unlike($out, qr/"oct"|"k"|"d"/, 'and nothing else');

# keys of other systems
my $canary = encode_base64url('canary-of-an-imported-secret-key');
my %jwk = (
	oct => qq({"kty":"oct","alg":"HS256","kid":"gotrue-1","key_ops":["sign","verify"],"k":"$canary"}),
	EdDSA => '{"kty":"OKP","crv":"Ed25519","alg":"EdDSA","use":"sig","kid":"rfc8037","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo","d":"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A"}',
);
for my $kind (sort keys %jwk)
{
	my $kid = sql("SET client_min_messages = error", "SELECT auth.key_import('JWK', '$jwk{$kind}')");
	is($kid, $jwk{$kind} =~ /"kid":"([^"]+)"/ ? $1 : '', "$kind: imported under its own kid");
	my $token = sign($node);
	is(kid_of($token) . verify($node, $token), "${kid}ok", "$kind: signs and verifies");
	like(complaint("SELECT auth.key_import('JWK', '$jwk{$kind}')"), qr/22023: +invalid JWK\nDETAIL.*\(duplicate_key\)\nHINT/, "$kind: not twice");
}
# a token that the replaced system signed goes on; the same claims, signed outside
my ($header, $payload) = split(/\./, sign($node));
my $signed = encode_base64url('{"typ":"JWT","kid":"gotrue-1","alg":"HS256"}') . ".$payload";
is(verify($node, "$signed." . encode_base64url(hmac_sha256($signed, 'canary-of-an-imported-secret-key'))), 'ok',
	'a token of the other system is good');
like(verify($node, "$signed." . encode_base64url(hmac_sha256($signed, $canary))), qr/28000/, 'one of another key is not');
my %refused = (
	'a public key'       => [ '{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo","note":"canary"}', 'public_key', 'Export the private key' ],
	'a weak one'         => [ '{"kty":"oct","alg":"HS256","k":"Y2FuYXJ5"}', 'weak_key', 'Make a new key' ],
	'to encrypt'         => [ qq({"kty":"oct","alg":"HS256","use":"enc","k":"$canary"}), 'wrong_key_use', 'Its use, key_ops and alg' ],
	'to verify'          => [ qq({"kty":"oct","alg":"HS256","key_ops":["verify"],"k":"$canary"}), 'wrong_key_use', 'Its use, key_ops and alg' ],
	'no algorithm'       => [ qq({"kty":"oct","k":"$canary"}), 'wrong_key_algorithm', 'Say what the key is for' ],
	'alg of another kty' => [ qq({"kty":"oct","alg":"RS256","k":"$canary"}), 'wrong_key_algorithm', 'Say what the key is for' ],
	'an unknown kty'     => [ qq({"kty":"canary","alg":"HS256","k":"$canary"}), 'unknown_key_type', 'Give one private' ],
	'two keys'           => [ qq({"keys":[{"kty":"oct","alg":"HS256","kid":"a","k":"$canary"},{"kty":"oct","alg":"HS256","kid":"b","k":"$canary"}]}), 'invalid_argument', 'Import one key' ],
	'a set of none'      => [ '{"keys":[]}', 'no_key', 'Give one private' ],
	'a number as k'      => [ '{"kty":"oct","alg":"HS256","k":1}', 'malformed_key', 'Give one private' ],
	'a kid too long'     => [ qq({"kty":"oct","alg":"HS256","kid":"@{['canary' x 20]}","k":"$canary"}), 'malformed_key', 'Give one private' ],
	'k twice'            => [ qq({"kty":"oct","alg":"HS256","k":"$canary","k":"$canary"}), 'json_duplicate_member', 'Give one private' ],
	'a list'             => [ '["canary"]', 'malformed_key', 'Give one private' ],
	'no JSON'            => [ 'canary', 'bad_json', 'Give one private' ],
	'nothing'            => [ '', 'bad_json', 'Give one private' ],
	'truncated'          => [ substr($jwk{oct}, 0, 60), 'bad_json', 'Give one private' ],
	'a megabyte'         => [ '[' . '"canary",' x 120000 . '1]', 'json_too_large', 'Give one private' ],
);
my $ring = slurp($path);
for my $what (sort keys %refused)
{
	my ($text, $reason, $hint) = @{ $refused{$what} };
	my $err = complaint("SELECT auth.key_import('JWK', \$jwk\$$text\$jwk\$)");
	like($err, qr/22023: +invalid JWK\nDETAIL: .*\($reason\)\nHINT: +\Q$hint\E/, "$what: refused");
	unlike($err, qr/canary|\Q$canary\E/, "$what: nothing of it in the error");
}
is(slurp($path), $ring, 'and the file is as it was');

# the export is not written over the ring, by whatever path, nor where the server happens to be
my $other = $node->basedir . '/other_path';
symlink($node->data_dir, $other) or die "$other: $!";
for my $over ($path, $path =~ s{/([^/]+)$}{/base/../$1}r, "$other/intrex_auth.jwks")
{
	like(complaint("SELECT auth.key_export('$over')"), qr/22023: +cannot export over the key file itself/, "an export over the key file: $over");
}
like(complaint("SELECT auth.key_export('$_')"), qr/22023: +path of the export must be absolute/, "a relative path: '$_'") for ('', 'verify.json', '../verify.json');
like(complaint("SELECT auth.key_export('/nowhere/verify.json')"), qr/58P01: +could not write the key file: No such file or directory/, 'a directory that is not there');
like(complaint("SELECT auth.key_export('/' || repeat('x', 5000))"), qr/22023: +the path of the key file is too long/, 'a path that is too long');
is(slurp($path), $ring, 'nothing was written over it');

# who may
sql('CREATE ROLE plain LOGIN', 'GRANT auth_admin TO plain');
my @calls = (q(key_standby('HS256')), q(key_promote('x')), q(key_retire('x')), q(key_delete('x')), q(key_uses('x')));
for my $call (@calls)
{
	like(complaint("SELECT auth.$call", extra_params => [ '-U', 'plain' ]), qr/42501: +permission denied for function/, "$call is not for auth_admin");
}
# not even when somebody grants it
sql('GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA auth TO plain');
for my $call (@calls)
{
	next if $call =~ /key_uses/;
	like(complaint("SELECT auth.$call", extra_params => [ '-U', 'plain' ]), qr/42501: +permission denied to administer keys/, "$call is the superuser's, whatever was granted");
}

# a file that cannot be used is not overwritten
sleep(2);
my $open = $node->background_psql('postgres', on_error_stop => 0);
$open->query('SELECT auth.keys()');
spew($path, 'garbage');
for my $call (q(key_rotate('HS256')), q(key_standby('HS256')), q(key_promote('x')), q(key_retire('x')), q(key_delete('x')))
{
	$open->query("SELECT auth.$call");
	like($open->{stderr}, qr/the key file is malformed/, "$call over a malformed file, also by who has its keys");
	$open->{stderr} = '';
}
is(slurp($path), 'garbage', 'it was left as it is');
$open->query('SELECT count(*) FROM auth.keys()');
like($open->{stderr}, qr/WARNING: +the key file cannot be used/, 'keys() says that they are the ones loaded before');
$open->{stderr} = '';
spew($path, $ring);
$open->query('SELECT count(*) FROM auth.keys()');
is($open->{stderr}, '', 'until the file is back');
$open->quit;

$node->stop;
done_testing();
