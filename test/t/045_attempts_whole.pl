# A counted guess is a row with all its index entries, or no row: backends are
# killed and statements fail between the row and each index entry, and the disk
# is full for an index.  amcheck then finds the table in order, as many guesses
# got through as are counted, and a standby and logical decoding agree.

use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use Guess;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use constant { GATE => 4712, WAL_SEGMENT => 16 * 1024 * 1024 };

my $node = guess_server('whole', 'restart_after_crash = on', 'wal_level = logical', 'max_wal_senders = 4',
	'max_replication_slots = 4', 'max_prepared_transactions = 2');

# What amcheck says of the table and its indexes on a server: nothing if all is well.
sub damage
{
	my ($server) = @_;
	my (undef, $out, $err) = $server->psql('postgres', q{
		SELECT msg FROM verify_heapam('auth.login_attempts');
		SELECT bt_index_check(indexrelid, true) FROM pg_index WHERE indrelid = 'auth.login_attempts'::regclass});

	return join("\n", grep { $_ ne '' } split(/\n/, $out), $err);
}

# How many guesses are counted since the last call.
my $counted_before = 0;

sub counted
{
	my $now = $node->safe_psql('postgres', 'SELECT count(*) FROM auth.login_attempts');
	my $more = $now - $counted_before;

	$counted_before = $now;
	return $more;
}

# An index whose comparisons wait while somebody holds the gate, or fail when told to.
$node->safe_psql('postgres', q{
	CREATE EXTENSION amcheck;
	SELECT guess('first ' || n) FROM generate_series(1, 3) AS n;
	CREATE FUNCTION compare(a bigint, b bigint) RETURNS integer LANGUAGE plpgsql AS $$
	BEGIN
		IF current_setting('test.fail', true) = 'on' THEN
			RAISE division_by_zero;
		END IF;
		PERFORM pg_advisory_xact_lock_shared(} . GATE . q{);
		RETURN btint8cmp(a, b);
	END
	$$;
	CREATE OPERATOR CLASS gated FOR TYPE bigint USING btree AS
		OPERATOR 1 <, OPERATOR 2 <=, OPERATOR 3 =, OPERATOR 4 >=, OPERATOR 5 >, FUNCTION 1 compare(bigint, bigint);
	CREATE INDEX gate ON auth.login_attempts (address_key gated);
});
is(damage($node), '', 'the table is in order');
counted();
passed($node);

