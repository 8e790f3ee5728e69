/* SPDX-License-Identifier: GPL-3.0-or-later */
/* capacity: how many more VMs fit while any few hosts can still be done without. */
#ifndef PLANNER_CAPACITY_H
#define PLANNER_CAPACITY_H

#include "planner/headroom.h"
#include "planner/withstand.h"

/* Whether the cluster as it is can do without the hosts: the same whatever is to fit. */
struct capacity_now {
	struct arena arena; /* owns what follows */
	enum withstood answer;
	struct hindrance stop;          /* not WITHSTOOD: what is in the way */
	uint32_t *pinned, pinned_count; /* hosts that cannot go whatever room there is */
	uint64_t ticks;                 /* what it took */
};

struct capacity_question {
	const struct cluster *cluster;
	const struct unit *unit;     /* what is to fit so many times */
	uint32_t group;              /* that the new VMs are members of; NONE: of none */
	const struct losses *losses; /* of that cluster */
	const struct crew *crew;
	uint64_t steps;                 /* about so many, as for planned_find; then bounds must do */
	bool bounds_only;               /* no search among all placements */
	const struct capacity_now *now; /* of that cluster and these losses */
};

/* In units. NONE as a lower number: not known. */
struct capacity_range {
	uint32_t lower, upper;
};

struct capacity {
	struct arena arena; /* owns what follows */
	/*
	 * So many fit: lower by a placement that was proven, upper by a bound that nothing beats. The largest
	 * number for which there is a placement, should there be gaps below it. upper HEADROOM_MOST: that
	 * many or more.
	 */
	struct capacity_range more;
	/* So many can be built by auto-scheduling, one after another: proven, and the next one no longer. */
	struct capacity_range scheduled;
	uint32_t *placement;   /* of `lower` units: how many VMs, by kind * host_count + host; NULL: none */
	struct hindrance stop; /* why one more than `lower` does not fit */
	const char *tightest;  /* resource that bounds it most by adding up; NULL: none does */
	bool stopped;          /* there is such a reason, or `now` has one */
	uint64_t ticks;        /* what it took, for measurements */
};

/*
 * Looks at the cluster as it is. steps: about so many; certified: with a certificate of what is in the way,
 * which the caller json_free()s (stop.certificate). Free with capacity_now_free.
 */
void capacity_look(const struct cluster *cluster, const struct losses *losses, const struct crew *crew,
                   uint64_t steps, bool certified, struct capacity_now *ret_now);

void capacity_now_free(struct capacity_now *now);

/*
 * How many more fit. New VMs come active and volume-booted, one kind after the other, each to any host that
 * the rules allow then, best-effort groups not counting; those that are there stay where they are until hosts
 * go. Exact where the bounds meet, else where all placements can be tried within the steps. Where the cluster
 * cannot do without some hosts even as it is, nothing fits: 0; where that is not known, `lower` is not.
 *
 * All must outlive it. Free with capacity_free.
 */
void capacity_find(const struct capacity_question *question, struct capacity *ret_capacity);

void capacity_free(struct capacity *capacity);

#endif
