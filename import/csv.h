/* SPDX-License-Identifier: GPL-3.0-or-later */
/* csv: the records of a CSV text (RFC 4180), one after another, with their lines. */
#ifndef IMPORT_CSV_H
#define IMPORT_CSV_H

#include "core/error.h"

#include <stddef.h>
#include <stdint.h>

/* Where reading stands, and the last record's fields; they are gone with the next record. */
struct csv {
	const char *file; /* how messages call it */
	const char *at, *end;
	uint32_t next_line; /* the line on which the next record begins, from 1 */
	char *scratch;      /* the fields' texts, one after another */
	uint32_t room;
	/* for the caller */
	uint32_t line;       /* the record's first */
	uint32_t count;      /* of its fields; 0: there was no record left */
	const char **fields; /* NUL-terminated, quotes taken off */
};

/* Reads text[0 … length), which must stay; a byte-order mark is passed over. Free with csv_free. */
void csv_open(struct csv *ret_csv, const char *text, size_t length, const char *file);
void csv_free(struct csv *csv);

/*
 * The next record; empty lines are passed over. Lines end with LF or CRLF, and inside quotes they are part of
 * the field. Refused: NUL bytes, a quote in the middle of a field, one that is never closed.
 */
int csv_next(struct csv *csv, struct error *error);

#endif
