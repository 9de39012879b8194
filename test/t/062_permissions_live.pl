# Roles, permissions and resources that other sessions change: backends that remember
# them know at their next transaction, on a hot standby too, and nothing is believed
# that was rolled back.

use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use Identities;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Server;
use Test::More;

my $node = new_cluster('permissions', allows_streaming => 1);
$node->append_conf('postgresql.conf', "wal_receiver_status_interval = 1\nmax_prepared_transactions = 1");
$node->start;
identities($node, 'postgres');
$node->safe_psql('postgres', q(
	SELECT auth.resource_create('things');
	SELECT auth.role_create('owner', 10);
	SELECT auth.permission_set('owner', 'things', 'read', 'own')));
my $anna = token($node, 'anna');

my ($client) = connect_raw($node->host, $node->port, {});
my ($admin) = connect_raw($node->host, $node->port, { user => scalar getpwuid($<) });
sub asks
{
	my ($connection) = @_;
	my $answer = raw_query($connection, "BEGIN; SELECT auth.authenticate('$anna') IS NULL; SELECT coalesce(auth.scope('things', 'read'), 'none'); COMMIT");
	return (split /\n/, $answer)[-1];
}
sub commit
{
	my ($sql) = @_;
	$node->safe_psql('postgres', $sql);
	return;
}

is(asks($client), 'own', 'a permission');
is(asks($client), 'own', 'remembered');
my @changes = (
	[ 'widened', q(SELECT auth.permission_set('owner', 'things', 'read', 'tenant')), 'tenant' ],
	[ 'denied', q(SELECT auth.permission_deny('owner', 'things', 'read')), 'none' ],
	[ 'allowed again', q(SELECT auth.permission_set('owner', 'things', 'read', 'unit')), 'unit' ],
	[ 'removed', q(SELECT auth.permission_remove('owner', 'things', 'read')), 'none' ],
	[ 'by a wider action', q(SELECT auth.resource_update('things', ARRAY['read', 'create', 'update', 'delete', 'admin']); SELECT auth.permission_set('owner', 'things', 'admin', 'assigned')), 'assigned' ],
	[ 'by hand', q(UPDATE auth.role_permissions SET scope = 'own'), 'own' ],
	[ 'as replication does it', q(SET session_replication_role = replica; UPDATE auth.role_permissions SET scope = 'tenant'), 'tenant' ],
	[ 'truncated', q(TRUNCATE auth.role_permissions), 'none' ],
	[ 'inserted', q(INSERT INTO auth.role_permissions (role_id, resource, action, scope) SELECT id, 'things', 'read', 'own' FROM auth.roles), 'own' ],
	[ 'the role is renamed', q(UPDATE auth.roles SET name = 'other'), 'none' ],
	[ 'and back', q(UPDATE auth.roles SET name = 'owner'), 'own' ],
	[ 'the role is deleted', q(DELETE FROM auth.roles), 'none' ],
	[ 'another of that name', q(SELECT auth.role_create('owner', 10); SELECT auth.permission_set('owner', 'things', 'read', 'tenant')), 'tenant' ],
	[ 'rolled back', q(BEGIN; SELECT auth.permission_deny('owner', 'things', 'read'); ROLLBACK), 'tenant' ],
	[ 'prepared', q(BEGIN; SELECT auth.permission_deny('owner', 'things', 'read'); PREPARE TRANSACTION 'p'), 'tenant' ],
	[ 'and committed', q(COMMIT PREPARED 'p'), 'none' ],
	[ 'once more', q(SELECT auth.permission_set('owner', 'things', 'read', 'own')), 'own' ]);
for my $change (@changes)
{
	my ($what, $sql, $outcome) = @$change;
	commit($sql);
	is(asks($client), $outcome, $what);
}

# a change that was kept quiet is heard of when an administrator says so
commit(q(ALTER TABLE auth.role_permissions DISABLE TRIGGER permissions_changed; UPDATE auth.role_permissions SET scope = 'unit'));
is(asks($client), 'own', 'a change that nobody was told of');
commit(q(BEGIN; SELECT auth.clear_all_caches(); ROLLBACK));
is(asks($client), 'own', 'clear_all_caches rolled back');
commit(q(SELECT auth.clear_all_caches()));
is(asks($client), 'unit', 'clear_all_caches');
commit(q(UPDATE auth.role_permissions SET scope = 'own'; SELECT auth.clear_cache(id) FROM auth.users LIMIT 1));
is(asks($client), 'own', 'clear_cache');
commit(q(ALTER TABLE auth.role_permissions ENABLE ALWAYS TRIGGER permissions_changed));

# what the session itself rolled back
is(raw_query($admin, "BEGIN; SELECT auth.permission_set('owner', 'things', 'read', 'tenant'); SELECT auth.authenticate('$anna') IS NULL; SELECT auth.scope('things', 'read'); ROLLBACK") =~ /tenant$/, 1, 'its own change, before the end');
is(asks($admin), 'own', 'and after it was rolled back');
is(raw_query($admin, "BEGIN; SAVEPOINT s; SELECT auth.permission_set('owner', 'things', 'read', 'tenant'); SELECT auth.authenticate('$anna') IS NULL; SELECT auth.scope('things', 'read'); ROLLBACK TO s; SELECT auth.authenticate('$anna') IS NULL; SELECT auth.scope('things', 'read'); COMMIT") =~ /tenant\n.*\nown$/s, 1, 'and to a savepoint');

# thousands of roles: what is remembered is bounded, and right
$node->safe_psql('postgres', q(
	INSERT INTO auth.roles (name, rank) SELECT 'role_' || n, n % 1000 FROM generate_series(1, 5000) AS n;
	INSERT INTO auth.role_permissions (role_id, resource, action, scope) SELECT id, 'things', a, 'own' FROM auth.roles, unnest(ARRAY['read', 'create', 'update', 'delete', 'admin']) AS a
		WHERE name LIKE 'role_%' ON CONFLICT DO NOTHING));
is(raw_query($admin, q(SELECT count(*) FROM generate_series(1, 5000) AS n WHERE auth.has_rank('role_' || n))), '0', 'thousands of roles are looked up');
my $memory = raw_query($admin, q(SELECT pg_size_pretty(sum(total_bytes)) || ' ' || (sum(total_bytes) < 16 * 1024 * 1024) FROM pg_backend_memory_contexts WHERE name = 'intrex_auth roles'));
like($memory, qr/true$/, "memory stays bounded: $memory");
is(asks($admin), 'own', 'and the answer right');

# a standby
$node->backup('base');
my $standby = PostgreSQL::Test::Cluster->new('permissions_standby');
$standby->init_from_backup($node, 'base', has_streaming => 1);
# the copy of the test module, unlike pg_basebackup, does not keep modes
chmod(0600, $standby->data_dir . '/intrex_auth.jwks');
$standby->start;
$node->wait_for_catchup($standby, 'replay', $node->lsn('insert'));
my ($reader) = connect_raw($standby->host, $standby->port, {});
is(asks($reader), 'own', 'standby: before');
commit(q(SELECT auth.permission_deny('owner', 'things', 'read')));
$node->wait_for_catchup($standby, 'replay', $node->lsn('insert'));
is(asks($reader), 'none', 'standby: after');

$standby->stop;
$node->stop;
done_testing();
