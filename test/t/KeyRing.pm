# test/t/KeyRing.pm: a server with the extension and one user, for tests of keys.

package KeyRing;

use strict;
use warnings;

use Exporter 'import';
use FindBin;
use lib $FindBin::RealBin;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Server;

our @EXPORT = qw(new_server key_file claims sign verify slurp spew);

our $user    = '11111111-1111-4111-8111-111111111111';
our $session = '44444444-4444-4444-8444-444444444444';

# A running server, the extension in database postgres, one user with a session.
sub new_server
{
	my ($name, @conf) = @_;
	my $node = new_cluster($name);
	$node->append_conf('postgresql.conf', "intrex_auth.password_cost = 4\n$_\n") for (@conf, '');
	$node->start;
	$node->safe_psql('postgres', 'CREATE EXTENSION intrex_auth');
	$node->safe_psql('postgres', "INSERT INTO auth.users (id, email) VALUES ('$user', 'anna\@example.com')");
	$node->safe_psql('postgres', "INSERT INTO auth.sessions (id, user_id) VALUES ('$session', '$user')");
	return $node;
}

# Where the server keeps its keys.
sub key_file
{
	my ($node) = @_;
	return $node->data_dir . '/intrex_auth.jwks';
}

# Claims of a token for that user.
sub claims
{
	return qq({"sub":"$user","role":"authenticated","session_id":"$session"});
}

# Sign them with the ring.
sub sign
{
	my ($node) = @_;
	return $node->safe_psql('postgres', "SELECT auth.jwt_sign('" . claims() . "')");
}

# 'ok', or SQLSTATE and message of why a token does not authenticate.
sub verify
{
	my ($node, $token) = @_;
	my ($code, $out, $err) = $node->psql('postgres',
		"\\set VERBOSITY verbose\nSELECT auth.authenticate('$token') IS NOT NULL");
	return 'ok' if $code == 0 && $out eq 't';
	return $err;
}

# Whole text of a file.
sub slurp
{
	my ($path) = @_;
	open(my $file, '<', $path) or die "$path: $!";
	local $/;
	my $text = <$file>;
	close($file);
	return $text;
}

# Put a text in a private file, in one step.
sub spew
{
	my ($path, $text) = @_;
	my $old = umask(0077);
	open(my $file, '>', "$path.new") or die "$path: $!";
	print $file $text;
	close($file);
	umask($old);
	rename("$path.new", $path) or die "$path: $!";
}

1;
