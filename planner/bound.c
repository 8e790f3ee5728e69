/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "planner/bound.h"

#include "core/arena.h"
#include "core/rules.h"
#include "core/timing.h"

#include <math.h>
#include <stdlib.h>

static const double MIB = 1048576;

/* A VM and what it takes from somewhere: memory for bytes. */
struct load {
	uint32_t vm;
	double memory, bytes;
};

struct bounding {
	struct reaches *reaches;
	const struct state *state;
	const struct goal *goal;
	const struct network *network;
	const struct judge *judge;
	uint32_t runs;
	uint32_t *movers, mover_count;
	bool pairwise;    /* pairs are few enough */
	double lead_s;    /* the shortest set-up */
	double least_s;   /* the bound */
	double *crossing; /* by link: bytes that have to cross it */
	uint32_t *inside; /* by switch: hosts below it where the VM may end */
	uint32_t *path;
};

static void note(struct bounding *of, double seconds)
{
	of->least_s = fmax(of->least_s, seconds);
}

/* Whether one way is as good as another: no uplinks, and all hosts have the same speed. */
static bool is_even(const struct cluster *cluster)
{
	bool even = true;

	for (uint32_t i = 0; i < cluster->switch_count; i++)
		even &= cluster->switches[i].uplink == NONE;
	for (uint32_t i = 1; i < cluster->host_count && even; i++)
		even = cluster->hosts[i].nic_mbit_s == cluster->hosts[0].nic_mbit_s;
	return even;
}

/* The speed of the best way that the VM may have; counts the hosts where it may end below each switch. */
static double best_speed(struct bounding *of, uint32_t vm, uint32_t *ret_hosts)
{
	const struct cluster *cluster = of->state->cluster;
	uint32_t from = of->state->vm_host[vm];
	double best = 0;

	*ret_hosts = 0;
	for (uint32_t host = 0; host < cluster->host_count; host++) {
		uint32_t links;

		if (host == from || !reach_may_end(of->reaches, of->goal, vm, host))
			continue;
		links = network_path(of->network, from, host, of->path);
		best = fmax(best, network_slowest_bytes_s(of->network, of->path, links));
		++*ret_hosts;
		for (uint32_t at = cluster->hosts[host].switch_index; at != NONE;
		     at = cluster->switches[at].uplink)
			of->inside[at]++;
	}
	return best;
}

/* Whether a switch is above a host. */
static bool is_below(const struct bounding *of, uint32_t host, uint32_t which)
{
	const struct cluster *cluster = of->state->cluster;
	uint32_t at = cluster->hosts[host].switch_index;

	while (at != NONE && at != which)
		at = cluster->switches[at].uplink;
	return at == which;
}

/* Links that the VM has to cross wherever it ends. */
static void add_crossings(struct bounding *of, uint32_t vm, uint32_t hosts, double bytes)
{
	uint32_t from = of->state->vm_host[vm];

	of->crossing[network_host(from, false)] += bytes;
	for (uint32_t i = 0; of->pairwise && hosts > 0 && i < of->state->cluster->switch_count; i++) {
		if (of->state->cluster->switches[i].uplink == NONE) {
			/* nothing crosses a root's */
		} else if (is_below(of, from, i)) {
			if (of->inside[i] == 0)
				of->crossing[network_switch(of->network, i, false)] += bytes;
		} else if (of->inside[i] == hosts) {
			of->crossing[network_switch(of->network, i, true)] += bytes;
		}
		of->inside[i] = 0;
	}
}

static void look_at_movers(struct bounding *of)
{
	const struct cluster *cluster = of->state->cluster;
	double *busy_s = MEMORY_ARRAY(double, cluster->host_count), all = 0, into = 0;
	int64_t *at_a_time = MEMORY_ARRAY(int64_t, cluster->host_count);

	of->lead_s = INFINITY;
	for (uint32_t i = 0; i < of->mover_count; i++) {
		uint32_t vm = of->movers[i], from = of->state->vm_host[vm], hosts = 0;
		double speed = network_bytes_s(of->network, network_host(from, false));
		uint8_t method = (uint8_t)order_method(of->state, vm);
		struct plan_alone alone;
		int64_t most;

		if (of->pairwise)
			speed = best_speed(of, vm, &hosts);
		of->judge->alone(of->judge->context, vm, method, speed, of->runs, &alone);
		of->lead_s = fmin(of->lead_s, alone.setup_s);
		note(of, alone.least_s);
		add_crossings(of, vm, hosts, alone.least_bytes);
		all += alone.least_bytes;
		if (method != METHOD_LIVE)
			continue; /* no limit holds for cold ones */
		most = timing_of(of->state, vm, false).parallel_per_host;
		busy_s[from] += alone.least_s;
		if (most == 0 || most > at_a_time[from])
			at_a_time[from] = most == 0 ? INT64_MAX : most;
	}
	for (uint32_t host = 0; host < cluster->host_count; host++) {
		if (at_a_time[host] > 0)
			note(of, busy_s[host] / (double)at_a_time[host]);
		if (!of->goal->wanted[host])
			into += network_bytes_s(of->network, network_host(host, true));
	}
	note(of, of->lead_s + all / into);
	free(busy_s);
	free(at_a_time);
}

