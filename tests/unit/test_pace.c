/* SPDX-License-Identifier: GPL-3.0-or-later */
/* In which order moves start, how many at a time, and how soon a goal can be reached at the best. */
#include "planner/bound.h"
#include "planner/pace.h"
#include "planner/planning.h"
#include "sim/predict.h"
#include "tests/support/draw.h"

#include <criterion/criterion.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HOST(name, memory, more) "{\"name\":\"" name "\",\"cpus\":64,\"memory_mib\":" #memory more "}"
#define VM(name, host, more) "{\"name\":\"" name "\",\"host\":\"" host "\",\"flavor\":\"f\"" more "}"
#define CLUSTER(more, hosts, vms)                                                                         \
	"{\"schema\":\"lockkeeper.cluster/1\",\"name\":\"t\"," more "\"hosts\":[" hosts "],\"vms\":[" vms \
	"],\"flavors\":[{\"name\":\"f\",\"vcpus\":1,\"memory_mib\":1000}]}"
#define UNLIMITED_PARALLEL "\"migration\":{\"parallel_per_host\":0},"

static struct cluster cluster;
static struct planning planning;
static struct network network;

static void begin(const char *text)
{
	cluster_from_text(&cluster, text);
	planning_create(&planning, &cluster, NULL, 0);
	network_create(&network, &cluster);
}

static void end(void)
{
	network_free(&network);
	planning_free(&planning);
	cluster_free(&cluster);
}

TestSuite(pace, .fini = end);
TestSuite(bound, .fini = end);

static uint32_t host(const char *name)
{
	return cluster_host(&cluster, name);
}

/* ------------------------------------------------------------------ a judge by simple rules */

/* Each VM: so many seconds of set-up, so many bytes; what runs depends on what is reserved. */
struct rule {
	double setup_s, bytes, again;
};

struct simple {
	struct rule rules[16];
	uint32_t runs;                            /* asked for */
	double (*judge)(const struct plan *plan); /* the makespan */
};

static void simple_alone(void *context, uint32_t of, uint8_t method, double link_bytes_s, uint32_t runs,
                         struct plan_alone *ret_alone)
{
	const struct simple *simple = context;
	const struct rule *rule = &simple->rules[of];

	(void)runs;
	cr_assert_eq(method, METHOD_LIVE);
	*ret_alone = (struct plan_alone){ .setup_s = rule->setup_s,
		                          .wire_bytes = rule->bytes,
		                          .wire_bytes_s = link_bytes_s,
		                          .bytes = rule->bytes,
		                          .again = rule->again,
		                          .least_bytes = rule->bytes };
	ret_alone->duration_s = ret_alone->least_s = rule->setup_s + rule->bytes / link_bytes_s;
}

static double simple_run(void *context, const struct plan *plan, uint32_t runs, double *ret_ends_s)
{
	struct simple *simple = context;
	double makespan_s = simple->judge(plan);

	simple->runs += runs;
	for (uint32_t i = 0; i < plan->move_count; i++)
		ret_ends_s[i] = makespan_s;
	return makespan_s;
}

static struct plan_move moves[8];
static uint32_t waits[8];

/* A plan of VMs v0, v1, … from a to b. */
static struct plan plan_of(uint32_t count)
{
	for (uint32_t i = 0; i < count; i++)
		moves[i] = (struct plan_move){
			.vm = i, .from = host("a"), .to = host("b"), .method = METHOD_LIVE, .after = &waits[i]
		};
	return (struct plan){ .moves = moves, .move_count = count };
}

#define FOUR_VMS VM("v0", "a", "") "," VM("v1", "a", "") "," VM("v2", "a", "") "," VM("v3", "a", "")
#define TWO_HOSTS HOST("a", 8000, "") "," HOST("b", 8000, "")

static uint32_t place_of(const struct plan *plan, uint32_t of)
{
	for (uint32_t i = 0; i < plan->move_count; i++) {
		if (plan->moves[i].vm == of)
			return i;
	}
	cr_assert_fail("the move of v%u is gone", of);
	return NONE;
}

static double reserve_of(const struct plan *plan, uint32_t of)
{
	return plan->moves[place_of(plan, of)].reserve_mbit_s;
}

/* Ends soonest when v2 has the link alone and the others go two at a time. */
static double likes_v2_alone(const struct plan *plan)
{
	double makespan_s = 10;

	for (uint32_t i = 0; i < plan->move_count; i++)
		makespan_s += fabs(plan->moves[i].reserve_mbit_s - (plan->moves[i].vm == 2 ? 10000 : 5000));
	return makespan_s;
}

Test(pace, a_guest_that_dirties_much_may_have_the_link_alone)
{
	struct simple simple = { { { 1, 1e9, 0 }, { 1, 1e9, 0.1 }, { 1, 1e9, 0.6 }, { 1, 1e9, 0 } },
		                 0,
		                 likes_v2_alone };
	struct judge judge = { &simple, simple_alone, simple_run };
	struct plan plan;

	begin(CLUSTER(UNLIMITED_PARALLEL, TWO_HOSTS, FOUR_VMS));
	plan = plan_of(4);
	pace(&plan, &network, &judge, 100000);
	cr_assert_eq(reserve_of(&plan, 2), 10000);
	cr_assert_eq(reserve_of(&plan, 0), 5000);
	cr_assert_eq(reserve_of(&plan, 1), 5000);
	cr_assert_eq(reserve_of(&plan, 3), 5000);
	plan_free(&plan);
}

