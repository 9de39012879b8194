/*
 * src/settings.h: every setting of the extension; each has its paragraph in settings.c.
 */
#ifndef SETTINGS_H
#define SETTINGS_H

#include "postgres.h"

#include "core/passhash.h"

/* keys and tokens */
extern char *setting_key_file;
extern char *setting_issuer;
extern char *setting_audience;
extern char *setting_api_roles;
extern char *setting_exposed_schemas;
extern int	setting_access_token_lifetime;	/* seconds */
extern int	setting_max_token_lifetime; /* seconds */
#define TOKEN_LIFETIME_LIMIT 86400	/* the most that the two can be set to */
extern bool setting_session_check;
extern bool setting_session_token;
extern char *setting_claims_hook;
extern bool setting_claims_hook_definer;
extern int	setting_claims_hook_timeout;	/* milliseconds */
extern bool setting_allow_drop;

/* sessions */
extern int	setting_refresh_token_lifetime; /* seconds */
extern int	setting_refresh_reuse_grace;	/* seconds */
extern int	setting_refresh_recovery;	/* seconds */
extern int	setting_session_lifetime;	/* seconds */

/* which sessions end when another begins */
typedef enum SingleSession
{
	SINGLE_SESSION_OFF,
	SINGLE_SESSION_REPLACE,
	SINGLE_SESSION_ONE_PER_USER
} SingleSession;

extern int	setting_single_session; /* SingleSession */

/* how refresh tokens travel */
typedef enum TokenDelivery
{
	DELIVERY_BODY,
	DELIVERY_COOKIE
} TokenDelivery;

typedef enum SameSite
{
	SAME_SITE_STRICT,
	SAME_SITE_LAX
} SameSite;

#define COOKIE_NAME_MAX 64
#define COOKIE_PATH_MAX 256

extern int	setting_token_delivery; /* TokenDelivery */
extern char *setting_refresh_cookie_name;
extern char *setting_refresh_cookie_path;
extern int	setting_refresh_cookie_same_site;	/* SameSite */
extern bool setting_cookie_secure;

/* members */
extern int	setting_invitation_lifetime;	/* seconds */
extern int	setting_max_pending_invitations;

/* accounts */
extern int	setting_password_algorithm; /* PassHashAlgorithm */
extern int	setting_password_cost;
extern int	setting_password_argon2_memory; /* KiB */
extern int	setting_password_argon2_iterations;
extern bool setting_allow_md5_crypt;
extern int	setting_password_min_length;	/* characters */
extern char *setting_password_blocklist_file;
extern char *setting_password_leaked_file;
extern int	setting_password_history;	/* former passwords */
extern bool setting_allow_signup;
extern bool setting_allow_bootstrap;
extern bool setting_require_email_verification;

/* throttling */
extern int	setting_login_limit_pair;	/* attempts a minute per (identifier, address) */
extern int	setting_login_limit_address;	/* attempts a minute per address */
extern int	setting_login_limit_identifier; /* attempts a minute per identifier */
extern int	setting_login_max_failures; /* failures in a row that close an account */
extern int	setting_max_concurrent_hashes;
extern int	setting_trusted_proxies;

/* the audit trail */
extern int	setting_audit_retention;	/* seconds */
#define AUDIT_RETENTION_MIN 86400	/* or 0 */

/* Grows when a setting changes that the verification of tokens rests on. */
extern uint64 SettingsGeneration(void);

/* How new password hashes are made, and which old ones verify. */
extern PassHashPolicy SettingsHashPolicy(void);

extern void SettingsInit(void);

#endif							/* SETTINGS_H */
