/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/network.h"

#include "core/arena.h"
#include "core/must.h"

#include <math.h>
#include <stdlib.h>

void network_create(struct network *ret_network, const struct cluster *cluster)
{
	uint32_t deepest = 0;

	*ret_network = (struct network){ .cluster = cluster,
		                         .depths = MEMORY_ARRAY(uint32_t, cluster->switch_count),
		                         .link_count = 2 * (cluster->host_count + cluster->switch_count) };
	for (uint32_t i = 0; i < cluster->switch_count; i++) {
		uint32_t depth = 0;

		for (uint32_t at = i; cluster->switches[at].uplink != NONE; at = cluster->switches[at].uplink)
			depth++;
		ret_network->depths[i] = depth;
		deepest = depth > deepest ? depth : deepest;
	}
	ret_network->path_most = 2 + 2 * deepest;
}

void network_free(struct network *network)
{
	free(network->depths);
	*network = (struct network){ 0 };
}

uint32_t network_path(const struct network *network, uint32_t source, uint32_t target, uint32_t *ret_links)
{
	const struct cluster *cluster = network->cluster;
	uint32_t from = cluster->hosts[source].switch_index, to = cluster->hosts[target].switch_index,
		 count = 0;

	must(source != target);
	ret_links[count++] = network_host(source, false);
	while (from != to) {
		bool from_root = from == NONE || cluster->switches[from].uplink == NONE;
		bool to_root = to == NONE || cluster->switches[to].uplink == NONE;

		if (from_root && to_root)
			break;
		if (to_root || (!from_root && network->depths[from] >= network->depths[to])) {
			ret_links[count++] = network_switch(network, from, false);
			from = cluster->switches[from].uplink;
		} else {
			ret_links[count++] = network_switch(network, to, true);
			to = cluster->switches[to].uplink;
		}
	}
	ret_links[count++] = network_host(target, true);
	must(count <= network->path_most);
	return count;
}

double network_bytes_s(const struct network *network, uint32_t link)
{
	const struct cluster *cluster = network->cluster;

	if (link < 2 * cluster->host_count)
		return cluster->hosts[link / 2].nic_mbit_s * BYTES_PER_MBIT;
	return cluster->switches[link / 2 - cluster->host_count].uplink_mbit_s * BYTES_PER_MBIT;
}

double network_slowest_bytes_s(const struct network *network, const uint32_t *links, uint32_t count)
{
	double slowest = INFINITY;

	for (uint32_t i = 0; i < count; i++)
		slowest = fmin(slowest, network_bytes_s(network, links[i]));
	return slowest;
}
