/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "sim/loads.h"

#include "core/must.h"
#include "sim/world.h"

#include <stdlib.h>

static uint32_t words_of(uint32_t host_count)
{
	return (host_count + 63) / 64;
}

void loads_create(struct loads *ret_loads, uint32_t host_count)
{
	*ret_loads = (struct loads){ .host_count = host_count };
	ret_loads->busy = MEMORY_ARRAY(uint64_t, words_of(host_count));
}

void loads_free(struct loads *loads)
{
	for (uint32_t i = 0; i <= LOADS_MOST; i++)
		free(loads->bits[i]);
	free(loads->busy);
	*loads = (struct loads){ 0 };
}

static void flip(struct loads *loads, uint32_t load, uint32_t host, bool on)
{
	uint64_t bit = UINT64_C(1) << (host % 64);
	uint64_t **bits = load == 0 ? &loads->busy : &loads->bits[load < LOADS_MOST ? load : LOADS_MOST];

	if (!*bits)
		*bits = MEMORY_ARRAY(uint64_t, words_of(loads->host_count));
	/* The busy are the complement of those without a load. */
	if (on == (load != 0))
		(*bits)[host / 64] |= bit;
	else
		(*bits)[host / 64] &= ~bit;
	if (load != 0)
		loads->counts[load < LOADS_MOST ? load : LOADS_MOST] += on ? 1 : UINT32_MAX;
}

void load_change(struct world *world, uint32_t host, int change)
{
	uint32_t before = world->state->uses[host].under_way;

	state_under_way(world->state, host, change);
	flip(&world->loads, before, host, false);
	flip(&world->loads, world->state->uses[host].under_way, host, true);
	if (world->host_changed)
		world->host_changed(world->choose_context, host);
}

/* The cursor is load * hosts + the next host to look at. */
uint32_t loads_next(const struct loads *loads, uint64_t *cursor)
{
	uint32_t count = loads->host_count;

	while (count > 0 && *cursor < (uint64_t)(LOADS_MOST + 1) * count) {
		uint32_t load = (uint32_t)(*cursor / count), host = (uint32_t)(*cursor % count);
		const uint64_t *bits = load == 0 ? loads->busy : loads->bits[load];
		uint64_t word;

		if (load > 0 && loads->counts[load] == 0) {
			*cursor = (uint64_t)(load + 1) * count;
			continue;
		}
		word = (load == 0 ? ~bits[host / 64] : bits[host / 64]) >> (host % 64);
		if (word == 0) {
			host = (host / 64 + 1) * 64;
			*cursor = (uint64_t)load * count + (host < count ? host : count);
			continue;
		}
		host += (uint32_t)__builtin_ctzll(word);
		if (host >= count) {
			*cursor = (uint64_t)(load + 1) * count;
			continue;
		}
		*cursor = (uint64_t)load * count + host + 1;
		return host;
	}
	return UINT32_MAX;
}
