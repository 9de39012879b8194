# Keys change under backends that sign, verify, seal and open all the time: none
# refuses a valid token or opens wrongly, whether keys rotate several times a
# second, the file is garbage for a while, half-written, or gone and back.

use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use IPC::Run qw(start finish);
use KeyRing;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(sleep);

my $clients = 8;
my $node = new_server('rotation');
my $path = key_file($node);

$node->safe_psql('postgres', q{
	CREATE TABLE issued (id bigserial PRIMARY KEY, pid int, token text, nonce text, sealed bytea);
	CREATE TABLE failures (at timestamptz DEFAULT clock_timestamp(), what text, message text);
	CREATE TABLE done (pid int, verified bigint);

	-- one round: sign and seal, then judge tokens and values of all
	CREATE FUNCTION work() RETURNS void LANGUAGE plpgsql AS $$
	DECLARE
		mine text := gen_random_uuid();
		other record;
		newest bigint;
		detail text;
		verified bigint := 0;
	BEGIN
		INSERT INTO issued (pid, token, nonce, sealed)
			VALUES (pg_backend_pid(), auth.jwt_sign(jsonb_build_object('sub', mine, 'role', 'authenticated')), mine, auth.secret_encrypt(mine, 'row'))
			RETURNING id INTO newest;
		FOR other IN SELECT * FROM issued WHERE id > newest - 10 OR id = (random() * newest)::bigint LOOP
			BEGIN
				IF auth.jwt_verify(other.token) ->> 'sub' <> other.nonce THEN
					INSERT INTO failures (what) VALUES ('wrong claims');
				END IF;
				IF auth.secret_decrypt(other.sealed, 'row') <> other.nonce THEN
					INSERT INTO failures (what) VALUES ('wrong plaintext');
				END IF;
				verified := verified + 1;
			EXCEPTION WHEN OTHERS THEN
				GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL;
				INSERT INTO failures (what, message) VALUES ('refused', SQLERRM || ': ' || detail);
			END;
			BEGIN
				-- another payload under that signature
				PERFORM auth.jwt_verify(regexp_replace(other.token, '\..*\.', '.' || split_part((SELECT token FROM issued WHERE id = newest), '.', 2) || '.'));
				IF other.id <> newest THEN
					INSERT INTO failures (what) VALUES ('accepted');
				END IF;
			EXCEPTION WHEN invalid_authorization_specification THEN
				NULL;
			END;
		END LOOP;
		INSERT INTO done VALUES (pg_backend_pid(), verified);
	END
	$$;
});
my $script = $node->basedir . '/024_work.sql';
append_to_file($script, "SELECT work();\n");

my ($out, $err) = ('', '');
my $bench = start([ 'pgbench', '--no-vacuum', "--client=$clients", '--jobs=1', '--time=36000', '-f', $script,
		'-h', $node->host, '-p', $node->port, 'postgres' ],
	'>', \$out, '2>', \$err);
ok($node->poll_query_until('postgres', "SELECT count(DISTINCT pid) = $clients FROM done"), 'all clients work');

# What may happen to the file, for longer than it takes every backend to look.
my $half = sub {
	my ($text) = @_;
	open(my $file, '>', $path) or die $!;    # in place, as cp does
	$file->autoflush;
	print $file substr($text, 0, length($text) / 2);
	sleep(2.2);
	print $file substr($text, length($text) / 2);
	close($file);
};
my @mishaps = (
	[ 'garbage'      => sub { spew($path, 'garbage'); sleep(2.2); spew($path, $_[0]); } ],
	[ 'truncated'    => sub { spew($path, substr($_[0], 0, 700)); sleep(2.2); spew($path, $_[0]); } ],
	[ 'half-written' => $half ],
	[ 'gone'         => sub { rename($path, "$path.away") or die $!; sleep(2.2); rename("$path.away", $path) or die $!; } ],
	[ 'empty'        => sub { spew($path, ''); sleep(2.2); spew($path, $_[0]); } ],
);
my $admin = $node->background_psql('postgres');
my @algs = qw(HS256 EdDSA ES256 HS512);
my $rotations = 0;
for my $mishap (@mishaps)
{
	for (1 .. 10)
	{
		my $alg = $algs[ $rotations++ % @algs ];
		$admin->query("SELECT auth.key_rotate('$alg')");
		$admin->query("SELECT auth.key_rotate('A256GCM')") if $rotations % 5 == 0;
		sleep(0.05 * ($rotations % 3));
	}
	# all have seen the last rotation
	sleep(1.3);
	my ($what, $change) = @$mishap;
	my $before = $node->safe_psql('postgres', 'SELECT sum(verified) FROM done');
	$change->(slurp($path));
	ok($node->poll_query_until('postgres', "SELECT sum(verified) > $before FROM done"), "$what: work went on");
}
is($rotations, 50, 'fifty rotations');
$node->safe_psql('postgres', q(SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE application_name = 'pgbench'));
$bench->kill_kill;
$admin->quit;

is($node->safe_psql('postgres', q(SELECT what, message, count(*) FROM failures GROUP BY 1, 2)), '',
	'no valid token or value was refused, no forged one accepted, no answer wrong');
note($node->safe_psql('postgres', q(SELECT 'verified ' || sum(verified) || ', signed ' || (SELECT count(*) FROM issued) FROM done)));
is($node->safe_psql('postgres', 'SELECT count(DISTINCT pid) FROM done'), $clients, 'by the same backends all the time');
cmp_ok($node->safe_psql('postgres', q(SELECT count(DISTINCT split_part(token, '.', 1)) FROM issued)), '>=', 5, 'many keys signed');
is($node->safe_psql('postgres', 'SELECT count(*) = count(DISTINCT substr(sealed, 3 + get_byte(sealed, 1), 12)) FROM issued'), 't', 'no nonce came twice');

# and a backend that begins now judges them all alike
is($node->safe_psql('postgres', q(SELECT count(*) FROM issued WHERE auth.jwt_verify(token) ->> 'sub' IS DISTINCT FROM nonce)), '0', 'every token is still good');
is($node->safe_psql('postgres', q(SELECT count(*) FROM issued WHERE auth.secret_decrypt(sealed, 'row') IS DISTINCT FROM nonce)), '0', 'every value opens');

# withdrawn for good: not at once, but soon
my $open = $node->background_psql('postgres', on_error_stop => 0);
my $verify = sprintf(q(SELECT auth.jwt_verify('%s') ->> 'role';), $node->safe_psql('postgres', 'SELECT token FROM issued LIMIT 1'));
like($open->query($verify), qr/authenticated/, 'an open session verifies');
rename($path, "$path.away") or die $!;
sleep(1.1);
like($open->query($verify), qr/authenticated/, 'also a moment after the file is gone');
sleep(5.1);
$open->query($verify);
like($open->{stderr}, qr/the key file does not exist/, 'and no more when it stays away');
$open->{stderr} = '';
rename("$path.away", $path) or die $!;
sleep(1.1);
like($open->query($verify), qr/authenticated/, 'until it is back');
$open->quit;
my $log = slurp($node->logfile);
like($log, qr/the key file ".*" is missing or cannot be read\n.*DETAIL:  The keys loaded before stay in use for 5 seconds/, 'the log says so');

$node->stop;
done_testing();
