# test/t/Restore.pm: a database in which every table has rows, and whether a
# restored one is the same and works. Depends on Server.pm.

package Restore;

use strict;
use warnings;

use Exporter 'import';
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Server;
use Test::More;

our @EXPORT = qw(restore_server fill fingerprint create_empty restored);

my $tenant = '22222222-2222-4222-8222-222222222222';
my $refresh;

# A running server whose issuer is the same in each of its databases.
sub restore_server
{
	my ($name) = @_;
	my $node = new_cluster($name);

	$node->append_conf('postgresql.conf', "intrex_auth.issuer = 'https://auth.example'\nintrex_auth.password_cost = 4\nlog_statement = none");
	$node->start;
	return $node;
}

# Rows in every table, also for an application; a session that goes on after the restore.
sub fill
{
	my ($node, $database) = @_;

	$node->safe_psql('postgres', "CREATE DATABASE $database");
	$node->safe_psql($database, qq(
		CREATE EXTENSION intrex_auth;
		CREATE ROLE notes_reader;
		INSERT INTO auth.tenants (id, name) VALUES ('$tenant', 'Northwind');
		INSERT INTO auth.presets (name) VALUES ('none');
		INSERT INTO auth.resources (name, actions) VALUES ('letters', '{read}');
		INSERT INTO auth.roles (name, rank, is_owner) VALUES ('owner', 50, true), ('viewer', 10, false);
		INSERT INTO auth.role_permissions (role_id, resource, action) SELECT id, 'letters', 'read' FROM auth.roles;
		SELECT auth.unit_create('$tenant', 'Oslo') AS unit \\gset
		SELECT auth.user_create('bo\@example.com', 'staple gun at dawn', 'Bo', email_verified => true) AS bo \\gset
		SELECT auth.user_create('guest\@example.com', 'a walk in the park') AS guest \\gset
		SELECT auth.member_add('$tenant', :'bo', 'owner', ARRAY[:'unit']::uuid[]);
		SELECT auth.secret_store('$tenant', 'smtp', 'canary-connector-secret');
		SELECT auth.plan_create('pro'), auth.feature_create('posts', metered => true), auth.plan_feature_set('pro', 'posts', 10);
		SELECT auth.subscription_set('$tenant', 'pro'), auth.usage_set('$tenant', 'posts', 9);
		INSERT INTO auth.consent_purposes (name) VALUES ('news');
		INSERT INTO auth.consents (user_id, purpose, granted, by_user, by_role) VALUES (:'bo', 'news', true, :'guest', 'test');
		INSERT INTO auth.assignments (tenant_id, user_id, subject_id) VALUES ('$tenant', :'bo', gen_random_uuid());
		INSERT INTO auth.password_history (user_id, password_hash) VALUES (:'bo', '\$2b\$04\$');
		SELECT auth.one_time_consume(auth.one_time_issue('verify', :'bo'), 'verify');
		INSERT INTO auth.issuers (number, id, system_identifier, database) VALUES (1, gen_random_uuid(), 0, 0);
		INSERT INTO auth.cleanup_passes (source) VALUES ('test');
		INSERT INTO auth.last_sign_ins (user_id, at) VALUES (:'bo', now());
		INSERT INTO auth.login_failures (identifier_key, failures, since) VALUES (1, 1, now());
		CREATE TABLE diaries AS
			SELECT :'bo'::uuid AS user_id, auth.personal_encrypt(:'bo', 'canary-diary', 'diaries.text') AS text;
		CREATE TABLE notes (id int PRIMARY KEY, tenant_id uuid, text text);
		SELECT count(*) FROM auth.protect('notes');
		INSERT INTO notes VALUES (1, '$tenant', 'a note');
		GRANT SELECT ON notes TO authenticated;
		SELECT auth_api.login('bo\@example.com', 'staple gun at dawn') ->> 'access_token' AS token \\gset
		BEGIN;
		SELECT auth.authenticate(:'token');
		SELECT auth_api.invite_revoke((auth_api.invite('new\@example.com', 'viewer') ->> 'id')::uuid);
		COMMIT;
		SELECT auth.audit_seal();));
	($refresh) = $node->safe_psql($database, q(SELECT auth_api.login('bo@example.com', 'staple gun at dawn') ->> 'refresh_token'));
	is($node->safe_psql($database, q(
		SELECT coalesce(string_agg(c.oid::regclass::text, ', '), '')
		FROM pg_extension AS e, unnest(e.extconfig) AS c (oid) JOIN pg_class ON pg_class.oid = c.oid AND relkind IN ('r', 'p')
		WHERE e.extname = 'intrex_auth' AND pg_relation_size(c.oid) = 0 AND pg_class.relkind = 'r')), '',
		'every table that is dumped has rows');
	is($node->safe_psql($database, q(SELECT count(*) FROM auth.check_integrity())), '0', 'which hold together');
	return;
}

