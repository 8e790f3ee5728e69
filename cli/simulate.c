/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "cli/simulate.h"

#include "cli/plots.h"
#include "cli/scenario_file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { KEY_LOCK = 0x100, KEY_RUNS, KEY_SAMPLING, KEY_UNTIL, KEY_PLOTS, KEY_TRACE };

struct simulate {
	struct cli_options common;
	const char *path, *plots, *trace;
	const char **locks;
	uint32_t lock_count, runs;
	uint8_t sampling;
	double until; /* a share; 0: not asked for */
	struct scenario_file file;
	struct hypervisors hypervisors;
};

static const struct argp_option options[] = {
	{ "lock", KEY_LOCK, "HOST", 0,
	  "lock this host of a cluster file (may be given more than once: one after another)", 1 },
	{ "runs", KEY_RUNS, "N", 0, "so many runs, each with its own luck, instead of the file's (= 1)", 1 },
	{ "sampling", KEY_SAMPLING, "HOW", 0,
	  "what is uncertain in each run: drawn (plain, =), or by evenly spread points (sobol)", 1 },
	{ "until", KEY_UNTIL, "PERCENT", 0,
	  "as many runs (up to --runs, = 100000) as make each number of the summary sure within PERCENT", 1 },
	{ "plots", KEY_PLOTS, "DIR", 0,
	  "draw the first run: timeline, what is left to send, use of links; of more runs, how long they "
	  "take and what that depends on; and the CSV for it",
	  1 },
	{ "trace", KEY_TRACE, "FILE", 0,
	  "write every event of the first run, one line each (-: standard output)", 1 },
	{ 0 },
};

/* "1%" or "1". */
static double parse_percent(const struct argp_state *state, const char *argument)
{
	char text[64];
	size_t length = strlen(argument);

	snprintf(text, sizeof(text), "%s", argument);
	if (length > 0 && length < sizeof(text) && text[length - 1] == '%')
		text[length - 1] = '\0';
	return cli_number(state, "--until", text, 0.001, 50) / 100;
}

static error_t parse(int key, char *argument, struct argp_state *state)
{
	struct simulate *simulate = state->input;

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = state->child_inputs[1] = &simulate->common;
		return 0;
	case KEY_LOCK:
		cli_keep(&simulate->locks, &simulate->lock_count, argument);
		return 0;
	case KEY_RUNS:
		simulate->runs = (uint32_t)cli_whole(state, "--runs", argument, 1, 1000000);
		return 0;
	case KEY_SAMPLING:
		simulate->sampling = (uint8_t)cli_word(state, "--sampling", argument, sampling_words);
		return 0;
	case KEY_UNTIL:
		simulate->until = parse_percent(state, argument);
		return 0;
	case KEY_PLOTS:
		simulate->plots = argument;
		return 0;
	case KEY_TRACE:
		simulate->trace = argument;
		return 0;
	default:
		return cli_one_argument(key, argument, state, "SCENARIO or CLUSTER", &simulate->path);
	}
}

static const struct argp argp = {
	options,
	parse,
	"SCENARIO|CLUSTER",
	"Runs a scenario in virtual time: what becomes of each action, how long each migration takes and "
	"how long its guest stands still, which alarms are raised, and where everything is at the end.\v"
	"A cluster file with --lock is a scenario too. With more than one run, three numbers are the 10th, "
	"50th and 90th percentile, and a summary says how sure the whole is. A number may be a distribution "
	"({\"dist\": \"lognormal\", \"mean\": 900, \"sd\": 300}), drawn anew in each run. Exits with 2 "
	"when an action was rejected, failed or was aborted.\n\n"
	"Example:\n  lockkeeper simulate scenarios/rules/lock-empties-node.json --trace lock.trace\n"
	"  lockkeeper simulate scenarios/clusters/lab.json --lock compute-0 --runs 100 --plots lock",
	cli_predict_children,
	NULL,
	NULL,
};

/* ------------------------------------------------------------------ writing */

static int write_trace(const struct simulate *simulate, const struct simulation *simulation,
                       struct error *error)
{
	const char *text = simulation->trace.text ? simulation->trace.text : "";

	return cli_write(simulate->trace, text, simulation->trace.length, simulate->common.force, error);
}

static int write_plots(const struct simulate *simulate, const struct simulation *simulation,
                       struct error *error)
{
	static const char *const names[] = { "timeline", "remaining", "links" };
	static const enum record_table tables[] = { RECORD_TIMELINE, RECORD_REMAINING, RECORD_LINKS };
	int result = 0;

	for (int i = 0; i < 3 && !result; i++) {
		size_t length;
		char *csv = recorder_csv(&simulation->recorder, &simulate->file.scenario.cluster, tables[i],
		                         &length);

		result = plots_write(simulate->plots, names[i], csv, length, error);
		/* Nothing but the heading: there is nothing to draw. */
		if (!result && strchr(csv, '\n')[1])
			result = plots_draw(simulate->plots, names[i], error);
		free(csv);
	}
	return result;
}

/* ------------------------------------------------------------------ running */

