/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "import/csv.h"

#include "core/arena.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

void csv_open(struct csv *ret_csv, const char *text, size_t length, const char *file)
{
	static const char mark[] = "\xef\xbb\xbf";
	bool marked = length >= 3 && !memcmp(text, mark, 3);

	*ret_csv = (struct csv){
		.file = file,
		.at = marked ? text + 3 : text,
		.end = text + length,
		.next_line = 1,
		/* Each field but the last ends at a comma, which makes room for its NUL. */
		.scratch = memory_take(length + 1),
	};
}

void csv_free(struct csv *csv)
{
	free(csv->scratch);
	free(csv->fields);
	*csv = (struct csv){ 0 };
}

static bool at_line_end(const struct csv *csv)
{
	const char *at = csv->at;

	return at == csv->end || *at == '\n' || (*at == '\r' && at + 1 < csv->end && at[1] == '\n');
}

static void pass_line_end(struct csv *csv)
{
	if (csv->at == csv->end)
		return;
	csv->at += *csv->at == '\r' ? 2 : 1;
	csv->next_line++;
}

/* Copies one byte of a field. */
static int take_byte(struct csv *csv, char **into, struct error *error)
{
	if (*csv->at == '\0')
		return error_set(error, ERROR_INPUT, "%s:%u: a NUL byte, expected text", csv->file,
		                 csv->next_line);
	if (*csv->at == '\n')
		csv->next_line++;
	*(*into)++ = *csv->at++;
	return 0;
}

/* From behind the opening quote to behind the closing one. */
static int take_quoted(struct csv *csv, char **into, struct error *error)
{
	uint32_t line = csv->next_line;

	while (csv->at < csv->end) {
		if (*csv->at == '"') {
			csv->at++;
			if (csv->at == csv->end || *csv->at != '"')
				return 0;
		}
		if (take_byte(csv, into, error))
			return ERROR_INPUT;
	}
	return error_set(error, ERROR_INPUT, "%s:%u: a quoted field does not end, expected a closing quote",
	                 csv->file, line);
}

static int take_field(struct csv *csv, char **into, struct error *error)
{
	if (csv->at < csv->end && *csv->at == '"') {
		csv->at++;
		if (take_quoted(csv, into, error))
			return ERROR_INPUT;
		if (!at_line_end(csv) && *csv->at != ',')
			return error_set(
				error, ERROR_INPUT,
				"%s:%u: text behind a closing quote, expected a comma or the line's end",
				csv->file, csv->next_line);
	}
	while (!at_line_end(csv) && *csv->at != ',') {
		if (*csv->at == '"')
			return error_set(
				error, ERROR_INPUT,
				"%s:%u: a quote in the middle of a field, expected the whole field in "
				"quotes, and the quote doubled",
				csv->file, csv->next_line);
		if (take_byte(csv, into, error))
			return ERROR_INPUT;
	}
	*(*into)++ = '\0';
	return 0;
}

int csv_next(struct csv *csv, struct error *error)
{
	char *into = csv->scratch;

	csv->count = 0;
	while (csv->at < csv->end && at_line_end(csv))
		pass_line_end(csv);
	csv->line = csv->next_line;
	if (csv->at == csv->end)
		return 0;
	for (;;) {
		if (csv->count == csv->room) {
			csv->room = csv->room ? csv->room * 2 : 64;
			csv->fields = memory_resize(csv->fields, csv->room, sizeof(*csv->fields));
		}
		csv->fields[csv->count++] = into;
		if (take_field(csv, &into, error))
			return ERROR_INPUT;
		if (at_line_end(csv))
			break;
		csv->at++;
	}
	pass_line_end(csv);
	return 0;
}
