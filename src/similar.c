/*
 * src/similar.c: is a password made of what everybody knows of its user?
 *
 * Depends on passtext and blocklist.  Words are taken from the e-mail address,
 * name, phone number, tenant and issuer.  They count for nothing wherever they
 * stand in the password, forward or backward: what is left must be long enough
 * by itself, and not a common password.  So anna.smith@… cannot choose
 * "Smith-Anna-1990", but "anna keeps nine bees" has enough besides.
 */
#include "postgres.h"

#include "mb/pg_wchar.h"

#include "blocklist.h"
#include "compat.h"
#include "passtext.h"
#include "policy.h"
#include "settings.h"

#include "core/mem.h"

/* Shorter words stand in other words by chance. */
#define WORD_CHARACTERS 4

/* So many digits in a row of a phone number are a word. */
#define PHONE_DIGITS 6

/* Of longer texts only the beginning is looked at. */
#define CONTEXT_BYTES 1024

/* A folded password, and which of its bytes belong to words. */
typedef struct Cover
{
	const char *text;
	size_t		length;
	bool	   *covered;
	bool		any;
} Cover;

/* Mark each place where a word stands. */
static void
MarkWord(Cover *cover, const char *word, size_t length)
{
	if (length == 0)
		return;
	for (size_t i = 0; i + length <= cover->length; i++)
	{
		if (memcmp(cover->text + i, word, length) != 0)
			continue;
		memset(cover->covered + i, true, length);
		cover->any = true;
	}
}

/* Mark a word, forward and backward, if it is long enough. */
static void
MarkBothWays(Cover *cover, const char *word, size_t length)
{
	char		backward[CONTEXT_BYTES * MAX_MULTIBYTE_CHAR_LEN];
	size_t		at = length;

	if (length > sizeof(backward) ||
		pg_mbstrlen_with_len(word, (int) length) < WORD_CHARACTERS)
		return;
	for (size_t i = 0; i < length;)
	{
		size_t		character = (size_t) pg_utf_mblen((const unsigned char *) word + i);

		at -= character;
		memcpy(backward + at, word + i, character);
		i += character;
	}
	MarkWord(cover, word, length);
	MarkWord(cover, backward, length);
}

/* Is this byte part of a word?  All of what is not ASCII is. */
static bool
IsWordByte(char c)
{
	return IS_HIGHBIT_SET(c) || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

/* Mark a folded text as a whole, and each run of letters and digits in it. */
static void
MarkWords(Cover *cover, const char *folded, size_t length)
{
	size_t		start = 0;

	MarkBothWays(cover, folded, length);
	for (size_t i = 0; i <= length; i++)
	{
		if (i < length && IsWordByte(folded[i]))
			continue;
		if (i > start)
			MarkBothWays(cover, folded + start, i - start);
		start = i + 1;
	}
}

/* Mark what a text gives; from an address also what is before the at sign. */
static void
MarkText(Cover *cover, const char *source, size_t length)
{
	char	   *folded;
	size_t		folded_length;
	char	   *at;

	if (length > CONTEXT_BYTES)
		length = (size_t) pg_mbcliplen(source, (int) length, CONTEXT_BYTES);
	folded = PassTextFold(source, length, &folded_length);
	MarkWords(cover, folded, folded_length);
	at = memchr(folded, '@', folded_length);
	if (at != NULL)
		MarkBothWays(cover, folded, (size_t) (at - folded));
	pfree(folded);
}

/* Mark the digits of a phone number wherever some of them stand together. */
static void
MarkPhone(Cover *cover, const char *phone, size_t length)
{
	size_t		digits = 0;

	for (size_t i = 0; i < length && i < CONTEXT_BYTES; i++)
	{
		digits = phone[i] >= '0' && phone[i] <= '9' ? digits + 1 : 0;
		if (digits >= PHONE_DIGITS)
			MarkBothWays(cover, phone + i + 1 - PHONE_DIGITS, PHONE_DIGITS);
	}
}

/* Is what no word covers long enough, and not common? */
static bool
IsEnough(const Cover *cover, int shortest)
{
	char	   *rest = palloc(cover->length + 1);
	size_t		length = 0;
	int			characters = 0;
	bool		enough;

	for (size_t i = 0; i < cover->length; i++)
	{
		if (cover->covered[i])
			continue;
		rest[length++] = cover->text[i];
		/* bytes that continue a character do not count */
		characters += ((unsigned char) cover->text[i] & 0xC0) != 0x80 ? 1 : 0;
	}
	enough = characters >= shortest && !BlocklistContains(rest, length);
	PassTextFree(rest, length);
	return enough;
}

/* Is a password made of what belongs to the user? */
bool
PolicyIsSimilar(const char *folded, size_t length,
				text * const context[POLICY_CONTEXTS], int shortest)
{
	Cover		cover = {folded, length, palloc0(length + 1), false};
	bool		similar;

	for (int i = 0; i < POLICY_CONTEXTS; i++)
	{
		if (context[i] == NULL)
			continue;
		if (i == POLICY_PHONE)
			MarkPhone(&cover, VARDATA_ANY(context[i]), VARSIZE_ANY_EXHDR(context[i]));
		MarkText(&cover, VARDATA_ANY(context[i]), VARSIZE_ANY_EXHDR(context[i]));
	}
	MarkText(&cover, setting_issuer, strlen(setting_issuer));
	similar = cover.any && !IsEnough(&cover, shortest);
	pfree(cover.covered);
	return similar;
}
