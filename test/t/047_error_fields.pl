# What an error shows when it leaves one of our functions: the message, the code
# and the hint, and the lines of code that is not ours.  Never our statements, the
# names of our functions within, or a row: not to the client, not in the log, not
# to an exception block.  Every endpoint is called in a read-only transaction, and
# with triggers of an application on our tables that fail in each way.

use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use Identities;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_server('fields', "log_error_verbosity = verbose");
$node->safe_psql('postgres', q{
	UPDATE auth.users SET password_hash = auth.password_hash('password of anna') WHERE id = id('anna');
	SELECT auth.consent_purpose_set('news', 'News', '1');
	INSERT INTO auth.memberships (tenant_id, user_id, role) VALUES (id('north'), id('ben'), 'viewer');
	CREATE ROLE app_owner IN ROLE pg_signal_backend;
	CREATE SCHEMA app_code AUTHORIZATION app_owner;
	GRANT USAGE ON SCHEMA app_code TO PUBLIC;
	SET ROLE app_owner;
	CREATE FUNCTION app_code.fails() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
	DECLARE
		way CONSTANT text := current_setting('test.way', true);
	BEGIN
		IF way = 'raise' THEN
			RAISE 'the application says no' USING ERRCODE = 'AP001', DETAIL = 'its detail', HINT = 'its hint';
		ELSIF way = 'statement' THEN
			EXECUTE 'SELECT no_column_of_this_name';
		ELSIF way = 'null' AND TG_OP <> 'DELETE' THEN
			NEW := jsonb_populate_record(NEW, '{"created_at": null, "occurred_at": null, "email": null, "tenant_id": null}');
		ELSIF way = 'end' THEN
			PERFORM pg_terminate_backend(pg_backend_pid());
			PERFORM pg_sleep(60);
		END IF;
		RETURN CASE TG_OP WHEN 'DELETE' THEN OLD ELSE NEW END;
	END
	$$;
	CREATE FUNCTION app_code.wrapper(statement text) RETURNS text LANGUAGE plpgsql AS $$
	DECLARE
		answer text;
	BEGIN
		EXECUTE statement INTO answer;
		RETURN answer;
	END
	$$;
	CREATE FUNCTION app_code.catcher(statement text) RETURNS text LANGUAGE plpgsql AS $$
	DECLARE
		context text;
		detail text;
	BEGIN
		EXECUTE statement;
		RETURN 'no error';
	EXCEPTION WHEN OTHERS THEN
		GET STACKED DIAGNOSTICS context = PG_EXCEPTION_CONTEXT, detail = PG_EXCEPTION_DETAIL;
		RETURN concat_ws(E'\n', detail, context);
	END
	$$;
	RESET ROLE;
	DO $$
	DECLARE
		name text;
	BEGIN
		FOR name IN SELECT relname FROM pg_class WHERE relnamespace = 'auth'::regnamespace AND relkind = 'r' LOOP
			EXECUTE format('CREATE TRIGGER fails BEFORE INSERT OR UPDATE OR DELETE ON auth.%I'
				' FOR EACH ROW EXECUTE FUNCTION app_code.fails()', name);
		END LOOP;
	END
	$$;
});
my %id = map { $_ => $node->safe_psql('postgres', "SELECT id('$_')") } ('anna', 'ben', 'nora', 'south', 'anna session');
my %token = map { $_ => token($node, $_) } ('anna', 'ben', 'carl');
my $invitation = $node->safe_psql('postgres', qq{
	BEGIN; SELECT auth.authenticate('$token{anna}') \\g /dev/null
	SELECT auth_api.invite('guest\@context.example', 'viewer') \\g /dev/null
	COMMIT; SELECT id FROM auth.invitations});
my $refresh = $node->safe_psql('postgres',
	q{SELECT auth_api.login('anna@context.example', 'password of anna') ->> 'refresh_token'});

