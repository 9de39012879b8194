# The data keys of persons where SQL alone does not reach: many clients at the first
# use, batches of sealing anew that are cut short, a standby, a crash; and how a
# backup from before an erasure becomes unreadable.

use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use IPC::Run qw(start finish);
use KeyRing;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Server;
use Test::More;

my $persons = 1000;
my $node = new_cluster('persons', allows_streaming => 1);
$node->append_conf('postgresql.conf', $_) for ('intrex_auth.password_cost = 4', 'synchronous_commit = off', 'autovacuum = off', 'max_connections = 40');
$node->start;

sub sql
{
	return $node->safe_psql('postgres', join(';', @_));
}

sub complaint
{
	my ($statement, $where) = @_;
	my ($code, $out, $err) = ($where || $node)->psql('postgres', "\\set VERBOSITY verbose\n$statement");
	return $err;
}

sub sealing_kid
{
	return sql(q(SELECT kid FROM auth.keys() WHERE "use" = 'seal' AND state = 'current'));
}

sub person
{
	my ($number) = @_;
	return sprintf('00000000-0000-4000-8000-%012d', $number);
}

sub pgbench
{
	my ($script, $out, @how) = @_;
	return start([ 'pgbench', '--no-vacuum', '--client=16', '--jobs=2', @how, '-f', $script, '-h', $node->host, '-p', $node->port, 'postgres' ], '>', $out, '2>&1');
}

sql('CREATE EXTENSION intrex_auth', q(
	CREATE TABLE diaries (user_id uuid, n int, text bytea);
	CREATE FUNCTION wrong() RETURNS bigint LANGUAGE sql AS $$
		SELECT count(*) FROM diaries WHERE auth.personal_decrypt(user_id, text, 'diaries.text') IS DISTINCT FROM 'day ' || n || ' of ' || user_id $$),
	"INSERT INTO auth.users (id, email) SELECT ('00000000-0000-4000-8000-' || lpad(i::text, 12, '0'))::uuid, i || '\@example.com' FROM generate_series(1, $persons) AS i");

# sixteen clients write for the same persons, of whom none has a key yet; some change their minds
append_to_file($node->basedir . '/036_first.sql', q(
	\set n random(1, 50)
	\set undo random(1, 4)
	BEGIN;
	INSERT INTO diaries SELECT id, :client_id, auth.personal_encrypt(id, 'day ' || :client_id || ' of ' || id, 'diaries.text')
		FROM auth.users WHERE id = ('00000000-0000-4000-8000-' || lpad((:n)::text, 12, '0'))::uuid;
	\if :undo = 1
	ROLLBACK;
	\else
	COMMIT;
	\endif
));
my $out = '';
pgbench($node->basedir . '/036_first.sql', \$out, '--transactions=100')->finish;
like($out, qr{actually processed: 1600/1600}, 'sixteen clients at the first use of fifty keys') or diag($out);
is(sql('SELECT count(*) FROM auth.personal_keys'), '50', 'one key for each');
cmp_ok(sql('SELECT count(*) FROM diaries'), '>', 800, 'much was written');
is(sql('SELECT wrong()'), '0', 'and all of it opens');
is(sql('SELECT count(DISTINCT substr(text, 2, 12)) = count(*) FROM diaries'), 't', 'no nonce came twice');

# in parallel workers
sql('TRUNCATE diaries', q(INSERT INTO diaries SELECT id, i, auth.personal_encrypt(id, 'day ' || i || ' of ' || id, 'diaries.text') FROM auth.users, generate_series(1, 3) AS i), 'ANALYZE diaries');
is(sql('SELECT count(*) FROM auth.personal_keys'), $persons, 'a statement makes a thousand keys');
my $parallel = 'SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0; SET min_parallel_table_scan_size = 0; SET max_parallel_workers_per_gather = 2';
like(sql($parallel, q(EXPLAIN SELECT count(*) FROM diaries WHERE auth.personal_decrypt(user_id, text, 'diaries.text') IS NULL)), qr/Parallel Seq Scan/, 'opening is parallel safe');
is(sql($parallel, 'SELECT count(*) FROM diaries WHERE auth.personal_decrypt(user_id, text, \'diaries.text\') = \'day \' || n || \' of \' || user_id'), 3 * $persons, 'and workers open them');

# sealed anew in batches, some of which are cut short, while clients go on
my $former = sealing_kid();
my $backup = $node->basedir . '/backup.sql';
$node->command_ok([ 'pg_dump', '--file', $backup, $node->connstr('postgres') ], 'a backup, of the time of the former key');
sql(q(SELECT auth.key_rotate('A256GCM')));
is(sql('SELECT state, sealed FROM auth.sealing_progress()'), "current|0\nprevious|$persons", 'all data keys are under the former key');
is(sql('SELECT * FROM auth.secret_reseal(300)'), '300|700|0', 'a batch is bounded');
is(sql('BEGIN', 'SELECT done FROM auth.secret_reseal(500)', 'ROLLBACK', q(SELECT sealed FROM auth.sealing_progress() WHERE state = 'current')) =~ s/\n/ /gr, '500 300', 'one rolled back is none');
my $clients = pgbench($node->basedir . '/036_first.sql', \$out, '--time=36000');
# in the midst of it or at its end, by the speed of the machine; it does not commit
my $cut_short = "SET statement_timeout = '2ms';\nSELECT done, pg_sleep(600) FROM auth.secret_reseal(100)";
my ($cut, $done) = (0, 0);
for my $round (1 .. 30)
{
	if ($round == 10 || $round == 20)
	{
		sql(q(SELECT auth.key_rotate('A256GCM')));
	}
	my ($code, $n, $err) = $node->psql('postgres', $round % 3 ? 'SELECT done FROM auth.secret_reseal(100)' : $cut_short);
	$cut++ if $err =~ /statement timeout/;
	$done += $n if $code == 0;
	unlike($err, qr/ERROR/, "round $round: a batch among clients") unless $round % 3 == 0;
}
my $clients_of = q(FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid());
is(sql("SELECT count(*) $clients_of"), '16', 'no client noticed');
$clients->kill_kill;
sql("SELECT pg_terminate_backend(pid, 10000) $clients_of");
is($cut, 10, 'batches were cut short');
cmp_ok($done, '>', 500, 'others did their work');
is(sql('SELECT wrong()'), '0', 'everything opens in the midst of it');
sql('SELECT auth.secret_reseal(100000)');
is(sql('SELECT state, sealed FROM auth.sealing_progress() WHERE sealed > 0'), "current|$persons", 'in the end all are under the current key');
is(sql('SELECT wrong()'), '0', 'and everything opens');

