/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "cli/plan.h"

#include "cli/plots.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static const double MIB = 1048576;

/* ------------------------------------------------------------------ by the hour */

struct by_hour {
	const struct plan_command *command;
	struct predictor *predictors; /* by thread */
	struct state *states;
	uint32_t runs;
	struct prediction hours[DAY_HOURS];
	uint32_t best;
};

static void predict_hour(void *context, uint32_t hour, unsigned thread)
{
	struct by_hour *by_hour = context;
	struct predictor *predictor = &by_hour->predictors[thread];

	predictor->start_hour = hour;
	predict_plan(predictor, &by_hour->states[thread], &by_hour->command->plan, 0, by_hour->runs,
	             by_hour->command->common.seed, INFINITY, &by_hour->hours[hour], NULL);
}

/* One in which all completes, then the soonest end, then the shortest worst downtime, then the earliest. */
static bool is_better(const struct prediction *one, const struct prediction *other)
{
	if (one->completed != other->completed)
		return one->completed;
	if (one->duration_s[1] != other->duration_s[1])
		return one->duration_s[1] < other->duration_s[1];
	return one->worst_downtime_ms[1] < other->worst_downtime_ms[1];
}

static void predict_hours(struct by_hour *by_hour)
{
	const struct plan_command *command = by_hour->command;
	unsigned threads = command->common.threads < DAY_HOURS ? command->common.threads : DAY_HOURS;

	by_hour->predictors = MEMORY_ARRAY(struct predictor, threads);
	by_hour->states = MEMORY_ARRAY(struct state, threads);
	for (unsigned i = 0; i < threads; i++) {
		predictor_create(&by_hour->predictors[i]);
		by_hour->predictors[i].hypervisors = &command->hypervisors;
		state_create(&by_hour->states[i], &command->cluster);
	}
	cli_parallel(threads, DAY_HOURS, predict_hour, by_hour, "hours");
	for (uint32_t hour = 1; hour < DAY_HOURS; hour++) {
		if (is_better(&by_hour->hours[hour], &by_hour->hours[by_hour->best]))
			by_hour->best = hour;
	}
	for (unsigned i = 0; i < threads; i++) {
		predictor_free(&by_hour->predictors[i]);
		state_free(&by_hour->states[i]);
	}
	free(by_hour->predictors);
	free(by_hour->states);
}

static json_t *hours_json(const struct by_hour *by_hour)
{
	json_t *value = json_object_new(), *array;

	json_add_text(value, "schema", "lockkeeper.rolling-hours/1");
	json_add_number(value, "stages", by_hour->command->plan.stage_count);
	json_add_number(value, "moves", by_hour->command->plan.move_count);
	json_add_number(value, "best_hour", by_hour->best);
	array = json_add(value, "hours", json_array_new());
	for (uint32_t hour = 0; hour < DAY_HOURS; hour++) {
		const struct prediction *prediction = &by_hour->hours[hour];
		json_t *entry = json_push(array, json_object_new());

		json_add_number(entry, "hour", hour);
		json_add_percentiles(entry, "duration_s", prediction->duration_s);
		json_add_percentiles(entry, "worst_downtime_ms", prediction->worst_downtime_ms);
		json_add_number(entry, "bytes", round(prediction->bytes));
		json_add_bool(entry, "completes", prediction->completed);
	}
	return value;
}

/* All columns, of which people are shown the same. */
static void hours_table(const struct by_hour *by_hour, struct table *ret_table)
{
	static const char *const columns[] = { "hour",
		                               "duration_s_p10",
		                               "duration_s_p50",
		                               "duration_s_p90",
		                               "worst_downtime_ms_p50",
		                               "worst_downtime_ms_p90",
		                               "mib",
		                               "completes",
		                               "best" };

	table_create(ret_table, columns, 9);
	for (uint32_t hour = 0; hour < DAY_HOURS; hour++) {
		const struct prediction *prediction = &by_hour->hours[hour];

		table_cell(ret_table, COLOUR_NONE, "%u", hour);
		for (int i = 0; i < 3; i++)
			table_cell(ret_table, COLOUR_NONE, "%.3f", prediction->duration_s[i]);
		for (int i = 1; i < 3; i++)
			table_cell(ret_table, COLOUR_NONE, "%.1f", prediction->worst_downtime_ms[i]);
		table_cell(ret_table, COLOUR_NONE, "%.0f", prediction->bytes / MIB);
		table_cell(ret_table, COLOUR_NONE, "%d", prediction->completed);
		table_cell(ret_table, COLOUR_NONE, "%d", hour == by_hour->best);
	}
}

