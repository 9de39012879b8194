# No file of the server holds a plaintext: after every flow ran with values that
# can be recognized, the stopped cluster (tables, WAL, temporary files, statistics)
# is searched for them, as they are and in hexadecimal, base64 and UTF-16.

use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use File::Find;
use KeyRing;
use MIME::Base64;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_server('plaintext', 'wal_level = logical', 'full_page_writes = on');

my %canary = (
	'registered password' => 'canary-registered-7181',
	'password'            => 'canary-password-2718',
	'wrong password'      => 'canary-wrong-3141',
	'new password'        => 'canary-changed-1618',
	'connector secret'    => 'canary-connector-1414',
	'big secret'          => join('', map { "canary-big-$_-" } 1 .. 500),
	'sealed value'        => 'canary-sealed-1732',
	'personal value'      => 'canary-personal-2236',
	'imported secret'     => 'canary-imported-secret-of-the-old-system',
);
# something that must be found, or the search itself is broken
my $witness = 'witness-of-the-search-5772';

$node->safe_psql('postgres', qq(
	SELECT auth.tenant_create('$witness') AS tenant \\gset
	SELECT auth.user_create('bo\@example.com', '$canary{'password'}', 'Bo', email_verified => true) AS bo \\gset
	SELECT auth.member_add(:'tenant', :'bo', 'owner');
	SELECT auth_api.register('eve\@example.com', '$canary{'registered password'}', 'Eve', tenant_name => 'Eve');
	SELECT auth_api.login('bo\@example.com', '$canary{'wrong password'}');
	SELECT auth.secret_store(:'tenant', 'smtp', '$canary{'connector secret'}');
	SELECT auth.secret_store(:'tenant', 'big', '$canary{'big secret'}');
	SELECT auth.secret_open(:'tenant', 'big') IS NOT NULL;
	CREATE TABLE sealed AS SELECT auth.secret_encrypt('$canary{'sealed value'}', 'x') AS s;
	CREATE TABLE personal AS SELECT auth.personal_encrypt(:'bo', '$canary{'personal value'}', 'x') AS s;
	SELECT auth.personal_decrypt(:'bo', s, 'x') IS NOT NULL FROM personal;
	SELECT auth.key_import('AUTH_SECRET', '$canary{'imported secret'}');
));
my $grant = $node->safe_psql('postgres', "SELECT auth_api.login('bo\@example.com', '$canary{'password'}')");
($canary{'access token'}) = $grant =~ /"access_token": "([^"]+)"/;
($canary{'refresh token'}) = $grant =~ /"refresh_token": "([^"]+)"/;
$grant = $node->safe_psql('postgres', "SELECT auth_api.refresh('$canary{'refresh token'}')");
($canary{'next refresh token'}) = $grant =~ /"refresh_token": "([^"]+)"/;
$node->safe_psql('postgres', qq(
	BEGIN;
	SELECT auth.authenticate('$canary{'access token'}');
	SELECT auth_api.change_password('$canary{'password'}', '$canary{'new password'}');
	COMMIT;));
like($node->safe_psql('postgres', "SELECT auth_api.login('bo\@example.com', '$canary{'new password'}')"), qr/access_token/, 'the flows did their work');

$node->safe_psql('postgres', 'CHECKPOINT');
$node->stop;

# the imported secret is a key: it may be in the key file, and nowhere else
my %found;
my %forms;
for my $what (keys %canary)
{
	my $text = $what eq 'big secret' ? 'canary-big-250-' : $what =~ /token/ ? substr($canary{$what}, -43) : $canary{$what};
	my @forms = ($text, unpack('H*', $text), uc(unpack('H*', $text)), join("\0", split(//, $text)));
	# base64 of a text within a longer one begins at one of three places
	push @forms, map { substr(encode_base64(('x' x $_) . $text, ''), 4, -4) } 0 .. 2;
	$forms{$what} = join('|', map { quotemeta } grep { length($_) > 8 } @forms);
}
find({ no_chdir => 1, wanted => sub {
	return unless -f $_ && $_ ne key_file($node);
	my $text = slurp($_);
	for my $what (keys %forms)
	{
		push @{ $found{$what} }, $_ if $text =~ /$forms{$what}/;
	}
	$found{witness} = 1 if index($text, $witness) >= 0;
} }, $node->data_dir);
ok($found{witness}, 'the search finds what is there');
is_deeply($found{$_} || [], [], "no file holds the $_") for sort keys %canary;

done_testing();
