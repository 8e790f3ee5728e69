/* SPDX-License-Identifier: GPL-3.0-or-later */
/* pace: which moves of a plan go first, and how many go at a time, so that it ends soon. */
#ifndef PLANNER_PACE_H
#define PLANNER_PACE_H

#include "core/network.h"
#include "planner/judge.h"

/*
 * Puts the moves of a plan into the order in which they had better start (one that `after` allows), and fills
 * in what each reserves on the links that it crosses (struct plan_move). Tries orders and reservations out
 * and keeps what ends first, or what comes near enough to makespan_least_s; so many migrations at the most
 * are simulated for that. Guests that dirty little share a link, so that one sends while others are set up or
 * switched over; those that dirty much get it alone or nearly so, since they send the more the slower they
 * are.
 */
void pace(struct plan *plan, const struct network *network, const struct judge *judge,
          uint64_t migrations_most);

#endif
