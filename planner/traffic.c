/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "planner/traffic.h"

#include "core/arena.h"

#include <math.h>
#include <stdlib.h>

void traffic_create(struct traffic *ret_traffic, const struct cluster *cluster)
{
	*ret_traffic = (struct traffic){ 0 };
	network_create(&ret_traffic->network, cluster);
	ret_traffic->seconds = MEMORY_ARRAY(double, ret_traffic->network.link_count);
	ret_traffic->path = MEMORY_ARRAY(uint32_t, ret_traffic->network.path_most);
}

void traffic_free(struct traffic *traffic)
{
	network_free(&traffic->network);
	free(traffic->seconds);
	free(traffic->path);
	*traffic = (struct traffic){ 0 };
}

static double seconds_of(const struct traffic *traffic, uint32_t link, double bytes)
{
	return bytes / network_bytes_s(&traffic->network, link);
}

void traffic_add(struct traffic *traffic, uint32_t from, uint32_t to, double bytes)
{
	uint32_t count = network_path(&traffic->network, from, to, traffic->path);

	for (uint32_t i = 0; i < count; i++)
		traffic->seconds[traffic->path[i]] += seconds_of(traffic, traffic->path[i], bytes);
}

struct toll traffic_toll(struct traffic *traffic, uint32_t from, uint32_t to, double bytes)
{
	struct toll toll = { 0, network_path(&traffic->network, from, to, traffic->path) };

	for (uint32_t i = 1; i < toll.links; i++) {
		uint32_t link = traffic->path[i];

		toll.busy_s = fmax(toll.busy_s, traffic->seconds[link] + seconds_of(traffic, link, bytes));
	}
	return toll;
}

bool toll_less(const struct toll *a, const struct toll *b)
{
	return a->busy_s < b->busy_s || (a->busy_s == b->busy_s && a->links < b->links);
}
