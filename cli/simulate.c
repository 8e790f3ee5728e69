/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "cli/simulate.h"

#include "cli/plots.h"
#include "core/scenario.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { KEY_LOCK = 0x100, KEY_RUNS, KEY_PLOTS, KEY_TRACE };

struct simulate {
	struct cli_options common;
	const char *path, *plots, *trace;
	const char **locks;
	uint32_t lock_count, runs;
	struct scenario scenario;
	struct hypervisors hypervisors;
};

static const struct argp_option options[] = {
	{ "lock", KEY_LOCK, "HOST", 0,
	  "lock this host of a cluster file (may be given more than once: one after another)", 1 },
	{ "runs", KEY_RUNS, "N", 0, "so many runs, each with its own luck, instead of the file's (= 1)", 1 },
	{ "plots", KEY_PLOTS, "DIR", 0,
	  "draw the first run: timeline, what is left to send, use of links; and the CSV for it", 1 },
	{ "trace", KEY_TRACE, "FILE", 0,
	  "write every event of the first run, one line each (-: standard output)", 1 },
	{ 0 },
};

static error_t parse(int key, char *argument, struct argp_state *state)
{
	struct simulate *simulate = state->input;

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = state->child_inputs[1] = &simulate->common;
		return 0;
	case KEY_LOCK:
		simulate->locks = memory_resize(simulate->locks, simulate->lock_count + 1,
		                                sizeof(simulate->locks[0]));
		simulate->locks[simulate->lock_count++] = argument;
		return 0;
	case KEY_RUNS:
		simulate->runs = (uint32_t)cli_whole(state, "--runs", argument, 1, 1000000);
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
	"50th and 90th percentile. Exits with 2 when an action was rejected, failed or was aborted.\n\n"
	"Example:\n  lockkeeper simulate scenarios/rules/lock-empties-node.json --trace lock.trace\n"
	"  lockkeeper simulate scenarios/clusters/lab.json --lock compute-0 --runs 100 --plots lock",
	cli_predict_children,
	NULL,
	NULL,
};

/* ------------------------------------------------------------------ reading */

/* scenario_load: the path is relative to the scenario's file. */
static int load_cluster(void *context, const char *path, enum profile profile, struct cluster *ret_cluster,
                        struct error *error)
{
	const struct simulate *simulate = context;
	const char *slash = strrchr(simulate->path, '/');
	char joined[4096];
	int length;

	if (*path == '/' || !slash || !strcmp(path, "-"))
		return cli_read_cluster(path, profile, ret_cluster, error);
	length = snprintf(joined, sizeof(joined), "%.*s/%s", (int)(slash - simulate->path), simulate->path,
	                  path);
	if (length < 0 || (size_t)length >= sizeof(joined))
		return error_set(error, ERROR_INPUT, "%s: the path of its cluster is too long",
		                 simulate->path);
	return cli_read_cluster(joined, profile, ret_cluster, error);
}

static bool is_cluster(const struct json_doc *doc)
{
	const json_t *schema = json_get(json_doc_root(doc), "schema");

	return schema && json_type(schema) == JSON_TEXT &&
	       !strncmp(json_text(schema), "lockkeeper.cluster/", 19);
}

/* A cluster file: the hosts to lock, one after another. */
static int make_scenario(struct simulate *simulate, const struct json_doc *doc, struct error *error)
{
	struct cluster cluster;
	uint32_t *hosts;
	int result = cluster_read(&cluster, doc, simulate->common.profile, error);

	if (result)
		return result;
	cli_print_warnings(&cluster);
	hosts = MEMORY_ARRAY(uint32_t, simulate->lock_count);
	for (uint32_t i = 0; i < simulate->lock_count && !result; i++)
		result = cli_find_locked(&cluster, simulate->path, simulate->locks[i], &hosts[i], error);
	if (result)
		cluster_free(&cluster);
	else
		scenario_lock(&simulate->scenario, &cluster, hosts, simulate->lock_count);
	free(hosts);
	return result;
}

static int read_scenario(struct simulate *simulate, struct error *error)
{
	const struct scenario_source source = { .load = load_cluster, .context = simulate };
	struct json_doc *doc;
	int result = cli_read_json(simulate->path, &doc, error);

	if (result)
		return result;
	if (is_cluster(doc)) {
		result = make_scenario(simulate, doc, error);
	} else if (simulate->lock_count > 0) {
		result = error_set(error, ERROR_INPUT,
		                   "%s: --lock goes with a cluster file, expected schema "
		                   "\"lockkeeper.cluster/1\"",
		                   simulate->path);
	} else {
		result = scenario_read(&simulate->scenario, doc, simulate->common.profile, &source, error);
		/* Those of a cluster in a file of its own have been printed. */
		if (!result && json_type(json_get(json_doc_root(doc), "cluster")) == JSON_OBJECT)
			cli_print_warnings(&simulate->scenario.cluster);
	}
	json_doc_free(doc);
	return result;
}

/* ------------------------------------------------------------------ running and writing */

static void run_one(void *context, uint32_t index, unsigned thread)
{
	simulation_run(context, index, thread);
}

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
	int result = cli_make_folder(simulate->plots, error);

	for (int i = 0; i < 3 && !result; i++) {
		char path[4096];
		size_t length;
		char *csv;

		if ((size_t)snprintf(path, sizeof(path), "%s/%s.csv", simulate->plots, names[i]) >=
		    sizeof(path))
			return error_set(error, ERROR_IO, "%s: the path is too long", simulate->plots);
		csv = recorder_csv(&simulation->recorder, &simulate->scenario.cluster, tables[i], &length);
		result = cli_write_file(path, csv, length, true, error);
		/* Nothing but the heading: there is nothing to draw. */
		if (!result && strchr(csv, '\n')[1])
			result = plots_draw(simulate->plots, names[i], error);
		free(csv);
	}
	return result;
}

static int run(struct simulate *simulate, struct error *error)
{
	const struct scenario *scenario = &simulate->scenario;
	struct simulation simulation;
	struct simulation_options wanted = {
		.seed = simulate->common.seed_given ? simulate->common.seed : scenario->seed,
		.runs = simulate->runs ? simulate->runs : scenario->runs,
		.threads = simulate->common.threads,
		.hypervisors = &simulate->hypervisors,
		.trace = simulate->trace != NULL,
		.record = simulate->plots != NULL,
		.allowed = simulate->common.output == OUTPUT_JSON,
	};
	int result = 0;

	wanted.threads = wanted.threads > wanted.runs ? wanted.runs : wanted.threads;
	simulation_create(&simulation, scenario, &wanted);
	cli_parallel(wanted.threads, simulation.runs, run_one, &simulation, "simulate");
	simulation_summarise(&simulation);
	if (simulate->trace)
		result = write_trace(simulate, &simulation, error);
	if (!result && simulate->plots)
		result = write_plots(simulate, &simulation, error);
	if (!result)
		result = simulate_print(&simulation, simulate->common.output, error);
	if (!result)
		result = simulation_succeeded(&simulation) ? EXIT_YES : EXIT_NO;
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
	if (!result)
		result = read_scenario(&simulate, &error);
	if (!result) {
		result = run(&simulate, &error);
		scenario_free(&simulate.scenario);
	}
	free(simulate.locks);
	return result < 0 ? cli_fail(&error) : result;
}
