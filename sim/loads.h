/* SPDX-License-Identifier: GPL-3.0-or-later */
/* loads: hosts by how many builds and migrations they have under way, so that the idlest is found without a
 * search. */
#ifndef SIM_LOADS_H
#define SIM_LOADS_H

#include <stdint.h>

struct world;

/*
 * The profiles but nova take, of the hosts that may take a VM, the one with the fewest moves under way, the
 * first in the file among equals (core/schedule.h). So hosts are kept in one bit set a load: the first bit
 * that passes the rules, from the lowest load up, is what schedule_best would take, which a test holds side
 * by side. Loads of LOADS_MOST and more share the last set.
 */
enum { LOADS_MOST = 64 };

struct loads {
	uint64_t *bits[LOADS_MOST +
	               1]; /* NULL: no host ever had that load. bits[0] is not kept: what is in no other */
	uint32_t counts[LOADS_MOST + 1];
	uint64_t *busy; /* hosts with any load */
	uint32_t host_count;
};

void loads_create(struct loads *ret_loads, uint32_t host_count);
void loads_free(struct loads *loads);

/* One more or one less under way at a host: in the state too. */
void load_change(struct world *world, uint32_t host, int change);

/* Walks hosts by load, then in the file's order. *cursor is 0 at first; UINT32_MAX: no more. */
uint32_t loads_next(const struct loads *loads, uint64_t *cursor);

#endif
