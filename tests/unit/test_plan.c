/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What waits for what in a plan, and how it is predicted to go. */
#include "planner/arrange.h"
#include "sim/predict.h"
#include "tests/support/draw.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HOST(name, memory) "{\"name\":\"" name "\",\"cpus\":16,\"memory_mib\":" #memory "}"
#define VM(name, host, flavor, more) \
	"{\"name\":\"" name "\",\"host\":\"" host "\",\"flavor\":\"" flavor "\"" more "}"
#define CLUSTER(hosts, vms)                                                                            \
	"{\"schema\":\"lockkeeper.cluster/1\",\"name\":\"t\",\"hosts\":[" hosts "],\"vms\":[" vms "]," \
	"\"flavors\":[{\"name\":\"s\",\"vcpus\":1,\"memory_mib\":1024},"                               \
	"{\"name\":\"l\",\"vcpus\":1,\"memory_mib\":2048},"                                            \
	"{\"name\":\"n\",\"vcpus\":1,\"memory_mib\":1024,\"extra_specs\":{\"hw:numa_nodes\":\"1\"}}]," \
	"\"groups\":[{\"name\":\"apart\",\"policy\":\"anti-affinity\"},"                               \
	"{\"name\":\"near\",\"policy\":\"affinity\"}]}"

static struct cluster cluster;
static struct state state;
static struct amounts amounts;
static struct plan plan;

static void begin(const char *text)
{
	cluster_from_text(&cluster, text);
	state_create(&state, &cluster);
	amounts_create(&amounts, &cluster);
}

static void end(void)
{
	plan_free(&plan);
	amounts_free(&amounts);
	state_free(&state);
	cluster_free(&cluster);
}

TestSuite(plan, .fini = end);

static struct order order(const char *vm, const char *from, const char *to)
{
	return (struct order){ cluster_vm(&cluster, vm), cluster_host(&cluster, from),
		               cluster_host(&cluster, to), METHOD_LIVE };
}

/* Arranges the moves; the goal is the first host. */
static void arranged(const struct order *orders, uint32_t count)
{
	bool goal[8] = { true };

	arrange(&state, &amounts, orders, count, goal, &plan);
	cr_assert_eq(plan.move_count, count);
}

/* What a move waits for, as text: "0 2". */
static const char *waits(uint32_t move)
{
	static char text[64];

	text[0] = '\0';
	for (uint32_t i = 0; i < plan.moves[move].after_count; i++)
		snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s%u", i ? " " : "",
		         plan.moves[move].after[i]);
	return text;
}

Test(plan, moves_that_need_no_room_wait_for_nothing)
{
	begin(CLUSTER(HOST("a", 8192) "," HOST("b", 8192), VM("v", "a", "s", "") "," VM("w", "a", "s", "")));
	arranged((struct order[]){ order("v", "a", "b"), order("w", "a", "b") }, 2);
	cr_assert_str_eq(waits(0), "");
	cr_assert_str_eq(waits(1), "");
	cr_assert_eq(plan.moves[0].why, PLAN_EVACUATE);
}

Test(plan, a_move_waits_for_the_room_that_it_needs_and_no_more)
{
	begin(CLUSTER(HOST("a", 8192) "," HOST("b", 4096) "," HOST("c", 8192),
	              VM("v", "a", "l", "") "," VM("x", "b", "s", "") "," VM("y", "b", "l",
	                                                                     "") "," VM("w", "a", "s", "")));
	/* b has 1 GiB left. Once y has left there is room for x, v and w; before, for x, y and w. */
	arranged((struct order[]){ order("x", "b", "c"), order("y", "b", "c"), order("v", "a", "b"),
	                           order("w", "a", "b") },
	         4);
	cr_assert_str_eq(waits(0), "");
	cr_assert_str_eq(waits(1), "");
	cr_assert_eq(plan.moves[0].why, PLAN_MAKE_ROOM);
	cr_assert_str_eq(waits(2), "1");
	cr_assert_str_eq(waits(3), "");
}

Test(plan, members_of_a_group_wait_for_each_other)
{
	begin(CLUSTER(
		HOST("a", 8192) "," HOST("b", 8192) "," HOST("c", 8192),
		VM("v", "a", "s", ",\"group\":\"apart\"") "," VM("w", "b", "s", ",\"group\":\"apart\"")));
	arranged((struct order[]){ order("w", "b", "c"), order("v", "a", "b") }, 2);
	cr_assert_str_eq(waits(1), "0");
}

Test(plan, affine_members_meet_somebody_for_certain)
{
	begin(CLUSTER(
		HOST("a", 8192) "," HOST("b", 8192) "," HOST("c", 8192),
		VM("v", "a", "s", ",\"group\":\"near\"") "," VM("w", "b", "s", ",\"group\":\"near\"") "," VM(
			"x", "c", "s", ",\"group\":\"near\"")));
	/* v joins w, who goes on to x: not before v has come. */
	arranged((struct order[]){ order("v", "a", "b"), order("w", "b", "c") }, 2);
	cr_assert_str_eq(waits(0), "");
	cr_assert_str_eq(waits(1), "0");
}

