/*
 * src/settings.c: every setting but intrex_auth.token (identity.c), each with
 * what it gives and what it risks.
 *
 * Depends on guc.c alone.  All are SUSET or SIGHUP: an application role can
 * change none of them.  SHOW carries the same text in short form.
 */
#include "postgres.h"

#include <limits.h>

#include "utils/builtins.h"
#include "utils/guc.h"

#include "compat.h"
#include "settings.h"

#include "core/passhash.h"

SQL_FUNCTION(intrex_auth_setting_seconds);

/*
 * Path of the key file; a relative one is below the data directory.  Whoever
 * reads this file can sign tokens for anybody and open every sealed secret;
 * whoever writes it decides who may.  Keep it on a file system that only the
 * server's user reads, and back it up apart from the database: a dump does not
 * hold it.  SIGHUP, because a session must not choose its own keys.
 */
char	   *setting_key_file;

/*
 * The iss claim of our tokens, and what iss a token must have.  Empty means
 * intrex-auth:<system identifier>/<database oid>, so that a token of one
 * database is refused by the next.  Set it to a URL when other systems check
 * iss; two databases with one issuer and one key file accept each other's
 * tokens (then the session check alone tells them apart).
 */
char	   *setting_issuer;

/*
 * The aud claim of our tokens, and what audience a token must name.  Systems
 * that share a key but not their users must differ here.
 */
char	   *setting_audience;

/*
 * The database roles that the role claim of a token may name, separated by
 * commas.  A token that names another (a superuser, an owner) is refused even
 * when its signature is good.  Never list a role that bypasses row security.
 */
char	   *setting_api_roles;

/*
 * The schemas whose tables clients reach, separated by commas: PostgREST's
 * db-schemas without auth_api.  auth.guard_ddl() watches over them; a schema that
 * is left out here is watched by nobody.
 */
char	   *setting_exposed_schemas;

/*
 * Lifetime of an access token.  Short lifetimes cost a refresh now and then;
 * long ones cost little here, since logout and bans bite at once, but they do
 * matter with session_check = off and for everybody else who verifies tokens.
 */
int			setting_access_token_lifetime = 900;

/*
 * The longest lifetime (exp - iat) that is accepted of any token, whoever
 * signed it.  It bounds the damage of a token signed elsewhere with our key.
 */
int			setting_max_token_lifetime = 86400;

/*
 * Check session, user and membership once per transaction.  It is what makes
 * logout, bans and role changes bite on the next transaction, for less than a
 * microsecond, and about ten when a backend meets a session for the first time
 * since any was changed.  Off: the purely stateless mode, where a token is good until it
 * expires and its claims are taken as signed.  Off is meant for nodes that have
 * no auth tables.
 */
bool		setting_session_check = true;

/*
 * Accept a token that was set in an earlier transaction.  Off, because behind a
 * transaction pooler a forgotten plain SET would serve the next client.  On is
 * for interactive psql sessions without a pooler.
 */
bool		setting_session_token = false;

/*
 * A function (jsonb) RETURNS jsonb, as schema.name, that is asked at each login and
 * refresh (it may add claims, or refuse) and, once per transaction, about each token
 * that verifies (it may refuse).  It runs as auth_owner and decides who is let in:
 * one that fails, hangs or is missing lets nobody in.  Empty: there is none.
 */
char	   *setting_claims_hook;

/*
 * How long the hook may take.  Every transaction with a token waits for it, so
 * what it can take from the database is this, times the connections.
 */
int			setting_claims_hook_timeout = 2000;

/*
 * How long a refresh token can be used; each use issues a new one with the full
 * time.  So this is also how long a session survives without activity.
 */
int			setting_refresh_token_lifetime = 604800;

/*
 * Within this time a refresh token may be presented again, as long as its
 * successor is unused: the same successor comes back.  It saves tabs that
 * refresh at once and answers that got lost.  A thief has the same time.
 * 0 makes every second use a theft.
 */
int			setting_refresh_reuse_grace = 30;

/*
 * What new password hashes are.  bcrypt reads no more than 72 bytes of a password,
 * so longer ones are refused; it needs 4 KiB.  argon2id takes 4096 bytes and is
 * dearer to guess, for memory: password_argon2_memory for each hash that is
 * computed.  After a change each user's hash is replaced at the next login.
 */
int			setting_password_algorithm = PASSHASH_BCRYPT;

