/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The executor against fleets that fail: tests/swarm/swarm [--seeds N] [--first K] [--trace] [--edges]
 * [--first-failure]
 *
 * Each seed is a random small cluster, a plan that empties one of its hosts, and a draw of what befalls the
 * hosts, the guests, the lines to them and the driver itself, which is killed at random records of its
 * journal and resumed from it. While that lasts, nothing unsafe may happen (fleet_check, and what the fleet
 * refuses to believe of an order); once it is over, every execution must end, and all that nobody else has
 * touched must have arrived. Every journal is replayed. TAP; the last line says what was reached how often.
 */
#include "core/must.h"
#include "core/run.h"
#include "planner/planned.h"
#include "planner/planning.h"
#include "sim/fleet_driver.h"
#include "tests/support/draw.h"

#include <gsl/gsl_errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BEFALLS_MOST = 24, KILLS_MOST = 3, RESUMES_MOST = 12, STEPS_MOST = 200000 };

#define SECOND_NS INT64_C(1000000000)

enum befall_kind {
	BEFALL_CUT,
	BEFALL_DAEMON_DIES,
	BEFALL_DAEMON_STARTS,
	BEFALL_HOST_DIES,
	BEFALL_HOST_BOOTS,
	BEFALL_QEMU_DIES,
	BEFALL_BREAK,
	BEFALL_LINK,
	BEFALL_GUEST_STOPS,
	BEFALL_GUEST_MOVES,
	BEFALL_GUEST_DOUBLES,
	BEFALL_FULL,
	BEFALL_POSTCOPY,
	BEFALL_ABORT,
	BEFALL_SECOND_DRIVER, /* while this one hangs, another carries the same plan out */
	BEFALL_CALM,          /* orders work again */
	BEFALL_COUNT
};

static const char *const befall_words[] = { "cut",         "daemon-dies", "daemon-starts", "host-dies",
	                                    "host-boots",  "qemu-dies",   "break",         "link",
	                                    "guest-stops", "guest-moves", "guest-doubles", "disk-full",
	                                    "post-copy",   "abort",       "second-driver", "calm" };

struct befall {
	int64_t at_ns;
	enum befall_kind kind;
	uint32_t host, vm;
	double number;
	/* The enum side that the VM's source must be in; SIDE_COUNT: the target runs it, the source does not
	 * know yet; SIDE_SILENT: whichever. */
	uint8_t phase;
	uint32_t tries;
};

struct kill {
	uint64_t record;
	uint32_t sent; /* so many of its commands were sent */
};

/* What a seed came to, all together. */
struct tally {
	uint64_t seeds, plans, moves, records, resumes, befalls[BEFALL_COUNT];
	uint64_t ends[EXECUTOR_UNCLEAR + 1], reasons[REASON_COUNT];
};

struct trial {
	uint64_t seed;
	bool trace;
	struct draw draw;
	struct cluster cluster;
	struct planning planning;
	struct plan plan;
	struct fleet fleet;
	struct fleet_driver driver;
	struct executor executor;
	struct journal *journal;
	struct befall befalls[BEFALLS_MOST];
	uint32_t befall_count, befall_next;
	struct kill kills[KILLS_MOST];
	uint32_t kill_count, kill_next;
	uint64_t records, steps;
	bool abort_now, has_second, had_second;
	uint32_t second_steps;
	struct tally *tally;
	char wrong[320];
};

static void __attribute__((format(printf, 2, 3))) fail_trial(struct trial *trial, const char *format, ...)
{
	va_list arguments;

	if (trial->wrong[0])
		return;
	va_start(arguments, format);
	vsnprintf(trial->wrong, sizeof(trial->wrong), format, arguments);
	va_end(arguments);
}

/* ------------------------------------------------------------------ what is drawn */

