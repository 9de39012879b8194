# After a call that took a secret, and a SELECT 1, the memory of the backend holds
# no copy of it that we made; keys are where the key ring keeps them and nowhere
# else.
#
# PostgreSQL does not wipe what it was sent: the buffer that it received into, the
# message, and the values of parameters stay until something overwrites them.
# These are told apart by what stands before them, and counted against what a
# PL/pgSQL function leaves that does nothing at all with the same arguments.

use strict;
use warnings;

use Digest::SHA qw(hmac_sha256);
use FindBin;
use lib $FindBin::RealBin;
use Identities qw(connect_raw raw_query);
use JSON::PP;
use KeyRing qw(slurp key_file);
use MIME::Base64 qw(encode_base64 decode_base64url);
use Memory;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Server;
use Test::More;

plan skip_all => 'needs /proc' unless -r '/proc/self/mem';
plan skip_all => 'tools keep copies of their own' if $ENV{SANITIZE} || $ENV{VALGRIND};

my $node = new_cluster('memory_scan');
$node->append_conf('postgresql.conf', $_) for ('log_statement = none', 'intrex_auth.password_cost = 4', 'intrex_auth.login_limit_address = 1000000', 'shared_buffers = 8MB');
$node->start;
{
	# the kernel may keep processes from reading one another
	my ($postmaster) = slurp($node->data_dir . '/postmaster.pid') =~ /^(\d+)/;
	if (!open(my $memory, '<', "/proc/$postmaster/mem"))
	{
		$node->stop;
		plan skip_all => "may not read the memory of the server: $!";
	}
}
$node->safe_psql('postgres', q(
	CREATE EXTENSION intrex_auth;
	CREATE FUNCTION do_nothing(a text, b text) RETURNS int LANGUAGE plpgsql AS $$ BEGIN RETURN 1; END $$));

# A new backend, warm: every function has run once, with values of another user.
my $number = 0;

sub backend
{
	my ($statement, @parameters) = @_;
	my ($client) = connect_raw($node->host, $node->port, { user => 'postgres' });
	my $pid = raw_query($client, 'SELECT pg_backend_pid()');

	bind_query($client, $statement, @parameters);
	return ($client, $pid);
}

# Where a secret is, by what it is part of.
sub kinds
{
	my ($pid, $secret) = @_;
	my $regions = memory_of($pid);
	my %kinds = (message => 0, datum => 0, other => 0);

	for my $place (places($regions, $secret))
	{
		my ($region, $at) = @$place;
		my $before = $at >= 4 ? substr($region->[2], $at - 4, 4) : '';
		my $kind =
		    $before eq pack('N', length $secret) ? 'message'
		  : $before eq pack('V', (length($secret) + 4) << 2) ? 'datum'
		  : 'other';
		$kinds{$kind}++;
		diag("$kind: " . neighborhood($place, 48, 120)) if $kind eq 'other' && $ENV{MEMORY_SCAN_VERBOSE};
	}
	return \%kinds;
}

