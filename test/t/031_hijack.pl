# What a role without rights plants before CREATE EXTENSION and beside it:
# schemas, functions, operators, casts and temporary tables of our names.
# None is adopted, and none runs with anybody's rights but the caller's.

use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use KeyRing;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Server;
use Test::More;

my $node = new_cluster('hijack');
$node->append_conf('postgresql.conf', 'intrex_auth.password_cost = 4');
$node->start;

sub superuser { return $node->safe_psql('victim', $_[0]); }
sub refused
{
	my ($sql, $pattern, $name) = @_;
	my ($code, $out, $err) = $node->psql('victim', $sql);
	like($err, $pattern, $name);
}

$node->safe_psql('postgres', 'CREATE ROLE mallory LOGIN; CREATE DATABASE victim OWNER mallory');
sub mallory { return $node->safe_psql('victim', $_[0], extra_params => [ '-U', 'mallory' ]); }

# a schema of ours exists already
mallory('CREATE SCHEMA auth');
refused('CREATE EXTENSION intrex_auth', qr/schema "auth" already exists/, 'a planted schema auth: refused');
mallory('DROP SCHEMA auth; CREATE SCHEMA auth_api');
refused('CREATE EXTENSION intrex_auth', qr/schema "auth_api" already exists/, 'a planted schema auth_api: refused');
is(superuser(q(SELECT count(*) FROM pg_namespace WHERE nspname = 'auth')), '0', 'and nothing is left of the attempt');
mallory('DROP SCHEMA auth_api');

# roles of ours with powers
superuser('CREATE ROLE auth_owner SUPERUSER');
refused('CREATE EXTENSION intrex_auth', qr/role "auth_owner" exists and has powers/, 'a superuser auth_owner: refused');
superuser('ALTER ROLE auth_owner NOSUPERUSER LOGIN');
refused('CREATE EXTENSION intrex_auth', qr/can log in/, 'an auth_owner that logs in: refused');
superuser('ALTER ROLE auth_owner NOLOGIN; CREATE ROLE authenticated BYPASSRLS');
refused('CREATE EXTENSION intrex_auth', qr/role "authenticated" exists and has powers/, 'an authenticated that bypasses RLS: refused');
superuser('ALTER ROLE authenticated NOBYPASSRLS');

# shadows of what the script and our functions call, in a schema that is first in everybody's path
my $shadows = q(
	CREATE SCHEMA IF NOT EXISTS evil;
	CREATE TABLE evil.canary (who text, what text);
	GRANT USAGE ON SCHEMA evil TO PUBLIC;
	GRANT INSERT, SELECT ON evil.canary TO PUBLIC;
	CREATE FUNCTION evil.note(what text) RETURNS void LANGUAGE sql AS $$INSERT INTO evil.canary VALUES (current_user, what)$$;
);
for my $f (
	[ 'lower',              'text',                        'text' ],
	[ 'btrim',              'text',                        'text' ],
	[ 'length',             'text',                        'integer' ],
	[ 'format',             'text, VARIADIC "any"',        undef ],
	[ 'quote_ident',        'text',                        'text' ],
	[ 'now',                '',                            'timestamptz' ],
	[ 'clock_timestamp',    '',                            'timestamptz' ],
	[ 'gen_random_uuid',    '',                            'uuid' ],
	[ 'current_setting',    'text',                        'text' ],
	[ 'current_setting',    'text, boolean',               'text' ],
	[ 'set_config',         'text, text, boolean',         'text' ],
	[ 'to_jsonb',           'text',                        'jsonb' ],
	[ 'array_length',       'uuid[], integer',             'integer' ],
	[ 'sha256',             'bytea',                       'bytea' ],
	[ 'convert_to',         'text, name',                  'bytea' ],
	[ 'getdatabaseencoding', '',                           'name' ])
{
	my ($name, $arguments, $type) = @$f;
	next unless $type;
	$shadows .= "CREATE FUNCTION evil.$name($arguments) RETURNS $type LANGUAGE plpgsql AS \$\$BEGIN PERFORM evil.note('$name'); RETURN NULL; END\$\$;\n";
}
for my $o ([ '=', 'text', 'text' ], [ '=', 'uuid', 'uuid' ], [ '<>', 'text', 'text' ], [ '||', 'text', 'text' ],
	[ '~', 'text', 'text' ], [ '<=', 'timestamptz', 'timestamptz' ], [ '>', 'integer', 'integer' ])
{
	my ($operator, $left, $right) = @$o;
	my $name = "op_$left" . unpack('H*', $operator);
	my $type = $operator eq '||' ? 'text' : 'boolean';
	$shadows .= "CREATE FUNCTION evil.$name($left, $right) RETURNS $type LANGUAGE plpgsql AS \$\$BEGIN PERFORM evil.note('$operator'); RETURN NULL; END\$\$;\n";
	$shadows .= "CREATE OPERATOR evil.$operator (LEFTARG = $left, RIGHTARG = $right, FUNCTION = evil.$name);\n";
}
mallory($shadows);
superuser('ALTER DATABASE victim SET search_path = evil, public, pg_catalog');

