# Stored secrets are sealed anew under a new key while people store, change and
# delete them: interrupted, resumed, rotated again, and nothing is lost.  Then the
# former key is deleted, and before that refused for every reason.  And the nonces
# of many backends, which all come from one process by fork, differ.

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

my $secrets = 3000;
my $node = new_server('reseal', 'max_prepared_transactions = 5');

sub sql
{
	return $node->safe_psql('postgres', join(';', @_));
}

sub complaint
{
	my ($statement, @params) = @_;
	my ($code, $out, $err) = $node->psql('postgres', "\\set VERBOSITY verbose\n$statement", @params);
	return $err;
}

sub sealing_kid
{
	return sql(q(SELECT kid FROM auth.keys() WHERE "use" = 'seal' AND state = 'current'));
}

sub pgbench
{
	my ($clients, $script, $out, @how) = @_;
	return start([ 'pgbench', '--no-vacuum', "--client=$clients", '--jobs=1', @how, '-f', $script, '-h', $node->host, '-p', $node->port, 'postgres' ],
		'>', $out, '2>&1');
}

# 50 backends seal the same text at the same time
append_to_file($node->basedir . '/025_nonce.sql', "INSERT INTO sealed SELECT pg_backend_pid(), auth.secret_encrypt('the same', 'text'), auth.aes_gcm_encrypt(decode(repeat('00', 32), 'hex'), 'p', 'a') FROM generate_series(1, 100);\n");
sql('CREATE TABLE sealed (pid int, ring bytea, given bytea)');
my $out = '';
pgbench(50, $node->basedir . '/025_nonce.sql', \$out, '--transactions=10')->finish;
is(sql('SELECT count(*), count(DISTINCT pid) FROM sealed'), '50000|50', 'fifty backends sealed fifty thousand values');
is(sql('SELECT count(DISTINCT substr(ring, 3 + get_byte(ring, 1), 12)), count(DISTINCT substr(given, 1, 12)) FROM sealed'), '50000|50000', 'no nonce came twice');
sql('DROP TABLE sealed');

# many secrets, and what each has to be
sql(q(
	CREATE TABLE expected (name text PRIMARY KEY, value text);
	INSERT INTO auth.tenants (id, name) VALUES ('00000000-0000-4000-8000-00000000a001', 'Northwind');
	CREATE FUNCTION change() RETURNS void LANGUAGE plpgsql AS $$
	DECLARE
		tenant CONSTANT uuid := '00000000-0000-4000-8000-00000000a001';
		which text := 'n' || (random() * 3100)::int;
		fresh text := gen_random_uuid();
	BEGIN
		-- the row here is locked first, so that both change in one order
		INSERT INTO expected VALUES (which, fresh) ON CONFLICT (name) DO UPDATE SET value = EXCLUDED.value;
		IF random() < 0.1 THEN
			DELETE FROM expected WHERE name = which;
			PERFORM auth.secret_delete(tenant, which);
		ELSE
			PERFORM auth.secret_store(tenant, which, fresh);
		END IF;
		IF random() < 0.1 THEN
			RAISE EXCEPTION 'rolled back';
		END IF;
	END
	$$;
	-- of one snapshot, as auth.secret_open() would not be
	CREATE FUNCTION wrong() RETURNS SETOF text LANGUAGE sql AS $$
		SELECT coalesce(e.name, s.name) FROM expected AS e FULL JOIN auth.secrets AS s ON s.name = e.name
		WHERE e.value IS DISTINCT FROM auth.secret_decrypt(s.sealed, auth._secret_context(s.tenant_id, s.name))
	$$),
	"INSERT INTO expected SELECT 'n' || i, 'secret ' || i FROM generate_series(1, $secrets) AS i",
	q(SELECT count(auth.secret_store('00000000-0000-4000-8000-00000000a001', name, value)) FROM expected));
my @former = (sealing_kid());
sql(q(SELECT auth.key_rotate('A256GCM')));
is(sql('SELECT state, sealed FROM auth.sealing_progress()'), "current|0\nprevious|$secrets", 'all are under the former key');
is(sql('SELECT * FROM auth.secret_reseal(700)'), '700|2300|0', 'a batch is bounded, and says what remains');
is(sql('SELECT state, sealed FROM auth.sealing_progress()'), "current|700\nprevious|2300", 'progress can be seen');
is(sql('BEGIN', 'SELECT done FROM auth.secret_reseal(500)', 'ROLLBACK', 'SELECT sealed FROM auth.sealing_progress() LIMIT 1') =~ s/\n/ /gr, '500 700', 'a batch rolled back is none');
is(sql('SELECT count(*) FROM wrong()'), '0', 'every secret opens meanwhile');

