# test/t/Server.pm: every cluster of these tests is made here, with an encoding and a
# locale of its own: by itself initdb takes those of the user who runs it, and on a
# machine without LANG that is SQL_ASCII. Also ways to end a server and to wait.

package Server;

use strict;
use warnings;

use Exporter 'import';
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Time::HiRes qw(sleep);

our @EXPORT = qw(new_cluster crash children stopped_within wait_for);

# A cluster that does not run yet. The parameters are those of new and of init.
sub new_cluster
{
	my ($name, %params) = @_;
	my %new = map { exists $params{$_} ? ($_ => delete $params{$_}) : () } qw(install_path own_host port);
	my $node = PostgreSQL::Test::Cluster->new($name, %new);

	$node->init(%params, extra => [ '-E', 'UTF8', '--locale=C.UTF-8', @{ $params{extra} // [] } ]);
	return $node;
}

# The processes that a process has started, from /proc.
sub children
{
	my ($parent) = @_;
	my @children;

	for my $file (glob('/proc/[0-9]*/stat'))
	{
		# it may have ended since
		open(my $stat, '<', $file) or next;
		my $line = readline($stat) // next;
		# the name in parentheses may have any character
		my ($pid, $ppid) = $line =~ /^(\d+) \(.*\) \S (\d+) /s or next;
		push @children, $pid if $ppid == $parent;
	}
	return @children;
}

# Kill the server with everything that it has not written, as far as processes go like
# a power cut, and start it again.
sub crash
{
	my ($node) = @_;
	# first it must not start others
	kill('STOP', $node->{_pid}) or die "cannot stop process $node->{_pid}: $!";
	my @processes = (children($node->{_pid}), $node->{_pid});

	die 'the server has no processes' if @processes < 2;
	$node->kill9;
	kill('KILL', @processes);
	# until the last is gone they hold the shared memory, or the name of the server
	wait_for('the processes of the server end', sub { !kill(0, @processes) });
	$node->start;
	return;
}

# Stop a backend that a query names as long as it is at something, and is still then;
# returns its number, for SIGCONT.
sub stopped_within
{
	my ($node, $query) = @_;

	return wait_for("a backend of $query", sub {
		my $pid = $node->safe_psql('postgres', $query) or return 0;
		kill('STOP', $pid) or return 0;
		# it may have ended before it was stopped
		return $pid if $node->safe_psql('postgres', $query) eq $pid;
		kill('CONT', $pid);
		return 0;
	});
}

# Wait until a sub returns true, which it returns. However slow the machine is, it
# comes; the bound is for what never does.
sub wait_for
{
	my ($what, $sub) = @_;

	for (1 .. 10 * $PostgreSQL::Test::Utils::timeout_default)
	{
		my $is = $sub->();
		return $is if $is;
		sleep(0.1);
	}
	die "waited in vain: $what";
}

1;
