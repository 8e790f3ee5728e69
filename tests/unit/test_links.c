/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/arena.h"
#include "sim/links.h"
#include "tests/support/draw.h"

#include <criterion/criterion.h>

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { MBIT = 125000 };

/* hosts h0 … with 10,000 Mbit/s each; `extra` is the rest of the cluster, e.g. switches. */
static void make_cluster(struct cluster *ret_cluster, uint32_t hosts, const char *extra,
                         const char *host_extra)
{
	char text[8192];
	int length = snprintf(text, sizeof(text),
	                      "{\"schema\":\"lockkeeper.cluster/1\",\"name\":\"c\",%s\"flavors\":[],"
	                      "\"vms\":[],\"hosts\":[",
	                      extra);

	for (uint32_t i = 0; i < hosts; i++)
		length += snprintf(text + length, sizeof(text) - (size_t)length,
		                   "%s{\"name\":\"h%u\",\"cpus\":1,\"memory_mib\":1024%s}", i ? "," : "", i,
		                   host_extra);
	snprintf(text + length, sizeof(text) - (size_t)length, "]}");
	cluster_from_text(ret_cluster, text);
}

static void near_to(double got, double expected)
{
	cr_assert(fabs(got - expected) <= 1e-9 * fabs(expected), "%.12g, expected %.12g", got, expected);
}

static void ignore(void *context, uint32_t owner)
{
	(void)context;
	(void)owner;
}

/* A flow that wants all it gets, from now on. */
static uint32_t flow_new(struct links *links, uint32_t source, uint32_t target, double cap)
{
	uint32_t flow = links_open(links, source, target, 0);

	links_demand(links, flow, cap, 0);
	return flow;
}

Test(links, a_flow_alone_takes_the_slowest_link)
{
	struct cluster cluster;
	struct links links;
	uint32_t flow;

	make_cluster(&cluster, 2, "", "");
	links_create(&links, &cluster);
	flow = flow_new(&links, 0, 1, INFINITY);
	links_solve(&links, 0, ignore, NULL);
	near_to(links_rate(&links, flow), 10000.0 * MBIT);
	links_set_nic(&links, 1, 1000);
	links_solve(&links, 0, ignore, NULL);
	near_to(links_rate(&links, flow), 1000.0 * MBIT);
	links_demand(&links, flow, 500.0 * MBIT, 0);
	links_solve(&links, 0, ignore, NULL);
	near_to(links_rate(&links, flow), 500.0 * MBIT);
	links_close(&links, flow, 0);
	links_free(&links);
	cluster_free(&cluster);
}

Test(links, a_heavier_flow_gets_so_much_more)
{
	struct cluster cluster;
	struct links links;
	uint32_t heavy, light;
	bool steady;

	make_cluster(&cluster, 3, "", "");
	links_create(&links, &cluster);
	heavy = flow_new(&links, 0, 1, INFINITY);
	light = flow_new(&links, 0, 2, INFINITY);
	links_weigh(&links, heavy, 3, 0);
	links_solve(&links, 0, ignore, NULL);
	near_to(links_rate(&links, heavy), 7500.0 * MBIT);
	near_to(links_rate(&links, light), 2500.0 * MBIT);
	near_to(links_take(&links, heavy, 1000000000, &steady), 7500.0 * MBIT);
	links_weigh(&links, heavy, 1, 1000000000);
	links_solve(&links, 1000000000, ignore, NULL);
	near_to(links_rate(&links, heavy), 5000.0 * MBIT);
	near_to(links_take(&links, light, 2000000000, &steady), 7500.0 * MBIT);
	links_close(&links, heavy, 2000000000);
	links_solve(&links, 2000000000, ignore, NULL);
	near_to(links_rate(&links, light), 10000.0 * MBIT);
	links_close(&links, light, 2000000000);
	links_free(&links);
	cluster_free(&cluster);
}

Test(links, directions_do_not_share)
{
	struct cluster cluster;
	struct links links;
	uint32_t there, back;

	make_cluster(&cluster, 2, "", "");
	links_create(&links, &cluster);
	there = flow_new(&links, 0, 1, INFINITY);
	back = flow_new(&links, 1, 0, INFINITY);
	links_solve(&links, 0, ignore, NULL);
	near_to(links_rate(&links, there), 10000.0 * MBIT);
	near_to(links_rate(&links, back), 10000.0 * MBIT);
	links_close(&links, there, 0);
	links_close(&links, back, 0);
	links_free(&links);
	cluster_free(&cluster);
}