/* Many guests are calm, some cannot be migrated without post-copy or throttling. */
static void draw_dirty(struct trial *trial, uint32_t vm)
{
	struct dirty_settings *dirty = ARENA_ARRAY(&trial->cluster.arena, struct dirty_settings, 1);
	struct draw *draw = &trial->draw;

	dirty->model = draw_percent(draw, 80) ? DIRTY_MODEL_UNIFORM : DIRTY_MODEL_SEQUENTIAL;
	dirty->working_set_mib = draw_between(draw, 1, 256);
	/* Without a time limit one that cannot end is given up after hours of polls: enough of them are calm.
	 */
	dirty->rate_pages_s = draw_percent(draw, trial->cluster.migration.timeout_s > 0 ? 60 : 100)
	                              ? draw_between(draw, 0, 500)
	                              : draw_between(draw, 500, 60000);
	dirty->background_pages_s = 40;
	trial->cluster.vms[vm].dirty = dirty;
	trial->cluster.vms[vm].used_mib = draw_between(draw, 8, 2048);
}

static void draw_settings(struct trial *trial)
{
	struct migration_settings *settings = &trial->cluster.migration;
	struct draw *draw = &trial->draw;

	settings->post_copy = draw_percent(draw, 30);
	settings->auto_converge = draw_percent(draw, 50);
	settings->timeout_s = draw_percent(draw, 97) ? draw_between(draw, 20, 400) : 0;
	settings->parallel_per_host = draw_between(draw, 0, 3);
	settings->max_downtime_ms = draw_between(draw, 30, 500);
	if (draw_percent(draw, 30))
		settings->bandwidth_mib_s = draw_between(draw, 20, 400);
	if (draw_percent(draw, 60))
		settings->setup_ms = draw_percent(draw, 50) ? draw_between(draw, 0, 30)
		                                            : draw_between(draw, 500, 40000);
	if (draw_percent(draw, 3))
		settings->timeout_s = 0.2;
	for (uint32_t i = 0; i < trial->cluster.vm_count; i++)
		draw_dirty(trial, i);
	for (uint32_t i = 0; i < trial->cluster.host_count; i++)
		trial->cluster.hosts[i].nic_mbit_s = draw_between(draw, 300, 10000);
}

/* A plan that empties one of the hosts; false: none is found. */
static bool find_plan(struct trial *trial)
{
	struct planning *planning = &trial->planning;
	static uint32_t hosts[1];

	planning_create(planning, &trial->cluster, NULL, 0);
	for (uint32_t i = 0; i < trial->cluster.host_count; i++) {
		struct planned planned;
		bool found;

		hosts[0] = (i + trial->seed) % trial->cluster.host_count;
		if (trial->cluster.hosts[hosts[0]].administrative == ADMIN_LOCKED)
			continue;
		planned_find(&planning->chooser, &planning->reaches, hosts, 1, NULL, NULL, 20000, &planned);
		found = planned.verdict == PLANNED_LOCKABLE && planned.order_count > 0;
		if (found)
			planned_plan(&planned, &planning->state, &planning->reaches.amounts, hosts, 1,
			             &trial->plan);
		planned_free(&planned);
		if (found)
			return true;
	}
	planning_free(planning);
	return false;
}

static void add_befall(struct trial *trial, int64_t at_ns, enum befall_kind kind, uint32_t host, uint32_t vm,
                       double number)
{
	if (trial->befall_count < BEFALLS_MOST)
		trial->befalls[trial->befall_count++] = (struct befall){
			.at_ns = at_ns, .kind = kind, .host = host, .vm = vm, .number = number
		};
}

static int befall_order(const void *a, const void *b)
{
	const struct befall *x = a, *y = b;

	return (x->at_ns > y->at_ns) - (x->at_ns < y->at_ns);
}