/*
 * How a refresh token travels.  body: in the answer of login and refresh, for
 * clients that keep it themselves; in a browser every script of the page could read
 * it.  cookie: in an HttpOnly cookie, which no script reads and the browser sends
 * by itself; so requests of other sites are refused, and those of sibling origins
 * are what server-cors-allowed-origins of PostgREST is for.  A cookie needs a
 * response that carries it: without request.method the token is in the body.
 */
int			setting_token_delivery = DELIVERY_BODY;

/*
 * The name of that cookie.  With the prefix __Host- browsers refuse one that a
 * sibling subdomain has planted; it demands cookie_secure and the path /.
 */
char	   *setting_refresh_cookie_name;

/*
 * Where browsers send it: to this path of the API and below.  That of refresh
 * alone keeps it out of all other requests, but then logout must come with an
 * access token.  A path keeps nothing from other pages of the same origin.
 */
char	   *setting_refresh_cookie_path;

/*
 * Which requests of other sites carry it.  strict: none, and nothing is lost, since
 * only the application's own pages refresh.  lax: those that navigate here by GET,
 * which refresh does not take.  none is not offered: the cookie would follow
 * whoever asks, and browsers give up such cookies.
 */
int			setting_refresh_cookie_same_site = SAME_SITE_STRICT;

/*
 * Send cookies by HTTPS alone.  Off is for development without it: everybody on
 * the way reads the refresh token.
 */
bool		setting_cookie_secure = true;

/*
 * How long an invitation to a tenant can be accepted.  Whoever has its token and
 * an account with the invited address gets in with the role that it names, as
 * long as who invited may still give that role.
 */
int			setting_invitation_lifetime = 86400;

/*
 * How many invitations to one tenant can wait for an answer at a time.  It keeps
 * whoever may invite from filling the table, and from sending letters to the
 * world; a tenant that has as many cannot invite another address until some are
 * accepted, are revoked or expire, whoever sent them.  0 lets nobody be invited.
 */
int			setting_max_pending_invitations = 200;

/*
 * bcrypt cost of new hashes (2^cost rounds).  Each step doubles the time of a
 * login and of a guess.  Raising it rehashes at the next login of each user.
 * Below 10 is for tests.
 */
int			setting_password_cost = 10;

/*
 * Memory of one new argon2id hash.  The default and that of the iterations are
 * OWASP's.  The server needs this times max_concurrent_hashes; stored hashes of
 * other systems may take up to 256 MB each, until their users have logged in.
 */
int			setting_password_argon2_memory = 19456;

/* Passes of a new argon2id hash over its memory; with time and memory the cost of a guess. */
int			setting_password_argon2_iterations = 2;

/*
 * Verify MD5-crypt ($1$).  Off: its thousand rounds of MD5 keep a guesser busy for
 * an hour, not for years, and what is off cannot come in by an import unnoticed.
 * On is for the time in which such users log in, after which they have a new hash.
 */
bool		setting_allow_md5_crypt = false;

/*
 * Shortest password accepted, in characters (NIST 800-63B: 8 at least, 15 where
 * it is the only factor).  Existing passwords are not affected.
 */
int			setting_password_min_length = 8;

/*
 * A list of common passwords, one a line, none of which is accepted as a new
 * password.  $sharedir is where the server has its own files; another relative
 * path is below the data directory.  Lines that begin with #! are comments.  A
 * changed file is noticed within a second.  While the file cannot be read, or
 * has more than 8 MB, no password is accepted.  Empty: no list.
 */
char	   *setting_password_blocklist_file;

/*
 * A filter of leaked passwords, made by intrex_auth_leaked_filter; none of them
 * is accepted as a new password, and of others less than one in a million is
 * refused by mistake.  The path is like that of the list.  While the filter
 * cannot be read no password is accepted.  Empty: none is asked.
 */
char	   *setting_password_leaked_file;

/*
 * How many former passwords of a user, besides the present one, cannot be chosen
 * again.  Each costs the computation of a hash when the password is changed, and
 * its hash is kept, where it can be stolen.  NIST 800-63B asks for none.
 */
int			setting_password_history = 0;

/* Whether auth_api.register is open to everybody.  Off: administrators create users. */
bool		setting_allow_signup = true;

