/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One plan's execution: what may start, what a failed move means for others, when it ends. */
#include "core/executor.h"
#include "tests/support/draw.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#define SECOND_NS INT64_C(1000000000)

/* Hosts a, b, c; v0 and v1 on a, v2 on b. Room for all anywhere. */
static const char CLUSTER[] =
	"{\"schema\": \"lockkeeper.cluster/1\", \"name\": \"t\", \"profile\": \"nova\","
	"\"migration\": {\"parallel_per_host\": 2, \"downtime_steps\": 0}, \"hosts\": ["
	"{\"name\": \"a\", \"cpus\": 8, \"memory_mib\": 8192},"
	"{\"name\": \"b\", \"cpus\": 8, \"memory_mib\": 8192},"
	"{\"name\": \"c\", \"cpus\": 8, \"memory_mib\": 8192}],"
	"\"flavors\": [{\"name\": \"f\", \"vcpus\": 1, \"memory_mib\": 1024}], \"vms\": ["
	"{\"name\": \"v0\", \"host\": \"a\", \"flavor\": \"f\"},"
	"{\"name\": \"v1\", \"host\": \"a\", \"flavor\": \"f\"},"
	"{\"name\": \"v2\", \"host\": \"b\", \"flavor\": \"f\"}]}";

/* 0: v2 b > c; 1: v0 a > b, after 0; 2: v1 a > c. */
struct scene {
	struct cluster cluster;
	struct plan plan;
	struct plan_move moves[3];
	uint32_t after[1], goal[1];
	struct executor executor;
	struct executor_commands commands;
	int64_t now_ns;
};

static struct scene scene;

static void create(uint32_t tries)
{
	struct executor_options options = executor_options_default();

	options.tries = tries;
	scene = (struct scene){ .now_ns = SECOND_NS };
	cluster_from_text(&scene.cluster, CLUSTER);
	scene.moves[0] = (struct plan_move){ .vm = 2, .from = 1, .to = 2 };
	scene.moves[1] =
		(struct plan_move){ .vm = 0, .from = 0, .to = 1, .after = scene.after, .after_count = 1 };
	scene.moves[2] = (struct plan_move){ .vm = 1, .from = 0, .to = 2 };
	scene.plan.profile = PROFILE_NOVA;
	scene.plan.moves = scene.moves;
	scene.plan.move_count = 3;
	scene.plan.goal = scene.goal;
	scene.plan.goal_count = 1;
	executor_create(&scene.executor, &scene.cluster, &scene.plan, &options);
}

static void destroy(void)
{
	executor_free(&scene.executor);
	executor_commands_free(&scene.commands);
	cluster_free(&scene.cluster);
}

static void tell(struct event event)
{
	event.at_ns = scene.now_ns;
	if (event.kind != EVENT_STOCK)
		event.token = event.move == NONE ? 0 : scene.executor.migrations[event.move].token;
	event.attempt = event.move == NONE ? 0 : scene.executor.migrations[event.move].attempt;
	executor_step(&scene.executor, &event, &scene.commands);
}

static bool ordered(enum command_kind kind, uint32_t move)
{
	for (uint32_t i = 0; i < scene.commands.count; i++) {
		if (scene.commands.at[i].kind == kind && scene.commands.at[i].move == move)
			return true;
	}
	return false;
}

static void stock(enum taking verdict, const struct stock_change *changes, uint32_t count)
{
	tell((struct event){ .kind = EVENT_STOCK,
	                     .move = NONE,
	                     .token = scene.executor.token,
	                     .verdict = (uint8_t)verdict,
	                     .changes = changes,
	                     .change_count = count,
	                     .why = verdict == TAKING_PROVEN ? NULL : "because" });
}

static void begin(void)
{
	tell((struct event){ .kind = EVENT_BEGIN, .move = NONE });
	cr_assert(ordered(COMMAND_STOCK, NONE));
}

/* A move from its check to its end. */
static void finish(uint32_t move, bool arrives)
{
	tell((struct event){ .kind = EVENT_CHECKED, .move = move, .ok = true, .running = true });
	tell((struct event){ .kind = EVENT_RETURNED, .move = move, .call = COMMAND_START, .ok = arrives });
	tell((struct event){ .kind = EVENT_SEEN,
	                     .move = move,
	                     .seen = { .source = arrives ? SIDE_ABSENT : SIDE_RUNNING,
	                               .target = arrives ? SIDE_RUNNING : SIDE_ABSENT } });
}