static void draw_one(struct trial *trial, int64_t span_ns)
{
	struct draw *draw = &trial->draw;
	int64_t at_ns =
		(int64_t)(draw_bits(draw) % (uint64_t)(draw_percent(draw, 10) ? SECOND_NS / 3 : span_ns));
	const struct plan_move *move = &trial->plan.moves[draw_below(draw, trial->plan.move_count)];
	uint32_t host = draw_percent(draw, 50) ? move->from : move->to;
	uint32_t first = trial->befall_count;
	int64_t until_ns = at_ns +
	                   (int64_t)(draw_bits(draw) % (uint64_t)(draw_percent(draw, 50) ? 8 : 190) + 1) *
	                           SECOND_NS;
	uint32_t roll = draw_below(draw, 100);

	if (roll < 22) {
		add_befall(trial, at_ns, BEFALL_CUT, host, move->vm, (double)(until_ns - at_ns) * 1e-9);
	} else if (roll < 42) {
		add_befall(trial, at_ns, BEFALL_DAEMON_DIES, host, move->vm, 0);
		add_befall(trial, until_ns, BEFALL_DAEMON_STARTS, host, move->vm, 0);
		if (draw_percent(draw, 20)) {
			/* What has arrived is moved on before its source is heard of again. */
			trial->befalls[first].host = trial->befalls[first + 1].host = move->from;
			trial->befalls[first].phase = SIDE_COUNT;
			add_befall(trial, at_ns + 2 * SECOND_NS, BEFALL_GUEST_MOVES,
			           draw_below(draw, trial->cluster.host_count), move->vm, 0);
			return;
		}
	} else if (roll < 57) {
		add_befall(trial, at_ns, BEFALL_BREAK, host, move->vm, 0);
	} else if (roll < 72) {
		add_befall(trial, at_ns, BEFALL_LINK, host, move->vm, draw_percent(draw, 50) ? 0 : 30);
		add_befall(trial, until_ns, BEFALL_LINK, host, move->vm,
		           trial->cluster.hosts[host].nic_mbit_s);
	} else if (roll < 76) {
		add_befall(trial, at_ns, BEFALL_HOST_DIES, host, move->vm, 0);
		add_befall(trial, until_ns, BEFALL_HOST_BOOTS, host, move->vm, 0);
	} else if (roll < 81) {
		add_befall(trial, at_ns, BEFALL_QEMU_DIES, host, move->vm, 0);
	} else if (roll < 86) {
		add_befall(trial, at_ns, BEFALL_GUEST_STOPS, host, move->vm, 0);
	} else if (roll < 89) {
		add_befall(trial, at_ns, BEFALL_GUEST_MOVES, draw_below(draw, trial->cluster.host_count),
		           move->vm, 0);
	} else if (roll < 90) {
		add_befall(trial, at_ns, BEFALL_GUEST_DOUBLES, draw_below(draw, trial->cluster.host_count),
		           move->vm, 0);
	} else if (roll < 92) {
		add_befall(trial, at_ns, BEFALL_FULL, host, move->vm, 1);
		add_befall(trial, until_ns, BEFALL_FULL, host, move->vm, 0);
	} else if (roll < 94) {
		add_befall(trial, at_ns, BEFALL_POSTCOPY, host, move->vm, 0);
		if (draw_percent(draw, 50) && first < trial->befall_count) {
			/* It breaks off as soon as it is one. */
			trial->befalls[first].phase = SIDE_RUNNING;
			add_befall(trial, at_ns + 1, BEFALL_BREAK, host, move->vm, 0);
			trial->befalls[trial->befall_count - 1].phase = SIDE_POSTCOPY;
			return;
		}
	} else if (roll < 96) {
		add_befall(trial, at_ns, BEFALL_SECOND_DRIVER, host, move->vm, 0);
	} else {
		add_befall(trial, at_ns, BEFALL_ABORT, host, move->vm, 0);
	}
	if (first < trial->befall_count && trial->befalls[first].kind == BEFALL_POSTCOPY)
		trial->befalls[first].phase = SIDE_RUNNING;
	else if (first < trial->befall_count && draw_percent(draw, 25))
		trial->befalls[first].phase = draw_percent(draw, 50)   ? SIDE_SENT
		                              : draw_percent(draw, 60) ? SIDE_POSTCOPY
		                                                       : SIDE_COUNT;
}

static void draw_befalls(struct trial *trial)
{
	struct draw *draw = &trial->draw;
	uint32_t count = draw_percent(draw, 15) ? 0 : draw_between(draw, 1, 7);
	int64_t span_ns = (int64_t)(8 + 12 * (uint64_t)trial->plan.move_count) * SECOND_NS;

	for (uint32_t i = 0; i < count; i++)
		draw_one(trial, span_ns);
	add_befall(trial, span_ns + 300 * SECOND_NS, BEFALL_CALM, 0, trial->plan.moves[0].vm, 0);
	qsort(trial->befalls, trial->befall_count, sizeof(trial->befalls[0]), befall_order);
	trial->kill_count = draw_percent(draw, 60) ? draw_between(draw, 1, KILLS_MOST) : 0;
	for (uint32_t i = 0; i < trial->kill_count; i++)
		trial->kills[i] = (struct kill){ draw_between(draw, 1, 30 + 40 * trial->plan.move_count),
			                         draw_below(draw, 4) };
}