/* Three flows leave h0; one of them is held back by its target, and the others share what it leaves. */
Test(links, what_one_cannot_use_the_others_get)
{
	struct cluster cluster;
	struct links links;
	uint32_t flows[3];

	make_cluster(&cluster, 4, "", "");
	links_create(&links, &cluster);
	links_set_nic(&links, 1, 2000);
	for (uint32_t i = 0; i < 3; i++)
		flows[i] = flow_new(&links, 0, i + 1, INFINITY);
	links_solve(&links, 0, ignore, NULL);
	near_to(links_rate(&links, flows[0]), 2000.0 * MBIT);
	near_to(links_rate(&links, flows[1]), 4000.0 * MBIT);
	near_to(links_rate(&links, flows[2]), 4000.0 * MBIT);
	near_to(links_used(&links, network_host(0, false)), 10000.0 * MBIT);
	for (uint32_t i = 0; i < 3; i++)
		links_close(&links, flows[i], 0);
	links_free(&links);
	cluster_free(&cluster);
}

/* tor-1 and tor-2 hang below core, tor-1's uplink is the slowest; two roots are joined without limit. */
static const char TREE[] = "\"switches\":["
			   "{\"name\":\"tor-1\",\"uplink\":\"core\",\"uplink_mbit_s\":6000},"
			   "{\"name\":\"tor-2\",\"uplink\":\"core\",\"uplink_mbit_s\":40000},"
			   "{\"name\":\"core\"},{\"name\":\"other\"}],";

Test(links, a_path_goes_up_to_the_common_switch_and_down)
{
	struct cluster cluster;
	struct links links;
	uint32_t within, across, between;

	make_cluster(&cluster, 5, TREE, "");
	for (uint32_t i = 0; i < 5; i++)
		cluster.hosts[i].switch_index = i < 2 ? 0 : i == 2 ? 1 : i == 3 ? 2 : 3;
	links_create(&links, &cluster);
	within = flow_new(&links, 0, 1, INFINITY);
	links_solve(&links, 0, ignore, NULL);
	cr_assert_eq(links.flows[within].hop_count, 2);
	near_to(links_rate(&links, within), 10000.0 * MBIT);
	links_close(&links, within, 0);
	across = flow_new(&links, 0, 2, INFINITY);
	between = flow_new(&links, 1, 4, INFINITY);
	links_solve(&links, 0, ignore, NULL);
	cr_assert_eq(links.flows[across].hop_count, 4);
	cr_assert_eq(links.flows[between].hop_count, 3);
	near_to(links_rate(&links, across), 3000.0 * MBIT);
	near_to(links_rate(&links, between), 3000.0 * MBIT);
	near_to(links_used(&links, network_switch(&links.network, 0, false)), 6000.0 * MBIT);
	cr_assert_eq(links_used(&links, network_switch(&links.network, 0, true)), 0);
	links_close(&links, across, 0);
	links_close(&links, between, 0);
	links_free(&links);
	cluster_free(&cluster);
}

/*
 * x crosses the uplink of tor-1 (6,000) and then h2's connection (4,000); y only the first, z only the
 * second. First h2 gives x and z 2,000 each, and y gets the rest of the uplink. Without z the uplink is what
 * x and y share. When y can use no more than 1,000, h2 holds back x.
 */