# writers at work, batches that are cut short, and two more rotations
append_to_file($node->basedir . '/025_change.sql', "DO \$\$ BEGIN PERFORM change(); EXCEPTION WHEN raise_exception THEN NULL; END \$\$;\n");
my $writers = pgbench(4, $node->basedir . '/025_change.sql', \$out, '--time=36000');
# in the midst of it or at its end, by the speed of the machine; it does not commit
my $cut_short = "SET statement_timeout = '4ms';\nSELECT done, pg_sleep(600) FROM auth.secret_reseal(300)";
my $cut = 0;
my $done = 0;
for my $round (1 .. 40)
{
	if ($round == 10 || $round == 25)
	{
		push(@former, sealing_kid());
		sql(q(SELECT auth.key_rotate('A256GCM')));
	}
	my ($code, $n, $err) = $node->psql('postgres', $round % 3 ? 'SELECT done FROM auth.secret_reseal(300)' : $cut_short);
	$cut++ if $err =~ /statement timeout/;
	unlike($err, qr/ERROR/, "round $round: a batch among writers") unless $round % 3 == 0;
	$done += $n if $code == 0;
}
is($cut, 13, 'batches were cut short');
cmp_ok($done, '>', 1000, 'and others did their work');
is(sql('SELECT count(*) FROM wrong()'), '0', 'every secret is what its last writer stored, in the midst of it');
is(sql(q(SELECT count(*) > 500 FROM auth.audit_log WHERE event = 'secret_store' AND at > clock_timestamp() - interval '1 hour')), 't', '(there were writers)');
$writers->kill_kill;
sql(q(SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE application_name = 'pgbench'));

my $batches = 0;
my $left;
do { $left = sql('SELECT done FROM auth.secret_reseal()') } while ($left > 0 && $batches++ < 20);
is(sql('SELECT count(*) FROM auth.sealing_progress() WHERE sealed > 0'), '1', 'in the end all are under one key');
is(sql(q(SELECT state FROM auth.sealing_progress() WHERE sealed > 0)), 'current', 'the current one');
is(sql('SELECT count(*) FROM wrong()'), '0', 'and every secret is what its last writer stored');

# damaged ones stop nothing and are named
sql(q(UPDATE auth.secrets SET name = 'canary-moved' WHERE name = (SELECT min(name) FROM auth.secrets)));
push(@former, sealing_kid());
sql(q(SELECT auth.key_rotate('A256GCM')));
my ($code, $result, $err) = $node->psql('postgres', 'SELECT * FROM auth.secret_reseal(100000)');
my $all = sql('SELECT count(*) FROM auth.secrets');
is($result, ($all - 1) . '|1|1', 'one that does not open stops no batch');
like($err, qr/WARNING: +stored secrets or personal keys do not open\nDETAIL: +There are 1; the first is "canary-moved" of tenant 00000000-0000-4000-8000-00000000a001/, 'and is named');
is(sql('SELECT done FROM auth.secret_reseal()'), '0', 'again and again');

# a column of one's own
sql('CREATE TABLE app (id int PRIMARY KEY, s bytea)');
sql(q(INSERT INTO app SELECT i, auth.secret_encrypt('value ' || i, 'app.s/' || i) FROM generate_series(1, 20) AS i));
my $kid = sealing_kid();
sql(q(SELECT auth.key_rotate('A256GCM')));
is(sql("SELECT source, sealed > 0 FROM auth.key_uses('$kid')"), "auth.secrets.sealed|t\npublic.app.s|t", 'every column of this database is looked at');
is(sql(qq(SELECT count(*) FROM auth.key_uses('$_')))
	, '0', "no uses: '$_'") for ('', 'x', 'k' x 64, 'k' x 65);

