/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "cli/simulate.h"

#include "cli/table.h"
#include "models/correlation.h"
#include "sim/uncertain.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Inputs that are listed: those that matter most. */
enum { INPUTS_LISTED_JSON = 100, INPUTS_LISTED = 10 };

static const double MIB = 1048576;

void simulate_report(const struct simulation *simulation, double until, struct simulate_report *ret_report)
{
	const struct simulation_draws *draws = simulation->options.draws;

	*ret_report = (struct simulate_report){ .until = until };
	simulation_sum(simulation, &ret_report->summary);
	ret_report->looseness = simulate_looseness(&ret_report->summary);
	if (draws) {
		ret_report->coefficients = MEMORY_ARRAY(double, draws->uncertain->dimensions);
		simulation_correlate(simulation, ret_report->coefficients);
		ret_report->chance = correlation_by_chance(simulation->runs, draws->uncertain->dimensions,
		                                           summary_confidence);
	}
}

void simulate_report_free(struct simulate_report *report)
{
	free(report->coefficients);
	*report = (struct simulate_report){ 0 };
}

/* Of a percentile that is infinite, whether it is for sure; then it is no looser for being so. */
static double percentile_looseness(const struct interval *interval)
{
	if (isinf(interval->value))
		return interval->low == interval->value ? 0 : INFINITY;
	return interval_looseness(interval);
}

double simulate_looseness(const struct simulation_summary *summary)
{
	const struct interval *shares[] = { &summary->probability_done, &summary->probability_in_window };
	double loosest = 0;

	for (int i = 0; i < SUMMARY_PERCENTILES; i++) {
		loosest = fmax(loosest, percentile_looseness(&summary->duration_s[i]));
		loosest = fmax(loosest, percentile_looseness(&summary->worst_downtime_ms[i]));
	}
	for (int i = 0; i < 2; i++)
		loosest = fmax(loosest, (shares[i]->high - shares[i]->low) / 2);
	return loosest;
}

/* ------------------------------------------------------------------ inputs, those that matter most first */

/* Inputs that share their draw are one. */
struct rank {
	double weight;
	uint32_t input; /* the first of them */
	uint32_t count;
};

static int rank_compare(const void *a, const void *b)
{
	const struct rank *x = a, *y = b;

	if (x->weight != y->weight)
		return x->weight > y->weight ? -1 : 1;
	return x->input < y->input ? -1 : x->input > y->input;
}

/* One a dimension; the caller free()s them. */
static struct rank *rank_inputs(const struct uncertain *uncertain, const double *coefficients)
{
	struct rank *ranks = MEMORY_ARRAY(struct rank, uncertain->dimensions);

	for (uint32_t i = 0; i < uncertain->count; i++) {
		struct rank *rank = &ranks[uncertain->inputs[i].dimension];

		if (rank->count++ == 0) {
			rank->weight = fabs(coefficients[uncertain->inputs[i].dimension]);
			rank->input = i;
		}
	}
	qsort(ranks, uncertain->dimensions, sizeof(ranks[0]), rank_compare);
	return ranks;
}

static double micro(double value)
{
	return round(value * 1e6) / 1e6;
}

static json_t *inputs_json(const struct uncertain *uncertain, const double *coefficients, double chance)
{
	struct rank *ranks = rank_inputs(uncertain, coefficients);
	json_t *array = json_array_new();

	for (uint32_t i = 0; i < uncertain->dimensions && i < INPUTS_LISTED_JSON; i++) {
		const struct uncertain_input *input = &uncertain->inputs[ranks[i].input];
		json_t *value = json_push(array, json_object_new());
		double percentiles[3];
		char path[512];

		for (int j = 0; j < 3; j++)
			percentiles[j] = uncertain_number(input, 0.1 + 0.4 * j);
		json_path(input->doc, input->value, path, sizeof(path));
		json_add_text(value, "path", path);
		json_add_text(value, "name", input->name);
		json_add_number(value, "numbers", ranks[i].count);
		json_add_text(value, "dist", distribution_words[input->distribution.kind]);
		json_add_percentiles(value, "value", percentiles);
		json_add_number(value, "rank_correlation", micro(coefficients[input->dimension]));
		json_add_bool(value, "telling", ranks[i].weight > chance);
	}
	free(ranks);
	return array;
}

