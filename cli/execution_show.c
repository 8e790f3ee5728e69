/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What is seen of an execution while it goes on: lines for people, a file for programs. */
#include "cli/execution.h"

#include "system/files.h"
#include "system/monotonic.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

static const double SECONDS_PER_NS = 1e-9;

/* How often progress is said when it is no terminal, and the file written when nothing but progress came. */
enum { SAY_EVERY_S = 10, WRITE_EVERY_MS = 250 };

double execution_left_s(const struct execution *execution)
{
	const struct plan *plan = &execution->plan;
	const struct executor *executor = &execution->executor;
	double begins_s = -1, ends_s = 0;

	for (uint32_t i = 0; i < plan->move_count; i++) {
		const struct plan_predicted *predicted = &plan->moves[i].predicted;

		if (executor->standings[i] != STANDING_WAITING && executor->standings[i] != STANDING_GOING)
			continue;
		if (begins_s < 0 || predicted->start_s < begins_s)
			begins_s = predicted->start_s;
		if (predicted->start_s + predicted->duration_s[1] > ends_s)
			ends_s = predicted->start_s + predicted->duration_s[1];
	}
	return begins_s < 0 ? 0 : ends_s - begins_s;
}

static double share_done(const struct migration *migration)
{
	const struct progress *progress = &migration->progress;
	double all = progress->processed_bytes + progress->remaining_bytes;

	return all > 0 ? progress->processed_bytes / all : 0;
}

static void say_going(const struct execution_shown *shown, uint32_t move, int64_t now_ns)
{
	const struct execution *execution = shown->execution;
	const struct plan_move *of = &execution->plan.moves[move];
	const struct migration *migration = &execution->executor.migrations[move];
	double elapsed_s = migration->begun_ns > 0 ? (double)(now_ns - migration->begun_ns) * SECONDS_PER_NS
	                                           : 0;
	double share = share_done(migration);
	double rate = elapsed_s > 0 ? migration->progress.processed_bytes / elapsed_s : 0;

	fprintf(stderr, "  %s  %s > %s  %s  %.0f %%  %.1f MiB/s  %.0f s", execution->cluster.vms[of->vm].name,
	        execution->cluster.hosts[of->from].name, execution->cluster.hosts[of->to].name,
	        migration_state_words[migration->state], 100 * share, rate / 1048576, elapsed_s);
	if (rate > 0)
		fprintf(stderr, ", %.0f s left", migration->progress.remaining_bytes / rate);
	fputs(shown->terminal ? "\033[K\n" : "\n", stderr);
}

static void say_all(struct execution_shown *shown, int64_t now_ns)
{
	const struct execution *execution = shown->execution;
	uint32_t done = 0, lines = 1;

	if (shown->terminal && shown->lines > 0)
		fprintf(stderr, "\033[%uA", shown->lines);
	for (uint32_t i = 0; i < execution->plan.move_count; i++)
		done += execution->executor.standings[i] == STANDING_DONE ||
		        execution->executor.standings[i] == STANDING_SKIPPED;
	fprintf(stderr, "%u of %u moves done", done, execution->plan.move_count);
	if (execution->plan.predicted && done < execution->plan.move_count)
		fprintf(stderr, ", about %.0f s left", execution_left_s(execution));
	fputs(shown->terminal ? "\033[K\n" : "\n", stderr);
	for (uint32_t i = 0; i < execution->plan.move_count; i++) {
		if (execution->executor.standings[i] != STANDING_GOING)
			continue;
		say_going(shown, i, now_ns);
		lines++;
	}
	if (shown->terminal)
		fputs("\033[J", stderr);
	shown->lines = lines;
}

/* One line for what matters, where progress is not drawn. */
static void say_event(const struct execution_shown *shown, const struct event *event)
{
	const struct execution *execution = shown->execution;
	const struct plan_move *of;
	const struct migration *migration;

	if (event->kind == EVENT_STOCK && event->why)
		fprintf(stderr, "lockkeeper: %s\n", event->why);
	if (event->move == NONE || event->kind == EVENT_PROGRESS)
		return;
	of = &execution->plan.moves[event->move];
	migration = &execution->executor.migrations[event->move];
	fprintf(stderr, "lockkeeper: %s %s > %s: %s%s%s\n", execution->cluster.vms[of->vm].name,
	        execution->cluster.hosts[of->from].name, execution->cluster.hosts[of->to].name,
	        migration_state_words[migration->state], event->why ? ": " : "",
	        event->why ? event->why : "");
}

/* Whoever looks must never find half of it; that it survives a crash is the journal's business. */
static void write_state(struct execution_shown *shown, bool is_running)
{
	json_t *state;
	struct error error;
	size_t length;
	char *text;

	if (!shown->execution->options.watch)
		return;
	state = execution_json(shown->execution, is_running);
	text = json_print(state, false, &length);
	if (file_show(shown->execution->options.watch, text, length, &error) && !shown->failed) {
		fprintf(stderr, "lockkeeper: warning: %s\n", error.text);
		shown->failed = true;
	}
	free(text);
	json_free(state);
}

struct execution_shown execution_shown(struct execution *execution)
{
	return (struct execution_shown){ .execution = execution, .terminal = isatty(STDERR_FILENO) };
}

void execution_show(struct execution_shown *shown, const struct event *event)
{
	time_t now_s = time(NULL);
	int64_t now_ms = monotonic_ms();

	if (event->kind != EVENT_PROGRESS || now_ms - shown->written_ms >= WRITE_EVERY_MS) {
		write_state(shown, true);
		shown->written_ms = now_ms;
	}
	if (shown->terminal) {
		say_all(shown, event->at_ns);
		return;
	}
	say_event(shown, event);
	if (now_s - shown->said_s >= SAY_EVERY_S) {
		say_all(shown, event->at_ns);
		shown->said_s = now_s;
	}
}

void execution_show_end(struct execution_shown *shown)
{
	write_state(shown, false);
}
