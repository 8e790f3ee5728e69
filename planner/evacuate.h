/* SPDX-License-Identifier: GPL-3.0-or-later */
/* evacuate: whether the VMs of hosts that are gone can all be built anew elsewhere, the others staying. */
#ifndef PLANNER_EVACUATE_H
#define PLANNER_EVACUATE_H

#include "planner/shapes.h"

enum evacuation { EVACUATION_FOUND, EVACUATION_NONE, EVACUATION_UNKNOWN };

/* How many times the rules are asked for one step of a --limit. */
enum { EVACUATION_ASKED_A_STEP = 64 };

/*
 * Tries every way to deal vms[0 … count) out to hosts that are not gone (by host), in the state as it is; it
 * is the same afterwards. NUMA-bound VMs are tried in every order as well, since they take nodes first-fit;
 * for the others the order cannot matter: each host takes so many of them, whoever comes first. The rules are
 * those of an evacuation, best-effort groups not counting. shapes: of that state's cluster, for who is alike.
 * EVACUATION_UNKNOWN: after `most` questions to the rules. *ret_asked: how many there were.
 */
enum evacuation evacuate_search(struct state *state, const struct shapes *shapes, const bool *gone,
                                const uint32_t *vms, uint32_t count, uint64_t most, uint64_t *ret_asked);

#endif
