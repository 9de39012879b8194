/*
 * src/logguard.c: keeps secrets out of the server log.
 *
 * Depends on elog.c's emit_log_hook.  Bind parameters reach the log too:
 * log_min_duration_statement logs exactly the slow statement, and a login is
 * slow by design.  So the hook takes statement, parameters and context out of a
 * line in two cases:
 *
 * - a function that takes a secret has run in the current statement
 *   (LogGuardMark), or ran before in a statement of the same text;
 * - the text of the statement names such a function, auth_api or
 *   intrex_auth.token.  That is for lines written before anything runs:
 *   log_statement, and the line of the bind message.
 *
 * What is left: a literal in a statement that names none of these (a wrapper of
 * the application's, logged before its first run in this backend), and any
 * statement before the library is loaded, unless it is preloaded.
 *
 * The hook allocates nothing and raises nothing: it overwrites in place.
 * Messages and SQLSTATEs of errors stay as they are.  What errors show of our own
 * statements is taken out before, by errorguard.c.
 */
#include "postgres.h"

#include "access/xact.h"
#include "common/hashfn.h"
#include "tcop/tcopprot.h"
#include "utils/elog.h"
#include "utils/timestamp.h"

#include "errorguard.h"
#include "logguard.h"

#define HIDDEN_NOTE "(hidden by intrex_auth)"

/*
 * What follows "auth." in the functions that take or return secrets, and
 * "intrex_auth." in the one such setting; a name counts if it begins so.  One
 * too many hides a harmless line; one too few shows a secret.
 */
static const char *const secret_names[] = {
	"token",
	"authenticate",
	"password",
	"jwt_",
	"jws_",
	"secret",
	"aes_",
	"personal_",
	"one_time",
	"webhook_",
	"totp_",
	"random_token",
	"key_import",
	"user_create",
	"user_import",
	"user_password",
	"user_set_password",
	"_",
};

/* The statement in which a secret was handled, by its start. */
static bool marked = false;
static TimestampTz marked_statement;

/* Texts of marked statements, as hashes; the oldest makes room. */
#define REMEMBERED 32
static uint64 remembered[REMEMBERED];
static int	remembered_count = 0;
static int	remembered_next = 0;

static emit_log_hook_type previous_hook = NULL;

/* A secret is being handled in the current statement. */
void
LogGuardMark(void)
{
	marked_statement = GetCurrentStatementStartTimestamp();
	marked = true;
}

/* Does a text begin so, whatever the case? */
static bool
BeginsWith(const char *text, const char *prefix)
{
	return pg_strncasecmp(text, prefix, strlen(prefix)) == 0;
}

/* Step over white space. */
static const char *
SkipSpace(const char *p)
{
	while (*p == ' ' || (*p >= '\t' && *p <= '\r'))
		p++;
	return p;
}

/* The name behind a schema: over a closing quote, the dot and an opening quote; NULL if none follows. */
static const char *
QualifiedName(const char *p)
{
	if (*p == '"')
		p++;
	p = SkipSpace(p);
	if (*p != '.')
		return NULL;
	p = SkipSpace(p + 1);
	return *p == '"' ? p + 1 : p;
}

/* Does a text name something that takes secrets? */
static bool
NamesSecret(const char *text)
{
	const char *name;

	for (const char *p = text; *p != '\0'; p++)
	{
		if ((*p != 'a' && *p != 'A') || !BeginsWith(p, "auth"))
			continue;
		p += strlen("auth");
		if (BeginsWith(p, "_api"))
			return true;
		name = QualifiedName(p);
		for (size_t i = 0; name != NULL && i < lengthof(secret_names); i++)
		{
			if (BeginsWith(name, secret_names[i]))
				return true;
		}
		p--;
	}
	return false;
}

/* Is this the text of a statement that was marked before? */
static bool
IsRemembered(uint64 hash)
{
	for (int i = 0; i < remembered_count; i++)
	{
		if (remembered[i] == hash)
			return true;
	}
	return false;
}

/* Know the text again when its next bind message is logged. */
static void
Remember(uint64 hash)
{
	if (IsRemembered(hash))
		return;
	remembered[remembered_next] = hash;
	remembered_next = (remembered_next + 1) % REMEMBERED;
	if (remembered_count < REMEMBERED)
		remembered_count++;
}

/* Hash of the text of the current statement. */
static uint64
StatementHash(void)
{
	return hash_bytes_extended((const unsigned char *) debug_query_string,
							   (int) strlen(debug_query_string), 0);
}

