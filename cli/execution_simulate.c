/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The executor in virtual time: the same decisions, on hosts that always answer; all stages. */
#include "cli/execution.h"

#include "sim/fleet_driver.h"

#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

/* How often a paced execution looks whether it is to stop. */
static const double LOOK_EVERY_S = 0.1;

struct simulated {
	struct backend backend; /* first: what core/run is given when it is paced */
	struct execution *execution;
	struct fleet fleet;
	struct fleet_driver driver;
	struct execution_shown show;
	struct timespec began; /* the clock's time … */
	int64_t began_ns;      /* … of this virtual one */
	bool interrupted;      /* from the keyboard, or by SIGTERM */
	bool asked;            /* to stop: the executor knows */
};

static void open_driver(struct simulated *of)
{
	static const struct fleet_faults none = { 0 };

	fleet_driver_create(&of->driver, &of->fleet, &of->execution->executor, &none);
}

static void close_driver(struct simulated *of)
{
	of->driver.backend.close(&of->driver.backend);
}

/* It has stopped, and nothing has failed. */
static bool is_between_stages(const struct executor *executor)
{
	return executor_end(executor) == EXECUTOR_STOPPED && !executor->why[0];
}

/* ------------------------------------------------------------------ at a pace that can be watched */

/* Waits until the clock is where virtual time is; whether an interrupt came meanwhile. */
static bool sleep_until(const struct simulated *of, int64_t virtual_ns)
{
	double ahead_s = (double)(virtual_ns - of->began_ns) * 1e-9 / of->execution->options.pace;
	struct timespec now, pause;
	sigset_t signals;

	clock_gettime(CLOCK_MONOTONIC, &now);
	ahead_s -= (double)(now.tv_sec - of->began.tv_sec) + (double)(now.tv_nsec - of->began.tv_nsec) * 1e-9;
	ahead_s = fmax(ahead_s, 0);
	pause = (struct timespec){ (time_t)ahead_s, (long)((ahead_s - floor(ahead_s)) * 1e9) };
	sigemptyset(&signals);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGTERM);
	return sigtimedwait(&signals, NULL, &pause) > 0;
}

static void submit(struct backend *backend, const struct command *command)
{
	struct simulated *of = (struct simulated *)backend;

	of->driver.backend.submit(&of->driver.backend, command);
}

/* Whether somebody wants it to stop who has not been heard yet. */
static bool is_to_stop(struct simulated *of)
{
	if (of->asked || !(of->interrupted || journal_abort_asked(of->execution->journal)))
		return false;
	of->asked = true;
	of->interrupted = false;
	fputs("\nlockkeeper: stopping: what can still be given up is; once more leaves it as it is\n",
	      stderr);
	return true;
}

static void wait_for(struct backend *backend, int64_t deadline_ns, struct event *ret_event)
{
	struct simulated *of = (struct simulated *)backend;
	int64_t slice_ns = (int64_t)(LOOK_EVERY_S * of->execution->options.pace * 1e9) + 1;

	do {
		int64_t until_ns = of->fleet.now_ns + slice_ns;

		if (is_to_stop(of)) {
			*ret_event = (struct event){ .kind = EVENT_ABORT,
				                     .move = NONE,
				                     .at_ns = of->fleet.now_ns };
			return;
		}
		of->driver.backend.wait(&of->driver.backend, until_ns < deadline_ns ? until_ns : deadline_ns,
		                        ret_event);
		of->interrupted = sleep_until(of, ret_event->at_ns) || of->interrupted;
		if (of->interrupted && of->asked) {
			fputs("\nlockkeeper: left as it is; `lockkeeper resume` goes on\n", stderr);
			_exit(EXIT_STOPPED);
		}
	} while (ret_event->kind == EVENT_TIMER && ret_event->at_ns < deadline_ns);
}

