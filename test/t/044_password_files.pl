# The list of common passwords and the filter of leaked ones, as files: replaced,
# cut, damaged, missing, unreadable, too large, no files at all. psql cannot show it:
# they change under a session that stays open. And the program that builds the filter.

use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use KeyRing;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);

my $node = new_server('passwords',
	"log_statement = 'all'",
	'log_min_duration_statement = 0',
	"log_error_verbosity = 'verbose'",
	'log_min_messages = debug1',
	"session_preload_libraries = 'intrex_auth'");
my $dir = PostgreSQL::Test::Utils::tempdir();
my $list = "$dir/list.txt";
my $filter = "$dir/leaked.filter";
my $program = $node->config_data('--bindir') . '/intrex_auth_leaked_filter';

my $open = $node->background_psql('postgres', on_error_stop => 0);
$open->query('\set VERBOSITY verbose');

# what the open session says of a password: reasons, "ok", or the error
sub judge
{
	my ($password) = @_;
	$open->{stderr} = '';
	my $answer = $open->query("SELECT coalesce(array_to_string((auth._password_problem('$password')).reasons, ' '), 'ok')");
	return $answer ne '' ? $answer : $open->{stderr};
}

# a file is put in place as a whole, so that it is another version
sub put
{
	my ($path, $text) = @_;
	open(my $file, '>:raw', "$path.new") or die "$path: $!";
	print $file $text;
	close($file);
	rename("$path.new", $path) or die "$path: $!";
	sleep(1);
	select(undef, undef, undef, 0.2);
}

# run the program; its exit code, output and errors
sub program
{
	my ($input, @arguments) = @_;
	my ($out, $err);
	IPC::Run::run([ $program, @arguments ], '<', \$input, '>', \$out, '2>', \$err, IPC::Run::timeout($PostgreSQL::Test::Utils::timeout_default));
	return ($? >> 8, $out, $err);
}

# ---- the list ------------------------------------------------------------------

is(judge('Password1'), 'common', 'the list that is installed');
is(judge('canary horse battery'), 'ok', 'has no rare ones');

put($list, "first canary\n");
$open->query("SET intrex_auth.password_blocklist_file = '$list'");
is(judge('First Canary'), 'common', 'another list, at once');
is(judge('Password1'), 'ok', 'instead of the former one');
put($list, "second canary\n");
is(judge('first canary') . ' ' . judge('second canary'), 'ok common', 'a replaced list is noticed within a second');
my $large_line = 'x' x 5000;
put($list, "#! a comment\r\n#!second canary\r\n\r\n# no comment\r\nCRLF canary\r\n\xFF\xFE latin\nnul\0canary\n$large_line\nM\xC3\x9CLLER-canary\ncafe\xCC\x81 canary\nlast without end");
is(judge($_), 'common', "a line of a strange list: $_") for ('# no comment', 'crlf canary', "m\xC3\xBCller-canary", "caf\xC3\xA9 canary", 'last without end');
is(judge($_), 'ok', "no line of it: $_") for ('#! a comment', 'second canary', 'nul canary', 'canary horse battery');

# refused: with an error that tells the log where, and the client not
my @bad = (
	[ 'missing', sub { unlink($list) }, qr/58P01: +the list of common passwords cannot be read: No such file/ ],
	[ 'unreadable', sub { put($list, "third canary\n"); chmod(0, $list); }, qr/42501: +the list of common passwords cannot be read: Permission denied/ ],
	[ 'empty', sub { put($list, '') }, qr/F0000: +the list of common passwords cannot be used/ ],
	[ 'of comments', sub { put($list, "#! a\n#! b\n\n") }, qr/F0000/ ],
	[ 'of nothing that is UTF-8', sub { put($list, "\xFF\xFF\xFF\xFF\n" x 100) }, qr/F0000/ ],
	[ 'too large', sub { put($list, 'x' x (8 * 1024 * 1024 + 1)) }, qr/F0000/ ],
	[ 'a directory', sub { unlink($list); mkdir($list); }, qr/F0000/ ],
	[ 'a FIFO', sub { rmdir($list); system('mkfifo', $list); }, qr/F0000/ ],
	[ 'a link to itself', sub { unlink($list); symlink($list, $list); }, qr/58030: +the list of common passwords cannot be read/ ]);
for my $case (@bad)
{
	my ($what, $make, $expected) = @$case;
	$make->();
	sleep(1);
	select(undef, undef, undef, 0.2);
	my $error = judge('canary horse battery');
	like($error, $expected, "a list that is $what: no password is accepted");
	unlike($error, qr/\Q$dir\E|canary/, "$what: the client learns neither path nor password");
	like(judge('canary horse battery'), $expected, "$what: nor at the second try");
}
like(slurp($node->logfile), qr/The file "\Q$list\E" has more than 8 MB|The file is "\Q$list\E"/, 'the log says which file');
unlink($list);
put($list, join('', map { "number $_ of the list\n" } 1 .. 300_000));
is(judge('Number 299999 of the list') . ' ' . judge('number 300001 of the list'), 'common ok', '300000 lines');