static int compare_loads(const void *a, const void *b)
{
	const struct load *x = a, *y = b;
	double left = x->bytes * y->memory, right = y->bytes * x->memory;

	if (left != right)
		return left < right ? -1 : 1;
	return x->vm < y->vm ? -1 : x->vm > y->vm;
}

/* What a move of the VM sends at the least: a live one each page of its memory that is used. */
static double bytes_of(const struct state *state, uint32_t vm)
{
	return order_method(state, vm) == METHOD_LIVE ? state->cluster->vms[vm].used_mib * MIB : 0;
}

/* What has to leave the hosts below a switch since they lack memory: the VMs that send least for what they
 * take. */
static double bytes_without_room(const struct bounding *of, uint32_t which)
{
	const struct state *state = of->state;
	const struct amounts *amounts = &of->reaches->amounts;
	struct load *loads = MEMORY_ARRAY(struct load, state->cluster->vm_count);
	double excess = 0, bytes = 0;
	uint32_t count = 0;

	for (uint32_t host = 0; host < state->cluster->host_count; host++) {
		double here = 0, room = (double)amount_of_host(amounts, host, RESOURCE_MEMORY);
		uint32_t vm = state_vms_first(state, host);

		if (!is_below(of, host, which))
			continue;
		for (; vm != NONE; vm = state_vms_next(state, vm)) {
			double memory = (double)amount_of_vm(amounts, vm, host, RESOURCE_MEMORY);

			if (of->goal->wanted[host] && !goal_must_leave(of->goal, state, vm))
				continue; /* a lock leaves it there */
			here += memory;
			if (memory > 0)
				loads[count++] = (struct load){ vm, memory, bytes_of(state, vm) };
		}
		/* One that is fuller than it may be may stay so. */
		excess += of->goal->wanted[host] ? here : here - fmax(room, here);
	}
	qsort(loads, count, sizeof(loads[0]), compare_loads);
	for (uint32_t i = 0; i < count && excess > 0; i++) {
		bytes += loads[i].bytes * fmin(1, excess / loads[i].memory);
		excess -= loads[i].memory;
	}
	free(loads);
	return bytes;
}

static void look_at_links(struct bounding *of)
{
	for (uint32_t i = 0; i < of->state->cluster->switch_count; i++) {
		uint32_t up = network_switch(of->network, i, false);

		if (of->state->cluster->switches[i].uplink != NONE && of->pairwise)
			of->crossing[up] = fmax(of->crossing[up], bytes_without_room(of, i));
	}
	for (uint32_t link = 0; link < of->network->link_count; link++) {
		if (of->crossing[link] > 0)
			note(of, of->lead_s + of->crossing[link] / network_bytes_s(of->network, link));
	}
}

double bound_makespan_s(struct reaches *reaches, const struct goal *goal, const struct network *network,
                        const struct judge *judge, uint32_t runs, uint64_t pairs_most)
{
	struct bounding of = { .reaches = reaches,
		               .state = reaches->state,
		               .goal = goal,
		               .network = network,
		               .judge = judge,
		               .runs = runs,
		               .crossing = MEMORY_ARRAY(double, network->link_count),
		               .inside = MEMORY_ARRAY(uint32_t, network->cluster->switch_count),
		               .path = MEMORY_ARRAY(uint32_t, network->path_most) };

	of.movers = goal_movers(goal, of.state, &of.mover_count);
	of.pairwise = !is_even(network->cluster) &&
	              (uint64_t)of.mover_count * network->cluster->host_count <= pairs_most;
	if (of.mover_count > 0) {
		look_at_movers(&of);
		look_at_links(&of);
	}
	free(of.movers);
	free(of.crossing);
	free(of.inside);
	free(of.path);
	return of.least_s;
}
