/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "cli/calibrate.h"

#include "cli/cli.h"
#include "cli/table.h"
#include "core/arena.h"
#include "models/curve.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { PHASES = 8 };

static const double PAGES_PER_MIB = 256;

/* Where the curve is told. */
static const double TOLD_S[] = { 0.05, 0.1, 0.25, 0.5, 1, 2, 4, 8, 16, 32, 64 };

/* The first row of its cell answers for it. Rows of no cell are of different guests. */
static bool is_first(const struct measured *rows, uint32_t row)
{
	if (!*rows[row].cell)
		return false;
	for (uint32_t i = 0; i < row; i++)
		if (!strcmp(rows[i].cell, rows[row].cell))
			return false;
	return true;
}

/* Fits the looks at all rows of the cell; false: there are none. */
static bool fit_cell(const struct measured *rows, uint32_t count, uint32_t row, struct curve *ret_curve)
{
	struct dirty_point *points = MEMORY_ARRAY(struct dirty_point, count * MEASURED_POINTS);
	uint32_t found = 0;
	bool fitted;

	for (uint32_t i = row; i < count; i++) {
		if (strcmp(rows[i].cell, rows[row].cell))
			continue;
		for (int j = 0; j < MEASURED_POINTS; j++)
			if (rows[i].outside[j].interval_s > 0)
				points[found++] = rows[i].outside[j];
	}
	fitted = curve_fit(points, found, rows[row].used_pages, ret_curve, NULL) == 0;
	free(points);
	return fitted;
}

/* What the law says, over all phases of its duty. */
static double law_pages(const struct dirty *dirty, double interval_s)
{
	double pages = 0;

	for (int i = 0; i < PHASES; i++)
		pages += dirty_unique_pages(dirty, dirty->duty_period_s * i / PHASES, 0, interval_s) / PHASES;
	return pages;
}

int calibrate_print_curves(const struct measured *rows, uint32_t count, bool csv, struct error *error)
{
	static const char *const columns[] = { "CELL",         ">D(1 s) MIB", ">BY ITS LAW",
		                               ">D(10 s) MIB", ">BY ITS LAW", ">SPREAD %" };
	struct table table;
	int result = 0;

	table_create(&table, columns, 6);
	for (uint32_t i = 0; i < count; i++) {
		struct curve curve;

		if (!(rows[i].used_pages > 0) || !is_first(rows, i) || !fit_cell(rows, count, i, &curve))
			continue;
		table_cell(&table, COLOUR_NONE, "%s", rows[i].cell);
		for (double interval_s = 1; interval_s <= 10; interval_s *= 10) {
			table_cell(&table, COLOUR_NONE, "%.1f",
			           curve_pages(&curve, interval_s) / PAGES_PER_MIB);
			table_cell(&table, COLOUR_NONE, "%.1f",
			           law_pages(&rows[i].dirty, interval_s) / PAGES_PER_MIB);
		}
		table_cell(&table, COLOUR_NONE, "%.1f", 100 * curve.spread);
	}
	if (table.cell_count > 0)
		result = cli_print("\n", 1, error) ? ERROR_IO : table_print(&table, csv, error);
	table_free(&table);
	return result;
}

json_t *calibrate_curves_json(const struct measured *rows, uint32_t count)
{
	json_t *array = json_array_new();

	for (uint32_t i = 0; i < count; i++) {
		struct curve curve;
		json_t *object, *points;

		if (!(rows[i].used_pages > 0) || !is_first(rows, i) || !fit_cell(rows, count, i, &curve))
			continue;
		object = json_push(array, json_object_new());
		json_add_text(object, "cell", rows[i].cell);
		json_add_number(object, "spread_percent", round(1e4 * curve.spread) / 100);
		points = json_add(object, "points", json_array_new());
		for (size_t j = 0; j < sizeof(TOLD_S) / sizeof(TOLD_S[0]); j++) {
			json_t *pair = json_push(points, json_array_new());

			json_push(pair, json_number_new(TOLD_S[j]));
			json_push(pair,
			          json_number_new(
					  round(1e3 * curve_pages(&curve, TOLD_S[j]) / PAGES_PER_MIB) / 1e3));
		}
	}
	return array;
}