# Count and digest of the rows of every table that is dumped, of ours and of the application.
sub fingerprint
{
	my ($node, $database) = @_;

	return $node->safe_psql($database, q(
		SELECT c.oid::regclass || ' ' || (xpath('/row/n/text()', x))[1] || ' ' || (xpath('/row/h/text()', x))[1]
		FROM pg_class AS c, LATERAL query_to_xml(format(
			'SELECT count(*) AS n, md5(coalesce(string_agg(t.r, chr(10) ORDER BY t.r), %L)) AS h FROM (SELECT %s AS r FROM %s AS x) AS t',
			'', CASE c.relkind WHEN 'S' THEN 'x.last_value::text' ELSE 'x::text' END, c.oid::regclass), false, true, '') AS x
		WHERE c.oid IN (SELECT unnest(extconfig) FROM pg_extension WHERE extname = 'intrex_auth')
			OR c.relnamespace = 'public'::regnamespace AND c.relkind = 'r'
		ORDER BY 1));
}

# A new database; with the extension, if it is wanted.
sub create_empty
{
	my ($node, $database, $extension) = @_;

	$node->safe_psql('postgres', "CREATE DATABASE $database");
	$node->safe_psql($database, 'CREATE EXTENSION intrex_auth') if $extension;
	return;
}

# A restored database has every row, holds together, and lets people go on. With
# a true last argument its triggers may be in the state of a cluster that was upgraded.
sub restored
{
	my ($node, $database, $before, $how, $triggers) = @_;

	is(fingerprint($node, $database), $before, "$how: every row is there");
	is($node->safe_psql($database, q(SELECT coalesce(string_agg(DISTINCT rule, ', '), '') FROM auth.check_integrity())),
		$triggers ? 'triggers' : '', "$how: they hold together");
	like($node->safe_psql($database, q(SELECT auth_api.login('bo@example.com', 'staple gun at dawn'))),
		qr/access_token/, "$how: the old password logs in");
	like($node->safe_psql($database, "SELECT auth_api.refresh('$refresh')"), qr/access_token/, "$how: so does the old refresh token");
	is($node->safe_psql($database, "SELECT auth.secret_open('$tenant', 'smtp')"), 'canary-connector-secret', "$how: the secret opens");
	is($node->safe_psql($database, q(SELECT auth.personal_decrypt(user_id, text, 'diaries.text') FROM diaries)),
		'canary-diary', "$how: and what was sealed for a person");
	refuses_orphans($node, $database, $how);
	return;
}

# Foreign keys are checked, and what follows the deletion of a parent happens.
sub refuses_orphans
{
	my ($node, $database, $how) = @_;
	my (undef, undef, $error) = $node->psql($database, 'INSERT INTO auth.sessions (user_id) VALUES (gen_random_uuid())');

	like($error, qr/violates foreign key constraint "sessions_user_id_fkey"/, "$how: a row without parent is refused");
	is($node->safe_psql($database, q(
		SELECT auth.user_delete((SELECT id FROM auth.users WHERE email = 'guest@example.com')) \g /dev/null
		SELECT count(*) FROM auth.consents WHERE by_user IS NOT NULL)), '0', "$how: what follows a deletion does");
	return;
}

1;
