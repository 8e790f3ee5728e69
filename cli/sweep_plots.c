/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "cli/sweep.h"

#include "cli/plots.h"
#include "system/files.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Curves in one picture. */
enum { CURVES_MOST = 7 };

struct drawing {
	const struct sweep *sweep;
	const struct sweep_result *cells;
	const char *folder;
	double *time_s; /* by cell: the median; NAN: not done so often */
};

/* What is seen of one level of a factor, or of one group of a distribution's values, over all other factors.
 */
struct level_mean {
	char text[64];
	double sum_s;
	uint32_t count;
};

struct factor_means {
	uint32_t factor, count;
	struct level_mean *levels; /* in the file's order, or rising */
	uint32_t *level_of;        /* by cell */
	uint32_t least, most;      /* the levels with the shortest and the longest mean */
	double swing_s;
};

static double mean_of(const struct level_mean *level)
{
	return level->count ? level->sum_s / level->count : NAN;
}

static double median_s(const struct sweep_result *result)
{
	const struct histogram *durations = &result->measures[MEASURE_DURATION_US];

	if (2 * result->done <= result->runs)
		return NAN;
	return histogram_quantile(durations, 0.5 * (double)result->runs / (double)result->done) / 1e6;
}

/* Four digits at the most of what has more, but no powers of ten. */
static void number_text(double number, char *ret_text, size_t room)
{
	char whole[32];

	if (json_number_text(number, whole) <= 7)
		snprintf(ret_text, room, "%s", whole);
	else
		snprintf(ret_text, room, "%.4g", number);
}

static void level_text(const struct sweep *sweep, uint32_t cell, uint32_t factor, char *ret_text, size_t room)
{
	json_t *level = sweep_level(sweep, cell, factor);
	size_t length;
	char *text;

	if (json_type(level) == JSON_TEXT) {
		snprintf(ret_text, room, "%s", json_text(level));
	} else if (json_type(level) == JSON_NUMBER) {
		number_text(json_number(level), ret_text, room);
	} else {
		text = json_canonical(level, &length);
		snprintf(ret_text, room, "%s", text);
		free(text);
	}
	json_free(level);
}

/* ------------------------------------------------------------------ means by factor */

/* Where a cell stands among the levels, or in which quarter of the distribution's chances its value lies. */
static uint32_t level_place(const struct sweep *sweep, uint32_t cell, uint32_t factor)
{
	const struct sweep_factor *of = &sweep->factors[factor];
	uint32_t place;
	double unit;

	if (of->levels)
		return sweep_place(sweep, cell, factor);
	unit = sweep->spread[(size_t)(cell % sweep->points) * sweep->uncertain.dimensions +
	                     of->input.dimension];
	place = (uint32_t)(unit * PLOTS_QUARTERS);
	return place < PLOTS_QUARTERS ? place : PLOTS_QUARTERS - 1;
}

static void find_ends(struct factor_means *means)
{
	means->least = means->most = NONE;
	for (uint32_t i = 0; i < means->count; i++) {
		double mean = mean_of(&means->levels[i]);

		if (isnan(mean))
			continue;
		if (means->least == NONE || mean < mean_of(&means->levels[means->least]))
			means->least = i;
		if (means->most == NONE || mean > mean_of(&means->levels[means->most]))
			means->most = i;
	}
	means->swing_s = means->least == NONE ? 0
	                                      : mean_of(&means->levels[means->most]) -
	                                                mean_of(&means->levels[means->least]);
}

static void means_find(const struct drawing *drawing, uint32_t factor, struct factor_means *ret_means)
{
	const struct sweep *sweep = drawing->sweep;
	const struct sweep_factor *of = &sweep->factors[factor];
	struct factor_means means = { .factor = factor,
		                      .count = of->levels ? of->level_count : PLOTS_QUARTERS };

	means.levels = MEMORY_ARRAY(struct level_mean, means.count);
	means.level_of = MEMORY_ARRAY(uint32_t, sweep->cells);
	for (uint32_t cell = 0; cell < sweep->cells; cell++) {
		uint32_t place = level_place(sweep, cell, factor);
		struct level_mean *level = &means.levels[place];

		means.level_of[cell] = place;
		if (!level->text[0] && of->levels)
			level_text(sweep, cell, factor, level->text, sizeof(level->text));
		if (isnan(drawing->time_s[cell]))
			continue;
		level->sum_s += drawing->time_s[cell];
		level->count++;
	}
	for (uint32_t i = 0; i < means.count && !of->levels; i++)
		plots_quarter_text(&of->input, i, means.levels[i].text, sizeof(means.levels[i].text));
	find_ends(&means);
	*ret_means = means;
}

