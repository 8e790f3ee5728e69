/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "cli/check.h"

#include "cli/cli.h"
#include "cli/pacing.h"
#include "cli/plots.h"
#include "planner/certificate.h"
#include "planner/lockability.h"
#include "sim/predict.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { KEY_HOST = 0x100, KEY_LIMIT, KEY_WINDOW, KEY_PLOTS, KEY_REQUESTS };

/* Runs of a prediction in which something is drawn, how many migrations all of them together may simulate,
 * and to find good paces. */
enum { RUNS_MOST = 25, RUNS_MIGRATIONS = 1000000, PACE_MIGRATIONS = 1000000 };

/* Pairs of a VM and a host that are looked at for the lower bounds of all plans together. */
enum { PAIRS_MOST = 100000000 };

static const struct argp_option options[] = {
	{ "host", KEY_HOST, "HOST", 0, "check this host (may be given more than once); all when not given",
	  1 },
	{ "limit", KEY_LIMIT, "SECONDS", 0, "about so long for one host's verdict, then \"unknown\" (= 10)",
	  1 },
	{ "window", KEY_WINDOW, "SECONDS", 0, "the maintenance window of probability_in_window (= 1800)", 1 },
	{ "plots", KEY_PLOTS, "DIR", 0,
	  "draw the lock board: board.svg, board.png, and what it was drawn from", 1 },
	{ "requests", KEY_REQUESTS, NULL, 0,
	  "for programs: questions on standard input, {\"host\": \"h1\", \"full\": true} a line, "
	  "answered by a line of JSON each",
	  1 },
	{ 0 },
};

static error_t parse(int key, char *argument, struct argp_state *state)
{
	struct check *check = state->input;

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = state->child_inputs[1] = &check->common;
		return 0;
	case KEY_HOST:
		cli_keep(&check->names, &check->name_count, argument);
		return 0;
	case KEY_LIMIT:
		check->limit_s = cli_number(state, "--limit", argument, 0, 1e6);
		return 0;
	case KEY_WINDOW:
		check->window_s = cli_number(state, "--window", argument, 0, 1e9);
		return 0;
	case KEY_PLOTS:
		check->plots = argument;
		return 0;
	case KEY_REQUESTS:
		check->requests = "-";
		return 0;
	case ARGP_KEY_END:
		if (check->requests && (check->name_count > 0 || check->plots))
			argp_error(state, "--requests names the hosts, --host and --plots do not go with it");
		if (check->requests && check->path && !strcmp(check->path, "-"))
			argp_error(state, "--requests takes standard input, expected a CLUSTER elsewhere");
		return cli_one_argument(key, argument, state, "CLUSTER", &check->path);
	default:
		return cli_one_argument(key, argument, state, "CLUSTER", &check->path);
	}
}

static const struct argp argp = {
	options,
	parse,
	"CLUSTER",
	"Can each host be locked? What stands in the way, and how long it takes.\v"
	"LOCK is what the platform's own lock does, over every order in which it may take the VMs: always, "
	"order-dependent, never, or unknown past --limit. PLAN is how many moves empty the host, of its own "
	"VMs and of others that make room, or no when none do. Exits with 2 when a host asked for cannot be "
	"emptied, with 6 when that is not decided.\n\n"
	"Example:\n  lockkeeper check scenarios/clusters/lab.json --host compute-0",
	cli_predict_children,
	NULL,
	NULL,
};

/* The hosts asked for, in the file's order, each once. */
static int find_hosts(struct check *check, struct error *error)
{
	const struct cluster *cluster = &check->cluster;
	bool *wanted = MEMORY_ARRAY(bool, cluster->host_count);
	int result = 0;

	for (uint32_t i = 0; i < check->name_count && !result; i++) {
		uint32_t host;

		result = cli_find_host(cluster, check->path, check->names[i], &host, error);
		if (!result)
			wanted[host] = true;
	}
	check->checked = MEMORY_ARRAY(struct checked, cluster->host_count);
	for (uint32_t host = 0; host < cluster->host_count && !result; host++) {
		if (check->name_count == 0 || wanted[host])
			check->checked[check->count++].host = host;
	}
	free(wanted);
	return result;
}

static void fill_shape(void *context, uint32_t index, unsigned thread)
{
	struct check *check = context;

	(void)thread;
	shapes_fill(&check->shapes, index);
}

/* Predictions choose targets as fast as verdicts do, on the same state. */
static uint32_t predicted_choice(void *context, const struct request *request)
{
	return chooser_choose(context, request->vm);
}

