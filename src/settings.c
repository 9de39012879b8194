/*
 * src/settings.c: every setting but intrex_auth.token (tokensetting.c), each with
 * what it gives and what it risks.  settingsdefine.c tells the server of them.
 *
 * All are SUSET or SIGHUP: an application role can change none of them.
 */
#include "postgres.h"

#include "settings.h"

#include "core/passhash.h"

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
 * intrex-auth:<id>, where the id is random and moves with the database: a token of
 * one database is refused by the next, and a move signs nobody out.  The id is in
 * auth.issuers: nodes without that table need this setting.  Set it to a URL
 * when other systems check iss; two databases with one issuer and one key file
 * accept each other's tokens (then the session check alone tells them apart).
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
 * no auth tables; they need intrex_auth.issuer, since the default is in one.
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
 * that verifies (it may refuse).  It runs as auth_hook and decides who is let in:
 * one that fails, hangs or is missing lets nobody in.  So does who owns a table that
 * it reads, by its rows.  Empty: there is none.
 */
char	   *setting_claims_hook;

/*
 * Let the hook be SECURITY DEFINER, for what nothing else can read.  Predicates of
 * indexes and policies of each table that it reads then run with the rights of its
 * owner, a superuser or auth_owner: the owner of one of those tables can take over
 * the database.  Turn it on only where superusers own them all.
 */
bool		setting_claims_hook_definer = false;

/*
 * How long the hook may take.  Every transaction with a token waits for it, so
 * what it can take from the database is this, times the connections.
 */
int			setting_claims_hook_timeout = 2000;

/*
 * Let DROP EXTENSION, and whatever else drops the extension, go on although it has
 * users: all of them are deleted, with tenants, sessions, secrets and the audit
 * trail.  Turn it on in the session that is meant to, such as that of
 * pg_restore --clean, and nowhere else.
 */
bool		setting_allow_drop = false;

/*
 * How long a refresh token can be used; each use issues a new one with the full
 * time.  So this is also how long a session survives without activity.
 */
int			setting_refresh_token_lifetime = 604800;

/*
 * Within this time after its rotation a refresh token may be presented again, and
 * gives the newest successor that is unused.  It saves tabs that refresh at once,
 * whose answers overtake one another.  A thief has the same time.  0 makes every
 * second use a theft, whatever refresh_recovery says.
 */
int			setting_refresh_reuse_grace = 30;

/*
 * How long after its rotation a refresh token still gives its successor while
 * nobody has used that one: the answer was lost, and an outage often takes longer
 * than the grace time.  A thief of the former token gets in as long, and goes
 * unnoticed if the owner comes back within the same time.  0, or less than the
 * grace time: that alone counts.
 */
int			setting_refresh_recovery = 300;

/*
 * How long a session lasts at most, from its login, however often it is refreshed.
 * It bounds for how long a stolen session is of use, and asks everybody for the
 * password that often.  It holds for sessions that begin after it was set.  0: as
 * long as they are refreshed.
 */
int			setting_session_lifetime = 0;

/*
 * Which other sessions a login ends.  replace: the one that its request proves, by
 * refresh cookie or access token, so that a browser has one at a time.  one_per_user:
 * all others of the user as well, on whatever device; anyone who knows the password can
 * sign the owner out, who notices.  off: none.
 */
int			setting_single_session = SINGLE_SESSION_OFF;

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

/*
 * How long rows of the audit trail are kept: auth.cleanup() then removes whole
 * seals of them, and seals that it did.  It is what bounds the trail, which gets a
 * row for each login and refresh.  The default covers a year and the month in
 * which somebody looks back at it.  Shorter: who was let in from where is
 * forgotten before a slow intrusion is noticed.  0: nothing is removed, the trail
 * grows for ever, and so does what it knows of people.
 */
int			setting_audit_retention = 400 * 86400;
