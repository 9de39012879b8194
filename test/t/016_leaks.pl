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
	CREATE FUNCTION fail() RETURNS int LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'no'; END $$;
	UPDATE auth.memberships SET unit_ids = (SELECT array_agg(gen_random_uuid()) FROM generate_series(1, 100)) WHERE user_id = id('ben');
));
my $ben = token($node, 'ben');
my $anna = token($node, 'anna');
my $forged = $ben;
substr($forged, -10, 1) = substr($forged, -10, 1) eq 'A' ? 'B' : 'A';

my %loops = (
	'authenticate' => [ 'SELECT auth.authenticate($1)', $ben ],
	'authenticate, refused' => [ 'SELECT auth.authenticate($1)', $forged ],
	'authenticate, two in turn' => [ "SELECT auth.authenticate(\$1), auth.authenticate('$anna')", $ben ],
	'set_config' => [ q(SELECT set_config('intrex_auth.token', $1, true)), $ben ],
	'set_config, refused' => [ q(SELECT set_config('intrex_auth.token', $1, true)), $forged ],
	'jwt_verify' => [ 'SELECT auth.jwt_verify($1)', $ben ],
	'jwt_verify, refused' => [ 'SELECT auth.jwt_verify($1)', $forged ],
	'jwt_sign' => [ 'SELECT auth.jwt_sign(jsonb_build_object(\'sub\', $1))', 'ben' ],
	'units read anew after each error' => [ 'SELECT auth.unit_ids(), fail(), $1', 'x' ],
);
for my $what (sort keys %loops)
{
	my ($statement, $value) = @{ $loops{$what} };
	# the last number is what one transaction grew by, after it was warm
	my $out = $node->safe_psql('postgres', qq(
		SELECT who();
		BEGIN;
		SELECT auth.authenticate('$ben') IS NULL;
		SELECT repeat_quietly(\$q\$$statement\$q\$, '$value', 2000);
		SELECT resident() AS before \\gset
		SELECT repeat_quietly(\$q\$$statement\$q\$, '$value', 20000);
		SELECT resident() - :before;
		COMMIT;));
	my ($grown) = $out =~ /(-?\d+)$/;
	cmp_ok($grown, '<', 2 * 1024 * 1024, "$what: twenty thousand times");
	note("$what: grew by $grown bytes");
}

$node->stop;
done_testing();
