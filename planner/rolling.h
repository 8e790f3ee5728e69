/* SPDX-License-Identifier: GPL-3.0-or-later */
/* rolling: every host once, in stages that obey the platform's stage rules and leave room for the VMs. */
#ifndef PLANNER_ROLLING_H
#define PLANNER_ROLLING_H

#include "planner/planned.h"

/* What a maintenance of all hosts looks like. Lives in the plan's arena. */
struct rolling {
	struct plan plan; /* with its stages; free with plan_free */
	enum planned_verdict verdict;
	uint32_t stuck; /* not lockable, unknown: the host that could not be emptied */
	struct planned
		planned; /* not lockable: of that host, in the cluster's state; free with planned_free */
};

/*
 * Plans stages of at most `parallel_most` (>= 1) hosts, all of them unlocked hosts of the cluster, each
 * emptied in its stage and unlocked again before the next one. Of docs/rules.md, Lock, "Rolling": hosts
 * without VMs first; no two hosts of a stage hold members of one anti-affinity group, best effort too, when
 * it begins; at most half of an aggregate, at least one. VMs stay where they went.
 *
 * Stages are filled greedily, so there may be more than the fewest; plan.stages_least is a lower bound: by
 * the number of hosts, and of those of an aggregate. steps: as for planned_find, for each host.
 *
 * When a host cannot be emptied where the stages have led, all is begun anew with it first, some times.
 *
 * A host that cannot be emptied in the cluster's own state cannot in any other that moves lead to, since
 * moves are all that a rolling maintenance does: PLANNED_NOT_LOCKABLE. When one cannot be emptied where the
 * stages have led, though it could at first: PLANNED_UNKNOWN.
 */
void rolling_plan(const struct cluster *cluster, uint32_t parallel_most, uint64_t steps,
                  struct rolling *ret_rolling);

void rolling_free(struct rolling *rolling);

#endif
