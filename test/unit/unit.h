/*
 * test/unit/unit.h: the few macros that the unit tests of src/core use.
 *
 * Depends on the C library and src/core/status.h.  Each test_*.c is a program:
 * its main() runs CHECKs and ends with `return UnitEnd();`.
 */
#ifndef UNIT_H
#define UNIT_H

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/status.h"

static unsigned long unit_passed;
static unsigned long unit_failed;

/* A fact that must hold; name says which, as a sentence without full stop. */
#define CHECK(cond, name) \
	UnitCheck((cond) ? 1 : 0, (name), #cond, __FILE__, __LINE__)

/* A call must return exactly this status; a failure prints both codes. */
#define CHECK_STATUS(call, expected, name) \
	UnitCheckStatus((call), (expected), (name), #call, __FILE__, __LINE__)

/* Count one check and print the place of a failure. */
static inline int
UnitCheck(int ok, const char *name, const char *what, const char *file, int line)
{
	if (ok)
		unit_passed++;
	else
	{
		unit_failed++;
		printf("%s:%d: failed: %s (%s)\n", file, line, name, what);
	}
	return ok;
}

/* Compare two statuses. */
static inline int
UnitCheckStatus(Status got, Status expected, const char *name,
				const char *what, const char *file, int line)
{
	if (got != expected)
		printf("%s:%d: got %s, expected %s\n", file, line,
			   StatusCode(got), StatusCode(expected));
	return UnitCheck(got == expected, name, what, file, line);
}

/* A name made of parts; the last four stay good. */
static inline const char *
__attribute__((format(printf, 1, 2)))
UnitName(const char *format,...)
{
	static char names[4][256];
	static int	turn;
	char	   *name = names[turn++ % 4];
	va_list		args;

	va_start(args, format);
	vsnprintf(name, sizeof(names[0]), format, args);
	va_end(args);
	return name;
}

/* Decode hexadecimal digits (white space skipped) into out; returns the bytes. */
static inline size_t
UnitHex(const char *hex, void *out, size_t size)
{
	uint8_t    *bytes = out;
	size_t		length = 0;
	unsigned int value;

	while (*hex != '\0')
	{
		if (*hex == ' ' || *hex == '\n' || *hex == '\t')
		{
			hex++;
			continue;
		}
		if (hex[1] == '\0' || length == size || sscanf(hex, "%2x", &value) != 1)
		{
			fprintf(stderr, "UnitHex: a vector is malformed or too long\n");
			abort();
		}
		bytes[length++] = (uint8_t) value;
		hex += 2;
	}
	return length;
}

/* The exit status of the program, after its closing line. */
static inline int
UnitEnd(void)
{
	printf("%lu passed, %lu failed\n", unit_passed, unit_failed);
	return unit_failed == 0 && unit_passed > 0 ? 0 : 1;
}

#endif							/* UNIT_H */
