# 32 clients present tokens of one family at the same moment, the newest and its ancestors, at every
# isolation level and in savepoints: all are given the token at the end of the line, nobody is signed
# out, the line has no branch, and nothing fails with 40001 below SERIALIZABLE.

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

use constant { CLIENTS => 32, ROUNDS => 8 };

# grace and recovery that a slow machine does not exceed
my $node = guess_server('tabs', 'intrex_auth.refresh_reuse_grace = 3600');
my $user = $node->safe_psql('postgres', q{SELECT auth.user_create('tab@example.com')});

# A session that was refreshed so many times: the line of its tokens.
sub line
{
	my ($open, $length) = @_;
	my @line = raw_query($open->{gate}, "SELECT refresh_token FROM auth._session_begin('$user', NULL, 'test')");
	push @line, raw_query($open->{gate}, "SELECT auth_api.refresh('$line[-1]') ->> 'refresh_token'") for 1 .. $length;
	return @line;
}

my $open = clients($node, CLIENTS);
for my $level ('READ COMMITTED', 'REPEATABLE READ', 'SERIALIZABLE')
{
	my (@told, @wrong);

	for my $round (1 .. ROUNDS)
	{
		my @line = line($open, $round % 4);
		my $hash = "auth._opaque_hash('$line[0]')";
		# every second time all have a snapshot from before any of them
		my $gate = $round % 2 ? $Clients::GATE : '';
		my @transactions = map {
			my $token = $line[ $_ % @line ];
			my $refresh = "SELECT coalesce(g ->> 'refresh_token', g #>> '{error,code}') FROM auth_api.refresh('$token') AS g;";
			# one in four takes a use back before its own
			my $undone = $_ % 4 ? '' : "SAVEPOINT s; $refresh ROLLBACK TO s;";
			run_at($level, "SELECT count(*) FROM auth.refresh_tokens; $gate $undone $refresh")
		} 1 .. CLIENTS;
		my @outcomes = map { outcome($_) } race($open, \@transactions);
		my %given = map { $_ => 1 } grep { $_ ne '40001' } @outcomes;
		# those who came before the newest was used were given that one
		delete $given{ $line[-1] };
		my $is = raw_query($open->{gate}, qq{
			SELECT concat_ws(' ', count(*), coalesce(s.revoked_reason, 'alive')) FROM auth.refresh_tokens AS r JOIN auth.sessions AS s ON s.id = r.session_id
			WHERE s.id = (auth._refresh_row($hash)).session_id GROUP BY s.revoked_reason});

		push @told, map { /^[\w-]{43}$/ ? 'a token' : $_ } @outcomes;
		push @wrong, "round $round: " . outcomes(@outcomes) if keys %given > 1;
		push @wrong, "round $round: $is" if $is !~ /^@{[ @line + keys %given ]} alive$/;
		# and the newest goes on, of all
		my ($newest) = (keys %given, $line[-1]);
		my $next = raw_query($open->{gate}, "SELECT auth_api.refresh('$newest') ->> 'refresh_token'");
		push @wrong, "round $round: $next" if $next !~ /^[\w-]{43}$/;
	}
	is(join('; ', @wrong), '', "$level: one line, alive, with at most one token more, for all");
	like(outcomes(@told), $level eq 'SERIALIZABLE' ? qr/^(40001: \d+, )?a token: \d+$/ : qr/^a token: @{[ CLIENTS * ROUNDS ]}$/,
		"$level: each is given a token (" . outcomes(@told) . ')');
}

# Long after its own rotation it is a theft, of all at once: refused, and the revocation stays.
my @line = line($open, 3);
raw_query($open->{gate}, q{UPDATE auth.refresh_tokens SET created_at = created_at - interval '2 hours'});
my @outcomes = map { outcome($_) } race($open, [ map { run_at('READ COMMITTED',
	"SELECT coalesce(g ->> 'refresh_token', g #>> '{error,code}') FROM auth_api.refresh('$line[0]') AS g;") } 1 .. CLIENTS ]);
like(outcomes(@outcomes), qr/^refresh_token_already_used: \d+(, session_revoked: \d+)?$/, 'late: ' . outcomes(@outcomes));
is(raw_query($open->{gate}, "SELECT auth_api.refresh('$line[-1]') #>> '{error,code}'"), 'session_revoked', 'and the family is dead');

$node->stop;
done_testing();