static int print_people(const struct by_hour *by_hour, struct error *error)
{
	static const char *const columns[] = { ">HOUR", ">TIME S", ">P10-P90", ">WORST DOWNTIME MS",
		                               ">MIB",  "" };
	struct table table;
	int result;

	table_create(&table, columns, 6);
	for (uint32_t hour = 0; hour < DAY_HOURS; hour++) {
		const struct prediction *prediction = &by_hour->hours[hour];

		table_cell(&table, COLOUR_NONE, "%u", hour);
		table_cell(&table, COLOUR_NONE, "%.1f", prediction->duration_s[1]);
		table_cell(&table, COLOUR_NONE, "%.1f-%.1f", prediction->duration_s[0],
		           prediction->duration_s[2]);
		table_cell(&table, COLOUR_NONE, "%.0f", prediction->worst_downtime_ms[1]);
		table_cell(&table, COLOUR_NONE, "%.0f", prediction->bytes / MIB);
		table_cell(&table, prediction->completed ? COLOUR_GOOD : COLOUR_BAD, "%s",
		           !prediction->completed  ? "a migration does not finish"
		           : hour == by_hour->best ? "best"
		                                   : "");
	}
	result = table_print(&table, false, error);
	table_free(&table);
	return result;
}

static int print_hours(const struct by_hour *by_hour, struct error *error)
{
	struct table table;
	int result;

	if (by_hour->command->common.output == OUTPUT_JSON)
		return cli_print_json(hours_json(by_hour), error);
	if (by_hour->command->common.output == OUTPUT_TABLE)
		return print_people(by_hour, error);
	hours_table(by_hour, &table);
	result = table_print(&table, true, error);
	table_free(&table);
	return result;
}

static void say_unloaded(const struct cluster *cluster)
{
	for (uint32_t vm = 0; vm < cluster->vm_count; vm++) {
		if (cluster->vms[vm].load != NONE)
			return;
	}
	fputs("lockkeeper: note: no VM has a load profile: all hours are the same (see import utilisation)\n",
	      stderr);
}

/* The moves' own numbers are those of the best hour. */
static void take_best(struct plan_command *command, const struct by_hour *by_hour)
{
	struct predictor predictor;
	struct state state;

	predictor_create(&predictor);
	predictor.hypervisors = &command->hypervisors;
	predictor.start_hour = by_hour->best;
	state_create(&state, &command->cluster);
	if (command->plan.move_count > 0)
		predict_into_plan(&predictor, &state, &command->plan, by_hour->runs, command->common.seed,
		                  INFINITY, &command->prediction);
	state_free(&state);
	predictor_free(&predictor);
}

int plan_by_hour(struct plan_command *command, uint32_t runs, struct error *error)
{
	struct by_hour by_hour = { .command = command, .runs = runs };
	struct table table;
	int result;

	say_unloaded(&command->cluster);
	predict_hours(&by_hour);
	take_best(command, &by_hour);
	result = print_hours(&by_hour, error);
	if (result || !command->plots)
		return result;
	hours_table(&by_hour, &table);
	return plots_table(command->plots, "hours", &table, error);
}

/* ------------------------------------------------------------------ the timeline */

/* When the host's moves of a stage begin and end; how many there are. */
static uint32_t host_span(const struct plan *plan, uint32_t stage, uint32_t host, double *ret_start_s,
                          double *ret_end_s)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < plan->move_count; i++) {
		const struct plan_move *move = &plan->moves[i];
		double end_s = move->predicted.start_s + move->predicted.duration_s[1];

		if (move->stage != stage || move->from != host)
			continue;
		*ret_start_s = count ? fmin(*ret_start_s, move->predicted.start_s) : move->predicted.start_s;
		*ret_end_s = count ? fmax(*ret_end_s, end_s) : end_s;
		count++;
	}
	return count;
}

/* Hosts that have nothing to move are locked when the stage before has ended. */
int plan_draw_rolling(const struct plan_command *command, struct error *error)
{
	static const char *const columns[] = { "stage", "host", "start_s", "end_s", "moves" };
	const struct plan *plan = &command->plan;
	double ended_s = 0;
	uint32_t number = 0;
	struct table table;

	table_create(&table, columns, 5);
	for (const struct plan_stage *stage = plan->stages; stage; stage = stage->next, number++) {
		double stage_end_s = ended_s;

		for (uint32_t i = 0; i < stage->count; i++) {
			double start_s = ended_s, end_s = ended_s;
			uint32_t count = host_span(plan, number, stage->hosts[i], &start_s, &end_s);

			table_cell(&table, COLOUR_NONE, "%u", number + 1);
			table_cell(&table, COLOUR_NONE, "%s", command->cluster.hosts[stage->hosts[i]].name);
			table_cell(&table, COLOUR_NONE, "%.6f", start_s);
			table_cell(&table, COLOUR_NONE, "%.6f", end_s);
			table_cell(&table, COLOUR_NONE, "%u", count);
			stage_end_s = fmax(stage_end_s, end_s);
		}
		ended_s = stage_end_s;
	}
	return plots_table(command->plots, "rolling", &table, error);
}