Test(links, who_crosses_two_links_is_held_back_by_the_tighter)
{
	const int64_t second_ns = 1000000000;
	struct cluster cluster;
	struct links links;
	uint32_t x, y, z;
	bool steady;

	make_cluster(&cluster, 4, TREE, "");
	for (uint32_t i = 0; i < 4; i++)
		cluster.hosts[i].switch_index = i < 2 ? 0 : i == 2 ? 1 : 2;
	links_create(&links, &cluster);
	links_set_nic(&links, 2, 4000);
	x = flow_new(&links, 0, 2, INFINITY);
	y = flow_new(&links, 1, 3, INFINITY);
	z = flow_new(&links, 3, 2, INFINITY);
	links_solve(&links, 0, ignore, NULL);
	near_to(links_rate(&links, x), 2000.0 * MBIT);
	near_to(links_rate(&links, y), 4000.0 * MBIT);
	near_to(links_rate(&links, z), 2000.0 * MBIT);
	links_close(&links, z, second_ns);
	links_solve(&links, second_ns, ignore, NULL);
	near_to(links_rate(&links, x), 3000.0 * MBIT);
	near_to(links_rate(&links, y), 3000.0 * MBIT);
	links_demand(&links, y, 1000.0 * MBIT, 2 * second_ns);
	links_solve(&links, 2 * second_ns, ignore, NULL);
	near_to(links_rate(&links, x), 4000.0 * MBIT);
	near_to(links_rate(&links, y), 1000.0 * MBIT);
	near_to(links_take(&links, x, 3 * second_ns, &steady), (2000.0 + 3000 + 4000) * MBIT);
	near_to(links_take(&links, y, 3 * second_ns, &steady), (4000.0 + 3000 + 1000) * MBIT);
	links_close(&links, x, 3 * second_ns);
	links_close(&links, y, 3 * second_ns);
	links_free(&links);
	cluster_free(&cluster);
}

/* Flows of 1, 2 and 3 units over one link of 1 unit/s end at 3, 5 and 6 s: what each was given is exact. */
Test(links, fluid_times_are_those_computed_by_hand)
{
	struct cluster cluster;
	struct links links;
	uint32_t flows[3];
	double left[3] = { 1.25e9, 2.5e9, 3.75e9 };
	const int64_t ends_ns[3] = { 3000000000, 5000000000, 6000000000 };
	bool steady;

	make_cluster(&cluster, 4, "", "");
	links_create(&links, &cluster);
	for (uint32_t i = 0; i < 3; i++)
		flows[i] = flow_new(&links, 0, i + 1, INFINITY);
	links_solve(&links, 0, ignore, NULL);
	for (uint32_t next = 0; next < 3; next++) {
		int64_t now_ns = ends_ns[next];

		for (uint32_t i = next; i < 3; i++)
			left[i] -= links_take(&links, flows[i], now_ns, &steady);
		cr_assert(fabs(left[next]) < 1.25, "%g bytes are left", left[next]);
		links_close(&links, flows[next], now_ns);
		links_solve(&links, now_ns, ignore, NULL);
		if (next < 2)
			near_to(links_rate(&links, flows[2]), 10000.0 * MBIT / (2 - next));
	}
	links_free(&links);
	cluster_free(&cluster);
}

Test(links, a_link_that_is_down_gives_nothing)
{
	struct cluster cluster;
	struct links links;
	uint32_t flow;
	bool steady;

	make_cluster(&cluster, 2, "", "");
	links_create(&links, &cluster);
	flow = flow_new(&links, 0, 1, INFINITY);
	links_solve(&links, 0, ignore, NULL);
	links_set_nic(&links, 0, 0);
	links_solve(&links, 1000000000, ignore, NULL);
	cr_assert_eq(links_rate(&links, flow), 0);
	near_to(links_take(&links, flow, 2000000000, &steady), 10000.0 * MBIT);
	cr_assert(!steady);
	links_close(&links, flow, 2000000000);
	links_reset(&links);
	flow = flow_new(&links, 0, 1, INFINITY);
	links_solve(&links, 0, ignore, NULL);
	near_to(links_rate(&links, flow), 10000.0 * MBIT);
	links_close(&links, flow, 0);
	links_free(&links);
	cluster_free(&cluster);
}

/* ------------------------------------------------------------------ against the definition, at random */

enum { FLOWS = 60, HOSTS = 8 };

struct expected {
	bool open;
	uint32_t flow;
	double weight, cap, rate, bytes, taken;
};

/*
 * Progressive filling as the book has it: all rates rise together, each by its weight, until a link or a cap
 * stops some of them.
 */