/* May the current statement hold a secret? */
static bool
StatementIsSecret(void)
{
	if (marked && marked_statement == GetCurrentStatementStartTimestamp())
	{
		if (debug_query_string != NULL)
			Remember(StatementHash());
		return true;
	}
	if (debug_query_string == NULL)
		return false;
	return NamesSecret(debug_query_string) ||
		(remembered_count > 0 && IsRemembered(StatementHash()));
}

/* Overwrite a text from here on with a note, as far as there is room. */
static void
Hide(char *tail)
{
	strlcpy(tail, HIDDEN_NOTE, strlen(tail) + 1);
}

/* Hide what comes behind the first separator; all of it if there is none. */
static void
HideBehind(char *text, const char *separator)
{
	char	   *found = strstr(text, separator);

	Hide(found != NULL ? found + strlen(separator) : text);
}

/* Of "duration: 12.3 ms  statement: …" keep what comes before the second part. */
static void
HideBehindDuration(char *message)
{
	char	   *p = message + strcspn(message, "0123456789");

	/* the figure, a blank, the unit: the same in every language */
	p += strspn(p, "0123456789.,");
	if (*p == ' ')
		p++;
	p += strcspn(p, " \n");
	while (*p == ' ')
		p++;
	Hide(p);
}

/* Keep the first fields of pgaudit's line, which ends in the statement and its parameters. */
static void
HideBehindFields(char *message)
{
	for (int commas = 0; commas < 7; commas++)
	{
		message = strchr(message, ',');
		if (message == NULL)
			return;
		message++;
	}
	Hide(message);
}

/*
 * The kinds of line whose message is the text of a statement or a plan.  They
 * are told by the untranslated format, since lc_messages may translate.
 */
typedef enum LineKind
{
	LINE_OTHER,
	LINE_DURATION,				/* log_duration, log_min_duration_*, auto_explain */
	LINE_STATEMENT,				/* log_statement: "statement: …", "execute name: …" */
	LINE_TREE,					/* debug_print_parse and the like: the detail is the tree */
	LINE_AUDIT					/* pgaudit */
} LineKind;

static LineKind
KindOfLine(const ErrorData *edata)
{
	const char *format = edata->message_id;

	if (edata->elevel >= ERROR || format == NULL || edata->message == NULL)
		return LINE_OTHER;
	if (BeginsWith(format, "duration: "))
		return LINE_DURATION;
	if (BeginsWith(format, "statement: ") || BeginsWith(format, "parse ") ||
		strcmp(format, "%s %s%s%s: %s") == 0)
		return LINE_STATEMENT;
	if (strcmp(format, "%s:") == 0)
		return LINE_TREE;
	if (BeginsWith(format, "AUDIT: "))
		return LINE_AUDIT;
	return LINE_OTHER;
}

/* Hide what a line says of the current statement. */
static void
HideStatement(ErrorData *edata, LineKind kind)
{
	edata->hide_stmt = true;
	edata->hide_ctx = true;
	if (edata->internalquery != NULL)
	{
		Hide(edata->internalquery);
		edata->internalpos = 0;
	}

	switch (kind)
	{
		case LINE_DURATION:
			HideBehindDuration(edata->message);
			break;
		case LINE_STATEMENT:
			HideBehind(edata->message, ": ");
			break;
		case LINE_TREE:
			if (edata->detail != NULL)
				Hide(edata->detail);
			return;
		case LINE_AUDIT:
			HideBehindFields(edata->message);
			break;
		case LINE_OTHER:

			/* "Failing row contains (…)" has the password hash in it */
			if (edata->detail != NULL &&
				(edata->sqlerrcode == ERRCODE_CHECK_VIOLATION ||
				 edata->sqlerrcode == ERRCODE_NOT_NULL_VIOLATION))
				Hide(edata->detail);
			return;
	}

	/* "parameters: …", "prepare: …" */
	if (edata->detail != NULL)
		HideBehind(edata->detail, ": ");
}

/* The hook: every line passes here on its way to the server log. */
static void
GuardLine(ErrorData *edata)
{
	LineKind	kind = KindOfLine(edata);

	/* EXECUTE p('secret') names nothing, but the PREPARE in its detail does */
	if (kind != LINE_OTHER &&
		(NamesSecret(edata->message) ||
		 (edata->detail != NULL && NamesSecret(edata->detail))))
		LogGuardMark();
	if (StatementIsSecret())
		HideStatement(edata, kind);

	/* a deadlock report shows the statements of the others */
	if (edata->detail_log != NULL && NamesSecret(edata->detail_log))
		Hide(edata->detail_log);

	if (edata->elevel >= FATAL)
		ErrorGuardFatal(edata);

	if (previous_hook != NULL)
		previous_hook(edata);
}

/* Install the hook. */
void
LogGuardInit(void)
{
	previous_hook = emit_log_hook;
	emit_log_hook = GuardLine;
}
