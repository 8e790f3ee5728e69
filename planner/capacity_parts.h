/* SPDX-License-Identifier: GPL-3.0-or-later */
/* capacity_parts: what the parts of the search for a capacity share; nobody else's. */
#ifndef PLANNER_CAPACITY_PARTS_H
#define PLANNER_CAPACITY_PARTS_H

#include "planner/capacity.h"
#include "planner/spread.h"

struct seeking {
	const struct capacity_question *question;
	struct capacity *capacity;
	struct whatif whatif;
	struct amounts amounts;
	struct headroom headroom;
	struct suspects suspects; /* sets that were in the way of other placements */
	bool *first;              /* by host: where VMs that stay together are put first; NULL: anywhere */
	double *pressure;
	bool gapless;             /* what holds for a placement holds for each part of it */
	uint64_t ticks_most;      /* for the part of the search that is under way */
};

/*
 * The verdict on the new VMs of seek->whatif where its cluster says they are. NOT_WITHSTOOD: *ret_set is in
 * the way. steps_each: as of withstand_question.
 */
enum withstood seek_verdict(struct seeking *seek, uint64_t steps_each, uint64_t *ret_set);

/* The new VMs of seek->whatif are `units` that fit where its cluster says they are. */
void seek_take(struct seeking *seek, uint32_t units);

/*
 * Tries all placements of so many units, those that differ by hosts that are alike once. WITHSTOOD: one of
 * them will do, and the whatif's cluster has it; NOT_WITHSTOOD: none does.
 */
enum withstood seek_exactly(struct seeking *seek, uint32_t units);

#endif
