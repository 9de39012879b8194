# A hundred thousand failing calls leave a backend's memory flat; the library
# exports what the server looks up and nothing else; CREATE and DROP leave nothing.

use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use KeyRing;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_server('memory');

# resident kilobytes of a backend
sub resident
{
	my ($pid) = @_;
	my ($kilobytes) = slurp("/proc/$pid/status") =~ /^VmRSS:\s+(\d+)/m;
	return $kilobytes;
}

my $token = sign($node);
my $damaged = $token;
substr($damaged, -3, 1) = substr($damaged, -3, 1) eq 'A' ? 'B' : 'A';

$node->safe_psql('postgres', q(
	CREATE FUNCTION fail(call text, times int) RETURNS bigint LANGUAGE plpgsql AS $$
	DECLARE
		failed bigint := 0;
	BEGIN
		FOR i IN 1 .. times LOOP
			BEGIN
				EXECUTE call;
			EXCEPTION WHEN OTHERS THEN
				failed := failed + 1;
			END;
		END LOOP;
		RETURN failed;
	END
	$$;
	ALTER DATABASE postgres SET log_min_messages = fatal));

# a signature that does not verify leaves errors in OpenSSL's queue, unless it is emptied
my %forged;
for my $alg ('EdDSA', 'ES256', 'RS256')
{
	$node->safe_psql('postgres', "SELECT auth.key_rotate('$alg')");
	$forged{$alg} = sign($node);
	substr($forged{$alg}, -9, 1) = substr($forged{$alg}, -9, 1) eq 'A' ? 'B' : 'A';
}

my $session = $node->background_psql('postgres');
my $pid = $session->query_safe('SELECT pg_backend_pid()');
my %calls = (
	'a damaged token'         => "SELECT auth.authenticate('$damaged')",
	'a damaged token, by SET' => "SET LOCAL intrex_auth.token = '$damaged'",
	'no token'                => q(SELECT auth.jwt_verify('x')),
	(map { ("a damaged token of $_" => "SELECT auth.jwt_verify('$forged{$_}')") } keys %forged),
	'a damaged sealed value'  => q(SELECT auth.secret_decrypt(set_byte(auth.secret_encrypt('x', 'y'), 40, 0), 'z')),
	'a damaged ciphertext'    => q(SELECT auth.aes_gcm_decrypt(sha256('k'), sha256('a') || sha256('b'), '')),
	'a malformed hash'        => q(SELECT 1 / auth.password_verify('x', '$2b$99$nonsense')::int),
);
for my $what (sort keys %calls)
{
	my $call = $calls{$what} =~ s/'/''/gr;
	my $times = 100_000 / 5;
	# the first calls fill the caches
	$session->query_safe("SELECT fail('$call', 1000)");
	my $before = resident($pid);
	is($session->query_safe("SELECT fail('$call', $times)"), $times, "$what: fails each time");
	# tools keep memory of their own
	cmp_ok(resident($pid) - $before, '<', 2048, "$what: $times failures take less than 2 MB") unless $ENV{SANITIZE} || $ENV{VALGRIND};
}
my $before = resident($pid);
$session->query_safe("SELECT count(auth.authenticate('$token')) FROM generate_series(1, 20000)");
$session->query_safe("SELECT count(set_config('intrex_auth.token', '$token', true)) FROM generate_series(1, 20000)");
cmp_ok(resident($pid) - $before, '<', 2048, 'nor do as many good ones') unless $ENV{SANITIZE} || $ENV{VALGRIND};
$session->quit;

# symbols
my $tree = $ENV{INTREX_AUTH_TREE} || "$FindBin::RealBin/../..";
my ($library) = glob("$tree/intrex_auth.so");
SKIP:
{
	skip 'the library is not in the tree', 1 unless $library;
	my @symbols = split(/\n/, `nm -D --defined-only '$library' | cut -d' ' -f3`);
	my @strange = grep { !/^(pg_finfo_)?intrex_auth_|^Pg_magic_func$|^_PG_init$|^__(asan|odr_asan|ubsan)/ } @symbols;
	is("@strange", '', 'only what the server looks up is exported');
}

# CREATE, DROP, CREATE, also at the same time in several databases
$node->safe_psql('postgres', "CREATE DATABASE d$_") for 1 .. 3;
for my $round (1 .. 3)
{
	my @running = map { $node->background_psql("d$_") } 1 .. 3;
	$_->query_safe('SELECT 1') for @running;
	$_->query_safe('CREATE EXTENSION intrex_auth') for @running;
	$_->quit for @running;
	$node->safe_psql("d$_", 'DROP EXTENSION intrex_auth') for 1 .. 3;
}
is($node->safe_psql('d1', q(
	SELECT (SELECT count(*) FROM pg_proc WHERE proname LIKE '%intrex%' OR probin LIKE '%intrex%')
		+ (SELECT count(*) FROM pg_namespace WHERE nspname LIKE 'auth%')
		+ (SELECT count(*) FROM pg_depend AS d LEFT JOIN pg_extension AS e ON e.oid = d.refobjid
			WHERE d.refclassid = 'pg_extension'::regclass AND e.oid IS NULL))), '0', 'DROP EXTENSION leaves nothing');
is(slurp("$tree/intrex_auth.control") =~ /^trusted *= *true/m ? 1 : 0, 0, 'not trusted: only a superuser installs it');
like(slurp("$tree/intrex_auth.control"), qr/^relocatable *= *false/m, 'not relocatable');

# not in a database with another encoding
$node->safe_psql('postgres', q(CREATE DATABASE latin ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0));
my ($code, $out, $err) = $node->psql('latin', 'CREATE EXTENSION intrex_auth');
like($err, qr/needs a database with encoding UTF8.*HINT/s, 'another encoding is refused, with a hint');

$node->stop;
done_testing();
