# Logical replication: what updates and deletes goes on under a publication of all
# tables, and publications that would hand out hashes are warned of, with statements
# that make the same publication without them.

use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use KeyRing;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Server;
use Test::More;

my $node = new_server('publisher', 'wal_level = logical', 'max_wal_senders = 4');

# Run statements; returns what they print.
sub sql
{
	return $node->safe_psql('postgres', join("\n", map { "$_;" } @_));
}

# Run statements; returns what is said about them, which must be no error.
sub said
{
	my ($statements, @params) = @_;
	my ($code, undef, $err) = $node->psql('postgres', $statements, on_error_stop => 1, extra_params => \@params);
	is($code, 0, $statements) or diag($err);
	return $err;
}

# ---- every table can be changed under a publication ---------------------------

sql('CREATE TABLE notes (id int PRIMARY KEY, text text)', 'CREATE PUBLICATION everything FOR ALL TABLES',
	q(SELECT pg_create_logical_replication_slot('s', 'pgoutput')));
my @tables = split(/\n/, sql(q(SELECT c.oid::regclass || ' ' || quote_ident(a.attname) FROM pg_class AS c
	JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attgenerated = '' AND NOT a.attisdropped AND a.attidentity = ''
	WHERE c.relnamespace IN ('auth'::regnamespace, 'auth_api'::regnamespace) AND c.relkind IN ('r', 'p')
		AND a.attnum = (SELECT max(attnum) FROM pg_attribute WHERE attrelid = c.oid AND attgenerated = '' AND NOT attisdropped))));
cmp_ok(scalar(@tables), '>', 20, 'there are tables');
for (@tables)
{
	my ($table, $column) = split(/ /);

	my ($code, undef, $err) = $node->psql('postgres', "BEGIN; UPDATE $table SET $column = $column WHERE false; DELETE FROM $table WHERE false; ROLLBACK");
	is($err, '', "$table: UPDATE and DELETE");
}

# with rows: what cleanup, erasure and deletion remove, and what the slot tells of it
my $tenant = sql(q(SELECT auth.tenant_create('Northwind')));
my $user = sql(q(SELECT auth.user_create('bo@example.com', 'staple gun at dawn')));
sql("SELECT auth.member_add('$tenant', '$user', 'owner')", "SELECT auth.secret_store('$tenant', 'smtp', 'canary')",
	"SELECT auth.personal_encrypt('$user', 'canary', 'x')",
	q(SELECT auth_api.login('bo@example.com', 'wrong'), auth_api.login('bo@example.com', 'staple gun at dawn')),
	q(SELECT auth_api.refresh(auth_api.login('bo@example.com', 'staple gun at dawn') ->> 'refresh_token')),
	q(SELECT auth.one_time_consume(auth.one_time_issue('reset'), 'reset')),
	q(UPDATE auth.login_attempts SET at = at - interval '2 hours'), q(UPDATE auth.revoked_tokens SET expires_at = now() - interval '2 days'),
	q(UPDATE auth.sessions SET created_at = now() - interval '1 year', expires_at = now() - interval '90 days'));
my $removed = sql('SELECT auth.cleanup()');
like($removed, qr/"$_": [1-9]/, "auth.cleanup() removes $_") for qw(login_attempts sessions revoked_tokens);
sql("SELECT auth.user_ban('$user', 'infinity', 'x')", "SELECT auth.tenant_delete('$tenant')", "SELECT auth.user_erase('$user')");
is(sql(q(SELECT count(*) FROM auth.users WHERE email = 'bo@example.com')), '0', 'erasure erases');
cmp_ok(sql(q(SELECT count(*) FROM pg_logical_slot_get_binary_changes('s', NULL, NULL, 'proto_version', '1', 'publication_names', 'everything')
	WHERE get_byte(data, 0) = ascii('D'))), '>', 5, 'and subscribers hear of what was deleted');
sql(q(SELECT pg_drop_replication_slot('s')), 'DROP PUBLICATION everything');

# ---- the warning ---------------------------------------------------------------

sql('CREATE SCHEMA "Odd schema"', 'CREATE TABLE "Odd schema".t (id int PRIMARY KEY, a int, b int)', 'CREATE TABLE other (id int PRIMARY KEY)',
	'CREATE TABLE parts (id int PRIMARY KEY) PARTITION BY RANGE (id)', 'CREATE TABLE parts_1 PARTITION OF parts FOR VALUES FROM (0) TO (9)',
	'CREATE UNLOGGED TABLE volatile (id int)');