/* Of --until: so many runs first, then so many times as many, and not more than this when --runs says
 * nothing. */
enum { UNTIL_FIRST = 64, UNTIL_MOST = 100000 };
static const double UNTIL_FACTOR = 1.25;

struct batch {
	struct simulation *simulation;
	uint32_t first;
};

static void run_one(void *context, uint32_t index, unsigned thread)
{
	const struct batch *batch = context;

	simulation_run(batch->simulation, batch->first + index, thread);
}

static int run_batch(struct simulation *simulation, uint32_t first, struct error *error)
{
	struct batch batch = { simulation, first };

	cli_parallel(simulation->options.threads, simulation->runs - first, run_one, &batch, "simulate");
	return simulation_failed(simulation, error);
}

/* How many runs are looked at next: a multiple of the batches of evenly spread points. */
static uint32_t more_runs(uint32_t runs, uint32_t most)
{
	uint32_t more = (uint32_t)(runs * UNTIL_FACTOR) / UNCERTAIN_BATCHES * UNCERTAIN_BATCHES;

	return more < most ? more : most;
}

/* The runs at which it looks whether they are enough do not depend on threads, so neither does the result. */
static int run_until(const struct simulate *simulate, struct simulation *simulation, uint32_t most,
                     struct error *error)
{
	int result = run_batch(simulation, 0, error);

	while (!result && simulation->runs < most) {
		struct simulation_summary summary;
		uint32_t first = simulation->runs;

		simulation_sum(simulation, &summary);
		if (simulate_looseness(&summary) <= simulate->until)
			break;
		simulation_extend(simulation, more_runs(first, most));
		result = run_batch(simulation, first, error);
	}
	return result;
}

/* Where it is drawn how many VMs there are, the scenario must have room for all that any run has. */
static int make_room(struct simulate *simulate, uint64_t seed, uint32_t runs, struct error *error)
{
	struct scenario_file *file = &simulate->file;
	struct scenario largest;
	int result;

	if (!file->uncertain.counts)
		return 0;
	result = simulation_read_largest(&file->draws, seed, runs, &largest, error);
	if (result)
		return result;
	scenario_free(&file->scenario);
	scenario_move(&file->scenario, &largest);
	return 0;
}

static int write_all(const struct simulate *simulate, struct simulation *simulation, struct error *error)
{
	struct simulate_report report;
	int result = 0;

	simulation_summarise(simulation);
	simulate_report(simulation, simulate->until, &report);
	if (simulate->trace)
		result = write_trace(simulate, simulation, error);
	if (!result && simulate->plots)
		result = write_plots(simulate, simulation, error);
	if (!result && simulate->plots)
		result = simulate_draw(simulation, simulate->plots, error);
	if (!result)
		result = simulate_print(simulation, &report, simulate->common.output, error);
	simulate_report_free(&report);
	if (!result)
		result = simulation_succeeded(simulation) ? EXIT_YES : EXIT_NO;
	return result;
}

static int run(struct simulate *simulate, struct error *error)
{
	const struct scenario *scenario = &simulate->file.scenario;
	bool until = simulate->until > 0;
	uint32_t most = simulate->runs ? simulate->runs : until ? UNTIL_MOST : scenario->runs;
	struct simulation simulation;
	struct simulation_options wanted = {
		.seed = simulate->common.seed_given ? simulate->common.seed : scenario->seed,
		.runs = until && most > UNTIL_FIRST ? UNTIL_FIRST : most,
		.threads = simulate->common.threads,
		.hypervisors = &simulate->hypervisors,
		.start_hour = simulate->common.start_hour >= 0 ? &simulate->common.start_hour : NULL,
		.trace = simulate->trace != NULL,
		.record = simulate->plots != NULL,
		.allowed = simulate->common.output == OUTPUT_JSON,
		.draws = simulate->file.uncertain.count > 0 ? &simulate->file.draws : NULL,
	};
	int result;

	simulate->file.draws.sampling = simulate->sampling;
	result = make_room(simulate, wanted.seed, most, error);
	if (result)
		return result;
	wanted.threads = wanted.threads > most ? most : wanted.threads;
	simulation_create(&simulation, scenario, &wanted);
	if (until)
		result = run_until(simulate, &simulation, most, error);
	else
		result = run_batch(&simulation, 0, error);
	if (!result)
		result = write_all(simulate, &simulation, error);
	simulation_free(&simulation);
	return result;
}

int command_simulate(int argc, char **argv)
{
	struct simulate simulate = { .common = cli_options_default() };
	struct error error;
	int result;

	cli_parse(&argp, argc, argv, &simulate);
	result = cli_read_model(&simulate.common, &simulate.hypervisors, &error);
	if (!result) {
		result = scenario_file_read(&simulate.file, simulate.path, simulate.locks,
		                            simulate.lock_count, simulate.common.profile, &error);
		if (!result)
			result = run(&simulate, &error);
		scenario_file_free(&simulate.file);
	}
	free(simulate.locks);
	return result < 0 ? cli_fail(&error) : result;
}
