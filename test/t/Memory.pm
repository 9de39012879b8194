# test/t/Memory.pm: what is in the memory of a server process, and a connection
# that sends parameters as a driver does.

package Memory;

use strict;
use warnings;
no warnings 'portable';    # 64-bit addresses

use Exporter 'import';
use FindBin;
use lib $FindBin::RealBin;
use Identities qw(connect_raw raw_answer);

our @EXPORT = qw(memory_of places occurrences neighborhood bind_query);

use constant CHUNK => 16 * 1024 * 1024;

# The readable memory of a process: a list of [ name, start, text ].  The text of
# programs is left out, and so are pages that were never touched (the kernel says
# so in pagemap, and reading them would make them).
sub memory_of
{
	my ($pid) = @_;
	my @regions;

	open(my $maps, '<', "/proc/$pid/maps") or die "maps: $!";
	open(my $mem, '<:raw', "/proc/$pid/mem") or die "mem: $!";
	while (my $line = <$maps>)
	{
		my ($start, $end, $mode, $name) = $line =~ /^([0-9a-f]+)-([0-9a-f]+) (\S+) \S+ \S+ \S+ *(.*)$/ or die "maps: $line";
		next if $mode !~ /^r/ || $mode =~ /x/ || $name =~ /^\[(vvar|vdso|vsyscall)/;
		next if $mode !~ /w/ && $name =~ m{^/};
		($start, $end) = (hex $start, hex $end);
		sysseek($mem, $start, 0) or die "seek: $!";
		my $text = '';
		while (length($text) < $end - $start)
		{
			my $wanted = $end - $start - length($text);
			my $got = sysread($mem, $text, $wanted > CHUNK ? CHUNK : $wanted, length($text));
			last unless $got;
		}
		push @regions, [ $name || '[anonymous]', $start, $text ];
	}
	return \@regions;
}

# Where a value is: a list of [ region, offset ].
sub places
{
	my ($regions, $value) = @_;
	my @places;

	for my $region (@$regions)
	{
		my $at = -1;
		push @places, [ $region, $at ] while ($at = index($region->[2], $value, $at + 1)) >= 0;
	}
	return @places;
}

sub occurrences
{
	my ($regions, $value) = @_;
	return scalar(my @places = places($regions, $value));
}

# What surrounds a place, printable.
sub neighborhood
{
	my ($place, $before, $length) = @_;
	my ($region, $at) = @$place;
	my $from = $at > $before ? $at - $before : 0;
	my $text = substr($region->[2], $from, $length);

	$text =~ s/([^ -~])/sprintf('<%02x>', ord $1)/ge;
	return sprintf('%s+%x: %s', $region->[0], $at, $text);
}

# Send a statement with parameters (texts), by the extended protocol; returns the answer.
sub bind_query
{
	my ($client, $statement, @parameters) = @_;
	my $message = sub { my ($type, $body) = @_; return $type . pack('N', length($body) + 4) . $body; };

	print $client
	  $message->('P', "\0$statement\0" . pack('n', 0)),
	  $message->('B', "\0\0" . pack('n n', 0, scalar @parameters) . join('', map { defined $_ ? pack('N/a*', $_) : pack('N', 0xFFFFFFFF) } @parameters) . pack('n', 0)),
	  $message->('E', "\0" . pack('N', 0)),
	  $message->('S', '');
	$client->flush;
	return raw_answer($client);
}

1;
