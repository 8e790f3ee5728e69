/* SPDX-License-Identifier: GPL-3.0-or-later */
/* bound: how soon hosts can be emptied at the best, whichever plan is taken. */
#ifndef PLANNER_BOUND_H
#define PLANNER_BOUND_H

#include "core/network.h"
#include "planner/facts.h"
#include "planner/judge.h"

/*
 * A lower bound on the makespan of every plan that empties the hosts, in seconds, by the medians of so many
 * runs of each move: the largest of
 *   - what the longest move takes alone, on the best way that it may have;
 *   - of each host, what its moves take alone, when so many may leave it at a time;
 *   - of each link, how long it takes to carry what has to cross it: all that leaves a host, what can only
 * end on one side of it, and what does not fit there by its memory; all links into hosts that stay together.
 * Pairs of a VM and a host are looked at one by one when there are no more than pairs_most; else only what
 * holds for all hosts counts. Nothing is on a link before the shortest set-up is over. reaches: for the state
 * that the goal is about.
 */
double bound_makespan_s(struct reaches *reaches, const struct goal *goal, const struct network *network,
                        const struct judge *judge, uint32_t runs, uint64_t pairs_most);

#endif
