/*
 * src/settingsdefine.c: tells the server of the settings in settings.c: names,
 * limits, checks, and the short form of their texts that pg_settings shows.
 *
 * Depends on guc.c alone.
 */
#include "postgres.h"

#include <limits.h>

#include "utils/builtins.h"
#include "utils/guc.h"

#include "compat.h"
#include "settings.h"

#include "core/passhash.h"

SQL_FUNCTION(intrex_auth_setting_seconds);

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

/* The spellings of single_session. */
static const struct config_enum_entry single_sessions[] = {
	{"off", SINGLE_SESSION_OFF, false},
	{"replace", SINGLE_SESSION_REPLACE, false},
	{"one_per_user", SINGLE_SESSION_ONE_PER_USER, false},
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

/* Check hook: 30 may be meant as days, and would be seconds. */
static bool
CheckAuditRetention(int *newval, void **extra, GucSource source)
{
	if (*newval == 0 || *newval >= AUDIT_RETENTION_MIN)
		return true;
	GUC_check_errdetail("The retention is 0 or at least a day; give it with a unit, as in '90d'.");
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

/* Define all settings. */
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
							   "Empty means intrex-auth:<id> with a random id that moves with the database, which keeps the tokens of one out of the next.",
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
							   "It may add claims and refuse tokens; it runs as auth_hook. While it fails, nobody is let in.",
							   &setting_claims_hook,
							   "",	/* boot value */
							   PGC_SUSET, 0, NULL, NoteStringChange, NULL);
	DefineBoolean("intrex_auth.claims_hook_definer",
				  "Lets the claims hook be SECURITY DEFINER.",
				  "Owners of the tables that it reads can then run code with the rights of its owner.",
				  &setting_claims_hook_definer);
	DefineInteger("intrex_auth.claims_hook_timeout",
				  "Sets how long the claims hook may take.",
				  "From 1 millisecond to a minute.",
				  &setting_claims_hook_timeout, 1, 60000, GUC_UNIT_MS);
	DefineBoolean("intrex_auth.allow_drop",
				  "Lets the extension be dropped although it has users.",
				  "All users, tenants, sessions and secrets go with it. Meant for one session, such as that of pg_restore --clean.",
				  &setting_allow_drop);
	DefineInteger("intrex_auth.refresh_token_lifetime",
				  "Sets the lifetime of a refresh token.",
				  "Each use issues a new one, so this is how long a session lasts without activity.",
				  &setting_refresh_token_lifetime, 1, 400 * 86400, GUC_UNIT_S);
	DefineInteger("intrex_auth.refresh_reuse_grace",
				  "Sets how long after its rotation a refresh token gives the newest unused successor.",
				  "It saves concurrent tabs from being signed out; a thief has the same time. 0: every second use is a theft.",
				  &setting_refresh_reuse_grace, 0, 3600, GUC_UNIT_S);
	DefineInteger("intrex_auth.refresh_recovery",
				  "Sets how long after its rotation a refresh token gives its successor while that is unused.",
				  "It saves users whose answer was lost from being signed out; a thief has the same time. 0: only refresh_reuse_grace counts.",
				  &setting_refresh_recovery, 0, 86400, GUC_UNIT_S);
	DefineInteger("intrex_auth.session_lifetime",
				  "Sets how long a session lasts at most, from its login.",
				  "From 0 to 10 years, for sessions that begin from now on. 0: as long as they are refreshed.",
				  &setting_session_lifetime, 0, 3650 * 86400, GUC_UNIT_S);
	DefineCustomEnumVariable("intrex_auth.single_session",
							 "Sets which other sessions a login ends.",
							 "off: none. replace: the one that the request proves by cookie or access token. one_per_user: all others of the user as well.",
							 &setting_single_session, SINGLE_SESSION_OFF, single_sessions,
							 PGC_SUSET, 0, NULL, NULL, NULL);
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
	DefineCustomIntVariable("intrex_auth.audit_retention",
							"Sets how long rows of the audit trail are kept.",
							"auth.cleanup() removes older ones and seals that it did. 0 keeps all; otherwise at least a day.",
							&setting_audit_retention, setting_audit_retention, 0, INT_MAX,
							PGC_SUSET, GUC_UNIT_S, CheckAuditRetention, NULL, NULL);
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
