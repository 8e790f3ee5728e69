/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "cli/approval.h"
#include "cli/cli.h"
#include "cli/verify_process.h"
#include "core/plan_read.h"
#include "system/files.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { KEY_CLUSTER = 0x100, KEY_KEY, KEY_EXPIRES };

enum { MINUTE_S = 60, HOUR_S = 3600, DAY_S = 86400, EXPIRES_DEFAULT_S = 4 * HOUR_S, EXPIRES_MOST_D = 366 };

struct approve_command {
	struct cli_options common;
	const char *path, *cluster_path, *key, *out;
	int64_t lasts_s, expires_unix_s;
	struct cluster cluster;
	char *cluster_text; /* what the verifier is given: the file as it was read */
	size_t cluster_length;
	struct json_doc *doc;
	struct plan plan;
};

static const struct argp_option options[] = {
	{ "cluster", KEY_CLUSTER, "CLUSTER", 0, "the state of the cluster that the plan is for", 1 },
	{ "key", KEY_KEY, "KEY", 0,
	  "sign with this SSH key: a private key, or a public one that is in ssh-agent", 1 },
	{ "expires", KEY_EXPIRES, "TIME", 0, "how long the approval holds: 90s, 30m, 4h, 2d (= 4h)", 1 },
	{ "out", 'o', "FILE", 0, "write the approval there instead of to standard output", 1 },
	{ 0 },
};

/* "90s", "30m", "4h", "2d", or ends the program with one line. */
static int64_t duration_s(const struct argp_state *state, const char *text)
{
	static const struct unit {
		char letter;
		int64_t s;
	} units[] = { { 's', 1 }, { 'm', MINUTE_S }, { 'h', HOUR_S }, { 'd', DAY_S } };
	const int64_t most_s = (int64_t)EXPIRES_MOST_D * DAY_S;
	size_t digits = strspn(text, "0123456789");

	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		int64_t number = 0;

		if (text[digits] != units[i].letter || text[digits + 1] || digits == 0 || digits > 9)
			continue;
		number = strtoll(text, NULL, 10);
		if (number > 0 && number * units[i].s <= most_s)
			return number * units[i].s;
	}
	argp_failure(state, EXIT_ERROR, 0,
	             "--expires: \"%s\", expected a time like 90s, 30m, 4h or 2d, at most %dd", text,
	             EXPIRES_MOST_D);
	return 0;
}

static error_t parse(int key, char *argument, struct argp_state *state)
{
	struct approve_command *command = state->input;

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = &command->common;
		return 0;
	case KEY_CLUSTER:
		command->cluster_path = argument;
		return 0;
	case KEY_KEY:
		command->key = argument;
		return 0;
	case KEY_EXPIRES:
		command->lasts_s = duration_s(state, argument);
		return 0;
	case 'o':
		command->out = argument;
		return 0;
	case ARGP_KEY_END:
		cli_one_argument(key, argument, state, "PLAN", &command->path);
		if (!command->cluster_path)
			argp_error(state, "--cluster CLUSTER is missing");
		else if (!command->key)
			argp_error(state, "--key KEY is missing");
		else if (!strcmp(command->path, "-") && !strcmp(command->cluster_path, "-"))
			argp_error(state,
			           "PLAN and CLUSTER are both \"-\", expected one of them to be a file");
		return 0;
	default:
		return cli_one_argument(key, argument, state, "PLAN", &command->path);
	}
}

static const struct argp argp = {
	options,
	parse,
	"PLAN",
	"Proves a plan, and signs it with your SSH key.\v"
	"lockkeeper-verify, a program of its own, has to prove the plan first. What is signed is the plan "
	"with the time at which the approval expires; any later change of either voids it. The approval is a "
	"JSON document (lockkeeper.approval/1). A plan that expires by itself is never made to last longer. "
	"Exits with 2 when the plan is not proven, 3 when it is for another state of the cluster or has "
	"expired.\n\n"
	"Example:\n"
	"  lockkeeper approve plan.json --cluster scenarios/clusters/make-room.json \\\n"
	"    --key ~/.ssh/id_ed25519 --expires 4h -o approval.json",
	cli_common_children,
	NULL,
	NULL,
};

/* The cluster, and its text once more for the verifier: parsing takes its own copy over. */
static int read_cluster(struct approve_command *command, struct error *error)
{
	const char *name = strcmp(command->cluster_path, "-") ? command->cluster_path : "<stdin>";
	struct json_doc *doc;
	char *copy;
	int result = file_read(command->cluster_path, &command->cluster_text, &command->cluster_length,
	                       error);

	if (result)
		return result;
	copy = memory_take(command->cluster_length + 1);
	memcpy(copy, command->cluster_text, command->cluster_length + 1);
	result = json_doc_parse(&doc, name, copy, command->cluster_length, error);
	if (result)
		return result;
	result = cluster_read(&command->cluster, doc, command->common.profile, error);
	json_doc_free(doc);
	if (!result)
		cli_print_warnings(&command->cluster);
	return result;
}

