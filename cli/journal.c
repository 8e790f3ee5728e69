/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What is done with a journal: resume, status, abort, replay. */
#include "cli/execution.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

struct journal_command {
	struct cli_options common;
	struct execution execution;
	const char *path, *watch;
};

enum { KEY_WATCH = 0x100 };

static const struct argp_option resume_options[] = {
	{ "watch", KEY_WATCH, "FILE", 0,
	  "write how it stands there while it goes on, as `status --output json` prints it", 1 },
	{ 0 },
};

static error_t parse(int key, char *argument, struct argp_state *state)
{
	struct journal_command *command = state->input;

	if (key == ARGP_KEY_INIT) {
		state->child_inputs[0] = &command->common;
		return 0;
	}
	if (key == KEY_WATCH) {
		command->watch = argument;
		return 0;
	}
	return cli_one_argument(key, argument, state, "JOURNAL", &command->path);
}

static struct journal_command begin(const struct argp_option *options, const char *documentation, int argc,
                                    char **argv)
{
	struct journal_command command = { .common = cli_options_default() };
	const struct argp argp = {
		options, parse, "JOURNAL", documentation, cli_common_children, NULL, NULL
	};

	cli_parse(&argp, argc, argv, &command);
	return command;
}

/* Goes over all that was written; where the core decides otherwise today, that is said. */
static int go_over(struct journal_command *command, bool read_only, struct replay_difference *ret_difference,
                   const struct run_watch *watch, struct error *error)
{
	int result = execution_open(&command->execution, command->path, read_only, error);

	if (result)
		return result;
	return replay(&command->execution.executor, command->execution.journal, ret_difference, watch, error);
}

/* Who may not write to it reads it nevertheless; who may leaves no files of SQLite's behind. */
static bool is_read_only(const struct journal_command *command)
{
	return access(command->path, W_OK) != 0;
}

/* ------------------------------------------------------------------ resume */

static int resume(struct journal_command *command, struct error *error)
{
	struct replay_difference difference;
	enum executor_end end;
	bool simulated;
	int result = go_over(command, false, &difference, NULL, error);

	if (!result && difference.record)
		result = error_set(
			error, ERROR_INPUT,
			"%s: record %llu was decided otherwise than this version would: finish it with "
			"the version that began it",
			command->path, (unsigned long long)difference.record);
	simulated = command->execution.options.simulated;
	command->execution.options.watch = command->watch;
	if (!result && !simulated)
		result = execution_lock(&command->execution, error);
	if (!result)
		result = execution_lock_journal(command->path, error);
	if (!result)
		result = journal_forget_abort(command->execution.journal, error);
	if (!result && simulated)
		result = execution_simulate(&command->execution, EVENT_RESUMED, &end, error);
	else if (!result)
		result = execution_drive(&command->execution, EVENT_RESUMED, &end, error);
	if (!result)
		result = execution_print(&command->execution, command->common.output, false, error);
	return result ? cli_fail(error) : execution_exit(&command->execution, end);
}

int command_resume(int argc, char **argv)
{
	struct journal_command command =
		begin(resume_options,
	              "Goes on with an execution after a stop or a crash."
	              "\v"
	              "Before anything else both hosts of every move that was under way are asked\n"
	              "what is true there; then it goes on as execute does, with the options that\n"
	              "execute was given. Moves that had failed are tried again, what was unclear is\n"
	              "looked at again. Exit codes are those of execute.\n\n"
	              "Example:\n"
	              "  lockkeeper resume lock.journal",
	              argc, argv);
	struct error error;
	int result = resume(&command, &error);

	execution_free(&command.execution);
	return result;
}

/* ------------------------------------------------------------------ status */

int command_status(int argc, char **argv)
{
	struct journal_command command =
		begin(NULL,
	              "Where an execution stands: each move, what was predicted, what was observed."
	              "\v"
	              "Reads the journal alone, also beside a driver at work, and asks no host.\n\n"
	              "Exit codes: 0 all moves done, 4 not all yet, 5 it is unclear which side runs a\n"
	              "VM, 3 stale, 1 error.\n\n"
	              "Example:\n"
	              "  lockkeeper status lock.journal --output json",
	              argc, argv);
	struct replay_difference difference;
	struct error error;
	enum executor_end end = EXECUTOR_GOING;
	int result = go_over(&command, is_read_only(&command), &difference, NULL, &error);

	if (!result) {
		end = executor_end(&command.execution.executor);
		result = execution_print(&command.execution, command.common.output,
		                         end == EXECUTOR_GOING && execution_is_carried_on(command.path),
		                         &error);
	}
	if (result)
		result = cli_fail(&error);
	else if (end == EXECUTOR_GOING)
		result = EXIT_STOPPED;
	else
		result = execution_exit(&command.execution, end);
	execution_free(&command.execution);
	return result;
}

