/* SPDX-License-Identifier: GPL-3.0-or-later */
/* places: how many VMs of one flavor a host takes as things are, and at the very most. */
#ifndef PLANNER_PLACES_H
#define PLANNER_PLACES_H

#include "planner/amounts.h"

/* Whether the host takes the VM, which is nowhere yet, as it is, best-effort groups not counting. */
bool places_takes(const struct state *state, uint32_t vm, uint32_t host);

/*
 * How many VMs like that one, which is nowhere yet, the host takes one after another as it is, best-effort
 * groups not counting. UINT32_MAX at the most.
 */
uint32_t places_now(const struct state *state, const struct amounts *amounts, uint32_t vm, uint32_t host);

/*
 * How many VMs like that one the host could have at the most, in whatever order VMs come and go, if all that
 * stay there for good are those for which stays[vm] (by VM; NULL: all that are there). A bound: for
 * NUMA-bound flavors by the sum of what the nodes have. UINT32_MAX at the most.
 */
uint32_t places_most(const struct state *state, const struct amounts *amounts, uint32_t vm, const bool *stays,
                     uint32_t host);

#endif