static void fill_slowly(const struct links *links, struct expected *flows)
{
	bool frozen[FLOWS] = { false };

	for (;;) {
		double step = INFINITY;
		bool any = false;

		for (uint32_t link = 0; link < links->link_count; link++) {
			double used = 0, rising = 0;

			for (uint32_t i = 0; i < FLOWS; i++) {
				const struct flow *of = &links->flows[flows[i].flow];

				for (uint32_t hop = 0;
				     flows[i].open && flows[i].cap > 0 && hop < of->hop_count; hop++) {
					if (links->hops[flows[i].flow * links->stride + hop].link != link)
						continue;
					used += flows[i].rate;
					rising += frozen[i] ? 0 : flows[i].weight;
				}
			}
			if (rising > 0)
				step = fmin(step,
				            fmax(links->links[link].capacity_bytes_s - used, 0) / rising);
		}
		for (uint32_t i = 0; i < FLOWS; i++) {
			if (flows[i].open && flows[i].cap > 0 && !frozen[i]) {
				step = fmin(step, (flows[i].cap - flows[i].rate) / flows[i].weight);
				any = true;
			}
		}
		if (!any)
			return;
		for (uint32_t i = 0; i < FLOWS; i++) {
			if (flows[i].open && flows[i].cap > 0 && !frozen[i])
				flows[i].rate += step * flows[i].weight;
		}
		for (uint32_t i = 0; i < FLOWS; i++) {
			const struct flow *of = &links->flows[flows[i].flow];

			if (!flows[i].open || flows[i].cap == 0 || frozen[i])
				continue;
			frozen[i] = flows[i].rate >= flows[i].cap * (1 - 1e-12);
			for (uint32_t hop = 0; hop < of->hop_count && !frozen[i]; hop++) {
				uint32_t link = links->hops[flows[i].flow * links->stride + hop].link;
				double used = 0;

				for (uint32_t j = 0; j < FLOWS; j++) {
					const struct flow *other = &links->flows[flows[j].flow];

					for (uint32_t k = 0; flows[j].open && k < other->hop_count; k++)
						used += links->hops[flows[j].flow * links->stride + k].link ==
						                        link
						                ? flows[j].rate
						                : 0;
				}
				frozen[i] = used >= links->links[link].capacity_bytes_s * (1 - 1e-12);
			}
		}
	}
}

static double draw_cap(struct draw *draw)
{
	switch (draw_below(draw, 4)) {
	case 0:
		return 0;
	case 1:
		return (double)draw_between(draw, 1, 4000) * MBIT;
	default:
		return INFINITY;
	}
}

static void weigh_one(struct draw *draw, struct links *links, struct expected *flow, int64_t now_ns)
{
	flow->weight = (double)draw_between(draw, 2, 30) / 10;
	links_weigh(links, flow->flow, flow->weight, now_ns);
}

static void change_one(struct draw *draw, struct links *links, struct expected *flow, uint32_t uncapped,
                       int64_t now_ns)
{
	if (!flow->open) {
		uint32_t source = draw_below(draw, HOSTS);

		flow->flow = links_open(links, source, (source + draw_between(draw, 1, HOSTS - 1)) % HOSTS,
		                        0);
		flow->open = true;
		flow->bytes = flow->taken = 0;
		flow->weight = 1;
		flow->cap = draw_percent(draw, uncapped) ? INFINITY : draw_cap(draw);
		links_demand(links, flow->flow, flow->cap, now_ns);
	} else if (draw_percent(draw, 40)) {
		flow->cap = draw_cap(draw);
		links_demand(links, flow->flow, flow->cap, now_ns);
	} else {
		bool steady;

		flow->taken += links_take(links, flow->flow, now_ns, &steady);
		cr_assert(fabs(flow->taken - flow->bytes) <= 1e-9 * flow->bytes + 1e-3,
		          "took %.10g, expected %.10g", flow->taken, flow->bytes);
		links_close(links, flow->flow, now_ns);
		flow->open = false;
	}
}

/* What each flow was given up to now, by the rates of the slow way. */
static void count_bytes(struct expected *flows, double seconds)
{
	for (uint32_t i = 0; i < FLOWS; i++) {
		if (flows[i].open)
			flows[i].bytes += flows[i].rate * seconds;
	}
}

