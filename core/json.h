/* SPDX-License-Identifier: GPL-3.0-or-later */
/* json: the only door to JSON. Documents are read with exact places for errors, built, and written. */
#ifndef CORE_JSON_H
#define CORE_JSON_H

#include "core/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A value inside a document. Only core/json.c knows what it is made of. */
typedef struct cJSON json_t;

enum json_type { JSON_NULL, JSON_BOOL, JSON_NUMBER, JSON_TEXT, JSON_ARRAY, JSON_OBJECT };

/* A parsed document: the file's text, its values, and the name that messages call it by. */
struct json_doc;

/*
 * Parses text[0 … length) as one JSON value. Refused, with file and line: anything that is not JSON (RFC
 * 8259), text that is not UTF-8, numbers that do not fit a finite double, two members of one name in an
 * object, a NUL in a string, nesting deeper than 512.
 * name: how messages call the file (copied).
 * text: taken over, free()d with the document, also on failure.
 */
int json_doc_parse(struct json_doc **ret_doc, const char *name, char *text, size_t length,
                   struct error *error);

void json_doc_free(struct json_doc *doc);
const json_t *json_doc_root(const struct json_doc *doc);
const char *json_doc_name(const struct json_doc *doc);
size_t json_doc_bytes(const struct json_doc *doc); /* of memory: the text and its values */

/*
 * Fills *error with "file:line: path: message" for a value of the document and returns ERROR_INPUT.
 * path is like vms[3].dirty.rate_pages_s; for the root it is left out. Looks the place up: costs a walk.
 */
int json_fail(const struct json_doc *doc, const json_t *value, struct error *error, const char *format, ...)
	__attribute__((format(printf, 4, 5)));

/* Where a value of the document is, as messages say it (vms[3].dirty.rate_pages_s); costs a walk. */
void json_path(const struct json_doc *doc, const json_t *value, char *ret_path, size_t room);

/* As with error_set: said to the static analyzer. */
#ifdef __clang_analyzer__
#define json_fail(...) ((void)json_fail(__VA_ARGS__), ERROR_INPUT)
#endif

/* Looking at values. Members and elements are walked with json_first and json_next, in the file's order. */
enum json_type json_type(const json_t *value);
const char *json_type_name(const json_t *value); /* "a string", "null", … for messages */
const json_t *json_first(const json_t *container);
const json_t *json_next(const json_t *value);
const char *json_key(const json_t *member); /* NULL for an array's element */
size_t json_count(const json_t *container);
const json_t *json_get(const json_t *object, const char *key); /* NULL when absent or when it is no object */
const char *json_text(const json_t *value);                    /* must be JSON_TEXT */
double json_number(const json_t *value);                       /* must be JSON_NUMBER */
bool json_bool(const json_t *value);                           /* must be JSON_BOOL */

/* A member of that type; 0, false and NULL when it is absent or of another: for what we have written
 * ourselves. */
double json_member_number(const json_t *object, const char *key);
bool json_member_bool(const json_t *object, const char *key);
const char *json_member_text(const json_t *object, const char *key);

/* Building values; what is added to a container belongs to it. Keys and texts are copied. */
json_t *json_object_new(void);
json_t *json_array_new(void);
json_t *json_text_new(const char *text);
json_t *json_number_new(double number);
json_t *json_null_new(void);
json_t *json_copy(const json_t *value);
void json_free(json_t *value);
json_t *json_child(json_t *container, const json_t *child);              /* the same child, to be changed */
void json_put(json_t *object, const char *key, json_t *member);          /* over one of that name, or added */
void json_replace(json_t *container, const json_t *child, json_t *with); /* child is freed */
void json_remove(json_t *object, const char *key);                       /* nothing happens without it */
json_t *json_add(json_t *object, const char *key, json_t *member);       /* returns member */
json_t *json_push(json_t *array, json_t *element);                       /* returns element */
void json_add_text(json_t *object, const char *key, const char *text);   /* NULL is written as null */
void json_add_number(json_t *object, const char *key, double number);    /* must be finite */
void json_add_bool(json_t *object, const char *key, bool truth);
void json_add_null(json_t *object, const char *key);

/* {"p10", "p50", "p90"}, to the millionth: what is beyond is arithmetic, not prediction. */
void json_add_percentiles(json_t *object, const char *key, const double values[3]);

/*
 * The text of a value, with a closing newline; the caller free()s it.
 * pretty: two spaces a level, short arrays and objects (up to 110 columns) on one line; else one line in all.
 * Numbers are written as json_number_text does.
 */
char *json_print(const json_t *value, bool pretty, size_t *ret_length);

/*
 * The canonical bytes (docs/formats.md): members sorted by their keys' bytes, "x-…" members left out, no
 * white space, numbers by json_number_text, no closing newline; the caller free()s it.
 */
char *json_canonical(const json_t *value, size_t *ret_length);

/*
 * The text of a finite double that reads back as the same: 0 (-0 too) and integers below 1e15 in full, others
 * as printf's %.15g, %.16g or %.17g, whichever is the first to read back. Returns its length. text has room
 * for 32 bytes.
 */
int json_number_text(double number, char text[32]);

#endif