/* A cold move's guest may be off, which the planner would have left where it is. */
static void draw_off(struct trial *trial)
{
	for (uint32_t i = 0; i < trial->plan.move_count; i++) {
		const struct plan_move *move = &trial->plan.moves[i];

		if (move->method == METHOD_COLD && draw_percent(&trial->draw, 20))
			trial->cluster.vms[move->vm].state = VM_STOPPED;
	}
}

/* ------------------------------------------------------------------ what befalls */

static void print_step(const struct trial *trial, const struct event *event, const struct command *commands,
                       uint32_t count)
{
	uint32_t move = event->move;

	printf("# [%9.3f] %s", (double)event->at_ns * 1e-9, event_words[event->kind]);
	if (move != NONE)
		printf(" %s", trial->cluster.vms[trial->plan.moves[move].vm].name);
	if (event->kind == EVENT_RETURNED)
		printf(" %s %s", command_words[event->call],
		       event->ok    ? "ok"
		       : event->why ? event->why
		                    : "failed");
	if (event->kind == EVENT_CHECKED || event->kind == EVENT_STOCK)
		printf(" %s", event->why ? event->why : "ok");
	if (event->kind == EVENT_SEEN)
		printf(" %s%s/%s%s", side_words[event->seen.source], event->seen.source_job ? "+job" : "",
		       side_words[event->seen.target], event->seen.target_job ? "+job" : "");
	if (move != NONE)
		printf(" -> %s", migration_state_words[trial->executor.migrations[move].state]);
	for (uint32_t i = 0; i < count; i++)
		printf(" %s(%d)", command_words[commands[i].kind], (int)commands[i].move);
	printf("\n");
}

/* The second driver dies or ends some time. */
static bool watch_second(void *context, const struct event *event, const struct command *commands,
                         uint32_t count)
{
	struct trial *trial = context;

	if (trial->trace) {
		printf("# second: ");
		print_step(trial, event, commands, count);
	}
	return ++trial->second_steps < 2000 && !trial->fleet.violation.text[0];
}

/* The first driver hears nothing meanwhile. Its plan is the same, its journal is not. */
static void drive_second(struct trial *trial)
{
	static const struct journal_head head = { "{}", "{}", "{}", "[]", 0 };
	struct executor_options options = executor_options_default();
	struct fleet_faults faults = { .late_s = 4 };
	struct run_watch watch = { watch_second, trial };
	struct executor executor;
	struct fleet_driver driver;
	struct journal *journal;
	struct error error;
	int result;

	if (trial->has_second || journal_create(&journal, ":memory:", &head, &error))
		return;
	trial->has_second = trial->had_second = true;
	trial->second_steps = 0;
	executor_create(&executor, &trial->cluster, &trial->plan, &options);
	fleet_driver_create(&driver, &trial->fleet, &executor, &faults);
	result = run(&driver.backend, &executor, journal, EVENT_BEGIN, trial->fleet.now_ns, &watch, &error);
	must(result >= 0);
	driver.backend.close(&driver.backend);
	executor_free(&executor);
	journal_close(journal);
	trial->has_second = false;
}