static void compare(const struct links *links, struct expected *flows)
{
	for (uint32_t i = 0; i < FLOWS; i++)
		flows[i].rate = 0;
	fill_slowly(links, flows);
	for (uint32_t i = 0; i < FLOWS; i++) {
		double rate = flows[i].open ? links_rate(links, flows[i].flow) : 0;

		if (!flows[i].open)
			continue;
		cr_assert(fabs(rate - flows[i].rate) <= 1e-7 * flows[i].rate,
		          "flow %u has %.10g, expected %.10g", i, rate, flows[i].rate);
	}
}

Test(links, rates_are_those_of_progressive_filling)
{
	struct draw draw = { 11 };
	struct cluster cluster;

	for (int round = 0; round < 60; round++) {
		struct expected flows[FLOWS] = { 0 };
		struct links links;
		int64_t now_ns = 0;

		make_cluster(&cluster, HOSTS, round % 3 ? TREE : "", "");
		for (uint32_t i = 0; i < HOSTS && round % 3; i++)
			cluster.hosts[i].switch_index = draw_below(&draw, round % 3 == 1 ? 2 : 4);
		links_create(&links, &cluster);
		for (int step = 0; step < 150; step++) {
			uint32_t changes = draw_between(&draw, 1, 3);
			int64_t dt_ns = draw_between(&draw, 0, 2000000000);

			count_bytes(flows, (double)dt_ns * 1e-9);
			now_ns += dt_ns;
			while (changes-- > 0)
				change_one(&draw, &links, &flows[draw_below(&draw, FLOWS)],
				           round < 30 ? 80 : 10, now_ns);
			for (uint32_t i = 0; i < FLOWS && round % 2; i++)
				if (flows[i].open && draw_percent(&draw, 2))
					weigh_one(&draw, &links, &flows[i], now_ns);
			if (draw_percent(&draw, 3))
				links_set_nic(&links, draw_below(&draw, HOSTS),
				              draw_between(&draw, 1, 20) * 1000);
			links_solve(&links, now_ns, ignore, NULL);
			compare(&links, flows);
		}
		links_free(&links);
		cluster_free(&cluster);
	}
}

/* h0 … with 10,000 Mbit/s each, half of them behind one uplink of 40,000. The caller frees it. */
static void make_backbone(struct cluster *ret_cluster, uint32_t flows)
{
	char *text = NULL;
	size_t length;
	FILE *file = open_memstream(&text, &length);

	fprintf(file, "{\"schema\":\"lockkeeper.cluster/1\",\"name\":\"c\",\"flavors\":[],\"vms\":[],");
	fprintf(file, "\"switches\":[{\"name\":\"a\",\"uplink\":\"core\",\"uplink_mbit_s\":40000},");
	fprintf(file, "{\"name\":\"core\"}],\"hosts\":[");
	for (uint32_t i = 0; i < 2 * flows; i++)
		fprintf(file, "%s{\"name\":\"h%u\",\"cpus\":1,\"memory_mib\":1,\"switch\":\"%s\"}",
		        i ? "," : "", i, i < flows ? "a" : "core");
	fprintf(file, "]}");
	fclose(file);
	cluster_from_text(ret_cluster, text);
	free(text);
}

/* Many flows over one backbone, ending one by one: told only now and then, and the network is computed once.
 */
struct told {
	struct links *links;
	uint64_t count;
};

static void count_told(void *context, uint32_t owner)
{
	struct told *told = context;
	bool steady;

	told->count++;
	links_take(told->links, owner, 0, &steady);
}

Test(links, many_flows_of_one_bottleneck_cost_little)
{
	enum { MANY = 1000 };
	struct cluster cluster;
	struct links links;
	struct told told = { .links = &links };

	make_backbone(&cluster, MANY);
	links_create(&links, &cluster);
	for (uint32_t i = 0; i < MANY; i++)
		cr_assert_eq(links_open(&links, i, MANY + i, i), i);
	for (uint32_t i = 0; i < MANY; i++) {
		links_demand(&links, i, INFINITY, 0);
		links_solve(&links, 0, count_told, &told);
	}
	for (uint32_t i = 0; i + 1 < MANY; i++) {
		links_close(&links, i, 0);
		links_solve(&links, 0, count_told, &told);
		near_to(links_rate(&links, MANY - 1), fmin(40000.0 * MBIT / (MANY - 1 - i), 10000.0 * MBIT));
	}
	cr_assert(told.count < 40 * MANY, "%llu", (unsigned long long)told.count);
	cr_assert(links.solves < 20, "%llu", (unsigned long long)links.solves);
	links_close(&links, MANY - 1, 0);
	links_free(&links);
	cluster_free(&cluster);
}

