/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "cli/cli.h"
#include "cli/table.h"
#include "core/schedule.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { REASONS_MOST = 24, KEY_TO = 0x100 };

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

/* What is known of one VM's targets. */
struct answer {
	struct state state;
	uint32_t vm, best;
	enum method method;
	bool forbidden;
	struct reason reason;   /* why no live migration at all, when forbidden */
	struct request request; /* as the profile's lock would move it */
	uint32_t *ranks;
	bool *allowed;
};

static void answer_find(struct answer *answer, const struct cluster *cluster, uint32_t vm)
{
	struct request live;

	state_create(&answer->state, cluster);
	answer->vm = vm;
	answer->best = NONE;
	answer->method = lock_method(&answer->state, vm);
	answer->forbidden = rules_live_forbidden(&answer->state, vm, &answer->reason);
	answer->ranks = MEMORY_ARRAY(uint32_t, cluster->host_count);
	answer->allowed = MEMORY_ARRAY(bool, cluster->host_count);
	live = request_for(&answer->state, MOVE_LIVE, vm);
	answer->request = live;
	if (answer->method == METHOD_COLD)
		answer->request.kind = MOVE_COLD;
	for (uint32_t host = 0; host < cluster->host_count && !answer->forbidden; host++)
		answer->allowed[host] = schedule_allows_named(&live, host);
	if (answer->method == METHOD_NONE || (answer->method == METHOD_LIVE && answer->forbidden) ||
	    !state_host_up(&answer->state, answer->state.vm_host[vm]))
		return;
	schedule_rank(&answer->request, answer->ranks);
	for (uint32_t host = 0; host < cluster->host_count; host++)
		answer->best = answer->ranks[host] == 1 ? host : answer->best;
}

static void answer_free(struct answer *answer)
{
	free(answer->ranks);
	free(answer->allowed);
	state_free(&answer->state);
}

/* All reasons about one host, the VM's own first. */
static size_t reasons_of(const struct answer *answer, uint32_t host, struct reason *ret_reasons)
{
	const struct cluster *cluster = answer->state.cluster;
	size_t count = 0;

	if (answer->forbidden)
		ret_reasons[count++] = answer->reason;
	if (cluster->vms[answer->vm].vote_reject) {
		ret_reasons[count] = (struct reason){ .rule = "heartbeat-vote" };
		snprintf(ret_reasons[count++].why, sizeof(ret_reasons[0].why),
		         "the guest of %s votes against being migrated: the migration would fail",
		         cluster->vms[answer->vm].name);
	}
	return count + rules_explain(&answer->request, host, ret_reasons + count, REASONS_MOST - count);
}

static json_t *host_json(const struct answer *answer, uint32_t host)
{
	struct reason reasons[REASONS_MOST];
	size_t count = reasons_of(answer, host, reasons);
	json_t *value = json_object_new(), *list;

	json_add_text(value, "host", answer->state.cluster->hosts[host].name);
	json_add_bool(value, "allowed", answer->allowed[host]);
	if (answer->ranks[host])
		json_add_number(value, "rank", answer->ranks[host]);
	else
		json_add_null(value, "rank");
	list = json_add(value, "reasons", json_array_new());
	for (size_t i = 0; i < count; i++) {
		json_t *reason = json_push(list, json_object_new());

		json_add_text(reason, "rule", reasons[i].rule);
		json_add_text(reason, "why", reasons[i].why);
	}
	return value;
}

static int print_json(const struct answer *answer, struct error *error)
{
	const struct cluster *cluster = answer->state.cluster;
	uint32_t current = answer->state.vm_host[answer->vm];
	json_t *value = json_object_new(), *hosts;

	json_add_text(value, "schema", "lockkeeper.targets/1");
	json_add_text(value, "profile", profile_words[cluster->profile]);
	json_add_text(value, "vm", cluster->vms[answer->vm].name);
	json_add_text(value, "current_host", current == NONE ? NULL : cluster->hosts[current].name);
	json_add_text(value, "method", method_words[answer->method]);
	json_add_text(value, "auto", answer->best == NONE ? NULL : cluster->hosts[answer->best].name);
	hosts = json_add(value, "hosts", json_array_new());
	for (uint32_t host = 0; host < cluster->host_count; host++) {
		if (host != current)
			json_push(hosts, host_json(answer, host));
	}
	return cli_print_json(value, error);
}

static int print_table(const struct answer *answer, bool csv, struct error *error)
{
	static const char *const columns[] = { "HOST", "ALLOWED", ">RANK", "WHY NOT" };
	const struct cluster *cluster = answer->state.cluster;
	uint32_t current = answer->state.vm_host[answer->vm];
	struct table table;
	int result;

	table_create(&table, columns, 4);
	for (uint32_t host = 0; host < cluster->host_count; host++) {
		struct reason reasons[REASONS_MOST];
		char why[1024] = "";
		size_t count;

		if (host == current)
			continue;
		count = reasons_of(answer, host, reasons);
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

static int print_people(const struct answer *answer, struct error *error)
{
	const struct cluster *cluster = answer->state.cluster;
	uint32_t current = answer->state.vm_host[answer->vm];
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

static int answer_print(const struct answer *answer, enum output output, struct error *error)
{
	if (output == OUTPUT_JSON)
		return print_json(answer, error);
	if (output == OUTPUT_TABLE && print_people(answer, error))
		return ERROR_IO;
	return print_table(answer, output == OUTPUT_CSV, error);
}

/* Whether the question's answer is yes: the named host, or any. */
static bool answer_is_yes(const struct answer *answer, uint32_t to)
{
	if (to != NONE)
		return answer->allowed[to];
	for (uint32_t host = 0; host < answer->state.cluster->host_count; host++) {
		if (answer->allowed[host])
			return true;
	}
	return false;
}

int command_targets(int argc, char **argv)
{
	struct targets_options targets = { .common = cli_options_default() };
	struct cluster cluster;
	struct answer answer = { 0 };
	struct error error;
	uint32_t vm, to = NONE;
	int result;

	cli_parse(&argp, argc, argv, &targets);
	if (cli_read_cluster(targets.cluster, targets.common.profile, &cluster, &error))
		return cli_fail(&error);
	vm = cluster_vm(&cluster, targets.vm);
	if (targets.to)
		to = cluster_host(&cluster, targets.to);
	if (vm == NONE || (targets.to && to == NONE)) {
		error_set(&error, ERROR_INPUT, "%s: no %s is named \"%s\", expected one of the file's",
		          targets.cluster, vm == NONE ? "VM" : "host", vm == NONE ? targets.vm : targets.to);
		cluster_free(&cluster);
		return cli_fail(&error);
	}
	answer_find(&answer, &cluster, vm);
	if (answer_print(&answer, targets.common.output, &error))
		result = cli_fail(&error);
	else
		result = answer_is_yes(&answer, to) ? EXIT_YES : EXIT_NO;
	answer_free(&answer);
	cluster_free(&cluster);
	return result;
}
