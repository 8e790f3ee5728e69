/* SPDX-License-Identifier: GPL-3.0-or-later */
/* alike: hosts that are of one model, and hosts that are the same in all that matters to a placement. */
#ifndef PLANNER_ALIKE_H
#define PLANNER_ALIKE_H

#include "planner/shapes.h"

/* Whether two hosts have the same of everything that the rules ask for, whatever their state and network. */
bool hosts_of_one_model(const struct host *a, const struct host *b);

/*
 * Whether swapping two hosts with all that is on them changes nothing: one model, in the same state, with VMs
 * that differ in nothing and are in no group, in the order in which they came. shapes: of that state.
 */
bool hosts_alike(const struct state *state, const struct shapes *shapes, uint32_t a, uint32_t b);

#endif