/*
 * Whether auth_api.bootstrap_admin may create the first platform administrator.
 * It works exactly while there is none, but until then for anybody who reaches
 * the endpoint: turn it on for the minute in which you use it.
 */
bool		setting_allow_bootstrap = false;

/*
 * Whether an address must be verified before its user can log in.  Then
 * register logs nobody in, and answers alike for new and for taken addresses.
 */
bool		setting_require_email_verification = false;

/*
 * Attempts a minute per pair of identifier and address.  This is the limit that
 * a person who mistypes meets, and a guesser at one account from one place.
 */
int			setting_login_limit_pair = 10;

/*
 * Attempts a minute per address, over all identifiers: password spraying.  Many
 * users behind one address share it; an IPv6 address counts as its /64 network.
 * Not applied where the address is unknown (Unix-socket connections without
 * trusted proxies).  With trusted proxies, requests whose header cannot be used
 * count together as one address.
 */
int			setting_login_limit_address = 100;

/*
 * Attempts a minute per identifier, over all addresses.  Higher than the pair
 * limit, so that a stranger elsewhere does not lock the owner out.
 */
int			setting_login_limit_identifier = 50;

/*
 * Failures in a row after which an identifier is closed until a reset or an
 * administrator opens it (NIST 800-63B §5.2.2: no more than 100).  Counters are
 * keyed by the ring's oldest derivation key: retiring that one opens what was
 * closed.
 */
int			setting_login_max_failures = 100;

/*
 * Password hashes computed at the same time, over the whole server; more are
 * answered 503 after waiting half a second.  It keeps a flood of logins from
 * starving the database: set it near the number of cores that you would give to
 * logins.
 */
int			setting_max_concurrent_hashes = 16;

/*
 * How many proxies in front of the HTTP layer append to X-Forwarded-For.  0:
 * the header is ignored and the address is the connection's.  A number too
 * high lets clients choose their own address and so escape the limits.
 */
int			setting_trusted_proxies = 0;

/* The spellings of password_algorithm. */
static const struct config_enum_entry password_algorithms[] = {
	{"bcrypt", PASSHASH_BCRYPT, false},
	{"argon2id", PASSHASH_ARGON2ID, false},
	{NULL, 0, false}
};

/* The spellings of token_delivery. */
static const struct config_enum_entry token_deliveries[] = {
	{"body", DELIVERY_BODY, false},
	{"cookie", DELIVERY_COOKIE, false},
	{NULL, 0, false}
};

/* The spellings of refresh_cookie_same_site. */
static const struct config_enum_entry same_sites[] = {
	{"strict", SAME_SITE_STRICT, false},
	{"lax", SAME_SITE_LAX, false},
	{NULL, 0, false}
};

/* Grows at each change of a setting of superusers: simple, and such changes are rare. */
static uint64 generation = 0;

/* Assign hooks of those settings. */
static void
NoteStringChange(const char *newval, void *extra)
{
	generation++;
}

static void
NoteIntegerChange(int newval, void *extra)
{
	generation++;
}

static void
NoteBooleanChange(bool newval, void *extra)
{
	generation++;
}

static void
NoteEnumChange(int newval, void *extra)
{
	generation++;
}

/* Check hook: a cookie's name is a token of RFC 9110 §5.6.2, so that nothing ends it early. */
static bool
CheckCookieName(char **newval, void **extra, GucSource source)
{
	static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	"0123456789!#$%&'*+-.^_`|~";
	size_t		length = strlen(*newval);

	if (length >= 1 && length <= COOKIE_NAME_MAX && strspn(*newval, allowed) == length)
		return true;
	GUC_check_errdetail("The name of a cookie has 1 to %d letters, digits and characters of !#$%%&'*+-.^_`|~.",
						COOKIE_NAME_MAX);
	return false;
}

/* Check hook: a path begins with a slash and holds nothing that ends an attribute. */
static bool
CheckCookiePath(char **newval, void **extra, GucSource source)
{
	size_t		length = strlen(*newval);
	bool		good = (*newval)[0] == '/' && length <= COOKIE_PATH_MAX;

	for (const char *c = *newval; good && *c != '\0'; c++)
		good = *c > ' ' && *c < 0x7f && *c != ';' && *c != ',';
	if (good)
		return true;
	GUC_check_errdetail("The path of a cookie begins with / and has at most %d printable ASCII characters, none of them a space, comma or semicolon.",
						COOKIE_PATH_MAX);
	return false;
}

