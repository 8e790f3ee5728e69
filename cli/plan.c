/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "cli/plan.h"

#include "cli/pacing.h"
#include "core/targets.h"
#include "planner/certificate.h"
#include "planner/planning.h"
#include "planner/rolling.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { KEY_LOCK = 0x100, KEY_PLACE, KEY_ROLLING, KEY_MAX_PARALLEL, KEY_BY_HOUR, KEY_PLOTS, KEY_LIMIT };

/* Hosts of a stage: 2 by default, 2 to 100 for patches; 1 is one after another (docs/rules.md, Lock). */
enum { PARALLEL_DEFAULT = 2, PARALLEL_MOST = 100 };

static const struct argp_option options[] = {
	{ "lock", KEY_LOCK, "HOST", 0, "a host to be emptied (may be given more than once: all together)",
	  1 },
	{ "place", KEY_PLACE, "VM=HOST", 0,
	  "a VM to be brought to a host (may be given more than once: all together)", 1 },
	{ "rolling", KEY_ROLLING, NULL, 0, "every unlocked host once, in stages that may be locked together",
	  1 },
	{ "max-parallel", KEY_MAX_PARALLEL, "N", 0, "hosts of one stage, 1 to 100 (= 2)", 1 },
	{ "by-hour", KEY_BY_HOUR, NULL, 0,
	  "rolling: what it does when it begins at each hour of the day, by the guests' load profiles; the "
	  "plan is for the best one, and written only with -o",
	  1 },
	{ "plots", KEY_PLOTS, "DIR", 0, "rolling: draw its timeline (and the hours), and the CSV for it", 1 },
	{ "limit", KEY_LIMIT, "SECONDS", 0, "about so long for the verdict, then \"unknown\" (= 10)", 1 },
	{ "out", 'o', "FILE", 0, "write the plan there instead of to standard output", 1 },
	{ 0 },
};

static error_t parse(int key, char *argument, struct argp_state *state)
{
	struct plan_command *command = state->input;

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = state->child_inputs[1] = &command->common;
		return 0;
	case KEY_LOCK:
		cli_keep(&command->locks, &command->lock_count, argument);
		return 0;
	case KEY_PLACE:
		if (!strrchr(argument, '=') || argument[0] == '=')
			argp_error(state, "--place: \"%s\", expected VM=HOST", argument);
		cli_keep(&command->wishes, &command->place_count, argument);
		return 0;
	case KEY_ROLLING:
		command->rolling = true;
		return 0;
	case KEY_MAX_PARALLEL:
		command->parallel_most = (uint32_t)cli_whole(state, "--max-parallel", argument, 1,
		                                             PARALLEL_MOST);
		return 0;
	case KEY_BY_HOUR:
		command->by_hour = true;
		return 0;
	case KEY_PLOTS:
		command->plots = argument;
		return 0;
	case KEY_LIMIT:
		command->limit_s = cli_number(state, "--limit", argument, 0, 1e6);
		return 0;
	case 'o':
		command->out = argument;
		return 0;
	case ARGP_KEY_END:
		if ((command->lock_count > 0) + (command->place_count > 0) + command->rolling != 1)
			argp_error(state, "expected either --lock HOST, --place VM=HOST or --rolling");
		if (!command->rolling && (command->by_hour || command->plots))
			argp_error(state, "--by-hour and --plots go with --rolling");
		if (command->by_hour && command->common.start_hour >= 0)
			argp_error(state, "expected either --by-hour or --start-hour");
		return cli_one_argument(key, argument, state, "CLUSTER", &command->path);
	default:
		return cli_one_argument(key, argument, state, "CLUSTER", &command->path);
	}
}

