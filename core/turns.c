/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/turns.h"

#include "core/must.h"

#include <stdlib.h>

void turns_create(struct turns *ret_turns, const struct cluster *cluster)
{
	*ret_turns = (struct turns){ 0 };
	network_create(&ret_turns->network, cluster);
	ret_turns->speeds = MEMORY_ARRAY(double, ret_turns->network.link_count);
	ret_turns->reserved = MEMORY_ARRAY(int64_t, ret_turns->network.link_count);
	ret_turns->leaving = MEMORY_ARRAY(uint32_t, cluster->host_count);
	ret_turns->path = MEMORY_ARRAY(uint32_t, ret_turns->network.path_most);
	for (uint32_t i = 0; i < ret_turns->network.link_count; i++)
		ret_turns->speeds[i] = network_bytes_s(&ret_turns->network, i);
}

void turns_free(struct turns *turns)
{
	network_free(&turns->network);
	free(turns->speeds);
	free(turns->reserved);
	free(turns->leaving);
	free(turns->path);
	*turns = (struct turns){ 0 };
}

/* What is reserved on one link, of its speed. */
static int64_t part_of(const struct turns *turns, int64_t reserve_bytes_s, uint32_t link)
{
	return (double)reserve_bytes_s < turns->speeds[link] ? reserve_bytes_s : (int64_t)turns->speeds[link];
}

uint32_t turns_short(struct turns *turns, uint32_t from, uint32_t to, int64_t reserve_bytes_s)
{
	uint32_t count = reserve_bytes_s > 0 ? network_path(&turns->network, from, to, turns->path) : 0;

	for (uint32_t i = 0; i < count; i++) {
		uint32_t link = turns->path[i];

		if (turns->reserved[link] > 0 &&
		    turns->reserved[link] + part_of(turns, reserve_bytes_s, link) >
		            (int64_t)turns->speeds[link])
			return link;
	}
	return NONE;
}

static void reserve(struct turns *turns, uint32_t from, uint32_t to, int64_t reserve_bytes_s, int sign)
{
	uint32_t count = reserve_bytes_s > 0 ? network_path(&turns->network, from, to, turns->path) : 0;

	for (uint32_t i = 0; i < count; i++) {
		turns->reserved[turns->path[i]] += sign * part_of(turns, reserve_bytes_s, turns->path[i]);
		must(turns->reserved[turns->path[i]] >= 0);
	}
}

void turns_take(struct turns *turns, uint32_t from, uint32_t to, int64_t reserve_bytes_s)
{
	turns->leaving[from]++;
	reserve(turns, from, to, reserve_bytes_s, 1);
}

void turns_give(struct turns *turns, uint32_t from, uint32_t to, int64_t reserve_bytes_s)
{
	must(turns->leaving[from] > 0);
	turns->leaving[from]--;
	reserve(turns, from, to, reserve_bytes_s, -1);
}