/* What a kept verification must be compared with. */
uint64
SettingsGeneration(void)
{
	return generation;
}

/* Define an integer setting of superusers. */
static void
DefineInteger(const char *name, const char *description, const char *more,
			  int *variable, int minimum, int maximum, int flags)
{
	DefineCustomIntVariable(name, description, more,
							variable, *variable, minimum, maximum,
							PGC_SUSET, flags, NULL, NoteIntegerChange, NULL);
}

/* Define a boolean setting of superusers. */
static void
DefineBoolean(const char *name, const char *description, const char *more, bool *variable)
{
	DefineCustomBoolVariable(name, description, more,
							 variable, *variable, PGC_SUSET, 0, NULL, NoteBooleanChange, NULL);
}

/* The settings of password hashes as the core takes them. */
PassHashPolicy
SettingsHashPolicy(void)
{
	PassHashPolicy policy = {
		(PassHashAlgorithm) setting_password_algorithm, setting_password_cost,
		setting_password_argon2_memory, setting_password_argon2_iterations,
		setting_allow_md5_crypt
	};

	return policy;
}

/* Define all settings of this file. */
void
SettingsInit(void)
{
	DefineCustomStringVariable("intrex_auth.key_file",
							   "Sets the path of the key file.",
							   "A relative path is below the data directory. Whoever reads the file can sign tokens and open sealed secrets.",
							   &setting_key_file,
							   "intrex_auth.jwks",	/* boot value */
							   PGC_SIGHUP, GUC_SUPERUSER_ONLY, NULL, NULL, NULL);
	DefineCustomStringVariable("intrex_auth.issuer",
							   "Sets the issuer (iss) of tokens.",
							   "Empty means intrex-auth:<system identifier>/<database oid>, which keeps the tokens of one database out of the next.",
							   &setting_issuer,
							   "",	/* boot value */
							   PGC_SUSET, 0, NULL, NoteStringChange, NULL);
	DefineCustomStringVariable("intrex_auth.audience",
							   "Sets the audience (aud) of tokens.",
							   "Systems that share a key but not their users must differ here.",
							   &setting_audience,
							   "authenticated", /* boot value */
							   PGC_SUSET, 0, NULL, NoteStringChange, NULL);
	DefineCustomStringVariable("intrex_auth.api_roles",
							   "Sets the database roles that a token may name, separated by commas.",
							   "Never list a role that bypasses row security.",
							   &setting_api_roles,
							   "anon,authenticated,auth_platform",	/* boot value */
							   PGC_SUSET, 0, NULL, NoteStringChange, NULL);
	DefineCustomStringVariable("intrex_auth.exposed_schemas",
							   "Sets the schemas that auth.guard_ddl() watches over, separated by commas.",
							   "Those whose tables clients reach, such as PostgREST's db-schemas.",
							   &setting_exposed_schemas,
							   "public",	/* boot value */
							   PGC_SUSET, 0, NULL, NULL, NULL);
	DefineInteger("intrex_auth.access_token_lifetime",
				  "Sets the lifetime of an access token.",
				  "From 1 second to 24 hours.",
				  &setting_access_token_lifetime, 1, TOKEN_LIFETIME_LIMIT, GUC_UNIT_S);
	DefineInteger("intrex_auth.max_token_lifetime",
				  "Sets the longest lifetime accepted of any token.",
				  "From 1 second to 24 hours; tokens with a longer one are refused.",
				  &setting_max_token_lifetime, 1, TOKEN_LIFETIME_LIMIT, GUC_UNIT_S);
	DefineBoolean("intrex_auth.session_check",
				  "Checks session, user and membership once per transaction.",
				  "Off: a token is good until it expires, and logout, bans and role changes wait until then.",
				  &setting_session_check);
	DefineBoolean("intrex_auth.session_token",
				  "Accepts a token that was set in an earlier transaction.",
				  "Never turn it on behind a transaction pooler: a token left over would serve the next client.",
				  &setting_session_token);
	DefineCustomStringVariable("intrex_auth.claims_hook",
							   "Sets the function that is asked about tokens, as schema.function.",
							   "It may add claims and refuse tokens; it runs as auth_owner. While it fails, nobody is let in.",
							   &setting_claims_hook,
							   "",	/* boot value */
							   PGC_SUSET, 0, NULL, NoteStringChange, NULL);
	DefineInteger("intrex_auth.claims_hook_timeout",
				  "Sets how long the claims hook may take.",
				  "From 1 millisecond to a minute.",
				  &setting_claims_hook_timeout, 1, 60000, GUC_UNIT_MS);
	DefineInteger("intrex_auth.refresh_token_lifetime",
				  "Sets the lifetime of a refresh token.",
				  "Each use issues a new one, so this is how long a session lasts without activity.",
				  &setting_refresh_token_lifetime, 1, 400 * 86400, GUC_UNIT_S);
	DefineInteger("intrex_auth.refresh_reuse_grace",
				  "Sets how long a refresh token may be presented again while its successor is unused.",
				  "It saves concurrent tabs and lost answers from being signed out; a thief has the same time.",
				  &setting_refresh_reuse_grace, 0, 3600, GUC_UNIT_S);
	DefineCustomEnumVariable("intrex_auth.token_delivery",
							 "Sets how a refresh token travels: in the body of an answer, or in a cookie.",
							 "A cookie takes a request by HTTP (request.method is set); otherwise the token is in the body.",
							 &setting_token_delivery, DELIVERY_BODY, token_deliveries,
							 PGC_SUSET, 0, NULL, NULL, NULL);
	DefineCustomStringVariable("intrex_auth.refresh_cookie_name",
							   "Sets the name of the cookie that carries a refresh token.",
							   "A name that begins with __Host- demands intrex_auth.cookie_secure and the path /.",
							   &setting_refresh_cookie_name,
							   "refresh_token", /* boot value */
							   PGC_SUSET, 0, CheckCookieName, NULL, NULL);
	DefineCustomStringVariable("intrex_auth.refresh_cookie_path",
							   "Sets the path to which browsers send that cookie.",
							   "With that of refresh alone, logout needs an access token.",
							   &setting_refresh_cookie_path,
							   "/", /* boot value */
							   PGC_SUSET, 0, CheckCookiePath, NULL, NULL);
	DefineCustomEnumVariable("intrex_auth.refresh_cookie_same_site",
							 "Sets which requests of other sites carry that cookie.",
							 "strict: none. lax: those that navigate here by GET.",
							 &setting_refresh_cookie_same_site, SAME_SITE_STRICT, same_sites,
							 PGC_SUSET, 0, NULL, NULL, NULL);
	DefineBoolean("intrex_auth.cookie_secure",
				  "Sends cookies by HTTPS alone.",
				  "Off is for development without HTTPS.",
				  &setting_cookie_secure);
	DefineInteger("intrex_auth.invitation_lifetime",
				  "Sets how long an invitation to a tenant can be accepted.",
				  "From 1 minute to 30 days.",
				  &setting_invitation_lifetime, 60, 30 * 86400, GUC_UNIT_S);
	DefineInteger("intrex_auth.max_pending_invitations",
				  "Sets how many invitations to a tenant can be pending.",
				  "From 0 to 100000. Those that were accepted, were revoked or have expired do not count.",
				  &setting_max_pending_invitations, 0, 100000, 0);
	DefineInteger("intrex_auth.password_cost",
				  "Sets the bcrypt cost of new password hashes.",
				  "From 4 to 14; each step doubles the time. Below 10 is for tests.",
				  &setting_password_cost, PASSHASH_BCRYPT_MIN_COST, PASSHASH_BCRYPT_MAX_COST, 0);
	DefineCustomEnumVariable("intrex_auth.password_algorithm",
							 "Sets the algorithm of new password hashes.",
							 "bcrypt takes passwords of at most 72 bytes; argon2id needs memory, and takes 4096.",
							 &setting_password_algorithm, PASSHASH_BCRYPT, password_algorithms,
							 PGC_SUSET, 0, NULL, NoteEnumChange, NULL);
	DefineInteger("intrex_auth.password_argon2_memory",
				  "Sets the memory of a new argon2id hash.",
				  "From 1 MB to 128 MB; the server needs this times max_concurrent_hashes.",
				  &setting_password_argon2_memory,
				  PASSHASH_ARGON2_MIN_MEMORY, PASSHASH_ARGON2_MAX_MEMORY, GUC_UNIT_KB);
	DefineInteger("intrex_auth.password_argon2_iterations",
				  "Sets the passes of a new argon2id hash over its memory.",
				  "From 1 to 8.",
				  &setting_password_argon2_iterations, 1, PASSHASH_ARGON2_MAX_ITERATIONS, 0);
	DefineBoolean("intrex_auth.allow_md5_crypt",
				  "Accepts imported MD5-crypt hashes.",
				  "Off, because they are guessed in hours; each is replaced when its user logs in.",
				  &setting_allow_md5_crypt);
	DefineInteger("intrex_auth.password_min_length",
				  "Sets the shortest password accepted, in characters.",
				  "From 1 to 72. Existing passwords are not affected.",
				  &setting_password_min_length, 1, PASSHASH_BCRYPT_MAX_BYTES, 0);
	DefineCustomStringVariable("intrex_auth.password_blocklist_file",
							   "Sets the path of the list of common passwords, which are not accepted.",
							   "While the file cannot be read no password is accepted. Empty: no list.",
							   &setting_password_blocklist_file,
							   "$sharedir/extension/intrex_auth_common_passwords.txt",	/* boot value */
							   PGC_SUSET, GUC_SUPERUSER_ONLY, NULL, NULL, NULL);
	DefineCustomStringVariable("intrex_auth.password_leaked_file",
							   "Sets the path of the filter of leaked passwords, which are not accepted.",
							   "intrex_auth_leaked_filter makes it. While it cannot be read no password is accepted. Empty: no filter.",
							   &setting_password_leaked_file,
							   "",	/* boot value */
							   PGC_SUSET, GUC_SUPERUSER_ONLY, NULL, NULL, NULL);
	DefineInteger("intrex_auth.password_history",
				  "Sets how many former passwords cannot be chosen again.",
				  "From 0 to 24; each costs the computation of a hash when a password is changed.",
				  &setting_password_history, 0, 24, 0);
	DefineBoolean("intrex_auth.allow_signup",
				  "Opens auth_api.register to everybody.",
				  "Off: administrators create users.",
				  &setting_allow_signup);
	DefineBoolean("intrex_auth.allow_bootstrap",
				  "Lets auth_api.bootstrap_admin create the first platform administrator.",
				  "It works only while there is none, but for anybody who calls it: turn it on just for that minute.",
				  &setting_allow_bootstrap);
	DefineBoolean("intrex_auth.require_email_verification",
				  "Demands a verified e-mail address before a user can log in.",
				  "Then registration logs nobody in.",
				  &setting_require_email_verification);
	DefineInteger("intrex_auth.login_limit_pair",
				  "Sets the login attempts a minute per identifier and address.",
				  "Over the limit the answer is 429.",
				  &setting_login_limit_pair, 1, INT_MAX, 0);
	DefineInteger("intrex_auth.login_limit_address",
				  "Sets the login attempts a minute per address, over all identifiers.",
				  "Not applied where the address is unknown (Unix-socket connections without trusted proxies).",
				  &setting_login_limit_address, 1, INT_MAX, 0);
	DefineInteger("intrex_auth.login_limit_identifier",
				  "Sets the login attempts a minute per identifier, over all addresses.",
				  "Keep it higher than login_limit_pair, so that strangers do not lock users out.",
				  &setting_login_limit_identifier, 1, INT_MAX, 0);
	DefineInteger("intrex_auth.login_max_failures",
				  "Sets the failures in a row that close an account until it is reset.",
				  "From 1 to 100 (NIST 800-63B).",
				  &setting_login_max_failures, 1, 100, 0);
	DefineInteger("intrex_auth.max_concurrent_hashes",
				  "Sets the password hashes computed at the same time on this server.",
				  "More are answered 503, so that a flood of logins does not starve the database.",
				  &setting_max_concurrent_hashes, 1, 1000, 0);
	DefineInteger("intrex_auth.trusted_proxies",
				  "Sets the number of proxies that append to X-Forwarded-For.",
				  "0 ignores the header. Too high a number lets clients choose their own address.",
				  &setting_trusted_proxies, 0, 10, 0);
}

/*
 * SQL function: auth._seconds(name text) returns integer
 *
 * A setting as its plain number; SHOW would add a unit of its choice.
 */
Datum
intrex_auth_setting_seconds(PG_FUNCTION_ARGS)
{
	char	   *name = text_to_cstring(PG_GETARG_TEXT_PP(0));

	PG_RETURN_INT32(pg_strtoint32(GetConfigOption(psprintf("intrex_auth.%s", name), false, false)));
}
