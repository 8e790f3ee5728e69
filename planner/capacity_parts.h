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
	double *pressure;         /* of hints, by host */
	bool *first;
	struct spread_hints hints;
	bool gapless;        /* what holds for a placement holds for each part of it */
	uint64_t ticks_most; /* for the part of the search that is under way */
};

/* How long one set of hosts is looked at, and whether for a proof (withstand_question). */
struct effort {
	uint64_t steps_each;
	bool thorough;
};

/* A way to place them, and with one kind of VMs, whose hosts do not depend on how many come, where it puts
 * them. */
struct path {
	struct seeking *seek;
	enum spread_way way;
	uint32_t *hosts, length; /* by new VM; NULL: more than one kind. The caller free()s it */
};

struct path seek_path(struct seeking *seek, enum spread_way way, uint32_t units_most);

/* The new VMs of path->seek->whatif are so many units, placed that way. false: some find no host. */
bool seek_follow(struct path *path, uint32_t units);

/* How far a way reaches; from 0 if that is to be told, else from what others have reached. */
void seek_way(struct seeking *seek, enum spread_way way, struct capacity_range *ret_range);

/* So many steps as ticks; and the steps for one set's verdict where another number of VMs will do too. */
uint64_t seek_ticks_of(uint64_t steps);
uint64_t seek_steps_few(const struct seeking *seek);

/* The verdict on the new VMs of seek->whatif where its cluster says they are. */
enum withstood seek_verdict(struct seeking *seek, struct effort effort);

/* The new VMs of seek->whatif are `units` that fit where its cluster says they are. */
void seek_take(struct seeking *seek, uint32_t units);

/*
 * Tries all placements of so many units, those that differ by hosts that are alike once. WITHSTOOD: one of
 * them will do, and the whatif's cluster has it; NOT_WITHSTOOD: none does. thorough: proofs are looked for,
 * too.
 */
enum withstood seek_exactly(struct seeking *seek, uint32_t units, bool thorough);

/* Lowers the upper bound where no way is left to deal all VMs out to the hosts that some set leaves
 * (ending.h). */
void seek_ends(struct seeking *seek);

/* Says why one more than `lower` does not fit, or is not known to. */
void seek_stop(struct seeking *seek);

#endif
