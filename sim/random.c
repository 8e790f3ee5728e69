/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "sim/random.h"

static uint64_t mix(uint64_t x)
{
	x += UINT64_C(0x9e3779b97f4a7c15);
	x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
	return x ^ (x >> 31);
}

uint64_t random_key(uint64_t seed, uint64_t run, uint64_t entity, enum purpose purpose)
{
	uint64_t x = mix(mix(mix(mix(seed) + run) + entity) + (uint64_t)purpose);

	return x ? x : 1;
}

double random_unit(uint64_t seed, uint64_t run, uint64_t entity, enum purpose purpose)
{
	return (double)(random_key(seed, run, entity, purpose) >> 11) * 0x1p-53;
}
