/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "sim/random.h"

#include "models/luck.h"

uint64_t random_key(uint64_t seed, uint64_t run, uint64_t entity, enum purpose purpose)
{
	uint64_t x = luck_mix(luck_mix(luck_mix(luck_mix(seed) + run) + entity) + (uint64_t)purpose);

	return x ? x : 1;
}

double random_unit(uint64_t seed, uint64_t run, uint64_t entity, enum purpose purpose)
{
	return luck_fraction(random_key(seed, run, entity, purpose));
}
