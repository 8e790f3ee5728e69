/* SPDX-License-Identifier: GPL-3.0-or-later */
/* advice: the smallest changes by which hosts that cannot be emptied could be, each tried out. */
#ifndef PLANNER_ADVICE_H
#define PLANNER_ADVICE_H

#include "planner/facts.h"

enum { ADVICE_MOST = 6 };

struct advice {
	struct arena arena;
	const char *texts[ADVICE_MOST]; /* "2048 MiB of memory more on any of compute-1, compute-3" */
	uint32_t count;
};

/*
 * Changes that take the fact away and after which the hosts can be emptied, as planned_find says of the
 * changed cluster: more of what is short on one of the fact's hosts, as much as a VM lacks on any host, a
 * group set to best effort, a host unlocked, a VM in its way brought into a state in which it moves. The
 * cluster is the same afterwards. fact: why they cannot be now. steps: those that the verdict had; a try has
 * a part of them. Free with advice_free.
 */
void advice_find(struct cluster *cluster, const struct fact *fact, const uint32_t *hosts, uint32_t count,
                 uint64_t steps, struct advice *ret_advice);

void advice_free(struct advice *advice);

#endif