/* The widest swing first; equal ones as in the file. */
static int means_compare(const void *a, const void *b)
{
	const struct factor_means *x = a, *y = b;

	if (x->swing_s != y->swing_s)
		return x->swing_s > y->swing_s ? -1 : 1;
	return x->factor < y->factor ? -1 : x->factor > y->factor;
}

/* ------------------------------------------------------------------ the tables */

/* Two factors, each pair of levels: means over the others. */
static int draw_heat(const struct drawing *drawing, const struct factor_means *x,
                     const struct factor_means *y, struct error *error)
{
	static const char *const columns[] = { "x",       "y",       "x_name", "y_name",
		                               "x_level", "y_level", "time_s", "in_window" };
	const struct sweep *sweep = drawing->sweep;
	uint32_t places = x->count * y->count, *counts = MEMORY_ARRAY(uint32_t, places);
	double *sums = MEMORY_ARRAY(double, places);
	uint64_t *runs = MEMORY_ARRAY(uint64_t, places), *in_window = MEMORY_ARRAY(uint64_t, places);
	struct table table;

	for (uint32_t cell = 0; cell < sweep->cells; cell++) {
		uint32_t place = y->level_of[cell] * x->count + x->level_of[cell];

		runs[place] += drawing->cells[cell].runs;
		in_window[place] += drawing->cells[cell].in_window;
		if (isnan(drawing->time_s[cell]))
			continue;
		sums[place] += drawing->time_s[cell];
		counts[place]++;
	}
	table_create(&table, columns, 8);
	for (uint32_t place = 0; place < places; place++) {
		table_cell(&table, COLOUR_NONE, "%u", place % x->count);
		table_cell(&table, COLOUR_NONE, "%u", place / x->count);
		table_cell(&table, COLOUR_NONE, "%s", sweep->factors[x->factor].name);
		table_cell(&table, COLOUR_NONE, "%s", sweep->factors[y->factor].name);
		table_cell(&table, COLOUR_NONE, "%s", x->levels[place % x->count].text);
		table_cell(&table, COLOUR_NONE, "%s", y->levels[place / x->count].text);
		if (counts[place])
			table_cell(&table, COLOUR_NONE, "%.6g", sums[place] / counts[place]);
		else
			table_cell(&table, COLOUR_NONE, "never");
		table_cell(&table, COLOUR_NONE, "%.6g",
		           runs[place] ? (double)in_window[place] / (double)runs[place] : 0.0);
	}
	free(counts);
	free(sums);
	free(runs);
	free(in_window);
	return plots_table(drawing->folder, "heat", &table, error);
}

/* Which factor matters: what its best and its worst level make of the time, on the average over the others.
 */
static int draw_tornado(const struct drawing *drawing, const struct factor_means *means, struct error *error)
{
	static const char *const columns[] = { "factor",   "least_s",     "most_s",
		                               "middle_s", "least_level", "most_level" };
	double sum_s = 0;
	uint32_t count = 0;
	struct table table;

	for (uint32_t cell = 0; cell < drawing->sweep->cells; cell++) {
		if (isnan(drawing->time_s[cell]))
			continue;
		sum_s += drawing->time_s[cell];
		count++;
	}
	table_create(&table, columns, 6);
	for (uint32_t i = 0; i < drawing->sweep->factor_count && count > 0; i++) {
		const struct factor_means *of = &means[i];

		table_cell(&table, COLOUR_NONE, "%s", drawing->sweep->factors[of->factor].name);
		table_cell(&table, COLOUR_NONE, "%.6g", mean_of(&of->levels[of->least]));
		table_cell(&table, COLOUR_NONE, "%.6g", mean_of(&of->levels[of->most]));
		table_cell(&table, COLOUR_NONE, "%.6g", sum_s / count);
		table_cell(&table, COLOUR_NONE, "%s", of->levels[of->least].text);
		table_cell(&table, COLOUR_NONE, "%s", of->levels[of->most].text);
	}
	return plots_table(drawing->folder, "tornado", &table, error);
}

struct ranked {
	double time_s;
	uint32_t cell;
};