static const struct argp argp = {
	options,
	parse,
	"CLUSTER",
	"The fewest safe migrations that empty hosts, and what each has to wait for.\v"
	"Any legal moves count: of the hosts' own VMs, of others that make room, of VMs that stay elsewhere "
	"for a while. The plan is a JSON document (lockkeeper.plan/1), which lockkeeper-verify proves. When "
	"there is none, nothing is written but why, with --output json as a certificate; exit code 2. 6: not "
	"decided within the limit.\n\n"
	"With --rolling, the hosts of a stage are emptied and locked together and unlocked again before the "
	"next one; no two of them share an anti-affinity group, and at least half of each aggregate stays in "
	"service.\n\n"
	"With --place, one move for each VM that is named, to its host, as an admin's live migration: no "
	"room is made. Exit code 2 when a VM cannot go there; with --output json, what `targets` says of "
	"it.\n\n"
	"Example:\n"
	"  lockkeeper plan scenarios/clusters/make-room.json --lock compute-0 -o plan.json\n"
	"  lockkeeper plan scenarios/clusters/lab.json --place web-0=compute-3 -o move.json\n"
	"  lockkeeper plan scenarios/clusters/lab.json --rolling --max-parallel 1 -o rolling.json\n"
	"  lockkeeper plan scenarios/clusters/lab-day.json --rolling --by-hour --plots hours",
	cli_predict_children,
	NULL,
	NULL,
};

static int find_hosts(struct plan_command *command, struct error *error)
{
	uint32_t kept = 0;

	command->hosts = MEMORY_ARRAY(uint32_t, command->lock_count);
	for (uint32_t i = 0; i < command->lock_count; i++) {
		uint32_t host, at = 0;
		int result = cli_find_locked(&command->cluster, command->path, command->locks[i], &host,
		                             error);

		if (result)
			return result;
		while (at < kept && command->hosts[at] != host)
			at++;
		command->hosts[at] = host;
		kept += at == kept;
	}
	command->lock_count = kept;
	return 0;
}

/* What --place names, each VM once. */
static int find_places(struct plan_command *command, struct error *error)
{
	const struct cluster *cluster = &command->cluster;

	command->places = MEMORY_ARRAY(struct plan_place, command->place_count);
	for (uint32_t i = 0; i < command->place_count; i++) {
		const char *wish = command->wishes[i], *host = strrchr(wish, '=') + 1;
		char *name = strndup(wish, (size_t)(host - 1 - wish));

		command->places[i].vm = cluster_vm(cluster, name);
		free(name);
		if (command->places[i].vm == NONE)
			return error_set(error, ERROR_INPUT,
			                 "%s: no VM is that of \"%s\", expected one of the file's",
			                 command->path, wish);
		for (uint32_t j = 0; j < i; j++) {
			if (command->places[j].vm == command->places[i].vm)
				return error_set(error, ERROR_INPUT,
				                 "--place: %s is named twice, expected once",
				                 cluster->vms[command->places[i].vm].name);
		}
		if (cli_find_host(cluster, command->path, host, &command->places[i].host, error))
			return ERROR_INPUT;
	}
	return 0;
}

/* Runs of the prediction, and how many migrations all of them together may simulate. */
enum { RUNS_MOST = 25, RUNS_MIGRATIONS = 100000 };

static uint32_t runs_for(const struct plan_command *command)
{
	return (uint64_t)command->plan.move_count * RUNS_MOST <= RUNS_MIGRATIONS ? RUNS_MOST : 1;
}

/* reaches: NULL for a plan that is not to empty hosts together. */
static void predict(struct plan_command *command, struct pacing *pacing, struct reaches *reaches)
{
	pacing_plan(pacing, reaches, &command->plan, runs_for(command), &command->prediction);
}

static void find_plan(struct plan_command *command, struct predictor *predictor)
{
	struct planning planning;
	struct pacing pacing;

	planning_create(&planning, &command->cluster, command->hosts, command->lock_count);
	pacing_create(&pacing, predictor, &planning.state, command->common.seed);
	planned_find(&planning.chooser, &planning.reaches, command->hosts, command->lock_count, &pacing.judge,
	             NULL, (uint64_t)(command->limit_s * PLANNED_STEPS_PER_SECOND), &command->planned);
	if (command->planned.verdict == PLANNED_LOCKABLE) {
		planned_plan(&command->planned, &planning.state, &planning.reaches.amounts, command->hosts,
		             command->lock_count, &command->plan);
		predict(command, &pacing, &planning.reaches);
	}
	planning_free(&planning);
}