/* ------------------------------------------------------------------ abort */

int command_abort(int argc, char **argv)
{
	struct journal_command command =
		begin(NULL,
	              "Asks a driver at work to stop cleanly."
	              "\v"
	              "Nothing new starts; migrations that can still be given up are, the others go\n"
	              "to their ends. The driver notices within a second, and ends with exit code 4\n"
	              "when nothing is under way any more; `lockkeeper resume` goes on.\n\n"
	              "Exit codes: 0 it was asked, 1 error.\n\n"
	              "Example:\n"
	              "  lockkeeper abort lock.journal",
	              argc, argv);
	struct error error;
	int result = execution_check_journal(command.path, &error);

	if (!result)
		result = journal_ask_abort(command.path, &error);
	return result ? cli_fail(&error) : EXIT_YES;
}

/* ------------------------------------------------------------------ replay */

struct replaying {
	struct journal_command *command;
	uint64_t records;
};

static void print_move(const struct execution *execution, uint32_t move)
{
	const struct plan_move *of;

	if (move == NONE)
		return;
	of = &execution->plan.moves[move];
	printf(" %s(%s>%s)", execution->cluster.vms[of->vm].name, execution->cluster.hosts[of->from].name,
	       execution->cluster.hosts[of->to].name);
}

/* One record a line: when, what, and what was ordered. */
static bool print_record(void *context, const struct event *event, const struct command *commands,
                         uint32_t count)
{
	struct replaying *replaying = context;
	const struct execution *execution = &replaying->command->execution;
	double at_s = (double)(event->at_ns - journal_head(execution->journal).created_ns) * 1e-9;

	replaying->records++;
	if (replaying->command->common.output != OUTPUT_TABLE)
		return true;
	printf("[%10.3f] %s", at_s, event_words[event->kind]);
	print_move(execution, event->move);
	if (event->kind == EVENT_RETURNED)
		printf(" %s %s", command_words[event->call], event->ok ? "ok" : "failed");
	if (event->kind == EVENT_SEEN)
		printf(" %s%s, %s%s", side_words[event->seen.source], event->seen.source_job ? "+job" : "",
		       side_words[event->seen.target], event->seen.target_job ? "+job" : "");
	if (event->kind == EVENT_STOCK)
		printf(" %s", taking_words[event->verdict]);
	if (event->move != NONE)
		printf(": %s", migration_state_words[execution->executor.migrations[event->move].state]);
	if (event->why)
		printf(" (%s)", event->why);
	for (uint32_t i = 0; i < count; i++) {
		printf("%s %s", i ? "," : " =>", command_words[commands[i].kind]);
		print_move(execution, commands[i].move);
	}
	putchar('\n');
	return true;
}

static int print_verdict(const struct replaying *replaying, const struct replay_difference *difference,
                         struct error *error)
{
	json_t *root;

	if (replaying->command->common.output == OUTPUT_JSON) {
		root = json_object_new();
		json_add_text(root, "schema", "lockkeeper.replay/1");
		json_add_number(root, "records", (double)replaying->records);
		json_add_bool(root, "same", difference->record == 0);
		if (difference->record)
			json_add_number(root, "differs_at", (double)difference->record);
		return cli_print_json(root, error);
	}
	if (difference->record && difference->was.kind == difference->is.kind)
		printf("record %llu: %s was ordered otherwise than it would be now\n",
		       (unsigned long long)difference->record, command_words[difference->was.kind]);
	else if (difference->record)
		printf("record %llu: %s was ordered, %s would be now\n",
		       (unsigned long long)difference->record,
		       difference->was.kind < COMMAND_COUNT ? command_words[difference->was.kind] : "nothing",
		       difference->is.kind < COMMAND_COUNT ? command_words[difference->is.kind] : "nothing");
	else
		printf("%llu records, the same commands\n", (unsigned long long)replaying->records);
	return 0;
}

int command_replay(int argc, char **argv)
{
	struct journal_command command = begin(
		NULL,
		"Goes over a journal: every event is given to the core again, which must order the same."
		"\v"
		"Prints each event and what is ordered then; asks no host.\n\n"
		"Exit codes: 0 the same commands, 2 others, 1 error.\n\n"
		"Example:\n"
		"  lockkeeper replay lock.journal",
		argc, argv);
	struct replaying replaying = { .command = &command };
	struct run_watch watch = { print_record, &replaying };
	struct replay_difference difference;
	struct error error;
	int result = go_over(&command, is_read_only(&command), &difference, &watch, &error);

	if (!result)
		result = print_verdict(&replaying, &difference, &error);
	if (result)
		result = cli_fail(&error);
	else
		result = difference.record ? EXIT_NO : EXIT_YES;
	execution_free(&command.execution);
	return result;
}
