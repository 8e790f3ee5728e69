/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/run.h"

static bool is_watched(const struct run_watch *watch, const struct event *event,
                       const struct executor_commands *commands)
{
	return !watch || !watch->stepped ||
	       watch->stepped(watch->context, event, commands->at, commands->count);
}

/* The world's clock and the journal's may differ: time never goes back. */
static void order_time(struct event *event, const struct executor *executor)
{
	if (event->at_ns < executor->now_ns)
		event->at_ns = executor->now_ns;
}

int run(struct backend *backend, struct executor *executor, struct journal *journal, enum event_kind first,
        int64_t now_ns, const struct run_watch *watch, struct error *error)
{
	struct event event = { .kind = (uint8_t)first, .move = NONE, .at_ns = now_ns };
	struct executor_commands commands = { 0 };
	int result = 0;

	for (;;) {
		order_time(&event, executor);
		executor_step(executor, &event, &commands);
		result = journal_write(journal, &event, commands.at, commands.count, error);
		if (result)
			break;
		if (!is_watched(watch, &event, &commands)) {
			result = 1;
			break;
		}
		for (uint32_t i = 0; i < commands.count; i++)
			backend->submit(backend, &commands.at[i]);
		if (executor_end(executor) != EXECUTOR_GOING)
			break;
		backend->wait(backend, executor_due_ns(executor), &event);
	}
	executor_commands_free(&commands);
	return result;
}

static bool same_command(const struct command *a, const struct command *b)
{
	return a->kind == b->kind && a->move == b->move && a->attempt == b->attempt && a->token == b->token &&
	       a->number == b->number;
}

static const struct command no_command = { .kind = COMMAND_COUNT, .move = NONE };

static void compare(const struct journal_record *record, const struct executor_commands *commands,
                    struct replay_difference *difference)
{
	uint32_t most = record->command_count > commands->count ? record->command_count : commands->count;

	for (uint32_t i = 0; i < most && difference->record == 0; i++) {
		struct command was = i < record->command_count ? record->commands[i] : no_command;
		struct command is = i < commands->count ? commands->at[i] : no_command;

		if (!same_command(&was, &is))
			*difference = (struct replay_difference){ record->number, i, was, is };
	}
}

/* Whether the core may be given the event: a journal can be of another plan, or torn. */
static bool fits(const struct executor *executor, const struct event *event)
{
	if (event->move != NONE && event->move >= executor->plan->move_count)
		return false;
	for (uint32_t i = 0; i < event->change_count; i++) {
		const struct stock_change *change = &event->changes[i];

		if (change->vm >= executor->cluster->vm_count ||
		    (change->host != NONE && change->host >= executor->cluster->host_count))
			return false;
	}
	return event->at_ns >= executor->now_ns;
}

int replay(struct executor *executor, struct journal *journal, struct replay_difference *ret_difference,
           const struct run_watch *watch, struct error *error)
{
	struct replay_difference difference = { 0 };
	struct executor_commands commands = { 0 };
	struct journal_record record;
	int result = journal_rewind(journal, error);

	while (!result && (result = journal_next(journal, &record, error)) == 1) {
		result = 0;
		if (!fits(executor, &record.event)) {
			result = error_set(error, ERROR_INPUT,
			                   "record %llu of the journal is not of this plan",
			                   (unsigned long long)record.number);
			break;
		}
		executor_step(executor, &record.event, &commands);
		compare(&record, &commands, &difference);
		if (!is_watched(watch, &record.event, &commands))
			break;
	}
	executor_commands_free(&commands);
	if (!result)
		*ret_difference = difference;
	return result;
}
