/* SPDX-License-Identifier: GPL-3.0-or-later */
/* arrange: which moves of a sequence may run side by side, so that any execution is safe. */
#ifndef PLANNER_ARRANGE_H
#define PLANNER_ARRANGE_H

#include "core/plan.h"
#include "planner/amounts.h"
#include "planner/orders.h"

/*
 * Makes moves of orders that are legal one after another, and fills in what each has to wait for: as little
 * as keeps every execution legal, whatever takes how long, with both ends of a move occupied while it runs
 * (docs/proofs.md). A move waits for
 *   - the move before of its VM,
 *   - moves away from its target, as far as what may be there leaves too little room,
 *   - moves to its target, where those would take the room that it needs,
 *   - a member of its strict affinity group that comes, and one that leaves waits for it,
 *   - the move before that has to do with NUMA nodes of the same host, since these are taken in order.
 * goal[host]: it is to be emptied. Texts and arrays go to the plan's arena.
 */
void arrange(const struct state *state, const struct amounts *amounts, const struct order *orders,
             uint32_t count, const bool *goal, struct plan *plan);

#endif
