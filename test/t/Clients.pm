# test/t/Clients.pm: many connections held open by one process, whose transactions
# begin at the same moment, for tests of races that take hundreds of rounds.

package Clients;

use strict;
use warnings;

use Exporter 'import';
use FindBin;
use lib $FindBin::RealBin;
use Identities qw(connect_raw raw_send raw_query raw_answer);
use PostgreSQL::Test::Utils;

our @EXPORT = qw(clients race run_at outcome outcomes);

# What a transaction writes where it waits for the others; without it they wait before it begins.
our $GATE = 'SELECT FROM pg_advisory_xact_lock_shared(4711);';

# So many connections, and one that holds the gate.
sub clients
{
	my ($node, $count) = @_;
	my %startup = (user => $node->safe_psql('postgres', 'SELECT current_user'), database => 'postgres', client_min_messages => 'error');
	my @connections = map { [ connect_raw($node->host, $node->port, \%startup) ] } 0 .. $count;

	for my $connection (@connections)
	{
		die "cannot connect: $connection->[1]" if $connection->[1] =~ /^FATAL/m;
	}
	my ($gate, @each) = map { $_->[0] } @connections;
	return { gate => $gate, each => \@each };
}

# Let the first clients run these transactions at once; returns what each was told.
# The sub, if any, is called while they run.
sub race
{
	my ($clients, $transactions, $meanwhile) = @_;
	my ($gate, @running) = ($clients->{gate}, @{ $clients->{each} }[ 0 .. $#$transactions ]);
	my @answers;

	raw_query($gate, 'SELECT FROM pg_advisory_lock(4711)');
	for my $i (0 .. $#running)
	{
		# waits in a statement of its own, so that the transaction takes its snapshot later
		raw_send($running[$i], $transactions->[$i] =~ /\Q$GATE\E/ ? 'SELECT' : $GATE);
		raw_send($running[$i], $transactions->[$i]);
		# after an error the server has skipped the end of it
		raw_send($running[$i], 'ROLLBACK');
	}
	my $until = time() + $PostgreSQL::Test::Utils::timeout_default;
	while (raw_query($gate, "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objid = 4711 AND NOT granted") < @running)
	{
		next if time() < $until;
		raw_query($gate, 'SELECT FROM pg_advisory_unlock(4711)');
		die 'the clients did not come: ' . join("\n", map { my $client = $_; map { raw_answer($client) } 1 .. 3 } @running);
	}
	raw_query($gate, 'SELECT FROM pg_advisory_unlock(4711)');
	$meanwhile->($gate) if $meanwhile;
	for my $client (@running)
	{
		raw_answer($client);
		push @answers, raw_answer($client);
		raw_answer($client);
	}
	return @answers;
}

# A transaction at an isolation level.
sub run_at
{
	my ($level, $statements) = @_;
	return "BEGIN ISOLATION LEVEL $level; $statements COMMIT";
}

# The SQLSTATE of an error, else the last line of an answer.
sub outcome
{
	my ($answer) = @_;
	return $1 if $answer =~ /^(?:ERROR|FATAL) (\S+)/m;
	return (grep { $_ ne '' } split(/\n/, $answer))[-1] // '';
}

# Outcomes with numbers: "done: 1, used: 31".
sub outcomes
{
	my %count;
	$count{$_}++ for @_;
	return join(', ', map { "$_: $count{$_}" } sort keys %count);
}

1;
