# The same story under every setting that a caller can choose: formats, time
# zones, isolation, search_path, read-only.  The verdicts are the same.

use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use KeyRing;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_server('settings', 'intrex_auth.login_limit_pair = 100000', 'intrex_auth.login_limit_identifier = 100000');

$node->safe_psql('postgres', q(
	SELECT auth.tenant_create('Northwind') AS tenant \gset
	SELECT auth.user_create('bo@example.com', 'staple gun at dawn', 'Bo', email_verified => true) AS bo \gset
	SELECT auth.member_add(:'tenant', :'bo', 'owner');
	CREATE TABLE notes (id int PRIMARY KEY, tenant_id uuid, text text);
	SELECT count(*) FROM auth.protect('notes');
	INSERT INTO notes VALUES (1, :'tenant', 'a note'), (2, auth.tenant_create('Southgate'), 'another');
	GRANT SELECT ON notes TO authenticated;
	CREATE ROLE app LOGIN NOINHERIT;
	GRANT anon, authenticated TO app;
	GRANT USAGE ON SCHEMA public TO app;
));

my $story = q(
	SET ROLE anon;
	SELECT pg_catalog.jsonb_path_query_first(auth_api.login('bo@example.com', 'wrong'), '$.error.code');
	SELECT auth_api.login('bo@example.com', 'staple gun at dawn') AS g \gset
	SELECT pg_catalog.jsonb_extract_path_text(:'g', 'access_token') AS token, pg_catalog.jsonb_extract_path_text(:'g', 'refresh_token') AS refresh,
		pg_catalog.jsonb_extract_path_text(:'g', 'expires_in') AS expires \gset
	\echo :expires
	SELECT auth_api.refresh(:'refresh') AS g \gset
	SELECT pg_catalog.jsonb_extract_path_text(:'g', 'access_token') AS token, pg_catalog.jsonb_extract_path_text(:'g', 'refresh_token') AS second \gset
	SELECT pg_catalog.length(:'second');
	SET ROLE authenticated;
	BEGIN;
	SELECT pg_catalog.jsonb_extract_path_text(auth.authenticate(:'token'), 'email');
	SELECT pg_catalog.count(*) FROM public.notes;
	SELECT pg_catalog.jsonb_extract_path_text(auth_api.me(), 'user', 'email');
	COMMIT;
	BEGIN;
	SELECT auth.authenticate(:'token') IS NULL;
	SELECT pg_catalog.jsonb_path_query_first(auth_api.logout(), '$.error.code');
	COMMIT;
	SELECT auth.authenticate(:'token');
);

# what administrators do, in a backend that has compiled nothing yet; erasing demands the isolation level
my $administration = q(
	BEGIN ISOLATION LEVEL READ COMMITTED;
	CREATE TABLE public.drafts (id int, tenant_id uuid, owner_id uuid, text text);
	SELECT pg_catalog.count(*) > 5 FROM auth.protect('public.drafts', owner_column => 'owner_id');
	SELECT pg_catalog.count(*) FROM auth.key_uses('nothing');
	SELECT auth.user_create('cy@example.com') AS cy \gset
	INSERT INTO public.drafts SELECT 1, t.id, :'cy', 'a draft' FROM auth.tenants AS t LIMIT 1;
	SELECT auth.tenant_create('Westgate', :'cy') AS west \gset
	SELECT pg_catalog.jsonb_object_keys(pg_catalog.jsonb_extract_path(auth.export_user(:'cy'), 'tables'));
	SELECT auth.feature_create('drafts', true), auth.plan_create('basic', NULL, true), auth.plan_feature_set('basic', 'drafts', 3);
	SELECT auth.subscription_set(:'west', 'basic', 'trialing', '2100-01-31 12:00 UTC');
	SELECT auth.usage_set(:'west', 'drafts', 2);
	SELECT pg_catalog.count(*) FROM auth.usage AS u WHERE u.used OPERATOR(pg_catalog.=) 2
		AND u.period_start OPERATOR(pg_catalog.=) pg_catalog.date_trunc('month', pg_catalog.timezone('UTC', pg_catalog.now()));
	SELECT auth.consent_record(:'cy', 'data_processing', true);
	SELECT auth.member_add(:'west', (SELECT u.id FROM auth.users AS u WHERE u.email OPERATOR(pg_catalog.=) 'bo@example.com'), 'owner');
	SELECT pg_catalog.jsonb_extract_path_text(auth.user_erase(:'cy', anonymize => true), 'tables');
	SELECT pg_catalog.count(*) FROM public.drafts AS d WHERE d.owner_id IS NULL;
	ROLLBACK;
);

# what a story prints, and the SQLSTATE that ends it
sub told_with
{
	my ($options, $told, @user) = @_;
	local $ENV{PGOPTIONS} = $options;
	my ($code, $out, $err) = $node->psql('postgres', "\\set VERBOSITY sqlstate\n$told", extra_params => \@user, on_error_stop => 0);
	return "$out\n$err" =~ s/^psql:<stdin>:\d+: //mgr;
}

my @app = ($story, '-U', 'app');
my $expected = told_with('', @app);
is($expected, join("\n", '"invalid_credentials"', 900, 43, 'bo@example.com', 1, 'bo@example.com', 'f', '', "ERROR:  28000"), 'the story');
my $administered = told_with('', $administration);
is($administered, join("\n", 't', 0, 'public.drafts', '||', '', '', 1, '', '', '{"public.drafts": {"cleared": 1}}', 1, ''), 'the administration');

for my $setting (
	'standard_conforming_strings=off',
	'DateStyle=German',
	'DateStyle=SQL,DMY',
	'TimeZone=Asia/Kathmandu',
	'TimeZone=America/St_Johns',
	'IntervalStyle=iso_8601',
	'IntervalStyle=sql_standard',
	'bytea_output=escape',
	'extra_float_digits=-15',
	'quote_all_identifiers=on',
	'search_path=',
	'search_path=pg_temp',
	'row_security=off',
	'check_function_bodies=off',
	'jit=on jit_above_cost=0',
	'enable_indexscan=off enable_seqscan=off',
	'plan_cache_mode=force_generic_plan',
	'plan_cache_mode=force_custom_plan',
	'default_transaction_isolation=repeatable\\ read',
	'default_transaction_isolation=serializable',
	'default_transaction_deferrable=on',
	'synchronous_commit=off',
	'xmlbinary=hex',
	'transform_null_equals=on',
	'array_nulls=off',
	'client_min_messages=error')
{
	my $options = join(' ', map { "-c $_" } split(/(?<!\\) /, $setting));
	my $told = told_with($options, @app);

	is(told_with($options, $administration), $administered, "$setting: the same for administrators");

	if ($setting =~ /row_security=off/)
	{
		# PostgreSQL refuses a query that a policy would restrict: no row either way
		unlike($told, qr/^2$/m, "$setting: not a row more");
		next;
	}
	is($told, $expected, "$setting: the same");
}

# read-only: nothing is checked that cannot be counted
my $read_only = told_with('-c default_transaction_read_only=on', @app);
like($read_only, qr/^ERROR:  25006/m, 'read-only: a clean refusal');
unlike($read_only, qr/invalid_credentials/, 'read-only: no guess is answered');

$node->stop;
done_testing();
