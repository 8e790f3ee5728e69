/* SPDX-License-Identifier: GPL-3.0-or-later */
/* spread: new VMs put on hosts one after another, in one of a few ways. */
#ifndef PLANNER_SPREAD_H
#define PLANNER_SPREAD_H

#include "planner/amounts.h"
#include "planner/whatif.h"

enum spread_way {
	SPREAD_SCHEDULED,  /* where auto-scheduling builds them */
	SPREAD_WIDE,       /* where most others of the kind still find a place */
	SPREAD_DENSE,      /* where fewest do */
	SPREAD_HEAVY,      /* on the largest hosts, one after another */
	SPREAD_SPARE_WIDE, /* where they are least in the way of others, then as the two above */
	SPREAD_SPARE_DENSE,
	SPREAD_WAYS
};

/* How far it came. */
struct spread {
	struct state state; /* with them in place */
	uint32_t placed;    /* so many of the new VMs, in their order; the next one finds no host */
	uint64_t ticks;     /* what it took (withstand.h) */
};

/* What ways go by beside what there is room for. */
struct spread_hints {
	const double *pressure; /* by host: how many of those that are there need it, in so far as they have
	                           no other; SPREAD_SPARE_… take the least */
	const bool *first; /* by host: it is taken before others in any way but the platform's; NULL: none */
};

/*
 * Puts the new VMs of a whatif, all nowhere yet, on hosts, each where the rules allow it then, until one
 * finds none. With VMs of one flavor only, the hosts of the first n do not depend on how many come after
 * them. Free with spread_free.
 */
void spread_create(struct spread *ret_spread, const struct whatif *whatif, const struct amounts *amounts,
                   enum spread_way way, const struct spread_hints *hints);
void spread_free(struct spread *spread);

#endif
