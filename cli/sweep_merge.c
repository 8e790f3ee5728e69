/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "cli/sweep.h"

#include "cli/table.h"
#include "models/interval.h"
#include "sim/simulation.h"
#include "system/files.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Columns behind the factors' own. */
static const char *const columns[] = { "runs",
	                               "done",
	                               "in_window",
	                               "in_window_low",
	                               "in_window_high",
	                               "duration_s_p10",
	                               "duration_s_p50",
	                               "duration_s_p50_low",
	                               "duration_s_p50_high",
	                               "duration_s_p90",
	                               "duration_s_p99",
	                               "duration_s_mean",
	                               "worst_downtime_ms_p50",
	                               "worst_downtime_ms_p90",
	                               "worst_downtime_ms_p99",
	                               "worst_downtime_ms_max",
	                               "bytes_p50",
	                               "bytes_mean" };

enum { COLUMNS = sizeof(columns) / sizeof(columns[0]) };

/* Behind these, of a rolling maintenance. */
static const char *const rolling_columns[] = { "verdict", "stages", "moves" };

enum { ROLLING_COLUMNS = sizeof(rolling_columns) / sizeof(rolling_columns[0]) };

/* Units that are named when they are missing. */
enum { MISSING_NAMED = 5 };

/* ------------------------------------------------------------------ reading the units */

static int read_unit(const struct sweep_work *work, const char *folder, uint32_t unit,
                     struct sweep_result *cells, bool *ret_missing, struct error *error)
{
	struct json_doc *doc;
	char path[4200];
	int result;

	sweep_unit_path(work, folder, unit, path, sizeof(path));
	*ret_missing = access(path, F_OK) != 0;
	if (*ret_missing)
		return 0;
	result = file_read_json(path, &doc, error);
	if (result)
		return result;
	result = sweep_unit_read(&work->sweep, unit, doc, cells, error);
	json_doc_free(doc);
	return result;
}

static void say_missing(const struct sweep_work *work, const char *folder, const uint32_t *missing,
                        uint32_t count)
{
	fprintf(stderr, "lockkeeper: %s: %u of %u units of work are missing (", folder, count,
	        work->sweep.units);
	for (uint32_t i = 0; i < count && i < MISSING_NAMED; i++)
		fprintf(stderr, "%s%u", i ? ", " : "", missing[i]);
	fprintf(stderr,
	        "%s; unit u is shard u modulo N, plus 1, of N): run these shards again with --resume\n",
	        count > MISSING_NAMED ? ", …)" : ")");
}

/* Returns EXIT_STOPPED when some are missing. */
static int read_units(const struct sweep_work *work, const char *folder, struct sweep_result *cells,
                      struct error *error)
{
	uint32_t *missing = MEMORY_ARRAY(uint32_t, work->sweep.units), count = 0;
	int result = 0;

	for (uint32_t unit = 0; unit < work->sweep.units && !result; unit++) {
		bool is_missing = false;

		result = read_unit(work, folder, unit, cells, &is_missing, error);
		if (is_missing)
			missing[count++] = unit;
	}
	if (!result && count > 0) {
		say_missing(work, folder, missing, count);
		result = EXIT_STOPPED;
	}
	free(missing);
	return result;
}

/* ------------------------------------------------------------------ rows */

static double share_of(uint64_t part, uint64_t all)
{
	return all ? (double)part / (double)all : 0;
}

/* NAN where there is nothing to say. */
static double seconds_at(const struct histogram *histogram, double share)
{
	return histogram->numbers ? histogram_quantile(histogram, share) / 1e6 : NAN;
}

/* What the n-th of all runs took; those that did not end as asked take longest. */
static double rank_seconds(const struct sweep_result *result, uint32_t rank)
{
	const struct histogram *durations = &result->measures[MEASURE_DURATION_US];

	if (rank == UINT32_MAX || rank >= durations->numbers)
		return NAN;
	return histogram_quantile(durations, ((double)rank + 0.5) / (double)durations->numbers) / 1e6;
}

