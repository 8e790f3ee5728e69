/* SPDX-License-Identifier: GPL-3.0-or-later */
/* read: objects of a file read by tables of their members, with exact errors. */
#ifndef CORE_READ_H
#define CORE_READ_H

#include "core/cluster.h"

enum read_kind {
	READ_TEXT,   /* const char *, interned, not empty, no control characters */
	READ_COUNT,  /* int64_t: an integer */
	READ_NUMBER, /* double */
	READ_RATIO,  /* int64_t in millionths */
	READ_BOOL,   /* bool, or int8_t */
	READ_WORD,   /* uint8_t: the index of the word */
	READ_PAIRS,  /* struct pairs */
	READ_BY      /* by its own function */
};

/* What a number has to be. */
struct read_bounds {
	double min, max; /* inclusive, max may be INFINITY */
	bool above;      /* min itself is not allowed */
	bool whole;      /* an integer */
};

/*
 * Where a number may be a distribution ({"dist": …}): gives the number for it, within the bounds, or fills
 * *error and returns a negative code. Called by several readers at a time when these share a context.
 */
struct read_numbers {
	int (*draw)(void *context, const struct json_doc *doc, const json_t *value,
	            const struct read_bounds *bounds, double *ret_number, struct error *error);
	void *context;
};

struct reader {
	const struct json_doc *doc;
	struct cluster *cluster;
	struct error *error;
	void *context;                      /* for READ_BY functions: the caller's own */
	const struct read_numbers *numbers; /* NULL: numbers are numbers */
};

/* A member of an object. Tables of these end with a row whose name is NULL. */
struct read_member {
	const char *name;
	enum read_kind kind;
	size_t offset;                   /* where in the target it goes */
	double min, max;                 /* READ_COUNT, READ_NUMBER, READ_RATIO: inclusive */
	const char *const *const *words; /* READ_WORD: one of the …_words */
	int (*by)(struct reader *reader, const json_t *value,
	          void *into); /* READ_BY: into = target + offset */
	bool required;
	bool nullable; /* null means "not given" */
	bool above;    /* min itself is not allowed */
};

/*
 * Reads an object into target by its table: wrong types, ranges, unknown and missing members are errors. What
 * is not given keeps what target holds. what: "a host", for messages.
 */
int read_object(struct reader *reader, const json_t *object, const struct read_member *table, void *target,
                const char *what);

/* One value by one row of a table. */
int read_value(struct reader *reader, const json_t *value, const struct read_member *member, void *target);

/* Whether a value is written as a distribution. */
bool read_is_distribution(const json_t *value);

/* Free-form members: texts, numbers and truths, all kept as text. */
int read_pairs(struct reader *reader, const json_t *object, struct pairs *ret_pairs);

/* Fails unless the value is of that type. */
int read_type(struct reader *reader, const json_t *value, enum json_type type, const char *expected);

/* The name most like `name` among count names (a distance of at most a third of its length), or NULL. */
const char *read_suggest(const char *name, const char *const *names, size_t count);

#endif
