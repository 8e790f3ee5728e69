/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "cli/approval.h"
#include "cli/execution.h"
#include "cli/verify_process.h"
#include "core/rules.h"
#include "system/files.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum {
	KEY_APPROVAL = 0x100,
	KEY_APPROVALS,
	KEY_SIGNERS,
	KEY_CLUSTER,
	KEY_JOURNAL,
	KEY_DRY_RUN,
	KEY_SIMULATE,
	KEY_PACE,
	KEY_WATCH
};

struct execute_command {
	struct cli_options common;
	struct execution execution;
	const char *path, *cluster_path, *journal_path, *signers;
	const char **approvals;
	uint32_t approval_count, needed;
	bool dry_run;
	char *cluster_text, *plan_text; /* as they were read: what is approved, proven and kept */
	size_t cluster_length, plan_length;
	struct approval_answer answer;
};

static const struct argp_option options[] = {
	{ "approval", KEY_APPROVAL, "FILE", 0, "what approve wrote (may be given more than once)", 1 },
	{ "approvals", KEY_APPROVALS, "N", 0, "so many people have to have approved it (= 1)", 1 },
	{ "signers", KEY_SIGNERS, "FILE", 0, "who may approve: allowed signers, as ssh-keygen has them", 1 },
	{ "cluster", KEY_CLUSTER, "CLUSTER", 0, "the state of the cluster that the plan is for", 1 },
	{ "journal", KEY_JOURNAL, "FILE", 0, "keep what happens there; must not be there yet", 1 },
	{ "dry-run", KEY_DRY_RUN, NULL, 0, "look at the hosts, prove and check everything, move nothing", 1 },
	{ "simulate", KEY_SIMULATE, NULL, 0, "in virtual time, by the same core; touches no host", 1 },
	{ "pace", KEY_PACE, "N", 0,
	  "with --simulate: N seconds of it a second, so that it can be watched and stopped", 1 },
	{ "watch", KEY_WATCH, "FILE", 0,
	  "write how it stands there while it goes on, as `status --output json` prints it", 1 },
	{ 0 },
};

static void check_complete(const struct argp_state *state, const struct execute_command *command)
{
	if (!command->path)
		argp_error(state, "PLAN is missing");
	if (!command->cluster_path)
		argp_error(state, "--cluster is missing, expected the cluster that the plan is for");
	if (command->approval_count == 0)
		argp_error(state, "--approval is missing, expected what approve wrote");
	if (!command->signers)
		argp_error(state, "--signers is missing, expected a file of allowed signers");
	if (command->dry_run && command->execution.options.simulated)
		argp_error(state, "--dry-run looks at hosts, --simulate touches none: expected one of them");
	if (command->execution.options.pace > 0 && !command->execution.options.simulated)
		argp_error(state, "--pace is of virtual time, expected --simulate too");
	if (!command->journal_path && !command->dry_run)
		argp_error(state, "--journal is missing, expected a file that is not there yet");
}

static error_t parse(int key, char *argument, struct argp_state *state)
{
	struct execute_command *command = state->input;

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = &command->common;
		state->child_inputs[1] = &command->execution.options;
		return 0;
	case KEY_APPROVAL:
		command->approvals = memory_resize(command->approvals, command->approval_count + 1,
		                                   sizeof(*command->approvals));
		command->approvals[command->approval_count++] = argument;
		return 0;
	case KEY_APPROVALS:
		command->needed = (uint32_t)cli_whole(state, "--approvals", argument, 1, 100);
		return 0;
	case KEY_SIGNERS:
		command->signers = argument;
		return 0;
	case KEY_CLUSTER:
		command->cluster_path = argument;
		return 0;
	case KEY_JOURNAL:
		command->journal_path = argument;
		return 0;
	case KEY_DRY_RUN:
		command->dry_run = true;
		return 0;
	case KEY_SIMULATE:
		command->execution.options.simulated = true;
		return 0;
	case KEY_PACE:
		command->execution.options.pace = cli_number(state, "--pace", argument, 0.001, 1e6);
		return 0;
	case KEY_WATCH:
		command->execution.options.watch = argument;
		return 0;
	case ARGP_KEY_END:
		check_complete(state, command);
		return 0;
	default:
		if (key == ARGP_KEY_ARG)
			return cli_one_argument(key, argument, state, "PLAN", &command->path);
		return ARGP_ERR_UNKNOWN;
	}
}

