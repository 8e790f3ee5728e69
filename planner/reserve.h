/* SPDX-License-Identifier: GPL-3.0-or-later */
/* reserve: places kept free so that any few hosts can go, proven for all sets of hosts at once. */
#ifndef PLANNER_RESERVE_H
#define PLANNER_RESERVE_H

#include "planner/facts.h"
#include "planner/losses.h"
#include "planner/whatif.h"

/*
 * Copies of VMs, none of a group, that stand on hosts beside those that are there: a VM of that shape can
 * take the copy's place. For each shape there are so many that those on any hosts that go together find one
 * each, also if the members of their anti-affinity group bar some: then each needs one move only, and room
 * for all of them is kept. Hosts with VMs for which that cannot be done are not covered, nor sets with such a
 * host in it.
 */
struct reserve {
	struct whatif whatif; /* with the copies */
	struct amounts amounts;
	struct state state;
	bool *bound;     /* by host: a copy of a NUMA-bound VM is there; it is the only one */
	bool *uncovered; /* by host */
	uint32_t uncovered_count;
};

/* Puts copies up for VMs of hosts that may go. state: the cluster's, with all VMs where they are; shapes and
 * reaches: of it. Free with reserve_free. */
void reserve_create(struct reserve *ret_reserve, const struct state *state, const struct shapes *shapes,
                    struct reaches *reaches, const struct losses *losses);
void reserve_free(struct reserve *reserve);

/*
 * How many VMs like that one, which is nowhere and of no group that binds, fit beside the copies, such that
 * they find places too when covered hosts go: all the places there are but as many as those hosts have that
 * have most. `most` at the most. ret_counts: by host, how many of them.
 */
uint32_t reserve_fill(const struct reserve *reserve, const struct losses *losses, uint32_t vm, uint32_t most,
                      uint32_t *ret_counts);

#endif