# The secret in other forms.
sub forms
{
	my ($secret) = @_;
	return (
		'in lower case' => lc $secret,
		'in UTF-16' => join('', map { "$_\0" } split(//, $secret)),
		'in UTF-32' => pack('V*', map { ord } split(//, $secret)),
		'in hexadecimal' => unpack('H*', $secret),
		'in base64' => substr(encode_base64($secret, ''), 0, 24));
}

sub secret
{
	return sprintf('Quetzal-%04x Marmalade %d', 0x7000 + ++$number * 37, $$);
}

# What the server keeps of two parameters by itself.
my $baseline;
{
	my $secret = secret();
	my ($client, $pid) = backend('SELECT do_nothing($1, $2)', 'other@example.com', 'another password');
	is(bind_query($client, 'SELECT do_nothing($1, $2)', 'anna@example.com', $secret), '1', 'a function that does nothing');
	raw_query($client, 'SELECT 1');
	$baseline = kinds($pid, $secret);
	note("the server keeps: $baseline->{message} in messages, $baseline->{datum} values");
	cmp_ok($baseline->{message}, '>=', 1, 'control: the buffer of the connection is found');
	cmp_ok($baseline->{datum}, '>=', 1, 'control: so is a value that was freed');
	is($baseline->{other}, 0, 'and nothing else');

	# the scan sees a literal, and a copy that is neither message nor value
	my $literal = secret();
	raw_query($client, "SELECT length('$literal')");
	cmp_ok(occurrences(memory_of($pid), $literal), '>=', 1, 'control: a literal is found');
	my $copied = secret();
	bind_query($client, q(SELECT set_config('my.setting', $1, false)), $copied);
	cmp_ok(kinds($pid, $copied)->{other}, '>=', 1, 'control: a copy as a C string is found');
	cmp_ok(occurrences(memory_of($pid), { forms($copied) }->{$_}), '==', 0, "control: none $_") for ('in UTF-16', 'in hexadecimal');
	bind_query($client, q(SELECT encode(convert_to($1, 'UTF8'), 'hex')), $copied);
	cmp_ok(occurrences(memory_of($pid), { forms($copied) }->{'in hexadecimal'}), '>=', 1, 'control: one in hexadecimal is found');
}

# A call leaves nothing but what the server keeps by itself, and of values at the most so many more.
sub leaves_nothing
{
	my ($what, $statement, $expected, $first, $other_first, $more) = @_;
	my $secret = secret();
	my ($client, $pid) = backend($statement, $other_first, 'another password, long enough');
	my $answer = bind_query($client, $statement, $first, $secret);

	like($answer, $expected, "$what: answered");
	raw_query($client, 'SELECT 1');
	my $kinds = kinds($pid, $secret);
	note("$what: $kinds->{message} in messages, $kinds->{datum} values, $kinds->{other} others");
	is($kinds->{other}, 0, "$what: no copy of ours");
	cmp_ok($kinds->{message}, '<=', $baseline->{message}, "$what: in messages no more than the server keeps");
	cmp_ok($kinds->{datum}, '<=', $baseline->{datum} + ($more // 0), "$what: values no more than the server makes");
	my $regions = memory_of($pid);
	my %forms = forms($secret);
	is(occurrences($regions, $forms{$_}), 0, "$what: nor $_") for sort keys %forms;
	return ($client, $pid, $secret);
}

my $user = $node->safe_psql('postgres', q(SELECT auth.user_create('anna@example.com', 'right password')));
my $tenant = $node->safe_psql('postgres', q(SELECT auth.tenant_create('North')));

leaves_nothing('a wrong login', 'SELECT auth_api.login($1, $2)', qr/invalid_credentials/, 'anna@example.com', 'other@example.com');
leaves_nothing('a login of nobody', 'SELECT auth_api.login($1, $2)', qr/invalid_credentials/, 'nobody@example.com', 'other@example.com');
leaves_nothing('a hash', 'SELECT do_nothing($1, auth.password_hash($2))', qr/^1$/, 'x', 'y');
leaves_nothing('a verification', q(SELECT do_nothing($1, auth.password_verify($2, '$2b$04$abcdefghijklmnopqrstuujydOTSfIH/d5oUHpsygqV5X9xJLQc6e')::text)), qr/^1$/, 'x', 'y');
leaves_nothing('sealing', 'SELECT do_nothing($1, auth.secret_encrypt($2, $1)::text)', qr/^1$/, 'x', 'y');
leaves_nothing('signing a webhook', q(SELECT do_nothing($1, auth.webhook_sign('x', $2::bytea))), qr/^1$/, 'x', 'y');
leaves_nothing('registering', 'SELECT auth_api.register($1, $2)', qr/access_token/, 'berta@example.com', 'carl@example.com', 1);
leaves_nothing('creating a user', 'SELECT auth.user_create($1, $2)', qr/-/, 'dora@example.com', 'emil@example.com', 1);
leaves_nothing('sealing for a person', "SELECT do_nothing(\$1, auth.personal_encrypt('$user', \$2, \$1)::text)", qr/^1$/, 'x', 'y');
leaves_nothing('storing a secret', "SELECT auth.secret_store('$tenant', \$1, \$2)", qr/^$/, 'smtp', 'imap', 1);

# Give Anna a password, in a backend of its own and as a parameter.
sub new_password
{
	my $secret = secret();
	my ($client) = backend('SELECT auth.user_set_password($1::uuid, $2)', '11111111-1111-4111-8111-111111111111', 'another password');

	is(bind_query($client, 'SELECT auth.user_set_password($1::uuid, $2)', $user, $secret), '', 'a new password');
	return $secret;
}

# the login of the right password
{
	my $secret = new_password();
	my ($client, $pid) = backend('SELECT auth_api.login($1, $2)', 'other@example.com', 'another password');
	like(bind_query($client, 'SELECT auth_api.login($1, $2)', 'anna@example.com', $secret), qr/access_token/, 'a login: answered');
	raw_query($client, 'SELECT 1');
	my $kinds = kinds($pid, $secret);
	note("a login: $kinds->{message} in messages, $kinds->{datum} values, $kinds->{other} others");
	is($kinds->{other}, 0, 'a login: no copy of ours');
	cmp_ok($kinds->{message}, '<=', $baseline->{message}, 'a login: in messages no more than the server keeps');
	cmp_ok($kinds->{datum}, '<=', $baseline->{datum}, 'a login: values no more than the server makes');
	my $regions = memory_of($pid);
	my %forms = forms($secret);
	is(occurrences($regions, $forms{$_}), 0, "a login: nor $_") for sort keys %forms;
}

# Keys.  Those of the ring are in memory while they are needed: each once in our
# own allocation, and where OpenSSL prepares it for use.
$node->safe_psql('postgres', "SELECT auth.key_rotate('$_')") for 'RS256', 'ES256', 'EdDSA';
my @keys = @{ decode_json(slurp(key_file($node)))->{keys} };

# HKDF-SHA256 (RFC 5869) of one block, with no salt.
sub derive
{
	my ($key, $purpose) = @_;
	return hmac_sha256("$purpose\x01", hmac_sha256($key, "\0" x 32));
}

sub check_keys
{
	my ($what, $pid) = @_;
	my $regions = memory_of($pid);

	for my $key (@keys)
	{
		my $text = $key->{k} // $key->{d};
		my $bytes = decode_base64url($text);
		my $name = "$what: the key of $key->{alg}, $key->{state},";
		my $copies = occurrences($regions, $bytes);
		my $reversed = occurrences($regions, scalar reverse $bytes);

		note("$name as it is $copies times, reversed $reversed times");
		is(occurrences($regions, $text), 0, "$name is not there as text");
		is(occurrences($regions, unpack('H*', $bytes)), 0, "$name nor in hexadecimal");
		if ($key->{alg} eq 'A256GCM')
		{
			# our bytes, and the first words of two prepared contexts (on processors with AES instructions)
			ok($copies >= 1 && $copies <= 3, "$name is there once, and in its two contexts");
			is($reversed, 0, "$name not reversed");
		}
		elsif ($key->{kty} eq 'RSA')
		{
			is($copies, 0, "$name is not there as it was read");
			for my $part ('d', 'p', 'q', 'dp', 'dq', 'qi')
			{
				my $part_bytes = decode_base64url($key->{$part});
				my $times = occurrences($regions, scalar reverse $part_bytes);
				note("$name its $part as a number of OpenSSL's $times times");
				is(occurrences($regions, $part_bytes), 0, "$name nor is its $part");
				cmp_ok($times, '<=', 2, "$name its $part is there as a number of OpenSSL's, and prepared");
			}
		}
		elsif ($key->{kty} eq 'EC')
		{
			# a number of OpenSSL, lowest word first
			is($copies, 0, "$name is not there as it was read");
			is($reversed, 1, "$name but once, as a number of OpenSSL's");
		}
		else
		{
			is($copies, 1, "$name is there once");
			is($reversed, 0, "$name not reversed");
		}
		is(occurrences($regions, derive($bytes, 'intrex_auth throttle v1')), 0, "$name leaves no derived key") if $key->{alg} eq 'HKDF-SHA256';
	}
	return;
}

is(scalar(@keys), 6, 'the ring has six keys');
{
	my ($client, $pid) = backend('SELECT auth_api.login($1, $2)', 'other@example.com', 'another password');
	my $secret = new_password();
	like(bind_query($client, 'SELECT auth_api.login($1, $2)', 'anna@example.com', $secret), qr/access_token/, 'a login, signed with a key pair');
	is(bind_query($client, 'SELECT auth.secret_decrypt(auth.secret_encrypt($1, $2), $2)', 'sealed', 'here'), 'sealed', 'sealed and opened');
	raw_query($client, 'SELECT 1');
	check_keys('after a login', $pid);
}
# the data key of a person, made, used and gone; another backend tells what it is
{
	my $person = $node->safe_psql('postgres', q(SELECT auth.user_create('fred@example.com')));
	my ($client, $pid) = backend('SELECT auth.personal_encrypt($1::uuid, $2, $2)', $user, 'warm');
	my $sealed = bind_query($client, 'SELECT auth.personal_encrypt($1::uuid, $2, $2)', $person, 'first');
	is(bind_query($client, q(SELECT auth.personal_decrypt($1::uuid, $2::bytea, 'first')), $person, $sealed), 'first', 'sealed for a person and opened');
	raw_query($client, 'SELECT 1');
	my $regions = memory_of($pid);
	my ($ring_key) = map { unpack('H*', decode_base64url($_->{k})) } grep { $_->{alg} eq 'A256GCM' && $_->{state} eq 'current' } @keys;
	my $data_key = pack('H*', $node->safe_psql('postgres', qq(
		SELECT encode(auth.aes_gcm_decrypt('\\x$ring_key', substr(sealed, 3 + get_byte(sealed, 1)), 'auth.personal_keys.sealed\\000'::bytea || uuid_send(user_id)), 'hex')
		FROM auth.personal_keys WHERE user_id = '$person')));
	is(length($data_key), 32, 'the data key of the person');
	is(occurrences($regions, $_->[1]), 0, "is not there $_->[0]")
	  for ([ 'as it is', $data_key ], [ 'in its halves', substr($data_key, 0, 16) ], [ 'nor the other', substr($data_key, 16) ], [ 'reversed', scalar reverse $data_key ], [ 'in hexadecimal', unpack('H*', $data_key) ]);
	cmp_ok(occurrences($regions, pack('H*', $ring_key)), '>=', 1, 'control: that of the ring is found');
}
# where the keys were made and written
{
	my ($client, $pid) = backend('SELECT auth.key_rotate($1)', 'EdDSA');
	raw_query($client, q(SELECT auth.key_rotate('A256GCM')));
	raw_query($client, q(SELECT auth.key_rotate('HS256')));
	raw_query($client, 'SELECT count(*) FROM auth.keys()');
	@keys = @{ decode_json(slurp(key_file($node)))->{keys} };
	my $regions = memory_of($pid);
	for my $key (@keys)
	{
		my $text = $key->{k} // $key->{d};
		is(occurrences($regions, $text), 0, "after a rotation: the key of $key->{alg}, $key->{state}, is not there as text");
		cmp_ok(occurrences($regions, decode_base64url($text)), '<=', 1, "and at most once as bytes");
	}
}

$node->stop;
done_testing();
