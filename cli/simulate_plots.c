/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "cli/simulate.h"

#include "cli/plots.h"

#include <gsl/gsl_sort.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Steps of a curve: more are not seen. Inputs in one picture. */
enum { STEPS_MOST = 2000, INPUTS_DRAWN = 40 };

/* How long it takes, over all runs. */
static int draw_distribution(const struct simulation *simulation, const char *folder, struct error *error)
{
	static const char *const columns[] = { "curve", "label", "time_s", "share" };
	uint32_t runs = simulation->runs, steps = runs < STEPS_MOST ? runs : STEPS_MOST;
	double *durations = MEMORY_ARRAY(double, runs);
	struct table table;

	for (uint32_t run = 0; run < runs; run++)
		durations[run] = simulation_run_sums(simulation, run)->duration_s;
	gsl_sort(durations, 1, runs);
	table_create(&table, columns, 4);
	for (uint32_t step = 0; step < steps; step++) {
		uint32_t run = (uint32_t)((uint64_t)(step + 1) * runs / steps) - 1;

		if (!isfinite(durations[run]))
			break;
		table_cell(&table, COLOUR_NONE, "0");
		table_cell(&table, COLOUR_NONE, "until all is done · %u runs", runs);
		table_cell(&table, COLOUR_NONE, "%.6f", durations[run]);
		table_cell(&table, COLOUR_NONE, "%.8g", (run + 1.0) / runs);
	}
	free(durations);
	return plots_table(folder, "distribution", &table, error);
}

struct swing {
	const struct uncertain_input *input;
	const double *means_s; /* by quarter */
	uint32_t count;        /* of inputs that share the dimension */
	uint32_t least, most;
	double width_s;
};

/* The widest first; equal ones as in the file. */
static int swing_compare(const void *a, const void *b)
{
	const struct swing *x = a, *y = b;

	if (x->width_s != y->width_s)
		return x->width_s > y->width_s ? -1 : 1;
	return x->input < y->input ? -1 : x->input > y->input;
}

static void swing_measure(struct swing *swing)
{
	swing->width_s = -1;
	for (uint32_t quarter = 0; quarter < PLOTS_QUARTERS; quarter++) {
		if (isnan(swing->means_s[quarter]))
			continue;
		if (swing->width_s < 0)
			swing->least = swing->most = quarter;
		if (swing->means_s[quarter] < swing->means_s[swing->least])
			swing->least = quarter;
		if (swing->means_s[quarter] > swing->means_s[swing->most])
			swing->most = quarter;
		swing->width_s = swing->means_s[swing->most] - swing->means_s[swing->least];
	}
}

static void swing_cells(struct table *table, const struct swing *swing, double mean_s)
{
	const struct uncertain_input *input = swing->input;
	char path[512], text[64];

	json_path(input->doc, input->value, path, sizeof(path));
	if (swing->count > 1)
		table_cell(table, COLOUR_NONE, "%s", input->name);
	else
		table_cell(table, COLOUR_NONE, "%s", path);
	table_cell(table, COLOUR_NONE, "%.6g", swing->means_s[swing->least]);
	table_cell(table, COLOUR_NONE, "%.6g", swing->means_s[swing->most]);
	table_cell(table, COLOUR_NONE, "%.6g", mean_s);
	plots_quarter_text(input, swing->least, text, sizeof(text));
	table_cell(table, COLOUR_NONE, "%s", text);
	plots_quarter_text(input, swing->most, text, sizeof(text));
	table_cell(table, COLOUR_NONE, "%s", text);
}

/* Which input matters: the means of the quarter with the shortest and of that with the longest times. */
static int draw_tornado(const struct simulation *simulation, const char *folder, struct error *error)
{
	static const char *const columns[] = { "factor",   "least_s",     "most_s",
		                               "middle_s", "least_level", "most_level" };
	const struct uncertain *uncertain = simulation->options.draws->uncertain;
	uint32_t dimensions = uncertain->dimensions;
	double *means_s = MEMORY_ARRAY(double, PLOTS_QUARTERS *(size_t)dimensions), mean_s;
	struct swing *swings = MEMORY_ARRAY(struct swing, dimensions);
	struct table table;

	simulation_quarters(simulation, means_s, &mean_s);
	for (uint32_t i = 0; i < uncertain->count; i++) {
		struct swing *swing = &swings[uncertain->inputs[i].dimension];

		if (swing->count++ == 0)
			swing->input = &uncertain->inputs[i];
	}
	for (uint32_t i = 0; i < dimensions; i++) {
		swings[i].means_s = &means_s[PLOTS_QUARTERS * (size_t)i];
		swing_measure(&swings[i]);
	}
	qsort(swings, dimensions, sizeof(swings[0]), swing_compare);
	table_create(&table, columns, 6);
	for (uint32_t i = 0; i < dimensions && i < INPUTS_DRAWN && swings[i].width_s >= 0; i++)
		swing_cells(&table, &swings[i], mean_s);
	free(means_s);
	free(swings);
	return plots_table(folder, "tornado", &table, error);
}

int simulate_draw(const struct simulation *simulation, const char *folder, struct error *error)
{
	int result = 0;

	if (simulation->runs > 1)
		result = draw_distribution(simulation, folder, error);
	if (!result && simulation->runs > 1 && simulation->options.draws)
		result = draw_tornado(simulation, folder, error);
	return result;
}
