/* SPDX-License-Identifier: GPL-3.0-or-later */
/* random: numbers drawn by a key, not one after another, so that two policies meet the same luck. */
#ifndef SIM_RANDOM_H
#define SIM_RANDOM_H

#include <stdint.h>

/* What a number is drawn for. */
enum purpose {
	PURPOSE_DUTY_PHASE,
	PURPOSE_WINDOWS,
	PURPOSE_SPREAD,       /* and those behind it, by enum spread_of */
	PURPOSE_INPUT = 1000, /* an uncertain input, by its dimension */
	PURPOSE_SHIFT         /* of a batch of evenly spread points, by the dimension */
};

/*
 * A number in [0, 1), always the same for the same key: 53 bits of splitmix64's finalizer (Steele, Lea,
 * Flood, OOPSLA 2014; constants of Stafford's variant 13) over the parts of the key, one after another.
 */
double random_unit(uint64_t seed, uint64_t run, uint64_t entity, enum purpose purpose);

/* The whole key as one number, to draw more by; never 0. */
uint64_t random_key(uint64_t seed, uint64_t run, uint64_t entity, enum purpose purpose);

#endif
