/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "cli/execution.h"
#include "cli/table.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static const double MIB = 1048576;

/* Whether it has been carried out by us, so that there is something to be seen of it. */
static bool is_observed(const struct execution *execution, uint32_t move)
{
	return execution->executor.standings[move] == STANDING_DONE &&
	       execution->executor.migrations[move].progress.elapsed_s > 0;
}

static enum colour colour_of(uint8_t standing)
{
	switch ((enum standing)standing) {
	case STANDING_DONE:
	case STANDING_SKIPPED:
		return COLOUR_GOOD;
	case STANDING_FAILED:
	case STANDING_UNCLEAR:
		return COLOUR_BAD;
	default:
		return COLOUR_NONE;
	}
}

/* What is to be said of a move beside its numbers. */
static const char *note_of(const struct execution *execution, uint32_t move, char *buffer, size_t room)
{
	const struct migration *migration = &execution->executor.migrations[move];

	switch ((enum standing)execution->executor.standings[move]) {
	case STANDING_GOING:
		return migration_state_words[migration->state];
	case STANDING_SKIPPED:
		return "by other hands";
	case STANDING_FAILED:
		return migration->state == MIGRATION_FAILED ? migration_why(migration, buffer, room)
		                                            : "one that it waits for has failed";
	case STANDING_UNCLEAR:
		return migration_why(migration, buffer, room);
	default:
		return "";
	}
}

static void add_row(struct table *table, const struct execution *execution, uint32_t move)
{
	const struct cluster *cluster = &execution->cluster;
	const struct plan_move *of = &execution->plan.moves[move];
	const struct progress *progress = &execution->executor.migrations[move].progress;
	bool observed = is_observed(execution, move), predicted = execution->plan.predicted;
	uint8_t standing = execution->executor.standings[move];
	char buffer[256];

	table_cell(table, COLOUR_NONE, "%s", cluster->vms[of->vm].name);
	table_cell(table, COLOUR_NONE, "%s", cluster->hosts[of->from].name);
	table_cell(table, COLOUR_NONE, "%s", cluster->hosts[of->to].name);
	table_cell(table, colour_of(standing), "%s", standing_words[standing]);
	table_cell(table, COLOUR_NONE, predicted ? "%.1f" : "-", of->predicted.duration_s[1]);
	table_cell(table, COLOUR_NONE, observed ? "%.1f" : "-", progress->elapsed_s);
	table_cell(table, COLOUR_NONE, predicted ? "%.0f" : "-", of->predicted.downtime_ms[1]);
	table_cell(table, COLOUR_NONE, observed ? "%.0f" : "-", progress->downtime_ms);
	table_cell(table, COLOUR_NONE, predicted ? "%.0f" : "-", of->predicted.bytes / MIB);
	table_cell(table, COLOUR_NONE, observed ? "%.0f" : "-", progress->processed_bytes / MIB);
	table_cell(table, COLOUR_NONE, "%s", note_of(execution, move, buffer, sizeof(buffer)));
}

static int print_table(const struct execution *execution, bool csv, struct error *error)
{
	static const char *const people[] = {
		"VM",          "FROM",          "TO",           "STATE",          ">PREDICTED S",
		">OBSERVED S", ">PREDICTED MS", ">OBSERVED MS", ">PREDICTED MIB", ">OBSERVED MIB",
		"NOTE"
	};
	static const char *const machines[] = { "vm",
		                                "from",
		                                "to",
		                                "state",
		                                "predicted_s",
		                                "observed_s",
		                                "predicted_downtime_ms",
		                                "observed_downtime_ms",
		                                "predicted_mib",
		                                "observed_mib",
		                                "note" };
	struct table table;
	int result;

	table_create(&table, csv ? machines : people, 11);
	for (uint32_t i = 0; i < execution->plan.move_count; i++)
		add_row(&table, execution, i);
	result = table_print(&table, csv, error);
	table_free(&table);
	return result;
}

static json_t *observed_json(const struct migration *migration)
{
	json_t *object = json_object_new();

	json_add_number(object, "duration_s", round(migration->progress.elapsed_s * 1e6) / 1e6);
	json_add_number(object, "downtime_ms", round(migration->progress.downtime_ms * 1e6) / 1e6);
	json_add_number(object, "bytes", round(migration->progress.processed_bytes));
	json_add_number(object, "iterations", migration->progress.iterations);
	return object;
}