static const char documentation[] =
	"Carries an approved plan out on the hosts' libvirt."
	"\v"
	"Refuses what is not approved, expired, altered or stale. Before each wave of\n"
	"moves it looks at the hosts afresh and has the rest of the plan proven again.\n"
	"Every command is in the journal before it is sent: after a crash `lockkeeper\n"
	"resume` finds out what is true on the hosts, and goes on. An interrupt stops\n"
	"it cleanly; a second one leaves it as a crash would.\n\n"
	"Exit codes: 0 all moves done, 1 error, 2 the plan is not safe, 3 stale or not\n"
	"approved, 4 stopped, can be resumed, 5 it is unclear which side runs a VM: a\n"
	"person must look.\n\n"
	"Example:\n"
	"  lockkeeper execute plan.json --cluster cluster.json --journal lock.journal \\\n"
	"      --approval approval.json --signers allowed_signers";

static const struct argp_child children[] = {
	{ NULL, 0, NULL, 0 }, /* the common options, filled in below */
	{ &execution_argp, 0, "How it is carried out:", 2 },
	{ 0 },
};

/* ------------------------------------------------------------------ may it be carried out? */

/* Returns EXIT_YES, or the exit code with which it is refused. */
static int check_approved(struct execute_command *command, struct error *error)
{
	struct approval_question question = { .plan = json_doc_root(command->execution.plan_doc),
		                              .paths = command->approvals,
		                              .count = command->approval_count,
		                              .signers = command->signers,
		                              .needed = command->needed,
		                              .now_unix_s = (int64_t)time(NULL) };

	if (approval_check(&question, &command->answer, error))
		return cli_fail(error);
	if (!command->answer.approved) {
		fprintf(stderr, "lockkeeper: not approved: %s\n", command->answer.why);
		return EXIT_STALE;
	}
	command->execution.options.expires_unix_s = command->answer.expires_unix_s;
	fprintf(stderr, "lockkeeper: approved by %s\n", command->answer.by);
	return EXIT_YES;
}

static int check_proven(struct execute_command *command, struct error *error)
{
	struct verify_document cluster = { NULL, command->cluster_text, command->cluster_length };
	struct verify_document plan = { NULL, command->plan_text, command->plan_length };
	struct verify_answer answer;

	if (verify_process(&cluster, &plan, command->execution.plan.profile, &answer, error))
		return cli_fail(error);
	if (answer.verdict == VERIFY_PROVEN)
		return EXIT_YES;
	fprintf(stderr, "lockkeeper: not safe: %s\n", answer.finding);
	return EXIT_NO;
}

/* The first host that cannot be asked; NULL: there is none. */
static const struct host *find_mute(const struct cluster *cluster)
{
	for (uint32_t i = 0; i < cluster->host_count; i++) {
		if (!cluster->hosts[i].uri)
			return &cluster->hosts[i];
	}
	return NULL;
}

/* A plan that moves something needs to know where its hosts are; a cold one, where all are. */
static int check_uris(const struct execute_command *command, struct error *error)
{
	const struct execution *execution = &command->execution;
	const struct host *hosts = execution->cluster.hosts, *mute = find_mute(&execution->cluster);

	for (uint32_t i = 0; i < execution->plan.move_count && mute && !execution->options.simulated; i++) {
		const struct plan_move *of = &execution->plan.moves[i];
		const struct host *host = &hosts[hosts[of->from].uri ? of->to : of->from];

		if (!host->uri)
			return error_set(error, ERROR_INPUT,
			                 "%s: host %s has no uri, expected its libvirt connection",
			                 command->cluster_path, host->name);
		if (of->method != METHOD_LIVE)
			return error_set(error, ERROR_INPUT,
			                 "%s: host %s has no uri, expected its libvirt connection: before a "
			                 "guest is started after a cold move, all hosts are asked for it",
			                 command->cluster_path, mute->name);
	}
	return 0;
}

