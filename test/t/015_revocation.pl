# What other sessions commit: it counts from the next transaction on, whatever the
# isolation level, without waiting for their locks; and on a hot standby.

use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use Identities;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Server;
use Test::More;

my $node = new_cluster('revocation', allows_streaming => 1);
$node->append_conf('postgresql.conf', "wal_receiver_status_interval = 1\nmax_prepared_transactions = 1");
$node->start;
identities($node, 'postgres');
my $parallel = worker_setting($node);
my $anna = token($node, 'anna');
my $revoke = q(UPDATE auth.sessions SET revoked_at = now() WHERE id = id('anna session'));

# A session of the application, and what it answers.
my ($client) = connect_raw($node->host, $node->port, {});
sub says
{
	my ($query) = @_;
	return raw_query($client, $query);
}
sub commit
{
	my ($sql) = @_;
	$node->safe_psql('postgres', $sql);
	return;
}

# the snapshot of the transaction does not matter
for my $level ('READ COMMITTED', 'REPEATABLE READ', 'SERIALIZABLE', 'SERIALIZABLE READ ONLY')
{
	is(says("BEGIN ISOLATION LEVEL $level; SELECT count(*) FROM notes"), '0', "$level: a transaction with a snapshot");
	commit($revoke);
	is(says("SELECT attempt('$anna')"), '28000 session_revoked', "$level: a session revoked after it");
	commit('SELECT identities()');
	is(says("SELECT attempt('$anna'); SELECT who(); ROLLBACK"), "accepted\nanna, owner of north", "$level: and a new one");
}

# next transaction
my %events = (
	'logout' => [ $revoke, '28000 session_revoked' ],
	'a ban' => [ q(UPDATE auth.users SET banned_until = 'infinity' WHERE id = id('anna')), '28000 user_banned' ],
	'removal' => [ q(DELETE FROM auth.memberships WHERE user_id = id('anna')), '28000 not_a_member' ],
	'another role' => [ q(UPDATE auth.memberships SET role = 'guest' WHERE user_id = id('anna')), 'anna, guest of north' ],
	'deletion' => [ q(DELETE FROM auth.users WHERE id = id('anna')), '28000 session_not_found' ]);
for my $what (sort keys %events)
{
	my ($sql, $outcome) = @{ $events{$what} };
	is(says("BEGIN; SELECT attempt('$anna'); SELECT who()"), "accepted\nanna, owner of north", "$what: before");
	commit($sql);
	is(says('SELECT who(); COMMIT'), 'anna, owner of north', "$what: the transaction goes on");
	is(says("BEGIN; SELECT set_config('intrex_auth.token', '$anna', true); SELECT who(); COMMIT"), "(hidden)\n$outcome", "$what: the next one knows");
	commit('SELECT identities()');
}

# inside a transaction it is looked at anew after a savepoint was rolled back, and
# by each parallel worker, which has no answer of its own yet
is(says("BEGIN; SELECT attempt('$anna'); SAVEPOINT s"), 'accepted', 'a savepoint');
commit($revoke);
is(says('SELECT who(); ROLLBACK TO s; SELECT who(); COMMIT'), "anna, owner of north\n28000 session_revoked", 'looked at anew after ROLLBACK TO');
commit('SELECT identities()');
is(says("BEGIN; SELECT attempt('$anna')"), 'accepted', 'a transaction');
commit($revoke);
like(says("SET LOCAL $parallel = on; SELECT auth.uid()"), qr/^ERROR 28000 .*session_revoked.*parallel worker/s, 'looked at anew in a worker');
says('ROLLBACK');
commit('SELECT identities()');

# two-phase commit ends the identity like COMMIT
is(says("BEGIN; SELECT attempt('$anna'); PREPARE TRANSACTION 'p'; SELECT who(), sees()"), "accepted\nnobody|none", 'PREPARE TRANSACTION');
is(says("COMMIT PREPARED 'p'"), '', 'COMMIT PREPARED');
is(says('SELECT who()'), 'nobody', 'brings nobody back');

# what is not committed does not count, and is not waited for
my $other = $node->background_psql('postgres');
$other->query_safe("BEGIN; $revoke;");
$other->query_safe(q(SELECT FROM auth.users WHERE id = id('anna') FOR UPDATE));
$other->query_safe(q(SELECT FROM auth.memberships WHERE user_id = id('anna') FOR UPDATE));
$other->query_safe('LOCK TABLE auth.sessions, auth.users, auth.memberships IN EXCLUSIVE MODE');
is(says("SET statement_timeout = '600s'; BEGIN; SELECT attempt('$anna'); SELECT who(), sees(); COMMIT"), "accepted\nanna, owner of north|north 3", 'rows and tables locked by another transaction');
$other->query_safe('COMMIT');
is(says("BEGIN; SELECT attempt('$anna'); COMMIT"), '28000 session_revoked', 'once it commits, it counts');
$other->quit;
commit('SELECT identities()');

# without indexes
is(ask($node, "BEGIN; SELECT attempt('$anna'); SELECT who(), sees(); COMMIT", pgoptions => '-P'), "accepted\nanna, owner of north|north 3", 'ignore_system_indexes');
commit($revoke);
is(ask($node, "BEGIN; SELECT attempt('$anna'); COMMIT", pgoptions => '-P'), '28000 session_revoked', 'the same, revoked');
commit('SELECT identities()');

# tables rewritten and indexes rebuilt under an open session
is(says("BEGIN; SELECT attempt('$anna'); COMMIT"), 'accepted', 'before VACUUM FULL and REINDEX');
commit('VACUUM FULL auth.sessions, auth.users, auth.memberships');
commit('REINDEX TABLE auth.sessions; REINDEX TABLE auth.users; REINDEX TABLE auth.memberships');
commit('REINDEX TABLE CONCURRENTLY auth.sessions');
is(says("BEGIN; SELECT attempt('$anna'); SELECT who(); COMMIT"), "accepted\nanna, owner of north", 'after them');
commit('ALTER TABLE auth.sessions ADD COLUMN later text');
is(says("BEGIN; SELECT attempt('$anna'); SELECT who(); COMMIT"), "accepted\nanna, owner of north", 'after a column was added at the end');
commit($revoke);
is(says("BEGIN; SELECT attempt('$anna'); COMMIT"), '28000 session_revoked', 'and it is still looked at');
commit('SELECT identities()');

# on a hot standby: tokens verify, revocations come with the WAL
$node->backup('copy');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($node, 'copy', has_streaming => 1);
# the copy of the test module, unlike pg_basebackup, does not keep modes
chmod(0600, $standby->data_dir . '/intrex_auth.jwks');
$standby->start;
$node->wait_for_catchup($standby, 'replay', $node->lsn('insert'));
my $ask = "BEGIN; SELECT attempt('$anna'); SELECT who(), sees(), current_setting('app.current_tenant') = id('north')::text; COMMIT";
is(ask($standby, $ask), "accepted\nanna, owner of north|north 3|t", 'standby: a token of the primary is accepted');
is(ask($standby, "SET $parallel = on; $ask"), "accepted\nanna, owner of north|north 3|t", 'standby: in workers');
commit($revoke);
$node->wait_for_catchup($standby, 'replay', $node->lsn('insert'));
is(ask($standby, "BEGIN; SELECT attempt('$anna'); COMMIT"), '28000 session_revoked', 'standby: revoked on the primary');
is(ask($standby, "SELECT attempt('nonsense')"), '28000 malformed_token', 'standby: nonsense is refused');
$standby->stop;

close($client);
$node->stop;
done_testing();