/* Ends soonest when v0 is last. */
static double likes_v0_last(const struct plan *plan)
{
	return 10.0 - place_of(plan, 0);
}

Test(pace, the_order_that_ends_soonest_is_kept)
{
	/* By itself the longest goes first. */
	struct simple simple = { { { 1, 8e9, 0 }, { 1, 2e9, 0 }, { 1, 1e9, 0 }, { 1, 3e9, 0 } },
		                 0,
		                 likes_v0_last };
	struct judge judge = { &simple, simple_alone, simple_run };
	struct plan plan;

	begin(CLUSTER(UNLIMITED_PARALLEL, TWO_HOSTS, FOUR_VMS));
	plan = plan_of(4);
	pace(&plan, &network, &judge, 100000);
	cr_assert_eq(place_of(&plan, 0), 3);
	cr_assert_eq(place_of(&plan, 2), 0);
	plan_free(&plan);
}

Test(pace, no_move_goes_before_one_that_it_waits_for)
{
	struct simple simple = { { { 1, 1e9, 0 }, { 1, 9e9, 0 }, { 1, 2e9, 0 }, { 1, 3e9, 0 } },
		                 0,
		                 likes_v0_last };
	struct judge judge = { &simple, simple_alone, simple_run };
	struct plan plan;

	begin(CLUSTER(UNLIMITED_PARALLEL, TWO_HOSTS, FOUR_VMS));
	plan = plan_of(4);
	waits[1] = 0; /* v1 for v0 */
	waits[3] = 1; /* v3 for v1 */
	plan.moves[1].after_count = plan.moves[3].after_count = 1;
	pace(&plan, &network, &judge, 100000);
	cr_assert_lt(place_of(&plan, 0), place_of(&plan, 1));
	cr_assert_lt(place_of(&plan, 1), place_of(&plan, 3));
	cr_assert_eq(plan.moves[place_of(&plan, 1)].after_count, 1);
	cr_assert_eq(plan.moves[place_of(&plan, 1)].after[0], place_of(&plan, 0));
	cr_assert_eq(plan.moves[place_of(&plan, 3)].after[0], place_of(&plan, 1));
	plan_free(&plan);
}

Test(pace, a_stage_comes_after_the_one_before)
{
	struct simple simple = { { { 1, 1e9, 0 }, { 1, 2e9, 0 }, { 1, 9e9, 0 }, { 1, 3e9, 0 } },
		                 0,
		                 likes_v0_last };
	struct judge judge = { &simple, simple_alone, simple_run };
	struct plan plan;

	begin(CLUSTER(UNLIMITED_PARALLEL, TWO_HOSTS, FOUR_VMS));
	plan = plan_of(4);
	plan.moves[2].stage = plan.moves[3].stage = 1;
	pace(&plan, &network, &judge, 100000);
	for (uint32_t i = 0; i < 4; i++)
		cr_assert_eq(plan.moves[i].stage, i / 2);
	plan_free(&plan);
}

Test(pace, no_more_is_simulated_than_allowed_and_nothing_once_the_bound_is_reached)
{
	struct simple simple = { { { 1, 1e9, 0 }, { 1, 1e9, 0 }, { 1, 1e9, 0 }, { 1, 1e9, 0 } },
		                 0,
		                 likes_v2_alone };
	struct judge judge = { &simple, simple_alone, simple_run };
	struct plan plan;

	begin(CLUSTER(UNLIMITED_PARALLEL, TWO_HOSTS, FOUR_VMS));
	plan = plan_of(4);
	pace(&plan, &network, &judge, 30);
	cr_assert_gt(simple.runs, 0);
	cr_assert_leq(simple.runs * 4, 30);
	cr_assert_gt(reserve_of(&plan, 0), 0);
	plan_free(&plan);
	simple.runs = 0;
	plan = plan_of(4);
	plan.makespan_least_s = 1e9;
	pace(&plan, &network, &judge, 100000);
	cr_assert_leq(simple.runs, 3);
	plan_free(&plan);
	simple.runs = 0;
	plan = plan_of(4);
	pace(&plan, &network, &judge, 0);
	cr_assert_eq(simple.runs, 0);
	cr_assert_eq(reserve_of(&plan, 3), 5000);
	plan_free(&plan);
}

/* ------------------------------------------------------------------ lower bounds, by hand */

static double bound_of(const struct rule *rules, uint32_t count, const char *first, const char *second)
{
	struct simple simple = { .judge = NULL };
	struct judge judge = { &simple, simple_alone, simple_run };
	uint32_t hosts[2] = { host(first), second ? host(second) : NONE };
	struct goal goal;
	double bound_s;

	memcpy(simple.rules, rules, sizeof(*rules) * count);
	goal_create(&goal, &planning.state, hosts, second ? 2 : 1);
	bound_s = bound_makespan_s(&planning.reaches, &goal, &network, &judge, 1, UINT64_MAX);
	goal_free(&goal);
	return bound_s;
}

