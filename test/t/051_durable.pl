# What must survive a crash does, although the caller set synchronous_commit = off:
# logout, a changed password, a revoked family.  The WAL writer is stopped, so
# nothing else writes the log of a commit that did not wait for it.

use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use KeyRing;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Server;
use Test::More;

my $node = new_server('durable', 'synchronous_commit = off', 'autovacuum = off', "wal_writer_delay = '10s'",
	"checkpoint_timeout = '1d'", 'bgwriter_lru_maxpages = 0',
	'intrex_auth.login_limit_pair = 1000', 'intrex_auth.refresh_reuse_grace = 0', 'intrex_auth.allow_bootstrap = on');

# From here on the log is written by commits that wait for it, and by nobody else.
sub stop_writer
{
	my $walwriter = $node->safe_psql('postgres', q(SELECT pid FROM pg_stat_activity WHERE backend_type = 'walwriter'));
	$node->safe_psql('postgres', 'SET synchronous_commit = on; CHECKPOINT; SELECT txid_current()');
	kill 'STOP', $walwriter or die "cannot stop process $walwriter: $!";
}

sub sql
{
	return $node->safe_psql('postgres', $_[0]);
}

# A grant of a login, as JSON text.
sub login
{
	my ($name) = @_;
	return sql("SELECT auth_api.login('$name\@durable.example', 'password of $name')");
}

# A member of it.
sub part
{
	my ($grant, $name) = @_;
	my ($value) = $grant =~ /"$name": "([^"]+)"/;
	return $value;
}

# 'in' or 'out', by the access token.
sub state_of
{
	my ($grant) = @_;
	return verify($node, part($grant, 'access_token')) eq 'ok' ? 'in' : 'out';
}

sql(q(SELECT auth.user_create(n || '@durable.example', 'password of ' || n) FROM unnest(ARRAY['ann', 'bob', 'cid']) AS n; CREATE TABLE canary (n int)));
my $ann = login('ann');
my $ann2 = login('ann');
my $bob = login('bob');
my $bob2 = login('bob');
my $cid = login('cid');
my $as = sub { 'BEGIN; SELECT auth.authenticate(\'' . part($_[0], 'access_token') . '\') IS NOT NULL; ' };

# a commit that nobody waits for is lost: else this test could not fail
stop_writer();
sql('INSERT INTO canary VALUES (1)');
is(sql('SELECT count(*) FROM canary'), '1', 'a row was committed');
crash($node);
is(sql('SELECT count(*) FROM canary'), '0', 'and is lost');

# logout, and the caller insists
stop_writer();
is(sql($as->($ann) . 'SET LOCAL synchronous_commit = off; SELECT auth_api.logout(); SET LOCAL synchronous_commit = off; COMMIT'), "t\n{\"revoked\": 1}", 'logged out');
crash($node);
is(state_of($ann) . ' ' . state_of($ann2), 'out in', 'a logout survives');

# a changed password
stop_writer();
is(sql($as->($bob) . "SELECT auth_api.change_password('password of bob', 'another password'); SAVEPOINT s; SET LOCAL synchronous_commit = off; COMMIT"), "t\n{\"revoked\": 1}", 'password changed');
crash($node);
like(sql(q(SELECT auth_api.login('bob@durable.example', 'password of bob'))), qr/invalid_credentials/, 'the former password stays dead');
like(sql(q(SELECT auth_api.login('bob@durable.example', 'another password'))), qr/access_token/, 'the new one is good');
is(state_of($bob) . ' ' . state_of($bob2), 'in out', 'the other sessions stay ended');

# a family that was revoked, where the answer is a refusal
my $first = part($cid, 'refresh_token');
my $second = part(sql("SELECT auth_api.refresh('$first')"), 'refresh_token');
stop_writer();
like(sql("SELECT auth_api.refresh('$first')"), qr/refresh_token_already_used/, 'a theft');
crash($node);
like(sql("SELECT auth_api.refresh('$second')"), qr/session_revoked/, 'its consequence survives');
is(state_of($cid), 'out', 'also for the access token');

# everything else that takes something away, by how far the log is on disk when it has committed
my $forced = sub {
	my ($statement) = @_;
	return sql("$statement; SELECT pg_current_wal_flush_lsn() >= pg_current_wal_insert_lsn()") =~ /t$/ ? 'durable' : 'not durable';
};
$cid = login('cid');
my $cid2 = login('cid');
my $session = sql(q(SELECT id FROM auth.sessions WHERE user_id = (SELECT id FROM auth.users WHERE email = 'cid@durable.example') ORDER BY created_at DESC LIMIT 1));
my $user = sql(q(SELECT id FROM auth.users WHERE email = 'cid@durable.example'));
my $tenant = sql("SELECT auth.tenant_create('durable')");
sql("SELECT auth.member_add('$tenant', '$user', 'viewer')");
stop_writer();
is($forced->('INSERT INTO canary VALUES (2)'), 'not durable', 'an ordinary commit does not wait');
is($forced->($_->[1]), 'durable', $_->[0]) for (
	[ 'session_revoke',      $as->($cid) . "SELECT auth_api.session_revoke('$session'); COMMIT" ],
	[ 'logout of all',       $as->($cid) . "SELECT auth_api.logout('global'); COMMIT" ],
	[ 'bootstrap_admin',     q(SELECT auth_api.bootstrap_admin('root@durable.example', 'password of root')) ],
	[ 'member_remove',       "SELECT auth.member_remove('$tenant', '$user')" ],
	[ 'user_set_password',   "SELECT auth.user_set_password('$user', 'another password')" ],
	[ 'user_ban',            "SELECT auth.user_ban('$user')" ],
	[ 'user_erase',          q(SELECT auth.user_erase(id) FROM auth.users WHERE email = 'bob@durable.example') ],
	[ 'user_delete',         "SELECT auth.user_delete('$user')" ]);
is($forced->('INSERT INTO canary VALUES (3)'), 'not durable', 'and an ordinary commit still does not');
crash($node);
is(sql("SELECT count(*) FROM auth.users WHERE id = '$user'"), '0', 'the last of them survives');

$node->stop;
done_testing();
