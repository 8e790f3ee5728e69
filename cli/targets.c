/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/targets.h"
#include "cli/cli.h"
#include "cli/table.h"

#include <stdio.h>
#include <string.h>

enum { KEY_TO = 0x100 };

struct targets_options {
	struct cli_options common;
	const char *cluster, *vm, *to;
};

static const struct argp_option options[] = {
	{ "to", KEY_TO, "HOST", 0, "exit with 2 unless this host is allowed", 1 },
	{ 0 },
};

static error_t parse(int key, char *argument, struct argp_state *state)
{
	struct targets_options *targets = state->input;

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = &targets->common;
		return 0;
	case KEY_TO:
		targets->to = argument;
		return 0;
	case ARGP_KEY_ARG:
		if (state->arg_num > 1)
			argp_error(state, "\"%s\" is too much, expected CLUSTER VM", argument);
		*(state->arg_num ? &targets->vm : &targets->cluster) = argument;
		return 0;
	case ARGP_KEY_END:
		if (state->arg_num < 2)
			argp_error(state, "%s is missing", state->arg_num ? "VM" : "CLUSTER");
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp argp = {
	options,
	parse,
	"CLUSTER VM",
	"Where may this VM go, and why not elsewhere; which host auto-scheduling takes.\v"
	"A host is allowed when the platform would accept a live migration of the VM to it, named by the "
	"admin. The rank orders what auto-scheduling would consider, 1 first. Exits with 2 when no host is "
	"allowed (with --to: when that one is not).\n\n"
	"Example:\n  lockkeeper targets scenarios/clusters/lab.json web-0 --to compute-3",
	cli_common_children,
	NULL,
	NULL,
};

static int print_table(const struct targets *answer, bool csv, struct error *error)
{
	static const char *const columns[] = { "HOST", "ALLOWED", ">RANK", "WHY NOT" };
	const struct cluster *cluster = answer->state->cluster;
	uint32_t current = answer->state->vm_host[answer->vm];
	struct table table;
	int result;

	table_create(&table, columns, 4);
	for (uint32_t host = 0; host < cluster->host_count; host++) {
		struct reason reasons[TARGETS_REASONS_MOST];
		char why[1024] = "";
		size_t count;

		if (host == current)
			continue;
		count = targets_reasons(answer, host, reasons);
		for (size_t i = 0; i < count; i++) {
			size_t length = strlen(why);

			snprintf(why + length, sizeof(why) - length, "%s%s: %s", i ? "; " : "",
			         reasons[i].rule, reasons[i].why);
		}
		table_cell(&table, COLOUR_NONE, "%s", cluster->hosts[host].name);
		table_cell(&table, answer->allowed[host] ? COLOUR_GOOD : COLOUR_BAD, "%s",
		           answer->allowed[host] ? "yes" : "no");
		if (answer->ranks[host])
			table_cell(&table, COLOUR_NONE, "%u", answer->ranks[host]);
		else
			table_cell(&table, COLOUR_NONE, "%s", csv ? "" : "-");
		table_cell(&table, COLOUR_NONE, "%s", why);
	}
	result = table_print(&table, csv, error);
	table_free(&table);
	return result;
}

static int print_people(const struct targets *answer, struct error *error)
{
	const struct cluster *cluster = answer->state->cluster;
	uint32_t current = answer->state->vm_host[answer->vm];
	char text[512];
	int length;

	if (current == NONE)
		length = snprintf(text, sizeof(text), "%s is on no host.\n", cluster->vms[answer->vm].name);
	else if (cluster->host_count == 1)
		length = snprintf(text, sizeof(text), "%s is on %s. No other hosts available\n",
		                  cluster->vms[answer->vm].name, cluster->hosts[current].name);
	else
		length = snprintf(text, sizeof(text),
		                  "%s is on %s; a lock of its host %s%s. Auto-scheduling takes %s.\n",
		                  cluster->vms[answer->vm].name, cluster->hosts[current].name,
		                  answer->method == METHOD_NONE ? "does not move it" : "moves it ",
		                  answer->method == METHOD_NONE ? "" : method_words[answer->method],
		                  answer->best == NONE ? "no host" : cluster->hosts[answer->best].name);
	return cli_print(text, (size_t)(length < (int)sizeof(text) ? length : (int)sizeof(text) - 1), error);
}

static int answer_print(const struct targets *answer, enum output output, struct error *error)
{
	if (output == OUTPUT_JSON)
		return cli_print_json(targets_json_all(answer), error);
	if (output == OUTPUT_TABLE && print_people(answer, error))
		return ERROR_IO;
	return print_table(answer, output == OUTPUT_CSV, error);
}

/* Whether the question's answer is yes: the named host, or any. */
static bool answer_is_yes(const struct targets *answer, uint32_t to)
{
	if (to != NONE)
		return answer->allowed[to];
	for (uint32_t host = 0; host < answer->state->cluster->host_count; host++) {
		if (answer->allowed[host])
			return true;
	}
	return false;
}

int command_targets(int argc, char **argv)
{
	struct targets_options given = { .common = cli_options_default() };
	struct cluster cluster;
	struct targets answer;
	struct state state;
	struct error error;
	uint32_t vm, to = NONE;
	int result;

	cli_parse(&argp, argc, argv, &given);
	if (cli_read_cluster(given.cluster, given.common.profile, &cluster, &error))
		return cli_fail(&error);
	vm = cluster_vm(&cluster, given.vm);
	if (given.to)
		to = cluster_host(&cluster, given.to);
	if (vm == NONE || (given.to && to == NONE)) {
		error_set(&error, ERROR_INPUT, "%s: no %s is named \"%s\", expected one of the file's",
		          given.cluster, vm == NONE ? "VM" : "host", vm == NONE ? given.vm : given.to);
		cluster_free(&cluster);
		return cli_fail(&error);
	}
	state_create(&state, &cluster);
	targets_find(&answer, &state, vm);
	if (answer_print(&answer, given.common.output, &error))
		result = cli_fail(&error);
	else
		result = answer_is_yes(&answer, to) ? EXIT_YES : EXIT_NO;
	targets_free(&answer);
	state_free(&state);
	cluster_free(&cluster);
	return result;
}