# What a publication publishes: tables with columns and rows, and its options.
sub published
{
	return sql(q(SELECT format('%s.%s %s %s', schemaname, tablename, attnames, rowfilter) FROM pg_publication_tables WHERE pubname = 'p' ORDER BY 1),
		q(SELECT pubinsert, pubupdate, pubdelete, pubtruncate, pubviaroot FROM pg_publication WHERE pubname = 'p'));
}

my @secret = qw(users\W+.*password_hash refresh_tokens\W+.*salt secrets\W+.*sealed personal_keys\W+.*sealed invitations\W+.*token_hash password_history\W+.*password_hash);
my @bad = (
	['CREATE PUBLICATION p FOR ALL TABLES', \@secret],
	[q(CREATE PUBLICATION p FOR ALL TABLES WITH (publish = 'insert', publish_via_partition_root = true)), \@secret],
	['CREATE PUBLICATION p FOR TABLES IN SCHEMA auth', \@secret],
	['CREATE PUBLICATION p FOR TABLES IN SCHEMA auth, public, "Odd schema"', \@secret],
	['CREATE PUBLICATION p FOR TABLE auth.users', ['users\W+.*password_hash']],
	['CREATE PUBLICATION p FOR TABLE auth.users (id, password_hash), notes', ['users\W+.*password_hash']],
	['CREATE PUBLICATION p FOR TABLE auth.users WHERE (id IS NOT NULL), "Odd schema".t (id, a) WHERE (a > 7), parts, auth.secrets', ['users\W+.*password_hash', 'secrets\W+.*sealed']],
	['CREATE PUBLICATION p FOR TABLE auth.secrets, TABLES IN SCHEMA public', ['secrets\W+.*sealed']],
	['CREATE PUBLICATION p FOR TABLE notes; ALTER PUBLICATION p ADD TABLE auth.invitations', ['invitations\W+.*token_hash']],
	['CREATE PUBLICATION p FOR TABLE notes; ALTER PUBLICATION p SET TABLE notes, auth.refresh_tokens', ['refresh_tokens\W+.*salt']],
	['CREATE PUBLICATION p; ALTER PUBLICATION p ADD TABLES IN SCHEMA auth', \@secret]);
for my $case (@bad)
{
	my ($statement, $names) = @$case;
	my $said = said($statement);
	my ($hint) = $said =~ /HINT:  Use instead: (.*)/;

	like($said, qr/WARNING:  publication "p" publishes secrets of intrex_auth\nDETAIL: .*auth\.$_/, "is warned of $_") for @$names;
	like($hint, qr/^DROP PUBLICATION p; CREATE PUBLICATION p.*;$/, 'with statements');
	my $before = published();
	is(said($hint), '', 'which run without a warning');
	my $after = published();
	# all that is ours and not secret is there with what was listed, and all that is not ours
	is(join("\n", grep { !/^auth\./ } split(/\n/, $after)), join("\n", grep { !/^auth\./ } split(/\n/, $before)), 'the rest stays as it was');
	unlike($after, qr/password_hash|sealed|token_hash|salt/, 'without secrets');
	sql('DROP PUBLICATION p');
}
# listed tables stay with their other columns, and with their rows
said('CREATE PUBLICATION p FOR TABLE auth.users WHERE (id IS NOT NULL), auth.tenants') =~ /Use instead: (.*)/;
sql($1);
like(published(), qr/auth\.users \{id,email,phone,name,.*\} \(id IS NOT NULL\)/, 'columns that are not secret stay');
like(published(), qr/auth\.tenants /, 'so do tables without any');
sql('DROP PUBLICATION p');

# generated columns: from 18 on they are published where that was said, before that they cannot be
sql('ALTER TABLE auth.secrets ADD COLUMN shout text GENERATED ALWAYS AS (upper(name)) STORED',
	'GRANT SELECT (tenant_id, name, shout) ON auth.secrets TO auth_admin');
said('CREATE PUBLICATION p FOR TABLE auth.secrets, notes') =~ /Use instead: (.*)/;
is(said($1), '', 'a table with a generated column');
like(published(), qr/auth\.secrets \{(?!.*shout).*\}/, 'which is not published');
sql('DROP PUBLICATION p');
SKIP:
{
	skip('no publish_generated_columns before PostgreSQL 18', 5) if sql('SHOW server_version_num') < 180000;
	said('CREATE PUBLICATION p FOR TABLE auth.secrets, notes WITH (publish_generated_columns = stored)')
		=~ /Use instead: (.*)/;
	is(said($1), '', 'with generated columns');
	like(published(), qr/auth\.secrets \{.*shout.*\}/, 'which stay');
	is(sql(q(SELECT pubgencols FROM pg_publication WHERE pubname = 'p')), 's', 'also those of other tables');
	sql('DROP PUBLICATION p');
}
sql('ALTER TABLE auth.secrets DROP COLUMN shout');

