/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "planner/placed.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

/* Three hosts of 4 GiB; a and b fill the first two. */
static const char three[] =
	"{\"schema\": \"lockkeeper.cluster/1\", \"name\": \"three\", \"profile\": \"nova\", \"hosts\": ["
	"{\"name\": \"h0\", \"cpus\": 8, \"memory_mib\": 4096},"
	"{\"name\": \"h1\", \"cpus\": 8, \"memory_mib\": 4096},"
	"{\"name\": \"h2\", \"cpus\": 8, \"memory_mib\": 4096}], \"flavors\": ["
	"{\"name\": \"f\", \"vcpus\": 1, \"memory_mib\": 3072}], \"groups\": ["
	"{\"name\": \"g\", \"policy\": \"affinity\", \"best_effort\": true}], \"vms\": ["
	"{\"name\": \"a\", \"host\": \"h0\", \"flavor\": \"f\"},"
	"{\"name\": \"b\", \"host\": \"h1\", \"flavor\": \"f\"},"
	"{\"name\": \"off\", \"host\": \"h2\", \"flavor\": \"f\", \"state\": \"stopped\"},"
	"{\"name\": \"lost\", \"host\": null, \"flavor\": \"f\"}]}";

static struct cluster cluster;
static struct state state;
static struct amounts amounts;
static struct plan plan;
static struct placed_refusal refusal;

static void set_up(void)
{
	struct json_doc *doc;
	struct error error;
	char *copy = malloc(sizeof(three));

	memcpy(copy, three, sizeof(three));
	cr_assert_eq(json_doc_parse(&doc, "three", copy, sizeof(three) - 1, &error), 0, "%s", error.text);
	cr_assert_eq(cluster_read(&cluster, doc, PROFILE_COUNT, &error), 0, "%s", error.text);
	json_doc_free(doc);
	state_create(&state, &cluster);
	amounts_create(&amounts, &cluster);
}

static void tear_down(void)
{
	plan_free(&plan);
	amounts_free(&amounts);
	state_free(&state);
	cluster_free(&cluster);
}

TestSuite(placed, .init = set_up, .fini = tear_down);

static bool place(const struct plan_place *places, uint32_t count)
{
	return placed_plan(&state, &amounts, places, count, &plan, &refusal);
}

Test(placed, one_move_for_each_in_the_order_in_which_they_can_go)
{
	/* The stopped one takes h2's room: nothing can go there. */
	struct plan_place places[] = { { 0, 1 }, { 1, 2 } };

	cr_assert_not(place(places, 2));
	cr_assert_eq(refusal.vm, 0);
	cr_assert_str_eq(refusal.reasons[0].rule, "ram");
	state_remove(&state, 2);
	cr_assert(place(places, 2));
	cr_assert_eq(plan.move_count, 2);
	cr_assert_eq(plan.moves[0].vm, 1);
	cr_assert_eq(plan.moves[1].vm, 0);
	cr_assert_eq(plan.moves[1].after_count, 1, "a waits for b to be gone");
	cr_assert_eq(plan.moves[1].why, PLAN_EVACUATE);
	cr_assert_eq(state.vm_host[0], 0, "the state is the same afterwards");
}

Test(placed, says_why_not)
{
	struct plan_place there = { 0, 0 }, off = { 2, 0 }, lost = { 3, 2 };

	cr_assert_not(place(&there, 1));
	cr_assert_str_eq(refusal.reasons[0].rule, "source");
	cr_assert_not(place(&off, 1));
	cr_assert(refusal.count == 1 && refusal.reasons[0].why[0]);
	cr_assert_not(place(&lost, 1));
	cr_assert_str_eq(refusal.reasons[0].rule, "state");
}