static void carry_befall_out(struct trial *trial, struct fleet_driver *driver, const struct befall *befall)
{
	struct fleet *fleet = &trial->fleet;

	trial->tally->befalls[befall->kind]++;
	if (trial->trace)
		printf("# [%9.3f] befalls: %s host %s vm %s %g\n", (double)fleet->now_ns * 1e-9,
		       befall_words[befall->kind], trial->cluster.hosts[befall->host].name,
		       trial->cluster.vms[befall->vm].name, befall->number);
	switch (befall->kind) {
	case BEFALL_CUT:
		if (driver)
			fleet_driver_cut(driver, befall->host, befall->number);
		break;
	case BEFALL_DAEMON_DIES:
		fleet_daemon_dies(fleet, befall->host);
		break;
	case BEFALL_DAEMON_STARTS:
		fleet_daemon_starts(fleet, befall->host);
		break;
	case BEFALL_HOST_DIES:
		fleet_host_dies(fleet, befall->host);
		break;
	case BEFALL_HOST_BOOTS:
		fleet_host_boots(fleet, befall->host);
		break;
	case BEFALL_QEMU_DIES:
		fleet_qemu_dies(fleet, befall->vm, befall->host);
		break;
	case BEFALL_BREAK:
		fleet_flight_breaks(fleet, befall->vm);
		break;
	case BEFALL_LINK:
		fleet_link(fleet, befall->host, befall->number);
		break;
	case BEFALL_GUEST_STOPS:
		fleet_guest_stops(fleet, befall->vm);
		break;
	case BEFALL_GUEST_MOVES:
		fleet_guest_moves(fleet, befall->vm, befall->host);
		break;
	case BEFALL_GUEST_DOUBLES:
		fleet_guest_doubles(fleet, befall->vm, befall->host);
		break;
	case BEFALL_FULL:
		fleet->full[befall->host] = befall->number > 0;
		break;
	case BEFALL_POSTCOPY:
		(void)fleet_postcopy(fleet, befall->vm);
		break;
	case BEFALL_SECOND_DRIVER:
		if (driver)
			drive_second(trial);
		break;
	case BEFALL_CALM:
		fleet->stubborn = fleet->lying = fleet->deaf = 0;
		break;
	case BEFALL_ABORT:
	case BEFALL_COUNT:
		trial->abort_now = befall->kind == BEFALL_ABORT;
		break;
	}
}

static int64_t befall_due_ns(const struct trial *trial)
{
	return trial->befall_next < trial->befall_count ? trial->befalls[trial->befall_next].at_ns
	                                                : TIME_NEVER;
}

/* What waits for a phase that does not come is let go after ten seconds. */
static bool waits_for_phase(struct trial *trial, struct befall *befall)
{
	enum { TRIES_MOST = 1000 };
	const struct flight *flight = &trial->fleet.flights[befall->vm];

	if (befall->phase == SIDE_SILENT)
		return false;
	if (befall->phase == SIDE_COUNT && flight->phase == FLIGHT_FINISH)
		return false;
	if (flight->phase != FLIGHT_NONE &&
	    (befall->kind != BEFALL_POSTCOPY || flight->precopy.phase == PRECOPY_COPYING) &&
	    fleet_copy(&trial->fleet, befall->vm, flight->from)->side == befall->phase)
		return false;
	return ++befall->tries < TRIES_MOST;
}

static int64_t let_befall(void *context, struct fleet_driver *driver)
{
	struct trial *trial = context;

	while (befall_due_ns(trial) <= trial->fleet.now_ns) {
		struct befall *befall = &trial->befalls[trial->befall_next];

		if (driver && waits_for_phase(trial, befall))
			return trial->fleet.now_ns + SECOND_NS / 100;
		trial->befall_next++;
		carry_befall_out(trial, driver, befall);
	}
	return befall_due_ns(trial);
}

/* Everything that is still to come, without a driver. */
static void let_all_befall(struct trial *trial)
{
	while (befall_due_ns(trial) < TIME_NEVER) {
		fleet_advance(&trial->fleet, befall_due_ns(trial) > trial->fleet.now_ns
		                                     ? befall_due_ns(trial)
		                                     : trial->fleet.now_ns);
		let_befall(trial, NULL);
	}
	for (uint32_t host = 0; host < trial->cluster.host_count; host++) {
		if (trial->fleet.hosts[host].daemon_down)
			fleet_daemon_starts(&trial->fleet, host);
		if (trial->fleet.hosts[host].dead)
			fleet_host_boots(&trial->fleet, host);
		fleet_link(&trial->fleet, host, trial->cluster.hosts[host].nic_mbit_s);
	}
	trial->fleet.stubborn = trial->fleet.lying = trial->fleet.deaf = 0;
	fleet_advance(&trial->fleet, trial->fleet.now_ns + 120 * SECOND_NS);
}

/* ------------------------------------------------------------------ a run */

