/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The chooser of a drain against the scheduler that looks at everything anew, on random clusters and moves.
 */
#include "planner/chooser.h"
#include "tests/support/draw.h"

#include <criterion/criterion.h>

#include <stdlib.h>

enum { CLUSTERS = 1500, MOVES = 12 };

struct pair_of {
	struct cluster cluster;
	struct state state;
	struct shapes shapes;
	struct chooser chooser;
};

static void pair_create(struct pair_of *pair, const char *text)
{
	cluster_from_text(&pair->cluster, text);
	state_create(&pair->state, &pair->cluster);
	shapes_create(&pair->shapes, &pair->state);
	for (uint32_t shape = 0; shape < pair->shapes.count; shape++) {
		pair->shapes.shapes[shape].wanted = true;
		shapes_fill(&pair->shapes, shape);
	}
	chooser_create(&pair->chooser, &pair->shapes);
}

static void pair_free(struct pair_of *pair)
{
	chooser_free(&pair->chooser);
	shapes_free(&pair->shapes);
	state_free(&pair->state);
	cluster_free(&pair->cluster);
}

/* The hosts that any rule of the scheduler would let the VM go to, best-effort groups forgotten. */
static uint32_t candidates_of(const struct state *state, uint32_t vm, uint32_t *ret_hosts)
{
	struct request request = request_for(state, MOVE_LIVE, vm);
	uint32_t count = 0;

	request.group_forgotten = true;
	for (uint32_t host = 0; host < state->cluster->host_count; host++) {
		if (rules_allow(&request, host))
			ret_hosts[count++] = host;
	}
	return count;
}

static void compare_candidates(struct pair_of *pair, uint32_t vm, uint64_t seed, const char *text)
{
	uint32_t expected[128], actual[128];
	uint32_t count = candidates_of(&pair->chooser.state, vm, expected);

	cr_assert_eq(chooser_candidates(&pair->chooser, vm, false, actual, 128), count,
	             "seed %llu: candidates of v%u\n%s", (unsigned long long)seed, vm, text);
	for (uint32_t i = 0; i < count; i++)
		cr_assert_eq(actual[i], expected[i], "seed %llu: candidates of v%u\n%s",
		             (unsigned long long)seed, vm, text);
	if (count > 1)
		cr_assert_eq(chooser_candidates(&pair->chooser, vm, false, actual, 1), 1);
}

/* All VMs that are still on the host that is drained. */
static void compare_all(struct pair_of *pair, uint32_t host, uint64_t seed, const char *text)
{
	for (uint32_t vm = 0; vm < pair->cluster.vm_count; vm++) {
		struct request request = request_for(&pair->chooser.state, MOVE_LIVE, vm);
		uint32_t expected, actual;

		if (pair->chooser.state.vm_host[vm] != host)
			continue;
		expected = schedule_best(&request, NULL, 0);
		actual = chooser_choose(&pair->chooser, vm);
		cr_assert_eq(actual, expected, "seed %llu: v%u goes to host %d, expected %d\n%s",
		             (unsigned long long)seed, vm, (int)actual, (int)expected, text);
		compare_candidates(pair, vm, seed, text);
	}
}

static void check_cluster(uint64_t seed, uint64_t *moved)
{
	static const struct draw_size sizes[] = {
		{ .hosts_most = 12, .first_host_vms_most = 8, .other_host_vms_most = 4, .moves = true },
		{ .hosts_most = 70, .first_host_vms_most = 12, .other_host_vms_most = 2, .moves = true },
	};
	struct draw draw = { seed };
	char *text = draw_cluster_text(seed, &sizes[seed % 8 == 0]);
	struct pair_of pair;

	pair_create(&pair, text);
	for (uint32_t host = 0; host < pair.cluster.host_count; host += 1 + draw_below(&draw, 4)) {
		uint32_t mark = state_mark(&pair.chooser.state);

		chooser_begin(&pair.chooser);
		compare_all(&pair, host, seed, text);
		for (int i = 0; i < MOVES; i++) {
			uint32_t vm = draw_below(&draw, pair.cluster.vm_count), target;

			if (pair.chooser.state.vm_host[vm] != host)
				continue;
			target = chooser_choose(&pair.chooser, vm);
			if (target == NONE)
				continue;
			chooser_move(&pair.chooser, vm, target);
			(*moved)++;
			compare_all(&pair, host, seed, text);
		}
		state_rollback(&pair.chooser.state, mark);
		compare_all(&pair, host, seed, text);
	}
	pair_free(&pair);
	free(text);
}

Test(chooser, chooses_what_the_scheduler_chooses, .timeout = 100000)
{
	const char *wanted = getenv("LOCKKEEPER_CLUSTERS"), *first = getenv("LOCKKEEPER_SEED");
	uint64_t count = wanted ? strtoull(wanted, NULL, 10) : CLUSTERS, moved = 0;
	uint64_t seed = first ? strtoull(first, NULL, 10) : 1;

	for (uint64_t end = seed + count; seed < end; seed++)
		check_cluster(seed, &moved);
	cr_assert(count < CLUSTERS || moved > CLUSTERS);
}