/* ------------------------------------------------------------------ JSON */

/* Null where it is not finite. */
static void add_finite(json_t *object, const char *key, double number)
{
	if (isfinite(number))
		json_add_number(object, key, number);
	else
		json_add_null(object, key);
}

static void add_interval(json_t *object, const char *key, const struct interval *interval,
                         double (*rounded)(double))
{
	json_t *value = json_add(object, key, json_object_new());

	add_finite(value, "value", rounded(interval->value));
	add_finite(value, "low", rounded(interval->low));
	add_finite(value, "high", rounded(interval->high));
}

static void add_intervals(json_t *object, const char *key, const struct interval *intervals,
                          double (*rounded)(double))
{
	static const char *const names[SUMMARY_PERCENTILES] = { "p50", "p90", "p99" };
	json_t *value = json_add(object, key, json_object_new());

	for (int i = 0; i < SUMMARY_PERCENTILES; i++)
		add_interval(value, names[i], &intervals[i], rounded);
}

json_t *simulate_report_json(const struct simulation *simulation, const struct simulate_report *report)
{
	const struct simulation_summary *summary = &report->summary;
	const struct simulation_draws *draws = simulation->options.draws;
	json_t *value = json_object_new();

	json_add_number(value, "confidence", summary_confidence);
	json_add_text(value, "sampling", sampling_words[draws ? draws->sampling : SAMPLING_PLAIN]);
	add_intervals(value, "duration_s", summary->duration_s, micro);
	add_intervals(value, "worst_downtime_ms", summary->worst_downtime_ms, micro);
	add_intervals(value, "bytes", summary->bytes, round);
	add_interval(value, "probability_done", &summary->probability_done, micro);
	add_interval(value, "probability_in_window", &summary->probability_in_window, micro);
	add_finite(value, "looseness", micro(report->looseness));
	if (report->until > 0)
		json_add_number(value, "until", report->until);
	if (draws)
		json_add(value, "inputs",
		         inputs_json(draws->uncertain, report->coefficients, report->chance));
	return value;
}

/* ------------------------------------------------------------------ for people */

/* What is without end never comes, or is not known: too few runs. */
static void number_text(double number, int digits, const char *endless, char text[32])
{
	if (isfinite(number))
		snprintf(text, 32, "%.*f", digits, number);
	else
		snprintf(text, 32, "%s", endless);
}

static void interval_cell(struct table *table, const struct interval *interval, double unit, int digits)
{
	char value[32], low[32], high[32];
	bool never = isinf(interval->value);

	number_text(interval->value / unit, digits, "never", value);
	number_text(interval->low / unit, digits, never && interval->low > 0 ? "never" : "?", low);
	number_text(interval->high / unit, digits, never ? "never" : "?", high);
	if (strcmp(low, high))
		table_cell(table, COLOUR_NONE, "%s (%s-%s)", value, low, high);
	else
		table_cell(table, COLOUR_NONE, "%s", value);
}

static int print_percentiles(const struct simulation *simulation, const struct simulation_summary *summary,
                             struct error *error)
{
	static const char *const columns[] = { "", ">P50", ">P90", ">P99" };
	static const char *const names[] = { "until all is done, s", "worst downtime, ms", "sent, MiB" };
	const struct interval *rows[] = { summary->duration_s, summary->worst_downtime_ms, summary->bytes };
	const double units[] = { 1, 1, MIB };
	struct table table;
	char heading[64];
	const char *named[4];
	int result;