static bool watch_step(void *context, const struct event *event, const struct command *commands,
                       uint32_t count)
{
	struct trial *trial = context;

	if (trial->trace)
		print_step(trial, event, commands, count);
	if (trial->fleet.violation.text[0])
		return false;
	if (++trial->steps > STEPS_MOST) {
		fail_trial(trial, "it does not end");
		return false;
	}
	trial->records++;
	if (trial->kill_next < trial->kill_count && trial->records >= trial->kills[trial->kill_next].record) {
		uint32_t sent = trial->kills[trial->kill_next++].sent;

		for (uint32_t i = 0; i < count && i < sent; i++)
			trial->driver.backend.submit(&trial->driver.backend, &commands[i]);
		/* What was sent is under way to its host. */
		fleet_advance(&trial->fleet, trial->fleet.now_ns);
		if (trial->trace)
			printf("# the driver is killed, %u of %u commands are sent\n",
			       sent < count ? sent : count, count);
		return false;
	}
	return true;
}

/* An operator's wish comes between two events. */
static void wait_or_abort(struct backend *backend, int64_t deadline_ns, struct event *ret_event);

static struct trial *the_trial;
static void (*inner_wait)(struct backend *, int64_t, struct event *);

static void wait_or_abort(struct backend *backend, int64_t deadline_ns, struct event *ret_event)
{
	if (the_trial->abort_now) {
		the_trial->abort_now = false;
		*ret_event =
			(struct event){ .kind = EVENT_ABORT, .move = NONE, .at_ns = the_trial->fleet.now_ns };
		return;
	}
	inner_wait(backend, deadline_ns, ret_event);
}

static struct executor_options options_of(void)
{
	return executor_options_default();
}

static void check_replay(struct trial *trial)
{
	struct executor_options options = options_of();
	struct replay_difference difference = { 0 };
	struct executor again;
	struct error error;

	executor_create(&again, &trial->cluster, &trial->plan, &options);
	if (replay(&again, trial->journal, &difference, NULL, &error))
		fail_trial(trial, "replay: %s", error.text);
	else if (difference.record)
		fail_trial(trial, "replay: record %llu: was %s, is %s", (unsigned long long)difference.record,
		           difference.was.kind < COMMAND_COUNT ? command_words[difference.was.kind] : "none",
		           difference.is.kind < COMMAND_COUNT ? command_words[difference.is.kind] : "none");
	else if (memcmp(again.standings, trial->executor.standings, trial->plan.move_count))
		fail_trial(trial, "replay: other standings");
	executor_free(&again);
}

/* One driver from its start to its end or death. Returns whether it ended. */
static bool drive(struct trial *trial, enum event_kind first)
{
	struct executor_options options = options_of();
	struct run_watch watch = { watch_step, trial };
	struct replay_difference difference;
	struct fleet_faults faults = { .late_s = 4 };
	struct error error;
	int result;

	trial->steps = 0;
	if (befall_due_ns(trial) < TIME_NEVER) {
		faults.late_share = 0.05;
		faults.twice_share = 0.05;
	}
	executor_create(&trial->executor, &trial->cluster, &trial->plan, &options);
	if (first == EVENT_RESUMED && replay(&trial->executor, trial->journal, &difference, NULL, &error))
		fail_trial(trial, "resume: %s", error.text);
	fleet_driver_create(&trial->driver, &trial->fleet, &trial->executor, &faults);
	trial->driver.befall = let_befall;
	trial->driver.befall_context = trial;
	trial->driver.befall_ns = befall_due_ns(trial);
	the_trial = trial;
	inner_wait = trial->driver.backend.wait;
	trial->driver.backend.wait = wait_or_abort;
	result = run(&trial->driver.backend, &trial->executor, trial->journal, first, trial->fleet.now_ns,
	             &watch, &error);
	trial->driver.backend.close(&trial->driver.backend);
	if (result < 0)
		fail_trial(trial, "run: %s", error.text);
	check_replay(trial);
	if (trial->fleet.violation.text[0])
		fail_trial(trial, "%s at %.3f s", trial->fleet.violation.text,
		           (double)trial->fleet.violation.at_ns * 1e-9);
	return result == 0;
}

