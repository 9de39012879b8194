# 32 clients at the same moment: one invitation makes one member, and no more of them
# are pending than may, at every isolation level.  And changes of members bite on the
# next transaction of a backend that remembers them otherwise.

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

my $clients = 32;
my $node = guess_server('invites');
my @levels = ('READ COMMITTED', 'REPEATABLE READ', 'SERIALIZABLE');

$node->safe_psql('postgres', q{
	CREATE TABLE outcomes (code text);
	CREATE TABLE tokens (client integer, user_id uuid, token text);
	-- somebody with a session, and the access token of it
	CREATE FUNCTION join_in(client integer, tenant uuid, role text) RETURNS uuid LANGUAGE plpgsql AS $$
	DECLARE
		account uuid := auth.user_create(format('client%s-%s@example.com', client, gen_random_uuid()));
		session uuid;
	BEGIN
		IF tenant IS NOT NULL THEN
			PERFORM auth.member_add(tenant, account, role);
		END IF;
		INSERT INTO auth.sessions (user_id, tenant_id) VALUES (account, tenant) RETURNING id INTO session;
		INSERT INTO tokens VALUES (client, account, auth.jwt_sign(jsonb_strip_nulls(jsonb_build_object('sub', account, 'session_id', session,
			'tenant_id', tenant, 'role', 'authenticated'))));
		RETURN account;
	END
	$$;
});

# What the clients were told, with numbers, and forget it.
sub noted
{
	return $node->safe_psql('postgres', q{
		SELECT string_agg(format('%s: %s', code, n), ', ' ORDER BY code) FROM (SELECT code, count(*) AS n FROM outcomes GROUP BY code) AS o;
		TRUNCATE outcomes, tokens});
}