Test(executor, starts_what_may_and_looks_at_the_hosts_before_each_wave, .fini = destroy)
{
	create(1);
	begin();
	cr_assert_not(ordered(COMMAND_CHECK, 0), "nothing starts before the hosts were looked at");
	stock(TAKING_PROVEN, NULL, 0);
	cr_assert(ordered(COMMAND_CHECK, 0) && ordered(COMMAND_CHECK, 2));
	cr_assert_not(ordered(COMMAND_CHECK, 1), "it has to wait");
	finish(0, true);
	cr_assert(ordered(COMMAND_STOCK, NONE), "a move has ended: another look");
	cr_assert_not(ordered(COMMAND_CHECK, 1));
	stock(TAKING_PROVEN, NULL, 0);
	cr_assert(ordered(COMMAND_CHECK, 1));
	finish(1, true);
	cr_assert_eq(executor_end(&scene.executor), EXECUTOR_GOING);
	finish(2, true);
	cr_assert_eq(executor_end(&scene.executor), EXECUTOR_DONE);
	cr_assert_eq(scene.executor.state.vm_host[0], 1);
}

Test(executor, a_failed_move_stops_those_that_wait_for_it_and_nobody_else, .fini = destroy)
{
	create(1);
	begin();
	stock(TAKING_PROVEN, NULL, 0);
	finish(0, false);
	cr_assert_eq(scene.executor.standings[0], STANDING_FAILED);
	cr_assert_eq(scene.executor.standings[1], STANDING_FAILED);
	cr_assert_eq(scene.executor.standings[2], STANDING_GOING);
	finish(2, true);
	cr_assert_eq(executor_end(&scene.executor), EXECUTOR_STOPPED);
	cr_assert(strstr(scene.executor.why, "v2"), "%s", scene.executor.why);
	/* Taken up again, the failed ones are tried once more. */
	tell((struct event){ .kind = EVENT_RESUMED, .move = NONE });
	stock(TAKING_PROVEN, NULL, 0);
	cr_assert(ordered(COMMAND_CHECK, 0));
	finish(0, true);
	stock(TAKING_PROVEN, NULL, 0);
	finish(1, true);
	cr_assert_eq(executor_end(&scene.executor), EXECUTOR_DONE);
}

Test(executor, tries_again_after_a_while, .fini = destroy)
{
	create(2);
	begin();
	stock(TAKING_PROVEN, NULL, 0);
	finish(0, false);
	cr_assert_eq(scene.executor.standings[0], STANDING_WAITING);
	cr_assert_not(ordered(COMMAND_CHECK, 0));
	scene.now_ns = executor_due_ns(&scene.executor);
	tell((struct event){ .kind = EVENT_TIMER, .move = NONE });
	stock(TAKING_PROVEN, NULL, 0);
	cr_assert(ordered(COMMAND_CHECK, 0));
	cr_assert_eq(scene.executor.migrations[0].attempt, 2);
	finish(0, false);
	cr_assert_eq(scene.executor.standings[0], STANDING_FAILED);
}

Test(executor, a_plan_that_is_stale_from_the_start_moves_nothing, .fini = destroy)
{
	create(1);
	begin();
	stock(TAKING_STALE, NULL, 0);
	cr_assert_eq(executor_end(&scene.executor), EXECUTOR_STALE);
	cr_assert_str_eq(scene.executor.why, "because");
}

Test(executor, a_plan_that_gets_stale_stops, .fini = destroy)
{
	create(1);
	begin();
	stock(TAKING_PROVEN, NULL, 0);
	finish(0, true);
	stock(TAKING_STALE, NULL, 0);
	cr_assert_eq(executor_end(&scene.executor), EXECUTOR_GOING, "what is under way goes to its end");
	finish(2, true);
	cr_assert_eq(executor_end(&scene.executor), EXECUTOR_STOPPED);
	cr_assert_eq(scene.executor.standings[1], STANDING_WAITING);
}

Test(executor, what_others_have_moved_is_needless, .fini = destroy)
{
	static const struct stock_change there = { .vm = 1, .host = 2, .state = VM_ACTIVE };
	static const struct stock_change elsewhere = { .vm = 1, .host = 1, .state = VM_ACTIVE };

	create(1);
	begin();
	stock(TAKING_PROVEN, &there, 1);
	cr_assert_eq(scene.executor.standings[2], STANDING_SKIPPED, "it is where the plan wants it");
	destroy();
	create(1);
	begin();
	stock(TAKING_PROVEN, &elsewhere, 1);
	cr_assert_eq(scene.executor.standings[2], STANDING_SKIPPED,
	             "it is off the host that is to be emptied");
}

Test(executor, what_others_do_against_the_rules_is_seen_by_the_second_opinion, .fini = destroy)
{
	create(1);
	begin();
	/* c is locked by somebody: the stock says proven, the rules do not. */
	state_set_host(&scene.executor.state, 2,
	               (struct host_status){ .administrative = ADMIN_LOCKED,
	                                     .operational = OPER_DISABLED,
	                                     .availability = AVAIL_ONLINE });
	stock(TAKING_PROVEN, NULL, 0);
	cr_assert_eq(executor_end(&scene.executor), EXECUTOR_STALE);
}

