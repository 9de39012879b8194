/*
 * test/unit/vectors.h: reading the files of test/vectors.
 *
 * Depends on unit.h and core/base64url.  The programs run in test/unit.
 */
#ifndef VECTORS_H
#define VECTORS_H

#include "core/base64url.h"
#include "unit.h"

#define VECTOR_FOLDER "../vectors/"
#define VECTOR_LINE_MAX (256 * 1024)
#define VECTOR_COLUMNS 10
#define VECTOR_BYTES_MAX (64 * 1024)

/* A file that is being read, and its last line cut at the spaces. */
typedef struct Vectors
{
	const char *name;
	FILE	   *file;
	char		key[VECTOR_LINE_MAX];	/* of the group */
	char		line[VECTOR_LINE_MAX];
	char	   *columns[VECTOR_COLUMNS];	/* id, result, flags, … */
	unsigned long count;
} Vectors;

/* Open a file; the test cannot go on without. */
static inline void
VectorsOpen(Vectors *vectors, const char *name)
{
	char		path[256];

	snprintf(path, sizeof(path), VECTOR_FOLDER "%s.txt", name);
	memset(vectors, 0, sizeof(*vectors));
	vectors->name = name;
	vectors->file = fopen(path, "r");
	if (!CHECK(vectors->file != NULL, UnitName("%s can be read", path)))
		exit(UnitEnd());
}

/* Read the next test; at the end there must have been so many, and false comes back. */
static inline int
VectorsNext(Vectors *vectors, unsigned long expected)
{
	while (fgets(vectors->line, sizeof(vectors->line), vectors->file) != NULL)
	{
		char	   *rest = vectors->line;

		rest[strcspn(rest, "\n")] = '\0';
		if (strncmp(rest, "key ", 4) == 0)
		{
			strcpy(vectors->key, rest + 4);
			continue;
		}
		if (rest[0] == '#')
			continue;
		for (int i = 0; i < VECTOR_COLUMNS; i++)
			vectors->columns[i] = rest != NULL ? strsep(&rest, " ") : NULL;
		vectors->count++;
		return 1;
	}
	CHECK(vectors->count == expected,
		  UnitName("%s has %lu tests, of %lu", vectors->name, vectors->count, expected));
	fclose(vectors->file);
	return 0;
}

/* Must the test be accepted? */
static inline int
VectorIsValid(const Vectors *vectors)
{
	return strcmp(vectors->columns[1], "valid") == 0;
}

/* Name of the test. */
static inline const char *
VectorName(const Vectors *vectors)
{
	return UnitName("%s %s (%s, %s)", vectors->name, vectors->columns[0],
					vectors->columns[1], vectors->columns[2]);
}

/* Bytes of a column, in an allocation of exactly that size. */
static inline uint8_t *
VectorBytes(const Vectors *vectors, int column, size_t *length)
{
	const char *text = vectors->columns[column];
	uint8_t    *bytes = malloc(VECTOR_BYTES_MAX);

	*length = 0;
	if (strcmp(text, "-") != 0 &&
		Base64UrlDecode(text, strlen(text), bytes, VECTOR_BYTES_MAX, length) != STATUS_OK)
	{
		fprintf(stderr, "%s: column %d is malformed\n", VectorName(vectors), column);
		abort();
	}
	return realloc(bytes, *length > 0 ? *length : 1);
}

#endif							/* VECTORS_H */
