/* SPDX-License-Identifier: GPL-3.0-or-later */
/* numa: guest NUMA nodes on a host's nodes, with their page sizes. */
#ifndef CORE_NUMA_H
#define CORE_NUMA_H

#include "core/state.h"

/*
 * Whether every guest node of a NUMA-bound flavor fits a host node of its own, given what is in use there.
 * Fills *ret_claim (may be NULL). As Nova fits an instance's topology: cells are tried in order, each used
 * once.
 */
bool numa_fit(const struct host *host, const struct numa_use *uses, const struct flavor *flavor,
              struct numa_claim *ret_claim);

/* A claim for a VM that is on a host although it does not fit: node after node. */
void numa_force(const struct host *host, const struct flavor *flavor, struct numa_claim *ret_claim);

/* Adds (sign 1) or takes away (sign -1) what a claim uses. */
void numa_count(struct numa_use *uses, const struct flavor *flavor, const struct numa_claim *claim, int sign);

#endif