static void predicted_change(void *context, uint32_t host)
{
	chooser_touch(context, host);
}

static bool lock_works(const struct stock *stock)
{
	return stock->good_order || stock->verdict == STOCK_ALWAYS;
}

static void plan_and_predict(struct check *check, struct checked *checked, struct pacing *pacing,
                             const struct check_how *how, unsigned thread)
{
	struct pacing_options paced = { .migrations_most = how->migrations_most,
		                        .pairs_most = how->pairs_most,
		                        .runs = how->runs,
		                        .window_s = check->window_s };
	struct prediction prediction;

	planned_plan(&checked->planned, &check->state, &check->reaches[thread].amounts, &checked->host, 1,
	             &checked->plan);
	pacing_find(pacing, &check->reaches[thread], &checked->plan, &paced, &prediction);
	chooser_begin(&check->choosers[thread]);
	if (lock_works(&checked->stock) || checked->plan.move_count == 0)
		return;
	checked->prediction = prediction;
	checked->predicted = checked->of_plan = true;
}

/* Whether any moves empty the host; what is said of it needs the state, so it is made at once. */
static void plan_host(struct check *check, struct checked *checked, const struct check_how *how,
                      unsigned thread)
{
	struct planned *planned = &checked->planned;
	const struct amounts *amounts = &check->reaches[thread].amounts;
	struct pacing pacing;
	char why[2048];

	pacing_create(&pacing, &check->predictors[thread], &check->choosers[thread].state,
	              check->common.seed);
	planned_find(&check->choosers[thread], &check->reaches[thread], &checked->host, 1, &pacing.judge,
	             NULL, (uint64_t)(check->limit_s * PLANNED_STEPS_PER_SECOND), planned);
	/* Where the platform's lock never works, the plan is all that can be predicted. */
	if (planned->verdict == PLANNED_LOCKABLE &&
	    (how->plan || (how->plan_instead && !lock_works(&checked->stock))))
		plan_and_predict(check, checked, &pacing, how, thread);
	if (planned->verdict != PLANNED_NOT_LOCKABLE)
		return;
	if (how->certificate)
		checked->certificate = certificate_json(&planned->fact, amounts, &checked->host, 1);
	fact_text(&planned->fact, amounts, why, sizeof(why));
	checked->planned_why = strdup(why);
}

void check_answer(struct check *check, struct checked *checked, const struct check_how *how, unsigned thread)
{
	struct chooser *chooser = &check->choosers[thread];
	const struct stock *stock = &checked->stock;

	stock_find(chooser, checked->host, (uint64_t)(check->limit_s * STOCK_STEPS_PER_SECOND),
	           &checked->stock);
	plan_host(check, checked, how, thread);
	chooser_begin(chooser);
	if (!lock_works(stock))
		return;
	checked->predicted = true;
	predict_lock(&check->predictors[thread], &chooser->state, checked->host, stock->good_order,
	             stock->good_order ? stock->mover_count : 0, how->runs, check->common.seed,
	             check->window_s, &checked->prediction);
}

static void check_host(void *context, uint32_t index, unsigned thread)
{
	struct check *check = context;
	bool json = check->common.output == OUTPUT_JSON;
	struct check_how how = { .plan = json,
		                 .plan_instead = check->name_count > 0,
		                 .certificate = json,
		                 .migrations_most = PACE_MIGRATIONS / check->count,
		                 .pairs_most = PAIRS_MOST / check->count,
		                 .runs = check->runs };

	check_answer(check, &check->checked[index], &how, thread);
}

uint32_t check_runs(uint64_t movers)
{
	return movers * RUNS_MOST <= RUNS_MIGRATIONS ? RUNS_MOST : 1;
}

/* Many runs for few hosts; for many the expected run, its spread computed. */
static uint32_t runs_needed(const struct check *check)
{
	const struct state *state = &check->state;
	uint64_t movers = 1;

	for (uint32_t i = 0; i < check->count; i++) {
		uint32_t vm = state_vms_first(state, check->checked[i].host);

		for (; vm != NONE; vm = state_vms_next(state, vm))
			movers++;
	}
	return check_runs(movers);
}

void check_advise(struct check *check, struct checked *checked)
{
	struct amounts amounts;

	if (checked->planned.verdict != PLANNED_NOT_LOCKABLE)
		return;
	amounts_create(&amounts, &check->cluster);
	advice_find(&check->cluster, &checked->planned.fact, &checked->host, 1,
	            (uint64_t)(check->limit_s * PLANNED_STEPS_PER_SECOND), &checked->advice);
	if (checked->certificate)
		certificate_explain(checked->certificate, &checked->planned.fact, &amounts,
		                    checked->advice.texts, checked->advice.count);
	amounts_free(&amounts);
}

