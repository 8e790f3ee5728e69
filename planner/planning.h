/* SPDX-License-Identifier: GPL-3.0-or-later */
/* planning: what is made of a cluster once to look for plans: its state, who is alike, who may be where. */
#ifndef PLANNER_PLANNING_H
#define PLANNER_PLANNING_H

#include "planner/chooser.h"
#include "planner/facts.h"

/* The parts point at each other: it must stay where it was created. One thread. */
struct planning {
	struct state state; /* the file's; stays as it is */
	struct shapes shapes;
	struct chooser chooser;
	struct reaches reaches;
};

/*
 * hosts[0 … count): those that will be emptied, so that only their VMs' hosts are looked for beforehand;
 * NULL: everybody's. The cluster must outlive it. Free with planning_free.
 */
void planning_create(struct planning *ret_planning, const struct cluster *cluster, const uint32_t *hosts,
                     uint32_t count);
void planning_free(struct planning *planning);

#endif