/*
 * Beside flows at their caps others want all they get, one after another: no new solution for each. 40,000
 * Mbit/s for 300 flows capped at 100 leave 10,000.
 */
Test(links, who_wants_more_than_its_cap_costs_little)
{
	enum { MANY = 300, CAP = 100 };
	struct cluster cluster;
	struct links links;
	uint64_t solves;

	make_backbone(&cluster, MANY);
	links_create(&links, &cluster);
	for (uint32_t i = 0; i < MANY; i++) {
		links_open(&links, i, MANY + i, i);
		links_demand(&links, i, CAP * MBIT, 0);
		links_solve(&links, 0, ignore, NULL);
	}
	links_demand(&links, 0, INFINITY, 0);
	links_demand(&links, 1, INFINITY, 0);
	links_solve(&links, 0, ignore, NULL);
	near_to(links_rate(&links, 0), (40000.0 - 298 * CAP) / 2 * MBIT);
	solves = links.solves;
	for (uint32_t i = 0; i + 2 < MANY; i++) {
		links_demand(&links, i + 2, INFINITY, 0);
		links_solve(&links, 0, ignore, NULL);
		near_to(links_rate(&links, i), (40000.0 - 297 * CAP) / 3 * MBIT);
		near_to(links_rate(&links, i + 2), (40000.0 - 297 * CAP) / 3 * MBIT);
		near_to(links_rate(&links, (i + 3) % MANY), CAP * MBIT);
		links_demand(&links, i, CAP * MBIT, 0);
		links_solve(&links, 0, ignore, NULL);
		near_to(links_rate(&links, i), CAP * MBIT);
		near_to(links_rate(&links, i + 1), (40000.0 - 298 * CAP) / 2 * MBIT);
	}
	/* The last two stop: all others have what they want, and then more is wanted again. */
	links_demand(&links, MANY - 1, 0, 0);
	links_demand(&links, MANY - 2, CAP * MBIT, 0);
	links_solve(&links, 0, ignore, NULL);
	near_to(links_rate(&links, MANY - 2), CAP * MBIT);
	links_demand(&links, MANY - 1, 6000 * MBIT, 0);
	links_solve(&links, 0, ignore, NULL);
	near_to(links_rate(&links, MANY - 1), 6000 * MBIT);
	links_demand(&links, 0, 5000 * MBIT, 0);
	links_solve(&links, 0, ignore, NULL);
	near_to(links_rate(&links, 0), 5000 * MBIT);
	near_to(links_rate(&links, MANY - 1), (40000.0 - 298 * CAP - 5000) * MBIT);
	/* One for the host's link that holds the last of them back, one when 6,000 are no longer there. */
	cr_assert(links.solves - solves <= 2, "%llu", (unsigned long long)(links.solves - solves));
	for (uint32_t i = 0; i < MANY; i++)
		links_close(&links, i, 0);
	links_free(&links);
	cluster_free(&cluster);
}

/*
 * A crowd's flows are due when they have been given what they waited for, whatever became of the rate. n
 * flows of sizes s1 <= s2 <= … that share C all begin at 0; the k-th ends (sk - sk-1) (n - k + 1) / C after
 * the one before it.
 */
