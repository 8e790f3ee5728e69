/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What is written into a journal comes out of it again, and what is no journal is refused. */
#include "core/journal.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const struct journal_head HEAD = { "{\"plan\":1}", "{\"cluster\":1}", "{}", "[]", 12345 };

/* A path in a folder of its own. */
static char *fresh_path(void)
{
	char folder[] = "/tmp/lockkeeper-journal-XXXXXX";
	static char path[128];

	cr_assert(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/journal", folder);
	return path;
}

static void remove_all(const char *path)
{
	char command[256];
	static const char *const ends[] = { "", "-wal", "-shm" };

	for (int i = 0; i < 3; i++) {
		snprintf(command, sizeof(command), "%s%s", path, ends[i]);
		unlink(command);
	}
	snprintf(command, sizeof(command), "%.*s", (int)(strrchr(path, '/') - path), path);
	rmdir(command);
}

static void expect_same_progress(const struct progress *a, const struct progress *b)
{
	cr_assert_eq(a->elapsed_s, b->elapsed_s);
	cr_assert_eq(a->remaining_bytes, b->remaining_bytes);
	cr_assert_eq(a->processed_bytes, b->processed_bytes);
	cr_assert_eq(a->total_bytes, b->total_bytes);
	cr_assert_eq(a->rate_bytes_s, b->rate_bytes_s);
	cr_assert_eq(a->downtime_ms, b->downtime_ms);
	cr_assert_eq(a->throttle_percent, b->throttle_percent);
	cr_assert_eq(a->iterations, b->iterations);
}

static void expect_same(const struct event *a, const struct event *b)
{
	cr_assert_eq(a->kind, b->kind);
	cr_assert_eq(a->move, b->move);
	cr_assert_eq(a->attempt, b->attempt);
	cr_assert_eq(a->token, b->token);
	cr_assert_eq(a->at_ns, b->at_ns);
	cr_assert_eq(a->ok, b->ok);
	cr_assert_eq(a->lasting, b->lasting);
	cr_assert_eq(a->seen.source, b->seen.source);
	cr_assert_eq(a->seen.target, b->seen.target);
	cr_assert_eq(a->seen.source_job, b->seen.source_job);
	cr_assert_eq(a->seen.target_job, b->seen.target_job);
	cr_assert_eq(a->seen.source_persistent, b->seen.source_persistent);
	cr_assert_eq(a->seen.target_persistent, b->seen.target_persistent);
	expect_same_progress(&a->progress, &b->progress);
	cr_assert_eq(a->change_count, b->change_count);
	for (uint32_t i = 0; i < a->change_count; i++) {
		cr_assert_eq(a->changes[i].vm, b->changes[i].vm);
		cr_assert_eq(a->changes[i].host, b->changes[i].host);
		cr_assert_eq(a->changes[i].state, b->changes[i].state);
		cr_assert_eq(a->changes[i].twice, b->changes[i].twice);
	}
	cr_assert_eq(!a->why, !b->why);
	if (a->why)
		cr_assert_str_eq(a->why, b->why);
}

Test(journal, gives_back_what_was_written)
{
	static struct stock_change changes[2];
	struct event events[] = {
		{ .kind = EVENT_BEGIN, .move = NONE, .at_ns = 1 },
		{ .kind = EVENT_STOCK,
		  .move = NONE,
		  .at_ns = 2,
		  .token = 1,
		  .changes = changes,
		  .change_count = 2 },
		{ .kind = EVENT_CHECKED,
		  .move = 3,
		  .at_ns = 3,
		  .attempt = 2,
		  .ok = true,
		  .why = "a \"quoted\" \xc3\xa4" },
		{ .kind = EVENT_PROGRESS, .move = 3, .at_ns = 4, .attempt = 2 },
		{ .kind = EVENT_RETURNED,
		  .move = 3,
		  .at_ns = 5,
		  .attempt = 2,
		  .call = COMMAND_START,
		  .lasting = true },
		{ .kind = EVENT_SEEN,
		  .move = 3,
		  .at_ns = 6,
		  .token = 9,
		  .seen = { .source = SIDE_SENT,
		            .target = SIDE_POSTCOPY,
		            .target_job = true,
		            .source_persistent = true } },
	};
	struct command commands[2] = { { .kind = COMMAND_LIMIT, .move = 3, .attempt = 2, .number = 1.0 / 3 },
		                       { .kind = COMMAND_STOCK, .move = NONE, .token = 7 } };
	struct journal *journal;
	struct journal_record record;
	struct error error;
	char *path = fresh_path();

	memset(changes, 0, sizeof(changes));
	changes[0] = (struct stock_change){ .vm = 1, .host = NONE, .state = VM_STOPPED };
	changes[1] = (struct stock_change){ .vm = 2, .host = 5, .state = VM_PAUSED, .twice = true };
	events[3].progress = (struct progress){ 1.5, 1e9 / 3, 7, 8, 9.25, 0.1, 20, 4 };
	cr_assert_eq(journal_create(&journal, path, &HEAD, &error), 0, "%s", error.text);
	for (size_t i = 0; i < sizeof(events) / sizeof(events[0]); i++)
		cr_assert_eq(journal_write(journal, &events[i], commands, i % 3, &error), 0);
	journal_close(journal);
	cr_assert_eq(journal_open(&journal, path, false, &error), 0, "%s", error.text);
	cr_assert_str_eq(journal_head(journal).plan, HEAD.plan);
	cr_assert_eq(journal_head(journal).created_ns, HEAD.created_ns);
	cr_assert_eq(journal_rewind(journal, &error), 0);
	for (size_t i = 0; i < sizeof(events) / sizeof(events[0]); i++) {
		cr_assert_eq(journal_next(journal, &record, &error), 1);
		expect_same(&events[i], &record.event);
		cr_assert_eq(record.command_count, i % 3);
		if (record.command_count > 0)
			cr_assert_eq(record.commands[0].number, commands[0].number);
	}
	cr_assert_eq(journal_next(journal, &record, &error), 0);
	journal_close(journal);
	remove_all(path);
}

Test(journal, is_never_written_over)
{
	struct journal *journal;
	struct error error;
	char *path = fresh_path();

	cr_assert_eq(journal_create(&journal, path, &HEAD, &error), 0);
	journal_close(journal);
	cr_assert_lt(journal_create(&journal, path, &HEAD, &error), 0);
	cr_assert_eq(journal_open(&journal, path, false, &error), 0, "it is still there");
	journal_close(journal);
	remove_all(path);
}

Test(journal, what_is_no_journal_is_refused)
{
	struct journal *journal;
	struct error error;
	char *path = fresh_path();
	FILE *file = fopen(path, "w");

	fputs("this is no database, and long enough to be looked at as one would be", file);
	fclose(file);
	cr_assert_lt(journal_open(&journal, path, false, &error), 0);
	cr_assert(strstr(error.text, path), "%s", error.text);
	cr_assert_lt(journal_create(&journal, path, &HEAD, &error), 0);
	truncate(path, 0);
	cr_assert_lt(journal_open(&journal, path, false, &error), 0, "an empty file");
	remove_all(path);
	cr_assert_lt(journal_open(&journal, path, false, &error), 0, "none");
}

Test(journal, a_wish_to_stop_is_heard_and_forgotten)
{
	struct journal *journal;
	struct error error;
	char *path = fresh_path();

	cr_assert_eq(journal_create(&journal, path, &HEAD, &error), 0);
	cr_assert_not(journal_abort_asked(journal));
	cr_assert_eq(journal_ask_abort(path, &error), 0, "beside a driver that has it open");
	cr_assert(journal_abort_asked(journal));
	cr_assert_eq(journal_forget_abort(journal, &error), 0);
	cr_assert_not(journal_abort_asked(journal));
	journal_close(journal);
	remove_all(path);
}