Test(executor, a_vm_that_a_person_must_look_at_lets_nothing_new_start, .fini = destroy)
{
	create(1);
	begin();
	stock(TAKING_PROVEN, NULL, 0);
	tell((struct event){ .kind = EVENT_CHECKED, .move = 0, .ok = true, .running = true });
	tell((struct event){ .kind = EVENT_RETURNED, .move = 0, .call = COMMAND_START });
	for (int i = 0; i < 2; i++) {
		tell((struct event){ .kind = EVENT_SEEN,
		                     .move = 0,
		                     .seen = { .source = SIDE_RUNNING, .target = SIDE_RUNNING } });
		scene.now_ns += SECOND_NS;
		tell((struct event){ .kind = EVENT_TIMER, .move = NONE });
	}
	cr_assert_eq(scene.executor.standings[0], STANDING_UNCLEAR);
	finish(2, true);
	cr_assert_not(ordered(COMMAND_STOCK, NONE));
	cr_assert_eq(executor_end(&scene.executor), EXECUTOR_UNCLEAR);
	cr_assert(strstr(scene.executor.why, "running at b, running at c"), "%s", scene.executor.why);
}

Test(executor, an_operator_stops_it, .fini = destroy)
{
	create(3);
	begin();
	stock(TAKING_PROVEN, NULL, 0);
	tell((struct event){ .kind = EVENT_CHECKED, .move = 0, .ok = true, .running = true });
	tell((struct event){ .kind = EVENT_ABORT, .move = NONE });
	cr_assert(ordered(COMMAND_CANCEL, 0));
	cr_assert_eq(scene.executor.standings[2], STANDING_FAILED, "it was only being checked");
	tell((struct event){ .kind = EVENT_RETURNED, .move = 0, .call = COMMAND_START });
	tell((struct event){
		.kind = EVENT_SEEN, .move = 0, .seen = { .source = SIDE_RUNNING, .target = SIDE_ABSENT } });
	cr_assert_eq(executor_end(&scene.executor), EXECUTOR_STOPPED);
	cr_assert_str_eq(scene.executor.why, "an operator stopped it");
}

Test(executor, who_stops_it_when_all_is_done_comes_too_late, .fini = destroy)
{
	create(1);
	begin();
	stock(TAKING_PROVEN, NULL, 0);
	finish(0, true);
	stock(TAKING_PROVEN, NULL, 0);
	finish(1, true);
	tell((struct event){ .kind = EVENT_CHECKED, .move = 2, .ok = true, .running = true });
	tell((struct event){ .kind = EVENT_ABORT, .move = NONE });
	tell((struct event){ .kind = EVENT_RETURNED, .move = 2, .call = COMMAND_START, .ok = true });
	tell((struct event){
		.kind = EVENT_SEEN, .move = 2, .seen = { .source = SIDE_ABSENT, .target = SIDE_RUNNING } });
	cr_assert_eq(executor_end(&scene.executor), EXECUTOR_DONE);
}

Test(executor, a_silent_host_is_waited_for, .fini = destroy)
{
	create(1);
	begin();
	for (int i = 0; i < 200 && executor_end(&scene.executor) == EXECUTOR_GOING; i++) {
		if (scene.executor.stocking)
			stock(TAKING_UNKNOWN, NULL, 0);
		scene.now_ns = executor_due_ns(&scene.executor) < TIME_FOREVER
		                       ? executor_due_ns(&scene.executor)
		                       : scene.now_ns;
		tell((struct event){ .kind = EVENT_TIMER, .move = NONE });
	}
	cr_assert_eq(executor_end(&scene.executor), EXECUTOR_STOPPED);
	cr_assert_geq(scene.now_ns, 90 * SECOND_NS);
}

Test(executor, limits_of_a_host_hold, .fini = destroy)
{
	create(1);
	scene.moves[1].after_count = 0;
	destroy();
	create(1);
	scene.executor.options.parallel_most = 1;
	begin();
	stock(TAKING_PROVEN, NULL, 0);
	cr_assert(ordered(COMMAND_CHECK, 0) && ordered(COMMAND_CHECK, 2), "they leave different hosts");
	finish(0, true);
	stock(TAKING_PROVEN, NULL, 0);
	cr_assert_not(ordered(COMMAND_CHECK, 1), "one leaves a at a time");
}

Test(executor, a_rolling_plan_stops_between_its_stages, .fini = destroy)
{
	create(1);
	scene.moves[0].stage = 1;
	scene.moves[1].stage = scene.moves[2].stage = 2;
	begin();
	stock(TAKING_PROVEN, NULL, 0);
	cr_assert_not(ordered(COMMAND_CHECK, 2), "a later stage's");
	finish(0, true);
	cr_assert_eq(executor_end(&scene.executor), EXECUTOR_STOPPED);
	tell((struct event){ .kind = EVENT_RESUMED, .move = NONE });
	stock(TAKING_PROVEN, NULL, 0);
	cr_assert(ordered(COMMAND_CHECK, 1) && ordered(COMMAND_CHECK, 2));
}