# Entries are added in the order of the indexes' ids; one that is built again comes last.
my %position = (
	'before the last index entry' => 'SELECT',
	'after the first index entry' => 'REINDEX INDEX CONCURRENTLY auth.login_attempts_identifier_key_at_idx',
	'before any index entry' => 'REINDEX INDEX CONCURRENTLY auth.login_attempts_address_key_at_idx',
);
for my $position ('before the last index entry', 'after the first index entry', 'before any index entry')
{
	$node->safe_psql('postgres', $position{$position});

	# an error there, as of a full disk: no guess, no count
	my ($status, undef, $err) = $node->psql('postgres', q{SET test.fail = on; SELECT guess('fails')});
	like($err, qr/division_by_zero/, "an error $position");
	is(passed($node), 0, "an error $position: no guess got through");
	is(counted(), 0, "an error $position: none is counted");
	is(damage($node), '', "an error $position: the table is in order");
	# one that is caught lets nothing through either
	$node->psql('postgres', q{SET test.fail = on;
		DO $$ BEGIN PERFORM guess('caught'); EXCEPTION WHEN division_by_zero THEN NULL; END $$});
	is(passed($node), 0, "a caught error $position: no guess got through");
	is(counted(), 0, "a caught error $position: none is counted");
	is(damage($node), '', "a caught error $position: the table is in order");

	for my $way ('a killed backend', 'an immediate shutdown', 'pg_terminate_backend')
	{
		my $gate = $node->background_psql('postgres');
		my $client = $node->background_psql('postgres', on_error_stop => 0);

		$gate->query_safe('SELECT pg_advisory_lock(' . GATE . ')');
		my $pid = $client->query('SELECT pg_backend_pid()');
		$client->query_until(qr/asked/, "\\echo asked\nSELECT guess('$way $position');\n");
		$node->poll_query_until('postgres',
			"SELECT count(*) FROM pg_locks WHERE pid = $pid AND objid = @{[GATE]} AND NOT granted", 1)
		  or die 'the guess did not come to the gate';
		# what was written so far is in the WAL on the disk
		$node->safe_psql('postgres', 'CREATE TABLE flush (); DROP TABLE flush');
		if ($way eq 'a killed backend')
		{
			kill('KILL', $pid) == 1 or die "kill: $!";
			$gate->{run}->kill_kill;
			$node->poll_query_until('postgres', "SELECT count(*) FROM pg_stat_activity WHERE pid = $pid", 0);
		}
		elsif ($way eq 'an immediate shutdown')
		{
			$node->stop('immediate');
			$gate->{run}->kill_kill;
			$node->start;
		}
		else
		{
			# that takes effect behind the entry, or later: whether it counts then is open
			$node->safe_psql('postgres', "SELECT pg_terminate_backend($pid)");
			$gate->quit;
			$node->poll_query_until('postgres', "SELECT count(*) FROM pg_stat_activity WHERE pid = $pid", 0);
		}
		$client->{run}->kill_kill;
		is(damage($node), '', "$way $position: the table is in order");
		my $already = counted();
		is($already, 0, "$way $position: the guess, which was not checked, is not counted")
		  if $way ne 'pg_terminate_backend';
		my $more = $node->safe_psql('postgres',
			qq{SELECT count(*) FILTER (WHERE guess('$way $position') = 0) FROM generate_series(1, 10)});
		is($already + $more, 5, "$way $position: five are let through");
		is(counted(), $more, "$way $position: and counted");
		# a sequence loses numbers in a crash
		passed($node);
	}
}
$node->safe_psql('postgres', 'DROP INDEX auth.gate');
is(damage($node), '', 'all guesses are in the indexes');

# The disk is full for one index: its leaves beside those of the filler cannot be split.
$node->safe_psql('postgres', q{
	ALTER INDEX auth.login_attempts_identifier_key_at_idx SET (fillfactor = 10);
	INSERT INTO auth.login_attempts SELECT now() - interval '2 hours', n, n FROM generate_series(1, 63000) AS n;
	REINDEX INDEX auth.login_attempts_identifier_key_at_idx});
my $size = $node->safe_psql('postgres', q{SELECT pg_relation_size('auth.login_attempts_identifier_key_at_idx')});
cmp_ok($size, '>', WAL_SEGMENT, 'WAL has room in a file as large as the index');
counted();
passed($node);
my $client = $node->background_psql('postgres', on_error_stop => 0);
my $pid = $client->query('SELECT pg_backend_pid()');
is(system('prlimit', "--pid=$pid", "--fsize=$size:"), 0, 'no file of this session may be larger');
for my $end ('COMMIT', 'ROLLBACK')
{
	$client->query(join("\n", map { "BEGIN; SELECT guess('$end $_'); $end;" } (1 .. 700)));
}
like($client->{stderr}, qr/could not (?:extend|write)/, 'the index has no room for some');
my $passed = passed($node);
cmp_ok($passed, '>', 0, 'and has for others');
note("$passed of 1400 got through");
is(counted(), $passed, 'as many are counted as got through');
is(damage($node), '', 'the table is in order on a full disk');
is(system('prlimit', "--pid=$pid", '--fsize=unlimited:'), 0, 'there is room again');
is($client->query(q{SELECT string_agg(guess('room')::text, ' ') FROM generate_series(1, 5)}),
	'0 0 0 0 0', 'guesses go on');