/* What a person signs, in a few lines. */
static void say_plan(const struct approve_command *command)
{
	const struct plan *plan = &command->plan;
	char moment[MOMENT_ROOM];
	double worst_ms = 0;

	for (uint32_t i = 0; i < plan->move_count; i++) {
		if (plan->moves[i].predicted.downtime_ms[2] > worst_ms)
			worst_ms = plan->moves[i].predicted.downtime_ms[2];
	}
	fprintf(stderr, "lockkeeper: proven: %u move%s", plan->move_count, plan->move_count == 1 ? "" : "s");
	for (uint32_t i = 0; i < plan->goal_count; i++)
		fprintf(stderr, "%s%s", i ? ", " : "; locks ", command->cluster.hosts[plan->goal[i]].name);
	if (plan->place_count > 0)
		fprintf(stderr, "; places %u VM%s", plan->place_count, plan->place_count == 1 ? "" : "s");
	if (plan->parallel_most > 0)
		fprintf(stderr, "; %u stage%s", plan->stage_count, plan->stage_count == 1 ? "" : "s");
	fputc('\n', stderr);
	if (plan->predicted)
		fprintf(stderr,
		        "lockkeeper: takes %.1f s (p10 %.1f, p90 %.1f), no downtime (p90) is over %.0f ms\n",
		        plan->makespan_s[1], plan->makespan_s[0], plan->makespan_s[2], worst_ms);
	for (uint32_t i = 0; i < plan->broken_count; i++)
		fprintf(stderr, "lockkeeper: note: best-effort group %s does not hold afterwards\n",
		        command->cluster.groups[plan->broken[i]].name);
	moment_text(command->expires_unix_s, moment);
	fprintf(stderr, "lockkeeper: signing with %s, expires at %s\n", command->key, moment);
}

/* Has lockkeeper-verify prove the very bytes that are signed. */
static int prove(const struct approve_command *command, struct error *error)
{
	size_t length;
	char *bytes = approval_bytes(json_doc_root(command->doc), command->expires_unix_s, &length);
	struct verify_document cluster = { .bytes = command->cluster_text,
		                           .length = command->cluster_length };
	struct verify_document plan = { .bytes = bytes, .length = length };
	struct verify_answer answer;
	int result = verify_process(&cluster, &plan, command->common.profile, &answer, error);

	free(bytes);
	if (result)
		return cli_fail(error);
	if (answer.verdict == VERIFY_PROVEN)
		return EXIT_YES;
	fprintf(stderr, "lockkeeper: %s: %s by lockkeeper-verify, nothing is signed: %s\n", command->path,
	        answer.verdict == VERIFY_VIOLATED ? "refuted" : "not proven", answer.finding);
	return EXIT_NO;
}

static int sign(const struct approve_command *command, struct error *error)
{
	json_t *approval;
	size_t length;
	char *text;
	int result;

	say_plan(command);
	result = approval_sign(json_doc_root(command->doc), command->expires_unix_s, command->key, &approval,
	                       error);
	if (result)
		return cli_fail(error);
	text = json_print(approval, true, &length);
	result = cli_write(command->out, text, length, command->common.force, error);
	free(text);
	json_free(approval);
	return result ? cli_fail(error) : EXIT_YES;
}

/* The plan is this cluster's, has not expired, and is well formed; returns an exit code. */
static int take_plan(struct approve_command *command, struct error *error)
{
	int64_t now_unix_s = time(NULL), plan_expires;
	char moment[MOMENT_ROOM];
	bool is_for;

	if (plan_is_for(command->doc, &command->cluster, &is_for, error))
		return cli_fail(error);
	if (!is_for) {
		fprintf(stderr,
		        "lockkeeper: %s: is for another state of the cluster than %s, expected a plan made "
		        "of it\n",
		        command->path, command->cluster_path);
		return EXIT_STALE;
	}
	if (plan_read(&command->plan, command->doc, &command->cluster, error))
		return cli_fail(error);
	plan_expires = approval_plan_expires(json_doc_root(command->doc));
	if (plan_expires <= now_unix_s) {
		moment_text(plan_expires, moment);
		fprintf(stderr, "lockkeeper: %s: expired at %s\n", command->path, moment);
		return EXIT_STALE;
	}
	command->expires_unix_s = now_unix_s + command->lasts_s;
	if (command->expires_unix_s > plan_expires)
		command->expires_unix_s = plan_expires;
	return EXIT_YES;
}

static int approve(struct approve_command *command, struct error *error)
{
	int code;

	if (command->out && strcmp(command->out, "-") && !command->common.force &&
	    !access(command->out, F_OK)) {
		/* Before a passphrase is asked for. */
		error_set(error, ERROR_EXISTS, "%s: is there already, expected --force to overwrite it",
		          command->out);
		return cli_fail(error);
	}
	if (read_cluster(command, error) || file_read_json(command->path, &command->doc, error))
		return cli_fail(error);
	code = take_plan(command, error);
	if (code == EXIT_YES)
		code = prove(command, error);
	return code == EXIT_YES ? sign(command, error) : code;
}

int command_approve(int argc, char **argv)
{
	struct approve_command command = { .common = cli_options_default(), .lasts_s = EXPIRES_DEFAULT_S };
	struct error error;
	int code;

	cli_parse(&argp, argc, argv, &command);
	code = approve(&command, &error);
	plan_free(&command.plan);
	json_doc_free(command.doc);
	cluster_free(&command.cluster);
	free(command.cluster_text);
	return code;
}
