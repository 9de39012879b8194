/*
 * src/jsonbuild.h: from a parsed JSON text to jsonb, without reading it again.
 */
#ifndef JSONBUILD_H
#define JSONBUILD_H

#include "postgres.h"

#include "utils/jsonb.h"

#include "core/json.h"

/* Build the jsonb of a parsed text. */
extern Jsonb *JsonDocToJsonb(const JsonDoc *doc);

/*
 * Parse a text of the given length and build its jsonb; reports an error that
 * calls it by what ("payload").
 */
extern Jsonb *JsonTextToJsonb(const char *text, size_t length, const char *what);

/* The text of a jsonb without the blanks between tokens. */
extern char *JsonbToCompactText(Jsonb *jsonb, size_t *length);

#endif							/* JSONBUILD_H */
