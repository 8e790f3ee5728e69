/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "models/correlation.h"
#include "sim/percentile.h"
#include "sim/simulation_parts.h"
#include "sim/uncertain.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static double in_seconds(int64_t time_ns)
{
	return (double)time_ns / 1e9;
}

/* The most frequent of a few words; the first in the enumeration among equals. */
static uint32_t most_frequent(const uint32_t *counts, uint32_t count)
{
	uint32_t best = 0;

	for (uint32_t i = 1; i < count; i++) {
		if (counts[i] > counts[best])
			best = i;
	}
	return best;
}

static double median(double *values, uint32_t count)
{
	double percentiles[3];

	percentiles_take(values, count, percentiles);
	return percentiles[1];
}

static void summarise_action(struct simulation *simulation, uint32_t index, double *values)
{
	struct action_summary *summary = &simulation->actions[index];
	uint32_t counts[VERDICT_COUNT] = { 0 }, runs = simulation->runs, run = 0;

	for (uint32_t i = 0; i < runs; i++)
		counts[simulation->results[i].actions[index].verdict]++;
	summary->verdict = (enum verdict)most_frequent(counts, VERDICT_COUNT);
	while (simulation->results[run].actions[index].verdict != summary->verdict)
		run++;
	summary->message = simulation->results[run].actions[index].message;
	summary->allowed = simulation->results[0].actions[index].allowed;
	summary->allowed_count = simulation->results[0].actions[index].allowed_count;
	for (uint32_t i = 0; i < runs; i++)
		values[i] = in_seconds(simulation->results[i].actions[index].start_ns);
	summary->start_s = median(values, runs);
	for (uint32_t i = 0; i < runs; i++)
		values[i] = in_seconds(simulation->results[i].actions[index].end_ns);
	summary->end_s = median(values, runs);
}

/*
 * The same migration in several runs: of one VM by one action, and when an action moves a VM more than once,
 * the n-th time.
 */
struct same {
	uint32_t action, vm;
	uint32_t time;      /* 0: the first */
	uint32_t count;     /* how many runs have it */
	uint32_t next_time; /* in `sames`, NONE */
	const struct moved **moved;
};

struct table {
	uint32_t *places; /* hash table of the first times: indexes into sames, NONE: free */
	struct same *sames;
	uint32_t room, count, sames_room;
	struct arena arena;
	uint32_t runs;
};

static uint32_t *place_of(const struct table *table, uint32_t action, uint32_t vm)
{
	uint64_t hash = ((uint64_t)action << 32 | vm) * UINT64_C(0x9e3779b97f4a7c15);

	for (uint32_t at = (uint32_t)(hash >> 33) & (table->room - 1);; at = (at + 1) & (table->room - 1)) {
		uint32_t *place = &table->places[at];

		if (*place == NONE ||
		    (table->sames[*place].action == action && table->sames[*place].vm == vm))
			return place;
	}
}

static void places_new(struct table *table)
{
	table->places = memory_resize(table->places, table->room, sizeof(*table->places));
	for (uint32_t i = 0; i < table->room; i++)
		table->places[i] = NONE;
	for (uint32_t i = 0; i < table->count; i++) {
		if (table->sames[i].time == 0)
			*place_of(table, table->sames[i].action, table->sames[i].vm) = i;
	}
}

static uint32_t same_new(struct table *table, uint32_t action, uint32_t vm, uint32_t time)
{
	if (table->count == table->sames_room) {
		table->sames_room = table->sames_room ? table->sames_room * 2 : 64;
		table->sames = memory_resize(table->sames, table->sames_room, sizeof(*table->sames));
	}
	table->sames[table->count] =
		(struct same){ .action = action,
		               .vm = vm,
		               .time = time,
		               .next_time = NONE,
		               .moved = ARENA_ARRAY(&table->arena, const struct moved *, table->runs) };
	return table->count++;
}

static void table_add(struct table *table, const struct moved *moved, uint32_t run)
{
	uint32_t *place, at;

	if (table->count * 2 >= table->room) {
		table->room = table->room ? table->room * 2 : 128;
		places_new(table);
	}
	place = place_of(table, moved->activity, moved->vm);
	if (*place == NONE)
		*place = same_new(table, moved->activity, moved->vm, 0);
	at = *place;
	while (table->sames[at].moved[run]) {
		if (table->sames[at].next_time == NONE) {
			uint32_t next = same_new(table, moved->activity, moved->vm,
			                         table->sames[at].time + 1);

			table->sames[at].next_time = next;
		}
		at = table->sames[at].next_time;
	}
	table->sames[at].moved[run] = moved;
	table->sames[at].count++;
}

static double duration_of(const struct moved *moved)
{
	return in_seconds(moved->end_ns - moved->start_ns);
}

static double downtime_of(const struct moved *moved)
{
	return 1000 * moved->downtime_s;
}

static double bytes_of(const struct moved *moved)
{
	return moved->bytes;
}

static double iterations_of(const struct moved *moved)
{
	return moved->iterations;
}

static double throttle_of(const struct moved *moved)
{
	return 100 * moved->throttle;
}

