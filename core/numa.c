/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/numa.h"

#include "core/must.h"

#include <string.h>

enum { CLAIM_NODE = 0x3f, CLAIM_2M = 0x40, CLAIM_1G = 0x80 };

static bool pages_fit(int64_t memory_mib, int64_t page_mib, int64_t pages, int64_t used)
{
	return memory_mib % page_mib == 0 && used + memory_mib / page_mib <= pages;
}

/*
 * The page size that a guest node gets on a host's node, as bits of a claim; -1: it does not fit. Nova tries
 * the largest first for "large" and "any" (nova/virt/hardware.py, pages of a cell).
 */
static int page_bits(const struct host *host, const struct numa_node *node, const struct numa_use *use,
                     int32_t page_kib, int64_t memory_mib)
{
	bool large = page_kib == PAGE_LARGE || page_kib == PAGE_ANY;
	bool small = page_kib == PAGE_SMALL || page_kib == PAGE_ANY;

	if (page_kib == PAGE_UNSAID)
		return (__int128)(use->memory_mib + memory_mib) * RATIO_ONE <=
		                       (__int128)node->memory_mib * host->memory_ratio
		               ? 0
		               : -1;
	if ((large || page_kib == PAGE_1G) && pages_fit(memory_mib, 1024, node->pages_1g, use->pages_1g))
		return CLAIM_1G;
	if ((large || page_kib == PAGE_2M) && pages_fit(memory_mib, 2, node->pages_2m, use->pages_2m))
		return CLAIM_2M;
	if (small && use->memory_mib + memory_mib <= node->memory_mib)
		return 0;
	return -1;
}

static int node_bits(const struct host *host, uint32_t at, const struct numa_use *use,
                     const struct flavor *flavor, const struct numa_demand *demand)
{
	const struct numa_node *node = &host->numa[at];
	__int128 room = (__int128)node->cpus * host->cpu_ratio;
	__int128 taken = (__int128)use->shared_cpus * RATIO_ONE +
	                 (__int128)use->dedicated_cpus * host->cpu_ratio;

	taken += (__int128)demand->cpus * (flavor->dedicated ? host->cpu_ratio : RATIO_ONE);
	if (taken > room || demand->cpus > node->cpus)
		return -1;
	return page_bits(host, node, use, flavor->page_kib, demand->memory_mib);
}

/* Kuhn's augmenting paths: guest node `guest` gets a host node, others make room if they can. */
struct matching {
	const struct host *host;
	const struct numa_use *uses;
	const struct flavor *flavor;
	int8_t taken_by[64]; /* host node -> guest node, -1 */
	bool seen[64];
};

static bool match(struct matching *matching, int guest)
{
	const struct numa_demand *demand = &matching->flavor->numa[guest];

	for (uint32_t at = 0; at < matching->host->numa_count; at++) {
		if (matching->seen[at] ||
		    node_bits(matching->host, at, &matching->uses[at], matching->flavor, demand) < 0)
			continue;
		matching->seen[at] = true;
		if (matching->taken_by[at] < 0 || match(matching, matching->taken_by[at])) {
			matching->taken_by[at] = (int8_t)guest;
			return true;
		}
	}
	return false;
}

bool numa_fit(const struct host *host, const struct numa_use *uses, const struct flavor *flavor,
              struct numa_claim *ret_claim)
{
	struct matching matching = { .host = host, .uses = uses, .flavor = flavor };

	if (flavor->numa_count > host->numa_count)
		return false;
	memset(matching.taken_by, -1, sizeof(matching.taken_by));
	for (int guest = 0; guest < (int)flavor->numa_count; guest++) {
		memset(matching.seen, 0, sizeof(matching.seen));
		if (!match(&matching, guest))
			return false;
	}
	for (uint32_t at = 0; ret_claim && at < host->numa_count; at++) {
		int guest = matching.taken_by[at];

		if (guest >= 0)
			ret_claim->nodes[guest] = (uint8_t)(at |
			                                    (uint32_t)node_bits(host, at, &uses[at], flavor,
			                                                        &flavor->numa[guest]));
	}
	return true;
}

void numa_force(const struct host *host, const struct flavor *flavor, struct numa_claim *ret_claim)
{
	int32_t page_kib = flavor->page_kib == PAGE_LARGE ? PAGE_2M : flavor->page_kib;
	int bits = page_kib == PAGE_2M ? CLAIM_2M : page_kib == PAGE_1G ? CLAIM_1G : 0;

	for (uint32_t guest = 0; guest < flavor->numa_count; guest++)
		ret_claim->nodes[guest] = (uint8_t)((guest % host->numa_count) | (uint32_t)bits);
}

void numa_count(struct numa_use *uses, const struct flavor *flavor, const struct numa_claim *claim, int sign)
{
	for (uint32_t guest = 0; guest < flavor->numa_count; guest++) {
		struct numa_use *use = &uses[claim->nodes[guest] & CLAIM_NODE];
		const struct numa_demand *demand = &flavor->numa[guest];

		if (flavor->dedicated)
			use->dedicated_cpus += sign * demand->cpus;
		else
			use->shared_cpus += sign * demand->cpus;
		if (claim->nodes[guest] & CLAIM_1G)
			use->pages_1g += sign * ((demand->memory_mib + 1023) / 1024);
		else if (claim->nodes[guest] & CLAIM_2M)
			use->pages_2m += sign * ((demand->memory_mib + 1) / 2);
		else
			use->memory_mib += sign * demand->memory_mib;
	}
}