# lines that take long to bring into form C: whoever waits can give up, and the former list stays
put($list, ("\xCC\x95\xCC\x80" x 255 . "\n") x 2500 . "slow canary\n");
$open->query(q(SET statement_timeout = '20ms'));
my $began = time();
like(judge('canary horse battery'), qr/57014/, 'a list that takes long to read can be cancelled');
my $cancelled = time() - $began;
$open->query('RESET statement_timeout');
$began = time();
is(judge('slow canary'), 'common', 'and is read by whoever waits');
cmp_ok($cancelled, '<', time() - $began, 'who was cancelled did not wait as long');
$open->query('RESET intrex_auth.password_blocklist_file');

# ---- the program ---------------------------------------------------------------

my ($code, $out, $err) = program("leaked canary\nanother canary\r\n\n" . ('x' x 5000) . "\nlast canary", 'build', '--plain', $filter);
is("$code $out$err", "0 3 lines, 3 entries\n", 'build --plain');
($code, $out, $err) = program("leaked canary\nother\nlast canary\n", 'lookup', $filter);
is("$code $out", "1 leaked\nnot found\nleaked\n", 'lookup');
($code, $out, $err) = program('', 'verify', $filter);
is("$code $out$err", "0 3 entries in 1 buckets\n", 'verify');
is(join(' ', map { s{.*/}{}r } glob("$dir/leaked.filter*")), 'leaked.filter', 'nothing else is left');
my $good = slurp($filter);

# SHA-1 of "password" and "letmein", in the form of ordered-by-hash lists
my $hashes = "5BAA61E4C9B93F3F0682250B6CF8331B7EE68FD8:10434004\r\nb7a875fc1ea228b9061041b7cec4bd3c52ab3ce3:12\r\n";
($code, $out, $err) = program($hashes, 'build', '--min-count', 13, "$dir/hashes.filter");
is("$code $out$err", "0 1 lines, 1 entries\n", 'build of hashes, with a least count');
($code, $out, $err) = program("password\nletmein\n", 'lookup', "$dir/hashes.filter");
is("$code $out", "1 leaked\nnot found\n", 'has what was seen often');
($code, $out, $err) = program($hashes, 'build', '--memory', 1, '--temp', $dir, "$dir/hashes.filter");
is("$code $out$err", "0 2 lines, 2 entries\n", 'build of hashes');
($code, $out, $err) = program("password\nletmein\nnothing\n", 'lookup', "$dir/hashes.filter");
is("$code $out", "1 leaked\nleaked\nnot found\n", 'has all');
for my $case (
	[ 'no hash', "hello\n" ], [ 'a digit short', substr($hashes, 1) ], [ 'no count', "${\ substr($hashes, 0, 40)}:\n" ],
	[ 'a count with letters', "${\ substr($hashes, 0, 40)}:1x\n" ], [ 'a count of 30 digits', substr($hashes, 0, 40) . ':' . '1' x 30 . "\n" ],
	[ 'half a list', $hashes . "5BAA61E4C9" ], [ 'nothing', '' ])
{
	my ($what, $input) = @$case;
	($code, $out, $err) = program($input, 'build', $filter);
	is("$code $out", '2 ', "error, $what: refused");
	like($err, qr/^intrex_auth_leaked_filter: (line \d+ is not HASH|standard input has no entry)/, "$what: said");
	is(slurp($filter), $good, "$what: the filter that is there stays");
}
is((program('', @$_))[0], 2, "error, usage: @$_") for ([], ['build'], [ 'build', '--what', 'x' ], [ 'build', '--memory', '-1', 'x' ], [ 'build', '--memory', '1x', 'x' ], [ 'build', '--plain', '--min-count', '2', 'x' ],
	[ 'verify', "$dir/none" ], [ 'verify', $dir ], [ 'lookup', $list ], [ 'what', 'x' ]);
is((program('', 'build', '--plain', "$dir/none/x"))[0], 2, 'error, a directory that is not there');

# ---- the filter ------------------------------------------------------------------

$open->query("SET intrex_auth.password_leaked_file = '$filter'");
is(judge('leaked canary') . ' ' . judge('Leaked canary') . ' ' . judge('canary horse battery'), 'pwned ok ok', 'a leaked password is refused, as it was written');
program("staple canary\n", 'build', '--plain', $filter);
is(judge('leaked canary') . ' ' . judge('staple canary'), 'ok pwned', 'a replaced filter is used at once');
program("password\nPassword1\n", 'build', '--plain', $filter);
is(judge('Password1'), 'common pwned', 'all reasons are given');
is($node->safe_psql('postgres', "SET intrex_auth.password_leaked_file = '$filter'; SELECT auth_api.register('x\@example.com', 'Password1') #>> '{error,reasons}'"), '["common", "pwned"]', 'by the endpoint too');