static bool see_step(void *context, const struct event *event, const struct command *commands, uint32_t count)
{
	struct simulated *of = context;

	(void)commands;
	(void)count;
	execution_show(&of->show, event);
	return true;
}

static void set_out(struct simulated *of)
{
	sigset_t signals;

	of->backend = (struct backend){ submit, wait_for, NULL };
	of->show = execution_shown(of->execution);
	of->began_ns = of->fleet.now_ns;
	clock_gettime(CLOCK_MONOTONIC, &of->began);
	sigemptyset(&signals);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGTERM);
	pthread_sigmask(SIG_BLOCK, &signals, NULL);
}

/* ------------------------------------------------------------------ to where a journal ends */

/* What no host has brought about. */
static bool is_from_outside(uint8_t kind)
{
	return kind == EVENT_BEGIN || kind == EVENT_RESUMED || kind == EVENT_ABORT;
}

/* The next event of the hosts, or one of the journal's that is not theirs, at its time. */
static bool play_event(struct simulated *of, const struct event *was)
{
	int64_t due_ns = executor_due_ns(&of->execution->executor);
	struct event event;

	if (!is_from_outside(was->kind)) {
		of->driver.backend.wait(&of->driver.backend, due_ns, &event);
		return event.kind == was->kind && event.move == was->move && event.at_ns == was->at_ns;
	}
	if (was->kind == EVENT_RESUMED) {
		close_driver(of);
		open_driver(of);
	}
	if (was->at_ns <= of->fleet.now_ns)
		return true;
	of->driver.backend.wait(&of->driver.backend, was->at_ns, &event);
	return event.kind == EVENT_TIMER && event.at_ns == was->at_ns;
}

/*
 * The hosts lived in the process that has ended. Their luck hangs on the seed alone: the same orders at the
 * same times bring about the same again.
 */
static int play_again(struct simulated *of, struct error *error)
{
	struct execution *execution = of->execution;
	struct executor_commands commands = { 0 };
	struct journal_record record;
	int result = journal_rewind(execution->journal, error);

	while (!result && (result = journal_next(execution->journal, &record, error)) == 1) {
		result = 0;
		if (!play_event(of, &record.event)) {
			result = error_set(error, ERROR_INPUT,
			                   "record %llu of the journal did not come about again: finish it "
			                   "with the version that began it",
			                   (unsigned long long)record.number);
			break;
		}
		executor_step(&execution->executor, &record.event, &commands);
		for (uint32_t i = 0; i < commands.count; i++)
			of->driver.backend.submit(&of->driver.backend, &commands.at[i]);
	}
	executor_commands_free(&commands);
	close_driver(of);
	open_driver(of);
	return result;
}

/* ------------------------------------------------------------------ */

int execution_simulate(struct execution *execution, enum event_kind first, enum executor_end *ret_end,
                       struct error *error)
{
	struct simulated of = { .execution = execution };
	struct run_watch watch = { see_step, &of }, *watched = NULL;
	struct executor *executor = &execution->executor;
	struct backend *backend = &of.driver.backend;
	int result = 0;

	fleet_create(&of.fleet, &execution->cluster, &execution->plan, execution->options.seed, true);
	open_driver(&of);
	if (first == EVENT_RESUMED) {
		execution_rewind(execution);
		result = play_again(&of, error);
	}
	if (execution->options.pace > 0) {
		set_out(&of);
		backend = &of.backend;
		watched = &watch;
	}
	if (!result)
		result = run(backend, executor, execution->journal, first, of.fleet.now_ns, watched, error);
	/* In virtual time nobody has to maintain hosts between stages. */
	while (!result && !of.asked && is_between_stages(executor)) {
		close_driver(&of);
		open_driver(&of);
		result = run(backend, executor, execution->journal, EVENT_RESUMED, executor->now_ns, watched,
		             error);
	}
	if (watched)
		execution_show_end(&of.show);
	close_driver(&of);
	fleet_free(&of.fleet);
	*ret_end = executor_end(executor);
	return result;
}