/* 1.25e9 bytes are a second of 10,000 Mbit/s. */
static const double SECOND = 1.25e9;

Test(bound, all_that_leaves_a_host_crosses_its_link_after_the_shortest_set_up)
{
	struct rule rules[] = { { 1, 2 * SECOND, 0 }, { 0.5, SECOND, 0 }, { 3, SECOND, 0 }, { 1, 0, 0 } };

	begin(CLUSTER(UNLIMITED_PARALLEL, TWO_HOSTS, FOUR_VMS));
	cr_assert_float_eq(bound_of(rules, 4, "a", NULL), 0.5 + 4, 1e-9);
}

Test(bound, the_longest_move_alone)
{
	struct rule rules[] = { { 1, 2 * SECOND, 0 }, { 9, SECOND, 0 }, { 1, 0, 0 }, { 1, 0, 0 } };

	begin(CLUSTER(UNLIMITED_PARALLEL, TWO_HOSTS, FOUR_VMS));
	cr_assert_float_eq(bound_of(rules, 4, "a", NULL), 10, 1e-9);
}

Test(bound, one_at_a_time_takes_the_sum)
{
	struct rule rules[] = { { 1, 2 * SECOND, 0 }, { 9, SECOND, 0 }, { 1, SECOND, 0 }, { 1, 0, 0 } };

	begin(CLUSTER("\"migration\":{\"parallel_per_host\":1},", TWO_HOSTS, FOUR_VMS));
	cr_assert_float_eq(bound_of(rules, 4, "a", NULL), 3 + 10 + 2 + 1, 1e-9);
	end();
	begin(CLUSTER("\"migration\":{\"parallel_per_host\":2},", TWO_HOSTS, FOUR_VMS));
	cr_assert_float_eq(bound_of(rules, 4, "a", NULL), 10, 1e-9);
}

Test(bound, the_hosts_that_stay_take_in_what_comes)
{
	struct rule rules[] = { { 1, SECOND, 0 }, { 1, SECOND, 0 }, { 1, SECOND, 0 }, { 1, SECOND, 0 } };

	begin(CLUSTER(UNLIMITED_PARALLEL,
	              HOST("a", 8000, "") "," HOST("b", 8000, ",\"nic_mbit_s\":2000") "," HOST("c", 8000, ""),
	              VM("v0", "a", "") "," VM("v1", "a", "") "," VM("v2", "c", "") "," VM("v3", "c", "")));
	/* Both into b, at a fifth of the speed: each alone takes 5 s, all of them 20. */
	cr_assert_float_eq(bound_of(rules, 4, "a", "c"), 1 + 20, 1e-9);
}

#define RACKS                                                                     \
	"\"switches\":[{\"name\":\"x\",\"uplink\":\"r\",\"uplink_mbit_s\":2000}," \
	"{\"name\":\"y\",\"uplink\":\"r\",\"uplink_mbit_s\":1000},{\"name\":\"r\"}],"

Test(bound, what_can_end_only_elsewhere_crosses_the_uplink)
{
	struct rule rules[] = { { 1, SECOND, 0 }, { 1, SECOND, 0 }, { 1, SECOND, 0 }, { 1, SECOND, 0 } };

	/* b is full; nobody else is in the rack of a. */
	begin(CLUSTER(UNLIMITED_PARALLEL RACKS,
	              HOST("a", 8000, ",\"switch\":\"x\"") "," HOST("b", 8000, ",\"switch\":\"y\"") "," HOST(
			      "c", 8000, ",\"switch\":\"y\""),
	              FOUR_VMS));
	cr_assert_float_eq(bound_of(rules, 4, "a", NULL), 1 + 40, 1e-9);
}

Test(bound, what_does_not_fit_into_a_rack_leaves_it)
{
	struct rule rules[] = { { 1, SECOND, 0 }, { 1, SECOND, 0 }, { 1, SECOND, 0 }, { 1, SECOND, 0 } };

	/* Two of the four find room in b; of one that leaves, 1000 MiB cross the uplink of 2000 Mbit/s. */
	begin(CLUSTER(UNLIMITED_PARALLEL RACKS,
	              HOST("a", 8000, ",\"switch\":\"x\"") "," HOST("b", 2000, ",\"switch\":\"x\"") "," HOST(
			      "c", 8000, ",\"switch\":\"y\""),
	              FOUR_VMS));
	cr_assert_float_eq(bound_of(rules, 4, "a", NULL), 1 + 2 * 1000 * 1048576 / 2.5e8, 1e-9);
}

Test(bound, nothing_to_do_takes_no_time)
{
	struct rule rules[4] = { { 1, SECOND, 0 } };

	begin(CLUSTER(UNLIMITED_PARALLEL, TWO_HOSTS, FOUR_VMS));
	cr_assert_eq(bound_of(rules, 4, "b", NULL), 0);
}