# cut at any length, while the session is open; the header; other things in its place
my $refused = 0;
for my $length (0 .. length($good) - 1)
{
	open(my $file, '>:raw', $filter) or die;
	print $file substr($good, 0, $length);
	close($file);
	$refused++ if judge('canary horse battery') =~ /F0000: +the filter of leaked passwords cannot be used/;
}
is($refused, length($good), 'cut at any length it is refused');
$refused = 0;
for my $at (0 .. 159)
{
	my $damaged = $good;
	substr($damaged, $at, 1) = chr(ord(substr($damaged, $at, 1)) ^ 0x41);
	open(my $file, '>:raw', $filter) or die;
	print $file $damaged;
	close($file);
	$refused++ if judge('canary horse battery') =~ /F0000: +the filter of leaked passwords cannot be used/;
}
is($refused, 160, 'with any byte of the header changed it is refused');
@bad = (
	[ 'missing', sub { unlink($filter) }, qr/58P01: +the filter of leaked passwords cannot be read: No such file/ ],
	[ 'unreadable', sub { put($filter, $good); chmod(0, $filter); }, qr/42501: +the filter of leaked passwords cannot be read/ ],
	[ 'a list', sub { put($filter, "leaked canary\n" x 100) }, qr/F0000/ ],
	[ 'a directory', sub { unlink($filter); mkdir($filter); }, qr/F0000/ ],
	[ 'a FIFO', sub { rmdir($filter); system('mkfifo', $filter); }, qr/F0000/ ],
	[ 'a link to itself', sub { unlink($filter); symlink($filter, $filter); }, qr/58030: +the filter of leaked passwords cannot be read/ ]);
for my $case (@bad)
{
	my ($what, $make, $expected) = @$case;
	$make->();
	my $error = judge('canary horse battery');
	like($error, $expected, "a filter that is $what: no password is accepted");
	unlike($error, qr/\Q$dir\E|canary/, "$what: the client learns neither path nor password");
}
unlink($filter);
put($filter, $good);
is(judge('leaked canary'), 'pwned', 'good again: used again');

# ---- memory: a hundred thousand refusals, and as many errors as files can make --------

sub resident
{
	my ($pid) = @_;
	my ($kilobytes) = slurp("/proc/$pid/status") =~ /^VmRSS:\s+(\d+)/m;
	return $kilobytes;
}

$node->safe_psql('postgres', q(
	CREATE FUNCTION fails(password text, times int) RETURNS bigint LANGUAGE plpgsql AS $$
	DECLARE
		failed bigint := 0;
	BEGIN
		FOR i IN 1 .. times LOOP
			BEGIN
				PERFORM auth._password_problem(password);
			EXCEPTION WHEN OTHERS THEN
				failed := failed + 1;
			END;
		END LOOP;
		RETURN failed;
	END
	$$;
	ALTER DATABASE postgres SET log_min_messages = fatal));
my $session = $node->background_psql('postgres');
my $pid = $session->query_safe("SET intrex_auth.password_leaked_file = '$filter'; SELECT pg_backend_pid()");
my $refusals = q(SELECT count((auth._password_problem(p || i % 7, 'anna.smith@example.com', 'Anna Smith', '+4930123456', 'Acme')).message)
	FROM generate_series(1, %d) AS i, unnest(ARRAY['password', 'anna.smith', 'x', E'contrasen\u0303a', repeat('x', 80)]) AS p);
$session->query_safe(sprintf($refusals, 400));
my $before = resident($pid);
cmp_ok($session->query_safe(sprintf($refusals, 20_000)), '>', 80_000, 'a hundred thousand calls, most of them refused');
cmp_ok(resident($pid) - $before, '<', 2048, 'take less than 2 MB') unless $ENV{SANITIZE};
for my $setting ("intrex_auth.password_leaked_file = '$dir/none'", "intrex_auth.password_leaked_file = '$list'", "intrex_auth.password_blocklist_file = '$dir/none'", "intrex_auth.password_blocklist_file = '$dir'")
{
	$session->query_safe("SET $setting");
	$session->query_safe("SELECT fails('canary horse battery', 1000)");
	$before = resident($pid);
	is($session->query_safe("SELECT fails('canary horse battery', 10000)"), 10000, 'ten thousand errors of files');
	cmp_ok(resident($pid) - $before, '<', 2048, 'take less than 2 MB') unless $ENV{SANITIZE};
	$session->query_safe('RESET ' . ($setting =~ s/ .*//r));
}
$session->query_safe("SET intrex_auth.password_blocklist_file = '$list'");
$session->query_safe("SELECT fails('canary horse battery', 1)");
$before = resident($pid);
for my $round (1 .. 6)
{
	$session->query_safe("SET intrex_auth.password_blocklist_file = '" . ($round % 2 ? '' : $list) . "'");
	$session->query_safe("SELECT fails('canary horse battery', 1)");
}
cmp_ok(resident($pid) - $before, '<', 8192, 'a list that is loaded again and again takes no more') unless $ENV{SANITIZE};
my $fds = () = glob("/proc/$pid/fd/*");
cmp_ok($fds, '<', 40, 'no file stays open');
$session->quit;
$open->quit;

unlike(slurp($node->logfile), qr/canary/i, 'no password is in the log');

$node->stop;
done_testing();