static json_t *predicted_json(const struct plan_predicted *predicted)
{
	json_t *object = json_object_new();

	json_add_percentiles(object, "duration_s", predicted->duration_s);
	json_add_percentiles(object, "downtime_ms", predicted->downtime_ms);
	json_add_number(object, "bytes", round(predicted->bytes));
	return object;
}

static double round_us(double seconds)
{
	return round(seconds * 1e6) / 1e6;
}

static json_t *move_json(const struct execution *execution, uint32_t move)
{
	const struct cluster *cluster = &execution->cluster;
	const struct plan_move *of = &execution->plan.moves[move];
	const struct migration *migration = &execution->executor.migrations[move];
	json_t *object = json_object_new();
	char buffer[256];
	const char *why = note_of(execution, move, buffer, sizeof(buffer));

	json_add_number(object, "id", (double)plan_move_id(&execution->plan, move));
	json_add_text(object, "vm", cluster->vms[of->vm].name);
	json_add_text(object, "from", cluster->hosts[of->from].name);
	json_add_text(object, "to", cluster->hosts[of->to].name);
	json_add_text(object, "state", standing_words[execution->executor.standings[move]]);
	json_add_text(object, "migration", migration_state_words[migration->state]);
	json_add_number(object, "attempts", migration->attempt);
	if (migration->begun_ns > 0)
		json_add_number(
			object, "began_s",
			round_us((double)(migration->begun_ns - journal_head(execution->journal).created_ns) *
		                 1e-9));
	if (execution->executor.standings[move] == STANDING_GOING) {
		json_add_number(object, "remaining_bytes", migration->progress.remaining_bytes);
		json_add_number(object, "processed_bytes", migration->progress.processed_bytes);
	}
	json_add_text(object, "why", *why ? why : NULL);
	if (execution->plan.predicted)
		json_add(object, "predicted", predicted_json(&of->predicted));
	if (is_observed(execution, move))
		json_add(object, "observed", observed_json(migration));
	return object;
}

/* From its beginning to the last event; 0: none has come. */
static double elapsed_s(const struct execution *execution)
{
	int64_t begun_ns = journal_head(execution->journal).created_ns;

	return execution->executor.now_ns > begun_ns ? (double)(execution->executor.now_ns - begun_ns) * 1e-9
	                                             : 0;
}

json_t *execution_json(const struct execution *execution, bool is_running)
{
	enum executor_end end = executor_end(&execution->executor);
	json_t *root = json_object_new(), *moves;

	json_add_text(root, "schema", "lockkeeper.execution/1");
	json_add_text(root, "cluster", execution->cluster.name);
	json_add_text(root, "state",
	              end == EXECUTOR_GOING && !is_running ? "interrupted" : executor_end_words[end]);
	json_add_text(root, "why", execution->executor.why[0] ? execution->executor.why : NULL);
	json_add_bool(root, "simulated", execution->options.simulated);
	json_add_number(root, "elapsed_s", round_us(elapsed_s(execution)));
	if (execution->plan.predicted) {
		json_add_percentiles(root, "predicted_s", execution->plan.makespan_s);
		json_add_number(root, "left_s",
		                end == EXECUTOR_GOING ? round_us(execution_left_s(execution)) : 0);
	}
	moves = json_add(root, "moves", json_array_new());
	for (uint32_t i = 0; i < execution->plan.move_count; i++)
		json_push(moves, move_json(execution, i));
	return root;
}

int execution_print(const struct execution *execution, enum output output, bool is_running,
                    struct error *error)
{
	if (output == OUTPUT_JSON)
		return cli_print_json(execution_json(execution, is_running), error);
	return print_table(execution, output == OUTPUT_CSV, error);
}

int execution_exit(const struct execution *execution, enum executor_end end)
{
	const char *why = execution->executor.why[0] ? execution->executor.why : NULL;

	fflush(stdout);
	switch (end) {
	case EXECUTOR_DONE:
		return EXIT_YES;
	case EXECUTOR_STALE:
		fprintf(stderr, "lockkeeper: stale: %s\n",
		        why ? why : "the hosts are not as the plan has them");
		return EXIT_STALE;
	case EXECUTOR_UNCLEAR:
		fprintf(stderr, "lockkeeper: unclear, a person must look: %s\n", why ? why : "");
		return EXIT_UNCLEAR;
	case EXECUTOR_GOING:
	case EXECUTOR_STOPPED:
		break;
	}
	fprintf(stderr, "lockkeeper: stopped: %s\n", why ? why : "there is more to do, see resume");
	return EXIT_STOPPED;
}