Test(plan, one_vm_moves_in_order_and_says_why)
{
	begin(CLUSTER(HOST("a", 8192) "," HOST("b", 8192) "," HOST("c", 8192),
	              VM("v", "a", "s", "") "," VM("w", "b", "s", "")));
	arranged((struct order[]){ order("v", "a", "b"), order("v", "b", "c"), order("w", "b", "c"),
	                           order("w", "c", "b") },
	         4);
	cr_assert_str_eq(waits(1), "0");
	cr_assert_str_eq(waits(3), "2");
	cr_assert_eq(plan.moves[0].why, PLAN_BYPASS);
	cr_assert_eq(plan.moves[1].why, PLAN_EVACUATE);
	cr_assert_eq(plan.moves[2].why, PLAN_BYPASS);
	cr_assert_eq(plan.moves[3].why, PLAN_RETURN);
}

Test(plan, numa_bound_vms_line_up)
{
	begin(CLUSTER(HOST("a", 8192) "," HOST("b", 8192),
	              VM("v", "a", "n", "") "," VM("w", "a", "n", "") "," VM("x", "a", "s", "")));
	arranged((struct order[]){ order("v", "a", "b"), order("x", "a", "b"), order("w", "a", "b") }, 3);
	cr_assert_str_eq(waits(1), "");
	cr_assert_str_eq(waits(2), "0");
}

/* ------------------------------------------------------------------ predictions */

static struct prediction predicted(uint32_t parallel_most, struct plan_predicted *moves)
{
	struct predictor predictor;
	struct prediction prediction;

	predictor_create(&predictor);
	predict_plan(&predictor, &state, &plan, parallel_most, 5, 1, 3600, &prediction, moves);
	predictor_free(&predictor);
	cr_assert(prediction.completed);
	return prediction;
}

Test(plan, moves_begin_when_those_before_have_ended)
{
	struct plan_predicted moves[3];
	struct prediction prediction;

	begin(CLUSTER(HOST("a", 8192) "," HOST("b", 2048) "," HOST("c", 8192),
	              VM("v", "a", "l", "") "," VM("w", "b", "s", "") "," VM("x", "a", "s", "")));
	arranged((struct order[]){ order("w", "b", "c"), order("v", "a", "b"), order("x", "a", "c") }, 3);
	prediction = predicted(0, moves);
	cr_assert_eq(moves[0].start_s, 0);
	cr_assert_eq(moves[2].start_s, 0);
	cr_assert_float_eq(moves[1].start_s, fmax(moves[0].duration_s[1], moves[2].duration_s[1]), 0.2);
	cr_assert_eq(moves[1].completes, 1);
	cr_assert_float_eq(prediction.duration_s[1], moves[1].start_s + moves[1].duration_s[1], 0.3);
	cr_assert_gt(moves[1].bytes, 2e9);
	/* The state is as before. */
	cr_assert_eq(state.vm_host[cluster_vm(&cluster, "v")], cluster_host(&cluster, "a"));
}

Test(plan, a_host_sends_as_many_at_a_time_as_it_may)
{
	struct prediction one, all;
	struct plan_predicted moves[2];

	begin(CLUSTER(HOST("a", 8192) "," HOST("b", 8192) "," HOST("c", 8192),
	              VM("v", "a", "s", ",\"migration\":{\"parallel_per_host\":0}") "," VM(
			      "w", "a", "s", ",\"migration\":{\"parallel_per_host\":0}")));
	arranged((struct order[]){ order("v", "a", "b"), order("w", "a", "c") }, 2);
	all = predicted(0, moves);
	cr_assert_eq(moves[1].start_s, 0);
	one = predicted(1, moves);
	cr_assert_float_eq(moves[1].start_s, moves[0].duration_s[1], 0.2);
	cr_assert_lt(all.duration_s[1], one.duration_s[1]);
}

/* ------------------------------------------------------------------ reservations */

#define FREELY ",\"migration\":{\"parallel_per_host\":0}"

static void reserve(const double *mbit_s)
{
	for (uint32_t i = 0; i < plan.move_count; i++)
		plan.moves[i].reserve_mbit_s = mbit_s[i];
}

Test(plan, moves_start_when_the_links_have_left_what_they_reserve)
{
	struct plan_predicted moves[3];

	begin(CLUSTER(HOST("a", 8192) "," HOST("b", 8192) "," HOST("c", 8192),
	              VM("v", "a", "s", FREELY) "," VM("w", "a", "s", FREELY) "," VM("x", "a", "s", FREELY)));
	arranged((struct order[]){ order("v", "a", "b"), order("w", "a", "c"), order("x", "a", "b") }, 3);
	reserve((double[]){ 5000, 5000, 5000 });
	predicted(0, moves);
	cr_assert_eq(moves[0].start_s, 0);
	cr_assert_eq(moves[1].start_s, 0);
	cr_assert_geq(moves[2].start_s, fmin(moves[0].duration_s[0], moves[1].duration_s[0]));
}

