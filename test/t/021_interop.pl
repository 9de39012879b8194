# Tokens of independent implementations, both ways: jose and jsonwebtoken of npm.

use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use KeyRing;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $tree = $ENV{INTREX_AUTH_TREE} || "$FindBin::RealBin/../..";
my $interop = "$tree/test/interop";

plan skip_all => 'node or the npm packages are not installed (npm ci in test/interop)'
  unless -d "$interop/node_modules/jose" && !system('node --version >/dev/null 2>&1');

my $node = new_server('interop');
my $export = $node->data_dir . '/verify.jwks';

# run one command of the script with the exported keys
sub interop
{
	my (@arguments) = @_;
	my ($out, $err);
	IPC::Run::run([ 'node', "$interop/tokens.mjs", @arguments ], '>', \$out, '2>', \$err);
	chomp $out;
	return $out ne '' ? $out : "error: $err";
}

# both ways with the key that signs; who signs himself needs more than the export
sub round_trip
{
	my ($what, $signer, @libraries) = @_;
	my $issuer = $node->safe_psql('postgres', q(SELECT auth.jwt_verify(auth.jwt_sign('{"role":"anon"}')) ->> 'iss'));

	is($node->safe_psql('postgres', "SELECT auth.key_export('$export') > 0"), 't', "$what: keys exported");
	is(sprintf('%04o', (stat($export))[2] & 07777), '0600', "$what: into a private file");
	for my $library (@libraries)
	{
		my $ours = sign($node);
		is(interop('verify', $library, $export, $ours, $issuer), $KeyRing::user, "$what: $library verifies ours");
		my $theirs = interop('sign', $library, $signer, claims(), $issuer);
		is(verify($node, $theirs), 'ok', "$what: we verify what $library signed");
		my $damaged = $theirs;
		substr($damaged, -9, 1) = substr($damaged, -9, 1) eq 'A' ? 'B' : 'A';
		like(verify($node, $damaged), qr/28000: +invalid token/, "$what: and refuse it damaged");
	}
}

my @both = ('jose', 'jsonwebtoken');
round_trip('generated key', $export, @both);

$node->safe_psql('postgres', q(SELECT auth.key_rotate('HS512')));
round_trip('HS512', $export, @both);

# key pairs: of our making …
my $ring = key_file($node);
for my $alg (qw(RS256 RS384 RS512 PS256 PS384 PS512 ES256 ES384 ES512 EdDSA))
{
	$node->safe_psql('postgres', "SELECT auth.key_rotate('$alg')");
	# jsonwebtoken knows no EdDSA
	round_trip($alg, $ring, $alg eq 'EdDSA' ? 'jose' : @both);
	is(interop('thumbprint', $export), $node->safe_psql('postgres', q(SELECT thumbprint FROM auth.keys() WHERE "use" = 'sign' AND state = 'current')),
		"$alg: one thumbprint");
	is($node->safe_psql('postgres', "SELECT count(*) FROM jsonb_array_elements(pg_read_file('$export')::jsonb -> 'keys') AS k WHERE k ?| '{d,p,q,dp,dq,qi}'"),
		'0', "$alg: no private part is exported");
}
# … and of jose's
my $ours_alone = slurp($ring);
for my $key ([qw(RS256)], [qw(PS256)], [qw(ES256)], [qw(ES384)], [qw(ES512)], [qw(EdDSA Ed25519)], [qw(EdDSA Ed448)])
{
	my ($alg, @crv) = @$key;
	spew($ring, interop('ring', $ring, $alg, @crv));
	round_trip("@$key by jose", $ring, $alg eq 'EdDSA' ? 'jose' : @both);
	my $kid = "by jose $alg";
	is($node->safe_psql('postgres', "SELECT count(*) FROM auth.keys() WHERE kid LIKE '$kid%' AND state = 'current'"), '1', 'it was the key of jose');
}
spew($ring, $ours_alone);

my $secret = 'a secret of the old system, 32+ chars ÄÖÜ';
$node->safe_psql('postgres', "SELECT auth.key_import('AUTH_SECRET', '$secret')");
round_trip('imported AUTH_SECRET', $export, @both);
is(interop('verify-secret', 'jsonwebtoken', $secret, sign($node)), $KeyRing::user,
	'the imported secret verifies as the text that it was');

# refusals of the import
for my $bad (
	[ 'JWT_SECRET',     'x' x 31,          qr/22023: +invalid JWT_SECRET/ ],
	[ 'JWT_SECRET',     'ä' x 31,          qr/22023: +invalid JWT_SECRET/ ],
	[ 'AUTH_SECRET',    '',                qr/22023: +invalid AUTH_SECRET/ ],
	[ 'ENCRYPTION_KEY', 'a' x 63,          qr/22023: +invalid ENCRYPTION_KEY/ ],
	[ 'ENCRYPTION_KEY', 'a' x 65,          qr/22023: +invalid ENCRYPTION_KEY/ ],
	[ 'ENCRYPTION_KEY', ('a' x 63) . 'g',  qr/22023: +invalid ENCRYPTION_KEY/ ],
	[ 'DATABASE_URL',   'x' x 40,          qr/22023: +unknown setting to import/ ])
{
	my ($name, $value, $error) = @$bad;
	my ($code, $out, $err) = $node->psql('postgres', "\\set VERBOSITY verbose\nSELECT auth.key_import('$name', '$value')");
	like($err, $error, "$name of " . length($value) . ' characters is refused');
	unlike($err =~ s/^STATEMENT.*//mr, qr/\Q$value\E/, 'and not echoed') if length($value) > 5;
}
my ($code, $out, $err) = $node->psql('postgres', "SELECT auth.key_import('JWT_REFRESH_SECRET', '" . ('r' x 40) . "') IS NULL");
is($out, 't', 'JWT_REFRESH_SECRET imports nothing');
like($err, qr/has no successor/, 'and says why');

# ENCRYPTION_KEY seals, and what another library sealed with it opens with the explicit key
my $hex = '000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f';
$node->safe_psql('postgres', "SELECT auth.key_import('ENCRYPTION_KEY', '$hex')");
is($node->safe_psql('postgres', q(SELECT auth.secret_decrypt(auth.secret_encrypt('sealed', 'c'), 'c'))), 'sealed', 'ENCRYPTION_KEY seals');
my $sealed = interop('seal', $hex, 'sealed by node', 'aad');
is($node->safe_psql('postgres', "SELECT convert_from(auth.aes_gcm_decrypt('\\x$hex', '\\x$sealed', 'aad'), 'UTF8')"),
	'sealed by node', 'aes_gcm_decrypt opens what node:crypto sealed');
my $ours = $node->safe_psql('postgres', "SELECT encode(auth.aes_gcm_encrypt('\\x$hex', 'sealed by us', 'aad'), 'hex')");
is(interop('open', $hex, $ours, 'aad'), 'sealed by us', 'and node:crypto what we sealed');

$node->stop;
done_testing();