void check_open(struct check *check, unsigned threads, const bool *wanted)
{
	check->threads = threads;
	state_create(&check->state, &check->cluster);
	shapes_create(&check->shapes, &check->state);
	for (uint32_t host = 0; host < check->cluster.host_count; host++) {
		if (wanted[host])
			stock_want(&check->shapes, host);
	}
	cli_parallel(threads, check->shapes.count, fill_shape, check, NULL);
	check->choosers = MEMORY_ARRAY(struct chooser, threads);
	check->reaches = MEMORY_ARRAY(struct reaches, threads);
	check->predictors = MEMORY_ARRAY(struct predictor, threads);
	for (unsigned i = 0; i < threads; i++) {
		chooser_create(&check->choosers[i], &check->shapes);
		reaches_create(&check->reaches[i], &check->shapes, &check->state);
		predictor_create(&check->predictors[i]);
		check->predictors[i].hypervisors = &check->hypervisors;
		check->predictors[i].start_hour = check->common.start_hour;
		check->predictors[i].choose = predicted_choice;
		check->predictors[i].host_changed = predicted_change;
		check->predictors[i].choose_context = &check->choosers[i];
	}
}

void check_close(struct check *check)
{
	for (unsigned i = 0; i < check->threads; i++) {
		chooser_free(&check->choosers[i]);
		reaches_free(&check->reaches[i]);
		predictor_free(&check->predictors[i]);
	}
	free(check->choosers);
	free(check->reaches);
	free(check->predictors);
	shapes_free(&check->shapes);
	state_free(&check->state);
}

static void check_run(struct check *check)
{
	unsigned threads = check->common.threads > check->count ? check->count : check->common.threads;
	bool *wanted = MEMORY_ARRAY(bool, check->cluster.host_count);

	for (uint32_t i = 0; i < check->count; i++)
		wanted[check->checked[i].host] = true;
	check_open(check, threads ? threads : 1, wanted);
	check->runs = runs_needed(check);
	cli_parallel(check->threads, check->count, check_host, check, "check");
	check_close(check);
	free(wanted);
	/* Where hosts were asked for by name: one after another, since the cluster is changed. */
	for (uint32_t i = 0; i < check->count && check->name_count > 0; i++)
		check_advise(check, &check->checked[i]);
}

static int draw_board(const struct check *check, struct error *error)
{
	size_t length;
	char *csv = check_board_csv(check, &length);
	int result = plots_write(check->plots, "board", csv, length, error);

	free(csv);
	return result ? result : plots_draw(check->plots, "board", error);
}

static int exit_code_of(const struct check *check)
{
	int code = EXIT_YES;

	for (uint32_t i = 0; i < check->count; i++) {
		if (check->checked[i].planned.verdict == PLANNED_NOT_LOCKABLE)
			return EXIT_NO;
		if (check->checked[i].planned.verdict == PLANNED_UNKNOWN)
			code = EXIT_UNDECIDED;
	}
	return code;
}

void check_forget(struct checked *checked)
{
	stock_free(&checked->stock);
	planned_free(&checked->planned);
	plan_free(&checked->plan);
	free(checked->planned_why);
	advice_free(&checked->advice);
}

static void check_free(struct check *check)
{
	for (uint32_t i = 0; i < check->count; i++)
		check_forget(&check->checked[i]);
	free(check->checked);
	free(check->names);
	cluster_free(&check->cluster);
}

int command_check(int argc, char **argv)
{
	struct check check = { .common = cli_options_default(), .limit_s = 10, .window_s = 1800 };
	struct error error;
	int result;

	cli_parse(&argp, argc, argv, &check);
	if (cli_read_model(&check.common, &check.hypervisors, &error) ||
	    cli_read_cluster(check.path, check.common.profile, &check.cluster, &error)) {
		free(check.names);
		return cli_fail(&error);
	}
	if (find_hosts(&check, &error)) {
		check_free(&check);
		return cli_fail(&error);
	}
	if (check.requests) {
		result = check_serve(&check, &error) ? cli_fail(&error) : EXIT_YES;
		check_free(&check);
		return result;
	}
	check_run(&check);
	if (check_print(&check, &error) || (check.plots && draw_board(&check, &error)))
		result = cli_fail(&error);
	else
		result = exit_code_of(&check);
	check_free(&check);
	return result;
}
