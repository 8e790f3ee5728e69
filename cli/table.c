/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "cli/table.h"

#include "cli/cli.h"
#include "core/must.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void table_create(struct table *ret_table, const char *const *columns, uint32_t column_count)
{
	must(column_count > 0);
	*ret_table = (struct table){ .columns = columns, .column_count = column_count };
}

void table_free(struct table *table)
{
	arena_free(&table->arena);
	free(table->cells);
	free(table->colours);
	*table = (struct table){ 0 };
}

void table_cell(struct table *table, enum colour colour, const char *format, ...)
{
	char text[2048];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	if (table->cell_count == table->room) {
		table->room = table->room ? table->room * 2 : 64;
		table->cells = memory_resize(table->cells, table->room, sizeof(table->cells[0]));
		table->colours = memory_resize(table->colours, table->room, 1);
	}
	table->colours[table->cell_count] = (uint8_t)colour;
	table->cells[table->cell_count++] = arena_text(&table->arena, text, strlen(text));
}

/* Columns on a terminal: characters, not bytes. */
static size_t text_width(const char *text)
{
	size_t width = 0;

	for (; *text; text++)
		width += ((unsigned char)*text & 0xc0) != 0x80;
	return width;
}

void table_csv_cell(FILE *out, const char *text)
{
	if (!strpbrk(text, ",\"\r\n")) {
		fputs(text, out);
		return;
	}
	fputc('"', out);
	for (; *text; text++) {
		if (*text == '"')
			fputc('"', out);
		fputc(*text, out);
	}
	fputc('"', out);
}

static const char *heading(const struct table *table, uint32_t column)
{
	return table->columns[column] + (table->columns[column][0] == '>');
}

static void print_csv(FILE *out, const struct table *table)
{
	for (uint32_t i = 0; i < table->column_count; i++) {
		table_csv_cell(out, heading(table, i));
		fputs(i + 1 < table->column_count ? "," : "\n", out);
	}
	for (uint32_t i = 0; i < table->cell_count; i++) {
		table_csv_cell(out, table->cells[i]);
		fputs((i + 1) % table->column_count ? "," : "\n", out);
	}
}

/* The last column of a row that has text: nothing is printed behind it. */
static uint32_t last_column(const struct table *table, const char *const *cells)
{
	uint32_t last = table->column_count - 1;

	while (last > 0 && !*cells[last])
		last--;
	return last;
}

static void print_padded(FILE *out, const struct table *table, uint32_t column, const char *text,
                         size_t width, const char *colour, bool last)
{
	bool right = table->columns[column][0] == '>';
	int padding = (int)(width - text_width(text));

	fprintf(out, "%*s%s%s%s%*s%s", right ? padding : 0, "", colour, text, *colour ? "\033[0m" : "",
	        right || last ? 0 : padding, "", last ? "\n" : "  ");
}

static void print_aligned(FILE *out, const struct table *table)
{
	static const char *const codes[] = { "", "\033[32m", "\033[33m", "\033[31m" };
	size_t *widths = MEMORY_ARRAY(size_t, table->column_count);
	bool colour = cli_colour();

	for (uint32_t i = 0; i < table->column_count; i++)
		widths[i] = text_width(heading(table, i));
	for (uint32_t i = 0; i < table->cell_count; i++) {
		size_t width = text_width(table->cells[i]);
		uint32_t column = i % table->column_count;

		widths[column] = width > widths[column] ? width : widths[column];
	}
	for (uint32_t i = 0; i < table->column_count; i++)
		print_padded(out, table, i, heading(table, i), widths[i], colour ? "\033[1m" : "",
		             i + 1 == table->column_count);
	for (uint32_t row = 0; row < table->cell_count; row += table->column_count) {
		uint32_t last = last_column(table, (const char *const *)table->cells + row);

		for (uint32_t column = 0; column <= last; column++)
			print_padded(out, table, column, table->cells[row + column], widths[column],
			             colour ? codes[table->colours[row + column]] : "", column == last);
	}
	free(widths);
}

char *table_csv(const struct table *table, size_t *ret_length)
{
	char *text = NULL;
	FILE *out = open_memstream(&text, ret_length);

	must(out && table->cell_count % table->column_count == 0);
	print_csv(out, table);
	must(!fclose(out));
	return text;
}

int table_print(const struct table *table, bool csv, struct error *error)
{
	char *text = NULL;
	size_t length = 0;
	FILE *out = open_memstream(&text, &length);
	int result;

	must(table->cell_count % table->column_count == 0);
	if (!out)
		return error_set(error, ERROR_IO, "out of memory");
	if (csv)
		print_csv(out, table);
	else
		print_aligned(out, table);
	fclose(out);
	result = cli_print(text, length, error);
	free(text);
	return result;
}
