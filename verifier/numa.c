/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "verifier/verify.h"

#include <string.h>

/* A claim: the host's node in the low six bits, the page size above. */
enum { NODE_BITS = 0x3f, WITH_2M = 0x40, WITH_1G = 0x80 };

/* The pages that a guest node gets on a host's node, the largest first where it may choose; -1: none fit. */
static int pages_on(const struct host *host, const struct node *node, const struct node *used, int page_kib,
                    int64_t mib)
{
	bool large = page_kib == PAGES_LARGE || page_kib == PAGES_ANY;

	if (page_kib == PAGES_UNSAID)
		return (wide)(used->memory_mib + mib) * MILLION <= (wide)node->memory_mib * host->memory_ratio
		               ? 0
		               : -1;
	if ((large || page_kib == PAGES_1G) && mib % 1024 == 0 &&
	    used->pages_1g + mib / 1024 <= node->pages_1g)
		return WITH_1G;
	if ((large || page_kib == PAGES_2M) && mib % 2 == 0 && used->pages_2m + mib / 2 <= node->pages_2m)
		return WITH_2M;
	if ((page_kib == PAGES_4K || page_kib == PAGES_ANY) && used->memory_mib + mib <= node->memory_mib)
		return 0;
	return -1;
}

static int fit_on(const struct host *host, uint32_t at, const struct node *used, const struct flavor *flavor,
                  uint32_t guest)
{
	wide taken = (wide)used[at].cpus * MILLION + (wide)used[at].dedicated * host->cpu_ratio;
	int64_t cpus = flavor->guest_cpus[guest];

	taken += (wide)cpus * (flavor->dedicated ? host->cpu_ratio : MILLION);
	if (taken > (wide)host->nodes[at].cpus * host->cpu_ratio || cpus > host->nodes[at].cpus)
		return -1;
	return pages_on(host, &host->nodes[at], &used[at], flavor->page_kib, flavor->guest_mib[guest]);
}

/* The guest nodes that have found a node so far, by node; guests that came before make way if they can. */
struct fitting {
	const struct host *host;
	const struct node *used;
	const struct flavor *flavor;
	int guest_on[HOST_NODES_MOST];
	bool tried[HOST_NODES_MOST];
};

static bool find_node(struct fitting *fitting, int guest)
{
	for (uint32_t at = 0; at < fitting->host->node_count; at++) {
		if (fitting->tried[at] ||
		    fit_on(fitting->host, at, fitting->used, fitting->flavor, (uint32_t)guest) < 0)
			continue;
		fitting->tried[at] = true;
		if (fitting->guest_on[at] < 0 || find_node(fitting, fitting->guest_on[at])) {
			fitting->guest_on[at] = guest;
			return true;
		}
	}
	return false;
}

bool find_nodes(const struct host *host, const struct node *used, const struct flavor *flavor,
                struct claim *ret_claim)
{
	struct fitting fitting = { .host = host, .used = used, .flavor = flavor };

	memset(fitting.guest_on, -1, sizeof(fitting.guest_on));
	for (uint32_t guest = 0; guest < flavor->guest_nodes; guest++) {
		memset(fitting.tried, 0, sizeof(fitting.tried));
		if (!find_node(&fitting, (int)guest))
			return false;
	}
	for (uint32_t at = 0; at < host->node_count; at++) {
		int guest = fitting.guest_on[at];

		if (guest >= 0)
			ret_claim->nodes[guest] =
				(uint8_t)(at | (uint32_t)fit_on(host, at, used, flavor, (uint32_t)guest));
	}
	return true;
}

void count_nodes(struct node *used, const struct flavor *flavor, const struct claim *claim, int sign)
{
	for (uint32_t guest = 0; guest < flavor->guest_nodes; guest++) {
		struct node *node = &used[claim->nodes[guest] & NODE_BITS];

		*(flavor->dedicated ? &node->dedicated : &node->cpus) += sign * flavor->guest_cpus[guest];
		if (claim->nodes[guest] & WITH_1G)
			node->pages_1g += sign * ((flavor->guest_mib[guest] + 1023) / 1024);
		else if (claim->nodes[guest] & WITH_2M)
			node->pages_2m += sign * ((flavor->guest_mib[guest] + 1) / 2);
		else
			node->memory_mib += sign * flavor->guest_mib[guest];
	}
}

/* What does not fit although it is there goes to one node after another: the host is overfull. */
static void force(const struct host *host, const struct flavor *flavor, struct claim *ret_claim)
{
	int kib = flavor->page_kib == PAGES_LARGE ? PAGES_2M : flavor->page_kib;
	uint32_t bits = kib == PAGES_2M ? WITH_2M : kib == PAGES_1G ? WITH_1G : 0;

	for (uint32_t guest = 0; guest < flavor->guest_nodes; guest++)
		ret_claim->nodes[guest] = (uint8_t)(guest % host->node_count | bits);
}

void begin_nodes(const struct cluster *cluster, uint32_t host, struct node *used, struct claim *claims)
{
	const struct host *of = &cluster->hosts[host];

	memset(used, 0, sizeof(used[0]) * of->node_count);
	for (uint32_t i = 0; i < of->vm_count; i++) {
		uint32_t vm = of->vms[i];
		const struct flavor *flavor = &cluster->flavors[cluster->vms[vm].flavor];

		if (!find_nodes(of, used, flavor, &claims[vm]))
			force(of, flavor, &claims[vm]);
		count_nodes(used, flavor, &claims[vm], 1);
	}
}
