/* SPDX-License-Identifier: GPL-3.0-or-later */
/* whatif: a cluster with VMs, and hosts, that its file does not have. */
#ifndef PLANNER_WHATIF_H
#define PLANNER_WHATIF_H

#include "core/cluster.h"

/* VMs that come together: counts[i] of flavors[i], each at least 1. */
struct unit {
	const uint32_t *flavors, *counts;
	uint32_t kinds;
};

struct whatif {
	struct cluster cluster; /* all else is the other's; nobody frees it or adds to it but by whatif_… */
	uint32_t vms_at_start;  /* VMs from here on are new: cluster.vms[i].host says where they are */
	struct arena arena;     /* hosts and names */
	struct vm *vms;
	uint32_t vm_room, named;
	const char **names;
};

/* The other cluster must outlive it. Free with whatif_free. */
void whatif_create(struct whatif *ret_whatif, const struct cluster *cluster);
void whatif_free(struct whatif *whatif);

/* How many VMs one unit has. */
uint32_t unit_vms(const struct unit *unit);

/*
 * The new VMs from now on: so many units, active, volume-booted, in that group (NONE: none), nowhere yet.
 * Those of the first flavor come first, then those of the second, …: the order in which they are booted.
 */
void whatif_fill(struct whatif *whatif, const struct unit *unit, uint32_t count, uint32_t group);

/* The first new VM of a kind of the unit that it was filled with. */
uint32_t whatif_first(const struct whatif *whatif, const struct unit *unit, uint32_t kind);

/* Adds copies of a VM: active, of no group, nowhere yet. Not for a whatif that is filled. */
void whatif_copy(struct whatif *whatif, uint32_t vm, uint32_t count);

/* Adds a host as it is described, but empty, unlocked and in service; it is the last. What the description
 * points to must outlive the whatif. */
void whatif_add_host(struct whatif *whatif, const struct host *host);

#endif
