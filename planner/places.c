/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "planner/places.h"

#include "core/numa.h"
#include "core/schedule.h"

#include <string.h>

/* Of one host, as the reader allows. */
enum { NODES_MOST = 64 };

bool places_takes(const struct state *state, uint32_t vm, uint32_t host)
{
	struct request request = request_for(state, MOVE_BOOT, vm);

	return schedule_allows_named(&request, host);
}

static uint32_t limited(__int128 count)
{
	return count > UINT32_MAX ? UINT32_MAX : count < 0 ? 0 : (uint32_t)count;
}

/* By all that is counted in amounts: what those that stay leave, divided by what each takes. */
static uint32_t by_amounts(const struct state *state, const struct amounts *amounts, uint32_t vm,
                           const bool *stays, uint32_t host)
{
	uint32_t asked[RESOURCES_ASKED_MOST], count = amounts_asked(amounts, vm, host, asked);
	uint32_t most = UINT32_MAX;

	for (uint32_t i = 0; i < count; i++) {
		__int128 each = amount_of_vm(amounts, vm, host, asked[i]),
			 left = amount_of_host(amounts, host, asked[i]);
		uint32_t fit;

		for (uint32_t other = state_vms_first(state, host); other != NONE;
		     other = state_vms_next(state, other)) {
			if (!stays || stays[other])
				left -= amount_of_vm(amounts, other, host, asked[i]);
		}
		if (each == 0)
			continue;
		fit = limited(left / each);
		most = fit < most ? fit : most;
	}
	return most;
}

/* ------------------------------------------------------------------ NUMA nodes */

/* Guest nodes of so much memory that find pages on a node. */
static __int128 nodes_by_pages(const struct host *host, const struct numa_node *node,
                               const struct numa_use *use, int32_t page_kib, int64_t memory_mib)
{
	bool large = page_kib == PAGE_LARGE || page_kib == PAGE_ANY;
	__int128 count = 0;

	if (memory_mib == 0)
		return UINT32_MAX;
	if (page_kib == PAGE_UNSAID)
		return ((__int128)node->memory_mib * host->memory_ratio -
		        (__int128)use->memory_mib * RATIO_ONE) /
		       ((__int128)memory_mib * RATIO_ONE);
	if ((large || page_kib == PAGE_1G) && memory_mib % 1024 == 0 && node->pages_1g > use->pages_1g)
		count += (node->pages_1g - use->pages_1g) / (memory_mib / 1024);
	if ((large || page_kib == PAGE_2M) && memory_mib % 2 == 0 && node->pages_2m > use->pages_2m)
		count += (node->pages_2m - use->pages_2m) / (memory_mib / 2);
	if ((page_kib == PAGE_SMALL || page_kib == PAGE_ANY) && node->memory_mib > use->memory_mib)
		count += (node->memory_mib - use->memory_mib) / memory_mib;
	return count;
}

/* Guest nodes of the smallest kind that a flavor has, on a node. */
static __int128 nodes_on(const struct host *host, uint32_t at, const struct numa_use *use,
                         const struct flavor *flavor)
{
	const struct numa_node *node = &host->numa[at];
	struct numa_demand least = flavor->numa[0];
	__int128 room = (__int128)node->cpus * host->cpu_ratio - (__int128)use->shared_cpus * RATIO_ONE -
	                (__int128)use->dedicated_cpus * host->cpu_ratio;
	__int128 pages, each;

	for (uint32_t guest = 1; guest < flavor->numa_count; guest++) {
		const struct numa_demand *demand = &flavor->numa[guest];

		least.cpus = demand->cpus < least.cpus ? demand->cpus : least.cpus;
		least.memory_mib = demand->memory_mib < least.memory_mib ? demand->memory_mib
		                                                         : least.memory_mib;
	}
	pages = nodes_by_pages(host, node, use, flavor->page_kib, least.memory_mib);
	each = (__int128)least.cpus * (flavor->dedicated ? host->cpu_ratio : RATIO_ONE);
	if (each > 0 && room / each < pages)
		pages = room / each;
	return pages > 0 ? pages : 0;
}

/* Whether guest nodes need not all be alike, so that pages of an odd size may suit some of them only. */
static bool is_uneven(const struct flavor *flavor)
{
	for (uint32_t guest = 1; guest < flavor->numa_count; guest++) {
		if (flavor->numa[guest].memory_mib != flavor->numa[0].memory_mib)
			return true;
	}
	return false;
}

/* What those that stay have of the host's nodes. */
static void use_by(const struct state *state, const bool *stays, uint32_t host, struct numa_use *ret_uses)
{
	for (uint32_t vm = state_vms_first(state, host); vm != NONE; vm = state_vms_next(state, vm)) {
		const struct flavor *flavor = state_flavor(state, vm);

		if ((!stays || stays[vm]) && flavor->numa_count > 0)
			numa_count(ret_uses, flavor, &state->numa_here[vm], 1);
	}
}

static uint32_t by_nodes(const struct state *state, uint32_t vm, const bool *stays, uint32_t host)
{
	const struct flavor *flavor = state_flavor(state, vm);
	const struct host *of = &state->cluster->hosts[host];
	struct numa_use uses[NODES_MOST] = { 0 };
	__int128 nodes = 0;

	if (is_uneven(flavor))
		return UINT32_MAX;
	use_by(state, stays, host, uses);
	for (uint32_t at = 0; at < of->numa_count; at++)
		nodes += nodes_on(of, at, &uses[at], flavor);
	return limited(nodes / flavor->numa_count);
}

/* ------------------------------------------------------------------ both */

uint32_t places_most(const struct state *state, const struct amounts *amounts, uint32_t vm, const bool *stays,
                     uint32_t host)
{
	uint32_t most = by_amounts(state, amounts, vm, stays, host), nodes;

	if (state_flavor(state, vm)->numa_count == 0)
		return most;
	nodes = by_nodes(state, vm, stays, host);
	return nodes < most ? nodes : most;
}

/* First-fit, one after another, as state_place puts them on nodes. */
static uint32_t by_nodes_now(const struct state *state, uint32_t vm, uint32_t most, uint32_t host)
{
	const struct host *of = &state->cluster->hosts[host];
	const struct flavor *flavor = state_flavor(state, vm);
	struct numa_use uses[NODES_MOST];
	struct numa_claim claim;
	uint32_t count = 0;

	memcpy(uses, &state->numa[of->numa_first], sizeof(uses[0]) * of->numa_count);
	for (; count < most && numa_fit(of, uses, flavor, &claim); count++)
		numa_count(uses, flavor, &claim, 1);
	return count;
}

uint32_t places_now(const struct state *state, const struct amounts *amounts, uint32_t vm, uint32_t host)
{
	uint32_t most;

	if (!places_takes(state, vm, host))
		return 0;
	most = by_amounts(state, amounts, vm, NULL, host);
	return state_flavor(state, vm)->numa_count > 0 ? by_nodes_now(state, vm, most, host) : most;
}