/* A percentile over all runs, those counted as longest that did not end as asked. */
static double percentile_seconds(const struct sweep_result *result, double share)
{
	uint64_t rank = (uint64_t)ceil(share * (double)result->runs);

	return rank_seconds(result, (uint32_t)(rank ? rank - 1 : 0));
}

static void row_numbers(const struct sweep_result *result, double ret_numbers[COLUMNS])
{
	const struct histogram *downtimes = &result->measures[MEASURE_DOWNTIME_US];
	const struct histogram *bytes = &result->measures[MEASURE_BYTES];
	uint32_t runs = (uint32_t)result->runs, low, high;
	struct interval window = interval_share((uint32_t)result->in_window, runs, summary_confidence);
	const double numbers[COLUMNS] = {
		[0] = runs,
		[1] = share_of(result->done, runs),
		[2] = window.value,
		[3] = window.low,
		[4] = window.high,
		[5] = percentile_seconds(result, 0.1),
		[6] = percentile_seconds(result, 0.5),
		[9] = percentile_seconds(result, 0.9),
		[10] = percentile_seconds(result, 0.99),
		[11] = result->done == runs ? histogram_mean(&result->measures[MEASURE_DURATION_US]) / 1e6
		                            : NAN,
		[12] = seconds_at(downtimes, 0.5) * 1000,
		[13] = seconds_at(downtimes, 0.9) * 1000,
		[14] = seconds_at(downtimes, 0.99) * 1000,
		[15] = downtimes->numbers ? (double)downtimes->most / 1000 : NAN,
		[16] = bytes->numbers ? histogram_quantile(bytes, 0.5) : NAN,
		[17] = bytes->numbers ? histogram_mean(bytes) : NAN,
	};

	memcpy(ret_numbers, numbers, sizeof(numbers));
	interval_ranks(runs, 0.5, summary_confidence, &low, &high);
	ret_numbers[7] = rank_seconds(result, low);
	ret_numbers[8] = rank_seconds(result, high);
}

/* To the millionth, and no more digits than histograms have: what is beyond is arithmetic. */
static double rounded(double number)
{
	return round(number * 1e6) / 1e6;
}

static const char *verdict_of(const struct sweep_result *result)
{
	return result->undecided ? "unknown" : result->stages ? "lockable" : "not-lockable";
}

/* What a level is in a table: a text as it is, all else as JSON. */
static void level_text(const json_t *level, char *ret_text, size_t room)
{
	size_t length;
	char *text;

	if (json_type(level) == JSON_TEXT) {
		snprintf(ret_text, room, "%s", json_text(level));
		return;
	}
	text = json_canonical(level, &length);
	snprintf(ret_text, room, "%s", text);
	free(text);
}

/* ------------------------------------------------------------------ the merged files */

static json_t *cell_json(const struct sweep *sweep, uint32_t cell, const struct sweep_result *result)
{
	json_t *value = json_object_new(), *factors = json_object_new();
	double numbers[COLUMNS];

	json_add_number(value, "cell", cell);
	for (uint32_t i = 0; i < sweep->factor_count; i++)
		json_add(factors, sweep->factors[i].name, sweep_level(sweep, cell, i));
	json_add(value, "factors", factors);
	row_numbers(result, numbers);
	for (int i = 0; i < COLUMNS; i++) {
		if (isfinite(numbers[i]))
			json_add_number(value, columns[i], rounded(numbers[i]));
		else
			json_add_null(value, columns[i]);
	}
	if (sweep->kind == SWEEP_ROLLING) {
		json_add_text(value, "verdict", verdict_of(result));
		json_add_number(value, "stages", result->stages);
		json_add_number(value, "moves", result->moves);
	}
	return value;
}

static json_t *result_json(const struct sweep *sweep, const struct sweep_result *cells)
{
	json_t *value = json_object_new(), *array;

	json_add_text(value, "schema", "lockkeeper.sweep-result/1");
	json_add_text(value, "sweep", sweep->digest);
	json_add_number(value, "confidence", summary_confidence);
	array = json_add(value, "cells", json_array_new());
	for (uint32_t cell = 0; cell < sweep->cells; cell++)
		json_push(array, cell_json(sweep, cell, &cells[cell]));
	return value;
}