# One client does this as himself and notes what he is told.
sub script
{
	my ($level, $client, $call) = @_;
	return qq(BEGIN ISOLATION LEVEL $level;
SELECT auth.authenticate((SELECT token FROM tokens WHERE client = $client));
INSERT INTO outcomes SELECT coalesce(a #>> '{error,code}', 'done') FROM (SELECT auth_api.$call) AS c (a);
COMMIT;
);
}

# twenty invitations at each level, each accepted by all clients at once
my $open = clients($node, $clients);
{
	my $tenant = $node->safe_psql('postgres', q{SELECT auth.tenant_create('t')});
	$node->safe_psql('postgres', qq{SELECT join_in(-1, '$tenant', 'owner'); SELECT join_in(0, NULL, NULL)});
	my ($invited, $email) = split(/\|/, $node->safe_psql('postgres', 'SELECT u.id, u.email FROM auth.users AS u JOIN tokens AS t ON t.user_id = u.id AND t.client = 0'));
	my %token = map { $_ => $node->safe_psql('postgres', "SELECT token FROM tokens WHERE client = $_") } -1, 0;

	for my $level (@levels)
	{
		my $rounds = 20;
		my (@told, @wrong, @full);

		for my $round (1 .. $rounds)
		{
			# every second time all have a snapshot from before it was accepted
			my $gate = $round % 2 ? $Clients::GATE : '';
			my ($id, $token) = split(/\|/, (split(/\n/, raw_query($open->{gate}, run_at('READ COMMITTED', "SELECT FROM auth.authenticate('$token{-1}');
				SELECT i ->> 'id', i ->> 'token' FROM auth_api.invite('$email', 'editor') AS i;"))))[-1]);
			my @outcomes = map { outcome($_) } race($open, [ map { run_at($level, "SELECT FROM auth.authenticate('$token{0}');
				SELECT count(*) FROM auth.invitation_answers; $gate
				SELECT coalesce(a #>> '{error,code}', 'done') FROM (SELECT auth_api.invite_accept('$token')) AS c (a);") } 1 .. $clients ]);

			push @told, @outcomes;
			push @wrong, "round $round: " . outcomes(@outcomes) if 1 != grep { $_ eq 'done' } @outcomes;
			my $is = raw_query($open->{gate}, "SELECT (SELECT string_agg(role, ' ' ORDER BY role) FROM auth.memberships WHERE tenant_id = '$tenant'), (SELECT answer FROM auth.invitation_answers WHERE invitation_id = '$id')");
			push @wrong, "round $round: $is" if $is ne 'editor owner|accepted';
			raw_query($open->{gate}, "SELECT auth.member_remove('$tenant', '$invited')");
		}
		is(join('; ', @wrong), '', "$level, $rounds rounds: exactly one of $clients is told that he is a member, and he is, each time");

		# all invite somebody else at once: as many as may get in
		for my $round (1 .. 5)
		{
			my $gate = $round % 2 ? $Clients::GATE : '';
			my @outcomes = map { outcome($_) } race($open, [ map { run_at($level, "SELECT FROM auth.authenticate('$token{-1}'); SET LOCAL intrex_auth.max_pending_invitations = 5;
				SELECT count(*) FROM auth.invitations; $gate
				SELECT coalesce(a #>> '{error,code}', 'done') FROM (SELECT auth_api.invite('guest$_\@example.com', 'editor')) AS c (a);") } 1 .. $clients ]);
			my $full = outcomes(grep { $_ ne '40001' } @outcomes);

			push @full, "round $round: $full" if $level eq 'SERIALIZABLE' ? $full !~ /^done: [1-5](, too_many_invitations: \d+)?$/ : $full ne 'done: 5, too_many_invitations: ' . ($clients - 5);
			raw_query($open->{gate}, q{DELETE FROM auth.invitations WHERE email LIKE 'guest%'});
		}
		is(join('; ', @full), '', "$level: of five places for $clients invitations five are taken");
		like(outcomes(@told), $level eq 'SERIALIZABLE' ? qr/^(40001: \d+, )?done: $rounds(, invitation_used: \d+)?$/
			: qr/^done: $rounds, invitation_used: @{[ $rounds * ($clients - 1) ]}$/, "$level, $rounds rounds: the others that it was used (" . outcomes(@told) . ')');
	}
	$node->safe_psql('postgres', 'TRUNCATE tokens');
}

# accepting and revoking at once: one of both
for my $level (@levels[0, 1])
{
	my $tenant = $node->safe_psql('postgres', q{SELECT auth.tenant_create('t')});
	$node->safe_psql('postgres', qq{SELECT join_in(1, '$tenant', 'owner'); SELECT join_in(0, NULL, NULL)});
	my ($id, $token) = split(/\|/, $node->safe_psql('postgres', q{
		BEGIN;
		SELECT auth.authenticate((SELECT token FROM tokens WHERE client = 1)) \g /dev/null
		SELECT i ->> 'id', i ->> 'token' FROM auth_api.invite((SELECT email FROM auth.users WHERE id = (SELECT user_id FROM tokens WHERE client = 0)), 'editor') AS i;
		COMMIT}));
	together($node, $clients, "\\set me :client_id % 2\n\\if :me\n" . script($level, 1, "invite_revoke('$id')") . "\\else\n" . script($level, 0, "invite_accept('$token')") . "\\endif\n");
	my $answer = $node->safe_psql('postgres', qq{SELECT answer FROM auth.invitation_answers WHERE invitation_id = '$id'});
	like($answer, qr/^(accepted|revoked)$/, "$level: $answer");
	is($node->safe_psql('postgres', qq{SELECT count(*) FROM auth.memberships WHERE tenant_id = '$tenant'}), $answer eq 'accepted' ? 2 : 1, "$level: and so it is");
	like(noted(), qr/^done: 1, invitation_/, "$level: one was done");
}

# A backend that remembers a member and his rights, and what others change of it
$node->safe_psql('postgres', q{SELECT count(*) FROM auth.use_preset('unipulse')});
my $tenant = $node->safe_psql('postgres', q{SELECT auth.tenant_create('t')});
$node->safe_psql('postgres', "SELECT join_in(1, '$tenant', 'OWNER'); SELECT join_in(2, '$tenant', 'ADMIN'); SELECT join_in(3, '$tenant', 'VIEWER')");
my $session = $node->background_psql('postgres', on_error_stop => 0);
sub asked
{
	return $session->query(q{
		BEGIN;
		SELECT auth.authenticate((SELECT token FROM tokens WHERE client = 2)) \g /dev/null
		SELECT coalesce(auth_api.members() #>> '{error,code}', 'members') || ' ' || coalesce(auth_api.member_role((SELECT user_id FROM tokens WHERE client = 3), 'EDITOR') #>> '{error,code}', 'done');
		ROLLBACK;});
}
my $admin = '(SELECT user_id FROM tokens WHERE client = 2)';
is(asked(), 'members done', 'an admin');
$node->safe_psql('postgres', "SELECT auth.member_update('$tenant', $admin, 'VIEWER')");
is(asked(), 'insufficient_permissions insufficient_permissions', 'demoted meanwhile');
$node->safe_psql('postgres', "SELECT auth.member_update('$tenant', $admin, 'ADMIN')");
is(asked(), 'members done', 'and back');
$node->safe_psql('postgres', q{UPDATE auth.roles SET rank = 45 WHERE name = 'EDITOR'});
is(asked(), 'members insufficient_permissions', 'the role to give ranks higher meanwhile');
$node->safe_psql('postgres', q{UPDATE auth.roles SET rank = 30 WHERE name = 'EDITOR'; UPDATE auth.roles SET grants = '{CLIENT}' WHERE name = 'ADMIN'});
is(asked(), 'members insufficient_permissions', 'he may give others only');
$node->safe_psql('postgres', q{UPDATE auth.roles SET grants = NULL WHERE name = 'ADMIN'; SELECT auth.members_resource_set(NULL)});
is(asked(), 'insufficient_permissions insufficient_permissions', 'owners alone manage');
$node->safe_psql('postgres', q{SELECT auth.members_resource_set('members')});
is(asked(), 'members done', 'and back');
$session->quit;

# deferred checks fire for a role that may nothing, at its COMMIT
my ($code, $out, $err) = $node->psql('postgres', q{
	BEGIN;
	SELECT auth.authenticate((SELECT token FROM tokens WHERE client = 1)) \g /dev/null
	SET LOCAL ROLE authenticated;
	SELECT auth_api.tenant_transfer((SELECT m.user_id FROM tokens AS m WHERE client = 2)) ->> 'role';
	COMMIT;});
like($err, qr/permission denied for table tokens/, 'a role of the API reads no table of the test');
my $heir = $node->safe_psql('postgres', "SELECT $admin");
is($node->safe_psql('postgres', qq{
	BEGIN;
	SELECT auth.authenticate((SELECT token FROM tokens WHERE client = 1)) \\g /dev/null
	SET LOCAL ROLE authenticated;
	SELECT auth_api.tenant_transfer('$heir') ->> 'role';
	COMMIT;
	SELECT role FROM auth.memberships WHERE user_id = '$heir'}), "ADMIN\nOWNER", 'handed over as that role');

is($node->safe_psql('postgres', q{SELECT count(*) FROM auth.membership_history_gaps()}), 0, 'the history has every change of a member');
is($node->safe_psql('postgres', q{SELECT string_agg(DISTINCT until_event, ' ' ORDER BY until_event) FROM auth.membership_history WHERE until_event IS NOT NULL}),
	'member_remove member_update preset_used tenant_transfer', 'by the function that made it');

$node->stop;
done_testing();
