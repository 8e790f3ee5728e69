/* SPDX-License-Identifier: GPL-3.0-or-later */
/* direct: one move for each VM that must leave, where no room has to be made. */
#ifndef PLANNER_DIRECT_H
#define PLANNER_DIRECT_H

#include "planner/chooser.h"
#include "planner/orders.h"
#include "planner/traffic.h"

struct direct {
	struct chooser *chooser;
	const struct goal *goal;
	const bool *later;                    /* by host: it is emptied later on; NULL: none is */
	uint32_t *candidates, candidate_room; /* scratch */
	uint32_t *arrivals;                   /* by host: VMs that the moves bring */
	struct traffic traffic;               /* what they send */
};

/* All must outlive it. Free with direct_free. */
void direct_create(struct direct *ret_direct, struct chooser *chooser, const struct goal *goal,
                   const bool *later);
void direct_free(struct direct *direct);

/* How many hosts outside of the goal, of those looked at, would take the VM as things are. */
uint32_t direct_hosts(struct direct *direct, uint32_t vm);

/*
 * Finds a host for each of the VMs, the most restricted first: where its best-effort policy likes it best,
 * then where it need not leave again, then where the links are least busy, then where fewest go. ret_orders
 * has room for all; each is legal when those before have ended. Returns how many were found a host: less than
 * count when one found none, which proves nothing. The state is the same afterwards.
 */
uint32_t direct_find(struct direct *direct, const uint32_t *vms, uint32_t count, struct order *ret_orders);

#endif