static void row_cells(struct table *table, const struct sweep *sweep, uint32_t cell,
                      const struct sweep_result *result)
{
	double numbers[COLUMNS];
	char text[256];

	table_cell(table, COLOUR_NONE, "%u", cell);
	for (uint32_t i = 0; i < sweep->factor_count; i++) {
		json_t *level = sweep_level(sweep, cell, i);

		level_text(level, text, sizeof(text));
		json_free(level);
		table_cell(table, COLOUR_NONE, "%s", text);
	}
	row_numbers(result, numbers);
	for (int i = 0; i < COLUMNS; i++) {
		if (isfinite(numbers[i]))
			json_number_text(rounded(numbers[i]), text);
		table_cell(table, COLOUR_NONE, "%s", isfinite(numbers[i]) ? text : "");
	}
	if (sweep->kind == SWEEP_ROLLING) {
		table_cell(table, COLOUR_NONE, "%s", verdict_of(result));
		table_cell(table, COLOUR_NONE, "%u", result->stages);
		table_cell(table, COLOUR_NONE, "%u", result->moves);
	}
}

/* All columns; the table refers to names[], which has room for all. */
static void csv_table(const struct sweep *sweep, const struct sweep_result *cells, const char **names,
                      struct table *ret_table)
{
	uint32_t count = 0;

	names[count++] = "cell";
	for (uint32_t i = 0; i < sweep->factor_count; i++)
		names[count++] = sweep->factors[i].name;
	for (int i = 0; i < COLUMNS; i++)
		names[count++] = columns[i];
	for (int i = 0; i < ROLLING_COLUMNS && sweep->kind == SWEEP_ROLLING; i++)
		names[count++] = rolling_columns[i];
	table_create(ret_table, names, count);
	for (uint32_t cell = 0; cell < sweep->cells; cell++)
		row_cells(ret_table, sweep, cell, &cells[cell]);
}

static int write_result(const struct sweep_work *work, const char *folder, const struct sweep_result *cells,
                        struct error *error)
{
	const char *names[SWEEP_FACTORS + COLUMNS + ROLLING_COLUMNS + 1];
	json_t *value = result_json(&work->sweep, cells);
	struct table table;
	char path[4200], *text;
	size_t length;
	int result;

	text = json_print(value, true, &length);
	json_free(value);
	snprintf(path, sizeof(path), "%.4000s/result.json", folder);
	result = file_write(path, text, length, true, error);
	free(text);
	if (result)
		return result;
	csv_table(&work->sweep, cells, names, &table);
	text = table_csv(&table, &length);
	table_free(&table);
	snprintf(path, sizeof(path), "%.4000s/result.csv", folder);
	result = file_write(path, text, length, true, error);
	free(text);
	return result;
}

/* ------------------------------------------------------------------ for people */

static void number_cell(struct table *table, double number, int digits)
{
	if (isfinite(number))
		table_cell(table, COLOUR_NONE, "%.*f", digits, number);
	else
		table_cell(table, COLOUR_NONE, "-");
}

static void people_cells(struct table *table, const struct sweep *sweep, uint32_t cell,
                         const struct sweep_result *result)
{
	double numbers[COLUMNS];
	char text[256];

	for (uint32_t i = 0; i < sweep->factor_count; i++) {
		json_t *level = sweep_level(sweep, cell, i);

		if (json_type(level) == JSON_NUMBER)
			snprintf(text, sizeof(text), "%.6g", json_number(level));
		else
			level_text(level, text, sizeof(text));
		json_free(level);
		table_cell(table, COLOUR_NONE, "%s", text);
	}
	row_numbers(result, numbers);
	table_cell(table, result->done == result->runs ? COLOUR_NONE : COLOUR_BAD, "%.1f", 100 * numbers[1]);
	number_cell(table, 100 * numbers[2], 1);
	number_cell(table, numbers[6], 1);
	number_cell(table, numbers[9], 1);
	number_cell(table, numbers[10], 1);
	number_cell(table, numbers[13], 0);
	number_cell(table, numbers[15], 0);
	number_cell(table, numbers[16] / 1048576, 0);
	if (sweep->kind == SWEEP_ROLLING)
		table_cell(table, result->stages ? COLOUR_NONE : COLOUR_BAD, "%s, %u stages",
		           verdict_of(result), result->stages);
}

