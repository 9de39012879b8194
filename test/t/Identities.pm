# test/t/Identities.pm: a server with the tenants and users of
# test/include/identities.psql in database postgres, and ways to connect to it.

package Identities;

use strict;
use warnings;

use Exporter 'import';
use FindBin;
use lib $FindBin::RealBin;
use FindBin;
use IO::Socket::UNIX;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Server;
use Socket;

our @EXPORT = qw(new_server identities ask token startup_packet connect_raw raw_send raw_query raw_answer worker_setting);

# A running server; of its settings, and of the installation if it is another.
sub new_server
{
	my ($name, $conf, @params) = @_;
	my $node = new_cluster($name, @params);
	$node->append_conf('postgresql.conf', "intrex_auth.password_cost = 4\n$conf\n");
	$node->start;
	identities($node, 'postgres');
	return $node;
}

# The extension in a database, with identities; app is a role of the application.
sub identities
{
	my ($node, $database) = @_;
	my $tree = $ENV{INTREX_AUTH_TREE} || "$FindBin::RealBin/../..";

	$node->safe_psql($database, "CREATE EXTENSION intrex_auth;\n\\i $tree/test/include/identities.psql\n");
	$node->safe_psql($database, "ALTER DATABASE $database SET search_path = context_test, public");
	$node->safe_psql($database, q(
		DO $$ BEGIN
			IF to_regrole('app') IS NULL THEN CREATE ROLE app LOGIN; END IF;
		END $$;
		GRANT anon, authenticated TO app;
		GRANT USAGE ON SCHEMA context_test TO app));
}

# Run statements in a new session; returns standard output, and all that was said.
sub ask
{
	my ($node, $sql, %options) = @_;
	local $ENV{PGOPTIONS} = $options{pgoptions} // '';
	my ($code, $out, $err) = $node->psql($options{database} // 'postgres', $sql, on_error_stop => 0,
		extra_params => [ '-U', $options{user} // 'app' ]);
	return wantarray ? ($out, $err) : $out;
}

# A token of a user.
sub token
{
	my ($node, $who, $more, $database) = @_;
	$more //= '{}';
	return $node->safe_psql($database // 'postgres', "SELECT token('$who', '$more')");
}

# The name of the setting that forces parallel plans.
sub worker_setting
{
	my ($node) = @_;
	return $node->safe_psql('postgres', q(SHOW server_version_num)) >= 160000 ? 'debug_parallel_query' : 'force_parallel_mode';
}

# Connect with parameters in the startup packet and run queries, as a client that
# is not libpq does.  Returns what came of the connection and of each query.
sub startup_packet
{
	my ($node, $parameters, @queries) = @_;
	my ($client, @answers) = connect_raw($node->host, $node->port, $parameters);

	for my $query (@queries)
	{
		last if $answers[-1] =~ /^FATAL/;
		push @answers, raw_query($client, $query);
	}
	close($client);
	return @answers;
}

# A connection without libpq, and what the server said to it.
sub connect_raw
{
	my ($host, $port, $parameters) = @_;
	my $client = IO::Socket::UNIX->new(Type => SOCK_STREAM, Peer => "$host/.s.PGSQL.$port")
	  or die "cannot connect: $!";
	my %all = (user => 'app', database => 'postgres', %$parameters);
	my $body = pack('N', 196608) . join('', map { "$_\0$all{$_}\0" } sort keys %all) . "\0";

	print $client pack('N', length($body) + 4) . $body;
	$client->flush;
	return ($client, raw_answer($client));
}

# Send a query; its answer comes by raw_answer.
sub raw_send
{
	my ($client, $query) = @_;

	print $client 'Q' . pack('N', length($query) + 5) . "$query\0";
	$client->flush;
	return;
}

# Send a query and wait for its answer.
sub raw_query
{
	my ($client, $query) = @_;

	raw_send($client, $query);
	return raw_answer($client);
}

# Rows and messages up to ReadyForQuery, or to the end of the connection.
sub raw_answer
{
	my ($client) = @_;
	my $answer = '';

	while (1)
	{
		my $head = read_bytes($client, 5) // return $answer;
		my ($type, $length) = unpack('a1 N', $head);
		my $body = read_bytes($client, $length - 4) // return $answer;

		if ($type eq 'D')
		{
			$answer .= join('|', unpack('n', $body) ? unpack('x2 (N/a)*', $body) : ()) . "\n";
		}
		elsif ($type eq 'E' || $type eq 'N')
		{
			my %field = map { (substr($_, 0, 1) => substr($_, 1)) } grep { $_ ne '' } split(/\0/, $body);
			$answer .= join(' ', map { $field{$_} // () } qw(V C M D H W)) . "\n";
		}
		last if $type eq 'Z';
	}
	chomp $answer;
	return $answer;
}

sub read_bytes
{
	my ($client, $wanted) = @_;
	my $bytes = '';

	while (length($bytes) < $wanted)
	{
		my $got = read($client, $bytes, $wanted - length($bytes), length($bytes));
		return undef unless $got;
	}
	return $bytes;
}

1;