/* It is at the target, kept there if it was kept before, and nothing of it is at the source. */
static void check_done(struct trial *trial, uint32_t move)
{
	const struct plan_move *of = &trial->plan.moves[move];
	const struct fleet_copy *source = fleet_copy(&trial->fleet, of->vm, of->from);
	const struct fleet_copy *target = fleet_copy(&trial->fleet, of->vm, of->to);
	const char *name = trial->cluster.vms[of->vm].name;

	for (uint32_t i = move + 1; i < trial->plan.move_count; i++) {
		if (trial->plan.moves[i].vm == of->vm)
			return; /* it moves on */
	}
	if (source->side != SIDE_ABSENT)
		fail_trial(trial, "%s has moved, and is %s at the source", name, side_words[source->side]);
	if (target->side == SIDE_ABSENT || target->side == SIDE_INCOMING)
		fail_trial(trial, "%s has moved, and is %s at the target", name, side_words[target->side]);
	if (trial->executor.migrations[move].persistent && !target->defined)
		fail_trial(trial, "%s has moved, and would be forgotten at the target", name);
}

/* What others did not touch, and no limit of its own holds back, has arrived. */
static void check_end(struct trial *trial)
{
	for (uint32_t i = 0; i < trial->plan.move_count; i++) {
		const struct migration *migration = &trial->executor.migrations[i];
		uint32_t vm = trial->plan.moves[i].vm;
		bool excused = trial->fleet.touched[vm] || migration->reason == REASON_TIME_LIMIT ||
		               migration->reason == REASON_NO_PROGRESS;

		trial->tally->reasons[migration->reason]++;
		/* Asked for post-copy, it is not resumed by anybody but a person. */
		if (trial->executor.standings[i] == STANDING_UNCLEAR && !trial->fleet.touched[vm] &&
		    !migration->asked_postcopy)
			fail_trial(trial, "%s stays unclear: %s", trial->cluster.vms[vm].name,
			           migration_reason_words[migration->reason]);
		if (trial->executor.standings[i] == STANDING_FAILED && migration->state == MIGRATION_FAILED &&
		    !excused && migration->reason != REASON_REFUSED)
			fail_trial(trial, "%s stays where it is: %s", trial->cluster.vms[vm].name,
			           migration_reason_words[migration->reason]);
		if (trial->executor.standings[i] == STANDING_DONE && !trial->fleet.touched[vm])
			check_done(trial, i);
		if (trial->executor.standings[i] == STANDING_SKIPPED && !trial->fleet.touched[vm] &&
		    !trial->had_second)
			fail_trial(trial, "%s moved by other hands, and nobody else was there",
			           trial->cluster.vms[vm].name);
	}
}

static void carry_out(struct trial *trial)
{
	static const struct journal_head head = { "{}", "{}", "{}", "[]", 0 };
	enum executor_end end = EXECUTOR_GOING;
	enum event_kind first = EVENT_BEGIN;
	uint32_t calm = 0;
	struct error error;

	if (journal_create(&trial->journal, ":memory:", &head, &error)) {
		fail_trial(trial, "%s", error.text);
		return;
	}
	for (uint32_t i = 0; i < RESUMES_MOST && !trial->wrong[0]; i++) {
		bool ended = drive(trial, first), is_calm = befall_due_ns(trial) >= TIME_NEVER;

		end = executor_end(&trial->executor);
		first = EVENT_RESUMED;
		trial->tally->resumes++;
		if (ended && end == EXECUTOR_DONE)
			break;
		if (ended && is_calm && calm++ > 0)
			break;
		if (i + 1 == RESUMES_MOST)
			break;
		executor_free(&trial->executor);
		if (ended)
			let_all_befall(trial);
	}
	if (!trial->wrong[0])
		check_end(trial);
	trial->tally->ends[end]++;
	trial->tally->records += journal_count(trial->journal);
	executor_free(&trial->executor);
	journal_close(trial->journal);
}

