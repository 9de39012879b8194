# A hundred thousand failing calls leave a backend's memory flat and OpenSSL's queue
# of errors empty; the library exports what the server looks up and nothing else;
# CREATE and DROP leave nothing.

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

# A function that tells, in the backend itself, whether OpenSSL's queue holds an error;
# it can leave one there, so that the search is known to find it.
my $source = $node->basedir . '/openssl_queue.c';
my $module = $node->basedir . '/openssl_queue.so';
append_to_file($source, q(
#include "postgres.h"
#include "fmgr.h"
#include <openssl/err.h>
PG_MODULE_MAGIC;
PG_FUNCTION_INFO_V1(openssl_queue);
__attribute__((visibility("default"))) Datum openssl_queue(PG_FUNCTION_ARGS);
Datum
openssl_queue(PG_FUNCTION_ARGS)
{
	bool		found = ERR_peek_error() != 0;

	ERR_clear_error();
	if (PG_GETARG_BOOL(0))
		ERR_raise(ERR_LIB_USER, 1);
	PG_RETURN_BOOL(found);
}
));
system_or_bail($ENV{CC} || 'cc', '-shared', '-fPIC', '-I' . $node->config_data('--includedir-server'), '-o', $module, $source, '-lcrypto');
$node->safe_psql('postgres', "CREATE FUNCTION openssl_queue(leave boolean) RETURNS boolean LANGUAGE c AS '$module'");

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

# the same by keys that are given: damaged tokens, keys that are none
my %given;
for my $alg ('EdDSA', 'ES256', 'RS256')
{
	my $keys = $node->safe_psql('postgres', 'SELECT auth.jwks()');
	$given{$alg} = "SELECT auth.jwt_verify('$forged{$alg}', '$keys', '{\"issuer\": \"x\"}')";
}
my $off_curve = '{"kty":"EC","crv":"P-256","alg":"ES256","x":"Rz1eFGYFAzhkHLrLqNX11I2Ury2XXut66vONVdk803Y","y":"ZGRknmyBqqfxhy1Z5RIcWnzwQ7syvVitD8jP9V_VcYE"}';

# hashes of other systems, each cheap, to be damaged in every way
$node->safe_psql('postgres', q(
	CREATE TABLE hashes (n serial, hash text);
	INSERT INTO hashes (hash) VALUES
		('$argon2id$v=19$m=64,t=1,p=1$yNXi7/wJFiMwPUpXZHF+iw$eJvPp/K1/7eXDVnOrpXJAWT9D7pQStRLb1kZOu3xuWWFwTE88qpBed0K5agHaD6HEYNaY+LyI3wmlhpzZ/81eg'),
		('$scrypt$ln=4,r=2,p=1$yNXi7/wJFiMwPUpXZHF+iw$uLFad+ax3+zJi1df0yQ3n4UIb+Kx7ROfW24d8V044Xw'),
		('$fbscrypt$v=1,n=4,r=1,p=1,ss=Bw==,sk=AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=$yNXi7/wJFg==$sV81dmp3jMR70X1Rab1L4Rz/gaYjnRzY2pbko2qnNdo='),
		('$pbkdf2-sha256$3$yNXi7/wJFiMwPUpXZHF.iw$6HA0vQd6MM81CYEZb00hsR43H4XW2C2mx07LR07wqNw'),
		('pbkdf2_sha256$3$seasalt$D+imGfzLBn1iyBN37gvSIBVGSNMPUvcsVQLlc1IoiOg='),
		('scrypt$16$seasalt$1$2$sP00CWelZDktisV8j0Yj6+xyssxn3BvaXTt5eO1pCTFt/7NxGuvRW9GaZnpyZc5mjZ68qM3OSDIyAQ4NnR5ChA=='),
		('{SSHA}6QZP6YNgwaawosVF0iqGz5vuiurt/b/3'),
		('{SSHA512}j7MSyPLrreIdy833yUl94a9/cZGD4MnmH72OV/fGg9jygWi0qDaGFdNcpbqSit1uL/B5PhQibuwWbXeg03wJLoewNsb4H6N0'),
		('AQAAAAEAAAADAAAAEMjV4u/8CRYjMD1KV2RxfovocDS9B3owzzUJgRlvTSGxHjcfhdbYLabHTstHTvCo3A==');
	-- by how it is done, where, and with what; costs stay what they are
	CREATE FUNCTION damaged(hash text, n int) RETURNS text LANGUAGE sql IMMUTABLE AS $$
		SELECT CASE n / 7 % 4
			WHEN 0 THEN overlay(hash PLACING c FROM place FOR 1)
			WHEN 1 THEN left(hash, place - 1) || substr(hash, place + 1)
			WHEN 2 THEN left(hash, place) || c || substr(hash, place + 1)
			ELSE left(hash, place - 1) END
		FROM (SELECT 1 + n * 31 % length(hash) AS place, chr(33 + n * 17 % 94) AS c) AS d
		WHERE place > 30
	$$;
	CREATE FUNCTION verify_damaged(times int) RETURNS bigint LANGUAGE plpgsql AS $$
	DECLARE
		known CONSTANT text[] := ARRAY(SELECT h.hash FROM hashes AS h ORDER BY h.n);
		d text;
		verified bigint := 0;
	BEGIN
		FOR i IN 1 .. times LOOP
			d := damaged(known[1 + i % 9], i);
			IF d <> known[1 + i % 9] AND auth.password_verify('correct horse', d) THEN
				verified := verified + 1;
			END IF;
		END LOOP;
		RETURN verified;
	END
	$$;
));