static double start_of(const struct moved *moved)
{
	return in_seconds(moved->start_ns);
}

/* Percentiles of one number, over the runs that completed only or over all. */
static void take(const struct same *same, uint32_t runs, double (*number)(const struct moved *),
                 bool completed, double *values, double ret_percentiles[3])
{
	uint32_t count = 0;

	for (uint32_t run = 0; run < runs; run++) {
		if (same->moved[run] && (!completed || same->moved[run]->outcome == OUTCOME_COMPLETED))
			values[count++] = number(same->moved[run]);
	}
	percentiles_take(values, count, ret_percentiles);
}

static void summarise_migration(const struct simulation *simulation, const struct same *same, double *values,
                                struct migration_summary *summary)
{
	uint32_t counts[OUTCOME_COUNT] = { 0 }, runs = simulation->runs, run = 0;
	double percentiles[3];

	for (uint32_t i = 0; i < runs; i++) {
		if (same->moved[i])
			counts[same->moved[i]->outcome]++;
	}
	*summary = (struct migration_summary){
		.action = same->action,
		.vm = same->vm,
		.outcome = (enum outcome)most_frequent(counts, OUTCOME_COUNT),
		.probability_converged = (double)counts[OUTCOME_COMPLETED] / same->count,
	};
	while (!same->moved[run] || same->moved[run]->outcome != summary->outcome)
		run++;
	summary->from = same->moved[run]->from;
	summary->to = same->moved[run]->to;
	summary->method = same->moved[run]->method;
	take(same, runs, duration_of, false, values, summary->duration_s);
	take(same, runs, bytes_of, false, values, summary->bytes);
	take(same, runs, iterations_of, false, values, summary->iterations);
	take(same, runs, downtime_of, true, values, summary->downtime_ms);
	take(same, runs, throttle_of, false, values, percentiles);
	summary->throttle_percent = percentiles[1];
	take(same, runs, start_of, false, values, percentiles);
	summary->start_s = percentiles[1];
}

void simulation_summarise(struct simulation *simulation)
{
	struct table table = { .runs = simulation->runs };
	double *values = MEMORY_ARRAY(double, simulation->runs);

	simulation->actions = ARENA_ARRAY(&simulation->arena, struct action_summary,
	                                  simulation->scenario->action_count);
	for (uint32_t i = 0; i < simulation->scenario->action_count; i++)
		summarise_action(simulation, i, values);
	for (uint32_t run = 0; run < simulation->runs; run++) {
		for (uint32_t i = 0; i < simulation->results[run].moved_count; i++)
			table_add(&table, &simulation->results[run].moved[i], run);
	}
	simulation->migration_count = table.count;
	simulation->migrations = ARENA_ARRAY(&simulation->arena, struct migration_summary, table.count);
	for (uint32_t i = 0; i < table.count; i++)
		summarise_migration(simulation, &table.sames[i], values, &simulation->migrations[i]);
	arena_free(&table.arena);
	free(table.places);
	free(table.sames);
	free(values);
}

/* ------------------------------------------------------------------ all together */

const double summary_shares[SUMMARY_PERCENTILES] = { 0.5, 0.9, 0.99 };
const double summary_confidence = 0.95;

static int value_compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

static double result_duration(const struct run_result *result)
{
	return result->sums.duration_s;
}

static double result_downtime(const struct run_result *result)
{
	return result->sums.downtime_ms;
}

static double result_bytes(const struct run_result *result)
{
	return result->sums.bytes;
}

static double result_done(const struct run_result *result)
{
	return isfinite(result->sums.duration_s);
}

static double result_in_window(const struct run_result *result)
{
	return result->sums.in_window;
}

/* One number of the runs first, first + step, …; how many they are. */
static uint32_t numbers_take(const struct simulation *simulation, double (*number)(const struct run_result *),
                             uint32_t first, uint32_t step, double *values)
{
	uint32_t count = 0;

	for (uint32_t run = first; run < simulation->runs; run += step)
		values[count++] = number(&simulation->results[run]);
	return count;
}

/* Evenly spread runs depend on each other; their batches do not. */
static bool in_batches(const struct simulation *simulation)
{
	const struct simulation_draws *draws = simulation->options.draws;

	return draws && draws->sampling == SAMPLING_SOBOL && draws->uncertain->dimensions > 0 &&
	       simulation->runs >= 2 * UNCERTAIN_BATCHES;
}

static void sum_percentiles(const struct simulation *simulation, double (*number)(const struct run_result *),
                            double *values, struct interval *ret_intervals)
{
	double batches[SUMMARY_PERCENTILES][UNCERTAIN_BATCHES];
	uint32_t count;

	for (uint32_t batch = 0; batch < UNCERTAIN_BATCHES && in_batches(simulation); batch++) {
		count = numbers_take(simulation, number, batch, UNCERTAIN_BATCHES, values);
		qsort(values, count, sizeof(*values), value_compare);
		for (int i = 0; i < SUMMARY_PERCENTILES; i++)
			batches[i][batch] =
				interval_quantile(values, count, summary_shares[i], summary_confidence).value;
	}
	count = numbers_take(simulation, number, 0, 1, values);
	qsort(values, count, sizeof(*values), value_compare);
	for (int i = 0; i < SUMMARY_PERCENTILES; i++) {
		ret_intervals[i] = interval_quantile(values, count, summary_shares[i], summary_confidence);
		if (in_batches(simulation))
			ret_intervals[i] = interval_batches(ret_intervals[i].value, batches[i],
			                                    UNCERTAIN_BATCHES, summary_confidence);
	}
}