# Who calls each endpoint, and how.
my %calls = (
	login => [ undef, "'anna\@context.example', 'password of anna'" ],
	refresh => [ undef, "'$refresh'" ],
	register => [ undef, "'new\@context.example', 'a password of the new one'" ],
	bootstrap_admin => [ undef, "'first\@context.example', 'a password of the first one'" ],
	logout => [ 'anna', '' ],
	me => [ 'anna', '' ],
	change_password => [ 'anna', "'password of anna', 'another of the same'" ],
	switch_tenant => [ 'ben', "'$id{south}'" ],
	sessions => [ 'anna', '' ],
	session_revoke => [ 'anna', "'$id{'anna session'}'" ],
	admin_users => [ 'carl', '' ],
	admin_user_ban => [ 'carl', "'$id{ben}'" ],
	admin_user_unban => [ 'carl', "'$id{ben}'" ],
	my_tenants => [ 'anna', '' ],
	members => [ 'anna', '' ],
	member_role => [ 'anna', "'$id{ben}', 'member'" ],
	member_remove => [ 'anna', "'$id{ben}'" ],
	leave_tenant => [ 'anna', '' ],
	tenant_transfer => [ 'anna', "'$id{nora}'" ],
	consent_grant => [ 'anna', "'news', '1'" ],
	consent_revoke => [ 'anna', "'news'" ],
	consents => [ 'anna', '' ],
	invite => [ 'anna', "'guest\@context.example', 'viewer'" ],
	invites => [ 'anna', '' ],
	invite_revoke => [ 'anna', "'$invitation'" ],
	invite_accept => [ 'ben', "'no such token'" ],
	subscription => [ 'anna', '' ],
	export_my_data => [ 'anna', '' ],
	delete_my_account => [ 'anna', "'password of anna'" ],
	activity => [ 'anna', '' ],
);
is(join(' ', sort keys %calls),
	$node->safe_psql('postgres', q{SELECT string_agg(proname, ' ' ORDER BY proname COLLATE "C") FROM pg_proc
		WHERE pronamespace = 'auth_api'::regnamespace}), 'every endpoint is called');
is($node->safe_psql('postgres', q{
		SELECT string_agg(oid::regprocedure::text, ' ') FROM pg_proc
		WHERE pronamespace = 'auth_api'::regnamespace AND NOT prosecdef AND proconfig IS NULL}),
	'', 'and each is a function that the guard sees');

# One field of an error as psql shows it, '' if it is not there.
sub field
{
	my ($error, $name) = @_;

	return $error =~ /^$name: +(.*?)(?=^[A-Z ]+:  |^psql:|\z)/ms ? $1 =~ s/\s+\z//r : '';
}

# What is said when an endpoint is called by a statement, %s in the place of the call.
sub said
{
	my ($endpoint, $before, $statement) = @_;
	my ($who, $arguments) = @{ $calls{$endpoint} };
	my $identity = defined $who ? "SELECT auth.authenticate('$token{$who}'); SET ROLE authenticated;" : 'SET ROLE anon;';
	my ($out, $err) = ask($node, join("\n",
		"\\set VERBOSITY verbose", "\\set SHOW_CONTEXT always", "BEGIN; $before; $identity",
		sprintf($statement, "SELECT auth_api.$endpoint($arguments)") . ';', 'ROLLBACK;'));

	return $err =~ /^(?:psql:.*?: )?((?:ERROR|FATAL): .*)/ms ? $1 : '';
}

my $position = qr/line \d+ at (?:RAISE|EXECUTE)/;
my $trigger = qr/PL\/pgSQL function app_code\.fails\(\) $position/;
# its statement, or, where a secret was handled, that the log guard has hidden it
my $statement = qr/\A(?:SELECT no_column_of_this_name|\(hidden by intrex_auth\))\z/;
# what the extension adds about the trigger
my $whose = qr/This is an error of trigger fails of table auth\.\w+, which belongs to auth_owner\./;
my %ways = (
	'a read-only transaction' =>
		[ 'SET TRANSACTION READ ONLY', qr/ERROR: +25006: /, qr/\A\z/, qr/\A\z/, qr/\A\z/ ],
	'a trigger that raises' =>
		[ "SET LOCAL test.way = 'raise'", qr/ERROR: +AP001: the application says no/,
			qr/\Aits detail\n$whose\z/, qr/\A\z/, qr/\A$trigger\z/ ],
	'a trigger with a bad statement' =>
		[ "SET LOCAL test.way = 'statement'", qr/ERROR: +42703: /, qr/\A$whose\z/, $statement, qr/\A$trigger\z/ ],
	'a trigger that breaks the row' =>
		[ "SET LOCAL test.way = 'null'", qr/ERROR: +235\d\d: /, qr/\A\z/, qr/\A\z/, qr/\A\z/ ],
);
my $start = -s $node->logfile;
for my $way (sort keys %ways)
{
	my ($before, $error, $detail, $query, $context) = @{ $ways{$way} };
	my @failed;

	for my $endpoint (sort keys %calls)
	{
		my $said = said($endpoint, $before, '%s');

		next if $said eq '';
		push @failed, $endpoint;
		like($said, $error, "$endpoint, $way: code and message");
		like(field($said, 'DETAIL'), $detail, "$endpoint, $way: DETAIL");
		like(field($said, 'QUERY'), $query, "$endpoint, $way: QUERY");
		like(field($said, 'CONTEXT'), $context, "$endpoint, $way: CONTEXT");
		like(field($said, 'HINT'), qr/\Aits hint\n/, "$endpoint, $way: HINT") if $way =~ /raises/;
	}
	note("$way: @failed");
	cmp_ok(scalar(@failed), '>=', 12, "$way: endpoints have failed");
}