static void find_rolling(struct plan_command *command, struct predictor *predictor)
{
	uint64_t steps = (uint64_t)(command->limit_s * PLANNED_STEPS_PER_SECOND);
	struct rolling rolling;
	struct pacing pacing;
	struct state state;

	rolling_plan(&command->cluster, command->parallel_most, steps, &rolling);
	command->plan = rolling.plan;
	command->planned = rolling.planned;
	command->planned.verdict = rolling.verdict;
	state_create(&state, &command->cluster);
	pacing_create(&pacing, predictor, &state, command->common.seed);
	if (rolling.verdict == PLANNED_LOCKABLE)
		predict(command, &pacing, NULL);
	command->stuck = rolling.stuck;
	state_free(&state);
}

static void find_placed(struct plan_command *command, struct predictor *predictor)
{
	struct amounts amounts;
	struct pacing pacing;
	struct state state;

	state_create(&state, &command->cluster);
	amounts_create(&amounts, &command->cluster);
	command->planned.verdict = PLANNED_NOT_LOCKABLE;
	if (placed_plan(&state, &amounts, command->places, command->place_count, &command->plan,
	                &command->refusal)) {
		command->planned.verdict = PLANNED_LOCKABLE;
		pacing_create(&pacing, predictor, &state, command->common.seed);
		predict(command, &pacing, NULL);
	}
	amounts_free(&amounts);
	state_free(&state);
}

static void find(struct plan_command *command)
{
	struct predictor predictor;

	predictor_create(&predictor);
	predictor.hypervisors = &command->hypervisors;
	predictor.start_hour = command->common.start_hour;
	if (command->rolling)
		find_rolling(command, &predictor);
	else if (command->place_count > 0)
		find_placed(command, &predictor);
	else
		find_plan(command, &predictor);
	predictor_free(&predictor);
}

/* Why there is none, as a document and in words, and what would help. */
static void explain(struct plan_command *command, const uint32_t *hosts, uint32_t count)
{
	const struct fact *fact = &command->planned.fact;
	struct amounts amounts;

	advice_find(&command->cluster, fact, hosts, count,
	            (uint64_t)(command->limit_s * PLANNED_STEPS_PER_SECOND), &command->advice);
	amounts_create(&amounts, &command->cluster);
	command->certificate = certificate_json(fact, &amounts, hosts, count);
	certificate_explain(command->certificate, fact, &amounts, command->advice.texts,
	                    command->advice.count);
	fact_text(fact, &amounts, command->why, sizeof(command->why));
	amounts_free(&amounts);
}

/* What a person is told beside the plan. */
static void say_plan(const struct plan_command *command)
{
	const struct plan *plan = &command->plan;

	if (plan->parallel_most > 0)
		fprintf(stderr, "lockkeeper: %u stage%s, at least %u are needed\n", plan->stage_count,
		        plan->stage_count == 1 ? "" : "s", plan->stages_least);
	fprintf(stderr, "lockkeeper: %s by %u move%s", plan->place_count > 0 ? "placed" : "lockable",
	        plan->move_count, plan->move_count == 1 ? "" : "s");
	if (plan->move_count == plan->moves_least)
		fputs(", none is needless\n", stderr);
	else
		fprintf(stderr, "; at least %u are needed\n", plan->moves_least);
	if (plan->predicted)
		fprintf(stderr, "lockkeeper: takes %.1f s (p10 %.1f, p90 %.1f), worst downtime %.0f ms\n",
		        plan->makespan_s[1], plan->makespan_s[0], plan->makespan_s[2],
		        command->prediction.worst_downtime_ms[1]);
	if (plan->predicted && plan->makespan_least_s > 0)
		fprintf(stderr, "lockkeeper: no plan takes less than %.1f s\n", plan->makespan_least_s);
	if (plan->predicted && !command->prediction.completed)
		fputs("lockkeeper: warning: a migration is predicted not to finish in time\n", stderr);
	for (uint32_t i = 0; i < plan->broken_count; i++)
		fprintf(stderr, "lockkeeper: note: best-effort group %s does not hold afterwards\n",
		        command->cluster.groups[plan->broken[i]].name);
}

