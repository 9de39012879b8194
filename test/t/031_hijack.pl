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
superuser('ALTER ROLE authenticated NOBYPASSRLS REPLICATION');
refused('CREATE EXTENSION intrex_auth', qr/role "authenticated" exists and has powers/, 'one that decodes the log: refused');
superuser('ALTER ROLE authenticated NOREPLICATION');
superuser('CREATE ROLE auth_hook LOGIN');
refused('CREATE EXTENSION intrex_auth', qr/role "auth_hook" exists and can log in/, 'an auth_hook that logs in: refused');
superuser('ALTER ROLE auth_hook NOLOGIN; CREATE TABLE public.hooked (); ALTER TABLE public.hooked OWNER TO auth_hook');
refused('CREATE EXTENSION intrex_auth', qr/role "auth_hook" exists and owns objects/, 'one that owns a table: refused');
superuser('DROP TABLE public.hooked');

# the rights of others, directly and by way of another role; the statement of the hint is enough
superuser(q(
	CREATE ROLE root2 SUPERUSER NOLOGIN; CREATE ROLE bypasser BYPASSRLS; CREATE ROLE maker CREATEROLE; CREATE ROLE copier REPLICATION;
	CREATE ROLE halfway; CREATE ROLE halfway2; GRANT halfway2 TO halfway));
for my $case (
	[ 'auth_owner',    'root2' ],                    [ 'auth_owner', 'bypasser' ],
	[ 'auth_owner',    'maker' ],                    [ 'auth_owner', 'copier' ],
	[ 'auth_owner',    'pg_read_server_files' ],     [ 'auth_owner', 'pg_write_server_files' ],
	[ 'auth_owner',    'pg_execute_server_program' ], [ 'auth_hook', 'root2' ],
	[ 'authenticated', 'pg_execute_server_program' ], [ 'auth_hook', 'auth_owner' ],
	[ 'authenticated', 'auth_owner' ],               [ 'auth_hook', 'pg_read_all_data' ],
	[ 'authenticated', 'auth_hook' ])
{
	my ($role, $power) = @$case;
	for my $way ([$power], [ 'halfway', $power ])
	{
		my $direct = $way->[0];
		superuser("GRANT $power TO halfway2") if @$way > 1;
		superuser("GRANT $direct TO $role");
		my ($code, $out, $err) = $node->psql('victim', 'CREATE EXTENSION intrex_auth');
		like($err, qr/role "$role" exists and has the rights of "$power"/, "$role with the rights of $power by $direct: refused");
		my ($remedy) = $err =~ /HINT:\s+(REVOKE .*)/;
		like($remedy, qr/^REVOKE $direct FROM $role/, 'with the statement that helps');
		superuser($remedy);
		superuser("REVOKE $power FROM halfway2") if @$way > 1;
	}
}

# roles that have their rights, and those whose rights they have, are named
superuser('CREATE ROLE auth_admin LOGIN; CREATE ROLE reader; CREATE ROLE app LOGIN; CREATE ROLE anon; CREATE ROLE auth_platform');
superuser('GRANT auth_owner TO mallory; GRANT mallory TO reader; GRANT auth_admin TO reader; GRANT anon, authenticated, auth_platform TO app; GRANT halfway TO anon');
superuser('GRANT auth_hook TO reader; GRANT auth_owner TO root2');
my ($adopt_code, $adopt_out, $adopted) = $node->psql('victim', 'BEGIN; CREATE EXTENSION intrex_auth; ROLLBACK');
like($adopted, $_->[0], $_->[1]) for (
	[ qr/role "auth_owner" exists, and "mallory" has its rights.*?HINT:  Unless it is meant to: REVOKE auth_owner FROM mallory/s, 'a member of auth_owner' ],
	[ qr/role "auth_owner" exists, and "reader" has its rights.*?HINT:  Unless it is meant to: REVOKE auth_owner FROM mallory/s, 'a member of the member' ],
	[ qr/role "auth_admin" exists, and "reader" has its rights/, 'a member of auth_admin' ],
	[ qr/role "auth_admin" exists and can log in/, 'an auth_admin that logs in' ],
	[ qr/role "auth_hook" exists, and "reader" has its rights/, 'a member of auth_hook' ],
	[ qr/role "anon" exists and is a member of "halfway"/, 'what anon is a member of' ]);
unlike($adopted, qr/"app"|"root2"|ERROR/, 'not the login role of an application, nor a superuser');
superuser('REVOKE auth_owner FROM mallory, root2; REVOKE auth_admin, auth_hook FROM reader; REVOKE halfway FROM anon; ALTER ROLE auth_admin NOLOGIN');
# on 16 and later a maker of roles has ADMIN OPTION alone: the right to take the rest
if (superuser(q(SELECT current_setting('server_version_num'))) >= 160000)
{
	superuser('GRANT auth_owner TO reader WITH ADMIN FALSE, INHERIT FALSE, SET FALSE');
	($adopt_code, $adopt_out, $adopted) = $node->psql('victim', 'BEGIN; CREATE EXTENSION intrex_auth; ROLLBACK');
	unlike($adopted, qr/"reader"/, 'a membership that gives nothing');
	superuser('GRANT auth_owner TO reader WITH ADMIN TRUE, INHERIT FALSE, SET FALSE');
	($adopt_code, $adopt_out, $adopted) = $node->psql('victim', 'BEGIN; CREATE EXTENSION intrex_auth; ROLLBACK');
	like($adopted, qr/role "auth_owner" exists, and "reader" has its rights/, 'one with ADMIN OPTION');
	superuser('REVOKE auth_owner FROM reader');
}
# as the extension makes them, beside a login role, they give no warning in a second database
($adopt_code, $adopt_out, $adopted) = $node->psql('victim', 'BEGIN; CREATE EXTENSION intrex_auth; ROLLBACK');
is($adopted, '', 'roles without such members: not a word');

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
