/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Paced plans on random networks: whatever is reserved, all moves are made, and none ends before the bound.
 */
#include "cli/pacing.h"
#include "planner/bound.h"
#include "planner/planned.h"
#include "planner/planning.h"
#include "tests/support/draw.h"

#include <criterion/criterion.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CLUSTERS = 400, STEPS = 20000, ROOM = 65536 };

static void add(char *text, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void add(char *text, const char *format, ...)
{
	size_t length = strlen(text);
	va_list arguments;

	va_start(arguments, format);
	cr_assert_lt((size_t)vsnprintf(text + length, ROOM - length, format, arguments), ROOM - length);
	va_end(arguments);
}

/* Racks below a core or not, links of any speed, guests that dirty little or much, limits or none. */
static void draw_text(uint64_t seed, char *text)
{
	static const char *const laws[] = {
		"{\"model\":\"idle\"}",
		"{\"model\":\"uniform\",\"working_set_mib\":300,\"rate_pages_s\":20000}",
		"{\"model\":\"uniform\",\"working_set_mib\":600,\"rate_pages_s\":120000}",
		"{\"model\":\"sequential\",\"working_set_mib\":600,\"rate_pages_s\":90000}",
	};
	struct draw draw = { seed };
	uint32_t racks = draw_below(&draw, 4), hosts = draw_between(&draw, 2, 9), vms = 0;
	uint32_t parallel = draw_below(&draw, 4);

	text[0] = '\0';
	add(text,
	    "{\"schema\":\"lockkeeper.cluster/1\",\"name\":\"t\",\"migration\":{\"parallel_per_host\":%u},",
	    parallel);
	add(text, "\"flavors\":[{\"name\":\"s\",\"vcpus\":1,\"memory_mib\":1000},"
	          "{\"name\":\"l\",\"vcpus\":1,\"memory_mib\":2000}],");
	for (uint32_t i = 0; i < racks; i++)
		add(text, "%s{\"name\":\"t%u\",\"uplink\":\"core\",\"uplink_mbit_s\":%u}",
		    i ? "," : "\"switches\":[", i, draw_between(&draw, 1, 20) * 1000);
	if (racks > 0)
		add(text, ",{\"name\":\"core\"}],");
	add(text, "\"hosts\":[");
	for (uint32_t i = 0; i < hosts; i++) {
		uint32_t speed = draw_between(&draw, 1, 25) * 1000,
			 memory = draw_between(&draw, 4, 10) * 1000;

		add(text, "%s{\"name\":\"h%u\",\"cpus\":64,\"memory_mib\":%u,\"nic_mbit_s\":%u", i ? "," : "",
		    i, memory, speed);
		if (racks > 0)
			add(text, ",\"switch\":\"t%u\"", draw_below(&draw, racks));
		add(text, "}");
	}
	add(text, "],\"vms\":[");
	for (uint32_t i = 0; i < hosts; i++) {
		uint32_t here = draw_below(&draw, i < 2 ? 4 : 2);

		for (uint32_t j = 0; j < here; j++) {
			const char *flavor = draw_percent(&draw, 50) ? "s" : "l";
			const char *law = laws[draw_below(&draw, 4)];

			add(text, "%s{\"name\":\"v%u\",\"host\":\"h%u\",\"flavor\":\"%s\",\"dirty\":%s%s}",
			    vms ? "," : "", vms, i, flavor, law,
			    draw_percent(&draw, 10) ? ",\"migration\":{\"post_copy\":true}" : "");
			vms++;
		}
	}
	add(text, "]}");
}

/* Each move is there once, and none waits for one that comes later. */
static void check_moves(const struct plan *plan, const struct planned *planned, const char *text)
{
	bool seen[64] = { false };

	cr_assert_eq(plan->move_count, planned->order_count, "%s", text);
	for (uint32_t i = 0; i < plan->move_count; i++) {
		const struct plan_move *move = &plan->moves[i];
		bool found = false;

		for (uint32_t j = 0; j < plan->move_count && !found; j++) {
			const struct order *order = &planned->orders[j];

			found = !seen[j] && order->vm == move->vm && order->from == move->from &&
			        order->to == move->to;
			seen[j] |= found;
		}
		cr_assert(found, "%s", text);
		for (uint32_t j = 0; j < move->after_count; j++)
			cr_assert_lt(move->after[j], i, "%s", text);
		cr_assert(move->reserve_mbit_s > 0, "%s", text);
		cr_assert(isfinite(move->reserve_mbit_s), "%s", text);
	}
}

/* As it is before luck is allowed for. */
static double raw_bound(struct planning *planning, struct pacing *pacing, const uint32_t *hosts,
                        uint32_t count)
{
	struct network network;
	struct goal goal;
	double bound_s;

	network_create(&network, planning->state.cluster);
	goal_create(&goal, &planning->state, hosts, count);
	bound_s = bound_makespan_s(&planning->reaches, &goal, &network, &pacing->judge, 1, UINT64_MAX);
	goal_free(&goal);
	network_free(&network);
	return bound_s;
}

static bool check_cluster(uint64_t seed, char *text)
{
	struct pacing_options how = { .migrations_most = 400, .runs = 1, .window_s = INFINITY };
	uint32_t hosts[2] = { 0, 1 }, count = 1 + seed % 2;
	struct prediction prediction = { 0 };
	struct planning planning;
	struct predictor predictor;
	struct pacing pacing;
	struct planned planned;
	struct cluster cluster;
	struct plan plan = { 0 };
	bool lockable;

	draw_text(seed, text);
	cluster_from_text(&cluster, text);
	planning_create(&planning, &cluster, NULL, 0);
	predictor_create(&predictor);
	pacing_create(&pacing, &predictor, &planning.state, seed);
	planned_find(&planning.chooser, &planning.reaches, hosts, count, &pacing.judge, NULL, STEPS,
	             &planned);
	lockable = planned.verdict == PLANNED_LOCKABLE && planned.order_count > 0;
	if (lockable) {
		double bound_s = raw_bound(&planning, &pacing, hosts, count);

		planned_plan(&planned, &planning.state, &planning.reaches.amounts, hosts, count, &plan);
		pacing_find(&pacing, &planning.reaches, &plan, &how, &prediction);
		check_moves(&plan, &planned, text);
		cr_assert(plan.makespan_least_s > 0, "%s", text);
		if (prediction.completed)
			cr_assert(prediction.duration_s[1] >= bound_s * (1 - 1e-6),
			          "seed %llu: %.9f s, at least %.9f\n%s", (unsigned long long)seed,
			          prediction.duration_s[1], bound_s, text);
	}
	plan_free(&plan);
	planned_free(&planned);
	predictor_free(&predictor);
	planning_free(&planning);
	cluster_free(&cluster);
	return lockable;
}

/* LOCKKEEPER_CLUSTERS: how many. */
Test(pace, no_plan_ends_before_its_bound, .timeout = 100000)
{
	char *text = malloc(ROOM);
	const char *asked = getenv("LOCKKEEPER_CLUSTERS");
	uint64_t lockable = 0, count = asked ? strtoull(asked, NULL, 10) : CLUSTERS;

	for (uint64_t seed = 1; seed <= count; seed++)
		lockable += check_cluster(seed, text);
	free(text);
	cr_assert_gt(lockable, count / 2);
}
