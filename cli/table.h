/* SPDX-License-Identifier: GPL-3.0-or-later */
/* table: rows of text, printed aligned for people or as CSV (RFC 4180). */
#ifndef CLI_TABLE_H
#define CLI_TABLE_H

#include "core/arena.h"
#include "core/error.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

enum colour { COLOUR_NONE, COLOUR_GOOD, COLOUR_WARN, COLOUR_BAD };

struct table {
	struct arena arena;
	uint32_t column_count;
	const char *const *columns; /* headings, for people; a heading that begins with '>' is a right-aligned
	                               column's */
	const char **cells;
	uint8_t *colours;
	uint32_t cell_count, room;
};

void table_create(struct table *ret_table, const char *const *columns, uint32_t column_count);
void table_free(struct table *table);

/* Adds a cell, row by row. */
void table_cell(struct table *table, enum colour colour, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* Prints the table on standard output: aligned, or as CSV with the headings in the first line. */
int table_print(const struct table *table, bool csv, struct error *error);

/* The same text as CSV; the caller free()s it. */
char *table_csv(const struct table *table, size_t *ret_length);

/* Writes one cell of CSV, quoted where it must be. */
void table_csv_cell(FILE *out, const char *text);

#endif
