/*
 * src/passtext.c: passwords as text: Unicode normalization and folding.
 *
 * Depends on the server's Unicode tables and its collations.  What is copied
 * here is wiped.
 */
#include "postgres.h"

#include "catalog/namespace.h"
#include "catalog/pg_collation.h"
#include "common/unicode_norm.h"
#include "mb/pg_wchar.h"
#include "nodes/value.h"
#include "utils/formatting.h"

#include "passtext.h"

#include "core/mem.h"

/* Is it ASCII alone, of which every form and folding is known? */
static bool
IsAscii(const char *text, size_t length)
{
	for (size_t i = 0; i < length; i++)
	{
		if (IS_HIGHBIT_SET(text[i]))
			return false;
	}
	return true;
}

/* Wipe and free a copy. */
void
PassTextFree(char *text, size_t length)
{
	if (text == NULL)
		return;
	SecureWipe(text, length);
	pfree(text);
}

/* The same for code points, which end with 0. */
static void
FreeWide(pg_wchar * wide, size_t length)
{
	SecureWipe(wide, length * sizeof(pg_wchar));
	pfree(wide);
}

/* A text in form C. */
const char *
PassTextNormalize(const char *text, size_t length, size_t *out_length)
{
	pg_wchar   *wide;
	pg_wchar   *normal;
	size_t		count;
	size_t		normal_count = 0;
	char	   *result;

	*out_length = length;
	if (length > PASSTEXT_MAX_BYTES || IsAscii(text, length))
		return text;

	wide = palloc((length + 1) * sizeof(pg_wchar));
	count = (size_t) pg_mb2wchar_with_len(text, wide, (int) length);
	if (unicode_is_normalized_quickcheck(UNICODE_NFC, wide) == UNICODE_NORM_QC_YES)
	{
		FreeWide(wide, count);
		return text;
	}
	normal = unicode_normalize(UNICODE_NFC, wide);
	FreeWide(wide, count);
	while (normal[normal_count] != 0)
		normal_count++;
	result = palloc(normal_count * MAX_MULTIBYTE_CHAR_LEN + 1);
	*out_length = (size_t) pg_wchar2mb_with_len(normal, result, (int) normal_count);
	FreeWide(normal, normal_count);
	if (*out_length == length && memcmp(result, text, length) == 0)
	{
		PassTextFree(result, length);
		return text;
	}
	return result;
}

/*
 * The collation that lowers alike in every database, as for e-mail addresses;
 * without ICU letters beyond ASCII stay as they are.
 */
static Oid
FoldingCollation(void)
{
	Oid			icu = get_collation_oid(list_make2(makeString("pg_catalog"), makeString("und-x-icu")), true);

	return OidIsValid(icu) ? icu : C_COLLATION_OID;
}

/* The text in lower case and in form C. */
char *
PassTextFold(const char *text, size_t length, size_t *out_length)
{
	const char *normal;
	char	   *lower;
	char	   *result;
	size_t		lower_length;

	if (IsAscii(text, length))
	{
		result = palloc(length + 1);
		for (size_t i = 0; i < length; i++)
			result[i] = (char) pg_ascii_tolower((unsigned char) text[i]);
		result[length] = '\0';
		*out_length = length;
		return result;
	}
	lower = str_tolower(text, length, FoldingCollation());
	lower_length = strlen(lower);
	normal = PassTextNormalize(lower, lower_length, out_length);
	if (normal == lower)
		return lower;
	PassTextFree(lower, lower_length);
	return unconstify(char *, normal);
}