static struct interval sum_share(const struct simulation *simulation,
                                 double (*number)(const struct run_result *), double *values)
{
	double batches[UNCERTAIN_BATCHES];
	struct interval interval;
	uint32_t hits = 0, count = numbers_take(simulation, number, 0, 1, values);

	for (uint32_t i = 0; i < count; i++)
		hits += values[i] > 0;
	interval = interval_share(hits, count, summary_confidence);
	if (!in_batches(simulation) || hits == 0 || hits == count)
		return interval;
	for (uint32_t batch = 0; batch < UNCERTAIN_BATCHES; batch++) {
		count = numbers_take(simulation, number, batch, UNCERTAIN_BATCHES, values);
		batches[batch] = interval_mean(values, count, summary_confidence).value;
	}
	return interval_batches(interval.value, batches, UNCERTAIN_BATCHES, summary_confidence);
}

void simulation_sum(const struct simulation *simulation, struct simulation_summary *ret_summary)
{
	double *values = MEMORY_ARRAY(double, simulation->runs);

	sum_percentiles(simulation, result_duration, values, ret_summary->duration_s);
	sum_percentiles(simulation, result_downtime, values, ret_summary->worst_downtime_ms);
	sum_percentiles(simulation, result_bytes, values, ret_summary->bytes);
	ret_summary->probability_done = sum_share(simulation, result_done, values);
	ret_summary->probability_in_window = sum_share(simulation, result_in_window, values);
	free(values);
}

/* The shares of the chances at which the inputs were, run by run: those of dimension d begin at d * runs. The
 * caller free()s them. */
static double *units_of(const struct simulation *simulation)
{
	const struct simulation_draws *draws = simulation->options.draws;
	uint32_t runs = simulation->runs, dimensions = draws->uncertain->dimensions;
	double *units = MEMORY_ARRAY(double, (size_t)runs *dimensions);
	struct uncertain_draw draw;

	uncertain_draw_create(&draw, draws->uncertain, (enum sampling)draws->sampling,
	                      simulation->options.seed);
	for (uint32_t run = 0; run < runs; run++) {
		uncertain_draw_run(&draw, run);
		for (uint32_t i = 0; i < dimensions; i++)
			units[(size_t)i * runs + run] = draw.units[i];
	}
	uncertain_draw_free(&draw);
	return units;
}

void simulation_correlate(const struct simulation *simulation, double *ret_coefficients)
{
	uint32_t runs = simulation->runs, dimensions = simulation->options.draws->uncertain->dimensions;
	double *durations = MEMORY_ARRAY(double, runs), *units = units_of(simulation);

	numbers_take(simulation, result_duration, 0, 1, durations);
	for (uint32_t i = 0; i < dimensions; i++)
		ret_coefficients[i] = correlation_of_ranks(units + (size_t)i * runs, durations, runs);
	free(durations);
	free(units);
}

void simulation_quarters(const struct simulation *simulation, double *ret_means_s, double *ret_mean_s)
{
	uint32_t runs = simulation->runs, dimensions = simulation->options.draws->uncertain->dimensions;
	double *units = units_of(simulation), all_s = 0;
	uint32_t done = 0;

	for (uint32_t i = 0; i < dimensions; i++) {
		double sums_s[4] = { 0 };
		uint32_t counts[4] = { 0 };

		for (uint32_t run = 0; run < runs; run++) {
			double duration_s = simulation->results[run].sums.duration_s;
			uint32_t quarter = (uint32_t)(4 * units[(size_t)i * runs + run]);

			if (!isfinite(duration_s))
				continue;
			sums_s[quarter] += duration_s;
			counts[quarter]++;
		}
		for (int quarter = 0; quarter < 4; quarter++)
			ret_means_s[4 * i + (uint32_t)quarter] = counts[quarter]
			                                                 ? sums_s[quarter] / counts[quarter]
			                                                 : NAN;
	}
	for (uint32_t run = 0; run < runs; run++) {
		if (!isfinite(simulation->results[run].sums.duration_s))
			continue;
		all_s += simulation->results[run].sums.duration_s;
		done++;
	}
	*ret_mean_s = done ? all_s / done : NAN;
	free(units);
}

bool simulation_succeeded(const struct simulation *simulation)
{
	for (uint32_t i = 0; i < simulation->scenario->action_count; i++) {
		enum verdict verdict = simulation->actions[i].verdict;

		if (verdict != VERDICT_LOCKED && verdict != VERDICT_DONE)
			return false;
	}
	return true;
}