/* Returns whether the seed went well. */
static bool run_seed(uint64_t seed, bool trace, struct tally *tally)
{
	static const struct draw_size size = {
		.hosts_most = 5, .first_host_vms_most = 5, .other_host_vms_most = 3, .moves = true
	};
	struct trial trial = { .seed = seed, .trace = trace, .draw = { seed * 7919 + 1 }, .tally = tally };
	char *text = draw_cluster_text(seed, &size);

	tally->seeds++;
	cluster_from_text(&trial.cluster, text);
	free(text);
	draw_settings(&trial);
	if (find_plan(&trial)) {
		tally->plans++;
		tally->moves += trial.plan.move_count;
		draw_befalls(&trial);
		draw_off(&trial);
		fleet_create(&trial.fleet, &trial.cluster, NULL, seed, draw_percent(&trial.draw, 70));
		trial.fleet.stubborn = draw_percent(&trial.draw, 30)  ? 0.2
		                       : draw_percent(&trial.draw, 4) ? 1
		                                                      : 0;
		trial.fleet.lying = draw_percent(&trial.draw, 5) ? 0.9 : 0;
		trial.fleet.deaf = draw_percent(&trial.draw, 50) ? 0.3 : 0;
		carry_out(&trial);
		fleet_free(&trial.fleet);
		plan_free(&trial.plan);
		planning_free(&trial.planning);
	}
	cluster_free(&trial.cluster);
	if (trial.wrong[0])
		printf("not ok - seed %llu: %s\n", (unsigned long long)seed, trial.wrong);
	return !trial.wrong[0];
}

/* ------------------------------------------------------------------ what was reached */

static void print_edges(void)
{
	const uint64_t *counts = migration_edge_counts();
	size_t edge_count;
	const struct migration_edge *edges = migration_edges(&edge_count);

	for (size_t i = 0; i + 1 < edge_count; i++)
		printf("# %8llu  %-10s %-9s -> %-10s %s\n", (unsigned long long)counts[i],
		       migration_state_words[edges[i].state], event_words[edges[i].event],
		       edges[i].next < MIGRATION_STATE_COUNT ? migration_state_words[edges[i].next] : "same",
		       edges[i].when ? edges[i].when : "");
}

static size_t edges_missed(void)
{
	const uint64_t *counts = migration_edge_counts();
	size_t edge_count, missed = 0;

	(void)migration_edges(&edge_count);
	for (size_t i = 0; i + 1 < edge_count; i++)
		missed += counts[i] == 0;
	return missed;
}

static void print_tally(const struct tally *tally)
{
	printf("# %llu seeds, %llu plans, %llu moves, %llu drivers, %llu records\n",
	       (unsigned long long)tally->seeds, (unsigned long long)tally->plans,
	       (unsigned long long)tally->moves, (unsigned long long)tally->resumes,
	       (unsigned long long)tally->records);
	printf("# befell:");
	for (int i = 0; i < BEFALL_COUNT; i++)
		printf(" %s %llu", befall_words[i], (unsigned long long)tally->befalls[i]);
	printf("\n# ended:");
	for (int i = 0; i <= EXECUTOR_UNCLEAR; i++)
		printf(" %s %llu", executor_end_words[i], (unsigned long long)tally->ends[i]);
	printf("\n# moves:");
	for (int i = 0; i < REASON_COUNT; i++)
		printf(" %s %llu", migration_reason_words[i], (unsigned long long)tally->reasons[i]);
	printf("\n");
}

int main(int argc, char **argv)
{
	uint64_t seeds = 2000, first = 1, failed = 0;
	bool trace = false, all_edges = false, first_failure = false;
	struct tally tally = { 0 };

	gsl_set_error_handler_off();
	for (int i = 1; i < argc; i++) {
		if (!strcmp(argv[i], "--seeds") && i + 1 < argc)
			seeds = strtoull(argv[++i], NULL, 10);
		else if (!strcmp(argv[i], "--first") && i + 1 < argc)
			first = strtoull(argv[++i], NULL, 10);
		else if (!strcmp(argv[i], "--trace"))
			trace = true;
		else if (!strcmp(argv[i], "--first-failure"))
			first_failure = true;
		else if (!strcmp(argv[i], "--edges"))
			all_edges = true;
	}
	for (uint64_t seed = first; seed < first + seeds && !(failed && first_failure); seed++)
		failed += !run_seed(seed, trace, &tally);
	if (all_edges)
		print_edges();
	print_tally(&tally);
	printf("%s - nothing unsafe in %llu executions, all end, every journal replays\n",
	       failed ? "not ok" : "ok", (unsigned long long)tally.plans);
	if (all_edges)
		printf("%s - every edge of the state machine was taken (%zu were not)\n",
		       edges_missed() ? "not ok" : "ok", edges_missed());
	printf("1..%d\n", all_edges ? 2 : 1);
	return failed || (all_edges && edges_missed()) ? 1 : 0;
}
