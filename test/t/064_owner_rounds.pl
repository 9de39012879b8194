# A tenant keeps an owner, however its owners remove, demote, delete and replace each
# other at once: hundreds rounds of 2 to 32 sessions at every isolation level.  Whoever
# was told that it is done has taken away one owner, and nobody else has; who fails
# with 40001 or 40P01 tries again, and the second is rare.  The history has all of it,
# but for SQL past the functions, and no two periods of a member overlap.

use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use Clients;
use Guess;
use Identities qw(raw_query);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $most = 32;
my $node = guess_server('owner_rounds', 'deadlock_timeout = 50ms');
my $clients = clients($node, $most);
my @levels = ('READ COMMITTED', 'REPEATABLE READ', 'SERIALIZABLE');
my %rounds = (2 => 12, 3 => 8, 8 => 6, $most => 3);

# Two tenants, so that the deletion of a user locks more than one.
my @tenants = map { $node->safe_psql('postgres', "SELECT auth.tenant_create('$_')") } 'here', 'there';
sub account { return sprintf(q('00000000-0000-4000-8000-%012d'), $_[0]) }

# The first n are owners of both tenants, and nobody else is a member of them.
$node->safe_psql('postgres', qq{
	CREATE FUNCTION restore(n integer) RETURNS void LANGUAGE sql AS \$\$
		INSERT INTO auth.users (id, email)
			SELECT format('00000000-0000-4000-8000-%s', lpad(i::text, 12, '0'))::uuid, format('client%s\@example.com', i) FROM generate_series(0, n - 1) AS i
			ON CONFLICT DO NOTHING;
		INSERT INTO auth.sessions (id, user_id, tenant_id) SELECT u.id, u.id, '$tenants[0]' FROM auth.users AS u ON CONFLICT DO NOTHING;
		INSERT INTO auth.memberships (tenant_id, user_id, role)
			SELECT t, u.id, 'owner' FROM auth.users AS u, unnest('{@{[join(',', @tenants)]}}'::uuid[]) AS t
			WHERE right(u.id::text, 12)::integer < n
			ON CONFLICT ON CONSTRAINT memberships_pkey DO UPDATE SET role = 'owner';
		DELETE FROM auth.memberships AS m WHERE right(m.user_id::text, 12)::integer >= n;
		SELECT auth.membership_history_sync();
	\$\$;
	SELECT restore($most)});
my @tokens = split(/\n/, $node->safe_psql('postgres', qq{
	SELECT auth.jwt_sign(jsonb_build_object('sub', u.id, 'session_id', u.id, 'tenant_id', '$tenants[0]', 'role', 'authenticated'))
	FROM auth.users AS u ORDER BY u.id}));
is(@tokens, $most, 'each has a token');

# An endpoint called by a client with his token, and administrators' own ways.
sub endpoint
{
	my ($i, $gate, $call) = @_;
	return "SELECT FROM auth.authenticate('$tokens[$i]'); $gate SELECT coalesce(a #>> '{error,code}', 'done') FROM (SELECT auth_api.$call) AS c (a);";
}
sub remove  { my ($i, $gate, $whom) = @_; return endpoint($i, $gate, 'member_remove(' . account($whom) . ')'); }
sub demote  { my ($i, $gate, $whom) = @_; return endpoint($i, $gate, 'member_role(' . account($whom) . ", 'viewer')"); }
sub leave   { my ($i, $gate) = @_; return endpoint($i, $gate, 'leave_tenant()'); }
sub destroy { my ($i, $gate, $whom) = @_; return "SELECT count(*) FROM auth.memberships; $gate SELECT 'done' FROM auth.user_delete(" . account($whom) . ');'; }
sub by_sql
{
	my ($i, $gate, $whom, $lock) = @_;
	$lock //= '';
	return "SELECT count(*) FROM auth.memberships; $gate $lock WITH gone AS (DELETE FROM auth.memberships WHERE tenant_id = '$tenants[0]' AND user_id = "
	  . account($whom) . q{ RETURNING 1) SELECT CASE count(*) WHEN 0 THEN 'nobody' ELSE 'done' END FROM gone;};
}

# As doc/members.md tells administrators to do it: the tenant first.
sub by_sql_in_order
{
	return by_sql(@_, "SELECT FROM auth.tenants WHERE id = '$tenants[0]' FOR NO KEY UPDATE;");
}