Test(plan, one_that_reserves_more_than_there_is_gets_a_link_alone)
{
	struct plan_predicted moves[2];

	begin(CLUSTER(HOST("a", 8192) "," HOST("b", 8192) "," HOST("c", 8192),
	              VM("v", "a", "s", FREELY) "," VM("w", "a", "s", FREELY)));
	arranged((struct order[]){ order("v", "a", "b"), order("w", "a", "c") }, 2);
	reserve((double[]){ 1e6, 1 });
	predicted(0, moves);
	cr_assert_float_eq(moves[1].start_s, moves[0].duration_s[1], 0.2);
}

Test(plan, a_link_into_a_host_is_reserved_like_one_out_of_it)
{
	struct plan_predicted moves[3];

	begin(CLUSTER(HOST("a", 8192) "," HOST("b", 8192) "," HOST("c", 8192) "," HOST("d", 8192),
	              VM("v", "a", "s", FREELY) "," VM("w", "b", "s", FREELY) "," VM("x", "b", "s", FREELY)));
	arranged((struct order[]){ order("v", "a", "c"), order("w", "b", "c"), order("x", "b", "d") }, 3);
	reserve((double[]){ 10000, 10000, 10000 });
	predicted(0, moves);
	cr_assert_eq(moves[0].start_s, 0);
	/* The third goes before the second, for which c has nothing left. */
	cr_assert_eq(moves[2].start_s, 0);
	cr_assert_geq(moves[1].start_s, fmax(moves[0].duration_s[0], moves[2].duration_s[0]));
}

Test(plan, the_first_of_the_plan_goes_first_wherever_it_comes_from)
{
	struct plan_predicted moves[3];

	begin(CLUSTER(HOST("a", 8192) "," HOST("b", 8192) "," HOST("c", 8192) "," HOST("d", 8192),
	              VM("v", "a", "s", FREELY) "," VM("w", "d", "s", FREELY) "," VM("x", "b", "s", FREELY)));
	arranged((struct order[]){ order("v", "a", "c"), order("w", "d", "c"), order("x", "b", "c") }, 3);
	reserve((double[]){ 10000, 10000, 10000 });
	predicted(0, moves);
	cr_assert_lt(moves[1].start_s, moves[2].start_s);
}

Test(plan, a_move_alone_is_as_long_as_a_plan_of_it)
{
	struct plan_predicted moves[1];
	struct predictor predictor;
	struct plan_alone alone;

	begin(CLUSTER(HOST("a", 8192) "," HOST("b", 8192),
	              VM("v", "a", "s", ",\"migration\":{\"downtime_steps\":0}")));
	arranged((struct order[]){ order("v", "a", "b") }, 1);
	predicted(0, moves);
	predictor_create(&predictor);
	predict_alone(&predictor, &state, cluster_vm(&cluster, "v"), METHOD_LIVE, 1.25e9, 5, 1, &alone);
	predictor_free(&predictor);
	cr_assert_float_eq(alone.duration_s, moves[0].duration_s[1], 1e-3);
	cr_assert_float_eq(alone.bytes, moves[0].bytes, 1e-3 * alone.bytes);
	cr_assert_eq(alone.least_s, alone.duration_s);
	cr_assert_gt(alone.wire_bytes, alone.bytes);
	cr_assert_leq(alone.wire_bytes_s, 1.25e9);
	cr_assert(alone.again >= 0 && alone.again < 0.2);
}

Test(plan, a_guest_that_never_converges_alone_sends_its_memory_once_at_the_least)
{
	struct predictor predictor;
	struct plan_alone alone;

	begin(CLUSTER(HOST("a", 8192) "," HOST("b", 8192),
	              VM("v", "a", "l",
	                 ",\"migration\":{\"auto_converge\":false,\"timeout_s\":100},\"dirty\":"
	                 "{\"model\":\"uniform\",\"working_set_mib\":2000,\"rate_pages_s\":2000000}")));
	predictor_create(&predictor);
	predict_alone(&predictor, &state, cluster_vm(&cluster, "v"), METHOD_LIVE, 1.25e8, 1, 1, &alone);
	predictor_free(&predictor);
	cr_assert_eq(alone.duration_s, INFINITY);
	cr_assert_float_eq(alone.least_s, alone.setup_s + 2048.0 * 1048576 / (alone.wire_bytes_s * 0.956), 1);
	cr_assert_gt(alone.again, 0.5);
}

Test(plan, a_cold_move_stops_the_guest_and_starts_it)
{
	struct predictor predictor;
	struct plan_alone alone;

	begin(CLUSTER(HOST("a", 8192) "," HOST("b", 8192), VM("v", "a", "s", "")));
	predictor_create(&predictor);
	predict_alone(&predictor, &state, cluster_vm(&cluster, "v"), METHOD_COLD, 1.25e9, 1, 1, &alone);
	predictor_free(&predictor);
	cr_assert_eq(alone.duration_s, 10);
	cr_assert_eq(alone.wire_bytes, 0);
}