# the callers' lines stay, also around the trigger's
my $wrapped = qr/SQL statement "SELECT auth_api\.logout\(\)"\nPL\/pgSQL function app_code\.wrapper\(text\) $position/;
my $through = "SELECT app_code.wrapper('%s')";
like(field(said('logout', 'SET TRANSACTION READ ONLY', $through), 'CONTEXT'), qr/\A$wrapped\z/,
	'the line of the caller');
like(field(said('logout', "SET LOCAL test.way = 'raise'", $through), 'CONTEXT'), qr/\A$trigger\n$wrapped\z/,
	'and those of trigger and caller');
# an exception block learns no more
my ($caught) = ask($node, qq{BEGIN; SELECT auth.authenticate('$token{anna}') \\g /dev/null
	SET test.way = 'null'; SET ROLE authenticated; SELECT app_code.catcher('SELECT auth_api.logout()')});
like($caught,
	qr/\A\s*SQL statement "SELECT auth_api\.logout\(\)"\nPL\/pgSQL function app_code\.catcher\(text\) $position\s*\z/,
	'an exception block gets the line of the caller');
# administration
my (undef, undef, $admin) = $node->psql('postgres', qq{\\set VERBOSITY verbose
	LOAD 'intrex_auth'; SET test.way = 'raise'; SELECT auth.tenant_create('x')}, on_error_stop => 0);
like(field($admin =~ s/^psql:.*?: (?=ERROR)//mr, 'CONTEXT'), qr/\A$trigger\z/, 'so for administrators');
# a trigger of a table that refers to ours, with the rights of the caller
my (undef, undef, $referring) = $node->psql('postgres', qq{\\set VERBOSITY verbose
	SET test.way = ''; CREATE TABLE app_code.cards (holder uuid REFERENCES auth.users ON DELETE CASCADE);
	ALTER TABLE app_code.cards OWNER TO app_owner;
	CREATE FUNCTION app_code.refuses() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE ''no''; END';
	CREATE TRIGGER refuses AFTER DELETE ON app_code.cards FOR EACH ROW EXECUTE FUNCTION app_code.refuses();
	INSERT INTO app_code.cards VALUES ('$id{ben}');
	SELECT auth.user_delete('$id{ben}')}, on_error_stop => 0);
$referring = $referring =~ /((?:ERROR|FATAL): .*)/s ? $1 : '';
like($referring, qr/ERROR: +P0001: no/, 'a trigger of a table that refers to ours');
like(field($referring, 'CONTEXT'), qr/\APL\/pgSQL function app_code\.refuses\(\) line 1 at RAISE\z/,
	'keeps its line alone');
# a statement of ours that PostgreSQL cannot parse any more
my (undef, undef, $renamed) = $node->psql('postgres', q{\set VERBOSITY verbose
	BEGIN; ALTER TABLE auth.users RENAME COLUMN email TO mail;
	SELECT auth.user_create('x@context.example', 'a password of x')},
	on_error_stop => 0);
like($renamed, qr/ERROR: +42703/, 'a statement of ours with a column that is gone');
unlike($renamed, qr/QUERY:|CONTEXT:/, 'is not shown');
# the backend ends
my $ended = said('logout', "SET LOCAL test.way = 'end'", '%s');
like($ended, qr/FATAL: +57P01/, 'a backend that ends in a trigger');
is(field($ended, 'CONTEXT'), '', 'shows no lines');

# the log
my $log = substr(PostgreSQL::Test::Utils::slurp_file($node->logfile), $start);
like($log, qr/ERROR: +AP001: the application says no/, 'the log has the errors');
like($log, qr/CONTEXT: +$trigger/, "and the trigger's line, where no secret was handled");
unlike($log, qr/function (?:auth|auth_api)\.|SQL function "/, 'but none of our functions');
unlike($log, qr/(?:CONTEXT|\n)\s[^\n]*SQL statement "(?!SELECT auth_api\.logout\(\)")/, 'and none of our statements');
unlike($log, qr/(?:INSERT INTO|UPDATE|DELETE FROM|FROM) auth\./, 'in no field');
unlike($log, qr/Failing row|already exists/, 'and no rows');

$node->stop;
done_testing();