Test(links, a_crowd_is_due_by_its_bytes)
{
	enum { MANY = 500 };
	const double capacity = 40000.0 * MBIT;
	struct cluster cluster;
	struct links links;
	double expected_s = 0, given;
	bool steady;

	make_backbone(&cluster, MANY);
	links_create(&links, &cluster);
	for (uint32_t i = 0; i < MANY; i++) {
		cr_assert_eq(links_open(&links, i, MANY + i, i), i);
		links_demand(&links, i, INFINITY, 0);
	}
	links_solve(&links, 0, ignore, NULL);
	/* The last is the smallest. */
	for (uint32_t i = 0; i < MANY; i++)
		links_wake(&links, i, 1e6 * (MANY - i), 0);
	for (uint32_t left = MANY; left >= LINK_CROWD; left--) {
		int64_t now_ns = links_due_ns(&links);

		expected_s += 1e6 * left / capacity;
		cr_assert(fabs((double)now_ns * 1e-9 - expected_s) <= 1e-9 * expected_s + 2e-9,
		          "due at %" PRId64 ", expected %.12g s", now_ns, expected_s);
		cr_assert_eq(links_due_owner(&links), left - 1);
		given = links_take(&links, left - 1, now_ns, &steady);
		cr_assert(fabs(given - 1e6 * (MANY - left + 1)) <= capacity / left * 2e-9 + 1e-9 * given);
		links_close(&links, left - 1, now_ns);
		links_solve(&links, now_ns, ignore, NULL);
	}
	for (uint32_t i = 0; i + 1 < LINK_CROWD; i++) {
		links_wake_drop(&links, i, links_due_ns(&links));
		links_close(&links, i, links_due_ns(&links));
	}
	cr_assert_eq(links_due_ns(&links), TIME_NEVER);
	links_free(&links);
	cluster_free(&cluster);
}

/* Who will be due is known beforehand, where there are many. */
Test(links, the_next_of_a_crowd_is_known)
{
	enum { MANY = EVENTS_MANY + 100 };
	struct cluster cluster;
	struct links links;
	uint32_t soon[EVENTS_NEAR];

	make_backbone(&cluster, MANY);
	links_create(&links, &cluster);
	for (uint32_t i = 0; i < MANY; i++) {
		links_open(&links, i, MANY + i, MANY - 1 - i);
		links_demand(&links, i, INFINITY, 0);
	}
	cr_assert_eq(links_soon_owners(&links, soon), 0);
	links_solve(&links, 0, ignore, NULL);
	for (uint32_t i = 0; i < MANY; i++)
		links_wake(&links, i, 1e6 * (MANY - i), 0);
	for (uint32_t owner = 0; owner < 100; owner++) {
		cr_assert_eq(links_due_owner(&links), owner);
		cr_assert_eq(links_soon_owners(&links, soon), EVENTS_NEAR);
		cr_assert_eq(soon[0], owner + 1);
		links_wake_drop(&links, MANY - 1 - owner, links_due_ns(&links));
	}
	for (uint32_t i = 0; i < MANY; i++)
		links_close(&links, i, links_due_ns(&links));
	links_free(&links);
	cluster_free(&cluster);
}

/* Who comes and who is stopped changes when others are due; who stops is due no more. */
Test(links, who_comes_makes_a_crowd_wait)
{
	enum { MANY = 200 };
	const double share = 40000.0 * MBIT / MANY;
	const int64_t second_ns = 1000000000;
	struct cluster cluster;
	struct links links;

	make_backbone(&cluster, 2 * MANY);
	links_create(&links, &cluster);
	for (uint32_t i = 0; i < 2 * MANY; i++) {
		links_open(&links, i, 2 * MANY + i, i);
		links_demand(&links, i, i < MANY ? INFINITY : 0, 0);
	}
	links_solve(&links, 0, ignore, NULL);
	for (uint32_t i = 0; i < MANY; i++)
		links_wake(&links, i, 2 * share * (1 + i), 0);
	cr_assert_eq(links_due_ns(&links), 2 * second_ns);
	/* Twice as many after a second: half of what is left takes twice as long. */
	for (uint32_t i = MANY; i < 2 * MANY; i++)
		links_demand(&links, i, INFINITY, second_ns);
	links_solve(&links, second_ns, ignore, NULL);
	cr_assert_eq(links_due_ns(&links), 3 * second_ns);
	/* The first stops: the second is next, which had 1 + 3 of 4 shares to wait for. */
	links_demand(&links, 0, 0, second_ns);
	links_demand(&links, 0, INFINITY, second_ns);
	links_solve(&links, second_ns, ignore, NULL);
	cr_assert_eq(links_due_ns(&links), 7 * second_ns);
	cr_assert_eq(links_due_owner(&links), 1);
	for (uint32_t i = 0; i < 2 * MANY; i++)
		links_close(&links, i, 7 * second_ns);
	cr_assert_eq(links_due_ns(&links), TIME_NEVER);
	links_reset(&links);
	links_free(&links);
	cluster_free(&cluster);
}