	snprintf(heading, sizeof(heading), "OVER %u RUNS", simulation->runs);
	memcpy(named, columns, sizeof(named));
	named[0] = heading;
	table_create(&table, named, 4);
	for (int row = 0; row < 3; row++) {
		table_cell(&table, COLOUR_NONE, "%s", names[row]);
		for (int i = 0; i < SUMMARY_PERCENTILES; i++)
			interval_cell(&table, &rows[row][i], units[row], row == 0);
	}
	result = table_print(&table, false, error);
	table_free(&table);
	return result;
}

static int print_shares(const struct simulation *simulation, const struct simulate_report *report,
                        struct error *error)
{
	const struct interval *done = &report->summary.probability_done;
	const struct interval *window = &report->summary.probability_in_window;
	char text[512];
	int length;

	length = snprintf(text, sizeof(text),
	                  "All actions end as asked in %.1f %% of the runs (%.1f-%.1f), within %.0f s in "
	                  "%.1f %% (%.1f-%.1f); ranges are sure to 95 %%.\n",
	                  100 * done->value, 100 * done->low, 100 * done->high,
	                  simulation->scenario->window_s, 100 * window->value, 100 * window->low,
	                  100 * window->high);
	if (report->until > 0 && report->looseness > report->until)
		snprintf(text + length, sizeof(text) - (size_t)length,
		         "Not all of them are narrower than %.3g %%: so many runs were not enough.\n",
		         100 * report->until);
	return cli_print(text, strlen(text), error);
}

static void input_cells(struct table *table, const struct rank *rank, const struct uncertain_input *input,
                        double coefficient)
{
	char path[512];

	json_path(input->doc, input->value, path, sizeof(path));
	if (rank->count > 1)
		table_cell(table, COLOUR_NONE, "%s (%u numbers)", input->name, rank->count);
	else
		table_cell(table, COLOUR_NONE, "%s", path);
	table_cell(table, COLOUR_NONE, "%s", distribution_words[input->distribution.kind]);
	for (int i = 0; i < 3; i++)
		table_cell(table, COLOUR_NONE, "%.6g", uncertain_number(input, 0.1 + 0.4 * i));
	table_cell(table, COLOUR_NONE, "%+.2f", coefficient);
}

/* Those that can be told from chance. */
static int print_inputs(const struct uncertain *uncertain, const struct simulate_report *report,
                        struct error *error)
{
	static const char *const columns[] = { "UNCERTAIN", "DISTRIBUTION", ">P10",
		                               ">P50",      ">P90",         ">RANKS WITH TIME" };
	struct rank *ranks = rank_inputs(uncertain, report->coefficients);
	uint32_t shown = 0;
	struct table table;
	char text[160];
	int result;

	table_create(&table, columns, 6);
	for (; shown < uncertain->dimensions && shown < INPUTS_LISTED && ranks[shown].weight > report->chance;
	     shown++) {
		const struct uncertain_input *input = &uncertain->inputs[ranks[shown].input];

		input_cells(&table, &ranks[shown], input, report->coefficients[input->dimension]);
	}
	result = cli_print("\n", 1, error);
	if (!result && shown > 0)
		result = table_print(&table, false, error);
	table_free(&table);
	free(ranks);
	if (result || shown == uncertain->dimensions)
		return result;
	snprintf(text, sizeof(text), "Of %u uncertain numbers%s %s: more runs might tell.\n",
	         uncertain->dimensions, shown ? "," : "",
	         shown ? "the others cannot be told from chance" : "none can be told from chance");
	return cli_print(text, strlen(text), error);
}

int simulate_report_print(const struct simulation *simulation, const struct simulate_report *report,
                          struct error *error)
{
	const struct simulation_draws *draws = simulation->options.draws;
	int result = print_percentiles(simulation, &report->summary, error);

	if (!result)
		result = print_shares(simulation, report, error);
	if (!result && draws)
		result = print_inputs(draws->uncertain, report, error);
	return result;
}