# TRUNCATE of tables of ours under a publication, which cleanup and erasure do not use
sql('CREATE PUBLICATION p FOR ALL TABLES');
for (@tables)
{
	my ($table) = split(/ /);

	is(($node->psql('postgres', "SET client_min_messages = warning; BEGIN; TRUNCATE $table CASCADE; ROLLBACK"))[2], '',
		"$table: TRUNCATE");
}
sql('DROP PUBLICATION p');

# what is not warned of
for my $statement ('CREATE PUBLICATION p', 'CREATE PUBLICATION p FOR TABLES IN SCHEMA public, "Odd schema"', 'CREATE PUBLICATION p FOR TABLE notes, auth.tenants, auth.sessions',
	'CREATE PUBLICATION p FOR TABLE auth.users (id, email)', q(CREATE PUBLICATION p FOR TABLE notes; ALTER PUBLICATION p SET (publish = 'insert'); ALTER PUBLICATION p RENAME TO q; ALTER PUBLICATION q RENAME TO p))
{
	is(said($statement), '', 'is not warned of');
	sql('DROP PUBLICATION p');
}

# the page: its statements run, and nothing is warned of
my $page = slurp("$FindBin::RealBin/../../doc/replication.md");
my @blocks = $page =~ /```sql\n(.*?)```/gs;
is(scalar(@blocks), 2, 'the page has two statements');
is(said($_), '', 'that run as they are') for @blocks;
unlike(sql(q(SELECT attnames FROM pg_publication_tables WHERE pubname LIKE 'app%')), qr/hash|sealed|salt/, 'and publish no secret');
is(sql(q(SELECT string_agg(c.relname, ' ' ORDER BY c.relname) FROM pg_class AS c WHERE c.relnamespace = 'auth'::regnamespace AND c.relreplident = 'f')),
	'login_attempts login_failures', 'the page names the tables with identity FULL');

# a role without rights publishes what is its own
sql('CREATE ROLE plain LOGIN', 'GRANT CREATE ON DATABASE postgres TO plain', 'CREATE SCHEMA plain AUTHORIZATION plain',
	'SET ROLE plain', 'CREATE TABLE plain.t (id int PRIMARY KEY)');
is(said('CREATE PUBLICATION p FOR TABLE plain.t', '-U', 'plain'), '', 'a plain role');

# a publication of all tables that is there before the extension
$node->safe_psql('postgres', 'CREATE DATABASE early');
$node->safe_psql('early', 'CREATE PUBLICATION p FOR ALL TABLES');
my (undef, undef, $early) = $node->psql('early', 'SET client_min_messages = warning; CREATE EXTENSION intrex_auth');
like($early, qr/WARNING:  publication "p" publishes secrets of intrex_auth/, 'CREATE EXTENSION warns, too');
like($early, qr/Use instead: DROP PUBLICATION p; CREATE PUBLICATION p WITH/, 'also where there is nothing else to publish');

# ---- a subscriber ----------------------------------------------------------------

my $subscriber = new_cluster('subscriber');
$subscriber->start;
$subscriber->safe_psql('postgres', 'CREATE SCHEMA plain; CREATE SCHEMA "Odd schema"; CREATE TABLE notes (id int PRIMARY KEY, text text);
	CREATE TABLE other (id int PRIMARY KEY); CREATE TABLE parts (id int PRIMARY KEY); CREATE TABLE parts_1 (id int PRIMARY KEY);
	CREATE TABLE plain.t (id int PRIMARY KEY); CREATE TABLE "Odd schema".t (id int PRIMARY KEY, a int, b int);');
said('CREATE PUBLICATION everything FOR ALL TABLES') =~ /Use instead: (.*)/;
sql($1, q(INSERT INTO notes VALUES (1, 'one')));
my $from = $node->connstr('postgres') =~ s/'/''/gr;
$subscriber->safe_psql('postgres', "CREATE SUBSCRIPTION s CONNECTION '$from' PUBLICATION everything");
$subscriber->wait_for_subscription_sync($node, 's');
sql(q(UPDATE notes SET text = 'two'), q(SELECT auth_api.login('bo@example.com', 'wrong')), 'SELECT auth.cleanup()');
$node->wait_for_catchup('s');
is($subscriber->safe_psql('postgres', 'SELECT text FROM notes'), 'two', 'a subscriber of what was printed gets its rows');
$subscriber->safe_psql('postgres', 'DROP SUBSCRIPTION s');

$subscriber->stop;
$node->stop;
done_testing();