superuser('CREATE EXTENSION intrex_auth');
is(superuser('SELECT pg_catalog.count(*) FROM evil.canary'), '0', 'nothing planted ran during CREATE EXTENSION');

# every endpoint and administration function under that path, with shadow tables in pg_temp
$node->psql('victim', q(
	CREATE TEMP TABLE users (id pg_catalog.uuid, email text, password_hash text);
	CREATE TEMP TABLE sessions (id pg_catalog.uuid, user_id pg_catalog.uuid);
	CREATE TEMP TABLE memberships (tenant_id pg_catalog.uuid, user_id pg_catalog.uuid);
	CREATE TEMP TABLE audit_log (at timestamptz);
	CREATE TEMP TABLE tenants (id pg_catalog.uuid);
	SELECT auth.tenant_create('Northwind') AS tenant \gset
	SELECT auth.unit_create(:'tenant', 'Oslo') AS unit \gset
	SELECT auth.user_create('bo@example.com', 'staple gun at dawn', 'Bo', email_verified => true) AS bo \gset
	SELECT auth.member_add(:'tenant', :'bo', 'owner', ARRAY[:'unit']::pg_catalog.uuid[]);
	SELECT auth.secret_store(:'tenant', 'smtp', 'secret');
	SELECT auth.secret_open(:'tenant', 'smtp');
	CREATE TABLE public.notes (id int, tenant_id pg_catalog.uuid, text text);
	SELECT auth.protect('public.notes');
	GRANT ALL ON public.notes TO authenticated;
	GRANT USAGE ON SCHEMA evil TO anon, authenticated;
	SET ROLE anon;
	SELECT auth_api.register('eve@example.com', 'a password of hers', 'Eve', tenant_name => 'Eve');
	SELECT auth_api.login('bo@example.com', 'wrong');
	SELECT auth_api.login('bo@example.com', 'staple gun at dawn') AS g \gset
	SELECT (:'g')::pg_catalog.jsonb OPERATOR(pg_catalog.->>) 'access_token' AS token, (:'g')::pg_catalog.jsonb OPERATOR(pg_catalog.->>) 'refresh_token' AS refresh \gset
	SELECT auth_api.refresh(:'refresh');
	RESET ROLE;
	BEGIN;
	SET LOCAL ROLE authenticated;
	SELECT auth.authenticate(:'token');
	SELECT auth_api.me();
	SELECT auth_api.sessions();
	SELECT auth_api.my_tenants();
	SELECT auth_api.members();
	SELECT auth_api.switch_tenant(:'tenant');
	INSERT INTO public.notes (id, text) VALUES (1, 'x');
	UPDATE public.notes SET text = 'y';
	SELECT auth_api.change_password('staple gun at dawn', 'another gun at dusk');
	SELECT auth_api.logout();
	COMMIT;
	SELECT auth.cleanup();
	SELECT auth.audit_seal();
), on_error_stop => 0);
is(superuser(q(SELECT pg_catalog.count(*) FROM evil.canary WHERE who OPERATOR(pg_catalog.<>) 'mallory' AND who OPERATOR(pg_catalog.=) 'auth_owner')), '0',
	'nothing planted ran as the owner of our functions');
is(superuser(q(SELECT pg_catalog.count(*) FROM evil.canary)), '0', 'nothing planted ran at all')
  or diag(superuser('SELECT DISTINCT who, what FROM evil.canary'));
is(superuser(q(SELECT pg_catalog.count(*) FROM auth.users)), '2', 'and the calls did their work');
is(superuser(q(SELECT pg_catalog.count(*) FROM auth.audit_log WHERE event OPERATOR(pg_catalog.=) 'login')), '2', 'to the last');

# what every definer function must have, by the catalog
is(superuser(q(
	SELECT coalesce(pg_catalog.string_agg(p.oid::regprocedure::text, ', '), '')
	FROM pg_catalog.pg_proc AS p JOIN pg_catalog.pg_namespace AS n ON n.oid OPERATOR(pg_catalog.=) p.pronamespace
	WHERE n.nspname OPERATOR(pg_catalog.~) '^auth' AND p.prosecdef
		AND NOT coalesce(p.proconfig OPERATOR(pg_catalog.@>) ARRAY['search_path=pg_catalog, pg_temp'], false))),
	'', 'every SECURITY DEFINER function pins its path');

$node->stop;
done_testing();