static void note_mute(const struct execution *execution)
{
	const struct host *mute = find_mute(&execution->cluster);

	if (mute && !execution->options.simulated)
		fprintf(stderr,
		        "lockkeeper: note: host %s has no uri: what others bring there is not seen, and a "
		        "guest that was left standing still is not resumed without a person\n",
		        mute->name);
}

static char *copy_of(const char *text, size_t length)
{
	return memcpy(memory_take(length + 1), text, length + 1);
}

static int read_all(struct execute_command *command, struct error *error)
{
	bool stale = false;
	int result = file_read(command->cluster_path, &command->cluster_text, &command->cluster_length,
	                       error);

	if (!result)
		result = file_read(command->path, &command->plan_text, &command->plan_length, error);
	if (result)
		return cli_fail(error);
	result = execution_read(&command->execution, command->cluster_path,
	                        copy_of(command->cluster_text, command->cluster_length),
	                        command->cluster_length, command->path,
	                        copy_of(command->plan_text, command->plan_length), command->plan_length,
	                        &stale, error);
	if (!result)
		result = check_uris(command, error);
	if (!result)
		return EXIT_YES;
	cli_fail(error);
	return stale ? EXIT_STALE : EXIT_ERROR;
}

/* ------------------------------------------------------------------ carrying it out */

/* The approvals that were used, as they are, for whoever reads the journal later. */
static int approvals_text(const struct execute_command *command, char **ret_text, struct error *error)
{
	json_t *array = json_array_new();
	int result = 0;

	for (uint32_t i = 0; i < command->approval_count && !result; i++) {
		struct json_doc *doc;

		result = file_read_json(command->approvals[i], &doc, error);
		if (result)
			break;
		json_push(array, json_copy(json_doc_root(doc)));
		json_doc_free(doc);
	}
	if (!result) {
		size_t length;

		*ret_text = json_print(array, false, &length);
	}
	json_free(array);
	return result;
}

static int create_journal(struct execute_command *command, struct error *error)
{
	char *approvals;
	int result = approvals_text(command, &approvals, error);

	if (result)
		return result;
	result = execution_create_journal(&command->execution,
	                                  command->dry_run ? ":memory:" : command->journal_path,
	                                  command->cluster_text, command->plan_text, approvals, error);
	free(approvals);
	return result;
}

static int carry_out(struct execute_command *command, struct error *error)
{
	struct execution *execution = &command->execution;
	enum executor_end end;
	bool simulated = execution->options.simulated, paced = execution->options.pace > 0;
	int result = command->dry_run || simulated ? 0 : execution_lock(execution, error);

	if (!result)
		result = create_journal(command, error);
	if (!result)
		note_mute(execution);
	if (!result && !command->dry_run && (!simulated || paced))
		result = execution_lock_journal(command->journal_path, error);
	if (!result && command->dry_run)
		result = execution_rehearse(execution, &end, error);
	else if (!result && simulated)
		result = execution_simulate(execution, EVENT_BEGIN, &end, error);
	else if (!result)
		result = execution_drive(execution, EVENT_BEGIN, &end, error);
	if (!result && !command->dry_run)
		result = execution_print(execution, command->common.output, false, error);
	if (result)
		return cli_fail(error);
	if (!command->dry_run || end != EXECUTOR_STOPPED)
		return execution_exit(execution, end);
	fprintf(stderr, "lockkeeper: not all of its first moves could start: %s\n", execution->executor.why);
	return EXIT_NO;
}

int command_execute(int argc, char **argv)
{
	struct argp_child own[3];
	const struct argp argp = { options, parse, "PLAN", documentation, own, NULL, NULL };
	struct execute_command command = { .common = cli_options_default(),
		                           .execution = { .options = execution_options_default() },
		                           .needed = 1 };
	struct error error;
	int result;

	memcpy(own, children, sizeof(own));
	own[0] = cli_common_children[0];
	cli_parse(&argp, argc, argv, &command);
	command.execution.options.seed = command.common.seed;
	result = read_all(&command, &error);
	if (result == EXIT_YES)
		result = check_approved(&command, &error);
	if (result == EXIT_YES)
		result = check_proven(&command, &error);
	if (result == EXIT_YES)
		result = carry_out(&command, &error);
	execution_free(&command.execution);
	free(command.approvals);
	free(command.cluster_text);
	free(command.plan_text);
	return result;
}
