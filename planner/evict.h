/* SPDX-License-Identifier: GPL-3.0-or-later */
/* evict: empties hosts of clusters too large for every placement, by moving others out of the way. */
#ifndef PLANNER_EVICT_H
#define PLANNER_EVICT_H

#include "planner/chooser.h"
#include "planner/facts.h"

struct evict {
	struct chooser *chooser;
	struct reaches *reaches;
	const struct goal *goal;
	uint64_t steps, limit; /* hosts asked, and to ask at the most */
	struct order *orders;  /* the sequence found; the caller free()s it */
	uint32_t count, room;
};

/*
 * A sequence that empties the hosts, one move for each of movers[0 … count) and as few others as the search
 * finds: 1, 2, … `most`. Where a mover fits nowhere, those whose leaving would make room for it on one host
 * are moved on first, and for these room is made likewise. false: none was found, which proves nothing.
 * best-effort groups of the VMs moved on are kept where a host allows it.
 */
bool evict_search(struct evict *evict, const uint32_t *movers, uint32_t count, uint32_t most);

#endif
