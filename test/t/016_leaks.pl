# A backend that verifies, refuses and reads a hundred thousand times does not grow.

use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use Identities;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

plan skip_all => 'needs /proc' unless -r '/proc/self/statm';
plan skip_all => 'tools keep memory of their own' if $ENV{SANITIZE} || $ENV{VALGRIND};

my $node = new_server('leaks', "log_statement = none\nlog_min_messages = panic");
$node->safe_psql('postgres', q(
	CREATE FUNCTION resident() RETURNS bigint LANGUAGE sql VOLATILE AS
	$$ SELECT 4096 * split_part(pg_read_file('/proc/self/statm'), ' ', 2)::bigint $$;
	CREATE FUNCTION repeat_quietly(statement text, value text, times int) RETURNS void LANGUAGE plpgsql AS $$
	BEGIN
		FOR i IN 1 .. times LOOP
			BEGIN
				EXECUTE statement USING value;
			EXCEPTION WHEN OTHERS THEN
				NULL;
			END;
		END LOOP;
	END $$;
	CREATE FUNCTION hook(jsonb) RETURNS jsonb LANGUAGE sql AS $$ SELECT '{"decision": "continue"}'::jsonb $$;
	CREATE FUNCTION no_hook(jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$ BEGIN RAISE 'no'; END $$;
	CREATE FUNCTION fail() RETURNS int LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'no'; END $$;
	UPDATE auth.memberships SET unit_ids = (SELECT array_agg(gen_random_uuid()) FROM generate_series(1, 100)) WHERE user_id = id('ben');
));
my $ben = token($node, 'ben');
my $anna = token($node, 'anna');
my $forged = $ben;
substr($forged, -10, 1) = substr($forged, -10, 1) eq 'A' ? 'B' : 'A';

# keys that the tokens are not signed with, and one that they are
my $key = '{"kty":"oct","alg":"HS256","k":"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"}';
my $rsa = '{"kty":"RSA","alg":"RS256","e":"AQAB","n":"kqGboBfAWttWPCA-0cGRgsY6SaYoIARt0B_PkaEcIq9HPYNdu9n6UuWHuuTHrjF_ZoQW97r5HaAorNvrMEGTGdxCHZdEtkHvNVVmrtxTBLiQCbCozXhFoIrVcr3qUBrdGnNn_M3jJi7Wg7p_-x62nS5gNG875oyheRkutHsQXikFZwsN3q_TsPNOVlCiHy8mxzaFTUQGm-X8UYexFyAivlDSjgDJLAZSWfxd7k9Gxuwa3AUfQqQcVcegmgKGCaErQ3qQbh1x7WB6iopE3_-GZ8HMAVtR9AmrVscqYsnjhaCehfAI0iKKs8zXr8tISc0ORbaalrkk03H1ZrsEnDKEWQ"}';
my $given = $node->safe_psql('postgres', qq(SELECT auth.jwt_sign('{"sub":"ben","exp":9999999999}', '$key')));
my $once = $node->safe_psql('postgres', "SELECT auth.one_time_issue('reset')");
my $sealed = $node->safe_psql('postgres', "SELECT auth.secret_encrypt('x', 'context')");
my $person = $node->safe_psql('postgres', q(SELECT auth.user_create('leaks@example.com')));
my $personal = $node->safe_psql('postgres', "SELECT auth.personal_encrypt('$person', 'x', 'context')");
$node->safe_psql('postgres', "SELECT auth.one_time_consume('$once', 'reset')");
# under the headers of other algorithms, with signatures of the right length
sub under
{
	my ($alg, $bytes) = @_;
	my $header = $node->safe_psql('postgres', qq(SELECT translate(encode(convert_to('{"alg":"$alg"}', 'UTF8'), 'base64'), E'+/=\n', '-_')));
	return join '.', $header, (split /\./, $given)[1], 'B' x int(($bytes * 4 + 2) / 3);
}
my $es256 = '{"kty":"EC","crv":"P-256","alg":"ES256","x":"04N0xi21hshyvBp7I167sbE_bXqyqkAPfefdklMO7wY","y":"UI8exy-C06a7DUnjIdENkxeFtHM4-l_41LqEw9nVgmw"}';
my $eddsa = '{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}';

my %loops = (
	'jwt_verify by a given key, refused' => [ "SELECT auth.jwt_verify(\$1, '$key')", $forged, 100000 ],
	'jwt_verify by a given key, too long a lifetime' => [ "SELECT auth.jwt_verify(\$1, '$key')", $given ],
	'jwt_verify by a given key, bad options' => [ "SELECT auth.jwt_verify(\$1, '$key', '{\"issuer\": [\"a\", 1]}')", $given ],
	'jwt_verify by a given key that is none' => [ q(SELECT auth.jwt_verify($1, '{"kty":"RSA","alg":"RS256","n":"AQAB","e":"AQAB"}')), $given ],
	'jwt_verify by a point off its curve' => [ q(SELECT auth.jwt_verify($1, '{"kty":"EC","crv":"P-256","alg":"ES256","x":"04N0xi21hshyvBp7I167sbE_bXqyqkAPfefdklMO7wY","y":"04N0xi21hshyvBp7I167sbE_bXqyqkAPfefdklMO7wY"}')), $given ],
	'jws_verify' => [ "SELECT auth.jws_verify(\$1, '$key')", $given ],
	'jws_verify, refused' => [ "SELECT auth.jws_verify(\$1, '$key')", $forged, 100000 ],
	'jws_verify, RS256 refused' => [ "SELECT auth.jws_verify(\$1, '$rsa')", under('RS256', 256) ],
	'jws_verify, ES256 refused' => [ "SELECT auth.jws_verify(\$1, '$es256')", under('ES256', 64) ],
	'jws_verify, EdDSA refused' => [ "SELECT auth.jws_verify(\$1, '$eddsa')", under('EdDSA', 64) ],
	'jws_verify by ever new keys' => [ q(SELECT auth.jws_verify($1, jsonb_build_object('kty', 'oct', 'alg', 'HS256', 'k', replace(gen_random_uuid()::text, '-', '') || '7AAECAwQFBg8'))), $given ],
	'jwt_sign by a given key' => [ "SELECT auth.jwt_sign(jsonb_build_object('sub', \$1), '$key')", 'ben' ],
	'jwt_sign by a given key, refused' => [ "SELECT auth.jwt_sign(jsonb_build_object('exp', \$1), '$key')", 'ben' ],
	'one_time_consume, used' => [ q(SELECT auth.one_time_consume($1, 'reset')), $once, 100000 ],
	'one_time_consume, refused' => [ q(SELECT auth.one_time_consume($1, 'reset')), $forged, 100000 ],
	'one_time_issue' => [ q(SELECT auth.one_time_issue('reset', NULL, jsonb_build_object('a', $1))), 'ben' ],
	'secret_decrypt, refused' => [ q(SELECT auth.secret_decrypt($1::bytea, 'another context')), $sealed, 100000 ],
	'personal_encrypt' => [ "SELECT auth.personal_encrypt('$person', \$1, 'context')", 'x' ],
	'personal_decrypt' => [ "SELECT auth.personal_decrypt('$person', \$1::bytea, 'context')", $personal ],
	'personal_decrypt, refused' => [ "SELECT auth.personal_decrypt('$person', \$1::bytea, 'another context')", $personal, 50000 ],
	'personal_decrypt, no key' => [ q(SELECT auth.personal_decrypt(gen_random_uuid(), $1::bytea, 'context')), $personal ],
	'personal_encrypt, no user' => [ q(SELECT auth.personal_encrypt(gen_random_uuid(), $1, 'context')), 'x' ],
	'authenticate under a claims hook' => [ q(SELECT auth.authenticate($1), set_config('intrex_auth.claims_hook', 'public.hook', true)), $ben ],
	'authenticate, refused by a claims hook' => [ q(SELECT set_config('intrex_auth.claims_hook', 'public.no_hook', true), auth.authenticate($1)), $ben ],
	'authenticate' => [ 'SELECT auth.authenticate($1)', $ben ],
	'authenticate, refused' => [ 'SELECT auth.authenticate($1)', $forged ],
	'authenticate, two in turn' => [ "SELECT auth.authenticate(\$1), auth.authenticate('$anna')", $ben ],
	'set_config' => [ q(SELECT set_config('intrex_auth.token', $1, true)), $ben ],
	'set_config, refused' => [ q(SELECT set_config('intrex_auth.token', $1, true)), $forged ],
	'jwt_verify' => [ 'SELECT auth.jwt_verify($1)', $ben ],
	'jwt_verify, refused' => [ 'SELECT auth.jwt_verify($1)', $forged, 100000 ],
	'jwt_sign' => [ 'SELECT auth.jwt_sign(jsonb_build_object(\'sub\', $1))', 'ben' ],
	'units read anew after each error' => [ 'SELECT auth.unit_ids(), fail(), $1', 'x' ],
);
for my $what (sort keys %loops)
{
	my ($statement, $value, $times) = @{ $loops{$what} };
	$times //= 20000;
	# the last number is what one transaction grew by, after it was warm
	my $out = $node->safe_psql('postgres', qq(
		SELECT who();
		BEGIN;
		SELECT auth.authenticate('$ben') IS NULL;
		SELECT repeat_quietly(\$q\$$statement\$q\$, '$value', 2000);
		SELECT resident() AS before \\gset
		SELECT repeat_quietly(\$q\$$statement\$q\$, '$value', $times);
		SELECT resident() - :before;
		COMMIT;));
	my ($grown) = $out =~ /(-?\d+)$/;
	cmp_ok($grown, '<', 2 * 1024 * 1024, "$what: $times times");
	note("$what: grew by $grown bytes");
}

$node->stop;
done_testing();