$client->quit;
is(counted(), 5, 'and are counted');
passed($node);
$node->safe_psql('postgres', q{
	DELETE FROM auth.login_attempts WHERE at < now() - interval '1 hour';
	ALTER INDEX auth.login_attempts_identifier_key_at_idx RESET (fillfactor);
	VACUUM auth.login_attempts});
is(damage($node), '', 'and after VACUUM');
counted();

# Logical decoding, of all tables and to either plugin, and a standby.
$node->safe_psql('postgres', q{
	CREATE PUBLICATION everything FOR ALL TABLES;
	SELECT pg_create_logical_replication_slot('text', 'test_decoding');
	SELECT pg_create_logical_replication_slot('rows', 'pgoutput')});
$node->backup('standby');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($node, 'standby', has_streaming => 1);
$standby->start;
$node->psql('postgres', $_)
  for (q{SELECT guess('committed')},
	q{BEGIN; SELECT guess('rolled back'); ROLLBACK},
	q{BEGIN; SAVEPOINT s; SELECT guess('savepoint'); ROLLBACK TO s; COMMIT},
	q{BEGIN; SELECT guess('prepared'); PREPARE TRANSACTION 'p'; ROLLBACK PREPARED 'p'},
	q{SELECT guess('standby') FROM generate_series(1, 5)});
is(counted(), 9, 'nine guesses');
is($node->safe_psql('postgres', q{
		SELECT count(*) FROM pg_logical_slot_get_changes('text', NULL, NULL)
		WHERE data LIKE 'table auth.login_attempts: INSERT%'}),
	6, 'what was committed is decoded');
cmp_ok($node->safe_psql('postgres', q{
		SELECT count(*) FROM pg_logical_slot_get_binary_changes('rows', NULL, NULL,
			'proto_version', '1', 'publication_names', 'everything')}),
	'>', 6, 'and published');
$node->wait_for_catchup($standby, 'replay', $node->lsn('write'));
is($standby->safe_psql('postgres', 'SELECT count(*) FROM auth.login_attempts'),
	$node->safe_psql('postgres', 'SELECT count(*) FROM auth.login_attempts'), 'the standby has all of them');
is(damage($standby), '', 'and its table is in order');
$node->stop;
$standby->promote;
chmod(0600, $standby->data_dir . '/intrex_auth.jwks');
cmp_ok($standby->safe_psql('postgres', q{SELECT guess('standby')}), '>', 0, 'they count when it is promoted');
is(damage($standby), '', 'and the table is still in order');
$standby->stop;

# A guess in a transaction that stays open reaches the disk by itself, where
# nothing else happens that could take it along: not even another connection.
my $quiet = guess_server('quiet', 'wal_level = minimal', 'max_wal_senders = 0', 'autovacuum = off',
	'bgwriter_lru_maxpages = 0', 'full_page_writes = off');
my $open = $quiet->background_psql('postgres', on_error_stop => 0);
my $flushed = q{
	DO $$
	DECLARE
		written pg_lsn;
	BEGIN
		PERFORM guess('open') FROM generate_series(1, %d);
		written := pg_current_wal_insert_lsn();
		WHILE %s AND pg_current_wal_flush_lsn() < written LOOP
			PERFORM pg_sleep(0.01);
		END LOOP;
	END
	$$};
$open->query(sprintf($flushed, 2, 'false'));
$open->query("BEGIN; SET LOCAL statement_timeout = '60s'; " . sprintf($flushed, 3, 'true'));
is($open->{stderr}, '', 'an open guess is flushed');
$quiet->stop('immediate');
$open->{run}->kill_kill;
$quiet->start;
cmp_ok($quiet->safe_psql('postgres', q{SELECT guess('open')}), '>', 0, 'and counts after a crash');
is($quiet->safe_psql('postgres', 'SELECT count(*) FROM auth.login_attempts'), 5, 'all five are there');
$quiet->stop;

done_testing();