static int print_people(const struct sweep *sweep, const struct sweep_result *cells, struct error *error)
{
	static const char *const headings[] = { ">DONE %", ">IN WINDOW %",     ">TIME S P50",      ">P90",
		                                ">P99",    ">DOWNTIME MS P90", ">DOWNTIME MS MAX", ">MIB",
		                                "ROLLING" };
	const char *names[SWEEP_FACTORS + 16];
	uint32_t count = 0;
	struct table table;
	int result;

	for (uint32_t i = 0; i < sweep->factor_count; i++)
		names[count++] = sweep->factors[i].name;
	for (int i = 0; i < (sweep->kind == SWEEP_ROLLING ? 9 : 8); i++)
		names[count++] = headings[i];
	table_create(&table, names, count);
	for (uint32_t cell = 0; cell < sweep->cells; cell++)
		people_cells(&table, sweep, cell, &cells[cell]);
	result = table_print(&table, false, error);
	table_free(&table);
	return result;
}

static int print_rows(const struct sweep_work *work, const struct sweep_result *cells, enum output output,
                      struct error *error)
{
	const char *names[SWEEP_FACTORS + COLUMNS + ROLLING_COLUMNS + 1];
	struct table table;
	int result;

	if (output == OUTPUT_JSON)
		return cli_print_json(result_json(&work->sweep, cells), error);
	if (output == OUTPUT_TABLE)
		return print_people(&work->sweep, cells, error);
	csv_table(&work->sweep, cells, names, &table);
	result = table_print(&table, true, error);
	table_free(&table);
	return result;
}

int sweep_merge(const struct sweep_work *work, const char *folder, const char *plots, enum output output,
                struct error *error)
{
	struct sweep_result *cells = MEMORY_ARRAY(struct sweep_result, work->sweep.cells);
	int result = read_units(work, folder, cells, error);

	if (!result)
		result = write_result(work, folder, cells, error);
	if (!result && plots)
		result = sweep_plots(work, cells, plots, error);
	if (!result)
		result = print_rows(work, cells, output, error);
	for (uint32_t cell = 0; cell < work->sweep.cells; cell++)
		sweep_result_free(&cells[cell]);
	free(cells);
	return result;
}

/* ------------------------------------------------------------------ the command */

struct merge_command {
	struct cli_options common;
	const char *folder, *plots;
};

enum { KEY_PLOTS = 0x100 };

static const struct argp_option options[] = {
	{ "plots", KEY_PLOTS, "DIR", 0, "draw what came of it, and the CSV for it", 1 },
	{ 0 },
};

static error_t parse(int key, char *argument, struct argp_state *state)
{
	struct merge_command *command = state->input;

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = &command->common;
		return 0;
	case KEY_PLOTS:
		command->plots = argument;
		return 0;
	default:
		return cli_one_argument(key, argument, state, "DIR", &command->folder);
	}
}

static const struct argp argp = {
	options,
	parse,
	"DIR",
	"Puts the shards of a sweep together: a row a cell, and result.csv and result.json in DIR.\v"
	"Units of work that are not done yet are named, and nothing is written; exit code 4.\n\n"
	"Example:\n  lockkeeper merge link-and-load --plots link-and-load/plots",
	cli_common_children,
	NULL,
	NULL,
};

int command_merge(int argc, char **argv)
{
	struct merge_command command = { .common = cli_options_default() };
	struct sweep_work work;
	struct error error;
	int result;

	cli_parse(&argp, argc, argv, &command);
	result = sweep_work_open(&work, command.folder, &error);
	if (!result)
		result = sweep_merge(&work, command.folder, command.plots, command.common.output, &error);
	sweep_work_free(&work);
	return result < 0 ? cli_fail(&error) : result;
}