# refusals on the way to deletion
my $delete = "SELECT auth.key_delete('$kid', ARRAY['other'])";
like(complaint($delete), qr/55000: +the key is previous\nHINT: +Retire it first/, 'a previous key is not deleted');
my $open = $node->background_psql('postgres');
$open->query('BEGIN');
$open->query('SELECT txid_current()');
sql('CREATE DATABASE other');
# (the two in one go: the time of the second counts)
my $retired = complaint("SELECT auth.key_retire('$kid');\n$delete");
like($retired, qr/WARNING: +01000: +stored secrets or personal keys are sealed with this key\nDETAIL: +It still opens them: \d+/, 'retiring warns');
is(sql(q(SELECT count(*) FROM app WHERE auth.secret_decrypt(s, 'app.s/' || id) <> 'value ' || id)), '0', 'a retired sealing key still opens');
like(complaint("SELECT auth.key_delete('$kid')"), qr/55000: +other databases may have values sealed with this key\nDETAIL: +They use the same key file: other\.\nHINT: +Run SELECT \* FROM auth.key_uses/, 'another database must be named');
like(complaint("SELECT auth.key_delete('$kid', NULL)"), qr/55000: +other databases/, 'or nothing is');
like(complaint("SELECT auth.key_delete('$kid', ARRAY[NULL]::name[])"), qr/55000/, 'nor by NULL');
like($retired, qr/55006: +the key was retired a moment ago\nDETAIL.*\nHINT: +Try again in [1-7] seconds/, 'not before every backend has looked at the file');
sleep(8);
like(complaint($delete), qr/55006: +transactions from before the key was retired are still open\nDETAIL.*\nHINT: +Wait until/, 'an older transaction may hold a value');
$open->query('COMMIT');
$open->quit;
sql('BEGIN', 'INSERT INTO app VALUES (100, NULL)', q(PREPARE TRANSACTION 'p'));
like(complaint($delete), qr/55006: +transactions from before/, 'so may a prepared one');
sql(q(ROLLBACK PREPARED 'p'));
like(complaint($delete), qr/55006: +values are sealed with this key\nDETAIL: +There are \d+ in auth.secrets.sealed, 20 in public.app.s\.\nHINT: +Seal them anew/, 'values need it');
like(complaint("BEGIN ISOLATION LEVEL REPEATABLE READ; $delete"), qr/55000: +this needs a transaction at READ COMMITTED/, 'not by an old snapshot');
sql('SELECT auth.secret_reseal(100000)');
like(complaint($delete), qr/55006: .*\nDETAIL: +There are 20 in public.app.s\./, 'also those of a column of one\'s own');
sql(q(UPDATE app SET s = auth.secret_rewrap(s, 'app.s/' || id)));
sql(q(UPDATE app SET s = NULL WHERE id = 7));

# a writer in the midst of storing: the deletion waits for its table
my $writer = $node->background_psql('postgres');
$writer->query('BEGIN');
$writer->query(q(SELECT auth.secret_store('00000000-0000-4000-8000-00000000a001', 'late', 'stored late')));
like(complaint("SET lock_timeout = '500ms'; $delete"), qr/55P03: +canceling statement due to lock timeout/, 'a writer is waited for');
$writer->query('COMMIT');
$writer->quit;
sql($delete);
is(sql("SELECT count(*) FROM auth.keys() WHERE kid = '$kid'"), '0', 'when nothing needs it, it goes');
unlike(slurp(key_file($node)), qr/\Q$kid\E/, 'from the file');
is(sql("SELECT count(*) FROM auth.keys_missing() WHERE kid = '$kid'"), '0', 'and is not missed');
is(sql(q(SELECT count(*) FROM app WHERE id <> 7 AND auth.secret_decrypt(s, 'app.s/' || id) IS DISTINCT FROM 'value ' || id)), '0', 'every value of the column opens');
is(sql(q(SELECT auth.secret_open('00000000-0000-4000-8000-00000000a001', 'late'))), 'stored late', 'and what was stored late');
sql(q(DELETE FROM auth.secrets WHERE name IN ('late', 'canary-moved'); DELETE FROM expected WHERE name NOT IN (SELECT name FROM auth.secrets)));
sql("SELECT auth.key_retire('$_')") for @former;
sleep(8);
sql("SELECT auth.key_delete('$_', ARRAY['other'])") for @former;
is(sql('SELECT count(*) FROM wrong()'), '0', 'every secret opens without any former key');
is(sql(q(SELECT count(*) FROM auth.keys() WHERE "use" = 'seal')), '1', 'the former keys are gone');

# a key that is missing is named by the values that need it
my $path = key_file($node);
my $before = slurp($path);
sql(q(SELECT auth.key_rotate('A256GCM')), 'SELECT auth._remember_keys()');
my $lost = sealing_kid();
sql(q(SELECT auth.secret_store('00000000-0000-4000-8000-00000000a001', 'lost', 'x')));
spew($path, $before);
is(sql(q(SELECT kid, state, sealed FROM auth.sealing_progress() WHERE state = 'missing')), "$lost|missing|1", 'values of a key that is not in the ring are shown');
like(complaint('SELECT auth.secret_reseal(100000)'), qr/WARNING.*\nDETAIL: +There are 1; the first is lost of tenant/, 'and remain');

# who may
sql('CREATE ROLE operator LOGIN', 'GRANT auth_admin TO operator', 'CREATE ROLE plain LOGIN', 'GRANT authenticated TO plain');
is($node->safe_psql('postgres', 'SELECT done FROM auth.secret_reseal()', extra_params => [ '-U', 'operator' ]), '0', 'auth_admin reseals');
for my $call ('secret_reseal()', 'sealing_progress()', q(secret_rewrap('', '')))
{
	like(complaint("SET ROLE authenticated; SELECT auth.$call", extra_params => [ '-U', 'plain' ]), qr/42501/, "users do not call $call");
}

$node->stop;
done_testing();