static int write_plan(struct plan_command *command, struct error *error)
{
	json_t *value = plan_json(&command->plan, &command->cluster);
	size_t length;
	char *text = json_print(value, true, &length);
	int result = cli_write(command->out, text, length, command->common.force, error);

	free(text);
	json_free(value);
	if (!result)
		say_plan(command);
	return result;
}

static int write_all(struct plan_command *command, struct error *error)
{
	int result = 0;

	if (command->by_hour)
		result = plan_by_hour(command, runs_for(command), error);
	if (!result && command->plots)
		result = plan_draw_rolling(command, error);
	if (!result && (!command->by_hour || command->out))
		result = write_plan(command, error);
	return result;
}

/* Why a VM cannot go where --place wants it. */
static int refuse(const struct plan_command *command, struct error *error)
{
	const struct placed_refusal *refusal = &command->refusal;
	const struct cluster *cluster = &command->cluster;
	int result = 0;

	for (size_t i = 0; i < refusal->count; i++)
		fprintf(stderr, "lockkeeper: %s cannot go to %s: %s (%s)\n", cluster->vms[refusal->vm].name,
		        cluster->hosts[refusal->host].name, refusal->reasons[i].why,
		        refusal->reasons[i].rule);
	if (command->common.output == OUTPUT_JSON) {
		struct targets targets;
		struct state state;

		state_create(&state, cluster);
		targets_find(&targets, &state, refusal->vm);
		result = cli_print_json(targets_json_all(&targets), error);
		targets_free(&targets);
		state_free(&state);
	}
	return result ? cli_fail(error) : EXIT_NO;
}

static int answer(struct plan_command *command, struct error *error)
{
	switch (command->planned.verdict) {
	case PLANNED_LOCKABLE:
		return write_all(command, error) ? cli_fail(error) : EXIT_YES;
	case PLANNED_NOT_LOCKABLE:
		if (command->place_count > 0)
			return refuse(command, error);
		if (command->rolling)
			explain(command, &command->stuck, 1);
		else
			explain(command, command->hosts, command->lock_count);
		fprintf(stderr, "lockkeeper: not lockable: %s\n", command->why);
		for (uint32_t i = 0; i < command->advice.count; i++)
			fprintf(stderr, "lockkeeper: would help: %s\n", command->advice.texts[i]);
		if (command->common.output != OUTPUT_JSON)
			json_free(command->certificate);
		else if (cli_print_json(command->certificate, error))
			return cli_fail(error);
		return EXIT_NO;
	case PLANNED_UNKNOWN:
		break;
	}
	fputs("lockkeeper: not decided within the limit, see --limit\n", stderr);
	return EXIT_UNDECIDED;
}

int command_plan(int argc, char **argv)
{
	struct plan_command command = { .common = cli_options_default(),
		                        .limit_s = 10,
		                        .parallel_most = PARALLEL_DEFAULT };
	struct error error;
	int result;

	cli_parse(&argp, argc, argv, &command);
	if (cli_read_model(&command.common, &command.hypervisors, &error) ||
	    cli_read_cluster(command.path, command.common.profile, &command.cluster, &error)) {
		free(command.locks);
		free(command.wishes);
		return cli_fail(&error);
	}
	if (find_hosts(&command, &error) || find_places(&command, &error)) {
		result = cli_fail(&error);
	} else {
		find(&command);
		result = answer(&command, &error);
	}
	advice_free(&command.advice);
	planned_free(&command.planned);
	plan_free(&command.plan);
	free(command.hosts);
	free(command.locks);
	free(command.places);
	free(command.wishes);
	cluster_free(&command.cluster);
	return result;
}