static int ranked_compare(const void *a, const void *b)
{
	const struct ranked *x = a, *y = b;

	if (x->time_s != y->time_s)
		return x->time_s < y->time_s ? -1 : 1;
	return x->cell < y->cell ? -1 : x->cell > y->cell;
}

/* The cells that are drawn: all of a few, else from the fastest to the slowest in even steps. */
static uint32_t choose_cells(const struct drawing *drawing, uint32_t chosen[CURVES_MOST])
{
	struct ranked *ranked = MEMORY_ARRAY(struct ranked, drawing->sweep->cells);
	uint32_t count = 0, steps;

	for (uint32_t cell = 0; cell < drawing->sweep->cells; cell++) {
		if (!isnan(drawing->time_s[cell]))
			ranked[count++] = (struct ranked){ drawing->time_s[cell], cell };
	}
	qsort(ranked, count, sizeof(ranked[0]), ranked_compare);
	steps = count < CURVES_MOST ? count : CURVES_MOST;
	for (uint32_t i = 0; i < steps; i++)
		chosen[i] = ranked[steps > 1 ? (uint64_t)i * (count - 1) / (steps - 1) : 0].cell;
	free(ranked);
	return steps;
}

static void cell_label(const struct sweep *sweep, uint32_t cell, char *ret_text, size_t room)
{
	size_t length = 0;

	ret_text[0] = '\0';
	for (uint32_t i = 0; i < sweep->factor_count && length + 1 < room; i++) {
		char level[64];

		level_text(sweep, cell, i, level, sizeof(level));
		length += (size_t)snprintf(ret_text + length, room - length, "%s%s %s", i ? " · " : "",
		                           sweep->factors[i].name, level);
	}
}

/* Steps of the distribution of a cell's times: how many of all runs took no longer. */
static void curve_cells(struct table *table, const struct drawing *drawing, uint32_t curve, uint32_t cell)
{
	const struct sweep_result *result = &drawing->cells[cell];
	const struct histogram *durations = &result->measures[MEASURE_DURATION_US];
	uint64_t before = 0;
	char label[160];

	cell_label(drawing->sweep, cell, label, sizeof(label));
	for (uint32_t i = 0; i < durations->count; i++) {
		double rank = ((double)before + 0.5) / (double)durations->numbers;

		table_cell(table, COLOUR_NONE, "%u", curve);
		table_cell(table, COLOUR_NONE, "%s", label);
		table_cell(table, COLOUR_NONE, "%.6f", histogram_quantile(durations, rank) / 1e6);
		before += durations->at[i].count;
		table_cell(table, COLOUR_NONE, "%.8g", (double)before / (double)result->runs);
	}
}

static int draw_distribution(const struct drawing *drawing, struct error *error)
{
	static const char *const columns[] = { "curve", "label", "time_s", "share" };
	uint32_t chosen[CURVES_MOST], count = choose_cells(drawing, chosen);
	struct table table;

	table_create(&table, columns, 4);
	for (uint32_t i = 0; i < count; i++)
		curve_cells(&table, drawing, i, chosen[i]);
	return plots_table(drawing->folder, "distribution", &table, error);
}

/* ------------------------------------------------------------------ all of them */

int sweep_plots(const struct sweep_work *work, const struct sweep_result *cells, const char *plots,
                struct error *error)
{
	const struct sweep *sweep = &work->sweep;
	struct drawing drawing = { .sweep = sweep, .cells = cells, .folder = plots };
	struct factor_means *means = MEMORY_ARRAY(struct factor_means, sweep->factor_count);
	int result = folder_make(plots, error);

	drawing.time_s = MEMORY_ARRAY(double, sweep->cells);
	for (uint32_t cell = 0; cell < sweep->cells; cell++)
		drawing.time_s[cell] = median_s(&cells[cell]);
	for (uint32_t i = 0; i < sweep->factor_count; i++)
		means_find(&drawing, i, &means[i]);
	if (sweep->factor_count > 0)
		qsort(means, sweep->factor_count, sizeof(means[0]), means_compare);
	if (!result)
		result = draw_distribution(&drawing, error);
	if (!result && sweep->factor_count > 0)
		result = draw_tornado(&drawing, means, error);
	if (!result && sweep->factor_count > 1)
		result = draw_heat(&drawing, &means[0], &means[1], error);
	for (uint32_t i = 0; i < sweep->factor_count; i++) {
		free(means[i].levels);
		free(means[i].level_of);
	}
	free(means);
	free(drawing.time_s);
	return result;
}