# the former keys of the ring cannot go while somebody makes a data key
my $late = person(9001);
sql("INSERT INTO auth.users (id, email) VALUES ('$late', 'late\@example.com')");
my @former = split /\n/, sql(q(SELECT kid FROM auth.keys() WHERE "use" = 'seal' AND state <> 'current'));
is(scalar(@former), 3, 'three former keys of the ring');
sql("SELECT auth.key_retire('$_')") for @former;
sleep(8);
my $writer = $node->background_psql('postgres');
$writer->query_safe('BEGIN');
$writer->query_safe("SELECT auth.personal_encrypt('$late', 'late', 'x')");
like(complaint("SET lock_timeout = '500ms'; SELECT auth.key_delete('$former')"), qr/55P03: +canceling statement due to lock timeout/, 'who makes a data key is waited for');
$writer->query_safe('COMMIT');
$writer->quit;
sql("UPDATE auth.personal_keys SET sealed = overlay(sealed PLACING convert_to('$former', 'UTF8') FROM 3) WHERE user_id = '$late'");
like(complaint("SELECT auth.key_delete('$former')"), qr/55006: +values are sealed with this key\nDETAIL: +There are 1 in auth\.personal_keys\.sealed\./, 'nor while a data key names it');
sql("DELETE FROM auth.personal_keys WHERE user_id = '$late'");

# a standby opens, also what is sealed from then on, and makes no key
$node->backup('copy');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($node, 'copy', has_streaming => 1);
chmod(0600, $standby->data_dir . '/intrex_auth.jwks');
$standby->start;
my $gone = person(7);
sql("INSERT INTO diaries SELECT '$gone', 77, auth.personal_encrypt('$gone', 'day 77 of $gone', 'diaries.text')");
$node->wait_for_catchup($standby, 'replay', $node->lsn('insert'));
is($standby->safe_psql('postgres', 'SELECT wrong()'), '0', 'a standby opens everything');
is($standby->safe_psql('postgres', "SELECT auth.personal_decrypt('$gone', auth.personal_encrypt('$gone', 'x', 'y'), 'y')"), 'x', 'and seals for who has a key');
like(complaint("SELECT auth.personal_encrypt('$late', 'x', 'y')", $standby), qr/25006: +cannot make a personal key in a read-only transaction\nHINT/, 'but makes none');

# an erasure survives a crash and reaches the standby
is(sql('CHECKPOINT', "SELECT auth.user_erase('$gone') ? 'pseudonym'"), 't', 'erased');
$node->stop('immediate');
$node->start;
my $open = "SELECT auth.personal_decrypt(user_id, text, 'diaries.text') FROM diaries WHERE user_id = '$gone'";
like(complaint($open), qr/P0002: +the personal key of this user was destroyed or never made/, 'after a crash the key is gone');
is(sql("SELECT count(*) FROM diaries WHERE user_id = '$gone' AND n = 77"), '1', 'what it sealed is still there');
$node->wait_for_catchup($standby, 'replay', $node->lsn('insert'));
like(complaint($open, $standby), qr/P0002: +the personal key of this user was destroyed/, 'on the standby too');
is($standby->safe_psql('postgres', "SELECT count(*) FROM diaries WHERE user_id = '$gone' AND n = 77"), '1', '(with what it sealed)');
$standby->stop;

# the backup from before opens with the key file of then, and not without the former key
my $with_former = slurp(key_file($node));
sql("SELECT auth.key_delete('$_')") for @former;
my $restored = new_cluster('restored');
$restored->start;
$restored->command_ok([ 'psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-f', $backup, $restored->connstr('postgres') ], 'the backup is restored');
spew(key_file($restored), $with_former);
sleep(2);
is($restored->safe_psql('postgres', "SELECT auth.personal_decrypt(user_id, text, 'diaries.text') FROM diaries WHERE user_id = '$gone' AND n = 1"), "day 1 of $gone", 'with the former key it shows who was erased since');
spew(key_file($restored), slurp(key_file($node)));
sleep(2);
like(complaint($open, $restored), qr/55000: +invalid personal key\n.*\nHINT: +Restore the key file/, 'with the key file of today it does not');
is($restored->safe_psql('postgres', "SELECT auth.sealed_kid(sealed) FROM auth.personal_keys WHERE user_id = '$gone'"), $former, 'for want of that key');
is(sql("DELETE FROM diaries WHERE user_id = '$gone'", 'SELECT wrong()'), '0', 'in the database itself everybody else\'s opens');
$restored->stop;

$node->stop;
done_testing();