# Each takes away another one: himself, or the next.
my %ways = (
	'each removes the next' => sub { my ($i, $next, $gate) = @_; return remove($i, $gate, $next); },
	'demoted and leaving'   => sub { my ($i, $next, $gate) = @_; return $i % 2 ? leave($i, $gate) : demote($i, $gate, $i); },
	'gone by SQL'           => sub { my ($i, $next, $gate) = @_; return by_sql($i, $gate, $i); },
	'handed over'           => sub { my ($i, $next, $gate) = @_; return endpoint($i, $gate, 'tenant_transfer(' . account($next) . ')'); },
	'deleted users'         => sub { my ($i, $next, $gate) = @_; return destroy($i, $gate, $i); },
	'all ways at once'      => sub { my ($i, $next, $gate) = @_; return (\&remove, \&destroy, \&by_sql_in_order, \&demote)[ $i % 4 ]->($i, $gate, $next); },
	'SQL out of order'      => sub { my ($i, $next, $gate) = @_; return (\&remove, \&by_sql)[ $i % 2 ]->($i, $gate, $next); });

# Owners of the two tenants now.
sub owners
{
	return raw_query($_[0], q{SELECT count(*) FILTER (WHERE m.role = 'owner') FROM auth.tenants AS t LEFT JOIN auth.memberships AS m ON m.tenant_id = t.id
		GROUP BY t.id, t.name ORDER BY t.name});
}

my ($round, $attempts, $deadlocks, $again) = (0, 0, 0, 0);
for my $level (@levels)
{
	for my $way (sort keys %ways)
	{
		my (@wrong, @told);

		for my $n (sort { $a <=> $b } keys %rounds)
		{
			for (1 .. $rounds{$n})
			{
				# every second time they have looked before the others change anything
				my $gate = $round++ % 2 ? $Clients::GATE : '';
				my @todo = map { run_at($level, $ways{$way}->($_, ($_ + 1) % $n, $gate)) } 0 .. $n - 1;
				my $done = 0;
				my $seen;

				raw_query($clients->{gate}, "SELECT restore($n)") =~ /ERROR/ and die 'cannot begin anew';
				for (my $passes = 0; @todo && $passes < 3 * $n; $passes++)
				{
					my @outcomes = map { outcome($_) } race($clients, \@todo, sub { $seen = owners($_[0]); });

					# (who does not lock the tenant first meets those who do)
					$attempts += @todo if $way !~ /out of order/;
					$deadlocks += grep { $_ eq '40P01' } @outcomes if $way !~ /out of order/;
					$done += grep { $_ eq 'done' } @outcomes;
					push @wrong, "$n sessions, meanwhile: $seen" if grep { $_ < 1 } split(/\n/, $seen);
					push @told, grep { !/^40/ } @outcomes;
					# (who has gone by now would not come to a gate within)
					@todo = map { s/\Q$Clients::GATE\E//r } @todo[ grep { $outcomes[$_] =~ /^40/ } 0 .. $#todo ];
					$again += @todo;
				}
				my ($here, $there) = split(/\n/, owners($clients->{gate}));
				push @wrong, "$n sessions: $here and $there owners, $done done, " . @todo . ' failed each time'
				  if $here < 1 || $there < 1 || $here < $n - $done || @todo;
				# (who hands over to one who has stepped down makes him an owner again)
				push @wrong, "$n sessions: $here owners, $done done" if $way !~ /handed/ && $here != $n - $done;
				# where each goes himself, all but one can
				push @wrong, "$n sessions: $here stayed" if $way =~ /leaving|gone|deleted/ && $here != 1;
				my $gaps = raw_query($clients->{gate}, q{SELECT string_agg(DISTINCT problem, ', ') FROM auth.membership_history_gaps()}
					. ($way =~ /SQL|all ways/ ? q{ WHERE problem = 'periods overlap'} : ''));
				push @wrong, "$n sessions, history: $gaps" if $gaps ne '';
			}
		}
		is(join('; ', @wrong), '', "$level, $way: an owner stays, and who is done took away one");
		my %told = map { $_ => 1 } @told;
		is(join(' ', grep { !/^(done|nobody|last_owner|insufficient_permissions|member_not_found|tenant_not_found|23001|28000|P0002)$/ } sort keys %told), '',
			"$level, $way: told so, or why not (" . outcomes(@told) . ')');
	}
}
cmp_ok($round, '>=', 200, "$round rounds");
cmp_ok($deadlocks * 100, '<', $attempts, "$deadlocks deadlocks in $attempts transactions ($again tried again)");

is($node->safe_psql('postgres', q{SELECT count(*) > 1000 FROM auth.membership_history WHERE until_event <> 'membership_history_sync'}), 't', 'and the history has many changes');

$node->stop;
done_testing();
