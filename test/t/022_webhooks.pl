# Webhooks of independent implementations, both ways: node:crypto for
# X-Intrex-Signature, standardwebhooks of npm for the timestamped form.

use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use KeyRing;
use MIME::Base64;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $tree = $ENV{INTREX_AUTH_TREE} || "$FindBin::RealBin/../..";
my $interop = "$tree/test/interop";

plan skip_all => 'node or the npm packages are not installed (npm ci in test/interop)'
  unless -d "$interop/node_modules/standardwebhooks" && !system('node --version >/dev/null 2>&1');

my $node = new_server('webhooks');

# Run one command of the script.
sub interop
{
	my (@arguments) = @_;
	my ($out, $err);
	IPC::Run::run([ 'node', "$interop/webhooks.mjs" ], '<', \join("\n", @arguments), '>', \$out, '2>', \$err);
	chomp $out;
	return $out ne '' ? $out : "error: $err";
}

# Text as an SQL literal, and its bytes as one.
sub literal { return "'" . ($_[0] =~ s/'/''/gr) . "'"; }
sub bytes { return "'\\x" . unpack('H*', $_[0]) . "'::bytea"; }

sub ask
{
	my ($sql) = @_;
	return $node->safe_psql('postgres', "SELECT $sql");
}

my %payloads = (
	'a JSON body' => '{"event":"ticket.created","id":42}',
	'an empty object' => '{}',
	'UTF-8' => "{\"name\":\"\xc3\x84nne \xe2\x98\x83 \xf0\x9d\x84\x9e\"}",
	'line ends' => "{\r\n\t\"a\": 1\n}\n",
	'a hundred kilobytes' => '{"x":"' . ('y' x 100_000) . '"}');
my $secret = 'shared secret of the endpoint';

# X-Intrex-Signature
for my $what (sort keys %payloads)
{
	my $payload = $payloads{$what};
	my $ours = ask('auth.webhook_sign(' . bytes($payload) . ', ' . bytes($secret) . ')');

	is($ours, interop('sign-plain', encode_base64($payload, ''), $secret), "$what: both sign alike");
	is(interop('verify-plain', encode_base64($payload, ''), $secret, $ours), 'true', "$what: node verifies ours");
	is(ask('auth.webhook_verify(' . bytes($payload . ' ') . ', ' . literal($ours) . ', ' . bytes($secret) . ')'), 'f', "$what: another payload is refused");
}
is(interop('verify-plain', encode_base64('x', ''), $secret, ask('auth.webhook_sign(' . bytes('y') . ', ' . bytes($secret) . ')')), 'false',
	'node refuses what is signed for another payload');

# Standard Webhooks
my ($old, $new, $strange) = map { ask('auth.webhook_secret()') } 1 .. 3;
for my $what (sort keys %payloads)
{
	my $payload = $payloads{$what};
	my $ours = ask("auth.webhook_sign_standard('msg_1', now(), " . bytes($payload) . ", ARRAY['$old', '$new'])");

	is(interop('verify', encode_base64($payload, ''), $_, $ours), 'true', "$what: the library verifies ours, with either secret") for $old, $new;
	like(interop('verify', encode_base64($payload, ''), $strange, $ours), qr/No matching signature/, "$what: and with no other");

	my $theirs = interop('sign', encode_base64($payload, ''), $old, 'msg_2', time());
	is(ask('auth.webhook_verify_standard(' . literal($theirs) . ', ' . bytes($payload) . ", ARRAY['$new', '$old'])"), 't', "$what: we verify theirs");
	is(ask('auth.webhook_verify_standard(' . literal($theirs) . ', ' . bytes($payload . ' ') . ", ARRAY['$old'])"), 'f', "$what: but not of another payload");
	is(ask('auth.webhook_verify_standard(' . literal($theirs) . ', ' . bytes($payload) . ", ARRAY['$strange'])"), 'f', "$what: nor with another secret");
}

# both refuse outside the window
for my $seconds (-600, 600)
{
	my $theirs = interop('sign', encode_base64('{}', ''), $old, 'msg_3', time() + $seconds);
	is(ask('auth.webhook_verify_standard(' . literal($theirs) . ", '{}', ARRAY['$old'])"), 'f', "we refuse theirs of $seconds seconds");
	my $ours = ask("auth.webhook_sign_standard('msg_4', now() + $seconds * interval '1 s', '{}', ARRAY['$old'])");
	like(interop('verify', encode_base64('{}', ''), $old, $ours), qr/timestamp too/, 'the library refuses ours');
}

# a new secret of ours is one of theirs, and the other way round in the unit tests
is(length(decode_base64(substr($old, 6))), 32, 'a new secret has 256 bits');

# only administrators, until it is granted further: to the role of a delivery job, say
$node->safe_psql('postgres', q(
	CREATE ROLE sender;
	GRANT USAGE ON SCHEMA auth TO sender));
my ($code, $out, $err) = $node->psql('postgres', "SET ROLE sender; SELECT auth.webhook_sign('x', " . bytes($secret) . ')');
like($err, qr/permission denied for function webhook_sign/, 'a stranger signs nothing');
$node->safe_psql('postgres', 'GRANT EXECUTE ON FUNCTION auth.webhook_sign(bytea, bytea) TO sender');
like($node->safe_psql('postgres', "SET ROLE sender; SELECT auth.webhook_sign('x', " . bytes($secret) . ')'), qr/^sha256=/, 'granted, it signs');

$node->stop;
done_testing();