# made before, so that it is not made anew each time and rolled back
$node->safe_psql('postgres', "SELECT auth.personal_encrypt('$KeyRing::user', 'x', 'y')");
my $session = $node->background_psql('postgres');
my $pid = $session->query_safe('SELECT pg_backend_pid()');
is($session->query_safe('SELECT openssl_queue(true)') . $session->query_safe('SELECT openssl_queue(false)') . $session->query_safe('SELECT openssl_queue(false)'),
	'ftf', '(an error in the queue is found)');
my %calls = (
	'a damaged token'         => "SELECT auth.authenticate('$damaged')",
	'a damaged token, by SET' => "SET LOCAL intrex_auth.token = '$damaged'",
	'no token'                => q(SELECT auth.jwt_verify('x')),
	(map { ("a damaged token of $_" => "SELECT auth.jwt_verify('$forged{$_}')") } keys %forged),
	'a damaged sealed value'  => q(SELECT auth.secret_decrypt(set_byte(auth.secret_encrypt('x', 'y'), 40, 0), 'z')),
	'a damaged personal value' => qq(SELECT auth.personal_decrypt('$KeyRing::user', set_byte(auth.personal_encrypt('$KeyRing::user', 'x', 'y'), 10, 0), 'z')),
	'a damaged ciphertext'    => q(SELECT auth.aes_gcm_decrypt(sha256('k'), sha256('a') || sha256('b'), '')),
	'a malformed hash'        => q(SELECT 1 / auth.password_verify('x', '$2b$99$nonsense')::int),
	(map { ("a damaged token of $_ by a given key" => $given{$_}) } keys %given),
	'a point off its curve'   => qq(SELECT auth.jws_verify('x.y.z', '$off_curve')),
	'a key to import that is none' => qq(SELECT auth.key_import('JWK', '$off_curve')),
	'a damaged one-time token'     => q(SELECT auth.one_time_consume(overlay(auth.one_time_issue('reset') PLACING 'AAAA' FROM 130), 'reset')),
	'a webhook secret that is none' => q(SELECT auth.webhook_sign_standard('x', now(), '', '{whsec_AAAA}')),
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
	is($session->query_safe('SELECT openssl_queue(false)'), 'f', "$what: and leave nothing in OpenSSL's queue");
}

# a hundred thousand damaged hashes, most of which are computed
is($session->query_safe('SELECT verify_damaged(20000)'), 0, 'no damaged hash verifies');
my $first = resident($pid);
is($session->query_safe('SELECT verify_damaged(100000)'), 0, 'none of a hundred thousand');
cmp_ok(resident($pid) - $first, '<', 2048, 'which take less than 2 MB') unless $ENV{SANITIZE} || $ENV{VALGRIND};
is($session->query_safe('SELECT openssl_queue(false)'), 'f', "and leave nothing in OpenSSL's queue");
is($session->query_safe(q(SELECT count(*) FROM hashes WHERE auth.password_verify('correct horse', hash))), '9', '(undamaged they verify)');
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
