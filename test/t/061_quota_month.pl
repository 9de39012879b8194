# A month ends while transactions are open, on a server whose clock we set
# (libfaketime).  What a transaction uses counts for the month in which it began,
# however late; a subscription that ends in between ends for it, too.

use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Server;
use Test::More;

my ($library) = glob('/usr/lib/*/faketime/libfaketime.so.1 /usr/lib*/faketime/libfaketime.so.1');
plan(skip_all => 'libfaketime is not installed') unless $library;
plan(skip_all => 'sanitizers and libfaketime keep each other from starting') if $ENV{SANITIZE};

# the time of the server, in UTC; it stands still
my $clock = PostgreSQL::Test::Utils::tempdir() . '/clock';
sub clock
{
	my ($time) = @_;

	open(my $file, '>', "$clock.new") or die "$clock.new: $!";
	print $file "$time\n";
	close($file);
	rename("$clock.new", $clock) or die "$clock: $!";
}

clock('2030-06-30 23:59:58');
my $node = new_cluster('month');
$node->append_conf('postgresql.conf', "intrex_auth.password_cost = 4\nautovacuum = off\ntimezone = 'Pacific/Kiritimati'\n");
{
	local $ENV{LD_PRELOAD} = $library;
	local $ENV{FAKETIME_TIMESTAMP_FILE} = $clock;
	local $ENV{FAKETIME_NO_CACHE} = 1;
	local $ENV{FAKETIME_DONT_FAKE_MONOTONIC} = 1;
	local $ENV{TZ} = 'UTC';
	$node->start;
}
is($node->safe_psql('postgres', q(SELECT clock_timestamp() AT TIME ZONE 'UTC')), '2030-06-30 23:59:58', 'the clock is ours');

my $token = $node->safe_psql('postgres', q(
	CREATE EXTENSION intrex_auth;
	SELECT auth.plan_create('pro'), auth.feature_create('posts', true), auth.feature_create('publishing') \g /dev/null
	SELECT auth.plan_feature_set('pro', 'posts', 3), auth.plan_feature_set('pro', 'publishing') \g /dev/null
	SELECT auth_api.register('anna@example.com', 'correct horse battery', tenant_name => 'Anna') ->> 'access_token';
	SELECT auth.subscription_set(id, 'pro', 'trialing', '2030-07-01 00:01:00+00') FROM auth.tenants \g /dev/null
));

# An open transaction of a member.
sub begin
{
	my ($level) = @_;
	my $session = $node->background_psql('postgres');

	$session->query(qq(BEGIN ISOLATION LEVEL $level;
		SELECT auth.authenticate('$token') \\g /dev/null
		SET LOCAL ROLE authenticated;));
	return $session;
}

my $open = begin('READ COMMITTED');
my $idle = begin('REPEATABLE READ');
is($open->query(q(SELECT auth.consume_quota('posts'))), '2', 'two seconds before midnight one is used');
is($node->safe_psql('postgres', 'SELECT to_char(period_start, $$YYYY-MM$$) FROM auth.usage'), '', 'of which others see nothing yet');

clock('2030-07-01 00:00:01');
is($open->query(q(SELECT auth.consume_quota('posts'))), '1', 'a second after midnight the same transaction goes on in its month');
is($open->query(q(SELECT to_char(resets_at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI') FROM auth.quotas())), '2030-07-01 00:00', 'whose end is over');
$open->query('COMMIT');

my $new = begin('READ COMMITTED');
is($new->query(q(SELECT auth.consume_quota('posts'))), '2', 'a transaction of the new month has all of its quota');
is($new->query(q(SELECT to_char(resets_at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI') FROM auth.quotas())), '2030-08-01 00:00', 'until its end');
$new->query('COMMIT');
is($idle->query(q(SELECT auth.consume_quota('posts'))), '0', 'one that was open takes what is left of the old month');
is($idle->query(q(SAVEPOINT s; SELECT auth.has_quota('posts'); SELECT auth.quota_left('posts'))), "f\n0", 'and no more');
$idle->query('COMMIT');
is($node->safe_psql('postgres', q(SELECT string_agg(to_char(period_start, 'YYYY-MM-DD ') || used, ', ' ORDER BY period_start) FROM auth.usage)), '2030-06-01 3, 2030-07-01 1', 'the counters of both');

# the trial ends in an open transaction
my $trial = begin('REPEATABLE READ');
is($trial->query(q(SELECT auth.has_feature('publishing'), auth.has_quota('posts'))), 't|t', 'on trial');
clock('2030-07-01 00:01:00');
is($trial->query(q(SELECT auth.has_feature('publishing'), auth.has_quota('posts'))), 'f|f', 'the next statement finds that it has ended');
$trial->query('COMMIT');

$_->quit for $open, $idle, $new, $trial;
$node->stop;
done_testing();
